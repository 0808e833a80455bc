//! `autonomy progress add` and `progress list`: entries of the log.

use clap::{Args, Subcommand};

use crate::{cli::context::Context, host::Result, model::quote, ops::work::progress};

#[derive(Subcommand)]
#[command(defer = true)]
pub(crate) enum Progress {
    /// Note what was achieved
    Add(Add),
    /// List what was achieved, the newest at the end
    List(List),
}

#[derive(Args)]
pub(crate) struct List {
    /// The older ones too
    #[arg(long)]
    all: bool,
}

#[derive(Args)]
pub(crate) struct Add {
    /// What was achieved
    text: String,
    /// For which task; that of the focus when it is not said
    #[arg(long)]
    task: Option<String>,
}

impl Progress {
    pub(crate) fn run(self, context: &Context) -> Result<u8> {
        match self {
            Self::Add(arguments) => arguments.run(context),
            Self::List(arguments) => arguments.run(context),
        }
    }
}

impl Add {
    fn run(self, context: &Context) -> Result<u8> {
        let workspace = context.workspace()?;
        let outcome = progress::add(&workspace, &progress::Request { text: self.text, task: self.task })?;
        context.say(&workspace, &outcome, |screen| {
            let what = outcome.task.as_ref().map_or(String::new(), |task| format!(" for {task}"));
            screen.talk(format!("Noted{what} at {}", outcome.at));
        })
    }
}

impl List {
    fn run(self, context: &Context) -> Result<u8> {
        let workspace = context.workspace()?;
        let which = if self.all { progress::Which::All } else { progress::Which::Newest };
        let outcome = progress::list(&workspace, &progress::ListRequest { which })?;
        context.say(&workspace, &outcome, |screen| {
            for entry in &outcome.entries {
                let task = entry.task.as_ref().map_or(String::new(), |task| format!(" ({task})"));
                screen.data(format!("{} {}: {}{task}", entry.at.second(), entry.by, quote::plain(&entry.text)));
            }
            match (outcome.older, outcome.entries.is_empty()) {
                (0, true) => screen.talk("Nothing yet. Next: `autonomy progress add \"<what was achieved>\"`"),
                (0, false) => {}
                (older, _) => screen.talk(format!("{older} older: `autonomy progress list --all`")),
            }
        })
    }
}
