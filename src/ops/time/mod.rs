//! Going back in time: snapshots of the work tree with or without a tag, and the way back to one.

pub mod checkpoint;
pub mod coverage;
pub mod keep;
pub mod prune;
pub mod rollback;
pub mod thinning;

mod journal;
mod ownership;
mod revert;
mod standing;
