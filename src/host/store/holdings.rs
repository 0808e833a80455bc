//! Reads the records in force for whoever tells about them.
//!
//! A record that cannot be read does not keep the others from being told about; it is handed back as a refusal.

use rayon::prelude::*;

use crate::{
    host::{
        Result,
        store::{
            overview::Overview,
            record::{self, Stored},
        },
        workspace::Workspace,
    },
    model::{
        decision::Decision,
        document::Document,
        holdings::{HeldTask, Holdings},
        id::{DecisionId, NoteId, QuestionId, TaskId},
        memory::Note,
        question::Question,
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
    let mut stored = Vec::new();
    for kind in wanted {
        let Some(folder) = kind.folder() else { continue };
        stored.extend(record::list(workspace, overview, folder)?.into_iter().map(|stored| (*kind, stored)));
    }
    let records: Vec<Result<Option<Record>, Refusal>> = if stored.len() < SIDE_BY_SIDE {
        stored.into_iter().map(|(kind, stored)| parse(kind, stored)).collect()
    } else {
        stored.into_par_iter().map(|(kind, stored)| parse(kind, stored)).collect()
    };
    for record in records {
        match record {
            Ok(Some(Record::Task(task))) => {
                let state = overview.task(&task.id).cloned();
                holdings.tasks.push(HeldTask::new(*task, state));
            }
            Ok(Some(Record::Decision(decision))) => holdings.decisions.push(*decision),
            Ok(Some(Record::Question(question))) => holdings.questions.push(*question),
            Ok(Some(Record::Note(note))) => holdings.notes.push(*note),
            Ok(None) => {}
            Err(refusal) => unreadable.push(refusal),
        }
    }
    if wanted.contains(&RecordKind::Question) {
        holdings.wait_for_answers(workspace.clock().now());
    }
    Ok((holdings, unreadable))
}

/// From how many records on they are parsed side by side: starting threads takes as long as some tens of them.
const SIDE_BY_SIDE: usize = 64;

/// A record that was read.
enum Record {
    Task(Box<Task>),
    Decision(Box<Decision>),
    Question(Box<Question>),
    Note(Box<Note>),
}

fn parse(kind: RecordKind, stored: Stored) -> Result<Option<Record>, Refusal> {
    let name = stored.name().to_owned();
    let document = Document::parse(stored.path, stored.bytes)?;
    Ok(Some(match kind {
        RecordKind::Task => Record::Task(Box::new(Task::read(TaskId::new(name)?, &document)?)),
        RecordKind::Decision => Record::Decision(Box::new(Decision::read(DecisionId::new(name)?, &document)?)),
        RecordKind::Question => Record::Question(Box::new(Question::read(QuestionId::new(name)?, &document)?)),
        RecordKind::Note => Record::Note(Box::new(Note::read(NoteId::new(name)?, &document)?)),
        RecordKind::Workflow
        | RecordKind::Skill
        | RecordKind::Settings
        | RecordKind::Authority
        | RecordKind::Agents
        | RecordKind::Recovery => return Ok(None),
    }))
}
