//! Both sides of one file, as far as the risk of a change asks.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::{
    change::ChangeKind as Kind,
    id::Oid,
    risk::versions::{Shift, shifts},
    source::{
        Facts, Limit, MentionKind, Reading,
        difference::{Difference, difference},
        lines::each,
    },
};

/// Parts of words about who may do what, and about what is secret, in small letters.
const SECURITY: [&str; 23] = [
    "password",
    "passwd",
    "passphrase",
    "secret",
    "credential",
    "oauth",
    "jwt",
    "csrf",
    "encrypt",
    "decrypt",
    "hmac",
    "private_key",
    "privatekey",
    "api_key",
    "apikey",
    "access_token",
    "accesstoken",
    "authenticat",
    "authoriz",
    "permission",
    "insecure",
    "setuid",
    "chmod",
];

/// Statements that throw data away, in small letters and without spaces and underscores, and those that undo them.
const DROPS: [(&str, &str); 4] =
    [("droptable", "createtable"), ("dropcolumn", "addcolumn"), ("removecolumn", "addcolumn"), ("truncatetable", "createtable")];

/// What differs in one file.
#[derive(Clone, Debug)]
pub struct FileChange {
    /// Its path.
    pub path: String,
    /// How it differs.
    pub kind: Kind,
    /// The blob that it is now; none where git holds none.
    pub blob: Option<Oid>,
    /// Whether anybody looked into it.
    pub look: Look,
    /// Whether it says that a program made it, or looks so.
    pub is_generated: bool,
    /// How many lines are new that the other side has nowhere.
    pub added: u64,
    /// How many lines are gone that the other side has nowhere.
    pub removed: u64,
    /// What others can use, and tests.
    pub difference: Difference,
    /// Variables of the environment and routes that it no longer names.
    pub contracts_gone: Vec<String>,
    /// Those that it names now.
    pub contracts_new: Vec<String>,
    /// What it depends on, where it is a manifest.
    pub dependencies: Vec<Shift>,
    /// New statements that throw data away.
    pub drops: Vec<String>,
    /// Words about who may do what, and about what is secret, in lines of code that are new or gone.
    pub security: BTreeSet<String>,
}

/// Whether anybody looked into a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// Both sides were read.
    Read,
    /// A side is no text.
    Binary,
    /// A side is larger than what is read, or cannot be read.
    Unread,
    /// Nobody had to: the same content lies, or lay, elsewhere.
    Moved,
}

/// What one side has at a path.
#[derive(Debug)]
pub enum Version {
    /// Nothing.
    Nothing,
    /// Something that nobody looked into.
    Unread,
    /// A file.
    Read {
        /// Its content.
        text: String,
        /// What it says.
        facts: Box<Facts>,
    },
}

impl Version {
    fn facts(&self) -> Option<&Facts> {
        match self {
            Self::Read { facts, .. } => Some(facts),
            Self::Nothing | Self::Unread => None,
        }
    }

    fn text(&self) -> Option<&str> {
        match self {
            Self::Read { text, .. } => Some(text),
            Self::Nothing | Self::Unread => None,
        }
    }

    fn contracts(&self) -> BTreeSet<String> {
        let mentions = self.facts().into_iter().flat_map(|facts| &facts.mentions);
        let known = mentions.filter(|mention| matches!(mention.kind, MentionKind::Variable | MentionKind::Route));
        known.map(|mention| mention.name.clone()).collect()
    }

    fn lines(&self) -> BTreeMap<&str, u64> {
        let mut lines = BTreeMap::new();
        for line in each(self.text().unwrap_or_default().as_bytes()) {
            let line = std::str::from_utf8(line).unwrap_or_default().trim_end();
            *lines.entry(line).or_default() += 1;
        }
        lines
    }
}

impl FileChange {
    /// A file whose content lies, or lay, elsewhere: only its path counts.
    #[must_use]
    pub fn moved(path: &str) -> Self {
        Self::unread(path, Kind::Mode, Look::Moved)
    }

    fn unread(path: &str, kind: Kind, look: Look) -> Self {
        Self {
            path: path.to_owned(),
            kind,
            blob: None,
            look,
            is_generated: false,
            added: 0,
            removed: 0,
            difference: Difference::default(),
            contracts_gone: Vec::new(),
            contracts_new: Vec::new(),
            dependencies: Vec::new(),
            drops: Vec::new(),
            security: BTreeSet::new(),
        }
    }

    /// What differs at `path` between two versions.
    #[must_use]
    pub fn between(path: &str, kind: Kind, before: &Version, after: &Version) -> Self {
        let is_binary =
            |version: &Version| version.facts().is_some_and(|facts| facts.reading == Reading::LinesOnly(Limit::Binary));
        let look = match (before, after) {
            (Version::Unread, _) | (_, Version::Unread) => Look::Unread,
            (one, other) if is_binary(one) || is_binary(other) => Look::Binary,
            _ => Look::Read,
        };
        let is_generated = after.facts().or(before.facts()).is_some_and(|facts| facts.is_generated);
        let mut change = Self { is_generated, ..Self::unread(path, kind, look) };
        if look != Look::Read {
            return change;
        }
        change.difference = difference(before.facts(), after.facts());
        let (old, new) = (before.contracts(), after.contracts());
        change.contracts_gone = old.difference(&new).cloned().collect();
        change.contracts_new = new.difference(&old).cloned().collect();
        change.dependencies = shifts(path, before.text(), after.text());
        let comments = after.facts().or(before.facts()).map(|facts| facts.language.comments());
        let is_comment = |line: &str| {
            let line = line.trim_start();
            line.starts_with('*') || comments.is_some_and(|of| of.line.iter().any(|mark| line.starts_with(mark)))
        };
        let (old, new) = (before.lines(), after.lines());
        let (gone, fresh) = (more(&old, &new), more(&new, &old));
        change.removed = gone.iter().map(|(_, times)| times).sum();
        change.added = fresh.iter().map(|(_, times)| times).sum();
        for (line, _) in gone.iter().chain(&fresh).filter(|(line, _)| !is_comment(line)) {
            let lower = line.to_lowercase();
            change.security.extend(SECURITY.iter().filter(|word| lower.contains(**word)).map(|word| (*word).to_owned()));
        }
        change.drops = drops(fresh.iter().map(|(line, _)| *line).filter(|line| !is_comment(line)));
        change
    }
}

/// The lines that `one` has more often than `other`, and how much more often.
fn more<'t>(one: &BTreeMap<&'t str, u64>, other: &BTreeMap<&'t str, u64>) -> Vec<(&'t str, u64)> {
    let rest = |line: &str, times: u64| times.saturating_sub(other.get(line).copied().unwrap_or(0));
    one.iter().map(|(line, times)| (*line, rest(line, *times))).filter(|(_, times)| *times > 0).collect()
}

/// Statements that throw data away, without as many as are the way back of what is made beside them.
fn drops<'t>(lines: impl Iterator<Item = &'t str>) -> Vec<String> {
    let plain = |line: &str| line.to_lowercase().replace([' ', '_', '\t'], "");
    let lines: Vec<(&str, String)> = lines.map(|line| (line, plain(line))).collect();
    let mut found = Vec::new();
    for (drop, make) in DROPS {
        let made = lines.iter().filter(|(_, plain)| plain.contains(make)).count();
        let dropped = lines.iter().filter(|(_, plain)| plain.contains(drop));
        found.extend(dropped.skip(made).map(|(line, _)| crate::model::quote::line(line, 80)));
    }
    found
}
