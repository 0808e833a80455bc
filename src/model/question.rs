//! A question's record: what only a person can say. Human gates and blockers are questions, and only a person answers.
//!
//! The same question is asked once: its topic is a digest of what it is about. What happens when nobody answers in time is
//! written in the question itself. Nothing here sends a question to anybody.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::{
    actor::Actor,
    document::{Document, RECORD_VERSION},
    id::{DecisionId, Digest, QuestionId, SessionId, TaskId},
    markdown,
    refusal::Refusal,
    task::HumanGate,
    time::Timestamp,
};

/// The heading over the answer in the body.
pub const ANSWER: &str = "Answer";

/// The answer that lets a gated task begin, and a proposed decision hold.
pub const APPROVE: &str = "approve";

/// The answer that keeps it from that.
pub const REJECT: &str = "reject";

/// Why a question is asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum QuestionKind {
    /// Somebody wants to know.
    #[default]
    Question,
    /// A task waits for an architecture review.
    ArchitectureReview,
    /// A task waits for a business decision.
    BusinessDecision,
    /// Work cannot go on without a person's help.
    Blocker,
    /// A decision that an agent proposed waits for a person.
    Approval,
}

impl QuestionKind {
    /// Whether nothing but a person's own word settles it: a human gate, or a decision that waits for approval. No deadline does.
    #[must_use]
    pub fn needs_own_word(self) -> bool {
        match self {
            Self::ArchitectureReview | Self::BusinessDecision | Self::Approval => true,
            Self::Question | Self::Blocker => false,
        }
    }
}

impl From<HumanGate> for QuestionKind {
    fn from(gate: HumanGate) -> Self {
        match gate {
            HumanGate::ArchitectureReview => Self::ArchitectureReview,
            HumanGate::BusinessDecision => Self::BusinessDecision,
        }
    }
}

/// How soon an answer is needed, soonest first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub enum Urgency {
    /// At once.
    P0,
    /// Today.
    P1,
    /// When there is time.
    #[default]
    P2,
    /// Some day.
    P3,
}

impl Urgency {
    /// The word on disk.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::P0 => "P0",
            Self::P1 => "P1",
            Self::P2 => "P2",
            Self::P3 => "P3",
        }
    }
}

/// Where a question stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Nobody answered yet.
    #[default]
    Open,
    /// A person answered.
    Answered,
    /// Its deadline passed and its default holds.
    Expired,
    /// It does not matter any more.
    Withdrawn,
}

impl Status {
    /// The word on disk.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Answered => "answered",
            Self::Expired => "expired",
            Self::Withdrawn => "withdrawn",
        }
    }
}

/// One possible answer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Choice {
    /// The answer.
    pub name: String,
    /// What follows from it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub consequence: Option<String>,
}

/// What a person said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Answer {
    /// The answer: the name of a choice, or words.
    pub text: String,
    /// Who.
    pub by: String,
    /// When.
    pub at: Timestamp,
    /// The session in whose log it stands; none for the clone's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<SessionId>,
}

/// What an answer rules on. It holds for nothing else, whatever the question's record says later.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Subject {
    /// Why it is asked.
    pub kind: QuestionKind,
    /// The tasks that wait for it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub blocks: Vec<TaskId>,
    /// The decision that it approves or rejects.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decides: Option<DecisionId>,
}

/// What a person is known to have said to a question.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Said {
    /// The answer.
    pub answer: Answer,
    /// What it rules on; none in a log of before this was written down.
    pub about: Option<Subject>,
}

impl Said {
    /// The decision that it approves.
    #[must_use]
    pub fn approves(&self) -> Option<&DecisionId> {
        self.about.as_ref().filter(|_| self.answer.text == APPROVE).and_then(|about| about.decides.as_ref())
    }
}

/// A question as its record says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Question {
    /// The version of the form.
    #[serde(default = "version")]
    pub version: u64,
    /// Its name; that of the file is right.
    #[serde(default = "unnamed")]
    pub id: QuestionId,
    /// The question in one line.
    pub title: String,
    /// Where it stands.
    #[serde(default)]
    pub status: Status,
    /// Why it is asked.
    #[serde(default)]
    pub kind: QuestionKind,
    /// How soon an answer is needed.
    #[serde(default)]
    pub urgency: Urgency,
    /// What it is about, as a digest: an open question with the same one is not asked again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub topic: Option<Digest>,
    /// What one has to know to answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context: Option<String>,
    /// What can be answered; empty for free words.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub options: Vec<Choice>,
    /// What the asker would do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recommendation: Option<String>,
    /// What holds when the deadline passes without an answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<String>,
    /// When the default begins to hold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline: Option<Timestamp>,
    /// The decision that the answer approves or rejects.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decides: Option<DecisionId>,
    /// The tasks that wait for the answer.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub blocks: Vec<TaskId>,
    /// Who asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<Actor>,
    /// The session in which it was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<SessionId>,
    /// When it was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created: Option<Timestamp>,
    /// What a person said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<Answer>,
    /// The answer that an edit of the file claims, and that no person is known to have given.
    #[serde(skip)]
    pub proposed: Option<String>,
}

fn version() -> u64 {
    RECORD_VERSION
}

fn unnamed() -> QuestionId {
    QuestionId::new("unnamed").expect("because it is a plain word")
}

/// What a question is about: its kind, the tasks that wait for it, and its words without case and white space.
#[must_use]
pub fn topic(kind: QuestionKind, title: &str, blocks: &[TaskId]) -> Digest {
    let mut tasks: Vec<&str> = blocks.iter().map(TaskId::as_str).collect();
    tasks.sort_unstable();
    Digest::of(format!("{kind:?}\n{}\n{}", tasks.join(" "), markdown::one_line(title).to_lowercase()))
}

impl Question {
    /// An open question.
    #[must_use]
    pub fn new(id: QuestionId, kind: QuestionKind, title: impl Into<String>, blocks: Vec<TaskId>, created: Timestamp) -> Self {
        let title = title.into();
        Self {
            version: RECORD_VERSION,
            id,
            topic: Some(topic(kind, &title, &blocks)),
            title,
            status: Status::Open,
            kind,
            urgency: Urgency::default(),
            context: None,
            options: Vec::new(),
            recommendation: None,
            default: None,
            deadline: None,
            decides: None,
            blocks,
            by: None,
            session: None,
            created: Some(created),
            answer: None,
            proposed: None,
        }
    }

    /// Reads the record of the question `id`.
    ///
    /// # Errors
    /// Refuses what is no question, with line, column and snippet.
    pub fn read(id: QuestionId, document: &Document) -> Result<Self, Refusal> {
        Ok(Self { id, ..document.front()? })
    }

    /// The file of a new question; the body says the same as the front matter, for people.
    ///
    /// # Errors
    /// Refuses what could not be read again.
    pub fn document(&self, path: &str) -> Result<Document, Refusal> {
        Document::new(path, self, &self.body())
    }

    /// What an answer to it rules on.
    #[must_use]
    pub fn subject(&self) -> Subject {
        Subject { kind: self.kind, blocks: self.blocks.clone(), decides: self.decides.clone() }
    }

    /// Whether its record says that it is settled, so that [`Self::heard`] has to judge it.
    #[must_use]
    pub fn claims(&self) -> bool {
        self.status != Status::Open
    }

    /// The question as it stands, given what a person is known to have said: anybody can write a record, so that one which says
    /// more is open, and what it says is a proposal.
    #[must_use]
    pub fn heard(mut self, said: Option<Said>) -> Self {
        let is_about = |said: &Said| match &said.about {
            Some(about) => *about == self.subject(),
            None => !self.kind.needs_own_word(),
        };
        match (self.status, said.filter(is_about)) {
            (Status::Open, _) => {}
            (Status::Withdrawn, _) if !self.kind.needs_own_word() => {}
            (Status::Answered, Some(said)) => self.answer = Some(said.answer),
            // Whether a default holds follows from the time alone.
            (Status::Answered | Status::Expired | Status::Withdrawn, _) => {
                let claimed = self.answer.take().map(|answer| answer.text);
                self.proposed = Some(claimed.unwrap_or_else(|| self.status.word().to_owned()));
                self.status = Status::Open;
            }
        }
        self
    }

    /// What holds at `now`: an open question whose deadline has passed and that names a default is expired, but for one that needs
    /// a person's own word.
    #[must_use]
    pub fn status_at(&self, now: Timestamp) -> Status {
        match self.status {
            Status::Open if self.expires() && self.deadline.is_some_and(|deadline| deadline <= now) => Status::Expired,
            Status::Open | Status::Answered | Status::Expired | Status::Withdrawn => self.status,
        }
    }

    fn expires(&self) -> bool {
        self.default.is_some() && !self.kind.needs_own_word()
    }

    /// The answer that holds at `now`: a person's, or the default after the deadline.
    #[must_use]
    pub fn answer_at(&self, now: Timestamp) -> Option<&str> {
        match self.status_at(now) {
            Status::Answered => self.answer.as_ref().map(|answer| answer.text.as_str()),
            Status::Expired => self.default.as_deref(),
            Status::Open | Status::Withdrawn => None,
        }
    }

    /// Whether a person answered so.
    #[must_use]
    pub fn answer_is(&self, text: &str) -> bool {
        self.status == Status::Answered && self.answer.as_ref().is_some_and(|answer| answer.text == text)
    }

    /// The answer in the words of the question: a choice may be named by its number from 1, by its name in any case, or by a
    /// unique beginning. A human gate takes nothing but its choices.
    ///
    /// # Errors
    /// Refuses an empty answer, one that fits several choices, and for a human gate any other words.
    pub fn choose(&self, text: &str) -> Result<String, Refusal> {
        let text = text.trim();
        if text.is_empty() {
            return Err(Refusal::usage(format!("the answer to {} is empty", self.id)));
        }
        let numbered = text.parse::<usize>().ok().and_then(|number| self.options.get(number.checked_sub(1)?));
        let lower = text.to_lowercase();
        let exact = self.options.iter().find(|choice| choice.name.to_lowercase() == lower);
        if let Some(choice) = exact.or(numbered) {
            return Ok(choice.name.clone());
        }
        let fitting: Vec<&Choice> = self.options.iter().filter(|choice| choice.name.to_lowercase().starts_with(&lower)).collect();
        let names = || self.options.iter().map(|choice| format!("`{}`", choice.name)).collect::<Vec<_>>().join(", ");
        match (fitting.as_slice(), self.kind) {
            ([one], _) => Ok(one.name.clone()),
            ([_, _, ..], _) => Err(Refusal::usage(format!("`{text}` fits several of {}", names()))),
            ([], QuestionKind::Question | QuestionKind::Blocker) => Ok(text.to_owned()),
            ([], QuestionKind::ArchitectureReview | QuestionKind::BusinessDecision | QuestionKind::Approval) => {
                Err(Refusal::usage(format!("`{text}` is none of {}", names())).hint("give the reason with `--because`"))
            }
        }
    }

    /// The record with a person's answer, as text of the file.
    ///
    /// # Errors
    /// Refuses anybody but a person, and a question that is answered or withdrawn already.
    pub fn answered(&self, document: &Document, by: &Actor, answer: &Answer) -> Result<Document, Refusal> {
        by.must_be_person("answering a question")?;
        self.must_be_open("answered")?;
        document
            .set("status", &Status::Answered)?
            .set("answer", answer)?
            .with_section(ANSWER, &format!("{}\n\n{}, {}", answer.text, answer.by, answer.at.minute()))
    }

    /// The record of a question that does not matter any more.
    ///
    /// # Errors
    /// Refuses a question that is answered or withdrawn already.
    pub fn withdrawn(&self, document: &Document) -> Result<Document, Refusal> {
        self.must_be_open("withdrawn")?;
        document.set("status", &Status::Withdrawn)
    }

    fn must_be_open(&self, wanted: &str) -> Result<(), Refusal> {
        match self.status {
            // A default that took hold may still be overruled by a person.
            Status::Open | Status::Expired => Ok(()),
            Status::Answered | Status::Withdrawn => {
                Err(Refusal::no(format!("the question {} cannot be {wanted}: it is {} already", self.id, self.status.word()))
                    .hint(format!("`autonomy inbox {}`", self.id)))
            }
        }
    }

    fn body(&self) -> String {
        let mut parts = vec![format!("# {}", markdown::one_line(&self.title))];
        if let Some(context) = self.context.as_ref().filter(|context| !context.trim().is_empty()) {
            parts.push(context.trim().to_owned());
        }
        let choices: Vec<String> = self
            .options
            .iter()
            .zip(1..)
            .map(|(choice, number)| {
                let after = choice.consequence.as_ref().map_or(String::new(), |text| format!(": {}", markdown::one_line(text)));
                format!("{number}. **{}**{after}", markdown::one_line(&choice.name))
            })
            .collect();
        if !choices.is_empty() {
            parts.push(choices.join("\n"));
        }
        if let Some(recommendation) = &self.recommendation {
            parts.push(format!("Recommended: {}", recommendation.trim()));
        }
        match (&self.default, self.deadline) {
            (Some(default), Some(deadline)) => {
                parts.push(format!("Without an answer by {} UTC: {}", deadline.minute(), default.trim()));
            }
            (Some(default), None) => parts.push(format!("Proposed default: {}", default.trim())),
            (None, Some(_) | None) => {}
        }
        parts.push(format!("Answer with `autonomy answer {} \"…\"`.", self.id));
        parts.join("\n\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::time::Lapse;

    fn now() -> Timestamp {
        Timestamp::from_millisecond(1_795_197_600_123).expect("in range")
    }

    fn person() -> Actor {
        Actor::Person { name: Some("Ada".into()) }
    }

    fn sample() -> Question {
        let id = QuestionId::new("20261120_180000-drop-windows-a1b2").expect("plain");
        let choice = |name: &str, consequence: &str| Choice { name: name.into(), consequence: Some(consequence.into()) };
        Question {
            urgency: Urgency::P1,
            context: Some("The build fails there since May.".into()),
            options: vec![choice("drop it", "12 users have to stay on 1.4"), choice("mend it", "two days")],
            recommendation: Some("mend it".into()),
            default: Some("mend it".into()),
            deadline: Some(now().after(Lapse::hours(2))),
            ..Question::new(id, QuestionKind::Question, "Drop Windows?", vec![TaskId::new("t1").expect("plain")], now())
        }
    }

    fn answer(text: &str) -> Answer {
        Answer { text: text.into(), by: "Ada".into(), at: now(), session: None }
    }

    #[test]
    fn a_question_reads_well_and_is_answered_in_place() {
        let document = sample().document("a.md").expect("plain");
        assert_eq!(Question::read(sample().id, &document).expect("ours"), sample());
        let answered = sample().answered(&document, &person(), &answer("mend it")).expect("a person");
        insta::assert_snapshot!(answered, @r#"
        ---
        version: 1
        id: 20261120_180000-drop-windows-a1b2
        title: Drop Windows?
        status: answered
        kind: question
        urgency: P1
        topic: 266c33e1005ec2ba7ddd24b5c481ac45bbd89a237e1adcfc36489d34880d9e88
        context: The build fails there since May.
        options:
          - name: drop it
            consequence: 12 users have to stay on 1.4
          - name: mend it
            consequence: two days
        recommendation: mend it
        default: mend it
        deadline: "2026-11-20T20:00:00.123Z"
        blocks:
          - t1
        created: "2026-11-20T18:00:00.123Z"
        answer:
          text: mend it
          by: Ada
          at: "2026-11-20T18:00:00.123Z"
        ---

        # Drop Windows?

        The build fails there since May.

        1. **drop it**: 12 users have to stay on 1.4
        2. **mend it**: two days

        Recommended: mend it

        Without an answer by 2026-11-20 20:00 UTC: mend it

        Answer with `autonomy answer 20261120_180000-drop-windows-a1b2 "…"`.

        ## Answer

        mend it

        Ada, 2026-11-20 18:00
        "#);
        let read = Question::read(sample().id, &answered).expect("ours");
        assert_eq!((read.status, read.answer_at(now())), (Status::Answered, Some("mend it")));
        assert!(read.answered(&answered, &person(), &answer("no")).expect_err("once").message.contains("answered already"));
    }

    #[test]
    fn only_a_person_answers() {
        let document = sample().document("a.md").expect("plain");
        for actor in [Actor::Autonomy, Actor::Agent { name: "claude".into(), role: None, model: None }] {
            let refusal = sample().answered(&document, &actor, &answer("x")).expect_err("not a person");
            assert_eq!(refusal.code.exit(), 3);
        }
    }

    #[test]
    fn the_default_holds_after_the_deadline_and_not_before() {
        let question = sample();
        assert_eq!(question.answer_at(now()), None);
        let later = now().after(Lapse::hours(2));
        assert_eq!((question.status_at(later), question.answer_at(later)), (Status::Expired, Some("mend it")));
        assert_eq!(Question { default: None, ..sample() }.status_at(later), Status::Open);
        assert_eq!(Question { status: Status::Withdrawn, ..sample() }.answer_at(later), None);
    }

    /// Whatever a record says, a gate has the answer that a person is known to have given to exactly that, or none.
    #[test]
    fn a_record_alone_approves_nothing() {
        let task = |name: &str| vec![TaskId::new(name).expect("plain")];
        let about = |kind, blocks| Some(Subject { kind, blocks, decides: None });
        let said = |about| Some(Said { answer: answer("reject"), about });
        let gates = [QuestionKind::ArchitectureReview, QuestionKind::BusinessDecision, QuestionKind::Approval];
        for kind in gates.into_iter().chain([QuestionKind::Question, QuestionKind::Blocker]) {
            for status in [Status::Open, Status::Answered, Status::Expired, Status::Withdrawn] {
                let record = Question { kind, status, answer: Some(answer("drop it")), ..sample() };
                let known = [
                    (None, false),
                    (said(None), !kind.needs_own_word()),
                    (said(about(kind, task("other"))), false),
                    (said(about(QuestionKind::Blocker, task("t1"))), kind == QuestionKind::Blocker),
                    (said(about(kind, task("t1"))), true),
                ];
                for (said, holds) in known {
                    let heard = record.clone().heard(said);
                    let expected = if holds && status == Status::Answered { Some("reject") } else { None };
                    assert_eq!(heard.answer_at(now()), expected, "{kind:?} {status:?}");
                    let later = heard.answer_at(now().after(Lapse::hours(3)));
                    assert!(later == expected || later == Some("mend it") && !kind.needs_own_word(), "{kind:?} {status:?}");
                    assert_eq!(heard.proposed.is_some(), heard.status != status, "{kind:?} {status:?}");
                }
            }
        }
    }

    #[test]
    fn choices_are_named_by_number_or_beginning_and_gates_take_nothing_else() {
        let question = sample();
        assert_eq!(question.choose("2"), Ok("mend it".into()));
        assert_eq!(question.choose("DROP"), Ok("drop it".into()));
        assert_eq!(question.choose("ask again in May"), Ok("ask again in May".into()));
        assert!(question.choose(" ").is_err());
        let gate = Question { kind: QuestionKind::BusinessDecision, ..sample() };
        assert!(gate.choose("perhaps").expect_err("not offered").message.contains("none of `drop it`, `mend it`"));
    }

    #[test]
    fn the_same_question_has_the_same_topic() {
        let task = |name: &str| TaskId::new(name).expect("plain");
        let topic = |title: &str, tasks: &[TaskId]| topic(QuestionKind::Question, title, tasks);
        assert_eq!(topic("Drop  windows?", &[task("a"), task("b")]), topic("drop Windows?", &[task("b"), task("a")]));
        assert_ne!(topic("Drop Windows?", &[task("a")]), topic("Drop Windows?", &[]));
    }
}
