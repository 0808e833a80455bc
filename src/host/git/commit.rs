//! A path-limited commit, prepared: its objects are written, no ref, index or work tree changes.
//!
//! What may be committed where is decided by the caller; `land` makes the prepared commit the branch's.

use std::{collections::BTreeMap, fs, os::unix::fs::PermissionsExt as _};

use crate::{
    host::{
        Doing as _, Result,
        environment::Environment,
        failpoint,
        git::{
            Landing, Repository, Signature, Tried as _,
            attributes::{Asked, Attributes, Route},
            filters::Store,
            land::staged_side,
            oid,
            open::commit_of_nested,
        },
        process::Stop,
    },
    model::{
        change::{Mode, Side, TreePath},
        conversion::Conversion,
        id::{Digest, Oid},
        refusal::Refusal,
    },
};

/// What a path is to hold in the commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// These bytes as they are, without filters; a file that could be run still can.
    Bytes(Vec<u8>),
    /// An object that was written before.
    Stored(Side),
    /// What is in the work tree now, as git would store it.
    WorkTree,
    /// Nothing.
    Deleted,
}

/// One path of a commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathContent {
    /// The path.
    pub path: TreePath,
    /// What it is to hold.
    pub content: Content,
}

/// Whether the repository's hooks see the commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hooks {
    /// `pre-commit`, `prepare-commit-msg`, `commit-msg` and `post-commit` run as `git commit` runs them.
    Run,
    /// No hook runs.
    Skip,
}

/// What happens to content of a path of the commit that somebody staged and that is neither the old nor the new one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Staged {
    /// The commit is refused, naming the path.
    #[default]
    Refuse,
    /// It stays staged.
    Stay,
    /// The committed content takes its place in the index, as `git commit -- <path>` does it.
    Replace,
}

/// A commit to prepare.
#[derive(Clone, Debug)]
pub struct CommitRequest {
    /// The full name of the branch, such as `refs/heads/main`.
    pub branch: String,
    /// The commit that the branch is at; nothing for the first commit of a repository.
    pub parent: Option<Oid>,
    /// The paths that the commit changes; all others stay as in the parent.
    pub paths: Vec<PathContent>,
    /// The message with its trailers.
    pub message: String,
    /// Who wrote the change.
    pub author: Signature,
    /// Who commits.
    pub committer: Signature,
    /// Whether hooks run.
    pub hooks: Hooks,
    /// What happens to staged content that would be lost from the index.
    pub staged: Staged,
}

/// A commit that is written and waits for its branch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prepared {
    /// Its tree.
    pub tree: Oid,
    /// The message as committed, after the hooks.
    pub message: String,
    /// The digest of the message.
    pub digest: Digest,
    /// What [`Repository::land`] needs, now or after a crash.
    pub landing: Landing,
    /// Paths that a hook put into the commit and that were not asked for.
    pub added_by_hook: Vec<TreePath>,
}

impl Repository {
    /// Writes the objects of a commit, running hooks and signing where asked; nothing when it would change nothing.
    ///
    /// # Errors
    /// Refuses when a hook refuses, when staged or unmerged content of a path would be lost, when a path of the work tree is
    /// not there or goes through a filter that nobody has trusted, and when nothing of the message is left.
    pub fn prepare(&self, request: &CommitRequest, environment: &Environment, stop: &Stop) -> Result<Option<Prepared>> {
        let attributes = Attributes::new(self, environment, Asked::PerPath)?;
        let mut changes = Vec::with_capacity(request.paths.len());
        for PathContent { path, content } in &request.paths {
            let base = request.parent.as_ref().map(|parent| self.side_at(parent, path)).transpose()?.flatten();
            let side = match content {
                Content::Bytes(bytes) => {
                    let mode =
                        base.as_ref().map(|base| base.mode).filter(|mode| mode.same_type(Mode::File)).unwrap_or(Mode::File);
                    Some(Side { mode, oid: self.write_blob(bytes)? })
                }
                Content::Stored(side) => Some(side.clone()),
                Content::WorkTree => Some(self.store_from_work_tree(path, base.as_ref(), &attributes)?),
                Content::Deleted => None,
            };
            changes.push((path.clone(), base, side));
        }
        let mut replaces = if self.head()?.reference().as_ref() == Some(&request.branch) {
            self.staged_otherwise(&changes)?
        } else {
            BTreeMap::new()
        };
        if request.staged == Staged::Stay {
            replaces.clear();
        }
        if let (Staged::Refuse, Some(path)) = (request.staged, replaces.keys().next()) {
            return Err(Refusal::conflict(format!("cannot commit `{path}`: other content of it is staged"))
                .hint(format!("commit it or take it back: `git restore --staged -- {path}`"))
                .into());
        }
        let changes: Vec<_> = changes.into_iter().map(|(path, _, side)| (path, side)).collect();
        let tree = self.write_tree_with(request.parent.as_ref(), &changes)?;
        if self.changes_nothing(request.parent.as_ref(), &tree)? {
            return Ok(None);
        }
        let tidy = |text: &str| git2::message_prettify(text, None).tried("tidy the commit message");
        let asked = tree.clone();
        let (tree, message) = match request.hooks {
            Hooks::Run => self.run_hooks(request, tree, &changes, tidy(&request.message)?, environment, stop)?,
            Hooks::Skip => (tree, request.message.clone()),
        };
        let message = tidy(&message)?;
        if message.trim().is_empty() {
            return Err(Refusal::usage("cannot commit: nothing of the message is left").into());
        }
        if self.changes_nothing(request.parent.as_ref(), &tree)? {
            return Ok(None);
        }
        let mut added_by_hook = Vec::new();
        for change in self.changes(Some(&asked), &tree)? {
            if changes.iter().any(|(path, _)| *path == change.path) {
                // Where the content as asked for was staged, what the hook made of it takes its place.
                replaces.entry(change.path).or_insert(change.before);
            } else {
                added_by_hook.push(change.path);
            }
        }
        let commit = self.write_perhaps_signed(request, &tree, &message, environment, stop)?;
        failpoint::reach("commit.prepared").doing("prepare a commit for", self.root())?;
        let landing = Landing { branch: request.branch.clone(), parent: request.parent.clone(), commit, replaces };
        Ok(Some(Prepared { tree, digest: Digest::of(&message), message, landing, added_by_hook }))
    }

    fn write_perhaps_signed(
        &self,
        request: &CommitRequest,
        tree: &Oid,
        message: &str,
        environment: &Environment,
        stop: &Stop,
    ) -> Result<Oid> {
        let parents: Vec<&Oid> = request.parent.iter().collect();
        if !self.signs_commits(environment)? {
            return self.write_commit(tree, &parents, message, &request.author, &request.committer);
        }
        let mut arguments = vec![tree.as_str(), "-m", message.trim_end_matches('\n')];
        for parent in parents {
            arguments.extend(["-p", parent.as_str()]);
        }
        Ok(Oid::new(self.write_signed(&arguments, [&request.author, &request.committer], environment, stop)?)?)
    }

    fn changes_nothing(&self, parent: Option<&Oid>, tree: &Oid) -> Result<bool> {
        match parent {
            Some(parent) => Ok(self.tree_of(parent)? == *tree),
            None => Ok(self.raw_tree(tree)?.is_empty()),
        }
    }

    /// Writes what the work tree holds at `path` as git would add it, and refuses what is not there, what lies beyond a link,
    /// and what goes through a filter that nobody has trusted. `base` is what the last commit holds there.
    fn store_from_work_tree(&self, path: &TreePath, base: Option<&Side>, attributes: &Attributes<'_>) -> Result<Side> {
        let refused = |why: &str| Refusal::conflict(format!("cannot take `{path}` from the work tree: {why}"));
        for parent in path.parents() {
            let directory = parent.join_to(self.root());
            if !directory.symlink_metadata().is_ok_and(|found| found.is_dir()) {
                return Err(refused(&format!("`{parent}` is not a directory")).into());
            }
        }
        let file = path.join_to(self.root());
        let found = match file.symlink_metadata() {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Err(refused("it is not there").into()),
            found => found.doing("look at", &file)?,
        };
        if found.is_symlink() {
            let target = fs::read_link(&file).doing("read the link", &file)?;
            return Ok(Side { mode: Mode::Link, oid: self.write_blob(target.as_os_str().as_encoded_bytes())? });
        }
        if found.is_dir() {
            return match commit_of_nested(&file, &self.environment) {
                Ok(Some(head)) if base.is_none_or(|base| base.mode == Mode::Submodule) => {
                    Ok(Side { mode: Mode::Submodule, oid: oid(head) })
                }
                _ => Err(refused("it is a directory").into()),
            };
        }
        if !found.is_file() {
            return Err(refused("it is neither a file nor a link").into());
        }
        let route = attributes.route(path)?;
        let runs = if self.config_bool("core.fileMode")?.unwrap_or(true) {
            found.permissions().mode() & 0o100 != 0
        } else {
            base.is_some_and(|base| base.mode == Mode::Executable)
        };
        let gone = || refused("it is not there");
        let oid = match route {
            Route::Program => self.hash_by_program(&[path], Store::Write)?.pop().ok_or_else(gone)?,
            Route::Here(Conversion::NONE) => oid(self.raw.blob_path(&file).tried(format!("store `{path}`"))?),
            Route::Here(conversion) => {
                let bytes = fs::read(&file).doing("read", &file)?;
                let indexed = || {
                    let entry = self.index().ok()?.get_path(&path.join_to("".as_ref()), 0)?;
                    Some(self.raw.find_blob(entry.id).ok()?.content().to_owned())
                };
                self.write_blob(&conversion.to_repository(&bytes, indexed))?
            }
        };
        Ok(Side { mode: if runs { Mode::Executable } else { Mode::File }, oid })
    }

    /// The paths whose staged content is neither the old nor the new one, with that content.
    fn staged_otherwise(&self, changes: &[(TreePath, Option<Side>, Option<Side>)]) -> Result<BTreeMap<TreePath, Option<Side>>> {
        let index = self.index()?;
        let mut otherwise = BTreeMap::new();
        for (path, base, new) in changes {
            let relative = path.join_to("".as_ref());
            if (1..=3).any(|stage| index.get_path(&relative, stage).is_some()) {
                return Err(Refusal::conflict(format!("cannot commit `{path}`: a merge left it unresolved"))
                    .hint(format!("resolve it, then `git add -- {path}`"))
                    .into());
            }
            let staged = index.get_path(&relative, 0).as_ref().and_then(staged_side);
            if staged != *base && staged != *new {
                otherwise.insert(path.clone(), staged);
            }
        }
        Ok(otherwise)
    }
}
