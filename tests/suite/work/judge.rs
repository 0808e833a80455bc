//! Decisions that have to say why, and questions that only a person answers.

use crate::work::{TOKEN, add, answer, begin, open_question, standing};

#[test]
fn a_gated_task_waits_until_a_person_approves() {
    let sandbox = begin();
    let task = add(&sandbox, "Open an office", &["--gate", "business-decision"]);
    let refused = sandbox.autonomy(["task", "start", "office"]).ended(3).stderr;
    let question = open_question(&sandbox);
    assert!(refused.contains("waits for a person's ruling") && refused.contains(&question), "{refused}");
    assert_eq!(standing(&sandbox, "office"), "waiting");
    sandbox.autonomy(["task", "start", "office"]).ended(1);
    assert_eq!(open_question(&sandbox), question, "it is asked once");
    let agent = sandbox.run(sandbox.command(["answer", &question, "approve"]).env("CLAUDECODE", "1")).ended(3).stderr;
    assert!(agent.contains("reserved for a person"), "{agent}");
    assert!(sandbox.autonomy(["answer", &question, "approve"]).ended(3).stderr.contains("there is no terminal"));
    assert!(answer(&sandbox, &question, "perhaps").ended(2).stderr.contains("none of `approve`, `reject`"));
    let said = answer(&sandbox, &question, "1").ok().stderr;
    assert!(said.contains("approve") && said.contains(&format!("Waits no more: {task}")), "{said}");
    assert!(answer(&sandbox, &question, "reject").ended(1).stderr.contains("answered already"));
    sandbox.autonomy(["task", "start", "office"]).ok();
    let record = sandbox.read(format!(".claude/questions/{question}.md"));
    assert!(record.contains("status: answered") && record.contains("## Answer\n\napprove\n"), "{record}");
}

#[test]
fn a_rejected_task_is_not_started() {
    let sandbox = begin();
    add(&sandbox, "Two gates", &["--gate", "business-decision", "--gate", "architecture-review"]);
    let refused = sandbox.autonomy(["task", "start", "two"]).ended(3).stderr;
    assert_eq!(refused.matches("autonomy answer").count(), 2, "{refused}");
    answer(&sandbox, "is-two-gates", "reject").ok();
    assert_eq!(standing(&sandbox, "two"), "waiting", "the other gate is open");
    answer(&sandbox, "architecture", "approve").ok();
    let refused = sandbox.autonomy(["task", "start", "two"]).ended(1).stderr;
    assert!(refused.contains("the business decision said `reject`"), "{refused}");
}

#[test]
fn the_same_question_is_asked_once_and_its_default_holds_after_the_deadline() {
    let sandbox = begin();
    add(&sandbox, "One", &[]);
    let ask = ["ask", "Drop Windows?", "--option", "yes=12 users stay on 1.4", "--option", "no", "--blocks", "one"];
    let first = sandbox.autonomy([&ask[..], &["--default", "no", "--within", "2h", "--urgency", "p1"]].concat()).ok().stdout;
    let again = sandbox.autonomy([&["ask", "drop  windows?"], &ask[2..]].concat()).ok();
    assert_eq!(again.stdout, first);
    assert!(again.stderr.contains("Asked before"));
    assert_eq!(standing(&sandbox, "one"), "waiting");
    sandbox.autonomy(["inbox", "--check"]).ended(1);
    let later = |arguments: &[&str]| {
        let mut command = sandbox.command(arguments);
        sandbox.run(command.env("AUTONOMY_CLOCK", "2026-11-20T21:00:00Z"))
    };
    let inbox = later(&["inbox", "--all"]).ok().stdout;
    assert!(inbox.starts_with("P1  ") && inbox.contains("expired: no"), "{inbox}");
    later(&["inbox", "--check"]).ok();
    assert!(later(&["next"]).ok().stdout.starts_with("1. One"));
    sandbox.autonomy(["ask", "When?", "--within", "1h"]).ended(2);
    sandbox.autonomy(["ask", ""]).ended(2);
}

#[test]
fn a_decision_of_some_risk_names_options_and_a_reason() {
    let sandbox = begin();
    let refused = sandbox.autonomy(["decide", "Use one parser", "--choose", "one", "--risk", "high"]).ended(2).stderr;
    assert!(refused.contains("names at least one option; a decision of high risk says why"), "{refused}");
    assert!(!sandbox.exists(".claude/decisions"));
    let said = sandbox
        .autonomy([
            "decide",
            "Use one parser",
            "--option",
            "one",
            "--option",
            "two",
            "--con",
            "two=they drift apart",
            "--choose",
            "one",
            "--because",
            "One set of errors.",
            "--risk",
            "medium",
            "--path",
            "src/parse.rs",
        ])
        .ok();
    let record = sandbox.read(format!(".claude/decisions/{}.md", said.stdout.trim()));
    let body = record.split("---\n").nth(2).unwrap().trim_start();
    insta::assert_snapshot!(body, @r"
    # Use one parser

    ## Options

    - **one** (chosen)
    - **two**
      - against: they drift apart

    ## Decision

    **one**

    One set of errors.

    Risk medium, reversible, decided by Test Person.
    ");
    let listed = sandbox.autonomy(["decision", "list", "--risk", "medium", "--path", "src"]).ok().stdout;
    assert_eq!(listed, format!("accepted  medium  {}  Use one parser\n", said.stdout.trim()));
    assert_eq!(sandbox.autonomy(["decision", "list", "--status", "rejected"]).ok().stdout, "");
    sandbox.autonomy(["decision", "outcome", "parser", "failure", "--because", "twice as slow"]).ok();
    let shown = sandbox.autonomy(["decision", "show", "parser"]).ok().stdout;
    let replace = |choice: &str| {
        let line = ["decision", "override", said.stdout.trim(), "--choose", choice, "--because", "They differ."];
        sandbox.autonomy([&line[..], &["--as-person", TOKEN]].concat())
    };
    assert!(replace("one").ended(1).stderr.contains("chose `one` already"));
    let new = replace("two").ok();
    assert!(new.stderr.contains("the task ") && new.stderr.contains("follows it"), "{}", new.stderr);
    assert!(!sandbox.autonomy(["verify"]).ok().stdout.contains("follow-the-decision"), "the task says when it is done");
    assert!(replace("two").ended(1).stderr.contains("is superseded already"));
    let listed = sandbox.autonomy(["decision", "list"]).ok().stdout;
    assert_eq!(listed.lines().map(|line| line.split(' ').next().unwrap()).collect::<Vec<_>>(), ["accepted", "superseded"]);
    assert!(sandbox.autonomy(["next"]).ok().stdout.contains("Follow the decision: Use one parser"));
    assert!(shown.ends_with("- failure: twice as slow (Test Person, 2026-11-20 18:00Z)\n"), "{shown}");
    assert!(sandbox.autonomy(["decision", "show", "lexer"]).ended(2).stderr.contains("autonomy decision list"));
    assert!(sandbox.autonomy(["decide", "X", "--pro", "none=x"]).ended(2).stderr.contains("names no option"));
}

#[test]
fn notes_and_progress_are_kept_and_empty_ones_refused() {
    let sandbox = begin();
    let note = sandbox.autonomy(["note", "Tabs in Makefiles.", "--preference"]).ok().stdout;
    let record = sandbox.read(format!(".claude/memory/{}.md", note.trim()));
    assert!(record.contains("kind: preference") && record.ends_with("Tabs in Makefiles.\n"), "{record}");
    sandbox.autonomy(["note", "  "]).ended(2);
    sandbox.autonomy(["progress", "add", ""]).ended(2);
    sandbox.autonomy(["focus", "--next", "read the log"]).ended(2);
    sandbox.autonomy(["focus", "Mend the build", "--next", "read the log"]).ok();
    let focus = sandbox.autonomy(["focus", "--next", "run it again"]).ok().stdout;
    assert_eq!(focus, "Mend the build\nnext: run it again\n");
}
