//! `autonomy doctor`.

use crate::{cli::context::Context, host::Result, model::quote::counted, ops::setup::doctor};

pub(crate) fn run(context: &Context) -> Result<u8> {
    let workspace = context.workspace()?;
    let outcome = doctor::doctor(&workspace, &doctor::Request {})?;
    let code = context.say(&workspace, &outcome, |screen| {
        for (name, says) in &outcome.facts {
            screen.data(format!("{name:<9} {says}"));
        }
        for finding in &outcome.findings {
            screen.data(format!("{}: {}: {}", finding.severity.word(), finding.place, finding.message));
            if let Some(mend) = &finding.mend {
                screen.data(format!("  mend: {mend}"));
            }
        }
        screen.talk(match outcome.findings.len() {
            0 => "All is well.".to_owned(),
            count => format!("{}.", counted(count, "finding")),
        });
    })?;
    Ok(if outcome.is_broken() { 1 } else { code })
}
