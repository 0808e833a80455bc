//! Checkpoints and rollbacks as a user sees them: nothing of theirs changes, and everything comes back.
//!
//! Which plan is right, and that trees are git's, is tested beside the code.

mod branch;
mod by_hand;
mod calls;
mod conflicts;
mod crash;
mod damage;
mod extent;
mod kinds;
mod power;
mod prune;
mod revert;
mod sequences;
mod undo;
mod writer;

use std::{fs, path::PathBuf};

use autonomy::{
    host::{clock::Clock, environment::Environment, store::ledger::Target, transaction::Transaction, workspace::Workspace},
    model::{
        change::{Change, Mode, Side, TreePath},
        event::Fact,
        id::{Oid, SessionId, TaskId},
    },
};

use crate::sandbox::Sandbox;

/// A checkpoint on the first commit, with staged, unstaged and untracked work; two commits later.
fn two_commits_later() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write("file", "staged\n");
    sandbox.git(["add", "file"]);
    sandbox.write("file", "unstaged\n");
    sandbox.write("new", "1\n");
    sandbox.autonomy(["checkpoint", "start"]).ok();
    sandbox.write("more", "1\n");
    sandbox.commit_all("all of it");
    sandbox.write("file", "later\n");
    sandbox.commit_all("later");
    sandbox.write("file", "latest\n");
    sandbox
}

/// The library's view of the sandbox, a second after its last command.
fn workspace(sandbox: &Sandbox) -> Workspace {
    let home = sandbox.base().join("home");
    let environment = Environment::given(sandbox.work(), &[("HOME", home.to_str().expect("a plain path"))]);
    let (now, seed) = sandbox.next_moment();
    Workspace::find(environment, Clock::fixed(now.to_string().parse().expect("a moment"), seed)).expect("a repository")
}

/// Adds facts to a session's log, or to the clone's own.
fn happened(sandbox: &Sandbox, session: Option<&str>, facts: &[Fact]) {
    let target = session.map_or(Target::Clone, |name| Target::Session(SessionId::new(name).expect("a name")));
    Transaction::unsettled(&workspace(sandbox), target).expect("a log").append_facts(facts).expect("it can be written");
}

fn path(text: &str) -> TreePath {
    text.parse().expect("a clean path")
}

#[test]
fn a_checkpoint_changes_nothing_in_any_kind_of_repository() {
    for shape in [
        "bisect",
        "cherry-pick",
        "detached",
        "dirty",
        "ignored",
        "linked",
        "merge",
        "non-utf8",
        "plain",
        "rebase",
        "submodule",
        "symlinks",
        "unborn",
    ] {
        let sandbox = Sandbox::fixture(shape);
        let before = sandbox.belongings();
        let described = sandbox.try_git(["describe", "--always"]).to_string();
        let index = sandbox.git(["rev-parse", "--absolute-git-dir"]) + "/index";
        let bytes = fs::read(&index).ok();
        let outcome = sandbox.autonomy(["checkpoint", "first", "--json"]).ok().json();
        sandbox.belongings().assert_same(&before, &[]);
        assert_eq!(fs::read(&index).ok(), bytes, "{shape}: the index was written");
        assert_eq!(sandbox.try_git(["describe", "--always"]).to_string(), described, "{shape}");
        let name = outcome["name"].as_str().expect("a name");
        assert!(name.starts_with("checkpoint-20261120_") && name.ends_with("-first"), "{name}");
        assert_eq!(sandbox.git(["cat-file", "-t", name]), "tag");
        let tree = sandbox.git(["rev-parse", &format!("{name}^{{tree}}")]);
        assert_eq!(outcome["tree"], tree.as_str(), "{shape}");
        let none = sandbox.autonomy(["rollback", "first", "--dry-run", "--json"]).ok().json();
        assert_eq!(none["plan"]["entries"].as_array().map(Vec::len), Some(0), "{shape}: {none}");
        sandbox.git(["fsck", "--strict", "--no-dangling"]);
    }
}

#[test]
fn tags_of_checkpoints_are_not_pushed_along() {
    let sandbox = Sandbox::new();
    sandbox.git(["init", "--quiet", "--bare", "../remote.git"]);
    sandbox.git(["remote", "add", "origin", "../remote.git"]);
    sandbox.autonomy(["checkpoint"]).ok();
    let pushed = sandbox.try_git(["push", "--follow-tags", "--dry-run", "origin", "HEAD"]).ok();
    assert!(!pushed.stderr.contains("checkpoint-"), "{pushed}");
}

#[test]
fn checkpoints_are_listed_shown_and_compared() {
    let sandbox = Sandbox::new();
    sandbox.autonomy(["checkpoint", "Before the move", "-m", "all is green"]).ok();
    sandbox.write("new", "1\n");
    sandbox.write("file", "other\n");
    sandbox.autonomy(["checkpoint"]).ok();
    insta::assert_snapshot!(sandbox.autonomy(["checkpoint", "list"]).ok().stdout, @r"
    checkpoint-20261120_180002  2026-11-20 18:00  manual     checkpoint
    checkpoint-20261120_180001-before-the-move  2026-11-20 18:00  manual     all is green
    ");
    insta::assert_snapshot!(sandbox.autonomy(["checkpoint", "diff", "before"]).ok(), @r"
    exit 0
    --- stdout
    M file
    A new
    --- stderr
    2 paths differ between checkpoint-20261120_180001-before-the-move and now
    ");
    let shown = sandbox.autonomy(["checkpoint", "show", "all is green"]).ok();
    assert!(shown.stdout.contains("summary    all is green\n") && shown.stdout.contains("branch     main\n"), "{shown}");
    sandbox.git(["init", "--quiet", "inner"]);
    sandbox.write("inner/x", "1\n");
    sandbox.git(["-C", "inner", "add", "x"]);
    sandbox.git(["-C", "inner", "commit", "--quiet", "-m", "x"]);
    sandbox.autonomy(["session", "start", "night"]).ok();
    sandbox.autonomy(["task", "add", "Parse"]).ok();
    sandbox.autonomy(["task", "start", "Parse"]).ok();
    sandbox.autonomy(["checkpoint", "under way"]).ok();
    sandbox.autonomy(["session", "pause", "lunch"]).ok();
    let shown = sandbox.autonomy(["checkpoint", "show", "under way"]).ok();
    let agents = shown.stdout.lines().find(|line| line.starts_with("agents ")).unwrap_or_else(|| panic!("{shown}"));
    assert!(agents.contains("-night idle, task 20261120_") && agents.contains("-parse-"), "as it was then: {agents}");
    assert!(shown.stderr.contains("Holds the commit that inner was at, not what that repository holds"), "{shown}");
    let unknown = sandbox.autonomy(["rollback", "checkpoint-20261120_180001-befor-the-moove"]).ended(2);
    assert!(unknown.stderr.contains("nearest") && unknown.stderr.contains("-before-the-move"), "{unknown}");
    let nowhere = Sandbox::new();
    insta::assert_snapshot!(nowhere.autonomy(["rollback", "--last"]).ended(2), @r"
    exit 2
    --- stderr
    error: this work tree has no checkpoint
    hint: `autonomy checkpoint` takes one
    ");
    insta::assert_snapshot!(nowhere.autonomy(["rollback"]).ended(2), @r"
    exit 2
    --- stderr
    error: nothing says where to go back to
    hint: `autonomy rollback --last`, or `autonomy checkpoint list`
    ");
    insta::assert_snapshot!(nowhere.autonomy(["rollback", "--undo", "--yes"]).ended(2), @r"
    exit 2
    --- stderr
    error: there is no rollback to undo in this work tree
    ");
}

#[test]
fn a_rollback_shows_its_plan_and_waits_for_a_person() {
    let sandbox = Sandbox::new();
    sandbox.autonomy(["checkpoint", "start"]).ok();
    sandbox.write("file", "other\n");
    sandbox.write("deep/new", "1\n");
    sandbox.git(["add", "deep/new"]);
    let before = sandbox.belongings();
    let refs = sandbox.git(["for-each-ref"]);
    let waits = sandbox.autonomy(["rollback", "start"]).ended(3);
    insta::assert_snapshot!(waits, @r"
    exit 3
    --- stdout
    delete   deep/new  (it was not there)
    restore  file  (it differs)
    --- stderr
    Back to checkpoint-20261120_180001-start (2026-11-20 18:00: start): 1 to restore, 1 to delete, 1 in the index
    Next: the same command with `--yes` carries this out
    ");
    let json = sandbox.autonomy(["rollback", "start", "--json"]).ended(3).json();
    assert_eq!((&json["restore"], &json["delete"], &json["staged"]), (&1.into(), &1.into(), &1.into()));
    let dry = sandbox.autonomy(["rollback", "start", "--dry-run"]).ok();
    assert_eq!(dry.stdout, waits.stdout);
    sandbox.belongings().assert_same(&before, &[]);
    assert_eq!(sandbox.git(["for-each-ref"]), refs);
    insta::assert_snapshot!(sandbox.autonomy(["rollback", "start", "--yes"]).ok(), @r"
    exit 0
    --- stderr
    Went back to checkpoint-20261120_180001-start: 2 paths, 1 in the index
    Next: `autonomy rollback --undo` takes it back
    ");
    insta::assert_snapshot!(sandbox.autonomy(["rollback", "start", "--yes"]).ok(), @r"
    exit 0
    --- stderr
    Nothing to do: the work tree is as it was at checkpoint-20261120_180001-start (2026-11-20 18:00: start)
    ");
    insta::assert_snapshot!(sandbox.autonomy(["rollback", "--undo", "--yes"]).ok(), @r"
    exit 0
    --- stderr
    Undid a rollback: as it was before going back to checkpoint-20261120_180001-start: 2 paths, 1 in the index
    Next: `autonomy rollback --redo` takes that back
    ");
    sandbox.belongings().assert_same(&before, &[]);
}

#[test]
fn named_paths_go_back_alone_and_other_work_stays() {
    let sandbox = Sandbox::new();
    sandbox.write("src/a", "1\n");
    sandbox.write("src/b", "1\n");
    sandbox.autonomy(["checkpoint", "start"]).ok();
    for name in ["src/a", "src/b", "src/c", "file"] {
        sandbox.write(name, "other\n");
    }
    sandbox.autonomy(["rollback", "--last", "--yes", "--paths", "src/a", "./src/c"]).ok();
    assert_eq!((sandbox.read("src/a").as_str(), sandbox.read("src/b").as_str()), ("1\n", "other\n"));
    assert!(!sandbox.exists("src/c"));
    assert_eq!(sandbox.read("file"), "other\n");
    sandbox.autonomy(["rollback", "--last", "--yes", "--paths", "../outside"]).ended(2);
}

#[test]
fn ignored_files_are_neither_read_nor_written() {
    let sandbox = Sandbox::fixture("ignored");
    sandbox.autonomy(["checkpoint", "start"]).ok();
    let ignored = || sandbox.git(["status", "--porcelain", "--ignored"]);
    sandbox.write("secret.env", "changed since\n");
    sandbox.write("build/more", "1\n");
    let before = ignored();
    sandbox.write("work", "1\n");
    sandbox.autonomy(["rollback", "--last", "--yes"]).ok();
    assert_eq!(ignored(), before);
    assert_eq!((sandbox.read("secret.env").as_str(), sandbox.read("build/more").as_str()), ("changed since\n", "1\n"));
}

#[test]
fn a_session_s_checkpoint_holds_its_folder_and_a_rollback_leaves_it_alone() {
    let sandbox = Sandbox::new();
    let session = sandbox.autonomy(["session", "start", "night", "--goal", "all green"]).ok().stdout.trim().to_owned();
    sandbox.autonomy(["checkpoint", "start"]).ok();
    let listed = sandbox.git(["ls-tree", "-r", "--name-only", &sandbox.git(["tag", "--list", "*-start"])]);
    assert!(listed.contains(&format!(".claude/sessions/{session}/README.md")), "{listed}");
    sandbox.write("file", "other\n");
    sandbox.write(".claude/tasks/mine.md", "a task\n");
    sandbox.autonomy(["rollback", "--last", "--yes"]).ok();
    assert!(sandbox.exists(".claude/tasks/mine.md") && sandbox.read("file") != "other\n");
    let log = sandbox.read(format!(".git/autonomy/sessions/{session}/log.yaml"));
    for kind in ["checkpoint.made", "intent.formed", "intent.settled"] {
        assert!(log.contains(kind), "{kind} is not in the log:\n{log}");
    }
}

#[test]
fn tasks_whose_proof_was_undone_are_open_again_until_that_is_undone() {
    let sandbox = Sandbox::new();
    let tree = Oid::new("1".repeat(40)).expect("forty digits");
    let task = TaskId::new("20261120_180000-work-abcd").expect("a name");
    let text = format!("---\nversion: 1\nid: {task}\ntitle: Work\nstatus: done\n---\n");
    sandbox.write(format!(".claude/tasks/{task}.md"), text);
    sandbox.autonomy(["checkpoint", "start"]).ok();
    sandbox.write("file", "work\n");
    let done = Fact::TaskDone { task: task.clone(), tree: Some(tree), uncommitted: Vec::new() };
    happened(&sandbox, None, &[Fact::TaskAdded { task: task.clone(), title: "Work".into(), gates: vec![] }, done]);
    let back = sandbox.autonomy(["rollback", "--last", "--yes", "--json"]).ok().json();
    assert_eq!(back["carried_out"]["reopened"], serde_json::json!([task]), "{back}");
    let record = || sandbox.read(format!(".claude/tasks/{task}.md"));
    assert!(record().contains("status: open"), "{}", record());
    let undone = sandbox.autonomy(["rollback", "--undo", "--yes", "--json"]).ok().json();
    assert_eq!(undone["carried_out"]["closed"], serde_json::json!([task]), "{undone}");
    assert!(record().contains("status: done"), "{}", record());
}

#[test]
fn what_another_live_session_wrote_last_is_kept() {
    let sandbox = Sandbox::new();
    sandbox.autonomy(["checkpoint", "start"]).ok();
    let mine = sandbox.autonomy(["session", "start", "mine"]).ok().stdout.trim().to_owned();
    sandbox.git(["worktree", "add", "--quiet", "../linked", "-b", "side"]);
    let mut elsewhere = sandbox.command(["session", "start", "theirs"]);
    elsewhere.current_dir(sandbox.work().parent().expect("a parent").join("linked"));
    let theirs = sandbox.run(&mut elsewhere).ok().stdout.trim().to_owned();
    let binding = |session: &str| sandbox.path(format!(".git/autonomy/sessions/{session}/binding.yaml"));
    fs::copy(binding(&mine), binding(&theirs)).expect("both work here from now on");
    sandbox.write("file", "theirs\n");
    sandbox.write("new", "mine\n");
    let side = |text: &str| Some(Side { mode: Mode::File, oid: Oid::new(text.repeat(40)).expect("forty digits") });
    let seen = |name: &str| Fact::ChangeSeen {
        step: None,
        changes: vec![Change { path: path(name), before: None, after: side("1") }],
        more: 0,
    };
    happened(&sandbox, Some(&mine), &[seen("new"), seen("file")]);
    happened(&sandbox, Some(&theirs), &[seen("file")]);
    sandbox.autonomy(["rollback", "start", "--yes"]).ended(2);
    let back = sandbox.autonomy(["rollback", "start", "--yes", "--session", &mine]).ended(4);
    assert!(back.stderr.contains(&format!("Kept file: session {theirs} wrote it last")), "{back}");
    assert_eq!(sandbox.read("file"), "theirs\n");
    assert!(!sandbox.exists("new"));
}

#[test]
fn an_agent_takes_back_only_what_its_session_changed() {
    let sandbox = Sandbox::new();
    let session = sandbox.autonomy(["session", "start"]).ok().stdout.trim().to_owned();
    sandbox.autonomy(["checkpoint", "start"]).ok();
    sandbox.write("file", "the agent\n");
    sandbox.write("other", "the person\n");
    let oid = sandbox.git(["hash-object", "file"]);
    let after = Some(Side { mode: Mode::File, oid: Oid::new(oid).expect("an id") });
    let changes = vec![Change { path: path("file"), before: None, after }];
    happened(&sandbox, Some(&session), &[Fact::ChangeSeen { step: None, changes, more: 0 }]);
    let mut command = sandbox.command(["rollback", "--last", "--yes"]);
    sandbox.run(command.env("CLAUDECODE", "1")).ok();
    assert_ne!(sandbox.read("file"), "the agent\n");
    assert_eq!(sandbox.read("other"), "the person\n");
}

#[test]
fn each_work_tree_has_its_own_last_checkpoint_and_undo() {
    let sandbox = Sandbox::new();
    sandbox.git(["worktree", "add", "--quiet", "../linked", "-b", "side"]);
    sandbox.autonomy(["checkpoint", "main-tree"]).ok();
    let linked = |arguments: &[&str]| {
        let mut command = sandbox.command(arguments);
        command.current_dir(sandbox.work().parent().expect("a parent").join("linked"));
        sandbox.run(&mut command)
    };
    linked(&["rollback", "--last"]).ended(2);
    linked(&["checkpoint", "linked-tree"]).ok();
    sandbox.write("file", "other\n");
    sandbox.write("../linked/file", "other\n");
    sandbox.autonomy(["rollback", "--last", "--yes"]).ok();
    assert_eq!((sandbox.read("file") == "other\n", sandbox.read("../linked/file").as_str()), (false, "other\n"));
    linked(&["rollback", "--undo"]).ended(2);
    let back = linked(&["rollback", "--last", "--yes", "--json"]).ok().json();
    assert!(back["checkpoint"].as_str().is_some_and(|name| name.ends_with("linked-tree")), "{back}");
    assert_eq!(sandbox.read("file"), sandbox.read("../linked/file"));
}

#[test]
fn neither_needs_a_readable_store() {
    let sandbox = Sandbox::new();
    sandbox.autonomy(["checkpoint", "start"]).ok();
    sandbox.write("file", "other\n");
    let log: PathBuf = sandbox.path(".git/autonomy/clone/log.yaml");
    fs::write(&log, "--- {\"seq\":1,\"end\":true}\n").expect("the log can be damaged");
    let back = sandbox.autonomy(["rollback", "--last", "--yes"]).ok();
    assert!(back.stderr.contains("autonomy cannot write this down"), "{back}");
    assert_ne!(sandbox.read("file"), "other\n");
    sandbox.autonomy(["checkpoint", "again"]).ok();
    sandbox.autonomy(["rollback", "--undo", "--yes"]).ok();
    assert_eq!(sandbox.read("file"), "other\n");
}

#[test]
fn settings_that_cannot_be_read_and_a_missing_identity_stop_nothing() {
    let sandbox = Sandbox::new();
    sandbox.write(".claude/autonomy.toml", "version = \n");
    let nobody = sandbox.base().join("home/.gitconfig");
    fs::write(&nobody, "").expect("the sandbox is writable");
    sandbox.autonomy(["checkpoint", "start"]).ok();
    sandbox.write("file", "other\n");
    sandbox.autonomy(["rollback", "--last", "--yes"]).ok();
    assert_ne!(sandbox.read("file"), "other\n");
}
