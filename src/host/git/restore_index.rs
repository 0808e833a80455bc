//! Brings staged state back: the entries of the index that a rollback considers become what the checkpoint carries.
//!
//! All other entries stay as they are, and so does the work tree.

use std::collections::{BTreeMap, BTreeSet};

use git2::{ErrorCode, Index, IndexEntry, IndexEntryExtendedFlag, IndexEntryFlag};

use crate::{
    host::{
        Result,
        git::{
            Repository, Tried as _,
            batch::Batch,
            diff::differences,
            oid, raw_oid,
            restore::{Site, Stands, index_path},
            rollback::Carrier,
            snapshot::staged_leaves,
            stat_cache::entry,
            walk::{Mark, Tracked, stage},
        },
    },
    model::{
        change::{Change, Mode, Side, TreePath},
        rollback::{Action, RollbackPlan},
    },
};

/// Stages 1 to 3 of paths that a merge left open.
type Stages = BTreeMap<TreePath, BTreeMap<u16, Side>>;

/// Marks of entries that are not plain.
type Marks = BTreeMap<TreePath, Mark>;

/// What the checkpoint carries of the index.
struct Then {
    carrier: Carrier,
    stages: Stages,
}

/// How the index differs from what it is to be, where the plan considers it.
struct Difference {
    /// Of stage 0; `after` is the checkpoint.
    changes: Vec<Change>,
    stages: (Stages, Stages),
    marks: (Marks, Marks),
}

impl Repository {
    /// Rewrites entries of the user's index; leaves the file alone when there is nothing to do.
    pub(in crate::host::git) fn restore_index(&self, plan: &RollbackPlan, place: &Site<'_>) -> Result<()> {
        let then = self.then(plan)?;
        let index = self.index()?;
        let is_stale = |path: &TreePath| {
            let found = index.get_path(index_path(path), 0);
            found.is_some_and(|found| place.settled.get(path).is_some_and(|stat| !stat.is_that_of(&found)))
        };
        let stale: Vec<&TreePath> = plan.with(Action::Restore).map(|entry| &entry.path).filter(|path| is_stale(path)).collect();
        if self.difference(&index, plan, &then)?.paths().is_empty() && stale.is_empty() {
            return Ok(());
        }
        self.rewrite_index(
            &mut |index| {
                self.difference(index, plan, &then)?.settle(index, place)?;
                plan.with(Action::Restore).try_for_each(|entry| refresh(index, place, &entry.path))
            },
            || Ok(()),
        )
    }

    /// How many paths have entries in the index that the plan changes.
    ///
    /// # Errors
    /// Fails when the index or an object cannot be read.
    pub fn staged_by(&self, plan: &RollbackPlan) -> Result<usize> {
        let then = self.then(plan)?;
        Ok(self.difference(&self.index()?, plan, &then)?.paths().len())
    }

    fn then(&self, plan: &RollbackPlan) -> Result<Then> {
        let carrier = self.carrier(&plan.checkpoint)?;
        let mut stages = Stages::new();
        for (number, tree) in &carrier.unmerged {
            for (path, side) in self.entries_below(tree, None)? {
                stages.entry(path).or_default().insert(*number, side);
            }
        }
        Ok(Then { carrier, stages })
    }

    fn difference(&self, index: &Index, plan: &RollbackPlan, then: &Then) -> Result<Difference> {
        let tracked = Tracked::of(index, (0, 0));
        let mut batch = Batch::new(self)?;
        let staged = batch.tree(&staged_leaves(&tracked))?;
        let mut changes = differences(&|id| batch.read(id), Some(staged), Some(raw_oid(&then.carrier.staged)?))?;
        changes.retain(|change| plan.restores_staged(&change.path));

        let mut open = Stages::new();
        for entry in &tracked.unmerged {
            if let (Ok(path), Some(mode)) = (TreePath::new(&*entry.path), Mode::from_bits(entry.mode)) {
                open.entry(path).or_default().insert(stage(entry), Side { mode, oid: oid(entry.id) });
            }
        }
        open.retain(|path, _| plan.restores_staged(path));
        let mut open_then = then.stages.clone();
        open_then.retain(|path, _| plan.restores_staged(path));

        let marked = tracked.entries.iter().zip(&tracked.marks).filter(|(_, mark)| !matches!(mark, Mark::Plain | Mark::Unmerged));
        let mut marks: Marks = marked.filter_map(|(entry, mark)| Some((TreePath::new(&*entry.path).ok()?, *mark))).collect();
        marks.retain(|path, _| plan.restores_staged(path));
        let manifest = &then.carrier.manifest;
        let lists = [
            (&manifest.skip_worktree, Mark::SkipWorktree),
            (&manifest.assume_unchanged, Mark::AssumeUnchanged),
            (&manifest.intent_to_add, Mark::IntentToAdd),
        ];
        let mut marks_then = Marks::new();
        for (paths, mark) in lists {
            marks_then.extend(paths.iter().filter(|path| plan.restores_staged(path)).map(|path| (path.clone(), mark)));
        }
        Ok(Difference { changes, stages: (open, open_then), marks: (marks, marks_then) })
    }
}

impl Difference {
    fn paths(&self) -> BTreeSet<&TreePath> {
        let mut paths: BTreeSet<&TreePath> = self.changes.iter().map(|change| &change.path).collect();
        let (open_now, open_then) = &self.stages;
        paths.extend(open_now.keys().chain(open_then.keys()).filter(|path| open_now.get(*path) != open_then.get(*path)));
        let (marks_now, marks_then) = &self.marks;
        paths.extend(marks_now.keys().chain(marks_then.keys()).filter(|path| marks_now.get(*path) != marks_then.get(*path)));
        paths
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
                mark(index, path, marks_then.get(path).copied())?;
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

/// Gives an entry the times of the file that was restored, when that holds the same.
fn refresh(index: &mut Index, place: &Site<'_>, path: &TreePath) -> Result<()> {
    let Some(stat) = place.settled.get(path) else { return Ok(()) };
    let Some(found) = index.get_path(index_path(path), 0).filter(|found| !stat.is_that_of(found)) else { return Ok(()) };
    match place.stands(path, Mode::from_bits(found.mode)) {
        Ok(Stands::Recorded(side, stat)) if (side.mode.bits(), raw_oid(&side.oid)?) == (found.mode, found.id) => {
            let fresh = entry(found.path.clone(), &stat, found.mode, found.id);
            add(index, &IndexEntry { flags: found.flags, flags_extended: found.flags_extended, ..fresh })
        }
        _ => Ok(()),
    }
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

fn mark(index: &mut Index, path: &TreePath, wanted: Option<Mark>) -> Result<()> {
    if wanted == Some(Mark::IntentToAdd) {
        let empty = git2::Oid::hash_object(git2::ObjectType::Blob, b"").tried("hash nothing")?;
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
