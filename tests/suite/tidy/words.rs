//! Words that must not occur: git's that lose work, in the program; how the repository came to be, anywhere.

use super::{Fault, Source, hold, passes, program, refuses, source::words, texts};

/// Arguments of the git program that overwrite or delete what nobody saved.
const GIT_ARGUMENTS: &[&str] =
    &["--hard", "clean", "stash", "--force", "-f", "-fd", "-fdx", "-ffdx", "--discard-changes", "--merge"];

/// The same inside a longer string, as a shell would read it.
const GIT_PHRASES: &[&str] =
    &["reset --hard", "git clean", "git stash", "checkout -f", "checkout --force", "switch -f", "switch --discard"];

/// Calls and constants of libgit2 that do the same.
const LIBGIT2: &[&str] = &[
    ".force()",
    ".remove_untracked(",
    ".remove_ignored(",
    ".stash_save",
    ".stash_apply(",
    ".stash_pop(",
    ".stash_drop(",
    "ResetType::Hard",
    "GIT_CHECKOUT_FORCE",
    "GIT_CHECKOUT_REMOVE_UNTRACKED",
    "GIT_CHECKOUT_REMOVE_IGNORED",
    "GIT_RESET_HARD",
    "git_stash_save",
    "git_stash_apply",
    "git_stash_pop",
    "git_stash_drop",
];

/// Strings that hold such a word and do no such thing: file, string, and why.
const HARMLESS: &[(&str, &str, &str)] =
    &[("src/host/git/commit.rs", "clean", "the key `filter.<name>.clean` of git's configuration, which is read")];

fn nothing_of_the_user_s_is_lost(sources: &[Source]) -> Vec<Fault> {
    let mut faults = Vec::new();
    // The guard names these words in order to refuse them; it starts no program.
    for source in sources.iter().filter(|source| !source.path.starts_with("src/model/guard/")) {
        for (offset, string) in source.product_strings() {
            let harmless = HARMLESS.iter().any(|(path, known, _)| source.path == *path && string == *known);
            let worded = GIT_ARGUMENTS.contains(&string) || GIT_PHRASES.iter().any(|phrase| string.contains(phrase));
            if worded && !harmless {
                faults.push(Fault::new(source.place(offset), format!("\"{string}\" makes git lose work")));
            }
        }
        for call in LIBGIT2 {
            for offset in words(&source.product, call) {
                faults.push(Fault::new(source.place(offset), format!("`{call}` makes libgit2 lose work")));
            }
        }
    }
    faults
}

/// Fail points: where, and the name.
pub(super) fn fail_points(source: &Source) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (offset, string) in source.product_strings() {
        let call = source.product[..offset].trim_end();
        if call.ends_with("failpoint::reach(") || call.ends_with("failpoint::torn(") {
            found.push((offset, string.to_owned()));
        }
    }
    found
}

fn fail_points_have_names(sources: &[Source]) -> Vec<Fault> {
    let mut faults = Vec::new();
    let mut seen: Vec<String> = Vec::new();
    for source in sources {
        for (offset, name) in fail_points(source) {
            let part =
                |part: &str| !part.is_empty() && part.chars().all(|character| character.is_ascii_lowercase() || character == '_');
            if !name.contains('.') || !name.split('.').all(part) {
                faults.push(Fault::new(source.place(offset), format!("fail point \"{name}\" is not `where.what`")));
            }
            if seen.contains(&name) {
                faults.push(Fault::new(source.place(offset), format!("fail point \"{name}\" exists twice")));
            }
            seen.push(name);
        }
        let calls = ["failpoint::reach(", "failpoint::torn("].map(|call| words(&source.product, call).count());
        if calls.iter().sum::<usize>() != fail_points(source).len() {
            faults.push(Fault::new(&source.path, "a fail point without a literal name"));
        }
    }
    faults
}

/// Words that speak of how the repository came to be, each in two parts so that this file does not hold them.
const WORKSHOP: &[(&str, &str)] = &[
    ("TO", "DO:"),
    ("TO", "DO("),
    ("// TO", "DO"),
    ("FIX", "ME"),
    ("XX", "X:"),
    ("HA", "CK:"),
    ("place", "holder"),
    ("unimple", "mented yet"),
    ("not yet imple", "mented"),
    ("/wo", "rk/"),
    ("/ro", "ot/"),
    ("DESIGN", " §"),
    ("DESIGN", ".md"),
    ("STYLE", ".md"),
    ("CRATES", ".md"),
    ("PEERS", ".md"),
    ("FACTS", ".md"),
    ("REQUIREMENTS", ".md"),
    ("registry", ".npmjs"),
    ("index.cra", "tes.io"),
    ("static.cra", "tes.io"),
    ("proxy.go", "lang"),
];

/// Files that may hold such a word: hostile input and the like.
const SPEAKS_FREELY: &[&str] = &["Cargo.lock"];

fn nothing_speaks_of_the_workshop(sources: &[Source]) -> Vec<Fault> {
    let mut faults = Vec::new();
    for source in sources.iter().filter(|source| !SPEAKS_FREELY.contains(&source.path.as_str())) {
        for (line, text) in source.text.lines().enumerate() {
            // How a process sees the top of its file system is no home of anybody.
            let text = &["/proc/self/root", "/proc/1/root"].iter().fold(text.to_owned(), |text, top| text.replace(top, "/proc"));
            let place = || format!("{}:{}", source.path, line + 1);
            for word in WORKSHOP.iter().map(|(head, tail)| [*head, tail].concat()).filter(|word| text.contains(word.as_str())) {
                faults.push(Fault::new(place(), format!("`{word}`")));
            }
            for word in [["st", "ub"].concat(), ["st", "ubs"].concat()].iter().filter(|word| words(text, word).next().is_some()) {
                faults.push(Fault::new(place(), format!("`{word}`")));
            }
            if let Some(reference) = reference(text) {
                faults.push(Fault::new(place(), format!("`{reference}` refers to what readers do not have")));
            }
        }
    }
    faults
}

/// A number of a work item or of a requirement in `text`.
fn reference(text: &str) -> Option<String> {
    let lower = text.to_ascii_lowercase();
    let numbered =
        |start: usize| lower[start..].trim_start_matches([' ', '#']).starts_with(|character: char| character.is_ascii_digit());
    for word in [["is", "sue"].concat(), ["is", "sues"].concat()] {
        if let Some(offset) = words(&lower, &word).find(|offset| numbered(offset + word.len())) {
            return Some(text[offset..].chars().take(12).collect());
        }
    }
    let is_requirement = |part: &&str| {
        let mut characters = part.chars();
        part.len() == 4 && characters.next() == Some('R') && characters.all(|character| character.is_ascii_digit())
    };
    text.split(|character: char| !character.is_alphanumeric()).find(is_requirement).map(str::to_owned)
}

#[test]
fn the_program_never_tells_git_to_lose_work() {
    hold("nothing of the user's is lost", &nothing_of_the_user_s_is_lost(&program()));
    for (path, text) in [
        ("src/host/git/a.rs", "fn a() { git(&[\"reset\", \"--hard\"]) }"),
        ("src/host/git/a.rs", "fn a() { git([\"clean\", \"-fdx\"]) }"),
        ("src/run/a.rs", "const SCRIPT: &str = r#\"cd x && git stash pop\"#;"),
        ("src/host/git/a.rs", "fn a() { CheckoutBuilder::new().safe().force(); }"),
        ("src/host/git/a.rs", "fn a() { repo.reset(&object, git2::ResetType::Hard, None) }"),
    ] {
        refuses(nothing_of_the_user_s_is_lost, &[(path, text)], "lose work");
    }
    passes(
        nothing_of_the_user_s_is_lost,
        &[("src/a.rs", "// git clean\nfn a() { b(\"a clean tree\", \"refs/stash\", force_with) }")],
    );
}

#[test]
fn every_fail_point_has_a_name_of_its_own() {
    hold("fail points have names", &fail_points_have_names(&program()));
    let once = "fn a() { failpoint::reach(\"log.write\")?; }";
    refuses(fail_points_have_names, &[("src/a.rs", once), ("src/b.rs", once)], "exists twice");
    refuses(fail_points_have_names, &[("src/a.rs", "fn a() { failpoint::torn(\"Log\", 3)?; }")], "is not `where.what`");
    refuses(fail_points_have_names, &[("src/a.rs", "fn a() { failpoint::reach(name)?; }")], "without a literal name");
}

#[test]
fn the_repository_speaks_of_the_product_only() {
    let sources: Vec<Source> = texts().iter().map(|(path, text)| Source::plain(path, text)).collect();
    hold("the repository speaks of the product only", &nothing_speaks_of_the_workshop(&sources));
    for (head, tail) in
        WORKSHOP.iter().chain(&[("a st", "ub here"), ("see is", "sue 12"), ("after Iss", "ue #3"), ("(R0", "47)")])
    {
        refuses(nothing_speaks_of_the_workshop, &[("docs/a.md", &[*head, tail].concat())], "docs/a.md:1");
    }
    passes(nothing_speaks_of_the_workshop, &[("docs/a.md", "docs/TODO.md holds issues; a stubborn RFC3339 date\n")]);
}
