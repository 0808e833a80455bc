//! Sessions as a user sees them: started in every state of a repository, laid aside, taken up, ended, looked at.

use std::{fs, process::Command};

use crate::sandbox::Sandbox;

mod crash;
mod elsewhere;

/// A repository with a list of things to do, on a branch that takes commits.
fn with_todo() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write("docs/TODO.md", "# To do\n- [ ] one\n- [ ] two\n- [x] three\n");
    sandbox.commit_all("a list");
    sandbox
}

/// The command so many minutes after the sandbox's first moment.
fn later<'a>(sandbox: &Sandbox, minutes: u64, arguments: impl IntoIterator<Item = &'a str>) -> Command {
    let moment = jiff::Timestamp::from_second(1_795_197_600 + i64::try_from(minutes * 60).expect("small")).expect("in range");
    let mut command = sandbox.command(arguments);
    command.env("AUTONOMY_CLOCK", moment.to_string());
    command
}

/// Starts a session and gives its name.
fn started(sandbox: &Sandbox) -> String {
    sandbox.autonomy(["session", "start"]).ok().stdout.trim().to_owned()
}

#[test]
fn a_session_starts_with_its_files_and_one_commit() {
    let sandbox = with_todo();
    sandbox.write("file", "changed\n");
    sandbox.write("new file", "x\n");
    let (status, log, before) = (sandbox.status(), sandbox.git(["log", "--oneline", "-10"]), sandbox.belongings());
    let command =
        ["session", "start", "Night shift", "--goal", "All of it", "--constraint", "No new crates", "--max-hours", "1.5"];
    let said = sandbox.autonomy(command).ok();
    insta::assert_snapshot!(said, @r#"
    exit 0
    --- stdout
    20261120_180016-night-shift
    --- stderr
    Started session 20261120_180016-night-shift in .claude/sessions/20261120_180016-night-shift, for 1h 30m
    Committed its state on main as 910ba585f5
    Not committed: 2 paths, as `git status` counts; what was changed stays yours
    docs/TODO.md has 2 open items: `autonomy task import docs/TODO.md` makes them tasks
    Next: `autonomy task add "<title>"`, or `autonomy run "<goal>"`
    "#);
    let folder = format!(".claude/sessions/{}", said.stdout.trim());
    assert_eq!(sandbox.read(format!("{folder}/initial_git_status.txt")).trim_end(), status);
    assert_eq!(sandbox.read(format!("{folder}/recent_commits.txt")).trim_end(), log);
    assert_eq!(sandbox.read(format!("{folder}/initial_todo.md")), sandbox.read("docs/TODO.md"));
    let mut names: Vec<String> = fs::read_dir(sandbox.path(&folder))
        .expect("the folder is there")
        .map(|entry| entry.expect("it can be listed").file_name().into_string().expect("plain"))
        .collect();
    names.sort();
    insta::assert_snapshot!(names.join(" "), @"BLOCKERS.md CURRENT_FOCUS.md DECISION_LOG.md NEXT_ACTIONS.md PROGRESS_LOG.md PROGRESS_SUMMARY.md README.md initial_git_status.txt initial_todo.md journal recent_commits.txt session_env.sh");
    assert_eq!(sandbox.status(), status, "the user's status is as it was");
    sandbox.belongings().assert_same(&before, &["HEAD", "branches", "reflogs", "index entries"]);
    let trailer = sandbox.git(["log", "-1", "--format=%(trailers:key=Autonomy-Session,valueonly)"]);
    assert_eq!(trailer.trim(), said.stdout.trim());
    let committed = sandbox.git(["show", "--format=", "--name-only", "HEAD"]);
    assert!(committed.lines().all(|path| path.starts_with(&folder)), "{committed}");
    let refused = sandbox.autonomy(["session", "start"]).ended(4);
    assert!(refused.stderr.contains("is live in this work tree"), "{refused}");
}

#[test]
fn a_session_starts_in_every_state_and_says_which() {
    let mut report = String::new();
    for state in ["unborn", "detached", "dirty", "merge", "rebase", "cherry-pick", "bisect", "ignored", "symlinks", "linked"] {
        let sandbox = Sandbox::fixture(state);
        let (status, before) = (sandbox.status(), sandbox.belongings());
        let said = sandbox.autonomy(["session", "start"]).ok();
        assert_eq!(sandbox.status(), status, "{state}");
        let committed = said.stderr.contains("Committed its state");
        let moved: &[&str] = if committed { &["HEAD", "branches", "reflogs", "index entries"] } else { &[] };
        sandbox.belongings().assert_same(&before, moved);
        sandbox.autonomy(["session", "status"]).ok();
        let id = said.stdout.trim();
        let told = said.stderr.lines().filter(|line| !line.starts_with("Started") && !line.starts_with("Next"));
        report.push_str(&format!("{state}\n"));
        told.for_each(|line| report.push_str(&format!("  {}\n", line.replace(id, "ID"))));
        if !committed {
            let pinned = sandbox.git(["rev-parse", "--verify", &format!("refs/autonomy/session/{id}")]);
            assert!(!pinned.is_empty(), "{state}: what is not committed is pinned");
        }
    }
    insta::assert_snapshot!(report, @r"
    unborn
      Its state is kept beside git and not committed: the branch `main` has no commit yet
      The branch main has no commit yet
      Not committed: 1 path, as `git status` counts; what was changed stays yours
      There is no docs/TODO.md
    detached
      Its state is kept beside git and not committed: HEAD is detached
      HEAD is on no branch, at d4d4af19b2
      There is no docs/TODO.md
    dirty
      Committed its state on main as c1f59b8491
      Not committed: 5 paths, as `git status` counts; what was changed stays yours
      There is no docs/TODO.md
    merge
      Its state is kept beside git and not committed: `git merge` is in progress
      `git merge` is under way
      Not committed: 1 path, as `git status` counts; what was changed stays yours
      There is no docs/TODO.md
    rebase
      Its state is kept beside git and not committed: `git rebase` is in progress
      HEAD is on no branch, at def2d24aec
      `git rebase` is under way
      Not committed: 1 path, as `git status` counts; what was changed stays yours
      There is no docs/TODO.md
    cherry-pick
      Its state is kept beside git and not committed: `git cherry-pick` is in progress
      `git cherry-pick` is under way
      Not committed: 1 path, as `git status` counts; what was changed stays yours
      There is no docs/TODO.md
    bisect
      Its state is kept beside git and not committed: `git bisect` is in progress
      HEAD is on no branch, at 62cc5f4a75
      `git bisect` is under way
      There is no docs/TODO.md
    ignored
      Committed its state on main as d7adbd5be2
      There is no docs/TODO.md
    symlinks
      Committed its state on main as 1e5703e33f
      There is no docs/TODO.md
    linked
      Committed its state on side as db4f40791b
      There is no docs/TODO.md
    ");
}

#[test]
fn without_a_work_tree_there_is_a_way_out() {
    let bare = Sandbox::fixture("bare").autonomy(["session", "start"]).ended(5);
    let none = Sandbox::bare_ground().autonomy(["session", "start"]).ended(5);
    insta::assert_snapshot!(format!("{bare}\n{none}"), @r"
    exit 5
    --- stderr
    error: `$SANDBOX/work` is a bare repository, which has no work tree
    hint: work in a clone or a linked work tree: `git worktree add <directory>`

    exit 5
    --- stderr
    error: `$SANDBOX/work` is not inside a git repository
    hint: `git init` makes one; then run the command again
    ");
    let inside = Sandbox::new().at(".git/refs").autonomy(["session", "start"]).ended(5).stderr;
    assert!(inside.contains("is inside git's own directory") && inside.contains("hint: go to the work tree"), "{inside}");
}

#[test]
fn a_protected_branch_takes_no_commit_and_run_s_branch_is_named() {
    let sandbox = Sandbox::new();
    sandbox.git(["remote", "add", "origin", "https://example.org/x.git"]);
    let before = sandbox.belongings();
    let said = sandbox.autonomy(["session", "start"]).ok();
    insta::assert_snapshot!(said.stderr, @r#"
    Started session 20261120_180012 in .claude/sessions/20261120_180012, for 8h
    Its state is kept beside git and not committed: `main` is protected: it is a default branch of a repository that has a remote
    There is no docs/TODO.md
    main takes no commits (it is a default branch of a repository that has a remote): `autonomy run` will work on autonomy/20261120_180012
    Next: `autonomy task add "<title>"`, or `autonomy run "<goal>"`
    "#);
    sandbox.belongings().assert_same(&before, &[]);
}

#[test]
fn the_same_second_gives_distinct_names_and_one_work_tree_takes_one() {
    let sandbox = with_todo();
    sandbox.git(["worktree", "add", "--quiet", "-b", "side", "../side"]);
    let start = |directory: &str| {
        let mut command = later(&sandbox, 0, ["-C", directory, "session", "start", "work"]);
        sandbox.run(&mut command)
    };
    let (one, two) = (start(".").ok().stdout.clone(), start("../side").ok().stdout.clone());
    assert_eq!((one.trim(), two.trim()), ("20261120_180000-work", "20261120_180000-work-2"));

    let sandbox = with_todo();
    let children: Vec<_> = (0..6)
        .map(|_| {
            later(&sandbox, 0, ["session", "start"])
                .stdout(std::process::Stdio::piped())
                .stderr(std::process::Stdio::piped())
                .spawn()
                .expect("started")
        })
        .collect();
    let ends: Vec<_> = children.into_iter().map(|child| child.wait_with_output().expect("ended").status.code()).collect();
    assert_eq!(ends.iter().filter(|end| **end == Some(0)).count(), 1, "{ends:?}");
    assert_eq!(ends.iter().filter(|end| **end == Some(4)).count(), 5, "{ends:?}");
    assert_eq!(sandbox.autonomy(["session", "list", "--json"]).ok().json()["sessions"].as_array().map(Vec::len), Some(1));
}

#[test]
fn a_pause_stops_the_clock_and_the_time_runs_out_in_two_steps() {
    let sandbox = with_todo();
    sandbox.run(&mut later(&sandbox, 0, ["session", "start", "--max-hours", "1"])).ok();
    let status = |minutes: u64| {
        sandbox.run(&mut later(&sandbox, minutes, ["session", "status", "--json"])).ok().json()["sessions"][0].clone()
    };
    let paused = sandbox.run(&mut later(&sandbox, 20, ["session", "pause", "lunch"])).ok();
    insta::assert_snapshot!(paused, @r"
    exit 0
    --- stderr
    Paused session 20261120_180000 after 20m: lunch
    Next: `autonomy session resume`
    ");
    sandbox.run(&mut later(&sandbox, 30, ["session", "pause"])).ended(1);
    assert_eq!((status(60)["elapsed"].clone(), status(60)["reason"].clone()), ("20m".into(), "lunch".into()));
    sandbox.run(&mut later(&sandbox, 80, ["session", "resume"])).ok();
    let stops: Vec<_> = [110, 114, 120].into_iter().map(|minutes| status(minutes)["stop"].to_string()).collect();
    assert_eq!(stops, ["\"no\"", "\"soft\"", "\"hard\""]);
    insta::assert_snapshot!(sandbox.run(&mut later(&sandbox, 130, ["session", "status"])).ok(), @r"
    exit 0
    --- stdout
    20261120_180000
    status     active
    time       1h 10m of 1h: the time is up
    folder     .claude/sessions/20261120_180000
    --- stderr
    Next: `autonomy session end`
    ");
}

#[test]
fn an_idle_session_is_paused_by_the_next_command_that_writes() {
    let sandbox = with_todo();
    sandbox.run(&mut later(&sandbox, 0, ["session", "start"])).ok();
    let day = 24 * 60;
    let read = sandbox.run(&mut later(&sandbox, day + 10, ["session", "status", "--json"])).ok().json();
    assert_eq!(read["sessions"][0]["status"], "active", "reading changes nothing");
    let written = sandbox.run(&mut later(&sandbox, day + 10, ["session", "bind", "conversation-1"])).ok();
    insta::assert_snapshot!(written.stderr, @r"
    Nothing happened in session 20261120_180000 for 24h 10m, so it is paused; `autonomy session resume` takes it up again
    Bound the conversation conversation-1 to session 20261120_180000
    ");
    let paused = sandbox.run(&mut later(&sandbox, day + 20, ["session", "status", "--json"])).ok().json();
    assert_eq!(paused["sessions"][0]["reason"], "timed out");
    let resumed = sandbox.run(&mut later(&sandbox, day + 30, ["session", "resume"])).ok();
    assert!(resumed.stdout.contains("status     active") && resumed.stdout.contains("under a minute of 8h"), "{resumed}");
    sandbox.write(".claude/autonomy.toml", "version = 1\n[session]\ntimeout = \"2m\"\n");
    sandbox.run(&mut later(&sandbox, day + 33, ["session", "bind", "conversation-2"])).ok();
    let again = sandbox.run(&mut later(&sandbox, day + 33, ["session", "show", "--json"])).ok().json();
    assert_eq!((again["status"].clone(), again["clients"].as_array().map(Vec::len)), ("paused".into(), Some(2)));
}

#[test]
fn a_command_belongs_to_the_session_that_is_named() {
    let sandbox = with_todo();
    sandbox.git(["worktree", "add", "--quiet", "-b", "side", "../side"]);
    let here = sandbox.autonomy(["session", "start", "here"]).ok().stdout.trim().to_owned();
    let side = sandbox.autonomy(["-C", "../side", "session", "start", "side"]).ok().stdout.trim().to_owned();
    let shown = |command: &mut Command| sandbox.run(command).ok().json()["sessions"][0]["session"].clone();
    let status = ["session", "status", "--json"];
    assert_eq!(shown(&mut sandbox.command(status)), here.as_str());
    assert_eq!(shown(sandbox.command(status).args(["--session", "side"])), side.as_str());
    assert_eq!(shown(sandbox.command(status).env("AUTONOMY_SESSION", &side)), side.as_str());
    let folder = sandbox.path(format!("../side/.claude/sessions/{side}"));
    assert_eq!(shown(sandbox.command(status).env("CLAUDE_SESSION_DIR", folder)), side.as_str());
    assert_eq!(shown(sandbox.command(status).env("AUTONOMY_SESSION", &side).args(["--session", "here"])), here.as_str());
    sandbox.run(sandbox.command(["session", "pause", "--session", "side"]).env("AUTONOMY_SESSION", &here)).ok();
    assert_eq!(sandbox.autonomy(["session", "show", "side", "--json"]).ok().json()["status"], "paused");
    let unknown = sandbox.autonomy(["session", "status", "--session", "hare"]).ended(2);
    let stale = sandbox.run(sandbox.command(status).env("AUTONOMY_SESSION", "20200101_000000")).ended(2);
    insta::assert_snapshot!(format!("{unknown}\n{stale}"), @r#"
    exit 2
    --- stderr
    error: there is no session `hare` among the live ones
    hint: `autonomy session list` shows all

    exit 2
    --- stderr
    {"code":"usage","message":"there is no session `20200101_000000` among the live ones","hint":"AUTONOMY_SESSION names it: `unset AUTONOMY_SESSION`, or name another with `--session`","retryable":false}
    "#);
}

#[test]
fn ended_sessions_are_known_by_what_was_committed_or_pinned() {
    let sandbox = with_todo();
    let first = sandbox.autonomy(["session", "start", "first"]).ok().stdout.trim().to_owned();
    let ended = sandbox.autonomy(["session", "end", "-m", "It works"]).ok();
    // What it commits depends on the sandbox's place, which the session's variables name.
    let commit = sandbox.git(["rev-parse", "--short=10", "HEAD"]);
    insta::assert_snapshot!(ended.stderr.replace(commit.trim(), "<commit>"), @r"
    Ended session 20261120_180004-first as completed after under a minute
    Its last report is .claude/sessions/20261120_180004-first/reports/20261120_180005.md
    Its last checkpoint is checkpoint-20261120_180005-end
    Committed its state on main as <commit>
    Next: `autonomy session diff 20261120_180004-first`
    ");
    let tagged = sandbox.git(["ls-tree", "-r", "--name-only", "checkpoint-20261120_180005-end"]);
    assert!(tagged.contains("/reports/20261120_180005.md"), "it holds the session as it ended:\n{tagged}");
    sandbox.autonomy(["session", "status"]).ended(1);
    sandbox.git(["checkout", "--quiet", "--detach"]);
    sandbox.autonomy(["session", "start", "second"]).ok();
    sandbox.autonomy(["session", "end", "--failed"]).ok();
    fs::remove_dir_all(sandbox.path(".claude")).expect("the user may");
    let third = sandbox.autonomy(["session", "start", "third"]).ok().stdout.trim().to_owned();
    let path = format!(".git/autonomy/sessions/{third}/log.yaml");
    insta::assert_snapshot!(sandbox.autonomy(["session", "list"]).ok(), @r"
    exit 0
    --- stdout
    20261120_180004-first   completed  2026-11-20 18:00  under a minute  first
    20261120_180010-second  failed     2026-11-20 18:00  under a minute  second
    20261120_180012-third   active     2026-11-20 18:00  under a minute  here  third
    ");
    let shown = sandbox.autonomy(["session", "show", &first, "--json"]).ok().json();
    for key in ["session", "user", "started", "ended", "status", "context", "goal", "updated", "version"] {
        assert!(shown.get(key).is_some() || key == "goal", "{key} is missing in {shown}");
    }
    assert_eq!((shown["summary"].clone(), shown["user"].clone()), ("It works".into(), "Test Person".into()));
    sandbox.write(&path, sandbox.read(&path).replace("third", "other"));
    let damaged = sandbox.autonomy(["session", "list"]).ok();
    assert!(damaged.stderr.contains(&format!("{third} cannot be read")), "{damaged}");
    assert!(damaged.stdout.contains("first") && damaged.stdout.contains("second"), "{damaged}");
    sandbox.autonomy(["session", "status"]).ended(5);
}

#[test]
fn a_shell_knows_the_session_whatever_the_path() {
    let sandbox = Sandbox::bare_ground();
    let odd = "it's $HOME `date` \"q\" \\";
    fs::create_dir(sandbox.path(odd)).expect("made");
    let sandbox = sandbox.at(odd);
    sandbox.git(["init", "--quiet"]);
    let session = started(&sandbox);
    let folder = sandbox.path(format!(".claude/sessions/{session}"));
    let asked = "eval \"$(\"$0\" session env)\" && sh -c 'printf \"%s\\n%s\" \"$CLAUDE_SESSION_DIR\" \"$AUTONOMY_SESSION\"'";
    let program = sandbox.command(["x"]).get_program().to_owned();
    let said = sandbox.run(sandbox.program("sh").args(["-c", asked]).arg(&program)).ok();
    let base = sandbox.base();
    let expected = format!("{}\n{session}", folder.to_str().expect("plain")).replace(base.to_str().expect("plain"), "$SANDBOX");
    assert_eq!(said.stdout, expected);
    let sourced = sandbox
        .run(sandbox.program("sh").args(["-c", ". \"$0/session_env.sh\" && printf %s \"$AUTONOMY_SESSION\""]).arg(&folder));
    assert_eq!(sourced.ok().stdout, session);
    let bad = sandbox.autonomy(["session", "env", "--shell", "csh"]).ended(2);
    assert!(bad.stderr.contains("none of the shells"), "{bad}");
}

#[test]
fn a_session_is_compared_with_its_start() {
    let sandbox = with_todo();
    sandbox.write("src/lib.rs", "#[test]\nfn a() {}\n");
    sandbox.commit_all("one test");
    let session = started(&sandbox);
    sandbox.write("src/lib.rs", "#[test]\nfn a() {}\n#[test]\nfn b() {}\n");
    sandbox.commit_all("another test");
    sandbox.write("docs/TODO.md", "# To do\n- [x] one\n- [ ] two\n- [x] three\n");
    sandbox.write("new.bin", b"\0\x01\x02");
    let live = sandbox.autonomy(["session", "diff"]).ok().to_string();
    sandbox.commit_all("one is done");
    sandbox.autonomy(["session", "end"]).ok();
    let end = sandbox.git(["rev-parse", "--short=10", "HEAD"]);
    sandbox.write("later", "not of the session\n");
    sandbox.commit_all("later");
    let over = sandbox.autonomy(["session", "diff", &session]).ok().to_string().replace(end.trim(), "<end>");
    insta::assert_snapshot!(format!("{live}\n{over}"), @r"
    exit 0
    --- stdout
        +1     -1  docs/TODO.md
           binary  new.bin
        +2     -0  src/lib.rs
    3 files, +3 -1 from ba64a59893 to the work tree
    2 commits, 1 by autonomy; tests +1
    closed in docs/TODO.md: one

    exit 0
    --- stdout
        +1     -1  docs/TODO.md
           binary  new.bin
        +2     -0  src/lib.rs
    3 files, +3 -1 from ba64a59893 to <end>
    4 commits, 2 by autonomy; tests +1
    closed in docs/TODO.md: one
    ");
}

#[test]
fn a_red_gate_stops_the_start_unless_it_is_forced() {
    let sandbox = with_todo();
    sandbox.write(".claude/autonomy.toml", "version = 1\n[gates.file]\ncommand = \"cat file; grep -q good file\"\n");
    sandbox.commit_all("a gate");
    sandbox.autonomy(["session", "start", "untrusted"]).ok();
    sandbox.autonomy(["session", "end"]).ok();
    sandbox.run(sandbox.command(["trust", "--yes"]).env("AUTONOMY_TERMINAL", "yes")).ok();
    let before = sandbox.belongings();
    let red = sandbox.autonomy(["session", "start"]).ended(1);
    insta::assert_snapshot!(red.stderr, @r"
    error: the gate `file` is red, so no session was started; what it printed last:
    one
    hint: `autonomy gate run file` shows more; `--force` starts all the same
    ");
    sandbox.belongings().assert_same(&before, &[]);
    sandbox.autonomy(["session", "status"]).ended(1);
    let forced = sandbox.autonomy(["session", "start", "--force"]).ok();
    assert!(forced.stderr.contains("Gate file is red"), "{forced}");
    sandbox.autonomy(["session", "end"]).ok();
    sandbox.autonomy(["session", "start", "--no-health"]).ok();
    sandbox.autonomy(["session", "end"]).ok();
    sandbox.write("file", "good\n");
    let green = sandbox.autonomy(["session", "start", "--json"]).ok().json();
    assert_eq!((green["health"][0]["gate"].clone(), green["health"][0]["verdict"].clone()), ("file".into(), "green".into()));
}
