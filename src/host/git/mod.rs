//! The repository behind one face; `git2` is named nowhere else.
//!
//! Nothing here forces: no call overwrites what it was not told about, and the user's index, branches and configuration
//! change only in the functions that say so in their first line.

mod tracked;

use std::{fmt, path::Path};

use crate::host::{Error, Result};

/// One opened repository with its work tree.
pub struct Repository {
    raw: git2::Repository,
}

impl fmt::Debug for Repository {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Repository").field("path", &self.raw.path()).finish()
    }
}

impl Repository {
    /// Opens the repository of the work tree at `root`.
    ///
    /// # Errors
    /// Fails when libgit2 cannot read it.
    pub fn open(root: &Path) -> Result<Self> {
        let raw = git2::Repository::open(root).map_err(|error| Error::at("open the repository", root, error))?;
        Ok(Self { raw })
    }
}
