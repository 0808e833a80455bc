//! Floor 5, who asks first: arguments in, words and an exit code out.
//!
//! A command file parses, calls one verb and says what came of it; it knows nothing of the domain. Only this floor prints.

mod commands;
mod context;
mod failure;
mod help;
mod manual;

use std::process::ExitCode;

pub use commands::command;
pub use manual::manual;

/// Runs the command line of this process.
#[must_use]
pub fn main() -> ExitCode {
    commands::run(&std::env::args_os().collect::<Vec<_>>())
}
