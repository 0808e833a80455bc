//! Whether a snapshot is what its message says, and whether git still has all of it.
//!
//! Nothing is mended here, and nothing is said about whether an event tells of the snapshot.

use std::collections::HashSet;

use crate::{
    host::{
        Result,
        git::{Repository, Tried as _, oid, raw_oid},
    },
    model::{
        change::{Mode, TreePath},
        checkpoint::Checkpoint,
        id::Oid,
    },
};

impl Repository {
    /// What does not fit in the snapshot `commit`, whose tag or message says `claimed`; none when everything does. Reads the
    /// commit, the carrier and its manifest, not the files.
    ///
    /// # Errors
    /// Fails when an object is missing or damaged, and refuses a carrier that cannot be read.
    pub fn misfit(&self, commit: &Oid, claimed: &Checkpoint) -> Result<Option<String>> {
        let own = Checkpoint::from_message(commit.short(), &self.message_of(commit)?)?;
        if own != *claimed {
            return Ok(Some(format!("its tag says something else than the commit {} that it points at", commit.short())));
        }
        let tree = self.tree_of(commit)?;
        if tree != claimed.tree {
            return Ok(Some(format!("its tree is {}, and its message says {}", tree.short(), claimed.tree.short())));
        }
        let carrier = self.carrier(commit)?;
        let parents = self.commit(commit)?.parents;
        let expected: Vec<&Oid> = claimed.head.iter().chain([&carrier.commit]).collect();
        if parents.iter().collect::<Vec<_>>() != expected {
            return Ok(Some("its parents are not the commit that HEAD was at and what it carries".to_owned()));
        }
        let lines = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
        let manifest = carrier.manifest;
        if (lines(manifest.left_out.len()), lines(manifest.ignored.len())) != (claimed.counts.left_out, claimed.counts.ignored) {
            return Ok(Some("its manifest does not have as many lines as its message says".to_owned()));
        }
        Ok(None)
    }

    /// Reads every object of the snapshot `commit` that is not in `seen`, and adds them to it. Hands back how many paths it holds.
    ///
    /// # Errors
    /// Fails at the first object that is missing or damaged, with the path that it belongs to.
    pub fn read_whole(&self, commit: &Oid, seen: &mut HashSet<Oid>) -> Result<()> {
        let carrier = self.carrier(commit)?;
        let trees = [self.tree_of(commit)?, self.tree_of(&carrier.commit)?];
        trees.iter().try_for_each(|tree| self.read_below(tree, None, seen))
    }

    fn read_below(&self, tree: &Oid, above: Option<&TreePath>, seen: &mut HashSet<Oid>) -> Result<()> {
        if !seen.insert(tree.clone()) {
            return Ok(());
        }
        let doing = || above.map_or_else(|| "read the topmost tree".to_owned(), |path| format!("read the tree of `{path}`"));
        let found = self.raw.find_tree(raw_oid(tree)?).tried(doing())?;
        for entry in &found {
            let mut path = above.map(|path| [path.as_bytes(), b"/"].concat()).unwrap_or_default();
            path.extend_from_slice(entry.name_bytes());
            let (path, id) = (TreePath::new(path)?, oid(entry.id()));
            match u32::try_from(entry.filemode()).ok().and_then(Mode::from_bits) {
                Some(Mode::Submodule) => {}
                Some(Mode::File | Mode::Executable | Mode::Link) if seen.contains(&id) => {}
                Some(Mode::File | Mode::Executable | Mode::Link) => {
                    self.raw.find_blob(entry.id()).tried(format!("read `{path}` ({})", id.short()))?;
                    seen.insert(id);
                }
                None => self.read_below(&id, Some(&path), seen)?,
            }
        }
        Ok(())
    }

    /// Adds everything that a commit's tree holds to `seen` without reading a file.
    ///
    /// # Errors
    /// Fails when a tree is missing.
    pub fn see(&self, commit: &Oid, seen: &mut HashSet<Oid>) -> Result<()> {
        seen.extend(self.entries_below(commit, None)?.into_iter().map(|(_, side)| side.oid));
        Ok(())
    }
}
