//! `task resume`: open a task again that failed, waits, was parked, or is over. Work that was parked under a ref is named,
//! not put back here.

use std::collections::BTreeMap;

use crate::{
    host::{Result, store::record, transaction::Transaction, workspace::Workspace},
    model::{
        event::Fact,
        markdown::one_line,
        record::RecordKind,
        task::{Status, progress::Move},
    },
    ops::work::{
        board::Board,
        task::{Moved, Request, carry_out},
    },
};

/// Opens a task again.
///
/// # Errors
/// Refuses a task that is open or under way.
pub fn resume(workspace: &Workspace, request: &Request) -> Result<Moved> {
    let over = Board::read(workspace)?.task(&request.task)?.progress.is_over();
    let wanted = if over { Move::Reopen } else { Move::Resume };
    let mut transaction = Transaction::open(workspace)?;
    let moved = carry_out(&mut transaction, &request.task, wanted, |transaction, _, board, held| {
        let task = held.task.id.clone();
        if wanted == Move::Resume {
            return Ok(vec![Fact::TaskResumed { task }]);
        }
        let stored = board.stored(workspace, RecordKind::Task, task.as_str())?;
        let set = BTreeMap::from([("status".to_owned(), serde_json::json!(Status::Open))]);
        let why = request.why.as_deref().map_or_else(|| "taken up again".to_owned(), one_line);
        Ok(vec![record::changed(transaction, &stored, set)?, Fact::TaskReopened { task, why }])
    })?;
    Ok(moved)
}
