//! What a briefing still says of a session that holds ten times what fits: questions drawn from events, exact answers.

use std::collections::BTreeMap;

use autonomy::{
    model::{
        actor::Actor,
        briefing::{Detail, Material, USUAL},
        checkpoint::CheckpointKind,
        decision::{self, Decision},
        drill::{self, ENOUGH, Probe, Recall, Subject},
        event::{Event, FORMAT, Fact, Verdict},
        holdings::{HeldTask, Holdings, current_task},
        id::{CheckpointName, DecisionId, Digest, GateName, NoteId, Oid, QuestionId, SessionId, TaskId, slug},
        memory::{Note, NoteKind},
        question::{self, Answer, Question, QuestionKind, Urgency},
        quote::length,
        state::State,
        task::{Criterion, Priority, Task, TaskKind},
        time::{Lapse, Timestamp},
    },
    ops::tell::briefing,
};

use super::{START, Story};

/// How many sessions are made up.
const SESSIONS: u64 = 200;

const WORDS: &[&str] = &[
    "parser", "lexer", "token", "cache", "index", "schema", "retry", "limit", "queue", "report", "export", "import", "reader",
    "writer", "signal", "thread", "socket", "header", "footer", "column", "record", "branch", "commit", "filter", "module",
    "driver", "border", "buffer", "folder", "ticket", "window", "market", "server", "client", "bridge", "garden", "copper",
];

/// Numbers that are the same every time.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }

    fn words(&mut self, least: u64, most: u64) -> String {
        let count = least + self.below(most - least + 1);
        let mut words: Vec<String> =
            (0..count).map(|_| WORDS[usize::try_from(self.below(WORDS.len() as u64)).unwrap()].to_owned()).collect();
        // No two texts are the same by chance.
        words.push(format!("n{}", self.below(1_000_000)));
        words.join(" ")
    }
}

/// A session that was made up, with all that holds at its end.
struct MadeUp {
    events: Vec<Event>,
    state: State,
    holdings: Holdings,
    theirs: Vec<(String, String)>,
    now: Timestamp,
    dice: Dice,
    minute: i64,
    ids: u64,
}

impl MadeUp {
    /// One of 1 to 8 hours; every second one holds ten times what fits.
    fn of(seed: u64) -> Self {
        let dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) + 1);
        let mut made = Self {
            events: Vec::new(),
            state: State::empty("made-up"),
            holdings: Holdings::default(),
            theirs: Vec::new(),
            now: Timestamp::from_millisecond(START).unwrap(),
            dice,
            minute: 0,
            ids: 0,
        };
        let hours = 1 + made.dice.below(8);
        let much = if seed % 2 == 1 { 12 } else { 1 };
        made.begin();
        made.fill(much);
        let end = START + i64::try_from(hours).unwrap() * 3_600_000;
        made.now = Timestamp::from_millisecond(end.max(made.now.as_millisecond() + 60_000)).unwrap();
        made.holdings.wait_for_answers(made.now);
        made
    }

    fn happens(&mut self, fact: Fact) {
        self.minute += 1;
        self.now = Timestamp::from_millisecond(START + self.minute * 20_000).unwrap();
        let actor = Actor::Agent { name: "claude".into(), role: None, model: None };
        let (seq, prev) = (self.state.seq + 1, self.state.tail.clone());
        let event = Event { seq, at: self.now, actor, fact, prev, end: true };
        self.state.apply(&event, Digest::of(seq.to_string())).unwrap();
        self.events.push(event);
    }

    fn name(&mut self, title: &str) -> String {
        self.ids += 1;
        format!("{}-{}-{:04x}", self.now.stamp(), slug(title), self.ids)
    }

    fn begin(&mut self) {
        let constraints = (0..3 + self.dice.below(4)).map(|_| self.dice.words(4, 10)).collect();
        let fact = Fact::SessionStarted {
            format: FORMAT,
            session: SessionId::new("20261120_180000-made-up").unwrap(),
            title: Some(self.dice.words(2, 3)),
            goal: Some(format!("{}\n{}", self.dice.words(6, 14), self.dice.words(6, 14))),
            constraints,
            max: Lapse::hours(8),
            branch: Some("main".into()),
            head: None,
            person: Some("Ada".into()),
            continues: None,
            parent: None,
        };
        self.happens(fact);
    }

    fn fill(&mut self, much: u64) {
        let current = self.task(Priority::High);
        let (text, next) = (self.dice.words(3, 6), Some(self.dice.words(4, 8)));
        self.happens(Fact::FocusSet { task: Some(current.clone()), text, next });
        self.happens(Fact::TaskStarted { task: current.clone(), step: None });
        for _ in 0..much {
            for _ in 0..2 + self.dice.below(8) {
                self.task(Priority::Medium);
            }
            for _ in 0..=self.dice.below(3) {
                let task = self.task(Priority::Low);
                let why = self.dice.words(3, 6);
                self.happens(Fact::TaskFailed { task, why });
            }
            for _ in 0..3 + self.dice.below(5) {
                self.decision(&current);
            }
            for _ in 0..5 + self.dice.below(20) {
                self.question(true);
            }
            for _ in 0..=self.dice.below(3) {
                self.question(false);
            }
            for _ in 0..4 + self.dice.below(8) {
                self.note(NoteKind::Note);
            }
            self.note(NoteKind::Preference);
            for _ in 0..20 + self.dice.below(30) {
                let (text, task) = (self.dice.words(6, 14), Some(current.clone()));
                self.happens(Fact::ProgressAdded { text, task });
            }
            self.checkpoint();
            let verdict = if self.dice.below(2) == 0 { Verdict::Red } else { Verdict::Green };
            self.gate("tests", verdict);
            self.gate("lints", Verdict::Green);
            let lines: Vec<String> = (0..=much).map(|_| self.dice.words(5, 12)).collect();
            self.theirs = vec![("NEXT_ACTIONS.md".to_owned(), lines.join("\n"))];
        }
        let why = self.dice.words(3, 6);
        self.happens(Fact::TaskFailed { task: current, why });
        for held in &mut self.holdings.tasks {
            *held = HeldTask::new(held.task.clone(), self.state.tasks.get(&held.task.id).cloned());
        }
    }

    fn task(&mut self, priority: Priority) -> TaskId {
        let title = self.dice.words(3, 6);
        let id = TaskId::new(self.name(&title)).unwrap();
        let criteria = (0..3).map(|_| Criterion { text: self.dice.words(4, 8), done: false }).collect();
        let description = self.dice.words(40, 100);
        let kind = TaskKind::Task;
        let task = Task { priority, criteria, description, kind, ..Task::new(id.clone(), title.clone(), self.now) };
        self.holdings.tasks.push(HeldTask::new(task, None));
        self.happens(Fact::TaskAdded { task: id.clone(), title, gates: vec![] });
        id
    }

    fn decision(&mut self, task: &TaskId) {
        let title = self.dice.words(3, 6);
        let id = DecisionId::new(self.name(&title)).unwrap();
        let (choice, reason) = (Some(self.dice.words(2, 4)), Some(self.dice.words(8, 14)));
        let session = self.state.session.as_ref().map(|session| session.id.clone());
        let task = (self.dice.below(3) == 0).then(|| task.clone());
        let status = decision::Status::Accepted;
        let decision = Decision { status, choice, reason, session, task, ..Decision::new(id.clone(), title.clone(), self.now) };
        self.holdings.decisions.push(decision);
        self.happens(Fact::DecisionRecorded { decision: id, title, terms: None });
    }

    fn question(&mut self, open: bool) {
        let title = self.dice.words(3, 6);
        let id = QuestionId::new(self.name(&title)).unwrap();
        let urgency = [Urgency::P0, Urgency::P1, Urgency::P2, Urgency::P3][usize::try_from(self.dice.below(4)).unwrap()];
        let (context, default) = (Some(self.dice.words(10, 20)), Some(self.dice.words(2, 5)));
        let mut question = Question {
            urgency,
            context,
            default,
            ..Question::new(id.clone(), QuestionKind::Question, title.clone(), Vec::new(), self.now)
        };
        self.happens(Fact::QuestionAsked { question: id.clone(), title, decides: None });
        if !open {
            let text = self.dice.words(2, 6);
            question.status = question::Status::Answered;
            question.answer = Some(Answer { text: text.clone(), by: "Ada".into(), at: self.now, session: None });
            self.happens(Fact::QuestionAnswered { question: id, answer: text, about: None });
        }
        self.holdings.questions.push(question);
    }

    fn note(&mut self, kind: NoteKind) {
        let text = self.dice.words(6, 14);
        let id = NoteId::new(self.name(&text)).unwrap();
        self.holdings.notes.push(Note { kind, ..Note::new(id.clone(), text, self.now) });
        self.happens(Fact::NoteAdded { note: id });
    }

    fn checkpoint(&mut self) {
        let id = Oid::new("4b825dc642cb6eb9a060e54bf8d69288fbee4904").unwrap();
        let name = format!("checkpoint-{}-{}", self.now.stamp(), self.dice.below(1000));
        self.happens(Fact::CheckpointMade {
            reference: format!("refs/tags/{name}"),
            name: Some(CheckpointName::new(name).unwrap()),
            object: id.clone(),
            commit: id.clone(),
            tree: id.clone(),
            evidence: id,
            reason: CheckpointKind::Tick,
            summary: None,
            task: None,
        });
    }

    fn gate(&mut self, gate: &str, verdict: Verdict) {
        self.happens(Fact::GateRan {
            gate: GateName::new(gate).unwrap(),
            declaration: Digest::of(gate),
            tree: Oid::new("4b825dc642cb6eb9a060e54bf8d69288fbee4904").unwrap(),
            verdict,
            exit: Some(0),
            took: Lapse::seconds(1),
            output: None,
            figure: None,
            step: None,
        });
    }

    fn probes(&self) -> Vec<Probe> {
        drill::draw(&drill::Material {
            events: &self.events,
            state: &self.state,
            holdings: &self.holdings,
            theirs: &self.theirs,
            branch: Some("work/made-up"),
            now: self.now,
        })
    }

    fn briefing(&self, story: &Story) -> String {
        let material = Material {
            state: Some(&self.state),
            task: current_task(&self.state),
            holdings: &self.holdings,
            theirs: &self.theirs,
            branch: Some("work/made-up"),
            now: self.now,
            detail: Detail::Here,
        };
        let (text, chosen) = briefing::compose(&story.workspace(), &material, USUAL).unwrap();
        for left in &chosen.left_out {
            assert!(text.contains(&format!("- {} {}: `{}`", left.count, left.what, left.command)), "{text}");
        }
        text
    }

    /// How long everything is that could be told.
    fn size(&self) -> usize {
        let held = &self.holdings;
        let words = |text: &Option<String>| text.as_deref().map_or(0, length);
        let tasks: usize = held.tasks.iter().map(|it| length(&it.task.title) + length(&it.task.description)).sum();
        let decisions: usize = held.decisions.iter().map(|it| length(&it.title) + words(&it.choice) + words(&it.reason)).sum();
        let questions: usize = held.questions.iter().map(|it| length(&it.title) + words(&it.context)).sum();
        let notes: usize = held.notes.iter().map(|it| length(&it.text)).sum();
        let progress: usize = self
            .events
            .iter()
            .map(|event| if let Fact::ProgressAdded { text, .. } = &event.fact { length(text) } else { 0 })
            .sum();
        tasks + decisions + questions + notes + progress
    }
}

/// What the drill says of many briefings together: on average, of each kind, and of what is needed.
fn verdict(all: &[Recall]) -> Result<u32, String> {
    let count = u32::try_from(all.len()).unwrap();
    let mean = all.iter().map(Recall::percent).sum::<u32>() / count;
    let mut kinds: BTreeMap<Subject, (u32, u32)> = BTreeMap::new();
    for (subject, (found, asked)) in all.iter().flat_map(|recall| &recall.subjects) {
        let sum = kinds.entry(*subject).or_default();
        *sum = (sum.0 + found, sum.1 + asked);
    }
    let poor: Vec<_> = kinds.iter().filter(|(_, (found, asked))| found * 2 < *asked).collect();
    let missing = all.iter().flat_map(|recall| &recall.missed).find(|probe| probe.subject.is_needed());
    match (mean >= ENOUGH, missing, poor.is_empty()) {
        (true, None, true) => Ok(mean),
        _ => Err(format!("{mean} %, {missing:?} is missing, less than half of {poor:?}; {kinds:?}")),
    }
}

/// A briefing without the section under one heading.
fn without(text: &str, heading: &str) -> String {
    let Some((before, rest)) = text.split_once(&format!("## {heading}\n")) else { return text.to_owned() };
    let after = rest.find("\n## ").map_or("", |at| &rest[at + 1..]);
    format!("{before}{after}")
}

#[test]
fn a_briefing_answers_what_an_agent_needs_and_every_section_is_needed_for_it() {
    let story = Story::begin();
    let mut told: Vec<(Vec<Probe>, String)> = Vec::new();
    for seed in 0..SESSIONS {
        let made = MadeUp::of(seed);
        assert!(seed % 2 == 0 || made.size() > 10 * USUAL, "session {seed} has only {}", made.size());
        let text = made.briefing(&story);
        assert!(length(&text) <= USUAL, "session {seed}: {}", length(&text));
        told.push((made.probes(), text));
    }
    let whole: Vec<Recall> = told.iter().map(|(probes, text)| Recall::of(text, probes)).collect();
    let mean = verdict(&whole).unwrap_or_else(|why| panic!("{why}"));
    assert!(mean >= 95, "{mean}");
    let mut headings: Vec<&str> =
        told.iter().flat_map(|(_, text)| text.lines()).filter_map(|line| line.strip_prefix("## ")).collect();
    headings.sort_unstable();
    headings.dedup();
    headings.retain(|heading| *heading != "Left out");
    assert!(headings.len() >= 12, "{headings:?}");
    for heading in headings {
        let cut: Vec<Recall> = told.iter().map(|(probes, text)| Recall::of(&without(text, heading), probes)).collect();
        assert!(verdict(&cut).is_err(), "nobody misses the section `{heading}`");
    }
}

#[test]
fn a_session_is_drilled_on_the_command_line() {
    let story = Story::of_everything();
    let said = story.sandbox.autonomy(["compact", "drill", "--json"]).ok().json();
    assert_eq!((said["percent"].as_u64(), said["passed"].as_bool()), (Some(100), Some(true)), "{said:#}");
    assert!(said["subjects"].as_array().is_some_and(|all| all.len() >= 8), "{said:#}");
    let sandbox = crate::sandbox::Sandbox::new();
    let long = "must ".repeat(120);
    sandbox.autonomy(["session", "start", "--goal", "parse", "--constraint", &long]).ok();
    let poor = sandbox.autonomy(["compact", "drill"]).ended(1);
    assert!(poor.stdout.contains("missing: what must hold? must must"), "{poor}");
}
