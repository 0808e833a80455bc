//! What a run of a workflow does next.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::model::{
    event::Fact,
    expression::Surroundings,
    refusal::Refusal,
    time::{Lapse, Timestamp},
    workflow::{
        Act, Command, MAX_PARALLEL, Until,
        flow::{Flow, Inside, MAX_DEPTH, MAX_STARTS, NodeAt, Phase, Standing, named},
        outcome::{Ending, Outcome, StepKey},
    },
};

/// A step that is to be started once its event is durable.
#[derive(Clone, Debug, PartialEq)]
pub struct Start {
    /// Which.
    pub key: StepKey,
    /// The number of the try, from 1.
    pub attempt: u32,
    /// What it does, with all texts filled.
    pub act: Act,
    /// The variables that it is given.
    pub env: BTreeMap<String, String>,
    /// How long it may take.
    pub limit: Lapse,
}

/// What is to be done now.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Next {
    /// What happens by this; it is to be taken in, and appended before anything is started.
    pub facts: Vec<Fact>,
    /// What is to be started then.
    pub starts: Vec<Start>,
    /// When to ask again at the latest, though nothing ended; only where nothing happens now.
    pub until: Option<Timestamp>,
    /// How many steps wait for a file, and so for being asked about again and again.
    pub watching: usize,
    /// How the run ends.
    pub ending: Option<Ending>,
}

/// What is gathered for the answer.
struct Gathering<'a> {
    around: &'a Surroundings,
    next: Next,
    /// How many processes may still be started.
    room: u32,
}

impl Flow<'_> {
    /// Says what is to be done now: what begins, what has ended by itself, until when to wait, or how it all ended. It is asked
    /// again, with what it said taken in, until nothing happens any more.
    #[must_use]
    pub fn advance(&self, around: &Surroundings) -> Next {
        if let Some(ending) = self.ending {
            return Next { ending: Some(ending), ..Next::default() };
        }
        let now = around.now;
        let live = self.scopes[0].live;
        let deadline = self.frames[self.scopes[0].root].deadline;
        let out_of_time = deadline.is_some_and(|deadline| now >= deadline);
        let out_of_steps = self.starts >= MAX_STARTS;
        let mut gathering = Gathering { around, next: Next::default(), room: MAX_PARALLEL.saturating_sub(live) };
        for node in &self.closable {
            let fact = self.close(*node, around);
            gathering.next.facts.push(fact);
        }
        if !out_of_time && !out_of_steps {
            self.timers_that_are_due(&mut gathering);
            self.files_that_are_there(&mut gathering);
            self.whatever_is_ready(&mut gathering);
        }
        let mut next = gathering.next;
        if !next.facts.is_empty() {
            return next;
        }
        let is_over = self.scopes[0].phase == Phase::Over;
        let failed = self.scopes[0].failure.is_some();
        next.ending = match (is_over, live) {
            (false, 1..) => None,
            _ if self.cancelled => Some(Ending::Cancelled),
            (true, _) if !failed => Some(Ending::Done),
            _ if out_of_time => Some(Ending::TimedOut),
            (true, _) => Some(Ending::Failed),
            (false, 0) if out_of_steps => Some(Ending::OutOfSteps),
            (false, 0) => None,
        };
        let waits = |(due, node): &(Timestamp, NodeAt)| (*due > now && self.is_open(self.nodes[*node].frame)).then_some(*due);
        let first = self.timers.iter().find_map(waits);
        next.until = first.into_iter().chain(deadline.filter(|deadline| *deadline > now)).min();
        next.watching = self.watching.iter().filter(|node| self.is_open(self.nodes[**node].frame)).count();
        next
    }

    /// Waits that are over, and failed steps whose next try is due.
    fn timers_that_are_due(&self, gathering: &mut Gathering<'_>) {
        let now = gathering.around.now;
        for (due, node) in self.timers.iter().take_while(|(due, _)| *due <= now) {
            if !self.is_open(self.nodes[*node].frame) {
                continue;
            }
            let step = self.step_of(*node);
            if self.nodes[*node].standing == Standing::Retrying {
                self.launch(*node, gathering);
                continue;
            }
            let fact = match &step.act {
                Act::Wait { until: Until::Time(lapse) } if *due >= self.nodes[*node].since.after(*lapse) => {
                    self.end(*node, Outcome::Succeeded, *due, None)
                }
                _ => self.end(*node, Outcome::TimedOut, *due, Some("what it waits for did not come in its time".to_owned())),
            };
            gathering.next.facts.push(fact);
        }
    }

    fn files_that_are_there(&self, gathering: &mut Gathering<'_>) {
        let now = gathering.around.now;
        for node in self.watching.iter().filter(|node| self.is_open(self.nodes[**node].frame)) {
            let is_due = self.nodes[*node].due.is_some_and(|due| due <= now);
            if let Act::Wait { until: Until::File(path) } = &self.step_of(*node).act
                && !is_due
                && (gathering.around.is_there)(path)
            {
                gathering.next.facts.push(self.end(*node, Outcome::Succeeded, now, None));
            }
        }
    }

    fn whatever_is_ready(&self, gathering: &mut Gathering<'_>) {
        for frame in self.due.iter().filter(|frame| self.is_open(**frame)) {
            let one = &self.frames[*frame];
            let free = one.stages.get(one.stage).map_or(0, |level| level.limit.saturating_sub(one.active));
            for (_, node) in one.ready.iter().take(free as usize) {
                self.launch(*node, gathering);
            }
        }
    }

    /// Begins a step, or says why it is not begun.
    fn launch(&self, node: NodeAt, gathering: &mut Gathering<'_>) {
        let is_process = !matches!(self.step_of(node).act, Act::Decision { .. } | Act::Workflow { .. } | Act::Wait { .. });
        if is_process && gathering.room == 0 {
            return;
        }
        let (around, now) = (gathering.around, gathering.around.now);
        if self.frames[self.nodes[node].frame].deadline.is_some_and(|deadline| now >= deadline) {
            let why = Some("no time was left for it".to_owned());
            gathering.next.facts.push(self.end(node, Outcome::TimedOut, now, why));
            return;
        }
        match self.beginning(node, around) {
            Ok(Beginning::Not) => {
                let fact = self.end(node, Outcome::Skipped, now, Some("its condition does not hold".to_owned()));
                gathering.next.facts.push(fact);
            }
            Ok(Beginning::Inside(fact)) => gathering.next.facts.push(fact),
            Ok(Beginning::Start(fact, start)) => {
                gathering.next.facts.push(fact);
                if is_process {
                    gathering.room -= 1;
                    gathering.next.starts.push(*start);
                }
            }
            Err(refusal) => {
                gathering.next.facts.push(self.end(node, Outcome::Broken, now, Some(refusal.message)));
            }
        }
    }

    fn beginning(&self, node: NodeAt, around: &Surroundings) -> Result<Beginning, Refusal> {
        let (one, step) = (&self.nodes[node], self.step_of(node));
        let fresh = one.of.is_none() && one.standing == Standing::Ready;
        let started = |times, branch, parameters| Fact::WorkflowStepStarted {
            run: self.run.clone(),
            step: one.key.clone(),
            attempt: one.attempt + 1,
            times,
            branch,
            parameters,
        };
        self.filling(node, around, |filling| {
            if fresh
                && let Some(condition) = &step.when
                && !filling.holds(condition)?
            {
                return Ok(Beginning::Not);
            }
            if step.each.is_some() && one.of.is_none() {
                let times = u32::try_from(self.items(node)?.len()).unwrap_or(u32::MAX);
                return Ok(Beginning::Inside(started(Some(times), None, BTreeMap::new())));
            }
            let text = |text: &String| filling.text(text);
            let act = match &step.act {
                Act::Decision { branches, .. } => {
                    let mut taken = branches.len();
                    for (place, branch) in branches.iter().enumerate() {
                        if filling.holds(&branch.when)? {
                            taken = place;
                            break;
                        }
                    }
                    return Ok(Beginning::Inside(started(None, u32::try_from(taken).ok(), BTreeMap::new())));
                }
                Act::Workflow { workflow } => {
                    let depth = self.scopes[self.frames[one.frame].scope].depth;
                    if depth >= MAX_DEPTH {
                        return Err(Refusal::usage(format!(
                            "workflows may be inside each other {MAX_DEPTH} deep, and no deeper"
                        )));
                    }
                    let unknown = || Refusal::usage(format!("there is no workflow `{workflow}`"));
                    let (_, inner) = named(self.all, workflow).ok_or_else(unknown)?;
                    let with = step.with.iter().map(|(name, value)| Ok((name.clone(), filling.value(value)?)));
                    let given = inner.given(&with.collect::<Result<BTreeMap<String, Value>, Refusal>>()?)?;
                    return Ok(Beginning::Inside(started(None, None, given)));
                }
                Act::Run { command: Command::Program(words) } => {
                    Act::Run { command: Command::Program(words.iter().map(text).collect::<Result<_, _>>()?) }
                }
                Act::Run { command: Command::Script(script) } => Act::Run { command: Command::Script(text(script)?) },
                Act::Gate { gate } => Act::Gate { gate: text(gate)? },
                Act::Checkpoint { words } => Act::Checkpoint { words: text(words)? },
                Act::Question { question } => Act::Question { question: text(question)? },
                Act::Approval { question } => Act::Approval { question: text(question)? },
                Act::Agent { prompt } => Act::Agent { prompt: text(prompt)? },
                Act::Skill { skill } => Act::Skill { skill: text(skill)? },
                Act::Rollback { .. } | Act::Wait { .. } => step.act.clone(),
            };
            let workflow = self.scopes[self.frames[one.frame].scope].workflow;
            let env = workflow.env.iter().chain(&step.env).map(|(name, value)| Ok((name.clone(), filling.text(value)?)));
            let left = self.frames[one.frame].deadline.map(|deadline| deadline.since(around.now));
            let start = Start {
                key: one.key.clone(),
                attempt: one.attempt + 1,
                act,
                env: env.collect::<Result<_, Refusal>>()?,
                limit: left.map_or(step.timeout, |left| left.min(step.timeout)),
            };
            Ok(Beginning::Start(started(None, None, BTreeMap::new()), Box::new(start)))
        })
    }

    /// What is inside a step is over.
    fn close(&self, node: NodeAt, around: &Surroundings) -> Fact {
        let end = |outcome, why| self.end(node, outcome, around.now, why);
        let scope = match &self.nodes[node].inside {
            Inside::Values { failed: 0, .. } | Inside::Branch(_) | Inside::Nothing => {
                return self.gave(node, around, BTreeMap::new());
            }
            Inside::Values { failed, items, .. } => {
                return end(Outcome::Failed, Some(format!("it failed for {failed} of {} values", items.len())));
            }
            Inside::Workflow(scope) => *scope,
        };
        if let Some(failure) = &self.scopes[scope].failure {
            return end(Outcome::Failed, Some(format!("its step `{}` failed: {}", failure.step, failure.why)));
        }
        match self.handed_on(scope, around) {
            Ok(outputs) => self.gave(node, around, outputs),
            Err(refusal) => end(Outcome::Broken, Some(refusal.message)),
        }
    }

    /// A step with others inside succeeded.
    fn gave(&self, node: NodeAt, around: &Surroundings, given: BTreeMap<String, Value>) -> Fact {
        match self.outputs(&self.nodes[node].key, given, around) {
            Ok(all) => match self.end(node, Outcome::Succeeded, around.now, None) {
                Fact::WorkflowStepEnded { run, step, attempt, outcome, exit, took, why, .. } => {
                    Fact::WorkflowStepEnded { run, step, attempt, outcome, exit, took, why, outputs: all }
                }
                other => other,
            },
            Err(refusal) => self.end(node, Outcome::Broken, around.now, Some(refusal.message)),
        }
    }

    fn end(&self, node: NodeAt, outcome: Outcome, now: Timestamp, why: Option<String>) -> Fact {
        let one = &self.nodes[node];
        let took = if one.standing == Standing::Running { now.since(one.since) } else { Lapse::default() };
        Fact::WorkflowStepEnded {
            run: self.run.clone(),
            step: one.key.clone(),
            attempt: one.attempt,
            outcome,
            exit: None,
            took,
            why,
            outputs: BTreeMap::new(),
        }
    }
}

/// What comes of beginning a step.
enum Beginning {
    /// Its condition does not hold.
    Not,
    /// What is inside it begins.
    Inside(Fact),
    /// It begins itself.
    Start(Fact, Box<Start>),
}
