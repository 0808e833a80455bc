//! How far a run has come: the fold of what it wrote into its session's log.
//!
//! A task that is under way outlives the run: whoever runs next goes on with it, on the work that is there.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::model::{
    agent::Outcome,
    change::TreePath,
    checkpoint::CheckpointKind,
    event::{Fact, Verdict},
    id::{ClientId, DecisionId, GateName, Oid, RunId, StepId, TaskId},
    intent::{Intent, Settlement},
    time::{Lapse, Timestamp},
};

/// How long after the reset of a usage limit the next try is made.
const AFTER_RESET: Lapse = Lapse::seconds(60);

/// How long is waited when a usage limit does not say when it ends.
pub const UNKNOWN_RESET: Lapse = Lapse::minutes(30);

/// How long is waited when the model's server is overloaded.
pub const OVERLOADED: Lapse = Lapse::minutes(2);

/// How far a run has come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// The run; none before the first.
    pub run: Option<RunId>,
    /// Whether the run has ended.
    pub ended: bool,
    /// When the run began.
    pub started: Timestamp,
    /// How many attempts the run has made.
    pub steps: u32,
    /// How many tokens its attempts used, those from caches not counted.
    pub tokens: u64,
    /// How much money they used, in millionths of a dollar.
    pub cost_micros: u64,
    /// How many attempts in a row changed nothing or did not come to their end.
    pub idle: u32,
    /// Whether somebody asked the run to stop.
    pub stop_asked: bool,
    /// What each gate said before the work that is under way began: red ones block nothing until they are green.
    pub gates: BTreeMap<GateName, Verdict>,
    /// The task under way.
    pub current: Option<Current>,
    /// How many tasks the run has finished, parked or left waiting.
    pub settled: u32,
    /// How many of them are done.
    pub done: u32,
    changed: bool,
}

/// A task under way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Current {
    /// Which.
    pub task: TaskId,
    /// The snapshot before the first attempt at it.
    pub base: Oid,
    /// How many tries failed.
    pub tries: u32,
    /// Its last attempt.
    pub step: StepId,
    /// The snapshot before its last attempt.
    pub snapshot: Oid,
    /// The conversation of its last attempt, when it can be continued.
    pub client: Option<ClientId>,
    /// The paths that its attempts changed.
    pub own: BTreeSet<TreePath>,
    /// What the last try failed for.
    pub feedback: Option<String>,
    /// The decisions that were recorded since the first attempt at it.
    pub decisions: Vec<DecisionId>,
    /// Whether its last attempt left a record: a decision, a note, a question or a task.
    pub recorded: bool,
    /// Whether a commit was made since it was said to be done.
    pub committed: bool,
    /// The snapshot of its work, when that was put aside.
    pub aside: Option<Oid>,
    /// What comes next.
    pub phase: Phase,
}

/// Where the task under way stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum Phase {
    /// An attempt was begun, and its end is not known.
    Running,
    /// The agent came to its end; the gates have not judged yet.
    Judging,
    /// The agent did not come to its end.
    Broken {
        /// Why.
        why: String,
    },
    /// A usage limit was met.
    Limited {
        /// When the next attempt may begin.
        until: Timestamp,
    },
    /// The agent cannot work.
    Unusable {
        /// Why.
        why: String,
    },
    /// Another attempt is due.
    Again,
    /// It is done and its work waits to be committed.
    Landing,
    /// Its work is committed; checkpoint and progress are missing.
    Noting,
}

impl Default for Progress {
    fn default() -> Self {
        Self {
            run: None,
            ended: true,
            started: Timestamp::from_millisecond(0).expect("because 1970 can be written"),
            steps: 0,
            tokens: 0,
            cost_micros: 0,
            idle: 0,
            stop_asked: false,
            gates: BTreeMap::new(),
            current: None,
            settled: 0,
            done: 0,
            changed: false,
        }
    }
}

impl Progress {
    /// Folds one fact that happened `at`.
    pub fn take(&mut self, fact: &Fact, at: Timestamp) {
        match fact {
            Fact::RunStarted { run, .. } => self.begin(run, at),
            Fact::RunEnded { .. } => self.ended = true,
            Fact::RunStopAsked {} => self.stop_asked = true,
            Fact::GateRan { gate, verdict, step, .. } => {
                let known = self.gates.entry(gate.clone()).or_insert(*verdict);
                if step.is_none() || *verdict == Verdict::Green {
                    *known = *verdict;
                }
            }
            Fact::StepStarted { step, task, client, snapshot, .. } => {
                self.steps += 1;
                self.changed = false;
                let before = self.current.take().filter(|current| current.task == *task);
                let fresh = Current {
                    task: task.clone(),
                    base: snapshot.clone(),
                    tries: 0,
                    step: step.clone(),
                    snapshot: snapshot.clone(),
                    client: None,
                    own: BTreeSet::new(),
                    feedback: None,
                    decisions: Vec::new(),
                    recorded: false,
                    committed: false,
                    aside: None,
                    phase: Phase::Running,
                };
                let current = before.unwrap_or(fresh);
                self.current = Some(Current {
                    step: step.clone(),
                    snapshot: snapshot.clone(),
                    client: client.clone(),
                    recorded: false,
                    aside: None,
                    phase: Phase::Running,
                    ..current
                });
            }
            Fact::ChangeSeen { step: Some(step), changes, .. } => {
                if let Some(current) = self.current.as_mut().filter(|current| current.step == *step) {
                    self.changed |= !changes.is_empty();
                    current.own.extend(changes.iter().map(|change| change.path.clone()));
                }
            }
            Fact::StepEnded { step, outcome, .. } => self.end_step(step, outcome, at),
            Fact::UsageSeen { step: Some(_), input_tokens, output_tokens, cost_micros, .. } => {
                self.tokens = self.tokens.saturating_add(*input_tokens).saturating_add(*output_tokens);
                self.cost_micros = self.cost_micros.saturating_add(*cost_micros);
            }
            Fact::TaskFailed { task, why } => self.with(task, |current| {
                current.tries += 1;
                current.feedback = Some(why.clone());
                current.phase = Phase::Again;
            }),
            // A task that was done is open again because its work could not be committed.
            Fact::TaskReopened { task, .. } => self.with(task, |current| current.phase = Phase::Again),
            Fact::TaskDone { task, .. } => self.with(task, |current| {
                current.committed = false;
                current.phase = Phase::Landing;
            }),
            Fact::DecisionRecorded { decision, .. } => {
                if let Some(current) = &mut self.current {
                    current.recorded = true;
                    current.decisions.push(decision.clone());
                }
            }
            Fact::NoteAdded { .. } | Fact::QuestionAsked { .. } | Fact::TaskAdded { .. } => {
                if let Some(current) = &mut self.current {
                    current.recorded = true;
                }
            }
            Fact::IntentFormed { intent: Intent::Rollback { to, safety, .. } } => {
                // What an agent takes back while it works is its own affair.
                if let Some(current) = self.current.as_mut().filter(|current| current.phase != Phase::Running)
                    && current.base == *to
                {
                    current.aside = Some(safety.clone());
                }
            }
            Fact::IntentSettled { outcome: Settlement::Done { commit: Some(_) }, .. } => {
                if let Some(current) = &mut self.current {
                    current.committed = true;
                }
            }
            // One that comes with the word that it is done is not yet that of work that is committed.
            Fact::CheckpointMade { task: Some(task), reason: CheckpointKind::Task | CheckpointKind::Milestone, .. }
                if self.is_at(task, |phase| *phase == Phase::Landing) =>
            {
                self.with(task, |current| current.phase = Phase::Noting);
            }
            Fact::ProgressAdded { task: Some(task), .. } if self.is_at(task, |phase| *phase == Phase::Noting) => {
                self.settle();
                self.done += 1;
            }
            // What the agent says of its task while it works is looked at when its attempt has ended.
            Fact::TaskParked { task, .. } | Fact::TaskCancelled { task, .. } | Fact::TaskWaiting { task, .. }
                if self.is_at(task, |phase| *phase != Phase::Running) =>
            {
                self.settle();
            }
            _ => {}
        }
    }

    /// A run that goes on where another stopped keeps what was known of the gates before the task under way.
    fn begin(&mut self, run: &RunId, at: Timestamp) {
        let before = std::mem::take(self);
        let current = before.current.map(|mut current| {
            if matches!(current.phase, Phase::Unusable { .. } | Phase::Limited { .. }) {
                current.phase = Phase::Again;
            }
            current
        });
        let gates = if current.is_some() || !before.ended { before.gates } else { BTreeMap::new() };
        *self = Self { run: Some(run.clone()), ended: false, started: at, gates, current, ..Self::default() };
    }

    fn with(&mut self, task: &TaskId, change: impl FnOnce(&mut Current)) {
        if let Some(current) = self.current.as_mut().filter(|current| current.task == *task) {
            change(current);
        }
    }

    fn is_at(&self, task: &TaskId, phase: impl Fn(&Phase) -> bool) -> bool {
        self.current.as_ref().is_some_and(|current| current.task == *task && phase(&current.phase))
    }

    fn settle(&mut self) {
        self.current = None;
        self.settled += 1;
    }

    fn end_step(&mut self, step: &StepId, outcome: &serde_json::Value, at: Timestamp) {
        let changed = self.changed;
        let Some(current) = self.current.as_mut().filter(|current| current.step == *step) else { return };
        let outcome = serde_json::from_value(outcome.clone())
            .unwrap_or(Outcome::Failed { why: "its end is not understood by this version".to_owned() });
        let broken = |why: &str| Phase::Broken { why: why.to_owned() };
        let unusable = |why: &str| Phase::Unusable { why: why.to_owned() };
        current.phase = match &outcome {
            Outcome::Finished { .. } => Phase::Judging,
            Outcome::Limit { until, .. } => {
                let until = until.map_or_else(|| at.after(UNKNOWN_RESET), |until| until.after(AFTER_RESET));
                Phase::Limited { until }
            }
            Outcome::Overloaded => Phase::Limited { until: at.after(OVERLOADED) },
            Outcome::Stopped => Phase::Again,
            Outcome::Auth => unusable("it is not logged in"),
            Outcome::Billing => unusable("its account cannot pay"),
            Outcome::Model => unusable("its account has no such model"),
            Outcome::Missing { refusal } => unusable(&refusal.message),
            Outcome::TooLong => broken("the conversation became too long"),
            Outcome::Forgotten => broken("the conversation is not known to the client any more"),
            Outcome::MaxTurns => broken("the client's own limit of turns was reached"),
            Outcome::Budget => broken("the client's own limit of money was reached"),
            Outcome::Deferred { tool } => broken(&format!("the tool `{tool}` waits for a person")),
            Outcome::Killed { signal } => broken(&format!("the agent was ended by signal {signal}")),
            Outcome::TimedOut => broken("the agent took longer than a step may"),
            Outcome::Failed { why } => broken(&format!("the agent failed: {why}")),
        };
        if matches!(outcome, Outcome::TooLong | Outcome::Forgotten) {
            current.client = None;
        }
        match current.phase {
            Phase::Judging if changed => self.idle = 0,
            Phase::Judging | Phase::Broken { .. } => self.idle += 1,
            Phase::Limited { .. } | Phase::Again | Phase::Unusable { .. } | Phase::Running | Phase::Landing | Phase::Noting => {}
        }
    }
}
