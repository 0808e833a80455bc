//! New objects that are held in memory and then written together as one pack, so that one sync makes all of them safe.
//!
//! Until `finish` nothing is on disk; a batch that is dropped leaves no trace. No ref is touched here.

use std::{
    borrow::Cow,
    collections::HashMap,
    fs::File,
    io::{self, Read as _},
    path::PathBuf,
};

use crate::{
    host::{
        Doing as _, Result, failpoint,
        git::{
            Repository, Tried as _, gather, hash,
            pack::{self, Object, Packs},
        },
    },
    model::refusal::Refusal,
};
use git2::{ObjectFormat, ObjectType, OdbLookupFlags};

/// A path with what a tree says about it; lists of them are sorted by path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::host::git) struct Leaf<'a> {
    pub(in crate::host::git) path: &'a [u8],
    pub(in crate::host::git) mode: u32,
    pub(in crate::host::git) oid: git2::Oid,
}

/// Objects that are not written yet.
pub(in crate::host::git) struct Batch<'r> {
    repository: &'r git2::Repository,
    odb: git2::Odb<'r>,
    index: HashMap<git2::Oid, usize>,
    objects: Vec<Object>,
    /// Blobs too large to be held; they are read again when they are written.
    large: Vec<(PathBuf, git2::Oid)>,
}

impl<'r> Batch<'r> {
    pub(in crate::host::git) fn new(repository: &'r Repository) -> Result<Self> {
        let repository = &repository.raw;
        let odb = repository.odb().tried("open the object database")?;
        odb.refresh().tried("open the object database")?;
        Ok(Self { repository, odb, index: HashMap::new(), objects: Vec::new(), large: Vec::new() })
    }

    /// Whether ids are sha1 or sha256.
    pub(in crate::host::git) fn format(&self) -> ObjectFormat {
        self.repository.object_format()
    }

    /// Whether the object is in the batch or in the repository.
    pub(in crate::host::git) fn holds(&self, oid: git2::Oid) -> bool {
        self.index.contains_key(&oid) || self.odb.exists_ext(oid, OdbLookupFlags::NO_REFRESH)
    }

    /// Adds an object and says its id.
    pub(in crate::host::git) fn add(&mut self, kind: ObjectType, bytes: Vec<u8>) -> Result<git2::Oid> {
        let oid = hash(kind, &bytes, self.format())?;
        self.add_hashed(kind, bytes, oid);
        Ok(oid)
    }

    /// Adds an object whose id is known.
    pub(in crate::host::git) fn add_hashed(&mut self, kind: ObjectType, bytes: Vec<u8>, oid: git2::Oid) {
        if !self.holds(oid) {
            self.index.insert(oid, self.objects.len());
            self.objects.push(Object { kind, bytes, oid });
        }
    }

    /// Adds the whole content of a file as a blob without holding it in memory.
    pub(in crate::host::git) fn add_large(&mut self, path: PathBuf, oid: git2::Oid) {
        if !self.holds(oid) {
            self.large.push((path, oid));
        }
    }

    /// The bytes of an object of the batch or of the repository.
    pub(in crate::host::git) fn read(&self, oid: git2::Oid) -> Result<Vec<u8>> {
        match self.index.get(&oid) {
            Some(&at) => Ok(self.objects[at].bytes.clone()),
            None => Ok(self.odb.read(oid).tried(format!("read the object {oid}"))?.data().to_vec()),
        }
    }

    /// Adds the trees that the leaves make and says the id of the topmost.
    pub(in crate::host::git) fn tree(&mut self, leaves: &[Leaf<'_>]) -> Result<git2::Oid> {
        let mut made = Vec::new();
        let format = self.format();
        let top = Made::of(&level(leaves, 0, format, &mut made)?, format)?;
        let oid = top.oid;
        self.take(made.into_iter().chain([top]));
        Ok(oid)
    }

    /// Adds trees that are not there yet.
    pub(in crate::host::git) fn take(&mut self, made: impl Iterator<Item = Made>) {
        for Made { bytes, oid } in made {
            self.add_hashed(ObjectType::Tree, bytes, oid);
        }
    }

    /// Writes everything as one synced pack; large blobs as objects of their own. `beside` is done while the last sync is waited
    /// for, and not when there is nothing to sync.
    pub(in crate::host::git) fn finish<T: Send>(&mut self, beside: impl FnOnce() -> T + Send) -> Result<Option<T>> {
        for (path, oid) in std::mem::take(&mut self.large) {
            let file = File::open(&path).doing("read", &path)?;
            let size = file.metadata().doing("read", &path)?.len();
            let length = usize::try_from(size).doing("read", &path)?;
            let mut writer = self.odb.writer(length, ObjectType::Blob).tried(format!("store `{}`", path.display()))?;
            let copied = io::copy(&mut file.take(size), &mut writer).doing("store", &path)?;
            if copied != size || writer.finalize().tried(format!("store `{}`", path.display()))? != oid {
                return Err(Refusal::conflict(format!("`{}` was changed while it was stored", path.display()))
                    .retryable()
                    .into());
            }
        }
        if self.objects.is_empty() {
            return Ok(None);
        }
        failpoint::reach("objects.write").doing("write objects below", self.repository.path())?;
        let packs = Packs::of(self.repository);
        let done = pack::write(&packs, &self.objects, beside)?;
        failpoint::reach("objects.written").doing("write objects below", self.repository.path())?;
        // What cannot be gathered now can be the next time.
        drop(gather::gather(&packs));
        self.objects.clear();
        self.index.clear();
        self.odb.refresh().tried("see the objects that were written")?;
        Ok(Some(done))
    }
}

/// The id of the tree that holds these entries; nothing is added anywhere.
pub(in crate::host::git) fn tree_id(entries: &[Leaf<'_>], format: ObjectFormat) -> Result<git2::Oid> {
    Ok(Made::of(entries, format)?.oid)
}

/// The mode of a directory.
pub(in crate::host::git) const DIRECTORY: u32 = 0o040_000;

/// A tree that was put together.
pub(in crate::host::git) struct Made {
    bytes: Vec<u8>,
    oid: git2::Oid,
}

impl Made {
    pub(in crate::host::git) fn oid(&self) -> git2::Oid {
        self.oid
    }

    /// The tree that holds these entries, which are in the order of a tree.
    pub(in crate::host::git) fn of(level: &[Leaf<'_>], format: ObjectFormat) -> Result<Self> {
        let mut bytes = Vec::with_capacity(level.len() * 48);
        for leaf in level {
            bytes.extend_from_slice(mode(leaf.mode).as_bytes());
            bytes.push(b' ');
            bytes.extend_from_slice(leaf.path);
            bytes.push(0);
            bytes.extend_from_slice(leaf.oid.as_bytes());
        }
        let oid = hash(ObjectType::Tree, &bytes, format)?;
        Ok(Self { bytes, oid })
    }
}

/// A mode in octal without a leading zero, as trees have it.
fn mode(bits: u32) -> Cow<'static, str> {
    match bits {
        0o100_644 => "100644".into(),
        0o100_755 => "100755".into(),
        DIRECTORY => "40000".into(),
        other => format!("{other:o}").into(),
    }
}

/// The entries of the tree at `depth`, after those of all trees below were made. Sorted by path, directories stand where git
/// sorts them in a tree: as if a slash followed their name.
fn level<'a>(leaves: &[Leaf<'a>], depth: usize, format: ObjectFormat, made: &mut Vec<Made>) -> Result<Vec<Leaf<'a>>> {
    let (mut level_here, mut rest) = (Vec::new(), leaves);
    while let [first, ..] = rest {
        let path: &'a [u8] = first.path;
        let name = &path[depth..];
        let Some(length) = name.iter().position(|&byte| byte == b'/') else {
            level_here.push(Leaf { path: name, ..*first });
            rest = &rest[1..];
            continue;
        };
        let prefix = &path[..=depth + length];
        let (below, after) = rest.split_at(rest.partition_point(|other| other.path.starts_with(prefix)));
        let own = Made::of(&level(below, prefix.len(), format, made)?, format)?;
        level_here.push(Leaf { path: &name[..length], mode: DIRECTORY, oid: own.oid });
        made.push(own);
        rest = after;
    }
    Ok(level_here)
}
