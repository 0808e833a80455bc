//! Where the work stands, as a checkpoint says it: tasks, gates, decisions. What cannot be read is left out.

use crate::{
    host::{
        Result,
        store::{overview::Overview, record},
        workspace::Workspace,
    },
    model::{
        checkpoint::{GateMark, GateState, Standing},
        event::Verdict,
        id::{SessionId, TaskId},
        progress::{Piece, headway},
        record::RecordKind,
        task::{Task, progress::Progress},
        time::Lapse,
    },
};

/// Reads it for a session, or for the clone's own log.
pub(super) fn read(workspace: &Workspace, session: Option<&SessionId>, milestone: Option<String>) -> Result<Standing> {
    let overview = Overview::read(workspace)?;
    let mut standing = Standing { milestone, ..Standing::default() };
    let mut pieces = Vec::new();
    for stored in record::list(workspace, &overview, RecordKind::Task.folder().unwrap_or_default())? {
        let task = TaskId::new(stored.name()).ok().and_then(|id| Task::read(id, &stored.document().ok()?).ok());
        let Some(task) = task else { continue };
        let state = overview.task(&task.id);
        let progress = Progress::of(&task, state);
        pieces.extend(Piece::of(&task, &progress, state, None));
        if progress.is_done() {
            standing.done.push(task.id);
        } else if !progress.is_over() {
            standing.open.push(task.id);
        }
    }
    standing.percent = headway(pieces, Lapse::default()).map(|known| known.percent);
    let Some(known) = overview.logs.iter().find(|known| known.session.as_ref() == session) else { return Ok(standing) };
    for (gate, last) in &known.state.gates {
        let state = match last.verdict {
            Verdict::Green => GateState::Green,
            Verdict::Red | Verdict::TimedOut | Verdict::Broken => GateState::Red,
        };
        standing.gates.push(GateMark { gate: gate.clone(), state, tree: Some(last.tree.clone()) });
    }
    standing.decisions = known.state.decisions.entries.iter().map(|decision| decision.id.clone()).collect();
    Ok(standing)
}
