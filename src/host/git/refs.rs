//! Refs: read, list, create, move and delete, each change only from the value that the caller saw.
//!
//! Nothing here chooses a name or decides whether a branch may move.

use std::{
    fs,
    io::{self, Write as _},
    os::unix::fs::MetadataExt as _,
    path::PathBuf,
    time::Duration,
};

use crate::{
    host::{
        Doing as _, Error, Result,
        clock::Clock,
        environment::Environment,
        git::{Head, RefStore, Repository, Tried as _, oid, raw_oid, zero},
    },
    model::{id::Oid, refusal::Refusal},
};

/// How long a ref that another process has locked is waited for.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long the lock of one of our own refs may stay the same before its holder counts as dead: it writes some forty bytes.
const LIFETIME: Duration = Duration::from_secs(2);

impl Repository {
    /// Refuses what `git check-ref-format` refuses for a full ref name such as `refs/heads/x`.
    ///
    /// # Errors
    /// Refuses the name.
    pub fn check_ref_name(name: &str) -> Result<(), Refusal> {
        if name.starts_with("refs/") && git2::Reference::is_valid_name(name) {
            return Ok(());
        }
        Err(Refusal::usage(format!("`{}` is not a name that git takes for a ref", name.escape_debug()))
            .hint("`git help check-ref-format` lists the rules"))
    }

    /// What a ref points at, after following symbolic refs; nothing when it does not exist.
    ///
    /// # Errors
    /// Fails when the ref cannot be read.
    pub fn find_ref(&self, name: &str) -> Result<Option<Oid>> {
        if self.ref_store == RefStore::Program {
            return self.find_ref_by_program(name);
        }
        match self.raw.refname_to_id(name) {
            Ok(found) => Ok(Some(oid(found))),
            Err(error) if error.code() == git2::ErrorCode::NotFound => Ok(None),
            Err(error) => Err(error).tried(format!("read the ref `{name}`")),
        }
    }

    /// The name that the symbolic ref `name` points at; nothing when it points at an object, or does not exist.
    ///
    /// # Errors
    /// Fails when the ref cannot be read or that name is not UTF-8.
    pub(in crate::host::git) fn symbolic_target(&self, name: &str) -> Result<Option<String>> {
        if self.ref_store == RefStore::Program {
            return self.symbolic_target_by_program(name);
        }
        let doing = || format!("read what `{name}` points at");
        match self.raw.find_reference(name) {
            Ok(reference) => Ok(reference.symbolic_target().tried(doing())?.map(str::to_owned)),
            Err(error) if error.code() == git2::ErrorCode::NotFound => Ok(None),
            Err(error) => Err(error).tried(doing()),
        }
    }

    /// All refs whose full name begins with `prefix`, by name, with what they point at. Symbolic refs and names that are not UTF-8 are left out.
    ///
    /// # Errors
    /// Fails when the refs cannot be read.
    pub fn list_refs(&self, prefix: &str) -> Result<Vec<(String, Oid)>> {
        if self.ref_store == RefStore::Program {
            return self.list_refs_by_program(prefix);
        }
        let doing = || format!("list the refs `{prefix}*`");
        let mut found = Vec::new();
        for reference in self.raw.references_glob(&format!("{prefix}*")).tried(doing())? {
            let reference = reference.tried(doing())?;
            if let (Ok(name), Some(target)) = (reference.name(), reference.target()) {
                found.push((name.to_owned(), oid(target)));
            }
        }
        found.sort();
        Ok(found)
    }

    /// Moves the ref `name` from `expected` to `new`; `expected` is nothing for a ref that must not exist yet.
    ///
    /// A move of a branch gets `message` in its reflog, and in HEAD's where HEAD stands on it.
    ///
    /// # Errors
    /// Refuses when the ref is not at `expected`, or when another process keeps it locked for five seconds.
    pub fn update_ref(&self, name: &str, new: &Oid, expected: Option<&Oid>, message: &str) -> Result<()> {
        Self::check_ref_name(name)?;
        if self.ref_store == RefStore::Program {
            let nothing = zero(self.format()).to_string();
            let line = format!("update {name} {new} {}", expected.map_or(&*nothing, Oid::as_str));
            return self.change_by_program(name, &line, message, expected);
        }
        let to = raw_oid(new)?;
        let from = expected.map_or_else(|| Ok(zero(self.format())), raw_oid)?;
        self.while_locked(name, || self.raw.reference_matching(name, to, true, from, message).map(drop))?
            .or_else(|error| self.moved(name, expected, error))
    }

    /// Deletes the ref `name` if it still points at `expected`.
    ///
    /// # Errors
    /// Refuses when the ref is not at `expected`, or when another process keeps it locked for five seconds.
    pub fn delete_ref(&self, name: &str, expected: &Oid) -> Result<()> {
        if self.ref_store == RefStore::Program {
            return self.change_by_program(name, &format!("delete {name} {expected}"), "", Some(expected));
        }
        let from = raw_oid(expected)?;
        self.while_locked(name, || {
            let mut reference = self.raw.find_reference(name)?;
            // libgit2 drops the reflog before it compares, so the comparison comes first here.
            if reference.target() != Some(from) {
                return Err(git2::Error::new(git2::ErrorCode::Modified, git2::ErrorClass::Reference, "has another value"));
            }
            reference.delete()
        })?
        .or_else(|error| self.moved(name, Some(expected), error))
    }

    /// Has git put tags, which lie in a file each, into one file; what they name stays the same.
    ///
    /// # Errors
    /// Fails when git does.
    pub fn pack_tags(&self, environment: &Environment) -> Result<()> {
        self.ask_git(&["-c", "core.fsync=all", "pack-refs"], environment).map(drop)
    }

    /// Moves HEAD from the branch it stands on to the new branch `name` (without `refs/heads/`) at the same commit. The index
    /// and the work tree stay as they are. A branch of that name at that commit is taken as made by an earlier try.
    ///
    /// # Errors
    /// Refuses where HEAD has no commit and where a branch of that name is elsewhere.
    pub fn switch_to_new_branch(&self, name: &str) -> Result<()> {
        let head = self.head()?;
        if head.branch() == Some(name) {
            return Ok(());
        }
        let Some(commit) = head.commit() else {
            return Err(Refusal::environment(format!("cannot make the branch `{name}`: there is no commit yet to make it at"))
                .hint("`git commit` makes the first one")
                .into());
        };
        let full = format!("refs/heads/{name}");
        if self.find_ref(&full)?.as_ref() != Some(commit) {
            self.update_ref(&full, commit, None, "branch: Created from HEAD")?;
        }
        let from = match &head {
            Head::Branch { name, .. } => name.as_str(),
            Head::Detached { commit } => commit.as_str(),
        };
        let message = format!("checkout: moving from {from} to {name}");
        if self.ref_store == RefStore::Program {
            let from = match &head {
                Head::Branch { name, .. } => format!("ref refs/heads/{name}"),
                Head::Detached { commit } => format!("oid {commit}"),
            };
            return self.change_by_program("HEAD", &format!("symref-update HEAD {full} {from}"), &message, None);
        }
        self.while_locked("HEAD", || match &head {
            Head::Branch { name, .. } => {
                let current = format!("refs/heads/{name}");
                self.raw.reference_symbolic_matching("HEAD", &full, true, &current, &message).map(drop)
            }
            Head::Detached { .. } => self.raw.reference_symbolic("HEAD", &full, true, &message).map(drop),
        })?
        .or_else(|error| self.moved("HEAD", None, error))
    }

    fn change_by_program(&self, name: &str, line: &str, message: &str, expected: Option<&Oid>) -> Result<()> {
        match self.change_ref_by_program(line, message)? {
            Some(()) => Ok(()),
            None => Err(self.moved_on(name, expected)?.into()),
        }
    }

    /// Tries again while another process holds the lock of `name`; the inner result is of the last try.
    fn while_locked(
        &self,
        name: &str,
        attempt: impl Fn() -> std::result::Result<(), git2::Error>,
    ) -> Result<std::result::Result<(), git2::Error>> {
        let begun = Clock::instant();
        let mut pause = Duration::from_millis(2);
        let lock = self.raw.commondir().join(format!("{name}.lock"));
        let is_ours = name.starts_with("refs/autonomy/") || name.starts_with("refs/tags/checkpoint-");
        let version = || fs::symlink_metadata(&lock).ok().map(|found| (found.ino(), found.mtime(), found.mtime_nsec()));
        let mut seen = None;
        loop {
            match attempt() {
                Err(error) if error.code() == git2::ErrorCode::Locked => {
                    let now = version();
                    let (since, first) = *seen.get_or_insert((Clock::instant(), now));
                    if first != now {
                        seen = None;
                    } else if is_ours && now.is_some() && since.elapsed() >= LIFETIME {
                        // What cannot be removed is reported when patience ends.
                        fs::remove_file(&lock).ok();
                        seen = None;
                    }
                    if begun.elapsed() >= PATIENCE {
                        let lock = self.lock_of(name);
                        return Err(Refusal::conflict(format!("cannot change `{name}`: another process holds `{lock}`"))
                            .hint(format!("if no git command is running any more, remove it: `rm {lock}`"))
                            .retryable()
                            .into());
                    }
                    Clock::sleep(pause);
                    pause = (pause * 2).min(Duration::from_millis(200));
                }
                outcome => return Ok(outcome),
            }
        }
    }

    /// The lock file that is most likely in the way of `name`.
    fn lock_of(&self, name: &str) -> String {
        let own = if name == "HEAD" { self.raw.path() } else { self.raw.commondir() }.join(format!("{name}.lock"));
        let packed = self.raw.commondir().join("packed-refs.lock");
        if packed.exists() && !own.exists() { packed } else { own }.display().to_string()
    }

    fn moved(&self, name: &str, expected: Option<&Oid>, error: git2::Error) -> Result<()> {
        if !matches!(error.code(), git2::ErrorCode::Modified | git2::ErrorCode::Exists | git2::ErrorCode::NotFound) {
            return Err(error).tried(format!("change the ref `{name}`"));
        }
        Err(self.moved_on(name, expected)?.into())
    }

    fn moved_on(&self, name: &str, expected: Option<&Oid>) -> Result<Refusal> {
        let found = self.find_ref(name)?;
        let found = found.as_ref().map_or("gone", Oid::short);
        let expected = expected.map_or("not there yet", Oid::short);
        Ok(Refusal::conflict(format!("cannot change `{name}`: it was to be {expected} and is {found}"))
            .hint("somebody else moved it; look with `git log` and run the command again")
            .retryable())
    }
}

/// A ref that is to be made, in two parts: what it points at can be synced beside other things, and it is seen after that.
///
/// Its name is not synced: after a power cut it may be gone, but never there and empty.
pub(in crate::host::git) struct Pin {
    name: String,
    to: Oid,
    path: PathBuf,
    store: RefStore,
}

impl Pin {
    /// The ref `name`, which is to point at `to`.
    pub(in crate::host::git) fn new(repository: &Repository, name: String, to: Oid) -> Self {
        Self { path: repository.raw.commondir().join(&name), name, to, store: repository.ref_store }
    }

    fn lock(&self) -> PathBuf {
        PathBuf::from(format!("{}.lock", self.path.display()))
    }

    /// Writes it where git's lock of it lies, synced. Not where one lies already, nor where refs are no files.
    ///
    /// # Errors
    /// Fails when it cannot be written or synced.
    pub(in crate::host::git) fn write(&self) -> Result<Draft> {
        if self.store == RefStore::Program {
            return Ok(Draft::None);
        }
        let lock = self.lock();
        if let Some(directory) = self.path.parent() {
            fs::create_dir_all(directory).doing("make the directory", directory)?;
        }
        let mut file = match fs::File::create_new(&lock) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(Draft::None),
            Err(error) => return Err(Error::at("make", &lock, error)),
        };
        let written = file.write_all(format!("{}\n", self.to).as_bytes()).and_then(|()| file.sync_data());
        if written.is_err() {
            fs::remove_file(&lock).ok();
        }
        written.doing("write", &lock).map(|()| Draft::Written)
    }

    /// Makes it seen.
    ///
    /// # Errors
    /// As [`Repository::update_ref`].
    pub(in crate::host::git) fn place(&self, repository: &Repository, draft: Draft) -> Result<()> {
        if draft == Draft::Written {
            if !self.path.exists() {
                return fs::rename(self.lock(), &self.path).doing("make", &self.path);
            }
            fs::remove_file(self.lock()).ok();
        }
        match repository.find_ref(&self.name)? {
            Some(there) if there == self.to => Ok(()),
            there => repository.update_ref(&self.name, &self.to, there.as_ref(), ""),
        }
    }
}

/// What lies where git's lock of a ref does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::host::git) enum Draft {
    /// Nothing of ours.
    None,
    /// What the ref is to hold.
    Written,
}

#[cfg(test)]
mod tests {
    use std::{fs, thread};

    use super::*;
    use crate::{
        host::git::fixture::{Fixture, path},
        model::refusal::Code,
    };

    fn code(result: Result<()>) -> Code {
        match result {
            Err(Error::Refused(refusal)) => refusal.code,
            other => panic!("not refused: {other:?}"),
        }
    }

    /// Both must be the same in every answer.
    const STORES: [RefStore; 2] = [RefStore::Library, RefStore::Program];

    fn repository(fixture: &Fixture, ref_store: RefStore) -> Repository {
        Repository { ref_store, ..fixture.repository() }
    }

    #[test]
    fn a_ref_moves_only_from_the_value_that_was_seen() {
        STORES.into_iter().for_each(moves_only_from_the_value_that_was_seen);
    }

    fn moves_only_from_the_value_that_was_seen(store: RefStore) {
        let fixture = Fixture::new();
        let first = fixture.commit_file("a", "1\n");
        let second = fixture.commit_file("a", "2\n");
        let repository = repository(&fixture, store);
        let name = "refs/autonomy/session/x";
        assert_eq!(code(repository.update_ref(name, &second, Some(&first), "")), Code::Conflict);
        repository.update_ref(name, &first, None, "").unwrap();
        assert_eq!(code(repository.update_ref(name, &second, None, "")), Code::Conflict);
        assert_eq!(code(repository.update_ref(name, &second, Some(&second), "")), Code::Conflict);
        repository.update_ref(name, &second, Some(&first), "").unwrap();
        assert_eq!(fixture.oid(name), second);
        assert_eq!(code(repository.delete_ref(name, &first)), Code::Conflict);
        fixture.git(&["pack-refs", "--all"]);
        assert_eq!(repository.list_refs("refs/autonomy/").unwrap(), [(name.to_owned(), second.clone())]);
        repository.delete_ref(name, &second).unwrap();
        assert_eq!(repository.find_ref(name).unwrap(), None);
        assert_eq!(fixture.git(&["for-each-ref", "refs/autonomy"]), "");
    }

    #[test]
    fn of_many_who_move_a_ref_from_one_value_one_wins() {
        let fixture = Fixture::new();
        let base = fixture.commit_file("a", "1\n");
        let commits: Vec<Oid> = (0..8).map(|number| fixture.commit_file("a", &format!("{number}\n"))).collect();
        fixture.git(&["update-ref", "refs/heads/raced", base.as_str()]);
        let won = thread::scope(|scope| {
            let tries: Vec<_> = commits
                .iter()
                .map(|commit| {
                    scope.spawn(|| fixture.repository().update_ref("refs/heads/raced", commit, Some(&base), "try").is_ok())
                })
                .collect();
            tries.into_iter().map(|try_| try_.join().unwrap()).filter(|won| *won).count()
        });
        assert_eq!(won, 1);
    }

    #[test]
    fn both_ways_to_the_refs_give_the_same_answers() {
        let fixture = Fixture::new();
        let unborn = |store| (repository(&fixture, store).head().unwrap(), repository(&fixture, store).status().unwrap());
        assert_eq!(unborn(RefStore::Library), unborn(RefStore::Program));
        let commit = fixture.commit_file("a b", "1\n");
        fixture.write("a b", "2\n");
        fixture.git(&["stash"]);
        fixture.commit_file("b", "2\n");
        fixture.git(&["remote", "add", "origin", "."]);
        fixture.git(&["fetch", "-q", "origin"]);
        fixture.git(&["remote", "set-head", "origin", "main"]);
        fixture.git(&["tag", "-m", "said", "checkpoint-1", commit.as_str()]);
        fixture.git(&["tag", "light"]);
        fixture.git(&["branch", "wei\"rd-ü"]);
        fixture.write("new file", "x\n");
        fixture.write("na\u{e9}ve", "x\n");
        fixture.git(&["rm", "-q", "--cached", "b"]);
        for prepare in [&["status"][..], &["checkout", "-q", "--detach"], &["branch", "-q", "-D", "main"]] {
            fixture.git(prepare);
            let seen = |store| {
                let repository = repository(&fixture, store);
                let refs: Vec<_> = ["refs/", "refs/heads/", "refs/tags/ch", "refs/no"]
                    .map(|prefix| repository.list_refs(prefix).unwrap())
                    .into();
                let targets = ["HEAD", "refs/remotes/origin/HEAD", "refs/heads/main", "refs/no"];
                (
                    (repository.head().unwrap(), repository.branch_facts().unwrap(), refs, repository.tags("").unwrap()),
                    targets.map(|name| (repository.find_ref(name).unwrap(), repository.symbolic_target(name).unwrap())),
                    (repository.tag("light").unwrap(), repository.tag("a..b").unwrap(), repository.status().unwrap()),
                    ["light", "HEAD~1", "checkpoint-1", "@", "HEAD~9", "--all"].map(|word| repository.resolve(word).ok()),
                    repository.stash_holds(&path("a b")),
                )
            };
            assert_eq!(seen(RefStore::Library), seen(RefStore::Program), "{prepare:?}");
        }
    }

    #[test]
    fn a_branch_that_moves_has_it_in_its_reflog_and_in_that_of_head() {
        STORES.into_iter().for_each(has_it_in_its_reflog_and_in_that_of_head);
    }

    fn has_it_in_its_reflog_and_in_that_of_head(store: RefStore) {
        let fixture = Fixture::new();
        let first = fixture.commit_file("a", "1\n");
        let second = fixture.commit_file("a", "2\n");
        fixture.git(&["update-ref", "refs/heads/main", first.as_str()]);
        repository(&fixture, store).update_ref("refs/heads/main", &second, Some(&first), "commit: Again").unwrap();
        for name in ["HEAD", "main"] {
            assert_eq!(fixture.git(&["reflog", "-1", "--format=%H %gs", name]), format!("{second} commit: Again"));
        }
    }

    #[test]
    fn a_lock_that_goes_away_is_waited_for() {
        let fixture = Fixture::new();
        let commit = fixture.commit_file("a", "1\n");
        let lock = fixture.root().join(".git/refs/heads/waits.lock");
        fs::write(&lock, "").unwrap();
        thread::scope(|scope| {
            let waiting = scope.spawn(|| fixture.repository().update_ref("refs/heads/waits", &commit, None, "wait"));
            Clock::sleep(Duration::from_millis(50));
            fs::remove_file(&lock).unwrap();
            waiting.join().unwrap().unwrap();
        });
        assert_eq!(fixture.oid("waits"), commit);
    }

    #[test]
    fn a_new_branch_is_switched_to_without_touching_index_or_work_tree() {
        STORES.into_iter().for_each(is_switched_to_without_touching_index_or_work_tree);
    }

    fn is_switched_to_without_touching_index_or_work_tree(store: RefStore) {
        let fixture = Fixture::new();
        if store == RefStore::Program && !fixture.git_is([2, 46]) {
            return;
        }
        let repository = repository(&fixture, store);
        assert!(matches!(repository.switch_to_new_branch("autonomy/x"), Err(Error::Refused(_))));
        fixture.commit_file("a", "1\n");
        fixture.write("a", "staged\n");
        fixture.git(&["add", "a"]);
        fixture.write("a", "unstaged\n");
        fixture.write("b", "new\n");
        let (status, index) = (fixture.status(), fs::read(fixture.root().join(".git/index")).unwrap());
        repository.switch_to_new_branch("autonomy/20261120_180000").unwrap();
        repository.switch_to_new_branch("autonomy/20261120_180000").unwrap();
        assert_eq!(fixture.git(&["symbolic-ref", "HEAD"]), "refs/heads/autonomy/20261120_180000");
        assert_eq!((fixture.status(), fs::read(fixture.root().join(".git/index")).unwrap()), (status, index));
        let moves = fixture.git(&["reflog", "--format=%gs"]);
        assert_eq!(moves.lines().next(), Some("checkout: moving from main to autonomy/20261120_180000"));
        assert_eq!(fixture.git(&["rev-parse", "--abbrev-ref", "@{-1}"]), "main");
        fixture.commit_file("a", "2\n");
        fixture.git(&["switch", "-q", "main"]);
        assert!(matches!(repository.switch_to_new_branch("autonomy/20261120_180000"), Err(Error::Refused(_))));
    }

    #[test]
    fn names_are_taken_as_git_takes_them() {
        let fixture = Fixture::new();
        for name in [
            "refs/heads/a",
            "refs/heads/a/b",
            "refs/heads/a..b",
            "refs/heads/.a",
            "refs/heads/a.lock",
            "refs/heads/a b",
            "refs/heads/ü",
            "refs/heads/@{",
            "refs/heads/a/",
        ] {
            let git = fixture.try_git(&["check-ref-format", name]).status.success();
            assert_eq!(Repository::check_ref_name(name).is_ok(), git, "{name}");
        }
    }
}
