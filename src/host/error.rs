//! How the machine says no: what was being done, to what, and why.

use std::path::{Path, PathBuf};

use crate::model::refusal::{Code, Refusal};

/// The result of everything that touches the machine.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Either an expected refusal or a failure of the machine, with what was being done.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// An expected "no" that floor 0 worded.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The machine failed: `doing` is a lower-case fragment such as "read the log".
    #[error("cannot {doing}{}: {source}", path.as_ref().map(|path| format!(" `{}`", path.display())).unwrap_or_default())]
    Machine {
        /// What was being done, without its object.
        doing: String,
        /// What it was done to, when that is a path.
        path: Option<PathBuf>,
        /// What the machine said.
        source: Box<dyn std::error::Error + Send + Sync>,
        /// What to do next.
        hint: Option<String>,
    },
}

impl Error {
    /// The machine failed while `doing` something to `path`.
    pub fn at(doing: impl Into<String>, path: &Path, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Machine { doing: doing.into(), path: Some(path.to_owned()), source: source.into(), hint: None }
    }

    /// The machine failed while `doing` something that has no path.
    pub fn while_doing(doing: impl Into<String>, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Machine { doing: doing.into(), path: None, source: source.into(), hint: None }
    }

    /// The same error with the next thing to do.
    #[must_use]
    pub fn hint(self, text: impl Into<String>) -> Self {
        match self {
            Self::Refused(refusal) => Self::Refused(refusal.hint(text)),
            Self::Machine { doing, path, source, .. } => Self::Machine { doing, path, source, hint: Some(text.into()) },
        }
    }

    /// The error as a refusal: code, words, hint, and whether trying again may help.
    #[must_use]
    pub fn refusal(&self) -> Refusal {
        match self {
            Self::Refused(refusal) => refusal.clone(),
            Self::Machine { hint, .. } => {
                Refusal { code: Code::Environment, message: self.to_string(), hint: hint.clone(), retryable: false }
            }
        }
    }
}

/// Adds what was being done to an [`std::io::Error`].
pub trait Doing<T> {
    /// Names the action and the path it was done to.
    ///
    /// # Errors
    /// Hands on the error with those words.
    fn doing(self, doing: &str, path: &Path) -> Result<T>;
}

impl<T, E: Into<Box<dyn std::error::Error + Send + Sync>>> Doing<T> for std::result::Result<T, E> {
    fn doing(self, doing: &str, path: &Path) -> Result<T> {
        self.map_err(|source| Error::at(doing, path, source))
    }
}
