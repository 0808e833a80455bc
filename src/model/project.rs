//! The code of a repository as a whole: its files with their facts, the packages it is made of, and what imports what.
//!
//! How the files came to be read is not known here.

pub mod calls;
pub mod graph;
pub mod manifest;
pub mod pages;
pub mod resolve;

use crate::model::{project::manifest::Package, source::Facts};

/// What was found in a work tree.
#[derive(Clone, Debug, Default)]
pub struct Survey {
    /// Source files by their paths, in order.
    pub files: Vec<Surveyed>,
    /// The packages that manifests declare.
    pub packages: Vec<Package>,
    /// Files that could not be read, and why.
    pub unread: Vec<(String, String)>,
    /// How many files lie where the code of others is kept; they are not looked at.
    pub foreign: usize,
}

/// A source file.
#[derive(Clone, Debug)]
pub struct Surveyed {
    /// Its path, from the top of the work tree.
    pub path: String,
    /// What it says.
    pub facts: Facts,
}

/// Directories that hold the code of others.
const FOREIGN: &[&str] = &["node_modules", "vendor", "third_party", "third-party", ".yarn", "bower_components"];

/// Whether `path` lies where the code of others is kept.
#[must_use]
pub fn is_foreign(path: &str) -> bool {
    path.rsplit_once('/').is_some_and(|(folders, _)| folders.split('/').any(|folder| FOREIGN.contains(&folder)))
}
