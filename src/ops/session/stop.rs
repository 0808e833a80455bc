//! `stop`: ask the run of this session to stop. It ends its agent within seconds and keeps the work.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    host::{Result, process::Stop, transaction::Transaction, workspace::Workspace},
    model::{actor::Actor, event::Fact, id::RunId, refusal::Refusal},
};

/// Nothing to say: the run is that of the session that the command belongs to.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Request {}

/// Who was asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Outcome {
    /// The run.
    pub run: RunId,
}

/// Asks the run to stop.
///
/// # Errors
/// Refuses where no run goes on.
pub fn stop(workspace: &Workspace, _request: &Request) -> Result<Outcome> {
    let mut transaction = Transaction::of_session(workspace)?;
    transaction.append(|state| {
        let Some(run) = state.run.as_ref().filter(|run| run.ended.is_none()) else {
            return Err(Refusal::no("no run goes on in this session").hint("`autonomy status` shows where it stands").into());
        };
        let facts = if run.stop_asked { Vec::new() } else { vec![Fact::RunStopAsked {}] };
        Ok((facts, Outcome { run: run.id.clone() }))
    })
}

/// Tells `stop` when a run that acts in `transaction` was asked to stop by another process. A person's own command is no run.
///
/// # Errors
/// Fails when the log cannot be read.
pub fn heed(transaction: &mut Transaction<'_>, stop: &Stop) -> Result<()> {
    if *transaction.actor() != Actor::Autonomy {
        return Ok(());
    }
    transaction.catch_up()?;
    if transaction.state().run.as_ref().is_some_and(|run| run.ended.is_none() && run.stop_asked) {
        stop.tell();
    }
    Ok(())
}
