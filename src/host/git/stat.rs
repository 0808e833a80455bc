//! What `lstat` says of a file, and whether it proves that the file is as an index has it.
//!
//! Nothing is looked at here.

use rustix::fs::FileType;

/// How far the clock of a file system may lag behind: one tick of the slowest kernel clock (100 Hz). Within it a file may
/// have changed after it was looked at and still show the same times.
const TICK_NANOSECONDS: i128 = 10_000_000;

/// What `lstat` says, as far as it is needed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::host::git) struct Stat {
    pub(in crate::host::git) modified: Moment,
    pub(in crate::host::git) changed: Moment,
    pub(in crate::host::git) device: u64,
    pub(in crate::host::git) inode: u64,
    pub(in crate::host::git) owner: (u32, u32),
    pub(in crate::host::git) size: u64,
    pub(in crate::host::git) mode: u32,
}

/// A time of a file: seconds and nanoseconds since 1970.
pub(in crate::host::git) type Moment = (i64, u32);

impl Stat {
    pub(in crate::host::git) fn of(stat: &rustix::fs::Stat) -> Self {
        let moment = |seconds, nanoseconds| (seconds, u32::try_from(nanoseconds).unwrap_or(0));
        Self {
            modified: moment(stat.st_mtime, stat.st_mtime_nsec),
            changed: moment(stat.st_ctime, stat.st_ctime_nsec),
            device: stat.st_dev,
            inode: stat.st_ino,
            owner: (stat.st_uid, stat.st_gid),
            size: u64::try_from(stat.st_size).unwrap_or(0),
            mode: stat.st_mode,
        }
    }

    pub(in crate::host::git) fn file_type(&self) -> FileType {
        FileType::from_raw_mode(self.mode)
    }

    /// Whether an entry of an index shows the same times, size and inode.
    pub(in crate::host::git) fn is_that_of(&self, recorded: impl Into<Recorded>) -> bool {
        let recorded = recorded.into();
        let same = |recorded: (u32, u32), own: Moment| {
            let seconds = i64::from(recorded.0) == own.0 & 0xffff_ffff;
            seconds && (recorded.1 == 0 || recorded.1 == own.1)
        };
        #[expect(clippy::cast_possible_truncation, reason = "the index keeps the low 32 bits")]
        let (size, inode) = (self.size as u32, self.inode as u32);
        let times = same(recorded.modified, self.modified) && same(recorded.changed, self.changed);
        times && recorded.size == size && recorded.inode == inode
    }

    /// Whether an entry of an index that was written at `written` proves that the content is still the entry's.
    pub(in crate::host::git) fn proves(&self, recorded: impl Into<Recorded>, written: Moment) -> bool {
        let recorded = recorded.into();
        let nanoseconds = |moment: Moment| i128::from(moment.0) * 1_000_000_000 + i128::from(moment.1);
        let modified = (i64::from(recorded.modified.0.cast_signed()), recorded.modified.1);
        // Without nanoseconds in the entry its second has to be over.
        let settled = if modified.1 == 0 {
            modified.0 < written.0
        } else {
            nanoseconds(modified) + TICK_NANOSECONDS < nanoseconds(written)
        };
        settled && self.is_that_of(recorded)
    }
}

/// What an entry of an index keeps of a file's times, size and inode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::host::git) struct Recorded {
    modified: (u32, u32),
    changed: (u32, u32),
    size: u32,
    inode: u32,
}

impl From<&git2::IndexEntry> for Recorded {
    fn from(entry: &git2::IndexEntry) -> Self {
        let time = |time: git2::IndexTime| (time.seconds().cast_unsigned(), time.nanoseconds());
        Self { modified: time(entry.mtime), changed: time(entry.ctime), size: entry.file_size, inode: entry.ino }
    }
}

impl From<&gix_index::entry::Stat> for Recorded {
    fn from(stat: &gix_index::entry::Stat) -> Self {
        let time = |time: gix_index::entry::stat::Time| (time.secs, time.nsecs);
        Self { modified: time(stat.mtime), changed: time(stat.ctime), size: stat.size, inode: stat.ino }
    }
}
