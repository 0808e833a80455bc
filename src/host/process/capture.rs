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
mod tests;
