//! Deciding and asking.

pub(crate) mod answer;
pub(crate) mod ask;
pub(crate) mod authority;
pub(crate) mod decide;
pub(crate) mod decision;
pub(crate) mod gate;
pub(crate) mod guard;
pub(crate) mod inbox;
