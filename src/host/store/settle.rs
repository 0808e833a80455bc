//! Settling: after git has been at work, bring records and log together again. The only healing there is.
//!
//! A file somebody changed is right; a file that git took away on purpose stays away; a file that is gone for no reason is
//! put back. Nothing that a checkout, rebase or stash entry will want to write itself is written here.

use crate::host::{Result, store::ledger::Ledger, store::record};

/// Compares every record that the log wrote with what is there, and follows or mends it.
///
/// # Errors
/// Fails when files or git cannot be read.
pub fn settle(ledger: &mut Ledger<'_>) -> Result<()> {
    record::apply(ledger)
}
