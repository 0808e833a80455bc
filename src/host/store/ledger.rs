//! One command's hold on one log: whose it is, who acts, when, and the bytes beside it.
//!
//! Nothing under `.claude/` is touched here; what follows from an append is put in place by `transaction`.

use std::{
    path::{Path, PathBuf},
    sync::OnceLock,
};

use crate::{
    host::{
        Result,
        store::{
            binding::{self, Binding, Home},
            bytes,
            layout::{CLONE, Private},
            log::{Log, Stamp},
            write,
        },
        workspace::Workspace,
    },
    model::{
        actor::Actor,
        event::{Event, FORMAT, Fact},
        id::{Digest, SessionId},
        refusal::Refusal,
        state::State,
        time::Timestamp,
    },
};

/// Whose log a command writes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// The live session that the command belongs to.
    Session(SessionId),
    /// The clone's own log, for work without a session.
    Clone,
}

/// One command's hold on one log.
#[derive(Debug)]
pub struct Ledger<'a> {
    workspace: &'a Workspace,
    target: Target,
    log: Log,
    actor: Actor,
    at: Timestamp,
    work_tree: OnceLock<PathBuf>,
}

impl<'a> Ledger<'a> {
    /// Opens the log of `target`; the clone's own is begun where there is none.
    ///
    /// # Errors
    /// Refuses an unknown session, a damaged log, and a copied clone.
    pub fn open(workspace: &'a Workspace, target: Target) -> Result<Self> {
        let private = Private::of(workspace.common_directory());
        at_home(&private, workspace)?;
        let log = match &target {
            Target::Session(id) => Log::open(&private.session(id), id.as_str())?.ok_or_else(|| {
                Refusal::usage(format!("the session `{id}` is not live here")).hint("`autonomy session list` shows all")
            })?,
            Target::Clone => match Log::open(&private.clone_log(), CLONE)? {
                Some(log) => log,
                None => Log::begin(&private.clone_log(), CLONE)?,
            },
        };
        Ok(Self::over(workspace, target, log))
    }

    /// Makes the log of a new session with its first facts in it, and binds the session to this work tree; whoever calls it
    /// holds the clone's lock.
    ///
    /// # Errors
    /// Refuses a copied clone and a name that is taken; fails when the log cannot be made.
    pub fn begin(workspace: &'a Workspace, session: &SessionId, facts: &[Fact]) -> Result<Self> {
        let private = Private::of(workspace.common_directory());
        at_home(&private, workspace)?;
        let directory = private.session(session);
        write::make_directory(&directory)?;
        Binding::to(workspace.root()).write(&directory)?;
        let named = facts.iter().find_map(|fact| match fact {
            Fact::SessionStarted { person, .. } => person.clone(),
            _ => None,
        });
        let (actor, at) = (acting(workspace, named), workspace.clock().now());
        let stamp = Stamp { at, actor: &actor, redact: &|line| workspace.secrets().redact(line).into_owned() };
        let log = Log::create(&directory, session.as_str(), &stamp, facts)?;
        Ok(Self { workspace, target: Target::Session(session.clone()), log, actor, at, work_tree: OnceLock::new() })
    }

    fn over(workspace: &'a Workspace, target: Target, log: Log) -> Self {
        let person = log.state().session.as_ref().and_then(|session| session.person.clone());
        let actor = acting(workspace, person);
        Self { workspace, target, log, actor, at: workspace.clock().now(), work_tree: OnceLock::new() }
    }

    /// The fold of the log.
    #[must_use]
    pub fn state(&self) -> &State {
        self.log.state()
    }

    /// Whose log it is.
    #[must_use]
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// The session whose log it is; none for the clone's own.
    #[must_use]
    pub fn session(&self) -> Option<&SessionId> {
        match &self.target {
            Target::Session(id) => Some(id),
            Target::Clone => None,
        }
    }

    /// The work tree that the command works in.
    #[must_use]
    pub fn workspace(&self) -> &'a Workspace {
        self.workspace
    }

    /// The top of the work tree that the session is bound to, wherever the command was typed.
    #[must_use]
    pub fn work_tree(&self) -> &Path {
        self.work_tree.get_or_init(|| bound(self.log.directory(), self.workspace))
    }

    /// The log itself, for reading all of it.
    #[must_use]
    pub fn log(&self) -> &Log {
        &self.log
    }

    /// Who acts.
    #[must_use]
    pub fn actor(&self) -> &Actor {
        &self.actor
    }

    /// When the command happens; the time of all its events.
    #[must_use]
    pub fn at(&self) -> Timestamp {
        self.at
    }

    /// Acts as somebody else from here on: this program by itself, or the agent whose request is carried out.
    pub fn act_as(&mut self, actor: Actor) {
        self.actor = actor;
    }

    /// Sets the time of the events to come to the present; for what runs longer than one command.
    pub fn tick(&mut self) {
        self.at = self.workspace.clock().now();
    }

    /// Keeps bytes beside the log, without secrets, so that an event can name them by digest.
    ///
    /// # Errors
    /// Fails when they cannot be written.
    pub fn keep(&self, content: &[u8]) -> Result<Digest> {
        match std::str::from_utf8(content) {
            Ok(text) => bytes::keep(self.log.directory(), self.workspace.secrets().redact(text).as_bytes()),
            Err(_) => bytes::keep(self.log.directory(), content),
        }
    }

    /// Keeps bytes that somebody else wrote, exactly as they were found.
    ///
    /// # Errors
    /// Fails when they cannot be written.
    pub fn keep_exact(&self, content: &[u8]) -> Result<Digest> {
        bytes::keep(self.log.directory(), content)
    }

    /// Bytes that were kept beside the log.
    ///
    /// # Errors
    /// Refuses bytes that are damaged.
    pub fn kept(&self, digest: &Digest) -> Result<Option<Vec<u8>>> {
        bytes::get(self.log.directory(), digest)
    }

    /// Appends facts that no page shows, and that change no record and need no decision; the state is not brought up to
    /// them.
    ///
    /// # Errors
    /// Refuses where the session is over; fails when the log cannot be written.
    pub fn tell(&mut self, facts: &[Fact]) -> Result<()> {
        let workspace = self.workspace;
        let redact = |line: &str| workspace.secrets().redact(line).into_owned();
        self.log.append_facts(&Stamp { at: self.at, actor: &self.actor, redact: &redact }, facts)
    }

    /// Decides on the newest state and appends what was decided; returns the facts that were appended. `decide` may be
    /// called again when another process was faster; it must not touch anything.
    ///
    /// # Errors
    /// Hands on what `decide` refuses; fails when the log cannot be written.
    pub fn append<T>(&mut self, decide: impl FnMut(&State) -> Result<(Vec<Fact>, T)>) -> Result<(Vec<Fact>, T)> {
        self.append_while(decide, |_| None::<fn(&State)>)
    }

    /// The same; what `meanwhile` gives for the facts is done with the new state while they go to the disk, as
    /// [`Log::append_while`] says.
    ///
    /// # Errors
    /// As [`Self::append`].
    pub fn append_while<T, W: FnOnce(&State)>(
        &mut self,
        mut decide: impl FnMut(&State) -> Result<(Vec<Fact>, T)>,
        meanwhile: impl FnOnce(&[Fact]) -> Option<W>,
    ) -> Result<(Vec<Fact>, T)> {
        let workspace = self.workspace;
        let redact = |line: &str| workspace.secrets().redact(line).into_owned();
        let stamp = Stamp { at: self.at, actor: &self.actor, redact: &redact };
        let is_clone = self.target == Target::Clone;
        let decide = |state: &State| {
            let (mut facts, value) = decide(state)?;
            if is_clone && state.seq == 0 && !facts.is_empty() {
                facts.insert(0, Fact::CloneStarted { format: FORMAT });
            }
            Ok((facts.clone(), (facts, value)))
        };
        self.log.append_while(&stamp, decide, |(facts, _)| meanwhile(facts))
    }

    /// Folds what other processes have appended meanwhile.
    ///
    /// # Errors
    /// Fails when the log cannot be read, and refuses a damaged one.
    pub fn catch_up(&mut self) -> Result<()> {
        self.log.catch_up()
    }

    /// The directory beside the log.
    #[must_use]
    pub fn directory(&self) -> PathBuf {
        self.log.directory().to_owned()
    }
}

/// The work tree that the session in `directory` is bound to, while there is one; else the one at hand.
#[must_use]
pub fn bound(directory: &Path, workspace: &Workspace) -> PathBuf {
    let bound = Binding::read(directory).ok().flatten().map(|binding| binding.work_tree).filter(|root| root.is_dir());
    bound.unwrap_or_else(|| workspace.root().to_owned())
}

/// Who acts, with the name of the person whose session it is.
fn acting(workspace: &Workspace, person: Option<String>) -> Actor {
    match workspace.actor() {
        Actor::Person { name: None } => Actor::Person { name: person },
        other => other.clone(),
    }
}

/// Makes sure that this clone may write to its logs; a clone in which nothing was written yet becomes their home.
///
/// # Errors
/// Refuses a copied clone.
pub fn at_home(private: &Private, workspace: &Workspace) -> Result<()> {
    match binding::home(private)? {
        Home::Here(_) => Ok(()),
        Home::Nowhere => binding::settle_here(private, workspace.clock()).map(drop),
        Home::Copied(_) => Err(Refusal::needs_person(format!(
            "`{}` was copied from another clone, so its logs may only be read",
            private.root().display()
        ))
        .hint("`autonomy session resume` goes on in a session of this clone's own, with `--here` in the copied one")
        .into()),
    }
}

/// Every event of a live session, or of the clone's own log, without writing anything; none where there is no log.
///
/// # Errors
/// Refuses a damaged log.
pub fn events(workspace: &Workspace, target: &Target) -> Result<Vec<Event>> {
    let Some(log) = open(workspace, target)? else { return Ok(Vec::new()) };
    Ok(log.events()?.into_iter().map(|(event, _)| event).collect())
}

fn open(workspace: &Workspace, target: &Target) -> Result<Option<Log>> {
    let private = Private::of(workspace.common_directory());
    match target {
        Target::Session(id) => Log::open(&private.session(id), id.as_str()),
        Target::Clone => Log::open(&private.clone_log(), CLONE),
    }
}

/// Reads the state of a live session, or of the clone's own log, without writing anything; none where there is no log.
///
/// # Errors
/// Refuses a damaged log.
pub fn read(workspace: &Workspace, target: &Target) -> Result<Option<State>> {
    Ok(open(workspace, target)?.map(|log| log.state().clone()))
}
