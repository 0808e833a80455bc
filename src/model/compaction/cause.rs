//! Why a session's state is sealed. What is sealed is not known here.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Why the state was sealed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// Somebody asked for a compaction.
    #[default]
    Manual,
    /// The client compacts by itself.
    Auto,
    /// The context is almost full.
    Proactive,
    /// Nothing was sealed before the compaction, or too little.
    Late,
}

impl Cause {
    /// The word for people.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Manual => "manual",
            Self::Auto => "auto",
            Self::Proactive => "proactive",
            Self::Late => "late",
        }
    }
}
