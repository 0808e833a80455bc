//! Expressions in the files of a project, such as conditions: over named values, and true or false where it is asked whether one holds.
//!
//! The language is that of the templates, without its filters, tests and functions but for the few below: it reads nothing
//! but the values, changes nothing, and comes to an end. A name that nobody knows and a result that is neither true nor
//! false are errors, never `false`.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::{Arc, LazyLock},
};

use minijinja::{
    Environment, UndefinedBehavior, Value,
    value::{Serde, ValueKind},
};
use serde::Serialize;

use crate::model::{id, refusal::Refusal, time::Timestamp};

/// The longest expression, in bytes: the reader goes down one level for each operator, and this many fit any stack.
pub const MAX_EXPRESSION: usize = 4 * 1024;

/// How many steps an expression may take, in minijinja's count.
const FUEL: u64 = 10_000;

static LANGUAGE: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut environment = Environment::empty();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_fuel(Some(FUEL));
    environment.add_filter("lower", |text: String| text.to_lowercase());
    environment.add_filter("length", |value: Value| value.len().unwrap_or(0));
    environment.add_test("startingwith", |text: &str, start: &str| text.starts_with(start));
    environment.add_test("endingwith", |text: &str, end: &str| text.ends_with(end));
    environment.add_function("len", |value: Value| value.len().unwrap_or(0));
    environment.add_function("str", |value: Value| value.to_string());
    environment.add_function("int", |value: Value| {
        let number = i64::try_from(value.clone()).ok().or_else(|| value.as_str()?.trim().parse().ok());
        number.ok_or_else(|| minijinja::Error::new(minijinja::ErrorKind::InvalidOperation, format!("{value} is no whole number")))
    });
    environment.add_function("bool", |value: Value| value.is_true());
    environment.add_function("contains", |whole: Value, part: Value| match (whole.as_str(), part.as_str()) {
        (Some(whole), Some(part)) => whole.contains(part),
        _ => whole.try_iter().is_ok_and(|mut items| items.any(|item| item == part)),
    });
    environment.add_function("startswith", |text: &str, start: &str| text.starts_with(start));
    environment.add_function("endswith", |text: &str, end: &str| text.ends_with(end));
    environment
});

/// The functions that a caller of [`Expression::read`] may let expressions call: they see nothing but what they are given.
pub const FUNCTIONS: &[&str] = &["bool", "contains", "endswith", "int", "len", "startswith", "str"];

/// What expressions may ask while something runs: `now()`, `env(name)`, `file_exists(path)`.
#[derive(Clone)]
pub struct Surroundings {
    /// The present.
    pub now: Timestamp,
    /// Variables of the environment.
    pub variables: Arc<BTreeMap<String, String>>,
    /// Whether a file is there, by its path from the top of the work tree.
    pub is_there: Arc<dyn Fn(&str) -> bool + Send + Sync>,
}

impl Surroundings {
    /// The names under which expressions ask.
    pub const FUNCTIONS: &'static [&'static str] = &["env", "file_exists", "now"];

    fn functions(&self) -> impl Iterator<Item = (String, Value)> {
        let (now, variables, is_there) = (self.now.second(), Arc::clone(&self.variables), Arc::clone(&self.is_there));
        [
            ("now".to_owned(), Value::from_function(move || now.clone())),
            ("env".to_owned(), Value::from_function(move |name: &str| variables.get(name).cloned().unwrap_or_default())),
            ("file_exists".to_owned(), Value::from_function(move |path: &str| is_there(path))),
        ]
        .into_iter()
    }
}

impl fmt::Debug for Surroundings {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Surroundings").field("now", &self.now).finish_non_exhaustive()
    }
}

/// A condition that was read.
pub struct Expression {
    source: String,
    compiled: minijinja::Expression<'static, 'static>,
}

impl fmt::Debug for Expression {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("Expression").field(&self.source).finish()
    }
}

impl Expression {
    /// Reads `source`, which may name the values `known`.
    ///
    /// # Errors
    /// Refuses what is too long, what is no expression, and a name that is none of `known`, with the nearest.
    pub fn read(source: &str, known: &[&str]) -> Result<Self, Refusal> {
        if source.len() > MAX_EXPRESSION {
            return Err(Refusal::usage(format!(
                "the expression has {} bytes, and {MAX_EXPRESSION} are the most that one may have",
                source.len()
            )));
        }
        let compiled = LANGUAGE.compile_expression_owned(source.to_owned()).map_err(|error| refused(source, &error))?;
        let mut unknown: Vec<String> =
            compiled.undeclared_variables(false).into_iter().filter(|name| !known.contains(&name.as_str())).collect();
        unknown.sort();
        if let Some(name) = unknown.first() {
            let refusal = Refusal::usage(format!("the expression `{source}` names `{name}`, which is not known"));
            let near = id::nearest(name, known.iter().map(|name| (*name, "")));
            let hint =
                if near.is_empty() { format!("known: {}", known.join(", ")) } else { format!("nearest: {}", near.join(", ")) };
            return Err(refusal.hint(hint));
        }
        Ok(Self { source: source.to_owned(), compiled })
    }

    /// What was written.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The names that it uses, with what it reads of each as far as that is fixed: `steps.build.output`.
    #[must_use]
    pub fn names(&self) -> BTreeSet<String> {
        self.compiled.undeclared_variables(true).into_iter().collect()
    }

    /// What it gives for `values`, in these surroundings.
    ///
    /// # Errors
    /// Refuses what cannot be computed, and a result that is no data.
    pub fn compute(
        &self,
        values: &BTreeMap<String, serde_json::Value>,
        around: &Surroundings,
    ) -> Result<serde_json::Value, Refusal> {
        let named = self.compiled.undeclared_variables(false);
        let functions = around.functions().filter(|(name, _)| named.contains(name));
        let known = values.iter().map(|(name, value)| (name.clone(), Value::from(Serde(value))));
        let all: BTreeMap<String, Value> = known.chain(functions).collect();
        let value = self.compiled.eval(Value::from(all)).map_err(|error| refused(&self.source, &error))?;
        let none = |why: String| Refusal::usage(format!("the expression `{}` gives no value: {why}", self.source));
        match value.kind() {
            ValueKind::Undefined => Err(none("there is none of that name".to_owned())),
            _ => serde_json::to_value(&value).map_err(|error| none(error.to_string())),
        }
    }

    /// Whether it holds for `values`.
    ///
    /// # Errors
    /// Refuses what cannot be computed, and a result that is neither true nor false.
    pub fn holds(&self, values: &impl Serialize) -> Result<bool, Refusal> {
        let value = self.compiled.eval(Serde(values)).map_err(|error| refused(&self.source, &error))?;
        match value.kind() {
            ValueKind::Bool => Ok(value.is_true()),
            kind => Err(Refusal::usage(format!("the expression `{}` gives {kind} where true or false is needed", self.source))),
        }
    }
}

fn refused(source: &str, error: &minijinja::Error) -> Refusal {
    let detail = error.detail().map_or_else(String::new, |detail| format!(": {detail}"));
    Refusal::usage(format!("the expression `{source}`: {}{detail}", error.kind()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    const KNOWN: &[&str] = &["cost", "kind", "paths", "unusual"];

    fn holds(source: &str) -> Result<bool, String> {
        let values = json!({"cost": 120.5, "kind": "tests", "paths": ["src/a.rs", "docs/b.md"], "unusual": false});
        Expression::read(source, KNOWN).and_then(|it| it.holds(&values)).map_err(|refusal| refusal.message)
    }

    #[test]
    fn conditions_over_values_hold_or_do_not() {
        for (source, expected) in [
            ("cost > 100", true),
            ("cost > 100 and not unusual", true),
            ("kind in ['code_style', 'tests']", true),
            ("kind == 'Tests'|lower", true),
            ("paths|length > 2", false),
            ("kind is startingwith 'te' and kind is endingwith 'ts'", true),
            ("unusual or cost <= 100", false),
        ] {
            assert_eq!(holds(source), Ok(expected), "{source}");
        }
    }

    #[test]
    fn what_is_not_true_or_false_is_refused_in_words() {
        insta::assert_snapshot!(holds("cots > 1").expect_err("unknown"), @"the expression `cots > 1` names `cots`, which is not known");
        insta::assert_snapshot!(holds("cost >").expect_err("unfinished"), @"the expression `cost >`: syntax error: unexpected end of input, expected expression");
        insta::assert_snapshot!(holds("cost").expect_err("a number"), @"the expression `cost` gives number where true or false is needed");
        insta::assert_snapshot!(holds("kind + 1 > 2").expect_err("no sum"), @"the expression `kind + 1 > 2`: invalid operation: tried to use + operator on unsupported types string and number");
        insta::assert_snapshot!(holds("range(9) == 1").expect_err("no function"), @"the expression `range(9) == 1` names `range`, which is not known");
        insta::assert_snapshot!(holds("kind|upper == 'A'").expect_err("no filter"), @"the expression `kind|upper == 'A'`: unknown filter: filter upper is unknown");
        let long = format!("cost > {}", "1+".repeat(3_000));
        assert!(holds(&long).expect_err("too long").contains("4096 are the most"));
        let longest = format!("cost > {}1", "1+".repeat((MAX_EXPRESSION - 8) / 2));
        assert_eq!(holds(&longest), Ok(false), "as long as one may be, and as deep");
    }

    #[test]
    fn functions_are_called_where_they_are_let() {
        let values = json!({"cost": 120.5, "kind": "tests", "paths": ["src/a.rs", "docs/b.md"], "unusual": false});
        let known = [KNOWN, FUNCTIONS].concat();
        let holds = |source: &str| Expression::read(source, &known).and_then(|it| it.holds(&values)).map_err(|it| it.message);
        for source in [
            "len(paths) == 2",
            "len(kind) == 5",
            "str(len(paths)) == '2'",
            "int('7') + 1 == 8",
            "bool(kind) and not bool('')",
            "contains(kind, 'est') and contains(paths, 'src/a.rs') and not contains(paths, 'src')",
            "startswith(kind, 'te') and endswith(kind, 'ts')",
        ] {
            assert_eq!(holds(source), Ok(true), "{source}");
        }
        insta::assert_snapshot!(holds("int('seven') > 1").expect_err("no number"), @"the expression `int('seven') > 1`: invalid operation: seven is no whole number");
        assert!(Expression::read("len(paths) == 2", KNOWN).is_err(), "only where they are let");
        let read = Expression::read("cost.a.b > 1 and kind['x'] and len(paths)", &known).expect("an expression");
        assert_eq!(read.names().into_iter().collect::<Vec<_>>(), ["cost.a.b", "kind", "len", "paths"]);
    }

    proptest! {
        #[test]
        fn nothing_that_is_written_stops_the_program(source in "[a-z0-9 ()\\[\\]{}'\"|.,<>=+*/%~!:-]{0,64}") {
            holds(&source).ok();
        }
    }
}
