//! What a person asks to be compared: a range of commits, what is staged, what lies in the work tree.
//!
//! What differs between two trees is found in `diff`. Nothing is refreshed and nothing is written.

use crate::{
    host::{
        Result,
        git::{Repository, Tried as _, oid, raw_oid},
    },
    model::{
        change::{Change, Mode, Side, TreePath},
        id::Oid,
        refusal::Refusal,
    },
};

impl Repository {
    /// The two commits of a range as git takes it: `A..B`, or `A...B` for what `B` has since both parted. A side that is left
    /// out is HEAD.
    ///
    /// # Errors
    /// Refuses what is no range, and a commit that is not there; where the clone is shallow, it says so.
    pub fn range(&self, range: &str) -> Result<(Oid, Oid)> {
        let (is_parted, sides) = match (range.split_once("..."), range.split_once("..")) {
            (Some(sides), _) => (true, Some(sides)),
            (None, sides) => (false, sides),
        };
        let Some((from, to)) = sides else {
            let refusal = Refusal::usage(format!("`{}` is no range of commits", range.escape_debug()));
            return Err(refusal.hint("`A..B` compares two commits, `A...B` the second with where both parted").into());
        };
        let shallow = || {
            Refusal::no(format!("cannot compare `{}`: this clone is shallow, so that commits are missing", range.escape_debug()))
                .hint("`git fetch --unshallow` brings them")
        };
        let commit = |revision: &str| -> Result<Oid> {
            let revision = if revision.is_empty() { "HEAD" } else { revision };
            let found = self.resolve(revision).and_then(|commit| self.tree_of(&commit).map(|_| commit));
            if found.is_err() && self.raw.is_shallow() { Err(shallow().into()) } else { found }
        };
        let (from, to) = (commit(from)?, commit(to)?);
        if !is_parted {
            return Ok((from, to));
        }
        if self.raw.is_shallow() {
            return Err(shallow().into());
        }
        let base = self.merge_base(&from, &to)?;
        let apart = || Refusal::no(format!("`{}` have no history in common", range.escape_debug()));
        Ok((base.ok_or_else(|| apart().hint("`A..B` compares them as they are"))?, to))
    }

    /// The first parent of a commit; none of one that has no parent.
    ///
    /// # Errors
    /// Refuses a commit whose parent a shallow clone lacks.
    pub fn first_parent(&self, commit: &Oid) -> Result<Option<Oid>> {
        let doing = || format!("read the commit {}", commit.short());
        let raw = self.raw.find_commit(raw_oid(commit)?).tried(doing())?;
        // At the edge of a shallow clone libgit2 leaves parents out that the commit names.
        let named = raw.raw_header_bytes().split(|byte| *byte == b'\n').any(|line| line.starts_with(b"parent "));
        let parent = raw.parent_ids().next().map(oid);
        match parent {
            Some(parent) if self.has_object(&parent) => Ok(Some(parent)),
            None if !named => Ok(None),
            Some(_) | None => {
                let why =
                    format!("cannot tell what the commit {} changed: this clone is shallow and lacks its parent", commit.short());
                Err(Refusal::no(why).hint("`git fetch --unshallow` brings it").into())
            }
        }
    }

    /// What is staged: what differs between HEAD and the index, by path. A path that a merge left open is not among it.
    ///
    /// # Errors
    /// Fails when HEAD or the index cannot be read.
    pub fn staged_changes(&self) -> Result<Vec<Change>> {
        let doing = || "compare HEAD and the index";
        let head = self.head()?.commit().map(|head| self.raw_tree(head)).transpose()?;
        let index = self.index()?;
        let diff = self.raw.diff_tree_to_index(head.as_ref(), Some(&index), None).tried(doing())?;
        let side = |file: &git2::DiffFile<'_>| {
            let mode = Mode::from_bits(u32::from(file.mode()))?;
            file.exists().then(|| Side { mode, oid: oid(file.id()) })
        };
        let mut changes = Vec::new();
        for delta in diff.deltas().filter(|delta| delta.status() != git2::Delta::Conflicted) {
            let (old, new) = (delta.old_file(), delta.new_file());
            let Some(path) = new.path_bytes().or_else(|| old.path_bytes()) else { continue };
            changes.push(Change { path: TreePath::new(path)?, before: side(&old), after: side(&new) });
        }
        changes.sort_unstable_by(|left, right| left.path.cmp(&right.path));
        Ok(changes)
    }

    /// The content of a blob of at most `most` bytes; none of a larger one.
    ///
    /// # Errors
    /// As [`Self::blob_bytes`].
    pub fn blob_at_most(&self, blob: &Oid, most: u64) -> Result<Option<Vec<u8>>> {
        let odb = self.raw.odb().tried("open the object database")?;
        // The length of one that a partial clone lacks is known when it has come.
        let known = odb.read_header(raw_oid(blob)?).map(|(length, _)| length);
        if known.is_ok_and(|length| u64::try_from(length).is_ok_and(|length| length > most)) {
            return Ok(None);
        }
        let bytes = self.blob_bytes(blob)?;
        Ok(Some(bytes).filter(|bytes| u64::try_from(bytes.len()).is_ok_and(|length| length <= most)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::git::fixture::Fixture;

    #[test]
    fn ranges_are_those_of_git_and_a_shallow_clone_says_what_it_lacks() {
        let fixture = Fixture::new();
        let first = fixture.commit_file("a", "1\n");
        fixture.git(&["switch", "-q", "-c", "side"]);
        let side = fixture.commit_file("b", "1\n");
        fixture.git(&["switch", "-q", "main"]);
        let main = fixture.commit_file("a", "2\n");
        let repository = fixture.repository();
        assert_eq!(repository.range("main..side").unwrap(), (main.clone(), side.clone()));
        assert_eq!(repository.range("main...side").unwrap(), (first.clone(), side));
        assert_eq!(repository.range("HEAD~..").unwrap(), (first, main));
        let refused = |repository: &Repository, range: &str| repository.range(range).unwrap_err().to_string();
        assert!(refused(&repository, "HEAD").contains("is no range"));
        assert!(refused(&repository, "nothing..HEAD").contains("is not a commit"));
        fixture.git(&["clone", "-q", "--depth=1", &format!("file://{}", fixture.root().display()), "../shallow"]);
        let place = fixture.root().join("../shallow").canonicalize().unwrap();
        let shallow = Repository::open(&place, &fixture.environment()).unwrap();
        assert!(refused(&shallow, "HEAD~..HEAD").contains("is shallow"));
        assert!(refused(&shallow, "HEAD...HEAD").contains("is shallow"));
    }

    #[test]
    fn what_is_staged_is_what_git_says() {
        let fixture = Fixture::new();
        fixture.commit_file("a", "1\n");
        fixture.commit_file("b", "1\n");
        let repository = fixture.repository();
        fixture.write("a", "2\n");
        fixture.write("new", "1\n");
        fixture.git(&["rm", "-q", "--cached", "b"]);
        fixture.git(&["add", "a", "new"]);
        fixture.write("a", "3\n");
        let ours: Vec<String> =
            repository.staged_changes().unwrap().iter().map(|of| format!("{}\t{}", of.kind().letter(), of.path)).collect();
        assert_eq!(ours.join("\n"), fixture.git(&["diff", "--cached", "--name-status", "--no-renames"]));
        let staged = fixture.oid(":a");
        assert_eq!(repository.blob_at_most(&staged, 2).unwrap().as_deref(), Some(&b"2\n"[..]));
        assert_eq!(repository.blob_at_most(&staged, 1).unwrap(), None);
    }
}
