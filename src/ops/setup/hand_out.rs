//! `init --plugin DIR` and `init --scripts DIR`: what the settings of a client would call, as a directory of one's own. Nothing
//! else is written, and a file that is not ours is never replaced.

use std::path::{Path, PathBuf};

use crate::{
    host::{Result, store::layout::Private, template, workspace::Workspace},
    model::{
        client_plugin,
        refusal::Refusal,
        roster::{self, Roster},
    },
    ops::setup::{
        change::{self, Change},
        client,
    },
};

/// The first line of our scripts, and a word that tells them from others.
const SCRIPT: &str = "#!/bin/sh\n# By autonomy: ";

const SCRIPTS: [(&str, &str); 2] = [
    (
        "pre-compaction.sh",
        "call this before the context of an agent is compacted, with the client's payload on stdin or without.\n\
         # It takes a checkpoint, seals what is known, and prints what the summary should keep.\n\
         exec autonomy compact pre --payload \"$@\"\n",
    ),
    (
        "post-compaction.sh",
        "call this after the context of an agent was compacted, with the client's payload on stdin or without.\n\
         # It hands back what is known: with a payload as an agent reads it, without as a list.\n\
         exec autonomy compact post --payload \"$@\"\n",
    ),
];

/// The files of a plugin of the client in `directory`, which is made when it is not there.
///
/// # Errors
/// Refuses a directory in which a file of that name is somebody else's, and a roster that is wrong.
pub fn plugin(workspace: &Workspace, directory: &Path) -> Result<Vec<Change>> {
    let roster = match change::read(workspace, roster::FILE)? {
        Some(text) => Roster::read(&text)?,
        None => Roster::read(template::shipped("agents.yaml")?)?,
    };
    let files = client_plugin::files(env!("CARGO_PKG_VERSION"), &roster)?;
    let manifest = change::read_elsewhere(&directory.join(client_plugin::MANIFEST))?;
    let is_ours = manifest.as_deref().is_some_and(client_plugin::is_ours);
    files.into_iter().map(|(name, text)| own(&directory.join(name), text, |_| is_ours)).collect()
}

/// The directory of a plugin for agents that load the settings of `sources`, as the client calls them; none where some of those
/// call our hooks.
///
/// # Errors
/// Fails when the plugin cannot be written.
pub fn plugin_for_agents(workspace: &Workspace, sources: &[&str]) -> Result<Option<PathBuf>> {
    let loaded = client::files(workspace).into_iter().filter(|(source, ..)| sources.contains(source));
    if client::call(loaded, BEGINNING) {
        return Ok(None);
    }
    let directory = Private::of(workspace.common_directory()).cache().join("plugin");
    let roster = Roster::read(template::shipped("agents.yaml")?)?;
    for (name, text) in client_plugin::files(env!("CARGO_PKG_VERSION"), &roster)? {
        let path = directory.join(name);
        let before = change::read_elsewhere(&path)?;
        Change::elsewhere(&path, before, text).carry_out(workspace)?;
    }
    Ok(Some(directory))
}

/// The event that every client knows and that every conversation begins with.
const BEGINNING: &str = "SessionStart";

/// The scripts for before and after a compaction in `directory`, which is made when it is not there.
///
/// # Errors
/// Refuses a directory in which a file of that name is somebody else's.
pub fn scripts(directory: &Path) -> Result<Vec<Change>> {
    let own = |(name, rest)| own(&directory.join(name), format!("{SCRIPT}{rest}"), |there| there.starts_with(SCRIPT));
    SCRIPTS.into_iter().map(own).collect()
}

/// A file that is ours already, or not there.
fn own(path: &Path, text: String, is_ours: impl Fn(&str) -> bool) -> Result<Change> {
    match change::read_elsewhere(path)? {
        Some(there) if there != text && !is_ours(&there) => {
            Err(Refusal::conflict(format!("`{}` is there, and it is not ours", path.display()))
                .hint("name another directory; nothing was written")
                .into())
        }
        there => Ok(Change::elsewhere(path, there, text)),
    }
}
