//! How a task is tested: commands that are carried out once a person trusted them, and what only a person can look at.
//! Nothing here runs anything.

use std::{borrow::Cow, fmt};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de, ser::SerializeMap as _};

use crate::model::{
    document::Document,
    markdown::{self, one_line},
    refusal::Refusal,
    settings::value::CommandLine,
    time::Lapse,
};

/// The heading over the boxes of a task's acceptance entries.
pub const ACCEPTANCE: &str = "Acceptance tests";

/// One entry of a task's `acceptance`: a text, or `command: …` with an optional `timeout: …`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Acceptance {
    /// Something that a person looks at.
    Text(String),
    /// Something that is run; exit code 0 is green.
    Command {
        /// What is run at the top of the work tree.
        command: CommandLine,
        /// It is red when it takes longer; without one the default for gates holds.
        timeout: Option<Lapse>,
    },
}

impl Acceptance {
    /// A command without a limit of its own.
    #[must_use]
    pub fn command(command: CommandLine) -> Self {
        Self::Command { command, timeout: None }
    }

    /// Reads one entry as people write it in a check-list: all of it in backticks is a command, anything else a text.
    #[must_use]
    pub fn of_item(text: &str) -> Self {
        let text = text.trim();
        match text.strip_prefix('`').and_then(|rest| rest.strip_suffix('`')) {
            Some(line) if !line.trim().is_empty() && !line.contains('`') => {
                Self::command(CommandLine::Shell(line.trim().to_owned()))
            }
            Some(_) | None => Self::Text(text.to_owned()),
        }
    }

    /// The entry as one line of a check-list.
    #[must_use]
    pub fn label(&self) -> String {
        match self {
            Self::Text(text) => one_line(text),
            Self::Command { command, .. } => format!("`{}`", one_line(&command.to_string())),
        }
    }
}

impl Serialize for Acceptance {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Text(text) => serializer.serialize_str(text),
            Self::Command { command, timeout } => {
                let mut map = serializer.serialize_map(None)?;
                map.serialize_entry("command", command)?;
                if let Some(timeout) = timeout {
                    map.serialize_entry("timeout", timeout)?;
                }
                map.end()
            }
        }
    }
}

impl<'de> Deserialize<'de> for Acceptance {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Run {
            command: CommandLine,
            timeout: Option<Lapse>,
        }
        struct Read;
        impl<'de> de::Visitor<'de> for Read {
            type Value = Acceptance;
            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a text, or `command: …` with an optional `timeout: …`")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Acceptance, E> {
                Ok(Acceptance::Text(text.to_owned()))
            }
            fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> Result<Acceptance, A::Error> {
                let Run { command, timeout } = Run::deserialize(de::value::MapAccessDeserializer::new(map))?;
                if command.is_empty() {
                    return Err(de::Error::custom("the command is empty"));
                }
                Ok(Acceptance::Command { command, timeout })
            }
        }
        deserializer.deserialize_any(Read)
    }
}

impl JsonSchema for Acceptance {
    fn schema_name() -> Cow<'static, str> {
        "Acceptance".into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let (command, timeout) = (generator.subschema_for::<CommandLine>(), generator.subschema_for::<Lapse>());
        json_schema!({ "anyOf": [
            { "type": "string" },
            {
                "type": "object",
                "properties": { "command": command, "timeout": timeout },
                "required": ["command"],
                "additionalProperties": false,
            },
        ] })
    }
}

/// What stands between an entry and what came of it.
const DASH: &str = " — ";

/// The record with what came of one entry: its box under [`ACCEPTANCE`] ticked or empty, followed by `evidence`. Where a
/// person took the box out, a new one is added at the end.
///
/// # Errors
/// Refuses a record that cannot be written.
pub fn with_result(document: &Document, entry: &Acceptance, passed: Passed, evidence: &str) -> Result<Document, Refusal> {
    let (label, evidence) = (entry.label(), one_line(evidence));
    let mark = match passed {
        Passed::Yes => 'x',
        Passed::No => ' ',
    };
    let result = format!("{label}{DASH}{evidence}");
    if let Some((_, range)) = markdown::section(document.body(), ACCEPTANCE) {
        let own = &document.body()[range.clone()];
        for line in markdown::lines(own) {
            let Some(check) = line.check() else { continue };
            let is_it = check.text == label || check.text.strip_prefix(&label).is_some_and(|rest| rest.starts_with(DASH));
            if is_it {
                let bullet = &own[line.range.start..check.mark];
                let place = range.start + line.range.start..range.start + line.range.end;
                return document.with_body_part(place, &format!("{bullet}{mark}] {result}"));
            }
        }
    }
    document.with_addition(ACCEPTANCE, &format!("- [{mark}] {result}"))
}

/// Whether an entry holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Passed {
    /// It does.
    Yes,
    /// It does not.
    No,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::yaml;

    #[test]
    fn entries_are_texts_or_commands() {
        let text = "- looks right\n- command: cargo test\n- command: [make, check]\n  timeout: 5m\n";
        let entries: Vec<Acceptance> = yaml::read("a.yaml", text).expect("three entries");
        let labels: Vec<String> = entries.iter().map(Acceptance::label).collect();
        assert_eq!(labels, ["looks right", "`cargo test`", "`make check`"]);
        let written = yaml::write(&entries).expect("plain");
        assert_eq!(yaml::read::<Vec<Acceptance>>("a.yaml", &written), Ok(entries));
        for bad in ["- command: \"\"\n", "- run: x\n", "- command: x\n  timeout: 5\n", "- [x]\n"] {
            assert!(yaml::read::<Vec<Acceptance>>("a.yaml", bad).is_err(), "{bad} was taken");
        }
    }

    #[test]
    fn an_item_wholly_in_backticks_is_a_command() {
        let command = |line: &str| Acceptance::command(CommandLine::Shell(line.into()));
        assert_eq!(Acceptance::of_item(" `cargo test -q` "), command("cargo test -q"));
        for text in ["run `cargo test`", "`a` and `b`", "``", "plain"] {
            assert_eq!(Acceptance::of_item(text), Acceptance::Text(text.into()));
        }
    }

    #[test]
    fn a_box_carries_what_came_of_it_and_nothing_else_changes() {
        let text = "---\ntitle: x\n---\nmine\n\n## Acceptance tests\n\n- [ ] `cargo test`\n- [ ] reads well\n\n## Mine\n- [ ] `cargo test`\n";
        let document = Document::parse("a.md", text).expect("plain");
        let entry = Acceptance::of_item("`cargo test`");
        let green = with_result(&document, &entry, Passed::Yes, "exit 0 in 1s").expect("plain");
        assert_eq!(green.text(), text.replacen("- [ ] `cargo test`", "- [x] `cargo test` — exit 0 in 1s", 1));
        let red = with_result(&green, &entry, Passed::No, "exit 1 in 2s").expect("plain");
        assert_eq!(red.text(), text.replacen("- [ ] `cargo test`", "- [ ] `cargo test` — exit 1 in 2s", 1));
        let other = with_result(&document, &Acceptance::of_item("`make`"), Passed::Yes, "exit 0 in 1s").expect("plain");
        assert_eq!(other.text(), text.replacen("reads well\n", "reads well\n- [x] `make` — exit 0 in 1s\n", 1));
    }
}
