//! Somebody who keeps writing while a checkpoint is taken and a rollback goes on: each file is one of its versions, whole.

use std::{
    fs,
    sync::atomic::{AtomicBool, Ordering},
};

use crate::sandbox::Sandbox;

const FILES: usize = 8;

/// A version, long enough to be torn.
fn version(number: u64) -> String {
    format!("{number}\n").repeat(2_000)
}

#[track_caller]
fn assert_whole(text: &str) {
    let first = text.lines().next().unwrap();
    assert_eq!(text, version(first.parse().unwrap()), "a mixture of two versions");
}

#[test]
fn every_file_of_a_checkpoint_and_after_a_rollback_is_whole_though_somebody_goes_on_writing() {
    let sandbox = Sandbox::new();
    let write = |file: usize, number: u64| {
        fs::write(sandbox.path(format!(".git/draft-{file}")), version(number)).unwrap();
        fs::rename(sandbox.path(format!(".git/draft-{file}")), sandbox.path(format!("file-{file}"))).unwrap();
    };
    (0..FILES).for_each(|file| write(file, 0));
    sandbox.commit_all("ground");
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut number = 1;
            while !stop.load(Ordering::Relaxed) {
                (0..FILES).for_each(|file| write(file, number));
                number += 1;
            }
        });
        for round in 0..6 {
            let name = format!("round-{round}");
            let taken = sandbox.autonomy(["checkpoint", &name, "--json"]);
            let gone = sandbox.autonomy(["rollback", &name, "--yes"]);
            if taken.code != Some(0) || ![Some(0), Some(4)].contains(&gone.code) {
                stop.store(true, Ordering::Relaxed);
                panic!("{taken}{gone}");
            }
        }
        stop.store(true, Ordering::Relaxed);
    });
    for tag in sandbox.git(["tag", "--list", "checkpoint-*"]).lines() {
        (0..FILES).for_each(|file| assert_whole(&(sandbox.git(["show", &format!("{tag}:file-{file}")]) + "\n")));
    }
    (0..FILES).for_each(|file| assert_whole(&sandbox.read(format!("file-{file}"))));
    let left = sandbox.status();
    assert!(!left.contains("autonomy-restore"), "drafts lie about: {left}");
    sandbox.git(["fsck", "--strict", "--no-dangling"]);
}
