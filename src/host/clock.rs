//! Time, waiting and random suffixes, injected everywhere so that tests can fix them.
//!
//! In builds with debug assertions `AUTONOMY_CLOCK` fixes the moment and `AUTONOMY_SEED` the suffixes; release builds read neither.

use std::{
    cell::Cell,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use rustix::{
    io::Errno,
    rand::{GetRandomFlags, getrandom},
};

use crate::{
    host::{Error, Result, environment::Environment},
    model::time::Timestamp,
};

const LETTERS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";

/// The clock and the source of random suffixes.
#[derive(Clone, Debug)]
pub struct Clock {
    fixed: Option<Timestamp>,
    seed: Option<Cell<u64>>,
}

impl Clock {
    /// The clock of the machine, unless a test build is told otherwise by its environment.
    #[must_use]
    pub fn of(environment: &Environment) -> Self {
        if cfg!(debug_assertions) {
            let fixed = environment.text("AUTONOMY_CLOCK").and_then(|text| text.parse().ok());
            let seed = environment.text("AUTONOMY_SEED").and_then(|text| text.parse().ok()).map(Cell::new);
            Self { fixed, seed }
        } else {
            Self { fixed: None, seed: None }
        }
    }

    /// A clock that stands still at `now` and counts its suffixes from `seed`.
    #[must_use]
    pub fn fixed(now: Timestamp, seed: u64) -> Self {
        Self { fixed: Some(now), seed: Some(Cell::new(seed)) }
    }

    /// The present moment.
    pub fn now(&self) -> Timestamp {
        if let Some(fixed) = self.fixed {
            return fixed;
        }
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp::from_millisecond(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
            .expect("because the machine's clock is within the years that can be written")
    }

    /// A point of the monotonic clock, for measuring and for time limits; never written anywhere.
    #[must_use]
    pub fn instant() -> Instant {
        Instant::now()
    }

    /// Waits.
    pub fn sleep(lapse: Duration) {
        std::thread::sleep(lapse);
    }

    /// `length` random lower-case letters and digits without look-alikes.
    ///
    /// # Errors
    /// Fails when the system gives no random bytes.
    pub fn suffix(&self, length: usize) -> Result<String> {
        let mut bytes = vec![0_u8; length];
        if let Some(seed) = &self.seed {
            for byte in &mut bytes {
                // SplitMix64 (Steele, Lea, Flood 2014): every seed gives its own row of suffixes.
                let state = seed.get().wrapping_add(0x9e37_79b9_7f4a_7c15);
                seed.set(state);
                let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
                *byte = mixed.to_le_bytes()[4];
            }
        } else {
            fill(&mut bytes, &mut |rest| getrandom(rest, GetRandomFlags::empty()))
                .map_err(|error| Error::while_doing("get random bytes from the system", error))?;
        }
        Ok(bytes.iter().map(|byte| char::from(LETTERS[usize::from(byte % 32)])).collect())
    }
}

/// Asks `source`, which says how many bytes it gave, until `bytes` are full. A signal in between is no failure; a source that
/// gives nothing is.
fn fill(bytes: &mut [u8], source: &mut dyn FnMut(&mut [u8]) -> rustix::io::Result<usize>) -> rustix::io::Result<()> {
    let mut filled = 0;
    while filled < bytes.len() {
        match source(&mut bytes[filled..]) {
            Ok(0) => return Err(Errno::IO),
            Ok(given) => filled += given,
            Err(Errno::INTR) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn random_bytes_that_do_not_come_are_an_error_and_no_endless_wait() {
        let mut bytes = [0; 4];
        let mut answers = vec![Ok(1), Err(Errno::INTR), Ok(3)];
        assert_eq!(fill(&mut bytes, &mut |_| answers.pop().expect("no more than three")), Ok(()));
        for answer in [Err(Errno::NOSYS), Ok(0)] {
            assert!(fill(&mut bytes, &mut |_| answer).is_err());
        }
    }

    #[test]
    fn suffixes_of_the_machine_differ() {
        let clock = Clock { fixed: None, seed: None };
        let [one, two] = [(); 2].map(|()| clock.suffix(16).expect("the system has random bytes"));
        assert!(one != two && one.len() == 16, "{one} {two}");
    }
}
