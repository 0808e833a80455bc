//! `docs/TODO.md`: a person's check-list, read as tasks, ticked one character at a time, and written from tasks.
//!
//! An open box that is not inside another one is a task. Boxes below it are its success criteria; other points below it are
//! its description, but for `Priority:`, `Estimate:`, `After:`, `Acceptance:` and `Gate:`. A heading that names a priority
//! holds for all below it. `model::markdown` says what counts as a box and what it does not see.
//!
//! A line is known by the digest of its words, so two boxes with the same words cannot be told apart and are never ticked.

use std::ops::Range;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::{
    id::Digest,
    markdown::{self, CheckBox, Kind, Line, one_line},
    task::{Criterion, HumanGate, Priority, Status, Task, acceptance::Acceptance, order},
    time::Lapse,
};

/// One task of a check-list.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Item {
    /// The line of its box, from 1.
    pub line: usize,
    /// What it says, without priority and estimate.
    pub title: String,
    /// Whether its box is ticked.
    pub done: bool,
    /// What its line is known by.
    pub digest: Option<Digest>,
    /// From its own line, a point below it, or the heading above it.
    pub priority: Option<Priority>,
    /// From its own line or a point below it.
    pub estimate: Option<Lapse>,
    /// What it comes after, in the list's own words.
    pub after: Vec<String>,
    /// The boxes below it.
    pub criteria: Vec<Criterion>,
    /// How it is tested.
    pub acceptance: Vec<Acceptance>,
    /// What a person has to rule first.
    pub gates: Vec<HumanGate>,
    /// All other text below it.
    pub description: String,
}

/// What a line of a check-list is known by: its words, whatever its indentation, its bullet and its box.
#[must_use]
pub fn digest(text: &str) -> Digest {
    Digest::of(one_line(text))
}

/// Reads a check-list.
#[must_use]
pub fn read(text: &str) -> Vec<Item> {
    let mut items: Vec<Item> = Vec::new();
    let mut headings: Vec<(usize, Option<Priority>)> = Vec::new();
    // The indentation of the task that lines are read into, and the list that nested points go to.
    let mut open: Option<usize> = None;
    let mut list: Option<(usize, List)> = None;
    for line in markdown::lines(text) {
        if let (Kind::Heading(level), Some(title)) = (line.kind, line.title()) {
            headings.retain(|(other, _)| *other < level);
            headings.push((level, priority_of_heading(title)));
            open = None;
            continue;
        }
        let inside = open.is_some_and(|indent| line.indent > indent);
        if let Some(check) = line.check().filter(|_| !inside) {
            open = Some(line.indent);
            list = None;
            let under = headings.iter().rev().find_map(|(_, priority)| *priority);
            items.push(item(&line, check, under));
            continue;
        }
        match items.last_mut() {
            Some(item) if inside => {
                list = list.filter(|(indent, _)| line.indent > *indent);
                below(item, &line, &mut list);
            }
            Some(_) | None if line.kind == Kind::Blank => {}
            Some(_) | None => open = None,
        }
    }
    for item in &mut items {
        item.description = item.description.trim().to_owned();
    }
    items
}

#[derive(Clone, Copy)]
enum List {
    Acceptance,
    Criteria,
    After,
}

fn item(line: &Line<'_>, check: CheckBox<'_>, under: Option<Priority>) -> Item {
    let (title, priority) = leading_priority(check.text);
    let (title, estimate) = trailing_estimate(title);
    Item {
        line: line.number,
        title: title.to_owned(),
        done: check.done,
        digest: Some(digest(check.text)),
        priority: priority.or(under),
        estimate,
        ..Item::default()
    }
}

/// Takes a line below a task into it.
fn below(item: &mut Item, line: &Line<'_>, list: &mut Option<(usize, List)>) {
    let check = line.check();
    let Some(point) = check.map(|check| check.text).or_else(|| line.item()) else {
        if line.kind != Kind::Blank || !item.description.is_empty() {
            item.description.push_str(line.text.trim());
            item.description.push('\n');
        }
        return;
    };
    match (list.as_ref(), check) {
        (Some((_, List::Acceptance)), _) => return item.acceptance.push(Acceptance::of_item(point)),
        (Some((_, List::After)), _) => return item.after.push(point.to_owned()),
        (Some((_, List::Criteria)), None) => return item.criteria.push(Criterion { text: point.to_owned(), done: false }),
        (_, Some(check)) => return item.criteria.push(Criterion { text: check.text.to_owned(), done: check.done }),
        (None, None) => {}
    }
    if let Some((key, value)) = point.split_once(':')
        && named(item, key, value.trim(), line.indent, list)
    {
        return;
    }
    item.description.push_str("- ");
    item.description.push_str(point);
    item.description.push('\n');
}

/// Takes `key: value` into the task; false when it says nothing that is known.
fn named(item: &mut Item, key: &str, value: &str, indent: usize, list: &mut Option<(usize, List)>) -> bool {
    let key = key.trim().trim_matches('*').to_lowercase();
    let mut nested = |kind| *list = Some((indent, kind));
    match key.as_str() {
        "priority" => value.parse().map(|priority| item.priority = Some(priority)).is_ok(),
        "estimate" | "estimated time" => value.parse().map(|estimate| item.estimate = Some(estimate)).is_ok(),
        "after" | "dependencies" | "depends on" => {
            nested(List::After);
            let names = value.split(',').map(str::trim).filter(|name| !name.is_empty() && !name.eq_ignore_ascii_case("none"));
            item.after.extend(names.map(str::to_owned));
            true
        }
        "acceptance" | "acceptance tests" => {
            nested(List::Acceptance);
            if !value.is_empty() {
                item.acceptance.push(Acceptance::of_item(value));
            }
            true
        }
        "success criteria" | "criteria" if value.is_empty() => {
            nested(List::Criteria);
            true
        }
        "gate" | "gates" | "human gates" => {
            let words = value.to_lowercase();
            let gates = [("architecture", HumanGate::ArchitectureReview), ("business", HumanGate::BusinessDecision)];
            let found: Vec<HumanGate> =
                gates.into_iter().filter(|(word, _)| words.contains(word)).map(|(_, gate)| gate).collect();
            item.gates.extend(&found);
            !found.is_empty()
        }
        _ => false,
    }
}

/// A heading such as `High priority`, `P1`, `## Critical` or `Later`.
fn priority_of_heading(title: &str) -> Option<Priority> {
    let lower = title.to_lowercase();
    lower.split(|character: char| !character.is_alphanumeric()).find_map(|word| match word {
        "critical" | "urgent" | "p0" => Some(Priority::Critical),
        "high" | "p1" => Some(Priority::High),
        "medium" | "normal" | "p2" => Some(Priority::Medium),
        "low" | "later" | "someday" | "p3" => Some(Priority::Low),
        _ => None,
    })
}

/// `P1: words`, `[P1] words` or `(high) words`.
fn leading_priority(text: &str) -> (&str, Option<Priority>) {
    let marked = [('[', ']'), ('(', ')')].into_iter().find_map(|(open, close)| text.strip_prefix(open)?.split_once(close));
    let (word, rest) = match marked.or_else(|| text.split_once(':')) {
        Some((word, rest)) if !rest.trim().is_empty() && word.parse::<u64>().is_err() => (word, rest),
        Some(_) | None => return (text, None),
    };
    word.parse().map_or((text, None), |priority| (rest.trim(), Some(priority)))
}

/// `words (30m)` or `words (~2h)`.
fn trailing_estimate(text: &str) -> (&str, Option<Lapse>) {
    let found = text.strip_suffix(')').and_then(|text| text.rsplit_once('(')).and_then(|(before, span)| {
        let estimate = span.trim().trim_start_matches('~').parse().ok()?;
        (!before.trim().is_empty()).then(|| (before.trim(), Some(estimate)))
    });
    found.unwrap_or((text, None))
}

/// The text with the box of one line ticked: the character between the brackets of the one empty box that is known by
/// `digest`. None when no such line is there any more, when it is ticked already, and when several look the same.
#[must_use]
pub fn tick(text: &str, digest: &Digest) -> Option<String> {
    let range = mark(text, digest, false)?;
    Some(format!("{}x{}", &text[..range.start], &text[range.end..]))
}

/// The text with the box of one line emptied again; the opposite of [`tick`].
#[must_use]
pub fn untick(text: &str, digest: &Digest) -> Option<String> {
    let range = mark(text, digest, true)?;
    Some(format!("{} {}", &text[..range.start], &text[range.end..]))
}

fn mark(text: &str, wanted: &Digest, done: bool) -> Option<Range<usize>> {
    let mut found = markdown::lines(text).filter_map(|line| line.check()).filter(|check| digest(check.text) == *wanted);
    match (found.next(), found.next()) {
        (Some(check), None) if check.done == done => Some(check.mark..check.mark + 1),
        _ => None,
    }
}

/// A check-list of tasks, by priority, in the form that [`read`] takes.
#[must_use]
pub fn write(tasks: &[Task]) -> String {
    let mut out = String::from("# Tasks\n");
    for priority in Priority::ALL {
        let mut own: Vec<&Task> =
            tasks.iter().filter(|task| task.priority == priority && task.status != Status::Cancelled).collect();
        own.sort_by(|left, right| order::rank(left).cmp(&order::rank(right)));
        if own.is_empty() {
            continue;
        }
        let name = priority.as_str();
        out.extend(["\n## ", &name[..1].to_uppercase(), &name[1..], " priority\n\n"]);
        for task in own {
            out.push_str(&written(task, tasks));
        }
    }
    out
}

fn written(task: &Task, all: &[Task]) -> String {
    let mark = if task.status == Status::Done { 'x' } else { ' ' };
    let estimate = task.estimate.map_or(String::new(), |estimate| format!(" ({estimate})"));
    let mut lines = vec![format!("- [{mark}] {}{estimate}", one_line(&task.title))];
    lines.extend(task.description.lines().filter(|line| !line.trim().is_empty()).map(|line| format!("  {}", line.trim())));
    let before: Vec<String> = task
        .after
        .iter()
        .map(|id| all.iter().find(|other| other.id == *id).map_or_else(|| id.to_string(), |other| one_line(&other.title)))
        .collect();
    if !before.is_empty() {
        lines.push("  - After:".into());
        lines.extend(before.iter().map(|title| format!("    - {title}")));
    }
    let gates: Vec<&str> = task.gates.iter().map(|gate| gate.words()).collect();
    if !gates.is_empty() {
        lines.push(format!("  - Gates: {}", gates.join(", ")));
    }
    for criterion in &task.criteria {
        lines.push(format!("  - [{}] {}", if criterion.done { 'x' } else { ' ' }, one_line(&criterion.text)));
    }
    if !task.acceptance.is_empty() {
        lines.push("  - Acceptance:".into());
        lines.extend(task.acceptance.iter().map(|entry| format!("    - {}", entry.label())));
    }
    lines.push(String::new());
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::{id::TaskId, settings::value::CommandLine, time::Timestamp};

    const LIST: &str = "# TODO\n\nIntro [2026-01-29] text.\n\n## High priority\n\n- [ ] Fix the parser (30m)\n  It stops early.\n  - see [the issue](https://x)\n  - [ ] no panic\n  - [x] names the line\n  - Acceptance:\n    - `cargo test`\n    - reads well\n  - After: Write the lexer, Other\n- [x] Write the lexer\n* [ ] P0: Ship\n\n  - Estimate: 2h\n  - Gates: architecture review: Y\n- [2026-01-29] a date\n- plain\n\n```\n- [ ] in a fence\n```\n\n## Later\n1. [ ] Dream (of sheep)\n   - Dependencies:\n     - Ship\n   - Priority: 5\n### Sub\n- [ ] Nap\n## Other\n- [ ] Walk\n";

    #[test]
    fn a_list_is_read_as_tasks() {
        let lines: Vec<String> = read(LIST)
            .iter()
            .map(|it| {
                let priority = it.priority.map_or("-", Priority::as_str);
                let estimate = it.estimate.map_or("-".to_owned(), |estimate| estimate.to_string());
                format!(
                    "{} {} [{}] {priority} {estimate} after {:?} criteria {:?} acceptance {:?} gates {:?} text {:?}",
                    it.line,
                    it.title,
                    it.done,
                    it.after,
                    it.criteria.iter().map(|it| it.text.as_str()).collect::<Vec<_>>(),
                    it.acceptance.iter().map(Acceptance::label).collect::<Vec<_>>(),
                    it.gates,
                    it.description
                )
            })
            .collect();
        insta::assert_snapshot!(lines.join("\n"), @r#"
        7 Fix the parser [false] high 30m after ["Write the lexer", "Other"] criteria ["no panic", "names the line"] acceptance ["`cargo test`", "reads well"] gates [] text "It stops early.\n- see [the issue](https://x)"
        16 Write the lexer [true] high - after [] criteria [] acceptance [] gates [] text ""
        17 Ship [false] critical 2h after [] criteria [] acceptance [] gates [ArchitectureReview] text ""
        29 Dream (of sheep) [false] medium - after ["Ship"] criteria [] acceptance [] gates [] text ""
        34 Nap [false] low - after [] criteria [] acceptance [] gates [] text ""
        36 Walk [false] - - after [] criteria [] acceptance [] gates [] text ""
        "#);
    }

    #[test]
    fn only_the_box_of_an_unchanged_line_is_ticked() {
        let digest = digest("Fix the parser (30m)");
        let ticked = tick(LIST, &digest).expect("it is there");
        assert_eq!(ticked, LIST.replace("- [ ] Fix", "- [x] Fix"));
        assert_eq!(tick(&ticked, &digest), None, "it is ticked already");
        assert_eq!(untick(&ticked, &digest).as_deref(), Some(LIST));
        assert_eq!(tick(&LIST.replace("Fix the", "Mend the"), &digest), None, "the line was changed");
        assert_eq!(tick(&format!("{LIST}- [ ] Fix the parser (30m)\n"), &digest), None, "two look the same");
        assert_eq!(
            tick(&LIST.replace("- [ ] Fix", "  * [ ]  Fix"), &digest).map(|text| text.contains("  * [x]  Fix")),
            Some(true)
        );
        assert_eq!(tick(LIST, &super::digest("in a fence")), None);
    }

    #[test]
    fn tasks_are_written_in_the_form_that_is_read() {
        let id = |name: &str| TaskId::new(name).expect("plain");
        let at = |minute: i64| Timestamp::from_millisecond(minute * 60_000).expect("in range");
        let tasks = [
            Task {
                priority: Priority::High,
                estimate: Some(Lapse::minutes(90)),
                after: vec![id("b"), id("gone")],
                gates: vec![HumanGate::BusinessDecision],
                criteria: vec![Criterion { text: "no panic".into(), done: true }],
                acceptance: vec![Acceptance::command(CommandLine::Shell("cargo test".into()))],
                description: "Why: it stops.".into(),
                ..Task::new(id("a"), "Fix it", at(1))
            },
            Task { status: Status::Done, ..Task::new(id("b"), "First, this", at(2)) },
            Task { status: Status::Cancelled, ..Task::new(id("c"), "Never", at(3)) },
        ];
        let text = write(&tasks);
        insta::assert_snapshot!(text, @r"
        # Tasks

        ## High priority

        - [ ] Fix it (1h 30m)
          Why: it stops.
          - After:
            - First, this
            - gone
          - Gates: business decision
          - [x] no panic
          - Acceptance:
            - `cargo test`

        ## Medium priority

        - [x] First, this
        ");
        let items = read(&text);
        assert_eq!(items.len(), 2);
        let first = &items[0];
        assert_eq!((first.title.as_str(), first.priority, first.estimate), ("Fix it", Some(Priority::High), tasks[0].estimate));
        assert_eq!(
            (&first.criteria, &first.acceptance, &first.gates),
            (&tasks[0].criteria, &tasks[0].acceptance, &tasks[0].gates)
        );
        assert_eq!((first.after.join("; "), first.description.as_str()), ("First, this; gone".into(), "Why: it stops."));
        assert!(items[1].done);
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn a_tick_changes_one_character(text in "(?s)(- \\[[ x]\\] [ab]|[-#`*\\[\\] x1.\r\n a-c]){0,30}", word in "[ab]") {
            let digest = digest(&word);
            if let Some(ticked) = tick(&text, &digest) {
                prop_assert_eq!(ticked.len(), text.len());
                let changed: Vec<usize> = (0..text.len()).filter(|&at| text.as_bytes()[at] != ticked.as_bytes()[at]).collect();
                prop_assert_eq!(changed.len(), 1);
                prop_assert_eq!(&text[changed[0] - 1..changed[0] + 2], "[ ]");
                prop_assert_eq!(untick(&ticked, &digest), Some(text));
            }
        }
    }
}
