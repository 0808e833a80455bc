//! How files, types and functions are written: heads, names, panics, printing, attributes, `unsafe`, parameters.

use super::{Fault, Source, hold, passes, program, refuses, source::bracketed, source::words};

/// Words that say nothing about what a thing is.
const EMPTY_NAMES: &[&str] =
    &["util", "helper", "common", "manager", "engine", "service", "handler", "orchestrator", "framework", "misc", "imp"];

/// Functions that may be unsafe: file and name. Each is one line with a SAFETY comment.
const UNSAFE: &[(&str, &str)] = &[("src/host/git/open.rs", "enable_sync"), ("src/host/git/open.rs", "let_pass")];

/// Functions that take a bool all the same: file and name. The list may only get shorter.
const BOOLS: &[(&str, &str)] = &[("src/cli/failure.rs", "report"), ("src/model/todo.rs", "mark")];

/// Where the standard streams may be named.
const SPEAKERS: &[&str] = &["src/cli/", "src/hook/", "src/mcp/", "src/tui/", "src/main.rs", "src/host/environment.rs"];

fn heads_say_what_a_file_is_for(sources: &[Source]) -> Vec<Fault> {
    let headless = |source: &&Source| !source.text.lines().next().is_some_and(|line| line.starts_with("//! ") && line.len() > 20);
    sources
        .iter()
        .filter(headless)
        .map(|source| Fault::new(&source.path, "does not open with `//!` and what it is for"))
        .collect()
}

/// `journal_log` and `JournalLog` are both journal and log.
fn name_words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut lower = false;
    for character in name.chars() {
        if !character.is_alphanumeric() || (character.is_uppercase() && lower) {
            words.push(String::new());
        }
        lower = character.is_lowercase();
        if character.is_alphanumeric() {
            words.last_mut().expect("there is always one").extend(character.to_lowercase());
        }
    }
    words
}

fn is_empty_name(name: &str) -> bool {
    name_words(name).iter().any(|word| EMPTY_NAMES.iter().any(|empty| word == empty || *word == format!("{empty}s")))
}

fn names_say_something(sources: &[Source]) -> Vec<Fault> {
    let mut faults = Vec::new();
    for source in sources {
        for part in source.path.trim_end_matches(".rs").split('/').filter(|part| is_empty_name(part)) {
            faults.push(Fault::new(&source.path, format!("`{part}` says nothing about what is in it")));
        }
        for keyword in ["struct", "enum", "trait", "type", "union", "mod"] {
            for offset in words(&source.code, keyword) {
                let rest = source.code[offset + keyword.len()..].trim_start();
                let name: String =
                    rest.chars().take_while(|character| character.is_alphanumeric() || *character == '_').collect();
                if is_empty_name(&name) {
                    faults.push(Fault::new(source.place(offset), format!("{keyword} `{name}` says nothing about what it is")));
                }
            }
        }
    }
    faults
}

fn nothing_panics(sources: &[Source]) -> Vec<Fault> {
    let mut faults = Vec::new();
    for source in sources {
        for word in
            [".unwrap()", ".unwrap_err()", "panic!", "todo!", "unimplemented!", "unreachable!", "process::exit", "process::abort"]
        {
            for offset in words(&source.product, word) {
                faults.push(Fault::new(source.place(offset), format!("`{word}` in the program")));
            }
        }
        for method in [".expect(", ".expect_err("] {
            for offset in words(&source.product, method) {
                if !source.text[offset + method.len()..].trim_start().starts_with("\"because ") {
                    faults.push(Fault::new(source.place(offset), "`expect` without \"because …\""));
                }
            }
        }
    }
    faults
}

fn only_doors_speak(sources: &[Source]) -> Vec<Fault> {
    let mut faults = Vec::new();
    for source in sources {
        for word in ["println!", "eprintln!", "print!", "eprint!", "dbg!"] {
            for offset in words(&source.product, word) {
                faults.push(Fault::new(source.place(offset), format!("`{word}` in the program")));
            }
        }
        if SPEAKERS.iter().any(|speaker| source.path.starts_with(speaker)) {
            continue;
        }
        for word in ["stdout()", "stderr()", "stdin()"] {
            for offset in words(&source.product, word).filter(|offset| !source.product[..*offset].ends_with('.')) {
                faults.push(Fault::new(source.place(offset), format!("`{word}`, and only the doors speak")));
            }
        }
    }
    faults
}

fn exceptions_have_reasons(sources: &[Source]) -> Vec<Fault> {
    let mut faults = Vec::new();
    for source in sources {
        for attribute in ["#[allow(", "#![allow(", "#[ignore", "#[cfg_attr(test, allow("] {
            for (offset, _) in source.code.match_indices(attribute) {
                faults.push(Fault::new(source.place(offset), format!("`{attribute}`; write `#[expect(…, reason = \"…\")]`")));
            }
        }
        for attribute in ["#[expect(", "#![expect("] {
            for (offset, _) in source.code.match_indices(attribute) {
                let inside = bracketed(&source.code, offset + attribute.len() - 1);
                if !source.code[inside].contains("reason") {
                    faults.push(Fault::new(source.place(offset), "`expect` without a reason"));
                }
            }
        }
    }
    faults
}

fn unsafe_is_listed(sources: &[Source]) -> Vec<Fault> {
    let mut faults = Vec::new();
    for source in sources {
        for offset in words(&source.code, "unsafe") {
            let before = &source.code[..offset];
            let function =
                words(before, "fn").last().map_or("", |at| before[at + 2..].split(['(', '<']).next().unwrap_or_default().trim());
            let explained = source.text[..offset].lines().rev().take(5).any(|line| line.contains("SAFETY:"));
            if !UNSAFE.contains(&(source.path.as_str(), function)) {
                faults.push(Fault::new(source.place(offset), format!("`unsafe` in `{function}`, which is not on the list")));
            } else if !explained {
                faults.push(Fault::new(source.place(offset), format!("`unsafe` in `{function}` without a SAFETY comment")));
            }
        }
    }
    for (path, function) in UNSAFE {
        if sources.iter().any(|source| source.path == *path && words(&source.code, "unsafe").next().is_none()) {
            faults.push(Fault::new(*path, format!("`{function}` is on the list of unsafe functions and is none")));
        }
    }
    faults
}

fn no_parameter_is_a_bare_yes_or_no(sources: &[Source]) -> Vec<Fault> {
    let mut faults = Vec::new();
    for source in sources {
        for offset in words(&source.product, "fn") {
            let Some(open) = source.product[offset..].find(['(', '{', ';']).map(|at| offset + at) else { continue };
            if source.product.as_bytes()[open] != b'(' || source.product[offset + 2..open].trim().is_empty() {
                continue;
            }
            let parameters = &source.product[bracketed(&source.product, open)];
            if parameters.split(',').any(|parameter| parameter.trim_end_matches([')', ' ', '\n']).ends_with(": bool")) {
                let name = source.product[offset + 2..open].trim();
                if BOOLS.contains(&(source.path.as_str(), name)) {
                    continue;
                }
                faults.push(Fault::new(
                    source.place(offset),
                    format!("`{name}` takes a bool; an enum says at the call what is meant"),
                ));
            }
        }
    }
    faults
}

#[test]
fn every_file_says_what_it_is_for() {
    hold("files open with `//!`", &heads_say_what_a_file_is_for(&program()));
    refuses(heads_say_what_a_file_is_for, &[("src/a.rs", "use std::fmt;\n")], "src/a.rs");
    refuses(heads_say_what_a_file_is_for, &[("src/a.rs", "//! Ids.\n")], "src/a.rs");
}

#[test]
fn names_say_what_a_thing_is() {
    hold("names say something", &names_say_something(&program()));
    refuses(names_say_something, &[("src/host/git_utils.rs", "")], "`git_utils`");
    refuses(names_say_something, &[("src/host/a.rs", "pub struct SessionManager<T>(T);")], "struct `SessionManager`");
    refuses(names_say_something, &[("src/host/a.rs", "trait Handler {}")], "trait `Handler`");
    passes(names_say_something, &[("src/model/important.rs", "struct Commonplace; impl Serviceable for Commonplace {}")]);
}

#[test]
fn the_program_does_not_panic() {
    hold("nothing panics", &nothing_panics(&program()));
    refuses(nothing_panics, &[("src/a.rs", "fn a() { b.unwrap() }")], "unwrap");
    refuses(nothing_panics, &[("src/a.rs", "fn a() { panic!(\"no\") }")], "panic!");
    refuses(nothing_panics, &[("src/a.rs", "fn a() { b\n.expect(\"it works\") }")], "src/a.rs:2");
    passes(
        nothing_panics,
        &[("src/a.rs", "fn a() { b.expect(\n\"because it was checked\") }\n#[cfg(test)]\nmod tests { fn c() { d.unwrap() } }")],
    );
}

#[test]
fn only_the_doors_speak() {
    hold("only doors speak", &only_doors_speak(&program()));
    refuses(only_doors_speak, &[("src/cli/a.rs", "fn a() { println!(\"x\") }")], "println!");
    refuses(only_doors_speak, &[("src/ops/a.rs", "fn a() { io::stderr().flush() }")], "stderr()");
    passes(
        only_doors_speak,
        &[("src/cli/a.rs", "fn a() { writeln!(io::stdout(), \"x\") }"), ("src/run/a.rs", "fn a() { child.stdout() }")],
    );
}

#[test]
fn every_exception_has_its_reason() {
    hold("exceptions have reasons", &exceptions_have_reasons(&program()));
    refuses(exceptions_have_reasons, &[("src/a.rs", "#[allow(dead_code)]\nfn a() {}")], "#[allow(");
    refuses(exceptions_have_reasons, &[("src/a.rs", "#[expect(dead_code)]\nfn a() {}")], "without a reason");
    refuses(exceptions_have_reasons, &[("src/a.rs", "#[test]\n#[ignore]\nfn a() {}")], "#[ignore");
    passes(exceptions_have_reasons, &[("src/a.rs", "#[expect(dead_code, reason = \"(shown)\")]\nfn a() {}")]);
}

#[test]
fn unsafe_functions_are_known_by_name() {
    hold("unsafe is listed", &unsafe_is_listed(&program()));
    refuses(unsafe_is_listed, &[("src/host/a.rs", "fn a() {\n// SAFETY: fine\nunsafe { b() } }")], "`unsafe` in `a`");
}

#[test]
fn no_call_says_true_without_saying_what() {
    hold("no bool parameters", &no_parameter_is_a_bare_yes_or_no(&program()));
    refuses(
        no_parameter_is_a_bare_yes_or_no,
        &[("src/a.rs", "pub fn open<T>(\n    path: T,\n    force: bool,\n) {}")],
        "`open<T>` takes",
    );
    passes(
        no_parameter_is_a_bare_yes_or_no,
        &[("src/a.rs", "struct A { b: bool }\nfn c(d: &A) -> bool { let e: bool = d.b; e }")],
    );
}
