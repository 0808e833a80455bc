//! How much room this machine has: memory, and disk below a directory. What is enough is not known here.

use std::{fs, path::Path};

use crate::host::{Error, Result};

/// The memory of this machine in bytes; none where the system does not tell (proc(5)).
#[must_use]
pub fn memory() -> Option<u64> {
    let text = fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    line.trim().strip_suffix(" kB")?.parse::<u64>().ok().map(|kilobytes| kilobytes * 1024)
}

/// How many bytes this user may still write below `directory`.
///
/// # Errors
/// Fails when the system does not tell.
pub fn free(directory: &Path) -> Result<u64> {
    let found = rustix::fs::statvfs(directory);
    found.map(|found| found.f_bavail * found.f_frsize).map_err(|error| Error::at("look at the disk of", directory, error))
}
