//! `compact show`: the compactions of a session, the keys of one, or the value of one key. Reads only.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    host::{Result, store::layout, workspace::Workspace},
    model::{
        compaction::{Manifest, folder, numbers},
        id::SessionId,
        refusal::Refusal,
    },
    ops::session::{compaction::kept, known},
};

/// Which session, compaction and key.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Request {
    /// Its name, a unique part of it, or its title; the one that the command belongs to when not said.
    pub session: Option<String>,
    /// The number of the compaction; the newest when not said.
    pub number: Option<u32>,
    /// The key whose value is shown.
    pub key: Option<String>,
}

/// What was sealed.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Outcome {
    /// The session.
    pub session: SessionId,
    /// The numbers of its compactions.
    pub numbers: Vec<u32>,
    /// Where the one that is shown lies, from the top of the work tree.
    pub folder: String,
    /// Its manifest.
    pub manifest: Manifest,
    /// The value of the key, as its file says it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

/// Shows what was sealed.
///
/// # Errors
/// Refuses an unknown session, number or key, and a session in which nothing was sealed.
pub fn show(workspace: &Workspace, request: &Request) -> Result<Outcome> {
    let known = known::chosen(workspace, request.session.as_deref())?;
    let manifest = kept::manifest(workspace, &known, request.number)?.ok_or_else(|| {
        Refusal::no(format!("nothing was sealed in the session `{}` yet", known.session))
            .hint("`autonomy compact pre` seals what is known now")
    })?;
    let text = match &request.key {
        Some(key) => Some(value(workspace, &known, &manifest, key)?),
        None => None,
    };
    Ok(Outcome {
        folder: folder(&layout::session_folder(&known.session), manifest.compaction),
        numbers: numbers(&known.state),
        session: known.session,
        manifest,
        text,
    })
}

/// The value of a key as its file says it; an empty one has no lines.
///
/// # Errors
/// Refuses an unknown key, and a file that is gone.
pub fn value(workspace: &Workspace, known: &known::Known, manifest: &Manifest, key: &str) -> Result<String> {
    let entry = manifest.keys.iter().find(|entry| entry.key == key).ok_or_else(|| {
        let near = manifest.keys.iter().find(|entry| entry.key.contains(key));
        let hint =
            near.map_or("`autonomy compact show` lists the keys".to_owned(), |entry| format!("did you mean `{}`?", entry.key));
        Refusal::usage(format!("compaction {} has no key `{}`", manifest.compaction, key.escape_debug())).hint(hint)
    })?;
    match &entry.sha256 {
        Some(digest) => kept::text(workspace, known, manifest.compaction, &entry.file(), digest),
        None => Ok(String::new()),
    }
}
