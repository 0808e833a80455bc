//! The settings of the founding documents: a YAML file of sections, of which the keys that are settings today are taken.
//!
//! Which founding names live on is in `key`; what is not understood is named, never refused.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use crate::model::{
    place::Place,
    refusal::Refusal,
    settings::{
        key::{self, Key},
        layer::{Document, Layer},
    },
    yaml::{self, Spanned},
};

/// Whether `key` is a setting, or was one.
#[must_use]
pub fn is_known(key: &Key) -> bool {
    let founding = key::MOOT.iter().map(|(path, _)| path).chain(key::RENAMED.iter().map(|(path, ..)| path));
    founding.into_iter().any(|path| key.is(path)) || key::check(key).is_ok()
}

/// The keys of the founding file `file` that are settings; the others are named in `warnings`.
///
/// # Errors
/// Refuses text that is no YAML, and sections that are no tables, with line and column.
pub fn document(file: &str, text: &str, warnings: &mut Vec<String>) -> Result<Document, Refusal> {
    #[derive(Deserialize)]
    struct Sections {
        #[serde(default)]
        system: BTreeMap<String, Spanned<Value>>,
        #[serde(default)]
        performance: BTreeMap<String, Spanned<Value>>,
    }
    let all: BTreeMap<String, Value> = yaml::read(file, text)?;
    let sections: Sections = yaml::read(file, text)?;
    let mut document = Document { layer: Layer::Founding, file: file.to_owned(), text: text.to_owned(), entries: Vec::new() };
    let mut unknown: Vec<String> =
        all.into_keys().filter(|section| !["system", "performance"].contains(&section.as_str())).collect();
    for (section, keys) in [("system", sections.system), ("performance", sections.performance)] {
        for (name, found) in keys {
            let path = vec![section.to_owned(), name];
            if !is_known(&Key(path.clone())) {
                unknown.push(path.join("."));
                continue;
            }
            let count = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
            let location = found.referenced;
            let place = Place { file: String::new(), line: count(location.line()), column: count(location.column()) };
            let start = place.offset(text);
            let end = text[start..].find('\n').map_or(text.len(), |length| start + length);
            document.push(path, found.value, [start..end, start..end]);
        }
    }
    if !unknown.is_empty() {
        warnings.push(format!("{file}: not understood here and left alone: {}", unknown.join(", ")));
    }
    Ok(document)
}
