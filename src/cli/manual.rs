//! The manual of all commands as markdown, made of what clap knows; `docs/cli.md` is its text.
//!
//! It says what can be typed. Why one would is for the README and the other pages.

use clap::{Arg, Command};

use crate::cli::help::HEADINGS;

const INTRODUCTION: &str = "# Commands

Data goes to stdout, talk to stderr. `--json` prints the outcome of any command in the shape that
[`schemas/<command>.outcome.json`](../schemas/) says; with it, an error is one JSON object on stderr (`schemas/refusal.json`).

| exit code | meaning |
|---|---|
| 0 | done, or yes |
| 1 | no |
| 2 | wrong usage |
| 3 | needs a person |
| 4 | conflict with something else under way |
| 5 | the machine said no |
| 6 | out of time or budget |
| 70 | a fault of autonomy's own |
";

/// The whole manual, in the order of the headings of `autonomy help`.
#[must_use]
pub fn manual(command: &Command) -> String {
    let mut text = INTRODUCTION.to_owned();
    text.push_str("\n## Everywhere\n\n");
    for argument in command.get_arguments().filter(|argument| argument.is_global_set()) {
        text.push_str(&line(argument));
    }
    for (_, heading, names) in HEADINGS {
        let known: Vec<&Command> = names.iter().filter_map(|name| command.find_subcommand(name)).collect();
        if !known.is_empty() {
            text.push_str(&format!("\n## {heading}\n"));
        }
        for found in known {
            section(&mut text, "autonomy", found);
        }
    }
    text
}

fn section(text: &mut String, above: &str, command: &Command) {
    if command.is_hide_set() {
        return;
    }
    let name = format!("{above} {}", command.get_name());
    let inner: Vec<&Command> = command.get_subcommands().filter(|inner| inner.get_name() != "help").collect();
    if inner.is_empty() || !command.is_subcommand_required_set() {
        let arguments: Vec<&Arg> = command.get_arguments().filter(|argument| is_own(argument)).collect();
        let placed = arguments.iter().filter(|argument| argument.is_positional());
        let usage: String = placed.map(|argument| format!(" {}", values(argument))).collect::<Vec<_>>().concat();
        text.push_str(&format!("\n### `{name}{usage}`\n"));
        if let Some(about) = command.get_long_about().or_else(|| command.get_about()) {
            text.push_str(&format!("\n{about}.\n"));
        }
        if !arguments.is_empty() {
            text.push('\n');
        }
        for argument in arguments {
            text.push_str(&line(argument));
        }
    }
    for inner in inner {
        section(text, &name, inner);
    }
}

fn is_own(argument: &Arg) -> bool {
    !argument.is_global_set() && !argument.is_hide_set() && !matches!(argument.get_id().as_str(), "help" | "version")
}

fn takes_values(argument: &Arg) -> bool {
    argument.get_action().takes_values()
}

/// The names of an argument's values, in square brackets when it may be left out.
fn values(argument: &Arg) -> String {
    let name = argument
        .get_value_names()
        .and_then(|names| names.first())
        .map_or_else(|| argument.get_id().as_str().to_uppercase(), ToString::to_string);
    let many = if argument.get_num_args().is_some_and(|range| range.max_values() > 1) { "…" } else { "" };
    match (argument.is_positional(), argument.is_required_set()) {
        (true, false) => format!("[{name}]{many}"),
        (true, true) | (false, _) => format!("<{name}>{many}"),
    }
}

fn line(argument: &Arg) -> String {
    let short = argument.get_short().map(|short| format!("-{short}"));
    let long = argument.get_long().map(|long| format!("--{long}"));
    let mut names: String = [short, long].into_iter().flatten().collect::<Vec<_>>().join(", ");
    if takes_values(argument) {
        if !names.is_empty() {
            names.push(' ');
        }
        names.push_str(&values(argument));
    }
    let mut help = argument.get_help().map(ToString::to_string).unwrap_or_default();
    let choices: Vec<String> = argument
        .get_possible_values()
        .iter()
        .filter(|value| !value.is_hide_set())
        .map(|value| format!("`{}`", value.get_name()))
        .collect();
    if takes_values(argument) && !choices.is_empty() {
        help.push_str(&format!(" (one of {})", choices.join(", ")));
    }
    let defaults: Vec<String> =
        argument.get_default_values().iter().map(|value| format!("`{}`", value.to_string_lossy())).collect();
    if takes_values(argument) && !defaults.is_empty() {
        help.push_str(&format!(" (when not said: {})", defaults.join(", ")));
    }
    format!("- `{names}`: {help}\n")
}
