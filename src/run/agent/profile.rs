//! From a profile of the settings to its driver.

use std::path::Path;

use crate::{
    model::{
        id::AgentName,
        refusal::Refusal,
        settings::{AgentProfile, Driver},
    },
    run::agent::{
        Agent,
        claude::{Claude, Given},
        command::Command,
        replay::Replay,
    },
};

/// The driver of `profile`; `verbs` are what the agent may use of this program, `directory` is where paths start.
///
/// # Errors
/// Refuses a replay that names no recording.
pub fn driver(
    name: &AgentName,
    profile: &AgentProfile,
    verbs: &[&str],
    own_program: &Path,
    directory: &Path,
    given: Given,
) -> Result<Box<dyn Agent>, Refusal> {
    let (profile, own_program) = (profile.clone(), own_program.to_owned());
    Ok(match profile.driver {
        Driver::Claude => {
            let verbs = verbs.iter().map(|&verb| verb.to_owned()).collect();
            Box::new(Claude { profile, verbs, own_program, given })
        }
        Driver::Command => Box::new(Command { profile }),
        Driver::Replay => {
            let recording = profile.arguments.last().ok_or_else(|| {
                Refusal::usage(format!("the agent `{name}` replays a recording but names none"))
                    .hint(format!("set `arguments = [\"<file>\"]` under `[agents.{name}]`"))
            })?;
            Box::new(Replay { recording: directory.join(recording), own_program })
        }
    })
}
