//! Opening a repository of whatever kind, and saying which ones nobody here can open.
//!
//! Which repository belongs to a directory is found by `host::workspace`, not here.

use std::{
    cell::RefCell,
    collections::BTreeSet,
    path::Path,
    sync::{Once, PoisonError, RwLock},
};

use crate::{
    host::{
        Error, Result,
        environment::Environment,
        git::{RefStore, Repository, raw_oid},
    },
    model::refusal::Refusal,
};

/// Extensions that libgit2 does not know and was told to let pass. It keeps them for the whole process, without a lock of its own.
static PASSED: RwLock<BTreeSet<String>> = RwLock::new(BTreeSet::new());

/// Extensions that change nothing of what libgit2 does here: what a partial clone lacks is asked for by the program, and paths
/// of linked work trees are followed as they are.
const HARMLESS: [&str; 2] = ["partialclone", "relativeworktrees"];

impl Repository {
    /// Opens the repository of the work tree at `root`; from then on objects and refs that this process writes are synced.
    /// What libgit2 does not know of its kind is done by the git program.
    ///
    /// # Errors
    /// Refuses a repository that belongs to somebody else, and by name a kind that the git program does not know either; fails
    /// when git's own data cannot be read.
    pub fn open(root: &Path, environment: &Environment) -> Result<Self> {
        sync_writes();
        let (raw, passed) = open_raw(root).map_err(|error| refused(root, &error))?;
        if raw.workdir().is_none() {
            return Err(Refusal::environment(format!("`{}` is a bare repository, which has no work tree", root.display()))
                .hint("work in a clone or a linked work tree: `git worktree add <directory>`")
                .into());
        }
        let mut repository =
            Self { raw, environment: environment.clone(), ref_store: RefStore::Library, plain_form_of: RefCell::default() };
        if repository.config_text("extensions.refStorage")?.is_some_and(|kind| kind != "files") {
            repository.ref_store = RefStore::Program;
        }
        if repository.config_text("extensions.compatObjectFormat")?.is_some() {
            let shown = root.display();
            return Err(Refusal::environment(format!(
                "the repository `{shown}` keeps each object under two ids (`extensions.compatObjectFormat`), which this version \
                 cannot write"
            ))
            .into());
        }
        let doubtful = passed.iter().find(|name| !HARMLESS.contains(&name.as_str()));
        if let Some(extension) = doubtful
            && let Err(error) = repository.ask_git(&["rev-parse", "--git-dir"], environment)
        {
            return Err(unknown_to_git(root, extension, &error).into());
        }
        Ok(repository)
    }

    /// The top of the work tree.
    #[must_use]
    pub fn root(&self) -> &Path {
        self.raw.workdir().expect("because `open` takes no repository without a work tree")
    }
}

/// The commit that the repository with its top at `top`, inside another work tree, has checked out.
pub(in crate::host::git) fn commit_of_nested(top: &Path, environment: &Environment) -> Result<Option<git2::Oid>> {
    Repository::open(top, environment)?.head()?.commit().map(raw_oid).transpose()
}

/// Opens what is at `root`, and says which extensions libgit2 does not know were let pass for it or for another.
pub(in crate::host::git) fn open_raw(root: &Path) -> std::result::Result<(git2::Repository, BTreeSet<String>), git2::Error> {
    loop {
        let passed = PASSED.read().unwrap_or_else(PoisonError::into_inner);
        let error = match git2::Repository::open(root) {
            Ok(opened) => {
                let config = opened.config()?;
                let used = passed.iter().filter(|name| config.get_entry(&format!("extensions.{name}")).is_ok());
                return Ok((opened, used.cloned().collect()));
            }
            Err(error) => error,
        };
        let Some(name) = error.message().strip_prefix("unsupported extension name extensions.") else { return Err(error) };
        if passed.contains(name) {
            return Err(error);
        }
        drop(passed);
        let mut passed = PASSED.write().unwrap_or_else(PoisonError::into_inner);
        passed.insert(name.to_owned());
        let_pass(&passed)?;
    }
}

#[expect(unsafe_code, reason = "git2 has no safe call for this list of libgit2")]
fn let_pass(extensions: &BTreeSet<String>) -> std::result::Result<(), git2::Error> {
    let names: Vec<&str> = extensions.iter().map(String::as_str).collect();
    // SAFETY: libgit2 keeps the list in a global without a lock. The caller holds `PASSED` for writing, and every opening of a
    // repository, which is all that reads the list, holds it for reading.
    unsafe { git2::opts::set_extensions(&names) }
}

/// Makes libgit2 sync what it writes and check what it reads; once for the process.
fn sync_writes() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        git2::opts::strict_hash_verification(true);
        git2::opts::strict_object_creation(true);
        enable_sync();
    });
}

#[expect(unsafe_code, reason = "git2 has no safe call for this option of libgit2")]
fn enable_sync() {
    let option = libgit2_sys::GIT_OPT_ENABLE_FSYNC_GITDIR.cast_signed();
    // SAFETY: libgit2 was initialised by the calls of `git2::opts` before; the option takes one int and sets a global flag,
    // and `Once` keeps two threads from setting it together.
    unsafe { libgit2_sys::git_libgit2_opts(option, 1_i32) };
}

fn refused(root: &Path, error: &git2::Error) -> Error {
    let shown = root.display();
    if error.code() == git2::ErrorCode::Owner {
        return Refusal::environment(format!("the repository `{shown}` belongs to another user, so git does not trust it"))
            .hint(format!("if you do: `git config --global --add safe.directory {shown}`"))
            .into();
    }
    Error::at("open the repository", root, error.message().to_owned())
}

fn unknown_to_git(root: &Path, extension: &str, error: &Error) -> Refusal {
    let words = match error {
        Error::Refused(refusal) => refusal.message.clone(),
        failed @ Error::Machine { .. } => failed.to_string(),
    };
    let kind = match extension {
        "refstorage" => "keeps its refs in another way than as files".to_owned(),
        other => format!("uses the extension `{other}`"),
    };
    Refusal::environment(format!("the repository `{}` {kind}, and the git at hand does not know that: {words}", root.display()))
        .hint("a newer git may: `git --version`; reftables need git 2.45")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        host::git::{
            Limits, Words,
            fixture::{Fixture, signature},
        },
        model::refusal::Code,
    };

    fn refusal(root: &Path) -> Refusal {
        let Err(Error::Refused(refusal)) = Repository::open(root, &Environment::given(root, &[])) else {
            panic!("was opened or failed in other words")
        };
        refusal
    }

    fn extended(extension: &str, value: &str) -> Fixture {
        let fixture = Fixture::new();
        fixture.commit_file("a", "1\n");
        fixture.git(&["config", "core.repositoryFormatVersion", "1"]);
        fixture.git(&["config", &format!("extensions.{extension}"), value]);
        fixture
    }

    #[test]
    fn kinds_that_git_does_not_know_either_are_named() {
        for (extension, value, named) in [
            ("madeUp", "yes", "`madeup`, and the git at hand does not know that"),
            ("refStorage", "madeUp", "another way than as files, and the git at hand"),
            ("compatObjectFormat", "sha256", "compatObjectFormat"),
        ] {
            let fixture = extended(extension, value);
            let environment = fixture.environment();
            let Err(Error::Refused(refusal)) = Repository::open(fixture.root(), &environment) else { panic!("{named}") };
            assert_eq!(refusal.code, Code::Environment);
            assert!(refusal.message.contains(named), "{}", refusal.message);
        }
    }

    #[test]
    fn kinds_that_libgit2_does_not_know_are_opened() {
        for (extension, value) in [("partialClone", "origin"), ("relativeWorktrees", "true"), ("worktreeConfig", "true")] {
            let fixture = extended(extension, value);
            let repository = fixture.repository();
            assert_eq!((repository.ref_store, repository.head().unwrap().branch()), (RefStore::Library, Some("main")));
        }
    }

    #[test]
    fn reftables_are_read_and_changed_by_the_program() {
        let fixture = Fixture::empty();
        if !fixture.try_git(&["init", "-q", "-b", "main", "--ref-format=reftable"]).status.success() {
            // The suite says so, loudly.
            return;
        }
        fixture.git(&["config", "user.name", "Ada"]);
        fixture.git(&["config", "user.email", "ada@example.org"]);
        let commit = fixture.commit_file("a", "1\n");
        let repository = fixture.repository();
        assert_eq!((repository.ref_store, repository.head().unwrap().commit()), (RefStore::Program, Some(&commit)));
        repository.update_ref("refs/autonomy/x", &commit, None, "").unwrap();
        assert_eq!(fixture.oid("refs/autonomy/x"), commit);
    }

    #[test]
    fn ids_of_both_lengths_are_read_and_written() {
        for (format, length) in [("sha1", 40), ("sha256", 64)] {
            let fixture = Fixture::with(&[&format!("--object-format={format}")]);
            let head = fixture.commit_file("a/x", "1\n");
            fixture.write("a/y", "2\n");
            fixture.git(&["add", "a/y"]);
            let repository = fixture.repository();
            let snapshot = repository.snapshot(&fixture.environment(), &Limits::default(), &[]).unwrap();
            assert_eq!((snapshot.tree().as_str(), snapshot.tree().as_str().len()), (&*fixture.git(&["write-tree"]), length));
            let words = Words {
                message: "x\n",
                signature: &signature(),
                head: Some(&head),
                tag: None,
                files: &[],
                pinned: "refs/autonomy/pending",
            };
            let commit = snapshot.write(&repository, &words).unwrap().commit;
            repository.update_ref("refs/autonomy/x", &commit, None, "").unwrap();
            repository.rewrite_index(&mut |_| Ok(()), || Ok(())).unwrap();
            assert_eq!(fixture.status(), "A  a/y");
            fixture.fsck();
        }
    }

    #[test]
    fn a_repository_of_another_user_is_refused_with_the_way_out() {
        let fixture = Fixture::new();
        if !rustix::process::geteuid().is_root() {
            // Only root can give a directory away.
            return;
        }
        for directory in [fixture.root().to_owned(), fixture.root().join(".git")] {
            std::os::unix::fs::chown(directory, Some(65_534), Some(65_534)).unwrap();
        }
        let refusal = refusal(fixture.root());
        assert!(refusal.hint.unwrap().contains("safe.directory"), "{}", refusal.message);
    }

    #[test]
    fn linked_work_trees_are_opened_and_bare_repositories_are_not() {
        let fixture = Fixture::new();
        fixture.commit_file("a.txt", "a\n");
        fixture.git(&["worktree", "add", "-q", "linked", "-b", "side"]);
        let linked = Repository::open(&fixture.root().join("linked"), &fixture.environment()).unwrap();
        assert_eq!(linked.root(), fixture.root().join("linked"));
        fixture.git(&["init", "-q", "--bare", "bare.git"]);
        assert!(refusal(&fixture.root().join("bare.git")).message.contains("bare"));
    }
}
