//! `autonomy gate …`.

use clap::{Args, Subcommand};

use crate::{
    cli::context::Context,
    host::Result,
    model::{event::Verdict, refusal::Code},
    ops::judge::gate::{self, ListRequest, Request},
};

#[derive(Subcommand)]
#[command(defer = true)]
pub(crate) enum Gate {
    /// Show the gates and their last answers
    List,
    /// Run gates on the work tree as it is
    Run(Run),
}

#[derive(Args)]
pub(crate) struct Run {
    /// Which gates; all when none is named
    names: Vec<String>,
}

impl Gate {
    pub(crate) fn run(self, context: &Context) -> Result<u8> {
        match self {
            Self::List => list(context),
            Self::Run(arguments) => arguments.run(context),
        }
    }
}

fn list(context: &Context) -> Result<u8> {
    let workspace = context.workspace()?;
    let outcome = gate::list(&workspace, &ListRequest {})?;
    context.say(&workspace, &outcome, |screen| {
        for one in &outcome.gates {
            let command = one.command.as_deref().unwrap_or("not trusted, so it does not run");
            let last = one.last.as_ref().map_or("never run".to_owned(), |last| {
                let holds = if last.holds { "the work tree as it is" } else { "an earlier tree" };
                format!("{} for {holds}, {}Z", last.verdict.word(), last.at.minute())
            });
            screen.data(format!("{:<14} {last}\n  {command}", one.gate.as_str()));
        }
        if outcome.gates.is_empty() {
            screen.talk("No gate is set up here; `autonomy init` proposes some");
        } else if outcome.gates.iter().any(|one| one.waiting) {
            screen.talk("Next: `autonomy trust`");
        } else {
            screen.talk("Next: `autonomy gate run`");
        }
    })
}

impl Run {
    fn run(self, context: &Context) -> Result<u8> {
        let workspace = context.workspace()?;
        let outcome = gate::run(&workspace, &Request { names: self.names })?;
        context.say(&workspace, &outcome, |screen| {
            for one in &outcome.ran {
                screen.data(format!("{:<14} {} ({})", one.gate.as_str(), one.verdict.word(), one.took));
                if let Some(output) = one.output.as_ref().filter(|_| one.verdict != Verdict::Green) {
                    screen.talk(output.lines().map(|line| format!("  {line}")).collect::<Vec<_>>().join("\n"));
                }
            }
            for name in &outcome.waiting {
                screen.data(format!("{:<14} did not run: nobody has trusted it", name.as_str()));
            }
            screen.talk(format!("For the tree {} outside `.claude/`", outcome.tree.short()));
        })?;
        Ok(outcome.code().map_or(0, Code::exit))
    }
}
