//! Snapshots at the edges of attempts, the checkpoint of a finished task, and putting a task's own paths back.
//!
//! Objects first, then the event that names them, then the ref; a ref that is missing after a crash is made again. What a
//! snapshot means for the run is decided by `model::plan`.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    host::{
        Result,
        git::{Limits, Repository, Signature, Snapshot, Words},
        store::layout,
        transaction::Transaction,
    },
    model::{
        change::{Change, TreePath},
        checkpoint::{self, Checkpoint, CheckpointKind, GateMark, GateState, Standing},
        event::{Fact, Verdict},
        id::{CheckpointName, Oid, TaskId},
        intent::{Intent, Settlement},
        rollback::{RollbackPlan, Scope},
    },
};

/// A snapshot that was taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::run) struct Edge {
    /// The side commit; its tree is the work tree.
    pub commit: Oid,
    /// The tree outside `.claude/`.
    pub evidence: Oid,
}

/// Takes a snapshot of the work tree that is kept by a ref of the session, not by a tag.
///
/// # Errors
/// Fails when the work tree cannot be read or git cannot be written.
pub(in crate::run) fn snapshot(transaction: &mut Transaction<'_>, task: &TaskId) -> Result<Edge> {
    let owner = transaction.session().map_or(layout::CLONE, |session| session.as_str()).to_owned();
    let number = transaction.state().snapshots.count + 1;
    let reference = format!("refs/autonomy/auto/{owner}/{number}");
    let (edge, fact) = take(transaction, CheckpointKind::Edge, None, &reference, Some(task), "edge of an attempt")?;
    transaction.append_facts(&[fact])?;
    let git = transaction.workspace().git()?;
    let before = git.find_ref(&reference)?;
    git.update_ref(&reference, &edge.commit, before.as_ref(), "autonomy: snapshot")?;
    Ok(edge)
}

/// Takes the checkpoint of a finished task: a tag.
///
/// # Errors
/// Fails when the work tree cannot be read or git cannot be written.
pub(in crate::run) fn checkpoint(transaction: &mut Transaction<'_>, task: &TaskId, title: &str) -> Result<CheckpointName> {
    let git = transaction.workspace().git()?;
    let taken: BTreeSet<String> = git.list_refs("refs/tags/*")?.into_iter().map(|(name, _)| name).collect();
    let name = checkpoint::name(transaction.at(), title, |name| taken.contains(&format!("refs/tags/{name}")));
    let reference = format!("refs/tags/{name}");
    let (_, fact) = take(transaction, CheckpointKind::Task, Some(&name), &reference, Some(task), title)?;
    transaction.append_facts(std::slice::from_ref(&fact))?;
    if let Fact::CheckpointMade { object, .. } = &fact {
        git.publish_tag(name.as_str(), object)?;
    }
    Ok(name)
}

fn take(
    transaction: &Transaction<'_>,
    kind: CheckpointKind,
    name: Option<&CheckpointName>,
    reference: &str,
    task: Option<&TaskId>,
    summary: &str,
) -> Result<(Edge, Fact)> {
    let workspace = transaction.workspace();
    let git = workspace.git()?;
    let also = match (transaction.session(), name) {
        (Some(session), Some(_)) => vec![TreePath::new(layout::session_folder(session))?],
        (Some(_) | None, _) => Vec::new(),
    };
    let snapshot = git.snapshot(workspace.environment(), limits(transaction)?, &also)?;
    let (tree, evidence) = (snapshot.tree(), snapshot.evidence());
    let (head, branch) = (git.head()?.commit().cloned(), git.head()?.branch().map(str::to_owned));
    let state = transaction.state();
    let gates = state.gates.iter().map(|(gate, known)| GateMark {
        gate: gate.clone(),
        state: if known.verdict == Verdict::Green { GateState::Green } else { GateState::Red },
        tree: Some(known.tree.clone()),
    });
    let message = Checkpoint {
        summary: summary.to_owned(),
        version: checkpoint::VERSION,
        name: name.cloned(),
        kind,
        created: transaction.at(),
        worktree: None,
        session: transaction.session().cloned(),
        task: task.cloned(),
        head: head.clone(),
        branch,
        tree: tree.clone(),
        counts: snapshot.counts(),
        standing: Standing { gates: gates.collect(), ..Standing::default() },
    };
    let signature: Signature = git.committer(workspace.environment(), transaction.at())?;
    let words = Words {
        message: &message.to_message(),
        signature: &signature,
        head: head.as_ref(),
        tag: name.map(CheckpointName::as_str),
        files: &[],
    };
    let written = snapshot.write(&words)?;
    let fact = Fact::CheckpointMade {
        name: name.cloned(),
        reference: reference.to_owned(),
        object: written.tag.unwrap_or_else(|| written.commit.clone()),
        commit: written.commit.clone(),
        tree,
        evidence: evidence.clone(),
        reason: kind,
        summary: name.map(|_| summary.to_owned()),
        task: task.cloned(),
    };
    Ok((Edge { commit: written.commit, evidence }, fact))
}

fn limits(transaction: &Transaction<'_>) -> Result<Limits> {
    let settings = &transaction.workspace().settings()?.snapshot;
    let new_files = usize::try_from(settings.max_new_files.get()).unwrap_or(usize::MAX);
    Ok(Limits { file_bytes: settings.max_file.0, new_files })
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

/// Pins the work at a task under `refs/autonomy/parked/<task>` and puts its own paths back as they were at `base`. Hands back
/// the ref, when there was anything to pin. Can be done again after a crash at any point.
///
/// # Errors
/// Fails when git or a file cannot be written; the next run goes on.
pub(in crate::run) fn put_aside(
    transaction: &mut Transaction<'_>,
    task: &TaskId,
    base: &Oid,
    own: &BTreeSet<TreePath>,
) -> Result<Option<String>> {
    let reference = format!("refs/autonomy/parked/{task}");
    let pending = transaction.state().intents.iter().find_map(|(seq, intent)| match intent {
        Intent::Rollback { to, plan, .. } if to == base => Some((*seq, plan.clone())),
        Intent::Rollback { .. } | Intent::Commit { .. } | Intent::Branch { .. } => None,
    });
    let (seq, plan) = if let Some((seq, digest)) = pending {
        let text = transaction.kept(&digest)?.unwrap_or_default();
        (seq, RollbackPlan::from_json(&String::from_utf8_lossy(&text))?)
    } else {
        if own.is_empty() {
            return Ok(None);
        }
        let safety = snapshot(transaction, task)?;
        let git = transaction.workspace().git()?;
        let before = git.find_ref(&reference)?;
        git.update_ref(&reference, &safety.commit, before.as_ref(), "autonomy: park")?;
        let present: Snapshot<'_> = git.snapshot(transaction.workspace().environment(), limits(transaction)?, &[])?;
        let plan = git.plan_rollback(&present, base, &Scope::Paths { paths: own.clone() }, &BTreeMap::new())?;
        let digest = transaction.keep_exact(plan.to_json().as_bytes())?;
        let intent = Intent::Rollback { to: base.clone(), safety: safety.commit, plan: digest };
        transaction.append_facts(&[Fact::IntentFormed { intent }])?;
        (transaction.state().seq, plan)
    };
    let restored = transaction.workspace().git()?.carry_out(&plan, transaction.workspace().environment())?;
    for held in &restored.held_back {
        transaction.workspace().notice(format!("`{}` stayed as it is: {}", held.path, held.why));
    }
    transaction.append_facts(&[Fact::IntentSettled { intent: seq, outcome: Settlement::Done { commit: None } }])?;
    Ok(Some(reference))
}

/// Puts the pinned work of a task that was parked and resumed back into the work tree, where its paths are still as the
/// parking left them. Hands back how many paths came back.
///
/// # Errors
/// Fails when git or a file cannot be read or written.
pub(in crate::run) fn bring_back(transaction: &Transaction<'_>, task: &TaskId) -> Result<usize> {
    let workspace = transaction.workspace();
    let git = workspace.git()?;
    let Some(pin) = git.find_ref(&format!("refs/autonomy/parked/{task}"))? else { return Ok(0) };
    let parked = transaction.log().events()?.into_iter().rev().find_map(|(event, _)| match event.fact {
        Fact::IntentFormed { intent: Intent::Rollback { safety, plan, .. } } if safety == pin => Some(plan),
        _ => None,
    });
    let Some(text) = parked.map(|digest| transaction.kept(&digest)).transpose()?.flatten() else { return Ok(0) };
    let scope = RollbackPlan::from_json(&String::from_utf8_lossy(&text))?.undoing();
    let present = git.snapshot(workspace.environment(), limits(transaction)?, &[])?;
    let plan = git.plan_rollback(&present, &pin, &scope, &BTreeMap::new())?;
    let restored = git.carry_out(&plan, workspace.environment())?;
    for held in &restored.held_back {
        workspace.notice(format!("`{}` stayed as it is: {}", held.path, held.why));
    }
    Ok(restored.done.len())
}
