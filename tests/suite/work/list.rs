//! Tasks out of a check-list and back.

use crate::work::{add, begin, standing};

const LIST: &str = "# TODO\r\n\r\n## High\r\n- [ ] Fix the parser (30m)\r\n  - [ ] no panic\r\n  - Acceptance: `true`\r\n- [x] Old\r\n\r\n## Later\r\n- [ ] Dream\r\n  - After: Fix the parser (30m), fix the parser, Old, Nowhere\r\n- [2026-01-29] a date\r\n";

#[test]
fn a_list_is_read_once_and_never_written() {
    let sandbox = begin();
    sandbox.write("docs/TODO.md", LIST);
    sandbox.commit_all("a list");
    let read = sandbox.autonomy(["task", "import"]).ok();
    assert_eq!(read.stdout.lines().count(), 2, "{read}");
    assert!(read.stderr.contains("Read 2 new and 0 known tasks"), "{read}");
    assert!(read.stderr.contains("No task is called `Nowhere`"), "{read}");
    assert!(sandbox.autonomy(["task", "import"]).ok().stderr.contains("Read 0 new and 2 known tasks"));
    let next = sandbox.autonomy(["next"]).ok().stdout;
    assert!(next.starts_with("1. Fix the parser (high, 30m)"), "{next}");
    assert!(next.contains("- [ ] no panic") && next.contains("- test: `true`") && next.contains("Dream (open, after "), "{next}");
    assert_eq!(sandbox.read("docs/TODO.md"), LIST);
    sandbox.write("docs/TODO.md", LIST.replace("- [ ] Fix", "- [x] Fix"));
    assert!(sandbox.autonomy(["task", "import"]).ok().stderr.contains("Done, unproven: Fix the parser (ticked in line 4)"));
    assert_eq!(standing(&sandbox, "fix the parser"), "done");
    assert!(sandbox.autonomy(["task", "import", "NOTHING.md"]).ended(2).stderr.contains("there is no `NOTHING.md`"));
    sandbox.autonomy(["task", "import", "../x"]).ended(2);
}

#[test]
fn what_is_given_out_can_be_read_again() {
    let sandbox = begin();
    add(&sandbox, "One", &["--priority", "critical", "--estimate", "2h", "--criterion", "it works", "--test", "make check"]);
    add(&sandbox, "Two", &["--after", "one", "--gate", "business-decision", "--description", "At last."]);
    let text = sandbox.autonomy(["task", "export"]).ok().stdout;
    insta::assert_snapshot!(text, @r"
    # Tasks

    ## Critical priority

    - [ ] One (2h)
      - [ ] it works
      - Acceptance:
        - `make check`

    ## Medium priority

    - [ ] Two
      At last.
      - After:
        - One
      - Gates: business decision
    ");
    let other = begin();
    other.write("list.md", &text);
    other.autonomy(["task", "import", "list.md"]).ok();
    assert_eq!(other.autonomy(["task", "export"]).ok().stdout, text);
}

#[test]
fn a_list_that_waits_for_itself_is_refused_whole() {
    let sandbox = begin();
    sandbox.write("docs/TODO.md", "- [ ] A\n  - After: B\n- [ ] B\n  - After: A\n");
    let refused = sandbox.autonomy(["task", "import"]).ended(2).stderr;
    assert!(refused.contains("would wait for each other"), "{refused}");
    assert!(!sandbox.exists(".claude/tasks"));
}
