//! `note`: something to remember across sessions, or how somebody likes things done.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    host::{Result, store::record, transaction::Transaction, workspace::Workspace},
    model::{
        event::Fact,
        id::{NoteId, record_name},
        markdown::one_line,
        memory::{Note, NoteKind},
        record::RecordKind,
        refusal::Refusal,
    },
    ops::work::board::Board,
};

/// What to remember.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Request {
    /// What it says.
    pub text: String,
    /// Whether it is a note or a preference.
    pub kind: NoteKind,
    /// The task it is about.
    pub task: Option<String>,
}

/// What was kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Outcome {
    /// Its name.
    pub note: NoteId,
    /// Its file, from the top of the work tree.
    pub path: String,
}

/// Keeps a note.
///
/// # Errors
/// Refuses an empty text and an unknown task.
pub fn add(workspace: &Workspace, request: &Request) -> Result<Outcome> {
    if request.text.trim().is_empty() {
        return Err(Refusal::usage("the note is empty").hint("`autonomy note \"<text>\"`").into());
    }
    let task = match &request.task {
        Some(given) => Some(Board::read(workspace)?.task(given)?.task.id.clone()),
        None => None,
    };
    let mut transaction = Transaction::open(workspace)?;
    let head: String = one_line(&request.text).chars().take(60).collect();
    let id = NoteId::new(record_name(transaction.at(), &head, &workspace.clock().suffix(4)?))?;
    let note = Note {
        kind: request.kind,
        task,
        session: transaction.session().cloned(),
        by: Some(transaction.actor().to_string()),
        ..Note::new(id.clone(), request.text.trim(), transaction.at())
    };
    let path = RecordKind::Note.path(id.as_str());
    let written = record::written(&transaction, &path, note.document(&path)?.text())?;
    transaction.append_facts(&[written, Fact::NoteAdded { note: id.clone() }])?;
    Ok(Outcome { note: id, path })
}
