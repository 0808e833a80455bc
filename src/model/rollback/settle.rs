//! Conflicts of a rollback: which paths somebody else wrote, and what becomes of them when a person says so.
//!
//! Three versions stand against each other: the checkpoint's, what was left by whoever wrote before, and what stands now.
//! Without a person's word a conflict stays as it is.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::{
    change::{Mode, Side, TreePath},
    id::{Oid, SessionId},
    merge::{self, Labels, Merged},
    quote::counted,
};

/// What a person decides about all conflicts of a plan.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum Settling {
    /// They stay as they are.
    #[default]
    Leave,
    /// What stands now stays, and is no conflict any more.
    Ours,
    /// They go back to the checkpoint.
    Theirs,
    /// What was changed since is merged with what the checkpoint has, line by line.
    Merge {
        /// What becomes of lines that both changed.
        #[serde(default)]
        overlaps: Overlaps,
    },
}

/// What becomes of lines that both sides of a merge changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Overlaps {
    /// The path stays a conflict.
    #[default]
    Stay,
    /// All versions are written between conflict markers.
    Mark,
}

/// What somebody left at a path.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Left {
    /// The file or link; none when they left nothing there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub side: Option<Side>,
}

/// A path that another live session wrote last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Other {
    /// That session.
    pub session: SessionId,
    /// What stood there before it wrote.
    pub before: Option<Side>,
    /// What it left.
    pub after: Option<Side>,
}

/// Why two versions cannot be made one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum NotMerged {
    /// Both changed the same lines.
    Overlaps {
        /// How many times.
        count: usize,
    },
    /// A version is not text.
    Binary,
    /// A version is too large to compare.
    TooLarge,
    /// One side has no file there, or the two are not both files.
    Kinds,
    /// The content of a version is not there any more.
    Gone,
}

impl NotMerged {
    /// The reason in words for people.
    #[must_use]
    pub fn words(self) -> String {
        match self {
            Self::Overlaps { count } => format!("both changed the same lines ({})", counted(count, "overlap")),
            Self::Binary => "it is a binary file".into(),
            Self::TooLarge => format!("it is larger than {} MB", merge::MAX_BYTES / 1024 / 1024),
            Self::Kinds => "one of them is no file".into(),
            Self::Gone => "what both began from is not there any more".into(),
        }
    }
}

/// How conflicts are settled, and what that takes.
pub struct Settlement<'a> {
    /// What a person said.
    pub settling: Settling,
    /// What sessions of this work tree left last at each path; only asked when something is to be settled.
    pub known: &'a BTreeMap<TreePath, Option<Side>>,
    /// Reads one of the versions of a path; none where it is not there any more.
    pub read: &'a dyn Fn(&TreePath, &Side) -> Option<Vec<u8>>,
    /// Keeps a merged text until the plan is carried out, and says its id.
    pub keep: &'a dyn Fn(Vec<u8>) -> Option<Oid>,
}

/// What a merge comes to.
pub enum Outcome {
    /// The path goes back as if there were no conflict.
    AsThen,
    /// It is right as it is.
    AsNow,
    /// It gets this, with so many overlaps between conflict markers.
    Both(Side, usize),
}

/// The versions of a path that are merged.
#[derive(Clone, Copy)]
pub struct Versions<'a> {
    /// What both sides began from.
    pub base: Option<&'a Side>,
    /// What stands now.
    pub now: Option<&'a Side>,
    /// What the checkpoint has.
    pub then: Option<&'a Side>,
}

impl Settlement<'_> {
    /// Merges the versions of a path.
    ///
    /// # Errors
    /// Says why they cannot be made one.
    pub fn merged(&self, path: &TreePath, versions: Versions<'_>, wanted: Overlaps) -> Result<Outcome, NotMerged> {
        let Versions { base, now, then } = versions;
        if base == now {
            return Ok(Outcome::AsThen);
        }
        if base == then {
            return Ok(Outcome::AsNow);
        }
        let (Some(base), Some(now), Some(then)) = (base, now, then) else { return Err(NotMerged::Kinds) };
        if [base, now, then].iter().any(|side| !side.mode.same_type(Mode::File)) {
            return Err(NotMerged::Kinds);
        }
        let mode = if now.mode == base.mode { then.mode } else { now.mode };
        let read = |side: &Side| {
            let bytes = (self.read)(path, side).ok_or(NotMerged::Gone)?;
            if bytes.len() > merge::MAX_BYTES {
                Err(NotMerged::TooLarge)
            } else if merge::is_binary(&bytes) {
                Err(NotMerged::Binary)
            } else {
                Ok(bytes)
            }
        };
        let labels = Labels { ours: "as it is now", base: "as it was left", theirs: "as the checkpoint has it" };
        let Merged { text, overlaps } = merge::merge(&read(base)?, &read(now)?, &read(then)?, labels);
        if overlaps > 0 && wanted == Overlaps::Stay {
            return Err(NotMerged::Overlaps { count: overlaps });
        }
        let side = Side { mode, oid: (self.keep)(text).ok_or(NotMerged::Gone)? };
        Ok(match () {
            () if side == *now => Outcome::AsNow,
            () if side == *then => Outcome::AsThen,
            () => Outcome::Both(side, overlaps),
        })
    }
}
