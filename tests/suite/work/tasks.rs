//! A task from its beginning to its end, and what may not happen to it.

use std::process::Stdio;

use crate::{
    sandbox::{Output, Sandbox},
    work::{add, begin, open_question, standing},
};

#[test]
fn a_task_goes_from_added_to_done_and_leaves_only_new_records_in_git_status() {
    let sandbox = begin();
    let lexer = add(&sandbox, "Write the lexer", &["--priority", "low", "--estimate", "30m", "--criterion", "no panic"]);
    let parser = add(&sandbox, "Write the parser", &["--priority", "high", "--after", "lexer"]);
    let next = sandbox.autonomy(["next"]).ok().stdout;
    assert!(next.starts_with(&format!("1. Write the lexer (low, 30m)  {lexer}\n   - [ ] no panic\n")), "{next}");
    assert!(next.contains(&format!("Write the parser (open, after {lexer})")), "{next}");
    let early = sandbox.autonomy(["task", "start", "parser"]).ended(1);
    assert!(early.stderr.contains("`Write the lexer` comes first"), "{early}");
    sandbox.autonomy(["task", "start", "lexer"]).ok();
    assert_eq!(standing(&sandbox, "lexer"), "started");
    assert_eq!(sandbox.status(), format!("?? .claude/tasks/{lexer}.md\n?? .claude/tasks/{parser}.md"));
    let focus = sandbox.autonomy(["focus"]).ok().stdout;
    assert_eq!(focus, format!("Write the lexer\ntask: {lexer}\nestimate: 30m\n- [ ] no panic\n"));
    let done = sandbox.autonomy(["task", "done", "lexer"]).ok().stderr;
    assert!(done.contains("Finished Write the lexer (done, unproven)") && done.contains("Not ticked: no panic"), "{done}");
    assert_eq!(sandbox.status(), "", "what a person finished is committed at once");
    assert!(sandbox.read(format!(".claude/tasks/{lexer}.md")).contains("\nstatus: done\n"));
    assert!(sandbox.autonomy(["task", "next"]).ok().stdout.starts_with("1. Write the parser"));
}

#[test]
fn moves_that_make_no_sense_are_refused_and_change_nothing() {
    let sandbox = begin();
    add(&sandbox, "One", &[]);
    for (arguments, words) in [
        (&["task", "fail", "one", "--because", "red"][..], "cannot fail the task One"),
        (&["task", "resume", "one"][..], "cannot resume the task One"),
    ] {
        assert!(sandbox.autonomy(arguments).ended(1).stderr.contains(words));
    }
    sandbox.autonomy(["task", "fail", "one"]).ended(2);
    sandbox.autonomy(["task", "start", "one"]).ok();
    assert!(sandbox.autonomy(["task", "start", "one"]).ended(1).stderr.contains("it is started"));
    sandbox.autonomy(["task", "fail", "one", "--because", "still red"]).ok();
    assert!(sandbox.autonomy(["task", "list"]).ok().stdout.contains("failed"));
    sandbox.autonomy(["task", "cancel", "one"]).ok();
    assert!(sandbox.autonomy(["task", "done", "one"]).ended(1).stderr.contains("it is cancelled"));
    sandbox.autonomy(["task", "resume", "one"]).ok();
    assert_eq!(standing(&sandbox, "one"), "open");
}

#[test]
fn unknown_and_unclear_names_are_refused_with_what_is_near() {
    let sandbox = begin();
    add(&sandbox, "Fix the parser", &[]);
    add(&sandbox, "Fix the printer", &[]);
    let far = sandbox.autonomy(["task", "show", "fix the prser"]).ended(2).stderr;
    assert!(far.contains("there is no task `fix the prser`") && far.contains("nearest: `"), "{far}");
    assert!(sandbox.autonomy(["task", "show", "fix"]).ended(2).stderr.contains("fits 2 tasks"));
    assert!(sandbox.autonomy(["task", "add", " "]).ended(2).stderr.contains("1 to 300 characters"));
    assert!(sandbox.autonomy(["task", "add", "x", "--estimate", "90"]).ended(2).stderr.contains("not a span of time"));
    assert!(sandbox.autonomy(["task", "add", "x", "--after", "nothing"]).ended(2).stderr.contains("there is no task"));
}

#[test]
fn a_persons_text_in_a_record_survives_every_move_byte_for_byte() {
    let sandbox = begin();
    let task = add(&sandbox, "One", &[]);
    let path = format!(".claude/tasks/{task}.md");
    let own = sandbox
        .read(&path)
        .replace("priority: medium", "# mine\npriority:   medium   # for now\nx-own: {a: [1, 2]}")
        .replace('\n', "\r\n")
        + "\r\nMy words.  \r\n\r\n";
    sandbox.write(&path, &own);
    sandbox.commit_all("by hand");
    sandbox.autonomy(["task", "start", "one"]).ok();
    assert_eq!(sandbox.read(&path), own);
    sandbox.autonomy(["task", "done", "one"]).ok();
    assert_eq!(sandbox.read(&path), own.replace("status: open", "status: done"));
    assert_eq!(sandbox.status(), "");
}

#[test]
fn a_milestone_is_reached_by_its_last_task() {
    let sandbox = begin();
    add(&sandbox, "One", &[]);
    add(&sandbox, "Release", &["--milestone", "--after", "one"]);
    assert!(!sandbox.autonomy(["next"]).ok().stdout.contains("1. Release"));
    let done = sandbox.autonomy(["task", "done", "one"]).ok().stderr;
    assert!(done.contains("Reached the milestone"), "{done}");
    assert_eq!(standing(&sandbox, "release"), "done");
    let shown = sandbox.autonomy(["checkpoint", "show", "milestone reached: Release", "--json"]).ok().json();
    let checkpoint = &shown["checkpoint"];
    assert_eq!((&checkpoint["kind"], &checkpoint["milestone"]), (&"milestone".into(), &"Release".into()));
    assert_eq!((&checkpoint["percent"], checkpoint["done"].as_array().map(Vec::len)), (&100.into(), Some(2)));
}

#[test]
fn finishing_a_task_by_hand_takes_its_checkpoint_and_git_stays_as_it_was() {
    let sandbox = begin();
    add(&sandbox, "Write the lexer", &[]);
    sandbox.write("lexer.txt", "text\n");
    let done = sandbox.autonomy(["task", "done", "lexer", "--json"]).ok().json();
    let tag = done["checkpoint"].as_str().expect("a checkpoint");
    assert!(tag.ends_with("-write-the-lexer"), "{tag}");
    assert_eq!(sandbox.git(["show", &format!("{tag}^{{commit}}:lexer.txt")]), "text");
    assert_eq!(sandbox.status(), "?? lexer.txt");
    let shown = sandbox.autonomy(["checkpoint", "show", tag, "--json"]).ok().json();
    assert_eq!((&shown["checkpoint"]["kind"], &shown["checkpoint"]["open"]), (&"task".into(), &serde_json::Value::Null));
    sandbox.autonomy(["task", "add", "Another"]).ok();
    sandbox.autonomy(["task", "cancel", "Another"]).ok();
    let tags = sandbox.git(["tag", "--list", "checkpoint-*"]);
    assert_eq!(tags.lines().count(), 1, "no other move of a task takes one: {tags}");
}

#[test]
fn a_malformed_record_is_named_and_the_others_go_on() {
    let sandbox = begin();
    add(&sandbox, "Good", &["--criterion", "x"]);
    sandbox.write(".claude/tasks/bad.md", "---\ntitle: Bad\nestimate: soon\n---\n");
    let listed = sandbox.autonomy(["task", "list"]).ok();
    assert!(listed.stdout.contains("Good") && listed.stderr.contains("`.claude/tasks/bad.md`: line 3, column 11"), "{listed}");
    let lint = sandbox.autonomy(["task", "lint"]).ended(1).stdout;
    insta::assert_snapshot!(lint, @r"
    cannot read `.claude/tasks/bad.md`: line 3, column 11: `soon` is not a span of time; write it like `90m` or `1h 30m`
      |
    2 | title: Bad
    3 | estimate: soon
      |           ^ `soon` is not a span of time; write it like `90m` or `1h 30m`
    ");
    assert!(sandbox.autonomy(["task", "start", "bad"]).ended(2).stderr.contains("3 | estimate: soon"));
}

#[test]
fn of_many_who_start_one_task_at_once_one_does() {
    let sandbox = begin();
    add(&sandbox, "One", &[]);
    let start = |_| {
        let mut command = sandbox.command(["task", "start", "one"]);
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    };
    let children: Vec<_> = (0..8).map(start).collect();
    let ended: Vec<Output> =
        children.into_iter().map(|child| Output::from(&child.wait_with_output().unwrap(), &sandbox.base())).collect();
    let won = ended.iter().filter(|output| output.code == Some(0)).count();
    assert_eq!(won, 1, "{ended:?}");
    assert!(ended.iter().all(|output| matches!(output.code, Some(0 | 1))), "{ended:?}");
}

#[test]
fn tasks_work_without_a_session_and_without_init() {
    let sandbox = Sandbox::new();
    add(&sandbox, "One", &[]);
    sandbox.autonomy(["task", "start", "one"]).ok();
    sandbox.autonomy(["progress", "add", "half"]).ok();
    assert_eq!(standing(&sandbox, "one"), "started");
    sandbox.autonomy(["task", "done", "one"]).ok();
    assert_eq!(standing(&sandbox, "one"), "done");
}

#[test]
fn waiting_ends_with_the_tasks() {
    let sandbox = begin();
    add(&sandbox, "One", &[]);
    assert!(sandbox.autonomy(["task", "wait", "one", "--timeout", "0s"]).ended(6).stderr.contains("is open after 0s"));
    add(&sandbox, "Two", &["--gate", "architecture-review"]);
    sandbox.autonomy(["task", "start", "two"]).ended(3);
    let question = open_question(&sandbox);
    assert!(sandbox.autonomy(["task", "wait", "two"]).ended(3).stderr.contains(&question));
    sandbox.autonomy(["task", "done", "one"]).ok();
    sandbox.autonomy(["task", "wait", "one"]).ok();
    sandbox.autonomy(["task", "cancel", "two"]).ok();
    sandbox.autonomy(["task", "wait", "one", "two"]).ended(1);
}
