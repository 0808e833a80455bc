//! `statusline`: one line for the foot of an agent client's screen. Reads only; what the client hands over may lack anything.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    host::{Result, workspace::Workspace},
    model::{
        holdings::current_task,
        id::SessionId,
        question::Status,
        quote::{self, counted},
        report::compose::headway,
        session::{self, Stop},
        time::Lapse,
    },
    ops::tell::scene::Scene,
};

/// The most characters of a title.
const MAX_TITLE: usize = 40;

/// From how many percent of the context on a compaction is near.
const NEAR: u64 = 80;

/// What the client hands over.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Request {
    /// Its JSON, as it is.
    pub payload: Value,
}

/// The line, and what is in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Outcome {
    /// The line.
    pub line: String,
    /// The session that commands belong to here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<SessionId>,
    /// What is left of its time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left: Option<Lapse>,
    /// Questions that nobody answered.
    pub questions: usize,
    /// How much of the context is used, in percent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context: Option<u64>,
}

/// Tells how things stand in one line.
///
/// # Errors
/// Refuses several live sessions when nothing says which; fails when the store cannot be read.
pub fn statusline(workspace: &Workspace, request: &Request) -> Result<Outcome> {
    let scene = Scene::read(workspace, workspace.belongs_to()?)?;
    let now = workspace.clock().now();
    let mut parts: Vec<String> = Vec::new();
    let mut left = None;
    if let Some((state, began)) = scene.state().and_then(|state| Some((state, state.session.as_ref()?))) {
        parts.push(quote::line(began.title.as_deref().unwrap_or(began.id.as_str()), MAX_TITLE));
        let active = session::active(state, now);
        if let Some(headway) = headway(&scene.holdings, Some(state), now) {
            parts.push(format!("{} of {} done", headway.done, counted(headway.tasks, "task")));
        }
        if let Some(task) = current_task(state) {
            parts.push(quote::line(scene.holdings.title_of(task), MAX_TITLE));
        }
        let rest = Lapse(began.max.0.saturating_sub(active.0));
        left = Some(rest);
        parts.push(match Stop::of(active, began.max) {
            Stop::Hard => "time is over".to_owned(),
            Stop::Soft => format!("only {rest} left"),
            Stop::No => format!("{rest} left"),
        });
    } else {
        parts.push("no session".to_owned());
    }
    let questions = scene.holdings.questions.iter().filter(|question| question.status_at(now) == Status::Open).count();
    if questions > 0 {
        parts.push(format!("{} for you", counted(questions, "question")));
    }
    let percent = |pointer: &str| request.payload.pointer(pointer).and_then(Value::as_f64).map(whole);
    let context = percent("/context_window/used_percentage");
    parts.extend(context.map(|used| match used {
        NEAR.. => format!("context {used}%, compaction is near"),
        _ => format!("context {used}%"),
    }));
    for (name, pointer) in [("5 h", "/rate_limits/five_hour/used_percentage"), ("7 d", "/rate_limits/seven_day/used_percentage")]
    {
        parts.extend(percent(pointer).filter(|used| *used >= NEAR).map(|used| format!("limit of {name} at {used}%")));
    }
    let session = scene.session.clone();
    Ok(Outcome { line: parts.join(" · "), session, left, questions, context })
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped")]
fn whole(percent: f64) -> u64 {
    percent.round().clamp(0.0, 1_000.0) as u64
}
