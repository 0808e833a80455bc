//! `autonomy task …`.

mod add;
mod list;
mod look;
mod moves;

use clap::Subcommand;

use crate::{
    cli::{commands::work::next, context::Context},
    host::Result,
};

#[derive(Subcommand)]
#[command(defer = true)]
pub(crate) enum Task {
    /// Add a task
    Add(add::Add),
    /// Add the eight usual milestones of a project
    Milestones(list::Milestones),
    /// List tasks, best first
    List(list::List),
    /// Show one task
    Show(look::Named),
    /// Show the task to do next
    Next,
    /// Begin to work on a task
    Start(look::Named),
    /// Say that a task is done
    Done(look::Named),
    /// Say that a try at a task failed
    Fail(moves::Because),
    /// Decide that a task will not be done
    Cancel(moves::Because),
    /// Open a task again that failed, waits, was parked or is over
    Resume(moves::Because),
    /// Wait until tasks are over
    Wait(moves::Wait),
    /// Look for mistakes in the tasks as they are written
    Lint,
    /// Carry out the acceptance commands of a task and tick its boxes
    Verify(look::Named),
    /// Read tasks from a check-list
    Import(list::Import),
    /// Print the tasks as a check-list
    Export,
}

impl Task {
    pub(crate) fn run(self, context: &Context) -> Result<u8> {
        match self {
            Self::Add(arguments) => arguments.run(context),
            Self::Milestones(arguments) => arguments.run(context),
            Self::List(arguments) => arguments.run(context),
            Self::Show(named) => look::show(context, named),
            Self::Next => next::show(context, Some(1)),
            Self::Start(named) => moves::start(context, named),
            Self::Done(named) => moves::done(context, named),
            Self::Fail(arguments) => moves::fail(context, arguments),
            Self::Cancel(arguments) => moves::cancel(context, arguments),
            Self::Resume(arguments) => moves::resume(context, arguments),
            Self::Wait(arguments) => arguments.run(context),
            Self::Lint => look::lint(context),
            Self::Verify(named) => look::verify(context, named),
            Self::Import(arguments) => arguments.run(context),
            Self::Export => list::export(context),
        }
    }
}
