//! `checkpoint`: take one, list them, show one, and what differs since.
//!
//! Nothing of the user's changes: the index, HEAD, branches and every file stay as they are.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    host::{
        Result,
        git::{SecretFiles, Snapshot},
        store::{
            genuine,
            lock::CloneLock,
            snapshots::{self, Asked, Held, Prepared, Which},
        },
        transaction::Transaction,
        workspace::Workspace,
    },
    model::{
        change::{Change, ChangeKind, Mode, TreePath},
        checkpoint::{Checkpoint, CheckpointKind, Counts, Standing, due},
        holdings::Holdings,
        id::{Candidate, CheckpointName, Oid, SessionId, TaskId, resolve},
        manifest::LeftOut,
        refusal::Refusal,
        secret::Leak,
        state::{State, Taken},
        time::Timestamp,
    },
    ops::time::{
        journal::{self, Journal},
        standing,
    },
};

/// What the checkpoint is to be called.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Request {
    /// What its name ends with.
    pub name: Option<String>,
    /// One line about it.
    pub message: Option<String>,
    /// Whether untracked files that hold secrets are taken in too.
    pub include_secrets: bool,
}

/// A checkpoint that was taken.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Outcome {
    /// Its tag.
    pub name: CheckpointName,
    /// The commit, which is on no branch.
    pub commit: Oid,
    /// The tree of the work tree.
    pub tree: Oid,
    /// When it was taken.
    pub created: Timestamp,
    /// One line about it.
    pub summary: String,
    /// The session that it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<SessionId>,
    /// How much it holds.
    pub counts: Counts,
    /// What was there, is not ignored, and is not in it.
    pub left_out: Vec<LeftOut>,
    /// Secrets that it holds and HEAD does not.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub secrets: Vec<Leak>,
}

/// Takes a checkpoint.
///
/// # Errors
/// Refuses a changed path that only a filter program can store, by name; fails when git cannot be written.
pub fn create(workspace: &Workspace, request: &Request) -> Result<Outcome> {
    let mut journal = Journal::open(workspace)?;
    let said = request.message.as_deref().or(request.name.as_deref()).map(str::trim).filter(|text| !text.is_empty());
    let asking = Asking {
        kind: CheckpointKind::Manual,
        title: request.name.clone().unwrap_or_default(),
        summary: said.unwrap_or("checkpoint").to_owned(),
        task: None,
        reached: Vec::new(),
    };
    let secret_files = if request.include_secrets { SecretFiles::TakeIn } else { SecretFiles::LeaveOut };
    let snapshot = journal.snapshot_with(secret_files)?;
    let (left_out, secrets) = (snapshot.manifest().left_out.clone(), snapshot.manifest().secrets.clone());
    let lock = journal::lock(workspace)?;
    let asked = asking.asked(workspace, journal.session());
    let prepared = snapshots::prepare(workspace, &lock, journal.session(), journal.at(), snapshot, asked)?;
    if let Some(log) = journal.log() {
        log.append_facts(std::slice::from_ref(&prepared.fact))?;
    }
    snapshots::place(workspace, &prepared)?;
    let Prepared { checkpoint, commit, .. } = prepared;
    let name = checkpoint.name.ok_or_else(|| Refusal::environment("the checkpoint got no name"))?;
    Ok(Outcome {
        name,
        commit,
        tree: checkpoint.tree,
        created: checkpoint.created,
        summary: checkpoint.summary,
        session: checkpoint.session,
        counts: checkpoint.counts,
        left_out,
        secrets,
    })
}

/// What a snapshot is taken for.
#[derive(Clone, Debug)]
pub struct Asking {
    /// Why.
    pub kind: CheckpointKind,
    /// What a tag's name ends with; may be empty.
    pub title: String,
    /// One line for people.
    pub summary: String,
    /// The task that is worked on.
    pub task: Option<TaskId>,
    /// The milestones that are reached with it.
    pub reached: Vec<TaskId>,
}

/// Takes a snapshot in a transaction that is open: for tasks, ticks and the edges of attempts.
///
/// # Errors
/// As [`create`].
pub fn take(transaction: &mut Transaction<'_>, asking: Asking) -> Result<Prepared> {
    let (_lock, prepared) = prepare(transaction, asking)?;
    transaction.append_facts(std::slice::from_ref(&prepared.fact))?;
    snapshots::place(transaction.workspace(), &prepared)?;
    Ok(prepared)
}

/// The same, unless the last snapshot of the log is of the same tree outside `.claude/`; for a tick, the last one with a tag.
///
/// # Errors
/// As [`create`].
pub fn take_changed(transaction: &mut Transaction<'_>, asking: Asking) -> Result<Option<Prepared>> {
    let snapshot = journal::snapshot(transaction.workspace(), transaction.session())?;
    let [tagged, light] = last(transaction.state());
    let newest =
        if asking.kind == CheckpointKind::Tick { tagged } else { tagged.into_iter().chain(light).max_by_key(|taken| taken.seq) };
    if newest.is_some_and(|taken| taken.evidence == snapshot.evidence()) {
        return Ok(None);
    }
    let lock = journal::lock(transaction.workspace())?;
    let prepared = write(transaction, &lock, snapshot, asking)?;
    transaction.append_facts(std::slice::from_ref(&prepared.fact))?;
    snapshots::place(transaction.workspace(), &prepared)?;
    Ok(Some(prepared))
}

/// The last checkpoint of a log that has a tag, and the last without.
fn last(state: &State) -> [Option<&Taken>; 2] {
    [&state.checkpoints, &state.snapshots].map(|taken| taken.entries.back())
}

/// What came of looking whether a snapshot is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    /// None is.
    NotYet,
    /// One is, and nothing differs from the last one.
    Unchanged,
    /// It was taken.
    Taken,
}

/// Takes the snapshot that is due while work goes on that began at `begun`, if one is and anything differs from the last one.
///
/// # Errors
/// As [`create`]; refuses settings that are wrong.
pub fn take_due(transaction: &mut Transaction<'_>, task: Option<&TaskId>, begun: Timestamp) -> Result<Due> {
    let workspace = transaction.workspace();
    let last = last(transaction.state()).map(|taken| taken.map(|taken| taken.at));
    let Some(kind) = due(workspace.clock().now(), begun, last, &workspace.settings()?.checkpoints) else {
        return Ok(Due::NotYet);
    };
    transaction.tick();
    let summary = "while work went on".to_owned();
    let asking = Asking { kind, title: String::new(), summary, task: task.cloned(), reached: Vec::new() };
    Ok(if take_changed(transaction, asking)?.is_some() { Due::Taken } else { Due::Unchanged })
}

/// Writes a snapshot whose event is still to be appended, before the clone's lock is let go.
///
/// # Errors
/// As [`create`].
pub fn prepare(transaction: &Transaction<'_>, asking: Asking) -> Result<(CloneLock, Prepared)> {
    let lock = journal::lock(transaction.workspace())?;
    let prepared = prepare_under(transaction, &lock, asking)?;
    Ok((lock, prepared))
}

/// As [`prepare`], for whoever holds the clone's lock.
///
/// # Errors
/// As [`create`].
pub fn prepare_under(transaction: &Transaction<'_>, lock: &CloneLock, asking: Asking) -> Result<Prepared> {
    let snapshot = journal::snapshot(transaction.workspace(), transaction.session())?;
    write(transaction, lock, snapshot, asking)
}

fn write(transaction: &Transaction<'_>, lock: &CloneLock, snapshot: Snapshot<'_>, asking: Asking) -> Result<Prepared> {
    let workspace = transaction.workspace();
    let session = transaction.session().cloned();
    let asked = asking.asked(workspace, session.as_ref());
    snapshots::prepare(workspace, lock, session.as_ref(), transaction.at(), snapshot, asked)
}

impl Asking {
    /// For a task that is finished; of the kind of a milestone, and called like the first, when any are reached by it.
    #[must_use]
    pub fn finished(holdings: &Holdings, task: &TaskId, reached: &[TaskId]) -> Self {
        let titles: Vec<&str> = reached.iter().map(|milestone| holdings.title_of(milestone)).collect();
        let title = titles.first().copied().unwrap_or_else(|| holdings.title_of(task)).to_owned();
        let (kind, summary) = if titles.is_empty() {
            (CheckpointKind::Task, title.clone())
        } else {
            (CheckpointKind::Milestone, format!("milestone reached: {}", titles.join("; ")))
        };
        Self { kind, title, summary, task: Some(task.clone()), reached: reached.to_vec() }
    }

    fn asked(self, workspace: &Workspace, session: Option<&SessionId>) -> Asked {
        let Self { kind, title, summary, task, reached } = self;
        let standing = match kind {
            CheckpointKind::Edge | CheckpointKind::Safety => Standing::default(),
            CheckpointKind::Task | CheckpointKind::Milestone => {
                standing::read(workspace, session, task.as_ref(), &reached).unwrap_or_default()
            }
            CheckpointKind::Manual
            | CheckpointKind::Migration
            | CheckpointKind::Compaction
            | CheckpointKind::Tick
            | CheckpointKind::End => standing::read(workspace, session, None, &[]).unwrap_or_default(),
        };
        let summary = workspace.secrets().redact(&summary).into_owned();
        Asked { kind, title, summary, task, standing, files: Vec::new() }
    }
}

/// Which checkpoints are listed.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ListRequest {
    /// Whether automatic snapshots, which have no tag, are listed too.
    pub all: bool,
}

/// One line of the list.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Listed {
    /// What it is asked for by: its tag, or its ref without `refs/autonomy/`.
    pub name: String,
    /// The commit.
    pub commit: Oid,
    /// What its message says.
    #[serde(flatten)]
    pub checkpoint: Standings,
}

/// What a list says of a checkpoint.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Standings {
    /// Why it was taken.
    pub kind: CheckpointKind,
    /// When.
    pub created: Timestamp,
    /// One line about it.
    pub summary: String,
    /// The branch that HEAD was on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub branch: Option<String>,
    /// The work tree that it is of; none for the clone's first one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub worktree: Option<String>,
    /// The session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<SessionId>,
    /// The task.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<TaskId>,
}

impl From<&Held> for Listed {
    fn from(held: &Held) -> Self {
        let it = &held.checkpoint;
        Self {
            name: short(held),
            commit: held.commit.clone(),
            checkpoint: Standings {
                kind: it.kind,
                created: it.created,
                summary: it.summary.clone(),
                branch: it.branch.clone(),
                worktree: it.worktree.clone(),
                session: it.session.clone(),
                task: it.task.clone(),
            },
        }
    }
}

/// What a snapshot is asked for by.
pub(super) fn short(held: &Held) -> String {
    let name = held.reference.strip_prefix("refs/tags/").or_else(|| held.reference.strip_prefix("refs/autonomy/"));
    name.unwrap_or(&held.reference).to_owned()
}

/// The checkpoints, newest first.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct List {
    /// Each of them.
    pub checkpoints: Vec<Listed>,
}

/// Lists checkpoints.
///
/// # Errors
/// Fails when git cannot be read.
pub fn list(workspace: &Workspace, request: &ListRequest) -> Result<List> {
    let mut held = snapshots::held(workspace, Which::Tagged)?;
    if request.all {
        held.extend(snapshots::held(workspace, Which::Automatic)?);
        held.sort_by_key(|held| held.checkpoint.created);
    }
    Ok(List { checkpoints: held.iter().rev().map(Listed::from).collect() })
}

/// Finds the checkpoint that a person means by `given`: a tag or a unique part of it, its summary, an automatic snapshot as
/// `checkpoint list --all` shows it, or a commit.
///
/// # Errors
/// Refuses what fits nothing or several, naming the nearest.
pub fn find(workspace: &Workspace, given: &str) -> Result<Held> {
    // Most are asked for by name, and names are read without the checkpoints that they belong to.
    let names = snapshots::tag_names(workspace)?;
    let candidates: Vec<Candidate<'_>> = names.iter().map(|name| Candidate { name, title: "" }).collect();
    if let Ok(index) = resolve(CheckpointName::KIND, given, &candidates) {
        let name = &names[index];
        let none = || {
            Refusal::environment(format!("the tag `{name}` does not carry a checkpoint: somebody made or moved it by hand"))
                .hint("`autonomy checkpoint list` shows those that are whole")
        };
        return Ok(snapshots::tagged(workspace, name)?.ok_or_else(none)?);
    }
    let mut held = snapshots::held(workspace, Which::Tagged)?;
    if given.starts_with("auto/") {
        held = snapshots::held(workspace, Which::Automatic)?;
    }
    let names: Vec<String> = held.iter().map(short).collect();
    let candidates: Vec<Candidate<'_>> =
        names.iter().zip(&held).map(|(name, held)| Candidate { name, title: &held.checkpoint.summary }).collect();
    let refusal = match resolve(CheckpointName::KIND, given, &candidates) {
        Ok(index) => return Ok(held.swap_remove(index)),
        Err(refusal) => refusal,
    };
    let git = workspace.git()?;
    let is_commit = given.len() >= 7 && given.bytes().all(|byte| byte.is_ascii_hexdigit());
    if is_commit
        && let Ok(commit) = git.resolve(given)
        && git.carrier(&commit).is_ok()
    {
        let checkpoint = Checkpoint::from_message(given, &git.message_of(&commit)?)?;
        return Ok(Held { reference: commit.to_string(), commit, checkpoint });
    }
    let hint = if held.is_empty() { "`autonomy checkpoint` takes one" } else { "`autonomy checkpoint list` shows all" };
    Err(if refusal.hint.is_some() { refusal } else { refusal.hint(hint) }.into())
}

/// Which checkpoint.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ShowRequest {
    /// Its name, a unique part of it, or its summary.
    pub checkpoint: String,
}

/// Everything that is known of a checkpoint.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Shown {
    /// What it is asked for by.
    pub name: String,
    /// The commit.
    pub commit: Oid,
    /// What its message says.
    pub checkpoint: Checkpoint,
    /// What was there, is not ignored, and is not in it.
    pub left_out: Vec<LeftOut>,
    /// Other repositories inside: the commit that each was at is in it, not what they hold.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub repositories: Vec<TreePath>,
    /// Secrets that it holds and its own HEAD does not.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub secrets: Vec<Leak>,
    /// How many paths it has otherwise than its own HEAD.
    pub changed_from_head: usize,
    /// The first of them.
    pub changed: Vec<Differing>,
}

/// Shows a checkpoint.
///
/// # Errors
/// Refuses an unknown one, naming the nearest.
pub fn show(workspace: &Workspace, request: &ShowRequest) -> Result<Shown> {
    let held = find(workspace, &request.checkpoint)?;
    genuine::check(workspace, &held)?;
    let git = workspace.git()?;
    let carrier = git.carrier(&held.commit)?;
    let changes = git.changes(held.checkpoint.head.as_ref(), &held.commit)?;
    let changed_from_head = changes.len();
    let inside = git.entries_below(&held.commit, None)?.into_iter().filter(|(_, side)| side.mode == Mode::Submodule);
    let repositories = inside.map(|(path, _)| path).collect();
    let changed = changes.into_iter().filter(|change| !change.path.is_claude()).take(SHOWN).map(Differing::from).collect();
    Ok(Shown {
        name: short(&held),
        commit: held.commit,
        checkpoint: held.checkpoint,
        left_out: carrier.manifest.left_out,
        repositories,
        secrets: carrier.manifest.secrets,
        changed_from_head,
        changed,
    })
}

/// What is compared.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DiffRequest {
    /// The checkpoint.
    pub checkpoint: String,
    /// A later one; the work tree as it is now when not said, or said as `worktree`.
    #[serde(default)]
    pub with: Option<String>,
}

/// What differs.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Difference {
    /// The checkpoint.
    pub from: String,
    /// The later one; none for the work tree as it is now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// Each path that differs.
    pub changes: Vec<Differing>,
}

/// A path that differs.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Differing {
    /// The path.
    pub path: TreePath,
    /// How it differs.
    pub kind: ChangeKind,
}

impl From<Change> for Differing {
    fn from(change: Change) -> Self {
        Self { kind: change.kind(), path: change.path }
    }
}

/// How many changed paths are shown of a checkpoint; `checkpoint diff` names all.
const SHOWN: usize = 50;

/// The word for the work tree as it is now.
const WORK_TREE: &str = "worktree";

/// Compares a checkpoint with a later one or with the work tree.
///
/// # Errors
/// Refuses an unknown checkpoint, naming the nearest.
pub fn diff(workspace: &Workspace, request: &DiffRequest) -> Result<Difference> {
    let git = workspace.git()?;
    let from = find(workspace, &request.checkpoint)?;
    let (to, changes) = if let Some(given) = request.with.as_ref().filter(|given| *given != WORK_TREE) {
        let to = find(workspace, given)?;
        (Some(short(&to)), git.changes(Some(&from.commit), &to.commit)?)
    } else {
        let now = Journal::reading(workspace)?.snapshot()?;
        (None, now.changes_to(git, &from.commit)?.into_iter().map(Change::reversed).collect())
    };
    let changes = changes.into_iter().map(Differing::from).collect();
    Ok(Difference { from: short(&from), to, changes })
}
