//! Commands that look at it: `context`, `status`, `report`.

pub(crate) mod context;
