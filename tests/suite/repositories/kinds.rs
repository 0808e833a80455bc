//! Every kind of repository goes through the same day: checkpoint, changes, rollback, undo, a session with a task, its end.
//!
//! Trees are compared with those of `git add --all` in an index of its own, and everything that belongs to the user with what
//! it was. A kind that the git at hand cannot make is skipped by name, with the version that can.

use std::{
    fs,
    panic::AssertUnwindSafe,
    path::PathBuf,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use crate::sandbox::{Sandbox, skipped};

/// A kind of repository: the script that makes it, and the first git that can.
struct Kind {
    script: &'static str,
    since: [u32; 2],
    /// What is done to the work tree between two checkpoints, besides what is done to all.
    change: fn(&Sandbox),
    /// How lines of new files end, so that they come back as they were.
    ending: &'static str,
}

const fn kind(script: &'static str) -> Kind {
    Kind { script, since: [2, 39], change: |_| {}, ending: "\n" }
}

const KINDS: &[Kind] = &[
    kind("plain"),
    kind("sha256"),
    Kind { since: [2, 46], ..kind("reftable") },
    Kind { since: [2, 46], ..kind("reftable-linked") },
    kind("linked"),
    kind("linked-relative"),
    kind("worktree-config"),
    kind("partial"),
    kind("shallow"),
    Kind { change: |sandbox| sandbox.write("kept/file", "two\n"), ..kind("sparse") },
    Kind { change: |sandbox| sandbox.write("kept/file", "two\n"), ..kind("sparse-patterns") },
    Kind { change: |sandbox| sandbox.write("kept/file", "two\n"), ..kind("sparse-index") },
    kind("split-index"),
    kind("untracked-cache"),
    kind("fsmonitor"),
    Kind { change: |sandbox| sandbox.write("program", "#!/bin/sh\nexit\n"), ..kind("no-file-mode") },
    kind("ignore-case"),
    Kind { change: |sandbox| sandbox.write("file", "one\r\nthree\r\n"), ending: "\r\n", ..kind("autocrlf") },
    Kind {
        change: |sandbox| {
            sandbox.write("a.crlf", "two\r\n");
            sandbox.write("a.lf", "two\n");
            sandbox.write("a.bin", "two\r\n\0");
        },
        ..kind("attributes")
    },
    kind("submodule"),
    kind("submodule-dirty"),
    kind("submodule-uninitialised"),
    kind("nested"),
    Kind { change: |sandbox| fs::rename(sandbox.path("-dash"), sandbox.path("--")).unwrap(), ..kind("non-utf8") },
    kind("symlinks"),
    kind("ignored"),
    kind("dirty"),
    kind("unborn"),
    kind("detached"),
    kind("merge"),
    kind("rebase"),
    kind("cherry-pick"),
    kind("revert"),
    kind("bisect"),
];

/// The kinds that differ from a plain repository in nothing that a snapshot holds.
const LIKE_PLAIN: &[&str] = &[
    "reftable",
    "reftable-linked",
    "linked",
    "linked-relative",
    "worktree-config",
    "split-index",
    "untracked-cache",
    "fsmonitor",
];

pub(super) fn version_of_git(sandbox: &Sandbox) -> [u32; 2] {
    let said = sandbox.git(["version"]);
    let mut numbers = said.trim_start_matches("git version ").split('.').map(|part| part.parse().unwrap_or(0));
    [numbers.next().unwrap_or(0), numbers.next().unwrap_or(0)]
}

/// The repository of a kind, when the git at hand can make it.
fn ground(kind: &Kind) -> Option<Sandbox> {
    let [major, minor] = kind.since;
    if version_of_git(&Sandbox::bare_ground()) < kind.since {
        skipped(&format!("the kind `{}`", kind.script), &format!("it needs git {major}.{minor}"));
        return None;
    }
    Some(Sandbox::fixture(kind.script))
}

/// The tree that `git add --all` makes in an index of its own.
fn tree_of_git(sandbox: &Sandbox) -> String {
    let index = sandbox.git(["rev-parse", "--git-path", "index"]).replace("$SANDBOX", &sandbox.base().to_string_lossy());
    let index = sandbox.path(index);
    let private = PathBuf::from(format!("{}.private", index.display()));
    if index.exists() {
        fs::copy(&index, &private).unwrap();
        let times = fs::metadata(&index).unwrap().modified().unwrap();
        fs::File::options().write(true).open(&private).unwrap().set_modified(times).unwrap();
    }
    let run = |arguments: &[&str]| {
        let quiet = ["-c", "core.splitIndex=false", "-c", "core.fsmonitor=false", "-c", "advice.addEmbeddedRepo=false"];
        let mut git = sandbox.program("git");
        git.env("GIT_INDEX_FILE", &private).args(quiet).args(arguments);
        sandbox.run(&mut git).ok().stdout.trim().to_owned()
    };
    let is_sparse = sandbox.try_git(["config", "core.sparseCheckout"]).stdout.trim() == "true";
    run(if is_sparse { &["add", "--all", "--sparse"] } else { &["add", "--all"] });
    let tree = run(&["write-tree"]);
    fs::remove_file(private).unwrap();
    tree
}

/// Takes a checkpoint, which has to hold what git would, and gives its name and the id of its tree.
#[track_caller]
fn checkpoint(sandbox: &Sandbox, name: &str) -> (String, String) {
    let taken = sandbox.autonomy(["checkpoint", name]).ok().stdout.trim().to_owned();
    let tree = sandbox.git(["rev-parse", &format!("{taken}^{{tree}}")]);
    assert_eq!(tree, tree_of_git(sandbox), "{name}: not the tree of `git add --all`");
    (taken, tree)
}

/// All that the index says, times of files too.
fn index_of(sandbox: &Sandbox) -> String {
    sandbox.git(["ls-files", "-v", "--stage", "--debug"])
}

/// What nothing changes but a commit, in the parts where a commit may.
const BY_COMMITS: &[&str] = &["HEAD", "branches", "reflogs", "index entries"];

fn a_day(kind: &Kind, sandbox: &Sandbox) -> [String; 2] {
    let (before, index) = (sandbox.belongings(), index_of(sandbox));
    let (first, was) = checkpoint(sandbox, "first");
    sandbox.belongings().assert_same(&before, &[]);
    assert_eq!(index_of(sandbox), index, "a checkpoint leaves the index alone");

    (kind.change)(sandbox);
    let write = |name: &str, text: &str| sandbox.write(name, format!("{text}{}", kind.ending));
    write("new", "1");
    write("deep/er/a b", "1");
    write("staged", "1");
    sandbox.git(["add", "staged"]);
    write("staged", "2");
    let after = sandbox.belongings();
    let (_, changed) = checkpoint(sandbox, "second");
    sandbox.belongings().assert_same(&after, &[]);

    let shown = sandbox.autonomy(["rollback", &first]).ended(3);
    assert!(shown.stdout.contains("deep/er/a b"), "the plan is shown first: {shown}");
    sandbox.belongings().assert_same(&after, &[]);
    sandbox.autonomy(["rollback", &first, "--yes"]).ok();
    sandbox.belongings().assert_same(&before, &[]);
    sandbox.autonomy(["rollback", "--undo", "--yes"]).ok();
    sandbox.belongings().assert_same(&after, &[]);

    sandbox.autonomy(["session", "start", "day"]).ok();
    let task = sandbox.autonomy(["task", "add", "look around"]).ok().stdout;
    sandbox.autonomy(["task", "start", task.trim()]).ok();
    sandbox.autonomy(["status"]).ok();
    sandbox.autonomy(["checkpoint", "list"]).ok();
    sandbox.autonomy(["task", "cancel", task.trim(), "--because", "it was looked at"]).ok();
    sandbox.autonomy(["session", "end"]).ok();
    sandbox.autonomy(["verify"]).ok();
    sandbox.belongings().assert_same(&after, BY_COMMITS);
    sandbox.git(["fsck", "--strict", "--no-dangling"]);
    [was, changed]
}

#[test]
fn every_kind_goes_through_a_day() {
    let plain = a_day(&KINDS[0], &Sandbox::fixture("plain"));
    let (next, failed) = (AtomicUsize::new(1), Mutex::new(Vec::new()));
    let work = || {
        while let Some(kind) = KINDS.get(next.fetch_add(1, Ordering::Relaxed)) {
            let Some(sandbox) = ground(kind) else { continue };
            let day = std::panic::catch_unwind(AssertUnwindSafe(|| a_day(kind, &sandbox)));
            let is_right = day.is_ok_and(|trees| trees == plain || !LIKE_PLAIN.contains(&kind.script));
            if !is_right {
                failed.lock().unwrap().push(kind.script);
            }
        }
    };
    thread::scope(|scope| (0..4).for_each(|_| drop(scope.spawn(work))));
    let failed = failed.into_inner().unwrap();
    assert!(failed.is_empty(), "failed as said above, or made another tree of the same content: {failed:?}");
}

#[test]
fn an_index_keeps_the_form_that_the_user_gave_it() {
    for (script, mark) in [("split-index", &b"link"[..]), ("sparse-index", b"sdir")] {
        let sandbox = Sandbox::fixture(script);
        let has_form = || fs::read(sandbox.path(".git/index")).unwrap().windows(4).any(|window| window == mark);
        assert!(has_form(), "{script}: git made another form");
        sandbox.autonomy(["checkpoint", "first"]).ok();
        sandbox.write("new", "1\n");
        sandbox.git(["add", "new"]);
        sandbox.autonomy(["rollback", "--last", "--yes"]).ok();
        assert!(has_form() && sandbox.status().is_empty(), "{script}: {}", sandbox.status());
        sandbox.autonomy(["session", "start", "day"]).ok();
        assert!(has_form() && sandbox.status().is_empty(), "{script}: {}", sandbox.status());
    }
}

#[test]
fn a_monitor_that_is_configured_is_never_run() {
    let sandbox = Sandbox::fixture("fsmonitor");
    let ran = sandbox.base().join("ran");
    let quietly = |arguments: &[&str]| drop(sandbox.autonomy(arguments).ok());
    drop(fs::remove_file(&ran));
    quietly(&["checkpoint", "first"]);
    sandbox.write("new", "1\n");
    quietly(&["rollback", "--last", "--yes"]);
    quietly(&["session", "start", "day"]);
    quietly(&["status"]);
    assert!(!ran.exists(), "the monitor was run");
    sandbox.git(["status"]);
    assert!(ran.exists(), "plain git was to run it");
}

#[test]
fn what_a_partial_clone_lacks_is_not_needed_and_stays_away() {
    let sandbox = Sandbox::fixture("partial");
    let lacks = || {
        sandbox.git(["rev-list", "--objects", "--all", "--missing=print"]).lines().filter(|line| line.starts_with('?')).count()
    };
    let before = lacks();
    assert!(before > 0, "the clone was to lack something");
    sandbox.autonomy(["checkpoint", "first"]).ok();
    sandbox.write("file", "two\n");
    sandbox.autonomy(["rollback", "--last", "--yes"]).ok();
    sandbox.autonomy(["session", "start", "day"]).ok();
    sandbox.autonomy(["session", "end"]).ok();
    assert_eq!(lacks(), before, "something was fetched");
}
