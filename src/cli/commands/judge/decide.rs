//! `autonomy decide`: flags into a decision.

use clap::{
    Args, ValueEnum,
    builder::{PossibleValuesParser, TypedValueParser},
};
use serde_json::Value;

use crate::{
    cli::context::Context,
    host::Result,
    model::{
        decision::{ChangeKind, DecisionOption, Reversibility, Risk, Status, Topic},
        id::AgentName,
        refusal::{Code, Refusal},
    },
    ops::judge::decide,
};

#[derive(Args)]
pub(crate) struct Decide {
    /// What was decided, in one line
    title: String,
    /// A way that was thought of; may be given several times
    #[arg(long = "option", value_name = "NAME")]
    options: Vec<String>,
    /// What speaks for an option: `NAME=POINT`; may be given several times
    #[arg(long = "pro", value_name = "NAME=POINT")]
    pros: Vec<String>,
    /// What speaks against an option: `NAME=POINT`; may be given several times
    #[arg(long = "con", value_name = "NAME=POINT")]
    cons: Vec<String>,
    /// What was chosen; without it the decision is a proposal
    #[arg(long = "choose", value_name = "NAME")]
    choice: Option<String>,
    /// Why
    #[arg(long = "because", value_name = "REASON")]
    reason: Option<String>,
    /// What led to the question
    #[arg(long, value_name = "TEXT")]
    context: Option<String>,
    /// What follows from it; may be given several times
    #[arg(long = "consequence", value_name = "TEXT")]
    consequences: Vec<String>,
    /// What it costs to go back
    #[arg(long, value_enum, default_value = "reversible", value_name = "COST")]
    reversibility: Back,
    /// How much can go wrong
    #[arg(long, value_enum, default_value = "low")]
    risk: Level,
    /// How sure you are, from 0 to 1
    #[arg(long, value_name = "0..1")]
    confidence: Option<f64>,
    /// What it is about
    #[arg(long = "type", value_enum, default_value = "general", value_name = "TYPE")]
    topic: About,
    /// What is changed by it, when that is in the table of who decides
    #[arg(long, value_parser = kinds())]
    kind: Option<ChangeKind>,
    /// A fact that rules ask for, such as `cost=120` or `breaking=true`; may be given several times
    #[arg(long = "fact", value_name = "NAME=VALUE", value_parser = fact)]
    facts: Vec<(String, Value)>,
    /// Your role, as `agents.yaml` names it
    #[arg(long, value_name = "ROLE")]
    agent: Option<String>,
    /// The task that it belongs to
    #[arg(long)]
    task: Option<String>,
    /// A path that it is about; may be given several times
    #[arg(long = "path", value_name = "PATH")]
    paths: Vec<String>,
    /// What would make it worth deciding again
    #[arg(long, value_name = "TEXT")]
    reopen_if: Option<String>,
}

#[derive(Clone, Copy, ValueEnum)]
pub(super) enum Back {
    Reversible,
    Costly,
    Irreversible,
}

#[derive(Clone, Copy, ValueEnum)]
pub(super) enum Level {
    Low,
    Medium,
    High,
    Critical,
}

#[derive(Clone, Copy, ValueEnum)]
pub(super) enum About {
    Architecture,
    Security,
    Data,
    Deployment,
    Configuration,
    Resource,
    Integration,
    Maintenance,
    General,
}

impl Decide {
    pub(crate) fn run(self, context: &Context) -> Result<u8> {
        let workspace = context.workspace()?;
        let mut options: Vec<DecisionOption> =
            self.options.iter().map(|name| DecisionOption { name: name.clone(), ..DecisionOption::default() }).collect();
        for (given, flag) in self.pros.iter().map(|it| (it, "--pro")).chain(self.cons.iter().map(|it| (it, "--con"))) {
            let (option, point) = point(&mut options, given, flag)?;
            if flag == "--pro" { option.pros.push(point) } else { option.cons.push(point) }
        }
        let request = decide::Request {
            title: self.title,
            topic: self.topic.into(),
            options,
            choice: self.choice,
            reason: self.reason,
            context: self.context,
            consequences: self.consequences,
            reversibility: self.reversibility.into(),
            risk: self.risk.into(),
            kind: self.kind,
            facts: self.facts.into_iter().collect(),
            agent: self.agent.map(AgentName::new).transpose()?,
            confidence: self.confidence,
            task: self.task,
            paths: self.paths,
            reopen_if: self.reopen_if,
        };
        let outcome = decide::decide(&workspace, &request)?;
        let code = context.say(&workspace, &outcome, |screen| {
            screen.data(outcome.decision.to_string());
            let word = match outcome.status {
                Status::Proposed => "Proposed",
                Status::Accepted | Status::Rejected | Status::Superseded => "Recorded",
            };
            screen.talk(format!("{word} `{}` in {}", outcome.title, outcome.path));
            if let (Some(question), Some(ruled)) = (&outcome.question, &outcome.ruled) {
                screen.talk(format!("It {}: {} (`{}`)", ruled.ruling.words(), ruled.by, ruled.at));
                screen.talk(format!("Do not act on it before question {question} is answered; work on something else"));
            }
        })?;
        Ok(if outcome.question.is_some() { Code::NeedsPerson.exit() } else { code })
    }
}

/// The kinds of change, as values of a flag.
pub(super) fn kinds() -> impl TypedValueParser<Value = ChangeKind> {
    PossibleValuesParser::new(ChangeKind::ALL.map(ChangeKind::word))
        .try_map(|word| ChangeKind::ALL.into_iter().find(|kind| kind.word() == word).ok_or("it is none of the kinds"))
}

/// A fact: what stands behind `=` is a number, true or false, else a text.
pub(super) fn fact(given: &str) -> Result<(String, Value), String> {
    let (name, value) = given.split_once('=').ok_or("a fact is `NAME=VALUE`")?;
    let value = value.trim();
    Ok((name.trim().to_owned(), serde_json::from_str(value).unwrap_or_else(|_| Value::String(value.to_owned()))))
}

fn point<'a>(options: &'a mut [DecisionOption], given: &str, flag: &str) -> Result<(&'a mut DecisionOption, String)> {
    let wrong = || Refusal::usage(format!("`{flag} {given}` names no option")).hint(format!("`{flag} \"<option>=<point>\"`"));
    let (name, point) = given.split_once('=').ok_or_else(wrong)?;
    let option = options.iter_mut().find(|option| option.name == name.trim()).ok_or_else(wrong)?;
    Ok((option, point.trim().to_owned()))
}

impl From<Back> for Reversibility {
    fn from(back: Back) -> Self {
        match back {
            Back::Reversible => Self::Reversible,
            Back::Costly => Self::Costly,
            Back::Irreversible => Self::Irreversible,
        }
    }
}

impl From<Level> for Risk {
    fn from(level: Level) -> Self {
        match level {
            Level::Low => Self::Low,
            Level::Medium => Self::Medium,
            Level::High => Self::High,
            Level::Critical => Self::Critical,
        }
    }
}

impl From<About> for Topic {
    fn from(about: About) -> Self {
        match about {
            About::Architecture => Self::Architecture,
            About::Security => Self::Security,
            About::Data => Self::Data,
            About::Deployment => Self::Deployment,
            About::Configuration => Self::Configuration,
            About::Resource => Self::Resource,
            About::Integration => Self::Integration,
            About::Maintenance => Self::Maintenance,
            About::General => Self::General,
        }
    }
}
