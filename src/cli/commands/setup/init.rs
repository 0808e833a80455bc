//! `autonomy init`: makes the repository ready, or shows what it would write.

use std::path::PathBuf;

use clap::Args;

use crate::{
    cli::context::Context,
    host::{Result, settings::REPOSITORY_FILE},
    model::quote::counted,
    ops::setup::{
        change::{Shown, What},
        init,
    },
};

#[derive(Args)]
pub(crate) struct Init {
    /// Only show what would be written
    #[arg(long)]
    dry_run: bool,
    /// Put the hooks of the agent client into `.claude/settings.json`, for everybody, not into `.claude/settings.local.json`
    #[arg(long)]
    shared: bool,
    /// Write a part of `CLAUDE.md`, which says how work goes here
    #[arg(long)]
    claude_md: bool,
    /// Write nothing but a plugin of the agent client with hooks, skill and agents, into this directory
    #[arg(long, value_name = "DIR", conflicts_with_all = ["shared", "claude_md"])]
    plugin: Option<PathBuf>,
    /// Write nothing but `pre-compaction.sh` and `post-compaction.sh`, into this directory
    #[arg(long, value_name = "DIR", conflicts_with_all = ["shared", "claude_md"])]
    scripts: Option<PathBuf>,
}

impl Init {
    pub(crate) fn run(self, context: &Context) -> Result<u8> {
        let workspace = context.workspace()?;
        let plugin = self.plugin.clone();
        let hands_out = self.plugin.is_some() || self.scripts.is_some();
        let request = init::Request {
            dry_run: self.dry_run,
            shared: self.shared,
            instructions: self.claude_md,
            plugin: self.plugin,
            scripts: self.scripts,
        };
        let outcome = init::init(&workspace, &request)?;
        context.say(&workspace, &outcome, |screen| {
            if outcome.dry_run {
                outcome.changed.iter().for_each(|shown| screen.data(shown.diff.trim_end()));
            } else {
                for line in past(&outcome.changed) {
                    screen.talk(line);
                }
            }
            for gate in &outcome.gates {
                screen.talk(format!("Gate {}: {}", gate.name, gate.command));
            }
            if outcome.gates.is_empty() && outcome.changed.iter().any(|shown| shown.path == REPOSITORY_FILE) {
                screen.talk(format!(
                    "No gate was found: what proves work here goes into {REPOSITORY_FILE}, below `[gates.<name>]`"
                ));
            }
            if outcome.changed.is_empty() {
                screen.talk("Everything is in place already");
            }
            for label in &outcome.trusted {
                screen.talk(format!("Trusted {label}"));
            }
            if !outcome.waiting.is_empty() {
                screen.talk(format!("Waiting for `autonomy trust`: {}", outcome.waiting.join(", ")));
            }
            screen.talk(match (&plugin, outcome.dry_run) {
                (_, true) => "Next: the same without `--dry-run` writes this".to_owned(),
                (Some(directory), false) => format!("Next: `claude --plugin-dir {}`", directory.display()),
                (None, false) if hands_out => "Next: call them around each compaction".to_owned(),
                (None, false) => "Next: `autonomy session start \"<name>\"`, or `autonomy run \"<goal>\"`".to_owned(),
            });
        })
    }
}

/// How many files of one folder are named one by one.
const FEW: usize = 3;

/// The changes that were made: a line for each, and one for many of the same folder.
pub(crate) fn past(changed: &[Shown]) -> Vec<String> {
    let folder = |shown: &Shown| shown.path.rsplit_once('/').map_or(String::new(), |(folder, _)| folder.to_owned());
    let alike = changed.chunk_by(|one, next| one.what == next.what && folder(one) == folder(next));
    let lines = alike.flat_map(|group| {
        let verb = match group[0].what {
            What::Created => "Wrote",
            What::Changed => "Changed",
            What::Removed => "Removed",
        };
        if group.len() > FEW && folder(&group[0]) != ".claude" {
            vec![format!("{verb} {} in {}/", counted(group.len(), "file"), folder(&group[0]))]
        } else {
            group.iter().map(|shown| format!("{verb} {}", shown.path)).collect()
        }
    });
    lines.collect()
}
