//! Every way in which a program can misbehave, with real processes.

use std::{
    cell::RefCell,
    fs,
    io::Read as _,
    os::unix::process::CommandExt as _,
    process::{Command, Stdio},
    time::Duration,
};

use super::*;
use crate::{
    host::{environment::Environment, secret::Secrets},
    model::{
        id::StepId,
        process::Exit,
        refusal::{Code, Refusal},
    },
};

fn variables() -> Variables {
    Variables::inherited(&Environment::of_process().expect("has surroundings"))
}

struct Trial {
    folder: tempfile::TempDir,
    variables: Variables,
    secrets: Secrets,
    stop: Stop,
    step: StepId,
    heard: RefCell<Vec<(Stream, String)>>,
}

impl Trial {
    fn new(step: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let step = StepId::new(format!("{step}-{}", std::process::id())).expect("a plain name");
        Self {
            folder,
            variables: variables(),
            secrets: Secrets::given([("PASSWORD", "hunter2-and-more")]),
            stop: Stop::default(),
            step,
            heard: RefCell::default(),
        }
    }

    fn program(&self, script: &str) -> Program<'_> {
        Program {
            grace: Duration::from_millis(200),
            limit: Duration::from_secs(20),
            step: Some(&self.step),
            ..Program::new(Invocation::Shell(script.into()), self.folder.path(), &self.variables, &self.secrets, &self.stop)
        }
    }

    fn run(&self, program: &Program<'_>) -> Finished {
        let hear = &mut |heard: Heard<'_>| {
            if let Heard::Line(stream, line) = heard {
                self.heard.borrow_mut().push((stream, line.to_owned()));
            }
            Ok(())
        };
        run(program, hear).expect("it could be run")
    }

    fn nothing_is_left(&self) {
        assert_eq!(marked(&self.step), [], "processes of the step are still there");
    }
}

#[test]
fn output_exit_code_and_input_are_handed_over() {
    let trial = Trial::new("plain");
    let finished = trial.run(&Program {
        input: b"typed",
        output: Some(trial.folder.path().join("kept/it")),
        ..trial.program("cat; echo; echo on-err >&2; pwd >/dev/null; exit 3")
    });
    assert_eq!(finished.exit, Exit::Code(3));
    assert_eq!((finished.stdout.text().as_ref(), finished.stderr.text().as_ref()), ("typed\n", "on-err\n"));
    assert_eq!(fs::read_to_string(trial.folder.path().join("kept/it.out")).expect("is there"), "typed\n");
    assert_eq!(fs::read_to_string(trial.folder.path().join("kept/it.err")).expect("is there"), "on-err\n");
    assert!(trial.heard.borrow().contains(&(Stream::Out, "typed".into())));
    assert!(!is_alive(&finished.mark));
}

#[test]
fn a_program_runs_in_its_own_group_with_its_own_variables_only() {
    let mut trial = Trial::new("own");
    trial.variables = Variables::only(&Environment::of_process().expect("has surroundings"), &["PATH"]).with("GIVEN", "yes");
    let finished =
        trial.run(&trial.program("test \"$(cut -d' ' -f5 /proc/$$/stat)\" = $$; env | cut -d= -f1 | sort | tr '\\n' ' '"));
    assert_eq!(finished.exit, Exit::Code(0));
    let text = finished.stdout.text().into_owned();
    assert_eq!(
        text.replace("PWD ", "").replace("SHLVL ", "").replace("_ ", "").trim(),
        "AUTONOMY_STEP GIVEN OLDPATH".replace("OLDPATH", "PATH")
    );
}

#[test]
fn a_missing_program_or_directory_is_refused_with_the_way_out() {
    let trial = Trial::new("missing");
    let refusal = |program: &Program<'_>| run(program, &mut |_| Ok(())).expect_err("cannot run").refusal();
    let missing = refusal(&Program { invocation: Invocation::words(["no-such-agent"]), ..trial.program("") });
    assert_eq!(missing.code, Code::Environment);
    assert_eq!(missing.message, "cannot run `no-such-agent`: no such program was found");
    assert_eq!(missing.hint.as_deref(), Some("install `no-such-agent`, or put its directory on PATH"));
    let nowhere = trial.folder.path().join("nowhere");
    assert!(refusal(&Program { directory: &nowhere, ..trial.program("true") }).message.contains("there is no such directory"));
    let plain = trial.folder.path().join("plain");
    fs::write(&plain, "text").expect("writes");
    assert!(
        refusal(&Program { invocation: Invocation::words([&plain]), ..trial.program("") })
            .message
            .contains("may not be executed")
    );
    assert_eq!(refusal(&Program { invocation: Invocation::Words(vec![]), ..trial.program("") }).code, Code::Usage);
}

#[test]
fn a_hanging_program_that_ignores_term_is_killed_when_its_time_is_over() {
    let trial = Trial::new("deaf");
    let limit = Duration::from_millis(200);
    let finished = trial.run(&Program { limit, ..trial.program("trap '' TERM; echo ready; while :; do sleep 0.05; done") });
    assert_eq!(finished.exit, Exit::TimedOut);
    assert_eq!(finished.stdout.text(), "ready\n");
    trial.nothing_is_left();
}

#[test]
fn a_stopped_program_ends_on_term_long_before_the_grace_is_over() {
    let trial = Trial::new("stopped");
    let mut told = false;
    let program =
        Program { grace: Duration::from_mins(1), ..trial.program("trap 'echo bye; exit 0' TERM; echo up; kill -STOP $$; :") };
    let finished = run(&program, &mut |heard| {
        if matches!(heard, Heard::Line(Stream::Out, "up")) {
            told = true;
            trial.stop.tell();
        }
        Ok(())
    })
    .expect("it could be run");
    assert!(told && finished.lasted < Duration::from_secs(30), "{finished:?}");
    assert_eq!((finished.exit, finished.stdout.text().as_ref()), (Exit::Stopped, "up\nbye\n"));
}

#[test]
fn a_flood_is_capped_and_cannot_outlive_its_time() {
    let trial = Trial::new("flood");
    let kept = 10_000;
    for script in ["yes a-long-line-of-text", "cat /dev/zero"] {
        let limit = Duration::from_millis(800);
        let finished = run(&Program { limit, kept, ..trial.program(script) }, &mut |_| Ok(())).expect("it could be run");
        assert_eq!(finished.exit, Exit::TimedOut);
        assert!(finished.stdout.text().len() <= kept + 200 && finished.stdout.dropped > 0, "{script}: {finished:?}");
    }
    trial.nothing_is_left();
}

#[test]
fn binary_garbage_becomes_text() {
    let trial = Trial::new("garbage");
    let finished = trial.run(&trial.program("printf '\\377\\376a\\000b\\n'; head -c 100000 /dev/urandom; echo; echo end"));
    assert_eq!(finished.exit, Exit::Code(0));
    assert!(finished.stdout.text().starts_with("\u{fffd}\u{fffd}a\0b\n") && finished.stdout.text().ends_with("\nend\n"));
}

#[test]
fn grandchildren_that_leave_the_group_hold_the_pipes_and_ignore_term_are_ended_too() {
    let trial = Trial::new("daemon");
    let script = "setsid sh -c 'trap \"\" TERM; echo up; while :; do sleep 0.05; done' & sleep 0.3; setsid sleep 60 >/dev/null 2>&1 & exit 0";
    let finished = trial.run(&trial.program(script));
    assert_eq!(finished.exit, Exit::Code(0));
    assert!(finished.leftovers >= 2, "{finished:?}");
    assert!(finished.lasted < Duration::from_secs(10), "{finished:?}");
    trial.nothing_is_left();
}

#[test]
fn a_program_that_closes_its_output_and_lives_on_is_still_waited_for() {
    let trial = Trial::new("silent");
    let finished = trial.run(&trial.program("exec >&- 2>&-; sleep 0.3; exit 7"));
    assert_eq!(finished.exit, Exit::Code(7));
    let limit = Duration::from_millis(100);
    assert_eq!(trial.run(&Program { limit, ..trial.program("exec >&- 2>&-; sleep 60") }).exit, Exit::TimedOut);
}

#[test]
fn a_program_that_does_not_read_its_input_does_not_block_us() {
    let trial = Trial::new("full");
    let input = vec![b'x'; 4 << 20];
    assert_eq!(trial.run(&Program { input: &input, ..trial.program("exec 0<&-; sleep 0.1; exit 4") }).exit, Exit::Code(4));
    assert_eq!(trial.run(&Program { input: &input, ..trial.program("wc -c") }).stdout.text().trim(), (4 << 20).to_string());
}

#[test]
fn a_foreign_signal_is_told_apart() {
    let trial = Trial::new("signal");
    assert_eq!(trial.run(&trial.program("kill -9 $$")).exit, Exit::Signal(9));
}

#[test]
fn secrets_reach_neither_the_caller_nor_the_files() {
    let trial = Trial::new("secret");
    let finished = trial.run(&Program {
        output: Some(trial.folder.path().join("kept")),
        ..trial.program("printf 'my hunter2'; sleep 0.1; echo -and-more; echo hunter2-and-more >&2")
    });
    let file = fs::read_to_string(finished.stdout.path.as_ref().expect("kept")).expect("is there");
    let heard = format!("{:?}{file}{}{}", trial.heard.borrow(), finished.stdout.text(), finished.stderr.text());
    assert!(!heard.contains("hunter2") && heard.contains("my [redacted:PASSWORD]"), "{heard}");
}

#[test]
fn when_the_caller_fails_the_program_is_ended() {
    let trial = Trial::new("caller");
    let error = run(&trial.program("echo x; sleep 60"), &mut |heard| match heard {
        Heard::Line(..) => Err(Refusal::no("the log is full").into()),
        _ => Ok(()),
    });
    assert_eq!(error.expect_err("handed on").to_string(), "the log is full");
    trial.nothing_is_left();
}

#[test]
fn leftovers_of_a_run_that_died_are_found_by_their_mark() {
    let trial = Trial::new("orphaned");
    let mut child = Command::new("sh")
        .args(["-c", "sleep 60 & echo; wait"])
        .env(STEP_VARIABLE, trial.step.as_str())
        .process_group(0)
        .stdout(Stdio::piped())
        .spawn()
        .expect("starts");
    child.stdout.as_mut().expect("is piped").read_exact(&mut [0]).expect("is up");
    let found = marked(&trial.step);
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found.iter().all(is_alive));
    assert_eq!(end_marked(&trial.step, Duration::from_secs(5)), 2);
    assert!(!found.iter().any(is_alive));
    child.wait().expect("ended");
}
