//! A machine that says no: directories that may not be written, a full disk, locks that others hold, no identity of git.

use std::{
    fs::{self, File},
    os::unix::fs::PermissionsExt as _,
    path::PathBuf,
    time::{Duration, Instant},
};

use super::{everything, live, refused, unchanged};
use crate::sandbox::{Output, Sandbox};

/// The directory of the one live session's log.
fn log_directory(sandbox: &Sandbox) -> PathBuf {
    fs::read_dir(sandbox.path(".git/autonomy/sessions")).unwrap().next().unwrap().unwrap().path()
}

#[test]
fn a_directory_that_may_not_be_written_is_named_and_nothing_is_half_done() {
    let sandbox = live().unprivileged();
    let mode = |path: &str, mode: u32| {
        fs::set_permissions(sandbox.path(path), fs::Permissions::from_mode(mode)).unwrap();
    };
    sandbox.autonomy(["progress", "add", "as somebody else"]).ok();
    let session = log_directory(&sandbox);
    let session = session.strip_prefix(sandbox.work()).unwrap().display().to_string();
    mode(&format!("{session}/bytes"), 0o555);
    refused(&sandbox, &["task", "add", "No room"], 5, &["bytes", "ermission denied"]);
    mode(&format!("{session}/bytes"), 0o755);
    mode(&format!("{session}/log.yaml"), 0o444);
    refused(&sandbox, &["progress", "add", "No room"], 5, &["log.yaml", "ermission denied"]);
    mode(&format!("{session}/log.yaml"), 0o644);
    // The event is in the log before its file: it is not lost, and the next command puts the file in place.
    mode(".claude/tasks", 0o555);
    let said = sandbox.autonomy(["task", "add", "Comes later"]).ended(5);
    assert!(said.stderr.contains(".claude/tasks"), "{said}");
    mode(".claude/tasks", 0o755);
    sandbox.autonomy(["progress", "add", "room again"]).ok();
    assert!(sandbox.autonomy(["task", "list"]).ok().stdout.contains("Comes later"));
    assert!(sandbox.status().contains("comes-later"), "{}", sandbox.status());
}

#[test]
fn a_lock_of_git_is_reported_and_never_taken_away() {
    let sandbox = live();
    sandbox.write(".git/index.lock", "");
    let said: Output = sandbox.autonomy(["commit"]);
    assert!(matches!(said.code, Some(4 | 5)), "{said}");
    assert!(said.stderr.contains("index.lock"), "{said}");
    assert!(sandbox.exists(".git/index.lock"));
    fs::remove_file(sandbox.path(".git/index.lock")).unwrap();
    sandbox.autonomy(["commit"]).ok();
}

#[test]
fn a_read_only_directory_stops_what_would_write_there_before_it_begins() {
    let sandbox = Sandbox::new().unprivileged();
    let mode = |path: &str, mode: u32| {
        fs::set_permissions(sandbox.path(path), fs::Permissions::from_mode(mode)).unwrap();
    };
    mode(".git", 0o555);
    for line in [&["session", "start"][..], &["note", "x"], &["task", "add", "x"], &["checkpoint", "x"]] {
        refused(&sandbox, line, 5, &[".git/autonomy", "ermission denied"]);
    }
    mode(".git", 0o755);
    mode(".", 0o555);
    refused(&sandbox, &["init"], 5, &[".claude", "ermission denied"]);
    refused(&sandbox, &["config", "set", "run.max_steps", "7"], 5, &[".claude", "ermission denied"]);
    mode(".", 0o755);
    sandbox.autonomy(["session", "start"]).ok();
    sandbox.write("file", "one\n");
    sandbox.autonomy(["checkpoint", "first"]).ok();
    sandbox.write("file", "two\n");
    mode(".git/objects", 0o555);
    for entry in fs::read_dir(sandbox.path(".git/objects")).unwrap() {
        fs::set_permissions(entry.unwrap().path(), fs::Permissions::from_mode(0o555)).unwrap();
    }
    sandbox.write("file", "three\n");
    for line in [&["checkpoint", "second"][..], &["rollback", "first", "--yes"]] {
        let (before, tags) = (sandbox.belongings(), sandbox.git(["for-each-ref"]));
        let said = sandbox.autonomy(line).ended(5);
        assert!(said.stderr.contains("ermission denied"), "{said}");
        sandbox.belongings().assert_same(&before, &[]);
        assert_eq!(sandbox.git(["for-each-ref"]), tags, "{said}");
    }
    assert_eq!(sandbox.read("file"), "three\n");
}

/// On a full disk each of `commands` says so and ends with 5; branches, index, files and refs are as before it. Once there
/// is room again, everything that was acknowledged is there and work goes on.
#[track_caller]
fn full(sandbox: &Sandbox, prepare: &str, commands: &[&str]) {
    let look = "git for-each-ref; GIT_OPTIONAL_LOCKS=0 git status --porcelain=v2 --untracked-files=all; cat file";
    let tried = |command: &&str| {
        format!(
            "before=$({look}); $autonomy {command} >/dev/null; echo \"exit $?\"\n\
             [ \"$before\" = \"$({look})\" ] || {{ echo changed; {look}; }}\n"
        )
    };
    let tried = commands.iter().map(tried).collect::<Vec<_>>().concat();
    let script = format!(
        "$autonomy session resume --here >/dev/null 2>&1
        {prepare}
        dd if=/dev/zero of=.git/filler bs=1024 >/dev/null 2>&1
        {tried}
        rm .git/filler
        $autonomy progress add 'room again' 2>/dev/null || exit 91
        $autonomy checkpoint later 2>/dev/null || exit 92
        $autonomy verify >/dev/null 2>&1 || exit 93
        git fsck --strict --no-dangling >/dev/null 2>&1 || exit 94
        cat .git/autonomy/*/log.yaml .git/autonomy/sessions/*/log.yaml 2>/dev/null || true"
    );
    let Some((output, _)) = sandbox.on_small_disk(4096, &script) else { return };
    let said = output.ok();
    let errors: Vec<&str> = said.stderr.lines().filter(|line| line.starts_with("error: ")).collect();
    assert_eq!(errors.len(), commands.len(), "{said}");
    assert!(errors.iter().all(|line| line.contains("No space left on device")), "{said}");
    assert_eq!(said.stdout.matches("exit 5\n").count(), commands.len(), "{said}");
    assert!(!said.stdout.contains("changed\n"), "{said}");
    assert!(said.stdout.contains("\"text\":\"room again\""), "{said}");
    for text in prepare.split('\'').skip(1).step_by(2) {
        assert!(said.stdout.contains(&format!("\"text\":\"{text}\"")), "`{text}` is lost: {said}");
    }
}

#[test]
fn a_full_disk_is_named_and_loses_nothing() {
    let sandbox = live();
    sandbox.write("file", "content\n");
    let long = "x".repeat(5_000);
    let progress = format!("progress add '{long}'");
    full(
        &sandbox,
        "$autonomy progress add 'before' 2>/dev/null || exit 90",
        &[&progress, "task add 'No room'", "note 'No room'", "checkpoint full", "decide 'No room' --option a", "commit"],
    );
}

#[test]
fn a_full_disk_lets_no_session_begin_by_half() {
    let sandbox = Sandbox::new();
    sandbox.write("file", "content\n");
    full(
        &sandbox,
        "$autonomy progress add 'before' 2>/dev/null || exit 90",
        &["session start", "session start --no-health night"],
    );
}

#[test]
fn an_end_that_finds_no_room_says_that_the_session_has_ended_and_is_finished_by_the_next_command() {
    let sandbox = live();
    let mut end = sandbox.command(["session", "end"]);
    let said = sandbox.run(end.env("AUTONOMY_FAILPOINT", "retire.ended=enospc")).ended(5).stderr;
    assert!(said.contains("No space left on device") && said.contains("hint: the session has ended"), "{said}");
    assert!(sandbox.autonomy(["session", "list"]).ok().stdout.contains("completed"));
    assert!(sandbox.autonomy(["session", "status"]).ended(1).stderr.contains("no session is live"));
}

#[test]
fn without_an_identity_of_git_nothing_is_committed() {
    let sandbox = live();
    let nobody = sandbox.with("GIT_CONFIG_GLOBAL", "/dev/null").with("HOME", "/nowhere").with("EMAIL", "");
    refused(&nobody, &["commit"], 5, &["user.name", "hint: "]);
    // Work that needs no commit goes on, and says why none was made.
    let head = nobody.git(["rev-parse", "HEAD"]);
    let done = nobody.autonomy(["task", "done", "Write the parser"]).ok();
    assert!(done.stderr.contains("not committed yet") && done.stderr.contains("user.name"), "{done}");
    assert_eq!(nobody.git(["rev-parse", "HEAD"]), head);
}

/// Runs all of `lines` at once while `lock` is held; each has to end with 4, name the holder, and change nothing.
#[track_caller]
fn held(sandbox: &Sandbox, lock: &std::path::Path, lines: &[&[&str]]) {
    let file = File::options().create(true).truncate(false).read(true).write(true).open(lock).unwrap();
    file.lock().unwrap();
    let visible = || {
        let mut files = everything(sandbox);
        // Bytes and objects lie under their hash before the event or ref that names them, and mean nothing until then; nor
        // does the empty file that the lock of a run is taken on.
        files.retain(|path, _| !path.contains("/bytes") && !path.starts_with(".git/objects") && !path.ends_with("/run.lock"));
        files
    };
    let (begun, before) = (Instant::now(), visible());
    let said: Vec<Output> = std::thread::scope(|scope| {
        let running: Vec<_> = lines.iter().map(|line| scope.spawn(|| sandbox.autonomy(*line))).collect();
        running.into_iter().map(|one| one.join().unwrap()).collect()
    });
    assert!(begun.elapsed() < Duration::from_mins(1), "waiting is bounded");
    let holder = format!("process {}", std::process::id());
    for (line, said) in lines.iter().zip(said) {
        let said = said.ended(4);
        assert!(said.stderr.contains(&holder) && said.stderr.contains("holding it for "), "{line:?}: {said}");
        assert!(said.stderr.contains("hint: "), "{line:?}: {said}");
    }
    unchanged(&before, &visible(), "waiting for a lock in vain");
    file.unlock().unwrap();
}

#[test]
fn who_holds_the_clones_lock_is_named_and_for_how_long() {
    let sandbox = live();
    let lock = sandbox.path(".git/autonomy/lock");
    held(&sandbox, &lock, &[&["commit"], &["task", "start", "Write the parser"], &["checkpoint", "x"], &["session", "end"]]);
    sandbox.autonomy(["commit"]).ok();
}

#[test]
fn who_holds_the_logs_lock_is_named_and_for_how_long() {
    let sandbox = live();
    let log = log_directory(&sandbox).join("log.yaml");
    held(&sandbox, &log, &[&["progress", "add", "x"], &["task", "add", "x"], &["session", "pause"], &["note", "x"]]);
    sandbox.autonomy(["progress", "add", "x"]).ok();
}

#[test]
fn who_holds_the_lock_of_the_run_is_named_and_for_how_long() {
    let sandbox = live().with("AUTONOMY_TERMINAL", "yes");
    sandbox.write("../home/.config/autonomy/config.toml", "[agents.mine]\ndriver = \"command\"\nprogram = \"true\"\n");
    let lock = log_directory(&sandbox).join("run.lock");
    held(&sandbox, &lock, &[&["run", "--agent", "mine", "--uncontained"]]);
}
