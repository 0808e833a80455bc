//! `autonomy init`: makes the repository ready, or shows what it would write.

use clap::Args;

use crate::{
    cli::context::Context,
    host::{Result, settings::REPOSITORY_FILE},
    ops::setup::{
        change::{Shown, What},
        init,
    },
};

#[derive(Args)]
pub(crate) struct Init {
    /// Only show what would be written
    #[arg(long)]
    dry_run: bool,
}

impl Init {
    pub(crate) fn run(self, context: &Context) -> Result<u8> {
        let workspace = context.workspace()?;
        let outcome = init::init(&workspace, &init::Request { dry_run: self.dry_run })?;
        context.say(&workspace, &outcome, |screen| {
            for shown in &outcome.changed {
                if outcome.dry_run {
                    screen.data(shown.diff.trim_end());
                } else {
                    screen.talk(past(shown));
                }
            }
            for gate in &outcome.gates {
                screen.talk(format!("Gate {}: {}", gate.name, gate.command));
            }
            if outcome.gates.is_empty() && outcome.changed.iter().any(|shown| shown.path == REPOSITORY_FILE) {
                screen.talk(format!(
                    "No gate was found: what proves work here goes into {REPOSITORY_FILE}, below `[gates.<name>]`"
                ));
            }
            if outcome.changed.is_empty() {
                screen.talk("Everything is in place already");
            }
            for label in &outcome.trusted {
                screen.talk(format!("Trusted {label}"));
            }
            if !outcome.waiting.is_empty() {
                screen.talk(format!("Waiting for `autonomy trust`: {}", outcome.waiting.join(", ")));
            }
            screen.talk(if outcome.dry_run {
                "Next: `autonomy init` writes this"
            } else {
                "Next: `autonomy session start \"<name>\"`, or `autonomy run \"<goal>\"`"
            });
        })
    }
}

/// One line for a change that was made.
pub(crate) fn past(shown: &Shown) -> String {
    let verb = match shown.what {
        What::Created => "Wrote",
        What::Changed => "Changed",
        What::Removed => "Removed",
    };
    format!("{verb} {}", shown.path)
}
