//! `progress add` and `progress list`: dated entries of the progress log. Entries are never changed.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    host::{
        Result,
        store::ledger::{self, Target},
        transaction::Transaction,
        workspace::Workspace,
    },
    model::{
        actor::Actor,
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

/// Which entries.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ListRequest {
    /// The newest or all.
    pub which: Which,
}

/// Which entries are listed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Which {
    /// The newest, as the page shows them.
    #[default]
    Newest,
    /// Every one.
    All,
}

/// An entry of the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Entry {
    /// When.
    pub at: Timestamp,
    /// By whom.
    pub by: Actor,
    /// For which task.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<TaskId>,
    /// In words.
    pub text: String,
}

/// The entries of a session, or of the clone's own log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ListOutcome {
    /// The session; none for the clone's own log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<SessionId>,
    /// The entries, oldest first.
    pub entries: Vec<Entry>,
    /// How many older ones are not listed.
    pub older: u64,
}

/// Lists entries.
///
/// # Errors
/// Fails when the log cannot be read.
pub fn list(workspace: &Workspace, request: &ListRequest) -> Result<ListOutcome> {
    let session = workspace.belongs_to()?;
    let target = session.clone().map_or(Target::Clone, Target::Session);
    let all = match request.which {
        Which::Newest => {
            let state = ledger::read(workspace, &target)?;
            let log = state.map(|state| state.progress).unwrap_or_default();
            let older = log.count - log.entries.len() as u64;
            let entries = log.entries.into_iter().map(|it| Entry { at: it.at, by: it.by, task: it.task, text: it.text });
            return Ok(ListOutcome { session, entries: entries.collect(), older });
        }
        Which::All => ledger::events(workspace, &target)?,
    };
    let entries = all.into_iter().filter_map(|event| match event.fact {
        Fact::ProgressAdded { text, task } => Some(Entry { at: event.at, by: event.actor, task, text }),
        _ => None,
    });
    Ok(ListOutcome { session, entries: entries.collect(), older: 0 })
}
