//! Runs a program of an attempt and turns what it prints into signals.

use std::path::Path;

use crate::{
    host::{
        Error, Result,
        process::{self, Finished, Heard, Invocation, Program, STEP_VARIABLE, Stream, Variables},
    },
    model::{
        agent::{Outcome, Signal, cut},
        claude::Reading,
        refusal::{Code, Refusal},
        usage::Usage,
    },
    run::agent::{Attempt, Conclusion, Hear},
};

/// The variable that tells the task that is being worked on.
pub(crate) const TASK_VARIABLE: &str = "AUTONOMY_TASK";

/// The variable that tells the number of the try at the task.
pub(crate) const ATTEMPT_VARIABLE: &str = "AUTONOMY_ATTEMPT";

/// What a program of an attempt came to: it ran to its end, or it could not be started.
pub(crate) enum Ran {
    Through(Finished),
    NotStarted(Refusal),
}

/// Runs the program of `attempt` and hands every line of its stdout to `line`.
pub(crate) fn run(
    attempt: &Attempt<'_>,
    invocation: Invocation,
    variables: &Variables,
    input: &[u8],
    hear: &mut Hear<'_>,
    line: &mut dyn FnMut(&str, &mut Hear<'_>) -> Result<()>,
) -> Result<Ran> {
    let number = attempt.number.to_string();
    let mut variables = variables.clone().with(STEP_VARIABLE, attempt.step.as_str()).with(ATTEMPT_VARIABLE, number);
    variables = match attempt.task {
        Some(task) => variables.with(TASK_VARIABLE, task.as_str()),
        None => variables.without(|name| name == TASK_VARIABLE),
    };
    let program = Program {
        input,
        limit: attempt.limit,
        step: Some(attempt.step),
        output: Some(attempt.output.join("agent")),
        ..Program::new(invocation, attempt.directory, &variables, attempt.secrets, attempt.stop)
    };
    let ran = process::run(&program, &mut |heard| match heard {
        Heard::Started(mark) => hear(Signal::Started(mark.clone())),
        Heard::Beat => hear(Signal::Beat),
        Heard::Line(Stream::Out, text) => line(text, hear),
        Heard::Line(Stream::Err, _) => Ok(()),
    });
    match ran {
        Ok(finished) => Ok(Ran::Through(finished)),
        Err(Error::Refused(refusal)) if refusal.code == Code::Environment => Ok(Ran::NotStarted(refusal)),
        Err(error) => Err(error),
    }
}

/// Runs a program that prints the stream of Claude Code; `conclude` gets what was read and the last line on stderr.
pub(crate) fn run_client(
    attempt: &Attempt<'_>,
    invocation: Invocation,
    variables: &Variables,
    input: &[u8],
    hear: &mut Hear<'_>,
    conclude: &dyn Fn(&Reading, &Finished) -> (Outcome, Usage),
) -> Result<Conclusion> {
    let mut reading = Reading::default();
    let ran = run(attempt, invocation, variables, input, hear, &mut |line, hear| {
        if let Some(overhear) = attempt.overhear {
            overhear(line);
        }
        reading.take(line).into_iter().try_for_each(hear)
    })?;
    Ok(match ran {
        Ran::NotStarted(refusal) => not_started(refusal),
        Ran::Through(finished) => {
            let (outcome, usage) = conclude(&reading, &finished);
            Conclusion { outcome, usage, client: reading.client().cloned(), finished: Some(finished) }
        }
    })
}

/// Runs a program that says no more than its exit code.
pub(crate) fn run_plain(
    attempt: &Attempt<'_>,
    invocation: Invocation,
    variables: &Variables,
    input: &[u8],
    hear: &mut Hear<'_>,
) -> Result<Conclusion> {
    let ran = run(attempt, invocation, variables, input, hear, &mut |line, hear| hear(Signal::Text(cut(line))))?;
    Ok(match ran {
        Ran::NotStarted(refusal) => not_started(refusal),
        Ran::Through(finished) => {
            let words = if finished.exit.is_success() { &finished.stdout } else { &finished.stderr };
            let outcome = Outcome::of_exit(finished.exit, words.last_line());
            Conclusion { outcome, usage: Usage::default(), client: None, finished: Some(finished) }
        }
    })
}

/// `variables` under which this program is found as `autonomy`.
pub(crate) fn knowing_own_program(variables: Variables, own_program: &Path) -> Variables {
    match own_program.parent() {
        Some(directory) => variables.finding_programs_in(directory),
        None => variables,
    }
}

fn not_started(refusal: Refusal) -> Conclusion {
    Conclusion { outcome: Outcome::Missing { refusal }, usage: Usage::default(), client: None, finished: None }
}
