//! Floor 2, what can be done: each verb is one function from a workspace and a request to an outcome.
//!
//! Nothing here prints, asks or decides: words are `cli`'s, decisions are `model`'s. The six rooms are the six headings
//! of `autonomy help`.

pub mod judge;
pub mod session;
pub mod setup;
pub mod table;
pub mod tell;
pub mod time;
pub mod work;
