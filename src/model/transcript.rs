//! An agent client's transcript, read for figures: how many tokens the conversation holds, and what it has used in all.
//!
//! Nobody promises the form of these lines, and it changes weekly: a line that says nothing known is passed over. What was
//! said is never looked at.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::model::state::Spent;

/// A line, as far as it matters.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Line {
    #[serde(rename = "type", default)]
    kind: String,
    #[serde(default)]
    subtype: Option<String>,
    #[serde(default)]
    is_sidechain: bool,
    #[serde(default)]
    message: Option<Message>,
    #[serde(rename = "totalCostUSD", default)]
    dollars: Option<f64>,
}

#[derive(Deserialize)]
struct Message {
    #[serde(default)]
    id: String,
    #[serde(default)]
    usage: Option<Counted>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
#[expect(clippy::struct_field_names, reason = "the client's names")]
struct Counted {
    input_tokens: u64,
    cache_creation_input_tokens: u64,
    cache_read_input_tokens: u64,
    output_tokens: u64,
}

/// What the end of a transcript tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Held {
    /// The conversation holds this many tokens.
    Tokens(u64),
    /// It was cut after the last answer, so that it holds little.
    Cut,
    /// The end tells nothing; more of the transcript may.
    Unknown,
}

/// How much the conversation holds whose transcript ends with `end`; the first line may be torn.
#[must_use]
pub fn held(end: &[u8]) -> Held {
    let lines = end.split(|byte| *byte == b'\n').rev();
    for line in lines.filter_map(|line| serde_json::from_slice::<Line>(line).ok()) {
        if line.subtype.as_deref() == Some("compact_boundary") {
            return Held::Cut;
        }
        // Agents of the conversation have contexts of their own.
        if line.is_sidechain || line.kind != "assistant" {
            continue;
        }
        if let Some(counted) = line.message.and_then(|message| message.usage) {
            let Counted { input_tokens, cache_creation_input_tokens, cache_read_input_tokens, output_tokens } = counted;
            let parts = [input_tokens, cache_creation_input_tokens, cache_read_input_tokens, output_tokens];
            let sum = parts.into_iter().fold(0, u64::saturating_add);
            // A message that the client made up by itself was counted by nobody.
            if sum > 0 {
                return Held::Tokens(sum);
            }
        }
    }
    Held::Unknown
}

/// What the conversation has used in all: tokens by its answers, money as far as the client kept count of it.
#[must_use]
pub fn used(transcript: &[u8]) -> Spent {
    // Each part of an answer has a line of its own, and all of them say what the answer used.
    let mut answers: BTreeMap<String, (u64, u64)> = BTreeMap::new();
    let mut cost_micros = 0;
    for line in transcript.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice::<Line>(line).ok()) {
        match line.kind.as_str() {
            "assistant" => {
                let Some(Message { id, usage: Some(counted) }) = line.message else { continue };
                answers.insert(id, (counted.input_tokens, counted.output_tokens));
            }
            "cost-state" => cost_micros = line.dollars.map_or(cost_micros, micros),
            _ => {}
        }
    }
    let sum = |part: fn(&(u64, u64)) -> u64| answers.values().map(part).fold(0, u64::saturating_add);
    Spent { input_tokens: sum(|answer| answer.0), output_tokens: sum(|answer| answer.1), cost_micros }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped")]
fn micros(dollars: f64) -> u64 {
    (dollars * 1e6).round().clamp(0.0, 1e15) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANSWER: &str = r#"{"type":"assistant","isSidechain":false,"message":{"usage":{"input_tokens":12,"cache_read_input_tokens":150000,"output_tokens":300,"service_tier":"x"}}}"#;

    #[test]
    fn the_last_answer_of_the_conversation_itself_counts() {
        let side = ANSWER.replace("false", "true").replace("150000", "7");
        let torn = r#"e":{"usage":{"input_tokens":9}}}"#;
        let made_up = r#"{"type":"assistant","message":{"model":"<synthetic>","usage":{"input_tokens":0,"output_tokens":0}}}"#;
        let user = r#"{"type":"user","message":{"content":"{\"usage\":{\"input_tokens\":1}}"}}"#;
        let whole = [torn, ANSWER, &side, user, made_up, "not JSON", ""].join("\n");
        assert_eq!(held(whole.as_bytes()), Held::Tokens(150_312));
        let cut = r#"{"type":"system","subtype":"compact_boundary","compactMetadata":{"trigger":"auto"}}"#;
        assert_eq!(held([ANSWER, cut, user].join("\n").as_bytes()), Held::Cut);
        assert_eq!(held([cut, user, ANSWER].join("\n").as_bytes()), Held::Tokens(150_312));
        for nothing in ["", "\n\n", torn, user, r#"{"type":"assistant","message":{"usage":{"input_tokens":"many"}}}"#] {
            assert_eq!(held(nothing.as_bytes()), Held::Unknown, "{nothing}");
        }
    }

    #[test]
    fn each_answer_is_counted_once_and_money_as_the_client_counts_it() {
        let part = |id: &str, output: u64| {
            format!(
                r#"{{"type":"assistant","message":{{"id":"{id}","usage":{{"input_tokens":100,"cache_read_input_tokens":9000,"output_tokens":{output}}}}}}}"#
            )
        };
        let cost = |dollars: &str| format!(r#"{{"type":"cost-state","totalCostUSD":{dollars},"modelUsage":{{}}}}"#);
        let lines = [part("a", 1), part("a", 20), cost("0.5"), part("b", 30), cost("1.25"), cost("\"much\""), "torn".to_owned()];
        assert_eq!(used(lines.join("\n").as_bytes()), Spent { input_tokens: 200, output_tokens: 50, cost_micros: 1_250_000 });
        assert_eq!(used(b""), Spent::default());
    }
}
