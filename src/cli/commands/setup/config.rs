//! `autonomy config …`: shows, explains, sets and checks settings.

use clap::{Args, Subcommand};
use serde_json::Value;

use crate::{
    cli::context::Context,
    host::Result,
    model::settings::edit,
    ops::setup::config::{self, Holding, KeyRequest, SetRequest, Whose},
};

#[derive(Subcommand)]
#[command(defer = true)]
pub(crate) enum Config {
    /// Show every setting and whence it comes
    Show,
    /// Print the value of one setting
    Get(Key),
    /// Set one setting in `.claude/autonomy.toml`, or in your own file
    Set(Set),
    /// Tell what a setting means and everything that sets it
    Explain(Key),
    /// Check the settings
    Validate,
}

#[derive(Args)]
pub(crate) struct Key {
    /// The setting, such as `run.max_hours`
    key: String,
}

#[derive(Args)]
pub(crate) struct Set {
    /// The setting, such as `run.max_hours`
    key: String,
    /// Its value: a number, true or false, a list as in TOML, or text
    value: String,
    /// Set it in your own file, for all repositories
    #[arg(long)]
    user: bool,
}

impl Config {
    pub(crate) fn run(self, context: &Context) -> Result<u8> {
        match self {
            Self::Show => show(context),
            Self::Get(key) => get(context, key),
            Self::Set(set) => set.run(context),
            Self::Explain(key) => explain(context, key),
            Self::Validate => validate(context),
        }
    }
}

fn from(holding: &Holding) -> String {
    let profile = holding.origin.profile.as_ref().map(|name| format!(", profile {name}")).unwrap_or_default();
    format!("{}{profile}", holding.origin.from)
}

fn show(context: &Context) -> Result<u8> {
    let workspace = context.workspace()?;
    let outcome = config::show(&workspace, &config::ShowRequest {})?;
    context.say(&workspace, &outcome, |screen| {
        let lines: Vec<(String, String)> =
            outcome.settings.iter().map(|one| (format!("{} = {}", one.key, edit::shown(&one.value)), from(one))).collect();
        let width = lines.iter().map(|(line, _)| line.chars().count()).max().unwrap_or(0).min(60);
        for (line, from) in lines {
            screen.data(format!("{line:<width$}  # {from}"));
        }
    })
}

fn get(context: &Context, key: Key) -> Result<u8> {
    let workspace = context.workspace()?;
    let outcome = config::get(&workspace, &KeyRequest { key: key.key })?;
    context.say(&workspace, &outcome, |screen| {
        screen.data(match &outcome.value {
            Value::String(text) => text.clone(),
            other => edit::shown(other),
        });
    })
}

impl Set {
    fn run(self, context: &Context) -> Result<u8> {
        let workspace = context.workspace()?;
        let whose = if self.user { Whose::User } else { Whose::Repository };
        let outcome = config::set(&workspace, &SetRequest { key: self.key, value: self.value, whose })?;
        context.say(&workspace, &outcome, |screen| {
            screen.talk(format!("Set {} = {} in {}", outcome.key, edit::shown(&outcome.value), outcome.file));
            if let Some(stronger) = &outcome.hidden_by {
                screen.talk(format!("But {} holds, from {}", edit::shown(&stronger.value), from(stronger)));
            }
        })
    }
}

fn explain(context: &Context, key: Key) -> Result<u8> {
    let workspace = context.workspace()?;
    let outcome = config::explain(&workspace, &KeyRequest { key: key.key })?;
    context.say(&workspace, &outcome, |screen| {
        screen.data(format!("{}: {}", outcome.key, outcome.meaning));
        if let Some(why) = &outcome.moot {
            screen.data(format!("No effect: {why}"));
        }
        if let Some(default) = &outcome.default {
            screen.data(format!("Default: {}", edit::shown(default)));
        }
        for (index, one) in outcome.written.iter().enumerate() {
            let role = if index == 0 { "Holds:  " } else { "Hidden: " };
            screen.data(format!("{role} {}  from {}", edit::shown(&one.value), from(one)));
        }
    })
}

fn validate(context: &Context) -> Result<u8> {
    let workspace = context.workspace()?;
    let outcome = config::validate(&workspace, &config::ValidateRequest {})?;
    context.say(&workspace, &outcome, |screen| {
        screen.talk(format!("The settings are good; {} written by hand", outcome.values));
    })
}
