//! Sealed files: journals that commits carry, and other files that a session writes once. Never changed again.
//!
//! A journal holds lines of a log as they are. Two branches may carry the same events; readers join them by hash.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
};

use crate::{
    host::{
        Doing, Result,
        store::{
            bytes, layout,
            ledger::{self, Target},
            place::{Place, Stands},
            write::{self, Durability},
        },
        workspace::Workspace,
    },
    model::{
        change::TreePath,
        event::Event,
        id::{Digest, Oid, SessionId},
        refusal::Refusal,
        state::State,
    },
};

/// A journal about to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Journal {
    /// Its path from the top of the work tree.
    pub path: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// How many events it holds.
    pub events: usize,
}

/// The journal of the events that a commit is lacking; none when nothing is.
#[must_use]
pub fn journal(session: &SessionId, lacking: &[(Event, String)]) -> Option<Journal> {
    let first = lacking.first()?.0.seq;
    let mut text = String::new();
    for (_, line) in lacking {
        text.push_str(line);
        text.push('\n');
    }
    let name = format!("{first}-{}.yaml", Digest::of(&text).head(8));
    Some(Journal {
        path: format!("{}/journal/{name}", layout::session_folder(session)),
        bytes: text.into_bytes(),
        events: lacking.len(),
    })
}

/// The hashes of all events of `session` that the tree of `commit` holds.
///
/// # Errors
/// Fails when git's data cannot be read.
pub fn held(workspace: &Workspace, commit: &Oid, session: &SessionId) -> Result<BTreeSet<Digest>> {
    Ok(lines(workspace, commit, session)?.into_iter().map(Digest::of).collect())
}

/// The lines of all journals of `session` that the tree of `commit` holds, as they are.
///
/// # Errors
/// Fails when git's data cannot be read.
pub fn lines(workspace: &Workspace, commit: &Oid, session: &SessionId) -> Result<Vec<Vec<u8>>> {
    let git = workspace.git()?;
    let folder = TreePath::new(format!("{}/journal", layout::session_folder(session)))?;
    let mut lines = Vec::new();
    for (_, side) in git.entries_below(commit, Some(&folder))? {
        let content = git.blob_bytes(&side.oid)?;
        lines.extend(content.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).map(<[u8]>::to_vec));
    }
    Ok(lines)
}

/// Every event of a session that is over, joined from its sealed journals: those of the work tree, of HEAD and of the ref
/// that pins the session. A branch may hold only the first of them, so all are asked.
///
/// # Errors
/// Refuses damaged journals and a chain with gaps.
pub fn events(workspace: &Workspace, session: &SessionId) -> Result<Vec<(Event, String)>> {
    let folder = format!("{}/journal", layout::session_folder(session));
    let (mut lines, mut seen) = (BTreeMap::new(), BTreeSet::new());
    let here = workspace.root().join(&folder);
    if here.is_dir() {
        for entry in fs::read_dir(&here).doing("list", &here)? {
            let path = entry.doing("list", &here)?.path();
            if let Some(content) = write::read_capped(&path, u64::MAX)? {
                take(&mut lines, &path.display().to_string(), content)?;
                seen.extend(path.file_name().map(|name| name.as_encoded_bytes().to_vec()));
            }
        }
    }
    let git = workspace.git()?;
    let mut places: Vec<Oid> = git.head()?.commit().cloned().into_iter().collect();
    places.extend(git.find_ref(&pin_name(session))?);
    for commit in places {
        for (path, side) in git.entries_below(&commit, Some(&TreePath::new(folder.as_str())?))? {
            // The name carries the hash of the content, so the same name is the same journal.
            if seen.insert(path.file_name().to_vec()) {
                take(&mut lines, &format!("{}:{path}", commit.short()), git.blob_bytes(&side.oid)?)?;
            }
        }
    }
    if lines.is_empty() {
        return Err(Refusal::usage(format!("there is no session `{session}`")).hint("`autonomy session list` shows all").into());
    }
    if !is_chain(&lines) {
        return Err(Refusal::environment(format!("the journals of session `{session}` do not make a whole chain"))
            .hint("`git fetch` the branch that holds the rest, or `autonomy verify`")
            .into());
    }
    Ok(lines.into_values().collect())
}

fn take(lines: &mut BTreeMap<u64, (Event, String)>, name: &str, content: Vec<u8>) -> Result<()> {
    let text = String::from_utf8(content).map_err(|_| Refusal::environment(format!("`{name}` is not UTF-8")))?;
    for (number, line) in text.lines().enumerate() {
        let event = Event::parse(line).map_err(|refusal| {
            Refusal::environment(format!("`{name}` is damaged at line {}: {}", number + 1, refusal.message))
        })?;
        lines.insert(event.seq, (event, line.to_owned()));
    }
    Ok(())
}

/// The state of a session, live or over.
///
/// # Errors
/// Refuses an unknown session and damaged journals.
pub fn state(workspace: &Workspace, session: &SessionId) -> Result<State> {
    if let Some(state) = ledger::read(workspace, &Target::Session(session.clone()))? {
        return Ok(state);
    }
    let mut state = State::empty(session.as_str());
    for (event, line) in events(workspace, session)? {
        state.apply(&event, Digest::of(line))?;
    }
    Ok(state)
}

/// The sessions whose journals lie in the work tree, in HEAD's tree or under a pin, in the order of their names.
///
/// # Errors
/// Fails when git or the folder cannot be read.
pub fn sessions(workspace: &Workspace) -> Result<Vec<SessionId>> {
    let mut names = BTreeSet::new();
    let here = workspace.claude().join("sessions");
    if here.is_dir() {
        for entry in fs::read_dir(&here).doing("list", &here)? {
            let entry = entry.doing("list", &here)?;
            if entry.path().join("journal").is_dir() {
                names.extend(entry.file_name().into_string());
            }
        }
    }
    let git = workspace.git()?;
    for path in git.files_at_head(".claude/sessions")? {
        let mut parts = path.split('/').skip(2);
        if let (Some(name), Some("journal")) = (parts.next(), parts.next()) {
            names.insert(name.to_owned());
        }
    }
    for (name, _) in git.list_refs("refs/autonomy/session/")? {
        names.extend(name.rsplit('/').next().map(str::to_owned));
    }
    Ok(names.into_iter().filter_map(|name| SessionId::new(name).ok()).collect())
}

/// Whether the events are numbered from 1 without gaps and each continues the one before.
fn is_chain(lines: &BTreeMap<u64, (Event, String)>) -> bool {
    let mut previous: Option<&(Event, String)> = None;
    for (expected, (seq, entry)) in (1_u64..).zip(lines) {
        if *seq != expected || previous.is_some_and(|(_, line)| Digest::of(line) != entry.0.prev) {
            return false;
        }
        previous = Some(entry);
    }
    previous.is_some()
}

/// The ref that pins a session's directory and records outside all branches.
#[must_use]
pub fn pin_name(session: &SessionId) -> String {
    format!("refs/autonomy/session/{session}")
}

/// Puts sealed files that the log names into the work tree where they are not.
///
/// # Errors
/// Fails when a file cannot be written.
pub fn place(workspace: &Workspace, directory: &std::path::Path, files: &[(String, Digest)]) -> Result<()> {
    for (file, digest) in files {
        let place = Place::make_way(workspace.root(), file)?;
        if place.stands()? == Stands::Nothing
            && let Some(content) = bytes::get(directory, digest)?
        {
            place.replace(&content, Durability::Derived)?;
        }
    }
    Ok(())
}
