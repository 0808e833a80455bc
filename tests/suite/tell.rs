//! What people and agents are told: pages, briefing, status and report of a scripted session.

use autonomy::{
    host::{
        clock::Clock,
        environment::Environment,
        store::{layout, record},
        transaction::Transaction,
        workspace::Workspace,
    },
    model::{
        actor::Actor,
        decision::{Decision, DecisionOption, Status},
        event::{FORMAT, Fact},
        id::{DecisionId, Oid, QuestionId, SessionId, TaskId},
        memory::Note,
        question::{Question, QuestionKind},
        task::{Criterion, Priority, Task},
        time::{Lapse, Timestamp},
    },
};

use crate::sandbox::Sandbox;

mod briefing;
mod drill;
mod injected;
mod pages;
mod project;
mod report;
mod status;

/// 2026-11-20T18:00:00Z in milliseconds since 1970.
const START: i64 = 1_795_197_600_000;

/// A session whose events and records are written by the test, one minute apart.
pub(crate) struct Story {
    pub(crate) sandbox: Sandbox,
    minute: i64,
}

impl Story {
    /// A session with a goal in a repository with one commit.
    pub(crate) fn begin() -> Self {
        let mut story = Self { sandbox: Sandbox::new(), minute: 0 };
        let id = SessionId::new("20261120_180000-night-shift").expect("plain");
        let head = Oid::new(story.sandbox.git(["rev-parse", "HEAD"])).expect("a commit");
        let fact = Fact::SessionStarted {
            format: FORMAT,
            session: id.clone(),
            title: Some("night shift".into()),
            goal: Some("The parser takes every input.".into()),
            constraints: vec!["No new dependencies.".into()],
            max: Lapse::hours(8),
            branch: Some("main".into()),
            head: Some(head),
            person: Some("Ada".into()),
            continues: None,
            parent: None,
        };
        let workspace = story.workspace();
        Transaction::begin(&workspace, &id, &[fact]).expect("a session starts");
        story.minute += 1;
        story
    }

    /// The same work tree as a command sees it that is typed now.
    pub(crate) fn workspace(&self) -> Workspace {
        let home = self.sandbox.base().join("home");
        let home = home.to_str().expect("plain");
        let environment = Environment::given(self.sandbox.work(), &[("HOME", home)]);
        Workspace::find(environment, Clock::fixed(self.now(), 7)).expect("a work tree")
    }

    pub(crate) fn now(&self) -> Timestamp {
        Timestamp::from_millisecond(START + self.minute * 60_000).expect("in range")
    }

    pub(crate) fn wait(&mut self, minutes: i64) {
        self.minute += minutes;
    }

    /// One command that appends `facts` and gives what it said on stderr.
    pub(crate) fn happens(&mut self, facts: &[Fact]) -> Vec<String> {
        let workspace = self.workspace();
        let mut transaction = Transaction::open(&workspace).expect("the log opens");
        transaction.append_facts(facts).expect("appended");
        self.minute += 1;
        workspace.take_notices()
    }

    /// One command that writes a record and appends `fact` about it.
    pub(crate) fn writes(&mut self, path: &str, content: &str, fact: Fact) -> Vec<String> {
        let workspace = self.workspace();
        let mut transaction = Transaction::open(&workspace).expect("the log opens");
        let written = record::written(&transaction, path, content).expect("kept");
        transaction.append_facts(&[written, fact]).expect("appended");
        self.minute += 1;
        workspace.take_notices()
    }

    pub(crate) fn adds_task(&mut self, task: &Task) -> Vec<String> {
        let path = format!(".claude/tasks/{}.md", task.id);
        let content = task.document(&path).expect("plain").to_string();
        self.writes(&path, &content, Fact::TaskAdded { task: task.id.clone(), title: task.title.clone(), gates: vec![] })
    }

    pub(crate) fn session(&self) -> SessionId {
        self.workspace().belongs_to().expect("clear").expect("live")
    }

    /// The path of a page from the top of the work tree.
    pub(crate) fn page(&self, file: &str) -> String {
        format!("{}/{file}", layout::session_folder(&self.session()))
    }

    pub(crate) fn read(&self, file: &str) -> String {
        self.sandbox.read(self.page(file))
    }

    /// A session in which something of every kind happened.
    pub(crate) fn of_everything() -> Self {
        let mut story = Self::begin();
        let (lexer, parser, printer) = (task("lexer"), task("parser"), task("printer"));
        story.adds_task(&Task {
            priority: Priority::High,
            estimate: Some(Lapse::minutes(30)),
            criteria: vec![
                Criterion { text: "no panic on any input".into(), done: true },
                Criterion { text: "errors name line and column".into(), done: false },
            ],
            description: "It stops at the first `]`.".into(),
            ..Task::new(parser.clone(), "Fix the parser", story.now())
        });
        story.adds_task(&Task::new(lexer.clone(), "Write the lexer", story.now()));
        story.adds_task(&Task { after: vec![parser.clone()], ..Task::new(printer, "Print it again", story.now()) });
        story.happens(&[Fact::FocusSet {
            task: Some(parser.clone()),
            text: "The parser".into(),
            next: Some("write the failing test".into()),
        }]);
        story.happens(&[Fact::TaskStarted { task: parser.clone(), step: None }]);
        story
            .happens(&[Fact::ProgressAdded { text: "The failing test is there.\nIt fails.".into(), task: Some(parser.clone()) }]);
        let decision = Decision {
            status: Status::Accepted,
            options: vec![DecisionOption { name: "one parser".into(), ..DecisionOption::default() }],
            choice: Some("one parser".into()),
            reason: Some("Two would drift apart.".into()),
            by: Some(Actor::Agent { name: "claude".into(), role: None, model: None }),
            session: Some(story.session()),
            ..Decision::new(DecisionId::new("20261120_180000-one-parser-a1b2").expect("plain"), "Use one parser", story.now())
        };
        let path = format!(".claude/decisions/{}.md", decision.id);
        let content = decision.document(&path).expect("plain").to_string();
        story.writes(
            &path,
            &content,
            Fact::DecisionRecorded { decision: decision.id.clone(), title: decision.title.clone(), terms: None },
        );
        let id = QuestionId::new("20261120_180000-which-licence-q1w2").expect("plain");
        let question = Question {
            context: Some("The lexer could be taken from a crate.".into()),
            default: Some("write our own".into()),
            recommendation: Some("write our own".into()),
            ..Question::new(
                id.clone(),
                QuestionKind::Question,
                "May we take code under the MPL?",
                vec![lexer.clone()],
                story.now(),
            )
        };
        let path = format!(".claude/questions/{id}.md");
        let content = question.document(&path).expect("plain").to_string();
        story.writes(&path, &content, Fact::QuestionAsked { question: id.clone(), title: question.title.clone(), decides: None });
        story.happens(&[Fact::TaskWaiting { task: lexer, question: id }]);
        let note = Note::new(
            autonomy::model::id::NoteId::new("20261120_180000-n1").expect("plain"),
            "The fuzz corpus lies in tests/corpus.",
            story.now(),
        );
        let path = format!(".claude/memory/{}.md", note.id);
        let content = note.document(&path).expect("plain").to_string();
        story.writes(&path, &content, Fact::NoteAdded { note: note.id });
        story
    }
}

/// The name of a task.
pub(crate) fn task(name: &str) -> TaskId {
    TaskId::new(format!("20261120_180000-{name}-{}x9", &name[..2])).expect("plain")
}
