//! What a snapshot's tree cannot say: paths it does not hold and why, permission bits, and flags of the index.
//!
//! A rollback proves with it that a path was not there. Nothing here looks at a disk.

use std::{borrow::Cow, collections::BTreeMap, fmt, str::FromStr};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use crate::model::{
    change::{Mode, TreePath, quoted, unquoted},
    refusal::Refusal,
    secret::Leak,
};

/// The version that this program writes.
pub const VERSION: u32 = 1;

/// A path as a manifest lists it: with a slash behind it, a directory with everything in it.
///
/// Its bytes are not checked, because a manifest also names what git would not take.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ListedPath(Box<[u8]>);

impl ListedPath {
    /// A path that is not a directory.
    pub fn single(bytes: impl Into<Vec<u8>>) -> Self {
        Self(bytes.into().into())
    }

    /// A directory with everything in it.
    pub fn directory(bytes: impl Into<Vec<u8>>) -> Self {
        let mut bytes: Vec<u8> = bytes.into();
        bytes.push(b'/');
        Self(bytes.into())
    }

    /// The bytes, a directory's with the slash.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Whether this is `path`, or a directory that holds it.
    #[must_use]
    pub fn covers(&self, path: &TreePath) -> bool {
        let bytes = path.as_bytes();
        match self.0.strip_suffix(b"/") {
            Some(directory) => bytes.strip_prefix(directory).is_some_and(|rest| rest.is_empty() || rest[0] == b'/'),
            None => bytes == &*self.0,
        }
    }

    /// Whether this lies in the directory `path`.
    #[must_use]
    pub fn is_inside(&self, path: &TreePath) -> bool {
        let rest = self.0.strip_prefix(path.as_bytes());
        rest.is_some_and(|rest| rest.len() > 1 && rest[0] == b'/')
    }

    /// The path without the slash, when git would take it.
    #[must_use]
    pub fn path(&self) -> Option<TreePath> {
        TreePath::new(self.0.strip_suffix(b"/").unwrap_or(&self.0)).ok()
    }

    /// Whether it stands for a directory.
    #[must_use]
    pub fn is_directory(&self) -> bool {
        self.0.ends_with(b"/")
    }
}

impl fmt::Display for ListedPath {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&quoted(&self.0))
    }
}

impl fmt::Debug for ListedPath {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "<{self}>")
    }
}

impl TryFrom<String> for ListedPath {
    type Error = Refusal;
    fn try_from(text: String) -> Result<Self, Refusal> {
        unquoted(&text).map(|bytes| Self(bytes.into()))
    }
}

impl From<ListedPath> for String {
    fn from(path: ListedPath) -> Self {
        path.to_string()
    }
}

impl JsonSchema for ListedPath {
    fn schema_name() -> Cow<'static, str> {
        "ListedPath".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "minLength": 1, "examples": ["target/", "core.1234"] })
    }
}

/// Permission bits of a file or directory, written in octal: `600`, `4755`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Bits(u32);

impl Bits {
    /// The permission bits of a file mode as the system gives it.
    #[must_use]
    pub fn of(mode: u32) -> Self {
        Self(mode & 0o7777)
    }

    /// The bits as a number.
    #[must_use]
    pub fn get(self) -> u32 {
        self.0
    }
}

impl fmt::Display for Bits {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:03o}", self.0)
    }
}

impl FromStr for Bits {
    type Err = Refusal;
    fn from_str(text: &str) -> Result<Self, Refusal> {
        u32::from_str_radix(text, 8)
            .ok()
            .filter(|bits| *bits <= 0o7777)
            .map(Self)
            .ok_or_else(|| Refusal::usage(format!("`{}` is not a set of permission bits in octal", text.escape_debug())))
    }
}

impl TryFrom<String> for Bits {
    type Error = Refusal;
    fn try_from(text: String) -> Result<Self, Refusal> {
        text.parse()
    }
}

impl From<Bits> for String {
    fn from(bits: Bits) -> Self {
        bits.to_string()
    }
}

impl JsonSchema for Bits {
    fn schema_name() -> Cow<'static, str> {
        "Bits".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": "^[0-7]{3,4}$" })
    }
}

/// A path that was there and is not in the snapshot, although no rule ignores it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct LeftOut {
    /// The path.
    pub path: ListedPath,
    /// Why it is not in the snapshot.
    #[serde(flatten)]
    pub why: WhyLeftOut,
}

/// Why a snapshot does not hold a path.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "why", rename_all = "snake_case")]
pub enum WhyLeftOut {
    /// An untracked file larger than the cap.
    TooLarge {
        /// Its size.
        bytes: u64,
    },
    /// Too many new files; this directory or file went over the cap.
    TooMany {
        /// How many files it holds.
        files: u64,
    },
    /// A pipe, socket or device.
    NotAFile,
    /// Another repository without a commit.
    EmptyRepository,
    /// Git does not take such a name.
    BadName,
    /// It may not be read.
    Unreadable,
    /// An untracked file that holds a secret, or is kept for one by its name.
    Secret {
        /// Whose token it is, or how it was found; `file-name` where the name says it.
        rule: String,
        /// The line that it begins on.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        line: Option<u64>,
    },
}

impl fmt::Display for WhyLeftOut {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge { bytes } => write!(formatter, "untracked, and {bytes} bytes are over the cap"),
            Self::TooMany { files: 1 } => formatter.write_str("too many new files"),
            Self::TooMany { files } => write!(formatter, "too many new files, {files} here"),
            Self::NotAFile => formatter.write_str("a pipe, socket or device"),
            Self::EmptyRepository => formatter.write_str("another repository without a commit"),
            Self::BadName => formatter.write_str("git does not take such a name"),
            Self::Unreadable => formatter.write_str("it may not be read"),
            Self::Secret { line: None, .. } => formatter.write_str("its name says that it is kept for secrets"),
            Self::Secret { rule, line: Some(line) } => write!(formatter, "line {line} looks like a secret ({rule})"),
        }
    }
}

/// The permission bits that most paths of a snapshot have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct UsualBits {
    /// Of files.
    pub file: Bits,
    /// Of files that may be run.
    pub executable: Bits,
    /// Of directories.
    pub directory: Bits,
}

impl Default for UsualBits {
    fn default() -> Self {
        Self { file: Bits(0o644), executable: Bits(0o755), directory: Bits(0o755) }
    }
}

/// Ignore rules that lie outside the work tree.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OuterRules {
    /// Which file they came from.
    pub from: RuleFile,
    /// Its text; bytes that are not UTF-8 are replaced.
    pub text: String,
}

/// An ignore file outside the work tree, the weakest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RuleFile {
    /// `core.excludesFile`, or git's own default place for it.
    Excludes,
    /// `info/exclude` of the clone.
    Info,
}

/// `manifest.yaml` in the carrier commit of a snapshot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Manifest {
    /// The version of this form.
    pub version: u32,
    /// Paths that were there, that no rule ignores, and that the snapshot does not hold.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<LeftOut>,
    /// Paths that were there and that rules ignore; a directory that is ignored as a whole is one line.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ignored: Vec<ListedPath>,
    /// The ignore rules that lie outside the work tree; those inside are in the snapshot.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<OuterRules>,
    /// The permission bits of whatever is not named in `permissions`.
    #[serde(default)]
    pub usual: UsualBits,
    /// Permission bits that are not the usual ones.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub permissions: BTreeMap<ListedPath, Bits>,
    /// Directories that held nothing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub empty_directories: Vec<TreePath>,
    /// Entries of the index marked as not to be in the work tree; the snapshot has them as the index did.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub skip_worktree: Vec<TreePath>,
    /// Entries of the index that git was told not to look at; the snapshot has them as the index did.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub assume_unchanged: Vec<TreePath>,
    /// Entries of the index that only announce a file (`git add -N`).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub intent_to_add: Vec<TreePath>,
    /// Secrets that the snapshot holds and the commit that HEAD was at does not.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub secrets: Vec<Leak>,
}

impl Default for Manifest {
    fn default() -> Self {
        Self {
            version: VERSION,
            left_out: Vec::new(),
            ignored: Vec::new(),
            rules: Vec::new(),
            usual: UsualBits::default(),
            permissions: BTreeMap::new(),
            empty_directories: Vec::new(),
            skip_worktree: Vec::new(),
            assume_unchanged: Vec::new(),
            intent_to_add: Vec::new(),
            secrets: Vec::new(),
        }
    }
}

impl Manifest {
    /// The manifest as it is written.
    #[must_use]
    pub fn to_yaml(&self) -> String {
        serde_saphyr::to_string(self).expect("because every part of a manifest has a form in YAML")
    }

    /// Reads a manifest.
    ///
    /// # Errors
    /// Refuses what is not a manifest, and one of a newer version.
    pub fn from_yaml(text: &str) -> Result<Self, Refusal> {
        let manifest: Self = serde_saphyr::from_str(text)
            .map_err(|error| Refusal::environment(format!("the manifest of a snapshot cannot be read: {error}")))?;
        if manifest.version > VERSION {
            return Err(newer("the manifest of a snapshot", manifest.version, VERSION));
        }
        Ok(manifest)
    }

    /// The permission bits that a path had which the snapshot holds.
    #[must_use]
    pub fn bits(&self, path: &TreePath, mode: Mode) -> Bits {
        let usual = if mode == Mode::Executable { self.usual.executable } else { self.usual.file };
        self.permissions.get(&ListedPath::single(path.as_bytes())).copied().unwrap_or(usual)
    }

    /// The permission bits that a directory had.
    #[must_use]
    pub fn directory_bits(&self, path: &TreePath) -> Bits {
        self.permissions.get(&ListedPath::directory(path.as_bytes())).copied().unwrap_or(self.usual.directory)
    }

    /// Paths that were there and that the snapshot does not hold.
    pub fn absentees(&self) -> impl Iterator<Item = &ListedPath> {
        self.left_out.iter().map(|left| &left.path).chain(&self.ignored)
    }
}

/// The refusal of something that a newer program wrote.
#[must_use]
pub fn newer(what: &str, found: u32, known: u32) -> Refusal {
    Refusal::environment(format!("{what} has version {found}, and this program knows versions up to {known}"))
        .hint("use a newer `autonomy`")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> TreePath {
        text.parse().expect("a clean path")
    }

    #[test]
    fn a_directory_covers_itself_and_what_is_in_it() {
        let directory = ListedPath::directory("a/b");
        assert!(directory.covers(&path("a/b")) && directory.covers(&path("a/b/c")) && !directory.covers(&path("a/bc")));
        assert!(directory.is_inside(&path("a")) && !directory.is_inside(&path("a/b")));
        let single = ListedPath::single("a/b");
        assert!(single.covers(&path("a/b")) && !single.covers(&path("a/b/c")));
        assert!(single.is_inside(&path("a")) && !single.is_inside(&path("a/b")));
        assert_eq!(directory.path(), Some(path("a/b")));
        assert_eq!(ListedPath::single("a/.GIT").path(), None);
    }

    #[test]
    fn a_manifest_survives_its_yaml_form() {
        let manifest = Manifest {
            left_out: vec![
                LeftOut { path: ListedPath::single("big.bin"), why: WhyLeftOut::TooLarge { bytes: 6_000_000 } },
                LeftOut { path: ListedPath::directory("node_modules"), why: WhyLeftOut::TooMany { files: 31_204 } },
                LeftOut { path: ListedPath::single(&b"odd\n\xff"[..]), why: WhyLeftOut::NotAFile },
            ],
            ignored: vec![ListedPath::directory("target"), ListedPath::single("yes")],
            rules: vec![OuterRules { from: RuleFile::Info, text: "*.o\n# x\n".into() }],
            permissions: BTreeMap::from([(ListedPath::single("secret"), Bits::of(0o100_600))]),
            skip_worktree: vec![path("a: b"), path("- x"), path("123")],
            ..Manifest::default()
        };
        let text = manifest.to_yaml();
        assert_eq!(Manifest::from_yaml(&text), Ok(manifest.clone()), "{text}");
        insta::assert_snapshot!(text, @r#"
        version: 1
        left_out:
        - path: big.bin
          why: too_large
          bytes: 6000000
        - path: node_modules/
          why: too_many
          files: 31204
        - path: "\"odd\\n\\377\""
          why: not_a_file
        ignored:
        - target/
        - "yes"
        rules:
        - from: info
          text: |
            *.o
            # x
        usual:
          file: "644"
          executable: "755"
          directory: "755"
        permissions:
          secret: "600"
        skip_worktree:
        - "a: b"
        - "- x"
        - "123"
        "#);
        let newer = text.replacen("version: 1", "version: 2", 1);
        assert!(Manifest::from_yaml(&newer).expect_err("newer").message.contains("version 2"));
        assert_eq!(manifest.bits(&path("secret"), Mode::File).to_string(), "600");
        assert_eq!(manifest.bits(&path("x"), Mode::Executable).to_string(), "755");
    }
}
