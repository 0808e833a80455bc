//! The only writer: resolve whose log it is, bring the store in order, decide, append, then put files in place.
//!
//! The append is the moment it happened. What follows it can be done again by any later command, so a crash there loses
//! nothing. What the events mean is decided above; here they are only carried out.

use std::ops::{Deref, DerefMut};

use crate::{
    host::{
        Result,
        store::{
            exclude,
            layout::Private,
            ledger::{Ledger, Target},
            lock::CloneLock,
            pages::{self, Rendered},
            record, retire, settle,
        },
        workspace::Workspace,
    },
    model::{actor::Actor, event::Fact, id::SessionId, refusal::Refusal, session, settings::Settings, state::State, time::Lapse},
};

/// One command's dealings with one log; reads like the [`Ledger`] it holds.
#[derive(Debug)]
pub struct Transaction<'a> {
    ledger: Ledger<'a>,
}

impl<'a> Deref for Transaction<'a> {
    type Target = Ledger<'a>;
    fn deref(&self) -> &Ledger<'a> {
        &self.ledger
    }
}

impl DerefMut for Transaction<'_> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.ledger
    }
}

impl<'a> Transaction<'a> {
    /// Opens the log of the session that the command belongs to, or the clone's own where there is none, and brings the
    /// store in order.
    ///
    /// # Errors
    /// Refuses when several sessions are live here and none was named, and in a copied clone.
    pub fn open(workspace: &'a Workspace) -> Result<Self> {
        match Self::of_live(workspace)? {
            Some(transaction) => Ok(transaction),
            None => Self::of(workspace, Target::Clone),
        }
    }

    /// Opens the log of the session that the command belongs to.
    ///
    /// # Errors
    /// Refuses where no session is live, besides what [`Self::open`] refuses.
    pub fn of_session(workspace: &'a Workspace) -> Result<Self> {
        let none = || Refusal::no("no session is live in this work tree").hint("`autonomy session start` begins one");
        Self::of_live(workspace)?.ok_or_else(|| none().into())
    }

    /// Lets pass only a person, as whom it acts from here on: the token shows one although an agent's mark is in the environment.
    ///
    /// # Errors
    /// Refuses anybody else; `what` is what they were about to do.
    pub fn demand_person(&mut self, what: &str) -> Result<()> {
        let workspace = self.workspace();
        workspace.must_be_shown_person(what)?;
        if !self.actor().is_person() {
            self.act_as(Actor::Person { name: Some(workspace.person()) });
        }
        Ok(())
    }

    /// The session that the command belongs to; one that ended, but whose log is still there, is first let go.
    fn of_live(workspace: &'a Workspace) -> Result<Option<Self>> {
        while let Some(session) = workspace.belongs_to()? {
            let mut ledger = Ledger::open(workspace, Target::Session(session))?;
            if !ledger.state().is_ended() {
                settle_clone(workspace)?;
                return Self::in_order(ledger).map(Some);
            }
            retire::finish(&mut ledger)?;
        }
        Ok(None)
    }

    /// Opens the log of `target` and brings the store in order.
    ///
    /// # Errors
    /// Refuses an unknown session, a damaged log, a log of a later version, and a copied clone.
    pub fn of(workspace: &'a Workspace, target: Target) -> Result<Self> {
        Self::in_order(Ledger::open(workspace, target)?)
    }

    /// Settles records and files, and pauses a session in which nothing has happened for too long.
    fn in_order(mut ledger: Ledger<'a>) -> Result<Self> {
        if !ledger.state().is_ended() {
            // Not even pages are made from a log that only a later version understands.
            ledger.state().may_write()?;
        }
        settle::settle(&mut ledger)?;
        let mut transaction = Self { ledger };
        transaction.pause_if_timed_out()?;
        Ok(transaction)
    }

    fn pause_if_timed_out(&mut self) -> Result<()> {
        let now = self.at();
        // Most commands come soon after another and need no settings for this.
        if session::timed_out(self.state(), now, Lapse::minutes(1)).is_none() {
            return Ok(());
        }
        // Settings that cannot be read stop the commands that rest on them, not this.
        let timeout =
            self.workspace().settings().map_or_else(|_| Settings::default().session.timeout, |known| known.session.timeout);
        let idle = self.state().last.map(|last| now.since(last)).unwrap_or_default();
        let actor = self.actor().clone();
        self.act_as(Actor::Autonomy);
        let paused = self.append(|state| {
            let fact = session::timed_out(state, now, timeout);
            let due = fact.is_some();
            Ok((fact.into_iter().collect(), due))
        });
        self.act_as(actor);
        if let (true, Some(session)) = (paused?, self.session()) {
            let idle = Lapse::minutes(idle.as_minutes());
            self.workspace().notice(format!(
                "Nothing happened in session {session} for {idle}, so it is paused; `autonomy session resume` takes it up again"
            ));
        }
        Ok(())
    }

    /// Opens the log of `target` without looking at any file under `.claude/`: for what has to be quick.
    ///
    /// # Errors
    /// As [`Self::of`].
    pub fn unsettled(workspace: &'a Workspace, target: Target) -> Result<Self> {
        Ok(Self { ledger: Ledger::open(workspace, target)? })
    }

    /// Begins a new session with its first facts, bound to this work tree; the caller holds the clone's lock and has made
    /// sure that the name is free.
    ///
    /// # Errors
    /// Refuses a name that is taken.
    pub fn begin(workspace: &'a Workspace, session: &SessionId, facts: &[Fact]) -> Result<Self> {
        exclude::ensure(workspace.common_directory())?;
        let mut transaction = Self { ledger: Ledger::begin(workspace, session, facts)? };
        record::mark_applied(&transaction.ledger)?;
        pages::refresh(&mut transaction.ledger, facts, 0, Rendered::default());
        Ok(transaction)
    }

    /// Decides on the newest state, appends what was decided, and puts records and pages in place. `decide` may be called
    /// again when another process was faster; it must not touch anything.
    ///
    /// # Errors
    /// Hands on what `decide` refuses; fails when the log cannot be written.
    pub fn append<T>(&mut self, decide: impl FnMut(&State) -> Result<(Vec<Fact>, T)>) -> Result<T> {
        record::ensure_marked(&self.ledger)?;
        let (workspace, at, is_session) = (self.workspace(), self.at(), self.session().is_some());
        let (mut before, mut rendered) = (0, Rendered::default());
        let mut decide = decide;
        let decide = |state: &State| {
            before = state.shown;
            decide(state)
        };
        let (appended, value) = self.ledger.append_while(decide, |facts| {
            let rendering = is_session.then(|| Rendered::of(workspace, facts, at))?;
            rendering.map(|rendering| |state: &State| rendered = rendering(state))
        })?;
        if !appended.is_empty() {
            record::apply(&self.ledger)?;
            pages::refresh(&mut self.ledger, &appended, before, rendered);
        }
        Ok(value)
    }

    /// Appends facts that need no decision.
    ///
    /// # Errors
    /// Fails when the log cannot be written.
    pub fn append_facts(&mut self, facts: &[Fact]) -> Result<()> {
        self.append(|_| Ok((facts.to_vec(), ())))
    }

    /// Takes the clone's lock, for publishing, refs and whatever spans sessions.
    ///
    /// # Errors
    /// Refuses when another process keeps it.
    pub fn lock_clone(&self) -> Result<CloneLock> {
        CloneLock::take(&Private::of(self.workspace().common_directory()).lock())
    }
}

/// Settles the records that were written without a session. They lie in the clone's first work tree, so elsewhere there is
/// nothing to compare them with.
fn settle_clone(workspace: &Workspace) -> Result<()> {
    let is_first = workspace.git_directory() == workspace.common_directory();
    if is_first && Private::of(workspace.common_directory()).clone_log().is_dir() {
        settle::settle(&mut Ledger::open(workspace, Target::Clone)?)?;
    }
    Ok(())
}
