//! Looking at it: the briefing of an agent, the state on one screen, the report of what happened.

pub mod briefing;
pub mod context;
pub mod project;
pub mod prompt;
pub mod report;
pub mod scene;
pub mod status;
pub mod statusline;
