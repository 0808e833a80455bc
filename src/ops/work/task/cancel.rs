//! `task cancel`: decide that a task will not be done. Its record stays.

use std::collections::BTreeMap;

use crate::{
    host::{Result, store::record, transaction::Transaction, workspace::Workspace},
    model::{
        event::Fact,
        markdown::one_line,
        record::RecordKind,
        task::{Status, progress::Move},
    },
    ops::work::task::{Moved, Request, carry_out, commit_for_person},
};

/// Cancels a task.
///
/// # Errors
/// Refuses a task that is over.
pub fn cancel(workspace: &Workspace, request: &Request) -> Result<Moved> {
    let why =
        request.why.as_deref().map(one_line).filter(|why| !why.is_empty()).unwrap_or_else(|| "not wanted any more".to_owned());
    let mut transaction = Transaction::open(workspace)?;
    let moved = carry_out(&mut transaction, &request.task, Move::Cancel, |transaction, _, board, held| {
        let stored = board.stored(workspace, RecordKind::Task, held.task.id.as_str())?;
        let set = BTreeMap::from([("status".to_owned(), serde_json::json!(Status::Cancelled))]);
        Ok(vec![record::changed(transaction, &stored, set)?, Fact::TaskCancelled { task: held.task.id.clone(), why }])
    })?;
    let commit = commit_for_person(&mut transaction, format!("task cancelled: {}", moved.title));
    Ok(Moved { commit, ..moved })
}
