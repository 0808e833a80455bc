//! `session resume`: take work up again, in this clone or in another one.
//!
//! A session has one home for ever: elsewhere a new session goes on from it and names its last event. Only a person makes
//! a copied clone the home of the logs in it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    host::{
        Result,
        store::{
            binding::{self, Binding, Home},
            copied,
            layout::Private,
            ledger::{self, Target},
            lock::CloneLock,
            overview::Overview,
            pages,
        },
        transaction::Transaction,
        workspace::Workspace,
    },
    model::{
        id::{Digest, SessionId},
        refusal::Refusal,
        session::{Status, resume as decide},
    },
    ops::session::{
        known::{self, Known, Place},
        since::{self, Since},
        standing::Standing,
        start,
        status::none_is_live,
    },
};

/// What to take up.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Request {
    /// Which session; when not said, the one of this work tree, else the only one that can be taken up.
    pub session: Option<String>,
    /// Makes this copied clone the home of its logs; for a person only.
    pub here: bool,
    /// A checkpoint: what happened since then is told.
    pub from: Option<String>,
}

/// How it was taken up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "was", rename_all = "snake_case")]
pub enum How {
    /// It was active all the time.
    Active {},
    /// It was paused for this reason.
    Paused {
        /// Why.
        reason: String,
    },
    /// It was bound to another work tree and is bound to this one now.
    Moved {},
    /// This copied clone was made its home.
    Adopted {},
    /// It lives in another clone; a new session goes on from it.
    Continued {
        /// The earlier session.
        session: SessionId,
        /// The hash of its last event that is known here.
        last: Digest,
    },
}

/// What was taken up.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Outcome {
    /// Where it stands now.
    #[serde(flatten)]
    pub standing: Standing,
    /// How it was taken up.
    pub how: How,
    /// What happened since the checkpoint that was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Since>,
    /// What a session that goes on from another one found when it started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started: Option<start::Outcome>,
}

/// Takes a session up again.
///
/// # Errors
/// Refuses where none or several could be meant, one that has ended, and one that is active in another work tree.
pub fn resume(workspace: &Workspace, request: &Request) -> Result<Outcome> {
    let private = Private::of(workspace.common_directory());
    let is_copy = matches!(binding::home(&private)?, Home::Copied(_));
    if request.here {
        workspace.actor().must_be_person("making a copied clone the home of its logs")?;
        if !is_copy {
            return Err(Refusal::usage("this clone is the home of its logs already").hint("`autonomy session resume`").into());
        }
    }
    let known = choose(workspace, request)?;
    if known.state.is_ended() {
        decide(&known.state)?;
    }
    match known.place.clone() {
        Place::Here {} | Place::Over {} => take_up(workspace, request, &known.session, None),
        Place::WorkTree { .. } => {
            bind_here(workspace, &private, &known)?;
            take_up(workspace, request, &known.session, Some(How::Moved {}))
        }
        Place::Copied {} if request.here => {
            binding::settle_here(&private, workspace.clock())?;
            bind_here(workspace, &private, &known)?;
            take_up(workspace, request, &known.session, Some(How::Adopted {}))
        }
        Place::Copied {} | Place::Elsewhere {} => {
            copied::set_aside(&private, workspace.clock())?;
            go_on(workspace, &known)
        }
    }
}

/// The session that is meant.
fn choose(workspace: &Workspace, request: &Request) -> Result<Known> {
    if let Some(given) = &request.session {
        return known::find(workspace, given);
    }
    let here = workspace.belongs_to()?;
    let (found, _) = known::all(workspace)?;
    if let Some(here) = here {
        let missing =
            || Refusal::environment(format!("cannot read the session `{here}`")).hint("`autonomy verify` shows the damage");
        return Ok(found.into_iter().find(|known| known.session == here).ok_or_else(missing)?);
    }
    let continued: Vec<SessionId> = found
        .iter()
        .filter_map(|known| known.state.session.as_ref()?.continues.as_ref().map(|continues| continues.session.clone()))
        .collect();
    let mut fitting: Vec<Known> = found
        .into_iter()
        .filter(|known| match &known.place {
            Place::WorkTree { path } => !workspace.owns(path),
            Place::Copied {} | Place::Elsewhere {} => !continued.contains(&known.session),
            Place::Here {} | Place::Over {} => false,
        })
        .collect();
    match fitting.len() {
        0 => Err(none_is_live().into()),
        1 => Ok(fitting.remove(0)),
        several => {
            let names: Vec<String> = fitting.iter().rev().take(5).map(|known| format!("`{}`", known.session)).collect();
            Err(Refusal::usage(format!("{several} sessions could be taken up here: {}", names.join(", ")))
                .hint(format!("say which: `autonomy session resume {}`", fitting[several - 1].session))
                .into())
        }
    }
}

/// Binds a live session to this work tree.
fn bind_here(workspace: &Workspace, private: &Private, known: &Known) -> Result<()> {
    if let Place::WorkTree { path } = &known.place
        && workspace.owns(path)
        && Status::of(&known.state.phase) == Status::Active
    {
        return Err(Refusal::conflict(format!("the session `{}` is active in `{}`", known.session, path.display()))
            .hint(format!("pause it first: `autonomy session pause --session {}`", known.session))
            .into());
    }
    let _lock = CloneLock::take(&private.lock())?;
    start::refuse_second(workspace, private)?;
    let directory = private.session(&known.session);
    let mut binding = Binding::read(&directory)?.unwrap_or_else(|| Binding::to(workspace.root()));
    workspace.root().clone_into(&mut binding.work_tree);
    binding.write(&directory)
}

fn take_up(workspace: &Workspace, request: &Request, session: &SessionId, how: Option<How>) -> Result<Outcome> {
    let mut transaction = Transaction::of(workspace, Target::Session(session.clone()))?;
    let since = match &request.from {
        Some(given) => Some(since::since(workspace, &transaction, given)?),
        None => None,
    };
    let was = transaction.append(|state| {
        let was = match &state.phase {
            crate::model::state::Phase::Paused { reason, .. } => How::Paused { reason: reason.clone() },
            crate::model::state::Phase::Active | crate::model::state::Phase::Ended { .. } => How::Active {},
        };
        Ok((decide(state)?, was))
    })?;
    pages::name_for_shells(&transaction);
    Ok(Outcome { standing: standing(workspace, session)?, how: how.unwrap_or(was), since, started: None })
}

/// Starts a session in this clone that goes on from one that lives in another.
fn go_on(workspace: &Workspace, known: &Known) -> Result<Outcome> {
    let started =
        start::begin(workspace, &start::Request { health: start::Health::Skipped, ..start::Request::default() }, Some(known))?;
    let how = How::Continued { session: known.session.clone(), last: known.state.tail.clone() };
    Ok(Outcome { standing: standing(workspace, &started.session)?, how, since: None, started: Some(started) })
}

fn standing(workspace: &Workspace, session: &SessionId) -> Result<Standing> {
    let overview = Overview::read(workspace)?;
    let state = ledger::read(workspace, &Target::Session(session.clone()))?.ok_or_else(none_is_live)?;
    Ok(Standing::of(workspace, &overview, &state)?.ok_or_else(none_is_live)?)
}
