//! `autonomy report`.

use clap::{Args, ValueEnum};

use crate::{
    cli::context::Context,
    host::{Error, Result},
    ops::tell::report,
};

#[derive(Args)]
pub(crate) struct Report {
    /// From when on: `start`, a span of time ago such as `2h`, a moment, or a checkpoint
    #[arg(long, value_name = "WHEN")]
    since: Option<String>,
    /// The form in which it is printed and saved
    #[arg(long, value_enum, default_value = "md")]
    format: Format,
}

#[derive(Clone, Copy, ValueEnum)]
enum Format {
    Md,
    Json,
}

impl Report {
    pub(crate) fn run(self, context: &Context) -> Result<u8> {
        let workspace = context.workspace()?;
        let format = match self.format {
            Format::Md => report::Format::Md,
            Format::Json => report::Format::Json,
        };
        let outcome = report::report(&workspace, &report::Request { since: self.since, format })?;
        let text = match format {
            report::Format::Md => outcome.text.clone(),
            report::Format::Json => serde_json::to_string_pretty(&outcome.report)
                .map_err(|error| Error::while_doing("write the report as JSON", error))?,
        };
        context.say(&workspace, &outcome, |screen| {
            screen.data(text.trim_end());
            if let Some(saved) = &outcome.saved {
                screen.talk(format!("Saved as {saved}"));
            }
        })
    }
}
