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

use git2::{ObjectFormat, ObjectType, OdbLookupFlags};
use rayon::prelude::*;

use crate::{
    host::{
        Doing as _, Result, failpoint,
        git::{
            Repository, Tried as _, hash,
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

    fn format(&self) -> ObjectFormat {
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
        let [top, _] = levels([leaves, &[]], 0, format, &mut made)?;
        let top = Made::of(&top, format)?;
        let oid = top.oid;
        self.take(made.into_iter().chain([top]));
        Ok(oid)
    }

    /// Adds the trees of two lists that have most of their directories in common, which are built once. Hands back the
    /// entries of the first one's topmost tree as well.
    pub(in crate::host::git) fn two_trees<'a>(&mut self, lists: [&[Leaf<'a>]; 2]) -> Result<([git2::Oid; 2], Vec<Leaf<'a>>)> {
        let mut made = Vec::new();
        let format = self.format();
        let [first, second] = levels(lists, 0, format, &mut made)?;
        let tops = [Made::of(&first, format)?, Made::of(&second, format)?];
        let oids = [tops[0].oid, tops[1].oid];
        self.take(made.into_iter().chain(tops));
        Ok((oids, first))
    }

    fn take(&mut self, made: impl Iterator<Item = Made>) {
        for Made { bytes, oid } in made {
            self.add_hashed(ObjectType::Tree, bytes, oid);
        }
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
pub(in crate::host::git) fn tree_id(leaves: &[Leaf<'_>], format: ObjectFormat) -> Result<git2::Oid> {
    let [top, _] = levels([leaves, &[]], 0, format, &mut Vec::new())?;
    Ok(Made::of(&top, format)?.oid)
}

const DIRECTORY: u32 = 0o040_000;

/// From how many leaves on directories are built side by side.
const PARALLEL: usize = 2_000;

/// A tree that was put together.
struct Made {
    bytes: Vec<u8>,
    oid: git2::Oid,
}

impl Made {
    fn of(level: &[Leaf<'_>], format: ObjectFormat) -> Result<Self> {
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

/// What stands at one name of a directory.
#[derive(Clone, Copy)]
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

/// Makes the tree of a directory; none of an empty one.
fn directory<'a>(name: &'a [u8], level: &[Leaf<'a>], format: ObjectFormat, made: &mut Vec<Made>) -> Result<Option<Leaf<'a>>> {
    if level.is_empty() {
        return Ok(None);
    }
    let own = Made::of(level, format)?;
    let leaf = Leaf { path: name, mode: DIRECTORY, oid: own.oid };
    made.push(own);
    Ok(Some(leaf))
}

/// The entries of both lists' trees at `depth`, after those of all trees below were made; a directory that is the same in
/// both is built once.
fn levels<'a>(
    [first, second]: [&[Leaf<'a>]; 2],
    depth: usize,
    format: ObjectFormat,
    made: &mut Vec<Made>,
) -> Result<[Vec<Leaf<'a>>; 2]> {
    if first == second && !first.is_empty() {
        let [level, _] = levels([first, &[]], depth, format, made)?;
        return Ok([level.clone(), level]);
    }
    let others: HashMap<&[u8], &[Leaf<'a>]> = directories(&parts(second, depth)).collect();
    let build = |part: Part<'_, 'a>| -> Result<([Option<Leaf<'a>>; 2], Vec<Made>)> {
        match part {
            Part::Leaf(leaf) => Ok(([Some(leaf), None], Vec::new())),
            Part::Directory(name, below) => {
                let (inside, mut made) = (depth + name.len() + 1, Vec::new());
                let [own, other] = levels([below, others.get(name).copied().unwrap_or_default()], inside, format, &mut made)?;
                let leaf = directory(name, &own, format, &mut made)?;
                Ok(([leaf, if own == other { leaf } else { directory(name, &other, format, &mut made)? }], made))
            }
        }
    };
    let own = parts(first, depth);
    let built: Vec<_> = if first.len() >= PARALLEL {
        own.into_par_iter().map(build).collect::<Result<_>>()?
    } else {
        own.into_iter().map(build).collect::<Result<_>>()?
    };
    let mut both = [Vec::with_capacity(built.len()), Vec::new()];
    let mut known: HashMap<&[u8], Leaf<'a>> = HashMap::new();
    for ([own, other], below) in built {
        both[0].extend(own);
        known.extend(other.map(|leaf| (leaf.path, leaf)));
        made.extend(below);
    }
    for part in parts(second, depth) {
        match part {
            Part::Leaf(leaf) => both[1].push(leaf),
            Part::Directory(name, below) => {
                let leaf = if let Some(leaf) = known.get(name) {
                    Some(*leaf)
                } else {
                    let [level, _] = levels([below, &[]], depth + name.len() + 1, format, made)?;
                    directory(name, &level, format, made)?
                };
                both[1].extend(leaf);
            }
        }
    }
    Ok(both)
}

fn directories<'p, 'l: 'p, 'a: 'p>(parts: &'p [Part<'l, 'a>]) -> impl Iterator<Item = (&'a [u8], &'l [Leaf<'a>])> + 'p {
    parts.iter().filter_map(|part| match part {
        Part::Directory(name, below) => Some((*name, *below)),
        Part::Leaf(_) => None,
    })
}
