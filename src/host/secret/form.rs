//! The documented forms of tokens: how each begins and goes on. Nothing here knows the surroundings of this process.
//!
//! Prefixes and lengths are those that the issuers publish for secret scanning; where an issuer gives a range, the
//! shortest counts.

use std::ops::Range;

/// A token that is known by how it begins.
struct Form {
    kind: &'static str,
    prefix: &'static str,
    /// Which bytes go on after the prefix.
    body: fn(u8) -> bool,
    /// The least number of such bytes.
    least: usize,
    /// Whether the prefix is so short that it must stand at the start of a word.
    at_word: bool,
}

const fn form(kind: &'static str, prefix: &'static str, body: fn(u8) -> bool, least: usize, at_word: bool) -> Form {
    Form { kind, prefix, body, least, at_word }
}

const fn capital(byte: u8) -> bool {
    byte.is_ascii_uppercase() || byte.is_ascii_digit()
}

const fn plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
}

const fn lined(byte: u8) -> bool {
    plain(byte) || matches!(byte, b'_' | b'-')
}

const fn dotted(byte: u8) -> bool {
    lined(byte) || byte == b'.'
}

const fn pathed(byte: u8) -> bool {
    plain(byte) || byte == b'/'
}

/// Those with the same first byte stand together; longer prefixes come before the shorter ones that they begin with.
const FORMS: [Form; 37] = [
    form("aws", "AKIA", capital, 16, true),
    form("aws", "ASIA", capital, 16, true),
    form("aws", "ABIA", capital, 16, true),
    form("aws", "ACCA", capital, 16, true),
    form("age", "AGE-SECRET-KEY-1", capital, 50, false),
    form("google", "AIza", lined, 35, false),
    form("google", "GOCSPX-", lined, 20, false),
    form("google", "ya29.", dotted, 20, true),
    form("github", "github_pat_", lined, 30, false),
    form("github", "ghp_", plain, 30, false),
    form("github", "gho_", plain, 30, false),
    form("github", "ghu_", plain, 30, false),
    form("github", "ghs_", plain, 30, false),
    form("github", "ghr_", plain, 30, false),
    form("gitlab", "glpat-", dotted, 20, false),
    form("gitlab", "gldt-", dotted, 20, false),
    form("gitlab", "glrt-", dotted, 20, false),
    form("gitlab", "glptt-", dotted, 20, false),
    form("gitlab", "glcbt-", dotted, 20, false),
    form("slack", "xoxa-", lined, 10, false),
    form("slack", "xoxb-", lined, 10, false),
    form("slack", "xoxe-", lined, 10, false),
    form("slack", "xoxo-", lined, 10, false),
    form("slack", "xoxp-", lined, 10, false),
    form("slack", "xoxr-", lined, 10, false),
    form("slack", "xoxs-", lined, 10, false),
    form("slack", "xapp-", lined, 10, true),
    form("slack", "hooks.slack.com/services/", pathed, 20, false),
    form("huggingface", "hf_", plain, 30, true),
    form("stripe", "sk_live_", plain, 16, false),
    form("stripe", "sk_test_", plain, 16, false),
    form("anthropic", "sk-ant-", lined, 16, false),
    form("openai", "sk-", lined, 20, true),
    form("stripe", "rk_live_", plain, 16, false),
    form("stripe", "whsec_", plain, 24, true),
    form("npm", "npm_", plain, 36, false),
    form("pypi", "pypi-AgE", lined, 40, false),
];

/// Where in [`FORMS`] those begin and end that start with a byte.
const STARTING: [(usize, usize); 256] = starting();

const fn starting() -> [(usize, usize); 256] {
    let (mut found, mut at) = ([(0, 0); 256], 0);
    while at < FORMS.len() {
        let first = FORMS[at].prefix.as_bytes()[0] as usize;
        if found[first].1 == 0 {
            found[first].0 = at;
        }
        assert!(found[first].1 == 0 || found[first].1 == at, "forms with the same first byte stand together");
        at += 1;
        found[first].1 = at;
    }
    found
}

/// The kinds that are found by other means than a prefix.
const OTHER_KINDS: [&str; 4] = ["jwt", "private-key", "url-password", "authorization"];

/// Whether `kind` is a kind of this file.
pub(super) fn is_kind(kind: &[u8]) -> bool {
    FORMS.iter().map(|form| form.kind).chain(OTHER_KINDS).any(|own| own.as_bytes() == kind)
}

/// The bytes that a token, or what announces one, can begin with.
pub(super) fn first_bytes() -> impl Iterator<Item = u8> {
    FORMS.iter().map(|form| form.prefix.as_bytes()[0]).chain(*b"e-:aAbB")
}

/// The token that begins, or is announced, at `at`: its kind and the bytes to hide. What lies before `edge` is hidden
/// already and is no part of a word.
pub(super) fn find(text: &[u8], edge: usize, at: usize) -> Option<(&'static str, Range<usize>)> {
    let here = &text[at..];
    match here[0] {
        b'-' => return private_key(text, at).filter(|(_, body)| *body >= 16).map(|(range, _)| ("private-key", range)),
        b':' => return url_password(text, at).map(|range| ("url-password", range)),
        b'a' | b'b' | b'B' => return authorization(text, edge, at).map(|range| ("authorization", range)),
        b'e' => return jwt(text, edge, at).map(|range| ("jwt", range)),
        _ => {}
    }
    let (start, end) = STARTING[usize::from(here[0])];
    for form in &FORMS[start..end] {
        // A dash before `sk-` makes it part of a longer name.
        let dashed = form.prefix == "sk-" && at > edge && text[at - 1] == b'-';
        if here.starts_with(form.prefix.as_bytes()) && !(form.at_word && (dashed || is_inside_word(&text[edge..at]))) {
            let start = at + form.prefix.len();
            let end = word(text, start, form.body);
            if end - start >= form.least && (form.prefix != "sk-" || looks_random(&text[start..end])) {
                return Some((form.kind, at..end));
            }
        }
    }
    if here[0] == b'A' { authorization(text, edge, at).map(|range| ("authorization", range)) } else { None }
}

fn run(text: &[u8], start: usize, body: impl Fn(u8) -> bool) -> usize {
    text[start..].iter().position(|&byte| !body(byte)).map_or(text.len(), |length| start + length)
}

/// The end of a token's body; five dashes in a row are never part of one, but begin or end a key.
fn word(text: &[u8], start: usize, body: impl Fn(u8) -> bool) -> usize {
    let end = run(text, start, body);
    text[start..end].windows(5).position(|dashes| dashes == b"-----").map_or(end, |length| start + length)
}

/// Whether what stands before belongs to the same word; the letter of an escape such as `\n` does not.
fn is_inside_word(before: &[u8]) -> bool {
    match before {
        [] | [.., b'\\', b'n' | b't' | b'r' | b'b' | b'f'] => false,
        [.., last] => plain(*last) || *last == b'_',
    }
}

fn looks_random(body: &[u8]) -> bool {
    body.iter().any(u8::is_ascii_digit) && body.iter().any(u8::is_ascii_uppercase)
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
