//! What `verify` finds and what it mends: each row of what it promises, planted by hand.

use std::{
    fs::{self, File},
    path::PathBuf,
    time::{Duration, SystemTime},
};

use crate::sandbox::Sandbox;

const TASKS: &str = ".claude/tasks";

/// A live session whose first events are committed, with a kept fold, three tasks and nothing to find.
fn live() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.autonomy(["session", "start", "x"]).ok();
    for name in ["a", "b", "c"] {
        let text = format!("---\nversion: 1\ntitle: Task {name}\nacceptance: [\"true\"]\n---\n");
        sandbox.write(format!("{TASKS}/{name}.md"), text);
    }
    for number in 0..20 {
        sandbox.autonomy(["progress", "add", &format!("step {number} {}", "x".repeat(400))]).ok();
    }
    sandbox.autonomy(["verify"]).ok();
    assert!(beside_log(&sandbox, "fold.json").is_file(), "there is a fold to be misled by");
    sandbox
}

/// A file beside the log of the one live session.
fn beside_log(sandbox: &Sandbox, name: &str) -> PathBuf {
    let mut sessions = fs::read_dir(sandbox.path(".git/autonomy/sessions")).unwrap();
    sessions.next().unwrap().unwrap().path().join(name)
}

/// `verify` says each of `fragments`, changes nothing, and ends with `code`.
#[track_caller]
fn finds(sandbox: &Sandbox, code: i32, fragments: &[&str]) {
    let before = sandbox.belongings();
    let said = sandbox.autonomy(["verify"]).ended(code);
    for fragment in fragments {
        assert!(said.stdout.contains(fragment), "`{fragment}` is not in\n{said}");
    }
    sandbox.belongings().assert_same(&before, &[]);
}

fn change(sandbox: &Sandbox, task: &str, from: &str, to: &str) {
    let path = format!("{TASKS}/{task}.md");
    let text = sandbox.read(&path);
    assert!(text.contains(from), "{text}");
    sandbox.write(path, text.replace(from, to));
}

fn made_old(path: &PathBuf, age: Duration) {
    File::options().write(true).open(path).unwrap().set_modified(SystemTime::now() - age).unwrap();
}

#[test]
fn a_changed_event_is_found_whatever_is_kept_and_its_true_line_comes_back_from_git() {
    let sandbox = live();
    let log = beside_log(&sandbox, "log.yaml");
    let whole = fs::read_to_string(&log).unwrap();
    assert!(whole.lines().next().unwrap().contains("\"title\":\"x\""), "{whole}");
    let broken = whole.replace("\"title\":\"x\"", "\"title\":\"y\"");
    for point in ["mend.aside:1=kill", "mend.replaced:1=kill"] {
        fs::write(&log, &broken).unwrap();
        sandbox.run(sandbox.command(["verify", "--repair"]).env("AUTONOMY_FAILPOINT", point)).killed();
        sandbox.autonomy(["verify", "--repair"]).ok();
        sandbox.autonomy(["progress", "add", "after it died"]).ok();
        let now = fs::read_to_string(&log).unwrap();
        assert!(now.starts_with(&whole) && now.contains("after it died"), "{point}");
    }
    fs::write(&log, &broken).unwrap();
    finds(&sandbox, 1, &["error: session", "does not continue event 1", "mend: `autonomy verify --repair`"]);
    let mended = sandbox.autonomy(["verify", "--repair"]).ok();
    assert!(mended.stdout.contains("1 of them from git; 1 lines that fit nowhere"), "{mended}");
    let now = fs::read_to_string(&log).unwrap();
    assert!(now.starts_with(&whole), "not an event is lost");
    assert!(now.contains("store.mended"), "and the log says what happened to it");
    let aside = fs::read_dir(beside_log(&sandbox, "torn")).unwrap().next().unwrap().unwrap().path();
    assert!(fs::read_to_string(&aside).unwrap().contains("\"title\":\"y\""), "what was there is kept");
    let kept = aside.file_name().unwrap().to_string_lossy();
    finds(&sandbox, 0, &["note: session", "the log as it was before it was made whole is kept in `", &kept]);
    sandbox.autonomy(["session", "end"]).ok();
    assert_eq!(sandbox.autonomy(["session", "list", "--json"]).ok().json()["sessions"][0]["title"], "x");
}

#[test]
fn a_log_that_cannot_be_read_is_no_dead_end() {
    let sandbox = live();
    let log = beside_log(&sandbox, "log.yaml");
    let whole = fs::read_to_string(&log).unwrap();
    fs::write(&log, whole.replace("\"text\":\"step 3 ", "\"text\":\"step 3 \"\"")).unwrap();
    fs::remove_file(beside_log(&sandbox, "fold.json")).unwrap();
    sandbox.autonomy(["progress", "add", "more"]).ended(5);
    finds(&sandbox, 1, &["error: session", "is damaged at line", "mend: `autonomy verify --repair`"]);
    assert!(sandbox.autonomy(["verify", "--repair"]).ok().stdout.contains("0 of them from git"));
    sandbox.autonomy(["progress", "add", "more"]).ok();
    let said = sandbox.autonomy(["progress", "list", "--all"]).ok().stdout;
    assert!(said.contains("step 2 ") && !said.contains("step 4 ") && said.contains("more"), "{said}");
    sandbox.autonomy(["verify"]).ok();
    sandbox.autonomy(["session", "end"]).ok();
}

#[test]
fn a_torn_end_and_what_dead_writers_left_are_named_and_mended() {
    let sandbox = live();
    let log = beside_log(&sandbox, "log.yaml");
    let whole = fs::read_to_string(&log).unwrap();
    fs::write(&log, format!("{whole}--- {{\"seq\":99")).unwrap();
    let left = sandbox.path(".claude/.autonomy-1-abc");
    fs::write(&left, "half").unwrap();
    made_old(&left, Duration::from_hours(2));
    finds(
        &sandbox,
        0,
        &["note: session", "its last 13 bytes were cut off", ".autonomy-1-abc: a command that died left it behind"],
    );
    let mended = sandbox.autonomy(["verify", "--repair"]).ok().stdout;
    assert!(mended.contains("mended: removed `") && mended.contains("aside, 13 bytes"), "{mended}");
    assert_eq!(fs::read_to_string(&log).unwrap(), whole);
    assert!(!left.exists());
    let said = sandbox.autonomy(["verify"]).ok();
    assert!(said.stderr.contains("All is well"), "{said}");
}

#[test]
fn what_refers_to_nothing_and_what_goes_in_circles_is_named_with_its_line() {
    let sandbox = live();
    change(&sandbox, "a", "acceptance", "parent: nobody\nacceptance");
    change(&sandbox, "b", "acceptance", "after: [gone]\nacceptance");
    sandbox.write(".claude/questions/q.md", "---\nversion: 1\ntitle: Which?\nblocks: [lost]\n---\n");
    finds(&sandbox, 0, &["tasks/a.md:4: it is a part of `nobody`", "tasks/b.md:4: it comes after `gone`", "holds up `lost`"]);
    change(&sandbox, "a", "parent: nobody", "after: [b]");
    change(&sandbox, "b", "after: [gone]", "after: [c]");
    change(&sandbox, "c", "acceptance", "after: [a]\nacceptance");
    finds(&sandbox, 0, &["the tasks wait for each other: "]);
}

#[test]
fn marks_of_a_conflict_and_later_versions_are_named() {
    let sandbox = live();
    change(&sandbox, "a", "version: 1", "version: 7");
    let text = sandbox.read(format!("{TASKS}/b.md"));
    sandbox.write(format!("{TASKS}/b.md"), format!("{text}\n<<<<<<< ours\none\n=======\ntwo\n>>>>>>> theirs\n"));
    finds(
        &sandbox,
        1,
        &[
            "tasks/b.md: line 7 is a conflict marker",
            "tasks/b.md: line 11 is a conflict marker",
            "warning: .claude/tasks/a.md: it is of version 7, and this program writes 1",
        ],
    );
    sandbox.autonomy(["task", "cancel", "a", "--because", "later"]).ended(5);
    assert!(sandbox.read(format!("{TASKS}/a.md")).contains("version: 7"));
}

#[test]
fn a_lock_of_git_is_named_only_when_it_is_stale_and_never_removed() {
    let sandbox = live();
    let lock = sandbox.path(".git/index.lock");
    fs::write(&lock, "").unwrap();
    assert!(!sandbox.autonomy(["verify"]).ok().stdout.contains("index.lock"), "somebody may hold it this moment");
    made_old(&lock, Duration::from_mins(5));
    let said = sandbox.autonomy(["verify", "--repair"]).ok().stdout;
    assert!(said.contains("index.lock: git's lock has been there for 300 seconds"), "{said}");
    assert!(lock.is_file(), "its holder may live");
}

#[test]
fn a_journal_that_was_changed_and_events_of_somebody_else_are_named() {
    let sandbox = live();
    let journals = sandbox.git(["ls-files", ".claude/sessions/*/journal/*"]);
    let journal = journals.lines().next().unwrap();
    let text = sandbox.read(journal);
    sandbox.write(journal, text.replace("\"title\":\"x\"", "\"title\":\"z\""));
    sandbox.git(["commit", "--quiet", "-am", "history is rewritten"]);
    finds(&sandbox, 1, &["HEAD holds 1 events of it that its log does not have"]);
    sandbox.autonomy(["session", "end"]).ok();
    finds(&sandbox, 1, &["/journal/", "the journal was changed after it was sealed"]);
}

#[test]
fn what_is_gone_is_put_back_and_a_broken_record_goes_back_to_what_could_be_read() {
    let sandbox = live();
    sandbox.autonomy(["task", "add", "Kept"]).ok();
    let record = sandbox.git(["ls-files", "--others", ".claude/tasks/*kept*"]).trim().to_owned();
    let text = sandbox.read(&record);
    fs::remove_file(sandbox.path(&record)).unwrap();
    assert!(sandbox.autonomy(["verify", "--repair"]).ok().stdout.contains("mended: autonomy put back `"));
    assert_eq!(sandbox.read(&record), text);
    sandbox.write(&record, "---\ntitle: [\n---\n");
    finds(&sandbox, 1, &["line 2, column"]);
    let said = sandbox.autonomy(["verify", "--repair"]).ok().stdout;
    assert!(said.contains("is as it last could be read; the damaged bytes are kept"), "{said}");
    assert_eq!(sandbox.read(&record), text);
}
