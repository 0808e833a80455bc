//! A Rust file taken apart as far as the rules need: code without comments and words, words, and what is test code.
//!
//! It is not a parser; it knows comments, literals, brackets and attributes, and trusts the compiler for the rest.

use std::ops::Range;

/// One file. `code`, `product` and `text` have the same length, so that an offset means the same place in all.
#[derive(Debug)]
pub(crate) struct Source {
    /// From the top of the repository, with `/`.
    pub(crate) path: String,
    /// As it is.
    pub(crate) text: String,
    /// With comments and the insides of literals blank.
    pub(crate) code: String,
    /// `code` with everything blank that only test builds have.
    pub(crate) product: String,
    /// Where string literals begin, and what stands between their quotes.
    pub(crate) strings: Vec<(usize, String)>,
}

impl Source {
    pub(crate) fn new(path: &str, text: &str) -> Self {
        let (code, strings) = without_words(text);
        let product = without_tests(&code);
        Self { path: path.to_owned(), text: text.to_owned(), code, product, strings }
    }

    /// A file that is no Rust; only `path` and `text` are filled.
    pub(crate) fn plain(path: &str, text: &str) -> Self {
        Self { path: path.to_owned(), text: text.to_owned(), code: String::new(), product: String::new(), strings: Vec::new() }
    }

    /// `path:line` of an offset.
    pub(crate) fn place(&self, offset: usize) -> String {
        format!("{}:{}", self.path, self.text[..offset].matches('\n').count() + 1)
    }

    /// String literals outside test code.
    pub(crate) fn product_strings(&self) -> impl Iterator<Item = (usize, &str)> {
        self.strings
            .iter()
            .filter(|(offset, _)| self.product.as_bytes()[*offset] == b'"')
            .map(|(offset, string)| (*offset, string.as_str()))
    }
}

/// Offsets at which `word` stands in `code` as a word of its own.
pub(crate) fn words<'a>(code: &'a str, word: &'a str) -> impl Iterator<Item = usize> + 'a {
    let part = |byte: Option<&u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
    code.match_indices(word).map(|(offset, _)| offset).filter(move |offset| {
        let starts = !part(word.as_bytes().first()) || !part(offset.checked_sub(1).and_then(|at| code.as_bytes().get(at)));
        let ends = !part(word.as_bytes().last()) || !part(code.as_bytes().get(offset + word.len()));
        starts && ends
    })
}

/// The range from the bracket at `open` to the one that closes it.
pub(crate) fn bracketed(code: &str, open: usize) -> Range<usize> {
    let mut depth = 0_usize;
    for (offset, byte) in code.bytes().enumerate().skip(open) {
        match byte {
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return open..offset + 1;
                }
            }
            _ => {}
        }
    }
    open..code.len()
}

fn blank(bytes: &mut [u8]) {
    for byte in bytes.iter_mut().filter(|byte| **byte != b'\n') {
        *byte = b' ';
    }
}

fn without_words(text: &str) -> (String, Vec<(usize, String)>) {
    let mut code = text.as_bytes().to_vec();
    let mut strings = Vec::new();
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        let rest = &text[at..];
        let end = if rest.starts_with("//") {
            at + rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            at + block_comment(rest)
        } else if bytes[at] == b'"' {
            let hashes = bytes[..at].iter().rev().take_while(|byte| **byte == b'#').count();
            let raw = bytes[..at - hashes].last() == Some(&b'r');
            let length = if raw { raw_string(&rest[1..], hashes) } else { plain_string(&rest[1..]) };
            strings.push((at, text[at + 1..at + 1 + length].to_owned()));
            blank(&mut code[at + 1..at + 1 + length]);
            at += length + 2;
            continue;
        } else if bytes[at] == b'\'' {
            let length = character(rest);
            blank(&mut code[at..at + length]);
            at += length.max(1);
            continue;
        } else {
            at += rest.chars().next().map_or(1, char::len_utf8);
            continue;
        };
        blank(&mut code[at..end]);
        at = end;
    }
    (String::from_utf8(code).expect("only whole words were made blank"), strings)
}

fn block_comment(rest: &str) -> usize {
    let (mut depth, mut at) = (0_usize, 0);
    while at < rest.len() {
        if rest[at..].starts_with("/*") {
            depth += 1;
            at += 2;
        } else if rest[at..].starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += rest[at..].chars().next().map_or(1, char::len_utf8);
        }
    }
    rest.len()
}

fn plain_string(inside: &str) -> usize {
    let mut escaped = false;
    for (offset, character) in inside.char_indices() {
        match character {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return offset,
            _ => {}
        }
    }
    inside.len().saturating_sub(1)
}

fn raw_string(inside: &str, hashes: usize) -> usize {
    let end = format!("\"{}", "#".repeat(hashes));
    inside.find(&end).unwrap_or(inside.len().saturating_sub(1))
}

/// The length of the character literal at the start of `rest`; 0 for a lifetime.
fn character(rest: &str) -> usize {
    let mut characters = rest.char_indices().skip(1);
    match characters.next() {
        Some((_, '\\')) => rest[3.min(rest.len())..].find('\'').map_or(0, |end| end + 4),
        Some(_) => characters.next().filter(|(_, next)| *next == '\'').map_or(0, |(offset, _)| offset + 1),
        None => 0,
    }
}

/// The same files, with those whole files marked as test code that another declares as such.
pub(crate) fn marked(mut sources: Vec<Source>) -> Vec<Source> {
    let mut of_tests = Vec::new();
    for source in &sources {
        let directory = source.path.trim_end_matches(".rs").trim_end_matches("/mod");
        for offset in words(&source.code, "mod").filter(|offset| source.product.as_bytes()[*offset] == b' ') {
            let name = source.code[offset + 3..].trim_start().split([';', ' ', '{']).next().unwrap_or_default();
            of_tests.push(format!("{directory}/{name}"));
        }
    }
    for source in &mut sources {
        let own = source.path.trim_end_matches(".rs");
        if of_tests.iter().any(|path| own == path || own.strip_prefix(path.as_str()).is_some_and(|rest| rest.starts_with('/'))) {
            let mut product = std::mem::take(&mut source.product).into_bytes();
            blank(&mut product);
            source.product = String::from_utf8(product).expect("only whole words were made blank");
        }
    }
    sources
}

fn without_tests(code: &str) -> String {
    let mut product = code.as_bytes().to_vec();
    for (start, attribute) in code.match_indices("#[cfg(test)]") {
        let mut at = start + attribute.len();
        while let Some(next) =
            code[at..].find(|character: char| !character.is_whitespace()).filter(|next| code[at + next..].starts_with("#["))
        {
            at = bracketed(code, at + next + 1).end;
        }
        let end = match code[at..].find(['{', ';']).map(|offset| at + offset) {
            Some(open) if code.as_bytes()[open] == b'{' => bracketed(code, open).end,
            Some(semicolon) => semicolon + 1,
            None => code.len(),
        };
        blank(&mut product[start..end]);
    }
    String::from_utf8(product).expect("only whole words were made blank")
}

#[test]
fn words_are_told_from_code() {
    let raw = ["r#", "\"raw \"quote\"\"", "#"].concat();
    let text =
        format!("fn a<'a>(x: &'a str) {{ /* \"no\" /* nested */ */ let s = \"code // \\\" not\"; let r = {raw}; '\"' }} // end");
    let text = text.as_str();
    let source = Source::new("src/a.rs", text);
    assert_eq!(
        source.strings.iter().map(|(_, string)| string.as_str()).collect::<Vec<_>>(),
        ["code // \\\" not", "raw \"quote\""]
    );
    assert_eq!(source.code.len(), text.len());
    assert!(!source.code.contains("nested") && !source.code.contains("end") && source.code.contains("&'a str"));
}

#[test]
fn test_code_is_told_from_product_code() {
    let text = "fn a() {}\n#[cfg(test)]\n#[expect(x)]\nmod tests {\n fn b() { \"}\"; }\n}\n#[cfg(test)]\nuse x::y;\nfn c() {}\n";
    let source = Source::new("src/a.rs", text);
    assert!(source.product.contains("fn a") && source.product.contains("fn c"));
    assert!(!source.product.contains("fn b") && !source.product.contains('y'));
    assert_eq!(source.product_strings().count(), 0);
    assert_eq!(source.place(text.find("fn c").expect("it is there")), "src/a.rs:9");
}

#[test]
fn a_whole_file_can_be_test_code() {
    let parent = Source::new("src/host/git/mod.rs", "mod real;\n#[cfg(test)]\nmod fixture;\n");
    let files = ["src/host/git/real.rs", "src/host/git/fixture.rs"].map(|path| Source::new(path, "fn a() {}\n"));
    let sources = marked([parent].into_iter().chain(files).collect());
    assert!(sources[1].product.contains("fn a") && sources[2].product.trim().is_empty());
}
