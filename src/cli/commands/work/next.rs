//! `autonomy next`: the ranked list, and what keeps the rest.

use std::num::NonZeroUsize;

use clap::Args;

use crate::{cli::context::Context, host::Result, model::id::TaskId, ops::work::next};

#[derive(Args)]
pub(crate) struct Next {
    /// Show at most so many
    #[arg(long, value_name = "N")]
    limit: Option<NonZeroUsize>,
}

impl Next {
    pub(crate) fn run(self, context: &Context) -> Result<u8> {
        show(context, self.limit.map(NonZeroUsize::get))
    }
}

/// Shows what to do next; exit code 1 when nothing can be started.
pub(crate) fn show(context: &Context, limit: Option<usize>) -> Result<u8> {
    let workspace = context.workspace()?;
    let outcome = next::next(&workspace, &next::Request { limit })?;
    let code = context.say(&workspace, &outcome, |screen| {
        for (ready, number) in outcome.ready.iter().zip(1..) {
            let estimate = ready.estimate.map_or(String::new(), |estimate| format!(", {estimate}"));
            screen.data(format!("{number}. {} ({}{estimate})  {}", ready.title, ready.priority, ready.task));
            for criterion in &ready.criteria {
                screen.data(format!("   - [ ] {criterion}"));
            }
            for entry in &ready.acceptance {
                screen.data(format!("   - test: {entry}"));
            }
        }
        for held in &outcome.held {
            let after: Vec<&str> = held.after.iter().map(TaskId::as_str).collect();
            let after = if after.is_empty() { String::new() } else { format!(", after {}", after.join(", ")) };
            screen.data(format!("-  {} ({}{after})  {}", held.title, held.progress, held.task));
        }
        match (outcome.ready.first(), outcome.questions.first(), outcome.held.is_empty()) {
            (Some(ready), _, _) => screen.talk(format!("Next: `autonomy task start {}`", ready.task)),
            (None, Some(question), _) => screen.talk(format!("Nothing can be started. Next: `autonomy answer {question} \"…\"`")),
            (None, None, false) => screen.talk("Nothing can be started"),
            (None, None, true) => screen.talk("No task is open. Next: `autonomy task add \"<title>\"`"),
        }
    })?;
    Ok(if outcome.ready.is_empty() { 1 } else { code })
}
