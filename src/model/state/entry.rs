//! What a fold is made of: a session, tasks, records, checkpoints, gates and runs, each as far as events tell of it.
//!
//! Values only: how events change them is said in [`State`](crate::model::state::State).

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    ops::AddAssign,
};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::{
    actor::Actor,
    checkpoint::CheckpointKind,
    compaction::{Cause, Measure},
    event::{Continues, SessionOutcome, Verdict},
    figure::Figure,
    id::{CheckpointName, ClientId, Digest, Oid, QuestionId, RunId, SessionId, StepId, TaskId},
    task::HumanGate,
    time::{Lapse, Timestamp},
};

/// How many of the newest entries of each kind the state keeps.
pub const KEPT: usize = 50;

/// How many characters of what a gate printed the state keeps; the event holds all that was kept.
pub const PRINTED: usize = 8_000;

/// The newest entries of one kind, and how many there were in all.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Newest<T> {
    /// How many there were.
    pub count: u64,
    /// The newest, oldest first, at most [`KEPT`].
    pub entries: VecDeque<T>,
}

impl<T> Default for Newest<T> {
    fn default() -> Self {
        Self { count: 0, entries: VecDeque::new() }
    }
}

impl<T> Newest<T> {
    pub(in crate::model::state) fn push(&mut self, entry: T) {
        self.count += 1;
        if self.entries.len() == KEPT {
            self.entries.pop_front();
        }
        self.entries.push_back(entry);
    }
}

/// The lasting facts about a session.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Session {
    /// Its name.
    pub id: SessionId,
    /// What people call it.
    pub title: Option<String>,
    /// What is to be reached.
    pub goal: Option<String>,
    /// What must hold on the way.
    pub constraints: Vec<String>,
    /// How long it may take.
    pub max: Lapse,
    /// The branch at the start.
    pub branch: Option<String>,
    /// The commit at the start.
    pub head: Option<Oid>,
    /// The person's name.
    pub person: Option<String>,
    /// The session of another clone that it goes on from.
    pub continues: Option<Continues>,
    /// The session that started it.
    pub parent: Option<SessionId>,
    /// When it began.
    pub started: Timestamp,
}

/// Where a session stands.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum Phase {
    /// Work goes on.
    #[default]
    Active,
    /// Laid aside.
    Paused {
        /// Why.
        reason: String,
        /// Since when.
        since: Timestamp,
    },
    /// Over.
    Ended {
        /// How.
        outcome: SessionOutcome,
        /// In a person's words.
        summary: Option<String>,
        /// When.
        at: Timestamp,
    },
}

/// What happened to a task; what it says is in its record.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TaskState {
    /// Where it stands.
    pub stage: TaskStage,
    /// How many tries failed since it was last opened.
    pub failures: u32,
    /// When work on it began.
    pub started: Option<Timestamp>,
    /// When its stage last changed.
    pub changed: Timestamp,
    /// What a person has to rule before work on it begins, as it was when it was added.
    pub gates: Vec<HumanGate>,
}

/// Where a task stands by what happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum TaskStage {
    /// Nobody works on it.
    Open,
    /// Somebody works on it.
    Started {
        /// The attempt of a run.
        step: Option<StepId>,
    },
    /// The last try failed.
    Failed {
        /// Why.
        why: String,
    },
    /// It waits for an answer.
    Waiting {
        /// To what.
        question: QuestionId,
    },
    /// Given up for now.
    Parked {
        /// Why.
        why: String,
        /// The ref that pins the work.
        reference: Option<String>,
    },
    /// Done.
    Done {
        /// The tree that proves it.
        tree: Option<Oid>,
        /// Paths that were not committed when the gates ran.
        uncommitted: Vec<String>,
    },
    /// It will not be done.
    Cancelled {
        /// Why.
        why: String,
    },
}

/// What the log last wrote, or found, at a record's path.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordState {
    /// The digest of the bytes in force.
    pub bytes: Digest,
    /// The digest of the bytes that the file is to hold now; differs from `bytes` while a change is queued.
    pub file: Digest,
    /// The event that said so.
    pub seq: u64,
    /// When the log first wrote it.
    pub since: Timestamp,
    /// Every earlier version that this log wrote and that may lie in a commit or a stash entry.
    pub earlier: Vec<Digest>,
    /// Whether a person's edit was the last that happened to the file.
    pub edited: bool,
    /// The queued keys and values.
    pub queued: BTreeMap<String, serde_json::Value>,
}

/// A dated line of the progress log.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Progress {
    /// When.
    pub at: Timestamp,
    /// By whom.
    pub by: Actor,
    /// For which task.
    pub task: Option<TaskId>,
    /// In words.
    pub text: String,
}

/// What is being worked on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Focus {
    /// Since when.
    pub at: Timestamp,
    /// The task, when it is one.
    pub task: Option<TaskId>,
    /// In words.
    pub text: String,
    /// The next specific action.
    pub next: Option<String>,
}

/// A checkpoint or snapshot that the log knows of; whether its ref is still there is git's to say.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Taken {
    /// The event.
    pub seq: u64,
    /// When.
    pub at: Timestamp,
    /// Its name; automatic snapshots have none.
    pub name: Option<CheckpointName>,
    /// The ref that holds it.
    pub reference: String,
    /// What the ref points at.
    pub object: Oid,
    /// The side commit.
    pub commit: Oid,
    /// The tree outside `.claude/`.
    pub evidence: Oid,
    /// Why.
    pub reason: CheckpointKind,
    /// In words.
    pub summary: Option<String>,
    /// The task it belongs to.
    pub task: Option<TaskId>,
}

/// A compaction of an agent's memory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Compacted {
    /// Its number in the session.
    pub number: u32,
    /// Why everything was sealed.
    pub cause: Cause,
    /// When it was sealed.
    pub at: Timestamp,
    /// When it was handed back, last.
    pub restored: Option<Timestamp>,
    /// Of how many agents anything was handed back.
    pub agents: u32,
    /// What the briefing stands for.
    pub measure: Measure,
}

/// What an agent did in the session, by its own events.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Worker {
    /// The tasks that it worked on.
    pub tasks: BTreeSet<TaskId>,
    /// What it last said.
    pub said: Option<String>,
}

/// The last answer of a gate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GateState {
    /// When.
    pub at: Timestamp,
    /// The digest of its declaration.
    pub declaration: Digest,
    /// The tree outside `.claude/` that it saw.
    pub tree: Oid,
    /// What it said.
    pub verdict: Verdict,
    /// How long it took.
    pub took: Lapse,
    /// The figure of its first green answer, as it is declared now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first: Option<Figure>,
    /// The last figure, however it is declared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub figure: Option<Figure>,
    /// The end of what it printed, when it is not green.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub printed: Option<String>,
}

/// What came of the commands that a task is tested with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tested {
    /// The digest of the commands.
    pub declaration: Digest,
    /// The tree outside `.claude/` that they saw.
    pub tree: Oid,
    /// Green when each of them was.
    pub verdict: Verdict,
}

/// A run of the loop.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// Which.
    pub id: RunId,
    /// When it began.
    pub started: Timestamp,
    /// The plan as data.
    pub plan: serde_json::Value,
    /// Why it ended, when it did.
    pub ended: Option<String>,
    /// Whether somebody asked it to stop.
    pub stop_asked: bool,
    /// How many attempts it made.
    pub steps: u32,
    /// The attempt under way.
    pub step: Option<Step>,
}

/// An attempt under way.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// Which.
    pub id: StepId,
    /// On which task.
    pub task: TaskId,
    /// The number of the try.
    pub attempt: u32,
    /// The agent profile.
    pub agent: String,
    /// The client's conversation.
    pub client: Option<ClientId>,
    /// The snapshot before it.
    pub snapshot: Oid,
    /// When it began.
    pub started: Timestamp,
    /// Its process, as data.
    pub process: Option<serde_json::Value>,
}

/// Tokens and money.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spent {
    /// Tokens read.
    pub input_tokens: u64,
    /// Tokens written.
    pub output_tokens: u64,
    /// Millionths of a dollar.
    pub cost_micros: u64,
}

impl Spent {
    /// Tokens read and written.
    #[must_use]
    pub fn tokens(self) -> u64 {
        self.input_tokens.saturating_add(self.output_tokens)
    }

    /// What was used besides `known`.
    #[must_use]
    pub fn less(self, known: Self) -> Self {
        Self {
            input_tokens: self.input_tokens.saturating_sub(known.input_tokens),
            output_tokens: self.output_tokens.saturating_sub(known.output_tokens),
            cost_micros: self.cost_micros.saturating_sub(known.cost_micros),
        }
    }
}

impl AddAssign for Spent {
    fn add_assign(&mut self, more: Self) {
        self.input_tokens = self.input_tokens.saturating_add(more.input_tokens);
        self.output_tokens = self.output_tokens.saturating_add(more.output_tokens);
        self.cost_micros = self.cost_micros.saturating_add(more.cost_micros);
    }
}

/// A decision or question by id, title and time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Named<T> {
    /// Which.
    pub id: T,
    /// Its title.
    pub title: String,
    /// When.
    pub at: Timestamp,
}

/// A rollback that was carried out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rolled {
    /// The event of its intent.
    pub seq: u64,
    /// When it was planned.
    pub at: Timestamp,
    /// The side commit gone back to.
    pub to: Oid,
    /// The safety snapshot.
    pub safety: Oid,
}
