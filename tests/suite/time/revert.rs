//! `rollback --commit`: one commit takes back what was committed since; the branch only ever goes forward, undoing included.

use std::{fs, os::unix::fs::PermissionsExt as _};

use crate::{sandbox::Sandbox, time::two_commits_later as ground};

fn hook(sandbox: &Sandbox, script: &str) {
    let path = sandbox.path(".git/hooks/pre-commit");
    fs::create_dir_all(sandbox.path(".git/hooks")).expect("made");
    fs::write(&path, script).expect("written");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("it can run");
}

#[test]
fn one_commit_takes_back_what_was_committed_and_what_was_not_is_not() {
    let sandbox = ground();
    let before = sandbox.belongings();
    let (tip, first) = (sandbox.git(["rev-parse", "HEAD"]), sandbox.git(["rev-parse", "HEAD~2"]));
    let shown = sandbox.autonomy(["rollback", "start", "--commit", "--dry-run"]).ok();
    assert!(shown.stderr.contains(&format!("One commit on main makes 3 paths as in {}", &first[..10])), "{shown}");
    sandbox.belongings().assert_same(&before, &[]);
    hook(&sandbox, "#!/bin/sh\ngit diff --cached --name-only >hooked\n");
    let done = sandbox.autonomy(["rollback", "start", "--commit", "--yes", "--json"]).ok().json();
    assert_eq!(fs::read_to_string(sandbox.path("hooked")).expect("the hook ran"), "file\nmore\nnew\n");
    for file in ["hooked", ".git/hooks/pre-commit"] {
        fs::remove_file(sandbox.path(file)).expect("removed");
    }
    let reverted = sandbox.git(["rev-parse", "HEAD"]);
    assert_eq!(done["carried_out"]["commit"], reverted.as_str());
    assert_eq!(sandbox.git(["rev-parse", "HEAD~"]), tip, "nothing is rewritten");
    assert_eq!(sandbox.git(["diff", "--name-only", &first, "HEAD"]), "");
    assert_eq!(sandbox.status(), "MM file\n?? new", "as it was at the checkpoint");
    assert_eq!((sandbox.git(["show", ":file"]).as_str(), sandbox.read("file").as_str()), ("staged", "unstaged\n"));
    let said = sandbox.git(["log", "-1", "--format=%s%n%(trailers:key=Autonomy-Checkpoint,valueonly)"]);
    assert!(said.starts_with("Go back to checkpoint-") && said.trim_end().ends_with("-start"), "{said}");

    sandbox.autonomy(["rollback", "--undo", "--yes"]).ok();
    assert_eq!(sandbox.git(["rev-parse", "HEAD~"]), reverted, "undoing is a commit too");
    assert_eq!(sandbox.git(["diff", "--name-only", &tip, "HEAD"]), "");
    assert_eq!((sandbox.status().as_str(), sandbox.read("file").as_str()), (" M file", "latest\n"));
    sandbox.autonomy(["rollback", "--redo", "--yes"]).ok();
    assert_eq!(sandbox.git(["diff", "--name-only", &first, "HEAD"]), "");
    assert_eq!(sandbox.status(), "MM file\n?? new");
    sandbox.git(["fsck", "--strict", "--no-dangling"]);
}

#[test]
fn only_named_paths_are_committed_and_other_staged_work_stays_staged() {
    let sandbox = ground();
    sandbox.write("more", "mine\n");
    sandbox.git(["add", "more"]);
    sandbox.autonomy(["rollback", "start", "--paths", "file", "--commit", "--yes"]).ok();
    assert_eq!(sandbox.git(["diff", "--name-only", "HEAD~", "HEAD"]), "file");
    assert_eq!(sandbox.status(), "MM file\nM  more");
}

#[test]
fn where_nothing_was_committed_since_there_is_no_commit() {
    let sandbox = Sandbox::new();
    sandbox.autonomy(["checkpoint", "start"]).ok();
    sandbox.write("file", "other\n");
    let head = sandbox.git(["rev-parse", "HEAD"]);
    sandbox.autonomy(["rollback", "start", "--commit", "--yes"]).ok();
    assert_eq!((sandbox.git(["rev-parse", "HEAD"]), sandbox.status()), (head, String::new()));
}

#[test]
fn where_no_commit_may_be_made_nothing_is_touched() {
    let refused = |sandbox: &Sandbox, code: i32, words: &str| {
        let before = sandbox.belongings();
        let said = sandbox.autonomy(["rollback", "start", "--commit", "--yes"]).ended(code);
        assert!(said.stderr.contains(words) && said.stderr.contains("hint: "), "{said}");
        sandbox.belongings().assert_same(&before, &[]);
    };
    let sandbox = ground();
    sandbox.git(["remote", "add", "origin", "../remote.git"]);
    refused(&sandbox, 4, "cannot commit what goes back: `main` is protected");
    let sandbox = ground();
    sandbox.git(["checkout", "--quiet", "--detach"]);
    refused(&sandbox, 4, "HEAD is detached");
    let sandbox = ground();
    sandbox.git(["commit", "--quiet", "--all", "-m", "latest"]);
    sandbox.git(["checkout", "--quiet", "--orphan", "other"]);
    sandbox.git(["commit", "--quiet", "-m", "from nowhere"]);
    refused(&sandbox, 2, "HEAD does not come from");
    let sandbox = Sandbox::fixture("merge");
    sandbox.autonomy(["checkpoint", "start"]).ok();
    refused(&sandbox, 4, "`git merge` is in progress");
    let agent = ground();
    agent.run(agent.command(["rollback", "start", "--commit", "--yes"]).env("CLAUDECODE", "1")).ended(3);
}

#[test]
fn a_hook_that_says_no_leaves_the_files_back_and_the_same_command_tries_again() {
    let sandbox = ground();
    let tip = sandbox.git(["rev-parse", "HEAD"]);
    hook(&sandbox, "#!/bin/sh\necho not today >&2\nexit 1\n");
    let said = sandbox.autonomy(["rollback", "start", "--commit", "--yes"]);
    assert!(said.stderr.contains("the files are back, but what was committed since could not be taken back"), "{}", *said);
    assert!(said.stderr.contains("not today"), "{}", *said);
    assert_eq!((sandbox.git(["rev-parse", "HEAD"]), sandbox.read("file").as_str()), (tip.clone(), "unstaged\n"));
    fs::remove_file(sandbox.path(".git/hooks/pre-commit")).expect("removed");
    sandbox.autonomy(["rollback", "start", "--commit", "--yes"]).ok();
    assert_eq!((sandbox.git(["rev-parse", "HEAD~"]), sandbox.status().as_str()), (tip, "MM file\n?? new"));
}

#[test]
fn a_commit_that_was_changed_since_is_not_taken_back_by_undoing() {
    let sandbox = ground();
    sandbox.autonomy(["rollback", "start", "--commit", "--yes"]).ok();
    sandbox.git(["commit", "--quiet", "-m", "goes on with what was staged"]);
    let on = sandbox.git(["rev-parse", "HEAD"]);
    sandbox.autonomy(["rollback", "--undo", "--yes"]).ok();
    assert_eq!(sandbox.git(["rev-parse", "HEAD~"]), on);
    assert_eq!(sandbox.git(["show", "HEAD:file"]), "staged", "what somebody committed since stays");
    assert_eq!(sandbox.git(["show", "HEAD:more"]), "1");
}

#[test]
fn a_command_that_dies_has_committed_or_not() {
    for point in ["restore.index:1", "publish.intent:1", "land.moved:1", "publish.landed:1"] {
        let sandbox = ground();
        let (tip, first) = (sandbox.git(["rev-parse", "HEAD"]), sandbox.git(["rev-parse", "HEAD~2"]));
        let mut command = sandbox.command(["rollback", "start", "--commit", "--yes"]);
        sandbox.run(command.env("AUTONOMY_FAILPOINT", format!("{point}=kill"))).killed();
        sandbox.autonomy(["rollback", "start", "--commit", "--yes"]).ok();
        assert_eq!(sandbox.git(["rev-parse", "HEAD~"]), tip, "{point}");
        assert_eq!(sandbox.git(["diff", "--name-only", &first, "HEAD"]), "", "{point}");
        assert_eq!(sandbox.status(), "MM file\n?? new", "{point}");
    }
}
