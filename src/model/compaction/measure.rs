//! What a briefing stands for: how much an agent is handed back, and how much its conversation held.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How many characters count as a token: what English text and code come to on average.
pub const CHARACTERS_PER_TOKEN: u64 = 4;

/// How large a briefing is, and what it stands for. What nobody told is not there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Measure {
    /// The characters of the briefing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub briefing: Option<u64>,
    /// The bytes of the client's transcript.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transcript: Option<u64>,
    /// The tokens that the conversation held, as the client counted them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub context: Option<u64>,
}

impl Measure {
    /// Whether nothing was measured.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        *self == Self::default()
    }

    /// What is known by this measure, and else by the other.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self {
            briefing: self.briefing.or(other.briefing),
            transcript: self.transcript.or(other.transcript),
            context: self.context.or(other.context),
        }
    }

    /// The tokens of the briefing, at [`CHARACTERS_PER_TOKEN`].
    #[must_use]
    pub fn tokens(&self) -> Option<u64> {
        self.briefing.map(|characters| characters.div_ceil(CHARACTERS_PER_TOKEN))
    }

    /// In words; none when there is no briefing, or nothing that it stands for.
    #[must_use]
    pub fn words(&self) -> Option<String> {
        let (characters, tokens) = (self.briefing?, self.tokens()?);
        let mut of = Vec::new();
        of.extend(self.context.map(|context| format!("a conversation of {context} tokens{}", share(tokens, context))));
        of.extend(self.transcript.map(|bytes| format!("a transcript of {bytes} bytes")));
        (!of.is_empty()).then(|| format!("briefing of {characters} characters (about {tokens} tokens) for {}", of.join(", ")))
    }
}

fn share(part: u64, whole: u64) -> String {
    let thousandths = part.saturating_mul(1000).checked_div(whole).unwrap_or_default();
    format!(" ({}.{} %)", thousandths / 10, thousandths % 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_measured_is_told() {
        let all = Measure { briefing: Some(9_400), transcript: Some(1_000_000), context: Some(160_000) };
        let words = "briefing of 9400 characters (about 2350 tokens) for a conversation of 160000 tokens (1.4 %), \
                     a transcript of 1000000 bytes";
        assert_eq!(all.words().as_deref(), Some(words));
        assert_eq!(Measure { briefing: Some(10), ..Measure::default() }.words(), None);
        assert_eq!(Measure { briefing: None, ..all }.words(), None);
        assert!(Measure::default().is_nothing() && !all.is_nothing());
        assert_eq!(Measure { context: Some(7), ..Measure::default() }.or(all), Measure { context: Some(7), ..all });
    }
}
