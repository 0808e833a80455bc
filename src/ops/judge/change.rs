//! `authority check --diff`: who may take a change, by what is read from the change itself. Reads only.
//!
//! A range is ruled on by the rules that its first commit holds, so that a change of the rules does not rule on itself, and by
//! those that a person trusted in this clone. What is staged or in the work tree is ruled on by the rules in force.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    host::{
        Result,
        change::{self, Span},
        git::Repository,
        workspace::Workspace,
    },
    model::{
        authority::{
            case::Case,
            policy::{FILE, Policy},
            ruling::{Judged, Step},
        },
        change::TreePath,
        decision::{ChangeKind, Reversibility, Risk, Ruling, Topic},
        document::utf8,
        id::Oid,
        refusal::Refusal,
        risk::{Change, Reason, Signal, assess},
        roster::{self, Roster},
        yaml::MAX_YAML,
    },
    ops::{
        judge::authority::{demand_agent, in_force, roster, shipped},
        setup,
    },
};

/// What is looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Given {
    /// What differs between two commits: `A..B`, or `A...B` for what `B` has since both parted.
    Diff(String),
    /// What differs between HEAD and the index.
    Staged,
    /// What differs between HEAD and the work tree, with new files that are not ignored.
    Worktree,
}

/// A change, and what somebody says of it.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// What is looked at.
    pub change: Given,
    /// What somebody says of it; nothing of it lowers what is demanded.
    #[serde(default)]
    pub case: Case,
}

/// Who may take a change, and why.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Outcome {
    /// Who decides: the most that is demanded for anything that was found.
    pub ruling: Ruling,
    /// How much can go wrong, with what somebody says and what the rules say of it.
    pub risk: Risk,
    /// How much can go wrong as a number from 0 to 1, by what was found alone, to order changes by.
    pub score: f64,
    /// What it costs to go back.
    pub reversibility: Reversibility,
    /// How many files differ.
    pub files: usize,
    /// The commit whose rules were taken; none where those in force were.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base: Option<Oid>,
    /// Everything that was found, the heaviest first.
    pub reasons: Vec<Reason>,
    /// The rulings on what was found, the strictest first.
    pub rulings: Vec<RuledOn>,
}

/// A ruling on one of the things that were found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RuledOn {
    /// What is changed; none where it is none of the kinds of the table.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<ChangeKind>,
    /// What it is about.
    #[serde(rename = "type")]
    pub topic: Topic,
    /// The ruling and the way to it.
    pub judged: Judged,
}

impl Outcome {
    /// The first step that demands as much as the ruling.
    #[must_use]
    pub fn decisive(&self) -> Option<&Step> {
        self.rulings.first().and_then(|first| first.judged.decisive())
    }
}

/// Rules on a change by what is read from it.
///
/// # Errors
/// Refuses a range that is none or that a shallow clone cannot tell, rules that are wrong, and an agent that the roster does not
/// name.
pub fn check(workspace: &Workspace, request: &Request) -> Result<Outcome> {
    let git = workspace.git()?;
    let (span, base) = match &request.change {
        Given::Diff(range) => {
            let (from, to) = git.range(range)?;
            (Span::Commits { from: from.clone(), to }, Some(from))
        }
        Given::Staged => (Span::Staged, None),
        Given::Worktree => (Span::WorkTree, None),
    };
    let (policies, roster) = match &base {
        Some(base) => by_base(workspace, git, base)?,
        None => (vec![in_force(workspace)?.0], roster(workspace)?),
    };
    demand_agent(&request.case, roster.as_ref())?;
    let change = change::read(workspace, &span)?;
    Ok(Outcome { base, ..rule(&change, &request.case, &policies, roster.as_ref()) })
}

/// Rules on what was read of a change, by each of the `policies`; the strictest ruling holds.
pub(super) fn rule(change: &Change, said: &Case, policies: &[Policy], roster: Option<&Roster>) -> Outcome {
    let assessment = assess(change);
    let is_worse = assessment.reversibility as u8 > said.reversibility as u8;
    let case = Case {
        risk: said.risk.max(assessment.risk),
        reversibility: if is_worse { assessment.reversibility } else { said.reversibility },
        breaking: said.breaking || assessment.reasons.iter().any(|reason| reason.signal == Signal::Words),
        paths: said.paths.iter().cloned().chain(change.files.iter().map(|file| file.path.clone())).collect(),
        ..said.clone()
    };
    let mut rulings: Vec<RuledOn> = abouts(&assessment.reasons, said)
        .into_iter()
        .flat_map(|(kind, topic)| policies.iter().map(move |policy| (policy, kind, topic)))
        .map(|(policy, kind, topic)| {
            let case = Case { kind, topic, ..case.clone() };
            RuledOn { kind, topic: case.about(), judged: policy.judge(&case, roster) }
        })
        .collect();
    rulings.sort_by_key(|ruled| std::cmp::Reverse((ruled.judged.ruling, ruled.judged.risk)));
    Outcome {
        ruling: rulings.iter().map(|ruled| ruled.judged.ruling).max().unwrap_or(Ruling::Person),
        risk: rulings.iter().map(|ruled| ruled.judged.risk).fold(case.risk, Risk::max),
        score: assessment.score,
        reversibility: case.reversibility,
        files: change.files.len(),
        base: None,
        reasons: assessment.reasons,
        rulings,
    }
}

/// What is ruled on: everything that was found and what somebody says, each once; a change of which neither says anything is
/// like everything else.
fn abouts(reasons: &[Reason], said: &Case) -> Vec<(Option<ChangeKind>, Option<Topic>)> {
    let mut all: Vec<(Option<ChangeKind>, Option<Topic>)> = Vec::new();
    let told = (said.kind.is_some() || said.topic.is_some()).then_some((said.kind, said.topic));
    for one in reasons.iter().map(|reason| reason.signal.about()).chain(told) {
        if !all.contains(&one) {
            all.push(one);
        }
    }
    if all.is_empty() {
        all.push((None, None));
    }
    all
}

/// The roster that a commit holds.
pub(super) fn roster_at(git: &Repository, commit: &Oid) -> Result<Option<Roster>> {
    Ok(text_at(git, commit, roster::FILE)?.as_deref().map(Roster::read).transpose()?)
}

/// The rules and the roster that a commit holds, and the rules that a person trusted in this clone.
fn by_base(workspace: &Workspace, git: &Repository, base: &Oid) -> Result<(Vec<Policy>, Option<Roster>)> {
    let at = |refusal: Refusal| Refusal { message: format!("in the commit {}: {}", base.short(), refusal.message), ..refusal };
    let own = text_at(git, base, FILE)?;
    let mut policies = vec![Policy::read(own.as_deref(), shipped).map_err(at)?];
    if let (Some(trusted), _) = setup::in_force::authority(workspace)? {
        policies.push(Policy::read(Some(&trusted), shipped)?);
    }
    let roster = text_at(git, base, roster::FILE)?.as_deref().map(Roster::read).transpose();
    Ok((policies, roster.map_err(at)?))
}

fn text_at(git: &Repository, commit: &Oid, path: &str) -> Result<Option<String>> {
    let Some(side) = git.side_at(commit, &TreePath::new(path)?)? else { return Ok(None) };
    let Some(bytes) = git.blob_at_most(&side.oid, MAX_YAML as u64)? else {
        let refusal = Refusal::no(format!("`{path}` of the commit {} is larger than rules may be", commit.short()));
        return Err(refusal.hint(format!("at most {MAX_YAML} bytes are read")).into());
    };
    Ok(Some(utf8(path, bytes)?))
}
