//! What one log testifies of questions and decisions: a record alone proves nothing, because an agent can write one too.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::model::{
    event::{Event, Fact},
    id::{DecisionId, Digest, QuestionId, SessionId},
    question::Said,
};

/// What a log testifies.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Testimony {
    /// What persons said, by question.
    pub said: BTreeMap<QuestionId, Said>,
    /// Decisions that were put to a person.
    pub put: BTreeSet<DecisionId>,
    /// The terms of the decisions that were recorded by a command, or that stood before any agent of the session could write;
    /// none in a log of before terms were written down.
    pub recorded: BTreeMap<DecisionId, Option<Digest>>,
    /// The terms of decisions that nobody is known to have taken.
    pub doubted: BTreeMap<DecisionId, Digest>,
}

impl Testimony {
    /// Takes in an event of the log of `session`; none for the clone's own.
    pub fn hear(&mut self, event: &Event, session: Option<&SessionId>) {
        match &event.fact {
            Fact::DecisionRecorded { decision, terms, .. } => drop(self.recorded.insert(decision.clone(), terms.clone())),
            Fact::DecisionFound { decision, terms } => drop(self.recorded.insert(decision.clone(), Some(terms.clone()))),
            Fact::DecisionDoubted { decision, terms } => drop(self.doubted.insert(decision.clone(), terms.clone())),
            Fact::QuestionAsked { decides, .. } => self.put.extend(decides.clone()),
            Fact::QuestionAnswered { .. } => self.said.extend(event.said(session.cloned())),
            _ => {}
        }
    }

    /// Whether there is nothing in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether a command recorded the decision as it says now.
    #[must_use]
    pub fn recorded(&self, decision: &DecisionId, terms: &Digest) -> bool {
        self.recorded.get(decision).is_some_and(|known| known.as_ref().is_none_or(|known| known == terms))
    }

    /// The same, and where it was put to a person: one said so.
    #[must_use]
    pub fn vouches(&self, decision: &DecisionId, terms: &Digest) -> bool {
        self.recorded(decision, terms) && (!self.put.contains(decision) || self.approved().any(|it| it == decision))
    }

    /// Whether nobody is known to have taken the decision as it says now.
    #[must_use]
    pub fn doubts(&self, decision: &DecisionId, terms: &Digest) -> bool {
        self.doubted.get(decision) == Some(terms)
    }

    /// The decisions that a person approved.
    pub fn approved(&self) -> impl Iterator<Item = &DecisionId> {
        self.said.values().filter_map(Said::approves)
    }
}
