//! An automatic snapshot becomes a checkpoint, so that it has a name and stays: what was before a change that turned out to be large.
//!
//! What it holds is what it held when it was taken.

use crate::{
    host::{
        Result,
        store::snapshots::{self, Asked, Prepared},
        transaction::Transaction,
    },
    model::{
        checkpoint::{CheckpointKind, Standing},
        id::{Oid, TaskId},
    },
    ops::time::journal,
};

/// Keeps the snapshot from before a task as a checkpoint of the kind of a migration.
///
/// # Errors
/// Fails when the snapshot is gone or git cannot be written.
pub fn before(transaction: &mut Transaction<'_>, snapshot: &Oid, task: &TaskId, summary: &str) -> Result<Prepared> {
    let workspace = transaction.workspace();
    let lock = journal::lock(workspace)?;
    let asked = Asked {
        kind: CheckpointKind::Migration,
        title: summary.to_owned(),
        summary: workspace.secrets().redact(summary).into_owned(),
        task: Some(task.clone()),
        standing: Standing::default(),
        files: Vec::new(),
    };
    let prepared = snapshots::prepare_again(workspace, &lock, transaction.at(), snapshot, asked)?;
    transaction.append_facts(std::slice::from_ref(&prepared.fact))?;
    snapshots::place(workspace, &prepared)?;
    Ok(prepared)
}
