//! What follows from a log: the fold of its events.
//!
//! Bounded on purpose: the state of a night's work is a few kilobytes, so that it can be kept beside the log and read in
//! microseconds. What must be complete is in the log; the newest of each kind, and how many there were, is here.

mod entry;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

pub use crate::model::state::entry::{
    Compacted, Focus, GateState, KEPT, Named, Newest, PRINTED, Phase, Progress, RecordState, Rolled, Run, Session, Spent, Step,
    Taken, TaskStage, TaskState, Tested, Worker,
};
use crate::model::{
    actor::Actor,
    compaction::Cause,
    event::{Event, FORMAT, Fact, TIMED_OUT, Verdict, genesis},
    id::{ClientId, DecisionId, Digest, GateName, Oid, QuestionId, RunId, TaskId, slug},
    intent::{Intent, Settlement},
    plan::progress::Progress as Headway,
    quote,
    refusal::Refusal,
    testimony::Testimony,
    time::{Lapse, Timestamp},
    turn::Continued,
};

/// The fold of one log.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// The version of the log's form; 0 before the first event.
    pub format: u32,
    /// Whether an event was written by a later version of this program.
    pub newer: bool,
    /// The number of the last event.
    pub seq: u64,
    /// The hash of the last line.
    pub tail: Digest,
    /// The number of the last event that a page can show.
    pub shown: u64,
    /// When the last event happened.
    pub last: Option<Timestamp>,
    /// The session; none in the clone's own log.
    pub session: Option<Session>,
    /// Where it stands.
    pub phase: Phase,
    /// Time spent paused, for the budget.
    pub paused: Lapse,
    /// What is being worked on.
    pub focus: Option<Focus>,
    /// The progress log.
    pub progress: Newest<Progress>,
    /// Tasks that anything happened to.
    pub tasks: BTreeMap<TaskId, TaskState>,
    /// Records that the log wrote or found edited.
    pub records: BTreeMap<String, RecordState>,
    /// Files of the session's folder that were written once and for all.
    pub sealed: BTreeMap<String, Digest>,
    /// The last compaction.
    pub compaction: Option<Compacted>,
    /// Conversations that are almost full, and for which everything was sealed ahead.
    pub ahead: BTreeSet<ClientId>,
    /// What each agent did, by the name of its key.
    pub workers: BTreeMap<String, Worker>,
    /// Decisions.
    pub decisions: Newest<Named<DecisionId>>,
    /// Questions asked.
    pub questions: Newest<Named<QuestionId>>,
    /// What it testifies of questions and decisions.
    pub testimony: Testimony,
    /// Questions answered.
    pub answers: u64,
    /// Checkpoints with a tag.
    pub checkpoints: Newest<Taken>,
    /// Automatic and safety snapshots.
    pub snapshots: Newest<Taken>,
    /// Intents whose outcome is not known.
    pub intents: BTreeMap<u64, Intent>,
    /// Commits of ours that landed.
    pub commits: Newest<Oid>,
    /// Rollbacks that were carried out: the event of the intent, where to, and the safety snapshot.
    pub rollbacks: Newest<Rolled>,
    /// Gates' last answers.
    pub gates: BTreeMap<GateName, GateState>,
    /// What the commands said that tasks are tested with, the last time.
    pub tested: BTreeMap<TaskId, Tested>,
    /// The last run.
    pub run: Option<Run>,
    /// How far it has come.
    pub headway: Headway,
    /// Runs in all.
    pub runs: u64,
    /// Attempts in all.
    pub steps: u64,
    /// What was used.
    pub spent: Spent,
    /// Tool calls of agents.
    pub tools: u64,
    /// When the usage limit that was last met ends.
    pub limit: Option<Timestamp>,
    /// Clients bound to the session.
    pub clients: Vec<ClientId>,
    /// Whether conversations go on by themselves.
    pub driven: bool,
    /// How each conversation has gone on by itself since a person last spoke in it.
    pub continued: BTreeMap<ClientId, Continued>,
    /// How often conversations went on by themselves.
    pub turns: u64,
    /// What each conversation of a person has used, as far as it was counted.
    pub metered: BTreeMap<ClientId, Spent>,
    /// Runs that have ended.
    pub runs_ended: u64,
    /// How many runs had ended when each conversation was last heard of.
    pub heard: BTreeMap<ClientId, u64>,
    /// What the store put back or finished.
    pub mended: u64,
    /// Runs of workflows that somebody asked to end, and that have not ended yet.
    pub cancelling: BTreeSet<RunId>,
}

impl State {
    /// The state before the first event of the log `name`.
    #[must_use]
    pub fn empty(name: &str) -> Self {
        Self {
            format: 0,
            newer: false,
            seq: 0,
            tail: genesis(name),
            shown: 0,
            last: None,
            session: None,
            phase: Phase::Active,
            paused: Lapse::default(),
            focus: None,
            progress: Newest::default(),
            tasks: BTreeMap::new(),
            records: BTreeMap::new(),
            sealed: BTreeMap::new(),
            compaction: None,
            ahead: BTreeSet::new(),
            workers: BTreeMap::new(),
            decisions: Newest::default(),
            questions: Newest::default(),
            testimony: Testimony::default(),
            answers: 0,
            checkpoints: Newest::default(),
            snapshots: Newest::default(),
            intents: BTreeMap::new(),
            commits: Newest::default(),
            rollbacks: Newest::default(),
            gates: BTreeMap::new(),
            tested: BTreeMap::new(),
            run: None,
            headway: Headway::default(),
            runs: 0,
            steps: 0,
            spent: Spent::default(),
            tools: 0,
            limit: None,
            clients: Vec::new(),
            driven: false,
            continued: BTreeMap::new(),
            turns: 0,
            metered: BTreeMap::new(),
            runs_ended: 0,
            heard: BTreeMap::new(),
            mended: 0,
            cancelling: BTreeSet::new(),
        }
    }

    /// Takes in the next event; `hash` is that of its line.
    ///
    /// # Errors
    /// Refuses an event that does not continue the chain.
    pub fn apply(&mut self, event: &Event, hash: Digest) -> Result<(), Refusal> {
        if event.seq != self.seq + 1 || event.prev != self.tail {
            return Err(Refusal::environment(format!(
                "the log is broken at event {}: it does not continue event {}",
                event.seq, self.seq
            ))
            .hint("`autonomy verify --repair` shows and mends what can be mended"));
        }
        self.fold(event);
        self.seq = event.seq;
        self.tail = hash;
        if event.fact.is_shown() {
            self.shown = event.seq;
        }
        self.last = Some(event.at);
        Ok(())
    }

    /// Whether the session is over.
    #[must_use]
    pub fn is_ended(&self) -> bool {
        matches!(self.phase, Phase::Ended { .. })
    }

    /// Lets pass only a log that this program may write to.
    ///
    /// # Errors
    /// Refuses a log of a later version, and one whose session is over.
    pub fn may_write(&self) -> Result<(), Refusal> {
        if self.newer || self.format > FORMAT {
            return Err(Refusal::environment(format!(
                "the log was written by a later version of autonomy (its form is {}, this program writes {FORMAT})",
                self.format
            ))
            .hint("install the later version; nothing was changed"));
        }
        match (&self.phase, &self.session) {
            (Phase::Ended { .. }, Some(session)) => Err(Refusal::conflict(format!("the session `{}` has ended", session.id))
                .hint("start another: `autonomy session start`")),
            _ => Ok(()),
        }
    }

    fn task(&mut self, task: &TaskId, at: Timestamp, stage: TaskStage) -> &mut TaskState {
        let untouched = TaskState { stage: TaskStage::Open, failures: 0, started: None, changed: at, gates: Vec::new() };
        let known = self.tasks.entry(task.clone()).or_insert(untouched);
        known.stage = stage;
        known.changed = at;
        known
    }

    fn record(&mut self, record: &str, (seq, at): (u64, Timestamp), bytes: &Digest, file: Option<&Digest>) -> &mut RecordState {
        let state = self.records.entry(record.to_owned()).or_insert_with(|| RecordState {
            bytes: bytes.clone(),
            file: file.unwrap_or(bytes).clone(),
            seq,
            since: at,
            earlier: Vec::new(),
            edited: false,
            queued: BTreeMap::new(),
        });
        if state.bytes != *bytes && !state.earlier.contains(&state.bytes) {
            state.earlier.push(state.bytes.clone());
        }
        state.bytes = bytes.clone();
        state.seq = seq;
        if let Some(file) = file {
            state.file = file.clone();
        }
        state
    }

    fn fold(&mut self, event: &Event) {
        let (seq, at) = (event.seq, event.at);
        self.headway.take(&event.fact, at);
        self.credit(event);
        self.testimony.hear(event, self.session.as_ref().map(|session| &session.id));
        match &event.fact {
            Fact::CloneStarted { format } => self.format = *format,
            Fact::SessionStarted { format, session, title, goal, constraints, max, branch, head, person, continues, parent } => {
                self.format = *format;
                self.session = Some(Session {
                    id: session.clone(),
                    title: title.clone(),
                    goal: goal.clone(),
                    constraints: constraints.clone(),
                    max: *max,
                    branch: branch.clone(),
                    head: head.clone(),
                    person: person.clone(),
                    continues: continues.clone(),
                    parent: parent.clone(),
                    started: at,
                });
            }
            Fact::SessionPaused { reason } => {
                // Nobody says so at the moment it happens: such a pause began with the last thing that was done.
                let since = if reason == TIMED_OUT { self.last.unwrap_or(at) } else { at };
                self.phase = Phase::Paused { reason: reason.clone(), since };
            }
            Fact::SessionResumed {} => {
                self.count_pause(at);
                self.phase = Phase::Active;
            }
            Fact::SessionEnded { outcome, summary } => {
                self.count_pause(at);
                self.phase = Phase::Ended { outcome: *outcome, summary: summary.clone(), at };
            }
            Fact::ClientBound { client } => {
                if !self.clients.contains(client) {
                    self.clients.push(client.clone());
                }
                self.heard.insert(client.clone(), self.runs_ended);
            }
            Fact::SessionDriven {} => self.driven = true,
            Fact::TurnContinued { client, task: _, continued } => {
                self.continued.insert(client.clone(), continued.clone());
                self.turns += 1;
            }
            Fact::FocusSet { task, text, next } => {
                self.focus = Some(Focus { at, task: task.clone(), text: text.clone(), next: next.clone() });
            }
            Fact::ProgressAdded { text, task } => {
                self.progress.push(Progress { at, by: event.actor.clone(), task: task.clone(), text: text.clone() });
            }
            Fact::RecordWritten { record, bytes, was } => {
                let known = self.record(record, (seq, at), bytes, Some(bytes));
                known.queued.clear();
                known.edited = false;
                // What a change was made to may be a file that no log has seen before; it is ours to replace all the same.
                if let Some(was) = was.as_ref().filter(|was| *was != bytes && !known.earlier.contains(was)) {
                    known.earlier.push(was.clone());
                }
            }
            Fact::RecordEdited { record, bytes } => {
                let known = self.record(record, (seq, at), bytes, Some(bytes));
                known.queued.clear();
                known.edited = true;
            }
            Fact::RecordQueued { record, bytes, was, set } => {
                let known = self.records.contains_key(record);
                let state = self.record(record, (seq, at), bytes, (!known).then_some(was));
                state.queued.extend(set.clone());
            }
            Fact::RecordDropped { record } => {
                self.records.remove(record);
            }
            Fact::FileSealed { file, bytes } => {
                self.sealed.insert(file.clone(), bytes.clone());
            }
            Fact::CompactionSealed { compaction, cause, client, measure, .. } => {
                let (number, cause, measure) = (*compaction, *cause, *measure);
                self.compaction = Some(Compacted { number, cause, at, restored: None, agents: 0, measure });
                if let Some(client) = client {
                    if cause == Cause::Proactive {
                        self.ahead.insert(client.clone())
                    } else {
                        self.ahead.remove(client)
                    };
                }
            }
            Fact::CompactionRestored { compaction, client, agents, measure } => {
                if let Some(last) = self.compaction.as_mut().filter(|last| last.number == *compaction) {
                    (last.restored, last.agents, last.measure) = (Some(at), *agents, measure.or(last.measure));
                }
                match client {
                    Some(client) => drop(self.ahead.remove(client)),
                    None => self.ahead.clear(),
                }
            }
            Fact::TaskAdded { task, gates, .. } => {
                self.task(task, at, TaskStage::Open).gates.clone_from(gates);
            }
            Fact::TaskStarted { task, step } => {
                let state = self.task(task, at, TaskStage::Started { step: step.clone() });
                state.started.get_or_insert(at);
            }
            Fact::TaskFailed { task, why } => {
                self.task(task, at, TaskStage::Failed { why: why.clone() }).failures += 1;
            }
            Fact::TaskWaiting { task, question } => {
                self.task(task, at, TaskStage::Waiting { question: question.clone() });
            }
            Fact::TaskParked { task, why, reference } => {
                self.task(task, at, TaskStage::Parked { why: why.clone(), reference: reference.clone() });
            }
            Fact::TaskResumed { task } | Fact::TaskReopened { task, .. } => {
                self.task(task, at, TaskStage::Open).failures = 0;
            }
            Fact::TaskDone { task, tree, uncommitted } => {
                self.task(task, at, TaskStage::Done { tree: tree.clone(), uncommitted: uncommitted.clone() });
            }
            Fact::TaskCancelled { task, why } => {
                self.task(task, at, TaskStage::Cancelled { why: why.clone() });
            }
            Fact::DecisionRecorded { decision, title, .. } => {
                self.decisions.push(Named { id: decision.clone(), title: title.clone(), at });
            }
            Fact::QuestionAsked { question, title, .. } => {
                self.questions.push(Named { id: question.clone(), title: title.clone(), at });
            }
            Fact::QuestionAnswered { .. } => {
                self.answers += 1;
            }
            Fact::ClientTold { client, .. } => {
                if let Some(client) = client {
                    self.heard.insert(client.clone(), self.runs_ended);
                }
            }
            Fact::DecisionFound { .. }
            | Fact::DecisionDoubted { .. }
            | Fact::ChangeUndeclared { .. }
            | Fact::DecisionOutcome { .. }
            | Fact::NoteAdded { .. }
            | Fact::ChangeSeen { .. }
            | Fact::ToolHeld { .. }
            | Fact::HookFailed { .. }
            | Fact::WorkflowStarted { .. }
            | Fact::WorkflowStepStarted { .. }
            | Fact::WorkflowStepSpawned { .. }
            | Fact::WorkflowStepEnded { .. } => {}
            Fact::WorkflowCancelAsked { run } => drop(self.cancelling.insert(run.clone())),
            Fact::WorkflowEnded { run, .. } => drop(self.cancelling.remove(run)),
            Fact::CheckpointMade { name, reference, object, commit, tree: _, evidence, reason, summary, task } => {
                let taken = Taken {
                    seq,
                    at,
                    name: name.clone(),
                    reference: reference.clone(),
                    object: object.clone(),
                    commit: commit.clone(),
                    evidence: evidence.clone(),
                    reason: *reason,
                    summary: summary.clone(),
                    task: task.clone(),
                };
                if name.is_some() {
                    self.checkpoints.push(taken);
                } else {
                    self.snapshots.push(taken);
                }
            }
            Fact::CheckpointPruned { references } => {
                let stays = |taken: &Taken| !references.contains(&taken.reference);
                self.checkpoints.entries.retain(stays);
                self.snapshots.entries.retain(stays);
            }
            Fact::IntentFormed { intent } => {
                self.intents.insert(seq, intent.clone());
            }
            Fact::IntentSettled { intent, outcome } => self.settle(*intent, outcome, at),
            Fact::GateRan { gate, declaration, tree, verdict, took, output, figure, .. } => {
                let before = self.gates.get(gate);
                let same = before.filter(|known| known.declaration == *declaration);
                let state = GateState {
                    at,
                    declaration: declaration.clone(),
                    tree: tree.clone(),
                    verdict: *verdict,
                    took: *took,
                    first: same.and_then(|known| known.first).or(figure.filter(|_| *verdict == Verdict::Green)),
                    figure: figure.or(before.and_then(|known| known.figure)),
                    printed: output.as_deref().filter(|_| *verdict != Verdict::Green).map(|text| quote::tail(text, PRINTED)),
                };
                self.gates.insert(gate.clone(), state);
            }
            Fact::TaskTested { task, declaration, tree, verdict } => {
                let tested = Tested { declaration: declaration.clone(), tree: tree.clone(), verdict: *verdict };
                self.tested.insert(task.clone(), tested);
            }
            Fact::RunStarted { run, plan } => {
                self.runs += 1;
                self.run = Some(Run {
                    id: run.clone(),
                    started: at,
                    plan: plan.clone(),
                    ended: None,
                    stop_asked: false,
                    steps: 0,
                    step: None,
                });
            }
            Fact::RunEnded { reason, .. } => {
                self.runs_ended += 1;
                if let Some(run) = &mut self.run {
                    run.ended = Some(reason.clone());
                    run.step = None;
                }
            }
            Fact::RunStopAsked {} => {
                if let Some(run) = &mut self.run {
                    run.stop_asked = true;
                }
            }
            Fact::StepStarted { step, task, attempt, agent, client, snapshot, .. } => {
                self.steps += 1;
                if let Some(run) = &mut self.run {
                    run.steps += 1;
                    run.step = Some(Step {
                        id: step.clone(),
                        task: task.clone(),
                        attempt: *attempt,
                        agent: agent.clone(),
                        client: client.clone(),
                        snapshot: snapshot.clone(),
                        started: at,
                        process: None,
                    });
                }
            }
            Fact::StepSpawned { step, process } => {
                if let Some(under_way) = self.run.as_mut().and_then(|run| run.step.as_mut()).filter(|known| known.id == *step) {
                    under_way.process = Some(process.clone());
                }
            }
            Fact::StepEnded { step, .. } => {
                if let Some(run) = &mut self.run
                    && run.step.as_ref().is_some_and(|known| known.id == *step)
                {
                    run.step = None;
                }
            }
            Fact::LimitMet { until, .. } => self.limit = *until,
            Fact::UsageSeen { client, input_tokens, output_tokens, cost_micros, .. } => {
                let (input_tokens, output_tokens, cost_micros) = (*input_tokens, *output_tokens, *cost_micros);
                let more = Spent { input_tokens, output_tokens, cost_micros };
                self.spent += more;
                if let Some(client) = client {
                    *self.metered.entry(client.clone()).or_default() += more;
                }
            }
            Fact::ToolUsed { .. } => self.tools += 1,
            Fact::StoreMended { .. } => self.mended += 1,
            Fact::Unknown => self.newer = true,
        }
    }

    /// Who worked on what, and said what.
    fn credit(&mut self, event: &Event) {
        let acting = || match &event.actor {
            Actor::Agent { name, role, .. } => Some(slug(role.as_deref().unwrap_or(name))),
            Actor::Person { .. } | Actor::Autonomy => None,
        };
        match &event.fact {
            Fact::StepStarted { task, agent, .. } => {
                self.workers.entry(slug(agent)).or_default().tasks.insert(task.clone());
            }
            Fact::TaskStarted { task, .. } | Fact::TaskDone { task, .. } | Fact::TaskFailed { task, .. } => {
                if let Some(name) = acting() {
                    self.workers.entry(name).or_default().tasks.insert(task.clone());
                }
            }
            Fact::ProgressAdded { text, task } => {
                if let Some(name) = acting() {
                    let worker = self.workers.entry(name).or_default();
                    worker.said = Some(text.clone());
                    worker.tasks.extend(task.clone());
                }
            }
            _ => {}
        }
    }

    fn count_pause(&mut self, until: Timestamp) {
        if let Phase::Paused { since, .. } = self.phase {
            self.paused = Lapse(self.paused.0 + until.since(since).0);
        }
    }

    fn settle(&mut self, seq: u64, outcome: &Settlement, at: Timestamp) {
        let Some(intent) = self.intents.remove(&seq) else { return };
        let Settlement::Done { commit } = outcome else { return };
        match intent {
            Intent::Commit { records, .. } => {
                if let Some(commit) = commit {
                    self.commits.push(commit.clone());
                }
                for (path, committed) in records {
                    if let Some(record) = self.records.get_mut(&path) {
                        if record.bytes == committed {
                            record.queued.clear();
                        }
                        record.file = committed;
                    }
                }
            }
            Intent::Rollback { to, safety, .. } => self.rollbacks.push(Rolled { seq, at, to, safety }),
            Intent::Branch { .. } => {}
        }
    }
}
