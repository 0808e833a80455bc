//! `autonomy` lets coding agents work on a repository for hours and lets people trust the result.
//!
//! Floors, lowest first; an import names a lower floor, or its own without a cycle:
//!
//! - [`model`]: what things are; pure values and decisions.
//! - [`host`]: what we touch; git, the store, processes, the clock.
//! - [`ops`]: what can be done; each verb one function that returns data.
//! - [`run`]: what keeps going; agents at work.
//! - [`hook`]: who else asks; the hooks of an agent client.
//! - [`cli`]: who asks first; the command line.

pub mod model;

pub mod host;

pub mod ops;

pub mod run;

pub mod hook;

pub mod cli;
