//! `decision digest` and `decision check`: the decisions of a range of commits, for its reviewers. Reads only, and nothing but
//! commits.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    host::{Result, git::Repository, store::bytes, workspace::Workspace},
    model::{
        authority::case::Case,
        decision::Decision,
        document::Document,
        id::{DecisionId, Oid},
        record::RecordKind,
        refusal::Refusal,
        review::{self, Entry, Fault},
    },
    ops::judge::change::{self, Given},
};

/// Which decisions a pull request is told of.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DigestRequest {
    /// The commit or branch that the work goes to: what HEAD has since both parted is told.
    pub since: String,
}

/// The decisions of a range.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Digest {
    /// Those that are new or changed, as they stand at its end.
    pub decisions: Vec<Decision>,
    /// The part of the pull request's text.
    pub text: String,
}

/// Which range is checked.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CheckRequest {
    /// `A..B`, or `A...B` for what `B` has since both parted.
    pub range: String,
}

/// What keeps a range from being merged.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Checked {
    /// How many decisions it has.
    pub decisions: usize,
    /// What is wrong, in the order of files and lines.
    pub faults: Vec<Fault>,
}

/// Tells of the decisions that HEAD has and the commit `since` has not.
///
/// # Errors
/// Refuses an unknown commit and a shallow clone that cannot tell.
pub fn digest(workspace: &Workspace, request: &DigestRequest) -> Result<Digest> {
    let git = workspace.git()?;
    let (from, to) = git.range(&format!("{}...HEAD", request.since))?;
    let (entries, faults) = entries(git, &from, &to)?;
    for fault in faults {
        workspace.notice(format!("left out: {}", fault.words));
    }
    let decisions: Vec<Decision> = entries.into_iter().map(|entry| entry.decision).collect();
    let text = review::digest(&decisions);
    Ok(Digest { decisions, text })
}

/// Looks whether every change of some risk in a range has a decision, and every decision what it needs.
///
/// # Errors
/// Refuses what is no range, and a shallow clone that cannot tell.
pub fn check(workspace: &Workspace, request: &CheckRequest) -> Result<Checked> {
    let git = workspace.git()?;
    let (from, to) = git.range(&request.range)?;
    let (entries, mut faults) = entries(git, &from, &to)?;
    let given = change::Request { change: Given::Diff(request.range.clone()), case: Case::default() };
    let found = change::check(workspace, &given)?;
    faults.extend(review::faults(&entries, &found.reasons, found.risk));
    faults.sort();
    Ok(Checked { decisions: entries.len(), faults })
}

/// The decisions that `to` has and `from` has not, or not like this; what cannot be read is a fault.
fn entries(git: &Repository, from: &Oid, to: &Oid) -> Result<(Vec<Entry>, Vec<Fault>)> {
    let folder = format!("{}/", RecordKind::Decision.folder().unwrap_or_default());
    let (mut entries, mut faults) = (Vec::new(), Vec::new());
    for change in git.changes(Some(from), to)? {
        let (text, Some(side)) = (change.path.to_string(), change.after) else { continue };
        let Some(name) = text.strip_prefix(&folder).and_then(|file| file.strip_suffix(".md")) else { continue };
        match entry(git, &text, name, &side.oid)? {
            Ok(entry) => entries.push(entry),
            Err(refusal) => faults.push(Fault { path: text, line: None, words: refusal.message }),
        }
    }
    Ok((entries, faults))
}

fn entry(git: &Repository, path: &str, name: &str, blob: &Oid) -> Result<Result<Entry, Refusal>> {
    let Some(content) = git.blob_at_most(blob, bytes::CAP)? else {
        return Ok(Err(Refusal::usage(format!("`{path}` is larger than records are read"))));
    };
    let read = || {
        let document = Document::parse(path, content)?;
        let decision = Decision::read(DecisionId::new(name)?, &document)?;
        Ok(Entry { decision, document })
    };
    Ok(read())
}
