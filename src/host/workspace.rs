//! Where a command works: the work tree, its git directories, and what is opened on first use.
//!
//! Found by hand, without git2 and without parsing anything, because most commands need no more.

use std::{
    cell::OnceCell,
    fs,
    path::{Path, PathBuf},
};

use crate::{
    host::{Doing, Result, clock::Clock, environment::Environment, git::Repository},
    model::refusal::Refusal,
};

/// One work tree of one clone, with everything that a command may need.
#[derive(Debug)]
pub struct Workspace {
    root: PathBuf,
    git_directory: PathBuf,
    common_directory: PathBuf,
    environment: Environment,
    clock: Clock,
    repository: OnceCell<Repository>,
}

impl Workspace {
    /// Finds the work tree around the directory that `environment` starts in.
    ///
    /// # Errors
    /// Refuses where there is no repository, or a bare one.
    pub fn find(environment: Environment, clock: Clock) -> Result<Self> {
        let start = fs::canonicalize(environment.directory()).doing("enter", environment.directory())?;
        for directory in start.ancestors() {
            let dot_git = directory.join(".git");
            let git_directory = match fs::symlink_metadata(&dot_git) {
                Ok(found) if found.is_file() => pointed_at(&dot_git)?,
                Ok(_) if dot_git.join("HEAD").exists() => dot_git,
                _ if is_bare(directory) => {
                    return Err(Refusal::environment(format!(
                        "`{}` is a bare repository, which has no work tree",
                        directory.display()
                    ))
                    .hint("work in a clone or a linked work tree: `git worktree add <directory>`")
                    .into());
                }
                _ => continue,
            };
            let common_directory = common(&git_directory)?;
            return Ok(Self {
                root: directory.to_owned(),
                git_directory,
                common_directory,
                environment,
                clock,
                repository: OnceCell::new(),
            });
        }
        Err(Refusal::environment(format!("`{}` is not inside a git repository", start.display()))
            .hint("`git init` makes one; then run the command again")
            .into())
    }

    /// The top of the work tree.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The git directory of this work tree.
    #[must_use]
    pub fn git_directory(&self) -> &Path {
        &self.git_directory
    }

    /// The git directory that all work trees of this clone share.
    #[must_use]
    pub fn common_directory(&self) -> &Path {
        &self.common_directory
    }

    /// `.claude/` at the top of the work tree.
    #[must_use]
    pub fn claude(&self) -> PathBuf {
        self.root.join(".claude")
    }

    /// `<common directory>/autonomy/`: logs, bindings, output and caches of this clone.
    #[must_use]
    pub fn private(&self) -> PathBuf {
        self.common_directory.join("autonomy")
    }

    /// The surroundings of the command.
    #[must_use]
    pub fn environment(&self) -> &Environment {
        &self.environment
    }

    /// Time and random suffixes.
    #[must_use]
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// The repository, opened on first use.
    ///
    /// # Errors
    /// Fails when git's own data cannot be read, or not by this program.
    pub fn git(&self) -> Result<&Repository> {
        if let Some(repository) = self.repository.get() {
            return Ok(repository);
        }
        let repository = Repository::open(&self.root)?;
        Ok(self.repository.get_or_init(|| repository))
    }
}

fn pointed_at(dot_git: &Path) -> Result<PathBuf> {
    let text = fs::read_to_string(dot_git).doing("read", dot_git)?;
    let Some(target) = text.strip_prefix("gitdir:") else {
        return Err(Refusal::environment(format!("`{}` does not say `gitdir: <path>`", dot_git.display())).into());
    };
    let target = dot_git.parent().unwrap_or(Path::new("")).join(target.trim());
    fs::canonicalize(&target).doing("find the git directory", &target)
}

fn common(git_directory: &Path) -> Result<PathBuf> {
    let pointer = git_directory.join("commondir");
    match fs::read_to_string(&pointer) {
        Ok(text) => {
            let target = git_directory.join(text.trim());
            fs::canonicalize(&target).doing("find the shared git directory", &target)
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(git_directory.to_owned()),
        Err(error) => Err(error).doing("read", &pointer),
    }
}

fn is_bare(directory: &Path) -> bool {
    directory.join("HEAD").is_file() && directory.join("objects").is_dir() && directory.join("refs").is_dir()
}
