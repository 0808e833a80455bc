//! Floor 3, what keeps going: agents at work, and workflows.
//!
//! Long-lived loops live here; what they decide is decided on floor 0, what they do is done by floors 1 and 2.

pub mod agent;
pub mod demo;
pub mod drive;
pub mod flow;

mod edge;
mod place;
mod retreat;
mod step;
mod verdict;
mod watch;
