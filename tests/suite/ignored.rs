//! What is ignored is what git says is ignored.

use std::{
    io::Write as _,
    process::{Command, Stdio},
};

use autonomy::model::{
    change::TreePath,
    ignore::{Case, Rules, Standing, ignored},
};
use proptest::{prelude::*, test_runner::TestRunner};

use crate::sandbox::Sandbox;

/// Pieces of patterns that git treats in a way of its own.
const PIECES: [&str; 27] = [
    "a",
    "b",
    "ab",
    "x",
    "-",
    " ",
    "/",
    "/",
    "*",
    "**",
    "?",
    "[ab]",
    "[!a]",
    "[^a]",
    "[a-b]",
    "[[:alpha:]]",
    "[[:none:]]",
    "[",
    "]",
    "[]-]",
    "\\",
    "\\*",
    "!",
    "#",
    "{a,b}",
    ".",
    "A",
];
const NAMES: [&str; 10] = ["a", "b", "ab", "ba", "aab", "x", "-", "{a,b}", "*", "A"];

fn line() -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(&PIECES), 1..6).prop_map(|pieces| pieces.concat())
}

fn file() -> impl Strategy<Value = String> {
    prop::collection::vec(line(), 1..4).prop_map(|lines| lines.join("\n") + "\n")
}

fn path() -> impl Strategy<Value = String> {
    // Nothing of that name is there, so that git takes the last part for a file, as the rules are asked.
    let names = prop::collection::vec(prop::sample::select(&NAMES), 1..4).prop_map(|names| names.join("/"));
    (any::<bool>(), names).prop_map(|(inside, names)| if inside { format!("in/{names}") } else { names })
}

/// What git says of each path, asked in one go.
fn git_says(command: &mut Command, paths: &[String]) -> Vec<bool> {
    let mut asked = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("git starts");
    asked.stdin.take().expect("a pipe").write_all(paths.join("\0").as_bytes()).expect("git listens");
    let output = asked.wait_with_output().expect("git ends").stdout;
    // Of each path: the file of the rule that decided, its line, the rule, the path; the first three are empty without one.
    let words: Vec<&[u8]> = output.split(|byte| *byte == 0).collect();
    words.chunks_exact(4).map(|answer| !answer[0].is_empty() && !answer[2].starts_with(b"!")).collect()
}

#[test]
fn the_answer_is_gits() {
    let sandbox = Sandbox::new();
    let cases = (file(), file(), prop::collection::vec(path(), 12));
    let mut runner = TestRunner::new(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() });
    let both = std::cell::Cell::new((0, 0));
    let outcome = runner.run(&cases, |(outer, inner, paths)| {
        sandbox.write(".gitignore", &outer);
        sandbox.write("in/.gitignore", &inner);
        let ask = ["check-ignore", "--no-index", "--verbose", "--non-matching", "-z", "--stdin"];
        let said = git_says(sandbox.program("git").args(ask), &paths);
        prop_assert_eq!(said.len(), paths.len());
        let top = Rules::default().within(b"", outer.as_bytes(), Case::Sensitive);
        let below = top.within(b"in", inner.as_bytes(), Case::Sensitive);
        for (path, said) in paths.iter().zip(said) {
            let (yes, no) = both.get();
            both.set((yes + u32::from(said), no + u32::from(!said)));
            let path: TreePath = path.parse().expect("a clean path");
            let rules_in = |directory: Option<&TreePath>| match directory {
                Some(directory) if directory.as_bytes() == b"in" || directory.as_bytes().starts_with(b"in/") => below.clone(),
                Some(_) | None => top.clone(),
            };
            let ours = ignored(&path, Standing::Other, rules_in);
            prop_assert_eq!(ours, said, "{} with {:?} and, in `in/`, {:?}", path, outer, inner);
        }
        Ok(())
    });
    outcome.expect("git and the rules agree");
    let (yes, no) = both.get();
    assert!(yes > 500 && no > 500, "{yes} ignored, {no} not: the patterns ask nothing");
}
