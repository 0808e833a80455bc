//! `session show`: everything that is known of one session, live or over. Reads only.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    host::{Result, store::layout, workspace::Workspace},
    model::{
        event::{Continues, Verdict},
        id::{CheckpointName, ClientId, DecisionId, GateName, Oid, QuestionId, SessionId, TaskId},
        session::{Status, active},
        state::{Phase, State, TaskStage},
        time::{Lapse, Timestamp},
    },
    ops::session::{
        known::{self, Known, Place},
        status::none_is_live,
    },
};

pub use crate::ops::session::known::Request;

/// A session.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Outcome {
    /// Its name.
    pub session: SessionId,
    /// What people call it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// The person whose session it is, by git's configuration.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// Its status.
    pub status: Status,
    /// Why it is paused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Where it lives.
    pub place: Place,
    /// Its folder, from the top of the work tree.
    pub folder: String,
    /// When it began.
    pub started: Timestamp,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<Timestamp>,
    /// When something last happened.
    pub updated: Timestamp,
    /// The number of the last event; it grows with every change.
    pub version: u64,
    /// How long it was worked on, without pauses.
    pub elapsed: Lapse,
    /// How long it may take.
    pub max: Lapse,
    /// What is to be reached.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub goal: Option<String>,
    /// What must hold on the way.
    pub constraints: Vec<String>,
    /// What came of it, in a person's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub summary: Option<String>,
    /// The branch at the start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub branch: Option<String>,
    /// The commit at the start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub head: Option<Oid>,
    /// The session that it goes on from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub continues: Option<Continues>,
    /// The session that started it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<SessionId>,
    /// Conversations of agent clients that belong to it.
    pub clients: Vec<ClientId>,
    /// What is, and what was.
    pub context: Context,
}

/// What a session is at, and what happened in it: the newest of each kind and how many there were.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Context {
    /// What is being worked on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub focus: Option<String>,
    /// The next specific action.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
    /// What was achieved last, newest last.
    pub progress: Vec<Dated>,
    /// Tasks that something happened to.
    pub tasks: BTreeMap<TaskId, String>,
    /// Decisions, newest last.
    pub decisions: Vec<DecisionId>,
    /// Questions, newest last.
    pub questions: Vec<QuestionId>,
    /// Checkpoints, newest last.
    pub checkpoints: Vec<CheckpointName>,
    /// Commits of ours, newest last.
    pub commits: Vec<Oid>,
    /// The last answer of each gate.
    pub gates: BTreeMap<GateName, Verdict>,
    /// How many there were of each kind.
    pub counts: BTreeMap<String, u64>,
}

/// Words with their time.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Dated {
    /// When.
    pub at: Timestamp,
    /// In words.
    pub text: String,
}

/// Shows one session.
///
/// # Errors
/// Refuses an unknown one, naming the nearest, and one that cannot be read.
pub fn show(workspace: &Workspace, request: &Request) -> Result<Outcome> {
    let known = known::chosen(workspace, request.session.as_deref())?;
    Ok(outcome(workspace, known).ok_or_else(none_is_live)?)
}

fn outcome(workspace: &Workspace, known: Known) -> Option<Outcome> {
    let Known { session: id, place, state, .. } = known;
    let context = context(&state);
    let session = state.session.as_ref()?;
    let updated = state.last.unwrap_or(session.started);
    let until = match place {
        Place::Copied {} | Place::Elsewhere {} => updated,
        Place::Here {} | Place::WorkTree { .. } | Place::Over {} => workspace.clock().now(),
    };
    let (reason, ended, summary) = match &state.phase {
        Phase::Active => (None, None, None),
        Phase::Paused { reason, .. } => (Some(reason.clone()), None, None),
        Phase::Ended { summary, at, .. } => (None, Some(*at), summary.clone()),
    };
    Some(Outcome {
        folder: layout::session_folder(&id),
        session: id,
        title: session.title.clone(),
        user: session.person.clone(),
        status: Status::of(&state.phase),
        reason,
        place,
        started: session.started,
        ended,
        updated,
        version: state.seq,
        elapsed: active(&state, until),
        max: session.max,
        goal: session.goal.clone(),
        constraints: session.constraints.clone(),
        summary,
        branch: session.branch.clone(),
        head: session.head.clone(),
        continues: session.continues.clone(),
        parent: session.parent.clone(),
        clients: state.clients.clone(),
        context,
    })
}

fn context(state: &State) -> Context {
    let counts = [
        ("progress", state.progress.count),
        ("tasks", state.tasks.len() as u64),
        ("decisions", state.decisions.count),
        ("questions", state.questions.count),
        ("answers", state.answers),
        ("checkpoints", state.checkpoints.count),
        ("snapshots", state.snapshots.count),
        ("commits", state.commits.count),
        ("rollbacks", state.rollbacks.count),
        ("runs", state.runs),
        ("steps", state.steps),
        ("tools", state.tools),
    ];
    Context {
        focus: state.focus.as_ref().map(|focus| focus.text.clone()),
        next: state.focus.as_ref().and_then(|focus| focus.next.clone()),
        progress: state.progress.entries.iter().map(|entry| Dated { at: entry.at, text: entry.text.clone() }).collect(),
        tasks: state.tasks.iter().map(|(id, task)| (id.clone(), word(&task.stage).to_owned())).collect(),
        decisions: state.decisions.entries.iter().map(|decision| decision.id.clone()).collect(),
        questions: state.questions.entries.iter().map(|question| question.id.clone()).collect(),
        checkpoints: state.checkpoints.entries.iter().filter_map(|taken| taken.name.clone()).collect(),
        commits: state.commits.entries.iter().cloned().collect(),
        gates: state.gates.iter().map(|(name, gate)| (name.clone(), gate.verdict)).collect(),
        counts: counts.into_iter().map(|(name, count)| (name.to_owned(), count)).collect(),
    }
}

fn word(stage: &TaskStage) -> &'static str {
    match stage {
        TaskStage::Open => "open",
        TaskStage::Started { .. } => "started",
        TaskStage::Failed { .. } => "failed",
        TaskStage::Waiting { .. } => "waiting",
        TaskStage::Parked { .. } => "parked",
        TaskStage::Done { .. } => "done",
        TaskStage::Cancelled { .. } => "cancelled",
    }
}
