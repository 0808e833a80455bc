//! Each row of the settling table, and that no git command is ever stood in the way of.

use std::fs;

use crate::{
    sandbox::Sandbox,
    store::{commit, in_force, next_command, task, write_record},
};

const ONE: &str = ".claude/tasks/one.md";

fn with_record() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.git(["config", "user.name", "Ada"]);
    sandbox.git(["config", "user.email", "ada@example.com"]);
    sandbox.write("code.txt", "code\n");
    sandbox.commit_all("start");
    sandbox.git(["switch", "-q", "-c", "work"]);
    write_record(&sandbox, ONE, &task("One", "open"));
    sandbox
}

fn committed() -> Sandbox {
    let sandbox = with_record();
    assert!(matches!(commit(&sandbox), autonomy::ops::session::commit::Outcome::Committed { .. }));
    assert_eq!(sandbox.status(), "", "after a commit of ours nothing of ours shows");
    sandbox
}

#[test]
fn a_file_as_we_left_it_is_followed_in_silence() {
    let sandbox = with_record();
    assert_eq!(next_command(&sandbox), Vec::<String>::new());
    assert_eq!(sandbox.status(), "?? .claude/tasks/one.md");
}

#[test]
fn an_edit_by_hand_wins_and_is_named() {
    let sandbox = with_record();
    sandbox.write(ONE, task("One, better", "open"));
    let said = next_command(&sandbox);
    assert_eq!(said, ["autonomy follows the edit of `.claude/tasks/one.md`"]);
    assert!(in_force(&sandbox)[0].1.contains("One, better"));
    assert_eq!(next_command(&sandbox), Vec::<String>::new(), "said once");
}

#[test]
fn a_file_gone_for_no_reason_is_put_back() {
    let sandbox = with_record();
    sandbox.git(["clean", "-fdxq"]);
    assert!(!sandbox.exists(ONE));
    assert_eq!(in_force(&sandbox).len(), 1, "in force before anything is put back");
    assert_eq!(next_command(&sandbox), ["autonomy put back `.claude/tasks/one.md`"]);
    assert_eq!(sandbox.read(ONE), task("One", "open"));
}

#[test]
fn a_file_that_a_commit_deleted_stays_away() {
    let sandbox = committed();
    sandbox.git(["rm", "-q", ONE]);
    sandbox.git(["commit", "-qm", "drop the task"]);
    assert_eq!(next_command(&sandbox), Vec::<String>::new());
    assert!(!sandbox.exists(ONE));
    assert_eq!(in_force(&sandbox), Vec::new());
}

#[test]
fn a_tracked_file_that_was_deleted_by_hand_stays_deleted_and_in_force() {
    let sandbox = committed();
    fs::remove_file(sandbox.path(ONE)).unwrap();
    assert_eq!(next_command(&sandbox), Vec::<String>::new());
    assert_eq!(sandbox.status(), " D .claude/tasks/one.md");
    assert_eq!(in_force(&sandbox).len(), 1);
}

#[test]
fn a_file_that_another_branch_holds_is_left_to_it() {
    let sandbox = committed();
    sandbox.git(["switch", "-q", "main"]);
    assert!(!sandbox.exists(ONE));
    let said = next_command(&sandbox);
    assert_eq!(said, ["autonomy left `.claude/tasks/one.md` away: the branch `work` holds it"]);
    assert_eq!(in_force(&sandbox).len(), 1, "what a live log wrote stays in force");
    sandbox.git(["switch", "-q", "work"]);
    assert_eq!(sandbox.status(), "");
}

#[test]
fn a_file_that_a_stash_entry_holds_waits_for_its_pop() {
    let sandbox = with_record();
    sandbox.git(["stash", "-q", "-u"]);
    let said = next_command(&sandbox);
    assert_eq!(said, ["autonomy left `.claude/tasks/one.md` away: `stash@{0}` holds it"]);
    sandbox.git(["stash", "pop", "-q"]);
    assert_eq!(sandbox.read(ONE), task("One", "open"));
}

#[test]
fn a_file_of_a_commit_that_was_taken_back_is_left_for_the_reflog() {
    let sandbox = committed();
    sandbox.git(["reset", "-q", "--hard", "HEAD~1"]);
    let said = next_command(&sandbox);
    assert_eq!(said, ["autonomy left `.claude/tasks/one.md` away: a commit that HEAD was at holds it"]);
    sandbox.git(["cherry-pick", "HEAD@{1}"]);
    assert_eq!(sandbox.status(), "");
}

#[test]
fn nothing_is_put_back_while_git_is_in_the_middle_of_something() {
    let sandbox = with_record();
    sandbox.git(["switch", "-q", "-c", "other"]);
    sandbox.write("code.txt", "other\n");
    sandbox.git(["commit", "-qam", "other"]);
    sandbox.git(["switch", "-q", "work"]);
    sandbox.write("code.txt", "ours\n");
    sandbox.git(["commit", "-qam", "ours"]);
    sandbox.try_git(["rebase", "other"]).ended(1);
    fs::remove_file(sandbox.path(ONE)).unwrap();
    let said = next_command(&sandbox);
    assert_eq!(said, ["autonomy left `.claude/tasks/one.md` away: `git rebase` is in progress"]);
    sandbox.write("code.txt", "both\n");
    sandbox.git(["add", "code.txt"]);
    sandbox.git(["-c", "core.editor=true", "rebase", "--continue"]);
    assert_eq!(next_command(&sandbox), ["autonomy put back `.claude/tasks/one.md`"]);
}
