//! Named points at which a test build stops, fails or dies; a release build carries neither the names nor the variable.
//!
//! A point is a call with a literal name beside the write, sync, rename or spawn that it breaks. `AUTONOMY_FAILPOINT` arms
//! points, several separated by commas: `name=action` at every hit, `name:3=action` at the third only. Actions:
//!
//! - `kill`: this process gets SIGKILL; what was written stays as it is.
//! - `eio`, `enospc`: the call fails as it would on a broken or a full disk.
//! - `torn`: [`torn`] answers with half of the length, and the writer stops there as if power had gone.
//! - `sleep`: the call waits for 200 ms, so that another process may come between.
//!
//! `AUTONOMY_FAILPOINT_TRACE` names a file that gets the name of every point reached, one a line, so that tests can walk
//! through all of them. It does not decide what happens after a failure; callers treat it as the machine's own.

use std::io;

/// Fails or dies here when armed with `kill`, `eio`, `enospc` or `sleep`.
///
/// # Errors
/// The error that `name` is armed with.
#[inline]
pub fn reach(name: &'static str) -> io::Result<()> {
    #[cfg(any(test, feature = "failpoints", debug_assertions))]
    return armed::reach(name);
    #[cfg(not(any(test, feature = "failpoints", debug_assertions)))]
    {
        let _ = name;
        Ok(())
    }
}

/// How many of `length` bytes to write before stopping as if power had gone, when armed with `torn`; other actions act as in [`reach`].
///
/// # Errors
/// The error that `name` is armed with.
#[inline]
pub fn torn(name: &'static str, length: usize) -> io::Result<Option<usize>> {
    #[cfg(any(test, feature = "failpoints", debug_assertions))]
    return armed::torn(name, length);
    #[cfg(not(any(test, feature = "failpoints", debug_assertions)))]
    {
        let _ = (name, length);
        Ok(None)
    }
}

#[cfg(any(test, feature = "failpoints", debug_assertions))]
mod armed {
    use std::{
        cell::RefCell,
        collections::HashMap,
        fs::OpenOptions,
        io::{self, Write as _},
        sync::{Mutex, OnceLock, PoisonError},
        time::Duration,
    };

    use rustix::{
        io::Errno,
        process::{Signal, getpid, kill_process},
    };

    use crate::host::clock::Clock;

    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub(super) enum Action {
        Kill,
        Fail(Errno),
        Torn,
        Sleep,
    }

    #[derive(Clone, Debug, PartialEq, Eq)]
    pub(super) struct Arming {
        name: String,
        hit: Option<u64>,
        action: Action,
    }

    pub(super) fn parse(text: &str) -> Result<Vec<Arming>, String> {
        text.split(',')
            .map(str::trim)
            .filter(|part| !part.is_empty())
            .map(|part| {
                let (point, action) = part.split_once('=').ok_or_else(|| format!("`{part}` is not name=action"))?;
                let (name, hit) = match point.split_once(':') {
                    Some((name, hit)) => (name, Some(hit.parse().map_err(|_| format!("`{hit}` is not a number of a hit"))?)),
                    None => (point, None),
                };
                let action = match action {
                    "kill" => Action::Kill,
                    "eio" => Action::Fail(Errno::IO),
                    "enospc" => Action::Fail(Errno::NOSPC),
                    "torn" => Action::Torn,
                    "sleep" => Action::Sleep,
                    other => return Err(format!("`{other}` is not an action of a fail point")),
                };
                Ok(Arming { name: name.to_owned(), hit, action })
            })
            .collect()
    }

    #[derive(Default)]
    struct Points {
        armings: Vec<Arming>,
        trace: Option<std::fs::File>,
        hits: Mutex<HashMap<&'static str, u64>>,
    }

    impl Points {
        fn of_process() -> Self {
            let armings = std::env::var("AUTONOMY_FAILPOINT").map_or(Ok(Vec::new()), |text| parse(&text));
            let armings = armings.expect("because a test that arms a point spells it right");
            let trace = std::env::var_os("AUTONOMY_FAILPOINT_TRACE").map(|path| {
                OpenOptions::new().append(true).create(true).open(path).expect("because a test names a file that can be written")
            });
            Self { armings, trace, hits: Mutex::default() }
        }

        fn action(&self, name: &'static str) -> Option<Action> {
            if self.armings.is_empty() && self.trace.is_none() {
                return None;
            }
            if let Some(mut file) = self.trace.as_ref() {
                file.write_all(format!("{name}\n").as_bytes()).expect("because the trace can be written");
            }
            let mut hits = self.hits.lock().unwrap_or_else(PoisonError::into_inner);
            let hit = hits.entry(name).or_default();
            *hit += 1;
            let now = *hit;
            self.armings
                .iter()
                .find(|arming| arming.name == name && arming.hit.is_none_or(|wanted| wanted == now))
                .map(|arming| arming.action)
        }
    }

    thread_local! {
        static OF_THREAD: RefCell<Option<Points>> = const { RefCell::new(None) };
    }

    /// Arms points for the calling thread alone while `body` runs.
    #[cfg(test)]
    pub(crate) fn with<T>(text: &str, body: impl FnOnce() -> T) -> T {
        let points = Points { armings: parse(text).expect("because the test spells it right"), ..Points::default() };
        OF_THREAD.with_borrow_mut(|slot| *slot = Some(points));
        let result = body();
        OF_THREAD.with_borrow_mut(|slot| *slot = None);
        result
    }

    fn act(name: &'static str) -> io::Result<Option<Action>> {
        static OF_PROCESS: OnceLock<Points> = OnceLock::new();
        let of_thread = OF_THREAD.with_borrow(|slot| slot.as_ref().map(|points| points.action(name)));
        let action = of_thread.unwrap_or_else(|| OF_PROCESS.get_or_init(Points::of_process).action(name));
        match action {
            Some(Action::Kill) => {
                kill_process(getpid(), Signal::KILL)?;
                // The signal may be delivered a moment later; nothing may be done until then.
                loop {
                    Clock::sleep(Duration::from_secs(1));
                }
            }
            Some(Action::Fail(errno)) => Err(errno.into()),
            Some(Action::Sleep) => {
                Clock::sleep(Duration::from_millis(200));
                Ok(None)
            }
            other => Ok(other),
        }
    }

    pub(super) fn reach(name: &'static str) -> io::Result<()> {
        act(name).map(|_| ())
    }

    pub(super) fn torn(name: &'static str, length: usize) -> io::Result<Option<usize>> {
        Ok(act(name)?.filter(|action| *action == Action::Torn).map(|_| length / 2))
    }
}

/// Arms points for the calling thread while `body` runs, in the form that `AUTONOMY_FAILPOINT` has.
#[cfg(test)]
pub(crate) use armed::with;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_point_fails_at_the_hit_it_is_armed_for() {
        with("example.write:2=enospc, example.other=eio", || {
            assert!(reach("example.write").is_ok());
            assert_eq!(reach("example.write").map_err(|error| error.kind()), Err(io::ErrorKind::StorageFull));
            assert!(reach("example.write").is_ok());
            assert!(reach("example.other").is_err());
            assert!(reach("example.unarmed").is_ok());
        });
        assert!(reach("example.other").is_ok());
    }

    #[test]
    fn a_torn_write_keeps_half() {
        with("example.append=torn", || {
            assert_eq!(torn("example.append", 11).ok(), Some(Some(5)));
            assert_eq!(torn("example.whole", 11).ok(), Some(None));
        });
    }

    #[test]
    fn a_misspelt_arming_is_refused() {
        for bad in ["name", "name=explode", "name:often=kill"] {
            assert!(armed::parse(bad).is_err(), "{bad}");
        }
    }
}
