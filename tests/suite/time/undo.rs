//! Undoing rollbacks step by step, to the beginning and back, each step to the byte.

use crate::sandbox::Sandbox;

#[test]
fn undoing_walks_back_through_all_rollbacks_and_redoing_forward_again() {
    let sandbox = Sandbox::new();
    let mut pictures = Vec::new();
    for number in 0..3 {
        sandbox.write("file", format!("{number}\n"));
        sandbox.write(format!("only-{number}"), "1\n");
        sandbox.autonomy(["checkpoint", &format!("c{number}")]).ok();
    }
    sandbox.git(["add", "only-2"]);
    sandbox.write("scratch", "1\n");
    pictures.push(sandbox.belongings());
    for name in ["c2", "c1", "c0"] {
        pictures.push(sandbox.belongings());
        sandbox.autonomy(["rollback", name, "--yes"]).ok();
    }
    let end = sandbox.belongings();
    let undo = || sandbox.autonomy(["rollback", "--undo", "--yes"]);
    let redo = || sandbox.autonomy(["rollback", "--redo", "--yes"]);
    redo().ended(2);
    for picture in pictures[1..].iter().rev() {
        let said = undo().ok();
        assert!(said.stderr.contains("--redo"), "{said}");
        sandbox.belongings().assert_same(picture, &[]);
    }
    let over = undo().ended(2);
    assert!(over.stderr.contains("no rollback to undo") && over.stderr.contains("--redo"), "{over}");
    for _ in 0..3 {
        redo().ok();
    }
    sandbox.belongings().assert_same(&end, &[]);
    redo().ended(2);
    undo().ok();
    sandbox.belongings().assert_same(&pictures[3], &[]);
}

#[test]
fn what_was_written_after_a_rollback_is_a_conflict_of_its_undoing() {
    let sandbox = Sandbox::new();
    sandbox.write("text", "1\n2\n3\n");
    sandbox.autonomy(["checkpoint", "start"]).ok();
    sandbox.write("text", "one\n2\n3\n");
    sandbox.autonomy(["rollback", "start", "--yes"]).ok();
    sandbox.write("text", "1\n2\nthree\n");
    let kept = sandbox.autonomy(["rollback", "--undo", "--dry-run"]).ok();
    assert!(kept.stdout.starts_with("conflict text  (it was changed since)\n"), "{kept}");
    let both = sandbox.autonomy(["rollback", "--undo", "--merge", "--yes"]).ok();
    assert_eq!(sandbox.read("text"), "one\n2\nthree\n", "{both}");
    sandbox.autonomy(["rollback", "--redo", "--yes"]).ok();
    assert_eq!(sandbox.read("text"), "1\n2\nthree\n");
}

#[test]
fn undoing_brings_back_the_very_bytes_that_git_would_not_write_again() {
    let sandbox = Sandbox::new();
    sandbox.git(["config", "core.autocrlf", "true"]);
    sandbox.write("text", "one\r\ntwo\r\n");
    sandbox.commit_all("text");
    sandbox.autonomy(["checkpoint", "start"]).ok();
    sandbox.write("text", "one\nthree\r\nfour\n");
    sandbox.write("new", "lf\n");
    let there = || {
        assert_eq!((sandbox.read("text").as_str(), sandbox.exists("new")), ("one\r\ntwo\r\n", false));
    };
    let back = || {
        assert_eq!((sandbox.read("text").as_str(), sandbox.read("new").as_str()), ("one\nthree\r\nfour\n", "lf\n"));
    };
    sandbox.autonomy(["rollback", "start", "--yes"]).ok();
    there();
    for _ in 0..2 {
        sandbox.autonomy(["rollback", "--undo", "--yes"]).ok();
        back();
        sandbox.autonomy(["rollback", "--redo", "--yes"]).ok();
        there();
    }
    sandbox.git(["fsck", "--strict", "--no-dangling"]);
}

#[test]
fn going_back_writes_line_ends_as_git_checks_out_and_what_git_stores_is_the_same() {
    let sandbox = Sandbox::new();
    sandbox.git(["config", "core.autocrlf", "true"]);
    sandbox.write("text", "one\r\ntwo\r\n");
    sandbox.commit_all("text");
    sandbox.write("text", "one\nthree\r\n");
    sandbox.autonomy(["checkpoint", "mixed"]).ok();
    sandbox.write("text", "later\r\n");
    sandbox.autonomy(["rollback", "mixed", "--yes"]).ok();
    assert_eq!(sandbox.read("text"), "one\r\nthree\r\n");
    let same = sandbox.autonomy(["checkpoint", "diff", "mixed"]).ok();
    assert_eq!(same.stdout, "", "{same}");
    sandbox.autonomy(["rollback", "--undo", "--yes"]).ok();
    assert_eq!(sandbox.read("text"), "later\r\n");
}

#[test]
fn what_a_rollback_put_there_and_is_ignored_since_stays_and_is_named() {
    let sandbox = Sandbox::new();
    sandbox.write("notes", "1\n");
    sandbox.autonomy(["checkpoint", "start"]).ok();
    std::fs::remove_file(sandbox.path("notes")).unwrap();
    sandbox.autonomy(["rollback", "start", "--yes"]).ok();
    std::fs::create_dir_all(sandbox.path(".git/info")).unwrap();
    let rules = std::fs::read_to_string(sandbox.path(".git/info/exclude")).unwrap_or_default();
    std::fs::write(sandbox.path(".git/info/exclude"), format!("{rules}/notes\n")).unwrap();
    let said = sandbox.autonomy(["rollback", "--undo", "--dry-run"]).ok();
    assert_eq!(said.stdout, "keep     notes  (it is ignored)\n");
    sandbox.autonomy(["rollback", "--undo", "--yes"]).ok();
    assert_eq!(sandbox.read("notes"), "1\n");
}
