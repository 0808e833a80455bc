//! Power that goes at any moment of a checkpoint, a rollback or an undo: what `strace` saw them write is replayed to a disk that
//! forgets, reorders and tears whatever was not synced, and the next command has to find what was before or what comes after.
//!
//! `AUTONOMY_TEST_CUTS` says how many cuts are tried, `AUTONOMY_TEST_SEED` which. Without `strace` nothing is tried, loudly.

mod disk;
mod trace;

use std::{collections::BTreeMap, fs, path::Path, time::SystemTime};

use disk::{Cut, Disk, Image};
use trace::Call;

use crate::{
    sandbox::{Sandbox, fingerprint},
    time::calls::{VERBS, Verb, can_trace},
};

/// So many cuts are tried when nothing else is said.
const CUTS: u64 = 150;

/// A verb that was carried out once, and everything that it wrote.
struct Recorded {
    verb: Verb,
    sandbox: Sandbox,
    before: Image,
    calls: Vec<Call>,
    /// Files, and what is staged, before and after.
    ends: [View; 2],
}

/// What a user sees.
#[derive(Debug, PartialEq, Eq)]
struct View {
    files: BTreeMap<String, String>,
    staged: String,
}

impl View {
    fn of(sandbox: &Sandbox) -> Self {
        let mut files = fingerprint(sandbox.work());
        files.retain(|path, _| path != ".git" && !path.starts_with(".git/"));
        Self { files, staged: sandbox.git(["ls-files", "--stage"]) }
    }
}

impl Recorded {
    fn of(verb: Verb) -> Self {
        let sandbox = verb.ground();
        let (before, first) = (Image::of(sandbox.work()), View::of(&sandbox));
        let log = sandbox.base().join("trace");
        let mut command = sandbox.program("strace");
        command.args(["-f", "-qqq", "-y", "-xx", "-s", "100000000", "-e", &format!("trace={}", trace::CALLS), "-o"]).arg(&log);
        command.arg(env!("CARGO_BIN_EXE_autonomy")).args(verb.line()).env("RAYON_NUM_THREADS", "1");
        sandbox.run(&mut command).ok();
        let calls = trace::read(&fs::read(&log).unwrap(), sandbox.work());
        let ends = [first, View::of(&sandbox)];
        let replayed = Disk::new(&before).after(&calls, calls.len()).everything();
        let now = Image::of(sandbox.work());
        assert_eq!(replayed.differing(&now), Vec::<String>::new(), "{verb:?}: the record is not what was written");
        Self { verb, sandbox, before, calls, ends }
    }

    /// The verb up to a moment, a cut, and what a user does when power is back.
    fn cut(&self, seed: u64) -> Result<(), String> {
        let mut cut = Cut::new(seed);
        let is_over = cut.below(4) == 0;
        let moment = if is_over { self.calls.len() } else { cut.below(self.calls.len()) };
        let left = Disk::new(&self.before).after(&self.calls, moment).left_by(&mut cut);
        left.write_to(self.sandbox.work());
        let at = || format!("{:?}, seed {seed}, before call {moment} ({:?})", self.verb, self.calls.get(moment));
        let seen = View::of_files(&self.sandbox);
        for (path, what) in &seen {
            let is_draft =
                Path::new(path).file_name().is_some_and(|name| name.to_string_lossy().starts_with(".autonomy-restore-"));
            let known = self.ends.iter().any(|end| end.files.get(path) == Some(what));
            if !known && !is_draft && !what.starts_with("directory") {
                return Err(format!("{}: `{path}` is neither what it was nor what it becomes: {what}", at()));
            }
        }
        let next = self.sandbox.autonomy(["checkpoint", "next"]);
        if next.code != Some(0) {
            return Err(format!("{}: the next command: {next}", at()));
        }
        let now = View::of(&self.sandbox);
        if !self.ends.contains(&now) {
            return Err(format!("{}: it is neither as before nor as after:\n{now:#?}", at()));
        }
        if is_over && now != self.ends[1] {
            return Err(format!("{}: what was acknowledged is gone", at()));
        }
        let tags = self.sandbox.git(["tag", "--list", "checkpoint-*"]);
        if is_over && self.verb == Verb::Checkpoint && !tags.contains("-second") {
            return Err(format!("{}: the acknowledged checkpoint is gone: {tags}", at()));
        }
        let checked = self.sandbox.try_git(["fsck", "--strict", "--no-dangling"]);
        if checked.code != Some(0) {
            return Err(format!("{}: {checked}", at()));
        }
        for tag in tags.lines() {
            let planned = self.sandbox.autonomy(["rollback", tag, "--dry-run"]);
            if planned.code != Some(0) {
                return Err(format!("{}: {tag} does not come back: {planned}", at()));
            }
        }
        Ok(())
    }
}

impl View {
    fn of_files(sandbox: &Sandbox) -> BTreeMap<String, String> {
        let mut files = fingerprint(sandbox.work());
        files.retain(|path, _| path != ".git" && !path.starts_with(".git/"));
        files
    }
}

#[test]
fn when_power_goes_it_is_as_before_or_as_after_and_what_was_acknowledged_is_there() {
    if !can_trace("power that goes at any moment") {
        return;
    }
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse::<u64>().expect("a number"));
    let cuts = number("AUTONOMY_TEST_CUTS").unwrap_or(CUTS);
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    let first = number("AUTONOMY_TEST_SEED").unwrap_or(u64::from(now.subsec_nanos()));
    let recorded: Vec<Recorded> = VERBS.into_iter().map(Recorded::of).collect();
    let found: Vec<String> = (0..cuts)
        .zip(recorded.iter().cycle())
        .filter_map(|(number, recorded)| recorded.cut(first + number).err())
        .inspect(|why| eprintln!("{why}\n"))
        .collect();
    assert!(found.is_empty(), "{} of {cuts} cuts were not survived:\n{}", found.len(), found.join("\n\n"));
}
