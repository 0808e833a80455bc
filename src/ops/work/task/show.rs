//! `task show`: one task with everything that is known about it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    host::{Result, workspace::Workspace},
    model::{
        id::{QuestionId, TaskId},
        question::Status,
        record::RecordKind,
        task::{Task, order, progress::Progress},
        time::Timestamp,
    },
    ops::work::board::Board,
};

/// Which task.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Request {
    /// Its name, a unique part of it, or its title.
    pub task: String,
}

/// The task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Outcome {
    /// What its record says.
    pub task: Task,
    /// Where it stands.
    pub progress: Progress,
    /// Its file, from the top of the work tree.
    pub path: String,
    /// Whether a change of the record waits for the next commit.
    pub uncommitted: bool,
    /// The tasks that have to be done first and are not.
    pub blockers: Vec<TaskId>,
    /// The open questions that it waits for.
    pub questions: Vec<QuestionId>,
    /// How many tries failed since it was last opened.
    pub failures: u32,
    /// When work on it began.
    pub started: Option<Timestamp>,
}

/// Shows a task.
///
/// # Errors
/// Refuses an unknown task.
pub fn show(workspace: &Workspace, request: &Request) -> Result<Outcome> {
    let board = Board::read(workspace)?;
    let held = board.task(&request.task)?;
    let stored = board.stored(workspace, RecordKind::Task, held.task.id.as_str())?;
    let now = workspace.clock().now();
    let waits =
        board.holdings.questions.iter().filter(|it| it.blocks.contains(&held.task.id) && it.status_at(now) == Status::Open);
    Ok(Outcome {
        progress: held.progress.clone(),
        path: stored.path.clone(),
        uncommitted: stored.queued,
        blockers: order::blockers(&held.task, &board.holdings.standings()).into_iter().cloned().collect(),
        questions: waits.map(|it| it.id.clone()).collect(),
        failures: held.failures(),
        started: held.state.as_ref().and_then(|state| state.started),
        task: held.task.clone(),
    })
}
