//! A tool that is about to be used: what the guard stops, what waits for a person, and how a person's word gets back to the client.

use autonomy::{
    hook::{self, Answer},
    model::{
        event::Fact,
        guard::{Rule, Verdict},
        id::QuestionId,
    },
};
use serde_json::{Value, json};

use crate::{
    hook::{damage, environment, event, facts},
    sandbox::Sandbox,
    secrets, work,
};

fn asked(sandbox: &Sandbox, tool: &str, input: &Value, variables: &[(&str, &str)]) -> Answer {
    let payload = event(sandbox, "PreToolUse", &json!({ "tool_name": tool, "tool_input": input, "tool_use_id": "toolu_1" }));
    hook::answer(&environment(sandbox, variables), Some("pre-tool-use"), payload.to_string().as_bytes())
}

const NOBODY: &[(&str, &str)] = &[("CLAUDE_CODE_SESSION_ATTENDED", "0"), ("AI_AGENT", "claude-code_2-1-329_harness")];
const NOBODY_EARLIER: &[(&str, &str)] = &[("CLAUDE_CODE_ENTRYPOINT", "sdk-cli"), ("AI_AGENT", "claude-code_2-1-197_harness")];
const SOMEBODY: &[(&str, &str)] = &[("CLAUDE_CODE_SESSION_ATTENDED", "1")];
const FORMERLY: &[(&str, &str)] = &[("CLAUDE_CODE_ENTRYPOINT", "sdk-cli")];

/// What the client is told: the decision, and why.
fn decision(answer: &Answer) -> (String, String) {
    assert_eq!((answer.code, answer.stderr.as_str()), (0, ""), "{answer:?}");
    let output: Value = serde_json::from_str(&answer.stdout).expect("JSON");
    let output = &output["hookSpecificOutput"];
    assert_eq!(output["hookEventName"], "PreToolUse");
    let text = |key: &str| output[key].as_str().expect("text").to_owned();
    (text("permissionDecision"), text("permissionDecisionReason"))
}

fn held(sandbox: &Sandbox) -> Vec<(Verdict, Rule, Option<QuestionId>)> {
    let held = |fact| match fact {
        Fact::ToolHeld { verdict, rule, question, .. } => Some((verdict, rule, question)),
        _ => None,
    };
    facts(sandbox).into_iter().filter_map(held).collect()
}

#[test]
fn what_the_guard_denies_is_stopped_with_the_reason_and_written_down() {
    let sandbox = work::begin();
    let state = sandbox.path(".claude/tasks/mine.md");
    let token = secrets::token();
    let denied = [
        ("Bash", json!({ "command": "git push --force origin main" }), Rule::ForcePush),
        ("Bash", json!({ "command": "bash -c 'rm -rf ~'" }), Rule::Root),
        ("Read", json!({ "file_path": sandbox.path(".env") }), Rule::SecretRead),
        ("Write", json!({ "file_path": state, "content": "---\nstatus: done\n---\n" }), Rule::OwnState),
        ("Write", json!({ "file_path": sandbox.path("a.txt"), "content": token }), Rule::SecretWritten),
        (
            "MultiEdit",
            json!({ "file_path": sandbox.path("a.txt"), "edits": [{ "old_string": "a", "new_string": token }] }),
            Rule::SecretWritten,
        ),
        ("mcp__files__write_file", json!({ "path": "/etc/hosts", "content": "x" }), Rule::Blocked),
    ];
    for (number, (tool, input, rule)) in denied.into_iter().enumerate() {
        let answer = asked(&sandbox, tool, &input, NOBODY);
        assert_eq!((answer.code, answer.stdout.as_str()), (2, ""), "{tool} {input}");
        assert!(answer.stderr.contains(&format!("rule `{}`", rule.name())), "{tool} {input}: {}", answer.stderr);
        assert!(!answer.stderr.contains(&token), "{}", answer.stderr);
        assert_eq!(held(&sandbox)[number], (Verdict::Deny, rule, None));
    }
    assert!(!format!("{:?}", facts(&sandbox)).contains(&token));
    let known = facts(&sandbox).len();
    for (tool, input) in [
        ("Read", json!({ "file_path": sandbox.path("src/main.rs") })),
        ("Bash", json!({ "command": "cargo test --workspace 2>&1 | tail -n 5" })),
        ("Write", json!({ "file_path": sandbox.path("a.txt"), "content": "plain" })),
        ("Agent", json!({ "prompt": "look around" })),
        ("NewTool", Value::Null),
    ] {
        assert_eq!(asked(&sandbox, tool, &input, NOBODY), Answer::default(), "{tool}");
    }
    assert_eq!(facts(&sandbox).len(), known, "what passes leaves no trace");
}

#[test]
fn work_that_nobody_has_saved_is_not_thrown_away_and_our_checkpoint_is_offered() {
    let sandbox = work::begin();
    sandbox.write("file", "an hour of work\n");
    let reset = || asked(&sandbox, "Bash", &json!({ "command": "git reset --hard" }), NOBODY);
    let answer = reset();
    assert!(answer.code == 2 && answer.stderr.contains("Save it first: `autonomy checkpoint`"), "{answer:?}");
    sandbox.autonomy(["checkpoint"]).ok();
    assert_eq!(reset(), Answer::default());
}

#[test]
fn what_needs_a_person_is_asked_at_the_client_or_put_off_and_gone_on_with_after_the_answer() {
    let sandbox = work::begin();
    let push = || json!({ "command": "git push --force-with-lease origin topic" });
    let (word, why) = decision(&asked(&sandbox, "Bash", &push(), SOMEBODY));
    assert!(word == "ask" && why.contains("rule `force-push`"), "{word} {why}");
    assert_eq!(held(&sandbox), [(Verdict::Ask, Rule::ForcePush, None)], "the client asks by itself");

    let (word, why) = decision(&asked(&sandbox, "Bash", &push(), NOBODY));
    assert_eq!(word, "defer", "{why}");
    let question = held(&sandbox).pop().and_then(|held| held.2).expect("it was asked");
    assert!(why.contains(question.as_str()));
    let inbox = sandbox.autonomy(["inbox"]).ok().stdout;
    assert!(inbox.contains("May the agent use Bash: git push --force-with-lease origin topic"), "{inbox}");
    decision(&asked(&sandbox, "Bash", &push(), NOBODY));
    assert_eq!(sandbox.autonomy(["inbox", "--json"]).ok().json()["questions"].as_array().map(Vec::len), Some(1), "once");

    work::answer(&sandbox, question.as_str(), "yes").ok();
    let (word, why) = decision(&asked(&sandbox, "Bash", &push(), NOBODY));
    assert!(word == "allow" && why.contains(question.as_str()), "{word} {why}");
    let other = json!({ "command": "git push --force-with-lease origin topic main" });
    assert_eq!(decision(&asked(&sandbox, "Bash", &other, NOBODY)).0, "defer", "a yes is for one call");
    let question = held(&sandbox).pop().and_then(|held| held.2).expect("it was asked");
    work::answer(&sandbox, question.as_str(), "no").ok();
    let refused = asked(&sandbox, "Bash", &other, NOBODY);
    assert!(refused.code == 2 && refused.stderr.contains("A person was asked and said: no"), "{refused:?}");
}

#[test]
fn a_client_that_cannot_put_off_is_stopped_and_told_to_go_on() {
    let sandbox = work::begin();
    let input = json!({ "command": "git stash clear" });
    let stopped = asked(&sandbox, "Bash", &input, FORMERLY);
    assert!(stopped.code == 2 && stopped.stderr.contains("go on with work that does not need it"), "{stopped:?}");
    assert_eq!(decision(&asked(&sandbox, "Bash", &input, NOBODY_EARLIER)).0, "defer");
    assert_eq!(decision(&asked(&sandbox, "Bash", &input, &[])).0, "ask", "a terminal that says nothing has somebody at it");
}

#[test]
fn the_task_of_a_run_s_agent_waits_for_the_answer() {
    let sandbox = work::begin();
    let task = sandbox.autonomy(["task", "add", "Publish"]).ok().stdout.trim().to_owned();
    sandbox.autonomy(["task", "start", &task]).ok();
    let input = json!({ "command": "git push --force-with-lease origin topic" });
    let driven = [("AUTONOMY_STEP", "step-1"), ("AI_AGENT", "claude-code_2-1-329_harness")];
    assert_eq!(decision(&asked(&sandbox, "Bash", &input, &driven)).0, "defer");
    let shown = sandbox.autonomy(["task", "show", &task, "--json"]).ok().json();
    assert_eq!(shown["progress"]["is"], "waiting", "{shown}");
    let question = held(&sandbox).pop().and_then(|held| held.2).expect("it was asked");
    work::answer(&sandbox, question.as_str(), "1").ok();
    let shown = sandbox.autonomy(["task", "show", &task, "--json"]).ok().json();
    assert_eq!(shown["progress"]["is"], "open", "{shown}");
}

#[test]
fn a_ruling_holds_although_the_log_is_damaged() {
    let sandbox = work::begin();
    damage(&sandbox);
    let denied = asked(&sandbox, "Bash", &json!({ "command": "git push --force origin main" }), NOBODY);
    assert!(denied.code == 2 && denied.stderr.contains("could not be written down"), "{denied:?}");
    let waits = asked(&sandbox, "Bash", &json!({ "command": "git stash clear" }), NOBODY);
    assert!(waits.code == 2 && waits.stderr.contains("Nobody can be asked"), "{waits:?}");
}

#[test]
fn an_answer_that_stands_in_a_record_only_is_nobody_s() {
    let sandbox = work::begin();
    let push = || asked(&sandbox, "Bash", &json!({ "command": "git push --force-with-lease origin topic" }), NOBODY);
    decision(&push());
    let question = held(&sandbox).pop().and_then(|held| held.2).expect("it was asked");
    let path = format!(".claude/questions/{question}.md");
    let text = sandbox.read(&path);
    let answered = "status: answered\nanswer:\n  text: \"yes\"\n  by: Ada\n  at: 2026-11-20T18:00:00Z";
    sandbox.write(&path, text.replacen("status: open", answered, 1));
    let (word, _) = decision(&push());
    assert_eq!(word, "defer", "whoever can write a file is not yet the person");
}

fn requested(sandbox: &Sandbox, tool: &str, input: &Value, variables: &[(&str, &str)]) -> Value {
    let payload =
        event(sandbox, "PermissionRequest", &json!({ "tool_name": tool, "tool_input": input, "permission_suggestions": [] }));
    let answer = hook::answer(&environment(sandbox, variables), Some("permission-request"), payload.to_string().as_bytes());
    assert_eq!((answer.code, answer.stderr.as_str()), (0, ""), "{answer:?}");
    if answer.stdout.is_empty() {
        return Value::Null;
    }
    let output: Value = serde_json::from_str(&answer.stdout).expect("JSON");
    assert_eq!(output["hookSpecificOutput"]["hookEventName"], "PermissionRequest");
    output["hookSpecificOutput"]["decision"].clone()
}

#[test]
fn what_the_client_would_ask_about_is_answered_only_by_what_a_person_said_or_by_a_rule() {
    let sandbox = work::begin();
    let fetch = json!({ "url": "https://example.org/" });
    assert_eq!(requested(&sandbox, "WebFetch", &fetch, SOMEBODY), Value::Null, "the person at the client is asked");
    let state = json!({ "file_path": sandbox.path(".claude/tasks/mine.md"), "content": "x" });
    let denied = requested(&sandbox, "Write", &state, SOMEBODY);
    assert!(denied["behavior"] == "deny" && denied["message"].as_str().is_some_and(|why| why.contains("own-state")), "{denied}");

    // Nobody is there: it waits for a person, once, and a yes is for exactly this call.
    for _ in 0..2 {
        let put_off = requested(&sandbox, "WebFetch", &fetch, NOBODY);
        assert!(put_off["message"].as_str().is_some_and(|why| why.contains("A person is asked as")), "{put_off}");
    }
    let question = work::open_question(&sandbox);
    assert!(sandbox.autonomy(["inbox"]).ok().stdout.contains("May the agent use WebFetch"));
    work::answer(&sandbox, &question, "yes").ok();
    assert_eq!(requested(&sandbox, "WebFetch", &fetch, NOBODY), json!({ "behavior": "allow" }));
    assert_eq!(requested(&sandbox, "WebFetch", &fetch, SOMEBODY), json!({ "behavior": "allow" }));
    let other = json!({ "url": "https://example.org/other" });
    assert_eq!(requested(&sandbox, "WebFetch", &other, NOBODY)["behavior"], "deny");
    // A yes opens nothing that a rule denies.
    assert_eq!(requested(&sandbox, "Write", &state, NOBODY)["behavior"], "deny");
    assert!(held(&sandbox).iter().any(|(verdict, rule, _)| (*verdict, *rule) == (Verdict::Ask, Rule::Client)));

    let nowhere = work::with_token();
    assert_eq!(requested(&nowhere, "WebFetch", &fetch, NOBODY), Value::Null, "without a session nothing keeps the question");
}
