//! Checkpoints: why one was taken.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Why a checkpoint or a snapshot was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CheckpointKind {
    /// Somebody typed `autonomy checkpoint`.
    Manual,
    /// A task was finished.
    Task,
    /// A milestone was reached.
    Milestone,
    /// The agent's context was about to be compacted.
    Compaction,
    /// Time had passed.
    Tick,
    /// The session ended.
    End,
    /// Before or after an attempt; kept as a ref, not as a tag.
    Edge,
    /// Before a rollback; kept as a ref, not as a tag.
    Safety,
}
