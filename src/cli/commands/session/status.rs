//! `autonomy session status`.

use crate::{
    cli::{commands::session::words, context::Context},
    host::Result,
    ops::session::status,
};

pub(crate) fn run(context: &Context) -> Result<u8> {
    let workspace = context.workspace()?;
    let outcome = status::status(&workspace, &status::Request {})?;
    context.say(&workspace, &outcome, |screen| {
        for (index, standing) in outcome.sessions.iter().enumerate() {
            if index > 0 {
                screen.data("");
            }
            words::standing(screen, standing);
        }
    })
}
