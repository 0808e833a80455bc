//! `autonomy task add`.

use clap::{Args, ValueEnum};

use crate::{
    cli::context::Context,
    host::Result,
    model::{
        settings::value::CommandLine,
        task::{HumanGate, Priority, TaskKind, acceptance::Acceptance},
        time::Lapse,
    },
    ops::work::task::add,
};

#[derive(Args)]
pub(crate) struct Add {
    /// One line
    title: String,
    /// What there is to say about it
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,
    /// critical, high, medium, low, or a number from 1 to 10
    #[arg(long, default_value = "medium")]
    priority: Priority,
    /// How long it should take, such as 30m, 1h, 4h
    #[arg(long, value_name = "TIME")]
    estimate: Option<Lapse>,
    /// A task that has to be done first; may be given several times
    #[arg(long, value_name = "TASK")]
    after: Vec<String>,
    /// The task that it is a part of
    #[arg(long, value_name = "TASK")]
    part_of: Option<String>,
    /// What must be true at the end; may be given several times
    #[arg(long = "criterion", value_name = "TEXT")]
    criteria: Vec<String>,
    /// A command that tests it; may be given several times
    #[arg(long = "test", value_name = "COMMAND")]
    tests: Vec<String>,
    /// What a person looks at to accept it; may be given several times
    #[arg(long = "acceptance", value_name = "TEXT")]
    acceptance: Vec<String>,
    /// What a person has to rule before it may be started
    #[arg(long = "gate", value_name = "GATE")]
    gates: Vec<Gate>,
    /// It is a point to reach, not work
    #[arg(long)]
    milestone: bool,
    /// It changes much at once; a checkpoint is taken before `run` begins it
    #[arg(long, conflicts_with = "milestone")]
    migration: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum Gate {
    ArchitectureReview,
    BusinessDecision,
}

impl Add {
    pub(crate) fn run(self, context: &Context) -> Result<u8> {
        let workspace = context.workspace()?;
        let commands = self.tests.into_iter().map(|line| Acceptance::command(CommandLine::Shell(line)));
        let request = add::Request {
            title: self.title,
            description: self.description,
            priority: self.priority,
            estimate: self.estimate,
            kind: match (self.milestone, self.migration) {
                (true, _) => TaskKind::Milestone,
                (false, true) => TaskKind::Migration,
                (false, false) => TaskKind::Task,
            },
            after: self.after,
            part_of: self.part_of,
            criteria: self.criteria,
            acceptance: commands.chain(self.acceptance.into_iter().map(Acceptance::Text)).collect(),
            gates: self
                .gates
                .into_iter()
                .map(|gate| match gate {
                    Gate::ArchitectureReview => HumanGate::ArchitectureReview,
                    Gate::BusinessDecision => HumanGate::BusinessDecision,
                })
                .collect(),
        };
        let outcome = add::add(&workspace, &request)?;
        context.say(&workspace, &outcome, |screen| {
            screen.data(outcome.task.to_string());
            screen.talk(format!("Added `{}` in {}", outcome.title, outcome.path));
            screen.talk("Next: `autonomy next`, or `autonomy run`");
        })
    }
}
