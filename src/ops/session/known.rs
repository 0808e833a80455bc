//! The sessions that this clone knows of: live ones by their logs, others by the journals that commits and refs carry.
//!
//! Reads only, and goes on without what is damaged.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    host::{
        Result,
        store::{
            binding::{self, Home},
            copied,
            layout::Private,
            log::Log,
            overview::Overview,
            sealed,
        },
        workspace::Workspace,
    },
    model::{
        id::{Candidate, SessionId, resolve},
        refusal::Refusal,
        state::State,
    },
    ops::session::status::none_is_live,
};

/// Which session.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Request {
    /// Its name, a unique part of it, or its title; the one that the command belongs to when not said.
    pub session: Option<String>,
}

/// Where a session lives.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum Place {
    /// Its log is in this clone, and it is bound to this work tree.
    Here {},
    /// Its log is in this clone, and it is bound to another work tree.
    WorkTree {
        /// The top of that work tree.
        path: PathBuf,
    },
    /// Its log came here in a copy of its own clone and is only read.
    Copied {},
    /// It lives in another clone; this is what commits brought here.
    Elsewhere {},
    /// It is over.
    Over {},
}

/// A session with all that is known of it here.
#[derive(Clone, Debug)]
pub struct Known {
    /// Which.
    pub session: SessionId,
    /// Where it lives.
    pub place: Place,
    /// Where its log lies, when it is in this clone.
    pub directory: Option<PathBuf>,
    /// The fold of its events.
    pub state: State,
}

/// A session that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Damaged {
    /// Which.
    pub session: String,
    /// Why.
    pub why: String,
}

/// All sessions, oldest first, and those that cannot be read.
///
/// # Errors
/// Fails when the store cannot be listed.
pub fn all(workspace: &Workspace) -> Result<(Vec<Known>, Vec<Damaged>)> {
    let private = Private::of(workspace.common_directory());
    let is_copy = matches!(binding::home(&private)?, Home::Copied(_));
    let overview = Overview::read(workspace)?;
    let mut damaged: Vec<Damaged> = overview.damaged.into_iter().map(|(session, why)| Damaged { session, why }).collect();
    let mut found: Vec<Known> = Vec::new();
    for log in overview.logs {
        let Some(session) = log.session else { continue };
        let place = match log.binding {
            _ if log.state.is_ended() => Place::Over {},
            _ if is_copy => Place::Copied {},
            Some(binding) if binding.work_tree == workspace.root() => Place::Here {},
            Some(binding) => Place::WorkTree { path: binding.work_tree },
            None => Place::WorkTree { path: PathBuf::new() },
        };
        found.push(Known { session, place, directory: Some(log.directory), state: log.state });
    }
    for session in sealed::sessions(workspace)? {
        if found.iter().any(|known| known.session == session) || damaged.iter().any(|it| it.session == session.as_str()) {
            continue;
        }
        match sealed::state(workspace, &session) {
            Ok(state) => {
                let place = if state.is_ended() { Place::Over {} } else { Place::Elsewhere {} };
                found.push(Known { session, place, directory: None, state });
            }
            Err(error) => damaged.push(Damaged { session: session.to_string(), why: error.to_string() }),
        }
    }
    for (session, directory) in copied::sessions(&private)? {
        // A copy may know more than the commits that brought the journals here, and may know less by now.
        let older = |known: &Known| known.session == session && matches!(known.place, Place::Elsewhere {});
        match Log::open(&directory, session.as_str()) {
            Ok(Some(log)) => {
                let state = log.state().clone();
                if let Some(known) = found.iter_mut().find(|known| older(known)) {
                    if known.state.seq < state.seq {
                        *known = Known { session, place: Place::Copied {}, directory: Some(directory), state };
                    }
                } else if !found.iter().any(|known| known.session == session) {
                    found.push(Known { session, place: Place::Copied {}, directory: Some(directory), state });
                }
            }
            Ok(None) => {}
            Err(error) => damaged.push(Damaged { session: session.to_string(), why: error.to_string() }),
        }
    }
    found.sort_by(|left, right| left.session.cmp(&right.session));
    Ok((found, damaged))
}

/// The session that a person means by `given`: its name, a unique beginning or part of it, or its title.
///
/// # Errors
/// Refuses what fits none or several, naming the nearest; says why when the one that is meant is damaged.
pub fn find(workspace: &Workspace, given: &str) -> Result<Known> {
    let (mut found, damaged) = all(workspace)?;
    let title = |known: &Known| known.state.session.as_ref().and_then(|session| session.title.clone()).unwrap_or_default();
    let titles: Vec<String> = found.iter().map(title).collect();
    let candidates: Vec<Candidate<'_>> =
        found.iter().zip(&titles).map(|(known, title)| Candidate { name: known.session.as_str(), title }).collect();
    resolve(SessionId::KIND, given, &candidates).map(|index| found.swap_remove(index)).map_err(|refusal| {
        if let Some(damaged) = damaged.iter().find(|it| it.session == given) {
            return Refusal::environment(format!("cannot read the session `{}`: {}", damaged.session, damaged.why))
                .hint("`autonomy verify` shows the damage")
                .into();
        }
        let hint = refusal.hint.clone().unwrap_or_else(|| "`autonomy session list` shows all".to_owned());
        refusal.hint(hint).into()
    })
}

/// The session that a person means, or the one that the command belongs to when nothing was given.
///
/// # Errors
/// As [`find`]; refuses where none is live and none was given.
pub fn chosen(workspace: &Workspace, given: Option<&str>) -> Result<Known> {
    if let Some(given) = given {
        return find(workspace, given);
    }
    let here = workspace.belongs_to()?.ok_or_else(none_is_live)?;
    find(workspace, here.as_str())
}
