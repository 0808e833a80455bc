//! Values without a form of their own that are assigned to something named like a secret: `db_password = "…"`.
//!
//! A guess by the name and by how random the value is, so it wants both. Which files it is made for is decided by the caller.

use std::ops::Range;

use crate::host::secret::{
    class::{plain, run, run_back},
    rules::token,
};

/// The kind that a finding shows.
pub(super) const KIND: &str = "assigned";

/// The shortest value that counts.
const SHORTEST: usize = 10;

/// The longest.
const LONGEST: usize = 400;

/// How much before the value may name it.
const WINDOW: usize = 96;

/// The value that is assigned at `at`, where a sign of assignment stands.
pub(super) fn find(text: &[u8], edge: usize, at: usize) -> Option<(&'static str, Range<usize>)> {
    let before = text[edge..at].last().copied();
    let after = match text[at] {
        // The name stands in quotes: `("name", "value")`.
        b',' => before.is_some_and(is_quote).then_some(at + 1)?,
        // An element: `<name>value`.
        b'>' => before.is_some_and(plain).then(|| run(text, at + 1, |byte| byte.is_ascii_whitespace()))?,
        _ => run(text, at + 1, |byte| matches!(byte, b'=' | b'>' | b':')),
    };
    let start = run(text, after, |byte| matches!(byte, b' ' | b'\t'));
    let opened = run(text, start, |byte| is_quote(byte) || byte == b'\\');
    let start = if opened - start <= 3 { opened } else { return None };
    let quoting = if text[after..start].last().copied().is_some_and(is_quote) { Quoting::Quoted } else { Quoting::Bare };
    let class = if quoting == Quoting::Quoted { in_quotes } else { bare };
    // Most of what is assigned is shorter, which one look tells.
    if !class(*text.get(start + SHORTEST - 1)?) {
        return None;
    }
    let end = run(text, start, class);
    let value = &text[start..end];
    if !(SHORTEST..=LONGEST).contains(&value.len()) || !ends_here(text.get(end), quoting) || !looks_random(value) {
        return None;
    }
    let is_constant = value.contains(&b'_') && !value.iter().any(u8::is_ascii_lowercase);
    let is_code =
        quoting == Quoting::Bare && (is_constant || value.starts_with(b"//") || (value.len() < 40 && value.contains(&b'.')));
    if is_code || !is_named_like_a_secret(text, edge, at) {
        return None;
    }
    // What has a form is found by it.
    let formed = (start..end).any(|place| token(text, start, place).is_some());
    (!formed).then_some((KIND, start..end))
}

const fn is_quote(byte: u8) -> bool {
    matches!(byte, b'"' | b'\'' | b'`')
}

const fn bare(byte: u8) -> bool {
    plain(byte) || matches!(byte, b'_' | b'-' | b'+' | b'/' | b'=' | b'.' | b'~' | b'%')
}

const fn in_quotes(byte: u8) -> bool {
    bare(byte) || matches!(byte, b'!' | b'@' | b'#' | b'%' | b'^' | b'&' | b'*' | b'?' | b':')
}

/// How a value stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Quoting {
    Quoted,
    Bare,
}

fn ends_here(next: Option<&u8>, quoting: Quoting) -> bool {
    match next {
        None => true,
        Some(&byte) if quoting == Quoting::Quoted => is_quote(byte) || byte == b'\\',
        Some(&byte) => byte.is_ascii_whitespace() || is_quote(byte) || matches!(byte, b';' | b',' | b'}' | b'<' | b'&' | b'\\'),
    }
}

/// Whether one of the two names before the sign at `at` says that a secret follows.
fn is_named_like_a_secret(text: &[u8], edge: usize, at: usize) -> bool {
    let edge = edge.max(at.saturating_sub(WINDOW));
    let mut end = at;
    for _ in 0..2 {
        end = run_back(text, edge, end, |byte| {
            matches!(byte, b' ' | b'\t' | b'=' | b':' | b'?' | b'|' | b'&' | b'*' | b']' | b'\\') || is_quote(byte)
        });
        let start = run_back(text, edge, end, |byte| plain(byte) || matches!(byte, b'_' | b'-' | b'.'));
        if start == end {
            return false;
        }
        if announces(&text[start..end]) {
            return true;
        }
        end = start;
    }
    false
}

/// Whether a name is that of a secret, and not of something about one.
fn announces(name: &[u8]) -> bool {
    const WORDS: [&str; 15] = [
        "token",
        "secret",
        "passw",
        "passphrase",
        "pwd",
        "apikey",
        "accesskey",
        "privatekey",
        "authkey",
        "credential",
        "signingkey",
        "encryptionkey",
        "accountkey",
        "masterkey",
        "sharedkey",
    ];
    const ABOUT: [&str; 4] = ["public", "tokeniz", "tokenis", "nextpage"];
    const ENDS: [&str; 24] = [
        "id", "ids", "name", "path", "file", "dir", "url", "uri", "type", "kind", "len", "length", "size", "count", "limit",
        "at", "arn", "ref", "regex", "pattern", "version", "hash", "digest", "field",
    ];
    let last = name.rsplit(|byte| !byte.is_ascii_alphanumeric()).next().unwrap_or(name);
    let tail = last.iter().rposition(u8::is_ascii_uppercase).filter(|_| last.iter().any(u8::is_ascii_lowercase)).unwrap_or(0);
    let tail = last[tail..].to_ascii_lowercase();
    let joined: Vec<u8> = name.iter().filter(|byte| byte.is_ascii_alphanumeric()).map(u8::to_ascii_lowercase).collect();
    let holds = |word: &&str| joined.windows(word.len()).any(|part| part == word.as_bytes());
    WORDS.iter().any(&holds) && !ABOUT.iter().any(holds) && !ENDS.iter().any(|end| tail == end.as_bytes())
}

/// Whether a value was made by chance and not by a person: digits among letters, many different bytes, no words, no row.
pub(super) fn looks_random(value: &[u8]) -> bool {
    let turns = value.windows(2).filter(|pair| pair[0].is_ascii_digit() != pair[1].is_ascii_digit()).count();
    let has_letter = value.iter().any(u8::is_ascii_alphabetic);
    let least = if value.len() < 20 { 2.6 } else { 3.0 };
    turns >= 2 && has_letter && !value.starts_with(b"0x") && entropy(value) >= least && !is_made_up(value) && !is_words(value)
}

/// Whether a token is no example: many different bytes, no row, no words that stand for one.
pub(super) fn is_varied(value: &[u8]) -> bool {
    entropy(value) >= 3.0 && !is_made_up(value)
}

/// Bits a byte.
fn entropy(value: &[u8]) -> f64 {
    let mut counts = [0_u32; 256];
    for &byte in value {
        counts[usize::from(byte)] += 1;
    }
    let total = f64::from(u32::try_from(value.len()).unwrap_or(u32::MAX));
    counts.iter().filter(|count| **count > 0).map(|&count| f64::from(count) / total).map(|part| -part * part.log2()).sum()
}

/// What stands for a secret in documents, and rows of keys.
fn is_made_up(value: &[u8]) -> bool {
    const WORDS: [&str; 14] = [
        "example",
        "placehold",
        "changeme",
        "change-me",
        "change_me",
        "your",
        "xxxx",
        "dummy",
        "sample",
        "redacted",
        "insert",
        "replace",
        "00000000",
        "fake",
    ];
    let lowered = value.to_ascii_lowercase();
    let holds = |word: &str| lowered.windows(word.len()).any(|part| part == word.as_bytes());
    let rising = lowered.windows(2).filter(|pair| pair[1] == pair[0].wrapping_add(1)).count();
    WORDS.iter().any(|word| holds(word)) || rising * 2 > value.len()
}

/// Whether all parts are either letters or digits, as in `user-token-2` and `/path/to/v1`.
fn is_words(value: &[u8]) -> bool {
    let mut parts = value.split(|byte| !byte.is_ascii_alphanumeric()).filter(|part| !part.is_empty());
    let count = parts.clone().count();
    (2..=value.len() / 4).contains(&count)
        && parts.all(|part| {
            let digits = part.iter().filter(|byte| byte.is_ascii_digit()).count();
            digits == 0 || digits == part.len() || part.len() < 4
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Option<&str> {
        (0..text.len())
            .find_map(|at| {
                matches!(text.as_bytes()[at], b'=' | b':' | b'>' | b',').then(|| find(text.as_bytes(), 0, at)).flatten()
            })
            .map(|(_, range)| &text[range])
    }

    #[test]
    fn a_random_value_under_the_name_of_a_secret_is_found_however_it_is_assigned() {
        let value = ["q7Zk2m", "X9pLw4", "tRb8"].concat();
        for line in [
            "apiToken = \"{}\"",
            "API_TOKEN={}",
            "api-token: '{}'",
            "{\"api_token\": \"{}\"}",
            "{\"x\": \"API_TOKEN={}\\nNEXT=1\"}",
            "var apiToken string = \"{}\"",
            "const API_TOKEN: &str = \"{}\";",
            "apiToken := `{}`",
            "  \"apiToken\" => \"{}\"",
            "setProperty(\"API_TOKEN\", \"{}\")",
            "<apiToken>\n    {}\n</apiToken>",
            "API_TOKEN ?= \"{}\"",
            "https://host/?access_token={}&x=1",
            "client_secret {}",
        ] {
            let text = line.replace("{}", &value);
            let wanted = (!line.starts_with("client_secret")).then_some(value.as_str());
            assert_eq!(found(&text), wanted, "{text}");
        }
    }

    #[test]
    fn names_of_other_things_and_values_made_by_people_are_left_alone() {
        for text in [
            "checksum = \"q7Zk2mX9pLw4tRb8\"",
            "token_id = \"q7Zk2mX9pLw4tRb8\"",
            "publicToken = \"q7Zk2mX9pLw4tRb8\"",
            "token = \"your-token-1a2b3c4d\"",
            "token = \"abcdefghijklmnop1234567890\"",
            "secret_name = \"projects/12/secrets/db3x\"",
            "token = self.next_1a2b3c.value",
            "password = \"correct-horse-battery\"",
            "token = parse1a2b3c4d5e(x)",
            "token: ${API_TOKEN_1a2b3c}",
            "token = \"user-token-2024\"",
        ] {
            assert_eq!(found(text), None, "{text}");
        }
    }
}
