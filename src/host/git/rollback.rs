//! Brings together what the plan of a rollback is made from: a checkpoint, the present, and what stands on disk.
//!
//! What is done to a path is decided by `model::rollback`; carrying it out is `restore`'s.

use std::{
    borrow::Cow,
    cell::RefCell,
    collections::{BTreeMap, BTreeSet, HashMap},
    fs,
};

use crate::{
    host::{
        Error, Result,
        git::{
            Repository, Tried as _,
            ground::{case, outermost},
            oid, raw_oid,
            read::side_in,
            restore::index_path,
            snapshot::{MANIFEST, STAGED, Snapshot, UNMERGED},
        },
    },
    model::{
        change::{Change, Mode, Side, TreePath},
        id::Oid,
        ignore::{Case, Rules, Standing, ignored},
        manifest::{ListedPath, Manifest},
        refusal::Refusal,
        rollback::{
            Question, RollbackPlan, Scope, Why, plan,
            settle::{Other, Settlement, Settling},
        },
    },
};

/// What a snapshot carries beside the tree of the work tree.
#[derive(Clone, Debug)]
pub struct Carrier {
    /// The commit that carries it.
    pub commit: Oid,
    /// What trees cannot say.
    pub manifest: Manifest,
    /// The staged tree.
    pub staged: Oid,
    /// Stages 1 to 3, where a merge had left paths open.
    pub unmerged: Vec<(u16, Oid)>,
}

/// Who wrote the paths of a work tree, and how conflicts about that are settled.
#[derive(Clone, Debug, Default)]
pub struct Ownership {
    /// Paths that another live session wrote last.
    pub others: BTreeMap<TreePath, Other>,
    /// What sessions left last at each path.
    pub known: BTreeMap<TreePath, Option<Side>>,
    /// What a person says about conflicts.
    pub settling: Settling,
}

/// The plan of a rollback.
#[derive(Clone, Debug)]
pub struct Planned {
    /// The plan.
    pub plan: RollbackPlan,
    /// What the plan or its undoing restores and no object holds yet.
    pub merged: BTreeMap<Oid, Vec<u8>>,
}

impl Repository {
    /// What the snapshot `commit` carries.
    ///
    /// # Errors
    /// Refuses a commit that is no snapshot, and one of a newer version.
    pub fn carrier(&self, commit: &Oid) -> Result<Carrier> {
        let none = || Refusal::usage(format!("the commit {} is no checkpoint", commit.short()));
        let parent = self.parents(commit)?.pop().ok_or_else(none)?;
        let at = |path: &str| self.side_at(&parent, &TreePath::new(path)?);
        let (Some(manifest), Some(staged)) = (at(MANIFEST)?, self.subtree(&parent, &TreePath::new(STAGED)?)?) else {
            return Err(none().into());
        };
        let text = self.blob_bytes(&manifest.oid)?;
        let manifest = Manifest::from_yaml(&String::from_utf8_lossy(&text))?;
        let mut unmerged = Vec::new();
        for stage in 1..=3 {
            if let Some(tree) = self.subtree(&parent, &TreePath::new(format!("{UNMERGED}/{stage}"))?)? {
                unmerged.push((stage, tree));
            }
        }
        Ok(Carrier { commit: parent, manifest, staged, unmerged })
    }

    /// The message of a commit; bytes that are not UTF-8 are replaced.
    ///
    /// # Errors
    /// Fails when the commit is missing.
    pub fn message_of(&self, commit: &Oid) -> Result<String> {
        let found = self.raw.find_commit(raw_oid(commit)?).tried(format!("read the commit {commit}"))?;
        Ok(String::from_utf8_lossy(found.message_raw_bytes()).into_owned())
    }

    /// A further file that the snapshot `commit` was written with.
    ///
    /// # Errors
    /// Refuses a commit that is no snapshot.
    pub fn carried_file(&self, commit: &Oid, name: &str) -> Result<Option<String>> {
        let carrier = self.carrier(commit)?;
        let Some(side) = self.side_at(&carrier.commit, &TreePath::new(name)?)? else { return Ok(None) };
        Ok(Some(String::from_utf8_lossy(&self.blob_bytes(&side.oid)?).into_owned()))
    }

    /// Plans going back from `present` to the snapshot `checkpoint`. Nothing is written.
    ///
    /// # Errors
    /// Refuses a commit that is no snapshot; fails when an object is missing.
    pub fn plan_rollback(
        &self,
        present: &Snapshot<'_>,
        checkpoint: &Oid,
        scope: &Scope,
        ownership: &Ownership,
    ) -> Result<Planned> {
        let carrier = self.carrier(checkpoint)?;
        let changes = present.changes_to(self, checkpoint)?;
        let case = case(self)?;
        let read_now = |path: &TreePath| Ok(fs::read(path.join_to(self.root())).ok());
        // Read once: it may be long, and many paths are asked for.
        let tree = self.raw_tree(checkpoint)?;
        let read_then = |path: &TreePath| match side_in(&tree, path)? {
            Some(side) => self.blob_bytes(&side.oid).map(Some),
            None => Ok(None),
        };
        let now = RulesAt::new(outermost(&present.manifest().rules, case), case, &read_now);
        let then = RulesAt::new(outermost(&carrier.manifest.rules, case), case, &read_then);
        let failed = RefCell::new(None);
        let held = |path: &TreePath| {
            side_in(&tree, path).unwrap_or_else(|error| {
                failed.borrow_mut().get_or_insert(error);
                None
            })
        };
        let held_below = |path: &TreePath| {
            let failure = |error| {
                failed.borrow_mut().get_or_insert(error);
                true
            };
            self.subtree(checkpoint, path).map_or_else(failure, |tree| tree.is_some())
        };
        let manifest = self.spelled_out(checkpoint, present.manifest(), &carrier.manifest)?;
        let merged = RefCell::new(BTreeMap::new());
        let read = |path: &TreePath, side: &Side| {
            let known = raw_oid(&side.oid).and_then(|id| present.read_tree(id)).or_else(|_| self.blob_bytes(&side.oid)).ok();
            // A large file of today is in no object yet.
            let on_disk = || fs::read(path.join_to(self.root())).ok();
            known.or_else(on_disk).filter(|bytes| self.blob_id(bytes).is_ok_and(|id| id == side.oid))
        };
        let keep = |text: Vec<u8>| {
            let id = self.blob_id(&text).ok()?;
            merged.borrow_mut().insert(id.clone(), text);
            Some(id)
        };
        let Ownership { others, known, settling } = ownership;
        let mut plan = plan(&Question {
            checkpoint,
            worktree: self.worktree_name(),
            scope,
            changes: &changes,
            now: &manifest,
            then: &carrier.manifest,
            ignored_now: &|path| now.ignore(path),
            ignored_then: &|path| then.ignore(path),
            held: &held,
            held_below: &held_below,
            unrecorded: &self.unrecorded(&changes),
            occupied: &self.occupied(&changes),
            others,
            settlement: &Settlement { settling: *settling, known, read: &read, keep: &keep },
        });
        // What a rollback put there, and no rule takes into a snapshot any more, is in no difference.
        for path in plan.put_there().filter(|path| held(path).is_none()).cloned().collect::<Vec<_>>() {
            if fs::symlink_metadata(path.join_to(self.root())).is_ok_and(|found| !found.is_dir()) {
                let why = if now.ignore(&path) { Why::IgnoredNow } else { Why::NotInSafetySnapshot };
                plan.keep(path, why);
            }
        }
        if let Some(error) = failed.into_inner().or(now.failed.into_inner()).or(then.failed.into_inner()) {
            return Err(error);
        }
        plan.hollow = self.hollow(&plan);
        let mut planned = Planned { plan, merged: merged.into_inner() };
        for (path, bytes) in self.verbatim(&planned.plan)? {
            let id = self.blob_id(&bytes)?;
            planned.plan.keep_verbatim(&path, id.clone());
            planned.merged.insert(id, bytes);
        }
        Ok(planned)
    }

    /// The manifest of now with the bits of every path of the checkpoint in it, where other bits are usual now than were then:
    /// a path that neither manifest names may have changed its bits with all others.
    fn spelled_out<'a>(&self, checkpoint: &Oid, now: &'a Manifest, then: &Manifest) -> Result<Cow<'a, Manifest>> {
        if now.usual == then.usual {
            return Ok(Cow::Borrowed(now));
        }
        let mut all = now.permissions.clone();
        for (path, side) in self.entries_below(checkpoint, None)? {
            if matches!(side.mode, Mode::File | Mode::Executable) {
                all.entry(ListedPath::single(path.as_bytes())).or_insert(now.bits(&path, side.mode));
            }
            for directory in path.parents() {
                all.entry(ListedPath::directory(directory.as_bytes())).or_insert(now.directory_bits(&directory));
            }
        }
        Ok(Cow::Owned(Manifest { permissions: all, ..now.clone() }))
    }

    /// What stands at or above a path to be restored and is in no snapshot.
    fn unrecorded(&self, changes: &[Change]) -> BTreeSet<TreePath> {
        let recorded: BTreeSet<&TreePath> =
            changes.iter().filter(|change| change.before.is_some()).map(|change| &change.path).collect();
        let mut directories: HashMap<TreePath, bool> = HashMap::new();
        let mut unrecorded = BTreeSet::new();
        for change in changes.iter().filter(|change| change.before.is_none()) {
            let mut reachable = true;
            for parent in change.path.parents() {
                reachable = *directories.entry(parent).or_insert_with_key(|parent| {
                    match fs::symlink_metadata(parent.join_to(self.root())) {
                        Ok(found) if found.is_dir() => true,
                        Ok(_) => {
                            if !recorded.contains(parent) {
                                unrecorded.insert(parent.clone());
                            }
                            false
                        }
                        Err(_) => false,
                    }
                });
                if !reachable {
                    break;
                }
            }
            let stands = || fs::symlink_metadata(change.path.join_to(self.root())).is_ok_and(|found| !found.is_dir());
            if reachable && stands() {
                unrecorded.insert(change.path.clone());
            }
        }
        unrecorded
    }

    /// Directories at paths to be restored with a file in them that no snapshot holds.
    fn occupied(&self, changes: &[Change]) -> BTreeSet<TreePath> {
        let recorded: BTreeSet<&TreePath> =
            changes.iter().filter(|change| change.before.is_some()).map(|change| &change.path).collect();
        let absent = changes.iter().filter(|change| change.before.is_none()).map(|change| &change.path);
        absent.filter(|path| self.holds_file(path, &|inside| !recorded.contains(inside))).cloned().collect()
    }

    fn parents(&self, commit: &Oid) -> Result<Vec<Oid>> {
        let commit = self.raw.find_commit(raw_oid(commit)?).tried(format!("read the commit {commit}"))?;
        Ok(commit.parent_ids().map(oid).collect())
    }

    fn subtree(&self, treeish: &Oid, path: &TreePath) -> Result<Option<Oid>> {
        match self.raw_tree(treeish)?.get_path(index_path(path)) {
            Ok(entry) => Ok((entry.kind() == Some(git2::ObjectType::Tree)).then(|| oid(entry.id()))),
            Err(error) if error.code() == git2::ErrorCode::NotFound => Ok(None),
            Err(error) => Err(error).tried(format!("read `{path}` of {treeish}")),
        }
    }
}

type ReadFile<'a> = dyn Fn(&TreePath) -> Result<Option<Vec<u8>>> + 'a;

/// The ignore rules in every directory of one moment, read when they are asked for.
struct RulesAt<'a> {
    outermost: Rules,
    case: Case,
    read: &'a ReadFile<'a>,
    known: RefCell<HashMap<Option<TreePath>, Rules>>,
    failed: RefCell<Option<Error>>,
}

impl<'a> RulesAt<'a> {
    fn new(outermost: Rules, case: Case, read: &'a ReadFile<'a>) -> Self {
        Self { outermost, case, read, known: RefCell::default(), failed: RefCell::default() }
    }

    fn ignore(&self, path: &TreePath) -> bool {
        ignored(path, Standing::Other, |directory| self.within(directory))
    }

    fn within(&self, directory: Option<&TreePath>) -> Rules {
        let key = directory.cloned();
        if let Some(rules) = self.known.borrow().get(&key) {
            return rules.clone();
        }
        let outer = match directory {
            None => self.outermost.clone(),
            Some(directory) => self.within(directory.parent().as_ref()),
        };
        let prefix = directory.map_or(&b""[..], TreePath::as_bytes);
        let mut file = prefix.to_owned();
        if !file.is_empty() {
            file.push(b'/');
        }
        file.extend_from_slice(b".gitignore");
        let text = TreePath::new(file).map_err(Error::from).and_then(|file| (self.read)(&file));
        let rules = match text {
            Ok(Some(text)) => outer.within(prefix, &text, self.case),
            Ok(None) => outer,
            Err(error) => {
                self.failed.borrow_mut().get_or_insert(error);
                outer
            }
        };
        self.known.borrow_mut().insert(key, rules.clone());
        rules
    }
}
