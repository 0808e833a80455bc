//! Compaction: an agent's memory is cut to a summary, and everything that was known stands in the session's folder.
//!
//! `before` seals, `ahead` does when a conversation is almost full, `after` hands back, `show` tells, `drill` measures what a
//! briefing still says. The log is continuous, so
//! `after` works where `before` never ran. The client's own summary is not ours.

pub mod after;
pub mod ahead;
pub mod before;
pub mod drill;
mod gather;
mod kept;
mod measure;
mod seal;
pub mod show;

pub use crate::ops::session::compaction::{
    after::after,
    before::{before, before_in},
    drill::drill,
    show::show,
};
