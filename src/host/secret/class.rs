//! Kinds of bytes that secrets are made of, and how far a run of them goes.
//!
//! What a run means is decided by whoever asks.

pub(super) const fn digit(byte: u8) -> bool {
    byte.is_ascii_digit()
}

pub(super) const fn hex(byte: u8) -> bool {
    byte.is_ascii_hexdigit()
}

pub(super) const fn capital(byte: u8) -> bool {
    byte.is_ascii_uppercase() || byte.is_ascii_digit()
}

pub(super) const fn lower(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit()
}

pub(super) const fn plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
}

pub(super) const fn lined(byte: u8) -> bool {
    plain(byte) || matches!(byte, b'_' | b'-')
}

pub(super) const fn dotted(byte: u8) -> bool {
    lined(byte) || byte == b'.'
}

pub(super) const fn based(byte: u8) -> bool {
    plain(byte) || matches!(byte, b'+' | b'/' | b'=')
}

pub(super) const fn padded(byte: u8) -> bool {
    lined(byte) || byte == b'='
}

pub(super) const fn joined(byte: u8) -> bool {
    based(byte) || byte == b'_'
}

pub(super) fn run(text: &[u8], start: usize, body: impl Fn(u8) -> bool) -> usize {
    text[start..].iter().position(|&byte| !body(byte)).map_or(text.len(), |length| start + length)
}

/// Where the run of such bytes begins that ends before `end`.
pub(super) fn run_back(text: &[u8], edge: usize, end: usize, body: impl Fn(u8) -> bool) -> usize {
    text[edge..end].iter().rposition(|&byte| !body(byte)).map_or(edge, |before| edge + before + 1)
}

/// The end of a token's body; five dashes in a row are never part of one, but begin or end a key.
pub(super) fn word(text: &[u8], start: usize, body: impl Fn(u8) -> bool) -> usize {
    let end = run(text, start, body);
    text[start..end].windows(5).position(|dashes| dashes == b"-----").map_or(end, |length| start + length)
}

/// Whether what stands before belongs to the same word; the letter of an escape such as `\n` does not.
pub(super) fn is_inside_word(before: &[u8]) -> bool {
    match before {
        [] | [.., b'\\', b'n' | b't' | b'r' | b'b' | b'f'] => false,
        [.., last] => plain(*last) || *last == b'_',
    }
}
