//! `autonomy session status`.

use crate::{cli::context::Context, host::Result, ops::session::status};

pub(crate) fn run(context: &Context) -> Result<u8> {
    let workspace = context.workspace()?;
    let outcome = status::status(&workspace, &status::Request {})?;
    context.say(&workspace, &outcome, |screen| {
        screen.data(format!("{}  running for {}", outcome.session, outcome.elapsed));
        if let Some(goal) = &outcome.goal {
            screen.data(format!("goal: {goal}"));
        }
    })
}
