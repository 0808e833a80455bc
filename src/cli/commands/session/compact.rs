//! `autonomy compact …`.

use std::{io, path::PathBuf};

use clap::{Args, Subcommand, ValueEnum};

use crate::{
    cli::context::{Context, Screen},
    host::{Error, Result, handover},
    model::{
        compaction::{Cause, Entry},
        hook::Payload,
        id::ClientId,
        quote::counted,
        refusal::{Code, Refusal},
    },
    ops::session::compaction::{after, before, drill, show},
};

#[derive(Subcommand)]
#[command(defer = true)]
pub(crate) enum Compact {
    /// Take a checkpoint and seal everything that is known, before an agent's memory is cut
    Pre(Pre),
    /// Hand everything back after an agent's memory was cut
    Post(Post),
    /// Show what was sealed
    Show(Show),
    /// Measure how much of what an agent needs the briefing says
    Drill(Drill),
}

#[derive(Args)]
pub(crate) struct Pre {
    /// Why
    #[arg(long, value_enum, default_value = "manual")]
    cause: Asked,
    /// The client's transcript, whose size and count of tokens are noted
    #[arg(long, value_name = "FILE")]
    transcript: Option<PathBuf>,
    /// Read what a client hands to its hooks from stdin, and print what its agent is to read
    #[arg(long)]
    payload: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum Asked {
    Manual,
    Auto,
    Proactive,
}

#[derive(Args)]
pub(crate) struct Post {
    /// The session (id, a unique part of it, or its title); the live one when left out
    #[arg(id = "which", value_name = "SESSION")]
    which: Option<String>,
    /// Write a file for every key into this directory
    #[arg(long, value_name = "DIRECTORY")]
    export_dir: Option<PathBuf>,
    /// The client's transcript, whose size and count of tokens are noted
    #[arg(long, value_name = "FILE")]
    transcript: Option<PathBuf>,
    /// Read what a client hands to its hooks from stdin, and print what its agent is to read
    #[arg(long)]
    payload: bool,
}

/// What a client handed over.
struct Handed {
    client: Option<ClientId>,
    transcript: Option<PathBuf>,
    /// Whether it compacts by itself.
    cause: Option<Cause>,
}

impl Handed {
    /// What is on stdin; none when nothing is, as from a shell.
    fn read() -> Result<Option<Self>> {
        let bytes = handover::payload(&mut io::stdin().lock())?;
        let payload = Payload::read(&bytes).map_err(|error| Error::while_doing("read the payload", error))?;
        let cause = match payload.text("trigger").as_deref() {
            Some("auto") => Some(Cause::Auto),
            Some(_) => Some(Cause::Manual),
            None => None,
        };
        let handed = Self { client: payload.client(), transcript: payload.text("transcript_path").map(PathBuf::from), cause };
        Ok((!bytes.trim_ascii().is_empty()).then_some(handed))
    }
}

/// A client takes the exit code of wrong usage for a veto, which nobody gives here.
fn no_veto(error: Error) -> Error {
    let refusal = error.refusal();
    if refusal.code == Code::Usage { Refusal { code: Code::No, ..refusal }.into() } else { error }
}

#[derive(Args)]
pub(crate) struct Show {
    /// The session (id, a unique part of it, or its title); the live one when left out
    #[arg(id = "which", value_name = "SESSION")]
    which: Option<String>,
    /// The number of the compaction; the newest when left out
    #[arg(long, value_name = "NUMBER")]
    number: Option<u32>,
    /// Show the value of this key
    #[arg(long, value_name = "KEY")]
    key: Option<String>,
}

#[derive(Args)]
pub(crate) struct Drill {
    /// The session (id, a unique part of it, or its title); the live one when left out
    #[arg(id = "which", value_name = "SESSION")]
    which: Option<String>,
}

impl Compact {
    pub(crate) fn run(self, context: &Context) -> Result<u8> {
        match self {
            Self::Pre(arguments) => arguments.run(context),
            Self::Post(arguments) => arguments.run(context),
            Self::Show(arguments) => arguments.run(context),
            Self::Drill(arguments) => arguments.run(context),
        }
    }
}

impl Pre {
    fn run(self, context: &Context) -> Result<u8> {
        let asked = self.payload;
        self.seal(context).map_err(|error| if asked { no_veto(error) } else { error })
    }

    fn seal(self, context: &Context) -> Result<u8> {
        let handed = if self.payload { Handed::read()? } else { None };
        let workspace = context.workspace()?.for_client(handed.as_ref().and_then(|handed| handed.client.clone()));
        let cause = match self.cause {
            Asked::Manual => Cause::Manual,
            Asked::Auto => Cause::Auto,
            Asked::Proactive => Cause::Proactive,
        };
        let cause = handed.as_ref().and_then(|handed| handed.cause).unwrap_or(cause);
        let transcript = self.transcript.or_else(|| handed.as_ref()?.transcript.clone());
        let outcome = before(&workspace, &before::Request { cause, transcript })?;
        context.say(&workspace, &outcome, |screen| {
            if handed.is_some() {
                return screen.data(outcome.keep.trim_end());
            }
            let checkpoint =
                outcome.checkpoint.as_ref().map_or("without a checkpoint".to_owned(), |name| format!("after {name}"));
            let (Some(session), Some(number), Some(folder)) = (&outcome.session, outcome.compaction, &outcome.folder) else {
                screen.data(format!("No session is live, so nothing was sealed, {checkpoint}"));
                return screen.talk("Next: `autonomy session start` begins one");
            };
            let (filled, all) = (outcome.keys.iter().filter(|entry| entry.filled).count(), outcome.keys.len());
            screen.data(format!("Sealed compaction {number} of session {session}, {checkpoint}: {filled} of {all} keys"));
            screen.data(format!("in {folder}"));
            if let Some(phase) = &outcome.phase {
                screen.data(format!("Phase: {phase}"));
            }
            if let Some(words) = outcome.measure.words() {
                screen.data(format!("Size: {words}"));
            }
            screen.data(String::new());
            screen.data(outcome.keep.trim_end());
            screen.talk(format!("Next: `autonomy compact post {session}` hands it back"));
        })
    }
}

impl Post {
    fn run(self, context: &Context) -> Result<u8> {
        let asked = self.payload;
        self.hand_back(context).map_err(|error| if asked { no_veto(error) } else { error })
    }

    fn hand_back(self, context: &Context) -> Result<u8> {
        let handed = if self.payload { Handed::read()? } else { None };
        let workspace = context.workspace()?.for_client(handed.as_ref().and_then(|handed| handed.client.clone()));
        let transcript = self.transcript.or_else(|| handed.as_ref()?.transcript.clone());
        let request = after::Request { session: self.which, export: self.export_dir, transcript };
        let outcome = after(&workspace, &request)?;
        context.say(&workspace, &outcome, |screen| {
            if handed.is_some() {
                return screen.data(outcome.briefing.trim_end());
            }
            let (session, number) = (&outcome.session, outcome.compaction);
            screen.data(format!(
                "Compaction {number} of session {session}, sealed {} ({})",
                outcome.sealed.second(),
                outcome.cause.word()
            ));
            list(screen, &outcome.keys);
            for missing in &outcome.missing {
                screen.data(format!("  could not be read: {missing}"));
            }
            let none = |all: &[String]| if all.is_empty() { "none".to_owned() } else { all.join(", ") };
            screen.data(format!("Agents restored: {} ({})", outcome.agents.len(), none(&outcome.agents)));
            if let Some(phase) = &outcome.phase {
                screen.data(format!("Phase: {phase}"));
                screen.data(format!("Milestones reached: {}", none(&outcome.reached)));
                screen.data(format!("Milestones to come: {}", none(&outcome.next)));
            }
            if let Some(words) = outcome.measure.words() {
                screen.data(format!("Size: {words}"));
            }
            if let Some(directory) = &outcome.exported {
                screen.talk(format!("Wrote the keys into {}", directory.display()));
            }
            screen.talk(
                "Next: `autonomy context brief` says what one has to know, `autonomy compact show --key <key>` all of a key",
            );
        })
    }
}

fn list(screen: &mut Screen, keys: &[Entry]) {
    let width = keys.iter().map(|entry| entry.key.len()).max().unwrap_or_default();
    for entry in keys {
        let standing = if entry.filled { format!("present  {}", counted(entry.entries, "part")) } else { "empty".to_owned() };
        screen.data(format!("  {:<width$}  {standing}", entry.key));
    }
}

impl Show {
    fn run(self, context: &Context) -> Result<u8> {
        let workspace = context.workspace()?;
        let request = show::Request { session: self.which, number: self.number, key: self.key };
        let outcome = show(&workspace, &request)?;
        context.say(&workspace, &outcome, |screen| {
            if let Some(text) = &outcome.text {
                return screen.data(text.trim_end());
            }
            let manifest = &outcome.manifest;
            screen.data(format!(
                "Compaction {} of {} of session {}, sealed {} ({})",
                manifest.compaction,
                outcome.numbers.len(),
                outcome.session,
                manifest.sealed.second(),
                manifest.cause.word()
            ));
            screen.data(format!("in {}", outcome.folder));
            if let Some(checkpoint) = &manifest.checkpoint {
                screen.data(format!("after {checkpoint}"));
            }
            let size = manifest.measure().words();
            screen.data(size.unwrap_or_else(|| format!("briefing of {} characters", manifest.briefing)));
            list(screen, &manifest.keys);
        })
    }
}

impl Drill {
    fn run(self, context: &Context) -> Result<u8> {
        let workspace = context.workspace()?;
        let outcome = drill(&workspace, &drill::Request { session: self.which })?;
        context.say(&workspace, &outcome, |screen| {
            screen.data(format!(
                "The briefing of session {} answers {} %: {} characters for a log of {} bytes",
                outcome.session, outcome.percent, outcome.briefing, outcome.log
            ));
            for subject in &outcome.subjects {
                screen.data(format!("  {:<10}  {} of {}", subject.about, subject.answered, subject.asked));
            }
            for probe in &outcome.missed {
                screen.data(format!("missing: {} {}", probe.question, probe.answer));
            }
        })?;
        Ok(if outcome.passed { 0 } else { Code::No.exit() })
    }
}
