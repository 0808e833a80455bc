//! Who wrote a path last, and what they left there: as the logs of sessions tell it, whatever became of their snapshots.
//!
//! A log that cannot be read says nothing; no rollback waits for one.

use std::collections::BTreeMap;

use crate::{
    host::{
        Result,
        store::{binding, layout::Private, log::Log, sealed},
        workspace::Workspace,
    },
    model::{
        change::{Change, Side, TreePath},
        event::Fact,
        id::SessionId,
        rollback::settle::Other,
        time::Timestamp,
    },
};

/// What is left at paths; none where nothing is left.
pub(super) type LeftAt = BTreeMap<TreePath, Option<Side>>;

/// The last that a session's events say of each path that it changed; a session that is over is read from what it sealed.
pub(super) fn left_by(workspace: &Workspace, session: &SessionId) -> Result<LeftAt> {
    Ok(seen(workspace, session)?.into_iter().map(|(_, change)| (change.path, change.after)).collect())
}

/// The last that any session of this work tree, and `further`, say of each path.
pub(super) fn known(workspace: &Workspace, further: Option<&SessionId>) -> Result<LeftAt> {
    let mut sessions = here(workspace)?;
    sessions.extend(further.filter(|session| !sessions.contains(session)).cloned());
    let mut seen: Vec<(Timestamp, Change)> =
        sessions.iter().flat_map(|session| seen(workspace, session).unwrap_or_default()).collect();
    seen.sort_by_key(|(at, _)| *at);
    Ok(seen.into_iter().map(|(_, change)| (change.path, change.after)).collect())
}

/// Paths of this work tree that another live session wrote last.
pub(super) fn others(workspace: &Workspace, own: Option<&SessionId>) -> Result<BTreeMap<TreePath, Other>> {
    let mut all: Vec<(Timestamp, SessionId, Change)> = Vec::new();
    for session in here(workspace)? {
        let told = seen(workspace, &session).unwrap_or_default();
        all.extend(told.into_iter().map(|(at, change)| (at, session.clone(), change)));
    }
    all.sort_by_key(|(at, ..)| *at);
    let mut last: BTreeMap<TreePath, Other> = BTreeMap::new();
    for (_, session, change) in all {
        let Change { path, before, after } = change;
        match last.get_mut(&path) {
            Some(known) if known.session == session => known.after = after,
            _ => drop(last.insert(path, Other { session, before, after })),
        }
    }
    last.retain(|_, other| Some(&other.session) != own);
    Ok(last)
}

/// The live sessions that work in this work tree.
fn here(workspace: &Workspace) -> Result<Vec<SessionId>> {
    let live = binding::live(&Private::of(workspace.common_directory()))?.into_iter();
    let here = live.filter(|(_, binding)| binding.as_ref().is_some_and(|binding| binding.work_tree == workspace.root()));
    Ok(here.map(|(session, _)| session).collect())
}

/// Every change that a session's events tell of, oldest first.
fn seen(workspace: &Workspace, session: &SessionId) -> Result<Vec<(Timestamp, Change)>> {
    let directory = Private::of(workspace.common_directory()).session(session);
    let events = match Log::open(&directory, session.as_str())? {
        Some(log) => log.events()?,
        None => sealed::events(workspace, session)?,
    };
    let told = events.into_iter().filter_map(|(event, _)| match event.fact {
        Fact::ChangeSeen { changes, .. } => Some(changes.into_iter().map(move |change| (event.at, change))),
        _ => None,
    });
    Ok(told.flatten().collect())
}
