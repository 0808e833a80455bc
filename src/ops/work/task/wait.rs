//! `task wait`: wait until tasks are over or cannot go on by themselves.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    host::{Result, clock::Clock, workspace::Workspace},
    model::{
        id::TaskId,
        refusal::{Code, Refusal},
        task::progress::Progress,
        time::Lapse,
    },
    ops::work::board::Board,
};

/// How often the tasks are looked at.
const PAUSE: Duration = Duration::from_millis(250);

/// Which tasks, and for how long.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Request {
    /// Their names.
    pub tasks: Vec<String>,
    /// How long at most; without it, an hour.
    pub timeout: Option<Lapse>,
}

/// One task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Ended {
    /// Its name.
    pub task: TaskId,
    /// Its title.
    pub title: String,
    /// Where it stands.
    pub progress: Progress,
}

/// Where the tasks stand.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Outcome {
    /// The tasks in the order in which they were named.
    pub tasks: Vec<Ended>,
}

impl Outcome {
    /// What it comes to: everything done, something that needs a person, or something that will not be done.
    #[must_use]
    pub fn code(&self) -> Option<Code> {
        let any = |fits: fn(&Progress) -> bool| self.tasks.iter().any(|ended| fits(&ended.progress));
        if any(|progress| matches!(progress, Progress::Waiting { .. } | Progress::Parked { .. })) {
            Some(Code::NeedsPerson)
        } else if any(|progress| !progress.is_done()) {
            Some(Code::No)
        } else {
            None
        }
    }
}

/// Waits until each of the tasks is done, cancelled, failed, parked, or waits for a person.
///
/// # Errors
/// Refuses unknown tasks, and, out of time, tasks that still go on.
pub fn wait(workspace: &Workspace, request: &Request) -> Result<Outcome> {
    let limit = request.timeout.unwrap_or(Lapse::hours(1));
    let begun = Clock::instant();
    let board = Board::read(workspace)?;
    let mut ids = Vec::new();
    for given in &request.tasks {
        ids.push(board.task(given)?.task.id.clone());
    }
    loop {
        let board = Board::read(workspace)?;
        let mut tasks = Vec::new();
        for id in &ids {
            let held = board.task(id.as_str())?;
            let (Progress::Open | Progress::Started) = held.progress else {
                tasks.push(Ended { task: id.clone(), title: held.task.title.clone(), progress: held.progress.clone() });
                continue;
            };
            if begun.elapsed() >= limit.0 {
                let message = format!("the task {} is {} after {limit}", held.task.label(), held.progress);
                return Err(Refusal::new(Code::Budget, message).hint("give more time: `--timeout 4h`").retryable().into());
            }
        }
        if tasks.len() == ids.len() {
            return Ok(Outcome { tasks });
        }
        Clock::sleep(PAUSE);
    }
}
