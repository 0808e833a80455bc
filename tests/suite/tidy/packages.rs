//! The packages that the program is built of: their licences and where they come from, judged by `deny.toml`, as far as that
//! needs nothing but cargo. Advisories and crates that are denied by name are cargo-deny's.

use std::{collections::BTreeSet, fs, process::Command};

use serde_json::Value;
use spdx::{Expression, LicenseItem, ParseMode};

use crate::tidy::{Fault, hold, top};

/// Packages whose licence is none of `allowed`, or that are not from crates.io; the program itself counts as none.
fn packages_are_as_agreed(metadata: &Value, allowed: &BTreeSet<String>) -> Vec<Fault> {
    let mut faults = Vec::new();
    for package in metadata["packages"].as_array().into_iter().flatten() {
        let Some(source) = package["source"].as_str() else { continue };
        let name = package["name"].as_str().unwrap_or_default();
        if source != "registry+https://github.com/rust-lang/crates.io-index" {
            faults.push(Fault::new(name, format!("comes from {source}")));
        }
        let licence = package["license"].as_str().unwrap_or_default();
        let known = |item: &LicenseItem| matches!(item, LicenseItem::Spdx { id, .. } if allowed.contains(id.name));
        match Expression::parse_mode(licence, ParseMode::LAX) {
            Ok(expression)
                if expression.evaluate(|asked| {
                    allowed.contains(&asked.to_string()) || asked.addition.is_none() && known(&asked.license)
                }) => {}
            Ok(_) | Err(_) => faults.push(Fault::new(name, format!("has the licence `{licence}`"))),
        }
    }
    faults
}

#[test]
fn licences_and_sources() {
    let agreed: toml::Table = fs::read_to_string(top().join("deny.toml")).unwrap().parse().unwrap();
    let allowed: BTreeSet<String> = agreed["licenses"]["allow"].clone().try_into().unwrap();
    let mut cargo = Command::new(env!("CARGO"));
    let target = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    cargo.args(["metadata", "--locked", "--offline", "--format-version", "1", "--filter-platform", &target]).current_dir(top());
    let answer = cargo.output().unwrap();
    assert!(answer.status.success(), "{}", String::from_utf8_lossy(&answer.stderr));
    let metadata: Value = serde_json::from_slice(&answer.stdout).unwrap();
    assert!(metadata["packages"].as_array().is_some_and(|all| all.len() > 50), "it is built of more");
    hold("licences and sources", &packages_are_as_agreed(&metadata, &allowed));

    let planted =
        |licence: &str, source: &str| serde_json::json!({"packages": [{"name": "a", "license": licence, "source": source}]});
    let crates = "registry+https://github.com/rust-lang/crates.io-index";
    assert!(packages_are_as_agreed(&planted("MIT/GPL-3.0", crates), &allowed).is_empty(), "either will do");
    for (licence, source) in [("MIT AND GPL-3.0-only", crates), ("", crates), ("MIT", "git+https://example.org/a")] {
        assert_eq!(packages_are_as_agreed(&planted(licence, source), &allowed).len(), 1, "{licence} from {source}");
    }
}
