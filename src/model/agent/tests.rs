//! Sums, ids and written forms.

use super::*;

#[test]
fn a_conversation_id_is_a_uuid() {
    let id = conversation("seed");
    let parts: Vec<usize> = id.as_str().split('-').map(str::len).collect();
    assert_eq!(parts, [8, 4, 4, 4, 12]);
    assert_eq!(&id.as_str()[14..15], "4");
    assert!("89ab".contains(&id.as_str()[19..20]));
    assert_ne!(id, conversation("other"));
}

#[test]
fn an_exit_code_is_all_that_a_plain_program_says() {
    assert_eq!(Outcome::of_exit(Exit::Code(0), Some("done")), Outcome::Finished { summary: "done".into() });
    assert_eq!(Outcome::of_exit(Exit::Code(2), Some("bad")), Outcome::Failed { why: "exit code 2: bad".into() });
    assert_eq!(Outcome::of_exit(Exit::Signal(9), None), Outcome::Killed { signal: 9 });
    let long = Outcome::of_exit(Exit::Code(0), Some(&"ä".repeat(MAX_WORDS + 1)));
    assert!(matches!(long, Outcome::Finished { summary } if summary.chars().count() == MAX_WORDS + 1));
}

#[test]
fn an_outcome_survives_its_written_form() {
    let outcome = Outcome::Limit { until: Timestamp::from_millisecond(1_795_203_243_000).ok(), limit: "five_hour".into() };
    let text = serde_json::to_string(&outcome).expect("plain data");
    assert_eq!(text, r#"{"is":"limit","until":"2026-11-20T19:34:03.000Z","limit":"five_hour"}"#);
    assert_eq!(serde_json::from_str::<Outcome>(&text).expect("reads"), outcome);
}
