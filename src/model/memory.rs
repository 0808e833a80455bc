//! A note: something to remember across sessions, or how a person likes things done. Notes are data for briefings; none
//! of them is a rule, and none holds the value of a credential.
//!
//! A note may have a key, under which it is stored, found and replaced. One that is over its time is still there and is not
//! shown.

use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::{
    document::{Document, RECORD_VERSION},
    id::{NoteId, SessionId, TaskId},
    refusal::Refusal,
    time::Timestamp,
};

/// What a note is about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum NoteKind {
    /// Something learned.
    #[default]
    #[serde(alias = "general")]
    Note,
    /// How somebody likes things done.
    Preference,
    /// How parts fit together.
    Architecture,
    /// What was decided, where it is no decision of its own.
    Decision,
    /// How something was made.
    Implementation,
    /// How something is set up.
    Configuration,
    /// Which credential there is, where it lies and when it is renewed; never its value.
    Credential,
    /// What is wrong with something.
    Issue,
    /// What is done the same way in many places.
    Pattern,
}

impl NoteKind {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Note,
        Self::Preference,
        Self::Architecture,
        Self::Decision,
        Self::Implementation,
        Self::Configuration,
        Self::Credential,
        Self::Issue,
        Self::Pattern,
    ];

    /// The word on disk.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Note => "note",
            Self::Preference => "preference",
            Self::Architecture => "architecture",
            Self::Decision => "decision",
            Self::Implementation => "implementation",
            Self::Configuration => "configuration",
            Self::Credential => "credential",
            Self::Issue => "issue",
            Self::Pattern => "pattern",
        }
    }
}

impl FromStr for NoteKind {
    type Err = Refusal;
    /// Reads a word; `general` is a note.
    fn from_str(text: &str) -> Result<Self, Refusal> {
        let given = text.trim().to_lowercase();
        let known = Self::ALL.into_iter().find(|kind| kind.word() == given);
        known.or_else(|| (given == "general").then_some(Self::Note)).ok_or_else(|| {
            let all: Vec<&str> = Self::ALL.into_iter().map(Self::word).collect();
            Refusal::usage(format!("`{}` is no type of knowledge", text.escape_debug()))
                .hint(format!("one of {}", all.join(", ")))
        })
    }
}

/// A note as its record says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Note {
    /// The version of the form.
    #[serde(default = "version")]
    pub version: u64,
    /// Its name; that of the file is right.
    #[serde(default = "unnamed")]
    pub id: NoteId,
    /// What it is about.
    #[serde(default)]
    pub kind: NoteKind,
    /// What it is stored under, such as `api/limits`; a later one with the same key takes its place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// From when on it is not shown any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<Timestamp>,
    /// The task during which it was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<TaskId>,
    /// The session in which it was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<SessionId>,
    /// Who made it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// When it was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created: Option<Timestamp>,
    /// What it says; kept in the body.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub text: String,
}

fn version() -> u64 {
    RECORD_VERSION
}

fn unnamed() -> NoteId {
    NoteId::new("unnamed").expect("because it is a plain word")
}

impl Note {
    /// A note that says `text`.
    #[must_use]
    pub fn new(id: NoteId, text: impl Into<String>, created: Timestamp) -> Self {
        Self {
            version: RECORD_VERSION,
            id,
            kind: NoteKind::default(),
            key: None,
            expires: None,
            task: None,
            session: None,
            by: None,
            created: Some(created),
            text: text.into(),
        }
    }

    /// Reads the record of the note `id`.
    ///
    /// # Errors
    /// Refuses what is no note, with line, column and snippet.
    pub fn read(id: NoteId, document: &Document) -> Result<Self, Refusal> {
        Ok(Self { id, text: document.body().trim().to_owned(), ..document.front()? })
    }

    /// Whether it is shown at `now`.
    #[must_use]
    pub fn holds_at(&self, now: Timestamp) -> bool {
        self.expires.is_none_or(|expires| now < expires)
    }

    /// The file of a new note.
    ///
    /// # Errors
    /// Refuses what could not be read again.
    pub fn document(&self, path: &str) -> Result<Document, Refusal> {
        Document::new(path, &Self { text: String::new(), ..self.clone() }, self.text.trim())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_reads_well_and_is_read_back() {
        let id = NoteId::new("20261120_180000-tabs-a1b2").expect("plain");
        let now = Timestamp::from_millisecond(1_795_197_600_123).expect("in range");
        let note =
            Note { kind: NoteKind::Preference, by: Some("Ada".into()), ..Note::new(id.clone(), "Tabs in Makefiles.", now) };
        let document = note.document("a.md").expect("plain");
        insta::assert_snapshot!(document, @r#"
        ---
        version: 1
        id: 20261120_180000-tabs-a1b2
        kind: preference
        by: Ada
        created: "2026-11-20T18:00:00.123Z"
        ---

        Tabs in Makefiles.
        "#);
        assert_eq!(Note::read(id, &document).expect("ours"), note);
    }
}
