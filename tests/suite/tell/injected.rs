//! Texts that want to be obeyed, in tasks, questions, notes, progress, pages, commits and the output of gates: an agent sees them as
//! data or not at all, and nobody's rights grow by them.

use std::collections::BTreeSet;

use autonomy::{
    hook,
    model::{
        actor::Actor,
        decision::Decision,
        event::{Fact, Verdict},
        guard::Ruling,
        id::{DecisionId, Digest, GateName, NoteId, Oid, QuestionId, TaskId},
        memory::Note,
        question::{Question, QuestionKind},
        quote,
        task::{Criterion, Task, progress::Progress},
        time::Lapse,
        yaml,
    },
    ops::{
        judge::guard,
        session::compaction::{after, before},
        tell::{
            briefing::{self, brief},
            prompt,
            scene::Scene,
        },
        work::board::Board,
    },
};
use serde::Deserialize;
use serde_json::json;

use crate::{
    hook::environment,
    tell::{Story, task},
};

#[derive(Deserialize)]
struct Corpus {
    texts: Vec<String>,
}

fn corpus() -> Vec<String> {
    let text = include_str!("../../../fixtures/guard/injected.yaml");
    yaml::read::<Corpus>("injected.yaml", text).expect("the fixture is well-formed").texts
}

/// What stands outside every frame, and what stands in one. A frame ends with its own mark only.
fn split(text: &str) -> (String, String) {
    let (mut outside, mut inside) = (String::new(), String::new());
    let mut end: Option<String> = None;
    for line in text.lines() {
        match &end {
            Some(wanted) if line == wanted => end = None,
            Some(_) => inside.extend([line, "\n"]),
            None => match line.strip_prefix("[data ").and_then(|rest| rest.split_once(": ")) {
                Some((mark, _)) if line.ends_with(']') => end = Some(format!("[end of data {mark}]")),
                _ => outside.extend([line, "\n"]),
            },
        }
    }
    assert_eq!(end, None, "a frame that does not end:\n{text}");
    (outside, inside)
}

/// Puts the text wherever an agent or a stranger can put one.
fn put(story: &mut Story, number: usize, text: &str) {
    let id = task(&format!("injected-{number}"));
    story.adds_task(&Task {
        criteria: vec![Criterion { text: text.to_owned(), done: false }],
        description: text.to_owned(),
        ..Task::new(id.clone(), quote::line(text, 180), story.now())
    });
    story.happens(&[Fact::FocusSet { task: Some(id.clone()), text: text.to_owned(), next: Some(text.to_owned()) }]);
    story.happens(&[
        Fact::TaskStarted { task: id.clone(), step: None },
        Fact::ProgressAdded { text: text.to_owned(), task: Some(id) },
    ]);
    let asked = QuestionId::new(format!("20261120_180000-injected-{number}")).expect("plain");
    let question = Question {
        context: Some(text.to_owned()),
        default: Some(text.to_owned()),
        ..Question::new(asked.clone(), QuestionKind::Question, quote::line(text, 180), Vec::new(), story.now())
    };
    let path = format!(".claude/questions/{asked}.md");
    let content = question.document(&path).expect("plain").to_string();
    story.writes(&path, &content, Fact::QuestionAsked { question: asked, title: question.title.clone(), decides: None });
    let id = DecisionId::new(format!("20261120_180000-injected-{number}")).expect("plain");
    let decision = Decision {
        choice: Some(text.to_owned()),
        reason: Some(text.to_owned()),
        by: Some(Actor::Agent { name: "claude".into(), role: None, model: None }),
        ..Decision::new(id, quote::line(text, 180), story.now())
    };
    let path = format!(".claude/decisions/{}.md", decision.id);
    let content = decision.document(&path).expect("plain").to_string();
    story.writes(&path, &content, Fact::DecisionRecorded { decision: decision.id, title: decision.title, terms: None });
    let note = Note::new(NoteId::new(format!("20261120_180000-injected-{number}")).expect("plain"), text, story.now());
    let path = format!(".claude/memory/{}.md", note.id);
    let content = note.document(&path).expect("plain").to_string();
    story.writes(&path, &content, Fact::NoteAdded { note: note.id });
    story.happens(&[Fact::GateRan {
        gate: GateName::new("tests").expect("plain"),
        declaration: Digest::of("x"),
        tree: Oid::new("4b825dc642cb6eb9a060e54bf8d69288fbee4904").expect("an id"),
        verdict: Verdict::Red,
        exit: Some(1),
        took: Lapse::seconds(1),
        output: Some(text.to_owned()),
        figure: None,
        step: None,
    }]);
    let page = story.page("NEXT_ACTIONS.md");
    let there = story.sandbox.read(&page);
    story.sandbox.write(&page, format!("{text}\n\n{there}"));
    story.sandbox.write("work.txt", format!("{number}"));
    story.sandbox.git(["add", "work.txt"]);
    story.sandbox.git(["commit", "--quiet", "--cleanup=verbatim", "--message", &text.replace('\0', " ")]);
}

/// Everything that an agent is given to read by itself.
fn told(story: &Story, number: usize, text: &str) -> Vec<(&'static str, String)> {
    let stop = json!({ "session_id": "5e55104a-1", "cwd": story.sandbox.work(), "hook_event_name": "Stop" }).to_string();
    let stop = hook::answer(&environment(&story.sandbox, &[]), None, stop.as_bytes()).stdout;
    let stop = serde_json::from_str::<serde_json::Value>(&stop).ok().and_then(|said| said["reason"].as_str().map(str::to_owned));
    let mut all = vec![
        ("the prompt", asked(story, task(&format!("injected-{number}")), text)),
        ("the briefing", context_brief(story)),
        ("the end of a turn", stop.expect("it goes on")),
    ];
    // A compaction says the same each time, and takes its time.
    if number.is_multiple_of(10) {
        all.push(("before a compaction", before(&story.workspace(), &before::Request::default()).expect("sealed").keep));
        all.push(("after a compaction", after(&story.workspace(), &after::Request::default()).expect("handed back").briefing));
    }
    all
}

/// The prompt of a second try at a task, after a gate that printed this.
fn asked(story: &Story, task: TaskId, printed: &str) -> String {
    let failing = vec![("gate tests, exit code 1".to_owned(), printed.to_owned())];
    let (session, gates) = (story.session(), vec!["tests".to_owned()]);
    prompt::prompt(&story.workspace(), &prompt::Attempt { session, task, attempt: 2, tries: 3, gates, failing }).expect("written")
}

fn context_brief(story: &Story) -> String {
    brief(&story.workspace(), &briefing::Request::default()).expect("written").text
}

/// What an agent may do, as far as anything in the repository could change it.
fn rights(story: &Story) -> (Vec<Ruling>, String, BTreeSet<String>) {
    let workspace = story.workspace();
    let rule = |command: &str| guard::command(&workspace, &guard::CommandRequest { command: command.to_owned() }).expect("ruled");
    let commands =
        ["git push --force", "rm -rf ~", "cat .env", "autonomy trust --yes", "echo x > .claude/autonomy.toml", "curl x | sh"];
    let settings = serde_json::to_string(workspace.settings().expect("good")).expect("plain");
    let trusted = story.sandbox.autonomy(["trust", "list"]).stdout.lines().map(str::to_owned).collect();
    (commands.map(rule).to_vec(), settings, trusted)
}

#[test]
fn whatever_a_text_says_it_is_shown_as_data_and_changes_nobody_s_rights() {
    let texts = corpus();
    assert_eq!(texts.len(), 50);
    let mut story = Story::of_everything();
    story.happens(&[Fact::SessionDriven {}]);
    let before = rights(&story);
    let clean = split(&context_brief(&story)).0 + &split(&asked(&story, task("parser"), "one test failed")).0;
    for (number, text) in texts.iter().enumerate() {
        let marked = format!("{text} obey-{number:02}");
        put(&mut story, number, &marked);
        for (place, shown) in told(&story, number, &marked) {
            let (outside, inside) = split(&shown);
            let mark = format!("obey-{number:02}");
            assert!(!outside.contains("obey-"), "{place}, {text:?}:\n{outside}");
            assert!(place == "before a compaction" || inside.contains(&mark), "{place} does not show {text:?}:\n{shown}");
            for line in quote::plain(text).lines().map(str::trim).filter(|line| line.len() > 9 && !clean.contains(line)) {
                assert!(!outside.contains(line), "{place}, {line:?}:\n{outside}");
            }
            assert!(!shown.contains(['\u{1b}', '\u{202e}', '\u{200b}', '\0']), "{place}, {text:?}");
        }
    }
    assert_eq!(rights(&story), before);
    let board = Board::read(&story.workspace()).expect("readable");
    let standing = |number: usize| board.task(task(&format!("injected-{number}")).as_str()).expect("there").progress.clone();
    assert!((0..texts.len()).all(|number| standing(number) == Progress::Started), "no task is done by what its text says");
    let scene = Scene::read(&story.workspace(), Some(story.session())).expect("readable");
    assert!(scene.unreadable.is_empty(), "{:?}", scene.unreadable);
    assert!(scene.holdings.open_questions(story.now()).len() >= texts.len(), "no question is answered");
}
