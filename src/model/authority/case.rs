//! A decision as far as it matters to who may take it: what it is about, how much can go wrong, and facts about the change.
//!
//! What an agent says of its own decision is said by an agent: it is taken for true where it raises what is demanded.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::model::{
    decision::{ChangeKind, Reversibility, Risk, Topic},
    id::{self, AgentName},
    refusal::Refusal,
};

/// How sure somebody is who does not say: as sure as not.
const UNSAID: f64 = 0.5;

/// What a change of `kind` is about when nobody says.
fn usual_topic(kind: ChangeKind) -> Topic {
    match kind {
        ChangeKind::CodeStyle
        | ChangeKind::FileOrganisation
        | ChangeKind::Tests
        | ChangeKind::Refactoring
        | ChangeKind::Performance => Topic::Maintenance,
        ChangeKind::DependencyMinor | ChangeKind::DependencyMajor => Topic::Integration,
        ChangeKind::Technology | ChangeKind::ApiDesign | ChangeKind::MajorArchitecture => Topic::Architecture,
        ChangeKind::DatabaseSchema => Topic::Data,
        ChangeKind::SecurityApproach => Topic::Security,
        ChangeKind::ProductionDeployment => Topic::Deployment,
    }
}

/// The names that a rule's condition may use; `docs/authority.md` says what each stands for.
pub const NAMES: &[&str] = &[
    "agent",
    "breaking",
    "compliance",
    "confidence",
    "cost",
    "deleted_records",
    "dependency_size",
    "kind",
    "paths",
    "performance_loss",
    "production",
    "protected_branch",
    "reversibility",
    "risk",
    "system_wide",
    "type",
    "unusual",
];

/// A decision as far as it matters to who may take it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact that a rule names")]
pub struct Case {
    /// What is changed; none where it is none of the kinds.
    pub kind: Option<ChangeKind>,
    /// What it is about; without it, what the kind is about.
    #[serde(rename = "type")]
    pub topic: Option<Topic>,
    /// How much can go wrong.
    pub risk: Risk,
    /// What it costs to go back.
    pub reversibility: Reversibility,
    /// How sure the agent is, from 0 to 1.
    pub confidence: Option<f64>,
    /// The role of the agent in `agents.yaml`.
    pub agent: Option<AgentName>,
    /// The paths that it is about, from the top of the work tree.
    pub paths: Vec<String>,
    /// Whether what others rely on breaks.
    pub breaking: bool,
    /// Whether a law or a contract is touched.
    pub compliance: bool,
    /// Whether it reaches what users run.
    pub production: bool,
    /// Whether it lands on a protected branch.
    pub protected_branch: bool,
    /// Whether the whole system is touched.
    pub system_wide: bool,
    /// Whether nothing like it was decided here before.
    pub unusual: bool,
    /// What it costs, in the project's currency.
    pub cost: f64,
    /// How many records are deleted.
    pub deleted_records: u64,
    /// How large a new dependency is, in megabytes.
    pub dependency_size: f64,
    /// How much slower something gets, in percent.
    pub performance_loss: f64,
}

/// The values of [`NAMES`].
#[derive(Serialize)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact that a rule names")]
struct Values<'a> {
    agent: &'a str,
    breaking: bool,
    compliance: bool,
    confidence: f64,
    cost: f64,
    deleted_records: u64,
    dependency_size: f64,
    kind: &'a str,
    paths: &'a [String],
    performance_loss: f64,
    production: bool,
    protected_branch: bool,
    reversibility: Reversibility,
    risk: Risk,
    system_wide: bool,
    r#type: Topic,
    unusual: bool,
}

impl Case {
    /// The same with `facts` set: names of its fields, with what they are.
    ///
    /// # Errors
    /// Refuses a name that is no field, with the nearest, and a value of another type.
    pub fn with(&self, facts: &Map<String, Value>) -> Result<Self, Refusal> {
        let mut fields = match serde_json::to_value(self) {
            Ok(Value::Object(fields)) => fields,
            Ok(_) | Err(_) => Map::new(),
        };
        for (name, value) in facts {
            if !fields.contains_key(name) {
                let near = id::nearest(name, fields.keys().map(|name| (name.as_str(), "")));
                let known: Vec<&str> = fields.keys().map(String::as_str).collect();
                let hint = if near.is_empty() {
                    format!("known: {}", known.join(", "))
                } else {
                    format!("nearest: {}", near.join(", "))
                };
                return Err(Refusal::usage(format!("there is no fact `{name}` about a decision")).hint(hint));
            }
            fields.insert(name.clone(), value.clone());
        }
        serde_json::from_value(Value::Object(fields))
            .map_err(|error| Refusal::usage(format!("cannot read the facts about the decision: {error}")))
    }

    /// What it is about.
    #[must_use]
    pub fn about(&self) -> Topic {
        self.topic.or(self.kind.map(usual_topic)).unwrap_or_default()
    }

    /// The values of [`NAMES`] for a condition, with `risk` in place of what was said.
    pub fn values(&self, risk: Risk) -> impl Serialize + '_ {
        Values {
            agent: self.agent.as_ref().map_or("", AgentName::as_str),
            breaking: self.breaking,
            compliance: self.compliance,
            confidence: self.confidence.unwrap_or(UNSAID),
            cost: self.cost,
            deleted_records: self.deleted_records,
            dependency_size: self.dependency_size,
            kind: self.kind.map_or("", ChangeKind::word),
            paths: &self.paths,
            performance_loss: self.performance_loss,
            production: self.production,
            protected_branch: self.protected_branch,
            reversibility: self.reversibility,
            risk,
            system_wide: self.system_wide,
            r#type: self.about(),
            unusual: self.unusual,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_has_a_value_and_every_kind_its_word() {
        let values = serde_json::to_value(Case::default().values(Risk::Low)).expect("data");
        let names: Vec<&str> = values.as_object().expect("an object").keys().map(String::as_str).collect();
        assert_eq!(names, NAMES);
        for kind in ChangeKind::ALL {
            assert_eq!(serde_json::to_value(kind).expect("a word"), kind.word());
        }
    }
}
