//! Every verb once: its name, what it does to the world, who may use it, and the shapes of request and outcome.
//!
//! Doors other than the command line know verbs only by this table, so what is not in it cannot be reached by an agent.

use schemars::JsonSchema;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use crate::{
    host::{Error, Result, workspace::Workspace},
    model::{refusal::Refusal, schema::schema_of},
    ops::{judge, session, setup, tell, time, work},
};

/// The headings under which verbs are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Room {
    /// Making a repository ready, and taking it back.
    Setup,
    /// One stretch of work.
    Session,
    /// Tasks and working memory.
    Work,
    /// Going back in time.
    Time,
    /// Deciding and asking.
    Judge,
    /// Looking at it.
    Tell,
}

/// What a verb does to the world.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Nothing.
    Read,
    /// It adds to the store; nothing of the user's changes.
    Write,
    /// It changes or removes something of the user's.
    Destructive,
}

/// Who may use a verb.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    /// Anybody.
    Anyone,
    /// A person only; `model::actor` says who is one.
    Person,
}

/// A verb.
pub struct Verb {
    /// Its name as typed, such as `checkpoint list`.
    pub name: &'static str,
    /// Its heading.
    pub room: Room,
    /// What it does to the world.
    pub effect: Effect,
    /// Who may use it.
    pub who: Who,
    /// The JSON Schema of its request.
    pub request: fn() -> Value,
    /// The JSON Schema of its outcome.
    pub outcome: fn() -> Value,
    call: fn(&Workspace, Value) -> Result<Value>,
}

impl Verb {
    /// Carries the verb out for a request given as data.
    ///
    /// # Errors
    /// Refuses a request of the wrong shape and an actor who may not; hands on what the verb refuses.
    pub fn call(&self, workspace: &Workspace, request: Value) -> Result<Value> {
        if self.who == Who::Person {
            workspace.actor().must_be_person(&format!("`autonomy {}`", self.name))?;
        }
        (self.call)(workspace, request)
    }
}

fn read_request<T: DeserializeOwned>(name: &str, request: Value) -> Result<T> {
    serde_json::from_value(request)
        .map_err(|error| Refusal::usage(format!("the request for `{name}` is not of its shape: {error}")).into())
}

fn write_outcome(outcome: &impl Serialize) -> Result<Value> {
    serde_json::to_value(outcome).map_err(|error| Error::while_doing("write the outcome as JSON", error))
}

fn outcome_schema<R, O: JsonSchema>(name: &str, _: fn(&Workspace, &R) -> Result<O>) -> Value {
    schema_of::<O>(&format!("{}.outcome", name.replace(' ', "-")))
}

fn request_schema<R: JsonSchema, O>(name: &str, _: fn(&Workspace, &R) -> Result<O>) -> Value {
    schema_of::<R>(&format!("{}.request", name.replace(' ', "-")))
}

macro_rules! verbs {
    ($($name:literal: $room:ident, $effect:ident, $who:ident, $function:path;)*) => {
        &[$(Verb {
            name: $name,
            room: Room::$room,
            effect: Effect::$effect,
            who: Who::$who,
            request: || request_schema($name, $function),
            outcome: || outcome_schema($name, $function),
            call: |workspace, request| write_outcome(&$function(workspace, &read_request($name, request)?)?),
        }),*]
    };
}

/// All verbs, in the order of their rooms.
pub const VERBS: &[Verb] = verbs! {
    "init": Setup, Write, Anyone, setup::init::init;
    "uninstall": Setup, Destructive, Person, setup::uninstall::uninstall;
    "config show": Setup, Read, Anyone, setup::config::show;
    "config get": Setup, Read, Anyone, setup::config::get;
    "config set": Setup, Destructive, Person, setup::config::set;
    "config explain": Setup, Read, Anyone, setup::config::explain;
    "config validate": Setup, Read, Anyone, setup::config::validate;
    "trust": Setup, Write, Person, setup::trust::trust;
    "trust list": Setup, Read, Anyone, setup::trust::list;
    "trust revoke": Setup, Write, Person, setup::trust::revoke;
    "verify": Setup, Write, Anyone, setup::verify::verify;
    "doctor": Setup, Read, Anyone, setup::doctor::doctor;
    "commit": Session, Write, Anyone, session::commit::commit;
    "compact pre": Session, Write, Anyone, session::compaction::before;
    "compact post": Session, Write, Anyone, session::compaction::after;
    "compact show": Session, Read, Anyone, session::compaction::show;
    "compact drill": Session, Read, Anyone, session::compaction::drill;
    "session bind": Session, Write, Anyone, session::bind::bind;
    "session diff": Session, Read, Anyone, session::diff::diff;
    "session end": Session, Write, Anyone, session::end::end;
    "session env": Session, Read, Anyone, session::env::env;
    "session list": Session, Read, Anyone, session::list::list;
    "session pause": Session, Write, Anyone, session::pause::pause;
    "session resume": Session, Write, Anyone, session::resume::resume;
    "session show": Session, Read, Anyone, session::show::show;
    "session start": Session, Write, Anyone, session::start::start;
    "session status": Session, Read, Anyone, session::status::status;
    "stop": Session, Write, Anyone, session::stop::stop;
    "task add": Work, Write, Anyone, work::task::add::add;
    "task milestones": Work, Write, Anyone, work::task::milestones::milestones;
    "task list": Work, Read, Anyone, work::task::list::list;
    "task show": Work, Read, Anyone, work::task::show::show;
    "task start": Work, Write, Anyone, work::task::start::start;
    "task done": Work, Write, Anyone, work::task::done::done;
    "task fail": Work, Write, Anyone, work::task::fail::fail;
    "task cancel": Work, Write, Anyone, work::task::cancel::cancel;
    "task resume": Work, Write, Anyone, work::task::resume::resume;
    "task wait": Work, Read, Anyone, work::task::wait::wait;
    "task lint": Work, Read, Anyone, work::task::lint::lint;
    "task verify": Work, Write, Anyone, work::task::verify::verify;
    "task import": Work, Write, Anyone, work::task::import::import;
    "task export": Work, Read, Anyone, work::task::export::export;
    "focus": Work, Write, Anyone, work::focus::set;
    "focus show": Work, Read, Anyone, work::focus::show;
    "progress add": Work, Write, Anyone, work::progress::add;
    "progress list": Work, Read, Anyone, work::progress::list;
    "note": Work, Write, Anyone, work::note::add;
    "memory store": Work, Write, Anyone, work::memory::store;
    "memory get": Work, Read, Anyone, work::memory::get;
    "memory list": Work, Read, Anyone, work::memory::list;
    "memory search": Work, Read, Anyone, work::memory::search;
    "memory forget": Work, Write, Anyone, work::memory::forget;
    "workflow list": Work, Read, Anyone, work::workflow::list;
    "workflow show": Work, Read, Anyone, work::workflow::show;
    "workflow validate": Work, Read, Anyone, work::workflow::validate;
    "workflow plan": Work, Read, Anyone, work::workflow::plan;
    "workflow graph": Work, Read, Anyone, work::workflow::graph;
    "workflow status": Work, Read, Anyone, work::workflow::runs::status;
    "workflow cancel": Work, Write, Anyone, work::workflow::runs::cancel;
    "workflow logs": Work, Read, Anyone, work::workflow::runs::logs;
    "next": Work, Read, Anyone, work::next::next;
    "authority check": Judge, Read, Anyone, judge::authority::check;
    "authority change": Judge, Read, Anyone, judge::change::check;
    "authority replay": Judge, Read, Anyone, judge::replay::replay;
    "authority replay decisions": Judge, Read, Anyone, judge::replay::again;
    "authority show": Judge, Read, Anyone, judge::authority::show;
    "authority test": Judge, Read, Anyone, judge::authority::test;
    "decide": Judge, Write, Anyone, judge::decide::decide;
    "decision check": Judge, Read, Anyone, judge::review::check;
    "decision digest": Judge, Read, Anyone, judge::review::digest;
    "decision list": Judge, Read, Anyone, judge::decision::list;
    "decision show": Judge, Read, Anyone, judge::decision::show;
    "decision override": Judge, Write, Person, judge::overrule::overrule;
    "decision outcome": Judge, Write, Anyone, judge::decision::outcome;
    "ask": Judge, Write, Anyone, judge::ask::ask;
    "inbox": Judge, Read, Anyone, judge::inbox::inbox;
    "answer": Judge, Write, Person, judge::answer::answer;
    "status": Tell, Read, Anyone, tell::status::status;
    "statusline": Tell, Read, Anyone, tell::statusline::statusline;
    "report": Tell, Write, Anyone, tell::report::report;
    "context brief": Tell, Read, Anyone, tell::briefing::brief;
    "context add": Tell, Write, Anyone, tell::context::add;
    "context get": Tell, Read, Anyone, tell::context::get;
    "context list": Tell, Read, Anyone, tell::context::list;
    "context update": Tell, Write, Anyone, tell::project::update;
    "context graph": Tell, Read, Anyone, tell::project::graph;
    "gate list": Judge, Read, Anyone, judge::gate::list;
    "guard path": Judge, Read, Anyone, judge::guard::path;
    "guard command": Judge, Read, Anyone, judge::guard::command;
    "gate run": Judge, Write, Anyone, judge::gate::run;
    "checkpoint": Time, Write, Anyone, time::checkpoint::create;
    "checkpoint list": Time, Read, Anyone, time::checkpoint::list;
    "checkpoint show": Time, Read, Anyone, time::checkpoint::show;
    "checkpoint diff": Time, Read, Anyone, time::checkpoint::diff;
    "checkpoint prune": Time, Destructive, Person, time::prune::prune;
    "rollback": Time, Destructive, Anyone, time::rollback::rollback;
};

/// The verb with this name.
#[must_use]
pub fn verb(name: &str) -> Option<&'static Verb> {
    VERBS.iter().find(|verb| verb.name == name)
}
