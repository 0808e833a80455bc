//! A compaction as the client's hooks meet it: sealed before, handed back after, whichever of the two the client leaves out, and
//! ahead of it when a conversation is almost full.

use std::fs;

use autonomy::{
    hook::{self, Answer},
    model::{
        compaction::{Cause, Measure},
        event::Fact,
        quote::length,
    },
};
use serde_json::{Value, json};

use crate::{
    hook::{self as hooks, CONVERSATION, call, environment, event, facts},
    sandbox::Sandbox,
};

fn live() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.autonomy(["session", "start", "night shift", "--goal", "The parser takes every input"]).ok();
    sandbox
}

fn transcript(sandbox: &Sandbox, lines: &[Value]) -> Value {
    let path = sandbox.base().join("transcript.jsonl");
    let text: Vec<String> = lines.iter().map(Value::to_string).collect();
    fs::write(&path, text.join("\n") + "\n").expect("writable");
    json!(path)
}

fn answer(tokens: u64) -> Value {
    let usage = json!({ "input_tokens": 10, "cache_read_input_tokens": tokens - 10, "output_tokens": 0 });
    json!({ "type": "assistant", "message": { "role": "assistant", "content": [], "usage": usage } })
}

fn cut() -> Value {
    json!({ "type": "system", "subtype": "compact_boundary" })
}

fn before(sandbox: &Sandbox) -> Answer {
    call(sandbox, &event(sandbox, "PreCompact", &json!({ "trigger": "auto", "custom_instructions": null })))
}

fn after(sandbox: &Sandbox) -> Answer {
    call(sandbox, &event(sandbox, "SessionStart", &json!({ "source": "compact" })))
}

/// The number and cause of everything that was sealed, and the numbers of what was handed back.
fn history(sandbox: &Sandbox) -> (Vec<(u32, Cause)>, Vec<u32>) {
    let (mut sealed, mut restored) = (Vec::new(), Vec::new());
    for fact in facts(sandbox) {
        match fact {
            Fact::CompactionSealed { compaction, cause, client, .. } => {
                assert_eq!(client.map(|client| client.to_string()).as_deref(), Some(CONVERSATION));
                sealed.push((compaction, cause));
            }
            Fact::CompactionRestored { compaction, client, .. } => {
                assert_eq!(client.map(|client| client.to_string()).as_deref(), Some(CONVERSATION));
                restored.push(compaction);
            }
            Fact::HookFailed { why, .. } => panic!("{why}"),
            _ => {}
        }
    }
    (sealed, restored)
}

#[test]
fn what_was_sealed_is_handed_back_and_the_agent_is_told_so() {
    let sandbox = live();
    sandbox.autonomy(["memory", "store", "agents/qa-engineer/state", "The fuzzer runs on seed 7."]).ok();
    sandbox.autonomy(["task", "add", "The first milestone", "--milestone"]).ok();
    before(&sandbox);
    let told = after(&sandbox);
    assert_eq!((told.stderr.as_str(), told.code), ("", 0));
    assert!(length(&told.stdout) < 10_000 && told.stdout.contains("The parser takes every input"), "{}", told.stdout);
    let line = told.stdout.lines().find(|line| line.starts_with("- Compaction 1 was sealed at ")).expect("it is told");
    for words in ["and handed back at ", "agents restored: 1", "Phase: The first milestone", "Milestones reached: none"] {
        assert!(line.contains(words), "{line}");
    }
    let frame = told.stdout.split("what the work is at, from files]").nth(1).expect("titles are data");
    assert!(frame.split("[end of data").next().is_some_and(|inside| inside.contains(line)), "{}", told.stdout);
    assert_eq!(history(&sandbox), (vec![(1, Cause::Auto)], vec![1]));
}

#[test]
fn it_works_when_the_client_leaves_out_one_of_the_two_or_calls_them_twice() {
    let sandbox = live();
    // Never told before: it is sealed late.
    assert!(after(&sandbox).stdout.contains("- Compaction 1 was sealed at "));
    // Told before, and the compaction failed; more is done, and it is told again.
    before(&sandbox);
    sandbox.autonomy(["decide", "Use one parser", "--choose", "one parser", "--because", "Two would drift apart."]).ok();
    before(&sandbox);
    assert!(after(&sandbox).stdout.contains("Use one parser"));
    // Twice in a row, with nothing in between.
    before(&sandbox);
    after(&sandbox);
    let told = after(&sandbox);
    assert!(told.stdout.contains("- Compaction 4 was sealed at "), "{}", told.stdout);
    let sealed = vec![(1, Cause::Late), (2, Cause::Auto), (3, Cause::Auto), (4, Cause::Auto)];
    assert_eq!(history(&sandbox), (sealed, vec![1, 3, 4, 4]));
    // A folder that somebody took away is back.
    let session = hooks::live(&sandbox).expect("live");
    let folder = sandbox.path(format!(".claude/sessions/{session}/compactions"));
    fs::remove_dir_all(&folder).expect("taken away");
    after(&sandbox);
    assert!(folder.join("4/manifest.yaml").exists());
}

#[test]
fn what_cannot_be_handed_back_leaves_the_agent_with_a_briefing() {
    let sandbox = live();
    before(&sandbox);
    let session = hooks::live(&sandbox).expect("live");
    fs::remove_dir_all(sandbox.path(format!(".git/autonomy/sessions/{session}/bytes"))).expect("taken away");
    fs::remove_dir_all(sandbox.path(format!(".claude/sessions/{session}/compactions"))).expect("taken away");
    let told = after(&sandbox);
    assert!(told.stdout.contains("The parser takes every input"), "{told:?}");
    let failed = facts(&sandbox).into_iter().find_map(|fact| match fact {
        Fact::HookFailed { event, why } => Some(format!("{event}: {why}")),
        _ => None,
    });
    assert!(failed.is_some_and(|why| why.starts_with("SessionStart: ") && why.contains("manifest.yaml")));
}

#[test]
fn two_sessions_at_once_get_what_is_theirs() {
    let sandbox = live();
    let other = sandbox.base().join("other");
    sandbox.git(["worktree", "add", "--quiet", "-b", "other", other.to_str().expect("plain")]);
    let mut start = sandbox.command(["session", "start", "y", "--goal", "The printer prints every tree"]);
    sandbox.run(start.current_dir(&other)).ok();
    let second = "5e55104a-0000-4000-8000-000000000002";
    let there = |name: &str, more: Value| {
        let mut payload = event(&sandbox, name, &more);
        (payload["cwd"], payload["session_id"]) = (json!(other), json!(second));
        call(&sandbox, &payload)
    };
    before(&sandbox);
    there("PreCompact", json!({ "trigger": "manual" }));
    let theirs = there("SessionStart", json!({ "source": "compact" })).stdout;
    let ours = after(&sandbox).stdout;
    assert!(ours.contains("every input") && !ours.contains("every tree"), "{ours}");
    assert!(theirs.contains("every tree") && !theirs.contains("every input"), "{theirs}");
    assert_eq!(history(&sandbox), (vec![(1, Cause::Auto)], vec![1]));
}

#[test]
fn the_briefing_is_measured_against_the_conversation_that_it_stands_for() {
    let sandbox = live();
    let path = transcript(&sandbox, &[answer(160_000)]);
    let size = fs::metadata(sandbox.base().join("transcript.jsonl")).expect("there").len();
    call(&sandbox, &event(&sandbox, "PreCompact", &json!({ "trigger": "auto", "transcript_path": path })));
    let path = transcript(&sandbox, &[answer(160_000), cut()]);
    call(&sandbox, &event(&sandbox, "SessionStart", &json!({ "source": "compact", "transcript_path": path })));
    let sealed = facts(&sandbox).into_iter().find_map(|fact| match fact {
        Fact::CompactionSealed { measure, .. } => Some(measure),
        _ => None,
    });
    let Some(Measure { briefing: Some(characters), transcript: Some(bytes), context: Some(160_000) }) = sealed else {
        panic!("{sealed:?}")
    };
    assert!(bytes == size && characters < 10_000);
    let words = format!(
        "briefing of {characters} characters (about {} tokens) for a conversation of 160000 tokens",
        characters.div_ceil(4)
    );
    let shown = sandbox.autonomy(["compact", "show"]).ok();
    assert!(shown.stdout.contains(&words), "{words}: {shown}");
    let report = sandbox.autonomy(["report"]).ok();
    let words = format!("- Memory of agents: handed back 1 time; briefings of {} tokens for 160000 (", characters.div_ceil(4));
    assert!(report.stdout.contains(&words), "{words}: {report}");
}

#[test]
fn everything_is_sealed_once_when_a_conversation_is_almost_full_and_its_agent_is_told() {
    let sandbox = live();
    let turn = |name: &str, tokens: u64, more: Value| {
        let mut payload = event(&sandbox, name, &json!({ "transcript_path": transcript(&sandbox, &[answer(tokens)]) }));
        payload.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        let told = call(&sandbox, &payload).stdout;
        if told.is_empty() {
            String::new()
        } else {
            serde_json::from_str::<Value>(&told).expect("JSON")["hookSpecificOutput"].to_string()
        }
    };
    assert_eq!(turn("PostToolBatch", 159_999, json!({})), "");
    assert_eq!(turn("PostToolBatch", 170_000, json!({ "agent_id": "a1" })), "", "agents of the conversation have their own");
    let told = turn("PostToolBatch", 160_000, json!({}));
    assert!(told.contains("160000 tokens, 80 %") && told.contains("compaction 1") && told.contains("PostToolBatch"), "{told}");
    assert_eq!(turn("PostToolBatch", 190_000, json!({})), "", "once");
    assert_eq!(turn("UserPromptSubmit", 190_000, json!({ "prompt": "go on" })), "");
    // The client cuts it, and it fills up again.
    after(&sandbox);
    assert_eq!(turn("UserPromptSubmit", 20_000, json!({ "prompt": "go on" })), "");
    assert!(turn("UserPromptSubmit", 165_000, json!({ "prompt": "go on" })).contains("UserPromptSubmit"));
    let (sealed, _) = history(&sandbox);
    assert_eq!(sealed.iter().filter(|(_, cause)| *cause == Cause::Proactive).count(), 2);
}

#[test]
fn a_client_of_long_ago_is_told_after_a_tool_and_a_transcript_that_says_nothing_is_nothing() {
    let sandbox = live();
    let used = |path: Value, variables: &[(&str, &str)]| {
        let more = json!({ "tool_name": "Bash", "tool_input": { "command": "ls" }, "transcript_path": path });
        let payload = event(&sandbox, "PostToolUse", &more).to_string();
        hook::answer(&environment(&sandbox, variables), None, payload.as_bytes())
    };
    let nowhere = [json!("/nowhere/at/all.jsonl"), json!("relative.jsonl"), json!("/dev/zero"), json!(sandbox.base()), json!(7)];
    for path in nowhere {
        assert_eq!(used(path.clone(), &[]), Answer::default(), "{path}");
    }
    let path = transcript(&sandbox, &[answer(180_000)]);
    assert_eq!(used(path.clone(), &[("AI_AGENT", "claude-code_2-1-329_harness")]), Answer::default(), "its batches tell");
    let told = used(path, &[("AI_AGENT", "claude-code_2-0-77_harness")]);
    assert!(told.stdout.contains("PostToolUse") && told.stdout.contains("90 %"), "{told:?}");
    assert_eq!(history(&sandbox), (vec![(1, Cause::Proactive)], vec![]));
}
