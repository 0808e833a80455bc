//! `autonomy watch`: a run that waits for more to do.

use clap::Args;

use crate::{
    cli::{
        commands::session::run::{Way, sum_up, talk},
        context::Context,
    },
    host::{Result, process::stop_on_signals},
    model::plan::Reach,
    run::drive,
};

#[derive(Args)]
pub(crate) struct Watch {
    #[command(flatten)]
    way: Way,
}

impl Watch {
    pub(crate) fn run(self, context: &Context) -> Result<u8> {
        let workspace = context.workspace()?;
        let stop = stop_on_signals()?;
        let outcome = drive::watch(&workspace, &self.way.request(Reach::Watch), &stop, &mut talk)?;
        context.say(&workspace, &outcome, |screen| sum_up(screen, &outcome))?;
        Ok(outcome.ending.exit())
    }
}
