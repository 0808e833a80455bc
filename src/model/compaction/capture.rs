//! The values of all keys as they are now. Pure: what lies in files and in git is handed in.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::{Value, json};

use crate::model::{
    compaction::{KEYS, ROSTER, agent_key},
    event::Verdict,
    holdings::{HeldTask, Holdings, current_task, phase_words},
    id::{GateName, TaskId, slug},
    memory::{Note, NoteKind},
    quote,
    settings::Gate,
    state::{Progress as Entry, Session, State},
    task::{TaskKind, acceptance::Acceptance, order, progress::Progress},
    time::Timestamp,
};

/// How much of a text is kept; the record or page that it comes from holds all of it.
const TEXT: usize = 8_000;
/// How many files and directories are listed; the rest is counted.
const LISTED: usize = 300;

/// What the values are made of.
#[derive(Clone, Copy, Debug)]
pub struct Material<'a> {
    /// The session's log.
    pub state: &'a State,
    /// The session.
    pub session: &'a Session,
    /// The records in force.
    pub holdings: &'a Holdings,
    /// The gates of the settings.
    pub gates: &'a BTreeMap<GateName, Gate>,
    /// What people wrote into the session's pages: the page, the text.
    pub theirs: &'a [(String, String)],
    /// The pages below `project_context/`: the file's name without its ending, the text.
    pub project: &'a BTreeMap<String, String>,
    /// The names of the agents that the repository describes.
    pub agents: &'a [String],
    /// Files of the present commit.
    pub files: &'a [String],
    /// What differs from the start of the session.
    pub changed: &'a [String],
    /// What is not committed.
    pub uncommitted: &'a [String],
    /// The branch; none when HEAD is detached.
    pub branch: Option<&'a str>,
    /// The present moment, for what counts only until then.
    pub now: Timestamp,
}

/// What the work is at, in a few words: the next milestone, else the task or the focus, else where the session stands.
#[must_use]
pub fn phase(state: &State, holdings: &Holdings) -> String {
    if let Some(next) = next_milestones(holdings).first() {
        return quote::line(&next.task.title, 120);
    }
    let task = current_task(state).map(|id| holdings.title_of(id).to_owned());
    let words = task.or_else(|| state.focus.as_ref().map(|focus| focus.text.clone()));
    quote::line(&words.unwrap_or_else(|| phase_words(&state.phase)), 120)
}

/// Milestones that are reached, the oldest first.
#[must_use]
pub fn reached(holdings: &Holdings) -> Vec<&HeldTask> {
    let mut found: Vec<&HeldTask> = milestones(holdings).filter(|held| held.progress.is_done()).collect();
    found.sort_by_key(|held| (held.state.as_ref().map(|state| state.changed), &held.task.id));
    found
}

/// Milestones that are still to be reached, those first that the fewest others come before.
#[must_use]
pub fn next_milestones(holdings: &Holdings) -> Vec<&HeldTask> {
    let mut found: Vec<&HeldTask> = milestones(holdings).filter(|held| !held.progress.is_over()).collect();
    let open: BTreeSet<&TaskId> = found.iter().map(|held| &held.task.id).collect();
    let before = |held: &HeldTask| held.task.after.iter().filter(|id| open.contains(id)).count();
    found.sort_by_key(|held| (before(held), held.task.created, &held.task.id));
    found
}

fn milestones(holdings: &Holdings) -> impl Iterator<Item = &HeldTask> {
    holdings.tasks.iter().filter(|held| held.task.kind == TaskKind::Milestone)
}

/// The value of every key.
#[must_use]
pub fn capture(material: &Material<'_>) -> BTreeMap<String, Value> {
    let mut values: BTreeMap<String, Value> =
        KEYS.iter().map(|key| ((*key).to_owned(), with_remembered(material, key, material.value(key)))).collect();
    let mut agents: BTreeSet<String> = ROSTER.iter().map(|name| (*name).to_owned()).collect();
    agents.extend(material.agents.iter().map(|name| slug(name)).filter(|name| !name.is_empty()));
    agents.extend(material.state.workers.keys().cloned());
    agents.extend(material.remembered_agents());
    for name in agents {
        let (key, value) = (agent_key(&name), material.agent(&name));
        let value = with_remembered(material, &key, value);
        values.insert(key, value);
    }
    values
}

/// The value with what was remembered under its key, and under keys below it.
fn with_remembered(material: &Material<'_>, key: &str, value: Value) -> Value {
    let below = format!("{key}/");
    let told: Vec<Value> = material
        .notes()
        .filter(|note| material.key_of(note).is_some_and(|known| known == key || known.starts_with(&below)))
        .map(|note| json!({ "key": note.key, "text": note.text, "at": note.created }))
        .collect();
    match (value, told) {
        (value, told) if told.is_empty() => value,
        (Value::Object(mut fields), told) => {
            fields.insert("remembered".to_owned(), told.into());
            fields.into()
        }
        (Value::Null, told) => json!({ "remembered": told }),
        (value, told) => json!({ "known": value, "remembered": told }),
    }
}

impl<'a> Material<'a> {
    /// Notes that still count.
    fn notes(&self) -> impl Iterator<Item = &'a Note> {
        let now = self.now;
        self.holdings.notes.iter().filter(move |note| note.holds_at(now))
    }

    /// The key of a note without the beginning that names this session.
    fn key_of<'n>(&self, note: &'n Note) -> Option<&'n str> {
        let key = note.key.as_deref()?;
        Some(match key.strip_prefix("compaction/").and_then(|rest| rest.split_once('/')) {
            Some((session, rest)) if session == self.session.id.as_str() => rest,
            Some(_) | None => key,
        })
    }

    /// Agents whose state somebody remembered.
    fn remembered_agents(&self) -> Vec<String> {
        let name = |note: &'a Note| self.key_of(note)?.strip_prefix("agents/")?.split('/').next().map(slug);
        self.notes().filter_map(name).filter(|name| !name.is_empty()).collect()
    }

    fn value(&self, key: &str) -> Value {
        match key {
            "metadata" => self.metadata(),
            "architect/specification" => self.page("SPECIFICATION"),
            "architect/decisions" => list(&self.holdings.decisions),
            "architect/current_phase" => self.current_phase(),
            "project/definition-of-done" => self.definition_of_done(),
            "project/requirements" => self.requirements(),
            "credentials/inventory" => self.of_kind(NoteKind::Credential),
            "integrations/other-apis" => self.other_interfaces(),
            "files/structure" => structure(self.files),
            "files/critical" => json!({ "changed": some(self.changed), "uncommitted": some(self.uncommitted) }),
            "files/dependencies" => self.page("DEPENDENCY_GRAPH"),
            "testing/results" => self.results(),
            "testing/failed" => self.failed(),
            "testing/coverage" => {
                let figures =
                    self.state.gates.iter().filter_map(|(gate, known)| Some((gate.to_string(), known.figure?.to_string())));
                json!(figures.collect::<BTreeMap<_, _>>())
            }
            "milestones/completed" => self.milestones(),
            "tasks/blocked" => self.blocked(),
            "tasks/all" => self.tasks(),
            "questions/all" => list(&self.holdings.questions),
            "memory/all" => list(&self.notes().collect::<Vec<_>>()),
            // The rest is only what was remembered under the key.
            _ => Value::Null,
        }
    }

    fn metadata(&self) -> Value {
        let session = self.session;
        json!({
            "session": session.id, "title": session.title, "goal": session.goal, "constraints": session.constraints,
            "started": session.started, "max": session.max, "person": session.person, "branch_at_start": session.branch,
            "head_at_start": session.head, "branch": self.branch, "status": phase_words(&self.state.phase),
            "continues": session.continues, "parent": session.parent, "clients": self.state.clients,
            "commits": self.state.commits.entries, "people_wrote": self.theirs.iter().map(|(page, text)| {
                json!({ "page": page, "text": quote::head(text, TEXT) })
            }).collect::<Vec<_>>(),
        })
    }

    fn page(&self, name: &str) -> Value {
        self.project.get(name).map_or(
            Value::Null,
            |text| json!({ "file": format!(".claude/project_context/{name}.md"), "text": quote::head(text, TEXT) }),
        )
    }

    fn current_phase(&self) -> Value {
        let entry = |it: &Entry| json!({ "at": it.at, "by": it.by, "task": it.task, "text": it.text });
        json!({
            "phase": phase(self.state, self.holdings),
            "task": current_task(self.state),
            "focus": self.state.focus.as_ref().map(|focus| focus.text.as_str()),
            "next": self.state.focus.as_ref().and_then(|focus| focus.next.as_deref()),
            "progress": self.state.progress.entries.iter().map(entry).collect::<Vec<_>>(),
            "run": self.state.run.as_ref().map(|run| json!({ "id": run.id, "ended": run.ended, "steps": run.steps })),
        })
    }

    fn definition_of_done(&self) -> Value {
        let gate = |(name, gate): (&GateName, &Gate)| json!({ "gate": name, "kind": gate.kind, "needed": gate.needed, "command": gate.command });
        let open = self.holdings.tasks.iter().filter(|held| !held.progress.is_over());
        let task = |held: &HeldTask| {
            let criteria: Vec<Value> = held.task.criteria.iter().map(|it| json!({ "text": it.text, "done": it.done })).collect();
            let tests: Vec<String> = held.task.acceptance.iter().map(Acceptance::label).collect();
            (!criteria.is_empty() || !tests.is_empty())
                .then(|| json!({ "task": held.task.id, "criteria": criteria, "tests": tests }))
        };
        json!({ "gates": self.gates.iter().map(gate).collect::<Vec<_>>(), "tasks": open.filter_map(task).collect::<Vec<_>>() })
    }

    fn requirements(&self) -> Value {
        json!({ "goal": self.session.goal, "constraints": self.session.constraints })
    }

    fn of_kind(&self, kind: NoteKind) -> Value {
        list(&self.notes().filter(|note| note.kind == kind).collect::<Vec<_>>())
    }

    /// Whatever is remembered of other systems than those that have keys of their own, and the page about them.
    fn other_interfaces(&self) -> Value {
        let own = ["integrations/salesforce/", "integrations/authentik/", "integrations/other-apis"];
        let other = self.notes().filter(|note| {
            let key = self.key_of(note).unwrap_or_default();
            key.starts_with("integrations/") && !own.iter().any(|own| key.starts_with(own))
        });
        let remembered: Vec<Value> = other.map(|note| json!({ "key": note.key, "text": note.text })).collect();
        json!({ "page": self.page("INTEGRATION_POINTS"), "others": remembered })
    }

    fn results(&self) -> Value {
        let gates = self.state.gates.iter().map(|(name, gate)| {
            json!({ "gate": name, "verdict": gate.verdict, "at": gate.at, "tree": gate.tree, "declaration": gate.declaration })
        });
        let tasks = self
            .state
            .tested
            .iter()
            .map(|(task, tested)| json!({ "task": task, "verdict": tested.verdict, "tree": tested.tree }));
        json!({ "gates": gates.collect::<Vec<_>>(), "tasks": tasks.collect::<Vec<_>>() })
    }

    fn failed(&self) -> Value {
        let red = self.state.gates.iter().filter(|(_, gate)| gate.verdict != Verdict::Green);
        let gates = red.map(|(name, gate)| json!({ "gate": name, "verdict": gate.verdict, "printed": gate.printed }));
        let why = |held: &HeldTask| match &held.progress {
            Progress::Failed { why } => Some(json!({ "task": held.task.id, "why": why, "failures": held.failures() })),
            _ => None,
        };
        json!({ "gates": gates.collect::<Vec<_>>(), "tasks": self.holdings.tasks.iter().filter_map(why).collect::<Vec<_>>() })
    }

    fn milestones(&self) -> Value {
        let line = |held: &HeldTask| {
            let at = held.state.as_ref().map(|state| state.changed);
            json!({ "task": held.task.id, "title": held.task.title, "at": at })
        };
        json!({
            "completed": reached(self.holdings).into_iter().map(line).collect::<Vec<_>>(),
            "next": next_milestones(self.holdings).into_iter().map(line).collect::<Vec<_>>(),
        })
    }

    fn blocked(&self) -> Value {
        let standings = self.holdings.standings();
        let line = |held: &HeldTask| {
            let before: Vec<&TaskId> = order::blockers(&held.task, &standings);
            let stuck = matches!(held.progress, Progress::Waiting { .. } | Progress::Failed { .. } | Progress::Parked { .. });
            (!held.progress.is_over() && (stuck || !before.is_empty()))
                .then(|| json!({ "task": held.task.id, "title": held.task.title, "standing": held.progress, "after": before }))
        };
        self.holdings.tasks.iter().filter_map(line).collect::<Vec<_>>().into()
    }

    fn tasks(&self) -> Value {
        let line = |held: &HeldTask| {
            let mut task = json!(held.task);
            if let Some(fields) = task.as_object_mut() {
                fields.insert("description".to_owned(), quote::head(&held.task.description, TEXT).into());
                fields.insert("standing".to_owned(), json!(held.progress));
                fields.insert("failures".to_owned(), held.failures().into());
            }
            task
        };
        self.holdings.tasks.iter().map(line).collect::<Vec<_>>().into()
    }

    fn agent(&self, name: &str) -> Value {
        let Some(worker) = self.state.workers.get(name) else { return Value::Null };
        let tasks: Vec<&HeldTask> = worker.tasks.iter().filter_map(|id| self.holdings.task(id)).collect();
        let those = |fits: fn(&Progress) -> bool| -> Vec<&TaskId> {
            tasks.iter().filter(|held| fits(&held.progress)).map(|held| &held.task.id).collect()
        };
        json!({
            "completed": those(Progress::is_done),
            "in_progress": those(|progress| *progress == Progress::Started),
            "pending": those(|progress| *progress == Progress::Open),
            "blockers": those(|progress| matches!(progress, Progress::Waiting { .. } | Progress::Failed { .. } | Progress::Parked { .. })),
            "said": worker.said,
        })
    }
}

fn list<T: Serialize>(all: &[T]) -> Value {
    json!(all)
}

fn some(paths: &[String]) -> Value {
    if paths.len() <= LISTED {
        return json!(paths);
    }
    let more = format!("and {} more", paths.len() - LISTED);
    paths.iter().take(LISTED).cloned().chain([more]).collect::<Vec<_>>().into()
}

/// The directories down to the second level, each with the number of files below it.
fn structure(files: &[String]) -> Value {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for file in files {
        let parts: Vec<&str> = file.split('/').collect();
        let depth = parts.len().saturating_sub(1).min(2);
        let directory = if depth == 0 { ".".to_owned() } else { parts[..depth].join("/") };
        *counts.entry(directory).or_default() += 1;
    }
    let more = counts.len().saturating_sub(LISTED);
    let mut found: BTreeMap<String, usize> = counts.into_iter().take(LISTED).collect();
    if more > 0 {
        found.insert("(directories besides)".to_owned(), more);
    }
    json!(found)
}
