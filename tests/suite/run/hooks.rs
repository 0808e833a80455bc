//! Git hooks and the commits of a run: they judge like gates, they end with the run, and only trusted ones run.

use std::os::unix::fs::PermissionsExt as _;

use rustix::process::Signal;

use crate::{
    run::{
        GREET, log_count, reason,
        signals::{Running, until},
        stage,
    },
    sandbox::Sandbox,
};

fn hook(sandbox: &Sandbox, path: &str, script: &str) {
    sandbox.write(path, format!("#!/bin/sh\n{script}\n"));
    std::fs::set_permissions(sandbox.path(path), std::fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn a_hook_that_refuses_sends_the_work_back_and_nothing_is_committed() {
    let sandbox = stage(GREET, &["Greet"]);
    hook(&sandbox, ".git/hooks/pre-commit", "echo 'greetings need a name' >&2; exit 1");
    let said = sandbox.autonomy(["run"]).ended(1);
    assert!(said.stderr.contains("it cannot be committed: the hook `pre-commit` refused the commit"), "{}", said.stderr);
    assert!(said.stderr.contains("greetings need a name"), "{}", said.stderr);
    assert!(said.stdout.starts_with("0 done, 1 parked or waiting, 3 attempts"), "{}", said.stdout);
    assert_eq!((reason(&sandbox).as_str(), sandbox.exists("greeting.txt")), ("blocked", false));
    assert!(!sandbox.git(["log", "--format=%s"]).contains("Greet"));
    let shown = sandbox.autonomy(["task", "list", "--json"]).ok().stdout;
    assert!(shown.contains("\"parked\""), "{shown}");
}

#[test]
fn a_hook_that_refuses_once_gets_another_try() {
    let sandbox = stage(GREET, &["Greet"]);
    hook(&sandbox, ".git/hooks/pre-commit", "[ -e .git/asked ] || { touch .git/asked; exit 1; }");
    sandbox.autonomy(["run"]).ok();
    assert_eq!((reason(&sandbox).as_str(), log_count(&sandbox, "task.done")), ("done", 2));
    assert_eq!(sandbox.git(["show", "HEAD:greeting.txt"]), "hello");
}

#[test]
fn a_hook_that_hangs_ends_with_the_run_and_the_next_run_commits() {
    let sandbox = stage(GREET, &["Greet"]);
    hook(&sandbox, ".git/hooks/pre-commit", "[ -e .git/asked ] && exit 0; touch .git/asked; sleep 300");
    let run = Running::start(&sandbox, &["run"]);
    until("the hook", || sandbox.exists(".git/asked"));
    run.signal(Signal::INT);
    let said = run.end(&sandbox).ended(1);
    assert!(said.stderr.contains("Ended: it was asked to stop"), "{}", said.stderr);
    assert_eq!((reason(&sandbox).as_str(), log_count(&sandbox, "task.reopened")), ("stopped", 0));
    sandbox.autonomy(["run"]).ok();
    assert_eq!((log_count(&sandbox, "step.started"), sandbox.git(["show", "HEAD:greeting.txt"]).as_str()), (2, "hello"));
}

#[test]
fn a_hook_that_came_with_the_repository_runs_only_as_a_person_trusted_it() {
    let sandbox = stage(GREET, &["Greet"]);
    sandbox.git(["config", "core.hooksPath", ".husky"]);
    hook(&sandbox, ".husky/pre-commit", "touch $HOME/ran");
    sandbox.commit_all("hooks");
    std::fs::remove_file(sandbox.base().join("home/ran")).unwrap();
    for line in [&["run"][..], &["run", "--dry-run"]] {
        let said = sandbox.autonomy(line).ended(3);
        assert!(
            said.stderr.contains("the hook pre-commit comes with this repository and nobody has trusted it"),
            "{}",
            said.stderr
        );
    }
    assert!(!sandbox.base().join("home/ran").exists() && !sandbox.exists("greeting.txt"));
    let sandbox = sandbox.with("CI", "1");
    let declared = sandbox.autonomy(["trust", "list", "--json"]).ok().json();
    let hash = declared["declared"][0]["declaration"]["digest"].as_str().unwrap().to_owned();
    sandbox.autonomy(["trust", "--hash", &hash]).ok();
    sandbox.autonomy(["run"]).ok();
    assert!(sandbox.base().join("home/ran").exists());
}

#[test]
fn a_hook_that_an_agent_changed_does_not_run() {
    let recording = "version: 1\nsteps:\n  - write: { path: .husky/pre-commit, content: \"#!/bin/sh\\ntouch $HOME/ran\\n\", executable: true }\n";
    let sandbox = stage(recording, &["Greet"]);
    sandbox.git(["config", "core.hooksPath", ".husky"]);
    let said = sandbox.autonomy(["run"]).ended(4);
    assert!(
        said.stderr.contains("Ended: finished work cannot be committed") && said.stderr.contains("hook pre-commit"),
        "{}",
        said.stderr
    );
    assert!(!sandbox.base().join("home/ran").exists());
    assert_eq!(reason(&sandbox), "cannot_commit");
}
