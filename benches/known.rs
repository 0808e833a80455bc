//! A checkpoint whose changed paths are known, as `run` takes them, against git's own way; contenders in turn.
//!
//! `cargo bench --bench known` prints one row a size: the median of the ratios of all rounds. Git's way: a private copy of the
//! index with its times, `add -A`, `write-tree`, `commit-tree`, `tag`. Objects, event and ref are written and synced as always.

#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a measurement touches the machine and prints"
)]

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use autonomy::{
    host::{clock::Clock, environment::Environment, workspace::Workspace},
    ops::time::checkpoint::{Request, create},
};

/// How often both take their turn.
const ROUNDS: usize = 9;

fn main() {
    for (files, changed) in [(20_000, 20), (100_000, 200)] {
        let ground = tempfile::tempdir().unwrap();
        let (home, top) = (ground.path().to_str().unwrap(), ground.path().join("repository"));
        make(&top, home, files);
        let path = std::env::var("PATH").unwrap();
        let environment = Environment::given(&top, &[("HOME", home), ("PATH", &path)]);
        let clock = Clock::of(&environment);
        let workspace = Workspace::find(environment, clock).unwrap();
        workspace.watch_changes();
        create(&workspace, &Request::default()).unwrap();
        let mut ratios = Vec::new();
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for round in 0..ROUNDS {
            change(&top, &format!("git {round}"), changed);
            let git = timed(|| git_checkpoint(&top, home, round));
            change(&top, &format!("ours {round}"), changed);
            let own = timed(|| drop(create(&workspace, &Request::default()).unwrap()));
            ratios.push(own.as_secs_f64() / git.as_secs_f64());
            ours.push(own.as_secs_f64() * 1e3);
            theirs.push(git.as_secs_f64() * 1e3);
        }
        let middle = |figures: &mut Vec<f64>| {
            figures.sort_by(f64::total_cmp);
            figures[figures.len() / 2]
        };
        let (ratio, own, git) = (middle(&mut ratios), middle(&mut ours), middle(&mut theirs));
        println!(
            "{files} files, checkpoint, changed paths known: {ratio:.2}x of git's way (ours {own:.1} ms, theirs {git:.1} ms)"
        );
    }
}

fn timed(act: impl FnOnce()) -> Duration {
    let begun = Instant::now();
    act();
    begun.elapsed()
}

fn git(top: &Path, home: &str, index: Option<&Path>, arguments: &[&str]) -> String {
    let mut command = Command::new("git");
    command.current_dir(top).env("HOME", home).env_remove("GIT_DIR").args(arguments).stdin(Stdio::null());
    if let Some(index) = index {
        command.env("GIT_INDEX_FILE", index);
    }
    let output = command.output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

fn make(top: &Path, home: &str, files: usize) {
    fs::create_dir(top).unwrap();
    for number in 0..files {
        let directory = top.join(format!("d{}", number / 20));
        if number % 20 == 0 {
            fs::create_dir(&directory).unwrap();
        }
        let text = format!("{number} some text of a line that is not short\n").repeat(100);
        fs::write(directory.join(format!("f{}", number % 20)), text).unwrap();
    }
    fs::write(top.join(".gitignore"), "*.o\n").unwrap();
    for arguments in [
        &["init", "-q", "-b", "main"][..],
        &["config", "user.name", "Bench"],
        &["config", "user.email", "bench@example.org"],
        &["config", "gc.auto", "0"],
        &["add", "-A"],
        &["commit", "-q", "-m", "ground"],
        &["repack", "-adq"],
    ] {
        git(top, home, None, arguments);
    }
}

fn change(top: &Path, text: &str, count: usize) {
    for number in 0..count {
        for name in ["f0", "new"] {
            fs::write(top.join(format!("d{number}/{name}")), format!("{text} {number}\n")).unwrap();
        }
    }
}

fn git_checkpoint(top: &Path, home: &str, round: usize) {
    let (index, private) = (top.join(".git/index"), top.join(".git/private"));
    assert!(Command::new("cp").arg("-p").args([&index, &private]).status().unwrap().success());
    git(top, home, Some(&private), &["add", "-A"]);
    let tree = git(top, home, Some(&private), &["write-tree"]);
    let commit = git(top, home, None, &["commit-tree", "-p", "HEAD", "-m", "x", &tree]);
    git(top, home, None, &["tag", &format!("bench-{round}"), &commit]);
    fs::remove_file(private).unwrap();
}
