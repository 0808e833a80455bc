//! `autonomy uninstall`: takes out what is ours, or shows what it would take out.

use clap::Args;

use crate::{
    cli::{
        commands::setup::init::past,
        context::{Context, Screen},
    },
    host::Result,
    ops::setup::uninstall::{self, Kept, Outcome, Request},
};

#[derive(Args)]
pub(crate) struct Uninstall {
    /// Only show what would be taken out
    #[arg(long)]
    dry_run: bool,
    /// Take it out without asking
    #[arg(long, conflicts_with = "dry_run")]
    yes: bool,
}

impl Uninstall {
    pub(crate) fn run(self, context: &Context) -> Result<u8> {
        let workspace = context.workspace()?;
        if !self.yes {
            let planned = uninstall::uninstall(&workspace, &Request { dry_run: true })?;
            if self.dry_run || planned.changed.is_empty() {
                return context.say(&workspace, &planned, |screen| plan(screen, &planned));
            }
            let words = ("Take this out?", "Next: `autonomy uninstall --yes` carries this out");
            if let Some(code) = context.agree(&workspace, &planned, |screen| plan(screen, &planned), words)? {
                return Ok(code);
            }
        }
        let outcome = uninstall::uninstall(&workspace, &Request { dry_run: false })?;
        context.say(&workspace, &outcome, |screen| {
            for line in past(&outcome.changed) {
                screen.talk(line);
            }
            nothing(screen, &outcome);
            kept(screen, &outcome.kept);
        })
    }
}

fn plan(screen: &mut Screen, outcome: &Outcome) {
    for shown in &outcome.changed {
        screen.data(shown.diff.trim_end());
    }
    nothing(screen, outcome);
    kept(screen, &outcome.kept);
}

fn nothing(screen: &mut Screen, outcome: &Outcome) {
    if outcome.changed.is_empty() {
        screen.talk("Nothing of ours is in the way");
    }
}

fn kept(screen: &mut Screen, all: &[Kept]) {
    for kept in all {
        screen.talk(format!("Kept {}; `{}` takes them away", kept.what, kept.remove));
    }
}
