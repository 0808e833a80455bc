//! Who types the command, from positive evidence only: a mark in the environment, or an ancestor that we started.
//!
//! What a person alone may do is decided by `model` and `ops`; this only says who it is.

use std::path::PathBuf;

use crate::{
    host::{environment::Environment, store::write},
    model::{actor::Actor, id::StepId},
};

/// The variable that marks everything that an attempt of `autonomy run` starts.
pub const STEP: &str = "AUTONOMY_STEP";

/// The variable that names the agent profile of such an attempt.
pub const AGENT: &str = "AUTONOMY_AGENT";

/// How much of a file below `/proc` is asked for at once; few environments are larger.
const PIECE: usize = 8 * 1024;

/// Who types the command.
#[must_use]
pub fn detect(environment: &Environment) -> Actor {
    let named = |name: &str| Actor::Agent { name: name.to_owned(), role: None, model: None };
    if environment.variable(STEP).is_some() {
        return named(environment.text(AGENT).unwrap_or("agent"));
    }
    if let Some(agent) = environment.text("AI_AGENT") {
        return named(agent.split('_').next().unwrap_or(agent));
    }
    if environment.variable("CLAUDECODE").is_some() {
        return named("claude-code");
    }
    if marked_ancestor() {
        return named("agent");
    }
    Actor::Person { name: None }
}

/// The attempt that the command belongs to, when it was started by one.
#[must_use]
pub fn step(environment: &Environment) -> Option<StepId> {
    environment.text(STEP).and_then(|text| StepId::new(text).ok())
}

/// Whether an ancestor carries the mark of an attempt although this process has lost it (proc(5)).
fn marked_ancestor() -> bool {
    let mark = format!("{STEP}=");
    let mut process = PathBuf::from("/proc/self");
    for _ in 0..64 {
        let Some(stat) = write::read_whole(&process.join("stat"), PIECE).ok() else { return false };
        let stat = String::from_utf8_lossy(&stat);
        // The name in parentheses may hold anything, so the fields are counted behind the last one.
        let parent =
            stat.rsplit(')').next().and_then(|rest| rest.split_whitespace().nth(1)).and_then(|text| text.parse::<u32>().ok());
        let Some(parent) = parent.filter(|parent| *parent > 1) else { return false };
        process = PathBuf::from(format!("/proc/{parent}"));
        let environment = write::read_whole(&process.join("environ"), PIECE).unwrap_or_default();
        if environment.split(|byte| *byte == 0).any(|entry| entry.starts_with(mark.as_bytes())) {
            return true;
        }
    }
    false
}
