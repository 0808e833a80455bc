//! `autonomy session resume`.

use clap::Args;

use crate::{
    cli::{
        commands::session::{start, words},
        context::{Context, Screen},
    },
    host::Result,
    model::quote::counted,
    ops::session::{
        resume::{self, How},
        since::Since,
    },
};

#[derive(Args)]
pub(crate) struct Resume {
    /// Which session (id, a unique part of it, or its title)
    #[arg(id = "which", value_name = "SESSION")]
    which: Option<String>,
    /// Make this copied clone the home of its logs
    #[arg(long)]
    here: bool,
    /// Tell what happened since this checkpoint
    #[arg(long, value_name = "CHECKPOINT")]
    from: Option<String>,
}

impl Resume {
    pub(crate) fn run(self, context: &Context) -> Result<u8> {
        let workspace = context.workspace()?;
        let request = resume::Request { session: self.which, here: self.here, from: self.from };
        let outcome = resume::resume(&workspace, &request)?;
        context.say(&workspace, &outcome, |screen| {
            let session = &outcome.standing.session;
            screen.talk(match &outcome.how {
                How::Active {} => format!("Session {session} is active"),
                How::Paused { reason } => format!("Resumed session {session}, which was paused: {reason}"),
                How::Moved {} => format!("Resumed session {session} in this work tree"),
                How::Adopted {} => format!("Made this clone the home of its logs and resumed session {session}"),
                How::Continued { session: earlier, last } => {
                    format!("Session {session} goes on from {earlier}, whose last known event is {}", last.head(8))
                }
            });
            if let Some(started) = &outcome.started {
                start::say(screen, started);
            }
            if let Some(since) = &outcome.since {
                say_since(screen, since);
            }
            words::standing(screen, &outcome.standing);
        })
    }
}

fn say_since(screen: &mut Screen, since: &Since) {
    screen.data(format!("since {} ({})", since.checkpoint, since.at.minute()));
    for text in &since.progress {
        screen.data(format!("  {text}"));
    }
    for (task, word) in &since.tasks {
        screen.data(format!("  task {task}: {word}"));
    }
    for title in &since.decisions {
        screen.data(format!("  decided: {title}"));
    }
    for title in &since.questions {
        screen.data(format!("  asked: {title}"));
    }
    screen.data(format!(
        "  {}, {} changed, +{} -{}",
        counted(since.commits.len(), "commit"),
        counted(since.files, "file"),
        since.insertions,
        since.deletions
    ));
    if let Some(next) = &since.next {
        screen.data(format!("  next: {next}"));
    }
}
