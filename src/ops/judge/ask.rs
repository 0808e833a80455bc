//! `ask`: put a question to a person, once. Tasks that cannot go on without the answer wait for it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    host::{Result, store::record, transaction::Transaction, workspace::Workspace},
    model::{
        event::Fact,
        id::{DecisionId, QuestionId, TaskId, record_name},
        markdown::one_line,
        question::{self, Choice, Question, QuestionKind, Status, Urgency},
        record::RecordKind,
        refusal::Refusal,
        task::progress::{Move, Progress},
        time::Lapse,
    },
    ops::work::board::Board,
};

/// What to ask.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Request {
    /// The question in one line.
    pub title: String,
    /// A question or a blocker; human gates are asked by `task start`.
    pub kind: QuestionKind,
    /// How soon an answer is needed.
    pub urgency: Urgency,
    /// What one has to know to answer.
    pub context: Option<String>,
    /// What can be answered.
    pub options: Vec<Choice>,
    /// What the asker would do.
    pub recommendation: Option<String>,
    /// What holds when nobody answers in time.
    pub default: Option<String>,
    /// How long to wait for an answer.
    pub within: Option<Lapse>,
    /// The tasks that wait for the answer.
    pub blocks: Vec<String>,
}

/// The question.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Outcome {
    /// Its name.
    pub question: QuestionId,
    /// The question.
    pub title: String,
    /// Its file, from the top of the work tree.
    pub path: String,
    /// Whether it was asked before and is still open; then nothing was added.
    pub asked_before: bool,
    /// The tasks that wait for the answer.
    pub blocks: Vec<TaskId>,
}

/// Asks a question.
///
/// # Errors
/// Refuses an empty question, a deadline without a default, unknown tasks, and tasks that are over.
pub fn ask(workspace: &Workspace, request: &Request) -> Result<Outcome> {
    ask_in(&mut Transaction::open(workspace)?, request)
}

/// The same in a transaction that is open.
///
/// # Errors
/// As [`ask`].
pub fn ask_in(transaction: &mut Transaction<'_>, request: &Request) -> Result<Outcome> {
    if one_line(&request.title).is_empty() {
        return Err(Refusal::usage("the question is empty").hint("`autonomy ask \"<question>\"`").into());
    }
    match request.kind {
        QuestionKind::Question | QuestionKind::Blocker => {}
        QuestionKind::ArchitectureReview | QuestionKind::BusinessDecision => {
            return Err(Refusal::usage("a human gate is asked by the task that has it")
                .hint("`autonomy task start <task>`")
                .into());
        }
        QuestionKind::Approval => {
            return Err(Refusal::usage("an approval is asked for by the decision that needs it")
                .hint("`autonomy decide \"<title>\" --option <name> --choose <name> --because \"<reason>\"`")
                .into());
        }
    }
    if request.within.is_some() && request.default.is_none() {
        return Err(Refusal::usage("a deadline needs a default that holds when it has passed")
            .hint("`--default \"<answer>\"`")
            .into());
    }
    pose(transaction, request, None, Vec::new())
}

/// Asks what was found to be in order; the answer settles the decision `decides`. The facts `with` it happen together with the
/// question, or not at all when it was asked before.
pub(super) fn pose(
    transaction: &mut Transaction<'_>,
    request: &Request,
    decides: Option<&DecisionId>,
    with: Vec<Fact>,
) -> Result<Outcome> {
    let (workspace, title) = (transaction.workspace(), one_line(&request.title));
    let lock = transaction.lock_clone()?;
    let board = Board::read(workspace)?;
    let (mut blocks, mut facts) = (Vec::new(), with);
    for given in &request.blocks {
        let held = board.task(given)?;
        if !matches!(held.progress, Progress::Waiting { .. }) {
            held.progress.allows(Move::Wait, &held.task)?;
        }
        blocks.push(held.task.id.clone());
    }
    let now = transaction.at();
    let topic = question::topic(request.kind, &title, &blocks);
    let before =
        board.holdings.questions.iter().find(|it| it.topic.as_ref() == Some(&topic) && it.status_at(now) == Status::Open);
    if let Some(before) = before {
        return Ok(Outcome {
            question: before.id.clone(),
            title: before.title.clone(),
            path: RecordKind::Question.path(before.id.as_str()),
            asked_before: true,
            blocks: before.blocks.clone(),
        });
    }
    let id = QuestionId::new(record_name(now, &title, &workspace.clock().suffix(4)?))?;
    let question = Question {
        urgency: request.urgency,
        context: request.context.clone(),
        options: request.options.clone(),
        recommendation: request.recommendation.clone(),
        default: request.default.clone(),
        deadline: request.within.map(|within| now.after(within)),
        decides: decides.cloned(),
        by: Some(transaction.actor().clone()),
        session: transaction.session().cloned(),
        ..Question::new(id, request.kind, title, blocks, now)
    };
    let path = RecordKind::Question.path(question.id.as_str());
    facts.push(record::written(transaction, &path, question.document(&path)?.text())?);
    facts.push(Fact::QuestionAsked {
        question: question.id.clone(),
        title: question.title.clone(),
        decides: question.decides.clone(),
    });
    facts.extend(question.blocks.iter().map(|task| Fact::TaskWaiting { task: task.clone(), question: question.id.clone() }));
    transaction.append_facts(&facts)?;
    drop(lock);
    Ok(Outcome { question: question.id, title: question.title, path, asked_before: false, blocks: question.blocks })
}
