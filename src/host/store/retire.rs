//! The end of a session's log: commit or pin what it says, hand on what is not committed, then let the log go.
//!
//! Can be done again after a crash at any point; a log whose session has ended and that is still there waits for this.

use std::fs;

use crate::{
    host::{
        Doing, Result, failpoint,
        store::{
            holdings,
            layout::Private,
            ledger::{Ledger, Target},
            lock::CloneLock,
            overview::Overview,
            pages::{self, Rendered},
            publish::{self, Publication, Published},
            record, said, settle,
            snapshots::{self, Prepared},
        },
        workspace::Workspace,
    },
    model::{
        change::TreePath,
        decision::Word,
        event::{Fact, SessionOutcome},
        id::{DecisionId, Digest},
        record::RecordKind,
        refusal::Refusal,
    },
};

/// Ends the ledger's session: its last checkpoint and its last event at once, its last commit, its pin; then the log goes.
///
/// # Errors
/// Fails when git or a file cannot be written; the next command goes on from there.
pub fn end(
    ledger: &mut Ledger<'_>,
    outcome: SessionOutcome,
    summary: Option<&str>,
    last: Option<(CloneLock, Prepared)>,
) -> Result<Published> {
    let ended = Fact::SessionEnded { outcome, summary: summary.map(str::to_owned) };
    let facts: Vec<Fact> = last.iter().map(|(_, taken)| taken.fact.clone()).chain([ended]).collect();
    let before = ledger.state().shown;
    let (facts, ()) = ledger.append(|_| Ok((facts.clone(), ())))?;
    pages::refresh(ledger, &facts, before, Rendered::default());
    let placed = failpoint::reach("retire.ended").doing("end the session in", &ledger.directory()).and_then(|()| match last {
        Some((_lock, taken)) => snapshots::place(ledger.workspace(), &taken),
        None => Ok(()),
    });
    let finished = placed.and_then(|()| finish(ledger));
    finished.map_err(|error| error.hint("the session has ended; the next command does what is left of that"))
}

/// Does what is left to do for a session that has ended.
///
/// # Errors
/// As [`end`].
pub fn finish(ledger: &mut Ledger<'_>) -> Result<Published> {
    let workspace = ledger.workspace();
    let Some(session) = ledger.session().cloned() else {
        return Err(Refusal::usage("the clone's own log does not end").into());
    };
    // Its log is the only one that knows of the last checkpoint.
    snapshots::finish(workspace)?;
    settle::sweep(ledger);
    pages::heal(ledger);
    let subject = format!("autonomy: end session {session}");
    let published = publish::publish(ledger, &Publication { subject, ..Publication::default() })?;
    if let Some(pin) = publish::pin(ledger)?
        && !ledger.state().testimony.is_empty()
    {
        said::keep(workspace, &pin, &ledger.state().testimony);
    }
    failpoint::reach("retire.pinned").doing("end the session in", &ledger.directory())?;
    hand_on(ledger)?;
    doubt(workspace)?;
    let private = Private::of(workspace.common_directory());
    let _lock = CloneLock::take(&private.lock())?;
    let directory = ledger.directory();
    let aside = private.cache().join(format!("retired-{session}"));
    if let Some(parent) = aside.parent() {
        fs::create_dir_all(parent).doing("make the directory", parent)?;
    }
    // Renamed first, so that nobody ever finds half a log.
    fs::rename(&directory, &aside).doing("let go of the log in", &directory)?;
    failpoint::reach("retire.renamed").doing("let go of the log in", &directory)?;
    fs::remove_dir_all(&aside).doing("let go of the log in", &aside)?;
    Ok(published)
}

/// Notes in the clone's own log which decisions only their records claim: what an agent of the session can have written does not hold
/// because the session is over.
fn doubt(workspace: &Workspace) -> Result<()> {
    let overview = Overview::read(workspace)?;
    let (holdings, _) = holdings::read(workspace, &overview, &[RecordKind::Decision, RecordKind::Question])?;
    let claimed = holdings.decisions.into_iter().filter(|decision| decision.word == Word::Claimed);
    let claimed: Vec<(DecisionId, Digest)> = claimed.map(|decision| (decision.id.clone(), decision.terms())).collect();
    if claimed.is_empty() {
        return Ok(());
    }
    let mut clone = Ledger::open(workspace, Target::Clone)?;
    clone.append(|state| {
        let is_new = |(decision, terms): &&(DecisionId, Digest)| state.testimony.doubted.get(decision) != Some(terms);
        let fact =
            |(decision, terms): &(DecisionId, Digest)| Fact::DecisionDoubted { decision: decision.clone(), terms: terms.clone() };
        Ok((claimed.iter().filter(is_new).map(fact).collect(), ()))
    })?;
    Ok(())
}

/// Records that no commit holds yet, and changes that wait for one, live on in the clone's own log.
fn hand_on(ledger: &Ledger<'_>) -> Result<()> {
    let workspace = ledger.workspace();
    let git = workspace.git()?;
    let head = git.head()?.commit().cloned();
    let mut facts = Vec::new();
    let mut clone = None;
    for (path, record) in &ledger.state().records {
        let committed = match &head {
            Some(head) => git.blob_at(head, &TreePath::new(path.as_str())?)?.map(|blob| Digest::of(blob.bytes)),
            None => None,
        };
        let waits = record.bytes != record.file && committed.as_ref() != Some(&record.bytes);
        if committed.is_some() && !waits {
            continue;
        }
        let clone = match &mut clone {
            Some(clone) => clone,
            None => clone.insert(Ledger::open(workspace, Target::Clone)?),
        };
        for digest in [&record.file, &record.bytes] {
            if let Some(content) = ledger.kept(digest)? {
                clone.keep_exact(&content)?;
            }
        }
        let (record_path, bytes, file) = (path.clone(), record.bytes.clone(), record.file.clone());
        facts.push(if waits {
            Fact::RecordQueued { record: record_path, bytes, was: file, set: record.queued.clone() }
        } else {
            Fact::RecordWritten { record: record_path, bytes, was: None }
        });
    }
    if let Some(mut clone) = clone {
        clone.append(|state| {
            let new = |fact: &&Fact| match fact {
                Fact::RecordQueued { record, bytes, .. } | Fact::RecordWritten { record, bytes, .. } => {
                    state.records.get(record).is_none_or(|known| known.bytes != *bytes)
                }
                _ => false,
            };
            Ok((facts.iter().filter(new).cloned().collect(), ()))
        })?;
        record::mark_applied(&clone)?;
    }
    Ok(())
}
