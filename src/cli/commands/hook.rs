//! `autonomy hook <event>`: what an agent client's settings call. It exits with 0 whatever happens, or with 2 to stop a tool,
//! and it is found before the command line is read: building that takes longer than the answer.

use std::{
    ffi::OsString,
    io::{self, Write as _},
};

use clap::Args;

use crate::{
    cli::context::Context,
    hook,
    host::{environment::Environment, handover},
    model::client_plugin::MARK,
};

#[derive(Args)]
pub(crate) struct Hook {
    /// The event, such as `post-tool-use`; the payload on stdin names it as well
    event: Option<String>,
    /// The call comes from the plugin; one that settings make as well is answered there
    #[arg(long)]
    plugin: bool,
}

impl Hook {
    pub(crate) fn run(&self, context: &Context) -> u8 {
        say(context.environment(), self.event.as_deref(), if self.plugin { hook::answer_plugin } else { hook::answer })
    }
}

/// The rest of a command line that is a hook's and asks for no help.
pub(crate) fn called(arguments: &[OsString]) -> Option<&[OsString]> {
    let (first, rest) = arguments.get(1..)?.split_first()?;
    let asks = |argument: &OsString| argument == "--help" || argument == "-h";
    (first == "hook" && !rest.iter().any(asks)).then_some(rest)
}

/// Answers the call that this process was started for.
pub(crate) fn answer(arguments: &[OsString]) -> u8 {
    match Environment::of_process() {
        Ok(environment) => {
            let (marks, words): (Vec<&OsString>, Vec<&OsString>) = arguments.iter().partition(|word| *word == MARK);
            let event = words.first().and_then(|event| event.to_str());
            say(&environment, event, if marks.is_empty() { hook::answer } else { hook::answer_plugin })
        }
        Err(error) => {
            writeln!(io::stderr().lock(), "autonomy hook: {error}").ok();
            0
        }
    }
}

/// How a call is answered.
type Door = fn(&Environment, Option<&str>, &[u8]) -> hook::Answer;

fn say(environment: &Environment, event: Option<&str>, door: Door) -> u8 {
    let answer = match handover::payload(&mut io::stdin().lock()) {
        Ok(payload) => door(environment, event, &payload),
        Err(error) => hook::Answer { stderr: format!("autonomy hook: {error}"), ..hook::Answer::default() },
    };
    // A client that went away reads nothing any more.
    write!(io::stdout().lock(), "{}", answer.stdout).ok();
    if !answer.stderr.is_empty() {
        writeln!(io::stderr().lock(), "{}", answer.stderr).ok();
    }
    answer.code
}
