//! What something takes and gives, as one line that says the same however the text is laid out.

use tree_sitter::Node;

use crate::host::source::code::cursor::ahead;

/// The text of `node` up to byte `end`, with single spaces and without comments.
pub(super) fn signature(text: &[u8], node: Node<'_>, end: usize) -> String {
    let mut line = String::new();
    let mut at = node.start_byte();
    let mut is_apart = false;
    let mut cursor = node.walk();
    loop {
        let node = cursor.node();
        if node.start_byte() >= end {
            break;
        }
        if node.kind().ends_with("comment") {
            at = node.end_byte();
            is_apart = true;
        } else if node.child_count() > 0 && !is_one_word(node.kind()) && cursor.goto_first_child() {
            continue;
        } else {
            let between = String::from_utf8_lossy(text.get(at..node.start_byte()).unwrap_or_default());
            is_apart |= between.contains(char::is_whitespace);
            let rest = between.trim();
            for word in [rest, &String::from_utf8_lossy(&text[node.byte_range()])] {
                push(&mut line, word, if is_apart { Gap::Space } else { Gap::None });
                is_apart &= word.is_empty();
            }
            at = at.max(node.end_byte());
        }
        if ahead(&mut cursor).is_none() {
            break;
        }
    }
    line.trim_end_matches([' ', ',', ';', '{', ':']).to_owned()
}

/// Texts between quotes: the spaces in them mean something.
fn is_one_word(kind: &str) -> bool {
    (kind.contains("string") && kind != "string_content") || kind == "char_literal" || kind == "regex"
}

/// What lies before a word.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Gap {
    Space,
    None,
}

fn push(line: &mut String, word: &str, gap: Gap) {
    let is_apart = gap == Gap::Space;
    if word.is_empty() {
        return;
    }
    let closes = matches!(word, ")" | "]" | ">" | "}");
    if closes && line.ends_with(',') {
        line.pop();
    }
    let opened = line.ends_with(['(', '[']) || (line.ends_with('<') && is_apart);
    let joins = opened || matches!(word, ")" | "]" | ",") || (word == ">" && is_apart);
    if is_apart && !joins && !line.is_empty() {
        line.push(' ');
    }
    line.push_str(word);
}
