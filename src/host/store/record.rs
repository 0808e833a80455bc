//! Records as files: which are in force, how a change of one is prepared, and putting in place what the log says.
//!
//! What a record means is `model`'s; here it is bytes at a path under `.claude/`.

use std::collections::BTreeMap;

use serde_json::Value;
use walkdir::WalkDir;

use crate::{
    host::{
        Doing, Error, Result, failpoint,
        store::{
            bytes, layout,
            ledger::Ledger,
            overview::Overview,
            place::Place,
            write::{self, Durability},
        },
        workspace::Workspace,
    },
    model::{document::Document, event::Fact, id::Digest, refusal::Refusal},
};

/// Where the bytes of a record in force were found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whence {
    /// In the work tree.
    WorkTree,
    /// Beside a live log: a queued change, or a file that is gone from the work tree.
    Log,
    /// In HEAD's tree: the file is gone from the work tree.
    Head,
}

/// A record in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// Its path from the top of the work tree.
    pub path: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// Where they were found.
    pub whence: Whence,
    /// Whether a change of it waits for the next commit.
    pub queued: bool,
}

impl Stored {
    /// The last part of the path without `.md` or `.yaml`.
    #[must_use]
    pub fn name(&self) -> &str {
        let file = self.path.rsplit('/').next().unwrap_or(&self.path);
        file.rsplit_once('.').map_or(file, |(stem, _)| stem)
    }

    /// The record as a document.
    ///
    /// # Errors
    /// Refuses what is malformed, with file and line.
    pub fn document(&self) -> Result<Document> {
        Ok(Document::parse(self.path.clone(), self.bytes.clone())?)
    }
}

/// The records in force below `folder`, such as `.claude/tasks`, in the order of their paths.
///
/// # Errors
/// Fails when they cannot be read.
pub fn list(workspace: &Workspace, overview: &Overview, folder: &str) -> Result<Vec<Stored>> {
    let mut found: BTreeMap<String, Stored> = BTreeMap::new();
    let root = workspace.root().join(folder);
    for entry in WalkDir::new(&root).min_depth(1).max_depth(2).sort_by_file_name() {
        let entry = match entry {
            Ok(entry) => entry,
            Err(error) if error.io_error().is_some_and(|io| io.kind() == std::io::ErrorKind::NotFound) => continue,
            Err(error) => return Err(Error::at("list the records in", &root, error)),
        };
        let Some(relative) = entry.path().strip_prefix(workspace.root()).ok().and_then(|path| path.to_str()) else { continue };
        if entry.file_type().is_file() && is_record(relative) {
            let bytes = write::read_capped(entry.path(), bytes::CAP)?.unwrap_or_default();
            found.insert(
                relative.to_owned(),
                Stored { path: relative.to_owned(), bytes, whence: Whence::WorkTree, queued: false },
            );
        }
    }
    for path in workspace.git()?.files_at_head(folder)? {
        if is_record(&path)
            && !found.contains_key(&path)
            && let Some(bytes) = workspace.git()?.file_at_head(&path)?
        {
            found.insert(path.clone(), Stored { path, bytes, whence: Whence::Head, queued: false });
        }
    }
    for (path, log) in overview.records_below(folder) {
        if found.get(&path).is_none_or(|stored| stored.whence != Whence::WorkTree || log.queued) {
            let Some(bytes) = bytes::get(&log.directory, &log.bytes)? else { continue };
            found.insert(path.clone(), Stored { path, bytes, whence: Whence::Log, queued: log.queued });
        }
    }
    Ok(found.into_values().collect())
}

/// Files that records lie in; temporary files and hidden ones are none.
fn is_record(path: &str) -> bool {
    let file = path.rsplit('/').next().unwrap_or(path);
    !file.starts_with('.') && (file.strip_suffix(".md").is_some() || file.strip_suffix(".yaml").is_some())
}

/// Prepares a record that is new, or written whole: keeps its bytes and returns the fact that puts them in place.
///
/// # Errors
/// Fails when the bytes cannot be kept.
pub fn written(ledger: &Ledger<'_>, path: &str, content: &str) -> Result<Fact> {
    let was = ledger.state().records.get(path).map(|record| record.bytes.clone());
    Ok(Fact::RecordWritten { record: path.to_owned(), bytes: ledger.keep(content.as_bytes())?, was })
}

/// Prepares a change of a record in force. A record that git tracks is not touched now: the change holds at once, and the
/// file follows with our next commit.
///
/// # Errors
/// Refuses a malformed record; fails when the bytes cannot be kept.
pub fn changed(ledger: &Ledger<'_>, stored: &Stored, set: BTreeMap<String, Value>) -> Result<Fact> {
    let mut document = stored.document()?;
    for (key, value) in &set {
        document = document.set(key, value)?;
    }
    changed_to(ledger, stored, document.text(), set)
}

/// As [`changed`], for a change that is not one of keys alone: `content` is the whole record, `set` the keys that differ.
///
/// # Errors
/// Fails when the bytes cannot be kept.
pub fn changed_to(ledger: &Ledger<'_>, stored: &Stored, content: &str, set: BTreeMap<String, Value>) -> Result<Fact> {
    let bytes = ledger.keep(content.as_bytes())?;
    let known = ledger.state().records.get(&stored.path);
    if stored.queued || ledger.workspace().git()?.tracks(&stored.path)? {
        let was = match known {
            Some(record) => record.file.clone(),
            None => ledger.keep_exact(&stored.bytes)?,
        };
        return Ok(Fact::RecordQueued { record: stored.path.clone(), bytes, was, set });
    }
    let was = Some(known.map_or_else(|| Digest::of(&stored.bytes), |record| record.bytes.clone()));
    Ok(Fact::RecordWritten { record: stored.path.clone(), bytes, was })
}

/// Puts in place the records that the log wrote since this was last done. What somebody changed meanwhile is left alone.
///
/// # Errors
/// Fails when a file cannot be written; the next command goes on.
pub fn apply(ledger: &Ledger<'_>) -> Result<()> {
    let directory = ledger.directory();
    let done = applied(&directory)?.unwrap_or(u64::MAX);
    let waiting: Vec<_> = ledger.state().records.iter().filter(|(_, record)| record.seq > done).collect();
    if waiting.is_empty() {
        return Ok(());
    }
    failpoint::reach("record.apply").doing("write the records of", &directory)?;
    let root = ledger.workspace().root();
    for (path, record) in waiting {
        let place = Place::make_way(root, path)?;
        let there = place.read(bytes::CAP)?.map(Digest::of);
        let ours = there.as_ref().is_none_or(|digest| record.earlier.contains(digest));
        if ours && there.as_ref() != Some(&record.file) {
            let content = bytes::get(&directory, &record.file)?
                .ok_or_else(|| Refusal::environment(format!("the bytes of `{path}` are gone from beside the log")))?;
            place.replace(&content, Durability::Derived)?;
        }
    }
    failpoint::reach("record.applied").doing("write the records of", &directory)?;
    mark_applied(ledger)
}

/// Writes a record's file back to an earlier version; the next command follows it.
///
/// # Errors
/// Fails when the file cannot be written.
pub fn put_back(ledger: &Ledger<'_>, path: &str, content: &[u8]) -> Result<()> {
    Place::make_way(ledger.workspace().root(), path)?.replace(content, Durability::Synced)
}

/// Remembers that everything up to the last event is in place.
///
/// # Errors
/// Fails when the mark cannot be written.
pub fn mark_applied(ledger: &Ledger<'_>) -> Result<()> {
    let path = layout::applied(&ledger.directory());
    write::replace(&path, format!("{}\n", ledger.state().seq).as_bytes(), Durability::Derived)
}

/// Remembers, where nothing is remembered, that everything so far is in place; what comes next is then known to be new.
///
/// # Errors
/// Fails when the mark cannot be written.
pub fn ensure_marked(ledger: &Ledger<'_>) -> Result<()> {
    if layout::applied(&ledger.directory()).exists() { Ok(()) } else { mark_applied(ledger) }
}

fn applied(directory: &std::path::Path) -> Result<Option<u64>> {
    let path = layout::applied(directory);
    match write::read_whole(&path, 32) {
        Ok(text) => Ok(std::str::from_utf8(&text).ok().and_then(|text| text.trim().parse().ok())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).doing("read", &path),
    }
}
