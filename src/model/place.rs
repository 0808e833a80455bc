//! Where something stands in a text file, and the few lines that show it to a person.
//!
//! Columns count characters, not bytes; a terminal's idea of their width is not known here.

use std::{fmt, ops::Range};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::refusal::Refusal;

/// A line and a column of a named file, both counted from 1.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct Place {
    /// The file as people know it, usually relative to the work tree.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
}

impl Place {
    /// The place of the byte `offset` of `text`, or of its end when it is shorter.
    #[must_use]
    pub fn of(file: &str, text: &str, offset: usize) -> Self {
        let before = &text[..floor(text, offset)];
        let start = before.rfind('\n').map_or(0, |at| at + 1);
        let line = before.bytes().filter(|&byte| byte == b'\n').count() + 1;
        Self { file: file.to_owned(), line, column: before[start..].chars().count() + 1 }
    }

    /// The byte offset of this place in `text`, or of its end when the text is shorter.
    #[must_use]
    pub fn offset(&self, text: &str) -> usize {
        let mut start = 0;
        for _ in 1..self.line {
            match text[start..].find('\n') {
                Some(at) => start += at + 1,
                None => return text.len(),
            }
        }
        let rest = &text[start..];
        start + rest.char_indices().nth(self.column.saturating_sub(1)).map_or(rest.len(), |(at, _)| at)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}:{}", self.file, self.line, self.column)
    }
}

/// A refusal of what stands at the byte `range` of `text`: file, line, column, the words, and the line itself, marked.
#[must_use]
pub fn refused(file: &str, text: &str, range: Range<usize>, words: &str) -> Refusal {
    let place = Place::of(file, text, range.start);
    let Place { line, column, .. } = place;
    Refusal::usage(format!("cannot read `{file}`: line {line}, column {column}: {words}\n{}", excerpt(text, range)))
}

/// The line around the start of `range` with its number, and marks below what is meant.
#[must_use]
pub fn excerpt(text: &str, range: Range<usize>) -> String {
    const WIDEST: usize = 100;
    let at = floor(text, range.start);
    let start = text[..at].rfind('\n').map_or(0, |found| found + 1);
    let end = text[at..].find('\n').map_or(text.len(), |found| at + found);
    let number = text[..start].bytes().filter(|&byte| byte == b'\n').count() + 1;
    let line = text[start..end].trim_end_matches('\r');
    let lead = text[start..at].chars().count();
    let marked = text[at..floor(text, range.end.clamp(at, end.max(at)))].trim_end().chars().count().max(1);
    // A long line is shown from shortly before the mark on.
    let skipped = if lead + marked > WIDEST { lead.saturating_sub(20) } else { 0 };
    let plain = |character: char| if character.is_control() { ' ' } else { character };
    let shown: String = line.chars().skip(skipped).take(WIDEST).map(plain).collect();
    let label = number.to_string();
    let marks = "^".repeat(marked.min(WIDEST - (lead - skipped).min(WIDEST - 1)));
    let shown = shown.trim_end();
    format!("{label} | {shown}\n{} | {}{marks}", " ".repeat(label.len()), " ".repeat(lead - skipped))
}

fn floor(text: &str, offset: usize) -> usize {
    text.floor_char_boundary(offset.min(text.len()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_marks_stand_below_what_is_meant() {
        let text = "a = 1\nblüte = \"x\"\n";
        let at = text.find("\"x\"").expect("it is there");
        assert_eq!(
            refused("f.toml", text, at..at + 3, "not a number").message,
            "cannot read `f.toml`: line 2, column 9: not a number\n2 | blüte = \"x\"\n  |         ^^^"
        );
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn every_place_finds_its_offset_again(text in "[a-ü\n\r]{0,40}", offset in 0_usize..60, length in 0_usize..60) {
            let place = Place::of("f", &text, offset);
            prop_assert_eq!(place.offset(&text), floor(&text, offset));
            prop_assert!(excerpt(&text, offset..offset + length).contains('^'));
        }

        #[test]
        fn a_very_long_line_is_cut(lead in 0_usize..500, length in 0_usize..500) {
            let text = "x".repeat(1000);
            prop_assert!(excerpt(&text, lead..lead + length).lines().all(|line| line.len() < 130));
        }
    }
}
