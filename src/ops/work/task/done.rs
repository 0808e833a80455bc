//! `task done`: say that a task is done. What proves it is a verdict of gates on a tree; without one it reads "unproven".
//!
//! Nothing is run here: what `gate run` and `task verify` found out counts while the tree is still the one that they saw.

use std::collections::BTreeMap;

use crate::{
    host::{
        Result,
        store::{lock::CloneLock, record, snapshots::Prepared},
        transaction::Transaction,
        workspace::Workspace,
    },
    model::{
        change::TreePath,
        event::{Fact, Verdict},
        holdings::{HeldTask, Holdings},
        id::{Oid, TaskId},
        record::RecordKind,
        state::GateState,
        task::{
            Status, Task, order,
            progress::{Move, Progress, Proof},
        },
    },
    ops::{
        judge::gate,
        setup::in_force,
        time::checkpoint::{self, Asking},
        work::{
            board::Board,
            task::{Moved, Request, Step, carry_out, commit_for_person, verify},
        },
    },
};

/// The most uncommitted paths that evidence names.
pub const NAMED: usize = 20;

/// What proves that a task is done.
#[derive(Clone, Debug, Default)]
pub struct Evidence {
    /// The tree, outside `.claude/`, that the gates saw green.
    pub tree: Option<Oid>,
    /// Paths that were not committed when they did.
    pub uncommitted: Vec<String>,
}

/// Says that a task is done.
///
/// # Errors
/// Refuses a task that waits or is over.
pub fn done(workspace: &Workspace, request: &Request) -> Result<Moved> {
    let mut reached = Vec::new();
    let (mut transaction, moved) = carry_out(workspace, &request.task, Move::Finish, |transaction, lock, board, held| {
        let (facts, milestones) = facts(transaction, board, held, &known(transaction, &held.task)?)?;
        let taken = keep(transaction, lock, board, held, &milestones);
        reached = milestones;
        // A run that lands this task takes a checkpoint of its own after: by this one it does not count as landed.
        Ok(Step { facts: taken.iter().map(|taken| taken.fact.clone()).chain(facts).collect(), taken })
    })?;
    let commit = commit_for_person(&mut transaction, format!("task done: {}", moved.title));
    Ok(Moved { reached, commit, ..moved })
}

/// The checkpoint of a task that is being finished, and of the milestones that are reached by that. The task is done without
/// one as well.
fn keep(transaction: &Transaction<'_>, lock: &CloneLock, board: &Board, held: &HeldTask, reached: &[TaskId]) -> Option<Prepared> {
    let asking = Asking::finished(&board.holdings, &held.task.id, reached);
    let taken = checkpoint::prepare_under(transaction, lock, asking);
    taken.inspect_err(|error| transaction.workspace().notice(format!("no checkpoint was taken: {error}"))).ok()
}

/// What is known to be green for the tree at hand: every gate that may run and is needed, and the commands that the task is
/// tested with, if it has any. No tree when something of it is not, or when there is nothing of the kind.
fn known(transaction: &Transaction<'_>, task: &Task) -> Result<Evidence> {
    let (workspace, state) = (transaction.workspace(), transaction.state());
    if state.gates.is_empty() && state.tested.is_empty() {
        return Ok(Evidence::default());
    }
    let git = workspace.git()?;
    let tree = git.tree_outside_claude(workspace.environment())?;
    let mut verdicts = Vec::new();
    for own in in_force::gates(workspace)? {
        let Some(gate) = own.gate.filter(|gate| gate.needed) else { continue };
        let fits = |known: &&GateState| known.tree == tree && known.declaration == gate::declaration(&gate);
        verdicts.push(state.gates.get(&own.name).filter(fits).map(|known| known.verdict));
    }
    if let Some(declaration) = verify::declaration(task) {
        let known = state.tested.get(&task.id).filter(|known| known.tree == tree && known.declaration == declaration.digest);
        verdicts.push(known.map(|known| known.verdict));
    }
    if verdicts.is_empty() || verdicts.iter().any(|verdict| *verdict != Some(Verdict::Green)) {
        return Ok(Evidence::default());
    }
    let outside = |path: &TreePath| !path.as_bytes().starts_with(b".claude/");
    let uncommitted = git.status()?.paths().iter().filter(|path| outside(path)).take(NAMED).map(ToString::to_string).collect();
    Ok(Evidence { tree: Some(tree), uncommitted })
}

/// The facts that finish a task: its record says done, and so do those of the milestones that are reached by it.
///
/// # Errors
/// Fails when a record cannot be changed.
pub fn facts(
    transaction: &Transaction<'_>,
    board: &Board,
    held: &HeldTask,
    evidence: &Evidence,
) -> Result<(Vec<Fact>, Vec<TaskId>)> {
    let mut facts = one(transaction, board, &held.task.id, evidence)?;
    let reached = reached_by(&board.holdings, &held.task.id);
    for id in &reached {
        facts.extend(one(transaction, board, id, evidence)?);
    }
    Ok((facts, reached))
}

fn one(transaction: &Transaction<'_>, board: &Board, id: &TaskId, evidence: &Evidence) -> Result<Vec<Fact>> {
    let stored = board.stored(transaction.workspace(), RecordKind::Task, id.as_str())?;
    let set = BTreeMap::from([("status".to_owned(), serde_json::json!(Status::Done))]);
    let Evidence { tree, uncommitted } = evidence.clone();
    Ok(vec![record::changed(transaction, &stored, set)?, Fact::TaskDone { task: id.clone(), tree, uncommitted }])
}

/// The milestones that nothing keeps any more once `done` is.
fn reached_by(holdings: &Holdings, done: &TaskId) -> Vec<TaskId> {
    let (mut holdings, mut reached) = (holdings.clone(), vec![done.clone()]);
    loop {
        for held in &mut holdings.tasks {
            if reached.contains(&held.task.id) {
                held.progress = Progress::Done { proof: Proof::Unproven };
            }
        }
        match order::reached(&holdings.standings()).first() {
            Some(milestone) => reached.push(milestone.id.clone()),
            None => return reached.split_off(1),
        }
    }
}
