//! A plan drawn: as lines of text, and as a picture in the language of mermaid.

use std::collections::BTreeMap;

use crate::model::{
    quote,
    workflow::order::{Plan, Planned},
};

/// How much of a step's target a picture shows, in characters.
const SHOWN: usize = 40;

/// Lines: each step, and who waits for it.
#[must_use]
pub fn text(plan: &Plan) -> String {
    let mut lines = Vec::new();
    let mut stage = None;
    for step in &plan.steps {
        if stage != Some(&step.stage) && !step.stage.is_empty() {
            lines.push(format!("[{}]", quote::line(&step.stage, SHOWN)));
        }
        stage = Some(&step.stage);
        let next = if step.needed_by.is_empty() { String::new() } else { format!(" → {}", step.needed_by.join(", ")) };
        lines.push(format!("{}{next}", step.id));
    }
    lines.join("\n")
}

/// A picture in the language of mermaid. The way that takes longest is drawn thick.
#[must_use]
pub fn mermaid(plan: &Plan) -> String {
    let names: BTreeMap<&str, String> =
        plan.steps.iter().enumerate().map(|(place, step)| (step.id.as_str(), format!("s{place}"))).collect();
    let mut lines = vec!["flowchart TD".to_owned()];
    let mut stages: Vec<(&str, Vec<&Planned>)> = Vec::new();
    for step in &plan.steps {
        match stages.last_mut() {
            Some((name, steps)) if *name == step.stage => steps.push(step),
            _ => stages.push((&step.stage, vec![step])),
        }
    }
    for (place, (name, steps)) in stages.iter().enumerate() {
        if !name.is_empty() {
            lines.push(format!("  subgraph stage{place}[\"{}\"]", label(name)));
        }
        for step in steps {
            let id = &names[step.id.as_str()];
            lines.push(format!("  {id}[\"{}<br/>{} {}\"]", label(&step.id), step.kind, label(&step.target)));
        }
        if !name.is_empty() {
            lines.push("  end".to_owned());
        }
    }
    for (place, pair) in stages.windows(2).enumerate() {
        if pair.iter().all(|(name, _)| !name.is_empty()) {
            lines.push(format!("  stage{place} --> stage{}", place + 1));
        }
    }
    for step in &plan.steps {
        for need in &step.needs {
            let along = plan.critical_path.windows(2).any(|pair| pair[0] == *need && pair[1] == step.id);
            let arrow = if along { "==>" } else { "-->" };
            lines.push(format!("  {} {arrow} {}", names[need.as_str()], names[step.id.as_str()]));
        }
    }
    lines.join("\n")
}

/// A text that ends no label.
fn label(text: &str) -> String {
    quote::line(text, SHOWN).replace('"', "'").replace(['`', '<', '>', '#', ';', '[', ']'], "")
}
