//! `autonomy decision`: recorded decisions as lines, one as text, and a word about how one turned out.

use clap::{
    Args, Subcommand,
    builder::{PossibleValuesParser, TypedValueParser},
};

use crate::{
    cli::{
        commands::judge::decide::{Level, kinds},
        context::Context,
    },
    host::Result,
    model::{
        decision::{ChangeKind, Status},
        id::SessionId,
        outcome::Label,
        quote::counted,
    },
    ops::judge::decision,
};

#[derive(Subcommand)]
pub(crate) enum Decision {
    /// Decisions that fit all that is said, the newest first
    List(List),
    /// One decision whole
    Show(Show),
    /// Say how a decision turned out
    Outcome(Outcome),
}

#[derive(Args)]
pub(crate) struct List {
    /// Where it stands
    #[arg(long, value_parser = statuses())]
    status: Option<Status>,
    /// What is changed by it
    #[arg(long, value_parser = kinds())]
    kind: Option<ChangeKind>,
    /// The least risk
    #[arg(long, value_enum)]
    risk: Option<Level>,
    /// A path that it is about; a folder stands for what lies below it
    #[arg(long)]
    path: Option<String>,
    /// The session in which it was taken
    #[arg(long = "in-session", value_name = "SESSION")]
    session: Option<String>,
}

#[derive(Args)]
pub(crate) struct Show {
    /// Which decision: its name, a unique part of it, or its title
    decision: String,
}

#[derive(Args)]
pub(crate) struct Outcome {
    /// Which decision: its name, a unique part of it, or its title
    decision: String,
    /// In a word
    #[arg(value_parser = labels())]
    label: Label,
    /// In words
    #[arg(long = "because", value_name = "WORDS")]
    words: Option<String>,
}

impl Decision {
    pub(crate) fn run(self, context: &Context) -> Result<u8> {
        match self {
            Self::List(list) => list.run(context),
            Self::Show(show) => show.run(context),
            Self::Outcome(outcome) => outcome.run(context),
        }
    }
}

impl List {
    fn run(self, context: &Context) -> Result<u8> {
        let workspace = context.workspace()?;
        let request = decision::ListRequest {
            status: self.status,
            kind: self.kind,
            risk: self.risk.map(Into::into),
            path: self.path,
            session: self.session.map(SessionId::new).transpose()?,
        };
        let outcome = decision::list(&workspace, &request)?;
        context.say(&workspace, &outcome, |screen| {
            for it in &outcome.decisions {
                screen.data(format!("{}  {}  {}  {}", it.status.word(), it.risk, it.id, it.title));
            }
            screen.talk(match outcome.decisions.len() {
                0 => "No decision fits".to_owned(),
                count => counted(count, "decision"),
            });
        })
    }
}

impl Show {
    fn run(self, context: &Context) -> Result<u8> {
        let workspace = context.workspace()?;
        let outcome = decision::show(&workspace, &decision::ShowRequest { decision: self.decision })?;
        context.say(&workspace, &outcome, |screen| {
            screen.data(outcome.text.clone());
            screen.talk(format!("It is {}: {}", outcome.decision.status.word(), outcome.path));
        })
    }
}

impl Outcome {
    fn run(self, context: &Context) -> Result<u8> {
        let workspace = context.workspace()?;
        let request = decision::OutcomeRequest { decision: self.decision, label: self.label, words: self.words };
        let outcome = decision::outcome(&workspace, &request)?;
        context.say(&workspace, &outcome, |screen| {
            screen.talk(format!("Noted how `{}` turned out: {}", outcome.title, request.label.word()));
        })
    }
}

fn statuses() -> impl TypedValueParser<Value = Status> {
    const ALL: [Status; 4] = [Status::Proposed, Status::Accepted, Status::Rejected, Status::Superseded];
    PossibleValuesParser::new(ALL.map(Status::word))
        .try_map(|word| ALL.into_iter().find(|status| status.word() == word).ok_or("it is no status"))
}

fn labels() -> impl TypedValueParser<Value = Label> {
    PossibleValuesParser::new(Label::ALL.map(Label::word))
        .try_map(|word| Label::ALL.into_iter().find(|label| label.word() == word).ok_or("it is no outcome"))
}
