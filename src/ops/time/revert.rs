//! `rollback --commit`: one commit that takes back what was committed since, once the files are back; and what undoing it takes.
//!
//! No branch is moved but forward. What was not committed at the checkpoint is not committed by this either.

use std::collections::BTreeMap;

use crate::{
    host::{
        Result,
        git::{Content, PathContent, Staged},
        store::publish::{self, Publication, Published},
        transaction::Transaction,
        workspace::Workspace,
    },
    model::{
        change::{Side, TreePath},
        checkpoint::Checkpoint,
        id::{CheckpointName, Oid},
        quote::{counted, line},
        refusal::Refusal,
        rollback::{Revert, RollbackPlan},
    },
    ops::setup::in_force,
};

/// The commit that undoes that of a rollback; none, with a notice, where the branch takes none now.
///
/// # Errors
/// Fails when git or the settings cannot be read.
pub(super) fn undoing(workspace: &Workspace, done: &Revert) -> Result<Option<Revert>> {
    let Revert { branch, from, to } = done.clone();
    let obstacle = if workspace.git()?.head()?.reference().as_ref() == Some(&branch) {
        publish::obstacle(workspace)?
    } else {
        Some("HEAD is elsewhere".to_owned())
    };
    if let Some(why) = obstacle {
        let branch = branch.trim_start_matches("refs/heads/");
        workspace.notice(format!("no commit is made on `{branch}`, only the files change: {why}"));
        return Ok(None);
    }
    Ok(Some(Revert { branch, from: to, to: from }))
}

/// The commit that takes back what was committed since the checkpoint; none where nothing was.
///
/// # Errors
/// Refuses everybody but a person, a checkpoint that HEAD does not come from, and a branch that takes no commit now.
pub(super) fn planned(workspace: &Workspace, checkpoint: &Checkpoint) -> Result<Option<Revert>> {
    let git = workspace.git()?;
    let head = git.head()?;
    workspace.actor().must_be_person("committing a rollback")?;
    let only_files = "without `--commit` only the files go back";
    if let Some(why) = publish::obstacle(workspace)? {
        return Err(Refusal::conflict(format!("cannot commit what goes back: {why}")).hint(only_files).into());
    }
    let (Some(branch), Some(from)) = (head.reference(), head.commit().cloned()) else {
        return Err(Refusal::conflict("cannot commit what goes back: HEAD is on no branch with a commit")
            .hint(only_files)
            .into());
    };
    let Some(to) = checkpoint.head.clone() else {
        return Err(Refusal::usage("the checkpoint was taken before the first commit, so no commit leads back to it")
            .hint(only_files)
            .into());
    };
    if from != to && !(git.has_object(&to) && git.is_ancestor(&to, &from)?) {
        return Err(Refusal::usage(format!("HEAD does not come from {}, which the checkpoint was taken at", to.short()))
            .hint(format!("`git switch` to a branch that does; {only_files}"))
            .into());
    }
    in_force::demand_hooks(workspace)?;
    Ok((from != to).then_some(Revert { branch, from, to }))
}

/// What the commit makes of which paths.
pub(super) fn paths(workspace: &Workspace, plan: &RollbackPlan) -> Result<Vec<(TreePath, Option<Side>)>> {
    let Some(revert) = &plan.revert else { return Ok(Vec::new()) };
    let git = workspace.git()?;
    let Some(head) = git.head()?.commit().cloned() else { return Ok(Vec::new()) };
    let between = git.changes(Some(&revert.from), &revert.to)?;
    let mut has = BTreeMap::new();
    for change in &between {
        has.insert(change.path.clone(), git.side_at(&head, &change.path)?);
    }
    Ok(plan.reverted(between, &|path| has.get(path).cloned().flatten()).collect())
}

/// Makes the commit; none where nothing is left to take back.
///
/// # Errors
/// Says that the files are back and the commit is missing, with what to do about it.
pub(super) fn commit(
    log: &mut Transaction<'_>,
    plan: &RollbackPlan,
    subject: &str,
    checkpoint: Option<CheckpointName>,
) -> Result<Option<Oid>> {
    let paths = paths(log.workspace(), plan)?;
    let (Some(revert), false) = (&plan.revert, paths.is_empty()) else { return Ok(None) };
    let (count, to, from) = (counted(paths.len(), "path"), revert.to.short(), revert.from.short());
    let code =
        paths.into_iter().map(|(path, side)| PathContent { path, content: side.map_or(Content::Deleted, Content::Stored) });
    let publication = Publication {
        subject: line(subject, 72),
        body: Some(format!("{count} again as in {to}, instead of as in {from}.")),
        code: code.collect(),
        checkpoint,
        staged: Staged::Stay,
        ..Publication::default()
    };
    let published = publish::publish(log, &publication).map_err(|error| {
        let refusal = error.refusal();
        let words = format!("the files are back, but what was committed since could not be taken back: {}", refusal.message);
        let hint = "`autonomy rollback --undo` takes the files back; the same command again tries to commit";
        Refusal { message: words, ..refusal }.hint(hint)
    })?;
    match published {
        Published::Committed { commit, .. } => Ok(Some(commit)),
        Published::Waits { .. } | Published::Nothing => Ok(None),
    }
}
