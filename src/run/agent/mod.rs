//! One attempt of one agent: a prompt in, signals on the way, an outcome at the end.
//!
//! A driver knows how one kind of program is talked to. What is attempted, and what its outcome means, is not known here.

pub mod claude;
pub mod command;
pub mod play;
pub mod profile;
pub mod record;
pub mod replay;

mod stream;

use std::{path::Path, time::Duration};

use crate::{
    host::{
        Result,
        process::{Finished, Stop, Variables},
        secret::Secrets,
    },
    model::{
        agent::{Outcome, Signal},
        id::{ClientId, StepId, TaskId},
        usage::Usage,
    },
};

/// Told what an agent lets us know; when it fails, the attempt ends.
pub type Hear<'a> = dyn FnMut(Signal) -> Result<()> + 'a;

/// A kind of program that works on a prompt.
pub trait Agent {
    /// Makes one attempt and comes back when none of its processes is left.
    ///
    /// `hear` may fail, which ends the attempt and is handed on.
    ///
    /// # Errors
    /// Fails when the program cannot be watched or its output cannot be kept; how the attempt itself went is told by the
    /// outcome, a missing program included.
    fn attempt(&self, attempt: &Attempt<'_>, hear: &mut Hear<'_>) -> Result<Conclusion>;
}

/// One attempt.
#[derive(Clone, Copy)]
pub struct Attempt<'a> {
    /// What the agent is told.
    pub prompt: &'a str,
    /// Where it works.
    pub directory: &'a Path,
    /// The task that it works on.
    pub task: Option<&'a TaskId>,
    /// The number of the try at the task, from 1.
    pub number: u32,
    /// The mark of everything that it starts.
    pub step: &'a StepId,
    /// The conversation that the client is to use.
    pub client: &'a ClientId,
    /// What the conversation has used so far when it is to be continued; none when it is new.
    pub resume: Option<&'a Usage>,
    /// How long it may take.
    pub limit: Duration,
    /// The directory that its output is kept in.
    pub output: &'a Path,
    /// All its variables but for those that the driver adds.
    pub variables: &'a Variables,
    /// What is taken out of its output before anybody sees it.
    pub secrets: &'a Secrets,
    /// Whose settings a client loads, in the words of the client.
    pub settings: &'a [&'static str],
    /// The request to stop.
    pub stop: &'a Stop,
    /// Told every line of a client's stream, for recordings.
    pub overhear: Option<&'a dyn Fn(&str)>,
}

/// How an attempt went.
#[derive(Clone, Debug)]
pub struct Conclusion {
    /// What it came to.
    pub outcome: Outcome,
    /// What it used; nothing when the program does not tell.
    pub usage: Usage,
    /// The conversation that it can be continued in, when the client told one.
    pub client: Option<ClientId>,
    /// The process behind it; none when it could not be started.
    pub finished: Option<Finished>,
}

#[cfg(test)]
mod tests;
