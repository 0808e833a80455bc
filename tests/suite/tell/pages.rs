//! Pages: what they say, when they are written, and that people's text stays.

use std::{collections::BTreeMap, fs, os::unix::fs::MetadataExt as _};

use autonomy::{
    host::store::{
        ledger::{Ledger, Target},
        pages,
    },
    model::{
        event::{Fact, SessionOutcome},
        page,
        task::Task,
    },
};
use proptest::prelude::*;

use super::{Story, task};

const MARKDOWN: [&str; 7] = [
    "README.md",
    "CURRENT_FOCUS.md",
    "PROGRESS_LOG.md",
    "NEXT_ACTIONS.md",
    "DECISION_LOG.md",
    "BLOCKERS.md",
    "PROGRESS_SUMMARY.md",
];

/// The content of a page's block.
fn block(text: &str) -> String {
    let inside = text.lines().skip_while(|line| !line.contains("autonomy:begin")).skip(1);
    inside.take_while(|line| !line.contains("autonomy:end")).collect::<Vec<_>>().join("\n")
}

fn progress(text: &str) -> Fact {
    Fact::ProgressAdded { text: text.into(), task: None }
}

#[test]
fn pages_say_what_holds() {
    let story = Story::of_everything();
    insta::assert_snapshot!(block(&story.read("README.md")), @r"
    # Session 20261120_180000-night-shift

    night shift

    - Goal: The parser takes every input.
    - Must hold: No new dependencies.
    - Status: active
    - Started: 2026-11-20T18:00:00Z by Ada
    - From: branch `main` at `d4d4af19b2`
    - May take: 8h

    | Page | What it says | Its command |
    |---|---|---|
    | CURRENT_FOCUS.md | what is being worked on | `autonomy focus` |
    | NEXT_ACTIONS.md | what comes next, best first | `autonomy next` |
    | PROGRESS_LOG.md | what was achieved, with dates | `autonomy progress add` |
    | PROGRESS_SUMMARY.md | how far things are | `autonomy report` |
    | DECISION_LOG.md | what was decided, and why | `autonomy decide` |
    | BLOCKERS.md | what a person is needed for | `autonomy ask`, `autonomy answer` |

    A block between `autonomy` markers is rendered again when its facts change. All other text is yours: it stays as it is, and
    every briefing hands it on.
    ");
    insta::assert_snapshot!(block(&story.read("CURRENT_FOCUS.md")), @r"
    # Current focus

    The parser

    ## Fix the parser

    - Task: `20261120_180000-parser-pax9`
    - Priority: high
    - Estimate: 30m
    - Status: started
    - Next action: write the failing test
    - Focus since: 2026-11-20T18:04:00Z

    ### Success criteria

    - [x] no panic on any input
    - [ ] errors name line and column
    ");
    insta::assert_snapshot!(block(&story.read("PROGRESS_LOG.md")), @r"
    # Progress

    ## 2026-11-20

    - 2026-11-20T18:06:00Z Ada: The failing test is there.
      It fails. (`20261120_180000-parser-pax9`)
    ");
    insta::assert_snapshot!(block(&story.read("NEXT_ACTIONS.md")), @r#"
    # Next actions

    No task is ready. `autonomy task add "<title>"` adds one.

    ## Not ready

    - Write the lexer (`20261120_180000-lexer-lex9`): waiting for the answer to 20261120_180000-which-licence-q1w2
    - Fix the parser (`20261120_180000-parser-pax9`): started
    - Print it again (`20261120_180000-printer-prx9`): after Fix the parser
    "#);
    insta::assert_snapshot!(block(&story.read("DECISION_LOG.md")), @r"
    # Decisions

    ## Use one parser

    `20261120_180000-one-parser-a1b2`, accepted, risk low, reversible, by claude, 2026-11-20T18:07:00Z

    - Options: one parser
    - Decision: one parser
    - Reason: Two would drift apart.
    ");
    insta::assert_snapshot!(block(&story.read("BLOCKERS.md")), @r#"
    # Blockers and questions

    ## May we take code under the MPL?

    `20261120_180000-which-licence-q1w2`, P2, 2026-11-20T18:08:00Z

    - Context: The lexer could be taken from a crate.
    - Recommended: write our own
    - Default: write our own
    - Blocks: Write the lexer
    - Answer it: `autonomy answer 20261120_180000-which-licence-q1w2 "…"`

    ## Tasks that are stuck

    - Write the lexer (`20261120_180000-lexer-lex9`): waiting for the answer to 20261120_180000-which-licence-q1w2; `autonomy answer 20261120_180000-which-licence-q1w2 "…"`
    "#);
    insta::assert_snapshot!(block(&story.read("PROGRESS_SUMMARY.md")), @r"
    # Progress in short

    - Session: active
    - Tasks: 0 done, 1 started, 1 open, 1 waiting
    - Commits: 0, decisions: 1, open questions: 1
    - Checkpoints: 0
    ");
    insta::assert_snapshot!(story.sandbox.read(".claude/current_session"), @r#"
    # Which session is current. Rendered by autonomy; `eval "$(autonomy session env)"` sets CLAUDE_SESSION_DIR.
    version: 1
    session: 20261120_180000-night-shift
    folder: .claude/sessions/20261120_180000-night-shift
    status: active
    started: "2026-11-20T18:00:00Z"
    "#);
}

#[test]
fn pages_of_a_new_session_say_how_to_fill_them() {
    let story = Story::begin();
    let all: Vec<String> = MARKDOWN[1..].iter().map(|file| block(&story.read(file))).collect();
    insta::assert_snapshot!(all.join("\n----\n"), @r#"
    # Current focus

    Nothing is being worked on. `autonomy next` says what comes next, `autonomy focus "<what>"` sets the focus.
    ----
    # Progress

    Nothing yet. `autonomy progress add "<what was achieved>"` adds an entry.
    ----
    # Next actions

    No task is ready. `autonomy task add "<title>"` adds one.
    ----
    # Decisions

    None in this session. `autonomy decide "<title>"` records one.
    ----
    # Blockers and questions

    No question is open.
    ----
    # Progress in short

    - Session: active
    - Tasks: 0 done, 0 started, 0 open
    - Commits: 0, decisions: 0, open questions: 0
    - Checkpoints: 0
    "#);
}

/// Which file each page is: a page that was written again is another one.
fn files(story: &Story) -> BTreeMap<String, u64> {
    let mut found: BTreeMap<String, u64> = MARKDOWN
        .iter()
        .map(|file| ((*file).to_owned(), fs::metadata(story.sandbox.path(story.page(file))).expect("there").ino()))
        .collect();
    let pointer = fs::metadata(story.sandbox.path(".claude/current_session")).expect("there");
    found.insert("current_session".to_owned(), pointer.ino());
    found
}

/// The pages that `act` wrote again.
fn written(story: &mut Story, act: impl FnOnce(&mut Story)) -> Vec<String> {
    // Two links keep the number of a file from being given away again while it is looked for.
    let keep = story.sandbox.base().join("tmp").join(format!("kept-{}", story.now().as_millisecond()));
    fs::create_dir(&keep).expect("new");
    for file in MARKDOWN {
        fs::hard_link(story.sandbox.path(story.page(file)), keep.join(file)).expect("linked");
    }
    fs::hard_link(story.sandbox.path(".claude/current_session"), keep.join("current_session")).expect("linked");
    let before = files(story);
    act(story);
    files(story).into_iter().filter(|(file, number)| before[file] != *number).map(|(file, _)| file).collect()
}

#[test]
fn a_command_writes_the_pages_that_it_changes_and_no_other() {
    let mut story = Story::of_everything();
    let mut after = |facts: &[Fact]| written(&mut story, |story| drop(story.happens(facts)));
    assert_eq!(after(&[progress("one more")]), ["PROGRESS_LOG.md"]);
    assert_eq!(after(&[Fact::FocusSet { task: None, text: "Reading".into(), next: None }]), ["CURRENT_FOCUS.md"]);
    assert_eq!(after(&[Fact::FocusSet { task: None, text: "Reading".into(), next: None }]), ["CURRENT_FOCUS.md"]);
    assert_eq!(after(&[Fact::SessionPaused { reason: "lunch".into() }]), ["PROGRESS_SUMMARY.md", "README.md", "current_session"]);
    assert_eq!(after(&[Fact::ToolUsed { tool: "Bash".into(), step: None, path: None, failed: false }]), [""; 0]);
    let failed = Fact::TaskFailed { task: task("parser"), why: "it loops".into() };
    assert_eq!(after(&[failed]), ["BLOCKERS.md", "CURRENT_FOCUS.md", "NEXT_ACTIONS.md", "PROGRESS_SUMMARY.md"]);
}

#[test]
fn a_page_that_would_say_the_same_is_not_written() {
    let mut story = Story::of_everything();
    let again = Fact::TaskWaiting {
        task: task("lexer"),
        question: autonomy::model::id::QuestionId::new("20261120_180000-which-licence-q1w2").expect("plain"),
    };
    assert_eq!(written(&mut story, |story| drop(story.happens(&[again]))), [""; 0]);
}

#[test]
fn a_long_log_shows_its_newest_entries_and_counts_the_rest() {
    let mut story = Story::begin();
    for hundred in 0..50 {
        let facts: Vec<Fact> = (0..100).map(|number| progress(&format!("entry {}", hundred * 100 + number))).collect();
        story.happens(&facts);
    }
    let page = block(&story.read("PROGRESS_LOG.md"));
    assert!(page.starts_with("# Progress\n\n4950 older entries: `autonomy progress list --all`\n"), "{page}");
    assert_eq!(page.matches("Ada: entry").count(), 50);
    assert!(page.ends_with("Ada: entry 4999"), "{page}");
    let newest = story.sandbox.autonomy(["progress", "list"]).ok();
    assert_eq!((newest.stdout.lines().count(), newest.stderr.trim()), (50, "4950 older: `autonomy progress list --all`"));
    let all = story.sandbox.autonomy(["progress", "list", "--all"]).ok().stdout;
    assert_eq!((all.lines().count(), all.lines().next().map(|line| line.ends_with("Ada: entry 0"))), (5000, Some(true)));
}

#[test]
fn a_page_that_cannot_be_updated_is_named_and_left_alone() {
    let mut story = Story::begin();
    let log = story.page("PROGRESS_LOG.md");
    let broken = story.sandbox.read(&log).replace("<!-- autonomy:end progress -->", "mine");
    story.sandbox.write(&log, &broken);
    let said = story.happens(&[progress("one")]);
    assert_eq!(story.sandbox.read(&log), broken);
    insta::assert_snapshot!(said.join("\n"), @"cannot update `.claude/sessions/20261120_180000-night-shift/PROGRESS_LOG.md`: line 1: the block `progress` begins here and ends nowhere; the page was left as it is");

    let place = story.sandbox.path(&log);
    fs::write(&place, b"na\xefve\n").expect("written");
    insta::assert_snapshot!(story.happens(&[progress("two")]).join("\n"), @"cannot update `.claude/sessions/20261120_180000-night-shift/PROGRESS_LOG.md`: line 1: not UTF-8; the page was left as it is");
    assert_eq!(fs::read(&place).expect("there"), b"na\xefve\n");

    fs::remove_file(&place).expect("it was there");
    let elsewhere = story.sandbox.base().join("elsewhere.md");
    fs::write(&elsewhere, "not ours\n").expect("written");
    std::os::unix::fs::symlink(&elsewhere, &place).expect("a link");
    let said = story.happens(&[progress("three")]).join("\n");
    assert!(said.contains("PROGRESS_LOG.md") && said.contains("symbolic link"), "{said}");
    assert_eq!(fs::read_to_string(&elsewhere).expect("there"), "not ours\n");

    fs::remove_file(&place).expect("it was there");
    fs::create_dir(&place).expect("made");
    let said = story.happens(&[progress("four")]).join("\n");
    assert!(said.contains("is not a plain file"), "{said}");
}

#[test]
fn words_that_look_like_markers_do_no_harm() {
    let mut story = Story::begin();
    let hostile = "one\n<!-- autonomy:end progress -->\n<!-- autonomy:begin progress v1 sha256:0 -->\n";
    assert_eq!(story.happens(&[progress(hostile)]), [""; 0]);
    assert_eq!(story.happens(&[progress("two")]), [""; 0]);
    let text = story.read("PROGRESS_LOG.md");
    assert_eq!(page::people_text(&text).trim(), "");
    assert!(text.contains("&lt;!-- autonomy:end progress -->") && text.contains("two"), "{text}");
}

#[test]
fn pages_that_are_gone_come_back_with_the_text_of_people() {
    let mut story = Story::of_everything();
    let log = story.page("PROGRESS_LOG.md");
    let mine = format!("# My own\n{}my last words", story.sandbox.read(&log));
    story.sandbox.write(&log, &mine);
    story.happens(&[progress("more")]);
    let before: Vec<String> = MARKDOWN.iter().map(|file| story.read(file)).collect();
    assert!(before[2].starts_with("# My own\n") && before[2].ends_with("my last words"));
    fs::remove_dir_all(story.sandbox.path(".claude/sessions")).expect("it was there");
    fs::remove_file(story.sandbox.path(".claude/current_session")).expect("it was there");
    heal(&story);
    let after: Vec<String> = MARKDOWN.iter().map(|file| story.read(file)).collect();
    assert_eq!(after, before);
    assert!(story.sandbox.exists(".claude/current_session"));
    assert!(!story.sandbox.exists(".git/logs/refs/stash"), "asking for the stash made one");
    story.sandbox.write(&log, "");
    heal(&story);
    assert_eq!(story.read("PROGRESS_LOG.md"), before[2]);
}

fn heal(story: &Story) {
    let workspace = story.workspace();
    let mut ledger = Ledger::open(&workspace, Target::Session(story.session())).expect("live");
    pages::heal(&mut ledger);
    assert_eq!(workspace.take_notices(), [""; 0]);
}

#[test]
fn pages_in_a_stash_wait_for_their_pop() {
    let mut story = Story::begin();
    let log = story.page("PROGRESS_LOG.md");
    story.sandbox.write(&log, format!("{}mine\n", story.sandbox.read(&log)));
    story.sandbox.git(["stash", "push", "--quiet", "--all"]);
    assert!(!story.sandbox.exists(&log));
    let quiet = story.sandbox.git(["stash", "list"]);
    story.happens(&[progress("while away")]);
    heal(&story);
    assert!(!story.sandbox.exists(&log) && !story.sandbox.exists(".claude/current_session"));
    assert_eq!(story.sandbox.git(["stash", "list"]), quiet);
    story.sandbox.git(["stash", "pop", "--quiet"]);
    story.happens(&[progress("back")]);
    let text = story.sandbox.read(&log);
    assert!(text.contains("while away") && text.contains("back") && text.ends_with("mine\n"), "{text}");
}

#[test]
fn pages_that_a_dead_command_left_behind_are_rendered_by_the_next() {
    let story = Story::begin();
    let workspace = story.workspace();
    let mut ledger = Ledger::open(&workspace, Target::Session(story.session())).expect("live");
    ledger.append(|_| Ok((vec![progress("said and died")], ()))).expect("appended");
    assert!(!story.read("PROGRESS_LOG.md").contains("said and died"));
    heal(&story);
    assert!(story.read("PROGRESS_LOG.md").contains("said and died"));
}

#[test]
fn what_no_page_shows_renders_none() {
    let story = Story::begin();
    let workspace = story.workspace();
    let read = || MARKDOWN.map(|page| fs::metadata(story.sandbox.path(story.page(page))).expect("there").ino());
    let damaged = story.page("PROGRESS_LOG.md");
    story.sandbox.write(&damaged, story.sandbox.read(&damaged).replace("Nothing yet", "Something"));
    let before = read();
    let mut ledger = Ledger::open(&workspace, Target::Session(story.session())).expect("live");
    ledger.tell(&[Fact::ToolUsed { tool: "x".into(), step: None, path: None, failed: false }]).expect("appended");
    drop(ledger);
    heal(&story);
    assert_eq!(read(), before);
    assert!(story.sandbox.read(&damaged).contains("Something"));
}

#[test]
fn the_page_shows_every_entry_when_processes_race() {
    let mut story = Story::begin();
    let story_now = &story;
    std::thread::scope(|scope| {
        for writer in 0..4 {
            scope.spawn(move || {
                for number in 0..8 {
                    let workspace = story_now.workspace();
                    let mut transaction = autonomy::host::transaction::Transaction::open(&workspace).expect("the log opens");
                    transaction.append_facts(&[progress(&format!("entry {writer}.{number}"))]).expect("appended");
                }
            });
        }
    });
    assert_eq!(story.read("PROGRESS_LOG.md").matches("Ada: entry").count(), 32);
    story.happens(&[progress("last")]);
}

#[test]
fn the_end_of_a_session_takes_its_pointer_away_and_says_so_on_its_pages() {
    let mut story = Story::begin();
    let readme = story.page("README.md");
    story.happens(&[Fact::SessionEnded { outcome: SessionOutcome::Completed, summary: None }]);
    assert!(block(&story.sandbox.read(readme)).contains("- Status: completed at 2026-11-20 18:01Z"));
    assert!(!story.sandbox.exists(".claude/current_session"));
}

/// What happens to pages: our commands and people's hands.
#[derive(Clone, Debug)]
enum Turn {
    Progress,
    Focus,
    Task,
    Pause,
    Above(usize),
    Below(usize),
    Inside(usize),
    Gone(usize),
}

fn turn() -> impl Strategy<Value = Turn> {
    let page = 0..MARKDOWN.len();
    prop_oneof![
        Just(Turn::Progress),
        Just(Turn::Focus),
        Just(Turn::Task),
        Just(Turn::Pause),
        page.clone().prop_map(Turn::Above),
        page.clone().prop_map(Turn::Below),
        page.clone().prop_map(Turn::Inside),
        page.prop_map(Turn::Gone),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 12, ..ProptestConfig::default() })]

    #[test]
    fn peoples_text_survives_any_sequence_of_commands(turns in prop::collection::vec(turn(), 1..14)) {
        let mut story = Story::begin();
        let mut words: Vec<(usize, String)> = Vec::new();
        for (number, turn) in turns.into_iter().enumerate() {
            let word = format!("word-{number}-of-mine");
            let path = |story: &Story, page: usize| story.page(MARKDOWN[page]);
            match turn {
                Turn::Progress => drop(story.happens(&[progress("p")])),
                Turn::Focus => drop(story.happens(&[Fact::FocusSet { task: None, text: format!("f{number}"), next: None }])),
                Turn::Task => drop(story.adds_task(&Task::new(task(&format!("t{number}")), "A task", story.now()))),
                Turn::Pause => drop(story.happens(&[Fact::SessionPaused { reason: "r".into() }, Fact::SessionResumed {}])),
                Turn::Above(page) => {
                    let path = path(&story, page);
                    story.sandbox.write(&path, format!("{word}\n{}", story.sandbox.read(&path)));
                    words.push((page, word));
                }
                Turn::Below(page) => {
                    let path = path(&story, page);
                    story.sandbox.write(&path, format!("{}{word}", story.sandbox.read(&path)));
                    words.push((page, word));
                }
                Turn::Inside(page) => {
                    let path = path(&story, page);
                    let end = "\n<!-- autonomy:end";
                    story.sandbox.write(&path, story.sandbox.read(&path).replace(end, &format!("\n{word}{end}")));
                    words.push((page, word));
                }
                Turn::Gone(page) => {
                    // Somebody else takes the page away after a command of ours has seen it.
                    heal_all(&mut story);
                    fs::remove_file(story.sandbox.path(path(&story, page))).expect("it was there");
                    heal(&story);
                }
            }
        }
        heal_all(&mut story);
        for (page, word) in words {
            let text = story.read(MARKDOWN[page]);
            let kept = page::people_text(&text);
            prop_assert_eq!(kept.matches(&word).count(), 1, "{} in {}", word, text);
        }
    }
}

/// A command that renders every page.
fn heal_all(story: &mut Story) {
    let workspace = story.workspace();
    let mut ledger = Ledger::open(&workspace, Target::Session(story.session())).expect("live");
    ledger.append(|_| Ok((vec![progress("p")], ()))).expect("appended");
    drop(ledger);
    heal(story);
}

#[test]
fn the_summary_counts_a_commit_as_soon_as_it_is_made() {
    let sandbox = crate::sandbox::Sandbox::new();
    let session = sandbox.autonomy(["session", "start"]).ok().stdout.trim().to_owned();
    let summary = || block(&sandbox.read(format!(".claude/sessions/{session}/PROGRESS_SUMMARY.md")));
    assert!(summary().contains("Commits: 1,"), "{}", summary());
    sandbox.autonomy(["task", "add", "One"]).ok();
    sandbox.autonomy(["commit"]).ok();
    assert!(summary().contains("Commits: 2,"), "{}", summary());
}

#[test]
fn the_variables_of_a_session_come_back_with_its_folder() {
    let sandbox = crate::sandbox::Sandbox::new();
    let session = sandbox.autonomy(["session", "start"]).ok().stdout.trim().to_owned();
    let file = format!(".claude/sessions/{session}/session_env.sh");
    let before = sandbox.read(&file);
    assert!(before.contains(&format!("export AUTONOMY_SESSION='{session}'")), "{before}");
    sandbox.git(["clean", "-fdxq"]);
    assert!(!sandbox.exists(&file));
    sandbox.autonomy(["progress", "add", "after it"]).ok();
    assert_eq!(sandbox.read(&file), before);
}
