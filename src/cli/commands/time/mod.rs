//! `autonomy checkpoint …` and `autonomy rollback`.

pub(super) mod checkpoint;
mod prune;
pub(super) mod rollback;
