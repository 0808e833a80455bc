//! What is about to be done to something that is not ours alone, told before it is done.
//!
//! After a crash the question is always the same: is *after* there (done), is *before* there (do it or drop it), or
//! neither (a conflict). Whoever asks it is on a higher floor.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::{
    change::{Side, TreePath},
    id::{Digest, Oid},
};

/// One planned change with what was there before and what is to be there after.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "act", rename_all = "snake_case")]
pub enum Intent {
    /// A commit on the user's branch.
    Commit {
        /// The full name of the branch.
        branch: String,
        /// The commit before; none on an unborn branch.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        parent: Option<Oid>,
        /// The tree that is to be committed.
        tree: Oid,
        /// The digest of the message.
        message: Digest,
        /// The commit itself, already written.
        commit: Oid,
        /// The records among its paths with the digest of their committed bytes.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        records: BTreeMap<String, Digest>,
        /// Staged content that the commit's content takes the place of, by path; none = staged as deleted.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        replaces: BTreeMap<TreePath, Option<Side>>,
    },
    /// A new branch at HEAD that becomes the current one.
    Branch {
        /// The full name of the branch.
        name: String,
        /// The full name of the branch that was current; none when detached.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        from: Option<String>,
        /// The commit that both point at.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        at: Option<Oid>,
    },
    /// A rollback of the work tree.
    Rollback {
        /// The side commit of the checkpoint gone back to.
        to: Oid,
        /// The side commit of the safety snapshot, taken just before.
        safety: Oid,
        /// The digest of the plan, which the safety snapshot carries.
        plan: Digest,
    },
}

/// What became of an intent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "came", rename_all = "snake_case")]
pub enum Settlement {
    /// *After* is there.
    Done {
        /// The commit that it made, when it made one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        commit: Option<Oid>,
    },
    /// Nothing was done, and nothing will be.
    Dropped {
        /// Why.
        why: String,
    },
    /// Neither before nor after: somebody else was there.
    Conflict {
        /// What was found.
        why: String,
    },
}
