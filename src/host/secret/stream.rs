//! Redaction of output that comes in pieces: what may still become a secret is held back, for a bounded length.

use crate::host::secret::{Find, Secrets, form, hide};

/// What is held back at most, in bytes; a line without an end is let go from there on.
const HELD: usize = 64 * 1024;

/// How much of a line without an end is kept, so that a token that is still coming is not cut.
const TAIL: usize = 8 * 1024;

/// One output that is being redacted.
#[derive(Debug)]
pub struct Stream<'a> {
    secrets: &'a Secrets,
    held: Vec<u8>,
    swallowing: Swallowing,
    /// The length of the longest value that spans lines.
    over_lines: usize,
}

/// What is left out because its beginning was too long to be held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Swallowing {
    Nothing,
    /// The rest of something without spaces.
    Word,
    /// The rest of a private key.
    Key,
}

impl<'a> Stream<'a> {
    pub(super) fn new(secrets: &'a Secrets) -> Self {
        let spanning = secrets.values.iter().filter(|(_, value)| value.contains('\n'));
        let over_lines = spanning.map(|(_, value)| value.len()).max().unwrap_or(0);
        Self { secrets, held: Vec::new(), swallowing: Swallowing::Nothing, over_lines }
    }

    /// Takes the next piece and returns what can be written now.
    #[must_use]
    pub fn push(&mut self, piece: &[u8]) -> Vec<u8> {
        self.held.extend_from_slice(piece);
        self.swallow();
        let limit = self.limit();
        self.let_go(limit)
    }

    /// The output has ended: returns what was held back.
    #[must_use]
    pub fn finish(mut self) -> Vec<u8> {
        self.swallow();
        let all = self.held.len();
        let finds = self.secrets.finds(&self.held);
        let mut out = Vec::with_capacity(all);
        hide(&self.held, &finds, &mut out);
        out
    }

    fn swallow(&mut self) {
        let end = match self.swallowing {
            Swallowing::Nothing => return,
            Swallowing::Word => self.held.iter().position(u8::is_ascii_whitespace),
            Swallowing::Key => {
                let close = self.held.windows(9).position(|words| words == b"-----END ");
                close.and_then(|at| self.held[at..].iter().position(|&byte| byte == b'\n').map(|length| at + length))
            }
        };
        if let Some(end) = end {
            self.held.drain(..end);
            self.swallowing = Swallowing::Nothing;
        } else {
            // The words that end a key may come in two pieces.
            let kept = if self.swallowing == Swallowing::Key { self.held.len().min(200) } else { 0 };
            self.held.drain(..self.held.len() - kept);
        }
    }

    /// Up to where what is held is complete.
    fn limit(&self) -> usize {
        if self.swallowing != Swallowing::Nothing {
            return 0;
        }
        let length = self.held.len();
        let line = |upto: usize| self.held[..upto].iter().rposition(|&byte| byte == b'\n').map_or(0, |at| at + 1);
        match line(length.saturating_sub(self.over_lines)) {
            0 if length > HELD => length - TAIL,
            limit => limit,
        }
    }

    fn let_go(&mut self, limit: usize) -> Vec<u8> {
        if limit == 0 {
            return Vec::new();
        }
        let mut finds: Vec<Find<'_>> = self.secrets.finds(&self.held);
        let mut limit = limit;
        if let Some(open) = self.open_key(limit) {
            limit = limit.min(open);
        }
        if let Some(across) = finds.iter().find(|find| find.range.start < limit && find.range.end > limit) {
            limit = across.range.start;
        }
        let mut out = Vec::new();
        if limit == 0 && self.held.len() > HELD {
            // It begins here and is longer than what is held: the mark is written now and its rest left out.
            let is_key = self.open_key(self.held.len()) == Some(0);
            finds.truncate(1);
            if is_key {
                finds = vec![Find { kind: "private-key", range: 0..self.held.len() }];
            }
            hide(&self.held, &finds, &mut out);
            self.swallowing = if is_key { Swallowing::Key } else { Swallowing::Word };
            self.held.clear();
            return out;
        }
        finds.retain(|find| find.range.end <= limit);
        hide(&self.held[..limit], &finds, &mut out);
        self.held.drain(..limit);
        out
    }

    /// Where a private key begins before `limit` that may go on after what is held.
    fn open_key(&self, limit: usize) -> Option<usize> {
        let mut from = 0;
        while let Some(found) = self.held[from..limit].windows(11).position(|words| words == b"-----BEGIN ") {
            let at = from + found;
            if form::private_key(&self.held, at).is_some_and(|(range, _)| range.end == self.held.len()) {
                return Some(at);
            }
            from = at + 11;
        }
        None
    }
}
