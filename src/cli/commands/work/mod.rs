//! Tasks and working memory.

pub(crate) mod focus;
pub(crate) mod memory;
pub(crate) mod next;
pub(crate) mod note;
pub(crate) mod progress;
pub(crate) mod task;
pub(crate) mod workflow;
