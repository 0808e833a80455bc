//! A change of one file that is planned, can be shown as a difference, and is then carried out.
//!
//! Only for files that a setup verb is there to change; records and pages go through transactions.

use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use similar::TextDiff;

use crate::{
    host::{
        Result,
        store::{
            exclude,
            place::Place,
            write::{self, Durability},
        },
        workspace::Workspace,
    },
    model::{
        document,
        page::{self, Comment},
        refusal::Refusal,
    },
};

/// The largest file that is touched, in bytes.
const MAX_FILE: u64 = 4 << 20;

/// Where a file lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Home {
    /// Below the top of the work tree.
    WorkTree(String),
    /// git's own list of what this clone overlooks.
    Exclude,
    /// Anywhere, as a person named it.
    Elsewhere(PathBuf),
}

/// A file as it is and as it is to be; none means that there is no such file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    home: Home,
    before: Option<String>,
    after: Option<String>,
}

/// What happens to a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// It is new.
    Created,
    /// Its text is another.
    Changed,
    /// It is gone.
    Removed,
}

/// A change of a file as people and programs are shown it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Shown {
    /// The file, from the top of the work tree, or `info/exclude` in the git directory.
    pub path: String,
    /// What happens to it.
    pub what: What,
    /// The difference, unified.
    pub diff: String,
}

impl Change {
    /// A file of the work tree that is to have a block of ours.
    ///
    /// # Errors
    /// Refuses links, what is not text, and markers that do not pair up.
    pub fn block(workspace: &Workspace, path: &str, name: &str, content: &str) -> Result<Self> {
        let before = read(workspace, path)?;
        let after = page::update_with(Comment::Hash, before.as_deref(), name, content).map_err(|error| error.refusal(path))?;
        Ok(Self { home: Home::WorkTree(path.to_owned()), before, after: Some(after.text) })
    }

    /// A file of the work tree that is to lose its block of ours; a file that then holds nothing goes.
    ///
    /// # Errors
    /// As [`Change::block`].
    pub fn without_block(workspace: &Workspace, path: &str, name: &str) -> Result<Self> {
        let before = read(workspace, path)?;
        let after = match &before {
            Some(text) => Some(page::remove(Comment::Hash, text, name).map_err(|error| error.refusal(path))?),
            None => None,
        };
        let after = after.filter(|text| !text.is_empty() || before.as_deref() == Some(""));
        Ok(Self { home: Home::WorkTree(path.to_owned()), before, after })
    }

    /// A file of the work tree that is to be made with this text, unless there is one.
    ///
    /// # Errors
    /// Refuses links and what is not text.
    pub fn new_file(workspace: &Workspace, path: &str, text: String) -> Result<Self> {
        let before = read(workspace, path)?;
        let after = Some(before.clone().unwrap_or(text));
        Ok(Self { home: Home::WorkTree(path.to_owned()), before, after })
    }

    /// A file of the work tree whose text is to be what `edit` makes of it; none means that there is no such file.
    ///
    /// # Errors
    /// Refuses links and what is not text; hands on what `edit` refuses.
    pub fn edited(workspace: &Workspace, path: &str, edit: impl FnOnce(Option<&str>) -> Result<Option<String>>) -> Result<Self> {
        let before = read(workspace, path)?;
        let after = edit(before.as_deref())?;
        Ok(Self { home: Home::WorkTree(path.to_owned()), before, after })
    }

    /// git's list of what this clone overlooks, with our block.
    ///
    /// # Errors
    /// Refuses what is not text, and markers that do not pair up.
    pub fn exclude(workspace: &Workspace) -> Result<Self> {
        let (before, after) = exclude::with_block(workspace.common_directory())?;
        Ok(Self { home: Home::Exclude, before, after: Some(after) })
    }

    /// The same without our block.
    ///
    /// # Errors
    /// As [`Change::exclude`].
    pub fn no_exclude(workspace: &Workspace) -> Result<Self> {
        let found = exclude::without_block(workspace.common_directory())?;
        let (before, after) = found.map_or((None, None), |(before, after)| (Some(before), Some(after)));
        let after = after.filter(|text| !text.is_empty() || before.as_deref() == Some(""));
        Ok(Self { home: Home::Exclude, before, after })
    }

    /// A file that lies where a person named it: as it is, and as it is to be.
    #[must_use]
    pub fn elsewhere(path: &Path, before: Option<String>, after: String) -> Self {
        Self { home: Home::Elsewhere(path.to_owned()), before, after: Some(after) }
    }

    /// Whether the file says exactly this afterwards.
    #[must_use]
    pub fn says(&self, text: &str) -> bool {
        self.after.as_deref() == Some(text)
    }

    /// What happens, and none when nothing does.
    #[must_use]
    pub fn what(&self) -> Option<What> {
        match (&self.before, &self.after) {
            (None, Some(_)) => Some(What::Created),
            (Some(_), None) => Some(What::Removed),
            (Some(before), Some(after)) if before != after => Some(What::Changed),
            (Some(_), Some(_)) | (None, None) => None,
        }
    }

    /// The change as it is shown; none when nothing happens.
    #[must_use]
    pub fn shown(&self) -> Option<Shown> {
        let path = match &self.home {
            Home::WorkTree(path) => path.clone(),
            Home::Exclude => "info/exclude".to_owned(),
            Home::Elsewhere(path) => path.display().to_string(),
        };
        let text = |side: &Option<String>| side.clone().unwrap_or_default();
        let (before, after) = (text(&self.before), text(&self.after));
        let name = |side: &Option<String>, letter: &str| {
            if side.is_some() { format!("{letter}/{path}") } else { "/dev/null".to_owned() }
        };
        let diff = TextDiff::from_lines(&before, &after);
        let diff = diff.unified_diff().header(&name(&self.before, "a"), &name(&self.after, "b")).to_string();
        self.what().map(|what| Shown { path, what, diff })
    }

    /// Carries the change out, unless the file has become another since.
    ///
    /// # Errors
    /// Refuses when somebody changed the file in the meantime; fails when it cannot be written.
    pub fn carry_out(&self, workspace: &Workspace) -> Result<()> {
        if self.what().is_none() {
            return Ok(());
        }
        match &self.home {
            Home::Exclude => match &self.after {
                Some(text) => exclude::store(workspace.common_directory(), text),
                None => exclude::remove(workspace.common_directory()),
            },
            Home::Elsewhere(path) => {
                let Some(text) = &self.after else { return Ok(()) };
                if read_elsewhere(path)? != self.before {
                    return Err(Refusal::conflict(format!("`{}` was changed in the meantime", path.display()))
                        .retryable()
                        .into());
                }
                path.parent().map_or(Ok(()), write::make_directory)?;
                path.parent().into_iter().for_each(write::sweep);
                write::replace(path, text.as_bytes(), Durability::Synced)?;
                if text.starts_with("#!") { write::make_executable(path) } else { Ok(()) }
            }
            Home::WorkTree(path) => {
                // One that died while it wrote this file left its draft beside it.
                write::inside(workspace.root(), path)?.parent().into_iter().for_each(write::sweep);
                if read(workspace, path)? != self.before {
                    return Err(Refusal::conflict(format!("`{path}` was changed in the meantime")).retryable().into());
                }
                match &self.after {
                    Some(text) => Place::make_way(workspace.root(), path)?.replace(text.as_bytes(), Durability::Synced),
                    None => write::remove(workspace.root(), path),
                }
            }
        }
    }
}

/// Reads a text file of the work tree; none when it is not there.
///
/// # Errors
/// Refuses links, what is not a plain file or too large, and what is not UTF-8.
pub fn read(workspace: &Workspace, path: &str) -> Result<Option<String>> {
    let target = write::inside(workspace.root(), path)?;
    let Some(bytes) = write::read_capped(&target, MAX_FILE)? else { return Ok(None) };
    Ok(Some(document::utf8(path, bytes)?))
}

/// Reads a text file that a person named; none when it is not there.
///
/// # Errors
/// Refuses what is not a plain file or too large, and what is not UTF-8.
pub fn read_elsewhere(path: &Path) -> Result<Option<String>> {
    let Some(bytes) = write::read_capped(path, MAX_FILE)? else { return Ok(None) };
    Ok(Some(document::utf8(&path.display().to_string(), bytes)?))
}
