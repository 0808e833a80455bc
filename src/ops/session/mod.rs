//! One stretch of work: start, pause, resume, end, look at it.

pub mod bind;
pub mod client;
pub mod commit;
pub mod compaction;
pub mod diff;
pub mod end;
pub mod env;
pub mod known;
pub mod list;
pub mod pause;
pub mod resume;
pub mod show;
pub mod since;
pub mod standing;
pub mod start;
pub mod status;
pub mod steer;
pub mod stop;
