//! Makes a log whose chain is broken whole again, as far as its own lines and those that git holds reach.
//!
//! Nothing is thrown away: the log as it was found is set aside beside the new one. Which lines are taken is ruled by
//! `model::chain`.

use std::{
    fs::{self, File},
    path::Path,
};

use crate::{
    host::{
        Doing, Result, failpoint,
        store::{
            layout::{self, Private},
            ledger::{self, Ledger, Target},
            lock::LogLock,
            log::Log,
            sealed,
            write::{self, Durability},
        },
        workspace::Workspace,
    },
    model::{
        chain,
        event::{Fact, genesis},
        id::{Digest, SessionId},
    },
};

/// What the file of a log begins with that was set aside whole.
pub(super) const WHOLE: &str = "whole-";

/// Makes the log of `target` whole and cuts its torn end; says what was done, or nothing where nothing was broken or nothing can be mended.
///
/// # Errors
/// Refuses in a copied clone; fails when the log or git cannot be read or written.
pub fn log(workspace: &Workspace, target: Target) -> Result<Option<String>> {
    let private = Private::of(workspace.common_directory());
    let (directory, name) = match &target {
        Target::Session(session) => (private.session(session), session.to_string()),
        Target::Clone => (private.clone_log(), layout::CLONE.to_owned()),
    };
    let path = layout::log(&directory);
    if !path.is_file() {
        return Ok(None);
    }
    if Log::check(&directory, &name).is_ok() {
        let Some(log) = Log::open(&directory, &name)?.filter(|log| log.torn().is_ok_and(|torn| torn.is_some())) else {
            return Ok(None);
        };
        ledger::at_home(&private, workspace)?;
        return Ok(Some(format!("set the torn end of the log of {name} aside, {} bytes", log.cut()?)));
    }
    ledger::at_home(&private, workspace)?;
    let committed = match &target {
        Target::Session(session) => committed(workspace, session)?,
        Target::Clone => Vec::new(),
    };
    let Some((kept, taken, left)) = rebuild(&directory, &name, &committed)? else { return Ok(None) };
    let aside = format!("{left} lines that fit nowhere lie in `{}`", layout::torn(&directory).display());
    let what = format!("made the log of {name} whole: {kept} events, {taken} of them from git; {aside}");
    let mut ledger = Ledger::open(workspace, target)?;
    if !ledger.state().is_ended() {
        ledger.append(|_| Ok((vec![Fact::StoreMended { what: what.clone() }], ())))?;
    }
    Ok(Some(what))
}

/// The lines of a session's events that HEAD's tree and the session's own ref hold.
fn committed(workspace: &Workspace, session: &SessionId) -> Result<Vec<String>> {
    let git = workspace.git()?;
    let mut lines = Vec::new();
    for commit in git.head()?.commit().cloned().into_iter().chain(git.find_ref(&sealed::pin_name(session))?) {
        lines.extend(sealed::lines(workspace, &commit, session)?.into_iter().filter_map(|line| String::from_utf8(line).ok()));
    }
    Ok(lines)
}

/// Replaces the log by its longest chain; gives how many events that has, how many of them git gave, and how many lines of
/// the log were left out. None when not even the first command is left.
fn rebuild(directory: &Path, name: &str, committed: &[String]) -> Result<Option<(usize, usize, usize)>> {
    let path = layout::log(directory);
    let file = File::options().read(true).append(true).open(&path).doing("open the log", &path)?;
    let _lock = LogLock::take(&file, &path)?;
    let before = fs::read(&path).doing("read the log", &path)?;
    let text = String::from_utf8_lossy(&before);
    let own: Vec<&str> = text.lines().collect();
    let lines: Vec<&str> = own.iter().copied().chain(committed.iter().map(String::as_str)).collect();
    let chain = chain::longest(&genesis(name), &lines);
    if chain.is_empty() {
        return Ok(None);
    }
    let aside = layout::torn(directory);
    write::make_directory(&aside)?;
    write::replace(&aside.join(format!("{WHOLE}{}", Digest::of(&before).head(8))), &before, Durability::Synced)?;
    failpoint::reach("mend.aside").doing("mend the log", &path)?;
    for derived in [layout::fold(directory), layout::applied(directory), layout::rendered(directory)] {
        match fs::remove_file(&derived) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error).doing("remove", &derived),
            Ok(()) | Err(_) => {}
        }
    }
    let mended: String = chain.iter().flat_map(|place| [lines[*place], "\n"]).collect();
    write::replace(&path, mended.as_bytes(), Durability::Synced)?;
    failpoint::reach("mend.replaced").doing("mend the log", &path)?;
    let taken = chain.iter().filter(|place| **place >= own.len()).count();
    Ok(Some((chain.len(), taken, own.len() + taken - chain.len())))
}
