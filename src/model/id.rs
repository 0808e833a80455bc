//! Names of things: each kind of name is its own type, so that one cannot be passed for another.
//!
//! A name is safe as a file name on every platform and as the last part of a git ref. Nothing here makes up random
//! parts: the caller hands them in.

use std::{borrow::Cow, fmt, str::FromStr};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use crate::model::{refusal::Refusal, time::Timestamp};

/// The longest name that is accepted, in bytes.
pub const MAX_NAME: usize = 120;

fn check(kind: &str, text: &str) -> Result<(), Refusal> {
    let why = if text.is_empty() {
        "is empty"
    } else if text.len() > MAX_NAME {
        "is longer than 120 bytes"
    } else if text.starts_with(['.', '-']) || text.ends_with('.') || text.strip_suffix(".lock").is_some() || text.contains("..") {
        "starts or ends with a character that git or a file system does not take"
    } else if !text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-')) {
        "may hold letters, digits, `.`, `_` and `-` only"
    } else {
        return Ok(());
    };
    Err(Refusal::usage(format!("the {kind} `{}` {why}", text.escape_debug())))
}

macro_rules! name_type {
    ($(#[$doc:meta])* $name:ident, $kind:literal) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// What this kind of name is called in messages.
            pub const KIND: &'static str = $kind;

            /// Checks and wraps a name.
            ///
            /// # Errors
            /// Refuses a name that a file system or git would not take.
            pub fn new(text: impl Into<String>) -> Result<Self, Refusal> {
                let text = text.into();
                check($kind, &text)?;
                Ok(Self(text))
            }

            /// The name as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(&self.0)
            }
        }

        impl FromStr for $name {
            type Err = Refusal;
            fn from_str(text: &str) -> Result<Self, Refusal> {
                Self::new(text)
            }
        }

        impl TryFrom<String> for $name {
            type Error = Refusal;
            fn try_from(text: String) -> Result<Self, Refusal> {
                Self::new(text)
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0
            }
        }

        impl JsonSchema for $name {
            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }
            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({ "type": "string", "pattern": "^[A-Za-z0-9_][A-Za-z0-9._-]*$", "maxLength": MAX_NAME })
            }
        }
    };
}

name_type!(/// `YYYYmmdd_HHMMSS[-slug]`: one stretch of work, in UTC.
    SessionId, "session");
name_type!(/// A task: the file name of `.claude/tasks/<id>.md` without its ending.
    TaskId, "task");
name_type!(/// A decision: the file name of `.claude/decisions/<id>.md` without its ending.
    DecisionId, "decision");
name_type!(/// A question: the file name of `.claude/questions/<id>.md` without its ending.
    QuestionId, "question");
name_type!(/// A note: the file name of `.claude/memory/<id>.md` without its ending.
    NoteId, "note");
name_type!(/// A checkpoint: the short name of its tag, `checkpoint-YYYYmmdd_HHMMSS[-slug]`.
    CheckpointName, "checkpoint");
name_type!(/// An agent profile of the settings, such as `claude`.
    AgentName, "agent");
name_type!(/// A gate of the settings, such as `tests`.
    GateName, "gate");
name_type!(/// One carrying-out of a plan by `autonomy run`.
    RunId, "run");
name_type!(/// One attempt at one step of a run; the mark by which its processes are known.
    StepId, "step");
name_type!(/// The conversation id that an agent client gives its own session.
    ClientId, "client session");

/// The id of a git object in hexadecimal: 40 digits in sha1 repositories, 64 in sha256 ones.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Oid(String);

impl Oid {
    /// Checks and wraps an object id.
    ///
    /// # Errors
    /// Refuses anything but 40 or 64 lower-case hexadecimal digits.
    pub fn new(text: impl Into<String>) -> Result<Self, Refusal> {
        let text = text.into();
        let digits = text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        if digits && (text.len() == 40 || text.len() == 64) {
            Ok(Self(text))
        } else {
            Err(Refusal::usage(format!("`{}` is not the id of a git object", text.escape_debug())))
        }
    }

    /// All hexadecimal digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The first ten digits, as people are shown them.
    #[must_use]
    pub fn short(&self) -> &str {
        &self.0[..10]
    }
}

/// The sha256 of some bytes, 64 hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Digest(String);

impl Digest {
    /// Hashes `bytes`.
    #[must_use]
    pub fn of(bytes: impl AsRef<[u8]>) -> Self {
        use sha2::Digest as _;
        let hash = sha2::Sha256::digest(bytes.as_ref());
        Self(hash.iter().flat_map(|byte| [HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]).map(char::from).collect())
    }

    /// Checks and wraps a digest.
    ///
    /// # Errors
    /// Refuses anything but 64 lower-case hexadecimal digits.
    pub fn new(text: impl Into<String>) -> Result<Self, Refusal> {
        let text = text.into();
        if text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
            Ok(Self(text))
        } else {
            Err(Refusal::usage(format!("`{}` is not a sha256", text.escape_debug())))
        }
    }

    /// All 64 digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The first `digits` digits, at most 64.
    #[must_use]
    pub fn head(&self, digits: usize) -> &str {
        &self.0[..digits.min(64)]
    }
}

const HEX: &[u8; 16] = b"0123456789abcdef";

macro_rules! text_type {
    ($name:ident) => {
        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(&self.0)
            }
        }
        impl TryFrom<String> for $name {
            type Error = Refusal;
            fn try_from(text: String) -> Result<Self, Refusal> {
                Self::new(text)
            }
        }
        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.0
            }
        }
        impl JsonSchema for $name {
            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }
            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({ "type": "string", "pattern": "^[0-9a-f]{40,64}$" })
            }
        }
    };
}
text_type!(Oid);
text_type!(Digest);

/// Lower-case letters, digits and single dashes out of a title, at most 40 bytes; empty when nothing is left.
#[must_use]
pub fn slug(title: &str) -> String {
    let mut out = String::new();
    for character in title.chars().flat_map(char::to_lowercase) {
        if character.is_ascii_alphanumeric() {
            out.push(character);
        } else if !out.is_empty() && !out.ends_with('-') {
            out.push('-');
        }
        if out.len() >= 40 {
            break;
        }
    }
    out.trim_end_matches('-').to_owned()
}

/// The name of a new record: `<stamp>-<slug>-<suffix>`, so that two branches never make the same one.
#[must_use]
pub fn record_name(at: Timestamp, title: &str, suffix: &str) -> String {
    let slug = slug(title);
    if slug.is_empty() { format!("{}-{suffix}", at.stamp()) } else { format!("{}-{slug}-{suffix}", at.stamp()) }
}

/// Something a person may name on the command line: its full name and its title.
pub struct Candidate<'a> {
    /// The full name.
    pub name: &'a str,
    /// The title, empty when it has none.
    pub title: &'a str,
}

/// Finds what a person meant by `given`: the full name, a unique beginning of it or of a part after a dash
/// (so the random suffix alone will do), the title, or a unique beginning of the title.
///
/// # Errors
/// Refuses what fits nothing or several, naming the nearest or all that fit.
pub fn resolve(kind: &str, given: &str, candidates: &[Candidate<'_>]) -> Result<usize, Refusal> {
    let lower = given.to_lowercase();
    if let Some(exact) = candidates.iter().position(|candidate| candidate.name == given) {
        return Ok(exact);
    }
    let rules: [&dyn Fn(&Candidate<'_>) -> bool; 4] = [
        &|candidate| candidate.title.to_lowercase() == lower,
        &|candidate| candidate.name.starts_with(given),
        &|candidate| candidate.name.match_indices('-').any(|(at, _)| candidate.name[at + 1..].starts_with(&lower)),
        &|candidate| candidate.title.to_lowercase().starts_with(&lower),
    ];
    if !given.is_empty() {
        for rule in rules {
            let fitting: Vec<usize> = (0..candidates.len()).filter(|&index| rule(&candidates[index])).collect();
            match fitting.as_slice() {
                [] => {}
                [one] => return Ok(*one),
                many => {
                    let names: Vec<&str> = many.iter().take(5).map(|&index| candidates[index].name).collect();
                    let more = if many.len() > 5 { ", …" } else { "" };
                    return Err(Refusal::usage(format!("`{given}` fits {} {kind}s: {}{more}", many.len(), names.join(", ")))
                        .hint("give more of the name"));
                }
            }
        }
    }
    let refusal = Refusal::usage(format!("there is no {kind} `{}`", given.escape_debug()));
    let near = nearest(given, candidates.iter().map(|candidate| (candidate.name, candidate.title)));
    Err(if near.is_empty() { refusal } else { refusal.hint(format!("nearest: {}", near.join(", "))) })
}

/// The shortest way to type `name` that [`resolve`] understands: its last part when no other name fits it, else all of it.
#[must_use]
pub fn shortest<'a>(name: &'a str, candidates: &[Candidate<'_>]) -> &'a str {
    let last = name.rsplit('-').next().unwrap_or(name);
    match resolve("", last, candidates) {
        Ok(index) if candidates[index].name == name && last.len() >= 4 => last,
        Ok(_) | Err(_) => name,
    }
}

/// The at most three names that look most like `given`, the likest first, in backticks. Each comes with a second text to
/// compare with, such as a title; it may be empty.
#[must_use]
pub fn nearest<'a>(given: &str, names: impl IntoIterator<Item = (&'a str, &'a str)>) -> Vec<String> {
    let lower = given.to_lowercase();
    let score = |text: &str| likeness(&lower, &text.to_lowercase());
    let mut near: Vec<(f64, &str)> =
        names.into_iter().map(|(name, title)| (score(name).max(score(title)), name)).filter(|(score, _)| *score > 0.5).collect();
    near.sort_by(|left, right| right.0.total_cmp(&left.0).then(left.1.cmp(right.1)));
    near.iter().take(3).map(|(_, name)| format!("`{name}`")).collect()
}

fn likeness(left: &str, right: &str) -> f64 {
    f64::from(similar::TextDiff::from_chars(left, right).ratio())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_git_or_a_file_system_would_refuse_are_refused() {
        for bad in ["", ".x", "-x", "a..b", "a/b", "a b", "x.lock", "a:b", "ü", "x."] {
            assert!(TaskId::new(bad).is_err(), "{bad:?} was taken");
        }
        assert_eq!(TaskId::new("20261120_180000-fix-x1y2").expect("a plain name").as_str(), "20261120_180000-fix-x1y2");
    }

    #[test]
    fn slugs_are_short_and_plain() {
        assert_eq!(slug("Fix the Parser: `a/b`!"), "fix-the-parser-a-b");
        assert_eq!(slug("Ünïcode only ✓"), "n-code-only");
        assert_eq!(slug("✓"), "");
        assert!(slug(&"word ".repeat(40)).len() <= 40);
    }

    #[test]
    fn a_name_is_found_by_prefix_suffix_title_and_refused_when_unclear() {
        let all = [
            Candidate { name: "20261120_180000-fix-parser-k3x9", title: "Fix parser" },
            Candidate { name: "20261120_180001-fix-printer-a1b2", title: "Fix printer" },
        ];
        assert_eq!(resolve("task", "k3x9", &all), Ok(0));
        assert_eq!(resolve("task", "20261120_180001", &all), Ok(1));
        assert_eq!(resolve("task", "fix printer", &all), Ok(1));
        assert_eq!(resolve("task", "fix-pa", &all), Ok(0));
        assert!(resolve("task", "fix", &all).expect_err("two fit").message.contains("fits 2 tasks"));
        let unknown = resolve("task", "fix parsr", &all).expect_err("none fits");
        assert_eq!(unknown.hint.as_deref().map(|hint| hint.contains("fix-parser-k3x9")), Some(true));
    }

    #[test]
    fn a_short_name_is_one_that_is_understood() {
        let all = [
            Candidate { name: "20261120_180000-fix-parser-k3x9", title: "" },
            Candidate { name: "20261120_180001-fix-k3x9-a1b2", title: "" },
            Candidate { name: "20261120_180002-fix-it-z8", title: "" },
        ];
        assert_eq!(shortest(all[0].name, &all), all[0].name);
        assert_eq!(shortest(all[1].name, &all), "a1b2");
        assert_eq!(shortest(all[2].name, &all), all[2].name);
        assert_eq!(shortest("20261120_180009-unknown-q1w2", &all), "20261120_180009-unknown-q1w2");
    }

    #[test]
    fn a_digest_is_the_published_test_vector() {
        assert_eq!(Digest::of("abc").as_str(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }
}
