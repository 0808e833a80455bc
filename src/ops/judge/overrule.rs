//! `decision override`: a person chooses otherwise than was decided. The decision that held is replaced, and a task says what follows.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    host::{
        Result,
        store::{record, said},
        transaction::Transaction,
        workspace::Workspace,
    },
    model::{
        decision::{Decision, DecisionOption, Status},
        id::{DecisionId, Oid, TaskId, record_name},
        markdown::one_line,
        record::RecordKind,
        refusal::Refusal,
        task::{Criterion, Priority, Task},
    },
    ops::work::{
        board::Board,
        task::{add, commit_for_person},
    },
};

/// What a person chooses instead.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Request {
    /// The decision that is not to hold: its name, a unique part of it, or its title.
    pub decision: String,
    /// What holds in its place; one of its options, or another one.
    pub choice: String,
    /// Why.
    pub reason: String,
}

/// What holds now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Outcome {
    /// The decision that holds.
    pub decision: DecisionId,
    /// Its title.
    pub title: String,
    /// The one that it replaces.
    pub replaces: DecisionId,
    /// The task to follow it.
    pub task: TaskId,
    /// The commit that holds all of it, when one was made.
    pub commit: Option<Oid>,
}

/// Replaces a decision by a person's own.
///
/// # Errors
/// Refuses anybody but a person, a name that fits none or several, a decision that does not hold, the choice that holds already,
/// and none or no reason.
pub fn overrule(workspace: &Workspace, request: &Request) -> Result<Outcome> {
    let (choice, reason) = (one_line(&request.choice), request.reason.trim().to_owned());
    if choice.is_empty() || reason.is_empty() {
        return Err(Refusal::usage("another choice needs a name and a reason")
            .hint("`autonomy decision override <decision> --choose <name> --because \"<reason>\"`")
            .into());
    }
    let mut transaction = Transaction::open(workspace)?;
    transaction.demand_person("replacing a decision")?;
    let lock = transaction.lock_clone()?;
    let board = Board::of_decisions(workspace)?;
    let old = board.decision(&request.decision)?;
    let stored = board.stored(workspace, RecordKind::Decision, old.id.as_str())?;
    match old.status {
        Status::Accepted if old.choice.as_ref() != Some(&choice) => {}
        Status::Accepted => return Err(Refusal::no(format!("the decision {} chose `{choice}` already", old.id)).into()),
        Status::Proposed if !board.holdings.asks_about(&old.id, transaction.at()) => {}
        Status::Proposed => {
            return Err(Refusal::no(format!("the decision {} does not hold yet", old.id))
                .hint("`autonomy inbox` has the question that settles it")
                .into());
        }
        Status::Rejected | Status::Superseded => {
            return Err(Refusal::no(format!("the decision {} is {} already", old.id, old.status.word())).into());
        }
    }
    let id = DecisionId::new(record_name(transaction.at(), &old.title, &workspace.clock().suffix(4)?))?;
    let mut options = old.options.clone();
    if !options.is_empty() && !options.iter().any(|option| option.name == choice) {
        options.push(DecisionOption { name: choice.clone(), ..DecisionOption::default() });
    }
    let new = Decision {
        status: Status::Accepted,
        topic: old.topic,
        kind: old.kind,
        risk: old.risk,
        reversibility: old.reversibility,
        options,
        choice: Some(choice.clone()),
        reason: Some(reason.clone()),
        context: Some(format!("It takes the place of `{}`, which chose {}.", old.id, chose(old))),
        by: Some(transaction.actor().clone()),
        task: old.task.clone(),
        session: transaction.session().cloned(),
        paths: old.paths.clone(),
        ..Decision::new(id, old.title.clone(), transaction.at())
    };
    let title = format!("Follow the decision: {}", old.title);
    let task = Task {
        priority: Priority::High,
        description: format!("A person chose `{choice}` instead of {} (`{}`).\n\n{reason}", chose(old), new.id),
        criteria: vec![Criterion { text: format!("What was built follows `{choice}`"), done: false }],
        session: transaction.session().cloned(),
        ..Task::new(TaskId::new(record_name(transaction.at(), &title, &workspace.clock().suffix(4)?))?, title, transaction.at())
    };
    let path = RecordKind::Decision.path(new.id.as_str());
    let record = new.document(&path)?;
    let document = stored.document()?.set("status", &Status::Superseded)?.set("superseded_by", &new.id)?;
    let set = BTreeMap::from([
        ("status".to_owned(), serde_json::json!(Status::Superseded)),
        ("superseded_by".to_owned(), serde_json::json!(new.id)),
    ]);
    let mut facts = vec![
        record::written(&transaction, &path, record.text())?,
        said::recorded(workspace, &new, &record)?,
        record::changed_to(&transaction, &stored, document.text(), set)?,
    ];
    facts.extend(add::facts(&transaction, &task)?);
    transaction.append_facts(&facts)?;
    drop(lock);
    let commit = commit_for_person(&mut transaction, format!("decision replaced: {}", new.title));
    Ok(Outcome { decision: new.id, title: new.title, replaces: old.id.clone(), task: task.id, commit })
}

fn chose(old: &Decision) -> String {
    old.choice.as_ref().map_or_else(|| "nothing".to_owned(), |choice| format!("`{}`", one_line(choice)))
}
