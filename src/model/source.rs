//! What a file of source code says, as facts: what it imports and offers, what it tests, and what it needs of the world outside.
//!
//! Two versions of one file can be held against each other; see [`difference`]. How a text is read is not known here, and
//! nothing is judged.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub mod difference;
pub mod language;
pub mod lines;

use crate::model::source::{language::Language, lines::Lines};

/// The facts of one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// What it is written in.
    pub language: Language,
    /// How much of it could be read.
    pub reading: Reading,
    /// How many lines it has of which kind.
    pub lines: Lines,
    /// Whether it says that a program made it, or looks so.
    pub is_generated: bool,
    /// What it imports, in the order of the text.
    pub imports: Vec<Import>,
    /// What others can use of it, in the order of the text.
    pub items: Vec<Item>,
    /// Its tests, in the order of the text.
    pub tests: Vec<Test>,
    /// How many assertions it makes, in tests and in what they call.
    pub assertions: usize,
    /// What it needs of the world outside, each once, in the order of the text; tests are left out.
    pub mentions: Vec<Mention>,
    /// What it calls by name, each once, in the order of the text; tests are left out.
    pub calls: Vec<Call>,
}

impl Facts {
    /// The facts of a file of which only the lines are known.
    #[must_use]
    pub fn of_lines(language: Language, text: &[u8], reading: Reading) -> Self {
        Self {
            language,
            reading,
            lines: Lines::count(text, language.comments()),
            is_generated: lines::is_generated(text),
            imports: Vec::new(),
            items: Vec::new(),
            tests: Vec::new(),
            assertions: 0,
            mentions: Vec::new(),
            calls: Vec::new(),
        }
    }
}

/// How much of a file could be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reading {
    /// All of it.
    Whole,
    /// All but parts that are not of the grammar.
    Partly {
        /// The line of the first such part, counted from 1.
        line: usize,
    },
    /// Nothing but its lines.
    LinesOnly(Limit),
}

/// Why nothing but the lines of a file was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// No grammar of its language is kept.
    NoGrammar,
    /// It is larger than what is read.
    TooLarge,
    /// Reading it took too long.
    TooLong,
    /// It is no text.
    Binary,
}

/// One thing that is imported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Import {
    /// Where it comes from, as written; of a path with a list in it, the whole path of one of them.
    pub specifier: String,
    /// What is taken out of it by name.
    pub names: Vec<Imported>,
    /// Counted from 1.
    pub line: usize,
    /// When it takes effect.
    pub when: When,
}

/// A name that is taken out of an import.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Imported {
    /// What it is called where it comes from; `*` for everything, and for the whole of it.
    pub name: String,
    /// What it is called here.
    pub local: String,
}

/// When an import takes effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum When {
    /// When the file is compiled or loaded.
    Loading,
    /// When a function that holds it is called.
    Later,
    /// Never: only types are taken from it.
    Types,
    /// In tests only.
    Testing,
    /// It names a part of the same module that lies in another file.
    Part,
}

/// Something that others can use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// What it is.
    pub kind: ItemKind,
    /// Its name; a part of something is named after it, such as `Map::insert` or `Map.insert`.
    pub name: String,
    /// What it takes and gives, with single spaces and without comments and bodies.
    pub signature: String,
    /// Counted from 1.
    pub line: usize,
}

/// What can be used of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ItemKind {
    /// A function.
    Function,
    /// A function of a type.
    Method,
    /// A type: a structure, a class, an alias.
    Type,
    /// A field of a type, or a variant.
    Field,
    /// A trait, an interface, a protocol.
    Interface,
    /// A constant or a variable.
    Value,
    /// A macro.
    Macro,
    /// A module or a namespace.
    Module,
    /// A type keeps to an interface.
    Implementation,
    /// It comes from elsewhere and is handed on.
    Reexport,
}

/// A test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Test {
    /// Its name, after those of what it lies in.
    pub name: String,
    /// Counted from 1.
    pub line: usize,
    /// How many assertions it makes itself.
    pub assertions: usize,
    /// Whether it is carried out.
    pub skip: Skip,
}

/// Whether a test is carried out.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Skip {
    /// It is.
    No,
    /// It is not where a condition holds, or its failure counts as none; as written.
    Sometimes(String),
    /// It is not; as written.
    Always(String),
}

/// Something of the world outside that is named.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mention {
    /// What it is.
    pub kind: MentionKind,
    /// Its name.
    pub name: String,
    /// Counted from 1.
    pub line: usize,
}

/// What a program needs of the world outside, or offers to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum MentionKind {
    /// A variable of the environment that is read.
    Variable,
    /// An address that is called: scheme and host, nothing that could be secret.
    Address,
    /// A path at which requests are answered.
    Route,
    /// A program that is started.
    Program,
}

/// A function that is called by its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// As written, such as `parse`, `json.loads` or `crate::store::open`.
    pub path: String,
    /// Counted from 1.
    pub line: usize,
}
