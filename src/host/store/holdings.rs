//! Reads the records in force for whoever tells about them.
//!
//! A record that cannot be read does not keep the others from being told about; it is handed back as a refusal.

use std::collections::BTreeSet;

use crate::{
    host::{
        Result,
        store::{
            overview::Overview,
            record::{self, Stored},
            said::{self, Answers},
        },
        workspace::Workspace,
    },
    model::{
        change::TreePath,
        decision::Decision,
        document::Document,
        event::Fact,
        holdings::{HeldTask, Holdings},
        id::{DecisionId, NoteId, QuestionId, TaskId},
        memory::Note,
        question::{APPROVE, Question},
        record::RecordKind,
        refusal::Refusal,
        task::Task,
        testimony::Testimony,
    },
};

/// All kinds of records that [`read`] knows.
pub const ALL: &[RecordKind] = &[RecordKind::Task, RecordKind::Decision, RecordKind::Question, RecordKind::Note];

/// Reads the records of the wanted kinds, and says which could not be read. Where questions are wanted, tasks wait for the
/// open ones.
///
/// # Errors
/// Fails when a folder or git cannot be read.
pub fn read(workspace: &Workspace, overview: &Overview, wanted: &[RecordKind]) -> Result<(Holdings, Vec<Refusal>)> {
    let (mut holdings, mut unreadable) = (Holdings::default(), Vec::new());
    let mut answers = Answers::new(workspace, overview);
    // What persons answered is known before decisions are asked whether one approved them.
    let mut wanted = wanted.to_vec();
    wanted.sort_by_key(|kind| *kind != RecordKind::Question);
    let logs = || overview.logs.iter().map(|known| &known.state.testimony);
    let mut approved: BTreeSet<DecisionId> = logs().flat_map(Testimony::approved).cloned().collect();
    for kind in &wanted {
        let Some(folder) = kind.folder() else { continue };
        for stored in record::list(workspace, overview, folder)? {
            if let Err(refusal) = take(&mut holdings, overview, *kind, &stored) {
                unreadable.push(refusal);
            } else if *kind == RecordKind::Question
                && let Some(question) = holdings.questions.pop()
            {
                let question = answers.hear(question, &stored.bytes)?;
                approved.extend(question.decides.iter().filter(|_| question.answer_is(APPROVE)).cloned());
                holdings.questions.push(question);
            } else if *kind == RecordKind::Decision
                && let Some(decision) = holdings.decisions.pop()
            {
                holdings.decisions.push(answers.take(decision, &stored.bytes, &approved)?);
            }
        }
    }
    if wanted.contains(&RecordKind::Question) {
        holdings.wait_for_answers(workspace.clock().now());
        let put = logs().flat_map(|log| &log.put).collect();
        holdings.wait_for_approval(&put, &logs().flat_map(Testimony::approved).collect());
    }
    Ok((holdings, unreadable))
}

/// The facts that decisions hold which no command recorded and HEAD does not have like this: a person wrote them by hand, before a
/// session begins in which an agent could.
///
/// # Errors
/// Fails when git or the records cannot be read.
pub fn found(workspace: &Workspace) -> Result<Vec<Fact>> {
    let folder = workspace.claude().join("decisions");
    if !workspace.actor().is_person() || !folder.is_dir() {
        return Ok(Vec::new());
    }
    let overview = Overview::read(workspace)?;
    let (holdings, _) = read(workspace, &overview, &[RecordKind::Decision, RecordKind::Question])?;
    let git = workspace.git()?;
    let head = git.head()?.commit().cloned();
    let mut facts = Vec::new();
    for decision in holdings.decisions_in_force() {
        let (terms, path) = (decision.terms(), TreePath::new(RecordKind::Decision.path(decision.id.as_str()))?);
        let committed = head.as_ref().map_or(Ok(None), |head| git.blob_at(head, &path))?;
        let is_known = overview.logs.iter().any(|known| known.state.testimony.recorded(&decision.id, &terms))
            || committed.is_some_and(|blob| said::is_as(decision, &terms, &path, blob.bytes));
        if !is_known {
            facts.push(Fact::DecisionFound { decision: decision.id.clone(), terms });
        }
    }
    Ok(facts)
}

fn take(holdings: &mut Holdings, overview: &Overview, kind: RecordKind, stored: &Stored) -> Result<(), Refusal> {
    let document = Document::parse(stored.path.clone(), stored.bytes.clone())?;
    let name = stored.name();
    match kind {
        RecordKind::Task => {
            let task = Task::read(TaskId::new(name)?, &document)?;
            let state = overview.task(&task.id).cloned();
            holdings.tasks.push(HeldTask::new(task, state));
        }
        RecordKind::Decision => holdings.decisions.push(Decision::read(DecisionId::new(name)?, &document)?),
        RecordKind::Question => holdings.questions.push(Question::read(QuestionId::new(name)?, &document)?),
        RecordKind::Note => holdings.notes.push(Note::read(NoteId::new(name)?, &document)?),
        RecordKind::Workflow
        | RecordKind::Skill
        | RecordKind::Settings
        | RecordKind::Authority
        | RecordKind::Agents
        | RecordKind::Recovery => {}
    }
    Ok(())
}
