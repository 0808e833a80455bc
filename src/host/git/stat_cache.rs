//! Remembers what files held whose times the index does not vouch for: untracked ones, changed ones, and all of them after
//! a copy of the clone. Kept in git's own form of an index, beside the logs.
//!
//! Derived: it may be deleted at any time, and is not trusted for a file that may have changed within the clock's tick.

use std::{collections::HashMap, io::BufWriter, path::PathBuf};

use git2::{IndexEntry, IndexTime, ObjectFormat};
use tempfile::NamedTempFile;

use crate::host::{
    Doing as _, Error, Result,
    git::{
        Repository,
        entries::{Tracked, times_as_index},
        stat::{Moment, Stat},
    },
    store::{layout::Private, write::make_directory},
};

/// So many new answers, or answers about so many bytes, are worth writing the cache again.
const WORTH: (usize, u64) = (64, 1 << 20);

/// What is known about files by their times.
pub(in crate::host::git) struct StatCache {
    path: PathBuf,
    format: ObjectFormat,
    known: Option<Tracked>,
    learned: HashMap<Vec<u8>, (Stat, git2::Oid)>,
    /// Numbers of what is known and worth keeping.
    used: Vec<usize>,
}

impl StatCache {
    /// Reads the cache of this work tree; an empty one when there is none or it cannot be read.
    pub(in crate::host::git) fn read(repository: &Repository) -> Self {
        let name = repository.worktree_name().map_or_else(|| "stat".to_owned(), |name| format!("stat-{name}"));
        let path = Private::of(repository.raw.commondir()).cache().join(name);
        let known = Tracked::checked(&path, repository.format()).ok().flatten();
        Self { path, format: repository.format(), known, learned: HashMap::new(), used: Vec::new() }
    }

    /// The blob that the file at `path` holds, when its times prove it.
    pub(in crate::host::git) fn find(&self, path: &[u8], stat: &Stat) -> Option<git2::Oid> {
        let known = self.known.as_ref()?;
        let at = known.find(path).filter(|at| known.is_clean(*at, stat))?;
        Some(known.get(at).oid)
    }

    /// Notes that an answer of [`Self::find`] is worth keeping.
    pub(in crate::host::git) fn keep(&mut self, path: &[u8]) {
        self.used.extend(self.known.as_ref().and_then(|known| known.find(path)));
    }

    /// Notes what a file held when it had these times.
    pub(in crate::host::git) fn learn(&mut self, path: Vec<u8>, stat: Stat, oid: git2::Oid) {
        self.learned.insert(path, (stat, oid));
    }

    /// Writes the cache when enough was learned; a failure only costs time later.
    pub(in crate::host::git) fn write(self) {
        let bytes: u64 = self.learned.values().map(|(stat, _)| stat.size).sum();
        // A long cache is written again when a part of it is new, a short one soon.
        let is_worth_it = self.learned.len() >= WORTH.0.max(self.used.len() / 8) || bytes >= WORTH.1.max(self.bytes_kept() / 8);
        if is_worth_it {
            drop(self.try_write());
        }
    }

    fn bytes_kept(&self) -> u64 {
        self.known.as_ref().map_or(0, |known| self.used.iter().map(|at| u64::from(known.size(*at))).sum())
    }

    fn try_write(self) -> Result<()> {
        let directory = self.path.parent().ok_or_else(|| Error::at("write", &self.path, "it is in no directory"))?;
        make_directory(directory)?;
        let mut new = self.known.map_or_else(|| Tracked::empty(self.format), |known| known.only(&self.used));
        for (path, (stat, oid)) in self.learned {
            new.push(&path, times_as_index(&stat), oid);
        }
        // Not synced: it may be lost, and its checksum says when it is not whole.
        let draft = NamedTempFile::new_in(directory).doing("write below", directory)?;
        new.write(BufWriter::new(draft.as_file())).doing("write", &self.path)?;
        draft.persist(&self.path).map_err(|failed| failed.error).doing("write", &self.path).map(drop)
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
