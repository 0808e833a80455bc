//! `compact post`: after an agent's memory was cut, everything that was sealed is handed back, key by key.
//!
//! In a live session what is handed back is what holds now: when nothing was sealed, or less than is known by now, it is
//! sealed first. Of a session that is over, or of another clone, the last compaction is read and nothing is written.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    host::{
        Result,
        store::{
            layout,
            ledger::Target,
            overview::Overview,
            write::{self, Durability},
        },
        transaction::Transaction,
        workspace::Workspace,
    },
    model::{
        briefing::{Detail, USUAL},
        compaction::{BRIEFING, Cause, Entry, MANIFEST, Manifest, Measure, capture, folder},
        event::Fact,
        holdings::{HeldTask, current_task},
        id::{CheckpointName, SessionId},
        quote,
        refusal::{Code, Refusal},
        time::Timestamp,
        yaml,
    },
    ops::{
        session::{
            compaction::{
                gather::{agents, gather},
                kept, measure,
                seal::{Sealing, put_back, seal},
            },
            env,
            known::{self, Known, Place},
        },
        tell::{briefing, scene::Scene},
    },
};

/// Which session, and where else to.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Request {
    /// Its name, a unique part of it, or its title; the one that the command belongs to when not said.
    pub session: Option<String>,
    /// A directory that gets a file for every key, for programs that want files.
    pub export: Option<PathBuf>,
    /// The client's transcript, whose size and count of tokens are noted.
    pub transcript: Option<PathBuf>,
}

/// What was handed back.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Outcome {
    /// The session.
    pub session: SessionId,
    /// The number of the compaction.
    pub compaction: u32,
    /// Why it was sealed; `late` when nothing was, or too little, before the memory was cut.
    pub cause: Cause,
    /// When it was sealed.
    pub sealed: Timestamp,
    /// Where it lies, from the top of the work tree.
    pub folder: String,
    /// The checkpoint that was taken before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checkpoint: Option<CheckpointName>,
    /// Every key: whether anything is known under it, and how much.
    pub keys: Vec<Entry>,
    /// What could not be read when it was sealed, and why.
    pub missing: Vec<String>,
    /// The agents that anything is known of.
    pub agents: Vec<String>,
    /// What the work is at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phase: Option<String>,
    /// Milestones that are reached.
    pub reached: Vec<String>,
    /// Milestones that are still to be reached.
    pub next: Vec<String>,
    /// The variables that name the session and what it is at.
    pub variables: Vec<(String, String)>,
    /// What the briefing stands for.
    #[serde(default, skip_serializing_if = "Measure::is_nothing")]
    pub measure: Measure,
    /// What an agent has to know before it goes on.
    pub briefing: String,
    /// The directory that got the files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exported: Option<PathBuf>,
}

/// Hands everything back.
///
/// # Errors
/// Refuses an unknown session with the list of those that there are, one of another work tree, and one in which nothing was
/// sealed; refuses to export into a directory with files of others.
pub fn after(workspace: &Workspace, request: &Request) -> Result<Outcome> {
    // Clients of agents wait for this without a name: then other sessions are not read.
    let here = if request.session.is_none() { bound_here(workspace).ok().flatten() } else { None };
    let known = match here {
        Some(known) => known,
        None => find(workspace, request.session.as_deref())?,
    };
    let mut outcome = match &known.place {
        Place::Here {} => live(workspace, &known.session, measure::measure(request.transcript.as_deref()))?,
        Place::WorkTree { path } => {
            return Err(Refusal::usage(format!("the session `{}` works in `{}`", known.session, path.display()))
                .hint(format!("`autonomy -C {} compact post`", path.display()))
                .into());
        }
        Place::Copied {} | Place::Elsewhere {} | Place::Over {} => sealed(workspace, &known)?,
    };
    if let Some(directory) = &request.export {
        let directory = workspace.environment().directory().join(directory);
        // What was sealed just now is known by now as well.
        let known = find(workspace, Some(known.session.as_str()))?;
        export(workspace, &known, &outcome, &directory)?;
        outcome.exported = Some(directory);
    }
    Ok(outcome)
}

/// The live session that the command belongs to, when it works in this work tree.
fn bound_here(workspace: &Workspace) -> Result<Option<Known>> {
    let Some(session) = workspace.belongs_to()? else { return Ok(None) };
    let mut overview = Overview::read(workspace)?;
    let Some(at) = overview.logs.iter().position(|known| known.session.as_ref() == Some(&session)) else { return Ok(None) };
    let log = overview.logs.swap_remove(at);
    let is_here = log.binding.is_some_and(|binding| binding.work_tree == workspace.root()) && !log.state.is_ended();
    Ok(is_here.then_some(Known { session, place: Place::Here {}, directory: Some(log.directory), state: log.state }))
}

/// The session that is meant; a name that fits none, and none to choose from, are answered with all that there are.
fn find(workspace: &Workspace, given: Option<&str>) -> Result<Known> {
    known::chosen(workspace, given).map_err(|error| {
        let refusal = error.refusal();
        if !matches!(refusal.code, Code::Usage | Code::No) {
            return error;
        }
        let listed = known::all(workspace).map(|(all, _)| all).unwrap_or_default();
        let names: Vec<String> = listed.iter().rev().map(|known| format!("  {}", known.session)).collect();
        let list =
            if names.is_empty() { "there is no session here".to_owned() } else { format!("there are:\n{}", names.join("\n")) };
        let hint = "`autonomy compact post <session>`, or `autonomy session start` begins one";
        Refusal::no(format!("{}; {list}", refusal.message)).hint(hint).into()
    })
}

/// Of a live session: seals what is not sealed yet, puts back what is gone, and writes down that it was handed back.
fn live(workspace: &Workspace, session: &SessionId, measure: Measure) -> Result<Outcome> {
    let mut transaction = Transaction::of(workspace, Target::Session(session.clone()))?;
    let scene = Scene::read(workspace, Some(session.clone()))?;
    let gathered = gather(workspace, &scene, session, transaction.state())?;
    let known = Known {
        session: session.clone(),
        place: Place::Here {},
        directory: Some(transaction.directory()),
        state: transaction.state().clone(),
    };
    let last = kept::manifest(workspace, &known, None)?;
    let task = current_task(transaction.state()).cloned();
    let brief = |scene: &Scene| briefing::write(workspace, scene, task.as_ref(), USUAL, Detail::Here).map(|(text, _)| text);
    let manifest = match last {
        Some(last) if last.keys == gathered.entries => last,
        Some(_) | None => {
            let text = brief(&scene)?;
            let sealing =
                Sealing { session, gathered: &gathered, briefing: &text, cause: Cause::Late, checkpoint: None, measure };
            seal(&mut transaction, &sealing)?
        }
    };
    put_back(&transaction, session, manifest.compaction)?;
    let agents = u32::try_from(gathered.agents().len()).unwrap_or(u32::MAX);
    let (compaction, client) = (manifest.compaction, workspace.client().cloned());
    transaction.append_facts(&[Fact::CompactionRestored { compaction, client, agents, measure }])?;
    let text = brief(&Scene::read(workspace, Some(session.clone()))?)?;
    let titles = |all: Vec<&HeldTask>| all.iter().map(|held| held.task.title.clone()).collect();
    Ok(Outcome {
        phase: Some(capture::phase(transaction.state(), &scene.holdings)),
        reached: titles(capture::reached(&scene.holdings)),
        next: titles(capture::next_milestones(&scene.holdings)),
        variables: env::env(&workspace.anew().for_session(Some(session.to_string())), &env::Request {})?.variables,
        measure: Measure { briefing: Some(quote::length(&text) as u64), ..measure.or(manifest.measure()) },
        ..told(manifest, text)
    })
}

/// Of a session that is only read here: its last compaction.
fn sealed(workspace: &Workspace, known: &Known) -> Result<Outcome> {
    let manifest = kept::manifest(workspace, known, None)?.ok_or_else(|| {
        Refusal::no(format!("nothing was sealed in the session `{}`", known.session))
            .hint(format!("`autonomy session show {}` tells what is known of it", known.session))
    })?;
    let briefing = kept::text(workspace, known, manifest.compaction, BRIEFING, &manifest.briefing_sha256)?;
    Ok(told(manifest, briefing))
}

fn told(manifest: Manifest, briefing: String) -> Outcome {
    Outcome {
        folder: folder(&layout::session_folder(&manifest.session), manifest.compaction),
        agents: agents(&manifest.keys),
        measure: manifest.measure(),
        session: manifest.session,
        compaction: manifest.compaction,
        cause: manifest.cause,
        sealed: manifest.sealed,
        checkpoint: manifest.checkpoint,
        keys: manifest.keys,
        missing: manifest.missing,
        phase: None,
        reached: Vec::new(),
        next: Vec::new(),
        variables: Vec::new(),
        briefing,
        exported: None,
    }
}

/// Writes a file for every filled key into `directory`, which is new, empty, or one that was written to before.
fn export(workspace: &Workspace, known: &Known, outcome: &Outcome, directory: &Path) -> Result<()> {
    let ours = write::read_capped(&directory.join(MANIFEST), 4 << 20)?;
    let is_ours = ours
        .and_then(|content| String::from_utf8(content).ok())
        .is_some_and(|text| yaml::read::<Manifest>(MANIFEST, &text).is_ok());
    if !is_ours && !write::is_empty(directory)? {
        return Err(Refusal::conflict(format!("cannot export into `{}`: there are files of others", directory.display()))
            .hint("name a directory that is empty or not there yet")
            .into());
    }
    let mut files: BTreeMap<String, String> = BTreeMap::new();
    for entry in &outcome.keys {
        if let Some(digest) = &entry.sha256 {
            files.insert(entry.file(), kept::text(workspace, known, outcome.compaction, &entry.file(), digest)?);
        }
    }
    let manifest = kept::manifest(workspace, known, Some(outcome.compaction))?;
    files.insert(BRIEFING.to_owned(), outcome.briefing.clone());
    files.insert(MANIFEST.to_owned(), yaml::write(&manifest)?);
    for (name, text) in files {
        let path = directory.join(name);
        write::make_directory(path.parent().unwrap_or(directory))?;
        write::replace(&path, text.as_bytes(), Durability::Derived)?;
    }
    // A key that was filled in an earlier export and is empty now must not be taken for the present one.
    for entry in outcome.keys.iter().filter(|entry| !entry.filled) {
        write::remove_file(&directory.join(entry.file()))?;
    }
    Ok(())
}
