//! A tree difference as facts: the common coin of ownership, risk, rollback, commit and review.
//!
//! Nothing here reads a file or a tree; who compared what is the caller's business.

use std::{
    borrow::Cow,
    ffi::OsStr,
    fmt::{self, Write as _},
    os::unix::ffi::OsStrExt as _,
    path::{Path, PathBuf},
    str::FromStr,
};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use crate::model::{id::Oid, refusal::Refusal};

/// A path below the top of the work tree, as the bytes that git knows it by; parts are separated by `/`.
///
/// Its text form is the path itself, or git's C-style quoting in double quotes when it holds a quote, a backslash, a
/// character that does not print, or bytes that are not UTF-8. The text form is reversible.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TreePath(Box<[u8]>);

impl TreePath {
    /// Checks and wraps the bytes of a path.
    ///
    /// # Errors
    /// Refuses what cannot name something inside a work tree: an empty, absolute or unclean path, one that leaves the
    /// work tree, and one that leads into a `.git` directory.
    pub fn new(bytes: impl Into<Vec<u8>>) -> Result<Self, Refusal> {
        let bytes: Vec<u8> = bytes.into();
        let why = if bytes.is_empty() {
            "is empty"
        } else if bytes.contains(&0) {
            "holds a NUL byte"
        } else if bytes.split(|&byte| byte == b'/').any(|part| matches!(part, b"" | b"." | b"..")) {
            "is not a clean path below the top of the work tree"
        } else if bytes.split(|&byte| byte == b'/').any(is_git_directory) {
            "leads into git's own directory"
        } else {
            return Ok(Self(bytes.into()));
        };
        Err(Refusal::usage(format!("the path `{}` {why}", quoted(&bytes))))
    }

    /// The bytes that git knows the path by.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Where the path is on disk when the top of the work tree is at `root`.
    #[must_use]
    pub fn join_to(&self, root: &Path) -> PathBuf {
        root.join(OsStr::from_bytes(&self.0))
    }

    /// Whether this is `prefix` itself or lies in the directory `prefix`.
    #[must_use]
    pub fn is_below(&self, prefix: &Self) -> bool {
        self.0.strip_prefix(&*prefix.0).is_some_and(|rest| rest.is_empty() || rest[0] == b'/')
    }

    /// Whether this is `.claude` or lies in it.
    #[must_use]
    pub fn is_claude(&self) -> bool {
        self.0.strip_prefix(b".claude").is_some_and(|rest| rest.is_empty() || rest[0] == b'/')
    }

    /// The directory that holds it; none at the top.
    #[must_use]
    pub fn parent(&self) -> Option<Self> {
        let slash = self.0.iter().rposition(|&byte| byte == b'/')?;
        Some(Self(self.0[..slash].into()))
    }

    /// All directories that hold it, the outermost first.
    pub fn parents(&self) -> impl Iterator<Item = Self> + '_ {
        self.0.iter().enumerate().filter(|(_, byte)| **byte == b'/').map(|(slash, _)| Self(self.0[..slash].into()))
    }

    /// The last part of the path.
    #[must_use]
    pub fn file_name(&self) -> &[u8] {
        self.0.rsplit(|&byte| byte == b'/').next().unwrap_or(&self.0)
    }
}

/// Whether some file system would take this part of a path for `.git` (git's `core.protectNTFS`, on by default).
fn is_git_directory(part: &[u8]) -> bool {
    let name = part.split(|byte| matches!(byte, b':' | b'\\')).next().unwrap_or(part);
    let end = name.iter().rposition(|byte| !matches!(byte, b' ' | b'.')).map_or(0, |last| last + 1);
    name[..end].eq_ignore_ascii_case(b".git") || name[..end].eq_ignore_ascii_case(b"git~1")
}

/// The text form of a path's bytes; see [`TreePath`].
pub(in crate::model) fn quoted(bytes: &[u8]) -> Cow<'_, str> {
    let plain = std::str::from_utf8(bytes)
        .ok()
        .filter(|text| !text.chars().any(|found| matches!(found, '"' | '\\') || is_unprintable(found)));
    if let Some(plain) = plain {
        return plain.into();
    }
    let mut out = String::with_capacity(bytes.len() + 8);
    out.push('"');
    for chunk in bytes.utf8_chunks() {
        for character in chunk.valid().chars() {
            match character {
                '"' => out.push_str("\\\""),
                '\\' => out.push_str("\\\\"),
                '\n' => out.push_str("\\n"),
                '\t' => out.push_str("\\t"),
                '\r' => out.push_str("\\r"),
                _ if is_unprintable(character) => octal(&mut out, character.encode_utf8(&mut [0; 4]).as_bytes()),
                _ => out.push(character),
            }
        }
        octal(&mut out, chunk.invalid());
    }
    out.push('"');
    out.into()
}

fn octal(out: &mut String, bytes: &[u8]) {
    for byte in bytes {
        write!(out, "\\{byte:03o}").expect("because writing to a string cannot fail");
    }
}

/// Control characters, and those that reorder or hide text on a terminal.
pub(in crate::model) fn is_unprintable(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

/// The bytes of a text form; see [`TreePath`].
pub(in crate::model) fn unquoted(text: &str) -> Result<Vec<u8>, Refusal> {
    let Some(inside) = text.strip_prefix('"') else {
        return Ok(text.as_bytes().to_owned());
    };
    let broken = || Refusal::usage(format!("the quoted path {} does not end or holds an unknown escape", text.escape_debug()));
    let mut rest = inside.strip_suffix('"').ok_or_else(broken)?.as_bytes();
    let mut out = Vec::with_capacity(rest.len());
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        if byte == b'"' {
            return Err(broken());
        }
        if byte != b'\\' {
            out.push(byte);
            continue;
        }
        let (&escape, after) = rest.split_first().ok_or_else(broken)?;
        rest = after;
        out.push(match escape {
            b'"' | b'\\' => escape,
            b'a' => 7,
            b'b' => 8,
            b't' => 9,
            b'n' => 10,
            b'v' => 11,
            b'f' => 12,
            b'r' => 13,
            b'0'..=b'3' => {
                let (digits, after) = rest.split_at_checked(2).ok_or_else(broken)?;
                rest = after;
                digits.iter().try_fold(escape - b'0', |value, digit| match digit {
                    b'0'..=b'7' => Ok(value << 3 | (digit - b'0')),
                    _ => Err(broken()),
                })?
            }
            _ => return Err(broken()),
        });
    }
    Ok(out)
}

impl fmt::Display for TreePath {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&quoted(&self.0))
    }
}

impl fmt::Debug for TreePath {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "<{self}>")
    }
}

impl FromStr for TreePath {
    type Err = Refusal;
    fn from_str(text: &str) -> Result<Self, Refusal> {
        Self::new(unquoted(text)?)
    }
}

impl TryFrom<String> for TreePath {
    type Error = Refusal;
    fn try_from(text: String) -> Result<Self, Refusal> {
        text.parse()
    }
}

impl From<TreePath> for String {
    fn from(path: TreePath) -> Self {
        path.to_string()
    }
}

impl JsonSchema for TreePath {
    fn schema_name() -> Cow<'static, str> {
        "TreePath".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "minLength": 1, "examples": ["src/main.rs", "\"two\\nlines\""] })
    }
}

/// What a path is, as far as git records it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// A regular file, `100644`.
    File,
    /// A regular file that may be run, `100755`.
    Executable,
    /// A symbolic link, `120000`; its content is its target.
    Link,
    /// Another repository at a commit, `160000`.
    Submodule,
}

impl Mode {
    /// The mode as git writes it into trees and the index.
    #[must_use]
    pub fn bits(self) -> u32 {
        match self {
            Self::File => 0o100_644,
            Self::Executable => 0o100_755,
            Self::Link => 0o120_000,
            Self::Submodule => 0o160_000,
        }
    }

    /// Reads a mode from a tree or the index; none for a directory and for what git does not know.
    #[must_use]
    pub fn from_bits(bits: u32) -> Option<Self> {
        match bits & 0o170_000 {
            0o100_000 if bits & 0o100 != 0 => Some(Self::Executable),
            0o100_000 => Some(Self::File),
            0o120_000 => Some(Self::Link),
            0o160_000 => Some(Self::Submodule),
            _ => None,
        }
    }

    /// Whether both are regular files.
    #[must_use]
    pub fn same_type(self, other: Self) -> bool {
        let regular = |mode| matches!(mode, Self::File | Self::Executable);
        self == other || (regular(self) && regular(other))
    }
}

/// What is at a path on one side of a comparison.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub struct Side {
    /// What it is.
    pub mode: Mode,
    /// Its content: a blob, or the commit of a submodule.
    pub oid: Oid,
}

/// One path that differs between two trees.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub struct Change {
    /// The path; a rename is a deletion and an addition.
    pub path: TreePath,
    /// What was there; none when nothing was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Side>,
    /// What is there; none when nothing is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Side>,
}

impl Change {
    /// The kind of change.
    #[must_use]
    pub fn kind(&self) -> ChangeKind {
        match (&self.before, &self.after) {
            (None, _) => ChangeKind::Added,
            (Some(_), None) => ChangeKind::Deleted,
            (Some(before), Some(after)) if !before.mode.same_type(after.mode) => ChangeKind::Type,
            (Some(before), Some(after)) if before.oid == after.oid => ChangeKind::Mode,
            (Some(_), Some(_)) => ChangeKind::Modified,
        }
    }

    /// The same change seen from the other side.
    #[must_use]
    pub fn reversed(self) -> Self {
        Self { path: self.path, before: self.after, after: self.before }
    }
}

/// How a path differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ChangeKind {
    /// It is new.
    Added,
    /// It is gone.
    Deleted,
    /// Its content differs, and perhaps the bit that lets it be run.
    Modified,
    /// Only the bit that lets it be run differs.
    Mode,
    /// It became something else: a link instead of a file, a submodule instead of a link.
    Type,
}

impl ChangeKind {
    /// The letter that git shows for it.
    #[must_use]
    pub fn letter(self) -> char {
        match self {
            Self::Added => 'A',
            Self::Deleted => 'D',
            Self::Modified | Self::Mode => 'M',
            Self::Type => 'T',
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn path(bytes: &[u8]) -> TreePath {
        TreePath::new(bytes).expect("a clean path")
    }

    #[test]
    fn paths_print_as_git_prints_them() {
        for (bytes, text) in [
            (&b"src/main.rs"[..], "src/main.rs"),
            ("grüße/✓ x".as_bytes(), "grüße/✓ x"),
            (b"two\nlines", r#""two\nlines""#),
            (b"a\"b\\c", r#""a\"b\\c""#),
            (b"latin\xe9", r#""latin\351""#),
            (b"\x1b[31m", r#""\033[31m""#),
            ("a\u{202e}b".as_bytes(), r#""a\342\200\256b""#),
        ] {
            assert_eq!(path(bytes).to_string(), text);
            assert_eq!(text.parse(), Ok(path(bytes)));
        }
    }

    #[test]
    fn paths_that_leave_the_work_tree_or_enter_git_are_refused() {
        for bad in [
            "",
            "/etc/passwd",
            "a//b",
            "a/",
            "./a",
            "a/../b",
            "..",
            ".git/config",
            "sub/.GIT/hooks",
            "git~1/x",
            ".git. .",
            ".git:x",
            "a\0b",
        ] {
            assert!(TreePath::new(bad).is_err(), "{bad:?} was taken");
        }
        for bad in ["\"", "\"a", "\"a\"b\"", r#""a\""#, r#""\9""#, r#""\40""#, r#""\477""#, r#""\x""#, r#""\056\056/x""#] {
            assert!(bad.parse::<TreePath>().is_err(), "{bad:?} was taken");
        }
        for good in [".gitignore", ".github/x", "a..b", "-rf", "*", ":x"] {
            assert!(TreePath::new(good).is_ok(), "{good:?} was refused");
        }
    }

    #[test]
    fn a_path_knows_what_it_lies_in() {
        assert!(path(b"a/b/c").is_below(&path(b"a/b")));
        assert!(path(b"a/b").is_below(&path(b"a/b")));
        assert!(!path(b"a/bc").is_below(&path(b"a/b")));
        assert!(path(b".claude/tasks/x.md").is_claude() && path(b".claude").is_claude());
        assert!(!path(b".claude-example/x").is_claude() && !path(b"x/.claude").is_claude());
        assert_eq!(path(b"a/b/c").parent(), Some(path(b"a/b")));
        assert_eq!(path(b"a/b/c").parents().collect::<Vec<_>>(), [path(b"a"), path(b"a/b")]);
        assert_eq!(path(b"a/b/c").file_name(), b"c");
        assert_eq!(path(b"a").parent(), None);
        assert_eq!(path(b"a/b").join_to(Path::new("/top")), Path::new("/top/a/b"));
    }

    #[test]
    fn the_kind_of_a_change_follows_from_its_sides() {
        let side = |mode, digit: &str| Some(Side { mode, oid: Oid::new(digit.repeat(40)).expect("forty digits") });
        let kind = |before, after| Change { path: path(b"x"), before, after }.kind();
        assert_eq!(kind(None, side(Mode::File, "1")), ChangeKind::Added);
        assert_eq!(kind(side(Mode::File, "1"), None), ChangeKind::Deleted);
        assert_eq!(kind(side(Mode::File, "1"), side(Mode::File, "2")), ChangeKind::Modified);
        assert_eq!(kind(side(Mode::File, "1"), side(Mode::Executable, "2")), ChangeKind::Modified);
        assert_eq!(kind(side(Mode::File, "1"), side(Mode::Executable, "1")), ChangeKind::Mode);
        assert_eq!(kind(side(Mode::File, "1"), side(Mode::Link, "1")), ChangeKind::Type);
        assert_eq!(kind(side(Mode::Submodule, "1"), side(Mode::Submodule, "2")), ChangeKind::Modified);
    }

    #[test]
    fn modes_are_those_of_git() {
        for mode in [Mode::File, Mode::Executable, Mode::Link, Mode::Submodule] {
            assert_eq!(Mode::from_bits(mode.bits()), Some(mode));
        }
        assert_eq!(Mode::from_bits(0o100_664), Some(Mode::File));
        assert_eq!(Mode::from_bits(0o040_000), None);
    }

    proptest! {
        #[test]
        fn the_text_form_of_a_path_is_reversible(bytes in proptest::collection::vec(any::<u8>(), 1..40)) {
            if let Ok(path) = TreePath::new(bytes) {
                let text = path.to_string();
                prop_assert!(!text.chars().any(char::is_control));
                prop_assert_eq!(text.parse::<TreePath>(), Ok(path.clone()));
                let json = serde_json::to_string(&path).unwrap();
                prop_assert_eq!(serde_json::from_str::<TreePath>(&json).unwrap(), path);
            }
        }
    }
}
