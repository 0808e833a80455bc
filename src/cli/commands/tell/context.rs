//! `autonomy context …`.

use clap::{Args, Subcommand};

use crate::{cli::context as typed, host::Result, ops::tell::briefing};

#[derive(Subcommand)]
#[command(defer = true)]
pub(crate) enum Context {
    /// Print what an agent has to know before it goes on
    Brief(Brief),
}

#[derive(Args)]
pub(crate) struct Brief {
    /// The most characters it may have
    #[arg(long, value_name = "CHARACTERS")]
    budget: Option<usize>,
}

impl Context {
    pub(crate) fn run(self, context: &typed::Context) -> Result<u8> {
        let Self::Brief(arguments) = self;
        let workspace = context.workspace()?;
        let outcome = briefing::brief(&workspace, &briefing::Request { budget: arguments.budget })?;
        context.say(&workspace, &outcome, |screen| screen.data(outcome.text.trim_end()))
    }
}
