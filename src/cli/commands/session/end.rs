//! `autonomy session end`.

use clap::Args;

use crate::{
    cli::{commands::session::words, context::Context},
    host::Result,
    ops::session::end,
};

#[derive(Args)]
pub(crate) struct End {
    /// It is given up
    #[arg(long)]
    failed: bool,
    /// What came of it
    #[arg(short, long = "message", value_name = "TEXT")]
    message: Option<String>,
}

impl End {
    pub(crate) fn run(self, context: &Context) -> Result<u8> {
        let workspace = context.workspace()?;
        let outcome = end::end(&workspace, &end::Request { failed: self.failed, summary: self.message })?;
        context.say(&workspace, &outcome, |screen| {
            let tasks = outcome.headway.as_ref().map(|known| format!(", {}", words::headway(known))).unwrap_or_default();
            screen.talk(format!(
                "Ended session {} as {} after {}{tasks}",
                outcome.session,
                outcome.status,
                outcome.elapsed.to_the_minute()
            ));
            for task in &outcome.unfinished {
                screen.talk(format!("Task {task} was begun and is not finished"));
            }
            if let Some(report) = &outcome.report {
                screen.talk(format!("Its last report is {report}"));
            }
            if let Some(checkpoint) = &outcome.checkpoint {
                screen.talk(format!("Its last checkpoint is {checkpoint}"));
            }
            words::committed(screen, &outcome.commit);
            screen.talk(format!("Next: `autonomy session diff {}`", outcome.session));
        })
    }
}
