//! Running programs: own process group, time limit, request to stop, capped and redacted output, nothing left behind.
//!
//! One loop over non-blocking pipes, no threads. What the program was for is the caller's business.

mod capture;
mod marked;
mod program;
mod running;
mod stop;
mod variables;

use std::path::PathBuf;

use crate::host::{Error, Result};

pub use capture::{Captured, MAX_LINE};
pub use marked::{STEP_VARIABLE, end_marked, is_alive, is_running, mark_of, marked, own_mark};
pub use program::{Finished, GRACE, Heard, Invocation, KEPT, Program, Stream};
pub use running::run;
pub use stop::{Stop, stop_on_signals};
pub use variables::Variables;

/// The path of this very program, for starting it again.
///
/// # Errors
/// Fails when the system does not tell.
pub fn own_program() -> Result<PathBuf> {
    std::env::current_exe().map_err(|error| Error::while_doing("find this program's own file", error))
}

#[cfg(test)]
mod tests;
