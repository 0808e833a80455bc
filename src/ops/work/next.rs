//! `next`: what to do next, best first, and what keeps the rest. The ranking is `model::task::order`'s, the same everywhere.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    host::{Result, workspace::Workspace},
    model::{
        id::{QuestionId, TaskId},
        task::{Priority, acceptance::Acceptance, order, progress::Progress},
        time::Lapse,
    },
    ops::work::board::Board,
};

/// How many to show.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Request {
    /// At most so many; all when it is not said.
    pub limit: Option<usize>,
}

/// A task that may be started.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Ready {
    /// Its name.
    pub task: TaskId,
    /// Its title.
    pub title: String,
    /// How much it matters.
    pub priority: Priority,
    /// How long it should take.
    pub estimate: Option<Lapse>,
    /// What must be true at the end and is not ticked yet.
    pub criteria: Vec<String>,
    /// How it is tested.
    pub acceptance: Vec<String>,
}

/// A task that may not be started, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Held {
    /// Its name.
    pub task: TaskId,
    /// Its title.
    pub title: String,
    /// Where it stands.
    pub progress: Progress,
    /// The tasks that have to be done first.
    pub after: Vec<TaskId>,
}

/// What to do next.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Outcome {
    /// What may be started, best first.
    pub ready: Vec<Ready>,
    /// What is under way or held up, in the same order.
    pub held: Vec<Held>,
    /// The questions that tasks wait for.
    pub questions: Vec<QuestionId>,
}

/// Ranks the tasks that are not over.
///
/// # Errors
/// Fails when the store cannot be read.
pub fn next(workspace: &Workspace, request: &Request) -> Result<Outcome> {
    let board = Board::read(workspace)?;
    board.notice(workspace);
    let all = board.holdings.standings();
    let ready = order::ready(&all);
    let mut rest: Vec<_> = board
        .holdings
        .tasks
        .iter()
        .filter(|held| !held.progress.is_over() && !ready.iter().any(|task| task.id == held.task.id))
        .collect();
    rest.sort_by(|left, right| order::rank(&left.task).cmp(&order::rank(&right.task)));
    let mut questions: Vec<QuestionId> = Vec::new();
    for held in &rest {
        if let Progress::Waiting { question } = &held.progress
            && !questions.contains(question)
        {
            questions.push(question.clone());
        }
    }
    Ok(Outcome {
        held: rest
            .into_iter()
            .map(|held| Held {
                task: held.task.id.clone(),
                title: held.task.title.clone(),
                progress: held.progress.clone(),
                after: order::blockers(&held.task, &all).into_iter().cloned().collect(),
            })
            .collect(),
        ready: ready
            .into_iter()
            .take(request.limit.unwrap_or(usize::MAX))
            .map(|task| Ready {
                task: task.id.clone(),
                title: task.title.clone(),
                priority: task.priority,
                estimate: task.estimate,
                criteria: task.criteria.iter().filter(|it| !it.done).map(|it| it.text.clone()).collect(),
                acceptance: task.acceptance.iter().map(Acceptance::label).collect(),
            })
            .collect(),
        questions,
    })
}
