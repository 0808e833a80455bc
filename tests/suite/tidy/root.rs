//! What lies at the top of the repository, and that every dependency is justified and comes from where it should.

use std::collections::BTreeSet;

use super::{Fault, Source, files, hold, passes, read, refuses};

/// The agreed top level; `Cargo.lock`, licences and the settings of tools are there because tools look for them there.
const TOP: &[&str] = &[
    ".ci",
    ".claude-example",
    ".gitignore",
    "Cargo.lock",
    "Cargo.toml",
    "LICENSE-APACHE",
    "LICENSE-MIT",
    "README.md",
    "benches",
    "clippy.toml",
    "deny.toml",
    "docs",
    "fixtures",
    "rustfmt.toml",
    "schemas",
    "src",
    "templates",
    "tests",
];

fn the_top_is_as_agreed(sources: &[Source]) -> Vec<Fault> {
    let tops: BTreeSet<&str> = sources.iter().filter_map(|source| source.path.split('/').next()).collect();
    tops.into_iter().filter(|top| !TOP.contains(top)).map(|top| Fault::new(top, "is not agreed to lie at the top")).collect()
}

/// Reads `Cargo.toml` and `docs/dependencies.md` among `sources`.
fn dependencies_are_justified(sources: &[Source]) -> Vec<Fault> {
    let text = |path: &str| sources.iter().find(|source| source.path == path).map_or("", |source| source.text.as_str());
    let manifest: toml::Table = text("Cargo.toml").parse().expect("cargo reads the same file");
    let mut direct = BTreeSet::new();
    for section in ["dependencies", "dev-dependencies", "build-dependencies"] {
        direct.extend(manifest.get(section).and_then(toml::Value::as_table).into_iter().flat_map(|table| table.keys().cloned()));
    }
    let mut faults = Vec::new();
    let mut justified = BTreeSet::new();
    for line in text("docs/dependencies.md").lines() {
        let Some((name, reason)) = line.strip_prefix("| `").and_then(|line| line.split_once("` |")) else { continue };
        if reason.trim_matches(['|', ' ']).len() < 20 {
            faults.push(Fault::new("docs/dependencies.md", format!("`{name}` has no reason")));
        }
        if !justified.insert(name.to_owned()) {
            faults.push(Fault::new("docs/dependencies.md", format!("`{name}` is there twice")));
        }
    }
    for name in direct.difference(&justified) {
        faults.push(Fault::new("docs/dependencies.md", format!("`{name}` has no line")));
    }
    for name in justified.difference(&direct) {
        faults.push(Fault::new("docs/dependencies.md", format!("`{name}` is no dependency")));
    }
    faults
}

fn packages_come_from_the_registry(sources: &[Source]) -> Vec<Fault> {
    let lines = sources.iter().flat_map(|source| source.text.lines());
    lines
        .filter(|line| line.starts_with("source = "))
        .filter(|line| *line != "source = \"registry+https://github.com/rust-lang/crates.io-index\"")
        .map(|line| Fault::new("Cargo.lock", line))
        .collect()
}

#[test]
fn the_top_level_is_uncluttered() {
    let paths: Vec<Source> = files().iter().map(|path| Source::plain(path, "")).collect();
    hold("the top level is as agreed", &the_top_is_as_agreed(&paths));
    refuses(the_top_is_as_agreed, &[("PLAN.md", "")], "PLAN.md");
    passes(the_top_is_as_agreed, &[("src/a.rs", ""), ("README.md", "")]);
}

#[test]
fn every_dependency_has_its_reason() {
    let sources = [read("Cargo.toml"), read("docs/dependencies.md")];
    hold("dependencies are justified", &dependencies_are_justified(&sources));
    let manifest = ("Cargo.toml", "[dependencies]\na = \"1\"\n[dev-dependencies]\nb = \"1\"\n");
    refuses(
        dependencies_are_justified,
        &[manifest, ("docs/dependencies.md", "| `a` | it does what we need of it |\n")],
        "`b` has no line",
    );
    refuses(dependencies_are_justified, &[manifest, ("docs/dependencies.md", "| `a` | good |\n")], "`a` has no reason");
    refuses(dependencies_are_justified, &[manifest, ("docs/dependencies.md", "| `c` | it does what we need |\n")], "`c` is no");
}

#[test]
fn packages_have_one_source() {
    hold("packages have one source", &packages_come_from_the_registry(&[read("Cargo.lock")]));
    refuses(packages_come_from_the_registry, &[("Cargo.lock", "source = \"git+https://example.org/x\"\n")], "git+https");
}
