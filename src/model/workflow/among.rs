//! What workflows say of each other and of the gates: one that starts another names one that is there, and none starts itself.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::{
    quote,
    refusal::Refusal,
    workflow::{Act, Workflow, scope::unknown},
};

/// Workflows by the names of their files, without ending.
pub type Workflows = BTreeMap<String, Workflow>;

/// What is wrong between workflows, each with the name of the file that it is said in. Workflows may have names of their own
/// beside those of their files; `others` are files that could not be read, and so are not missed.
#[must_use]
pub fn faults(all: &Workflows, others: &[String], gates: &[&str]) -> Vec<(String, Refusal)> {
    let mut faults = Vec::new();
    let mut by_name: BTreeMap<&str, &str> = BTreeMap::new();
    for (file, workflow) in all {
        let namesake = all.get_key_value(&workflow.name).map(|(other, _)| other.as_str()).filter(|other| other != file);
        if let Some(other) = by_name.insert(&workflow.name, file).or(namesake) {
            let words = format!("the name `{}` is that of `{other}` too", workflow.name);
            faults
                .push((file.clone(), Refusal::usage(words).hint("a workflow is started by its name: give one of them another")));
        }
    }
    let file_of = |name: &str| all.get_key_value(name).map(|(file, _)| file.as_str()).or_else(|| by_name.get(name).copied());
    let mut starts: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (file, workflow) in all {
        for step in workflow.every_step() {
            let refusal = match &step.act {
                Act::Workflow { workflow: name } if !name.contains("${{") => match file_of(name) {
                    Some(started) => {
                        starts.entry(file).or_default().push(started);
                        None
                    }
                    None if others.contains(name) => None,
                    None => {
                        let names: BTreeSet<&str> = all.keys().map(String::as_str).chain(by_name.keys().copied()).collect();
                        Some(unknown(&format!("there is no workflow `{name}`"), name, names.into_iter()))
                    }
                },
                Act::Gate { gate } if !gate.contains("${{") && !gates.contains(&gate.as_str()) => {
                    Some(unknown(&format!("there is no gate `{gate}`"), gate, gates.iter().copied()))
                }
                _ => None,
            };
            if let Some(refusal) = refusal {
                let message = format!("line {}: the step `{}`: {}", step.line, step.id, refusal.message);
                faults.push((file.clone(), Refusal { message, ..refusal }));
            }
        }
    }
    faults.extend(circle(&starts));
    faults
}

/// A workflow that starts itself, by others or not.
fn circle<'a>(starts: &BTreeMap<&'a str, Vec<&'a str>>) -> Option<(String, Refusal)> {
    // What starts nothing that is left is taken away until nothing is; what stays goes round.
    let mut left = starts.clone();
    loop {
        let ends: Vec<&str> =
            left.iter().filter(|(_, started)| !started.iter().any(|one| left.contains_key(one))).map(|(file, _)| *file).collect();
        if ends.is_empty() {
            break;
        }
        left.retain(|file, _| !ends.contains(file));
    }
    let (first, _) = left.first_key_value()?;
    let mut way = vec![*first];
    loop {
        let next = left[way[way.len() - 1]].iter().copied().find(|one| left.contains_key(one))?;
        if let Some(start) = way.iter().position(|one| *one == next) {
            let names: Vec<&str> = way[start..].iter().chain([&next]).copied().collect();
            let words = format!("workflows start each other without end: {}", quote::line(&names.join(" → "), 400));
            return Some((next.to_owned(), Refusal::usage(words)));
        }
        way.push(next);
    }
}
