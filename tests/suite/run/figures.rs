//! A gate that measures: what became so much worse that the step which did it goes back by itself, and nothing else does.

use crate::{
    run::{log, stage},
    sandbox::Sandbox,
};

const FASTER_AND_SLOWER: &str = "version: 1
attempts:
  - when: { task: Fair }
    steps:
      - write: { path: one/speed.txt, content: \"time: 1,150 ns\\n\" }
      - say: Done.
  - when: { task: Slow }
    steps:
      - write: { path: one/speed.txt, content: \"time: 1,300 ns\\n\" }
      - write: { path: one/new.txt, content: \"new\\n\" }
      - say: Done.
  - when: { task: Mute }
    steps:
      - write: { path: one/speed.txt, content: \"fast\\n\" }
      - say: Done.
";

fn measured(tasks: &[&str]) -> Sandbox {
    let sandbox = stage(FASTER_AND_SLOWER, tasks);
    let config = "../home/.config/autonomy/config.toml";
    let gate = "[gates.speed]\ncommand = \"cat one/speed.txt\"\nkind = \"performance\"\nfigure = \"time:\"\n";
    sandbox.write(config, format!("{}{gate}", sandbox.read(config)));
    sandbox.write("one/speed.txt", "time: 1,000 ns\n");
    sandbox.write("two/theirs.txt", "committed\n");
    sandbox.commit_all("a measure");
    sandbox
}

#[test]
fn a_step_that_makes_it_more_than_a_fifth_worse_goes_back_and_its_work_is_kept() {
    let sandbox = measured(&["Fair", "Slow"]);
    sandbox.write("two/theirs.txt", "a person's, not committed\n");
    sandbox.write("one/mine.txt", "a person's, new\n");
    let said = sandbox.autonomy(["run"]).ended(1).stderr;
    assert!(said.contains("gate speed: green") && said.contains("gate speed is red"), "{said}");
    assert!(
        log(&sandbox).contains("`time:` is 1300, which is 30 % more than 1000 at first in this session"),
        "{}",
        log(&sandbox)
    );
    assert_eq!(sandbox.read("one/speed.txt"), "time: 1,150 ns\n", "15 % are let pass, and what was landed stays");
    assert_eq!(sandbox.status(), " M two/theirs.txt\n?? one/mine.txt", "nothing of the person's, nor beside it, was touched");
    let parked = sandbox.git(["for-each-ref", "--format=%(refname)", "refs/autonomy/parked"]);
    assert_eq!(sandbox.git(["show", &format!("{}:one/new.txt", parked.trim())]), "new", "the work is kept");
    assert!(sandbox.autonomy(["report"]).ok().stdout.contains("Slow"), "and the report names it");
    sandbox.run(sandbox.command(["rollback", "--undo", "--yes"]).env("AUTONOMY_TERMINAL", "yes")).ok();
    assert_eq!((sandbox.read("one/speed.txt").as_str(), sandbox.exists("one/new.txt")), ("time: 1,300 ns\n", true));
}

#[test]
fn a_gate_that_measures_and_says_no_number_is_broken() {
    let sandbox = measured(&["Mute"]);
    let said = sandbox.autonomy(["run"]).ended(1).stderr;
    assert!(said.contains("gate speed is broken"), "{said}");
    assert!(log(&sandbox).contains("it printed no number after `time:`, which is its figure"), "{}", log(&sandbox));
}
