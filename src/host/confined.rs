//! Single files below one directory, changed the way an agent changes them and never outside it.
//!
//! For recordings only: nothing here is durable, and nothing of the store is written this way.

use std::{
    fs,
    io::ErrorKind,
    os::unix::fs::{PermissionsExt, symlink},
    path::{Path, PathBuf},
};

use crate::{
    host::{Doing, Result, store::write},
    model::{change::TreePath, refusal::Refusal},
};

/// What is at a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// A file.
    File {
        /// Its bytes.
        bytes: Vec<u8>,
        /// Whether its owner may execute it.
        executable: bool,
    },
    /// A symbolic link and what it points to.
    Link(PathBuf),
    /// Nothing, or something else.
    Nothing,
}

/// Looks at `path` below `root`.
///
/// # Errors
/// Refuses a path that a symbolic link leads through; fails when the file cannot be read.
pub fn look(root: &Path, path: &TreePath) -> Result<Found> {
    let place = place(root, path)?;
    let found = match fs::symlink_metadata(&place) {
        Ok(found) => found,
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => return Ok(Found::Nothing),
        Err(error) => return Err(error).doing("look at", &place),
    };
    if found.is_symlink() {
        return fs::read_link(&place).map(Found::Link).doing("read the link", &place);
    }
    if !found.is_file() {
        return Ok(Found::Nothing);
    }
    let executable = found.permissions().mode() & 0o100 != 0;
    Ok(Found::File { bytes: fs::read(&place).doing("read", &place)?, executable })
}

/// Writes a file whole, with its directories; a link in its place is replaced, not followed.
///
/// # Errors
/// Refuses a path that a symbolic link leads through; fails when the file system does not allow it.
pub fn put(root: &Path, path: &TreePath, bytes: &[u8], executable: Option<bool>) -> Result<()> {
    let place = make_room(root, path)?;
    write::replace(&place, bytes, write::Durability::Derived)?;
    if let Some(executable) = executable {
        let mode = if executable { 0o755 } else { 0o644 };
        fs::set_permissions(&place, fs::Permissions::from_mode(mode)).doing("set the permissions of", &place)?;
    }
    Ok(())
}

/// Makes a symbolic link, in place of what is there.
///
/// # Errors
/// Refuses a path that a symbolic link leads through; fails when the file system does not allow it.
pub fn link(root: &Path, path: &TreePath, target: &str) -> Result<()> {
    let place = make_room(root, path)?;
    if fs::symlink_metadata(&place).is_ok() {
        fs::remove_file(&place).doing("replace", &place)?;
    }
    symlink(target, &place).doing("make the link", &place)
}

/// Deletes a file or link, and the directories that it leaves empty.
///
/// # Errors
/// Refuses a path that a symbolic link leads through; fails when there is nothing to delete.
pub fn delete(root: &Path, path: &TreePath) -> Result<()> {
    let place = place(root, path)?;
    fs::remove_file(&place).doing("delete", &place)?;
    for parent in path.parents().collect::<Vec<_>>().iter().rev() {
        if fs::remove_dir(parent.join_to(root)).is_err() {
            break;
        }
    }
    Ok(())
}

/// Where `path` is, when no symbolic link leads there.
fn place(root: &Path, path: &TreePath) -> Result<PathBuf> {
    for parent in path.parents() {
        let directory = parent.join_to(root);
        if fs::symlink_metadata(&directory).is_ok_and(|found| found.is_symlink()) {
            return Err(Refusal::environment(format!(
                "`{path}` is behind the symbolic link `{parent}`, which may lead elsewhere"
            ))
            .into());
        }
    }
    Ok(path.join_to(root))
}

fn make_room(root: &Path, path: &TreePath) -> Result<PathBuf> {
    let place = place(root, path)?;
    if let Some(parent) = place.parent() {
        fs::create_dir_all(parent).doing("make the directory", parent)?;
    }
    if fs::symlink_metadata(&place).is_ok_and(|found| found.is_symlink()) {
        fs::remove_file(&place).doing("replace the link", &place)?;
    }
    Ok(place)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> TreePath {
        text.parse().expect("a clean path")
    }

    #[test]
    fn files_and_links_are_put_found_and_deleted() {
        let folder = tempfile::tempdir().expect("a folder");
        let root = folder.path();
        put(root, &path("a/b/tool"), b"one", Some(true)).expect("puts");
        put(root, &path("a/b/tool"), b"two", None).expect("puts again and keeps the mode");
        assert_eq!(look(root, &path("a/b/tool")).expect("looks"), Found::File { bytes: b"two".to_vec(), executable: true });
        link(root, &path("a/l"), "b/tool").expect("links");
        assert_eq!(look(root, &path("a/l")).expect("looks"), Found::Link("b/tool".into()));
        put(root, &path("a/l"), b"now a file", Some(false)).expect("replaces the link");
        assert_eq!(fs::read(root.join("a/b/tool")).expect("is there"), b"two", "the link was not followed");
        delete(root, &path("a/b/tool")).expect("deletes");
        assert!(!root.join("a/b").exists() && root.join("a/l").exists(), "the empty directory went too, the other stayed");
        assert!(delete(root, &path("a/b/tool")).is_err());
        assert_eq!(look(root, &path("a/l/below")).expect("looks"), Found::Nothing);
    }

    #[test]
    fn nothing_is_written_through_a_link() {
        let (folder, outside) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("another"));
        symlink(outside.path(), folder.path().join("out")).expect("links");
        let refusal = put(folder.path(), &path("out/x"), b"x", None).expect_err("leads outside").to_string();
        assert_eq!(refusal, "`out/x` is behind the symbolic link `out`, which may lead elsewhere");
        assert!(look(folder.path(), &path("out/x")).is_err() && delete(folder.path(), &path("out/x")).is_err());
        assert_eq!(fs::read_dir(outside.path()).expect("is there").count(), 0);
    }
}
