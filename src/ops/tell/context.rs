//! `context add|get|list`: what is known in this session only, by type and key, as far as it still holds.
//!
//! It is kept as memory is, under keys that begin with the session. A briefing tells of it as of any note.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    host::{Result, workspace::Workspace},
    model::{
        id::SessionId,
        memory::{Note, NoteKind},
        relevance::{Kin, age, relevance},
        time::{Lapse, Timestamp},
    },
    ops::{session::status::none_is_live, work::memory},
};

/// What is known.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct AddRequest {
    /// What kind of thing it is, such as `api` or `environment`.
    pub r#type: String,
    /// Its name among those of the type.
    pub key: String,
    /// What it says.
    pub text: String,
    /// After how long it does not hold any more.
    pub ttl: Option<Lapse>,
}

/// Which one.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct GetRequest {
    /// What kind of thing it is.
    pub r#type: String,
    /// Its name among those of the type.
    pub key: String,
}

/// Which ones.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ListRequest {
    /// What kind of thing they are; all when not said.
    pub r#type: Option<String>,
}

/// Something that is known in a session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Known {
    /// The session.
    pub session: SessionId,
    /// What kind of thing it is.
    pub r#type: String,
    /// Its name among those of the type.
    pub key: String,
    /// What it says.
    pub text: String,
    /// How much it matters for the work at hand, from 0 to 1000.
    pub relevance: u32,
    /// When it was added, or last replaced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created: Option<Timestamp>,
    /// From when on it does not hold any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<Timestamp>,
}

/// What is known, the most relevant first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct List {
    /// Each of them.
    pub known: Vec<Known>,
}

fn here(workspace: &Workspace) -> Result<SessionId> {
    Ok(workspace.belongs_to()?.ok_or_else(none_is_live)?)
}

fn prefix(session: &SessionId) -> String {
    format!("context/{session}/")
}

/// Keeps it; what was there of the type under the key is replaced.
///
/// # Errors
/// Refuses where no session is live, what is no key, and a text that holds a secret.
pub fn add(workspace: &Workspace, request: &AddRequest) -> Result<memory::StoreOutcome> {
    let key = format!("{}{}/{}", prefix(&here(workspace)?), request.r#type, request.key);
    let (text, ttl) = (request.text.clone(), request.ttl);
    memory::store(workspace, &memory::StoreRequest { key, text, kind: NoteKind::Note, ttl, task: None })
}

/// Gives one.
///
/// # Errors
/// Refuses where no session is live, and a key under which nothing holds.
pub fn get(workspace: &Workspace, request: &GetRequest) -> Result<memory::Known> {
    let key = format!("{}{}/{}", prefix(&here(workspace)?), request.r#type, request.key);
    memory::get(workspace, &memory::KeyRequest { key })
}

/// Lists what still holds.
///
/// # Errors
/// Refuses where no session is live.
pub fn list(workspace: &Workspace, request: &ListRequest) -> Result<List> {
    let session = here(workspace)?;
    let prefix = prefix(&session);
    let listed =
        memory::list(workspace, &memory::ListRequest { prefix: Some(prefix.clone()), ..memory::ListRequest::default() })?;
    let now = workspace.clock().now();
    let known = |note: Note| {
        let (kind, key) = note.key.as_deref()?.strip_prefix(&prefix)?.split_once('/')?;
        Some(Known {
            session: session.clone(),
            r#type: kind.to_owned(),
            key: key.to_owned(),
            relevance: relevance(age(note.created, now), Kin::Session, 0),
            text: note.text,
            created: note.created,
            expires: note.expires,
        })
    };
    let wanted = |known: &Known| request.r#type.as_ref().is_none_or(|kind| known.r#type == *kind);
    let mut known: Vec<Known> = listed.notes.into_iter().filter_map(known).filter(wanted).collect();
    known.sort_by(|left, right| {
        right.relevance.cmp(&left.relevance).then_with(|| (&left.r#type, &left.key).cmp(&(&right.r#type, &right.key)))
    });
    Ok(List { known })
}
