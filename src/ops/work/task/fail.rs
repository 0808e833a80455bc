//! `task fail`: say that a try at a task failed; it may be started again.

use crate::{
    host::{Result, transaction::Transaction, workspace::Workspace},
    model::{event::Fact, markdown::one_line, refusal::Refusal, task::progress::Move},
    ops::work::task::{Moved, Request, carry_out},
};

/// Says that a try failed.
///
/// # Errors
/// Refuses without a reason, and a task that nobody works on.
pub fn fail(workspace: &Workspace, request: &Request) -> Result<Moved> {
    let why = one_line(request.why.as_deref().unwrap_or_default());
    if why.is_empty() {
        return Err(Refusal::usage("a failed try has a reason").hint("`autonomy task fail <task> --because \"<why>\"`").into());
    }
    let mut transaction = Transaction::open(workspace)?;
    let moved = carry_out(&mut transaction, &request.task, Move::Fail, |_, _, _, held| {
        Ok(vec![Fact::TaskFailed { task: held.task.id.clone(), why }])
    })?;
    Ok(moved)
}
