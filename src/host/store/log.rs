//! One log: an append-only file of events with a chain of hashes, shared by any number of processes.
//!
//! Appending takes the lock for microseconds: cut what a dead writer left half-written, fold what others added, decide,
//! write all lines at once, release, sync, and only then say that it happened. Reading needs no lock. What the events
//! mean for files and refs is not known here.

use std::{
    collections::BTreeSet,
    fs::{self, File},
    io::Write as _,
    os::unix::fs::{FileExt as _, MetadataExt as _},
    path::{Path, PathBuf},
};

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::{
    host::{
        Doing, Error, Result, failpoint,
        store::{
            layout,
            lock::LogLock,
            write::{self, Durability},
        },
    },
    model::{
        actor::Actor,
        event::{Event, Fact},
        id::Digest,
        refusal::{Code, Refusal},
        state::State,
        time::Timestamp,
    },
};

/// After how many newly folded bytes at the least the fold is kept again; a large fold waits for half as many as it has
/// itself, so that keeping it costs about as much as folding does.
const KEEP_AFTER: u64 = 4 * 1024;

/// From how many bytes on lines are parsed side by side.
const PARALLEL: usize = 256 * 1024;

/// An opened log with the fold of what has been read of it.
#[derive(Debug)]
pub struct Log {
    directory: PathBuf,
    path: PathBuf,
    file: File,
    folded: Folded,
    /// From how many folded bytes on the fold is kept again.
    keep_at: u64,
    poisoned: bool,
    /// Whether the file could be opened for reading only.
    reading: bool,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Folded {
    /// The program version that kept it; another one folds anew.
    program: String,
    /// How many bytes of the log are folded.
    offset: u64,
    /// Where the last folded line starts.
    last_line: u64,
    state: State,
}

impl Folded {
    fn fresh(name: &str) -> Self {
        Self { program: program(), offset: 0, last_line: 0, state: State::empty(name) }
    }
}

/// Who appends, when, and how text is made fit to be kept.
pub struct Stamp<'a> {
    /// When.
    pub at: Timestamp,
    /// Who.
    pub actor: &'a Actor,
    /// Takes secrets out of a line.
    pub redact: &'a dyn Fn(&str) -> String,
}

impl Log {
    /// Begins a log in `directory`, which is made if need be. The first command appended gives it its meaning.
    ///
    /// # Errors
    /// Fails when the file cannot be made.
    pub fn begin(directory: &Path, name: &str) -> Result<Self> {
        write::make_directory(directory)?;
        let path = layout::log(directory);
        let file = File::options().create(true).read(true).append(true).open(&path).doing("begin the log", &path)?;
        write::sync_directory(directory)?;
        Self::over(directory, name, file)
    }

    /// Makes the log in `directory` with its first command in it: it is there whole or not at all.
    ///
    /// # Errors
    /// Refuses where there is a log already; fails when the file cannot be made.
    pub fn create(directory: &Path, name: &str, stamp: &Stamp<'_>, facts: &[Fact]) -> Result<Self> {
        let path = layout::log(directory);
        if path.exists() {
            return Err(Refusal::conflict(format!("there is a log `{}` already", path.display())).retryable().into());
        }
        write::make_directory(directory)?;
        let lines = lines(&State::empty(name), stamp, facts.to_vec())?;
        failpoint::reach("log.create").doing("begin the log", &path)?;
        write::replace(&path, &lines, Durability::Synced)?;
        failpoint::reach("log.created").doing("begin the log", &path)?;
        let file = File::options().read(true).append(true).open(&path).doing("open the log", &path)?;
        Self::over(directory, name, file)
    }

    /// Opens the log in `directory` and folds it; none where there is none.
    ///
    /// # Errors
    /// Fails when it cannot be read, and refuses a damaged one.
    pub fn open(directory: &Path, name: &str) -> Result<Option<Self>> {
        let path = layout::log(directory);
        match File::options().read(true).append(true).open(&path) {
            Ok(file) => Self::over(directory, name, file).map(Some),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => {
                let file = File::open(&path).doing("read the log", &path)?;
                let mut log = Self::over(directory, name, file)?;
                log.reading = true;
                Ok(Some(log))
            }
            Err(error) => Err(error).doing("open the log", &path),
        }
    }

    fn over(directory: &Path, name: &str, file: File) -> Result<Self> {
        let path = layout::log(directory);
        let (folded, size) = kept_fold(directory, &file).unwrap_or_else(|| (Folded::fresh(name), 0));
        let keep_at = keep_again(&folded, size);
        let mut log = Self { directory: directory.to_owned(), path, file, folded, keep_at, poisoned: false, reading: false };
        log.catch_up()?;
        Ok(log)
    }

    /// The fold of everything read so far.
    #[must_use]
    pub fn state(&self) -> &State {
        &self.folded.state
    }

    /// The directory that the log lies in.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Folds what others have appended since.
    ///
    /// # Errors
    /// Fails when the log cannot be read, and refuses a damaged one.
    pub fn catch_up(&mut self) -> Result<()> {
        fold_fresh(&mut self.folded, &self.file, &self.path)?;
        self.keep_fold();
        Ok(())
    }

    /// Decides on the newest state and appends what was decided, durably. `decide` may be called again when another
    /// process was faster; when it returns no facts, nothing is written. It must not touch anything.
    ///
    /// # Errors
    /// Hands on what `decide` refuses; fails when the log cannot be written. After a failed sync nobody knows whether it
    /// happened: the error says so, and this value takes no more writes.
    pub fn append<T>(&mut self, stamp: &Stamp<'_>, mut decide: impl FnMut(&State) -> Result<(Vec<Fact>, T)>) -> Result<T> {
        if self.poisoned {
            return Err(unknown_outcome(&self.path));
        }
        let (mut facts, mut value) = decide(&self.folded.state)?;
        if facts.is_empty() {
            return Ok(value);
        }
        if self.reading {
            // A log that may only be read is opened for reading; this says why it cannot be written.
            self.file = File::options().read(true).append(true).open(&self.path).doing("append to the log", &self.path)?;
            self.reading = false;
        }
        let decided_at = self.folded.offset;
        // What others write is folded while they hold the lock, so that little of it is left to do under our own.
        let (file, path, folded) = (&self.file, &self.path, &mut self.folded);
        let lock = LogLock::take_after(file, path, &mut || fold_fresh(folded, file, path).map(drop))?;
        // Whoever held the lock may have retired the log: then this handle is of a file that nobody reads any more.
        let here = self.file.metadata().doing("look at the log", &self.path)?;
        if !fs::metadata(&self.path).is_ok_and(|found| found.ino() == here.ino()) {
            return Err(Refusal::conflict(format!("the log `{}` was closed by another process", self.path.display()))
                .retryable()
                .into());
        }
        let torn = fold_fresh(&mut self.folded, &self.file, &self.path)?;
        if !torn.is_empty() {
            self.set_aside(&torn, self.folded.offset)?;
        }
        if self.folded.offset != decided_at {
            (facts, value) = decide(&self.folded.state)?;
            if facts.is_empty() {
                return Ok(value);
            }
        }
        self.folded.state.may_write()?;
        let lines = lines(&self.folded.state, stamp, facts)?;
        let start = self.folded.offset;
        if let Err(error) = write_whole(&self.file, &lines) {
            // Readers cut an unfinished tail themselves; taking it back here only spares them the work.
            self.file.set_len(start).ok();
            return Err(error).doing("append to the log", &self.path);
        }
        drop(lock);
        if let Err(error) = failpoint::reach("log.sync").and_then(|()| self.file.sync_data()) {
            self.poisoned = true;
            return Err(Error::at("make sure that the log is on the disk", &self.path, error)
                .hint("whether it happened is unknown; `autonomy verify` tells"));
        }
        failpoint::reach("log.synced").doing("append to the log", &self.path)?;
        self.fold(&lines)?;
        self.keep_fold();
        Ok(value)
    }

    /// Appends facts that need no decision.
    ///
    /// # Errors
    /// As [`Self::append`].
    pub fn append_facts(&mut self, stamp: &Stamp<'_>, facts: &[Fact]) -> Result<()> {
        self.append(stamp, |_| Ok((facts.to_vec(), ())))
    }

    /// Every event with its line and its hash, from the beginning.
    ///
    /// # Errors
    /// Fails when the log cannot be read, and refuses a damaged one.
    pub fn events(&self) -> Result<Vec<(Event, String)>> {
        self.lacking(&BTreeSet::new())
    }

    /// Every event whose hash is not in `held`, with its line; the others are not even parsed.
    ///
    /// # Errors
    /// As [`Self::events`].
    pub fn lacking(&self, held: &BTreeSet<Digest>) -> Result<Vec<(Event, String)>> {
        let text = Self::read_from(&self.file, &self.path, 0)?;
        let whole = whole_length(&text);
        let mut lines = split(&self.path, &text[..whole])?;
        if !held.is_empty() {
            lines.retain(|line| !held.contains(&Digest::of(line)));
        }
        parse(&self.path, &lines).map(|parsed| parsed.into_iter().map(|(event, _, line)| (event, line.to_owned())).collect())
    }

    /// Reads the whole log again, without the fold that is kept of it.
    ///
    /// # Errors
    /// Fails when the log cannot be read, and refuses one whose lines are no chain.
    pub fn check(directory: &Path, name: &str) -> Result<()> {
        let path = layout::log(directory);
        let text = fs::read(&path).doing("read the log", &path)?;
        let whole = &text[..whole_length(&text)];
        fold_into(&mut Folded::fresh(name), &path, whole)
    }

    /// Sets aside what a dead writer left at the end; gives how many bytes that were.
    ///
    /// # Errors
    /// Fails when the log cannot be locked, read or cut.
    pub fn cut(&self) -> Result<usize> {
        let _lock = LogLock::take(&self.file, &self.path)?;
        let fresh = self.unread()?;
        let whole = whole_length(&fresh);
        if whole < fresh.len() {
            self.set_aside(&fresh[whole..], self.folded.offset + whole as u64)?;
        }
        Ok(fresh.len() - whole)
    }

    /// How many bytes at the end belong to a command that was never written whole; none when there are no such bytes.
    ///
    /// # Errors
    /// Fails when the log cannot be read.
    pub fn torn(&self) -> Result<Option<usize>> {
        let unread = self.unread()?;
        let rest = unread.len() - whole_length(&unread);
        Ok((rest > 0).then_some(rest))
    }

    /// Makes everything read so far durable, whoever wrote it.
    ///
    /// # Errors
    /// Fails when the disk does.
    pub fn sync(&self) -> Result<()> {
        self.file.sync_data().doing("sync the log", &self.path)
    }

    fn unread(&self) -> Result<Vec<u8>> {
        Self::read_from(&self.file, &self.path, self.folded.offset)
    }

    /// What stands behind `offset`: one call of the system where there is nothing, and two where there is.
    fn read_from(file: &File, path: &Path, offset: u64) -> Result<Vec<u8>> {
        let length = file.metadata().doing("look at the log", path)?.len().saturating_sub(offset);
        let mut content = vec![0; usize::try_from(length).doing("read the log", path)?];
        let mut filled = 0;
        while filled < content.len() {
            match file.read_at(&mut content[filled..], offset + filled as u64) {
                // Somebody cut a torn tail in the meantime.
                Ok(0) => break,
                Ok(read) => filled += read,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error).doing("read the log", path),
            }
        }
        content.truncate(filled);
        Ok(content)
    }

    fn fold(&mut self, whole: &[u8]) -> Result<()> {
        fold_into(&mut self.folded, &self.path, whole)
    }

    fn set_aside(&self, torn: &[u8], length: u64) -> Result<()> {
        let directory = layout::torn(&self.directory);
        write::make_directory(&directory)?;
        let name = format!("{length}-{}", Digest::of(torn).head(8));
        write::replace(&directory.join(name), torn, Durability::Synced)?;
        self.file.set_len(length).doing("cut the torn end of the log", &self.path)
    }

    /// Keeping the fold is a convenience: where it cannot be written, the next command folds again.
    fn keep_fold(&mut self) {
        if self.folded.offset < self.keep_at {
            return;
        }
        if let Ok(text) = serde_json::to_vec(&self.folded) {
            write::replace(&layout::fold(&self.directory), &text, Durability::Rendered).ok();
            self.keep_at = keep_again(&self.folded, text.len());
        }
    }
}

/// From how many folded bytes on a fold that was kept in `size` bytes is kept again.
fn keep_again(folded: &Folded, size: usize) -> u64 {
    folded.offset + KEEP_AFTER.max(size as u64 / 2)
}

fn program() -> String {
    concat!(env!("CARGO_PKG_VERSION"), "/2").to_owned()
}

/// How many bytes the log in `directory` has.
#[must_use]
pub fn size(directory: &Path) -> u64 {
    fs::metadata(layout::log(directory)).map_or(0, |found| found.len())
}

/// The kept fold and its size in bytes, when it was kept by this program and the log still has the line that it ends with.
fn kept_fold(directory: &Path, file: &File) -> Option<(Folded, usize)> {
    let content = fs::read(layout::fold(directory)).ok()?;
    let folded: Folded = serde_json::from_slice(&content).ok()?;
    let length = usize::try_from(folded.offset.checked_sub(folded.last_line)?).ok()?;
    if folded.program != program() || length == 0 || length > 4 * crate::model::event::MAX_EVENT {
        return None;
    }
    let mut line = vec![0; length];
    file.read_exact_at(&mut line, folded.last_line).ok()?;
    let line = line.strip_suffix(b"\n")?;
    (Digest::of(line) == folded.state.tail).then_some((folded, content.len()))
}

/// The length of `text` up to and with its last line that closes a command.
fn whole_length(text: &[u8]) -> usize {
    let closing = b",\"end\":true}\n";
    let mut end = text.len();
    while let Some(at) = text[..end].iter().rposition(|byte| *byte == b'\n') {
        if text[..=at].ends_with(closing) {
            return at + 1;
        }
        end = at;
    }
    0
}

fn split<'a>(path: &Path, whole: &'a [u8]) -> Result<Vec<&'a str>> {
    let text = std::str::from_utf8(whole).map_err(|error| damaged(path, 0, &format!("it is not UTF-8: {error}")))?;
    Ok(text.lines().collect())
}

fn parse<'a>(path: &Path, lines: &[&'a str]) -> Result<Vec<(Event, Digest, &'a str)>> {
    let one = |(index, line): (usize, &&'a str)| {
        Event::parse(line)
            .map(|event| (event, Digest::of(line), *line))
            .map_err(|refusal| damaged(path, index + 1, &refusal.message))
    };
    if lines.iter().map(|line| line.len()).sum::<usize>() > PARALLEL {
        lines.par_iter().enumerate().map(one).collect()
    } else {
        lines.iter().enumerate().map(one).collect()
    }
}

fn damaged(path: &Path, line: usize, why: &str) -> Error {
    Error::Refused(
        Refusal::new(
            Code::Environment,
            format!("the log `{}` is damaged at line {line} after the last good part: {why}", path.display()),
        )
        .hint("`autonomy verify --repair` takes what is whole and keeps the rest; checkpoint and rollback work without this log"),
    )
}

fn unknown_outcome(path: &Path) -> Error {
    Error::Refused(
        Refusal::environment(format!(
            "the log `{}` could not be synced, and takes no more writes from this process",
            path.display()
        ))
        .hint("run the command again; `autonomy verify` tells what is there"),
    )
}

/// Folds the commands that were written since; hands back what comes after the last whole one.
fn fold_fresh(folded: &mut Folded, file: &File, path: &Path) -> Result<Vec<u8>> {
    let mut fresh = Log::read_from(file, path, folded.offset)?;
    let torn = fresh.split_off(whole_length(&fresh));
    fold_into(folded, path, &fresh)?;
    Ok(torn)
}

fn fold_into(folded: &mut Folded, path: &Path, whole: &[u8]) -> Result<()> {
    let lines = split(path, whole)?;
    for (event, hash, line) in parse(path, &lines)? {
        folded.state.apply(&event, hash)?;
        folded.last_line = folded.offset;
        folded.offset += line.len() as u64 + 1;
    }
    Ok(())
}

fn lines(state: &State, stamp: &Stamp<'_>, facts: Vec<Fact>) -> Result<Vec<u8>> {
    let (mut seq, mut prev, last) = (state.seq, state.tail.clone(), facts.len());
    let mut text = String::new();
    for (index, fact) in facts.into_iter().enumerate() {
        seq += 1;
        let event = Event { seq, at: stamp.at, actor: stamp.actor.clone(), fact, prev, end: index + 1 == last };
        let mut line = event.line()?;
        let redacted = (stamp.redact)(&line);
        if redacted != line {
            Event::parse(&redacted)?;
            line = redacted;
        }
        prev = Digest::of(&line);
        text.push_str(&line);
        text.push('\n');
    }
    Ok(text.into_bytes())
}

fn write_whole(mut file: &File, lines: &[u8]) -> std::io::Result<()> {
    failpoint::reach("log.before")?;
    if let Some(length) = failpoint::torn("log.write", lines.len())? {
        file.write_all(&lines[..length])?;
        file.sync_data()?;
        return Err(std::io::Error::other("the write was torn"));
    }
    file.write_all(lines)?;
    failpoint::reach("log.written")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stamp(actor: &Actor) -> Stamp<'_> {
        Stamp { at: Timestamp::from_millisecond(1_795_197_600_000).expect("in range"), actor, redact: &str::to_owned }
    }

    fn progress(text: &str) -> Fact {
        Fact::ProgressAdded { text: text.into(), task: None }
    }

    fn texts(log: &Log) -> Vec<String> {
        let facts = log.events().expect("whole").into_iter().map(|(event, _)| event.fact);
        facts.filter_map(|fact| if let Fact::ProgressAdded { text, .. } = fact { Some(text) } else { None }).collect()
    }

    #[test]
    fn what_was_appended_is_there_for_the_next_process_and_a_late_writer_decides_again() {
        let folder = tempfile::tempdir().expect("a temporary directory");
        let mut one = Log::begin(folder.path(), "clone").expect("new");
        let mut two = Log::open(folder.path(), "clone").expect("readable").expect("there");
        one.append_facts(&stamp(&Actor::Autonomy), &[progress("one"), progress("two")]).expect("written");
        let mut asked = Vec::new();
        two.append(&stamp(&Actor::Autonomy), |state| {
            asked.push(state.progress.count);
            Ok((vec![progress(&format!("after {}", state.progress.count))], ()))
        })
        .expect("written");
        assert_eq!(asked, [0, 2], "decided once on the old state, and again under the lock");
        let again = Log::open(folder.path(), "clone").expect("readable").expect("there");
        assert_eq!(texts(&again), ["one", "two", "after 2"]);
        assert_eq!(again.state(), two.state());
    }

    #[test]
    fn a_tail_torn_at_any_byte_is_cut_to_the_last_whole_command_and_set_aside() {
        let folder = tempfile::tempdir().expect("a temporary directory");
        let mut log = Log::begin(folder.path(), "clone").expect("new");
        log.append_facts(&stamp(&Actor::Autonomy), &[progress("kept")]).expect("written");
        let path = layout::log(folder.path());
        let good = fs::read(&path).expect("there");
        log.append_facts(&stamp(&Actor::Autonomy), &[progress("first of two"), progress("second of two")]).expect("written");
        let whole = fs::read(&path).expect("there");
        for length in good.len()..whole.len() {
            fs::write(&path, &whole[..length]).expect("cut");
            let mut log = Log::open(folder.path(), "clone").expect("readable").expect("there");
            assert_eq!(texts(&log), ["kept"], "cut at {length}");
            log.append_facts(&stamp(&Actor::Autonomy), &[progress("next")]).expect("written");
            assert_eq!(texts(&log), ["kept", "next"], "cut at {length}");
        }
        assert!(fs::read_dir(layout::torn(folder.path())).expect("set aside").count() > 0);
    }

    #[test]
    fn a_changed_line_in_the_middle_closes_the_log() {
        let folder = tempfile::tempdir().expect("a temporary directory");
        let mut log = Log::begin(folder.path(), "clone").expect("new");
        for text in ["one", "two", "three"] {
            log.append_facts(&stamp(&Actor::Autonomy), &[progress(text)]).expect("written");
        }
        let path = layout::log(folder.path());
        let text = fs::read_to_string(&path).expect("there").replace("\"two\"", "\"2\"");
        fs::write(&path, text).expect("changed");
        let error = Log::open(folder.path(), "clone").expect_err("the chain is broken");
        assert!(error.to_string().contains("does not continue event 2"), "{error}");
    }

    #[test]
    fn a_kept_fold_is_used_only_for_the_log_that_it_was_made_of() {
        let folder = tempfile::tempdir().expect("a temporary directory");
        let mut log = Log::begin(folder.path(), "clone").expect("new");
        let facts: Vec<Fact> = (0..300).map(|number| progress(&number.to_string())).collect();
        log.append_facts(&stamp(&Actor::Autonomy), &facts).expect("written");
        assert!(layout::fold(folder.path()).is_file(), "kept after many events");
        let other = tempfile::tempdir().expect("a temporary directory");
        let mut shorter = Log::begin(other.path(), "clone").expect("new");
        shorter.append_facts(&stamp(&Actor::Autonomy), &facts[..10]).expect("written");
        fs::copy(layout::fold(folder.path()), layout::fold(other.path())).expect("copied");
        let again = Log::open(other.path(), "clone").expect("readable").expect("there");
        assert_eq!(again.state().progress.count, 10);
    }
}
