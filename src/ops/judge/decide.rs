//! `decide`: record a decision, so that others can follow it and take it up again.
//!
//! A person decides. What an agent decides is ruled on by the authority of the repository: where it may not go on by itself,
//! the decision is recorded as a proposal, and a person is asked.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{
    host::{
        Result,
        store::{record, said},
        transaction::Transaction,
        workspace::Workspace,
    },
    model::{
        actor::Actor,
        authority::{
            case::Case,
            policy::FILE,
            ruling::{Judged, Step},
        },
        decision::{ChangeKind, Decision, DecisionOption, Reversibility, Risk, Ruled, Ruling, Status, Topic},
        event::Fact,
        id::{AgentName, DecisionId, QuestionId, record_name},
        markdown::one_line,
        question::{APPROVE, Choice, QuestionKind, REJECT, Urgency},
        record::RecordKind,
        refusal::Refusal,
    },
    ops::{
        judge::{ask, authority},
        work::board::Board,
    },
};

/// What the question begins with that asks to approve a decision.
const APPROVAL: &str = "Approve: ";

/// What was decided.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Request {
    /// One line.
    pub title: String,
    /// What it is about.
    #[serde(rename = "type")]
    pub topic: Topic,
    /// What is changed by it, when that is one of the kinds of the table of who decides.
    pub kind: Option<ChangeKind>,
    /// Facts about it that rules ask for, by name: `cost`, `breaking`, `production`, …
    pub facts: Map<String, Value>,
    /// The role of the agent that decides, as `agents.yaml` names it.
    pub agent: Option<AgentName>,
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
    /// By which rule it was taken, or not; none where a person decides.
    pub ruled: Option<Ruled>,
    /// The question that asks a person to approve it.
    pub question: Option<QuestionId>,
}

/// Records a decision.
///
/// # Errors
/// Refuses what a decision of its risk has to say and does not, an unknown task or fact, rules that are wrong, and what the
/// rules deny.
pub fn decide(workspace: &Workspace, request: &Request) -> Result<Outcome> {
    let named = match &request.task {
        Some(given) => Some(Board::read(workspace)?.task(given)?.task.id.clone()),
        None => None,
    };
    let title = one_line(&request.title);
    let mut transaction = Transaction::open(workspace)?;
    let judged = match transaction.actor() {
        Actor::Person { .. } => None,
        Actor::Agent { .. } | Actor::Autonomy => Some(authority::check(workspace, &case(request)?)?),
    };
    let ruling = judged.as_ref().map(|judged| judged.ruling).unwrap_or_default();
    let ruled = judged.as_ref().map(ruled);
    if let (Ruling::Deny, Some(ruled)) = (ruling, &ruled) {
        return Err(Refusal::no(format!("`{title}` is denied by {} (`{}`)", ruled.by, ruled.at))
            .hint("find another way, or ask: `autonomy ask \"<question>\"`")
            .into());
    }
    let waits = request.choice.is_some() && !ruling.is_free();
    let approval = format!("{APPROVAL}{title}");
    let id = DecisionId::new(record_name(transaction.at(), &title, &workspace.clock().suffix(4)?))?;
    let decision = Decision {
        status: if request.choice.is_some() && !waits { Status::Accepted } else { Status::Proposed },
        topic: request.topic,
        kind: request.kind,
        options: request.options.clone(),
        choice: request.choice.clone(),
        reason: request.reason.clone(),
        context: request.context.clone(),
        consequences: request.consequences.clone(),
        reversibility: request.reversibility,
        risk: judged.as_ref().map_or(request.risk, |judged| judged.risk),
        confidence: request.confidence,
        by: Some(transaction.actor().clone()),
        ruled: ruled.clone(),
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
    let document = decision.document(&path)?;
    let written = record::written(&transaction, &path, document.text())?;
    let facts = vec![written, said::recorded(workspace, &decision, &document)?];
    let question = if waits {
        let asked = ask_for(&mut transaction, &decision, approval, &path, facts)?;
        if asked.asked_before {
            return proposed_before(workspace, &asked, ruled);
        }
        Some(asked.question)
    } else {
        transaction.append_facts(&facts)?;
        None
    };
    Ok(Outcome { decision: decision.id, title: decision.title, status: decision.status, path, ruled, question })
}

fn case(request: &Request) -> Result<Case> {
    let known = Case {
        kind: request.kind,
        // What a kind is about is known better than what nobody said.
        topic: (request.kind.is_none() || request.topic != Topic::default()).then_some(request.topic),
        risk: request.risk,
        reversibility: request.reversibility,
        confidence: request.confidence,
        agent: request.agent.clone(),
        paths: request.paths.clone(),
        ..Case::default()
    };
    Ok(known.with(&request.facts)?)
}

fn ruled(judged: &Judged) -> Ruled {
    let step = judged.decisive();
    Ruled {
        ruling: judged.ruling,
        by: step.map_or_else(|| "no row of the table".to_owned(), |step| step.what.clone()),
        at: step.map_or_else(|| FILE.to_owned(), Step::place),
    }
}

/// The decision that waits for the answer to a question which was asked before.
fn proposed_before(workspace: &Workspace, asked: &ask::Outcome, ruled: Option<Ruled>) -> Result<Outcome> {
    let board = Board::read(workspace)?;
    let question = board.question(asked.question.as_str())?;
    let gone = || Refusal::conflict(format!("the question {} asks about no decision any more", asked.question)).retryable();
    let decision = question.decides.clone().ok_or_else(gone)?;
    let path = RecordKind::Decision.path(decision.as_str());
    let title = one_line(question.title.strip_prefix(APPROVAL).unwrap_or(&question.title));
    Ok(Outcome { decision, title, status: Status::Proposed, path, ruled, question: Some(asked.question.clone()) })
}

/// Asks a person to approve `decision`, which lies in `path` and is recorded by `facts`.
fn ask_for(
    transaction: &mut Transaction<'_>,
    decision: &Decision,
    title: String,
    path: &str,
    facts: Vec<Fact>,
) -> Result<ask::Outcome> {
    let choice = |name: &str, consequence: &str| Choice { name: name.to_owned(), consequence: Some(consequence.to_owned()) };
    let chosen = decision.choice.as_deref().map(|choice| format!("Proposed: {}.", one_line(choice)));
    let reason = decision.reason.as_deref().map(|reason| format!("Because: {}", one_line(reason)));
    let by = decision.ruled.as_ref().map(|ruled| format!("It {}: {} (`{}`).", ruled.ruling.words(), ruled.by, ruled.at));
    let context = chosen.into_iter().chain(reason).chain(by).chain([format!("The record: `{path}`")]);
    let request = ask::Request {
        title,
        kind: QuestionKind::Approval,
        urgency: match decision.risk {
            Risk::Low | Risk::Medium => Urgency::P2,
            Risk::High => Urgency::P1,
            Risk::Critical => Urgency::P0,
        },
        context: Some(context.collect::<Vec<_>>().join("\n")),
        options: vec![choice(APPROVE, "the decision holds"), choice(REJECT, "it does not, and another way is to be found")],
        recommendation: Some(APPROVE.to_owned()),
        ..ask::Request::default()
    };
    ask::pose(transaction, &request, Some(&decision.id), facts)
}
