//! `context update` and `context graph`: what the code of the repository says of itself.
//!
//! `update` writes pages; all text in them that is not ours stays. `graph` reads only.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    host::{
        Error, Result,
        store::{holdings, overview::Overview},
        survey::survey,
        template::Templates,
        workspace::Workspace,
    },
    model::{
        page::{self, Comment},
        project::{
            Survey,
            calls::calls,
            graph::{Graph, has_part},
            pages::{CodePage, picture},
            resolve::unit,
        },
        record::RecordKind,
        refusal::{Code, Refusal},
        session_page::without_markers,
        settings::Settings,
        source::{MentionKind, When},
    },
    ops::setup::change::{Change, Shown},
};

/// How strongly what imports or needs something is bound to it, in thousandths.
const DEPENDENCY: u32 = 800;
/// How strongly what calls something is bound to it, in thousandths.
const CALLS: u32 = 900;
/// How many files a picture shows before it shows directories.
const PICTURED: usize = 40;

/// What to do.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct UpdateRequest {
    /// Only tell what would be written.
    pub dry_run: bool,
}

/// What was written, or would be.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct UpdateOutcome {
    /// Whether it was only asked for.
    pub dry_run: bool,
    /// How many source files were read.
    pub files: usize,
    /// The pages that changed.
    pub changed: Vec<Shown>,
    /// Pages in whose block somebody had written; the text now stands below it.
    pub kept: Vec<String>,
}

/// What of the graph.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct GraphRequest {
    /// The file or directory whose elements and their neighbours are wanted; all when not said.
    pub path: Option<String>,
}

/// What hangs together with what.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct GraphOutcome {
    /// Files, what they offer and others call, tasks, and variables of the environment; by name.
    pub elements: Vec<Element>,
    /// What needs or calls what.
    pub relations: Vec<Relation>,
    /// Imports that go round: each way begins with the first of its files by name and ends before it comes back there.
    pub cycles: Vec<Circle>,
    /// The imports as a picture, in the language of mermaid.
    pub mermaid: String,
}

/// Something that hangs together with others.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct Element {
    /// What relations call it.
    pub id: String,
    /// What it is.
    pub kind: ElementKind,
    /// What people call it.
    pub name: String,
}

/// What an element is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ElementKind {
    /// A file; in Go a directory.
    File,
    /// Something that a file offers.
    Code,
    /// A task.
    Task,
    /// A variable of the environment.
    Environment,
}

/// That one element needs another.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct Relation {
    /// The element that needs the other.
    pub from: String,
    /// The other.
    pub to: String,
    /// How it does.
    pub kind: RelationKind,
    /// How strongly it is bound to it, in thousandths.
    pub weight: u32,
    /// The line at which it says so, counted from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<usize>,
    /// When an import takes effect.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Option<When>,
}

/// How one element needs another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RelationKind {
    /// It imports it, reads it, or comes after it.
    Dependency,
    /// It calls it.
    Calls,
}

/// Imports that go round.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Circle {
    /// The files on the shortest way round.
    pub way: Vec<String>,
    /// All files that can be reached from each other.
    pub members: Vec<String>,
    /// Whether it is closed when the files are loaded.
    pub at_loading: bool,
}

/// Reads the code and renders the pages that tell of it.
///
/// # Errors
/// Refuses pages whose markers do not pair up, links, and settings that are wrong; nothing is written then.
pub fn update(workspace: &Workspace, request: &UpdateRequest) -> Result<UpdateOutcome> {
    let survey = survey(workspace)?;
    let mut kept = Vec::new();
    let changes = of_survey(workspace, &survey, &workspace.shared_settings(None)?.settings, &mut kept)?;
    if !request.dry_run {
        changes.iter().try_for_each(|change| change.carry_out(workspace))?;
    }
    let changed = changes.iter().filter_map(Change::shown).collect();
    Ok(UpdateOutcome { dry_run: request.dry_run, files: survey.files.len(), changed, kept })
}

/// The changes that render the pages which tell of the code, where `settings` will hold.
///
/// # Errors
/// As [`update`].
pub fn pages(workspace: &Workspace, settings: &Settings) -> Result<Vec<Change>> {
    of_survey(workspace, &survey(workspace)?, settings, &mut Vec::new())
}

/// The changes that take our blocks out of the pages, and pages that hold nothing else.
///
/// # Errors
/// Refuses links and markers that do not pair up.
pub fn no_pages(workspace: &Workspace) -> Result<Vec<Change>> {
    let out = |page: CodePage| {
        let path = page.path();
        Change::edited(workspace, &path, |there| {
            let Some(text) = there else { return Ok(None) };
            let left = page::remove(Comment::Html, text, page.block()).map_err(|error| error.refusal(&path))?;
            Ok(if left != text && left.trim().is_empty() { None } else { Some(left) })
        })
    };
    CodePage::ALL.into_iter().map(out).collect()
}

fn of_survey(workspace: &Workspace, survey: &Survey, settings: &Settings, kept: &mut Vec<String>) -> Result<Vec<Change>> {
    let (graph, templates) = (Graph::of(survey), Templates::of(workspace.root()));
    let mut changes = Vec::new();
    for page in CodePage::ALL {
        let path = page.path();
        let values = page
            .values(survey, &graph, settings)
            .map_err(|error| Refusal::new(Code::Bug, format!("cannot put the page `{path}` into data: {error}")))?;
        let rendered = templates.render(&page.template(), &values)?;
        let rendered = without_markers(&workspace.secrets().redact(&rendered));
        changes.push(Change::edited(workspace, &path, |there| {
            let updated = page::update(there, page.block(), &rendered).map_err(|error| Error::from(error.refusal(&path)))?;
            kept.extend(updated.edited.map(|_| path.clone()));
            Ok(Some(updated.text))
        })?);
    }
    Ok(changes)
}

/// What hangs together with what: files by their imports and calls, tasks by their order, variables by who reads them.
///
/// # Errors
/// Refuses a path below which no file of the graph lies; fails when the store or git cannot be read.
pub fn graph(workspace: &Workspace, request: &GraphRequest) -> Result<GraphOutcome> {
    let survey = survey(workspace)?;
    let graph = Graph::of(&survey);
    let mut gathered = Gathered::default();
    for unit in &graph.units {
        gathered.element(&unit.name, ElementKind::File, &unit.name);
    }
    for ((from, to), edge) in &graph.edges {
        let (from, to) = (&graph.units[*from].name, &graph.units[*to].name);
        gathered.relate(from, to, RelationKind::Dependency, Some(edge.line), Some(edge.when));
    }
    let shown = |path: String| if path.is_empty() { ".".to_owned() } else { path };
    for file in survey.files.iter().filter(|file| has_part(&file.path, &file.facts)) {
        let own = shown(unit(&file.path, file.facts.language));
        for mention in file.facts.mentions.iter().filter(|mention| mention.kind == MentionKind::Variable) {
            let id = format!("env:{}", mention.name);
            gathered.element(&id, ElementKind::Environment, &mention.name);
            gathered.relate(&own, &id, RelationKind::Dependency, Some(mention.line), None);
        }
    }
    for called in calls(&survey) {
        let (own, to) = (shown(called.from), shown(called.to));
        let id = format!("{to}#{}", called.name);
        gathered.element(&id, ElementKind::Code, &called.name);
        gathered.relate(&own, &id, RelationKind::Calls, Some(called.line), None);
    }
    let (holdings, unreadable) = holdings::read(workspace, &Overview::read(workspace)?, &[RecordKind::Task])?;
    for refusal in unreadable {
        workspace.notice(format!("left out: {}", refusal.message.lines().next().unwrap_or_default()));
    }
    for held in &holdings.tasks {
        let id = format!("task:{}", held.task.id);
        gathered.element(&id, ElementKind::Task, &held.task.title);
        for before in &held.task.after {
            gathered.element(&format!("task:{before}"), ElementKind::Task, holdings.title_of(before));
            gathered.relate(&id, &format!("task:{before}"), RelationKind::Dependency, None, None);
        }
    }
    let name = |place: &usize| graph.units[*place].name.clone();
    let cycles = graph.cycles().into_iter().map(|cycle| Circle {
        way: cycle.way.iter().map(name).collect(),
        members: cycle.members.iter().map(name).collect(),
        at_loading: cycle.is_at_loading,
    });
    let cycles: Vec<Circle> = cycles.collect();
    let near = match &request.path {
        Some(path) => Some(gathered.near(path.trim_start_matches("./").trim_end_matches('/'))?),
        None => None,
    };
    let part = match &near {
        Some(near) => graph.only(|name| near.contains(name)),
        None => graph.clone(),
    };
    let few = if part.units.len() <= PICTURED { part.clone() } else { part.by_folders(PICTURED) };
    let is_near = |id: &String| near.as_ref().is_none_or(|near| near.contains(id));
    let relations = gathered.relations.into_iter().filter(|relation| is_near(&relation.from) && is_near(&relation.to)).collect();
    Ok(GraphOutcome {
        elements: gathered.elements.into_values().filter(|element| is_near(&element.id)).collect(),
        relations,
        cycles: cycles.into_iter().filter(|cycle| cycle.members.iter().any(is_near)).collect(),
        mermaid: picture(&few, &part).0,
    })
}

#[derive(Default)]
struct Gathered {
    elements: BTreeMap<String, Element>,
    relations: Vec<Relation>,
}

impl Gathered {
    fn element(&mut self, id: &str, kind: ElementKind, name: &str) {
        self.elements.entry(id.to_owned()).or_insert_with(|| Element { id: id.to_owned(), kind, name: name.to_owned() });
    }

    fn relate(&mut self, from: &str, to: &str, kind: RelationKind, line: Option<usize>, when: Option<When>) {
        let weight = match kind {
            RelationKind::Dependency => DEPENDENCY,
            RelationKind::Calls => CALLS,
        };
        self.relations.push(Relation { from: from.to_owned(), to: to.to_owned(), kind, weight, line, when });
    }

    /// The elements below `path`, and what they hang together with.
    fn near(&self, path: &str) -> Result<BTreeSet<String>> {
        let is_below = |id: &str| id == path || id.strip_prefix(path).is_some_and(|rest| rest.starts_with(['/', '#']));
        let mut near: BTreeSet<String> = self.elements.keys().filter(|id| is_below(id)).cloned().collect();
        if near.is_empty() {
            return Err(Refusal::usage(format!("no file of the graph lies at or below `{path}`"))
                .hint("`autonomy context graph` lists all; files that git does not track, tests and generated files are no part of it")
                .into());
        }
        for relation in self.relations.iter().filter(|relation| is_below(&relation.from) || is_below(&relation.to)) {
            near.extend([relation.from.clone(), relation.to.clone()]);
        }
        Ok(near)
    }
}
