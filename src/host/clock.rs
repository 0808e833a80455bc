//! Time, waiting and random suffixes, injected everywhere so that tests can fix them.
//!
//! In builds with debug assertions `AUTONOMY_CLOCK` fixes the moment and `AUTONOMY_SEED` the suffixes; release builds read neither.

use std::{
    cell::Cell,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use crate::{host::environment::Environment, model::time::Timestamp};

const LETTERS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";

/// The clock and the source of random suffixes.
#[derive(Debug)]
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
    #[must_use]
    pub fn suffix(&self, length: usize) -> String {
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
            let mut filled = 0;
            while filled < length {
                filled += rustix::rand::getrandom(&mut bytes[filled..], rustix::rand::GetRandomFlags::empty()).unwrap_or(0);
            }
        }
        bytes.iter().map(|byte| char::from(LETTERS[usize::from(byte % 32)])).collect()
    }
}
