//! What a command said and how it ended, with the sandbox's own paths taken out so that it can be compared.

use std::{
    fs::OpenOptions,
    io::Write as _,
    os::unix::process::ExitStatusExt as _,
    path::Path,
    process::{self, Command},
};

/// The end of a command that nobody has judged yet.
#[derive(Debug)]
#[must_use = "assert how the command ended or compare its words"]
pub(crate) struct Output(Said);

/// The end of a command.
#[derive(Debug)]
pub(crate) struct Said {
    /// The exit code; `None` when a signal ended it.
    pub(crate) code: Option<i32>,
    /// The signal that ended it.
    pub(crate) signal: Option<i32>,
    /// Data.
    pub(crate) stdout: String,
    /// Talk.
    pub(crate) stderr: String,
}

impl Output {
    /// Runs `command` to its end; `base` reads `$SANDBOX` in the words.
    pub(crate) fn of(command: &mut Command, base: &Path) -> Self {
        let output = command.output().unwrap_or_else(|error| panic!("cannot start {command:?}: {error}"));
        Self::from(&output, base)
    }

    /// The same for a command that somebody else waited for.
    pub(crate) fn from(output: &process::Output, base: &Path) -> Self {
        let words = |bytes: &[u8]| String::from_utf8_lossy(bytes).replace(&*base.to_string_lossy(), "$SANDBOX");
        Self(Said {
            code: output.status.code(),
            signal: output.status.signal(),
            stdout: words(&output.stdout),
            stderr: words(&output.stderr),
        })
    }

    /// Asserts success.
    #[track_caller]
    pub(crate) fn ok(self) -> Said {
        self.ended(0)
    }

    /// Asserts the exit code.
    #[track_caller]
    pub(crate) fn ended(self, code: i32) -> Said {
        assert_eq!(self.code, Some(code), "{self}");
        self.0
    }

    /// Asserts a death by SIGKILL, which is how a fail point ends a process.
    #[track_caller]
    pub(crate) fn killed(self) -> Said {
        assert_eq!(self.signal, Some(9), "{self}");
        self.0
    }
}

impl std::ops::Deref for Output {
    type Target = Said;
    fn deref(&self) -> &Said {
        &self.0
    }
}

impl Said {
    /// stdout as JSON.
    #[track_caller]
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("stdout is not JSON: {error}\n{self}"))
    }
}

/// For snapshots: how it ended, data, talk.
impl std::fmt::Display for Said {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.code, self.signal) {
            (Some(code), _) => writeln!(formatter, "exit {code}")?,
            (None, signal) => writeln!(formatter, "signal {}", signal.unwrap_or_default())?,
        }
        for (name, text) in [("stdout", &self.stdout), ("stderr", &self.stderr)] {
            if !text.is_empty() {
                writeln!(formatter, "--- {name}\n{}", text.trim_end_matches('\n'))?;
            }
        }
        Ok(())
    }
}

impl std::fmt::Display for Output {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(formatter)
    }
}

/// Says past the capture of the test runner that something could not be tried here, and counts it in a file that CI reads.
pub(crate) fn skipped(what: &str, why: &str) {
    let line = format!("SKIPPED: {what} because {why}\n");
    std::io::stderr().write_all(line.as_bytes()).expect("stderr is open");
    let list = Path::new(env!("CARGO_TARGET_TMPDIR")).join("skipped");
    let mut list = OpenOptions::new().append(true).create(true).open(list).expect("the build directory is writable");
    list.write_all(line.as_bytes()).expect("the build directory is writable");
}
