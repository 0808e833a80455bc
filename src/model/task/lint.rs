//! What is wrong with the tasks as they are written, with the line to mend. It looks at texts only and changes none.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::{
    document::Document,
    id::TaskId,
    refusal::Refusal,
    task::{CRITERIA, Status, Task, TaskKind, order},
};

/// One thing that is wrong with a record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Problem {
    /// The file, from the top of the work tree.
    pub path: String,
    /// The line, from 1; none when the message names it or it is about the whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<usize>,
    /// What is wrong.
    pub message: String,
}

/// Keys that other tools know a task's by. People may write what they like into a record, so only these are named.
const MISNAMED: [(&str, &str); 6] = [
    ("blocked_by", "after"),
    ("dependencies", "after"),
    ("depends_on", "after"),
    ("estimated_time", "estimate"),
    ("success_criteria", "acceptance"),
    ("tests", "acceptance"),
];

/// Looks at all tasks: each with its name and what could be read of it.
#[must_use]
pub fn lint(files: &[(TaskId, Result<Document, Refusal>)], path_of: impl Fn(&TaskId) -> String) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut tasks: BTreeMap<&TaskId, (Task, &Document)> = BTreeMap::new();
    for (id, document) in files {
        let read = document.as_ref().map_err(Clone::clone).and_then(|it| Ok((Task::read(id.clone(), it)?, it)));
        match read {
            Ok(read) => {
                tasks.insert(id, read);
            }
            Err(refusal) => problems.push(Problem { path: path_of(id), line: None, message: refusal.message }),
        }
    }
    let known: BTreeSet<&TaskId> = files.iter().map(|(id, _)| id).collect();
    for (task, document) in tasks.values() {
        let mut add = |key: &str, message: String| {
            problems.push(Problem { path: path_of(&task.id), line: document.line_of(key), message });
        };
        if let Ok(named) = document.front::<Named>()
            && let Some(other) = named.id.filter(|other| *other != task.id)
        {
            add("id", format!("the record says `{other}`, the file is named `{}`", task.id));
        }
        for (wrong, right) in MISNAMED {
            if document.line_of(wrong).is_some() && document.line_of(right).is_none() {
                add(wrong, format!("`{wrong}` says nothing to this program: the key is `{right}`"));
            }
        }
        if task.title.trim().is_empty() {
            add("title", "the title is empty".into());
        }
        if task.estimate.is_some_and(|estimate| estimate.0.is_zero()) {
            add("estimate", "an estimate of nothing is none".into());
        }
        if task.status == Status::Open && task.kind == TaskKind::Task && task.criteria.is_empty() && task.acceptance.is_empty() {
            add("title", format!("nothing says when it is done: add `- [ ] …` under `## {CRITERIA}`, or `acceptance`"));
        }
        for before in &task.after {
            match tasks.get(before) {
                Some((other, _)) if other.status == Status::Cancelled && task.status == Status::Open => {
                    add("after", format!("it comes after `{before}`, which is cancelled"));
                }
                Some(_) => {}
                None if known.contains(before) => {}
                None => add("after", format!("it comes after `{before}`, which does not exist")),
            }
        }
        if let Some(parent) = task.parent.as_ref().filter(|parent| !known.contains(parent)) {
            add("parent", format!("it is a part of `{parent}`, which does not exist"));
        }
    }
    if let Some(circle) = order::cycle(tasks.values().map(|(task, _)| task)) {
        let names: Vec<&str> = circle.iter().chain(circle.first()).map(TaskId::as_str).collect();
        if let Some((task, document)) = circle.first().and_then(|first| tasks.get(first)) {
            let message = format!("the tasks wait for each other: {}", names.join(" after "));
            problems.push(Problem { path: path_of(&task.id), line: document.line_of("after"), message });
        }
    }
    problems.sort_by(|left, right| (&left.path, left.line).cmp(&(&right.path, right.line)));
    problems
}

#[derive(Deserialize)]
struct Named {
    id: Option<TaskId>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn problems_are_named_with_their_line() {
        let file = |name: &str, text: &str| {
            let path = format!("tasks/{name}.md");
            (TaskId::new(name).expect("plain"), Document::parse(path, text))
        };
        let files = [
            file("bad", "---\ntitle: x\nestimate: soon\n---\n"),
            file("open", "---\ntitle: x\n"),
            file("bare", "---\nid: other\ntitle: x\n\nestimate: 0s\nafter:\n  - gone\n  - dropped\nparent: nobody\n---\n"),
            file("dropped", "---\ntitle: x\nstatus: cancelled\n---\n"),
            file("a", "---\ntitle: x\nafter: [b]\nacceptance: [x]\n---\n"),
            file("c", "---\ntitle: x\ndependencies: [a]\nacceptance: [x]\n---\n"),
            file("b", "---\ntitle: x\nafter: [a]\n---\n## Success criteria\n- [ ] y\n"),
        ];
        let found: Vec<String> = lint(&files, |id| format!("tasks/{id}.md"))
            .into_iter()
            .map(|it| format!("{}:{} {}", it.path, it.line.map_or("-".into(), |line| line.to_string()), it.message))
            .collect();
        insta::assert_snapshot!(found.join("\n"), @r"
        tasks/a.md:3 the tasks wait for each other: a after b after a
        tasks/bad.md:- cannot read `tasks/bad.md`: line 3, column 11: `soon` is not a span of time; write it like `90m` or `1h 30m`
          |
        2 | title: x
        3 | estimate: soon
          |           ^ `soon` is not a span of time; write it like `90m` or `1h 30m`
        tasks/bare.md:2 the record says `other`, the file is named `bare`
        tasks/bare.md:3 nothing says when it is done: add `- [ ] …` under `## Success criteria`, or `acceptance`
        tasks/bare.md:5 an estimate of nothing is none
        tasks/bare.md:6 it comes after `gone`, which does not exist
        tasks/bare.md:6 it comes after `dropped`, which is cancelled
        tasks/bare.md:9 it is a part of `nobody`, which does not exist
        tasks/c.md:3 `dependencies` says nothing to this program: the key is `after`
        tasks/open.md:- cannot read `tasks/open.md`: line 1, column 1: the front matter has no closing `---`
        ");
    }
}
