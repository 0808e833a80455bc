//! `progress add`: one dated entry of the progress log. Entries are never changed.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    host::{Result, transaction::Transaction, workspace::Workspace},
    model::{
        event::Fact,
        id::{SessionId, TaskId},
        refusal::Refusal,
        time::Timestamp,
    },
    ops::work::board::Board,
};

/// What was achieved.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Request {
    /// In words.
    pub text: String,
    /// For which task; that of the focus when it is not said.
    pub task: Option<String>,
}

/// What was noted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Outcome {
    /// When.
    pub at: Timestamp,
    /// For which task.
    pub task: Option<TaskId>,
    /// In which session; none for the clone's own log.
    pub session: Option<SessionId>,
}

/// Adds an entry.
///
/// # Errors
/// Refuses an empty text and an unknown task.
pub fn add(workspace: &Workspace, request: &Request) -> Result<Outcome> {
    let text = request.text.trim();
    if text.is_empty() {
        return Err(Refusal::usage("the progress to note is empty")
            .hint("`autonomy progress add \"<what was achieved>\"`")
            .into());
    }
    let named = match &request.task {
        Some(given) => Some(Board::read(workspace)?.task(given)?.task.id.clone()),
        None => None,
    };
    let mut transaction = Transaction::open(workspace)?;
    let session = transaction.session().cloned();
    let at = transaction.at();
    let task = transaction.append(|state| {
        let task = named.clone().or_else(|| state.focus.as_ref().and_then(|focus| focus.task.clone()));
        Ok((vec![Fact::ProgressAdded { text: text.to_owned(), task: task.clone() }], task))
    })?;
    Ok(Outcome { at, task, session })
}
