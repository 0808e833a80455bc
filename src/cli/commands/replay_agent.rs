//! `autonomy replay-agent FILE`: plays a recording in place of an agent. Hidden, because only `run` starts it.

use std::{
    io::{self, Write as _},
    path::PathBuf,
};

use clap::Args;

use crate::{
    cli::context::Context,
    host::{Error, Result, process::Stream},
    run::agent::play,
};

/// Play a recording in place of an agent
#[derive(Args)]
pub(crate) struct ReplayAgent {
    /// The recording
    file: PathBuf,
}

impl ReplayAgent {
    pub(crate) fn run(self, context: &Context) -> Result<u8> {
        play::play_file(&self.file, context.environment(), &mut |stream, line| {
            let printed = match stream {
                Stream::Out => writeln!(io::stdout().lock(), "{line}"),
                Stream::Err => writeln!(io::stderr().lock(), "{line}"),
            };
            printed.map_err(|error| Error::while_doing("print", error))
        })
    }
}
