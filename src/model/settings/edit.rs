//! Changes one key in the text of a file of settings and leaves every other byte as it is, comments included.
//!
//! Whether the new text is good as a whole is for whoever writes it to check.

use serde_json::Value;
use toml_edit::{Array, DocumentMut, Formatted, InlineTable, Item, Table, TableLike, Value as Edited};

use crate::model::{
    place,
    refusal::Refusal,
    settings::{VERSION, key::Key},
};

/// `text` with `key` set to `value`; text that is not there yet begins with the version.
///
/// # Errors
/// Refuses text that is no TOML, and a key below something that is no table.
pub fn set(file: &str, text: Option<&str>, key: &Key, value: &Value) -> Result<String, Refusal> {
    let start = format!("version = {VERSION}\n");
    let text = text.unwrap_or(&start);
    let mut document: DocumentMut = text
        .parse()
        .map_err(|error: toml_edit::TomlError| place::refused(file, text, error.span().unwrap_or_default(), error.message()))?;
    let Some((last, tables)) = key.0.split_last() else { return Err(Refusal::usage("no setting is named")) };
    let mut table: &mut dyn TableLike = document.as_table_mut();
    for part in tables {
        let item = table.entry(part).or_insert_with(|| {
            let mut new = Table::new();
            new.set_implicit(true);
            Item::Table(new)
        });
        table = item
            .as_table_like_mut()
            .ok_or_else(|| Refusal::usage(format!("cannot set `{key}` in `{file}`: `{part}` is no table there")))?;
    }
    let mut new = edited(value);
    if let Some(old) = table.get(last).and_then(Item::as_value) {
        // What stands behind the value, such as a comment, belongs to the line.
        *new.decor_mut() = old.decor().clone();
    }
    match table.get_mut(last) {
        Some(item) => *item = Item::Value(new),
        None => {
            table.insert(last, Item::Value(new));
        }
    }
    Ok(document.to_string())
}

fn edited(value: &Value) -> Edited {
    match value {
        Value::Null => Edited::InlineTable(InlineTable::new()),
        Value::Bool(flag) => Edited::Boolean(Formatted::new(*flag)),
        Value::Number(number) => match number.as_i64() {
            Some(whole) => Edited::Integer(Formatted::new(whole)),
            None => Edited::Float(Formatted::new(number.as_f64().unwrap_or_default())),
        },
        Value::String(text) => Edited::String(Formatted::new(text.clone())),
        Value::Array(list) => Edited::Array(list.iter().map(edited).collect::<Array>()),
        Value::Object(table) => Edited::InlineTable(table.iter().map(|(name, value)| (name.as_str(), edited(value))).collect()),
    }
}

/// A value as it is written in TOML.
#[must_use]
pub fn shown(value: &Value) -> String {
    edited(value).to_string()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn changed(text: &str, key: &str, value: &Value) -> String {
        set("f", Some(text), &key.parse().expect("a key"), value).expect("it can be set")
    }

    #[test]
    fn comments_order_and_all_other_bytes_stay() {
        let text = "# mine\nversion = 1\n\n[run] # bounds\nmax_steps   =  5   # few\n\n[session]\ntimeout = '1h'\n";
        insta::assert_snapshot!(changed(text, "run.max_steps", &json!(7)), @r"
        # mine
        version = 1

        [run] # bounds
        max_steps   =  7   # few

        [session]
        timeout = '1h'
        ");
        insta::assert_snapshot!(changed(text, "run.max_hours", &json!("2h")), @r#"
        # mine
        version = 1

        [run] # bounds
        max_steps   =  5   # few
        max_hours = "2h"

        [session]
        timeout = '1h'
        "#);
        insta::assert_snapshot!(changed(text, "gates.\"a.b\".command", &json!(["make", "a b"])), @r#"
        # mine
        version = 1

        [run] # bounds
        max_steps   =  5   # few

        [session]
        timeout = '1h'

        [gates."a.b"]
        command = ["make", "a b"]
        "#);
    }

    #[test]
    fn a_new_file_begins_with_its_version() {
        let key = "run.agent".parse().expect("a key");
        insta::assert_snapshot!(set("f", None, &key, &json!("codex")).expect("new"), @r#"
        version = 1

        [run]
        agent = "codex"
        "#);
    }

    #[test]
    fn inline_tables_are_changed_where_they_stand_and_values_are_no_tables() {
        assert_eq!(changed("run = { max_steps = 5 }\n", "run.max_steps", &json!(6)), "run = { max_steps = 6 }\n");
        let key = "run.max_steps".parse().expect("a key");
        assert!(set("f", Some("run = 3\n"), &key, &json!(6)).expect_err("no table").message.contains("`run` is no table"));
    }
}
