//! Finds what looks like a secret at one place of a text: a token of the table, or what its surroundings give away.
//!
//! Nothing here knows the surroundings of this process, and nothing decodes.

use std::ops::Range;

use crate::host::secret::{
    assigned,
    class::{capital, digit, dotted, is_inside_word, lined, padded, plain, run, run_back, word},
    rules::{ISSUERS, token},
};

/// The kinds that are found by other means than a prefix.
const OTHER_KINDS: [&str; 12] = [
    "jwt",
    "private-key",
    "url-password",
    "authorization",
    "curl-user",
    "telegram",
    "terraform",
    "maxmind",
    "azure",
    "facebook-app",
    assigned::KIND,
    ENCODED,
];

/// What holds a secret in base64 or with percent signs.
pub(super) const ENCODED: &str = "encoded";

/// Whether `kind` is a kind of ours.
pub(super) fn is_kind(kind: &[u8]) -> bool {
    ISSUERS.iter().map(|issuer| issuer.kind).chain(OTHER_KINDS).any(|own| own.as_bytes() == kind)
}

/// Whether a kind is known by what is around it only.
pub(super) fn is_guess(kind: &str) -> bool {
    [assigned::KIND, "url-password", "authorization", "curl-user"].contains(&kind)
}

/// What begins or announces that which is found by other means than a prefix.
pub(super) const BEGINNINGS: [&[u8]; 19] = [
    b"---", b"-u ", b"--u", b"://", b":", b"=", b">", b",", b"|", b"eyJ", b"aut", b"Aut", b"AUT", b"bea", b"Bea", b"BEA", b".at",
    b"_mm", b"Q~",
];

/// The secret that begins, or is announced, at `at`: its kind and the bytes to hide. What lies before `edge` is hidden
/// already and is no part of a word.
pub(super) fn find(text: &[u8], edge: usize, at: usize) -> Option<(&'static str, Range<usize>)> {
    match text[at] {
        b'-' if text[at..].starts_with(b"-----") => {
            return private_key(text, at).filter(|(_, body)| *body >= 16).map(|(range, _)| ("private-key", range));
        }
        b'-' => return curl_user(text, edge, at).map(|range| ("curl-user", range)),
        b':' => {
            return url_password(text, at)
                .map(|range| ("url-password", range))
                .or_else(|| telegram(text, edge, at))
                .or_else(|| assigned::find(text, edge, at));
        }
        b'=' | b'>' | b',' => return assigned::find(text, edge, at),
        _ => {}
    }
    token(text, edge, at)
        .or_else(|| match text[at] {
            b'a' | b'A' | b'b' | b'B' => authorization(text, edge, at).map(|range| ("authorization", range)),
            b'e' => jwt(text, edge, at).map(|range| ("jwt", range)),
            _ => None,
        })
        .or_else(|| inside(text, edge, at))
}

/// Tokens that are known by what stands inside them.
fn inside(text: &[u8], edge: usize, at: usize) -> Option<(&'static str, Range<usize>)> {
    let rest = &text[at..];
    let (kind, mark, class, before, after): (_, &[u8], fn(u8) -> bool, _, _) = match rest[0] {
        b'.' => ("terraform", b".atlasv1.", padded, 14, 60),
        b'_' => ("maxmind", b"_mmk", lined, 36, 0),
        b'Q' => ("azure", b"Q~", dotted_or_tilde, 4, 31),
        b'|' => return facebook_app(text, edge, at),
        _ => return None,
    };
    if !rest.starts_with(mark) {
        return None;
    }
    let start = run_back(text, edge, at, class);
    let end = run(text, at + mark.len(), class);
    (at - start == before && end - at - mark.len() >= after).then_some((kind, start..end))
}

const fn dotted_or_tilde(byte: u8) -> bool {
    dotted(byte) || byte == b'~'
}

/// The token of an application: its number, a bar, and its secret.
fn facebook_app(text: &[u8], edge: usize, at: usize) -> Option<(&'static str, Range<usize>)> {
    let start = run_back(text, edge, at, digit);
    let end = run(text, at + 1, lined);
    ((15..=16).contains(&(at - start)) && (27..=40).contains(&(end - at - 1))).then_some(("facebook-app", start..end))
}

/// The token of a bot: its number, a colon, and 35 bytes that begin with `A`.
fn telegram(text: &[u8], edge: usize, at: usize) -> Option<(&'static str, Range<usize>)> {
    if text.get(at + 1) != Some(&b'A') {
        return None;
    }
    let start = run_back(text, edge, at, digit);
    let end = run(text, at + 1, lined);
    ((5..=16).contains(&(at - start)) && end - at - 1 == 35).then_some(("telegram", start..end))
}

/// The password after `-u` or `--user` of curl.
fn curl_user(text: &[u8], edge: usize, at: usize) -> Option<Range<usize>> {
    let rest = &text[at..];
    let flag = [&b"-u "[..], b"--user "].into_iter().find(|flag| rest.starts_with(flag))?;
    let line = run_back(text, edge, at, |byte| byte != b'\n');
    if !text[line..at].windows(5).any(|words| words == b"curl ") {
        return None;
    }
    let start = run(text, at + flag.len(), |byte| matches!(byte, b' ' | b'"' | b'\''));
    let end = run(text, start, |byte| !byte.is_ascii_whitespace() && !matches!(byte, b'"' | b'\'' | b'`' | b'\\'));
    let colon = start + text[start..end].iter().position(|&byte| byte == b':')?;
    let value = &text[colon + 1..end];
    (value.len() >= 3 && !value.starts_with(b"$")).then_some(colon + 1..end)
}

fn jwt(text: &[u8], edge: usize, at: usize) -> Option<Range<usize>> {
    if !text[at..].starts_with(b"eyJ") || is_inside_word(&text[edge..at]) {
        return None;
    }
    let head = word(text, at, lined);
    let claims = word(text, (head + 1).min(text.len()), lined);
    if text.get(head) != Some(&b'.') || head - at < 12 || claims - head < 12 || text.get(claims) != Some(&b'.') {
        return None;
    }
    Some(at..word(text, claims + 1, dotted))
}

/// The password of `://user:password@`.
fn url_password(text: &[u8], at: usize) -> Option<Range<usize>> {
    let start = at + 3;
    if !text[at..].starts_with(b"://") {
        return None;
    }
    let outside = |byte: u8| byte.is_ascii_whitespace() || byte.is_ascii_control() || b"/?#\"'`<>\\".contains(&byte);
    let end = run(text, start, |byte| !outside(byte));
    let sign = start + text[start..end].iter().rposition(|&byte| byte == b'@')?;
    let colon = start + text[start..sign].iter().position(|&byte| byte == b':')?;
    (colon + 1 < sign).then_some(colon + 1..sign)
}

/// The credentials after `Authorization:` or `Bearer`.
fn authorization(text: &[u8], edge: usize, at: usize) -> Option<Range<usize>> {
    let here = &text[at..];
    let starts = |word: &[u8]| here.len() >= word.len() && here[..word.len()].eq_ignore_ascii_case(word);
    let credential = |byte: u8| dotted(byte) || matches!(byte, b'~' | b'+' | b'/' | b'=');
    let gap = |from: usize, bytes: &[u8]| run(text, from, |byte| bytes.contains(&byte));
    let taken = |start: usize, least: usize| {
        let end = word(text, start, credential);
        let good = text.get(start).is_some_and(|&first| plain(first)) && end - start >= least;
        good.then_some(start..end)
    };
    if starts(b"bearer ") {
        return taken(gap(at + 6, b" "), 20).filter(|_| !is_inside_word(&text[edge..at]));
    }
    if !starts(b"authorization") {
        return None;
    }
    let name = at + b"authorization".len();
    let sign = gap(name, b"\"'\\ ");
    if !matches!(text.get(sign), Some(b':' | b'=')) {
        return None;
    }
    let scheme = gap(sign + 1, b"\"'\\ ");
    let word = run(text, scheme, plain);
    let start = gap(word, b" ");
    // One word alone is the credential itself; with a second one the first is the scheme.
    if start > word && word > scheme { taken(start, 8) } else { taken(scheme, 8) }
}

/// A private key in PEM from its first line on, as far as it reaches, and how many bytes of body it has.
pub(super) fn private_key(text: &[u8], at: usize) -> Option<(Range<usize>, usize)> {
    let rest = text[at..].strip_prefix(b"-----BEGIN ")?;
    let label = rest.iter().take(64).position(|&byte| !(capital(byte) || byte == b' '))?;
    if !rest[..label].windows(11).any(|words| words == b"PRIVATE KEY") || !rest[label..].starts_with(b"-----") {
        return None;
    }
    let start = text.len() - rest.len() + label + 5;
    let inside = |byte: u8| plain(byte) || b"+/=\r\n\t \\\"',:-_|>.".contains(&byte);
    let mut end = run(text, start, inside);
    let mut body = end - start;
    if let Some(close) = text[start..end].windows(9).position(|words| words == b"-----END ") {
        body = close;
        let line = start + close + 9;
        end = match text[line..end].windows(5).position(|dashes| dashes == b"-----") {
            Some(closing) => line + closing + 5,
            None => end,
        };
    }
    Some((at..end, body))
}
