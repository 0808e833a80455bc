//! The prompt of one attempt at a task: the rules, the task, what failed before, and the briefing. Not a verb of its own:
//! `run` asks for it.

use serde::Serialize;

use crate::{
    host::{Result, template::Templates, workspace::Workspace},
    model::{
        briefing::{Detail, task_lines},
        id::{SessionId, TaskId},
        quote::{self, framed},
        refusal::Refusal,
    },
    ops::{
        setup::in_force,
        tell::{briefing, scene::Scene},
    },
};

/// The template of a prompt.
const TEMPLATE: &str = "prompt.md.j2";
/// How long a task's description may be.
const DESCRIPTION: usize = 8_000;
/// How much of the failing output is handed on; its end says most.
const FAILING: usize = 8_000;
/// How long the briefing may be.
const BRIEFING: usize = 7_000;

/// What an attempt is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// The session of the run.
    pub session: SessionId,
    /// The task.
    pub task: TaskId,
    /// The number of the try, from 1.
    pub attempt: u32,
    /// How many tries there are.
    pub tries: u32,
    /// The gates that will judge it.
    pub gates: Vec<String>,
    /// What failed in the try before: what it was, such as "gate tests, exit code 101", and what it printed.
    pub failing: Vec<(String, String)>,
}

#[derive(Serialize)]
struct Values {
    attempt: u32,
    tries: u32,
    gates: Vec<String>,
    task: String,
    failing: String,
    briefing: String,
}

/// Writes the prompt.
///
/// # Errors
/// Refuses a task without a record, and a template of the project's own that is wrong.
pub fn prompt(workspace: &Workspace, attempt: &Attempt) -> Result<String> {
    let scene = Scene::read(workspace, Some(attempt.session.clone()))?;
    let held = scene.holdings.task(&attempt.task).ok_or_else(|| {
        Refusal::no(format!("there is no record of the task `{}`", attempt.task)).hint("`autonomy task list` shows all")
    })?;
    let (briefing, _) = briefing::write(workspace, &scene, Some(&attempt.task), BRIEFING, Detail::Beside)?;
    let share = FAILING / attempt.failing.len().max(1);
    let failing = attempt.failing.iter().map(|(what, output)| {
        let output = quote::tail(output.trim_end(), share);
        framed(&format!("output of {}", quote::line(what, 100)), &output)
    });
    let values = Values {
        attempt: attempt.attempt,
        tries: attempt.tries,
        gates: attempt.gates.iter().map(|gate| quote::line(gate, 60)).collect(),
        task: framed("the task, from files", &task_lines(held, DESCRIPTION).join("\n")),
        failing: failing.collect::<Vec<_>>().join("\n\n"),
        briefing,
    };
    let own = in_force::template(workspace, TEMPLATE)?;
    let text = Templates::of(workspace.root()).render_as(TEMPLATE, own.as_deref(), &values)?;
    Ok(workspace.secrets().redact(&text).into_owned())
}
