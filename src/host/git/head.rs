//! Where HEAD is, which git operation is under way, and the facts by which a branch may be protected.
//!
//! Whether a branch is protected is decided by `model`; here is only what git says.

use std::fs;

use crate::{
    host::{
        Error, Result,
        git::{RefStore, Repository, Tried as _},
    },
    model::{branch::Facts, id::Oid},
};

/// What HEAD points at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Head {
    /// A branch, which has no commit yet in a new repository.
    Branch {
        /// Its name without `refs/heads/`.
        name: String,
        /// Its last commit.
        commit: Option<Oid>,
    },
    /// A commit without a branch.
    Detached {
        /// The commit.
        commit: Oid,
    },
}

impl Head {
    /// The commit that HEAD stands on, when there is one.
    #[must_use]
    pub fn commit(&self) -> Option<&Oid> {
        match self {
            Self::Branch { commit, .. } => commit.as_ref(),
            Self::Detached { commit } => Some(commit),
        }
    }

    /// The full name of the branch, such as `refs/heads/main`, when there is one.
    #[must_use]
    pub fn reference(&self) -> Option<String> {
        self.branch().map(|name| format!("refs/heads/{name}"))
    }

    /// The branch without `refs/heads/`, when there is one.
    #[must_use]
    pub fn branch(&self) -> Option<&str> {
        match self {
            Self::Branch { name, .. } => Some(name),
            Self::Detached { .. } => None,
        }
    }
}

/// A git operation that has begun and waits for its next step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// `git merge`.
    Merge,
    /// `git rebase`.
    Rebase,
    /// `git cherry-pick`.
    CherryPick,
    /// `git revert`.
    Revert,
    /// `git bisect`.
    Bisect,
    /// `git am`.
    ApplyMailbox,
}

impl Operation {
    /// The git command that began it.
    #[must_use]
    pub fn command(self) -> &'static str {
        match self {
            Self::Merge => "git merge",
            Self::Rebase => "git rebase",
            Self::CherryPick => "git cherry-pick",
            Self::Revert => "git revert",
            Self::Bisect => "git bisect",
            Self::ApplyMailbox => "git am",
        }
    }
}

impl Repository {
    /// Reads where HEAD is.
    ///
    /// # Errors
    /// Fails when HEAD cannot be read or its branch's name is not UTF-8.
    pub fn head(&self) -> Result<Head> {
        if let Some(target) = self.symbolic_target("HEAD")? {
            let name = target.strip_prefix("refs/heads/").unwrap_or(&target).to_owned();
            return Ok(Head::Branch { name, commit: self.find_ref(&target)? });
        }
        match self.find_ref("HEAD")? {
            Some(commit) => Ok(Head::Detached { commit }),
            None => Err(Error::while_doing("read HEAD", "it points at nothing")),
        }
    }

    /// The git operation that is under way in this work tree; of several, the one that `git status` names first.
    #[must_use]
    pub fn operation(&self) -> Option<Operation> {
        use git2::RepositoryState as State;
        match self.raw.state() {
            State::Merge => Some(Operation::Merge),
            State::Rebase | State::RebaseInteractive | State::RebaseMerge => Some(Operation::Rebase),
            State::ApplyMailbox | State::ApplyMailboxOrRebase => Some(Operation::ApplyMailbox),
            State::CherryPick | State::CherryPickSequence => Some(Operation::CherryPick),
            State::Revert | State::RevertSequence => Some(Operation::Revert),
            State::Bisect => Some(Operation::Bisect),
            State::Clean => self.picking().or_else(|| self.sequence()),
        }
    }

    /// A pick or revert that a ref names which libgit2 does not see.
    fn picking(&self) -> Option<Operation> {
        if self.ref_store == RefStore::Library {
            return None;
        }
        let marks = [("CHERRY_PICK_HEAD", Operation::CherryPick), ("REVERT_HEAD", Operation::Revert)];
        marks.into_iter().find(|(mark, _)| matches!(self.find_ref(mark), Ok(Some(_)))).map(|(_, operation)| operation)
    }

    /// A row of picks or reverts between two of its commits leaves only its list of things to do.
    fn sequence(&self) -> Option<Operation> {
        let list = fs::read_to_string(self.raw.path().join("sequencer/todo")).ok()?;
        match list.split_whitespace().next() {
            Some("pick" | "p") => Some(Operation::CherryPick),
            Some("revert") => Some(Operation::Revert),
            _ => None,
        }
    }

    /// Whether the index holds paths that a merge left unresolved.
    ///
    /// # Errors
    /// Fails when the index cannot be read.
    pub fn has_conflicts(&self) -> Result<bool> {
        Ok(self.index()?.has_conflicts())
    }

    /// The facts by which a branch may be protected.
    ///
    /// # Errors
    /// Fails when the configuration or the refs cannot be read.
    pub fn branch_facts(&self) -> Result<Facts> {
        let names = self.raw.remotes().tried("list the remotes")?;
        let remotes: Vec<&str> = names.iter().filter_map(|name| name.ok().flatten()).collect();
        let remote_head = |remote: &&str| {
            let prefix = format!("refs/remotes/{remote}/");
            let found = self.symbolic_target(&format!("{prefix}HEAD")).ok().flatten()?;
            found.strip_prefix(&prefix).map(str::to_owned)
        };
        Ok(Facts {
            has_remote: !remotes.is_empty(),
            remote_heads: remotes.iter().filter_map(remote_head).collect(),
            default_branch: self.config_text("init.defaultBranch")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::git::fixture::Fixture;

    #[test]
    fn head_is_unborn_on_a_branch_or_detached() {
        let fixture = Fixture::new();
        assert_eq!(fixture.repository().head().unwrap(), Head::Branch { name: "main".to_owned(), commit: None });
        let commit = fixture.commit_file("a", "1\n");
        fixture.git(&["switch", "-q", "-c", "feature/x"]);
        let head = fixture.repository().head().unwrap();
        assert_eq!(head, Head::Branch { name: "feature/x".to_owned(), commit: Some(commit.clone()) });
        fixture.git(&["checkout", "-q", "--detach"]);
        assert_eq!(fixture.repository().head().unwrap(), Head::Detached { commit });
    }

    #[test]
    fn every_operation_under_way_is_named() {
        let fixture = Fixture::new();
        fixture.commit_file("a", "1\n");
        let base = fixture.commit_file("a", "2\n");
        fixture.git(&["switch", "-q", "-c", "side"]);
        fixture.commit_file("a", "side\n");
        fixture.commit_file("b", "side\n");
        let patch = fixture.git(&["format-patch", "-1", "-o", "../patches", "side~1"]);
        fixture.git(&["switch", "-q", "main"]);
        fixture.commit_file("a", "main\n");
        let repository = fixture.repository();
        assert_eq!(repository.operation(), None);
        for (begin, operation, abort) in [
            (&["merge", "side"][..], Operation::Merge, &["merge", "--abort"][..]),
            (&["rebase", "side"], Operation::Rebase, &["rebase", "--abort"]),
            (&["rebase", "--apply", "side"], Operation::Rebase, &["rebase", "--abort"]),
            (&["am", "-3", &patch], Operation::ApplyMailbox, &["am", "--abort"]),
            (&["cherry-pick", "side~1", "side"], Operation::CherryPick, &["cherry-pick", "--abort"]),
            (&["revert", "--no-edit", base.as_str(), "HEAD~1"], Operation::Revert, &["revert", "--abort"]),
        ] {
            assert!(!fixture.try_git(begin).status.success(), "{begin:?} was to stop half way");
            assert_eq!(repository.operation(), Some(operation), "{begin:?}");
            assert!(repository.has_conflicts().unwrap(), "{begin:?}");
            fixture.git(abort);
            assert_eq!(repository.operation(), None, "{abort:?}");
        }
        fixture.git(&["bisect", "start"]);
        assert_eq!(repository.operation(), Some(Operation::Bisect));
        fixture.git(&["bisect", "reset"]);
    }

    #[test]
    fn a_row_of_picks_is_under_way_between_two_of_them() {
        let fixture = Fixture::new();
        fixture.commit_file("a", "1\n");
        fixture.git(&["switch", "-q", "-c", "side"]);
        fixture.commit_file("a", "side\n");
        fixture.commit_file("b", "side\n");
        fixture.git(&["switch", "-q", "main"]);
        fixture.commit_file("a", "main\n");
        assert!(!fixture.try_git(&["cherry-pick", "side~1", "side"]).status.success());
        fixture.write("a", "both\n");
        fixture.git(&["commit", "-q", "-am", "By hand"]);
        assert_eq!(fixture.repository().operation(), Some(Operation::CherryPick));
    }

    #[test]
    fn branch_facts_name_the_remotes_and_their_default_branches() {
        let fixture = Fixture::new();
        fixture.commit_file("a", "1\n");
        assert_eq!(fixture.repository().branch_facts().unwrap(), Facts::default());
        fixture.git(&["remote", "add", "origin", "."]);
        fixture.git(&["fetch", "-q", "origin"]);
        fixture.git(&["remote", "set-head", "origin", "main"]);
        fixture.git(&["remote", "add", "other", "."]);
        fixture.git(&["config", "init.defaultBranch", "trunk"]);
        let facts = fixture.repository().branch_facts().unwrap();
        let trunk = Some("trunk".to_owned());
        assert_eq!(facts, Facts { has_remote: true, remote_heads: vec!["main".to_owned()], default_branch: trunk });
    }
}
