//! Logs that came in a copy of another clone (`cp -r`, a snapshot of a disk): they belong to that clone and are only read,
//! unless a person makes this clone their home.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::{
    host::{
        Doing, Result,
        clock::Clock,
        store::{
            binding::{self, Home},
            layout::{self, Private},
            write,
        },
    },
    model::id::SessionId,
};

/// Puts the copied logs where they are only read, and gives this clone an id of its own. Can be done again after a crash;
/// nothing happens in a clone that is its logs' home.
///
/// # Errors
/// Fails when the file system does not allow it.
pub fn set_aside(private: &Private, clock: &Clock) -> Result<()> {
    let Home::Copied(of) = binding::home(private)? else { return Ok(()) };
    let aside = private.copied().join(of.id);
    write::make_directory(&aside)?;
    for from in [private.sessions(), private.clone_log()] {
        let to = aside.join(from.file_name().unwrap_or_default());
        if from.exists() && !to.exists() {
            fs::rename(&from, &to).doing("put aside the copied logs in", &from)?;
        }
    }
    binding::settle_here(private, clock).map(drop)
}

/// The sessions whose copied logs were put aside, with their directories, oldest first.
///
/// # Errors
/// Fails when the directories cannot be listed.
pub fn sessions(private: &Private) -> Result<Vec<(SessionId, PathBuf)>> {
    let mut found = Vec::new();
    for (clone, _) in directories(&private.copied())? {
        let sessions = clone.join("sessions");
        found.extend(directories(&sessions)?.into_iter().filter_map(|(path, name)| Some((SessionId::new(name).ok()?, path))));
    }
    found.retain(|(_, path)| layout::log(path).is_file());
    found.sort();
    Ok(found)
}

fn directories(parent: &Path) -> Result<Vec<(PathBuf, String)>> {
    let entries = match fs::read_dir(parent) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error).doing("list", parent),
    };
    let mut found = Vec::new();
    for entry in entries {
        let entry = entry.doing("list", parent)?;
        if let (true, Ok(name)) = (entry.path().is_dir(), entry.file_name().into_string()) {
            found.push((entry.path(), name));
        }
    }
    Ok(found)
}
