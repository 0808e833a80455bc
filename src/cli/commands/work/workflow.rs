//! `autonomy workflow …`.

use clap::{Args, Subcommand, ValueEnum};

use crate::{
    cli::context::{Context, Screen},
    host::Result,
    model::{
        quote::{self, counted},
        refusal::Code,
        workflow::order::{Plan, Planned},
        yaml,
    },
    ops::work::workflow::{self, Fault, ListRequest, PlanRequest, Request, ValidateRequest},
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
                context.say(&workspace, &plan, |screen| planned(screen, &plan))
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
    screen.talk("A plan only: no command carries out a workflow");
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
