//! A recording: what an agent does, written down so that it can be done again without one.
//!
//! It says what is played for which task and attempt; `run::agent::replay` plays it, `run::agent::record` writes it.

mod step;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use step::{Link, Patch, Run, Step, Write, from_hex};

use crate::model::{
    id::{TaskId, slug},
    refusal::Refusal,
    yaml,
};

/// The version that this program reads and writes.
pub const VERSION: u32 = 1;

/// What is played, for any number of attempts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Recording {
    /// The version of this form, 1.
    pub version: u32,
    /// What is played when none of `attempts` fits.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<Step>,
    /// What is played for one task or attempt; the first that fits counts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attempts: Vec<Part>,
}

/// What is played when `when` fits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Part {
    /// For which task and attempt.
    #[serde(default)]
    pub when: When,
    /// What is played.
    pub steps: Vec<Step>,
}

/// Which attempts a part is for; what is left out fits all.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct When {
    /// The task's title, in any case, or its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<String>,
    /// The number of the try at the task, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempt: Option<u32>,
}

#[derive(Deserialize)]
struct Head {
    #[serde(default)]
    version: Option<u32>,
}

impl Recording {
    /// A recording of nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self { version: VERSION, steps: Vec::new(), attempts: Vec::new() }
    }

    /// Reads the recording `path`, whose whole text is `text`.
    ///
    /// # Errors
    /// Refuses another version, and whatever is not a recording, with line, column and snippet.
    pub fn read(path: &str, text: &str) -> Result<Self, Refusal> {
        let head: Head = yaml::read(path, text)?;
        match head.version {
            Some(VERSION) => {}
            Some(newer) if newer > VERSION => {
                return Err(Refusal::usage(format!(
                    "cannot read `{path}`: its version is {newer}, this program knows {VERSION}"
                ))
                .hint("install a newer autonomy"));
            }
            Some(_) | None => {
                return Err(Refusal::usage(format!("cannot read `{path}`: it has to say `version: {VERSION}`")));
            }
        }
        yaml::read(path, text)
    }

    /// The recording as YAML.
    ///
    /// # Errors
    /// Refuses what YAML cannot hold, which is a fault of this program.
    pub fn write(&self) -> Result<String, Refusal> {
        yaml::write(self)
    }

    /// What is to be played for this attempt at this task.
    ///
    /// # Errors
    /// Refuses an attempt for which nothing was recorded.
    pub fn part(&self, task: Option<&TaskId>, attempt: u32) -> Result<&[Step], Refusal> {
        let fits = |when: &When| {
            let task_fits = when.task.as_ref().is_none_or(|wanted| task.is_some_and(|task| is_meant(wanted, task)));
            task_fits && when.attempt.is_none_or(|wanted| wanted == attempt)
        };
        if let Some(part) = self.attempts.iter().find(|part| fits(&part.when)) {
            return Ok(&part.steps);
        }
        if self.steps.is_empty() {
            let of = task.map(|task| format!(" at the task `{task}`")).unwrap_or_default();
            return Err(Refusal::no(format!("the recording holds nothing for attempt {attempt}{of}"))
                .hint("add a part under `attempts`, or `steps` for all others"));
        }
        Ok(&self.steps)
    }
}

impl Default for Recording {
    fn default() -> Self {
        Self::new()
    }
}

/// The part of a task's name that comes from its title; the whole name when it has another form.
#[must_use]
pub fn title_part(task: &TaskId) -> &str {
    let name = task.as_str();
    let stamped = name.len() > 16
        && name.bytes().enumerate().take(16).all(|(at, byte)| match at {
            8 => byte == b'_',
            15 => byte == b'-',
            _ => byte.is_ascii_digit(),
        });
    match name[if stamped { 16 } else { 0 }..].rsplit_once('-') {
        Some((title, _)) if stamped => title,
        _ => name,
    }
}

fn is_meant(wanted: &str, task: &TaskId) -> bool {
    wanted == task.as_str() || slug(wanted) == title_part(task)
}

#[cfg(test)]
mod tests;
