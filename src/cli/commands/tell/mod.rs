//! Commands that look at it: `context`, `status`, `statusline`, `report`.

pub(crate) mod context;
pub(crate) mod report;
pub(crate) mod status;
pub(crate) mod statusline;
