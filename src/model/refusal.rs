//! An expected "no": what was being done, why it cannot be, and the next command.
//!
//! Bugs and failures of the machine are not refusals; `host::Error` carries those.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Why a command did not do what it was asked, in the order of the exit codes that people see.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Code {
    /// The answer is no: a check failed, a gate is red, nothing was found. Exit 1.
    No,
    /// The request itself is wrong: unknown name, bad value, malformed file. Exit 2.
    Usage,
    /// A person has to decide or confirm. Exit 3.
    NeedsPerson,
    /// Somebody else's work or lock stands in the way. Exit 4.
    Conflict,
    /// The machine, the repository or the file system does not allow it. Exit 5.
    Environment,
    /// Out of time, steps, tokens or money. Exit 6.
    Budget,
    /// A fault of this program. Exit 70.
    Bug,
}

impl Code {
    /// The exit code of the process.
    #[must_use]
    pub fn exit(self) -> u8 {
        match self {
            Self::No => 1,
            Self::Usage => 2,
            Self::NeedsPerson => 3,
            Self::Conflict => 4,
            Self::Environment => 5,
            Self::Budget => 6,
            Self::Bug => 70,
        }
    }
}

/// A refusal in words: `message` is a lower-case fragment without a full stop, `hint` names the next command.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Serialize, Deserialize, JsonSchema)]
#[error("{message}")]
pub struct Refusal {
    /// The kind of refusal, which is also the exit code.
    pub code: Code,
    /// What was being done, to what, and why it cannot be.
    pub message: String,
    /// What to do next, usually a command in backticks.
    pub hint: Option<String>,
    /// Whether the same command may succeed later without any change.
    pub retryable: bool,
}

impl Refusal {
    /// A refusal without a hint.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), hint: None, retryable: false }
    }

    /// The answer is no.
    pub fn no(message: impl Into<String>) -> Self {
        Self::new(Code::No, message)
    }

    /// The request is wrong.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(Code::Usage, message)
    }

    /// A person is needed.
    pub fn needs_person(message: impl Into<String>) -> Self {
        Self::new(Code::NeedsPerson, message)
    }

    /// Something of somebody else's is in the way.
    pub fn conflict(message: impl Into<String>) -> Self {
        Self::new(Code::Conflict, message)
    }

    /// The surroundings do not allow it.
    pub fn environment(message: impl Into<String>) -> Self {
        Self::new(Code::Environment, message)
    }

    /// The same refusal with the next thing to do.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The same refusal, marked as one that may pass by itself.
    #[must_use]
    pub fn retryable(mut self) -> Self {
        self.retryable = true;
        self
    }
}
