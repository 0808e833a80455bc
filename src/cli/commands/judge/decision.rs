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
    ops::judge::{decision, overrule, review},
};

#[derive(Subcommand)]
#[command(defer = true)]
pub(crate) enum Decision {
    /// Decisions that fit all that is said, the newest first
    List(List),
    /// One decision whole
    Show(Show),
    /// Say how a decision turned out
    Outcome(Outcome),
    /// Choose otherwise than was decided; for a person
    Override(Override),
    /// The decisions since a commit, as the part of a pull request that tells of them
    Digest(Digest),
    /// Look whether a range of commits has the decisions that it needs; exit with 1 when not
    Check(Check),
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
    in_session: Option<String>,
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

#[derive(Args)]
pub(crate) struct Override {
    /// Which decision: its name, a unique part of it, or its title
    decision: String,
    /// What holds in its place
    #[arg(long = "choose", value_name = "NAME")]
    choice: String,
    /// Why
    #[arg(long = "because", value_name = "REASON")]
    reason: String,
}

#[derive(Args)]
pub(crate) struct Digest {
    /// The branch or commit that the work goes to
    #[arg(long, value_name = "COMMIT")]
    since: String,
}

#[derive(Args)]
pub(crate) struct Check {
    /// `A..B`, or `A...B` for what `B` has since both parted
    range: String,
}

impl Decision {
    pub(crate) fn run(self, context: &Context) -> Result<u8> {
        match self {
            Self::List(list) => list.run(context),
            Self::Show(show) => show.run(context),
            Self::Outcome(outcome) => outcome.run(context),
            Self::Override(replacing) => replacing.run(context),
            Self::Digest(digest) => digest.run(context),
            Self::Check(check) => check.run(context),
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
            session: self.in_session.map(SessionId::new).transpose()?,
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

impl Override {
    fn run(self, context: &Context) -> Result<u8> {
        let workspace = context.workspace()?;
        let request = overrule::Request { decision: self.decision, choice: self.choice, reason: self.reason };
        let outcome = overrule::overrule(&workspace, &request)?;
        context.say(&workspace, &outcome, |screen| {
            screen.data(outcome.decision.to_string());
            screen.talk(format!("It takes the place of {}; the task {} follows it", outcome.replaces, outcome.task));
        })
    }
}

impl Digest {
    fn run(self, context: &Context) -> Result<u8> {
        let workspace = context.workspace()?;
        let outcome = review::digest(&workspace, &review::DigestRequest { since: self.since })?;
        context.say(&workspace, &outcome, |screen| screen.data(outcome.text.trim_end()))
    }
}

impl Check {
    fn run(self, context: &Context) -> Result<u8> {
        let workspace = context.workspace()?;
        let outcome = review::check(&workspace, &review::CheckRequest { range: self.range })?;
        let code = context.say(&workspace, &outcome, |screen| {
            for fault in &outcome.faults {
                let line = fault.line.map_or(String::new(), |line| format!(":{line}"));
                screen.data(format!("{}{line}: {}", fault.path, fault.words));
            }
            let decisions = counted(outcome.decisions, "decision");
            screen.talk(match outcome.faults.len() {
                0 => format!("{decisions}, and nothing is missing"),
                count => format!("{decisions}, {}", counted(count, "fault")),
            });
        })?;
        Ok(if outcome.faults.is_empty() { code } else { 1 })
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
