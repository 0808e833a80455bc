//! Our hooks, our skill and the agents as a plugin of an agent client: a directory that the client is given for one
//! conversation, or that a person installs. No settings are edited for it.

use serde_json::json;

use crate::model::{client_settings, own_skill, refusal::Refusal, roster::Roster};

/// The word behind the event by which a call of a plugin's hook is known.
pub const MARK: &str = "--plugin";

/// The file that says which plugin a directory is.
pub const MANIFEST: &str = ".claude-plugin/plugin.json";

/// The plugin's name.
const NAME: &str = "autonomy";

const README: &str = "\
# autonomy, as a plugin

Hooks, a skill and agents for Claude Code: sessions are written down, the work tree is saved at each turn, what is dangerous is stopped
before it happens, and what has to be known comes back after a compaction. The program `autonomy` has to be on the PATH; without it the
hooks do nothing and the client goes on.

Try it for one conversation: `claude --plugin-dir <this directory>`. A repository where `autonomy init` has put the hooks into the
settings does not need it; where both are there, the plugin's hooks stay silent.
";

/// Whether a manifest is that of our plugin.
#[must_use]
pub fn is_ours(manifest: &str) -> bool {
    serde_json::from_str::<serde_json::Value>(manifest).is_ok_and(|manifest| manifest["name"] == NAME)
}

/// The files of the plugin, by their paths below its directory.
///
/// # Errors
/// Refuses agents that have no form as a page.
pub fn files(version: &str, roster: &Roster) -> Result<Vec<(String, String)>, Refusal> {
    let manifest = json!({
        "name": NAME,
        "version": version,
        "description": "State, checkpoints, a guard and a memory that outlasts compaction, by the program autonomy",
        "author": { "name": "autonomy" },
        "license": "MIT OR Apache-2.0",
        "keywords": ["state", "checkpoints", "hooks", "tasks"],
    });
    let mut files = vec![
        (MANIFEST.to_owned(), format!("{manifest:#}\n")),
        ("hooks/hooks.json".to_owned(), client_settings::plugin(MARK)),
        ("skills/autonomy/SKILL.md".to_owned(), own_skill::page().plain()?),
        ("README.md".to_owned(), README.to_owned()),
    ];
    for (name, agent) in &roster.agents {
        files.push((format!("agents/{name}.md"), agent.page(name).plain()?));
    }
    Ok(files)
}
