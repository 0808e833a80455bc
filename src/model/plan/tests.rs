//! Any row of outcomes comes to an end, within the budgets.

use proptest::prelude::*;

use super::*;
use crate::model::{
    agent::Outcome,
    change::TreePath,
    checkpoint::CheckpointKind,
    event::{Fact, Verdict},
    id::{CheckpointName, Digest, RunId, StepId},
};

fn at(seconds: u64) -> Timestamp {
    Timestamp::from_millisecond(1_795_197_600_000).expect("in range").after(Lapse::seconds(seconds))
}

fn oid() -> Oid {
    Oid::new("1".repeat(40)).expect("forty digits")
}

fn task(number: usize) -> TaskId {
    TaskId::new(format!("t{number}")).expect("plain")
}

fn plan() -> Plan {
    let gates = vec![GateName::new("tests").expect("plain")];
    Plan {
        max: Lapse::hours(8),
        steps: 20,
        tokens: u64::MAX,
        cost_micros: u64::MAX,
        tries: 3,
        idle: 3,
        gates,
        task: None,
        reach: Reach::All,
    }
}

/// What the world answers to one act.
#[derive(Clone, Debug)]
enum Answer {
    Outcome(Outcome),
    Crash,
    Stop,
}

fn answer() -> impl Strategy<Value = (Answer, bool, bool, u64)> {
    let outcome = prop_oneof![
        6 => Just(Outcome::Finished { summary: String::new() }),
        1 => Just(Outcome::Overloaded),
        1 => (0_u64..40_000).prop_map(|wait| Outcome::Limit { until: Some(at(wait)), limit: "five_hour".into() }),
        1 => Just(Outcome::TimedOut),
        1 => Just(Outcome::Forgotten),
        1 => Just(Outcome::Failed { why: "no".into() }),
        1 => Just(Outcome::Auth),
    ]
    .prop_map(Answer::Outcome);
    let kind = prop_oneof![12 => outcome, 1 => Just(Answer::Crash), 1 => Just(Answer::Stop)];
    (kind, any::<bool>(), any::<bool>(), 1_u64..3_000)
}

struct World {
    plan: Plan,
    progress: Progress,
    facts: Vec<(Fact, Timestamp)>,
    now: u64,
    tasks: usize,
    next: usize,
    tries: u32,
    stopped: bool,
}

impl World {
    fn new(tasks: usize) -> Self {
        let mut world = Self {
            plan: plan(),
            progress: Progress::default(),
            facts: Vec::new(),
            now: 0,
            tasks,
            next: 0,
            tries: 0,
            stopped: false,
        };
        world.start();
        world
    }

    fn start(&mut self) {
        self.stopped = false;
        self.say(Fact::RunStarted { run: RunId::new("r").expect("plain"), plan: serde_json::json!(self.plan) });
    }

    fn say(&mut self, fact: Fact) {
        self.progress.take(&fact, at(self.now));
        self.facts.push((fact, at(self.now)));
    }

    fn gate(&mut self, verdict: Verdict, step: Option<StepId>) {
        let gate = self.plan.gates[0].clone();
        let took = Lapse::seconds(1);
        self.say(Fact::GateRan {
            gate,
            declaration: Digest::of("x"),
            tree: oid(),
            verdict,
            exit: None,
            took,
            output: None,
            figure: None,
            step,
        });
    }

    /// Does one act; the ending, when that was it.
    fn act(&mut self, (answer, green, changes, lasts): (Answer, bool, bool, u64)) -> Option<Ending> {
        let outlook = if self.next < self.tasks { Outlook::Ready(task(self.next)) } else { Outlook::AllOver };
        let next = advance(&self.plan, &self.progress, &outlook, at(self.now));
        let current = self.progress.current.clone();
        let doing = || current.clone().expect("a task is under way");
        match next {
            Next::Baseline => self.gate(if green { Verdict::Green } else { Verdict::Red }, None),
            Next::Attempt { task, number, base } => {
                assert!(!self.stopped, "an attempt after a request to stop");
                assert!(number <= self.plan.tries && self.tries < self.plan.tries, "a try too many");
                assert!(self.progress.steps < self.plan.steps, "an attempt beyond the budget");
                assert!(at(self.now).since(self.progress.started) < self.plan.max, "an attempt after the time is over");
                assert_eq!(base.is_some(), current.is_some());
                let step = StepId::new(format!("s{}", self.facts.len())).expect("plain");
                let run = RunId::new("r").expect("plain");
                self.say(Fact::StepStarted {
                    step: step.clone(),
                    run,
                    task,
                    attempt: number,
                    agent: "a".into(),
                    client: None,
                    snapshot: oid(),
                });
                self.now += lasts;
                match answer {
                    Answer::Crash => self.start(),
                    Answer::Stop => {
                        self.stopped = true;
                        self.say(Fact::RunStopAsked {});
                        self.end(&step, changes, &Outcome::Stopped);
                    }
                    Answer::Outcome(outcome) => self.end(&step, changes, &outcome),
                }
            }
            Next::Reach { milestone } => {
                self.say(Fact::TaskDone { task: milestone, tree: Some(oid()), uncommitted: Vec::new() });
            }
            Next::Close => self.end(&doing().step, changes, &Outcome::Stopped),
            Next::Judge => {
                self.gate(if green { Verdict::Green } else { Verdict::Red }, Some(doing().step));
                if green {
                    self.say(Fact::TaskDone { task: doing().task, tree: Some(oid()), uncommitted: Vec::new() });
                } else {
                    self.fail(&doing().task, "red");
                }
            }
            Next::Fail { why } => self.fail(&doing().task, &why),
            Next::Park { why } => {
                self.say(Fact::TaskParked { task: doing().task, why, reference: None });
                self.settled();
            }
            Next::Land => {
                let name = Some(CheckpointName::new("c").expect("plain"));
                self.say(Fact::CheckpointMade {
                    name,
                    reference: "refs/tags/c".into(),
                    object: oid(),
                    commit: oid(),
                    tree: oid(),
                    evidence: oid(),
                    reason: CheckpointKind::Task,
                    summary: None,
                    task: Some(doing().task),
                });
            }
            Next::Note => {
                self.say(Fact::ProgressAdded { text: "done".into(), task: Some(doing().task) });
                self.settled();
            }
            Next::Wait { until } => {
                assert!(!self.stopped && until > at(self.now));
                self.now += until.since(at(self.now)).0.as_secs() + 1;
            }
            Next::Look => panic!("this plan does not wait for tasks"),
            Next::End(ending) => return Some(ending),
        }
        None
    }

    fn end(&mut self, step: &StepId, changes: bool, outcome: &Outcome) {
        let change = crate::model::change::Change { path: TreePath::new("a").expect("clean"), before: None, after: None };
        if changes {
            self.say(Fact::ChangeSeen { step: Some(step.clone()), changes: vec![change], more: 0 });
        }
        self.say(Fact::StepEnded { step: step.clone(), outcome: serde_json::json!(outcome), tree: None });
    }

    fn fail(&mut self, task: &TaskId, why: &str) {
        self.tries += 1;
        self.say(Fact::TaskFailed { task: task.clone(), why: why.to_owned() });
    }

    fn settled(&mut self) {
        self.next += 1;
        self.tries = 0;
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_row_of_outcomes_ends_within_the_budgets(
        tasks in 0_usize..8,
        answers in prop::collection::vec(answer(), 400),
    ) {
        let mut world = World::new(tasks);
        let ended = answers.into_iter().find_map(|mut one| {
            // A run that crashes for ever is begun anew for ever, each time by a person.
            if world.facts.len() > 150 && matches!(one.0, Answer::Crash) {
                one.0 = Answer::Outcome(Outcome::TimedOut);
            }
            world.act(one)
        });
        prop_assert!(ended.is_some(), "it went on for ever");
        let mut again = Progress::default();
        world.facts.iter().for_each(|(fact, at)| again.take(fact, *at));
        prop_assert_eq!(again, world.progress);
    }
}

fn through(tasks: usize, answers: &[(Outcome, bool)]) -> (Ending, World) {
    let mut world = World::new(tasks);
    let mut rest = answers.iter();
    let (mut outcome, mut green) = rest.next().cloned().expect("one at least");
    loop {
        let judged = world.progress.current.as_ref().is_some_and(|current| current.phase == Phase::Judging);
        let failed = world.progress.current.as_ref().is_some_and(|current| matches!(current.phase, Phase::Broken { .. }));
        if let Some(ending) = world.act((Answer::Outcome(outcome.clone()), green, true, 10)) {
            return (ending, world);
        }
        if (judged || failed)
            && let Some((next, verdict)) = rest.next().cloned()
        {
            (outcome, green) = (next, verdict);
        }
    }
}

#[test]
fn a_task_is_tried_three_times_then_parked_and_the_next_one_begins() {
    let finished = Outcome::Finished { summary: String::new() };
    let red = (finished.clone(), false);
    let (ending, world) = through(2, &[red.clone(), red.clone(), red, (finished, true)]);
    assert_eq!(ending, Ending::Done);
    assert_eq!((world.progress.steps, world.progress.settled, world.progress.done), (4, 2, 1));
    let why = world.facts.iter().find_map(|(fact, _)| match fact {
        Fact::TaskParked { why, .. } => Some(why.as_str()),
        _ => None,
    });
    assert_eq!(why, Some("3 tries failed; the last: red"));
}

#[test]
fn agents_that_do_not_come_to_their_end_are_given_up() {
    let (ending, world) = through(5, &[(Outcome::TimedOut, false)]);
    assert_eq!((ending, world.progress.steps, world.progress.settled), (Ending::NoProgress, 3, 1));
}

#[test]
fn a_limit_is_waited_for_only_within_the_time_of_the_run() {
    let limit = |seconds| Outcome::Limit { until: Some(at(seconds)), limit: "five_hour".into() };
    let (ending, world) = through(1, &[(limit(20 * 3600), false)]);
    assert_eq!(ending, Ending::Limit { until: at(20 * 3600 + 60) });
    assert_eq!((ending.exit(), world.progress.steps), (6, 1));
}

#[test]
fn a_plan_that_watches_waits_for_tasks_until_its_time_is_over_and_begins_none_without_progress() {
    let watching = Plan { reach: Reach::Watch, gates: Vec::new(), ..plan() };
    let mut progress = Progress::default();
    progress.take(&Fact::RunStarted { run: RunId::new("r").expect("plain"), plan: serde_json::json!(watching) }, at(0));
    for outlook in [Outlook::AllOver, Outlook::NeedsPerson, Outlook::Blocked] {
        assert_eq!(advance(&watching, &progress, &outlook, at(8 * 3600 - 1)), Next::Look);
        assert_eq!(advance(&watching, &progress, &outlook, at(8 * 3600)), Next::End(Ending::OutOfTime));
    }
    let ready = Outlook::Ready(task(1));
    assert!(matches!(advance(&watching, &progress, &ready, at(1)), Next::Attempt { number: 1, .. }));
    progress.idle = 3;
    assert_eq!(advance(&watching, &progress, &ready, at(1)), Next::End(Ending::NoProgress));
    progress.take(&Fact::RunStopAsked {}, at(2));
    assert_eq!(advance(&watching, &progress, &Outlook::AllOver, at(2)), Next::End(Ending::Stopped));
}

#[test]
fn a_milestone_is_tested_when_it_is_due_but_not_after_the_time_is_over_nor_a_request_to_stop() {
    let mut world = World::new(0);
    world.gate(Verdict::Green, None);
    let due = Outlook::Due(task(7));
    let next = |world: &World| advance(&world.plan, &world.progress, &due, at(world.now));
    assert_eq!(next(&world), Next::Reach { milestone: task(7) });
    let long = world.plan.max.0.as_secs();
    world.now = long;
    assert_eq!(next(&world), Next::End(Ending::OutOfTime));
    world.now = 0;
    world.say(Fact::RunStopAsked {});
    assert_eq!(next(&world), Next::End(Ending::Stopped));
}
