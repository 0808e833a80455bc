//! A task's record: what is to be done, how one sees that it is done, and its lasting status.
//!
//! What happens to a task (started, failed, waiting, parked) is not in its record but in the events; [`progress`] joins the
//! two. Nothing here runs an acceptance test.

pub mod acceptance;
pub mod lint;
pub mod milestone;
pub mod order;
pub mod progress;

use std::{borrow::Cow, fmt, str::FromStr};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, de};

use crate::model::{
    document::{Document, RECORD_VERSION},
    id::{Digest, SessionId, TaskId},
    markdown,
    refusal::Refusal,
    task::acceptance::{ACCEPTANCE, Acceptance},
    time::{Lapse, Timestamp},
};

/// The heading over a task's success criteria.
pub const CRITERIA: &str = "Success criteria";

/// Where a task stands for good; everything in between is events.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// To be done.
    #[default]
    Open,
    /// Somebody says that it is done; a verdict proves it.
    Done,
    /// It will not be done.
    Cancelled,
}

/// How much a task matters, most first. As a number from 1 to 10: critical 10, high 8, medium 5, low 2; when a number is
/// read, 9 and 10 are critical, 7 and 8 high, 4 to 6 medium, 1 to 3 low.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Priority {
    /// Before everything else.
    Critical,
    /// Soon.
    High,
    /// When nothing more urgent is left.
    #[default]
    Medium,
    /// Some time.
    Low,
}

impl Priority {
    /// All of them, most urgent first.
    pub const ALL: [Self; 4] = [Self::Critical, Self::High, Self::Medium, Self::Low];

    /// The word on disk.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Critical => "critical",
            Self::High => "high",
            Self::Medium => "medium",
            Self::Low => "low",
        }
    }

    /// The number from 1 to 10, higher being more urgent.
    #[must_use]
    pub fn number(self) -> u8 {
        match self {
            Self::Critical => 10,
            Self::High => 8,
            Self::Medium => 5,
            Self::Low => 2,
        }
    }

    fn of_number(number: u64) -> Option<Self> {
        match number {
            9 | 10 => Some(Self::Critical),
            7 | 8 => Some(Self::High),
            4..=6 => Some(Self::Medium),
            1..=3 => Some(Self::Low),
            _ => None,
        }
    }
}

impl fmt::Display for Priority {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl FromStr for Priority {
    type Err = Refusal;
    /// Reads a word (`normal` and `P0` to `P3` too) or a number from 1 to 10.
    fn from_str(text: &str) -> Result<Self, Refusal> {
        match text.trim().to_lowercase().as_str() {
            "critical" | "p0" => Ok(Self::Critical),
            "high" | "p1" => Ok(Self::High),
            "medium" | "normal" | "p2" => Ok(Self::Medium),
            "low" | "p3" => Ok(Self::Low),
            other => other.parse().ok().and_then(Self::of_number).ok_or_else(|| {
                Refusal::usage(format!("`{}` is not a priority", text.escape_debug()))
                    .hint("one of critical, high, medium, low, or a number from 1 to 10")
            }),
        }
    }
}

impl<'de> Deserialize<'de> for Priority {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(|refusal: Refusal| de::Error::custom(refusal.message))
    }
}

impl JsonSchema for Priority {
    fn schema_name() -> Cow<'static, str> {
        "Priority".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "anyOf": [
            { "enum": ["critical", "high", "medium", "normal", "low"] },
            { "type": "integer", "minimum": 1, "maximum": 10 },
        ] })
    }
}

/// What kind of thing is to be done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TaskKind {
    /// A piece of work.
    #[default]
    Task,
    /// A piece of work that changes much at once, such as data, a layout or an interface; a checkpoint is taken before it.
    Migration,
    /// A point that is reached once everything before it is done and what tests it is green; nobody works on it.
    Milestone,
}

impl TaskKind {
    /// Whether somebody works on it.
    #[must_use]
    pub fn is_work(self) -> bool {
        match self {
            Self::Task | Self::Migration => true,
            Self::Milestone => false,
        }
    }
}

/// A ruling that only a person can give before work begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum HumanGate {
    /// Somebody has to look at the architecture first.
    ArchitectureReview,
    /// Somebody has to decide whether it is wanted.
    BusinessDecision,
}

impl HumanGate {
    /// What it is, for people.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::ArchitectureReview => "architecture review",
            Self::BusinessDecision => "business decision",
        }
    }
}

/// The line of a list of a person's that a task was read from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Source {
    /// The file, from the top of the work tree.
    pub file: String,
    /// The digest of the line without its box; see `model::todo`.
    pub line: Digest,
}

/// One thing that must be true when the task is done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Criterion {
    /// In words.
    pub text: String,
    /// Whether its box is ticked.
    #[serde(default)]
    pub done: bool,
}

/// A task as its record says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Task {
    /// The version of the form.
    #[serde(default = "version")]
    pub version: u64,
    /// Its name; that of the file is right when they differ or this is not given.
    #[serde(default = "unnamed")]
    pub id: TaskId,
    /// One line.
    pub title: String,
    /// Open, done or cancelled.
    #[serde(default)]
    pub status: Status,
    /// How much it matters.
    #[serde(default)]
    pub priority: Priority,
    /// How long it should take.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub estimate: Option<Lapse>,
    /// What kind of thing it is.
    #[serde(default)]
    pub kind: TaskKind,
    /// The tasks that have to be done first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub after: Vec<TaskId>,
    /// How it is tested: commands, and what a person looks at.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub acceptance: Vec<Acceptance>,
    /// What a person has to rule before it may be started.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gates: Vec<HumanGate>,
    /// The task that this one is a part of, and that comes after it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<TaskId>,
    /// The session in which it was added.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<SessionId>,
    /// Where it was read from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<Source>,
    /// When it was added; without it, it counts as the oldest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created: Option<Timestamp>,
    /// What must be true at the end; kept in the body under [`CRITERIA`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub criteria: Vec<Criterion>,
    /// What there is to say about it; kept in the body.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
}

fn version() -> u64 {
    RECORD_VERSION
}

fn unnamed() -> TaskId {
    TaskId::new("unnamed").expect("because it is a plain word")
}

impl Task {
    /// A task with nothing but a title.
    #[must_use]
    pub fn new(id: TaskId, title: impl Into<String>, created: Timestamp) -> Self {
        Self {
            version: RECORD_VERSION,
            id,
            title: title.into(),
            status: Status::Open,
            priority: Priority::default(),
            estimate: None,
            kind: TaskKind::default(),
            after: Vec::new(),
            acceptance: Vec::new(),
            gates: Vec::new(),
            parent: None,
            session: None,
            source: None,
            created: Some(created),
            criteria: Vec::new(),
            description: String::new(),
        }
    }

    /// Reads the record of the task `id`.
    ///
    /// # Errors
    /// Refuses what is no task, with line, column and snippet.
    pub fn read(id: TaskId, document: &Document) -> Result<Self, Refusal> {
        let task: Self = document.front()?;
        let criteria = document.section(CRITERIA).map_or("", |(_, text)| text);
        let criteria = markdown::lines(criteria)
            .filter_map(|line| line.check())
            .map(|check| Criterion { text: check.text.to_owned(), done: check.done })
            .collect();
        Ok(Self { id, criteria, description: description(document.body(), &task.title), ..task })
    }

    /// The file of a new task.
    ///
    /// # Errors
    /// Refuses what could not be read again.
    pub fn document(&self, path: &str) -> Result<Document, Refusal> {
        let front = Self { criteria: Vec::new(), description: String::new(), ..self.clone() };
        let description = match self.description.trim() {
            "" => String::new(),
            text => format!("\n{text}\n"),
        };
        let criteria = boxes(CRITERIA, self.criteria.iter().map(|it| (it.done, it.text.clone())));
        let acceptance = boxes(ACCEPTANCE, self.acceptance.iter().map(|it| (false, it.label())));
        Document::new(path, &front, &format!("# {}\n{description}{criteria}{acceptance}", markdown::one_line(&self.title)))
    }

    /// Whether commands test it.
    #[must_use]
    pub fn is_tested(&self) -> bool {
        self.acceptance.iter().any(|entry| matches!(entry, Acceptance::Command { .. }))
    }

    /// What people call it: the title, with its name for the command line.
    #[must_use]
    pub fn label(&self) -> String {
        format!("{} ({})", markdown::one_line(&self.title), self.id)
    }
}

fn boxes(heading: &str, items: impl Iterator<Item = (bool, String)>) -> String {
    let lines: Vec<String> =
        items.map(|(done, text)| format!("- [{}] {}\n", if done { 'x' } else { ' ' }, markdown::one_line(&text))).collect();
    if lines.is_empty() { String::new() } else { format!("\n## {heading}\n\n{}", lines.concat()) }
}

/// The body without its title and without the sections of boxes.
fn description(body: &str, title: &str) -> String {
    let mut text = body.to_owned();
    for heading in [CRITERIA, ACCEPTANCE] {
        if let Some((head, own)) = markdown::section(&text, heading) {
            text.replace_range(head.start..own.end, "");
        }
    }
    let first = markdown::lines(&text).find(|line| line.kind != markdown::Kind::Blank);
    // A title of nothing but `#` reads as the end of its heading.
    let heading = format!("# {}", markdown::one_line(title));
    let is_title = |line: &markdown::Line<'_>| {
        line.title().is_some_and(|own| own == markdown::one_line(title)) || line.text.trim_end() == heading
    };
    let named = first.filter(is_title).map(|line| line.range.end);
    text[named.unwrap_or(0)..].trim().to_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::settings::value::CommandLine;

    fn id(name: &str) -> TaskId {
        TaskId::new(name).expect("a plain name")
    }

    fn at(milliseconds: i64) -> Timestamp {
        Timestamp::from_millisecond(milliseconds).expect("in range")
    }

    fn full() -> Task {
        Task {
            priority: Priority::High,
            estimate: Some(Lapse::minutes(30)),
            after: vec![id("20261120_175900-write-the-lexer-a1b2")],
            acceptance: vec![
                Acceptance::command(CommandLine::Program(vec!["cargo".into(), "test".into()])),
                Acceptance::Text("reads well on Windows".into()),
            ],
            gates: vec![HumanGate::ArchitectureReview],
            source: Some(Source { file: "docs/TODO.md".into(), line: Digest::of("x") }),
            criteria: vec![
                Criterion { text: "no panic on any input".into(), done: false },
                Criterion { text: "errors name line: and column".into(), done: true },
            ],
            description: "It stops at the first `]`.\n\nSee the notes.".into(),
            ..Task::new(id("20261120_180000-fix-the-parser-k3x9"), "Fix the parser", at(1_795_197_600_123))
        }
    }

    #[test]
    fn a_record_reads_well_and_is_read_back() {
        let document = full().document("a.md").expect("plain");
        insta::assert_snapshot!(document, @r#"
        ---
        version: 1
        id: 20261120_180000-fix-the-parser-k3x9
        title: Fix the parser
        status: open
        priority: high
        estimate: 30m
        kind: task
        after:
          - 20261120_175900-write-the-lexer-a1b2
        acceptance:
          - command:
              - cargo
              - test
          - reads well on Windows
        gates:
          - architecture_review
        source:
          file: docs/TODO.md
          line: 2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881
        created: "2026-11-20T18:00:00.123Z"
        ---

        # Fix the parser

        It stops at the first `]`.

        See the notes.

        ## Success criteria

        - [ ] no panic on any input
        - [x] errors name line: and column

        ## Acceptance tests

        - [ ] `cargo test`
        - [ ] reads well on Windows
        "#);
        assert_eq!(Task::read(full().id, &document).expect("ours"), full());
    }

    #[test]
    fn a_person_needs_to_write_a_title_only() {
        let document = Document::parse("a.md", "---\ntitle: Fix it\npriority: 9\n---\nPlease.\n").expect("plain");
        let task = Task::read(id("fix"), &document).expect("a title is enough");
        assert_eq!((task.id.as_str(), task.priority, task.status), ("fix", Priority::Critical, Status::Open));
        assert_eq!((task.created, task.description.as_str()), (None, "Please."));
    }

    #[test]
    fn bad_values_are_refused_with_line_and_column() {
        for (line, words) in [
            ("estimate: soon", "line 3, column 11: `soon` is not a span of time"),
            ("estimate: 90", "line 3, column 11: `90` is not a span of time"),
            ("priority: 11", "line 3, column 11: `11` is not a priority"),
            ("status: started", "line 3, column 9: unknown variant `started`"),
            ("kind: unknown", "line 3, column 7: unknown variant `unknown`"),
            ("after: [../x]", "line 3, column 9: the task `../x`"),
            ("title: two", "line 3, column 1: duplicate mapping key"),
        ] {
            let document = Document::parse("a.md", format!("---\ntitle: x\n{line}\n---\n")).expect("taken apart");
            let message = Task::read(id("x"), &document).expect_err(line).message;
            assert!(message.contains(words), "{message}");
        }
    }

    #[test]
    fn every_way_to_write_a_priority_has_its_word() {
        for (text, word) in [("Critical", "critical"), ("normal", "medium"), ("5", "medium"), ("P1", "high"), ("1", "low")] {
            assert_eq!(text.parse::<Priority>().expect(text).as_str(), word);
        }
        for priority in Priority::ALL {
            assert_eq!(priority.number().to_string().parse(), Ok(priority));
        }
        assert!("0".parse::<Priority>().is_err() && "urgent".parse::<Priority>().is_err());
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn what_is_written_is_read_back(title in "[^\\s\\p{C}][^\\n\\r\\p{C}]{0,40}", criteria in prop::collection::vec("[a-z`*\\[\\]<>#-]{1,20}( [a-z:]{1,9})?", 0..4), minutes in prop::option::of(1u64..600)) {
            let task = Task {
                title: markdown::one_line(&title),
                estimate: minutes.map(Lapse::minutes),
                criteria: criteria.into_iter().map(|text| Criterion { text, done: false }).collect(),
                ..Task::new(id("x"), "", at(0))
            };
            let document = task.document("a.md").expect("plain");
            prop_assert_eq!(Task::read(id("x"), &document).expect("ours"), task);
        }
    }
}
