//! Programs as facts, read with kept grammars. A language without one, a text that is too large or takes too long, and what is no
//! text are read by their lines alone.
//!
//! A walk goes through the tree once, without calling itself, so that no nesting is too deep for it.

mod cursor;
mod gather;
mod go;
mod python;
mod rust;
mod script;
mod signature;

use std::{
    ops::ControlFlow,
    time::{Duration, Instant},
};

use tree_sitter::{ParseOptions, ParseState, Parser, Tree};

use crate::{
    host::source::code::{
        cursor::ahead,
        gather::{Gather, Step},
    },
    model::source::{
        Facts, Limit, Reading,
        language::Language,
        lines::{self, Lines},
    },
};

/// The largest file that is read, in bytes; the largest that people write by hand have some three million.
pub const LONGEST: usize = 4 << 20;
/// How long reading one file may take. What takes a tenth of it is a thousand times as slow as usual.
const PATIENCE: Duration = Duration::from_secs(2);
/// How often the parser may look up before it is stopped, besides once for so many bytes: twenty times of what programs need.
const LOOKS: usize = 20_000;
const BYTES_A_LOOK: usize = 4;
/// A byte that no text has; it is looked for among so many.
const BINARY: (u8, usize) = (0, 8000);

/// The facts of `bytes`, which lie at `path`. Every input has some.
#[must_use]
pub fn read(path: &str, bytes: &[u8]) -> Facts {
    let language = Language::of(path, bytes);
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let by_lines = |limit: Limit| Facts::of_lines(language, bytes, Reading::LinesOnly(limit));
    if bytes[..bytes.len().min(BINARY.1)].contains(&BINARY.0) {
        // What is no text has no lines.
        return Facts::of_lines(language, b"", Reading::LinesOnly(Limit::Binary));
    }
    let Some(grammar) = grammar(language) else { return by_lines(Limit::NoGrammar) };
    if bytes.len() > LONGEST {
        return by_lines(Limit::TooLarge);
    }
    match parse(&grammar, bytes, PATIENCE) {
        Some(tree) => walk(path, language, bytes, &tree),
        None => by_lines(Limit::TooLong),
    }
}

fn grammar(language: Language) -> Option<tree_sitter::Language> {
    Some(match language {
        Language::Rust => tree_sitter_rust::LANGUAGE.into(),
        Language::Python => tree_sitter_python::LANGUAGE.into(),
        Language::TypeScript => tree_sitter_typescript::LANGUAGE_TYPESCRIPT.into(),
        Language::Tsx => tree_sitter_typescript::LANGUAGE_TSX.into(),
        Language::JavaScript => tree_sitter_javascript::LANGUAGE.into(),
        Language::Go => tree_sitter_go::LANGUAGE.into(),
        _ => return None,
    })
}

/// The tree of `bytes`; none when it takes longer than it may.
fn parse(grammar: &tree_sitter::Language, bytes: &[u8], patience: Duration) -> Option<Tree> {
    let mut parser = Parser::new();
    parser.set_language(grammar).ok()?;
    let begun = Instant::now();
    let mut looks = LOOKS + bytes.len() / BYTES_A_LOOK;
    let mut look = |_: &ParseState| {
        looks = looks.saturating_sub(1);
        if looks == 0 || begun.elapsed() > patience { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    let options = ParseOptions::new().progress_callback(&mut look);
    parser.parse_with_options(&mut |at, _| bytes.get(at..).unwrap_or_default(), None, Some(options))
}

fn walk(path: &str, language: Language, bytes: &[u8], tree: &Tree) -> Facts {
    let enter = match language {
        Language::Rust => rust::enter,
        Language::Python => python::enter,
        Language::Go => go::enter,
        _ => script::enter,
    };
    let mut facts = Facts::of_lines(language, b"", reading(tree));
    facts.lines = count(bytes, tree, language);
    facts.is_generated = lines::is_generated(bytes);
    let mut gather = Gather::new(path, bytes, facts);
    let mut cursor = tree.walk();
    // The cursor counts its depth anew each time that it is asked.
    let mut depth = 0_usize;
    loop {
        let node = cursor.node();
        gather.arrive(depth, node);
        let step = enter(&mut gather, node);
        if step == Step::Into && cursor.goto_first_child() {
            depth += 1;
            continue;
        }
        match ahead(&mut cursor) {
            Some(up) => depth = depth.saturating_sub(up),
            None => break,
        }
    }
    match language {
        Language::Rust => rust::finish(&mut gather),
        Language::Python => python::finish(&mut gather),
        _ if language.is_script() => script::finish(&mut gather),
        _ => {}
    }
    gather.finish()
}

fn reading(tree: &Tree) -> Reading {
    let mut cursor = tree.walk();
    if !cursor.node().has_error() {
        return Reading::Whole;
    }
    loop {
        let node = cursor.node();
        if node.is_error() || node.is_missing() {
            break;
        }
        let on = if node.has_error() { cursor.goto_first_child() } else { cursor.goto_next_sibling() };
        if !on {
            break;
        }
    }
    Reading::Partly { line: cursor.node().start_position().row + 1 }
}

/// Lines by what the tree has on them; a text in the place of a statement is a comment, as Python has them.
fn count(bytes: &[u8], tree: &Tree, language: Language) -> Lines {
    #[derive(Clone, Copy, PartialEq)]
    enum Kind {
        Neither,
        Comment,
        Code,
    }
    let mut kinds: Vec<Kind> = lines::each(bytes).map(|_| Kind::Neither).collect();
    let mut cursor = tree.walk();
    loop {
        let node = cursor.node();
        let is_comment = node.kind().ends_with("comment")
            || (language == Language::Python
                && node.kind() == "expression_statement"
                && node.named_child_count() == 1
                && node.named_child(0).is_some_and(|child| child.kind() == "string"));
        if is_comment || node.child_count() == 0 {
            let (from, to) = (node.start_position(), node.end_position());
            let last = if to.column == 0 && to.row > from.row { to.row - 1 } else { to.row };
            for kind in kinds.iter_mut().take(last + 1).skip(from.row) {
                if !is_comment && node.end_byte() > node.start_byte() {
                    *kind = Kind::Code;
                } else if is_comment && *kind == Kind::Neither {
                    *kind = Kind::Comment;
                }
            }
        }
        if !is_comment && cursor.goto_first_child() {
            continue;
        }
        if ahead(&mut cursor).is_none() {
            break;
        }
    }
    let mut counted = Lines::default();
    for (line, kind) in lines::each(bytes).zip(kinds) {
        match kind {
            _ if line.iter().all(u8::is_ascii_whitespace) => counted.blank += 1,
            Kind::Comment => counted.comment += 1,
            Kind::Code | Kind::Neither => counted.code += 1,
        }
    }
    counted
}

#[cfg(test)]
mod tests;
