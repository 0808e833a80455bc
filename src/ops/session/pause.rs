//! `session pause`: lay work aside; the time until it is taken up again does not count.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    host::{Result, transaction::Transaction, workspace::Workspace},
    model::{
        id::SessionId,
        session::{active, pause as decide},
        time::Lapse,
    },
    ops::session::status::none_is_live,
};

/// Why to pause.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Request {
    /// In words.
    pub reason: Option<String>,
}

/// What was paused.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Outcome {
    /// The session.
    pub session: SessionId,
    /// Why.
    pub reason: String,
    /// How long it has been worked on so far.
    pub elapsed: Lapse,
}

/// Pauses the session that the command belongs to.
///
/// # Errors
/// Refuses where none is live, and one that is paused already.
pub fn pause(workspace: &Workspace, request: &Request) -> Result<Outcome> {
    let mut transaction = Transaction::of_session(workspace)?;
    let by = transaction.actor().to_string();
    let given = request.reason.as_deref().map(str::trim).filter(|reason| !reason.is_empty());
    let reason = given.map_or_else(|| format!("paused by {by}"), str::to_owned);
    transaction.append(|state| Ok((decide(state, &reason)?, ())))?;
    let session = transaction.session().cloned().ok_or_else(none_is_live)?;
    Ok(Outcome { session, reason, elapsed: active(transaction.state(), transaction.at()) })
}
