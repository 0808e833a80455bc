//! Reading and writing YAML, in one place so that every file is read under the same rules and every complaint looks alike.
//!
//! Duplicate keys are refused, positions are those of the whole file, long lines are not folded, and strings that another
//! reader might take for something else are quoted. It edits nothing in place: `model::document` does.

use serde::{Serialize, de::DeserializeOwned};

use crate::model::{
    id,
    refusal::{Code, Refusal},
};

/// A value with the place where it stands.
pub use serde_saphyr::Spanned;

/// How much of a line a complaint shows, in characters.
const SHOWN: usize = 120;

/// The largest YAML text that is read, in bytes.
pub const MAX_YAML: usize = 4 << 20;

/// Reads the YAML file `path`, whose whole text is `text`.
///
/// # Errors
/// Refuses text over [`MAX_YAML`] and whatever does not fit `T`, with line, column and snippet.
pub fn read<T: DeserializeOwned>(path: &str, text: &str) -> Result<T, Refusal> {
    if text.len() > MAX_YAML {
        return Err(Refusal::usage(format!("cannot read `{path}`: it is over the cap of 4 MiB for YAML")));
    }
    read_part(path, 0, text)
}

/// Reads YAML that is part of the file `path` and comes after its first `lines_before` lines.
///
/// # Errors
/// Refuses whatever does not fit `T`, with line, column and snippet.
pub fn read_part<T: DeserializeOwned>(path: &str, lines_before: u64, text: &str) -> Result<T, Refusal> {
    serde_saphyr::from_str(text).map_err(|error| {
        let words = error.without_snippet().render_with_formatter(&serde_saphyr::UserMessageFormatter);
        let Some(place) = error.location() else {
            return Refusal::usage(format!("cannot read `{path}`: {words}"));
        };
        let (line, column) = (place.line() + lines_before, place.column());
        let words = words.strip_suffix(&format!(" at line {}, column {column}", place.line())).unwrap_or(&words);
        let drawn = error.render_with_options(serde_saphyr::render_options! {
            formatter: &serde_saphyr::UserMessageFormatter,
            line_offset: lines_before,
            source_name: Some(path),
        });
        let snippet: String =
            drawn.lines().skip(1).filter(|line| !line.trim_start().starts_with("-->")).collect::<Vec<_>>().join("\n");
        let snippet = if snippet.is_empty() { snippet } else { format!("\n{snippet}") };
        let refusal = Refusal::usage(format!("cannot read `{path}`: line {line}, column {column}: {words}{snippet}"));
        let near = nearest(error.without_snippet());
        if near.is_empty() { refusal } else { refusal.hint(format!("nearest: {}", near.join(", "))) }
    })
}

/// The names that a name which is none looks most like.
fn nearest(error: &serde_saphyr::Error) -> Vec<String> {
    let (given, names) = match error {
        serde_saphyr::Error::SerdeUnknownField { field, expected, .. } => (field, expected),
        serde_saphyr::Error::SerdeUnknownVariant { variant, expected, .. } => (variant, expected),
        _ => return Vec::new(),
    };
    id::nearest(given, names.iter().map(|name| (*name, "")))
}

/// Refuses something at a line and a column, from 1, of the file `path`, whose whole text is `text`: in the words and with the
/// drawing of [`read`].
#[must_use]
pub fn refused(path: &str, text: &str, (line, column): (u64, u64), words: &str) -> Refusal {
    let width = line.to_string().len();
    let mut drawn = format!("{:width$} |", "");
    let skipped = usize::try_from(line).unwrap_or(usize::MAX).saturating_sub(2);
    let before = usize::from(line > 1);
    // A long line is shown from a little before what is meant.
    let start = usize::try_from(column).unwrap_or(usize::MAX).saturating_sub(SHOWN / 2);
    let start = if start > SHOWN / 2 { start } else { 0 };
    for (shown, number) in text.lines().skip(skipped).take(before + 1).zip(line - before as u64..) {
        let shown: String = shown.chars().skip(start).take(SHOWN).collect();
        drawn.push_str(&format!("\n{number:>width$} | {shown}"));
    }
    let column_drawn = usize::try_from(column).unwrap_or(usize::MAX).saturating_sub(start);
    drawn.push_str(&format!("\n{:width$} | {:>column_drawn$} {words}", "", "^"));
    Refusal::usage(format!("cannot read `{path}`: line {line}, column {column}: {words}\n{drawn}"))
}

/// Writes `value` as YAML with a final newline.
///
/// # Errors
/// Refuses what YAML cannot hold, which is a fault of this program.
pub fn write(value: &impl Serialize) -> Result<String, Refusal> {
    let options = serde_saphyr::ser_options! { compact_list_indent: false, folded_wrap_chars: usize::MAX };
    serde_saphyr::to_string_with_options(value, options)
        .map_err(|error| Refusal::new(Code::Bug, format!("cannot write a value as YAML: {error}")))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde::Deserialize;
    use std::collections::BTreeMap;

    use super::*;

    #[derive(Debug, Deserialize)]
    struct Sample {
        #[expect(dead_code, reason = "only its type matters")]
        count: u32,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Strict {
        #[expect(dead_code, reason = "only its name matters")]
        count: Option<u32>,
    }

    #[test]
    fn a_complaint_names_file_line_column_and_shows_the_line() {
        let refusal = read_part::<Sample>(".claude/tasks/a.md", 1, "count: many\n").expect_err("not a number");
        insta::assert_snapshot!(refusal, @r"
        cannot read `.claude/tasks/a.md`: line 2, column 8: invalid u32
          |
        2 | count: many
          |        ^ invalid u32
        ");
        let refusal = read::<BTreeMap<String, u32>>("a.yaml", "a: 1\na: 2\n").expect_err("a key twice");
        insta::assert_snapshot!(refusal, @r"
        cannot read `a.yaml`: line 2, column 1: duplicate mapping key: a not allowed here
          |
        1 | a: 1
        2 | a: 2
          | ^ duplicate mapping key: a not allowed here
        ");
    }

    #[test]
    fn what_is_refused_later_looks_alike() {
        let text = "a: 1\nb: [x, why]\n";
        insta::assert_snapshot!(refused("a.yaml", text, (2, 8), "there is no `why`"), @r"
        cannot read `a.yaml`: line 2, column 8: there is no `why`
          |
        1 | a: 1
        2 | b: [x, why]
          |        ^ there is no `why`
        ");
        let long = format!("a: {}x", "-".repeat(5_000));
        let drawn = refused("a.yaml", &long, (1, 5_004), "no").message;
        assert!(drawn.lines().all(|line| line.chars().count() < 140) && drawn.contains("-x\n"), "{drawn}");
        assert!(refused("a.yaml", "", (9, 9), "no").message.contains("line 9"), "a place that is not there");
    }

    #[test]
    fn a_name_that_is_none_comes_with_the_nearest() {
        let refusal = read::<Strict>("a.yaml", "cuont: 1\n").expect_err("no such key");
        assert_eq!(refusal.hint.as_deref(), Some("nearest: `count`"));
    }

    #[test]
    fn strings_that_other_readers_take_for_something_else_are_quoted() {
        let value: BTreeMap<&str, &str> =
            [("a", "yes"), ("b", "012"), ("c", "null"), ("d", "1:30"), ("e", "30m"), ("f", "x: y"), ("n", "~")].into();
        insta::assert_snapshot!(write(&value).expect("plain strings"), @r#"
        a: "yes"
        b: "012"
        c: "null"
        d: "1:30"
        e: 30m
        f: "x: y"
        "n": "~"
        "#);
        let long = "word ".repeat(60);
        assert_eq!(write(&long).expect("a string").lines().count(), 1, "long lines are not folded");
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn what_is_written_is_read_back(value in prop::collection::btree_map(".{0,20}", prop::collection::vec("(?s).{0,60}", 0..3), 0..4)) {
            let text = write(&value).expect("strings");
            prop_assert_eq!(read::<BTreeMap<String, Vec<String>>>("x.yaml", &text).expect(&text), value);
        }

        #[test]
        fn hostile_text_is_refused_and_never_a_panic(text in "(?s)[\\[\\]{}:&*!|>\\-#a\n \t'\"\\\\%@,?\u{0}\u{feff}]{0,80}") {
            if let Err(refusal) = read::<serde_json::Value>("x.yaml", &text) {
                prop_assert!(refusal.message.starts_with("cannot read `x.yaml`"));
            }
        }
    }
}
