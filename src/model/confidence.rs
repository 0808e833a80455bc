//! How sure it is that a decision of an agent is right, and when that is too little for it to act alone.
//!
//! It only ever asks for more than the rules do. Without any history the rules and what is known of the decision carry it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::{
    authority::case::Case,
    decision::{Risk, Ruling, Topic},
};

/// How sure `strict` has to be.
const STRICT: f64 = 0.95;
/// How critical a decision may be at most without a person.
const MOST_CRITICAL: f64 = 0.9;

/// When an agent is too little sure to act alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Caution {
    /// Whoever is less than 95 % sure does not.
    Strict,
    /// It depends on how much the decision matters.
    #[default]
    Adaptive,
}

impl Caution {
    /// The word on disk.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Strict => "strict",
            Self::Adaptive => "adaptive",
        }
    }
}

/// How sure the rules are that whoever `ruling` names is enough.
fn by_rules(ruling: Ruling) -> f64 {
    match ruling {
        Ruling::Act => 0.95,
        Ruling::ActAndTell => 0.9,
        Ruling::Architect => 0.7,
        Ruling::Person | Ruling::Deny => 0.0,
    }
}

/// How critical `case` is: the sum of what it touches, production 0.3, security 0.25, money 0.2, data that is lost 0.15 and
/// compliance 0.1; 0.3 where it touches none.
#[must_use]
pub fn criticality(case: &Case) -> f64 {
    let touched = [
        (case.production, 0.3),
        (case.about() == Topic::Security, 0.25),
        (case.cost > 0.0, 0.2),
        (case.deleted_records > 0, 0.15),
        (case.compliance, 0.1),
    ];
    let touches = || touched.iter().filter(|(touches, _)| *touches).map(|(_, weight)| weight);
    if touches().next().is_none() { 0.3 } else { touches().sum() }
}

/// How much a decision matters by what can go wrong with it.
fn importance(risk: Risk) -> f64 {
    match risk {
        Risk::Low => 0.25,
        Risk::Medium => 0.5,
        Risk::High => 0.75,
        Risk::Critical => 1.0,
    }
}

/// How much a decision weighs against acting alone, each from 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Weight {
    /// How sure it is that it is right.
    pub confidence: f64,
    /// How much it matters.
    pub importance: f64,
    /// How critical what it touches is.
    pub criticality: f64,
}

impl Weight {
    /// That of `case` at `risk`, which the rules leave to `ruling`.
    ///
    /// What an agent says of how sure it is only lowers it.
    #[must_use]
    pub fn of(case: &Case, risk: Risk, ruling: Ruling) -> Self {
        let confidence = case.confidence.map_or(by_rules(ruling), |said| said.min(by_rules(ruling)));
        Self { confidence, importance: importance(risk), criticality: criticality(case) }
    }

    /// Why a person has to look; none where an agent may act.
    #[must_use]
    pub fn asks(&self, caution: Caution) -> Option<&'static str> {
        match caution {
            Caution::Strict => (self.confidence < STRICT).then_some("less than 95 % sure"),
            Caution::Adaptive if self.criticality > MOST_CRITICAL => Some("too critical for an agent alone"),
            Caution::Adaptive => {
                (self.confidence < 0.8 && self.importance > 0.6).then_some("not sure enough for what it matters")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(left: f64, right: f64) -> bool {
        (left - right).abs() < 1e-12
    }

    #[test]
    fn each_bound_holds_on_its_own_side() {
        let asks = |confidence, importance, criticality| {
            Weight { confidence, importance, criticality }.asks(Caution::Adaptive).is_some()
        };
        let strict = |confidence| Weight { confidence, importance: 0.0, criticality: 0.0 }.asks(Caution::Strict).is_some();
        assert!(strict(0.9499) && !strict(0.95));
        assert!(asks(1.0, 0.0, 0.901) && !asks(1.0, 0.0, 0.9));
        assert!(asks(0.799, 0.61, 0.3) && !asks(0.8, 0.61, 0.3) && !asks(0.799, 0.6, 0.3));
    }

    #[test]
    fn what_is_touched_adds_up_to_how_critical_it_is() {
        let security = Some(Topic::Security);
        assert!(near(criticality(&Case::default()), 0.3));
        assert!(near(criticality(&Case { compliance: true, ..Case::default() }), 0.1));
        assert!(near(criticality(&Case { topic: security, production: true, ..Case::default() }), 0.55));
        let all = Case { topic: security, production: true, cost: 1.0, deleted_records: 1, compliance: true, ..Case::default() };
        assert!(near(criticality(&all), 1.0));
    }
}
