//! Who holds a version of a file: the questions that decide whether a missing record may be put back.
//!
//! Our own tags and refs never count. A record cannot be in a commit from before it was written, so walks end there.

use std::{collections::HashSet, fmt, path::Path};

use crate::{
    host::{
        Result,
        git::{Repository, Tried as _, raw_oid},
    },
    model::{change::TreePath, id::Oid, time::Timestamp},
};

/// How far a commit's clock may be behind the one that a record was written by, in seconds.
const SLACK: i64 = 24 * 3600;

/// The most entries of HEAD's reflog that are looked at, newest first.
const REFLOG: usize = 1_000;

/// Something of the user's that holds a version of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Holder {
    /// A local or remote branch, by its short name, at its tip or in its history.
    Branch(String),
    /// A stash entry, by its number.
    Stash(usize),
    /// A commit that HEAD once was at.
    Reflog,
}

impl fmt::Display for Holder {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Branch(name) => write!(formatter, "the branch `{name}` holds it"),
            Self::Stash(number) => write!(formatter, "`stash@{{{number}}}` holds it"),
            Self::Reflog => formatter.write_str("a commit that HEAD was at holds it"),
        }
    }
}

impl Repository {
    /// Whether a commit in HEAD's history, not older than `since`, holds any file at `path`; with nothing there at HEAD,
    /// a later commit took it away.
    ///
    /// # Errors
    /// Fails when git's data cannot be read.
    pub fn history_holds(&self, path: &TreePath, since: Timestamp) -> Result<bool> {
        let Some(head) = self.head()?.commit().cloned() else { return Ok(false) };
        self.any_commit(&[raw_oid(&head)?], path, since, &|_| true)
    }

    /// Who, besides HEAD's own history, holds one of `blobs` at `path`: the first of branches, remote branches and stash
    /// entries, then HEAD's reflog; none when nobody does.
    ///
    /// # Errors
    /// Fails when git's data cannot be read.
    pub fn holder(&self, path: &TreePath, blobs: &[Oid], since: Timestamp) -> Result<Option<Holder>> {
        let blobs = blobs.iter().map(raw_oid).collect::<Result<HashSet<git2::Oid>>>()?;
        let wanted = |blob: git2::Oid| blobs.contains(&blob);
        for branch in self.raw.branches(None).tried("list the branches")? {
            let (branch, _) = branch.tried("list the branches")?;
            let Some(tip) = branch.get().target() else { continue };
            if self.any_commit(&[tip], path, since, &wanted)? {
                return Ok(Some(Holder::Branch(
                    String::from_utf8_lossy(branch.name_bytes().tried("read a branch's name")?).into_owned(),
                )));
            }
        }
        if let Some(number) = self.stashed(path, &wanted) {
            return Ok(Some(Holder::Stash(number)));
        }
        let Ok(reflog) = self.raw.reflog("HEAD") else { return Ok(None) };
        let commits: HashSet<git2::Oid> = reflog.iter().take(REFLOG).map(|entry| entry.id_new()).collect();
        for commit in commits {
            if self.commit_holds(commit, path, &wanted) {
                return Ok(Some(Holder::Reflog));
            }
        }
        Ok(None)
    }

    /// Whether an entry of the stash holds any file at `path`: `git stash pop` would not overwrite one that lies there.
    #[must_use]
    pub fn stash_holds(&self, path: &TreePath) -> bool {
        self.stashed(path, &|_| true).is_some()
    }

    fn stashed(&self, path: &TreePath, wanted: &dyn Fn(git2::Oid) -> bool) -> Option<usize> {
        // Asking for the reflog of a ref that is not there would make one.
        self.raw.find_reference("refs/stash").ok()?;
        let reflog = self.raw.reflog("refs/stash").ok()?;
        for (number, entry) in reflog.iter().enumerate() {
            let Ok(stash) = self.raw.find_commit(entry.id_new()) else { continue };
            // The second parent holds the index, the third one untracked files.
            let parts = stash.parent_ids().skip(1).chain([stash.id()]);
            if parts.into_iter().any(|commit| self.commit_holds(commit, path, wanted)) {
                return Some(number);
            }
        }
        None
    }

    fn any_commit(
        &self,
        tips: &[git2::Oid],
        path: &TreePath,
        since: Timestamp,
        wanted: &dyn Fn(git2::Oid) -> bool,
    ) -> Result<bool> {
        let mut walk = self.raw.revwalk().tried("walk the history")?;
        walk.set_sorting(git2::Sort::TIME).tried("walk the history")?;
        for tip in tips {
            walk.push(*tip).tried("walk the history")?;
        }
        let oldest = since.as_millisecond() / 1000 - SLACK;
        for commit in walk {
            let commit = commit.tried("walk the history")?;
            if self.raw.find_commit(commit).tried("walk the history")?.committer().when().seconds() < oldest {
                return Ok(false);
            }
            if self.commit_holds(commit, path, wanted) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn commit_holds(&self, commit: git2::Oid, path: &TreePath, wanted: &dyn Fn(git2::Oid) -> bool) -> bool {
        let Ok(text) = std::str::from_utf8(path.as_bytes()) else { return false };
        let tree = self.raw.find_commit(commit).and_then(|commit| commit.tree());
        tree.and_then(|tree| tree.get_path(Path::new(text))).is_ok_and(|entry| wanted(entry.id()))
    }
}
