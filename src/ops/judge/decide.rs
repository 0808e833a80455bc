//! `decide`: record a decision, so that others can follow it and take it up again. Whether it may be taken is not ruled here.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    host::{Result, store::record, transaction::Transaction, workspace::Workspace},
    model::{
        decision::{Decision, DecisionOption, Reversibility, Risk, Status, Topic},
        event::Fact,
        id::{DecisionId, record_name},
        markdown::one_line,
        record::RecordKind,
        refusal::Refusal,
    },
    ops::work::board::Board,
};

/// What was decided.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Request {
    /// One line.
    pub title: String,
    /// What it is about.
    #[serde(rename = "type")]
    pub topic: Topic,
    /// What could have been done.
    pub options: Vec<DecisionOption>,
    /// What was chosen; without it the decision is a proposal.
    pub choice: Option<String>,
    /// Why.
    pub reason: Option<String>,
    /// What led to the question.
    pub context: Option<String>,
    /// What follows from it.
    pub consequences: Vec<String>,
    /// What it costs to go back.
    pub reversibility: Reversibility,
    /// How much can go wrong.
    pub risk: Risk,
    /// How sure whoever decided is, from 0 to 1.
    pub confidence: Option<f64>,
    /// The task that it belongs to; that of the focus when it is not said.
    pub task: Option<String>,
    /// The paths that it is about.
    pub paths: Vec<String>,
    /// What would make it worth deciding again.
    pub reopen_if: Option<String>,
}

/// What was recorded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Outcome {
    /// Its name.
    pub decision: DecisionId,
    /// Its title.
    pub title: String,
    /// Accepted, or proposed when nothing was chosen.
    pub status: Status,
    /// Its file, from the top of the work tree.
    pub path: String,
}

/// Records a decision.
///
/// # Errors
/// Refuses what a decision of its risk has to say and does not, and an unknown task.
pub fn decide(workspace: &Workspace, request: &Request) -> Result<Outcome> {
    let named = match &request.task {
        Some(given) => Some(Board::read(workspace)?.task(given)?.task.id.clone()),
        None => None,
    };
    let title = one_line(&request.title);
    let mut transaction = Transaction::open(workspace)?;
    let id = DecisionId::new(record_name(transaction.at(), &title, &workspace.clock().suffix(4)?))?;
    let decision = Decision {
        status: if request.choice.is_some() { Status::Accepted } else { Status::Proposed },
        topic: request.topic,
        options: request.options.clone(),
        choice: request.choice.clone(),
        reason: request.reason.clone(),
        context: request.context.clone(),
        consequences: request.consequences.clone(),
        reversibility: request.reversibility,
        risk: request.risk,
        confidence: request.confidence,
        by: Some(transaction.actor().clone()),
        task: named.or_else(|| transaction.state().focus.as_ref().and_then(|focus| focus.task.clone())),
        session: transaction.session().cloned(),
        paths: request.paths.clone(),
        reopen_if: request.reopen_if.clone(),
        ..Decision::new(id, title, transaction.at())
    };
    let faults: Vec<String> = decision.faults().into_iter().map(|(_, words)| words).collect();
    if !faults.is_empty() {
        return Err(Refusal::usage(format!("cannot record the decision: {}", faults.join("; ")))
            .hint("`autonomy decide \"<title>\" --option <name> --choose <name> --because \"<reason>\"`")
            .into());
    }
    let path = RecordKind::Decision.path(decision.id.as_str());
    let written = record::written(&transaction, &path, decision.document(&path)?.text())?;
    let recorded = Fact::DecisionRecorded { decision: decision.id.clone(), title: decision.title.clone() };
    transaction.append_facts(&[written, recorded])?;
    Ok(Outcome { decision: decision.id, title: decision.title, status: decision.status, path })
}
