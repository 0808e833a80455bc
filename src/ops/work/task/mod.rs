//! Tasks: add, look at, move from one standing to another, test, bring in from a check-list and give out as one.
//!
//! Whatever moves a task holds the clone's lock, so that two sessions never start the same one.

pub mod add;
pub mod cancel;
pub mod done;
pub mod export;
pub mod fail;
pub mod import;
pub mod lint;
pub mod list;
pub mod resume;
pub mod show;
pub mod start;
pub mod verify;
pub mod wait;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    host::{
        Result,
        store::{
            lock::CloneLock,
            publish::{self, Publication, Published},
            snapshots::{self, Prepared},
        },
        transaction::Transaction,
        workspace::Workspace,
    },
    model::{
        event::Fact,
        holdings::HeldTask,
        id::{CheckpointName, Oid, TaskId},
        task::progress::{Move, Progress},
    },
    ops::work::board::Board,
};

/// Which task is meant, and why something happens to it.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Request {
    /// Its name, a unique part of it, or its title.
    pub task: String,
    /// Why, where that is of use.
    pub why: Option<String>,
}

/// A task that was moved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Moved {
    /// Its name.
    pub task: TaskId,
    /// Its title.
    pub title: String,
    /// Where it stands now.
    pub progress: Progress,
    /// The milestones that were reached by it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reached: Vec<TaskId>,
    /// What must be true at the end and is not ticked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unticked: Vec<String>,
    /// The commit that holds the change, when one was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<Oid>,
    /// The checkpoint of a finished task.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checkpoint: Option<CheckpointName>,
}

/// What a move appends, and the checkpoint whose event is among that.
struct Step {
    facts: Vec<Fact>,
    taken: Option<Prepared>,
}

impl From<Vec<Fact>> for Step {
    fn from(facts: Vec<Fact>) -> Self {
        Self { facts, taken: None }
    }
}

/// Moves a task: checks that the move makes sense from where it stands, and appends what `prepare` returns.
fn carry_out<'a, S: Into<Step>>(
    workspace: &'a Workspace,
    given: &str,
    wanted: Move,
    prepare: impl FnOnce(&Transaction<'_>, &CloneLock, &Board, &HeldTask) -> Result<S>,
) -> Result<(Transaction<'a>, Moved)> {
    let mut transaction = Transaction::open(workspace)?;
    let lock = transaction.lock_clone()?;
    let board = Board::read(workspace)?;
    let held = board.task(given)?;
    held.progress.allows(wanted, &held.task)?;
    let Step { facts, taken } = prepare(&transaction, &lock, &board, held)?.into();
    transaction.append_facts(&facts)?;
    if let Some(Err(error)) = taken.as_ref().map(|taken| snapshots::place(workspace, taken)) {
        workspace.notice(format!("the tag of the checkpoint waits for the next command: {error}"));
    }
    drop(lock);
    let moved = after(workspace, &held.task.id)?;
    Ok((transaction, Moved { checkpoint: taken.and_then(|taken| taken.checkpoint.name), ..moved }))
}

/// The task as it stands after a move.
fn after(workspace: &Workspace, id: &TaskId) -> Result<Moved> {
    let board = Board::read(workspace)?;
    let held = board.task(id.as_str())?;
    Ok(Moved {
        task: held.task.id.clone(),
        title: held.task.title.clone(),
        progress: held.progress.clone(),
        reached: Vec::new(),
        unticked: held.task.criteria.iter().filter(|it| !it.done).map(|it| it.text.clone()).collect(),
        commit: None,
        checkpoint: None,
    })
}

/// Commits at once what a person did, where that may be; whatever stands in the way is told and holds nothing up, because
/// the change is in the log already.
pub(in crate::ops) fn commit_for_person(transaction: &mut Transaction<'_>, subject: String) -> Option<Oid> {
    if !transaction.actor().is_person() {
        return None;
    }
    let workspace = transaction.workspace();
    match publish::publish(transaction, &Publication { subject, ..Publication::default() }) {
        Ok(Published::Committed { commit, .. }) => Some(commit),
        Ok(Published::Waits { why }) => {
            workspace.notice(format!("not committed yet: {why}; the change is kept in the log"));
            None
        }
        Ok(Published::Nothing) => None,
        Err(error) => {
            workspace.notice(format!("not committed yet: {error}; the change is kept in the log"));
            None
        }
    }
}
