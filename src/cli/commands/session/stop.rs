//! `autonomy stop`: asks a run to end.

use crate::{cli::context::Context, host::Result, ops::session::stop};

pub(crate) fn run(context: &Context) -> Result<u8> {
    let workspace = context.workspace()?;
    let outcome = stop::stop(&workspace, &stop::Request {})?;
    context.say(&workspace, &outcome, |screen| {
        screen.talk(format!("Asked the run {} to stop; its work is kept", outcome.run));
        screen.talk("Next: `autonomy run` goes on with it");
    })
}
