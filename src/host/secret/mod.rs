//! The one choke point that keeps secrets out of logs, records, pages, commits, output and reports.
//!
//! It knows documented forms of tokens (`rules`), values that are assigned to what is named like a secret (`assigned`), and the
//! values of this process's own secret-looking variables, also in base64, with percent signs, and with colours in between. The
//! same finds, as far as they are no examples, are what a scan of a file names (`scan`). It keeps no value anywhere.

mod assigned;
mod class;
mod encoded;
mod form;
mod rules;
mod scan;
mod stream;

use std::{borrow::Cow, ops::Range};

pub use rules::{Issuer, issuers};
pub use scan::{Finding, MARKERS, lines, scan};
pub use stream::Stream;

use crate::host::{environment::Environment, secret::rules::Beginnings};

/// The shortest value of a variable that is hidden; shorter ones would hide words.
pub const SHORTEST: usize = 8;

const MARK: &str = "[redacted:";

/// What is to be hidden; made once for each process.
#[derive(Clone)]
pub struct Secrets {
    /// The variables' names and values, the longest value first.
    values: Vec<(String, String)>,
    /// What anything to hide can begin with.
    beginnings: Beginnings,
}

impl std::fmt::Debug for Secrets {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_list().entries(self.values.iter().map(|(name, _)| name)).finish()
    }
}

/// One place to hide.
struct Find<'a> {
    kind: &'a str,
    range: Range<usize>,
}

impl Secrets {
    /// The forms of tokens, and the values of the variables in `environment` that look like secrets.
    #[must_use]
    pub fn of(environment: &Environment) -> Self {
        let pairs = environment.variables().filter_map(|(name, value)| Some((name.to_str()?, value.to_str()?)));
        Self::given(pairs.filter(|(name, value)| is_secret(name, value)))
    }

    /// The forms of tokens, and these values under these names. Values shorter than [`SHORTEST`] are not hidden.
    pub fn given<'a>(values: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let mut all: Vec<(String, String)> = Vec::new();
        for (name, value) in values {
            let value = value.trim();
            let name: String = name.chars().filter(|&part| part.is_ascii_alphanumeric() || part == '_').collect();
            // Also as it looks inside a JSON text.
            let quoted = serde_json::to_string(value).unwrap_or_default();
            let escaped = quoted.trim_matches('"');
            for form in [value, escaped] {
                // A value that is part of a mark cannot be hidden by one.
                let hides = format!("{MARK}{name}]").contains(form);
                if form.len() >= SHORTEST && !hides && all.iter().all(|(_, known)| known != form) {
                    all.push((name.clone(), form.to_owned()));
                }
            }
        }
        all.sort_by(|left, right| right.1.len().cmp(&left.1.len()).then_with(|| left.cmp(right)));
        let mut beginnings = Beginnings::of_tokens();
        let values = all.iter().map(|(_, value)| value.as_bytes());
        for bytes in form::BEGINNINGS.into_iter().chain([MARK.as_bytes()]).chain(values) {
            beginnings.add(bytes);
        }
        Self { values: all, beginnings }
    }

    /// `text` with every secret replaced by `[redacted:<kind>]`; borrowed when there is none.
    #[must_use]
    pub fn redact<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let finds = self.finds(text.as_bytes());
        if finds.is_empty() {
            return Cow::Borrowed(text);
        }
        let (mut out, mut from) = (String::with_capacity(text.len()), 0);
        for find in finds {
            out.push_str(&text[from..find.range.start]);
            out.push_str(MARK);
            out.push_str(find.kind);
            out.push(']');
            from = find.range.end;
        }
        out.push_str(&text[from..]);
        Cow::Owned(out)
    }

    /// The same for bytes of which nobody knows whether they are text.
    #[must_use]
    pub fn redact_bytes<'a>(&self, bytes: &'a [u8]) -> Cow<'a, [u8]> {
        let finds = self.finds(bytes);
        if finds.is_empty() {
            return Cow::Borrowed(bytes);
        }
        let mut out = Vec::with_capacity(bytes.len());
        hide(bytes, &finds, &mut out);
        Cow::Owned(out)
    }

    /// Redacts output that comes in pieces.
    #[must_use]
    pub fn stream(&self) -> Stream<'_> {
        Stream::new(self)
    }

    /// What is to be hidden, in order and apart from each other.
    fn finds(&self, text: &[u8]) -> Vec<Find<'_>> {
        let Some(plain) = encoded::without_colours(text) else { return self.finds_without_colours(text) };
        let mut finds = self.finds_without_colours(&plain.text);
        for find in &mut finds {
            find.range = plain.original(&find.range);
        }
        finds
    }

    fn finds_without_colours(&self, text: &[u8]) -> Vec<Find<'_>> {
        let mut finds = Vec::new();
        self.collect(text, 0, 0, &mut finds);
        let is_free = |range: &Range<usize>| {
            let after = finds.partition_point(|find: &Find<'_>| find.range.end <= range.start);
            finds.get(after).is_none_or(|find| find.range.start >= range.end)
        };
        let hidden: Vec<Range<usize>> = encoded::words(text)
            .filter(|word| is_free(&word.range) && self.holds_secret(&word.decoded))
            .map(|word| word.range)
            .collect();
        for range in hidden {
            let after = finds.partition_point(|find| find.range.end <= range.start);
            if finds.get(after).is_none_or(|find| find.range.start >= range.end) {
                finds.insert(after, Find { kind: form::ENCODED, range });
            }
        }
        finds
    }

    /// Whether what was decoded holds something that is known by itself, and not by what is around it.
    fn holds_secret(&self, decoded: &[u8]) -> bool {
        let mut finds = Vec::new();
        self.collect(decoded, 0, 0, &mut finds);
        finds.iter().any(|find| !form::is_guess(find.kind))
    }

    fn collect<'a>(&'a self, text: &[u8], edge: usize, from: usize, finds: &mut Vec<Find<'a>>) {
        let (mut edge, mut at) = (edge, from);
        while let Some(skipped) =
            text.get(at..).and_then(|rest| rest.array_windows().position(|three| self.beginnings.hold(*three)))
        {
            at += skipped;
            if let Some(find) = self.find(text, edge, at) {
                // A password is announced before it begins; what lies between may hold something to hide as well.
                if find.range.start > at {
                    self.collect(&text[..find.range.start], edge, at + 1, finds);
                }
                at = find.range.end;
                edge = at;
                finds.push(find);
            } else {
                at += self.mark(&text[at..]).unwrap_or(1);
            }
        }
    }

    fn find(&self, text: &[u8], edge: usize, at: usize) -> Option<Find<'_>> {
        let own = self.own(text, at);
        let known = form::find(text, edge, at).filter(|(_, range)| self.mark(&text[range.start..]).is_none());
        // What is announced and is a value of ours is found as that, when its turn comes.
        let known = known
            .filter(|(_, range)| range.start <= at || self.own(text, range.start).is_none_or(|own| own.range.end < range.end));
        // What begins before this place may have been hidden in part already.
        let known = known.map(|(kind, range)| Find { kind, range: range.start.max(edge)..range.end });
        match (own, known) {
            (Some(own), Some(known)) if known.range.start == at && known.range.end > own.range.end => Some(known),
            (Some(own), _) => Some(own),
            (None, known) => known,
        }
    }

    fn own(&self, text: &[u8], at: usize) -> Option<Find<'_>> {
        let own = self.values.iter().find(|(_, value)| text[at..].starts_with(value.as_bytes()));
        own.map(|(name, value)| Find { kind: name, range: at..at + value.len() })
    }

    /// The length of the mark of ours that `text` begins with.
    fn mark(&self, text: &[u8]) -> Option<usize> {
        let rest = text.strip_prefix(b"[")?.strip_prefix(&MARK.as_bytes()[1..])?;
        let end = rest.iter().take(200).position(|&byte| byte == b']')?;
        let ours = form::is_kind(&rest[..end]) || self.values.iter().any(|(name, _)| name.as_bytes() == &rest[..end]);
        ours.then_some(MARK.len() + end + 1)
    }
}

fn hide(text: &[u8], finds: &[Find<'_>], out: &mut Vec<u8>) {
    let mut from = 0;
    for find in finds {
        out.extend_from_slice(&text[from..find.range.start]);
        out.extend_from_slice(MARK.as_bytes());
        out.extend_from_slice(find.kind.as_bytes());
        out.push(b']');
        from = find.range.end;
    }
    out.extend_from_slice(&text[from..]);
}

/// Whether a variable looks like a secret: by its name, unless the value is plainly something else.
fn is_secret(name: &str, value: &str) -> bool {
    const WORDS: [&str; 9] =
        ["TOKEN", "SECRET", "PASSWORD", "PASSWD", "PASSPHRASE", "API_KEY", "APIKEY", "ACCESS_KEY", "PRIVATE_KEY"];
    const NOT: [&str; 6] = ["_FILE", "_PATH", "_DIR", "_SOCK", "_SOCKET", "_ID"];
    let name = name.to_ascii_uppercase();
    let counts = name.ends_with("TOKENS") && value.bytes().all(|byte| byte.is_ascii_digit());
    WORDS.iter().any(|word| name.contains(word)) && !NOT.iter().any(|end| name.ends_with(end)) && !counts
}

#[cfg(test)]
mod tests;
