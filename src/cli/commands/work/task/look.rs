//! `autonomy task show`, `lint` and `verify`.

use clap::Args;

use crate::{
    cli::context::{Context, Screen},
    host::Result,
    model::{event::Verdict, refusal::Code},
    ops::work::task::{
        lint, show,
        verify::{self, Check},
    },
};

#[derive(Args)]
pub(crate) struct Named {
    /// The task: its name, a unique part of it, or its title
    pub(crate) task: String,
}

pub(crate) fn show(context: &Context, named: Named) -> Result<u8> {
    let workspace = context.workspace()?;
    let outcome = show::show(&workspace, &show::Request { task: named.task })?;
    context.say(&workspace, &outcome, |screen| {
        let task = &outcome.task;
        screen.data(format!("{}  {}", task.id, task.title));
        let estimate = task.estimate.map_or(String::new(), |estimate| format!(", {estimate}"));
        screen.data(format!("{}, {}{estimate}", outcome.progress, task.priority));
        if outcome.failures > 0 {
            screen.data(format!("tries that failed: {}", outcome.failures));
        }
        for id in &outcome.blockers {
            screen.data(format!("after: {id}"));
        }
        for question in &outcome.questions {
            screen.data(format!("waits for: {question}"));
        }
        if !task.description.is_empty() {
            screen.data(format!("\n{}\n", task.description));
        }
        for criterion in &task.criteria {
            screen.data(format!("- [{}] {}", if criterion.done { 'x' } else { ' ' }, criterion.text));
        }
        for entry in &task.acceptance {
            screen.data(format!("- test: {}", entry.label()));
        }
        let waits = if outcome.uncommitted { ", a change waits for the next commit" } else { "" };
        screen.data(format!("file: {}{waits}", outcome.path));
    })
}

pub(crate) fn lint(context: &Context) -> Result<u8> {
    let workspace = context.workspace()?;
    let outcome = lint::lint(&workspace, &lint::Request {})?;
    let code = context.say(&workspace, &outcome, |screen| {
        for problem in &outcome.problems {
            match problem.line {
                Some(line) => screen.data(format!("{}:{line}: {}", problem.path, problem.message)),
                None => screen.data(&problem.message),
            }
        }
        match outcome.problems.len() {
            0 => screen.talk(format!("No mistake found; tasks looked at: {}", outcome.tasks)),
            found => screen.talk(format!("Mistakes found: {found}; tasks looked at: {}", outcome.tasks)),
        }
    })?;
    Ok(if outcome.problems.is_empty() { code } else { 1 })
}

pub(crate) fn verify(context: &Context, named: Named) -> Result<u8> {
    let workspace = context.workspace()?;
    let outcome = verify::verify(&workspace, &verify::Request { task: named.task })?;
    let code = context.say(&workspace, &outcome, |screen| {
        for check in &outcome.checks {
            line(screen, check);
        }
        if outcome.checks.iter().any(|check| matches!(check, Check::Untrusted { .. })) {
            screen.talk("Next: a person looks at what would run and says `autonomy trust`");
        }
    })?;
    Ok(outcome.code().map_or(code, Code::exit))
}

fn line(screen: &mut Screen, check: &Check) {
    match check {
        Check::Ran { entry, verdict, exit, took, output } => {
            let word = match verdict {
                Verdict::Green => "green",
                Verdict::Red => "red",
                Verdict::TimedOut => "out of time",
                Verdict::Broken => "broken",
            };
            let exit = exit.map_or(String::new(), |code| format!(", exit {code}"));
            screen.data(format!("{word}  {entry}  after {took}{exit}"));
            if let Some(output) = output.as_ref().filter(|output| !output.is_empty()) {
                screen.data(output);
            }
        }
        Check::Untrusted { entry } => screen.data(format!("not trusted  {entry}")),
        Check::ForPerson { entry } => screen.data(format!("for a person  {entry}")),
    }
}
