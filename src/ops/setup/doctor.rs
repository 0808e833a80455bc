//! `doctor`: is this machine fit, and are the hooks of the agent client alive? Each finding says what mends it.
//!
//! What lies in the store is `verify`'s to look at. Nothing is changed here.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{
    host::{
        Result,
        handover::Probe,
        machine,
        process::{self, Invocation, Program, Stop, Variables},
        store::{binding, layout::Private, lock, write},
        workspace::Workspace,
    },
    model::{
        client_settings::{self, Dialect, types},
        finding::{Finding, Severity},
        quote::counted,
        trust::Standing,
    },
    ops::setup::{
        client::{self, CLIENT},
        trust,
    },
};

/// The name of this program, as clients start it.
const PROGRAM: &str = "autonomy";

/// A gigabyte.
const GIGA: u64 = 1 << 30;

/// What is too little of memory, and of disk, for an agent, its builds and its tests.
const LITTLE: [u64; 2] = [4 * GIGA, 10 * GIGA];

/// How long a hook may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// Nothing to say.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Request {}

/// What was found.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct Outcome {
    /// What is there: its name, and what it says of itself.
    pub facts: Vec<(String, String)>,
    /// What is wrong, the worst first.
    pub findings: Vec<Finding>,
}

impl Outcome {
    /// Whether something does not work.
    #[must_use]
    pub fn is_broken(&self) -> bool {
        self.findings.iter().any(|finding| finding.severity == Severity::Error)
    }

    fn fact(&mut self, name: &str, says: impl Into<String>) {
        self.facts.push((name.to_owned(), says.into()));
    }

    fn find(&mut self, severity: Severity, place: &str, message: impl Into<String>, mend: &str) {
        self.findings.push(Finding::new(severity, place, message).mend(mend));
    }
}

/// Looks at the machine, at git, at the client and at its hooks.
///
/// # Errors
/// Fails when the work tree cannot be read; what is wrong is a finding, not a failure.
pub fn doctor(workspace: &Workspace, _request: &Request) -> Result<Outcome> {
    let mut outcome = Outcome::default();
    outcome.fact(PROGRAM, env!("CARGO_PKG_VERSION"));
    machine_and_git(workspace, &mut outcome);
    if let Err(error) = workspace.resolved() {
        outcome.find(Severity::Error, "settings", error.to_string(), "`autonomy config validate` shows the place");
    }
    let dialect = the_client(workspace, &mut outcome);
    let is_registered = hooks(workspace, dialect, &mut outcome);
    the_program(workspace, &mut outcome);
    if is_registered && !outcome.is_broken() {
        alive(workspace, dialect, &mut outcome);
    }
    waiting(workspace, &mut outcome);
    locks(workspace, &mut outcome);
    outcome.findings.sort_by_key(|finding| finding.severity);
    Ok(outcome)
}

fn machine_and_git(workspace: &Workspace, outcome: &mut Outcome) {
    let git = client::found(workspace, "git").and_then(|program| client::version(workspace, &program));
    match git {
        Some(version) => outcome.fact("git", version.trim_start_matches("git version ")),
        None => outcome.find(Severity::Error, "git", "the program `git` is not on the PATH", "install git"),
    }
    let author = workspace.git().and_then(|git| git.author(workspace.environment(), workspace.clock().now()));
    if author.is_err() {
        let mend = "`git config --global user.name \"<name>\"` and `user.email`";
        outcome.find(Severity::Warning, "git", "git knows no name and address to commit with", mend);
    }
    let room = [("memory", machine::memory()), ("disk", machine::free(workspace.common_directory()).ok())];
    for ((name, found), least) in room.into_iter().zip(LITTLE) {
        let Some(found) = found else { continue };
        outcome.fact(name, gigabytes(found));
        if found < least {
            let message = format!("{}, and {} are the least", gigabytes(found), gigabytes(least));
            outcome.find(Severity::Warning, name, message, "make room, or work on a larger machine");
        }
    }
}

fn gigabytes(bytes: u64) -> String {
    let tenths = bytes / (GIGA / 10);
    format!("{}.{} GB", tenths / 10, tenths % 10)
}

fn the_client(workspace: &Workspace, outcome: &mut Outcome) -> Dialect {
    let Some(program) = client::found(workspace, CLIENT) else {
        outcome.find(Severity::Warning, CLIENT, "the agent client is not on the PATH", "install it, or name another: `[agents]`");
        return Dialect::Common;
    };
    let said = client::version(workspace, &program);
    outcome.fact(CLIENT, said.as_deref().unwrap_or("does not say its version"));
    Dialect::of_version(said.as_deref())
}

/// Looks at the settings; tells whether those of the work tree call us where a conversation begins.
fn hooks(workspace: &Workspace, dialect: Dialect, outcome: &mut Outcome) -> bool {
    let (mut registered, mut own): (Vec<String>, bool) = (Vec::new(), false);
    for (source, name, path) in client::files(workspace) {
        let text = match write::read_capped(&path, client::MAX_FILE) {
            Ok(None) => continue,
            Ok(Some(bytes)) => String::from_utf8_lossy(&bytes).into_owned(),
            Err(error) => {
                outcome.find(Severity::Error, &name, error.to_string(), "make it a plain file");
                continue;
            }
        };
        match client_settings::entries(&name, &text) {
            Ok(events) => {
                own |= source != "user" && events.iter().any(|event| event == "SessionStart");
                registered.extend(events);
            }
            Err(refusal) => {
                outcome.find(Severity::Error, &name, format!("{refusal}; the client reads none of it"), "mend the file");
                continue;
            }
        }
        let settings: Value = serde_json::from_str(&text).unwrap_or_default();
        for wrong in types::wrong(&settings) {
            let message = format!("{wrong}, so the client drops the whole file without a word");
            outcome.find(Severity::Error, &name, message, "mend the file");
        }
        if settings["disableAllHooks"] == json!(true) {
            outcome.find(Severity::Warning, &name, "`disableAllHooks` is set, so no hook runs", "take it out");
        }
        let events = settings["hooks"].as_object().into_iter().flatten().map(|(event, _)| event.as_str());
        for event in events.filter(|event| !dialect.knows(event)) {
            let message = format!("this client may not know the event `{event}`, and then it runs no hook at all");
            outcome.find(Severity::Warning, &name, message, "install a later client, or take the event out");
        }
    }
    let lacking: Vec<&str> = dialect.events().filter(|event| !registered.iter().any(|known| known == event)).collect();
    outcome.fact("hooks", counted(registered.len(), "event"));
    if registered.is_empty() {
        outcome.find(Severity::Warning, "hooks", "the client calls no hook of ours", "`autonomy init`");
    } else if !lacking.is_empty() {
        outcome.find(Severity::Warning, "hooks", format!("not called at {}", lacking.join(", ")), "`autonomy init`");
    }
    own
}

/// Does the client call the hooks that its settings name? It is started for that, without asking anybody for a word: with a home of
/// its own, so that nothing is left in the person's.
fn alive(workspace: &Workspace, dialect: Dialect, outcome: &mut Outcome) {
    let Some(program) = client::found(workspace, CLIENT).filter(|_| dialect == Dialect::Full) else { return };
    let Ok(probe) = Probe::new(workspace.environment(), workspace.clock()) else { return };
    let (name, value) = probe.variable();
    let home = probe.directory().display().to_string();
    let variables = Variables::inherited(workspace.environment()).without(|name| name.starts_with("CLAUDE"));
    let quiet =
        ["DISABLE_AUTOUPDATER", "DISABLE_TELEMETRY", "DISABLE_ERROR_REPORTING", "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC"];
    let variables = variables.with(name, &value).with("CLAUDE_CONFIG_DIR", &home);
    let variables = quiet.into_iter().fold(variables, |variables, name| variables.with(name, "1"));
    let stop = Stop::default();
    let invocation = Invocation::words([program.as_os_str(), "-p".as_ref(), "--init-only".as_ref()]);
    let mut started = Program::new(invocation, workspace.root(), &variables, workspace.secrets(), &stop);
    started.limit = PATIENCE;
    let ended = process::run(&started, &mut |_| Ok(()));
    let heard = probe.heard();
    match (heard.len(), ended) {
        (1, _) => outcome.fact("client", "calls our hooks"),
        (0, Ok(finished)) if !finished.exit.is_success() => {
            let message = format!("it could not be tried whether the client calls hooks: it ended with {}", finished.exit);
            outcome.find(Severity::Warning, CLIENT, message, "`claude -p --init-only` shows why");
        }
        (0, _) => {
            let message = "the client was started here and called no hook of ours, although its settings name them";
            outcome.find(
                Severity::Error,
                CLIENT,
                message,
                "mend what is named above; `disableAllHooks` may be set for all of you",
            );
        }
        (times, _) => {
            let message = format!("the client calls each hook {times} times");
            let mend = "leave them in one file of settings: `autonomy init`, and take out what is left elsewhere";
            outcome.find(Severity::Warning, CLIENT, message, mend);
        }
    }
}

/// Is the program that clients start there, is it this one, and does it answer?
fn the_program(workspace: &Workspace, outcome: &mut Outcome) {
    let Some(program) = client::found(workspace, PROGRAM) else {
        let message = "the program is not on the PATH, so no hook can run";
        outcome.find(Severity::Error, PROGRAM, message, "put the directory of `autonomy` on the PATH of the client");
        return;
    };
    let place = program.display().to_string();
    let version = client::version(workspace, &program);
    if version.as_deref() != Some(concat!("autonomy ", env!("CARGO_PKG_VERSION"))) {
        let said = version.unwrap_or_else(|| "nothing".to_owned());
        let message = format!("says `{said}` of its version, and this is {}", env!("CARGO_PKG_VERSION"));
        outcome.find(Severity::Warning, &place, message, "install one version");
        return;
    }
    // A tool that is about to be used: the one event that leaves no trace.
    let payload = json!({ "hook_event_name": "PreToolUse", "cwd": workspace.root(), "tool_name": "Read", "tool_input": {} });
    let payload = format!("{payload}\n");
    let (variables, stop) = (Variables::inherited(workspace.environment()), Stop::default());
    let invocation = Invocation::words([program.as_os_str(), "hook".as_ref(), "pre-tool-use".as_ref()]);
    let mut replay = Program::new(invocation, workspace.root(), &variables, workspace.secrets(), &stop);
    (replay.input, replay.limit) = (payload.as_bytes(), PATIENCE);
    match process::run(&replay, &mut |_| Ok(())) {
        Ok(finished) if finished.exit.is_success() && finished.stdout.text().is_empty() => {
            outcome.fact("hook", format!("answers in {} ms", finished.lasted.as_millis()));
        }
        Ok(finished) => {
            let message = format!("a hook did not answer as it should; it ended with {}", finished.exit);
            outcome.find(Severity::Error, &place, message, "install it anew");
        }
        Err(error) => outcome.find(Severity::Error, &place, error.to_string(), "install it anew"),
    }
}

fn waiting(workspace: &Workspace, outcome: &mut Outcome) {
    match trust::list(workspace, &trust::ListRequest {}) {
        Ok(listed) => {
            let waits = listed.declared.iter().filter(|one| one.standing != Standing::Trusted);
            let names: Vec<String> = waits.map(|one| one.declaration.label()).collect();
            if !names.is_empty() {
                let message = format!("not trusted as it is: {}", names.join(", "));
                outcome.find(Severity::Warning, "trust", message, "`autonomy trust` shows it and asks");
            }
        }
        Err(error) => outcome.find(Severity::Error, "trust", error.to_string(), "`autonomy trust list`"),
    }
}

fn locks(workspace: &Workspace, outcome: &mut Outcome) {
    let private = Private::of(workspace.common_directory());
    match binding::live(&private) {
        Ok(live) => {
            for (session, _) in live.iter().filter(|(session, _)| lock::is_running(&private.session(session))) {
                outcome.fact("run", format!("one goes on in the session {session}"));
            }
        }
        Err(error) => outcome.find(Severity::Error, "sessions", error.to_string(), "`autonomy verify`"),
    }
    let index = workspace.git_directory().join("index.lock");
    if write::is_there(&index) {
        let message = "a git command works here, or died at it";
        let mend = "when no git command runs in this work tree, take the file away";
        outcome.find(Severity::Warning, &index.display().to_string(), message, mend);
    }
}
