//! `autonomy session start`.

use clap::Args;

use crate::{
    cli::{
        commands::session::words,
        context::{Context, Screen},
    },
    host::Result,
    model::{event::Verdict, quote::counted, settings::value::Hours},
    ops::session::start::{self, Health, Remark},
};

#[derive(Args)]
pub(crate) struct Start {
    /// What people call the session
    name: Option<String>,
    /// What is to be reached
    #[arg(long, value_name = "TEXT")]
    goal: Option<String>,
    /// What must hold on the way; may be given several times
    #[arg(long = "constraint", value_name = "TEXT")]
    constraints: Vec<String>,
    /// How long it may take: a number of hours, or a span like 90m
    #[arg(long, value_name = "H")]
    max_hours: Option<Hours>,
    /// Start although a gate is red
    #[arg(long, conflicts_with = "no_health")]
    force: bool,
    /// Ask no gate before
    #[arg(long)]
    no_health: bool,
    /// Go on from this session, which has ended or lives in another clone
    #[arg(long, value_name = "SESSION")]
    continues: Option<String>,
    /// Let conversations of the agent client go on by themselves while there is work that moves
    #[arg(long)]
    drive: bool,
}

impl Start {
    pub(crate) fn run(self, context: &Context) -> Result<u8> {
        let workspace = context.workspace()?;
        let health = match (self.force, self.no_health) {
            (_, true) => Health::Skipped,
            (true, false) => Health::Told,
            (false, false) => Health::Demanded,
        };
        let request = start::Request {
            title: self.name,
            goal: self.goal,
            constraints: self.constraints,
            max: self.max_hours.map(|hours| hours.0),
            health,
            continues: self.continues,
            drive: self.drive,
        };
        let outcome = start::start(&workspace, &request)?;
        context.say(&workspace, &outcome, |screen| {
            screen.data(outcome.session.to_string());
            say(screen, &outcome);
        })
    }
}

/// What is said of a session that was started.
pub(super) fn say(screen: &mut Screen, outcome: &start::Outcome) {
    screen.talk(format!("Started session {} in {}, for {}", outcome.session, outcome.folder, outcome.max));
    words::committed(screen, &outcome.commit);
    for one in &outcome.health {
        let took = one.took;
        screen.talk(match one.verdict {
            Verdict::Green => format!("Gate {} is green ({took})", one.gate),
            Verdict::Red => format!("Gate {} is red ({took})", one.gate),
            Verdict::TimedOut => format!("Gate {} came to no end within {took}", one.gate),
            Verdict::Broken => format!("Gate {} could not be run", one.gate),
        });
    }
    for remark in &outcome.remarks {
        screen.talk(words_of(remark));
    }
    screen.talk("Next: `autonomy task add \"<title>\"`, or `autonomy run \"<goal>\"`");
}

fn words_of(remark: &Remark) -> String {
    match remark {
        Remark::NoCommits { branch } => format!("The branch {branch} has no commit yet"),
        Remark::Detached { commit } => format!("HEAD is on no branch, at {}", commit.short()),
        Remark::UnderWay { operation } => format!("`{operation}` is under way"),
        Remark::Dirty { paths } => {
            format!("Not committed: {}, as `git status` counts; what was changed stays yours", counted(*paths, "path"))
        }
        Remark::Protected { branch, why, work_branch } => {
            format!("{branch} takes no commits ({why}): `autonomy run` will work on {work_branch}")
        }
        Remark::Todo { open } => {
            let items = counted(*open, "open item");
            format!("docs/TODO.md has {items}: `autonomy task import docs/TODO.md` makes them tasks")
        }
        Remark::NoTodo {} => "There is no docs/TODO.md".to_owned(),
        Remark::UnreadableTodo { why } => format!("docs/TODO.md is left alone: {why}"),
        Remark::NoIdentity {} => {
            "Git knows no name to commit with: `git config --global user.name \"<name>\"` and user.email".to_owned()
        }
        Remark::OtherInEnvironment { named } => {
            format!("AUTONOMY_SESSION still names {named}: `eval \"$(autonomy session env)\"` after `unset AUTONOMY_SESSION`")
        }
    }
}
