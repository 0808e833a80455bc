//! Reads the source of a repository: every plain file that git tracks, as it lies in the work tree, on all cores.
//!
//! What it says is read by [`code`]; what it means is not asked here.

use std::path::Path;

use rayon::prelude::*;

use crate::{
    host::{Result, source::code, store::place::Place, workspace::Workspace},
    model::{
        project::{
            Survey, Surveyed, is_foreign,
            manifest::{self, Package},
        },
        source::language::Language,
    },
};

/// The largest file that is read, in bytes; what has a grammar is read up to [`code::LONGEST`] by it, and by its lines beyond.
const MAX_FILE: u64 = 16 << 20;
/// The largest file that is looked at because it may be a script: it has no ending.
const MAX_SCRIPT: u64 = 256 << 10;

/// What one file turned out to be.
enum Found {
    Source(Surveyed),
    Manifest(Package),
    Unread(String, String),
}

/// What is in the work tree.
///
/// # Errors
/// Fails when git's index cannot be read. A file that cannot be read is named in what is found.
pub fn survey(workspace: &Workspace) -> Result<Survey> {
    let paths = workspace.git()?.tracked_files()?;
    let (foreign, own): (Vec<String>, Vec<String>) =
        paths.into_iter().filter(|path| !path.starts_with(".claude/")).partition(|path| is_foreign(path));
    let root = workspace.root();
    let found: Vec<Found> = own.par_iter().filter_map(|path| look(root, path)).collect();
    let mut survey = Survey { foreign: foreign.len(), ..Survey::default() };
    for one in found {
        match one {
            Found::Source(file) => survey.files.push(file),
            Found::Manifest(package) => survey.packages.push(package),
            Found::Unread(path, why) => survey.unread.push((path, why)),
        }
    }
    Ok(survey)
}

fn look(root: &Path, path: &str) -> Option<Found> {
    let name = path.rsplit('/').next().unwrap_or(path);
    let is_manifest = manifest::FILES.contains(&name);
    let may_be_script = !name.contains('.');
    let is_source = Language::of_path(path) != Language::Other;
    if !(is_manifest || may_be_script || is_source) {
        return None;
    }
    let most = if may_be_script { MAX_SCRIPT } else { MAX_FILE };
    let read = Place::below(root, path).and_then(|place| place.map_or(Ok(None), |place| place.read(most)));
    let bytes = match read {
        Ok(bytes) => bytes?,
        Err(_) if may_be_script => return None,
        Err(error) => return Some(Found::Unread(path.to_owned(), error.to_string())),
    };
    if is_manifest {
        return manifest::read(path, &String::from_utf8_lossy(&bytes)).map(Found::Manifest);
    }
    if Language::of(path, &bytes) == Language::Other {
        return None;
    }
    Some(Found::Source(Surveyed { path: path.to_owned(), facts: code::read(path, &bytes) }))
}
