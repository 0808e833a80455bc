//! What the hooks of an agent client tell: whose conversation it is, what was done, where a turn begins and ends.
//!
//! A conversation joins the session that is live in its work tree. Without one, a session begins with the first file that is
//! written, never with the client alone. Nothing here commits.

use std::path::{Path, PathBuf};

use crate::{
    host::{
        Result, handover,
        store::{
            layout::Private,
            ledger::{Ledger, Target},
            lock, pages, settle,
        },
        transaction::Transaction,
        workspace::Workspace,
    },
    model::{
        briefing::{Detail, USUAL},
        checkpoint::CheckpointKind,
        compaction::Cause,
        event::{Fact, TIMED_OUT},
        holdings::current_task,
        hook::MAX_WORDS,
        id::{ClientId, SessionId},
        quote,
        refusal::Code,
        shell::{self, Shell},
        state::{Phase, State},
        time::Lapse,
    },
    ops::{
        session::{
            compaction::{after, ahead, before, before_in},
            start,
        },
        tell::{briefing, scene::Scene},
        time::checkpoint::{self, Asking, Due},
    },
};

/// Appends facts to the session that the conversation belongs to, which it joins; hands back which that is. The records are
/// not looked at: this is for what happens with every tool.
///
/// # Errors
/// Refuses several live sessions when nothing says which; fails when the log cannot be written.
pub fn tell(workspace: &Workspace, client: Option<&ClientId>, facts: &[Fact]) -> Result<Option<SessionId>> {
    let Some(session) = workspace.belongs_to()? else { return Ok(None) };
    let mut transaction = Transaction::unsettled(workspace, Target::Session(session.clone()))?;
    join(&mut transaction, client, facts)?;
    Ok(Some(session))
}

/// Appends facts, before them that the conversation belongs to the session from now on. A session that is over takes none.
fn join(transaction: &mut Transaction<'_>, client: Option<&ClientId>, facts: &[Fact]) -> Result<()> {
    let state = transaction.state();
    let is_in = client.is_none_or(|client| state.clients.contains(client)) && !state.is_ended();
    if is_in && !facts.iter().any(Fact::is_shown) {
        return match transaction.tell(facts) {
            Err(_) if transaction.state().is_ended() => Ok(()),
            told => told,
        };
    }
    let joined = transaction.append(|state| {
        if state.is_ended() {
            return Ok((Vec::new(), false));
        }
        let joins = client.filter(|client| !state.clients.contains(client));
        let bound = joins.map(|client| Fact::ClientBound { client: client.clone() });
        Ok((bound.into_iter().chain(facts.iter().cloned()).collect(), joins.is_some()))
    })?;
    if joined { settle::bind_clients(transaction) } else { Ok(()) }
}

/// What the progress log says of a task of the client's own list that was completed; nothing without a session.
///
/// # Errors
/// Refuses several live sessions when nothing says which.
pub fn completed(workspace: &Workspace, subject: &str) -> Result<Option<Fact>> {
    let Some(session) = workspace.belongs_to()? else { return Ok(None) };
    let transaction = Transaction::unsettled(workspace, Target::Session(session))?;
    let text = format!("completed in the client's own list: {}", quote::line(subject, MAX_WORDS));
    Ok(Some(Fact::ProgressAdded { text, task: current_task(transaction.state()).cloned() }))
}

/// Appends that a tool was used. Where no session is live, one begins when the tool wrote a file.
///
/// # Errors
/// As [`tell`]; fails when no session can begin.
pub fn used_tool(workspace: &Workspace, client: Option<&ClientId>, fact: Fact) -> Result<()> {
    let facts = [fact];
    let writes = matches!(&facts[0], Fact::ToolUsed { path: Some(path), failed: false, .. } if !path.starts_with(".claude/"));
    if tell(workspace, client, &facts)?.is_none() && writes {
        match start::silently(workspace) {
            // Another conversation in this work tree was faster, and this one joins it.
            Err(error) if error.refusal().code != Code::Conflict => return Err(error),
            Ok(_) | Err(_) => tell(workspace, client, &facts)?,
        };
    }
    Ok(())
}

/// The path that a tool wrote, from the top of the work tree; none when it lies outside.
#[must_use]
pub fn own_path(workspace: &Workspace, path: &str) -> Option<String> {
    let path = Path::new(path);
    let below = if path.is_absolute() { path.strip_prefix(workspace.root()).ok()? } else { path };
    below.to_str().map(str::to_owned)
}

/// Takes the snapshot that is due while a turn goes on, where no run does so, and seals everything when the conversation is almost
/// full; hands back what its agent is to know then.
///
/// # Errors
/// As [`tell`]; fails when the work tree cannot be read.
pub fn went_on(workspace: &Workspace, transcript: Option<&Path>) -> Result<Option<String>> {
    let Some(session) = workspace.belongs_to()? else { return Ok(None) };
    let mut transaction = Transaction::unsettled(workspace, Target::Session(session))?;
    take_due(&mut transaction)?;
    seal_ahead(&mut transaction, transcript)
}

fn seal_ahead(transaction: &mut Transaction<'_>, transcript: Option<&Path>) -> Result<Option<String>> {
    match transcript {
        Some(transcript) if !is_driven(transaction) => ahead::seal_ahead(transaction, transcript),
        Some(_) | None => Ok(None),
    }
}

fn take_due(transaction: &mut Transaction<'_>) -> Result<bool> {
    let state = transaction.state();
    let Some(session) = state.session.as_ref().filter(|_| !state.is_ended()) else { return Ok(false) };
    let last = [&state.checkpoints, &state.snapshots].into_iter().filter_map(|taken| taken.entries.back());
    let last = last.map(|taken| taken.at).max().map_or(session.started, |at| at.max(session.started));
    // Most calls come soon after another and need no settings for this.
    if transaction.at().since(last) < Lapse::minutes(1) || is_driven(transaction) {
        return Ok(false);
    }
    let (task, begun) = (current_task(state).cloned(), session.started);
    Ok(checkpoint::take_due(transaction, task.as_ref(), begun)? == Due::Taken)
}

/// Whether a run works in the session, which takes its own snapshots.
fn is_driven(ledger: &Ledger<'_>) -> bool {
    lock::is_running(&ledger.directory())
}

/// A turn begins: a session that only time had laid aside goes on, what is there before the turn is safe, and everything is sealed
/// when the conversation is almost full; hands back what its agent is to know then.
///
/// # Errors
/// As [`tell`]; fails when the work tree cannot be read.
pub fn turn_begins(workspace: &Workspace, client: Option<&ClientId>, transcript: Option<&Path>) -> Result<Option<String>> {
    let mut transaction = Transaction::open(workspace)?;
    let mut told = None;
    if transaction.session().is_some() {
        let timed_out = matches!(&transaction.state().phase, Phase::Paused { reason, .. } if reason == TIMED_OUT);
        let mut facts: Vec<Fact> = timed_out.then_some(Fact::SessionResumed {}).into_iter().collect();
        told = client.and_then(|client| meanwhile(transaction.state(), client));
        if told.is_some() {
            facts.push(Fact::ClientTold { event: TURN.to_owned(), client: client.cloned(), words: None });
        }
        join(&mut transaction, client, &facts)?;
    }
    snapshot(&mut transaction, "before a turn of the agent")?;
    let full = seal_ahead(&mut transaction, transcript)?;
    let all: Vec<String> = told.into_iter().chain(full).collect();
    Ok((!all.is_empty()).then(|| all.join("\n\n")))
}

/// The event at which a turn begins.
const TURN: &str = "UserPromptSubmit";

/// What a conversation is to know of a run that ended since it was last heard of.
fn meanwhile(state: &State, client: &ClientId) -> Option<String> {
    let heard = *state.heard.get(client)?;
    let run = state.run.as_ref().filter(|run| run.ended.is_some() && heard < state.runs_ended)?;
    let ended = run.ended.as_deref().unwrap_or_default();
    Some(format!(
        "Since the last turn of this conversation `autonomy run` worked in this session: {}, and it ended with `{ended}`. Files that \
         you know may have changed. `autonomy report` tells what was done, `autonomy next` what comes now.",
        quote::counted(run.steps as usize, "attempt")
    ))
}

/// A turn, or the conversation, is over: it is written down, and what is there now is safe.
///
/// # Errors
/// As [`turn_begins`].
pub fn turn_ends(workspace: &Workspace, client: Option<&ClientId>, told: Fact) -> Result<()> {
    let mut transaction = Transaction::open(workspace)?;
    if transaction.session().is_some() {
        join(&mut transaction, client, &[told])?;
        if take_due(&mut transaction)? {
            return Ok(());
        }
    }
    snapshot(&mut transaction, "after a turn of the agent")
}

fn snapshot(transaction: &mut Transaction<'_>, summary: &str) -> Result<()> {
    if is_driven(transaction) {
        return Ok(());
    }
    let asking = asking(transaction.state(), summary);
    checkpoint::take_changed(transaction, asking).map(drop)
}

fn asking(state: &State, summary: &str) -> Asking {
    let (title, summary, task) = (String::new(), summary.to_owned(), current_task(state).cloned());
    Asking { kind: CheckpointKind::Edge, title, summary, task, reached: Vec::new() }
}

/// The context is about to be compacted: it is written down, a checkpoint is taken, and everything that is known is sealed.
///
/// # Errors
/// As [`turn_begins`].
pub fn before_compaction(
    workspace: &Workspace,
    client: Option<&ClientId>,
    transcript: Option<PathBuf>,
    told: Fact,
) -> Result<()> {
    let mut transaction = Transaction::open(workspace)?;
    let is_asked_for = matches!(&told, Fact::ClientTold { words: Some(words), .. } if words == "manual");
    if transaction.session().is_some() {
        join(&mut transaction, client, &[told])?;
    }
    let cause = if is_asked_for { Cause::Manual } else { Cause::Auto };
    before_in(&mut transaction, &before::Request { cause, transcript }).map(drop)
}

/// The context was compacted: everything is handed back, as `compact post` does it. Where that cannot be, it is written down, and
/// the agent is told what there is all the same.
///
/// # Errors
/// As [`briefing()`].
pub fn after_compaction(workspace: &Workspace, transcript: Option<PathBuf>) -> Result<Option<String>> {
    if workspace.belongs_to()?.is_none() {
        return briefing(workspace);
    }
    match after(workspace, &after::Request { transcript, ..after::Request::default() }) {
        Ok(outcome) => Ok(Some(outcome.briefing)),
        Err(error) => {
            failed(workspace, BEGINS, &quote::line(&error.to_string(), MAX_WORDS)).ok();
            briefing(workspace)
        }
    }
}

/// The event at which a client hears what an agent has to know.
const BEGINS: &str = "SessionStart";

/// A conversation begins or goes on: it joins the live session, and the shells that it starts know the session by the
/// variables in `file`.
///
/// # Errors
/// As [`tell`]; fails when the file cannot be written.
pub fn begins(workspace: &Workspace, client: Option<&ClientId>, file: Option<&Path>) -> Result<()> {
    let Some(session) = workspace.belongs_to()? else { return Ok(()) };
    // Records are looked at when the first turn begins.
    let mut transaction = Transaction::unsettled(workspace, Target::Session(session.clone()))?;
    join(&mut transaction, client, &[])?;
    let Some(file) = file else { return Ok(()) };
    let variables = pages::variables(workspace.root(), &session)?;
    let directory = Private::of(workspace.common_directory()).session(&session).display().to_string();
    let sets: Vec<String> = variables.iter().map(|(name, value)| Shell::Sh.set(name, value)).collect();
    // A session may end before the conversation does; then its name would be in the way of every command.
    let line = format!("if [ -d {} ]; then {}; fi", shell::command_line([directory.as_str()]), sets.join("; "));
    handover::add_line(file, &line)
}

/// What an agent with an empty context has to know; none when there is nothing to know here.
///
/// # Errors
/// As [`tell`]; fails when the store cannot be read.
pub fn briefing(workspace: &Workspace) -> Result<Option<String>> {
    let scene = Scene::read(workspace, workspace.belongs_to()?)?;
    let held = &scene.holdings;
    let is_blank = held.tasks.is_empty() && held.questions.is_empty() && held.decisions.is_empty() && held.notes.is_empty();
    if scene.session.is_none() && is_blank {
        return Ok(None);
    }
    let task = scene.state().and_then(current_task).cloned();
    let (text, _) = briefing::write(workspace, &scene, task.as_ref(), USUAL, Detail::Here)?;
    Ok(Some(text))
}

/// Writes down that a hook could not do its work: in the session's log, or in the clone's own where the session is the fault.
///
/// # Errors
/// Fails when neither log can be written.
pub fn failed(workspace: &Workspace, event: &str, why: &str) -> Result<()> {
    let fact = Fact::HookFailed { event: event.to_owned(), why: why.to_owned() };
    match tell(workspace, None, std::slice::from_ref(&fact)) {
        Ok(Some(_)) => Ok(()),
        Ok(None) | Err(_) => Transaction::unsettled(workspace, Target::Clone)?.append_facts(&[fact]),
    }
}
