//! The hooks of an agent client: what each event does, what it says, and that nothing which goes wrong stops the client.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::Write as _,
    process::Stdio,
};

use autonomy::{
    hook::{self, Answer},
    host::{
        clock::Clock,
        environment::Environment,
        store::ledger::{self, Target},
        workspace::Workspace,
    },
    model::{
        event::{Event, Fact},
        hook::hyphenated,
        id::SessionId,
        quote::length,
        yaml,
    },
};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::sandbox::{Output, Sandbox};

mod compaction;
mod drive;
mod tools;

pub(crate) const CONVERSATION: &str = "5e55104a-0000-4000-8000-000000000001";

#[derive(Deserialize)]
struct Captured {
    clients: BTreeMap<String, String>,
}

/// The payloads of all client versions, for the sandbox's repository: the version, and the payload.
fn captured(sandbox: &Sandbox) -> Vec<(String, Value)> {
    let text = include_str!("../../fixtures/claude/hooks.yaml");
    let captured: Captured = yaml::read("hooks.yaml", text).expect("the fixture is well-formed");
    let root = sandbox.work().to_str().expect("a plain path");
    let lines = captured.clients.iter().flat_map(|(version, lines)| lines.lines().map(move |line| (version, line)));
    lines
        .map(|(version, line)| {
            let mut payload: Value = serde_json::from_str(&line.replace("/repo", root)).expect("a payload is JSON");
            payload["cwd"] = json!(root);
            (version.clone(), payload)
        })
        .collect()
}

pub(crate) fn environment(sandbox: &Sandbox, more: &[(&str, &str)]) -> Environment {
    let home = sandbox.base().join("home");
    let mut variables = vec![("HOME", home.to_str().expect("a plain path")), ("AUTONOMY_CLOCK", "2026-11-20T18:30:00Z")];
    variables.extend([("CLAUDECODE", "1"), ("AUTONOMY_SEED", "1")]);
    variables.extend(more);
    Environment::given(sandbox.work(), &variables)
}

pub(crate) fn call(sandbox: &Sandbox, payload: &Value) -> Answer {
    hook::answer(&environment(sandbox, &[]), None, payload.to_string().as_bytes())
}

pub(crate) fn event(sandbox: &Sandbox, name: &str, more: &Value) -> Value {
    let mut payload = json!({ "session_id": CONVERSATION, "cwd": sandbox.work(), "hook_event_name": name });
    payload.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
    payload
}

fn workspace(sandbox: &Sandbox) -> Workspace {
    let environment = environment(sandbox, &[]);
    let clock = Clock::of(&environment);
    Workspace::find(environment, clock).expect("a repository")
}

fn events(sandbox: &Sandbox) -> Vec<Event> {
    let workspace = workspace(sandbox);
    let session = workspace.belongs_to().expect("one or none");
    ledger::events(&workspace, &session.map_or(Target::Clone, Target::Session)).expect("whole")
}

pub(crate) fn facts(sandbox: &Sandbox) -> Vec<Fact> {
    events(sandbox).into_iter().map(|event| event.fact).collect()
}

pub(crate) fn live(sandbox: &Sandbox) -> Option<SessionId> {
    workspace(sandbox).belongs_to().expect("one or none")
}

/// Changes what the log of the live session said first.
pub(crate) fn damage(sandbox: &Sandbox) {
    let session = live(sandbox).expect("started");
    let log = sandbox.path(format!(".git/autonomy/sessions/{session}/log.yaml"));
    let text = fs::read_to_string(&log).expect("there");
    fs::write(&log, text.replacen("\"session.started\"", "\"session.begun\"", 1)).expect("writable");
    fs::remove_file(log.with_file_name("fold.json")).ok();
}

fn snapshots(sandbox: &Sandbox) -> usize {
    sandbox.git(["for-each-ref", "refs/autonomy/auto"]).lines().count()
}

fn write_tool(sandbox: &Sandbox, path: &str) -> Value {
    let input = json!({ "file_path": sandbox.path(path), "content": "x" });
    event(sandbox, "PostToolUse", &json!({ "tool_name": "Write", "tool_input": input }))
}

#[test]
fn every_payload_of_every_client_version_is_taken_and_only_a_few_are_answered() {
    for with_session in [false, true] {
        let sandbox = Sandbox::new();
        if with_session {
            sandbox.autonomy(["session", "start", "night shift"]).ok();
        }
        let before = sandbox.status();
        let mut answered = BTreeSet::new();
        for (version, payload) in captured(&sandbox) {
            let name = payload["hook_event_name"].as_str().expect("each names its event").to_owned();
            let source = payload["source"].as_str().unwrap_or_default().to_owned();
            let told = call(&sandbox, &payload);
            assert_eq!(told.stderr, "", "{version} {payload}");
            if !told.stdout.is_empty() {
                answered.insert(format!("{name} {source}").trim_end().to_owned());
            }
        }
        let mut wanted = vec!["PreCompact", "SessionStart clear", "SessionStart compact", "SessionStart startup"];
        if !with_session {
            // A session began with the first file that one of them wrote, after which conversations are told about it.
            wanted = answered.iter().map(String::as_str).collect();
            assert!(wanted.contains(&"PreCompact") && !wanted.iter().any(|one| one.ends_with("resume")), "{wanted:?}");
        }
        assert_eq!(answered.iter().map(String::as_str).collect::<Vec<_>>(), wanted);
        assert_eq!(sandbox.status(), before, "nothing of the user's changed");
        let facts = facts(&sandbox);
        assert!(!facts.iter().any(|fact| matches!(fact, Fact::HookFailed { .. } | Fact::Unknown)), "{facts:?}");
        assert!(facts.iter().any(|fact| matches!(fact, Fact::ToolUsed { failed: true, .. })));
        assert!(facts.iter().any(|fact| matches!(fact, Fact::ClientTold { event, .. } if event == "WorktreeCreate")));
    }
}

#[test]
fn a_session_begins_with_the_first_file_that_is_written_and_nothing_is_committed() {
    let sandbox = Sandbox::new();
    let head = sandbox.git(["rev-parse", "HEAD"]);
    call(&sandbox, &event(&sandbox, "SessionStart", &json!({ "source": "startup" })));
    call(&sandbox, &event(&sandbox, "PostToolUse", &json!({ "tool_name": "Bash", "tool_input": { "command": "ls" } })));
    call(&sandbox, &event(&sandbox, "Stop", &json!({})));
    assert_eq!(live(&sandbox), None, "opening the client and looking around begins nothing");
    call(&sandbox, &event(&sandbox, "PostToolUse", &json!({ "tool_name": "Write", "tool_input": { "file_path": "/etc/x" } })));
    assert_eq!(live(&sandbox), None, "a file elsewhere is none of ours");
    call(&sandbox, &write_tool(&sandbox, "src/new.rs"));
    assert!(live(&sandbox).is_some());
    let written: Vec<_> = events(&sandbox).into_iter().filter(|event| matches!(event.fact, Fact::ToolUsed { .. })).collect();
    let Fact::ToolUsed { tool, path, .. } = &written[0].fact else { panic!("it is one") };
    assert_eq!((tool.as_str(), path.as_deref(), written.len()), ("Write", Some("src/new.rs"), 1));
    assert_eq!(written[0].actor.to_string(), "claude-code");
    assert_eq!((sandbox.git(["rev-parse", "HEAD"]), sandbox.status()), (head, String::new()));
    sandbox.autonomy(["session", "end"]).ok();
    assert_eq!(live(&sandbox), None);
}

#[test]
fn a_conversation_joins_the_person_s_session_and_its_shells_know_it() {
    let sandbox = Sandbox::new();
    sandbox.autonomy(["session", "start", "night shift", "--goal", "The parser takes every input"]).ok();
    let session = live(&sandbox).expect("it was started");
    let file = sandbox.base().join("tmp/env.sh");
    fs::write(&file, "export A=1").expect("writable");
    let start = |source: &str| {
        let payload = event(&sandbox, "SessionStart", &json!({ "source": source })).to_string();
        let path = file.to_str().expect("a plain path");
        hook::answer(&environment(&sandbox, &[("CLAUDE_ENV_FILE", path)]), Some("session-start"), payload.as_bytes())
    };
    let told = start("startup");
    assert!(told.stdout.contains("The parser takes every input"), "{}", told.stdout);
    assert!(length(&told.stdout) < 10_000 && !told.stdout.starts_with('{'));
    assert!(start("compact").stdout.contains("The parser takes every input"));
    for source in ["resume", "fork"] {
        assert_eq!(start(source), Answer::default(), "the context holds the briefing already");
    }
    let lines = fs::read_to_string(&file).expect("it is there");
    assert_eq!(lines.lines().count(), 2, "{lines}");
    let shell = |sandbox: &Sandbox| {
        let script = format!(". '{}'; echo \"$A $AUTONOMY_SESSION $CLAUDE_SESSION_DIR\"", file.display());
        sandbox.run(sandbox.program("sh").args(["-eu", "-c", &format!("AUTONOMY_SESSION= CLAUDE_SESSION_DIR=; {script}")])).ok()
    };
    let folder = sandbox.path(format!(".claude/sessions/{session}"));
    let folder = folder.display().to_string().replace(&sandbox.base().display().to_string(), "$SANDBOX");
    assert_eq!(shell(&sandbox).stdout, format!("1 {session} {folder}\n"));
    assert!(facts(&sandbox).iter().any(|fact| matches!(fact, Fact::ClientBound { client } if client.as_str() == CONVERSATION)));
    sandbox.autonomy(["session", "end"]).ok();
    assert_eq!(shell(&sandbox).stdout, "1  \n", "a session that is over is nobody's");
}

#[test]
fn prompts_and_ends_of_turns_are_snapshots_where_anything_changed() {
    let sandbox = Sandbox::new();
    sandbox.autonomy(["session", "start"]).ok();
    sandbox.write("mine.txt", "before the turn");
    call(&sandbox, &event(&sandbox, "UserPromptSubmit", &json!({ "prompt": "my secret plan" })));
    call(&sandbox, &event(&sandbox, "UserPromptSubmit", &json!({ "prompt": "again" })));
    assert_eq!(snapshots(&sandbox), 1);
    sandbox.write("mine.txt", "what the agent made of it");
    call(&sandbox, &event(&sandbox, "Stop", &json!({ "last_assistant_message": "done" })));
    assert_eq!(snapshots(&sandbox), 2);
    let log = fs::read_dir(sandbox.path(".git/autonomy/sessions")).expect("live").flatten().next().expect("one").path();
    assert!(!fs::read_to_string(log.join("log.yaml")).expect("there").contains("secret plan"));
    let list = sandbox.autonomy(["checkpoint", "list", "--all", "--json"]).ok().json();
    let named = list["checkpoints"].as_array().expect("a list").iter().find(|one| one["summary"] == "before a turn of the agent");
    let name = named.expect("it is listed")["name"].as_str().expect("text").to_owned();
    sandbox.autonomy(["rollback", &name, "--yes"]).ok();
    assert_eq!(sandbox.read("mine.txt"), "before the turn");
}

#[test]
fn before_a_compaction_a_checkpoint_is_taken_and_the_summary_is_steered() {
    let sandbox = Sandbox::new();
    sandbox.autonomy(["session", "start"]).ok();
    let told = call(&sandbox, &event(&sandbox, "PreCompact", &json!({ "trigger": "auto", "custom_instructions": null })));
    assert!(told.stdout.starts_with("Everything that `autonomy` knows is handed back"), "{}", told.stdout);
    assert_eq!(sandbox.git(["tag", "--list"]).lines().filter(|tag| tag.ends_with("-compaction")).count(), 1);
    let told = Fact::ClientTold {
        event: "PreCompact".to_owned(),
        client: Some(CONVERSATION.parse().expect("a name")),
        words: Some("auto".to_owned()),
    };
    assert!(facts(&sandbox).contains(&told));
    let sealed = facts(&sandbox).into_iter().filter(|fact| matches!(fact, Fact::CompactionSealed { compaction: 1, .. })).count();
    assert_eq!(sealed, 1, "everything that is known is sealed");
}

#[test]
fn a_session_that_only_time_laid_aside_goes_on_with_the_next_prompt() {
    let sandbox = Sandbox::new();
    sandbox.autonomy(["session", "start"]).ok();
    let payload = event(&sandbox, "UserPromptSubmit", &json!({ "prompt": "good morning" }));
    let environment = environment(&sandbox, &[("AUTONOMY_CLOCK", "2026-11-24T08:00:00Z")]);
    assert_eq!(hook::answer(&environment, None, payload.to_string().as_bytes()), Answer::default());
    let ends: Vec<_> = facts(&sandbox).into_iter().filter(|fact| matches!(fact, Fact::SessionResumed {})).collect();
    assert_eq!(ends.len(), 1);
}

#[test]
fn a_turn_that_ends_at_a_usage_limit_is_a_limit_that_was_met() {
    let sandbox = Sandbox::new();
    sandbox.autonomy(["session", "start"]).ok();
    call(&sandbox, &event(&sandbox, "StopFailure", &json!({ "error": "rate_limit" })));
    assert!(facts(&sandbox).contains(&Fact::LimitMet { until: None, limit: "rate_limit".to_owned() }));
}

#[test]
fn the_tools_and_turns_of_a_run_s_agent_are_left_to_the_run() {
    let sandbox = Sandbox::new();
    sandbox.autonomy(["session", "start"]).ok();
    sandbox.write("mine.txt", "new");
    let known = facts(&sandbox).len();
    let environment = environment(&sandbox, &[("AUTONOMY_STEP", "step-1")]);
    for payload in [write_tool(&sandbox, "a"), event(&sandbox, "UserPromptSubmit", &json!({ "prompt": "go" }))] {
        assert_eq!(hook::answer(&environment, None, payload.to_string().as_bytes()), Answer::default());
    }
    assert_eq!((facts(&sandbox).len(), snapshots(&sandbox)), (known, 0));
    let start = |source: &str| event(&sandbox, "SessionStart", &json!({ "source": source })).to_string();
    assert_eq!(hook::answer(&environment, None, start("startup").as_bytes()).stdout, "", "the prompt says it all");
    assert!(hook::answer(&environment, None, start("compact").as_bytes()).stdout.contains("# Briefing"));
}

#[test]
fn whatever_goes_wrong_the_client_goes_on_and_it_is_written_down() {
    let sandbox = Sandbox::new();
    let environment = environment(&sandbox, &[("CLAUDE_CODE_MESSAGING_TOKEN", "a-token-that-nobody-may-read")]);
    let broken = hook::answer(&environment, Some("stop"), b"{\"session_id\": ");
    assert_eq!(broken.stdout, "");
    assert!(broken.stderr.starts_with("autonomy hook: Stop: cannot read the payload"), "{}", broken.stderr);
    let known = facts(&sandbox);
    assert!(matches!(&known[1], Fact::HookFailed { event, .. } if event == "Stop"), "{known:?}");
    let log = sandbox.path(".git/autonomy/clone/log.yaml");
    let text = fs::read_to_string(&log).expect("there");
    assert!(!text.contains("a-token-that"), "{text}");

    sandbox.autonomy(["session", "start"]).ok();
    damage(&sandbox);
    let damaged = call(&sandbox, &write_tool(&sandbox, "a"));
    assert!(damaged.stderr.contains("PostToolUse") && damaged.stdout.is_empty(), "{damaged:?}");
    let text = fs::read_to_string(sandbox.path(".git/autonomy/clone/log.yaml")).expect("there");
    assert!(text.contains("\"event\":\"PostToolUse\""), "{text}");
}

fn piped(sandbox: &Sandbox, arguments: &[&str], input: &[u8], held: bool) -> Output {
    let mut command = sandbox.command(arguments);
    let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("it starts");
    let mut stdin = child.stdin.take().expect("piped");
    stdin.write_all(input).expect("it reads");
    let kept = held.then_some(stdin);
    let output = child.wait_with_output().expect("it ends");
    drop(kept);
    Output::from(&output, &sandbox.base())
}

#[test]
fn the_program_answers_from_any_shell_and_waits_for_nobody() {
    let sandbox = Sandbox::new();
    sandbox.autonomy(["session", "start"]).ok();
    let payload = format!("{}\n", event(&sandbox, "PreCompact", &json!({ "trigger": "manual" })));
    // A client that keeps the stream open has said all when the line ends.
    let said = piped(&sandbox, &["hook", "pre-compact"], payload.as_bytes(), true).ok();
    assert!(said.stdout.starts_with("Everything that") && said.stderr.is_empty(), "{said:?}");
    assert!(piped(&sandbox, &["hook", "pre-compact"], b"", false).ok().stdout.starts_with("Everything that"));
    assert_eq!(piped(&sandbox, &["hook", "moon-rise"], b"", false).ok().stdout, "");
    let unnamed = piped(&sandbox, &["hook"], b"", false).ok();
    assert!(unnamed.stderr.contains("no event was named"), "{unnamed:?}");
    assert!(sandbox.autonomy(["hook", "--help"]).ok().stdout.contains("Usage: autonomy hook"));
    let elsewhere = Sandbox::bare_ground();
    assert_eq!(piped(&elsewhere, &["hook", "stop"], b"{}\n", false).ok().stderr, "");
    assert_eq!(hyphenated("PreCompact"), "pre-compact");
}

#[test]
fn a_task_of_the_client_s_own_list_that_is_completed_is_progress() {
    let sandbox = Sandbox::new();
    let payload =
        event(&sandbox, "TaskCompleted", &json!({ "task_id": "1", "task_subject": "Parse\ndates", "task_description": "" }));
    assert_eq!(call(&sandbox, &payload), Answer::default());
    assert_eq!(facts(&sandbox).iter().filter(|fact| matches!(fact, Fact::ProgressAdded { .. })).count(), 0, "no session");
    sandbox.autonomy(["session", "start"]).ok();
    assert_eq!(call(&sandbox, &payload), Answer::default());
    let listed = sandbox.autonomy(["progress", "list"]).ok().stdout;
    assert!(listed.contains("completed in the client's own list: Parse dates"), "{listed}");
}
