//! Languages: told by a file's name, or by the first line of a script.
//!
//! A language without a grammar is known by its comments only.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a file is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "each is what it is called")]
pub enum Language {
    Rust,
    Python,
    TypeScript,
    Tsx,
    JavaScript,
    Go,
    C,
    Cpp,
    CSharp,
    Css,
    Dart,
    Elixir,
    Haskell,
    Html,
    Java,
    Kotlin,
    Lua,
    Perl,
    Php,
    R,
    Ruby,
    Scala,
    Shell,
    Sql,
    Swift,
    Zig,
    /// Configuration, data and prose: no program.
    Other,
}

/// How comments are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Comments {
    /// What begins a comment that ends with the line.
    pub line: &'static [&'static str],
    /// What begins and ends one that may have several lines.
    pub block: Option<(&'static str, &'static str)>,
}

const SLASHES: Comments = Comments { line: &["//"], block: Some(("/*", "*/")) };
const HASH: Comments = Comments { line: &["#"], block: None };
const DASHES: Comments = Comments { line: &["--"], block: Some(("/*", "*/")) };

/// Each language: its name, the endings of its files, its comments.
const KNOWN: &[(Language, &str, &[&str], Comments)] = &[
    (Language::Rust, "Rust", &["rs"], SLASHES),
    (Language::Python, "Python", &["py", "pyi"], HASH),
    (Language::TypeScript, "TypeScript", &["ts", "mts", "cts"], SLASHES),
    (Language::Tsx, "TypeScript", &["tsx"], SLASHES),
    (Language::JavaScript, "JavaScript", &["js", "jsx", "mjs", "cjs"], SLASHES),
    (Language::Go, "Go", &["go"], SLASHES),
    (Language::C, "C", &["c", "h"], SLASHES),
    (Language::Cpp, "C++", &["cc", "cpp", "cxx", "hh", "hpp", "hxx"], SLASHES),
    (Language::CSharp, "C#", &["cs"], SLASHES),
    (Language::Css, "CSS", &["css", "scss", "less"], Comments { line: &[], block: Some(("/*", "*/")) }),
    (Language::Dart, "Dart", &["dart"], SLASHES),
    (Language::Elixir, "Elixir", &["ex", "exs"], HASH),
    (Language::Haskell, "Haskell", &["hs"], Comments { line: &["--"], block: Some(("{-", "-}")) }),
    (Language::Html, "HTML", &["html", "htm", "vue", "svelte"], Comments { line: &[], block: Some(("<!--", "-->")) }),
    (Language::Java, "Java", &["java"], SLASHES),
    (Language::Kotlin, "Kotlin", &["kt", "kts"], SLASHES),
    (Language::Lua, "Lua", &["lua"], Comments { line: &["--"], block: Some(("--[[", "]]")) }),
    (Language::Perl, "Perl", &["pl", "pm"], HASH),
    (Language::Php, "PHP", &["php"], Comments { line: &["//", "#"], block: Some(("/*", "*/")) }),
    (Language::R, "R", &["r", "R"], HASH),
    (Language::Ruby, "Ruby", &["rb", "rake"], HASH),
    (Language::Scala, "Scala", &["scala"], SLASHES),
    (Language::Shell, "Shell", &["sh", "bash", "zsh", "fish"], HASH),
    (Language::Sql, "SQL", &["sql"], DASHES),
    (Language::Swift, "Swift", &["swift"], SLASHES),
    (Language::Zig, "Zig", &["zig"], Comments { line: &["//"], block: None }),
];

/// What the first line of a script names as its program, without its version.
const PROGRAMS: &[(&str, Language)] = &[
    ("python", Language::Python),
    ("pypy", Language::Python),
    ("node", Language::JavaScript),
    ("deno", Language::TypeScript),
    ("bun", Language::TypeScript),
    ("bash", Language::Shell),
    ("dash", Language::Shell),
    ("zsh", Language::Shell),
    ("sh", Language::Shell),
    ("ruby", Language::Ruby),
    ("perl", Language::Perl),
    ("php", Language::Php),
];

impl Language {
    /// What a file at `path` is written in, as far as its name says.
    #[must_use]
    pub fn of_path(path: &str) -> Self {
        let name = path.rsplit('/').next().unwrap_or(path);
        let Some((stem, ending)) = name.rsplit_once('.') else { return Self::Other };
        if stem.is_empty() {
            return Self::Other;
        }
        KNOWN.iter().find(|(_, _, endings, _)| endings.contains(&ending)).map_or(Self::Other, |(language, ..)| *language)
    }

    /// What a file is written in: by its name, else by the first line of a script.
    #[must_use]
    pub fn of(path: &str, bytes: &[u8]) -> Self {
        match Self::of_path(path) {
            Self::Other if bytes.starts_with(b"#!") => Self::of_script(bytes),
            language => language,
        }
    }

    fn of_script(bytes: &[u8]) -> Self {
        let line = bytes[2..].split(|byte| *byte == b'\n').next().unwrap_or_default();
        let line = String::from_utf8_lossy(&line[..line.len().min(256)]).into_owned();
        let words = line.split_whitespace().map(|word| word.rsplit('/').next().unwrap_or(word));
        let mut programs = words.filter(|word| !word.starts_with('-') && !word.contains('=') && *word != "env");
        let program =
            programs.next().unwrap_or_default().trim_end_matches(|letter: char| letter.is_ascii_digit() || letter == '.');
        PROGRAMS.iter().find(|(name, _)| *name == program).map_or(Self::Other, |(_, language)| *language)
    }

    /// What people call it.
    #[must_use]
    pub fn name(self) -> &'static str {
        KNOWN.iter().find(|(language, ..)| *language == self).map_or("other", |(_, name, ..)| name)
    }

    /// How its comments are written.
    #[must_use]
    pub fn comments(self) -> Comments {
        let none = Comments { line: &[], block: None };
        KNOWN.iter().find(|(language, ..)| *language == self).map_or(none, |(_, _, _, comments)| *comments)
    }

    /// Whether it is TypeScript or JavaScript.
    #[must_use]
    pub fn is_script(self) -> bool {
        matches!(self, Self::TypeScript | Self::Tsx | Self::JavaScript)
    }
}

/// Whether the file at `path` is there for tests, as its name or a directory says.
#[must_use]
pub fn is_for_tests(path: &str) -> bool {
    let (folders, name) = path.rsplit_once('/').unwrap_or(("", path));
    let stem = name.split('.').next().unwrap_or(name);
    let folder = |folder: &str| {
        matches!(folder, "test" | "tests" | "testing" | "__tests__" | "__mocks__" | "spec" | "testdata" | "fixtures" | "e2e")
    };
    folders.split('/').any(folder)
        || stem.starts_with("test_")
        || stem.ends_with("_test")
        || stem == "conftest"
        || [".test.", ".spec."].iter().any(|mark| name.contains(mark))
}

/// Whether the file at `path` lies beside the product: it shows, measures or documents it.
#[must_use]
pub fn is_beside(path: &str) -> bool {
    let beside = |folder: &str| {
        matches!(
            folder,
            "example"
                | "examples"
                | "sample"
                | "samples"
                | "bench"
                | "benches"
                | "benchmark"
                | "benchmarks"
                | "benchsuite"
                | "doc"
                | "docs"
        )
    };
    path.rsplit_once('/').is_some_and(|(folders, _)| folders.split('/').any(beside))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_first_lines_tell_the_language() {
        for (path, bytes, language) in [
            ("src/main.rs", "", Language::Rust),
            ("a/b.pyi", "", Language::Python),
            ("a.d.ts", "", Language::TypeScript),
            ("a.tsx", "", Language::Tsx),
            ("a.mjs", "", Language::JavaScript),
            ("a.go", "", Language::Go),
            (".py", "", Language::Other),
            ("py", "", Language::Other),
            ("README.md", "", Language::Other),
            ("bin/tool", "#!/usr/bin/env python3.12\n", Language::Python),
            ("bin/tool", "#!/usr/bin/env -S LANG=C node --x\n", Language::JavaScript),
            ("bin/tool", "#!/bin/sh", Language::Shell),
            ("bin/tool", "#!", Language::Other),
        ] {
            assert_eq!(Language::of(path, bytes.as_bytes()), language, "{path} {bytes}");
        }
    }

    #[test]
    fn tests_are_told_by_their_names() {
        for path in ["tests/a.rs", "a/test_b.py", "a/b_test.go", "a/b.test.ts", "a/__tests__/b.js", "conftest.py"] {
            assert!(is_for_tests(path), "{path}");
        }
        for path in ["src/testing_ground.rs", "src/contest.py", "latest.go", "attestation/a.ts"] {
            assert!(!is_for_tests(path), "{path}");
        }
    }
}
