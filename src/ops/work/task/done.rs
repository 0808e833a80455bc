//! `task done`: say that a task is done. What proves it is a verdict of gates on a tree; without one it reads "unproven".
//!
//! For a task nothing is run here: what `gate run` and `task verify` found out counts while the tree is still the one that
//! they saw. A milestone is a claim about all of the work, so what tests it is run first.

use std::collections::BTreeMap;

use crate::{
    host::{
        Error, Result,
        process::{Stop, stop_on_signals},
        store::{lock::CloneLock, record, snapshots::Prepared},
        transaction::Transaction,
        workspace::Workspace,
    },
    model::{
        event::Fact,
        holdings::{HeldTask, Holdings},
        id::TaskId,
        quote,
        record::RecordKind,
        refusal::{Code, Refusal},
        task::{
            Status, TaskKind, order,
            progress::{Move, Progress, Proof},
        },
    },
    ops::{
        time::checkpoint::{self, Asking},
        work::{
            board::Board,
            task::{
                Moved, Request, Step, carry_out, commit_for_person,
                proof::{Evidence, Tested, is_without_gates, known, test},
                refuse_before,
                start::ask_first,
            },
        },
    },
};

/// Says that a task is done.
///
/// # Errors
/// Refuses a task that waits or is over, and a milestone that something keeps: a task before it, or a test.
pub fn done(workspace: &Workspace, request: &Request) -> Result<Moved> {
    let mut transaction = Transaction::open(workspace)?;
    let board = Board::read(workspace)?;
    let held = board.task(&request.task)?;
    let moved = match held.task.kind {
        TaskKind::Milestone => {
            let mut tell = |line: &str| workspace.notice(line.to_owned());
            match reach(&mut transaction, &held.task.id, &stop_on_signals()?, &mut tell)? {
                Reached::Yes(moved) => *moved,
                Reached::No(refusal) => return Err(refusal.into()),
            }
        }
        TaskKind::Task | TaskKind::Migration => finish(&mut transaction, &held.task.id)?,
    };
    let commit = commit_for_person(&mut transaction, format!("task done: {}", moved.title));
    Ok(Moved { commit, ..moved })
}

/// What came of trying to reach a milestone.
#[derive(Debug)]
pub enum Reached {
    /// It is reached.
    Yes(Box<Moved>),
    /// It is not, and why.
    No(Refusal),
}

/// Runs what tests a milestone, and says that it is reached when all of that is green. `tell` gets a line for each answer.
///
/// # Errors
/// Refuses one that waits, is over, or comes after something that is not done; fails when a program cannot be started or
/// the log cannot be written.
pub fn reach(transaction: &mut Transaction<'_>, id: &TaskId, stop: &Stop, tell: &mut dyn FnMut(&str)) -> Result<Reached> {
    let board = Board::read(transaction.workspace())?;
    let held = board.task(id.as_str())?;
    held.progress.allows(Move::Finish, &held.task)?;
    refuse_before(&board, held, Move::Finish)?;
    let label = held.task.label();
    Ok(match test(transaction, &held.task, stop, tell)? {
        Tested::Green => Reached::Yes(Box::new(finish(transaction, id)?)),
        Tested::Red { what, output } => {
            let said = quote::printed(output.as_deref());
            let refusal = Refusal::no(format!("the milestone {label} is not reached: {what}; {said}"));
            Reached::No(refusal.hint(format!("mend it, then `autonomy task done {id}` tests it again")))
        }
        Tested::Untrusted { entry } => Reached::No(
            Refusal::needs_person(format!("the milestone {label} is not reached: nobody trusts {entry}, which tests it"))
                .hint("`autonomy trust` shows it"),
        ),
        Tested::Stopped => Reached::No(Refusal::new(Code::No, format!("the tests of the milestone {label} were stopped"))),
    })
}

fn finish(transaction: &mut Transaction<'_>, id: &TaskId) -> Result<Moved> {
    let (mut reached, mut stopped) = (Vec::new(), None);
    let moved = carry_out(transaction, id.as_str(), Move::Finish, |transaction, lock, board, held| {
        // Work that nobody was to begin is not done either, unless a person says so.
        if !transaction.actor().is_person()
            && let Some((facts, refusal)) = ask_first(transaction, board, held, transaction.at())?
        {
            stopped = Some(refusal);
            return Ok(Step { facts, taken: None });
        }
        let (facts, mut milestones) = facts(transaction, board, held, &known(transaction, &held.task)?)?;
        if held.task.kind == TaskKind::Milestone {
            milestones.insert(0, held.task.id.clone());
        }
        let taken = keep(transaction, lock, board, held, &milestones);
        reached = milestones;
        // A run that lands this task takes a checkpoint of its own after: by this one it does not count as landed.
        Ok(Step { facts: taken.iter().map(|taken| taken.fact.clone()).chain(facts).collect(), taken })
    })?;
    stopped.map_or(Ok(Moved { reached, ..moved }), |refusal| Err(Error::Refused(refusal)))
}

/// The checkpoint of a task that is being finished, and of the milestones that are reached by that. The task is done without
/// one as well.
fn keep(transaction: &Transaction<'_>, lock: &CloneLock, board: &Board, held: &HeldTask, reached: &[TaskId]) -> Option<Prepared> {
    let asking = Asking::finished(&board.holdings, &held.task.id, reached);
    let taken = checkpoint::prepare_under(transaction, lock, asking);
    taken.inspect_err(|error| transaction.workspace().notice(format!("no checkpoint was taken: {error}"))).ok()
}

/// The facts that finish a task: its record says done, and so do those of the milestones that are reached by it: those that
/// the same evidence proves, because no command of their own tests them.
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
    let is_proven = evidence.tree.is_some() || is_without_gates(transaction.workspace())?;
    let reached = if is_proven { reached_by(&board.holdings, &held.task.id) } else { Vec::new() };
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

/// The milestones that nothing keeps any more once `done` is, and that no command tests.
fn reached_by(holdings: &Holdings, done: &TaskId) -> Vec<TaskId> {
    let (mut holdings, mut reached) = (holdings.clone(), vec![done.clone()]);
    loop {
        for held in &mut holdings.tasks {
            if reached.contains(&held.task.id) {
                held.progress = Progress::Done { proof: Proof::Unproven };
            }
        }
        match order::due(&holdings.standings()).iter().find(|milestone| !milestone.is_tested()) {
            Some(milestone) => reached.push(milestone.id.clone()),
            None => return reached.split_off(1),
        }
    }
}
