//! Which file under `.claude/` is which record. It knows paths only, nothing of what stands in the files.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::id::TaskId;

/// A kind of record: a file that people and this program write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RecordKind {
    /// `tasks/<id>.md`
    Task,
    /// `decisions/<id>.md`
    Decision,
    /// `questions/<id>.md`
    Question,
    /// `memory/<id>.md`
    Note,
    /// `workflows/<name>.yaml`
    Workflow,
    /// `skills/<name>/SKILL.md`
    Skill,
    /// `autonomy.toml`
    Settings,
    /// `authority.yaml`
    Authority,
    /// `agents.yaml`
    Agents,
    /// `recovery.yaml`
    Recovery,
}

/// The folder of everything, with the slash.
pub const FOLDER: &str = ".claude/";

impl RecordKind {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Task,
        Self::Decision,
        Self::Question,
        Self::Note,
        Self::Workflow,
        Self::Skill,
        Self::Settings,
        Self::Authority,
        Self::Agents,
        Self::Recovery,
    ];

    /// The word for people.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Task => "task",
            Self::Decision => "decision",
            Self::Question => "question",
            Self::Note => "note",
            Self::Workflow => "workflow",
            Self::Skill => "skill",
            Self::Settings => "settings",
            Self::Authority => "authority",
            Self::Agents => "agents",
            Self::Recovery => "recovery",
        }
    }

    /// What stands before and after the name in the path from the top of the work tree; a kind with one file has no name.
    fn shape(self) -> (&'static str, &'static str) {
        match self {
            Self::Task => (".claude/tasks/", ".md"),
            Self::Decision => (".claude/decisions/", ".md"),
            Self::Question => (".claude/questions/", ".md"),
            Self::Note => (".claude/memory/", ".md"),
            Self::Workflow => (".claude/workflows/", ".yaml"),
            Self::Skill => (".claude/skills/", "/SKILL.md"),
            Self::Settings => (".claude/autonomy.toml", ""),
            Self::Authority => (".claude/authority.yaml", ""),
            Self::Agents => (".claude/agents.yaml", ""),
            Self::Recovery => (".claude/recovery.yaml", ""),
        }
    }

    /// Whether there are many of the kind, each with a name.
    #[must_use]
    pub fn is_named(self) -> bool {
        self.folder().is_some()
    }

    /// The folder of the kind from the top of the work tree, without the last slash; none for a kind with one file.
    #[must_use]
    pub fn folder(self) -> Option<&'static str> {
        self.shape().0.strip_suffix('/')
    }

    /// The path of the record `name` from the top of the work tree; kinds with one file take no notice of the name.
    #[must_use]
    pub fn path(self, name: &str) -> String {
        let (before, after) = self.shape();
        if self.is_named() { format!("{before}{name}{after}") } else { before.to_owned() }
    }
}

impl fmt::Display for RecordKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.word())
    }
}

/// A record's place: its kind and its name, which is empty for a kind with one file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub struct RecordPath {
    /// The kind.
    pub kind: RecordKind,
    /// The name.
    pub name: String,
}

impl RecordPath {
    /// The record at `path`, given from the top of the work tree with `/` between its parts; none when no record is kept
    /// there. Names that are not safe as names of files and refs are none of ours.
    #[must_use]
    pub fn of(path: &str) -> Option<Self> {
        RecordKind::ALL.into_iter().find_map(|kind| {
            let (before, after) = kind.shape();
            let name = path.strip_prefix(before)?.strip_suffix(after)?;
            // All kinds of names follow the same rule, so any of their types checks them.
            let fits = if kind.is_named() { TaskId::new(name).is_ok() } else { name.is_empty() };
            fits.then(|| Self { kind, name: name.to_owned() })
        })
    }

    /// The path from the top of the work tree.
    #[must_use]
    pub fn path(&self) -> String {
        self.kind.path(&self.name)
    }
}

impl fmt::Display for RecordPath {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.path())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_and_its_record_are_one() {
        for kind in RecordKind::ALL {
            let name = if kind.is_named() { "20261120_180000-x-a1b2" } else { "" };
            let found = RecordPath::of(&kind.path(name)).expect("a record's path");
            assert_eq!((found.kind, found.name.as_str()), (kind, name));
            assert_eq!(found.path(), kind.path(name));
        }
    }

    #[test]
    fn other_files_are_no_records() {
        for path in [
            ".claude/tasks/.md",
            ".claude/tasks/a.txt",
            ".claude/tasks/../x.md",
            ".claude/tasks/deep/a.md",
            ".claude/settings.json",
            ".claude/skills/SKILL.md",
            ".claude/sessions/x/README.md",
            "tasks/a.md",
            ".claude/autonomy.toml.bak",
        ] {
            assert_eq!(RecordPath::of(path), None, "{path}");
        }
    }
}
