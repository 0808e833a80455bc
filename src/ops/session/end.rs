//! `session end`: the session's last checkpoint, event and commit; then its log goes, and its journals tell what happened.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    host::{
        Result,
        store::{layout, lock::RunLock, overview::Overview, retire},
        transaction::Transaction,
        workspace::Workspace,
    },
    model::{
        checkpoint::CheckpointKind,
        event::SessionOutcome,
        id::{CheckpointName, SessionId, TaskId},
        progress::Headway,
        session::{self, Status},
        state::TaskStage,
        time::Lapse,
    },
    ops::{
        session::{commit, standing::Standing, status::none_is_live},
        tell::report,
        time::{
            checkpoint::{self, Asking},
            thinning,
        },
    },
};

/// How it ends.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Request {
    /// Whether it is given up.
    pub failed: bool,
    /// What came of it, in words.
    pub summary: Option<String>,
}

/// What was ended.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Outcome {
    /// The session.
    pub session: SessionId,
    /// Completed or failed.
    pub status: Status,
    /// Its folder, from the top of the work tree.
    pub folder: String,
    /// How long it was worked on.
    pub elapsed: Lapse,
    /// How far the tasks were.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub headway: Option<Headway>,
    /// Tasks that somebody was working on.
    pub unfinished: Vec<TaskId>,
    /// The session's last report, from the top of the work tree.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub report: Option<String>,
    /// The session's last checkpoint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checkpoint: Option<CheckpointName>,
    /// What became of its last commit.
    pub commit: commit::Outcome,
}

/// Ends the session that the command belongs to.
///
/// # Errors
/// Refuses where none is live; fails when git or a file cannot be written, and the next command then goes on from there.
pub fn end(workspace: &Workspace, request: &Request) -> Result<Outcome> {
    let mut transaction = Transaction::of_session(workspace)?;
    let session = transaction.session().cloned().ok_or_else(none_is_live)?;
    // Somebody who keeps the clone's lock keeps the end from its commit; then not even the report is saved.
    drop(transaction.lock_clone()?);
    // A run writes into the log until its own end.
    let _no_run = RunLock::take(&transaction.directory())?;
    let outcome = if request.failed { SessionOutcome::Failed } else { SessionOutcome::Completed };
    session::end(transaction.state(), outcome, None)?;
    let overview = Overview::read(workspace)?;
    let standing = Standing::of(workspace, &overview, transaction.state())?.ok_or_else(none_is_live)?;
    let under_way = |stage: &TaskStage| matches!(stage, TaskStage::Started { .. });
    let tasks = &transaction.state().tasks;
    let unfinished = tasks.iter().filter(|(_, task)| under_way(&task.stage)).map(|(id, _)| id.clone()).collect();
    let summary = request.summary.as_deref().map(str::trim).filter(|summary| !summary.is_empty());
    let report = match report::report(workspace, &report::Request::default()) {
        Ok(report) => report.saved,
        Err(error) => {
            workspace.notice(format!("left out the last report: {error}"));
            None
        }
    };
    let asking = Asking {
        kind: CheckpointKind::End,
        title: "end".to_owned(),
        summary: summary.unwrap_or("the end of the session").to_owned(),
        task: None,
        reached: Vec::new(),
    };
    let last = checkpoint::prepare(&transaction, asking);
    let last = last.inspect_err(|error| workspace.notice(format!("left out the last checkpoint: {error}"))).ok();
    let checkpoint = last.as_ref().and_then(|(_, taken)| taken.checkpoint.name.clone());
    let published = retire::end(&mut transaction, outcome, summary, last)?;
    thinning::after_session(workspace);
    Ok(Outcome {
        status: if request.failed { Status::Failed } else { Status::Completed },
        folder: layout::session_folder(&session),
        session,
        elapsed: standing.elapsed,
        headway: standing.headway,
        unfinished,
        report,
        checkpoint,
        commit: published.into(),
    })
}
