//! The edges of attempts: the snapshot before and after, what lies between, and putting a task's own paths back.
//!
//! Snapshots and ways back are those of `ops::time`; here is only what a run asks of them.

use std::collections::BTreeSet;

use crate::{
    host::{
        Error, Result,
        git::Repository,
        store::{
            rollbacks::PLAN,
            snapshots::{self, Prepared},
        },
        transaction::Transaction,
    },
    model::{
        change::{Change, TreePath},
        checkpoint::CheckpointKind,
        holdings::{HeldTask, Holdings},
        id::{CheckpointName, Oid, TaskId},
        manifest::{LeftOut, WhyLeftOut},
        plan::progress::Current,
        refusal::Refusal,
        rollback::RollbackPlan,
        secret::Leak,
        task::{Task, TaskKind},
        time::Timestamp,
    },
    ops::time::{
        checkpoint::{self, Asking, Due},
        rollback::{self, Going},
    },
};

/// Takes a snapshot of the work tree that is kept by a ref of the session.
///
/// # Errors
/// Fails when the work tree cannot be read or git cannot be written.
pub(in crate::run) fn snapshot(transaction: &mut Transaction<'_>, task: &TaskId) -> Result<Prepared> {
    take(transaction, CheckpointKind::Edge, Some(task), String::new(), "edge of an attempt")
}

/// Takes the checkpoint of a finished task and of the milestones that are reached by it: a tag.
///
/// # Errors
/// Fails when the work tree cannot be read or git cannot be written.
pub(in crate::run) fn checkpoint(
    transaction: &mut Transaction<'_>,
    holdings: &Holdings,
    task: &TaskId,
) -> Result<CheckpointName> {
    let reached = reached_with(holdings, task);
    let taken = checkpoint::take(transaction, Asking::finished(holdings, task, &reached))?;
    Ok(taken.checkpoint.name.ok_or_else(|| Refusal::environment("the checkpoint got no name"))?)
}

/// Takes the snapshot before the first attempt at a task: with a tag when the task changes much at once.
///
/// # Errors
/// As [`snapshot`].
pub(in crate::run) fn snapshot_before(transaction: &mut Transaction<'_>, task: &Task) -> Result<Prepared> {
    match task.kind {
        TaskKind::Migration => {
            let title = format!("before {}", task.title);
            take(transaction, CheckpointKind::Migration, Some(&task.id), title.clone(), &title)
        }
        TaskKind::Task | TaskKind::Milestone => snapshot(transaction, &task.id),
    }
}

/// When snapshots are due while something goes on.
#[derive(Clone, Copy, Debug)]
pub(in crate::run) struct Pace {
    begun: Timestamp,
    rests_until: Timestamp,
}

impl Pace {
    /// Counted from now on.
    pub(in crate::run) fn from(now: Timestamp) -> Self {
        Self { begun: now, rests_until: now }
    }

    /// Takes the snapshot that is due, if one is and anything differs from the last one. Nothing ends because none can be
    /// taken: it is tried again later.
    pub(in crate::run) fn keep(&mut self, transaction: &mut Transaction<'_>, task: Option<&TaskId>) {
        let workspace = transaction.workspace();
        workspace.hear_of_changes();
        let (now, Ok(settings)) = (workspace.clock().now(), workspace.settings()) else { return };
        if now < self.rests_until {
            return;
        }
        match checkpoint::take_due(transaction, task, self.begun) {
            Ok(Due::NotYet | Due::Taken) => {}
            Ok(Due::Unchanged) => self.rests_until = now.after(settings.checkpoints.interval),
            Err(error) => {
                workspace.notice(format!("no snapshot could be taken while work went on: {error}"));
                self.rests_until = now.after(settings.checkpoints.interval);
            }
        }
    }
}

/// The milestones that were said to be reached together with the end of a task: what one command appends has one time.
fn reached_with(holdings: &Holdings, task: &TaskId) -> Vec<TaskId> {
    let end = |held: &HeldTask| held.state.as_ref().filter(|_| held.progress.is_done()).map(|state| state.changed);
    let Some(ended) = holdings.tasks.iter().find(|held| held.task.id == *task).and_then(end) else { return Vec::new() };
    let milestones = holdings.tasks.iter().filter(|held| held.task.kind == TaskKind::Milestone && end(held) == Some(ended));
    milestones.map(|held| held.task.id.clone()).collect()
}

fn take(
    transaction: &mut Transaction<'_>,
    kind: CheckpointKind,
    task: Option<&TaskId>,
    title: String,
    summary: &str,
) -> Result<Prepared> {
    checkpoint::take(transaction, Asking { kind, title, summary: summary.to_owned(), task: task.cloned(), reached: Vec::new() })
}

/// What differs between two snapshots outside `.claude/`.
///
/// # Errors
/// Fails when an object is missing.
pub(in crate::run) fn changes(git: &Repository, before: &Oid, after: &Oid) -> Result<Vec<Change>> {
    let all = git.changes(Some(before), after)?;
    Ok(all.into_iter().filter(|change| !change.path.is_claude()).collect())
}

/// The paths outside `.claude/` that were not as committed when a snapshot was taken.
///
/// # Errors
/// Fails when an object is missing.
pub(in crate::run) fn dirty(git: &Repository, snapshot: &Oid) -> Result<BTreeSet<TreePath>> {
    let head = git.commit(snapshot)?.parents;
    // A snapshot on no commit has its carrier as the only parent.
    let before = if head.len() > 1 { head.first() } else { None };
    let all = git.changes(before, snapshot)?;
    Ok(all.into_iter().map(|change| change.path).filter(|path| !path.is_claude()).collect())
}

/// What the work since the snapshot `base` has brought that looks like a secret, in words: in files of its own, and in new ones,
/// which no snapshot and no commit takes in.
///
/// # Errors
/// Fails when an object is missing.
pub(in crate::run) fn secrets(git: &Repository, base: &Oid, now: &Oid, own: &BTreeSet<TreePath>) -> Result<Vec<String>> {
    let (before, after) = (git.carrier(base)?.manifest, git.carrier(now)?.manifest);
    let is_secret = |left: &&LeftOut| matches!(left.why, WhyLeftOut::Secret { .. });
    let was_there = |left: &&LeftOut| before.left_out.iter().any(|known| known.path == left.path);
    let withheld = after.left_out.iter().filter(is_secret).filter(|left| !was_there(left));
    let known = |leak: &&Leak| before.secrets.iter().any(|known| known.fingerprint == leak.fingerprint);
    let held = after.secrets.iter().filter(|leak| own.contains(&leak.path)).filter(|leak| !known(leak));
    Ok(held.map(ToString::to_string).chain(withheld.map(|left| format!("{} ({})", left.path, left.why))).collect())
}

fn parked(task: &TaskId) -> String {
    format!("refs/autonomy/parked/{task}")
}

/// Puts the own paths of the task under way back as they were before it, and pins its work under
/// `refs/autonomy/parked/<task>`. A run that died in the middle of it
/// goes on from the snapshot that it had taken, however much of the work is put back by now. What somebody changed since the
/// last attempt stays as it is.
///
/// # Errors
/// Refuses in the middle of a merge or a rebase; fails when git or a file cannot be written. The next run goes on.
pub(in crate::run) fn put_aside(transaction: &mut Transaction<'_>, current: &Current) -> Result<Aside> {
    let (work, kept) = match &current.aside {
        Some(work) => (work.clone(), Vec::new()),
        None if current.own.is_empty() => return Ok(Aside::default()),
        None => {
            let going = Going {
                to: current.base.clone(),
                scope: rollback::attempts(transaction, &current.own)?,
                summary: "before an unfinished task was put aside".to_owned(),
                task: Some(current.task.clone()),
            };
            let gone = rollback::go_back(transaction, going)?;
            (gone.safety, gone.kept)
        }
    };
    let reference = parked(&current.task);
    snapshots::pin(transaction.workspace(), &reference, &work)?;
    Ok(Aside { reference: Some(reference), kept })
}

/// What became of the work of a task that is put aside.
#[derive(Debug, Default)]
pub(in crate::run) struct Aside {
    /// The ref that pins it, when there was anything to pin.
    pub(in crate::run) reference: Option<String>,
    /// Paths that stayed, because somebody changed them since.
    pub(in crate::run) kept: Vec<TreePath>,
}

/// Puts the pinned work of a task that was parked and resumed back into the work tree, where its paths are still as the
/// parking left them. Hands back how many paths came back.
///
/// # Errors
/// Fails when git or a file cannot be read or written.
pub(in crate::run) fn bring_back(transaction: &mut Transaction<'_>, task: &TaskId) -> Result<usize> {
    let git = transaction.workspace().git()?;
    let Some(work) = git.find_ref(&parked(task))? else { return Ok(0) };
    let plan = match git.carried_file(&work, PLAN) {
        Ok(plan) => plan,
        // Somebody has set the ref to something of their own.
        Err(Error::Refused(_)) => None,
        Err(error) => return Err(error),
    };
    let Some(plan) = plan else { return Ok(0) };
    let scope = RollbackPlan::from_json(&plan)?.undoing();
    let summary = "before parked work came back".to_owned();
    Ok(rollback::go_back(transaction, Going { to: work, scope, summary, task: Some(task.clone()) })?.done)
}
