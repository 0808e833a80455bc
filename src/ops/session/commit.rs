//! `commit`: put the state of the session on the branch, where that may be. No code is committed here.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    host::{
        Result,
        store::publish::{self, Publication, Published},
        transaction::Transaction,
        workspace::Workspace,
    },
    model::id::Oid,
};

/// What to say in the commit.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Request {
    /// The first line of the message.
    pub message: Option<String>,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "came", rename_all = "snake_case")]
pub enum Outcome {
    /// A commit was made.
    Committed {
        /// Which.
        commit: Oid,
        /// Its branch.
        branch: String,
    },
    /// The branch takes no commit of ours now; the state is safe in the log and under a ref.
    Waits {
        /// Why.
        why: String,
    },
    /// Everything is committed already.
    Nothing {},
}

impl From<Published> for Outcome {
    fn from(published: Published) -> Self {
        match published {
            Published::Committed { commit, branch, .. } => Self::Committed { commit, branch },
            Published::Waits { why } => Self::Waits { why },
            Published::Nothing => Self::Nothing {},
        }
    }
}

/// Commits the state of the session, or of work without one.
///
/// # Errors
/// Fails when git or a file cannot be written.
pub fn commit(workspace: &Workspace, request: &Request) -> Result<Outcome> {
    let mut transaction = Transaction::open(workspace)?;
    let subject = request.message.clone().unwrap_or_else(|| "autonomy: state".to_owned());
    publish::publish(&mut transaction, &Publication { subject, ..Publication::default() }).map(Outcome::from)
}
