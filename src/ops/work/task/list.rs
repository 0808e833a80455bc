//! `task list`: tasks and where they stand, best first.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    host::{Result, workspace::Workspace},
    model::{
        id::TaskId,
        task::{Priority, order, progress::Progress},
        time::Lapse,
    },
    ops::work::board::Board,
};

/// Which tasks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Which {
    /// Those that are not over.
    #[default]
    Open,
    /// Those that may be started.
    Ready,
    /// All.
    All,
}

/// Which tasks to list.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Request {
    /// Open, ready or all.
    pub which: Which,
}

/// One task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Row {
    /// Its name.
    pub task: TaskId,
    /// Its title.
    pub title: String,
    /// How much it matters.
    pub priority: Priority,
    /// Where it stands.
    pub progress: Progress,
    /// How long it should take.
    pub estimate: Option<Lapse>,
    /// The tasks that have to be done first.
    pub after: Vec<TaskId>,
}

/// The tasks, best first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Outcome {
    /// The tasks.
    pub tasks: Vec<Row>,
    /// How many there are that are not listed.
    pub left_out: usize,
}

/// Lists tasks.
///
/// # Errors
/// Fails when the store cannot be read.
pub fn list(workspace: &Workspace, request: &Request) -> Result<Outcome> {
    let board = Board::read(workspace)?;
    board.notice(workspace);
    let all = board.holdings.standings();
    let ready: Vec<&TaskId> = order::ready(&all).into_iter().map(|task| &task.id).collect();
    let mut chosen: Vec<_> = board
        .holdings
        .tasks
        .iter()
        .filter(|held| match request.which {
            Which::All => true,
            Which::Open => !held.progress.is_over(),
            Which::Ready => ready.contains(&&held.task.id),
        })
        .collect();
    chosen.sort_by(|left, right| {
        (left.progress.is_over(), order::rank(&left.task)).cmp(&(right.progress.is_over(), order::rank(&right.task)))
    });
    let tasks: Vec<Row> = chosen
        .into_iter()
        .map(|held| Row {
            task: held.task.id.clone(),
            title: held.task.title.clone(),
            priority: held.task.priority,
            progress: held.progress.clone(),
            estimate: held.task.estimate,
            after: order::blockers(&held.task, &all).into_iter().cloned().collect(),
        })
        .collect();
    Ok(Outcome { left_out: board.holdings.tasks.len() - tasks.len(), tasks })
}
