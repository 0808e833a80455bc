//! Files that go through a filter program: stored and put back as git does it, once a person trusts the program.

use crate::sandbox::Sandbox;

#[test]
fn a_filter_of_the_repository_runs_once_it_is_trusted() {
    let sandbox = Sandbox::fixture("filter");
    sandbox.autonomy(["checkpoint", "unchanged"]).ok();
    sandbox.write("a.small", "two\n");
    let before = sandbox.belongings();
    for arguments in [&["checkpoint", "changed"][..], &["rollback", "--last", "--yes"]] {
        let refused = sandbox.autonomy(arguments).ended(3);
        assert!(refused.stderr.contains("`a.small` goes through the filter `small`"), "{refused}");
        assert!(refused.stderr.contains("autonomy trust"), "{refused}");
        sandbox.belongings().assert_same(&before, &[]);
    }
    let terminal = sandbox.with("AUTONOMY_TERMINAL", "yes");
    terminal.autonomy(["trust", "--yes"]).ok();

    let taken = terminal.autonomy(["checkpoint", "changed"]).ok().stdout.trim().to_owned();
    assert_eq!(terminal.git(["show", &format!("{taken}:a.small")]), "TWO", "it is stored as git stores it");
    terminal.write("a.small", "three\n");
    let after = terminal.belongings();
    terminal.autonomy(["rollback", &taken, "--yes"]).ok();
    assert_eq!(terminal.read("a.small"), "two\n");
    terminal.belongings().assert_same(&before, &[]);
    terminal.autonomy(["rollback", "--undo", "--yes"]).ok();
    terminal.belongings().assert_same(&after, &[]);
    terminal.git(["fsck", "--strict", "--no-dangling"]);
}

#[test]
fn a_filter_of_the_person_s_own_configuration_runs_as_under_git() {
    let sandbox = Sandbox::new();
    sandbox.git(["config", "--global", "filter.small.clean", "tr a-z A-Z"]);
    sandbox.git(["config", "--global", "filter.small.smudge", "tr A-Z a-z"]);
    sandbox.write(".gitattributes", "*.small filter=small\n");
    sandbox.write("a.small", "one\n");
    let taken = sandbox.autonomy(["checkpoint", "first"]).ok().stdout.trim().to_owned();
    assert_eq!(sandbox.git(["show", &format!("{taken}:a.small")]), "ONE");
    std::fs::remove_file(sandbox.path("a.small")).unwrap();
    sandbox.autonomy(["rollback", "--last", "--yes"]).ok();
    assert_eq!(sandbox.read("a.small"), "one\n");
}

#[test]
fn many_files_of_a_filter_go_back_in_a_few_calls_of_git() {
    let sandbox = Sandbox::new();
    sandbox.git(["config", "--global", "filter.small.clean", "tr a-z A-Z"]);
    sandbox.git(["config", "--global", "filter.small.smudge", "tr A-Z a-z"]);
    sandbox.write(".gitattributes", "*.small filter=small\n");
    let write =
        |content: &str| (0..30).for_each(|number| sandbox.write(format!("{number}.small"), format!("{content} {number}\n")));
    write("one");
    sandbox.commit_all("one");
    sandbox.autonomy(["checkpoint", "first"]).ok();
    write("two");
    let calls = sandbox.base().join("calls");
    let real = sandbox.run(sandbox.program("sh").args(["-c", "command -v git"])).ok().stdout;
    sandbox.install("git", &format!("#!/bin/sh\necho \"$*\" >>'{}'\nexec '{}' \"$@\"\n", calls.display(), real.trim()));
    sandbox.autonomy(["rollback", "--last", "--yes"]).ok();
    let calls = std::fs::read_to_string(calls).unwrap_or_default();
    assert!(calls.contains("checkout-index"), "{calls}");
    assert!(calls.lines().count() < 30, "{} calls:\n{calls}", calls.lines().count());
    std::fs::remove_file(sandbox.base().join("bin/git")).unwrap();
    assert_eq!(
        (sandbox.read("0.small"), sandbox.read("29.small"), sandbox.status()),
        ("one 0\n".into(), "one 29\n".into(), String::new())
    );
}
