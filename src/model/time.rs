//! Points in time and spans of time, as people write them. Nothing here reads a clock.

use std::{borrow::Cow, fmt, str::FromStr, time::Duration};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use crate::model::refusal::Refusal;

/// A moment in UTC, to the millisecond: `2026-11-20T18:00:00.123Z` (RFC 3339).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Timestamp(jiff::Timestamp);

impl Timestamp {
    /// The moment `milliseconds` after 1970-01-01T00:00:00Z.
    ///
    /// # Errors
    /// Refuses what lies outside the years that can be written.
    pub fn from_millisecond(milliseconds: i64) -> Result<Self, Refusal> {
        jiff::Timestamp::from_millisecond(milliseconds)
            .map(Self)
            .map_err(|error| Refusal::usage(format!("not a point in time: {error}")))
    }

    /// Milliseconds since 1970-01-01T00:00:00Z.
    #[must_use]
    pub fn as_millisecond(self) -> i64 {
        self.0.as_millisecond()
    }

    /// `YYYYmmdd_HHMMSS`, the form that file, tag and session names begin with.
    #[must_use]
    pub fn stamp(self) -> String {
        self.0.strftime("%Y%m%d_%H%M%S").to_string()
    }

    /// `YYYY-mm-dd HH:MM` for people.
    #[must_use]
    pub fn minute(self) -> String {
        self.0.strftime("%Y-%m-%d %H:%M").to_string()
    }

    /// `YYYY-mm-ddTHH:MM:SSZ`: ISO 8601 with the zone, to the second.
    #[must_use]
    pub fn second(self) -> String {
        self.0.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
    }

    /// How long after `earlier` this is; nothing when it is not after.
    #[must_use]
    pub fn since(self, earlier: Self) -> Lapse {
        let milliseconds = self.as_millisecond().saturating_sub(earlier.as_millisecond());
        Lapse(Duration::from_millis(u64::try_from(milliseconds).unwrap_or(0)))
    }

    /// The moment `lapse` later, at most the last that can be written.
    #[must_use]
    pub fn after(self, lapse: Lapse) -> Self {
        self.0.checked_add(lapse.0).map_or(Self(jiff::Timestamp::MAX), Self)
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:.3}", self.0)
    }
}

impl FromStr for Timestamp {
    type Err = Refusal;
    fn from_str(text: &str) -> Result<Self, Refusal> {
        let moment: jiff::Timestamp =
            text.parse().map_err(|error| Refusal::usage(format!("`{}` is not a point in time: {error}", text.escape_debug())))?;
        Self::from_millisecond(moment.as_millisecond())
    }
}

/// A span of time, written `90m`, `1h 30m`, `45s`, `250ms`; bare numbers are refused because their unit would be a guess.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Lapse(pub Duration);

impl Lapse {
    /// So many seconds.
    #[must_use]
    pub const fn seconds(seconds: u64) -> Self {
        Self(Duration::from_secs(seconds))
    }

    /// So many minutes.
    #[must_use]
    pub const fn minutes(minutes: u64) -> Self {
        Self(Duration::from_secs(minutes * 60))
    }

    /// So many hours.
    #[must_use]
    pub const fn hours(hours: u64) -> Self {
        Self(Duration::from_secs(hours * 3600))
    }

    /// Whole minutes, rounded down.
    #[must_use]
    pub fn as_minutes(self) -> u64 {
        self.0.as_secs() / 60
    }

    /// In words, to the minute.
    #[must_use]
    pub fn to_the_minute(self) -> String {
        if self < Self::minutes(1) { "under a minute".to_owned() } else { Self::minutes(self.as_minutes()).to_string() }
    }
}

impl fmt::Display for Lapse {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let milliseconds = self.0.as_millis();
        if milliseconds == 0 {
            return formatter.write_str("0s");
        }
        let parts = [(3_600_000, "h"), (60_000, "m"), (1_000, "s"), (1, "ms")];
        let (mut rest, mut first) = (milliseconds, true);
        for (size, unit) in parts {
            if rest >= size {
                write!(formatter, "{}{}{unit}", if first { "" } else { " " }, rest / size)?;
                (rest, first) = (rest % size, false);
            }
        }
        Ok(())
    }
}

impl FromStr for Lapse {
    type Err = Refusal;
    fn from_str(text: &str) -> Result<Self, Refusal> {
        // A day is as long as 24 hours here; no calendar is asked.
        let days = text.trim().strip_suffix('d').and_then(|days| days.parse::<u64>().ok()?.checked_mul(86_400));
        if let Some(seconds) = days {
            return Ok(Self::seconds(seconds));
        }
        let span: jiff::SignedDuration = text.trim().parse().map_err(|_| {
            Refusal::usage(format!("`{}` is not a span of time; write it like `90m` or `1h 30m`", text.escape_debug()))
        })?;
        Duration::try_from(span).map(Self).map_err(|_| Refusal::usage(format!("`{text}` is a negative span of time")))
    }
}

macro_rules! as_text {
    ($name:ident, $schema:tt) => {
        impl TryFrom<String> for $name {
            type Error = Refusal;
            fn try_from(text: String) -> Result<Self, Refusal> {
                text.parse()
            }
        }
        impl From<$name> for String {
            fn from(value: $name) -> Self {
                value.to_string()
            }
        }
        impl JsonSchema for $name {
            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }
            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!($schema)
            }
        }
    };
}
as_text!(Timestamp, { "type": "string", "format": "date-time" });
as_text!(Lapse, { "type": "string", "examples": ["90m", "1h 30m"] });

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_survives_its_text_form() {
        let moment = Timestamp::from_millisecond(1_795_197_600_123).expect("in range");
        assert_eq!(moment.to_string(), "2026-11-20T18:00:00.123Z");
        assert_eq!(moment.to_string().parse(), Ok(moment));
        assert_eq!(moment.stamp(), "20261120_180000");
        assert_eq!(moment.after(Lapse::hours(2)).since(moment), Lapse::hours(2));
    }

    #[test]
    fn spans_are_read_and_written_as_people_do() {
        for (text, printed) in
            [("90m", "1h 30m"), ("1h30m", "1h 30m"), ("45s", "45s"), ("250ms", "250ms"), ("0s", "0s"), ("14d", "336h")]
        {
            assert_eq!(text.parse::<Lapse>().expect(text).to_string(), printed);
        }
        for bad in ["90", "", "soon", "-5m"] {
            assert!(bad.parse::<Lapse>().is_err(), "{bad:?} was taken");
        }
    }
}
