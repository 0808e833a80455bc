//! What happened, for a person who comes back: what changed, what was decided and by which right, what is unproven, what
//! needs a person. Each line carries the command that looks deeper or takes it back.
//!
//! All of it is computed from events, records and git's figures; nothing is an agent's word. Words around it are a template's.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::{
    event::Verdict,
    id::{GateName, Oid, SessionId, TaskId},
    progress::Headway,
    settings::GateKind,
    tally::{Memory, Usage},
    task::progress::Proof,
    time::{Lapse, Timestamp},
};

pub mod compose;
pub mod words;

/// The version of the report's form.
pub const VERSION: u32 = 1;

/// A report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Report {
    /// The version of its form.
    pub version: u32,
    /// The session's title or name, or the branch.
    pub title: String,
    /// The session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<SessionId>,
    /// What is to be reached.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub goal: Option<String>,
    /// From when on.
    pub since: Timestamp,
    /// Until when.
    pub until: Timestamp,
    /// The time between.
    pub duration: Lapse,
    /// How long the session was worked on in all, without pauses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub worked: Option<Lapse>,
    /// What changed in the work tree and in history.
    pub changed: Changed,
    /// Tasks that were finished, oldest first.
    pub completed: Vec<Completed>,
    /// Tasks that somebody works on.
    pub in_progress: Vec<Working>,
    /// What comes next, best first.
    pub next: Vec<Upcoming>,
    /// How many more could be started.
    pub next_more: usize,
    /// What was decided.
    pub decisions: Vec<Decided>,
    /// What nothing proves.
    pub unproven: Vec<Unproven>,
    /// What no checkpoint of the present work tree would hold.
    #[serde(default)]
    pub uncovered: Vec<Uncovered>,
    /// What went back to how it was.
    pub put_back: Vec<PutBack>,
    /// What needs a person, the most urgent first.
    pub needs: Vec<Need>,
    /// What the gates last said.
    pub gates: Vec<GateReport>,
    /// Gate runs that were green, and those that were not.
    pub gate_runs: GateRuns,
    /// Checkpoints that were taken.
    pub checkpoints: u64,
    /// What agents used.
    pub usage: Usage,
    /// How often agents' memory was cut, and what they were handed back.
    #[serde(default)]
    pub memory: Memory,
    /// How far the tasks are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub headway: Option<Headway>,
    /// When everything is done at this pace; none when the pace is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub completion: Option<Timestamp>,
}

/// What changed in the work tree and in history, outside `.claude/`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Changed {
    /// What it is compared with; none for an empty tree.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Oid>,
    /// Files that differ, new ones included.
    pub files: usize,
    /// Lines added.
    pub insertions: usize,
    /// Lines removed.
    pub deletions: usize,
    /// Tests declared now less those declared then, over the files that differ.
    pub tests_added: i64,
    /// Files that differ from HEAD, and so are in no commit.
    pub uncommitted: usize,
    /// Commits, newest first.
    pub commits: Vec<Commit>,
    /// How many more commits there are.
    pub commits_more: usize,
    /// Commits of ours that hold nothing but state.
    pub state_commits: usize,
}

/// A commit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Commit {
    /// Its id.
    pub commit: Oid,
    /// Its first line.
    pub subject: String,
    /// The command that shows it.
    pub command: String,
}

/// A task that was finished.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Completed {
    /// Which.
    pub task: TaskId,
    /// Its title.
    pub title: String,
    /// When.
    pub at: Timestamp,
    /// Whole minutes from its start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub minutes: Option<u64>,
    /// What it rests on.
    pub proof: Proof,
    /// The command that shows it.
    pub command: String,
}

/// A task that somebody works on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Working {
    /// Which.
    pub task: TaskId,
    /// Its title.
    pub title: String,
    /// The share of its criteria that are ticked; none when it has no criteria.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub percent: Option<u8>,
    /// Whole minutes since its start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub minutes: Option<u64>,
    /// Its estimate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub estimate: Option<Lapse>,
    /// The command that shows it.
    pub command: String,
}

/// A task that may be started.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Upcoming {
    /// Which.
    pub task: TaskId,
    /// Its title.
    pub title: String,
    /// How much it matters.
    pub priority: String,
    /// Its estimate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub estimate: Option<Lapse>,
    /// The command that starts it.
    pub command: String,
}

/// Something that was decided.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Decided {
    /// What.
    pub title: String,
    /// What was chosen or answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub choice: Option<String>,
    /// Who decided.
    pub by: String,
    /// By which right.
    pub right: String,
    /// Where to read on.
    pub command: String,
}

/// Something that nothing proves.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Unproven {
    /// What.
    pub what: String,
    /// Why nothing proves it.
    pub why: String,
    /// The command that would prove it or shows more.
    pub command: String,
}

/// Something that no checkpoint holds, so that no rollback brings it back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Uncovered {
    /// The path; with a slash behind it, a directory with everything in it.
    pub path: String,
    /// Why it is left out.
    pub why: String,
    /// The command that shows more.
    pub command: String,
}

/// Something that went back to how it was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PutBack {
    /// When.
    pub at: Timestamp,
    /// What.
    pub what: String,
    /// The command that undoes it or shows more.
    pub command: String,
}

/// Something that needs a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Need {
    /// What.
    pub what: String,
    /// The command that settles it.
    pub command: String,
}

/// What a gate last said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct GateReport {
    /// Which.
    pub gate: GateName,
    /// What it would prove.
    pub kind: GateKind,
    /// What it said; none when it was never run in this session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict: Option<Verdict>,
    /// When.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Timestamp>,
    /// Whether that is about the present tree.
    pub standing: Standing,
    /// Whether what the settings say waits for a person's trust.
    pub waiting: bool,
}

/// What a verdict is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// The present tree and the gate as it is now.
    Holds,
    /// Another tree, or the gate was another one then.
    Stale,
    /// Nothing: the gate was never run.
    Never,
}

/// How often gates were run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct GateRuns {
    /// Runs that were green.
    pub green: u64,
    /// Runs that were not.
    pub red: u64,
}
