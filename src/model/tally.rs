//! What a run of events adds up to: what was finished, decided, used and put back since a moment.
//!
//! Numbers come from events alone; what a record says about them is joined in `model::report`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::{
    actor::Actor,
    compaction::Measure,
    event::{Event, Fact, Verdict},
    id::{DecisionId, Oid, QuestionId, TaskId},
    intent::{Intent, Settlement},
    quote,
    time::{Lapse, Timestamp},
};

/// A task that was finished.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finished {
    /// When.
    pub at: Timestamp,
    /// How long after work on it began; none when nobody said that it began.
    pub took: Option<Lapse>,
    /// The tree that its gates saw green.
    pub tree: Option<Oid>,
    /// Paths that were not committed then.
    pub uncommitted: Vec<String>,
}

/// Something that went back to how it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Back {
    /// The work tree went back to a checkpoint.
    Rollback {
        /// Its side commit.
        to: Oid,
    },
    /// A task was opened again.
    Reopened {
        /// Which.
        task: TaskId,
        /// Why.
        why: String,
    },
    /// A task's work was taken out and kept under a ref.
    Parked {
        /// Which.
        task: TaskId,
        /// Why.
        why: String,
        /// The ref.
        reference: String,
    },
    /// The store put something of its own in order.
    Mended {
        /// What.
        what: String,
    },
}

/// What agents used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Usage {
    /// Tokens read, without cached ones.
    pub input_tokens: u64,
    /// Tokens written.
    pub output_tokens: u64,
    /// Millionths of a dollar.
    pub cost_micros: u64,
    /// Attempts at tasks.
    pub attempts: u64,
    /// Tool calls.
    pub tools: u64,
    /// Usage limits that were met.
    pub limits: u64,
}

impl Usage {
    /// The cost in dollars and cents, rounded up to the cent.
    #[must_use]
    pub fn dollars(&self) -> String {
        let cents = self.cost_micros.div_ceil(10_000);
        format!("${}.{:02}", cents / 100, cents % 100)
    }
}

/// How often agents' memory was cut, and how much was handed back for how much.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Memory {
    /// How often everything was handed back.
    pub restored: u64,
    /// The tokens that the conversations held before, where clients counted them.
    pub context_tokens: u64,
    /// The tokens of the briefings that stood for those; one counts as four characters.
    pub briefing_tokens: u64,
    /// The bytes of the transcripts, where clients named them.
    pub transcript_bytes: u64,
}

impl Memory {
    fn take(&mut self, measure: &Measure) {
        self.restored += 1;
        self.transcript_bytes += measure.transcript.unwrap_or_default();
        if let (Some(context), Some(briefing)) = (measure.context, measure.tokens()) {
            self.context_tokens += context;
            self.briefing_tokens += briefing;
        }
    }

    /// In words; none when nothing was cut.
    #[must_use]
    pub fn words(&self) -> Option<String> {
        let times = quote::counted(usize::try_from(self.restored).ok()?, "time");
        let thousandths = self.briefing_tokens.saturating_mul(1000).checked_div(self.context_tokens);
        let part = thousandths.map_or(String::new(), |part| {
            let (whole, tenths) = (part / 10, part % 10);
            format!("; briefings of {} tokens for {} ({whole}.{tenths} %)", self.briefing_tokens, self.context_tokens)
        });
        (self.restored > 0).then(|| format!("handed back {times}{part}"))
    }
}

/// What happened since a moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Tasks that were finished and not opened again, by name.
    pub finished: BTreeMap<TaskId, Finished>,
    /// Decisions that were recorded, in order.
    pub decisions: Vec<DecisionId>,
    /// Changes that were committed without a decision that the rules want, in order: of which task, and why.
    pub undeclared: Vec<(TaskId, String)>,
    /// Answers that were given, in order: to which question, what, by whom.
    pub answers: Vec<(QuestionId, String, Actor)>,
    /// What went back, in order.
    pub back: Vec<(Timestamp, Back)>,
    /// Commits of ours that landed, in order.
    pub commits: Vec<Oid>,
    /// Checkpoints with a tag.
    pub checkpoints: u64,
    /// Gate runs that were green.
    pub green: u64,
    /// Gate runs that were not.
    pub red: u64,
    /// Entries of the progress log.
    pub progress: u64,
    /// What agents used.
    pub usage: Usage,
    /// How often agents' memory was cut, and what they were handed back.
    pub memory: Memory,
    /// What was sealed last, and what its briefing stands for.
    sealed: Option<(u32, Measure)>,
}

/// Adds up `events`, which are all of a log in order; only what happened at `since` or later counts.
pub fn tally<'a>(events: impl IntoIterator<Item = &'a Event>, since: Timestamp) -> Tally {
    let mut tally = Tally::default();
    let mut started: BTreeMap<&TaskId, Timestamp> = BTreeMap::new();
    let mut intents: BTreeMap<u64, &Intent> = BTreeMap::new();
    for event in events {
        // What was begun earlier may be finished now.
        match &event.fact {
            Fact::TaskStarted { task, .. } => {
                started.entry(task).or_insert(event.at);
            }
            Fact::TaskResumed { task } | Fact::TaskReopened { task, .. } => {
                started.remove(task);
            }
            Fact::IntentFormed { intent } => {
                intents.insert(event.seq, intent);
            }
            _ => {}
        }
        if event.at >= since {
            tally.take(event, &started, &intents);
        }
    }
    tally
}

impl Tally {
    fn take(&mut self, event: &Event, started: &BTreeMap<&TaskId, Timestamp>, intents: &BTreeMap<u64, &Intent>) {
        match &event.fact {
            Fact::TaskDone { task, tree, uncommitted } => {
                let took = started.get(task).map(|started| event.at.since(*started));
                let finished = Finished { at: event.at, took, tree: tree.clone(), uncommitted: uncommitted.clone() };
                self.finished.insert(task.clone(), finished);
            }
            Fact::TaskReopened { task, why } => {
                self.finished.remove(task);
                self.back.push((event.at, Back::Reopened { task: task.clone(), why: why.clone() }));
            }
            Fact::TaskParked { task, why, reference: Some(reference) } => {
                let (task, why, reference) = (task.clone(), why.clone(), reference.clone());
                self.back.push((event.at, Back::Parked { task, why, reference }));
            }
            Fact::ChangeUndeclared { task, why } => self.undeclared.push((task.clone(), why.clone())),
            Fact::DecisionRecorded { decision, .. } => self.decisions.push(decision.clone()),
            Fact::QuestionAnswered { question, answer, .. } => {
                self.answers.push((question.clone(), answer.clone(), event.actor.clone()));
            }
            Fact::IntentSettled { intent, outcome: Settlement::Done { commit } } => match intents.get(intent) {
                Some(Intent::Rollback { to, .. }) => self.back.push((event.at, Back::Rollback { to: to.clone() })),
                Some(Intent::Commit { .. }) => self.commits.extend(commit.clone()),
                Some(Intent::Branch { .. }) | None => {}
            },
            Fact::CheckpointMade { name: Some(_), .. } => self.checkpoints += 1,
            Fact::GateRan { verdict: Verdict::Green, .. } => self.green += 1,
            Fact::GateRan { .. } => self.red += 1,
            Fact::ProgressAdded { .. } => self.progress += 1,
            Fact::StepStarted { .. } => self.usage.attempts += 1,
            Fact::ToolUsed { .. } => self.usage.tools += 1,
            Fact::LimitMet { .. } => self.usage.limits += 1,
            Fact::UsageSeen { input_tokens, output_tokens, cost_micros, .. } => {
                self.usage.input_tokens += input_tokens;
                self.usage.output_tokens += output_tokens;
                self.usage.cost_micros += cost_micros;
            }
            Fact::CompactionSealed { compaction, measure, .. } => self.sealed = Some((*compaction, *measure)),
            Fact::CompactionRestored { compaction, measure, .. } => {
                let sealed = self.sealed.filter(|(number, _)| number == compaction).map(|(_, sealed)| sealed);
                self.memory.take(&measure.or(sealed.unwrap_or_default()));
            }
            Fact::StoreMended { what } => self.back.push((event.at, Back::Mended { what: what.clone() })),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::event::genesis;

    fn at(minute: i64) -> Timestamp {
        Timestamp::from_millisecond(1_795_197_600_000 + minute * 60_000).expect("in range")
    }

    fn task(name: &str) -> TaskId {
        TaskId::new(name).expect("plain")
    }

    fn log(facts: Vec<(i64, Fact)>) -> Vec<Event> {
        let event = |(seq, (minute, fact)): (u64, (i64, Fact))| Event {
            seq,
            at: at(minute),
            actor: Actor::Person { name: Some("Ada".into()) },
            fact,
            prev: genesis("x"),
            end: true,
        };
        (1..).zip(facts).map(event).collect()
    }

    fn done(name: &str) -> Fact {
        Fact::TaskDone { task: task(name), tree: None, uncommitted: Vec::new() }
    }

    #[test]
    fn a_task_counts_from_its_start_even_when_that_was_earlier() {
        let events = log(vec![
            (0, Fact::TaskStarted { task: task("a"), step: None }),
            (5, Fact::TaskStarted { task: task("a"), step: None }),
            (10, done("b")),
            (20, Fact::TaskReopened { task: task("b"), why: "its code went back".into() }),
            (24, done("a")),
        ]);
        let all = tally(&events, at(0));
        assert_eq!(all.finished.keys().collect::<Vec<_>>(), [&task("a")]);
        assert_eq!(all.finished[&task("a")].took, Some(Lapse::minutes(24)));
        assert_eq!(all.back.len(), 1);
        assert_eq!(tally(&events, at(25)), Tally::default());
    }

    #[test]
    fn a_rollback_counts_once_it_was_carried_out() {
        let oid = |digit: &str| Oid::new(digit.repeat(40)).expect("forty digits");
        let intent = Intent::Rollback { to: oid("1"), safety: oid("2"), plan: crate::model::id::Digest::of("p") };
        let mut facts = vec![(0, Fact::IntentFormed { intent })];
        assert_eq!(tally(&log(facts.clone()), at(0)), Tally::default());
        facts.push((1, Fact::IntentSettled { intent: 1, outcome: Settlement::Done { commit: None } }));
        assert_eq!(tally(&log(facts), at(1)).back, [(at(1), Back::Rollback { to: oid("1") })]);
    }

    #[test]
    fn usage_is_added_up_and_costs_are_rounded_up() {
        let used = |cost_micros| Fact::UsageSeen { step: None, client: None, input_tokens: 10, output_tokens: 1, cost_micros };
        let tally = tally(&log(vec![(0, used(1_000_000)), (1, used(234_001))]), at(0));
        assert_eq!((tally.usage.input_tokens, tally.usage.output_tokens), (20, 2));
        assert_eq!(tally.usage.dollars(), "$1.24");
        assert_eq!(Usage::default().dollars(), "$0.00");
    }
}
