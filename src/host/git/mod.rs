//! The repository behind one face; `git2` is named nowhere else.
//!
//! Nothing here forces: no call overwrites what it was not told about, and the user's index, branches and configuration
//! change only in the functions that say so in their first line. Nothing here decides what may be committed or where.

use std::{cell::RefCell, fmt};

use git2::{ObjectFormat, ObjectType};

use crate::{
    host::{Error, Result, environment::Environment},
    model::{id::Oid, refusal::Refusal, time::Timestamp},
};

mod ahead;
mod attributes;
mod batch;
mod commit;
mod content;
mod diff;
mod differing;
mod entries;
mod extent;
mod filters;
mod gather;
mod genuine;
mod ground;
mod head;
mod history;
mod holders;
mod hollow;
mod hooks;
mod identity;
mod index;
mod knowledge;
mod land;
mod leak;
mod open;
mod pack;
mod program;
mod program_refs;
mod read;
mod refs;
mod restore;
mod restore_index;
mod retell;
mod rollback;
mod snapshot;
mod stat;
mod stat_cache;
mod status;
mod tags;
mod tracked;
mod tree;
mod trees;
mod verbatim;
mod version;
mod walk;
mod weigh;

#[cfg(test)]
mod fixture;

pub use commit::{CommitRequest, Content, Hooks, PathContent, Prepared, Staged};
pub use content::SecretFiles;
pub use extent::Extent;
pub use head::{Head, Operation};
pub use history::{Commit, Numstat, PathStat};
pub use holders::{Deletion, Holder, Version};
pub use identity::{Identity, Signature};
pub use knowledge::{Knowledge, Looked};
pub use land::{IndexOutcome, Landed, Landing};
pub use leak::{Lookout, Markers};
pub use read::Blob;
pub use restore::{HeldBack, Restored};
pub use rollback::{Carrier, Ownership, Planned};
pub use snapshot::{Limits, SideCommit, Snapshot, Words};
pub use status::Status;
pub use tags::{Annotation, Tag};

/// One opened repository with its work tree.
pub struct Repository {
    pub(in crate::host::git) raw: git2::Repository,
    pub(in crate::host::git) environment: Environment,
    pub(in crate::host::git) ref_store: RefStore,
    /// The index that libgit2 was given a plain form of, because it cannot read the one on disk.
    pub(in crate::host::git) plain_form_of: RefCell<Option<version::Version>>,
}

/// Who reads and writes the refs of a repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::host::git) enum RefStore {
    /// They are files, which libgit2 knows.
    Library,
    /// They are kept in another way, and only the git program knows how.
    Program,
}

impl fmt::Debug for Repository {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Repository").field("path", &self.raw.path()).finish_non_exhaustive()
    }
}

/// Puts libgit2's errors into our words.
pub(in crate::host::git) trait Tried<T> {
    /// Names what was being done, as a lower-case fragment such as "read the index".
    fn tried(self, doing: impl Into<String>) -> Result<T>;
}

impl<T> Tried<T> for std::result::Result<T, git2::Error> {
    fn tried(self, doing: impl Into<String>) -> Result<T> {
        self.map_err(|error| worded(doing.into(), &error))
    }
}

fn worded(doing: String, error: &git2::Error) -> Error {
    if error.code() == git2::ErrorCode::Locked {
        return Refusal::conflict(format!("cannot {doing}: {}", error.message())).retryable().into();
    }
    Error::while_doing(doing, error.message().to_owned())
}

impl Repository {
    /// Whether ids are sha1 or sha256.
    pub(in crate::host::git) fn format(&self) -> ObjectFormat {
        self.raw.object_format()
    }
}

/// The id of nothing, which stands for a ref that is not there.
pub(in crate::host::git) fn zero(format: ObjectFormat) -> git2::Oid {
    match format {
        ObjectFormat::Sha1 => git2::Oid::ZERO_SHA1,
        ObjectFormat::Sha256 => git2::Oid::ZERO_SHA256,
    }
}

/// The id that bytes have as an object of a repository with ids of this format.
pub(in crate::host::git) fn hash(kind: ObjectType, bytes: &[u8], format: ObjectFormat) -> Result<git2::Oid> {
    git2::Oid::hash_object_ext(kind, bytes, format).tried("hash an object")
}

/// Our id of one of libgit2's.
pub(in crate::host::git) fn oid(raw: git2::Oid) -> Oid {
    Oid::new(raw.to_string()).expect("because libgit2 prints 40 or 64 hexadecimal digits")
}

/// libgit2's id of one of ours.
pub(in crate::host::git) fn raw_oid(oid: &Oid) -> Result<git2::Oid> {
    let format = if oid.as_str().len() == 40 { ObjectFormat::Sha1 } else { ObjectFormat::Sha256 };
    git2::Oid::from_str_ext(oid.as_str(), format).tried(format!("use the object id `{oid}`"))
}

/// The moment of one of git's times, which count whole seconds.
pub(in crate::host::git) fn moment(time: git2::Time) -> Timestamp {
    let milliseconds = time.seconds().saturating_mul(1000);
    Timestamp::from_millisecond(milliseconds)
        .unwrap_or_else(|_| Timestamp::from_millisecond(0).expect("because 1970 can be written"))
}
