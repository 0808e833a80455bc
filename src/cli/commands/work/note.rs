//! `autonomy note`: one thing to remember.

use clap::Args;

use crate::{cli::context::Context, host::Result, model::memory::NoteKind, ops::work::note};

#[derive(Args)]
pub(crate) struct Note {
    /// What to remember
    text: String,
    /// It says how you like things done
    #[arg(long)]
    preference: bool,
    /// The task that it is about
    #[arg(long)]
    task: Option<String>,
}

impl Note {
    pub(crate) fn run(self, context: &Context) -> Result<u8> {
        let workspace = context.workspace()?;
        let kind = if self.preference { NoteKind::Preference } else { NoteKind::Note };
        let outcome = note::add(&workspace, &note::Request { text: self.text, kind, task: self.task })?;
        context.say(&workspace, &outcome, |screen| {
            screen.data(outcome.note.to_string());
            screen.talk(format!("Kept in {}", outcome.path));
        })
    }
}
