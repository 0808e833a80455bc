//! What the signals of a change come to.
//!
//! The weights were set by hand, by how much of a signal alone is to be of medium or high risk; they are not fitted to any
//! repository.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::{
    decision::{Reversibility, Risk},
    quote::first_of,
    risk::{Change, Found, Signal, found},
};

/// From which score on there is at least such a risk.
const LEVELS: [(f64, Risk); 3] = [(0.5, Risk::Medium), (0.9, Risk::High), (0.99, Risk::Critical)];
/// How many paths of a reason are named.
const NAMED: usize = 20;

/// Something that was found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Reason {
    /// What.
    pub signal: Signal,
    /// How much of it: names, files or lines, as the signal counts.
    pub amount: u64,
    /// How much it adds to the sum from which the score follows.
    pub weight: f64,
    /// The risk that it means at least.
    pub at_least: Risk,
    /// In words, with one of the names.
    pub words: String,
    /// Where, at most 20 paths.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub paths: Vec<String>,
}

/// How much can go wrong with a change, and why.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Assessment {
    /// How much can go wrong.
    pub risk: Risk,
    /// The same as a number from 0 to 1, to order changes by: 1 - exp(-s), where s is the sum of the weights.
    pub score: f64,
    /// What it costs to go back.
    pub reversibility: Reversibility,
    /// Everything that was found, the heaviest first.
    pub reasons: Vec<Reason>,
}

/// Says how much can go wrong with `change`.
#[must_use]
pub fn assess(change: &Change) -> Assessment {
    weigh(&found(change))
}

/// Says how much can go wrong where so much was found.
#[must_use]
pub fn weigh(all: &[Found]) -> Assessment {
    let mut reasons: Vec<Reason> = all.iter().filter(|found| found.amount > 0).map(reason).collect();
    reasons.sort_by(|left, right| right.at_least.cmp(&left.at_least).then(right.weight.total_cmp(&left.weight)));
    let sum: f64 = reasons.iter().map(|reason| reason.weight).sum();
    let score = 1.0 - (-sum).exp();
    let by_score = LEVELS.iter().filter(|(from, _)| score >= *from).map(|(_, risk)| *risk);
    let risk = reasons.iter().map(|reason| reason.at_least).chain(by_score).max().unwrap_or_default();
    let has = |signal| reasons.iter().any(|reason| reason.signal == signal);
    let reversibility = if has(Signal::DataDropped) {
        Reversibility::Irreversible
    } else if has(Signal::Schema) || has(Signal::ApiRemoved) {
        Reversibility::Costly
    } else {
        Reversibility::Reversible
    };
    Assessment { risk, score, reversibility, reasons }
}

fn reason(found: &Found) -> Reason {
    let Found { signal, amount, names, paths } = found;
    let (one, at_least) = weight(*signal);
    let mut words = signal.words().to_owned();
    match names.as_slice() {
        [] if *amount > 1 => words.push_str(&format!(": {amount}")),
        [] => {}
        names => words.push_str(&format!(": {}", first_of(names))),
    }
    let paths = paths.iter().take(NAMED).cloned().collect();
    Reason { signal: *signal, amount: *amount, weight: one * doublings(*amount), at_least, words, paths }
}

/// How much one of a signal adds, and the risk that it means at least. Each doubling of the amount adds as much again.
fn weight(signal: Signal) -> (f64, Risk) {
    match signal {
        Signal::Rules | Signal::Words => (2.4, Risk::High),
        Signal::DataDropped => (1.5, Risk::High),
        Signal::Platform => (1.2, Risk::Medium),
        Signal::ApiRemoved => (0.9, Risk::Medium),
        Signal::SecurityFile => (0.7, Risk::Medium),
        Signal::DependencyMajor | Signal::Schema => (0.6, Risk::Medium),
        Signal::ApiChanged | Signal::ContractRemoved | Signal::Deployment | Signal::Unread => (0.5, Risk::Medium),
        Signal::TestsWeakened => (0.4, Risk::Medium),
        Signal::Pipeline => (0.3, Risk::Medium),
        Signal::Deleted => (0.25, Risk::Low),
        Signal::DependencyAdded | Signal::DependencyRemoved | Signal::SecurityWords => (0.2, Risk::Low),
        Signal::TestsChanged => (0.1, Risk::Low),
        Signal::Modules => (0.08, Risk::Low),
        Signal::ApiAdded | Signal::DependencyMinor | Signal::Binary => (0.05, Risk::Low),
        Signal::Removed => (0.04, Risk::Low),
        Signal::Lock | Signal::Generated | Signal::Added => (0.02, Risk::Low),
    }
}

/// 1 for one, and 1 more for each doubling.
#[expect(clippy::cast_precision_loss, reason = "amounts above 2^53 weigh as much as their neighbours")]
fn doublings(amount: u64) -> f64 {
    (1.0 + amount as f64).log2()
}
