//! `autonomy checkpoint …` and `autonomy rollback`.

pub(super) mod checkpoint;
pub(super) mod rollback;
