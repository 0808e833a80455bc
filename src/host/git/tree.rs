//! Objects written by plumbing: blobs, trees as changes to a tree, commits. Nothing of it is visible until a ref points at it.
//!
//! The index, the work tree and all refs stay as they are.

use std::collections::BTreeMap;

use crate::{
    host::{
        Result,
        git::{Repository, Signature, Tried as _, oid, raw_oid},
    },
    model::{
        change::{Side, TreePath},
        id::Oid,
        refusal::Refusal,
    },
};

/// What a path is to become.
#[derive(Clone, Copy, Default)]
enum Becomes<'a> {
    /// It is not named and stays what it is.
    #[default]
    AsBefore,
    Nothing,
    This(&'a Side),
}

/// Changes below one directory, by the next part of the path.
#[derive(Default)]
struct Level<'a> {
    itself: Becomes<'a>,
    below: BTreeMap<&'a [u8], Self>,
}

impl Repository {
    /// Writes `bytes` as they are, without filters.
    ///
    /// # Errors
    /// Fails when the object cannot be written.
    pub fn write_blob(&self, bytes: &[u8]) -> Result<Oid> {
        Ok(oid(self.raw.blob(bytes).tried("write a blob")?))
    }

    /// Writes the tree that `base` (a commit or tree; nothing = the empty tree) becomes by `changes`, each a path and what is
    /// there afterwards. Directories that end up empty go away; the last of several changes of one path counts.
    ///
    /// # Errors
    /// Refuses when a path would be a file and a directory at once; fails when an object is missing or cannot be written.
    pub fn write_tree_with(&self, base: Option<&Oid>, changes: &[(TreePath, Option<Side>)]) -> Result<Oid> {
        let mut top = Level::default();
        for (path, side) in changes {
            let level =
                path.as_bytes().split(|&byte| byte == b'/').fold(&mut top, |level, part| level.below.entry(part).or_default());
            level.itself = side.as_ref().map_or(Becomes::Nothing, Becomes::This);
        }
        let base = base.map(|base| self.raw_tree(base)).transpose()?;
        if let Some(tree) = self.write_level(base.as_ref(), &top, &[])? {
            return Ok(oid(tree));
        }
        let empty = self.raw.treebuilder(None).and_then(|builder| builder.write());
        Ok(oid(empty.tried("write the empty tree")?))
    }

    fn write_level(&self, base: Option<&git2::Tree<'_>>, level: &Level<'_>, prefix: &[u8]) -> Result<Option<git2::Oid>> {
        let doing = || "write a tree";
        let mut builder = self.raw.treebuilder(base).tried(doing())?;
        for (&name, child) in &level.below {
            let found = base.and_then(|tree| tree.get_name_bytes(name));
            let was_directory = found.as_ref().is_some_and(|entry| entry.kind() == Some(git2::ObjectType::Tree));
            let directory = match &found {
                Some(entry) if was_directory => Some(self.raw.find_tree(entry.id()).tried(doing())?),
                _ => None,
            };
            let path = || [prefix, name].concat();
            let below = if child.below.is_empty() {
                directory.map(|tree| tree.id())
            } else {
                self.write_level(directory.as_ref(), child, &[&path()[..], b"/"].concat())?
            };
            let kept = found.filter(|_| !was_directory).map(|entry| (entry.id(), entry.filemode()));
            let file = match child.itself {
                Becomes::AsBefore => kept,
                Becomes::Nothing => None,
                Becomes::This(side) => Some((raw_oid(&side.oid)?, side.mode.bits().cast_signed())),
            };
            match (file, below) {
                (Some(_), Some(_)) => {
                    let path = String::from_utf8_lossy(&path()).into_owned();
                    return Err(
                        Refusal::conflict(format!("cannot write a tree: `{path}` would be a file and a directory")).into()
                    );
                }
                (Some((id, mode)), None) => drop(builder.insert(name, id, mode).tried(doing())?),
                (None, Some(tree)) => drop(builder.insert(name, tree, 0o040_000).tried(doing())?),
                (None, None) => {
                    if builder.get(name).tried(doing())?.is_some() {
                        builder.remove(name).tried(doing())?;
                    }
                }
            }
        }
        if builder.is_empty() { Ok(None) } else { Ok(Some(builder.write().tried(doing())?)) }
    }

    /// Writes an unsigned commit; no ref points at it yet.
    ///
    /// # Errors
    /// Fails when the tree or a parent is missing or the object cannot be written.
    pub fn write_commit(
        &self,
        tree: &Oid,
        parents: &[&Oid],
        message: &str,
        author: &Signature,
        committer: &Signature,
    ) -> Result<Oid> {
        let doing = || "write a commit";
        let tree = self.raw.find_tree(raw_oid(tree)?).tried(doing())?;
        let parents =
            parents.iter().map(|parent| self.raw.find_commit(raw_oid(parent)?).tried(doing())).collect::<Result<Vec<_>>>()?;
        let parents: Vec<&git2::Commit<'_>> = parents.iter().collect();
        let id = self.raw.commit(None, &author.raw()?, &committer.raw()?, message, &tree, &parents).tried(doing())?;
        Ok(oid(id))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{
        host::git::fixture::{Fixture, path, signature},
        model::change::Mode,
    };

    fn file(repository: &Repository, content: &str) -> Side {
        Side { mode: Mode::File, oid: repository.write_blob(content.as_bytes()).unwrap() }
    }

    #[test]
    fn a_tree_changes_only_where_it_is_told() {
        let fixture = Fixture::new();
        fixture.write("a", "1");
        fixture.write("d/x", "1");
        fixture.write("d/y", "1");
        fixture.write("e/f/g", "1");
        fixture.git(&["add", "-A"]);
        fixture.git(&["commit", "-q", "-m", "All"]);
        let (repository, head) = (fixture.repository(), fixture.head());
        let new = Some(file(&repository, "new"));
        let changes = [
            (path("a"), None),
            (path("a/b"), new.clone()),
            (path("d"), new.clone()),
            (path("d/x"), None),
            (path("d/y"), None),
            (path("e/f/g"), None),
            (path("no/such"), None),
            (path("z/1"), new.clone()),
        ];
        let tree = repository.write_tree_with(Some(&head), &changes).unwrap();
        assert_eq!(fixture.git(&["ls-tree", "-r", "-t", "--name-only", tree.as_str()]), "a\na/b\nd\nz\nz/1");
        for both in [(path("d"), new.clone()), (path("a/b"), new)] {
            assert!(repository.write_tree_with(Some(&head), &[both]).is_err());
        }
        let gone = ["a", "d/x", "d/y", "e/f/g"].map(|name| (path(name), None));
        assert_eq!(repository.write_tree_with(Some(&head), &gone).unwrap().as_str(), "4b825dc642cb6eb9a060e54bf8d69288fbee4904");
        assert_eq!(repository.write_tree_with(Some(&head), &[]).unwrap(), fixture.oid("HEAD^{tree}"));
    }

    #[test]
    fn a_commit_reads_back_in_git() {
        let fixture = Fixture::new();
        let head = fixture.commit_file("a", "1\n");
        let repository = fixture.repository();
        let tree = repository.write_tree_with(Some(&head), &[(path("b"), Some(file(&repository, "b")))]).unwrap();
        let commit = repository.write_commit(&tree, &[&head], "Grüße\n\nBody\n", &signature(), &signature()).unwrap();
        insta::assert_snapshot!(fixture.git(&["cat-file", "commit", commit.as_str()]).replace(head.as_str(), "<head>"), @r"
        tree a09219764009b56a6312f26717758f23940f09be
        parent <head>
        author Ada <ada@example.org> 1795197600 +0100
        committer Ada <ada@example.org> 1795197600 +0100

        Grüße

        Body
        ");
        assert_eq!(fixture.head(), head, "no branch moved");
        fixture.fsck();
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn a_tree_written_in_two_ways_is_the_same(
            before in proptest::collection::btree_map("[ab]{1,2}(/[ab]{1,2}){0,2}", 0..3_u8, 0..8),
            after in proptest::collection::btree_map("[ab]{1,2}(/[ab]{1,2}){0,2}", 0..3_u8, 0..8),
        ) {
            let fixture = Fixture::new();
            let repository = fixture.repository();
            // A path that is also a directory of another cannot be in a tree.
            let fits = |all: &BTreeMap<String, u8>, name: &str| !all.keys().any(|other| other.starts_with(&format!("{name}/")));
            let sides = |all: &BTreeMap<String, u8>| -> Vec<(TreePath, Option<Side>)> {
                all.iter().filter(|(name, _)| fits(all, name)).map(|(name, content)| (path(name), Some(file(&repository, &content.to_string())))).collect()
            };
            let (before, after) = (sides(&before), sides(&after));
            let base = repository.write_tree_with(None, &before).unwrap();
            let direct = repository.write_tree_with(None, &after).unwrap();
            let mut changes: Vec<_> = before.iter().map(|(path, _)| (path.clone(), None)).collect();
            changes.extend(after.iter().cloned());
            prop_assert_eq!(repository.write_tree_with(Some(&base), &changes).unwrap(), direct.clone());
            let listed: Vec<_> = repository.entries_below(&direct, None).unwrap().into_iter().map(|(path, side)| (path, Some(side))).collect();
            prop_assert_eq!(listed, after);
        }
    }
}
