//! A prepared commit becomes its branch's: the ref moves from the parent to the commit, and in the user's index the paths of
//! the commit, and only these, come to hold what it holds.
//!
//! Can be done again after a crash at any point. Nothing is written to the work tree.

use std::{
    cell::RefCell,
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    host::{
        Doing as _, Result, failpoint,
        git::{RefStore, Repository, Tried as _, hash, oid, raw_oid, stat::Stat, stat_cache},
    },
    model::{
        change::{Change, Mode, Side, TreePath},
        id::Oid,
        refusal::Refusal,
    },
};

/// The flag of an index entry that `git add --intent-to-add` made.
const INTENT_TO_ADD: u16 = 1 << 13;

/// What landing a commit needs; can be kept in an event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Landing {
    /// The full name of the branch.
    pub branch: String,
    /// The commit before; nothing for the first one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<Oid>,
    /// The commit.
    pub commit: Oid,
    /// Staged content that the commit's content takes the place of, by path; nothing = staged as deleted.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub replaces: BTreeMap<TreePath, Option<Side>>,
}

/// What became of the index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IndexOutcome {
    /// It holds the commit's content at the commit's paths.
    Updated,
    /// HEAD stands on another branch, so it was not touched.
    OtherBranch,
    /// The branch has gone on since, so it was not touched.
    MovedOn,
}

/// A commit that is on its branch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Landed {
    /// What became of the index.
    pub index: IndexOutcome,
    /// Paths of the commit whose staged content was changed by somebody else meanwhile and was left.
    pub left: Vec<TreePath>,
}

impl Repository {
    /// Moves the branch to the prepared commit and updates the entries of its paths in the user's index. Done already is done;
    /// what an earlier try left half done is finished.
    ///
    /// # Errors
    /// Refuses when the branch is neither at the parent nor has the commit, when it is checked out or being rebased in another
    /// work tree, or when somebody else holds a lock for too long.
    pub fn land(&self, landing: &Landing) -> Result<Landed> {
        let name = &landing.branch;
        let tip = self.find_ref(name)?;
        if tip.as_ref() != Some(&landing.commit) {
            if let Some(tip) = &tip
                && self.is_ancestor(&landing.commit, tip)?
            {
                return Ok(Landed { index: IndexOutcome::MovedOn, left: Vec::new() });
            }
            if tip != landing.parent {
                return Err(gone_on(landing, tip.as_ref()).into());
            }
        }
        let publish = || -> Result<()> {
            if tip.as_ref() == Some(&landing.commit) {
                return Ok(());
            }
            let commit = self.commit(&landing.commit)?;
            let kind = if commit.parents.is_empty() { "commit (initial)" } else { "commit" };
            self.update_ref(name, &landing.commit, landing.parent.as_ref(), &format!("{kind}: {}", commit.subject))?;
            failpoint::reach("land.moved").doing("move a branch of", self.root())
        };
        if self.head()?.reference().as_ref() != Some(name) {
            if let Some(user) = self.used_in(name) {
                return Err(Refusal::conflict(format!("cannot commit to `{name}`: `{}` is working on it", user.display()))
                    .hint("finish the work there, or end its rebase")
                    .into());
            }
            publish()?;
            return Ok(Landed { index: IndexOutcome::OtherBranch, left: Vec::new() });
        }
        let changes = self.changes(landing.parent.as_ref(), &landing.commit)?;
        let left = RefCell::new(Vec::new());
        if tip.as_ref() == Some(&landing.commit) && !self.needs_update(landing, &changes)? {
            return Ok(Landed { index: IndexOutcome::Updated, left: Vec::new() });
        }
        self.rewrite_index(
            &mut |index| {
                *left.borrow_mut() = self.update_entries(index, landing, &changes)?;
                Ok(())
            },
            || {
                if self.head()?.reference().as_ref() != Some(name) {
                    return Err(Refusal::conflict(format!("cannot commit to `{name}`: HEAD has just moved to another branch"))
                        .retryable()
                        .into());
                }
                publish()
            },
        )?;
        failpoint::reach("land.done").doing("commit in", self.root())?;
        Ok(Landed { index: IndexOutcome::Updated, left: left.into_inner() })
    }

    /// A git directory whose HEAD or rebase is on `branch`, this work tree's own included.
    fn used_in(&self, branch: &str) -> Option<PathBuf> {
        let common = self.raw.commondir().to_owned();
        if self.ref_store == RefStore::Program
            && let Some((place, _)) =
                self.checked_out_by_program().unwrap_or_default().into_iter().find(|(_, used)| used == branch)
        {
            return Some(place);
        }
        let linked = fs::read_dir(common.join("worktrees")).into_iter().flatten().flatten().map(|entry| entry.path());
        let says = |directory: &Path, file: &str, text: &str| {
            fs::read_to_string(directory.join(file)).is_ok_and(|content| content.trim_end() == text)
        };
        std::iter::once(common).chain(linked).find(|directory| {
            says(directory, "HEAD", &format!("ref: {branch}"))
                || says(directory, "rebase-merge/head-name", branch)
                || says(directory, "rebase-apply/head-name", branch)
        })
    }

    fn needs_update(&self, landing: &Landing, changes: &[Change]) -> Result<bool> {
        let index = self.index()?;
        Ok(changes.iter().any(|change| {
            let staged = index.get_path(&change.path.join_to("".as_ref()), 0).as_ref().and_then(staged_side);
            staged != change.after && landing.may_replace(change, staged.as_ref())
        }))
    }

    /// Changes the entries that nobody else has changed; hands back the paths of the others.
    fn update_entries(&self, index: &mut git2::Index, landing: &Landing, changes: &[Change]) -> Result<Vec<TreePath>> {
        let doing = |path: &TreePath| format!("update `{path}` in the index");
        let mut left = Vec::new();
        let deletions = changes.iter().filter(|change| change.after.is_none());
        let additions = changes.iter().filter(|change| change.after.is_some());
        for change in deletions.chain(additions) {
            let path = &change.path;
            let relative = path.join_to("".as_ref());
            let entry = index.get_path(&relative, 0);
            let staged = entry.as_ref().and_then(staged_side);
            let unmerged = (1..=3).any(|stage| index.get_path(&relative, stage).is_some());
            if unmerged || (staged != change.after && !landing.may_replace(change, staged.as_ref())) {
                left.push(path.clone());
                continue;
            }
            match &change.after {
                None if staged.is_some() => index.remove(&relative, 0).tried(doing(path))?,
                None => {}
                Some(_) if in_the_way(index, path) => left.push(path.clone()),
                Some(side) => index.add(&self.entry(path, side, entry.as_ref())?).tried(doing(path))?,
            }
        }
        Ok(left)
    }

    /// An index entry for `side`, with the state of the file where the file holds just that.
    pub(in crate::host::git) fn entry(
        &self,
        path: &TreePath,
        side: &Side,
        before: Option<&git2::IndexEntry>,
    ) -> Result<git2::IndexEntry> {
        let (flags, flags_extended) = before.map_or((0, 0), |entry| (entry.flags, entry.flags_extended & !INTENT_TO_ADD));
        let stat = self.unchanged_file(path, side).unwrap_or_default();
        let entry = stat_cache::entry(path.as_bytes().to_owned(), &stat, side.mode.bits(), raw_oid(&side.oid)?);
        Ok(git2::IndexEntry { flags, flags_extended, ..entry })
    }

    /// The state of the file at `path`, if it holds `side` now.
    fn unchanged_file(&self, path: &TreePath, side: &Side) -> Option<Stat> {
        let file = path.join_to(self.root());
        let stat = || rustix::fs::lstat(&file).ok().map(|stat| Stat::of(&stat));
        let before = stat()?;
        let content = match side.mode {
            Mode::Link => {
                let target = fs::read_link(&file).ok()?;
                hash(git2::ObjectType::Blob, target.as_os_str().as_encoded_bytes(), self.format()).ok()?
            }
            Mode::File | Mode::Executable if before.file_type().is_file() => {
                git2::Oid::hash_file_ext(git2::ObjectType::Blob, &file, self.format()).ok()?
            }
            Mode::File | Mode::Executable | Mode::Submodule => return None,
        };
        // What a filter changes on its way in is stored once more, which finds the object that is there already.
        let same = oid(content) == side.oid
            || (side.mode != Mode::Link && self.raw.blob_path(&file).is_ok_and(|content| oid(content) == side.oid));
        (same && stat() == Some(before)).then_some(before)
    }
}

fn gone_on(landing: &Landing, tip: Option<&Oid>) -> Refusal {
    let parent = landing.parent.as_ref().map_or("empty", Oid::short);
    let tip = tip.map_or("gone", Oid::short);
    Refusal::conflict(format!("cannot commit to `{}`: it was {parent} and is {tip}", landing.branch))
        .hint("somebody else committed; run the command again")
        .retryable()
}

impl Landing {
    fn may_replace(&self, change: &Change, staged: Option<&Side>) -> bool {
        staged == change.before.as_ref() || self.replaces.get(&change.path).is_some_and(|seen| seen.as_ref() == staged)
    }
}

/// What an index entry holds; nothing when it only announces a file.
pub(in crate::host::git) fn staged_side(entry: &git2::IndexEntry) -> Option<Side> {
    if entry.flags_extended & INTENT_TO_ADD != 0 {
        return None;
    }
    Some(Side { mode: Mode::from_bits(entry.mode)?, oid: oid(entry.id) })
}

/// Whether the index holds a file where `path` needs a directory, or files below `path`.
fn in_the_way(index: &git2::Index, path: &TreePath) -> bool {
    path.parents().any(|parent| index.get_path(&parent.join_to("".as_ref()), 0).is_some())
        || index.find_prefix([path.as_bytes(), b"/"].concat()).is_ok()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use proptest::prelude::*;

    use super::*;
    use crate::{
        host::{
            Error,
            git::{
                CommitRequest, Content, Hooks, PathContent, Prepared, Staged,
                fixture::{Fixture, path, signature},
            },
            process::Stop,
        },
        model::refusal::Code,
    };

    fn request(fixture: &Fixture, paths: &[(&str, Content)]) -> CommitRequest {
        let head = fixture.repository().head().unwrap();
        CommitRequest {
            branch: head.reference().unwrap(),
            parent: head.commit().cloned(),
            paths: paths.iter().map(|(name, content)| PathContent { path: path(name), content: content.clone() }).collect(),
            message: "Do it\n\nAutonomy-Session: s1\n".to_owned(),
            author: signature(),
            committer: signature(),
            hooks: Hooks::Skip,
            staged: Staged::Refuse,
        }
    }

    fn prepare(fixture: &Fixture, paths: &[(&str, Content)]) -> Prepared {
        fixture.repository().prepare(&request(fixture, paths), &fixture.environment(), &Stop::default()).unwrap().unwrap()
    }

    fn refusal<T: std::fmt::Debug>(result: Result<T>) -> Refusal {
        match result {
            Err(Error::Refused(refusal)) => refusal,
            other => panic!("not refused: {other:?}"),
        }
    }

    fn unprepared(fixture: &Fixture, name: &str) -> Refusal {
        let request = request(fixture, &[(name, Content::WorkTree)]);
        refusal(fixture.repository().prepare(&request, &fixture.environment(), &Stop::default()))
    }

    #[test]
    fn a_failure_at_any_point_leaves_before_or_after_and_no_lock() {
        for point in ["index.drafted", "index.locked", "land.moved", "index.published", "land.done"] {
            let fixture = Fixture::new();
            fixture.commit_file("a", "1\n");
            fixture.commit_file("b", "1\n");
            fixture.write("b", "2\n");
            fixture.git(&["add", "b"]);
            fixture.write("a", "2\n");
            let prepared = prepare(&fixture, &[("a", Content::WorkTree)]);
            let repository = fixture.repository();
            let failed = failpoint::with(&format!("{point}=eio"), || repository.land(&prepared.landing));
            assert!(failed.is_err(), "{point} was not reached");
            assert!(!fixture.root().join(".git/index.lock").exists(), "{point}");
            assert!(
                fixture.head() == prepared.landing.commit || fixture.status() == " M a\nM  b",
                "{point}: {}",
                fixture.status()
            );
            repository.land(&prepared.landing).unwrap();
            assert_eq!((fixture.head(), fixture.status().as_str()), (prepared.landing.commit, "M  b"), "{point}");
        }
    }

    #[test]
    fn a_commit_holds_its_paths_and_leaves_everything_else() {
        let fixture = Fixture::new();
        for name in ["ours", "gone", "staged", "both", "dirty", "dir/x"] {
            fixture.commit_file(name, "1\n");
        }
        fixture.write("staged", "2\n");
        fixture.write("both", "2\n");
        fixture.git(&["add", "staged", "both"]);
        fixture.write("both", "3\n");
        fixture.write("dirty", "2\n");
        fixture.write("untracked", "1\n");
        fixture.git(&["mv", "dir/x", "dir/y"]);
        let before = (fixture.status(), fixture.git(&["diff", "--cached"]));

        fixture.write("ours", "2\n");
        fixture.remove("gone");
        fixture.write("new/run.sh", "#!/bin/sh\n");
        fs::set_permissions(fixture.root().join("new/run.sh"), fs::Permissions::from_mode(0o755)).unwrap();
        symlink("ours", fixture.root().join("new/link")).unwrap();
        fixture.write("new/note.md", "by us\n");
        let prepared = prepare(
            &fixture,
            &[
                ("ours", Content::WorkTree),
                ("gone", Content::Deleted),
                ("new/run.sh", Content::WorkTree),
                ("new/link", Content::WorkTree),
                ("new/note.md", Content::Bytes(b"by us\n".to_vec())),
            ],
        );
        assert_eq!(fixture.git(&["log", "-1", "--format=%s"]), "Change dir/x", "preparing moved the branch");
        let landed = fixture.repository().land(&prepared.landing).unwrap();
        assert_eq!(landed, Landed { index: IndexOutcome::Updated, left: Vec::new() });

        assert_eq!((fixture.status(), fixture.git(&["diff", "--cached"])), before);
        assert_eq!(fixture.git(&["diff-files", "--name-only"]), "both\ndirty", "an entry of ours has no state of its file");
        assert_eq!(fixture.head(), prepared.landing.commit);
        assert_eq!(fixture.oid("HEAD^{tree}"), prepared.tree);
        insta::assert_snapshot!(fixture.git(&["show", "--format=%an %ad %s%n%(trailers)", "--raw", "--abbrev=4", "--no-renames", "HEAD"]), @r"
        Ada Fri Nov 20 19:00:00 2026 +0100 Do it
        Autonomy-Session: s1


        :100644 000000 d004 0000 D	gone
        :000000 120000 0000 4248 A	new/link
        :000000 100644 0000 dc41 A	new/note.md
        :000000 100755 0000 1a24 A	new/run.sh
        :100644 100644 d004 0cfb M	ours
        ");
        assert_eq!(fixture.git(&["reflog", "-1", "--format=%gs"]), "commit: Do it");
        fixture.fsck();
    }

    #[test]
    fn the_first_commit_of_a_repository_can_be_ours() {
        let fixture = Fixture::new();
        fixture.write("theirs", "1\n");
        fixture.git(&["add", "theirs"]);
        fixture.write("ours", "1\n");
        let prepared = prepare(&fixture, &[("ours", Content::WorkTree)]);
        fixture.repository().land(&prepared.landing).unwrap();
        assert_eq!(fixture.git(&["ls-tree", "--name-only", "HEAD"]), "ours");
        assert_eq!(fixture.status(), "A  theirs");
        let no_index = Fixture::new();
        no_index.write("ours", "1\n");
        let prepared = prepare(&no_index, &[("ours", Content::WorkTree)]);
        no_index.repository().land(&prepared.landing).unwrap();
        assert_eq!(no_index.status(), "");
    }

    #[test]
    fn landing_again_finishes_what_a_crash_left_and_changes_nothing_else() {
        let fixture = Fixture::new();
        fixture.commit_file("a", "1\n");
        fixture.write("a", "2\n");
        fixture.write("b", "1\n");
        let prepared = prepare(&fixture, &[("a", Content::WorkTree), ("b", Content::WorkTree)]);
        // As after a crash between the move of the branch and the change of the index.
        fixture.git(&["update-ref", "refs/heads/main", prepared.landing.commit.as_str()]);
        assert_ne!(fixture.status(), "");
        let repository = fixture.repository();
        repository.land(&prepared.landing).unwrap();
        assert_eq!(fixture.status(), "");
        let index = fs::read(repository.index_path()).unwrap();
        repository.land(&prepared.landing).unwrap();
        assert_eq!(fs::read(repository.index_path()).unwrap(), index, "nothing was left to do");
        // What the person stages afterwards stays.
        fixture.write("a", "3\n");
        fixture.git(&["add", "a"]);
        repository.land(&prepared.landing).unwrap();
        assert_eq!(fixture.status(), "M  a");
        fixture.git(&["commit", "-q", "-m", "Theirs"]);
        assert_eq!(repository.land(&prepared.landing).unwrap().index, IndexOutcome::MovedOn);
        assert_eq!(fixture.status(), "");
    }

    #[test]
    fn a_branch_that_moved_or_is_used_elsewhere_is_not_committed_to() {
        let fixture = Fixture::new();
        fixture.commit_file("a", "1\n");
        fixture.write("a", "2\n");
        let prepared = prepare(&fixture, &[("a", Content::WorkTree)]);
        fixture.commit_file("b", "1\n");
        let moved = refusal(fixture.repository().land(&prepared.landing));
        assert_eq!((moved.code, moved.retryable), (Code::Conflict, true));
        let prepared = prepare(&fixture, &[("a", Content::WorkTree)]);
        fixture.git(&["switch", "-q", "-c", "other"]);
        let landed = fixture.repository().land(&prepared.landing).unwrap();
        assert_eq!(landed.index, IndexOutcome::OtherBranch);
        assert_eq!((fixture.oid("main"), fixture.status().as_str()), (prepared.landing.commit, " M a"));
        fixture.git(&["worktree", "add", "-q", "../linked", "main"]);
        let mut request = request(&fixture, &[("a", Content::Bytes(b"3\n".to_vec()))]);
        (request.branch, request.parent) = ("refs/heads/main".to_owned(), Some(fixture.oid("main")));
        let prepared = fixture.repository().prepare(&request, &fixture.environment(), &Stop::default()).unwrap().unwrap();
        assert_eq!(refusal(fixture.repository().land(&prepared.landing)).code, Code::Conflict);
    }

    #[test]
    fn staged_content_is_kept_or_replaced_as_asked() {
        let fixture = Fixture::new();
        fixture.commit_file("a", "1\n");
        fixture.write("a", "staged\n");
        fixture.git(&["add", "a"]);
        fixture.write("a", "later\n");
        let mut request = request(&fixture, &[("a", Content::WorkTree)]);
        let repository = fixture.repository();
        assert_eq!(refusal(repository.prepare(&request, &fixture.environment(), &Stop::default())).code, Code::Conflict);
        request.staged = Staged::Replace;
        let prepared = repository.prepare(&request, &fixture.environment(), &Stop::default()).unwrap().unwrap();
        repository.land(&prepared.landing).unwrap();
        assert_eq!((fixture.status().as_str(), fixture.git(&["show", "HEAD:a"]).as_str()), ("", "later"));
        let json = serde_json::to_string(&prepared.landing).unwrap();
        assert_eq!(serde_json::from_str::<Landing>(&json).unwrap(), prepared.landing);
    }

    #[test]
    fn announced_and_staged_new_files_are_committed() {
        let fixture = Fixture::new();
        fixture.commit_file("a", "1\n");
        fixture.write("announced", "1\n");
        fixture.write("added", "1\n");
        fixture.git(&["add", "--intent-to-add", "announced"]);
        fixture.git(&["add", "added"]);
        let prepared = prepare(&fixture, &[("announced", Content::WorkTree), ("added", Content::WorkTree)]);
        fixture.repository().land(&prepared.landing).unwrap();
        assert_eq!(fixture.status(), "");
    }

    #[test]
    fn files_and_directories_may_take_each_others_place() {
        let fixture = Fixture::new();
        fixture.commit_file("file", "1\n");
        fixture.commit_file("dir/x", "1\n");
        fixture.remove("file");
        fixture.write("file/x", "1\n");
        fs::remove_dir_all(fixture.root().join("dir")).unwrap();
        fixture.write("dir", "1\n");
        let prepared = prepare(
            &fixture,
            &[("dir", Content::WorkTree), ("dir/x", Content::Deleted), ("file", Content::Deleted), ("file/x", Content::WorkTree)],
        );
        assert_eq!(fixture.repository().land(&prepared.landing).unwrap().left, []);
        assert_eq!(fixture.status(), "");
        fixture.fsck();
    }

    #[test]
    fn content_of_the_work_tree_goes_through_the_filters_that_git_applies() {
        let fixture = Fixture::new();
        fixture.write(
            ".gitattributes",
            "*.txt text\n*.bin -text\n*.id ident\n*.lfs filter=lfs\n*.odd filter=none\n*.utf16 working-tree-encoding=UTF-16\n",
        );
        fixture.git(&["add", "-A"]);
        fixture.git(&["commit", "-q", "-m", "Attributes"]);
        fixture.git(&["config", "filter.lfs.clean", "cat"]);
        let files =
            [("a.txt", "x\r\ny\r\n"), ("a.bin", "x\r\ny\r\n"), ("a.id", "$Id: old $\n"), ("a.odd", "x\n"), ("a.auto", "x\r\n")];
        for (name, content) in files {
            fixture.write(name, content);
        }
        for autocrlf in ["false", "input"] {
            fixture.git(&["config", "core.autocrlf", autocrlf]);
            for (name, _) in files {
                let prepared = prepare(&fixture, &[(name, Content::WorkTree)]);
                let side = fixture.repository().side_at(&prepared.tree, &path(name)).unwrap().unwrap();
                assert_eq!(side.oid, fixture.oid_of(&["hash-object", name]), "{name}");
            }
        }
        let names = files.map(|(name, _)| (name, Content::WorkTree));
        let prepared = prepare(&fixture, &names);
        fixture.repository().land(&prepared.landing).unwrap();
        assert_eq!(fixture.git(&["diff-files"]), "");
        assert_eq!(fixture.status(), "");
        fixture.write("a.utf16", b"\xff\xfex\0\n\0");
        let prepared = prepare(&fixture, &[("a.utf16", Content::WorkTree)]);
        let side = fixture.repository().side_at(&prepared.tree, &path("a.utf16")).unwrap().unwrap();
        assert_eq!(side.oid, fixture.oid_of(&["hash-object", "a.utf16"]));
        fixture.write("a.lfs", "x");
        assert!(unprepared(&fixture, "a.lfs").message.contains("`lfs`"), "nobody trusted it");
    }

    #[test]
    fn what_is_not_a_file_of_the_work_tree_is_refused() {
        let fixture = Fixture::new();
        fixture.commit_file("real/a", "1\n");
        symlink("real", fixture.root().join("link")).unwrap();
        for name in ["link/a", "missing", "real", "real/a/b"] {
            assert_eq!(unprepared(&fixture, name).code, Code::Conflict, "{name}");
        }
    }

    #[test]
    fn a_commit_that_would_change_nothing_is_none() {
        let fixture = Fixture::new();
        fixture.commit_file("a", "1\n");
        let same = request(&fixture, &[("a", Content::Bytes(b"1\n".to_vec())), ("no/such", Content::Deleted)]);
        assert_eq!(fixture.repository().prepare(&same, &fixture.environment(), &Stop::default()).unwrap(), None);
    }

    /// What a person and we do to one path of a small tree.
    #[derive(Clone, Copy, Debug)]
    enum Deed {
        Nothing,
        Edit,
        Stage,
        StageAndEdit,
        Remove,
        StageRemoval,
        Ours,
        OursRemoved,
    }

    fn deed() -> impl Strategy<Value = Deed> {
        use Deed::{Edit, Nothing, Ours, OursRemoved, Remove, Stage, StageAndEdit, StageRemoval};
        prop::sample::select(vec![Nothing, Edit, Stage, StageAndEdit, Remove, StageRemoval, Ours, OursRemoved])
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(16))]
        #[test]
        fn the_persons_state_is_the_same_before_and_after_our_commit(
            old in prop::collection::vec(deed(), 5),
            new in prop::collection::vec(deed(), 5),
        ) {
            let fixture = Fixture::new();
            let old: Vec<(String, Deed)> = old.into_iter().enumerate().map(|(number, deed)| (format!("d{}/old {number}", number % 2), deed)).collect();
            let new: Vec<(String, Deed)> = new.into_iter().enumerate().map(|(number, deed)| (format!("d{}/n\u{e9}w\n{number}", number % 3), deed)).collect();
            for (name, _) in &old {
                fixture.write(name, "line\n");
            }
            fixture.git(&["add", "-A"]);
            fixture.git(&["commit", "-q", "-m", "Begin"]);
            let mut ours = Vec::new();
            for (name, deed) in old.iter().chain(&new) {
                let exists = fixture.root().join(name).exists();
                match deed {
                    Deed::Nothing => {}
                    Deed::Edit => fixture.write(name, "edited\n"),
                    Deed::Stage | Deed::StageAndEdit => {
                        fixture.write(name, "staged\n");
                        fixture.git(&["add", "--", name]);
                        if matches!(deed, Deed::StageAndEdit) {
                            fixture.write(name, "edited later\n");
                        }
                    }
                    Deed::Remove | Deed::StageRemoval | Deed::OursRemoved if !exists => {}
                    Deed::Remove => fixture.remove(name),
                    Deed::StageRemoval => drop(fixture.git(&["rm", "-q", "--", name])),
                    Deed::Ours => {
                        fixture.write(name, "ours\n");
                        ours.push((name.as_str(), Content::WorkTree));
                    }
                    Deed::OursRemoved => {
                        fixture.remove(name);
                        ours.push((name.as_str(), Content::Deleted));
                    }
                }
            }
            let theirs = |fixture: &Fixture| {
                let excluded: Vec<String> = ours.iter().map(|(name, _)| format!(":(exclude,literal){name}")).collect();
                let limited = |arguments: &[&str]| {
                    fixture.git(&[arguments, &["--", "."], &excluded.iter().map(String::as_str).collect::<Vec<_>>()].concat())
                };
                (limited(&["diff", "--cached"]), limited(&["diff"]), limited(&["status", "--porcelain", "-uall"]))
            };
            let before = theirs(&fixture);
            let prepared = fixture.repository().prepare(&request(&fixture, &ours), &fixture.environment(), &Stop::default()).unwrap();
            prop_assert_eq!(prepared.is_none(), ours.is_empty());
            if let Some(prepared) = prepared {
                let landed = fixture.repository().land(&prepared.landing).unwrap();
                prop_assert_eq!(landed.left, []);
                prop_assert_eq!(theirs(&fixture), before.clone());
                prop_assert_eq!(fixture.status(), before.2);
                let changed = fixture.git(&["diff-tree", "-r", "-z", "--no-commit-id", "--name-only", "HEAD"]);
                let mut names: Vec<&str> = changed.split_terminator('\0').collect();
                let mut wanted: Vec<&str> = ours.iter().map(|(name, _)| *name).collect();
                names.sort_unstable();
                wanted.sort_unstable();
                prop_assert_eq!(names, wanted);
                fixture.fsck();
            }
        }
    }
}
