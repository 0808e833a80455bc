//! Acceptance commands: nothing runs before it is trusted, and boxes say what came of them.

use crate::work::{TOKEN, add, begin};

#[test]
fn commands_run_once_they_are_trusted_and_tick_their_boxes() {
    let sandbox = begin();
    let task = add(&sandbox, "One", &["--test", "echo ran >> ran; test -e ready", "--acceptance", "reads well"]);
    let path = format!(".claude/tasks/{task}.md");
    let waits = sandbox.autonomy(["task", "verify", "one"]).ended(3);
    assert!(waits.stdout.contains("not trusted  `echo ran") && waits.stdout.contains("for a person  reads well"), "{waits}");
    assert!(!sandbox.exists("ran"), "nothing ran");
    sandbox.autonomy(["trust", "--yes", "--as-person", TOKEN]).ok();
    let red = sandbox.autonomy(["task", "verify", "one"]).ended(1).stdout;
    assert!(red.starts_with("red  `echo ran"), "{red}");
    assert!(sandbox.read(&path).contains("- [ ] `echo ran >> ran; test -e ready` — exit 1 after "));
    sandbox.write("ready", "");
    sandbox.autonomy(["task", "verify", "one"]).ok();
    let record = sandbox.read(&path);
    let commit = &sandbox.git(["rev-parse", "HEAD"])[..10];
    assert!(record.contains("- [x] `echo ran >> ran; test -e ready` — exit 0 after "), "{record}");
    assert!(record.contains(&format!(", on top of {commit}\n- [ ] reads well\n")), "{record}");
    assert_eq!(sandbox.read("ran"), "ran\nran\n");
}

#[test]
fn of_a_changed_list_only_the_trusted_commands_run() {
    let sandbox = begin();
    let task = add(&sandbox, "One", &["--test", "true"]);
    sandbox.autonomy(["trust", "--yes", "--as-person", TOKEN]).ok();
    let path = format!(".claude/tasks/{task}.md");
    sandbox.write(&path, sandbox.read(&path).replace("  - command: \"true\"", "  - command: \"true\"\n  - command: touch evil"));
    let mixed = sandbox.autonomy(["task", "verify", "one"]).ended(3).stdout;
    assert!(mixed.contains("green  `true`") && mixed.contains("not trusted  `touch evil`"), "{mixed}");
    assert!(!sandbox.exists("evil"));
}

#[test]
fn a_command_that_takes_too_long_is_red_and_a_task_without_any_is_refused() {
    let sandbox = begin();
    sandbox.write(".claude/tasks/slow.md", "---\ntitle: Slow\nacceptance:\n  - command: sleep 60\n    timeout: 200ms\n---\n");
    sandbox.autonomy(["trust", "--yes", "--as-person", TOKEN]).ok();
    assert!(sandbox.autonomy(["task", "verify", "slow"]).ended(1).stdout.starts_with("out of time  `sleep 60`"));
    assert!(sandbox.read(".claude/tasks/slow.md").contains("- [ ] `sleep 60` — out of time after "));
    add(&sandbox, "Bare", &[]);
    assert!(sandbox.autonomy(["task", "verify", "bare"]).ended(1).stderr.contains("says nothing about how it is tested"));
}

#[test]
fn a_task_is_done_and_proven_when_gates_and_commands_were_green_on_the_tree_at_hand() {
    let sandbox = begin();
    sandbox.write(
        ".claude/autonomy.toml",
        "[gates.tests]\ncommand = \"true\"\n[gates.style]\ncommand = \"false\"\nneeded = false\n",
    );
    for (title, spoil, proven) in [
        ("Nothing asked", "none", false),
        ("Gates only", "gates", false),
        ("Commands only", "commands", false),
        ("All of it", "all", true),
        ("Changed since", "changed", false),
        ("Another command since", "command", false),
    ] {
        let task = add(&sandbox, title, &["--test", &format!("true {spoil}")]);
        sandbox.autonomy(["trust", "--yes", "--as-person", TOKEN]).ok();
        sandbox.write("code", spoil);
        if spoil != "none" && spoil != "commands" {
            sandbox.autonomy(["gate", "run"]).ended(1);
        }
        if spoil != "none" && spoil != "gates" {
            sandbox.autonomy(["task", "verify", &task]).ok();
        }
        if spoil == "changed" {
            sandbox.write("code", "changed again");
        }
        if spoil == "command" {
            let path = format!(".claude/tasks/{task}.md");
            sandbox.write(&path, sandbox.read(&path).replace("true command", "true other"));
        }
        let done = sandbox.autonomy(["task", "done", &task]).ok();
        assert_eq!(!done.stderr.contains("unproven"), proven, "{title}: {done}");
        let log = std::fs::read_dir(sandbox.path(".git/autonomy/sessions")).unwrap().next().unwrap().unwrap().path();
        let log = std::fs::read_to_string(log.join("log.yaml")).unwrap();
        let fact = log.lines().rev().find(|line| line.contains("task.done")).unwrap();
        assert_eq!(fact.contains("\"uncommitted\":[\"code\"]"), proven, "what no commit has is named: {fact}");
    }
}
