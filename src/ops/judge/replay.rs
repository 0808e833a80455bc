//! `authority replay`: what somebody would have been asked over commits that are there already. Reads only.
//!
//! Each commit is judged by what it changes against its first parent, and by nothing that its message says.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    host::{
        Result,
        change::{self, Span},
        workspace::Workspace,
    },
    model::{
        authority::{
            case::Case,
            policy::{Policy, Preset},
        },
        decision::{Risk, Ruling},
        id::Oid,
        quote,
        refusal::Refusal,
    },
    ops::judge::{
        authority::{in_force, shipped},
        change as ruling,
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
    /// For how many commits.
    pub commits: usize,
    /// Of all, from 0 to 1.
    pub share: f64,
}

/// Rules on every commit of a range.
///
/// # Errors
/// Refuses what is no range and no commit, a range without commits, and commits whose parent a shallow clone lacks.
pub fn replay(workspace: &Workspace, request: &Request) -> Result<Outcome> {
    let policy = match request.preset {
        Some(preset) => Policy::read(Some(&format!("version: 1\npreset: {}\n", preset.word())), shipped)?,
        None => in_force(workspace)?.0,
    };
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
    Ok(Outcome { preset: policy.preset, shares: shares(&commits), commits })
}

#[expect(clippy::cast_precision_loss, reason = "no history has so many commits")]
fn shares(commits: &[Replayed]) -> Vec<Share> {
    let mut counts: BTreeMap<Ruling, usize> = BTreeMap::new();
    for commit in commits {
        *counts.entry(commit.ruling).or_default() += 1;
    }
    let share = |(ruling, count): (Ruling, usize)| Share { ruling, commits: count, share: count as f64 / commits.len() as f64 };
    counts.into_iter().map(share).collect()
}
