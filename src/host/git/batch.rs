//! New objects that are held in memory and then written together as one pack, so that one sync makes all of them safe.
//!
//! Until `finish` nothing is on disk; a batch that is dropped leaves no trace. No ref is touched here.

use std::{
    collections::HashMap,
    fs::File,
    io::{self, Read as _, Write as _},
    path::PathBuf,
};

use git2::{ObjectType, OdbLookupFlags};

use crate::{
    host::{
        Doing as _, Result, failpoint,
        git::{Repository, Tried as _},
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
    objects: Vec<(ObjectType, Vec<u8>)>,
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
            self.objects.push((kind, bytes));
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
            Some(&at) => Ok(self.objects[at].1.clone()),
            None => Ok(self.odb.read(oid).tried(format!("read the object {oid}"))?.data().to_vec()),
        }
    }

    /// Adds the trees that the leaves make and says the id of the topmost.
    pub(in crate::host::git) fn tree(&mut self, leaves: &[Leaf<'_>]) -> Result<git2::Oid> {
        tree(leaves, 0, &mut |bytes| self.add(ObjectType::Tree, bytes))
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
        let doing = || "write a pack";
        let apart = git2::Repository::from_odb(git2::Odb::new().tried(doing())?).tried(doing())?;
        let memory = apart.odb().tried(doing())?;
        memory.add_new_mempack_backend(1000).tried(doing())?;
        let mut pack = apart.packbuilder().tried(doing())?;
        for (kind, bytes) in &self.objects {
            let oid = memory.write(*kind, bytes).tried(doing())?;
            pack.insert_object(oid, None).tried(doing())?;
        }
        let mut buffer = git2::Buf::new();
        pack.write_buf(&mut buffer).tried(doing())?;
        let mut writer = self.odb.packwriter().tried(doing())?;
        // The writer itself only says that it failed; libgit2 knows why.
        let why = |_| git2::Error::last_error(-1);
        writer.write_all(&buffer).map_err(why).doing("write a pack below", self.repository.path())?;
        writer.commit().tried(doing())?;
        failpoint::reach("objects.written").doing("write objects below", self.repository.path())?;
        self.objects.clear();
        self.index.clear();
        self.odb.refresh().tried(doing())
    }
}

/// The id of the tree that the leaves make; nothing is added anywhere.
pub(in crate::host::git) fn tree_id(leaves: &[Leaf<'_>]) -> Result<git2::Oid> {
    tree(leaves, 0, &mut |bytes| git2::Oid::hash_object(ObjectType::Tree, &bytes).tried("hash a tree"))
}

fn tree(leaves: &[Leaf<'_>], depth: usize, put: &mut dyn FnMut(Vec<u8>) -> Result<git2::Oid>) -> Result<git2::Oid> {
    // Sorted by path, directories stand where git sorts them in a tree: as if a slash followed their name.
    let mut bytes = Vec::with_capacity(leaves.len() * 40);
    let mut at = 0;
    while at < leaves.len() {
        let leaf = &leaves[at];
        let rest = &leaf.path[depth..];
        let (mode, name, oid) = match rest.iter().position(|&byte| byte == b'/') {
            None => {
                at += 1;
                (leaf.mode, rest, leaf.oid)
            }
            Some(length) => {
                let prefix = &leaf.path[..=depth + length];
                let end = at + leaves[at..].partition_point(|other| other.path.starts_with(prefix));
                let below = tree(&leaves[at..end], prefix.len(), put)?;
                at = end;
                (0o040_000, &rest[..length], below)
            }
        };
        bytes.extend_from_slice(format!("{mode:o} ").as_bytes());
        bytes.extend_from_slice(name);
        bytes.push(0);
        bytes.extend_from_slice(oid.as_bytes());
    }
    put(bytes)
}
