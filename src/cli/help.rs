//! The front page of `autonomy help`: commands under the six headings, which are the rooms of `ops`.

use clap::Command;

use crate::ops::table::Room;

/// The headings with the commands below each, in the order they are shown.
pub(crate) const HEADINGS: &[(Room, &str, &[&str])] = &[
    (Room::Setup, "Set up", &["init", "uninstall", "config", "trust", "verify", "doctor", "demo"]),
    (Room::Session, "Sessions", &["session", "run", "watch", "stop", "commit", "compact", "hook"]),
    (Room::Work, "Work", &["task", "focus", "progress", "note", "memory", "workflow", "next"]),
    (Room::Time, "Back in time", &["checkpoint", "rollback"]),
    (Room::Judge, "Decide", &["decide", "decision", "authority", "ask", "inbox", "answer", "gate", "guard"]),
    (Room::Tell, "Look", &["status", "statusline", "report", "context"]),
];

/// Replaces clap's flat list of commands by the headings.
pub(crate) fn with_headings(command: Command) -> Command {
    let mut page = String::new();
    for (_, heading, names) in HEADINGS {
        let known: Vec<(&str, String)> = names
            .iter()
            .filter_map(|name| command.find_subcommand(name).filter(|found| !found.is_hide_set()).map(|found| (*name, found)))
            .map(|(name, found)| (name, found.get_about().map(ToString::to_string).unwrap_or_default()))
            .collect();
        if !known.is_empty() {
            page.push_str(&format!("{heading}:\n"));
            for (name, about) in known {
                page.push_str(&format!("  {name:<11} {about}\n"));
            }
            page.push('\n');
        }
    }
    command.help_template(format!("{{about}}\n\n{{usage-heading}} {{usage}}\n\n{page}{{options}}"))
}
