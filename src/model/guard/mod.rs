//! The guard: whether an agent may touch a path or run a command. Pure rulings over facts that are handed in.
//!
//! The rules that are built in can be added to by settings and never be taken away by a project. A ruling is no wall: an agent that
//! runs uncontained can do what its user can; docs/guard.md lists what no ruling can catch.

pub mod call;
pub mod code;
pub mod command;
pub mod path;
pub mod program;
pub mod repository;
pub mod script;
pub mod unfold;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::guard::call::UNKNOWN;

/// What comes of it, the mildest first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Nothing speaks against it.
    #[default]
    Allow,
    /// A person has to say yes.
    Ask,
    /// It may not be done.
    Deny,
}

/// The rules, by the names that people see.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Rule {
    /// A file or directory that holds secrets is not read.
    SecretRead,
    /// No secret is written into a file.
    SecretWritten,
    /// A directory of the system or of keys is not written to.
    Blocked,
    /// Writing outside the work trees and the temporary directories needs a person.
    Outside,
    /// State is changed by the program's own commands only.
    OwnState,
    /// What git keeps for itself is changed by git only.
    GitInternals,
    /// What governs the agent is changed by a person.
    Governing,
    /// A path that the settings protect.
    Protected,
    /// A root is not removed or changed as a whole.
    Root,
    /// The machine itself: disks, power, every process.
    Machine,
    /// History of a remote is not overwritten.
    ForcePush,
    /// What a remote holds is removed by a person.
    RemoteRemoval,
    /// Uncommitted work is not thrown away.
    UnsavedWork,
    /// What git could still bring back is thrown away by a person.
    HistoryLoss,
    /// Settings of git that make it run programs need a person.
    GitProgram,
    /// What is reserved for a person is not done in its name.
    Reserved,
    /// A command that the settings deny.
    DeniedCommand,
    /// What cannot be read and looks dangerous needs a person.
    Unread,
    /// What the rules of the agent's client leave to a person.
    Client,
}

impl Rule {
    /// The name that people see.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::SecretRead => "secret-read",
            Self::SecretWritten => "secret-written",
            Self::Blocked => "blocked",
            Self::Outside => "outside",
            Self::OwnState => "own-state",
            Self::GitInternals => "git-internals",
            Self::Governing => "governing",
            Self::Protected => "protected",
            Self::Root => "root",
            Self::Machine => "machine",
            Self::ForcePush => "force-push",
            Self::RemoteRemoval => "remote-removal",
            Self::UnsavedWork => "unsaved-work",
            Self::HistoryLoss => "history-loss",
            Self::GitProgram => "git-program",
            Self::Reserved => "reserved",
            Self::DeniedCommand => "denied-command",
            Self::Unread => "unread",
            Self::Client => "client",
        }
    }
}

/// One rule that speaks against something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Finding {
    /// The rule.
    pub rule: Rule,
    /// What it says.
    pub verdict: Verdict,
    /// Why, in one sentence without a full stop.
    pub reason: String,
    /// What to do instead.
    pub next: String,
}

impl Finding {
    /// A finding that denies.
    pub fn deny(rule: Rule, reason: impl Into<String>, next: impl Into<String>) -> Self {
        Self { rule, verdict: Verdict::Deny, reason: reason.into(), next: next.into() }
    }

    /// A finding that leaves it to a person.
    pub fn ask(rule: Rule, reason: impl Into<String>, next: impl Into<String>) -> Self {
        Self { rule, verdict: Verdict::Ask, reason: reason.into(), next: next.into() }
    }
}

/// What the guard says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Ruling {
    /// The strictest of the findings.
    pub verdict: Verdict,
    /// The rules that speak against it, the strictest first.
    pub findings: Vec<Finding>,
    /// What could not be looked at although nothing speaks against it.
    pub notes: Vec<String>,
}

impl Ruling {
    /// The ruling that these findings make.
    #[must_use]
    pub fn of(mut findings: Vec<Finding>, mut notes: Vec<String>) -> Self {
        for finding in &mut findings {
            finding.reason = finding.reason.replace(UNKNOWN, "…");
        }
        findings.sort_by(|left, right| right.verdict.cmp(&left.verdict).then(left.rule.cmp(&right.rule)));
        findings.dedup();
        notes.sort();
        notes.dedup();
        let verdict = findings.iter().map(|finding| finding.verdict).max().unwrap_or_default();
        Self { verdict, findings, notes }
    }

    /// Rule, reason and next command of the strictest findings, for whoever asked.
    #[must_use]
    pub fn words(&self) -> String {
        let strictest = self.findings.iter().filter(|finding| finding.verdict == self.verdict);
        let lines = strictest.take(3).map(|found| format!("{} (rule `{}`). {}", found.reason, found.rule.name(), found.next));
        lines.collect::<Vec<_>>().join("\n")
    }
}
