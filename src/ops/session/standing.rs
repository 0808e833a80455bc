//! Where one session stands: its time, its tasks, what it is at. What `session status` shows and what its changes end with.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    host::{
        Result,
        store::{holdings, layout, overview::Overview},
        workspace::Workspace,
    },
    model::{
        id::SessionId,
        progress::{self, Headway, Piece},
        record::RecordKind,
        session::{self, Status, Stop},
        state::{Phase, State},
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
    pub questions: usize,
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
        // Records that are malformed count for nothing here; `task lint` and `verify` name them.
        let (held, _) = holdings::read(workspace, overview, &[RecordKind::Task, RecordKind::Question])?;
        let since = Some(session.started);
        let pieces = held.tasks.iter().filter_map(|held| Piece::of(&held.task, &held.progress, held.state.as_ref(), since));
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
            headway: progress::headway(pieces, elapsed),
            questions: held.open_questions(now).len(),
            checkpoints: state.checkpoints.count,
            last: state.last.unwrap_or(session.started),
            events: state.seq,
        }))
    }
}
