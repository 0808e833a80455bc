//! What tells one version of the index file from another, by `lstat` alone.
//!
//! What is in the index is not looked at here.

use std::{io, os::unix::fs::MetadataExt as _, path::Path};

use crate::host::{Error, Result};

/// What tells one version of the index file from another.
#[derive(PartialEq, Eq)]
pub(super) struct Version {
    inode: u64,
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

/// The version that is there now; none where there is no index.
pub(super) fn version(index: &Path) -> Result<Option<Version>> {
    match index.symlink_metadata() {
        Ok(found) => Ok(Some(Version {
            inode: found.ino(),
            size: found.size(),
            modified: (found.mtime(), found.mtime_nsec()),
            changed: (found.ctime(), found.ctime_nsec()),
        })),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Error::at("look at the index", index, error)),
    }
}
