//! `autonomy focus`: show it without arguments, set it with some.

use clap::Args;

use crate::{cli::context::Context, host::Result, ops::work::focus};

#[derive(Args)]
pub(crate) struct Focus {
    /// What is being worked on; without anything the focus is shown
    text: Option<String>,
    /// The task that is being worked on
    #[arg(long)]
    task: Option<String>,
    /// The next specific action
    #[arg(long, value_name = "ACTION")]
    next: Option<String>,
}

impl Focus {
    pub(crate) fn run(self, context: &Context) -> Result<u8> {
        let workspace = context.workspace()?;
        let asks = self.text.is_none() && self.task.is_none() && self.next.is_none();
        let outcome = if asks {
            focus::show(&workspace, &focus::Shown {})?
        } else {
            focus::set(&workspace, &focus::Request { text: self.text, task: self.task, next: self.next })?
        };
        context.say(&workspace, &outcome, |screen| {
            let Some(text) = &outcome.text else {
                return screen.talk("Nothing is being worked on. Next: `autonomy focus --task <task>`");
            };
            screen.data(text);
            if let Some(task) = &outcome.task {
                screen.data(format!("task: {task}"));
            }
            if let Some(estimate) = outcome.estimate {
                screen.data(format!("estimate: {estimate}"));
            }
            for criterion in &outcome.criteria {
                screen.data(format!("- [ ] {criterion}"));
            }
            if let Some(next) = &outcome.next {
                screen.data(format!("next: {next}"));
            }
        })
    }
}
