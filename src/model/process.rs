//! A process as it is written down: who it was, and how it ended. Nothing here asks the machine.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Names one process for ever: a pid alone is given out again, a pid with its start time is not within one boot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ProcessMark {
    /// The process id.
    pub pid: u32,
    /// When it started, in clock ticks since boot (field 22 of `/proc/<pid>/stat`); 0 where the system does not tell.
    pub start: u64,
    /// The id of the boot that it belongs to; empty where the system does not tell.
    pub boot: String,
}

/// How a program ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Exit {
    /// By itself, with this code.
    Code(i32),
    /// By a signal that was not ours.
    Signal(i32),
    /// We ended it because its time was over.
    TimedOut,
    /// We ended it because we were told to stop.
    Stopped,
}

impl Exit {
    /// Whether the program said that all went well.
    #[must_use]
    pub fn is_success(self) -> bool {
        self == Self::Code(0)
    }
}

impl fmt::Display for Exit {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code(code) => write!(formatter, "exit code {code}"),
            Self::Signal(signal) => write!(formatter, "signal {signal}"),
            Self::TimedOut => formatter.write_str("its time limit"),
            Self::Stopped => formatter.write_str("a request to stop"),
        }
    }
}
