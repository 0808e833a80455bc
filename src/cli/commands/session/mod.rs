//! `autonomy session …`.

mod start;
mod status;

use clap::Subcommand;

use crate::{cli::context::Context, host::Result};

#[derive(Subcommand)]
pub(crate) enum Session {
    /// Start a session in this work tree
    Start(start::Start),
    /// Show where the session stands
    Status,
}

impl Session {
    pub(crate) fn run(self, context: &Context) -> Result<u8> {
        match self {
            Self::Start(arguments) => arguments.run(context),
            Self::Status => status::run(context),
        }
    }
}
