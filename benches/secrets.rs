//! How many secrets a scan finds, and how many lines of honest source it takes for one.
//!
//! `cargo bench --bench secrets -- RULES.toml DIRECTORY...`: the first is the rule set of another scanner, in gitleaks' form, as
//! its repository has it (fetch it yourself; none comes with this one). From the expression of each of its rules secrets are
//! made up and set into lines of configuration and code. The directories hold source that is known to be free of secrets.

#![expect(clippy::disallowed_methods, clippy::print_stdout, reason = "a measurement touches the machine and prints")]

use std::{env, fs, path::Path, process::ExitCode, time::Instant};

use autonomy::{host::secret::scan, model::change::TreePath};
use proptest::{
    strategy::{Strategy as _, ValueTree as _},
    string::string_regex,
    test_runner::TestRunner,
};

/// How often a secret is made up for each rule.
const TIMES: usize = 25;

/// How a secret stands in a file; `{i}` is who issued it.
const LINES: [&str; 8] = [
    "{i}_api_token = \"{s}\"\n",
    "{I}_TOKEN={s}\n",
    "{i}_token: {s}\n",
    "{\n    \"{i}_token\": \"{s}\"\n}\n",
    "String {i}Token = \"{s}\";\n",
    "System.setProperty(\"{I}_TOKEN\", \"{s}\")\n",
    "<{i}Token>\n    {s}\n</{i}Token>\n",
    "var {i}Token string = `{s}`\n",
];

/// What ends a token in the expressions of the rule set.
const END: &str = "(?:[\\x60'\"\\s;]|\\\\[nr]|$";

/// What the generator cannot read, or would make up in ways that no issuer does.
const CHANGES: [(&str, &str); 17] = [
    ("(?-i:", "(?:"),
    ("(?i:", "(?:"),
    ("(?s:", "(?:"),
    ("(?i)", ""),
    ("\\b", ""),
    ("|$)", ")"),
    ("(?:^|", "(?:"),
    ("\\z", ""),
    ("[\\s\\S-]", "[A-Za-z0-9+/]"),
    ("[ A-Z0-9_-]{0,100}", " RSA "),
    ("hooks.slack.com", "hooks\\.slack\\.com"),
    (".contribsys.com", "\\.contribsys\\.com"),
    ("\\w", "[A-Za-z0-9_]"),
    ("\\d", "[0-9]"),
    ("\\S", "[!-~]"),
    ("\\s", " "),
    ("\\.\\.", "\\."),
];

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let [rules, directories @ ..] = arguments.as_slice() else {
        println!("cargo bench --bench secrets -- RULES.toml DIRECTORY...");
        return ExitCode::from(2);
    };
    let text = fs::read_to_string(rules).expect("the rule set can be read");
    recall(&text.parse().expect("the rule set is TOML"));
    false_positives(directories);
    ExitCode::SUCCESS
}

fn recall(rules: &toml::Table) {
    let mut runner = TestRunner::deterministic();
    let (mut all, mut found, mut left, mut weak) = (0, 0, Vec::new(), Vec::new());
    for rule in rules["rules"].as_array().expect("it has rules") {
        let id = rule["id"].as_str().expect("a rule has an id");
        let Some(pattern) = rule.get("regex").and_then(toml::Value::as_str) else { continue };
        let (issuer, secret) = parts(id, pattern);
        let Ok(strategy) = string_regex(&secret) else {
            left.push(id);
            continue;
        };
        let (mut hits, mut missed) = (0, String::new());
        for time in 0..TIMES {
            let secret = strategy.new_tree(&mut runner).expect("it can be made up").current();
            let line = LINES[time % LINES.len()].replace("{i}", &issuer).replace("{I}", &issuer.to_uppercase());
            let line = line.replace("{s}", &secret);
            if scan(line.as_bytes(), None).is_empty() {
                missed = line;
            } else {
                hits += 1;
            }
        }
        all += TIMES;
        found += hits;
        if hits * 10 < TIMES * 9 {
            weak.push(format!("    {id} {hits}/{TIMES}, such as {missed:?}"));
        }
    }
    println!("found {found} of {all} made-up secrets: {}", percent(found, all));
    println!("  less than 90% of:\n{}", weak.join("\n"));
    println!("  no secret can be made up for: {}", left.join(", "));
}

/// Who issues what a rule finds, and the expression of the secret alone, as far as the generator can read it.
fn parts(id: &str, pattern: &str) -> (String, String) {
    let issuer = id.split('-').next().unwrap_or(id).to_owned();
    let body = match pattern.split_once("[\\x60'\"\\s=]{0,5}") {
        Some((_, secret)) => secret,
        None => pattern,
    };
    let body = body.rsplit_once(END).map_or(body, |(body, _)| body);
    let mut body = body.to_owned();
    for (old, new) in CHANGES {
        body = body.replace(old, new);
    }
    (issuer, body)
}

fn percent(part: usize, all: usize) -> String {
    format!("{}.{:02}%", part * 100 / all.max(1), part * 10_000 / all.max(1) % 100)
}

fn false_positives(directories: &[String]) {
    let (mut lines, mut bytes, mut files, mut hits) = (0, 0, 0, Vec::new());
    let mut spent = std::time::Duration::ZERO;
    for directory in directories {
        let entries =
            walkdir::WalkDir::new(directory).sort_by_file_name().into_iter().filter_entry(|entry| entry.file_name() != ".git");
        for entry in entries.flatten().filter(|entry| entry.file_type().is_file()) {
            let Ok(content) = fs::read(entry.path()) else { continue };
            if content.contains(&0) {
                continue;
            }
            let relative = entry.path().strip_prefix(Path::new(directory)).unwrap_or(entry.path());
            let path = TreePath::new(relative.as_os_str().as_encoded_bytes()).ok();
            let begun = Instant::now();
            let found = scan(&content, path.as_ref());
            spent += begun.elapsed();
            files += 1;
            bytes += content.len();
            lines += content.split(|&byte| byte == b'\n').count();
            hits.extend(
                found
                    .into_iter()
                    .filter(|found| !found.marked)
                    .map(|found| format!("  {}:{} {}", entry.path().display(), found.line, found.kind)),
            );
        }
    }
    println!("{} of {lines} lines in {files} files taken for a secret: {}", hits.len(), percent(hits.len(), lines));
    println!("scanned {} KiB in {} ms", bytes / 1024, spent.as_millis());
    for hit in hits.iter().take(200) {
        println!("{hit}");
    }
}
