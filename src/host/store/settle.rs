//! Settling: after git has been at work, bring records and log together again. The only healing there is.
//!
//! A file somebody changed is right; a file that git took away on purpose stays away; a file that is gone for no reason is
//! put back. Nothing that a checkout, rebase or stash entry will want to write itself is written here.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::{
    host::{
        Error, Result,
        store::{
            binding::Binding,
            bytes, layout,
            ledger::Ledger,
            lock::CloneLock,
            pages,
            place::Place,
            publish, record, rollbacks, snapshots,
            write::{self, Durability},
        },
    },
    model::{
        change::TreePath,
        document::Document,
        event::Fact,
        id::{Digest, Oid},
        intent::{Intent, Settlement},
        quote::first_of,
        state::RecordState,
    },
};

/// Finishes what a command that died left unfinished, then compares every record that the log wrote with what is there,
/// and follows or mends it. Says in one line what was put back.
///
/// # Errors
/// Fails when files or git cannot be read.
pub fn settle(ledger: &mut Ledger<'_>) -> Result<()> {
    sweep(ledger);
    record::apply(ledger)?;
    snapshots::finish(ledger.workspace())?;
    finish(ledger)?;
    let mut facts = Vec::new();
    let mut said = Said::default();
    for (path, known) in ledger.state().records.clone() {
        facts.extend(compare(ledger, &path, &known, &mut said)?);
    }
    if !said.back.is_empty() {
        let what = format!("put back {}", first_of(&said.back));
        ledger.workspace().notice(format!("autonomy {what}"));
        facts.push(Fact::StoreMended { what });
    }
    for (at, paths) in &said.left {
        ledger.workspace().notice(format!("autonomy left {} away: {at}", first_of(paths)));
    }
    if !said.edited.is_empty() {
        ledger.workspace().notice(format!("autonomy follows the edit of {}", first_of(&said.edited)));
    }
    if !facts.is_empty() {
        ledger.append(|_| Ok((facts.clone(), ())))?;
        record::mark_applied(ledger)?;
    }
    bind_clients(ledger)?;
    pages::heal(ledger);
    Ok(())
}

/// Notes every conversation that the log says belongs to the session in its binding, where hooks look.
///
/// # Errors
/// Refuses when another process keeps the clone's lock; fails when the binding cannot be written.
pub fn bind_clients(ledger: &Ledger<'_>) -> Result<()> {
    let directory = ledger.directory();
    let read = || Ok::<_, Error>(Binding::read(&directory)?.unwrap_or_else(|| Binding::to(ledger.workspace().root())));
    let missing = |binding: &Binding| ledger.state().clients.iter().find(|client| !binding.clients.contains(client)).cloned();
    if ledger.state().clients.is_empty() || missing(&read()?).is_none() {
        return Ok(());
    }
    let _lock = CloneLock::take(&layout::Private::of(ledger.workspace().common_directory()).lock())?;
    let mut binding = read()?;
    while let Some(client) = missing(&binding) {
        binding.clients.push(client);
    }
    binding.write(&directory)
}

/// Takes away the temporary files that a writer who died left among the user's files.
pub(super) fn sweep(ledger: &Ledger<'_>) {
    let root = ledger.workspace().root();
    let records = ledger.state().records.keys().filter_map(|path| Some(root.join(path).parent()?.to_owned()));
    let pages = ledger.session().map(|session| root.join(layout::session_folder(session)));
    let directories: BTreeSet<_> = records.chain(pages).chain([root.join(".claude")]).collect();
    for directory in directories {
        write::sweep(&directory);
    }
}

#[derive(Default)]
struct Said {
    back: Vec<String>,
    edited: Vec<String>,
    left: BTreeMap<String, Vec<String>>,
}

/// Finishes the commits and branches that were intended when a command died.
fn finish(ledger: &mut Ledger<'_>) -> Result<()> {
    for (seq, intent) in ledger.state().intents.clone() {
        match &intent {
            Intent::Commit { .. } => publish::carry_out(ledger, seq, &intent)?,
            Intent::Branch { name, .. } => {
                let git = ledger.workspace().git()?;
                let outcome = if git.head()?.reference().as_ref() == Some(name) {
                    Settlement::Done { commit: None }
                } else {
                    Settlement::Dropped { why: "HEAD stands on another branch".to_owned() }
                };
                ledger.append(|_| Ok((vec![Fact::IntentSettled { intent: seq, outcome: outcome.clone() }], ())))?;
            }
            Intent::Rollback { to, .. } => {
                if let Some(finished) = rollbacks::recover(ledger, seq, &intent)? {
                    let paths = finished.restored.done.len();
                    let wrong = finished.restored.unlike.first().map(|path| {
                        format!(", but `{path}` did not come out as planned: `autonomy rollback --undo` takes it back")
                    });
                    let wrong = wrong.unwrap_or_default();
                    ledger.workspace().notice(format!("autonomy finished going back to {}: {paths} paths{wrong}", to.short()));
                }
            }
        }
    }
    Ok(())
}

fn compare(ledger: &Ledger<'_>, path: &str, known: &RecordState, said: &mut Said) -> Result<Vec<Fact>> {
    let workspace = ledger.workspace();
    let place = write::inside(workspace.root(), path)?;
    let Some(there) = write::read_capped(&place, bytes::CAP)? else { return missing(ledger, path, known, said) };
    let found = Digest::of(&there);
    if found == known.file {
        return Ok(Vec::new());
    }
    let is_ours = known.earlier.contains(&found) || found == known.bytes;
    if !is_ours && workspace.git()?.file_at_head(path)?.map(Digest::of).as_ref() != Some(&found) {
        said.edited.push(path.to_owned());
    }
    let bytes = ledger.keep_exact(&there)?;
    let mut facts = vec![Fact::RecordEdited { record: path.to_owned(), bytes: bytes.clone() }];
    if let Some((content, set)) = queued_on_top(ledger, path, known, &there)? {
        let bytes_after = ledger.keep(content.as_bytes())?;
        facts.push(Fact::RecordQueued { record: path.to_owned(), bytes: bytes_after, was: bytes, set });
    }
    Ok(facts)
}

/// The queued changes made on an edited file: a key that the edit changed itself stays as edited.
fn queued_on_top(
    ledger: &Ledger<'_>,
    path: &str,
    known: &RecordState,
    there: &[u8],
) -> Result<Option<(String, BTreeMap<String, Value>)>> {
    if known.queued.is_empty() {
        return Ok(None);
    }
    let Some(before) = ledger.kept(&known.file)? else { return Ok(None) };
    let (Ok(before), Ok(mut now)) = (Document::parse(path, before), Document::parse(path, there.to_vec())) else {
        return Ok(None);
    };
    let (old, new): (Value, Value) = (before.front()?, now.front()?);
    let mut set = BTreeMap::new();
    for (key, value) in &known.queued {
        if old.get(key) == new.get(key) && new.get(key) != Some(value) {
            now = now.set(key, value)?;
            set.insert(key.clone(), value.clone());
        }
    }
    Ok((!set.is_empty()).then(|| (now.text().to_owned(), set)))
}

fn missing(ledger: &Ledger<'_>, path: &str, known: &RecordState, said: &mut Said) -> Result<Vec<Fact>> {
    let workspace = ledger.workspace();
    let git = workspace.git()?;
    if git.file_at_head(path)?.is_some() {
        // Deleted in the work tree by whoever works there; HEAD still has it, and it stays in force from there.
        return Ok(Vec::new());
    }
    let tree_path = TreePath::new(path)?;
    if git.history_holds(&tree_path, known.since)? {
        return Ok(vec![Fact::RecordDropped { record: path.to_owned() }]);
    }
    let mut leave = |why: String| {
        said.left.entry(why).or_default().push(path.to_owned());
        Ok(Vec::new())
    };
    if let Some(operation) = git.operation() {
        return leave(format!("`{}` is in progress", operation.command()));
    }
    let mut blobs: Vec<Oid> = Vec::new();
    for digest in known.earlier.iter().chain([&known.file, &known.bytes]) {
        if let Some(content) = ledger.kept(digest)? {
            blobs.push(git.blob_id(&content)?);
        }
    }
    if let Some(holder) = git.holder(&tree_path, &blobs, known.since)? {
        return leave(holder.to_string());
    }
    let Some(content) = ledger.kept(&known.file)? else { return Ok(Vec::new()) };
    Place::make_way(workspace.root(), path)?.replace(&content, Durability::Derived)?;
    said.back.push(path.to_owned());
    Ok(Vec::new())
}
