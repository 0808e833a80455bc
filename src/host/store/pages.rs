//! Pages of a live session, rendered from its state after each command.
//!
//! A page never stops a command: what happened is in the log. A page that cannot be updated is named on stderr.

use crate::{host::store::ledger::Ledger, model::event::Fact};

/// Renders the pages that `facts` change.
pub fn refresh(_ledger: &Ledger<'_>, _facts: &[Fact]) {}
