//! Decides what a rollback does to each path: restore, delete, keep, or leave as a conflict.
//!
//! Pure: what stands where is handed in. Carrying the plan out checks every path again and may do less, never more.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::{
    change::{Change, Mode, Side, TreePath},
    id::{Oid, SessionId},
    manifest::{Bits, ListedPath, Manifest, newer},
    quote::counted,
    refusal::Refusal,
    rollback::settle::{Left, NotMerged, Other, Outcome, Settlement, Settling, Versions},
};

pub mod chain;
pub mod settle;

/// The version that this program writes.
pub const VERSION: u32 = 1;

/// Which paths a rollback considers. `.claude/` is left out unless a path in it is named.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "of", rename_all = "snake_case")]
pub enum Scope {
    /// Every path.
    Everything,
    /// These paths, and what is in them.
    Paths {
        /// Files and directories.
        paths: BTreeSet<TreePath>,
    },
    /// Paths that a session changed; only those that are still as it left them are touched.
    Session {
        /// What the session left at each path; none where it left nothing.
        left: BTreeMap<TreePath, Option<Side>>,
    },
    /// Paths that attempts at one task changed; only those that are still as they left them are touched, and no task is opened
    /// again by it.
    Attempts {
        /// What they left at each path; none where they left nothing.
        left: BTreeMap<TreePath, Option<Side>>,
    },
    /// Paths that an earlier rollback touched; only those that are still as it left them are touched.
    Undo {
        /// What the rollback considered.
        scope: Box<Scope>,
        /// What it left at each path that it touched.
        left: BTreeMap<TreePath, Option<Side>>,
        /// Blobs with the very bytes of what stood there before, where git would not write the same again.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        verbatim: BTreeMap<TreePath, Oid>,
        /// Directories without files that stood there before and that no snapshot tells of, with their permission bits.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        hollow: BTreeMap<TreePath, Bits>,
    },
}

impl Scope {
    /// Whether the content of `path` is considered.
    #[must_use]
    pub fn covers(&self, path: &TreePath) -> bool {
        match self {
            Self::Everything => !path.is_claude(),
            Self::Paths { paths } => paths.iter().any(|named| path.is_below(named) && (!path.is_claude() || named.is_claude())),
            Self::Session { left } | Self::Attempts { left } => left.contains_key(path) && !path.is_claude(),
            Self::Undo { left, .. } => left.contains_key(path),
        }
    }

    /// Whether the entry of the index for `path` is considered.
    #[must_use]
    pub fn covers_staged(&self, path: &TreePath) -> bool {
        match self {
            Self::Undo { scope, .. } => scope.covers_staged(path),
            Self::Everything | Self::Paths { .. } | Self::Session { .. } | Self::Attempts { .. } => self.covers(path),
        }
    }

    fn left(&self) -> Option<&BTreeMap<TreePath, Option<Side>>> {
        match self {
            Self::Everything | Self::Paths { .. } => None,
            Self::Session { left } | Self::Attempts { left } | Self::Undo { left, .. } => Some(left),
        }
    }
}

/// What is done to one path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// It becomes what it was.
    Restore,
    /// It goes: the checkpoint proves that it was not there.
    Delete,
    /// It stays as it is.
    Keep,
    /// It stays as it is, because it is somebody else's.
    Conflict,
}

/// Why that is done.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "because", rename_all = "snake_case")]
pub enum Why {
    /// Its content or kind differs.
    Differs,
    /// It is not there any more.
    Missing,
    /// Only its permission bits differ.
    Permissions,
    /// It was not there.
    NotThereThen,
    /// It was there, but the checkpoint does not hold it.
    NotInCheckpoint,
    /// The ignore rules of that time ignore it, so it may have been there.
    IgnoredThen,
    /// The ignore rules of today ignore it.
    IgnoredNow,
    /// What stands there is ignored or left out today, so it could not be brought back.
    NotInSafetySnapshot,
    /// Something that stays is in its way.
    Blocked {
        /// What is in its way.
        by: TreePath,
    },
    /// The index says that it is not in the work tree, or that it must not be looked at.
    NotLookedAt,
    /// It is another repository.
    OtherRepository,
    /// Another live session wrote it last.
    OtherSession {
        /// That session.
        session: SessionId,
    },
    /// It is not as it was left.
    ChangedSince,
    /// It was to be merged, and cannot be.
    NotMerged {
        /// Why not.
        reason: NotMerged,
    },
    /// What was changed since is merged with what the checkpoint has.
    Merged {
        /// How many overlaps stand between conflict markers.
        marked: usize,
    },
    /// A person decided that it stays as it is.
    Ours,
    /// A person decided that it goes back, whoever wrote it last.
    Theirs,
}

impl Why {
    /// The reason in words for people.
    #[must_use]
    pub fn words(&self) -> String {
        match self {
            Self::Differs => "it differs".into(),
            Self::Missing => "it is gone".into(),
            Self::Permissions => "its permission bits differ".into(),
            Self::NotThereThen => "it was not there".into(),
            Self::NotInCheckpoint => "it was there, but the checkpoint does not hold it".into(),
            Self::IgnoredThen => "it was ignored then, so it may have been there".into(),
            Self::IgnoredNow => "it is ignored".into(),
            Self::NotInSafetySnapshot => "what stands there is ignored or left out of snapshots".into(),
            Self::Blocked { by } => format!("`{by}` stays and is in its way"),
            Self::NotLookedAt => "the index says not to look at it".into(),
            Self::OtherRepository => "it is another repository".into(),
            Self::OtherSession { session } => format!("session {session} wrote it last"),
            Self::ChangedSince => "it was changed since".into(),
            Self::NotMerged { reason } => format!("it cannot be merged: {}", reason.words()),
            Self::Merged { marked: 0 } => "what was changed since is merged with it".into(),
            Self::Merged { marked } => format!("merged, with {} between conflict markers", counted(*marked, "overlap")),
            Self::Ours => "you keep it as it is".into(),
            Self::Theirs => "you take it back, whoever wrote it last".into(),
        }
    }
}

/// One path of a plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Entry {
    /// The path.
    pub path: TreePath,
    /// What is done.
    pub action: Action,
    /// Why.
    pub why: Why,
    /// What the plan saw at the path; none when nothing was there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub now: Option<Side>,
    /// What the checkpoint has there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub then: Option<Side>,
    /// The permission bits that it gets; none for a link and for what goes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bits: Option<Bits>,
    /// Where somebody else wrote, what they left; none where that is not the question, or nobody knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left: Option<Left>,
    /// The blob with the very bytes that stand there now, where git would not write the same again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub raw: Option<Oid>,
    /// The blob with the very bytes that come back, in place of what git would write.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verbatim: Option<Oid>,
}

/// One directory of a plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DirectoryEntry {
    /// The directory.
    pub path: TreePath,
    /// The permission bits that it had.
    pub bits: Bits,
    /// Whether it is made or removed.
    pub presence: Presence,
}

/// Whether a directory is made when it is missing, or removed when it is empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Presence {
    /// It was there: it is made.
    Make,
    /// It may not have been there: only what is there gets the bits.
    IfThere,
    /// It was not there, and is empty.
    Remove,
}

/// What a rollback is going to do; also what `--dry-run` prints.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RollbackPlan {
    /// The version of this form.
    pub version: u32,
    /// The commit of the checkpoint that is gone back to.
    pub checkpoint: Oid,
    /// The work tree it is made for, by the name that git gave it; none for the clone's first one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub worktree: Option<String>,
    /// What was considered.
    pub scope: Scope,
    /// Every path that differs, in order.
    pub entries: Vec<Entry>,
    /// Directories that were empty or had bits of their own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub directories: Vec<DirectoryEntry>,
    /// Directories without files at or above what comes back, which no snapshot tells of, with their permission bits: the undoing
    /// makes them again.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub hollow: BTreeMap<TreePath, Bits>,
    /// Bits for directories that have to be made on the way.
    pub new_directories: Bits,
    /// The branch that goes back too, when that was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub branch: Option<BranchMove>,
    /// The commit that is made once the files are back, when that was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revert: Option<Revert>,
    /// The git command that is in the middle of its work, and stays so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<String>,
}

/// A commit on the branch that HEAD is on, by which paths that are as in `from` become as in `to`. Nothing is rewritten.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Revert {
    /// The full name of the branch.
    pub branch: String,
    /// The commit whose work is taken back.
    pub from: Oid,
    /// The commit whose content comes back.
    pub to: Oid,
}

/// A branch that goes back with the work tree. HEAD stays on it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct BranchMove {
    /// The full name of the branch.
    pub name: String,
    /// Its last commit before.
    pub from: Oid,
    /// Its last commit after.
    pub to: Oid,
}

impl BranchMove {
    /// The ref that keeps the commit that it comes from.
    #[must_use]
    pub fn rescue(&self) -> String {
        let name = self.name.strip_prefix("refs/heads/").unwrap_or(&self.name);
        format!("refs/autonomy/rescue/{name}/{}", self.from.short())
    }
}

impl RollbackPlan {
    /// Reads a plan.
    ///
    /// # Errors
    /// Refuses what is not a plan, and one of a newer version.
    pub fn from_json(text: &str) -> Result<Self, Refusal> {
        let plan: Self = serde_json::from_str(text)
            .map_err(|error| Refusal::environment(format!("the plan of a rollback cannot be read: {error}")))?;
        if plan.version > VERSION {
            return Err(newer("the plan of a rollback", plan.version, VERSION));
        }
        Ok(plan)
    }

    /// The plan as it is kept.
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("because every part of a plan has a form in JSON")
    }

    /// The entries with this action.
    pub fn with(&self, action: Action) -> impl Iterator<Item = &Entry> {
        self.entries.iter().filter(move |entry| entry.action == action)
    }

    /// How many entries have this action.
    #[must_use]
    pub fn count(&self, action: Action) -> usize {
        self.with(action).count()
    }

    /// What the plan leaves at every path that it touches; the scope of its undoing.
    #[must_use]
    pub fn left(&self) -> BTreeMap<TreePath, Option<Side>> {
        self.entries
            .iter()
            .filter_map(|entry| match entry.action {
                Action::Restore => Some((entry.path.clone(), entry.then.clone())),
                Action::Delete => Some((entry.path.clone(), None)),
                Action::Keep | Action::Conflict => None,
            })
            .collect()
    }

    /// The paths that the rollback which is undone put in place, and about which nothing is planned.
    pub fn put_there(&self) -> impl Iterator<Item = &TreePath> {
        let left = match &self.scope {
            Scope::Undo { left, .. } => Some(left),
            Scope::Everything | Scope::Paths { .. } | Scope::Session { .. } | Scope::Attempts { .. } => None,
        };
        let there = left.into_iter().flatten().filter(|(_, side)| side.is_some()).map(|(path, _)| path);
        there.filter(move |path| self.entry(path).is_none())
    }

    /// Names a further path that stays as it is.
    pub fn keep(&mut self, path: TreePath, why: Why) {
        if let Err(at) = self.entries.binary_search_by(|entry| entry.path.cmp(&path)) {
            let (now, then, bits, left) = (None, None, None, None);
            let entry = Entry { path, action: Action::Keep, why, now, then, bits, left, raw: None, verbatim: None };
            self.entries.insert(at, entry);
        }
    }

    /// Says which blob has the very bytes that stand at a path now.
    pub fn keep_verbatim(&mut self, path: &TreePath, blob: Oid) {
        if let Ok(at) = self.entries.binary_search_by(|entry| entry.path.cmp(path)) {
            self.entries[at].raw = Some(blob);
        }
    }

    /// The scope of undoing this plan.
    #[must_use]
    pub fn undoing(&self) -> Scope {
        let raw = self.entries.iter().filter_map(|entry| Some((entry.path.clone(), entry.raw.clone()?)));
        let (scope, hollow) = (Box::new(self.scope.clone()), self.hollow.clone());
        Scope::Undo { scope, left: self.left(), verbatim: raw.collect(), hollow }
    }

    /// What the revert commit makes of each path, given what differs between its two commits and what HEAD has: it takes back
    /// only what is there as it was committed, and leaves out what the plan leaves to others.
    pub fn reverted<'a>(
        &'a self,
        between: impl IntoIterator<Item = Change> + 'a,
        has: &'a dyn Fn(&TreePath) -> Option<Side>,
    ) -> impl Iterator<Item = (TreePath, Option<Side>)> + 'a {
        between
            .into_iter()
            .filter(move |change| self.restores_staged(&change.path) && has(&change.path) == change.before)
            .map(|change| (change.path, change.after))
    }

    /// Whether the entry of the index for `path` goes back too: it is considered, and its content was not left alone
    /// because of somebody or something else.
    #[must_use]
    pub fn restores_staged(&self, path: &TreePath) -> bool {
        self.scope.covers_staged(path) && !self.entry(path).is_some_and(Entry::holds_back_the_index)
    }

    /// The entry for `path`.
    #[must_use]
    pub fn entry(&self, path: &TreePath) -> Option<&Entry> {
        self.entries.binary_search_by(|entry| entry.path.cmp(path)).ok().map(|at| &self.entries[at])
    }
}

impl Entry {
    fn holds_back_the_index(&self) -> bool {
        match self.action {
            Action::Restore | Action::Delete => false,
            Action::Conflict => true,
            Action::Keep => !matches!(self.why, Why::NotLookedAt | Why::OtherRepository | Why::Merged { .. }),
        }
    }
}

/// What a plan is made from.
pub struct Question<'a> {
    /// The commit of the checkpoint.
    pub checkpoint: &'a Oid,
    /// The work tree, by the name that git gave it.
    pub worktree: Option<String>,
    /// What is considered.
    pub scope: &'a Scope,
    /// Every path that differs: `before` is today, `after` is the checkpoint.
    pub changes: &'a [Change],
    /// The manifest of today's snapshot.
    pub now: &'a Manifest,
    /// The checkpoint's manifest.
    pub then: &'a Manifest,
    /// Whether today's rules ignore a path.
    pub ignored_now: &'a dyn Fn(&TreePath) -> bool,
    /// Whether the rules of that time ignore a path.
    pub ignored_then: &'a dyn Fn(&TreePath) -> bool,
    /// What the checkpoint's tree holds at a path.
    pub held: &'a dyn Fn(&TreePath) -> Option<Side>,
    /// Whether the checkpoint's tree holds anything in a directory.
    pub held_below: &'a dyn Fn(&TreePath) -> bool,
    /// What stands on disk, is not in today's snapshot, and is at a path that the checkpoint holds, or above one without
    /// being a directory.
    pub unrecorded: &'a BTreeSet<TreePath>,
    /// Directories at paths that the checkpoint holds with something in them that is not in today's snapshot.
    pub occupied: &'a BTreeSet<TreePath>,
    /// Paths that another live session wrote last.
    pub others: &'a BTreeMap<TreePath, Other>,
    /// How conflicts are settled, and what that takes.
    pub settlement: &'a Settlement<'a>,
}

/// A conflict before anything is said about it.
struct Conflict<'a> {
    why: Why,
    /// What is told to people.
    left: Option<&'a Side>,
    /// What both sides began from.
    base: Option<&'a Side>,
}

/// Makes the plan of a rollback.
#[must_use]
pub fn plan(question: &Question<'_>) -> RollbackPlan {
    let mut entries: BTreeMap<&TreePath, Entry> = question
        .changes
        .iter()
        .filter(|change| question.scope.covers(&change.path))
        .map(|change| (&change.path, question.entry(change)))
        .collect();
    question.block(&mut entries);
    let mut entries: BTreeMap<TreePath, Entry> = entries.into_iter().map(|(path, entry)| (path.clone(), entry)).collect();
    let directories = question.bits_only(&mut entries);
    RollbackPlan {
        version: VERSION,
        checkpoint: question.checkpoint.clone(),
        worktree: question.worktree.clone(),
        scope: question.scope.clone(),
        entries: entries.into_values().collect(),
        directories,
        hollow: BTreeMap::new(),
        new_directories: question.then.usual.directory,
        branch: None,
        revert: None,
        operation: None,
    }
}

impl Question<'_> {
    fn entry(&self, change: &Change) -> Entry {
        let (action, why) = self.decide(change);
        let bits = match (&change.after, action) {
            (Some(then), Action::Restore) if then.mode != Mode::Link => Some(self.then.bits(&change.path, then.mode)),
            _ => None,
        };
        let (now, then) = (change.before.clone(), change.after.clone());
        let verbatim = match self.scope {
            Scope::Undo { verbatim, .. } if action == Action::Restore => verbatim.get(&change.path).cloned(),
            _ => None,
        };
        let entry = Entry { path: change.path.clone(), action, why, now, then, bits, left: None, raw: None, verbatim };
        match self.conflict(change) {
            Some(conflict) => self.settled(entry, conflict),
            None => entry,
        }
    }

    /// Whether somebody else wrote the path.
    fn conflict(&self, change: &Change) -> Option<Conflict<'_>> {
        let path = &change.path;
        if let Some(Other { session, before, after }) = self.others.get(path) {
            return Some(Conflict {
                why: Why::OtherSession { session: session.clone() },
                left: after.as_ref(),
                base: before.as_ref(),
            });
        }
        let known = || (self.settlement.settling != Settling::Leave).then_some(self.settlement.known);
        let left = self.scope.left().or_else(known)?.get(path)?;
        (*left != change.before).then_some(Conflict { why: Why::ChangedSince, left: left.as_ref(), base: left.as_ref() })
    }

    /// What becomes of a conflict; `entry` is what would be done without it.
    fn settled(&self, entry: Entry, conflict: Conflict<'_>) -> Entry {
        let left = Some(Left { side: conflict.left.cloned() });
        let stays = |action, why, entry: Entry| Entry { action, why, bits: None, left: left.clone(), ..entry };
        match self.settlement.settling {
            Settling::Leave => stays(Action::Conflict, conflict.why, entry),
            Settling::Ours => stays(Action::Keep, Why::Ours, entry),
            Settling::Theirs | Settling::Merge { .. } if entry.action == Action::Keep => entry,
            Settling::Theirs => Entry { why: Why::Theirs, left, ..entry },
            Settling::Merge { overlaps } => {
                let versions = Versions { base: conflict.base, now: entry.now.as_ref(), then: entry.then.as_ref() };
                match self.settlement.merged(&entry.path, versions, overlaps) {
                    Err(reason) => stays(Action::Conflict, Why::NotMerged { reason }, entry),
                    Ok(Outcome::AsNow) => stays(Action::Keep, Why::Merged { marked: 0 }, entry),
                    Ok(Outcome::AsThen) => Entry { left, ..entry },
                    Ok(Outcome::Both(side, marked)) => {
                        let is_as_now = entry.now.as_ref().is_some_and(|now| now.mode == side.mode);
                        let bits = if is_as_now { self.now } else { self.then }.bits(&entry.path, side.mode);
                        let why = Why::Merged { marked };
                        Entry { action: Action::Restore, why, then: Some(side), bits: Some(bits), left, verbatim: None, ..entry }
                    }
                }
            }
        }
    }

    fn decide(&self, change: &Change) -> (Action, Why) {
        let path = &change.path;
        let sides = [&change.before, &change.after];
        if sides.iter().any(|side| side.as_ref().is_some_and(|side| side.mode == Mode::Submodule)) {
            return (Action::Keep, Why::OtherRepository);
        }
        let listed = |paths: &[TreePath]| paths.binary_search(path).is_ok();
        if [self.now, self.then].iter().any(|at| listed(&at.skip_worktree) || listed(&at.assume_unchanged)) {
            return (Action::Keep, Why::NotLookedAt);
        }
        match (&change.before, &change.after) {
            (Some(_), Some(_)) => (Action::Restore, Why::Differs),
            (None, _) if self.unrecorded.contains(path) => (Action::Keep, Why::NotInSafetySnapshot),
            (None, _) => (Action::Restore, Why::Missing),
            (Some(_), None) => self.decide_deletion(path),
        }
    }

    /// The checkpoint has to prove that the path was not there.
    fn decide_deletion(&self, path: &TreePath) -> (Action, Why) {
        // A rollback that is undone put the path there itself, after it had found nothing.
        if matches!(self.scope, Scope::Undo { .. }) {
            return (Action::Delete, Why::NotThereThen);
        }
        if self.then.absentees().any(|listed| listed.covers(path)) {
            (Action::Keep, Why::NotInCheckpoint)
        } else if (self.ignored_then)(path) {
            (Action::Keep, Why::IgnoredThen)
        } else if (self.ignored_now)(path) {
            (Action::Keep, Why::IgnoredNow)
        } else {
            (Action::Delete, Why::NotThereThen)
        }
    }

    /// A file cannot come back where a directory stays, nor below a file that stays.
    fn block(&self, entries: &mut BTreeMap<&TreePath, Entry>) {
        let today: BTreeMap<&TreePath, &Side> =
            self.changes.iter().filter_map(|change| Some((&change.path, change.before.as_ref()?))).collect();
        let absent_today: BTreeSet<&ListedPath> = self.now.absentees().collect();
        let stays = |entries: &BTreeMap<&TreePath, Entry>, path: &TreePath| {
            entries.get(path).is_none_or(|entry| entry.action != Action::Delete)
        };
        let mut blocked = Vec::new();
        for (&path, entry) in &*entries {
            if entry.action != Action::Restore || entry.now.is_some() {
                continue;
            }
            let above = path
                .parents()
                .find(|parent| self.unrecorded.contains(parent) || (today.contains_key(parent) && stays(entries, parent)));
            let below = || {
                today
                    .range::<TreePath, _>(path..)
                    .map(|(other, _)| *other)
                    .take_while(|other| other.as_bytes().starts_with(path.as_bytes()))
                    .find(|other| *other != path && other.is_below(path) && stays(entries, other))
                    .cloned()
            };
            let not_recorded = || {
                let start = ListedPath::single(path.as_bytes());
                absent_today
                    .range::<ListedPath, _>(&start..)
                    .take_while(|listed| listed.as_bytes().starts_with(path.as_bytes()))
                    // A directory without a file is in nobody's way.
                    .filter(|listed| !listed.is_directory() || self.occupied.contains(path))
                    .find(|listed| listed.is_inside(path) || listed.covers(path))
                    .and_then(|listed| listed.path())
            };
            if let Some(by) = above.or_else(below).or_else(not_recorded) {
                blocked.push((path, Why::Blocked { by }));
            } else if self.occupied.contains(path) {
                blocked.push((path, Why::NotInSafetySnapshot));
            }
        }
        for (path, why) in blocked {
            if let Some(entry) = entries.get_mut(path) {
                (entry.action, entry.why, entry.bits) = (Action::Keep, why, None);
            }
        }
    }

    /// Paths of which only the permission bits differ, and directories.
    fn bits_only(&self, entries: &mut BTreeMap<TreePath, Entry>) -> Vec<DirectoryEntry> {
        let differing: BTreeSet<&TreePath> = self.changes.iter().map(|change| &change.path).collect();
        let mut directories = BTreeMap::new();
        for listed in self.now.permissions.keys().chain(self.then.permissions.keys()) {
            let Some(path) = listed.path() else { continue };
            if listed.is_directory() {
                let bits = self.then.directory_bits(&path);
                let presence = if self.then.permissions.contains_key(listed) { Presence::Make } else { Presence::IfThere };
                if self.scope_covers_directory(&path) && bits != self.now.directory_bits(&path) {
                    directories.insert(path.clone(), DirectoryEntry { path, bits, presence });
                }
                continue;
            }
            if differing.contains(&path) || self.others.contains_key(&path) || !self.scope.covers(&path) {
                continue;
            }
            let Some(side) = (self.held)(&path) else { continue };
            if self.now.bits(&path, side.mode) == self.then.bits(&path, side.mode) {
                continue;
            }
            let bits = Some(self.then.bits(&path, side.mode));
            let (now, then) = (Some(side.clone()), Some(side));
            let why = Why::Permissions;
            entries.insert(
                path.clone(),
                Entry { path, action: Action::Restore, why, now, then, bits, left: None, raw: None, verbatim: None },
            );
        }
        for path in &self.then.empty_directories {
            if self.scope_covers_directory(path) && self.now.empty_directories.binary_search(path).is_err() {
                let bits = self.then.directory_bits(path);
                directories.insert(path.clone(), DirectoryEntry { path: path.clone(), bits, presence: Presence::Make });
            }
        }
        for path in &self.now.empty_directories {
            let was_there = || {
                let near = |listed: &ListedPath| listed.covers(path) || listed.is_inside(path);
                self.then.empty_directories.iter().any(|then| then.is_below(path))
                    || (self.held_below)(path)
                    || self.then.absentees().any(near)
            };
            if self.scope_covers_directory(path) && !was_there() {
                let bits = self.now.directory_bits(path);
                directories.insert(path.clone(), DirectoryEntry { path: path.clone(), bits, presence: Presence::Remove });
            }
        }
        if let Scope::Undo { hollow, .. } = self.scope {
            for (path, &bits) in hollow {
                let entry = || DirectoryEntry { path: path.clone(), bits, presence: Presence::Make };
                directories.entry(path.clone()).or_insert_with(entry);
            }
        }
        directories.into_values().collect()
    }

    fn scope_covers_directory(&self, path: &TreePath) -> bool {
        match self.scope {
            // No session owns a directory.
            Scope::Session { .. } | Scope::Attempts { .. } => false,
            Scope::Everything | Scope::Paths { .. } | Scope::Undo { .. } => self.scope.covers_staged(path),
        }
    }
}

#[cfg(test)]
mod tests;
