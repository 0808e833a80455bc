//! One-liners for interpreters (`python -c`, `node -e`, …): no grammar reads them here, only the texts in quotes are looked at.
//!
//! What a program builds from pieces is not found; docs/guard.md says so.

use crate::model::guard::call::{Call, Flow};

/// Stands as the program of a call that is made of the texts in a one-liner.
pub const PROGRAM: &str = "(code)";
/// The first argument of such a call where the code only reads, as far as its words say.
pub const READS: &str = "reads";
/// The same where the code writes.
pub const WRITES: &str = "writes";
/// The same where the code removes.
pub const REMOVES: &str = "removes";

const REMOVING: [&str; 11] = [
    "rmtree",
    "rmSync",
    "rmdirSync",
    "unlink",
    "removeSync",
    "os.remove",
    "remove_entry",
    "rm_rf",
    "rm_r",
    "deleteSync",
    "fs.rm",
];
const WRITING: [&str; 12] =
    ["write", "'w'", "\"w\"", "'a'", "\"a\"", "'wb'", "\"wb\"", "rename", "copyfile", "copyFile", "open(my", "chmod"];
const STARTING: [&str; 12] =
    ["system", "popen", "subprocess", "exec", "spawn", "check_output", "check_call", "getoutput", "qx", "backtick", "Open3", "`"];

/// The code that `program` is given on its command line or its input.
#[must_use]
pub fn given(program: &str, call: &Call) -> Option<String> {
    let plain = program.trim_end_matches(|character: char| character.is_ascii_digit() || character == '.');
    let flags: &[&str] = match plain {
        "python" | "pypy" => &["-c"],
        "perl" => &["-e", "-E", "-ne", "-pe", "-ane", "-pie", "-lne", "-lpe"],
        "ruby" | "lua" | "luajit" | "Rscript" | "osascript" => &["-e", "-ne"],
        "node" | "nodejs" | "bun" | "deno" => &["-e", "--eval", "-p", "--print", "eval"],
        "php" => &["-r"],
        "awk" | "gawk" | "mawk" | "nawk" => {
            return call.operands(&["-F", "-v", "-f"]).next().map(|code| code.text.clone()).filter(|code| starts_programs(code));
        }
        _ => return None,
    };
    let mut words = call.arguments().iter();
    while let Some(word) = words.next() {
        if flags.contains(&word.text.as_str()) {
            return words.next().map(|code| code.text.clone());
        }
    }
    let reads_input = call.operands(&[]).next().is_none_or(|first| first.text == "-");
    match &call.input {
        Flow::Known(text) if reads_input => Some(text.clone()),
        Flow::Known(_) | Flow::Hidden | Flow::Nothing => None,
    }
}

/// Whether the words of the code say that it starts programs.
#[must_use]
pub fn starts_programs(code: &str) -> bool {
    STARTING.iter().any(|word| code.contains(word))
}

/// [`READS`], [`WRITES`] or [`REMOVES`], by the words of the code.
#[must_use]
pub fn effect(code: &str) -> &'static str {
    if REMOVING.iter().any(|word| code.contains(word)) {
        REMOVES
    } else if WRITING.iter().any(|word| code.contains(word)) {
        WRITES
    } else {
        READS
    }
}

/// The texts that stand in quotes.
#[must_use]
pub fn literals(code: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut characters = code.chars();
    while let Some(character) = characters.next() {
        if !matches!(character, '\'' | '"' | '`') {
            continue;
        }
        let mut text = String::new();
        while let Some(inner) = characters.next() {
            match inner {
                '\\' => text.extend(characters.next()),
                _ if inner == character => break,
                _ => text.push(inner),
            }
        }
        if !text.is_empty() && found.len() < 64 {
            found.push(text);
        }
    }
    found
}
