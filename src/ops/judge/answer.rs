//! `answer`: a person's answer to a question. Tasks that waited for it are open again.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    host::{Result, store::record, transaction::Transaction, workspace::Workspace},
    model::{
        decision::{self, Decision},
        event::Fact,
        id::{Oid, QuestionId, TaskId},
        question::{self, APPROVE, Answer, Question, Status},
        record::RecordKind,
        task::progress::Progress,
    },
    ops::work::{board::Board, task::commit_for_person},
};

/// What a person says.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Request {
    /// Which question: its name, a unique part of it, or its title.
    pub question: String,
    /// The answer: a choice by its number or beginning, or words.
    pub text: String,
    /// Why, kept with the answer.
    pub why: Option<String>,
}

/// What was answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Outcome {
    /// The question.
    pub question: QuestionId,
    /// Its title.
    pub title: String,
    /// The answer in the question's own words.
    pub answer: String,
    /// Tasks that do not wait any more.
    pub resumed: Vec<TaskId>,
    /// The commit that holds the answer, when one was made.
    pub commit: Option<Oid>,
}

/// Answers a question.
///
/// # Errors
/// Refuses anybody but a person, an unknown question, one that is settled, and an answer that a human gate does not offer.
pub fn answer(workspace: &Workspace, request: &Request) -> Result<Outcome> {
    let mut transaction = Transaction::open(workspace)?;
    transaction.demand_person("answering a question")?;
    let lock = transaction.lock_clone()?;
    let board = Board::read(workspace)?;
    let question = board.question(&request.question)?.clone();
    let text = question.choose(&request.text)?;
    let stored = board.stored(workspace, RecordKind::Question, question.id.as_str())?;
    let given = Answer {
        text: text.clone(),
        by: transaction.actor().to_string(),
        at: transaction.at(),
        session: transaction.session().cloned(),
    };
    let mut document = question.answered(&stored.document()?, transaction.actor(), &given)?;
    if let Some(why) = request.why.as_deref().filter(|why| !why.trim().is_empty()) {
        document = document.with_addition(question::ANSWER, why)?;
    }
    let set = BTreeMap::from([
        ("status".to_owned(), serde_json::json!(Status::Answered)),
        ("answer".to_owned(), serde_json::json!(given)),
    ]);
    let mut facts = vec![
        record::changed_to(&transaction, &stored, document.text(), set)?,
        Fact::QuestionAnswered { question: question.id.clone(), answer: text.clone(), about: Some(question.subject()) },
    ];
    facts.extend(settling(&transaction, &board, &question, &text)?);
    let waiting = waiting(&board, &question.id);
    facts.extend(waiting.iter().map(|task| Fact::TaskResumed { task: task.clone() }));
    transaction.append_facts(&facts)?;
    drop(lock);
    let commit = commit_for_person(&mut transaction, format!("question answered: {}", question.title));
    Ok(Outcome { question: question.id, title: question.title, answer: text, resumed: waiting, commit })
}

/// What settles the decision that was waited with: approved it holds, rejected it does not.
fn settling(transaction: &Transaction<'_>, board: &Board, question: &Question, answer: &str) -> Result<Option<Fact>> {
    let Some(decides) = &question.decides else { return Ok(None) };
    let status = if answer == APPROVE { decision::Status::Accepted } else { decision::Status::Rejected };
    let stored = board.stored(transaction.workspace(), RecordKind::Decision, decides.as_str())?;
    let document = stored.document()?;
    let decision = Decision::read(decides.clone(), &document)?;
    if decision.status == decision::Status::Superseded {
        return Ok(None);
    }
    // While the question is open nobody has settled it, whatever an edit of the record says.
    let decision = Decision { status: decision::Status::Proposed, ..decision };
    let settled = decision.settled(&document, transaction.actor(), status)?;
    let set = BTreeMap::from([
        ("status".to_owned(), serde_json::json!(status)),
        ("settled_by".to_owned(), serde_json::json!(transaction.actor())),
    ]);
    record::changed_to(transaction, &stored, settled.text(), set).map(Some)
}

/// Tasks that wait for a question.
fn waiting(board: &Board, question: &QuestionId) -> Vec<TaskId> {
    let waits = |progress: &Progress| matches!(progress, Progress::Waiting { question: other } if other == question);
    board.holdings.tasks.iter().filter(|held| waits(&held.progress)).map(|held| held.task.id.clone()).collect()
}
