//! One call of an agent client's hook: which event it is, and the fields of its payload that matter here.
//!
//! Clients change what they send with every release, so nothing is required: a field that is missing or of another type is
//! none, an event that nobody knows is kept by its name. What is done about an event is not known here.

use std::collections::BTreeMap;

use serde_json::{Value, value::RawValue};

use crate::model::{id::ClientId, quote};

/// The most characters of an event's name that are kept.
const MAX_NAME: usize = 64;

/// The most characters of a client's words that are kept.
pub const MAX_WORDS: usize = 200;

/// What makes a conversation begin or go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Beginning {
    /// The context is empty: a new conversation, or one that was cleared.
    Empty,
    /// The context was compacted to a summary.
    Compacted,
    /// The context is that of an earlier conversation.
    Kept,
}

/// What a client calls a hook for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A conversation begins or goes on.
    SessionStart(Beginning),
    /// A person said something, and a turn begins.
    UserPromptSubmit,
    /// A tool is about to be used.
    PreToolUse,
    /// The client would ask somebody whether a tool may be used.
    PermissionRequest,
    /// A tool was used.
    PostToolUse,
    /// A tool was used and failed.
    PostToolUseFailure,
    /// Tools that were used side by side have all answered.
    PostToolBatch,
    /// The context is about to be compacted.
    PreCompact,
    /// A turn is over.
    Stop,
    /// A turn ended with an error of the service.
    StopFailure,
    /// The conversation is over.
    SessionEnd,
    /// The client's own list of tasks has one task less.
    TaskCompleted,
    /// Anything else, by the name that the client gave it.
    Other(String),
}

impl Event {
    /// What clients call it.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::SessionStart(_) => "SessionStart",
            Self::UserPromptSubmit => "UserPromptSubmit",
            Self::PreToolUse => "PreToolUse",
            Self::PermissionRequest => "PermissionRequest",
            Self::PostToolUse => "PostToolUse",
            Self::PostToolUseFailure => "PostToolUseFailure",
            Self::PostToolBatch => "PostToolBatch",
            Self::PreCompact => "PreCompact",
            Self::Stop => "Stop",
            Self::StopFailure => "StopFailure",
            Self::SessionEnd => "SessionEnd",
            Self::TaskCompleted => "TaskCompleted",
            Self::Other(name) => name,
        }
    }
}

/// The payload of a call: one JSON object.
#[derive(Debug, Default)]
pub struct Payload<'a>(BTreeMap<String, &'a RawValue>);

impl<'a> Payload<'a> {
    /// Reads a payload; text that is no JSON object has no fields.
    ///
    /// # Errors
    /// Hands on what is wrong with the text, so that somebody can be told.
    pub fn read(text: &'a [u8]) -> Result<Self, serde_json::Error> {
        if text.iter().all(u8::is_ascii_whitespace) {
            return Ok(Self::default());
        }
        serde_json::from_slice(text).map(Self)
    }

    /// A field that is text, and not empty.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<String> {
        let text: String = serde_json::from_str(self.0.get(name)?.get()).ok()?;
        Some(text).filter(|text| !text.is_empty())
    }

    /// A field that is text inside a field that is an object.
    #[must_use]
    pub fn text_in(&self, name: &str, inner: &str) -> Option<String> {
        let fields: BTreeMap<String, &RawValue> = serde_json::from_str(self.0.get(name)?.get()).ok()?;
        serde_json::from_str(fields.get(inner)?.get()).ok()
    }

    /// A field of any form; null when it is missing.
    #[must_use]
    pub fn value(&self, name: &str) -> Value {
        self.0.get(name).and_then(|text| serde_json::from_str(text.get()).ok()).unwrap_or_default()
    }

    /// Whether a field says `true`.
    #[must_use]
    pub fn says(&self, name: &str) -> bool {
        self.0.get(name).is_some_and(|text| text.get() == "true")
    }

    /// The conversation.
    #[must_use]
    pub fn client(&self) -> Option<ClientId> {
        ClientId::new(self.text("session_id")?).ok()
    }

    /// The file that an editing tool wrote; none for other tools.
    #[must_use]
    pub fn written(&self) -> Option<String> {
        let field = match self.text("tool_name")?.as_str() {
            "Write" | "Edit" | "MultiEdit" => "file_path",
            "NotebookEdit" => "notebook_path",
            _ => return None,
        };
        self.text_in("tool_input", field)
    }

    /// What tells this call from others of its event, in the client's own words: which tool, agent, cause or task.
    #[must_use]
    pub fn words(&self) -> Option<String> {
        let telling = [
            "tool_name",
            "agent_type",
            "trigger",
            "error",
            "reason",
            "source",
            "task_subject",
            "notification_type",
            "message",
            "name",
            "to_model",
            "file_path",
            "new_cwd",
        ];
        let found = telling.into_iter().find_map(|name| self.text(name))?;
        Some(quote::line(&found, MAX_WORDS))
    }

    /// The event: as the payload names it, else as the command line does.
    #[must_use]
    pub fn event(&self, named: Option<&str>) -> Option<Event> {
        let name = self.text("hook_event_name").or_else(|| named.map(capitalized))?;
        Some(match name.as_str() {
            "SessionStart" => Event::SessionStart(match self.text("source").as_deref() {
                Some("compact") => Beginning::Compacted,
                Some("resume" | "fork") => Beginning::Kept,
                _ => Beginning::Empty,
            }),
            "UserPromptSubmit" => Event::UserPromptSubmit,
            "PreToolUse" => Event::PreToolUse,
            "PermissionRequest" => Event::PermissionRequest,
            "PostToolUse" => Event::PostToolUse,
            "PostToolUseFailure" => Event::PostToolUseFailure,
            "PostToolBatch" => Event::PostToolBatch,
            "PreCompact" => Event::PreCompact,
            "Stop" => Event::Stop,
            "StopFailure" => Event::StopFailure,
            "SessionEnd" => Event::SessionEnd,
            "TaskCompleted" => Event::TaskCompleted,
            _ => Event::Other(quote::line(&name, MAX_NAME)),
        })
    }
}

/// The name of an event as clients write it, from the way in which command lines do: `post-tool-use` is `PostToolUse`.
#[must_use]
pub fn capitalized(name: &str) -> String {
    let mut out = String::new();
    for part in name.split(['-', '_']) {
        let mut letters = part.chars();
        out.extend(letters.next().map(|first| first.to_ascii_uppercase()));
        out.push_str(letters.as_str());
    }
    out
}

/// The same the other way round: `PostToolUse` is `post-tool-use`.
#[must_use]
pub fn hyphenated(name: &str) -> String {
    let mut out = String::new();
    for letter in name.chars() {
        if letter.is_ascii_uppercase() && !out.is_empty() {
            out.push('-');
        }
        out.push(letter.to_ascii_lowercase());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payload_says_what_it_says_and_lacks_the_rest() {
        let text = br#"{"hook_event_name":"PostToolUse","session_id":"5e-1","tool_name":"Edit","cwd":7,
            "tool_input":{"file_path":"/r/a \"b\".rs","old_string":"x"},"tool_response":{"deep":[1,{"er":2}]},"later":null}"#;
        let payload = Payload::read(text).expect("an object");
        assert_eq!(payload.event(Some("stop")), Some(Event::PostToolUse), "the payload knows better");
        assert_eq!(payload.client().expect("there").as_str(), "5e-1");
        assert_eq!(payload.written().as_deref(), Some("/r/a \"b\".rs"));
        assert_eq!((payload.text("cwd"), payload.text("later"), payload.text("nowhere")), (None, None, None));
        assert_eq!(payload.words().as_deref(), Some("Edit"));
    }

    #[test]
    fn without_a_payload_the_command_line_names_the_event() {
        let payload = Payload::read(b" \n").expect("nothing is no fault");
        assert_eq!(payload.event(None), None);
        assert_eq!(payload.event(Some("pre-compact")), Some(Event::PreCompact));
        assert_eq!(payload.event(Some("SessionStart")), Some(Event::SessionStart(Beginning::Empty)));
        assert_eq!(payload.event(Some("moon-rise")), Some(Event::Other("MoonRise".to_owned())));
        assert_eq!(hyphenated("PostToolUseFailure"), "post-tool-use-failure");
        assert!(Payload::read(b"[1]").is_err() && Payload::read(b"{").is_err());
    }
}
