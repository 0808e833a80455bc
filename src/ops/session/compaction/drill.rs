//! `compact drill`: how much of what an agent needs the briefing says, by questions drawn from the session's events.
//!
//! An answer counts only when its exact words stand in the briefing. Reads only.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    host::{
        Result,
        store::{
            ledger::{self, Target},
            log,
        },
        workspace::Workspace,
    },
    model::{
        briefing::{Detail, USUAL},
        drill::{Material, Probe, Recall, draw},
        holdings::current_task,
        id::SessionId,
        quote::length,
        refusal::Refusal,
    },
    ops::{
        session::known,
        tell::{briefing, scene::Scene},
    },
};

pub use crate::ops::session::known::Request;

/// How much the briefing says.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Outcome {
    /// The session.
    pub session: SessionId,
    /// The share of answers in hundredths, every kind of question counting the same.
    pub percent: u32,
    /// Whether that is enough, with nothing missing of goal, constraints and urgent questions.
    pub passed: bool,
    /// For each kind of question how many are answered, and of how many.
    pub subjects: Vec<Answered>,
    /// What is not answered.
    pub missed: Vec<Probe>,
    /// How many characters the briefing has.
    pub briefing: usize,
    /// How many bytes the session's log has.
    pub log: u64,
}

/// How many questions of one kind are answered.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Answered {
    /// What they are about.
    pub about: String,
    /// How many are answered.
    pub answered: u32,
    /// Of how many.
    pub asked: u32,
}

/// Asks the questions.
///
/// # Errors
/// Refuses an unknown session, and one whose log is not here.
pub fn drill(workspace: &Workspace, request: &Request) -> Result<Outcome> {
    let known = known::chosen(workspace, request.session.as_deref())?;
    let session = known.session;
    let scene = Scene::read(workspace, Some(session.clone()))?;
    let Some(state) = scene.state() else {
        return Err(Refusal::no(format!("the session `{session}` is not live here, so nobody is briefed about it"))
            .hint("`autonomy compact show` tells what was sealed in it")
            .into());
    };
    let events = ledger::events(workspace, &Target::Session(session.clone()))?;
    let theirs = scene.theirs(workspace);
    let task = current_task(state).cloned();
    let (text, _) = briefing::write(workspace, &scene, task.as_ref(), USUAL, Detail::Here)?;
    let probes = draw(&Material {
        events: &events,
        state,
        holdings: &scene.holdings,
        theirs: &theirs,
        branch: scene.branch.as_deref(),
        now: scene.now,
    });
    // What is kept out of every text as a secret is no answer that anybody may see.
    let probes: Vec<Probe> =
        probes.into_iter().filter(|probe| workspace.secrets().redact(&probe.answer) == probe.answer.as_str()).collect();
    let recall = Recall::of(&text, &probes);
    Ok(Outcome {
        log: known.directory.as_deref().map_or(0, log::size),
        session,
        percent: recall.percent(),
        passed: recall.passes(),
        subjects: recall
            .subjects
            .iter()
            .map(|(subject, (answered, asked))| Answered { about: subject.word().to_owned(), answered: *answered, asked: *asked })
            .collect(),
        missed: recall.missed,
        briefing: length(&text),
    })
}
