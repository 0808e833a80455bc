//! Names of settings: dotted paths, which of them exist, and the founding names that are still understood.
//!
//! What exists is read from the schema of [`Settings`], so that a key is declared once, as a field.

use std::{fmt, str::FromStr};

use serde_json::{Map, Value};

use crate::model::{
    id,
    refusal::Refusal,
    schema,
    settings::{AgentProfile, Gate, Settings},
};

/// The path of one setting: `run.max_hours`, `gates.tests.command`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(pub Vec<String>);

/// Founding keys that are accepted and change nothing, each with the reason.
pub const MOOT: [(&str, &str); 4] = [
    ("system.version", "the format's version is the key `version`; the program's is `autonomy --version`"),
    ("performance.max_parallel_skills", "a run works on one step at a time and starts no skills beside it"),
    (
        "performance.cache_size_mb",
        "there is no cache to size: state is folded from files and derived data is rebuilt at any doubt",
    ),
    ("performance.connection_pool_size", "there is no database to connect to: state lies in files and git"),
];

/// Founding keys that live on under another name, with the unit that their bare number has.
pub const RENAMED: [(&str, &str, &str); 1] = [("performance.state_checkpoint_interval", "checkpoints.interval", "s")];

/// What the table `profile` holds: any of the other keys, below the profile's name.
pub const PROFILE: &str = "profile";

impl Key {
    /// Whether this key is `path`, where a part `*` of `path` stands for any name.
    #[must_use]
    pub fn is(&self, path: &str) -> bool {
        let parts: Vec<&str> = path.split('.').collect();
        parts.len() == self.0.len() && parts.iter().zip(&self.0).all(|(part, own)| *part == "*" || part == own)
    }

    /// Whether this key is `other` or lies below it.
    #[must_use]
    pub fn is_within(&self, other: &Self) -> bool {
        self.0.starts_with(&other.0)
    }

    /// `value` inside the tables that this path names.
    #[must_use]
    pub fn document(&self, value: Value) -> Value {
        self.0.iter().rev().fold(value, |inner, part| Value::Object(Map::from_iter([(part.clone(), inner)])))
    }

    /// What this key points to in `root`.
    #[must_use]
    pub fn find<'a>(&self, root: &'a Value) -> Option<&'a Value> {
        self.0.iter().try_fold(root, |node, part| node.get(part))
    }
}

impl fmt::Display for Key {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, part) in self.0.iter().enumerate() {
            let bare = !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'));
            let dot = if index == 0 { "" } else { "." };
            if bare {
                write!(formatter, "{dot}{part}")?;
            } else {
                write!(formatter, "{dot}\"{}\"", part.escape_debug())?;
            }
        }
        Ok(())
    }
}

impl FromStr for Key {
    type Err = Refusal;
    fn from_str(text: &str) -> Result<Self, Refusal> {
        let parts = toml_edit::Key::parse(text).map_err(|_| {
            Refusal::usage(format!("`{}` is not the name of a setting", text.escape_debug()))
                .hint("write it like `run.max_hours`")
        })?;
        Ok(Self(parts.into_iter().map(|part| part.get().to_owned()).collect()))
    }
}

/// One key as documentation shows it.
#[derive(Clone, Debug, PartialEq)]
pub struct Known {
    /// The dotted path; `<name>` stands for a name of your own.
    pub path: String,
    /// The value when nothing sets it; none when it has no default.
    pub default: Option<Value>,
    /// What it means.
    pub meaning: String,
}

/// Every key there is, in the order of the alphabet.
#[must_use]
pub fn all() -> Vec<Known> {
    let root = schema::schema_of::<Settings>("settings");
    let defaults = serde_json::to_value(Settings::default()).unwrap_or_default();
    let mut known = Vec::new();
    collect(&root, &root, &mut Vec::new(), Some(&defaults), &mut known);
    known
}

fn collect(root: &Value, node: &Value, path: &mut Vec<String>, defaults: Option<&Value>, known: &mut Vec<Known>) {
    let inner = schema::deref(root, node);
    if let Some(properties) = inner.get("properties").and_then(Value::as_object) {
        for (name, property) in properties {
            path.push(name.clone());
            collect(root, property, path, defaults.and_then(|table| table.get(name)), known);
            path.pop();
        }
    } else if let Some(each) = schema::each_value(inner) {
        // The defaults of what a named table holds come from the type, not from the names that are built in.
        let defaults = match path.first().map(String::as_str) {
            Some("gates") => serde_json::to_value(Gate::default()).ok(),
            Some("agents") => serde_json::to_value(AgentProfile::default()).ok(),
            _ => None,
        };
        path.push("<name>".to_owned());
        collect(root, each, path, defaults.as_ref(), known);
        path.pop();
    } else {
        let default = defaults.filter(|value| !value.is_null()).cloned();
        known.push(Known { path: path.join("."), default, meaning: meaning(root, node) });
    }
}

fn meaning(root: &Value, node: &Value) -> String {
    let described = node.get("description").or_else(|| schema::deref(root, node).get("description"));
    described.and_then(Value::as_str).unwrap_or_default().replace('\n', " ")
}

/// What is known about one key: its entry, with `<name>` where it has a name of its own.
#[must_use]
pub fn known(key: &Key) -> Option<Known> {
    all().into_iter().find(|known| key.is(&known.path.replace("<name>", "*")))
}

/// Whether `key` names a setting or a table of settings.
///
/// # Errors
/// Refuses a key that does not exist, with the nearest ones that do.
pub fn check(key: &Key) -> Result<(), Refusal> {
    let root = schema::schema_of::<Settings>("settings");
    let mut node = &root;
    for (index, part) in key.0.iter().enumerate() {
        let inner = schema::deref(&root, node);
        let names = inner.get("properties").and_then(Value::as_object);
        let next = names.and_then(|names| names.get(part)).or_else(|| schema::each_value(inner));
        match next {
            Some(found) => node = found,
            None => return Err(unknown(key, index, names.into_iter().flat_map(Map::keys).map(String::as_str).collect())),
        }
    }
    Ok(())
}

fn unknown(key: &Key, index: usize, mut siblings: Vec<&str>) -> Refusal {
    if index == 0 {
        siblings.push(PROFILE);
    }
    let whole = |name: &str| Key([&key.0[..index], &[name.to_owned()]].concat()).to_string();
    let refusal = Refusal::usage(format!("there is no setting `{}`", Key(key.0[..=index].to_vec())));
    let near = id::nearest(&key.0[index], siblings.iter().map(|name| (*name, "")));
    if near.is_empty() {
        // Perhaps the right word in the wrong table; whoever has named a gate or an agent is in the right one.
        let is_elsewhere = |path: &String| index < 2 && path.rsplit('.').next() == key.0.last().map(String::as_str);
        let elsewhere: Vec<String> = all().into_iter().map(|known| known.path).filter(is_elsewhere).collect();
        if !elsewhere.is_empty() {
            return refusal.hint(format!("nearest: `{}`", elsewhere.join("`, `")));
        }
        let there: Vec<String> = siblings.iter().map(|name| format!("`{}`", whole(name))).collect();
        return if there.is_empty() { refusal } else { refusal.hint(format!("there are {}", there.join(", "))) };
    }
    let near: Vec<String> = near.iter().map(|name| format!("`{}`", whole(name.trim_matches('`')))).collect();
    refusal.hint(format!("nearest: {}", near.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &str) -> Key {
        text.parse().expect(text)
    }

    #[test]
    fn every_field_is_a_key_with_a_meaning() {
        let all = all();
        assert!(all.iter().all(|known| !known.meaning.is_empty()), "{all:#?}");
        let paths: Vec<&str> = all.iter().map(|known| known.path.as_str()).collect();
        insta::assert_snapshot!(paths.join(" "), @"agents.<name>.allow agents.<name>.arguments agents.<name>.driver agents.<name>.model agents.<name>.program agents.<name>.prompt agents.<name>.time_limit branches.protected checkpoints.interval checkpoints.keep_automatic checkpoints.keep_bytes checkpoints.keep_safety checkpoints.tag_interval checkpoints.tags_for_automatic gates.<name>.command gates.<name>.figure gates.<name>.kind gates.<name>.needed gates.<name>.timeout guard.blocked guard.denied guard.open guard.protected performance.max_concurrent_workflows rollback.automatic run.agent run.max_cost run.max_hours run.max_steps run.max_tokens run.max_tries run.step_timeout run.steps_without_progress run.uncontained secrets.allow session.context session.timeout snapshot.max_file snapshot.max_new_files snapshot.most_bytes snapshot.most_files system.environment system.mode version");
    }

    #[test]
    fn the_manual_has_every_key_with_its_default_and_its_meaning() {
        let manual = include_str!("../../../docs/settings.md");
        for known in all() {
            let default = match &known.default {
                None => String::new(),
                Some(Value::String(text)) if text.is_empty() => String::new(),
                Some(Value::String(text)) => format!("`\"{text}\"`"),
                Some(other) => format!("`{other}`"),
            };
            let row = format!("| `{}` | {default} | {} |", known.path, known.meaning);
            assert!(manual.contains(&row), "docs/settings.md lacks\n{row}");
        }
        for (path, why) in MOOT {
            assert!(manual.contains(&format!("| `{path}` | {why} |")), "docs/settings.md lacks `{path}`: {why}");
        }
        for (path, now, _) in RENAMED {
            assert!(
                manual.contains(&format!("`{path}`")) && manual.contains(&format!("`{now}`")),
                "docs/settings.md lacks `{path}`"
            );
        }
    }

    #[test]
    fn an_unknown_key_is_refused_with_the_nearest() {
        let hint = |text: &str| check(&key(text)).expect_err(text).hint.unwrap_or_default();
        assert_eq!(hint("run.max_hour"), "nearest: `run.max_hours`, `run.max_cost`, `run.max_tries`");
        assert_eq!(hint("runn.max_hours"), "nearest: `run`");
        assert_eq!(hint("gates.tests.comand"), "nearest: `gates.tests.command`");
        assert_eq!(hint("zzz.max_hours"), "nearest: `run.max_hours`");
        assert!(hint("session.zzz").contains("`session."));
        assert!(hint("agents.mine.command").contains("`agents.mine.program`"));
        assert_eq!(check(&key("agents.\"my.agent\".model")), Ok(()));
    }

    #[test]
    fn a_key_is_written_as_it_is_read() {
        for text in ["run.max_hours", "agents.\"my.agent\".model", "gates.tests"] {
            assert_eq!(key(text).to_string(), text);
        }
        assert!("a..b".parse::<Key>().is_err());
    }
}
