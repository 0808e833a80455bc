//! The index: read, and rewritten under git's own lock, so that no git command sees a half of it.
//!
//! The new index is written beside and linked to `index.lock` when it is complete, so a lock that a killed process of ours
//! left behind is known by its inode and taken away; a lock of anybody else is waited for and never touched. Which
//! entries change is the caller's business.
//!
//! An index in a form that libgit2 does not know, split in two or sparse, is made plain by the git program in a copy, and the
//! copy is brought back into that form before it becomes the index. (Reading all of it at once is what `entries` is for.)

use std::{
    fs, io,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use crate::{
    host::{
        Doing as _, Error, Result,
        clock::Clock,
        failpoint,
        git::{
            Repository, Tried as _,
            entries::Tracked,
            program::{Allowed, Call, refused},
            stat::Stat,
            version::version,
        },
        process::{Stop, is_running},
    },
    model::refusal::{Code, Refusal},
};

/// How long an `index.lock` of somebody else is waited for.
const PATIENCE: Duration = Duration::from_secs(10);

/// New times of entries, by their number.
pub(in crate::host::git) type Times = Vec<(usize, Stat)>;

/// A file beside the index that is to take its place; taken away when it is dropped.
struct DraftFile(PathBuf);

/// A copy of the index that libgit2 can change.
struct Draft {
    file: DraftFile,
    index: git2::Index,
    form: Form,
}

/// How an index lies on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::host::git) enum Form {
    /// One file with one entry a path.
    Plain,
    /// Two files, one of which changes seldom (`core.splitIndex`).
    Split,
    /// One entry for each directory that is not checked out (`index.sparse`).
    Sparse,
}

impl Form {
    /// What form libgit2's words are about, when it is one that it does not know.
    fn unknown(error: &git2::Error) -> Option<Self> {
        match error.message() {
            message if message.contains("'link'") => Some(Self::Split),
            message if message.contains("'sdir'") => Some(Self::Sparse),
            _ => None,
        }
    }

    /// What git is told so that it writes an index in this form.
    fn arguments(self) -> &'static [&'static str] {
        match self {
            Self::Plain => &["core.splitIndex=false", "index.sparse=false", "--no-split-index"],
            Self::Split => &["core.splitIndex=true", "index.sparse=false", "--split-index"],
            Self::Sparse => &["core.splitIndex=false", "index.sparse=true", "--no-split-index"],
        }
    }
}

impl Drop for DraftFile {
    fn drop(&mut self) {
        // A file that stays behind is an unused copy, which the next rewrite takes away.
        drop(fs::remove_file(&self.0));
    }
}

impl Repository {
    /// The index as it is on disk now.
    pub(in crate::host::git) fn index(&self) -> Result<git2::Index> {
        let path = self.index_path();
        let unreadable = |error: &git2::Error| Error::at("read the index", &path, error.message().to_owned());
        let known = self.plain_form_of.borrow().as_ref().map(|of| Ok::<_, Error>(version(&path)?.as_ref() == Some(of)));
        match known.transpose()? {
            Some(true) => return self.raw.index().map_err(|error| unreadable(&error)),
            Some(false) => {}
            None => match self.raw.index().and_then(|mut index| index.read(false).map(|()| index)) {
                Ok(index) => return Ok(index),
                Err(error) if Form::unknown(&error).is_some() => {}
                Err(error) => return Err(unreadable(&error)),
            },
        }
        // From here on libgit2 works with a copy, until the file changes.
        let seen = version(&path)?;
        let mut draft = self.draft(&path)?;
        self.raw.set_index(&mut draft.index).tried("hand over the index")?;
        *self.plain_form_of.borrow_mut() = seen;
        self.raw.index().map_err(|error| unreadable(&error))
    }

    /// Opens a copy of an index for changing, in plain form whatever its form was, and says which that was.
    pub(in crate::host::git) fn open_copy(&self, copy: &Path) -> Result<(git2::Index, Form)> {
        let open = || git2::Index::open_ext(copy, self.format());
        let (opened, form) = match open() {
            Ok(index) => (Ok(index), Form::Plain),
            Err(error) => match Form::unknown(&error) {
                Some(form) => {
                    self.bring_into(Form::Plain, copy)?;
                    (open(), form)
                }
                None => (Err(error), Form::Plain),
            },
        };
        Ok((opened.map_err(|error| Error::at("read the index", copy, error.message().to_owned()))?, form))
    }

    /// Has git write the index at `path`, a copy, in another form. The files of the work tree are not looked at.
    fn bring_into(&self, form: Form, path: &Path) -> Result<()> {
        let &[split, sparse, option] = form.arguments() else { return Ok(()) };
        let hints = "advice.sparseIndexExpanded=false";
        let arguments = ["-c", split, "-c", sparse, "-c", hints, "update-index", option, "--force-write-index"].to_vec();
        let variables = vec![("GIT_INDEX_FILE", path.to_string_lossy().into_owned())];
        let call = Call { arguments, allowed: Allowed::Nothing, variables, input: Vec::new() };
        let finished = self.run_git_here(&call, &self.environment, &Stop::default())?;
        if finished.exit.is_success() {
            return Ok(());
        }
        let what = format!("cannot bring a copy of the index into another form with {}", finished.exit);
        Err(refused(Code::Environment, &what, &finished).into())
    }

    /// Where the index of this work tree is.
    pub(in crate::host::git) fn index_path(&self) -> PathBuf {
        self.raw.path().join("index")
    }

    /// Rewrites the user's index: `edit` changes a copy and may run several times; `publish` runs once while the lock is
    /// held, just before the copy becomes the index; when it fails nothing changes. All other entries keep their state.
    ///
    /// # Errors
    /// Refuses when somebody else holds `index.lock` for ten seconds; hands on what `edit` and `publish` say.
    pub(in crate::host::git) fn rewrite_index(
        &self,
        edit: &mut dyn FnMut(&mut git2::Index) -> Result<()>,
        publish: impl FnOnce() -> Result<()>,
    ) -> Result<()> {
        let path = self.index_path();
        let mut make = || {
            let Draft { file, mut index, form } = self.draft(&path)?;
            edit(&mut index)?;
            index.write().tried("write a new index")?;
            if form != Form::Plain {
                self.bring_into(form, &file.0)?;
            }
            Ok(Some(file))
        };
        self.replace_index(&mut make, publish).map(drop)
    }

    /// Gives entries of the index new times, and changes nothing else in it; `fresh` says which, by the number of the entry. Says
    /// that nothing was done where the index is in a form, or holds something besides its entries, that would not stay.
    ///
    /// # Errors
    /// As [`Self::rewrite_index`].
    pub(in crate::host::git) fn retime_index(&self, fresh: &mut dyn FnMut(&Tracked) -> Result<Option<Times>>) -> Result<bool> {
        let mut make = || {
            let mut tracked = Tracked::read(self)?;
            if !tracked.stays_whole(self) {
                return Ok(None);
            }
            let Some(times) = fresh(&tracked)? else { return Ok(None) };
            for (at, stat) in times {
                tracked.set_times(at, &stat);
            }
            let file = DraftFile(self.draft_path()?);
            let written = fs::File::create_new(&file.0).and_then(|draft| tracked.write_whole(io::BufWriter::new(draft)));
            written.doing("write a new index", &file.0)?;
            Ok(Some(file))
        };
        self.replace_index(&mut make, || Ok(()))
    }

    /// Puts what `make` wrote in place of the index; false where it wrote nothing.
    fn replace_index(
        &self,
        make: &mut dyn FnMut() -> Result<Option<DraftFile>>,
        publish: impl FnOnce() -> Result<()>,
    ) -> Result<bool> {
        let path = self.index_path();
        let lock = self.raw.path().join("index.lock");
        let begun = Clock::instant();
        let wait = || -> Result<()> {
            if begun.elapsed() >= PATIENCE {
                let shown = lock.display();
                return Err(Refusal::conflict(format!("cannot change the index: another process holds `{shown}`"))
                    .hint(format!("if no git command is running any more, remove it: `rm {shown}`"))
                    .retryable()
                    .into());
            }
            Clock::sleep(Duration::from_millis(20 + u64::from(jitter())));
            Ok(())
        };
        loop {
            if lock.symlink_metadata().is_ok() && !self.take_away_stale(&lock)? {
                wait()?;
                continue;
            }
            let before = version(&path)?;
            let Some(DraftFile(draft)) = &make()? else { return Ok(false) };
            settle_times(&path, draft)?;
            failpoint::reach("index.drafted").doing("write a new index", draft)?;
            if !acquire(draft, &lock)? {
                wait()?;
                continue;
            }
            let release = || fs::remove_file(&lock).doing("unlock the index", &lock);
            match version(&path) {
                Ok(now) if now == before => {}
                Ok(_) => {
                    release()?;
                    continue;
                }
                Err(error) => return release().and(Err(error)),
            }
            let published = failpoint::reach("index.locked").doing("lock the index", &lock).and_then(|()| publish());
            if let Err(error) = published {
                return release().and(Err(error));
            }
            return failpoint::reach("index.published")
                .and_then(|()| fs::rename(&lock, &path))
                .doing("replace the index", &path)
                .map(|()| true)
                .or_else(|error| release().and(Err(error)));
        }
    }

    /// A name that nobody has for something that is to be taken away again; what ended processes of ours left goes now.
    pub(in crate::host::git) fn draft_path(&self) -> Result<PathBuf> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let directory = self.drafts();
        fs::create_dir_all(&directory).doing("create", &directory)?;
        for left in self.left_drafts() {
            drop(if left.is_dir() { fs::remove_dir_all(left) } else { fs::remove_file(left) });
        }
        Ok(directory.join(format!("{}-{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed))))
    }

    fn draft(&self, index: &Path) -> Result<Draft> {
        let file = DraftFile(self.draft_path()?);
        match fs::copy(index, &file.0) {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error).doing("copy the index to", &file.0),
        }
        let (index, form) = self.open_copy(&file.0)?;
        Ok(Draft { file, index, form })
    }

    fn drafts(&self) -> PathBuf {
        self.raw.commondir().join("autonomy/index")
    }

    /// Drafts of processes that have ended.
    fn left_drafts(&self) -> Vec<PathBuf> {
        let of_ended = |draft: &fs::DirEntry| {
            let name = draft.file_name();
            let process = name.to_str().and_then(|name| name.split('-').next()?.parse().ok());
            process.is_some_and(|process| !is_running(process))
        };
        fs::read_dir(self.drafts()).into_iter().flatten().flatten().filter(of_ended).map(|draft| draft.path()).collect()
    }

    /// Takes `lock` away if it is a draft of a process of ours that has ended.
    fn take_away_stale(&self, lock: &Path) -> Result<bool> {
        let Ok(held) = lock.symlink_metadata() else { return Ok(true) };
        let same = |draft: &PathBuf| draft.metadata().is_ok_and(|found| (found.dev(), found.ino()) == (held.dev(), held.ino()));
        if !self.left_drafts().iter().any(same) {
            return Ok(false);
        }
        fs::remove_file(lock).doing("take away the lock of an ended process of ours,", lock)?;
        Ok(true)
    }
}

/// Gives the draft the time and the permissions of the index that it replaces, and syncs it. Git compares the time of an
/// entry with that of the index to know which entries it has to look at again, so that answer stays the same.
pub(in crate::host::git) fn settle_times(index: &Path, draft: &Path) -> Result<()> {
    let file = fs::File::options().write(true).open(draft).doing("open", draft)?;
    if let Ok(found) = index.metadata() {
        file.set_permissions(found.permissions()).doing("set the permissions of", draft)?;
        file.set_modified(found.modified().doing("read the time of", index)?).doing("set the time of", draft)?;
    }
    file.sync_all().doing("sync", draft)
}

/// Makes the complete draft the lock, or says that somebody else was first.
fn acquire(draft: &Path, lock: &Path) -> Result<bool> {
    match fs::hard_link(draft, lock) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(Error::at("lock the index with", lock, error)),
    }
}

fn jitter() -> u8 {
    let mut byte = [0];
    match rustix::rand::getrandom(&mut byte, rustix::rand::GetRandomFlags::empty()) {
        Ok(_) => byte[0] % 32,
        Err(_) => 0,
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;
    use crate::host::git::fixture::Fixture;

    fn touch_nothing(repository: &Repository) -> Result<()> {
        repository.rewrite_index(&mut |_| Ok(()), || Ok(()))
    }

    #[test]
    fn what_git_keeps_in_the_index_survives_a_rewrite() {
        for version in ["2", "4"] {
            let fixture = Fixture::new();
            for name in ["a", "b", "c", "d/e"] {
                fixture.commit_file(name, "1\n");
            }
            fixture.git(&["update-index", "--index-version", version]);
            fixture.git(&["update-index", "--skip-worktree", "a"]);
            fixture.git(&["update-index", "--assume-unchanged", "b"]);
            fixture.write("new", "1\n");
            fixture.git(&["add", "--intent-to-add", "new"]);
            fixture.write("c", "staged\n");
            fixture.git(&["add", "c"]);
            fixture.write("d/e", "2\n");
            // Signature and version; only newer gits tell it.
            let head = || fs::read(fixture.root().join(".git/index")).unwrap()[..8].to_owned();
            let listed = ["ls-files", "-v", "--stage", "--debug"];
            let seen = || (head(), fixture.git(&listed), fixture.status(), fixture.git(&["diff-files"]));
            let before = seen();
            touch_nothing(&fixture.repository()).unwrap();
            assert_eq!(seen(), before);
            assert!(fs::read_dir(fixture.repository().drafts()).unwrap().next().is_none(), "a draft stayed behind");
        }
    }

    #[test]
    fn an_index_stays_in_the_form_that_the_user_gave_it() {
        let split: fn(&Fixture) = |fixture| {
            fixture.git(&["config", "core.splitIndex", "true"]);
            fixture.git(&["update-index", "--split-index"]);
        };
        let sparse: fn(&Fixture) = |fixture| drop(fixture.git(&["sparse-checkout", "set", "--cone", "--sparse-index", "d"]));
        for (form, prepare) in [(Form::Split, split), (Form::Sparse, sparse)] {
            let fixture = Fixture::new();
            for name in ["a", "d/e", "out/b", "out/c"] {
                fixture.commit_file(name, "1\n");
            }
            prepare(&fixture);
            fixture.write("d/e", "2\n");
            let on_disk = || {
                let opened = git2::Index::open(&fixture.root().join(".git/index"));
                opened.err().and_then(|error| Form::unknown(&error))
            };
            let seen = || (on_disk(), fixture.git(&["ls-files", "-v", "--stage"]), fixture.status());
            let (before, repository) = (seen(), fixture.repository());
            assert_eq!(before.0, Some(form));
            assert_eq!(repository.index().unwrap().len(), 4);
            touch_nothing(&repository).unwrap();
            assert_eq!(seen(), before);
            let unstage = |index: &mut git2::Index| index.remove(Path::new("a"), 0).tried("remove");
            repository.rewrite_index(&mut |index| unstage(index), || Ok(())).unwrap();
            assert_eq!((on_disk(), fixture.status().as_str()), (Some(form), "D  a\n M d/e\n?? a"));
            assert_eq!(repository.index().unwrap().len(), 3, "the new one is seen");
            assert_eq!(repository.status().unwrap().staged.len(), 1);
            fixture.fsck();
        }
    }

    #[test]
    fn a_lock_of_somebody_else_is_waited_for_and_not_touched() {
        let fixture = Fixture::new();
        fixture.commit_file("a", "1\n");
        let lock = fixture.root().join(".git/index.lock");
        fs::write(&lock, "theirs").unwrap();
        thread::scope(|scope| {
            let waiting = scope.spawn(|| touch_nothing(&fixture.repository()));
            Clock::sleep(Duration::from_millis(80));
            assert_eq!(fs::read(&lock).unwrap(), b"theirs");
            fs::remove_file(&lock).unwrap();
            waiting.join().unwrap().unwrap();
        });
    }

    #[test]
    fn a_lock_that_a_killed_process_of_ours_left_is_taken_away() {
        let fixture = Fixture::new();
        fixture.commit_file("a", "1\n");
        let repository = fixture.repository();
        fs::create_dir_all(repository.drafts()).unwrap();
        let mut reaped = std::process::Command::new("true").spawn().unwrap();
        reaped.wait().unwrap();
        // In a container whose first process reaps nothing, the number of an ended process stays taken.
        let mut kept = std::process::Command::new("true").spawn().unwrap();
        while is_running(kept.id()) {
            thread::yield_now();
        }
        for process in [reaped.id(), kept.id()] {
            let left = repository.drafts().join(format!("{process}-0"));
            fs::copy(repository.index_path(), &left).unwrap();
            fs::hard_link(&left, fixture.root().join(".git/index.lock")).unwrap();
            touch_nothing(&repository).unwrap();
            assert!(!fixture.root().join(".git/index.lock").exists() && !left.exists());
        }
        kept.wait().unwrap();
    }

    #[test]
    fn a_failed_publication_leaves_the_index_and_no_lock() {
        let fixture = Fixture::new();
        fixture.commit_file("a", "1\n");
        let before = fs::read(fixture.repository().index_path()).unwrap();
        let refused = fixture
            .repository()
            .rewrite_index(&mut |index| index.remove(Path::new("a"), 0).tried("remove"), || Err(Refusal::no("not now").into()));
        assert!(refused.is_err());
        assert_eq!(fs::read(fixture.repository().index_path()).unwrap(), before);
        assert!(!fixture.root().join(".git/index.lock").exists());
    }

    #[test]
    fn a_change_that_git_makes_meanwhile_is_kept() {
        let fixture = Fixture::new();
        fixture.commit_file("a", "1\n");
        fixture.write("theirs", "1\n");
        let mut tries = 0;
        fixture
            .repository()
            .rewrite_index(
                &mut |_| {
                    tries += 1;
                    if tries == 1 {
                        fixture.git(&["add", "theirs"]);
                    }
                    Ok(())
                },
                || Ok(()),
            )
            .unwrap();
        assert_eq!(tries, 2);
        assert_eq!(fixture.status(), "A  theirs");
    }
}
