//! Pages of a live session, rendered from its state after each command.
//!
//! A page never stops a command: what happened is in the log. A page that cannot be updated is named on stderr and left as
//! it is. People's text in a page is kept beside the log as well, so that it comes back with a page that was taken away.

use std::{
    fs::{self, File},
    io::Write as _,
    path::{Path, PathBuf},
};

use crate::{
    host::{
        Doing, Error, Result,
        store::{
            bytes, holdings, layout,
            ledger::{self, Ledger},
            overview::Overview,
            place::Place,
            write::{self, Durability},
        },
        template::Templates,
        workspace::Workspace,
    },
    model::{
        change::TreePath,
        event::Fact,
        holdings::Holdings,
        id::SessionId,
        page,
        record::RecordKind,
        refusal::{Code, Refusal},
        session_page::{SessionPage, values::values, without_markers},
        shell::Shell,
        state::State,
        time::Timestamp,
    },
};

/// How often a page is rendered again because another process was faster.
const ROUNDS: usize = 16;

/// Pages as text that is not put in place yet.
#[derive(Debug, Default)]
pub struct Rendered {
    /// The number of the last event that they show.
    seq: u64,
    pages: Vec<(SessionPage, String)>,
}

impl Rendered {
    /// What renders the pages that `facts` change, as far as a state is all that they need; none where there is none.
    pub fn of<'a>(workspace: &'a Workspace, facts: &[Fact], at: Timestamp) -> Option<impl FnOnce(&State) -> Self + use<'a>> {
        let changed = changed_by(facts).into_iter().filter(|page| page.needs().is_empty());
        let pages: Vec<SessionPage> = changed.collect();
        (!pages.is_empty()).then_some(move |state: &State| {
            let templates = Templates::of(workspace.root());
            // One that cannot be rendered is tried again when it is put in place, and named then.
            let text = |page: SessionPage| text(workspace, &templates, page, state, &Holdings::default(), at)?.ok();
            let pages = pages.into_iter().filter_map(|page| Some((page, text(page)?))).collect();
            Self { seq: state.seq, pages }
        })
    }

    /// The text of `page`, when it shows everything up to the event `seq`.
    fn take(&mut self, page: SessionPage, seq: u64) -> Option<String> {
        let at = self.pages.iter().position(|(own, _)| *own == page && self.seq == seq)?;
        Some(self.pages.swap_remove(at).1)
    }
}

fn changed_by(facts: &[Fact]) -> Vec<SessionPage> {
    SessionPage::ALL.into_iter().filter(|page| facts.iter().any(|fact| page.changed_by(fact))).collect()
}

/// Puts the pages in place that `facts` change; those of them that are `rendered` already are not rendered again. `before`
/// is the number of the last event before them that a page can show.
pub fn refresh(ledger: &mut Ledger<'_>, facts: &[Fact], before: u64, rendered: Rendered) {
    let Some(session) = ledger.session().cloned() else { return };
    if !facts.iter().any(Fact::is_shown) {
        return;
    }
    let own = ledger.state().seq;
    let was_whole = rendered_up_to(ledger).is_some_and(|last| last >= before) || before == 0;
    render(ledger, &session, &changed_by(facts), rendered);
    if was_whole {
        remember(ledger, own);
    }
}

/// Renders the pages that are gone, and all of them when a command died before it rendered its own.
pub fn heal(ledger: &mut Ledger<'_>) {
    let Some(session) = ledger.session().cloned() else { return };
    let folder = Folder::of(ledger, &session);
    let last = ledger.state().seq;
    let behind = rendered_up_to(ledger).is_none_or(|rendered| !(ledger.state().shown..=last).contains(&rendered));
    let gone = |page: &SessionPage| fs::metadata(folder.place(*page)).map_or(true, |found| found.len() == 0);
    let pages: Vec<SessionPage> = SessionPage::ALL.into_iter().filter(|page| behind || gone(page)).collect();
    if !pages.is_empty() {
        render(ledger, &session, &pages, Rendered::default());
        remember(ledger, last);
    }
    let place = folder.root.join(environment_file(&session));
    if !ledger.state().is_ended() && !write::is_there(&place) && !waits(ledger, &environment_file(&session)) {
        name_for_shells(ledger);
    }
}

/// `session_env.sh` of a session, from the top of the work tree.
fn environment_file(session: &SessionId) -> String {
    format!("{}/session_env.sh", layout::session_folder(session))
}

/// Writes `session_env.sh`, which names the session for shells; it is of this machine and never committed.
pub fn name_for_shells(ledger: &Ledger<'_>) {
    let Some(session) = ledger.session() else { return };
    let root = Folder::of(ledger, session).root;
    let written = variables(&root, session).and_then(|variables| {
        let lines: Vec<String> = variables.iter().map(|(name, value)| Shell::Sh.set(name, value) + "\n").collect();
        Place::make_way(&root, environment_file(session))?.replace(lines.concat().as_bytes(), Durability::Derived)
    });
    if let Err(error) = written {
        ledger.workspace().notice(format!("session_env.sh was not written: {error}"));
    }
}

/// The variables that name `session`, which works below `root`.
///
/// # Errors
/// Refuses a work tree whose path is not UTF-8, which no line for a shell can name.
pub fn variables(root: &Path, session: &SessionId) -> Result<[(&'static str, String); 2]> {
    let folder = root.join(layout::session_folder(session));
    let folder = folder.to_str().ok_or_else(|| Refusal::environment(format!("the path `{}` is not UTF-8", folder.display())))?;
    Ok([("CLAUDE_SESSION_DIR", folder.to_owned()), ("AUTONOMY_SESSION", session.to_string())])
}

/// What people wrote into the pages of a live session: the page's name and the text, in the order of [`SessionPage::ALL`].
/// Of a page that is gone it is the text that was kept beside the log.
#[must_use]
pub fn peoples_text(workspace: &Workspace, session: &SessionId) -> Vec<(String, String)> {
    let directory = layout::Private::of(workspace.common_directory()).session(session);
    let folder = Folder::within(&ledger::bound(&directory, workspace), session, &directory);
    let text = |page: SessionPage| {
        let there = read_text(&folder.place(page), page.file()).ok().flatten().filter(|text| !text.is_empty());
        let text = there.or_else(|| read_text(&folder.kept.join(page.file()), page.file()).ok().flatten())?;
        let theirs = page::people_text(&text).trim().to_owned();
        (!theirs.is_empty()).then(|| (page.file().to_owned(), theirs))
    };
    SessionPage::ALL.into_iter().filter(|page| page.block().is_some()).filter_map(text).collect()
}

fn render(ledger: &mut Ledger<'_>, session: &SessionId, pages: &[SessionPage], mut rendered: Rendered) {
    if pages.is_empty() {
        return;
    }
    let folder = Folder::of(ledger, session);
    for _ in 0..ROUNDS {
        let seq = ledger.state().seq;
        put_all(ledger, &folder, pages, &mut rendered);
        // Whoever renames last has to have seen the last event: another process may have appended while this one rendered.
        if ledger.catch_up().is_err() || ledger.state().seq == seq {
            return;
        }
    }
}

fn put_all(ledger: &Ledger<'_>, folder: &Folder, pages: &[SessionPage], rendered: &mut Rendered) {
    let workspace = ledger.workspace();
    let holdings = match records(ledger, pages) {
        Ok(holdings) => holdings,
        Err(error) => return workspace.notice(format!("the session's pages were left as they are: {error}")),
    };
    let templates = Templates::of(workspace.root());
    for page in pages {
        let text = match rendered.take(*page, ledger.state().seq) {
            Some(text) => Ok(text),
            None => match text(workspace, &templates, *page, ledger.state(), &holdings, ledger.at()) {
                Some(text) => text,
                None => continue,
            },
        };
        if let Err(error) = text.and_then(|text| folder.put(ledger, *page, &text)) {
            workspace.notice(format!("{}; the page was left as it is", error.refusal().message));
        }
    }
}

/// What `page` says, without secrets; none where the log is not that of a session.
fn text(
    workspace: &Workspace,
    templates: &Templates,
    page: SessionPage,
    state: &State,
    holdings: &Holdings,
    at: Timestamp,
) -> Option<Result<String>> {
    let rendered = values(page, state, holdings, at)?
        .map_err(|error| Error::from(Refusal::new(Code::Bug, format!("cannot put the page into data: {error}"))))
        .and_then(|values| templates.render(page.template(), &values));
    Some(rendered.map(|text| workspace.secrets().redact(&text).into_owned()))
}

fn records(ledger: &Ledger<'_>, pages: &[SessionPage]) -> Result<Holdings> {
    let mut wanted: Vec<RecordKind> = Vec::new();
    for kind in pages.iter().flat_map(|page| page.needs()) {
        if !wanted.contains(kind) {
            wanted.push(*kind);
        }
    }
    if wanted.is_empty() {
        return Ok(Holdings::default());
    }
    let workspace = ledger.workspace();
    let (holdings, unreadable) = holdings::read(workspace, &Overview::read(workspace)?, &wanted)?;
    for refusal in unreadable {
        workspace.notice(format!("left out of the pages: {}", refusal.message.lines().next().unwrap_or_default()));
    }
    Ok(holdings)
}

/// Where the pages of one session lie.
struct Folder {
    root: PathBuf,
    session: SessionId,
    kept: PathBuf,
}

impl Folder {
    /// The pages lie in the work tree that the session is bound to.
    fn of(ledger: &Ledger<'_>, session: &SessionId) -> Self {
        Self::within(ledger.work_tree(), session, &ledger.directory())
    }

    fn within(root: &Path, session: &SessionId, directory: &Path) -> Self {
        Self { root: root.to_owned(), session: session.clone(), kept: layout::pages(directory) }
    }

    fn relative(&self, page: SessionPage) -> String {
        match page {
            SessionPage::Current => layout::CURRENT_SESSION.to_owned(),
            SessionPage::Readme
            | SessionPage::Focus
            | SessionPage::Progress
            | SessionPage::Next
            | SessionPage::Decisions
            | SessionPage::Blockers
            | SessionPage::Summary => format!("{}/{}", layout::session_folder(&self.session), page.file()),
        }
    }

    fn place(&self, page: SessionPage) -> PathBuf {
        self.root.join(self.relative(page))
    }

    fn put(&self, ledger: &Ledger<'_>, page: SessionPage, rendered: &str) -> Result<()> {
        let relative = self.relative(page);
        let place = write::inside(&self.root, &relative)?;
        let there = read_text(&place, &relative)?;
        let Some(block) = page.block() else {
            return self.put_whole(ledger, there.as_deref(), &relative, rendered);
        };
        let kept = self.kept.join(page.file());
        // An emptied page is one that was taken away: only its file is left.
        let base = match there.as_ref().filter(|text| !text.is_empty()) {
            Some(text) => Some(text.clone()),
            None if waits(ledger, &relative) => return Ok(()),
            None => read_text(&kept, &relative)?,
        };
        let updated = page::update(base.as_deref(), block, &without_markers(rendered))
            .map_err(|error| Error::from(error.refusal(&relative)))?;
        // What people wrote is safe before the page that they wrote it into is replaced.
        keep_peoples_text(&kept, block, &updated.text)?;
        if there.as_ref() != Some(&updated.text) {
            Place::make_way(&self.root, &relative)?.replace(updated.text.as_bytes(), Durability::Rendered)?;
        }
        Ok(())
    }

    fn put_whole(&self, ledger: &Ledger<'_>, there: Option<&str>, relative: &str, rendered: &str) -> Result<()> {
        if ledger.state().is_ended() {
            let ours = there.is_some_and(|text| text.lines().any(|line| line == format!("session: {}", self.session)));
            let place = self.root.join(relative);
            return if ours { fs::remove_file(&place).doing("take away the pointer", &place) } else { Ok(()) };
        }
        if there == Some(rendered) || (there.is_none() && waits(ledger, relative)) {
            return Ok(());
        }
        Place::make_way(&self.root, relative)?.replace(rendered.as_bytes(), Durability::Rendered)
    }
}

/// Whether a page that is gone must stay away: `git stash pop` does not overwrite a file that lies in its way.
fn waits(ledger: &Ledger<'_>, relative: &str) -> bool {
    let Ok(path) = TreePath::new(relative) else { return false };
    ledger.workspace().git().is_ok_and(|git| git.stash_holds(&path))
}

/// Keeps what is not ours of a page beside the log: the page with its block emptied, so that it changes only with the text
/// of people.
fn keep_peoples_text(kept: &Path, block: &str, text: &str) -> Result<()> {
    if page::people_text(text).trim().is_empty() {
        return match fs::remove_file(kept) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error).doing("forget the text kept in", kept),
            Ok(()) | Err(_) => Ok(()),
        };
    }
    let Ok(emptied) = page::update(Some(text), block, "") else { return Ok(()) };
    if write::read_capped(kept, bytes::CAP)?.as_deref() == Some(emptied.text.as_bytes()) {
        return Ok(());
    }
    if let Some(parent) = kept.parent() {
        write::make_directory(parent)?;
    }
    write::replace(kept, emptied.text.as_bytes(), Durability::Synced)
}

fn read_text(place: &Path, relative: &str) -> Result<Option<String>> {
    let Some(content) = write::read_capped(place, bytes::CAP)? else { return Ok(None) };
    String::from_utf8(content).map(Some).map_err(|error| {
        let line = error.as_bytes()[..error.utf8_error().valid_up_to()].split(|byte| *byte == b'\n').count();
        Refusal::usage(format!("cannot update `{relative}`: line {line}: not UTF-8")).into()
    })
}

/// The number of the last event that all pages show, when it is known.
fn rendered_up_to(ledger: &Ledger<'_>) -> Option<u64> {
    let mark = write::read_whole(&layout::rendered(&ledger.directory()), 32).ok()?;
    std::str::from_utf8(&mark).ok()?.trim().parse().ok()
}

fn remember(ledger: &Ledger<'_>, seq: u64) {
    // Always as long, and written over: a file that is cut first is flushed by some file systems when it is closed. Without
    // the mark the next command renders all pages again, which is right as well.
    let mark = File::options().create(true).truncate(false).write(true).open(layout::rendered(&ledger.directory()));
    mark.and_then(|mut mark| mark.write_all(format!("{seq:020}\n").as_bytes())).ok();
}
