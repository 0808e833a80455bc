//! Words in base64 or with percent signs, decoded, and text without the colours of a terminal.
//!
//! What a word holds once it is decoded is judged by the caller; nothing is decoded twice.

use std::ops::Range;

use crate::host::secret::class::{hex, lined, plain, run, run_back};

/// The shortest word in base64 that is decoded: fewer bytes hold no token.
const SHORTEST: usize = 24;

const ESCAPE: u8 = 0x1b;

/// A word and what it says.
pub(super) struct Word {
    pub(super) range: Range<usize>,
    pub(super) decoded: Vec<u8>,
}

/// The words of `text` that may be encoded.
pub(super) fn words(text: &[u8]) -> impl Iterator<Item = Word> {
    based_words(text).chain(percent_words(text))
}

const fn in_base(byte: u8) -> bool {
    lined(byte) || matches!(byte, b'+' | b'/')
}

fn based_words(text: &[u8]) -> impl Iterator<Item = Word> {
    let mut at = 0;
    std::iter::from_fn(move || {
        loop {
            // A word that is long enough covers the byte that lies its least length on.
            let probe = at + SHORTEST - 1;
            if !in_base(*text.get(probe)?) {
                at = probe + 1;
                continue;
            }
            let mut start = run_back(text, at, probe, in_base);
            let end = run(text, probe, in_base);
            at = end;
            if start > 0 && text[start - 1] == b'\\' {
                start += 1;
            }
            let word = &text[start..end];
            let kinds: [fn(&u8) -> bool; 3] = [u8::is_ascii_uppercase, u8::is_ascii_lowercase, u8::is_ascii_digit];
            if word.len() >= SHORTEST && kinds.iter().all(|kind| word.iter().any(kind)) {
                let padded = run(text, end, |byte| byte == b'=').min(end + 2);
                return Some(Word { range: start..padded, decoded: decode(word) });
            }
        }
    })
}

/// Base64 in either alphabet; bits that make no whole byte are dropped.
fn decode(word: &[u8]) -> Vec<u8> {
    let mut decoded = Vec::with_capacity(word.len() / 4 * 3 + 2);
    let (mut bits, mut held) = (0_u32, 0);
    for &byte in word {
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' | b'-' => 62,
            _ => 63,
        };
        bits = bits << 6 | u32::from(value);
        held += 6;
        if held >= 8 {
            held -= 8;
            decoded.push((bits >> held & 0xff) as u8);
        }
    }
    decoded
}

fn percent_words(text: &[u8]) -> impl Iterator<Item = Word> {
    let mut at = 0;
    let is_part = |byte: u8| plain(byte) || matches!(byte, b'%' | b'.' | b'_' | b'~' | b'-' | b'+');
    std::iter::from_fn(move || {
        loop {
            let sign = at + text.get(at..)?.iter().position(|&byte| byte == b'%')?;
            let start = run_back(text, at, sign, is_part);
            let end = run(text, sign, is_part);
            at = end;
            let decoded = unpercent(&text[start..end]);
            if decoded.len() < end - start {
                return Some(Word { range: start..end, decoded });
            }
        }
    })
}

fn unpercent(word: &[u8]) -> Vec<u8> {
    let mut decoded = Vec::with_capacity(word.len());
    let mut at = 0;
    while at < word.len() {
        match word[at..] {
            [b'%', high, low, ..] if hex(high) && hex(low) => {
                let value = |digit: u8| match digit {
                    b'0'..=b'9' => digit - b'0',
                    _ => (digit | 0x20) - b'a' + 10,
                };
                decoded.push(value(high) << 4 | value(low));
                at += 3;
            }
            _ => {
                decoded.push(word[at]);
                at += 1;
            }
        }
    }
    decoded
}

/// A text without the sequences that colour it.
pub(super) struct Plain {
    pub(super) text: Vec<u8>,
    /// Where each byte of it was.
    places: Vec<usize>,
}

impl Plain {
    /// Where a part of it was, from its first byte to its last.
    pub(super) fn original(&self, range: &Range<usize>) -> Range<usize> {
        let last = range.end.checked_sub(1).filter(|last| *last >= range.start);
        last.map_or(0..0, |last| self.places[range.start]..self.places[last] + 1)
    }
}

/// `text` without its colours; none when it has none.
pub(super) fn without_colours(text: &[u8]) -> Option<Plain> {
    if !text.contains(&ESCAPE) {
        return None;
    }
    let first = text.iter().position(|&byte| byte == ESCAPE)?;
    let mut plain = Plain { text: text[..first].to_vec(), places: (0..first).collect() };
    let mut at = first;
    while at < text.len() {
        if text[at..].starts_with(&[ESCAPE, b'[']) {
            let end = run(text, at + 2, |byte| (0x20..0x40).contains(&byte));
            if text.get(end).is_some_and(|byte| (0x40..0x7f).contains(byte)) {
                at = end + 1;
                continue;
            }
        }
        plain.text.push(text[at]);
        plain.places.push(at);
        at += 1;
    }
    Some(plain)
}
