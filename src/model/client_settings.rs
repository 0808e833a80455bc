//! Our hook entries in the settings of an agent client: put in, found again, taken out to the byte.
//!
//! The file is its owner's: order, indentation, line ends and keys that nobody here knows stay as they are. An entry is ours by
//! what it calls, so no mark is needed and a person may move it. Which files there are is not known here.

pub mod types;

use std::ops::Range;

use jsonc_parser::{
    CollectOptions, ParseOptions,
    ast::{Array, Object, ObjectProp, Value},
    common::Ranged,
    parse_to_ast,
};
use serde::Serialize;
use serde_json::Value as Json;

use crate::model::{hook::hyphenated, place::Place, refusal::Refusal};

/// The name of this program, as settings call it.
const PROGRAM: &str = "autonomy";

/// The events that are of use, how many seconds each may take, and whether clients of long ago know them.
const EVENTS: &[(&str, u32, Known)] = &[
    ("SessionStart", 30, Known::Ever),
    ("UserPromptSubmit", 60, Known::Ever),
    ("PreToolUse", 10, Known::Ever),
    ("PermissionRequest", 10, Known::Lately),
    ("PostToolUse", 10, Known::Ever),
    ("PostToolUseFailure", 10, Known::Lately),
    ("PostToolBatch", 60, Known::Lately),
    ("PreCompact", 60, Known::Ever),
    ("PostCompact", 10, Known::Lately),
    ("Stop", 60, Known::Ever),
    ("StopFailure", 10, Known::Lately),
    ("SubagentStart", 10, Known::Lately),
    ("SubagentStop", 10, Known::Ever),
    ("SessionEnd", 60, Known::Ever),
    ("Notification", 10, Known::Ever),
    ("TaskCompleted", 10, Known::Lately),
];

/// The event at which the guard is asked.
const GUARDED: &str = "PreToolUse";

#[derive(Clone, Copy, PartialEq)]
enum Known {
    Ever,
    Lately,
}

/// What a client understands of hooks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// Every event of ours, and programs that are started without a shell.
    Full,
    /// The events that all versions know, and command lines. A client that meets an event it does not know runs no hook at all.
    Common,
}

impl Dialect {
    /// The first version that was tried with everything.
    const FULL: [u64; 3] = [2, 1, 197];

    /// What the client with this `--version` understands; little when it does not say.
    #[must_use]
    pub fn of_version(said: Option<&str>) -> Self {
        let number = said.and_then(|said| said.split_whitespace().next()).unwrap_or_default();
        let parts: Vec<u64> = number.split('.').map_while(|part| part.parse().ok()).collect();
        if parts.len() == Self::FULL.len() && parts >= Self::FULL.to_vec() { Self::Full } else { Self::Common }
    }

    /// What the client understands that names itself so to what it starts: `claude-code_2-1-329_harness`.
    #[must_use]
    pub fn of_agent(named: Option<&str>) -> Self {
        let version = named.and_then(|named| named.split('_').nth(1)).map(|version| version.replace('-', "."));
        Self::of_version(version.as_deref())
    }

    /// The events of ours that the client knows.
    pub fn events(self) -> impl Iterator<Item = &'static str> {
        EVENTS.iter().filter(move |(_, _, known)| self == Self::Full || *known == Known::Ever).map(|(event, ..)| *event)
    }

    /// Whether the client knows an event, or at least does not mind it.
    #[must_use]
    pub fn knows(self, event: &str) -> bool {
        self == Self::Full || self.events().any(|known| known == event)
    }

    fn entries(self) -> impl Iterator<Item = (&'static str, Group)> {
        let fits = move |known| self == Self::Full || known == Known::Ever;
        EVENTS.iter().filter(move |(_, _, known)| fits(*known)).map(move |(event, timeout, _)| {
            let name = hyphenated(event);
            let (command, args) = match self {
                Self::Full => (PROGRAM.to_owned(), vec!["hook".to_owned(), name]),
                Self::Common => (format!("{PROGRAM} hook {name}"), Vec::new()),
            };
            // A guard that does not answer lets nothing through.
            let on_failure = (self == Self::Full && *event == GUARDED).then_some("block");
            (*event, Group { hooks: [Call { kind: "command", command, args, timeout: *timeout, on_failure }] })
        })
    }
}

/// What one event calls, in the form of the client.
#[derive(Serialize)]
struct Group {
    hooks: [Call; 1],
}

#[derive(Serialize)]
struct Call {
    #[serde(rename = "type")]
    kind: &'static str,
    command: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    args: Vec<String>,
    timeout: u32,
    #[serde(rename = "onFailure", skip_serializing_if = "Option::is_none")]
    on_failure: Option<&'static str>,
}

impl Group {
    fn is(&self, found: &str) -> bool {
        let found: Result<Json, _> = serde_json::from_str(found);
        found.is_ok_and(|found| serde_json::to_value(self).is_ok_and(|own| own == found))
    }
}

/// The settings with our entries for a client that speaks `dialect`, each once; `file` names them in an error.
///
/// # Errors
/// Refuses text that is no JSON object, and hooks that are not of their form.
pub fn with_entries(file: &str, text: Option<&str>, dialect: Dialect) -> Result<String, Refusal> {
    let wanted: Vec<(&str, Group)> = dialect.entries().collect();
    let is_wanted = |event: &str, entry: &str| wanted.iter().any(|(own, group)| *own == event && group.is(entry));
    let mut text = match text {
        Some(text) => take_out(file, text, &is_wanted)?,
        None => None,
    };
    for (event, group) in &wanted {
        text = Some(if let Some(text) = text {
            add(file, &text, event, group)?
        } else {
            let layout = Layout { newline: "\n", unit: "  ".to_owned(), indent: Some("  ".to_owned()) };
            format!("{{\n  {}\n}}\n", layout.hooks(event, group))
        });
    }
    Ok(text.unwrap_or_default())
}

/// The settings without our entries, and without the objects and lists that were made for them; none when nothing is left of
/// a file that was made for them.
///
/// # Errors
/// Refuses text that is no JSON object.
pub fn without_entries(file: &str, text: &str) -> Result<Option<String>, Refusal> {
    take_out(file, text, &|_, _| false)
}

/// The hooks of a plugin, whose calls are known by `mark`. It may be on machines without this program, so nothing is blocked.
#[must_use]
pub fn plugin(mark: &str) -> String {
    let mut hooks = serde_json::Map::new();
    for (event, mut group) in Dialect::Full.entries() {
        let [handler] = &mut group.hooks;
        handler.args.push(mark.to_owned());
        handler.on_failure = None;
        hooks.insert(event.to_owned(), serde_json::json!([group]));
    }
    format!("{:#}\n", serde_json::json!({ "hooks": hooks }))
}

/// Whether `text` is what is written where there was no file.
#[must_use]
pub fn is_made_for_hooks(text: &str) -> bool {
    let made = |dialect| with_entries("", None, dialect);
    [Dialect::Full, Dialect::Common].into_iter().any(|dialect| made(dialect).is_ok_and(|made| made == text))
}

/// The events for which `text` holds an entry of ours.
///
/// # Errors
/// Refuses text that is no JSON object.
pub fn entries(file: &str, text: &str) -> Result<Vec<String>, Refusal> {
    let root = read(file, text)?;
    let mut found = Vec::new();
    for (event, groups) in lists(&root) {
        if groups.value.elements.iter().any(|group| handlers(group).is_some_and(|all| all.elements.iter().any(is_ours))) {
            found.push(event.to_owned());
        }
    }
    Ok(found)
}

fn read<'a>(file: &str, text: &'a str) -> Result<Object<'a>, Refusal> {
    let at = |line: usize, column: usize, why: &str| {
        Refusal::usage(format!("cannot read `{file}`: line {line}, column {column}: {why}"))
            .hint("mend the file; nothing was changed")
    };
    // This reader is as strict as clients are, which drop a file that it refuses.
    serde_json::from_str::<serde::de::IgnoredAny>(text).map_err(|error| {
        let why = error.to_string();
        at(error.line(), error.column(), why.split(" at line ").next().unwrap_or(&why))
    })?;
    match parse_to_ast(text, &CollectOptions::default(), &ParseOptions::default()).map(|parsed| parsed.value) {
        Ok(Some(Value::Object(root))) => Ok(root),
        Ok(_) => Err(at(1, 1, "settings are a JSON object")),
        Err(error) => Err(at(error.line_display(), error.column_display(), &error.kind().to_string())),
    }
}

/// A value inside an object or a list: where the others are and which one it is.
struct Inside<'a, T> {
    value: &'a T,
    container: Range<usize>,
    parts: Vec<Range<usize>>,
    index: usize,
}

impl<T> Inside<'_, T> {
    fn level(&self) -> Level {
        (self.container.clone(), self.parts.clone(), self.index)
    }
}

/// A container, its parts, and one of them.
type Level = (Range<usize>, Vec<Range<usize>>, usize);

fn span(value: &impl Ranged) -> Range<usize> {
    value.start()..value.end()
}

/// A property by its name; of several the last, which is the one that counts.
fn property<'a>(object: &'a Object<'_>, name: &str) -> Option<Inside<'a, Value<'a>>> {
    let index = object.properties.iter().rposition(|property| property.name.as_str() == name)?;
    let parts = object.properties.iter().map(span).collect();
    Some(Inside { value: &object.properties[index].value, container: span(object), parts, index })
}

/// The lists of groups below `hooks`, with the names of their events.
fn lists<'a>(root: &'a Object<'_>) -> Vec<(&'a str, Inside<'a, Array<'a>>)> {
    let Some(Inside { value: Value::Object(hooks), .. }) = property(root, "hooks") else { return Vec::new() };
    let parts: Vec<Range<usize>> = hooks.properties.iter().map(span).collect();
    let of = |(index, property): (usize, &'a ObjectProp<'a>)| {
        let Value::Array(list) = &property.value else { return None };
        Some((property.name.as_str(), Inside { value: list, container: span(hooks), parts: parts.clone(), index }))
    };
    hooks.properties.iter().enumerate().filter_map(of).collect()
}

/// What a group calls.
fn handlers<'a>(group: &'a Value<'_>) -> Option<&'a Array<'a>> {
    match group {
        Value::Object(group) => match property(group, "hooks")?.value {
            Value::Array(handlers) => Some(handlers),
            _ => None,
        },
        _ => None,
    }
}

/// Whether a handler calls our hook, from wherever the program is taken.
fn is_ours(handler: &Value<'_>) -> bool {
    let Value::Object(handler) = handler else { return false };
    let Some(command) = handler.get_string("command") else { return false };
    let mut words = command.value.split_whitespace();
    let is_program = words.next().is_some_and(|first| first.rsplit('/').next() == Some(PROGRAM));
    let first = match handler.get_array("args").and_then(|args| args.elements.first()) {
        Some(Value::StringLit(first)) => Some(first.value.as_ref()),
        _ => words.next(),
    };
    is_program && first == Some("hook")
}

/// Takes our entries out but for those that are wanted, the first of each.
fn take_out(file: &str, text: &str, is_wanted: &dyn Fn(&str, &str) -> bool) -> Result<Option<String>, Refusal> {
    let mut text = text.to_owned();
    loop {
        let Some(levels) = unwanted(&read(file, &text)?, &text, is_wanted) else { return Ok(Some(text)) };
        match cut(&text, &levels) {
            Some(shorter) => text = shorter,
            None => return Ok(None),
        }
    }
}

/// Where the first entry lies that is ours and not wanted, innermost first.
fn unwanted(root: &Object<'_>, text: &str, is_wanted: &dyn Fn(&str, &str) -> bool) -> Option<Vec<Level>> {
    for (event, list) in lists(root) {
        let parts: Vec<Range<usize>> = list.value.elements.iter().map(span).collect();
        let mut is_there = false;
        for (index, group) in list.value.elements.iter().enumerate() {
            let Some(all) = handlers(group) else { continue };
            let Some(own) = all.elements.iter().position(is_ours) else { continue };
            if !is_there && is_wanted(event, &text[span(group)]) {
                is_there = true;
                continue;
            }
            if !all.elements.iter().all(is_ours) {
                return Some(vec![(span(all), all.elements.iter().map(span).collect(), own)]);
            }
            let group = (span(list.value), parts, index);
            return Some(
                [Some(group), Some(list.level()), property(root, "hooks").map(|hooks| hooks.level())]
                    .into_iter()
                    .flatten()
                    .collect(),
            );
        }
    }
    None
}

/// Cuts a part out, and with it the containers that were made for it; none when that is everything.
fn cut(text: &str, levels: &[Level]) -> Option<String> {
    for (container, parts, index) in levels {
        let this = &parts[*index];
        let gone = if parts.len() > 1 {
            match parts.get(index + 1) {
                Some(next) => this.start..next.start,
                None => parts[index - 1].end..this.end,
            }
        } else if container.start + 1 == this.start {
            // It stands where nothing stood before: in a container that somebody else had left empty.
            this.clone()
        } else {
            continue;
        };
        return Some(format!("{}{}", &text[..gone.start], &text[gone.end..]));
    }
    None
}

/// How new text is laid out.
struct Layout {
    newline: &'static str,
    unit: String,
    /// What the lines of the new text are indented by; none when all is on one line.
    indent: Option<String>,
}

impl Layout {
    /// The break before a part that lies `depth` deeper.
    fn gap(&self, depth: usize) -> String {
        match &self.indent {
            Some(indent) => format!("{}{indent}{}", self.newline, self.unit.repeat(depth)),
            // Not nothing: that is how a container is known that was there before.
            None => " ".to_owned(),
        }
    }

    fn group(&self, group: &Group, depth: usize) -> String {
        let mut text = Vec::new();
        let written = if self.indent.is_some() {
            let formatter = serde_json::ser::PrettyFormatter::with_indent(self.unit.as_bytes());
            group.serialize(&mut serde_json::Serializer::with_formatter(&mut text, formatter))
        } else {
            group.serialize(&mut serde_json::Serializer::new(&mut text))
        };
        written.expect("because texts and numbers have a form in JSON");
        String::from_utf8_lossy(&text).replace('\n', &self.gap(depth))
    }

    fn list(&self, event: &str, group: &Group, depth: usize) -> String {
        format!("\"{event}\": [{}{}{}]", self.gap(depth + 1), self.group(group, depth + 1), self.gap(depth))
    }

    fn hooks(&self, event: &str, group: &Group) -> String {
        format!("\"hooks\": {{{}{}{}}}", self.gap(1), self.list(event, group, 1), self.gap(0))
    }
}

/// Puts an entry behind what is there already, unless it is there itself.
fn add(file: &str, text: &str, event: &str, group: &Group) -> Result<String, Refusal> {
    let root = read(file, text)?;
    let wrong = |range: Range<usize>, why: &str| {
        let Place { line, column, .. } = Place::of(file, text, range.start);
        Refusal::usage(format!("cannot add hooks to `{file}`: line {line}, column {column}: {why}"))
            .hint("mend the file; nothing was changed")
    };
    let hooks = match property(&root, "hooks").map(|found| found.value) {
        None => {
            return Ok(insert(text, &root, &span(&root), root.properties.iter().map(span), |layout| layout.hooks(event, group)));
        }
        Some(Value::Object(hooks)) => hooks,
        Some(other) => return Err(wrong(span(other), "`hooks` is an object of events")),
    };
    let list = match property(hooks, event).map(|found| found.value) {
        None => {
            return Ok(insert(text, &root, &span(hooks), hooks.properties.iter().map(span), |layout| {
                layout.list(event, group, 0)
            }));
        }
        Some(Value::Array(list)) => list,
        Some(other) => return Err(wrong(span(other), "an event has a list of groups")),
    };
    if list.elements.iter().any(|found| group.is(&text[span(found)])) {
        return Ok(text.to_owned());
    }
    Ok(insert(text, &root, &span(list), list.elements.iter().map(span), |layout| layout.group(group, 0)))
}

/// Puts a part behind the last one of a container, in the way in which that one stands.
fn insert(
    text: &str,
    root: &Object<'_>,
    container: &Range<usize>,
    parts: impl Iterator<Item = Range<usize>>,
    part: impl Fn(&Layout) -> String,
) -> String {
    let parts: Vec<Range<usize>> = parts.collect();
    let first = root.properties.first().map(|first| &text[root.start() + 1..first.start()]);
    let unit = first.map_or("  ", |first| first.rsplit('\n').next().unwrap_or_default());
    let is_one_line = first.is_some_and(|first| !first.contains('\n'));
    let newline = if text.contains("\r\n") { "\r\n" } else { "\n" };
    let layout = |indent: Option<&str>| Layout { newline, unit: unit.to_owned(), indent: indent.map(str::to_owned) };
    let (at, lead, layout) = if let Some((last, before)) = parts.split_last() {
        let gap = &text[before.last().map_or(container.start + 1, |before| before.end)..last.start];
        let gap = gap.rsplit(',').next().unwrap_or_default();
        (last.end, format!(",{gap}"), layout(gap.rsplit_once('\n').map(|(_, indent)| indent)))
    } else {
        let line = text[..container.start].rsplit('\n').next().unwrap_or_default();
        let indent = &line[..line.len() - line.trim_start().len()];
        (container.start + 1, String::new(), layout((!is_one_line).then_some(indent)))
    };
    format!("{}{lead}{}{}", &text[..at], part(&layout), &text[at..])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn put(text: &str) -> String {
        with_entries("settings.json", Some(text), Dialect::Full).expect("it is well-formed")
    }

    fn taken(text: &str) -> Option<String> {
        without_entries("settings.json", text).expect("it is well-formed")
    }

    /// Settings as people have them: by hand, by other tools, in one line, with tabs, with hooks of their own.
    const FOUND: &[&str] = &[
        "{}",
        "{ }\n",
        "{\n}\n",
        "{\"model\":\"opus\"}",
        "{\"model\": \"opus\", \"hooks\": {}}\n",
        "{ \"hooks\": { \"Stop\": [] }, \"env\": { \"A\": \"é \\u00e9 \\\\ \\\"\" } }",
        "{\n\t\"permissions\": {\n\t\t\"allow\": [\"Bash(ls:*)\"],\n\t\t\"deny\": []\n\t}\n}",
        "{\n    \"cleanupPeriodDays\": 30.0,\n\n    \"hooks\": {\n        \"PostToolUse\": [\n            {\"matcher\": \"Edit\", \"hooks\": [{\"type\": \"command\", \"command\": \"prettier\"}]}\n        ]\n    }\n}\n",
        "{\r\n  \"hooks\": {\r\n    \"Stop\": [\r\n      { \"hooks\": [ { \"type\": \"command\", \"command\": \"say done\" } ] }\r\n    ],\r\n    \"Moonrise\": [ ]\r\n  },\r\n  \"zzz\": 1e3\r\n}\r\n",
        "\n\n{\"hooks\":{\"PreCompact\":[{\"hooks\":[]}],\"Stop\":[{\"matcher\":\"\",\"hooks\":[{\"type\":\"command\",\"command\":\"a\"}]}]}}",
        "{\n\"a\": 1,\n\"a\": 2\n}",
    ];

    fn holds_all(text: &str) {
        let own: Vec<String> = entries("settings.json", text).expect("well-formed");
        assert_eq!(own.len(), EVENTS.len(), "{text}");
    }

    #[test]
    fn what_was_put_in_is_taken_out_to_the_byte() {
        for found in FOUND {
            let put_in = put(found);
            holds_all(&put_in);
            assert_eq!(put(&put_in), put_in, "twice is once");
            assert_eq!(taken(&put_in).as_deref(), Some(*found));
            assert_eq!(taken(found).as_deref(), Some(*found), "where nothing is ours nothing goes");
        }
        let new = with_entries("settings.json", None, Dialect::Full).expect("new");
        holds_all(&new);
        assert_eq!((put(&new), taken(&new)), (new.clone(), None));
        assert!(is_made_for_hooks(&new) && !is_made_for_hooks(&new.replace("\"autonomy\"", "\"./autonomy\"")));
    }

    #[test]
    fn a_client_that_learned_more_has_its_entries_replaced() {
        let old = with_entries("settings.json", Some(FOUND[7]), Dialect::Common).expect("well-formed");
        assert!(old.contains("\"command\": \"autonomy hook post-tool-use\"") && !old.contains("StopFailure"));
        let new = put(&old);
        assert!(new.contains("\"hook\",") && !new.contains("autonomy hook"));
        assert_eq!(taken(&new).as_deref(), Some(FOUND[7]));
        assert_eq!(Dialect::of_version(Some("2.1.329 (Claude Code)")), Dialect::Full);
        assert_eq!(Dialect::of_agent(Some("claude-code_2-1-197_harness")), Dialect::Full);
        assert_eq!(Dialect::of_agent(Some("claude-code")), Dialect::Common);
        for old in [None, Some("2.0.77 (Claude Code)"), Some("2.1.196"), Some("next")] {
            assert_eq!(Dialect::of_version(old), Dialect::Common);
        }
    }

    #[test]
    fn an_entry_that_a_person_moved_among_others_is_found_and_leaves_them() {
        let moved = "{\"hooks\": {\"Stop\": [{\"hooks\": [{\"type\": \"command\", \"command\": \"/opt/bin/autonomy\", \"args\": [\"hook\", \"stop\"]}, \
            {\"type\": \"command\", \"command\": \"autonomy-of-mine hook\"}]}]}}";
        let rest = taken(moved).expect("something is left");
        assert_eq!(
            rest,
            "{\"hooks\": {\"Stop\": [{\"hooks\": [{\"type\": \"command\", \"command\": \"autonomy-of-mine hook\"}]}]}}"
        );
    }

    #[test]
    fn what_cannot_be_read_is_refused_with_its_place() {
        for (text, words) in [
            ("", "line 1, column 0: EOF"),
            ("{\n  // mine\n}", "line 2, column 3"),
            ("{\"a\": 1,}", "line 1, column 9"),
            ("[]", "settings are a JSON object"),
            ("{\n  \"hooks\": []\n}", "line 2, column 12: `hooks` is an object of events"),
            ("{\"hooks\": {\"Stop\": 7}}", "an event has a list of groups"),
        ] {
            let refusal = with_entries("settings.json", Some(text), Dialect::Full).expect_err("it is not of the form");
            assert!(refusal.message.contains(words), "{} lacks {words}", refusal.message);
        }
    }

    fn value() -> impl Strategy<Value = Json> {
        let leaf = prop_oneof![
            Just(json!(null)),
            any::<bool>().prop_map(Json::from),
            any::<i32>().prop_map(Json::from),
            ".{0,8}".prop_map(Json::from)
        ];
        leaf.prop_recursive(3, 16, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Json::from),
                prop::collection::btree_map("[a-z]{1,6}", inner, 0..4).prop_map(|map| Json::Object(map.into_iter().collect())),
            ]
        })
    }

    fn settings() -> impl Strategy<Value = String> {
        let groups = prop::collection::vec(value().prop_map(|value| json!({ "matcher": "x", "hooks": [value] })), 0..3);
        let events = prop::collection::btree_map("(Stop|PostToolUse|PreToolUse|SessionEnd|Moonrise)", groups, 0..4);
        let top = prop::collection::btree_map("[a-z]{1,9}", value(), 0..4);
        (top, prop::option::of(events), "( {0,5}|\t)", 0..4_u8).prop_map(|(mut top, events, unit, form)| {
            if let Some(events) = events {
                top.insert("hooks".to_owned(), serde_json::to_value(events).expect("plain"));
            }
            let mut text = Vec::new();
            if form == 0 {
                return serde_json::to_string(&top).expect("plain");
            }
            let formatter = serde_json::ser::PrettyFormatter::with_indent(unit.as_bytes());
            top.serialize(&mut serde_json::Serializer::with_formatter(&mut text, formatter)).expect("plain");
            let text = String::from_utf8(text).expect("text");
            match form {
                1 => text,
                2 => text + "\n",
                _ => text.replace('\n', "\r\n"),
            }
        })
    }

    proptest! {
        #[test]
        fn any_settings_come_back_as_they_were(text in settings()) {
            let put_in = put(&text);
            prop_assert_eq!(put(&put_in), put_in.as_str());
            prop_assert_eq!(taken(&put_in), Some(text.clone()));
            let common = with_entries("settings.json", Some(&put_in), Dialect::Common).expect("well-formed");
            prop_assert_eq!(taken(&common), Some(text));
        }
    }
}
