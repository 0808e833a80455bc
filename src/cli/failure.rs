//! Errors in words: what was being done, why not, the next command; and the exit code. The only place that knows all three.

use std::io::Write as _;

use crate::host::Error;

/// Prints `error` on stderr, as JSON when asked for, and returns the exit code.
pub(crate) fn report(error: &Error, json: bool) -> u8 {
    let refusal = error.refusal();
    let mut out = std::io::stderr().lock();
    let printed = match serde_json::to_string(&refusal) {
        Ok(text) if json => writeln!(out, "{text}"),
        _ => {
            let hint = refusal.hint.as_deref().map(|hint| format!("\nhint: {hint}")).unwrap_or_default();
            writeln!(out, "error: {}{hint}", refusal.message)
        }
    };
    // With stderr gone there is nobody left to tell.
    printed.ok();
    refusal.code.exit()
}
