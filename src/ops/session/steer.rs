//! The end of a turn in a session that was started with `--drive`: the conversation goes on by itself while there is work that
//! moves, and rests when a person is needed. A run takes over by itself, so nothing is steered while one goes on.

use crate::{
    host::{
        Result,
        store::{ledger::Target, lock},
        transaction::Transaction,
        workspace::Workspace,
    },
    model::{
        event::Fact,
        holdings::current_task,
        id::{ClientId, Digest},
        session,
        state::Phase,
        steering::{self, Course, Going, Turn},
        task::progress::Progress,
    },
    ops::work::board::Board,
};

/// Who began the turn that is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Begun {
    /// A person.
    ByPerson,
    /// The turn before, by itself.
    ByItself,
}

/// What the client is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Steered {
    /// Nothing: the session is not driven.
    Not,
    /// The agent goes on with this.
    On(String),
    /// The person is told why it rests.
    Rests(String),
}

/// Decides whether a conversation goes on; `cap` is how many turns in a row its client allows.
///
/// # Errors
/// Fails when the store or the work tree cannot be read, or the log not be written.
pub fn steer(workspace: &Workspace, client: &ClientId, begun: Begun, cap: u32) -> Result<Steered> {
    let Some(session) = workspace.belongs_to()? else { return Ok(Steered::Not) };
    let mut transaction = Transaction::unsettled(workspace, Target::Session(session))?;
    let state = transaction.state();
    if !state.driven || state.phase != Phase::Active || lock::is_running(&transaction.directory()) {
        return Ok(Steered::Not);
    }
    let board = Board::read(workspace)?;
    let held = &board.holdings;
    let under_way = current_task(state).filter(|id| held.task(id).is_some_and(|held| held.progress == Progress::Started));
    let ready = held.ready();
    let task = under_way.or_else(|| ready.first().map(|task| &task.id));
    let waiting = held.tasks.iter().filter(|held| matches!(held.progress, Progress::Waiting { .. })).count();
    let settings = &workspace.settings()?.run;
    let open: Vec<String> = held
        .tasks
        .iter()
        .filter(|held| !held.progress.is_over())
        .map(|held| format!("{} {}", held.task.id, held.progress.word()))
        .collect();
    let gates = serde_json::to_string(&state.gates.iter().map(|(name, gate)| (name, gate.verdict)).collect::<Vec<_>>());
    let tree = workspace.git()?.tree_outside_claude(workspace.environment())?;
    let turn = Turn {
        before: state.continued.get(client).filter(|_| begun == Begun::ByItself),
        task,
        waiting,
        standing: Digest::of(format!("{tree}\n{}\n{}", open.join("\n"), gates.unwrap_or_default())),
        stop: session::Stop::of(
            session::active(state, workspace.clock().now()),
            state.session.as_ref().map(|session| session.max).unwrap_or_default(),
        ),
        steps: state.turns,
        max_steps: settings.max_steps.get().into(),
        max_idle: settings.steps_without_progress.get(),
        cap,
    };
    match steering::course(&turn) {
        Course::Rest(rest) => Ok(Steered::Rests(rest.words())),
        Course::On(task, continued) => {
            let going = if under_way == Some(&task) { Going::On } else { Going::New };
            let words = steering::words(&task, held.title_of(&task), going);
            transaction.append_facts(&[Fact::TurnContinued { client: client.clone(), task, continued }])?;
            Ok(Steered::On(words))
        }
    }
}
