//! `workflow list|show|validate|plan|graph`: the workflows of this work tree, what is wrong with them, and what could run when.
//!
//! Nothing is carried out and nothing is written.

pub mod files;
pub mod runs;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    host::{Result, workspace::Workspace},
    model::{
        refusal::Refusal,
        workflow::{
            self, Workflow, among,
            order::{self, Plan},
        },
    },
    ops::{
        setup::in_force,
        work::workflow::files::{Files, path},
    },
};

/// Nothing to say.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ListRequest {}

/// A workflow in a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Listed {
    /// What people call it.
    pub name: String,
    /// Its file, from the top of the work tree.
    pub file: String,
    /// What it is for; empty when not said.
    pub description: String,
    /// How many steps it has, those of branches, handlers and rollback not counted.
    pub steps: usize,
    /// The parameters that have to be said.
    pub required: Vec<String>,
}

/// What is wrong with a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Fault {
    /// The file, from the top of the work tree.
    pub file: String,
    /// What.
    pub message: String,
    /// What helps.
    pub hint: Option<String>,
}

/// The workflows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ListOutcome {
    /// Those that can be read, by file.
    pub workflows: Vec<Listed>,
    /// The files that cannot.
    pub faults: Vec<Fault>,
}

/// Which workflow.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Request {
    /// Its name, or that of its file, or a unique beginning of one.
    pub workflow: String,
}

/// A workflow as it was read.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct ShowOutcome {
    /// Its file, from the top of the work tree.
    pub file: String,
    /// The workflow, in one form whichever the file has.
    pub workflow: Workflow,
}

/// Which workflows.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ValidateRequest {
    /// Their names; all when none is said.
    pub workflows: Vec<String>,
}

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ValidateOutcome {
    /// The files that were looked at.
    pub files: Vec<String>,
    /// What is wrong.
    pub faults: Vec<Fault>,
}

/// A workflow and its parameters.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct PlanRequest {
    /// Its name, or that of its file, or a unique beginning of one.
    pub workflow: String,
    /// What is said of its parameters, as text.
    pub parameters: BTreeMap<String, String>,
}

/// A workflow drawn.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct GraphOutcome {
    /// Each step and what waits for it, in lines.
    pub text: String,
    /// The same as a picture, in the language of mermaid.
    pub mermaid: String,
}

/// Lists the workflows, and the files that are none.
///
/// # Errors
/// Fails when the directory cannot be read.
pub fn list(workspace: &Workspace, _: &ListRequest) -> Result<ListOutcome> {
    let files = Files::read(workspace)?;
    let listed = |(stem, workflow): (&String, &Workflow)| Listed {
        name: workflow.name.clone(),
        file: path(stem),
        description: workflow.description.clone(),
        steps: workflow.steps.len(),
        required: workflow
            .parameters
            .iter()
            .filter(|one| one.required && one.default.is_none())
            .map(|one| one.name.clone())
            .collect(),
    };
    Ok(ListOutcome { workflows: files.good.iter().map(listed).collect(), faults: faults(&files) })
}

/// Shows a workflow in one form, whichever its file has.
///
/// # Errors
/// Refuses an unknown workflow and one that is wrong.
pub fn show(workspace: &Workspace, request: &Request) -> Result<ShowOutcome> {
    let files = Files::read(workspace)?;
    let (stem, workflow) = files.whole(&request.workflow)?;
    Ok(ShowOutcome { file: path(&stem), workflow: workflow.clone() })
}

/// Looks at workflows, each by itself and all together: the workflows that they start, and the gates.
///
/// # Errors
/// Refuses an unknown workflow, and settings that are wrong.
pub fn validate(workspace: &Workspace, request: &ValidateRequest) -> Result<ValidateOutcome> {
    let files = Files::read(workspace)?;
    let gates = in_force::gates(workspace)?;
    let gates: Vec<&str> = gates.iter().map(|own| own.name.as_str()).collect();
    let broken: Vec<String> = files.bad.keys().cloned().collect();
    let mut faults = faults(&files);
    faults.extend(among::faults(&files.good, &broken, &gates).into_iter().map(|(stem, refusal)| fault(path(&stem), refusal)));
    let mut looked_at: Vec<String> =
        files.good.keys().map(|stem| path(stem)).chain(files.bad.keys().map(|stem| path(stem))).collect();
    looked_at.sort();
    if !request.workflows.is_empty() {
        let wanted: Vec<String> =
            request.workflows.iter().map(|name| files.stem(name).map(|stem| path(&stem))).collect::<Result<_, Refusal>>()?;
        looked_at.retain(|file| wanted.contains(file));
        faults.retain(|fault| wanted.contains(&fault.file));
    }
    Ok(ValidateOutcome { files: looked_at, faults })
}

/// Says what could run when, and which way takes longest.
///
/// # Errors
/// Refuses an unknown workflow, one that is wrong, and parameters that do not fit.
pub fn plan(workspace: &Workspace, request: &PlanRequest) -> Result<Plan> {
    let files = Files::read(workspace)?;
    let (_, workflow) = files.whole(&request.workflow)?;
    Ok(order::plan(workflow, &request.parameters)?)
}

/// Draws a workflow.
///
/// # Errors
/// Refuses an unknown workflow and one that is wrong.
pub fn graph(workspace: &Workspace, request: &Request) -> Result<GraphOutcome> {
    let files = Files::read(workspace)?;
    let (_, workflow) = files.whole(&request.workflow)?;
    let plan = order::outline(workflow)?;
    Ok(GraphOutcome { text: workflow::graph::text(&plan), mermaid: workflow::graph::mermaid(&plan) })
}

fn faults(files: &Files) -> Vec<Fault> {
    files.bad.iter().map(|(stem, refusal)| fault(path(stem), refusal.clone())).collect()
}

fn fault(file: String, refusal: Refusal) -> Fault {
    Fault { file, message: refusal.message, hint: refusal.hint }
}
