//! `task export`: the tasks as a check-list that `task import` reads. It writes no file.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    host::{Result, workspace::Workspace},
    model::{task::Task, todo},
    ops::work::board::Board,
};

/// Nothing to say: all tasks that are not cancelled are given out.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Request {}

/// The check-list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Outcome {
    /// As markdown.
    pub text: String,
}

/// Gives out the tasks as a check-list.
///
/// # Errors
/// Fails when the store cannot be read.
pub fn export(workspace: &Workspace, _request: &Request) -> Result<Outcome> {
    let board = Board::read(workspace)?;
    board.notice(workspace);
    let tasks: Vec<Task> = board.holdings.tasks.iter().map(|held| held.task.clone()).collect();
    Ok(Outcome { text: todo::write(&tasks) })
}
