//! `session diff`: what differs now from how things stood when the session began. Reads only.
//!
//! A live session is compared with the work tree, one that is over with the commit that ended it. What was not committed
//! at the start counts as changed; it is named in `initial_git_status.txt`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    host::{
        Result,
        git::{Numstat, Repository},
        store::{bytes, layout, publish::SESSION_TRAILER, write},
        workspace::Workspace,
    },
    model::{
        change::TreePath,
        comparison::{closed_items, declared_tests},
        id::{Oid, SessionId},
        refusal::Refusal,
    },
    ops::session::{
        known::{self, Known, Place},
        start::{INITIAL_LIST, TO_DO_LIST},
        status::none_is_live,
    },
};

pub use crate::ops::session::known::Request;

/// How many commits are named.
const NAMED: usize = 200;

/// The largest file whose tests are counted, in bytes.
const MAX_SOURCE: u64 = 4 << 20;

/// What differs.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Outcome {
    /// The session.
    pub session: SessionId,
    /// The commit at the start; none when there was none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Oid>,
    /// The commit compared with; none for the work tree.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Oid>,
    /// The files that differ, outside `.claude/`.
    pub files: Vec<File>,
    /// All lines added.
    pub insertions: usize,
    /// All lines removed.
    pub deletions: usize,
    /// Commits since the start, newest first, at most 200.
    pub commits: Vec<Commit>,
    /// Tests declared now less those declared at the start, over the files that differ.
    pub tests_added: i64,
    /// Items of `docs/TODO.md` that were open at the start and are ticked.
    pub todo_closed: Vec<String>,
}

/// A file that differs.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct File {
    /// Its path.
    pub path: String,
    /// Lines added; none in a binary file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub insertions: Option<usize>,
    /// Lines removed; none in a binary file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deletions: Option<usize>,
}

/// A commit since the start.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Commit {
    /// Its id.
    pub commit: Oid,
    /// Its first line.
    pub subject: String,
    /// Whether it is one of ours for this session.
    pub ours: bool,
}

/// Compares now with the start of a session.
///
/// # Errors
/// Refuses an unknown session, and one of which this clone lacks the commits.
pub fn diff(workspace: &Workspace, request: &Request) -> Result<Outcome> {
    let known = known::chosen(workspace, request.session.as_deref())?;
    let git = workspace.git()?;
    let session = known.state.session.as_ref().ok_or_else(none_is_live)?;
    let from = session.head.clone();
    if let Some(from) = from.as_ref().filter(|from| !git.has_object(from)) {
        return Err(Refusal::no(format!("the commit {} that `{}` began at is not in this clone", from.short(), known.session))
            .hint("`git fetch` the branch that it was on")
            .into());
    }
    let head = git.head()?.commit().cloned();
    let to = match known.place {
        Place::Here {} => None,
        Place::WorkTree { .. } | Place::Copied {} | Place::Elsewhere {} | Place::Over {} => {
            Some(last_commit(git, &known, from.as_ref(), head.as_ref())?)
        }
    };
    let mut figures = match &to {
        Some(to) => git.numstat(from.as_ref(), to)?,
        None => git.numstat_of_work_tree(from.as_ref())?,
    };
    figures.paths.retain(|path| !path.path.is_claude());
    let side = Sides { workspace, git, from: from.as_ref(), to: to.as_ref() };
    let commits = match to.as_ref().or(head.as_ref()) {
        Some(tip) => git.commits(from.as_ref(), tip, NAMED)?,
        None => Vec::new(),
    };
    Ok(Outcome {
        insertions: figures.insertions(),
        deletions: figures.deletions(),
        tests_added: side.tests_added(&figures)?,
        todo_closed: side.todo_closed(&known)?,
        files: figures
            .paths
            .into_iter()
            .map(|path| File {
                path: path.path.to_string(),
                insertions: path.lines.map(|(added, _)| added),
                deletions: path.lines.map(|(_, removed)| removed),
            })
            .collect(),
        commits: commits
            .into_iter()
            .map(|commit| Commit { ours: is_ours(&commit.trailers, &known.session), commit: commit.id, subject: commit.subject })
            .collect(),
        session: known.session,
        from,
        to,
    })
}

/// Tests declared in the work tree less those declared in the commit or tree `from`, over the files that differ.
///
/// # Errors
/// Fails when a file cannot be read.
pub fn tests_added(workspace: &Workspace, from: Option<&Oid>, figures: &Numstat) -> Result<i64> {
    Sides { workspace, git: workspace.git()?, from, to: None }.tests_added(figures)
}

/// The newest commit of ours for a session that is not bound to this work tree.
fn last_commit(git: &Repository, known: &Known, from: Option<&Oid>, head: Option<&Oid>) -> Result<Oid> {
    if let Some(head) = head {
        let found = git.commits(from, head, usize::MAX)?.into_iter().find(|commit| is_ours(&commit.trailers, &known.session));
        if let Some(found) = found {
            return Ok(found.id);
        }
    }
    let logged = known.state.commits.entries.iter().rev().find(|commit| git.has_object(commit)).cloned();
    Ok(logged.ok_or_else(|| {
        Refusal::no(format!("no commit of the session `{}` is in the history of this branch", known.session))
            .hint("check out the branch that it worked on")
    })?)
}

fn is_ours(trailers: &[(String, String)], session: &SessionId) -> bool {
    trailers.iter().any(|(key, value)| key == SESSION_TRAILER && value == session.as_str())
}

/// The two sides of the comparison.
struct Sides<'a> {
    workspace: &'a Workspace,
    git: &'a Repository,
    from: Option<&'a Oid>,
    to: Option<&'a Oid>,
}

impl Sides<'_> {
    fn before(&self, path: &TreePath) -> Result<Option<String>> {
        let Some(from) = self.from else { return Ok(None) };
        Ok(self.git.blob_at(from, path)?.map(|blob| String::from_utf8_lossy(&blob.bytes).into_owned()))
    }

    /// What cannot be read as a file now, such as a link, has no text.
    fn after(&self, path: &TreePath) -> Result<Option<String>> {
        let content = match self.to {
            Some(to) => self.git.blob_at(to, path)?.map(|blob| blob.bytes),
            None => write::read_capped(&path.join_to(self.workspace.root()), MAX_SOURCE).unwrap_or_default(),
        };
        Ok(content.map(|content| String::from_utf8_lossy(&content).into_owned()))
    }

    fn tests_added(&self, figures: &Numstat) -> Result<i64> {
        let mut added = 0;
        for changed in figures.paths.iter().filter(|path| path.lines.is_some()) {
            let name = changed.path.to_string();
            let count =
                |text: Option<String>| text.map_or(0, |text| i64::try_from(declared_tests(&name, &text)).unwrap_or(i64::MAX));
            added += count(self.after(&changed.path)?) - count(self.before(&changed.path)?);
        }
        Ok(added)
    }

    fn todo_closed(&self, known: &Known) -> Result<Vec<String>> {
        let Some(after) = self.after(&TreePath::new(TO_DO_LIST)?)? else { return Ok(Vec::new()) };
        let initial = format!("{}/{INITIAL_LIST}", layout::session_folder(&known.session));
        let kept = match (&known.directory, known.state.sealed.get(&initial)) {
            (Some(directory), Some(digest)) => bytes::get(directory, digest)?,
            (None, Some(_)) => match write::read_capped(&self.workspace.root().join(&initial), bytes::CAP)? {
                Some(content) => Some(content),
                None => self.git.file_at_head(&initial)?,
            },
            (_, None) => None,
        };
        Ok(kept.map_or_else(Vec::new, |before| closed_items(&String::from_utf8_lossy(&before), &after)))
    }
}
