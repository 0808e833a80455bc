//! `task start`: begin to work on a task. What a person has to rule first becomes a question, and the task waits for it.

use crate::{
    host::{
        Error, Result,
        store::{record, said},
        transaction::Transaction,
        workspace::Workspace,
    },
    model::{
        event::Fact,
        holdings::HeldTask,
        id::{QuestionId, record_name},
        question::{APPROVE, Choice, Question, QuestionKind, REJECT, Status, Urgency},
        record::RecordKind,
        refusal::Refusal,
        task::{HumanGate, Priority, progress::Move},
        time::Timestamp,
    },
    ops::work::{
        board::Board,
        task::{Moved, Request, carry_out, refuse_before},
    },
};

/// Starts a task and turns the focus to it.
///
/// # Errors
/// Refuses a task that is under way or over, one whose dependencies are not done, one that a person rejected, and, with a
/// question to a person, one that nobody approved yet.
pub fn start(workspace: &Workspace, request: &Request) -> Result<Moved> {
    let mut stopped = None;
    let mut transaction = Transaction::open(workspace)?;
    let moved = carry_out(&mut transaction, &request.task, Move::Start, |transaction, _, board, held| {
        refuse_before(board, held, Move::Start)?;
        let now = transaction.at();
        match ask_first(transaction, board, held, now)? {
            Some((facts, refusal)) => {
                stopped = Some(refusal);
                Ok(facts)
            }
            None => Ok(vec![
                Fact::TaskStarted { task: held.task.id.clone(), step: None },
                Fact::FocusSet { task: Some(held.task.id.clone()), text: held.task.title.clone(), next: None },
            ]),
        }
    })?;
    stopped.map_or(Ok(moved), |refusal| Err(Error::Refused(refusal)))
}

/// What has to be asked before a task may begin: the facts that ask, and the refusal that says so. None when everything
/// that a person has to rule is ruled in its favour.
///
/// # Errors
/// Refuses a task that a person rejected.
pub fn ask_first(
    transaction: &Transaction<'_>,
    board: &Board,
    held: &HeldTask,
    now: Timestamp,
) -> Result<Option<(Vec<Fact>, Refusal)>> {
    let task = &held.task;
    let mut facts = Vec::new();
    let mut waits: Vec<QuestionId> = Vec::new();
    for gate in said::gates(transaction.workspace(), &board.overview, task)? {
        let kind = QuestionKind::from(gate);
        let asked = board.holdings.questions.iter().filter(|it| it.kind == kind && it.blocks.contains(&task.id));
        let Some(question) = asked.max_by_key(|it| it.created) else {
            let question = question(transaction, held, gate, now)?;
            let path = RecordKind::Question.path(question.id.as_str());
            facts.push(record::written(transaction, &path, question.document(&path)?.text())?);
            facts.push(Fact::QuestionAsked { question: question.id.clone(), title: question.title.clone(), decides: None });
            waits.push(question.id);
            continue;
        };
        match (question.status_at(now), question.answer_at(now)) {
            (Status::Open | Status::Expired, _) => waits.push(question.id.clone()),
            (_, Some(APPROVE)) => {}
            (status, answer) => {
                let said = answer.unwrap_or_else(|| status.word());
                return Err(Refusal::no(format!("cannot start the task {}: the {} said `{said}`", task.label(), gate.words()))
                    .hint(format!("`autonomy inbox {}`", question.id))
                    .into());
            }
        }
    }
    let Some(first) = waits.first() else { return Ok(None) };
    facts.push(Fact::TaskWaiting { task: task.id.clone(), question: first.clone() });
    let names: Vec<&str> = waits.iter().map(QuestionId::as_str).collect();
    let refusal = Refusal::needs_person(format!("cannot start the task {}: it waits for a person's ruling", task.label()))
        .hint(format!("a person says `autonomy answer {} {APPROVE}`", names.join(&format!(" {APPROVE}`, `autonomy answer "))));
    Ok(Some((facts, refusal)))
}

fn question(transaction: &Transaction<'_>, held: &HeldTask, gate: HumanGate, now: Timestamp) -> Result<Question> {
    let task = &held.task;
    let title = match gate {
        HumanGate::ArchitectureReview => format!("Is the architecture of `{}` right?", task.title),
        HumanGate::BusinessDecision => format!("Is `{}` wanted?", task.title),
    };
    let id = QuestionId::new(record_name(now, &title, &transaction.workspace().clock().suffix(4)?))?;
    let choice = |name: &str, consequence: &str| Choice { name: name.to_owned(), consequence: Some(consequence.to_owned()) };
    let context =
        [format!("The task `{}` needs a {} before work on it begins.", task.id, gate.words()), task.description.clone()];
    Ok(Question {
        urgency: match task.priority {
            Priority::Critical => Urgency::P0,
            Priority::High => Urgency::P1,
            Priority::Medium => Urgency::P2,
            Priority::Low => Urgency::P3,
        },
        context: Some(context.join("\n\n").trim().to_owned()),
        options: vec![choice(APPROVE, "work may begin"), choice(REJECT, "the task is not started")],
        by: Some(transaction.actor().clone()),
        session: transaction.session().cloned(),
        ..Question::new(id, gate.into(), title, vec![task.id.clone()], now)
    })
}
