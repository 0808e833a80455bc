//! What a workflow's file may say, word for word: the vocabulary of CI, and the forms with stages. Nothing is decided here;
//! `model::workflow::read` makes one model of it.

use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::model::{
    refusal::Refusal,
    workflow::{
        Answer, ContextRules, MAX_PARALLEL, OnCrash, OnFailure, Parameter, Until,
        retry::{Retry, Span},
    },
    yaml::Spanned,
};

/// What a step does, as a word of the form with `type` and `name`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Starts a program.
    #[serde(alias = "command", alias = "shell")]
    Run,
    /// Gives work to an agent.
    Agent,
    /// Uses a skill.
    Skill,
    /// Runs a gate.
    Gate,
    /// Takes the first of its branches that holds.
    Decision,
    /// Asks a person.
    Question,
    /// Asks a person to agree.
    Approval,
    /// Takes a checkpoint.
    Checkpoint,
    /// Goes back to a checkpoint.
    Rollback,
    /// Carries out another workflow.
    Workflow,
    /// Waits.
    Wait,
}

/// One text, or a list of them.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Value")]
pub enum Words {
    /// One text.
    One(String),
    /// A list.
    Many(Vec<String>),
}

impl Words {
    /// The list; one text is a list of one.
    #[must_use]
    pub fn list(self) -> Vec<String> {
        match self {
            Self::One(text) => vec![text],
            Self::Many(texts) => texts,
        }
    }
}

impl TryFrom<Value> for Words {
    type Error = Refusal;
    fn try_from(value: Value) -> Result<Self, Refusal> {
        match value {
            Value::Array(items) => items.into_iter().map(word).collect::<Result<_, _>>().map(Self::Many),
            other => word(other).map(Self::One),
        }
    }
}

fn word(value: Value) -> Result<String, Refusal> {
    match value {
        Value::String(text) => Ok(text),
        Value::Number(number) => Ok(number.to_string()),
        Value::Bool(yes) => Ok(yes.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => Err(Refusal::usage("a text or a list of texts is needed")),
    }
}

impl JsonSchema for Words {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Words".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["string", "array"], "items": { "type": "string" } })
    }
}

/// What is waited for: a span of time, `{file: PATH}` or `{answer: QUESTION}`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Value")]
pub struct WaitText(pub Until);

impl TryFrom<Value> for WaitText {
    type Error = Refusal;
    fn try_from(value: Value) -> Result<Self, Refusal> {
        let Value::Object(table) = value else { return Span::try_from(value).map(|Span(lapse)| Self(Until::Time(lapse))) };
        let text = |key: &str| table.get(key).filter(|_| table.len() == 1).and_then(Value::as_str).map(str::to_owned);
        let until = text("file").map(Until::File).or_else(|| text("answer").map(Until::Answer));
        until.map(Self).ok_or_else(|| Refusal::usage("a span of time, `file: PATH` or `answer: QUESTION` is needed"))
    }
}

impl JsonSchema for WaitText {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "WaitText".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let text = json_schema!({ "type": "string" });
        json_schema!({
            "type": ["string", "integer", "object"],
            "minimum": 0,
            "properties": { "file": text, "answer": text },
            "minProperties": 1,
            "maxProperties": 1,
            "additionalProperties": false
        })
    }
}

/// What a file of `.claude/workflows/` may be: a workflow, or one inside `workflow:`.
#[derive(JsonSchema)]
#[serde(untagged)]
pub enum Form {
    /// The workflow itself.
    Plain(Box<File>),
    /// Inside `workflow:`.
    Wrapped(Wrapped),
}

/// A file of the form with the wrapper.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Wrapped {
    /// The workflow.
    pub workflow: Box<File>,
}

/// Names a property of `schema` once more as another: both mean the same in a file, which says one of them.
fn also(schema: &mut Schema, aliases: &[(&str, &str)]) {
    let Some(properties) = schema.get_mut("properties").and_then(Value::as_object_mut) else { return };
    for (alias, name) in aliases {
        if let Some(property) = properties.get(*name).cloned() {
            properties.insert((*alias).to_owned(), property);
        }
    }
}

fn step_aliases(schema: &mut Schema) {
    also(schema, &[("parameters", "with"), ("dependencies", "needs"), ("when", "if"), ("condition", "if")]);
}

fn condition_aliases(schema: &mut Schema) {
    also(schema, &[("if", "when"), ("condition", "when")]);
}

fn handling_aliases(schema: &mut Schema) {
    also(schema, &[("on", "error"), ("do", "action")]);
}

/// A workflow as its file says it: `steps` or `stages`, and what holds for all of them.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct File {
    /// What people call it; the file's name when not said.
    pub name: Option<String>,
    /// The version that its author gives it.
    pub version: Option<Words>,
    /// What it is for.
    pub description: Option<String>,
    /// Who made it, and the defaults for time and retries.
    pub metadata: Option<Metadata>,
    /// What has to be said when it starts.
    #[serde(default)]
    pub parameters: Vec<Parameter>,
    /// What steps hand on to each other.
    #[serde(default)]
    pub context: ContextRules,
    /// Variables of the environment of every step.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    /// How long the whole may take.
    pub timeout: Option<Span>,
    /// How many steps may run at the same time.
    #[schemars(range(min = 1, max = MAX_PARALLEL))]
    pub max_parallel: Option<u32>,
    /// What happens when a step fails that says nothing itself.
    pub on_failure: Option<OnFailure>,
    /// Steps, one after the other unless they say what they need.
    #[serde(default)]
    #[schemars(with = "Vec<StepText>")]
    pub steps: Vec<Spanned<StepText>>,
    /// Groups of steps, one group after the other.
    #[serde(default)]
    #[schemars(with = "Vec<StageText>")]
    pub stages: Vec<Spanned<StageText>>,
    /// What it hands to whoever started it.
    #[serde(default)]
    pub outputs: BTreeMap<String, String>,
    /// What happens at errors of a class.
    #[serde(default)]
    #[schemars(with = "Vec<HandlingText>")]
    pub error_handlers: Vec<Spanned<HandlingText>>,
    /// The steps that take the whole back.
    #[serde(default)]
    #[schemars(with = "Vec<StepText>")]
    pub rollback: Vec<Spanned<StepText>>,
}

/// Who made a workflow, and its defaults.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Metadata {
    /// Who made it.
    pub author: Option<String>,
    /// Words to find it by.
    #[serde(default)]
    pub tags: Vec<String>,
    /// How long the whole may take.
    pub timeout: Option<Span>,
    /// How often and how fast a failed step is tried again that says nothing itself.
    pub retry_policy: Option<Retry>,
}

/// A group of steps.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(transform = condition_aliases)]
pub struct StageText {
    /// What people call it.
    pub name: String,
    /// What it is for.
    pub description: Option<String>,
    /// Whether its steps may run at the same time.
    #[serde(default)]
    pub parallel: bool,
    /// How many of them at most.
    #[schemars(range(min = 1, max = MAX_PARALLEL))]
    pub max_parallel: Option<u32>,
    /// When it is done at all.
    #[serde(alias = "if", alias = "condition")]
    pub when: Option<String>,
    /// Its steps.
    #[schemars(with = "Vec<StepText>")]
    pub steps: Vec<Spanned<StepText>>,
}

/// A step. It says exactly one thing that it does.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(transform = step_aliases)]
pub struct StepText {
    /// How others name it; made of its name when not said.
    pub id: Option<String>,
    /// What people call it; with `type`, what it is done to.
    pub name: Option<String>,
    /// What it does, in the form with `name` and `parameters`.
    pub r#type: Option<Kind>,
    /// A command: a list is started as it is, a text is given to `sh -eu -c`.
    pub run: Option<Words>,
    /// What an agent is to do.
    pub agent: Option<String>,
    /// The skill that is used.
    pub skill: Option<String>,
    /// The gate that has to be green.
    pub gate: Option<String>,
    /// What is to be decided.
    pub decision: Option<String>,
    /// What a person is asked.
    pub question: Option<String>,
    /// What a person has to agree to.
    pub approval: Option<String>,
    /// The checkpoint that is taken, by its words.
    pub checkpoint: Option<String>,
    /// The step whose checkpoint is gone back to.
    pub rollback: Option<String>,
    /// The workflow that is carried out.
    pub workflow: Option<String>,
    /// What is waited for: a span of time, `file: PATH`, or `answer: QUESTION`.
    pub wait: Option<WaitText>,
    /// Alternatives, of which the first that holds is taken.
    pub branches: Vec<BranchText>,
    /// The steps when no branch holds.
    #[schemars(with = "Vec<StepText>")]
    pub default: Vec<Spanned<StepText>>,
    /// What it is given.
    #[serde(alias = "parameters")]
    pub with: BTreeMap<String, Value>,
    /// The steps that it comes after.
    #[serde(alias = "dependencies")]
    pub needs: Option<Words>,
    /// When it is done at all.
    #[serde(alias = "when", alias = "condition")]
    pub r#if: Option<String>,
    /// Variables of its environment.
    pub env: BTreeMap<String, String>,
    /// How long it may take.
    pub timeout: Option<Span>,
    /// How long it takes as a rule, for plans.
    pub estimate: Option<Span>,
    /// How often and how fast it is tried again.
    pub retry: Option<Retry>,
    /// What happens when it fails for good.
    pub on_failure: Option<OnFailure>,
    /// What happens when the run died while it ran.
    pub on_crash: OnCrash,
    /// What it is done for, one after the other: an expression, or a list.
    pub for_each: Option<Words>,
    /// What it is done for, in all combinations.
    pub strategy: Option<Strategy>,
    /// What others may read of what it gave.
    pub outputs: BTreeMap<String, String>,
}

/// One of the alternatives of a decision.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(transform = condition_aliases)]
pub struct BranchText {
    /// When it is taken.
    #[serde(alias = "if", alias = "condition")]
    pub when: Option<String>,
    /// Its steps, one after the other.
    #[schemars(with = "Vec<StepText>")]
    pub steps: Vec<Spanned<StepText>>,
}

/// Combinations.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Strategy {
    /// The values by name.
    pub matrix: BTreeMap<String, Vec<Value>>,
    /// How many combinations may run at the same time.
    #[schemars(range(min = 1, max = MAX_PARALLEL))]
    pub max_parallel: Option<u32>,
}

/// What happens at errors of a class.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(transform = handling_aliases)]
pub struct HandlingText {
    /// The class of the error.
    #[serde(alias = "on")]
    pub error: Option<String>,
    /// What is done.
    #[serde(alias = "do")]
    pub action: Option<Answer>,
    /// How often the step is tried again, with `action: retry`.
    #[serde(default)]
    #[schemars(range(max = 20))]
    pub max_retries: u32,
    /// Who is told.
    #[serde(default)]
    pub notify: Vec<String>,
    /// The steps that are carried out, with `action: rollback`.
    #[serde(default)]
    #[schemars(with = "Vec<StepText>")]
    pub steps: Vec<Spanned<StepText>>,
}
