//! Single files below one directory, changed the way an agent changes them and never outside it.
//!
//! For recordings only: nothing here is durable, and nothing of the store is written this way.

use std::path::{Path, PathBuf};

use crate::{
    host::{
        Result,
        store::{
            place::{Place, Stands},
            write::{self, Durability},
        },
    },
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
    let Some(place) = Place::below(root, path.as_bytes())? else { return Ok(Found::Nothing) };
    match place.stands()? {
        Stands::Link => place.target().map(Found::Link),
        Stands::File(bits) => {
            let read = place.read(u64::MAX)?;
            Ok(read.map_or(Found::Nothing, |bytes| Found::File { bytes, executable: bits & 0o100 != 0 }))
        }
        Stands::Nothing | Stands::Other => Ok(Found::Nothing),
    }
}

/// Writes a file whole, with its directories; a link in its place is replaced, not followed.
///
/// # Errors
/// Refuses a path that a symbolic link leads through; fails when the file system does not allow it.
pub fn put(root: &Path, path: &TreePath, bytes: &[u8], executable: Option<bool>) -> Result<()> {
    let place = Place::make_way(root, path.as_bytes())?;
    place.put(bytes, Durability::Derived)?;
    match executable {
        Some(executable) => place.set_bits(if executable { 0o755 } else { 0o644 }),
        None => Ok(()),
    }
}

/// Makes a symbolic link, in place of what is there.
///
/// # Errors
/// Refuses a path that a symbolic link leads through; fails when the file system does not allow it.
pub fn link(root: &Path, path: &TreePath, target: &str) -> Result<()> {
    Place::make_way(root, path.as_bytes())?.link(target)
}

/// Deletes a file or link, and the directories that it leaves empty.
///
/// # Errors
/// Refuses a path that a symbolic link leads through; fails when there is nothing to delete.
pub fn delete(root: &Path, path: &TreePath) -> Result<()> {
    match Place::below(root, path.as_bytes())? {
        Some(place) => place.remove()?,
        None => return Err(Refusal::no(format!("there is no `{path}` to delete")).into()),
    }
    write::remove_empty(root, path.as_bytes())
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::symlink};

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
        assert!(refusal.ends_with("/out` is a symbolic link, and autonomy does not write through links"), "{refusal}");
        assert!(look(folder.path(), &path("out/x")).is_err() && delete(folder.path(), &path("out/x")).is_err());
        assert_eq!(fs::read_dir(outside.path()).expect("is there").count(), 0);
    }
}
