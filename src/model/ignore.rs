//! Git's ignore rules as values: the text of ignore files in, the answer for a path out.
//!
//! Reads no file: who walks a directory, or looks at an old tree, hands in the texts. Tracked paths are never ignored;
//! to know which are tracked is the caller's business.

use std::sync::Arc;

use crate::model::change::TreePath;

/// Whether names that differ only in case are the same name (`core.ignoreCase`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Case {
    /// They are different names.
    Sensitive,
    /// They are the same name.
    Folded,
}

/// What stands at the path that is asked about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// A directory that is not a link.
    Directory,
    /// Anything else.
    Other,
}

/// The rules that hold in one directory: those of the files above it, the innermost last. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Rules(Option<Arc<Level>>);

#[derive(Debug)]
struct Level {
    /// Empty, or the directory with a slash behind it.
    base: Box<[u8]>,
    patterns: Vec<Pattern>,
    outer: Rules,
}

impl Rules {
    /// These rules and, stronger than them, those of the ignore file `text` in `directory` (empty at the top).
    #[must_use]
    pub fn within(&self, directory: &[u8], text: &[u8], case: Case) -> Self {
        let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
        let patterns: Vec<Pattern> = text.split(|&byte| byte == b'\n').filter_map(|line| Pattern::parse(line, case)).collect();
        if patterns.is_empty() {
            return self.clone();
        }
        let mut base = directory.to_owned();
        if !base.is_empty() {
            base.push(b'/');
        }
        Self(Some(Arc::new(Level { base: base.into(), patterns, outer: self.clone() })))
    }

    /// Whether a rule here ignores `path`; its parents are taken as not ignored.
    #[must_use]
    pub fn ignore(&self, path: &[u8], standing: Standing) -> bool {
        let mut rules = self;
        while let Some(level) = &rules.0 {
            if let Some(below) = path.strip_prefix(&*level.base)
                && let Some(pattern) = level.patterns.iter().rev().find(|pattern| pattern.matches(below, standing))
            {
                return !pattern.negative;
            }
            rules = &level.outer;
        }
        false
    }
}

/// Whether rules ignore `path` or a directory that holds it. `rules_in` answers with the rules that hold in a directory
/// (none: at the top), `standing` is what stands at the path itself.
pub fn ignored(path: &TreePath, standing: Standing, mut rules_in: impl FnMut(Option<&TreePath>) -> Rules) -> bool {
    let mut above: Option<TreePath> = None;
    for directory in path.parents() {
        if rules_in(above.as_ref()).ignore(directory.as_bytes(), Standing::Directory) {
            return true;
        }
        above = Some(directory);
    }
    rules_in(above.as_ref()).ignore(path.as_bytes(), standing)
}

#[derive(Debug)]
struct Pattern {
    negative: bool,
    directory_only: bool,
    form: Form,
    case: Case,
}

#[derive(Debug)]
enum Form {
    /// The last part of the path is this.
    Name(Box<[u8]>),
    /// The last part of the path ends with this.
    Ending(Box<[u8]>),
    /// The last part of the path fits.
    NameGlob(Vec<Token>),
    /// The path below the ignore file is this.
    Path(Box<[u8]>),
    /// The path below the ignore file fits.
    PathGlob(Vec<Token>),
}

#[derive(Debug)]
enum Token {
    Byte(u8),
    /// One byte that is not a slash.
    One,
    /// Any number of bytes that are not slashes.
    Star,
    /// Nothing, or the directories that the `Through` behind it goes through.
    Directories,
    /// Any bytes up to and with a slash.
    Through,
    /// Everything that is left.
    Rest,
    Class {
        negated: bool,
        parts: Vec<ClassPart>,
    },
    /// Fits nothing: what git takes for a pattern that never matches.
    Never,
}

#[derive(Debug)]
enum ClassPart {
    Range(u8, u8),
    Named(fn(&u8) -> bool),
}

impl Pattern {
    fn parse(line: &[u8], case: Case) -> Option<Self> {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.first() == Some(&b'#') {
            return None;
        }
        let line = without_trailing_spaces(line);
        let (negative, line) = line.strip_prefix(b"!").map_or((false, line), |rest| (true, rest));
        let (directory_only, line) = line.strip_suffix(b"/").map_or((false, line), |rest| (true, rest));
        if line.is_empty() {
            return None;
        }
        let line = if case == Case::Folded { line.to_ascii_lowercase() } else { line.to_owned() };
        let plain = |text: &[u8]| !text.iter().any(|byte| matches!(byte, b'*' | b'?' | b'[' | b'\\'));
        let form = if line.contains(&b'/') {
            let path = line.strip_prefix(b"/").unwrap_or(&line);
            if plain(path) { Form::Path(path.into()) } else { Form::PathGlob(tokens(path)) }
        } else if plain(&line) {
            Form::Name(line.into())
        } else if let Some(ending) = line.strip_prefix(b"*").filter(|ending| plain(ending)) {
            Form::Ending(ending.into())
        } else {
            Form::NameGlob(tokens(&line))
        };
        Some(Self { negative, directory_only, form, case })
    }

    fn matches(&self, path: &[u8], standing: Standing) -> bool {
        if self.directory_only && standing != Standing::Directory {
            return false;
        }
        let folded;
        let path = match self.case {
            Case::Sensitive => path,
            Case::Folded => {
                folded = path.to_ascii_lowercase();
                &folded
            }
        };
        let name = || path.rsplit(|&byte| byte == b'/').next().unwrap_or(path);
        match &self.form {
            Form::Name(text) => name() == &**text,
            Form::Ending(text) => name().ends_with(text),
            Form::NameGlob(tokens) => fits(tokens, name()),
            Form::Path(text) => path == &**text,
            Form::PathGlob(tokens) => fits(tokens, path),
        }
    }
}

fn without_trailing_spaces(line: &[u8]) -> &[u8] {
    let (mut end, mut at) = (0, 0);
    while at < line.len() {
        if line[at] == b'\\' {
            at += 1;
            end = (at + 1).min(line.len());
        } else if line[at] != b' ' {
            end = at + 1;
        }
        at += 1;
    }
    &line[..end]
}

fn tokens(pattern: &[u8]) -> Vec<Token> {
    // Git compares the part before the first special character by itself, so stars right behind it count as leading.
    let literal = pattern.iter().position(|byte| matches!(byte, b'*' | b'?' | b'[' | b'\\')).unwrap_or(pattern.len());
    let mut out = Vec::with_capacity(pattern.len());
    let mut at = 0;
    while at < pattern.len() {
        match pattern[at] {
            b'?' => {
                out.push(Token::One);
                at += 1;
            }
            b'*' => {
                let run = pattern[at..].iter().take_while(|&&byte| byte == b'*').count();
                let (opens, after) = (at <= literal || pattern[at - 1] == b'/', &pattern[at + run..]);
                at += run;
                if run == 1 || !opens {
                    out.push(Token::Star);
                } else if after.is_empty() {
                    out.push(Token::Rest);
                } else if after[0] == b'/' {
                    out.extend([Token::Directories, Token::Through]);
                    at += 1;
                } else if after.starts_with(b"\\/") {
                    out.extend([Token::Directories, Token::Through]);
                    at += 2;
                } else {
                    out.push(Token::Star);
                }
            }
            b'[' => {
                let Some((token, length)) = class(&pattern[at + 1..]) else {
                    out.push(Token::Never);
                    return out;
                };
                out.push(token);
                at += 1 + length;
            }
            b'\\' => {
                out.push(pattern.get(at + 1).map_or(Token::Never, |&byte| Token::Byte(byte)));
                at += 2;
            }
            byte => {
                out.push(Token::Byte(byte));
                at += 1;
            }
        }
    }
    out
}

/// Reads a bracket expression after its `[`; none when it does not end or names an unknown class.
fn class(text: &[u8]) -> Option<(Token, usize)> {
    let negated = matches!(text.first()?, b'!' | b'^');
    let mut at = usize::from(negated);
    let mut parts = Vec::new();
    let mut previous: Option<u8> = None;
    let start = at;
    loop {
        let byte = *text.get(at)?;
        if byte == b']' && at > start {
            return Some((Token::Class { negated, parts }, at + 1));
        }
        if byte == b'[' && text.get(at + 1) == Some(&b':') {
            let length = text[at + 2..].iter().position(|&byte| byte == b']')?;
            if length > 0 && text[at + 1 + length] == b':' {
                parts.push(ClassPart::Named(named(&text[at + 2..at + 1 + length])?));
                at += length + 3;
                previous = None;
                continue;
            }
        }
        if byte == b'-'
            && let Some(low) = previous
            && text.get(at + 1).is_some_and(|&next| next != b']')
        {
            at += 1;
            if text[at] == b'\\' {
                at += 1;
            }
            parts.push(ClassPart::Range(low, *text.get(at)?));
            previous = None;
        } else {
            if byte == b'\\' {
                at += 1;
            }
            let byte = *text.get(at)?;
            parts.push(ClassPart::Range(byte, byte));
            previous = Some(byte);
        }
        at += 1;
    }
}

fn named(name: &[u8]) -> Option<fn(&u8) -> bool> {
    Some(match name {
        b"alnum" => u8::is_ascii_alphanumeric,
        b"alpha" => u8::is_ascii_alphabetic,
        b"blank" => |byte| matches!(byte, b' ' | b'\t'),
        b"cntrl" => u8::is_ascii_control,
        b"digit" => u8::is_ascii_digit,
        b"graph" => u8::is_ascii_graphic,
        b"lower" => u8::is_ascii_lowercase,
        b"print" => |byte| (b' '..=b'~').contains(byte),
        b"punct" => u8::is_ascii_punctuation,
        b"space" => |byte| matches!(byte, b' ' | b'\t'..=b'\r'),
        b"upper" => u8::is_ascii_uppercase,
        b"xdigit" => u8::is_ascii_hexdigit,
        _ => return None,
    })
}

/// Follows all ways to read the pattern at once, so that no pattern takes more than pattern times text steps.
fn fits(tokens: &[Token], text: &[u8]) -> bool {
    let end = tokens.len();
    let mut here = vec![false; end + 1];
    let mut next = vec![false; end + 1];
    here[0] = true;
    for at in 0..=text.len() {
        next.fill(false);
        for index in 0..end {
            if !here[index] {
                continue;
            }
            let byte = text.get(at).copied();
            match &tokens[index] {
                Token::Byte(wanted) => next[index + 1] |= byte == Some(*wanted),
                Token::One => next[index + 1] |= byte.is_some_and(|byte| byte != b'/'),
                Token::Class { negated, parts } => {
                    next[index + 1] |= byte.is_some_and(|byte| {
                        byte != b'/'
                            && *negated
                                != parts.iter().any(|part| match part {
                                    ClassPart::Range(low, high) => (low..=high).contains(&&byte),
                                    ClassPart::Named(holds) => holds(&byte),
                                })
                    });
                }
                Token::Star => {
                    here[index + 1] = true;
                    next[index] |= byte.is_some_and(|byte| byte != b'/');
                }
                Token::Directories => {
                    here[index + 1] = true;
                    here[index + 2] = true;
                }
                Token::Through => {
                    next[index] |= byte.is_some();
                    next[index + 1] |= byte == Some(b'/');
                }
                Token::Rest => return true,
                Token::Never => {}
            }
        }
        if at == text.len() {
            return here[end];
        }
        std::mem::swap(&mut here, &mut next);
    }
    false
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rules(text: &str) -> Rules {
        Rules::default().within(b"", text.as_bytes(), Case::Sensitive)
    }

    fn ignores(text: &str, path: &str) -> bool {
        let standing = if path.ends_with('/') { Standing::Directory } else { Standing::Other };
        rules(text).ignore(path.trim_end_matches('/').as_bytes(), standing)
    }

    #[test]
    fn rules_are_read_as_gits_manual_says() {
        for (text, path, expected) in [
            ("*.o", "a/b.o", true),
            ("*.o\n!keep.o", "keep.o", false),
            ("!keep.o\n*.o", "keep.o", true),
            ("build/", "build/", true),
            ("build/", "build", false),
            ("/build", "build", true),
            ("/build", "a/build", false),
            ("doc/frotz", "a/doc/frotz", false),
            ("**/foo", "foo", true),
            ("**/foo", "a/b/foo", true),
            ("**/foo", "a/bfoo", false),
            ("abc/**", "abc/x/y", true),
            ("abc/**", "abc", false),
            ("a/**/b", "a/b", true),
            ("a/**/b", "a/x/y/b", true),
            ("a/**/b", "a/xb", false),
            ("foo/*", "foo/a", true),
            ("foo/*", "foo/a/b", false),
            ("a?c", "abc", true),
            ("[a-c]x", "bx", true),
            ("[!a-c]x", "bx", false),
            ("[[:digit:]]*", "7up", true),
            ("[]-]x", "-x", true),
            ("[ab", "[ab", false),
            ("\\#x", "#x", true),
            ("#x", "#x", false),
            ("\\!x", "!x", true),
            ("x  ", "x", true),
            ("x\\ ", "x ", true),
            ("x\r", "x", true),
            ("\u{feff}x", "x", true),
            ("x\\", "x\\", false),
        ] {
            assert_eq!(ignores(text, path), expected, "{text:?} on {path:?}");
        }
    }

    #[test]
    fn inner_files_are_stronger_and_a_parent_decides_first() {
        let outer = rules("*.log\n/out/");
        let inner = outer.within(b"a", b"!x.log\n/only", Case::Sensitive);
        assert!(!inner.ignore(b"a/x.log", Standing::Other));
        assert!(inner.ignore(b"a/y.log", Standing::Other));
        assert!(inner.ignore(b"a/only", Standing::Other) && !inner.ignore(b"a/b/only", Standing::Other));
        let path = |text: &str| text.parse::<TreePath>().expect("a clean path");
        let rules_in = |_: Option<&TreePath>| outer.clone();
        assert!(ignored(&path("out/deep/x"), Standing::Other, rules_in));
        assert!(!ignored(&path("a/out/x"), Standing::Other, rules_in));
        let folded = Rules::default().within(b"", b"*.TMP", Case::Folded);
        assert!(folded.ignore(b"a.tmp", Standing::Other));
    }

    proptest! {
        #[test]
        fn no_pattern_is_slow_or_fatal(pattern in "[*?ab/\\[\\]!\\\\-]{0,24}", path in "[ab/]{1,40}") {
            let level = rules(&pattern);
            let twice = [(); 2].map(|()| level.ignore(path.as_bytes(), Standing::Other));
            prop_assert_eq!(twice[0], twice[1]);
            let stars = format!("{}b", "*a".repeat(20));
            prop_assert!(!ignores(&stars, &"a".repeat(2000)));
        }
    }
}
