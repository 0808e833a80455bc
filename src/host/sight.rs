//! What the guard asks about paths: where links and `..` lead, which files fit a pattern, and which names mean the same file.
//!
//! A path is looked at as it is now. Whoever changes it between the look and the use is not seen here.

use std::{
    collections::VecDeque,
    ffi::OsStr,
    fs,
    os::unix::{ffi::OsStrExt as _, fs::MetadataExt as _},
    path::{Component, Path, PathBuf},
};

use crate::{
    host::workspace::Workspace,
    model::guard::path::{Place, matches},
};

/// How many links are followed.
const MOST_LINKS: usize = 40;
/// How many paths a pattern may stand for.
const MOST_PATHS: usize = 500;
/// How many entries of one directory are looked at.
const MOST_ENTRIES: usize = 5_000;

/// `path`, which is absolute, without links, `.` and `..`; what does not exist is kept as it is written. `guarded` are files that
/// may have further names.
#[must_use]
pub fn resolve(path: &str, guarded: &dyn Fn() -> Vec<PathBuf>) -> Place {
    let mut rest: VecDeque<Vec<u8>> = parts(Path::new(path));
    let (mut real, mut links) = (PathBuf::from("/"), 0);
    while let Some(part) = rest.pop_front() {
        if part == b".." {
            real.pop();
            continue;
        }
        let next = real.join(OsStr::from_bytes(&part));
        if let Some(target) = followed(&next).filter(|_| links < MOST_LINKS) {
            links += 1;
            let mut before = parts(&target);
            before.extend(rest);
            rest = before;
            if target.is_absolute() {
                real = PathBuf::from("/");
            }
        } else {
            real = next;
        }
    }
    let found = fs::symlink_metadata(&real).ok();
    let mut also = Vec::new();
    if let Some(found) = found.as_ref().filter(|found| found.is_file() && found.nlink() > 1) {
        for other in guarded() {
            let same = fs::symlink_metadata(&other).is_ok_and(|other| (other.dev(), other.ino()) == (found.dev(), found.ino()));
            if same && other != real {
                also.push(other.to_string_lossy().into_owned());
            }
        }
    }
    Place { real: real.to_string_lossy().into_owned(), exists: found.is_some(), also }
}

/// Where a link leads; the root of a process is `/` also where it may not be read.
fn followed(path: &Path) -> Option<PathBuf> {
    if path.starts_with("/proc") && path.file_name() == Some(OsStr::new("root")) && path.components().count() == 4 {
        return Some(PathBuf::from("/"));
    }
    fs::read_link(path).ok()
}

fn parts(path: &Path) -> VecDeque<Vec<u8>> {
    let plain = |part: Component<'_>| match part {
        Component::Normal(name) => Some(name.as_bytes().to_vec()),
        Component::ParentDir => Some(b"..".to_vec()),
        Component::CurDir | Component::RootDir | Component::Prefix(_) => None,
    };
    path.components().filter_map(plain).collect()
}

/// The paths that fit `pattern`, which is absolute, as a shell would find them, and those with a leading dot that `*` leaves out.
#[must_use]
pub fn expand(pattern: &str) -> Vec<String> {
    let mut found = vec![PathBuf::from("/")];
    for part in pattern.split('/').filter(|part| !part.is_empty() && *part != ".") {
        if !part.contains(['*', '?', '[']) {
            for path in &mut found {
                path.push(part);
            }
            continue;
        }
        let mut next = Vec::new();
        for directory in found {
            let entries = fs::read_dir(&directory).into_iter().flatten().take(MOST_ENTRIES).filter_map(Result::ok);
            next.extend(entries.filter(|entry| matches(part, &entry.file_name().to_string_lossy())).map(|entry| entry.path()));
            if next.len() > MOST_PATHS {
                break;
            }
        }
        found = next;
    }
    found.truncate(MOST_PATHS);
    found.iter().map(|path| path.to_string_lossy().into_owned()).collect()
}

/// Files that rules protect and that somebody may have given a second name: settings and hooks of git and of the agent's client,
/// logs, and keys.
#[must_use]
pub fn guarded(workspace: &Workspace) -> Vec<PathBuf> {
    let mut directories =
        vec![workspace.claude(), workspace.common_directory().to_owned(), workspace.common_directory().join("hooks")];
    if let Ok(sessions) = fs::read_dir(workspace.private().join("sessions")) {
        directories.extend(sessions.take(MOST_ENTRIES).filter_map(Result::ok).map(|entry| entry.path()));
    }
    if let Some(home) = workspace.environment().home() {
        directories.push(home.to_owned());
        directories.extend([".ssh", ".aws", ".gnupg", ".kube", ".docker", ".config/gh", ".claude"].map(|name| home.join(name)));
    }
    directories.push(workspace.root().to_owned());
    let entries = directories.iter().filter_map(|directory| fs::read_dir(directory).ok());
    entries.flat_map(|entries| entries.take(MOST_ENTRIES).filter_map(Result::ok).map(|entry| entry.path())).collect()
}

/// The other work trees of the clone, and the main one.
#[must_use]
pub fn work_trees(workspace: &Workspace) -> Vec<PathBuf> {
    let common = workspace.common_directory();
    let main = common.file_name().filter(|name| *name == ".git").and_then(|_| common.parent()).map(Path::to_owned);
    let linked = fs::read_dir(common.join("worktrees")).into_iter().flatten().filter_map(Result::ok);
    let linked = linked.filter_map(|entry| {
        let pointer = fs::read_to_string(entry.path().join("gitdir")).ok()?;
        fs::canonicalize(Path::new(pointer.trim()).parent()?).ok()
    });
    main.into_iter().chain(linked).filter(|tree| tree != workspace.root()).collect()
}

/// The directories for temporary files.
#[must_use]
pub fn temporary(workspace: &Workspace) -> Vec<PathBuf> {
    let own = workspace.environment().variable("TMPDIR").map(PathBuf::from);
    let all = [PathBuf::from("/tmp"), PathBuf::from("/var/tmp")].into_iter().chain(own);
    all.filter_map(|directory| fs::canonicalize(directory).ok()).collect()
}
