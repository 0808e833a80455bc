//! Snapshots for whoever stays: only directories in which the system told of a change are looked at again.
//!
//! The knowledge is what the last walk found, directory by directory, and a watch that was in place before that walk. It is
//! dropped whenever anything may have gone untold, and a full walk proves it now and then. It lives as long as the process.

use std::{collections::BTreeMap, fmt, os::unix::fs::MetadataExt as _};

use crate::{
    host::{
        Result,
        environment::Environment,
        git::{
            Limits, Repository, Snapshot,
            entries::Tracked,
            ground::Ground,
            walk::{Part, walk_again, walk_in_parts, whole},
        },
        told::{Heard, Told},
    },
    model::change::TreePath,
};

/// After so many snapshots a full walk proves the knowledge.
const PROVEN_EVERY: u32 = 16;

/// What is known of a work tree.
#[derive(Default)]
pub struct Knowledge {
    base: Option<Base>,
    heard: Heard,
    taken: u32,
    /// Once it was wrong it is not relied on any more.
    was_wrong: bool,
}

impl fmt::Debug for Knowledge {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Knowledge").field("is_known", &self.base.is_some()).finish_non_exhaustive()
    }
}

struct Base {
    told: Told,
    index: Option<[i64; 6]>,
    tracked: Tracked,
    ground: Ground,
    parts: BTreeMap<Vec<u8>, Part>,
}

/// How a snapshot came about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Looked {
    /// At everything.
    Everywhere,
    /// Where something had changed.
    WhereChanged,
    /// At everything, and what was known was wrong.
    WasWrong,
}

impl Knowledge {
    /// Takes in what the system has told so far, so that its queue does not overflow.
    pub fn hear(&mut self) {
        if let Some(base) = &self.base {
            self.heard.take(base.told.heard());
        }
    }
}

impl Repository {
    /// As [`Self::snapshot`], looking only where something has changed since the last one, as far as that is known.
    ///
    /// # Errors
    /// As [`Self::snapshot`].
    pub fn snapshot_knowing(
        &self,
        environment: &Environment,
        limits: &Limits,
        also: &[TreePath],
        knowledge: &mut Knowledge,
    ) -> Result<(Snapshot<'_>, Looked)> {
        let index = std::fs::metadata(self.index_path()).ok().map(|found| {
            let (device, inode, size) = (found.dev().cast_signed(), found.ino().cast_signed(), found.size().cast_signed());
            [device, inode, size, found.mtime() ^ found.mtime_nsec() << 32, found.ctime(), found.ctime_nsec()]
        });
        let ground = Ground::of(self, environment)?;
        knowledge.hear();
        let heard = std::mem::take(&mut knowledge.heard);
        knowledge.taken += 1;
        // What is refused for its size is not known either.
        let most = limits.extent.files;
        let mut looked = Looked::Everywhere;
        let base = knowledge.base.take().filter(|base| !heard.is_lost && base.index == index && base.ground == ground);
        let base = match base {
            Some(mut base) => {
                walk_again(self, (&base.tracked, &base.ground), &base.told, &mut base.parts, &heard, most)?;
                looked = Looked::WhereChanged;
                if knowledge.taken.is_multiple_of(PROVEN_EVERY) {
                    let all = walk_in_parts(self, &base.tracked, &base.ground, Some(&base.told), most)?;
                    knowledge.heard = base.told.heard();
                    let is_right = knowledge.heard.is_lost || is_proven(&base.parts, &all, &knowledge.heard);
                    looked = if is_right { Looked::Everywhere } else { Looked::WasWrong };
                    base.parts = all;
                }
                Some(base)
            }
            None => match Told::below(self.root()).filter(|_| !knowledge.was_wrong) {
                Some(told) => {
                    let tracked = Tracked::read(self)?;
                    let parts = walk_in_parts(self, &tracked, &ground, Some(&told), most)?;
                    Some(Base { told, index, tracked, ground, parts })
                }
                None => None,
            },
        };
        let Some(base) = base else { return Ok((self.snapshot(environment, limits, also)?, Looked::Everywhere)) };
        let found = whole(self, &base.tracked, &base.ground, base.parts.values().map(|part| part.found().clone()), also)?;
        let snapshot = self.snapshot_of(environment, limits, &base.tracked, &found)?;
        knowledge.was_wrong |= looked == Looked::WasWrong;
        knowledge.base = Some(base).filter(|_| !knowledge.was_wrong);
        Ok((snapshot, looked))
    }
}

/// Whether a full walk found what was known, but for where something was told of since.
fn is_proven(known: &BTreeMap<Vec<u8>, Part>, all: &BTreeMap<Vec<u8>, Part>, heard: &Heard) -> bool {
    let is_told = |path: &Vec<u8>| {
        let is_below = |above: &Vec<u8>| path == above || path.starts_with(&[above, &b"/"[..]].concat());
        heard.changed.contains(path) || heard.unknown.iter().any(is_below)
    };
    let differs = |(path, part): (&Vec<u8>, &Part), other: &BTreeMap<Vec<u8>, Part>| {
        other.get(path).map(Part::found) != Some(part.found()) && !is_told(path)
    };
    !known.iter().any(|known| differs(known, all)) && !all.keys().any(|path| !known.contains_key(path) && !is_told(path))
}

#[cfg(test)]
mod tests;
