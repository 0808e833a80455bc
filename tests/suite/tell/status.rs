//! Status: one screen that fits a terminal.

use autonomy::{model::event::Fact, ops::tell::status};

use super::Story;

#[test]
fn status_shows_everything_on_one_screen() {
    let mut story = Story::of_everything();
    story.happens(&[Fact::SessionPaused { reason: "waiting for Ada".into() }]);
    story.sandbox.write("new.txt", "1\n");
    let said = story.sandbox.autonomy(["status"]).ok();
    insta::assert_snapshot!(said.stdout, @r#"
    session    20261120_180000-night-shift (night shift)
               paused, 11m of 8h used, last event 2026-11-20 18:11Z
    goal       The parser takes every input.
    branch     main, 1 file not committed
    focus      The parser
    tasks      1 started, 1 open, 1 waiting
               0% done by weight
    needs you  ! May we take code under the MPL?
                 autonomy answer q1w2 "…"
               ! the session is paused: waiting for Ada
                 autonomy session resume
    "#);
    let longest = said.stdout.lines().map(|line| line.chars().count()).max();
    assert!(longest.is_some_and(|longest| longest <= 100), "{longest:?}");
    assert!(said.stdout.lines().count() <= 40);
}

#[test]
fn status_without_anything_says_how_to_begin() {
    let sandbox = crate::sandbox::Sandbox::new();
    let said = sandbox.autonomy(["status"]).ok();
    insta::assert_snapshot!(said.stdout, @r#"
    session    none; `autonomy session start` begins one
    branch     main, nothing to commit
    tasks      none; `autonomy task add "<title>"`
    needs you  nothing
    "#);
    assert!(!sandbox.exists(".claude") && !sandbox.exists(".git/autonomy"), "looking made something");
}

#[test]
fn a_verdict_holds_for_the_tree_that_it_saw() {
    let story = Story::begin();
    let own = story.sandbox.base().join("home/.config/autonomy");
    std::fs::create_dir_all(&own).expect("made");
    std::fs::write(own.join("config.toml"), "[gates.tests]\ncommand = [\"/bin/sh\", \"-c\", \"exit 0\"]\nkind = \"tests\"\n")
        .expect("written");
    let gates = |story: &Story| {
        let text = story.sandbox.autonomy(["status"]).ok().stdout;
        text.lines().find(|line| line.starts_with("gates")).map(str::to_owned)
    };
    assert_eq!(gates(&story).as_deref(), Some("gates      ? tests: not run"));
    story.sandbox.autonomy(["gate", "run"]).ok();
    assert!(gates(&story).is_some_and(|line| line.starts_with("gates      ✓ tests: green at ") && line.ends_with("Z, holds")));
    story.sandbox.write("file", "changed\n");
    assert!(
        gates(&story)
            .is_some_and(|line| line.starts_with("gates      ? tests: green at ") && line.ends_with("Z, for an earlier tree"))
    );
    let report = story.sandbox.autonomy(["report"]).ok().stdout;
    assert!(report.contains("- gate tests: it was green for an earlier tree\n  `autonomy gate run`\n"), "{report}");
    assert!(report.contains("- Tests: tests green at "), "{report}");
}

#[test]
fn status_as_data_has_the_same_facts() {
    let story = Story::of_everything();
    let outcome = status::status(&story.workspace(), &status::Request {}).expect("a status");
    assert_eq!((outcome.tasks.waiting, outcome.tasks.started, outcome.tasks.open), (1, 1, 1));
    assert_eq!((outcome.questions, outcome.needs.len(), outcome.next.len()), (1, 1, 0));
    let said = story.sandbox.autonomy(["status", "--json"]).ok();
    let data: serde_json::Value = serde_json::from_str(&said.stdout).expect("JSON");
    assert_eq!(data["tasks"]["waiting"], 1);
}
