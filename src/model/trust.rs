//! Declarations: what a repository wants to run, by hash, and where each stands with the person. Nothing is stored here.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::{change::is_unprintable, id::Digest, time::Timestamp};

/// What kind of thing is declared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A command that proves work.
    Gate,
    /// An agent program with its arguments and permissions.
    Agent,
    /// A git hook that the repository's own configuration points to.
    Hook,
    /// A git filter of the repository's own configuration.
    Filter,
    /// The rules of who may decide what.
    Authority,
    /// Programs that an agent client is told to start.
    Mcp,
    /// Settings of an agent client: programs that it runs at its own events, variables, permissions.
    Client,
    /// A command that prepares a work tree.
    Setup,
    /// The commands that a task is tested with.
    Acceptance,
    /// A template of what agents are told.
    Template,
    /// The file of a workflow, with the programs that its steps start.
    Workflow,
}

impl Kind {
    /// The word for people and in commands.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Gate => "gate",
            Self::Agent => "agent",
            Self::Hook => "hook",
            Self::Filter => "filter",
            Self::Authority => "authority",
            Self::Mcp => "mcp",
            Self::Client => "client",
            Self::Setup => "setup",
            Self::Acceptance => "acceptance",
            Self::Template => "template",
            Self::Workflow => "workflow",
        }
    }
}

/// One thing that a repository wants to run or to rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Declaration {
    /// What kind of thing it is.
    pub kind: Kind,
    /// Its name within the kind.
    pub name: String,
    /// The sha256 of the content.
    pub digest: Digest,
    /// What exactly would run, as text.
    pub content: String,
}

impl Declaration {
    /// Declares `content`.
    #[must_use]
    pub fn new(kind: Kind, name: &str, content: &str) -> Self {
        Self { kind, name: name.to_owned(), digest: Digest::of(content), content: content.to_owned() }
    }

    /// The content as it may be shown on a terminal: line by line, with whatever could hide or reorder text spelled out.
    pub fn lines(&self) -> impl Iterator<Item = String> {
        lines(&self.content)
    }

    /// `gate tests`, as people are shown it and may name it.
    #[must_use]
    pub fn label(&self) -> String {
        format!("{} {}", self.kind.as_str(), self.name)
    }
}

/// `content` line by line, with whatever could hide or reorder text on a terminal spelled out.
pub fn lines(content: &str) -> impl Iterator<Item = String> {
    content.lines().map(|line| {
        let mut shown = String::with_capacity(line.len());
        for character in line.chars() {
            if character != '\t' && is_unprintable(character) {
                shown.extend(character.escape_unicode());
            } else {
                shown.push(character);
            }
        }
        shown
    })
}

/// A declaration that a person has trusted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Trusted {
    /// What was trusted.
    pub declaration: Declaration,
    /// Who trusted it.
    pub by: String,
    /// When.
    pub at: Timestamp,
}

/// Where a declaration stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// A person has trusted exactly this.
    Trusted,
    /// It has changed since it was trusted; the content that was trusted stays in force.
    Changed {
        /// What was trusted last.
        in_force: String,
    },
    /// Nobody has trusted anything of this name.
    Untrusted,
}

/// Where `declaration` stands, given what was trusted under its kind and name.
#[must_use]
pub fn standing(declaration: &Declaration, trusted: Option<&Trusted>) -> Standing {
    match trusted {
        None => Standing::Untrusted,
        Some(trusted) if trusted.declaration.digest == declaration.digest => Standing::Trusted,
        Some(trusted) => Standing::Changed { in_force: trusted.declaration.content.clone() },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_run_cannot_hide_itself_on_a_terminal() {
        let declaration = Declaration::new(Kind::Hook, "pre-commit", "rm -rf ~ \u{1b}[2K\recho\tgood\n\u{202e}dne");
        assert_eq!(declaration.lines().collect::<Vec<_>>(), ["rm -rf ~ \\u{1b}[2K\\u{d}echo\tgood", "\\u{202e}dne"]);
    }
}
