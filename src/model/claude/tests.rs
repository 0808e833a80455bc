//! The reading of real streams, and of made-up ones for what no capture shows.

use std::fmt::Write as _;

use serde::Deserialize;

use super::*;
use crate::model::yaml;

#[derive(Deserialize)]
struct Captures {
    version: u32,
    runs: BTreeMap<String, Capture>,
}

#[derive(Deserialize)]
struct Capture {
    exit: i32,
    lines: String,
}

fn captures() -> BTreeMap<String, Capture> {
    let captures: Captures =
        yaml::read("runs.yaml", include_str!("../../../fixtures/claude/runs.yaml")).expect("the fixture is well-formed");
    assert_eq!(captures.version, 1);
    captures.runs
}

fn read(lines: &str) -> (Reading, Vec<Signal>) {
    let mut reading = Reading::default();
    let signals = lines.lines().flat_map(|line| reading.take(line)).collect();
    (reading, signals)
}

/// The outcome of one `result` line that no capture shows, after an `assistant` line with that `error`.
fn made_up(error: &str, result: &str) -> Outcome {
    let assistant = if error.is_empty() {
        String::new()
    } else {
        format!(r#"{{"type":"assistant","error":"{error}","message":{{"content":[{{"type":"text","text":"words"}}]}}}}"#)
    };
    let (reading, _) = read(&format!("{assistant}\n{{\"type\":\"result\",{result}}}"));
    reading.conclude(Exit::Code(1), None, None).0
}

#[test]
fn every_captured_run_is_told_by_its_typed_fields() {
    let mut table = String::new();
    for (name, capture) in captures() {
        let exit = if capture.exit == 137 { Exit::Signal(9) } else { Exit::Code(capture.exit) };
        let (reading, _) = read(&capture.lines);
        let (outcome, usage) = reading.conclude(exit, None, None);
        let total = usage.total();
        let outcome = serde_json::to_string(&outcome).expect("plain data");
        writeln!(table, "{name}: {outcome} {}+{} tokens, {} micros", total.input_tokens, total.output_tokens, total.cost_micros)
            .expect("memory");
    }
    insta::assert_snapshot!(table, @r#"
    budget: {"is":"budget"} 500000+5000 tokens, 2100000 micros
    compacted: {"is":"finished","summary":""} 96000+900 tokens, 402000 micros
    deferred: {"is":"deferred","tool":"Bash"} 100+20 tokens, 800 micros
    fallback: {"is":"finished","summary":"from fallback"} 100+20 tokens, 400 micros
    interrupted: {"is":"killed","signal":2} 100+20 tokens, 800 micros
    json: {"is":"finished","summary":"One."} 200+40 tokens, 1600 micros
    killed: {"is":"killed","signal":9} 100+1 tokens, 0 micros
    max_turns: {"is":"max_turns"} 100+20 tokens, 800 micros
    overloaded: {"is":"overloaded"} 0+0 tokens, 0 micros
    prompt_blocked: {"is":"failed","why":"a hook of the client kept the prompt back"} 0+0 tokens, 0 micros
    resumed: {"is":"finished","summary":"One."} 200+40 tokens, 1600 micros
    subagent: {"is":"finished","summary":"Done."} 500+100 tokens, 2440 micros
    subscription_limit: {"is":"limit","until":"2026-11-20T19:34:03.000Z","limit":"five_hour"} 100+20 tokens, 400 micros
    terminated: {"is":"killed","signal":15} 100+1 tokens, 0 micros
    too_many_requests: {"is":"limit","until":null,"limit":"requests"} 0+0 tokens, 0 micros
    tools: {"is":"finished","summary":"All done."} 800+160 tokens, 6400 micros
    "#);
}

#[test]
fn a_stream_lets_know_the_conversation_tools_words_and_usage() {
    let (_, signals) = read(&captures()["tools"].lines);
    let mut shown = String::new();
    for signal in signals.iter().filter(|signal| !matches!(signal, Signal::Usage(_))) {
        writeln!(shown, "{signal:?}").expect("memory");
    }
    insta::assert_snapshot!(shown, @r#"
    Client(ClientId("11111111-2222-4333-8444-555555555555"))
    Text("Reading.")
    Tool { name: "Read", target: Some("/repo/a.txt") }
    Tool { name: "Bash", target: Some("echo from-bash") }
    Tool { name: "Bash", target: Some("exit 3") }
    Tool { name: "Write", target: Some("/repo/b.txt") }
    Tool { name: "Edit", target: Some("/repo/a.txt") }
    Tool { name: "Read", target: Some("/repo/src/main.rs") }
    Tool { name: "Task", target: Some("sub") }
    Text("All done.")
    "#);
    let Some(Signal::Usage(usage)) = signals.iter().rfind(|signal| matches!(signal, Signal::Usage(_))) else {
        panic!("no usage was told");
    };
    assert_eq!(usage.total().input_tokens, 700);
}

#[test]
fn a_limit_that_comes_near_is_told_before_it_is_met() {
    let (_, signals) = read(&captures()["subscription_limit"].lines);
    let until = Timestamp::from_millisecond(1_795_210_000_000).ok();
    assert!(signals.contains(&Signal::LimitNear { limit: "five_hour".into(), percent: 93, until }), "{signals:?}");
    let (_, signals) = read(&captures()["overloaded"].lines);
    assert!(signals.contains(&Signal::Retrying { attempt: 2, status: Some(529) }), "{signals:?}");
}

#[test]
fn errors_that_no_capture_shows_follow_the_clients_own_words_for_them() {
    let api = |status: &str| {
        format!(
            r#""is_error":true,"subtype":"success","terminal_reason":"api_error","num_turns":1,"api_error_status":{status},"result":"w""#
        )
    };
    assert_eq!(made_up("billing_error", &api("400")), Outcome::Billing);
    assert_eq!(made_up("authentication_failed", &api("403")), Outcome::Auth);
    assert_eq!(made_up("model_not_found", &api("404")), Outcome::Model);
    assert_eq!(made_up("", &api("401")), Outcome::Auth);
    assert_eq!(made_up("invalid_request", &api("400")), Outcome::Failed { why: "w".into() });
    assert_eq!(made_up("server_error", &api("500")), Outcome::Overloaded);
    assert_eq!(made_up("unknown", &api("null")), Outcome::Overloaded);
    for reason in ["prompt_too_long", "image_error"] {
        let result =
            format!(r#""is_error":true,"subtype":"success","terminal_reason":"{reason}","num_turns":1,"api_error_status":400"#);
        assert_eq!(made_up("invalid_request", &result), Outcome::TooLong);
    }
    let hook = r#""is_error":false,"subtype":"success","terminal_reason":"hook_stopped","num_turns":2,"result":"""#;
    assert_eq!(made_up("", hook), Outcome::Failed { why: "a hook of the client ended the turn".into() });
}

#[test]
fn words_of_the_model_never_decide() {
    let result = r#""is_error":false,"subtype":"success","terminal_reason":"completed","num_turns":1,"result":"API Error: 529, you've hit your limit, exit 1""#;
    assert!(matches!(made_up("", result), Outcome::Finished { .. }));
}

#[test]
fn a_lost_conversation_and_a_client_without_a_result_are_told_apart() {
    let lost =
        r#"{"type":"result","subtype":"error_during_execution","is_error":true,"num_turns":0,"errors":["No conversation"]}"#;
    let (reading, _) = read(lost);
    assert_eq!(reading.conclude(Exit::Code(1), Some(&Usage::default()), None).0, Outcome::Forgotten);
    assert_eq!(reading.conclude(Exit::Code(1), None, None).0, Outcome::Failed { why: "No conversation".into() });
    let (nothing, _) = read("");
    let why = |exit| nothing.conclude(exit, None, Some("Session ID is already in use.")).0;
    assert_eq!(why(Exit::Code(1)), Outcome::Failed { why: "exit code 1: Session ID is already in use.".into() });
    assert_eq!(why(Exit::Code(143)), Outcome::Killed { signal: 15 });
    assert_eq!(why(Exit::Code(0)), Outcome::Failed { why: "the client ended without a result".into() });
}

#[test]
fn our_own_ending_of_it_wins_over_what_it_says() {
    let (reading, _) = read(&captures()["interrupted"].lines);
    assert_eq!(reading.conclude(Exit::Stopped, None, None).0, Outcome::Stopped);
    assert_eq!(reading.conclude(Exit::TimedOut, None, None).0, Outcome::TimedOut);
}

#[test]
fn a_client_that_only_counts_the_whole_conversation_is_charged_the_difference() {
    let result =
        r#"{"type":"result","is_error":false,"num_turns":1,"result":"x","modelUsage":{"m":{"inputTokens":300,"costUSD":1.22}}}"#;
    let (reading, _) = read(result);
    let tally = |input_tokens, cost_micros| Tally { input_tokens, cost_micros, ..Tally::default() };
    let earlier = Usage(BTreeMap::from([("m".to_owned(), tally(200, 820_000))]));
    assert_eq!(reading.conclude(Exit::Code(0), Some(&earlier), None).1.total(), tally(100, 400_000));
}

#[test]
fn lines_that_are_not_ours_to_understand_do_no_harm() {
    let (reading, signals) =
        read("plain talk\n\n{\"type\":\"new_thing\",\"x\":[1]}\n[1,2]\n{\"type\":\"assistant\"}\n{\"type\":\"result\"}");
    assert_eq!(signals, [Signal::Text("plain talk".into())]);
    assert_eq!(reading.conclude(Exit::Code(1), None, None).0, Outcome::Failed { why: String::new() });
}
