//! Going back in time: snapshots of the work tree with or without a tag, and the way back to one.

pub mod checkpoint;
pub mod rollback;

mod journal;
mod ownership;
mod standing;
