//! `memory …`: what should be known next time, under keys: store, get, list, search, forget.
//!
//! It is kept as notes, one record each. What is over its time, or forgotten, is not shown any more and is still in its
//! record. The value of a credential is never taken.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    host::{
        Result,
        store::{
            holdings,
            overview::Overview,
            record::{self, Stored},
        },
        transaction::Transaction,
        workspace::Workspace,
    },
    model::{
        document::Document,
        event::Fact,
        id::{NoteId, record_name},
        memory::{Note, NoteKind},
        record::RecordKind,
        refusal::Refusal,
        search,
        time::{Lapse, Timestamp},
    },
    ops::{session::compaction::show, work::board::Board},
};

/// The longest key, in characters.
const MAX_KEY: usize = 200;
/// How the founding keys of a compaction begin.
const COMPACTION: &str = "compaction/";

/// What to remember.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct StoreRequest {
    /// Under what.
    pub key: String,
    /// What it says.
    pub text: String,
    /// What it is about.
    pub kind: NoteKind,
    /// After how long it is not shown any more.
    pub ttl: Option<Lapse>,
    /// The task that it is about.
    pub task: Option<String>,
}

/// What was kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StoreOutcome {
    /// The key.
    pub key: String,
    /// The note.
    pub note: NoteId,
    /// Its file, from the top of the work tree.
    pub path: String,
    /// Whether it took the place of an earlier one.
    pub replaced: bool,
    /// From when on it is not shown any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<Timestamp>,
}

/// Keeps a text under a key; what was there under it is replaced.
///
/// # Errors
/// Refuses a key that is none, an empty text, a text that holds a secret, and an unknown task.
pub fn store(workspace: &Workspace, request: &StoreRequest) -> Result<StoreOutcome> {
    let key = checked(&request.key)?;
    let text = request.text.trim();
    if text.is_empty() {
        return Err(Refusal::usage(format!("nothing is to be kept under `{key}`"))
            .hint(format!("`autonomy memory store {key} \"<text>\"`, or `autonomy memory forget {key}`"))
            .into());
    }
    if workspace.secrets().redact(text) != text {
        return Err(Refusal::no(format!("the text for `{key}` holds a secret, and what is remembered is committed"))
            .hint("say what it is called, where it lies and when it is renewed; never the value")
            .into());
    }
    let task = match &request.task {
        Some(given) => Some(Board::read(workspace)?.task(given)?.task.id.clone()),
        None => None,
    };
    let mut transaction = Transaction::open(workspace)?;
    // Two at once would each make a record of their own.
    let lock = transaction.lock_clone()?;
    let now = transaction.at();
    let before =
        all(workspace)?.into_iter().filter(|(note, _)| note.key.as_deref() == Some(key)).max_by_key(|(note, _)| age(note));
    let id = match &before {
        Some((note, _)) => note.id.clone(),
        None => NoteId::new(record_name(now, key, &workspace.clock().suffix(4)?))?,
    };
    let note = Note {
        kind: request.kind,
        key: Some(key.to_owned()),
        expires: request.ttl.map(|ttl| now.after(ttl)),
        task,
        session: transaction.session().cloned(),
        by: Some(transaction.actor().to_string()),
        ..Note::new(id, text, now)
    };
    let path = RecordKind::Note.path(note.id.as_str());
    let content = note.document(&path)?;
    let fact = match &before {
        Some((_, stored)) => record::changed_to(&transaction, stored, content.text(), BTreeMap::new())?,
        None => record::written(&transaction, &path, content.text())?,
    };
    transaction.append_facts(&[fact, Fact::NoteAdded { note: note.id.clone() }])?;
    drop(lock);
    Ok(StoreOutcome { key: key.to_owned(), note: note.id, path, replaced: before.is_some(), expires: note.expires })
}

/// A key: parts of plain characters between slashes.
fn checked(key: &str) -> Result<&str> {
    let key = key.trim();
    let is_plain = |character: char| !character.is_control() && !character.is_whitespace() && !"\\`\"'<>".contains(character);
    let is_part = |part: &str| !part.is_empty() && part != "." && part != "..";
    if key.chars().count() <= MAX_KEY && key.chars().all(is_plain) && key.split('/').all(is_part) {
        return Ok(key);
    }
    Err(Refusal::usage(format!("`{}` is no key", key.escape_debug()))
        .hint("a key is words between slashes, without spaces, such as `api/limits`")
        .into())
}

/// All notes with their files; those that cannot be read are named on stderr.
fn all(workspace: &Workspace) -> Result<Vec<(Note, Stored)>> {
    let overview = Overview::read(workspace)?;
    let mut found = Vec::new();
    for stored in record::list(workspace, &overview, RecordKind::Note.folder().unwrap_or_default())? {
        let note = NoteId::new(stored.name()).and_then(|id| {
            let document = Document::parse(stored.path.clone(), stored.bytes.clone())?;
            Note::read(id, &document)
        });
        match note {
            Ok(note) => found.push((note, stored)),
            Err(refusal) => workspace.notice(format!("left out: {}", refusal.message.lines().next().unwrap_or_default())),
        }
    }
    Ok(found)
}

/// What makes one of two notes with the same key the later one.
fn age(note: &Note) -> (Option<Timestamp>, NoteId) {
    (note.created, note.id.clone())
}

/// Which key.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct KeyRequest {
    /// The key.
    pub key: String,
}

/// What is known under a key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Known {
    /// The key.
    pub key: String,
    /// What it says.
    pub text: String,
    /// The note; none for what a compaction sealed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<Note>,
}

/// Gives what is known under a key: a note, else what the last compaction of the session sealed that a key
/// `compaction/<session>/…` names.
///
/// # Errors
/// Refuses a key under which nothing is shown, naming those that are near.
pub fn get(workspace: &Workspace, request: &KeyRequest) -> Result<Known> {
    let key = checked(&request.key)?;
    if let Some(note) = shown(workspace)?.into_iter().filter(|note| note.key.as_deref() == Some(key)).max_by_key(age) {
        return Ok(Known { key: key.to_owned(), text: note.text.clone(), note: Some(note) });
    }
    if let Some((session, rest)) = key.strip_prefix(COMPACTION).and_then(|rest| rest.split_once('/')) {
        let sealed = show::Request { session: Some(session.to_owned()), number: None, key: Some(rest.to_owned()) };
        let text = show(workspace, &sealed)?.text.unwrap_or_default();
        return Ok(Known { key: key.to_owned(), text, note: None });
    }
    Err(unknown(workspace, key)?.into())
}

/// Notes that hold now.
fn shown(workspace: &Workspace) -> Result<Vec<Note>> {
    let now = workspace.clock().now();
    let overview = Overview::read(workspace)?;
    let (held, unreadable) = holdings::read(workspace, &overview, &[RecordKind::Note])?;
    for refusal in unreadable {
        workspace.notice(format!("left out: {}", refusal.message.lines().next().unwrap_or_default()));
    }
    Ok(held.notes.into_iter().filter(|note| note.holds_at(now)).collect())
}

fn unknown(workspace: &Workspace, key: &str) -> Result<Refusal> {
    let part = key.rsplit('/').next().unwrap_or(key);
    let keys: Vec<String> = shown(workspace)?.into_iter().filter_map(|note| note.key).collect();
    let near: Vec<String> =
        keys.into_iter().filter(|known| known.contains(part)).take(3).map(|known| format!("`{known}`")).collect();
    let hint = if near.is_empty() {
        "`autonomy memory list` shows all keys".to_owned()
    } else {
        format!("did you mean {}?", near.join(" or "))
    };
    Ok(Refusal::no(format!("nothing is remembered under `{key}`")).hint(hint))
}

/// Which notes.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ListRequest {
    /// How their keys begin.
    pub prefix: Option<String>,
    /// What they are about.
    pub kind: Option<NoteKind>,
    /// Whether those are listed too that are over their time or forgotten.
    pub expired: bool,
}

/// Notes, those with keys first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct List {
    /// Each of them.
    pub notes: Vec<Note>,
    /// How many there are of each type.
    pub kinds: BTreeMap<String, usize>,
    /// How many each made.
    pub authors: BTreeMap<String, usize>,
}

/// Lists what is remembered.
///
/// # Errors
/// Fails when the records cannot be read.
pub fn list(workspace: &Workspace, request: &ListRequest) -> Result<List> {
    let now = workspace.clock().now();
    let prefix = request.prefix.as_deref().unwrap_or_default();
    let fits = |note: &Note| {
        (request.expired || note.holds_at(now))
            && request.kind.is_none_or(|kind| note.kind == kind)
            && (prefix.is_empty() || note.key.as_deref().is_some_and(|key| key.starts_with(prefix)))
    };
    let mut notes: Vec<Note> = all(workspace)?.into_iter().map(|(note, _)| note).filter(fits).collect();
    notes.sort_by(|left, right| (left.key.is_none(), &left.key, &left.id).cmp(&(right.key.is_none(), &right.key, &right.id)));
    let (mut kinds, mut authors) = (BTreeMap::new(), BTreeMap::new());
    for note in &notes {
        *kinds.entry(note.kind.word().to_owned()).or_default() += 1;
        *authors.entry(note.by.clone().unwrap_or_else(|| "nobody named".to_owned())).or_default() += 1;
    }
    Ok(List { notes, kinds, authors })
}

/// What to look for.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SearchRequest {
    /// Words, of which one has to occur.
    pub words: String,
    /// What the notes are about.
    pub kind: Option<NoteKind>,
    /// The most that are shown; 10 when not said.
    pub limit: Option<usize>,
}

/// A note that fits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Found {
    /// How well, in thousandths; only good for comparing.
    pub rank: u64,
    /// The note.
    pub note: Note,
}

/// The notes that fit, best first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Search {
    /// Each of them.
    pub found: Vec<Found>,
    /// How many fit besides.
    pub more: usize,
}

/// Looks through what is remembered.
///
/// # Errors
/// Refuses a search for nothing.
pub fn search(workspace: &Workspace, request: &SearchRequest) -> Result<Search> {
    if search::words(&request.words).is_empty() {
        return Err(Refusal::usage("no word to look for was given").hint("`autonomy memory search \"<words>\"`").into());
    }
    let mut notes: Vec<Note> =
        shown(workspace)?.into_iter().filter(|note| request.kind.is_none_or(|kind| note.kind == kind)).collect();
    // Of those that fit as well the newest comes first.
    notes.sort_by_key(|note| std::cmp::Reverse(age(note)));
    let texts: Vec<String> = notes
        .iter()
        .map(|note| format!("{} {} {}", note.key.as_deref().unwrap_or_default(), note.kind.word(), note.text))
        .collect();
    let ranked = search::rank(&request.words, &texts);
    let limit = request.limit.unwrap_or(10);
    let found = ranked.iter().take(limit).map(|(place, rank)| Found { rank: *rank, note: notes[*place].clone() }).collect();
    Ok(Search { found, more: ranked.len().saturating_sub(limit) })
}

/// What is not shown any more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Forgotten {
    /// The key.
    pub key: String,
    /// The notes that were under it; their files are still there.
    pub notes: Vec<NoteId>,
}

/// Lets what is known under a key not be shown any more.
///
/// # Errors
/// Refuses a key under which nothing is shown.
pub fn forget(workspace: &Workspace, request: &KeyRequest) -> Result<Forgotten> {
    let key = checked(&request.key)?;
    let mut transaction = Transaction::open(workspace)?;
    let _lock = transaction.lock_clone()?;
    let now = transaction.at();
    let (mut facts, mut notes) = (Vec::new(), Vec::new());
    for (note, stored) in all(workspace)? {
        if note.key.as_deref() == Some(key) && note.holds_at(now) {
            let set = BTreeMap::from([("expires".to_owned(), serde_json::json!(now))]);
            facts.push(record::changed(&transaction, &stored, set)?);
            notes.push(note.id);
        }
    }
    if facts.is_empty() {
        return Err(unknown(workspace, key)?.into());
    }
    transaction.append_facts(&facts)?;
    Ok(Forgotten { key: key.to_owned(), notes })
}
