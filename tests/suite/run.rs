//! `autonomy run` with recordings: what it commits, what it leaves alone, and how it goes on after it was killed.

mod budgets;
mod endings;
mod figures;
mod fullness;
mod hooks;
mod milestones;
mod parking;
mod places;
mod prompts;
mod recorded;
mod retreat;
mod secrets;
mod signals;
mod ticking;
mod undeclared;
mod watching;

use autonomy::{
    model::plan::ending::Ending,
    run::drive::{Outcome, Prospect},
};

use crate::sandbox::Sandbox;

/// A repository with one gate of the person's own, an agent that plays `recording`, and `tasks`.
fn stage(recording: &str, tasks: &[&str]) -> Sandbox {
    let sandbox = Sandbox::new().apart();
    let file = sandbox.base().join("recording.yaml");
    std::fs::write(&file, recording).unwrap();
    settle_on(&sandbox, &format!("driver = \"replay\"\narguments = [{:?}]\n", file.to_string_lossy()), tasks);
    sandbox
}

/// The same with a program of the test's own as the agent; `more` are further lines of its profile.
pub(crate) fn stage_program(driver: &str, script: &str, more: &str, tasks: &[&str]) -> Sandbox {
    let sandbox = Sandbox::new().apart();
    sandbox.install("own-agent", script);
    settle_on(&sandbox, &format!("driver = \"{driver}\"\nprogram = \"own-agent\"\n{more}"), tasks);
    sandbox
}

pub(crate) fn settle_on(sandbox: &Sandbox, profile: &str, tasks: &[&str]) {
    let settings = format!(
        "version = 1\n[run]\nagent = \"recorded\"\nuncontained = true\n[agents.recorded]\n{profile}\
         [gates.check]\ncommand = \"! grep -rq WRONG --include='*.txt' .\"\n",
    );
    let config = sandbox.base().join("home/.config/autonomy/config.toml");
    std::fs::create_dir_all(config.parent().unwrap()).unwrap();
    std::fs::write(config, settings).unwrap();
    for task in tasks {
        sandbox.autonomy(["task", "add", task]).ok();
    }
}

const GREET: &str = "version: 1
attempts:
  - when: { task: Greet, attempt: 1 }
    steps:
      - write: { path: greeting.txt, content: \"WRONG\\n\" }
      - say: Done.
  - when: { task: Greet }
    steps:
      - write: { path: greeting.txt, content: \"hello\\n\" }
      - say: Done.
  - when: { task: Break }
    steps:
      - write: { path: broken.txt, content: \"WRONG\\n\" }
      - say: Done.
";

/// The events of the live sessions, one a line; empty while there is none.
fn log(sandbox: &Sandbox) -> String {
    let Ok(sessions) = std::fs::read_dir(sandbox.path(".git/autonomy/sessions")) else { return String::new() };
    sessions.filter_map(|entry| std::fs::read_to_string(entry.unwrap().path().join("log.yaml")).ok()).collect()
}

fn log_count(sandbox: &Sandbox, kind: &str) -> usize {
    log(sandbox).matches(&format!("\"kind\":\"{kind}\"")).count()
}

/// Why the last run ended, by the log.
fn reason(sandbox: &Sandbox) -> String {
    let log = log(sandbox);
    let last = log.lines().rfind(|line| line.contains("\"kind\":\"run.ended\"")).expect("a run has ended");
    let event: serde_json::Value = serde_json::from_str(last.trim_start_matches("--- ")).unwrap();
    event["reason"].as_str().unwrap().to_owned()
}

#[test]
fn a_red_gate_sends_the_work_back_and_a_green_one_commits_exactly_what_was_changed() {
    let sandbox = stage(GREET, &["Greet"]);
    sandbox.write("mine.md", "not committed\n");
    let said = sandbox.autonomy(["run"]).ok();
    assert!(said.stderr.contains("try 1 failed: gate check is red"), "{}", said.stderr);
    assert_eq!(said.stdout.lines().next().map(|line| line.starts_with("1 done, 0 parked or waiting, 2 attempts")), Some(true));
    assert_eq!(sandbox.git(["show", "--format=%s", "--name-only", "HEAD", "--", ":!.claude"]).trim(), "Greet\n\ngreeting.txt");
    assert!(sandbox.status().contains("?? mine.md"), "{}", sandbox.status());
    assert_eq!(sandbox.git(["tag", "--list", "checkpoint-*-greet"]).lines().count(), 1);
    let shown = sandbox.autonomy(["task", "list", "--json"]).ok().stdout;
    assert!(!shown.contains("\"open\""), "{shown}");
}

#[test]
fn a_step_that_changes_what_the_person_has_not_committed_is_parked_and_the_persons_version_stays() {
    let sandbox = stage(GREET, &["Greet"]);
    sandbox.write("greeting.txt", "mine\n");
    let said = sandbox.autonomy(["run"]).ended(1);
    assert!(
        said.stderr.contains("parked: it changed `greeting.txt`, which had changes that are not committed"),
        "{}",
        said.stderr
    );
    assert_eq!(sandbox.read("greeting.txt"), "mine\n");
}

#[test]
fn a_protected_branch_is_left_for_a_work_branch() {
    let sandbox = stage(GREET, &["Greet"]);
    sandbox.git(["remote", "add", "origin", "."]);
    let before = sandbox.git(["rev-parse", "main"]);
    sandbox.autonomy(["run"]).ok();
    assert_eq!(sandbox.git(["rev-parse", "main"]), before);
    assert!(sandbox.git(["branch", "--show-current"]).starts_with("autonomy/"));
}

#[test]
fn a_run_that_is_killed_anywhere_is_gone_on_with_and_repeats_nothing_that_is_done() {
    for point in [
        "run.step",
        "run.spawned",
        "run.worked",
        "run.closed",
        "run.done",
        "publish.intent",
        "publish.landed",
        "run.landed",
        "run.closed:2",
        "run.step:2",
    ] {
        let arming = if point.contains(':') { format!("{point}=kill") } else { format!("{point}:1=kill") };
        let sandbox = stage(GREET, &["Greet"]);
        sandbox.autonomy(["session", "start"]).ok();
        let mut command = sandbox.command(["run"]);
        sandbox.run(command.env("AUTONOMY_FAILPOINT", &arming)).killed();
        let status = sandbox.autonomy(["status"]).ok().stdout;
        assert!(status.contains("run        cut short; `autonomy run` goes on, "), "{point}: {status}");
        let said = sandbox.autonomy(["run"]).ok();
        assert_eq!(sandbox.read("greeting.txt"), "hello\n", "{point}: {}", said.stderr);
        let commits = sandbox.git(["log", "--format=%s"]);
        assert_eq!(commits.lines().filter(|line| *line == "Greet").count(), 1, "{point}: {commits}");
        assert_eq!(sandbox.git(["tag", "--list", "checkpoint-*-greet"]).lines().count(), 1, "{point}");
        assert_eq!(log_count(&sandbox, "task.done"), 1, "{point}");
        assert_eq!(sandbox.status().lines().filter(|line| !line.contains(".claude")).count(), 0, "{point}: {}", sandbox.status());
    }
}

#[test]
fn without_a_task_or_where_nothing_can_be_committed_a_run_does_not_begin() {
    let sandbox = stage(GREET, &[]);
    let said = sandbox.autonomy(["run"]).ended(1);
    assert!(said.stderr.contains("no open task") && said.stderr.contains("autonomy task add"), "{}", said.stderr);
    sandbox.autonomy(["task", "add", "Greet"]).ok();
    sandbox.git(["switch", "--quiet", "--detach"]);
    let said = sandbox.autonomy(["run"]).ended(4);
    assert!(said.stderr.contains("HEAD is detached"), "{}", said.stderr);
    assert!(!sandbox.exists("greeting.txt"));
    sandbox.git(["switch", "--quiet", "--orphan", "empty"]);
    let said = sandbox.autonomy(["run"]).ended(4);
    assert!(said.stderr.contains("has no commit yet") && said.stderr.contains("git commit --allow-empty"), "{}", said.stderr);
}

#[test]
fn what_somebody_has_started_is_theirs_until_a_run_is_told_to_work_on_it() {
    let sandbox = stage(GREET, &["Greet", "Break"]);
    sandbox.autonomy(["task", "start", "Greet"]).ok();
    sandbox.autonomy(["task", "cancel", "Break", "--because", "no"]).ok();
    let prospect = sandbox.autonomy(["run", "--dry-run"]).ok().stdout;
    assert!(
        prospect.contains("1 open, 0 may be started now\n  left to who started it: Greet; or `autonomy run --task "),
        "{prospect}"
    );
    let said = sandbox.autonomy(["run"]).ended(1).stderr;
    assert!(said.contains("Ended: what is left is parked, failed, started by somebody else"), "{said}");
    let (_, next) = said.split_once("Next: `autonomy ").expect("a next command");
    let line: Vec<&str> = next.trim_end_matches(['`', '\n']).split(' ').collect();
    assert_eq!(line[..2], ["run", "--task"]);
    sandbox.autonomy(line).ok();
    assert_eq!((reason(&sandbox).as_str(), sandbox.git(["show", "HEAD:greeting.txt"]).as_str()), ("done", "hello"));
}

#[test]
fn a_dry_run_says_what_would_be_done_and_does_nothing() {
    let sandbox = stage(GREET, &["Greet"]);
    let before = sandbox.belongings();
    let said = sandbox.autonomy(["run", "--dry-run"]).ok();
    assert!(said.stdout.contains("recorded (replay)") && said.stdout.contains("1. Greet"), "{}", said.stdout);
    assert_eq!(sandbox.belongings(), before);
}

#[test]
fn what_came_of_a_run_is_told_as_data_of_its_schema() {
    let sandbox = stage(GREET, &["Greet"]);
    let prospect = sandbox.autonomy(["run", "--dry-run", "--json"]).ok().json();
    let prospect: Prospect = serde_json::from_value(prospect).unwrap();
    assert_eq!((prospect.open, prospect.ready[0].1.as_str()), (1, "Greet"));
    let outcome = sandbox.autonomy(["run", "--json"]).ok().json();
    let outcome: Outcome = serde_json::from_value(outcome).unwrap();
    assert_eq!((outcome.ending, outcome.steps, outcome.done, outcome.parked), (Ending::Done, 2, 1, 0));
}
