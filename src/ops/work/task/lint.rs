//! `task lint`: what is wrong with the tasks as they are written.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    host::{
        Result,
        store::{overview::Overview, record},
        workspace::Workspace,
    },
    model::{
        document::Document,
        id::TaskId,
        record::RecordKind,
        task::lint::{self, Problem},
    },
};

/// Nothing to say: all tasks are looked at.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Request {}

/// What is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Outcome {
    /// How many tasks were looked at.
    pub tasks: usize,
    /// What is wrong with them, by file and line.
    pub problems: Vec<Problem>,
}

/// Looks at all tasks.
///
/// # Errors
/// Fails when the store cannot be read.
pub fn lint(workspace: &Workspace, _request: &Request) -> Result<Outcome> {
    let overview = Overview::read(workspace)?;
    let (mut files, mut problems) = (Vec::new(), Vec::new());
    for stored in record::list(workspace, &overview, RecordKind::Task.folder().unwrap_or_default())? {
        match TaskId::new(stored.name()) {
            Ok(id) => files.push((id, Document::parse(stored.path, stored.bytes))),
            Err(refusal) => problems.push(Problem { path: stored.path, line: None, message: refusal.message }),
        }
    }
    problems.extend(lint::lint(&files, |id| RecordKind::Task.path(id.as_str())));
    Ok(Outcome { tasks: files.len(), problems })
}
