//! Who did it: a person, an agent, or this program by itself.
//!
//! An agent is never guessed: without positive evidence the actor is a person. Where the evidence comes from is `host`'s matter.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::refusal::Refusal;

/// Who caused an event.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum Actor {
    /// Somebody at a keyboard, or a script or timer that somebody set up.
    Person {
        /// The name from git's configuration, when it was at hand.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        name: Option<String>,
    },
    /// A coding agent, known by a mark in its environment or among its ancestors.
    Agent {
        /// The profile or client name.
        name: String,
        /// The role that the roster gives it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        role: Option<String>,
        /// The model that it said it runs on.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        model: Option<String>,
    },
    /// This program: ticks, recovery, the loop of `autonomy run`.
    Autonomy,
}

impl Actor {
    /// Whether a person acted.
    #[must_use]
    pub fn is_person(&self) -> bool {
        matches!(self, Self::Person { .. })
    }

    /// Lets only a person pass.
    ///
    /// # Errors
    /// Refuses everybody else, naming `what` was asked.
    pub fn must_be_person(&self, what: &str) -> Result<(), Refusal> {
        match self {
            Self::Person { .. } => Ok(()),
            Self::Agent { name, .. } => {
                Err(Refusal::needs_person(format!("{what} is reserved for a person, and `{name}` is an agent"))
                    .hint("ask for it: `autonomy ask \"<question>\"`"))
            }
            Self::Autonomy => Err(Refusal::needs_person(format!("{what} is reserved for a person"))),
        }
    }
}

impl fmt::Display for Actor {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Person { name } => formatter.write_str(name.as_deref().unwrap_or("a person")),
            Self::Agent { name, .. } => formatter.write_str(name),
            Self::Autonomy => formatter.write_str("autonomy"),
        }
    }
}
