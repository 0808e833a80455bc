//! Compaction as an agent and its client meet it: nothing that was known is lost, whatever happened in between.

use std::{collections::BTreeMap, fs};

use autonomy::{
    host::{store::layout, transaction::Transaction},
    model::{
        actor::Actor,
        compaction::{KEYS, ROSTER},
        event::{Fact, Verdict},
        id::{Digest, GateName, NoteId, Oid, QuestionId},
        memory::{Note, NoteKind},
        question::{Question, QuestionKind},
        task::{Status, Task, TaskKind},
        time::Lapse,
    },
    ops::session::compaction::{after, before, show},
};
use proptest::prelude::*;

use crate::{
    sandbox::Sandbox,
    tell::{Story, task},
};

/// Seals, and gives the number and the value of every key.
fn seal(story: &Story) -> (u32, BTreeMap<String, String>) {
    let outcome = before(&story.workspace(), &before::Request::default()).expect("sealed");
    let number = outcome.compaction.expect("in a session");
    (number, values(story, Some(number)))
}

/// The value of every key as a compaction says it.
fn values(story: &Story, number: Option<u32>) -> BTreeMap<String, String> {
    let ask =
        |key: Option<String>| show(&story.workspace(), &show::Request { session: None, number, key }).expect("sealed before");
    let keys: Vec<String> = ask(None).manifest.keys.into_iter().map(|entry| entry.key).collect();
    keys.into_iter().map(|key| (key.clone(), ask(Some(key)).text.expect("asked for"))).collect()
}

fn restore(story: &Story) -> after::Outcome {
    after(&story.workspace(), &after::Request::default()).expect("handed back")
}

/// What can happen in a session.
#[derive(Clone, Debug)]
enum Happens {
    Task(String, bool),
    Fails(String),
    Progress(String),
    Question(String),
    Note(String, Option<&'static str>),
    Gate(bool),
    Page(String),
    Milestone(String),
}

fn text() -> impl Strategy<Value = String> {
    "[a-zé✓ :#'\"\\[\\]{}|>%@`-]{1,80}".prop_map(|text| format!("x{text}"))
}

fn happens() -> impl Strategy<Value = Happens> {
    let keys = prop::sample::select(vec![
        None,
        Some("credentials/access-methods"),
        Some("credentials/rotation"),
        Some("integrations/salesforce/config"),
        Some("integrations/authentik/config"),
        Some("integrations/crm"),
        Some("agents/qa-engineer/state"),
        Some("compaction/20261120_180000-night-shift/testing/coverage"),
    ]);
    prop_oneof![
        (text(), any::<bool>()).prop_map(|(text, started)| Happens::Task(text, started)),
        text().prop_map(Happens::Fails),
        text().prop_map(Happens::Progress),
        text().prop_map(Happens::Question),
        (text(), keys).prop_map(|(text, key)| Happens::Note(text, key)),
        any::<bool>().prop_map(Happens::Gate),
        text().prop_map(Happens::Page),
        text().prop_map(Happens::Milestone),
    ]
}

/// Lets it happen, and gives the words that must not be lost with the key that they belong to.
fn carry_out(story: &mut Story, number: usize, one: &Happens) -> Vec<(&'static str, String)> {
    let id = task(&format!("made-{number:03}"));
    match one {
        Happens::Task(title, started) => {
            story.adds_task(&Task::new(id.clone(), title.clone(), story.now()));
            if *started {
                story.happens(&[Fact::TaskStarted { task: id.clone(), step: None }]);
            }
            vec![("tasks/all", id.to_string())]
        }
        Happens::Fails(why) => {
            story.adds_task(&Task::new(id.clone(), "It fails", story.now()));
            story.happens(&[Fact::TaskFailed { task: id.clone(), why: why.clone() }]);
            vec![("tasks/blocked", id.to_string()), ("testing/failed", id.to_string())]
        }
        Happens::Progress(text) => {
            story.happens(&[Fact::ProgressAdded { text: format!("step-{number:03} {text}"), task: None }]);
            vec![("architect/current_phase", format!("step-{number:03}"))]
        }
        Happens::Question(title) => {
            let id = QuestionId::new(format!("20261120_180000-asked-{number:03}")).expect("plain");
            let question = Question::new(id.clone(), QuestionKind::Question, title.clone(), Vec::new(), story.now());
            let path = format!(".claude/questions/{id}.md");
            let content = question.document(&path).expect("plain").to_string();
            story.writes(&path, &content, Fact::QuestionAsked { question: id.clone(), title: title.clone(), decides: None });
            vec![("questions/all", id.to_string())]
        }
        Happens::Note(text, key) => {
            let id = NoteId::new(format!("20261120_180000-kept-{number:03}")).expect("plain");
            let kind = if key.is_some() { NoteKind::Note } else { NoteKind::Credential };
            let text = format!("kept-{number:03} {text}");
            let note = Note { kind, key: key.map(str::to_owned), ..Note::new(id.clone(), text, story.now()) };
            let path = format!(".claude/memory/{id}.md");
            let content = note.document(&path).expect("plain").to_string();
            story.writes(&path, &content, Fact::NoteAdded { note: id });
            let under = match key {
                None => "credentials/inventory",
                Some("integrations/crm") => "integrations/other-apis",
                Some("compaction/20261120_180000-night-shift/testing/coverage") => "testing/coverage",
                Some(key) => key,
            };
            vec![("memory/all", format!("kept-{number:03}")), (under, format!("kept-{number:03}"))]
        }
        Happens::Gate(green) => {
            let gate = GateName::new(format!("gate-{number:03}")).expect("plain");
            story.happens(&[Fact::GateRan {
                gate: gate.clone(),
                declaration: Digest::of("x"),
                tree: Oid::new("4b825dc642cb6eb9a060e54bf8d69288fbee4904").expect("an id"),
                verdict: if *green { Verdict::Green } else { Verdict::Red },
                exit: Some(1),
                took: Lapse::seconds(1),
                output: Some("said so".into()),
                figure: None,
                step: None,
            }]);
            let failed = (!green).then(|| ("testing/failed", gate.to_string()));
            [("testing/results", gate.to_string())].into_iter().chain(failed).collect()
        }
        Happens::Page(text) => {
            let page = story.page("NEXT_ACTIONS.md");
            let there = story.sandbox.read(&page);
            story.sandbox.write(&page, format!("said-{number:03} {text}\n\n{there}"));
            story.happens(&[]);
            vec![("metadata", format!("said-{number:03}"))]
        }
        Happens::Milestone(title) => {
            let (kind, status) = (TaskKind::Milestone, Status::Done);
            story.adds_task(&Task { kind, status, ..Task::new(id.clone(), title.clone(), story.now()) });
            story.happens(&[Fact::TaskDone { task: id.clone(), tree: None, uncommitted: Vec::new() }]);
            vec![("milestones/completed", id.to_string())]
        }
    }
}

fn all_of(story: &mut Story, from: usize, happenings: &[Happens]) -> Vec<(&'static str, String)> {
    happenings.iter().enumerate().flat_map(|(index, one)| carry_out(story, from + index, one)).collect()
}

#[track_caller]
fn holds(values: &BTreeMap<String, String>, wanted: &[(&'static str, String)]) {
    for (key, words) in wanted {
        assert!(values[*key].contains(words.as_str()), "`{key}` has lost `{words}`:\n{}", values[*key]);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 10, max_shrink_iters: 60, ..ProptestConfig::default() })]

    #[test]
    fn no_key_is_lost_in_two_compactions(
        first in prop::collection::vec(happens(), 1..10),
        second in prop::collection::vec(happens(), 0..8),
        between in prop::collection::vec(happens(), 0..3),
        takes_folder_away in any::<bool>(),
    ) {
        let mut story = Story::of_everything();
        let mut wanted = all_of(&mut story, 0, &first);
        let (one, sealed) = seal(&story);
        holds(&sealed, &wanted);
        let back = restore(&story);
        prop_assert_eq!((back.compaction, back.session), (one, story.session()));
        prop_assert_eq!(values(&story, Some(one)), sealed.clone());
        // More happens, and some of it after the second sealing.
        wanted.extend(all_of(&mut story, 100, &second));
        let (two, sealed_again) = seal(&story);
        prop_assert_eq!(two, one + 1);
        holds(&sealed_again, &wanted);
        if takes_folder_away {
            fs::remove_dir_all(story.sandbox.path(layout::session_folder(&story.session()))).expect("taken away");
        }
        prop_assert_eq!(values(&story, Some(two)), sealed_again);
        let back = restore(&story);
        prop_assert_eq!(back.compaction, two);
        let is_back = story.sandbox.exists(format!("{}/manifest.yaml", back.folder));
        prop_assert!(is_back);
        wanted.extend(all_of(&mut story, 200, &between));
        let back = restore(&story);
        let late = values(&story, None);
        prop_assert_eq!(back.compaction, if between.is_empty() { two } else { two + 1 });
        holds(&late, &wanted);
        prop_assert_eq!(values(&story, Some(one)), sealed, "the first is as it was");
        for key in KEYS {
            prop_assert!(late.contains_key(key));
        }
    }
}

#[test]
fn every_key_is_listed_present_or_empty() {
    let story = Story::of_everything();
    let before = story.sandbox.autonomy(["compact", "pre", "--cause", "auto"]).ok();
    assert!(
        before.stdout.starts_with("Sealed compaction 1 of session 20261120_180000-night-shift, after checkpoint-"),
        "{before}"
    );
    assert!(before.stdout.contains("Keep what only this conversation knows"), "{before}");
    let said = story.sandbox.autonomy(["compact", "post"]).ok();
    let standing = |key: &str| {
        let line = said.stdout.lines().find(|line| line.split_whitespace().next() == Some(key));
        line.unwrap_or_else(|| panic!("{key} is not listed: {said}")).split_whitespace().nth(1).expect("a word").to_owned()
    };
    for key in KEYS {
        let filled = [
            "metadata",
            "architect/decisions",
            "architect/current_phase",
            "project/definition-of-done",
            "project/requirements",
            "files/structure",
            "tasks/blocked",
            "tasks/all",
            "questions/all",
            "memory/all",
        ];
        assert_eq!(standing(key), if filled.contains(&key) { "present" } else { "empty" }, "{key}: {said}");
    }
    for agent in ROSTER {
        assert_eq!(standing(&format!("agents/{agent}/state")), "empty");
    }
    assert!(said.stdout.contains("Agents restored: 0 (none)") && said.stdout.contains("Phase: Fix the parser"), "{said}");
    let manifest = story.sandbox.read(format!("{}/manifest.yaml", layout::session_folder(&story.session()) + "/compactions/1"));
    assert!(manifest.contains("cause: auto") && manifest.contains("checkpoint: checkpoint-"), "{manifest}");
    let brief = story.sandbox.autonomy(["context", "brief"]).ok();
    assert!(brief.stdout.contains("- Compaction 1 was sealed at "), "{brief}");
    let variables = story.sandbox.autonomy(["session", "env"]).ok();
    assert!(variables.stdout.contains("CURRENT_PHASE='Fix the parser'"), "{variables}");
}

#[test]
fn what_an_agent_did_and_remembered_is_its_state() {
    let mut story = Story::of_everything();
    story.sandbox.autonomy(["memory", "store", "agents/qa-engineer/state", "The fuzzer runs on seed 7."]).ok();
    story
        .sandbox
        .autonomy(["memory", "store", "credentials/inventory", "CRM_TOKEN: vault://crm, renewed monthly", "--type", "credential"])
        .ok();
    let workspace = story.workspace().acting_as(Actor::Agent { name: "claude".into(), role: Some("Rust".into()), model: None });
    let mut transaction = Transaction::open(&workspace).expect("opens");
    transaction.append_facts(&[Fact::TaskStarted { task: task("parser"), step: None }]).expect("appended");
    drop(transaction);
    story.wait(1);
    let (_, values) = seal(&story);
    assert!(values["agents/qa-engineer/state"].contains("seed 7"), "{values:#?}");
    assert!(
        values["agents/rust/state"].contains("in_progress:\n  - 20261120_180000-parser-pax9"),
        "{}",
        values["agents/rust/state"]
    );
    assert!(values["credentials/inventory"].contains("vault://crm"), "{}", values["credentials/inventory"]);
    assert_eq!(restore(&story).agents, ["qa-engineer", "rust"]);
}

#[test]
fn it_works_when_nothing_was_sealed_before_and_when_the_compaction_failed() {
    let mut story = Story::of_everything();
    let late = restore(&story);
    assert_eq!((late.compaction, late.cause.word()), (1, "late"));
    assert_eq!(restore(&story).compaction, 1, "nothing new is known");
    // A client that seals and then fails to compact goes on as if nothing had been.
    let (two, _) = seal(&story);
    story.happens(&[Fact::ProgressAdded { text: "went on".into(), task: None }]);
    let back = restore(&story);
    assert_eq!((two, back.compaction), (2, 3));
    assert!(values(&story, Some(3))["architect/current_phase"].contains("went on"));
    assert!(back.briefing.contains("went on"), "{}", back.briefing);
}

#[test]
fn an_unknown_session_is_answered_with_those_that_there_are() {
    let story = Story::of_everything();
    let said = story.sandbox.autonomy(["compact", "post", "20200101_000000"]).ended(1);
    assert!(said.stderr.contains("there are:\n  20261120_180000-night-shift"), "{said}");
    let nowhere = Sandbox::new();
    let said = nowhere.autonomy(["compact", "post"]).ended(1);
    assert!(said.stderr.contains("there is no session here"), "{said}");
    let said = nowhere.autonomy(["compact", "pre"]).ok();
    assert!(said.stdout.starts_with("No session is live, so nothing was sealed, after checkpoint-"), "{said}");
    let said = nowhere.autonomy(["compact", "show"]).ended(1);
    assert!(said.stderr.contains("no session is live"), "{said}");
}

#[test]
fn a_session_that_is_over_still_tells_what_was_sealed() {
    let sandbox = Sandbox::new();
    sandbox.git(["switch", "--quiet", "-c", "work"]);
    let session =
        sandbox.autonomy(["session", "start", "one", "--json"]).ok().json()["session"].as_str().expect("a name").to_owned();
    sandbox.autonomy(["decide", "Use one parser", "--choose", "one parser", "--because", "Two would drift apart."]).ok();
    sandbox.autonomy(["compact", "pre"]).ok();
    sandbox.autonomy(["session", "end"]).ok();
    fs::remove_dir_all(sandbox.path(".claude")).expect("taken away");
    let said = sandbox.autonomy(["compact", "post", &session, "--json"]).ok().json();
    assert_eq!(said["compaction"], 1);
    assert!(said["briefing"].as_str().is_some_and(|text| text.contains("Use one parser")), "{said:#}");
    let value = sandbox.autonomy(["memory", "get", &format!("compaction/{session}/architect/decisions")]).ok();
    assert!(value.stdout.contains("Use one parser"), "{value}");
    assert!(!sandbox.exists(".claude/sessions"), "reading writes nothing");
}

#[test]
fn files_are_written_for_programs_that_want_them_and_nobody_s_files_are_touched() {
    let mut story = Story::of_everything();
    story.sandbox.autonomy(["memory", "store", "credentials/rotation", "monthly"]).ok();
    let directory = story.sandbox.base().join("out");
    let arguments = ["compact", "post", "--export-dir", directory.to_str().expect("plain")];
    story.sandbox.autonomy(arguments).ok();
    let read = |name: &str| fs::read_to_string(directory.join(name)).unwrap_or_default();
    assert!(read("architect/decisions.yaml").contains("Use one parser") && read("briefing.md").contains("# Briefing"));
    assert!(read("credentials/rotation.yaml").contains("monthly"));
    story.wait(1);
    story.sandbox.autonomy(["memory", "forget", "credentials/rotation"]).ok();
    story.sandbox.autonomy(arguments).ok();
    assert!(read("manifest.yaml").contains("compaction: 2") && !directory.join("credentials/rotation.yaml").exists());
    let theirs = story.sandbox.base().join("theirs");
    fs::create_dir(&theirs).expect("made");
    fs::write(theirs.join("mine.txt"), "mine").expect("written");
    let said = story.sandbox.autonomy(["compact", "post", "--export-dir", theirs.to_str().expect("plain")]).ended(4);
    assert!(said.stderr.contains("files of others"), "{said}");
    assert_eq!(fs::read_dir(&theirs).expect("listed").count(), 1);
}

#[test]
fn nothing_of_the_user_s_changes_and_no_secret_is_sealed() {
    let story = Story::of_everything();
    let token = format!("ghp_{}", "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8".chars().take(36).collect::<String>());
    let page = story.page("NEXT_ACTIONS.md");
    story.sandbox.write(&page, format!("The token is {token}\n{}", story.sandbox.read(&page)));
    let before = story.sandbox.belongings();
    let (number, _) = seal(&story);
    restore(&story);
    story.sandbox.belongings().assert_same(&before, &["HEAD", "branches", "reflogs", "index entries", "status"]);
    let folder = story.sandbox.path(format!("{}/compactions/{number}", layout::session_folder(&story.session())));
    for entry in walkdir::WalkDir::new(folder) {
        let entry = entry.expect("listed");
        if entry.file_type().is_file() {
            let text = fs::read_to_string(entry.path()).expect("text");
            assert!(!text.contains(&token), "{}", entry.path().display());
        }
    }
}

/// A session with something in it, made anew for each crash.
fn live() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.autonomy(["session", "start", "x", "--goal", "parse everything"]).ok();
    sandbox.autonomy(["decide", "Use one parser", "--choose", "one parser", "--because", "Two would drift apart."]).ok();
    sandbox
}

#[test]
fn a_death_at_any_point_loses_nothing() {
    for command in ["pre", "post"] {
        let sandbox = live();
        let trace = sandbox.base().join("trace");
        sandbox.run(sandbox.command(["compact", command]).env("AUTONOMY_FAILPOINT_TRACE", &trace)).ok();
        let mut counts = BTreeMap::new();
        for name in fs::read_to_string(trace).expect("points were reached").lines() {
            *counts.entry(name.to_owned()).or_insert(0_u32) += 1;
        }
        assert!(counts.len() > 3, "{counts:?}");
        for (name, count) in counts {
            for hit in [1, count].into_iter().take(usize::try_from(count.min(2)).expect("small")) {
                let sandbox = live();
                let point = format!("{name}:{hit}=kill");
                let before = sandbox.belongings();
                sandbox.run(sandbox.command(["compact", command]).env("AUTONOMY_FAILPOINT", &point)).killed();
                let said = sandbox.autonomy(["compact", "post", "--json"]).ok().json();
                assert!(said["briefing"].as_str().is_some_and(|text| text.contains("Use one parser")), "{point}: {said:#}");
                let decisions = sandbox.autonomy(["compact", "show", "--key", "architect/decisions"]).ok();
                assert!(decisions.stdout.contains("Use one parser"), "{point}: {decisions}");
                let folder = said["folder"].as_str().expect("a folder").to_owned();
                assert!(sandbox.exists(format!("{folder}/manifest.yaml")), "{point}");
                sandbox.belongings().assert_same(&before, &["HEAD", "branches", "reflogs", "index entries"]);
            }
        }
    }
}

#[test]
fn two_sessions_at_once_and_two_calls_in_one_do_not_mix() {
    let sandbox = live();
    let other = sandbox.base().join("other");
    sandbox.git(["worktree", "add", "--quiet", "-b", "other", other.to_str().expect("plain")]);
    let there = |arguments: &[&str]| {
        let mut command = sandbox.command(arguments);
        command.current_dir(&other);
        command
    };
    sandbox.run(&mut there(&["session", "start", "y", "--goal", "print everything"])).ok();
    let mut running = Vec::new();
    for _ in 0..3 {
        for mut command in [sandbox.command(["compact", "pre"]), there(&["compact", "pre"])] {
            running
                .push(command.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::piped()).spawn().expect("starts"));
        }
    }
    for child in running {
        let output = child.wait_with_output().expect("ends");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    let here = sandbox.autonomy(["compact", "post", "--json"]).ok().json();
    let there = sandbox.run(&mut there(&["compact", "post", "--json"])).ok().json();
    for (said, goal, not) in [(&here, "parse everything", "print everything"), (&there, "print everything", "parse everything")] {
        assert_eq!(said["compaction"], 3, "{said:#}");
        let text = said["briefing"].as_str().expect("a briefing");
        assert!(text.contains(goal) && !text.contains(not), "{text}");
    }
}
