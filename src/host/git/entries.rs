//! The index as it is read: one entry a path, whatever form git keeps it in, and the ids of the trees that git knows of.
//!
//! A split index is put together, and a directory that a sparse index keeps as one entry is spelled out where something
//! stands at its path. Writing the index is done elsewhere.

use std::{
    ffi::OsStr,
    io::{self, Write},
    ops::Range,
    os::unix::ffi::OsStrExt as _,
    path::Path,
};

use git2::ObjectFormat;
use gix_index::{
    State,
    entry::{Flags, Mode, Stat as Times},
    hash::{Kind, ObjectId},
};
use rustix::{
    fs::{AtFlags, CWD, statat},
    io::Errno,
};

use crate::host::{
    Error, Result,
    git::{
        Repository, Tried as _,
        stat::{Moment, Recorded, Stat},
    },
};

/// How an entry of the index is to be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::host::git) enum Mark {
    Plain,
    SkipWorktree,
    AssumeUnchanged,
    IntentToAdd,
    Unmerged,
}

impl Mark {
    /// Whether the entry is in the tree that the index makes.
    pub(in crate::host::git) fn is_staged(self) -> bool {
        match self {
            Self::Plain | Self::SkipWorktree | Self::AssumeUnchanged => true,
            Self::IntentToAdd | Self::Unmerged => false,
        }
    }
}

/// What the index says of a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::host::git) struct Indexed<'a> {
    pub(in crate::host::git) path: &'a [u8],
    pub(in crate::host::git) mode: u32,
    pub(in crate::host::git) oid: git2::Oid,
    pub(in crate::host::git) mark: Mark,
}

/// One of stages 1 to 3 of a path that a merge left open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::host::git) struct Stage {
    pub(in crate::host::git) number: u16,
    pub(in crate::host::git) path: Vec<u8>,
    pub(in crate::host::git) mode: u32,
    pub(in crate::host::git) oid: git2::Oid,
}

/// The index as the walk compares with it: one entry a path, sorted.
pub(in crate::host::git) struct Tracked {
    index: State,
    /// Stages 1 to 3 of paths that a merge left open.
    pub(in crate::host::git) unmerged: Vec<Stage>,
    /// The numbers of entries that are not taken as they are.
    marked: Vec<usize>,
    written: Moment,
}

/// Whether the checksum at the end of an index is computed again.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Checksum {
    Believed,
    Compared,
}

impl Tracked {
    pub(in crate::host::git) fn read(repository: &Repository) -> Result<Self> {
        let path = repository.index_path();
        // As git itself: the checksum of the whole is not asked for each time.
        let tracked = Self::open(&path, repository.format(), Checksum::Believed)?;
        let mut tracked = tracked.unwrap_or_else(|| Self::empty(repository.format()));
        if tracked.index.is_sparse() {
            tracked.spell_out(repository)?;
        }
        Ok(tracked)
    }

    /// Reads a file of our own in the form of an index, if it is whole.
    pub(in crate::host::git) fn checked(path: &Path, format: ObjectFormat) -> Result<Option<Self>> {
        Self::open(path, format, Checksum::Compared)
    }

    /// None where there is no file.
    fn open(path: &Path, format: ObjectFormat, checksum: Checksum) -> Result<Option<Self>> {
        let written = match rustix::fs::stat(path) {
            Ok(stat) => Stat::of(&stat).modified,
            Err(Errno::NOENT) => return Ok(None),
            Err(error) => return Err(Error::at("read the index", path, io::Error::from(error))),
        };
        let read = gix_index::File::at(path, kind(format), checksum == Checksum::Believed, gix_index::decode::Options::default());
        let read = read.map_err(|error| Error::at("read the index", path, error.to_string()))?;
        Ok(Some(Self::put_together(read.into(), written)))
    }

    /// The entries of an index that libgit2 has read.
    pub(in crate::host::git) fn of(index: &git2::Index, format: ObjectFormat) -> Self {
        let mut state = State::new(kind(format));
        for entry in index.iter() {
            let flags = u32::from(entry.flags) & !Flags::PATH_LEN.bits() | u32::from(entry.flags_extended) << 16;
            let (mode, id) = (Mode::from_bits_truncate(entry.mode), ObjectId::from_bytes_or_panic(entry.id.as_bytes()));
            state.dangerously_push_entry(Times::default(), id, Flags::from_bits_truncate(flags), mode, entry.path[..].into());
        }
        Self::put_together(state, (0, 0))
    }

    /// Leaves one entry a path, and puts the stages of a merge aside.
    fn put_together(index: State, written: Moment) -> Self {
        let mut tracked = Self { index, unmerged: Vec::new(), marked: Vec::new(), written };
        tracked.find_marked();
        if tracked.marked().any(|at| tracked.mark(at) == Mark::Unmerged) {
            let mut unmerged: Vec<Stage> = Vec::new();
            tracked.index.remove_entries(|_, path, entry| {
                let Ok(number @ 1..) = u16::try_from(entry.stage_raw()) else { return false };
                let is_known = unmerged.last().is_some_and(|last| last.path == **path);
                unmerged.push(Stage { number, path: path.to_vec(), mode: entry.mode.bits(), oid: raw(entry) });
                is_known
            });
            tracked.unmerged = unmerged;
            tracked.find_marked();
        }
        tracked
    }

    fn find_marked(&mut self) {
        self.marked = (0..self.len()).filter(|at| self.mark(*at) != Mark::Plain).collect();
    }

    /// The numbers of entries whose mark is not [`Mark::Plain`].
    pub(in crate::host::git) fn marked(&self) -> impl Iterator<Item = usize> {
        self.marked.iter().copied()
    }

    /// Puts the files of a directory that is one entry in place of it, where something stands at its path.
    fn spell_out(&mut self, repository: &Repository) -> Result<()> {
        let top = repository.root();
        let stands = |path: &[u8]| {
            let path = path.strip_suffix(b"/").unwrap_or(path);
            statat(CWD, top.join(OsStr::from_bytes(path)), AtFlags::SYMLINK_NOFOLLOW).is_ok()
        };
        let whole: Vec<(Vec<u8>, git2::Oid)> = self
            .all()
            .filter(|entry| entry.mode == Mode::DIR.bits() && stands(entry.path))
            .map(|entry| (entry.path.to_vec(), entry.oid))
            .collect();
        if whole.is_empty() {
            return Ok(());
        }
        self.index.remove_entries(|_, path, entry| entry.mode == Mode::DIR && whole.iter().any(|(gone, _)| gone == &**path));
        for (prefix, tree) in &whole {
            let doing = || format!("read the directory `{}` of the index", String::from_utf8_lossy(prefix));
            let tree = repository.raw.find_tree(*tree).tried(doing())?;
            let mut found = Vec::new();
            tree.walk(git2::TreeWalkMode::PreOrder, |below, entry| {
                if entry.kind() != Some(git2::ObjectType::Tree) {
                    let path = [prefix, below.as_bytes(), entry.name_bytes()].concat();
                    found.push((path, entry.filemode_raw().cast_unsigned(), entry.id()));
                }
                git2::TreeWalkResult::Ok
            })
            .tried(doing())?;
            for (path, mode, oid) in found {
                let (mode, id) = (Mode::from_bits_truncate(mode), ObjectId::from_bytes_or_panic(oid.as_bytes()));
                self.index.dangerously_push_entry(Times::default(), id, Flags::SKIP_WORKTREE, mode, path[..].into());
            }
        }
        self.index.sort_entries();
        self.find_marked();
        // The numbers of entries that git has noted no longer fit.
        self.index.remove_tree();
        Ok(())
    }

    /// An index without entries.
    pub(in crate::host::git) fn empty(format: ObjectFormat) -> Self {
        Self::put_together(State::new(kind(format)), (0, 0))
    }

    /// The entries with these numbers.
    pub(in crate::host::git) fn only(&self, numbers: &[usize]) -> Self {
        let mut only = Self::empty(self.format());
        for &at in numbers {
            let entry = &self.index.entries()[at];
            only.index.dangerously_push_entry(entry.stat, entry.id, entry.flags, entry.mode, self.path(at).into());
        }
        only
    }

    /// Adds the entry of a file that holds `oid` and has these times.
    pub(in crate::host::git) fn push(&mut self, path: &[u8], times: Times, oid: git2::Oid) {
        let id = ObjectId::from_bytes_or_panic(oid.as_bytes());
        self.index.dangerously_push_entry(times, id, Flags::empty(), Mode::FILE, path.into());
    }

    /// Writes the entries in git's form of an index.
    pub(in crate::host::git) fn write(mut self, to: impl Write) -> io::Result<()> {
        self.index.sort_entries();
        let options = gix_index::write::Options { extensions: gix_index::write::Extensions::None, skip_hash: false };
        gix_index::File::from_state(self.index, "").write_to(to, options).map(drop).map_err(io::Error::other)
    }

    /// Whether nothing but times changes when the index is written again by [`Self::write_whole`]: it is neither split nor
    /// sparse, in a version that is written, and holds nothing of a merge.
    pub(in crate::host::git) fn stays_whole(&self, repository: &Repository) -> bool {
        let index = &self.index;
        let is_split = || {
            let found = std::fs::read_dir(repository.raw.path()).into_iter().flatten().flatten();
            found.into_iter().any(|entry| entry.file_name().as_encoded_bytes().starts_with(b"sharedindex."))
        };
        matches!(index.version(), gix_index::Version::V2 | gix_index::Version::V3)
            && !index.is_sparse()
            && self.unmerged.is_empty()
            && index.resolve_undo().is_none_or(Vec::is_empty)
            && !is_split()
    }

    /// Gives an entry the times of its file.
    pub(in crate::host::git) fn set_times(&mut self, at: usize, stat: &Stat) {
        if let Some(entry) = self.index.entries_mut().get_mut(at) {
            entry.stat = times_as_index(stat);
        }
    }

    /// Writes the index with the ids of trees that git has noted.
    pub(in crate::host::git) fn write_whole(self, to: impl Write) -> io::Result<()> {
        gix_index::File::from_state(self.index, "")
            .write_to(to, gix_index::write::Options::default())
            .map(drop)
            .map_err(io::Error::other)
    }

    /// The size of the file of an entry, up to 4 GB.
    pub(in crate::host::git) fn size(&self, at: usize) -> u32 {
        self.index.entries()[at].stat.size
    }

    /// Whether ids are sha1 or sha256.
    pub(in crate::host::git) fn format(&self) -> ObjectFormat {
        match self.index.object_hash() {
            Kind::Sha256 => ObjectFormat::Sha256,
            _ => ObjectFormat::Sha1,
        }
    }

    /// The times of the file of an entry.
    pub(in crate::host::git) fn recorded(&self, at: usize) -> Recorded {
        Recorded::from(&self.index.entries()[at].stat)
    }

    /// How many entries there are.
    pub(in crate::host::git) fn len(&self) -> usize {
        self.index.entries().len()
    }

    pub(in crate::host::git) fn path(&self, at: usize) -> &[u8] {
        self.path_of(&self.index.entries()[at])
    }

    pub(in crate::host::git) fn mode(&self, at: usize) -> u32 {
        self.index.entries()[at].mode.bits()
    }

    pub(in crate::host::git) fn mark(&self, at: usize) -> Mark {
        let flags = self.index.entries()[at].flags;
        if flags.stage_raw() != 0 {
            Mark::Unmerged
        } else if flags.contains(Flags::SKIP_WORKTREE) {
            Mark::SkipWorktree
        } else if flags.contains(Flags::ASSUME_VALID) {
            Mark::AssumeUnchanged
        } else if flags.contains(Flags::INTENT_TO_ADD) {
            Mark::IntentToAdd
        } else {
            Mark::Plain
        }
    }

    pub(in crate::host::git) fn get(&self, at: usize) -> Indexed<'_> {
        let entry = &self.index.entries()[at];
        Indexed { path: self.path(at), mode: entry.mode.bits(), oid: raw(entry), mark: self.mark(at) }
    }

    /// All entries, by path.
    pub(in crate::host::git) fn all(&self) -> impl Iterator<Item = Indexed<'_>> {
        (0..self.len()).map(|at| self.get(at))
    }

    /// The numbers of entries that are not in the tree that the index makes.
    pub(in crate::host::git) fn not_staged(&self) -> impl Iterator<Item = usize> {
        self.marked().filter(|at| !self.mark(*at).is_staged())
    }

    /// Whether both have the same entries, whatever their times.
    pub(in crate::host::git) fn is_same(&self, other: &Self) -> bool {
        self.len() == other.len() && self.unmerged == other.unmerged && self.all().eq(other.all())
    }

    /// The number of the entry at `path`.
    pub(in crate::host::git) fn find(&self, path: &[u8]) -> Option<usize> {
        self.index.entries().binary_search_by(|entry| self.path_of(entry).cmp(path)).ok()
    }

    /// Of the entries `within`, those whose path begins with `prefix`.
    pub(in crate::host::git) fn below(&self, prefix: &[u8], within: Range<usize>) -> Range<usize> {
        let start = within.start + self.index.entries()[within.clone()].partition_point(|entry| self.path_of(entry) < prefix);
        start..self.end_of(prefix, start..within.end)
    }

    /// Where those end that stand at the beginning of the entries `within` and whose path begins with `prefix`.
    pub(in crate::host::git) fn end_of(&self, prefix: &[u8], within: Range<usize>) -> usize {
        let entries = &self.index.entries()[within.clone()];
        let is_below = |entry: &gix_index::Entry| self.path_of(entry).starts_with(prefix);
        // Most directories are small: the end is sought from the beginning on, in ever longer steps.
        let (mut known, mut step) = (0, 1);
        while known + step <= entries.len() && is_below(&entries[known + step - 1]) {
            known += step;
            step *= 2;
        }
        let end = entries.len().min(known + step);
        within.start + known + entries[known..end].partition_point(is_below)
    }

    /// Whether exactly `count` of the entries `within`, from their beginning on, have a path that begins with `prefix`.
    fn are_below(&self, prefix: &[u8], count: usize, within: &Range<usize>) -> bool {
        let is_below = |at: usize| self.path(at).starts_with(prefix);
        let end = within.start + count;
        (1..=within.len()).contains(&count) && is_below(end - 1) && (end == within.end || !is_below(end))
    }

    /// As [`Self::end_of`], where git has noted how many they are.
    pub(in crate::host::git) fn end_by(
        &self,
        node: Option<&gix_index::extension::Tree>,
        prefix: &[u8],
        within: Range<usize>,
    ) -> usize {
        let noted = node.and_then(|node| usize::try_from(node.num_entries?).ok());
        match noted.filter(|count| self.are_below(prefix, *count, &within)) {
            Some(count) => within.start + count,
            None => self.end_of(prefix, within),
        }
    }

    fn path_of(&self, entry: &gix_index::Entry) -> &[u8] {
        entry.path_in(self.index.path_backing())
    }

    /// The ids of trees that git has noted.
    pub(in crate::host::git) fn known_trees(&self) -> Option<&gix_index::extension::Tree> {
        self.index.tree()
    }

    /// The id that git has noted for the directory of these entries, if it still is about so many.
    pub(in crate::host::git) fn believe(&self, node: &gix_index::extension::Tree, entries: Range<usize>) -> Option<git2::Oid> {
        let count = usize::try_from(node.num_entries?).ok()?;
        // What is left of a merge and what is only meant to be added is in no tree of git's.
        (self.unmerged.is_empty() && count == entries.len()).then(|| git2::Oid::from_bytes(node.id.as_slice()).ok()).flatten()
    }

    /// The tree of a directory that is one entry of a sparse index.
    pub(in crate::host::git) fn whole(&self, prefix: &[u8], entries: Range<usize>) -> Option<git2::Oid> {
        (entries.len() == 1 && self.path(entries.start) == prefix).then(|| self.get(entries.start).oid)
    }

    /// Whether the entry is taken as the index has it, whatever is on disk.
    pub(in crate::host::git) fn is_not_looked_at(&self, at: usize) -> bool {
        match self.mark(at) {
            Mark::SkipWorktree | Mark::AssumeUnchanged => true,
            Mark::Plain | Mark::IntentToAdd | Mark::Unmerged => false,
        }
    }

    /// Whether the times of a file prove that it holds what its entry says.
    pub(in crate::host::git) fn is_clean(&self, at: usize, stat: &Stat) -> bool {
        self.mark(at) == Mark::Plain && stat.proves(self.recorded(at), self.written)
    }
}

fn kind(format: ObjectFormat) -> Kind {
    match format {
        ObjectFormat::Sha1 => Kind::Sha1,
        ObjectFormat::Sha256 => Kind::Sha256,
    }
}

fn raw(entry: &gix_index::Entry) -> git2::Oid {
    git2::Oid::from_bytes(entry.id.as_slice()).unwrap_or(git2::Oid::ZERO_SHA1)
}

/// Times of a file as an index keeps them: the low 32 bits of each number.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the index keeps the low 32 bits")]
pub(in crate::host::git) fn times_as_index(stat: &Stat) -> Times {
    let time = |(seconds, nanoseconds): Moment| gix_index::entry::stat::Time { secs: seconds as u32, nsecs: nanoseconds };
    Times {
        mtime: time(stat.modified),
        ctime: time(stat.changed),
        dev: stat.device as u32,
        ino: stat.inode as u32,
        uid: stat.owner.0,
        gid: stat.owner.1,
        size: stat.size as u32,
    }
}
