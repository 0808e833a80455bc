//! What happened in a session since one of its checkpoints: what somebody needs who goes on from there.
//!
//! Tells only. Going back to the checkpoint is `rollback`'s.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    host::{Result, store::ledger::Ledger, workspace::Workspace},
    model::{
        event::Fact,
        id::{Candidate, CheckpointName, Oid, TaskId, resolve},
        refusal::Refusal,
        time::Timestamp,
    },
};

/// What happened since a checkpoint.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Since {
    /// The checkpoint.
    pub checkpoint: CheckpointName,
    /// When it was taken.
    pub at: Timestamp,
    /// What was achieved, oldest first.
    pub progress: Vec<String>,
    /// Tasks that something happened to, and the last that did.
    pub tasks: BTreeMap<TaskId, String>,
    /// Titles of decisions that were taken.
    pub decisions: Vec<String>,
    /// Titles of questions that were asked.
    pub questions: Vec<String>,
    /// Commits of ours.
    pub commits: Vec<Oid>,
    /// How many files differ from the checkpoint now.
    pub files: usize,
    /// Lines added since.
    pub insertions: usize,
    /// Lines removed since.
    pub deletions: usize,
    /// The next specific action, as it was last set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// What happened in the ledger's session since the checkpoint `given`.
///
/// # Errors
/// Refuses a checkpoint that the session does not know, naming the nearest.
pub fn since(workspace: &Workspace, ledger: &Ledger<'_>, given: &str) -> Result<Since> {
    let state = ledger.state();
    let named: Vec<_> =
        state.checkpoints.entries.iter().filter_map(|taken| taken.name.as_ref().map(|name| (name, taken))).collect();
    let candidates: Vec<Candidate<'_>> = named
        .iter()
        .map(|(name, taken)| Candidate { name: name.as_str(), title: taken.summary.as_deref().unwrap_or_default() })
        .collect();
    let index = resolve(CheckpointName::KIND, given, &candidates).map_err(|refusal| {
        let hint = refusal.hint.clone().unwrap_or_else(|| "`autonomy checkpoint list` shows all".to_owned());
        Refusal { message: format!("{} in this session", refusal.message), ..refusal }.hint(hint)
    })?;
    let (name, taken) = named[index];
    let mut since = Since {
        checkpoint: name.clone(),
        at: taken.at,
        progress: Vec::new(),
        tasks: BTreeMap::new(),
        decisions: Vec::new(),
        questions: Vec::new(),
        commits: Vec::new(),
        files: 0,
        insertions: 0,
        deletions: 0,
        next: state.focus.as_ref().and_then(|focus| focus.next.clone()),
    };
    for (event, _) in ledger.log().events()?.into_iter().filter(|(event, _)| event.seq > taken.seq) {
        since.take(event.fact);
    }
    if workspace.git()?.has_object(&taken.commit) {
        let figures = workspace.git()?.numstat_of_work_tree(Some(&taken.commit))?;
        (since.files, since.insertions, since.deletions) = (figures.paths.len(), figures.insertions(), figures.deletions());
    }
    Ok(since)
}

impl Since {
    fn take(&mut self, fact: Fact) {
        let mut task = |task: TaskId, word: &str| {
            self.tasks.insert(task, word.to_owned());
        };
        match fact {
            Fact::ProgressAdded { text, .. } => self.progress.push(text),
            Fact::TaskAdded { task: id, .. } => task(id, "added"),
            Fact::TaskStarted { task: id, .. } => task(id, "started"),
            Fact::TaskFailed { task: id, .. } => task(id, "failed"),
            Fact::TaskWaiting { task: id, .. } => task(id, "waiting"),
            Fact::TaskParked { task: id, .. } => task(id, "parked"),
            Fact::TaskResumed { task: id } => task(id, "open again"),
            Fact::TaskReopened { task: id, .. } => task(id, "reopened"),
            Fact::TaskDone { task: id, .. } => task(id, "done"),
            Fact::TaskCancelled { task: id, .. } => task(id, "cancelled"),
            Fact::DecisionRecorded { title, .. } => self.decisions.push(title),
            Fact::QuestionAsked { title, .. } => self.questions.push(title),
            Fact::IntentSettled { outcome: crate::model::intent::Settlement::Done { commit: Some(commit) }, .. } => {
                self.commits.push(commit);
            }
            _ => {}
        }
    }
}
