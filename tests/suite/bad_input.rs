//! What goes wrong outside of autonomy: a clear error, an exit code, the next command, and nothing changed.

use std::{
    fs::{self, File},
    os::unix::fs::PermissionsExt as _,
    time::{Duration, Instant},
};

use crate::sandbox::{Output, Sandbox, fingerprint};

const TASK: &str = ".claude/tasks/20261120_180000-hand-made-0000.md";

/// A live session with one task; somebody sits at the terminal.
fn live() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.git(["switch", "--quiet", "-c", "work"]);
    sandbox.autonomy(["session", "start", "Parser work", "--goal", "parse"]).ok();
    sandbox.autonomy(["task", "add", "Write the parser"]).ok();
    sandbox.autonomy(["progress", "add", "acknowledged"]).ok();
    sandbox
}

/// Runs `line`, which has to end with `code`, name every fragment on stderr, give a hint, and change nothing at all.
#[track_caller]
fn refused(sandbox: &Sandbox, line: &[&str], code: i32, fragments: &[&str]) {
    let before = everything(sandbox);
    let said = sandbox.autonomy(line).ended(code);
    assert_eq!(said.stdout, "", "an error is no data");
    assert!(said.stderr.starts_with("error: "), "{said}");
    for fragment in fragments {
        assert!(said.stderr.contains(fragment), "`{fragment}` is not said:\n{said}");
    }
    for word in ["panicked", "RUST_BACKTRACE", "os error 0"] {
        assert!(!said.stderr.contains(word), "{said}");
    }
    assert_eq!(everything(sandbox), before, "`{}` was refused and changed something", line.join(" "));
    let json = sandbox.autonomy([&["--json"], line].concat()).ended(code);
    let refusal: serde_json::Value = serde_json::from_str(json.stderr.trim()).unwrap_or_else(|error| panic!("{error}\n{json}"));
    let keys: Vec<&String> = refusal.as_object().unwrap().keys().collect();
    assert!(keys.iter().any(|key| *key == "code") && keys.iter().any(|key| *key == "message"), "{json}");
}

/// The work tree with its git directory, but for caches, which are made again from what they are of.
fn everything(sandbox: &Sandbox) -> std::collections::BTreeMap<String, String> {
    let mut files = fingerprint(sandbox.work());
    files.retain(|path, _| !path.ends_with("fold.json") && !path.starts_with(".git/autonomy/cache"));
    files
}

#[test]
fn an_unknown_name_is_answered_with_the_nearest() {
    let sandbox = live();
    refused(&sandbox, &["session", "show", "parser-wrok"], 2, &["parser-wrok", "parser-work"]);
    refused(&sandbox, &["--session", "nothing-like-it", "progress", "add", "x"], 2, &["nothing-like-it", "hint: "]);
    refused(&sandbox, &["task", "start", "Write the praser"], 2, &["Write the praser", "write-the-parser"]);
    refused(&sandbox, &["task", "done", "nothing-like-it"], 2, &["nothing-like-it", "hint: "]);
    let typed = sandbox.with("AUTONOMY_TERMINAL", "yes");
    typed.autonomy(["ask", "Which colour?"]).ok();
    refused(&typed, &["answer", "Which color?", "red"], 2, &["Which color?", "which-colour"]);
}

#[test]
fn settings_that_cannot_be_read_are_named_with_file_line_and_column() {
    let sandbox = live();
    for (text, fragments) in [
        ("[gates\n", &["autonomy.toml", "line 1, column 7", "[gates"][..]),
        ("[branches]\nprotected = [\"main\"]\nprotected = []\n", &["autonomy.toml", "line 3, column 1", "protected"]),
        ("version = 99\n", &["autonomy.toml", "99"]),
        ("[run]\nmax_steps = \"many\"\n", &["autonomy.toml", "line 2, column", "max_steps"]),
    ] {
        sandbox.write(".claude/autonomy.toml", text);
        refused(&sandbox, &["config", "get", "run.max_steps"], 2, fragments);
        refused(&sandbox, &["commit"], 2, fragments);
    }
    sandbox.write(".claude/autonomy.toml", b"name = \"caf\xe9\"\n");
    refused(&sandbox, &["config", "show"], 2, &["autonomy.toml", "line 1", "UTF-8"]);
}

#[test]
fn a_record_that_cannot_be_read_is_named_with_file_line_and_column() {
    let sandbox = live();
    let large = format!("---\nversion: 1\ntitle: {}\n---\n", "x".repeat(65 * 1024));
    for (text, fragments) in [
        ("---\nversion: 1\ntitle: [open\n---\n", &["hand-made", "line 3, column 8", "title: [open"][..]),
        ("---\nversion: 1\ntitle: One\ntitle: Two\n---\n", &["hand-made", "line 4, column 1", "title"]),
        ("---\nversion: 1\ntitle: One\nstatus: finished\n---\n", &["hand-made", "line 4, column 9", "finished"]),
        ("---\nversion: 1\ntitle: One\n", &["hand-made", "---"]),
        ("no front matter\n", &["hand-made", "line 1"]),
        (&large, &["hand-made", "64"]),
    ] {
        sandbox.write(TASK, text);
        refused(&sandbox, &["task", "start", "hand-made"], 2, fragments);
    }
    sandbox.write(TASK, b"---\nversion: 1\ntitle: caf\xe9\n---\n");
    refused(&sandbox, &["task", "start", "hand-made"], 2, &["hand-made", "line 3", "UTF-8"]);
    // What a later version wrote is read, but not written.
    sandbox.write(TASK, "---\nversion: 99\ntitle: One\nstatus: open\n---\n");
    assert!(sandbox.autonomy(["task", "list"]).ok().stdout.contains("One"));
    refused(&sandbox, &["task", "cancel", "hand-made"], 5, &["hand-made", "99"]);
}

#[test]
fn one_bad_record_does_not_stop_work_on_the_others() {
    let sandbox = live();
    sandbox.write(TASK, "---\ntitle: [open\n---\n");
    sandbox.autonomy(["task", "start", "Write the parser"]).ok();
    sandbox.autonomy(["progress", "add", "went on"]).ok();
    assert!(sandbox.autonomy(["task", "lint"]).ended(1).to_string().contains("hand-made"));
}

#[test]
fn a_log_of_a_later_version_is_read_but_not_written() {
    let sandbox = Sandbox::new();
    sandbox.autonomy(["session", "start"]).ok();
    let sessions = sandbox.path(".git/autonomy/sessions");
    let session = fs::read_dir(&sessions).unwrap().next().unwrap().unwrap().path();
    let log = session.join("log.yaml");
    let first = fs::read_to_string(&log).unwrap();
    let line = first.lines().next().unwrap();
    assert!(line.contains("\"format\":1"), "{line}");
    let later = line.strip_suffix('}').unwrap().trim_end_matches(",\"end\":true").replace("\"format\":1", "\"format\":99");
    fs::write(&log, format!("{later},\"end\":true}}\n")).unwrap();
    fs::remove_file(session.join("fold.json")).ok();
    refused(&sandbox, &["progress", "add", "x"], 5, &["99"]);
}

#[test]
fn no_repository_and_a_bare_one_are_refused_with_the_way_out() {
    let sandbox = Sandbox::bare_ground();
    refused(&sandbox, &["session", "start"], 5, &["git init"]);
    let bare = Sandbox::fixture("bare");
    refused(&bare, &["session", "start"], 5, &["bare", "hint: "]);
}

#[test]
fn a_directory_that_may_not_be_written_is_named_and_nothing_is_half_done() {
    let sandbox = live().unprivileged();
    let mode = |path: &str, mode: u32| {
        fs::set_permissions(sandbox.path(path), fs::Permissions::from_mode(mode)).unwrap();
    };
    sandbox.autonomy(["progress", "add", "as somebody else"]).ok();
    let session = fs::read_dir(sandbox.path(".git/autonomy/sessions")).unwrap().next().unwrap().unwrap().path();
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
fn a_full_disk_is_named_and_loses_nothing() {
    let sandbox = live();
    let script = "
        $autonomy session resume --here >/dev/null 2>&1
        $autonomy progress add 'before' 2>/dev/null || exit 90
        dd if=/dev/zero of=filler bs=1024 >/dev/null 2>&1
        $autonomy progress add \"$(printf '%01000d' 1)\"; echo \"exit $?\"
        $autonomy task add 'No room'; echo \"exit $?\"
        rm filler
        $autonomy progress add 'after' 2>/dev/null || exit 91
        cat .git/autonomy/sessions/*/log.yaml";
    let Some((output, _)) = sandbox.on_small_disk(4096, script) else { return };
    let said = output.ok();
    assert!(said.stderr.contains("No space left on device"), "{said}");
    assert!(said.stdout.contains("exit 5"), "{said}");
    for text in ["acknowledged", "before", "after"] {
        assert!(said.stdout.contains(&format!("\"text\":\"{text}\"")), "{said}");
    }
}

#[test]
fn without_an_identity_of_git_nothing_is_committed() {
    let sandbox = live();
    let nobody = sandbox.with("GIT_CONFIG_GLOBAL", "/dev/null").with("HOME", "/nowhere").with("EMAIL", "");
    refused(&nobody, &["commit"], 5, &["user.name", "hint: "]);
}

#[test]
fn who_holds_a_lock_is_named_and_for_how_long() {
    let sandbox = live();
    let held = File::options().create(true).truncate(false).write(true).open(sandbox.path(".git/autonomy/lock")).unwrap();
    held.lock().unwrap();
    let begun = Instant::now();
    let said = sandbox.autonomy(["commit"]).ended(4);
    assert!(begun.elapsed() < Duration::from_secs(30), "waiting is bounded");
    let holder = format!("process {}", std::process::id());
    assert!(said.stderr.contains(&holder) && said.stderr.contains("running for"), "{said}");
    held.unlock().unwrap();
    sandbox.autonomy(["commit"]).ok();
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
fn what_only_a_person_may_do_needs_a_terminal() {
    let sandbox = live();
    sandbox.autonomy(["ask", "Which colour?", "--option", "red"]).ok();
    refused(&sandbox, &["answer", "Which colour?", "red"], 3, &["person", "hint: "]);
    sandbox.write(".claude/autonomy.toml", "[gates.test]\ncommand = [\"true\"]\n");
    assert!(sandbox.autonomy(["trust"]).ended(3).stderr.contains("hint: "));
}

#[test]
fn wrong_usage_is_refused_before_anything_is_touched() {
    let sandbox = live();
    let before = everything(&sandbox);
    for line in [&["nonsense"][..], &["task"], &["task", "add"], &["session", "start", "--max-hours", "much"], &["progress"]] {
        let said = sandbox.autonomy(line).ended(2);
        assert!(said.stderr.contains("Usage") || said.stderr.contains("error"), "{said}");
    }
    assert_eq!(everything(&sandbox), before);
}
