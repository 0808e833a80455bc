//! New objects that are held in memory and then written together as one pack, so that one sync makes all of them safe.
//!
//! Until `finish` nothing is on disk; a batch that is dropped leaves no trace. No ref is touched here.

use std::{
    collections::HashMap,
    fs::File,
    io::{self, Read as _},
    path::PathBuf,
};

use git2::{ObjectType, OdbLookupFlags};

use crate::{
    host::{
        Doing as _, Result, failpoint,
        git::{
            Repository, Tried as _,
            pack::{self, Object},
        },
    },
    model::refusal::Refusal,
};

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

    /// Whether the object is in the batch or in the repository.
    pub(in crate::host::git) fn holds(&self, oid: git2::Oid) -> bool {
        self.index.contains_key(&oid) || self.odb.exists_ext(oid, OdbLookupFlags::NO_REFRESH)
    }

    /// Adds an object and says its id.
    pub(in crate::host::git) fn add(&mut self, kind: ObjectType, bytes: Vec<u8>) -> Result<git2::Oid> {
        let oid = git2::Oid::hash_object(kind, &bytes).tried("hash an object")?;
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
        tree(leaves, 0, &mut |bytes| self.add(ObjectType::Tree, bytes))
    }

    /// Adds the trees of two lists that have most of their directories in common, which are built once. Hands back the
    /// entries of the first one's topmost tree as well.
    pub(in crate::host::git) fn two_trees<'a>(&mut self, lists: [&[Leaf<'a>]; 2]) -> Result<([git2::Oid; 2], Vec<Leaf<'a>>)> {
        let [first, second] = both(lists, 0, &mut |bytes| self.add(ObjectType::Tree, bytes))?;
        let oids = [self.add(ObjectType::Tree, entries(&first))?, self.add(ObjectType::Tree, entries(&second))?];
        Ok((oids, first))
    }

    /// Writes everything as one synced pack; large blobs as objects of their own.
    pub(in crate::host::git) fn finish(&mut self) -> Result<()> {
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
            return Ok(());
        }
        failpoint::reach("objects.write").doing("write objects below", self.repository.path())?;
        pack::write(&self.repository.commondir().join("objects/pack"), &self.objects)?;
        failpoint::reach("objects.written").doing("write objects below", self.repository.path())?;
        self.objects.clear();
        self.index.clear();
        self.odb.refresh().tried("see the objects that were written")
    }
}

/// The id of the tree that the leaves make; nothing is added anywhere.
pub(in crate::host::git) fn tree_id(leaves: &[Leaf<'_>]) -> Result<git2::Oid> {
    tree(leaves, 0, &mut |bytes| git2::Oid::hash_object(ObjectType::Tree, &bytes).tried("hash a tree"))
}

const DIRECTORY: u32 = 0o040_000;

/// What stands at one name of a directory.
enum Part<'l, 'a> {
    Leaf(Leaf<'a>),
    /// A directory's name and the leaves below it.
    Directory(&'a [u8], &'l [Leaf<'a>]),
}

/// Divides the leaves of the directory whose path has `depth` bytes. Sorted by path, directories stand where git sorts them
/// in a tree: as if a slash followed their name.
fn parts<'l, 'a>(leaves: &'l [Leaf<'a>], depth: usize) -> Vec<Part<'l, 'a>> {
    let (mut parts, mut rest) = (Vec::new(), leaves);
    while let [first, ..] = rest {
        let path: &'a [u8] = first.path;
        let name = &path[depth..];
        let count = match name.iter().position(|&byte| byte == b'/') {
            None => {
                parts.push(Part::Leaf(Leaf { path: name, ..*first }));
                1
            }
            Some(length) => {
                let prefix = &path[..=depth + length];
                let end = rest.partition_point(|other| other.path.starts_with(prefix));
                parts.push(Part::Directory(&name[..length], &rest[..end]));
                end
            }
        };
        rest = &rest[count..];
    }
    parts
}

/// The bytes of a tree with these entries.
fn entries(leaves: &[Leaf<'_>]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(leaves.len() * 40);
    for leaf in leaves {
        bytes.extend_from_slice(format!("{:o} ", leaf.mode).as_bytes());
        bytes.extend_from_slice(leaf.path);
        bytes.push(0);
        bytes.extend_from_slice(leaf.oid.as_bytes());
    }
    bytes
}

fn tree(leaves: &[Leaf<'_>], depth: usize, put: &mut dyn FnMut(Vec<u8>) -> Result<git2::Oid>) -> Result<git2::Oid> {
    let mut level = Vec::new();
    for part in parts(leaves, depth) {
        level.push(match part {
            Part::Leaf(leaf) => leaf,
            Part::Directory(name, below) => Leaf { path: name, mode: DIRECTORY, oid: tree(below, depth + name.len() + 1, put)? },
        });
    }
    put(entries(&level))
}

/// The entries of both lists' trees at `depth`; a directory that is the same in both is built once.
fn both<'a>(
    lists: [&[Leaf<'a>]; 2],
    depth: usize,
    put: &mut dyn FnMut(Vec<u8>) -> Result<git2::Oid>,
) -> Result<[Vec<Leaf<'a>>; 2]> {
    let [left, right] = lists.map(|leaves| parts(leaves, depth));
    let mut others: HashMap<&[u8], &[Leaf<'a>]> = HashMap::new();
    others.extend(right.iter().filter_map(|part| match part {
        Part::Directory(name, below) => Some((*name, *below)),
        Part::Leaf(_) => None,
    }));
    let mut built: HashMap<&[u8], git2::Oid> = HashMap::new();
    let mut levels = [Vec::with_capacity(left.len()), Vec::with_capacity(right.len())];
    for part in left {
        levels[0].push(match part {
            Part::Leaf(leaf) => leaf,
            Part::Directory(name, below) => {
                let inside = depth + name.len() + 1;
                let oid = match others.get(name) {
                    None => tree(below, inside, put)?,
                    Some(other) if *other == below => {
                        let oid = tree(below, inside, put)?;
                        built.insert(name, oid);
                        oid
                    }
                    Some(other) => {
                        let [own, theirs] = both([below, other], inside, put)?;
                        built.insert(name, put(entries(&theirs))?);
                        put(entries(&own))?
                    }
                };
                Leaf { path: name, mode: DIRECTORY, oid }
            }
        });
    }
    for part in right {
        levels[1].push(match part {
            Part::Leaf(leaf) => leaf,
            Part::Directory(name, below) => {
                let oid = match built.get(name) {
                    Some(oid) => *oid,
                    None => tree(below, depth + name.len() + 1, put)?,
                };
                Leaf { path: name, mode: DIRECTORY, oid }
            }
        });
    }
    Ok(levels)
}
