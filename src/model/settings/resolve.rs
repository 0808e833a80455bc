//! Puts the layers of settings together: checks every value where it stands, lets the strongest win, remembers whence.
//!
//! Precedence: flag > environment > session > repository > founding file > user > preset > default; inside one layer a
//! profile's table is stronger than the plain keys. Lists replace; those that protect are joined. Nothing is read here.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Map, Value};

use crate::model::{
    id::{self, AgentName},
    place::Place,
    refusal::Refusal,
    settings::{
        Driver, Mode, Settings, VERSION,
        key::{self, Key, MOOT, RENAMED},
        layer::{self, Document, Entry, Layer},
    },
};

/// Looks up a variable of the environment.
pub type Variable<'a> = &'a dyn Fn(&str) -> Option<String>;

/// Lists to which every layer adds, so that none can take away what another protects.
const GUARDING: [&str; 3] = ["guard.protected", "guard.blocked", "guard.denied"];

/// The bounds that each mode presets; `professional` is the defaults.
fn preset(mode: Mode) -> &'static str {
    match mode {
        Mode::Supervised => "run = { max_hours = 1, max_steps = 10, max_tries = 2, steps_without_progress = 1 }",
        Mode::Professional => "",
        Mode::Full => "run = { max_hours = 24, max_steps = 1000, steps_without_progress = 5 }",
    }
}

/// The value that bare `text` stands for under `key`: what it reads as in TOML when that fits, else the text itself.
///
/// # Errors
/// Refuses a key that does not exist and a value of the wrong kind.
pub fn fitting(key: &Key, text: &str) -> Result<Value, Refusal> {
    key::check(key)?;
    let guess = layer::typed(text);
    let plain = Value::String(text.to_owned());
    for value in [guess, plain.clone()] {
        if typed::<Settings>(key.document(value.clone())).is_ok() || holds_variable(&value) {
            return Ok(value);
        }
    }
    typed::<Settings>(key.document(plain)).map(|_| Value::Null).map_err(|words| Refusal::usage(format!("`{key}`: {words}")))
}

/// Whence a value came.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Origin {
    /// The layer.
    pub layer: Layer,
    /// The profile, when it stood in a profile's table.
    pub profile: Option<String>,
    /// The file with line and column, the variable or the flag.
    pub from: String,
    /// The place, when it is a file.
    pub place: Option<Place>,
}

/// One value with whence it came, as it was written.
#[derive(Clone, Debug, PartialEq)]
pub struct Written {
    /// The value; `${VAR}` is not replaced, so that it can be shown.
    pub value: Value,
    /// Whence it came.
    pub origin: Origin,
}

/// Settings, put together.
#[derive(Clone, Debug, PartialEq)]
pub struct Resolved {
    /// The values that hold.
    pub settings: Settings,
    /// What people should know: values that were not honoured or have no effect.
    pub warnings: Vec<String>,
    /// The profiles that apply, the weakest first.
    pub profiles: Vec<String>,
    written: BTreeMap<Key, Vec<Written>>,
}

impl Resolved {
    /// Every value that was written for `key`, the one that holds first.
    #[must_use]
    pub fn written(&self, key: &Key) -> &[Written] {
        self.written.get(key).map_or(&[], Vec::as_slice)
    }

    /// Every key that has a value, with the one that holds.
    pub fn holding(&self) -> impl Iterator<Item = (&Key, &Written)> {
        self.written.iter().filter_map(|(key, all)| all.first().map(|first| (key, first)))
    }

    /// What was written at and below `key`, as one tree.
    #[must_use]
    pub fn tree(&self, key: &Key) -> Option<Value> {
        let mut below = self.holding().filter(|(own, _)| own.is_within(key)).peekable();
        below.peek()?;
        let mut root = Value::Null;
        for (own, written) in below {
            put(&mut root, own, written.value.clone());
        }
        key.find(&root).cloned()
    }
}

/// Puts `documents` together. `profile` is the one that a flag or the environment named.
///
/// # Errors
/// Refuses unknown keys, values of the wrong kind, unset variables, unknown profiles and agents, gates without a command;
/// each with its place.
pub fn resolve(documents: Vec<Document>, profile: Option<&str>, variable: Variable<'_>) -> Result<Resolved, Refusal> {
    let mut warnings = Vec::new();
    let mut documents = documents;
    let defaults = serde_json::to_value(Settings::default()).unwrap_or_default();
    documents.push(Document::of_value(Layer::Default, "built in", &defaults));
    for document in &mut documents {
        examine(document, &mut warnings)?;
    }
    documents.sort_by_key(|document| document.layer);

    let (profiles, mode) = profiles(&documents, profile, variable)?;
    let mut built_in = Document::of_toml(Layer::Preset, "", preset(mode))?;
    (built_in.file, built_in.text) = (format!("preset `{}`", mode.as_str()), String::new());
    documents.push(built_in);
    documents.sort_by_key(|document| document.layer);

    let mut found: Vec<(Layer, usize, &Document, &Entry)> = Vec::new();
    for document in &documents {
        for entry in &document.entries {
            match &entry.profile {
                None => found.push((document.layer, 0, document, entry)),
                Some(name) => {
                    if let Some(rank) = profiles.iter().position(|chosen| chosen == name) {
                        found.push((document.layer, rank + 1, document, entry));
                    }
                }
            }
        }
    }
    // A stable sort: of two files of one layer the later one wins.
    found.sort_by_key(|(layer, rank, ..)| (*layer, *rank));

    let mut tree = Value::Object(Map::new());
    let mut added: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut written: BTreeMap<Key, Vec<Written>> = BTreeMap::new();
    for (layer, _, document, entry) in found {
        if entry.key.0.is_empty() {
            continue;
        }
        let (raw, value) = value_of(document, entry, variable)?;
        let origin = Origin { layer, profile: entry.profile.clone(), from: document.whence(entry), place: document.place(entry) };
        if !layer.has_authority() && entry.key.is("run.uncontained") && value == Value::Bool(true) {
            warnings.push(format!(
                "{}: `run.uncontained` is not honoured from here; only your own settings and `--uncontained` may lower containment",
                origin.from
            ));
            continue;
        }
        if !layer.has_authority() && entry.key.is("guard.open") {
            warnings.push(format!(
                "{}: `guard.open` is not honoured from here; only your own settings may open directories",
                origin.from
            ));
            continue;
        }
        if !layer.has_authority() && keeps_less(&entry.key, &value) {
            warnings.push(format!(
                "{}: `{}` is not honoured from here; only your own settings may keep less than the default",
                origin.from, entry.key
            ));
            continue;
        }
        let all = written.entry(entry.key.clone()).or_default();
        let adds = GUARDING.iter().any(|key| entry.key.is(key)) || (!layer.has_authority() && entry.key.is("branches.protected"));
        if adds {
            let texts = value.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned);
            added.entry(entry.key.to_string()).or_default().extend(texts);
        } else {
            put(&mut tree, &entry.key, value);
        }
        all.insert(0, Written { value: raw, origin });
    }
    let mut settings: Settings = typed(tree).map_err(Refusal::usage)?;
    let mut take = |key: &str| added.remove(key).unwrap_or_default().into_iter().collect();
    settings.branches.added = take("branches.protected");
    settings.guard.protected = take("guard.protected");
    settings.guard.blocked = take("guard.blocked");
    settings.guard.denied = take("guard.denied");
    let resolved = Resolved { settings, warnings, profiles, written };
    complete(&resolved)?;
    Ok(resolved)
}

/// Whether the value would keep fewer snapshots than the defaults do.
fn keeps_less(key: &Key, value: &Value) -> bool {
    if key.0.first().is_none_or(|first| first != "checkpoints") {
        return false;
    }
    let (default, wanted) = (Settings::default().checkpoints, typed::<Settings>(key.document(value.clone())));
    wanted.is_ok_and(|Settings { checkpoints, .. }| {
        checkpoints.keep_safety < default.keep_safety
            || checkpoints.keep_automatic < default.keep_automatic
            || checkpoints.keep_bytes < default.keep_bytes
    })
}

/// Replaces founding names, drops what has no effect, and refuses what does not exist.
fn examine(document: &mut Document, warnings: &mut Vec<String>) -> Result<(), Refusal> {
    let mut entries = std::mem::take(&mut document.entries);
    let mut kept = Vec::with_capacity(entries.len());
    for mut entry in entries.drain(..) {
        if let Some((path, why)) = MOOT.into_iter().find(|(path, _)| entry.key.is(path)) {
            warnings.push(format!("{}: `{path}` has no effect: {why}", document.whence(&entry)));
            continue;
        }
        if let Some((_, now, unit)) = RENAMED.into_iter().find(|(path, ..)| entry.key.is(path)) {
            entry.key = now.parse()?;
            let number = if entry.bare { entry.value.as_str().and_then(|text| text.parse().ok()) } else { entry.value.as_u64() };
            if let Some(number) = number {
                entry.value = Value::String(format!("{number}{unit}"));
            }
        }
        if entry.key.is("version") {
            version(document, &entry)?;
        }
        if entry.profile.is_some()
            && entry.key.0.first().is_some_and(|first| matches!(first.as_str(), "system" | "version" | key::PROFILE))
        {
            return Err(document.refuse_key(&entry, "a profile cannot set this: profiles are chosen by it"));
        }
        // What is built in was never written by anybody.
        if !entry.key.0.is_empty() && document.layer != Layer::Default {
            check(document, &entry, None)?;
        }
        kept.push(entry);
    }
    document.entries = kept;
    Ok(())
}

fn version(document: &Document, entry: &Entry) -> Result<(), Refusal> {
    match entry.value.as_u64() {
        Some(found) if found > u64::from(VERSION) => Err(document
            .refuse_value(entry, &format!("this file has version {found}; this program reads up to version {VERSION}"))
            .hint("a newer `autonomy` reads it")),
        Some(0) => Err(document.refuse_value(entry, "there is no version 0; the first is 1")),
        Some(_) | None => Ok(()),
    }
}

/// Checks one entry by itself: that its key exists and that its value has the right kind.
fn check(document: &Document, entry: &Entry, value: Option<&Value>) -> Result<(), Refusal> {
    let value = value.unwrap_or(&entry.value);
    let open = entry.bare || holds_variable(value);
    match typed::<Settings>(entry.key.document(value.clone())) {
        Ok(_) => Ok(()),
        Err(words) => match key::check(&entry.key) {
            Err(unknown) => {
                let refusal = document.refuse_key(entry, &unknown.message);
                Err(match unknown.hint {
                    Some(hint) => refusal.hint(hint),
                    None => refusal,
                })
            }
            // Its kind is known only when variables are replaced.
            Ok(()) if open => Ok(()),
            Ok(()) => Err(document.refuse_value(entry, &format!("`{}`: {words}", entry.key))),
        },
    }
}

/// The value as written and the value that holds: typed, with variables replaced.
fn value_of(document: &Document, entry: &Entry, variable: Variable<'_>) -> Result<(Value, Value), Refusal> {
    let raw = match (&entry.value, entry.bare) {
        (Value::String(text), true) => {
            fitting(&entry.key, text).map_err(|refusal| document.refuse_value(entry, &refusal.message))?
        }
        (value, _) => value.clone(),
    };
    // A command's own shell replaces variables; a list is started as it stands.
    if entry.key.is("gates.*.command") {
        return Ok((raw.clone(), raw));
    }
    let value = interpolate(&raw, variable).map_err(|words| document.refuse_value(entry, &words))?;
    let settled = Entry { value: value.clone(), bare: false, ..entry.clone() };
    if holds_variable(&raw) {
        // The words of the check would show what the variable holds.
        typed::<Settings>(entry.key.document(value.clone())).map_err(|_| {
            document.refuse_value(entry, &format!("`{}`: what the variable holds is not a value of this kind", entry.key))
        })?;
    } else {
        check(document, &settled, None)?;
    }
    Ok((raw, value))
}

/// Which profiles apply, the weakest first, and the mode.
fn profiles(documents: &[Document], named: Option<&str>, variable: Variable<'_>) -> Result<(Vec<String>, Mode), Refusal> {
    let mut declared: Vec<&str> =
        documents.iter().flat_map(|document| &document.entries).filter_map(|entry| entry.profile.as_deref()).collect();
    declared.sort_unstable();
    declared.dedup();
    let mut system = Value::Object(Map::new());
    for document in documents {
        for entry in document
            .entries
            .iter()
            .filter(|entry| entry.profile.is_none() && entry.key.0.first().is_some_and(|first| first == "system"))
        {
            put(&mut system, &entry.key, value_of(document, entry, variable)?.1);
        }
    }
    let system = typed::<Settings>(system).map_err(Refusal::usage)?.system;
    let as_mode = |name: &str| serde_json::from_value::<Mode>(Value::String(name.to_owned())).ok();
    let mode = named.and_then(as_mode).unwrap_or(system.mode);
    let mut chosen: Vec<&str> = Vec::new();
    for name in [system.environment.as_str(), mode.as_str()] {
        if declared.contains(&name) && named != Some(name) {
            chosen.push(name);
        }
    }
    if let Some(name) = named {
        if !declared.contains(&name) && as_mode(name).is_none() {
            let near = id::nearest(name, declared.iter().map(|name| (*name, "")));
            let hint = if near.is_empty() {
                format!("write a table `[profile.{}]`, or choose supervised, professional or full", name.escape_debug())
            } else {
                format!("nearest: {}", near.join(", "))
            };
            return Err(Refusal::usage(format!("there is no profile `{}`", name.escape_debug())).hint(hint));
        }
        chosen.push(name);
    }
    Ok((chosen.into_iter().map(str::to_owned).collect(), mode))
}

/// What only the whole can show: commands that are missing, agents that do not exist.
fn complete(resolved: &Resolved) -> Result<(), Refusal> {
    let from = |prefix: &[&str]| {
        let table = Key(prefix.iter().map(|part| (*part).to_owned()).collect());
        resolved
            .holding()
            .filter(|(key, _)| key.is_within(&table))
            .max_by_key(|(_, written)| written.origin.layer)
            .map_or_else(String::new, |(_, written)| format!("{}: ", written.origin.from))
    };
    for (name, gate) in &resolved.settings.gates {
        if gate.command.is_empty() {
            let whence = from(&["gates", name.as_str()]);
            return Err(Refusal::usage(format!("{whence}the gate `{name}` has no `command`")));
        }
    }
    for (name, agent) in &resolved.settings.agents {
        if agent.driver != Driver::Replay && agent.program.trim().is_empty() {
            let whence = from(&["agents", name.as_str()]);
            return Err(Refusal::usage(format!("{whence}the agent `{name}` has no `program`")));
        }
    }
    let agent = &resolved.settings.run.agent;
    if !resolved.settings.agents.contains_key(agent) {
        let names = resolved.settings.agents.keys().map(|name| (AgentName::as_str(name), ""));
        let near = id::nearest(agent.as_str(), names);
        let hint =
            if near.is_empty() { format!("write a table `[agents.{agent}]`") } else { format!("nearest: {}", near.join(", ")) };
        return Err(Refusal::usage(format!("{}there is no agent `{agent}`", from(&["run", "agent"]))).hint(hint));
    }
    Ok(())
}

/// Reads a tree of values as `T`; the error is words without a place.
///
/// # Errors
/// Hands on what does not fit, in words.
pub fn typed<T: DeserializeOwned>(tree: Value) -> Result<T, String> {
    serde_json::from_value(tree).map_err(|error| {
        let words = error.to_string();
        let words =
            words.replace("a nonzero u32", "a whole number from 1 up").replace("a nonzero u64", "a whole number from 1 up");
        words.replace("u32", "a whole number").replace("u64", "a whole number")
    })
}

/// Replaces `${NAME}` in every text of `value`; `$${` stands for `${` itself. Empty variables count as unset.
///
/// # Errors
/// Names a variable that is not set, or a `${` that names none. What variables hold never comes into the words.
pub fn interpolate(value: &Value, variable: Variable<'_>) -> Result<Value, String> {
    Ok(match value {
        Value::String(text) => Value::String(interpolate_text(text, variable)?),
        Value::Array(list) => Value::Array(list.iter().map(|item| interpolate(item, variable)).collect::<Result<_, _>>()?),
        Value::Object(table) => Value::Object(
            table.iter().map(|(name, item)| Ok((name.clone(), interpolate(item, variable)?))).collect::<Result<_, String>>()?,
        ),
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
    })
}

fn interpolate_text(text: &str, variable: Variable<'_>) -> Result<String, String> {
    let (mut out, mut rest) = (String::with_capacity(text.len()), text);
    while let Some(at) = rest.find("${") {
        if rest[..at].ends_with('$') {
            out.push_str(&rest[..at - 1]);
            out.push_str("${");
            rest = &rest[at + 2..];
            continue;
        }
        out.push_str(&rest[..at]);
        let name = rest[at + 2..].split_once('}').map(|(name, _)| name).filter(|name| is_name(name));
        let name = name.ok_or("`${` must be followed by the name of a variable and `}`; write `$${` for `${` itself")?;
        out.push_str(&variable(name).ok_or_else(|| format!("the variable `{name}` is not set"))?);
        rest = &rest[at + name.len() + 3..];
    }
    out.push_str(rest);
    Ok(out)
}

fn is_name(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with(|first: char| first.is_ascii_digit())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

fn holds_variable(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains("${"),
        Value::Array(list) => list.iter().any(holds_variable),
        Value::Object(table) => table.values().any(holds_variable),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

/// Puts `value` at `key`, making the tables on the way; an empty table never replaces a full one.
fn put(tree: &mut Value, key: &Key, value: Value) {
    let mut node = tree;
    for part in &key.0 {
        if !node.is_object() {
            *node = Value::Object(Map::new());
        }
        let Some(table) = node.as_object_mut() else { return };
        node = table.entry(part.clone()).or_insert(Value::Null);
    }
    let names_only = value.as_object().is_some_and(Map::is_empty) && node.is_object();
    if !names_only {
        *node = value;
    }
}

#[cfg(test)]
mod tests;
