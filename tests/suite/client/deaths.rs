//! The real agent client and our own program, killed in the middle of a task; and two of them at once.

use std::{
    fs,
    path::Path,
    process::{Child, Stdio},
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use autonomy::{
    host::process::is_alive,
    model::{event::Fact, process::ProcessMark},
};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;

use crate::{
    client::{
        hooks::{COMPACTS_EARLY, CONVERSATION, GOAL, briefings, client, conversation, fills, is_at_least, with_hooks},
        messages::{Answer, Messages},
    },
    hook::facts,
    sandbox::Sandbox,
};

/// How long the client may take to come to where it is killed.
const PATIENCE: Duration = Duration::from_mins(1);

/// At first a tool that says that it began and goes on for longer than anybody waits; whoever asks again works to the end.
fn work() -> Messages {
    let begun = AtomicBool::new(false);
    Messages::start(Box::new(move |body| {
        let tool = |command: &str| Answer::Tool("Bash", json!({ "command": command, "description": "work" }));
        // Earlier clients warm up with requests of their own.
        if !conversation(body).contains("Work to the end") {
            Answer::Words("Ready.".to_owned())
        } else if !begun.swap(true, Ordering::SeqCst) {
            tool("touch began.txt; sleep 120")
        } else if conversation(body).contains("to the end >> work.txt") {
            Answer::Words("Done.".to_owned())
        } else {
            tool("rm -f began.txt; echo to the end >> work.txt")
        }
    }))
}

fn ready(server: &Messages) -> Option<Sandbox> {
    let sandbox = with_hooks(server)?.with("AUTONOMY_TERMINAL", "yes").apart();
    let program = sandbox.base().join("bin/claude");
    let profile = format!("driver = \"claude\"\nprogram = {:?}\nallow = [\"Bash\"]\n", program.display().to_string());
    sandbox.write("../home/.config/autonomy/config.toml", format!("version = 1\n[agents.claude]\n{profile}"));
    sandbox.autonomy(["task", "add", "Work to the end"]).ok();
    Some(sandbox)
}

const RUN: [&str; 6] = ["run", "--agent", "claude", "--uncontained", "--max-steps", "4"];

fn start(sandbox: &Sandbox) -> Child {
    sandbox.command(RUN).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it starts")
}

fn wait_for(path: &Path) {
    let begun = Instant::now();
    while !path.exists() {
        assert!(begun.elapsed() < PATIENCE, "{} is not there", path.display());
        thread::sleep(Duration::from_millis(50));
    }
}

/// The process of the attempt that was begun last.
fn agent(sandbox: &Sandbox) -> ProcessMark {
    let mut marks = facts(sandbox).into_iter().filter_map(|fact| match fact {
        Fact::StepSpawned { process, .. } => serde_json::from_value::<ProcessMark>(process).ok(),
        _ => None,
    });
    marks.next_back().expect("it was started")
}

fn is_finished(sandbox: &Sandbox) {
    assert_eq!(
        sandbox.git(["show", "--format=%s", "--name-only", "HEAD", "--", "work.txt"]).trim(),
        "Work to the end\n\nwork.txt"
    );
    assert_eq!(sandbox.read("work.txt"), "to the end\n", "once");
    let done = facts(sandbox).iter().filter(|fact| matches!(fact, Fact::TaskDone { .. })).count();
    assert_eq!(done, 1);
}

#[test]
fn a_client_that_is_killed_is_started_again_on_its_own_work() {
    let server = work();
    let Some(sandbox) = ready(&server) else { return };
    let mut run = start(&sandbox);
    wait_for(&sandbox.path("began.txt"));
    let agent = Pid::from_raw(i32::try_from(agent(&sandbox).pid).expect("small")).expect("not 0");
    kill_process(agent, Signal::KILL).expect("it runs");
    assert!(run.wait().expect("ends").success());
    is_finished(&sandbox);
    let ended: Vec<String> = facts(&sandbox)
        .into_iter()
        .filter_map(|fact| match fact {
            Fact::StepEnded { outcome, .. } => Some(outcome.to_string()),
            _ => None,
        })
        .collect();
    assert_eq!(ended.len(), 2, "{ended:?}");
}

#[test]
fn a_run_that_is_killed_is_gone_on_with_and_nothing_of_it_is_left() {
    let server = work();
    let Some(sandbox) = ready(&server) else { return };
    let mut run = start(&sandbox);
    wait_for(&sandbox.path("began.txt"));
    let orphan = agent(&sandbox);
    run.kill().expect("it runs");
    run.wait().expect("ends");
    sandbox.autonomy(RUN).ok();
    is_finished(&sandbox);
    // Where process 1 reaps nothing, as in many containers, a process that ended keeps its number.
    assert!(!is_alive(&orphan), "the client of the first run is still there");
}

#[test]
fn two_conversations_in_two_work_trees_are_compacted_at_once_and_each_has_what_is_its_own() {
    let server = fills("seq 1 400 > own.txt; cat own.txt");
    let Some(sandbox) = with_hooks(&server) else { return };
    if !is_at_least(&sandbox, "2.1.197", "an automatic compaction") {
        return;
    }
    let sandbox = sandbox.with(COMPACTS_EARLY.0, COMPACTS_EARLY.1);
    let other = sandbox.base().join("other");
    sandbox.git(["worktree", "add", "--quiet", "-b", "other", other.to_str().expect("plain")]);
    let there = |arguments: &[&str]| {
        let mut command = sandbox.command(arguments);
        sandbox.run(command.current_dir(&other)).ok()
    };
    there(&["init"]);
    there(&["session", "start", "y", "--goal", "The printer prints every tree"]);
    sandbox.autonomy(GOAL).ok();
    let second = CONVERSATION.replace("c1", "c2");
    thread::scope(|scope| {
        scope.spawn(|| client(&sandbox, &["--session-id", CONVERSATION, "go"]));
        let mut command = sandbox.program("claude");
        command.current_dir(&other);
        command.args(["-p", "--permission-mode", "dontAsk", "--allowedTools", "Bash"]);
        command.args(["--session-id", &second, "go"]).stdin(Stdio::null());
        sandbox.run(&mut command).ok();
    });
    let requests = server.requests();
    let last = |goal: &str| requests.iter().rev().find(|body| conversation(body).contains(goal)).expect("it asked").clone();
    let (ours, theirs) = (last("The parser takes every input"), last("The printer prints every tree"));
    assert_eq!(briefings(&ours), (1, 1));
    assert_eq!(conversation(&theirs).matches("The printer prints every tree").count(), 1);
    assert!(!conversation(&ours).contains("every tree") && !conversation(&theirs).contains("every input"));
    let restored = |facts: Vec<Fact>| facts.into_iter().filter(|fact| matches!(fact, Fact::CompactionRestored { .. })).count();
    assert_eq!(restored(facts(&sandbox)), 1);
    assert!(fs::exists(other.join("own.txt")).expect("looked at"));
}
