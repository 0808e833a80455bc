//! Who may take a decision: a table of what is decided by whom, rules that demand more, and what an agent may do at most.
//!
//! A ruling is the most that any of them demands. It names every step that led to it with file and line. A rule that cannot
//! be computed demands a person. Nothing is enforced here.

pub mod case;
mod limits;
pub mod policy;
pub mod ruling;

#[cfg(test)]
mod tests;
