//! Milestones: the usual ones, what tests them, the checkpoint that each leaves, and what a way back does to them.

use crate::{
    sandbox::Sandbox,
    work::{add, begin, standing},
};

/// How far the work is, in percent.
fn percent(sandbox: &Sandbox) -> u64 {
    sandbox.autonomy(["status", "--json"]).ok().json()["headway"]["percent"].as_u64().expect("there are tasks")
}

/// Every command that the repository declares may run.
fn trust(sandbox: &Sandbox) {
    sandbox.run(sandbox.command(["trust", "--yes"]).env("AUTONOMY_TERMINAL", "yes")).ok();
}

#[test]
fn the_eight_usual_ones_are_added_once_and_a_component_that_comes_later_gets_its_two() {
    let sandbox = begin();
    let first = sandbox.autonomy(["task", "milestones", "--component", "Parser", "--json"]).ok().json();
    assert_eq!((first["added"].as_array().map(Vec::len), first["known"].as_array().map(Vec::len)), (Some(8), Some(0)));
    let again = sandbox.autonomy(["task", "milestones", "--component", "Parser"]).ok();
    assert_eq!((again.stdout.as_str(), again.stderr.contains("Added 0 milestones; 8 were there")), ("", true));
    let later = sandbox.autonomy(["task", "milestones", "--component", "Parser", "--component", "Server"]).ok().stdout;
    assert_eq!(later.lines().count(), 2, "{later}");
    let last = sandbox.autonomy(["task", "show", "Integration tests passing", "--json"]).ok().json();
    assert_eq!(last["task"]["after"].as_array().map(Vec::len), Some(2), "{last}");
    sandbox.autonomy(["task", "milestones", "--component", " "]).ended(2);
    sandbox.autonomy(["task", "lint"]).ok();
    let early = sandbox.autonomy(["task", "done", "Architecture complete"]).ended(1).stderr;
    assert!(early.contains("cannot finish the task") && early.contains("`Discovery complete` comes first"), "{early}");
    let done = sandbox.autonomy(["task", "done", "Discovery complete"]).ok().stderr;
    assert!(done.contains("-discovery-complete"), "what nothing tests is reached when somebody says so: {done}");
    assert_eq!(standing(&sandbox, "Architecture complete"), "open", "and what comes after it only is not");
}

#[test]
fn what_tests_a_milestone_is_run_before_it_is_reached() {
    let sandbox = begin();
    sandbox.write(".claude/autonomy.toml", "version = 1\n[gates.file]\ncommand = \"cat state; grep -q good state\"\n");
    sandbox.write("state", "bad\n");
    sandbox.commit_all("a gate");
    add(&sandbox, "Build", &[]);
    add(&sandbox, "Beta", &["--milestone", "--after", "Build", "--test", "test -e shipped"]);
    let untrusted = sandbox.autonomy(["task", "done", "Build"]).ok().stderr;
    assert!(untrusted.contains("is due: `autonomy task done "), "{untrusted}");
    assert!(sandbox.autonomy(["task", "done", "Beta"]).ended(3).stderr.contains("nobody trusts `test -e shipped`"));
    trust(&sandbox);
    let red = sandbox.autonomy(["task", "done", "Beta"]).ended(1).stderr;
    assert!(red.contains("is not reached: the gate `file` is red; what it printed last:\nbad\n"), "{red}");
    sandbox.write("state", "good\n");
    let red = sandbox.autonomy(["task", "done", "Beta"]).ended(1).stderr;
    assert!(red.contains("is not reached: `test -e shipped` is red; it printed nothing"), "{red}");
    sandbox.write("shipped", "");
    let before = percent(&sandbox);
    let done = sandbox.autonomy(["task", "done", "Beta", "--json"]).ok().json();
    assert_eq!((&done["progress"]["proof"], done["reached"].as_array().map(Vec::len)), (&"proven".into(), Some(1)));
    let shown = sandbox.autonomy(["checkpoint", "show", done["checkpoint"].as_str().unwrap(), "--json"]).ok().json();
    assert_eq!((&shown["checkpoint"]["kind"], &shown["checkpoint"]["milestone"]), (&"milestone".into(), &"Beta".into()));
    assert_eq!((before, percent(&sandbox), &shown["checkpoint"]["percent"]), (80, 100, &100.into()));
}

#[test]
fn after_a_way_back_a_milestone_and_its_tasks_are_open_again_and_the_percentage_is_what_it_was() {
    let sandbox = begin().with("AUTONOMY_TERMINAL", "yes");
    sandbox.write(".claude/autonomy.toml", "version = 1\n[gates.ok]\ncommand = \"true\"\n");
    sandbox.commit_all("a gate");
    trust(&sandbox);
    for (task, file) in [("One", "one.txt"), ("Two", "two.txt")] {
        add(&sandbox, task, &[]);
        add(&sandbox, &format!("{task} shipped"), &["--milestone", "--after", task]);
        sandbox.write(file, "x\n");
    }
    std::fs::remove_file(sandbox.path("two.txt")).unwrap();
    let finish = |task: &str| {
        sandbox.autonomy(["gate", "run"]).ok();
        sandbox.autonomy(["task", "done", task]).ok();
        percent(&sandbox)
    };
    let half = finish("One");
    sandbox.write("two.txt", "x\n");
    assert_eq!((half, finish("Two")), (50, 100));
    let back = sandbox.autonomy(["rollback", "milestone reached: One shipped", "--yes"]).ok().stderr;
    assert_eq!(back.matches(" is open again").count(), 2, "{back}");
    assert_eq!((standing(&sandbox, "One shipped"), standing(&sandbox, "Two shipped")), ("done".into(), "open".into()));
    assert_eq!(percent(&sandbox), half);
    sandbox.autonomy(["rollback", "--undo", "--yes"]).ok();
    assert_eq!((standing(&sandbox, "Two shipped"), percent(&sandbox)), ("done".into(), 100));
}
