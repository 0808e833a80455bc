//! The repositories that tests start from, and the sandbox itself: each script makes what its name says.

use std::{fs, path::Path};

use crate::sandbox::{Sandbox, fingerprint, skipped};

mod filters;
mod kinds;

/// Every script, with a question to git and what its answer holds.
const SHAPES: &[(&str, &[&str], &str)] = &[
    ("attributes", &["check-attr", "eol", "a.crlf"], "eol: crlf"),
    ("autocrlf", &["ls-files", "--eol"], "w/crlf"),
    ("bare", &["rev-parse", "--is-bare-repository"], "true"),
    ("bisect", &["bisect", "log"], "git bisect start"),
    ("cherry-pick", &["rev-parse", "--verify", "CHERRY_PICK_HEAD"], ""),
    ("detached", &["branch", "--show-current"], ""),
    ("dirty", &["status", "--porcelain"], "MM both\n D deleted\nA  staged\n M unstaged\n?? untracked"),
    ("filter", &["check-attr", "filter", "a.small"], "filter: small"),
    ("fsmonitor", &["config", "core.fsmonitor"], "monitor"),
    ("ignore-case", &["status", "--porcelain", "--ignored"], "!! ignored"),
    ("ignored", &["status", "--porcelain", "--ignored"], "!! build/\n!! private\n!! secret.env"),
    ("linked", &["worktree", "list", "--porcelain"], "branch refs/heads/side"),
    ("linked-relative", &["worktree", "list", "--porcelain"], "branch refs/heads/side"),
    ("merge", &["status", "--porcelain"], "UU file"),
    ("nested", &["status", "--porcelain"], "?? linked/\n?? vendor/"),
    ("no-file-mode", &["ls-files", "--stage"], "100755"),
    ("non-utf8", &["ls-files"], "\"na\\357ve\""),
    ("partial", &["rev-list", "--objects", "--all", "--missing=print"], "\n?"),
    ("plain", &["log", "--format=%s"], "the first commit"),
    ("rebase", &["status"], "rebase in progress"),
    ("reftable", &["rev-parse", "--show-ref-format"], "reftable"),
    ("reftable-linked", &["rev-parse", "--show-ref-format"], "reftable"),
    ("revert", &["rev-parse", "--verify", "REVERT_HEAD"], ""),
    ("sha256", &["rev-parse", "--show-object-format"], "sha256"),
    ("shallow", &["rev-parse", "--is-shallow-repository"], "true"),
    ("sparse", &["ls-files", "-v"], "S away/file"),
    ("sparse-index", &["ls-files", "-v", "--sparse"], "S away/\n"),
    ("sparse-patterns", &["ls-files", "-v"], "S away/file\nH file\nH kept/file\nS kept/other"),
    ("split-index", &["rev-parse", "--shared-index-path"], "sharedindex."),
    ("submodule", &["submodule", "status"], " library (heads/main)"),
    ("submodule-dirty", &["submodule", "status"], "+"),
    ("submodule-uninitialised", &["submodule", "status"], "-"),
    ("symlinks", &["ls-files", "--stage"], "120000"),
    ("unborn", &["status"], "No commits yet"),
    ("untracked-cache", &["config", "core.untrackedCache"], "true"),
    ("worktree-config", &["config", "--show-scope", "some.key"], "worktree"),
];

#[test]
fn each_script_makes_what_its_name_says() {
    for (name, question, answer) in SHAPES {
        if name.starts_with("reftable") && kinds::version_of_git(&Sandbox::bare_ground()) < [2, 46] {
            skipped(&format!("the repository `{name}`"), "it needs git 2.46");
            continue;
        }
        let sandbox = Sandbox::fixture(name);
        let said = sandbox.git(*question);
        assert!(said.contains(answer.trim_end()), "{name}: git {question:?} says\n{said}\nwithout\n{answer}");
    }
    assert_eq!(Sandbox::fixture("detached").try_git(["symbolic-ref", "--quiet", "HEAD"]).code, Some(1));
}

#[test]
fn every_script_is_listed() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/repos");
    let mut scripts: Vec<String> = fs::read_dir(directory)
        .expect("the fixtures are there")
        .map(|entry| entry.expect("it can be listed").path().file_stem().expect("it has a name").to_string_lossy().into_owned())
        .collect();
    scripts.sort();
    assert_eq!(scripts, SHAPES.iter().map(|(name, ..)| *name).collect::<Vec<_>>());
}

#[test]
fn the_same_script_makes_the_same_commits() {
    let ids = |name| Sandbox::fixture(name).git(["rev-parse", "HEAD"]);
    assert_eq!(ids("dirty"), ids("dirty"));
}

#[test]
fn the_environment_is_the_sandbox_s_own() {
    let sandbox = Sandbox::bare_ground();
    let listed = sandbox.run(&mut sandbox.program("env")).ok().stdout;
    let names: Vec<&str> = listed.lines().filter_map(|line| line.split_once('=')).map(|(name, _)| name).collect();
    for foreign in ["CARGO", "USER", "CLAUDECODE", "SSH_AUTH_SOCK"] {
        assert!(!names.contains(&foreign), "{foreign} leaked into the sandbox");
    }
    assert!(listed.contains("HOME=$SANDBOX/home"), "{listed}");
    let clock = |listed: &str| listed.lines().find(|line| line.starts_with("AUTONOMY_CLOCK")).map(str::to_owned);
    assert_eq!(clock(&listed).as_deref(), Some("AUTONOMY_CLOCK=2026-11-20T18:00:00Z"));
    let later = sandbox.run(&mut sandbox.program("env")).ok().stdout;
    assert_eq!(clock(&later).as_deref(), Some("AUTONOMY_CLOCK=2026-11-20T18:00:01Z"));
}

#[test]
fn an_end_is_told_as_it_was() {
    let sandbox = Sandbox::bare_ground();
    let shell = |script: &str| sandbox.run(sandbox.program("sh").args(["-c", script]));
    assert_eq!(shell("pwd; echo talk >&2; exit 3").ended(3).to_string(), "exit 3\n--- stdout\n$SANDBOX/work\n--- stderr\ntalk\n");
    assert_eq!(shell("kill -9 $$").killed().to_string(), "signal 9\n");
    assert_eq!(shell("echo '{\"a\": 1}'").ok().json()["a"], 1);
}

#[test]
fn a_person_and_their_programs_work_in_it() {
    let sandbox = Sandbox::new().with("ANSWER", "42");
    sandbox.write("deep/file", "text\n");
    assert_eq!(sandbox.status(), "?? deep/file");
    let commit = sandbox.commit_all("a second commit");
    assert_eq!((sandbox.git(["rev-parse", "HEAD"]), sandbox.status()), (commit, String::new()));
    sandbox.install("agent", "#!/bin/sh\nprintf '%s in %s' \"$ANSWER\" \"$(cat file)\" > said\n");
    let sandbox = sandbox.at("deep");
    sandbox.run(&mut sandbox.program("agent")).ok();
    assert_eq!(sandbox.read("said"), "42 in text");
    sandbox.autonomy(["--version"]).ok();
}

#[test]
fn a_capture_of_the_user_s_things_sees_each_of_them() {
    type Touch = fn(&Sandbox);
    let touches: &[(&str, Touch)] = &[
        ("files", |sandbox| sandbox.write("untracked", "changed\n")),
        ("index entries", |sandbox| drop(sandbox.git(["add", "untracked"]))),
        ("staged change", |sandbox| drop(sandbox.git(["rm", "--quiet", "--cached", "staged"]))),
        ("stash", |sandbox| drop(sandbox.git(["stash"]))),
        ("branches", |sandbox| drop(sandbox.git(["branch", "other"]))),
        ("HEAD", |sandbox| drop(sandbox.git(["checkout", "--quiet", "-b", "elsewhere"]))),
        ("reflogs", |sandbox| drop(sandbox.git(["reset", "--quiet", "--soft", "HEAD"]))),
        ("configuration", |sandbox| drop(sandbox.git(["config", "some.key", "value"]))),
        ("hooks", |sandbox| sandbox.write(".git/hooks/post-commit", "#!/bin/sh\n")),
    ];
    for (part, touch) in touches {
        let sandbox = Sandbox::fixture("dirty");
        let before = sandbox.belongings();
        sandbox.belongings().assert_same(&before, &[]);
        touch(&sandbox);
        let after = sandbox.belongings();
        let noticed = std::panic::catch_unwind(|| after.assert_same(&before, &[])).is_err();
        assert!(noticed, "a change of {part} went unseen");
    }
}

#[test]
fn somebody_who_is_not_root_is_held_by_modes() {
    let sandbox = Sandbox::new().unprivileged();
    sandbox.write("closed/file", "text\n");
    let said = sandbox.run(sandbox.program("sh").args(["-c", "chmod 500 closed && echo more > closed/other"]));
    assert_ne!(said.code, Some(0), "{said}");
    assert_eq!(fingerprint(&sandbox.path("closed")).len(), 1);
}

#[test]
fn a_small_disk_fills_up() {
    let sandbox = Sandbox::new();
    let Some((end, after)) = sandbox.on_small_disk(512, "head -c 1000000 /dev/zero > filler") else { return };
    assert_ne!(end.code, Some(0));
    assert!(end.stderr.contains("No space left"), "{end}");
    assert!(after.join("filler").is_file() && !sandbox.exists("filler"));
}
