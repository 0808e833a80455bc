//! `autonomy uninstall`: takes out what is ours, or shows what it would take out.

use clap::Args;

use crate::{
    cli::{commands::setup::init::past, context::Context},
    host::Result,
    ops::setup::uninstall,
};

#[derive(Args)]
pub(crate) struct Uninstall {
    /// Only show what would be taken out
    #[arg(long)]
    dry_run: bool,
}

impl Uninstall {
    pub(crate) fn run(self, context: &Context) -> Result<u8> {
        let workspace = context.workspace()?;
        let outcome = uninstall::uninstall(&workspace, &uninstall::Request { dry_run: self.dry_run })?;
        context.say(&workspace, &outcome, |screen| {
            for shown in &outcome.changed {
                if outcome.dry_run {
                    screen.data(shown.diff.trim_end());
                } else {
                    screen.talk(past(shown));
                }
            }
            if outcome.changed.is_empty() {
                screen.talk("Nothing of ours is in the way");
            }
            for kept in &outcome.kept {
                screen.talk(format!("Kept {}; `{}` takes them away", kept.what, kept.remove));
            }
        })
    }
}
