//! What one attempt of an agent came to, what it used, and what it lets us know on the way.
//!
//! Nothing here knows one particular client: `model::claude` reads its stream, `run::agent` starts programs.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::{
    id::{ClientId, Digest},
    process::{Exit, ProcessMark},
    refusal::Refusal,
    time::Timestamp,
    usage::Usage,
};

/// The most characters of an agent's own words that are kept in an outcome.
pub const MAX_WORDS: usize = 4000;

/// How one attempt ended. Only [`Outcome::Finished`] says that the agent thinks it is done; whether it is, gates say.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum Outcome {
    /// The agent came to its end.
    Finished {
        /// Its last words.
        summary: String,
    },
    /// A usage limit was met; more is possible from `until` on.
    Limit {
        /// When the limit ends, when the client said so.
        until: Option<Timestamp>,
        /// The client's name for it, such as `five_hour`; `requests` when it only said "too many".
        limit: String,
    },
    /// The model's server could not answer now, and the client gave up trying.
    Overloaded,
    /// The client is not logged in, or may not use the model's server.
    Auth,
    /// The account cannot pay.
    Billing,
    /// There is no such model for this account.
    Model,
    /// The conversation is longer than the model takes.
    TooLong,
    /// The client's own limit of turns was reached.
    MaxTurns,
    /// The client's own limit of money was reached.
    Budget,
    /// The conversation that was to be continued is not known to the client.
    Forgotten,
    /// A tool call waits for a person.
    Deferred {
        /// The tool.
        tool: String,
    },
    /// Somebody else ended the process.
    Killed {
        /// The number of the signal.
        signal: i32,
    },
    /// We ended it because its time was over.
    TimedOut,
    /// We ended it because we were told to stop.
    Stopped,
    /// The program could not be started.
    Missing {
        /// Why, and the way out.
        refusal: Refusal,
    },
    /// It ended without having finished.
    Failed {
        /// What is known about why.
        why: String,
    },
}

impl Outcome {
    /// The outcome of a program that says no more than its exit code: `last_words` is the last line it printed, or on
    /// failure the last line on stderr.
    #[must_use]
    pub fn of_exit(exit: Exit, last_words: Option<&str>) -> Self {
        let words = last_words.map(cut);
        match exit {
            Exit::Code(0) => Self::Finished { summary: words.unwrap_or_default() },
            Exit::Code(code) => Self::Failed {
                why: words.map_or_else(|| format!("exit code {code}"), |words| format!("exit code {code}: {words}")),
            },
            Exit::Signal(signal) => Self::Killed { signal },
            Exit::TimedOut => Self::TimedOut,
            Exit::Stopped => Self::Stopped,
        }
    }
}

/// The first [`MAX_WORDS`] characters.
#[must_use]
pub fn cut(words: &str) -> String {
    match words.char_indices().nth(MAX_WORDS) {
        Some((at, _)) => format!("{}…", &words[..at]),
        None => words.to_owned(),
    }
}

/// What an agent lets us know while it works.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Signal {
    /// Its process runs.
    Started(ProcessMark),
    /// The id of its own conversation.
    Client(ClientId),
    /// It says something.
    Text(String),
    /// It uses a tool.
    Tool {
        /// The tool's name.
        name: String,
        /// The file, command or pattern that it is used on, cut short.
        target: Option<String>,
    },
    /// What it has used so far in this attempt, by its own unfinished count.
    Usage(Usage),
    /// A usage limit comes near.
    LimitNear {
        /// The client's name for it.
        limit: String,
        /// How much of it is used, in percent.
        percent: u8,
        /// When it starts anew.
        until: Option<Timestamp>,
    },
    /// The model's server did not answer; the client tries again.
    Retrying {
        /// The number of the try.
        attempt: u64,
        /// The HTTP status, when there was an answer.
        status: Option<u64>,
    },
    /// It still runs.
    Beat,
}

/// The id of a new conversation, in the form of a random UUID (RFC 9562, version 4); `random` is where it comes from.
#[must_use]
pub fn conversation(random: &str) -> ClientId {
    let hash = Digest::of(random);
    let hex = hash.as_str();
    let variant = char::from(b"89ab"[usize::from(hex.as_bytes()[16] % 4)]);
    let text = format!("{}-{}-4{}-{variant}{}-{}", &hex[..8], &hex[8..12], &hex[13..16], &hex[17..20], &hex[20..32]);
    ClientId::new(text).expect("because hexadecimal digits and dashes are a plain name")
}

#[cfg(test)]
mod tests;
