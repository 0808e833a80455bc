//! Carries out the plan of a rollback: files, links, directories and permission bits of the work tree.
//!
//! Every path is looked at again at the moment of writing; whatever is not as the plan saw it stays and is reported. A plan
//! that was cut short is carried out again from its beginning: what is done already is recognised. All is written beside its
//! path and synced at once before the first file changes, so that power may go at any moment. Nothing is ever written
//! through a link, and no directory goes that holds anything.

use std::{
    collections::{BTreeSet, HashMap, VecDeque},
    ffi::OsStr,
    fs::File,
    io::{self, Read as _, Write as _},
    os::{
        fd::{AsFd, OwnedFd},
        unix::ffi::OsStrExt as _,
    },
};

use git2::ObjectType;
use rustix::{
    fs::{AtFlags, Dir, FileType, Mode as Permissions, OFlags, RenameFlags},
    io::Errno,
};

use crate::{
    host::{
        Doing as _, Error, Result,
        environment::Environment,
        failpoint,
        git::{
            Repository,
            ahead::Ahead,
            attributes::{Asked, Attributes, Route},
            entries::Tracked,
            filters::Store,
            ground::FileMode,
            hash, oid,
            stat::Stat,
        },
    },
    model::{
        change::{Mode, Side, TreePath},
        id::Digest,
        manifest::Bits,
        rollback::{Action, DirectoryEntry, Entry, Presence, RollbackPlan, Why},
    },
};

/// A path that stayed as it is, although the plan would have changed it.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
pub struct HeldBack {
    /// The path.
    pub path: TreePath,
    /// Why, in words.
    pub why: String,
}

/// What came of carrying out a plan.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Restored {
    /// Paths that are now as the plan says.
    pub done: Vec<TreePath>,
    /// Paths that stayed as they are, although the plan would have changed them.
    pub held_back: Vec<HeldBack>,
    /// Paths that are not as the plan says although they were written, and that nobody else has touched since.
    pub unlike: Vec<TreePath>,
}

/// What stands at a path.
pub(in crate::host::git) enum Stands {
    Nothing,
    Recorded(Side, Stat),
    Directory,
    /// A pipe, a socket or a device.
    Other,
}

/// How a path is found after it was written.
enum Found {
    AsPlanned,
    ChangedSince,
    Unlike,
}

impl Restored {
    fn note(&mut self, entry: &Entry, result: Result<(), Held>) -> Result<()> {
        match result {
            Ok(()) => self.done.push(entry.path.clone()),
            Err(Held::Because(why)) => self.held_back.push(HeldBack { path: entry.path.clone(), why }),
            Err(Held::Failed(error)) => return Err(error),
        }
        Ok(())
    }
}

/// How far a path is that goes back.
enum Written {
    /// It is as it was.
    Settled,
    /// A draft lies beside it; what stood at the path when that was written.
    Drafted(Option<Stat>),
}

/// Why one path is not written.
enum Held {
    Because(String),
    Failed(Error),
}

impl From<Error> for Held {
    fn from(error: Error) -> Self {
        match error {
            Error::Refused(refusal) => Self::Because(refusal.message),
            failed @ Error::Machine { .. } => Self::Failed(failed),
        }
    }
}

impl Held {
    fn errno(error: Errno, doing: &str, path: &TreePath) -> Self {
        match error {
            Errno::ACCESS | Errno::PERM => Self::Because("the file system does not allow it".into()),
            Errno::BUSY => Self::Because("it is in use".into()),
            Errno::EXIST | Errno::NOTEMPTY | Errno::NOTDIR | Errno::LOOP | Errno::ISDIR => {
                Self::Because(Why::ChangedSince.words())
            }
            _ => Self::Failed(Error::while_doing(format!("{doing} `{path}`"), io::Error::from(error))),
        }
    }
}

/// How far the directory of a path can be reached.
enum Reach {
    Open(OwnedFd),
    Missing,
    /// Something else than a directory stands on the way.
    Barred,
}

/// The work tree that is written to.
pub(in crate::host::git) struct Site<'a> {
    pub(in crate::host::git) repository: &'a Repository,
    attributes: Attributes<'a>,
    file_mode: FileMode,
    top: OwnedFd,
    /// The index as it was when the plan began to be carried out.
    pub(in crate::host::git) tracked: Tracked,
    /// Times of what the plan put in place.
    pub(in crate::host::git) settled: HashMap<TreePath, Stat>,
    ahead: Ahead,
}

impl Repository {
    /// Carries out a plan: changes files of the work tree and, at the end, entries of the index.
    ///
    /// # Errors
    /// Fails when something cannot be written; what was done until then stays, and doing it again goes on.
    pub fn carry_out(&self, plan: &RollbackPlan, environment: &Environment) -> Result<Restored> {
        let mut site = Site::new(self, plan, environment)?;
        let mut outcome = Restored::default();
        let mut deletes: Vec<&Entry> = plan.with(Action::Delete).collect();
        deletes.reverse();
        for entry in &deletes {
            let deleted = site.delete(entry);
            outcome.note(entry, deleted)?;
        }
        // What attributes say of the other files has to stand there before those are written.
        let says = |entry: &&Entry| entry.path.file_name() == b".gitattributes";
        let (first, rest): (Vec<&Entry>, Vec<&Entry>) = plan.with(Action::Restore).partition(says);
        site.restore(plan, &first, &mut outcome)?;
        site.restore(plan, &rest, &mut outcome)?;
        site.directories(plan, &mut outcome)?;
        for entry in deletes {
            site.prune(plan, &entry.path, &mut outcome)?;
        }
        failpoint::reach("restore.files").doing("restore files below", self.root())?;
        site.ids_ahead(outcome.done.iter().filter_map(|path| plan.entry(path)))?;
        let unstaged = self.restore_index(plan, &site)?;
        failpoint::reach("restore.index").doing("restore the index of", self.root())?;
        if !outcome.done.is_empty() {
            site.sync()?;
        }
        site.confirm(plan, &mut outcome)?;
        outcome.unlike.extend(unstaged);
        outcome.done.sort_unstable();
        outcome.unlike.sort_unstable();
        outcome.unlike.dedup();
        Ok(outcome)
    }
}

/// Whether a file with attributes that nobody tracks lies above a path of the plan.
pub(in crate::host::git) fn says_on_disk(repository: &Repository, plan: &RollbackPlan) -> bool {
    let directories: BTreeSet<TreePath> = plan.entries.iter().flat_map(|entry| entry.path.parents()).collect();
    let below = directories.iter().map(|directory| directory.join_to(repository.root()));
    std::iter::once(repository.root().to_owned()).chain(below).any(|directory| directory.join(".gitattributes").exists())
}

impl<'a> Site<'a> {
    fn new(repository: &'a Repository, plan: &RollbackPlan, environment: &Environment) -> Result<Self> {
        let tracked = Tracked::read(repository)?;
        let says = |path: &[u8]| path == b".gitattributes" || path.ends_with(b"/.gitattributes");
        let in_tree = plan.entries.iter().any(|entry| says(entry.path.as_bytes()))
            || (0..tracked.len()).any(|at| says(tracked.path(at)))
            || says_on_disk(repository, plan);
        let root = repository.root();
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let top = rustix::fs::open(root, flags, Permissions::empty()).map_err(io::Error::from).doing("open", root)?;
        Ok(Self {
            repository,
            attributes: Attributes::new(repository, environment, if in_tree { Asked::PerPath } else { Asked::Never })?,
            file_mode: FileMode::of(repository)?,
            top,
            tracked,
            settled: HashMap::new(),
            ahead: Ahead::default(),
        })
    }

    fn reach(&self, directory: Option<&TreePath>) -> Result<Reach> {
        let mut at = open_directory(&self.top, b".").map_err(io::Error::from).doing("open", self.repository.root())?;
        for part in directory.map_or(&b""[..], TreePath::as_bytes).split(|&byte| byte == b'/').filter(|part| !part.is_empty()) {
            at = match open_directory(&at, part) {
                Ok(next) => next,
                Err(Errno::NOENT) => return Ok(Reach::Missing),
                Err(Errno::NOTDIR | Errno::LOOP) => return Ok(Reach::Barred),
                Err(error) => {
                    let doing = format!("open a directory above `{}`", directory.map(ToString::to_string).unwrap_or_default());
                    return Err(Error::while_doing(doing, io::Error::from(error)));
                }
            };
        }
        Ok(Reach::Open(at))
    }

    /// What stands at a path whose mode in the index or in a tree is `like`.
    pub(in crate::host::git) fn stands(&self, path: &TreePath, like: Option<Mode>) -> Result<Stands> {
        match self.reach(path.parent().as_ref())? {
            Reach::Open(directory) => self.stands_in(&directory, path, like),
            Reach::Missing | Reach::Barred => Ok(Stands::Nothing),
        }
    }

    fn stands_in(&self, directory: &OwnedFd, path: &TreePath, like: Option<Mode>) -> Result<Stands> {
        let doing = || format!("look at `{path}`");
        let failed = |error: Errno| Error::while_doing(doing(), io::Error::from(error));
        let name = path.file_name();
        let stat = match lstat(directory, name) {
            Ok(Some(stat)) => stat,
            Ok(None) => return Ok(Stands::Nothing),
            Err(error) => return Err(failed(error)),
        };
        if stat.file_type() == FileType::RegularFile && self.attributes.route(path)? == Route::Program {
            let mode = self.file_mode.record(stat.mode, like.map(Mode::bits));
            let known = self.ahead.id(path, &stat);
            let ids = known.map_or_else(|| self.repository.hash_by_program(&[path], Store::IdOnly), |id| Ok(vec![id]));
            let side = ids?.pop().map(|oid| Side { mode: Mode::from_bits(mode).unwrap_or(Mode::File), oid });
            return Ok(side.map_or(Stands::Nothing, |side| Stands::Recorded(side, stat)));
        }
        let (mode, bytes) = match stat.file_type() {
            FileType::Directory => return Ok(Stands::Directory),
            FileType::Symlink => {
                let target = rustix::fs::readlinkat(directory, name, Vec::new()).map_err(failed)?;
                (Mode::Link, target.into_bytes())
            }
            FileType::RegularFile => {
                let mode = self.file_mode.record(stat.mode, like.map(Mode::bits));
                let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
                let file = rustix::fs::openat(directory, name, flags, Permissions::empty()).map_err(failed)?;
                let mut bytes = Vec::new();
                File::from(file).read_to_end(&mut bytes).map_err(|error| Error::while_doing(doing(), error))?;
                let indexed = || {
                    let entry = self.tracked.get(self.tracked.find(path.as_bytes())?);
                    self.repository.blob_bytes(&oid(entry.oid)).ok()
                };
                let stored = match self.attributes.route(path)? {
                    Route::Here(conversion) => conversion.to_repository(&bytes, indexed).into_owned(),
                    Route::Program => return Ok(Stands::Other),
                };
                (Mode::from_bits(mode).unwrap_or(Mode::File), stored)
            }
            _ => return Ok(Stands::Other),
        };
        let id = hash(ObjectType::Blob, &bytes, self.repository.format())?;
        Ok(Stands::Recorded(Side { mode, oid: oid(id) }, stat))
    }

    fn delete(&mut self, entry: &Entry) -> Result<(), Held> {
        let Reach::Open(directory) = self.reach(entry.path.parent().as_ref())? else { return Ok(()) };
        match self.stands_in(&directory, &entry.path, entry.now.as_ref().map(|side| side.mode))? {
            // A directory in its place is what a plan leaves that was carried out before.
            Stands::Nothing | Stands::Directory => Ok(()),
            Stands::Recorded(side, _) if Some(&side) == entry.now.as_ref() => {
                failpoint::reach("restore.delete").map_err(halted)?;
                rustix::fs::unlinkat(&directory, entry.path.file_name(), AtFlags::empty())
                    .map_err(|error| Held::errno(error, "delete", &entry.path))
            }
            Stands::Recorded(..) | Stands::Other => Err(Held::Because(Why::ChangedSince.words())),
        }
    }

    /// Writes drafts of all that goes back, makes sure of them with one sync, and puts each in its place: whenever power
    /// goes, a file is what it was or what it becomes.
    fn restore(&mut self, plan: &RollbackPlan, entries: &[&Entry], outcome: &mut Restored) -> Result<()> {
        let filtered = self.ids_ahead(entries.iter().copied())?;
        self.ahead.ask_content(self.repository, &filtered);
        let mut drafted = VecDeque::new();
        let restored = self.restore_by(plan, entries, &mut drafted, outcome);
        // Only where the plan could not be carried out.
        for (entry, _) in drafted {
            self.discard(entry);
        }
        restored
    }

    /// Takes away the draft of a path; where that cannot be done the next try does it.
    fn discard(&self, entry: &Entry) {
        if let Ok(Reach::Open(directory)) = self.reach(entry.path.parent().as_ref()) {
            drop(discard(&directory, &entry.path));
        }
    }

    fn restore_by<'e>(
        &mut self,
        plan: &RollbackPlan,
        entries: &[&'e Entry],
        drafted: &mut VecDeque<(&'e Entry, Option<Stat>)>,
        outcome: &mut Restored,
    ) -> Result<()> {
        for &entry in entries {
            match self.draft(plan, entry) {
                Ok(Written::Settled) => outcome.note(entry, Ok(()))?,
                Ok(Written::Drafted(seen)) => drafted.push_back((entry, seen)),
                Err(held) => outcome.note(entry, Err(held))?,
            }
        }
        if !drafted.is_empty() {
            self.sync()?;
        }
        while let Some((entry, seen)) = drafted.front() {
            let put = self.put(entry, seen.as_ref());
            if put.is_err() {
                self.discard(entry);
            }
            outcome.note(entry, put)?;
            drafted.pop_front();
        }
        Ok(())
    }

    /// Asks in one call for the ids of what stands at those of these paths that go through filter programs; hands back what is to
    /// stand there.
    fn ids_ahead<'e>(&mut self, entries: impl Iterator<Item = &'e Entry>) -> Result<Vec<(&'e TreePath, &'e Side)>> {
        let (mut files, mut wanted) = (Vec::new(), Vec::new());
        for entry in entries {
            let Some(then) = entry.then.as_ref().filter(|then| then.mode != Mode::Link) else { continue };
            // Whoever may not run is refused when the path itself is looked at.
            if !self.attributes.route(&entry.path).is_ok_and(|route| route == Route::Program) {
                continue;
            }
            wanted.push((&entry.path, then));
            if let Reach::Open(directory) = self.reach(entry.path.parent().as_ref())?
                && let Ok(Some(stat)) = lstat(&directory, entry.path.file_name())
                && stat.file_type() == FileType::RegularFile
            {
                files.push((entry.path.clone(), stat));
            }
        }
        self.ahead.ask_ids(self.repository, files);
        Ok(wanted)
    }

    fn sync(&self) -> Result<()> {
        rustix::fs::syncfs(&self.top).map_err(io::Error::from).doing("sync the files below", self.repository.root())
    }

    fn draft(&mut self, plan: &RollbackPlan, entry: &Entry) -> Result<Written, Held> {
        let Some(then) = &entry.then else { return Ok(Written::Settled) };
        let path = &entry.path;
        let directory = self.make_directories(plan, path)?;
        discard(&directory, path)?;
        let changed = || Err(Held::Because(Why::ChangedSince.words()));
        let like = entry.now.as_ref().or(Some(then)).map(|side| side.mode);
        match self.stands_in(&directory, path, like)? {
            Stands::Recorded(side, stat) if side == *then => {
                self.settle(&directory, entry, &stat)?;
                Ok(Written::Settled)
            }
            Stands::Recorded(side, stat) if Some(&side) == entry.now.as_ref() => {
                self.write(&directory, entry, then)?;
                Ok(Written::Drafted(Some(stat)))
            }
            Stands::Nothing if entry.now.is_none() => {
                self.write(&directory, entry, then)?;
                Ok(Written::Drafted(None))
            }
            Stands::Directory if entry.now.is_none() => {
                remove_hollow(&directory, path.file_name())
                    .map_err(|error| Held::errno(error, "remove the empty directory", path))?;
                self.write(&directory, entry, then)?;
                Ok(Written::Drafted(None))
            }
            Stands::Recorded(..) | Stands::Nothing | Stands::Directory | Stands::Other => changed(),
        }
    }

    /// The content is right; so may be the bits.
    fn settle(&mut self, directory: &OwnedFd, entry: &Entry, stat: &Stat) -> Result<(), Held> {
        if let Some(bits) = entry.bits.filter(|bits| *bits != Bits::of(stat.mode)) {
            let mode = Permissions::from_raw_mode(bits.get());
            rustix::fs::chmodat(directory, entry.path.file_name(), mode, AtFlags::empty())
                .map_err(|error| Held::errno(error, "set the permission bits of", &entry.path))?;
        }
        self.note(directory, &entry.path, stat)
    }

    /// Keeps the times of a path that is as planned now, if it is still the file that was `seen`.
    fn note(&mut self, directory: &OwnedFd, path: &TreePath, seen: &Stat) -> Result<(), Held> {
        let found = lstat(directory, path.file_name()).map_err(|error| Held::errno(error, "look at", path))?;
        let file = |stat: &Stat| (stat.device, stat.inode, stat.modified, stat.size);
        match found.filter(|stat| file(stat) == file(seen)) {
            Some(stat) => drop(self.settled.insert(path.clone(), stat)),
            None => return Err(Held::Because(Why::ChangedSince.words())),
        }
        Ok(())
    }

    /// Writes beside the path; what could not be finished does not stay there.
    fn write(&self, directory: &OwnedFd, entry: &Entry, then: &Side) -> Result<(), Held> {
        self.write_draft(directory, entry, then).inspect_err(|_| drop(discard(directory, &entry.path)))
    }

    fn write_draft(&self, directory: &OwnedFd, entry: &Entry, then: &Side) -> Result<(), Held> {
        let path = &entry.path;
        let draft = draft_name(path);
        let draft = draft.as_bytes();
        if then.mode == Mode::Link {
            let bytes = self.repository.blob_bytes(&then.oid)?;
            rustix::fs::symlinkat(&*bytes, directory, draft).map_err(|error| Held::errno(error, "write", path))?;
        } else {
            let content = self.content(entry, then)?;
            let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            let file = rustix::fs::openat(directory, draft, flags, Permissions::RUSR | Permissions::WUSR)
                .map_err(|error| Held::errno(error, "write", path))?;
            let mut file = File::from(file);
            let length = failpoint::torn("restore.content", content.len()).map_err(halted)?.unwrap_or(content.len());
            file.write_all(&content[..length]).map_err(|error| Error::while_doing(format!("write `{path}`"), error))?;
            self.set_bits(&file, entry.bits.unwrap_or(Bits::of(then.mode.bits())))
                .map_err(|error| Held::errno(error, "set the permission bits of", path))?;
        }
        Ok(())
    }

    /// Puts the draft in the place of the path, if that is still what `seen` says.
    fn put(&mut self, entry: &Entry, seen: Option<&Stat>) -> Result<(), Held> {
        let (path, name) = (&entry.path, entry.path.file_name());
        let Reach::Open(directory) = self.reach(path.parent().as_ref())? else {
            return Err(Held::Because(Why::ChangedSince.words()));
        };
        let directory = &directory;
        let draft = draft_name(path);
        let draft = draft.as_bytes();
        failpoint::reach("restore.write").map_err(halted)?;
        let drafted = lstat(directory, draft).map_err(|error| Held::errno(error, "look at the unfinished copy of", path))?;
        let now = lstat(directory, name).map_err(|error| Held::errno(error, "look at", path))?;
        let renamed = if now.as_ref() == seen {
            if seen.is_none() {
                rename_new(directory, draft, name)
            } else {
                rustix::fs::renameat(directory, draft, directory, name)
            }
        } else {
            Err(Errno::EXIST)
        };
        renamed.map_err(|error| Held::errno(error, "put in place", path))?;
        failpoint::reach("restore.wrote").map_err(halted)?;
        self.note(directory, path, &drafted.unwrap_or_default())
    }

    /// Compares what was written with the plan. What somebody else has touched since is theirs, and said to be so.
    fn confirm(&self, plan: &RollbackPlan, outcome: &mut Restored) -> Result<()> {
        let mut done = Vec::with_capacity(outcome.done.len());
        for path in std::mem::take(&mut outcome.done) {
            match plan.entry(&path).map_or(Ok(Found::AsPlanned), |entry| self.found(entry))? {
                Found::AsPlanned => done.push(path),
                Found::ChangedSince => outcome.held_back.push(HeldBack { path, why: Why::ChangedSince.words() }),
                Found::Unlike => {
                    outcome.unlike.push(path.clone());
                    done.push(path);
                }
            }
        }
        outcome.done = done;
        Ok(())
    }

    fn found(&self, entry: &Entry) -> Result<Found> {
        let path = &entry.path;
        let Some(then) = entry.then.as_ref().filter(|_| entry.action == Action::Restore) else {
            return Ok(match self.stands(path, None)? {
                Stands::Nothing | Stands::Directory => Found::AsPlanned,
                Stands::Recorded(..) | Stands::Other => Found::ChangedSince,
            });
        };
        let Stands::Recorded(side, stat) = self.stands(path, Some(then.mode))? else { return Ok(Found::ChangedSince) };
        if self.settled.get(path) != Some(&stat) {
            return Ok(Found::ChangedSince);
        }
        // A file system that has no permission bits gives each file the same.
        let access = |bits: Bits| bits.get() & 0o777;
        let bits = entry
            .bits
            .is_none_or(|bits| matches!(self.file_mode, FileMode::Ignored) || access(bits) == access(Bits::of(stat.mode)));
        // What a conversion does not lead back to the same is compared as it was written.
        let is_then = side == *then || (side.mode == then.mode && self.holds(entry, then)?);
        Ok(if bits && is_then { Found::AsPlanned } else { Found::Unlike })
    }

    /// What is written at a path, of what `wanted` stores.
    fn content(&self, entry: &Entry, wanted: &Side) -> Result<Vec<u8>> {
        if let Some(verbatim) = &entry.verbatim {
            return self.repository.blob_bytes(verbatim);
        }
        match self.attributes.route(&entry.path)? {
            Route::Here(conversion) => {
                Ok(conversion.to_work_tree(&self.repository.blob_bytes(&wanted.oid)?, &wanted.oid).into_owned())
            }
            Route::Program => self.ahead.content(self.repository, &entry.path, wanted),
        }
    }

    /// Whether the file holds the bytes that are written for `wanted`.
    fn holds(&self, entry: &Entry, wanted: &Side) -> Result<bool> {
        let (path, written) = (&entry.path, self.content(entry, wanted)?);
        Ok(std::fs::read(path.join_to(self.repository.root())).is_ok_and(|found| found == written))
    }

    /// Makes the directories above a path and opens the last.
    fn make_directories(&self, plan: &RollbackPlan, path: &TreePath) -> Result<OwnedFd, Held> {
        let parent = path.parent();
        match self.reach(parent.as_ref())? {
            Reach::Open(directory) => return Ok(directory),
            Reach::Barred => return Err(Held::Because(Why::ChangedSince.words())),
            Reach::Missing => {}
        }
        for directory in path.parents() {
            self.make_directory(plan, &directory)?;
        }
        match self.reach(parent.as_ref())? {
            Reach::Open(directory) => Ok(directory),
            Reach::Barred | Reach::Missing => Err(Held::Because(Why::ChangedSince.words())),
        }
    }

    /// Made beside its place with the bits that it is to have: where power goes or the bits cannot be set, none stands there
    /// with others.
    fn make_directory(&self, plan: &RollbackPlan, path: &TreePath) -> Result<(), Held> {
        let Reach::Open(above) = self.reach(path.parent().as_ref())? else {
            return Err(Held::Because(Why::ChangedSince.words()));
        };
        let name = path.file_name();
        if lstat(&above, name).map_err(|error| Held::errno(error, "look at", path))?.is_some() {
            return Ok(());
        }
        let draft = directory_draft(path);
        match rustix::fs::mkdirat(&above, draft.as_bytes(), Permissions::RWXU) {
            // One that an earlier try left is as good.
            Ok(()) | Err(Errno::EXIST) => {}
            Err(error) => return Err(Held::errno(error, "make the directory", path)),
        }
        // Bits that would keep out the files to come are given at the end.
        let bits = Bits::of(plan.new_directories.get() | 0o700);
        let made = open_directory(&above, draft.as_bytes())
            .and_then(|directory| self.set_bits(&directory, bits))
            .map_err(|error| Held::errno(error, "set the permission bits of", path))
            .and_then(|()| match rename_new(&above, draft.as_bytes(), name) {
                Ok(()) | Err(Errno::EXIST | Errno::NOTEMPTY | Errno::NOTDIR) => Ok(()),
                Err(error) => Err(Held::errno(error, "put in place the directory", path)),
            });
        // Gone already where it was put in place.
        rustix::fs::unlinkat(&above, draft.as_bytes(), AtFlags::REMOVEDIR).ok();
        made
    }

    /// Sets permission bits, where the file system has any.
    fn set_bits(&self, file: impl AsFd, bits: Bits) -> rustix::io::Result<()> {
        match rustix::fs::fchmod(file, Permissions::from_raw_mode(bits.get())) {
            Err(Errno::PERM) if matches!(self.file_mode, FileMode::Ignored) => Ok(()),
            set => set,
        }
    }

    /// Directories that were empty, or have other bits; what cannot be made or set stays and is named.
    fn directories(&self, plan: &RollbackPlan, outcome: &mut Restored) -> Result<()> {
        for wanted in plan.directories.iter().rev() {
            if wanted.presence == Presence::Remove {
                if self.remove_empty(&wanted.path, outcome)? {
                    self.prune(plan, &wanted.path, outcome)?;
                }
                continue;
            }
            match self.directory(plan, wanted) {
                Ok(()) => {}
                Err(Held::Because(why)) => outcome.held_back.push(HeldBack { path: wanted.path.clone(), why }),
                Err(Held::Failed(error)) => return Err(error),
            }
        }
        Ok(())
    }

    fn directory(&self, plan: &RollbackPlan, wanted: &DirectoryEntry) -> Result<(), Held> {
        let path = &wanted.path;
        if wanted.presence == Presence::Make {
            for directory in path.parents().chain([path.clone()]) {
                // Something that stays is in its way.
                let Reach::Open(_) = self.reach(directory.parent().as_ref())? else { return Ok(()) };
                self.make_directory(plan, &directory)?;
            }
        }
        match self.reach(Some(path))? {
            Reach::Open(directory) => {
                self.set_bits(&directory, wanted.bits).map_err(|error| Held::errno(error, "set the permission bits of", path))
            }
            Reach::Missing | Reach::Barred => Ok(()),
        }
    }

    /// Removes the directories above a deleted path that are empty now, unless the checkpoint had them empty.
    fn prune(&self, plan: &RollbackPlan, path: &TreePath, outcome: &mut Restored) -> Result<()> {
        let mut directory = path.parent();
        while let Some(empty) = directory {
            let was_there = |wanted: &DirectoryEntry| wanted.presence == Presence::Make && wanted.path.is_below(&empty);
            if plan.directories.iter().any(was_there) || !self.remove_empty(&empty, outcome)? {
                return Ok(());
            }
            directory = empty.parent();
        }
        Ok(())
    }

    /// Removes a directory when it is empty, and says whether it did; one that is empty and stays is named.
    fn remove_empty(&self, path: &TreePath, outcome: &mut Restored) -> Result<bool> {
        let Reach::Open(above) = self.reach(path.parent().as_ref())? else { return Ok(false) };
        match rustix::fs::unlinkat(&above, path.file_name(), AtFlags::REMOVEDIR) {
            Ok(()) => return Ok(true),
            Err(Errno::NOTEMPTY | Errno::EXIST | Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => {}
            Err(error) => match Held::errno(error, "remove the directory", path) {
                Held::Because(why) if outcome.held_back.iter().all(|held| held.path != *path) => {
                    outcome.held_back.push(HeldBack { path: path.clone(), why });
                }
                Held::Because(_) => {}
                Held::Failed(error) => return Err(error),
            },
        }
        Ok(false)
    }
}

/// The name of a draft beside its path; the same in every try, so that the next one takes it away.
fn draft_name(path: &TreePath) -> String {
    format!(".autonomy-restore-{}", Digest::of(path.as_bytes()).head(12))
}

/// The same for a directory, which may have to stand where the draft of a file does.
fn directory_draft(path: &TreePath) -> String {
    format!(".autonomy-restore-{}", Digest::of([path.as_bytes(), b"/"].concat()).head(12))
}

fn open_directory(above: &OwnedFd, name: &[u8]) -> rustix::io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    rustix::fs::openat(above, name, flags, Permissions::empty())
}

/// Gives something a name that nothing has, as far as the file system can make sure of that.
fn rename_new(directory: &OwnedFd, from: &[u8], to: &[u8]) -> rustix::io::Result<()> {
    match rustix::fs::renameat_with(directory, from, directory, to, RenameFlags::NOREPLACE) {
        Err(Errno::INVAL | Errno::NOSYS) => rustix::fs::renameat(directory, from, directory, to),
        renamed => renamed,
    }
}

/// Takes away the draft of a path, which an earlier try may have left.
fn discard(directory: &OwnedFd, path: &TreePath) -> Result<(), Held> {
    match rustix::fs::unlinkat(directory, draft_name(path).as_bytes(), AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => Ok(()),
        Err(error) => Err(Held::errno(error, "take away an unfinished copy of", path)),
    }
}

fn halted(error: io::Error) -> Held {
    Held::Failed(Error::while_doing("restore files", error))
}

fn lstat(directory: &OwnedFd, name: &[u8]) -> rustix::io::Result<Option<Stat>> {
    match rustix::fs::statat(directory, name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(stat) => Ok(Some(Stat::of(&stat))),
        Err(Errno::NOENT | Errno::NOTDIR) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Removes a directory that holds nothing but directories that hold nothing.
fn remove_hollow(above: &OwnedFd, name: &[u8]) -> rustix::io::Result<()> {
    fn inner(above: &OwnedFd, name: &[u8], remove: &dyn Fn(&OwnedFd, &[u8]) -> rustix::io::Result<()>) -> rustix::io::Result<()> {
        let directory = open_directory(above, name)?;
        for entry in Dir::read_from(&directory)? {
            let entry = entry?;
            let inside = entry.file_name().to_bytes();
            if matches!(inside, b"." | b"..") {
                continue;
            }
            match inner(&directory, inside, remove) {
                Err(Errno::NOTDIR | Errno::LOOP) => return Err(Errno::NOTEMPTY),
                other => other?,
            }
        }
        remove(above, name)
    }
    inner(above, name, &|_, _| Ok(()))?;
    inner(above, name, &|above, name| rustix::fs::unlinkat(above, name, AtFlags::REMOVEDIR))
}

/// The path as the index is asked about it.
pub(in crate::host::git) fn index_path(path: &TreePath) -> &std::path::Path {
    std::path::Path::new(OsStr::from_bytes(path.as_bytes()))
}

#[cfg(test)]
mod tests;
