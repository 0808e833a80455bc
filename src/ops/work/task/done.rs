//! `task done`: say that a task is done. What proves it is a verdict of gates on a tree; without one it reads "unproven".

use std::collections::BTreeMap;

use crate::{
    host::{Result, store::record, transaction::Transaction, workspace::Workspace},
    model::{
        event::Fact,
        holdings::{HeldTask, Holdings},
        id::{Oid, TaskId},
        record::RecordKind,
        task::{
            Status, order,
            progress::{Move, Progress, Proof},
        },
    },
    ops::work::{
        board::Board,
        task::{Moved, Request, carry_out, commit_for_person},
    },
};

/// What proves that a task is done.
#[derive(Clone, Debug, Default)]
pub struct Evidence {
    /// The tree, outside `.claude/`, that the gates saw green.
    pub tree: Option<Oid>,
    /// Paths that were not committed when they did.
    pub uncommitted: Vec<String>,
}

/// Says that a task is done.
///
/// # Errors
/// Refuses a task that waits or is over.
pub fn done(workspace: &Workspace, request: &Request) -> Result<Moved> {
    let mut reached = Vec::new();
    let (mut transaction, moved) = carry_out(workspace, &request.task, Move::Finish, |transaction, board, held| {
        let (facts, milestones) = facts(transaction, board, held, &Evidence::default())?;
        reached = milestones;
        Ok(facts)
    })?;
    let commit = commit_for_person(&mut transaction, format!("task done: {}", moved.title));
    Ok(Moved { reached, commit, ..moved })
}

/// The facts that finish a task: its record says done, and so do those of the milestones that are reached by it.
///
/// # Errors
/// Fails when a record cannot be changed.
pub fn facts(
    transaction: &Transaction<'_>,
    board: &Board,
    held: &HeldTask,
    evidence: &Evidence,
) -> Result<(Vec<Fact>, Vec<TaskId>)> {
    let mut facts = one(transaction, board, &held.task.id, evidence)?;
    let reached = reached_by(&board.holdings, &held.task.id);
    for id in &reached {
        facts.extend(one(transaction, board, id, evidence)?);
    }
    Ok((facts, reached))
}

fn one(transaction: &Transaction<'_>, board: &Board, id: &TaskId, evidence: &Evidence) -> Result<Vec<Fact>> {
    let stored = board.stored(transaction.workspace(), RecordKind::Task, id.as_str())?;
    let set = BTreeMap::from([("status".to_owned(), serde_json::json!(Status::Done))]);
    let Evidence { tree, uncommitted } = evidence.clone();
    Ok(vec![record::changed(transaction, &stored, set)?, Fact::TaskDone { task: id.clone(), tree, uncommitted }])
}

/// The milestones that nothing keeps any more once `done` is.
fn reached_by(holdings: &Holdings, done: &TaskId) -> Vec<TaskId> {
    let (mut holdings, mut reached) = (holdings.clone(), vec![done.clone()]);
    loop {
        for held in &mut holdings.tasks {
            if reached.contains(&held.task.id) {
                held.progress = Progress::Done { proof: Proof::Unproven };
            }
        }
        match order::reached(&holdings.standings()).first() {
            Some(milestone) => reached.push(milestone.id.clone()),
            None => return reached.split_off(1),
        }
    }
}
