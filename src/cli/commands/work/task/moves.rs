//! `autonomy task start`, `done`, `fail`, `cancel`, `resume` and `wait`.

use clap::Args;

use crate::{
    cli::{
        commands::work::task::look::Named,
        context::{Context, Screen},
    },
    host::{Result, workspace::Workspace},
    model::{refusal::Code, task::progress::Progress, time::Lapse},
    ops::work::task::{
        Moved, Request, cancel, done, fail, resume, start,
        wait::{self, wait},
    },
};

#[derive(Args)]
pub(crate) struct Because {
    /// The task: its name, a unique part of it, or its title
    task: String,
    /// Why
    #[arg(long, value_name = "REASON")]
    because: Option<String>,
}

#[derive(Args)]
pub(crate) struct Wait {
    /// The tasks
    #[arg(required = true)]
    tasks: Vec<String>,
    /// How long at most, such as 10m or 2h
    #[arg(long, value_name = "TIME", default_value = "1h")]
    timeout: Lapse,
}

type Verb = fn(&Workspace, &Request) -> Result<Moved>;

fn carry_out(context: &Context, verb: Verb, request: &Request, words: impl FnOnce(&mut Screen, &Moved)) -> Result<u8> {
    let workspace = context.workspace()?;
    let moved = verb(&workspace, request)?;
    context.say(&workspace, &moved, |screen| {
        words(screen, &moved);
        if let Some(commit) = &moved.commit {
            screen.talk(format!("Committed as {}", commit.short()));
        }
    })
}

fn plain(named: Named) -> Request {
    Request { task: named.task, why: None }
}

fn reasoned(arguments: Because) -> Request {
    Request { task: arguments.task, why: arguments.because }
}

pub(crate) fn start(context: &Context, named: Named) -> Result<u8> {
    carry_out(context, start::start, &plain(named), |screen, moved| {
        screen.talk(format!("Started {}", moved.title));
        screen.talk(format!("Next: `autonomy task verify {0}`, then `autonomy task done {0}`", moved.task));
    })
}

pub(crate) fn done(context: &Context, named: Named) -> Result<u8> {
    carry_out(context, done::done, &plain(named), |screen, moved| {
        screen.talk(format!("Finished {} ({})", moved.title, moved.progress));
        for milestone in &moved.reached {
            screen.talk(format!("Reached the milestone {milestone}"));
        }
        for milestone in &moved.due {
            screen.talk(format!("The milestone {milestone} is due: `autonomy task done {milestone}` runs what tests it"));
        }
        if !moved.unticked.is_empty() {
            screen.talk(format!("Not ticked: {}", moved.unticked.join("; ")));
        }
        if let Some(checkpoint) = &moved.checkpoint {
            screen.talk(format!("Checkpoint {checkpoint}"));
        }
        screen.talk("Next: `autonomy next`");
    })
}

pub(crate) fn fail(context: &Context, arguments: Because) -> Result<u8> {
    carry_out(context, fail::fail, &reasoned(arguments), |screen, moved| {
        screen.talk(format!("Failed: {}", moved.title));
        screen.talk(format!("Next: `autonomy task start {}` tries again", moved.task));
    })
}

pub(crate) fn cancel(context: &Context, arguments: Because) -> Result<u8> {
    carry_out(context, cancel::cancel, &reasoned(arguments), |screen, moved| {
        screen.talk(format!("Cancelled {}", moved.title));
    })
}

pub(crate) fn resume(context: &Context, arguments: Because) -> Result<u8> {
    carry_out(context, resume::resume, &reasoned(arguments), |screen, moved| {
        screen.talk(format!("{} is {}", moved.title, moved.progress));
        screen.talk(format!("Next: `autonomy task start {}`", moved.task));
    })
}

impl Wait {
    pub(crate) fn run(self, context: &Context) -> Result<u8> {
        let workspace = context.workspace()?;
        let outcome = wait(&workspace, &wait::Request { tasks: self.tasks, timeout: Some(self.timeout) })?;
        let code = context.say(&workspace, &outcome, |screen| {
            for ended in &outcome.tasks {
                screen.data(format!("{:<9} {}  {}", ended.progress.word(), ended.task, ended.title));
                if let Progress::Waiting { question } = &ended.progress {
                    screen.talk(format!("Next: `autonomy answer {question} \"…\"`"));
                }
            }
        })?;
        Ok(outcome.code().map_or(code, Code::exit))
    }
}
