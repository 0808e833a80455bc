//! `session env`: the variables that name a session for shells and for the programs started in them.
//!
//! A program cannot set variables of the shell that started it; whoever asks for them has the shell carry out the lines.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    host::{Result, store::pages, workspace::Workspace},
    model::id::SessionId,
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
    let variables = pages::variables(workspace.root(), &session)?.map(|(name, value)| (name.to_owned(), value)).into();
    Ok(Outcome { session, variables })
}
