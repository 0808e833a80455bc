//! `session env`: the variables that name a session, and what it is at, for shells and for the programs started in them.
//!
//! A program cannot set variables of the shell that started it; whoever asks for them has the shell carry out the lines.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    host::{
        Result,
        store::{holdings, overview::Overview, pages},
        workspace::Workspace,
    },
    model::{compaction::capture, id::SessionId, record::RecordKind},
    ops::session::status::none_is_live,
};

/// Nothing to say: the session is the one that the command belongs to.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Request {}

/// The variables.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Outcome {
    /// The session.
    pub session: SessionId,
    /// Names and values, in order.
    pub variables: Vec<(String, String)>,
}

/// Gives the variables of the session that the command belongs to.
///
/// # Errors
/// Refuses where none is live.
pub fn env(workspace: &Workspace, _request: &Request) -> Result<Outcome> {
    let session = workspace.belongs_to()?.ok_or_else(none_is_live)?;
    let mut variables: Vec<(String, String)> =
        pages::variables(workspace.root(), &session)?.map(|(name, value)| (name.to_owned(), value)).into();
    let overview = Overview::read(workspace)?;
    if let Some(known) = overview.session(&session) {
        let (holdings, _) = holdings::read(workspace, &overview, &[RecordKind::Task])?;
        variables.push(("CURRENT_PHASE".to_owned(), capture::phase(&known.state, &holdings)));
    }
    Ok(Outcome { session, variables })
}
