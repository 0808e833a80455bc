//! A ruling and the way to it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::decision::{Risk, Ruling};

/// What a step of a ruling rests on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Step {
    /// A row of the table, a rule, or what the roster says of the agent, in words.
    pub what: String,
    /// Its file.
    pub file: String,
    /// Its line, from 1; none where the file as a whole says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u64>,
    /// What it demands; none where it only says how much can go wrong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub demands: Option<Ruling>,
    /// How much can go wrong at least; none where it does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub risk: Option<Risk>,
}

impl Step {
    /// Where it stands: `file:line`.
    #[must_use]
    pub fn place(&self) -> String {
        self.line.map_or_else(|| self.file.clone(), |line| format!("{}:{line}", self.file))
    }
}

/// A ruling and the way to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Judged {
    /// Who decides.
    pub ruling: Ruling,
    /// How much can go wrong, with what the rules say of it.
    pub risk: Risk,
    /// Every step: the rules that hold, the agent's own limits, the row of the table.
    pub steps: Vec<Step>,
}

impl Judged {
    /// The first step that demands as much as the ruling.
    #[must_use]
    pub fn decisive(&self) -> Option<&Step> {
        self.steps.iter().find(|step| step.demands == Some(self.ruling))
    }
}
