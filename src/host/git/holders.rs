//! Where a version of a file is kept by git: the questions of settling.
//!
//! Only what belongs to people counts: HEAD, branches, remote branches, stash entries and HEAD's reflog. Our tags and
//! `refs/autonomy/*` never do. What follows from an answer is decided elsewhere.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    fmt,
};

use crate::{
    host::{
        Result,
        git::{RefStore, Repository, Tried as _, moment, oid, raw_oid},
    },
    model::{change::TreePath, id::Oid, time::Timestamp},
};

/// How much earlier than a version a commit that holds it may claim to be, in milliseconds: clocks differ.
const SLACK: i64 = 24 * 3600 * 1000;

/// How many commits in a row may be older than that before a search ends. Commits are walked by their time, and a few may
/// carry a time that is wrong.
const OLDER: usize = 200;

/// The most commits that one question looks at.
const MOST: usize = 200_000;

/// How many entries of HEAD's reflog are looked at, the newest first.
const REFLOG: usize = 1_000;

/// A version of a file: where and what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    /// The path.
    pub path: TreePath,
    /// The blob.
    pub blob: Oid,
}

/// The first place that a version can be got back from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Holder {
    /// HEAD or its history.
    Head,
    /// A local branch, without `refs/heads/`, or its history.
    Branch(String),
    /// A remote branch, without `refs/remotes/`, or its history.
    Remote(String),
    /// A stash entry, as `stash@{0}` counts them.
    Stash(usize),
    /// Only a commit that HEAD was at.
    Reflog,
}

impl fmt::Display for Holder {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Head => formatter.write_str("the history of HEAD holds it"),
            Self::Branch(name) | Self::Remote(name) => write!(formatter, "the branch `{name}` holds it"),
            Self::Stash(number) => write!(formatter, "`stash@{{{number}}}` holds it"),
            Self::Reflog => formatter.write_str("a commit that HEAD was at holds it"),
        }
    }
}

/// The newest commit of HEAD's history that a path went away with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deletion {
    /// The commit.
    pub commit: Oid,
    /// When it was made.
    pub at: Timestamp,
    /// What its parent held there.
    pub blob: Oid,
}

/// The paths that are looked for, as a tree of their parts; each part knows which trees it has seen.
#[derive(Default)]
struct Level {
    wanted: Vec<(usize, git2::Oid)>,
    below: BTreeMap<Vec<u8>, Self>,
    seen: HashSet<git2::Oid>,
}

impl Repository {
    /// For each version the first place that holds it: HEAD before branches, remote branches, stash entries and at last HEAD's
    /// reflog. Nothing for a version that no commit of these holds. `since` is the earliest time at which a version may have
    /// been written: commits that are clearly older are not looked at.
    ///
    /// # Errors
    /// Fails when git's data cannot be read.
    pub fn holders(&self, versions: &[Version], since: Option<Timestamp>) -> Result<Vec<Option<Holder>>> {
        let mut top = Level::default();
        for (number, version) in versions.iter().enumerate() {
            let parts = version.path.as_bytes().split(|&byte| byte == b'/');
            let level = parts.fold(&mut top, |level, part| level.below.entry(part.to_owned()).or_default());
            level.wanted.push((number, raw_oid(&version.blob)?));
        }
        let mut found: Vec<Option<git2::Oid>> = vec![None; versions.len()];
        let tips = self.tips()?;
        for (_, tip) in &tips {
            self.look_into(*tip, &mut top, &mut found)?;
        }
        let all: Vec<git2::Oid> = tips.iter().map(|(_, tip)| *tip).collect();
        self.search(&all, &[], since, &mut top, &mut found)?;
        let in_refs = found.clone();
        if found.iter().any(Option::is_none) {
            self.search(&self.reflog_of_head()?, &all, since, &mut top, &mut found)?;
        }
        let mut places: HashMap<git2::Oid, Holder> = HashMap::new();
        let mut holders = Vec::with_capacity(found.len());
        for (commit, in_ref) in found.into_iter().zip(in_refs) {
            holders.push(match (commit, in_ref) {
                (None, _) => None,
                (Some(_), None) => Some(Holder::Reflog),
                (Some(commit), Some(_)) => {
                    if let Some(place) = places.get(&commit) {
                        Some(place.clone())
                    } else {
                        let place = self.place_of(commit, &tips)?;
                        places.insert(commit, place.clone());
                        Some(place)
                    }
                }
            });
        }
        Ok(holders)
    }

    /// The first place that holds one of `blobs` at `path`; `since` as for [`Repository::holders`].
    ///
    /// # Errors
    /// Fails when git's data cannot be read.
    pub fn holder(&self, path: &TreePath, blobs: &[Oid], since: Timestamp) -> Result<Option<Holder>> {
        let versions: Vec<Version> = blobs.iter().map(|blob| Version { path: path.clone(), blob: blob.clone() }).collect();
        Ok(self.holders(&versions, Some(since))?.into_iter().flatten().next())
    }

    /// Whether a path that HEAD does not hold went away with a commit of HEAD's history since then.
    ///
    /// # Errors
    /// Fails when git's data cannot be read.
    pub fn history_holds(&self, path: &TreePath, since: Timestamp) -> Result<bool> {
        let deletions = self.deletions(std::slice::from_ref(path), Some(since))?;
        let is_later = |deletion: &Deletion| deletion.at.as_millisecond() + SLACK >= since.as_millisecond();
        Ok(deletions.iter().flatten().any(is_later))
    }

    /// For each path that HEAD's tree does not hold the newest commit of HEAD's history that it went away with. Nothing for a
    /// path that HEAD holds or never held. `since` as for [`Repository::holders`].
    ///
    /// # Errors
    /// Fails when git's data cannot be read.
    pub fn deletions(&self, paths: &[TreePath], since: Option<Timestamp>) -> Result<Vec<Option<Deletion>>> {
        let mut found = vec![None; paths.len()];
        let Some(head) = self.head()?.commit().cloned() else { return Ok(found) };
        let held_now = self.blobs_at(raw_oid(&head)?, paths)?;
        let mut open: Vec<usize> = (0..paths.len()).filter(|&number| held_now[number].is_none()).collect();
        // The trees of neighbouring commits differ little, so most are asked for once.
        let mut known: HashMap<git2::Oid, Vec<Option<git2::Oid>>> = HashMap::new();
        let mut blobs = |commit: git2::Oid| -> Result<Vec<Option<git2::Oid>>> {
            if let Some(blobs) = known.get(&commit) {
                return Ok(blobs.clone());
            }
            let blobs = self.blobs_at(commit, paths)?;
            known.insert(commit, blobs.clone());
            Ok(blobs)
        };
        self.each_commit(&[raw_oid(&head)?], &[], since, |commit| {
            let here = blobs(commit.id())?;
            for parent in commit.parent_ids() {
                // A shallow clone lacks the parents of its oldest commits.
                if self.raw.find_commit(parent).is_err() {
                    continue;
                }
                let before = blobs(parent)?;
                open.retain(|&number| match (before[number], here[number]) {
                    (Some(blob), None) => {
                        let deletion = Deletion { commit: oid(commit.id()), at: moment(commit.time()), blob: oid(blob) };
                        found[number] = Some(deletion);
                        false
                    }
                    _ => true,
                });
            }
            Ok(!open.is_empty())
        })?;
        Ok(found)
    }

    /// Whether a stash entry holds any file at `path`: `git stash pop` would not overwrite one that lies there. A stash that
    /// cannot be read holds nothing.
    #[must_use]
    pub fn stash_holds(&self, path: &TreePath) -> bool {
        self.stashes().unwrap_or_default().into_iter().any(|stash| {
            // The second parent holds the index, the third one untracked files.
            let parts = self.raw.find_commit(stash).map(|commit| commit.parent_ids().skip(1).chain([stash]).collect::<Vec<_>>());
            let holds = |part| self.blobs_at(part, std::slice::from_ref(path)).is_ok_and(|blobs| blobs[0].is_some());
            parts.unwrap_or_default().into_iter().any(holds)
        })
    }

    /// All stash entries, the newest first.
    fn stashes(&self) -> Result<Vec<git2::Oid>> {
        // Asking for the reflog of a ref that is not there would make one.
        if self.find_ref("refs/stash")?.is_none() {
            return Ok(Vec::new());
        }
        if self.ref_store == RefStore::Program {
            return self.reflog_by_program("refs/stash", MOST)?.iter().map(raw_oid).collect();
        }
        let stash = self.raw.reflog("refs/stash").tried("read the stash entries")?;
        Ok(stash.iter().map(|entry| entry.id_new()).collect())
    }

    /// Every ref that counts, the place before the commit, in the order in which places are named.
    fn tips(&self) -> Result<Vec<(Holder, git2::Oid)>> {
        let mut tips = Vec::new();
        if let Some(head) = self.head()?.commit() {
            tips.push((Holder::Head, raw_oid(head)?));
        }
        for (prefix, place) in [("refs/heads/", Holder::Branch as fn(String) -> Holder), ("refs/remotes/", Holder::Remote)] {
            for (name, target) in self.list_refs(prefix)? {
                let name = name.strip_prefix(prefix).unwrap_or(&name).to_owned();
                tips.push((place(name), raw_oid(&target)?));
            }
        }
        tips.extend(self.stashes()?.into_iter().enumerate().map(|(number, stash)| (Holder::Stash(number), stash)));
        tips.retain(|(_, tip)| self.raw.find_commit(*tip).is_ok());
        Ok(tips)
    }

    fn reflog_of_head(&self) -> Result<Vec<git2::Oid>> {
        let mut ids: Vec<git2::Oid> = match self.ref_store {
            RefStore::Program => self.reflog_by_program("HEAD", REFLOG)?.iter().map(raw_oid).collect::<Result<_>>()?,
            RefStore::Library if !self.raw.reference_has_log("HEAD").tried("look for the reflog of HEAD")? => Vec::new(),
            RefStore::Library => {
                let reflog = self.raw.reflog("HEAD").tried("read the reflog of HEAD")?;
                reflog.iter().take(REFLOG).flat_map(|entry| [entry.id_new(), entry.id_old()]).collect()
            }
        };
        ids.sort();
        ids.dedup();
        ids.retain(|id| self.raw.find_commit(*id).is_ok());
        Ok(ids)
    }

    /// Looks into the history of `tips` without that of `hidden`, until every version is found.
    fn search(
        &self,
        tips: &[git2::Oid],
        hidden: &[git2::Oid],
        since: Option<Timestamp>,
        top: &mut Level,
        found: &mut [Option<git2::Oid>],
    ) -> Result<()> {
        if found.iter().all(Option::is_some) {
            return Ok(());
        }
        self.each_commit(tips, hidden, since, |commit| {
            self.look_into(commit.id(), top, found)?;
            Ok(found.iter().any(Option::is_none))
        })
    }

    /// Calls `each` for every commit of the history of `tips` without that of `hidden`, the newest first, until it says no.
    fn each_commit(
        &self,
        tips: &[git2::Oid],
        hidden: &[git2::Oid],
        since: Option<Timestamp>,
        mut each: impl FnMut(&git2::Commit<'_>) -> Result<bool>,
    ) -> Result<()> {
        let doing = || "walk the history";
        let mut walk = self.raw.revwalk().tried(doing())?;
        // Unsorted, libgit2 puts parents in line by their time as it goes; sorted, it would read the whole history first. So the
        // tips have to come in the right order.
        let mut tips = tips.to_vec();
        tips.sort_by_cached_key(|tip| std::cmp::Reverse(self.raw.find_commit(*tip).map_or(0, |commit| commit.time().seconds())));
        for tip in tips {
            walk.push(tip).tried(doing())?;
        }
        for tip in hidden {
            walk.hide(*tip).tried(doing())?;
        }
        let mut older = 0;
        for id in walk.take(MOST) {
            let commit = self.raw.find_commit(id.tried(doing())?).tried(doing())?;
            let is_older = since.is_some_and(|since| moment(commit.time()).as_millisecond() + SLACK < since.as_millisecond());
            older = if is_older { older + 1 } else { 0 };
            if older > OLDER || !each(&commit)? {
                break;
            }
        }
        Ok(())
    }

    /// Notes `commit` for every version that it holds and that was not found before.
    fn look_into(&self, commit: git2::Oid, top: &mut Level, found: &mut [Option<git2::Oid>]) -> Result<()> {
        let tree = self.raw.find_commit(commit).tried(format!("read the commit {commit}"))?.tree_id();
        self.look_below(tree, top, &mut |number| {
            found[number].get_or_insert(commit);
        })
    }

    fn look_below(&self, tree: git2::Oid, level: &mut Level, hit: &mut dyn FnMut(usize)) -> Result<()> {
        if !level.seen.insert(tree) {
            return Ok(());
        }
        let tree = self.raw.find_tree(tree).tried(format!("read the tree {tree}"))?;
        for (name, child) in &mut level.below {
            let Some(entry) = tree.get_name_bytes(name) else { continue };
            for (number, _) in child.wanted.iter().filter(|(_, blob)| *blob == entry.id()) {
                hit(*number);
            }
            if entry.kind() == Some(git2::ObjectType::Tree) && !child.below.is_empty() {
                self.look_below(entry.id(), child, hit)?;
            }
        }
        Ok(())
    }

    fn blobs_at(&self, commit: git2::Oid, paths: &[TreePath]) -> Result<Vec<Option<git2::Oid>>> {
        let tree = self.raw.find_commit(commit).and_then(|commit| commit.tree()).tried(format!("read the tree of {commit}"))?;
        let blob = |path: &TreePath| {
            let entry = tree.get_path(&path.join_to("".as_ref())).ok()?;
            (entry.kind() == Some(git2::ObjectType::Blob)).then(|| entry.id())
        };
        Ok(paths.iter().map(blob).collect())
    }

    /// The first place whose history has the commit, but a branch or stash entry that it is the tip of before other branches: what
    /// a stash holds is in no branch, and to know that of each of them takes a walk over what it has for itself.
    fn place_of(&self, commit: git2::Oid, tips: &[(Holder, git2::Oid)]) -> Result<Holder> {
        let has = |tip: git2::Oid| -> Result<bool> {
            Ok(tip == commit || self.raw.graph_descendant_of(tip, commit).tried("walk the history")?)
        };
        let is_of_stash =
            |tip: git2::Oid| self.raw.find_commit(tip).is_ok_and(|stash| stash.parent_ids().skip(1).any(|of| of == commit));
        let (head, others) = tips.split_at(tips.iter().take_while(|(place, _)| *place == Holder::Head).count());
        for (place, tip) in head {
            if has(*tip)? {
                return Ok(place.clone());
            }
        }
        let is_at =
            |(place, tip): &&(Holder, git2::Oid)| *tip == commit || matches!(place, Holder::Stash(_)) && is_of_stash(*tip);
        if let Some((place, _)) = others.iter().find(is_at) {
            return Ok(place.clone());
        }
        for (place, tip) in others {
            if has(*tip)? {
                return Ok(place.clone());
            }
        }
        Ok(Holder::Reflog)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::git::fixture::{Fixture, path};

    fn version(fixture: &Fixture, name: &str, content: &str) -> Version {
        Version { path: path(name), blob: fixture.repository().write_blob(content.as_bytes()).unwrap() }
    }

    fn holder(fixture: &Fixture, version: &Version) -> Option<Holder> {
        let holders = fixture.repository().holders(std::slice::from_ref(version), None).unwrap();
        holders.into_iter().next().unwrap()
    }

    #[test]
    fn a_version_is_found_wherever_a_person_may_get_it_back_from() {
        let fixture = Fixture::new();
        fixture.commit_file("base", "1\n");
        let file = "deep/down/note.md";
        let v1 = version(&fixture, file, "1\n");
        assert_eq!(holder(&fixture, &v1), None);
        fixture.commit_file(file, "1\n");
        fixture.commit_file(file, "2\n");
        assert_eq!(holder(&fixture, &v1), Some(Holder::Head), "an older commit of HEAD's history holds it");
        assert_eq!(holder(&fixture, &version(&fixture, "other.md", "1\n")), None, "the same bytes elsewhere are another version");

        fixture.git(&["switch", "-q", "-c", "side", "main~2"]);
        fixture.commit_file(file, "3\n");
        fixture.git(&["switch", "-q", "main"]);
        assert_eq!(holder(&fixture, &version(&fixture, file, "3\n")), Some(Holder::Branch("side".to_owned())));
        fixture.git(&["update-ref", "refs/remotes/origin/side", "side"]);
        fixture.git(&["branch", "-q", "-D", "side"]);
        assert_eq!(holder(&fixture, &version(&fixture, file, "3\n")), Some(Holder::Remote("origin/side".to_owned())));

        fixture.write(file, "4\n");
        fixture.write("new.md", "untracked\n");
        fixture.git(&["stash", "push", "-q", "-u"]);
        fixture.write(file, "5\n");
        fixture.git(&["stash", "push", "-q"]);
        assert_eq!(holder(&fixture, &version(&fixture, file, "4\n")), Some(Holder::Stash(1)));
        assert_eq!(
            holder(&fixture, &version(&fixture, "new.md", "untracked\n")),
            Some(Holder::Stash(1)),
            "the third parent counts"
        );
        assert_eq!(holder(&fixture, &version(&fixture, file, "5\n")), Some(Holder::Stash(0)));
        let stashed = [file, "new.md", "base.md"].map(|name| fixture.repository().stash_holds(&path(name)));
        assert_eq!(stashed, [true, true, false]);

        fixture.commit_file(file, "6\n");
        fixture.commit_file(file, "7\n");
        fixture.git(&["reset", "-q", "--soft", "HEAD~2"]);
        assert_eq!(holder(&fixture, &version(&fixture, file, "6\n")), Some(Holder::Reflog));
        fixture.git(&["reflog", "expire", "--expire=now", "--all"]);
        assert_eq!(holder(&fixture, &version(&fixture, file, "6\n")), None);
    }

    #[test]
    fn our_own_tags_and_refs_hold_nothing() {
        let fixture = Fixture::new();
        fixture.commit_file("base", "1\n");
        fixture.git(&["switch", "-q", "-c", "side"]);
        fixture.commit_file("note.md", "1\n");
        fixture.git(&["tag", "checkpoint-1"]);
        fixture.git(&["update-ref", "refs/autonomy/session/x", "side"]);
        fixture.git(&["switch", "-q", "main"]);
        fixture.git(&["branch", "-q", "-D", "side"]);
        fixture.git(&["reflog", "expire", "--expire=now", "--all"]);
        assert_eq!(holder(&fixture, &version(&fixture, "note.md", "1\n")), None);
    }

    #[test]
    fn a_shallow_clone_is_searched_as_far_as_it_goes() {
        let fixture = Fixture::new();
        for number in 1..4 {
            fixture.commit_file("note.md", &format!("{number}\n"));
        }
        fixture.git(&["rm", "-q", "note.md"]);
        fixture.git(&["commit", "-q", "-m", "Drop"]);
        let url = format!("file://{}", fixture.root().display());
        fixture.git(&["clone", "-q", "--depth", "2", &url, "../shallow"]);
        let shallow = Repository::open(&fixture.root().join("../shallow"), &fixture.environment()).unwrap();
        let versions = ["1\n", "3\n"].map(|content| version(&fixture, "note.md", content));
        assert_eq!(shallow.holders(&versions, None).unwrap(), [None, Some(Holder::Head)]);
        let deletions = shallow.deletions(&[path("note.md"), path("never.md")], None).unwrap();
        assert_eq!(deletions.iter().map(Option::is_some).collect::<Vec<_>>(), [true, false]);
        assert_eq!(shallow.count_commits(None, &fixture.head()).unwrap(), 2);
    }

    #[test]
    fn many_versions_are_asked_for_at_once() {
        let fixture = Fixture::new();
        for number in 0..6 {
            fixture.commit_file(&format!("n/{number}"), &format!("{number}\n"));
        }
        let versions: Vec<Version> =
            (0..8).map(|number| version(&fixture, &format!("n/{number}"), &format!("{number}\n"))).collect();
        let holders = fixture.repository().holders(&versions, None).unwrap();
        let held: Vec<bool> = holders.iter().map(Option::is_some).collect();
        assert_eq!(held, [true, true, true, true, true, true, false, false]);
    }

    #[test]
    fn history_older_than_the_version_is_left_alone() {
        let fixture = Fixture::new();
        fixture.commit_file("note.md", "1\n");
        fixture.commit_file("note.md", "2\n");
        for _ in 0..=OLDER {
            fixture.git(&["commit", "-q", "--allow-empty", "-m", "Later"]);
        }
        let old = version(&fixture, "note.md", "1\n");
        let later = moment(git2::Time::new(1_795_197_600 + 2 * 24 * 3600, 0));
        assert!(fixture.repository().holders(std::slice::from_ref(&old), None).unwrap()[0].is_some());
        assert_eq!(fixture.repository().holders(&[old], Some(later)).unwrap(), [None]);
    }

    #[test]
    fn a_deletion_in_the_history_of_head_is_found() {
        let fixture = Fixture::new();
        let repository = fixture.repository();
        let ask = |name: &str| repository.deletions(&[path(name)], None).unwrap().remove(0);
        assert_eq!(ask("note.md"), None, "there is no history yet");
        fixture.commit_file("base", "1\n");
        fixture.commit_file("note.md", "1\n");
        assert_eq!(ask("note.md"), None, "HEAD holds it");
        fixture.git(&["rm", "-q", "note.md"]);
        fixture.git(&["commit", "-q", "-m", "Drop"]);
        let dropped = fixture.head();
        fixture.commit_file("base", "2\n");
        let deletion = ask("note.md").unwrap();
        assert_eq!((deletion.commit, deletion.blob), (dropped, version(&fixture, "note.md", "1\n").blob));
        assert_eq!(deletion.at.as_millisecond(), 1_795_197_600_000);
        assert_eq!(ask("never.md"), None);
        fixture.git(&["switch", "-q", "-c", "side", "HEAD~3"]);
        assert_eq!(ask("note.md"), None, "it went away on another branch");
        fixture.git(&["merge", "-q", "--no-edit", "main"]);
        assert!(ask("note.md").is_some(), "the merge brought the deletion");
    }
}
