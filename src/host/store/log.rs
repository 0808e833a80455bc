//! One log: an append-only file of events with a chain of hashes, shared by any number of processes.
//!
//! Appending takes the lock for microseconds: cut what a dead writer left half-written, fold what others added, decide,
//! write all lines at once, release, sync, and only then say that it happened. Facts that nothing is decided on need no
//! fold: the log's last line is all that they continue. Reading needs no lock. What the events mean for files and refs is
//! not known here.

use std::{
    collections::BTreeSet,
    fs::{self, File},
    io::Write as _,
    os::unix::fs::{FileExt as _, MetadataExt as _},
    path::{Path, PathBuf},
};

use rayon::prelude::*;
use rustix::fs::Advice;
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

/// How many bytes of a log are asked for at once.
const LITTLE: usize = 8 * 1024;

/// An opened log with the fold of what has been read of it.
#[derive(Debug)]
pub struct Log {
    directory: PathBuf,
    path: PathBuf,
    file: File,
    folded: Folded,
    tip: Tip,
    /// From how many folded bytes on the fold is kept again.
    keep_at: u64,
    poisoned: bool,
    /// Whether the file could be opened for reading only.
    reading: bool,
}

/// Where the log ends, as far as it is known; all that a line has to know that continues it.
#[derive(Clone, Debug)]
struct Tip {
    /// How many bytes of the log come before.
    offset: u64,
    /// The number of the last event before.
    seq: u64,
    /// The hash of its line.
    tail: Digest,
    /// Whether nothing may follow it.
    ended: bool,
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

    fn tip(&self) -> Tip {
        Tip { offset: self.offset, seq: self.state.seq, tail: self.state.tail.clone(), ended: self.state.is_ended() }
    }
}

impl Tip {
    /// Goes on to the last line of the whole commands `fresh`, the only one of them that is read.
    fn pass(&mut self, fresh: &[u8], path: &Path) -> Result<()> {
        let Some(lines) = fresh.strip_suffix(b"\n") else { return Ok(()) };
        let start = lines.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let (event, tail, _) = parse(path, &split(path, &lines[start..])?)?.remove(0);
        let ended = matches!(event.fact, Fact::SessionEnded { .. });
        *self = Self { offset: self.offset + fresh.len() as u64, seq: event.seq, tail, ended };
        Ok(())
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
        let start = State::empty(name);
        let lines = lines(start.seq, start.tail, stamp, facts.to_vec())?;
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
        let (directory, tip) = (directory.to_owned(), folded.tip());
        let mut log = Self { directory, path, file, folded, tip, keep_at, poisoned: false, reading: false };
        log.catch_up()?;
        Ok(log)
    }

    /// The fold of everything read so far.
    #[must_use]
    pub fn state(&self) -> &State {
        &self.folded.state
    }

    /// The same, for whoever needs no more than that.
    #[must_use]
    pub fn into_state(self) -> State {
        self.folded.state
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
    pub fn append<T>(&mut self, stamp: &Stamp<'_>, decide: impl FnMut(&State) -> Result<(Vec<Fact>, T)>) -> Result<T> {
        self.append_while(stamp, decide, |_| None::<fn(&State)>)
    }

    /// The same; what `meanwhile` gives for the value is done with the new state while the lines go to the disk. It must
    /// not touch anything either, for it is not sure yet that it happened.
    ///
    /// # Errors
    /// As [`Self::append`].
    pub fn append_while<T, W: FnOnce(&State)>(
        &mut self,
        stamp: &Stamp<'_>,
        mut decide: impl FnMut(&State) -> Result<(Vec<Fact>, T)>,
        meanwhile: impl FnOnce(&T) -> Option<W>,
    ) -> Result<T> {
        let (mut facts, mut value) = decide(&self.folded.state)?;
        if facts.is_empty() {
            return Ok(value);
        }
        self.make_writable()?;
        let decided_at = self.folded.offset;
        // What others write is folded while they hold the lock, so that little of it is left to do under our own.
        let (file, path, folded) = (&self.file, &self.path, &mut self.folded);
        let lock = LogLock::take_after(file, path, &mut || fold_fresh(folded, file, path).map(drop))?;
        self.is_in_place()?;
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
        self.tip = self.folded.tip();
        let lines = self.write(stamp, facts)?;
        drop(lock);
        match meanwhile(&value) {
            None => {
                let synced = sync(&self.file);
                self.is_durable(synced)?;
                fold_into(&mut self.folded, &self.path, &lines)?;
            }
            Some(work) => {
                begin_writing(&self.file, self.tip.offset);
                fold_into(&mut self.folded, &self.path, &lines)?;
                work(&self.folded.state);
                let synced = sync(&self.file);
                self.is_durable(synced)?;
            }
        }
        self.tip = self.folded.tip();
        self.keep_fold();
        Ok(value)
    }

    /// Appends facts that need no decision, durably. The fold is not brought up to them: [`Self::catch_up`] does that.
    ///
    /// # Errors
    /// As [`Self::append`].
    pub fn append_facts(&mut self, stamp: &Stamp<'_>, facts: &[Fact]) -> Result<()> {
        if facts.is_empty() {
            return Ok(());
        }
        self.make_writable()?;
        self.folded.state.may_write()?;
        let lock = LogLock::take(&self.file, &self.path)?;
        self.is_in_place()?;
        if self.tip.offset < self.folded.offset {
            self.tip = self.folded.tip();
        }
        let mut fresh = Self::read_from(&self.file, &self.path, self.tip.offset)?;
        let torn = fresh.split_off(whole_length(&fresh));
        self.tip.pass(&fresh, &self.path)?;
        if !torn.is_empty() {
            self.set_aside(&torn, self.tip.offset)?;
        }
        if self.tip.ended {
            fold_fresh(&mut self.folded, &self.file, &self.path)?;
            self.folded.state.may_write()?;
        }
        let lines = self.write(stamp, facts.to_vec())?;
        drop(lock);
        let synced = sync(&self.file);
        self.is_durable(synced)?;
        self.tip.pass(&lines, &self.path)
    }

    /// Opens a log for writing that may only be read, which says why it cannot be written.
    fn make_writable(&mut self) -> Result<()> {
        if self.poisoned {
            return Err(unknown_outcome(&self.path));
        }
        if self.reading {
            self.file = File::options().read(true).append(true).open(&self.path).doing("append to the log", &self.path)?;
            self.reading = false;
        }
        Ok(())
    }

    /// Whoever held the lock may have retired the log: then this handle is of a file that nobody reads any more.
    fn is_in_place(&self) -> Result<()> {
        let here = self.file.metadata().doing("look at the log", &self.path)?;
        if fs::metadata(&self.path).is_ok_and(|found| found.ino() == here.ino()) {
            return Ok(());
        }
        Err(Refusal::conflict(format!("the log `{}` was closed by another process", self.path.display())).retryable().into())
    }

    /// Writes the lines that continue the tip, whole or not at all; the lock is held.
    fn write(&self, stamp: &Stamp<'_>, facts: Vec<Fact>) -> Result<Vec<u8>> {
        let lines = lines(self.tip.seq, self.tip.tail.clone(), stamp, facts)?;
        if let Err(error) = write_whole(&self.file, &lines) {
            // Readers cut an unfinished tail themselves; taking it back here only spares them the work.
            self.file.set_len(self.tip.offset).ok();
            return Err(error).doing("append to the log", &self.path);
        }
        Ok(lines)
    }

    /// Whether what was written is on the disk; after a failure nobody knows, and nothing more is written.
    fn is_durable(&mut self, synced: std::io::Result<()>) -> Result<()> {
        if let Err(error) = synced {
            self.poisoned = true;
            return Err(Error::at("make sure that the log is on the disk", &self.path, error)
                .hint("whether it happened is unknown; `autonomy verify` tells"));
        }
        failpoint::reach("log.synced").doing("append to the log", &self.path)
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

    /// What stands behind `offset`, in one call of the system where that is little.
    fn read_from(file: &File, path: &Path, offset: u64) -> Result<Vec<u8>> {
        let (mut content, mut filled) = (vec![0; LITTLE], 0);
        loop {
            match file.read_at(&mut content[filled..], offset + filled as u64) {
                Ok(read) => filled += read,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error).doing("read the log", path),
            }
            if filled < content.len() {
                content.truncate(filled);
                return Ok(content);
            }
            let length = file.metadata().doing("look at the log", path)?.len().saturating_sub(offset);
            content.resize((2 * filled).max(usize::try_from(length).doing("read the log", path)? + 1), 0);
        }
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
    concat!(env!("CARGO_PKG_VERSION"), "/3").to_owned()
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

/// The lines of one command, which continue the event `seq` with the hash `prev`.
fn lines(mut seq: u64, mut prev: Digest, stamp: &Stamp<'_>, facts: Vec<Fact>) -> Result<Vec<u8>> {
    let last = facts.len();
    let mut text = String::new();
    for (index, fact) in facts.into_iter().enumerate() {
        seq += 1;
        let event = Event { seq, at: stamp.at, actor: stamp.actor.clone(), fact, prev, end: index + 1 == last };
        let line = Event::redacted(&event.line()?, stamp.redact)?;
        prev = Digest::of(&line);
        text.push_str(&line);
        text.push('\n');
    }
    Ok(text.into_bytes())
}

/// Has the disk begin with what stands behind `offset`, without waiting for it: Linux writes what it is told it will not have to
/// keep. A thread that syncs meanwhile costs more than such a sync takes.
fn begin_writing(file: &File, offset: u64) {
    // Nothing depends on it.
    rustix::fs::fadvise(file, offset, None, Advice::DontNeed).ok();
}

/// Puts what was written on the disk; the lock is not held any more.
fn sync(file: &File) -> std::io::Result<()> {
    failpoint::reach("log.sync")?;
    file.sync_data()
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
    use crate::{
        host::secret::Secrets,
        model::{
            event::{FORMAT, SessionOutcome},
            id::{Oid, SessionId},
            intent::Intent,
            time::Lapse,
        },
    };

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
    fn a_digest_under_a_name_like_a_secret_s_stays_and_a_secret_does_not() {
        let folder = tempfile::tempdir().expect("a temporary directory");
        let mut log = Log::begin(folder.path(), "clone").expect("new");
        let secrets = Secrets::given([("SHOP_TOKEN", "zq7-made-up-value")]);
        let redact = |line: &str| secrets.redact(line).into_owned();
        let actor = Actor::Autonomy;
        let stamp = Stamp { redact: &redact, ..stamp(&actor) };
        let oid = || Oid::new("3f".repeat(20)).expect("an id");
        let records = ["npwd", "api_token", "secret"].map(|name| (format!(".claude/tasks/{name}"), Digest::of(name)));
        let intent = Intent::Commit {
            branch: "refs/heads/zq7-made-up-value".into(),
            parent: None,
            tree: oid(),
            message: Digest::of("m"),
            commit: oid(),
            records: records.clone().into_iter().collect(),
            replaces: std::collections::BTreeMap::new(),
        };
        let formed = Fact::IntentFormed { intent };
        let line = Event { seq: 1, at: stamp.at, actor: actor.clone(), fact: formed.clone(), prev: Digest::of("p"), end: true };
        let line = line.line().expect("small");
        assert!(Event::parse(&redact(&line)).is_err(), "without more than that it is no event: {}", redact(&line));
        log.append_facts(&stamp, &[formed]).expect("written");
        let there = log.events().expect("whole").pop().expect("one").0.fact;
        let Fact::IntentFormed { intent: Intent::Commit { branch, records: read, .. } } = there else { panic!("{there:?}") };
        assert_eq!(read, records.into_iter().collect());
        assert!(!branch.contains("zq7-made-up-value"), "{branch}");
    }

    #[test]
    fn facts_follow_whatever_others_wrote_and_the_fold_is_brought_up_when_it_is_asked_for() {
        let folder = tempfile::tempdir().expect("a temporary directory");
        let mut one = Log::begin(folder.path(), "clone").expect("new");
        let mut two = Log::open(folder.path(), "clone").expect("readable").expect("there");
        for round in 0..3 {
            one.append_facts(&stamp(&Actor::Autonomy), &[progress(&format!("{round} of one"))]).expect("written");
            two.append_facts(&stamp(&Actor::Autonomy), &[progress(&format!("{round} of two")), progress("and")])
                .expect("written");
        }
        assert_eq!(one.state().progress.count, 0, "nothing was folded");
        one.append(&stamp(&Actor::Autonomy), |state| Ok((vec![progress(&format!("after {}", state.progress.count))], ())))
            .expect("written");
        two.append_facts(&stamp(&Actor::Autonomy), &[progress("last")]).expect("written");
        two.catch_up().expect("readable");
        let again = Log::open(folder.path(), "clone").expect("readable").expect("there");
        assert_eq!(texts(&again)[9..], ["after 9", "last"]);
        assert_eq!(again.state(), two.state());
        assert_eq!(again.state().progress.count, 11);
    }

    #[test]
    fn no_fact_follows_the_end_of_a_session() {
        let folder = tempfile::tempdir().expect("a temporary directory");
        let session = SessionId::new("s").expect("plain");
        let started = Fact::SessionStarted {
            format: FORMAT,
            session,
            title: None,
            goal: None,
            constraints: Vec::new(),
            max: Lapse::hours(1),
            branch: None,
            head: None,
            person: None,
            continues: None,
            parent: None,
        };
        let mut one = Log::create(folder.path(), "s", &stamp(&Actor::Autonomy), &[started]).expect("new");
        let mut two = Log::open(folder.path(), "s").expect("readable").expect("there");
        let ended = Fact::SessionEnded { outcome: SessionOutcome::Completed, summary: None };
        two.append_facts(&stamp(&Actor::Autonomy), &[ended]).expect("written");
        let refused = one.append_facts(&stamp(&Actor::Autonomy), &[progress("late")]).expect_err("it is over");
        assert!(refused.to_string().contains("has ended"), "{refused}");
        assert_eq!(two.events().expect("whole").len(), 2);
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
        log.catch_up().expect("readable");
        assert!(layout::fold(folder.path()).is_file(), "kept after many events");
        let other = tempfile::tempdir().expect("a temporary directory");
        let mut shorter = Log::begin(other.path(), "clone").expect("new");
        shorter.append_facts(&stamp(&Actor::Autonomy), &facts[..10]).expect("written");
        fs::copy(layout::fold(folder.path()), layout::fold(other.path())).expect("copied");
        let again = Log::open(other.path(), "clone").expect("readable").expect("there");
        assert_eq!(again.state().progress.count, 10);
    }
}
