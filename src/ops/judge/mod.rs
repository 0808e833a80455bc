//! Deciding and asking: what was decided and why, and what only a person can say.

pub mod answer;
pub mod ask;
pub mod authority;
pub mod change;
pub mod decide;
pub mod decision;
pub mod gate;
pub mod guard;
pub mod inbox;
pub mod overrule;
pub mod permit;
pub mod replay;
pub mod review;
pub mod undeclared;
