//! `focus`: what is being worked on, and the next specific action.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    host::{Result, store::overview::Overview, transaction::Transaction, workspace::Workspace},
    model::{
        event::Fact,
        id::TaskId,
        markdown::one_line,
        refusal::Refusal,
        time::{Lapse, Timestamp},
    },
    ops::work::board::Board,
};

/// What to turn to. With nothing given the focus is only shown.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Request {
    /// What is being worked on, in words; the task's title when it is not said.
    pub text: Option<String>,
    /// The task: its name, a unique part of it, or its title.
    pub task: Option<String>,
    /// The next specific action.
    pub next: Option<String>,
}

/// What is being worked on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Outcome {
    /// In words; none when nothing is.
    pub text: Option<String>,
    /// The task.
    pub task: Option<TaskId>,
    /// The next specific action.
    pub next: Option<String>,
    /// Its success criteria that are not met yet.
    pub criteria: Vec<String>,
    /// How long it should take.
    pub estimate: Option<Lapse>,
    /// Since when.
    pub since: Option<Timestamp>,
}

/// Sets the focus.
///
/// # Errors
/// Refuses an unknown task, and a request that says neither words nor a task nor a next action.
pub fn set(workspace: &Workspace, request: &Request) -> Result<Outcome> {
    let task = match &request.task {
        Some(given) => Some(Board::read(workspace)?.task(given)?.task.clone()),
        None => None,
    };
    let mut transaction = Transaction::open(workspace)?;
    let known = transaction.state().focus.clone();
    let said = |text: &Option<String>| text.as_deref().map(one_line).filter(|text| !text.is_empty());
    let next = said(&request.next);
    let fact = match (said(&request.text), &task, known) {
        (Some(text), task, _) => Fact::FocusSet { task: task.as_ref().map(|it| it.id.clone()), text, next },
        (None, Some(task), _) => Fact::FocusSet { task: Some(task.id.clone()), text: task.title.clone(), next },
        (None, None, Some(known)) if next.is_some() => Fact::FocusSet { task: known.task, text: known.text, next },
        (None, None, _) => {
            return Err(Refusal::usage("nothing was said to turn to")
                .hint("`autonomy focus \"<what>\"`, or `autonomy focus --task <task>`")
                .into());
        }
    };
    transaction.append_facts(&[fact])?;
    show(workspace, &Shown {})
}

/// Nothing to say.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Shown {}

/// Shows the focus.
///
/// # Errors
/// Refuses when several sessions are live here and none was named.
pub fn show(workspace: &Workspace, _request: &Shown) -> Result<Outcome> {
    let session = workspace.belongs_to()?;
    let overview = Overview::read(workspace)?;
    let focus = overview.logs.iter().find(|known| known.session == session).and_then(|known| known.state.focus.clone());
    let Some(focus) = focus else {
        return Ok(Outcome { text: None, task: None, next: None, criteria: Vec::new(), estimate: None, since: None });
    };
    let board = Board::read(workspace)?;
    let task = focus.task.as_ref().and_then(|id| board.holdings.task(id)).map(|held| &held.task);
    Ok(Outcome {
        criteria: task.map_or_else(Vec::new, |task| {
            task.criteria.iter().filter(|criterion| !criterion.done).map(|criterion| criterion.text.clone()).collect()
        }),
        estimate: task.and_then(|task| task.estimate),
        text: Some(focus.text),
        task: focus.task,
        next: focus.next,
        since: Some(focus.at),
    })
}
