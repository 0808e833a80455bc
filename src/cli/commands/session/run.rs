//! `autonomy run`: says what the loop does while it does it.

use std::{
    io::{self, Write as _},
    path::PathBuf,
};

use clap::Args;

use crate::{
    cli::context::{Context, Screen},
    host::{Result, process::stop_on_signals},
    model::{
        id::AgentName,
        plan::{Reach, ending::Ending},
        quote::counted,
        settings::value::Hours,
    },
    run::drive::{self, Containment, Outcome, Prospect, Request},
};

#[derive(Args)]
pub(crate) struct Run {
    /// What is to be reached; becomes a task when none is open
    goal: Option<String>,
    /// Work on this task only (name, a unique part of it, or title)
    #[arg(long, value_name = "TASK")]
    task: Option<String>,
    #[command(flatten)]
    way: Way,
    /// Show what would be done, and do nothing
    #[arg(long = "dry-run")]
    show: bool,
    /// Work on one task, then end
    #[arg(long)]
    once: bool,
}

// How agents are run, and how much of it; a doc comment here would become the help of whoever flattens it.
#[derive(Args)]
pub(crate) struct Way {
    /// The agent profile
    #[arg(long, value_name = "NAME")]
    agent: Option<AgentName>,
    /// How many hours the run may take
    #[arg(long, value_name = "H")]
    max_hours: Option<Hours>,
    /// How many attempts the run may make
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    max_steps: Option<u32>,
    /// Write down what the agent does, to be played again
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,
    /// Let the agent work without containment: with your rights, on all your files
    #[arg(long)]
    uncontained: bool,
}

impl Way {
    pub(crate) fn request(self, reach: Reach) -> Request {
        Request {
            agent: self.agent,
            max: self.max_hours.map(|hours| hours.0),
            steps: self.max_steps,
            record: self.record,
            containment: if self.uncontained { Containment::Waived } else { Containment::Demanded },
            reach,
            ..Request::default()
        }
    }
}

impl Run {
    pub(crate) fn run(self, context: &Context) -> Result<u8> {
        let workspace = context.workspace()?;
        let reach = if self.once { Reach::One } else { Reach::All };
        let request = Request { goal: self.goal, task: self.task, ..self.way.request(reach) };
        if self.show {
            let prospect = drive::prospect(&workspace, &request)?;
            return context.say(&workspace, &prospect, |screen| foresee(screen, &prospect));
        }
        let stop = stop_on_signals()?;
        let outcome = drive::run(&workspace, &request, &stop, &mut talk)?;
        context.say(&workspace, &outcome, |screen| sum_up(screen, &outcome))?;
        Ok(outcome.ending.exit())
    }
}

/// Says a line while the run goes on; with stderr gone it goes on all the same, and the log has it all.
pub(crate) fn talk(line: &str) {
    writeln!(io::stderr().lock(), "{line}").ok();
}

fn foresee(screen: &mut Screen, prospect: &Prospect) {
    let plan = &prospect.plan;
    screen.data(format!("agent     {} ({})", prospect.agent, driver(prospect)));
    let session = prospect.session.as_ref().map_or("a new one".to_owned(), ToString::to_string);
    screen.data(format!("session   {session}"));
    let branch = prospect.branch.clone().unwrap_or_else(|| "a new one, `autonomy/<session>`, at HEAD".to_owned());
    screen.data(format!("branch    {branch}"));
    screen.data(format!(
        "bounds    {}, {} attempts, {} tries a task, {} attempts without progress",
        plan.max, plan.steps, plan.tries, plan.idle
    ));
    let gates: Vec<&str> = plan.gates.iter().map(crate::model::id::GateName::as_str).collect();
    screen.data(format!("gates     {}", if gates.is_empty() { "none".to_owned() } else { gates.join(", ") }));
    for gate in &prospect.waiting {
        screen.data(format!("          {gate} waits for `autonomy trust`"));
    }
    screen.data(format!("tasks     {} open, {} may be started now", prospect.open, prospect.ready.len()));
    for (number, (_, title)) in prospect.ready.iter().enumerate() {
        screen.data(format!("  {}. {title}", number + 1));
    }
    for (task, title) in &prospect.started {
        screen.data(format!("  left to who started it: {title}; or `autonomy run --task {task}`"));
    }
    screen.data("each task: snapshot, attempt, gates, on red again with the failing output, commit of what changed, checkpoint");
}

fn driver(prospect: &Prospect) -> &'static str {
    match prospect.driver {
        crate::model::settings::Driver::Claude => "claude",
        crate::model::settings::Driver::Command => "command",
        crate::model::settings::Driver::Replay => "replay",
    }
}

pub(crate) fn sum_up(screen: &mut Screen, outcome: &Outcome) {
    let branch = outcome.branch.as_deref().map_or(String::new(), |branch| format!(", on `{branch}`"));
    screen.data(format!(
        "{} done, {} parked or waiting, {} in {}{branch}",
        outcome.done,
        outcome.parked,
        counted(outcome.steps as usize, "attempt"),
        outcome.took
    ));
    let word = match outcome.ending {
        Ending::Done | Ending::Once => "Done",
        Ending::Blocked
        | Ending::NeedsPerson
        | Ending::Stopped
        | Ending::SettingsChanged
        | Ending::OutOfTime
        | Ending::OutOfSteps
        | Ending::OutOfTokens
        | Ending::OutOfMoney
        | Ending::NoProgress
        | Ending::Limit { .. }
        | Ending::AgentUnusable { .. }
        | Ending::CannotCommit { .. } => "Ended",
    };
    screen.talk(format!("{word}: {}", outcome.ending));
    screen.talk(format!("Next: `{}`", outcome.next));
}
