//! Commits of ours: what they hold, what they leave alone, and what happens where none may be made.

use autonomy::{
    host::{
        store::{overview::Overview, record},
        transaction::Transaction,
    },
    ops::session::commit::Outcome,
};
use serde_json::json;

use crate::{
    sandbox::Sandbox,
    store::{commit, in_force, next_command, task, workspace, write_record},
};

const ONE: &str = ".claude/tasks/one.md";

fn repository() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.git(["config", "user.name", "Ada"]);
    sandbox.git(["config", "user.email", "ada@example.com"]);
    sandbox.write("code.txt", "code\n");
    sandbox.write("other.txt", "other\n");
    sandbox.commit_all("start");
    sandbox
}

fn set_status(sandbox: &Sandbox, status: &str) {
    let workspace = workspace(sandbox);
    let stored = record::list(&workspace, &Overview::read(&workspace).unwrap(), ".claude/tasks").unwrap().remove(0);
    let mut transaction = Transaction::open(&workspace).unwrap();
    let fact = record::changed(&transaction, &stored, [("status".to_owned(), json!(status))].into()).unwrap();
    transaction.append_facts(&[fact]).unwrap();
}

#[test]
fn a_commit_of_ours_leaves_the_users_staged_and_unstaged_work_alone() {
    let sandbox = repository();
    write_record(&sandbox, ONE, &task("One", "open"));
    sandbox.write("code.txt", "staged\n");
    sandbox.git(["add", "code.txt"]);
    sandbox.write("other.txt", "unstaged\n");
    let (staged, unstaged) = (sandbox.git(["diff", "--cached"]), sandbox.git(["diff"]));
    assert!(matches!(commit(&sandbox), Outcome::Committed { .. }));
    assert_eq!(sandbox.git(["diff", "--cached"]), staged);
    assert_eq!(sandbox.git(["diff"]), unstaged);
    assert_eq!(sandbox.git(["show", "--format=", "--name-only", "HEAD"]), ".claude/tasks/one.md");
    assert_eq!(commit(&sandbox), Outcome::Nothing {});
}

#[test]
fn a_change_of_a_tracked_record_holds_at_once_and_touches_no_file_before_the_commit() {
    let sandbox = repository();
    write_record(&sandbox, ONE, &task("One", "open"));
    commit(&sandbox);
    set_status(&sandbox, "done");
    assert_eq!(sandbox.status(), "", "the tracked file is as it was");
    assert!(in_force(&sandbox)[0].1.contains("status: done"), "and yet it is done");
    commit(&sandbox);
    assert!(sandbox.read(ONE).contains("status: done"));
    assert_eq!(sandbox.status(), "");
}

#[test]
fn a_hand_edit_of_the_same_key_wins_over_a_queued_change_and_of_another_key_joins_it() {
    let sandbox = repository();
    write_record(&sandbox, ONE, &task("One", "open"));
    commit(&sandbox);
    set_status(&sandbox, "done");
    sandbox.write(ONE, task("Renamed", "open"));
    next_command(&sandbox);
    let text = in_force(&sandbox)[0].1.clone();
    assert!(text.contains("title: Renamed") && text.contains("status: done"), "{text}");
    sandbox.write(ONE, task("Renamed", "cancelled"));
    next_command(&sandbox);
    let text = in_force(&sandbox)[0].1.clone();
    assert!(text.contains("status: cancelled"), "{text}");
}

#[test]
fn on_a_detached_head_the_state_waits_in_the_log() {
    let sandbox = repository();
    sandbox.git(["checkout", "-q", "--detach"]);
    write_record(&sandbox, ONE, &task("One", "open"));
    assert_eq!(commit(&sandbox), Outcome::Waits { why: "HEAD is detached".into() });
    sandbox.git(["switch", "-q", "main"]);
    assert!(matches!(commit(&sandbox), Outcome::Committed { .. }));
}

#[test]
fn a_session_commits_what_was_recorded_before_it_began() {
    let sandbox = repository();
    write_record(&sandbox, ONE, &task("One", "open"));
    sandbox.autonomy(["session", "start"]).ok();
    assert_eq!(sandbox.status(), "", "the task is in the session's first commit");
    assert!(sandbox.git(["show", "--format=", "--name-only", "HEAD"]).contains(ONE));
}
