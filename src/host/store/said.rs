//! What persons are known to have said, and what they asked to be asked: where a record alone proves nothing, because an agent
//! can write one too.
//!
//! A person's word is an event of a log in this clone, live or retired, or it came with a commit on a protected branch of a
//! remote. Anything else that a record says is a proposal.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
};

use crate::{
    host::{
        Result,
        store::{
            layout::Private,
            overview::Overview,
            sealed,
            write::{self, Durability},
        },
        workspace::Workspace,
    },
    model::{
        branch::protection,
        change::TreePath,
        document::Document,
        event::Event,
        id::{Oid, QuestionId, SessionId},
        question::{Question, Said, Status},
        record::RecordKind,
        settings::Branches,
        task::{HumanGate, Task},
    },
};

/// The most bytes of kept answers of one session that are read.
const MAX_KEPT: u64 = 16 << 20;

/// Looks up what persons said; what has to be read for that is read once.
#[derive(Debug)]
pub struct Answers<'a> {
    workspace: &'a Workspace,
    overview: &'a Overview,
    protected: Option<Vec<Oid>>,
    retired: BTreeMap<SessionId, BTreeMap<QuestionId, Said>>,
}

impl<'a> Answers<'a> {
    /// Answers known to the logs of `overview` and beyond.
    #[must_use]
    pub fn new(workspace: &'a Workspace, overview: &'a Overview) -> Self {
        Self { workspace, overview, protected: None, retired: BTreeMap::new() }
    }

    /// The question as it stands; `bytes` are those of its record.
    ///
    /// # Errors
    /// Fails when git cannot be read.
    pub fn hear(&mut self, question: Question, bytes: &[u8]) -> Result<Question> {
        if !question.claims() {
            return Ok(question);
        }
        let said = match self.live(&question.id) {
            Some(said) => Some(said),
            None => match self.landed(&question, bytes)? {
                Some(said) => Some(said),
                None => self.retired(&question)?,
            },
        };
        Ok(question.heard(said))
    }

    fn live(&self, question: &QuestionId) -> Option<Said> {
        let known = self.overview.logs.iter().filter_map(|known| known.state.said.get(question));
        known.max_by_key(|said| said.answer.at).cloned()
    }

    /// What the record says on a protected branch of a remote.
    fn landed(&mut self, question: &Question, bytes: &[u8]) -> Result<Option<Said>> {
        let path = TreePath::new(RecordKind::Question.path(question.id.as_str()))?;
        for tip in self.protected()? {
            let Some(blob) = self.workspace.git()?.blob_at(&tip, &path)? else { continue };
            let there = if blob.bytes == bytes {
                question.clone()
            } else {
                let read = Document::parse(path.to_string(), blob.bytes);
                let Ok(there) = read.and_then(|document| Question::read(question.id.clone(), &document)) else { continue };
                there
            };
            let about = Some(there.subject());
            if let (Status::Answered, Some(answer)) = (there.status, there.answer) {
                return Ok(Some(Said { answer, about }));
            }
        }
        Ok(None)
    }

    fn protected(&mut self) -> Result<Vec<Oid>> {
        if let Some(known) = &self.protected {
            return Ok(known.clone());
        }
        let tips = protected_tips(self.workspace)?;
        Ok(self.protected.insert(tips).clone())
    }

    /// What the session in whose log the answer claims to stand said when it was retired.
    fn retired(&mut self, question: &Question) -> Result<Option<Said>> {
        let Some(session) = question.answer.as_ref().and_then(|answer| answer.session.clone()) else { return Ok(None) };
        if !self.retired.contains_key(&session) {
            let said = retired(self.workspace, &session)?;
            self.retired.insert(session.clone(), said);
        }
        Ok(self.retired.get(&session).and_then(|said| said.get(&question.id)).cloned())
    }
}

/// Where what was said in a session is kept, whose state the commit `pin` holds.
fn kept(workspace: &Workspace, pin: &Oid) -> PathBuf {
    Private::of(workspace.common_directory()).cache().join(format!("said-{pin}.json"))
}

/// Keeps what persons said in a session that is being retired, whose state the commit `pin` holds, so that it need not be looked
/// for in the journals.
pub fn keep(workspace: &Workspace, pin: &Oid, said: &BTreeMap<QuestionId, Said>) {
    if let Ok(bytes) = serde_json::to_vec(said) {
        // What cannot be kept is found again.
        drop(write::replace(&kept(workspace, pin), &bytes, Durability::Derived));
    }
}

/// What persons said in a session that was retired in this clone.
fn retired(workspace: &Workspace, session: &SessionId) -> Result<BTreeMap<QuestionId, Said>> {
    let Some(pin) = workspace.git()?.find_ref(&sealed::pin_name(session))? else { return Ok(BTreeMap::new()) };
    let read = write::read_capped(&kept(workspace, &pin), MAX_KEPT).ok().flatten();
    if let Some(said) = read.and_then(|bytes| serde_json::from_slice(&bytes).ok()) {
        return Ok(said);
    }
    let mut said = BTreeMap::new();
    for line in sealed::lines(workspace, &pin, session)? {
        let Ok(line) = std::str::from_utf8(&line) else { continue };
        if !line.contains("\"question.answered\"") {
            continue;
        }
        let Ok(event) = Event::parse(line) else { continue };
        said.extend(event.said(Some(session.clone())));
    }
    Ok(said)
}

/// The commits of the remotes' protected branches, as last fetched. What the repository's own settings add to the protected
/// branches does not count, because an agent can write them.
fn protected_tips(workspace: &Workspace) -> Result<Vec<Oid>> {
    let git = workspace.git()?;
    let facts = git.branch_facts()?;
    if !facts.has_remote {
        return Ok(Vec::new());
    }
    let own = workspace.settings().ok().and_then(|settings| settings.branches.protected.clone());
    let rules = Branches { protected: own, added: Vec::new() };
    let mut tips = BTreeSet::new();
    for (name, commit) in git.list_refs("refs/remotes/")? {
        let branch = name.strip_prefix("refs/remotes/").and_then(|rest| rest.split_once('/')).map(|(_, branch)| branch);
        if branch.is_some_and(|branch| protection(branch, &rules, &facts).is_protected()) {
            tips.insert(commit);
        }
    }
    Ok(tips.into_iter().collect())
}

/// What a person has to rule before work on `task` begins: what its record says, and what it said where an agent's edit of the
/// file does not reach: when it was added, in HEAD, and on protected branches of remotes.
///
/// # Errors
/// Fails when git cannot be read.
pub fn gates(workspace: &Workspace, overview: &Overview, task: &Task) -> Result<Vec<HumanGate>> {
    let added = overview.logs.iter().filter_map(|known| known.state.tasks.get(&task.id)).flat_map(|state| &state.gates);
    let mut found: Vec<HumanGate> = task.gates.iter().chain(added).copied().collect();
    let path = TreePath::new(RecordKind::Task.path(task.id.as_str()))?;
    let git = workspace.git()?;
    let mut tips = protected_tips(workspace)?;
    tips.extend(git.head()?.commit().cloned());
    for tip in tips {
        let Some(blob) = git.blob_at(&tip, &path)? else { continue };
        let read = Document::parse(path.to_string(), blob.bytes).and_then(|it| Task::read(task.id.clone(), &it));
        found.extend(read.into_iter().flat_map(|there| there.gates));
    }
    let mut gates = Vec::new();
    for gate in found {
        if !gates.contains(&gate) {
            gates.push(gate);
        }
    }
    Ok(gates)
}
