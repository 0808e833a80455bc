//! `doctor`: what it finds on machines that lack something, and on one that lacks nothing; and the line at the foot of a client.

use serde_json::Value;

use crate::{
    install::{LOCAL, SHARED, with_client},
    sandbox::Sandbox,
};

fn findings(sandbox: &Sandbox, code: i32) -> String {
    let outcome = sandbox.autonomy(["doctor", "--json"]).ended(code).json();
    let line = |finding: &Value| {
        let text = |key: &str| finding[key].as_str().unwrap_or_default().to_owned();
        format!("{}: {}: {} ({})\n", text("severity"), text("place"), text("message"), text("mend"))
    };
    let all = outcome["findings"].as_array().expect("a list").iter();
    // What room there is differs from machine to machine.
    all.filter(|finding| !matches!(finding["place"].as_str(), Some("disk" | "memory"))).map(line).collect()
}

#[test]
fn doctor_finds_nothing_where_all_is_well_and_says_what_answers() {
    let sandbox = with_client("2.1.329");
    sandbox.autonomy(["init"]).ok();
    let known = sandbox.belongings();
    assert_eq!(findings(&sandbox, 0), "");
    let said = sandbox.autonomy(["doctor"]).ok().stdout;
    for words in ["claude    2.1.329 (Claude Code)", "hooks     16 events", "hook      answers in ", "client    calls our hooks"]
    {
        assert!(said.contains(words), "{said}");
    }
    sandbox.belongings().assert_same(&known, &[]);
}

#[test]
fn doctor_names_each_thing_that_keeps_hooks_from_running() {
    let sandbox = Sandbox::new();
    insta::assert_snapshot!(findings(&sandbox, 1), @r"
    error: autonomy: the program is not on the PATH, so no hook can run (put the directory of `autonomy` on the PATH of the client)
    warning: claude: the agent client is not on the PATH (install it, or name another: `[agents]`)
    warning: hooks: the client calls no hook of ours (`autonomy init`)
    ");
    let sandbox = with_client("2.0.77");
    sandbox.autonomy(["init"]).ok();
    let good = sandbox.read(LOCAL);
    let more = |line: &str| sandbox.write(LOCAL, good.replacen('{', &format!("{{\n  {line},"), 1));
    more("\"cleanupPeriodDays\": \"never\"");
    let found = findings(&sandbox, 1);
    assert!(found.contains("`cleanupPeriodDays` is not a number, so the client drops the whole file without a word"), "{found}");
    assert!(found.contains("warning: trust: not trusted as it is: client .claude/settings.local.json"), "{found}");
    more("\"disableAllHooks\": true");
    assert!(findings(&sandbox, 0).contains("`disableAllHooks` is set, so no hook runs"));
    sandbox.write(LOCAL, "{,}");
    assert!(findings(&sandbox, 1).contains("the client reads none of it"));
    sandbox.write(LOCAL, good.replace("\"SubagentStop\"", "\"StopFailure\""));
    let found = findings(&sandbox, 0);
    assert!(found.contains("may not know the event `StopFailure`, and then it runs no hook at all"), "{found}");
    assert!(found.contains("not called at SubagentStop"), "{found}");
    sandbox.install("broken", "#!/bin/sh\necho 'autonomy 0.1.0'; exit 2\n");
    std::fs::rename(sandbox.base().join("bin/broken"), sandbox.base().join("bin/autonomy")).expect("writable");
    sandbox.write(LOCAL, &good);
    assert!(findings(&sandbox, 1).contains("a hook did not answer as it should; it ended with exit code 2"));
}

#[test]
fn doctor_starts_the_client_and_says_when_it_calls_no_hook_or_each_twice() {
    let sandbox = with_client("2.1.329");
    sandbox.autonomy(["init"]).ok();
    let hooks = sandbox.read(LOCAL);
    sandbox.write(SHARED, &hooks);
    let found = findings(&sandbox, 0);
    assert!(found.contains("warning: claude: the client calls each hook 2 times"), "{found}");
    std::fs::remove_file(sandbox.path(SHARED)).expect("there");
    sandbox.install("claude", "#!/bin/sh\necho '2.1.329 (Claude Code)'\n");
    let found = findings(&sandbox, 1);
    assert!(found.contains("error: claude: the client was started here and called no hook of ours"), "{found}");
}

#[test]
fn the_status_line_says_where_things_stand_with_and_without_what_the_client_knows() {
    let sandbox = with_client("2.1.329");
    let line = |payload: &str| {
        let script = format!("printf '%s' '{payload}' | autonomy statusline");
        sandbox.run(sandbox.program("sh").args(["-c", &script])).ok().stdout
    };
    assert_eq!(line(""), "no session\n");
    sandbox.autonomy(["session", "start", "night shift", "--max-hours", "8"]).ok();
    sandbox.autonomy(["task", "add", "Parse dates"]).ok();
    sandbox.autonomy(["ask", "Which calendar?"]).ok();
    let said =
        line(r#"{"context_window":{"used_percentage":84.6},"rate_limits":{"five_hour":{"used_percentage":12}},"later":1}"#);
    assert!(said.starts_with("night shift · 0 of 1 task done · ") && said.contains("1 question for you"), "{said}");
    assert!(said.ends_with("context 85%, compaction is near\n") && !said.contains("limit of"), "{said}");
    assert!(line("{broken").starts_with("night shift"));
}
