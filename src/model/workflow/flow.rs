//! How far a run of a workflow has come: the fold of what it wrote into its log.
//!
//! Nothing is done here and no clock is read: `next` says what comes next, `run::flow` carries it out. Whatever is decided by
//! more than the file, the parameters and earlier events, such as a condition that asks for a file, is in an event of its own,
//! so that a run that died goes on where its log stops. Each event costs the same however many steps there are.

mod next;
mod open;
#[cfg(test)]
mod tests;
mod values;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde_json::Value;

pub use crate::model::workflow::flow::next::{Next, Start};
use crate::model::{
    event::Fact,
    id::RunId,
    process::ProcessMark,
    refusal::Refusal,
    time::{Lapse, Timestamp},
    workflow::{
        Act, OnFailure, Step, Until, Workflow,
        among::Workflows,
        outcome::{Ending, Outcome, StepKey},
    },
};

/// How many workflows may be inside each other.
pub const MAX_DEPTH: usize = 8;

/// The most starts of steps in one run, those of every try and value counted.
pub const MAX_STARTS: u32 = 100_000;

/// Places in the lists of a [`Flow`].
type FrameAt = usize;
type NodeAt = usize;
type ScopeAt = usize;

/// A run of a workflow, as far as it has come.
#[derive(Debug)]
pub struct Flow<'w> {
    all: &'w Workflows,
    run: RunId,
    begun: Timestamp,
    frames: Vec<Frame<'w>>,
    nodes: Vec<Node>,
    scopes: Vec<Scope<'w>>,
    keys: HashMap<StepKey, NodeAt>,
    /// The frames in which something is ready and a place is free.
    due: BTreeSet<FrameAt>,
    /// When a wait is over, or a failed step is tried again.
    timers: BTreeSet<(Timestamp, NodeAt)>,
    /// The steps that wait for a file.
    watching: BTreeSet<NodeAt>,
    /// The steps with others inside, all of which are over.
    closable: BTreeSet<NodeAt>,
    /// The steps whose process may be running.
    running: BTreeSet<NodeAt>,
    starts: u32,
    cancelled: bool,
    ending: Option<Ending>,
}

/// Steps that wait for each other only: those of a workflow, of a branch, or of `rollback:`.
#[derive(Debug)]
struct Frame<'w> {
    scope: ScopeAt,
    /// The step whose inside it is.
    above: Option<NodeAt>,
    steps: &'w [Step],
    /// What the names of its steps begin with.
    prefix: String,
    part: Part,
    /// `item`, `matrix`, `error`.
    locals: BTreeMap<String, Value>,
    /// The node of its first step; the others follow.
    first: NodeAt,
    places: HashMap<&'w str, usize>,
    needed_by: Vec<Vec<usize>>,
    stages: Vec<Level>,
    stage: usize,
    /// What may begin, in the order of the file.
    ready: BTreeSet<(usize, NodeAt)>,
    /// How many of its steps have a place.
    active: u32,
    left: usize,
    deadline: Option<Timestamp>,
}

#[derive(Debug)]
struct Level {
    limit: u32,
    left: usize,
    /// What waits for nothing but the stages before.
    parked: Vec<NodeAt>,
}

/// Whether steps do the work of a workflow or take it back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Work,
    Rollback,
}

/// A workflow that is carried out: the run's own, or one that a step starts.
#[derive(Debug)]
struct Scope<'w> {
    workflow: &'w Workflow,
    parameters: BTreeMap<String, Value>,
    context: serde_json::Map<String, Value>,
    above: Option<NodeAt>,
    root: FrameAt,
    phase: Phase,
    /// How many processes of it may be running.
    live: u32,
    depth: usize,
    /// The last node of each step.
    latest: HashMap<&'w str, NodeAt>,
    failure: Option<Failure>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Going,
    /// Nothing begins any more; what is running ends by itself, then this follows.
    Halting(After),
    RollingBack,
    Over,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum After {
    End,
    Rollback,
}

/// What ended a workflow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The step.
    pub step: StepKey,
    /// Why.
    pub why: String,
    /// Its exit code, when it had one.
    pub exit: Option<i32>,
}

/// A step of a run, for one value or for all of them.
#[derive(Debug)]
struct Node {
    frame: FrameAt,
    place: usize,
    key: StepKey,
    /// The node of all values, and the number of this one from 0.
    of: Option<(NodeAt, u32)>,
    standing: Standing,
    waits: usize,
    /// Whether something failed that it needs.
    cut: bool,
    attempt: u32,
    since: Timestamp,
    due: Option<Timestamp>,
    process: Option<ProcessMark>,
    inside: Inside,
    last: Option<Last>,
}

/// How the last try of a step ended.
#[derive(Clone, Debug)]
struct Last {
    outcome: Outcome,
    exit: Option<i32>,
    took: Lapse,
    why: Option<String>,
    outputs: BTreeMap<String, Value>,
}

#[derive(Debug)]
enum Inside {
    Nothing,
    /// One node for each value.
    Values {
        items: Vec<Value>,
        first: NodeAt,
        next: u32,
        left: u32,
        failed: u32,
    },
    Branch(u32),
    Workflow(ScopeAt),
}

/// Where a step stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It waits for others.
    Pending,
    /// It may begin.
    Ready,
    /// It is running, or what is inside it is.
    Running,
    /// It is tried again later.
    Retrying,
    /// It did what it was for.
    Succeeded,
    /// It failed for good.
    Failed,
    /// Its condition does not hold.
    Skipped,
    /// Something failed that it needs.
    Cut,
}

impl Standing {
    /// The word for people and expressions.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Pending | Self::Ready => "waiting",
            Self::Running => "running",
            Self::Retrying => "retrying",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
            Self::Cut => "not_run",
        }
    }
}

/// A step of a run as others see it.
#[derive(Clone, Debug)]
pub struct View<'f> {
    /// Its name.
    pub key: &'f StepKey,
    /// What the file says of it.
    pub step: &'f Step,
    /// Where it stands.
    pub standing: Standing,
    /// How often it was tried.
    pub attempt: u32,
    /// When it began the last time.
    pub since: Timestamp,
    /// How its last try ended.
    pub outcome: Option<Outcome>,
    /// Its exit code.
    pub exit: Option<i32>,
    /// How long it took.
    pub took: Lapse,
    /// Why it did not succeed.
    pub why: Option<&'f str>,
    /// What it gave.
    pub outputs: Option<&'f BTreeMap<String, Value>>,
    /// Its process, when one is known.
    pub process: Option<&'f ProcessMark>,
}

impl<'w> Flow<'w> {
    /// The run `run` of the workflow that `all` has under `name`, before its first step.
    ///
    /// # Errors
    /// Refuses a name that is not there.
    pub fn begin(
        all: &'w Workflows,
        name: &str,
        run: &RunId,
        parameters: &BTreeMap<String, Value>,
        at: Timestamp,
    ) -> Result<Self, Refusal> {
        let workflow = all.get(name).ok_or_else(|| Refusal::usage(format!("there is no workflow `{name}`")))?;
        let mut flow = Self {
            all,
            run: run.clone(),
            begun: at,
            frames: Vec::new(),
            nodes: Vec::new(),
            scopes: Vec::new(),
            keys: HashMap::new(),
            due: BTreeSet::new(),
            timers: BTreeSet::new(),
            watching: BTreeSet::new(),
            closable: BTreeSet::new(),
            running: BTreeSet::new(),
            starts: 0,
            cancelled: false,
            ending: None,
        };
        let deadline = workflow.timeout.map(|timeout| at.after(timeout));
        flow.enter(workflow, parameters.clone(), None, String::new(), deadline);
        Ok(flow)
    }

    /// The run.
    #[must_use]
    pub fn run(&self) -> &RunId {
        &self.run
    }

    /// When it began.
    #[must_use]
    pub fn begun(&self) -> Timestamp {
        self.begun
    }

    /// How it ended; none while it goes on.
    #[must_use]
    pub fn ending(&self) -> Option<Ending> {
        self.ending
    }

    /// Whether somebody asked for its end.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.cancelled
    }

    /// What ended it, when a step did.
    #[must_use]
    pub fn failure(&self) -> Option<&Failure> {
        self.scopes[0].failure.as_ref()
    }

    /// Every step that is known by now, in the order in which they became so.
    pub fn steps(&self) -> impl Iterator<Item = View<'_>> {
        self.nodes.iter().map(|node| self.view(node))
    }

    /// The step of this name.
    #[must_use]
    pub fn step(&self, key: &StepKey) -> Option<View<'_>> {
        self.keys.get(key).map(|node| self.view(&self.nodes[*node]))
    }

    /// The steps whose processes may be running.
    pub fn under_way(&self) -> impl Iterator<Item = View<'_>> {
        self.running.iter().map(|node| self.view(&self.nodes[*node]))
    }

    fn view<'f>(&'f self, node: &'f Node) -> View<'f> {
        let last = node.last.as_ref();
        View {
            key: &node.key,
            step: &self.frames[node.frame].steps[node.place],
            standing: node.standing,
            attempt: node.attempt,
            since: node.since,
            outcome: last.map(|last| last.outcome),
            exit: last.and_then(|last| last.exit),
            took: last.map(|last| last.took).unwrap_or_default(),
            why: last.and_then(|last| last.why.as_deref()),
            outputs: last.map(|last| &last.outputs),
            process: node.process.as_ref(),
        }
    }

    /// Takes in what happened; what is of another run is left alone.
    pub fn take(&mut self, fact: &Fact, at: Timestamp) {
        match fact {
            Fact::WorkflowStepStarted { run, step, attempt, times, branch, parameters } if *run == self.run => {
                let Some(node) = self.keys.get(step).copied() else { return };
                self.starts += 1;
                self.nodes[node].since = at;
                self.nodes[node].attempt = *attempt;
                match (times, branch, &self.step_of(node).act) {
                    (Some(times), ..) => self.open_values(node, *times),
                    (None, Some(branch), Act::Decision { .. }) => self.open_branch(node, *branch, at),
                    (None, None, Act::Workflow { workflow }) => {
                        let name = workflow.clone();
                        self.open_workflow(node, &name, parameters, at);
                    }
                    _ => self.began(node, at),
                }
            }
            Fact::WorkflowStepSpawned { run, step, process } if *run == self.run => {
                if let Some(node) = self.keys.get(step) {
                    self.nodes[*node].process = Some(process.clone());
                }
            }
            Fact::WorkflowStepEnded { run, step, outcome, exit, took, why, outputs, .. } if *run == self.run => {
                let Some(node) = self.keys.get(step).copied() else { return };
                let last = Last { outcome: *outcome, exit: *exit, took: *took, why: why.clone(), outputs: outputs.clone() };
                self.ended(node, last, at);
            }
            Fact::WorkflowCancelAsked { run } if *run == self.run => {
                self.cancelled = true;
                self.halt(0, After::End);
                self.settle_halts(Some(0));
            }
            Fact::WorkflowEnded { run, ending } if *run == self.run => self.ending = Some(*ending),
            _ => {}
        }
    }

    fn step_of(&self, node: NodeAt) -> &'w Step {
        &self.frames[self.nodes[node].frame].steps[self.nodes[node].place]
    }

    /// Whether steps of the frame may begin.
    fn is_open(&self, frame: FrameAt) -> bool {
        let mut frame = frame;
        loop {
            let Frame { scope, part, .. } = self.frames[frame];
            let open =
                matches!((self.scopes[scope].phase, part), (Phase::Going, Part::Work) | (Phase::RollingBack, Part::Rollback));
            match self.scopes[scope].above {
                _ if !open => return false,
                None => return true,
                Some(above) => frame = self.nodes[above].frame,
            }
        }
    }

    fn add(&mut self, node: Node) {
        self.keys.insert(node.key.clone(), self.nodes.len());
        self.nodes.push(node);
    }

    fn make_ready(&mut self, node: NodeAt) {
        let Node { frame, place, of, .. } = self.nodes[node];
        let stage = self.frames[frame].steps[place].stage;
        if of.is_none() && stage > self.frames[frame].stage {
            self.frames[frame].stages[stage].parked.push(node);
            return;
        }
        self.nodes[node].standing = Standing::Ready;
        self.frames[frame].ready.insert((place, node));
        self.look_at(frame);
    }

    /// Keeps the list of frames in which something may begin.
    fn look_at(&mut self, frame: FrameAt) {
        let Frame { ready, active, stages, stage, .. } = &self.frames[frame];
        let is_due = !ready.is_empty() && stages.get(*stage).is_some_and(|level| *active < level.limit);
        if is_due {
            self.due.insert(frame);
        } else {
            self.due.remove(&frame);
        }
    }

    /// Gives a step that was ready, or that is tried again, its place.
    fn place(&mut self, node: NodeAt) {
        let Node { frame, place, .. } = self.nodes[node];
        if let Some(due) = self.nodes[node].due.take() {
            self.timers.remove(&(due, node));
        } else if self.frames[frame].ready.remove(&(place, node)) {
            self.frames[frame].active += 1;
            self.look_at(frame);
        }
        self.nodes[node].standing = Standing::Running;
        self.nodes[node].process = None;
    }

    fn leave_place(&mut self, node: NodeAt) {
        let Node { frame, .. } = self.nodes[node];
        self.frames[frame].active = self.frames[frame].active.saturating_sub(1);
        self.look_at(frame);
    }

    /// A step began that has none inside.
    fn began(&mut self, node: NodeAt, at: Timestamp) {
        self.place(node);
        let step = self.step_of(node);
        let latest = self.deadline_inside(node, at);
        let due = match &step.act {
            Act::Wait { until: Until::Time(lapse) } => Some(at.after(*lapse).min(latest)),
            Act::Wait { until: Until::File(_) } => {
                self.watching.insert(node);
                Some(latest)
            }
            _ => None,
        };
        if let Some(due) = due {
            self.nodes[node].due = Some(due);
            self.timers.insert((due, node));
        } else {
            self.running.insert(node);
            self.count(node, Process::Began);
        }
    }

    /// Counts a process in every workflow that it is part of.
    fn count(&mut self, node: NodeAt, process: Process) {
        let mut scope = Some(self.frames[self.nodes[node].frame].scope);
        while let Some(at) = scope {
            let live = &mut self.scopes[at].live;
            *live = match process {
                Process::Began => *live + 1,
                Process::Ended => live.saturating_sub(1),
            };
            scope = self.scope_above(at);
        }
    }

    fn scope_above(&self, scope: ScopeAt) -> Option<ScopeAt> {
        self.scopes[scope].above.map(|above| self.frames[self.nodes[above].frame].scope)
    }

    /// A try ended, or what is inside a step did.
    fn ended(&mut self, node: NodeAt, last: Last, at: Timestamp) {
        let (outcome, exit, why) = (last.outcome, last.exit, last.why.clone());
        let scope = self.frames[self.nodes[node].frame].scope;
        let was_running = self.nodes[node].standing == Standing::Running;
        self.closable.remove(&node);
        self.watching.remove(&node);
        if let Some(due) = self.nodes[node].due.take() {
            self.timers.remove(&(due, node));
        }
        if self.running.remove(&node) {
            self.count(node, Process::Ended);
        }
        if outcome == Outcome::Succeeded {
            self.remember(scope, &last.outputs);
        }
        self.nodes[node].last = Some(last);
        let step = self.step_of(node);
        let is_group = matches!(self.nodes[node].inside, Inside::Values { .. });
        match outcome {
            Outcome::Stopped | Outcome::Interrupted => {
                let attempt = &mut self.nodes[node].attempt;
                *attempt = attempt.saturating_sub(1);
                self.leave_place(node);
                self.make_ready(node);
            }
            Outcome::Succeeded => self.finish(node, Standing::Succeeded),
            Outcome::Skipped => self.finish(node, Standing::Skipped),
            Outcome::Failed | Outcome::TimedOut | Outcome::Broken => {
                let tries = step.retry.filter(|_| outcome != Outcome::Broken && !is_group && was_running);
                let wait = tries.and_then(|retry| retry.wait(self.nodes[node].attempt));
                if let Some(wait) = wait.filter(|_| self.is_open(self.nodes[node].frame)) {
                    let due = at.after(wait);
                    self.nodes[node].standing = Standing::Retrying;
                    self.nodes[node].due = Some(due);
                    self.timers.insert((due, node));
                } else {
                    self.fail(node, why.unwrap_or_else(|| outcome.word().to_owned()), exit);
                }
            }
        }
        self.settle_halts(Some(scope));
    }

    /// A step failed for good.
    fn fail(&mut self, node: NodeAt, why: String, exit: Option<i32>) {
        let frame = self.nodes[node].frame;
        let (scope, part, step) = (self.frames[frame].scope, self.frames[frame].part, self.step_of(node));
        let after = match (step.on_failure, part) {
            (OnFailure::Continue | OnFailure::Skip, _) => None,
            (OnFailure::Rollback, Part::Work) => Some(After::Rollback),
            (OnFailure::Abort, _) | (OnFailure::Rollback, Part::Rollback) => Some(After::End),
        };
        if let Some(after) = after {
            let step = self.nodes[node].key.clone();
            self.scopes[scope].failure.get_or_insert(Failure { step, why, exit });
            self.halt(scope, after);
        }
        self.finish(node, Standing::Failed);
    }

    /// A step is over, for one value or for all of them.
    fn finish(&mut self, node: NodeAt, standing: Standing) {
        let frame = self.nodes[node].frame;
        let had_place = self.nodes[node].standing != Standing::Ready && !matches!(self.nodes[node].inside, Inside::Values { .. });
        if had_place {
            self.leave_place(node);
        } else {
            let place = self.nodes[node].place;
            self.frames[frame].ready.remove(&(place, node));
            self.look_at(frame);
        }
        let Some((group, _)) = self.nodes[node].of else { return self.over(node, standing) };
        self.nodes[node].standing = standing;
        let Inside::Values { first, next, left, failed, items } = &mut self.nodes[group].inside else { return };
        *left = left.saturating_sub(1);
        *failed += u32::from(standing == Standing::Failed);
        let (is_last, following) = (*left == 0, *first + *next as usize);
        let more = (*next as usize) < items.len();
        *next += u32::from(more);
        if more {
            self.make_ready(following);
        }
        if is_last {
            self.closable.insert(group);
        }
    }

    /// A step is over: those that wait for nothing else may begin, and those that need what failed never do.
    fn over(&mut self, node: NodeAt, standing: Standing) {
        let mut all = vec![(node, standing)];
        while let Some((node, standing)) = all.pop() {
            let Node { frame, place, .. } = self.nodes[node];
            self.nodes[node].standing = standing;
            let step = self.step_of(node);
            let cuts = standing == Standing::Cut || standing == Standing::Failed && step.on_failure == OnFailure::Skip;
            let first = self.frames[frame].first;
            for other in std::mem::take(&mut self.frames[frame].needed_by[place]) {
                let next = &mut self.nodes[first + other];
                next.waits = next.waits.saturating_sub(1);
                next.cut |= cuts;
                match (next.waits, next.cut) {
                    (0, true) => all.push((first + other, Standing::Cut)),
                    (0, false) => self.make_ready(first + other),
                    _ => {}
                }
            }
            let level = &mut self.frames[frame].stages[step.stage];
            level.left = level.left.saturating_sub(1);
            self.frames[frame].left -= 1;
            self.next_stage(frame);
            if self.frames[frame].left == 0 {
                self.frame_is_over(frame);
            }
        }
    }

    /// Goes on to the first stage in which something is left.
    fn next_stage(&mut self, frame: FrameAt) {
        let mut freed = Vec::new();
        {
            let Frame { stages, stage, .. } = &mut self.frames[frame];
            while stages.get(*stage).is_some_and(|level| level.left == 0) {
                *stage += 1;
                if let Some(level) = stages.get_mut(*stage) {
                    freed.append(&mut level.parked);
                }
            }
        }
        for node in freed {
            self.make_ready(node);
        }
        self.look_at(frame);
    }

    fn frame_is_over(&mut self, frame: FrameAt) {
        let Frame { scope, above, part, .. } = self.frames[frame];
        match (above, part) {
            (Some(above), _) => drop(self.closable.insert(above)),
            (None, Part::Work) if self.scopes[scope].phase == Phase::Going => self.leave(scope),
            (None, Part::Work) => {}
            (None, Part::Rollback) => self.leave(scope),
        }
    }

    /// A workflow is over.
    fn leave(&mut self, scope: ScopeAt) {
        self.scopes[scope].phase = Phase::Over;
        self.closable.extend(self.scopes[scope].above);
    }

    fn halt(&mut self, scope: ScopeAt, after: After) {
        let phase = &mut self.scopes[scope].phase;
        *phase = match *phase {
            Phase::Going => Phase::Halting(after),
            Phase::RollingBack => Phase::Halting(After::End),
            Phase::Halting(After::Rollback) if self.cancelled => Phase::Halting(After::End),
            other => other,
        };
    }

    /// What follows once nothing of a workflow runs any more that was halted.
    fn settle_halts(&mut self, from: Option<ScopeAt>) {
        let mut scope = from;
        while let Some(at) = scope {
            if let (Phase::Halting(after), 0) = (self.scopes[at].phase, self.scopes[at].live) {
                let steps = &self.scopes[at].workflow.rollback;
                if after == After::Rollback && !steps.is_empty() {
                    self.scopes[at].phase = Phase::RollingBack;
                    let root = &self.frames[self.scopes[at].root];
                    let (prefix, deadline) = (format!("{}rollback/", root.prefix), root.deadline);
                    let locals = BTreeMap::from([("error".to_owned(), self.error(at))]);
                    self.open((at, None, Part::Rollback), steps, &[], prefix, locals, deadline);
                } else {
                    self.leave(at);
                }
            }
            scope = self.scope_above(at);
        }
    }
}

/// Whether a process began or ended.
#[derive(Clone, Copy)]
enum Process {
    Began,
    Ended,
}

impl Node {
    fn new(frame: FrameAt, place: usize, key: StepKey, since: Timestamp) -> Self {
        Self {
            frame,
            place,
            key,
            of: None,
            standing: Standing::Pending,
            waits: 0,
            cut: false,
            attempt: 0,
            since,
            due: None,
            process: None,
            inside: Inside::Nothing,
            last: None,
        }
    }
}

/// The workflow that others start as `name`, with the name of its file: that of a file, or one that calls itself so.
#[must_use]
pub fn named<'w>(all: &'w Workflows, name: &str) -> Option<(&'w String, &'w Workflow)> {
    all.get_key_value(name).or_else(|| all.iter().find(|(_, workflow)| workflow.name == name))
}
