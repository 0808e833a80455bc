//! `session bind`: an agent client's conversation belongs to the session from now on, wherever its hooks are called from.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    host::{Result, store::settle, transaction::Transaction, workspace::Workspace},
    model::{
        event::Fact,
        id::{ClientId, SessionId},
    },
    ops::session::status::none_is_live,
};

/// Which conversation.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// The client's own id of it.
    pub client: ClientId,
}

/// What was bound.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Outcome {
    /// The session.
    pub session: SessionId,
    /// The conversation.
    pub client: ClientId,
}

/// Binds a conversation to the session that the command belongs to; done already is done.
///
/// # Errors
/// Refuses where no session is live.
pub fn bind(workspace: &Workspace, request: &Request) -> Result<Outcome> {
    let mut transaction = Transaction::of_session(workspace)?;
    let session = transaction.session().cloned().ok_or_else(none_is_live)?;
    let client = &request.client;
    transaction.append(|state| {
        let new = !state.clients.contains(client);
        Ok((new.then(|| Fact::ClientBound { client: client.clone() }).into_iter().collect(), ()))
    })?;
    settle::bind_clients(&transaction)?;
    Ok(Outcome { session, client: client.clone() })
}
