//! `autonomy verify`.

use clap::Args;

use crate::{cli::context::Context, host::Result, ops::setup::verify};

#[derive(Args)]
pub(crate) struct Verify {
    /// Mend what can be mended
    #[arg(long)]
    repair: bool,
}

impl Verify {
    pub(crate) fn run(self, context: &Context) -> Result<u8> {
        let workspace = context.workspace()?;
        let outcome = verify::verify(&workspace, &verify::Request { repair: self.repair })?;
        let code = context.say(&workspace, &outcome, |screen| {
            for mended in &outcome.mended {
                screen.data(format!("mended: {mended}"));
            }
            for finding in &outcome.findings {
                screen.data(format!("{}: {}: {}", finding.severity.word(), finding.place, finding.message));
                if let Some(mend) = &finding.mend {
                    screen.data(format!("  mend: {mend}"));
                }
            }
            let count = outcome.findings.len();
            screen.talk(match count {
                0 => format!("All is well: {} live logs and {} records.", outcome.logs, outcome.records),
                1 => "1 finding.".to_owned(),
                _ => format!("{count} findings."),
            });
        })?;
        Ok(if outcome.is_broken() { 1 } else { code })
    }
}
