//! Reports: every number is git's or the log's, they are saved once, and they read well.

use autonomy::{
    model::{
        checkpoint::CheckpointKind,
        event::{Fact, Verdict},
        id::{CheckpointName, Digest, GateName, Oid},
        report::Report,
        time::Lapse,
    },
    ops::tell::report,
};

use super::{Story, task};

fn report(story: &Story, since: Option<&str>) -> report::Outcome {
    let request = report::Request { since: since.map(str::to_owned), format: report::Format::Md };
    report::report(&story.workspace(), &request).expect("a report")
}

/// Files, lines added and lines removed as `git diff --numstat` counts them, new files included, without `.claude/`.
fn numstat(story: &Story, from: &str) -> (usize, usize, usize) {
    let index = story.sandbox.base().join("tmp/index");
    std::fs::copy(story.sandbox.path(".git/index"), &index).expect("copied");
    let with_index = |arguments: &[&str]| {
        let mut command = story.sandbox.program("git");
        story.sandbox.run(command.env("GIT_INDEX_FILE", &index).args(arguments)).ok().stdout
    };
    with_index(&["add", "--all"]);
    let text = with_index(&["diff", "--cached", "--numstat", "--no-renames", from, "--", ".", ":(exclude).claude"]);
    let number = |text: Option<&str>| text.and_then(|text| text.parse().ok()).unwrap_or(0);
    text.lines().fold((0, 0, 0), |(files, added, removed), line| {
        let mut parts = line.split('\t');
        (files + 1, added + number(parts.next()), removed + number(parts.next()))
    })
}

fn figures(report: &Report) -> (usize, usize, usize) {
    (report.changed.files, report.changed.insertions, report.changed.deletions)
}

/// A session in which work was done, committed and left uncommitted.
fn worked() -> (Story, String) {
    let mut story = Story::of_everything();
    let start = story.sandbox.git(["rev-parse", "HEAD"]);
    story.sandbox.write("src/parse.rs", "fn parse() {}\n\n#[test]\nfn it_parses() {}\n\n#[test]\nfn it_fails() {}\n");
    story.sandbox.write("picture.png", b"\0\x01\x02");
    story.sandbox.git(["add", "src", "picture.png"]);
    story.sandbox.git(["commit", "--quiet", "-m", "Parse every input"]);
    story.sandbox.git(["commit", "--quiet", "--allow-empty", "-m", "autonomy: state\n\nAutonomy-Session: x"]);
    let tree = Oid::new(story.sandbox.git(["rev-parse", "HEAD^{tree}"])).expect("a tree");
    let gate = |verdict| Fact::GateRan {
        gate: GateName::new("tests").expect("plain"),
        declaration: Digest::of("tests"),
        tree: tree.clone(),
        verdict,
        exit: None,
        took: Lapse::seconds(3),
        output: None,
        figure: None,
        step: None,
    };
    story.happens(&[gate(Verdict::Red)]);
    let path = format!(".claude/tasks/{}.md", task("parser"));
    let content = story.sandbox.read(&path).replace("status: open", "status: done");
    let done = Fact::TaskDone { task: task("parser"), tree: Some(tree.clone()), uncommitted: Vec::new() };
    story.happens(&[gate(Verdict::Green)]);
    story.writes(&path, &content, done);
    story.happens(&[Fact::UsageSeen { step: None, client: None, input_tokens: 1_200, output_tokens: 300, cost_micros: 123_456 }]);
    story.happens(&[Fact::ToolUsed { tool: "Bash".into(), step: None, path: None, failed: false }]);
    story.happens(&[Fact::TaskParked {
        task: task("printer"),
        why: "three tries".into(),
        reference: Some("refs/autonomy/parked/x".into()),
    }]);
    story.sandbox.write("src/print.rs", "one\ntwo\n");
    story.sandbox.write("file", "changed\n");
    (story, start)
}

#[test]
fn numbers_are_those_of_git() {
    let (story, start) = worked();
    let outcome = report(&story, None);
    assert_eq!(figures(&outcome.report), numstat(&story, &start));
    assert_eq!(outcome.report.changed.tests_added, 2);
    assert_eq!(outcome.report.changed.uncommitted, numstat(&story, "HEAD").0);
    let commits: Vec<&str> = outcome.report.changed.commits.iter().map(|commit| commit.subject.as_str()).collect();
    assert_eq!((commits, outcome.report.changed.state_commits), (vec!["Parse every input"], 1));
    let listed = story.sandbox.git(["rev-list", "--count", &format!("{start}..HEAD")]);
    assert_eq!(listed, "2");
}

#[test]
fn a_report_answers_the_four_questions() {
    let (story, start) = worked();
    let outcome = report(&story, None);
    let head = story.sandbox.git(["rev-parse", "HEAD~1"]);
    let text = outcome.text.replace(&head[..10], "<commit>").replace(&start[..10], "<start>");
    insta::assert_snapshot!(text, @r#"
    # Report: night shift

    2026-11-20 18:00Z to 2026-11-20 18:17Z (17m, worked 17m), session 20261120_180000-night-shift
    Goal: The parser takes every input.

    ## What changed

    4 files, +10 -1 lines, 2 tests added, 1 commit (and 1 of state); 2 files in no commit

    `git diff <start>`

    - Parse every input
      `git show <commit>`

    Completed:

    - Fix the parser, 8 min
      `autonomy task show pax9`

    Put back:

    - Print it again was taken out and kept: three tries
      `autonomy task resume prx9`

    ## What was decided, and by which right

    - Use one parser: one parser
      by claude: its own judgement (risk low, reversible)
      `cat .claude/decisions/20261120_180000-one-parser-a1b2.md`

    ## What is unproven

    - 2 paths in no commit: only the work tree has them
      `git status`

    ## What needs you

    - May we take code under the MPL?
      `autonomy answer q1w2 "…"`
    - Print it again is parked: three tries
      `autonomy task resume prx9`

    ## Figures

    - Tests: not measured
    - Performance: not measured
    - Coverage: not measured
    - Gate runs: 1 green, 1 not; checkpoints: 0
    - Agents: attempts 0, tool calls 1, tokens 1200 in and 300 out, $0.13
    - Tasks: 1 of 3 done, 20% by weight
    - Estimated completion: 2026-11-20 19:25Z at the pace of this session
    "#);
    let longest = outcome.text.lines().map(|line| line.chars().count()).max();
    assert!(longest.is_some_and(|longest| longest <= 100), "{longest:?}");
}

#[test]
fn a_report_begins_where_it_is_told_to() {
    let (mut story, start) = worked();
    story.sandbox.git(["add", "src/print.rs"]);
    let tree = story.sandbox.git(["write-tree"]);
    let side = Oid::new(story.sandbox.git(["commit-tree", "-p", "HEAD", "-m", "side", &tree])).expect("a commit");
    let name = CheckpointName::new("checkpoint-20261120_183000-half").expect("plain");
    story.happens(&[Fact::CheckpointMade {
        name: Some(name.clone()),
        reference: format!("refs/tags/{name}"),
        object: side.clone(),
        commit: side.clone(),
        tree: Oid::new(tree.clone()).expect("a tree"),
        evidence: Oid::new(tree).expect("a tree"),
        reason: CheckpointKind::Manual,
        summary: None,
        task: None,
    }]);
    story.sandbox.write("later.txt", "1\n2\n3\n");
    let since = report(&story, Some("half")).report;
    assert_eq!(figures(&since), numstat(&story, side.as_str()));
    assert!(since.changed.commits.is_empty() && since.completed.is_empty());
    assert_eq!(report(&story, Some("start")).report.completed.len(), 1);
    let moment = story.now().to_string();
    let recent = report(&story, Some(&moment)).report;
    assert_eq!(figures(&recent), numstat(&story, "HEAD"));
    assert_eq!(report(&story, Some("100h")).report.changed.from, None);
    let unknown = report::report(&story.workspace(), &report::Request { since: Some("hlaf".into()), ..Default::default() });
    let refusal = unknown.expect_err("unknown").refusal();
    assert_eq!((refusal.code.exit(), refusal.message.as_str()), (2, "there is no checkpoint `hlaf`"));
    assert!(refusal.hint.is_some_and(|hint| hint.contains("`2h`")));
    assert_eq!(story.sandbox.git(["rev-parse", "main"]).len(), start.len());
}

#[test]
fn what_no_checkpoint_holds_is_named() {
    let (story, _) = worked();
    assert!(report(&story, None).report.uncovered.is_empty());
    story.sandbox.write("huge.bin", vec![b'x'; 5_000_001]);
    for inner in ["inner", "vendor/late"] {
        story.sandbox.git(["init", "--quiet", inner]);
        story.sandbox.write(format!("{inner}/x"), "1\n");
        story.sandbox.git(["-C", inner, "add", "x"]);
        story.sandbox.git(["-C", inner, "commit", "--quiet", "-m", "x"]);
    }
    assert!(story.sandbox.program("mkfifo").arg(story.sandbox.path("pipe")).status().expect("mkfifo runs").success());
    let told = report(&story, None);
    let named: Vec<String> = told.report.uncovered.iter().map(|one| format!("{}: {}", one.path, one.why)).collect();
    insta::assert_snapshot!(named.join("\n"), @r"
    huge.bin: untracked, and 5000001 bytes are over the cap
    pipe: a pipe, socket or device
    inner: another repository: only the commit that it is at is held
    vendor/late: another repository: only the commit that it is at is held
    ");
    assert!(told.text.contains("## What no checkpoint holds\n\n- huge.bin: untracked"), "{}", told.text);
}

#[test]
fn a_saved_report_is_never_overwritten() {
    let (mut story, _) = worked();
    let first = report(&story, None);
    let path = first.saved.expect("a session is live");
    assert_eq!(story.sandbox.read(&path), first.text);
    assert_eq!(report(&story, None).saved.as_deref(), Some(path.as_str()), "the same report is the same file");
    story.happens(&[
        Fact::ProgressAdded { text: "x".into(), task: None },
        Fact::ToolUsed { tool: "y".into(), step: None, path: None, failed: false },
    ]);
    story.wait(-1);
    let second = report(&story, None);
    assert_eq!(second.saved, Some(path.replace(".md", "-2.md")));
    assert_eq!(story.sandbox.read(&path), first.text);
    assert!(story.sandbox.status().lines().all(|line| !line.contains("reports")), "{}", story.sandbox.status());
}

#[test]
fn a_report_can_be_had_as_data_and_without_a_session() {
    let sandbox = crate::sandbox::Sandbox::new();
    sandbox.write(".claude/tasks/fix.md", "---\ntitle: Fix it\nstatus: done\n---\n");
    sandbox.write("new.txt", "1\n");
    let said = sandbox.autonomy(["report", "--since", "1h", "--format", "json"]).ok();
    let data: serde_json::Value = serde_json::from_str(&said.stdout).expect("JSON");
    assert_eq!(data["version"], 1);
    assert_eq!(data["changed"]["uncommitted"], 1);
    assert!(!sandbox.exists(".claude/sessions"));
    let same = sandbox.autonomy(["report", "--since", "1h", "--json"]).ok();
    let whole: serde_json::Value = serde_json::from_str(&same.stdout).expect("JSON");
    assert_eq!(whole["report"]["title"], "main");
}

#[test]
fn the_end_of_a_session_leaves_its_last_report_in_git() {
    let (story, _) = worked();
    story.sandbox.git(["switch", "--quiet", "-c", "work"]);
    let said = story.sandbox.autonomy(["session", "end"]).ok();
    let line = said.stderr.lines().find_map(|line| line.strip_prefix("Its last report is "));
    let path = line.unwrap_or_else(|| panic!("no report in {}", said.stderr)).to_owned();
    let committed = story.sandbox.git(["show", &format!("HEAD:{path}")]);
    assert!(committed.starts_with("# Report: night shift\n") && committed.contains("Parse every input"), "{committed}");
}
