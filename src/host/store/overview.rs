//! All live sessions of the clone at once, and the clone's own log: what reading verbs look at. Writes nothing.

use std::path::PathBuf;

use crate::{
    host::{
        Result,
        store::{
            binding::{self, Binding},
            layout::{CLONE, Private},
            log::Log,
        },
        workspace::Workspace,
    },
    model::{
        id::{Digest, SessionId, TaskId},
        state::{State, TaskState},
        time::Timestamp,
    },
};

/// One log at rest.
#[derive(Clone, Debug)]
pub struct Known {
    /// The session; none for the clone's own log.
    pub session: Option<SessionId>,
    /// Its binding, when it has one.
    pub binding: Option<Binding>,
    /// Where it lies.
    pub directory: PathBuf,
    /// Its fold.
    pub state: State,
}

/// Everything that is live in this clone.
#[derive(Clone, Debug, Default)]
pub struct Overview {
    /// The logs, the clone's own first, then the sessions in the order of their names.
    pub logs: Vec<Known>,
    /// Sessions whose log cannot be read, and why; everything else goes on without them.
    pub damaged: Vec<(String, String)>,
}

/// A record as the newest log that wrote it knows it.
#[derive(Clone, Debug)]
pub struct LoggedRecord {
    /// Where the log lies that its bytes lie beside.
    pub directory: PathBuf,
    /// The digest of the bytes in force.
    pub bytes: Digest,
    /// Whether a change waits for the next commit.
    pub queued: bool,
    at: Option<Timestamp>,
}

impl Overview {
    /// Reads all live logs of the clone.
    ///
    /// # Errors
    /// Fails when the directory cannot be listed; a damaged log is named and left out.
    pub fn read(workspace: &Workspace) -> Result<Self> {
        let private = Private::of(workspace.common_directory());
        let mut overview = Self::default();
        let mut take = |session: Option<SessionId>, binding: Option<Binding>, directory: PathBuf| {
            let name = session.as_ref().map_or(CLONE, SessionId::as_str).to_owned();
            match Log::open(&directory, &name) {
                Ok(Some(log)) => overview.logs.push(Known { session, binding, directory, state: log.into_state() }),
                Ok(None) => {}
                Err(error) => overview.damaged.push((name, error.to_string())),
            }
        };
        take(None, None, private.clone_log());
        for (session, binding) in binding::live(&private)? {
            let directory = private.session(&session);
            take(Some(session), binding, directory);
        }
        Ok(overview)
    }

    /// The live sessions.
    pub fn sessions(&self) -> impl Iterator<Item = &Known> {
        self.logs.iter().filter(|known| known.session.is_some())
    }

    /// The log of one session.
    #[must_use]
    pub fn session(&self, id: &SessionId) -> Option<&Known> {
        self.logs.iter().find(|known| known.session.as_ref() == Some(id))
    }

    /// What the newest log says happened to a task.
    #[must_use]
    pub fn task(&self, id: &TaskId) -> Option<&TaskState> {
        self.logs.iter().filter_map(|known| known.state.tasks.get(id)).max_by_key(|state| state.changed)
    }

    /// The records below `folder` that any live log wrote, each as the newest log knows it.
    #[must_use]
    pub fn records_below(&self, folder: &str) -> Vec<(String, LoggedRecord)> {
        let prefix = format!("{}/", folder.trim_end_matches('/'));
        let mut found: std::collections::BTreeMap<String, LoggedRecord> = std::collections::BTreeMap::new();
        for known in &self.logs {
            for (path, record) in known.state.records.range(prefix.clone()..) {
                if !path.starts_with(&prefix) {
                    break;
                }
                let logged = LoggedRecord {
                    directory: known.directory.clone(),
                    bytes: record.bytes.clone(),
                    queued: record.bytes != record.file,
                    at: known.state.last,
                };
                if found.get(path).is_none_or(|other| other.at <= logged.at) {
                    found.insert(path.clone(), logged);
                }
            }
        }
        found.into_iter().collect()
    }
}
