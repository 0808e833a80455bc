//! What a task changes and nobody decided: nothing of high risk is committed before a person says so, once.

use crate::{
    run::{log_count, settle_on},
    sandbox::Sandbox,
    work::{answer, open_question, with_token},
};

/// A library of eight functions, and a task whose agent carries out `steps` and takes seven of them away.
fn shop(steps: &str) -> Sandbox {
    let sandbox = with_token().apart();
    let doors = (1..=8).map(|door| format!("/// Opens door {door}.\npub fn open_{door}() {{}}\n"));
    let library = doors.collect::<Vec<_>>().concat();
    sandbox.write("Cargo.toml", "[package]\nname = \"shop\"\nversion = \"0.1.0\"\nedition = \"2024\"\n");
    sandbox.write("src/lib.rs", format!("//! A shop.\n{library}"));
    sandbox.commit_all("a shop");
    let file = sandbox.base().join("recording.yaml");
    let one = "//! A shop.\\n/// Opens door 1.\\npub fn open_1() {}\\n";
    let recording = format!("version: 1\nsteps:\n{steps}  - write: {{ path: src/lib.rs, content: \"{one}\" }}\n  - say: Done.\n");
    std::fs::write(&file, recording).unwrap();
    settle_on(&sandbox, &format!("driver = \"replay\"\narguments = [{:?}]\n", file.to_string_lossy()), &["Tidy the doors"]);
    sandbox
}

/// Runs, finds the task parked, lets the person approve the one question, and runs again.
fn approved(sandbox: &Sandbox) -> String {
    let head = sandbox.git(["rev-parse", "HEAD:src/lib.rs"]);
    let said = sandbox.autonomy(["run"]).ended(1);
    assert!(said.stdout.starts_with("0 done, 1 parked"), "{said}");
    assert_eq!(sandbox.git(["rev-parse", "HEAD:src/lib.rs"]), head);
    let why = said.stderr.lines().find(|line| line.starts_with("parked: ")).expect("it says so").to_owned();
    let question = open_question(sandbox);
    assert!(why.contains(&format!("`autonomy answer {question}` settles it")), "{why}");
    sandbox.autonomy(["inbox", "--check"]).ended(1);
    answer(sandbox, &question, "approve").ok();
    sandbox.autonomy(["task", "resume", "Tidy"]).ok();
    sandbox.autonomy(["run"]).ok();
    sandbox.autonomy(["inbox", "--check"]).ok();
    assert_ne!(sandbox.git(["rev-parse", "HEAD:src/lib.rs"]), head);
    why
}

#[test]
fn a_high_risk_change_that_nobody_decided_waits_for_a_person_and_lands_after() {
    let sandbox = shop("");
    let why = approved(&sandbox);
    assert!(why.contains("what others can use is gone") && why.contains("`src/lib.rs` (+0 -14, "), "{why}");
    assert!(why.contains("high risk, and no decision that holds says so") && why.contains("supervised.yaml:"), "{why}");
    assert_eq!(log_count(&sandbox, "question.asked"), 1);
}

#[test]
fn what_the_agent_declared_is_asked_about_and_nothing_else() {
    let decide = "autonomy decide Doors --kind api_design --risk high --path src --option fewer --choose fewer --because Unused";
    let step = format!("  - run: {{ shell: \"ls .claude/decisions/*doors* || {decide} || true\" }}\n");
    let sandbox = shop(&step);
    let why = approved(&sandbox);
    assert!(why.contains("no decision that holds says so"), "{why}");
    let decisions = sandbox.autonomy(["decision", "list", "--json"]).ok().json();
    assert_eq!(decisions["decisions"].as_array().unwrap().len(), 1, "{decisions}");
    assert_eq!(decisions["decisions"][0]["by"]["is"], "agent", "{decisions}");
}
