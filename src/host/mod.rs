//! Floor 1, what we touch: the only floor that reads and writes the machine.
//!
//! Decisions are not taken here; they come from `model` and are carried out.

#![expect(clippy::disallowed_methods, reason = "this is the floor that touches the machine")]

pub mod actor;
pub mod change;
pub mod clock;
pub mod confined;
pub mod environment;
pub mod failpoint;
pub mod git;
pub mod handover;
pub mod machine;
pub mod process;
pub mod secret;
pub mod settings;
pub mod sight;
pub mod source;
pub mod store;
pub mod survey;
pub mod template;
mod told;
pub mod transaction;
pub mod trust;
pub mod watch;
pub mod workspace;

mod error;

pub use error::{Doing, Error, Result};
