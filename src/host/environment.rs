//! What surrounds the process: variables, starting directory, terminal. Read once, then handed around.

use std::{
    collections::BTreeMap,
    ffi::{OsStr, OsString},
    io::IsTerminal,
    path::{Path, PathBuf},
};

use crate::host::{Error, Result};

/// The surroundings of one command.
#[derive(Clone, Debug)]
pub struct Environment {
    variables: BTreeMap<OsString, OsString>,
    directory: PathBuf,
    terminal: bool,
}

impl Environment {
    /// The surroundings of this process.
    ///
    /// # Errors
    /// Fails when the working directory is gone.
    pub fn of_process() -> Result<Self> {
        let directory = std::env::current_dir().map_err(|error| Error::while_doing("find the working directory", error))?;
        let terminal = std::io::stdin().is_terminal() && std::io::stderr().is_terminal();
        // Tests of the built program have no terminal to type on; release builds do not read this.
        let typed = cfg!(debug_assertions) && std::env::var_os("AUTONOMY_TERMINAL").is_some_and(|value| value == "yes");
        Ok(Self { variables: std::env::vars_os().collect(), directory, terminal: terminal || typed })
    }

    /// Surroundings made up by a test: no terminal.
    #[must_use]
    pub fn given(directory: &Path, variables: &[(&str, &str)]) -> Self {
        let variables = variables.iter().map(|(name, value)| (OsString::from(name), OsString::from(value))).collect();
        Self { variables, directory: directory.to_owned(), terminal: false }
    }

    /// The same surroundings with a person at a terminal.
    #[must_use]
    pub fn at_a_terminal(mut self) -> Self {
        self.terminal = true;
        self
    }

    /// The same surroundings, starting in another directory.
    #[must_use]
    pub fn in_directory(mut self, directory: &Path) -> Self {
        self.directory = self.directory.join(directory);
        self
    }

    /// A variable, when it is set and not empty.
    #[must_use]
    pub fn variable(&self, name: &str) -> Option<&OsStr> {
        self.variables.get(OsStr::new(name)).map(OsString::as_os_str).filter(|value| !value.is_empty())
    }

    /// A variable as text, when it is set, not empty and UTF-8.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        self.variable(name).and_then(OsStr::to_str)
    }

    /// All variables.
    pub fn variables(&self) -> impl Iterator<Item = (&OsStr, &OsStr)> {
        self.variables.iter().map(|(name, value)| (name.as_os_str(), value.as_os_str()))
    }

    /// Where the command was typed.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Whether a person can be asked: stdin and stderr are a terminal.
    #[must_use]
    pub fn has_terminal(&self) -> bool {
        self.terminal
    }

    /// The user's home directory, when known.
    #[must_use]
    pub fn home(&self) -> Option<&Path> {
        self.variable("HOME").map(Path::new)
    }

    /// `~/.config/autonomy`, after the XDG base directory specification.
    #[must_use]
    pub fn config_directory(&self) -> Option<PathBuf> {
        self.base("XDG_CONFIG_HOME", ".config")
    }

    /// `~/.local/state/autonomy`, after the XDG base directory specification.
    #[must_use]
    pub fn state_directory(&self) -> Option<PathBuf> {
        self.base("XDG_STATE_HOME", ".local/state")
    }

    fn base(&self, variable: &str, below_home: &str) -> Option<PathBuf> {
        let base = match self.variable(variable).map(Path::new) {
            Some(path) if path.is_absolute() => path.to_owned(),
            _ => self.home()?.join(below_home),
        };
        Some(base.join("autonomy"))
    }
}
