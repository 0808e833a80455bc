//! A recording as an agent: this program again, as a child under the same limits as a real agent, playing a file.

use std::path::PathBuf;

use crate::{
    host::{Result, process::Invocation},
    model::agent::Outcome,
    run::agent::{Agent, Attempt, Conclusion, Hear, stream},
};

/// The hidden command that plays a recording.
pub const COMMAND: &str = "replay-agent";

/// The driver.
#[derive(Clone, Debug)]
pub struct Replay {
    /// The recording.
    pub recording: PathBuf,
    /// The path of this program.
    pub own_program: PathBuf,
}

impl Agent for Replay {
    fn attempt(&self, attempt: &Attempt<'_>, hear: &mut Hear<'_>) -> Result<Conclusion> {
        let words = [self.own_program.as_os_str(), COMMAND.as_ref(), self.recording.as_os_str()];
        let variables = stream::knowing_own_program(attempt.variables.clone(), &self.own_program);
        stream::run_client(attempt, Invocation::words(words), &variables, b"", hear, &|reading, finished| {
            if reading.has_result() {
                return reading.conclude(finished.exit, attempt.resume, finished.stderr.last_line());
            }
            let told = finished.stderr.text();
            // A refusal of ours may go on with the place in the file and a hint.
            let error = told.lines().rfind(|line| line.starts_with("error: ")).or(finished.stderr.last_line());
            let words = if finished.exit.is_success() { reading.last_words() } else { error };
            let (_, usage) = reading.conclude(finished.exit, attempt.resume, None);
            (Outcome::of_exit(finished.exit, words), usage)
        })
    }
}
