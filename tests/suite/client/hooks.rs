//! The hooks that `init` writes, called by the real agent client: what it does with our answers.

use std::{fs, os::unix::fs::symlink, path::Path};

use autonomy::model::event::Fact;
use serde_json::{Value, json};

use crate::{
    client::messages::{Answer, Messages},
    hook::facts,
    sandbox::{Said, Sandbox, skipped},
    work,
};

/// A repository in which `init` has run, and the client; nothing where there is none on this machine.
pub(crate) fn with_hooks(server: &Messages) -> Option<Sandbox> {
    let Some(client) = std::env::var_os("AUTONOMY_TEST_CLAUDE") else {
        skipped("hooks of the real agent client", "AUTONOMY_TEST_CLAUDE is not set; `.ci/run client` installs it");
        return None;
    };
    let sandbox = work::with_token();
    let bin = sandbox.base().join("bin");
    symlink(Path::new(&client), bin.join("claude")).expect("writable");
    symlink(env!("CARGO_BIN_EXE_autonomy"), bin.join("autonomy")).expect("writable");
    let path =
        std::env::join_paths(std::iter::once(bin).chain(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default())));
    let sandbox = sandbox
        .with("PATH", path.expect("plain paths"))
        .with("TERM", "dumb")
        .with("ANTHROPIC_BASE_URL", format!("http://127.0.0.1:{}", server.port))
        .with("ANTHROPIC_API_KEY", "dummy-local")
        .with("DISABLE_TELEMETRY", "1")
        .with("DISABLE_ERROR_REPORTING", "1")
        .with("DISABLE_AUTOUPDATER", "1")
        .with("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1");
    sandbox.autonomy(["init"]).ok();
    Some(sandbox)
}

pub(crate) const CONVERSATION: &str = "5e55104a-0000-4000-8000-0000000000c1";

/// One call of the client without a terminal; its last result.
pub(crate) fn client(sandbox: &Sandbox, words: &[&str]) -> (Said, Value) {
    let mut command = sandbox.program("claude");
    command.args(["-p", "--output-format", "stream-json", "--verbose", "--permission-mode", "dontAsk"]);
    command.args(["--allowedTools", "Bash", "Read", "Write"]).args(words).stdin(std::process::Stdio::null());
    let said = sandbox.run(&mut command).ok();
    let lines = said.stdout.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let result = lines.rev().find(|line| line["type"] == "result").expect("it says how it went");
    (said, result)
}

/// Whether the client that is tried is of this version or a later one; where it is not, the story is skipped aloud.
pub(crate) fn is_at_least(sandbox: &Sandbox, version: &str, story: &str) -> bool {
    let said = sandbox.run(sandbox.program("claude").arg("--version").stdin(std::process::Stdio::null())).ok().stdout;
    let number = |text: &str| -> Vec<u32> {
        let first = text.split_whitespace().next().unwrap_or_default();
        first.split('.').map(|part| part.parse().expect("a number")).collect()
    };
    let fits = number(&said) >= number(version);
    if !fits {
        skipped(story, &format!("the client is {}", said.trim()));
    }
    fits
}

/// How the client is told to compact early: by a variable that several versions know.
pub(crate) const COMPACTS_EARLY: (&str, &str) = ("CLAUDE_CODE_AUTO_COMPACT_WINDOW", "100000");

/// The requests of the conversation itself; earlier clients send others to warm up.
pub(crate) fn of_conversation(server: &Messages, prompt: &str) -> Vec<Value> {
    let asks = |body: &Value| body["tools"].as_array().is_some_and(|tools| tools.iter().any(|tool| tool["name"] == "Bash"));
    server.requests().into_iter().filter(|body| asks(body) && conversation(body).contains(prompt)).collect()
}

pub(crate) fn conversation(body: &Value) -> String {
    body["messages"].to_string()
}

pub(crate) fn tools(body: &Value) -> usize {
    conversation(body).matches("\"type\":\"tool_result\"").count()
}

#[test]
fn a_tool_that_the_guard_denies_is_not_used_and_the_agent_reads_why() {
    let server = Messages::start(Box::new(|body| match tools(body) {
        0 => Answer::Tool("Bash", json!({ "command": "git push --force origin main; touch pushed", "description": "push" })),
        1 => Answer::Tool("Write", json!({ "file_path": "notes.txt", "content": "plain" })),
        _ => Answer::Words("Done.".to_owned()),
    }));
    let Some(sandbox) = with_hooks(&server) else { return };
    sandbox.autonomy(["session", "start", "night shift"]).ok();
    let (_, result) = client(&sandbox, &["--session-id", CONVERSATION, "go"]);
    assert_eq!((result["is_error"].as_bool(), result["result"].as_str()), (Some(false), Some("Done.")), "{result}");
    assert!(!sandbox.exists("pushed") && sandbox.exists("notes.txt"));
    let requests = server.requests();
    let last = conversation(requests.last().expect("some"));
    assert!(last.contains("rule `force-push`"), "{last}");
    let facts = facts(&sandbox);
    assert!(facts.iter().any(|fact| matches!(fact, Fact::ToolHeld { tool, .. } if tool == "Bash")), "{facts:?}");
    assert!(
        facts
            .iter()
            .any(|fact| matches!(fact, Fact::ToolUsed { tool, path: Some(path), .. } if tool == "Write" && path == "notes.txt"))
    );
    assert!(facts.iter().any(|fact| matches!(fact, Fact::ClientBound { client } if client.as_str() == CONVERSATION)));
    assert!(!facts.iter().any(|fact| matches!(fact, Fact::HookFailed { .. })), "{facts:?}");
}

#[test]
fn a_conversation_is_driven_for_thirty_turns_past_the_client_s_own_cap() {
    let server = Messages::start(Box::new(|body| {
        let last = body["messages"].as_array().and_then(|all| all.last()).map(Value::to_string).unwrap_or_default();
        if last.contains("\"tool_result\"") {
            Answer::Words("This turn is over.".to_owned())
        } else {
            Answer::Tool("Bash", json!({ "command": "echo a line >> work.txt", "description": "work" }))
        }
    }));
    let Some(sandbox) = with_hooks(&server) else { return };
    let sandbox = sandbox.with("CLAUDE_CODE_STOP_HOOK_BLOCK_CAP", "40").with("AUTONOMY_RUN__MAX_STEPS", "30");
    sandbox.autonomy(["session", "start", "night shift", "--drive"]).ok();
    sandbox.autonomy(["task", "add", "Write thirty lines"]).ok();
    let (_, result) = client(&sandbox, &["--session-id", CONVERSATION, "go"]);
    assert_eq!((result["result"].as_str(), result["is_error"].as_bool()), (Some("This turn is over."), Some(false)), "{result}");
    let lines = fs::read_to_string(sandbox.path("work.txt")).expect("written").lines().count();
    let turns = facts(&sandbox).iter().filter(|fact| matches!(fact, Fact::TurnContinued { .. })).count();
    // Clients that add words of their own to a tool's result are given the tool again.
    assert!(turns == 30 && lines > 30, "{lines} lines, {turns} turns");
}

#[test]
fn a_call_that_waits_for_a_person_is_put_off_and_made_after_the_answer() {
    let command = "git push --force-with-lease origin topic; touch pushed";
    let server = Messages::start(Box::new(move |body| match tools(body) {
        0 => Answer::Tool("Bash", json!({ "command": command, "description": "push" })),
        _ => Answer::Words("Done.".to_owned()),
    }));
    let Some(sandbox) = with_hooks(&server) else { return };
    if !is_at_least(&sandbox, "2.1.197", "a call that is put off") {
        return;
    }
    sandbox.autonomy(["session", "start", "night shift"]).ok();
    let (_, result) = client(&sandbox, &["--session-id", CONVERSATION, "go"]);
    assert_eq!((result["stop_reason"].as_str(), sandbox.exists("pushed")), (Some("tool_deferred"), false), "{result}");
    let question = work::open_question(&sandbox);
    work::answer(&sandbox, &question, "yes").ok();
    // Without a word the client makes the call again that it put off.
    let (_, result) = client(&sandbox, &["--resume", CONVERSATION]);
    assert_eq!((result["result"].as_str(), sandbox.exists("pushed")), (Some("Done."), true), "{result}");
}

/// Whether a request asks for a summary of the conversation.
pub(crate) fn asks_for_a_summary(body: &Value) -> bool {
    body["messages"].as_array().and_then(|all| all.last()).is_some_and(|last| last.to_string().contains("<summary>"))
}

pub(crate) fn summary() -> Answer {
    Answer::Words("<analysis>short</analysis><summary>What was said so far.</summary>".to_owned())
}

/// How often the briefing and the summary stand in the body of a request.
pub(crate) fn briefings(body: &Value) -> (usize, usize) {
    let text = conversation(body);
    (text.matches("The parser takes every input").count(), text.matches("What was said so far.").count())
}

pub(crate) const GOAL: [&str; 5] = ["session", "start", "night shift", "--goal", "The parser takes every input"];

/// A model that fills the conversation with what `command` prints until the client compacts it, and then is done.
pub(crate) fn fills(command: &'static str) -> Messages {
    Messages::start(Box::new(move |body| {
        let tool = |tokens| Answer::Filling("Bash", json!({ "command": command, "description": "work" }), tokens);
        let is_compacted = conversation(body).contains("What was said so far.");
        match (asks_for_a_summary(body), is_compacted, tools(body)) {
            (true, ..) => summary(),
            (false, true, _) => Answer::Words("Done.".to_owned()),
            (false, false, 0) => tool(30_000),
            (false, false, 1) => tool(50_000),
            (false, false, _) => tool(75_000),
        }
    }))
}

#[test]
fn after_an_automatic_compaction_the_briefing_is_there_once_and_the_summary_was_steered() {
    let server = fills("seq 1 400");
    let Some(sandbox) = with_hooks(&server) else { return };
    if !is_at_least(&sandbox, "2.1.197", "an automatic compaction") {
        return;
    }
    let sandbox = sandbox.with(COMPACTS_EARLY.0, COMPACTS_EARLY.1);
    sandbox.autonomy(GOAL).ok();
    let (said, result) = client(&sandbox, &["--session-id", CONVERSATION, "go"]);
    assert_eq!(result["result"].as_str(), Some("Done."), "{result}");
    assert!(said.stdout.contains("\"compact_result\":\"success\""), "{said:?}");
    let requests = server.requests();
    let steered = requests.iter().find(|body| asks_for_a_summary(body)).expect("a summary was asked for");
    assert!(conversation(steered).contains("Keep what only this conversation knows"));
    assert_eq!(briefings(requests.first().expect("some")), (1, 0));
    assert_eq!(briefings(requests.last().expect("some")), (1, 1));
    assert_eq!(sandbox.git(["tag", "--list", "*-compaction"]).lines().count(), 1);
    // The client's own transcript says how much the briefing stands for.
    let measured = facts(&sandbox).into_iter().find_map(|fact| match fact {
        Fact::CompactionSealed { measure, .. } => Some(measure),
        _ => None,
    });
    let measured = measured.expect("sealed");
    assert!(measured.context.is_some_and(|tokens| (75_000..90_000).contains(&tokens)), "{measured:?}");
    assert!(measured.transcript.is_some_and(|bytes| bytes > 1_000), "{measured:?}");
}

#[test]
fn after_a_compaction_by_hand_the_next_process_has_the_briefing_once() {
    let server = Messages::start(Box::new(|body| match (asks_for_a_summary(body), tools(body)) {
        (true, _) => summary(),
        (false, 0 | 1) if !conversation(body).contains("What was said so far.") => {
            Answer::Tool("Bash", json!({ "command": "echo work", "description": "work" }))
        }
        (false, _) => Answer::Words("Done.".to_owned()),
    }));
    let Some(sandbox) = with_hooks(&server) else { return };
    sandbox.autonomy(GOAL).ok();
    client(&sandbox, &["--session-id", CONVERSATION, "go"]);
    client(&sandbox, &["--resume", CONVERSATION, "/compact"]);
    client(&sandbox, &["--resume", CONVERSATION, "go on"]);
    assert_eq!(briefings(of_conversation(&server, "go on").last().expect("some")), (1, 1));
    let handed_back = facts(&sandbox).into_iter().filter(|fact| matches!(fact, Fact::CompactionRestored { .. })).count();
    assert_eq!(handed_back, 1);
}

#[test]
fn a_team_mate_without_the_program_is_not_held_up_by_shared_hooks() {
    let server = Messages::start(Box::new(|body| match tools(body) {
        0 => Answer::Tool("Write", json!({ "file_path": "notes.txt", "content": "plain" })),
        _ => Answer::Words("Done.".to_owned()),
    }));
    let Some(sandbox) = with_hooks(&server) else { return };
    sandbox.autonomy(["init", "--shared"]).ok();
    fs::remove_file(sandbox.base().join("bin/autonomy")).expect("it is there");
    let (_, result) = client(&sandbox, &["--session-id", CONVERSATION, "go"]);
    assert_eq!((result["result"].as_str(), sandbox.exists("notes.txt")), (Some("Done."), true), "{result}");
}

#[test]
fn doctor_hears_the_real_client_call_our_hooks_and_finds_the_key_that_silences_it() {
    let server = Messages::start(Box::new(|_| Answer::Words("Done.".to_owned())));
    let Some(sandbox) = with_hooks(&server) else { return };
    if !is_at_least(&sandbox, "2.1.197", "a client that only begins") {
        return;
    }
    let known = sandbox.belongings();
    let said = sandbox.autonomy(["doctor"]).ok().stdout;
    assert!(said.contains("client    calls our hooks"), "{said}");
    sandbox.belongings().assert_same(&known, &[]);
    let path = ".claude/settings.local.json";
    let good = sandbox.read(path);
    sandbox.write(path, good.replacen('{', "{\n  \"cleanupPeriodDays\": \"never\",", 1));
    let said = sandbox.autonomy(["doctor"]).ended(1).stdout;
    assert!(said.contains("`cleanupPeriodDays` is not a number, so the client drops the whole file"), "{said}");
    sandbox.write(path, good.replacen('{', "{\n  \"disableAllHooks\": true,", 1));
    let said = sandbox.autonomy(["doctor"]).ended(1).stdout;
    assert!(said.contains("called no hook of ours"), "{said}");
}

#[test]
fn the_client_takes_our_plugin_for_a_good_one_and_calls_its_hooks() {
    let server = Messages::start(Box::new(|body| match tools(body) {
        0 => Answer::Tool("Bash", json!({ "command": "git push --force origin main; touch pushed", "description": "push" })),
        _ => Answer::Words("Done.".to_owned()),
    }));
    let Some(sandbox) = with_hooks(&server) else { return };
    if !is_at_least(&sandbox, "2.1.197", "a plugin") {
        return;
    }
    sandbox.autonomy(["uninstall", "--yes"]).ok();
    sandbox.autonomy(["init", "--plugin", "../plugin"]).ok();
    let plugin = sandbox.base().join("plugin");
    let mut validate = sandbox.program("claude");
    validate.args(["plugin", "validate", "--strict"]).arg(&plugin).stdin(std::process::Stdio::null());
    let said = sandbox.run(&mut validate).ok();
    assert!(said.stdout.contains("Validation passed"), "{said:?}");
    let directory = plugin.to_str().expect("a plain path");
    let (_, result) = client(&sandbox, &["--plugin-dir", directory, "--session-id", CONVERSATION, "go"]);
    assert_eq!((result["result"].as_str(), sandbox.exists("pushed")), (Some("Done."), false), "{result}");
}

#[test]
fn what_the_client_would_ask_about_while_nobody_is_there_is_a_question_and_passes_after_the_answer() {
    let server = Messages::start(Box::new(|body| match tools(body) {
        0 => Answer::Tool("Bash", json!({ "command": "sh -c 'echo done > asked.txt'", "description": "work" })),
        _ => Answer::Words("Done.".to_owned()),
    }));
    let Some(sandbox) = with_hooks(&server) else { return };
    if !is_at_least(&sandbox, "2.1.329", "a call that the client would ask about") {
        return;
    }
    sandbox.autonomy(["session", "start", "night shift"]).ok();
    let call = || {
        let mut command = sandbox.program("claude");
        command.args(["-p", "--output-format", "json", "go"]).stdin(std::process::Stdio::null());
        sandbox.run(&mut command).ok();
    };
    call();
    assert!(!sandbox.exists("asked.txt"));
    assert!(conversation(server.requests().last().expect("some")).contains("A person is asked as"));
    work::answer(&sandbox, &work::open_question(&sandbox), "yes").ok();
    call();
    assert!(sandbox.exists("asked.txt"));
}
