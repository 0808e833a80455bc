//! What persons are known to have said, and what they asked to be asked: where a record alone proves nothing, because an agent
//! can write one too.
//!
//! A person's word is an event of a log in this clone, live or retired, or it came with a commit on a protected branch of a
//! remote. Anything else that a record says is a proposal. A decision also holds where no agent can have written it.

use std::{
    collections::{BTreeMap, BTreeSet, btree_map::Entry},
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
        decision::{self, Decision},
        document::Document,
        event::{Event, Fact},
        id::{DecisionId, Digest, Oid, QuestionId, SessionId},
        question::{Question, Said, Status},
        record::RecordKind,
        settings::Branches,
        task::{HumanGate, Task},
        testimony::Testimony,
    },
};

/// The most bytes of the kept testimony of one session that are read.
const MAX_KEPT: u64 = 16 << 20;

/// Looks up what persons said; what has to be read for that is read once.
#[derive(Debug)]
pub struct Answers<'a> {
    workspace: &'a Workspace,
    overview: &'a Overview,
    protected: Option<Vec<Oid>>,
    retired: BTreeMap<SessionId, Testimony>,
    /// The decisions' files in the commits where live sessions began.
    began: BTreeMap<Oid, BTreeMap<TreePath, Oid>>,
}

impl<'a> Answers<'a> {
    /// Answers known to the logs of `overview` and beyond.
    #[must_use]
    pub fn new(workspace: &'a Workspace, overview: &'a Overview) -> Self {
        Self { workspace, overview, protected: None, retired: BTreeMap::new(), began: BTreeMap::new() }
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
        let known = self.overview.logs.iter().filter_map(|known| known.state.testimony.said.get(question));
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
        Ok(self.testimony(&session)?.said.get(&question.id).cloned())
    }

    fn testimony(&mut self, session: &SessionId) -> Result<&Testimony> {
        match self.retired.entry(session.clone()) {
            Entry::Occupied(known) => Ok(known.into_mut()),
            Entry::Vacant(place) => Ok(place.insert(retired(self.workspace, session)?)),
        }
    }

    /// The decision as it stands, where its record, whose bytes are `bytes`, says that it holds: a proposal when an agent can have
    /// written that and nobody is known to have taken it. `approved` are those that a person approved, as far as is known.
    ///
    /// # Errors
    /// Fails when git cannot be read.
    pub fn take(&mut self, decision: Decision, bytes: &[u8], approved: &BTreeSet<DecisionId>) -> Result<Decision> {
        if decision.status != decision::Status::Accepted {
            return Ok(decision);
        }
        let terms = decision.terms();
        let logs = || self.overview.logs.iter().map(|known| &known.state.testimony);
        // Whether it was put to a person, and what they said, is asked for all of them at once.
        let recorded = logs().any(|log| log.recorded(&decision.id, &terms));
        let is_other = logs().any(|log| log.recorded.contains_key(&decision.id)) && !recorded;
        let holds = recorded
            || (approved.contains(&decision.id) && !is_other)
            || self.is_out_of_reach(&decision, &terms, bytes)?
            || self.recorded_before(&decision, &terms, approved)?
            || self.landed_decision(&decision, &terms)?;
        Ok(if holds { decision } else { decision.only_claimed() })
    }

    /// Whether no agent of a session can have written it: none is live but such as found it there when they began, and it was not
    /// there without anybody's word when another one ended.
    fn is_out_of_reach(&mut self, decision: &Decision, terms: &Digest, bytes: &[u8]) -> Result<bool> {
        let is_doubted = self.overview.logs.iter().any(|known| known.state.testimony.doubts(&decision.id, terms));
        if is_doubted || !self.overview.damaged.is_empty() {
            return Ok(false);
        }
        for known in self.overview.sessions() {
            let Some(head) = known.state.session.as_ref().and_then(|session| session.head.clone()) else { return Ok(false) };
            if !self.stood(&head, decision, terms, bytes)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Whether the decision held in `commit` as it says now.
    fn stood(&mut self, commit: &Oid, decision: &Decision, terms: &Digest, bytes: &[u8]) -> Result<bool> {
        let git = self.workspace.git()?;
        if !self.began.contains_key(commit) {
            let folder = RecordKind::Decision.folder().map(TreePath::new).transpose()?;
            // A clone that is shallow now may lack it.
            let files = git.entries_below(commit, folder.as_ref()).unwrap_or_default();
            self.began.insert(commit.clone(), files.into_iter().map(|(path, side)| (path, side.oid)).collect());
        }
        let path = TreePath::new(RecordKind::Decision.path(decision.id.as_str()))?;
        let Some(blob) = self.began.get(commit).and_then(|files| files.get(&path)) else { return Ok(false) };
        if *blob == git.blob_id(bytes)? {
            return Ok(true);
        }
        Ok(is_as(decision, terms, &path, git.blob_bytes(blob)?))
    }

    /// Whether a session that was retired recorded it, and a person approved it where it was put to one.
    fn recorded_before(&mut self, decision: &Decision, terms: &Digest, approved: &BTreeSet<DecisionId>) -> Result<bool> {
        let Some(session) = &decision.session else { return Ok(false) };
        let testimony = self.testimony(session)?;
        Ok(testimony.vouches(&decision.id, terms) || (testimony.recorded(&decision.id, terms) && approved.contains(&decision.id)))
    }

    /// Whether it holds so on a protected branch of a remote.
    fn landed_decision(&mut self, decision: &Decision, terms: &Digest) -> Result<bool> {
        let path = TreePath::new(RecordKind::Decision.path(decision.id.as_str()))?;
        for tip in self.protected()? {
            let there = self.workspace.git()?.blob_at(&tip, &path)?;
            if there.is_some_and(|blob| is_as(decision, terms, &path, blob.bytes)) {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// Whether a record with these bytes says that the decision holds, with the same terms.
#[must_use]
pub fn is_as(decision: &Decision, terms: &Digest, path: &TreePath, bytes: Vec<u8>) -> bool {
    let read = Document::parse(path.to_string(), bytes).and_then(|document| Decision::read(decision.id.clone(), &document));
    read.is_ok_and(|there| there.status == decision::Status::Accepted && there.terms() == *terms)
}

/// The fact that a command records a decision, whose record is `document`.
///
/// # Errors
/// Refuses what could not be read again.
pub fn recorded(workspace: &Workspace, decision: &Decision, document: &Document) -> Result<Fact> {
    // Its secrets are taken out when it is kept.
    let kept = workspace.secrets().redact(document.text()).into_owned();
    let kept = Decision::read(decision.id.clone(), &Document::parse(document.path(), kept.into_bytes())?)?;
    Ok(Fact::DecisionRecorded { decision: decision.id.clone(), title: decision.title.clone(), terms: Some(kept.terms()) })
}

/// Where the testimony of a session is kept, whose state the commit `pin` holds.
fn kept(workspace: &Workspace, pin: &Oid) -> PathBuf {
    Private::of(workspace.common_directory()).cache().join(format!("testimony-{pin}.json"))
}

/// Keeps the testimony of a session that is being retired, whose state the commit `pin` holds, so that it need not be looked for in
/// the journals.
pub fn keep(workspace: &Workspace, pin: &Oid, testimony: &Testimony) {
    if let Ok(bytes) = serde_json::to_vec(testimony) {
        // What cannot be kept is found again.
        drop(write::replace(&kept(workspace, pin), &bytes, Durability::Derived));
    }
}

/// The kinds of events that testify, as they stand in a line.
const TESTIFY: [&str; 4] = ["\"question.answered\"", "\"question.asked\"", "\"decision.recorded\"", "\"decision.found\""];

/// What a session testifies that was retired in this clone.
fn retired(workspace: &Workspace, session: &SessionId) -> Result<Testimony> {
    let Some(pin) = workspace.git()?.find_ref(&sealed::pin_name(session))? else { return Ok(Testimony::default()) };
    let read = write::read_capped(&kept(workspace, &pin), MAX_KEPT).ok().flatten();
    if let Some(testimony) = read.and_then(|bytes| serde_json::from_slice(&bytes).ok()) {
        return Ok(testimony);
    }
    let mut testimony = Testimony::default();
    for line in sealed::lines(workspace, &pin, session)? {
        let Ok(line) = std::str::from_utf8(&line) else { continue };
        if TESTIFY.iter().any(|kind| line.contains(kind))
            && let Ok(event) = Event::parse(line)
        {
            testimony.hear(&event, Some(session));
        }
    }
    Ok(testimony)
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
