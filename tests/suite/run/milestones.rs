//! How a run reaches milestones: by the evidence of the work before them, and by commands of their own; and the checkpoint
//! before a migration.

use crate::run::{GREET, log, log_count, reason, stage};

#[test]
fn a_milestone_is_reached_with_the_work_before_it_and_one_that_is_tested_after_its_test() {
    let sandbox = stage(GREET, &["Greet"]).with("AUTONOMY_TERMINAL", "yes");
    sandbox.autonomy(["task", "add", "Greeted", "--milestone", "--after", "Greet"]).ok();
    sandbox.autonomy(["task", "add", "Tested", "--milestone", "--after", "Greeted", "--test", "test -s greeting.txt"]).ok();
    sandbox.autonomy(["trust", "--yes"]).ok();
    let said = sandbox.autonomy(["run"]).ok().stderr;
    assert!(said.contains("`test -s greeting.txt`: green") && said.contains("milestone reached: Tested; checkpoint "), "{said}");
    assert_eq!(reason(&sandbox), "done");
    let tags = sandbox.git(["tag", "--list", "checkpoint-*"]);
    let ends = |tag: &str, end: &str| tag.ends_with(end);
    let lines: Vec<&str> = tags.lines().collect();
    assert!(lines.len() == 2 && ends(lines[0], "-greeted") && ends(lines[1], "-tested"), "{tags}");
    assert_eq!(sandbox.git(["log", "-1", "--format=%s"]).trim(), "Greet");
}

#[test]
fn a_milestone_whose_test_is_red_is_tried_again_only_after_more_work() {
    let sandbox = stage(GREET, &["Greet"]).with("AUTONOMY_TERMINAL", "yes");
    sandbox.autonomy(["task", "add", "Shipped", "--milestone", "--after", "Greet", "--test", "test -e shipped"]).ok();
    sandbox.autonomy(["trust", "--yes"]).ok();
    let said = sandbox.autonomy(["run"]).ended(1).stderr;
    assert!(said.contains("is not reached: `test -e shipped` is red"), "{said}");
    assert_eq!((reason(&sandbox).as_str(), log_count(&sandbox, "task.failed")), ("blocked", 2), "{}", log(&sandbox));
    sandbox.autonomy(["run"]).ended(1);
    assert_eq!(log_count(&sandbox, "task.failed"), 2, "it is not tried again as it is");
    sandbox.write("shipped", "");
    sandbox.autonomy(["task", "done", "Shipped"]).ok();
}

#[test]
fn before_a_migration_there_is_a_checkpoint() {
    let sandbox = stage(GREET, &[]);
    sandbox.autonomy(["task", "add", "Greet", "--migration"]).ok();
    sandbox.autonomy(["run"]).ok();
    let tags = sandbox.git(["tag", "--list", "--sort=refname", "checkpoint-*"]);
    let tags: Vec<&str> = tags.lines().collect();
    assert!(tags.len() == 2 && tags.iter().any(|tag| tag.ends_with("-before-greet")), "one before it, one after: {tags:?}");
    let shown = sandbox.autonomy(["checkpoint", "show", "before Greet", "--json"]).ok().json();
    assert_eq!(shown["checkpoint"]["kind"], "migration");
    let before = tags.iter().find(|tag| tag.ends_with("-before-greet")).unwrap();
    assert!(!sandbox.git(["ls-tree", "-r", "--name-only", before]).contains("greeting.txt"));
}
