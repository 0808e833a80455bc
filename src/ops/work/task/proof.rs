//! What proves that a task is done: verdicts about the tree at hand, those that are known and those that are asked for.
//!
//! What follows from them is decided by whoever asks.

use crate::{
    host::{Result, process::Stop, transaction::Transaction, workspace::Workspace},
    model::{change::TreePath, event::Verdict, id::Oid, settings::Gate, state::State, task::Task},
    ops::{
        judge::gate::{self, Judged},
        setup::in_force::{self, GateInForce},
        work::task::verify::{self, Check},
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

/// What is known to be green for the tree at hand: every gate that may run and is needed, and the commands that the task is
/// tested with, if it has any. No tree when something of it is not, or when there is nothing of the kind.
pub(super) fn known(transaction: &Transaction<'_>, task: &Task) -> Result<Evidence> {
    let (workspace, state) = (transaction.workspace(), transaction.state());
    if state.gates.is_empty() && state.tested.is_empty() {
        return Ok(Evidence::default());
    }
    let git = workspace.git()?;
    let tree = git.tree_outside_claude(workspace.environment())?;
    let mut verdicts: Vec<bool> =
        in_force::gates(workspace)?.iter().filter_map(needed).map(|(own, gate)| is_green(state, own, gate, &tree)).collect();
    if verify::declaration(task).is_some() {
        verdicts.push(is_tested_green(state, task, &tree));
    }
    if verdicts.is_empty() || verdicts.contains(&false) {
        return Ok(Evidence::default());
    }
    let outside = |path: &TreePath| !path.as_bytes().starts_with(b".claude/");
    let uncommitted = git.status()?.paths().iter().filter(|path| outside(path)).take(NAMED).map(ToString::to_string).collect();
    Ok(Evidence { tree: Some(tree), uncommitted })
}

/// A gate that may run and is needed.
fn needed(own: &GateInForce) -> Option<(&GateInForce, &Gate)> {
    Some((own, own.gate.as_ref().filter(|gate| gate.needed)?))
}

fn is_green(state: &State, own: &GateInForce, gate: &Gate, tree: &Oid) -> bool {
    state.gates.get(&own.name).is_some_and(|known| {
        known.verdict == Verdict::Green && known.tree == *tree && known.declaration == gate::declaration(gate)
    })
}

fn is_tested_green(state: &State, task: &Task, tree: &Oid) -> bool {
    let declared = verify::declaration(task).map(|declaration| declaration.digest);
    state.tested.get(&task.id).is_some_and(|known| {
        known.verdict == Verdict::Green && known.tree == *tree && Some(&known.declaration) == declared.as_ref()
    })
}

/// Whether no gate is needed that may run.
pub(super) fn is_without_gates(workspace: &Workspace) -> Result<bool> {
    Ok(!in_force::gates(workspace)?.iter().any(|own| needed(own).is_some()))
}

/// What came of testing a task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Tested {
    /// All that may run is green.
    Green,
    /// Something is not.
    Red {
        /// What.
        what: String,
        /// The end of what it printed.
        output: Option<String>,
    },
    /// A command of its own did not run, because nobody trusts it.
    Untrusted {
        /// The command.
        entry: String,
    },
    /// It was told to stop.
    Stopped,
}

/// Runs the needed gates and the task's own commands, but for those that are known to be green on the tree at hand.
pub(super) fn test(transaction: &mut Transaction<'_>, task: &Task, stop: &Stop, tell: &mut dyn FnMut(&str)) -> Result<Tested> {
    let workspace = transaction.workspace();
    let tree = workspace.git()?.tree_outside_claude(workspace.environment())?;
    let all = in_force::gates(workspace)?;
    let asked: Vec<GateInForce> = {
        let state = transaction.state();
        let open = all.iter().filter_map(needed).filter(|(own, gate)| !is_green(state, own, gate, &tree));
        open.map(|(own, _)| own.clone()).collect()
    };
    let mut hear = |one: &gate::Ran| tell(&format!("gate {}: {} ({})", one.gate, one.verdict.word(), one.took));
    let Judged::Through { ran, .. } = gate::judge(transaction, &asked, None, stop, &mut hear)? else {
        return Ok(Tested::Stopped);
    };
    if let Some(red) = ran.into_iter().find(|one| one.verdict != Verdict::Green) {
        return Ok(Tested::Red { what: format!("the gate `{}` is {}", red.gate, red.verdict.word()), output: red.output });
    }
    if !task.is_tested() || is_tested_green(transaction.state(), task, &tree) {
        return Ok(Tested::Green);
    }
    let outcome = verify::verify_until(workspace, &verify::Request { task: task.id.to_string() }, stop);
    transaction.catch_up()?;
    if outcome.is_err() && stop.is_told() {
        return Ok(Tested::Stopped);
    }
    for check in outcome?.checks {
        match check {
            Check::Ran { entry, verdict: Verdict::Green, took, .. } => tell(&format!("{entry}: green ({took})")),
            Check::Ran { entry, verdict, output, .. } => {
                return Ok(Tested::Red { what: format!("{entry} is {}", verdict.word()), output });
            }
            Check::Untrusted { entry } => return Ok(Tested::Untrusted { entry }),
            Check::ForPerson { .. } => {}
        }
    }
    Ok(Tested::Green)
}
