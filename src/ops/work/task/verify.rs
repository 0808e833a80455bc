//! `task verify`: carry out a task's acceptance commands and tick its boxes with what came of them.
//!
//! A command runs once a person trusted it; what only a person can look at is listed and left to them. No lock is held while
//! a command runs.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    host::{
        Result,
        process::{self, Invocation, Program, Stop, Variables, stop_on_signals},
        store::record,
        transaction::Transaction,
        trust::TrustStore,
        workspace::Workspace,
    },
    model::{
        document::Document,
        event::{Fact, Verdict},
        id::{Oid, TaskId},
        process::Exit,
        record::RecordKind,
        refusal::{Code, Refusal},
        settings::value::CommandLine,
        task::{
            Task,
            acceptance::{Acceptance, Passed, with_result},
        },
        time::Lapse,
        trust::{Declaration, Kind, Standing},
    },
    ops::work::board::Board,
};

/// How long a command may take that says nothing about it.
const LIMIT: Lapse = Lapse::minutes(10);
/// The most bytes of a red command's output that are shown.
const SHOWN: usize = 4_000;

/// Which task.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Request {
    /// Its name, a unique part of it, or its title.
    pub task: String,
}

/// What came of one entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum Check {
    /// A command was carried out.
    Ran {
        /// The command.
        entry: String,
        /// What it said.
        verdict: Verdict,
        /// Its exit code, when it had one.
        exit: Option<i32>,
        /// How long it took.
        took: Lapse,
        /// The end of what it printed, when it is not green.
        output: Option<String>,
    },
    /// Nobody trusts the command yet, so it did not run.
    Untrusted {
        /// The command.
        entry: String,
    },
    /// A person has to look at it.
    ForPerson {
        /// What at.
        entry: String,
    },
}

/// What came of a task's acceptance entries.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Outcome {
    /// The task.
    pub task: TaskId,
    /// Each entry in order.
    pub checks: Vec<Check>,
}

impl Outcome {
    /// What it comes to: red, waiting for trust, or good.
    #[must_use]
    pub fn code(&self) -> Option<Code> {
        let red = |check: &Check| matches!(check, Check::Ran { verdict, .. } if *verdict != Verdict::Green);
        if self.checks.iter().any(red) {
            Some(Code::No)
        } else if self.checks.iter().any(|check| matches!(check, Check::Untrusted { .. })) {
            Some(Code::NeedsPerson)
        } else {
            None
        }
    }
}

/// What a task wants to run, for `autonomy trust`; none when it wants nothing.
#[must_use]
pub fn declaration(task: &Task) -> Option<Declaration> {
    let commands: Vec<&Acceptance> = task.acceptance.iter().filter(|it| matches!(it, Acceptance::Command { .. })).collect();
    let content = serde_json::to_string(&commands).ok().filter(|_| !commands.is_empty())?;
    Some(Declaration::new(Kind::Acceptance, task.id.as_str(), &content))
}

/// What the tasks that are not over want to run.
///
/// # Errors
/// Fails when the store cannot be read.
pub fn declarations(workspace: &Workspace) -> Result<Vec<Declaration>> {
    let board = Board::read(workspace)?;
    Ok(board.holdings.tasks.iter().filter(|held| !held.progress.is_over()).filter_map(|held| declaration(&held.task)).collect())
}

/// Carries out what a person trusts of a task's acceptance entries and ticks its boxes.
///
/// # Errors
/// Refuses an unknown task and one without entries; fails when a program cannot be started at all.
pub fn verify(workspace: &Workspace, request: &Request) -> Result<Outcome> {
    verify_until(workspace, request, &stop_on_signals()?)
}

/// The same for who has a request to stop of their own.
///
/// # Errors
/// As [`verify`].
pub fn verify_until(workspace: &Workspace, request: &Request, stop: &Stop) -> Result<Outcome> {
    let task = Board::read(workspace)?.task(&request.task)?.task.clone();
    if task.acceptance.is_empty() {
        return Err(Refusal::no(format!("the task {} says nothing about how it is tested", task.label()))
            .hint(format!("add `acceptance:` to `{}`", RecordKind::Task.path(task.id.as_str())))
            .into());
    }
    let trusted = trusted(workspace, &task)?;
    let tree = workspace.git()?.tree_outside_claude(workspace.environment())?;
    let mut checks = Vec::new();
    for entry in &task.acceptance {
        checks.push(match entry {
            Acceptance::Text(_) => Check::ForPerson { entry: entry.label() },
            Acceptance::Command { command, timeout } if trusted.contains(entry) => {
                run(workspace, &entry.label(), command, timeout.unwrap_or(LIMIT), stop)?
            }
            Acceptance::Command { .. } => Check::Untrusted { entry: entry.label() },
        });
    }
    keep(workspace, &task, &checks, tree)?;
    Ok(Outcome { task: task.id, checks })
}

/// The commands that may run: of a changed declaration, those that were in it when it was trusted.
fn trusted(workspace: &Workspace, task: &Task) -> Result<Vec<Acceptance>> {
    let Some(declaration) = declaration(task) else { return Ok(Vec::new()) };
    Ok(match TrustStore::open(workspace)?.standing(&declaration) {
        Standing::Trusted => task.acceptance.clone(),
        Standing::Changed { in_force } => serde_json::from_str(&in_force).unwrap_or_default(),
        Standing::Untrusted => Vec::new(),
    })
}

fn run(workspace: &Workspace, entry: &str, command: &CommandLine, limit: Lapse, stop: &Stop) -> Result<Check> {
    let invocation = match command {
        CommandLine::Program(words) => Invocation::words(words),
        CommandLine::Shell(line) => Invocation::Shell(line.clone()),
    };
    let variables = Variables::inherited(workspace.environment());
    let program = Program { limit: limit.0, ..Program::new(invocation, workspace.root(), &variables, workspace.secrets(), stop) };
    let finished = process::run(&program, &mut |_| Ok(()))?;
    let (verdict, exit) = match finished.exit {
        Exit::Code(0) => (Verdict::Green, Some(0)),
        Exit::Code(code) => (Verdict::Red, Some(code)),
        Exit::TimedOut => (Verdict::TimedOut, None),
        Exit::Signal(_) => (Verdict::Red, None),
        Exit::Stopped => return Err(Refusal::no("the tests were stopped; no box was touched").into()),
    };
    let output = (verdict != Verdict::Green).then(|| tail(&format!("{}{}", finished.stdout.text(), finished.stderr.text())));
    Ok(Check::Ran { entry: entry.to_owned(), verdict, exit, took: Lapse(finished.lasted), output })
}

/// What the commands come to as a whole; none when one of them did not run.
fn whole(checks: &[Check]) -> Option<Verdict> {
    let mut whole = None;
    for check in checks {
        match check {
            Check::Untrusted { .. } => return None,
            Check::Ran { verdict, .. } if whole.is_none_or(|known| known == Verdict::Green) => whole = Some(*verdict),
            Check::Ran { .. } | Check::ForPerson { .. } => {}
        }
    }
    whole
}

/// The end of a text, from the start of a line where that is near.
fn tail(text: &str) -> String {
    let from = text.len().saturating_sub(SHOWN);
    let from = (from..text.len()).find(|&at| text.is_char_boundary(at)).unwrap_or(text.len());
    text[from..].trim().to_owned()
}

/// Ticks the boxes of the record as it is now, and keeps what came of the commands as a whole as a fact about the tree that
/// they saw. Who changed the record meanwhile keeps their change.
fn keep(workspace: &Workspace, task: &Task, checks: &[Check], tree: Oid) -> Result<()> {
    let commit = workspace.git()?.head()?.commit().map_or_else(|| "no commit".to_owned(), |commit| commit.short().to_owned());
    let mut transaction = Transaction::open(workspace)?;
    let lock = transaction.lock_clone()?;
    let stored = Board::read(workspace)?.stored(workspace, RecordKind::Task, task.id.as_str())?;
    let mut document: Document = stored.document()?;
    for (entry, check) in task.acceptance.iter().zip(checks) {
        let Check::Ran { verdict, exit, took, .. } = check else { continue };
        let passed = if *verdict == Verdict::Green { Passed::Yes } else { Passed::No };
        let ended = match (verdict, exit) {
            (Verdict::TimedOut, _) => "out of time".to_owned(),
            (Verdict::Green | Verdict::Red | Verdict::Broken, Some(code)) => format!("exit {code}"),
            (Verdict::Green | Verdict::Red | Verdict::Broken, None) => "ended by a signal".to_owned(),
        };
        let evidence = format!("{ended} after {took} on {}Z, on top of {commit}", transaction.at().minute());
        document = with_result(&document, entry, passed, &evidence)?;
    }
    let mut facts = Vec::new();
    if document.text().as_bytes() != stored.bytes {
        facts.push(record::changed_to(&transaction, &stored, document.text(), std::collections::BTreeMap::new())?);
    }
    if let (Some(declaration), Some(verdict)) = (declaration(task), whole(checks)) {
        facts.push(Fact::TaskTested { task: task.id.clone(), declaration: declaration.digest, tree, verdict });
    }
    if !facts.is_empty() {
        transaction.append_facts(&facts)?;
    }
    drop(lock);
    Ok(())
}
