//! A checkpoint or rollback that is killed at any fail point: the next command finds what was before or what comes after.

use std::{collections::BTreeMap, fs};

use crate::sandbox::{Belongings, Sandbox};

fn ground() -> Sandbox {
    let sandbox = Sandbox::new();
    for name in ["a/x", "a/y", "b/z"] {
        sandbox.write(name, "1\n");
    }
    sandbox.commit_all("ground");
    sandbox.autonomy(["checkpoint", "start"]).ok();
    sandbox.write("a/x", "2\n");
    sandbox.git(["add", "a/x"]);
    fs::remove_dir_all(sandbox.path("b")).unwrap();
    sandbox.write("b", "a file\n");
    sandbox.write("new/deep", "1\n");
    sandbox
}

/// Every fail point that the command passes, with how often.
fn points(line: &[&str]) -> BTreeMap<String, usize> {
    let sandbox = ground();
    let trace = sandbox.base().join("trace");
    sandbox.run(sandbox.command(line).env("AUTONOMY_FAILPOINT_TRACE", &trace)).ok();
    let mut points = BTreeMap::new();
    for name in fs::read_to_string(trace).unwrap().lines() {
        *points.entry(name.to_owned()).or_default() += 1;
    }
    points
}

fn killed_at(sandbox: &Sandbox, line: &[&str], point: &str, hit: usize) {
    let armed = format!("{point}:{hit}=kill");
    sandbox.run(sandbox.command(line).env("AUTONOMY_FAILPOINT", armed)).killed();
}

/// Checkpoints by tag, and the events that say so.
fn known(sandbox: &Sandbox) -> (usize, usize) {
    let log = fs::read_to_string(sandbox.path(".git/autonomy/clone/log.yaml")).unwrap_or_default();
    let events = log.lines().filter(|line| line.contains("checkpoint.made") && line.contains("refs/tags/")).count();
    (sandbox.git(["tag", "--list", "checkpoint-*"]).lines().count(), events)
}

#[test]
fn a_checkpoint_is_there_with_its_event_or_not_at_all() {
    let line = ["checkpoint", "second"];
    let points = points(&line);
    for expected in ["objects.write", "objects.written", "snapshot.pinned", "snapshot.logged", "snapshot.placed"] {
        assert!(points.contains_key(expected), "{expected} is not passed: {points:?}");
    }
    for (point, hits) in points {
        for hit in [1, hits] {
            let sandbox = ground();
            let before = sandbox.belongings();
            killed_at(&sandbox, &line, &point, hit);
            sandbox.belongings().assert_same(&before, &[]);
            sandbox.git(["gc", "--quiet", "--prune=now"]);
            sandbox.autonomy(["checkpoint", "next"]).ok();
            let (tags, events) = known(&sandbox);
            assert_eq!(tags, events, "killed at {point}:{hit}");
            assert!(tags == 2 || tags == 3, "killed at {point}:{hit}: {tags} tags");
            assert_eq!(sandbox.git(["for-each-ref", "refs/autonomy/pending"]), "", "killed at {point}:{hit}");
            sandbox.git(["fsck", "--strict", "--no-dangling"]);
            sandbox.belongings().assert_same(&before, &[]);
        }
    }
}

#[test]
fn a_rollback_is_finished_by_the_next_command_or_never_began() {
    let line = ["rollback", "start", "--yes"];
    let points = points(&line);
    for expected in ["restore.delete", "restore.write", "restore.wrote", "restore.files", "index.locked", "restore.index"] {
        assert!(points.contains_key(expected), "{expected} is not passed: {points:?}");
    }
    let after: Belongings = {
        let sandbox = ground();
        sandbox.autonomy(line).ok();
        sandbox.belongings()
    };
    for (point, hits) in points {
        for hit in [1, hits.div_ceil(2), hits] {
            let sandbox = ground();
            let before = sandbox.belongings();
            killed_at(&sandbox, &line, &point, hit);
            sandbox.autonomy(["checkpoint", "next"]).ok();
            let now = sandbox.belongings();
            if now != before {
                now.assert_same(&after, &[]);
                sandbox.autonomy(["rollback", "--undo", "--yes"]).ok();
                sandbox.belongings().assert_same(&before, &[]);
            }
            sandbox.git(["fsck", "--strict", "--no-dangling"]);
        }
    }
}
