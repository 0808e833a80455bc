//! `autonomy context …`.

use clap::{Args, Subcommand};

use crate::{
    cli::context as typed,
    host::Result,
    model::{quote, time::Lapse},
    ops::tell::{briefing, context},
};

#[derive(Subcommand)]
#[command(defer = true)]
pub(crate) enum Context {
    /// Print what an agent has to know before it goes on
    Brief(Brief),
    /// Keep something that is known in this session
    Add(Add),
    /// Print it
    Get(Get),
    /// List what is known in this session, the most relevant first
    List(List),
}

#[derive(Args)]
pub(crate) struct Brief {
    /// The most tokens it may have; one counts as four characters
    #[arg(long, value_name = "TOKENS", conflicts_with = "characters")]
    budget: Option<usize>,
    /// The most characters it may have
    #[arg(long, value_name = "CHARACTERS")]
    characters: Option<usize>,
}

#[derive(Args)]
pub(crate) struct Add {
    /// What kind of thing it is, such as `api` or `environment`
    #[arg(value_name = "TYPE")]
    kind: String,
    /// Its name among those of the type
    key: String,
    /// What it says
    text: String,
    /// After how long it does not hold any more, such as `2h`
    #[arg(long, value_name = "TIME")]
    ttl: Option<Lapse>,
}

#[derive(Args)]
pub(crate) struct Get {
    /// What kind of thing it is
    #[arg(value_name = "TYPE")]
    kind: String,
    /// Its name among those of the type
    key: String,
}

#[derive(Args)]
pub(crate) struct List {
    /// What kind of thing they are; all when left out
    #[arg(value_name = "TYPE")]
    kind: Option<String>,
}

impl Context {
    pub(crate) fn run(self, context: &typed::Context) -> Result<u8> {
        let workspace = context.workspace()?;
        match self {
            Self::Brief(Brief { budget, characters }) => {
                let outcome = briefing::brief(&workspace, &briefing::Request { budget: characters, tokens: budget })?;
                context.say(&workspace, &outcome, |screen| screen.data(outcome.text.trim_end()))
            }
            Self::Add(Add { kind, key, text, ttl }) => {
                let outcome = context::add(&workspace, &context::AddRequest { r#type: kind, key, text, ttl })?;
                context.say(&workspace, &outcome, |screen| screen.talk(format!("Kept {} in {}", outcome.key, outcome.path)))
            }
            Self::Get(Get { kind, key }) => {
                let outcome = context::get(&workspace, &context::GetRequest { r#type: kind, key })?;
                context.say(&workspace, &outcome, |screen| screen.data(outcome.text.trim_end()))
            }
            Self::List(List { kind }) => {
                let outcome = context::list(&workspace, &context::ListRequest { r#type: kind })?;
                context.say(&workspace, &outcome, |screen| {
                    for known in &outcome.known {
                        screen.data(format!("{}  {}  {}", known.r#type, known.key, quote::line(&known.text, 100)));
                    }
                })
            }
        }
    }
}
