//! Any program: a prompt goes in, it works, its exit code says whether it came to its end.

use crate::{
    host::{Result, process::Invocation, store::write},
    model::settings::{AgentProfile, PromptDelivery},
    run::agent::{Agent, Attempt, Conclusion, Hear, stream},
};

/// What stands for the prompt, or for the path of its file, among the arguments.
pub const PLACE: &str = "{prompt}";

/// The driver.
#[derive(Clone, Debug)]
pub struct Command {
    /// The program, its arguments, and how it gets the prompt.
    pub profile: AgentProfile,
}

impl Agent for Command {
    fn attempt(&self, attempt: &Attempt<'_>, hear: &mut Hear<'_>) -> Result<Conclusion> {
        let (given, input) = match self.profile.prompt {
            PromptDelivery::Stdin => (None, attempt.prompt.as_bytes()),
            PromptDelivery::Argument => (Some(attempt.prompt.to_owned()), &b""[..]),
            PromptDelivery::File => {
                let path = attempt.output.join("prompt.md");
                write::make_directory(attempt.output)?;
                write::replace(&path, attempt.prompt.as_bytes(), write::Durability::Derived)?;
                (Some(path.to_string_lossy().into_owned()), &b""[..])
            }
        };
        let mut words = vec![self.profile.program.clone()];
        words.extend(self.profile.arguments.iter().cloned());
        if let Some(given) = given {
            if words.iter().any(|word| word.contains(PLACE)) {
                words = words.iter().map(|word| word.replace(PLACE, &given)).collect();
            } else {
                words.push(given);
            }
        }
        stream::run_plain(attempt, Invocation::words(words), attempt.variables, input, hear)
    }
}
