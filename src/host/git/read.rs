//! What commits and trees hold: revisions, blobs at paths, entries below a folder, how commits are related.
//!
//! The work tree is not read here.

use crate::{
    host::{
        Result,
        git::{RefStore, Repository, Tried as _, oid, raw_oid},
    },
    model::{
        change::{Mode, Side, TreePath},
        id::Oid,
        refusal::Refusal,
    },
};

/// A file as a commit holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blob {
    /// What it is.
    pub mode: Mode,
    /// Its id.
    pub oid: Oid,
    /// Its content; of a link its target.
    pub bytes: Vec<u8>,
}

impl Repository {
    /// The commit that a person's words such as `main~2`, a tag or an abbreviated id lead to.
    ///
    /// # Errors
    /// Refuses what leads to nothing, to several objects or not to a commit.
    pub fn resolve(&self, revision: &str) -> Result<Oid> {
        let refused = |why: &str| Refusal::usage(format!("`{}` {why}", revision.escape_debug()));
        if self.ref_store == RefStore::Program {
            let wanted = format!("{revision}^{{commit}}");
            let found =
                self.ask_perhaps(&["rev-parse", "--verify", "--quiet", "--end-of-options", &wanted], &self.environment)?;
            let unknown = || refused("is not a commit of this repository").hint("`git log --oneline --all` lists them");
            return Ok(Oid::new(found.ok_or_else(unknown)?)?);
        }
        let object = self.raw.revparse_single(revision).map_err(|error| match error.code() {
            git2::ErrorCode::Ambiguous => refused("fits several objects of the repository"),
            _ => refused("is not a commit of this repository").hint("`git log --oneline --all` lists them"),
        })?;
        let commit = object.peel_to_commit().map_err(|_| refused("does not lead to a commit"))?;
        Ok(oid(commit.id()))
    }

    /// Whether the repository holds the object.
    #[must_use]
    pub fn has_object(&self, id: &Oid) -> bool {
        raw_oid(id).is_ok_and(|id| self.raw.odb().is_ok_and(|odb| odb.exists(id)))
    }

    /// The tree of a commit.
    ///
    /// # Errors
    /// Fails when it is not a commit or cannot be read.
    pub fn tree_of(&self, commit: &Oid) -> Result<Oid> {
        Ok(oid(self.raw_tree(commit)?.id()))
    }

    /// The tree of a commit, a tag or a tree.
    pub(in crate::host::git) fn raw_tree(&self, treeish: &Oid) -> Result<git2::Tree<'_>> {
        let object = self.raw.find_object(raw_oid(treeish)?, None).tried(format!("read the object {treeish}"))?;
        object.peel_to_tree().tried(format!("read the tree of {treeish}"))
    }

    /// What a commit or tree holds at `path`; nothing when nothing or a directory is there.
    ///
    /// # Errors
    /// Fails when a tree cannot be read.
    pub fn side_at(&self, treeish: &Oid, path: &TreePath) -> Result<Option<Side>> {
        side_in(&self.raw_tree(treeish)?, path)
    }

    /// The file or link that a commit or tree holds at `path`; nothing when there is none.
    ///
    /// # Errors
    /// Fails when a tree or the blob cannot be read.
    pub fn blob_at(&self, treeish: &Oid, path: &TreePath) -> Result<Option<Blob>> {
        match self.side_at(treeish, path)? {
            None | Some(Side { mode: Mode::Submodule, .. }) => Ok(None),
            Some(Side { mode, oid }) => Ok(Some(Blob { mode, bytes: self.blob_bytes(&oid)?, oid })),
        }
    }

    /// The content of a blob. In a partial clone git fetches one that is not there from where it was promised.
    ///
    /// # Errors
    /// Fails when it is not there and cannot be fetched, or is damaged.
    pub fn blob_bytes(&self, blob: &Oid) -> Result<Vec<u8>> {
        let (id, doing) = (raw_oid(blob)?, || format!("read the blob {blob}"));
        let mut found = self.raw.find_blob(id);
        if found.as_ref().is_err_and(|error| error.code() == git2::ErrorCode::NotFound) && self.is_partial()? {
            self.ask_git(&["cat-file", "-t", blob.as_str()], &self.environment)?;
            self.raw.odb().and_then(|odb| odb.refresh()).tried(doing())?;
            found = self.raw.find_blob(id);
        }
        Ok(found.tried(doing())?.content().to_owned())
    }

    /// Whether objects may be missing here that a remote has promised.
    fn is_partial(&self) -> Result<bool> {
        let doing = "read git's configuration";
        let config = self.raw.config().tried(doing)?;
        let mut promised = config.entries(Some("^(remote\\..*\\.promisor|extensions\\.partialclone)$")).tried(doing)?;
        Ok(promised.next().transpose().tried(doing)?.is_some())
    }

    /// Everything but directories that a commit or tree holds below `folder`, or at all, by path.
    ///
    /// # Errors
    /// Fails when a tree cannot be read.
    pub fn entries_below(&self, treeish: &Oid, folder: Option<&TreePath>) -> Result<Vec<(TreePath, Side)>> {
        let doing = || format!("list the files of {treeish}");
        let mut tree = self.raw_tree(treeish)?;
        let mut prefix = Vec::new();
        if let Some(folder) = folder {
            let found = match tree.get_path(&folder.join_to("".as_ref())) {
                Ok(entry) if entry.kind() == Some(git2::ObjectType::Tree) => entry.id(),
                Ok(_) => return Ok(Vec::new()),
                Err(error) if error.code() == git2::ErrorCode::NotFound => return Ok(Vec::new()),
                Err(error) => return Err(error).tried(doing()),
            };
            tree = self.raw.find_tree(found).tried(doing())?;
            prefix = [folder.as_bytes(), b"/"].concat();
        }
        let mut found = Vec::new();
        self.collect(&tree, &prefix, &mut found)?;
        found.sort();
        Ok(found)
    }

    fn collect(&self, tree: &git2::Tree<'_>, prefix: &[u8], found: &mut Vec<(TreePath, Side)>) -> Result<()> {
        for entry in tree {
            let path = [prefix, entry.name_bytes()].concat();
            if let Some(side) = side_of(&entry) {
                found.push((TreePath::new(path)?, side));
            } else if entry.kind() == Some(git2::ObjectType::Tree) {
                let below = self.raw.find_tree(entry.id()).tried(format!("read the tree {}", entry.id()))?;
                self.collect(&below, &[&path[..], b"/"].concat(), found)?;
            }
        }
        Ok(())
    }

    /// The best common ancestor of two commits; nothing when their histories never met.
    ///
    /// # Errors
    /// Fails when a commit cannot be read.
    pub fn merge_base(&self, one: &Oid, other: &Oid) -> Result<Option<Oid>> {
        match self.raw.merge_base(raw_oid(one)?, raw_oid(other)?) {
            Ok(base) => Ok(Some(oid(base))),
            Err(error) if error.code() == git2::ErrorCode::NotFound => Ok(None),
            Err(error) => Err(error).tried(format!("find the common ancestor of {} and {}", one.short(), other.short())),
        }
    }

    /// Whether `ancestor` is `commit` or in its history.
    ///
    /// # Errors
    /// Fails when a commit cannot be read.
    pub fn is_ancestor(&self, ancestor: &Oid, commit: &Oid) -> Result<bool> {
        if ancestor == commit {
            return Ok(true);
        }
        self.raw.graph_descendant_of(raw_oid(commit)?, raw_oid(ancestor)?).tried(format!(
            "look for {} in the history of {}",
            ancestor.short(),
            commit.short()
        ))
    }
}

/// What a tree holds at `path`; nothing when nothing or a directory is there.
pub(in crate::host::git) fn side_in(tree: &git2::Tree<'_>, path: &TreePath) -> Result<Option<Side>> {
    match tree.get_path(&path.join_to("".as_ref())) {
        Ok(entry) => Ok(side_of(&entry)),
        Err(error) if error.code() == git2::ErrorCode::NotFound => Ok(None),
        Err(error) => Err(error).tried(format!("read `{path}` of {}", tree.id())),
    }
}

/// What an entry of a tree is, unless it is a directory.
pub(in crate::host::git) fn side_of(entry: &git2::TreeEntry<'_>) -> Option<Side> {
    let mode = Mode::from_bits(u32::try_from(entry.filemode()).ok()?)?;
    Some(Side { mode, oid: oid(entry.id()) })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;
    use crate::host::git::fixture::{Fixture, path};

    fn listed(fixture: &Fixture, arguments: &[&str]) -> Vec<String> {
        let mut lines: Vec<String> = fixture
            .git(&[&["-c", "core.quotePath=false", "ls-tree", "-r"], arguments].concat())
            .lines()
            .map(str::to_owned)
            .collect();
        lines.sort_by(|left, right| left.split('\t').nth(1).cmp(&right.split('\t').nth(1)));
        lines
    }

    fn ours(entries: &[(TreePath, Side)]) -> Vec<String> {
        let kind = |mode| if mode == Mode::Submodule { "commit" } else { "blob" };
        entries.iter().map(|(path, side)| format!("{:06o} {} {}\t{path}", side.mode.bits(), kind(side.mode), side.oid)).collect()
    }

    #[test]
    fn trees_are_read_as_git_reads_them() {
        let fixture = Fixture::new();
        for (file, content) in
            [("a.txt", "a"), ("dir/b.txt", "b"), ("dir/deep/ü.txt", "c"), ("dir.txt", "d"), ("run.sh", "#!/bin/sh\n")]
        {
            fixture.write(file, content);
        }
        std::fs::set_permissions(fixture.root().join("run.sh"), std::fs::Permissions::from_mode(0o755)).unwrap();
        symlink("a.txt", fixture.root().join("dir/link")).unwrap();
        fixture.git(&["add", "-A"]);
        fixture.git(&["update-index", "--add", "--cacheinfo", "160000,1111111111111111111111111111111111111111,sub"]);
        fixture.git(&["commit", "-q", "-m", "All"]);
        let (repository, head) = (fixture.repository(), fixture.head());
        assert_eq!(ours(&repository.entries_below(&head, None).unwrap()), listed(&fixture, &["HEAD"]));
        assert_eq!(ours(&repository.entries_below(&head, Some(&path("dir"))).unwrap()), listed(&fixture, &["HEAD", "dir/"]));
        assert_eq!(repository.entries_below(&head, Some(&path("a.txt"))).unwrap(), []);
        assert_eq!(repository.entries_below(&head, Some(&path("no/such"))).unwrap(), []);
        assert_eq!(repository.tree_of(&head).unwrap(), fixture.oid("HEAD^{tree}"));
        let link = repository.blob_at(&head, &path("dir/link")).unwrap().unwrap();
        assert_eq!((link.mode, link.bytes.as_slice()), (Mode::Link, &b"a.txt"[..]));
        for nothing in ["dir", "sub", "no", "a.txt/x"] {
            assert_eq!(repository.blob_at(&head, &path(nothing)).unwrap(), None, "{nothing}");
        }
        assert_eq!(repository.side_at(&head, &path("sub")).unwrap().unwrap().mode, Mode::Submodule);
    }

    #[test]
    fn revisions_and_ancestry_are_those_of_git() {
        let fixture = Fixture::new();
        let first = fixture.commit_file("a", "1\n");
        fixture.git(&["tag", "-a", "v1", "-m", "one"]);
        fixture.git(&["switch", "-q", "-c", "side"]);
        let side = fixture.commit_file("b", "1\n");
        fixture.git(&["switch", "-q", "main"]);
        let main = fixture.commit_file("a", "2\n");
        let repository = fixture.repository();
        for revision in ["v1", "HEAD", "main~1", "side", first.short(), "HEAD^{commit}"] {
            assert_eq!(repository.resolve(revision).unwrap(), fixture.oid(&format!("{revision}^{{commit}}")), "{revision}");
        }
        for bad in ["nothing", "HEAD:a", "", "main~9"] {
            assert!(repository.resolve(bad).is_err(), "{bad}");
        }
        assert_eq!(repository.merge_base(&main, &side).unwrap(), Some(first.clone()));
        assert!(repository.is_ancestor(&first, &main).unwrap() && repository.is_ancestor(&main, &main).unwrap());
        assert!(!repository.is_ancestor(&main, &first).unwrap() && !repository.is_ancestor(&side, &main).unwrap());
        fixture.git(&["switch", "-q", "--orphan", "other"]);
        let other = fixture.commit_file("c", "1\n");
        assert_eq!(repository.merge_base(&main, &other).unwrap(), None);
        assert!(repository.has_object(&other));
        assert!(!repository.has_object(&Oid::new("1".repeat(40)).unwrap()));
    }

    #[test]
    fn what_a_partial_clone_lacks_is_fetched_when_it_is_read() {
        let fixture = Fixture::new();
        fixture.commit_file("a", "first\n");
        fixture.commit_file("a", "second\n");
        fixture.git(&["config", "uploadpack.allowFilter", "true"]);
        fixture.git(&["config", "uploadpack.allowAnySHA1InWant", "true"]);
        let from = format!("file://{}", fixture.root().display());
        for place in ["../beside", "../alone"] {
            fixture.git(&["clone", "-q", "--filter=blob:none", &from, place]);
        }
        let open = |place: &str| {
            let place = fixture.root().join(place).canonicalize().unwrap();
            Repository::open(&place, &fixture.environment()).unwrap()
        };
        let (old, first) = (fixture.oid("HEAD~:a"), fixture.oid("HEAD~"));
        let beside = open("../beside");
        assert!(!beside.has_object(&old), "the clone was to lack it");
        assert_eq!(beside.blob_bytes(&old).unwrap(), b"first\n");
        assert_eq!(beside.blob_at(&first, &path("a")).unwrap().unwrap().bytes, b"first\n");
        fixture.git(&["-C", "../alone", "remote", "set-url", "origin", "file:///nowhere"]);
        let refused = open("../alone").blob_bytes(&old).unwrap_err().to_string();
        assert!(refused.contains("git cat-file") && refused.contains("nowhere"), "{refused}");
    }
}
