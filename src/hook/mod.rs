//! Floor 4, who else asks: an agent client, whose hooks call this program at each of its events.
//!
//! Only a tool that the guard denies is stopped. Whatever goes wrong here is written down and the client goes on. Nothing is
//! printed but what the client is to read, and nobody's environment is written down.

use std::path::{Path, PathBuf};

use serde_json::json;

use crate::{
    host::{Error, Result, actor, clock::Clock, environment::Environment, handover, workspace::Workspace},
    model::{
        actor::Actor,
        client_settings::Dialect,
        event::Fact,
        hook::{Beginning, Event, MAX_WORDS, Payload},
        id::ClientId,
        quote, steering,
    },
    ops::{
        judge::{
            guard,
            permit::{self, Attendance, Permit},
        },
        session::{
            client,
            compaction::before::KEEP,
            steer::{self, Begun, Steered},
        },
        setup,
    },
};

/// What the client gets back.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// For the agent.
    pub stdout: String,
    /// For the person who looks at the client's log, or for the agent whose tool is stopped.
    pub stderr: String,
    /// The exit code: 2 stops the tool, 0 all other times.
    pub code: u8,
}

impl Answer {
    /// For the agent, or nothing.
    fn words(stdout: String) -> Self {
        Self { stdout, ..Self::default() }
    }
}

/// The exit code that stops a tool, with all clients.
const STOPS: u8 = 2;

/// The client whose hooks these are, where the environment does not say it.
const CLIENT: &str = "claude-code";

/// The most characters of a path that are kept.
const MAX_PATH: usize = 1_000;

/// Answers one call: `named` is the event as the command line names it, `payload` what the client hands over.
#[must_use]
pub fn answer(environment: &Environment, named: Option<&str>, payload: &[u8]) -> Answer {
    let (payload, broken) = match Payload::read(payload) {
        Ok(payload) => (payload, None),
        Err(error) => (Payload::default(), Some(error)),
    };
    let Some(event) = payload.event(named) else {
        let words = "autonomy hook: no event was named; the settings of a client say `autonomy hook <event>`";
        return Answer { stderr: words.to_owned(), ..Answer::default() };
    };
    // Only where a conversation begins, so that nobody turns the guard off by it.
    if matches!(event, Event::SessionStart(_)) && handover::is_probed(environment, event.name()) {
        return Answer::default();
    }
    // Outside a repository there is nothing to do, and nowhere to say so.
    let Some(workspace) = workspace(environment, &payload) else { return Answer::default() };
    let driven = actor::step(environment).is_some();
    let call = Call { workspace: &workspace, client: payload.client(), payload: &payload, driven };
    let outcome = match broken {
        Some(error) => Err(Error::while_doing("read the payload", error)),
        None => call.carry_out(&event),
    };
    match outcome {
        Ok(answer) => answer,
        Err(error) => {
            let (name, why) = (event.name(), quote::line(&error.to_string(), MAX_WORDS));
            let unsaid = client::failed(&workspace, name, &why).err();
            let unsaid = unsaid.map_or(String::new(), |unsaid| format!("; it could not be written down: {unsaid}"));
            Answer { stderr: format!("autonomy hook: {name}: {why}{unsaid}"), ..Answer::default() }
        }
    }
}

/// Answers one call of a plugin's hook. Where settings call the same hook, that call answers; a run gives its agents a plugin only
/// where they have no settings that do.
#[must_use]
pub fn answer_plugin(environment: &Environment, named: Option<&str>, payload: &[u8]) -> Answer {
    if actor::step(environment).is_none()
        && let Ok(read) = Payload::read(payload)
        && let Some(event) = read.event(named)
        && workspace(environment, &read)
            .is_some_and(|workspace| setup::client::call(setup::client::files(&workspace), event.name()))
    {
        return Answer::default();
    }
    answer(environment, named, payload)
}

/// The work tree that the conversation is in: where it stands now, else where it began.
fn workspace(environment: &Environment, payload: &Payload<'_>) -> Option<Workspace> {
    let stands = payload.text("cwd").map(PathBuf::from).filter(|path| path.is_absolute());
    let began = environment.text("CLAUDE_PROJECT_DIR").map(PathBuf::from);
    let clock = Clock::of(environment);
    let find = |directory: PathBuf| Workspace::find(environment.clone().in_directory(&directory), clock.clone()).ok();
    let found = stands.into_iter().chain(began).chain([PathBuf::new()]).find_map(find)?;
    let found = found.for_client(payload.client());
    let name = match found.actor() {
        Actor::Agent { name, .. } => name.clone(),
        Actor::Person { .. } | Actor::Autonomy => CLIENT.to_owned(),
    };
    let role = payload.text("agent_type").map(|role| quote::line(&role, MAX_WORDS));
    Some(found.acting_as(Actor::Agent { name, role, model: None }))
}

/// The field that names the client's transcript.
const TRANSCRIPT: &str = "transcript_path";

/// Words for the agent, or nothing.
fn context(event: &Event, words: Option<String>) -> Answer {
    let said = |words: String| json!({ "hookEventName": event.name(), "additionalContext": words });
    let said = words.map(|words| json!({ "hookSpecificOutput": said(words) }).to_string());
    Answer::words(said.unwrap_or_default())
}

/// One call, in the repository that it is about.
struct Call<'a> {
    workspace: &'a Workspace,
    client: Option<ClientId>,
    payload: &'a Payload<'a>,
    /// Whether the agent is one of a run, which watches its tools, the edges of its turns and its time by itself.
    driven: bool,
}

impl Call<'_> {
    /// Does what the event asks for and hands back what the agent is to read.
    fn carry_out(&self, event: &Event) -> Result<Answer> {
        let (workspace, client, driven) = (self.workspace, self.client.as_ref(), self.driven);
        match event {
            Event::SessionStart(beginning) => return self.begin(*beginning).map(Answer::words),
            Event::PreToolUse => return self.permit(),
            Event::PermissionRequest => {
                client::tell(workspace, client, &[self.told(event)])?;
                return self.grant();
            }
            Event::UserPromptSubmit if !driven => {
                let told = client::turn_begins(workspace, client, self.transcript().as_deref())?;
                return Ok(context(event, told));
            }
            Event::PostToolUse | Event::PostToolUseFailure if !driven => {
                client::used_tool(workspace, client, self.used(event))?;
                // Clients of long ago have no event for the end of a batch.
                if self.dialect() == Dialect::Common {
                    return Ok(context(event, client::went_on(workspace, self.transcript().as_deref())?));
                }
            }
            Event::PostToolBatch if !driven => {
                return Ok(context(event, client::went_on(workspace, self.transcript().as_deref())?));
            }
            Event::Stop | Event::SessionEnd if !driven => {
                client::turn_ends(workspace, client, self.told(event))?;
                return if *event == Event::Stop { self.steer() } else { Ok(Answer::default()) };
            }
            Event::PreCompact => {
                client::before_compaction(workspace, client, self.path(TRANSCRIPT), self.told(event))?;
                return Ok(Answer::words(KEEP.to_owned()));
            }
            Event::TaskCompleted if !driven => {
                let told = self.told(event);
                let subject = self.payload.text("task_subject");
                let progress = subject.map(|subject| client::completed(workspace, &subject)).transpose()?.flatten();
                let facts: Vec<Fact> = progress.into_iter().chain([told]).collect();
                client::tell(workspace, client, &facts)?;
            }
            Event::StopFailure => {
                // The client is on its way out and waits for nobody.
                let limit = self.payload.text("error").filter(|error| error == "rate_limit");
                let met = limit.map(|limit| Fact::LimitMet { until: None, limit });
                let facts: Vec<Fact> = met.into_iter().chain([self.told(event)]).collect();
                client::tell(workspace, client, &facts)?;
            }
            Event::UserPromptSubmit | Event::PostToolUse | Event::PostToolUseFailure | Event::PostToolBatch => {}
            Event::Stop | Event::SessionEnd | Event::TaskCompleted | Event::Other(_) => {
                client::tell(workspace, client, &[self.told(event)])?;
            }
        }
        Ok(Answer::default())
    }

    /// Does the conversation go on by itself?
    fn steer(&self) -> Result<Answer> {
        let Some(client) = &self.client else { return Ok(Answer::default()) };
        // What runs in the background begins another turn by itself.
        if self.payload.value("background_tasks").as_array().is_some_and(|tasks| !tasks.is_empty()) {
            return Ok(Answer::default());
        }
        let begun = if self.payload.says("stop_hook_active") { Begun::ByItself } else { Begun::ByPerson };
        let cap = self.workspace.environment().text("CLAUDE_CODE_STOP_HOOK_BLOCK_CAP").and_then(|cap| cap.parse().ok());
        let transcript = self.transcript();
        Ok(match steer::steer(self.workspace, client, begun, cap.unwrap_or(steering::CLIENT_CAP), transcript.as_deref())? {
            Steered::Not => Answer::default(),
            Steered::On(words) => Answer::words(json!({ "decision": "block", "reason": words }).to_string()),
            Steered::Rests(words) => Answer::words(json!({ "systemMessage": words }).to_string()),
        })
    }

    /// May the tool be used? What waits for a person stops the turn where the client can do that, else the tool only.
    fn permit(&self) -> Result<Answer> {
        let request = self.tool();
        let decided = |decision: &str, why: &str| {
            let output = json!({
                "hookEventName": "PreToolUse", "permissionDecision": decision, "permissionDecisionReason": why,
            });
            Answer::words(json!({ "hookSpecificOutput": output }).to_string())
        };
        let stopped = |why: String| Answer { stderr: why, code: STOPS, ..Answer::default() };
        // Clients of long ago take a word that they do not know for a yes.
        let can_wait = self.dialect() == Dialect::Full;
        Ok(match permit::permit(self.workspace, &request, self.attendance())? {
            Permit::Free => Answer::default(),
            Permit::Granted(question) => decided("allow", &format!("a person said yes to the question {question}")),
            Permit::Denied(why) => stopped(why),
            Permit::Asked(why) => decided("ask", &why),
            Permit::PutOff(why, question) if can_wait => decided("defer", &format!("{why}\nAsked as {question}")),
            Permit::PutOff(why, question) => {
                stopped(format!("{why}\nA person is asked as {question}; go on with work that does not need it"))
            }
        })
    }

    /// Where the client would ask: what a person has said already, or what speaks against it; nobody who is there is passed over.
    fn grant(&self) -> Result<Answer> {
        let decided = |decision: serde_json::Value| {
            let output = json!({ "hookEventName": "PermissionRequest", "decision": decision });
            Answer::words(json!({ "hookSpecificOutput": output }).to_string())
        };
        let denied = |why: String| decided(json!({ "behavior": "deny", "message": why }));
        Ok(match permit::request(self.workspace, &self.tool(), self.attendance())? {
            Permit::Free | Permit::Asked(_) => Answer::default(),
            Permit::Granted(_) => decided(json!({ "behavior": "allow" })),
            Permit::Denied(why) => denied(why),
            Permit::PutOff(why, question) => {
                denied(format!("{why}\nA person is asked as {question}; go on with work that does not need it"))
            }
        })
    }

    fn tool(&self) -> guard::Request {
        guard::Request {
            tool: self.payload.text("tool_name").unwrap_or_default(),
            input: self.payload.value("tool_input"),
            cwd: self.payload.text("cwd"),
        }
    }

    /// Who is at the client; later ones say so, earlier ones only how they were started.
    fn attendance(&self) -> Attendance {
        let said = |name: &str| self.workspace.environment().text(name);
        let (attended, entry) = (said("CLAUDE_CODE_SESSION_ATTENDED"), said("CLAUDE_CODE_ENTRYPOINT"));
        let is_headless = attended == Some("0") || (attended.is_none() && entry.is_some_and(|entry| entry.starts_with("sdk")));
        match (self.driven, is_headless) {
            (true, _) => Attendance::AtWork,
            (false, true) => Attendance::Unattended,
            (false, false) => Attendance::Attended,
        }
    }

    fn begin(&self, beginning: Beginning) -> Result<String> {
        let file = self.workspace.environment().variable("CLAUDE_ENV_FILE").map(Path::new);
        client::begins(self.workspace, self.client.as_ref(), file)?;
        match beginning {
            // The prompt of an attempt says all that a briefing does.
            Beginning::Empty if self.driven => Ok(String::new()),
            Beginning::Empty => Ok(client::briefing(self.workspace)?.unwrap_or_default()),
            Beginning::Compacted => Ok(client::after_compaction(self.workspace, self.path(TRANSCRIPT))?.unwrap_or_default()),
            Beginning::Kept => Ok(String::new()),
        }
    }

    /// What the client understands.
    fn dialect(&self) -> Dialect {
        Dialect::of_agent(self.workspace.environment().text("AI_AGENT"))
    }

    /// The transcript of the conversation itself; an agent of the conversation has a context of its own.
    fn transcript(&self) -> Option<PathBuf> {
        self.path(TRANSCRIPT).filter(|_| self.payload.text("agent_id").is_none())
    }

    fn path(&self, name: &str) -> Option<PathBuf> {
        self.payload.text(name).map(PathBuf::from).filter(|path| path.is_absolute())
    }

    fn used(&self, event: &Event) -> Fact {
        let tool = self.payload.text("tool_name").map_or_else(|| "unknown".to_owned(), |tool| quote::line(&tool, 100));
        let written = self.payload.written();
        let path = written.and_then(|path| client::own_path(self.workspace, &path)).map(|path| quote::head(&path, MAX_PATH));
        Fact::ToolUsed { tool, step: None, path, failed: *event == Event::PostToolUseFailure }
    }

    fn told(&self, event: &Event) -> Fact {
        Fact::ClientTold { event: event.name().to_owned(), client: self.client.clone(), words: self.payload.words() }
    }
}
