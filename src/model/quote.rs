//! Text of others where somebody reads it: cut to a length, without what a terminal would obey, and for an agent in a
//! frame that nothing inside can close.
//!
//! Lengths are counted in UTF-16 units, as the clients of agents count the characters of a text.

use std::fmt::Write as _;

use crate::model::id::Digest;

/// What stands where text was cut out.
const CUT: &str = " […]";

/// How long a text is.
#[must_use]
pub fn length(text: &str) -> usize {
    text.chars().map(char::len_utf16).sum()
}

/// A number of things, such as `1 file` or `2 files`.
#[must_use]
pub fn counted(number: usize, thing: &str) -> String {
    format!("{number} {thing}{}", if number == 1 { "" } else { "s" })
}

/// The first of some names, and how many there are besides.
#[must_use]
pub fn first_of(names: &[String]) -> String {
    match names {
        [] => String::new(),
        [one] => format!("`{one}`"),
        [first, rest @ ..] => format!("`{first}` and {} more", rest.len()),
    }
}

/// The beginning of `text`, at most `limit` long; a text that was cut says so at its end.
#[must_use]
pub fn head(text: &str, limit: usize) -> String {
    if length(text) <= limit {
        return text.to_owned();
    }
    let mut left = limit.saturating_sub(length(CUT));
    let kept: String = text.chars().take_while(|character| take(&mut left, *character)).collect();
    let mark = if limit < length(CUT) { "" } else { CUT };
    format!("{}{mark}", kept.trim_end())
}

/// The end of `text`, at most `limit` long; a text that was cut says so at its beginning.
#[must_use]
pub fn tail(text: &str, limit: usize) -> String {
    if length(text) <= limit {
        return text.to_owned();
    }
    let mark = "[…] ";
    let mut left = limit.saturating_sub(length(mark));
    let start = text.char_indices().rev().take_while(|(_, character)| take(&mut left, *character)).last();
    let mark = if limit < length(mark) { "" } else { mark };
    format!("{mark}{}", start.map_or("", |(at, _)| &text[at..]).trim_start())
}

/// What a program printed last, for the end of a message.
#[must_use]
pub fn printed(output: Option<&str>) -> String {
    match tail(output.unwrap_or_default().trim(), 1_000) {
        nothing if nothing.is_empty() => "it printed nothing".to_owned(),
        last => format!("what it printed last:\n{last}"),
    }
}

fn take(left: &mut usize, character: char) -> bool {
    let rest = left.checked_sub(character.len_utf16());
    *left = rest.unwrap_or(0);
    rest.is_some()
}

/// `text` without characters that move a cursor, change colours or turn the order of letters around; lines and tabs stay.
#[must_use]
pub fn plain(text: &str) -> String {
    let hidden = |character: char| {
        (character.is_control() && !matches!(character, '\n' | '\t'))
            || matches!(character, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
    };
    text.chars().filter(|character| !hidden(*character)).collect()
}

/// All of `text` on one line, plain, at most `limit` long.
#[must_use]
pub fn line(text: &str, limit: usize) -> String {
    head(&plain(&text.split_whitespace().collect::<Vec<_>>().join(" ")), limit)
}

/// `data` in a frame that says what it is. The frame's mark follows from the data and does not occur in it, so the data
/// cannot end the frame; the same data always gives the same frame.
#[must_use]
pub fn framed(what: &str, data: &str) -> String {
    let data = plain(data);
    let data = data.trim_matches('\n');
    let mut digest = Digest::of(data);
    while data.contains(digest.head(8)) {
        digest = Digest::of(format!("{digest}{data}"));
    }
    let mark = digest.head(8);
    format!("[data {mark}: {what}]\n{data}\n[end of data {mark}]")
}

/// How much longer [`framed`] makes a text.
#[must_use]
pub fn frame_length(what: &str) -> usize {
    length(&framed(what, ""))
}

/// `text` as the continuation of a list item: every line after the first indented by two.
#[must_use]
pub fn indented(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for (index, line) in plain(text).trim().lines().enumerate() {
        let gap = if index == 0 { "" } else { "\n" };
        let lead = if index == 0 || line.trim().is_empty() { "" } else { "  " };
        write!(out, "{gap}{lead}{}", line.trim_end()).expect("because writing to a string cannot fail");
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_frame_says_what_it_is_and_the_data_cannot_end_it() {
        insta::assert_snapshot!(framed("notes", "one\n\u{1b}[31mtwo\n"), @r"
        [data d5dc2935: notes]
        one
        [31mtwo
        [end of data d5dc2935]
        ");
        let first = framed("x", "a");
        let again = framed("x", &first);
        let mark = |text: &str| text[6..14].to_owned();
        assert_ne!(mark(&first), mark(&again));
        assert_eq!(again.matches(&format!("[end of data {}]", mark(&again))).count(), 1);
    }

    #[test]
    fn a_cut_is_seen() {
        assert_eq!((head("abcdefgh", 7), tail("abcdefgh", 7)), ("abc […]".to_owned(), "[…] fgh".to_owned()));
        assert_eq!((head("abc", 3), tail("abc", 3), head("abcd", 2)), ("abc".to_owned(), "abc".to_owned(), String::new()));
        assert_eq!(line(" a\n\tb\u{202e}  c ", 9), "a b c");
        assert_eq!(indented("a\n\n b \nc"), "a\n\n   b\n  c");
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn nothing_is_longer_than_it_may_be(text in "(?s)[a-zé𝄞\n ]{0,60}", limit in 0_usize..50) {
            prop_assert!(length(&head(&text, limit)) <= limit);
            prop_assert!(length(&tail(&text, limit)) <= limit);
            prop_assert!(length(&line(&text, limit)) <= limit);
        }

        #[test]
        fn a_frame_ends_where_the_data_ends(data in "(?s)[\\[\\]a-f0-9 \n]{0,80}") {
            let whole = framed("x", &data);
            let end = format!("[end of data {}]", &whole[6..14]);
            prop_assert_eq!(whole.find(&end), Some(whole.len() - end.len()));
        }
    }
}
