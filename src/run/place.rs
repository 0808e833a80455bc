//! One run at a time in a session, and so many in a clone as the settings allow: one more waits for its place.
//!
//! Places are locks of the kernel, so that a run that dies gives its place back. Nobody is asked and nothing is queued on disk.

use std::time::Duration;

use crate::{
    host::{
        Result,
        clock::Clock,
        process::Stop,
        store::{
            binding,
            layout::Private,
            lock::{self, RunLock},
        },
        transaction::Transaction,
    },
    model::refusal::Refusal,
};

/// How often a run that waits looks whether there is a place.
const PAUSE: Duration = Duration::from_millis(200);

/// Takes the place of the session's one run, once fewer runs than `performance.max_concurrent_workflows` go on in the clone.
///
/// # Errors
/// Refuses when another run goes on in the session, and when it is told to stop while it waits.
pub(in crate::run) fn take(transaction: &Transaction<'_>, stop: &Stop, tell: &mut dyn FnMut(&str)) -> Result<RunLock> {
    let workspace = transaction.workspace();
    let most = workspace.settings()?.performance.max_concurrent_workflows.get();
    let private = Private::of(workspace.common_directory());
    let mut told = false;
    loop {
        // Two that look at the same time must not both take the last place.
        let one_looks = transaction.lock_clone()?;
        let own = transaction.directory();
        let others = binding::live(&private)?.into_iter().map(|(session, _)| private.session(&session));
        let running = others.filter(|directory| *directory != own && lock::is_running(directory)).count();
        if u32::try_from(running).is_ok_and(|running| running < most) {
            return RunLock::take(&own);
        }
        drop(one_looks);
        if stop.is_told() {
            return Err(Refusal::no("the run was stopped while it waited for its place").into());
        }
        if !told {
            tell(&format!(
                "waits: {running} runs go on in this clone, and `performance.max_concurrent_workflows` allows no more"
            ));
            told = true;
        }
        Clock::sleep(PAUSE);
    }
}
