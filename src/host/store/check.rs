//! Looks at logs, journals, locks and leftovers, and says what is wrong with them. Changes nothing but leftovers, and those
//! only when told to.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use walkdir::WalkDir;

use crate::{
    host::{
        Doing, Result,
        store::{
            layout::{self, Private},
            log::Log,
            mend::WHOLE,
            overview::{Known, Overview},
            sealed,
        },
        workspace::Workspace,
    },
    model::{
        change::TreePath,
        event::FORMAT,
        finding::{Finding, Severity},
        id::{Digest, SessionId},
    },
};

/// How old a temporary file has to be before it counts as left over.
const ABANDONED: Duration = Duration::from_hours(1);

/// What is to be done about a log whose chain is broken.
const MEND: &str = "`autonomy verify --repair` takes what is whole and keeps the rest";

/// From which age on a git lock is worth naming.
const STALE: Duration = Duration::from_secs(5);

/// What is wrong with live logs.
///
/// # Errors
/// Fails when git cannot be read.
pub fn logs(workspace: &Workspace, overview: &Overview) -> Result<Vec<Finding>> {
    let mut found = Vec::new();
    for (name, why) in &overview.damaged {
        let place = if name == layout::CLONE { "the clone's own log".to_owned() } else { format!("session {name}") };
        found.push(Finding::new(Severity::Error, place, why.clone()).mend(MEND));
    }
    for known in &overview.logs {
        let place = known.session.as_ref().map_or_else(|| "the clone's own log".to_owned(), |id| format!("session {id}"));
        if known.state.newer || known.state.format > FORMAT {
            let message = format!("its log is of form {}, and this program writes {FORMAT}: it is read only", known.state.format);
            found.push(Finding::new(Severity::Warning, place.as_str(), message).mend("install the later version of autonomy"));
        }
        for intent in known.state.intents.keys() {
            let message = format!("the command of event {intent} did not come to its end");
            found.push(Finding::new(Severity::Note, place.as_str(), message).mend("the next command finishes it"));
        }
        let name = known.session.as_ref().map_or(layout::CLONE, SessionId::as_str);
        // What is kept of a log answers for its last line only.
        if let Err(error) = Log::check(&known.directory, name) {
            found.push(Finding::new(Severity::Error, place, error.refusal().message).mend(MEND));
            continue;
        }
        if let Some(log) = Log::open(&known.directory, name)?
            && let Some(length) = log.torn()?
        {
            let message = format!("its last {length} bytes were cut off in the middle of a command that was never acknowledged");
            found.push(Finding::new(Severity::Note, place.as_str(), message).mend("the next command sets them aside"));
        }
        found.extend(foreign_events(workspace, known)?);
        found.extend(replaced(&known.directory, &place));
    }
    Ok(found)
}

/// Logs as they were before they were made whole: nothing reads them any more, and nobody but a person lets them go.
fn replaced(directory: &Path, place: &str) -> Vec<Finding> {
    let kept = fs::read_dir(layout::torn(directory)).into_iter().flatten().flatten();
    let logs = kept.filter(|entry| entry.file_name().as_encoded_bytes().starts_with(WHOLE.as_bytes()));
    let mut paths: Vec<PathBuf> = logs.map(|entry| entry.path()).collect();
    paths.sort();
    let named = paths.iter().map(|path| {
        let message = format!("the log as it was before it was made whole is kept in `{}`", path.display());
        Finding::new(Severity::Note, place, message).mend(format!("when nobody misses anything of it: `rm '{}'`", path.display()))
    });
    named.collect()
}

/// Events that HEAD's tree holds for a live session and that its log does not know: nobody else may write them.
fn foreign_events(workspace: &Workspace, known: &Known) -> Result<Vec<Finding>> {
    let Some(session) = &known.session else { return Ok(Vec::new()) };
    let git = workspace.git()?;
    let Some(head) = git.head()?.commit().cloned() else { return Ok(Vec::new()) };
    let committed = sealed::held(workspace, &head, session)?;
    if committed.is_empty() {
        return Ok(Vec::new());
    }
    let Some(log) = Log::open(&known.directory, session.as_str())? else { return Ok(Vec::new()) };
    let ours: BTreeSet<Digest> = log.events()?.iter().map(|(_, line)| Digest::of(line)).collect();
    let foreign = committed.difference(&ours).count();
    if foreign == 0 {
        return Ok(Vec::new());
    }
    let message = format!("HEAD holds {foreign} events of it that its log does not have");
    Ok(vec![
        Finding::new(Severity::Error, format!("session {session}"), message)
            .mend("`git log -- .claude/sessions` shows who wrote them"),
    ])
}

/// What is wrong with the journals of sessions that are over.
///
/// # Errors
/// Fails when git or the folder cannot be listed.
pub fn journals(workspace: &Workspace, overview: &Overview) -> Result<Vec<Finding>> {
    let mut found = Vec::new();
    for session in sealed::sessions(workspace)? {
        if overview.session(&session).is_some() || overview.damaged.iter().any(|(name, _)| name == session.as_str()) {
            continue;
        }
        if let Err(error) = sealed::state(workspace, &session) {
            let refusal = error.refusal();
            let finding = Finding::new(Severity::Error, format!("session {session}"), refusal.message);
            found.push(Finding { mend: refusal.hint, ..finding });
        }
        found.extend(renamed(workspace, &session)?);
    }
    Ok(found)
}

/// Journals whose content is no longer what their name says.
fn renamed(workspace: &Workspace, session: &SessionId) -> Result<Vec<Finding>> {
    let folder = format!("{}/journal", layout::session_folder(session));
    let git = workspace.git()?;
    let Some(head) = git.head()?.commit().cloned() else { return Ok(Vec::new()) };
    let mut found = Vec::new();
    for (path, side) in git.entries_below(&head, Some(&TreePath::new(folder)?))? {
        let digest = Digest::of(git.blob_bytes(&side.oid)?);
        let name = path.to_string();
        let named = name.strip_suffix(".yaml").and_then(|stem| stem.rsplit_once('-')).map(|(_, hash)| hash);
        if named != Some(digest.head(8)) {
            found.push(Finding::new(Severity::Error, name, "the journal was changed after it was sealed"));
        }
    }
    Ok(found)
}

/// Locks of git that have been there for a while.
///
/// # Errors
/// Fails when the git directory cannot be listed.
pub fn git_locks(workspace: &Workspace) -> Result<Vec<Finding>> {
    let mut found = Vec::new();
    let mut places: Vec<PathBuf> = vec![workspace.git_directory().to_owned()];
    if workspace.common_directory() != workspace.git_directory() {
        places.push(workspace.common_directory().to_owned());
    }
    places.push(workspace.common_directory().join("refs"));
    for place in places {
        let depth = if place.ends_with("refs") { 64 } else { 1 };
        for entry in WalkDir::new(&place).max_depth(depth).into_iter().flatten() {
            let is_lock = entry.path().extension().is_some_and(|extension| extension == "lock");
            if !is_lock || !entry.file_type().is_file() {
                continue;
            }
            if let Some(age) = age(entry.path()).filter(|age| *age > STALE) {
                let message = format!("git's lock has been there for {} seconds", age.as_secs());
                let mend = format!("when no git command is running: `rm '{}'`", entry.path().display());
                found.push(Finding::new(Severity::Warning, entry.path().display().to_string(), message).mend(mend));
            }
        }
    }
    Ok(found)
}

/// Temporary files and half-removed logs of commands that died.
///
/// # Errors
/// Fails when a directory cannot be listed.
pub fn leftovers(workspace: &Workspace) -> Result<Vec<PathBuf>> {
    let private = Private::of(workspace.common_directory());
    let mut found = Vec::new();
    for root in [workspace.claude(), private.root().to_owned()] {
        for entry in WalkDir::new(&root).max_depth(5).into_iter().flatten() {
            let name = entry.file_name().to_string_lossy();
            let ours = entry.file_type().is_file() && name.starts_with(".autonomy-")
                || entry.file_type().is_dir() && name.starts_with("retired-");
            if ours && age(entry.path()).is_some_and(|age| age > ABANDONED) {
                found.push(entry.path().to_owned());
            }
        }
    }
    Ok(found)
}

/// Removes what [`leftovers`] found.
///
/// # Errors
/// Fails when a file cannot be removed.
pub fn remove_leftover(path: &Path) -> Result<()> {
    if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) }.doing("remove", path)
}

fn age(path: &Path) -> Option<Duration> {
    let modified = fs::symlink_metadata(path).and_then(|found| found.modified()).ok()?;
    SystemTime::now().duration_since(modified).ok()
}
