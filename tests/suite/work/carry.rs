//! Workflows that are carried out: as a whole, after a death, and only what a person trusts as it is.

use std::{
    io::{BufRead as _, BufReader},
    process::{Child, Stdio},
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process};

use crate::sandbox::Sandbox;

/// A repository with a workflow in it that is trusted.
fn trusted(text: &str) -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write(".claude/workflows/build.yaml", text);
    trust(&sandbox);
    sandbox
}

fn trust(sandbox: &Sandbox) {
    sandbox.run(sandbox.command(["trust", "--yes"]).env("AUTONOMY_TERMINAL", "yes")).ok();
}

/// The name of the last run.
fn run(sandbox: &Sandbox) -> String {
    sandbox.autonomy(["workflow", "status", "--json"]).ok().json()["run"].as_str().unwrap().to_owned()
}

/// A run under way, once its first step has made the file `up`.
fn begun(sandbox: &Sandbox) -> Child {
    let mut child = sandbox.command(["workflow", "run", "build"]).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
    assert!(lines.any(|line| line.contains(": begun")), "it says that its first step began");
    // Whoever reads no more must not keep the other from writing.
    std::thread::spawn(move || lines.for_each(drop));
    for _ in 0..2_000 {
        if sandbox.exists("up") {
            break;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    std::fs::remove_file(sandbox.path("up")).expect("the step has begun");
    child
}

const STEPS: &str = r#"
parameters: [{name: who, default: world}]
steps:
  - {id: one, run: "echo first >> said; echo number=7 >> $AUTONOMY_OUTPUT"}
  - {id: two, needs: [], run: "echo out; echo problem >&2; test -e again || { touch again; exit 3; }", retry: {max_attempts: 2, delay: 20ms}}
  - {id: red, needs: [], run: [false], on_failure: skip}
  - {id: after, needs: [red], run: "echo never >> said"}
  - {id: each, needs: [one, two], for_each: [a, b], run: "echo ${{ item }}${{ steps.one.outputs.number }} ${{ parameters.who }} >> said"}
outputs: {number: "${{ steps.one.outputs.number + '!' }}"}
"#;

#[test]
fn a_workflow_runs_its_steps_when_a_person_trusts_it_as_it_is() {
    let sandbox = Sandbox::new();
    sandbox.write(".claude/workflows/build.yaml", STEPS);
    let refused = sandbox.autonomy(["workflow", "run", "build"]).ended(3).stderr;
    assert!(refused.contains("nobody has trusted it") && refused.contains("autonomy trust"), "{refused}");
    let shown = sandbox.autonomy(["workflow", "run", "build", "--dry-run"]).ok();
    assert!(shown.stdout.contains("Level 1") && shown.stderr.contains("is not trusted as it is now"), "{shown}");
    trust(&sandbox);
    let said = sandbox.autonomy(["workflow", "run", "build", "--set", "who=Ada"]).ok();
    assert_eq!(sandbox.read("said"), "first\na7 Ada\nb7 Ada\n", "{said}");
    assert!(said.stdout.contains("5 done, 1 failed, 1 not done in ") && said.stdout.contains("number=7!"), "{said}");
    assert!(said.stderr.contains("two: failed") && said.stderr.contains("exit code 3: problem; it is tried again"), "{said}");
    let run = run(&sandbox);
    let status = sandbox.autonomy(["workflow", "status"]).ok();
    assert!(status.stdout.contains("two      done, 2 tries") && status.stderr.contains("has ended: done"), "{status}");
    let logs = sandbox.autonomy(["workflow", "logs", &run, "two"]).ok();
    assert_eq!(logs.stdout, "out\nproblem\n");
    sandbox.write(".claude/workflows/build.yaml", STEPS.replace("first", "second"));
    let refused = sandbox.autonomy(["workflow", "run", "build"]).ended(3).stderr;
    assert!(refused.contains("nobody has trusted it as it is now"), "{refused}");
}

#[test]
fn a_run_that_is_killed_anywhere_goes_on_and_runs_nothing_again_that_is_done() {
    let text = "steps:\n  - {id: a, run: \"echo a >> said\"}\n  - {id: b, needs: [], run: \"echo b >> said\"}\n  - {id: c, needs: [a, b], run: \"echo c >> said\"}\n";
    for point in 1..4 {
        let sandbox = trusted(text);
        let mut command = sandbox.command(["workflow", "run", "build"]);
        sandbox.run(command.env("AUTONOMY_FAILPOINT", format!("flow.appended:{point}=kill"))).killed();
        // A step whose end nobody saw may have run; it is the only one that runs again.
        let status = sandbox.autonomy(["workflow", "status", "--json"]).ok().json();
        let unseen = |step: &str| {
            let mut steps = status["steps"].as_array().unwrap().iter();
            steps.any(|one| one["outcome"].is_null() && one["step"] == step)
        };
        if status["standing"] == "stopped" {
            sandbox.autonomy(["workflow", "resume"]).ok();
        }
        let said = sandbox.read("said");
        for step in ["a", "b", "c"] {
            let times = said.lines().filter(|line| *line == step).count();
            assert!(times == 1 || times == 2 && unseen(step), "{point}: {step} ran {times} times\n{said}");
        }
        assert!(said.ends_with("c\n"), "{point}: {said}");
        assert!(sandbox.autonomy(["workflow", "resume"]).ended(1).stderr.contains("has ended"));
    }
}

#[test]
fn a_changed_file_and_a_step_that_still_runs_keep_a_run_from_going_on() {
    let text = "steps:\n  - {id: long, run: \"touch up; test -e go || sleep 60\"}\n  - {id: last, run: \"echo done >> said\"}\n";
    let sandbox = trusted(text);
    let mut child = begun(&sandbox);
    let busy = sandbox.autonomy(["workflow", "resume"]).ended(4).stderr;
    assert!(busy.contains("is going on"), "{busy}");
    child.kill().unwrap();
    child.wait().unwrap();
    let alive = sandbox.autonomy(["workflow", "resume"]).ended(4).stderr;
    assert!(alive.contains("the step `long` still runs, as process "), "{alive}");
    let run = run(&sandbox);
    let cancelled = sandbox.autonomy(["workflow", "cancel"]).ok().stderr;
    assert!(cancelled.contains(&format!("Cancelled the run {run}")) && cancelled.contains("Ended "), "{cancelled}");
    sandbox.autonomy(["workflow", "resume", &run]).ended(1);

    let child = begun(&sandbox);
    let pid = Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
    kill_process(pid, Signal::INT).unwrap();
    assert_eq!(child.wait_with_output().unwrap().status.code(), Some(1), "Ctrl-C stops it");
    let status = sandbox.autonomy(["workflow", "status"]).ok();
    assert!(status.stdout.contains("long  stopped") && status.stderr.contains("stands still"), "{status}");
    sandbox.write(".claude/workflows/build.yaml", text.replace("done", "other"));
    trust(&sandbox);
    let changed = sandbox.autonomy(["workflow", "resume"]).ended(3).stderr;
    assert!(changed.contains("is not as it was when the run") && changed.contains("begin anew"), "{changed}");
    sandbox.write(".claude/workflows/build.yaml", text);
    trust(&sandbox);
    sandbox.write("go", "");
    sandbox.autonomy(["workflow", "resume"]).ok();
    assert_eq!(sandbox.read("said"), "done\n");
}
