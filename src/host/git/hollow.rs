//! Directories that hold nothing but directories, where a rollback puts something at them or into them.
//!
//! A snapshot names empty directories only where no rule ignores them; an undoing has to bring back the others too. Nothing is
//! written.

use std::{
    collections::{BTreeMap, HashSet},
    fs,
    os::unix::{ffi::OsStrExt as _, fs::PermissionsExt as _},
};

use crate::{
    host::git::Repository,
    model::{
        change::TreePath,
        manifest::Bits,
        rollback::{Action, RollbackPlan},
    },
};

impl Repository {
    /// Those at or above the paths that the plan restores where nothing is, with their permission bits.
    pub(in crate::host::git) fn hollow(&self, plan: &RollbackPlan) -> BTreeMap<TreePath, Bits> {
        let mut hollow = BTreeMap::new();
        let mut looked_at: HashSet<TreePath> = HashSet::new();
        for entry in plan.with(Action::Restore).filter(|entry| entry.now.is_none()) {
            let way: Vec<TreePath> = entry.path.parents().chain([entry.path.clone()]).collect();
            // The innermost first: what holds a file, so do all above it.
            for directory in way.into_iter().rev() {
                if !looked_at.insert(directory.clone()) {
                    break;
                }
                match self.inside(&directory, &|_| true) {
                    Inside::Directories(found) => hollow.extend(found),
                    Inside::Nothing => {}
                    Inside::File => break,
                }
            }
        }
        hollow
    }

    /// Whether a directory stands at the path with a file somewhere in it that `counts`.
    pub(in crate::host::git) fn holds_file(&self, path: &TreePath, counts: &dyn Fn(&TreePath) -> bool) -> bool {
        let is_directory = fs::symlink_metadata(path.join_to(self.root())).is_ok_and(|found| found.is_dir());
        is_directory && matches!(self.inside(path, counts), Inside::File)
    }

    fn inside(&self, directory: &TreePath, counts: &dyn Fn(&TreePath) -> bool) -> Inside {
        let place = directory.join_to(self.root());
        let Ok(found) = fs::symlink_metadata(&place) else { return Inside::Nothing };
        if !found.is_dir() {
            return if counts(directory) { Inside::File } else { Inside::Nothing };
        }
        // What cannot be looked into is not taken away either.
        let Ok(entries) = fs::read_dir(&place) else { return Inside::File };
        let mut all = BTreeMap::from([(directory.clone(), Bits::of(found.permissions().mode()))]);
        for entry in entries {
            let name = entry.map(|entry| entry.file_name());
            let path = name.ok().and_then(|name| TreePath::new([directory.as_bytes(), b"/", name.as_bytes()].concat()).ok());
            match path.map(|path| self.inside(&path, counts)) {
                Some(Inside::Directories(below)) => all.extend(below),
                Some(Inside::Nothing) => {}
                Some(Inside::File) | None => return Inside::File,
            }
        }
        Inside::Directories(all)
    }
}

/// What is at a path.
enum Inside {
    /// Nothing that counts.
    Nothing,
    /// These directories, the outermost among them, and no file that counts.
    Directories(BTreeMap<TreePath, Bits>),
    /// A file that counts.
    File,
}
