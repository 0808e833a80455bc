//! The end of a turn in a session that was started with `--drive`: the conversation goes on by itself while there is work that
//! moves, and rests when a person is needed. A run takes over by itself, so nothing is steered while one goes on.

use std::path::Path;

use crate::{
    host::{
        Result, handover,
        store::{ledger::Target, lock},
        transaction::Transaction,
        workspace::Workspace,
    },
    model::{
        event::Fact,
        holdings::current_task,
        id::{ClientId, Digest},
        session,
        state::{Phase, Spent},
        steering::{self, Course, Going, Turn},
        task::progress::Progress,
        transcript::used,
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

/// Decides whether a conversation goes on, and counts what it has used by its `transcript`; `cap` is how many turns in a row its
/// client allows.
///
/// # Errors
/// Fails when the store or the work tree cannot be read, or the log not be written.
pub fn steer(workspace: &Workspace, client: &ClientId, begun: Begun, cap: u32, transcript: Option<&Path>) -> Result<Steered> {
    let Some(session) = workspace.belongs_to()? else { return Ok(Steered::Not) };
    let mut transaction = Transaction::unsettled(workspace, Target::Session(session))?;
    if !transaction.state().driven || transaction.state().phase != Phase::Active {
        return Ok(Steered::Not);
    }
    if lock::is_running(&transaction.directory()) {
        return Ok(Steered::Rests(RUNNING.to_owned()));
    }
    if let Some(transcript) = transcript {
        count(&mut transaction, client, transcript)?;
    }
    let state = transaction.state();
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
        spent: state.metered.values().fold(Spent::default(), |mut sum, more| {
            sum += *more;
            sum
        }),
        max_tokens: settings.max_tokens.get(),
        max_cost: settings.max_cost.0,
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

/// What a person at the client is told while a run has taken over.
const RUNNING: &str = "autonomy: `autonomy run` works in this session; this conversation goes on when that has ended";

/// The most bytes of a transcript that are read to count what it used.
const COUNTED: u64 = 256 << 20;

/// Writes down what the conversation has used since it was counted last.
fn count(transaction: &mut Transaction<'_>, client: &ClientId, transcript: &Path) -> Result<()> {
    let Some((text, _)) = handover::end_of(transcript, COUNTED)? else { return Ok(()) };
    let known = transaction.state().metered.get(client).copied().unwrap_or_default();
    let Spent { input_tokens, output_tokens, cost_micros } = used(&text).less(known);
    if input_tokens == 0 && output_tokens == 0 && cost_micros == 0 {
        return Ok(());
    }
    let client = Some(client.clone());
    transaction.append_facts(&[Fact::UsageSeen { step: None, client, input_tokens, output_tokens, cost_micros }])
}
