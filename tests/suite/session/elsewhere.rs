//! Sessions in other places than the one they began in: another clone, a copy, a repository that moved, another work tree.

use std::{fs, process::Command};

use autonomy::{
    host::{clock::Clock, environment::Environment, transaction::Transaction, workspace::Workspace},
    model::{
        checkpoint::CheckpointKind,
        event::Fact,
        id::{CheckpointName, Oid, TaskId},
        time::Timestamp,
    },
};

use super::{started, with_todo};
use crate::sandbox::Sandbox;

/// A session in `work`, whose state is on its branch, and a clone of it beside it.
fn cloned() -> (Sandbox, String) {
    let sandbox = with_todo();
    let session = sandbox.autonomy(["session", "start", "shift", "--goal", "All of it"]).ok().stdout.trim().to_owned();
    sandbox.git(["clone", "--quiet", ".", "../clone"]);
    (sandbox, session)
}

#[test]
fn another_clone_goes_on_in_a_session_of_its_own_that_names_the_last_event() {
    let (sandbox, first) = cloned();
    let sandbox = sandbox.at("../clone");
    sandbox.git(["checkout", "--quiet", "-b", "topic"]);
    let listed = sandbox.autonomy(["session", "list", "--json"]).ok().json();
    assert_eq!(listed["sessions"][0]["place"]["is"], "elsewhere");
    let journals = sandbox.path(format!(".claude/sessions/{first}/journal"));
    let known: Vec<String> = fs::read_dir(journals)
        .expect("the clone has the journals")
        .flat_map(|file| {
            fs::read_to_string(file.expect("listed").path()).expect("text").lines().map(str::to_owned).collect::<Vec<_>>()
        })
        .collect();
    let resumed = sandbox.autonomy(["session", "resume", "--json"]).ok().json();
    assert_eq!((resumed["how"]["was"].clone(), resumed["how"]["session"].clone()), ("continued".into(), first.as_str().into()));
    let last = autonomy::model::id::Digest::of(known.last().expect("events"));
    assert_eq!(resumed["how"]["last"], last.as_str());
    assert_eq!(resumed["goal"], "All of it");
    let again = sandbox.autonomy(["session", "resume", "--json"]).ok().json();
    assert_eq!((again["how"]["was"].clone(), again["session"].clone()), ("active".into(), resumed["session"].clone()));
    let shown = sandbox.autonomy(["session", "show", "--json"]).ok().json();
    assert_eq!(shown["continues"]["session"], first.as_str());
    sandbox.autonomy(["session", "end"]).ok();
    let none = sandbox.autonomy(["session", "resume"]).ended(1);
    assert!(none.stderr.contains("no session is live"), "it was continued already: {none}");

    let home = sandbox.at("../work");
    home.git(["pull", "--quiet", "../clone", "topic"]);
    let sessions = home.autonomy(["session", "list"]).ok();
    insta::assert_snapshot!(sessions, @r"
    exit 0
    --- stdout
    20261120_180004-shift  active     2026-11-20 18:00  under a minute  here  shift
    20261120_180008-shift  completed  2026-11-20 18:00  under a minute  shift
    ");
}

#[test]
fn a_copied_clone_reads_the_logs_and_goes_on_or_is_made_their_home_by_a_person() {
    let (sandbox, first) = cloned();
    let copy = |name: &str| {
        let mut command = Command::new("cp");
        let done = command.args(["-a", "."]).arg(sandbox.path(format!("../{name}"))).current_dir(sandbox.work()).status();
        assert!(done.expect("cp runs").success());
    };
    copy("copy");
    copy("adopted");
    let log = sandbox.read(format!(".git/autonomy/sessions/{first}/log.yaml"));

    let sandbox = sandbox.at("../copy");
    let refused = sandbox.autonomy(["session", "pause", "--session", &first]).ended(3);
    assert!(refused.stderr.contains("was copied from another clone"), "{refused}");
    assert!(sandbox.autonomy(["session", "list"]).ok().stdout.contains("copied from another clone"));
    let resumed = sandbox.autonomy(["session", "resume"]).ok();
    insta::assert_snapshot!(resumed.stderr.lines().next().unwrap_or_default(), @"Session 20261120_180008-shift goes on from 20261120_180004-shift, whose last known event is d0c52d20");
    assert_eq!(sandbox.autonomy(["session", "list"]).ok().stdout.lines().count(), 2);
    sandbox.autonomy(["session", "pause"]).ok();

    let sandbox = sandbox.at("../adopted");
    let agent = sandbox.run(sandbox.command(["session", "resume", "--here"]).env("CLAUDECODE", "1")).ended(3);
    assert!(agent.stderr.contains("reserved for a person"), "{agent}");
    let adopted = sandbox.autonomy(["session", "resume", "--here", "--json"]).ok().json();
    assert_eq!((adopted["how"]["was"].clone(), adopted["session"].clone()), ("adopted".into(), first.as_str().into()));
    sandbox.autonomy(["session", "pause"]).ok();
    sandbox.autonomy(["session", "resume", "--here"]).ended(2);

    let sandbox = sandbox.at("../work");
    assert_eq!(sandbox.read(format!(".git/autonomy/sessions/{first}/log.yaml")), log, "nobody wrote to the first clone");
    sandbox.autonomy(["session", "pause"]).ok();
}

#[test]
fn a_repository_that_moved_keeps_its_session() {
    let sandbox = with_todo();
    let session = started(&sandbox);
    fs::rename(sandbox.work(), sandbox.path("../moved")).expect("moved");
    fs::create_dir(sandbox.work()).expect("made");
    let sandbox = sandbox.at("../moved");
    sandbox.autonomy(["session", "status"]).ended(1);
    let resumed = sandbox.autonomy(["session", "resume", "--json"]).ok().json();
    assert_eq!((resumed["how"]["was"].clone(), resumed["session"].clone()), ("moved".into(), session.as_str().into()));
    sandbox.autonomy(["session", "status"]).ok();
}

#[test]
fn a_session_moves_to_another_work_tree_only_when_it_is_not_active_where_it_is() {
    let sandbox = with_todo();
    let session = started(&sandbox);
    sandbox.git(["worktree", "add", "--quiet", "-b", "side", "../side"]);
    let active = sandbox.autonomy(["-C", "../side", "session", "resume", &session]).ended(4);
    assert!(active.stderr.contains("session pause --session"), "{active}");
    sandbox.autonomy(["session", "pause"]).ok();
    let moved = sandbox.autonomy(["-C", "../side", "session", "resume", &session, "--json"]).ok().json();
    assert_eq!(moved["how"]["was"], "moved");
    sandbox.autonomy(["session", "status"]).ended(1);
    sandbox.autonomy(["-C", "../side", "session", "end"]).ok();
    let over = sandbox.autonomy(["session", "resume", &session]);
    assert_ne!(over.ended(4).stderr.find("--continues"), None);
}

#[test]
fn what_happened_since_a_checkpoint_is_told() {
    let sandbox = with_todo();
    let session = started(&sandbox);
    let environment = Environment::given(sandbox.work(), &[("HOME", sandbox.base().to_str().expect("plain"))]);
    let now = Timestamp::from_millisecond(1_795_197_700_000).expect("in range");
    let workspace = Workspace::find(environment, Clock::fixed(now, 3)).expect("a work tree");
    let head = Oid::new(sandbox.git(["rev-parse", "HEAD"])).expect("a commit");
    let task = TaskId::new("t1").expect("plain");
    let said = |text: &str| Fact::ProgressAdded { text: text.into(), task: None };
    let checkpoint = Fact::CheckpointMade {
        name: Some(CheckpointName::new("checkpoint-20261120_180130-halfway").expect("plain")),
        reference: "refs/tags/checkpoint-20261120_180130-halfway".into(),
        object: head.clone(),
        commit: head.clone(),
        tree: head.clone(),
        evidence: head,
        reason: CheckpointKind::Manual,
        summary: Some("halfway".into()),
        task: None,
    };
    let facts = [
        said("before"),
        Fact::TaskStarted { task: task.clone(), step: None },
        checkpoint,
        said("after"),
        Fact::TaskFailed { task, why: "red".into() },
        Fact::FocusSet { task: None, text: "the parser".into(), next: Some("read the error".into()) },
    ];
    Transaction::of_session(&workspace).and_then(|mut transaction| transaction.append_facts(&facts)).expect("appended");
    sandbox.write("file", "changed\n");
    let resumed = sandbox.autonomy(["session", "resume", "--from", "halfway"]).ok();
    insta::assert_snapshot!(resumed.stdout.replace(&session, "ID"), @r"
    since checkpoint-20261120_180130-halfway (2026-11-20 18:01)
      after
      task t1: failed
      0 commits, 1 file changed, +1 -1
      next: read the error
    ID
    status     active
    time       under a minute of 8h, 7h 59m left
    focus      the parser
    folder     .claude/sessions/ID
    ");
    let unknown = sandbox.autonomy(["session", "resume", "--from", "checkpoint-x"]).ended(2);
    assert!(unknown.stderr.contains("in this session"), "{unknown}");
}
