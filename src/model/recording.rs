//! A recording: what an agent does, written down so that it can be done again without one.
//!
//! It says what is played for which task and attempt; `run::agent::replay` plays it, `run::agent::record` writes it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::{
    change::TreePath,
    id::{TaskId, slug},
    refusal::Refusal,
    time::Lapse,
    yaml,
};

/// The version that this program reads and writes.
pub const VERSION: u32 = 1;

/// What is played, for any number of attempts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Recording {
    /// The version of this form, 1.
    pub version: u32,
    /// What is played when none of `attempts` fits.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<Step>,
    /// What is played for one task or attempt; the first that fits counts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attempts: Vec<Part>,
}

/// What is played when `when` fits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Part {
    /// For which task and attempt.
    #[serde(default)]
    pub when: When,
    /// What is played.
    pub steps: Vec<Step>,
}

/// Which attempts a part is for; what is left out fits all.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct When {
    /// The task's title, in any case, or its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<String>,
    /// The number of the try at the task, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempt: Option<u32>,
}

/// One thing that is done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// Says something.
    Say(String),
    /// Writes a file whole.
    Write(Write),
    /// Replaces one place of a file.
    Patch(Patch),
    /// Makes a symbolic link.
    Link(Link),
    /// Deletes a file or link.
    Delete(TreePath),
    /// Runs a program, whatever it exits with.
    Run(Run),
    /// Runs `autonomy` with these arguments, whatever it exits with.
    Autonomy(Vec<String>),
    /// Prints a raw line of an agent client, such as a `result` or `rate_limit_event`.
    Client(String),
    /// Waits.
    Sleep(Lapse),
    /// Ends with this exit code.
    Exit(u8),
}

/// A file written whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "Written", into = "Written")]
pub struct Write {
    /// The file.
    pub path: TreePath,
    /// What it is to hold.
    pub bytes: Vec<u8>,
    /// Whether it may be executed; as it was when left out.
    pub executable: Option<bool>,
}

/// The written form of [`Write`].
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Written {
    /// The file.
    path: TreePath,
    /// Its text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    content: Option<String>,
    /// Its bytes in hexadecimal, when they are not text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    hex: Option<String>,
    /// Whether it may be executed; as it was when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    executable: Option<bool>,
}

impl TryFrom<Written> for Write {
    type Error = Refusal;
    fn try_from(written: Written) -> Result<Self, Refusal> {
        let Written { path, content, hex, executable } = written;
        let bytes = match (content, hex) {
            (Some(text), None) => text.into_bytes(),
            (None, Some(hex)) => from_hex(&hex)
                .ok_or_else(|| Refusal::usage(format!("the `hex` of `{path}` is not pairs of hexadecimal digits")))?,
            (Some(_), Some(_)) | (None, None) => {
                return Err(Refusal::usage(format!("the writing of `{path}` needs either `content` or `hex`")));
            }
        };
        Ok(Self { path, bytes, executable })
    }
}

impl From<Write> for Written {
    fn from(write: Write) -> Self {
        let Write { path, bytes, executable } = write;
        let (content, hex) = match String::from_utf8(bytes) {
            Ok(text) => (Some(text), None),
            Err(binary) => (None, Some(to_hex(binary.as_bytes()))),
        };
        Self { path, content, hex, executable }
    }
}

/// A replacement in a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Patch {
    /// The file.
    pub path: TreePath,
    /// The text that is there, exactly once unless `all` is set.
    pub find: String,
    /// The text that takes its place.
    pub replace: String,
    /// Whether every place is replaced.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub all: bool,
}

impl Patch {
    /// The file's text after the replacement.
    ///
    /// # Errors
    /// Refuses when the text is not there, or several times.
    pub fn apply(&self, text: &str) -> Result<String, Refusal> {
        let found = if self.find.is_empty() { 0 } else { text.matches(&self.find).count() };
        match (found, self.all) {
            (0, _) => Err(Refusal::no(format!("cannot patch `{}`: the text to replace is not in it", self.path))),
            (1, _) | (_, true) => Ok(text.replace(&self.find, &self.replace)),
            (many, false) => Err(Refusal::no(format!("cannot patch `{}`: the text to replace is in it {many} times", self.path))),
        }
    }
}

/// A symbolic link.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Link {
    /// Where it is.
    pub path: TreePath,
    /// What it points to.
    pub target: String,
}

/// A program to run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Run {
    /// A program and its arguments.
    Argv(Vec<String>),
    /// Text for a shell.
    Shell(String),
}

#[derive(Deserialize)]
struct Head {
    #[serde(default)]
    version: Option<u32>,
}

impl Recording {
    /// A recording of nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self { version: VERSION, steps: Vec::new(), attempts: Vec::new() }
    }

    /// Reads the recording `path`, whose whole text is `text`.
    ///
    /// # Errors
    /// Refuses another version, and whatever is not a recording, with line, column and snippet.
    pub fn read(path: &str, text: &str) -> Result<Self, Refusal> {
        let head: Head = yaml::read(path, text)?;
        match head.version {
            Some(VERSION) => {}
            Some(newer) if newer > VERSION => {
                return Err(Refusal::usage(format!(
                    "cannot read `{path}`: its version is {newer}, this program knows {VERSION}"
                ))
                .hint("install a newer autonomy"));
            }
            Some(_) | None => {
                return Err(Refusal::usage(format!("cannot read `{path}`: it has to say `version: {VERSION}`")));
            }
        }
        yaml::read(path, text)
    }

    /// The recording as YAML.
    ///
    /// # Errors
    /// Refuses what YAML cannot hold, which is a fault of this program.
    pub fn write(&self) -> Result<String, Refusal> {
        yaml::write(self)
    }

    /// What is to be played for this attempt at this task.
    ///
    /// # Errors
    /// Refuses an attempt for which nothing was recorded.
    pub fn part(&self, task: Option<&TaskId>, attempt: u32) -> Result<&[Step], Refusal> {
        let fits = |when: &When| {
            let task_fits = when.task.as_ref().is_none_or(|wanted| task.is_some_and(|task| is_meant(wanted, task)));
            task_fits && when.attempt.is_none_or(|wanted| wanted == attempt)
        };
        if let Some(part) = self.attempts.iter().find(|part| fits(&part.when)) {
            return Ok(&part.steps);
        }
        if self.steps.is_empty() {
            let of = task.map(|task| format!(" at the task `{task}`")).unwrap_or_default();
            return Err(Refusal::no(format!("the recording holds nothing for attempt {attempt}{of}"))
                .hint("add a part under `attempts`, or `steps` for all others"));
        }
        Ok(&self.steps)
    }
}

impl Default for Recording {
    fn default() -> Self {
        Self::new()
    }
}

/// The part of a task's name that comes from its title; the whole name when it has another form.
#[must_use]
pub fn title_part(task: &TaskId) -> &str {
    let name = task.as_str();
    let stamped = name.len() > 16
        && name.bytes().enumerate().take(16).all(|(at, byte)| match at {
            8 => byte == b'_',
            15 => byte == b'-',
            _ => byte.is_ascii_digit(),
        });
    match name[if stamped { 16 } else { 0 }..].rsplit_once('-') {
        Some((title, _)) if stamped => title,
        _ => name,
    }
}

fn is_meant(wanted: &str, task: &TaskId) -> bool {
    wanted == task.as_str() || slug(wanted) == title_part(task)
}

fn to_hex(bytes: &[u8]) -> String {
    let digit = |value: u8| char::from_digit(value.into(), 16).expect("because four bits are one digit");
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

fn from_hex(hex: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> =
        hex.chars().map(|digit| digit.to_digit(16).and_then(|value| u8::try_from(value).ok())).collect();
    let digits = digits.filter(|digits| digits.len() % 2 == 0)?;
    Some(digits.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

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
}
