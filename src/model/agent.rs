//! What one attempt of an agent came to, what it used, and what it lets us know on the way.
//!
//! Nothing here knows one particular client: `model::claude` reads its stream, `run::agent` starts programs.

use std::{collections::BTreeMap, ops::AddAssign};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::{
    id::{ClientId, Digest},
    process::{Exit, ProcessMark},
    refusal::Refusal,
    time::Timestamp,
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

/// Tokens and money, for one model.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Tally {
    /// Tokens read, without those that came from a cache or went into one.
    pub input_tokens: u64,
    /// Tokens written.
    pub output_tokens: u64,
    /// Tokens read from a cache.
    pub cache_read_tokens: u64,
    /// Tokens put into a cache.
    pub cache_written_tokens: u64,
    /// Money, in millionths of a dollar.
    pub cost_micros: u64,
}

impl Tally {
    fn map(self, other: Self, each: impl Fn(u64, u64) -> u64) -> Self {
        Self {
            input_tokens: each(self.input_tokens, other.input_tokens),
            output_tokens: each(self.output_tokens, other.output_tokens),
            cache_read_tokens: each(self.cache_read_tokens, other.cache_read_tokens),
            cache_written_tokens: each(self.cache_written_tokens, other.cache_written_tokens),
            cost_micros: each(self.cost_micros, other.cost_micros),
        }
    }

    /// All tokens, whatever they cost.
    #[must_use]
    pub fn tokens(self) -> u64 {
        [self.input_tokens, self.output_tokens, self.cache_read_tokens, self.cache_written_tokens]
            .iter()
            .fold(0, |sum, tokens| sum.saturating_add(*tokens))
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        *self = self.map(other, u64::saturating_add);
    }
}

/// What was used, by model.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Usage(pub BTreeMap<String, Tally>);

impl Usage {
    /// Adds what a model used.
    pub fn add(&mut self, model: &str, tally: Tally) {
        *self.0.entry(model.to_owned()).or_default() += tally;
    }

    /// The sum over all models.
    #[must_use]
    pub fn total(&self) -> Tally {
        let mut total = Tally::default();
        self.0.values().for_each(|tally| total += *tally);
        total
    }

    /// What this has more than `earlier`; never less than nothing.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        let less = |(model, tally): (&String, &Tally)| {
            (model.clone(), tally.map(earlier.0.get(model).copied().unwrap_or_default(), u64::saturating_sub))
        };
        Self(self.0.iter().map(less).filter(|(_, tally)| *tally != Tally::default()).collect())
    }
}

impl AddAssign<&Self> for Usage {
    fn add_assign(&mut self, other: &Self) {
        other.0.iter().for_each(|(model, tally)| self.add(model, *tally));
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
mod tests {
    use super::*;

    fn usage(input: u64, cost: u64) -> Usage {
        Usage(BTreeMap::from([("m".to_owned(), Tally { input_tokens: input, cost_micros: cost, ..Tally::default() })]))
    }

    #[test]
    fn usage_adds_up_and_the_difference_is_never_negative() {
        let mut sum = usage(100, 5);
        sum += &usage(20, 1);
        assert_eq!(sum, usage(120, 6));
        assert_eq!(sum.since(&usage(100, 5)), usage(20, 1));
        assert_eq!(sum.since(&usage(500, 500)), Usage::default());
        assert_eq!(sum.total().tokens(), 120);
    }

    #[test]
    fn a_conversation_id_is_a_uuid() {
        let id = conversation("seed");
        let parts: Vec<usize> = id.as_str().split('-').map(str::len).collect();
        assert_eq!(parts, [8, 4, 4, 4, 12]);
        assert_eq!(&id.as_str()[14..15], "4");
        assert!("89ab".contains(&id.as_str()[19..20]));
        assert_ne!(id, conversation("other"));
    }

    #[test]
    fn an_exit_code_is_all_that_a_plain_program_says() {
        assert_eq!(Outcome::of_exit(Exit::Code(0), Some("done")), Outcome::Finished { summary: "done".into() });
        assert_eq!(Outcome::of_exit(Exit::Code(2), Some("bad")), Outcome::Failed { why: "exit code 2: bad".into() });
        assert_eq!(Outcome::of_exit(Exit::Signal(9), None), Outcome::Killed { signal: 9 });
        let long = Outcome::of_exit(Exit::Code(0), Some(&"ä".repeat(MAX_WORDS + 1)));
        assert!(matches!(long, Outcome::Finished { summary } if summary.chars().count() == MAX_WORDS + 1));
    }

    #[test]
    fn an_outcome_survives_its_written_form() {
        let outcome = Outcome::Limit { until: Timestamp::from_millisecond(1_795_203_243_000).ok(), limit: "five_hour".into() };
        let text = serde_json::to_string(&outcome).expect("plain data");
        assert_eq!(text, r#"{"is":"limit","until":"2026-11-20T19:34:03.000Z","limit":"five_hour"}"#);
        assert_eq!(serde_json::from_str::<Outcome>(&text).expect("reads"), outcome);
    }
}
