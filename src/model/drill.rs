//! How much of what an agent needs a briefing still says: questions drawn from what happened, and whether the exact answers
//! stand in a text.
//!
//! It knows events and records, and nothing of how a briefing is made.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::{
    decision::Decision,
    event::{Event, Fact, Verdict},
    holdings::{HeldTask, Holdings, current_task},
    id::{CheckpointName, GateName},
    memory::NoteKind,
    state::State,
    task::{order, progress::Progress},
    time::Timestamp,
};

/// The share of answers, in hundredths, that a briefing has to hold.
pub const ENOUGH: u32 = 95;
/// How many open questions every briefing has to name.
pub const URGENT: usize = 30;
/// How many of the newest progress, and of the criteria that are open, are asked for.
const NEWEST: usize = 3;
/// How many of most other kinds are asked for.
const FEW: usize = 2;

/// What a question is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Subject {
    /// What is to be reached.
    Goal,
    /// What must hold on the way.
    Constraint,
    /// The most urgent open questions: name and title.
    Question,
    /// The session and its branch.
    Session,
    /// The current task: name, title, criteria that are open, why the last try failed.
    Task,
    /// What is worked on, and the next action.
    Focus,
    /// The newest decision, and the newest ones about the current task: title and choice.
    Decision,
    /// The newest answers.
    Answer,
    /// The newest notes.
    Note,
    /// How people like things done.
    Preference,
    /// The newest progress.
    Progress,
    /// The best open tasks.
    Next,
    /// The tasks that wait, failed or were given up for now.
    Stuck,
    /// The last checkpoint, and gates that are not green.
    Standing,
    /// What people wrote into pages.
    Page,
}

impl Subject {
    /// Whether every answer of the kind has to be there.
    #[must_use]
    pub fn is_needed(self) -> bool {
        matches!(self, Self::Goal | Self::Constraint | Self::Question)
    }

    /// The word for people.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Goal => "goal",
            Self::Constraint => "constraint",
            Self::Question => "question",
            Self::Session => "session",
            Self::Task => "task",
            Self::Focus => "focus",
            Self::Decision => "decision",
            Self::Answer => "answer",
            Self::Note => "note",
            Self::Preference => "preference",
            Self::Progress => "progress",
            Self::Next => "next",
            Self::Stuck => "stuck",
            Self::Standing => "standing",
            Self::Page => "page",
        }
    }
}

/// A question of the drill.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Probe {
    /// What it is about.
    pub subject: Subject,
    /// The question.
    pub question: String,
    /// The exact answer.
    pub answer: String,
}

/// What was drawn from.
#[derive(Clone, Copy, Debug)]
pub struct Material<'a> {
    /// All events of the session.
    pub events: &'a [Event],
    /// Their fold.
    pub state: &'a State,
    /// The records in force.
    pub holdings: &'a Holdings,
    /// What people wrote into pages: the page, the text.
    pub theirs: &'a [(String, String)],
    /// The branch; none when HEAD is detached.
    pub branch: Option<&'a str>,
    /// The present moment.
    pub now: Timestamp,
}

/// The questions about a session.
#[must_use]
pub fn draw(material: &Material<'_>) -> Vec<Probe> {
    let mut drawn = Drawn::default();
    drawn.session(material);
    drawn.work(material);
    drawn.questions(material);
    drawn.records(material);
    drawn.happened(material);
    for (page, text) in material.theirs {
        let first = text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default();
        drawn.ask(Subject::Page, &format!("what did somebody write into {page}?"), first);
    }
    drawn.probes
}

#[derive(Default)]
struct Drawn {
    probes: Vec<Probe>,
}

impl Drawn {
    fn ask(&mut self, subject: Subject, question: &str, answer: &str) {
        if !answer.trim().is_empty() {
            self.probes.push(Probe { subject, question: question.to_owned(), answer: normal(answer) });
        }
    }

    fn session(&mut self, material: &Material<'_>) {
        let Some(session) = &material.state.session else { return };
        self.ask(Subject::Goal, "what is to be reached?", session.goal.as_deref().unwrap_or_default());
        for constraint in &session.constraints {
            self.ask(Subject::Constraint, "what must hold?", constraint);
        }
        self.ask(Subject::Session, "which session is it?", session.id.as_str());
        self.ask(Subject::Session, "what is it called?", session.title.as_deref().unwrap_or_default());
        self.ask(Subject::Session, "on which branch?", material.branch.unwrap_or_default());
    }

    fn work(&mut self, material: &Material<'_>) {
        let current = current_task(material.state);
        let focus = material.state.focus.as_ref().filter(|focus| focus.task.is_none() || focus.task.as_ref() == current);
        if let Some(focus) = focus {
            self.ask(Subject::Focus, "what is being worked on?", &focus.text);
            self.ask(Subject::Focus, "what is the next action?", focus.next.as_deref().unwrap_or_default());
        }
        let holdings = material.holdings;
        if let Some(held) = current.and_then(|id| holdings.task(id)) {
            self.ask(Subject::Task, "which task is it?", held.task.id.as_str());
            self.ask(Subject::Task, "what is the task?", &held.task.title);
            for criterion in held.task.criteria.iter().filter(|it| !it.done).take(NEWEST) {
                self.ask(Subject::Task, "what must still become true?", &criterion.text);
            }
            if let Progress::Failed { why } = &held.progress {
                self.ask(Subject::Task, "why did the last try fail?", why);
            }
        }
        for task in holdings.ready().into_iter().filter(|task| Some(&task.id) != current).take(FEW) {
            self.ask(Subject::Next, "which task comes next?", task.id.as_str());
        }
        let is_stuck = |held: &&HeldTask| {
            let stuck = matches!(held.progress, Progress::Waiting { .. } | Progress::Failed { .. } | Progress::Parked { .. });
            stuck && Some(&held.task.id) != current
        };
        let mut stuck: Vec<&HeldTask> = holdings.tasks.iter().filter(is_stuck).collect();
        stuck.sort_by(|left, right| order::rank(&left.task).cmp(&order::rank(&right.task)));
        for held in stuck.into_iter().take(FEW) {
            self.ask(Subject::Stuck, "which task is stuck?", held.task.id.as_str());
        }
    }

    fn questions(&mut self, material: &Material<'_>) {
        for question in material.holdings.open_questions(material.now).into_iter().take(URGENT) {
            self.ask(Subject::Question, "which question is open?", question.id.as_str());
            self.ask(Subject::Question, "what does it ask?", &question.title);
        }
        for question in material.holdings.answered_questions(material.now).into_iter().take(FEW) {
            self.ask(Subject::Answer, &question.title, question.answer_at(material.now).unwrap_or_default());
        }
    }

    fn records(&mut self, material: &Material<'_>) {
        let current = current_task(material.state);
        let in_force = material.holdings.decisions_in_force();
        let of_task = in_force.iter().filter(|it| current.is_some() && it.task.as_ref() == current).take(FEW);
        let mut asked: Vec<&Decision> = in_force.iter().take(1).chain(of_task).copied().collect();
        asked.dedup_by_key(|decision| &decision.id);
        for decision in asked {
            self.ask(Subject::Decision, "what was decided?", &decision.title);
            self.ask(Subject::Decision, &decision.title, decision.choice.as_deref().unwrap_or_default());
        }
        let mut notes: Vec<_> = material.holdings.notes.iter().filter(|note| note.holds_at(material.now)).collect();
        notes.sort_by_key(|note| (std::cmp::Reverse(note.created), &note.id));
        let (liked, learned): (Vec<_>, Vec<_>) = notes.into_iter().partition(|note| note.kind == NoteKind::Preference);
        for note in learned.into_iter().take(FEW) {
            self.ask(Subject::Note, "what was learned?", &note.text);
        }
        for note in liked.into_iter().take(FEW) {
            self.ask(Subject::Preference, "how does somebody like it done?", &note.text);
        }
    }

    fn happened(&mut self, material: &Material<'_>) {
        let progress = material.events.iter().rev().filter_map(|event| match &event.fact {
            Fact::ProgressAdded { text, .. } => Some(text),
            _ => None,
        });
        for text in progress.take(NEWEST) {
            self.ask(Subject::Progress, "what was achieved?", text);
        }
        let checkpoint = material.events.iter().rev().find_map(|event| match &event.fact {
            Fact::CheckpointMade { name, .. } => name.as_ref(),
            _ => None,
        });
        self.ask(Subject::Standing, "which is the last checkpoint?", checkpoint.map_or("", CheckpointName::as_str));
        let mut seen: BTreeSet<&GateName> = BTreeSet::new();
        for event in material.events.iter().rev() {
            if let Fact::GateRan { gate, verdict, .. } = &event.fact
                && seen.insert(gate)
                && *verdict != Verdict::Green
            {
                self.ask(Subject::Standing, "which gate is not green?", &format!("`{gate}`: {}", verdict.word()));
            }
        }
    }
}

/// A text as it is compared: white space is one space.
fn normal(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// What a text answers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Recall {
    /// For each kind of question: how many it answers, of how many.
    pub subjects: BTreeMap<Subject, (u32, u32)>,
    /// What it does not answer.
    pub missed: Vec<Probe>,
}

impl Recall {
    /// What `text` answers of the `probes`.
    #[must_use]
    pub fn of(text: &str, probes: &[Probe]) -> Self {
        let (text, mut recall) = (normal(text), Self::default());
        for probe in probes {
            let is_there = text.contains(&probe.answer);
            let (found, asked) = recall.subjects.entry(probe.subject).or_default();
            *asked += 1;
            if is_there {
                *found += 1;
            } else {
                recall.missed.push(probe.clone());
            }
        }
        recall
    }

    /// The share of answers, in hundredths: every kind of question counts the same, however many there are of it.
    #[must_use]
    pub fn percent(&self) -> u32 {
        let kinds = u32::try_from(self.subjects.len()).unwrap_or(u32::MAX).max(1);
        let sum: u32 = self.subjects.values().map(|(found, asked)| found * 10_000 / (*asked).max(1)).sum();
        if self.subjects.is_empty() { 100 } else { sum / kinds / 100 }
    }

    /// Whether that is enough: nothing is missing of what is needed, and of no kind more than half.
    #[must_use]
    pub fn passes(&self) -> bool {
        let is_half = self.subjects.values().all(|(found, asked)| found * 2 >= *asked);
        self.percent() >= ENOUGH && is_half && !self.missed.iter().any(|probe| probe.subject.is_needed())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn probe(subject: Subject, answer: &str) -> Probe {
        Probe { subject, question: "?".to_owned(), answer: answer.to_owned() }
    }

    #[test]
    fn every_kind_counts_the_same_and_what_is_needed_may_not_be_missing() {
        let goal = probe(Subject::Goal, "one parser");
        let mut probes = vec![goal.clone()];
        probes.extend((0..20).map(|number| probe(Subject::Note, &format!("note {number}."))));
        let half: Vec<String> = (0..10).map(|number| format!("note {number}.")).collect();
        let recall = Recall::of(&format!("one\n  parser {}", half.join(" ")), &probes);
        assert_eq!((recall.percent(), recall.missed.len(), recall.passes()), (75, 10, false));
        let recall = Recall::of("nothing", &[goal]);
        assert_eq!((recall.percent(), recall.passes()), (0, false));
        assert!(Recall::default().passes());
    }
}
