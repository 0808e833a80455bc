//! What is run, under which limits, what it lets us know, and how it went. Nothing here starts anything.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    time::Duration,
};

use crate::{
    host::{
        process::{capture::Captured, stop::Stop, variables::Variables},
        secret::Secrets,
    },
    model::{
        id::StepId,
        process::{Exit, ProcessMark},
    },
};

/// How long a program may take to end after it was asked to.
pub const GRACE: Duration = Duration::from_secs(5);

/// How much of each stream is kept, in bytes.
pub const KEPT: usize = 1024 * 1024;

/// What to run.
#[derive(Clone, Debug)]
pub enum Invocation {
    /// A program and its arguments, handed over as they are.
    Words(Vec<OsString>),
    /// Text for `sh -eu -c`.
    Shell(String),
}

impl Invocation {
    /// A program and its arguments.
    pub fn words<T: Into<OsString>>(words: impl IntoIterator<Item = T>) -> Self {
        Self::Words(words.into_iter().map(Into::into).collect())
    }

    /// The words that the system is given.
    pub(crate) fn argv(&self) -> Vec<OsString> {
        match self {
            Self::Words(words) => words.clone(),
            Self::Shell(text) => ["sh", "-eu", "-c", text].map(OsString::from).to_vec(),
        }
    }
}

/// One program to run, with everything it may and may not do.
pub struct Program<'a> {
    /// What to run.
    pub invocation: Invocation,
    /// Where.
    pub directory: &'a Path,
    /// All its variables.
    pub variables: &'a Variables,
    /// What it reads on stdin; nothing means `/dev/null`.
    pub input: &'a [u8],
    /// How long it may take.
    pub limit: Duration,
    /// How long it may take to end after it was asked to; then it is killed.
    pub grace: Duration,
    /// How often [`Heard::Beat`] is told.
    pub beat: Duration,
    /// The step that it belongs to: all its descendants carry this mark and are ended with it.
    pub step: Option<&'a StepId>,
    /// Where its output is kept: `<path>.out` and `<path>.err`; without, in memory only.
    pub output: Option<PathBuf>,
    /// How much of each stream is kept, in bytes.
    pub kept: usize,
    /// What is taken out of its output before anybody sees it.
    pub secrets: &'a Secrets,
    /// The request to stop.
    pub stop: &'a Stop,
}

impl<'a> Program<'a> {
    /// A program with the usual limits: ten minutes, no input, output in memory.
    #[must_use]
    pub fn new(
        invocation: Invocation,
        directory: &'a Path,
        variables: &'a Variables,
        secrets: &'a Secrets,
        stop: &'a Stop,
    ) -> Self {
        Self {
            invocation,
            directory,
            variables,
            input: b"",
            limit: Duration::from_mins(10),
            grace: GRACE,
            beat: Duration::from_secs(1),
            step: None,
            output: None,
            kept: KEPT,
            secrets,
            stop,
        }
    }
}

/// One of the two streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    /// Standard output.
    Out,
    /// Standard error.
    Err,
}

/// What a running program lets us know.
#[derive(Debug)]
pub enum Heard<'a> {
    /// It runs.
    Started(&'a ProcessMark),
    /// It printed a line, given without its end, redacted.
    Line(Stream, &'a str),
    /// It still runs.
    Beat,
}

/// How it went.
#[derive(Clone, Debug)]
pub struct Finished {
    /// How it ended.
    pub exit: Exit,
    /// How long it ran.
    pub lasted: Duration,
    /// Which process it was.
    pub mark: ProcessMark,
    /// What it printed on stdout.
    pub stdout: Captured,
    /// What it printed on stderr.
    pub stderr: Captured,
    /// Processes that it left behind and that we had to end.
    pub leftovers: usize,
}
