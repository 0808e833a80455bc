//! `compact pre`: before an agent's memory is cut, a checkpoint is taken and everything that is known is sealed.
//!
//! A part that cannot be read is named and left out; it never keeps the rest from being sealed. Nothing is committed.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    host::{Result, store::layout, transaction::Transaction, workspace::Workspace},
    model::{
        briefing::{Detail, USUAL},
        checkpoint::CheckpointKind,
        compaction::{Cause, Entry, Measure, capture, folder},
        holdings::current_task,
        id::{CheckpointName, SessionId},
        quote,
    },
    ops::{
        session::compaction::{
            gather::gather,
            measure,
            seal::{Sealing, seal},
        },
        tell::{briefing, scene::Scene},
        time::checkpoint::{self, Asking},
    },
};

/// What an agent client's summary should keep, because no log of ours has it.
pub const KEEP: &str = "\
Everything that `autonomy` knows is handed back after the compaction: goal, constraints, tasks, decisions, questions, notes,
progress. Do not spend the summary on those. Keep what only this conversation knows:
- what was tried and did not work, and why;
- the exact names, paths, commands, error messages and figures that the next step needs;
- what was found out about the code and is written down nowhere;
- what the person asked for in their own words, and what they ruled out;
- the very next step.
";

/// Why it is sealed.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Request {
    /// Why.
    pub cause: Cause,
    /// The client's transcript, whose size and count of tokens are noted.
    pub transcript: Option<PathBuf>,
}

/// What was sealed.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Outcome {
    /// The session; without one only a checkpoint was taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<SessionId>,
    /// The number of the compaction in the session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compaction: Option<u32>,
    /// Where it lies, from the top of the work tree.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub folder: Option<String>,
    /// The checkpoint that was taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checkpoint: Option<CheckpointName>,
    /// What the work is at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phase: Option<String>,
    /// The agents that anything is known of.
    pub agents: Vec<String>,
    /// Every key.
    pub keys: Vec<Entry>,
    /// What could not be read, and why.
    pub missing: Vec<String>,
    /// What the briefing stands for, where a transcript was named.
    #[serde(default, skip_serializing_if = "Measure::is_nothing")]
    pub measure: Measure,
    /// What the client's summary is to keep.
    pub keep: String,
}

/// Seals everything that is known of the session that the command belongs to.
///
/// # Errors
/// Refuses several live sessions when none is named; fails when the log cannot be written.
pub fn before(workspace: &Workspace, request: &Request) -> Result<Outcome> {
    before_in(&mut Transaction::open(workspace)?, request)
}

/// The same in a transaction that is open.
///
/// # Errors
/// As [`before`].
pub fn before_in(transaction: &mut Transaction<'_>, request: &Request) -> Result<Outcome> {
    let workspace = transaction.workspace();
    let task = transaction.session().and_then(|_| current_task(transaction.state())).cloned();
    let asking = Asking {
        kind: CheckpointKind::Compaction,
        title: "compaction".to_owned(),
        summary: "before an agent's memory is cut".to_owned(),
        task,
        reached: Vec::new(),
    };
    let (checkpoint, untaken) = match checkpoint::take(transaction, asking) {
        Ok(taken) => (taken.checkpoint.name, None),
        Err(error) => (None, Some(format!("the checkpoint: {}", error.to_string().lines().next().unwrap_or_default()))),
    };
    let Some(session) = transaction.session().cloned() else {
        return Ok(Outcome {
            session: None,
            compaction: None,
            folder: None,
            checkpoint,
            phase: None,
            agents: Vec::new(),
            keys: Vec::new(),
            missing: untaken.into_iter().collect(),
            measure: Measure::default(),
            keep: KEEP.to_owned(),
        });
    };
    let scene = Scene::read(workspace, Some(session.clone()))?;
    let mut gathered = gather(workspace, &scene, &session, transaction.state())?;
    gathered.missing.extend(untaken);
    let task = current_task(transaction.state()).cloned();
    let (text, _) = briefing::write(workspace, &scene, task.as_ref(), USUAL, Detail::Here)?;
    let stands_for = measure::measure(request.transcript.as_deref());
    let sealing = Sealing {
        session: &session,
        gathered: &gathered,
        briefing: &text,
        cause: request.cause,
        checkpoint,
        measure: stands_for,
    };
    let manifest = seal(transaction, &sealing)?;
    for missing in &gathered.missing {
        workspace.notice(format!("left out: {}", quote::line(missing, 300)));
    }
    Ok(Outcome {
        folder: Some(folder(&layout::session_folder(&session), manifest.compaction)),
        phase: Some(capture::phase(transaction.state(), &scene.holdings)),
        agents: gathered.agents(),
        session: Some(session),
        compaction: Some(manifest.compaction),
        measure: manifest.measure(),
        checkpoint: manifest.checkpoint,
        keys: manifest.keys,
        missing: manifest.missing,
        keep: KEEP.to_owned(),
    })
}
