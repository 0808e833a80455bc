//! `rollback`: the plan of going back to a checkpoint, carrying it out, and taking it back; for people and for runs.
//!
//! What happens to a path is `model::rollback`'s to decide. Memory is not rolled back: events, decisions and questions stay.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    host::{
        Error, Result,
        git::{Head, HeldBack, Ownership, Planned, Snapshot},
        store::{
            genuine,
            lock::CloneLock,
            rollbacks::{self, PLAN},
            snapshots::{self, Asked, Held, Prepared, Which},
        },
        transaction::Transaction,
        workspace::Workspace,
    },
    model::{
        actor::Actor,
        branch::{Protection, protection},
        change::{Side, TreePath},
        checkpoint::{CheckpointKind, Standing},
        event::Fact,
        id::{Digest, Oid, SessionId, TaskId},
        intent::Intent,
        manifest::LeftOut,
        quote::first_of,
        refusal::Refusal,
        rollback::{
            Action, BranchMove, Entry, Revert, RollbackPlan, Scope,
            chain::{Past, Steps, steps},
            settle::Settling,
        },
        time::Timestamp,
    },
    ops::time::{
        checkpoint::{find, short},
        journal::{self, Journal},
        ownership, revert, thinning,
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
    /// What becomes of conflicts.
    #[serde(default)]
    pub settling: Settling,
    /// Whether the branch that HEAD is on goes back too.
    #[serde(default)]
    pub head: Standpoint,
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
    /// To before the last rollback of this work tree that is not undone yet.
    Undo,
    /// To before the last undoing of this work tree, when nothing was rolled back since.
    Redo,
}

/// What a rollback is to those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// It goes back to a checkpoint.
    Back,
    /// It undoes a rollback.
    Undo,
    /// It takes such an undoing back.
    Redo,
}

impl Step {
    /// What its safety snapshot is called.
    fn before(self, it: &Outcome) -> String {
        match self {
            Self::Back => format!("before going back to {}", it.checkpoint),
            Self::Undo => "before a rollback was undone".to_owned(),
            Self::Redo => "before an undoing was taken back".to_owned(),
        }
    }

    /// The first line of the commit that goes with it.
    fn subject(self, it: &Outcome) -> String {
        match self {
            Self::Back => format!("Go back to {}", it.checkpoint),
            Self::Undo => format!("Undo a rollback: as it was {}", it.summary),
            Self::Redo => format!("Take an undoing back: as it was {}", it.summary),
        }
    }
}

/// What becomes of the branch that HEAD is on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Standpoint {
    /// It stays where it is.
    #[default]
    Stays,
    /// It goes back to the commit that HEAD was at; the one that it comes from is kept under `refs/autonomy/rescue/`.
    GoesBack,
    /// One commit on it takes back what was committed since the commit that HEAD was at; nothing of it is rewritten.
    Reverts,
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
    /// Whether it goes back, undoes a rollback, or takes an undoing back.
    pub step: Step,
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
    /// How many paths the revert commit changes, when one is made.
    pub revert: usize,
    /// What is there now, is not ignored, and is in no snapshot; it stays.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub uncovered: Vec<LeftOut>,
    /// How many paths that git ignores stay as they are; a directory that is ignored as a whole counts as one.
    pub ignored: usize,
    /// The versions of every path that is a conflict.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conflicts: Vec<Versions>,
    /// What was done; none when it was only planned, or when there was nothing to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub carried_out: Option<CarriedOut>,
}

impl Outcome {
    /// Whether the plan changes nothing.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        self.plan.branch.is_none()
            && self.revert == 0
            && self.restore + self.delete + self.staged + self.plan.directories.len() == 0
    }
}

/// The three versions of a path that is a conflict; one that is not there has none.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Versions {
    /// The path.
    pub path: TreePath,
    /// What the checkpoint has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checkpoint: Option<Version>,
    /// What was left there by whoever is known to have written it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left: Option<Version>,
    /// What stands there now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub now: Option<Version>,
}

/// One version of a path.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Version {
    /// Its content.
    pub blob: Oid,
    /// The command that shows it; none while no object holds it: then it is the file itself, or it is gone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shown: Option<String>,
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
    /// The commit that takes back what was committed since.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<Oid>,
    /// Tasks that are open again, because the work that proved them is undone.
    pub reopened: Vec<TaskId>,
    /// Tasks that are done again.
    pub closed: Vec<TaskId>,
    /// Whether a rollback can be undone now.
    pub can_undo: bool,
    /// Whether an undoing can be taken back now.
    pub can_redo: bool,
}

/// Plans a rollback, and carries it out when told to.
///
/// # Errors
/// Refuses an unknown checkpoint, naming the nearest, a plan that is not the one agreed to, and settling a conflict by anybody
/// but a person; fails when something cannot be read or written, and then the next command goes on.
pub fn rollback(workspace: &Workspace, request: &Request) -> Result<Outcome> {
    if request.settling != Settling::Leave {
        workspace.actor().must_be_person("settling the conflicts of a rollback")?;
    }
    let mut journal = match request.mode {
        Mode::Plan => Journal::reading(workspace)?,
        Mode::CarryOut { .. } => Journal::open(workspace)?,
    };
    let session = journal.session().cloned();
    let target = target(workspace, request, session.as_ref())?;
    let ownership = ownership(workspace, &target, request.settling, session.as_ref())?;
    let git = workspace.git()?;
    genuine::check(workspace, &target.held)?;
    let branch = branch_move(workspace, request, &target)?;
    let reverted = match (&target.reverted, request.head) {
        (Some(done), _) => revert::undoing(workspace, done)?,
        (None, Standpoint::Reverts) => revert::planned(workspace, &target.held.checkpoint)?,
        (None, Standpoint::Stays | Standpoint::GoesBack) => None,
    };
    let plan = |present: &Snapshot<'_>| {
        let mut planned = git
            .plan_rollback(present, &target.held.commit, &target.scope, &ownership)
            .map_err(|error| genuine::blamed(workspace, &target.held, error))?;
        genuine::check_content(workspace, &target.held, &planned.plan, |id| planned.merged.contains_key(id))?;
        planned.plan.branch.clone_from(&branch);
        planned.plan.revert.clone_from(&reverted);
        planned.plan.operation = git.operation().map(|operation| operation.command().to_owned());
        Ok::<_, Error>(planned)
    };
    let Mode::CarryOut { agreed } = &request.mode else {
        let present = journal.snapshot()?;
        let planned = plan(&present)?;
        return outcome(workspace, &target, &present, planned.plan);
    };
    if reverted.is_some() && journal.log().is_none() {
        return Err(Refusal::environment("cannot commit what goes back: no log can be written")
            .hint("`autonomy verify --repair`; without `--commit` only the files go back")
            .into());
    }
    let lock = journal::lock(workspace)?;
    let present = journal.snapshot()?;
    let planned = plan(&present)?;
    let mut outcome = outcome(workspace, &target, &present, planned.plan.clone())?;
    if agreed.as_ref().is_some_and(|agreed| *agreed != outcome.digest) {
        return Err(Refusal::conflict("the work tree has changed since the plan was shown")
            .hint("run the command again and look at the new plan")
            .retryable()
            .into());
    }
    if outcome.is_nothing() {
        return Ok(outcome);
    }
    if let (Some(operation), Some(_)) = (&outcome.plan.operation, agreed) {
        return Err(Refusal::needs_person(format!("`{operation}` is in the middle of its work"))
            .hint("finish it first, or say `--yes` to go back all the same")
            .into());
    }
    let over =
        |entry: &Entry| matches!(entry.action, Action::Restore | Action::Delete) && ownership.others.contains_key(&entry.path);
    if planned.plan.entries.iter().any(over) {
        workspace.must_be_shown_person("rolling back what another live session wrote")?;
    }
    let asked = safety(&planned, target.step.before(&outcome), None);
    let prepared = snapshots::prepare(workspace, &lock, journal.session(), journal.at(), present, asked)?;
    let safety = prepared.reference.trim_start_matches("refs/autonomy/").trim_start_matches("refs/tags/").to_owned();
    let (at, session) = (journal.at(), session.as_ref());
    let done = carry_out(Carrying { workspace, lock: &lock, log: journal.log(), session, at }, &prepared, &outcome.plan)?;
    thinning::after(workspace, &lock, journal.log(), &prepared);
    // Hooks run with the commit, and no lock is held meanwhile.
    drop(lock);
    let commit = match journal.log() {
        Some(log) => {
            let subject = target.step.subject(&outcome);
            revert::commit(log, &outcome.plan, &subject, target.held.checkpoint.name.clone())?
        }
        None => None,
    };
    // After a plain rollback nothing older has to be read: it is the one that is undone next, and it closes the way forward.
    let (can_undo, can_redo) = match target.step {
        Step::Back => (true, false),
        Step::Undo | Step::Redo => {
            let steps = History::read(workspace, git.worktree_name().as_deref())?.steps;
            (steps.undo.is_some(), steps.redo.is_some())
        }
    };
    outcome.carried_out = Some(CarriedOut {
        safety,
        done: done.restored.done.len(),
        held_back: done.restored.held_back,
        commit,
        reopened: done.reopened,
        closed: done.closed,
        can_undo,
        can_redo,
    });
    Ok(outcome)
}

/// The snapshot of everything as it was just before; it carries the plan, by which it is taken back.
fn safety(planned: &Planned, summary: String, task: Option<TaskId>) -> Asked {
    let merged = planned.merged.iter().map(|(id, text)| (format!("merged/{id}"), text.clone()));
    Asked {
        kind: CheckpointKind::Safety,
        title: String::new(),
        summary,
        task,
        standing: Standing::default(),
        files: merged.chain([(PLAN.to_owned(), planned.plan.to_json().into_bytes())]).collect(),
    }
}

/// What carrying out a plan needs.
struct Carrying<'a, 'l> {
    workspace: &'a Workspace,
    lock: &'a CloneLock,
    /// The log, where one can be written.
    log: Option<&'a mut Transaction<'l>>,
    session: Option<&'a SessionId>,
    at: Timestamp,
}

/// Carries out a plan and looks at what came of it; what is not as planned is taken back as a whole.
fn carry_out(mut with: Carrying<'_, '_>, safety: &Prepared, plan: &RollbackPlan) -> Result<rollbacks::Finished> {
    let done = with.once(safety, plan)?;
    if done.restored.unlike.is_empty() {
        return Ok(done);
    }
    let names = first_of(&done.restored.unlike.iter().map(ToString::to_string).collect::<Vec<_>>());
    let refusal = Refusal::environment(format!("{names} did not come out as planned"));
    let back = with.take_back(safety, plan, &done.restored.unlike)?;
    Err(if back.restored.unlike.is_empty() {
        let words = format!("{}, so the rollback was taken back: everything is as it was before", refusal.message);
        Refusal { message: words, ..refusal }.hint("look at the disk, then run the command again")
    } else {
        let words = format!("{}, and could not be taken back either", refusal.message);
        Refusal { message: words, ..refusal }.hint("look at the disk; `autonomy rollback --undo` tries again")
    }
    .into())
}

impl Carrying<'_, '_> {
    /// The intent, the ref of the safety snapshot, the files.
    fn once(&mut self, safety: &Prepared, plan: &RollbackPlan) -> Result<rollbacks::Finished> {
        let Some(log) = self.log.as_deref_mut() else {
            snapshots::place(self.workspace, safety)?;
            let restored = self.workspace.git()?.carry_out(plan, self.workspace.environment())?;
            if restored.unlike.is_empty() {
                rollbacks::move_branch(self.workspace, plan)?;
            }
            return Ok(rollbacks::Finished { restored, ..rollbacks::Finished::default() });
        };
        let intent =
            Intent::Rollback { to: plan.checkpoint.clone(), safety: safety.commit.clone(), plan: Digest::of(plan.to_json()) };
        log.append_facts(&[safety.fact.clone(), Fact::IntentFormed { intent: intent.clone() }])?;
        let seq = log.state().seq;
        snapshots::place(log.workspace(), safety)?;
        Ok(rollbacks::carry_out(log, seq, &intent)?.unwrap_or_default())
    }

    /// Goes back to the safety snapshot, at the paths that the plan touched.
    fn take_back(&mut self, before: &Prepared, plan: &RollbackPlan, unlike: &[TreePath]) -> Result<rollbacks::Finished> {
        let git = self.workspace.git()?;
        let present = journal::snapshot(self.workspace, self.session)?;
        let mut left = plan.left();
        let stands = present.changes_to(git, &before.commit)?.into_iter().map(|change| (change.path, change.before));
        left.extend(stands.filter(|(path, _)| unlike.contains(path)));
        let Scope::Undo { scope, verbatim, hollow, .. } = plan.undoing() else { return Ok(rollbacks::Finished::default()) };
        let scope = Scope::Undo { scope, left, verbatim, hollow };
        let planned = git.plan_rollback(&present, &before.commit, &scope, &Ownership::default())?;
        let asked = safety(&planned, "before a rollback that went wrong was taken back".to_owned(), None);
        let prepared = snapshots::prepare(self.workspace, self.lock, self.session, self.at, present, asked)?;
        self.once(&prepared, &planned.plan)
    }
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
    pub task: Option<TaskId>,
}

/// What came of it.
#[derive(Clone, Debug)]
pub struct Gone {
    /// The snapshot of everything as it was just before.
    pub safety: Oid,
    /// How many paths are now as planned.
    pub done: usize,
    /// Paths that stayed, because they are not as they were left.
    pub kept: Vec<TreePath>,
    /// Tasks that are open again.
    pub reopened: Vec<TaskId>,
}

/// Goes back over what the session's attempts changed, as far as it is as they left it; not at all when that is as it was.
///
/// # Errors
/// As [`rollback`].
pub fn retreat(transaction: &mut Transaction<'_>, to: Oid, summary: String) -> Result<Option<Gone>> {
    let (workspace, session) = (transaction.workspace(), transaction.session().cloned());
    nothing_in_progress(workspace)?;
    let scope = own(workspace, &BTreeSet::new(), session.as_ref())?;
    let present = journal::snapshot(workspace, session.as_ref())?;
    let ownership = Ownership { others: ownership::others(workspace, session.as_ref())?, ..Ownership::default() };
    let planned = workspace.git()?.plan_rollback(&present, &to, &scope, &ownership)?;
    if planned.plan.count(Action::Restore) + planned.plan.count(Action::Delete) == 0 {
        return Ok(None);
    }
    go_back(transaction, Going { to, scope, summary, task: None }).map(Some)
}

/// Goes back in a transaction that is open. What stays although it was meant is named in a notice.
///
/// # Errors
/// As [`rollback`].
pub fn go_back(transaction: &mut Transaction<'_>, going: Going) -> Result<Gone> {
    let workspace = transaction.workspace();
    let session = transaction.session().cloned();
    nothing_in_progress(workspace)?;
    let lock = journal::lock(workspace)?;
    let present = journal::snapshot(workspace, session.as_ref())?;
    let ownership = Ownership { others: ownership::others(workspace, session.as_ref())?, ..Ownership::default() };
    let planned = workspace.git()?.plan_rollback(&present, &going.to, &going.scope, &ownership)?;
    let asked = safety(&planned, going.summary, going.task);
    let prepared = snapshots::prepare(workspace, &lock, session.as_ref(), transaction.at(), present, asked)?;
    let at = transaction.at();
    let with = Carrying { workspace, lock: &lock, log: Some(transaction), session: session.as_ref(), at };
    let finished = carry_out(with, &prepared, &planned.plan)?;
    for entry in planned.plan.with(Action::Conflict) {
        workspace.notice(format!("`{}` stayed as it is: {}", entry.path, entry.why.words()));
    }
    for held in &finished.restored.held_back {
        workspace.notice(format!("`{}` stayed as it is: {}", held.path, held.why));
    }
    let conflicts = planned.plan.with(Action::Conflict).map(|entry| entry.path.clone());
    let kept = conflicts.chain(finished.restored.held_back.iter().map(|held| held.path.clone())).collect();
    Ok(Gone { safety: prepared.commit, done: finished.restored.done.len(), kept, reopened: finished.reopened })
}

/// Nobody is there to say yes in the middle of a merge or a rebase, so a way back by itself waits.
fn nothing_in_progress(workspace: &Workspace) -> Result<()> {
    let Some(operation) = workspace.git()?.operation() else { return Ok(()) };
    let words = format!("`{}` is in the middle of its work, so nothing goes back by itself", operation.command());
    Err(Refusal::conflict(words).hint("finish it, then run the command again").retryable().into())
}

/// What the attempts at a task left at their paths, of which only what is still so goes back.
///
/// # Errors
/// Fails when the session's log cannot be read.
pub fn attempts(transaction: &Transaction<'_>, paths: &BTreeSet<TreePath>) -> Result<Scope> {
    let mut left = match transaction.session() {
        Some(session) => ownership::left_by(transaction.workspace(), session)?,
        None => BTreeMap::new(),
    };
    left.retain(|path, _| paths.contains(path));
    Ok(Scope::Attempts { left })
}

/// Who wrote what, and how conflicts are settled.
fn ownership(workspace: &Workspace, target: &Target, settling: Settling, session: Option<&SessionId>) -> Result<Ownership> {
    let known = match settling {
        Settling::Leave => BTreeMap::new(),
        Settling::Ours | Settling::Theirs | Settling::Merge { .. } => {
            ownership::known(workspace, target.held.checkpoint.session.as_ref())?
        }
    };
    Ok(Ownership { others: ownership::others(workspace, session)?, known, settling })
}

fn outcome(workspace: &Workspace, target: &Target, present: &Snapshot<'_>, plan: RollbackPlan) -> Result<Outcome> {
    let git = workspace.git()?;
    let named = |side: Option<&Side>| {
        side.map(|side| Version {
            blob: side.oid.clone(),
            shown: git.has_object(&side.oid).then(|| format!("git show {}", side.oid.short())),
        })
    };
    let conflicts = plan.with(Action::Conflict).map(|entry| Versions {
        path: entry.path.clone(),
        checkpoint: named(entry.then.as_ref()),
        left: named(entry.left.as_ref().and_then(|left| left.side.as_ref())),
        now: named(entry.now.as_ref()),
    });
    Ok(Outcome {
        step: target.step,
        checkpoint: short(&target.held),
        created: target.held.checkpoint.created,
        summary: target.held.checkpoint.summary.clone(),
        digest: Digest::of(plan.to_json()),
        restore: plan.count(Action::Restore),
        delete: plan.count(Action::Delete),
        keep: plan.count(Action::Keep),
        conflict: plan.count(Action::Conflict),
        revert: revert::paths(workspace, &plan)?.len(),
        staged: git.staged_by(&plan, present).map_err(|error| genuine::blamed(workspace, &target.held, error))?,
        uncovered: present.manifest().left_out.clone(),
        ignored: present.manifest().ignored.len(),
        conflicts: conflicts.collect(),
        plan,
        carried_out: None,
    })
}

/// Where a rollback goes.
struct Target {
    held: Held,
    scope: Scope,
    step: Step,
    /// The branch that the rollback moved that is undone.
    moved: Option<BranchMove>,
    /// What the rollback committed that is undone.
    reverted: Option<Revert>,
}

/// The branch that goes back too, when that is asked for or undone.
fn branch_move(workspace: &Workspace, request: &Request, target: &Target) -> Result<Option<BranchMove>> {
    let git = workspace.git()?;
    if let Some(BranchMove { name, from, to }) = target.moved.clone() {
        let is_there = git.head()?.reference().as_ref() == Some(&name) && git.find_ref(&name)?.as_ref() == Some(&to);
        if !is_there {
            let branch = name.trim_start_matches("refs/heads/");
            workspace.notice(format!("`{branch}` stays where it is: it was moved since, or HEAD is elsewhere"));
        }
        return Ok(is_there.then_some(BranchMove { name, from: to, to: from }));
    }
    if request.head != Standpoint::GoesBack {
        return Ok(None);
    }
    workspace.actor().must_be_person("moving a branch back")?;
    let made = &target.held.checkpoint;
    let Head::Branch { name, commit: Some(from) } = git.head()? else {
        return Err(Refusal::usage("HEAD is on no branch with a commit, so none can go back")
            .hint("without `--branch` only the files go back")
            .into());
    };
    let Some(to) = made.head.clone().filter(|_| made.branch.as_ref() == Some(&name)) else {
        let was = made.branch.as_deref().unwrap_or("no branch");
        return Err(Refusal::usage(format!("the checkpoint was taken on `{was}`, and HEAD is on `{name}`"))
            .hint("`git switch` to it first; without `--branch` only the files go back")
            .into());
    };
    if let Protection::Protected(why) = protection(&name, &workspace.settings()?.branches, &git.branch_facts()?) {
        return Err(Refusal::no(format!("`{name}` is protected and does not go back: {why}"))
            .hint("without `--branch` only the files go back")
            .into());
    }
    Ok((from != to).then(|| BranchMove { name: format!("refs/heads/{name}"), from, to }))
}

/// What is gone back to, and which paths are considered.
fn target(workspace: &Workspace, request: &Request, session: Option<&SessionId>) -> Result<Target> {
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
        To::Undo | To::Redo if !request.paths.is_empty() => {
            return Err(Refusal::usage("a rollback is undone as a whole")
                .hint("`autonomy checkpoint list --all` names the snapshot to take single paths from")
                .into());
        }
        To::Undo => return History::read(workspace, here.as_deref())?.back(),
        To::Redo => return History::read(workspace, here.as_deref())?.forth(),
    };
    let scope = match workspace.actor() {
        Actor::Person { .. } => paths(Scope::Everything),
        Actor::Agent { .. } | Actor::Autonomy => own(workspace, &request.paths, session)?,
    };
    Ok(Target { held, scope, step: Step::Back, moved: None, reverted: None })
}

/// The paths that the session's attempts changed, and how it left them; when paths are named, those of them.
fn own(workspace: &Workspace, paths: &BTreeSet<TreePath>, session: Option<&SessionId>) -> Result<Scope> {
    let mut left = session.map_or_else(|| Ok(BTreeMap::new()), |session| ownership::left_by(workspace, session))?;
    left.retain(|path, _| paths.is_empty() || paths.iter().any(|named| path.is_below(named)));
    Ok(Scope::Session { left })
}

/// The rollbacks of a work tree that can be undone, oldest first.
struct History {
    past: Vec<(Held, RollbackPlan)>,
    steps: Steps,
}

impl History {
    fn read(workspace: &Workspace, here: Option<&str>) -> Result<Self> {
        let git = workspace.git()?;
        let mut held = snapshots::held(workspace, Which::Automatic)?;
        held.extend(snapshots::held(workspace, Which::Tagged)?);
        held.retain(|held| held.checkpoint.kind == CheckpointKind::Safety && held.checkpoint.worktree.as_deref() == here);
        held.sort_by_key(|held| held.checkpoint.created);
        let mut past = Vec::new();
        for held in held {
            let text = git.carried_file(&held.commit, PLAN)?.ok_or_else(|| {
                Refusal::environment(format!("the snapshot `{}` does not carry the plan of its rollback", short(&held)))
            })?;
            past.push((held, RollbackPlan::from_json(&text)?));
        }
        let undid = |plan: &RollbackPlan| matches!(plan.scope, Scope::Undo { .. }).then(|| plan.checkpoint.clone());
        let chain: Vec<Past> = past.iter().map(|(held, plan)| Past { safety: held.commit.clone(), undid: undid(plan) }).collect();
        Ok(Self { steps: steps(&chain), past })
    }

    fn back(mut self) -> Result<Target> {
        let Some(at) = self.steps.undo else {
            let none = Refusal::usage("there is no rollback to undo in this work tree");
            let hint = "`autonomy rollback --redo` takes the last undoing back";
            return Err(if self.steps.redo.is_some() { none.hint(hint) } else { none }.into());
        };
        let (held, plan) = self.past.swap_remove(at);
        Ok(Target { scope: plan.undoing(), held, step: Step::Undo, moved: plan.branch, reverted: plan.revert })
    }

    fn forth(mut self) -> Result<Target> {
        let none = || Refusal::usage("there is no undoing to take back in this work tree, or something was rolled back since");
        let at = self.steps.redo.ok_or_else(none)?;
        let (held, plan) = self.past.swap_remove(at);
        Ok(Target { scope: plan.undoing(), held, step: Step::Redo, moved: plan.branch, reverted: plan.revert })
    }
}
