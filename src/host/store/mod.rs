//! The store: logs beside git, records and pages under `.claude/`.
//!
//! What happened is appended to a log in the git directory, where no git command of an agent reaches; files under
//! `.claude/` follow from it. Only `transaction` writes through this module.

pub mod binding;
pub mod bytes;
pub mod check;
pub mod copied;
pub mod exclude;
pub mod genuine;
pub mod holdings;
pub mod layout;
pub mod ledger;
pub mod lock;
pub mod log;
pub mod mend;
pub mod overview;
pub mod pages;
pub mod place;
pub mod publish;
pub mod record;
pub mod retention;
pub mod retire;
pub mod rollbacks;
pub mod said;
pub mod sealed;
pub mod settle;
pub mod snapshots;
pub mod write;
