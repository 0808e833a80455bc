//! As many runs at once in a clone as the settings allow.

use std::{
    fs::{self, File},
    io::{BufRead as _, BufReader},
    process::Stdio,
};

use super::{GREET, stage};

#[test]
fn one_run_more_than_the_settings_allow_waits_for_its_place() {
    let sandbox = stage(GREET, &["Greet"]).with("AUTONOMY_PERFORMANCE__MAX_CONCURRENT_WORKFLOWS", "1");
    // Another session of the clone, in a work tree of its own, with a run going on.
    sandbox.git(["worktree", "add", "--quiet", "-b", "side", "../linked"]);
    let linked = sandbox.path("../linked").display().to_string();
    sandbox.autonomy(["-C", &linked, "session", "start", "other"]).ok();
    let sessions = sandbox.path(".git/autonomy/sessions");
    let other = fs::read_dir(sessions).unwrap().next().unwrap().unwrap().path();
    let held = File::options().create(true).truncate(false).write(true).open(other.join("run.lock")).unwrap();
    held.lock().unwrap();
    let mut command = sandbox.command(["run"]);
    let mut waiting = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(waiting.stderr.take().unwrap()).lines().map(Result::unwrap);
    let told = lines.find(|line| line.contains("waits: 1 runs go on in this clone"));
    assert!(told.is_some(), "it says why it waits");
    assert!(!sandbox.exists("greeting.txt"), "nothing was begun");
    held.unlock().unwrap();
    assert!(lines.any(|line| line.contains("committed")), "it goes on once there is a place");
    assert!(waiting.wait().unwrap().success());
    assert_eq!(sandbox.read("greeting.txt"), "hello\n");
}
