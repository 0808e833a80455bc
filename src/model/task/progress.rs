//! Where a task stands now: its lasting status joined with what happened, and what may happen next.
//!
//! The record's word wins over the events: a task that is open again in its file is open, whatever was said before.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::{
    id::QuestionId,
    refusal::Refusal,
    state::{TaskStage, TaskState},
    task::{Status, Task},
};

/// What a `done` rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Proof {
    /// Gates were green for a known tree.
    Proven,
    /// Somebody said so.
    Unproven,
}

/// Where a task stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum Progress {
    /// Nobody works on it.
    Open,
    /// Somebody works on it.
    Started,
    /// It waits for a person's answer.
    Waiting {
        /// To what.
        question: QuestionId,
    },
    /// The last try failed.
    Failed {
        /// Why.
        why: String,
    },
    /// Given up for now.
    Parked {
        /// Why.
        why: String,
        /// The ref that pins the work.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reference: Option<String>,
    },
    /// Done.
    Done {
        /// What that rests on.
        proof: Proof,
    },
    /// It will not be done.
    Cancelled,
}

/// What can be done to a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Move {
    /// Begin to work on it.
    Start,
    /// Say that it is done.
    Finish,
    /// Say that a try failed.
    Fail,
    /// Give it up for now.
    Park,
    /// Let it wait for an answer.
    Wait,
    /// Take it up again after a failure, a parking or a wait.
    Resume,
    /// Open it again although it was done or cancelled.
    Reopen,
    /// Decide that it will not be done.
    Cancel,
}

impl Move {
    /// All of them.
    pub const ALL: [Self; 8] =
        [Self::Start, Self::Finish, Self::Fail, Self::Park, Self::Wait, Self::Resume, Self::Reopen, Self::Cancel];

    /// The verb.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Finish => "finish",
            Self::Fail => "fail",
            Self::Park => "park",
            Self::Wait => "let wait",
            Self::Resume => "resume",
            Self::Reopen => "reopen",
            Self::Cancel => "cancel",
        }
    }
}

impl Progress {
    /// Joins the record with what happened to the task.
    #[must_use]
    pub fn of(task: &Task, happened: Option<&TaskState>) -> Self {
        let stage = happened.map(|state| &state.stage);
        match task.status {
            Status::Cancelled => Self::Cancelled,
            Status::Done => {
                let proven = matches!(stage, Some(TaskStage::Done { tree: Some(_), .. }));
                Self::Done { proof: if proven { Proof::Proven } else { Proof::Unproven } }
            }
            Status::Open => match stage {
                Some(TaskStage::Started { .. }) => Self::Started,
                Some(TaskStage::Waiting { question }) => Self::Waiting { question: question.clone() },
                Some(TaskStage::Failed { why }) => Self::Failed { why: why.clone() },
                Some(TaskStage::Parked { why, reference }) => Self::Parked { why: why.clone(), reference: reference.clone() },
                Some(TaskStage::Open | TaskStage::Done { .. } | TaskStage::Cancelled { .. }) | None => Self::Open,
            },
        }
    }

    /// Whether what comes after this task may begin.
    #[must_use]
    pub fn is_done(&self) -> bool {
        matches!(self, Self::Done { .. })
    }

    /// Whether nothing more happens to it by itself.
    #[must_use]
    pub fn is_over(&self) -> bool {
        matches!(self, Self::Done { .. } | Self::Cancelled)
    }

    /// The word for lists.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Started => "started",
            Self::Waiting { .. } => "waiting",
            Self::Failed { .. } => "failed",
            Self::Parked { .. } => "parked",
            Self::Done { proof: Proof::Proven } => "done",
            Self::Done { proof: Proof::Unproven } => "done, unproven",
            Self::Cancelled => "cancelled",
        }
    }

    /// Lets a move pass that makes sense from here.
    ///
    /// # Errors
    /// Refuses any other and names the command that would.
    pub fn allows(&self, wanted: Move, task: &Task) -> Result<(), Refusal> {
        use Move::{Cancel, Fail, Finish, Park, Reopen, Resume, Start, Wait};
        let fits = match self {
            Self::Open => matches!(wanted, Start | Finish | Park | Wait | Cancel),
            Self::Started => matches!(wanted, Finish | Fail | Park | Wait | Cancel),
            Self::Waiting { .. } => matches!(wanted, Resume | Cancel),
            Self::Failed { .. } => matches!(wanted, Start | Finish | Park | Wait | Resume | Cancel),
            Self::Parked { .. } => matches!(wanted, Finish | Resume | Cancel),
            Self::Done { .. } | Self::Cancelled => matches!(wanted, Reopen),
        };
        if fits {
            return Ok(());
        }
        let refusal = Refusal::no(format!("cannot {} the task {}: it is {self}", wanted.words(), task.label()));
        Err(match self {
            Self::Waiting { question } => refusal.hint(format!("answer it: `autonomy answer {question} \"<answer>\"`")),
            Self::Parked { .. } => refusal.hint(format!("`autonomy task resume {}`", task.id)),
            Self::Open => refusal.hint(format!("`autonomy task start {}`", task.id)),
            Self::Started | Self::Failed { .. } | Self::Done { .. } | Self::Cancelled => {
                refusal.hint(format!("`autonomy task show {}`", task.id))
            }
        })
    }
}

impl fmt::Display for Progress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Waiting { question } => write!(formatter, "waiting for the answer to {question}"),
            Self::Failed { why } => write!(formatter, "failed ({why})"),
            Self::Parked { why, .. } => write!(formatter, "parked ({why})"),
            Self::Open | Self::Started | Self::Done { .. } | Self::Cancelled => formatter.write_str(self.word()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{
        id::{Digest, Oid, TaskId},
        time::Timestamp,
    };

    fn task(status: Status) -> Task {
        let now = Timestamp::from_millisecond(0).expect("in range");
        Task { status, ..Task::new(TaskId::new("t").expect("plain"), "T", now) }
    }

    fn state(stage: TaskStage) -> TaskState {
        TaskState {
            stage,
            failures: 0,
            started: None,
            changed: Timestamp::from_millisecond(0).expect("in range"),
            gates: Vec::new(),
        }
    }

    #[test]
    fn the_record_wins_and_a_done_without_a_tree_is_unproven() {
        let tree = Oid::new(&Digest::of("x").as_str()[..40]).expect("40 digits");
        let done = |tree| state(TaskStage::Done { tree, uncommitted: vec![] });
        assert_eq!(Progress::of(&task(Status::Done), Some(&done(Some(tree.clone())))).word(), "done");
        assert_eq!(Progress::of(&task(Status::Done), Some(&done(None))).word(), "done, unproven");
        assert_eq!(Progress::of(&task(Status::Done), None).word(), "done, unproven");
        assert_eq!(Progress::of(&task(Status::Open), Some(&done(Some(tree)))), Progress::Open);
        assert_eq!(Progress::of(&task(Status::Cancelled), Some(&state(TaskStage::Open))), Progress::Cancelled);
        assert_eq!(Progress::of(&task(Status::Open), Some(&state(TaskStage::Started { step: None }))), Progress::Started);
    }

    #[test]
    fn the_table_of_moves() {
        let question = QuestionId::new("q").expect("plain");
        let why = || "red".to_owned();
        let all = [
            Progress::Open,
            Progress::Started,
            Progress::Waiting { question },
            Progress::Failed { why: why() },
            Progress::Parked { why: why(), reference: None },
            Progress::Done { proof: Proof::Proven },
            Progress::Cancelled,
        ];
        let row = |from: &Progress| {
            let moves = Move::ALL.into_iter().filter(|&to| from.allows(to, &task(Status::Open)).is_ok()).map(Move::words);
            format!("{}: {}", from.word(), moves.collect::<Vec<_>>().join(", "))
        };
        insta::assert_snapshot!(all.iter().map(row).collect::<Vec<_>>().join("\n"), @r"
        open: start, finish, park, let wait, cancel
        started: finish, fail, park, let wait, cancel
        waiting: resume, cancel
        failed: start, finish, park, let wait, resume, cancel
        parked: finish, resume, cancel
        done: reopen
        cancelled: reopen
        ");
    }

    #[test]
    fn a_refusal_names_the_way_on() {
        let waiting = Progress::Waiting { question: QuestionId::new("q7").expect("plain") };
        let refusal = waiting.allows(Move::Start, &task(Status::Open)).expect_err("it waits");
        assert_eq!(refusal.message, "cannot start the task T (t): it is waiting for the answer to q7");
        assert_eq!(refusal.hint.as_deref(), Some("answer it: `autonomy answer q7 \"<answer>\"`"));
    }
}
