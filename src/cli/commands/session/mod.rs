//! `autonomy session …`.

mod bind;
pub(crate) mod commit;
pub(crate) mod compact;
mod diff;
mod end;
mod env;
mod list;
mod pause;
mod resume;
pub(crate) mod run;
mod show;
mod start;
mod status;
pub(crate) mod stop;
pub(crate) mod watch;
mod words;

use clap::Subcommand;

use crate::{cli::context::Context, host::Result};

#[derive(Subcommand)]
#[command(defer = true)]
pub(crate) enum Session {
    /// Start a session in this work tree
    Start(start::Start),
    /// Show where the session stands
    Status,
    /// Lay the session aside; its time stands still
    Pause(pause::Pause),
    /// Take a session up again, in this clone or from another one
    Resume(resume::Resume),
    /// End the session
    End(end::End),
    /// List all sessions
    List,
    /// Show everything that is known of a session
    Show(show::Show),
    /// Print what a shell has to carry out to know the session
    Env(env::Env),
    /// Show what changed since the session began
    Diff(diff::Diff),
    /// Let an agent client's conversation belong to the session
    Bind(bind::Bind),
}

impl Session {
    pub(crate) fn run(self, context: &Context) -> Result<u8> {
        match self {
            Self::Start(arguments) => arguments.run(context),
            Self::Status => status::run(context),
            Self::Pause(arguments) => arguments.run(context),
            Self::Resume(arguments) => arguments.run(context),
            Self::End(arguments) => arguments.run(context),
            Self::List => list::run(context),
            Self::Show(arguments) => arguments.run(context),
            Self::Env(arguments) => arguments.run(context),
            Self::Diff(arguments) => arguments.run(context),
            Self::Bind(arguments) => arguments.run(context),
        }
    }
}
