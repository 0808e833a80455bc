//! Runs that are told to stop while they work: by Ctrl-C, twice, and from another terminal.

use std::{
    io::Read as _,
    process::{Child, Stdio},
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};

use crate::{
    run::{log_count, reason, stage},
    sandbox::{Output, Sandbox, skipped},
};

/// Writes a file, then does not end when it is asked to, with a child that has left its group.
const STUBBORN: &str = "version: 1
attempts:
  - when: { task: Greet, attempt: 1 }
    steps:
      - write: { path: greeting.txt, content: \"hello\\n\" }
      - run: { shell: \"trap '' TERM; setsid sleep 300 & sleep 300\" }
";

/// The same, but it ends when it is asked to.
const PATIENT: &str = "version: 1
attempts:
  - when: { task: Greet, attempt: 1 }
    steps:
      - write: { path: greeting.txt, content: \"hello\\n\" }
      - run: { shell: \"sleep 300\" }
";

/// What no run may take longer for than this.
const LONG: Duration = Duration::from_mins(1);

/// A run in the background.
pub(super) struct Running {
    child: Child,
    heard: Vec<u8>,
}

impl Running {
    pub(super) fn start(sandbox: &Sandbox, line: &[&str]) -> Self {
        let child = sandbox.command(line).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        Self { child, heard: Vec::new() }
    }

    pub(super) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Waits until it says `words`.
    fn hear(&mut self, words: &str) {
        let mut byte = [0];
        while !self.heard.windows(words.len()).any(|heard| heard == words.as_bytes()) {
            let read = self.child.stderr.as_mut().expect("a pipe").read(&mut byte).expect("it can be heard");
            assert_eq!(read, 1, "it ended before it said `{words}`: {}", String::from_utf8_lossy(&self.heard));
            self.heard.push(byte[0]);
        }
    }

    pub(super) fn end(self, sandbox: &Sandbox) -> Output {
        let mut output = self.child.wait_with_output().unwrap();
        output.stderr.splice(0..0, self.heard);
        Output::from(&output, &sandbox.base())
    }
}

pub(super) fn until(what: &str, is: impl Fn() -> bool) {
    let begun = Instant::now();
    while !is() {
        assert!(begun.elapsed() < LONG, "waited for {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The marked processes of this sandbox: every one of them knows the sandbox's home.
fn running(sandbox: &Sandbox) -> usize {
    let home = format!("HOME={}/home", sandbox.base().display()).into_bytes();
    let own = |name: &[u8]| name == home || name.starts_with(b"AUTONOMY_STEP=");
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    let environments = processes.filter_map(|entry| std::fs::read(entry.path().join("environ")).ok());
    environments.filter(|environment| environment.split(|&byte| byte == 0).filter(|name| own(name)).count() == 2).count()
}

pub(super) fn assert_nothing_runs(sandbox: &Sandbox) {
    assert_eq!(running(sandbox), 0, "something that the agent started still runs");
}

/// A run whose agent has begun to work.
fn begun(recording: &str) -> (Sandbox, Running) {
    let sandbox = stage(recording, &["Greet"]);
    let run = Running::start(&sandbox, &["run"]);
    until("the agent", || sandbox.exists("greeting.txt") && running(&sandbox) >= 2);
    (sandbox, run)
}

#[test]
fn ctrl_c_ends_the_agent_with_all_that_it_started_and_keeps_the_work() {
    let (sandbox, run) = begun(STUBBORN);
    run.signal(Signal::INT);
    let said = run.end(&sandbox).ended(1);
    assert!(said.stderr.contains("Ended: it was asked to stop"), "{}", said.stderr);
    assert_nothing_runs(&sandbox);
    assert_eq!((reason(&sandbox).as_str(), log_count(&sandbox, "run.stop_asked")), ("stopped", 1));
    assert_eq!((sandbox.read("greeting.txt").as_str(), log_count(&sandbox, "task.failed")), ("hello\n", 0));
    sandbox.autonomy(["verify"]).ok();
    let recording = "version: 1\nsteps:\n  - say: It was all there.\n";
    std::fs::write(sandbox.base().join("recording.yaml"), recording).unwrap();
    sandbox.autonomy(["run"]).ok();
    assert_eq!(sandbox.git(["show", "HEAD:greeting.txt"]), "hello");
}

#[test]
fn a_second_ctrl_c_ends_the_run_at_once_and_the_next_one_ends_what_was_left() {
    let (sandbox, run) = begun(STUBBORN);
    run.signal(Signal::INT);
    std::thread::sleep(Duration::from_millis(300));
    let begun = Instant::now();
    run.signal(Signal::INT);
    run.end(&sandbox).ended(130);
    assert!(begun.elapsed() < Duration::from_secs(3), "it waited for its agent");
    let recording = "version: 1\nsteps:\n  - say: It was all there.\n";
    std::fs::write(sandbox.base().join("recording.yaml"), recording).unwrap();
    sandbox.autonomy(["run"]).ok();
    assert_nothing_runs(&sandbox);
    assert_eq!((reason(&sandbox).as_str(), sandbox.git(["show", "HEAD:greeting.txt"]).as_str()), ("done", "hello"));
}

/// Whether whoever started this process has it ignore hang-ups, and with it all that it starts.
fn hang_ups_are_ignored() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| u64::from_str_radix(line.strip_prefix("SigIgn:")?.trim(), 16).ok());
    ignored.is_some_and(|ignored| ignored & 1 == 1)
}

#[test]
fn a_hang_up_and_a_polite_end_are_requests_to_stop_too() {
    for signal in [Signal::TERM, Signal::HUP] {
        if signal == Signal::HUP && hang_ups_are_ignored() {
            skipped("a hang-up that ends a run", "these tests were started under `nohup`, where hang-ups end nothing");
            continue;
        }
        let (sandbox, run) = begun(PATIENT);
        run.signal(signal);
        run.end(&sandbox).ended(1);
        assert_nothing_runs(&sandbox);
        assert_eq!(reason(&sandbox), "stopped");
    }
}

#[test]
fn a_run_is_stopped_from_another_terminal_while_its_agent_works() {
    let (sandbox, run) = begun(PATIENT);
    let asked = sandbox.autonomy(["stop"]).ok();
    assert!(asked.stderr.contains("Asked the run"), "{}", asked.stderr);
    run.end(&sandbox).ended(1);
    assert_nothing_runs(&sandbox);
    assert_eq!((reason(&sandbox).as_str(), sandbox.read("greeting.txt").as_str()), ("stopped", "hello\n"));
    let none = sandbox.autonomy(["stop"]).ended(1);
    assert!(none.stderr.contains("no run goes on"), "{}", none.stderr);
}

#[test]
fn while_a_run_goes_on_a_second_one_and_the_end_of_the_session_are_refused() {
    let (sandbox, run) = begun(PATIENT);
    let status = sandbox.autonomy(["status"]).ok().stdout;
    assert!(status.contains("run        attempt 1 at ") && status.contains(", 1 attempt since "), "{status}");
    for line in [&["run"][..], &["watch"], &["run", "Sing"], &["session", "end"]] {
        let said = sandbox.autonomy(line).ended(4);
        let names = said.stderr.contains("a run is going on in this session") && said.stderr.contains("autonomy stop");
        assert!(names, "{line:?}: {}", said.stderr);
    }
    run.signal(Signal::INT);
    run.end(&sandbox).ended(1);
    assert_eq!((reason(&sandbox).as_str(), log_count(&sandbox, "task.added")), ("stopped", 0), "`Sing` was not written down");
    sandbox.autonomy(["session", "end"]).ok();
    assert!(!sandbox.exists(".git/autonomy/sessions") || log_count(&sandbox, "session.started") == 0);
}

#[test]
fn a_run_that_waits_for_a_limit_or_judges_hears_a_request_to_stop() {
    let limit = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/recordings/limit.yaml")).unwrap();
    let sandbox = stage(&limit, &["Greet"]);
    let mut run = Running::start(&sandbox, &["run"]);
    run.hear("waiting until");
    assert_eq!(log_count(&sandbox, "limit.met"), 1);
    run.signal(Signal::INT);
    let said = run.end(&sandbox).ended(1);
    assert!(said.stderr.contains("waiting until 2026-11-20T19:35:03Z for the usage limit to end"), "{}", said.stderr);
    assert_eq!(reason(&sandbox), "stopped");

    let sandbox = stage(PATIENT, &["Greet"]);
    let config = sandbox.base().join("home/.config/autonomy/config.toml");
    let settings = std::fs::read_to_string(&config).unwrap();
    std::fs::write(&config, format!("{settings}[gates.slow]\ncommand = \"touch $HOME/judging; sleep 300\"\n")).unwrap();
    let run = Running::start(&sandbox, &["run"]);
    until("the gate", || sandbox.base().join("home/judging").exists());
    sandbox.autonomy(["stop"]).ok();
    run.end(&sandbox).ended(1);
    assert_eq!((reason(&sandbox).as_str(), log_count(&sandbox, "step.started")), ("stopped", 0));
}
