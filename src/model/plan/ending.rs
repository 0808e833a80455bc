//! Why a run ended: one word for the log, a sentence for people, an exit code.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::{refusal::Code, time::Timestamp};

/// Why a run ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "reason", rename_all = "snake_case")]
pub enum Ending {
    /// Every task is over.
    Done,
    /// The one task that was wanted is done.
    Once,
    /// What is left is parked, failed, started by somebody else, or comes after something that is.
    Blocked,
    /// What is left waits for a person's answer.
    NeedsPerson,
    /// Somebody asked it to stop.
    Stopped,
    /// The settings, or what is trusted, changed while it waited; it begins anew with them.
    SettingsChanged,
    /// The run's time is over.
    OutOfTime,
    /// The run made as many attempts as it may.
    OutOfSteps,
    /// Its agents used as many tokens as they may.
    OutOfTokens,
    /// Its agents used as much money as they may.
    OutOfMoney,
    /// Attempts in a row changed nothing or did not come to their end.
    NoProgress,
    /// A usage limit lasts longer than the run may.
    Limit {
        /// When it ends.
        until: Timestamp,
    },
    /// The agent cannot work: not installed, not logged in, not paid.
    AgentUnusable {
        /// Why.
        why: String,
    },
    /// Work that is done cannot be committed here now.
    CannotCommit {
        /// Why.
        why: String,
    },
}

impl Ending {
    /// The word that the log keeps.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Once => "once",
            Self::Blocked => "blocked",
            Self::NeedsPerson => "needs_person",
            Self::Stopped => "stopped",
            Self::SettingsChanged => "settings_changed",
            Self::OutOfTime => "out_of_time",
            Self::OutOfSteps => "out_of_steps",
            Self::OutOfTokens => "out_of_tokens",
            Self::OutOfMoney => "out_of_money",
            Self::NoProgress => "no_progress",
            Self::Limit { .. } => "limit",
            Self::AgentUnusable { .. } => "agent_unusable",
            Self::CannotCommit { .. } => "cannot_commit",
        }
    }

    /// The exit code of the command.
    #[must_use]
    pub fn exit(&self) -> u8 {
        match self {
            Self::Done | Self::Once | Self::SettingsChanged => 0,
            Self::Blocked | Self::Stopped => Code::No.exit(),
            Self::NeedsPerson => Code::NeedsPerson.exit(),
            Self::CannotCommit { .. } => Code::Conflict.exit(),
            Self::AgentUnusable { .. } => Code::Environment.exit(),
            Self::OutOfTime | Self::OutOfSteps | Self::OutOfTokens | Self::OutOfMoney | Self::NoProgress | Self::Limit { .. } => {
                Code::Budget.exit()
            }
        }
    }
}

impl fmt::Display for Ending {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Done => formatter.write_str("every task is done"),
            Self::Once => formatter.write_str("the one task that was wanted is done"),
            Self::Blocked => {
                formatter.write_str("what is left is parked, failed, started by somebody else, or comes after something that is")
            }
            Self::NeedsPerson => formatter.write_str("what is left waits for a person"),
            Self::Stopped => formatter.write_str("it was asked to stop"),
            Self::SettingsChanged => formatter.write_str("the settings changed"),
            Self::OutOfTime => formatter.write_str("its time is over"),
            Self::OutOfSteps => formatter.write_str("it made as many attempts as it may"),
            Self::OutOfTokens => formatter.write_str("its agents used as many tokens as `run.max_tokens` lets them"),
            Self::OutOfMoney => formatter.write_str("its agents used as much money as `run.max_cost` lets them"),
            Self::NoProgress => formatter.write_str("attempts in a row changed nothing or did not come to their end"),
            Self::Limit { until } => write!(formatter, "the usage limit lasts until {}", until.second()),
            Self::AgentUnusable { why } => write!(formatter, "the agent cannot work: {why}"),
            Self::CannotCommit { why } => write!(formatter, "finished work cannot be committed: {why}"),
        }
    }
}
