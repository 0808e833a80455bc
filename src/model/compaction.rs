//! What is kept when an agent's memory is cut: one value for each key, and the manifest that says which are filled.
//!
//! The values follow from the session's state, the records in force and what was remembered under the same key, so they can
//! be taken at any moment and compared. Sealing and restoring them is a verb's.

pub mod capture;
mod cause;
mod measure;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use crate::model::compaction::{
    cause::Cause,
    measure::{CHARACTERS_PER_TOKEN, Measure},
};
use crate::model::{
    id::{CheckpointName, Digest, SessionId},
    refusal::Refusal,
    state::State,
    time::Timestamp,
};

/// The version of the manifest's form.
pub const VERSION: u32 = 1;
/// The file of a compaction that names all others.
pub const MANIFEST: &str = "manifest.yaml";
/// The briefing as it stood.
pub const BRIEFING: &str = "briefing.md";

/// The keys that do not belong to one agent, in the order in which they are shown.
pub const KEYS: [&str; 23] = [
    "metadata",
    "architect/specification",
    "architect/decisions",
    "architect/current_phase",
    "project/definition-of-done",
    "project/requirements",
    "credentials/inventory",
    "credentials/access-methods",
    "credentials/rotation",
    "integrations/salesforce/config",
    "integrations/authentik/config",
    "integrations/other-apis",
    "files/structure",
    "files/critical",
    "files/dependencies",
    "testing/results",
    "testing/failed",
    "testing/coverage",
    "milestones/completed",
    "tasks/blocked",
    "tasks/all",
    "questions/all",
    "memory/all",
];

/// The agents that always have a key of their own, whether or not they are at work here.
pub const ROSTER: [&str; 14] = [
    "chief-architect",
    "python",
    "swift",
    "go",
    "rust",
    "flutter",
    "api-explorer",
    "salesforce-api",
    "authentik-api",
    "documentation-lead",
    "qa-engineer",
    "security-auditor",
    "credential-manager",
    "devops-engineer",
];

/// The key of an agent's state.
#[must_use]
pub fn agent_key(name: &str) -> String {
    format!("agents/{name}/state")
}

/// The agent whose state a key holds; none for any other key.
#[must_use]
pub fn agent_of(key: &str) -> Option<&str> {
    key.strip_prefix("agents/")?.strip_suffix("/state")
}

/// From how many hundredths of the context on everything is sealed without being asked for.
const ALMOST_FULL: u64 = 80;

/// Whether a context of `window` tokens that holds `tokens` is so full that everything is sealed.
#[must_use]
pub fn is_almost_full(tokens: u64, window: u64) -> bool {
    tokens.saturating_mul(100) >= window.saturating_mul(ALMOST_FULL)
}

/// How full an agent's context is, as far as what its client tells of each message shows.
#[derive(Clone, Copy, Debug, Default)]
pub struct Fullness {
    /// All tokens that were told of so far.
    total: u64,
    /// Whether everything was sealed since the context was last far from full.
    sealed: bool,
}

impl Fullness {
    /// Takes in how many tokens were told of in all, and says whether everything is to be sealed now: once, when the last
    /// message took in `window` almost whole, and again only after the context was cut.
    #[must_use]
    pub fn reaches(&mut self, total: u64, window: u64) -> bool {
        let held = total.saturating_sub(self.total);
        self.total = total;
        let is_full = is_almost_full(held, window);
        let is_due = is_full && !self.sealed;
        self.sealed = is_full || (self.sealed && held.saturating_mul(2) > window);
        is_due
    }
}

/// A key as the manifest lists it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Entry {
    /// The key.
    pub key: String,
    /// Whether anything is known under it.
    pub filled: bool,
    /// The digest of its file; an empty key has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<Digest>,
    /// How many entries it has.
    pub entries: usize,
}

impl Entry {
    /// The key of a value whose file has this digest.
    #[must_use]
    pub fn of(key: &str, value: &Value, sha256: Digest) -> Self {
        let filled = is_filled(value);
        Self { key: key.to_owned(), filled, sha256: filled.then_some(sha256), entries: entries(value) }
    }

    /// The key's file inside the folder of a compaction.
    #[must_use]
    pub fn file(&self) -> String {
        file(&self.key)
    }
}

/// The file of a key inside the folder of a compaction.
#[must_use]
pub fn file(key: &str) -> String {
    format!("{key}.yaml")
}

/// What was sealed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Manifest {
    /// The version of the form.
    pub version: u32,
    /// The session.
    pub session: SessionId,
    /// The number of the compaction in it, from 1.
    pub compaction: u32,
    /// When.
    pub sealed: Timestamp,
    /// Why.
    pub cause: Cause,
    /// The last event that it knows of.
    pub seq: u64,
    /// The checkpoint that was taken before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checkpoint: Option<CheckpointName>,
    /// How many bytes the client's transcript had.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transcript: Option<u64>,
    /// How many tokens the conversation held, as the client counted them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context: Option<u64>,
    /// How many characters the briefing has.
    pub briefing: usize,
    /// The digest of the briefing's file.
    pub briefing_sha256: Digest,
    /// Every key.
    pub keys: Vec<Entry>,
    /// What could not be read, and why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<String>,
}

impl Manifest {
    /// What the briefing stands for.
    #[must_use]
    pub fn measure(&self) -> Measure {
        Measure { briefing: Some(self.briefing as u64), transcript: self.transcript, context: self.context }
    }

    /// Lets pass only a manifest that this program understands.
    ///
    /// # Errors
    /// Refuses one of a later version.
    pub fn may_read(self) -> Result<Self, Refusal> {
        if self.version <= VERSION {
            return Ok(self);
        }
        Err(Refusal::environment(format!(
            "compaction {} was sealed by a later version of autonomy (its form is {}, this program reads {VERSION})",
            self.compaction, self.version
        ))
        .hint("install the later version; nothing was changed"))
    }
}

/// The folder of a session's compactions, with the slash, from the session's own folder.
const FOLDER: &str = "/compactions/";

/// The folder of compaction `number` below the session's folder.
#[must_use]
pub fn folder(session_folder: &str, number: u32) -> String {
    format!("{session_folder}{FOLDER}{number}")
}

/// The numbers of the compactions that a log has sealed, in order.
#[must_use]
pub fn numbers(state: &State) -> Vec<u32> {
    let number = |path: &String| path.split_once(FOLDER)?.1.strip_suffix(MANIFEST)?.strip_suffix('/')?.parse().ok();
    let mut numbers: Vec<u32> = state.sealed.keys().filter_map(number).collect();
    numbers.sort_unstable();
    numbers
}

/// Whether a value says anything.
#[must_use]
pub fn is_filled(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(_) | Value::Number(_) => true,
        Value::String(text) => !text.trim().is_empty(),
        Value::Array(all) => all.iter().any(is_filled),
        Value::Object(fields) => fields.values().any(is_filled),
    }
}

/// How many things a value lists: those of a list, those of the lists in it, else one when it is filled.
fn entries(value: &Value) -> usize {
    match value {
        Value::Array(all) => all.len(),
        Value::Object(fields) if fields.values().any(Value::is_array) => {
            fields.values().filter_map(Value::as_array).map(Vec::len).sum::<usize>().max(usize::from(is_filled(value)))
        }
        other => usize::from(is_filled(other)),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_value_is_filled_when_anything_in_it_is() {
        for empty in [json!(null), json!([]), json!({}), json!(" "), json!({"a": [], "b": {"c": null}})] {
            assert!(!is_filled(&empty), "{empty}");
        }
        for filled in [json!(0), json!(false), json!("x"), json!({"a": [], "b": {"c": ["x"]}})] {
            assert!(is_filled(&filled), "{filled}");
        }
        let counts = [json!([1, 2]), json!({"a": [1], "b": [2, 3]}), json!("x"), json!({"a": [], "b": "x"}), json!({"a": []})];
        assert_eq!(counts.map(|value| entries(&value)), [2, 3, 1, 1, 0]);
    }

    #[test]
    fn the_compactions_of_a_session_are_numbered_by_their_manifests() {
        let mut state = State::empty("s");
        for path in ["2/manifest.yaml", "10/manifest.yaml", "10/briefing.md", "11/metadata.yaml", "x/manifest.yaml"] {
            state.sealed.insert(format!(".claude/sessions/s/compactions/{path}"), Digest::of("x"));
        }
        assert_eq!(numbers(&state), [2, 10]);
    }

    #[test]
    fn a_context_that_is_almost_full_is_sealed_once_until_it_was_cut() {
        let (mut fullness, mut total) = (Fullness::default(), 0);
        let mut took = |held: u64| {
            total += held;
            fullness.reaches(total, 100)
        };
        assert_eq!([50, 79, 80, 90, 70, 85].map(&mut took), [false, false, true, false, false, false]);
        assert_eq!([20, 60, 81, 95].map(&mut took), [false, false, true, false], "it was cut in between");
    }

    #[test]
    fn the_keys_of_the_founding_scripts_are_all_there() {
        assert_eq!((KEYS.len(), ROSTER.len()), (23, 14));
        assert_eq!(agent_of(&agent_key("qa-engineer")), Some("qa-engineer"));
        assert_eq!(agent_of("agents/x"), None);
    }
}
