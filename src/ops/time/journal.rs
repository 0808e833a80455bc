//! Where a checkpoint or a rollback is written down: the session's log, else the clone's own, else nowhere.
//!
//! Neither needs a readable store: with a damaged log the work still goes on, and a notice says that nobody wrote it down.

use std::num::NonZeroU32;

use crate::{
    host::{
        Result,
        git::{Extent, Limits, SecretFiles, Snapshot},
        store::{layout, layout::Private, ledger::Target, lock::CloneLock, snapshots},
        transaction::Transaction,
        workspace::Workspace,
    },
    model::{change::TreePath, id::SessionId, secret::Allowed, time::Timestamp},
};

/// The log that is written to, when one can be.
pub(super) struct Journal<'a> {
    workspace: &'a Workspace,
    log: Option<Transaction<'a>>,
    session: Option<SessionId>,
    at: Timestamp,
}

impl<'a> Journal<'a> {
    /// Opens the log of the session that the command belongs to, or the clone's own.
    pub(super) fn open(workspace: &'a Workspace) -> Result<Self> {
        // Several live sessions and none named is a question to the person, not damage.
        let session = workspace.belongs_to()?;
        let log = Transaction::open(workspace).or_else(|error| {
            let log = Transaction::unsettled(workspace, Target::Clone)?;
            workspace.notice(format!("autonomy writes to the clone's own log, because {error}"));
            Ok::<_, crate::host::Error>(log)
        });
        let log = log.inspect_err(|error| workspace.notice(format!("autonomy cannot write this down: {error}"))).ok();
        let at = log.as_ref().map_or_else(|| workspace.clock().now(), |log| log.at());
        let session = log.as_ref().map_or(session, |log| log.session().cloned());
        Ok(Self { workspace, log, session, at })
    }

    /// For looking only: nothing is written down, nothing is brought in order.
    pub(super) fn reading(workspace: &'a Workspace) -> Result<Self> {
        Ok(Self { workspace, log: None, session: workspace.belongs_to()?, at: workspace.clock().now() })
    }

    pub(super) fn at(&self) -> Timestamp {
        self.at
    }

    pub(super) fn session(&self) -> Option<&SessionId> {
        self.session.as_ref()
    }

    pub(super) fn log(&mut self) -> Option<&mut Transaction<'a>> {
        self.log.as_mut()
    }

    /// A snapshot of the work tree as it is now, with the session's own folder.
    pub(super) fn snapshot(&self) -> Result<Snapshot<'a>> {
        snapshot(self.workspace, self.session())
    }

    /// The same, with what is said of untracked files that hold secrets.
    pub(super) fn snapshot_with(&self, secret_files: SecretFiles) -> Result<Snapshot<'a>> {
        snapshot_with(self.workspace, self.session(), secret_files)
    }
}

/// A snapshot of the work tree as it is now, with the session's own folder; nothing of it is written yet.
pub(super) fn snapshot<'a>(workspace: &'a Workspace, session: Option<&SessionId>) -> Result<Snapshot<'a>> {
    snapshot_with(workspace, session, SecretFiles::LeaveOut)
}

fn snapshot_with<'a>(workspace: &'a Workspace, session: Option<&SessionId>, secret_files: SecretFiles) -> Result<Snapshot<'a>> {
    let limits = limits(workspace, secret_files);
    let own = session.map(|session| TreePath::new(layout::session_folder(session))).transpose()?;
    workspace.snapshot(&limits, own.as_slice())
}

/// How much a snapshot takes in, by the settings.
pub(super) fn limits(workspace: &Workspace, secret_files: SecretFiles) -> Limits {
    let number = |number: NonZeroU32| usize::try_from(number.get()).unwrap_or(usize::MAX);
    workspace.settings().map_or_else(
        |_| Limits { secret_files, ..Limits::default() },
        |settings| Limits {
            file_bytes: settings.snapshot.max_file.0,
            new_files: number(settings.snapshot.max_new_files),
            secret_files,
            allowed: Allowed::of(&settings.secrets.allow),
            extent: Extent { files: number(settings.snapshot.most_files), bytes: settings.snapshot.most_bytes.0 },
        },
    )
}

/// Takes the clone's lock and finishes what waits under it, which a command left that died.
pub(super) fn lock(workspace: &Workspace) -> Result<CloneLock> {
    let lock = CloneLock::take(&Private::of(workspace.common_directory()).lock())?;
    if let Err(error) = snapshots::finish_under(workspace) {
        workspace.notice(format!("autonomy left an unfinished snapshot: {error}"));
    }
    Ok(lock)
}
