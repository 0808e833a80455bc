//! Whether a workflow can be carried out: what a file may say and nothing carries out yet is refused before anything starts.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::model::{
    expression::Surroundings,
    refusal::Refusal,
    workflow::{
        Act, Command, Each, Step, Until, Workflow,
        among::Workflows,
        fill,
        flow::{MAX_DEPTH, named},
        scope::{OPEN, unknown},
    },
};

/// The files of `all` that a run of the one called `name` reads: its own, and those of the workflows that it starts.
///
/// # Errors
/// Refuses a workflow with steps that nothing carries out yet, one that names a workflow which is not there or is known only while
/// it runs, and workflows that are inside each other too deep.
pub fn files(all: &Workflows, name: &str) -> Result<BTreeSet<String>, Refusal> {
    let mut files = BTreeSet::new();
    let mut level: BTreeSet<String> = BTreeSet::from([name.to_owned()]);
    for _ in 0..MAX_DEPTH {
        let mut inner = BTreeSet::new();
        for file in level {
            let workflow = all.get(&file).ok_or_else(|| missing(all, &file))?;
            inner.extend(started(all, &file, workflow)?);
            files.insert(file);
        }
        if inner.is_empty() {
            return Ok(files);
        }
        level = inner;
    }
    Err(Refusal::usage(format!("`{name}` starts workflows that are inside each other more than {MAX_DEPTH} deep")))
}

fn missing(all: &Workflows, name: &str) -> Refusal {
    unknown(&format!("there is no workflow `{name}` that can be read"), name, all.keys().map(String::as_str))
}

/// The files of the workflows that `workflow` starts, once all of its steps can be carried out.
fn started(all: &Workflows, file: &str, workflow: &Workflow) -> Result<BTreeSet<String>, Refusal> {
    let refused = |step: &Step, why: &str| {
        let message = format!("`{file}` cannot be carried out: line {}: the step `{}`: {why}", step.line, step.id);
        Refusal::usage(message).hint("`docs/workflows.md` of autonomy says which steps are carried out")
    };
    if let Some(handling) = workflow.error_handlers.first() {
        let message =
            format!("`{file}` cannot be carried out: nothing acts on `error_handlers` yet, such as that of `{}`", handling.error);
        return Err(Refusal::usage(message).hint("say `retry` and `on_failure` in the steps"));
    }
    let mut starts = BTreeSet::new();
    for step in workflow.every_step() {
        match &step.act {
            Act::Agent { .. } | Act::Skill { .. } | Act::Question { .. } | Act::Approval { .. } | Act::Rollback { .. } => {
                return Err(refused(step, &format!("steps of the kind `{}` are not carried out yet", step.act.word())));
            }
            Act::Wait { until: Until::Answer(_) } => {
                return Err(refused(step, "steps of the kind `wait` that wait for an answer are not carried out yet"));
            }
            Act::Workflow { workflow } if workflow.contains(OPEN) => {
                return Err(refused(step, "which workflow it starts has to be known before anything starts"));
            }
            Act::Workflow { workflow } => {
                starts.insert(named(all, workflow).ok_or_else(|| missing(all, workflow))?.0.clone());
            }
            Act::Run { .. } | Act::Gate { .. } | Act::Decision { .. } | Act::Checkpoint { .. } | Act::Wait { .. } => {}
        }
        let is_run = matches!(step.act, Act::Run { .. });
        let takes_with = matches!(step.act, Act::Workflow { .. });
        if let Some(name) = step.with.keys().find(|name| !(takes_with || is_run && *name == "command")) {
            return Err(refused(
                step,
                &format!("only steps of the kind `workflow` are given something `with` them, and not `{name}`"),
            ));
        }
        texts(step).map_err(|why| refused(step, &why.message))?;
    }
    workflow.outputs.values().chain(workflow.env.values()).try_for_each(|text| fill::names(text).map(drop))?;
    Ok(starts)
}

/// Every expression of a step is one that can be computed.
fn texts(step: &Step) -> Result<(), Refusal> {
    if let Some(condition) = &step.when {
        fill::names_of(condition)?;
    }
    let fixed = match &step.each {
        None => BTreeSet::new(),
        Some(Each::Expression(source)) => fill::names_of(source)?,
        Some(Each::Items(items)) => all_names(items.iter().map(String::as_str))?,
        Some(Each::Matrix { values, .. }) => all_names(values.values().flatten().filter_map(Value::as_str))?,
    };
    if let Some(name) = Surroundings::FUNCTIONS.iter().find(|name| fixed.contains(**name)) {
        let message = format!("what it is done for may not ask `{name}`, because it has to be the same when the run goes on");
        return Err(Refusal::usage(message));
    }
    match &step.act {
        Act::Run { command: Command::Program(words) } => all_names(words.iter().map(String::as_str)).map(drop)?,
        Act::Run { command: Command::Script(text) }
        | Act::Agent { prompt: text }
        | Act::Skill { skill: text }
        | Act::Gate { gate: text }
        | Act::Question { question: text }
        | Act::Approval { question: text }
        | Act::Checkpoint { words: text } => fill::names(text).map(drop)?,
        Act::Decision { branches, .. } => branches.iter().try_for_each(|branch| fill::names_of(&branch.when).map(drop))?,
        Act::Workflow { .. } | Act::Rollback { .. } | Act::Wait { .. } => {}
    }
    all_names(step.env.values().chain(step.outputs.values()).map(String::as_str))?;
    step.with.values().try_for_each(inside)
}

fn all_names<'a>(mut texts: impl Iterator<Item = &'a str>) -> Result<BTreeSet<String>, Refusal> {
    texts.try_fold(BTreeSet::new(), |mut all, text| {
        all.extend(fill::names(text)?);
        Ok(all)
    })
}

fn inside(value: &Value) -> Result<(), Refusal> {
    match value {
        Value::String(text) => fill::names(text).map(drop),
        Value::Array(items) => items.iter().try_for_each(inside),
        Value::Object(table) => table.values().try_for_each(inside),
        Value::Null | Value::Bool(_) | Value::Number(_) => Ok(()),
    }
}
