//! Workflows: steps in an order, as `.claude/workflows/*.yaml` declare them, in one model whichever of its forms a file has.
//!
//! Nothing is carried out here. `read` makes the model of a text, `among` looks at several together, `order` says what can run
//! when, `graph` draws it, `flow` says how far a run has come and what it does next.

pub mod able;
pub mod among;
pub mod fill;
pub mod flow;
pub mod graph;
pub mod order;
pub mod outcome;
pub mod read;
pub mod retry;
pub mod scope;
pub mod text;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::model::{id, refusal::Refusal, time::Lapse, workflow::retry::Retry};

/// Where the workflows of a project lie.
pub const FOLDER: &str = ".claude/workflows";

/// How many steps run at the same time where nothing is said.
pub const USUAL_PARALLEL: u32 = 5;

/// The most steps that may run at the same time.
pub const MAX_PARALLEL: u32 = 64;

/// The most steps that a workflow may have, those of branches, handlers and rollback counted.
pub const MAX_STEPS: usize = 10_000;

/// How long a step may take where nothing is said.
pub const USUAL_TIMEOUT: Lapse = Lapse::hours(1);

/// What happens when a step fails for good.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnFailure {
    /// No further step begins.
    #[default]
    Abort,
    /// The rest goes on, also what needs it.
    Continue,
    /// The rest goes on but for what needs it.
    Skip,
    /// The steps of `rollback:` are carried out, then it ends.
    Rollback,
}

/// What happens to a step that was running when the run died.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnCrash {
    /// It is run again.
    #[default]
    Rerun,
    /// A person says whether it is run again.
    Ask,
    /// It counts as failed.
    Fail,
}

/// What happens at errors of a class.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// No further step begins.
    Abort,
    /// The rest goes on, also what needs the step.
    Continue,
    /// The rest goes on but for what needs the step.
    Skip,
    /// The handler's own steps are carried out, or those of the workflow's `rollback:`, then it ends.
    Rollback,
    /// The step is tried again, at most `max_retries` times.
    Retry,
}

/// What steps hand on to each other.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ContextRules {
    /// The names that outlive the workflow.
    pub preserve: Vec<String>,
    /// What holds when two steps say something about one name.
    pub merge_strategy: MergeStrategy,
}

/// What holds when two steps say something about one name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum MergeStrategy {
    /// What was said last.
    #[default]
    Override,
    /// What was said first.
    Keep,
    /// Both: tables are put together, lists one after the other.
    #[serde(alias = "deep_merge")]
    Merge,
}

/// The type of a parameter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Type {
    /// A text.
    #[default]
    String,
    /// A whole number.
    #[serde(alias = "int")]
    Integer,
    /// A number.
    #[serde(alias = "float")]
    Number,
    /// True or false.
    #[serde(alias = "bool")]
    Boolean,
    /// A list.
    #[serde(alias = "list")]
    Array,
    /// A table.
    #[serde(alias = "dict")]
    Object,
}

impl Type {
    /// The word on disk.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::String => "string",
            Self::Integer => "integer",
            Self::Number => "number",
            Self::Boolean => "boolean",
            Self::Array => "array",
            Self::Object => "object",
        }
    }
}

/// What has to be said, or may be said, when a workflow starts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Parameter {
    /// How expressions name it.
    pub name: String,
    /// Its type.
    #[serde(default)]
    pub r#type: Type,
    /// Whether it has to be said.
    #[serde(default)]
    pub required: bool,
    /// The only values that it may have.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub r#enum: Vec<Value>,
    /// Its value when it is not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<Value>,
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}

impl Parameter {
    /// Whether `value` is of its type and one of its values.
    ///
    /// # Errors
    /// Refuses any other, naming what is allowed.
    pub fn takes(&self, value: &Value) -> Result<(), Refusal> {
        let fits = match self.r#type {
            Type::String => value.is_string(),
            Type::Integer => value.is_i64() || value.is_u64(),
            Type::Number => value.is_number(),
            Type::Boolean => value.is_boolean(),
            Type::Array => value.is_array(),
            Type::Object => value.is_object(),
        };
        if !fits {
            let wanted = self.r#type.word();
            return Err(Refusal::usage(format!("the parameter `{}` is {value}, which is not of type {wanted}", self.name)));
        }
        if self.r#enum.is_empty() || self.r#enum.contains(value) {
            return Ok(());
        }
        let plain = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let all: Vec<String> = self.r#enum.iter().map(|value| format!("`{}`", plain(value))).collect();
        Err(Refusal::usage(format!("the parameter `{}` is {value}, which is none of {}", self.name, all.join(", "))))
    }

    /// The value that `text` of a command line means.
    fn read(&self, text: &str) -> Value {
        match self.r#type {
            Type::String => text.into(),
            Type::Integer | Type::Number | Type::Boolean | Type::Array | Type::Object => {
                serde_json::from_str(text).unwrap_or_else(|_| text.into())
            }
        }
    }
}

/// How a program is started.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Command {
    /// With these arguments, without a shell.
    Program(Vec<String>),
    /// By `sh -eu -c`, which is given this text.
    Script(String),
}

/// What is waited for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Until {
    /// That so much time passed.
    Time(Lapse),
    /// That a file is there, from the top of the work tree.
    File(String),
    /// That a question is answered.
    Answer(String),
}

/// What a step does. There are no other kinds.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Act {
    /// Starts a program.
    Run {
        /// How.
        command: Command,
    },
    /// Gives work to an agent.
    Agent {
        /// What it is told.
        prompt: String,
    },
    /// Uses a skill.
    Skill {
        /// Which.
        skill: String,
    },
    /// Runs a gate, which has to be green.
    Gate {
        /// Which.
        gate: String,
    },
    /// Takes the first of its branches that holds.
    Decision {
        /// What is decided.
        question: String,
        /// The alternatives, in their order.
        branches: Vec<Branch>,
        /// The steps when none holds.
        default: Vec<Step>,
    },
    /// Asks a person.
    Question {
        /// What.
        question: String,
    },
    /// Asks a person to agree.
    Approval {
        /// To what.
        question: String,
    },
    /// Takes a checkpoint.
    Checkpoint {
        /// Its words.
        words: String,
    },
    /// Goes back to a checkpoint.
    Rollback {
        /// The step that took it.
        to: String,
    },
    /// Carries out another workflow.
    Workflow {
        /// Which.
        workflow: String,
    },
    /// Waits.
    Wait {
        /// For what.
        until: Until,
    },
}

impl Act {
    /// The word of its kind.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Run { .. } => "run",
            Self::Agent { .. } => "agent",
            Self::Skill { .. } => "skill",
            Self::Gate { .. } => "gate",
            Self::Decision { .. } => "decision",
            Self::Question { .. } => "question",
            Self::Approval { .. } => "approval",
            Self::Checkpoint { .. } => "checkpoint",
            Self::Rollback { .. } => "rollback",
            Self::Workflow { .. } => "workflow",
            Self::Wait { .. } => "wait",
        }
    }

    /// To what it is done, on one line.
    #[must_use]
    pub fn target(&self) -> String {
        let text = match self {
            Self::Run { command: Command::Program(arguments) } => arguments.join(" "),
            Self::Run { command: Command::Script(text) }
            | Self::Agent { prompt: text }
            | Self::Skill { skill: text }
            | Self::Gate { gate: text }
            | Self::Decision { question: text, .. }
            | Self::Question { question: text }
            | Self::Approval { question: text }
            | Self::Checkpoint { words: text }
            | Self::Rollback { to: text }
            | Self::Workflow { workflow: text } => text.clone(),
            Self::Wait { until: Until::Time(lapse) } => lapse.to_string(),
            Self::Wait { until: Until::File(path) } => format!("the file {path}"),
            Self::Wait { until: Until::Answer(question) } => format!("the answer to {question}"),
        };
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    }
}

/// One of the alternatives of a decision.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Branch {
    /// The expression that has to hold.
    pub when: String,
    /// Its steps, one after the other.
    pub steps: Vec<Step>,
}

/// For what a step is done several times.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Each {
    /// For each item that an expression gives.
    Expression(String),
    /// For each of these.
    Items(Vec<String>),
    /// For each combination of values.
    Matrix {
        /// The values by name.
        values: BTreeMap<String, Vec<Value>>,
        /// How many at the same time.
        max_parallel: u32,
    },
}

impl Each {
    /// How many times that is, when it is known.
    #[must_use]
    pub fn times(&self) -> Option<usize> {
        match self {
            Self::Expression(_) => None,
            Self::Items(items) => Some(items.len()),
            Self::Matrix { values, .. } => Some(values.values().fold(1, |product, values| product.saturating_mul(values.len()))),
        }
    }

    /// How many of them one after the other.
    fn rounds(&self) -> u32 {
        let times = self.times().unwrap_or(1);
        let rounds = match self {
            Self::Matrix { max_parallel, .. } => times.div_ceil((*max_parallel).max(1) as usize),
            Self::Expression(_) | Self::Items(_) => times,
        };
        u32::try_from(rounds).unwrap_or(u32::MAX)
    }
}

/// A step.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Step {
    /// How others name it.
    pub id: String,
    /// What people call it.
    pub title: String,
    /// The number of its stage, from 0; it comes after all of the stages before.
    pub stage: usize,
    /// What it does.
    pub act: Act,
    /// The steps of its own or an earlier stage that it comes after.
    pub needs: Vec<String>,
    /// The expression that has to hold; else it is skipped.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub when: Option<String>,
    /// What it is given.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub with: BTreeMap<String, Value>,
    /// Variables of its environment.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub env: BTreeMap<String, String>,
    /// How long it may take.
    pub timeout: Lapse,
    /// How long it takes as a rule; none when nobody said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub estimate: Option<Lapse>,
    /// How often and how fast it is tried again; not at all when none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry: Option<Retry>,
    /// What happens when it fails for good.
    pub on_failure: OnFailure,
    /// What happens when the run died while it ran.
    pub on_crash: OnCrash,
    /// For what it is done several times.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub each: Option<Each>,
    /// What others may read of what it gave.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub outputs: BTreeMap<String, String>,
    /// Its line in the file, from 1.
    pub line: u64,
}

impl Step {
    /// The blocks of steps inside it.
    pub(crate) fn blocks(&self) -> Vec<&[Self]> {
        match &self.act {
            Act::Decision { branches, default, .. } => {
                branches.iter().map(|branch| branch.steps.as_slice()).chain([default.as_slice()]).collect()
            }
            Act::Run { .. }
            | Act::Agent { .. }
            | Act::Skill { .. }
            | Act::Gate { .. }
            | Act::Question { .. }
            | Act::Approval { .. }
            | Act::Checkpoint { .. }
            | Act::Rollback { .. }
            | Act::Workflow { .. }
            | Act::Wait { .. } => Vec::new(),
        }
    }
}

/// A group of steps, one group after the other.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Stage {
    /// What people call it; empty for steps without stages.
    pub name: String,
    /// How many of its steps may run at the same time.
    pub max_parallel: u32,
}

/// What happens at errors of a class.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Handling {
    /// The class.
    pub error: String,
    /// What is done.
    pub action: Answer,
    /// How often the step is tried again; 0 unless that is the action.
    pub max_retries: u32,
    /// Who is told.
    pub notify: Vec<String>,
    /// The steps that are carried out.
    pub steps: Vec<Step>,
}

/// A workflow.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Workflow {
    /// What people call it.
    pub name: String,
    /// The version that its author gives it; empty when none.
    pub version: String,
    /// What it is for; empty when not said.
    pub description: String,
    /// Who made it; empty when not said.
    pub author: String,
    /// Words to find it by.
    pub tags: Vec<String>,
    /// What has to be said when it starts.
    pub parameters: Vec<Parameter>,
    /// What steps hand on to each other.
    pub context: ContextRules,
    /// Variables of the environment of every step.
    pub env: BTreeMap<String, String>,
    /// How long the whole may take.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Lapse>,
    /// The stages, in their order.
    pub stages: Vec<Stage>,
    /// The steps, in the order of the file.
    pub steps: Vec<Step>,
    /// What it hands to whoever started it.
    pub outputs: BTreeMap<String, String>,
    /// What happens at errors of a class.
    pub error_handlers: Vec<Handling>,
    /// The steps that take the whole back.
    pub rollback: Vec<Step>,
}

impl Workflow {
    /// Every step, those of branches, handlers and rollback too, each after the one that holds it.
    #[must_use]
    pub fn every_step(&self) -> Vec<&Step> {
        let outer = [self.steps.as_slice(), self.rollback.as_slice()];
        let handlers = self.error_handlers.iter().map(|handling| handling.steps.as_slice());
        let (mut found, mut blocks): (Vec<&Step>, Vec<&[Step]>) = (Vec::new(), outer.into_iter().chain(handlers).collect());
        while let Some(block) = blocks.pop() {
            for step in block {
                found.push(step);
                blocks.extend(step.blocks());
            }
        }
        found
    }

    /// The values of the parameters, of which `said` gives some as text.
    ///
    /// # Errors
    /// Refuses a name that is no parameter, with the nearest; a value of another type or none of those allowed; and what is
    /// required and not said.
    pub fn values(&self, said: &BTreeMap<String, String>) -> Result<BTreeMap<String, Value>, Refusal> {
        self.given(&said.iter().map(|(name, text)| (name.clone(), text.as_str().into())).collect())
    }

    /// The values of the parameters, of which `given` gives some; a text stands for what it would mean on a command line.
    ///
    /// # Errors
    /// As [`Self::values`].
    pub fn given(&self, given: &BTreeMap<String, Value>) -> Result<BTreeMap<String, Value>, Refusal> {
        if let Some(name) = given.keys().find(|name| !self.parameters.iter().any(|one| one.name == **name)) {
            let refusal = Refusal::usage(format!("the workflow `{}` has no parameter `{name}`", self.name));
            let near = id::nearest(name, self.parameters.iter().map(|one| (one.name.as_str(), "")));
            return Err(if near.is_empty() { refusal } else { refusal.hint(format!("nearest: {}", near.join(", "))) });
        }
        let mut values = BTreeMap::new();
        for parameter in &self.parameters {
            let said = given.get(&parameter.name);
            let value = said.map(|value| value.as_str().map_or_else(|| value.clone(), |text| parameter.read(text)));
            match value.or_else(|| parameter.default.clone()) {
                Some(value) => {
                    parameter.takes(&value)?;
                    values.insert(parameter.name.clone(), value);
                }
                None if parameter.required => {
                    return Err(Refusal::usage(format!("the workflow `{}` needs the parameter `{}`", self.name, parameter.name))
                        .hint(format!("say it with `--set {}=VALUE`", parameter.name)));
                }
                None => {}
            }
        }
        Ok(values)
    }
}

#[cfg(test)]
mod tests;
