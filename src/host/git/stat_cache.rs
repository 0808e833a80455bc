//! Remembers what files held whose times the index does not vouch for: untracked ones, changed ones, and all of them after
//! a copy of the clone. Kept in git's own form of an index, beside the logs.
//!
//! Derived: it may be deleted at any time, and is not trusted for a file that may have changed within the clock's tick.

use std::{collections::HashMap, fs, path::PathBuf};

use git2::{IndexEntry, IndexTime, ObjectFormat};

use crate::host::{
    Doing as _, Result,
    git::{
        Repository, Tried as _,
        walk::{Moment, Stat},
    },
    store::{layout::Private, write::make_directory},
};

/// So many new answers, or answers about so many bytes, are worth writing the cache again.
const WORTH: (usize, u64) = (64, 1 << 20);

/// What is known about files by their times.
pub(in crate::host::git) struct StatCache {
    path: PathBuf,
    format: ObjectFormat,
    written: Moment,
    known: HashMap<Vec<u8>, IndexEntry>,
    learned: HashMap<Vec<u8>, (Stat, git2::Oid)>,
    used: Vec<Vec<u8>>,
}

impl StatCache {
    /// Reads the cache of this work tree; an empty one when there is none or it cannot be read.
    pub(in crate::host::git) fn read(repository: &Repository) -> Self {
        let raw = &repository.raw;
        let name = repository.worktree_name().map_or_else(|| "stat".to_owned(), |name| format!("stat-{name}"));
        let path = Private::of(raw.commondir()).cache().join(name);
        let format = repository.format();
        let mut cache = Self { path, format, written: (0, 0), known: HashMap::new(), learned: HashMap::new(), used: Vec::new() };
        cache.load();
        cache
    }

    fn load(&mut self) {
        let Ok(stat) = rustix::fs::stat(&self.path) else { return };
        let Ok(index) = git2::Index::open_ext(&self.path, self.format) else { return };
        self.written = Stat::of(&stat).modified;
        self.known = index.iter().map(|entry| (entry.path.clone(), entry)).collect();
    }

    /// The blob that the file at `path` holds, when its times prove it.
    pub(in crate::host::git) fn find(&self, path: &[u8], stat: &Stat) -> Option<git2::Oid> {
        self.known.get(path).filter(|entry| stat.proves(entry, self.written)).map(|entry| entry.id)
    }

    /// Notes that an answer of [`Self::find`] is worth keeping.
    pub(in crate::host::git) fn keep(&mut self, path: Vec<u8>) {
        self.used.push(path);
    }

    /// Notes what a file held when it had these times.
    pub(in crate::host::git) fn learn(&mut self, path: Vec<u8>, stat: Stat, oid: git2::Oid) {
        self.learned.insert(path, (stat, oid));
    }

    /// Writes the cache when enough was learned; a failure only costs time later.
    pub(in crate::host::git) fn write(self) {
        let bytes: u64 = self.learned.values().map(|(stat, _)| stat.size).sum();
        if self.learned.len() >= WORTH.0 || bytes >= WORTH.1 {
            drop(self.try_write());
        }
    }

    fn try_write(mut self) -> Result<()> {
        if let Some(directory) = self.path.parent() {
            make_directory(directory)?;
        }
        let draft = self.path.with_extension(format!("{}", std::process::id()));
        let doing = || "write the cache of file times";
        let mut index = git2::Index::open_ext(&draft, self.format).tried(doing())?;
        index.clear().tried(doing())?;
        let kept = self.used.iter().filter_map(|path| self.known.remove(path));
        let learned = self.learned.into_iter().map(|(path, (stat, oid))| entry(path, &stat, 0o100_644, oid));
        let mut entries: Vec<IndexEntry> = kept.chain(learned).collect();
        entries.sort_unstable_by(|left, right| left.path.cmp(&right.path));
        for entry in &entries {
            index.add(entry).tried(doing())?;
        }
        index.write().tried(doing())?;
        fs::rename(&draft, &self.path).doing(doing(), &self.path)
    }
}

/// An entry of an index for a file that holds `oid` and has these times.
pub(in crate::host::git) fn entry(path: Vec<u8>, stat: &Stat, mode: u32, oid: git2::Oid) -> IndexEntry {
    #[expect(clippy::cast_possible_truncation, reason = "the index keeps the low 32 bits")]
    let time = |(seconds, nanoseconds): Moment| IndexTime::new(seconds as i32, nanoseconds);
    #[expect(clippy::cast_possible_truncation, reason = "the index keeps the low 32 bits")]
    let low = |value: u64| value as u32;
    IndexEntry {
        ctime: time(stat.changed),
        mtime: time(stat.modified),
        dev: low(stat.device),
        ino: low(stat.inode),
        mode,
        uid: stat.owner.0,
        gid: stat.owner.1,
        file_size: low(stat.size),
        id: oid,
        flags: 0,
        flags_extended: 0,
        path,
    }
}
