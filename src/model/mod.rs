//! Floor 0, what things are: pure values and decisions.
//!
//! Nothing here touches a file, a clock, git, a thread or a random number; whatever is needed is handed in.

pub mod actor;
pub mod agent;
pub mod branch;
pub mod briefing;
pub mod change;
pub mod checkpoint;
pub mod claude;
pub mod comparison;
pub mod conversion;
pub mod decision;
pub mod document;
pub mod event;
pub mod finding;
pub mod holdings;
pub mod id;
pub mod ignore;
pub mod intent;
pub mod manifest;
pub mod markdown;
pub mod memory;
pub mod page;
pub mod place;
pub mod process;
pub mod progress;
pub mod proposal;
pub mod question;
pub mod quote;
pub mod record;
pub mod recording;
pub mod refusal;
pub mod relevance;
pub mod rollback;
pub mod schema;
pub mod session;
pub mod session_page;
pub mod settings;
pub mod shell;
pub mod state;
pub mod task;
pub mod time;
pub mod todo;
pub mod trust;
pub mod usage;
pub mod yaml;
