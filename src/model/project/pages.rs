//! The pages below `project_context/` that tell of the code, and the values that they are rendered from.
//!
//! They say nothing of the moment, so that the same code makes the same pages.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::Value;

use crate::model::{
    project::{
        Survey,
        graph::{Cycle, Graph, has_part},
        manifest::Need,
    },
    quote,
    settings::Settings,
    source::{Limit, MentionKind, Reading, Skip, When, language::is_for_tests},
};

/// The directory of the pages.
pub const FOLDER: &str = ".claude/project_context";

/// How many modules a table or a picture has at most.
const MODULES: usize = 40;
/// How many arrows a picture has at most; more cannot be followed.
const ARROWS: usize = 120;
/// How many lines a list has at most.
const LINES: usize = 40;
/// How many names are listed of what a module offers.
const OFFERS: usize = 8;
/// How many places are named at which something is used.
const PLACES: usize = 3;
/// The longest text in a cell of a table, in characters.
const CELL: usize = 90;

/// A page that tells of the code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum CodePage {
    /// Of which parts it is made.
    Architecture,
    /// What imports what.
    Dependencies,
    /// What it is measured by.
    Performance,
    /// What it needs of the world outside, and offers to it.
    Integration,
}

impl CodePage {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Architecture, Self::Dependencies, Self::Performance, Self::Integration];

    fn stem(self) -> &'static str {
        match self {
            Self::Architecture => "ARCHITECTURE_MAP",
            Self::Dependencies => "DEPENDENCY_GRAPH",
            Self::Performance => "PERFORMANCE_TARGETS",
            Self::Integration => "INTEGRATION_POINTS",
        }
    }

    /// Its path, from the top of the work tree.
    #[must_use]
    pub fn path(self) -> String {
        format!("{FOLDER}/{}.md", self.stem())
    }

    /// The name of its block.
    #[must_use]
    pub fn block(self) -> &'static str {
        match self {
            Self::Architecture => "architecture",
            Self::Dependencies => "dependencies",
            Self::Performance => "performance",
            Self::Integration => "integration",
        }
    }

    /// The name of its template.
    #[must_use]
    pub fn template(self) -> String {
        format!("pages/{}.md.j2", self.stem())
    }

    /// What it is rendered from.
    ///
    /// # Errors
    /// Fails when the values cannot be put into data, which is a fault of ours.
    pub fn values(self, survey: &Survey, graph: &Graph, settings: &Settings) -> serde_json::Result<Value> {
        match self {
            Self::Architecture => serde_json::to_value(architecture(survey, graph)),
            Self::Dependencies => serde_json::to_value(dependencies(survey, graph)),
            Self::Performance => serde_json::to_value(performance(survey, settings)),
            Self::Integration => serde_json::to_value(integration(survey)),
        }
    }
}

/// The first of many, and how many there are besides.
#[derive(Serialize)]
struct Listed<T> {
    entries: Vec<T>,
    more: usize,
}

impl<T> Listed<T> {
    fn of(mut entries: Vec<T>, most: usize) -> Self {
        let more = entries.len().saturating_sub(most);
        entries.truncate(most);
        Self { entries, more }
    }
}

/// A text that ends neither the code that it is shown as nor the cell that it stands in.
fn cell(text: &str) -> String {
    quote::line(text, CELL).replace('`', "'").replace('|', "\\|")
}

fn code(text: &str) -> String {
    format!("`{}`", cell(text))
}

/// Places as a cell names them: the first few.
fn places(found: &[String]) -> String {
    let mut shown: Vec<String> = found.iter().take(PLACES).map(|place| code(place)).collect();
    if found.len() > PLACES {
        shown.push(format!("{} more", found.len() - PLACES));
    }
    shown.join(", ")
}

#[derive(Serialize)]
struct Architecture {
    files: usize,
    code: usize,
    languages: Vec<LanguageRow>,
    tests: Tests,
    modules: Listed<ModuleRow>,
    programs: Listed<ProgramRow>,
    partly: Listed<String>,
    generated: usize,
    foreign: usize,
}

#[derive(Serialize)]
struct LanguageRow {
    name: &'static str,
    files: usize,
    code: usize,
    comment: usize,
}

#[derive(Serialize)]
struct Tests {
    count: usize,
    files: usize,
    assertions: usize,
    skipped: usize,
    sometimes: usize,
}

#[derive(Serialize)]
struct ModuleRow {
    name: String,
    code: usize,
    used_by: usize,
    uses: usize,
    offers: String,
}

#[derive(Serialize)]
struct ProgramRow {
    name: String,
    from: String,
}

/// The modules that are shown: files when there are few, else directories.
fn modules(graph: &Graph) -> Graph {
    if graph.units.len() <= MODULES { graph.clone() } else { graph.by_folders(MODULES) }
}

fn architecture(survey: &Survey, graph: &Graph) -> Architecture {
    let mut languages: BTreeMap<&'static str, LanguageRow> = BTreeMap::new();
    let own = || survey.files.iter().filter(|file| !file.facts.is_generated);
    for file in own() {
        let name = file.facts.language.name();
        let row = languages.entry(name).or_insert(LanguageRow { name, files: 0, code: 0, comment: 0 });
        row.files += 1;
        row.code += file.facts.lines.code;
        row.comment += file.facts.lines.comment;
    }
    let mut languages: Vec<LanguageRow> = languages.into_values().collect();
    languages.sort_by(|one, other| other.code.cmp(&one.code).then(one.name.cmp(other.name)));
    let shown = modules(graph);
    let degrees = shown.degrees();
    let mut rows: Vec<ModuleRow> = shown
        .units
        .iter()
        .zip(degrees)
        .map(|(unit, (used_by, uses))| {
            let mut seen = BTreeSet::new();
            let names: Vec<&String> = unit.offers.iter().filter(|name| seen.insert(name.as_str())).collect();
            let mut offers: Vec<String> = names.iter().take(OFFERS).map(|name| code(name)).collect();
            if names.len() > OFFERS {
                offers.push(format!("{} more", names.len() - OFFERS));
            }
            ModuleRow { name: code(&unit.name), code: unit.code, used_by, uses, offers: offers.join(", ") }
        })
        .collect();
    rows.sort_by(|one, other| one.name.cmp(&other.name));
    let partly = own().filter_map(|file| match file.facts.reading {
        Reading::Partly { line } => Some(format!("{}: line {line} is not of the grammar", code(&file.path))),
        Reading::LinesOnly(Limit::TooLarge) => Some(format!("{}: too large", code(&file.path))),
        Reading::LinesOnly(Limit::TooLong) => Some(format!("{}: reading it took too long", code(&file.path))),
        Reading::LinesOnly(Limit::Binary) => Some(format!("{}: no text", code(&file.path))),
        Reading::Whole | Reading::LinesOnly(Limit::NoGrammar) => None,
    });
    let unread = survey.unread.iter().map(|(path, why)| format!("{}: {}", code(path), cell(why)));
    let partly: Vec<String> = partly.chain(unread).collect();
    let mut programs: Vec<ProgramRow> = Vec::new();
    for package in &survey.packages {
        let rows = package
            .programs
            .iter()
            .map(|(name, from)| ProgramRow { name: code(name), from: format!("{} in {}", code(from), code(&package.manifest)) });
        programs.extend(rows);
    }
    let mains = own().filter(|file| is_main(&file.path) && !is_for_tests(&file.path));
    programs.extend(mains.map(|file| ProgramRow { name: code(name_of_main(&file.path)), from: code(&file.path) }));
    let tests: Vec<_> = survey.files.iter().flat_map(|file| &file.facts.tests).collect();
    Architecture {
        files: own().count(),
        code: own().map(|file| file.facts.lines.code).sum(),
        languages,
        tests: Tests {
            count: tests.len(),
            files: survey.files.iter().filter(|file| !file.facts.tests.is_empty()).count(),
            assertions: survey.files.iter().filter(|file| !file.facts.tests.is_empty()).map(|file| file.facts.assertions).sum(),
            skipped: tests.iter().filter(|test| matches!(test.skip, Skip::Always(_))).count(),
            sometimes: tests.iter().filter(|test| matches!(test.skip, Skip::Sometimes(_))).count(),
        },
        modules: Listed::of(rows, MODULES),
        programs: Listed::of(programs, LINES),
        partly: Listed::of(partly, LINES),
        generated: survey.files.len() - own().count(),
        foreign: survey.foreign,
    }
}

fn is_main(path: &str) -> bool {
    path == "main.go"
        || path.ends_with("/main.go")
        || path == "src/main.rs"
        || path.ends_with("/src/main.rs")
        || path.ends_with("/__main__.py")
}

/// The directory that a file which begins a program lies in, or what the file is called.
fn name_of_main(path: &str) -> &str {
    let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
    let folder = folder.strip_suffix("/src").unwrap_or(folder);
    match folder.rsplit('/').next() {
        Some(name) if !name.is_empty() && name != "src" => name,
        Some(_) | None => path.rsplit('/').next().unwrap_or(path),
    }
}

#[derive(Serialize)]
struct Dependencies {
    units: usize,
    imports: usize,
    picture: String,
    left_out: String,
    cycles: Listed<CycleRow>,
    most_used: Vec<ModuleRow>,
    packages: Listed<PackageRow>,
}

#[derive(Serialize)]
struct CycleRow {
    way: String,
    members: String,
    is_at_loading: bool,
}

#[derive(Serialize)]
struct PackageRow {
    name: String,
    version: String,
    need: &'static str,
    manifest: String,
    used_in: String,
}

fn dependencies(survey: &Survey, graph: &Graph) -> Dependencies {
    let shown = modules(graph);
    let (picture, left_out) = picture(&shown, graph);
    let degrees = graph.degrees();
    let mut order: Vec<usize> = (0..graph.units.len()).filter(|place| degrees[*place].0 > 1).collect();
    order.sort_by(|one, other| degrees[*other].0.cmp(&degrees[*one].0).then(one.cmp(other)));
    let most_used = order.into_iter().take(10).map(|place| ModuleRow {
        name: code(&graph.units[place].name),
        code: graph.units[place].code,
        used_by: degrees[place].0,
        uses: degrees[place].1,
        offers: String::new(),
    });
    Dependencies {
        units: graph.units.len(),
        imports: graph.edges.len(),
        picture,
        left_out,
        cycles: Listed::of(graph.cycles().iter().map(|cycle| row(graph, cycle)).collect(), LINES),
        most_used: most_used.collect(),
        packages: Listed::of(packages(survey, graph), 2 * LINES),
    }
}

fn row(graph: &Graph, cycle: &Cycle) -> CycleRow {
    let next = cycle.way.iter().skip(1).chain(cycle.way.first());
    let steps = cycle.way.iter().zip(next).map(|(from, to)| {
        let name = code(&graph.units[*from].name);
        graph.edges.get(&(*from, *to)).map_or(name.clone(), |edge| {
            let when = match edge.when {
                When::Later => ", later",
                When::Types => ", types",
                When::Loading | When::Testing | When::Part => "",
            };
            format!("{name} (line {}{when})", edge.line)
        })
    });
    let first = cycle.way.first().map(|place| code(&graph.units[*place].name));
    let way: Vec<String> = steps.chain(first).collect();
    let others: Vec<String> = cycle
        .members
        .iter()
        .filter(|member| !cycle.way.contains(member))
        .map(|member| graph.units[*member].name.clone())
        .collect();
    let members =
        if others.is_empty() { String::new() } else { format!("{} in all, with {}", cycle.members.len(), places(&others)) };
    CycleRow { way: way.join(" → "), members, is_at_loading: cycle.is_at_loading }
}

/// A picture in the language of mermaid, and what it leaves out.
#[must_use]
pub fn picture(shown: &Graph, whole: &Graph) -> (String, String) {
    let mut edges: Vec<_> = shown.edges.iter().collect();
    edges.sort_by(|one, other| other.1.count.cmp(&one.1.count).then(one.0.cmp(other.0)));
    let left = edges.len().saturating_sub(ARROWS);
    edges.truncate(ARROWS);
    edges.sort_by(|one, other| one.0.cmp(other.0));
    let used: BTreeSet<usize> = edges.iter().flat_map(|((from, to), _)| [*from, *to]).collect();
    let mut lines = vec!["graph LR".to_owned()];
    for place in &used {
        let name = quote::line(&shown.units[*place].name, CELL).replace('"', "'").replace(['`', '<', '>', '#', ';'], "");
        lines.push(format!("  m{place}[\"{name}\"]"));
    }
    for ((from, to), edge) in edges {
        let arrow = if edge.when == When::Loading { "-->" } else { "-.->" };
        lines.push(format!("  m{from} {arrow} m{to}"));
    }
    let mut words = Vec::new();
    if shown.units.len() < whole.units.len() {
        words.push(format!(
            "{} modules are shown by {}",
            whole.units.len(),
            quote::counted(shown.units.len(), "directory").replace("directorys", "directories")
        ));
    }
    if left > 0 {
        words.push(format!("{} of few imports are left out", quote::counted(left, "arrow")));
    }
    let alone = shown.units.len() - used.len();
    if alone > 0 {
        words.push(format!("{alone} that neither import nor are imported are left out"));
    }
    (if used.is_empty() { String::new() } else { lines.join("\n") }, words.join("; "))
}

/// What the manifests ask for, with where it is imported.
fn packages(survey: &Survey, graph: &Graph) -> Vec<PackageRow> {
    let plain = |name: &str| name.to_ascii_lowercase().replace('-', "_");
    let mut imported: BTreeMap<String, BTreeSet<usize>> = BTreeMap::new();
    for (name, units) in &graph.outside {
        imported.entry(plain(name)).or_default().extend(units);
    }
    let own: BTreeSet<String> = survey.packages.iter().map(|package| plain(&package.name)).collect();
    let mut rows = Vec::new();
    for package in &survey.packages {
        for of in package.dependencies.iter().filter(|of| !own.contains(&plain(&of.name))) {
            let name = plain(&of.name);
            let inside = package.directory();
            let is_below = |unit: &usize| inside.is_empty() || graph.units[*unit].name.starts_with(inside);
            let units: BTreeSet<usize> = match package.kind() {
                // A module of Go is imported by paths that begin with its name.
                "go.mod" => {
                    let begins = |other: &&String| **other == of.name || other.starts_with(&format!("{}/", of.name));
                    graph.outside.keys().filter(begins).flat_map(|other| graph.outside[other].iter().copied()).collect()
                }
                _ => imported.get(&name).cloned().unwrap_or_default(),
            };
            let used: Vec<String> =
                units.iter().filter(|unit| is_below(unit)).map(|unit| graph.units[*unit].name.clone()).collect();
            rows.push((
                of.need,
                PackageRow {
                    name: code(&of.name),
                    version: cell(&of.version),
                    need: of.need.word(),
                    manifest: code(&package.manifest),
                    used_in: places(&used),
                },
            ));
        }
    }
    rows.sort_by_key(|(need, _)| if *need == Need::Optional { Need::Building } else { *need });
    rows.into_iter().map(|(_, row)| row).collect()
}

#[derive(Serialize)]
struct Performance {
    gates: Vec<GateRow>,
    limits: Vec<(&'static str, String, &'static str)>,
    benches: Listed<ProgramRow>,
}

#[derive(Serialize)]
struct GateRow {
    name: String,
    command: String,
    within: String,
    figure: String,
    needed: &'static str,
}

fn performance(survey: &Survey, settings: &Settings) -> Performance {
    let gates = settings.gates.iter().map(|(name, gate)| GateRow {
        name: code(name.as_str()),
        command: code(&gate.command.to_string()),
        within: gate.timeout.to_string(),
        figure: gate
            .figure
            .as_deref()
            .map(|words| format!("{}: at most 20 % more than at first", code(words)))
            .unwrap_or_default(),
        needed: if gate.needed { "yes" } else { "no" },
    });
    let mut benches: Vec<ProgramRow> = Vec::new();
    for package in &survey.packages {
        benches.extend(
            package.benches.iter().map(|(name, from)| ProgramRow {
                name: code(name),
                from: format!("{} in {}", code(from), code(&package.manifest)),
            }),
        );
    }
    for file in &survey.files {
        let name = file.path.rsplit('/').next().unwrap_or(&file.path);
        let folders = file.path.rsplit_once('/').map_or("", |(folders, _)| folders);
        let is_bench = name.contains("bench")
            || folders.split('/').any(|folder| matches!(folder, "bench" | "benches" | "benchmark" | "benchmarks" | "benchsuite"));
        let measured =
            file.facts.items.iter().filter(|item| item.name.starts_with("Benchmark") && file.path.ends_with("_test.go"));
        let measured: Vec<ProgramRow> =
            measured.map(|item| ProgramRow { name: code(&item.name), from: code(&file.path) }).collect();
        let is_known = benches.iter().any(|row| row.from.contains(file.path.as_str()));
        if is_bench && measured.is_empty() && !is_known {
            benches.push(ProgramRow { name: code(name), from: code(&file.path) });
        }
        benches.extend(measured);
    }
    let run = &settings.run;
    Performance {
        gates: gates.collect(),
        limits: vec![
            ("a run lasts at most", run.max_hours.0.to_string(), "run.max_hours"),
            ("a run has at most so many steps", run.max_steps.to_string(), "run.max_steps"),
            ("a step lasts at most", run.step_timeout.to_string(), "run.step_timeout"),
            (
                "runs at once in a clone",
                settings.performance.max_concurrent_workflows.to_string(),
                "performance.max_concurrent_workflows",
            ),
        ],
        benches: Listed::of(benches, LINES),
    }
}

#[derive(Serialize)]
struct Integration {
    variables: Listed<MentionRow>,
    addresses: Listed<MentionRow>,
    routes: Listed<MentionRow>,
    programs: Listed<MentionRow>,
}

#[derive(Serialize)]
struct MentionRow {
    name: String,
    places: String,
}

fn integration(survey: &Survey) -> Integration {
    let of = |kind: MentionKind| {
        let mut found: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for file in survey.files.iter().filter(|file| has_part(&file.path, &file.facts)) {
            for mention in file.facts.mentions.iter().filter(|mention| mention.kind == kind) {
                found.entry(&mention.name).or_default().push(format!("{}:{}", file.path, mention.line));
            }
        }
        let rows = found.into_iter().map(|(name, found)| MentionRow { name: code(name), places: places(&found) });
        Listed::of(rows.collect(), 2 * LINES)
    };
    Integration {
        variables: of(MentionKind::Variable),
        addresses: of(MentionKind::Address),
        routes: of(MentionKind::Route),
        programs: of(MentionKind::Program),
    }
}
