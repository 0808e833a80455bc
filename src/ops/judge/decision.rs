//! `decision`: the decisions that were recorded, by what they are about; one of them whole; and how one turned out.

use std::{cmp::Reverse, collections::BTreeMap};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    host::{Result, store::record, transaction::Transaction, workspace::Workspace},
    model::{
        decision::{ChangeKind, Decision, Risk, Status, TurnedOut, Word},
        event::Fact,
        id::{DecisionId, SessionId},
        outcome::Label,
        quote::first_of,
        record::RecordKind,
    },
    ops::work::board::Board,
};

/// Which decisions are wanted: those that fit all that is said.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ListRequest {
    /// Where it stands.
    pub status: Option<Status>,
    /// What is changed by it.
    pub kind: Option<ChangeKind>,
    /// The least risk.
    pub risk: Option<Risk>,
    /// A path that it is about: a folder stands for what lies below it.
    pub path: Option<String>,
    /// The session in which it was taken.
    pub session: Option<SessionId>,
}

/// Decisions.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Listed {
    /// The newest first.
    pub decisions: Vec<Decision>,
}

/// Which decision is meant.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ShowRequest {
    /// Its name, a unique part of it, or its title.
    pub decision: String,
}

/// One decision.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Shown {
    /// What its record says.
    pub decision: Decision,
    /// Its file, from the top of the work tree.
    pub path: String,
    /// The record's text for people.
    pub text: String,
}

/// How a decision turned out.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OutcomeRequest {
    /// Its name, a unique part of it, or its title.
    pub decision: String,
    /// In a word.
    pub label: Label,
    /// In words.
    #[serde(default)]
    pub words: Option<String>,
}

/// What was said.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Told {
    /// The decision.
    pub decision: DecisionId,
    /// Its title.
    pub title: String,
    /// What is known of it now, the oldest word first.
    pub outcomes: Vec<TurnedOut>,
}

/// The decisions that fit.
///
/// # Errors
/// Fails when the store or git cannot be read; records that are malformed are left out and named.
pub fn list(workspace: &Workspace, request: &ListRequest) -> Result<Listed> {
    let board = Board::of_decisions(workspace)?;
    board.notice(workspace);
    let mut decisions = board.holdings.decisions;
    decisions.retain(|decision| fits(request, decision));
    decisions.sort_by(|one, other| (Reverse(one.created), &one.id).cmp(&(Reverse(other.created), &other.id)));
    tell_claimed(workspace, &decisions);
    Ok(Listed { decisions })
}

/// One decision whole.
///
/// # Errors
/// Refuses a name that fits none or several.
pub fn show(workspace: &Workspace, request: &ShowRequest) -> Result<Shown> {
    let board = Board::of_decisions(workspace)?;
    let decision = board.decision(&request.decision)?.clone();
    let stored = board.stored(workspace, RecordKind::Decision, decision.id.as_str())?;
    let text = stored.document()?.body().trim().to_owned();
    tell_claimed(workspace, std::slice::from_ref(&decision));
    Ok(Shown { decision, path: stored.path, text })
}

/// Says how a decision turned out, in its record and in the log.
///
/// # Errors
/// Refuses a name that fits none or several, and a decision of which nothing came.
pub fn outcome(workspace: &Workspace, request: &OutcomeRequest) -> Result<Told> {
    let mut transaction = Transaction::open(workspace)?;
    let lock = transaction.lock_clone()?;
    let board = Board::of_decisions(workspace)?;
    let decision = board.decision(&request.decision)?.clone();
    let stored = board.stored(workspace, RecordKind::Decision, decision.id.as_str())?;
    let words = request.words.clone().filter(|words| !words.trim().is_empty());
    let turned_out = TurnedOut { label: request.label, words, by: transaction.actor().clone(), at: transaction.at() };
    let document = decision.told(&stored.document()?, &turned_out)?;
    let said = Fact::DecisionOutcome { decision: decision.id.clone(), label: request.label, words: turned_out.words.clone() };
    let outcomes: Vec<TurnedOut> = decision.outcomes.iter().cloned().chain([turned_out]).collect();
    let set = BTreeMap::from([("outcomes".to_owned(), serde_json::json!(outcomes))]);
    let changed = record::changed_to(&transaction, &stored, document.text(), set)?;
    transaction.append_facts(&[changed, said])?;
    drop(lock);
    Ok(Told { decision: decision.id, title: decision.title, outcomes })
}

/// Tells of decisions that only their records claim.
fn tell_claimed(workspace: &Workspace, decisions: &[Decision]) {
    let claimed = decisions.iter().filter(|decision| decision.word == Word::Claimed);
    let claimed: Vec<String> = claimed.map(|decision| decision.id.to_string()).collect();
    if !claimed.is_empty() {
        workspace.notice(format!(
            "nobody is known to have taken {}, whatever an edit of the file says; it holds when a person answers what `autonomy \
             inbox` asks about it, or says so: `autonomy decision override <decision> --choose <name> --because \"<reason>\"`",
            first_of(&claimed)
        ));
    }
}

fn fits(request: &ListRequest, decision: &Decision) -> bool {
    request.status.is_none_or(|status| decision.status == status)
        && request.kind.is_none_or(|kind| decision.kind == Some(kind))
        && request.risk.is_none_or(|risk| decision.risk >= risk)
        && request.path.as_ref().is_none_or(|path| decision.concerns(path))
        && request.session.as_ref().is_none_or(|session| decision.session.as_ref() == Some(session))
}
