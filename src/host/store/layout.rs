//! Every path that the store uses, and nothing else.

use std::path::{Path, PathBuf};

use crate::model::{
    change::TreePath,
    id::{Digest, SessionId},
};

/// The name of the clone's own log.
pub const CLONE: &str = "clone";

/// The places below `<common git directory>/autonomy/`.
#[derive(Clone, Debug)]
pub struct Private {
    root: PathBuf,
}

impl Private {
    /// The places of the clone whose shared git directory is `common`.
    #[must_use]
    pub fn of(common: &Path) -> Self {
        Self { root: common.join("autonomy") }
    }

    /// The directory itself.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Who this clone is: a random id beside the directory's identity.
    #[must_use]
    pub fn identity(&self) -> PathBuf {
        self.root.join("clone.yaml")
    }

    /// The clone's lock.
    #[must_use]
    pub fn lock(&self) -> PathBuf {
        self.root.join("lock")
    }

    /// The directory of the clone's own log.
    #[must_use]
    pub fn clone_log(&self) -> PathBuf {
        self.root.join(CLONE)
    }

    /// Where the directories of live sessions lie.
    #[must_use]
    pub fn sessions(&self) -> PathBuf {
        self.root.join("sessions")
    }

    /// The directory of one live session.
    #[must_use]
    pub fn session(&self, id: &SessionId) -> PathBuf {
        self.sessions().join(id.as_str())
    }

    /// Where logs lie that came here in a copy of another clone; they are only read.
    #[must_use]
    pub fn copied(&self) -> PathBuf {
        self.root.join("copied")
    }

    /// Captured output of agents and gates; never enters git.
    #[must_use]
    pub fn output(&self) -> PathBuf {
        self.root.join("output")
    }

    /// Names of the packs of objects that we wrote; without one, its pack is left as it is.
    #[must_use]
    pub fn packs(&self) -> PathBuf {
        self.root.join("packs")
    }

    /// What can be derived again at any time.
    #[must_use]
    pub fn cache(&self) -> PathBuf {
        self.root.join("cache")
    }
}

/// The log in a directory of a session or of the clone.
#[must_use]
pub fn log(directory: &Path) -> PathBuf {
    directory.join("log.yaml")
}

/// The kept fold of the log in `directory`.
#[must_use]
pub fn fold(directory: &Path) -> PathBuf {
    directory.join("fold.json")
}

/// The number of the last event whose files and refs are in place.
#[must_use]
pub fn applied(directory: &Path) -> PathBuf {
    directory.join("applied")
}

/// The number of the last event that every page of the session shows.
#[must_use]
pub fn rendered(directory: &Path) -> PathBuf {
    directory.join("rendered")
}

/// People's text in the pages of the session in `directory`.
#[must_use]
pub fn pages(directory: &Path) -> PathBuf {
    directory.join("pages")
}

/// Which work tree and clients a live session belongs to.
#[must_use]
pub fn binding(directory: &Path) -> PathBuf {
    directory.join("binding.yaml")
}

/// Held by the one run of the session in `directory`.
#[must_use]
pub fn run_lock(directory: &Path) -> PathBuf {
    directory.join("run.lock")
}

/// The bytes with this digest, kept beside the log in `directory`.
#[must_use]
pub fn bytes(directory: &Path, digest: &Digest) -> PathBuf {
    directory.join("bytes").join(digest.as_str())
}

/// Where torn ends of the log in `directory` are set aside.
#[must_use]
pub fn torn(directory: &Path) -> PathBuf {
    directory.join("torn")
}

/// `.claude/sessions/<id>`, from the top of the work tree.
#[must_use]
pub fn session_folder(id: &SessionId) -> String {
    format!(".claude/sessions/{id}")
}

/// Whether `path`, from the top of the work tree, is a sealed journal.
#[must_use]
pub fn is_journal(path: &TreePath) -> bool {
    let below = path.as_bytes().strip_prefix(b".claude/sessions/");
    below.is_some_and(|below| below.split(|&byte| byte == b'/').nth(1) == Some(b"journal"))
}

/// The page that says which session is current, from the top of the work tree.
pub const CURRENT_SESSION: &str = ".claude/current_session";
