//! How the steps of a workflow that is carried out end, how the whole ends, and how a step of it is named.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::{
    id::{Digest, RunId, StepId},
    refusal::{Code, Refusal},
};

/// A step of a run by the way to it: `build`, `test[2]` for the second of its values, `choose/fast` inside another.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct StepKey(String);

impl StepKey {
    /// The step that is called so.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// For the value with this number, from 1.
    #[must_use]
    pub fn each(&self, number: u32) -> Self {
        Self(format!("{}[{number}]", self.0))
    }

    /// As text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The mark that every process of it carries in the run `run`.
    ///
    /// # Errors
    /// Refuses nothing that `run` is a name of.
    pub fn mark(&self, run: &RunId) -> Result<StepId, Refusal> {
        StepId::new(format!("{run}-{}", Digest::of(&self.0).head(12)))
    }
}

impl fmt::Display for StepKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// How a try of a step ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It did what it was for.
    Succeeded,
    /// It did not, and said so.
    Failed,
    /// It could not be begun, or what it gave could not be computed; another try would not help.
    Broken,
    /// Its time was over.
    TimedOut,
    /// Its condition does not hold.
    Skipped,
    /// It was stopped; it is begun again when the run goes on.
    Stopped,
    /// Nobody saw how it ended; it is begun again.
    Interrupted,
}

impl Outcome {
    /// The word for people.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Succeeded => "done",
            Self::Failed => "failed",
            Self::Broken => "broken",
            Self::TimedOut => "timed out",
            Self::Skipped => "skipped",
            Self::Stopped => "stopped",
            Self::Interrupted => "interrupted",
        }
    }
}

/// How a run of a workflow ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// Nothing is left to do; steps whose failure ends nothing may have failed.
    Done,
    /// A step failed that may not.
    Failed,
    /// The time of the whole was over.
    TimedOut,
    /// It began as many steps as one run may.
    OutOfSteps,
    /// Somebody ended it.
    Cancelled,
}

impl Ending {
    /// The word for people.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Failed => "failed",
            Self::TimedOut => "out of time",
            Self::OutOfSteps => "out of steps",
            Self::Cancelled => "cancelled",
        }
    }

    /// The exit code of the command.
    #[must_use]
    pub fn exit(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed | Self::Cancelled => Code::No.exit(),
            Self::TimedOut | Self::OutOfSteps => Code::Budget.exit(),
        }
    }
}
