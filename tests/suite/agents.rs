//! Recordings as agents: the built program plays them in a child process, under the limits of a real agent.

use std::{cell::RefCell, fs, path::Path, time::Duration};

use autonomy::{
    host::{
        environment::Environment,
        process::{Stop, Variables, marked},
        secret::Secrets,
    },
    model::{
        agent::{Outcome, Signal},
        id::{ClientId, StepId, TaskId},
        recording::Recording,
    },
    run::agent::{Agent as _, Attempt, Conclusion, record::Recorder, replay::Replay},
};

use crate::sandbox::Sandbox;

fn recordings() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/recordings")
}

struct Stage {
    sandbox: Sandbox,
    step: StepId,
}

impl Stage {
    fn new(name: &str) -> Self {
        let sandbox = Sandbox::bare_ground();
        sandbox.write("old.txt", "old\n");
        Self { sandbox, step: StepId::new(format!("{name}-{}", std::process::id())).expect("a plain name") }
    }

    fn play(&self, recording: &Path, task: &str, number: u32, limit: Duration) -> (Conclusion, Vec<Signal>, Recorder) {
        let path = std::env::var("PATH").expect("is set");
        let variables = Variables::inherited(&Environment::given(self.sandbox.work(), &[("PATH", &path)]));
        let agent = Replay { recording: recording.to_owned(), own_program: env!("CARGO_BIN_EXE_autonomy").into() };
        let recorder = RefCell::new(Recorder::new(self.sandbox.work()));
        let mut signals = Vec::new();
        let conclusion = agent.attempt(
            &Attempt {
                prompt: "",
                directory: self.sandbox.work(),
                task: Some(&TaskId::new(task).expect("a plain name")),
                number,
                step: &self.step,
                client: &ClientId::new("unused").expect("a plain name"),
                resume: None,
                limit,
                output: &self.sandbox.base().join("output"),
                variables: &variables,
                secrets: &Secrets::given([]),
                settings: &["user"],
                stop: &Stop::default(),
                overhear: Some(&|line| recorder.borrow_mut().overhear(line)),
            },
            &mut |signal| {
                signals.push(signal);
                Ok(())
            },
        );
        (conclusion.expect("it was watched"), signals, recorder.into_inner())
    }
}

const MINUTE: Duration = Duration::from_mins(1);
const TASK: &str = "20261120_180000-greet-in-english-k3x9";

#[test]
fn a_recording_plays_each_attempt_as_a_child_process() {
    let stage = Stage::new("plays");
    let greeting = recordings().join("greeting.yaml");
    let (first, ..) = stage.play(&greeting, TASK, 1, MINUTE);
    assert_eq!(first.outcome, Outcome::Failed { why: "exit code 1".into() });
    assert_eq!(stage.sandbox.read("greeting.txt"), "helo\n");
    let (second, signals, _) = stage.play(&greeting, TASK, 2, MINUTE);
    assert_eq!(second.outcome, Outcome::Finished { summary: "Done.".into() });
    assert_eq!((stage.sandbox.read("latest"), stage.sandbox.read("said.txt")), ("hello\n".into(), "hello\n".into()));
    assert!(!stage.sandbox.path("old.txt").exists());
    let told = second.finished.expect("ran").stderr.text().into_owned();
    assert!(told.contains(concat!("autonomy ", env!("CARGO_PKG_VERSION"))), "the `autonomy` step ran this program: {told}");
    let tools: Vec<&str> = signals
        .iter()
        .filter_map(|signal| if let Signal::Tool { name, .. } = signal { Some(name.as_str()) } else { None })
        .collect();
    assert_eq!(tools, ["Edit", "Write", "Bash", "Link", "Delete", "Bash"]);
    assert!(signals.iter().any(|signal| matches!(signal, Signal::LimitNear { percent: 90, .. })), "{signals:?}");
}

#[test]
fn a_recording_is_limited_and_ended_like_any_agent() {
    let stage = Stage::new("limited");
    let (conclusion, ..) =
        stage.play(&recordings().join("greeting.yaml"), "20261120_180000-hang-k3x9", 1, Duration::from_secs(1));
    assert_eq!(conclusion.outcome, Outcome::TimedOut);
    assert_eq!(marked(&stage.step), [], "nothing that it started is left");
}

#[test]
fn lines_of_a_client_tell_their_outcome() {
    let (conclusion, ..) = Stage::new("limit").play(&recordings().join("limit.yaml"), TASK, 1, MINUTE);
    let Outcome::Limit { until: Some(until), limit } = conclusion.outcome else { panic!("{conclusion:?}") };
    assert_eq!((until.to_string().as_str(), limit.as_str()), ("2026-11-20T19:34:03.000Z", "five_hour"));
}

#[test]
fn a_recording_made_of_a_stream_plays_to_the_same_files_and_outcome() {
    let (one, two) = (Stage::new("one"), Stage::new("two"));
    let greeting = recordings().join("greeting.yaml");
    one.play(&greeting, TASK, 1, MINUTE);
    let (conclusion, _, recorder) = one.play(&greeting, TASK, 2, MINUTE);
    let steps = recorder.finish(conclusion.finished.expect("ran").exit);
    two.sandbox.write("greeting.txt", "helo\n");
    two.sandbox.write("again.yaml", Recording { steps, ..Recording::new() }.write().expect("it can be written"));
    let (again, ..) = two.play(&two.sandbox.path("again.yaml"), "another", 7, MINUTE);
    assert_eq!(again.outcome, conclusion.outcome);
    for file in ["greeting.txt", "bin/greet", "said.txt"] {
        assert_eq!(two.sandbox.read(file), one.sandbox.read(file), "{file}");
    }
}

#[test]
fn a_broken_recording_is_refused_with_its_place_and_changes_nothing() {
    let sandbox = Sandbox::bare_ground();
    sandbox.write("broken.yaml", "version: 1\nsteps:\n  - write: {path: made.txt, content: x}\n  - wait: 3s\n");
    let output = sandbox.autonomy(["replay-agent", "broken.yaml"]).ended(2);
    assert!(
        output.stdout.is_empty() && output.stderr.contains("`broken.yaml`: line 4, column 5: unknown variant `wait`"),
        "{}",
        output.stderr
    );
    assert_eq!(fs::read_dir(sandbox.work()).expect("is there").count(), 1);
}
