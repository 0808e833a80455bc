//! The values of all keys as they are now, in the form in which they are sealed. Reads only.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::{
    host::{
        Result,
        store::{bytes, write},
        workspace::Workspace,
    },
    model::{
        compaction::{
            Entry, KEYS, agent_of,
            capture::{self, Material},
        },
        id::{Digest, Oid, SessionId},
        refusal::Refusal,
        state::State,
        yaml::{self, MAX_YAML},
    },
    ops::tell::scene::Scene,
};

/// Where the pages about the whole project lie.
const PROJECT: &str = ".claude/project_context";
/// Where agents are described for their client.
const AGENTS: &str = ".claude/agents";

/// The values as they look on disk.
#[derive(Debug)]
pub(super) struct Gathered {
    /// The files of the filled ones, without secrets.
    pub(super) texts: BTreeMap<String, String>,
    /// Every key as a manifest lists it.
    pub(super) entries: Vec<Entry>,
    /// What could not be read, and why.
    pub(super) missing: Vec<String>,
}

/// Reads everything that is known of a live session.
///
/// # Errors
/// Fails when the log cannot be read; anything else that cannot be read is named in `missing`.
pub(super) fn gather(workspace: &Workspace, scene: &Scene, session: &SessionId, state: &State) -> Result<Gathered> {
    let known = state.session.as_ref().ok_or_else(|| Refusal::environment(format!("`{session}` is no session")))?;
    let mut missing: Vec<String> = scene.unreadable.iter().map(|refusal| first_line(&refusal.message)).collect();
    let gates = workspace.settings().map(|settings| settings.gates.clone());
    let gates = or_missing(&mut missing, "the gates", gates);
    let (project, agents) = (pages(workspace, &mut missing), names(workspace, &mut missing));
    let files = or_missing(&mut missing, "the files", tracked(workspace, scene.head.as_ref()));
    let changed = or_missing(&mut missing, "what changed", differing(workspace, known.head.as_ref()));
    let uncommitted = or_missing(&mut missing, "what is not committed", differing(workspace, scene.head.as_ref()));
    let theirs = scene.theirs(workspace);
    let values = capture::capture(&Material {
        state,
        session: known,
        holdings: &scene.holdings,
        gates: &gates,
        theirs: &theirs,
        project: &project,
        agents: &agents,
        files: &files,
        changed: &changed,
        uncommitted: &uncommitted,
        branch: scene.branch.as_deref(),
        now: scene.now,
    });
    Gathered::of(workspace, values, missing)
}

impl Gathered {
    fn of(workspace: &Workspace, mut values: BTreeMap<String, Value>, mut missing: Vec<String>) -> Result<Self> {
        let (mut texts, mut found) = (BTreeMap::new(), BTreeMap::new());
        for (key, value) in &mut values {
            let mut text = workspace.secrets().redact(&yaml::write(value)?).into_owned();
            if text.len() > MAX_YAML {
                missing.push(format!("{key} is over the cap of 4 MiB"));
                (*value, text) = (Value::Null, String::new());
            }
            let entry = Entry::of(key, value, Digest::of(&text));
            if entry.filled {
                texts.insert(key.clone(), text);
            }
            found.insert(key.clone(), entry);
        }
        let mut entries: Vec<Entry> = KEYS.iter().filter_map(|key| found.remove(*key)).collect();
        entries.extend(found.into_values());
        Ok(Self { texts, entries, missing })
    }

    /// The agents that anything is known of.
    pub(super) fn agents(&self) -> Vec<String> {
        agents(&self.entries)
    }
}

/// The agents that anything is known of.
pub(super) fn agents(entries: &[Entry]) -> Vec<String> {
    entries.iter().filter(|entry| entry.filled).filter_map(|entry| agent_of(&entry.key)).map(str::to_owned).collect()
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().to_owned()
}

fn or_missing<T: Default>(missing: &mut Vec<String>, what: &str, found: Result<T>) -> T {
    found.unwrap_or_else(|error| {
        missing.push(format!("{what}: {}", first_line(&error.to_string())));
        T::default()
    })
}

fn tracked(workspace: &Workspace, head: Option<&Oid>) -> Result<Vec<String>> {
    let Some(head) = head else { return Ok(Vec::new()) };
    let all = workspace.git()?.entries_below(head, None)?;
    Ok(all.into_iter().filter(|(path, _)| !path.is_claude()).map(|(path, _)| path.to_string()).collect())
}

fn differing(workspace: &Workspace, from: Option<&Oid>) -> Result<Vec<String>> {
    let git = workspace.git()?;
    let from = from.filter(|from| git.has_object(from));
    let figures = git.numstat_of_work_tree(from)?;
    Ok(figures.paths.into_iter().filter(|it| !it.path.is_claude()).map(|it| it.path.to_string()).collect())
}

fn pages(workspace: &Workspace, missing: &mut Vec<String>) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for (path, name) in markdown(workspace, PROJECT, missing) {
        let read = write::read_capped(&workspace.root().join(&path), bytes::CAP);
        let text = or_missing(missing, &path, read).and_then(|content| String::from_utf8(content).ok());
        found.extend(text.map(|text| (name, text)));
    }
    found
}

fn names(workspace: &Workspace, missing: &mut Vec<String>) -> Vec<String> {
    markdown(workspace, AGENTS, missing).into_iter().map(|(_, name)| name).collect()
}

/// The markdown files of a folder, with their names without the ending.
fn markdown(workspace: &Workspace, folder: &str, missing: &mut Vec<String>) -> Vec<(String, String)> {
    let files = or_missing(missing, folder, write::files_below(workspace.root(), folder));
    let named = |path: String| {
        let name = path.rsplit('/').next()?.strip_suffix(".md")?.to_owned();
        Some((path, name))
    };
    files.into_iter().filter_map(named).collect()
}
