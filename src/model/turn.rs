//! How a conversation of an agent client has gone on by itself. Whether it goes on further is decided elsewhere.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::id::Digest;

/// How a conversation has gone on by itself since a person last spoke.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Continued {
    /// How many turns in a row.
    pub row: u32,
    /// How many of the last ones changed nothing.
    pub idle: u32,
    /// The tree, the open tasks and what the gates said before the next turn, as one.
    pub standing: Digest,
}
