//! Where an agent client and a hook meet: what the client hands over on stdin, the end of its transcript, and the file of
//! variables that it reads back.
//!
//! What is in them is not known here.

use std::{
    fs::{self, File},
    io::{IsTerminal, Read, Seek as _, SeekFrom, Write as _},
    os::fd::AsFd,
    path::{Path, PathBuf},
};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::{
    host::{Doing, Error, Result, clock::Clock, environment::Environment},
    model::refusal::Refusal,
};

/// The most bytes of a payload.
const MAX_PAYLOAD: usize = 64 << 20;

/// How long a client that holds stdin open may take to say something.
const PATIENCE: Timespec = Timespec { tv_sec: 2, tv_nsec: 0 };

/// What was handed over on the standard input: one JSON value, or nothing. A terminal is never waited for, nor is the end of a
/// stream whose last line ends a JSON value.
///
/// # Errors
/// Refuses more than 64 MiB; fails when it cannot be read.
pub fn payload(input: &mut (impl Read + AsFd + IsTerminal)) -> Result<Vec<u8>> {
    let mut payload = Vec::new();
    if input.is_terminal() {
        return Ok(payload);
    }
    let failed = |error: std::io::Error| Error::while_doing("read the payload", error);
    let mut piece = vec![0; 64 * 1024];
    loop {
        let mut waited = [PollFd::new(&*input, PollFlags::IN)];
        let ready = poll(&mut waited, Some(&PATIENCE)).map_err(|error| failed(error.into()))?;
        if ready == 0 {
            return Ok(payload);
        }
        let read = input.read(&mut piece).map_err(failed)?;
        payload.extend_from_slice(&piece[..read]);
        if payload.len() > MAX_PAYLOAD {
            return Err(Refusal::usage(format!("the payload has more than {MAX_PAYLOAD} bytes")).into());
        }
        let is_whole = || payload.ends_with(b"\n") && serde_json::from_slice::<serde::de::IgnoredAny>(&payload).is_ok();
        if read == 0 || is_whole() {
            return Ok(payload);
        }
    }
}

/// The last `length` bytes of the plain file at `path`, or all of it, and its length; none when there is no such file.
///
/// # Errors
/// Fails when it cannot be read.
pub fn end_of(path: &Path, length: u64) -> Result<Option<(Vec<u8>, u64)>> {
    // Anything but a plain file could keep whoever opens it waiting.
    let Some(all) = fs::metadata(path).ok().filter(fs::Metadata::is_file).map(|found| found.len()) else { return Ok(None) };
    let mut file = File::open(path).doing("read", path)?;
    file.seek(SeekFrom::Start(all.saturating_sub(length))).doing("read", path)?;
    let mut end = Vec::new();
    file.take(length).read_to_end(&mut end).doing("read", path)?;
    Ok(Some((end, all)))
}

/// The variable by which a hook is told to do nothing but say that it was called.
const PROBE: &str = "AUTONOMY_HOOK_PROBE";

/// A place where hooks say that they were called; it goes with this value.
#[derive(Debug)]
pub struct Probe {
    directory: PathBuf,
}

impl Probe {
    /// A new place among temporary files.
    ///
    /// # Errors
    /// Fails when there is no room for one.
    pub fn new(environment: &Environment, clock: &Clock) -> Result<Self> {
        let temporary = environment.variable("TMPDIR").map_or_else(|| PathBuf::from("/tmp"), PathBuf::from);
        let directory = temporary.join(format!("autonomy-probe-{}-{}", std::process::id(), clock.suffix(8)?));
        fs::create_dir(&directory).doing("make the directory", &directory)?;
        Ok(Self { directory })
    }

    /// An empty directory for whatever is started.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// What tells hooks of it: a variable and its value.
    #[must_use]
    pub fn variable(&self) -> (&'static str, String) {
        (PROBE, self.called().display().to_string())
    }

    /// The events at which hooks were called, in order.
    #[must_use]
    pub fn heard(&self) -> Vec<String> {
        fs::read_to_string(self.called()).unwrap_or_default().lines().map(str::to_owned).collect()
    }

    fn called(&self) -> PathBuf {
        self.directory.join("called")
    }
}

impl Drop for Probe {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.directory).ok();
    }
}

/// Says that a hook was called at `event`, where it was asked to say no more; tells whether it was.
#[must_use]
pub fn is_probed(environment: &Environment, event: &str) -> bool {
    let Some(path) = environment.variable(PROBE).map(Path::new) else { return false };
    let file = File::options().create(true).append(true).open(path);
    // A probe that cannot be told hears nothing, which is what it is for.
    file.and_then(|mut file| writeln!(file, "{event}")).ok();
    true
}

/// Adds `line` to the file of variables at `path`, unless it is there.
///
/// # Errors
/// Fails when the file cannot be read or written.
pub fn add_line(path: &Path, line: &str) -> Result<()> {
    let there = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
        Err(error) => return Err(error).doing("read", path),
    };
    if there.lines().any(|known| known == line) {
        return Ok(());
    }
    let gap = if there.is_empty() || there.ends_with('\n') { "" } else { "\n" };
    let file = File::options().create(true).append(true).open(path);
    file.and_then(|mut file| file.write_all(format!("{gap}{line}\n").as_bytes())).doing("add to", path)
}
