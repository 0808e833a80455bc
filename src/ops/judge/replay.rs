//! `authority replay`: what somebody would have been asked over commits, or decisions, that are there already. Reads only.
//!
//! Each commit is judged by what it changes against its first parent, and by nothing that its message says; each decision that a
//! person did not take by what its record says.

use std::{cmp::Reverse, collections::BTreeMap};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    host::{
        Result,
        change::{self, Span},
        workspace::Workspace,
    },
    model::{
        actor::Actor,
        authority::{
            case::Case,
            policy::{Policy, Preset},
        },
        decision::{Decision, Risk, Ruling},
        id::{DecisionId, Oid},
        quote,
        refusal::Refusal,
    },
    ops::{
        judge::{
            authority::{in_force, shipped},
            change as ruling,
        },
        work::board::Board,
    },
};

/// The most characters of a commit's first line that are handed back.
const MAX_SUBJECT: usize = 100;

/// Which commits are judged, and by what.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// `A..B` for the commits that `B` has and `A` has not, or one commit with all that is before it.
    pub commits: String,
    /// The preset whose rules are taken; without it, the rules in force.
    #[serde(default)]
    pub preset: Option<Preset>,
}

/// What would have been asked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Outcome {
    /// The preset that the rules rest on.
    pub preset: Preset,
    /// The commits, the newest first.
    pub commits: Vec<Replayed>,
    /// How often each ruling was given, the mildest first.
    pub shares: Vec<Share>,
}

/// What the rules say to a commit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Replayed {
    /// Its id.
    pub commit: Oid,
    /// Its first line, which nothing is judged by.
    pub subject: String,
    /// How much can go wrong, with what the rules say of it.
    pub risk: Risk,
    /// The same as a number from 0 to 1, by what was found alone.
    pub score: f64,
    /// Who decides.
    pub ruling: Ruling,
    /// What was found, the heaviest first.
    pub reasons: Vec<String>,
}

/// How often a ruling was given.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Share {
    /// Which.
    pub ruling: Ruling,
    /// How often.
    pub count: usize,
    /// Of all, from 0 to 1.
    pub share: f64,
}

/// By what decisions are judged again.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct AgainRequest {
    /// The preset whose rules are taken; without it, the rules in force.
    pub preset: Option<Preset>,
}

/// What would have been asked about decisions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Again {
    /// The preset that the rules rest on.
    pub preset: Preset,
    /// The decisions that a person did not take, the newest first.
    pub decisions: Vec<JudgedAgain>,
    /// How often each ruling was given, the mildest first.
    pub shares: Vec<Share>,
}

/// What the rules say to a decision now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct JudgedAgain {
    /// Its name.
    pub decision: DecisionId,
    /// Its title.
    pub title: String,
    /// How much can go wrong, with what the rules say of it.
    pub risk: Risk,
    /// Who decides.
    pub ruling: Ruling,
    /// Who decided by the rules when it was recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub was: Option<Ruling>,
    /// The rule that demands the most, and where it stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
}

/// Rules on every decision again that a person did not take. Facts that were said with `--fact` are in no record, and count for nothing.
///
/// # Errors
/// Refuses rules that are wrong; fails when the store or git cannot be read.
pub fn again(workspace: &Workspace, request: &AgainRequest) -> Result<Again> {
    let policy = policy(workspace, request.preset)?;
    let board = Board::of_decisions(workspace)?;
    board.notice(workspace);
    let mut decisions = board.holdings.decisions;
    decisions.retain(|decision| !decision.by.as_ref().is_some_and(Actor::is_person));
    decisions.sort_by(|one, other| (Reverse(one.created), &one.id).cmp(&(Reverse(other.created), &other.id)));
    let judged = |decision: Decision| {
        let case = Case {
            kind: decision.kind,
            topic: Some(decision.topic),
            risk: decision.risk,
            reversibility: decision.reversibility,
            confidence: decision.confidence,
            paths: decision.paths,
            ..Case::default()
        };
        let judged = policy.judge(&case, None);
        let by = judged.decisive().map(|step| format!("{} (`{}`)", step.what, step.place()));
        let was = decision.ruled.map(|ruled| ruled.ruling);
        let (risk, ruling) = (judged.risk, judged.ruling);
        JudgedAgain { decision: decision.id, title: decision.title, risk, ruling, was, by }
    };
    let decisions: Vec<JudgedAgain> = decisions.into_iter().map(judged).collect();
    let shares = shares(decisions.iter().map(|it| it.ruling));
    Ok(Again { preset: policy.preset, decisions, shares })
}

fn policy(workspace: &Workspace, preset: Option<Preset>) -> Result<Policy> {
    match preset {
        Some(preset) => Ok(Policy::read(Some(&format!("version: 1\npreset: {}\n", preset.word())), shipped)?),
        None => Ok(in_force(workspace)?.0),
    }
}

/// Rules on every commit of a range.
///
/// # Errors
/// Refuses what is no range and no commit, a range without commits, and commits whose parent a shallow clone lacks.
pub fn replay(workspace: &Workspace, request: &Request) -> Result<Outcome> {
    let policy = policy(workspace, request.preset)?;
    let git = workspace.git()?;
    let (from, to) = match git.range(&request.commits) {
        Ok((from, to)) => (Some(from), to),
        Err(_) if !request.commits.contains("..") => (None, git.resolve(&request.commits)?),
        Err(error) => return Err(error),
    };
    let all = git.commits(from.as_ref(), &to, usize::MAX)?;
    if all.is_empty() {
        return Err(Refusal::no(format!("`{}` has no commits", request.commits.escape_debug()))
            .hint("`A..B` stands for what `B` has and `A` has not")
            .into());
    }
    let mut spans = Vec::with_capacity(all.len());
    for commit in &all {
        spans.push(Span::Trees { from: git.first_parent(&commit.id)?, to: commit.id.clone(), paths: None });
    }
    let policies = [policy];
    let found = change::read_each(workspace, &spans, |change| ruling::rule(&change, &Case::default(), &policies, None))?;
    let commits: Vec<Replayed> = all
        .into_iter()
        .zip(found)
        .map(|(commit, found)| Replayed {
            commit: commit.id,
            subject: quote::line(&commit.subject, MAX_SUBJECT),
            risk: found.risk,
            score: found.score,
            ruling: found.ruling,
            reasons: found.reasons.into_iter().map(|reason| reason.words).collect(),
        })
        .collect();
    let [policy] = policies;
    Ok(Outcome { preset: policy.preset, shares: shares(commits.iter().map(|it| it.ruling)), commits })
}

#[expect(clippy::cast_precision_loss, reason = "no history has so many commits")]
fn shares(rulings: impl Iterator<Item = Ruling>) -> Vec<Share> {
    let mut counts: BTreeMap<Ruling, usize> = BTreeMap::new();
    for ruling in rulings {
        *counts.entry(ruling).or_default() += 1;
    }
    let all: usize = counts.values().sum();
    let share = |(ruling, count): (Ruling, usize)| Share { ruling, count, share: count as f64 / all as f64 };
    counts.into_iter().map(share).collect()
}
