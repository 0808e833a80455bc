//! `session status`: where the session stands. Reads only.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    host::{Result, store::overview::Overview, workspace::Workspace},
    model::refusal::Refusal,
    ops::session::standing::Standing,
};

/// Nothing to say: the session is the one that the command belongs to.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Request {}

/// Where the session stands; where several are live in this work tree and none was named, all of them.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Outcome {
    /// The sessions, oldest first.
    pub sessions: Vec<Standing>,
}

/// Shows the session.
///
/// # Errors
/// Refuses where none is live.
pub fn status(workspace: &Workspace, _request: &Request) -> Result<Outcome> {
    let here = workspace.may_belong_to()?;
    let overview = Overview::read(workspace)?;
    let mut sessions = Vec::new();
    for id in &here {
        match overview.session(id) {
            Some(known) if known.state.is_ended() => {}
            Some(known) => sessions.extend(Standing::of(workspace, &overview, &known.state)?),
            None => {
                let why = overview.damaged.iter().find(|(name, _)| name == id.as_str()).map(|(_, why)| why.as_str());
                return Err(Refusal::environment(format!(
                    "cannot read the session `{id}`: {}",
                    why.unwrap_or("its log is gone")
                ))
                .hint("`autonomy verify` shows the damage; checkpoint and rollback work without this log")
                .into());
            }
        }
    }
    if sessions.is_empty() {
        return Err(none_is_live().into());
    }
    Ok(Outcome { sessions })
}

/// What is said where a session is needed and there is none.
#[must_use]
pub fn none_is_live() -> Refusal {
    Refusal::no("no session is live in this work tree")
        .hint("`autonomy session start` begins one, `autonomy session list` shows all")
}
