//! What differs between two trees, with equal subtrees skipped unread.
//!
//! Renames are not guessed: a rename is a deletion and an addition.

use std::cmp::Ordering;

use crate::{
    host::{
        Error, Result,
        git::{Repository, Tried as _, oid},
    },
    model::{
        change::{Change, Mode, Side, TreePath},
        id::Oid,
    },
};

/// Reads the bytes of a tree.
pub(in crate::host::git) type ReadTree<'a> = dyn Fn(git2::Oid) -> Result<Vec<u8>> + 'a;

impl Repository {
    /// What differs between two commits or trees, by path; no `before` stands for the empty tree.
    ///
    /// # Errors
    /// Fails when an object is missing.
    pub fn changes(&self, before: Option<&Oid>, after: &Oid) -> Result<Vec<Change>> {
        let before = before.map(|before| Ok::<_, Error>(self.raw_tree(before)?.id())).transpose()?;
        let odb = self.raw.odb().tried("open the object database")?;
        let read = |id| Ok(odb.read(id).tried(format!("read the tree {id}"))?.data().to_vec());
        differences(&read, before, Some(self.raw_tree(after)?.id()))
    }
}

/// What differs between two trees that `read` can read.
pub(in crate::host::git) fn differences(
    read: &ReadTree<'_>,
    before: Option<git2::Oid>,
    after: Option<git2::Oid>,
) -> Result<Vec<Change>> {
    let mut changes = Vec::new();
    compare(read, &mut Vec::new(), before, after, &mut changes)?;
    changes.sort_unstable_by(|left, right| left.path.cmp(&right.path));
    Ok(changes)
}

struct Entry<'a> {
    mode: u32,
    name: &'a [u8],
    id: git2::Oid,
}

impl Entry<'_> {
    fn is_tree(&self) -> bool {
        self.mode & 0o170_000 == 0o040_000
    }

    fn side(&self) -> Option<Side> {
        Some(Side { mode: Mode::from_bits(self.mode)?, oid: oid(self.id) })
    }
}

/// Reads the form that git stores trees in: mode in octal, a space, the name, a zero byte and the bytes of the id.
fn read_entry(bytes: &[u8], id_length: usize) -> Option<(Entry<'_>, &[u8])> {
    let space = bytes.iter().position(|&byte| byte == b' ')?;
    let mode = u32::from_str_radix(std::str::from_utf8(&bytes[..space]).ok()?, 8).ok()?;
    let rest = &bytes[space + 1..];
    let zero = rest.iter().position(|&byte| byte == 0)?;
    let (id, after) = rest[zero + 1..].split_at_checked(id_length)?;
    Some((Entry { mode, name: &rest[..zero], id: git2::Oid::from_bytes(id).ok()? }, after))
}

fn entries(bytes: &[u8], id_length: usize) -> Option<Vec<Entry<'_>>> {
    let mut found = Vec::new();
    let mut rest = bytes;
    while !rest.is_empty() {
        let (entry, after) = read_entry(rest, id_length)?;
        found.push(entry);
        rest = after;
    }
    found.sort_unstable_by_key(|entry| entry.name);
    Some(found)
}

/// The id of the directory `name` in a tree with these bytes. Where libgit2 would read all entries first, this reads on to the
/// one that is asked for.
pub(in crate::host::git) fn directory_in(bytes: &[u8], id_length: usize, name: &[u8]) -> Option<git2::Oid> {
    let mut rest = bytes;
    while let Some((entry, after)) = read_entry(rest, id_length) {
        if entry.name == name {
            return entry.is_tree().then_some(entry.id);
        }
        rest = after;
    }
    None
}

fn compare(
    read: &ReadTree<'_>,
    path: &mut Vec<u8>,
    before: Option<git2::Oid>,
    after: Option<git2::Oid>,
    changes: &mut Vec<Change>,
) -> Result<()> {
    if before == after {
        return Ok(());
    }
    let bytes = |id: Option<git2::Oid>| id.map_or(Ok(Vec::new()), read);
    let (old, new) = (bytes(before)?, bytes(after)?);
    let length = before.or(after).map_or(0, |id| id.as_bytes().len());
    let broken = || Error::while_doing("read a tree", "it is not in git's form");
    let (old, new) = (entries(&old, length).ok_or_else(broken)?, entries(&new, length).ok_or_else(broken)?);
    let (mut old, mut new) = (old.iter().peekable(), new.iter().peekable());
    loop {
        let order = match (old.peek(), new.peek()) {
            (None, None) => return Ok(()),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(left), Some(right)) => left.name.cmp(right.name),
        };
        let left = if order == Ordering::Greater { None } else { old.next() };
        let right = if order == Ordering::Less { None } else { new.next() };
        let Some(name) = left.or(right).map(|entry| entry.name) else { return Ok(()) };
        let above = path.len();
        path.extend_from_slice(name);
        let tree = |entry: Option<&Entry<'_>>| entry.filter(|entry| entry.is_tree()).map(|entry| entry.id);
        let (below_left, below_right) = (tree(left), tree(right));
        let (side_left, side_right) = (left.and_then(Entry::side), right.and_then(Entry::side));
        if side_left != side_right {
            changes.push(Change { path: TreePath::new(&**path)?, before: side_left, after: side_right });
        }
        if below_left != below_right {
            path.push(b'/');
            compare(read, path, below_left, below_right, changes)?;
        }
        path.truncate(above);
    }
}
