//! Every way in which a run comes to its end: what it says, what its log says, its exit code, and that the work is kept.

use autonomy::model::{plan::ending::Ending, time::Timestamp};

use crate::run::{log, log_count, reason, stage, stage_program};

const NOTHING: &str = "version: 1\nsteps:\n  - say: I did nothing.\n";

/// A client that meets its usage limit the first time, and works when it is asked again.
fn limited(resets: &str) -> String {
    format!(
        "#!/bin/sh\ncat >/dev/null\n\
         if [ -e \"$HOME/met\" ]; then echo hello >greeting.txt; \
         echo '{{\"type\":\"result\",\"subtype\":\"success\",\"is_error\":false,\"num_turns\":2,\
         \"terminal_reason\":\"completed\",\"result\":\"Done.\"}}'; exit 0; fi\n\
         touch \"$HOME/met\"; echo half >half.txt\n\
         echo '{{\"type\":\"rate_limit_event\",\"rate_limit_info\":{{\"status\":\"rejected\",\
         \"resetsAt\":{resets},\"rateLimitType\":\"five_hour\"}}}}'\n\
         echo '{{\"type\":\"assistant\",\"error\":\"rate_limit\",\"message\":{{\"content\":[]}}}}'\n\
         echo '{{\"type\":\"result\",\"subtype\":\"success\",\"is_error\":true,\"num_turns\":2,\
         \"terminal_reason\":\"api_error\",\"api_error_status\":429,\"result\":\"x\"}}'\nexit 1\n"
    )
}

#[test]
fn a_usage_limit_beyond_the_runs_time_ends_it_with_its_reset_time_and_costs_no_try() {
    // 2026-11-20T19:34:03Z, an hour and a half after the sandbox's clock.
    let sandbox = stage_program("claude", &limited("1795203243"), "", &["Greet"]);
    let said = sandbox.autonomy(["run", "--max-hours", "1"]).ended(6);
    assert!(said.stderr.contains("the usage limit lasts until 2026-11-20T19:35:03"), "{}", said.stderr);
    assert_eq!(
        (reason(&sandbox).as_str(), log_count(&sandbox, "limit.met"), log_count(&sandbox, "task.failed")),
        ("limit", 1, 0)
    );
    assert_eq!(sandbox.read("half.txt"), "half\n", "what it did until then is kept");
    let said = sandbox.autonomy(["run"]).ok();
    assert!(said.stderr.contains("Greet: try 1 of 3"), "{}", said.stderr);
    let committed = sandbox.git(["show", "--format=%s", "--name-only", "HEAD", "--", ":!.claude"]);
    assert_eq!(committed.trim(), "Greet\n\ngreeting.txt\nhalf.txt");
}

#[test]
fn a_usage_limit_that_is_over_is_not_waited_for() {
    let sandbox = stage_program("claude", &limited("1795197000"), "", &["Greet"]);
    sandbox.autonomy(["run"]).ok();
    assert_eq!((reason(&sandbox).as_str(), log_count(&sandbox, "step.started")), ("done", 2));
}

#[test]
fn a_run_makes_no_more_attempts_than_it_may() {
    let sandbox = stage(NOTHING, &["Greet"]);
    let said = sandbox.autonomy(["run", "--max-steps", "2"]).ended(6);
    assert!(said.stderr.contains("Ended: it made as many attempts as it may"), "{}", said.stderr);
    assert_eq!((reason(&sandbox).as_str(), log_count(&sandbox, "step.started")), ("out_of_steps", 2));
}

#[test]
fn three_attempts_in_a_row_that_change_nothing_end_a_run() {
    let sandbox = stage(NOTHING, &["Greet", "Sing"]);
    let said = sandbox.autonomy(["run"]).ended(6);
    assert!(said.stderr.contains("Ended: attempts in a row changed nothing or did not come to their end"), "{}", said.stderr);
    assert_eq!((reason(&sandbox).as_str(), log_count(&sandbox, "step.started")), ("no_progress", 3));
}

#[test]
fn a_run_that_is_out_of_time_ends_its_agent_and_begins_nothing() {
    let sandbox = stage("version: 1\nsteps:\n  - sleep: 5m\n", &["Greet"]);
    let mut command = sandbox.command(["run", "--max-hours", "1s"]);
    let said = sandbox.run(command.env_remove("AUTONOMY_CLOCK")).ended(6);
    assert!(said.stderr.contains("try 1 failed: the agent took longer than a step may"), "{}", said.stderr);
    assert_eq!((reason(&sandbox).as_str(), log_count(&sandbox, "step.started")), ("out_of_time", 1));
}

#[test]
fn an_agent_that_is_not_there_ends_the_run_and_names_what_is_missing() {
    let sandbox = stage_program("command", "", "", &["Greet"]);
    std::fs::remove_file(sandbox.base().join("bin/own-agent")).unwrap();
    let said = sandbox.autonomy(["run"]).ended(5);
    assert!(said.stderr.contains("the agent cannot work: cannot run `own-agent`: no such program was found"), "{}", said.stderr);
    assert_eq!((reason(&sandbox).as_str(), log_count(&sandbox, "task.failed")), ("agent_unusable", 0));
    sandbox.install("own-agent", "#!/bin/sh\ncat >/dev/null; echo hello >greeting.txt\n");
    sandbox.autonomy(["run"]).ok();
    assert_eq!(reason(&sandbox), "done");
}

#[test]
fn a_recording_that_cannot_be_played_says_where_it_is_wrong() {
    let sandbox = stage("version: 1\nsteps:\n  - wait: 1s\n", &["Greet"]);
    let said = sandbox.autonomy(["run"]).ended(1);
    let words = "try 1 failed: the agent failed: exit code 2: error: cannot read `$SANDBOX/recording.yaml`: line 3, column 5";
    assert!(said.stderr.contains(words), "{}", said.stderr);
}

#[test]
fn an_agent_that_floods_hangs_and_ignores_being_asked_is_ended_and_its_output_is_capped() {
    let script = "#!/bin/sh\ntrap '' TERM\ncat >/dev/null\necho begun >begun.txt\n\
        (trap '' TERM; sleep 300) &\nwhile :; do echo 0123456789012345678901234567890123456789; done\n";
    let sandbox = stage_program("command", script, "time_limit = \"1s\"\n", &["Greet"]);
    let said = sandbox.autonomy(["run", "--max-steps", "1"]).ended(6);
    assert!(said.stderr.contains("try 1 failed: the agent took longer than a step may"), "{}", said.stderr);
    assert!(log(&sandbox).contains("timed_out"), "{}", log(&sandbox));
    let output = walkdir::WalkDir::new(sandbox.path(".git/autonomy/output"));
    let sizes: Vec<u64> = output
        .into_iter()
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.file_name() == "agent.out")
        .map(|entry| entry.metadata().unwrap().len())
        .collect();
    assert!(sizes.len() == 1 && sizes[0] > 100_000 && sizes[0] < 2_000_000, "{sizes:?}");
    assert_eq!(sandbox.read("begun.txt"), "begun\n");
    super::signals::assert_nothing_runs(&sandbox);
}

#[test]
fn the_table_of_endings_has_every_reason_with_its_exit_code() {
    let why = String::new;
    let all = [
        Ending::Done,
        Ending::Once,
        Ending::Blocked,
        Ending::NeedsPerson,
        Ending::Stopped,
        Ending::SettingsChanged,
        Ending::OutOfTime,
        Ending::OutOfSteps,
        Ending::NoProgress,
        Ending::Limit { until: Timestamp::from_millisecond(0).unwrap() },
        Ending::AgentUnusable { why: why() },
        Ending::CannotCommit { why: why() },
    ];
    let table = include_str!("../../../docs/architecture.md");
    for ending in all {
        let row = format!("| `{}` | {} |", ending.word(), ending.exit());
        assert!(table.contains(&row), "{row}");
    }
}
