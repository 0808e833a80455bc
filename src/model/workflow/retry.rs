//! How long a failed step is waited for before it is tried again. No clock is read and no random number is made.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::model::{refusal::Refusal, time::Lapse};

/// The most tries that a step may have.
pub const MAX_ATTEMPTS: u32 = 20;

/// How long something may take: a span such as `90m`, or a number of seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Value", into = "String")]
pub struct Span(pub Lapse);

impl From<Span> for String {
    fn from(span: Span) -> Self {
        span.0.to_string()
    }
}

impl TryFrom<Value> for Span {
    type Error = Refusal;
    fn try_from(value: Value) -> Result<Self, Refusal> {
        match value {
            Value::String(text) => text.parse().map(Self),
            other => match other.as_u64() {
                Some(seconds) => Ok(Self(Lapse::seconds(seconds))),
                None => Err(Refusal::usage("a span of time such as `90m`, or a whole number of seconds is needed")),
            },
        }
    }
}

impl JsonSchema for Span {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Span".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["string", "integer"], "minimum": 0, "examples": ["90m", 3600] })
    }
}

/// How the waits grow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Backoff {
    /// Each is twice the one before.
    #[default]
    Exponential,
    /// Each is longer than the one before by the first.
    Linear,
    /// Each is the sum of the two before.
    Fibonacci,
}

/// How often and how fast a failed step is tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Retry {
    /// How many tries there are, the first counted.
    #[schemars(range(min = 1, max = 20))]
    pub max_attempts: u32,
    /// How the waits grow.
    pub backoff: Backoff,
    /// The first wait.
    pub delay: Span,
    /// The longest wait.
    pub max_delay: Span,
}

impl Default for Retry {
    fn default() -> Self {
        Self {
            max_attempts: 3,
            backoff: Backoff::Exponential,
            delay: Span(Lapse::seconds(2)),
            max_delay: Span(Lapse::seconds(30)),
        }
    }
}

impl Retry {
    /// How long to wait after the failed try number `attempt`, counted from 1; none when there is no further try.
    #[must_use]
    pub fn wait(&self, attempt: u32) -> Option<Lapse> {
        if attempt == 0 || attempt >= self.max_attempts {
            return None;
        }
        let wait = self.delay.0.0.saturating_mul(self.factor(attempt));
        Some(Lapse(wait.min(self.max_delay.0.0)))
    }

    /// All waits, in their order.
    pub fn waits(&self) -> impl Iterator<Item = Lapse> {
        (1..self.max_attempts).map_while(|attempt| self.wait(attempt))
    }

    fn factor(&self, attempt: u32) -> u32 {
        match self.backoff {
            Backoff::Linear => attempt,
            Backoff::Exponential => 1_u32.checked_shl(attempt - 1).unwrap_or(u32::MAX),
            Backoff::Fibonacci => (1..attempt).fold((1_u32, 1_u32), |(one, two), _| (two, one.saturating_add(two))).0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(backoff: Backoff) -> Vec<String> {
        let retry = Retry { max_attempts: 8, backoff, ..Retry::default() };
        retry.waits().map(|wait| wait.to_string()).collect()
    }

    #[test]
    fn the_waits_are_those_of_the_table() {
        assert_eq!(table(Backoff::Exponential), ["2s", "4s", "8s", "16s", "30s", "30s", "30s"]);
        assert_eq!(table(Backoff::Linear), ["2s", "4s", "6s", "8s", "10s", "12s", "14s"]);
        assert_eq!(table(Backoff::Fibonacci), ["2s", "2s", "4s", "6s", "10s", "16s", "26s"]);
    }

    #[test]
    fn the_last_try_is_followed_by_no_wait_and_none_passes_the_longest() {
        assert_eq!(Retry::default().waits().count(), 2);
        assert_eq!((Retry::default().wait(0), Retry::default().wait(3)), (None, None));
        for backoff in [Backoff::Exponential, Backoff::Linear, Backoff::Fibonacci] {
            let many =
                Retry { max_attempts: u32::MAX, backoff, delay: Span(Lapse(std::time::Duration::MAX)), ..Retry::default() };
            for attempt in [1, 2, 31, 32, 33, 34, 100] {
                assert_eq!(many.wait(attempt), Some(Lapse::seconds(30)), "{backoff:?} {attempt}");
            }
        }
    }
}
