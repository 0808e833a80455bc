//! Brings staged state back: the entries of the index that a rollback considers become what the checkpoint carries.
//!
//! All other entries stay as they are, and so does the work tree.

use std::collections::{BTreeMap, BTreeSet};

use git2::{ErrorCode, Index, IndexEntry, IndexEntryExtendedFlag, IndexEntryFlag, ObjectFormat};

use crate::{
    host::{
        Result,
        git::{
            Repository, Tried as _,
            batch::Batch,
            diff::{ReadTree, differences},
            entries::{Mark, Tracked},
            hash,
            index::Times,
            oid, raw_oid,
            restore::{Site, Stands, index_path},
            snapshot::Snapshot,
            stat::{Recorded, Stat},
            stat_cache::entry,
            trees::Trees,
        },
    },
    model::{
        change::{Change, Mode, Side, TreePath},
        manifest::Manifest,
        rollback::{Action, Entry, RollbackPlan},
    },
};

/// Stages 1 to 3 of paths that a merge left open.
type Stages = BTreeMap<TreePath, BTreeMap<u16, Side>>;

/// Marks of entries that are not plain.
type Marks = BTreeMap<TreePath, Mark>;

/// Staged state: that of the index at one moment, or what a snapshot has of it.
struct Staging {
    tree: git2::Oid,
    stages: Stages,
    marks: Marks,
}

impl Staging {
    fn of_index(tracked: &Tracked, batch: &mut Batch<'_>) -> Result<Self> {
        let mut stages = Stages::new();
        for stage in &tracked.unmerged {
            if let (Ok(path), Some(mode)) = (TreePath::new(&*stage.path), Mode::from_bits(stage.mode)) {
                stages.entry(path).or_default().insert(stage.number, Side { mode, oid: oid(stage.oid) });
            }
        }
        let marked = tracked.all().filter(|entry| !matches!(entry.mark, Mark::Plain | Mark::Unmerged));
        let marks = marked
            .filter_map(|entry| Some((TreePath::new(entry.path.strip_suffix(b"/").unwrap_or(entry.path)).ok()?, entry.mark)))
            .collect();
        Ok(Self { tree: Trees::of(tracked, batch)?.staged(), stages, marks })
    }

    fn of_snapshot(
        read: &ReadTree<'_>,
        tree: git2::Oid,
        unmerged: impl IntoIterator<Item = (u16, git2::Oid)>,
        manifest: &Manifest,
    ) -> Result<Self> {
        let mut stages = Stages::new();
        for (number, tree) in unmerged {
            for change in differences(read, None, Some(tree))? {
                if let Some(side) = change.after {
                    stages.entry(change.path).or_default().insert(number, side);
                }
            }
        }
        let lists = [
            (&manifest.skip_worktree, Mark::SkipWorktree),
            (&manifest.assume_unchanged, Mark::AssumeUnchanged),
            (&manifest.intent_to_add, Mark::IntentToAdd),
        ];
        let marks = lists.into_iter().flat_map(|(paths, mark)| paths.iter().map(move |path| (path.clone(), mark))).collect();
        Ok(Self { tree, stages, marks })
    }
}

/// How the index differs from what it is to be, where the plan considers it.
struct Difference {
    /// Of stage 0; `after` is the checkpoint.
    changes: Vec<Change>,
    stages: (Stages, Stages),
    marks: (Marks, Marks),
}

impl Repository {
    /// Rewrites entries of the user's index; leaves the file alone when there is nothing to do. Hands back the paths whose
    /// entries are not as they were to be when the index is read again.
    pub(in crate::host::git) fn restore_index(&self, plan: &RollbackPlan, place: &Site<'_>) -> Result<Vec<TreePath>> {
        let then = self.staging_then(plan)?;
        let mut seen = self.difference(&place.tracked, plan, &then)?;
        let is_stale = |entry: &Entry| {
            let settled = place.settled.get(&entry.path);
            let found = place.tracked.find(entry.path.as_bytes());
            settled.zip(found).is_some_and(|(stat, at)| !stat.is_that_of(place.tracked.recorded(at)))
        };
        let is_staged_as_it_was = seen.paths().is_empty();
        if is_staged_as_it_was && !plan.with(Action::Restore).any(is_stale) {
            return Ok(Vec::new());
        }
        let mut fresh = |found: &Tracked| {
            if !found.is_same(&place.tracked) {
                return Ok(None);
            }
            let mut times = Times::new();
            for Entry { path, .. } in plan.with(Action::Restore) {
                let Some(at) = found.find(path.as_bytes()) else { continue };
                let indexed = found.get(at);
                let stat = fresh_times(place, path, (indexed.mode, indexed.oid), found.recorded(at))?;
                times.extend(stat.map(|stat| (at, stat)));
            }
            Ok(Some(times))
        };
        if is_staged_as_it_was && self.retime_index(&mut fresh)? {
            return Ok(Vec::new());
        }
        self.rewrite_index(
            &mut |index| {
                let found = Tracked::of(index, self.format());
                if !found.is_same(&place.tracked) {
                    seen = self.difference(&found, plan, &then)?;
                }
                seen.settle(index, place)?;
                plan.with(Action::Restore).try_for_each(|entry| refresh(index, place, &entry.path))
            },
            || Ok(()),
        )?;
        // Where only times were written there is nothing to be missed.
        if seen.paths().is_empty() { Ok(Vec::new()) } else { Ok(seen.missed(&self.index()?)) }
    }

    /// How many paths have entries in the index that the plan changes, when the index is as the snapshot has it.
    ///
    /// # Errors
    /// Fails when an object cannot be read.
    pub fn staged_by(&self, plan: &RollbackPlan, present: &Snapshot<'_>) -> Result<usize> {
        let read = |id| present.read_tree(id);
        let (tree, unmerged) = present.staged();
        let now = Staging::of_snapshot(&read, tree, unmerged.iter().copied(), present.manifest())?;
        Ok(Difference::between(&read, &now, &self.staging_then(plan)?, plan)?.paths().len())
    }

    fn staging_then(&self, plan: &RollbackPlan) -> Result<Staging> {
        let carrier = self.carrier(&plan.checkpoint)?;
        let batch = Batch::new(self)?;
        let unmerged: Vec<(u16, git2::Oid)> =
            carrier.unmerged.iter().map(|(number, tree)| Ok((*number, raw_oid(tree)?))).collect::<Result<_>>()?;
        Staging::of_snapshot(&|id| batch.read(id), raw_oid(&carrier.staged)?, unmerged, &carrier.manifest)
    }

    fn difference(&self, tracked: &Tracked, plan: &RollbackPlan, then: &Staging) -> Result<Difference> {
        let mut batch = Batch::new(self)?;
        let now = Staging::of_index(tracked, &mut batch)?;
        Difference::between(&|id| batch.read(id), &now, then, plan)
    }
}

/// The marks with what is below a directory that a sparse index keeps as one entry, as far as the other side names it.
fn spelled_out(marks: &Marks, other: &Marks) -> Marks {
    let mut all = marks.clone();
    for path in other.iter().filter(|(_, mark)| **mark == Mark::SkipWorktree).map(|(path, _)| path) {
        for parent in path.parents().filter(|parent| marks.contains_key(parent)) {
            all.remove(&parent);
            all.insert(path.clone(), Mark::SkipWorktree);
        }
    }
    all
}

impl Difference {
    fn between(read: &ReadTree<'_>, now: &Staging, then: &Staging, plan: &RollbackPlan) -> Result<Self> {
        fn considered<T: Clone>(all: &BTreeMap<TreePath, T>, plan: &RollbackPlan) -> BTreeMap<TreePath, T> {
            let chosen = all.iter().filter(|(path, _)| plan.restores_staged(path));
            chosen.map(|(path, value)| (path.clone(), value.clone())).collect()
        }
        let mut changes = differences(read, Some(now.tree), Some(then.tree))?;
        changes.retain(|change| plan.restores_staged(&change.path));
        let (marks_now, marks_then) = (spelled_out(&now.marks, &then.marks), spelled_out(&then.marks, &now.marks));
        Ok(Self {
            changes,
            stages: (considered(&now.stages, plan), considered(&then.stages, plan)),
            marks: (considered(&marks_now, plan), considered(&marks_then, plan)),
        })
    }

    fn paths(&self) -> BTreeSet<&TreePath> {
        let mut paths: BTreeSet<&TreePath> = self.changes.iter().map(|change| &change.path).collect();
        let (open_now, open_then) = &self.stages;
        paths.extend(open_now.keys().chain(open_then.keys()).filter(|path| open_now.get(*path) != open_then.get(*path)));
        let (marks_now, marks_then) = &self.marks;
        paths.extend(marks_now.keys().chain(marks_then.keys()).filter(|path| marks_now.get(*path) != marks_then.get(*path)));
        paths
    }

    /// The paths that an index does not hold as they were to be.
    fn missed(&self, index: &Index) -> Vec<TreePath> {
        let (_, open_then) = &self.stages;
        let staged = |path: &TreePath, stage| {
            index.get_path(index_path(path), stage).and_then(|found| Some((Mode::from_bits(found.mode)?, oid(found.id), found)))
        };
        let announced = |found: &IndexEntry| {
            IndexEntryExtendedFlag::from_bits_truncate(found.flags_extended).contains(IndexEntryExtendedFlag::INTENT_TO_ADD)
        };
        let is_after = |change: &Change| match (&change.after, staged(&change.path, 0)) {
            (None, None) => true,
            (None, Some((.., found))) => announced(&found),
            (Some(_), None) => false,
            (Some(side), Some((mode, oid, _))) => (side.mode, &side.oid) == (mode, &oid),
        };
        let is_open = |path: &TreePath, stages: &BTreeMap<u16, Side>| {
            stages.iter().all(|(stage, side)| {
                staged(path, i32::from(*stage)).is_some_and(|(mode, oid, _)| (side.mode, &side.oid) == (mode, &oid))
            })
        };
        let changed = self.changes.iter().filter(|change| !open_then.contains_key(&change.path) && !is_after(change));
        let open = open_then.iter().filter(|(path, stages)| !is_open(path, stages));
        changed.map(|change| change.path.clone()).chain(open.map(|(path, _)| path.clone())).collect()
    }

    fn settle(&self, index: &mut Index, place: &Site<'_>) -> Result<()> {
        let (open_now, open_then) = &self.stages;
        for path in open_now.keys().filter(|path| open_now.get(*path) != open_then.get(*path)) {
            (1..=3).try_for_each(|stage| remove(index, path, stage))?;
        }
        for change in self.changes.iter().filter(|change| change.after.is_none()) {
            remove(index, &change.path, 0)?;
        }
        for (path, stages) in open_then.iter().filter(|(path, stages)| open_now.get(path) != Some(stages)) {
            remove(index, path, 0)?;
            for (number, side) in stages {
                add(index, &IndexEntry { flags: number << 12, ..bare(path, side)? })?;
            }
        }
        for change in &self.changes {
            if let Some(side) = &change.after {
                add(index, &fresh(place, &change.path, side)?)?;
            }
        }
        let (marks_now, marks_then) = &self.marks;
        for path in marks_now.keys().chain(marks_then.keys()).collect::<BTreeSet<_>>() {
            if marks_now.get(path) != marks_then.get(path) || self.changes.iter().any(|change| change.path == *path) {
                mark(index, path, marks_then.get(path).copied(), place.repository.format())?;
            }
        }
        Ok(())
    }
}

/// An entry with the times of the work tree's file, when that holds the same.
fn fresh(place: &Site<'_>, path: &TreePath, wanted: &Side) -> Result<IndexEntry> {
    match place.stands(path, Some(wanted.mode)) {
        Ok(Stands::Recorded(found, stat)) if found == *wanted => {
            Ok(entry(path.as_bytes().to_owned(), &stat, wanted.mode.bits(), raw_oid(&wanted.oid)?))
        }
        _ => bare(path, wanted),
    }
}

/// The times of the file that was restored, where an entry of this mode and blob has others and the file holds the same.
fn fresh_times(
    place: &Site<'_>,
    path: &TreePath,
    (mode, oid): (u32, git2::Oid),
    recorded: impl Into<Recorded>,
) -> Result<Option<Stat>> {
    if place.settled.get(path).is_none_or(|stat| stat.is_that_of(recorded)) {
        return Ok(None);
    }
    Ok(match place.stands(path, Mode::from_bits(mode)) {
        Ok(Stands::Recorded(side, stat)) if (side.mode.bits(), raw_oid(&side.oid)?) == (mode, oid) => Some(stat),
        _ => None,
    })
}

fn refresh(index: &mut Index, place: &Site<'_>, path: &TreePath) -> Result<()> {
    let Some(found) = index.get_path(index_path(path), 0) else { return Ok(()) };
    let Some(stat) = fresh_times(place, path, (found.mode, found.id), &found)? else { return Ok(()) };
    let fresh = entry(found.path, &stat, found.mode, found.id);
    add(index, &IndexEntry { flags: found.flags, flags_extended: found.flags_extended, ..fresh })
}

fn add(index: &mut Index, entry: &IndexEntry) -> Result<()> {
    index.add(entry).tried(format!("restore `{}` in the index", String::from_utf8_lossy(&entry.path)))
}

fn remove(index: &mut Index, path: &TreePath, stage: i32) -> Result<()> {
    match index.remove(index_path(path), stage) {
        Err(error) if error.code() != ErrorCode::NotFound => Err(error).tried(format!("remove `{path}` from the index")),
        _ => Ok(()),
    }
}

/// An entry without times: git looks at the file when it next wants to know.
fn bare(path: &TreePath, side: &Side) -> Result<IndexEntry> {
    let none = git2::IndexTime::new(0, 0);
    Ok(IndexEntry {
        ctime: none,
        mtime: none,
        dev: 0,
        ino: 0,
        mode: side.mode.bits(),
        uid: 0,
        gid: 0,
        file_size: 0,
        id: raw_oid(&side.oid)?,
        flags: 0,
        flags_extended: 0,
        path: path.as_bytes().to_owned(),
    })
}

fn mark(index: &mut Index, path: &TreePath, wanted: Option<Mark>, format: ObjectFormat) -> Result<()> {
    if wanted == Some(Mark::IntentToAdd) {
        let empty = hash(git2::ObjectType::Blob, b"", format)?;
        let announced = bare(path, &Side { mode: Mode::File, oid: oid(empty) })?;
        return add(index, &IndexEntry { flags_extended: IndexEntryExtendedFlag::INTENT_TO_ADD.bits(), ..announced });
    }
    let Some(mut found) = index.get_path(index_path(path), 0) else { return Ok(()) };
    if IndexEntryExtendedFlag::from_bits_truncate(found.flags_extended).is_intent_to_add() {
        return remove(index, path, 0);
    }
    let (valid, skip) = (IndexEntryFlag::VALID.bits(), IndexEntryExtendedFlag::SKIP_WORKTREE.bits());
    found.flags &= !valid;
    found.flags_extended &= !skip;
    match wanted {
        Some(Mark::SkipWorktree) => found.flags_extended |= skip,
        Some(Mark::AssumeUnchanged) => found.flags |= valid,
        Some(Mark::Plain | Mark::Unmerged | Mark::IntentToAdd) | None => {}
    }
    add(index, &found)
}
