//! The end of a turn in a session that drives: the conversation goes on while there is work that moves, and rests when it may not.

use std::fs;

use autonomy::{
    hook::{self, Answer},
    model::event::Fact,
};
use serde_json::{Value, json};

use crate::{
    hook::{environment, event, facts},
    run::stage_program,
    sandbox::Sandbox,
    work,
};

/// The end of a turn that a person began, or that began by itself.
fn stop(sandbox: &Sandbox, by_itself: bool, variables: &[(&str, &str)]) -> Value {
    let more = json!({ "stop_hook_active": by_itself, "last_assistant_message": "done", "background_tasks": [] });
    let payload = event(sandbox, "Stop", &more).to_string();
    let Answer { stdout, stderr, code } = hook::answer(&environment(sandbox, variables), None, payload.as_bytes());
    assert_eq!((stderr.as_str(), code), ("", 0));
    if stdout.is_empty() { Value::Null } else { serde_json::from_str(&stdout).expect("JSON") }
}

fn driven(more: &[&str]) -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.autonomy([&["session", "start", "night shift", "--drive"], more].concat()).ok();
    sandbox
}

#[test]
fn without_drive_a_turn_that_ends_has_ended() {
    let sandbox = work::begin();
    sandbox.autonomy(["task", "add", "Parse dates"]).ok();
    assert_eq!(stop(&sandbox, false, &[]), Value::Null);
}

#[test]
fn a_conversation_goes_on_with_the_task_that_is_next_up_to_the_client_s_cap_and_again_after_a_word() {
    let sandbox = driven(&[]);
    let task = sandbox.autonomy(["task", "add", "Parse dates"]).ok().stdout.trim().to_owned();
    let first = stop(&sandbox, false, &[]);
    let reason = first["reason"].as_str().expect("text");
    assert!(first["decision"] == "block" && reason.contains(&task) && reason.contains("is next"), "{first}");
    sandbox.autonomy(["task", "start", &task]).ok();
    for turn in 2..=8 {
        sandbox.write("work.txt", format!("after turn {turn}"));
        let on = stop(&sandbox, true, &[]);
        assert!(on["decision"] == "block" && on["reason"].as_str().expect("text").contains("is under way"), "{turn}: {on}");
    }
    sandbox.write("work.txt", "after the last");
    let rests = stop(&sandbox, true, &[]);
    let words = rests["systemMessage"].as_str().expect("text");
    assert!(words.contains("8 turns in a row") && words.contains("`autonomy run`") && rests["decision"].is_null(), "{rests}");
    assert_eq!(stop(&sandbox, false, &[])["decision"], "block", "a word of the person begins a new row");
    let rows: Vec<u32> = facts(&sandbox)
        .into_iter()
        .filter_map(|fact| match fact {
            Fact::TurnContinued { continued, .. } => Some(continued.row),
            _ => None,
        })
        .collect();
    assert_eq!(rows, [1, 2, 3, 4, 5, 6, 7, 8, 1]);
}

#[test]
fn a_client_with_a_higher_cap_is_driven_for_thirty_turns() {
    let sandbox = driven(&[]);
    sandbox.autonomy(["task", "add", "Parse dates"]).ok();
    let raised = [("CLAUDE_CODE_STOP_HOOK_BLOCK_CAP", "40")];
    for turn in 0..30 {
        sandbox.write("work.txt", format!("after turn {turn}"));
        assert_eq!(stop(&sandbox, turn > 0, &raised)["decision"], "block", "{turn}");
    }
}

#[test]
fn turns_that_change_nothing_end_it_and_so_do_time_steps_and_the_end_of_work() {
    let sandbox = driven(&[]);
    let task = sandbox.autonomy(["task", "add", "Parse dates"]).ok().stdout.trim().to_owned();
    let mut turns = 0;
    let words = loop {
        let told = stop(&sandbox, turns > 0, &[]);
        match told["systemMessage"].as_str() {
            Some(words) => break words.to_owned(),
            None => turns += 1,
        }
        assert!(turns < 8, "{told}");
    };
    assert!(words.contains("changed nothing"), "{words}");
    sandbox.autonomy(["ask", "Which calendar?", "--blocks", &task]).ok();
    let words = stop(&sandbox, false, &[])["systemMessage"].as_str().expect("text").to_owned();
    assert!(words.contains("1 task; `autonomy inbox`"), "{words}");
    sandbox.autonomy(["session", "pause"]).ok();
    assert_eq!(stop(&sandbox, false, &[]), Value::Null, "what is laid aside rests");

    let sandbox = driven(&["--max-hours", "1"]);
    sandbox.autonomy(["task", "add", "Parse dates"]).ok();
    let later = stop(&sandbox, false, &[("AUTONOMY_CLOCK", "2026-11-20T23:59:00Z")]);
    assert!(later["systemMessage"].as_str().is_some_and(|words| words.contains("time is over")), "{later}");
    let few = [("AUTONOMY_RUN__MAX_STEPS", "1")];
    assert_eq!(stop(&sandbox, false, &few)["decision"], "block");
    let told = stop(&sandbox, false, &few);
    assert!(told["systemMessage"].as_str().is_some_and(|words| words.contains("run.max_steps")), "{told}");
}

#[test]
fn work_in_the_background_begins_the_next_turn_by_itself() {
    let sandbox = driven(&[]);
    sandbox.autonomy(["task", "add", "Parse dates"]).ok();
    let payload = event(&sandbox, "Stop", &json!({ "background_tasks": [{ "id": "b1" }] })).to_string();
    assert_eq!(hook::answer(&environment(&sandbox, &[]), None, payload.as_bytes()), Answer::default());
}

#[test]
fn tokens_and_money_of_the_conversation_are_counted_and_end_it() {
    let sandbox = driven(&[]);
    sandbox.autonomy(["task", "add", "Parse dates"]).ok();
    let path = sandbox.base().join("transcript.jsonl");
    let say = |answers: u32, dollars: &str| {
        let answer = |id: u32| json!({ "type": "assistant", "message": { "id": format!("m{id}"), "usage": { "input_tokens": 90, "output_tokens": 10 } } });
        let lines: Vec<String> = (0..answers).map(|id| answer(id).to_string()).collect();
        let cost = format!("{{\"type\":\"cost-state\",\"totalCostUSD\":{dollars}}}");
        fs::write(&path, lines.join("\n") + "\n" + &cost + "\n").expect("writable");
    };
    let turn = |variables: &[(&str, &str)]| {
        let payload = event(&sandbox, "Stop", &json!({ "background_tasks": [], "transcript_path": path })).to_string();
        let answer = hook::answer(&environment(&sandbox, variables), None, payload.as_bytes());
        assert_eq!((answer.stderr.as_str(), answer.code), ("", 0));
        serde_json::from_str::<Value>(&answer.stdout).expect("JSON")
    };
    let bounds = [("AUTONOMY_RUN__MAX_TOKENS", "1000"), ("AUTONOMY_RUN__MAX_COST", "2.5")];
    say(4, "1");
    assert_eq!(turn(&bounds)["decision"], "block");
    say(9, "2");
    assert_eq!(turn(&bounds)["decision"], "block");
    say(10, "2.25");
    assert!(turn(&bounds)["systemMessage"].as_str().is_some_and(|words| words.contains("`run.max_tokens`")));
    say(10, "2.5");
    let words = turn(&[("AUTONOMY_RUN__MAX_COST", "2.5")]);
    assert!(words["systemMessage"].as_str().is_some_and(|words| words.contains("`run.max_cost`")), "{words}");
    let report = sandbox.autonomy(["report"]).ok().stdout;
    assert!(report.contains("tokens 900 in and 100 out, $2.50"), "each answer once: {report}");
}

/// A conversation of a person, and a run in the same session.
#[test]
fn a_run_takes_over_what_the_conversation_was_at_and_hands_back() {
    let script = "#!/bin/sh\ncat >/dev/null\necho done > work.txt\n";
    let sandbox = stage_program("command", script, "", &[]);
    sandbox.git(["switch", "--quiet", "-c", "work"]);
    sandbox.autonomy(["session", "start", "night shift", "--drive"]).ok();
    let task = sandbox.autonomy(["task", "add", "Parse dates"]).ok().stdout.trim().to_owned();
    assert_eq!(stop(&sandbox, false, &[])["decision"], "block");
    sandbox.autonomy(["task", "start", &task]).ok();
    let prompt = || {
        let payload = event(&sandbox, "UserPromptSubmit", &json!({ "prompt": "go on" })).to_string();
        hook::answer(&environment(&sandbox, &[]), None, payload.as_bytes()).stdout
    };
    assert_eq!(prompt(), "");
    sandbox.autonomy(["run"]).ok();
    assert_eq!(sandbox.git(["log", "-1", "--format=%s"]).trim(), "Parse dates", "what was started is finished by the run");
    let told = prompt();
    assert!(told.contains("`autonomy run` worked in this session: 1 attempt, and it ended with `done`"), "{told}");
    assert_eq!(prompt(), "", "once");
    sandbox.autonomy(["task", "add", "Print dates"]).ok();
    assert_eq!(stop(&sandbox, true, &[])["decision"], "block", "the conversation goes on");
}
