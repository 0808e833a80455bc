//! How everything that runs is told to finish: one flag, set by a signal, a command or a budget.

use std::{
    fs,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use signal_hook::{
    consts::{SIGHUP, SIGINT, SIGTERM},
    flag,
};

use crate::host::{Error, Result};

/// Told once, it stays told; clones share it.
#[derive(Clone, Debug, Default)]
pub struct Stop(Arc<AtomicBool>);

impl Stop {
    /// Tells everybody who holds a clone to finish.
    pub fn tell(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether it has been told.
    #[must_use]
    pub fn is_told(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Turns the first Ctrl-C, TERM or hang-up into a request to stop; the second one ends this process at once.
///
/// A hang-up that was ignored when the program started (`nohup`) stays ignored.
///
/// # Errors
/// Fails when the system does not let us listen to signals.
pub fn stop_on_signals() -> Result<Stop> {
    let stop = Stop::default();
    for signal in [SIGINT, SIGTERM, SIGHUP] {
        if signal == SIGHUP && is_ignored(signal) {
            continue;
        }
        // The order counts: the first delivery finds the flag down, the second finds it up and exits as a shell would report.
        flag::register_conditional_shutdown(signal, 128 + signal, Arc::clone(&stop.0))
            .and_then(|_| flag::register(signal, Arc::clone(&stop.0)))
            .map_err(|error| Error::while_doing("listen to signals", error))?;
    }
    Ok(stop)
}

fn is_ignored(signal: i32) -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|text| u64::from_str_radix(text.trim(), 16).ok()).unwrap_or(0);
    mask & (1 << (signal - 1)) != 0
}
