//! Runs of workflows on a made-up machine: whatever the order of events, what has to hold holds.

use std::sync::Arc;

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::model::{
    expression::Surroundings,
    workflow::{able, read::read},
};

/// What a try gives by the name of its step and its number.
type Script = dyn Fn(&str, u32) -> Outcome;

fn at(milliseconds: i64) -> Timestamp {
    Timestamp::from_millisecond(1_795_197_600_000 + milliseconds).expect("in range")
}

fn all(files: &[(&str, &str)]) -> Workflows {
    let read = |(name, text): &(&str, &str)| {
        let path = format!(".claude/workflows/{name}.yaml");
        ((*name).to_owned(), read(&path, name, text).unwrap_or_else(|refusal| panic!("{text}\n{refusal}")))
    };
    files.iter().map(read).collect()
}

/// A machine that runs steps in an order of its own and on a clock of its own.
struct Machine<'w> {
    flow: Flow<'w>,
    now: i64,
    /// What runs, and what was given to it.
    running: Vec<Start>,
    /// Everything that was appended, with its time.
    log: Vec<(Fact, Timestamp)>,
    /// The order of starts and ends: `+build`, `-build succeeded`.
    story: Vec<String>,
    outputs: BTreeMap<String, Value>,
    files: Vec<&'static str>,
}

impl<'w> Machine<'w> {
    fn new(all: &'w Workflows, parameters: &BTreeMap<String, Value>) -> Self {
        let run = RunId::new("run").expect("plain");
        let flow = Flow::begin(all, "a", &run, parameters, at(0)).expect("there");
        let (running, log, story) = (Vec::new(), Vec::new(), Vec::new());
        Self { flow, now: 0, running, log, story, outputs: BTreeMap::new(), files: Vec::new() }
    }

    fn around(&self) -> Surroundings {
        let files = self.files.clone();
        let variables = BTreeMap::from([("HOME".to_owned(), "/home/ada".to_owned())]);
        Surroundings { now: at(self.now), variables: Arc::new(variables), is_there: Arc::new(move |path| files.contains(&path)) }
    }

    fn append(&mut self, fact: Fact) {
        match &fact {
            Fact::WorkflowStepStarted { step, .. } => self.story.push(format!("+{step}")),
            Fact::WorkflowStepEnded { step, outcome, .. } => self.story.push(format!("-{step} {}", outcome.word())),
            _ => {}
        }
        self.flow.take(&fact, at(self.now));
        self.log.push((fact, at(self.now)));
    }

    /// Does what comes next until nothing happens by itself.
    fn settle(&mut self) -> Next {
        loop {
            let next = self.flow.advance(&self.around());
            if next.facts.is_empty() {
                assert!(next.starts.is_empty(), "nothing starts without an event");
                return next;
            }
            for fact in next.facts {
                self.append(fact);
            }
            self.running.extend(next.starts);
        }
    }

    /// Ends one of the running steps; its outputs are what the machine has for its name.
    fn end(&mut self, which: usize, outcome: Outcome) {
        let start = self.running.remove(which);
        let given = self.outputs.get(start.key.as_str()).and_then(Value::as_object).cloned().unwrap_or_default();
        let (outcome, why, outputs) = match outcome {
            Outcome::Succeeded => match self.flow.outputs(&start.key, given.into_iter().collect(), &self.around()) {
                Ok(outputs) => (outcome, None, outputs),
                Err(refusal) => (Outcome::Broken, Some(refusal.message), BTreeMap::new()),
            },
            other => (other, Some("as it was told".to_owned()), BTreeMap::new()),
        };
        let (run, step, attempt) = (self.flow.run().clone(), start.key, start.attempt);
        let (exit, took) = (Some(i32::from(outcome != Outcome::Succeeded)), Lapse::seconds(1));
        self.append(Fact::WorkflowStepEnded { run, step, attempt, outcome, exit, took, why, outputs });
    }

    /// Carries on to the end; `pick` says which of the running steps ends next.
    fn finish(&mut self, script: &Script, mut pick: impl FnMut(usize) -> usize) -> Ending {
        for _ in 0..20_000 {
            let next = self.settle();
            if let Some(ending) = next.ending {
                return ending;
            }
            if self.running.is_empty() {
                let until = next.until.unwrap_or_else(|| panic!("it waits for nothing: {:#?}", self.story));
                self.now = self.now.max(until.as_millisecond() - at(0).as_millisecond());
                continue;
            }
            let which = pick(self.running.len());
            let outcome = script(self.running[which].key.as_str(), self.running[which].attempt);
            self.now += 10;
            self.end(which, outcome);
        }
        panic!("it comes to no end: {:#?}", self.story)
    }

    fn standing(&self, key: &str) -> &'static str {
        self.flow.step(&StepKey::new(key)).map_or("unknown", |view| view.standing.word())
    }

    fn told(&self) -> String {
        self.story.join("\n")
    }
}

fn well(_: &str, _: u32) -> Outcome {
    Outcome::Succeeded
}

/// The story of a run in which the step that began first ends first.
fn story(text: &str, script: &Script) -> (Ending, String) {
    let all = all(&[("a", text)]);
    let mut machine = Machine::new(&all, &BTreeMap::new());
    let ending = machine.finish(script, |_| 0);
    (ending, machine.told())
}

#[test]
fn steps_follow_their_needs_and_stages_and_no_more_run_at_once_than_may() {
    let text = "max_parallel: 2\nstages:\n  - name: make\n    parallel: true\n    steps:\n      - {id: a, run: [x]}\n      - {id: b, run: [x]}\n      - {id: c, run: [x]}\n  - name: prove\n    steps:\n      - {id: d, run: [x]}\n";
    let (ending, told) = story(text, &well);
    assert_eq!(ending, Ending::Done);
    insta::assert_snapshot!(told.replace('\n', ", "), @"+a, +b, -a done, +c, -b done, -c done, +d, -d done");
}

#[test]
fn a_failed_step_is_tried_again_after_its_wait_and_ends_the_rest_when_its_tries_are_over() {
    let text = "steps:\n  - {id: a, run: [x], retry: {max_attempts: 3, delay: 2s}}\n  - {id: b, run: [x]}\n";
    let all = all(&[("a", text)]);
    let mut machine = Machine::new(&all, &BTreeMap::new());
    machine.settle();
    machine.end(0, Outcome::Failed);
    let next = machine.settle();
    assert_eq!((next.ending, next.until, machine.standing("a")), (None, Some(at(2_000)), "retrying"));
    let fails = |_: &str, _: u32| Outcome::Failed;
    assert_eq!(machine.finish(&fails, |_| 0), Ending::Failed);
    assert_eq!((machine.standing("a"), machine.standing("b")), ("failed", "waiting"));
    assert_eq!(machine.story.iter().filter(|line| *line == "+a").count(), 3);
    assert_eq!(machine.now, 6_020, "after waits of two and four seconds");
    let broken = |_: &str, _: u32| Outcome::Broken;
    assert_eq!(story(text, &broken), (Ending::Failed, "+a\n-a broken".to_owned()), "another try would not help");
}

#[test]
fn what_happens_after_a_failure_is_as_the_step_says() {
    let text = |word: &str| {
        format!(
            "steps:\n  - {{id: a, run: [x], on_failure: {word}}}\n  - {{id: b, run: [x]}}\n  - {{id: c, run: [x]}}\n  - {{id: d, run: [x], needs: []}}\nrollback:\n  - {{id: back, run: [x], if: \"error.step == 'a'\"}}\n  - {{id: off, run: [x]}}\n"
        )
    };
    let fails = |step: &str, _: u32| if step == "a" { Outcome::Failed } else { Outcome::Succeeded };
    let mut told = Vec::new();
    for word in ["abort", "continue", "skip", "rollback"] {
        let (ending, story) = story(&text(word), &fails);
        told.push(format!("{word}: {} {}", ending.word(), story.replace('\n', ", ")));
    }
    insta::assert_snapshot!(told.join("\n"), @"
    abort: failed +a, +d, -a failed, -d done
    continue: done +a, +d, -a failed, +b, -d done, -b done, +c, -c done
    skip: done +a, +d, -a failed, -d done
    rollback: failed +a, +d, -a failed, -d done, +rollback/back, -rollback/back done, +rollback/off, -rollback/off done
    ");
}

#[test]
fn conditions_branches_and_values_are_read_from_what_earlier_steps_gave() {
    let text = r#"
parameters: [{name: kind, default: fast}]
steps:
  - {id: list, run: [x], outputs: {all: "${{ steps.list.outputs.names }}"}}
  - {id: off, run: [x], if: "parameters.kind == 'slow'"}
  - {id: each, for_each: "${{ steps.list.outputs.all }}", run: [make, "${{ item }}"]}
  - id: choose
    decision: how
    branches:
      - {if: "parameters.kind == 'slow'", steps: [{id: slow, run: [x]}]}
      - {if: "len(steps.each.each) == 2", steps: [{id: fast, run: [x]}, {id: then, run: [echo, "${{ steps.off.status }} ${{ steps.fast.exit }}"]}]}
  - {id: grid, strategy: {matrix: {os: [a, b], n: [1, 2]}, max_parallel: 3}, run: "echo ${{ matrix.os }}${{ matrix.n }} $HOME ${{ env('HOME') }}"}
"#;
    let all = all(&[("a", text)]);
    able::files(&all, "a").expect("all of it is carried out");
    let values = all["a"].values(&BTreeMap::new()).expect("a default");
    let mut machine = Machine::new(&all, &values);
    machine.outputs.insert("list".to_owned(), json!({"names": "[\"one\", \"two\"]"}));
    let mut commands = Vec::new();
    for _ in 0..40 {
        machine.settle();
        if machine.running.is_empty() {
            break;
        }
        if let Act::Run { command } = &machine.running[0].act {
            commands.push(format!("{}: {}", machine.running[0].key, serde_json::to_value(command).expect("data")));
        }
        machine.end(0, Outcome::Succeeded);
    }
    assert_eq!(machine.settle().ending, Some(Ending::Done), "{}", machine.told());
    insta::assert_snapshot!(commands.join("\n"), @r#"
    list: {"program":["x"]}
    each[1]: {"program":["make","one"]}
    each[2]: {"program":["make","two"]}
    choose/fast: {"program":["x"]}
    choose/then: {"program":["echo","skipped 0"]}
    grid[1]: {"script":"echo a1 $HOME /home/ada"}
    grid[2]: {"script":"echo b1 $HOME /home/ada"}
    grid[3]: {"script":"echo a2 $HOME /home/ada"}
    grid[4]: {"script":"echo b2 $HOME /home/ada"}
    "#);
    assert_eq!(
        (machine.standing("off"), machine.standing("choose"), machine.standing("grid")),
        ("skipped", "succeeded", "succeeded")
    );
}

#[test]
fn a_workflow_inside_another_is_given_values_and_hands_on_what_it_says() {
    let outer = "steps:\n  - {id: in, workflow: inner, with: {n: 3}, retry: {max_attempts: 2, delay: 1s}}\n  - {id: out, run: [echo, \"${{ steps.in.outputs.made }}\"]}\n";
    let inner = "parameters: [{name: n, type: integer, required: true}]\nsteps:\n  - {id: x, run: [echo, \"${{ parameters.n + 1 }}\"]}\noutputs: {made: \"${{ steps.x.outputs.v }}\"}\n";
    let all = all(&[("a", outer), ("inner", inner)]);
    assert_eq!(able::files(&all, "a").expect("fine").into_iter().collect::<Vec<_>>(), ["a", "inner"]);
    let mut machine = Machine::new(&all, &BTreeMap::new());
    machine.outputs.insert("in/x".to_owned(), json!({"v": "made"}));
    machine.settle();
    let words =
        |machine: &Machine<'_>| serde_json::to_value(&machine.running[0].act).expect("data")["command"]["program"][1].clone();
    assert_eq!(words(&machine), json!("4"));
    machine.end(0, Outcome::Failed);
    let next = machine.settle();
    assert_eq!(machine.standing("in"), "retrying", "the workflow as a whole is tried again");
    machine.now += 1_000;
    assert_eq!(next.until, Some(at(1_000)));
    machine.settle();
    machine.end(0, Outcome::Succeeded);
    machine.settle();
    assert_eq!(words(&machine), json!("made"));
    machine.end(0, Outcome::Succeeded);
    assert_eq!(machine.settle().ending, Some(Ending::Done));
}

#[test]
fn waits_end_with_their_time_or_their_file_and_the_whole_with_its_timeout() {
    let text = "timeout: 1m\nsteps:\n  - {id: a, wait: 10s}\n  - {id: b, wait: {file: done.txt}, timeout: 20s, on_failure: continue}\n  - {id: c, run: [x], timeout: 50s}\n  - {id: d, run: [x]}\n";
    let all = all(&[("a", text)]);
    let mut machine = Machine::new(&all, &BTreeMap::new());
    assert_eq!(machine.settle().until, Some(at(10_000)));
    machine.now = 10_000;
    let next = machine.settle();
    assert_eq!((next.until, next.watching), (Some(at(30_000)), 1));
    machine.files.push("done.txt");
    machine.settle();
    assert_eq!((machine.standing("b"), machine.running[0].limit), ("succeeded", Lapse::seconds(50)));
    machine.now = 59_000;
    machine.end(0, Outcome::Succeeded);
    machine.settle();
    assert_eq!(machine.running[0].limit, Lapse::seconds(1), "no step may take longer than is left for the whole");
    machine.now = 60_000;
    machine.end(0, Outcome::TimedOut);
    assert_eq!(machine.settle().ending, Some(Ending::TimedOut));
    let mut late = Machine::new(&all, &BTreeMap::new());
    late.settle();
    late.now = 10_000;
    late.settle();
    late.now = 30_000;
    late.settle();
    assert_eq!(late.standing("b"), "failed");
}

#[test]
fn a_stopped_or_interrupted_step_is_begun_again_as_the_same_try_and_a_cancelled_run_begins_none() {
    let all = all(&[("a", "steps:\n  - {id: a, run: [x]}\n  - {id: b, run: [x]}\n")]);
    let mut machine = Machine::new(&all, &BTreeMap::new());
    machine.settle();
    machine.end(0, Outcome::Interrupted);
    machine.settle();
    assert_eq!((machine.running[0].key.as_str(), machine.running[0].attempt), ("a", 1));
    let run = machine.flow.run().clone();
    machine.append(Fact::WorkflowCancelAsked { run });
    assert_eq!(machine.settle().ending, None, "what runs is waited for");
    machine.end(0, Outcome::Succeeded);
    assert_eq!((machine.settle().ending, machine.standing("b")), (Some(Ending::Cancelled), "waiting"));
}

#[test]
fn what_nothing_carries_out_is_refused_before_anything_starts() {
    let refused = |text: &str| able::files(&all(&[("a", text)]), "a").expect_err(text).message;
    insta::assert_snapshot!(refused("steps:\n  - {id: ask, approval: Deploy}\n"), @"`a` cannot be carried out: line 2: the step `ask`: steps of the kind `approval` are not carried out yet");
    insta::assert_snapshot!(refused("steps:\n  - {id: a, run: [x], if: \"regex_match('a', 'b')\"}\n"), @"`a` cannot be carried out: line 2: the step `a`: the expression `regex_match('a', 'b')` names `regex_match`, which is not known");
    insta::assert_snapshot!(refused("steps:\n  - {id: a, run: [x], for_each: \"${{ [now()] }}\"}\n"), @"`a` cannot be carried out: line 2: the step `a`: what it is done for may not ask `now`, because it has to be the same when the run goes on");
    insta::assert_snapshot!(refused("steps:\n  - {id: a, run: [x]}\nerror_handlers: [{error: x, action: abort}]\n"), @"`a` cannot be carried out: nothing acts on `error_handlers` yet, such as that of `x`");
    insta::assert_snapshot!(refused("steps:\n  - {id: a, workflow: other}\n"), @"there is no workflow `other` that can be read");
}

/// A workflow of steps that need some of those before them, in stages, with limits, tries and policies, some done for values.
fn workflows() -> impl Strategy<Value = (String, Vec<bool>)> {
    let step = (prop::collection::vec(any::<prop::sample::Index>(), 0..3), 0..4_u8, 1..4_u32, any::<bool>(), 0..5_u8);
    (prop::collection::vec(step, 1..14), 1..4_u32, prop::collection::vec(any::<bool>(), 60)).prop_map(|(steps, parallel, fails)| {
        let mut text = format!("max_parallel: {parallel}\nstages:\n");
        let half = steps.len() / 2;
        for (place, (needs, policy, tries, skipped, kind)) in steps.into_iter().enumerate() {
            if place == 0 || place == half {
                text.push_str(&format!("  - name: s{place}\n    parallel: true\n    steps:\n"));
            }
            let needs: Vec<String> = if place == 0 { Vec::new() } else { needs.iter().map(|need| format!("s{}", need.index(place))).collect() };
            let policy = ["abort", "continue", "skip", "rollback"][usize::from(policy)];
            let what = match kind {
                0 => "run: [x], for_each: [p, q, r]".to_owned(),
                1 => "run: [x], strategy: {matrix: {v: [1, 2, 3]}, max_parallel: 2}".to_owned(),
                2 => format!("decision: how, branches: [{{if: \"true\", steps: [{{id: in{place}, run: [x], on_failure: {policy}}}, {{id: then{place}, run: [x]}}]}}]"),
                3 => "wait: 3s".to_owned(),
                _ => "run: [x]".to_owned(),
            };
            text.push_str(&format!(
                "      - {{id: s{place}, needs: [{}], on_failure: {policy}, retry: {{max_attempts: {tries}, delay: 1s}}, if: \"{}\", {what}}}\n",
                needs.join(", "),
                !skipped || place % 3 > 0
            ));
        }
        text.push_str("rollback:\n  - {id: back, run: [x]}\n  - {id: off, run: [x]}\n");
        (text, fails)
    })
}

/// What each step came to.
fn results(flow: &Flow<'_>) -> BTreeMap<String, (Standing, u32)> {
    flow.steps().map(|view| (view.key.to_string(), (view.standing, view.attempt))).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    #[test]
    fn any_interleaving_ends_keeps_needs_and_limits_and_goes_on_from_any_prefix((text, fails) in workflows(), picks in prop::collection::vec(any::<prop::sample::Index>(), 1..40), cut in any::<prop::sample::Index>()) {
        let all = all(&[("a", &text)]);
        let workflow = &all["a"];
        let script = move |step: &str, attempt: u32| {
            let sum = step.bytes().fold(attempt as usize, |sum, byte| (sum * 31 + usize::from(byte)) % 1_009);
            if fails[sum % fails.len()] { Outcome::Failed } else { Outcome::Succeeded }
        };
        let mut machine = Machine::new(&all, &BTreeMap::new());
        let mut turn = 0;
        let ending = machine.finish(&script, |many| { turn += 1; picks[turn % picks.len()].index(many) });

        let mut running: Vec<&str> = Vec::new();
        let mut over: BTreeSet<&str> = BTreeSet::new();
        for (fact, _) in &machine.log {
            match fact {
                Fact::WorkflowStepStarted { step, times: None, branch: None, .. } => {
                    let top = step.as_str().split(['/', '[']).next().expect("a name");
                    if let Some(known) = workflow.steps.iter().find(|known| known.id == top) {
                        for need in &known.needs {
                            let stands = machine.standing(need);
                            prop_assert!(over.contains(need.as_str()), "{step} began before {need} was over ({stands})\n{}", machine.told());
                        }
                        let earlier = workflow.steps.iter().filter(|other| other.stage < known.stage);
                        for other in earlier {
                            let done = over.contains(other.id.as_str()) || machine.standing(&other.id) == "not_run";
                            prop_assert!(done, "{step} began before the stage of {}", other.id);
                        }
                    }
                    running.push(step.as_str());
                    let limit = workflow.stages[0].max_parallel as usize;
                    prop_assert!(running.len() <= limit, "{running:?} are more than {limit}");
                    let same = running.iter().filter(|one| one.split('[').next() == step.as_str().split('[').next()).count();
                    prop_assert!(same <= 2, "more of one step than may: {running:?}");
                }
                Fact::WorkflowStepEnded { step, outcome, .. } => {
                    running.retain(|one| *one != step.as_str());
                    let retried = *outcome == Outcome::Failed && machine.log.iter().any(|(later, _)| {
                        matches!(later, Fact::WorkflowStepEnded { step: other, outcome, .. } if other == step && *outcome == Outcome::Succeeded)
                    });
                    if !retried {
                        over.insert(step.as_str());
                    }
                }
                _ => {}
            }
        }

        // A run that died after any event: what it had begun is begun again, and the rest comes to the same.
        let run = RunId::new("run").expect("plain");
        let kept = cut.index(machine.log.len() + 1);
        let mut flow = Flow::begin(&all, "a", &run, &BTreeMap::new(), at(0)).expect("there");
        for (fact, when) in &machine.log[..kept] {
            flow.take(fact, *when);
        }
        let now = machine.log[..kept].last().map_or(0, |(_, when)| when.as_millisecond() - at(0).as_millisecond());
        let lost: Vec<(StepKey, u32)> = flow.under_way().map(|view| (view.key.clone(), view.attempt)).collect();
        let mut second = Machine { flow, now, running: Vec::new(), log: Vec::new(), story: Vec::new(), outputs: BTreeMap::new(), files: Vec::new() };
        for (step, attempt) in lost {
            let (run, outcome) = (run.clone(), Outcome::Interrupted);
            second.append(Fact::WorkflowStepEnded { run, step, attempt, outcome, exit: None, took: Lapse::default(), why: None, outputs: BTreeMap::new() });
        }
        let again = second.finish(&script, |_| 0);
        // Which steps an abort reaches depends on the order; without one, everything is the same.
        if !text.contains("abort") && !text.contains("on_failure: rollback") {
            prop_assert_eq!(again, ending);
            prop_assert_eq!(results(&second.flow), results(&machine.flow));
        } else {
            let done = |flow: &Flow<'_>| flow.steps().filter(|view| view.standing == Standing::Succeeded).map(|view| view.key.to_string()).collect::<BTreeSet<_>>();
            let before: BTreeSet<String> = {
                let mut flow = Flow::begin(&all, "a", &run, &BTreeMap::new(), at(0)).expect("there");
                machine.log[..kept].iter().for_each(|(fact, when)| flow.take(fact, *when));
                done(&flow)
            };
            prop_assert!(before.is_subset(&done(&second.flow)), "what was done stays done");
            let begun_again = second.story.iter().filter_map(|line| line.strip_prefix('+')).find(|step| before.contains(*step));
            prop_assert_eq!(begun_again, None, "what is done is not begun again");
        }
    }
}

#[test]
fn the_cost_of_an_event_does_not_grow_with_the_number_of_steps() {
    // What is counted is how often a step is looked at, by its condition: once, when it begins.
    let mut text = "max_parallel: 8\nsteps:\n".to_owned();
    for number in 0..2_000 {
        let needs = if number < 40 { String::new() } else { format!("s{}, s{}", number - 40, number - 17) };
        text.push_str(&format!("  - {{id: s{number}, needs: [{needs}], run: [x], if: \"file_exists('f')\"}}\n"));
    }
    let all = all(&[("a", &text)]);
    let asked = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let is_there = Arc::new(move |_: &str| {
        count.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        true
    });
    let run = RunId::new("run").expect("plain");
    let mut flow = Flow::begin(&all, "a", &run, &BTreeMap::new(), at(0)).expect("there");
    let around = Surroundings { now: at(0), variables: Arc::default(), is_there };
    let (mut running, mut ended) = (Vec::new(), 0);
    loop {
        let next = flow.advance(&around);
        next.facts.iter().for_each(|fact| flow.take(fact, at(0)));
        running.extend(next.starts);
        let Some(start) = running.pop() else { break };
        ended += 1;
        let (run, step) = (run.clone(), start.key);
        let fact = Fact::WorkflowStepEnded {
            run,
            step,
            attempt: 1,
            outcome: Outcome::Succeeded,
            exit: Some(0),
            took: Lapse::default(),
            why: None,
            outputs: BTreeMap::new(),
        };
        flow.take(&fact, at(0));
    }
    assert_eq!((ended, asked.load(std::sync::atomic::Ordering::Relaxed)), (2_000, 2_000));
    assert_eq!(flow.advance(&around).ending, Some(Ending::Done));
}
