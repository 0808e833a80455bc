//! `session list`: live sessions, ended ones, and those of other clones that commits brought here. Reads only.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    host::{Result, workspace::Workspace},
    model::{
        id::SessionId,
        session::{Status, active},
        state::Phase,
        time::{Lapse, Timestamp},
    },
    ops::session::known::{self, Damaged, Known, Place},
};

/// Nothing to say.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Request {}

/// One session.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Entry {
    /// Which.
    pub session: SessionId,
    /// What people call it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// What is to be reached.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub goal: Option<String>,
    /// Its status.
    pub status: Status,
    /// Why it is paused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Where it lives.
    pub place: Place,
    /// When it began.
    pub started: Timestamp,
    /// How long it was worked on; of one in another clone, until the last event that is known here.
    pub elapsed: Lapse,
    /// When something last happened.
    pub last: Timestamp,
}

/// All sessions.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Outcome {
    /// Oldest first.
    pub sessions: Vec<Entry>,
    /// Those that cannot be read.
    pub damaged: Vec<Damaged>,
}

/// Lists the sessions.
///
/// # Errors
/// Fails when the store cannot be listed; a damaged session is named and left out.
pub fn list(workspace: &Workspace, _request: &Request) -> Result<Outcome> {
    let (found, damaged) = known::all(workspace)?;
    let sessions = found.into_iter().filter_map(|known| entry(workspace, known)).collect();
    Ok(Outcome { sessions, damaged })
}

fn entry(workspace: &Workspace, known: Known) -> Option<Entry> {
    let session = known.state.session.as_ref()?;
    let last = known.state.last.unwrap_or(session.started);
    let until = match known.place {
        Place::Copied {} | Place::Elsewhere {} => last,
        Place::Here {} | Place::WorkTree { .. } | Place::Over {} => workspace.clock().now(),
    };
    let reason = match &known.state.phase {
        Phase::Paused { reason, .. } => Some(reason.clone()),
        Phase::Active | Phase::Ended { .. } => None,
    };
    Some(Entry {
        title: session.title.clone(),
        goal: session.goal.clone(),
        status: Status::of(&known.state.phase),
        reason,
        started: session.started,
        elapsed: active(&known.state, until),
        last,
        session: known.session,
        place: known.place,
    })
}
