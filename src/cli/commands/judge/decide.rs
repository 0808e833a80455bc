//! `autonomy decide`: flags into a decision.

use clap::{Args, ValueEnum};

use crate::{
    cli::context::Context,
    host::Result,
    model::{
        decision::{DecisionOption, Reversibility, Risk, Status, Topic},
        refusal::Refusal,
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
enum Back {
    Reversible,
    Costly,
    Irreversible,
}

#[derive(Clone, Copy, ValueEnum)]
enum Level {
    Low,
    Medium,
    High,
    Critical,
}

#[derive(Clone, Copy, ValueEnum)]
enum About {
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
            topic: topic(self.topic),
            options,
            choice: self.choice,
            reason: self.reason,
            context: self.context,
            consequences: self.consequences,
            reversibility: match self.reversibility {
                Back::Reversible => Reversibility::Reversible,
                Back::Costly => Reversibility::Costly,
                Back::Irreversible => Reversibility::Irreversible,
            },
            risk: match self.risk {
                Level::Low => Risk::Low,
                Level::Medium => Risk::Medium,
                Level::High => Risk::High,
                Level::Critical => Risk::Critical,
            },
            confidence: self.confidence,
            task: self.task,
            paths: self.paths,
            reopen_if: self.reopen_if,
        };
        let outcome = decide::decide(&workspace, &request)?;
        context.say(&workspace, &outcome, |screen| {
            screen.data(outcome.decision.to_string());
            let word = match outcome.status {
                Status::Proposed => "Proposed",
                Status::Accepted | Status::Rejected | Status::Superseded => "Recorded",
            };
            screen.talk(format!("{word} `{}` in {}", outcome.title, outcome.path));
        })
    }
}

fn point<'a>(options: &'a mut [DecisionOption], given: &str, flag: &str) -> Result<(&'a mut DecisionOption, String)> {
    let wrong = || Refusal::usage(format!("`{flag} {given}` names no option")).hint(format!("`{flag} \"<option>=<point>\"`"));
    let (name, point) = given.split_once('=').ok_or_else(wrong)?;
    let option = options.iter_mut().find(|option| option.name == name.trim()).ok_or_else(wrong)?;
    Ok((option, point.trim().to_owned()))
}

fn topic(about: About) -> Topic {
    match about {
        About::Architecture => Topic::Architecture,
        About::Security => Topic::Security,
        About::Data => Topic::Data,
        About::Deployment => Topic::Deployment,
        About::Configuration => Topic::Configuration,
        About::Resource => Topic::Resource,
        About::Integration => Topic::Integration,
        About::Maintenance => Topic::Maintenance,
        About::General => Topic::General,
    }
}
