//! A disk that keeps what was synced, and of the rest whatever a cut leaves: writes may be missing or torn at 512 bytes, and
//! changes of directories may be missing from some moment on.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::{ffi::OsStrExt as _, fs::PermissionsExt as _},
    path::{Path, PathBuf},
};

use super::trace::Call;

const SECTOR: usize = 512;

#[derive(Clone, Debug, PartialEq, Eq)]
enum Node {
    Directory(u32),
    File(Vec<u8>, u32),
    Link(Vec<u8>),
}

/// Everything below a directory, and which names are further names of an earlier one's file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Image(BTreeMap<PathBuf, Node>, BTreeMap<PathBuf, PathBuf>);

impl Image {
    pub(super) fn of(root: &Path) -> Self {
        let mut nodes = BTreeMap::new();
        for entry in walkdir::WalkDir::new(root).min_depth(1) {
            let entry = entry.unwrap();
            let mode = entry.metadata().unwrap().permissions().mode() & 0o7777;
            let node = if entry.file_type().is_dir() {
                Node::Directory(mode)
            } else if entry.file_type().is_symlink() {
                Node::Link(fs::read_link(entry.path()).unwrap().as_os_str().as_bytes().to_owned())
            } else {
                Node::File(fs::read(entry.path()).unwrap(), mode)
            };
            nodes.insert(entry.path().strip_prefix(root).unwrap().to_owned(), node);
        }
        Self(nodes, BTreeMap::new())
    }

    /// Paths that are not the same here and there, whatever their modes.
    pub(super) fn differing(&self, other: &Self) -> Vec<String> {
        let content = |node: Option<&Node>| match node {
            Some(Node::File(bytes, _)) => Some(bytes.clone()),
            Some(Node::Link(target)) => Some([b"-> ", &target[..]].concat()),
            Some(Node::Directory(_)) => Some(b"directory".to_vec()),
            None => None,
        };
        let paths = self.0.keys().chain(other.0.keys());
        let differing = paths.filter(|path| content(self.0.get(*path)) != content(other.0.get(*path)));
        differing.map(|path| path.display().to_string()).collect()
    }

    /// Makes a directory so; directories that are there already stay the same ones, by which a clone knows itself.
    pub(super) fn write_to(&self, root: &Path) {
        let now = Self::of(root);
        for (path, node) in now.0.iter().rev() {
            let is_kept = match (node, self.0.get(path)) {
                (Node::Directory(_), Some(Node::Directory(_))) => true,
                (node, wanted) => Some(node) == wanted,
            };
            if !is_kept {
                let place = root.join(path);
                if let Node::Directory(_) = node { fs::remove_dir(place) } else { fs::remove_file(place) }.unwrap();
            }
        }
        for (path, node) in &self.0 {
            let place = root.join(path);
            if now.0.get(path) == Some(node) {
                continue;
            }
            let mode = match node {
                Node::Directory(mode) => {
                    if !place.is_dir() {
                        fs::create_dir(&place).unwrap();
                    }
                    *mode
                }
                Node::File(bytes, mode) => {
                    fs::write(&place, bytes).unwrap();
                    *mode
                }
                Node::Link(target) => {
                    std::os::unix::fs::symlink(std::ffi::OsStr::from_bytes(target), &place).unwrap();
                    continue;
                }
            };
            fs::set_permissions(&place, fs::Permissions::from_mode(mode)).unwrap();
        }
        for (path, first) in &self.1 {
            fs::remove_file(root.join(path)).unwrap();
            fs::hard_link(root.join(first), root.join(path)).unwrap();
        }
    }
}

/// What a cut does, from one seed.
pub(super) struct Cut(u64);

impl Cut {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x5851_f42d_4c95_7f2d)
    }

    pub(super) fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % u64::try_from(limit.max(1)).unwrap()).unwrap()
    }
}

/// A change of a file's content that was not synced.
#[derive(Clone)]
enum Change {
    Bytes(usize, Vec<u8>),
    Length(usize),
}

impl Change {
    fn apply(&self, bytes: &mut Vec<u8>) {
        match self {
            Self::Length(length) => bytes.resize(*length, 0),
            Self::Bytes(at, new) => {
                if bytes.len() < at + new.len() {
                    bytes.resize(at + new.len(), 0);
                }
                bytes[*at..at + new.len()].copy_from_slice(new);
            }
        }
    }
}

#[derive(Clone)]
struct Inode {
    /// What is on the disk for certain, and what may be.
    kept: Vec<u8>,
    changes: Vec<Change>,
    mode: u32,
    kind: Kind,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Directory,
    File,
    Link,
}

/// A change of directories: each name with the inode that it has from then on.
type Names = Vec<(PathBuf, Option<usize>)>;

/// The disk of a program that is writing.
#[derive(Clone)]
pub(super) struct Disk {
    inodes: Vec<Inode>,
    /// The names as they are for certain, and the changes that may be missing.
    kept: BTreeMap<PathBuf, usize>,
    waiting: Vec<Names>,
    /// The names as the program sees them.
    seen: BTreeMap<PathBuf, usize>,
}

impl Disk {
    pub(super) fn new(image: &Image) -> Self {
        let (mut inodes, mut kept) = (Vec::new(), BTreeMap::new());
        for (path, node) in &image.0 {
            let (bytes, mode, kind) = match node {
                Node::Directory(mode) => (Vec::new(), *mode, Kind::Directory),
                Node::File(bytes, mode) => (bytes.clone(), *mode, Kind::File),
                Node::Link(target) => (target.clone(), 0, Kind::Link),
            };
            kept.insert(path.clone(), inodes.len());
            inodes.push(Inode { kept: bytes, changes: Vec::new(), mode, kind });
        }
        Self { inodes, seen: kept.clone(), kept, waiting: Vec::new() }
    }

    /// The disk after so many of the calls.
    pub(super) fn after(mut self, calls: &[Call], count: usize) -> Self {
        calls[..count].iter().for_each(|call| self.take(call));
        self
    }

    fn content(&self, inode: usize) -> Vec<u8> {
        let mut bytes = self.inodes[inode].kept.clone();
        self.inodes[inode].changes.iter().for_each(|change| change.apply(&mut bytes));
        bytes
    }

    fn make(&mut self, path: &Path, kind: Kind, bytes: Vec<u8>) {
        let mode = if kind == Kind::Directory { 0o755 } else { 0o644 };
        self.inodes.push(Inode { kept: bytes, changes: Vec::new(), mode, kind });
        self.name(vec![(path.to_owned(), Some(self.inodes.len() - 1))]);
    }

    fn name(&mut self, names: Names) {
        apply(&mut self.seen, &names);
        self.waiting.push(names);
    }

    fn take(&mut self, call: &Call) {
        match call {
            Call::Make(path) => {
                if !self.seen.contains_key(path) {
                    self.make(path, Kind::File, Vec::new());
                }
            }
            Call::Write(path, at, bytes) => {
                let Some(&inode) = self.seen.get(path) else { return };
                let at = if *at == usize::MAX { self.content(inode).len() } else { *at };
                self.inodes[inode].changes.push(Change::Bytes(at, bytes.clone()));
            }
            Call::Length(path, length) => {
                let Some(&inode) = self.seen.get(path) else { return };
                self.inodes[inode].changes.push(Change::Length(*length));
            }
            Call::Copy { from, to, at, length } => {
                let (source, target) = (self.content(self.seen[from]), self.seen[to]);
                self.inodes[target].changes.push(Change::Bytes(*at, source[*at..at + length].to_vec()));
            }
            Call::Sync(path) => {
                if path.as_os_str().is_empty() || self.seen.get(path).is_some_and(|at| self.inodes[*at].kind == Kind::Directory) {
                    self.sync_directory(path);
                } else if let Some(&inode) = self.seen.get(path) {
                    self.inodes[inode].kept = self.content(inode);
                    self.inodes[inode].changes.clear();
                }
            }
            Call::SyncAll => {
                for inode in 0..self.inodes.len() {
                    self.inodes[inode].kept = self.content(inode);
                    self.inodes[inode].changes.clear();
                }
                self.kept = self.seen.clone();
                self.waiting.clear();
            }
            Call::Rename(from, to) => {
                let moved: Vec<(PathBuf, usize)> =
                    self.seen.iter().filter(|(path, _)| path.starts_with(from)).map(|(path, at)| (path.clone(), *at)).collect();
                let mut names: Names = moved.iter().map(|(path, _)| (path.clone(), None)).collect();
                let target = |path: &Path| if path == from { to.clone() } else { to.join(path.strip_prefix(from).unwrap()) };
                names.extend(moved.iter().map(|(path, at)| (target(path), Some(*at))));
                self.name(names);
            }
            Call::Exchange(one, other) => {
                let (first, second) = (self.seen.get(one).copied(), self.seen.get(other).copied());
                self.name(vec![(one.clone(), second), (other.clone(), first)]);
            }
            Call::Link(from, to) => self.name(vec![(to.clone(), Some(self.seen[from]))]),
            Call::Symlink(target, path) => self.make(path, Kind::Link, target.clone()),
            Call::Unlink(path) | Call::RemoveDirectory(path) => self.name(vec![(path.clone(), None)]),
            Call::MakeDirectory(path) => self.make(path, Kind::Directory, Vec::new()),
            Call::Mode(path, mode) => {
                if let Some(&inode) = self.seen.get(path) {
                    self.inodes[inode].mode = *mode;
                }
            }
        }
    }

    /// Changes up to the last one of this directory are on the disk: file systems write them in their order.
    fn sync_directory(&mut self, directory: &Path) {
        let is_of = |names: &Names| names.iter().any(|(path, _)| path.parent() == Some(directory));
        if let Some(last) = self.waiting.iter().rposition(is_of) {
            for names in self.waiting.drain(..=last) {
                apply(&mut self.kept, &names);
            }
        }
    }

    /// The disk as the program saw it.
    pub(super) fn everything(&self) -> Image {
        self.image(&self.seen, |inode| self.content(inode))
    }

    /// What a cut leaves.
    pub(super) fn left_by(&self, cut: &mut Cut) -> Image {
        // Nothing but what was synced; all names and no content, as journals of names leave it; or anything in between.
        let way = cut.below(4);
        let mut names = self.kept.clone();
        let count = match way {
            0 => 0,
            1 => self.waiting.len(),
            _ => cut.below(self.waiting.len() + 1),
        };
        self.waiting[..count].iter().for_each(|change| apply(&mut names, change));
        let contents: Vec<Vec<u8>> = (0..self.inodes.len()).map(|inode| self.torn(inode, way, cut)).collect();
        self.image(&names, |inode| contents[inode].clone())
    }

    fn torn(&self, inode: usize, way: usize, cut: &mut Cut) -> Vec<u8> {
        let Inode { kept, changes, .. } = &self.inodes[inode];
        let mut bytes = kept.clone();
        if way < 2 {
            return bytes;
        }
        for change in changes {
            match (cut.below(3), change) {
                (0, _) => {}
                (1, change) => change.apply(&mut bytes),
                (_, Change::Bytes(at, new)) => {
                    for (number, sector) in new.chunks(SECTOR).enumerate() {
                        if cut.below(2) == 0 {
                            Change::Bytes(at + number * SECTOR, sector.to_vec()).apply(&mut bytes);
                        }
                    }
                }
                (_, Change::Length(_)) => {}
            }
        }
        bytes
    }

    fn image(&self, names: &BTreeMap<PathBuf, usize>, content: impl Fn(usize) -> Vec<u8>) -> Image {
        let is_there = |path: &Path| {
            let mut above = path.ancestors().skip(1).filter(|above| !above.as_os_str().is_empty());
            above.all(|above| names.get(above).is_some_and(|&at| self.inodes[at].kind == Kind::Directory))
        };
        let there = names.iter().filter(|(path, _)| is_there(path));
        let node = |inode: usize| match self.inodes[inode].kind {
            Kind::Directory => Node::Directory(self.inodes[inode].mode),
            Kind::File => Node::File(content(inode), self.inodes[inode].mode),
            Kind::Link => Node::Link(content(inode)),
        };
        let (mut nodes, mut first, mut links) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        for (path, &inode) in there {
            nodes.insert(path.clone(), node(inode));
            let known = first.entry(inode).or_insert(path);
            if *known != path {
                links.insert(path.clone(), (*known).clone());
            }
        }
        Image(nodes, links)
    }
}

fn apply(names: &mut BTreeMap<PathBuf, usize>, change: &Names) {
    for (path, inode) in change {
        match inode {
            Some(inode) => drop(names.insert(path.clone(), *inode)),
            None => drop(names.remove(path)),
        }
    }
}
