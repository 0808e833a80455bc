//! What a recording can do, one step each. Nothing here touches a file; `run::agent::play` carries steps out.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::{change::TreePath, refusal::Refusal, time::Lapse};

/// One thing that is done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// Says something.
    Say(String),
    /// Writes a file whole.
    Write(Write),
    /// Replaces one place of a file.
    Patch(Patch),
    /// Makes a symbolic link.
    Link(Link),
    /// Deletes a file or link.
    Delete(TreePath),
    /// Runs a program, whatever it exits with.
    Run(Run),
    /// Runs `autonomy` with these arguments, whatever it exits with.
    Autonomy(Vec<String>),
    /// Prints a raw line of an agent client, such as a `result` or `rate_limit_event`.
    Client(String),
    /// Waits.
    Sleep(Lapse),
    /// Ends with this exit code.
    Exit(u8),
}

/// A file written whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "Written", into = "Written")]
pub struct Write {
    /// The file.
    pub path: TreePath,
    /// What it is to hold.
    pub bytes: Vec<u8>,
    /// Whether it may be executed; as it was when left out.
    pub executable: Option<bool>,
}

/// The written form of [`Write`].
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Written {
    /// The file.
    path: TreePath,
    /// Its text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    content: Option<String>,
    /// Its bytes in hexadecimal, when they are not text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    hex: Option<String>,
    /// Whether it may be executed; as it was when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    executable: Option<bool>,
}

impl TryFrom<Written> for Write {
    type Error = Refusal;
    fn try_from(written: Written) -> Result<Self, Refusal> {
        let Written { path, content, hex, executable } = written;
        let bytes = match (content, hex) {
            (Some(text), None) => text.into_bytes(),
            (None, Some(hex)) => from_hex(&hex)
                .ok_or_else(|| Refusal::usage(format!("the `hex` of `{path}` is not pairs of hexadecimal digits")))?,
            (Some(_), Some(_)) | (None, None) => {
                return Err(Refusal::usage(format!("the writing of `{path}` needs either `content` or `hex`")));
            }
        };
        Ok(Self { path, bytes, executable })
    }
}

impl From<Write> for Written {
    fn from(write: Write) -> Self {
        let Write { path, bytes, executable } = write;
        let (content, hex) = match String::from_utf8(bytes) {
            Ok(text) => (Some(text), None),
            Err(binary) => (None, Some(to_hex(binary.as_bytes()))),
        };
        Self { path, content, hex, executable }
    }
}

/// A replacement in a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Patch {
    /// The file.
    pub path: TreePath,
    /// The text that is there, exactly once unless `all` is set.
    pub find: String,
    /// The text that takes its place.
    pub replace: String,
    /// Whether every place is replaced.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub all: bool,
}

impl Patch {
    /// The file's text after the replacement.
    ///
    /// # Errors
    /// Refuses when the text is not there, or several times.
    pub fn apply(&self, text: &str) -> Result<String, Refusal> {
        let found = if self.find.is_empty() { 0 } else { text.matches(&self.find).count() };
        match (found, self.all) {
            (0, _) => Err(Refusal::no(format!("cannot patch `{}`: the text to replace is not in it", self.path))),
            (1, _) | (_, true) => Ok(text.replace(&self.find, &self.replace)),
            (many, false) => Err(Refusal::no(format!("cannot patch `{}`: the text to replace is in it {many} times", self.path))),
        }
    }
}

/// A symbolic link.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Link {
    /// Where it is.
    pub path: TreePath,
    /// What it points to.
    pub target: String,
}

/// A program to run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Run {
    /// A program and its arguments.
    Argv(Vec<String>),
    /// Text for a shell.
    Shell(String),
}

fn to_hex(bytes: &[u8]) -> String {
    let digit = |value: u8| char::from_digit(value.into(), 16).expect("because four bits are one digit");
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

/// Bytes from hexadecimal digits; none when they are not pairs of such.
#[must_use]
pub fn from_hex(hex: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> =
        hex.chars().map(|digit| digit.to_digit(16).and_then(|value| u8::try_from(value).ok())).collect();
    let digits = digits.filter(|digits| digits.len() % 2 == 0)?;
    Some(digits.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect())
}
