//! What README tells a new user to type works as it stands.

use std::{fs, path::Path};

use crate::sandbox::Sandbox;

/// The lines of all `sh` blocks under the heading that begins with `heading`.
fn lines_to_type(heading: &str) -> Vec<String> {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap();
    let (mut under, mut inside, mut lines) = (false, false, Vec::new());
    for line in text.lines() {
        match line {
            "```sh" => inside = true,
            "```" => inside = false,
            _ if inside && under => lines.push(line.to_owned()),
            _ if !inside => {
                if let Some(found) = line.strip_prefix("## ") {
                    under = found.starts_with(heading);
                }
            }
            _ => {}
        }
    }
    lines
}

fn command(line: &str) -> &str {
    line.split("  #").next().unwrap_or(line).trim()
}

#[test]
fn two_commands_set_it_up() {
    let lines = lines_to_type("Try it");
    let commands: Vec<&str> = lines.iter().map(|line| command(line)).collect();
    assert_eq!(commands, ["cargo run --release -- demo", "cargo test"]);
}

#[test]
fn the_first_ten_minutes_work_as_they_are_written() {
    let lines = lines_to_type("The first ten minutes");
    assert!(lines.len() > 10, "{lines:?}");
    let sandbox = Sandbox::new().with("AUTONOMY_TERMINAL", "yes");
    sandbox.install("autonomy", &format!("#!/bin/sh\nexec '{}' \"$@\"\n", env!("CARGO_BIN_EXE_autonomy")));
    sandbox.write("Makefile", "test:\n\ttrue\n");
    sandbox.commit_all("a Makefile");
    let before = sandbox.belongings();
    for line in lines {
        sandbox.run(sandbox.program("sh").args(["-ec", &line])).ok();
    }
    sandbox.belongings().assert_same(&before, &["HEAD", "branches", "reflogs", "index entries"]);
    assert!(sandbox.exists(".claude/tasks") && sandbox.exists(".claude/decisions"));
}
