//! Sealing ahead: what is known is sealed once before a client cuts a conversation that is almost full, and its agent is told.

use std::path::Path;

use crate::{
    host::{Result, transaction::Transaction},
    model::{
        compaction::{Cause, is_almost_full},
        transcript::Held,
    },
    ops::session::compaction::{
        before::{self, before_in},
        measure::read,
    },
};

/// Seals everything when the conversation that the request comes from is almost full, once until it was cut; hands back what
/// its agent is to know then.
///
/// # Errors
/// Fails when the transcript or the settings cannot be read, or the log cannot be written.
pub fn seal_ahead(transaction: &mut Transaction<'_>, transcript: &Path) -> Result<Option<String>> {
    let workspace = transaction.workspace();
    let Some(client) = workspace.client() else { return Ok(None) };
    if transaction.session().is_none() || transaction.state().is_ended() || transaction.state().ahead.contains(client) {
        return Ok(None);
    }
    let Some((_, Held::Tokens(tokens))) = read(transcript)? else { return Ok(None) };
    let window = u64::from(workspace.settings()?.session.context.get());
    if !is_almost_full(tokens, window) {
        return Ok(None);
    }
    let request = before::Request { cause: Cause::Proactive, transcript: Some(transcript.to_owned()) };
    let sealed = before_in(transaction, &request)?;
    let number = sealed.compaction.unwrap_or_default();
    let percent = tokens.saturating_mul(100) / window;
    Ok(Some(format!(
        "This conversation holds {tokens} tokens, {percent} % of what `session.context` allows, and may be compacted soon. \
         `autonomy` has sealed what it knows as compaction {number} and hands it back afterwards. What only this conversation knows \
         is not in it yet: write that down now with `autonomy progress add`, `autonomy memory store`, `autonomy decide` or \
         `autonomy focus`, then go on with the work."
    )))
}
