//! The box of a task in the check-list that it came from: one character, in that task's code commit.

use crate::{
    run::{GREET, stage},
    sandbox::Sandbox,
};

const LIST: &str = "# To do\r\n\r\n* [ ] Greet\r\n  with care\r\n* [ ] Break\r\n* [X] Old\r\nno end";

/// The agent of `GREET` with two tasks out of a committed check-list.
fn imported() -> Sandbox {
    let sandbox = stage(GREET, &[]);
    sandbox.write("docs/TODO.md", LIST);
    sandbox.commit_all("a list");
    sandbox.autonomy(["task", "import"]).ok();
    sandbox
}

#[test]
fn one_character_is_ticked_in_the_commit_of_the_code_and_none_for_what_failed() {
    let sandbox = imported();
    sandbox.autonomy(["run"]).ended(1);
    let ticked = LIST.replace("[ ] Greet", "[x] Greet");
    assert_eq!(sandbox.read("docs/TODO.md"), ticked, "what stayed red has no tick");
    let commit = sandbox.git(["log", "-1", "--format=%H", "--", "docs/TODO.md"]);
    let changed = sandbox.git(["show", "--format=%s", "--name-only", commit.trim(), "--", ":!.claude"]);
    assert_eq!(changed.trim(), "Greet\n\ndocs/TODO.md\ngreeting.txt");
    assert!(!sandbox.status().contains("TODO.md"), "{}", sandbox.status());
}

#[test]
fn a_list_that_the_person_left_unfinished_is_not_touched() {
    let sandbox = imported();
    let theirs = LIST.replace("* [X] Old", "* [X] Old\r\n* [ ] A thought of mine");
    sandbox.write("docs/TODO.md", &theirs);
    sandbox.autonomy(["run", "--task", "Greet"]).ok();
    assert_eq!(sandbox.read("docs/TODO.md"), theirs);
    assert_eq!(sandbox.git(["show", "HEAD:docs/TODO.md"]), LIST);
    assert!(sandbox.exists("greeting.txt"), "the task itself is done");
}

#[test]
fn a_line_with_other_words_is_not_touched() {
    let sandbox = imported();
    let theirs = LIST.replace("[ ] Greet", "[ ] Greet everybody");
    sandbox.write("docs/TODO.md", &theirs);
    sandbox.commit_all("other words");
    sandbox.autonomy(["run", "--task", "Greet"]).ok();
    assert_eq!(sandbox.read("docs/TODO.md"), theirs);
}
