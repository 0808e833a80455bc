//! `autonomy task list`, `import` and `export`.

use clap::Args;

use crate::{
    cli::context::Context,
    host::Result,
    ops::work::task::{
        export, import,
        list::{self, Which},
        milestones,
    },
};

#[derive(Args)]
pub(crate) struct List {
    /// Those that are over too
    #[arg(long, conflicts_with = "ready")]
    all: bool,
    /// Only those that may be started
    #[arg(long)]
    ready: bool,
}

impl List {
    pub(crate) fn run(self, context: &Context) -> Result<u8> {
        let workspace = context.workspace()?;
        let which = match (self.all, self.ready) {
            (true, _) => Which::All,
            (false, true) => Which::Ready,
            (false, false) => Which::Open,
        };
        let outcome = list::list(&workspace, &list::Request { which })?;
        context.say(&workspace, &outcome, |screen| {
            for row in &outcome.tasks {
                let after = if row.after.is_empty() {
                    String::new()
                } else {
                    format!("  after {} {}", row.after.len(), if row.after.len() == 1 { "task" } else { "tasks" })
                };
                screen.data(format!(
                    "{:<8} {:<9} {}  {}{after}",
                    row.priority.as_str(),
                    row.progress.word(),
                    row.task,
                    row.title
                ));
            }
            if outcome.tasks.is_empty() {
                screen.talk("No task to show. Next: `autonomy task add \"<title>\"`");
            } else if outcome.left_out > 0 && which == Which::Open {
                screen.talk(format!("{} more are over: `autonomy task list --all`", outcome.left_out));
            }
        })
    }
}

#[derive(Args)]
pub(crate) struct Milestones {
    /// A major component, which is implemented and tested by itself; may be given several times
    #[arg(long = "component", value_name = "NAME")]
    components: Vec<String>,
}

impl Milestones {
    pub(crate) fn run(self, context: &Context) -> Result<u8> {
        let workspace = context.workspace()?;
        let outcome = milestones::milestones(&workspace, &milestones::Request { components: self.components })?;
        context.say(&workspace, &outcome, |screen| {
            for added in &outcome.added {
                screen.data(format!("{}  {}", added.task, added.title));
            }
            screen.talk(format!("Added {} milestones; {} were there", outcome.added.len(), outcome.known.len()));
            screen.talk("Next: `autonomy task add \"<title>\" --part-of \"<milestone>\"` says what leads to one");
        })
    }
}

#[derive(Args)]
pub(crate) struct Import {
    /// The check-list, from the top of the work tree
    #[arg(default_value = import::USUAL)]
    file: String,
}

impl Import {
    pub(crate) fn run(self, context: &Context) -> Result<u8> {
        let workspace = context.workspace()?;
        let outcome = import::import(&workspace, &import::Request { file: Some(self.file) })?;
        context.say(&workspace, &outcome, |screen| {
            for added in &outcome.added {
                screen.data(format!("{}  {}", added.task, added.title));
            }
            for done in &outcome.done {
                screen.talk(format!("Done, unproven: {} (ticked in line {})", done.title, done.line));
            }
            for name in &outcome.unresolved {
                screen.talk(format!("No task is called `{name}`, so nothing comes after it"));
            }
            screen.talk(format!("Read {} new and {} known tasks from {}", outcome.added.len(), outcome.known, outcome.file));
        })
    }
}

pub(crate) fn export(context: &Context) -> Result<u8> {
    let workspace = context.workspace()?;
    let outcome = export::export(&workspace, &export::Request {})?;
    context.say(&workspace, &outcome, |screen| screen.data(outcome.text.trim_end()))
}
