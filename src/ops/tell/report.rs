//! `report`: what happened since a moment, computed from git, events and records; saved in the session's folder, once and
//! for all.
//!
//! Without a session it tells what the clone's own log knows and saves nothing.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    host::{
        Error, Result,
        git::Repository,
        store::{
            layout,
            ledger::{self, Target},
            sealed,
        },
        template::Templates,
        transaction::Transaction,
        workspace::Workspace,
    },
    model::{
        event::Fact,
        id::{Candidate, CheckpointName, Digest, Oid, SessionId, resolve},
        quote,
        refusal::Refusal,
        report::{
            Changed, Commit, Report,
            compose::{Material, compose},
            words::Words,
        },
        state::{State, Taken},
        tally::tally,
        time::{Lapse, Timestamp},
    },
    ops::{session::diff, tell::scene::Scene, time::coverage},
};

/// The template of a report.
const TEMPLATE: &str = "report.md.j2";
/// How many commits are listed.
const LISTED: usize = 12;
/// How far back a report reaches where there is no session and nothing is said.
const USUAL: Lapse = Lapse::hours(24);
/// The trailer by which commits of ours name their session, and how the subject of one that holds only state begins.
const OURS: (&str, &str) = ("Autonomy-Session", "autonomy: ");

/// From when on.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Request {
    /// A point in time, a span of time ago such as `2h`, a checkpoint, or `start` for the session's start, which is usual.
    pub since: Option<String>,
    /// The form in which it is saved.
    pub format: Format,
}

/// The form of a report.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// Markdown, for people.
    #[default]
    Md,
    /// JSON, for programs.
    Json,
}

/// The report.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Outcome {
    /// The report as data.
    pub report: Report,
    /// The report as markdown.
    pub text: String,
    /// Where it was saved, from the top of the work tree; none without a live session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub saved: Option<String>,
}

/// Writes a report and saves it.
///
/// # Errors
/// Refuses a moment or checkpoint that is not known, and a session of another work tree; fails when git cannot be read.
pub fn report(workspace: &Workspace, request: &Request) -> Result<Outcome> {
    let scene = Scene::read(workspace, workspace.belongs_to()?)?;
    elsewhere(workspace, &scene)?;
    let git = workspace.git()?;
    let target = scene.session.clone().map_or(Target::Clone, Target::Session);
    let events = ledger::events(workspace, &target)?;
    let state = scene.state().or_else(|| clone_state(&scene));
    let base = base(git, &scene, request.since.as_deref())?;
    // What cannot be looked at keeps nobody from the rest.
    let uncovered = coverage::uncovered(workspace, scene.session.as_ref()).unwrap_or_else(|error| {
        workspace.notice(format!("left out what no checkpoint would hold: {error}"));
        Vec::new()
    });
    let report = compose(&Material {
        state,
        holdings: &scene.holdings,
        tally: &tally(&events, base.at),
        changed: &changed(workspace, &scene, &base)?,
        uncovered: &uncovered,
        gates: &scene.gates(workspace),
        branch: scene.branch.as_deref(),
        since: base.at,
        now: scene.now,
    });
    let text = workspace.secrets().redact(&markdown(workspace, &report)?).into_owned();
    let saved = match &scene.session {
        Some(session) => {
            let content = match request.format {
                Format::Md => text.clone(),
                Format::Json => workspace.secrets().redact(&json(&report)?).into_owned(),
            };
            Some(save(workspace, session, request.format, &content)?)
        }
        None => None,
    };
    Ok(Outcome { report, text, saved })
}

fn json(report: &Report) -> Result<String> {
    let text = serde_json::to_string_pretty(report).map_err(|error| Error::while_doing("write the report as JSON", error))?;
    Ok(format!("{text}\n"))
}

fn markdown(workspace: &Workspace, report: &Report) -> Result<String> {
    let data = |error| Error::while_doing("put the report into data", error);
    let mut values = serde_json::to_value(report).map_err(data)?;
    if let Value::Object(fields) = &mut values {
        fields.insert("words".to_owned(), serde_json::to_value(Words::of(report)).map_err(data)?);
    }
    Templates::of(workspace.root()).render(TEMPLATE, &values)
}

/// Git's figures are those of this work tree, so a session of another one is told about there.
fn elsewhere(workspace: &Workspace, scene: &Scene) -> Result<()> {
    let known = scene.session.as_ref().and_then(|session| scene.overview.session(session));
    match known.and_then(|known| known.binding.as_ref()) {
        Some(binding) if binding.work_tree != workspace.root() => {
            Err(Refusal::usage(format!("the session works in `{}`", binding.work_tree.display()))
                .hint(format!("`autonomy -C {} report`", binding.work_tree.display()))
                .into())
        }
        Some(_) | None => Ok(()),
    }
}

fn clone_state(scene: &Scene) -> Option<&State> {
    scene.overview.logs.iter().find(|known| known.session.is_none()).map(|known| &known.state)
}

/// What a report compares with.
struct Base {
    at: Timestamp,
    /// The commit or side commit whose tree it is; none for an empty tree.
    tree: Option<Oid>,
    /// The commit after which commits count.
    history: Option<Oid>,
}

fn base(git: &Repository, scene: &Scene, since: Option<&str>) -> Result<Base> {
    let session = scene.state().and_then(|state| state.session.as_ref());
    let start = session.map(|session| Base { at: session.started, tree: session.head.clone(), history: session.head.clone() });
    let base = match (since, start) {
        (None | Some("start"), Some(start)) => start,
        (None, None) => at(git, scene, before(scene.now, USUAL)?)?,
        (Some("start"), None) => {
            return Err(Refusal::no("no session is live in this work tree")
                .hint("`autonomy report --since 24h` tells about the last day")
                .into());
        }
        (Some(given), _) => {
            if let Ok(lapse) = given.parse::<Lapse>() {
                at(git, scene, before(scene.now, lapse)?)?
            } else if let Ok(moment) = given.parse::<Timestamp>() {
                at(git, scene, moment)?
            } else {
                checkpoint(git, scene, given)?
            }
        }
    };
    match &base.tree {
        Some(tree) if !git.has_object(tree) => {
            Err(Refusal::no(format!("the commit {} that the report would start from is not in this clone", tree.short()))
                .hint("`autonomy report --since <time>` starts from the commit of that time")
                .into())
        }
        Some(_) | None => Ok(base),
    }
}

fn before(now: Timestamp, lapse: Lapse) -> Result<Timestamp> {
    let milliseconds = i64::try_from(lapse.0.as_millis()).unwrap_or(i64::MAX);
    Ok(Timestamp::from_millisecond(now.as_millisecond().saturating_sub(milliseconds))?)
}

/// The commit that HEAD's history had at a moment.
fn at(git: &Repository, scene: &Scene, moment: Timestamp) -> Result<Base> {
    let mut limit = 64;
    let commit = loop {
        let Some(head) = &scene.head else { break None };
        let commits = git.commits(None, head, limit)?;
        let whole = commits.len() < limit;
        if let Some(found) = commits.into_iter().find(|commit| commit.committed <= moment) {
            break Some(found.id);
        }
        if whole {
            break None;
        }
        limit *= 8;
    };
    Ok(Base { at: moment, tree: commit.clone(), history: commit })
}

fn checkpoint(git: &Repository, scene: &Scene, given: &str) -> Result<Base> {
    let all: Vec<(&CheckpointName, &Taken)> = scene
        .overview
        .logs
        .iter()
        .filter(|known| known.session == scene.session || known.session.is_none())
        .flat_map(|known| &known.state.checkpoints.entries)
        .filter_map(|taken| Some((taken.name.as_ref()?, taken)))
        .collect();
    let candidates: Vec<Candidate<'_>> = all
        .iter()
        .map(|(name, taken)| Candidate { name: name.as_str(), title: taken.summary.as_deref().unwrap_or_default() })
        .collect();
    let index = resolve(CheckpointName::KIND, given, &candidates).map_err(|refusal| {
        let hint = refusal.hint.clone().unwrap_or_else(|| {
            "a span of time such as `2h`, a moment such as `2026-11-20T18:00:00Z`, `start`, or one of `autonomy checkpoint list`"
                .to_owned()
        });
        refusal.hint(hint)
    })?;
    let taken = all[index].1;
    let side = if git.has_object(&taken.commit) { Some(git.commit(&taken.commit)?) } else { None };
    let history = side.and_then(|side| side.parents.first().cloned());
    Ok(Base { at: taken.at, tree: Some(taken.commit.clone()), history })
}

fn changed(workspace: &Workspace, scene: &Scene, base: &Base) -> Result<Changed> {
    let git = workspace.git()?;
    let mut figures = git.numstat_of_work_tree(base.tree.as_ref())?;
    figures.paths.retain(|path| !path.path.is_claude());
    let mut uncommitted = git.numstat_of_work_tree(scene.head.as_ref())?;
    uncommitted.paths.retain(|path| !path.path.is_claude());
    let commits = match &scene.head {
        Some(head) => git.commits(base.history.as_ref(), head, usize::MAX)?,
        None => Vec::new(),
    };
    let (state, work): (Vec<_>, Vec<_>) = commits
        .into_iter()
        .partition(|commit| commit.subject.starts_with(OURS.1) && commit.trailers.iter().any(|(key, _)| key == OURS.0));
    Ok(Changed {
        from: base.tree.clone(),
        files: figures.paths.len(),
        insertions: figures.insertions(),
        deletions: figures.deletions(),
        tests_added: diff::tests_added(workspace, base.tree.as_ref(), &figures)?,
        uncommitted: uncommitted.paths.len(),
        commits_more: work.len().saturating_sub(LISTED),
        state_commits: state.len(),
        commits: work
            .into_iter()
            .take(LISTED)
            .map(|commit| Commit {
                command: format!("git show {}", commit.id.short()),
                subject: quote::line(&commit.subject, 100),
                commit: commit.id,
            })
            .collect(),
    })
}

/// Saves a report under a name of its own; a report is never overwritten.
fn save(workspace: &Workspace, session: &SessionId, format: Format, content: &str) -> Result<String> {
    let mut transaction = Transaction::of_session(workspace)?;
    let stamp = transaction.at().stamp();
    let ending = match format {
        Format::Md => "md",
        Format::Json => "json",
    };
    let folder = format!("{}/reports", layout::session_folder(session));
    let bytes: Digest = transaction.keep(content.as_bytes())?;
    let (saved, bytes) = transaction.append(|state| {
        let names = std::iter::once(String::new()).chain((2..).map(|number: u32| format!("-{number}")));
        let paths = names.map(|more| format!("{folder}/{stamp}{more}.{ending}"));
        let free = |path: &String| state.sealed.get(path).is_none_or(|known| *known == bytes);
        let path = paths.into_iter().find(free).unwrap_or_default();
        let known = state.sealed.contains_key(&path);
        let fact = Fact::FileSealed { file: path.clone(), bytes: bytes.clone() };
        Ok((if known { Vec::new() } else { vec![fact] }, (path, bytes.clone())))
    })?;
    sealed::place(workspace, &transaction.directory(), &[(saved.clone(), bytes)])?;
    Ok(saved)
}
