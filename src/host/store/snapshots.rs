//! Snapshots of the work tree as the log knows them: objects first, then the event, then the ref.
//!
//! Between the objects and the ref a pending ref keeps git from pruning them, and is the mark by which a later command
//! finishes what one that died began. Its name is not synced: until the event is in the log nothing was promised, and after that the
//! log says what to pin. Why a snapshot is taken is decided above.

use crate::{
    host::{
        Doing as _, Result, failpoint,
        git::{Repository, SideCommit, Snapshot, Tag, Words},
        store::{layout::Private, lock::CloneLock, overview::Overview},
        workspace::Workspace,
    },
    model::{
        checkpoint::{Checkpoint, CheckpointKind, PREFIX, Standing, VERSION, name},
        event::Fact,
        id::{CheckpointName, Oid, SessionId, TaskId},
        time::Timestamp,
    },
};

/// Where automatic snapshots lie; below it the session, or `clone`, and a number.
const AUTOMATIC: &str = "refs/autonomy/auto";

/// Where snapshots lie that are written and not yet where they belong.
const PENDING: &str = "refs/autonomy/pending";

/// So many tags of ours lie in a file each at the most.
const LOOSE: usize = 100;

/// What a snapshot is to be called, and why it is taken.
#[derive(Clone, Debug)]
pub struct Asked {
    /// Why.
    pub kind: CheckpointKind,
    /// What a tag's name ends with; may be empty.
    pub title: String,
    /// One line for people.
    pub summary: String,
    /// The task that is worked on.
    pub task: Option<TaskId>,
    /// Where the work stands.
    pub standing: Standing,
    /// Further files to carry, by name.
    pub files: Vec<(String, Vec<u8>)>,
}

/// A snapshot that is written and pinned, and whose ref is not there yet.
#[derive(Clone, Debug)]
pub struct Prepared {
    /// What its message says.
    pub checkpoint: Checkpoint,
    /// The side commit.
    pub commit: Oid,
    /// The tree outside `.claude/`.
    pub evidence: Oid,
    /// The full name of the ref that will hold it.
    pub reference: String,
    /// What the ref will point at.
    pub object: Oid,
    /// The event that says so.
    pub fact: Fact,
}

/// Whether a snapshot of this kind is always a tag; the others are when the settings say so.
fn is_tag(kind: CheckpointKind) -> bool {
    match kind {
        CheckpointKind::Edge | CheckpointKind::Safety => false,
        CheckpointKind::Manual
        | CheckpointKind::Task
        | CheckpointKind::Milestone
        | CheckpointKind::Migration
        | CheckpointKind::Compaction
        | CheckpointKind::Tick
        | CheckpointKind::End => true,
    }
}

/// Writes the objects of a snapshot and pins them. The lock makes names distinct.
///
/// # Errors
/// Fails when git cannot be written.
pub fn prepare(
    workspace: &Workspace,
    _lock: &CloneLock,
    session: Option<&SessionId>,
    at: Timestamp,
    snapshot: Snapshot<'_>,
    asked: Asked,
) -> Result<Prepared> {
    let git = workspace.git()?;
    let head = git.head()?;
    let automatic = workspace.settings().is_ok_and(|settings| settings.checkpoints.tags_for_automatic);
    let tag = if automatic || is_tag(asked.kind) { Some(free_name(git, at, &asked.title)?) } else { None };
    let reference = match &tag {
        Some(name) => tag_ref(name),
        None => next_automatic(git, session)?,
    };
    let checkpoint = Checkpoint {
        summary: asked.summary,
        version: VERSION,
        name: tag,
        kind: asked.kind,
        created: at,
        worktree: git.worktree_name(),
        session: session.cloned(),
        task: asked.task,
        head: head.commit().cloned(),
        branch: head.branch().map(str::to_owned),
        tree: snapshot.tree(),
        counts: snapshot.counts(),
        standing: asked.standing,
    };
    let evidence = snapshot.evidence();
    let signature = git.committer_or_own(workspace.environment(), at)?;
    let message = checkpoint.to_message();
    let files: Vec<(&str, &[u8])> = asked.files.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice())).collect();
    let side = snapshot.write(
        git,
        &Words {
            message: &message,
            signature: &signature,
            head: checkpoint.head.as_ref(),
            tag: checkpoint.name.as_ref().map(CheckpointName::as_str),
            files: &files,
            pinned: PENDING,
        },
    )?;
    pinned(workspace, checkpoint, side, evidence, reference)
}

/// Says what is to be logged of what was written and pinned.
fn pinned(workspace: &Workspace, checkpoint: Checkpoint, side: SideCommit, evidence: Oid, reference: String) -> Result<Prepared> {
    let SideCommit { commit, tag } = side;
    let object = tag.unwrap_or_else(|| commit.clone());
    failpoint::reach("snapshot.pinned").doing("take a snapshot of", workspace.root())?;
    let fact = Fact::CheckpointMade {
        name: checkpoint.name.clone(),
        reference: reference.clone(),
        object: object.clone(),
        commit: commit.clone(),
        tree: checkpoint.tree.clone(),
        evidence: evidence.clone(),
        reason: checkpoint.kind,
        summary: Some(checkpoint.summary.clone()),
        task: checkpoint.task.clone(),
    };
    Ok(Prepared { checkpoint, commit, evidence, reference, object, fact })
}

/// Writes a snapshot that is there already once more, as a checkpoint with a tag: what it holds stays the same.
///
/// # Errors
/// Fails when it cannot be read or git cannot be written.
pub fn prepare_again(workspace: &Workspace, _lock: &CloneLock, at: Timestamp, snapshot: &Oid, asked: Asked) -> Result<Prepared> {
    let git = workspace.git()?;
    let taken = Checkpoint::from_message(snapshot.short(), &git.message_of(snapshot)?)?;
    let name = free_name(git, at, &asked.title)?;
    let reference = tag_ref(&name);
    let Asked { kind, summary, task, standing, .. } = asked;
    let checkpoint = Checkpoint { summary, name: Some(name.clone()), kind, task, standing, ..taken };
    let signature = git.committer_or_own(workspace.environment(), at)?;
    let side = git.retell(snapshot, &checkpoint.to_message(), &signature, name.as_str(), PENDING)?;
    let evidence = git.tree_outside_claude_of(&side.commit)?;
    pinned(workspace, checkpoint, side, evidence, reference)
}

/// A name that no tag has.
fn free_name(git: &Repository, at: Timestamp, title: &str) -> Result<CheckpointName> {
    let mut error = None;
    let found = name(at, title, |name| {
        git.find_ref(&tag_ref(name))
            .unwrap_or_else(|failed| {
                error.get_or_insert(failed);
                None
            })
            .is_some()
    });
    error.map_or(Ok(found), Err)
}

/// Sets the ref of a snapshot whose event is in the log, and takes the pending one away.
///
/// # Errors
/// Fails when a ref cannot be written; the next command does it.
pub fn place(workspace: &Workspace, prepared: &Prepared) -> Result<()> {
    failpoint::reach("snapshot.logged").doing("take a snapshot of", workspace.root())?;
    set(workspace.git()?, &prepared.reference, &prepared.object, &prepared.commit)?;
    failpoint::reach("snapshot.placed").doing("take a snapshot of", workspace.root())?;
    if prepared.checkpoint.name.is_some() { pack_tags(workspace) } else { Ok(()) }
}

/// Has git pack tags when many of ours lie in a file each, which slows down whoever lists refs.
fn pack_tags(workspace: &Workspace) -> Result<()> {
    let Ok(found) = std::fs::read_dir(workspace.common_directory().join("refs/tags")) else { return Ok(()) };
    let ours = found.flatten().filter(|entry| entry.file_name().to_string_lossy().starts_with(PREFIX));
    if ours.count() > LOOSE {
        workspace.git()?.pack_tags(workspace.environment())?;
    }
    Ok(())
}

fn set(git: &Repository, reference: &str, object: &Oid, commit: &Oid) -> Result<()> {
    if git.find_ref(reference)?.is_none() {
        git.update_ref(reference, object, None, "")?;
    }
    let pending = pending_ref(commit);
    match git.find_ref(&pending)? {
        Some(there) => git.delete_ref(&pending, &there),
        None => Ok(()),
    }
}

/// Finishes the snapshots of commands that died: one whose event is in a log gets its ref, any other is let go.
///
/// # Errors
/// Fails when git or a log cannot be read, or a ref cannot be written.
pub fn finish(workspace: &Workspace) -> Result<()> {
    let directory = workspace.common_directory().join(PENDING);
    let is_empty = std::fs::read_dir(&directory).map_or(true, |mut entries| entries.next().is_none());
    if is_empty {
        return Ok(());
    }
    let _lock = CloneLock::take(&Private::of(workspace.common_directory()).lock())?;
    finish_under(workspace)
}

/// As [`finish`], for whoever holds the clone's lock.
///
/// # Errors
/// As [`finish`].
pub fn finish_under(workspace: &Workspace) -> Result<()> {
    let git = workspace.git()?;
    sweep(workspace, git)?;
    let waiting = git.list_refs(&format!("{PENDING}/"))?;
    if waiting.is_empty() {
        return Ok(());
    }
    let overview = Overview::read(workspace)?;
    for (pending, object) in waiting {
        let states = overview.logs.iter().map(|known| &known.state);
        let known = states
            .flat_map(|state| state.checkpoints.entries.iter().chain(&state.snapshots.entries))
            .find(|taken| pending == pending_ref(&taken.commit));
        match known {
            Some(taken) => set(git, &taken.reference, &taken.object, &taken.commit)?,
            None => git.delete_ref(&pending, &object)?,
        }
    }
    Ok(())
}

/// Takes away the locks of pending refs that were never made: whoever makes one holds the clone's lock, and died.
fn sweep(workspace: &Workspace, git: &Repository) -> Result<()> {
    let directory = workspace.common_directory().join(PENDING);
    for entry in std::fs::read_dir(directory).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let Some(commit) = name.to_str().and_then(|name| name.strip_suffix(".lock")) else { continue };
        if git.find_ref(&format!("{PENDING}/{commit}"))?.is_none() {
            // Where it cannot be removed it is in nobody's way.
            std::fs::remove_file(entry.path()).ok();
        }
    }
    Ok(())
}

/// Keeps a snapshot under a further ref, whatever that held before.
///
/// # Errors
/// Fails when the ref cannot be written.
pub fn pin(workspace: &Workspace, reference: &str, commit: &Oid) -> Result<()> {
    let git = workspace.git()?;
    match git.find_ref(reference)? {
        Some(there) if there == *commit => Ok(()),
        there => git.update_ref(reference, commit, there.as_ref(), ""),
    }
}

fn pending_ref(commit: &Oid) -> String {
    format!("{PENDING}/{commit}")
}

fn tag_ref(name: &CheckpointName) -> String {
    format!("refs/tags/{name}")
}

fn folder(session: Option<&SessionId>) -> String {
    format!("{AUTOMATIC}/{}", session.map_or("clone", SessionId::as_str))
}

/// The automatic snapshots of a session, oldest first.
fn automatic(git: &Repository, session: Option<&SessionId>) -> Result<Vec<(u64, String, Oid)>> {
    let mut found: Vec<(u64, String, Oid)> = git
        .list_refs(&format!("{}/", folder(session)))?
        .into_iter()
        .filter_map(|(name, oid)| Some((name.rsplit('/').next()?.parse().ok()?, name, oid)))
        .collect();
    found.sort();
    Ok(found)
}

fn next_automatic(git: &Repository, session: Option<&SessionId>) -> Result<String> {
    let last = automatic(git, session)?.last().map_or(0, |(number, ..)| *number);
    Ok(format!("{}/{}", folder(session), last + 1))
}

/// A snapshot that a ref holds.
#[derive(Clone, Debug)]
pub struct Held {
    /// The full name of the ref.
    pub reference: String,
    /// The side commit.
    pub commit: Oid,
    /// What its message says.
    pub checkpoint: Checkpoint,
}

/// Which snapshots are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// Those with a tag.
    Tagged,
    /// Those without.
    Automatic,
}

/// The names of all tags that look like a checkpoint's.
///
/// # Errors
/// Fails when git cannot be read.
pub fn tag_names(workspace: &Workspace) -> Result<Vec<String>> {
    let refs = workspace.git()?.list_refs(&format!("refs/tags/{PREFIX}"))?;
    Ok(refs.into_iter().filter_map(|(name, _)| name.strip_prefix("refs/tags/").map(str::to_owned)).collect())
}

/// The checkpoint under one tag; none where the tag carries none.
///
/// # Errors
/// Fails when git cannot be read.
pub fn tagged(workspace: &Workspace, name: &str) -> Result<Option<Held>> {
    Ok(workspace.git()?.tag(name)?.and_then(of_tag))
}

fn of_tag(tag: Tag) -> Option<Held> {
    let reference = format!("refs/tags/{}", tag.name);
    let checkpoint = Checkpoint::from_message(&reference, &tag.annotation?.message).ok()?;
    Some(Held { reference, commit: tag.target, checkpoint })
}

/// The snapshots that refs hold, oldest first. A tag of that name that carries no checkpoint is left out.
///
/// # Errors
/// Fails when git cannot be read.
pub fn held(workspace: &Workspace, which: Which) -> Result<Vec<Held>> {
    let git = workspace.git()?;
    let mut found: Vec<Held> = match which {
        Which::Tagged => git.tags(PREFIX)?.into_iter().filter_map(of_tag).collect(),
        Which::Automatic => {
            let mut found = Vec::new();
            for (reference, commit) in git.list_refs(&format!("{AUTOMATIC}/"))? {
                if let Ok(checkpoint) = Checkpoint::from_message(&reference, &git.message_of(&commit)?) {
                    found.push(Held { reference, commit, checkpoint });
                }
            }
            found
        }
    };
    let number = |held: &Held| held.reference.rsplit('/').next().and_then(|last| last.parse::<u64>().ok());
    found.sort_by(|left, right| {
        let key = |held: &Held| (held.checkpoint.created, number(held));
        key(left).cmp(&key(right)).then_with(|| left.reference.cmp(&right.reference))
    });
    Ok(found)
}
