//! `rollback`: the plan of going back to a checkpoint, carrying it out, and taking it back; for people and for runs.
//!
//! What happens to a path is `model::rollback`'s to decide. Memory is not rolled back: events, decisions and questions stay.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    host::{
        Result,
        git::{HeldBack, Snapshot},
        store::{
            binding,
            layout::Private,
            log::Log,
            rollbacks::{self, PLAN},
            snapshots::{self, Asked, Held, Prepared, Which},
        },
        transaction::Transaction,
        workspace::Workspace,
    },
    model::{
        actor::Actor,
        change::{Side, TreePath},
        checkpoint::{CheckpointKind, Standing},
        event::Fact,
        id::{Digest, Oid, SessionId, TaskId},
        intent::Intent,
        refusal::Refusal,
        rollback::{Action, RollbackPlan, Scope},
        time::Timestamp,
    },
    ops::time::{
        checkpoint::{find, short},
        journal::{self, Journal},
    },
};

/// Where to go back to, and what of it.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// Where to.
    pub to: To,
    /// Only these paths and what is in them; everything outside `.claude/` when there are none.
    #[serde(default)]
    pub paths: BTreeSet<TreePath>,
    /// Whether it is only planned.
    #[serde(default)]
    pub mode: Mode,
}

/// Where a rollback goes.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum To {
    /// A checkpoint.
    Checkpoint {
        /// Its name, a unique part of it, or its summary.
        name: String,
    },
    /// The last checkpoint of this work tree.
    Last,
    /// To before the last rollback of this work tree.
    Undo,
}

/// How far it goes.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum Mode {
    /// Only the plan is made.
    #[default]
    Plan,
    /// The plan is carried out.
    CarryOut {
        /// The plan that a person agreed to, as [`Outcome::digest`] named it; any when not said.
        #[serde(default)]
        agreed: Option<Digest>,
    },
}

/// The plan, and what came of it.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Outcome {
    /// What is gone back to: a tag, or an automatic snapshot.
    pub checkpoint: String,
    /// When it was taken.
    pub created: Timestamp,
    /// One line about it.
    pub summary: String,
    /// What happens to each path.
    pub plan: RollbackPlan,
    /// The digest of the plan.
    pub digest: Digest,
    /// How many paths are restored.
    pub restore: usize,
    /// How many paths are deleted.
    pub delete: usize,
    /// How many paths differ and stay.
    pub keep: usize,
    /// How many paths somebody else wrote, which stay.
    pub conflict: usize,
    /// How many entries of the index change.
    pub staged: usize,
    /// What was done; none when it was only planned, or when there was nothing to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub carried_out: Option<CarriedOut>,
}

impl Outcome {
    /// Whether the plan changes nothing.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        self.restore + self.delete + self.staged + self.plan.directories.len() == 0
    }
}

/// What a rollback did.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct CarriedOut {
    /// The snapshot of everything as it was just before.
    pub safety: String,
    /// How many paths are now as planned.
    pub done: usize,
    /// Paths that were changed in the meantime and stay.
    pub held_back: Vec<HeldBack>,
    /// Tasks that are open again, because the work that proved them is undone.
    pub reopened: Vec<TaskId>,
    /// Tasks that are done again.
    pub closed: Vec<TaskId>,
}

/// Plans a rollback, and carries it out when told to.
///
/// # Errors
/// Refuses an unknown checkpoint, naming the nearest, and a plan that is not the one agreed to; fails when something cannot be
/// read or written, and then the next command goes on.
pub fn rollback(workspace: &Workspace, request: &Request) -> Result<Outcome> {
    let mut journal = match request.mode {
        Mode::Plan => Journal::reading(workspace)?,
        Mode::CarryOut { .. } => Journal::open(workspace)?,
    };
    let session = journal.session().cloned();
    let (held, scope) = target(workspace, request, session.as_ref())?;
    let Mode::CarryOut { agreed } = &request.mode else {
        let present = journal.snapshot()?;
        let plan = planned(workspace, &present, &held, &scope, session.as_ref())?;
        return outcome(workspace, &held, &present, plan);
    };
    let lock = journal::lock(workspace)?;
    let present = journal.snapshot()?;
    let plan = planned(workspace, &present, &held, &scope, session.as_ref())?;
    let mut outcome = outcome(workspace, &held, &present, plan)?;
    if agreed.as_ref().is_some_and(|agreed| *agreed != outcome.digest) {
        return Err(Refusal::conflict("the work tree has changed since the plan was shown")
            .hint("run the command again and look at the new plan")
            .retryable()
            .into());
    }
    if outcome.is_nothing() {
        return Ok(outcome);
    }
    let asked = safety(&outcome.plan, format!("before going back to {}", outcome.checkpoint), None);
    let prepared = snapshots::prepare(workspace, &lock, journal.session(), journal.at(), present, asked)?;
    let safety = prepared.reference.trim_start_matches("refs/autonomy/").trim_start_matches("refs/tags/").to_owned();
    let done = if let Some(log) = journal.log() {
        carry_out(log, &prepared, &outcome.plan)?
    } else {
        snapshots::place(workspace, &prepared)?;
        let restored = workspace.git()?.carry_out(&outcome.plan, workspace.environment())?;
        rollbacks::Finished { restored, ..rollbacks::Finished::default() }
    };
    outcome.carried_out = Some(CarriedOut {
        safety,
        done: done.restored.done.len(),
        held_back: done.restored.held_back,
        reopened: done.reopened,
        closed: done.closed,
    });
    Ok(outcome)
}

/// The snapshot of everything as it was just before; it carries the plan, by which it is taken back.
fn safety(plan: &RollbackPlan, summary: String, task: Option<TaskId>) -> Asked {
    Asked {
        kind: CheckpointKind::Safety,
        title: String::new(),
        summary,
        task,
        standing: Standing::default(),
        files: vec![(PLAN.to_owned(), plan.to_json())],
    }
}

/// The intent, the ref of the safety snapshot, the files; whoever calls it holds the clone's lock.
fn carry_out(log: &mut Transaction<'_>, safety: &Prepared, plan: &RollbackPlan) -> Result<rollbacks::Finished> {
    let digest = log.keep_exact(plan.to_json().as_bytes())?;
    let intent = Intent::Rollback { to: plan.checkpoint.clone(), safety: safety.commit.clone(), plan: digest };
    log.append_facts(&[safety.fact.clone(), Fact::IntentFormed { intent: intent.clone() }])?;
    let seq = log.state().seq;
    snapshots::place(log.workspace(), safety)?;
    Ok(rollbacks::carry_out(log, seq, &intent)?.unwrap_or_default())
}

/// A way back that a run goes by itself.
#[derive(Clone, Debug)]
pub struct Going {
    /// The snapshot gone back to.
    pub to: Oid,
    /// Which paths are considered.
    pub scope: Scope,
    /// One line about it.
    pub summary: String,
    /// The task that is worked on.
    pub task: TaskId,
}

/// What came of it.
#[derive(Clone, Debug)]
pub struct Gone {
    /// The snapshot of everything as it was just before.
    pub safety: Oid,
    /// How many paths are now as planned.
    pub done: usize,
}

/// Goes back in a transaction that is open. What stays although it was meant is named in a notice.
///
/// # Errors
/// As [`rollback`].
pub fn go_back(transaction: &mut Transaction<'_>, going: Going) -> Result<Gone> {
    let workspace = transaction.workspace();
    let session = transaction.session().cloned();
    let lock = journal::lock(workspace)?;
    let present = journal::snapshot(workspace, session.as_ref())?;
    let others = others(workspace, session.as_ref())?;
    let plan = workspace.git()?.plan_rollback(&present, &going.to, &going.scope, &others)?;
    let asked = safety(&plan, going.summary, Some(going.task));
    let prepared = snapshots::prepare(workspace, &lock, session.as_ref(), transaction.at(), present, asked)?;
    let finished = carry_out(transaction, &prepared, &plan)?;
    for entry in plan.with(Action::Conflict) {
        workspace.notice(format!("`{}` stayed as it is: {}", entry.path, entry.why.words()));
    }
    for held in &finished.restored.held_back {
        workspace.notice(format!("`{}` stayed as it is: {}", held.path, held.why));
    }
    Ok(Gone { safety: prepared.commit, done: finished.restored.done.len() })
}

fn planned(
    workspace: &Workspace,
    present: &Snapshot<'_>,
    held: &Held,
    scope: &Scope,
    session: Option<&SessionId>,
) -> Result<RollbackPlan> {
    workspace.git()?.plan_rollback(present, &held.commit, scope, &others(workspace, session)?)
}

fn outcome(workspace: &Workspace, held: &Held, present: &Snapshot<'_>, plan: RollbackPlan) -> Result<Outcome> {
    Ok(Outcome {
        checkpoint: short(held),
        created: held.checkpoint.created,
        summary: held.checkpoint.summary.clone(),
        digest: Digest::of(plan.to_json()),
        restore: plan.count(Action::Restore),
        delete: plan.count(Action::Delete),
        keep: plan.count(Action::Keep),
        conflict: plan.count(Action::Conflict),
        staged: workspace.git()?.staged_by(&plan, present)?,
        plan,
        carried_out: None,
    })
}

/// What is gone back to, and which paths are considered.
fn target(workspace: &Workspace, request: &Request, session: Option<&SessionId>) -> Result<(Held, Scope)> {
    let here = workspace.git()?.worktree_name();
    let paths = |scope: Scope| if request.paths.is_empty() { scope } else { Scope::Paths { paths: request.paths.clone() } };
    let held = match &request.to {
        To::Checkpoint { name } => find(workspace, name)?,
        To::Last => {
            let mut tagged = snapshots::held(workspace, Which::Tagged)?;
            tagged.retain(|held| held.checkpoint.worktree == here);
            tagged
                .pop()
                .ok_or_else(|| Refusal::usage("this work tree has no checkpoint").hint("`autonomy checkpoint` takes one"))?
        }
        To::Undo => return undo(workspace, request, here.as_deref()),
    };
    let scope = match workspace.actor() {
        Actor::Person { .. } => paths(Scope::Everything),
        Actor::Agent { .. } | Actor::Autonomy => own(workspace, request, session)?,
    };
    Ok((held, scope))
}

/// The safety snapshot of the last rollback, and the paths that it touched.
fn undo(workspace: &Workspace, request: &Request, here: Option<&str>) -> Result<(Held, Scope)> {
    if !request.paths.is_empty() {
        return Err(Refusal::usage("a rollback is undone as a whole")
            .hint("`autonomy checkpoint list --automatic` names the snapshot to take single paths from")
            .into());
    }
    let git = workspace.git()?;
    let mut automatic = snapshots::held(workspace, Which::Automatic)?;
    automatic.extend(snapshots::held(workspace, Which::Tagged)?);
    automatic.retain(|held| held.checkpoint.kind == CheckpointKind::Safety && held.checkpoint.worktree.as_deref() == here);
    automatic.sort_by_key(|held| held.checkpoint.created);
    let held = automatic.pop().ok_or_else(|| Refusal::usage("there is no rollback to undo in this work tree"))?;
    let text = git.carried_file(&held.commit, PLAN)?.ok_or_else(|| {
        Refusal::environment(format!("the snapshot `{}` does not carry the plan of its rollback", short(&held)))
    })?;
    let scope = RollbackPlan::from_json(&text)?.undoing();
    Ok((held, scope))
}

/// The paths that the session's attempts changed, and how it left them; with `--paths`, those of them.
fn own(workspace: &Workspace, request: &Request, session: Option<&SessionId>) -> Result<Scope> {
    let mut left = match session {
        Some(session) => seen(workspace, session)?,
        None => BTreeMap::new(),
    };
    left.retain(|path, _| request.paths.is_empty() || request.paths.iter().any(|named| path.is_below(named)));
    Ok(Scope::Session { left: left.into_iter().map(|(path, (_, side))| (path, side)).collect() })
}

type Seen = BTreeMap<TreePath, (Timestamp, Option<Side>)>;

/// The last that a live session's log says of each path that it changed.
fn seen(workspace: &Workspace, session: &SessionId) -> Result<Seen> {
    let directory = Private::of(workspace.common_directory()).session(session);
    let Some(log) = Log::open(&directory, session.as_str())? else { return Ok(Seen::new()) };
    let mut seen = Seen::new();
    for (event, _) in log.events()? {
        if let Fact::ChangeSeen { changes, .. } = event.fact {
            seen.extend(changes.into_iter().map(|change| (change.path, (event.at, change.after))));
        }
    }
    Ok(seen)
}

/// Paths of this work tree that another live session wrote last. A log that cannot be read says nothing.
fn others(workspace: &Workspace, own: Option<&SessionId>) -> Result<BTreeMap<TreePath, SessionId>> {
    let live = binding::live(&Private::of(workspace.common_directory()))?;
    let here =
        live.into_iter().filter(|(_, binding)| binding.as_ref().is_some_and(|binding| binding.work_tree == workspace.root()));
    let mut last: BTreeMap<TreePath, (Timestamp, SessionId)> = BTreeMap::new();
    for (session, _) in here {
        for (path, (at, _)) in seen(workspace, &session).unwrap_or_default() {
            if last.get(&path).is_none_or(|(known, _)| *known <= at) {
                last.insert(path, (at, session.clone()));
            }
        }
    }
    let foreign = last.into_iter().filter(|(_, (_, session))| Some(session) != own);
    Ok(foreign.map(|(path, (_, session))| (path, session)).collect())
}
