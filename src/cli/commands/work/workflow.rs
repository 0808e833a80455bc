//! `autonomy workflow …`.

use clap::{Args, Subcommand, ValueEnum};

use crate::{
    cli::{
        commands::session::run::talk,
        context::{Context, Screen},
    },
    host::{Result, process::stop_on_signals, workspace::Workspace},
    model::{
        quote::{self, counted},
        refusal::Code,
        workflow::{
            order::{Plan, Planned},
            outcome::Ending,
        },
        yaml,
    },
    ops::work::workflow::{
        self, Fault, ListRequest, PlanRequest, Request, ValidateRequest,
        runs::{self, Standing},
    },
    run::flow,
};

/// How much of a step's target a plan shows, in characters.
const SHOWN: usize = 48;

#[derive(Subcommand)]
#[command(defer = true)]
pub(crate) enum Workflow {
    /// List the workflows in `.claude/workflows/`
    List,
    /// Show a workflow in one form, whichever its file has
    Show(Name),
    /// Look whether workflows are right, by themselves and together: exit code 1 when something is wrong
    Validate(Names),
    /// Say what could run when, and which way takes longest
    Plan(Asked),
    /// Draw a workflow
    Graph(Graph),
    /// Carry a workflow out
    Run(Run),
    /// Say where a run of a workflow stands
    Status(Which),
    /// Go on with a run that was stopped or died; what is done is not done again
    Resume(Resume),
    /// End a run for good
    Cancel(Which),
    /// Show what a step of a run printed
    Logs(Logs),
}

#[derive(Args)]
pub(crate) struct Run {
    #[command(flatten)]
    asked: Asked,
    /// Show what would be done, and do nothing
    #[arg(long = "dry-run")]
    show: bool,
}

#[derive(Args)]
pub(crate) struct Which {
    /// The run, or a unique beginning of its name; the last one when not said
    run: Option<String>,
}

#[derive(Args)]
pub(crate) struct Resume {
    /// The run, or a unique beginning of its name; the last one that has not ended when not said
    run: Option<String>,
    /// Run steps again that were running when the run died and say `on_crash: ask`
    #[arg(long)]
    rerun: bool,
}

#[derive(Args)]
pub(crate) struct Logs {
    /// The run, or a unique beginning of its name
    run: String,
    /// The step, as `workflow status` names it
    step: String,
}

#[derive(Args)]
pub(crate) struct Name {
    /// Its name, or that of its file, or a unique beginning of one
    workflow: String,
}

#[derive(Args)]
pub(crate) struct Names {
    /// Which; all when none is named
    workflows: Vec<String>,
}

#[derive(Args)]
pub(crate) struct Asked {
    /// Its name, or that of its file, or a unique beginning of one
    workflow: String,
    /// The value of a parameter; may be given several times
    #[arg(long = "set", value_name = "NAME=VALUE", value_parser = set)]
    parameters: Vec<(String, String)>,
}

#[derive(Args)]
pub(crate) struct Graph {
    /// Its name, or that of its file, or a unique beginning of one
    workflow: String,
    /// How it is drawn
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Lines: each step and what waits for it
    Text,
    /// A picture, in the language of mermaid
    Mermaid,
}

impl Workflow {
    pub(crate) fn run(self, context: &Context) -> Result<u8> {
        let workspace = context.workspace()?;
        match self {
            Self::List => {
                let outcome = workflow::list(&workspace, &ListRequest::default())?;
                context.say(&workspace, &outcome, |screen| {
                    for one in &outcome.workflows {
                        let needs =
                            if one.required.is_empty() { String::new() } else { format!(" ({})", one.required.join(", ")) };
                        let steps = counted(one.steps, "step");
                        screen.data(format!(
                            "{:<24} {steps:<10} {}{needs}",
                            quote::line(&one.name, SHOWN),
                            quote::line(&one.description, SHOWN)
                        ));
                    }
                    faults(screen, &outcome.faults);
                    if outcome.workflows.is_empty() && outcome.faults.is_empty() {
                        screen.talk("No workflow is in `.claude/workflows/`");
                    }
                })
            }
            Self::Show(Name { workflow }) => {
                let outcome = workflow::show(&workspace, &Request { workflow })?;
                let text = yaml::write(&outcome.workflow)?;
                context.say(&workspace, &outcome, |screen| {
                    screen.data(text.trim_end());
                    screen.talk(format!("From {}", outcome.file));
                })
            }
            Self::Validate(Names { workflows }) => {
                let outcome = workflow::validate(&workspace, &ValidateRequest { workflows })?;
                let code = context.say(&workspace, &outcome, |screen| {
                    faults(screen, &outcome.faults);
                    let wrong =
                        if outcome.faults.is_empty() { "nothing".to_owned() } else { counted(outcome.faults.len(), "thing") };
                    screen.talk(format!("Looked at {}: {wrong} wrong", counted(outcome.files.len(), "workflow")));
                })?;
                Ok(if outcome.faults.is_empty() { code } else { Code::No.exit() })
            }
            Self::Plan(Asked { workflow, parameters }) => {
                let plan = workflow::plan(&workspace, &PlanRequest { workflow, parameters: parameters.into_iter().collect() })?;
                context.say(&workspace, &plan, |screen| {
                    planned(screen, &plan);
                    screen.talk("A plan only; `autonomy workflow run` carries it out");
                })
            }
            Self::Run(Run { asked: Asked { workflow, parameters }, show }) => {
                let request = flow::Request { workflow, parameters: parameters.into_iter().collect() };
                if show {
                    let prospect = flow::prospect(&workspace, &request)?;
                    return context.say(&workspace, &prospect, |screen| foreseen(screen, &prospect));
                }
                let outcome = flow::run(&workspace, &request, &stop_on_signals()?, &mut talk)?;
                came(context, &workspace, &outcome)
            }
            Self::Resume(Resume { run, rerun }) => {
                let asked = if rerun { flow::Asked::Rerun } else { flow::Asked::Unanswered };
                let request = flow::ResumeRequest { run, asked };
                let outcome = flow::resume(&workspace, &request, &stop_on_signals()?, &mut talk)?;
                came(context, &workspace, &outcome)
            }
            Self::Status(Which { run }) => {
                let outcome = runs::status(&workspace, &runs::Request { run })?;
                context.say(&workspace, &outcome, |screen| stands(screen, &outcome))
            }
            Self::Cancel(Which { run }) => {
                let outcome = runs::cancel(&workspace, &runs::Request { run })?;
                context.say(&workspace, &outcome, |screen| {
                    if outcome.leftovers > 0 {
                        screen.talk(format!("Ended {}", counted(outcome.leftovers, "process")));
                    }
                    screen.talk(match outcome.standing {
                        Standing::Running => format!("Asked the run {} to end; it does within seconds", outcome.run),
                        Standing::Stopped | Standing::Ended => format!("Cancelled the run {}", outcome.run),
                    });
                })
            }
            Self::Logs(Logs { run, step }) => {
                let outcome = runs::logs(&workspace, &runs::LogsRequest { run, step })?;
                context.say(&workspace, &outcome, |screen| {
                    for text in [&outcome.out, &outcome.err].into_iter().filter(|text| !text.is_empty()) {
                        screen.data(text.trim_end_matches('\n'));
                    }
                    screen.talk(format!("What `{}` printed in its try {}", outcome.step, outcome.attempt));
                })
            }
            Self::Graph(Graph { workflow, format }) => {
                let outcome = workflow::graph(&workspace, &Request { workflow })?;
                context.say(&workspace, &outcome, |screen| {
                    screen.data(match format {
                        Format::Text => &outcome.text,
                        Format::Mermaid => &outcome.mermaid,
                    });
                })
            }
        }
    }
}

/// Says what came of a run, which is the exit code too.
fn came(context: &Context, workspace: &Workspace, outcome: &flow::Outcome) -> Result<u8> {
    context.say(workspace, outcome, |screen| {
        let counts =
            [(outcome.succeeded, "done"), (outcome.failed, "failed"), (outcome.skipped, "skipped"), (outcome.left, "not done")];
        let counts: Vec<String> =
            counts.into_iter().filter(|(count, _)| *count > 0).map(|(count, word)| format!("{count} {word}")).collect();
        screen.data(format!("{} in {}", if counts.is_empty() { "nothing".to_owned() } else { counts.join(", ") }, outcome.took));
        for (name, value) in &outcome.outputs {
            screen.data(format!("{name}={}", value.as_str().map_or_else(|| value.to_string(), str::to_owned)));
        }
        let why =
            outcome.failure.as_ref().map_or_else(String::new, |one| format!(": {}: {}", one.step, quote::line(&one.why, 200)));
        screen.talk(match outcome.ending {
            Some(Ending::Done) => "Done".to_owned(),
            Some(ending) => format!("Ended: {}{why}", ending.word()),
            None => "Stopped; what is done stays done".to_owned(),
        });
        screen.talk(format!("Next: `{}`", outcome.next));
    })?;
    Ok(outcome.ending.map_or(Code::No.exit(), Ending::exit))
}

fn foreseen(screen: &mut Screen, prospect: &flow::Prospect) {
    planned(screen, &prospect.plan);
    for file in &prospect.untrusted {
        screen.talk(format!("`{file}` is not trusted as it is now, and would not run; `autonomy trust` shows it"));
    }
    screen.talk("Nothing was done");
}

fn stands(screen: &mut Screen, outcome: &runs::StatusOutcome) {
    let width = outcome.steps.iter().map(|step| quote::length(step.step.as_str())).max().unwrap_or_default();
    for step in &outcome.steps {
        let word = match (step.outcome, outcome.standing) {
            (Some(outcome), _) => outcome.word(),
            (None, Standing::Running) => "running",
            (None, Standing::Stopped | Standing::Ended) => "cut short",
        };
        let tries = if step.attempt > 1 { format!(", {} tries", step.attempt) } else { String::new() };
        let took = if step.took.0.is_zero() { String::new() } else { format!(", {}", step.took) };
        let why = step.why.as_ref().map_or_else(String::new, |why| format!(": {}", quote::line(why, 100)));
        screen.data(format!("{:<width$}  {word}{tries}{took}{why}", step.step.as_str()));
    }
    let words = match (outcome.standing, outcome.ending) {
        (Standing::Running, _) => "is going on".to_owned(),
        (Standing::Stopped | Standing::Ended, Some(ending)) => format!("has ended: {}", ending.word()),
        (Standing::Stopped | Standing::Ended, None) => {
            format!("stands still; `autonomy workflow resume {}` goes on", outcome.run)
        }
    };
    screen.talk(format!("The run {} of {}, begun {}, {words}", outcome.run, outcome.file, outcome.started.minute()));
}

fn set(given: &str) -> Result<(String, String), String> {
    let (name, value) = given.split_once('=').ok_or("a parameter is `NAME=VALUE`")?;
    Ok((name.trim().to_owned(), value.to_owned()))
}

fn faults(screen: &mut Screen, faults: &[Fault]) {
    for fault in faults {
        let place = if fault.message.contains(&fault.file) { String::new() } else { format!("`{}`: ", fault.file) };
        screen.data(format!("{place}{}", fault.message));
        if let Some(hint) = &fault.hint {
            screen.data(format!("  hint: {hint}"));
        }
    }
}

fn planned(screen: &mut Screen, plan: &Plan) {
    let width = plan.steps.iter().map(|step| quote::length(&step.id)).max().unwrap_or_default();
    let mut level = 0;
    for step in &plan.steps {
        if step.level != level {
            level = step.level;
            let stage =
                if step.stage.is_empty() { String::new() } else { format!(", stage {}", quote::line(&step.stage, SHOWN)) };
            screen.data(format!("Level {level}{stage}"));
        }
        screen.data(format!("  {:<width$}  {}", step.id, said(step)));
    }
    screen.talk(format!("The longest way, {}: {}", plan.takes, quote::line(&plan.critical_path.join(" → "), 400)));
}

fn said(step: &Planned) -> String {
    let mut words = vec![format!("{} {}", step.kind, quote::line(&step.target, SHOWN))];
    if !step.needs.is_empty() {
        words.push(format!("after {}", step.needs.join(", ")));
    }
    words.push(match step.holds {
        Some(false) => "skipped: its condition does not hold".to_owned(),
        Some(true) | None if step.estimated => format!("about {} from {}", step.takes, step.starts),
        Some(true) | None => format!("at most {} from {}", step.takes, step.starts),
    });
    if !step.waits.is_empty() {
        let waits: Vec<String> = step.waits.iter().map(ToString::to_string).collect();
        words.push(format!("tried again after {}", waits.join(", ")));
    }
    if let Some(times) = step.times {
        words.push(format!("{times} times"));
    }
    words.join("; ")
}
