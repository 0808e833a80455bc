//! What holds for the source tree itself: floors, names, words, sizes, and what lies at its top.
//!
//! Each rule is a pure function from files to faults, run over the repository and over a planted text that it has to refuse.
//! Nothing here looks at what the program does.

mod imports;
mod packages;
mod root;
mod sizes;
mod source;
mod style;
mod words;

use std::{fmt::Write as _, fs, path::Path, process::Command};

use source::Source;

/// One breach of a rule: where, and what.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Fault {
    place: String,
    what: String,
}

impl Fault {
    fn new(place: impl Into<String>, what: impl Into<String>) -> Self {
        Self { place: place.into(), what: what.into() }
    }
}

/// Fails with every fault of a rule at once.
#[track_caller]
fn hold(rule: &str, faults: &[Fault]) {
    let mut list = String::new();
    for Fault { place, what } in faults {
        write!(list, "\n  {place}: {what}").expect("because a string takes all");
    }
    assert!(faults.is_empty(), "{rule}:{list}");
}

/// Asserts that `rule` refuses planted files, in words that hold `because`.
#[track_caller]
fn refuses(rule: impl Fn(&[Source]) -> Vec<Fault>, planted: &[(&str, &str)], because: &str) {
    let sources = source::marked(planted.iter().map(|(path, text)| Source::new(path, text)).collect());
    let faults = rule(&sources);
    assert!(
        faults.iter().any(|fault| format!("{}: {}", fault.place, fault.what).contains(because)),
        "nothing says `{because}` in {faults:?}"
    );
}

/// Asserts that `rule` lets planted files pass.
#[track_caller]
fn passes(rule: impl Fn(&[Source]) -> Vec<Fault>, planted: &[(&str, &str)]) {
    let sources = source::marked(planted.iter().map(|(path, text)| Source::new(path, text)).collect());
    hold("planted", &rule(&sources));
}

fn top() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every Rust file of the program.
fn program() -> Vec<Source> {
    let rust = |path: &String| Path::new(path).extension().is_some_and(|extension| extension == "rs");
    source::marked(files().into_iter().filter(|path| path.starts_with("src/") && rust(path)).map(|path| read(&path)).collect())
}

/// Every file that is or could be committed and is text, by its path from the top.
fn texts() -> Vec<(String, String)> {
    let text = |path: String| fs::read_to_string(top().join(&path)).ok().map(|text| (path, text));
    files().into_iter().filter_map(text).collect()
}

fn read(path: &str) -> Source {
    let text = fs::read_to_string(top().join(path)).unwrap_or_else(|error| panic!("cannot read {path}: {error}"));
    Source::new(path, &text)
}

/// Paths that git tracks or would take; without a repository (an unpacked archive) all but the build directory.
fn files() -> Vec<String> {
    let listed = Command::new("git")
        .current_dir(top())
        .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
        .output()
        .expect("git is installed");
    let mut paths: Vec<String> = if listed.status.success() {
        let names = String::from_utf8(listed.stdout).expect("our own names are UTF-8");
        names.split_terminator('\0').filter(|path| top().join(path).is_file()).map(str::to_owned).collect()
    } else {
        let walk = walkdir::WalkDir::new(top()).min_depth(1).into_iter();
        walk.filter_entry(|entry| entry.depth() > 1 || ![".git", "target"].iter().any(|name| entry.file_name() == *name))
            .filter_map(Result::ok)
            .filter(|entry| entry.file_type().is_file())
            .map(|entry| entry.path().strip_prefix(top()).expect("it lies below").to_string_lossy().into_owned())
            .collect()
    };
    paths.sort();
    paths.dedup();
    paths
}
