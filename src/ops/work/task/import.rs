//! `task import`: tasks out of a person's check-list, each line once. The list itself is not touched.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    host::{Result, store::write, transaction::Transaction, workspace::Workspace},
    model::{
        document::{self, MAX_MARKDOWN},
        event::Fact,
        id::{Digest, TaskId, record_name},
        refusal::Refusal,
        task::{Source, Status, Task, order, progress::Move},
        todo::{self, Item},
    },
    ops::work::{
        board::Board,
        task::{add, done, proof::Evidence},
    },
};

/// The check-list that is read when none is named.
pub const USUAL: &str = "docs/TODO.md";

/// Which check-list.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Request {
    /// The file, from the top of the work tree; [`USUAL`] when it is not said.
    pub file: Option<String>,
}

/// A task that was read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Imported {
    /// Its name.
    pub task: TaskId,
    /// Its title.
    pub title: String,
    /// Its line, from 1.
    pub line: usize,
}

/// What was read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Outcome {
    /// The file.
    pub file: String,
    /// New tasks.
    pub added: Vec<Imported>,
    /// Open tasks whose box somebody ticked in the list; they are done, unproven.
    pub done: Vec<Imported>,
    /// How many lines were read before.
    pub known: usize,
    /// What a line comes after and no task is called.
    pub unresolved: Vec<String>,
}

/// Reads a check-list.
///
/// # Errors
/// Refuses a file that is not there, not UTF-8 or too large, and dependencies in a circle.
pub fn import(workspace: &Workspace, request: &Request) -> Result<Outcome> {
    let file = request.file.clone().unwrap_or_else(|| USUAL.to_owned());
    let path = write::inside(workspace.root(), &file)?;
    let Some(bytes) = write::read_capped(&path, MAX_MARKDOWN as u64)? else {
        return Err(Refusal::usage(format!("there is no `{file}`")).hint("name the list: `autonomy task import <file>`").into());
    };
    let text = document::utf8(&file, bytes)?;
    let items = todo::read(&text);
    let mut transaction = Transaction::open(workspace)?;
    let lock = transaction.lock_clone()?;
    let board = Board::read(workspace)?;
    let mut outcome = Outcome { file: file.clone(), added: Vec::new(), done: Vec::new(), known: 0, unresolved: Vec::new() };
    let mut by_title: BTreeMap<String, TaskId> =
        board.holdings.tasks.iter().map(|held| (held.task.title.to_lowercase(), held.task.id.clone())).collect();
    let (mut fresh, mut facts): (Vec<(Task, &Item)>, Vec<Fact>) = (Vec::new(), Vec::new());
    for item in &items {
        let Some(digest) = item.digest.clone() else { continue };
        let known = board
            .holdings
            .tasks
            .iter()
            .find(|held| held.task.source.as_ref().is_some_and(|it| it.file == file && it.line == digest));
        if let Some(held) = known {
            outcome.known += 1;
            if item.done && held.task.status == Status::Open && held.progress.allows(Move::Finish, &held.task).is_ok() {
                facts.extend(done::facts(&transaction, &board, held, &Evidence::default())?.0);
                outcome.done.push(Imported { task: held.task.id.clone(), title: held.task.title.clone(), line: item.line });
            }
        } else if !item.done && !fresh.iter().any(|(_, other)| other.digest == item.digest) {
            let task = task(&transaction, item, &file, digest)?;
            by_title.insert(task.title.to_lowercase(), task.id.clone());
            fresh.push((task, item));
        }
    }
    let done_before: Vec<String> = items.iter().filter(|item| item.done).map(|item| item.title.to_lowercase()).collect();
    for (task, item) in &mut fresh {
        for name in &item.after {
            match by_title.get(&name.to_lowercase()) {
                Some(id) => task.after.push(id.clone()),
                None if done_before.contains(&name.to_lowercase()) => {}
                None => match board.task(name) {
                    Ok(held) => task.after.push(held.task.id.clone()),
                    Err(_) => outcome.unresolved.push(name.clone()),
                },
            }
        }
    }
    let all = board.holdings.tasks.iter().map(|held| &held.task).chain(fresh.iter().map(|(task, _)| task));
    if let Some(circle) = order::cycle(all) {
        let names: Vec<&str> = circle.iter().map(TaskId::as_str).collect();
        return Err(Refusal::usage(format!("the tasks of `{file}` would wait for each other: {}", names.join(", "))).into());
    }
    for (task, item) in fresh {
        facts.extend(add::facts(&transaction, &task)?);
        outcome.added.push(Imported { task: task.id, title: task.title, line: item.line });
    }
    if !facts.is_empty() {
        transaction.append_facts(&facts)?;
    }
    drop(lock);
    Ok(outcome)
}

fn task(transaction: &Transaction<'_>, item: &Item, file: &str, line: Digest) -> Result<Task> {
    let id = TaskId::new(record_name(transaction.at(), &item.title, &transaction.workspace().clock().suffix(4)?))?;
    Ok(Task {
        priority: item.priority.unwrap_or_default(),
        estimate: item.estimate,
        acceptance: item.acceptance.clone(),
        gates: item.gates.clone(),
        session: transaction.session().cloned(),
        source: Some(Source { file: file.to_owned(), line }),
        criteria: item.criteria.clone(),
        description: item.description.clone(),
        ..Task::new(id, item.title.clone(), transaction.at())
    })
}
