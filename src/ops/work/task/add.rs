//! `task add`: a new task's record.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    host::{Result, store::record, transaction::Transaction, workspace::Workspace},
    model::{
        event::Fact,
        id::{TaskId, record_name},
        markdown::one_line,
        record::RecordKind,
        refusal::Refusal,
        task::{Criterion, HumanGate, Priority, Task, TaskKind, acceptance::Acceptance},
        time::Lapse,
    },
    ops::work::board::Board,
};

/// The most characters that a title may have; what is longer belongs into the description.
const MAX_TITLE: usize = 300;

/// What is to be done.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Request {
    /// One line.
    pub title: String,
    /// What there is to say about it.
    pub description: Option<String>,
    /// How much it matters.
    pub priority: Priority,
    /// How long it should take.
    pub estimate: Option<Lapse>,
    /// A piece of work or a milestone.
    pub kind: TaskKind,
    /// The tasks that have to be done first.
    pub after: Vec<String>,
    /// The task that it is a part of.
    pub part_of: Option<String>,
    /// What must be true at the end.
    pub criteria: Vec<String>,
    /// How it is tested.
    pub acceptance: Vec<Acceptance>,
    /// What a person has to rule before it may be started.
    pub gates: Vec<HumanGate>,
}

/// What was added.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Outcome {
    /// Its name.
    pub task: TaskId,
    /// Its title.
    pub title: String,
    /// Its file, from the top of the work tree.
    pub path: String,
}

/// Adds a task.
///
/// # Errors
/// Refuses an empty or overlong title, an estimate of nothing, and unknown tasks.
pub fn add(workspace: &Workspace, request: &Request) -> Result<Outcome> {
    let title = one_line(&request.title);
    if title.is_empty() || title.chars().count() > MAX_TITLE {
        return Err(Refusal::usage(format!("the title of a task is one line of 1 to {MAX_TITLE} characters"))
            .hint("`autonomy task add \"<title>\" --description \"<the rest>\"`")
            .into());
    }
    if request.estimate.is_some_and(|estimate| estimate.0.is_zero()) {
        return Err(Refusal::usage("an estimate of nothing is none").hint("write it like `30m`, `1h` or `4h`").into());
    }
    let mut transaction = Transaction::open(workspace)?;
    let (mut after, mut parent) = (Vec::new(), None);
    if !request.after.is_empty() || request.part_of.is_some() {
        let board = Board::read(workspace)?;
        for given in &request.after {
            after.push(board.task(given)?.task.id.clone());
        }
        if let Some(given) = &request.part_of {
            parent = Some(board.task(given)?.task.id.clone());
        }
    }
    if let Some(parent) = parent.as_ref().filter(|parent| after.contains(parent)) {
        return Err(
            Refusal::usage(format!("a part of the task {parent} cannot come after it: the task comes after its parts")).into()
        );
    }
    let id = TaskId::new(record_name(transaction.at(), &title, &workspace.clock().suffix(4)?))?;
    let task = Task {
        priority: request.priority,
        estimate: request.estimate,
        kind: request.kind,
        after,
        parent,
        acceptance: request.acceptance.clone(),
        gates: request.gates.clone(),
        session: transaction.session().cloned(),
        criteria: request.criteria.iter().map(|text| Criterion { text: one_line(text), done: false }).collect(),
        description: request.description.clone().unwrap_or_default(),
        ..Task::new(id, title, transaction.at())
    };
    let facts = facts(&transaction, &task)?;
    transaction.append_facts(&facts)?;
    Ok(Outcome { path: RecordKind::Task.path(task.id.as_str()), task: task.id, title: task.title })
}

/// The facts that add `task`.
///
/// # Errors
/// Fails when the record's bytes cannot be kept.
pub(in crate::ops) fn facts(transaction: &Transaction<'_>, task: &Task) -> Result<[Fact; 2]> {
    let path = RecordKind::Task.path(task.id.as_str());
    let written = record::written(transaction, &path, task.document(&path)?.text())?;
    Ok([written, Fact::TaskAdded { task: task.id.clone(), title: task.title.clone(), gates: task.gates.clone() }])
}
