//! `autonomy statusline`.

use std::io;

use crate::{
    cli::context::Context,
    host::{Result, handover},
    ops::tell::statusline,
};

/// How the client is told to call it.
pub(crate) const SETTINGS: &str =
    "In the settings of the client: \"statusLine\": {\"type\": \"command\", \"command\": \"autonomy statusline\"}";

pub(crate) fn run(context: &Context) -> Result<u8> {
    let workspace = context.workspace()?;
    // What the client says is worth a line, and no more: without it the rest is still true.
    let payload = handover::payload(&mut io::stdin().lock())?;
    let request = statusline::Request { payload: serde_json::from_slice(&payload).unwrap_or_default() };
    let outcome = statusline::statusline(&workspace, &request)?;
    context.say(&workspace, &outcome, |screen| screen.data(outcome.line.as_str()))
}
