//! Repositories for the tests of this folder, made by the git program, which also gives the answers to compare with.
//!
//! Nothing here is part of the product.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use crate::{
    host::{
        environment::Environment,
        git::{Identity, Repository, Signature},
    },
    model::{change::TreePath, id::Oid, time::Timestamp},
};

/// A temporary repository on the branch `main`.
pub(in crate::host::git) struct Fixture {
    root: PathBuf,
    _directory: tempfile::TempDir,
}

impl Fixture {
    /// A directory that is no repository yet.
    pub(in crate::host::git) fn empty() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path().canonicalize().unwrap().join("work");
        fs::create_dir(&root).unwrap();
        Self { root, _directory: directory }
    }

    /// A repository without commits, with an identity.
    pub(in crate::host::git) fn new() -> Self {
        Self::with(&[])
    }

    /// The same, made with further options of `git init`.
    pub(in crate::host::git) fn with(options: &[&str]) -> Self {
        let fixture = Self::empty();
        fixture.git(&[&["init", "-q", "-b", "main"], options].concat());
        fixture.git(&["config", "user.name", "Ada"]);
        fixture.git(&["config", "user.email", "ada@example.org"]);
        fixture
    }

    pub(in crate::host::git) fn root(&self) -> &Path {
        &self.root
    }

    pub(in crate::host::git) fn repository(&self) -> Repository {
        Repository::open(&self.root, &self.environment()).unwrap()
    }

    /// What the git program is started with, and what is handed in where an environment is asked for.
    pub(in crate::host::git) fn environment(&self) -> Environment {
        let path = std::env::var("PATH").unwrap();
        let home = self.root.parent().unwrap().to_str().unwrap().to_owned();
        Environment::given(
            &self.root,
            &[
                ("PATH", &path),
                ("HOME", &home),
                ("GIT_CONFIG_GLOBAL", "/dev/null"),
                ("GIT_CONFIG_NOSYSTEM", "1"),
                ("GIT_OPTIONAL_LOCKS", "0"),
                ("LC_ALL", "C"),
            ],
        )
    }

    /// Runs git and hands back whatever came of it.
    pub(in crate::host::git) fn try_git(&self, arguments: &[&str]) -> Output {
        Command::new("git")
            .args(arguments)
            .current_dir(&self.root)
            .env_clear()
            .envs(self.environment().variables())
            .env("GIT_AUTHOR_DATE", "1795197600 +0000")
            .env("GIT_COMMITTER_DATE", "1795197600 +0000")
            .output()
            .unwrap()
    }

    /// Runs git, which must succeed, and hands back its output without the last line ending.
    pub(in crate::host::git) fn git(&self, arguments: &[&str]) -> String {
        let output = self.try_git(arguments);
        assert!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        text.strip_suffix('\n').map(str::to_owned).unwrap_or(text)
    }

    /// Whether the git at hand is of this version or later.
    pub(in crate::host::git) fn git_is(&self, wanted: [u32; 2]) -> bool {
        let said = self.git(&["version"]);
        let mut numbers = said.trim_start_matches("git version ").split('.').map(|part| part.parse().unwrap_or(0));
        [numbers.next().unwrap_or(0), numbers.next().unwrap_or(0)] >= wanted
    }

    pub(in crate::host::git) fn write(&self, path: &str, content: impl AsRef<[u8]>) {
        let file = self.root.join(path);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, content).unwrap();
    }

    pub(in crate::host::git) fn remove(&self, path: &str) {
        fs::remove_file(self.root.join(path)).unwrap();
    }

    /// Writes, stages and commits one file.
    pub(in crate::host::git) fn commit_file(&self, path: &str, content: &str) -> Oid {
        self.write(path, content);
        self.git(&["add", "--", path]);
        self.git(&["commit", "-q", "-m", &format!("Change {path}"), "--", path]);
        self.head()
    }

    pub(in crate::host::git) fn head(&self) -> Oid {
        self.oid("HEAD")
    }

    pub(in crate::host::git) fn oid(&self, revision: &str) -> Oid {
        self.oid_of(&["rev-parse", revision])
    }

    /// The object id that a git command prints.
    pub(in crate::host::git) fn oid_of(&self, arguments: &[&str]) -> Oid {
        Oid::new(self.git(arguments)).unwrap()
    }

    /// `git status --porcelain`, all untracked files.
    pub(in crate::host::git) fn status(&self) -> String {
        self.git(&["status", "--porcelain", "-uall"])
    }

    /// Checks every object and that every ref points at one.
    pub(in crate::host::git) fn fsck(&self) {
        self.git(&["fsck", "--strict", "--no-dangling"]);
    }
}

pub(in crate::host::git) fn path(text: &str) -> TreePath {
    TreePath::new(text).unwrap()
}

pub(in crate::host::git) fn signature() -> Signature {
    let identity = Identity { name: "Ada".to_owned(), email: "ada@example.org".to_owned() };
    Signature { identity, at: Timestamp::from_millisecond(1_795_197_600_000).unwrap(), offset_minutes: 60 }
}
