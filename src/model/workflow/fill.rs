//! Texts with `${{ … }}` in them, filled with values while a workflow is carried out.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::model::{
    expression::{self, Expression, MAX_EXPRESSION, Surroundings},
    refusal::Refusal,
    workflow::scope::{CLOSE, OPEN, bare},
};

/// Gives the values that an expression with these names reads.
pub(crate) type Known<'a> = dyn Fn(&BTreeSet<String>) -> BTreeMap<String, Value> + 'a;

/// What texts are filled with.
pub(crate) struct Filling<'a> {
    /// The values.
    pub(crate) known: &'a Known<'a>,
    /// What else expressions may ask.
    pub(crate) around: &'a Surroundings,
}

impl Filling<'_> {
    /// What an expression gives, which may stand inside `${{ … }}`.
    pub(crate) fn compute(&self, source: &str) -> Result<Value, Refusal> {
        self.give(&read(bare(source))?)
    }

    /// Whether a condition holds.
    pub(crate) fn holds(&self, source: &str) -> Result<bool, Refusal> {
        match self.compute(source)? {
            Value::Bool(holds) => Ok(holds),
            other => {
                Err(Refusal::usage(format!("the condition `{}` gives {other}, which is neither true nor false", bare(source))))
            }
        }
    }

    /// The text with its expressions computed.
    pub(crate) fn text(&self, text: &str) -> Result<String, Refusal> {
        let (mut filled, mut rest) = (String::with_capacity(text.len()), text);
        while let Some(start) = rest.find(OPEN) {
            let inside = &rest[start + OPEN.len()..];
            let (expression, end) = first(inside)?;
            filled.push_str(&rest[..start]);
            filled.push_str(&plain(&self.give(&expression)?));
            rest = &inside[end + CLOSE.len()..];
        }
        filled.push_str(rest);
        Ok(filled)
    }

    /// The value with the expressions of its texts computed; a text that is one expression becomes what that gives.
    pub(crate) fn value(&self, value: &Value) -> Result<Value, Refusal> {
        Ok(match value {
            Value::String(text) => {
                let inside = text.trim().strip_prefix(OPEN);
                match inside.map(first).transpose()? {
                    Some((expression, end)) if inside.is_some_and(|inside| inside.len() == end + CLOSE.len()) => {
                        self.give(&expression)?
                    }
                    Some(_) | None => self.text(text)?.into(),
                }
            }
            Value::Array(items) => Value::Array(items.iter().map(|item| self.value(item)).collect::<Result<_, _>>()?),
            Value::Object(table) => {
                let filled = table.iter().map(|(name, item)| Ok((name.clone(), self.value(item)?)));
                Value::Object(filled.collect::<Result<_, Refusal>>()?)
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
        })
    }

    fn give(&self, expression: &Expression) -> Result<Value, Refusal> {
        expression.compute(&(self.known)(&expression.names()), self.around)
    }
}

/// The names that a text reads, with what its expressions read of each as far as that is fixed.
pub(crate) fn names(text: &str) -> Result<BTreeSet<String>, Refusal> {
    let (mut all, mut rest) = (BTreeSet::new(), text);
    while let Some(start) = rest.find(OPEN) {
        let inside = &rest[start + OPEN.len()..];
        let (expression, end) = first(inside)?;
        all.extend(expression.names());
        rest = &inside[end + CLOSE.len()..];
    }
    Ok(all)
}

/// The names that an expression reads, which may stand inside `${{ … }}`.
pub(crate) fn names_of(source: &str) -> Result<BTreeSet<String>, Refusal> {
    Ok(read(bare(source))?.names())
}

/// A value as it stands in a text.
fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn read(source: &str) -> Result<Expression, Refusal> {
    let roots = ["parameters", "steps", "context", "matrix", "item", "error"];
    let known: Vec<&str> =
        roots.into_iter().chain(expression::FUNCTIONS.iter().copied()).chain(Surroundings::FUNCTIONS.iter().copied()).collect();
    Expression::read(source, &known)
}

/// The expression with which `text` begins, and where it ends: the first end at which it is one.
fn first(text: &str) -> Result<(Expression, usize), Refusal> {
    let mut why = None;
    for (end, _) in text.match_indices(CLOSE).take_while(|(end, _)| *end <= MAX_EXPRESSION) {
        match read(text[..end].trim()) {
            Ok(expression) => return Ok((expression, end)),
            Err(refusal) => why = why.or(Some(refusal)),
        }
    }
    Err(why.unwrap_or_else(|| Refusal::usage(format!("`{OPEN}` has no `{CLOSE}` within {MAX_EXPRESSION} bytes"))))
}
