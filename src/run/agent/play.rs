//! Plays a recording: does what it says, in order, below one directory, and prints what an agent client would print.
//!
//! Runs in a process of its own, which the driver limits and ends like any agent.

use std::path::Path;

use serde_json::{Value, json};

use crate::{
    host::{
        Result,
        clock::Clock,
        confined::{self, Found},
        environment::Environment,
        process::{self, Heard, Invocation, Program, Stop, Stream, Variables},
        secret::Secrets,
        store::write,
    },
    model::{
        id::TaskId,
        recording::{Patch, Recording, Run, Step},
        refusal::Refusal,
        shell::command_line,
        time::Lapse,
        yaml::MAX_YAML,
    },
    run::agent::stream::{ATTEMPT_VARIABLE, TASK_VARIABLE},
};

/// How long one program of a recording may take.
const PROGRAM_LIMIT: Lapse = Lapse::hours(1);

/// Reads the recording at `path` and plays what it holds for the task and attempt that `environment` names, in the
/// directory that it starts in. `say` gets every line; the exit code comes back.
///
/// # Errors
/// Refuses a recording that cannot be read or holds nothing for this attempt, and a step that cannot be done.
pub fn play_file(path: &Path, environment: &Environment, say: &mut dyn FnMut(Stream, &str) -> Result<()>) -> Result<u8> {
    let shown = path.display().to_string();
    let bytes = write::read_capped(&environment.directory().join(path), MAX_YAML as u64)?
        .ok_or_else(|| Refusal::usage(format!("there is no recording `{shown}`")))?;
    let text = String::from_utf8(bytes).map_err(|_| Refusal::usage(format!("cannot read `{shown}`: it is not UTF-8")))?;
    let recording = Recording::read(&shown, &text)?;
    let task = environment.text(TASK_VARIABLE).map(TaskId::new).transpose()?;
    let attempt = environment.text(ATTEMPT_VARIABLE).and_then(|text| text.parse().ok()).unwrap_or(1);
    let own_program = process::own_program()?;
    let stage = Stage {
        directory: environment.directory(),
        variables: &Variables::inherited(environment),
        own_program: &own_program,
        secrets: &Secrets::of(environment),
    };
    play(recording.part(task.as_ref(), attempt)?, &stage, say)
}

/// Where a recording is played.
#[derive(Clone, Copy, Debug)]
pub struct Stage<'a> {
    /// Every path is below it.
    pub directory: &'a Path,
    /// The variables of the programs that are run.
    pub variables: &'a Variables,
    /// The path of this program, for the `autonomy` steps.
    pub own_program: &'a Path,
    /// What is taken out of the programs' output.
    pub secrets: &'a Secrets,
}

/// Plays the steps to their end, or to the first that cannot be done.
///
/// # Errors
/// Refuses a patch that does not fit; fails when a file cannot be changed or `say` fails.
pub fn play(steps: &[Step], stage: &Stage<'_>, say: &mut dyn FnMut(Stream, &str) -> Result<()>) -> Result<u8> {
    for (number, step) in steps.iter().enumerate() {
        let id = format!("step-{}", number + 1);
        if let Some((tool, input)) = tool(step) {
            let block = json!({ "type": "tool_use", "id": id, "name": tool, "input": input });
            say(Stream::Out, &message("assistant", &block))?;
        }
        let done = carry_out(step, stage, say);
        if tool(step).is_some() {
            let (words, is_error) = match &done {
                Ok(Done::Next | Done::Exit(_)) => (String::new(), false),
                Err(error) => (error.to_string(), true),
            };
            let block = json!({ "type": "tool_result", "tool_use_id": id, "content": words, "is_error": is_error });
            say(Stream::Out, &message("user", &block))?;
        }
        if let Done::Exit(code) = done? {
            return Ok(code);
        }
    }
    Ok(0)
}

enum Done {
    Next,
    Exit(u8),
}

fn carry_out(step: &Step, stage: &Stage<'_>, say: &mut dyn FnMut(Stream, &str) -> Result<()>) -> Result<Done> {
    let root = stage.directory;
    match step {
        Step::Say(words) => say(Stream::Out, &message("assistant", &json!({ "type": "text", "text": words })))?,
        Step::Client(line) => say(Stream::Out, line)?,
        Step::Write(write) => confined::put(root, &write.path, &write.bytes, write.executable)?,
        Step::Patch(patch) => {
            let text = patchable(root, patch)?;
            confined::put(root, &patch.path, patch.apply(&text)?.as_bytes(), None)?;
        }
        Step::Link(link) => confined::link(root, &link.path, &link.target)?,
        Step::Delete(path) => confined::delete(root, path)?,
        Step::Run(Run::Argv(words)) => run(Invocation::words(words), stage, say)?,
        Step::Run(Run::Shell(text)) => run(Invocation::Shell(text.clone()), stage, say)?,
        Step::Autonomy(arguments) => {
            let words = std::iter::once(stage.own_program.as_os_str()).chain(arguments.iter().map(AsRef::as_ref));
            run(Invocation::words(words), stage, say)?;
        }
        Step::Sleep(lapse) => Clock::sleep(lapse.0),
        Step::Exit(code) => return Ok(Done::Exit(*code)),
    }
    Ok(Done::Next)
}

fn patchable(root: &Path, patch: &Patch) -> Result<String> {
    let refuse = |why: &str| Refusal::no(format!("cannot patch `{}`: {why}", patch.path)).into();
    match confined::look(root, &patch.path)? {
        Found::File { bytes, .. } => String::from_utf8(bytes).map_err(|_| refuse("it is not UTF-8")),
        Found::Link(_) | Found::Nothing => Err(refuse("there is no such file")),
    }
}

/// Runs a program whatever it exits with, as an agent's tool would; both its streams are talk, never the client's stream.
fn run(invocation: Invocation, stage: &Stage<'_>, say: &mut dyn FnMut(Stream, &str) -> Result<()>) -> Result<()> {
    let stop = Stop::default();
    let program =
        Program { limit: PROGRAM_LIMIT.0, ..Program::new(invocation, stage.directory, stage.variables, stage.secrets, &stop) };
    let finished = process::run(&program, &mut |heard| match heard {
        Heard::Line(_, line) => say(Stream::Err, line),
        Heard::Started(_) | Heard::Beat => Ok(()),
    })?;
    say(Stream::Err, &format!("[{}]", finished.exit))
}

/// The tool call of an agent client that would do the same; none for what is not done with a tool.
fn tool(step: &Step) -> Option<(&'static str, Value)> {
    let shell = |command: String| Some(("Bash", json!({ "command": command })));
    match step {
        Step::Write(write) => {
            let mut input = serde_json::to_value(write).ok()?;
            let path = input.as_object_mut()?.remove("path")?;
            input["file_path"] = path;
            Some(("Write", input))
        }
        Step::Patch(patch) => Some((
            "Edit",
            json!({ "file_path": patch.path, "old_string": patch.find, "new_string": patch.replace, "replace_all": patch.all }),
        )),
        Step::Link(link) => Some(("Link", json!({ "file_path": link.path, "target": link.target }))),
        Step::Delete(path) => Some(("Delete", json!({ "file_path": path }))),
        Step::Run(Run::Argv(words)) => shell(command_line(words.iter().map(String::as_str))),
        Step::Run(Run::Shell(text)) => shell(text.clone()),
        Step::Autonomy(arguments) => shell(command_line(std::iter::once("autonomy").chain(arguments.iter().map(String::as_str)))),
        Step::Say(_) | Step::Client(_) | Step::Sleep(_) | Step::Exit(_) => None,
    }
}

fn message(kind: &str, block: &Value) -> String {
    json!({ "type": kind, "message": { "content": [block] } }).to_string()
}

#[cfg(test)]
mod tests;
