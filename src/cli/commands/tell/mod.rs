//! Commands that look at it: `context`, `status`, `report`.

pub(crate) mod context;
pub(crate) mod report;
pub(crate) mod status;
