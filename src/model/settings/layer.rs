//! One layer of settings as it was written: a file, the environment, flags. Its values are found, not yet believed.

use std::ops::Range;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Number, Value};
use toml::de::{DeTable, DeValue};

use crate::model::{
    place::{self, Place},
    refusal::Refusal,
    settings::key::{Key, PROFILE},
};

/// Where settings come from, the weakest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Layer {
    /// Built in.
    Default,
    /// The preset that `system.mode` names, built in as well.
    Preset,
    /// The person's own file, outside every repository.
    User,
    /// `.claude/orchestrator/config.yaml`, the place of settings in the founding documents.
    Founding,
    /// `.claude/autonomy.toml`.
    Repository,
    /// What `session start` was told.
    Session,
    /// Variables of the environment.
    Environment,
    /// Flags of the command.
    Flag,
}

impl Layer {
    /// Whether this layer is the person's own word, which alone may lower what protects the person.
    #[must_use]
    pub fn has_authority(self) -> bool {
        match self {
            Self::Default | Self::Preset | Self::User | Self::Flag => true,
            Self::Founding | Self::Repository | Self::Session | Self::Environment => false,
        }
    }

    /// Whether what this layer wants to run needs trust first.
    #[must_use]
    pub fn needs_trust(self) -> bool {
        match self {
            Self::Founding | Self::Repository | Self::Session => true,
            Self::Default | Self::Preset | Self::User | Self::Environment | Self::Flag => false,
        }
    }

    /// The word for people.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::Preset => "preset",
            Self::User => "user",
            Self::Founding => "founding",
            Self::Repository => "repository",
            Self::Session => "session",
            Self::Environment => "environment",
            Self::Flag => "flag",
        }
    }
}

/// One value as it was written.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// Which setting.
    pub key: Key,
    /// What was written; `${VAR}` is not yet replaced.
    pub value: Value,
    /// The profile whose table it stands in.
    pub profile: Option<String>,
    /// The bytes of the document that hold the key, then those that hold the value; empty where there is no document.
    pub at: [Range<usize>; 2],
    /// The variable or flag, where there is no document.
    pub name: Option<String>,
    /// Whether the value was written as bare text, whose type is still open.
    pub bare: bool,
}

/// All values of one layer.
#[derive(Clone, Debug, PartialEq)]
pub struct Document {
    /// Which layer it is.
    pub layer: Layer,
    /// The file as people know it; empty where there is none.
    pub file: String,
    /// The file's content, for showing what is meant.
    pub text: String,
    /// What it sets.
    pub entries: Vec<Entry>,
}

impl Document {
    /// A layer that is a TOML file.
    ///
    /// # Errors
    /// Refuses text that is no TOML and keys that stand twice, with file, line, column and the line itself.
    pub fn of_toml(layer: Layer, file: &str, text: &str) -> Result<Self, Refusal> {
        let table = DeTable::parse(text)
            .map_err(|error| place::refused(file, text, error.span().unwrap_or_default(), &one_line(error.message())))?;
        let mut document = Self { layer, file: file.to_owned(), text: text.to_owned(), entries: Vec::new() };
        document.collect(&mut Vec::new(), table.get_ref())?;
        Ok(document)
    }

    /// A layer of texts without a file: each with the variable or flag that holds it.
    #[must_use]
    pub fn of_texts(layer: Layer, texts: impl IntoIterator<Item = (String, Key, String)>) -> Self {
        let entries = texts.into_iter().map(|(name, key, text)| Entry {
            key,
            value: Value::String(text),
            profile: None,
            at: [0..0, 0..0],
            name: Some(name),
            bare: true,
        });
        Self { layer, file: String::new(), text: String::new(), entries: entries.collect() }
    }

    /// A layer made of one tree of values, such as the defaults.
    #[must_use]
    pub fn of_value(layer: Layer, file: &str, tree: &Value) -> Self {
        let mut document = Self { layer, file: file.to_owned(), text: String::new(), entries: Vec::new() };
        document.flatten(&mut Vec::new(), tree);
        document
    }

    fn flatten(&mut self, path: &mut Vec<String>, node: &Value) {
        match node {
            Value::Null => {}
            Value::Object(table) if !table.is_empty() => {
                for (name, inner) in table {
                    path.push(name.clone());
                    self.flatten(path, inner);
                    path.pop();
                }
            }
            Value::Object(_) | Value::Array(_) | Value::String(_) | Value::Number(_) | Value::Bool(_) => {
                self.push(path.clone(), node.clone(), [0..0, 0..0]);
            }
        }
    }

    /// Adds a value that was read by other means, such as from YAML.
    pub fn push(&mut self, mut path: Vec<String>, value: Value, at: [Range<usize>; 2]) {
        let profile = (path.len() > 1 && path[0] == PROFILE).then(|| path.drain(..2).nth(1)).flatten();
        self.entries.push(Entry { key: Key(path), value, profile, at, name: None, bare: false });
    }

    fn collect(&mut self, path: &mut Vec<String>, table: &DeTable<'_>) -> Result<(), Refusal> {
        for (name, value) in table {
            path.push(name.get_ref().to_string());
            let at = [name.span(), value.span()];
            match value.get_ref() {
                DeValue::Table(inner) if !inner.is_empty() => self.collect(path, inner)?,
                // An empty table of a profile sets nothing; as a named gate or agent it still names one.
                DeValue::Table(_) if path[0] == PROFILE && path.len() <= 2 => self.declare_profile(path, at),
                plain => {
                    let value = tree(plain).map_err(|words| self.refuse_at(&at[1], &words))?;
                    self.push(path.clone(), value, at);
                }
            }
            path.pop();
        }
        Ok(())
    }

    fn declare_profile(&mut self, path: &[String], at: [Range<usize>; 2]) {
        if let Some(name) = path.get(1) {
            let (key, value) = (Key(Vec::new()), Value::Object(Map::new()));
            self.entries.push(Entry { key, value, profile: Some(name.clone()), at, name: None, bare: false });
        }
    }

    fn refuse_at(&self, at: &Range<usize>, words: &str) -> Refusal {
        place::refused(&self.file, &self.text, at.clone(), words)
    }

    /// Where an entry stands, when it stands in a file.
    #[must_use]
    pub fn place(&self, entry: &Entry) -> Option<Place> {
        (!self.text.is_empty()).then(|| Place::of(&self.file, &self.text, entry.at[0].start))
    }

    /// Where an entry stands, in words.
    #[must_use]
    pub fn whence(&self, entry: &Entry) -> String {
        match (&entry.name, self.place(entry)) {
            (Some(name), _) => name.clone(),
            (None, Some(place)) => place.to_string(),
            (None, None) if self.file.is_empty() => self.layer.as_str().to_owned(),
            (None, None) => self.file.clone(),
        }
    }

    /// A refusal of an entry's key.
    #[must_use]
    pub fn refuse_key(&self, entry: &Entry, words: &str) -> Refusal {
        self.refuse(entry, &entry.at[0], words)
    }

    /// A refusal of an entry's value.
    #[must_use]
    pub fn refuse_value(&self, entry: &Entry, words: &str) -> Refusal {
        self.refuse(entry, &entry.at[1], words)
    }

    fn refuse(&self, entry: &Entry, at: &Range<usize>, words: &str) -> Refusal {
        if self.text.is_empty() { Refusal::usage(format!("{}: {words}", self.whence(entry))) } else { self.refuse_at(at, words) }
    }
}

/// What `text` is as a TOML value; text that is none stays text.
#[must_use]
pub fn typed(text: &str) -> Value {
    DeValue::parse(text).ok().and_then(|value| tree(value.get_ref()).ok()).unwrap_or_else(|| Value::String(text.to_owned()))
}

fn tree(value: &DeValue<'_>) -> Result<Value, String> {
    Ok(match value {
        DeValue::String(text) => Value::String(text.to_string()),
        DeValue::Boolean(flag) => Value::Bool(*flag),
        DeValue::Integer(integer) => {
            let number =
                i64::from_str_radix(integer.as_str(), integer.radix()).map_err(|_| "this number is too large".to_owned())?;
            Value::Number(number.into())
        }
        DeValue::Float(float) => {
            let number = float.as_str().parse().ok().and_then(Number::from_f64);
            Value::Number(number.ok_or("this is not a number that a setting can have")?)
        }
        DeValue::Datetime(moment) => Value::String(moment.to_string()),
        DeValue::Array(list) => Value::Array(list.iter().map(|item| tree(item.get_ref())).collect::<Result<_, _>>()?),
        DeValue::Table(table) => {
            let pairs = table.iter().map(|(name, value)| Ok((name.get_ref().to_string(), tree(value.get_ref())?)));
            Value::Object(pairs.collect::<Result<_, String>>()?)
        }
    })
}

fn one_line(message: &str) -> String {
    message.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(text: &str) -> String {
        Document::of_toml(Layer::Repository, ".claude/autonomy.toml", text).expect_err("it is wrong").message
    }

    #[test]
    fn what_is_no_toml_is_refused_where_it_stands() {
        insta::assert_snapshot!(refusal("version = 1\n[run]\nmax_hours 8\n"), @r"
        cannot read `.claude/autonomy.toml`: line 3, column 11: key with no value, expected `=`
        3 | max_hours 8
          |           ^
        ");
        insta::assert_snapshot!(refusal("[run]\nmax_steps = 1\nmax_steps = 2\n"), @r"
        cannot read `.claude/autonomy.toml`: line 3, column 1: duplicate key
        3 | max_steps = 2
          | ^^^^^^^^^
        ");
        insta::assert_snapshot!(refusal("[run]\nmax_steps = 99999999999999999999\n"), @r"
        cannot read `.claude/autonomy.toml`: line 2, column 13: this number is too large
        2 | max_steps = 99999999999999999999
          |             ^^^^^^^^^^^^^^^^^^^^
        ");
        insta::assert_snapshot!(refusal("[run]\nmax_hours = inf\n"), @r"
        cannot read `.claude/autonomy.toml`: line 2, column 13: this is not a number that a setting can have
        2 | max_hours = inf
          |             ^^^
        ");
    }

    #[test]
    fn values_are_found_with_their_places_and_profiles() {
        let text = "run.max_steps = 0x10\n[gates.\"a.b\"]\n[profile.night.run]\nmax_hours = 12\n[profile.empty]\n";
        let document = Document::of_toml(Layer::Repository, "f", text).expect("it is TOML");
        let shown: Vec<String> = document
            .entries
            .iter()
            .map(|entry| format!("{} {} {:?} {}", entry.key, entry.value, entry.profile, document.whence(entry)))
            .collect();
        insta::assert_snapshot!(shown.join("\n"), @r#"
        gates."a.b" {} None f:2:8
         {} Some("empty") f:5:10
        run.max_hours 12 Some("night") f:4:1
        run.max_steps 16 None f:1:5
        "#);
    }

    #[test]
    fn bare_text_gets_the_type_that_it_looks_like() {
        assert_eq!(typed("8"), serde_json::json!(8));
        assert_eq!(typed("[\"a\"]"), serde_json::json!(["a"]));
        assert_eq!(typed("claude"), serde_json::json!("claude"));
        assert_eq!(typed("a = 1"), serde_json::json!("a = 1"));
    }
}
