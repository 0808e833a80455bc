//! How far a run goes back by itself when gates are red between two tasks: nowhere, unless the settings say so.

use crate::{
    run::{log, log_count, stage},
    sandbox::Sandbox,
};

const LEFT: &str = "version: 1
attempts:
  - when: { task: Greet }
    steps:
      - write: { path: one/greeting.txt, content: \"hello\\n\" }
      - say: Done.
  - when: { task: Sing }
    steps:
      - write: { path: one/greeting.txt, content: \"WRONG\\n\" }
      - write: { path: one/song.txt, content: \"WRONG\\n\" }
      - write: { path: one/shared.txt, content: \"WRONG\\n\" }
      - say: Done.
  - when: { task: Dance }
    steps:
      - write: { path: one/dance.txt, content: \"steps\\n\" }
      - say: Done.
";

/// A session in which all gates were green after one task; the work of another lies about, given up by a person, who has
/// changed one of its files and some beside it.
fn left_over() -> Sandbox {
    let sandbox = stage(LEFT, &["Greet"]).with("AUTONOMY_TERMINAL", "yes");
    sandbox.write("two/theirs.txt", "committed\n");
    sandbox.commit_all("theirs");
    sandbox.autonomy(["run"]).ok();
    sandbox.autonomy(["task", "add", "Sing"]).ok();
    sandbox.autonomy(["run", "--max-steps", "1"]).ended(6);
    sandbox.autonomy(["task", "cancel", "Sing"]).ok();
    sandbox.write("one/shared.txt", "a person's\n");
    sandbox.write("one/mine.txt", "a person's\n");
    sandbox.write("two/theirs.txt", "a person's\n");
    sandbox.autonomy(["task", "add", "Dance"]).ok();
    sandbox
}

/// What stands in a file; nothing when there is none.
fn reads(sandbox: &Sandbox, path: &str) -> String {
    if sandbox.exists(path) { sandbox.read(path).trim().to_owned() } else { String::new() }
}

#[test]
fn by_default_nothing_but_the_step_just_made_goes_back() {
    let sandbox = left_over();
    let said = sandbox.autonomy(["run"]).ok().stderr;
    assert!(said.contains("gate check: red already; it blocks nothing until it is green"), "{said}");
    assert_eq!((reads(&sandbox, "one/greeting.txt"), reads(&sandbox, "one/song.txt")), ("WRONG".into(), "WRONG".into()));
    assert_eq!(log_count(&sandbox, "question.asked"), 0);
}

#[test]
fn where_it_is_wanted_the_sessions_own_work_goes_back_to_the_last_green_checkpoint_and_a_person_is_asked() {
    let sandbox = left_over().with("AUTONOMY_ROLLBACK__AUTOMATIC", "last_green");
    let head = sandbox.git(["rev-parse", "HEAD"]);
    let said = sandbox.autonomy(["run"]).ok().stderr;
    assert!(
        said.contains("-greet, because `check` was green there: 2 paths; the work is kept at `refs/autonomy/parked/"),
        "{said}"
    );
    assert!(said.contains("`one/shared.txt` stayed as it is"), "{said}");
    assert!(said.contains("gate check: green"), "it is measured anew: {said}");
    assert_eq!((reads(&sandbox, "one/greeting.txt"), reads(&sandbox, "one/song.txt")), ("hello".into(), String::new()));
    for path in ["one/shared.txt", "one/mine.txt", "two/theirs.txt"] {
        assert_eq!(reads(&sandbox, path), "a person's", "{path}");
    }
    assert_eq!(sandbox.git(["rev-parse", "HEAD~"]), head, "no commit but that of the next task");
    let parked = sandbox.git(["for-each-ref", "--format=%(refname)", "refs/autonomy/parked"]);
    assert_eq!(sandbox.git(["show", &format!("{}:one/song.txt", parked.trim())]), "WRONG");
    let inbox = sandbox.autonomy(["inbox", "--json"]).ok().json();
    assert_eq!(
        (&inbox["questions"][0]["question"]["urgency"], inbox["questions"].as_array().map(Vec::len)),
        (&"P0".into(), Some(1))
    );
    sandbox.autonomy(["rollback", "--undo", "--yes"]).ok();
    assert_eq!((reads(&sandbox, "one/greeting.txt"), reads(&sandbox, "one/song.txt")), ("WRONG".into(), "WRONG".into()));
    assert_eq!(reads(&sandbox, "one/dance.txt"), "steps", "{}", log(&sandbox));
}

#[test]
fn after_a_task_was_given_up_the_same_is_looked_at_and_where_nothing_differs_nothing_happens() {
    let sandbox = stage(&LEFT.replace("Dance", "Other"), &["Greet", "Sing"]).with("AUTONOMY_ROLLBACK__AUTOMATIC", "last_green");
    let said = sandbox.autonomy(["run"]).ended(1).stderr;
    assert!(said.contains("parked: ") && !said.contains("went back to"), "the step went back, and that was enough: {said}");
    assert_eq!((reads(&sandbox, "one/greeting.txt"), log_count(&sandbox, "question.asked")), ("hello".into(), 0));
}

#[test]
fn a_run_that_dies_after_it_went_back_has_the_next_one_ask() {
    let sandbox = left_over().with("AUTONOMY_ROLLBACK__AUTOMATIC", "last_green");
    sandbox.run(sandbox.command(["run"]).env("AUTONOMY_FAILPOINT", "run.retreated:1=kill")).killed();
    assert_eq!((reads(&sandbox, "one/song.txt"), log_count(&sandbox, "question.asked")), (String::new(), 0));
    for _ in 0..2 {
        drop(sandbox.autonomy(["run"]));
        assert_eq!(log_count(&sandbox, "question.asked"), 1, "{}", log(&sandbox));
    }
    let inbox = sandbox.autonomy(["inbox"]).ok().stdout;
    assert!(inbox.contains("went from green to red, and the run went back to checkpoint-"), "{inbox}");
    let parked = sandbox.git(["for-each-ref", "--format=%(refname)", "refs/autonomy/parked"]);
    assert_eq!(sandbox.git(["show", &format!("{}:one/song.txt", parked.trim())]), "WRONG");
}
