//! `autonomy context …`.

use std::collections::BTreeMap;

use clap::{Args, Subcommand, ValueEnum};

use crate::{
    cli::{commands::setup::init::past, context as typed, context::Screen},
    host::Result,
    model::{
        quote::{self, counted},
        source::When,
        time::Lapse,
    },
    ops::tell::{
        briefing, context,
        project::{self, Element, ElementKind, GraphOutcome, Relation, RelationKind},
    },
};

#[derive(Subcommand)]
#[command(defer = true)]
pub(crate) enum Context {
    /// Print what an agent has to know before it goes on
    Brief(Brief),
    /// Keep something that is known in this session
    Add(Add),
    /// Print it
    Get(Get),
    /// List what is known in this session, the most relevant first
    List(List),
    /// Write what the code says of itself into the pages below `.claude/project_context/`
    Update(Update),
    /// Show what hangs together with what: files by imports and calls, tasks by their order, variables of the environment
    Graph(Graph),
}

#[derive(Args)]
pub(crate) struct Brief {
    /// The most tokens it may have; one counts as four characters
    #[arg(long, value_name = "TOKENS", conflicts_with = "characters")]
    budget: Option<usize>,
    /// The most characters it may have
    #[arg(long, value_name = "CHARACTERS")]
    characters: Option<usize>,
}

#[derive(Args)]
pub(crate) struct Add {
    /// What kind of thing it is, such as `api` or `environment`
    #[arg(value_name = "TYPE")]
    kind: String,
    /// Its name among those of the type
    key: String,
    /// What it says
    text: String,
    /// After how long it does not hold any more, such as `2h`
    #[arg(long, value_name = "TIME")]
    ttl: Option<Lapse>,
}

#[derive(Args)]
pub(crate) struct Get {
    /// What kind of thing it is
    #[arg(value_name = "TYPE")]
    kind: String,
    /// Its name among those of the type
    key: String,
}

#[derive(Args)]
pub(crate) struct List {
    /// What kind of thing they are; all when left out
    #[arg(value_name = "TYPE")]
    kind: Option<String>,
}

#[derive(Args)]
pub(crate) struct Update {
    /// Only show what would be written
    #[arg(long)]
    dry_run: bool,
}

#[derive(Args)]
pub(crate) struct Graph {
    /// The file or directory whose neighbours are wanted; all when left out
    path: Option<String>,
    /// How it is shown
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Lines: each file and what it needs
    Text,
    /// A picture of the imports, in the language of mermaid
    Mermaid,
}

impl Context {
    pub(crate) fn run(self, context: &typed::Context) -> Result<u8> {
        let workspace = context.workspace()?;
        match self {
            Self::Brief(Brief { budget, characters }) => {
                let outcome = briefing::brief(&workspace, &briefing::Request { budget: characters, tokens: budget })?;
                context.say(&workspace, &outcome, |screen| screen.data(outcome.text.trim_end()))
            }
            Self::Add(Add { kind, key, text, ttl }) => {
                let outcome = context::add(&workspace, &context::AddRequest { r#type: kind, key, text, ttl })?;
                context.say(&workspace, &outcome, |screen| screen.talk(format!("Kept {} in {}", outcome.key, outcome.path)))
            }
            Self::Get(Get { kind, key }) => {
                let outcome = context::get(&workspace, &context::GetRequest { r#type: kind, key })?;
                context.say(&workspace, &outcome, |screen| screen.data(outcome.text.trim_end()))
            }
            Self::List(List { kind }) => {
                let outcome = context::list(&workspace, &context::ListRequest { r#type: kind })?;
                context.say(&workspace, &outcome, |screen| {
                    for known in &outcome.known {
                        screen.data(format!("{}  {}  {}", known.r#type, known.key, quote::line(&known.text, 100)));
                    }
                })
            }
            Self::Update(Update { dry_run }) => {
                let outcome = project::update(&workspace, &project::UpdateRequest { dry_run })?;
                context.say(&workspace, &outcome, |screen| updated(screen, &outcome))
            }
            Self::Graph(Graph { path, format }) => {
                let outcome = project::graph(&workspace, &project::GraphRequest { path })?;
                context.say(&workspace, &outcome, |screen| match format {
                    Format::Text => lines(screen, &outcome),
                    Format::Mermaid => screen.data(if outcome.mermaid.is_empty() { "graph LR" } else { &outcome.mermaid }),
                })
            }
        }
    }
}

fn updated(screen: &mut Screen, outcome: &project::UpdateOutcome) {
    let read = counted(outcome.files, "source file");
    if outcome.dry_run {
        for shown in &outcome.changed {
            screen.data(shown.diff.trim_end());
        }
    } else {
        for line in past(&outcome.changed) {
            screen.talk(line);
        }
    }
    for path in &outcome.kept {
        screen.talk(format!("Somebody had written into the block of {path}: that text is kept below it"));
    }
    match (outcome.changed.is_empty(), outcome.dry_run) {
        (true, _) => screen.talk(format!("Read {read}: the pages say so already")),
        (false, true) => screen.talk(format!("Read {read}. Next: the same without `--dry-run` writes this")),
        (false, false) => screen.talk(format!("Read {read}. Next: `autonomy context graph`, or commit the pages")),
    }
}

fn lines(screen: &mut Screen, outcome: &GraphOutcome) {
    let elements: BTreeMap<&str, &Element> = outcome.elements.iter().map(|element| (element.id.as_str(), element)).collect();
    let named = |id: &str| {
        elements.get(id).map_or(id.to_owned(), |element| match element.kind {
            ElementKind::Task => format!("task: {}", quote::line(&element.name, 100)),
            ElementKind::Environment => format!("variable: {}", element.name),
            ElementKind::File | ElementKind::Code => id.to_owned(),
        })
    };
    let mut needs: BTreeMap<&str, Vec<&Relation>> = BTreeMap::new();
    for relation in &outcome.relations {
        needs.entry(&relation.from).or_default().push(relation);
    }
    for element in outcome.elements.iter().filter(|element| !matches!(element.kind, ElementKind::Code | ElementKind::Environment))
    {
        screen.data(named(&element.id));
        for relation in needs.get(element.id.as_str()).into_iter().flatten() {
            let verb = match (relation.kind, element.kind) {
                (RelationKind::Calls, _) => "calls",
                (RelationKind::Dependency, ElementKind::Task) => "after",
                (RelationKind::Dependency, _) if relation.to.starts_with("env:") => "reads",
                (RelationKind::Dependency, _) => "imports",
            };
            let line = relation.line.map_or(String::new(), |line| format!(", line {line}"));
            let when = match relation.when {
                Some(When::Later) => ", later",
                Some(When::Types) => ", types only",
                Some(When::Loading | When::Testing | When::Part) | None => "",
            };
            screen.data(format!("  {verb} {}{line}{when}", named(&relation.to)));
        }
    }
    for circle in &outcome.cycles {
        let way = circle.way.iter().chain(circle.way.first()).cloned().collect::<Vec<_>>().join(" → ");
        let rest =
            if circle.members.len() > circle.way.len() { format!(" ({} in all)", circle.members.len()) } else { String::new() };
        screen.data(format!("cycle{}: {way}{rest}", if circle.at_loading { "" } else { ", not at loading" }));
    }
    let files = outcome.elements.iter().filter(|element| element.kind == ElementKind::File).count();
    screen.talk(format!(
        "{}, {}, {}",
        counted(files, "file"),
        counted(outcome.relations.len(), "relation"),
        counted(outcome.cycles.len(), "cycle")
    ));
}
