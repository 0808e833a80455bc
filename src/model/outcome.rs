//! How something that was decided turned out, in a word: what is learned from later.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How something that was decided turned out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Label {
    /// It did what it was for.
    Success,
    /// It did not.
    Failure,
    /// In part.
    Mixed,
}

impl Label {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Success, Self::Failure, Self::Mixed];

    /// The word on disk.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Failure => "failure",
            Self::Mixed => "mixed",
        }
    }
}
