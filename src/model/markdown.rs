//! A line scanner for the little of markdown that records and pages rest on: headings, check boxes, and what is code.
//!
//! It is no markdown parser. Known limits, all on the side of seeing too little: headings underlined with `===` or `---`
//! are text, check boxes in block quotes and tables are text, and an unclosed fence runs to the end of the text.

use std::ops::Range;

/// What a line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Nothing but white space.
    Blank,
    /// `#` to `######` and a title.
    Heading(usize),
    /// An item of a list, with or without a check box.
    Item,
    /// Any other text.
    Text,
    /// Inside a code fence or an HTML comment, or indented as code; nothing in it means anything.
    Verbatim,
}

/// One line of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line<'a> {
    /// Counted from 1.
    pub number: usize,
    /// Where it lies in the text, in bytes, without its ending.
    pub range: Range<usize>,
    /// Its text without its ending.
    pub text: &'a str,
    /// What it is.
    pub kind: Kind,
    /// Columns of white space before its first character; a tab reaches to the next multiple of four.
    pub indent: usize,
}

impl<'a> Line<'a> {
    /// The title of a heading, without its `#`.
    #[must_use]
    pub fn title(&self) -> Option<&'a str> {
        match self.kind {
            Kind::Heading(_) => {
                let title = self.text.trim_start().trim_start_matches('#').trim();
                let bare = title.trim_end_matches('#');
                Some(if bare.is_empty() || bare.ends_with([' ', '\t']) { bare.trim_end() } else { title })
            }
            Kind::Blank | Kind::Item | Kind::Text | Kind::Verbatim => None,
        }
    }

    /// The text of a list item after its bullet or number.
    #[must_use]
    pub fn item(&self) -> Option<&'a str> {
        match self.kind {
            Kind::Item => bullet(self.text).map(|at| self.text[at..].trim()),
            Kind::Blank | Kind::Heading(_) | Kind::Text | Kind::Verbatim => None,
        }
    }

    /// The check box of a list item. A date, a link or a note in brackets is none.
    #[must_use]
    pub fn check(&self) -> Option<CheckBox<'a>> {
        if self.kind != Kind::Item {
            return None;
        }
        let at = bullet(self.text)?;
        let rest = self.text[at..].strip_prefix('[')?;
        let done = match rest.as_bytes().first()? {
            b' ' => false,
            b'x' | b'X' => true,
            _ => return None,
        };
        let text = rest[1..].strip_prefix(']')?;
        (text.is_empty() || text.starts_with([' ', '\t'])).then(|| CheckBox {
            mark: self.range.start + at + 1,
            done,
            text: text.trim(),
        })
    }
}

/// The check box of a list item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CheckBox<'a> {
    /// The byte between the brackets, counted from the start of the text.
    pub mark: usize,
    /// Whether it is ticked.
    pub done: bool,
    /// What it says.
    pub text: &'a str,
}

/// Where the content of a list item begins, if `text` is one.
fn bullet(text: &str) -> Option<usize> {
    let start = text.len() - text.trim_start_matches([' ', '\t']).len();
    let rest = &text[start..];
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    let width = match rest.as_bytes().get(digits)? {
        b'-' | b'*' | b'+' if digits == 0 => 1,
        b'.' | b')' if (1..=9).contains(&digits) => digits + 1,
        _ => return None,
    };
    let after = &rest[width..];
    let content = after.trim_start_matches([' ', '\t']);
    (after.is_empty() || content.len() < after.len()).then(|| start + width + after.len() - content.len())
}

fn columns(text: &str) -> usize {
    let mut column = 0;
    for byte in text.bytes() {
        match byte {
            b' ' => column += 1,
            b'\t' => column += 4 - column % 4,
            _ => break,
        }
    }
    column
}

/// The character and length of a code fence, if `text` opens one.
fn fence(text: &str) -> Option<(char, usize)> {
    let text = text.trim_start();
    let mark = text.chars().next().filter(|mark| matches!(mark, '`' | '~'))?;
    let length = text.chars().take_while(|&character| character == mark).count();
    (length >= 3 && !(mark == '`' && text[length..].contains('`'))).then_some((mark, length))
}

fn closes(text: &str, (mark, length): (char, usize)) -> bool {
    let text = text.trim();
    text.len() >= length && text.chars().all(|character| character == mark)
}

fn heading(text: &str) -> Option<usize> {
    let text = text.trim_start();
    let level = text.bytes().take_while(|&byte| byte == b'#').count();
    let after = &text[level..];
    ((1..=6).contains(&level) && (after.is_empty() || after.starts_with([' ', '\t']))).then_some(level)
}

/// The lines of `text` in order. Joined with their endings they are `text` again.
pub fn lines(text: &str) -> impl Iterator<Item = Line<'_>> {
    let (mut open_fence, mut in_comment, mut in_list, mut start, mut number) = (None, false, false, 0, 0);
    text.split_inclusive('\n').map(move |raw| {
        let line = raw.strip_suffix('\n').unwrap_or(raw);
        let line = line.strip_suffix('\r').unwrap_or(line);
        let indent = columns(line);
        let kind = if let Some(mark) = open_fence {
            if closes(line, mark) {
                open_fence = None;
            }
            Kind::Verbatim
        } else if in_comment {
            in_comment = !line.contains("-->");
            Kind::Verbatim
        } else if line.trim().is_empty() {
            Kind::Blank
        } else if indent >= 4 && !in_list {
            Kind::Verbatim
        } else if let Some(mark) = fence(line) {
            open_fence = Some(mark);
            Kind::Verbatim
        } else if line.trim_start().starts_with("<!--") {
            in_comment = !line.contains("-->");
            Kind::Verbatim
        } else if indent < 4
            && let Some(level) = heading(line)
        {
            in_list = false;
            Kind::Heading(level)
        } else if bullet(line).is_some() {
            in_list = true;
            Kind::Item
        } else {
            in_list &= indent > 0;
            Kind::Text
        };
        number += 1;
        let found = Line { number, range: start..start + line.len(), text: line, kind, indent };
        start += raw.len();
        found
    })
}

/// The text with all white space as single spaces.
#[must_use]
pub fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The line ending of `text`: that of its first line, `\n` when it has none.
#[must_use]
pub fn line_ending(text: &str) -> &'static str {
    match text.find('\n') {
        Some(at) if at > 0 && text.as_bytes()[at - 1] == b'\r' => "\r\n",
        Some(_) | None => "\n",
    }
}

/// Finds the section under the heading `title` (upper and lower case alike): the range of its heading line, with ending,
/// and the range of all that follows up to the next heading of the same or a higher level.
#[must_use]
pub fn section(text: &str, title: &str) -> Option<(Range<usize>, Range<usize>)> {
    let mut found: Option<(Range<usize>, usize)> = None;
    for line in lines(text) {
        let Kind::Heading(level) = line.kind else { continue };
        match &found {
            Some((head, at)) if level <= *at => return Some((head.clone(), head.end..line.range.start)),
            Some(_) => {}
            None => {
                if line.title().is_some_and(|own| own.to_lowercase() == title.to_lowercase()) {
                    let end = text[line.range.end..].find('\n').map_or(text.len(), |at| line.range.end + at + 1);
                    found = Some((line.range.start..end, level));
                }
            }
        }
    }
    found.map(|(head, _)| (head.clone(), head.end..text.len()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn boxes(text: &str) -> Vec<(usize, bool, &str)> {
        lines(text).filter_map(|line| line.check().map(|check| (line.number, check.done, check.text))).collect()
    }

    #[test]
    fn only_real_check_boxes_are_check_boxes() {
        let text = "- [ ] one\n* [x] two\n1. [X] three\n- [2026-01-29] a date\n- [x](https://x) a link\n- [ ](y)\n-[ ] no space\n\
                    - [] empty\n[ ] bare\n```\n- [ ] in a fence\n```\n~~~md\n- [ ] in another\n```\n~~~\n<!--\n- [ ] hidden\n-->\n\n\
                    para\n\n    - [ ] indented code\n\n- a\n    - [ ] nested\n";
        assert_eq!(boxes(text), [(1, false, "one"), (2, true, "two"), (3, true, "three"), (26, false, "nested")]);
    }

    #[test]
    fn the_mark_is_the_byte_between_the_brackets_in_any_line_ending() {
        let text = "é\r\n\t- a\r\n- [ ] b\r\n";
        let found: Vec<_> = lines(text).filter_map(|line| line.check()).collect();
        assert_eq!(found.len(), 1);
        assert_eq!(&text[found[0].mark - 1..=found[0].mark + 1], "[ ]");
        assert_eq!(line_ending(text), "\r\n");
    }

    #[test]
    fn a_section_ends_at_the_next_heading_of_its_level() {
        let text = "# T\nintro\n## Done when #\n- [ ] a\n### more\nx\n```\n## not a heading\n```\n## Notes\nn\n";
        let (head, body) = section(text, "done WHEN").expect("it is there");
        assert_eq!(&text[head], "## Done when #\n");
        assert_eq!(&text[body], "- [ ] a\n### more\nx\n```\n## not a heading\n```\n");
        assert_eq!(section(text, "not a heading"), None);
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn lines_cover_the_text(text in "(?s)[-#*`~\\[\\] x1.\t\r\n<!>é]{0,120}") {
            let mut joined = String::new();
            let all: Vec<_> = lines(&text).collect();
            for (index, line) in all.iter().enumerate() {
                let end = all.get(index + 1).map_or(text.len(), |next| next.range.start);
                prop_assert_eq!(&text[line.range.clone()], line.text);
                joined.push_str(&text[line.range.start..end]);
            }
            prop_assert_eq!(joined, text);
        }
    }
}
