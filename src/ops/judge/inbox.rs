//! `inbox`: the questions that wait for a person, most urgent first.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    host::{Result, workspace::Workspace},
    model::question::{Question, Status},
    ops::work::board::Board,
};

/// Which questions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Which {
    /// Those that nobody answered.
    #[default]
    Open,
    /// All.
    All,
}

/// Which questions to show.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Request {
    /// One question: its name, a unique part of it, or its title.
    pub question: Option<String>,
    /// Open or all.
    pub which: Which,
}

/// A question and what holds now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Row {
    /// What its record says.
    pub question: Question,
    /// Where it stands now: a question whose deadline passed is expired.
    pub standing: Status,
    /// The answer that holds now.
    pub holds: Option<String>,
    /// What an edit of its file says was answered, and no person is known to have said; it holds once a person answers.
    pub proposed: Option<String>,
}

/// The questions, most urgent first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Outcome {
    /// The questions.
    pub questions: Vec<Row>,
}

/// Shows questions.
///
/// # Errors
/// Refuses an unknown question.
pub fn inbox(workspace: &Workspace, request: &Request) -> Result<Outcome> {
    let board = Board::read(workspace)?;
    board.notice(workspace);
    let now = workspace.clock().now();
    let mut chosen: Vec<&Question> = match &request.question {
        Some(given) => vec![board.question(given)?],
        None => board
            .holdings
            .questions
            .iter()
            .filter(|it| request.which == Which::All || it.status_at(now) == Status::Open)
            .collect(),
    };
    chosen.sort_by_key(|it| {
        (it.status_at(now) != Status::Open, it.urgency, it.deadline.is_none(), it.deadline, it.created, &it.id)
    });
    let row = |question: &Question| Row {
        standing: question.status_at(now),
        holds: question.answer_at(now).map(str::to_owned),
        proposed: question.proposed.clone(),
        question: question.clone(),
    };
    Ok(Outcome { questions: chosen.into_iter().map(row).collect() })
}
