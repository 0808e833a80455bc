//! `authority`: who may take which decision in this repository, by the rules that a person trusts.
//!
//! A project's own rules are in force as a person trusted them last; what was changed since waits. Rules are tested as they
//! stand in the file, so that they can be tested before they are trusted.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    host::{Result, store::write, template, workspace::Workspace},
    model::{
        authority::{
            case::Case,
            policy::{self, FILE, Policy, Preset, Row, Rule, TESTS},
            ruling::{Judged, Step},
        },
        confidence::Caution,
        decision::{Risk, Ruling},
        document::utf8,
        id,
        refusal::Refusal,
        roster::{self, Roster},
        yaml::{MAX_YAML, Spanned},
    },
    ops::setup::in_force,
};

/// Nothing is asked for but what is there.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Request {}

/// The rules in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct InForce {
    /// The preset that they rest on.
    pub preset: Preset,
    /// When an agent is too little sure to act alone.
    pub confidence: Caution,
    /// Whether `.claude/authority.yaml` says something that is not in force, because nobody has trusted it yet.
    pub waiting: bool,
    /// The table, the project's own rows first.
    pub rows: Vec<Row>,
    /// The rules, the project's own first.
    pub rules: Vec<RuleShown>,
}

/// A rule as it is shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RuleShown {
    /// What people call it.
    pub name: String,
    /// When it holds.
    pub condition: String,
    /// How much can go wrong at least.
    pub risk: Option<Risk>,
    /// Who has to decide at least.
    pub demand: Option<Ruling>,
    /// Where it stands: file and line.
    pub at: String,
}

/// How the rules in the file ruled on the cases in `.claude/authority.tests.yaml`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Tested {
    /// How many cases were ruled on as expected.
    pub passed: usize,
    /// The others.
    pub failed: Vec<Failed>,
}

/// A case that was not ruled on as expected.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Failed {
    /// What people call it.
    pub name: String,
    /// Its line in `.claude/authority.tests.yaml`, from 1.
    pub line: u64,
    /// What was expected.
    pub expected: Ruling,
    /// What the rules say.
    pub found: Ruling,
    /// The step that demands it.
    pub by: Option<Step>,
}

/// The rules in force, whole.
///
/// # Errors
/// Refuses rules that are wrong, with file and line.
pub fn show(workspace: &Workspace, _: &Request) -> Result<InForce> {
    let (policy, waiting) = in_force(workspace)?;
    let rule = |rule: Rule| RuleShown {
        name: rule.name,
        condition: rule.condition.source().to_owned(),
        risk: rule.risk,
        demand: rule.demand,
        at: format!("{}:{}", rule.file, rule.line),
    };
    Ok(InForce {
        preset: policy.preset,
        confidence: policy.caution,
        waiting,
        rows: policy.rows,
        rules: policy.rules.into_iter().map(rule).collect(),
    })
}

/// Rules on a decision that an agent would take.
///
/// # Errors
/// As [`show`]; refuses an agent that the roster does not name.
pub fn check(workspace: &Workspace, case: &Case) -> Result<Judged> {
    let roster = roster(workspace)?;
    demand_agent(case, roster.as_ref())?;
    Ok(in_force(workspace)?.0.judge(case, roster.as_ref()))
}

/// Lets pass only an agent that the roster names.
pub(super) fn demand_agent(case: &Case, roster: Option<&Roster>) -> Result<()> {
    if let Some(agent) = &case.agent {
        let names = roster.into_iter().flat_map(|roster| roster.agents.keys());
        if !names.clone().any(|name| name == agent) {
            let near = id::nearest(agent.as_str(), names.map(|name| (name.as_str(), "")));
            let hint =
                if near.is_empty() { format!("`{}` names them", roster::FILE) } else { format!("nearest: {}", near.join(", ")) };
            return Err(Refusal::usage(format!("there is no agent `{agent}`")).hint(hint).into());
        }
    }
    Ok(())
}

/// Rules on the cases of `.claude/authority.tests.yaml` by the rules in the file, trusted or not.
///
/// # Errors
/// Refuses rules and cases that are wrong, with file and line, and where there are no cases.
pub fn test(workspace: &Workspace, _: &Request) -> Result<Tested> {
    let cases = text(workspace, TESTS)?.ok_or_else(|| {
        Refusal::no(format!("there is no `{TESTS}` to test the rules with"))
            .hint("`docs/authority.md` of autonomy shows one; `autonomy authority check` rules on a single case")
    })?;
    let policy = Policy::read(text(workspace, FILE)?.as_deref(), shipped)?;
    let roster = roster(workspace)?;
    let (mut passed, mut failed) = (0, Vec::new());
    for Spanned { value, referenced, .. } in policy::cases(&cases)? {
        let judged = policy.judge(&value.case, roster.as_ref());
        if judged.ruling == value.ruling {
            passed += 1;
        } else {
            let by = judged.decisive().cloned();
            failed.push(Failed { name: value.name, line: referenced.line(), expected: value.ruling, found: judged.ruling, by });
        }
    }
    Ok(Tested { passed, failed })
}

/// The rules in force, and whether the file says something else that waits for trust.
pub(super) fn in_force(workspace: &Workspace) -> Result<(Policy, bool)> {
    let (own, waiting) = in_force::authority(workspace)?;
    Ok((Policy::read(own.as_deref(), shipped)?, waiting))
}

pub(super) fn shipped(preset: Preset) -> &'static str {
    template::shipped(preset.template()).unwrap_or_default()
}

pub(super) fn roster(workspace: &Workspace) -> Result<Option<Roster>> {
    Ok(text(workspace, roster::FILE)?.as_deref().map(Roster::read).transpose()?)
}

fn text(workspace: &Workspace, path: &str) -> Result<Option<String>> {
    let bytes = write::read_capped(&workspace.root().join(path), MAX_YAML as u64)?;
    Ok(bytes.map(|bytes| utf8(path, bytes)).transpose()?)
}
