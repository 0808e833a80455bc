//! The demo, as a person runs it.

use crate::sandbox::Sandbox;

#[test]
fn the_demo_shows_the_main_job_from_a_failing_test_to_a_report() {
    let person = std::env::var("HOME").map(std::path::PathBuf::from).unwrap_or_default();
    let place = |name: &str, usual: &str| std::env::var_os(name).map_or_else(|| person.join(usual), std::path::PathBuf::from);
    let sandbox = Sandbox::new()
        .with("PATH", std::env::var_os("PATH").unwrap_or_default())
        .with("RUSTUP_HOME", place("RUSTUP_HOME", ".rustup"))
        .with("CARGO_HOME", place("CARGO_HOME", ".cargo"));
    let mine = sandbox.belongings();
    let said = sandbox.autonomy(["demo"]).ok();
    let told = &said.stdout;
    for words in [
        "gate tests: red already",
        "Killed.",
        "an attempt was cut short; what it changed is kept and gone on with: 1 path",
        "try 1 failed: gate tests is red",
        "Add the spread: the largest value less the smallest: try 2 of 3",
        "on `main`: Round figures for people",
        "exit code 3",
        "Under which licence may others use this crate?",
    ] {
        assert!(told.contains(words), "`{words}` is not in:\n{told}\n{}", said.stderr);
    }
    let lines = told.lines().count() + said.stderr.lines().count();
    assert!(lines <= 60, "{lines} lines:\n{told}");
    assert_eq!(sandbox.belongings(), mine, "the demo touched what is not its own");
}
