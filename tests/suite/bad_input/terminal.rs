//! No terminal: what asks says what it would do and stops, and what is a person's stays a person's.

use super::{everything, live, refused, unchanged};
use crate::sandbox::{Sandbox, fingerprint};

/// Runs `line`, which has to show its plan, say how it is carried out, end with 3 and change nothing.
#[track_caller]
fn only_planned(sandbox: &Sandbox, line: &[&str], planned: &[&str]) {
    let before = everything(sandbox);
    let said = sandbox.autonomy(line).ended(3);
    for fragment in planned {
        assert!(said.stdout.contains(fragment), "`{fragment}` is not in the plan:\n{said}");
    }
    assert!(said.stderr.contains("--yes"), "{said}");
    assert_eq!(everything(sandbox), before, "`{}` was only planned and changed something", line.join(" "));
    let json = sandbox.autonomy([&["--json"], line].concat()).ended(3);
    assert!(json.json().is_object(), "{json}");
    assert_eq!(everything(sandbox), before, "`--json {}` was only planned and changed something", line.join(" "));
}

#[test]
fn a_rollback_is_only_planned() {
    let sandbox = live();
    sandbox.write("file", "one\n");
    sandbox.autonomy(["checkpoint", "first"]).ok();
    sandbox.write("file", "two\n");
    for line in [&["rollback", "first"][..], &["rollback", "--last"], &["rollback", "first", "--paths", "file"]] {
        only_planned(&sandbox, line, &["restore", "file"]);
    }
    sandbox.autonomy(["rollback", "first", "--yes"]).ok();
    only_planned(&sandbox, &["rollback", "--undo"], &["restore", "file"]);
    assert_eq!(sandbox.read("file"), "one\n");
}

#[test]
fn uninstall_is_only_planned() {
    let sandbox = Sandbox::new();
    sandbox.autonomy(["init"]).ok();
    only_planned(&sandbox, &["uninstall"], &["--- a/.claude/.gitignore", "-/sessions/*/*"]);
    sandbox.autonomy(["uninstall", "--yes"]).ok();
    assert!(!sandbox.exists(".claude/.gitignore"));
}

#[test]
fn trust_is_not_given() {
    let sandbox = live();
    sandbox.write(".claude/autonomy.toml", "[gates.test]\ncommand = [\"true\"]\n");
    let before = everything(&sandbox);
    for line in [&["trust"][..], &["trust", "--yes"], &["trust", "--token"]] {
        assert!(sandbox.autonomy(line).ended(3).stderr.contains("terminal") || line.len() == 1);
    }
    refused(&sandbox, &["trust", "revoke", "--all"], 3, &["terminal", "hint: "]);
    refused(&sandbox, &["--as-person", "guessed", "trust", "revoke", "--all"], 3, &["token", "hint: "]);
    let state = sandbox.path("../home/.local/state/autonomy/trust");
    assert!(!state.exists() && everything(&sandbox) == before, "nothing was trusted");
}

#[test]
fn what_is_a_persons_is_asked_of_nobody_else() {
    let sandbox = live();
    sandbox.autonomy(["ask", "Which colour?", "--option", "red"]).ok();
    refused(&sandbox, &["answer", "Which colour?", "red"], 3, &["person", "hint: "]);
    refused(&sandbox, &["--as-person", "guessed", "answer", "Which colour?", "red"], 3, &["token", "hint: "]);
    refused(&sandbox, &["run", "--uncontained", "--agent", "claude"], 3, &["terminal", "hint: "]);
    let agent = sandbox.with("CLAUDECODE", "1").with("AUTONOMY_TERMINAL", "yes");
    for line in [
        &["answer", "Which colour?", "red"][..],
        &["config", "set", "run.max_steps", "7"],
        &["uninstall", "--yes"],
        &["trust", "--token"],
        &["trust", "revoke", "--all"],
    ] {
        refused(&agent, line, 3, &["agent"]);
    }
}

#[test]
fn a_question_at_a_terminal_that_nobody_answers_is_a_no() {
    let sandbox = Sandbox::new().with("AUTONOMY_TERMINAL", "yes");
    sandbox.autonomy(["init"]).ok();
    sandbox.write("file", "one\n");
    sandbox.autonomy(["checkpoint", "first"]).ok();
    sandbox.write("file", "two\n");
    sandbox.write(".claude/autonomy.toml", "[gates.test]\ncommand = \"true\"\n");
    // What `init` wrote itself is trusted; what was written since is not.
    let trusted = || fingerprint(&sandbox.base().join("home/.local/state/autonomy/trust"));
    let known = trusted();
    for (line, code) in [(&["rollback", "first"][..], 1), (&["uninstall"], 1), (&["trust"], 3)] {
        let before = everything(&sandbox);
        let said = sandbox.autonomy(line).ended(code);
        assert!(said.stderr.contains("[y/N]"), "{said}");
        unchanged(&before, &everything(&sandbox), &line.join(" "));
    }
    assert_eq!(trusted(), known, "nothing was trusted");
}
