//! What a run does next: the built-in plan, how far it has come, and the one decision between two acts.
//!
//! How far a run has come is a fold of the events that it wrote, so a run that was killed goes on where its log stops.
//! Nothing is done here and no clock is read: `run::drive` carries out what [`advance`] says.

pub mod ending;
pub mod progress;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::{
    id::{GateName, Oid, TaskId},
    plan::{
        ending::Ending,
        progress::{Current, Phase, Progress},
    },
    time::{Lapse, Timestamp},
};

/// The built-in plan: one task after the other, each with a few tries, until something ends it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Plan {
    /// How long the run may take.
    pub max: Lapse,
    /// How many attempts it may make.
    pub steps: u32,
    /// How many tokens its agents may use, those from caches not counted.
    pub tokens: u64,
    /// How much money they may use, in millionths of a dollar.
    pub cost_micros: u64,
    /// How many tries a task gets.
    pub tries: u32,
    /// How many attempts in a row may change nothing or not come to their end.
    pub idle: u32,
    /// The gates that are run, needed ones and others.
    pub gates: Vec<GateName>,
    /// The only task to work on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<TaskId>,
    /// How many tasks are worked on.
    #[serde(default)]
    pub reach: Reach,
}

/// How many tasks a run works on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Reach {
    /// All that become ready.
    #[default]
    All,
    /// One, whatever comes of it.
    One,
    /// All that become ready, and those that come later: it waits for them until its time is over.
    Watch,
}

/// What there is to work on, besides the task that is under way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outlook {
    /// This task is the best that may be started.
    Ready(TaskId),
    /// Nothing comes before this milestone any more.
    Due(TaskId),
    /// Every task is over.
    AllOver,
    /// What is left waits for a person's answer.
    NeedsPerson,
    /// What is left is parked, failed, started by somebody else, or comes after something that is.
    Blocked,
}

/// What is to be done now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// Run the gates once, to know which are red already.
    Baseline,
    /// Make an attempt.
    Attempt {
        /// At which task.
        task: TaskId,
        /// The number of the try, from 1.
        number: u32,
        /// The snapshot before the first attempt at the task; none when this is the first.
        base: Option<Oid>,
    },
    /// Run what tests a milestone, and say that it is reached when all of that is green.
    Reach {
        /// Which.
        milestone: TaskId,
    },
    /// See what an attempt changed whose end nobody saw.
    Close,
    /// Run the gates on what the attempt left.
    Judge,
    /// Say that the try failed.
    Fail {
        /// Why.
        why: String,
    },
    /// Give the task up for now: pin its work and put its paths back.
    Park {
        /// Why.
        why: String,
    },
    /// Commit the work of a task that is done.
    Land,
    /// Take the checkpoint and note the progress of a task whose work is committed.
    Note,
    /// Wait until this moment, then look again.
    Wait {
        /// Until when.
        until: Timestamp,
    },
    /// Wait until something changes, then look again.
    Look,
    /// Nothing more.
    End(Ending),
}

/// Decides what is done now. What a task that is done still needs is done whatever else holds; no attempt begins after a
/// request to stop, beyond a budget, or for a try over the plan's number.
#[must_use]
pub fn advance(plan: &Plan, progress: &Progress, outlook: &Outlook, now: Timestamp) -> Next {
    if let Some(current) = &progress.current {
        match &current.phase {
            Phase::Running => return Next::Close,
            Phase::Landing => return Next::Land,
            Phase::Noting => return Next::Note,
            Phase::Again | Phase::Judging | Phase::Broken { .. } | Phase::Limited { .. } | Phase::Unusable { .. } => {}
        }
    }
    if progress.stop_asked {
        return Next::End(Ending::Stopped);
    }
    if plan.gates.iter().any(|gate| !progress.gates.contains_key(gate)) && progress.current.is_none() {
        return Next::Baseline;
    }
    match &progress.current {
        Some(current) => go_on(plan, progress, current, now),
        None => begin(plan, progress, outlook, now),
    }
}

fn go_on(plan: &Plan, progress: &Progress, current: &Current, now: Timestamp) -> Next {
    match &current.phase {
        Phase::Judging => Next::Judge,
        Phase::Broken { why } => Next::Fail { why: why.clone() },
        Phase::Unusable { why } => Next::End(Ending::AgentUnusable { why: why.clone() }),
        Phase::Limited { until } if *until > now => {
            if *until < progress.started.after(plan.max) {
                Next::Wait { until: *until }
            } else {
                Next::End(Ending::Limit { until: *until })
            }
        }
        Phase::Limited { .. } | Phase::Again if current.tries >= plan.tries => {
            let why = current.feedback.clone().unwrap_or_else(|| "no try came to its end".to_owned());
            Next::Park { why: format!("{} tries failed; the last: {why}", current.tries) }
        }
        Phase::Limited { .. } | Phase::Again => {
            attempt(plan, progress, &current.task, current.tries + 1, Some(&current.base), now)
        }
        Phase::Running => Next::Close,
        Phase::Landing => Next::Land,
        Phase::Noting => Next::Note,
    }
}

fn begin(plan: &Plan, progress: &Progress, outlook: &Outlook, now: Timestamp) -> Next {
    if plan.reach == Reach::One && progress.settled > 0 {
        return Next::End(if progress.done > 0 { Ending::Once } else { Ending::Blocked });
    }
    match outlook {
        Outlook::Ready(task) => attempt(plan, progress, task, 1, None, now),
        Outlook::Due(_) if now.since(progress.started) >= plan.max => Next::End(Ending::OutOfTime),
        Outlook::Due(milestone) => Next::Reach { milestone: milestone.clone() },
        Outlook::AllOver | Outlook::NeedsPerson | Outlook::Blocked if plan.reach == Reach::Watch => {
            if now.since(progress.started) < plan.max { Next::Look } else { Next::End(Ending::OutOfTime) }
        }
        Outlook::AllOver => Next::End(Ending::Done),
        Outlook::NeedsPerson => Next::End(Ending::NeedsPerson),
        Outlook::Blocked => Next::End(Ending::Blocked),
    }
}

fn attempt(plan: &Plan, progress: &Progress, task: &TaskId, number: u32, base: Option<&Oid>, now: Timestamp) -> Next {
    if now.since(progress.started) >= plan.max {
        return Next::End(Ending::OutOfTime);
    }
    if progress.steps >= plan.steps {
        return Next::End(Ending::OutOfSteps);
    }
    if progress.tokens >= plan.tokens {
        return Next::End(Ending::OutOfTokens);
    }
    if progress.cost_micros >= plan.cost_micros {
        return Next::End(Ending::OutOfMoney);
    }
    if progress.idle >= plan.idle {
        return Next::End(Ending::NoProgress);
    }
    Next::Attempt { task: task.clone(), number, base: base.cloned() }
}

#[cfg(test)]
mod tests;
