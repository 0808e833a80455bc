//! A figure that a gate measures, and whether it became so much worse that the gate is not green.
//!
//! The smaller the better. Where it is measured and what it is compared with is not known here.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// By how many percent a figure may grow.
pub const TOLERANCE: u64 = 20;

/// A number, in thousandths.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Figure(pub u64);

impl Figure {
    /// The first number after `words` in the last line of what was printed that has them. Commas and underscores between
    /// digits only group them.
    #[must_use]
    pub fn read(printed: &str, words: &str) -> Option<Self> {
        let rest = printed.lines().rev().find_map(|line| line.split_once(words)).map(|(_, rest)| rest)?;
        let number = &rest[rest.find(|character: char| character.is_ascii_digit())?..];
        let end = number.find(|character: char| !character.is_ascii_digit() && !",_.".contains(character));
        let number = number[..end.unwrap_or(number.len())].trim_end_matches([',', '_', '.']);
        let (whole, part) = number.split_once('.').unwrap_or((number, ""));
        let digits = |text: &str| text.chars().filter(char::is_ascii_digit).collect::<String>();
        let thousandths = format!("{:0<3.3}", digits(part));
        digits(whole).parse::<u64>().ok()?.checked_mul(1000)?.checked_add(thousandths.parse().ok()?).map(Self)
    }

    /// By how many percent it is larger than `first`, when that is more than it may be.
    #[must_use]
    pub fn regression(self, first: Self) -> Option<u64> {
        let percent = (u128::from(self.0.saturating_sub(first.0)) * 100).checked_div(u128::from(first.0))?;
        let is_too_much = u128::from(self.0) * 100 > u128::from(first.0) * u128::from(100 + TOLERANCE);
        is_too_much.then(|| u64::try_from(percent).unwrap_or(u64::MAX))
    }
}

impl fmt::Display for Figure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, part) = (self.0 / 1000, self.0 % 1000);
        if part == 0 {
            write!(formatter, "{whole}")
        } else {
            write!(formatter, "{whole}.{}", format!("{part:03}").trim_end_matches('0'))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_line_with_the_words_tells_the_number_after_them() {
        let read = |printed, words| Figure::read(printed, words).map(|figure| figure.to_string());
        let printed = "test parse ... bench:       1,234 ns/iter (+/- 99)\ntime: [1.5 ms]\nmean time: 12.0625s\nno more";
        assert_eq!(read(printed, "bench:").as_deref(), Some("1234"));
        assert_eq!(read(printed, "time:").as_deref(), Some("12.062"));
        assert_eq!(read(printed, "time: [").as_deref(), Some("1.5"));
        assert_eq!(read("took 3.", "took").as_deref(), Some("3"));
        assert_eq!((read(printed, "no more"), read(printed, "speed"), read("x 99999999999999999999", "x")), (None, None, None));
    }

    #[test]
    fn only_what_is_more_than_a_fifth_larger_is_too_much() {
        let worse = |now, first| Figure(now).regression(Figure(first));
        assert_eq!([worse(1_200, 1_000), worse(900, 1_000), worse(0, 0)], [None, None, None]);
        assert_eq!([worse(1_201, 1_000), worse(1_300, 1_000), worse(1_300_000, 1_000)], [Some(20), Some(30), Some(129_900)]);
    }
}
