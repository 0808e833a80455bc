//! `autonomy ask`: flags into a question, and where it went.

use clap::{Args, ValueEnum};

use crate::{
    cli::context::Context,
    host::Result,
    model::{
        question::{Choice, QuestionKind, Urgency},
        time::Lapse,
    },
    ops::judge::ask,
};

#[derive(Args)]
pub(crate) struct Ask {
    /// The question in one line
    question: String,
    /// A possible answer, `NAME` or `NAME=CONSEQUENCE`; may be given several times
    #[arg(long = "option", value_name = "NAME[=CONSEQUENCE]")]
    options: Vec<String>,
    /// What one has to know to answer
    #[arg(long, value_name = "TEXT")]
    context: Option<String>,
    /// What you would do
    #[arg(long, value_name = "TEXT")]
    recommend: Option<String>,
    /// What holds when nobody answers in time
    #[arg(long, value_name = "ANSWER")]
    default: Option<String>,
    /// How long to wait for an answer before the default holds
    #[arg(long, value_name = "TIME", requires = "default")]
    within: Option<Lapse>,
    /// A task that waits for the answer; may be given several times
    #[arg(long = "blocks", value_name = "TASK")]
    blocks: Vec<String>,
    /// How soon an answer is needed
    #[arg(long, value_enum, default_value = "p2", value_name = "P0..P3", ignore_case = true)]
    urgency: Level,
    /// Work cannot go on without a person
    #[arg(long)]
    blocker: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum Level {
    P0,
    P1,
    P2,
    P3,
}

impl Ask {
    pub(crate) fn run(self, context: &Context) -> Result<u8> {
        let workspace = context.workspace()?;
        let choice = |given: &String| match given.split_once('=') {
            Some((name, text)) => Choice { name: name.trim().to_owned(), consequence: Some(text.trim().to_owned()) },
            None => Choice { name: given.trim().to_owned(), consequence: None },
        };
        let request = ask::Request {
            title: self.question,
            kind: if self.blocker { QuestionKind::Blocker } else { QuestionKind::Question },
            urgency: match self.urgency {
                Level::P0 => Urgency::P0,
                Level::P1 => Urgency::P1,
                Level::P2 => Urgency::P2,
                Level::P3 => Urgency::P3,
            },
            context: self.context,
            options: self.options.iter().map(choice).collect(),
            recommendation: self.recommend,
            default: self.default,
            within: self.within,
            blocks: self.blocks,
        };
        let outcome = ask::ask(&workspace, &request)?;
        context.say(&workspace, &outcome, |screen| {
            screen.data(outcome.question.to_string());
            if outcome.asked_before {
                screen.talk("Asked before and still open; nothing was added");
            } else {
                screen.talk(format!("Asked in {}", outcome.path));
            }
            screen.talk(format!("Next: a person says `autonomy answer {} \"…\"`", outcome.question));
        })
    }
}
