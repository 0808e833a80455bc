//! Lets go of snapshots that the settings do not keep: looks at what holds on to each, and deletes refs.
//!
//! Which of them go is decided by `model::retention`. Objects are git's: they stay until its own gc takes them.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    host::{
        Result,
        store::{
            binding, holdings,
            layout::{CLONE, Private},
            overview::Overview,
            rollbacks::PLAN,
            snapshots::{self, Held, Which},
        },
        workspace::Workspace,
    },
    model::{
        checkpoint::CheckpointKind,
        id::{Oid, QuestionId, SessionId, TaskId},
        intent::Intent,
        record::RecordKind,
        retention::{Candidate, Fate, Hold, Limits, NextUndo, decide, is_automatic},
        rollback::{
            RollbackPlan, Scope,
            chain::{Past, Steps, steps},
        },
        task::progress::Progress,
        time::Timestamp,
    },
};

/// Where the work of tasks is pinned that are given up for now.
const PARKED: &str = "refs/autonomy/parked/";

/// Decides about snapshots, oldest first. With names, exactly those go that are named, as far as nothing holds on to them.
///
/// # Errors
/// Fails when git, a log or a record folder cannot be read.
pub fn consider(
    workspace: &Workspace,
    which: &[Which],
    named: &BTreeSet<Oid>,
    limits: &Limits,
    now: Timestamp,
) -> Result<Vec<(Held, Fate)>> {
    let (mut held, mut all) = (Vec::new(), Vec::new());
    for each in [Which::Tagged, Which::Automatic] {
        let found = snapshots::held(workspace, each)?;
        if which.contains(&each) {
            held.extend(found.clone());
        }
        all.extend(found);
    }
    held.sort_by_key(|held| held.checkpoint.created);
    let holds = Holds::read(workspace, all)?;
    let candidates: Vec<Candidate> = held.iter().map(|held| holds.candidate(held)).collect();
    let fates = decide(&candidates, named, limits, now, |places| {
        let commits: Vec<Oid> = places.iter().map(|at| candidates[*at].commit.clone()).collect();
        weigh(workspace, &held, &commits)
    })?;
    Ok(held.into_iter().zip(fates).collect())
}

/// How many bytes, before compression, nothing else holds of all these snapshots together.
///
/// # Errors
/// Fails when git cannot be read.
pub fn weight(workspace: &Workspace, all: &[Held], going: &[Oid]) -> Result<u64> {
    Ok(weigh(workspace, all, going)?.into_iter().sum())
}

/// How many bytes of each of `commits` nothing else in the repository holds, and none before it. Of what lies in the history of
/// a branch, its last commits count and those that the snapshots were taken at.
fn weigh(workspace: &Workspace, all: &[Held], commits: &[Oid]) -> Result<Vec<u64>> {
    if commits.is_empty() {
        return Ok(Vec::new());
    }
    let git = workspace.git()?;
    let weighed: BTreeSet<&Oid> = commits.iter().collect();
    let own: BTreeSet<&str> =
        all.iter().filter(|held| weighed.contains(&held.commit)).map(|held| held.reference.as_str()).collect();
    let refs = git.list_refs("refs/")?.into_iter().filter(|(name, _)| !own.contains(name.as_str())).map(|(_, target)| target);
    let heads = all.iter().filter_map(|held| held.checkpoint.head.clone());
    let kept: BTreeSet<Oid> = refs.chain(heads).chain(git.head()?.commit().cloned()).collect();
    git.weigh(&kept.into_iter().collect::<Vec<_>>(), commits)
}

/// Deletes the refs of snapshots, each only where it still holds that snapshot. Gone already is gone.
///
/// # Errors
/// Fails when a ref cannot be written; the others are as they were.
pub fn let_go(workspace: &Workspace, going: &[Held]) -> Result<()> {
    let git = workspace.git()?;
    for held in going {
        let target = match held.reference.strip_prefix("refs/tags/") {
            Some(name) => git.tag(name)?.filter(|tag| tag.target == held.commit).and_then(|tag| tag.annotation).map(|it| it.id),
            None => git.find_ref(&held.reference)?.filter(|commit| *commit == held.commit),
        };
        if let Some(target) = target {
            git.delete_ref(&held.reference, &target)?;
        }
    }
    Ok(())
}

/// What holds on to snapshots.
struct Holds {
    live: BTreeSet<SessionId>,
    parked: BTreeSet<TaskId>,
    asked_in: BTreeMap<SessionId, QuestionId>,
    asked_about: BTreeMap<TaskId, QuestionId>,
    /// Commits that unfinished rollbacks go from and to.
    rollbacks: BTreeSet<Oid>,
    /// Whether the clone's own log, which would tell of unfinished rollbacks, cannot be read.
    unknown: bool,
    /// What undoings went back to, by the snapshot that was taken before.
    undid: BTreeMap<Oid, Oid>,
    /// What undoing, or taking an undoing back, goes back to next, in each work tree.
    next: BTreeSet<Oid>,
}

impl Holds {
    fn read(workspace: &Workspace, mut all: Vec<Held>) -> Result<Self> {
        all.retain(|held| held.checkpoint.kind == CheckpointKind::Safety);
        all.sort_by_key(|held| held.checkpoint.created);
        let undid: BTreeMap<Oid, Oid> =
            all.iter().filter_map(|held| Some((held.commit.clone(), undid(workspace, &held.commit)?))).collect();
        let overview = Overview::read(workspace)?;
        // A session whose log cannot be read is not known to be over.
        let is_over = |session: &SessionId| overview.session(session).is_some_and(|known| known.state.is_ended());
        let live = binding::live(&Private::of(workspace.common_directory()))?.into_iter().map(|(session, _)| session);
        let live = live.filter(|session| !is_over(session)).collect();
        let rollbacks = overview.logs.iter().flat_map(|known| known.state.intents.values()).flat_map(|intent| match intent {
            Intent::Rollback { to, safety, .. } => vec![to.clone(), safety.clone()],
            Intent::Commit { .. } | Intent::Branch { .. } => Vec::new(),
        });
        let (records, _) = holdings::read(workspace, &overview, &[RecordKind::Task, RecordKind::Question])?;
        let pinned = workspace.git()?.list_refs(PARKED)?;
        let pinned = pinned.iter().filter_map(|(name, _)| TaskId::new(name.strip_prefix(PARKED)?).ok());
        let parked = records.tasks.iter().filter(|held| matches!(held.progress, Progress::Parked { .. }));
        let questions = records.open_questions(workspace.clock().now());
        Ok(Self {
            live,
            parked: parked.map(|held| held.task.id.clone()).chain(pinned).collect(),
            asked_in: questions.iter().filter_map(|question| Some((question.session.clone()?, question.id.clone()))).collect(),
            asked_about: questions
                .iter()
                .flat_map(|question| question.blocks.iter().map(|task| (task.clone(), question.id.clone())))
                .collect(),
            rollbacks: rollbacks.collect(),
            unknown: overview.damaged.iter().any(|(name, _)| name == CLONE),
            next: next(&all, &undid),
            undid,
        })
    }

    fn candidate(&self, held: &Held) -> Candidate {
        let it = &held.checkpoint;
        Candidate {
            name: held.reference.clone(),
            commit: held.commit.clone(),
            kind: it.kind,
            created: it.created,
            rests_on: self.undid.get(&held.commit).cloned(),
            hold: self.hold(held),
            next: if self.next.contains(&held.commit) { NextUndo::Yes } else { NextUndo::No },
        }
    }

    fn hold(&self, held: &Held) -> Option<Hold> {
        let it = &held.checkpoint;
        let in_doubt = self.unknown && it.session.is_none() && is_automatic(it.kind);
        if self.rollbacks.contains(&held.commit) || in_doubt {
            return Some(Hold::UnfinishedRollback);
        }
        if let Some(session) = it.session.as_ref().filter(|session| self.live.contains(*session)) {
            return Some(Hold::LiveSession { session: session.clone() });
        }
        if let Some(task) = it.task.as_ref().filter(|task| self.parked.contains(*task)) {
            return Some(Hold::ParkedTask { task: task.clone() });
        }
        let question = it.task.as_ref().and_then(|task| self.asked_about.get(task));
        let question = question.or_else(|| it.session.as_ref().and_then(|session| self.asked_in.get(session)));
        question.map(|question| Hold::OpenQuestion { question: question.clone() })
    }
}

/// What is undone next in each work tree, and what is taken back next, of snapshots from before rollbacks, the oldest first.
fn next(safeties: &[Held], undid: &BTreeMap<Oid, Oid>) -> BTreeSet<Oid> {
    let mut chains: BTreeMap<Option<&str>, Vec<Past>> = BTreeMap::new();
    for held in safeties {
        let past = Past { safety: held.commit.clone(), undid: undid.get(&held.commit).cloned() };
        chains.entry(held.checkpoint.worktree.as_deref()).or_default().push(past);
    }
    let next = chains.values().flat_map(|chain| {
        let Steps { undo, redo } = steps(chain);
        [undo, redo].into_iter().flatten().map(|at| chain[at].safety.clone())
    });
    next.collect()
}

/// The safety snapshot that the rollback went back to which began with this one, when that undid another.
fn undid(workspace: &Workspace, safety: &Oid) -> Option<Oid> {
    // One that carries no plan that can be read cannot be undone, so it rests on nothing.
    let text = workspace.git().ok()?.carried_file(safety, PLAN).ok()??;
    let plan = RollbackPlan::from_json(&text).ok()?;
    matches!(plan.scope, Scope::Undo { .. }).then_some(plan.checkpoint)
}
