//! `session status`: where the session stands. Reads only.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    host::{Result, store::ledger, store::ledger::Target, workspace::Workspace},
    model::{
        id::SessionId,
        refusal::Refusal,
        time::{Lapse, Timestamp},
    },
};

/// Nothing to say: the session is the one that the command belongs to.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Request {}

/// Where the session stands.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Outcome {
    /// The session.
    pub session: SessionId,
    /// What is to be reached.
    pub goal: Option<String>,
    /// When it began.
    pub started: Timestamp,
    /// How long it has been going on.
    pub elapsed: Lapse,
    /// How many events its log has.
    pub events: u64,
}

/// Shows the session.
///
/// # Errors
/// Refuses where none is live.
pub fn status(workspace: &Workspace, _request: &Request) -> Result<Outcome> {
    let none = || Refusal::no("no session is live in this work tree").hint("`autonomy session start` begins one");
    let id = workspace.belongs_to()?.ok_or_else(none)?;
    let state = ledger::read(workspace, &Target::Session(id.clone()))?.ok_or_else(none)?;
    let session = state.session.as_ref().ok_or_else(none)?;
    Ok(Outcome {
        session: id,
        goal: session.goal.clone(),
        started: session.started,
        elapsed: workspace.clock().now().since(session.started),
        events: state.seq,
    })
}
