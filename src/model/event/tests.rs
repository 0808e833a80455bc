//! Events as lines: what is written reads back, and what is not ours is told apart.

use super::*;

fn event(fact: Fact) -> Event {
    Event {
        seq: 17,
        at: Timestamp::from_millisecond(1_795_197_600_123).expect("in range"),
        actor: Actor::Person { name: Some("Ada".into()) },
        fact,
        prev: genesis("clone"),
        end: true,
    }
}

#[test]
fn a_line_is_a_yaml_document_that_reads_back_as_it_was() {
    let written = event(Fact::ProgressAdded { text: "parser: \"done\"\nnext: --- printer ✓".into(), task: None });
    let line = written.line().expect("it is small");
    insta::assert_snapshot!(line, @r#"--- {"seq":17,"at":"2026-11-20T18:00:00.123Z","actor":{"is":"person","name":"Ada"},"kind":"progress.added","text":"parser: \"done\"\nnext: --- printer ✓","prev":"bcc14cfca28db697ec22b562d3edd88cc6325058ed43dafd7f43b2d460d5f0e8","end":true}"#);
    assert_eq!(Event::parse(&line), Ok(written));
    assert!(Event::closes(&line));
    let document: serde_json::Value = serde_saphyr::from_str(&line).expect("a YAML reader takes it");
    assert_eq!(document["kind"], "progress.added");
}

#[test]
fn an_event_of_a_later_version_is_read_as_unknown() {
    let line = event(Fact::SessionResumed {}).line().expect("small").replace("session.resumed", "session.teleported");
    assert_eq!(Event::parse(&line).expect("still an event").fact, Fact::Unknown);
}

#[test]
fn an_event_over_the_cap_is_refused() {
    let refusal = event(Fact::ProgressAdded { text: "x".repeat(MAX_EVENT), task: None }).line().expect_err("too large");
    assert!(refusal.message.contains("over the 65536"), "{refusal}");
}
