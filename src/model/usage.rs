//! What agents use: tokens and money, by model.

use std::{collections::BTreeMap, ops::AddAssign};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

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
}
