//! Whether a checkpoint is still what was taken: against its own message, its objects, and what the logs say of it.
//!
//! A checkpoint that does not fit is refused by name before anything is touched; nothing is mended.

use std::collections::HashSet;

use crate::{
    host::{
        Error, Result,
        store::{
            overview::Overview,
            snapshots::{self, Held, Which},
        },
        workspace::Workspace,
    },
    model::{
        finding::{Finding, Severity},
        id::{CheckpointName, Oid},
        refusal::Refusal,
        rollback::{Action, RollbackPlan},
    },
};

/// Refuses a checkpoint whose tag, commit, carrier and manifest do not fit each other or what a log says of it.
///
/// # Errors
/// Refuses it by name.
pub fn check(workspace: &Workspace, held: &Held) -> Result<()> {
    // A log that cannot be read says nothing.
    let overview = Overview::read(workspace).unwrap_or_default();
    match misfit(workspace, &overview, held) {
        Ok(None) => Ok(()),
        Ok(Some(why)) => Err(damaged(held, &why).into()),
        Err(error) => Err(damaged(held, &error.refusal().message).into()),
    }
}

/// Refuses a checkpoint of which a file is missing or damaged that the plan restores.
///
/// # Errors
/// Refuses it by name.
pub fn check_content(workspace: &Workspace, held: &Held, plan: &RollbackPlan, merged: impl Fn(&Oid) -> bool) -> Result<()> {
    let git = workspace.git()?;
    for entry in plan.with(Action::Restore) {
        let Some(then) = entry.then.as_ref().filter(|then| !merged(&then.oid)) else { continue };
        if let Err(error) = git.blob_bytes(&then.oid) {
            return Err(damaged(held, &format!("`{}` cannot be read: {}", entry.path, error.refusal().message)).into());
        }
    }
    Ok(())
}

/// An error while going back that comes from a damaged checkpoint, said by its name; any other as it is.
#[must_use]
pub fn blamed(workspace: &Workspace, held: &Held, error: Error) -> Error {
    let whole = workspace.git().and_then(|git| git.read_whole(&held.commit, &mut HashSet::new()));
    whole.map_or_else(|found| damaged(held, &found.refusal().message).into(), |()| error)
}

/// What is wrong with any checkpoint or automatic snapshot: every object is read that HEAD does not hold.
///
/// # Errors
/// Fails when git cannot be read; what is damaged is a finding.
pub fn findings(workspace: &Workspace, overview: &Overview) -> Result<Vec<Finding>> {
    let git = workspace.git()?;
    let mut seen = HashSet::new();
    if let Some(head) = git.head()?.commit() {
        git.see(head, &mut seen)?;
    }
    let mut found = Vec::new();
    let mut all = snapshots::held(workspace, Which::Tagged)?;
    all.extend(snapshots::held(workspace, Which::Automatic)?);
    for held in all {
        let wrong = match misfit(workspace, overview, &held) {
            Ok(None) => git.read_whole(&held.commit, &mut seen).err().map(|error| error.refusal().message),
            Ok(Some(why)) => Some(why),
            Err(error) => Some(error.refusal().message),
        };
        found.extend(wrong.map(|why| Finding::new(Severity::Error, held.reference.clone(), format!("it is damaged: {why}"))));
    }
    Ok(found)
}

fn misfit(workspace: &Workspace, overview: &Overview, held: &Held) -> Result<Option<String>> {
    let tag = held.reference.strip_prefix("refs/tags/");
    let named = held.checkpoint.name.as_ref().map(CheckpointName::as_str);
    if tag.is_some() && named != tag {
        return Ok(Some(format!("its tag says that it is `{}`", named.unwrap_or("a snapshot without a tag"))));
    }
    let states = overview.logs.iter().map(|known| &known.state);
    let mut logged = states
        .flat_map(|state| state.checkpoints.entries.iter().chain(&state.snapshots.entries))
        .filter(|taken| taken.reference == held.reference);
    if let Some(logged) = logged.next_back().filter(|logged| logged.commit != held.commit) {
        let (was, is) = (logged.commit.short(), held.commit.short());
        return Ok(Some(format!("the log says that it is the commit {was}, and it points at {is}: somebody moved it")));
    }
    workspace.git()?.misfit(&held.commit, &held.checkpoint)
}

fn damaged(held: &Held, why: &str) -> Refusal {
    let name = held.reference.trim_start_matches("refs/tags/").trim_start_matches("refs/autonomy/");
    Refusal::environment(format!("the checkpoint `{name}` is damaged: {why}"))
        .hint("`autonomy checkpoint list --all` names others; `autonomy verify` looks at all of them")
}
