//! The list of commands and the way from arguments to one of them.

mod hook;
mod judge;
mod replay_agent;
mod session;
mod setup;
mod tell;
mod time;
mod work;

use std::{ffi::OsString, process::ExitCode};

use clap::{ArgMatches, Args, CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

use crate::{
    cli::{
        context::{Context, Shared},
        failure, help,
    },
    host::Result,
    model::refusal::Refusal,
};

/// Leave a coding agent alone on a repository for hours, and trust what you come back to
#[derive(Parser)]
#[command(name = "autonomy", version, disable_help_subcommand = false)]
struct Line {
    #[command(flatten)]
    shared: Shared,
    #[command(subcommand)]
    command: Command,
}

/// What is done with a noun: its verbs are only looked at when it is said.
#[derive(Args)]
struct Noun<T: Subcommand> {
    #[command(subcommand)]
    verb: T,
}

#[derive(Subcommand)]
#[command(defer = true)]
enum Command {
    /// Make this repository ready: settings, gates, what git overlooks
    Init(setup::init::Init),
    /// Take out again what `init` and sessions put in
    Uninstall(setup::uninstall::Uninstall),
    /// Settings: what holds, whence it comes, and changing it
    Config(Noun<setup::config::Config>),
    /// Let what this repository declares run
    Trust(setup::trust::Trust),
    /// Look whether this machine is fit and the hooks of the agent client are alive
    Doctor,
    /// See the main job on a small crate, with a recording in place of an agent
    Demo,
    /// One stretch of work: start, look at it, pause, end
    Session(Noun<session::Session>),
    /// Let an agent work on the tasks, one after the other, until something ends it
    Run(session::run::Run),
    /// Run, and wait for more to do: new tasks, answers, lines of an imported check-list, settings
    Watch(session::watch::Watch),
    /// Ask the run to stop; its work is kept
    Stop,
    /// Look whether everything that is promised still holds, and mend what can be mended
    Verify(setup::verify::Verify),
    /// Commit the state of the session
    Commit(session::commit::Commit),
    /// Keep what is known across the cut of an agent's memory: seal, hand back, show, measure
    Compact(Noun<session::compact::Compact>),
    /// Show everything on one screen
    Status,
    /// Print one line for the foot of an agent client's screen
    #[command(after_help = tell::statusline::SETTINGS)]
    Statusline,
    /// Tell what changed, was decided, is unproven and needs you
    Report(tell::report::Report),
    /// What an agent has to know
    Context(Noun<tell::context::Context>),
    /// What is to be done: add, start, finish, test, import
    Task(Noun<work::task::Task>),
    /// Show or set what is being worked on
    Focus(work::focus::Focus),
    /// Note what was achieved
    Progress(Noun<work::progress::Progress>),
    /// Remember something across sessions
    Note(work::note::Note),
    /// What should be known next time, under keys: store, get, list, search, forget
    Memory(Noun<work::memory::Memory>),
    /// Steps in an order, as `.claude/workflows/` declares them: list, show, validate, plan, draw, carry out
    Workflow(Noun<work::workflow::Workflow>),
    /// What to do next, best first
    Next(work::next::Next),
    /// Record a decision
    Decide(judge::decide::Decide),
    /// Decisions that were recorded: list, show, say how one turned out
    Decision(Noun<judge::decision::Decision>),
    /// Who may take which decision, and by which rule
    Authority(Noun<judge::authority::Authority>),
    /// Ask a person
    Ask(judge::ask::Ask),
    /// Questions that wait for a person
    Inbox(judge::inbox::Inbox),
    /// Answer a question
    Answer(judge::answer::Answer),
    /// The commands that prove work: show them, run them
    Gate(Noun<judge::gate::Gate>),
    /// What an agent may touch and run: rule on a path or a command
    Guard(Noun<judge::guard::Guard>),
    /// Take a snapshot of the work tree under a tag; list, show, compare
    Checkpoint(time::checkpoint::Checkpoint),
    /// Go back to a checkpoint, or take that back
    Rollback(time::rollback::Rollback),
    /// Answer an agent client, whose settings call this at each of its events
    Hook(hook::Hook),
    #[command(hide = true)]
    ReplayAgent(replay_agent::ReplayAgent),
}

impl Command {
    fn run(self, context: &Context) -> Result<u8> {
        match self {
            Self::Init(command) => command.run(context),
            Self::Uninstall(command) => command.run(context),
            Self::Config(noun) => noun.verb.run(context),
            Self::Trust(command) => command.run(context),
            Self::Doctor => setup::doctor::run(context),
            Self::Demo => setup::demo::run(context),
            Self::Session(noun) => noun.verb.run(context),
            Self::Run(command) => command.run(context),
            Self::Watch(command) => command.run(context),
            Self::Stop => session::stop::run(context),
            Self::Verify(command) => command.run(context),
            Self::Commit(command) => command.run(context),
            Self::Compact(noun) => noun.verb.run(context),
            Self::Status => tell::status::run(context),
            Self::Statusline => tell::statusline::run(context),
            Self::Report(command) => command.run(context),
            Self::Context(noun) => noun.verb.run(context),
            Self::Task(noun) => noun.verb.run(context),
            Self::Focus(command) => command.run(context),
            Self::Progress(noun) => noun.verb.run(context),
            Self::Note(command) => command.run(context),
            Self::Memory(noun) => noun.verb.run(context),
            Self::Workflow(noun) => noun.verb.run(context),
            Self::Next(command) => command.run(context),
            Self::Decide(command) => command.run(context),
            Self::Decision(noun) => noun.verb.run(context),
            Self::Authority(noun) => noun.verb.run(context),
            Self::Ask(command) => command.run(context),
            Self::Inbox(command) => command.run(context),
            Self::Answer(command) => command.run(context),
            Self::Gate(noun) => noun.verb.run(context),
            Self::Guard(noun) => noun.verb.run(context),
            Self::Checkpoint(command) => command.run(context),
            Self::Rollback(command) => command.run(context),
            Self::Hook(command) => Ok(command.run(context)),
            Self::ReplayAgent(command) => command.run(context),
        }
    }
}

/// The whole command line as clap knows it, every command with its flags, for documentation and completion.
#[must_use]
pub fn command() -> clap::Command {
    let mut command = help::with_headings(Line::command());
    command.build();
    command
}

/// What the line says when its first word names one of `all` commands, read by that one alone: clap copies what all commands share
/// into each that it knows of. None where all have to be asked, such as what is wrong.
fn alone(all: &clap::Command, arguments: &[OsString]) -> Option<ArgMatches> {
    let one = all.find_subcommand(arguments.get(1)?)?;
    let line = Shared::augment_args(clap::Command::new(env!("CARGO_PKG_NAME"))).subcommand(one.clone());
    line.try_get_matches_from(arguments).ok()
}

/// The line as it is typed.
fn read(arguments: &[OsString]) -> std::result::Result<Line, clap::Error> {
    let all = Line::command();
    let matches = match alone(&all, arguments) {
        Some(matches) => matches,
        None => help::with_headings(all).try_get_matches_from(arguments)?,
    };
    Line::from_arg_matches(&matches)
}

/// What clap says about a line that it cannot read, as a refusal: its first paragraph, without the usage below it.
fn misused(error: &clap::Error) -> Refusal {
    let text = error.to_string();
    // The list of all subcommands that clap adds names hidden ones too.
    let first = text.split("\n\n").next().unwrap_or_default().split("[subcommands:").next().unwrap_or_default();
    let message = match error.kind() {
        clap::error::ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => "a command is missing".to_owned(),
        _ => first.trim_start_matches("error: ").split_whitespace().collect::<Vec<_>>().join(" "),
    };
    Refusal::usage(message).hint("`--help` shows what there is")
}

/// Runs one command line and returns its exit code.
pub(crate) fn run(arguments: &[OsString]) -> ExitCode {
    if let Some(rest) = hook::called(arguments) {
        return ExitCode::from(hook::answer(rest));
    }
    let json = arguments.iter().any(|argument| argument == "--json");
    let line = match read(arguments) {
        Ok(line) => line,
        Err(error) if json && error.use_stderr() => return ExitCode::from(failure::report(&misused(&error).into(), json)),
        Err(error) => {
            // Nobody is left to tell when neither stream can be written.
            error.print().ok();
            return ExitCode::from(if error.use_stderr() { 2 } else { 0 });
        }
    };
    let outcome = Context::new(line.shared).and_then(|context| line.command.run(&context));
    ExitCode::from(outcome.unwrap_or_else(|error| failure::report(&error, json)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_one_command_can_read_is_read_as_by_all() {
        let lines = [
            "progress add done --json",
            "progress add done --task parser",
            "progress add",
            "progress frob",
            "progress --help",
            "status --json",
            "--json status",
            "help status",
            "--version",
            "hook stop",
            "stauts",
            "",
        ];
        let mut read_alone = 0;
        for text in lines {
            let arguments: Vec<OsString> = ["autonomy"].into_iter().chain(text.split_whitespace()).map(OsString::from).collect();
            let all = Line::command();
            if let Some(matches) = alone(&all, &arguments) {
                read_alone += 1;
                let whole = all.try_get_matches_from(&arguments).expect(text);
                assert_eq!(matches.subcommand(), whole.subcommand(), "{text}");
            }
        }
        assert_eq!(read_alone, 4);
    }
}
