//! Where one session stands: its time, its tasks, what it is at. What `session status` shows and what its changes end with.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    host::{
        Result,
        store::{layout, overview::Overview, record},
        workspace::Workspace,
    },
    model::{
        id::{SessionId, TaskId},
        progress::{self, Headway, Piece},
        record::RecordKind,
        session::{self, Status, Stop},
        state::{Phase, State},
        task::{Task, progress::Progress},
        time::{Lapse, Timestamp},
    },
};

/// Where a session stands.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Standing {
    /// Which.
    pub session: SessionId,
    /// What people call it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// What is to be reached.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub goal: Option<String>,
    /// What must hold on the way.
    pub constraints: Vec<String>,
    /// Its status.
    pub status: Status,
    /// Why it is paused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Its folder, from the top of the work tree.
    pub folder: String,
    /// When it began.
    pub started: Timestamp,
    /// How long it has been worked on, without pauses.
    pub elapsed: Lapse,
    /// How long it may take.
    pub max: Lapse,
    /// What is left of that.
    pub left: Lapse,
    /// Whether its time is up.
    pub stop: Stop,
    /// What is being worked on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub focus: Option<String>,
    /// How far the tasks are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub headway: Option<Headway>,
    /// Questions that wait for a person.
    pub questions: u64,
    /// Checkpoints that were taken.
    pub checkpoints: u64,
    /// When something last happened.
    pub last: Timestamp,
    /// How many events there were.
    pub events: u64,
}

impl Standing {
    /// Where the session of `state` stands now; none for a log that is no session's.
    ///
    /// # Errors
    /// Fails when the tasks cannot be read.
    pub fn of(workspace: &Workspace, overview: &Overview, state: &State) -> Result<Option<Self>> {
        let Some(session) = &state.session else { return Ok(None) };
        let now = workspace.clock().now();
        let elapsed = session::active(state, now);
        let reason = match &state.phase {
            Phase::Paused { reason, .. } => Some(reason.clone()),
            Phase::Active | Phase::Ended { .. } => None,
        };
        Ok(Some(Self {
            session: session.id.clone(),
            title: session.title.clone(),
            goal: session.goal.clone(),
            constraints: session.constraints.clone(),
            status: Status::of(&state.phase),
            reason,
            folder: layout::session_folder(&session.id),
            started: session.started,
            elapsed,
            max: session.max,
            left: Lapse(session.max.0.saturating_sub(elapsed.0)),
            stop: Stop::of(elapsed, session.max),
            focus: state.focus.as_ref().map(|focus| focus.text.clone()),
            headway: progress::headway(pieces(workspace, overview, session.started)?, elapsed),
            questions: state.questions.count.saturating_sub(state.answers),
            checkpoints: state.checkpoints.count,
            last: state.last.unwrap_or(session.started),
            events: state.seq,
        }))
    }
}

/// The tasks in force as pieces of work; a record that is malformed counts for nothing here, `task lint` names it.
fn pieces(workspace: &Workspace, overview: &Overview, since: Timestamp) -> Result<Vec<Piece>> {
    let folder = RecordKind::Task.folder().unwrap_or_default();
    let mut pieces = Vec::new();
    for stored in record::list(workspace, overview, folder)? {
        let task = TaskId::new(stored.name()).ok().and_then(|id| Task::read(id, &stored.document().ok()?).ok());
        let Some(task) = task else { continue };
        let state = overview.task(&task.id);
        pieces.extend(Piece::of(&task, &Progress::of(&task, state), state, Some(since)));
    }
    Ok(pieces)
}
