//! What is played when, what a recording may hold, and that it reads back as it was written.

use proptest::prelude::*;

use super::*;
use crate::model::{change::TreePath, time::Lapse};

fn path(text: &str) -> TreePath {
    text.parse().expect("a clean path")
}

fn write(path: TreePath, bytes: &[u8]) -> Write {
    Write { path, bytes: bytes.to_owned(), executable: None }
}

#[test]
fn the_first_part_that_fits_the_task_and_attempt_is_played() {
    let recording = Recording::read(
        "r.yaml",
        "version: 1
steps: [say: others]
attempts:
  - when: {task: Fix the parser, attempt: 2}
    steps: [say: second]
  - when: {task: Fix the parser}
    steps: [say: first]
  - when: {attempt: 3}
    steps: [say: third]
",
    )
    .expect("it is a recording");
    let task = |name: &str| TaskId::new(name).expect("a plain name");
    let said = |name: Option<&str>, attempt| match recording.part(name.map(task).as_ref(), attempt) {
        Ok([Step::Say(text)]) => text.clone(),
        other => panic!("{other:?}"),
    };
    assert_eq!(said(Some("20261120_180000-fix-the-parser-k3x9"), 1), "first");
    assert_eq!(said(Some("20261120_180000-fix-the-parser-k3x9"), 2), "second");
    assert_eq!(said(Some("20261120_180000-fix-the-parser-too-k3x9"), 2), "others");
    assert_eq!(said(None, 3), "third");
    assert_eq!(said(None, 1), "others");
    let only = Recording { steps: vec![], ..recording };
    assert!(only.part(None, 1).expect_err("nothing fits").message.contains("nothing for attempt 1"));
}

#[test]
fn mistakes_are_told_with_their_place() {
    let told = |text: &str| Recording::read("demo.yaml", text).expect_err(text).message;
    insta::assert_snapshot!(told("version: 1\nsteps:\n  - say: hi\n  - wriet: {path: a}\n"), @"
    cannot read `demo.yaml`: line 4, column 5: unknown variant `wriet`, expected one of say, write, patch, link, delete, run, autonomy, client, sleep, exit
      |
    2 | steps:
    3 |   - say: hi
    4 |   - wriet: {path: a}
      |     ^ unknown variant `wriet`, expected one of say, write, patch, link, delete, run, autonomy, client, sleep, exit
    ");
    insta::assert_snapshot!(told("version: 1\nsteps:\n  - delete: ../outside\n"), @"
    cannot read `demo.yaml`: line 3, column 13: the path `../outside` is not a clean path below the top of the work tree
      |
    1 | version: 1
    2 | steps:
    3 |   - delete: ../outside
      |             ^ the path `../outside` is not a clean path below the top of the work tree
    ");
    insta::assert_snapshot!(told("version: 1\nsteps:\n  - write: {path: .git/config, content: x}\n"), @"
    cannot read `demo.yaml`: line 3, column 19: the path `.git/config` leads into git's own directory
      |
    1 | version: 1
    2 | steps:
    3 |   - write: {path: .git/config, content: x}
      |                   ^ the path `.git/config` leads into git's own directory
    ");
    insta::assert_snapshot!(told("version: 1\nsteps: [write: {path: a}]\n"), @"
    cannot read `demo.yaml`: line 2, column 16: the writing of `a` needs either `content` or `hex`
      |
    1 | version: 1
    2 | steps: [write: {path: a}]
      |                ^ the writing of `a` needs either `content` or `hex`
    ");
    insta::assert_snapshot!(told("version: 1\nsteps: [write: {path: a, hex: abc}]\n"), @"
    cannot read `demo.yaml`: line 2, column 16: the `hex` of `a` is not pairs of hexadecimal digits
      |
    1 | version: 1
    2 | steps: [write: {path: a, hex: abc}]
      |                ^ the `hex` of `a` is not pairs of hexadecimal digits
    ");
    insta::assert_snapshot!(told("version: 2\nnew: form\n"), @"cannot read `demo.yaml`: its version is 2, this program knows 1");
    insta::assert_snapshot!(told("steps: []\n"), @"cannot read `demo.yaml`: it has to say `version: 1`");
}

#[test]
fn every_kind_of_step_reads_back_as_it_was_written() {
    let steps = vec![
        Step::Say("two\nlines".into()),
        Step::Write(Write { executable: Some(true), ..write(path("a/b.sh"), b"#!/bin/sh\n\techo  \n\n") }),
        Step::Write(write(path("raw"), b"\xff\0\r\n")),
        Step::Patch(Patch { path: path("a"), find: "x".into(), replace: String::new(), all: true }),
        Step::Link(Link { path: path("l"), target: "../x".into() }),
        Step::Delete(path("sp ace")),
        Step::Run(Run::Argv(vec!["cargo".into(), "test".into()])),
        Step::Run(Run::Shell("a | b".into())),
        Step::Autonomy(vec!["task".into(), "list".into()]),
        Step::Client(r#"{"type":"result"}"#.into()),
        Step::Sleep(Lapse::seconds(2)),
        Step::Exit(3),
    ];
    let when = When { task: Some("fix".into()), attempt: Some(1) };
    let recording = Recording { attempts: vec![Part { when, steps }], ..Recording::new() };
    let text = recording.write().expect("it can be written");
    insta::assert_snapshot!(text, @r#"
    version: 1
    attempts:
      - when:
          task: fix
          attempt: 1
        steps:
          - say: |-
              two
              lines
          - write:
              path: a/b.sh
              content: |+
                #!/bin/sh
                	echo  
                
              executable: true
          - write:
              path: raw
              hex: ff000d0a
          - patch:
              path: a
              find: x
              replace: ""
              all: true
          - link:
              path: l
              target: ../x
          - delete: sp ace
          - run:
              argv:
                - cargo
                - test
          - run:
              shell: a | b
          - autonomy:
              - task
              - list
          - client: "{\"type\":\"result\"}"
          - sleep: 2s
          - exit: 3
    "#);
    assert_eq!(Recording::read("r.yaml", &text), Ok(recording));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_file_survives(bytes in prop::collection::vec(any::<u8>(), 0..200), text in "(?s).{0,200}") {
        for bytes in [bytes, text.into_bytes()] {
            let steps = vec![Step::Write(write(path("a"), &bytes))];
            let yaml = Recording { steps, ..Recording::new() }.write().expect("it can be written");
            let back = Recording::read("r.yaml", &yaml).expect(&yaml);
            let [Step::Write(write)] = back.steps.as_slice() else { panic!("{back:?}") };
            prop_assert_eq!(&write.bytes, &bytes);
        }
    }
}

#[test]
fn a_patch_fits_exactly_once_unless_told_otherwise() {
    let patch = |find: &str, all| Patch { path: path("a"), find: find.into(), replace: "Z".into(), all };
    assert_eq!(patch("b", false).apply("abc").as_deref(), Ok("aZc"));
    assert_eq!(patch("a", true).apply("aba").as_deref(), Ok("ZbZ"));
    assert!(patch("a", false).apply("aba").expect_err("twice").message.contains("2 times"));
    assert!(patch("x", true).apply("aba").expect_err("not there").message.contains("is not in it"));
    assert!(patch("", true).apply("aba").is_err());
}
