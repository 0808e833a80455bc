//! A crash at any point of starting and ending a session leaves it as it was before or as it is after.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
};

use super::with_todo;
use crate::sandbox::Sandbox;

/// The first and the last hit of each fail point that a command reaches in a sandbox prepared by `prepare`.
fn points(prepare: impl Fn() -> Sandbox, command: &[&str]) -> Vec<String> {
    let sandbox = prepare();
    let trace = sandbox.base().join("trace");
    sandbox.run(sandbox.command(command).env("AUTONOMY_FAILPOINT_TRACE", &trace)).ok();
    let mut counts = BTreeMap::new();
    for name in fs::read_to_string(trace).expect("points were reached").lines() {
        *counts.entry(name.to_owned()).or_insert(0_u32) += 1;
    }
    counts
        .into_iter()
        .flat_map(|(name, count)| BTreeSet::from([1, count]).into_iter().map(move |hit| format!("{name}:{hit}=kill")))
        .collect()
}

#[test]
fn a_killed_start_leaves_a_session_or_none() {
    let points = points(with_todo, &["session", "start", "x"]);
    assert!(points.len() > 5, "{points:?}");
    for point in points {
        let sandbox = with_todo();
        let before = sandbox.belongings();
        sandbox.run(sandbox.command(["session", "start", "x"]).env("AUTONOMY_FAILPOINT", &point)).killed();
        sandbox.belongings().assert_same(&before, &["HEAD", "branches", "reflogs", "index entries", "status"]);
        let status = sandbox.autonomy(["session", "status", "--json"]);
        if status.code == Some(0) {
            sandbox.autonomy(["session", "pause", "tea"]).ok();
            let folder = sandbox.path(".claude/sessions");
            assert!(!folder.exists() || fs::read_dir(folder).expect("listed").count() == 1, "{point}");
        } else {
            status.ended(1);
            sandbox.autonomy(["session", "start", "x"]).ok();
        }
        sandbox.autonomy(["session", "end"]).ok();
        assert_eq!(sandbox.status(), "", "{point}: everything is committed");
        let ended = sandbox.autonomy(["session", "list", "--json"]).ok().json();
        assert_eq!(ended["sessions"].as_array().map(Vec::len), Some(1), "{point}: {ended}");
        sandbox.git(["fsck", "--strict"]);
    }
}

#[test]
fn a_killed_end_is_finished_by_the_next_command() {
    let prepare = || {
        let sandbox = with_todo();
        sandbox.autonomy(["session", "start", "x"]).ok();
        sandbox
    };
    for point in points(prepare, &["session", "end", "-m", "done"]) {
        let sandbox = prepare();
        let before = sandbox.belongings();
        sandbox.run(sandbox.command(["session", "end", "-m", "done"]).env("AUTONOMY_FAILPOINT", &point)).killed();
        sandbox.belongings().assert_same(&before, &["HEAD", "branches", "reflogs", "index entries", "status"]);
        let listed = sandbox.autonomy(["session", "list", "--json"]).ok().json();
        let status = listed["sessions"][0]["status"].as_str().unwrap_or_default().to_owned();
        assert!(["active", "completed"].contains(&status.as_str()), "{point}: {listed}");
        if status == "active" {
            sandbox.autonomy(["session", "end", "-m", "done"]).ok();
        }
        // A second session makes way for itself.
        sandbox.autonomy(["session", "start", "y"]).ok();
        sandbox.autonomy(["session", "end"]).ok();
        let live = sandbox.path(".git/autonomy/sessions");
        assert_eq!(fs::read_dir(live).expect("listed").count(), 0, "{point}: no log is left");
        let listed = sandbox.autonomy(["session", "list", "--json"]).ok().json();
        let ended: Vec<_> = listed["sessions"].as_array().expect("a list").iter().map(|it| it["status"].clone()).collect();
        assert_eq!(ended, ["completed", "completed"], "{point}");
        assert_eq!(sandbox.status(), "", "{point}: everything is committed");
        sandbox.git(["fsck", "--strict"]);
    }
}
