//! `autonomy progress add`: one entry of the log.

use clap::{Args, Subcommand};

use crate::{cli::context::Context, host::Result, ops::work::progress};

#[derive(Subcommand)]
pub(crate) enum Progress {
    /// Note what was achieved
    Add(Add),
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
        let Self::Add(arguments) = self;
        let workspace = context.workspace()?;
        let outcome = progress::add(&workspace, &progress::Request { text: arguments.text, task: arguments.task })?;
        context.say(&workspace, &outcome, |screen| {
            let what = outcome.task.as_ref().map_or(String::new(), |task| format!(" for {task}"));
            screen.talk(format!("Noted{what} at {}", outcome.at));
        })
    }
}
