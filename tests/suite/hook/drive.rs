//! The end of a turn in a session that drives: the conversation goes on while there is work that moves, and rests when it may not.

use autonomy::{
    hook::{self, Answer},
    model::event::Fact,
};
use serde_json::{Value, json};

use crate::{
    hook::{environment, event, facts},
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
