//! Workflows as files say them: what is read, what is refused and in which words, and what plans never do.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::model::workflow::{
    among::{Workflows, faults},
    graph,
    order::{Plan, plan},
    read::read,
};

fn workflow(text: &str) -> Workflow {
    read(".claude/workflows/a.yaml", "a", text).unwrap_or_else(|refusal| panic!("{text}\n{refusal}"))
}

fn planned(text: &str) -> Plan {
    plan(&workflow(text), &BTreeMap::new()).expect(text)
}

/// The whole complaint, with its hint.
fn refused(text: &str) -> String {
    let refusal = read("a.yaml", "a", text).expect_err(text);
    refusal.hint.map_or(refusal.message.clone(), |hint| format!("{}\nhint: {hint}", refusal.message))
}

/// The complaint without the drawing.
fn words(text: &str) -> String {
    let whole = refused(text);
    let hint =
        whole.lines().last().filter(|line| line.starts_with("hint: ")).map_or_else(String::new, |hint| format!("\n{hint}"));
    format!("{}{hint}", whole.lines().next().unwrap_or_default())
}

const CI: &str = r#"
name: build
description: Build and prove
env: {CARGO_TERM_COLOR: never}
parameters:
  - {name: target, enum: [debug, release], default: debug}
  - {name: jobs, type: integer, required: true}
steps:
  - id: fetch
    run: [cargo, fetch]
    timeout: 5m
    retry: {max_attempts: 4, backoff: fibonacci, delay: 1s}
  - id: build
    run: |
      cargo build --profile ${{ parameters.target }}
    timeout: 20m
    outputs: {path: "${{ steps.build.output }}"}
  - id: test
    needs: build
    strategy: {matrix: {os: [linux, mac], kind: [unit, suite, long]}, max_parallel: 2}
    run: cargo test --test ${{ matrix.kind }}
    timeout: 10m
  - id: lint
    needs: [fetch]
    gate: clippy
    timeout: 600
  - id: pack
    needs: [test, lint]
    if: ${{ parameters.target == 'release' }}
    run: tar cf out.tar "${{ steps.build.outputs.path }}"
    estimate: 1m
"#;

const FOUNDING: &str = r#"
workflow:
  name: deployment
  version: 1.0
  metadata:
    author: ops
    tags: [deploy]
    timeout: 3600
    retry_policy: {max_attempts: 3, backoff: linear}
  parameters:
    - {name: canary, type: boolean, default: true}
  context: {preserve: [release], merge_strategy: deep_merge}
  stages:
    - name: prepare
      parallel: true
      max_parallel: 3
      steps:
        - {id: lint, type: gate, name: clippy}
        - {id: save, type: checkpoint, name: before deployment}
        - id: build
          type: run
          name: Build it
          parameters: {command: "make release"}
          dependencies: [lint]
    - name: release
      condition: parameters.canary
      steps:
        - {type: approval, name: Release to 5 percent?}
        - id: how
          type: decision
          name: how far
          when: context.load < 100
          branches:
            - if: context.load < 10
              steps:
                - {id: all, run: [deploy, all], retry: {max_attempts: 2, delay: 5}}
                - {id: look, wait: 5m}
          default:
            - {id: few, run: [deploy, few], on_failure: rollback}
  error_handlers:
    - {error: timeout, action: retry, max_retries: 2}
    - error: deployment_failed
      action: rollback
      notify: [ops]
      steps:
        - {id: back, rollback: save}
        - {id: tell, run: ["notify", "${{ error.message }}"]}
  rollback:
    - {id: undo, rollback: save}
"#;

#[test]
fn the_vocabulary_of_ci_is_read() {
    let read = workflow(CI);
    let step = |id: &str| read.steps.iter().find(|step| step.id == id).expect(id);
    assert_eq!(read.stages, [Stage { name: String::new(), max_parallel: 5 }]);
    assert_eq!(step("fetch").act, Act::Run { command: Command::Program(vec!["cargo".into(), "fetch".into()]) });
    assert_eq!(step("build").needs, ["fetch"], "one after the other where nothing is said");
    assert_eq!(step("build").act.target(), "cargo build --profile ${{ parameters.target }}");
    assert_eq!(step("test").each.as_ref().and_then(Each::times), Some(6));
    assert_eq!(step("lint").timeout, Lapse::minutes(10), "a bare number is seconds");
    assert_eq!(step("pack").when.as_deref(), Some("parameters.target == 'release'"));
    let waits: Vec<String> = step("fetch").retry.as_ref().expect("said").waits().map(|wait| wait.to_string()).collect();
    assert_eq!(waits, ["1s", "1s", "2s"]);
}

#[test]
fn the_founding_form_becomes_the_same_model() {
    let read = workflow(FOUNDING);
    assert_eq!((read.name.as_str(), read.author.as_str(), read.timeout), ("deployment", "ops", Some(Lapse::hours(1))));
    assert_eq!(read.context.merge_strategy, MergeStrategy::Merge);
    let ids: Vec<&str> = read.steps.iter().map(|step| step.id.as_str()).collect();
    assert_eq!(ids, ["lint", "save", "build", "release_to_5_percent", "how"]);
    assert_eq!(read.steps[2].act, Act::Run { command: Command::Script("make release".into()) });
    assert_eq!((read.steps[2].needs.as_slice(), read.steps[1].needs.len()), (["lint".to_owned()].as_slice(), 0));
    assert_eq!(read.steps[4].needs, ["release_to_5_percent"]);
    assert_eq!(read.steps[4].when.as_deref(), Some("(parameters.canary) and (context.load < 100)"));
    assert_eq!(read.steps[0].retry.expect("that of the metadata").backoff, retry::Backoff::Linear);
    let Act::Decision { branches, default, .. } = &read.steps[4].act else { panic!("a decision") };
    assert_eq!((branches.len(), branches[0].steps[1].needs.as_slice()), (1, ["all".to_owned()].as_slice()));
    assert_eq!(branches[0].steps[0].retry.expect("its own").max_attempts, 2);
    assert_eq!(default[0].on_failure, OnFailure::Rollback);
    assert_eq!(read.error_handlers[0].action, Answer::Retry);
    assert_eq!(read.every_step().len(), 11);
    let unwrapped = FOUNDING.replace("workflow:\n", "").replace("\n  ", "\n");
    let again = workflow(&unwrapped);
    assert_eq!(again.steps.len(), read.steps.len(), "the wrapper changes nothing");
}

#[test]
fn every_kind_of_step_is_read_by_its_key_and_by_its_type() {
    let keyed =
        ["run: [a]", "agent: a", "skill: a", "gate: a", "question: a", "approval: a", "checkpoint: a", "workflow: a", "wait: 5s"];
    for one in keyed {
        let word = one.split(':').next().unwrap_or_default();
        assert_eq!(workflow(&format!("steps: [{{{one}}}]")).steps[0].act.word(), word);
    }
    for word in ["agent", "skill", "gate", "question", "approval", "checkpoint", "workflow"] {
        let by_type = workflow(&format!("steps: [{{type: {word}, name: a}}]"));
        let by_key = workflow(&format!("steps: [{{{word}: a}}]"));
        assert_eq!(by_type.steps[0].act, by_key.steps[0].act);
    }
    let wait = |text: &str| workflow(&format!("steps: [{{wait: {text}}}]")).steps.remove(0).act.target();
    assert_eq!([wait("90"), wait("{file: a/b}"), wait("{answer: q1}")], ["1m 30s", "the file a/b", "the answer to q1"]);
    let back = workflow("steps: [{id: save, checkpoint: now}, {rollback: save}]");
    assert_eq!((back.steps[1].act.word(), back.steps[1].id.as_str()), ("rollback", "rollback_2"));
}

#[test]
fn a_complaint_shows_the_place_and_the_nearest_name() {
    insta::assert_snapshot!(refused("steps:\n  - id: a\n    run: [x]\n    tiemout: 5m\n"), @r"
    cannot read `a.yaml`: line 4, column 5: unknown field `tiemout`, expected one of id, name, type, run, agent, skill, gate, decision, question, approval, checkpoint, rollback, workflow, wait, branches, default, parameters, with, dependencies, needs, condition, if, when, env, timeout, estimate, retry, on_failure, on_crash, for_each, strategy, outputs
      |
    2 |   - id: a
    3 |     run: [x]
    4 |     tiemout: 5m
      |     ^ unknown field `tiemout`, expected one of id, name, type, run, agent, skill, gate, decision, question, approval, checkpoint, rollback, workflow, wait, branches, default, parameters, with, dependencies, needs, condition, if, when, env, timeout, estimate, retry, on_failure, on_crash, for_each, strategy, outputs
    hint: nearest: `timeout`, `estimate`
    ");
    insta::assert_snapshot!(refused("steps:\n  - {id: build, run: [x]}\n  - id: b\n    run: [build]\n    needs: [biuld]\n"), @r"
    cannot read `a.yaml`: line 5, column 13: there is no step `biuld`
      |
    4 |     run: [build]
    5 |     needs: [biuld]
      |             ^ there is no step `biuld`
    hint: nearest: `build`
    ");
    insta::assert_snapshot!(refused("steps:\n  - id: a\n    run: echo ${{ parameters.taget }}\nparameters: [{name: target}]\n"), @r"
    cannot read `a.yaml`: line 3, column 15: there is no parameter `taget`
      |
    2 |   - id: a
    3 |     run: echo ${{ parameters.taget }}
      |               ^ there is no parameter `taget`
    hint: nearest: `target`
    ");
}

#[test]
fn what_does_not_fit_is_refused_in_words() {
    let steps = |text: &str| words(&format!("steps:\n{text}"));
    insta::assert_snapshot!(words("name: a\n"), @"cannot read `a.yaml`: line 1, column 1: a workflow has `steps:` or `stages:`");
    insta::assert_snapshot!(words("steps: [{run: [a]}]\nstages: [{name: a, steps: [{run: [b]}]}]\n"), @"cannot read `a.yaml`: line 2, column 1: a workflow has `steps:` or `stages:`, not both");
    insta::assert_snapshot!(words("[a]"), @"cannot read `a.yaml`: line 1, column 1: expected mapping start");
    insta::assert_snapshot!(words(""), @"cannot read `a.yaml`: line 1, column 1: a workflow has `steps:` or `stages:`");
    insta::assert_snapshot!(steps("  - {id: a}\n"), @r"
    cannot read `a.yaml`: line 2, column 5: a step does one thing, and this one does none
    hint: say one of `run`, `agent`, `skill`, `gate`, `decision`, `question`, `approval`, `checkpoint`, `rollback`, `workflow`, `wait`
    ");
    insta::assert_snapshot!(steps("  - {id: a, run: [x], gate: tests}\n"), @"cannot read `a.yaml`: line 2, column 23: a step does one thing, and this one does `run` and `gate`");
    insta::assert_snapshot!(steps("  - {id: a, type: gaet, name: tests}\n"), @r"
    cannot read `a.yaml`: line 2, column 19: unknown variant `gaet`, expected one of command, run, shell, agent, skill, gate, decision, question, approval, checkpoint, rollback, workflow, wait
    hint: nearest: `gate`, `agent`
    ");
    insta::assert_snapshot!(steps("  - {id: a, type: gate, run: [x]}\n"), @"cannot read `a.yaml`: line 2, column 13: `type` says something else than `run`");
    insta::assert_snapshot!(steps("  - {id: a, run: [x]}\n  - {id: a, run: [y]}\n"), @r"
    cannot read `a.yaml`: line 3, column 10: there is another step `a`
    hint: give one of them an `id:` of its own
    ");
    insta::assert_snapshot!(steps("  - {id: 1a, run: [x]}\n"), @"cannot read `a.yaml`: line 2, column 6: `1a` is no id: a letter, then letters, digits, `_` and `-`");
    insta::assert_snapshot!(steps("  - {id: a, run: []}\n"), @"cannot read `a.yaml`: line 2, column 13: there is no program to run");
    insta::assert_snapshot!(steps("  - {id: a, needs: [c], run: [x]}\n  - {id: b, run: [x]}\n  - {id: c, needs: [b, a], run: [x]}\n"), @"cannot read `a.yaml`: line 2, column 5: steps need each other: a → c → b → a");
    insta::assert_snapshot!(steps("  - {id: a, needs: [a], run: [x]}\n"), @"cannot read `a.yaml`: line 2, column 5: steps need each other: a → a");
    insta::assert_snapshot!(words("stages:\n  - {name: one, steps: [{id: a, needs: [b], run: [x]}]}\n  - {name: two, steps: [{id: b, run: [x]}]}\n"), @"cannot read `a.yaml`: line 2, column 41: `a` of the stage `one` needs `b` of the later stage `two`");
    insta::assert_snapshot!(steps("  - {id: a, run: [x], timeout: soon}\n"), @"cannot read `a.yaml`: line 2, column 32: `soon` is not a span of time; write it like `90m` or `1h 30m`");
    insta::assert_snapshot!(steps("  - {id: a, run: [x], retry: {max_attempts: 100}}\n"), @"cannot read `a.yaml`: line 2, column 31: a step is tried 1 to 20 times");
    insta::assert_snapshot!(steps("  - {id: a, run: [x], if: steps.b.ok}\n  - {id: b, run: [x]}\n"), @r"
    cannot read `a.yaml`: line 2, column 27: the step `b` need not be done when this is read
    hint: say `needs: [b]`
    ");
    insta::assert_snapshot!(steps("  - {id: a, run: [x], if: cots > 1}\n"), @r"
    cannot read `a.yaml`: line 2, column 27: the expression `cots > 1` names `cots`, which is not known
    hint: nearest: `contains`, `context`
    ");
    insta::assert_snapshot!(steps("  - {id: a, run: 'echo ${{ now( }}'}\n"), @"cannot read `a.yaml`: line 2, column 24: the expression `now(`: syntax error: unexpected end of input, expected expression");
    insta::assert_snapshot!(steps("  - {id: a, run: 'echo ${{ now()'}\n"), @"cannot read `a.yaml`: line 2, column 24: `${{` has no `}}` within 4096 bytes");
    insta::assert_snapshot!(steps("  - {id: a, run: 'echo ${{ matrix.os }}'}\n"), @r"
    cannot read `a.yaml`: line 2, column 24: the expression `matrix.os` names `matrix`, which is not known
    hint: known: parameters, steps, context, bool, contains, endswith, int, len, startswith, str, env, file_exists, now, regex_match
    ");
    insta::assert_snapshot!(steps("  - {id: save, checkpoint: x}\n  - {id: b, rollback: svae}\n"), @r"
    cannot read `a.yaml`: line 3, column 23: no step `svae` takes a checkpoint
    hint: nearest: `save`
    ");
    insta::assert_snapshot!(steps("  - {id: back, rollback: save}\n  - {id: save, checkpoint: x}\n"), @r"
    cannot read `a.yaml`: line 2, column 26: the checkpoint of the step `save` need not be taken by then
    hint: say `needs: [save]`
    ");
    insta::assert_snapshot!(steps("  - {id: a, decision: x}\n"), @"cannot read `a.yaml`: line 2, column 13: a decision has `branches`, each with `if` and `steps`");
    insta::assert_snapshot!(steps("  - {id: a, wait: {fiel: x}}\n"), @"cannot read `a.yaml`: line 2, column 19: a span of time, `file: PATH` or `answer: QUESTION` is needed");
    insta::assert_snapshot!(words("steps: [{run: [x]}]\nparameters: [{name: n, type: integer, default: many}]\n"), @r#"cannot read `a.yaml`: line 2, column 39: the parameter `n` is "many", which is not of type integer"#);
    insta::assert_snapshot!(words("steps: [{run: [x]}]\nerror_handlers: [{error: e, action: retry}]\n"), @"cannot read `a.yaml`: line 2, column 1: `max_retries` is from 1 to 19 with `action: retry`, and not said with any other");
    insta::assert_snapshot!(words("steps: [{run: [x]}]\nrollback: [{run: [x], needs: [run_1]}]\n"), @"cannot read `a.yaml`: line 2, column 23: steps of a branch, a handler and `rollback:` follow each other: say no `needs`");
    insta::assert_snapshot!(words("steps: [{run: [x]}]\nmax_parallel: 0\n"), @"cannot read `a.yaml`: line 2, column 1: 1 to 64 steps may run at the same time");
}

#[test]
fn expressions_may_read_what_is_there() {
    for text in [
        "steps:\n  - {id: a, run: [x]}\n  - {id: b, run: 'echo ${{ steps.a.output }} ${{ \"}}\" }}'}\n  - {id: c, if: \"steps.a.ok and len(steps.b.output) > 2\", run: [x]}\n",
        "steps: [{id: a, for_each: \"${{ context.files }}\", run: 'wc ${{ item }}'}]\n",
        "steps: [{id: a, run: [x], with: {deep: [{er: \"${{ now() }} ${{ env('HOME') }} ${{ regex_match('a', 'b') }}\"}]}}]\n",
        "stages:\n  - {name: one, parallel: true, steps: [{id: a, run: [x]}]}\n  - {name: two, steps: [{id: b, run: 'echo ${{ steps.a.output }}'}]}\noutputs: {all: '${{ steps.b.output }}'}\n",
        "steps:\n  - {id: a-b, run: [x]}\n  - {id: c, run: \"echo ${{ steps['a-b'].output }}\"}\n",
    ] {
        workflow(text);
    }
}

#[test]
fn a_plan_has_levels_and_the_way_that_takes_longest() {
    let said = BTreeMap::from([("jobs".to_owned(), "4".to_owned())]);
    let plan = plan(&workflow(CI), &said).expect("planned");
    assert_eq!(plan.levels, [vec!["fetch"], vec!["build", "lint"], vec!["test"], vec!["pack"]]);
    assert_eq!(plan.critical_path, ["fetch", "build", "test"], "what is not done takes no time");
    assert_eq!(plan.takes, Lapse::minutes(5 + 20 + 3 * 10), "six tests, two at a time");
    assert_eq!(plan.parameters, BTreeMap::from([("jobs".to_owned(), json!(4)), ("target".to_owned(), json!("debug"))]));
    let pack = plan.steps.last().expect("pack");
    assert_eq!(
        (pack.holds, pack.takes, pack.needs.as_slice()),
        (Some(false), Lapse::default(), ["test".to_owned(), "lint".to_owned()].as_slice())
    );
    let said = BTreeMap::from([("jobs".to_owned(), "4".to_owned()), ("target".to_owned(), "release".to_owned())]);
    let plan = order::plan(&workflow(CI), &said).expect("planned");
    assert_eq!((plan.critical_path.len(), plan.takes), (4, Lapse::minutes(56)));
    assert_eq!(plan.steps[0].needed_by, ["build", "lint"]);
}

#[test]
fn stages_follow_each_other() {
    let plan = planned(FOUNDING);
    assert_eq!(plan.levels, [vec!["lint", "save"], vec!["build"], vec!["release_to_5_percent"], vec!["how"]]);
    assert_eq!(plan.critical_path, ["lint", "build", "release_to_5_percent", "how"]);
    assert_eq!(plan.steps[4].starts, Lapse::hours(3));
    insta::assert_snapshot!(graph::text(&plan), @r"
    [prepare]
    lint → build
    save
    build
    [release]
    release_to_5_percent → how
    how
    ");
    insta::assert_snapshot!(graph::mermaid(&plan), @r#"
    flowchart TD
      subgraph stage0["prepare"]
      s0["lint<br/>gate clippy"]
      s1["save<br/>checkpoint before deployment"]
      s2["build<br/>run make release"]
      end
      subgraph stage1["release"]
      s3["release_to_5_percent<br/>approval Release to 5 percent?"]
      s4["how<br/>decision how far"]
      end
      stage0 --> stage1
      s0 ==> s2
      s3 ==> s4
    "#);
}

#[test]
fn the_example_of_the_documentation_is_read_and_planned() {
    let (_, rest) = include_str!("../../../docs/workflows.md").split_once("```yaml\n").expect("an example");
    let (example, _) = rest.split_once("```").expect("its end");
    let said = BTreeMap::from([("jobs".to_owned(), "4".to_owned())]);
    let plan = plan(&workflow(example), &said).expect("planned");
    assert_eq!(plan.levels, [vec!["fetch"], vec!["build", "lint"], vec!["test"], vec!["pack"]]);
    assert_eq!((plan.takes, plan.steps[4].holds), (Lapse::minutes(5 + 4 + 10), Some(false)));
}

#[test]
fn parameters_are_looked_at_before_anything_starts() {
    let read = workflow(CI);
    let values = |said: &[(&str, &str)]| {
        let said = said.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let refusal = read.values(&said).expect_err("refused");
        refusal.hint.map_or(refusal.message.clone(), |hint| format!("{}\nhint: {hint}", refusal.message))
    };
    insta::assert_snapshot!(values(&[]), @r"
    the workflow `build` needs the parameter `jobs`
    hint: say it with `--set jobs=VALUE`
    ");
    insta::assert_snapshot!(values(&[("jbos", "4")]), @r"
    the workflow `build` has no parameter `jbos`
    hint: nearest: `jobs`
    ");
    insta::assert_snapshot!(values(&[("jobs", "four")]), @r#"the parameter `jobs` is "four", which is not of type integer"#);
    insta::assert_snapshot!(values(&[("jobs", "4"), ("target", "fast")]), @r#"the parameter `target` is "fast", which is none of `debug`, `release`"#);
}

#[test]
fn workflows_are_looked_at_together() {
    let all = |texts: &[(&str, &str)]| -> Vec<String> {
        let all: Workflows = texts.iter().map(|(file, text)| ((*file).to_owned(), read(file, file, text).expect(text))).collect();
        let faults = faults(&all, &["broken".to_owned()], &["tests"]);
        faults.into_iter().map(|(file, it)| format!("{file}: {it} ({})", it.hint.as_deref().unwrap_or_default())).collect()
    };
    let nothing: [&str; 0] = [];
    assert_eq!(
        all(&[("a", "steps: [{workflow: Be}, {gate: tests}, {workflow: broken}]"), ("b", "name: Be\nsteps: [{run: [x]}]")]),
        nothing
    );
    insta::assert_snapshot!(all(&[("build", "steps: [{workflow: prov}]"), ("prove", "steps: [{gate: test}]")]).join("\n"), @r"
    build: line 1: the step `workflow_1`: there is no workflow `prov` (nearest: `prove`)
    prove: line 1: the step `gate_1`: there is no gate `test` (nearest: `tests`)
    ");
    insta::assert_snapshot!(all(&[("a", "steps: [{workflow: b}]"), ("b", "steps: [{workflow: c}]"), ("c", "steps: [{workflow: b}]")]).join("\n"), @"b: workflows start each other without end: b → c → b ()");
    insta::assert_snapshot!(all(&[("a", "name: b\nsteps: [{run: [x]}]"), ("b", "steps: [{run: [x]}]")]).join("\n"), @r"
    a: the name `b` is that of `b` too (a workflow is started by its name: give one of them another)
    b: the name `b` is that of `a` too (a workflow is started by its name: give one of them another)
    ");
}

/// Steps of which each may need some before it, in up to three stages, as a file says them in any order.
fn graphs() -> impl Strategy<Value = String> {
    let step = (prop::collection::vec(any::<prop::sample::Index>(), 0..4), 1_u32..90, any::<u64>());
    (prop::collection::vec(prop::collection::vec(step, 1..9), 1..4)).prop_map(|stages| {
        let (mut text, mut known) = ("stages:\n".to_owned(), Vec::<String>::new());
        for (place, steps) in stages.into_iter().enumerate() {
            let mut written = Vec::new();
            for (number, (needs, minutes, shuffle)) in steps.into_iter().enumerate() {
                let id = format!("s{place}_{number}");
                let needs: Vec<String> =
                    needs.iter().filter(|_| !known.is_empty()).map(|need| need.get(&known).clone()).collect();
                written.push((
                    shuffle,
                    format!("      - {{id: {id}, run: [x], estimate: {minutes}m, needs: [{}]}}\n", needs.join(", ")),
                ));
                known.push(id);
            }
            written.sort();
            text.push_str(&format!("  - name: stage {place}\n    parallel: true\n    steps:\n"));
            text.extend(written.into_iter().map(|(_, line)| line));
        }
        text
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_plan_never_has_a_step_before_its_needs(text in graphs()) {
        let read = workflow(&text);
        let plan = plan(&read, &BTreeMap::new()).expect("planned");
        prop_assert_eq!(plan.steps.len(), read.steps.len());
        let by_id: BTreeMap<&str, &order::Planned> = plan.steps.iter().map(|step| (step.id.as_str(), step)).collect();
        prop_assert_eq!(by_id.len(), read.steps.len());
        for step in &read.steps {
            let own = by_id[step.id.as_str()];
            prop_assert!(plan.levels[own.level - 1].contains(&step.id));
            let ends = |id: &str| Lapse(by_id[id].starts.0 + by_id[id].takes.0);
            for need in &step.needs {
                prop_assert!(by_id[need.as_str()].level < own.level && ends(need) <= own.starts, "{} before {need}", step.id);
                prop_assert!(by_id[need.as_str()].needed_by.contains(&step.id));
            }
            for before in read.steps.iter().filter(|other| other.stage < step.stage) {
                prop_assert!(by_id[before.id.as_str()].level < own.level && ends(&before.id) <= own.starts);
            }
            prop_assert!(ends(&step.id) <= plan.takes);
        }
        let along: u64 = plan.critical_path.iter().map(|id| by_id[id.as_str()].takes.as_minutes()).sum();
        prop_assert_eq!(along, plan.takes.as_minutes(), "the way that takes longest takes as long as the whole");
        prop_assert_eq!(graph::mermaid(&plan).matches("run x").count(), read.steps.len());
    }

    #[test]
    fn a_result_is_read_only_where_it_is_there(text in graphs(), from in any::<prop::sample::Index>(), of in any::<prop::sample::Index>()) {
        let read_before = workflow(&text);
        let (from, of) = (from.get(&read_before.steps), of.get(&read_before.steps));
        let (mut open, mut seen) = (vec![from], std::collections::BTreeSet::new());
        let mut is_there = of.stage < from.stage;
        while let Some(step) = open.pop() {
            is_there |= step.needs.contains(&of.id);
            open.extend(read_before.steps.iter().filter(|other| step.needs.contains(&other.id) && seen.insert(&other.id)));
        }
        let asks = text.replace(&format!("id: {}, run: [x]", from.id), &format!("id: {}, run: [\"${{{{ steps.{}.output }}}}\"]", from.id, of.id));
        prop_assert_ne!(&asks, &text);
        prop_assert_eq!(read("a.yaml", "a", &asks).is_ok(), is_there, "{}", asks);
    }

    #[test]
    fn a_circle_is_always_found_and_named(length in 1_usize..12, tail in 0_usize..5) {
        let mut text = "steps:\n".to_owned();
        for place in 0..length {
            text.push_str(&format!("  - {{id: c{place}, run: [x], needs: [c{}]}}\n", (place + 1) % length));
        }
        for place in 0..tail {
            text.push_str(&format!("  - {{id: t{place}, run: [x], needs: [c{}]}}\n", place % length));
        }
        let found = words(&text);
        let (_, way) = found.split_once("steps need each other: ").expect(&found);
        let way: Vec<&str> = way.split(" → ").collect();
        prop_assert_eq!(way.len(), length + 1);
        prop_assert_eq!(way.first(), way.last());
    }

    #[test]
    fn a_file_that_somebody_spoiled_is_never_a_panic(
        which in 0_usize..2,
        spoiled in prop::collection::vec((any::<prop::sample::Index>(), 0_usize..9, "[\\[\\]{}:&*!|>\\-#a0 \n'\"$é\u{0}]{0,4}"), 1..6),
    ) {
        let mut lines: Vec<String> = [CI, FOUNDING][which].lines().map(str::to_owned).collect();
        for (at, how, bytes) in spoiled {
            let place = at.index(lines.len());
            match how {
                0 => drop(lines.remove(place)),
                1 => lines.insert(place, lines[place].clone()),
                2 => lines[place] = format!("  {}", lines[place]),
                3 => lines[place] = lines[place].trim_start().to_owned(),
                4 => lines[place] = lines[place].replace(':', &bytes),
                5 => lines[place] = lines[place].replace("}}", &bytes),
                6 => lines[place] = lines[place].chars().rev().collect(),
                7 => lines.swap(place, 0),
                _ => lines[place].push_str(&bytes),
            }
            if lines.is_empty() {
                lines.push(bytes);
            }
        }
        match read("a.yaml", "a", &lines.join("\n")) {
            Ok(read) => {
                let plan = plan(&read, &BTreeMap::from([("jobs".to_owned(), "1".to_owned())]));
                prop_assert!(plan.is_ok_and(|plan| plan.steps.len() == read.steps.len()) || read.parameters.len() != 2);
            }
            Err(refusal) => prop_assert!(refusal.message.starts_with("cannot read `a.yaml`"), "{}", refusal),
        }
    }
}

#[test]
fn ten_thousand_steps_are_read_and_planned_and_one_more_is_refused() {
    let mut text = "steps:\n".to_owned();
    text.extend((0..MAX_STEPS).map(|place| format!("- {{id: s{place}, run: [x]}}\n")));
    assert_eq!(planned(&text).levels.len(), MAX_STEPS);
    assert!(words(&format!("{text}- {{run: [x]}}\n")).contains("at most 10000 steps"));
    assert!(words(&"#".repeat(read::MAX_FILE + 1)).ends_with("over the cap of 1 MiB for a workflow"));
}
