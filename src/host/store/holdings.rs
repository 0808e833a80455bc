//! Reads the records in force for whoever tells about them.
//!
//! A record that cannot be read does not keep the others from being told about; it is handed back as a refusal.

use crate::{
    host::{
        Result,
        store::{
            overview::Overview,
            record::{self, Stored},
            said::Answers,
        },
        workspace::Workspace,
    },
    model::{
        decision::Decision,
        document::Document,
        holdings::{HeldTask, Holdings},
        id::{DecisionId, NoteId, QuestionId, TaskId},
        memory::Note,
        question::{Question, Said},
        record::RecordKind,
        refusal::Refusal,
        task::Task,
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
    for kind in wanted {
        let Some(folder) = kind.folder() else { continue };
        for stored in record::list(workspace, overview, folder)? {
            if let Err(refusal) = take(&mut holdings, overview, *kind, &stored) {
                unreadable.push(refusal);
            } else if *kind == RecordKind::Question
                && let Some(question) = holdings.questions.pop()
            {
                holdings.questions.push(answers.hear(question, &stored.bytes)?);
            }
        }
    }
    if wanted.contains(&RecordKind::Question) {
        holdings.wait_for_answers(workspace.clock().now());
        let states = || overview.logs.iter().map(|known| &known.state);
        let put = states().flat_map(|state| &state.put).collect();
        let approved = states().flat_map(|state| state.said.values()).filter_map(Said::approves).collect();
        holdings.wait_for_approval(&put, &approved);
    }
    Ok((holdings, unreadable))
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
