//! Versions: of what a package depends on and runs on, and what a commit's message says of its own.

use std::collections::BTreeMap;

use serde_json::Value;
use toml::Table;

use crate::model::{
    project::manifest::{self, Dependency, Need},
    quote::line,
};

/// What became of one thing that a package depends on.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Shift {
    /// Another major version, or one of which nobody can tell.
    Major(String),
    /// Another minor version, or anything of what only developers need.
    Minor(String),
    /// It is new.
    Added(String),
    /// It is gone.
    Removed(String),
    /// What it runs on has to be another version.
    Platform(String),
}

/// What differs between two versions of the manifest at `path`, in the order of names; nothing where it is none.
#[must_use]
pub fn shifts(path: &str, before: Option<&str>, after: Option<&str>) -> Vec<Shift> {
    let dependencies = |text: Option<&str>| -> BTreeMap<String, Dependency> {
        let package = text.and_then(|text| manifest::read(path, text));
        // Of several lines about one, the last of the most needed counts.
        let all = package.into_iter().flat_map(|package| package.dependencies).rev();
        let mut all: Vec<Dependency> = all.collect();
        all.sort_by_key(|dependency| std::cmp::Reverse(dependency.need));
        all.into_iter().map(|dependency| (dependency.name.clone(), dependency)).collect()
    };
    let (old, new) = (dependencies(before), dependencies(after));
    let is_light = |dependency: &Dependency| matches!(dependency.need, Need::Developing | Need::Building);
    let mut found = Vec::new();
    for (name, now) in &new {
        let shift = match old.get(name) {
            None if is_light(now) => Shift::Minor,
            None => Shift::Added,
            Some(was) if was.version == now.version => continue,
            Some(was) if is_light(now) || same_major(&was.version, &now.version) => Shift::Minor,
            Some(_) => Shift::Major,
        };
        found.push(shift(name.clone()));
    }
    for (name, was) in old.iter().filter(|(name, _)| !new.contains_key(*name)) {
        found.push(if is_light(was) { Shift::Minor(name.clone()) } else { Shift::Removed(name.clone()) });
    }
    let (old, new) = (before.and_then(|text| platform(path, text)), after.and_then(|text| platform(path, text)));
    // What says it for the first time may say what held anyway.
    if let (Some(old), Some(new)) = (old, new)
        && old != new
    {
        found.push(Shift::Platform(format!("{old} -> {new}")));
    }
    found.sort();
    found
}

/// What the package runs on, as its manifest says.
fn platform(path: &str, text: &str) -> Option<String> {
    let table = || text.parse::<Table>().ok();
    let value = |table: &Table, way: [&str; 2]| Some(table.get(way[0])?.get(way[1])?.as_str()?.to_owned());
    match path.rsplit('/').next()? {
        "Cargo.toml" => value(&table()?, ["package", "rust-version"]),
        "pyproject.toml" => value(&table()?, ["project", "requires-python"]),
        "package.json" => {
            let manifest: Value = serde_json::from_str(text).ok()?;
            let engines = manifest.get("engines").map(Value::to_string).unwrap_or_default();
            let form = manifest.get("type").and_then(Value::as_str).unwrap_or("commonjs");
            manifest.is_object().then(|| format!("{engines} {form}").trim().to_owned())
        }
        "go.mod" => text.lines().find_map(|line| line.strip_prefix("go ")).map(|version| version.trim().to_owned()),
        _ => None,
    }
}

/// Whether both name the same major version; below 1.0 the second number is the major one.
fn same_major(one: &str, other: &str) -> bool {
    major(one).is_some_and(|one| major(other) == Some(one))
}

fn major(version: &str) -> Option<(u64, u64)> {
    let from = version.find(|letter: char| letter.is_ascii_digit())?;
    let mut numbers = version[from..].split('.').map(|part| {
        let end = part.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(part.len());
        part[..end].parse().unwrap_or(0)
    });
    let first = numbers.next()?;
    Some(if first == 0 { (0, numbers.next().unwrap_or(0)) } else { (first, 0) })
}

/// Whether a message says that others have to follow, in the way of conventional commits: `!` before the colon of its first
/// line, or `BREAKING CHANGE:` at the beginning of another.
#[must_use]
pub fn breaks(message: &str) -> bool {
    let head = message.lines().next().and_then(|head| head.split_once(": "));
    let marked = head.and_then(|(head, _)| head.strip_suffix('!')).is_some_and(|head| {
        let kind = head.split_once('(').map_or(head, |(kind, _)| kind);
        !kind.is_empty() && kind.chars().all(|letter| letter.is_alphanumeric() || matches!(letter, '-' | '_'))
    });
    marked || message.lines().skip(1).any(|line| line.starts_with("BREAKING CHANGE:") || line.starts_with("BREAKING-CHANGE:"))
}

/// The first line of a message, at most 80 characters.
#[must_use]
pub fn title(message: &str) -> String {
    line(message.lines().next().unwrap_or_default(), 80)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_became_of_dependencies_is_told_apart() {
        let before = "[package]\nname = 'a'\nrust-version = '1.80'\n[dependencies]\nserde = '1.0'\nrand = '0.8'\nlog = '0.4.1'\nold = '1'\nfrom = { git = 'x' }\n\
            [dev-dependencies]\ninsta = '1'\n";
        let after = "[package]\nname = 'a'\nrust-version = '1.85'\n[dependencies]\nserde = '1.2'\nrand = '0.9'\nlog = '^0.4.2'\nnew = '3'\nfrom = { version = '2' }\n\
            [dev-dependencies]\ninsta = '2'\nmore = '1'\n";
        let names = |all: Vec<Shift>| all.iter().map(|shift| format!("{shift:?}")).collect::<Vec<_>>().join("\n");
        insta::assert_snapshot!(names(shifts("x/Cargo.toml", Some(before), Some(after))), @r#"
        Major("from")
        Major("rand")
        Minor("insta")
        Minor("log")
        Minor("more")
        Minor("serde")
        Added("new")
        Removed("old")
        Platform("1.80 -> 1.85")
        "#);
        assert_eq!(shifts("x/Cargo.toml", Some(before), Some(before)), []);
        let script = |engines: &str, version: &str| {
            format!("{{\"name\":\"a\",\"engines\":{{\"node\":\"{engines}\"}},\"dependencies\":{{\"b\":\"{version}\"}}}}")
        };
        let (old, new) = (script(">=16", "^1.9.0"), script(">=18", "^2.0.0"));
        let found = shifts("package.json", Some(&old), Some(&new));
        assert!(matches!(&found[..], [Shift::Major(_), Shift::Platform(_)]), "{found:?}");
        assert_eq!(shifts("src/a.rs", Some("x"), Some("y")), []);
    }

    #[test]
    fn a_message_says_that_others_have_to_follow() {
        for message in ["feat!: x", "fix(core)!: x", "feat: x\n\nBREAKING CHANGE: y", "x\n\nBREAKING-CHANGE: y"] {
            assert!(breaks(message), "{message}");
        }
        for message in ["feat: x", "Stop! Now: x", "docs: on BREAKING CHANGE: in messages", "", "!: x"] {
            assert!(!breaks(message), "{message}");
        }
    }
}
