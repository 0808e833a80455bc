//! Makes a recording of an attempt: from the stream of a client that prints its tool calls, or from what changed on disk.
//!
//! Tool calls that the client refused, or that failed, changed nothing and are left out.

use std::{collections::BTreeMap, path::Path};

use serde_json::{Value, json};

use crate::{
    host::{
        Result,
        confined::{self, Found},
    },
    model::{
        change::{Change, TreePath},
        claude::blocks,
        process::Exit,
        recording::{Link, Patch, Run, Step, Write, from_hex},
        refusal::Refusal,
    },
};

/// The fields of a `result` line that are kept: those that tell how it went and what it used.
const RESULT: [&str; 13] = [
    "type",
    "subtype",
    "is_error",
    "num_turns",
    "terminal_reason",
    "api_error_status",
    "api_error",
    "errors",
    "result",
    "deferred_tool_use",
    "local_command",
    "modelUsage",
    "model_usage_since_last_result",
];

/// Listens to a client's stream.
#[derive(Debug)]
pub struct Recorder {
    root: String,
    steps: Vec<Step>,
    /// Tool calls that have no result yet, by their id.
    open: BTreeMap<String, Step>,
}

impl Recorder {
    /// A recorder of an agent that works in `root`.
    #[must_use]
    pub fn new(root: &Path) -> Self {
        Self { root: root.to_string_lossy().into_owned(), steps: Vec::new(), open: BTreeMap::new() }
    }

    /// Takes one line of the stream.
    pub fn overhear(&mut self, line: &str) {
        let Ok(value) = serde_json::from_str::<Value>(line) else { return };
        match value.pointer("/type").and_then(Value::as_str) {
            Some("assistant") if value.get("error").is_none() => blocks(&value).for_each(|block| self.used(block)),
            Some("assistant" | "rate_limit_event") => self.keep(&value, &["type", "error", "rate_limit_info"]),
            Some("user") => blocks(&value).for_each(|block| self.came_back(block)),
            Some("result") => self.keep(&value, &RESULT),
            _ => {}
        }
    }

    /// The steps, ending as the program ended.
    #[must_use]
    pub fn finish(mut self, exit: Exit) -> Vec<Step> {
        if let Exit::Code(code) = exit
            && let Ok(code @ 1..) = u8::try_from(code)
        {
            self.steps.push(Step::Exit(code));
        }
        self.steps
    }

    /// Keeps a line as it is, cut down to `fields`.
    fn keep(&mut self, value: &Value, fields: &[&str]) {
        let kept = fields.iter().filter_map(|&field| Some((field.to_owned(), value.get(field)?.clone())));
        self.steps.push(Step::Client(self.here(&json!(kept.collect::<serde_json::Map<_, _>>()).to_string())));
    }

    fn used(&mut self, block: &Value) {
        let text = |pointer: &str| block.pointer(pointer).and_then(Value::as_str);
        match text("/type") {
            Some("text") => self.steps.push(Step::Say(self.here(text("/text").unwrap_or_default()))),
            Some("tool_use") => {
                if let (Some(id), Some(step)) = (text("/id"), self.step(block)) {
                    self.open.insert(id.to_owned(), step);
                }
            }
            _ => {}
        }
    }

    fn came_back(&mut self, block: &Value) {
        let Some(step) = block.pointer("/tool_use_id").and_then(Value::as_str).and_then(|id| self.open.remove(id)) else {
            return;
        };
        if block.pointer("/is_error").and_then(Value::as_bool) != Some(true) {
            self.steps.push(step);
        }
    }

    fn step(&self, block: &Value) -> Option<Step> {
        let input = |name: &str| block.pointer("/input")?.get(name)?.as_str();
        match block.pointer("/name").and_then(Value::as_str)? {
            "Write" => {
                // A client writes text only; what a recording plays may be bytes, and may be executable.
                let bytes = input("content").map(|text| text.as_bytes().to_owned()).or_else(|| from_hex(input("hex")?))?;
                let executable = block.pointer("/input/executable").and_then(Value::as_bool);
                Some(Step::Write(Write { path: self.path(input("file_path")?)?, bytes, executable }))
            }
            "Link" => Some(Step::Link(Link { path: self.path(input("file_path")?)?, target: input("target")?.to_owned() })),
            "Delete" => Some(Step::Delete(self.path(input("file_path")?)?)),
            "Edit" => {
                let (path, find) = (self.path(input("file_path")?)?, input("old_string")?.to_owned());
                let replace = input("new_string")?.to_owned();
                if find.is_empty() {
                    // The client makes a new file when there is nothing to find.
                    return Some(Step::Write(Write { path, bytes: replace.into_bytes(), executable: None }));
                }
                let all = block.pointer("/input/replace_all").and_then(Value::as_bool).unwrap_or_default();
                Some(Step::Patch(Patch { path, find, replace, all }))
            }
            "Bash" => {
                let command = self.here(input("command")?);
                Some(own_words(&command).map_or_else(|| shell(command), Step::Autonomy))
            }
            _ => None,
        }
    }

    /// The path below the root; none for one outside of it.
    fn path(&self, text: &str) -> Option<TreePath> {
        let below = match text.strip_prefix(&self.root) {
            Some(rest) => rest.strip_prefix('/')?,
            None if text.starts_with('/') => return None,
            None => text,
        };
        TreePath::new(below).ok()
    }

    /// Text that does not know where the work tree was.
    fn here(&self, text: &str) -> String {
        text.replace(&format!("{}/", self.root), "./").replace(&self.root, ".")
    }
}

/// The client's shell is bash; what it takes, a plain `sh` may not.
fn shell(command: String) -> Step {
    Step::Run(Run::Argv(vec!["bash".to_owned(), "-c".to_owned(), command]))
}

/// The arguments of a plain call of this program; none when a shell would do anything but split it at spaces.
fn own_words(command: &str) -> Option<Vec<String>> {
    let arguments = command.strip_prefix("autonomy ")?;
    let plain = arguments.chars().all(|found| found.is_alphanumeric() || " ._-/:=,@+%".contains(found));
    plain.then(|| arguments.split_whitespace().map(str::to_owned).collect())
}

/// The steps that bring about `changes`, whose later sides are read from `root`.
///
/// # Errors
/// Refuses a change that cannot be recorded: a submodule, and a link whose target is not UTF-8.
pub fn steps_of_changes(root: &Path, changes: &[Change]) -> Result<Vec<Step>> {
    let (mut gone, mut there) = (Vec::new(), Vec::new());
    for change in changes {
        let path = change.path.clone();
        let refuse = |why: &str| Refusal::no(format!("cannot record the change of `{path}`: {why}"));
        if change.after.is_none() {
            gone.push(Step::Delete(path));
            continue;
        }
        match confined::look(root, &path)? {
            Found::Nothing => return Err(refuse("it is not a file or link").into()),
            Found::File { bytes, executable } => there.push(Step::Write(Write { path, bytes, executable: Some(executable) })),
            Found::Link(target) => {
                let target = target.into_os_string().into_string().map_err(|_| refuse("its target is not UTF-8"))?;
                there.push(Step::Link(Link { path, target }));
            }
        }
    }
    // What goes makes room first: a file may have become a directory, or the other way round.
    gone.append(&mut there);
    Ok(gone)
}

#[cfg(test)]
mod tests;
