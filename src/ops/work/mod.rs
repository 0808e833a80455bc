//! Tasks and working memory: what is to be done, what is being done, what was done, what to remember.

pub mod board;
pub mod focus;
pub mod memory;
pub mod next;
pub mod note;
pub mod progress;
pub mod task;
pub mod workflow;
