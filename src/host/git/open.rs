//! Opening a repository, and saying which kinds of repository cannot be opened here.
//!
//! Which repository belongs to a directory is found by `host::workspace`, not here.

use std::{path::Path, sync::Once};

use crate::{
    host::{Error, Result, git::Repository},
    model::refusal::Refusal,
};

impl Repository {
    /// Opens the repository of the work tree at `root`; from then on objects and refs that this process writes are synced.
    ///
    /// # Errors
    /// Refuses a repository that belongs to somebody else and the kinds that libgit2 does not know, by name; fails when
    /// git's own data cannot be read.
    pub fn open(root: &Path) -> Result<Self> {
        sync_writes();
        let raw = git2::Repository::open(root).map_err(|error| refused(root, &error))?;
        if raw.workdir().is_none() {
            return Err(Refusal::environment(format!("`{}` is a bare repository, which has no work tree", root.display()))
                .hint("work in a clone or a linked work tree: `git worktree add <directory>`")
                .into());
        }
        Ok(Self { raw })
    }

    /// The top of the work tree.
    #[must_use]
    pub fn root(&self) -> &Path {
        self.raw.workdir().expect("because `open` takes no repository without a work tree")
    }
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
    match unsupported(error.message()) {
        Some(kind) => {
            Refusal::environment(format!("the repository `{shown}` {kind}, which this version cannot read and write")).into()
        }
        None => Error::at("open the repository", root, error.message().to_owned()),
    }
}

/// What kind of repository libgit2's words are about, when it is one that it does not know.
fn unsupported(message: &str) -> Option<String> {
    let extension = message.strip_prefix("unsupported extension name extensions.")?;
    Some(match extension {
        "refstorage" => "keeps its refs in reftables".to_owned(),
        "partialclone" => "is a partial clone".to_owned(),
        other => format!("uses the extension `{other}`"),
    })
}

/// Names the kinds of index that libgit2 does not know.
pub(in crate::host::git) fn index_refused(path: &Path, error: &git2::Error) -> Error {
    let kind = match error.message() {
        message if message.contains("'link'") => "is split in two (`core.splitIndex`)",
        message if message.contains("'sdir'") => "is sparse (`index.sparse`)",
        message => return Error::at("read the index", path, message.to_owned()),
    };
    let hint = if kind.contains("split") {
        "`git update-index --no-split-index`"
    } else {
        "`git sparse-checkout set --no-sparse-index`"
    };
    Refusal::environment(format!("the index `{}` {kind}, which this version cannot read and write", path.display()))
        .hint(format!("{hint} writes it in the plain form"))
        .into()
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
        let Err(Error::Refused(refusal)) = Repository::open(root) else { panic!("was opened or failed in other words") };
        refusal
    }

    #[test]
    fn kinds_that_cannot_be_opened_are_named() {
        // By hand, because not every git knows them.
        let extensions =
            [("refStorage", "reftable", "reftables"), ("partialClone", "origin", "partial clone"), ("madeUp", "yes", "`madeup`")];
        for (extension, value, named) in extensions {
            let fixture = Fixture::new();
            fixture.git(&["config", "core.repositoryFormatVersion", "1"]);
            fixture.git(&["config", &format!("extensions.{extension}"), value]);
            let refusal = refusal(fixture.root());
            assert_eq!(refusal.code, Code::Environment);
            assert!(refusal.message.contains(named), "{}", refusal.message);
        }
    }

    #[test]
    fn ids_of_both_lengths_are_read_and_written() {
        for (format, length) in [("sha1", 40), ("sha256", 64)] {
            let fixture = Fixture::with(&[&format!("--object-format={format}")]);
            let head = fixture.commit_file("a/x", "1\n");
            fixture.write("a/y", "2\n");
            fixture.git(&["add", "a/y"]);
            let repository = fixture.repository();
            let snapshot = repository.snapshot(&fixture.environment(), Limits::default(), &[]).unwrap();
            assert_eq!((snapshot.tree().as_str(), snapshot.tree().as_str().len()), (&*fixture.git(&["write-tree"]), length));
            let words = Words { message: "x\n", signature: &signature(), head: Some(&head), tag: None, files: &[] };
            let commit = snapshot.write(&words).unwrap().commit;
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
    fn an_index_that_cannot_be_read_is_named_with_the_way_out() {
        let fixture = Fixture::new();
        fixture.commit_file("a.txt", "a\n");
        fixture.git(&["update-index", "--split-index"]);
        let Err(Error::Refused(refusal)) = fixture.repository().index() else { panic!("was read") };
        assert!(refusal.message.contains("split"), "{}", refusal.message);
        fixture.git(&["update-index", "--no-split-index"]);
        assert_eq!(fixture.repository().index().unwrap().len(), 1);
    }

    #[test]
    fn linked_work_trees_are_opened_and_bare_repositories_are_not() {
        let fixture = Fixture::new();
        fixture.commit_file("a.txt", "a\n");
        fixture.git(&["worktree", "add", "-q", "linked", "-b", "side"]);
        let linked = Repository::open(&fixture.root().join("linked")).unwrap();
        assert_eq!(linked.root(), fixture.root().join("linked"));
        fixture.git(&["init", "-q", "--bare", "bare.git"]);
        assert!(refusal(&fixture.root().join("bare.git")).message.contains("bare"));
    }
}
