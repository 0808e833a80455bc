//! What the roster says that an agent may decide at most.

use crate::model::{
    authority::case::Case,
    decision::{Risk, Ruling, Topic},
    roster::{Agent, Term},
};

/// What the roster says of an agent for `case`, which has the risk `risk`: what it demands, and why.
pub(super) fn limits(agent: &Agent, case: &Case, risk: Risk) -> Vec<(Ruling, &'static str)> {
    let says = |term| agent.authority.says(term);
    let mut found = Vec::new();
    let by_risk = match risk {
        Risk::Low => (Term::LowRisk, Ruling::Architect, "it may decide nothing of low risk"),
        Risk::Medium => (Term::MediumRisk, Ruling::Architect, "it may decide nothing of medium risk"),
        Risk::High | Risk::Critical => (Term::HighRisk, Ruling::Person, "it may decide nothing of high risk"),
    };
    if !says(by_risk.0) {
        found.push((by_risk.1, by_risk.2));
    }
    let topic = case.about();
    if topic == Topic::Architecture && says(Term::RequiresArchitectApproval) {
        found.push((Ruling::Architect, "what changes the structure waits for the architect"));
    }
    if topic == Topic::Security && says(Term::RequiresSecurityApproval) {
        found.push((Ruling::Person, "what touches security waits for a review"));
    }
    if case.production && says(Term::RequiresApprovalForProd) {
        found.push((Ruling::Person, "production waits for a person"));
    }
    if topic == Topic::Deployment && !case.production && !says(Term::CanDeployNonProd) {
        found.push((Ruling::Person, "it deploys nothing"));
    }
    found
}
