//! Everything that can happen, one enum; one event is one line of a log.
//!
//! The line is a JSON object after `--- `, which makes the log a stream of YAML documents that git and grep see line by
//! line. Its form is `line`'s matter; nothing here knows of files.

mod line;
mod shown;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::{
    actor::Actor,
    change::Change,
    checkpoint::CheckpointKind,
    compaction::{Cause, Measure},
    figure::Figure,
    guard,
    id::{CheckpointName, ClientId, DecisionId, Digest, GateName, NoteId, Oid, QuestionId, RunId, SessionId, StepId, TaskId},
    intent::{Intent, Settlement},
    outcome::Label,
    process::ProcessMark,
    question::{Answer, Said, Subject},
    task::HumanGate,
    time::{Lapse, Timestamp},
    turn::Continued,
    workflow::outcome::{Ending, Outcome, StepKey},
};

/// The version that this program writes at the head of a log.
pub const FORMAT: u32 = 1;

/// The most bytes that one event's line may have.
pub const MAX_EVENT: usize = 64 * 1024;

/// The reason of a pause that nobody asked for: nothing happened for longer than `session.timeout`.
pub const TIMED_OUT: &str = "timed out";

/// What every line starts with.
pub const MARK: &str = "--- ";

/// One thing that happened, in its place in the chain.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// Its number in the log, from 1 without gaps.
    pub seq: u64,
    /// When.
    pub at: Timestamp,
    /// By whom.
    pub actor: Actor,
    /// What.
    pub fact: Fact,
    /// The hash of the line before, or of the log's name for the first.
    pub prev: Digest,
    /// Whether it is the last one of its command; lines after the last `end` are not yet written whole.
    pub end: bool,
}

impl Event {
    /// What a person answered, in the log of `session`, and to which question; nothing when it says nothing of the kind.
    #[must_use]
    pub fn said(&self, session: Option<SessionId>) -> Option<(QuestionId, Said)> {
        let Fact::QuestionAnswered { question, answer, about } = &self.fact else { return None };
        let by = self.actor.is_person().then(|| self.actor.to_string())?;
        let answer = Answer { text: answer.clone(), by, at: self.at, session };
        Some((question.clone(), Said { answer, about: about.clone() }))
    }
}

/// The hash that the first event of the log `name` continues.
#[must_use]
pub fn genesis(name: &str) -> Digest {
    Digest::of(format!("autonomy log {name}"))
}

/// How a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SessionOutcome {
    /// What it was for is done.
    Completed,
    /// It was given up.
    Failed,
}

/// The session that another one goes on from, in another clone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Continues {
    /// The earlier session.
    pub session: SessionId,
    /// The hash of its last event known here.
    pub last: Digest,
}

/// A gate's answer about a tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It passed.
    Green,
    /// It failed.
    Red,
    /// It did not come to an end within its time.
    TimedOut,
    /// It could not be started.
    Broken,
}

impl Verdict {
    /// The word for people.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Green => "green",
            Self::Red => "red",
            Self::TimedOut => "timed out",
            Self::Broken => "broken",
        }
    }
}

/// What happened. Words on disk are `noun.past_participle`; fields are only ever added.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(tag = "kind")]
pub enum Fact {
    /// The clone's own log was begun.
    #[serde(rename = "clone.started")]
    CloneStarted {
        /// The version of the log's form.
        format: u32,
    },
    /// A session began.
    #[serde(rename = "session.started")]
    SessionStarted {
        /// The version of the log's form.
        format: u32,
        /// Its name.
        session: SessionId,
        /// What people call it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        title: Option<String>,
        /// What is to be reached.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        goal: Option<String>,
        /// What must hold on the way.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        constraints: Vec<String>,
        /// How long it may take.
        max: Lapse,
        /// The branch at the start, without `refs/heads/`; none when detached.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        branch: Option<String>,
        /// The commit at the start; none when there was none.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        head: Option<Oid>,
        /// The person's name from git's configuration.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        person: Option<String>,
        /// The session of another clone that this one goes on from.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        continues: Option<Continues>,
        /// The session that started this one for an agent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        parent: Option<SessionId>,
    },
    /// Conversations go on by themselves in this session.
    #[serde(rename = "session.driven")]
    SessionDriven {},
    /// A turn was over, and the conversation went on by itself.
    #[serde(rename = "turn.continued")]
    TurnContinued {
        /// The conversation.
        client: ClientId,
        /// What it was told to work on.
        task: TaskId,
        /// How it has gone on since a person last spoke.
        continued: Continued,
    },
    /// Work was laid aside.
    #[serde(rename = "session.paused")]
    SessionPaused {
        /// Why.
        reason: String,
    },
    /// Work was taken up again.
    #[serde(rename = "session.resumed")]
    SessionResumed {},
    /// The session is over; the last event of its log.
    #[serde(rename = "session.ended")]
    SessionEnded {
        /// How.
        outcome: SessionOutcome,
        /// In a person's words.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        summary: Option<String>,
    },
    /// An agent client's conversation was bound to the session.
    #[serde(rename = "client.bound")]
    ClientBound {
        /// The client's own id.
        client: ClientId,
    },
    /// What is being worked on.
    #[serde(rename = "focus.set")]
    FocusSet {
        /// The task, when it is one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        task: Option<TaskId>,
        /// In words.
        text: String,
        /// The next specific action.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        next: Option<String>,
    },
    /// Something was achieved.
    #[serde(rename = "progress.added")]
    ProgressAdded {
        /// In words.
        text: String,
        /// For which task.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        task: Option<TaskId>,
    },
    /// A record was written whole; its bytes lie beside the log under their digest.
    #[serde(rename = "record.written")]
    RecordWritten {
        /// Its path from the top of the work tree, such as `.claude/tasks/<id>.md`.
        record: String,
        /// The digest of its bytes.
        bytes: Digest,
        /// The digest of what was there before; none when it is new.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        was: Option<Digest>,
    },
    /// A change of a tracked record that the next commit of ours will write.
    #[serde(rename = "record.queued")]
    RecordQueued {
        /// Its path from the top of the work tree.
        record: String,
        /// The digest of the whole record with this change made.
        bytes: Digest,
        /// The digest of the bytes that the change was made to.
        was: Digest,
        /// The front matter keys that change, and their new values.
        set: BTreeMap<String, serde_json::Value>,
    },
    /// Somebody edited a record by hand; the file is right.
    #[serde(rename = "record.edited")]
    RecordEdited {
        /// Its path from the top of the work tree.
        record: String,
        /// The digest of the bytes as found.
        bytes: Digest,
    },
    /// A record's removal by a commit was followed.
    #[serde(rename = "record.dropped")]
    RecordDropped {
        /// Its path from the top of the work tree.
        record: String,
    },
    /// A file of the session's folder was written once and for all; its bytes lie beside the log.
    #[serde(rename = "file.sealed")]
    FileSealed {
        /// Its path from the top of the work tree.
        file: String,
        /// The digest of its bytes.
        bytes: Digest,
    },
    /// Everything that was known was sealed, because an agent's memory is about to be cut, or was.
    #[serde(rename = "compaction.sealed")]
    CompactionSealed {
        /// Its number in the session, from 1.
        compaction: u32,
        /// Why.
        cause: Cause,
        /// The checkpoint that was taken before.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        checkpoint: Option<CheckpointName>,
        /// The conversation whose memory is cut, where it is known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        client: Option<ClientId>,
        /// What the briefing stands for, as far as it was measured.
        #[serde(default, skip_serializing_if = "Measure::is_nothing")]
        measure: Measure,
    },
    /// What was sealed was handed back.
    #[serde(rename = "compaction.restored")]
    CompactionRestored {
        /// Its number in the session.
        compaction: u32,
        /// The conversation that got it, where it is known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        client: Option<ClientId>,
        /// How many agents anything is known of.
        #[serde(default)]
        agents: u32,
        /// What the briefing stands for, as far as it was measured.
        #[serde(default, skip_serializing_if = "Measure::is_nothing")]
        measure: Measure,
    },
    /// A task was added.
    #[serde(rename = "task.added")]
    TaskAdded {
        /// Which.
        task: TaskId,
        /// Its title.
        title: String,
        /// What a person has to rule before work on it begins.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        gates: Vec<HumanGate>,
    },
    /// Somebody began to work on a task.
    #[serde(rename = "task.started")]
    TaskStarted {
        /// Which.
        task: TaskId,
        /// The attempt of a run that works on it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        step: Option<StepId>,
    },
    /// A try at a task failed.
    #[serde(rename = "task.failed")]
    TaskFailed {
        /// Which.
        task: TaskId,
        /// Why.
        why: String,
    },
    /// A task waits for an answer.
    #[serde(rename = "task.waiting")]
    TaskWaiting {
        /// Which.
        task: TaskId,
        /// For what.
        question: QuestionId,
    },
    /// A task was given up for now; its work is pinned.
    #[serde(rename = "task.parked")]
    TaskParked {
        /// Which.
        task: TaskId,
        /// Why.
        why: String,
        /// The ref that pins the work, when there is any.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reference: Option<String>,
    },
    /// A parked, failed or waiting task is open again.
    #[serde(rename = "task.resumed")]
    TaskResumed {
        /// Which.
        task: TaskId,
    },
    /// A task is done.
    #[serde(rename = "task.done")]
    TaskDone {
        /// Which.
        task: TaskId,
        /// The tree, outside `.claude/`, that the gates saw green; none when nothing proves it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        tree: Option<Oid>,
        /// Paths that were not committed when the gates ran.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        uncommitted: Vec<String>,
    },
    /// All commands that a task is tested with were carried out.
    #[serde(rename = "task.tested")]
    TaskTested {
        /// Which.
        task: TaskId,
        /// The digest of the commands.
        declaration: Digest,
        /// The tree outside `.claude/` that they saw.
        tree: Oid,
        /// Green when each of them is.
        verdict: Verdict,
    },
    /// A task that was done is open again.
    #[serde(rename = "task.reopened")]
    TaskReopened {
        /// Which.
        task: TaskId,
        /// Why.
        why: String,
    },
    /// A task will not be done.
    #[serde(rename = "task.cancelled")]
    TaskCancelled {
        /// Which.
        task: TaskId,
        /// Why.
        why: String,
    },
    /// A decision was recorded.
    #[serde(rename = "decision.recorded")]
    DecisionRecorded {
        /// Which.
        decision: DecisionId,
        /// Its title.
        title: String,
        /// The digest of what it says.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        terms: Option<Digest>,
    },
    /// A decision that no command recorded held when the session began.
    #[serde(rename = "decision.found")]
    DecisionFound {
        /// Which.
        decision: DecisionId,
        /// The digest of what it says.
        terms: Digest,
    },
    /// A session ended, and a record says that a decision holds which nobody is known to have taken.
    #[serde(rename = "decision.doubted")]
    DecisionDoubted {
        /// Which.
        decision: DecisionId,
        /// The digest of what it says.
        terms: Digest,
    },
    /// What a task of a run changed may be committed, though no decision says so where the rules want somebody to decide.
    #[serde(rename = "change.undeclared")]
    ChangeUndeclared {
        /// Which task.
        task: TaskId,
        /// What was found, and the rule.
        why: String,
    },
    /// Somebody said how a decision turned out.
    #[serde(rename = "decision.outcome")]
    DecisionOutcome {
        /// Which.
        decision: DecisionId,
        /// In a word.
        label: Label,
        /// In words.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        words: Option<String>,
    },
    /// A question was asked.
    #[serde(rename = "question.asked")]
    QuestionAsked {
        /// Which.
        question: QuestionId,
        /// Its title.
        title: String,
        /// The decision that its answer approves or rejects.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        decides: Option<DecisionId>,
    },
    /// A person answered.
    #[serde(rename = "question.answered")]
    QuestionAnswered {
        /// Which.
        question: QuestionId,
        /// The answer.
        answer: String,
        /// What it rules on.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        about: Option<Subject>,
    },
    /// A note was kept.
    #[serde(rename = "note.added")]
    NoteAdded {
        /// Which.
        note: NoteId,
    },
    /// A checkpoint or automatic snapshot was taken.
    #[serde(rename = "checkpoint.made")]
    CheckpointMade {
        /// Its name; automatic snapshots have none.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        name: Option<CheckpointName>,
        /// The ref that holds it.
        reference: String,
        /// What the ref points at: the tag object, or the commit of a snapshot.
        object: Oid,
        /// The side commit.
        commit: Oid,
        /// The tree of the whole work tree.
        tree: Oid,
        /// The tree outside `.claude/`.
        evidence: Oid,
        /// Why it was taken.
        reason: CheckpointKind,
        /// In words.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        summary: Option<String>,
        /// The task it belongs to.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        task: Option<TaskId>,
    },
    /// Checkpoints or automatic snapshots are not kept any longer.
    #[serde(rename = "checkpoint.pruned")]
    CheckpointPruned {
        /// The refs that held them.
        references: Vec<String>,
    },
    /// Something shared is about to be changed.
    #[serde(rename = "intent.formed")]
    IntentFormed {
        /// What, from which state, to which.
        intent: Intent,
    },
    /// What became of an intent.
    #[serde(rename = "intent.settled")]
    IntentSettled {
        /// The number of the event that formed it.
        intent: u64,
        /// What became of it.
        outcome: Settlement,
    },
    /// A gate was run.
    #[serde(rename = "gate.ran")]
    GateRan {
        /// Which.
        gate: GateName,
        /// The digest of its declaration.
        declaration: Digest,
        /// The tree outside `.claude/` that it saw.
        tree: Oid,
        /// What it said.
        verdict: Verdict,
        /// Its exit code, when it had one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        exit: Option<i32>,
        /// How long it took.
        took: Lapse,
        /// The last lines of what it printed, when it is not green.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        output: Option<String>,
        /// The figure that it measured.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        figure: Option<Figure>,
        /// The attempt that it judged.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        step: Option<StepId>,
    },
    /// Paths changed between two edges of a step, or between two snapshots.
    #[serde(rename = "change.seen")]
    ChangeSeen {
        /// The attempt that made them, when one did.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        step: Option<StepId>,
        /// At most 200 of them.
        changes: Vec<Change>,
        /// How many more there are in further events of the same command.
        #[serde(default)]
        more: u64,
    },
    /// `autonomy run` began.
    #[serde(rename = "run.started")]
    RunStarted {
        /// Which.
        run: RunId,
        /// The plan with its budgets, as data.
        plan: serde_json::Value,
    },
    /// `autonomy run` ended.
    #[serde(rename = "run.ended")]
    RunEnded {
        /// Which.
        run: RunId,
        /// Why, a word of the plan's endings.
        reason: String,
    },
    /// Somebody asked the run to stop at the next edge.
    #[serde(rename = "run.stop_asked")]
    RunStopAsked {},
    /// An attempt began; written before anything is started.
    #[serde(rename = "step.started")]
    StepStarted {
        /// Which.
        step: StepId,
        /// Of which run.
        run: RunId,
        /// On which task.
        task: TaskId,
        /// The number of the try, from 1.
        attempt: u32,
        /// The agent profile.
        agent: String,
        /// The conversation that the client is told to use.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        client: Option<ClientId>,
        /// The snapshot before it.
        snapshot: Oid,
    },
    /// The attempt's process is running.
    #[serde(rename = "step.spawned")]
    StepSpawned {
        /// Which.
        step: StepId,
        /// Its process, as data of `model::process`.
        process: serde_json::Value,
    },
    /// An attempt ended.
    #[serde(rename = "step.ended")]
    StepEnded {
        /// Which.
        step: StepId,
        /// What the driver made of it, as data of `model::agent`.
        outcome: serde_json::Value,
        /// The tree after it, outside `.claude/`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        tree: Option<Oid>,
    },
    /// Somebody began to carry a workflow out.
    #[serde(rename = "workflow.started")]
    WorkflowStarted {
        /// The run.
        run: RunId,
        /// Its file, from the top of the work tree.
        file: String,
        /// The digest of that file's text.
        digest: Digest,
        /// The files of the workflows that it starts, with the digests of their texts.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        others: BTreeMap<String, Digest>,
        /// The values of its parameters.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        parameters: BTreeMap<String, serde_json::Value>,
    },
    /// A step of a workflow began, or what is inside it; written before anything is started.
    #[serde(rename = "workflow.step_started")]
    WorkflowStepStarted {
        /// Of which run.
        run: RunId,
        /// Which.
        step: StepKey,
        /// The number of the try, from 1.
        attempt: u32,
        /// For how many values it is done, when it is done for values.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        times: Option<u32>,
        /// The branch that is taken, from 0; the number of branches for the default.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        branch: Option<u32>,
        /// What the workflow is given that it starts.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        parameters: BTreeMap<String, serde_json::Value>,
    },
    /// The process of a workflow's step is running.
    #[serde(rename = "workflow.step_spawned")]
    WorkflowStepSpawned {
        /// Of which run.
        run: RunId,
        /// Which.
        step: StepKey,
        /// Its process.
        process: ProcessMark,
    },
    /// A step of a workflow ended, or a try of it.
    #[serde(rename = "workflow.step_ended")]
    WorkflowStepEnded {
        /// Of which run.
        run: RunId,
        /// Which.
        step: StepKey,
        /// The number of the try, from 1; 0 when there was none.
        #[serde(default)]
        attempt: u32,
        /// How.
        outcome: Outcome,
        /// Its exit code, when it had one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        exit: Option<i32>,
        /// How long it took.
        #[serde(default)]
        took: Lapse,
        /// Why, when it did not succeed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        why: Option<String>,
        /// What it gave.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        outputs: BTreeMap<String, serde_json::Value>,
    },
    /// Somebody asked for the end of a workflow's run.
    #[serde(rename = "workflow.cancel_asked")]
    WorkflowCancelAsked {
        /// The run.
        run: RunId,
    },
    /// The run of a workflow ended.
    #[serde(rename = "workflow.ended")]
    WorkflowEnded {
        /// The run.
        run: RunId,
        /// How.
        ending: Ending,
    },
    /// A usage limit was met.
    #[serde(rename = "limit.met")]
    LimitMet {
        /// When it ends, when the client said so.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        until: Option<Timestamp>,
        /// The client's name for it.
        limit: String,
    },
    /// Tokens and money were used.
    #[serde(rename = "usage.seen")]
    UsageSeen {
        /// By which attempt.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        step: Option<StepId>,
        /// By which conversation, where it is a person's; counted since it was counted last.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        client: Option<ClientId>,
        /// Tokens read, without cached ones.
        input_tokens: u64,
        /// Tokens written.
        output_tokens: u64,
        /// Millionths of a dollar.
        cost_micros: u64,
    },
    /// An agent used a tool.
    #[serde(rename = "tool.used")]
    ToolUsed {
        /// Its name.
        tool: String,
        /// In which attempt.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        step: Option<StepId>,
        /// The file that it wrote, from the top of the work tree when it lies in it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        path: Option<String>,
        /// Whether it failed.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        failed: bool,
    },
    /// The guard held a tool back that an agent was about to use.
    #[serde(rename = "tool.held")]
    ToolHeld {
        /// Its name.
        tool: String,
        /// What tells this call from every other: a digest of the tool, where it starts, and what it is given.
        call: Digest,
        /// What the guard said.
        verdict: guard::Verdict,
        /// The strictest rule that speaks against it.
        rule: guard::Rule,
        /// Why.
        why: String,
        /// The question that it waits for, where nobody could be asked at once.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        question: Option<QuestionId>,
    },
    /// An agent client told of something by a hook that is no fact of its own.
    #[serde(rename = "client.told")]
    ClientTold {
        /// What, in the client's word: `PreCompact`.
        event: String,
        /// The conversation.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        client: Option<ClientId>,
        /// Which tool, agent, cause or task, in the client's words.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        words: Option<String>,
    },
    /// A hook could not do its work, and the client went on.
    #[serde(rename = "hook.failed")]
    HookFailed {
        /// What it was called for.
        event: String,
        /// Why it could not.
        why: String,
    },
    /// The store put something back or finished something.
    #[serde(rename = "store.mended")]
    StoreMended {
        /// In words.
        what: String,
    },
    /// Written by a later version of this program; kept as it is, and the log is not written to.
    #[serde(skip)]
    Unknown,
}

#[cfg(test)]
mod tests;
