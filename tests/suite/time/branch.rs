//! HEAD stays unless asked; a branch that goes back keeps its old tip, and undoing brings it back.

use crate::{sandbox::Sandbox, time::two_commits_later as ground};

#[test]
fn head_stays_and_staged_and_unstaged_work_come_back() {
    let sandbox = ground();
    let tip = sandbox.git(["rev-parse", "HEAD"]);
    sandbox.autonomy(["rollback", "start", "--yes"]).ok();
    assert_eq!(sandbox.git(["rev-parse", "HEAD"]), tip);
    assert_eq!((sandbox.git(["show", ":file"]).as_str(), sandbox.read("file").as_str()), ("staged", "unstaged\n"));
}

#[test]
fn a_branch_goes_back_with_its_old_tip_kept_and_undoing_brings_it_back() {
    let sandbox = ground();
    let before = sandbox.belongings();
    let (tip, first) = (sandbox.git(["rev-parse", "HEAD"]), sandbox.git(["rev-parse", "HEAD~2"]));
    let rescue = format!("refs/autonomy/rescue/main/{}", &tip[..10]);
    let shown = sandbox.autonomy(["rollback", "start", "--branch", "--dry-run"]).ok();
    assert!(
        shown.stderr.contains(&format!("Branch main goes from {} to {}; `{rescue}` keeps it", &tip[..10], &first[..10])),
        "{shown}"
    );
    sandbox.belongings().assert_same(&before, &[]);
    let done = sandbox.autonomy(["rollback", "start", "--branch", "--yes"]).ok();
    assert!(done.stderr.contains(&rescue), "{done}");
    assert_eq!((sandbox.git(["rev-parse", "main"]), sandbox.git(["symbolic-ref", "HEAD"])), (first, "refs/heads/main".into()));
    assert_eq!(sandbox.git(["rev-parse", &rescue]), tip);
    assert_eq!(sandbox.status(), "MM file\n?? new");
    sandbox.autonomy(["rollback", "--undo", "--yes"]).ok();
    assert_eq!(sandbox.git(["rev-parse", "main"]), tip);
    assert_eq!((sandbox.status().as_str(), sandbox.read("file").as_str()), (" M file", "latest\n"));
    sandbox.autonomy(["rollback", "--redo", "--yes"]).ok();
    assert_eq!(sandbox.status(), "MM file\n?? new");
    sandbox.git(["commit", "--quiet", "-m", "gone on"]);
    let on = sandbox.git(["rev-parse", "main"]);
    let stays = sandbox.autonomy(["rollback", "--undo", "--yes"]);
    assert!(stays.stderr.contains("`main` stays where it is"), "{}", *stays);
    assert_eq!(sandbox.git(["rev-parse", "main"]), on);
}

#[test]
fn a_branch_that_may_not_go_back_stops_everything() {
    let sandbox = ground();
    sandbox.git(["switch", "--quiet", "-c", "other"]);
    let before = sandbox.belongings();
    let elsewhere = sandbox.autonomy(["rollback", "start", "--branch", "--yes"]).ended(2);
    assert!(elsewhere.stderr.contains("was taken on `main`, and HEAD is on `other`"), "{elsewhere}");
    sandbox.belongings().assert_same(&before, &[]);

    let sandbox = ground();
    sandbox.git(["remote", "add", "origin", "../remote.git"]);
    let before = sandbox.belongings();
    let protected = sandbox.autonomy(["rollback", "start", "--branch", "--yes"]).ended(1);
    assert!(protected.stderr.contains("is protected and does not go back"), "{protected}");
    sandbox.belongings().assert_same(&before, &[]);
    let mut agent = sandbox.command(["rollback", "start", "--branch", "--yes"]);
    sandbox.run(agent.env("CLAUDECODE", "1")).ended(3);
}

#[test]
fn in_the_middle_of_a_merge_nothing_goes_back_unless_it_is_said() {
    let sandbox = Sandbox::fixture("merge");
    sandbox.autonomy(["checkpoint", "start"]).ok();
    sandbox.write("scratch", "1\n");
    let mut typed = sandbox.command(["rollback", "start"]);
    let waits = sandbox.run(typed.env("AUTONOMY_TERMINAL", "yes")).ended(3);
    assert!(waits.stderr.contains("`git merge` is in the middle of its work and stays so"), "{waits}");
    assert!(sandbox.exists("scratch"));
    sandbox.autonomy(["rollback", "start", "--yes"]).ok();
    assert!(!sandbox.exists("scratch") && sandbox.path(".git/MERGE_HEAD").exists());
}

#[test]
fn a_branch_that_was_to_go_back_when_the_command_died_is_there_or_not_at_all() {
    for point in ["restore.index:1", "restore.rescued:1", "restore.branch:1"] {
        let sandbox = ground();
        let (tip, first) = (sandbox.git(["rev-parse", "HEAD"]), sandbox.git(["rev-parse", "HEAD~2"]));
        let mut command = sandbox.command(["rollback", "start", "--branch", "--yes"]);
        sandbox.run(command.env("AUTONOMY_FAILPOINT", format!("{point}=kill"))).killed();
        sandbox.autonomy(["checkpoint", "next"]).ok();
        assert_eq!(sandbox.git(["rev-parse", "main"]), first, "{point}");
        assert_eq!(sandbox.git(["rev-parse", &format!("refs/autonomy/rescue/main/{}", &tip[..10])]), tip);
        assert_eq!(sandbox.status(), "MM file\n?? new", "{point}");
        sandbox.autonomy(["rollback", "--undo", "--yes"]).ok();
        assert_eq!(sandbox.git(["rev-parse", "main"]), tip);
    }
}

#[test]
fn what_no_snapshot_covers_is_named_in_the_plan_and_stays() {
    let sandbox = Sandbox::new();
    sandbox.write(".gitignore", "*.log\n");
    sandbox.commit_all("rules");
    sandbox.autonomy(["checkpoint", "start"]).ok();
    sandbox.write("big", vec![b'x'; 5_000_001]);
    sandbox.write("a.log", "1\n");
    sandbox.write("file", "other\n");
    assert!(sandbox.program("mkfifo").arg(sandbox.path("pipe")).status().expect("mkfifo runs").success());
    let shown = sandbox.autonomy(["rollback", "start", "--dry-run"]).ok();
    assert!(shown.stderr.contains("Not covered, and stays: big (untracked, and 5000001 bytes are over the cap)"), "{shown}");
    assert!(shown.stderr.contains("Not covered, and stays: pipe (a pipe, socket or device)"), "{shown}");
    assert!(shown.stderr.contains("1 path that git ignores"), "{shown}");
    sandbox.autonomy(["rollback", "start", "--yes"]).ok();
    assert!(["big", "a.log", "pipe"].iter().all(|name| sandbox.exists(name)));
}
