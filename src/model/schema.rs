//! JSON schemas of our own types, for the files under `schemas/`, for editors and for whoever reads `--json`.
//!
//! Keys come out in alphabetical order, so that the same type always gives the same bytes.

use schemars::{JsonSchema, generate::SchemaSettings};
use serde_json::Value;

/// Where the schemas say that they live; `<name>.json` follows.
pub const BASE: &str = "https://autonomy.invalid/schemas/";

/// The schema (draft 2020-12) of what is written as `T`, named `name`.
///
/// # Examples
/// ```
/// let schema = autonomy::model::schema::schema_of::<u32>("count");
/// assert_eq!(schema["title"], "count");
/// ```
#[must_use]
pub fn schema_of<T: JsonSchema>(name: &str) -> Value {
    let mut schema = SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<T>();
    schema.insert("$id".to_owned(), format!("{BASE}{name}.json").into());
    schema.insert("title".to_owned(), name.into());
    schema.to_value()
}

/// The schema as the text of a file.
#[must_use]
pub fn as_text(schema: &Value) -> String {
    format!("{schema:#}\n")
}

/// Follows `$ref` inside `root` until `node` is no reference.
#[must_use]
pub fn deref<'a>(root: &'a Value, node: &'a Value) -> &'a Value {
    let mut node = node;
    // A schema made here never refers in a circle; the bound keeps a foreign one from holding us.
    for _ in 0..16 {
        let Some(target) = node.get("$ref").and_then(Value::as_str) else { return node };
        match root.pointer(target.trim_start_matches('#')) {
            Some(found) => node = found,
            None => return node,
        }
    }
    node
}

/// The schema of each value of a table whose names are free; none when the names are fixed.
#[must_use]
pub fn each_value(node: &Value) -> Option<&Value> {
    let of_pattern = node.get("patternProperties").and_then(Value::as_object).and_then(|patterns| patterns.values().next());
    of_pattern.or_else(|| node.get("additionalProperties").filter(|each| each.is_object()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::refusal::Refusal;

    #[test]
    fn the_same_type_gives_the_same_text_with_its_title_and_id() {
        let text = as_text(&schema_of::<Refusal>("refusal"));
        assert_eq!(text, as_text(&schema_of::<Refusal>("refusal")));
        assert!(text.contains("\"$id\": \"https://autonomy.invalid/schemas/refusal.json\""));
        assert!(text.ends_with("}\n"));
        let schema: Value = serde_json::from_str(&text).expect("it is JSON");
        assert_eq!(schema["required"], serde_json::json!(["code", "message", "retryable"]));
        assert!(deref(&schema, &schema["properties"]["code"]).get("oneOf").is_some());
    }
}
