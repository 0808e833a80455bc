//! Where the work stands, as a checkpoint says it: tasks, how far they are, gates, decisions. What cannot be read is left out.

use crate::{
    host::{
        Result,
        store::{overview::Overview, record},
        workspace::Workspace,
    },
    model::{
        checkpoint::{GateMark, GateState, Standing},
        event::Verdict,
        holdings::agent_mark,
        id::{SessionId, TaskId},
        progress::{Finished, Piece, headway},
        record::RecordKind,
        session::active,
        state::State,
        task::{
            Task,
            progress::{Progress, Proof},
        },
        time::Lapse,
    },
};

/// Reads it for a session, or for the clone's own log. `finished` and the milestones that are `reached` count as done: the
/// event that says so is appended together with that of the checkpoint.
pub(super) fn read(
    workspace: &Workspace,
    session: Option<&SessionId>,
    finished: Option<&TaskId>,
    reached: &[TaskId],
) -> Result<Standing> {
    let overview = Overview::read(workspace)?;
    let known = overview.logs.iter().find(|known| known.session.as_ref() == session).map(|known| &known.state);
    let since = known.and_then(|state| state.session.as_ref()).map(|session| session.started);
    let (mut standing, mut pieces, mut milestones) = (Standing::default(), Vec::new(), Vec::new());
    for stored in record::list(workspace, &overview, RecordKind::Task.folder().unwrap_or_default())? {
        let task = TaskId::new(stored.name()).ok().and_then(|id| Task::read(id, &stored.document().ok()?).ok());
        let Some(task) = task else { continue };
        let state = overview.task(&task.id);
        let is_new = finished == Some(&task.id) || reached.contains(&task.id);
        let progress = if is_new { Progress::Done { proof: Proof::Unproven } } else { Progress::of(&task, state) };
        let piece = Piece::of(&task, &progress, state, since);
        pieces.extend(piece.map(|piece| if is_new { Piece { finished: Finished::Here, ..piece } } else { piece }));
        if reached.contains(&task.id) {
            milestones.push(task.title);
        }
        if progress.is_done() {
            standing.done.push(task.id);
        } else if !progress.is_over() {
            standing.open.push(task.id);
        }
    }
    standing.milestone = Some(milestones.join("; ")).filter(|titles| !titles.is_empty());
    let elapsed = known.map_or(Lapse::default(), |state| active(state, workspace.clock().now()));
    let headway = headway(pieces, elapsed);
    standing.percent = headway.map(|headway| headway.percent);
    standing.left = headway.and_then(|headway| headway.left);
    let is_own = |state: &&State| {
        let its = state.session.as_ref();
        session.is_none() || its.is_some_and(|its| Some(&its.id) == session || its.parent.as_ref() == session)
    };
    let states = overview.logs.iter().map(|known| &known.state).filter(is_own);
    standing.agents = states.filter_map(|state| agent_mark(state, workspace.clock().now())).collect();
    let Some(state) = known else { return Ok(standing) };
    for (gate, last) in &state.gates {
        let state = match last.verdict {
            Verdict::Green => GateState::Green,
            Verdict::Red | Verdict::TimedOut | Verdict::Broken => GateState::Red,
        };
        standing.gates.push(GateMark { gate: gate.clone(), state, tree: Some(last.tree.clone()) });
    }
    standing.decisions = state.decisions.entries.iter().map(|decision| decision.id.clone()).collect();
    Ok(standing)
}
