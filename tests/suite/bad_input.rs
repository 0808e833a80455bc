//! What goes wrong outside of autonomy: a clear error, an exit code, the next command, and nothing changed.

use std::fs;

use crate::sandbox::{Sandbox, fingerprint};

mod machine;
mod terminal;

/// Files by path, each with kind, mode and content.
type Files = std::collections::BTreeMap<String, String>;

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

/// Asserts that two lists of files are the same, naming only what differs.
#[track_caller]
fn unchanged(before: &Files, after: &Files, what: &str) {
    let differing = before.keys().chain(after.keys()).filter(|path| before.get(*path) != after.get(*path));
    let differing: Vec<_> = differing.map(|path| (path, before.get(path), after.get(path))).collect();
    assert!(differing.is_empty(), "{what} changed something: {differing:#?}");
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
    unchanged(&before, &everything(sandbox), &format!("`{}` was refused and", line.join(" ")));
    let json = sandbox.autonomy([&["--json"], line].concat()).ended(code);
    let refusal: serde_json::Value = serde_json::from_str(json.stderr.trim()).unwrap_or_else(|error| panic!("{error}\n{json}"));
    let keys: Vec<&String> = refusal.as_object().unwrap().keys().collect();
    assert!(keys.iter().any(|key| *key == "code") && keys.iter().any(|key| *key == "message"), "{json}");
}

/// The work tree with its git directory, but for caches, which are made again from what they are of.
fn everything(sandbox: &Sandbox) -> Files {
    let mut files = fingerprint(sandbox.work());
    files.retain(|path, _| !path.ends_with("fold.json") && !path.starts_with(".git/autonomy/cache"));
    files
}

#[test]
fn an_unknown_session_or_task_is_answered_with_the_nearest() {
    let sandbox = live();
    for line in [&["session", "show"][..], &["session", "diff"], &["session", "resume"], &["report", "--session"]] {
        refused(&sandbox, &[line, &["parser-wrok"]].concat(), 2, &["parser-wrok", "parser-work"]);
    }
    for line in [
        &["progress", "add", "x"][..],
        &["task", "add", "x"],
        &["task", "start", "Write the parser"],
        &["focus", "x"],
        &["note", "x"],
        &["ask", "x"],
        &["checkpoint"],
        &["commit"],
        &["session", "pause"],
        &["session", "end"],
    ] {
        refused(&sandbox, &[&["--session", "parser-wrok"], line].concat(), 2, &["parser-wrok", "parser-work"]);
    }
    refused(&sandbox, &["--session", "nothing-like-it", "progress", "add", "x"], 2, &["nothing-like-it", "hint: "]);
    for verb in ["start", "done", "fail", "cancel", "resume", "verify", "show", "wait"] {
        let more: &[&str] = if verb == "fail" { &["--because", "x"] } else { &[] };
        let line = [&["task", verb, "Write the praser"], more].concat();
        refused(&sandbox, &line, 2, &["Write the praser", "write-the-parser"]);
    }
    for line in [
        &["task", "add", "x", "--after", "Write the praser"][..],
        &["task", "add", "x", "--part-of", "Write the praser"],
        &["progress", "add", "x", "--task", "Write the praser"],
        &["note", "x", "--task", "Write the praser"],
        &["decide", "x", "--task", "Write the praser"],
        &["ask", "x", "--blocks", "Write the praser"],
    ] {
        refused(&sandbox, line, 2, &["Write the praser", "write-the-parser"]);
    }
    refused(&sandbox, &["task", "done", "nothing-like-it"], 2, &["nothing-like-it", "hint: "]);
}

#[test]
fn an_unknown_checkpoint_is_answered_with_the_nearest() {
    let sandbox = live();
    refused(&sandbox, &["checkpoint", "show", "first"], 2, &["first", "hint: "]);
    sandbox.autonomy(["checkpoint", "first"]).ok();
    for line in [
        &["checkpoint", "show", "frist"][..],
        &["checkpoint", "diff", "frist"],
        &["checkpoint", "diff", "first", "frist"],
        &["rollback", "frist", "--yes"],
        &["rollback", "frist", "--dry-run"],
        &["session", "resume", "--from", "frist"],
    ] {
        refused(&sandbox, line, 2, &["frist", "-first"]);
    }
    refused(&sandbox, &["rollback", "nothing-like-it", "--yes"], 2, &["nothing-like-it", "autonomy checkpoint list"]);
    refused(&sandbox, &["rollback", "--undo", "--yes"], 2, &["no rollback to undo"]);
}

#[test]
fn an_unknown_question_gate_agent_or_setting_is_answered_with_the_nearest() {
    let sandbox = live();
    sandbox.write(".claude/autonomy.toml", "[gates.tests]\ncommand = \"true\"\n");
    let typed = sandbox.with("AUTONOMY_TERMINAL", "yes");
    typed.autonomy(["ask", "Which colour?"]).ok();
    refused(&typed, &["answer", "Which color?", "red"], 2, &["Which color?", "which-colour"]);
    refused(&typed, &["gate", "run", "tset"], 2, &["tset", "tests"]);
    refused(&typed, &["trust", "tset"], 2, &["tset", "tests"]);
    refused(&typed, &["trust", "revoke", "tset"], 2, &["tset"]);
    refused(&typed, &["config", "get", "run.max_step"], 2, &["run.max_step", "run.max_steps"]);
    refused(&typed, &["run", "--agent", "cluade", "--dry-run"], 2, &["cluade", "claude"]);
    refused(&typed, &["run", "--task", "Write the praser", "--dry-run"], 2, &["Write the praser", "write-the-parser"]);
    refused(&typed, &["--profile", "nihgt", "config", "show"], 2, &["nihgt"]);
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
    let conflict = "<<<<<<< HEAD\n[run]\n=======\n>>>>>>> other\n";
    sandbox.write(".claude/autonomy.toml", conflict);
    refused(&sandbox, &["config", "set", "run.max_steps", "7"], 2, &["autonomy.toml", "line 1, column 9", "<<<<<<< HEAD"]);
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
fn every_kind_of_record_is_named_with_file_line_and_column() {
    let sandbox = live();
    let typed = sandbox.with("AUTONOMY_TERMINAL", "yes");
    for kind in ["decisions", "questions", "memory", "tasks"] {
        let path = format!(".claude/{kind}/20261120_180000-hand-made-0000.md");
        for (text, fragments) in [
            (&b"---\nversion: 1\ntitle: [open\n---\n"[..], &["hand-made", "line 3, column 8", "title: [open"][..]),
            (b"---\nversion: 1\nversion: 1\n---\n", &["hand-made", "line 3, column 1", "version"]),
            (b"---\nversion: 1\ntitle: caf\xe9\n---\n", &["hand-made", "line 3", "UTF-8"]),
            (b"no front matter\n", &["hand-made", "line 1"]),
        ] {
            typed.write(&path, text);
            let before = everything(&typed);
            let said = typed.autonomy(["verify"]).ended(1).to_string();
            assert!(fragments.iter().all(|fragment| said.contains(fragment)), "{kind}: {said}");
            assert_eq!(everything(&typed), before, "{kind}");
        }
        fs::remove_file(typed.path(&path)).unwrap();
    }
    let question = ".claude/questions/20261120_180000-hand-made-0000.md";
    typed.write(question, "---\nversion: 1\ntitle: [open\n---\n");
    refused(&typed, &["answer", "hand-made", "red"], 2, &["hand-made", "line 3, column 8", "title: [open"]);
    typed.write(question, "---\nversion: 99\ntitle: One\n---\n");
    refused(&typed, &["answer", "hand-made", "red"], 5, &["hand-made", "99"]);
}

#[test]
fn a_list_to_import_that_cannot_be_read_is_named() {
    let sandbox = live();
    refused(&sandbox, &["task", "import", "docs/NOTHING.md"], 2, &["docs/NOTHING.md"]);
    sandbox.write("docs/TODO.md", b"- [ ] one\n- [ ] caf\xe9\n");
    refused(&sandbox, &["task", "import", "docs/TODO.md"], 2, &["docs/TODO.md", "line 2", "UTF-8"]);
    let large = vec![b'x'; (16 << 20) + 1];
    sandbox.write("docs/TODO.md", large);
    refused(&sandbox, &["task", "import", "docs/TODO.md"], 2, &["docs/TODO.md", "16777216"]);
}

#[test]
fn files_over_their_cap_are_named() {
    let sandbox = live();
    sandbox.write(".claude/autonomy.toml", vec![b'#'; (4 << 20) + 1]);
    for line in [&["config", "show"][..], &["commit"], &["init"]] {
        refused(&sandbox, line, 2, &["autonomy.toml", "4194304"]);
    }
    fs::remove_file(sandbox.path(".claude/autonomy.toml")).unwrap();
    let mut record = b"---\nversion: 1\ntitle: One\n---\n".to_vec();
    record.resize((16 << 20) + 1, b'x');
    sandbox.write(TASK, record);
    refused(&sandbox, &["task", "start", "hand-made"], 2, &["hand-made", "16777216"]);
}

#[test]
fn what_lies_outside_the_repository_is_judged_the_same() {
    let sandbox = live().with("AUTONOMY_TERMINAL", "yes");
    let own = "../home/.config/autonomy/config.toml";
    for (text, fragments) in [
        ("[run\n", &["config.toml", "line 1, column 5", "[run"][..]),
        ("version = 99\n", &["config.toml", "99"]),
        ("[run]\nmax_steps = 1\nmax_steps = 2\n", &["config.toml", "line 3, column 1", "max_steps"]),
    ] {
        sandbox.write(own, text);
        refused(&sandbox, &["config", "show"], 2, fragments);
        refused(&sandbox, &["config", "set", "--user", "run.max_steps", "7"], 2, fragments);
        assert_eq!(sandbox.read(own), text);
    }
    fs::remove_file(sandbox.path(own)).unwrap();
    sandbox.write(".claude/autonomy.toml", "[gates.tests]\ncommand = \"true\"\n");
    sandbox.autonomy(["trust", "--yes"]).ok();
    let store = fs::read_dir(sandbox.path("../home/.local/state/autonomy/trust")).unwrap().next().unwrap().unwrap().path();
    for (text, code, fragments) in [
        ("version: [\n", 2, &["trust", "line 1", "version: ["][..]),
        ("version: 1\nversion: 1\n", 2, &["trust", "line 2, column 1"]),
        ("version: 99\n", 5, &["trust", "99"]),
    ] {
        fs::write(&store, text).unwrap();
        for line in [&["trust", "list"][..], &["trust", "--yes"], &["trust", "revoke", "--all"], &["gate", "run"]] {
            refused(&sandbox, line, code, fragments);
        }
        assert_eq!(fs::read_to_string(&store).unwrap(), text);
    }
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
fn what_lies_beside_a_log_is_judged_too() {
    let sandbox = live();
    let session = fs::read_dir(sandbox.path(".git/autonomy/sessions")).unwrap().next().unwrap().unwrap().path();
    for path in [session.join("binding.yaml"), sandbox.path(".git/autonomy/clone.yaml")] {
        let good = fs::read_to_string(&path).unwrap();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let later = good.replace("\"version\":1", "\"version\":99").replace("version: 1", "version: 99");
        assert_ne!(later, good, "{good}");
        for (text, code, words) in [(later.as_str(), 5, "99"), ("{", 5, "cannot read")] {
            fs::write(&path, text).unwrap();
            for line in [&["progress", "add", "x"][..], &["task", "add", "x"]] {
                refused(&sandbox, line, code, &[&name, words]);
            }
        }
        fs::write(&path, good).unwrap();
    }
    // A page that is no text is named and left alone; work goes on.
    let page = ".claude/sessions";
    let page = fs::read_dir(sandbox.path(page)).unwrap().next().unwrap().unwrap().path().join("PROGRESS_LOG.md");
    fs::write(&page, b"caf\xe9\n").unwrap();
    let said = sandbox.autonomy(["progress", "add", "goes on"]).ok();
    assert!(said.stderr.contains("PROGRESS_LOG.md") && said.stderr.contains("line 1: not UTF-8"), "{said}");
    assert_eq!(fs::read(&page).unwrap(), b"caf\xe9\n");
}

#[test]
fn no_repository_and_a_bare_one_are_refused_with_the_way_out() {
    let sandbox = Sandbox::bare_ground();
    refused(&sandbox, &["session", "start"], 5, &["git init"]);
    let bare = Sandbox::fixture("bare");
    refused(&bare, &["session", "start"], 5, &["bare", "hint: "]);
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

#[test]
fn nothing_of_something_is_refused_and_not_taken_for_none() {
    let sandbox = live();
    refused(&sandbox, &["next", "--limit", "0"], 2, &["--limit"]);
    refused(&sandbox, &["run", "--max-hours", "0"], 2, &["`0` is no time at all"]);
    refused(&sandbox, &["run", "--max-steps", "0"], 2, &["--max-steps"]);
}

#[test]
fn a_line_that_cannot_be_read_is_refused_as_data_too() {
    let sandbox = live();
    refused(&sandbox, &["frobnicate"], 2, &["unrecognized subcommand 'frobnicate'"]);
    refused(&sandbox, &["task", "start"], 2, &["required arguments", "<TASK>"]);
    refused(&sandbox, &["status", "--wide"], 2, &["unexpected argument '--wide'"]);
    let missing = sandbox.autonomy(["--json", "task"]).ended(2).stderr;
    assert!(missing.contains("\"message\":\"a command is missing\""), "{missing}");
}
