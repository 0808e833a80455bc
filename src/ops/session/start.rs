//! `session start`: see how things stand, begin a log bound to this work tree, and commit that where it may be.
//!
//! Works in every state a repository can be in and says which one it is. Switches no branch: `run` does that.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    host::{
        Error, Result,
        git::Head,
        process::stop_on_signals,
        store::{
            binding, bytes, holdings,
            layout::{self, Private},
            ledger,
            lock::CloneLock,
            pages,
            publish::{self, Publication},
            retire, sealed, write,
        },
        transaction::Transaction,
        workspace::Workspace,
    },
    model::{
        branch::{Protection, protection},
        comparison::open_items,
        event::{Continues, FORMAT, Fact, Verdict},
        id::{Oid, SessionId, slug},
        quote,
        refusal::Refusal,
        time::{Lapse, Timestamp},
    },
    ops::{
        judge::gate::{self, Judged, Ran},
        session::{
            commit,
            known::{self, Known, Place},
        },
        setup::in_force,
        time::coverage,
    },
};

/// The person's list of things to do, from the top of the work tree.
pub const TO_DO_LIST: &str = "docs/TODO.md";

/// The name of the copy of [`TO_DO_LIST`] in the session's folder.
pub const INITIAL_LIST: &str = "initial_todo.md";

/// How many commits are written down.
const RECENT: usize = 10;

/// What to start.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Request {
    /// What people call the session.
    pub title: Option<String>,
    /// What is to be reached.
    pub goal: Option<String>,
    /// What must hold on the way.
    pub constraints: Vec<String>,
    /// How long it may take; `run.max_hours` of the settings when not said.
    pub max: Option<Lapse>,
    /// What the gates have to say before.
    pub health: Health,
    /// The session to go on from: its goal, constraints and time hold where none are given.
    pub continues: Option<String>,
    /// Whether conversations of an agent client go on by themselves while there is work that moves.
    pub drive: bool,
}

/// Whether the gates are asked before a session begins. Only those run that a person has trusted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Health {
    /// They are, and no session begins while one that is needed is red.
    #[default]
    Demanded,
    /// They are, and the session begins whatever they say.
    Told,
    /// They are not.
    Skipped,
}

/// How things stood when the session began, as far as it is worth a word.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum Remark {
    /// The branch has no commit yet.
    NoCommits {
        /// The branch.
        branch: String,
    },
    /// HEAD is on no branch.
    Detached {
        /// Where it is.
        commit: Oid,
    },
    /// A git operation waits for its next step.
    UnderWay {
        /// The git command that began it.
        operation: String,
    },
    /// There are changes that are not committed.
    Dirty {
        /// How many paths `git status` names.
        paths: usize,
    },
    /// The branch takes no commits of ours; `run` will work on another.
    Protected {
        /// The branch.
        branch: String,
        /// Why it is protected.
        why: String,
        /// The branch that `run` will make.
        work_branch: String,
    },
    /// `docs/TODO.md` has open items that could become tasks.
    Todo {
        /// How many.
        open: usize,
    },
    /// There is no `docs/TODO.md`.
    NoTodo {},
    /// `docs/TODO.md` is there and cannot be taken.
    UnreadableTodo {
        /// Why.
        why: String,
    },
    /// Git knows no name and address to commit with.
    NoIdentity {},
    /// The environment names another session than the one that was started.
    OtherInEnvironment {
        /// The one that it names.
        named: String,
    },
}

/// What was started.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Outcome {
    /// The session.
    pub session: SessionId,
    /// Its folder, from the top of the work tree.
    pub folder: String,
    /// When it began.
    pub started: Timestamp,
    /// How long it may take.
    pub max: Lapse,
    /// What is to be reached.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub goal: Option<String>,
    /// The session that it goes on from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub continues: Option<SessionId>,
    /// How things stood.
    pub remarks: Vec<Remark>,
    /// What the gates said.
    pub health: Vec<Ran>,
    /// What became of its first commit.
    pub commit: commit::Outcome,
}

/// How things stand before anything is written.
struct Survey {
    head: Head,
    files: Vec<(&'static str, Vec<u8>)>,
    person: Option<String>,
    remarks: Vec<Remark>,
    protected: Option<String>,
}

/// Starts a session in this work tree.
///
/// # Errors
/// Refuses where one is live already, in a copied clone, and where a needed gate is red unless it is only to be told.
pub fn start(workspace: &Workspace, request: &Request) -> Result<Outcome> {
    let continues = match &request.continues {
        Some(given) => Some(to_continue(workspace, given)?),
        None => None,
    };
    begin(workspace, request, continues.as_ref())
}

/// Asks the trusted gates; what they say is kept in the clone's own log, because there is no session yet.
fn examine(workspace: &Workspace, health: Health) -> Result<Vec<Ran>> {
    let gates = match health {
        Health::Skipped => Vec::new(),
        Health::Demanded | Health::Told => in_force::gates(workspace)?,
    };
    if !gates.iter().any(|own| own.gate.is_some()) {
        return Ok(Vec::new());
    }
    let mut transaction = Transaction::of(workspace, ledger::Target::Clone)?;
    let judged = gate::judge(&mut transaction, &gates, None, &stop_on_signals()?, &mut |_| {})?;
    let Judged::Through { ran, .. } = judged else {
        return Err(Refusal::no("the gates were stopped, so no session was started").into());
    };
    match ran.iter().find(|one| one.needed && one.verdict != Verdict::Green) {
        Some(red) if health == Health::Demanded => {
            let said = quote::printed(red.output.as_deref());
            Err(Refusal::no(format!("the gate `{}` is {}, so no session was started; {said}", red.gate, red.verdict.word()))
                .hint(format!("`autonomy gate run {}` shows more; `--force` starts all the same", red.gate))
                .into())
        }
        Some(_) | None => Ok(ran),
    }
}

fn to_continue(workspace: &Workspace, given: &str) -> Result<Known> {
    let known = known::find(workspace, given)?;
    match known.place {
        Place::Here {} | Place::WorkTree { .. } => Err(Refusal::conflict(format!(
            "the session `{}` is live in this clone, so there is nothing to go on from",
            known.session
        ))
        .hint(format!("`autonomy session resume {}` takes it up again", known.session))
        .into()),
        Place::Copied {} | Place::Elsewhere {} | Place::Over {} => Ok(known),
    }
}

/// Starts a session that goes on from `continues`, when there is one.
///
/// # Errors
/// As [`start`].
pub fn begin(workspace: &Workspace, request: &Request, continues: Option<&Known>) -> Result<Outcome> {
    coverage::demand_extent(workspace)?;
    let found = holdings::found(workspace)?;
    let Opened { session, mut transaction, started, max, goal, survey, health } = open(workspace, request, continues)?;
    if !found.is_empty() {
        transaction.append_facts(&found)?;
    }
    let commit = first_commit(&mut transaction, &session)?;
    let mut remarks = survey.remarks;
    if let (Some(why), Head::Branch { name, .. }) = (survey.protected, &survey.head) {
        let work_branch = format!("autonomy/{session}");
        remarks.push(Remark::Protected { branch: name.clone(), why, work_branch });
    }
    let named = workspace.environment().text("AUTONOMY_SESSION").filter(|named| *named != session.as_str());
    remarks.extend(named.map(|named| Remark::OtherInEnvironment { named: named.to_owned() }));
    Ok(Outcome {
        folder: layout::session_folder(&session),
        session,
        started,
        max,
        goal,
        continues: continues.map(|known| known.session.clone()),
        remarks,
        health,
        commit,
    })
}

/// Starts a session that nobody asked for: no gate is run and nothing is committed.
///
/// # Errors
/// As [`start`].
pub fn silently(workspace: &Workspace) -> Result<SessionId> {
    let request = Request { health: Health::Skipped, ..Request::default() };
    open(workspace, &request, None).map(|opened| opened.session)
}

/// A session whose log is begun, and how things stood.
struct Opened<'a> {
    session: SessionId,
    transaction: Transaction<'a>,
    started: Timestamp,
    max: Lapse,
    goal: Option<String>,
    survey: Survey,
    health: Vec<Ran>,
}

fn open<'a>(workspace: &'a Workspace, request: &Request, continues: Option<&Known>) -> Result<Opened<'a>> {
    let private = Private::of(workspace.common_directory());
    ledger::at_home(&private, workspace)?;
    finish_ended(workspace, &private)?;
    refuse_second(workspace, &private)?;
    let health = examine(workspace, request.health)?;
    let survey = survey(workspace)?;
    let started = workspace.clock().now();
    let before = continues.and_then(|known| known.state.session.as_ref());
    let title = request.title.clone().or_else(|| before.and_then(|before| before.title.clone()));
    let goal = request.goal.clone().or_else(|| before.and_then(|before| before.goal.clone()));
    let constraints = match before {
        Some(before) if request.constraints.is_empty() => before.constraints.clone(),
        Some(_) | None => request.constraints.clone(),
    };
    let max = match (request.max, before) {
        (Some(max), _) => max,
        (None, Some(before)) => before.max,
        (None, None) => workspace.settings()?.run.max_hours.0,
    };
    let (session, transaction) = {
        let _lock = CloneLock::take(&private.lock())?;
        // Somebody may have been faster while things were looked at.
        refuse_second(workspace, &private)?;
        let session = free_name(workspace, &private, started, title.as_deref())?;
        write::inside(workspace.root(), &layout::session_folder(&session))?;
        let directory = private.session(&session);
        let mut facts = vec![Fact::SessionStarted {
            format: FORMAT,
            session: session.clone(),
            title,
            goal: goal.clone(),
            constraints,
            max,
            branch: survey.head.branch().map(str::to_owned),
            head: survey.head.commit().cloned(),
            person: survey.person.clone(),
            continues: continues.map(|known| Continues { session: known.session.clone(), last: known.state.tail.clone() }),
            parent: parent(workspace),
        }];
        for (name, content) in &survey.files {
            let bytes = match std::str::from_utf8(content) {
                Ok(text) => bytes::keep(&directory, workspace.secrets().redact(text).as_bytes())?,
                Err(_) => bytes::keep(&directory, content)?,
            };
            facts.push(Fact::FileSealed { file: format!("{}/{name}", layout::session_folder(&session)), bytes });
        }
        facts.extend(request.drive.then_some(Fact::SessionDriven {}));
        let transaction = Transaction::begin(workspace, &session, &facts)?;
        (session, transaction)
    };
    let files: Vec<_> = transaction.state().sealed.clone().into_iter().collect();
    sealed::place(workspace, &transaction.directory(), &files)?;
    pages::name_for_shells(&transaction);
    Ok(Opened { session, transaction, started, max, goal, survey, health })
}

/// A branch that takes no commit, hooks and identities that are not there: none of them stops a session.
fn first_commit(transaction: &mut Transaction<'_>, session: &SessionId) -> Result<commit::Outcome> {
    let subject = format!("autonomy: start session {session}");
    match publish::publish(transaction, &Publication { subject, ..Publication::default() }) {
        Ok(published) => Ok(published.into()),
        Err(Error::Refused(refusal)) => Ok(commit::Outcome::Waits { why: refusal.message }),
        Err(error) => Err(error),
    }
}

/// One session is live in a work tree at a time.
///
/// # Errors
/// Refuses where one is.
pub fn refuse_second(workspace: &Workspace, private: &Private) -> Result<()> {
    match bound_here(workspace, private)?.first() {
        None => Ok(()),
        Some(live) => Err(Refusal::conflict(format!("the session `{live}` is live in this work tree"))
            .hint("`autonomy session end` ends it, `autonomy session status` shows it")
            .into()),
    }
}

/// Lets go of sessions of this work tree that ended while something came between.
fn finish_ended(workspace: &Workspace, private: &Private) -> Result<()> {
    for session in bound_here(workspace, private)? {
        let target = ledger::Target::Session(session);
        if ledger::read(workspace, &target)?.is_some_and(|state| state.is_ended()) {
            retire::finish(&mut ledger::Ledger::open(workspace, target)?)?;
        }
    }
    Ok(())
}

fn bound_here(workspace: &Workspace, private: &Private) -> Result<Vec<SessionId>> {
    let bound = |binding: Option<binding::Binding>| binding.is_some_and(|binding| binding.work_tree == workspace.root());
    Ok(binding::live(private)?.into_iter().filter(|(_, binding)| bound(binding.clone())).map(|(live, _)| live).collect())
}

/// The session that an agent starting one in another work tree belongs to.
fn parent(workspace: &Workspace) -> Option<SessionId> {
    if workspace.actor().is_person() {
        return None;
    }
    workspace.belongs_to().ok().flatten()
}

fn free_name(workspace: &Workspace, private: &Private, at: Timestamp, title: Option<&str>) -> Result<SessionId> {
    let base = match title.map(slug) {
        Some(slug) if !slug.is_empty() => format!("{}-{slug}", at.stamp()),
        _ => at.stamp(),
    };
    let known = sealed::sessions(workspace)?;
    let mut number = 1;
    loop {
        let name = if number == 1 { base.clone() } else { format!("{base}-{number}") };
        let id = SessionId::new(name)?;
        let folder = workspace.root().join(layout::session_folder(&id));
        if !known.contains(&id) && !write::is_there(&private.session(&id)) && !write::is_there(&folder) {
            return Ok(id);
        }
        number += 1;
    }
}

fn survey(workspace: &Workspace) -> Result<Survey> {
    let git = workspace.git()?;
    let head = git.head()?;
    let status = git.status_text(workspace.environment())?;
    let mut remarks = Vec::new();
    match &head {
        Head::Branch { name, commit: None } => remarks.push(Remark::NoCommits { branch: name.clone() }),
        Head::Branch { commit: Some(_), .. } => {}
        Head::Detached { commit } => remarks.push(Remark::Detached { commit: commit.clone() }),
    }
    remarks.extend(git.operation().map(|operation| Remark::UnderWay { operation: operation.command().to_owned() }));
    if !status.is_empty() {
        remarks.push(Remark::Dirty { paths: status.lines().count() });
    }
    let recent = git.log_text(workspace.environment(), RECENT)?;
    let mut files = vec![("initial_git_status.txt", status.into_bytes()), ("recent_commits.txt", recent.into_bytes())];
    match write::read_capped(&workspace.root().join(TO_DO_LIST), bytes::CAP) {
        Ok(Some(content)) => {
            let open = open_items(&String::from_utf8_lossy(&content));
            if open > 0 {
                remarks.push(Remark::Todo { open });
            }
            files.push((INITIAL_LIST, content));
        }
        Ok(None) => remarks.push(Remark::NoTodo {}),
        Err(error) => remarks.push(Remark::UnreadableTodo { why: error.refusal().message }),
    }
    let person = git.author(workspace.environment(), workspace.clock().now()).ok().map(|signature| signature.identity.name);
    if person.is_none() {
        remarks.push(Remark::NoIdentity {});
    }
    let protected = match &head {
        Head::Branch { name, .. } => match protection(name, &workspace.settings()?.branches, &git.branch_facts()?) {
            Protection::Protected(why) => Some(why),
            Protection::Free => None,
        },
        Head::Detached { .. } => None,
    };
    Ok(Survey { head, files, person, remarks, protected })
}
