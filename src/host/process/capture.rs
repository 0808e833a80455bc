//! What a program prints: cut into lines, kept within a cap. Memory stays bounded whatever is printed.

use std::{
    borrow::Cow,
    collections::VecDeque,
    fs::{self, File},
    io::Write,
    path::{Path, PathBuf},
};

use crate::host::{Doing, Result};

/// The longest line that is handed on, in bytes; the rest of a longer one is dropped and counted.
pub const MAX_LINE: usize = 4 * 1024 * 1024;

/// Bytes in, lines out.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    pending: Vec<u8>,
    overlong: bool,
    /// Bytes of overlong lines that were dropped.
    pub(crate) dropped: u64,
}

impl Lines {
    /// Hands every line that `bytes` completes to `each`, without its newline.
    pub(crate) fn push(&mut self, mut bytes: &[u8], each: &mut dyn FnMut(&str) -> Result<()>) -> Result<()> {
        while let Some(at) = bytes.iter().position(|&byte| byte == b'\n') {
            let (line, rest) = bytes.split_at(at);
            bytes = &rest[1..];
            self.take(line);
            self.emit(each)?;
        }
        self.take(bytes);
        Ok(())
    }

    /// Hands on what came after the last newline.
    pub(crate) fn finish(&mut self, each: &mut dyn FnMut(&str) -> Result<()>) -> Result<()> {
        if self.pending.is_empty() { Ok(()) } else { self.emit(each) }
    }

    fn take(&mut self, bytes: &[u8]) {
        let room = MAX_LINE - self.pending.len();
        let taken = bytes.len().min(room);
        self.pending.extend_from_slice(&bytes[..taken]);
        self.dropped += (bytes.len() - taken) as u64;
        self.overlong |= taken < bytes.len();
    }

    fn emit(&mut self, each: &mut dyn FnMut(&str) -> Result<()>) -> Result<()> {
        if self.pending.last() == Some(&b'\r') {
            self.pending.pop();
        }
        let told = each(&String::from_utf8_lossy(&self.pending));
        self.pending.clear();
        if self.overlong {
            self.pending.shrink_to(64 * 1024);
            self.overlong = false;
        }
        told
    }
}

/// What was kept of one stream: its beginning and its end, redacted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Captured {
    head: String,
    tail: String,
    /// How many bytes between head and tail, and at the end of overlong lines, were not kept.
    pub dropped: u64,
    /// The file that holds the same text, when one was asked for.
    pub path: Option<PathBuf>,
}

impl Captured {
    /// The text; where something was left out, a line says how much.
    #[must_use]
    pub fn text(&self) -> Cow<'_, str> {
        match (self.tail.is_empty(), self.dropped) {
            (true, _) => Cow::Borrowed(&self.head),
            (false, 0) => Cow::Owned(format!("{}{}", self.head, self.tail)),
            (false, dropped) => Cow::Owned(format!("{}{}{}", self.head, gap(dropped), self.tail)),
        }
    }

    /// The last line that is not blank.
    #[must_use]
    pub fn last_line(&self) -> Option<&str> {
        let last = |text: &'_ str| text.trim_end().rsplit('\n').next().map(str::len).filter(|&length| length > 0);
        let whole = if self.tail.trim().is_empty() { &self.head } else { &self.tail };
        last(whole).map(|length| &whole.trim_end()[whole.trim_end().len() - length..])
    }
}

fn gap(dropped: u64) -> String {
    format!("[… {dropped} bytes left out …]\n")
}

/// Keeps the first and the last lines of a stream, half of the cap each.
pub(crate) struct Keeper {
    half: usize,
    head: String,
    head_full: bool,
    tail: VecDeque<String>,
    tail_bytes: usize,
    dropped: u64,
    file: Option<(File, PathBuf)>,
}

impl Keeper {
    /// Keeps at most `cap` bytes, in `path` too when there is one.
    pub(crate) fn new(cap: usize, path: Option<PathBuf>) -> Result<Self> {
        let file = match path {
            Some(path) => {
                fs::create_dir_all(path.parent().unwrap_or(Path::new(""))).doing("make the directory of", &path)?;
                Some((File::create(&path).doing("write", &path)?, path))
            }
            None => None,
        };
        Ok(Self { half: cap / 2, head: String::new(), head_full: false, tail: VecDeque::new(), tail_bytes: 0, dropped: 0, file })
    }

    /// Keeps one line.
    pub(crate) fn keep(&mut self, line: &str) -> Result<()> {
        if !self.head_full && self.head.len() + line.len() < self.half {
            self.head.push_str(line);
            self.head.push('\n');
            if let Some((file, path)) = &mut self.file {
                file.write_all(line.as_bytes()).and_then(|()| file.write_all(b"\n")).doing("write", path)?;
            }
            return Ok(());
        }
        self.head_full = true;
        let kept = cut_to_end(line, self.half.saturating_sub(1));
        self.dropped += (line.len() - kept.len()) as u64;
        self.tail_bytes += kept.len() + 1;
        self.tail.push_back(format!("{kept}\n"));
        while self.tail_bytes > self.half
            && let Some(oldest) = self.tail.pop_front()
        {
            self.tail_bytes -= oldest.len();
            self.dropped += oldest.len() as u64;
        }
        Ok(())
    }

    /// Ends the file and hands over what was kept; `dropped` more bytes were lost before they came here.
    pub(crate) fn finish(mut self, dropped: u64) -> Result<Captured> {
        let dropped = self.dropped + dropped;
        let tail: String = self.tail.drain(..).collect();
        if let Some((file, path)) = &mut self.file {
            let between = if dropped > 0 { gap(dropped) } else { String::new() };
            file.write_all(between.as_bytes()).and_then(|()| file.write_all(tail.as_bytes())).doing("write", path)?;
        }
        Ok(Captured { head: self.head, tail, dropped, path: self.file.map(|(_, path)| path) })
    }
}

fn cut_to_end(line: &str, length: usize) -> &str {
    let mut from = line.len().saturating_sub(length);
    while !line.is_char_boundary(from) {
        from += 1;
    }
    &line[from..]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines_of(pieces: &[&[u8]]) -> (Vec<String>, u64) {
        let (mut lines, mut out) = (Lines::default(), Vec::new());
        let mut each = |line: &str| {
            out.push(line.to_owned());
            Ok(())
        };
        for piece in pieces {
            lines.push(piece, &mut each).expect("keeps");
        }
        lines.finish(&mut each).expect("keeps");
        (out, lines.dropped)
    }

    #[test]
    fn lines_are_the_same_however_the_bytes_arrive() {
        let (whole, _) = lines_of(&[b"one\r\ntwo\n\nlast"]);
        assert_eq!(whole, ["one", "two", "", "last"]);
        assert_eq!(lines_of(&[b"on", b"e\r", b"\ntwo", b"\n", b"\nlast"]).0, whole);
        assert_eq!(lines_of(&[b"caf\xc3", b"\xa9\n\xff\xfe\n"]).0, ["café", "\u{fffd}\u{fffd}"]);
    }

    #[test]
    fn a_line_without_end_costs_no_more_memory_than_the_cap() {
        let block = vec![b'x'; 1 << 20];
        let pieces: Vec<&[u8]> = std::iter::repeat_n(block.as_slice(), 6).chain([b"\nnext\n".as_slice()]).collect();
        let (lines, dropped) = lines_of(&pieces);
        assert_eq!(lines.iter().map(String::len).collect::<Vec<_>>(), [MAX_LINE, 4]);
        assert_eq!(dropped, 2 << 20);
    }

    #[test]
    fn the_beginning_and_the_end_are_kept_and_the_gap_is_counted() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("deep/out");
        let mut keeper = Keeper::new(40, Some(path.clone())).expect("opens");
        for number in 0..100 {
            keeper.keep(&format!("line {number}")).expect("keeps");
        }
        let captured = keeper.finish(0).expect("ends");
        insta::assert_snapshot!(captured.text(), @"
        line 0
        line 1
        [… 760 bytes left out …]
        line 98
        line 99
        ");
        assert_eq!(captured.last_line(), Some("line 99"));
        assert_eq!(fs::read_to_string(path).expect("is there"), captured.text());
    }

    #[test]
    fn little_output_is_kept_whole() {
        let mut keeper = Keeper::new(1000, None).expect("opens");
        keeper.keep("only").expect("keeps");
        let captured = keeper.finish(0).expect("ends");
        assert_eq!((captured.text().as_ref(), captured.last_line(), captured.dropped), ("only\n", Some("only"), 0));
    }
}
