//! `autonomy commit`.

use clap::Args;

use crate::{
    cli::context::Context,
    host::Result,
    ops::session::commit::{self, Outcome},
};

#[derive(Args)]
pub(crate) struct Commit {
    /// The first line of the commit's message
    #[arg(short, long, value_name = "TEXT")]
    message: Option<String>,
}

impl Commit {
    pub(crate) fn run(self, context: &Context) -> Result<u8> {
        let workspace = context.workspace()?;
        let outcome = commit::commit(&workspace, &commit::Request { message: self.message })?;
        context.say(&workspace, &outcome, |screen| match &outcome {
            Outcome::Committed { commit, branch } => {
                screen.data(commit.to_string());
                screen.talk(format!("Committed the state of the session to `{branch}` as {}", commit.short()));
            }
            Outcome::Waits { why } => screen.talk(format!("Nothing was committed, because {why}. The state is safe in the log.")),
            Outcome::Nothing {} => screen.talk("Everything is committed already."),
        })
    }
}
