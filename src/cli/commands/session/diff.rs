//! `autonomy session diff`.

use clap::Args;

use crate::{
    cli::context::{Context, Screen},
    host::Result,
    model::quote::counted,
    ops::session::diff,
};

#[derive(Args)]
pub(crate) struct Diff {
    /// Which session (id, a unique part of it, or its title)
    #[arg(id = "which", value_name = "SESSION")]
    which: Option<String>,
}

impl Diff {
    pub(crate) fn run(self, context: &Context) -> Result<u8> {
        let workspace = context.workspace()?;
        let outcome = diff::diff(&workspace, &diff::Request { session: self.which })?;
        context.say(&workspace, &outcome, |screen| say(screen, &outcome))
    }
}

fn say(screen: &mut Screen, it: &diff::Outcome) {
    for file in &it.files {
        let lines = match (file.insertions, file.deletions) {
            (Some(added), Some(removed)) => format!("{:>6} {:>6}", format!("+{added}"), format!("-{removed}")),
            _ => format!("{:>13}", "binary"),
        };
        screen.data(format!("{lines}  {}", file.path));
    }
    let from = it.from.as_ref().map_or("the empty repository", |from| from.short());
    let to = it.to.as_ref().map_or("the work tree", |to| to.short());
    screen.data(format!("{}, +{} -{} from {from} to {to}", counted(it.files.len(), "file"), it.insertions, it.deletions));
    let ours = it.commits.iter().filter(|commit| commit.ours).count();
    screen.data(format!("{}, {ours} by autonomy; tests {:+}", counted(it.commits.len(), "commit"), it.tests_added));
    for item in &it.todo_closed {
        screen.data(format!("closed in docs/TODO.md: {item}"));
    }
}
