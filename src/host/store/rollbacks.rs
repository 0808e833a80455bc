//! Rollbacks as the log knows them: the intent with its plan, carrying it out, its outcome. Also finishes one that a command
//! died in the middle of.
//!
//! What a plan does is decided by `model::rollback`; how a path is written is `git`'s.

use std::collections::BTreeMap;

use crate::{
    host::{
        Doing as _, Result, failpoint,
        git::Restored,
        store::{holdings, layout::Private, ledger::Ledger, lock::CloneLock, overview::Overview, record, snapshots},
        workspace::Workspace,
    },
    model::{
        checkpoint::Checkpoint,
        event::{Event, Fact},
        id::{Digest, Oid, TaskId},
        intent::{Intent, Settlement},
        quote::first_of,
        record::RecordKind,
        refusal::Refusal,
        rollback::{RollbackPlan, Scope},
        state::{TaskStage, TaskState},
        task::{Status, Task},
        time::Timestamp,
    },
};

/// The file that the carrier commit of a safety snapshot holds the plan in.
pub const PLAN: &str = "plan.json";

/// What came of a rollback.
#[derive(Clone, Debug, Default)]
pub struct Finished {
    /// What was done to each path.
    pub restored: Restored,
    /// Tasks that are open again.
    pub reopened: Vec<TaskId>,
    /// Tasks that are done again.
    pub closed: Vec<TaskId>,
}

/// Carries out the rollback whose intent is event `seq`, or does again what is left of it, and records the outcome.
/// Nothing happens in another work tree than the one that it was planned for.
///
/// # Errors
/// Fails when something cannot be read or written; the next command goes on.
pub fn carry_out(ledger: &mut Ledger<'_>, seq: u64, intent: &Intent) -> Result<Option<Finished>> {
    let Intent::Rollback { plan, safety, .. } = intent else { return Ok(None) };
    let workspace = ledger.workspace();
    let text = workspace.git()?.carried_file(safety, PLAN)?.filter(|text| Digest::of(text) == *plan);
    let Some(text) = text else {
        let words = format!("the snapshot {} does not carry the plan of the rollback that it was taken for", safety.short());
        return Err(Refusal::environment(words).into());
    };
    let plan = RollbackPlan::from_json(&text)?;
    if plan.worktree != workspace.git()?.worktree_name() {
        return Ok(None);
    }
    let restored = workspace.git()?.carry_out(&plan, workspace.environment())?;
    if !restored.unlike.is_empty() {
        let why = format!(
            "{} did not come out as planned",
            first_of(&restored.unlike.iter().map(ToString::to_string).collect::<Vec<_>>())
        );
        ledger.append(|_| {
            Ok((vec![Fact::IntentSettled { intent: seq, outcome: Settlement::Conflict { why: why.clone() } }], ()))
        })?;
        return Ok(Some(Finished { restored, ..Finished::default() }));
    }
    if let Err(error) = move_branch(workspace, &plan) {
        let why = error.refusal().message;
        ledger.append(|_| {
            Ok((vec![Fact::IntentSettled { intent: seq, outcome: Settlement::Conflict { why: why.clone() } }], ()))
        })?;
        return Err(error);
    }
    let tasks = match &plan.scope {
        Scope::Everything | Scope::Session { .. } => undone(workspace, &plan.checkpoint)?,
        Scope::Undo { .. } => done_before(ledger, &plan.checkpoint)?,
        Scope::Paths { .. } | Scope::Attempts { .. } => Vec::new(),
    };
    let mut facts = vec![Fact::IntentSettled { intent: seq, outcome: Settlement::Done { commit: None } }];
    let mut finished = Finished { restored, ..Finished::default() };
    let overview = Overview::read(workspace)?;
    for (task, change) in tasks {
        let (status, fact) = match change {
            Change::Reopen => {
                finished.reopened.push(task.clone());
                let why = format!("its work was undone by going back to {}", plan.checkpoint.short());
                (Status::Open, Fact::TaskReopened { task: task.clone(), why })
            }
            Change::Close { tree, uncommitted } => {
                finished.closed.push(task.clone());
                (Status::Done, Fact::TaskDone { task: task.clone(), tree, uncommitted })
            }
        };
        facts.extend(of_record(ledger, &overview, &task, status)?);
        facts.push(fact);
    }
    ledger.append(|_| Ok((facts.clone(), ())))?;
    record::apply(ledger)?;
    Ok(Some(finished))
}

/// Moves the branch that the plan takes back, and keeps the commit that it comes from. Done already is done.
///
/// # Errors
/// Refuses a branch that somebody else has moved since; what was restored stays restored.
pub fn move_branch(workspace: &Workspace, plan: &RollbackPlan) -> Result<()> {
    let Some(branch) = &plan.branch else { return Ok(()) };
    let git = workspace.git()?;
    if git.find_ref(&branch.name)?.as_ref() == Some(&branch.to) {
        return Ok(());
    }
    snapshots::pin(workspace, &branch.rescue(), &branch.from)?;
    failpoint::reach("restore.rescued").doing("move a branch of", workspace.root())?;
    let message = format!("autonomy rollback: going back to {}", plan.checkpoint.short());
    git.update_ref(&branch.name, &branch.to, Some(&branch.from), &message)?;
    failpoint::reach("restore.branch").doing("move a branch of", workspace.root())
}

/// Finishes a rollback that a command died in the middle of; one that another process is in the middle of is waited for.
///
/// # Errors
/// As [`carry_out`].
pub fn recover(ledger: &mut Ledger<'_>, seq: u64, intent: &Intent) -> Result<Option<Finished>> {
    let _lock = CloneLock::take(&Private::of(ledger.workspace().common_directory()).lock())?;
    ledger.catch_up()?;
    // Whoever appended the intent may have died before it was on the disk.
    ledger.log().sync()?;
    if ledger.state().intents.contains_key(&seq) { carry_out(ledger, seq, intent) } else { Ok(None) }
}

/// What becomes of a task.
enum Change {
    Reopen,
    Close { tree: Option<Oid>, uncommitted: Vec<String> },
}

/// The status in the task's record, changed as by any verb.
fn of_record(ledger: &Ledger<'_>, overview: &Overview, task: &TaskId, status: Status) -> Result<Option<Fact>> {
    let folder = RecordKind::Task.folder().unwrap_or_default();
    let stored = record::list(ledger.workspace(), overview, folder)?;
    let Some(stored) = stored.into_iter().find(|stored| stored.name() == task.as_str()) else { return Ok(None) };
    let is_so = stored.document().and_then(|document| Ok(Task::read(task.clone(), &document)?)).map(|task| task.status == status);
    if is_so.unwrap_or(true) {
        return Ok(None);
    }
    let set = BTreeMap::from([("status".to_owned(), serde_json::json!(status))]);
    record::changed(ledger, &stored, set).map(Some)
}

/// Tasks that were proven by a tree after the checkpoint was made.
fn undone(workspace: &Workspace, checkpoint: &Oid) -> Result<Vec<(TaskId, Change)>> {
    let git = workspace.git()?;
    let made = Checkpoint::from_message(checkpoint.short(), &git.message_of(checkpoint)?)?;
    let evidence = git.tree_outside_claude_of(checkpoint)?;
    let overview = Overview::read(workspace)?;
    let is_undone = |state: &TaskState, since: Timestamp| match &state.stage {
        TaskStage::Done { tree: Some(tree), .. } => state.changed > since && *tree != evidence,
        TaskStage::Done { tree: None, .. }
        | TaskStage::Open
        | TaskStage::Started { .. }
        | TaskStage::Failed { .. }
        | TaskStage::Waiting { .. }
        | TaskStage::Parked { .. }
        | TaskStage::Cancelled { .. } => false,
    };
    let mut tasks: Vec<&TaskId> = overview.logs.iter().flat_map(|known| known.state.tasks.keys()).collect();
    tasks.sort();
    tasks.dedup();
    let undone = tasks.into_iter().filter(|task| overview.task(task).is_some_and(|state| is_undone(state, made.created)));
    let mut undone: Vec<TaskId> = undone.cloned().collect();
    // Records that cannot be read are no milestones.
    let (held, _) = holdings::read(workspace, &overview, &[RecordKind::Task])?;
    undone.extend(held.lost(&undone, made.created));
    Ok(undone.into_iter().map(|task| (task, Change::Reopen)).collect())
}

/// Tasks that the rollback reopened whose safety snapshot is `safety`, and that nothing happened to since.
fn done_before(ledger: &Ledger<'_>, safety: &Oid) -> Result<Vec<(TaskId, Change)>> {
    let events: Vec<Event> = ledger.log().events()?.into_iter().map(|(event, _)| event).collect();
    let formed = events
        .iter()
        .find(|event| matches!(&event.fact, Fact::IntentFormed { intent: Intent::Rollback { safety: of, .. } } if of == safety));
    let Some(formed) = formed else { return Ok(Vec::new()) };
    let settled =
        events.iter().position(|event| matches!(event.fact, Fact::IntentSettled { intent, .. } if intent == formed.seq));
    let Some(settled) = settled else { return Ok(Vec::new()) };
    let length = events[settled..].iter().position(|event| event.end).map_or(1, |last| last + 1);
    let mut tasks = Vec::new();
    for event in &events[settled..settled + length] {
        let Fact::TaskReopened { task, .. } = &event.fact else { continue };
        let still_open = ledger.state().tasks.get(task).is_some_and(|state| state.stage == TaskStage::Open);
        let done = events[..settled].iter().rev().find_map(|event| match &event.fact {
            Fact::TaskDone { task: done, tree, uncommitted } if done == task => Some((tree.clone(), uncommitted.clone())),
            _ => None,
        });
        if let (true, Some((tree, uncommitted))) = (still_open, done) {
            tasks.push((task.clone(), Change::Close { tree, uncommitted }));
        }
    }
    Ok(tasks)
}
