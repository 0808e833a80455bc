//! `autonomy session bind`.

use clap::Args;

use crate::{cli::context::Context, host::Result, model::id::ClientId, ops::session::bind};

#[derive(Args)]
pub(crate) struct Bind {
    /// The client's own id of the conversation
    client: ClientId,
}

impl Bind {
    pub(crate) fn run(self, context: &Context) -> Result<u8> {
        let workspace = context.workspace()?;
        let outcome = bind::bind(&workspace, &bind::Request { client: self.client })?;
        context.say(&workspace, &outcome, |screen| {
            screen.talk(format!("Bound the conversation {} to session {}", outcome.client, outcome.session));
        })
    }
}
