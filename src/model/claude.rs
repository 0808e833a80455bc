//! Reads what Claude Code prints with `--output-format stream-json`: one JSON object a line, unknown ones passed over.
//!
//! Success, limits and errors are read from typed fields only, never from words that a model or a server wrote.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::model::{
    agent::{Outcome, Signal, cut},
    id::ClientId,
    process::Exit,
    time::Timestamp,
    usage::{Tally, Usage},
};

/// The most characters of what a tool is used on.
const MAX_TARGET: usize = 200;

/// What has been read of one attempt so far.
#[derive(Debug, Default)]
pub struct Reading {
    client: Option<ClientId>,
    /// What each message used, by its id: the client prints a message once for each block.
    messages: BTreeMap<String, (String, Tally)>,
    /// What each result used beyond the one before; none as soon as a result does not say.
    since: Option<Usage>,
    /// What the last result counts for the whole conversation.
    cumulative: Option<Usage>,
    refused: Option<(Option<Timestamp>, String)>,
    error: Option<String>,
    last: Option<Last>,
    said: Option<String>,
}

/// The fields of a `result` line that tell how it went.
#[derive(Debug)]
struct Last {
    is_error: bool,
    subtype: String,
    terminal: Option<String>,
    turns: u64,
    status: Option<u64>,
    error: Option<String>,
    local_command: bool,
    deferred: Option<String>,
    words: String,
}

fn text<'a>(value: &'a Value, pointer: &str) -> Option<&'a str> {
    value.pointer(pointer).and_then(Value::as_str)
}

fn number(value: &Value, pointer: &str) -> Option<u64> {
    value.pointer(pointer).and_then(Value::as_u64)
}

fn moment(value: Option<&Value>) -> Option<Timestamp> {
    let seconds = value.and_then(Value::as_i64)?;
    Timestamp::from_millisecond(seconds.checked_mul(1000)?).ok()
}

impl Reading {
    /// Takes one line and says what it lets us know; a line that is not a JSON object is the client's own talk.
    pub fn take(&mut self, line: &str) -> Vec<Signal> {
        let Ok(value) = serde_json::from_str::<Value>(line) else {
            return if line.trim().is_empty() { Vec::new() } else { vec![Signal::Text(cut(line))] };
        };
        let mut signals = Vec::new();
        if let Some(id) = text(&value, "/session_id").and_then(|id| ClientId::new(id).ok())
            && self.client.as_ref() != Some(&id)
        {
            self.client = Some(id.clone());
            signals.push(Signal::Client(id));
        }
        match text(&value, "/type") {
            Some("assistant") => self.assistant(&value, &mut signals),
            Some("rate_limit_event") => self.rate_limit(&value, &mut signals),
            Some("result") => self.result(&value),
            Some("system") if text(&value, "/subtype") == Some("api_retry") => {
                let attempt = number(&value, "/attempt").unwrap_or_default();
                signals.push(Signal::Retrying { attempt, status: number(&value, "/error_status") });
            }
            _ => {}
        }
        signals
    }

    /// What the whole came to: the outcome and what was used. `resumed` is what earlier attempts of a continued
    /// conversation used, `complaint` the last line on stderr.
    #[must_use]
    pub fn conclude(&self, exit: Exit, resumed: Option<&Usage>, complaint: Option<&str>) -> (Outcome, Usage) {
        let usage = match (&self.since, &self.cumulative) {
            (Some(since), _) => since.clone(),
            (None, Some(cumulative)) => cumulative.since(resumed.unwrap_or(&Usage::default())),
            (None, None) => self.counted(),
        };
        (self.outcome(exit, resumed, complaint), usage)
    }

    /// The conversation, as soon as the client told it.
    #[must_use]
    pub fn client(&self) -> Option<&ClientId> {
        self.client.as_ref()
    }

    /// Whether a `result` line was read.
    #[must_use]
    pub fn has_result(&self) -> bool {
        self.last.is_some()
    }

    /// What was said last.
    #[must_use]
    pub fn last_words(&self) -> Option<&str> {
        self.said.as_deref()
    }

    fn counted(&self) -> Usage {
        let mut usage = Usage::default();
        self.messages.values().for_each(|(model, tally)| usage.add(model, *tally));
        usage
    }

    fn assistant(&mut self, value: &Value, signals: &mut Vec<Signal>) {
        if let Some(error) = text(value, "/error") {
            self.error = Some(error.to_owned());
            return;
        }
        for block in blocks(value) {
            match text(block, "/type") {
                Some("text") => {
                    let words = cut(text(block, "/text").unwrap_or_default());
                    self.said = Some(words.clone());
                    signals.push(Signal::Text(words));
                }
                Some("tool_use") => signals
                    .push(Signal::Tool { name: text(block, "/name").unwrap_or_default().to_owned(), target: target(block) }),
                _ => {}
            }
        }
        let Some(id) = text(value, "/message/id") else { return };
        let tally = Tally {
            input_tokens: number(value, "/message/usage/input_tokens").unwrap_or_default(),
            output_tokens: number(value, "/message/usage/output_tokens").unwrap_or_default(),
            cache_read_tokens: number(value, "/message/usage/cache_read_input_tokens").unwrap_or_default(),
            cache_written_tokens: number(value, "/message/usage/cache_creation_input_tokens").unwrap_or_default(),
            cost_micros: 0,
        };
        let model = text(value, "/message/model").unwrap_or("unknown").to_owned();
        if self.messages.insert(id.to_owned(), (model, tally)).is_none() {
            signals.push(Signal::Usage(self.counted()));
        }
    }

    fn rate_limit(&mut self, value: &Value, signals: &mut Vec<Signal>) {
        let until = moment(value.pointer("/rate_limit_info/resetsAt"));
        let limit = text(value, "/rate_limit_info/rateLimitType").unwrap_or("unknown").to_owned();
        match text(value, "/rate_limit_info/status") {
            Some("rejected") => self.refused = Some((until, limit)),
            Some("allowed_warning") => {
                let used = value.pointer("/rate_limit_info/utilization").and_then(Value::as_f64).unwrap_or_default();
                #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to 0..=100")]
                let percent = (used * 100.0).round().clamp(0.0, 100.0) as u8;
                signals.push(Signal::LimitNear { limit, percent, until });
            }
            _ => {}
        }
    }

    fn result(&mut self, value: &Value) {
        let used = usage_by_model(value.pointer("/model_usage_since_last_result"));
        self.since = match (self.last.is_none(), self.since.take(), used) {
            (true, _, used) => used,
            (false, Some(mut sum), Some(used)) => {
                sum += &used;
                Some(sum)
            }
            (false, _, _) => None,
        };
        self.cumulative = usage_by_model(value.pointer("/modelUsage"));
        let errors = value.pointer("/errors").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
        let words = match text(value, "/result") {
            Some(words) => words.to_owned(),
            None => errors.collect::<Vec<_>>().join("; "),
        };
        self.last = Some(Last {
            is_error: value.pointer("/is_error").and_then(Value::as_bool).unwrap_or(true),
            subtype: text(value, "/subtype").unwrap_or_default().to_owned(),
            terminal: text(value, "/terminal_reason").map(str::to_owned),
            turns: number(value, "/num_turns").unwrap_or_default(),
            status: number(value, "/api_error_status"),
            error: text(value, "/api_error").map(str::to_owned),
            local_command: value.pointer("/local_command").is_some(),
            deferred: text(value, "/deferred_tool_use/name").map(str::to_owned),
            words: cut(&words),
        });
    }

    fn outcome(&self, exit: Exit, resumed: Option<&Usage>, complaint: Option<&str>) -> Outcome {
        let code = match exit {
            Exit::TimedOut | Exit::Stopped | Exit::Signal(_) => return Outcome::of_exit(exit, None),
            Exit::Code(code) => code,
        };
        let Some(last) = &self.last else {
            // The client answers TERM with 143 and no result.
            return match (code - 128, code) {
                (signal @ 1..=64, _) => Outcome::Killed { signal },
                (_, 0) => Outcome::Failed { why: "the client ended without a result".into() },
                (_, _) => Outcome::of_exit(exit, complaint),
            };
        };
        let failed = || Outcome::Failed { why: last.words.clone() };
        match (last.is_error, last.terminal.as_deref()) {
            (false, Some("tool_deferred")) => Outcome::Deferred { tool: last.deferred.clone().unwrap_or_default() },
            (false, Some("hook_stopped")) => Outcome::Failed { why: "a hook of the client ended the turn".into() },
            (false, _) if last.turns == 0 && !last.local_command => {
                Outcome::Failed { why: "a hook of the client kept the prompt back".into() }
            }
            (false, _) => Outcome::Finished { summary: last.words.clone() },
            (true, Some("max_turns")) => Outcome::MaxTurns,
            (true, Some("budget_exhausted")) => Outcome::Budget,
            (true, Some("prompt_too_long" | "image_error")) => Outcome::TooLong,
            // Ctrl-C, sent to the client by somebody else: our own request to stop is told by `exit`.
            (true, Some("aborted_tools" | "aborted_streaming")) => Outcome::Killed { signal: 2 },
            (true, Some("api_error")) => self.server_error(last),
            // Clients before `terminal_reason` tell by the subtype.
            (true, _) => match last.subtype.as_str() {
                "error_max_turns" => Outcome::MaxTurns,
                "error_max_budget_usd" => Outcome::Budget,
                "error_during_execution" if resumed.is_some() && last.turns == 0 => Outcome::Forgotten,
                "error_during_execution" => failed(),
                _ if last.status.is_some() || self.error.is_some() => self.server_error(last),
                _ => failed(),
            },
        }
    }

    fn server_error(&self, last: &Last) -> Outcome {
        let refused = self.refused.as_ref().filter(|_| last.status.is_none_or(|status| status == 429));
        if let Some((until, limit)) = refused {
            return Outcome::Limit { until: *until, limit: limit.clone() };
        }
        if last.error.as_deref() == Some("usage_limit_reached") {
            return Outcome::Limit { until: None, limit: "unknown".into() };
        }
        match (self.error.as_deref(), last.status) {
            (Some("billing_error"), _) | (_, Some(402)) => Outcome::Billing,
            (Some("authentication_failed"), _) | (_, Some(401 | 403)) => Outcome::Auth,
            (Some("model_not_found"), _) | (_, Some(404)) => Outcome::Model,
            (_, Some(413)) => Outcome::TooLong,
            (_, Some(429)) => Outcome::Limit { until: None, limit: "requests".into() },
            (_, Some(400..500)) => Outcome::Failed { why: last.words.clone() },
            (_, Some(_) | None) => Outcome::Overloaded,
        }
    }
}

/// The content blocks of a line's message.
pub fn blocks(value: &Value) -> impl Iterator<Item = &Value> {
    value.pointer("/message/content").and_then(Value::as_array).into_iter().flatten()
}

fn target(block: &Value) -> Option<String> {
    let names = ["file_path", "notebook_path", "command", "pattern", "url", "skill", "description"];
    let found = names.iter().find_map(|name| block.pointer("/input")?.get(name)?.as_str())?;
    Some(found.chars().take(MAX_TARGET).collect())
}

fn usage_by_model(value: Option<&Value>) -> Option<Usage> {
    let models = value?.as_object()?;
    let tally = |value: &Value| {
        let count = |name: &str| value.get(name).and_then(Value::as_u64).unwrap_or_default();
        let dollars = value.get("costUSD").and_then(Value::as_f64).unwrap_or_default();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "casts of floats saturate")]
        let cost_micros = (dollars * 1e6).round() as u64;
        Tally {
            input_tokens: count("inputTokens"),
            output_tokens: count("outputTokens"),
            cache_read_tokens: count("cacheReadInputTokens"),
            cache_written_tokens: count("cacheCreationInputTokens"),
            cost_micros,
        }
    };
    Some(Usage(models.iter().map(|(model, value)| (model.clone(), tally(value))).collect()))
}

#[cfg(test)]
mod tests;
