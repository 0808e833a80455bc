//! Claude Code without a terminal: the prompt on stdin, one JSON event a line on stdout.
//!
//! It may do what its allow list names and nothing else, because nobody is there to be asked. Waiting for limits is ours,
//! so the client is told to give up soon.

use std::path::PathBuf;

use serde_json::json;

use crate::{
    host::{
        Result,
        process::{Invocation, Variables},
    },
    model::settings::AgentProfile,
    run::agent::{Agent, Attempt, Conclusion, Hear, stream},
};

/// How often the client itself may try again; its own default of ten takes three minutes in silence.
const RETRIES: &str = "2";

/// Tools that every agent may use on the files of the work tree.
const TOOLS: [&str; 5] = ["Read", "Edit", "Write", "Glob", "Grep"];

/// Variables that tie a program to the conversation that started it; an agent has its own.
const OUTER_CONVERSATION: [&str; 18] = [
    "AI_AGENT",
    "CLAUDECODE",
    "CLAUDE_CODE_CHILD_NOTES_DIR",
    "CLAUDE_CODE_CHILD_SESSION",
    "CLAUDE_CODE_ENTRYPOINT",
    "CLAUDE_CODE_MAX_RETRIES",
    "CLAUDE_CODE_MESSAGING_SOCKET",
    "CLAUDE_CODE_MESSAGING_TOKEN",
    "CLAUDE_CODE_RETRY_WATCHDOG",
    "CLAUDE_CODE_SESSION_ATTENDED",
    "CLAUDE_CODE_SESSION_ID",
    "CLAUDE_CODE_STOP_HOOK_BLOCK_CAP",
    "CLAUDE_EFFORT",
    "CLAUDE_ENV_FILE",
    "CLAUDE_PID",
    "CLAUDE_PLUGIN_DATA",
    "CLAUDE_PLUGIN_ROOT",
    "CLAUDE_PROJECT_DIR",
];

/// The driver.
#[derive(Clone, Debug)]
pub struct Claude {
    /// The program, its arguments, model and permissions.
    pub profile: AgentProfile,
    /// The verbs of this program that the agent may use, as typed: `task done`.
    pub verbs: Vec<String>,
    /// The path of this program, which is put on the agent's PATH.
    pub own_program: PathBuf,
    /// What it is given besides.
    pub given: Given,
}

/// What an agent is given besides its profile.
#[derive(Clone, Debug, Default)]
pub struct Given {
    /// The MCP servers that it may start, as the JSON of the client; no others of the repository's.
    pub servers: Option<String>,
    /// The directory of the plugin with our hooks, where no settings that it loads have them.
    pub plugin: Option<PathBuf>,
}

impl Claude {
    /// What the agent may do, as rules of the client.
    #[must_use]
    pub fn allow(&self) -> Vec<String> {
        let tools = TOOLS.iter().map(|&tool| tool.to_owned());
        let verbs = self.verbs.iter().map(|verb| format!("Bash(autonomy {verb} *)"));
        tools.chain(verbs).chain(self.profile.allow.iter().cloned()).collect()
    }

    fn invocation(&self, attempt: &Attempt<'_>) -> Invocation {
        let settings = json!({ "permissions": { "allow": self.allow() } }).to_string();
        let mut words = vec![self.profile.program.clone()];
        words.extend(self.profile.arguments.iter().cloned());
        words.extend(["-p", "--output-format", "stream-json", "--verbose", "--permission-mode", "dontAsk"].map(str::to_owned));
        words.extend(["--settings".to_owned(), settings]);
        // In this mode the client asks nobody whether it may run the hooks that a repository brings.
        words.extend(["--setting-sources".to_owned(), attempt.settings.join(",")]);
        // Without it the client starts whatever servers the repository names.
        words.push("--strict-mcp-config".to_owned());
        if let Some(plugin) = &self.given.plugin {
            words.extend(["--plugin-dir".to_owned(), plugin.display().to_string()]);
        }
        if let Some(servers) = &self.given.servers {
            words.extend(["--mcp-config".to_owned(), servers.clone()]);
        }
        let conversation = if attempt.resume.is_some() { "--resume" } else { "--session-id" };
        words.extend([conversation.to_owned(), attempt.client.to_string()]);
        if let Some(model) = &self.profile.model {
            words.extend(["--model".to_owned(), model.clone()]);
        }
        Invocation::words(words)
    }

    fn variables(&self, attempt: &Attempt<'_>) -> Variables {
        let variables = attempt.variables.clone().without(|name| OUTER_CONVERSATION.contains(&name));
        let variables = variables.with("CLAUDE_CODE_MAX_RETRIES", RETRIES).with("DISABLE_AUTOUPDATER", "1");
        stream::knowing_own_program(variables, &self.own_program)
    }
}

impl Agent for Claude {
    fn attempt(&self, attempt: &Attempt<'_>, hear: &mut Hear<'_>) -> Result<Conclusion> {
        let (invocation, variables) = (self.invocation(attempt), self.variables(attempt));
        stream::run_client(attempt, invocation, &variables, attempt.prompt.as_bytes(), hear, &|reading, finished| {
            reading.conclude(finished.exit, attempt.resume, finished.stderr.last_line())
        })
    }
}
