//! Reads source: text in, facts out. The only place that names grammars; it takes bytes or text, never a path, and judges nothing.

pub mod code;
pub mod shell;
