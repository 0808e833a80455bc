//! Commits of ours: the state of a session, with or without code, on the user's branch where that may be.
//!
//! Which branch may take a commit is ruled by `model::branch`. Nothing is staged, no branch is switched and nothing is
//! pushed here; where no commit may be made, the state waits in the log and is pinned by a ref.

use std::collections::{BTreeMap, BTreeSet};

use walkdir::WalkDir;

use crate::{
    host::{
        Doing, Result, failpoint,
        git::{CommitRequest, Content, Hooks, Landing, Lookout, Markers, PathContent, Staged},
        process::Stop,
        settings::REPOSITORY_FILE,
        store::{
            bytes,
            layout::{self, Private},
            ledger::Ledger,
            lock::CloneLock,
            log::Log,
            pages,
            place::{Place, Stands},
            sealed,
            write::{self, Durability},
        },
        workspace::Workspace,
    },
    model::{
        branch::{Protection, protection},
        change::{Mode, Side, TreePath},
        event::Fact,
        id::{CheckpointName, DecisionId, Digest, Oid, SessionId},
        intent::{Intent, Settlement},
        refusal::Refusal,
        secret::Allowed,
        settings::layer::Layer,
    },
};

/// The trailer by which commits of ours name their session.
pub const SESSION_TRAILER: &str = "Autonomy-Session";

/// What is to be committed besides the state of the session.
#[derive(Clone, Debug, Default)]
pub struct Publication {
    /// The first line of the message.
    pub subject: String,
    /// The rest of the message, without trailers.
    pub body: Option<String>,
    /// Code of this session's, path by path; hooks run only when there is some.
    pub code: Vec<PathContent>,
    /// Decisions that the commit carries out.
    pub decisions: Vec<DecisionId>,
    /// The last checkpoint before it.
    pub checkpoint: Option<CheckpointName>,
    /// What happens to other content of the code's paths that is staged.
    pub staged: Staged,
    /// Ends hooks and signing.
    pub stop: Stop,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Published {
    /// A commit was made.
    Committed {
        /// Which.
        commit: Oid,
        /// Its branch, without `refs/heads/`.
        branch: String,
        /// Paths that a hook put into it besides what was asked.
        added_by_hook: Vec<TreePath>,
    },
    /// The branch takes no commit of ours now: the state stays in the log and is pinned.
    Waits {
        /// Why.
        why: String,
    },
    /// Everything is committed already.
    Nothing,
}

/// Why no commit may be made here now; none when one may.
///
/// # Errors
/// Fails when git or the settings cannot be read.
pub fn obstacle(workspace: &Workspace) -> Result<Option<String>> {
    let git = workspace.git()?;
    if let Some(operation) = git.operation() {
        return Ok(Some(format!("`{}` is in progress", operation.command())));
    }
    let head = git.head()?;
    let Some(branch) = head.branch() else { return Ok(Some("HEAD is detached".to_owned())) };
    if head.commit().is_none() {
        return Ok(Some(format!("the branch `{branch}` has no commit yet")));
    }
    if git.has_conflicts()? {
        return Ok(Some("the index has conflicts".to_owned()));
    }
    match protection(branch, &workspace.settings()?.branches, &git.branch_facts()?) {
        Protection::Protected(why) => Ok(Some(format!("`{branch}` is protected: {why}"))),
        Protection::Free => Ok(None),
    }
}

/// Commits the state of the ledger's session, and the code of `publication`, where that may be.
///
/// # Errors
/// Refuses when a hook refuses or somebody else's commit came between; then nothing has changed. With code, an obstacle is
/// a refusal too, because code is never left half published.
pub fn publish(ledger: &mut Ledger<'_>, publication: &Publication) -> Result<Published> {
    let workspace = ledger.workspace();
    if let Some(why) = obstacle(workspace)? {
        if !publication.code.is_empty() {
            return Err(Refusal::conflict(format!("cannot commit: {why}")).retryable().into());
        }
        pin(ledger)?;
        return Ok(Published::Waits { why });
    }
    let git = workspace.git()?;
    let head = git.head()?;
    let (Some(branch), parent) = (head.reference(), head.commit().cloned()) else {
        return Err(Refusal::conflict("cannot commit: HEAD is detached").into());
    };
    let mut state = StateFiles::gather(ledger, parent.as_ref())?;
    if git.ignores_claude()? {
        state = StateFiles::default();
        if publication.code.is_empty() {
            pin(ledger)?;
            return Ok(Published::Waits { why: "`.claude/` is ignored in this repository".to_owned() });
        }
    }
    if publication.code.is_empty() && !state.matters {
        return match (&parent, head.branch()) {
            (Some(tip), Some(name)) if ledger.state().is_ended() => finish_last(ledger, &branch, name, tip),
            _ => Ok(Published::Nothing),
        };
    }
    let mut paths = state.paths()?;
    paths.extend(publication.code.iter().cloned());
    let environment = workspace.environment();
    let request = CommitRequest {
        branch: branch.clone(),
        parent: parent.clone(),
        paths,
        message: message(ledger.session(), publication),
        author: git.author(environment, ledger.at())?,
        committer: git.committer(environment, ledger.at())?,
        hooks: if publication.code.is_empty() { Hooks::Skip } else { Hooks::Run },
        staged: if publication.code.is_empty() { Staged::Replace } else { publication.staged },
    };
    // Hooks and signing run here, so no lock is held yet.
    let Some(prepared) = git.prepare(&request, environment, &publication.stop)? else { return Ok(Published::Nothing) };
    refuse_secrets(workspace, parent.as_ref(), &prepared.tree, request.hooks)?;
    let lock = CloneLock::take(&Private::of(workspace.common_directory()).lock())?;
    let now = git.head()?;
    if now.reference().as_ref() != Some(&branch) || now.commit() != parent.as_ref() {
        return Err(Refusal::conflict("cannot commit: the branch has moved meanwhile")
            .hint("run the command again")
            .retryable()
            .into());
    }
    let intent = Intent::Commit {
        branch: branch.clone(),
        parent: parent.clone(),
        tree: prepared.tree.clone(),
        message: prepared.digest.clone(),
        commit: prepared.landing.commit.clone(),
        records: state.records.clone(),
        replaces: prepared.landing.replaces.clone(),
    };
    if ledger.state().is_ended() {
        // The last event of a session is its end: its last commit is known by what it holds.
        place(ledger, &intent)?;
    } else {
        ledger.append(|_| Ok((vec![Fact::IntentFormed { intent: intent.clone() }], ())))?;
        let seq = ledger.state().seq;
        failpoint::reach("publish.intent").doing("commit in", workspace.root())?;
        carry_out(ledger, seq, &intent)?;
        // The pages count this commit too.
        pages::heal(ledger);
    }
    drop(lock);
    if let Err(error) = git.after_commit(&request, environment, &publication.stop) {
        workspace.notice(error.to_string());
    }
    Ok(Published::Committed {
        commit: prepared.landing.commit,
        branch: head.branch().unwrap_or_default().to_owned(),
        added_by_hook: prepared.added_by_hook,
    })
}

/// Refuses a commit that adds a secret which nobody allowed. What an agent may have written, a marker on the line or a change of
/// the settings, allows nothing in a commit with code: that is measured by the settings as they were committed before.
fn refuse_secrets(workspace: &Workspace, parent: Option<&Oid>, tree: &Oid, hooks: Hooks) -> Result<()> {
    let git = workspace.git()?;
    let (allow, markers) = match hooks {
        Hooks::Run => {
            let file = TreePath::new(REPOSITORY_FILE)?;
            let committed = parent.map(|parent| git.blob_at(parent, &file)).transpose()?.flatten();
            let text = committed.map(|blob| String::from_utf8_lossy(&blob.bytes).into_owned()).unwrap_or_default();
            (workspace.settings_with(Layer::Repository, &text)?.settings.secrets.allow, Markers::Ignored)
        }
        Hooks::Skip => (workspace.settings()?.secrets.allow.clone(), Markers::Believed),
    };
    let allowed = Allowed::of(&allow);
    let lookout = Lookout::new(workspace.environment(), &allowed, markers);
    let mut changes = git.changes(parent, tree)?;
    // Journals went through redaction line by line, and nobody could take anything out of them.
    changes.retain(|change| !layout::is_journal(&change.path));
    let leaks = git.added_secrets(&changes, &lookout)?;
    let Some(first) = leaks.first() else { return Ok(()) };
    let more = if leaks.len() > 1 { format!(", and {} more", leaks.len() - 1) } else { String::new() };
    Err(Refusal::needs_person(format!("cannot commit: {first} looks like a secret{more}"))
        .hint(format!("take it out; if it is none: `autonomy config set --user secrets.allow '[\"{}\"]'`", first.fingerprint))
        .into())
}

/// Finishes the commit that ended the session, where it is the last of the branch: no event tells how far that came.
fn finish_last(ledger: &Ledger<'_>, branch: &str, name: &str, tip: &Oid) -> Result<Published> {
    let git = ledger.workspace().git()?;
    let commit = git.commit(tip)?;
    let ours = |(key, value): &(String, String)| {
        key == SESSION_TRAILER && ledger.session().is_some_and(|session| session.as_str() == value)
    };
    if !commit.trailers.iter().any(ours) {
        return Ok(Published::Nothing);
    }
    git.land(&Landing {
        branch: branch.to_owned(),
        parent: commit.parents.first().cloned(),
        commit: tip.clone(),
        replaces: BTreeMap::new(),
    })?;
    Ok(Published::Committed { commit: tip.clone(), branch: name.to_owned(), added_by_hook: Vec::new() })
}

/// Does, or does again, what a commit's intent says, and records the outcome.
///
/// # Errors
/// Fails when git or a file cannot be written; the next command goes on.
pub fn carry_out(ledger: &mut Ledger<'_>, seq: u64, intent: &Intent) -> Result<()> {
    let Intent::Commit { branch, parent, commit, .. } = intent else { return Ok(()) };
    let git = ledger.workspace().git()?;
    let tip = git.find_ref(branch)?;
    let landed = match &tip {
        Some(tip) => tip == commit || git.is_ancestor(commit, tip)?,
        None => false,
    };
    let outcome = if landed || tip == *parent {
        place(ledger, intent)?;
        Settlement::Done { commit: Some(commit.clone()) }
    } else {
        Settlement::Conflict { why: format!("`{branch}` is neither at the commit before nor has the new one") }
    };
    ledger.append(|_| Ok((vec![Fact::IntentSettled { intent: seq, outcome: outcome.clone() }], ()))).map(drop)
}

/// Files first, then the branch: whoever sees the commit sees its files.
fn place(ledger: &Ledger<'_>, intent: &Intent) -> Result<()> {
    let Intent::Commit { branch, parent, commit, records, replaces, .. } = intent else { return Ok(()) };
    let workspace = ledger.workspace();
    ledger.log().sync()?;
    write_records(ledger, records)?;
    place_sealed(ledger, parent.as_ref(), commit)?;
    failpoint::reach("publish.records").doing("commit in", workspace.root())?;
    let landing = Landing { branch: branch.clone(), parent: parent.clone(), commit: commit.clone(), replaces: replaces.clone() };
    workspace.git()?.land(&landing)?;
    failpoint::reach("publish.landed").doing("commit in", workspace.root())
}

/// Brings the files of queued changes up to what is committed, unless somebody edited them meanwhile.
fn write_records(ledger: &Ledger<'_>, records: &BTreeMap<String, Digest>) -> Result<()> {
    for (path, committed) in records {
        let Some(known) = ledger.state().records.get(path) else { continue };
        let Some(place) = Place::below(ledger.workspace().root(), path)? else { continue };
        let there = place.read(bytes::CAP)?.map(Digest::of);
        if there.as_ref() == Some(&known.file)
            && there.as_ref() != Some(committed)
            && let Some(content) = ledger.kept(committed)?
        {
            place.replace(&content, Durability::Derived)?;
        }
    }
    Ok(())
}

/// Puts the session's files that the commit adds into the work tree, where they are not there yet.
fn place_sealed(ledger: &Ledger<'_>, parent: Option<&Oid>, commit: &Oid) -> Result<()> {
    let Some(session) = ledger.session() else { return Ok(()) };
    let workspace = ledger.workspace();
    let git = workspace.git()?;
    for (path, side) in git.entries_below(commit, Some(&TreePath::new(layout::session_folder(session))?))? {
        let before = match parent {
            Some(parent) => git.side_at(parent, &path)?,
            None => None,
        };
        let place = Place::make_way(workspace.root(), path.as_bytes())?;
        if before.is_none() && place.stands()? == Stands::Nothing {
            place.replace(&git.blob_bytes(&side.oid)?, Durability::Derived)?;
        }
    }
    Ok(())
}

/// The files of `.claude/` that a commit of ours carries.
#[derive(Default)]
struct StateFiles {
    files: BTreeMap<String, Vec<u8>>,
    records: BTreeMap<String, Digest>,
    /// Whether there is more than the bookkeeping of earlier commits.
    matters: bool,
}

impl StateFiles {
    /// Everything of the ledger's session that the tree of `parent` lacks.
    fn gather(ledger: &Ledger<'_>, parent: Option<&Oid>) -> Result<Self> {
        let mut gathered = Self::default();
        let git = ledger.workspace().git()?;
        for (path, record) in &ledger.state().records {
            // A record that is gone from the work tree was deleted, or is kept for it by a branch or a stash entry: adding it
            // here would stand in their way.
            if parent.is_some() && !write::inside(ledger.workspace().root(), path)?.exists() {
                continue;
            }
            let Some(content) = ledger.kept(&record.bytes)? else { continue };
            let committed = match parent {
                Some(parent) => git.blob_at(parent, &TreePath::new(path.as_str())?)?.map(|blob| blob.bytes),
                None => None,
            };
            // A tracked record that a person edited is theirs to commit, unless a change of ours waits on top of it.
            let theirs = record.edited && committed.is_some() && record.queued.is_empty();
            if committed.as_deref() != Some(&content) && !theirs {
                gathered.matters = true;
                gathered.records.insert(path.clone(), record.bytes.clone());
                gathered.files.insert(path.clone(), content);
            }
        }
        let Some(session) = ledger.session() else { return Ok(gathered) };
        gathered.add_records_from_before(ledger, parent)?;
        for (path, digest) in &ledger.state().sealed {
            let there = match parent {
                Some(parent) => git.side_at(parent, &TreePath::new(path.as_str())?)?.is_some(),
                None => false,
            };
            if !there && let Some(content) = ledger.kept(digest)? {
                gathered.matters = true;
                gathered.files.insert(path.clone(), content);
            }
        }
        let held = match parent {
            Some(parent) => sealed::held(ledger.workspace(), parent, session)?,
            None => BTreeSet::new(),
        };
        let lacking = ledger.log().lacking(&held)?;
        if let Some(journal) = sealed::journal(session, &lacking) {
            let bookkeeping = |fact: &Fact| matches!(fact, Fact::IntentFormed { .. } | Fact::IntentSettled { .. });
            gathered.matters |= lacking.iter().any(|(event, _)| !bookkeeping(&event.fact));
            gathered.files.insert(journal.path, journal.bytes);
        }
        if ledger.state().is_ended() {
            gathered.add_pages(ledger, session)?;
        }
        Ok(gathered)
    }

    /// Records that were made without a session, such as tasks imported before it: no other commit would carry them.
    fn add_records_from_before(&mut self, ledger: &Ledger<'_>, parent: Option<&Oid>) -> Result<()> {
        let (workspace, Some(parent)) = (ledger.workspace(), parent) else { return Ok(()) };
        let private = Private::of(workspace.common_directory());
        let Some(log) = Log::open(&private.clone_log(), layout::CLONE)? else { return Ok(()) };
        for (path, record) in &log.state().records {
            let place = write::inside(workspace.root(), path)?;
            let known = self.files.contains_key(path) || ledger.state().records.contains_key(path);
            if known || record.bytes != record.file || workspace.git()?.side_at(parent, &TreePath::new(path.as_str())?)?.is_some()
            {
                continue;
            }
            if let Some(content) = write::read_capped(&place, bytes::CAP)?
                && Digest::of(&content) == record.file
            {
                self.matters = true;
                self.files.insert(path.clone(), content);
            }
        }
        Ok(())
    }

    /// The session's pages, which only the commit that ends it carries.
    fn add_pages(&mut self, ledger: &Ledger<'_>, session: &SessionId) -> Result<()> {
        let folder = layout::session_folder(session);
        let here = ledger.workspace().root().join(&folder);
        for entry in WalkDir::new(&here).min_depth(1).max_depth(1).sort_by_file_name().into_iter().flatten() {
            let Some(name) = entry.file_name().to_str() else { continue };
            let path = format!("{folder}/{name}");
            let is_page = entry.file_type().is_file() && name.strip_suffix(".md").is_some() && !self.files.contains_key(&path);
            if is_page && let Some(content) = write::read_capped(entry.path(), bytes::CAP)? {
                self.files.insert(path, content);
            }
        }
        Ok(())
    }

    fn paths(&self) -> Result<Vec<PathContent>> {
        self.files
            .iter()
            .map(|(path, content)| {
                Ok(PathContent { path: TreePath::new(path.as_str())?, content: Content::Bytes(content.clone()) })
            })
            .collect()
    }
}

fn message(session: Option<&SessionId>, publication: &Publication) -> String {
    let mut text = publication.subject.clone();
    if let Some(body) = publication.body.as_deref().map(str::trim).filter(|body| !body.is_empty()) {
        text.push_str("\n\n");
        text.push_str(body);
    }
    let mut trailers = Vec::new();
    trailers.extend(session.map(|session| format!("{SESSION_TRAILER}: {session}")));
    trailers.extend(publication.decisions.iter().map(|decision| format!("Autonomy-Decision: {decision}")));
    trailers.extend(publication.checkpoint.iter().map(|checkpoint| format!("Autonomy-Checkpoint: {checkpoint}")));
    if !trailers.is_empty() {
        text.push_str("\n\n");
        text.push_str(&trailers.join("\n"));
    }
    text.push('\n');
    text
}

/// Pins the session's folder and records on no branch, so that no git command on the user's branches can lose them.
///
/// # Errors
/// Fails when git cannot be written.
pub fn pin(ledger: &Ledger<'_>) -> Result<Option<Oid>> {
    let Some(session) = ledger.session() else { return Ok(None) };
    let workspace = ledger.workspace();
    let git = workspace.git()?;
    let state = StateFiles::gather(ledger, None)?;
    if state.files.is_empty() {
        return Ok(None);
    }
    let mut changes = Vec::new();
    for (path, content) in &state.files {
        let side = Side { mode: Mode::File, oid: git.write_blob(content)? };
        changes.push((TreePath::new(path.as_str())?, Some(side)));
    }
    let tree = git.write_tree_with(None, &changes)?;
    let name = sealed::pin_name(session);
    let before = git.find_ref(&name)?;
    if let Some(before) = &before
        && git.tree_of(before)? == tree
    {
        return Ok(Some(before.clone()));
    }
    let signature = git.committer_or_own(workspace.environment(), ledger.at())?;
    let parents: Vec<&Oid> = before.iter().collect();
    let text = format!("State of session {session}\n\nAutonomy-Session: {session}\n");
    let commit = git.write_commit(&tree, &parents, &text, &signature, &signature)?;
    git.update_ref(&name, &commit, before.as_ref(), "autonomy: session state")?;
    Ok(Some(commit))
}
