//! Which gates suit a project, told from a few of its files. Nothing is run to find out, and nothing is asked.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::model::settings::{GateKind, value::CommandLine};

/// The files that are looked at, at the top of the work tree.
pub const FILES: [&str; 13] = [
    "Cargo.toml",
    "package.json",
    "pnpm-lock.yaml",
    "yarn.lock",
    "pyproject.toml",
    "pytest.ini",
    "setup.cfg",
    "tox.ini",
    "go.mod",
    "Makefile",
    "makefile",
    "GNUmakefile",
    "conftest.py",
];

/// A gate that the settings could declare.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Proposal {
    /// Its name.
    pub name: String,
    /// What it runs.
    pub command: CommandLine,
    /// What it proves.
    pub kind: GateKind,
    /// Its time limit, when the usual one is too short.
    pub timeout: Option<String>,
    /// Whether work counts as done only when it is green.
    pub needed: bool,
}

/// What one kind of project offers.
struct Offer {
    tool: &'static str,
    gates: Vec<(GateKind, Vec<String>)>,
}

/// The gates that suit a project with these files (name and text). The first project found gives its gates the plain
/// names `compiles`, `tests` and `performance`; further ones put the tool's name before. A makefile only fills gaps.
#[must_use]
pub fn gates(files: &[(String, String)]) -> Vec<Proposal> {
    let text = |name: &str| files.iter().find(|(own, _)| own == name).map(|(_, text)| text.as_str());
    let mut offers: Vec<Offer> =
        [cargo(text("Cargo.toml")), npm(&text), go(text("go.mod")), pytest(&text)].into_iter().flatten().collect();
    let make = ["GNUmakefile", "makefile", "Makefile"].into_iter().find_map(text).map(make);
    if let Some(mut make) = make {
        make.gates.retain(|(kind, _)| offers.iter().all(|offer| offer.gates.iter().all(|(other, _)| other != kind)));
        offers.push(make);
    }
    let mut proposals: Vec<Proposal> = Vec::new();
    for Offer { tool, gates } in offers {
        for (kind, words) in gates {
            let plain = name(kind);
            let taken = proposals.iter().any(|proposal| proposal.name == plain);
            proposals.push(Proposal {
                name: if taken { format!("{tool}-{plain}") } else { plain.to_owned() },
                command: CommandLine::Program(words),
                kind,
                timeout: Some("30m".to_owned()),
                needed: kind != GateKind::Performance,
            });
        }
    }
    proposals
}

fn name(kind: GateKind) -> &'static str {
    match kind {
        GateKind::Compiles => "compiles",
        GateKind::Tests => "tests",
        GateKind::Performance => "performance",
        GateKind::Other => "other",
    }
}

fn words(line: &str) -> Vec<String> {
    line.split(' ').map(str::to_owned).collect()
}

fn cargo(manifest: Option<&str>) -> Option<Offer> {
    let table: toml::Table = manifest?.parse().ok()?;
    let mut gates = vec![(GateKind::Compiles, words("cargo check --all-targets")), (GateKind::Tests, words("cargo test"))];
    if table.contains_key("bench") {
        gates.push((GateKind::Performance, words("cargo bench")));
    }
    Some(Offer { tool: "cargo", gates })
}

fn npm<'a>(text: &dyn Fn(&str) -> Option<&'a str>) -> Option<Offer> {
    let package: Value = serde_json::from_str(text("package.json")?).ok()?;
    let tool = match (text("pnpm-lock.yaml"), text("yarn.lock")) {
        (Some(_), _) => "pnpm",
        (None, Some(_)) => "yarn",
        (None, None) => "npm",
    };
    let script = |name: &str| package.get("scripts").and_then(|scripts| scripts.get(name)).and_then(Value::as_str);
    let mut gates = Vec::new();
    if script("build").is_some() {
        gates.push((GateKind::Compiles, words(&format!("{tool} run build"))));
    }
    // What `npm init` writes is no test.
    if script("test").is_some_and(|line| !line.contains("no test specified")) {
        gates.push((GateKind::Tests, words(&format!("{tool} test"))));
    }
    for name in ["bench", "benchmark"] {
        if script(name).is_some() {
            gates.push((GateKind::Performance, words(&format!("{tool} run {name}"))));
            break;
        }
    }
    Some(Offer { tool, gates })
}

fn go(module: Option<&str>) -> Option<Offer> {
    module?;
    let gates = vec![(GateKind::Compiles, words("go build ./...")), (GateKind::Tests, words("go test ./..."))];
    Some(Offer { tool: "go", gates })
}

fn pytest<'a>(text: &dyn Fn(&str) -> Option<&'a str>) -> Option<Offer> {
    let named = |name: &str| text(name).is_some_and(|text| text.contains("pytest"));
    let found = text("pytest.ini").is_some()
        || text("conftest.py").is_some()
        || ["pyproject.toml", "setup.cfg", "tox.ini"].into_iter().any(named);
    found.then(|| Offer { tool: "pytest", gates: vec![(GateKind::Tests, words("python3 -m pytest -q"))] })
}

fn make(makefile: &str) -> Offer {
    let targets: Vec<&str> = makefile
        .lines()
        .filter(|line| !line.starts_with(['\t', ' ', '#', '.']))
        .filter_map(|line| line.split_once(':'))
        .filter(|(_, rest)| !rest.starts_with('='))
        .flat_map(|(targets, _)| targets.split_whitespace())
        .collect();
    let first = |names: &[&str]| names.iter().find(|name| targets.contains(name)).map(|name| words(&format!("make {name}")));
    let kinds = [
        (GateKind::Compiles, first(&["build", "all"])),
        (GateKind::Tests, first(&["test", "tests", "check"])),
        (GateKind::Performance, first(&["bench", "benchmark"])),
    ];
    Offer { tool: "make", gates: kinds.into_iter().filter_map(|(kind, words)| Some((kind, words?))).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(files: &[(&str, &str)]) -> String {
        let files: Vec<(String, String)> = files.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
        let lines = gates(&files).into_iter().map(|gate| format!("{}: {}", gate.name, gate.command));
        lines.collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn each_kind_of_project_gets_its_gates() {
        insta::assert_snapshot!(shown(&[("Cargo.toml", "[package]\n[[bench]]\nname = \"b\"\n")]), @r"
        compiles: cargo check --all-targets
        tests: cargo test
        performance: cargo bench
        ");
        insta::assert_snapshot!(shown(&[("package.json", r#"{"scripts":{"test":"jest","build":"tsc","bench":"x"}}"#), ("yarn.lock", "")]), @r"
        compiles: yarn run build
        tests: yarn test
        performance: yarn run bench
        ");
        insta::assert_snapshot!(shown(&[("package.json", r#"{"scripts":{"test":"echo \"Error: no test specified\" && exit 1"}}"#)]), @"");
        insta::assert_snapshot!(shown(&[("pyproject.toml", "[tool.pytest.ini_options]")]), @"tests: python3 -m pytest -q");
        insta::assert_snapshot!(shown(&[("go.mod", "module x")]), @r"
        compiles: go build ./...
        tests: go test ./...
        ");
        insta::assert_snapshot!(shown(&[("Makefile", "CC := cc\n.PHONY: test\nall: x\n\tcc\ntest check: all\nbench:\n")]), @r"
        compiles: make all
        tests: make test
        performance: make bench
        ");
        insta::assert_snapshot!(shown(&[("Makefile", "test:\nbench:\n"), ("go.mod", ""), ("Cargo.toml", "")]), @r"
        compiles: cargo check --all-targets
        tests: cargo test
        go-compiles: go build ./...
        go-tests: go test ./...
        performance: make bench
        ");
        assert_eq!(shown(&[("package.json", "{"), ("Cargo.toml", "[")]), "");
    }
}
