//! The two locks, as guard types: the log's, and the clone's. Whoever needs both takes the clone's first.
//!
//! A lock is the kernel's (`flock`), so it goes with its holder however that dies. Waiting is bounded.

use std::{
    fs::{File, TryLockError},
    os::unix::fs::MetadataExt as _,
    path::Path,
    time::{Duration, SystemTime},
};

use crate::{
    host::{
        Doing, Result,
        clock::Clock,
        store::{layout, write},
    },
    model::{refusal::Refusal, time::Lapse},
};

/// How long a lock is waited for.
const PATIENCE: Duration = Duration::from_secs(10);

/// How often the lock of a run is asked for before it counts as held.
const GLANCES: u32 = 10;

/// How often the kernel's list is read in search of a holder.
const LOOKS: usize = 5;

/// Holds the clone's lock: publishing, refs, whatever spans sessions.
#[derive(Debug)]
pub struct CloneLock {
    _file: File,
}

impl CloneLock {
    /// Waits for the clone's lock, making its file at first use.
    ///
    /// # Errors
    /// Refuses when another process keeps it for longer than ten seconds, naming that process.
    pub fn take(path: &Path) -> Result<Self> {
        if let Some(parent) = path.parent() {
            write::make_directory(parent)?;
        }
        let file = File::options().create(true).truncate(false).read(true).write(true).open(path).doing("open the lock", path)?;
        wait(&file, path, "the clone's lock", &mut || Ok(()), held_since_taken)?;
        stamp(&file);
        Ok(Self { _file: file })
    }
}

/// Holds the right to be the one run of a session; a log goes on being written by everybody.
#[derive(Debug)]
pub struct RunLock {
    _file: File,
}

impl RunLock {
    /// Takes the lock of the session in `directory`, at once or not at all.
    ///
    /// # Errors
    /// Refuses when another run holds it, naming its process.
    pub fn take(directory: &Path) -> Result<Self> {
        let path = layout::run_lock(directory);
        let file =
            File::options().create(true).truncate(false).read(true).write(true).open(&path).doing("open the lock", &path)?;
        let mut taken = file.try_lock();
        // Who only looks whether a run goes on holds it for a moment.
        for _ in 0..GLANCES {
            if !matches!(taken, Err(TryLockError::WouldBlock)) {
                break;
            }
            Clock::sleep(Duration::from_millis(2));
            taken = file.try_lock();
        }
        match taken {
            Ok(()) => {
                stamp(&file);
                Ok(Self { _file: file })
            }
            Err(TryLockError::WouldBlock) => {
                let holder = holder(&file, &held_since_taken(&file));
                Err(Refusal::conflict(format!("a run is going on in this session: {holder}"))
                    .hint("`autonomy stop` ends it; its work is kept")
                    .into())
            }
            Err(TryLockError::Error(error)) => Err(error).doing("lock", &path),
        }
    }
}

/// Whether a run is going on in the session in `directory`.
#[must_use]
pub fn is_running(directory: &Path) -> bool {
    let Ok(file) = File::options().read(true).write(true).open(layout::run_lock(directory)) else { return false };
    matches!(file.try_lock(), Err(TryLockError::WouldBlock))
}

/// Holds a log's lock while it is borrowed; released when dropped.
#[derive(Debug)]
pub struct LogLock<'a> {
    file: &'a File,
}

impl<'a> LogLock<'a> {
    /// Waits for the lock of the log behind `file`.
    ///
    /// # Errors
    /// Refuses when another process keeps it for longer than ten seconds, naming that process.
    pub fn take(file: &'a File, path: &Path) -> Result<Self> {
        Self::take_after(file, path, &mut || Ok(()))
    }

    /// The same, doing `meanwhile` whenever the lock is not free.
    ///
    /// # Errors
    /// As [`Self::take`]; hands on what `meanwhile` says.
    pub fn take_after(file: &'a File, path: &Path, meanwhile: &mut dyn FnMut() -> Result<()>) -> Result<Self> {
        wait(file, path, "the log's lock", meanwhile, held_all_along)?;
        Ok(Self { file })
    }
}

impl Drop for LogLock<'_> {
    fn drop(&mut self) {
        // The kernel drops the lock with the file at the latest; nothing can be done about a failure here.
        self.file.unlock().ok();
    }
}

/// Writes down when a lock was taken whose file is nothing else; where that cannot be, nobody is told.
fn stamp(file: &File) {
    file.set_modified(SystemTime::now()).ok();
}

/// For how long such a lock has been held.
fn held_since_taken(file: &File) -> String {
    let taken = file.metadata().and_then(|found| found.modified()).ok();
    let age = taken.and_then(|taken| taken.elapsed().ok());
    age.map_or_else(String::new, |age| format!(", holding it for {}", Lapse::seconds(age.as_secs())))
}

/// For how long a lock has been held that was waited for in vain.
fn held_all_along(_: &File) -> String {
    format!(", holding it for at least {}", Lapse(PATIENCE))
}

fn wait(
    file: &File,
    path: &Path,
    what: &str,
    meanwhile: &mut dyn FnMut() -> Result<()>,
    held: fn(&File) -> String,
) -> Result<()> {
    let mut tries = 0_u32;
    let mut since = None;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(()),
            Err(TryLockError::WouldBlock) => {}
            Err(TryLockError::Error(error)) => return Err(error).doing("lock", path),
        }
        meanwhile()?;
        tries += 1;
        if tries < 32 {
            std::thread::yield_now();
            continue;
        }
        let since = *since.get_or_insert_with(Clock::instant);
        if Clock::instant().duration_since(since) > PATIENCE {
            let holder = holder(file, &held(file));
            return Err(Refusal::conflict(format!("{what} `{}` is held by {holder}", path.display()))
                .hint("wait until it has finished, or end it; the lock goes with it")
                .retryable()
                .into());
        }
        // A lock is held for microseconds; who waits for long waits for something that is stuck.
        Clock::sleep(Duration::from_micros(if tries < 200 { 30 } else { 2_000 }));
    }
}

/// Who holds the lock of `file`, read from `/proc/locks` (proc(5)), and for how long, as `held` says.
fn holder(file: &File, held: &str) -> String {
    let inode = file.metadata().map(|found| found.ino().to_string()).unwrap_or_default();
    // The kernel gives its list in pieces: while others lock and unlock, a line may be in none of them.
    let Some(process) = (0..LOOKS).find_map(|_| locked_by(&inode)) else { return format!("another process{held}") };
    let command = std::fs::read(format!("/proc/{process}/cmdline")).unwrap_or_default();
    let command = String::from_utf8_lossy(&command).replace('\0', " ");
    format!("process {process} (`{}`{held})", command.trim())
}

/// The process that the kernel lists as the holder of the lock on the file with this number.
fn locked_by(inode: &str) -> Option<String> {
    let locks = std::fs::read_to_string("/proc/locks").ok()?;
    let line = locks.lines().filter(|line| !line.contains("->")).find(|line| {
        let mut words = line.split_whitespace();
        words.nth(1) == Some("FLOCK") && words.nth(3).and_then(|place| place.rsplit(':').next()) == Some(inode)
    })?;
    line.split_whitespace().nth(4).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_holder_of_a_lock_is_found_and_since_when_it_holds_it() {
        let folder = tempfile::tempdir().expect("a temporary directory");
        let path = folder.path().join("lock");
        let held = CloneLock::take(&path).expect("free");
        let file = File::options().write(true).open(&path).expect("there");
        file.set_modified(SystemTime::now() - Duration::from_mins(3)).expect("ours");
        let holder = holder(&file, &held_since_taken(&file));
        assert!(holder.starts_with(&format!("process {} (", std::process::id())), "{holder}");
        assert!(holder.ends_with(", holding it for 3m)"), "{holder}");
        drop(held);
        CloneLock::take(&path).expect("free again");
        assert_eq!(held_since_taken(&file), ", holding it for 0s", "who takes it later holds it since then");
    }
}
