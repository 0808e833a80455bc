//! The kinds of value that settings hold: sizes, hours, command lines. Nothing here knows a key.

use std::{borrow::Cow, fmt, str::FromStr};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::model::{refusal::Refusal, time::Lapse};

/// A number of bytes, written `5MB`, `500kB`, `1GB` (powers of 1000), `4MiB` (powers of 1024) or `0B`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Size(pub u64);

const UNITS: [(&str, u64); 7] =
    [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("GB", 1_000_000_000), ("MB", 1_000_000), ("kB", 1_000), ("B", 1)];

impl fmt::Display for Size {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole = |unit: u64| self.0 >= unit && self.0.is_multiple_of(unit);
        let (name, unit) =
            UNITS.into_iter().filter(|(_, unit)| whole(*unit)).min_by_key(|(_, unit)| self.0 / unit).unwrap_or(("B", 1));
        write!(formatter, "{}{name}", self.0 / unit)
    }
}

impl FromStr for Size {
    type Err = Refusal;
    fn from_str(text: &str) -> Result<Self, Refusal> {
        let wrong = || Refusal::usage(format!("`{}` is not a size; write it like `5MB` or `512KiB`", text.escape_debug()));
        let trimmed = text.trim();
        let digits = trimmed.find(|character: char| !character.is_ascii_digit()).unwrap_or(trimmed.len());
        let (number, unit) = trimmed.split_at(digits);
        let number: u64 = number.parse().map_err(|_| wrong())?;
        let named = |name: &str| unit.trim().eq_ignore_ascii_case(name);
        let (_, factor) = UNITS.into_iter().find(|(name, _)| named(name)).ok_or_else(wrong)?;
        number.checked_mul(factor).map(Self).ok_or_else(wrong)
    }
}

impl TryFrom<String> for Size {
    type Error = Refusal;
    fn try_from(text: String) -> Result<Self, Refusal> {
        text.parse()
    }
}

impl From<Size> for String {
    fn from(size: Size) -> Self {
        size.to_string()
    }
}

impl JsonSchema for Size {
    fn schema_name() -> Cow<'static, str> {
        "Size".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "examples": ["5MB", "512KiB"] })
    }
}

/// A span of time whose key already says "hours": a number of hours (`8`, `0.5`) or a span (`90m`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Hours(pub Lapse);

impl Serialize for Hours {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Hours {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Read;
        impl de::Visitor<'_> for Read {
            type Value = Hours;
            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a number of hours, or a span of time like `90m`")
            }
            fn visit_f64<E: de::Error>(self, hours: f64) -> Result<Hours, E> {
                std::time::Duration::try_from_secs_f64(hours * 3600.0).map(|span| Hours(Lapse(span))).map_err(E::custom)
            }
            fn visit_u64<E: de::Error>(self, hours: u64) -> Result<Hours, E> {
                let seconds = hours.checked_mul(3600).ok_or_else(|| E::custom("more hours than can be counted"))?;
                Ok(Hours(Lapse::seconds(seconds)))
            }
            fn visit_i64<E: de::Error>(self, hours: i64) -> Result<Hours, E> {
                u64::try_from(hours).map_err(|_| E::custom("a negative number of hours")).and_then(|hours| self.visit_u64(hours))
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Hours, E> {
                text.parse().map(Hours).map_err(E::custom)
            }
        }
        deserializer.deserialize_any(Read)
    }
}

impl FromStr for Hours {
    type Err = Refusal;
    /// Reads what a person types: a number of hours or a span.
    fn from_str(text: &str) -> Result<Self, Refusal> {
        let seconds = |hours: f64| std::time::Duration::try_from_secs_f64(hours * 3600.0).ok();
        let span = match text.trim().parse::<f64>() {
            Ok(hours) => seconds(hours).map(Lapse).ok_or_else(|| {
                Refusal::usage(format!("`{}` is not a number of hours that can be counted", text.escape_debug()))
            })?,
            Err(_) => text.parse()?,
        };
        if span.0.is_zero() { Err(Refusal::usage(format!("`{text}` is no time at all"))) } else { Ok(Self(span)) }
    }
}

impl JsonSchema for Hours {
    fn schema_name() -> Cow<'static, str> {
        "Hours".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["number", "string"], "examples": [8, 0.5, "90m"] })
    }
}

/// Money, in millionths of a dollar: written as a number of dollars (`20`, `0.5`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Dollars(pub u64);

impl Dollars {
    /// A number of dollars, rounded to the millionth; none for what is no amount.
    fn of(dollars: f64) -> Option<Self> {
        let micros = (dollars * 1e6).round();
        // The bound is far below what a float or an integer of this size can no longer tell apart.
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is in between")]
        (1.0..1e15).contains(&micros).then_some(Self(micros as u64))
    }
}

impl fmt::Display for Dollars {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, part) = (self.0 / 1_000_000, self.0 % 1_000_000);
        if part == 0 {
            write!(formatter, "{whole}")
        } else {
            write!(formatter, "{whole}.{}", format!("{part:06}").trim_end_matches('0'))
        }
    }
}

impl Serialize for Dollars {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Dollars {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Read;
        impl de::Visitor<'_> for Read {
            type Value = Dollars;
            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a number of dollars above 0")
            }
            fn visit_f64<E: de::Error>(self, dollars: f64) -> Result<Dollars, E> {
                Dollars::of(dollars).ok_or_else(|| E::invalid_value(de::Unexpected::Float(dollars), &self))
            }
            fn visit_u64<E: de::Error>(self, dollars: u64) -> Result<Dollars, E> {
                let micros = dollars.checked_mul(1_000_000).filter(|micros| *micros > 0);
                micros.map(Dollars).ok_or_else(|| E::invalid_value(de::Unexpected::Unsigned(dollars), &self))
            }
            fn visit_i64<E: de::Error>(self, dollars: i64) -> Result<Dollars, E> {
                let wrong = || E::invalid_value(de::Unexpected::Signed(dollars), &self);
                u64::try_from(dollars).map_err(|_| wrong()).and_then(|dollars| self.visit_u64(dollars))
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Dollars, E> {
                let number = text.trim().trim_start_matches('$').parse().ok();
                number.and_then(Dollars::of).ok_or_else(|| E::invalid_value(de::Unexpected::Str(text), &self))
            }
        }
        deserializer.deserialize_any(Read)
    }
}

impl JsonSchema for Dollars {
    fn schema_name() -> Cow<'static, str> {
        "Dollars".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["number", "string"], "examples": [20, 0.5] })
    }
}

/// A program to run: a list (program and arguments, started as they are) or a text (given to `sh -c`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CommandLine {
    /// The program and its arguments; no shell is involved.
    Program(Vec<String>),
    /// A line for `sh -c`.
    Shell(String),
}

impl CommandLine {
    /// Whether there is nothing to run.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        match self {
            Self::Program(words) => words.first().is_none_or(|word| word.trim().is_empty()),
            Self::Shell(line) => line.trim().is_empty(),
        }
    }

    /// The program and the arguments to start.
    #[must_use]
    pub fn words(&self) -> Vec<String> {
        match self {
            Self::Program(words) => words.clone(),
            Self::Shell(line) => vec!["sh".to_owned(), "-c".to_owned(), line.clone()],
        }
    }
}

impl Default for CommandLine {
    fn default() -> Self {
        Self::Program(Vec::new())
    }
}

impl fmt::Display for CommandLine {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Program(words) => formatter.write_str(&words.join(" ")),
            Self::Shell(line) => formatter.write_str(line),
        }
    }
}

impl Serialize for CommandLine {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Program(words) => words.serialize(serializer),
            Self::Shell(line) => line.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for CommandLine {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Read;
        impl<'de> de::Visitor<'de> for Read {
            type Value = CommandLine;
            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a command: a list of words, or one line of text for the shell")
            }
            fn visit_str<E: de::Error>(self, line: &str) -> Result<CommandLine, E> {
                Ok(CommandLine::Shell(line.to_owned()))
            }
            fn visit_seq<A: de::SeqAccess<'de>>(self, mut list: A) -> Result<CommandLine, A::Error> {
                let mut words = Vec::new();
                while let Some(word) = list.next_element()? {
                    words.push(word);
                }
                Ok(CommandLine::Program(words))
            }
        }
        deserializer.deserialize_any(Read)
    }
}

impl JsonSchema for CommandLine {
    fn schema_name() -> Cow<'static, str> {
        "CommandLine".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["string", "array"], "items": { "type": "string" }, "examples": [["cargo", "test"], "make test"] })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn sizes_are_read_with_their_unit_and_refused_without() {
        for (text, bytes) in [("5MB", 5_000_000), ("4 MiB", 4 << 20), ("1kb", 1_000), ("0B", 0)] {
            assert_eq!(text.parse(), Ok(Size(bytes)), "{text}");
        }
        for bad in ["5", "", "MB", "-1MB", "1.5MB", "99999999999GB", "5 bananas"] {
            assert!(bad.parse::<Size>().is_err(), "{bad:?} was taken");
        }
    }

    #[test]
    fn hours_are_numbers_or_spans() {
        let read = |text: &str| serde_json::from_str::<Hours>(text).map(|hours| hours.0.to_string());
        assert_eq!(read("8").expect("a number"), "8h");
        assert_eq!(read("0.5").expect("a fraction"), "30m");
        assert_eq!(read("\"90m\"").expect("a span"), "1h 30m");
        for bad in ["-1", "-0.5", "\"8\"", "true", "1e300", "18446744073709551615"] {
            assert!(read(bad).is_err(), "{bad} was taken");
        }
        assert_eq!("1.5".parse(), Ok(Hours(Lapse::minutes(90))));
        for bad in ["0", "0m", "-1", "NaN", "eight"] {
            assert!(bad.parse::<Hours>().is_err(), "{bad} was taken");
        }
    }

    #[test]
    fn a_list_is_a_program_and_a_text_is_for_the_shell() {
        let read = |text: &str| serde_json::from_str::<CommandLine>(text).expect(text);
        assert_eq!(read(r#"["cargo","test"]"#).words(), ["cargo", "test"]);
        assert_eq!(read(r#""make test | tail""#).words(), ["sh", "-c", "make test | tail"]);
        for empty in ["[]", "\" \"", r#"[""]"#] {
            assert!(read(empty).is_empty(), "{empty}");
        }
        assert!(serde_json::from_str::<CommandLine>("3").expect_err("a number").to_string().contains("a command"));
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn a_size_survives_its_text_form(bytes in any::<u64>(), unit in 0_usize..7) {
            for size in [Size(bytes), Size((bytes % 1000) * UNITS[unit].1)] {
                prop_assert_eq!(size.to_string().parse(), Ok(size));
            }
        }
    }
}
