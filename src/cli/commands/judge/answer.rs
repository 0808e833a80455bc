//! `autonomy answer`: a person's words into the inbox.

use clap::Args;

use crate::{cli::context::Context, host::Result, ops::judge::answer};

#[derive(Args)]
pub(crate) struct Answer {
    /// Which question: its name, a unique part of it, or its title
    question: String,
    /// The answer: a choice by its number or beginning, or words
    #[arg(value_name = "ANSWER")]
    text: String,
    /// Why, kept with the answer
    #[arg(long, value_name = "REASON")]
    because: Option<String>,
}

impl Answer {
    pub(crate) fn run(self, context: &Context) -> Result<u8> {
        let workspace = context.workspace()?;
        let request = answer::Request { question: self.question, text: self.text, why: self.because };
        let outcome = answer::answer(&workspace, &request)?;
        context.say(&workspace, &outcome, |screen| {
            screen.talk(format!("Answered `{}`: {}", outcome.title, outcome.answer));
            for task in &outcome.resumed {
                screen.talk(format!("Waits no more: {task}"));
            }
            if let Some(commit) = &outcome.commit {
                screen.talk(format!("Committed as {}", commit.short()));
            }
        })
    }
}
