//! Secrets in what a snapshot or a commit newly adds. What one looks like is `host::secret`'s to know.
//!
//! Nothing is refused and nothing is left out here: whoever asks decides.

use std::{collections::HashSet, fs::File, io::Read as _, path::Path};

use crate::{
    host::{
        Doing as _, Result,
        environment::Environment,
        git::Repository,
        secret::{self, Finding, Secrets},
    },
    model::{
        change::{Change, Mode, Side, TreePath},
        secret::{Allowed, Fingerprint, Leak},
    },
};

/// How much of a large file is looked through at once.
const PIECE: usize = 4 << 20;

/// Whether a line that says that its secret is none is believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Markers {
    /// A person may have written it.
    Believed,
    /// An agent may have written it.
    Ignored,
}

/// Looks through content for secrets that nobody allowed.
pub struct Lookout<'a> {
    secrets: Secrets,
    allowed: &'a Allowed,
    markers: Markers,
}

impl<'a> Lookout<'a> {
    /// Also knows the values of the variables in `environment` that look like secrets.
    #[must_use]
    pub fn new(environment: &Environment, allowed: &'a Allowed, markers: Markers) -> Self {
        Self { secrets: Secrets::of(environment), allowed, markers }
    }

    /// The secrets in `bytes`, which are or were the content of `path`.
    pub(in crate::host::git) fn look(&self, path: &[u8], bytes: &[u8]) -> Vec<Leak> {
        let Ok(path) = TreePath::new(path) else { return Vec::new() };
        let found = self.secrets.scan(bytes, Some(&path));
        self.told(&path, found, 0)
    }

    /// The same for a file that is too large to be held in memory.
    pub(in crate::host::git) fn look_at_file(&self, path: &[u8], place: &Path) -> Result<Vec<Leak>> {
        let Ok(path) = TreePath::new(path) else { return Ok(Vec::new()) };
        let mut file = File::open(place).doing("read", place)?;
        let (mut held, mut lines, mut leaks) = (Vec::new(), 0, Vec::new());
        loop {
            let read = file.by_ref().take(PIECE as u64).read_to_end(&mut held).doing("read", place)?;
            // A line is not cut, unless it is longer than a piece.
            let cut = held.iter().rposition(|&byte| byte == b'\n').filter(|_| read > 0).map_or(held.len(), |end| end + 1);
            leaks.extend(self.told(&path, self.secrets.scan(&held[..cut], Some(&path)), lines));
            if read == 0 {
                return Ok(leaks);
            }
            lines += secret::lines(&held[..cut]);
            held.drain(..cut);
        }
    }

    fn told(&self, path: &TreePath, found: Vec<Finding>, before: u64) -> Vec<Leak> {
        let counts =
            |found: &Finding| !(found.marked && self.markers == Markers::Believed || self.allowed.holds(&found.fingerprint));
        if !found.iter().any(counts) || self.allowed.holds_path(path) {
            return Vec::new();
        }
        let leak = |found: Finding| Leak {
            path: path.clone(),
            line: before + found.line,
            rule: found.kind,
            fingerprint: found.fingerprint,
        };
        found.into_iter().filter(counts).map(leak).collect()
    }

    /// Those of `leaks` that `before`, the earlier content of the file, did not have.
    pub(in crate::host::git) fn without_those_in(&self, leaks: Vec<Leak>, before: &[u8]) -> Vec<Leak> {
        let known: HashSet<Fingerprint> = self.secrets.scan(before, None).into_iter().map(|found| found.fingerprint).collect();
        leaks.into_iter().filter(|leak| !known.contains(&leak.fingerprint)).collect()
    }
}

impl Repository {
    /// The secrets that `changes` add to what was there before them.
    ///
    /// # Errors
    /// Fails when an object is missing.
    pub fn added_secrets(&self, changes: &[Change], lookout: &Lookout<'_>) -> Result<Vec<Leak>> {
        let bytes = |side: Option<&Side>| match side {
            Some(side) if side.mode.same_type(Mode::File) => self.blob_bytes(&side.oid).map(Some),
            Some(_) | None => Ok(None),
        };
        let mut added = Vec::new();
        for change in changes {
            let Some(now) = bytes(change.after.as_ref())? else { continue };
            let leaks = lookout.look(change.path.as_bytes(), &now);
            if leaks.is_empty() {
                continue;
            }
            added.extend(match bytes(change.before.as_ref())? {
                Some(then) => lookout.without_those_in(leaks, &then),
                None => leaks,
            });
        }
        Ok(added)
    }
}
