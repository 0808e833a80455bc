//! `autonomy demo`: shows a whole run in a temporary directory.

use std::io::{self, Write as _};

use crate::{
    cli::context::Context,
    host::{Result, clock::Clock, process::stop_on_signals},
    run::demo,
};

pub(crate) fn run(context: &Context) -> Result<u8> {
    let stop = stop_on_signals()?;
    let environment = context.environment();
    let shared = &context.shared;
    let outcome = demo::demo(environment, &Clock::of(environment), &stop, &mut |line| {
        let printed = if shared.json { writeln!(io::stderr().lock(), "{line}") } else { writeln!(io::stdout().lock(), "{line}") };
        // A reader that went away does not end the demo half way.
        printed.ok();
    })?;
    context.tell(&outcome, |screen| {
        screen.talk(format!("Shown in {}; everything stays in {}", outcome.took, outcome.directory.display()));
        screen.talk("Next, in a repository of your own: `autonomy init`");
    })
}
