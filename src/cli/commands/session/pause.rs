//! `autonomy session pause`.

use clap::Args;

use crate::{cli::context::Context, host::Result, ops::session::pause};

#[derive(Args)]
pub(crate) struct Pause {
    /// Why
    reason: Option<String>,
}

impl Pause {
    pub(crate) fn run(self, context: &Context) -> Result<u8> {
        let workspace = context.workspace()?;
        let outcome = pause::pause(&workspace, &pause::Request { reason: self.reason })?;
        context.say(&workspace, &outcome, |screen| {
            screen.talk(format!(
                "Paused session {} after {}: {}",
                outcome.session,
                outcome.elapsed.to_the_minute(),
                outcome.reason
            ));
            screen.talk("Next: `autonomy session resume`");
        })
    }
}
