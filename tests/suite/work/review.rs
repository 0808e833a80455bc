//! The decisions of a range of commits, as its reviewers meet them in any clone.

use crate::{
    sandbox::Sandbox,
    work::{begin, with_token},
};

/// A branch that takes a function out of a library which `main` has.
fn parted() -> Sandbox {
    let sandbox = with_token();
    sandbox.write("Cargo.toml", "[package]\nname = \"shop\"\nversion = \"0.1.0\"\nedition = \"2024\"\n");
    sandbox.write("src/lib.rs", "//! A shop.\n\n/// Opens it.\npub fn open() {}\n\n/// Closes it.\npub fn close() {}\n");
    sandbox.commit_all("a shop");
    sandbox.git(["switch", "--quiet", "--create", "topic"]);
    sandbox.autonomy(["session", "start"]).ok();
    sandbox.write("src/lib.rs", "//! A shop.\n\n/// Opens it.\npub fn open() {}\n");
    sandbox.commit_all("it never closes");
    sandbox
}

#[test]
fn a_change_of_some_risk_needs_a_decision_that_holds() {
    let sandbox = parted();
    let check = |sandbox: &Sandbox| sandbox.autonomy(["decision", "check", "main...HEAD"]);
    let found = check(&sandbox).ended(1).stdout;
    assert!(found.starts_with("src/lib.rs: ") && found.contains("no decision is about it: `autonomy decide"), "{found}");
    let decide = ["decide", "Never close", "--option", "never", "--choose", "never", "--because", "Nobody asked."];
    sandbox.autonomy([&decide[..], &["--risk", "low", "--path", "src/lib.rs"]].concat()).ok();
    sandbox.commit_all("said lightly");
    assert!(check(&sandbox).ended(1).stdout.contains("says low risk"));
    sandbox.autonomy([&decide[..], &["--risk", "critical", "--path", "src"]].concat()).ok();
    sandbox.commit_all("said");
    assert_eq!(check(&sandbox).ok().stdout, "");
    let by_agent = [&decide[..], &["--risk", "critical", "--path", "docs"]].concat();
    let proposed = sandbox.run(sandbox.command(by_agent).env("CLAUDECODE", "1")).ended(3).stdout;
    sandbox.commit_all("proposed");
    let waits = check(&sandbox).ended(1).stdout;
    let line = format!(".claude/decisions/{}.md:5: it waits for a person", proposed.lines().next().unwrap());
    assert!(waits.starts_with(&line), "{waits}");
    let digest = sandbox.autonomy(["decision", "digest", "--since", "main"]).ok().stdout;
    let headings: Vec<&str> = digest.lines().filter(|line| line.starts_with('#')).collect();
    assert_eq!(headings, ["## Decisions", "### Wait for a person (1)", "### To look at (1)", "### Taken (1)"]);
    sandbox.git(["clone", "--quiet", "--branch", "topic", ".", "../clone"]);
    sandbox.git(["clone", "--quiet", "--depth", "1", &format!("file://{}", sandbox.work().display()), "../shallow"]);
    let sandbox = sandbox.at("../clone");
    let there = sandbox.autonomy(["decision", "check", "origin/main...HEAD"]).ended(1).stdout;
    assert_eq!(there, waits, "a clone without a log says the same");
    let sandbox = sandbox.at("../shallow");
    let shallow = sandbox.autonomy(["decision", "check", "HEAD~3..HEAD"]).ended(1).stderr;
    assert!(shallow.contains("shallow") && shallow.contains("git fetch --unshallow"), "{shallow}");
}

#[test]
fn a_range_that_is_none_is_refused() {
    let sandbox = begin();
    assert!(sandbox.autonomy(["decision", "check", "main"]).ended(2).stderr.contains("is no range of commits"));
    sandbox.autonomy(["decision", "digest", "--since", "nowhere"]).ended(2);
    assert!(sandbox.autonomy(["decision", "digest", "--since", "HEAD"]).ok().stdout.contains("None was taken or changed."));
}
