//! The one integration binary: the house itself, then what a user sees of the built program.
//!
//! Unit tests live beside the code they test; what can be shown there is not shown again here.

#![expect(clippy::disallowed_methods, reason = "tests play the user, who touches the machine")]
#![expect(clippy::panic, clippy::unwrap_used, reason = "a test says no by panicking")]

mod agents;
mod authority;
mod bad_input;
mod client;
mod compaction;
mod demo;
mod doctor;
mod example;
mod guard;
mod hook;
mod ignored;
mod install;
mod readme;
mod repositories;
mod run;
mod sandbox;
mod secrets;
mod session;
mod settings;
mod setup;
mod store;
mod tell;
mod tidy;
mod time;
mod work;
mod written;
