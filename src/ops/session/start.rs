//! `session start`: bind a new session to this work tree and begin its log.
//!
//! Does not commit on a protected branch and does not switch branches.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    host::{
        Result,
        store::{
            binding::{self, Binding},
            layout::{self, Private},
            write,
        },
        transaction::Transaction,
        workspace::Workspace,
    },
    model::{
        event::{FORMAT, Fact},
        id::{SessionId, slug},
        refusal::Refusal,
        time::{Lapse, Timestamp},
    },
};

/// What to start.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Request {
    /// What people call the session.
    pub title: Option<String>,
    /// What is to be reached.
    pub goal: Option<String>,
    /// What must hold on the way.
    pub constraints: Vec<String>,
    /// How long it may take; 8 hours when not said.
    pub max: Option<Lapse>,
}

/// What was started.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Outcome {
    /// The session.
    pub session: SessionId,
    /// Its folder, from the top of the work tree.
    pub folder: String,
    /// When it began.
    pub started: Timestamp,
}

/// Starts a session in this work tree.
///
/// # Errors
/// Refuses where one is live already.
pub fn start(workspace: &Workspace, request: &Request) -> Result<Outcome> {
    if let Some(live) = workspace.belongs_to()? {
        return Err(Refusal::conflict(format!("the session `{live}` is live in this work tree"))
            .hint("`autonomy session end` ends it, `autonomy session status` shows it")
            .into());
    }
    let private = Private::of(workspace.common_directory());
    let at = workspace.clock().now();
    let session = free_name(&private, at, request.title.as_deref())?;
    let directory = private.session(&session);
    write::make_directory(&directory)?;
    Binding::to(workspace.root()).write(&directory)?;
    let fact = Fact::SessionStarted {
        format: FORMAT,
        session: session.clone(),
        title: request.title.clone(),
        goal: request.goal.clone(),
        constraints: request.constraints.clone(),
        max: request.max.unwrap_or(Lapse::hours(8)),
        branch: None,
        head: None,
        person: None,
        continues: None,
        parent: None,
    };
    Transaction::begin(workspace, &session, &[fact])?;
    Ok(Outcome { folder: layout::session_folder(&session), session, started: at })
}

fn free_name(private: &Private, at: Timestamp, title: Option<&str>) -> Result<SessionId> {
    let base = match title.map(slug) {
        Some(slug) if !slug.is_empty() => format!("{}-{slug}", at.stamp()),
        _ => at.stamp(),
    };
    let taken = binding::live(private)?;
    let mut number = 1;
    loop {
        let name = if number == 1 { base.clone() } else { format!("{base}-{number}") };
        let id = SessionId::new(name)?;
        if !taken.iter().any(|(live, _)| *live == id) {
            return Ok(id);
        }
        number += 1;
    }
}
