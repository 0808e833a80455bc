//! The box of a task in the check-list that it was read from, ticked: one character, for the commit of that task's code.
//! It writes nothing; whoever makes the commit puts the text in place.

use crate::{
    host::{Result, store::write, workspace::Workspace},
    model::{document::MAX_MARKDOWN, task::Task, todo},
};

/// A check-list with one box ticked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ticked {
    /// The file, from the top of the work tree.
    pub file: String,
    /// Its whole text.
    pub text: String,
}

/// The check-list of `task` with its box ticked. None when the task was not read from one, when its line was changed, ticked
/// or doubled since, and when the file is not as HEAD has it: what a person left there unfinished is not touched.
///
/// # Errors
/// Fails when the file or git cannot be read.
pub fn ticked(workspace: &Workspace, task: &Task) -> Result<Option<Ticked>> {
    let Some(source) = &task.source else { return Ok(None) };
    let path = write::inside(workspace.root(), &source.file)?;
    let Some(bytes) = write::read_capped(&path, MAX_MARKDOWN as u64)? else { return Ok(None) };
    if workspace.git()?.file_at_head(&source.file)?.as_ref() != Some(&bytes) {
        return Ok(None);
    }
    let Ok(text) = String::from_utf8(bytes) else { return Ok(None) };
    Ok(todo::tick(&text, &source.line).map(|text| Ticked { file: source.file.clone(), text }))
}
