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
pub mod milestones;
pub mod proof;
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
        refusal::Refusal,
        task::{
            order,
            progress::{Move, Progress},
        },
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
    /// The milestones that nothing comes before any more, and that wait for their tests.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub due: Vec<TaskId>,
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
fn carry_out<S: Into<Step>>(
    transaction: &mut Transaction<'_>,
    given: &str,
    wanted: Move,
    prepare: impl FnOnce(&Transaction<'_>, &CloneLock, &Board, &HeldTask) -> Result<S>,
) -> Result<Moved> {
    let workspace = transaction.workspace();
    let lock = transaction.lock_clone()?;
    let board = Board::read(workspace)?;
    let held = board.task(given)?;
    held.progress.allows(wanted, &held.task)?;
    let Step { facts, taken } = prepare(transaction, &lock, &board, held)?.into();
    transaction.append_facts(&facts)?;
    if let Some(Err(error)) = taken.as_ref().map(|taken| snapshots::place(workspace, taken)) {
        workspace.notice(format!("the tag of the checkpoint waits for the next command: {error}"));
    }
    drop(lock);
    let moved = after(workspace, &held.task.id)?;
    Ok(Moved { checkpoint: taken.and_then(|taken| taken.checkpoint.name), ..moved })
}

/// Refuses a move of a task that something comes before.
///
/// # Errors
/// Names the tasks that come first.
pub fn refuse_before(board: &Board, held: &HeldTask, wanted: Move) -> Result<(), Refusal> {
    let all = board.holdings.standings();
    let blockers = order::blockers(&held.task, &all);
    let Some(first) = blockers.first() else { return Ok(()) };
    let names: Vec<String> = blockers.iter().map(|id| format!("`{}`", board.holdings.title_of(id))).collect();
    Err(Refusal::no(format!("cannot {} the task {}: {} comes first", wanted.words(), held.task.label(), names.join(", ")))
        .hint(format!("`autonomy task show {first}`")))
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
        due: board.holdings.due().into_iter().map(|milestone| milestone.id.clone()).collect(),
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
