//! What git does to text between the work tree and the repository by itself: line endings and `$Id$`.
//!
//! Programs that a `filter` attribute names and other encodings are not done here; who meets one says so.

use std::borrow::Cow;

use crate::model::id::Oid;

/// `core.autocrlf`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AutoCrlf {
    /// Leave line endings alone.
    #[default]
    Off,
    /// LF in the repository, CRLF in the work tree.
    On,
    /// LF in the repository, no conversion to the work tree.
    Input,
}

/// A line ending, as `core.eol` and the attribute `eol` name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LineEnding {
    /// Line feed.
    Lf,
    /// Carriage return and line feed.
    Crlf,
}

/// The value of an attribute of a path.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Attribute<'a> {
    /// Nothing is said about it.
    #[default]
    Unspecified,
    /// Set, without a value.
    Set,
    /// Unset, with a dash.
    Unset,
    /// Set to a value.
    Value(&'a [u8]),
}

/// What configuration and attributes say about one path.
#[derive(Clone, Copy, Debug, Default)]
pub struct Words<'a> {
    /// `core.autocrlf`.
    pub auto_crlf: AutoCrlf,
    /// `core.eol`, when it names one.
    pub eol: Option<LineEnding>,
    /// The attribute `text`.
    pub text_attribute: Attribute<'a>,
    /// The attribute `crlf`, which is the older name of `text`.
    pub crlf_attribute: Attribute<'a>,
    /// The attribute `eol`.
    pub eol_attribute: Attribute<'a>,
    /// The attribute `ident`.
    pub ident_attribute: Attribute<'a>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Text {
    /// Never touched.
    Binary,
    /// Always text; CRLF in the work tree or not.
    Always(LineEnding),
    /// Text when it looks like text.
    WhenItLooks(LineEnding),
}

/// What is done to one path on its way in and out of the repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Conversion {
    text: Text,
    ident: bool,
}

impl Conversion {
    /// Nothing is done.
    pub const NONE: Self = Self { text: Text::Binary, ident: false };

    /// What git does to a path of which this is said (gitattributes(5), "End-of-line conversion" and "ident").
    #[must_use]
    pub fn of(words: &Words<'_>) -> Self {
        let native = match (words.auto_crlf, words.eol) {
            (AutoCrlf::On, _) | (AutoCrlf::Off, Some(LineEnding::Crlf)) => LineEnding::Crlf,
            (AutoCrlf::Input | AutoCrlf::Off, _) => LineEnding::Lf,
        };
        let wanted = match words.eol_attribute {
            Attribute::Value(b"lf") => Some(LineEnding::Lf),
            Attribute::Value(b"crlf") => Some(LineEnding::Crlf),
            Attribute::Value(_) | Attribute::Set | Attribute::Unset | Attribute::Unspecified => None,
        };
        let named = |attribute| match attribute {
            Attribute::Set => Some(Text::Always(wanted.unwrap_or(native))),
            Attribute::Unset => Some(Text::Binary),
            Attribute::Value(b"input") => Some(Text::Always(wanted.unwrap_or(LineEnding::Lf))),
            Attribute::Value(b"auto") => Some(Text::WhenItLooks(wanted.unwrap_or(native))),
            Attribute::Value(_) | Attribute::Unspecified => None,
        };
        let text =
            named(words.text_attribute).or_else(|| named(words.crlf_attribute)).unwrap_or(match (wanted, words.auto_crlf) {
                (Some(wanted), _) => Text::Always(wanted),
                (None, AutoCrlf::Off) => Text::Binary,
                (None, AutoCrlf::On) => Text::WhenItLooks(LineEnding::Crlf),
                (None, AutoCrlf::Input) => Text::WhenItLooks(LineEnding::Lf),
            });
        Self { text, ident: words.ident_attribute == Attribute::Set }
    }

    /// The bytes as they go into the repository. `indexed` gives the content that the index has for the path; it is
    /// asked only when the answer matters.
    #[must_use]
    pub fn to_repository<'a>(&self, bytes: &'a [u8], indexed: impl FnOnce() -> Option<Vec<u8>>) -> Cow<'a, [u8]> {
        let lines = match self.text {
            Text::Binary => None,
            Text::Always(_) => Lines::of(bytes).pairs.then_some(()),
            Text::WhenItLooks(_) => {
                let lines = Lines::of(bytes);
                let kept_as_is = || indexed().is_some_and(|content| Lines::of(&content).is_text_with_pairs());
                (lines.is_text_with_pairs() && !kept_as_is()).then_some(())
            }
        };
        let mut out = Cow::Borrowed(bytes);
        if lines.is_some() {
            let mut shorter = Vec::with_capacity(bytes.len());
            for (at, &byte) in bytes.iter().enumerate() {
                if byte != b'\r' || bytes.get(at + 1) != Some(&b'\n') {
                    shorter.push(byte);
                }
            }
            out = Cow::Owned(shorter);
        }
        if self.ident
            && let Some(without) = rewrite_idents(&out, None)
        {
            out = Cow::Owned(without);
        }
        out
    }

    /// The bytes as they go into the work tree; `oid` is the id of the blob.
    #[must_use]
    pub fn to_work_tree<'a>(&self, bytes: &'a [u8], oid: &Oid) -> Cow<'a, [u8]> {
        let mut out = Cow::Borrowed(bytes);
        if self.ident
            && let Some(with) = rewrite_idents(bytes, Some(oid))
        {
            out = Cow::Owned(with);
        }
        let lines = Lines::of(&out);
        let lengthen = match self.text {
            Text::Always(LineEnding::Crlf) => lines.lone_feeds,
            Text::WhenItLooks(LineEnding::Crlf) => lines.lone_feeds && !lines.pairs && lines.looks_like_text(),
            Text::Binary | Text::Always(LineEnding::Lf) | Text::WhenItLooks(LineEnding::Lf) => false,
        };
        if lengthen {
            let mut longer = Vec::with_capacity(out.len() + out.len() / 16);
            for (at, &byte) in out.iter().enumerate() {
                if byte == b'\n' && (at == 0 || out[at - 1] != b'\r') {
                    longer.push(b'\r');
                }
                longer.push(byte);
            }
            out = Cow::Owned(longer);
        }
        out
    }
}

/// What the bytes of a file show about its lines.
#[derive(Default)]
#[expect(clippy::struct_excessive_bools, reason = "four independent sightings, not a state")]
struct Lines {
    pairs: bool,
    lone_feeds: bool,
    lone_returns: bool,
    zeros: bool,
    printable: usize,
    unprintable: usize,
}

impl Lines {
    fn of(bytes: &[u8]) -> Self {
        let mut lines = Self::default();
        let mut at = 0;
        while at < bytes.len() {
            match bytes[at] {
                b'\r' if bytes.get(at + 1) == Some(&b'\n') => {
                    lines.pairs = true;
                    at += 1;
                }
                b'\r' => lines.lone_returns = true,
                b'\n' => lines.lone_feeds = true,
                0 => {
                    lines.zeros = true;
                    lines.unprintable += 1;
                }
                8 | b'\t' | 27 | 12 => lines.printable += 1,
                1..32 | 127 => lines.unprintable += 1,
                _ => lines.printable += 1,
            }
            at += 1;
        }
        if bytes.last() == Some(&0x1a) {
            lines.unprintable -= 1;
        }
        lines
    }

    /// Git's guess: no lone carriage return, no NUL, at most one unprintable byte in 128.
    fn looks_like_text(&self) -> bool {
        !self.lone_returns && !self.zeros && self.printable >> 7 >= self.unprintable
    }

    fn is_text_with_pairs(&self) -> bool {
        self.pairs && self.looks_like_text()
    }
}

/// Writes every `$Id$` and `$Id: …$` anew: with `oid` in it, or bare; none when there is nothing to write.
fn rewrite_idents(bytes: &[u8], oid: Option<&Oid>) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    let mut rest = bytes;
    let mut found = false;
    while let Some(dollar) = rest.iter().position(|&byte| byte == b'$') {
        out.extend_from_slice(&rest[..=dollar]);
        rest = &rest[dollar + 1..];
        let Some(behind) = rest.strip_prefix(b"Id") else { continue };
        let length = match behind.first() {
            Some(b'$') => 1,
            Some(b':') => {
                let Some(end) = behind.iter().position(|&byte| byte == b'$') else { break };
                let inside = &behind[1..end];
                if inside.contains(&b'\n') {
                    continue;
                }
                // Another system's keyword has words behind its first one; git leaves it as it is on the way out.
                let words = inside.get(1..).unwrap_or_default();
                if oid.is_some() && words.iter().position(|&byte| byte == b' ').is_some_and(|space| space + 1 < words.len()) {
                    continue;
                }
                end + 1
            }
            _ => continue,
        };
        found = true;
        match oid {
            Some(oid) => {
                out.extend_from_slice(b"Id: ");
                out.extend_from_slice(oid.as_str().as_bytes());
                out.extend_from_slice(b" $");
            }
            None => out.extend_from_slice(b"Id$"),
        }
        rest = &behind[length..];
    }
    out.extend_from_slice(rest);
    found.then_some(out)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn words(text: Attribute<'static>) -> Words<'static> {
        Words { text_attribute: text, ..Words::default() }
    }

    fn oid() -> Oid {
        Oid::new("0123456789".repeat(4)).expect("forty digits")
    }

    #[test]
    fn without_configuration_and_attributes_nothing_is_done() {
        assert_eq!(Conversion::of(&Words::default()), Conversion::NONE);
        assert_eq!(&*Conversion::NONE.to_repository(b"a\r\n$Id: x$", || None), b"a\r\n$Id: x$");
    }

    #[test]
    fn autocrlf_converts_what_looks_like_text() {
        let on = Conversion::of(&Words { auto_crlf: AutoCrlf::On, ..Words::default() });
        assert_eq!(&*on.to_repository(b"a\r\nb\n", || None), b"a\nb\n");
        assert_eq!(&*on.to_repository(b"a\r\nb\n", || Some(b"x\r\n".to_vec())), b"a\r\nb\n");
        assert_eq!(&*on.to_repository(b"a\r\n\0", || None), b"a\r\n\0");
        assert_eq!(&*on.to_work_tree(b"a\nb\n", &oid()), b"a\r\nb\r\n");
        assert_eq!(&*on.to_work_tree(b"a\r\nb\n", &oid()), b"a\r\nb\n");
        let input = Conversion::of(&Words { auto_crlf: AutoCrlf::Input, ..Words::default() });
        assert_eq!(&*input.to_repository(b"a\r\n", || None), b"a\n");
        assert_eq!(&*input.to_work_tree(b"a\n", &oid()), b"a\n");
    }

    #[test]
    fn attributes_are_stronger_than_configuration() {
        let crlf = Conversion::of(&Words { eol_attribute: Attribute::Value(b"crlf"), ..Words::default() });
        assert_eq!(&*crlf.to_work_tree(b"a\nb\r\n\0", &oid()), b"a\r\nb\r\n\0");
        let binary = Conversion::of(&Words { auto_crlf: AutoCrlf::On, ..words(Attribute::Unset) });
        assert_eq!(binary, Conversion::NONE);
        let text = Conversion::of(&words(Attribute::Set));
        assert_eq!(&*text.to_repository(b"a\r\n\rb", || None), b"a\n\rb");
    }

    #[test]
    fn idents_are_filled_and_emptied() {
        let ident = Conversion::of(&Words { ident_attribute: Attribute::Set, ..Words::default() });
        let full = format!("x $Id: {} $ y $Id", oid());
        assert_eq!(&*ident.to_work_tree(b"x $Id$ y $Id", &oid()), full.as_bytes());
        assert_eq!(&*ident.to_repository(full.as_bytes(), || None), b"x $Id$ y $Id");
        assert_eq!(&*ident.to_work_tree(b"$Id: a b c $\n$Id: \n$", &oid()), b"$Id: a b c $\n$Id: \n$");
    }

    proptest! {
        #[test]
        fn what_goes_out_comes_back_the_same(bytes in "([a$Id: ]{0,9}(\\r\\n|\\n)?){0,6}", text in 0..4_usize, ident: bool) {
            let attribute = [Attribute::Unspecified, Attribute::Set, Attribute::Unset, Attribute::Value(b"auto")][text];
            let ident_attribute = if ident { Attribute::Set } else { Attribute::Unspecified };
            let conversion = Conversion::of(&Words { auto_crlf: AutoCrlf::On, ident_attribute, ..words(attribute) });
            let stored = conversion.to_repository(bytes.as_bytes(), || None).into_owned();
            let out = conversion.to_work_tree(&stored, &oid()).into_owned();
            prop_assert_eq!(conversion.to_repository(&out, || Some(stored.clone())).into_owned(), stored);
        }
    }
}
