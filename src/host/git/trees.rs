//! The trees that the index makes, as it is or with some paths otherwise: only directories that hold a change are built.
//!
//! Git keeps the ids of trees in its index and takes them out where something changes below; those that are left are
//! believed, as git itself does. Nothing is written here.

use std::{cmp::Ordering, collections::HashMap, ops::Range};

use gix_index::extension::Tree as Node;
use rayon::prelude::*;

use crate::{
    host::{
        Result,
        git::{
            batch::{Batch, DIRECTORY, Leaf, Made},
            entries::Tracked,
            zero,
        },
    },
    model::refusal::Refusal,
};

/// From how many entries on directories are built side by side.
const PARALLEL: usize = 2_000;

/// A path that is otherwise than in the index.
#[derive(Clone, Copy, Debug)]
pub(in crate::host::git) struct Edit<'a> {
    pub(in crate::host::git) path: &'a [u8],
    /// Mode and blob; none when the path is not there.
    pub(in crate::host::git) becomes: Option<(u32, git2::Oid)>,
}

/// Where a directory begins among the entries, and how long its path is.
type Place = (usize, usize);

/// Trees that were put together, and are in no batch yet.
#[derive(Default)]
pub(in crate::host::git) struct Built<'a> {
    /// What the topmost one holds.
    pub(in crate::host::git) top: Vec<Leaf<'a>>,
    made: Vec<(Place, Made)>,
    believed: Vec<git2::Oid>,
}

impl Built<'_> {
    /// Adds the trees to a batch and says the id of the topmost.
    pub(in crate::host::git) fn add_to(self, batch: &mut Batch<'_>) -> Result<git2::Oid> {
        let top = Made::of(&self.top, batch.format())?;
        let oid = top.oid();
        batch.take(self.made.into_iter().map(|(_, made)| made).chain([top]));
        Ok(oid)
    }
}

/// Builds the trees of one index.
pub(in crate::host::git) struct Trees<'t> {
    tracked: &'t Tracked,
    root: Option<&'t Node>,
    /// Directories that were built because git had no id for them.
    known: HashMap<Place, git2::Oid>,
    staged: git2::Oid,
}

impl<'t> Trees<'t> {
    /// Adds the trees of stage 0 to a batch, as far as the repository lacks them.
    pub(in crate::host::git) fn of(tracked: &'t Tracked, batch: &mut Batch<'_>) -> Result<Self> {
        let mut trees = Self { tracked, root: tracked.known_trees(), known: HashMap::new(), staged: zero(tracked.format()) };
        if let Some(whole) = trees.root.and_then(|root| tracked.believe(root, 0..tracked.len()))
            && batch.holds(whole)
        {
            trees.staged = whole;
            return Ok(trees);
        }
        let mut built = trees.level(0, 0..tracked.len(), &[], trees.root)?;
        if !built.believed.iter().all(|oid| batch.holds(*oid)) {
            trees.root = None;
            built = trees.level(0, 0..tracked.len(), &[], None)?;
        }
        let known = built.made.iter().map(|(place, made)| (*place, made.oid())).collect();
        let staged = built.add_to(batch)?;
        Ok(Self { known, staged, ..trees })
    }

    /// The tree of stage 0.
    pub(in crate::host::git) fn staged(&self) -> git2::Oid {
        self.staged
    }

    /// The trees with what `edits`, which are sorted by path, make of them. An entry that is not of stage 0 needs one.
    pub(in crate::host::git) fn with<'a>(&'a self, edits: &'a [Edit<'a>]) -> Result<Built<'a>> {
        self.level(0, 0..self.tracked.len(), edits, self.root)
    }

    fn level<'a>(
        &'a self,
        depth: usize,
        entries: Range<usize>,
        edits: &'a [Edit<'a>],
        node: Option<&'a Node>,
    ) -> Result<Built<'a>> {
        let parts = self.parts(depth, entries.clone(), edits, node)?;
        // What becomes of a part: nothing or one entry, and the trees that were made for it.
        let build = |part: Part<'a>| -> Result<Built<'a>> {
            let below = match part {
                Part::Leaf(leaf) => return Ok(Built { top: vec![leaf], ..Built::default() }),
                Part::Believed(leaf) => return Ok(Built { top: vec![leaf], believed: vec![leaf.oid], ..Built::default() }),
                Part::Below(below) => below,
            };
            let inside = depth + below.name.len() + 1;
            let mut built = self.level(inside, below.entries.clone(), below.edits, below.node)?;
            if !built.top.is_empty() {
                let own = Made::of(&built.top, self.tracked.format())?;
                built.top = vec![Leaf { path: below.name, mode: DIRECTORY, oid: own.oid() }];
                built.made.push(((below.entries.start, inside), own));
            }
            Ok(built)
        };
        let is_much = parts.iter().filter(|part| matches!(part, Part::Below(_))).take(8).count() == 8;
        let results: Vec<_> = if is_much && entries.len() >= PARALLEL {
            parts.into_par_iter().map(build).collect::<Result<_>>()?
        } else {
            parts.into_iter().map(build).collect::<Result<_>>()?
        };
        let mut built = Built { top: Vec::with_capacity(results.len()), ..Built::default() };
        for part in results {
            built.top.extend(part.top);
            built.made.extend(part.made);
            built.believed.extend(part.believed);
        }
        Ok(built)
    }

    /// What stands at each name of a directory, in the order of its tree: as if a slash followed a directory's name.
    fn parts<'a>(
        &'a self,
        depth: usize,
        entries: Range<usize>,
        mut edits: &'a [Edit<'a>],
        node: Option<&'a Node>,
    ) -> Result<Vec<Part<'a>>> {
        let tracked = self.tracked;
        let (mut parts, mut at, mut next) = (Vec::new(), entries.start, 0);
        loop {
            let (indexed, edit) = ((at < entries.end).then(|| tracked.path(at)), edits.first());
            let order = match (indexed, edit) {
                (None, None) => return Ok(parts),
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (Some(indexed), Some(edit)) => indexed.cmp(edit.path),
            };
            let indexed = indexed.filter(|_| order.is_le());
            let Some(path) = indexed.or(edit.map(|edit| edit.path)) else { return Ok(parts) };
            let name = &path[depth..];
            if let Some(length) = name.iter().position(|&byte| byte == b'/') {
                let prefix = &path[..=depth + length];
                let name = &name[..length];
                let node = node.and_then(|node| child(node, name, &mut next));
                let end = tracked.end_by(node, prefix, at..entries.end);
                let (below, rest) = edits.split_at(edits.partition_point(|edit| edit.path.starts_with(prefix)));
                edits = rest;
                let inside = at..end;
                at = end;
                let whole = tracked.whole(prefix, inside.clone());
                if whole.is_some() && !below.is_empty() {
                    let shown = String::from_utf8_lossy(prefix).into_owned();
                    return Err(Refusal::conflict(format!("`{shown}` was changed while it was looked at")).retryable().into());
                }
                let known = || self.known.get(&(inside.start, prefix.len())).copied();
                let believed = || node.and_then(|node| tracked.believe(node, inside.clone()));
                let oid = if below.is_empty() && !inside.is_empty() { whole.or_else(believed).or_else(known) } else { None };
                parts.push(match oid {
                    Some(oid) => Part::Believed(Leaf { path: name, mode: DIRECTORY, oid }),
                    None => Part::Below(Below { name, entries: inside, edits: below, node }),
                });
                continue;
            }
            if order.is_ge()
                && let Some((edit, rest)) = edits.split_first()
            {
                edits = rest;
                parts.extend(edit.becomes.map(|(mode, oid)| Part::Leaf(Leaf { path: name, mode, oid })));
            } else if tracked.mark(at).is_staged() {
                let entry = tracked.get(at);
                parts.push(Part::Leaf(Leaf { path: name, mode: entry.mode, oid: entry.oid }));
            }
            at += usize::from(order.is_le());
        }
    }
}

/// What stands at one name of a directory.
enum Part<'a> {
    Leaf(Leaf<'a>),
    /// A directory without a change, whose tree is known.
    Believed(Leaf<'a>),
    Below(Below<'a>),
}

/// A directory that is to be built.
struct Below<'a> {
    name: &'a [u8],
    entries: Range<usize>,
    edits: &'a [Edit<'a>],
    node: Option<&'a Node>,
}

/// The node of a directory; `next` is where it is looked for first.
fn child<'a>(node: &'a Node, name: &[u8], next: &mut usize) -> Option<&'a Node> {
    if node.children.get(*next).is_none_or(|child| child.name.as_slice() != name) {
        *next = node.children.binary_search_by(|child| child.name.as_slice().cmp(name)).ok()?;
    }
    *next += 1;
    node.children.get(*next - 1)
}

#[cfg(test)]
mod tests;
