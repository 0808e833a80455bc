//! `task milestones`: the eight usual milestones as tasks, and those of components that come later.
//!
//! What is there already by its title stays as it is, but for what comes before it.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    host::{Result, store::record, transaction::Transaction, workspace::Workspace},
    model::{
        id::{TaskId, record_name},
        markdown::one_line,
        record::RecordKind,
        refusal::Refusal,
        task::{
            Task, TaskKind,
            milestone::{Outline, usual},
            progress::Progress,
        },
    },
    ops::work::{
        board::Board,
        task::add::{self, Outcome as Added},
    },
};

/// What the project consists of.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Request {
    /// Its major components; all of it is one when none is named.
    pub components: Vec<String>,
}

/// What was added.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Outcome {
    /// The new ones, in the order in which they are reached.
    pub added: Vec<Added>,
    /// Those that were there already.
    pub known: Vec<TaskId>,
}

/// Adds the usual milestones that are not there yet.
///
/// # Errors
/// Refuses an empty or overlong name of a component; fails when the log cannot be written.
pub fn milestones(workspace: &Workspace, request: &Request) -> Result<Outcome> {
    let components: Vec<String> = request.components.iter().map(|name| one_line(name)).collect();
    if components.iter().any(|name| name.is_empty() || name.chars().count() > 100) {
        return Err(Refusal::usage("the name of a component is one line of 1 to 100 characters").into());
    }
    let mut transaction = Transaction::open(workspace)?;
    let lock = transaction.lock_clone()?;
    let board = Board::read(workspace)?;
    let mut outcome = Outcome { added: Vec::new(), known: Vec::new() };
    let (mut facts, mut names) = (Vec::new(), BTreeMap::new());
    for Outline { title, meaning, after } in usual(&components) {
        if names.contains_key(&title) {
            continue;
        }
        let after: Vec<TaskId> = after.iter().filter_map(|title| names.get(title)).cloned().collect();
        let fits = |task: &Task| task.kind == TaskKind::Milestone && task.title == title;
        let known = board.holdings.tasks.iter().find(|held| fits(&held.task) && held.progress != Progress::Cancelled);
        let id = if let Some(held) = known {
            let id = held.task.id.clone();
            let new: Vec<&TaskId> = after.iter().filter(|before| !held.task.after.contains(before)).collect();
            if !new.is_empty() && !held.progress.is_over() {
                let all: Vec<&TaskId> = held.task.after.iter().chain(new).collect();
                let stored = board.stored(workspace, RecordKind::Task, id.as_str())?;
                let set = BTreeMap::from([("after".to_owned(), serde_json::json!(all))]);
                facts.push(record::changed(&transaction, &stored, set)?);
            }
            outcome.known.push(id.clone());
            id
        } else {
            let id = TaskId::new(record_name(transaction.at(), &title, &workspace.clock().suffix(4)?))?;
            let task = Task {
                kind: TaskKind::Milestone,
                after,
                session: transaction.session().cloned(),
                description: meaning.to_owned(),
                ..Task::new(id.clone(), title.as_str(), transaction.at())
            };
            facts.extend(add::facts(&transaction, &task)?);
            let path = RecordKind::Task.path(id.as_str());
            outcome.added.push(Added { task: id.clone(), title: title.clone(), path });
            id
        };
        names.insert(title, id);
    }
    if !facts.is_empty() {
        transaction.append_facts(&facts)?;
    }
    drop(lock);
    Ok(outcome)
}
