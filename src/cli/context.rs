//! What every command has: the flags that all share, the workspace, and the two ways of saying something.

use std::{
    io::{self, Write as _},
    path::PathBuf,
};

use clap::Args;
use serde::Serialize;

use crate::{
    host::{Error, Result, clock::Clock, environment::Environment, settings::Overrides, workspace::Workspace},
    model::refusal::{Code, Refusal},
};

/// Flags that every command has.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct Shared {
    /// Print the outcome as JSON
    #[arg(long, global = true, help_heading = "Everywhere")]
    pub(crate) json: bool,
    /// Work in this session (id, or a unique beginning of it)
    #[arg(long, global = true, value_name = "SESSION", help_heading = "Everywhere")]
    pub(crate) session: Option<String>,
    /// Work as if started in this directory
    #[arg(short = 'C', global = true, value_name = "DIRECTORY", help_heading = "Everywhere")]
    pub(crate) directory: Option<PathBuf>,
    /// Apply this profile of the settings
    #[arg(long, global = true, value_name = "NAME", help_heading = "Everywhere")]
    pub(crate) profile: Option<String>,
    /// Act as a person without a terminal, with the token that `autonomy trust --token` printed
    #[arg(long, global = true, value_name = "TOKEN", help_heading = "Everywhere")]
    pub(crate) as_person: Option<String>,
}

/// One command under way.
pub(crate) struct Context {
    pub(crate) shared: Shared,
    environment: Environment,
}

impl Context {
    pub(crate) fn new(shared: Shared) -> Result<Self> {
        let mut environment = Environment::of_process()?;
        if let Some(directory) = &shared.directory {
            environment = environment.in_directory(directory);
        }
        Ok(Self { shared, environment })
    }

    /// What surrounds the command.
    pub(crate) fn environment(&self) -> &Environment {
        &self.environment
    }

    /// Finds the workspace around the directory that the command was typed in.
    pub(crate) fn workspace(&self) -> Result<Workspace> {
        let clock = Clock::of(&self.environment);
        let overrides =
            Overrides { profile: self.shared.profile.clone(), token: self.shared.as_person.clone(), ..Overrides::default() };
        let workspace = Workspace::find(self.environment.clone(), clock)?;
        Ok(workspace.for_session(self.shared.session.clone()).with_overrides(overrides))
    }

    /// Whether a person can be asked.
    pub(crate) fn can_ask(&self) -> bool {
        self.environment.has_terminal()
    }

    /// Asks a question that is answered with yes or no; no terminal, no answer and anything else are a no.
    pub(crate) fn ask(&self, question: &str) -> bool {
        if !self.can_ask() || write!(io::stderr().lock(), "{question} [y/N] ").is_err() {
            return false;
        }
        let mut answer = String::new();
        io::stdin().read_line(&mut answer).is_ok() && matches!(answer.trim(), "y" | "Y" | "yes")
    }

    /// Shows a plan and asks a person whether to carry it out; `next` says how to go on where nobody can be asked. None when it
    /// is to be carried out, else the exit code.
    pub(crate) fn agree<T: Serialize>(
        &self,
        workspace: &Workspace,
        planned: &T,
        show: impl Fn(&mut Screen),
        (question, next): (&str, &str),
    ) -> Result<Option<u8>> {
        if !self.can_ask() || self.shared.json {
            self.say(workspace, planned, |screen| {
                show(screen);
                screen.talk(next);
            })?;
            return Ok(Some(Code::NeedsPerson.exit()));
        }
        let mut screen = Screen::default();
        show(&mut screen);
        screen.print()?;
        if self.ask(question) { Ok(None) } else { Err(Refusal::no("nothing was changed").into()) }
    }

    /// Whether a person sees what is said.
    pub(crate) fn is_terminal(&self) -> bool {
        self.environment.has_terminal()
    }

    /// Says what came of a verb: JSON on stdout when asked for, else what `people` says. What the store had to mend is
    /// said on stderr first. Returns the exit code of success.
    pub(crate) fn say<T: Serialize>(&self, workspace: &Workspace, outcome: &T, people: impl FnOnce(&mut Screen)) -> Result<u8> {
        let mut screen = Screen::default();
        for notice in workspace.take_notices() {
            screen.talk(notice);
        }
        screen.print()?;
        self.tell(outcome, people)
    }

    /// The same where there is no workspace.
    pub(crate) fn tell<T: Serialize>(&self, outcome: &T, people: impl FnOnce(&mut Screen)) -> Result<u8> {
        let mut screen = Screen::default();
        if self.shared.json {
            let text =
                serde_json::to_string_pretty(outcome).map_err(|error| Error::while_doing("write the outcome as JSON", error))?;
            screen.data(text);
        } else {
            people(&mut screen);
        }
        screen.print()?;
        Ok(0)
    }
}

/// What a command says, in order: data for stdout, talk for stderr.
#[derive(Default)]
pub(crate) struct Screen {
    lines: Vec<(Stream, String)>,
}

#[derive(PartialEq)]
enum Stream {
    Data,
    Talk,
}

impl Screen {
    /// A line of data.
    pub(crate) fn data(&mut self, line: impl Into<String>) {
        self.lines.push((Stream::Data, line.into()));
    }

    /// A line of talk: what was done, and what to do next.
    pub(crate) fn talk(&mut self, line: impl Into<String>) {
        self.lines.push((Stream::Talk, line.into()));
    }

    /// Prints everything; a reader that went away is no failure.
    pub(crate) fn print(self) -> Result<()> {
        for (stream, line) in self.lines {
            let printed = match stream {
                Stream::Data => writeln!(io::stdout().lock(), "{line}"),
                Stream::Talk => writeln!(io::stderr().lock(), "{line}"),
            };
            match printed {
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(()),
                other => other.map_err(|error| Error::while_doing("print", error))?,
            }
        }
        Ok(())
    }
}
