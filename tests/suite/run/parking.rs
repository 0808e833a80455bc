//! Work that is put aside after its last try: pinned, taken out of the way, and back when the task is resumed.

use crate::{
    run::{GREET, log, stage},
    sandbox::Sandbox,
};

#[test]
fn after_the_last_try_a_task_is_parked_and_comes_back_with_its_work() {
    let sandbox = stage(GREET, &["Break", "Greet"]);
    let said = sandbox.autonomy(["run"]).ended(1);
    assert!(said.stderr.contains("3 tries failed; the last: gate check is red"), "{}", said.stderr);
    assert!(said.stdout.starts_with("1 done, 1 parked or waiting, 5 attempts"), "{}", said.stdout);
    assert!(!sandbox.exists("broken.txt") && sandbox.exists("greeting.txt"));
    let pins = sandbox.git(["for-each-ref", "--format=%(refname)", "refs/autonomy/parked/"]);
    assert_eq!(sandbox.git(["show", &format!("{}:broken.txt", pins.trim())]), "WRONG");
    sandbox.autonomy(["task", "resume", "Break"]).ok();
    let said = sandbox.autonomy(["run", "--max-steps", "1"]).ended(6);
    assert!(said.stderr.contains("its parked work is back: 1 path"), "{}", said.stderr);
}

fn pinned(sandbox: &Sandbox) -> String {
    let pins = sandbox.git(["for-each-ref", "--format=%(refname)", "refs/autonomy/parked/"]);
    sandbox.git(["show", &format!("{}:broken.txt", pins.trim())])
}

#[test]
fn a_parking_that_is_killed_anywhere_keeps_the_work_and_takes_it_out_of_the_way() {
    let points = {
        let sandbox = stage(GREET, &["Break"]);
        let trace = sandbox.base().join("trace");
        sandbox.run(sandbox.command(["run"]).env("AUTONOMY_FAILPOINT_TRACE", &trace)).ended(1);
        std::fs::read_to_string(trace).unwrap()
    };
    let count = |name: &str| points.lines().filter(|line| *line == name).count();
    for (point, hit) in [
        ("snapshot.pinned", count("snapshot.pinned")),
        ("snapshot.logged", count("snapshot.logged")),
        ("snapshot.placed", count("snapshot.placed")),
        ("restore.delete", 1),
        ("restore.files", 1),
        ("restore.index", 1),
        ("run.parked", 1),
    ] {
        assert!(count(point) >= hit && hit > 0, "{point} is not passed");
        let sandbox = stage(GREET, &["Break"]);
        sandbox.run(sandbox.command(["run"]).env("AUTONOMY_FAILPOINT", format!("{point}:{hit}=kill"))).killed();
        let said = sandbox.autonomy(["run"]).ended(1);
        assert!(!sandbox.exists("broken.txt"), "{point}: {}", said.stderr);
        assert_eq!(pinned(&sandbox), "WRONG", "{point}");
        sandbox.autonomy(["task", "resume", "Break"]).ok();
        let said = sandbox.autonomy(["run", "--max-steps", "1"]).ended(6);
        assert!(said.stderr.contains("its parked work is back: 1 path"), "{point}: {}", said.stderr);
    }
}

#[test]
fn work_that_comes_back_is_committed_with_what_is_added_to_it() {
    let half = "version: 1\nsteps:\n  - write: { path: first.txt, content: \"one\\n\" }\n  - exit: 1\n";
    let sandbox = stage(half, &["Two"]);
    sandbox.autonomy(["run"]).ended(1);
    assert!(!sandbox.exists("first.txt"), "it was parked");
    std::fs::write(
        sandbox.base().join("recording.yaml"),
        "version: 1\nsteps:\n  - run: { shell: \"test -f first.txt && echo two >second.txt\" }\n  - say: Done.\n",
    )
    .unwrap();
    sandbox.autonomy(["task", "resume", "Two"]).ok();
    sandbox.autonomy(["run"]).ok();
    assert_eq!(
        sandbox.git(["show", "--format=%s", "--name-only", "HEAD", "--", ":!.claude"]).trim(),
        "Two\n\nfirst.txt\nsecond.txt"
    );
}

#[test]
fn a_parking_is_undone_like_any_rollback() {
    let sandbox = stage(GREET, &["Break"]);
    sandbox.autonomy(["run"]).ended(1);
    sandbox.autonomy(["rollback", "--undo", "--yes"]).ok();
    assert_eq!(sandbox.read("broken.txt"), "WRONG\n");
}

/// A further gate of the person's own.
fn gate(sandbox: &Sandbox, command: &str) {
    let config = sandbox.base().join("home/.config/autonomy/config.toml");
    let settings = std::fs::read_to_string(&config).unwrap();
    std::fs::write(config, format!("{settings}[gates.aaa]\ncommand = {command:?}\n")).unwrap();
}

#[test]
fn what_a_person_changed_since_the_last_attempt_stays_and_is_named() {
    // Gates run again only on a tree that is new to them.
    let both = "version: 1\nsteps:\n  - write: { path: broken.txt, content: \"WRONG\\n\" }\n  - run: { shell: \"echo $$ >mine.txt\" }\n  - say: Done.\n";
    let sandbox = stage(both, &["Break"]);
    gate(&sandbox, "test ! -f mine.txt || echo a person >mine.txt");
    let said = sandbox.autonomy(["run"]).ended(1).stderr;
    assert!(!sandbox.exists("broken.txt"), "{said}");
    assert_eq!(sandbox.read("mine.txt"), "a person\n", "{said}");
    assert!(said.contains("`mine.txt` stayed, for somebody changed it since the last attempt"), "{said}");
    assert!(log(&sandbox).contains("`mine.txt` stayed, for somebody changed it"), "{}", log(&sandbox));
}

#[test]
fn in_the_middle_of_a_merge_nothing_is_put_aside() {
    let sandbox = stage(GREET, &["Break"]);
    gate(&sandbox, "test ! -f broken.txt || git rev-parse HEAD >.git/MERGE_HEAD");
    let said = sandbox.autonomy(["run"]).ended(4).stderr;
    assert!(said.contains("`git merge` is in the middle of its work, so nothing goes back by itself"), "{said}");
    assert_eq!(sandbox.read("broken.txt"), "WRONG\n");
    std::fs::remove_file(sandbox.path(".git/MERGE_HEAD")).unwrap();
    let config = sandbox.base().join("home/.config/autonomy/config.toml");
    let settings = std::fs::read_to_string(&config).unwrap();
    std::fs::write(config, settings.split("[gates.aaa]").next().unwrap()).unwrap();
    let said = sandbox.autonomy(["run"]).ended(1).stderr;
    assert!(!sandbox.exists("broken.txt"), "{said}");
    assert_eq!(pinned(&sandbox), "WRONG");
}

#[test]
fn what_a_commit_deletes_many_of_is_kept_as_a_checkpoint_first() {
    let clean = "version: 1\nsteps:\n  - run: { shell: \"rm old-*.txt\" }\n  - say: Done.\n";
    for (count, kept) in [(25, 1), (5, 0)] {
        let sandbox = stage(clean, &["Clean up"]);
        for number in 0..count {
            sandbox.write(format!("old-{number}.txt"), "1\n");
        }
        sandbox.commit_all("old files");
        let said = sandbox.autonomy(["run"]).ok().stderr;
        let tags = sandbox.git(["tag", "--list", "checkpoint-*-before-clean-up"]);
        assert_eq!(tags.lines().count(), kept, "{said}");
        if kept > 0 {
            assert!(said.contains("deletes 25 files: checkpoint checkpoint-"), "{said}");
            assert!(!sandbox.exists("old-0.txt"));
            sandbox.autonomy(["rollback", tags.trim(), "--yes"]).ok();
            assert_eq!(sandbox.read("old-24.txt"), "1\n");
        }
    }
}
