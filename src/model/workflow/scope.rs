//! Which names the expressions of a workflow may use where: `${{ parameters.x }}`, `${{ steps.build.output }}` and so on.
//!
//! A name is looked at before anything runs, so that a wrong one is found when the file is read.

use std::collections::BTreeSet;

use crate::model::{
    expression::{self, Expression, MAX_EXPRESSION},
    id,
    refusal::Refusal,
};

/// Functions whose result is known only while a workflow runs.
pub const AT_RUN: &[&str] = &["env", "file_exists", "now", "regex_match"];

/// How an expression in a text begins.
pub(crate) const OPEN: &str = "${{";
/// How it ends.
pub(crate) const CLOSE: &str = "}}";

/// What may be named.
pub(crate) struct Scope<'a> {
    /// The parameters.
    pub(crate) parameters: &'a [&'a str],
    /// The steps whose results are there.
    pub(crate) done: &'a dyn Fn(&str) -> bool,
    /// All steps, for what is nearest.
    pub(crate) steps: &'a BTreeSet<&'a str>,
    /// What else there is: `matrix`, `item`, `error`.
    pub(crate) more: Vec<&'a str>,
}

/// What is wrong with an expression: its text, to find it by, and why.
pub(crate) struct Wrong {
    pub(crate) at: String,
    pub(crate) why: Refusal,
}

impl Scope<'_> {
    /// Looks at a condition, which may stand inside `${{ … }}`.
    pub(crate) fn condition(&self, text: &str) -> Result<(), Wrong> {
        let wrong = |why| Wrong { at: text.to_owned(), why };
        self.expression(bare(text)).map_err(wrong)
    }

    /// Looks at the expressions inside a text.
    pub(crate) fn text(&self, text: &str) -> Result<(), Wrong> {
        let mut rest = text;
        while let Some(start) = rest.find(OPEN) {
            let inside = &rest[start + OPEN.len()..];
            let end = self.end(inside).map_err(|why| Wrong { at: rest[start..].chars().take(60).collect(), why })?;
            rest = &inside[end + CLOSE.len()..];
        }
        Ok(())
    }

    /// Where the expression ends with which `text` begins: the first end at which it is one, so that a text in quotes may hold `}}`.
    fn end(&self, text: &str) -> Result<usize, Refusal> {
        let mut first = None;
        for (end, _) in text.match_indices(CLOSE).take_while(|(end, _)| *end <= MAX_EXPRESSION) {
            match self.expression(text[..end].trim()) {
                Ok(()) => return Ok(end),
                Err(refusal) => first = first.or(Some(refusal)),
            }
        }
        Err(first.unwrap_or_else(|| Refusal::usage(format!("`{OPEN}` has no `{CLOSE}` within {MAX_EXPRESSION} bytes"))))
    }

    fn expression(&self, source: &str) -> Result<(), Refusal> {
        let roots = ["parameters", "steps", "context"];
        let known: Vec<&str> = roots
            .into_iter()
            .chain(self.more.iter().copied())
            .chain(expression::FUNCTIONS.iter().copied())
            .chain(AT_RUN.iter().copied())
            .collect();
        for name in Expression::read(source, &known)?.names() {
            let mut parts = name.split('.');
            match (parts.next(), parts.next()) {
                (Some("parameters"), Some(one)) if !self.parameters.contains(&one) => {
                    return Err(unknown(&format!("there is no parameter `{one}`"), one, self.parameters.iter().copied()));
                }
                (Some("steps"), Some(one)) if !self.steps.contains(one) => {
                    return Err(unknown(&format!("there is no step `{one}`"), one, self.steps.iter().copied()));
                }
                (Some("steps"), Some(one)) if !(self.done)(one) => {
                    let words = format!("the step `{one}` need not be done when this is read");
                    return Err(Refusal::usage(words).hint(format!("say `needs: [{one}]`")));
                }
                _ => {}
            }
        }
        Ok(())
    }
}

/// A refusal of `given` with the nearest of `names`.
pub(crate) fn unknown<'a>(words: &str, given: &str, names: impl Iterator<Item = &'a str>) -> Refusal {
    let near = id::nearest(given, names.map(|name| (name, "")));
    let refusal = Refusal::usage(words);
    if near.is_empty() { refusal } else { refusal.hint(format!("nearest: {}", near.join(", "))) }
}

/// A condition without the `${{ … }}` around it.
pub(crate) fn bare(text: &str) -> &str {
    let text = text.trim();
    let inside = text.strip_prefix(OPEN).and_then(|rest| rest.strip_suffix(CLOSE));
    inside.filter(|inside| !inside.contains(OPEN)).unwrap_or(text).trim()
}
