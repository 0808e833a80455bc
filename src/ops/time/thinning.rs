//! Keeps automatic snapshots few without being asked, by the settings.
//!
//! Tags are left alone, for they are for people to see; which of the others go is `model::retention`'s to decide.

use std::collections::BTreeSet;

use crate::{
    host::{
        Result,
        store::{
            lock::CloneLock,
            retention,
            snapshots::{Held, Prepared, Which},
        },
        transaction::Transaction,
        workspace::Workspace,
    },
    model::{
        event::Fact,
        retention::{Fate, Limits},
        settings::Settings,
    },
    ops::time::journal::{self, Journal},
};

/// So many refs are named by one event.
const EACH: usize = 200;

/// Every so many automatic snapshots, those that are too many go.
const EVERY: u64 = 25;

/// The event first, then the refs: what is left of them when the program dies in between is found by the next prune.
pub(super) fn let_go(workspace: &Workspace, _lock: &CloneLock, log: Option<&mut Transaction<'_>>, going: &[Held]) -> Result<()> {
    if let Some(log) = log {
        let references = going.chunks(EACH).map(|chunk| chunk.iter().map(|held| held.reference.clone()).collect());
        log.append_facts(&references.map(|references| Fact::CheckpointPruned { references }).collect::<Vec<_>>())?;
    }
    retention::let_go(workspace, going)
}

/// Lets go of automatic snapshots that are too many, every so often after one was taken.
pub(super) fn after(workspace: &Workspace, lock: &CloneLock, log: Option<&mut Transaction<'_>>, taken: &Prepared) {
    let number = taken.reference.rsplit('/').next().and_then(|last| last.parse::<u64>().ok());
    if taken.checkpoint.name.is_none() && number.is_some_and(|number| number.is_multiple_of(EVERY)) {
        let thinned = too_many(workspace).and_then(|going| let_go(workspace, lock, log, &going));
        said(workspace, thinned);
    }
}

/// Lets go of automatic snapshots that are too many, once a session is over.
pub fn after_session(workspace: &Workspace) {
    said(workspace, thin_out(workspace));
}

fn thin_out(workspace: &Workspace) -> Result<()> {
    if too_many(workspace)?.is_empty() {
        return Ok(());
    }
    let mut journal = Journal::open(workspace)?;
    let lock = journal::lock(workspace)?;
    let going = too_many(workspace)?;
    let_go(workspace, &lock, journal.log(), &going)
}

/// What `checkpoint prune` would let go below `refs/autonomy/auto/` alone: tags are for people to see.
fn too_many(workspace: &Workspace) -> Result<Vec<Held>> {
    let limits =
        workspace.settings().map_or_else(|_| Limits::from(&Settings::default().checkpoints), |it| (&it.checkpoints).into());
    let now = workspace.clock().now();
    let decided = retention::consider(workspace, &[Which::Automatic], &BTreeSet::new(), &limits, now)?;
    Ok(decided.into_iter().filter_map(|(held, fate)| matches!(fate, Fate::Goes(_)).then_some(held)).collect())
}

/// Whoever works does not wait for this: what fails is said in a notice.
fn said(workspace: &Workspace, thinned: Result<()>) {
    if let Err(error) = thinned {
        workspace.notice(format!("autonomy left old snapshots where they are: {error}"));
    }
}
