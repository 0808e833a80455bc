//! Letting go of snapshots: shown first, held on to where something needs them, and nothing but refs goes.

use crate::sandbox::Sandbox;

/// Another snapshot like the one at `like`, under the ref `to`, as if it had been taken at the edge of an attempt.
fn edge(sandbox: &Sandbox, like: &str, to: &str, session: Option<&str>) {
    let message = sandbox.git(["log", "-1", "--format=%B", like]).replace("kind: safety", "kind: edge");
    let session = session.map(|session| format!("session: {session}\n")).unwrap_or_default();
    let parents = sandbox.git(["log", "-1", "--format=%P", like]);
    let mut arguments =
        vec!["commit-tree".to_owned(), format!("{like}^{{tree}}"), "-m".to_owned(), format!("{message}\n{session}")];
    arguments.extend(parents.split(' ').flat_map(|parent| ["-p".to_owned(), parent.to_owned()]));
    let commit = sandbox.git(&arguments);
    sandbox.git(["update-ref", to, &commit]);
}

fn refs(sandbox: &Sandbox, below: &str) -> Vec<String> {
    sandbox.git(["for-each-ref", "--format=%(refname)", below]).lines().map(str::to_owned).collect()
}

/// A repository with a checkpoint, two rollbacks to it, and so their two safety snapshots.
fn rolled_back() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.autonomy(["checkpoint", "start"]).ok();
    for number in 0..2 {
        sandbox.write("file", format!("{number}\n").repeat(20_000));
        sandbox.autonomy(["rollback", "start", "--yes"]).ok();
    }
    sandbox
}

#[test]
fn what_is_too_old_is_shown_first_and_goes_when_a_person_agrees() {
    let sandbox = rolled_back();
    let none = sandbox.autonomy(["checkpoint", "prune"]).ok();
    insta::assert_snapshot!(none, @r"
    exit 0
    --- stderr
    Nothing to let go: 3 checkpoints kept
    ");
    let before = (sandbox.belongings(), sandbox.git(["for-each-ref"]));
    let prune = ["checkpoint", "prune", "--age", "0s"];
    let waits = sandbox.autonomy(prune).ended(3);
    let line = |number: u32| {
        let summary = "before going back to checkpoint-20261120_180001-start";
        format!("auto/clone/{number}  2026-11-20 18:00  safety     {summary}  (older than 0s)\n")
    };
    assert_eq!(waits.stdout, line(1) + &line(2));
    assert!(waits.stderr.starts_with("2 of 3 would go, which alone hold about "), "{waits}");
    assert!(waits.stderr.ends_with(" before compression\nNext: the same command with `--yes` lets them go\n"), "{waits}");
    assert_eq!(sandbox.autonomy([&prune[..], &["--dry-run"]].concat()).ok().stdout, waits.stdout);
    assert_eq!(sandbox.git(["for-each-ref"]), before.1, "nothing went");
    let done = sandbox.autonomy([&prune[..], &["--yes"]].concat()).ok();
    assert!(done.stderr.starts_with("Let go of 2 checkpoints, which alone hold about "), "{done}");
    assert!(done.stderr.contains("until git's own gc takes them"), "{done}");
    sandbox.belongings().assert_same(&before.0, &[]);
    assert_eq!(refs(&sandbox, "refs/autonomy/auto"), [""; 0]);
    assert_eq!(refs(&sandbox, "refs/tags").len(), 1, "what a person took stays");
    sandbox.autonomy(["rollback", "--undo", "--yes"]).ended(2);
    let log = sandbox.read(".git/autonomy/clone/log.yaml");
    assert!(
        log.contains(r#""kind":"checkpoint.pruned","references":["refs/autonomy/auto/clone/1","refs/autonomy/auto/clone/2"]"#)
    );
    sandbox.git(["fsck", "--strict", "--no-dangling"]);
    sandbox.git(["reflog", "expire", "--expire=now", "--all"]);
    sandbox.git(["gc", "--quiet", "--prune=now"]);
    sandbox.write("file", "other\n");
    sandbox.autonomy(["rollback", "start", "--yes"]).ok();
    assert_eq!(sandbox.read("file"), "one\n");
}

#[test]
fn by_number_and_by_weight_the_oldest_go() {
    let sandbox = rolled_back();
    for number in 3..6 {
        edge(&sandbox, "refs/autonomy/auto/clone/2", &format!("refs/autonomy/auto/clone/{number}"), None);
    }
    let outcome = |arguments: &[&str]| {
        let planned = sandbox.autonomy([&["checkpoint", "prune", "--json", "--dry-run"], arguments].concat()).ok().json();
        let names = planned["prune"].as_array().expect("a list").iter();
        let names: Vec<String> = names.map(|going| format!("{} {}", going["name"], going["reason"]).replace('"', "")).collect();
        (names.join(", "), planned["bytes"].as_u64().expect("a number"))
    };
    assert_eq!(outcome(&["--count", "1"]).0, "auto/clone/3 number, auto/clone/4 number");
    // The four that are alike hold one version of 40 kB, which the one keeps that is undone next; the first one holds another.
    let (names, bytes) = outcome(&["--bytes", "30kB"]);
    assert_eq!(names, "auto/clone/1 bytes");
    assert!((40_000..46_000).contains(&bytes), "{bytes}");
    assert_eq!(outcome(&["--bytes", "0B"]).0, "auto/clone/1 bytes, auto/clone/3 bytes, auto/clone/4 bytes, auto/clone/5 bytes");
    sandbox.autonomy(["checkpoint", "prune", "--bytes", "0B", "--yes"]).ok();
    let named = sandbox.autonomy(["checkpoint", "prune", "auto/clone/2", "--yes"]).ok();
    assert!(named.stderr.contains("`autonomy rollback --undo` or `--redo` goes back to it next"), "{named}");
    sandbox.autonomy(["rollback", "--undo", "--yes"]).ok();
    assert_eq!(sandbox.read("file"), "1\n".repeat(20_000), "the last rollback can be undone whatever went");
    sandbox.autonomy(["checkpoint", "prune", "--bytes", "0B", "--yes"]).ok();
    sandbox.autonomy(["rollback", "--redo", "--yes"]).ok();
    assert_eq!(sandbox.read("file"), "one\n");
}

#[test]
fn a_person_s_own_settings_may_keep_less() {
    let sandbox = rolled_back();
    let own = sandbox.base().join("home/.config/autonomy/config.toml");
    std::fs::create_dir_all(own.parent().expect("a folder")).expect("made");
    for (setting, reason) in
        [("keep_safety = \"1s\"", "older than 1s"), ("keep_bytes = \"1kB\"", "more than 1kB that nothing else holds")]
    {
        std::fs::write(&own, format!("[checkpoints]\n{setting}\n")).expect("written");
        let planned = sandbox.autonomy(["checkpoint", "prune", "--dry-run"]).ok();
        assert!(planned.stdout.contains("auto/clone/1  ") && planned.stdout.contains(reason), "{planned}");
    }
}

#[test]
fn what_a_live_session_or_an_undoing_needs_stays_and_is_named() {
    let sandbox = rolled_back();
    sandbox.autonomy(["rollback", "--undo", "--yes"]).ok();
    sandbox.autonomy(["session", "start", "work"]).ok();
    sandbox.autonomy(["checkpoint", "in the session"]).ok();
    sandbox.write("file", "live\n");
    sandbox.autonomy(["rollback", "start", "--yes"]).ok();
    let pruned = sandbox.autonomy(["checkpoint", "prune", "--age", "0s", "--yes"]).ok();
    assert!(pruned.stderr.contains("Let go of 3 checkpoints"), "{pruned}");
    assert!(pruned.stderr.contains("Stays: auto/20261120_") && pruned.stderr.contains("-work is live)"), "{pruned}");
    let named = sandbox.autonomy(["checkpoint", "prune", "in-the-session", "--yes"]).ok();
    assert!(named.stderr.contains("-in-the-session (session 20261120_") && named.stderr.contains("Nothing to let go"), "{named}");
    sandbox.autonomy(["rollback", "--undo", "--yes"]).ok();
    assert_eq!(sandbox.read("file"), "live\n");
    sandbox.autonomy(["checkpoint", "prune", "start", "--yes"]).ok();
    let left: Vec<String> = refs(&sandbox, "refs/tags");
    assert!(left.len() == 1 && left[0].ends_with("-in-the-session"), "{left:?}");
}

#[test]
fn snapshots_of_a_session_become_few_when_it_ends() {
    let sandbox = rolled_back();
    sandbox.autonomy(["session", "start", "work"]).ok();
    let session = sandbox.autonomy(["session", "list", "--json"]).ok().json()["sessions"][0]["session"].clone();
    let session = session.as_str().expect("its name").to_owned();
    for number in 1..=60 {
        edge(&sandbox, "refs/autonomy/auto/clone/2", &format!("refs/autonomy/auto/{session}/{number}"), Some(&session));
    }
    sandbox.autonomy(["checkpoint", "prune", "--count", "0", "--yes"]).ok();
    assert_eq!(refs(&sandbox, "refs/autonomy/auto").len(), 62, "all of them are held on to while it lives");
    sandbox.autonomy(["session", "end"]).ok();
    let left = refs(&sandbox, &format!("refs/autonomy/auto/{session}"));
    assert_eq!(left.len(), 50);
    assert_eq!(refs(&sandbox, "refs/autonomy/auto/clone").len(), 2);
}

#[test]
fn an_agent_cannot_let_checkpoints_go_and_a_repository_cannot_ask_for_it() {
    let sandbox = rolled_back();
    let refused = sandbox.run(sandbox.command(["checkpoint", "prune", "--age", "0s", "--yes"]).env("CLAUDECODE", "1")).ended(3);
    assert!(refused.stderr.contains("person"), "{refused}");
    sandbox.write(".claude/autonomy.toml", "[checkpoints]\nkeep_safety = \"0s\"\nkeep_automatic = 90\n");
    let none = sandbox.autonomy(["checkpoint", "prune", "--json"]).ok().json();
    assert_eq!(none["limits"]["safety"], "336h");
    assert_eq!(none["limits"]["automatic"], 90);
    let warned = sandbox.autonomy(["config", "validate"]);
    assert!(warned.to_string().contains("only your own settings may keep less than the default"), "{warned}");
}
