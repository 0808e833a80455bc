//! A decision's record: what could have been done, what was chosen and why, what it costs to go back. It is read in reviews,
//! so its body says everything without this program. Who may decide what is not ruled here.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::{
    actor::Actor,
    document::{Document, RECORD_VERSION},
    id::{DecisionId, Digest, SessionId, TaskId},
    markdown,
    outcome::Label,
    refusal::Refusal,
    task::lint::Problem,
    time::Timestamp,
};

/// Where a decision stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Somebody wants it.
    #[default]
    Proposed,
    /// It holds.
    Accepted,
    /// It does not.
    Rejected,
    /// A later one holds.
    Superseded,
}

impl Status {
    /// Whether a decision may go from here to `next`.
    ///
    /// # Errors
    /// Refuses to bring back what was rejected or superseded; a new decision says it better.
    pub fn may_become(self, next: Self) -> Result<(), Refusal> {
        match (self, next) {
            (Self::Proposed, Self::Accepted | Self::Rejected | Self::Superseded) | (Self::Accepted, Self::Superseded) => Ok(()),
            (Self::Proposed | Self::Accepted | Self::Rejected | Self::Superseded, _) => {
                Err(Refusal::no(format!("a decision that is {} cannot become {}", self.word(), next.word()))
                    .hint("record a new one: `autonomy decide \"<title>\"`"))
            }
        }
    }

    /// The word on disk.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Proposed => "proposed",
            Self::Accepted => "accepted",
            Self::Rejected => "rejected",
            Self::Superseded => "superseded",
        }
    }
}

/// What a decision is about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Topic {
    /// How parts fit together.
    Architecture,
    /// What others can do to us.
    Security,
    /// What is stored, and how.
    Data,
    /// What is shipped where.
    Deployment,
    /// Settings.
    Configuration,
    /// Machines, money and time.
    Resource,
    /// Other people's systems.
    Integration,
    /// Upkeep.
    Maintenance,
    /// Anything else.
    #[default]
    General,
}

impl Topic {
    /// The word on disk.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Architecture => "architecture",
            Self::Security => "security",
            Self::Data => "data",
            Self::Deployment => "deployment",
            Self::Configuration => "configuration",
            Self::Resource => "resource",
            Self::Integration => "integration",
            Self::Maintenance => "maintenance",
            Self::General => "general",
        }
    }
}

/// What it costs to go back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Reversibility {
    /// Nothing to speak of.
    #[default]
    Reversible,
    /// Work.
    Costly,
    /// It cannot be undone.
    Irreversible,
}

impl Reversibility {
    /// The word on disk.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Reversible => "reversible",
            Self::Costly => "costly",
            Self::Irreversible => "irreversible",
        }
    }
}

/// How much can go wrong, least first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Risk {
    /// Next to nothing.
    #[default]
    Low,
    /// Something that is noticed and mended.
    Medium,
    /// Something that hurts.
    High,
    /// Something that cannot be mended.
    Critical,
}

impl fmt::Display for Risk {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        })
    }
}

/// What is changed, in the thirteen rows of the table of who decides, in the order of their weight.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ChangeKind {
    /// How code is laid out.
    CodeStyle,
    /// Where files lie.
    FileOrganisation,
    /// Tests that are added or mended.
    Tests,
    /// How code is put together, with the same behaviour.
    Refactoring,
    /// How fast something is.
    Performance,
    /// A dependency that is new and small, or a minor version of one.
    DependencyMinor,
    /// A dependency that is new and large, or a major version of one.
    DependencyMajor,
    /// What something is built with.
    Technology,
    /// What others call.
    ApiDesign,
    /// What is stored, and in which form.
    DatabaseSchema,
    /// How something is protected.
    SecurityApproach,
    /// A new service, or a major change of how parts fit together.
    MajorArchitecture,
    /// What users run.
    ProductionDeployment,
}

impl ChangeKind {
    /// All, lightest first.
    pub const ALL: [Self; 13] = [
        Self::CodeStyle,
        Self::FileOrganisation,
        Self::Tests,
        Self::Refactoring,
        Self::Performance,
        Self::DependencyMinor,
        Self::DependencyMajor,
        Self::Technology,
        Self::ApiDesign,
        Self::DatabaseSchema,
        Self::SecurityApproach,
        Self::MajorArchitecture,
        Self::ProductionDeployment,
    ];

    /// The word on disk.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::CodeStyle => "code_style",
            Self::FileOrganisation => "file_organisation",
            Self::Tests => "tests",
            Self::Refactoring => "refactoring",
            Self::Performance => "performance",
            Self::DependencyMinor => "dependency_minor",
            Self::DependencyMajor => "dependency_major",
            Self::Technology => "technology",
            Self::ApiDesign => "api_design",
            Self::DatabaseSchema => "database_schema",
            Self::SecurityApproach => "security_approach",
            Self::MajorArchitecture => "major_architecture",
            Self::ProductionDeployment => "production_deployment",
        }
    }
}

/// Who decides, in the order of how much is demanded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Ruling {
    /// Whoever works on it.
    #[default]
    Act,
    /// Whoever works on it, and a person reads of it.
    ActAndTell,
    /// The architect of the roster.
    Architect,
    /// A person.
    Person,
    /// Nobody.
    Deny,
}

impl Ruling {
    /// The word on disk.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Act => "act",
            Self::ActAndTell => "act_and_tell",
            Self::Architect => "architect",
            Self::Person => "person",
            Self::Deny => "deny",
        }
    }

    /// The same as a sentence's end: whoever asked …
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Act => "may decide",
            Self::ActAndTell => "may decide, and a person reads of it",
            Self::Architect => "needs the architect",
            Self::Person => "needs a person",
            Self::Deny => "may not do this, whoever agrees",
        }
    }

    /// Whether an agent may go on by itself.
    #[must_use]
    pub fn is_free(self) -> bool {
        self <= Self::ActAndTell
    }
}

/// Who was to take a decision by the rules, when it was recorded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Ruled {
    /// Who.
    pub ruling: Ruling,
    /// The rule that says so.
    pub by: String,
    /// Where it stands: file and line.
    pub at: String,
}

/// One way that was thought of.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DecisionOption {
    /// What it is called.
    pub name: String,
    /// What speaks for it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pros: Vec<String>,
    /// What speaks against it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cons: Vec<String>,
    /// How much can go wrong with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub risk: Option<Risk>,
}

/// What somebody says about how a decision turned out. What an agent says of its own decision is told apart by `by`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TurnedOut {
    /// In a word.
    pub label: Label,
    /// In words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub words: Option<String>,
    /// Who says so.
    pub by: Actor,
    /// When.
    pub at: Timestamp,
}

/// A decision as its record says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Decision {
    /// The version of the form.
    #[serde(default = "version")]
    pub version: u64,
    /// Its name; that of the file is right.
    #[serde(default = "unnamed")]
    pub id: DecisionId,
    /// One line.
    pub title: String,
    /// Where it stands.
    #[serde(default)]
    pub status: Status,
    /// What it is about.
    #[serde(default, rename = "type")]
    pub topic: Topic,
    /// What is changed by it, when that is one of the kinds of the table of who decides.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<ChangeKind>,
    /// What could have been done.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub options: Vec<DecisionOption>,
    /// What was chosen: the name of an option.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub choice: Option<String>,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What led to the question.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context: Option<String>,
    /// What follows from it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub consequences: Vec<String>,
    /// What it costs to go back.
    #[serde(default)]
    pub reversibility: Reversibility,
    /// How much can go wrong.
    #[serde(default)]
    pub risk: Risk,
    /// How sure whoever decided is, from 0 to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confidence: Option<f64>,
    /// Who decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<Actor>,
    /// Who was to decide by the rules; none where a person decided, to whom they do not speak.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ruled: Option<Ruled>,
    /// Who approved or rejected what others had proposed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settled_by: Option<Actor>,
    /// The task that it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<TaskId>,
    /// The session in which it was taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<SessionId>,
    /// The paths that it is about.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub paths: Vec<String>,
    /// What would make it worth deciding again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reopen_if: Option<String>,
    /// The decision that holds in its place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub superseded_by: Option<DecisionId>,
    /// How it turned out, the oldest word first; the last one holds.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub outcomes: Vec<TurnedOut>,
    /// When it was recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created: Option<Timestamp>,
    /// Whose word the status is.
    #[serde(skip)]
    pub word: Word,
}

/// Whose word it is that a decision stands where it stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Word {
    /// That of the record, and nothing speaks against it.
    #[default]
    Taken,
    /// The record claims that it holds, and nobody is known to have said so.
    Claimed,
}

fn version() -> u64 {
    RECORD_VERSION
}

fn unnamed() -> DecisionId {
    DecisionId::new("unnamed").expect("because it is a plain word")
}

impl Decision {
    /// A proposal with nothing but a title.
    #[must_use]
    pub fn new(id: DecisionId, title: impl Into<String>, created: Timestamp) -> Self {
        Self {
            version: RECORD_VERSION,
            id,
            title: title.into(),
            status: Status::default(),
            topic: Topic::default(),
            kind: None,
            options: Vec::new(),
            choice: None,
            reason: None,
            context: None,
            consequences: Vec::new(),
            reversibility: Reversibility::default(),
            risk: Risk::default(),
            confidence: None,
            by: None,
            ruled: None,
            settled_by: None,
            task: None,
            session: None,
            paths: Vec::new(),
            reopen_if: None,
            superseded_by: None,
            outcomes: Vec::new(),
            created: Some(created),
            word: Word::default(),
        }
    }

    /// The digest of what is decided, by whom, for what, with which consequences and at which risk: a word about it holds for no
    /// other terms. How it is explained, where it stands and how it turned out may change.
    #[must_use]
    pub fn terms(&self) -> Digest {
        let options: Vec<&str> = self.options.iter().map(|option| option.name.as_str()).collect();
        let of = (&self.title, self.topic, self.kind, options, &self.choice);
        let at = (self.reversibility, self.risk, &self.task, &self.paths);
        // What a run asks about stands in the consequences: an approval is for exactly those, and for what it asked itself.
        let asked = (&self.by, &self.consequences);
        Digest::of(serde_json::to_string(&(of, at, asked)).unwrap_or_default())
    }

    /// The decision when only its record says that it holds: a proposal.
    #[must_use]
    pub fn only_claimed(self) -> Self {
        match self.status {
            Status::Accepted => Self { status: Status::Proposed, word: Word::Claimed, ..self },
            Status::Proposed | Status::Rejected | Status::Superseded => self,
        }
    }

    /// Reads the record of the decision `id`.
    ///
    /// # Errors
    /// Refuses what is no decision, with line, column and snippet.
    pub fn read(id: DecisionId, document: &Document) -> Result<Self, Refusal> {
        Ok(Self { id, ..document.front()? })
    }

    /// The file of a new decision; the body says the same as the front matter, for people.
    ///
    /// # Errors
    /// Refuses what could not be read again.
    pub fn document(&self, path: &str) -> Result<Document, Refusal> {
        Document::new(path, self, &self.body())
    }

    /// The record with what a person says of the proposal.
    ///
    /// # Errors
    /// Refuses what was settled before.
    pub fn settled(&self, document: &Document, by: &Actor, status: Status) -> Result<Document, Refusal> {
        by.must_be_person("approving a decision")?;
        self.status.may_become(status)?;
        document.set("status", &status)?.set("settled_by", by)
    }

    /// The record with one more word about how it turned out, in the front matter and for people in the body.
    ///
    /// # Errors
    /// Refuses a decision that does not hold and never did, and files of a newer version.
    pub fn told(&self, document: &Document, turned_out: &TurnedOut) -> Result<Document, Refusal> {
        match self.status {
            Status::Accepted | Status::Superseded => {}
            Status::Proposed | Status::Rejected => {
                return Err(Refusal::no(format!(
                    "cannot say how the decision {} turned out: it is {}, so nothing came of it",
                    self.id,
                    self.status.word()
                ))
                .hint("`autonomy decision list --status accepted` shows those that hold"));
            }
        }
        let outcomes: Vec<&TurnedOut> = self.outcomes.iter().chain([turned_out]).collect();
        let words = turned_out.words.as_ref().map_or(String::new(), |words| format!(": {}", markdown::one_line(words)));
        let line = format!("- {}{words} ({}, {}Z)", turned_out.label.word(), turned_out.by, turned_out.at.minute());
        document.set("outcomes", &outcomes)?.with_addition("How it turned out", &line)
    }

    /// Whether it is about `path`: names it, a folder above it, or something below it.
    #[must_use]
    pub fn concerns(&self, path: &str) -> bool {
        let path = path.trim_matches('/');
        let below =
            |inner: &str, outer: &str| inner.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        self.paths.iter().map(|known| known.trim_matches('/')).any(|known| below(path, known) || below(known, path))
    }

    /// What is missing or does not fit, as the key it is about and words: at least one option and a reason from medium risk
    /// on, a choice among the options, a confidence from 0 to 1.
    #[must_use]
    pub fn faults(&self) -> Vec<(&'static str, String)> {
        let mut faults = Vec::new();
        let mut add = |key, words: &str| faults.push((key, words.to_owned()));
        if self.title.trim().is_empty() {
            add("title", "the title is empty");
        }
        if self.risk >= Risk::Medium && self.options.is_empty() {
            add("risk", &format!("a decision of {} risk names at least one option", self.risk));
        }
        if self.risk >= Risk::Medium && self.reason.as_ref().is_none_or(|reason| reason.trim().is_empty()) {
            add("risk", &format!("a decision of {} risk says why", self.risk));
        }
        match &self.choice {
            Some(choice) if !self.options.is_empty() && !self.options.iter().any(|option| option.name == *choice) => {
                add("choice", &format!("`{choice}` was chosen and is none of the options"));
            }
            None if self.status == Status::Accepted => add("status", "it is accepted and nothing was chosen"),
            Some(_) | None => {}
        }
        if self.confidence.is_some_and(|confidence| !(0.0..=1.0).contains(&confidence)) {
            add("confidence", "a confidence lies between 0 and 1");
        }
        faults
    }

    /// The faults with their lines.
    #[must_use]
    pub fn lint(&self, document: &Document) -> Vec<Problem> {
        let problem = |(key, message)| Problem { path: document.path().to_owned(), line: document.line_of(key), message };
        self.faults().into_iter().map(problem).collect()
    }

    fn body(&self) -> String {
        let mut parts = vec![format!("# {}", markdown::one_line(&self.title))];
        let mut section = |title: &str, text: String| {
            if !text.trim().is_empty() {
                parts.push(format!("## {title}\n\n{}", text.trim()));
            }
        };
        section("Context", self.context.clone().unwrap_or_default());
        section("Options", self.options.iter().map(|option| self.option(option)).collect::<Vec<_>>().join("\n"));
        let choice = self.choice.as_ref().map(|choice| format!("**{}**", markdown::one_line(choice)));
        let reason = self.reason.as_ref().map(|reason| reason.trim().to_owned());
        section("Decision", [choice, reason].into_iter().flatten().collect::<Vec<_>>().join("\n\n"));
        section(
            "Consequences",
            self.consequences.iter().map(|it| format!("- {}\n", markdown::one_line(it))).collect::<Vec<_>>().concat(),
        );
        section("Worth deciding again if", self.reopen_if.clone().unwrap_or_default());
        let by = self.by.as_ref().map_or(String::new(), |by| format!(", decided by {by}"));
        let by_rule = self.ruled.as_ref().map_or(String::new(), |ruled| {
            format!(" Whoever worked on it {}: {} (`{}`).", ruled.ruling.words(), markdown::one_line(&ruled.by), ruled.at)
        });
        parts.push(format!("Risk {}, {}{by}.{by_rule}", self.risk, self.reversibility.word()));
        parts.join("\n\n")
    }

    fn option(&self, option: &DecisionOption) -> String {
        let chosen = if self.choice.as_ref() == Some(&option.name) { " (chosen)" } else { "" };
        let risk = option.risk.map_or(String::new(), |risk| format!(", risk {risk}"));
        let points = [("for", &option.pros), ("against", &option.cons)]
            .into_iter()
            .flat_map(|(side, points)| points.iter().map(move |point| format!("\n  - {side}: {}", markdown::one_line(point))));
        format!("- **{}**{chosen}{risk}{}", markdown::one_line(&option.name), points.collect::<Vec<_>>().concat())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Decision {
        let id = DecisionId::new("20261120_180000-one-parser-a1b2").expect("plain");
        let now = Timestamp::from_millisecond(1_795_197_600_123).expect("in range");
        Decision {
            status: Status::Accepted,
            topic: Topic::Architecture,
            options: vec![
                DecisionOption {
                    name: "one parser".into(),
                    pros: vec!["one set of errors".into()],
                    cons: vec!["slower by a tenth".into()],
                    risk: Some(Risk::Low),
                },
                DecisionOption { name: "two parsers".into(), ..DecisionOption::default() },
            ],
            choice: Some("one parser".into()),
            reason: Some("Two would drift apart.".into()),
            context: Some("The reader and the checker disagree.".into()),
            consequences: vec!["the checker calls the reader".into()],
            risk: Risk::Medium,
            confidence: Some(0.9),
            by: Some(Actor::Agent { name: "claude".into(), role: None, model: None }),
            paths: vec!["src/parse.rs".into()],
            reopen_if: Some("Reading takes more than a second.".into()),
            ..Decision::new(id, "Use one parser", now)
        }
    }

    #[test]
    fn an_approval_does_not_hold_for_other_consequences_or_another_proposer() {
        let (was, terms) = (sample(), sample().terms());
        assert_eq!(Decision { reason: Some("Said better.".into()), ..was.clone() }.terms(), terms);
        assert_ne!(Decision { consequences: vec!["something else".into()], ..was.clone() }.terms(), terms);
        assert_ne!(Decision { by: Some(Actor::Autonomy), ..was }.terms(), terms);
    }

    #[test]
    fn a_reviewer_can_read_it_and_so_can_we() {
        let document = sample().document("a.md").expect("plain");
        insta::assert_snapshot!(document, @r#"
        ---
        version: 1
        id: 20261120_180000-one-parser-a1b2
        title: Use one parser
        status: accepted
        type: architecture
        options:
          - name: one parser
            pros:
              - one set of errors
            cons:
              - slower by a tenth
            risk: low
          - name: two parsers
        choice: one parser
        reason: Two would drift apart.
        context: The reader and the checker disagree.
        consequences:
          - the checker calls the reader
        reversibility: reversible
        risk: medium
        confidence: 0.9
        by:
          is: agent
          name: claude
        paths:
          - src/parse.rs
        reopen_if: Reading takes more than a second.
        created: "2026-11-20T18:00:00.123Z"
        ---

        # Use one parser

        ## Context

        The reader and the checker disagree.

        ## Options

        - **one parser** (chosen), risk low
          - for: one set of errors
          - against: slower by a tenth
        - **two parsers**

        ## Decision

        **one parser**

        Two would drift apart.

        ## Consequences

        - the checker calls the reader

        ## Worth deciding again if

        Reading takes more than a second.

        Risk medium, reversible, decided by claude.
        "#);
        assert_eq!(Decision::read(sample().id, &document).expect("ours"), sample());
        assert!(sample().faults().is_empty());
    }

    #[test]
    fn from_medium_risk_on_options_and_a_reason_are_needed() {
        let bare = Decision { options: vec![], reason: Some(" ".into()), choice: None, confidence: Some(1.5), ..sample() };
        let document = bare.document("a.md").expect("plain");
        let found: Vec<String> =
            bare.lint(&document).into_iter().map(|it| format!("{} {}", it.line.unwrap_or(0), it.message)).collect();
        insta::assert_snapshot!(found.join("\n"), @r"
        12 a decision of medium risk names at least one option
        12 a decision of medium risk says why
        5 it is accepted and nothing was chosen
        13 a confidence lies between 0 and 1
        ");
        let low = Decision { risk: Risk::Low, choice: Some("x".into()), confidence: None, ..bare };
        assert!(low.faults().is_empty());
        let stray = Decision { choice: Some("three".into()), ..sample() };
        assert_eq!(stray.faults()[0].1, "`three` was chosen and is none of the options");
    }

    #[test]
    fn how_it_turned_out_is_told_more_than_once() {
        let document = sample().document("a.md").expect("plain");
        let at = Timestamp::from_millisecond(1_795_284_000_000).expect("in range");
        let good = TurnedOut { label: Label::Success, words: None, by: Actor::Autonomy, at };
        let person = Actor::Person { name: Some("Ada".into()) };
        let bad = TurnedOut { label: Label::Failure, words: Some("slow on\nlarge files".into()), by: person, at };
        let once = sample().told(&document, &good).expect("it holds");
        let decision = Decision::read(sample().id, &once).expect("ours");
        let twice = decision.told(&once, &bad).expect("it holds");
        assert_eq!(Decision::read(sample().id, &twice).expect("ours").outcomes, [good.clone(), bad]);
        insta::assert_snapshot!(twice.section("How it turned out").expect("made").1.trim(), @r"
        - success (autonomy, 2026-11-21 18:00Z)
        - failure: slow on large files (Ada, 2026-11-21 18:00Z)
        ");
        assert!(twice.body().starts_with(document.body().trim_end()), "what stood there stands there");
        let proposed = Decision { status: Status::Proposed, ..sample() };
        assert!(proposed.told(&document, &good).is_err());
    }

    #[test]
    fn a_decision_concerns_its_paths_and_what_lies_around_them() {
        let decision = Decision { paths: vec!["src/parse.rs".into(), "docs/".into()], ..sample() };
        for path in ["src/parse.rs", "src", "src/", "docs", "docs/a/b.md"] {
            assert!(decision.concerns(path), "{path}");
        }
        for path in ["src/parse.rs.bak", "src/pars", "doc", "sr"] {
            assert!(!decision.concerns(path), "{path}");
        }
    }

    #[test]
    fn what_is_over_stays_over() {
        assert!(Status::Proposed.may_become(Status::Accepted).is_ok());
        assert!(Status::Accepted.may_become(Status::Superseded).is_ok());
        for (from, to) in
            [(Status::Rejected, Status::Accepted), (Status::Superseded, Status::Accepted), (Status::Accepted, Status::Rejected)]
        {
            assert!(from.may_become(to).is_err());
        }
    }
}
