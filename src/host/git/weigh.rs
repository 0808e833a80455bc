//! What only some commits hold, in bytes before compression: an estimate, for deciding which snapshots go.
//!
//! A commit counts with its parents and without what lies before those. What is not there, as in a partial clone, weighs
//! nothing, and how git has packed an object does not matter. Nothing is written.

use std::collections::HashSet;

use crate::{
    host::{
        Result,
        git::{Repository, Tried as _, raw_oid},
    },
    model::id::Oid,
};

impl Repository {
    /// How many bytes each of the commits `each` holds that neither `kept`, which may be tags, nor one before it in `each` does.
    ///
    /// # Errors
    /// Fails when an object that is there cannot be read.
    pub fn weigh(&self, kept: &[Oid], each: &[Oid]) -> Result<Vec<u64>> {
        let odb = self.raw.odb().tried("open the objects")?;
        let mut seen = HashSet::new();
        for commit in kept {
            self.unseen(commit, &mut seen, &mut |_| {})?;
        }
        let mut weights = Vec::with_capacity(each.len());
        for commit in each {
            let mut bytes = 0_u64;
            self.unseen(commit, &mut seen, &mut |id| {
                bytes += odb.read_header(id).map_or(0, |(length, _)| u64::try_from(length).unwrap_or(u64::MAX));
            })?;
            weights.push(bytes);
        }
        Ok(weights)
    }

    /// Tells of every object of a commit and its parents that is not among `seen`, and takes it in there.
    fn unseen(&self, commit: &Oid, seen: &mut HashSet<git2::Oid>, found: &mut dyn FnMut(git2::Oid)) -> Result<()> {
        let Ok(object) = self.raw.find_object(raw_oid(commit)?, None) else { return Ok(()) };
        let Ok(commit) = object.peel_to_commit() else { return Ok(()) };
        let mut trees = Vec::new();
        for commit in std::iter::once(commit.id()).chain(commit.parent_ids()) {
            let Ok(commit) = self.raw.find_commit(commit) else { continue };
            if seen.insert(commit.id()) {
                found(commit.id());
            }
            trees.push(commit.tree_id());
        }
        while let Some(id) = trees.pop() {
            if !seen.insert(id) {
                continue;
            }
            let tree = match self.raw.find_tree(id) {
                Ok(tree) => tree,
                Err(error) if error.code() == git2::ErrorCode::NotFound => continue,
                Err(error) => return Err(error).tried(format!("read the tree {id}")),
            };
            found(id);
            for entry in &tree {
                match entry.kind() {
                    Some(git2::ObjectType::Tree) => trees.push(entry.id()),
                    Some(git2::ObjectType::Blob) if seen.insert(entry.id()) => found(entry.id()),
                    _ => {}
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::{host::git::fixture::Fixture, model::id::Oid};

    #[test]
    fn only_what_nothing_kept_and_nothing_before_holds_is_weighed() {
        let fixture = Fixture::new();
        fixture.write("big", "x".repeat(10_000));
        let base = fixture.commit_file("kept", "1\n");
        fixture.write("one", "1".repeat(1_000));
        let one = fixture.commit_file("a", "1\n");
        fixture.write("two", "2".repeat(2_000));
        let two = fixture.commit_file("b", "1\n");
        let repository = fixture.repository();
        let around = |weights: Vec<u64>, wanted: &[u64]| {
            assert_eq!(weights.len(), wanted.len());
            for (weight, wanted) in weights.iter().zip(wanted) {
                assert!((*wanted..*wanted + 900).contains(weight), "{weights:?} is not about {wanted}");
            }
        };
        // Files are committed with the next commit that adds them.
        fixture.git(&["add", "-A"]);
        fixture.git(&["commit", "-q", "-m", "All"]);
        let all = fixture.head();
        let weigh = |kept: &[&Oid], each: &[&Oid]| {
            let owned = |ids: &[&Oid]| ids.iter().map(|id| (*id).clone()).collect::<Vec<_>>();
            repository.weigh(&owned(kept), &owned(each)).expect("weighed")
        };
        around(weigh(&[&two], &[&all]), &[13_000]);
        around(weigh(&[&all], &[&two, &base]), &[0, 0]);
        around(weigh(&[], &[&all, &all]), &[13_000, 0]);
        around(weigh(&[&base], &[&one, &two, &all]), &[0, 0, 13_000]);
        assert_eq!(weigh(&[], &[&Oid::new("1".repeat(40)).expect("an id")]), [0], "what is not there");
    }
}
