//! What a walk over the work tree rests on besides the index and the files: the ignore rules outside the work tree, and how git is told
//! to take case and modes.
//!
//! The `.gitignore` files inside are the walk's; nothing is written.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::{
    host::{
        Error, Result,
        environment::Environment,
        git::{Repository, Tried as _},
    },
    model::{
        ignore::{Case, Rules},
        manifest::{OuterRules, RuleFile},
    },
};

/// What a walk rests on besides the index and the work tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::host::git) struct Ground {
    pub(in crate::host::git) file_mode: FileMode,
    pub(in crate::host::git) case: Case,
    pub(in crate::host::git) rules: Vec<OuterRules>,
}

impl Ground {
    pub(in crate::host::git) fn of(repository: &Repository, environment: &Environment) -> Result<Self> {
        let rules = outer_rules(repository, environment)?;
        Ok(Self { file_mode: FileMode::of(repository)?, case: case(repository)?, rules })
    }
}

/// `core.fileMode`: whether the bit that lets a file be run can be believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::host::git) enum FileMode {
    Believed,
    Ignored,
}

impl FileMode {
    pub(in crate::host::git) fn of(repository: &Repository) -> Result<Self> {
        Ok(if repository.config_bool("core.fileMode")?.unwrap_or(true) { Self::Believed } else { Self::Ignored })
    }

    /// The mode that git would record for a regular file whose entry in the index has the mode `indexed`.
    pub(in crate::host::git) fn record(self, mode: u32, indexed: Option<u32>) -> u32 {
        let bits = match (self, indexed) {
            (Self::Ignored, Some(indexed)) if indexed & 0o170_000 == 0o100_000 => indexed,
            (Self::Ignored, _) => 0,
            (Self::Believed, _) => mode,
        };
        if bits & 0o100 == 0 { 0o100_644 } else { 0o100_755 }
    }
}

/// Where git keeps what belongs to the user and not to a repository.
pub(in crate::host::git) fn users_directory(environment: &Environment) -> Option<PathBuf> {
    match environment.variable("XDG_CONFIG_HOME").map(Path::new) {
        Some(path) if path.is_absolute() => Some(path.join("git")),
        _ => Some(environment.home()?.join(".config/git")),
    }
}

/// The ignore rules outside the work tree, the weakest first.
fn outer_rules(repository: &Repository, environment: &Environment) -> Result<Vec<OuterRules>> {
    let config = repository.raw.config().tried("read git's configuration")?;
    let excludes = match config.get_path("core.excludesFile") {
        Ok(path) => Some(repository.root().join(path)),
        Err(_) => users_directory(environment).map(|directory| directory.join("ignore")),
    };
    let info = Some(repository.raw.commondir().join("info/exclude"));
    let mut rules = Vec::new();
    for (from, file) in [(RuleFile::Excludes, excludes), (RuleFile::Info, info)] {
        let Some(file) = file else { continue };
        match fs::read(&file) {
            Ok(text) => rules.push(OuterRules { from, text: String::from_utf8_lossy(&text).into_owned() }),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) if error.kind() == std::io::ErrorKind::NotADirectory => {}
            Err(error) => return Err(Error::at("read", &file, error)),
        }
    }
    Ok(rules)
}

/// The rules that hold at the top of the work tree before its own `.gitignore`.
pub(in crate::host::git) fn outermost(rules: &[OuterRules], case: Case) -> Rules {
    rules.iter().fold(Rules::default(), |outer, rules| outer.within(b"", rules.text.as_bytes(), case))
}

/// `core.ignoreCase`.
pub(in crate::host::git) fn case(repository: &Repository) -> Result<Case> {
    Ok(if repository.config_bool("core.ignoreCase")?.unwrap_or(false) { Case::Folded } else { Case::Sensitive })
}
