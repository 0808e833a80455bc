//! What a checkpoint of the work tree as it is now would not hold: paths that are left out, and what other repositories hold.
//!
//! What rules ignore is not named: it is left out by the user's own word. Nothing is written. Also refuses what is too large for
//! any.

use std::collections::BTreeSet;

use crate::{
    host::{Result, git::SecretFiles, workspace::Workspace},
    model::{
        change::{Change, Mode, TreePath},
        id::SessionId,
        report::Uncovered,
    },
    ops::time::journal,
};

/// Refuses a work tree that is too large for a snapshot, before anything is written.
///
/// # Errors
/// Refuses it with figures; fails when the work tree cannot be read.
pub fn demand_extent(workspace: &Workspace) -> Result<()> {
    let limits = journal::limits(workspace, SecretFiles::LeaveOut);
    workspace.git()?.check_extent(workspace.environment(), limits.extent)
}

/// Names them, the left out paths first.
///
/// # Errors
/// Fails when the work tree cannot be read.
pub fn uncovered(workspace: &Workspace, session: Option<&SessionId>) -> Result<Vec<Uncovered>> {
    let git = workspace.git()?;
    let present = journal::snapshot(workspace, session)?;
    let mut found: Vec<Uncovered> = Vec::new();
    for left in &present.manifest().left_out {
        let command = format!("git status --short -- {}", left.path);
        found.push(Uncovered { path: left.path.to_string(), why: left.why.to_string(), command });
    }
    let mut inside: BTreeSet<TreePath> = BTreeSet::new();
    if let Some(head) = git.head()?.commit() {
        let is_inside = |change: &Change| change.before.as_ref().is_some_and(|side| side.mode == Mode::Submodule);
        inside.extend(git.entries_below(head, None)?.into_iter().filter(|(_, side)| side.mode == Mode::Submodule).map(|it| it.0));
        for change in present.changes_to(git, head)? {
            if is_inside(&change) {
                inside.insert(change.path)
            } else {
                inside.remove(&change.path)
            };
        }
    }
    found.extend(inside.into_iter().map(|path| Uncovered {
        why: "another repository: only the commit that it is at is held".to_owned(),
        command: format!("git -C {path} status"),
        path: path.to_string(),
    }));
    Ok(found)
}
