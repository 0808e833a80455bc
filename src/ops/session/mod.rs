//! One stretch of work: start, pause, resume, end, look at it.

pub mod commit;
pub mod start;
pub mod status;
