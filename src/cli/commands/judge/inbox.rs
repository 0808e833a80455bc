//! `autonomy inbox`: the questions that wait, or one of them whole.

use clap::Args;

use crate::{
    cli::context::{Context, Screen},
    host::Result,
    ops::judge::inbox::{self, Row, Which},
};

#[derive(Args)]
pub(crate) struct Inbox {
    /// One question: its name, a unique part of it, or its title
    question: Option<String>,
    /// Settled ones too
    #[arg(long)]
    all: bool,
    /// Exit with 1 when a question is open
    #[arg(long)]
    check: bool,
}

impl Inbox {
    pub(crate) fn run(self, context: &Context) -> Result<u8> {
        let workspace = context.workspace()?;
        let which = if self.all { Which::All } else { Which::Open };
        let single = self.question.is_some();
        let outcome = inbox::inbox(&workspace, &inbox::Request { question: self.question, which })?;
        let code = context.say(&workspace, &outcome, |screen| {
            for row in &outcome.questions {
                if single { whole(screen, row) } else { short(screen, row) }
            }
            match outcome.questions.first() {
                None => screen.talk("No question is open"),
                Some(first) if first.holds.is_none() => {
                    screen.talk(format!("Next: `autonomy answer {} \"…\"`", first.question.id));
                }
                Some(_) => {}
            }
        })?;
        let open = outcome.questions.iter().any(|row| row.holds.is_none());
        Ok(if self.check && open { 1 } else { code })
    }
}

fn short(screen: &mut Screen, row: &Row) {
    let question = &row.question;
    screen.data(format!("{}  {}  {}", question.urgency.word(), question.id, question.title));
    if let Some(holds) = &row.holds {
        screen.data(format!("    {}: {holds}", row.standing.word()));
    }
    if let Some(proposed) = &row.proposed {
        screen.data(format!("    an edit of its file says: {proposed}; nothing holds until a person answers"));
    }
    for task in &question.blocks {
        screen.data(format!("    waits: {task}"));
    }
    if let (Some(default), Some(deadline)) = (&question.default, question.deadline)
        && row.holds.is_none()
    {
        screen.data(format!("    from {}Z on: {default}", deadline.minute()));
    }
}

fn whole(screen: &mut Screen, row: &Row) {
    short(screen, row);
    let question = &row.question;
    if let Some(context) = &question.context {
        screen.data(format!("\n{context}\n"));
    }
    for (choice, number) in question.options.iter().zip(1..) {
        let consequence = choice.consequence.as_ref().map_or(String::new(), |text| format!(": {text}"));
        screen.data(format!("{number}. {}{consequence}", choice.name));
    }
    if let Some(recommendation) = &question.recommendation {
        screen.data(format!("recommended: {recommendation}"));
    }
}
