//! What a task of a run changed, before it is committed: whether a decision says so where the rules want somebody to decide.

use std::collections::BTreeSet;

use crate::{
    host::{
        Result,
        change::{self, Span},
        store::{record, said},
        transaction::Transaction,
    },
    model::{
        authority::{case::Case, policy::FILE, ruling::Step},
        change::TreePath,
        decision::{Decision, DecisionOption, Risk, Ruled, Ruling, Status},
        event::Fact,
        id::{AgentName, DecisionId, Oid, QuestionId, TaskId, record_name},
        question::{self, APPROVE, Choice, Question, QuestionKind, REJECT, Urgency},
        quote,
        record::RecordKind,
        review::{Piece, undeclared},
        time::Timestamp,
    },
    ops::{
        judge::{ask, authority::in_force, change as ruling},
        work::board::Board,
    },
};

/// The choice of a decision that is proposed for what a task changed.
const LAND: &str = "land it as it is";

/// The most characters of what was found that are told.
const MAX_WORDS: usize = 300;

/// What a task changed.
#[derive(Debug)]
pub struct Request<'a> {
    /// The task.
    pub task: &'a TaskId,
    /// Its title.
    pub title: &'a str,
    /// The agent that worked on it.
    pub agent: &'a AgentName,
    /// The snapshot before it.
    pub from: &'a Oid,
    /// The snapshot after it.
    pub to: &'a Oid,
    /// Its own paths.
    pub paths: &'a BTreeSet<TreePath>,
    /// The decisions that were recorded while it was worked on.
    pub decisions: &'a [DecisionId],
}

/// What the rules say to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It may be committed.
    Free,
    /// It may be committed, and the report tells of it.
    Told {
        /// What no decision says.
        words: String,
    },
    /// It may not be committed until a person approves.
    Waits {
        /// What no decision says, and which rule wants one.
        why: String,
        /// The question that asks a person.
        question: QuestionId,
    },
    /// It may not be committed, whoever agrees.
    Denied {
        /// What no decision says, and which rule says so.
        why: String,
    },
}

/// Rules on what a task changed, by the rules in force and the roster before it, and asks a person where nobody who may has decided it.
///
/// # Errors
/// Refuses rules that are wrong; fails when git or the store cannot be read or written.
pub fn check(transaction: &mut Transaction<'_>, request: &Request<'_>) -> Result<Outcome> {
    let workspace = transaction.workspace();
    let git = workspace.git()?;
    let roster = ruling::roster_at(git, request.from)?;
    let is_named = roster.as_ref().is_some_and(|roster| roster.agents.contains_key(request.agent));
    let case = Case { agent: is_named.then(|| request.agent.clone()), ..Case::default() };
    let span = Span::Trees { from: Some(request.from.clone()), to: request.to.clone(), paths: Some(request.paths.clone()) };
    let change = change::read(workspace, &span)?;
    let found = ruling::rule(&change, &case, &[in_force(workspace)?.0], roster.as_ref());
    if found.ruling == Ruling::Act || (found.risk < Risk::Medium && found.ruling != Ruling::Deny) {
        return Ok(Outcome::Free);
    }
    let whole = found.risk.max(Risk::Medium);
    let board = Board::of_decisions(workspace)?;
    let of_task = |it: &&Decision| is_of(it, request);
    let holding: Vec<&Decision> = board.holdings.decisions_in_force().into_iter().filter(of_task).collect();
    let pieces = undeclared(&holding, &change, &found.reasons, whole);
    if pieces.is_empty() {
        return Ok(Outcome::Free);
    }
    let rejected = board.holdings.decisions.iter().filter(of_task).filter(|it| it.status == Status::Rejected);
    if let Some(no) = rejected.into_iter().find(|no| pieces.iter().any(|piece| piece.is_asked_by(no))) {
        let why = format!("a person said no to what it changes: `autonomy decision show {}`", no.id);
        return Ok(Outcome::Denied { why });
    }
    let ruled = ruled(&found);
    let words: Vec<&str> = pieces.iter().map(|piece| piece.words.as_str()).collect();
    let words = quote::line(&words.join("; "), MAX_WORDS);
    let why = format!(
        "{words}: {} risk, and no decision that holds says so; whoever worked on it {}: {} (`{}`)",
        found.risk,
        ruled.ruling.words(),
        ruled.by,
        ruled.at
    );
    if found.ruling == Ruling::Deny {
        return Ok(Outcome::Denied { why });
    }
    if found.risk < Risk::High || found.ruling.is_free() {
        transaction.append_facts(&[Fact::ChangeUndeclared { task: request.task.clone(), why: why.clone() }])?;
        return Ok(Outcome::Told { words: why });
    }
    let question = match declared(&board, &holding, request, transaction.at(), |decisions| {
        undeclared(decisions, &change, &found.reasons, whole).is_empty()
    }) {
        Some(question) => question,
        None => propose(transaction, request, &found, &ruled, &pieces)?,
    };
    Ok(Outcome::Waits { why, question })
}

/// The open question about a decision that the agent declared for the task, with which nothing would be lacking.
fn declared(
    board: &Board,
    holding: &[&Decision],
    request: &Request<'_>,
    now: Timestamp,
    suffice: impl Fn(&[&Decision]) -> bool,
) -> Option<QuestionId> {
    let asks = |question: &&Question| question.status_at(now) == question::Status::Open;
    board.holdings.questions.iter().filter(asks).find_map(|question| {
        let about = board.holdings.decisions.iter().find(|it| question.decides.as_ref() == Some(&it.id))?;
        let with: Vec<&Decision> = holding.iter().copied().chain([about]).collect();
        (is_of(about, request) && suffice(&with)).then(|| question.id.clone())
    })
}

/// Whether a decision was taken for the task, or while it was worked on.
fn is_of(decision: &Decision, request: &Request<'_>) -> bool {
    decision.task.as_ref() == Some(request.task) || request.decisions.contains(&decision.id)
}

fn ruled(found: &ruling::Outcome) -> Ruled {
    let step = found.decisive();
    Ruled {
        ruling: found.ruling,
        by: step.map_or_else(|| "no row of the table".to_owned(), |step| step.what.clone()),
        at: step.map_or_else(|| FILE.to_owned(), Step::place),
    }
}

/// Records the decision that is lacking as a proposal, and asks a person about it, once.
fn propose(
    transaction: &mut Transaction<'_>,
    request: &Request<'_>,
    found: &ruling::Outcome,
    ruled: &Ruled,
    pieces: &[Piece],
) -> Result<QuestionId> {
    let workspace = transaction.workspace();
    let first = pieces.first().map_or("", |piece| piece.words.as_str());
    let title = format!("{}: {}", quote::line(request.title, 60), quote::line(first, 100));
    let id = DecisionId::new(record_name(transaction.at(), &title, &workspace.clock().suffix(4)?))?;
    let option = |name: &str| DecisionOption { name: name.to_owned(), ..DecisionOption::default() };
    let about = found.rulings.first();
    let decision = Decision {
        status: Status::Proposed,
        kind: about.and_then(|about| about.kind),
        topic: about.map(|about| about.topic).unwrap_or_default(),
        options: vec![option(LAND), option("leave it out")],
        choice: Some(LAND.to_owned()),
        reason: Some("The agent did it for the task, its gates are green, and it did not say so by a decision.".to_owned()),
        consequences: pieces.iter().map(|piece| piece.words.clone()).collect(),
        reversibility: found.reversibility,
        risk: found.risk,
        by: Some(transaction.actor().clone()),
        ruled: Some(ruled.clone()),
        task: Some(request.task.clone()),
        session: transaction.session().cloned(),
        paths: pieces.iter().flat_map(|piece| piece.paths.iter().cloned()).collect::<BTreeSet<_>>().into_iter().collect(),
        ..Decision::new(id, title.clone(), transaction.at())
    };
    let path = RecordKind::Decision.path(decision.id.as_str());
    let document = decision.document(&path)?;
    let facts = vec![record::written(transaction, &path, document.text())?, said::recorded(workspace, &decision, &document)?];
    let choice = |name: &str, consequence: String| Choice { name: name.to_owned(), consequence: Some(consequence) };
    let mut context: Vec<String> = decision.consequences.iter().map(|words| format!("- {words}")).collect();
    context.push(format!("Risk {}. Whoever worked on it {}: {} (`{}`).", found.risk, ruled.ruling.words(), ruled.by, ruled.at));
    context.push(format!("The work is kept; the task shows where: `autonomy task show {}`. The record: `{path}`", request.task));
    let asked = ask::pose(
        transaction,
        &ask::Request {
            title: format!("Approve: {title}"),
            kind: QuestionKind::Approval,
            urgency: if found.risk == Risk::Critical { Urgency::P0 } else { Urgency::P1 },
            context: Some(context.join("\n")),
            options: vec![
                choice(APPROVE, format!("after `autonomy task resume {}` the next run commits it", request.task)),
                choice(REJECT, "it does not land; what is to be done instead belongs into the task".to_owned()),
            ],
            ..ask::Request::default()
        },
        Some(&decision.id),
        facts,
    )?;
    Ok(asked.question)
}
