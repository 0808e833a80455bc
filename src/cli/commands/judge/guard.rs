//! `autonomy guard …`: the ruling on a path or a command, as an agent client's hooks get it.

use clap::{Args, Subcommand};

use crate::{
    cli::context::Context,
    host::{Result, workspace::Workspace},
    model::{
        guard::{Ruling, Verdict},
        refusal::Code,
    },
    ops::judge::guard::{self, CommandRequest, PathRequest},
};

#[derive(Subcommand)]
#[command(defer = true)]
pub(crate) enum Guard {
    /// Say whether an agent may read or write a path
    Path(Path),
    /// Say whether an agent may run a command of a shell
    Command(Command),
}

#[derive(Args)]
pub(crate) struct Path {
    /// The path
    path: String,
    /// Whether it would be written; else read
    #[arg(long)]
    write: bool,
}

#[derive(Args)]
pub(crate) struct Command {
    /// The command, as one text
    command: String,
}

impl Guard {
    pub(crate) fn run(self, context: &Context) -> Result<u8> {
        let workspace = context.workspace()?;
        let ruling = match self {
            Self::Path(asked) => guard::path(&workspace, &PathRequest { path: asked.path, write: asked.write })?,
            Self::Command(asked) => guard::command(&workspace, &CommandRequest { command: asked.command })?,
        };
        say(context, &workspace, &ruling)
    }
}

fn say(context: &Context, workspace: &Workspace, ruling: &Ruling) -> Result<u8> {
    context.say(workspace, ruling, |screen| {
        screen.data(match ruling.verdict {
            Verdict::Allow => "allow",
            Verdict::Ask => "ask",
            Verdict::Deny => "deny",
        });
        for finding in &ruling.findings {
            screen.talk(format!("{}: {}\n  {}", finding.rule.name(), finding.reason, finding.next));
        }
        for note in &ruling.notes {
            screen.talk(format!("note: {note}"));
        }
    })?;
    Ok(match ruling.verdict {
        Verdict::Allow => 0,
        Verdict::Deny => Code::No.exit(),
        Verdict::Ask => Code::NeedsPerson.exit(),
    })
}
