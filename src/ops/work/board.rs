//! What verbs about tasks, questions and decisions look at: the records in force, where each stands, and finding one by what a
//! person typed. Reads only.

use crate::{
    host::{
        Error, Result,
        store::{
            holdings,
            overview::Overview,
            record::{self, Stored},
        },
        workspace::Workspace,
    },
    model::{
        decision::Decision,
        holdings::{HeldTask, Holdings},
        id::{Candidate, DecisionId, QuestionId, TaskId, resolve},
        question::Question,
        record::RecordKind,
        refusal::{Code, Refusal},
    },
};

/// Records in force.
#[derive(Clone, Debug)]
pub struct Board {
    /// All live logs.
    pub overview: Overview,
    /// The records in force.
    pub holdings: Holdings,
    /// Why some records could not be read.
    pub unreadable: Vec<Refusal>,
}

impl Board {
    /// Reads tasks and questions.
    ///
    /// # Errors
    /// Fails when the store or git cannot be read; records that are malformed are left out and named.
    pub fn read(workspace: &Workspace) -> Result<Self> {
        Self::of(workspace, &[RecordKind::Task, RecordKind::Question])
    }

    /// Reads decisions, with the questions by which some of them stand.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn of_decisions(workspace: &Workspace) -> Result<Self> {
        Self::of(workspace, &[RecordKind::Decision, RecordKind::Question])
    }

    fn of(workspace: &Workspace, wanted: &[RecordKind]) -> Result<Self> {
        let overview = Overview::read(workspace)?;
        let (holdings, unreadable) = holdings::read(workspace, &overview, wanted)?;
        Ok(Self { overview, holdings, unreadable })
    }

    /// The task that `given` means: its name, a unique part of it, or its title.
    ///
    /// # Errors
    /// Refuses what fits none or several, with the nearest names.
    pub fn task(&self, given: &str) -> Result<&HeldTask> {
        let all = &self.holdings.tasks;
        let candidates: Vec<Candidate<'_>> =
            all.iter().map(|held| Candidate { name: held.task.id.as_str(), title: &held.task.title }).collect();
        let index = resolve(TaskId::KIND, given, &candidates).map_err(|refusal| self.unknown(refusal, "task list"))?;
        Ok(&all[index])
    }

    /// The question that `given` means.
    ///
    /// # Errors
    /// As [`Self::task`].
    pub fn question(&self, given: &str) -> Result<&Question> {
        let all = &self.holdings.questions;
        let candidates: Vec<Candidate<'_>> = all.iter().map(|it| Candidate { name: it.id.as_str(), title: &it.title }).collect();
        let index = resolve(QuestionId::KIND, given, &candidates).map_err(|refusal| self.unknown(refusal, "inbox"))?;
        Ok(&all[index])
    }

    /// The decision that `given` means.
    ///
    /// # Errors
    /// As [`Self::task`].
    pub fn decision(&self, given: &str) -> Result<&Decision> {
        let all = &self.holdings.decisions;
        let candidates: Vec<Candidate<'_>> = all.iter().map(|it| Candidate { name: it.id.as_str(), title: &it.title }).collect();
        let index = resolve(DecisionId::KIND, given, &candidates).map_err(|refusal| self.unknown(refusal, "decision list"))?;
        Ok(&all[index])
    }

    /// A name that fits nothing may be that of a record that cannot be read; then that is the better thing to say.
    fn unknown(&self, refusal: Refusal, list: &str) -> Error {
        match self.unreadable.first() {
            Some(unreadable) if refusal.hint.is_none() => Refusal::new(Code::Usage, unreadable.message.clone()).into(),
            Some(_) | None if refusal.hint.is_some() => refusal.into(),
            Some(_) | None => refusal.hint(format!("`autonomy {list}` shows all")).into(),
        }
    }

    /// The record in force of `kind` with this name, as its file.
    ///
    /// # Errors
    /// Fails when it is gone since it was read.
    pub fn stored(&self, workspace: &Workspace, kind: RecordKind, name: &str) -> Result<Stored> {
        let path = kind.path(name);
        let all = record::list(workspace, &self.overview, kind.folder().unwrap_or_default())?;
        all.into_iter()
            .find(|stored| stored.path == path)
            .ok_or_else(|| Refusal::conflict(format!("`{path}` is gone")).retryable().into())
    }

    /// Tells the person about records that could not be read.
    pub fn notice(&self, workspace: &Workspace) {
        for refusal in &self.unreadable {
            workspace.notice(format!("left out: {}", refusal.message));
        }
    }
}
