//! `checkpoint prune`: lets go of snapshots that the settings do not keep, or of those that are named, after showing which.
//!
//! Which go is `model::retention`'s to decide; files, the index and branches stay as they are.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    host::{
        Result,
        store::{
            retention,
            snapshots::{Held, Which},
        },
        workspace::Workspace,
    },
    model::{
        checkpoint::CheckpointKind,
        id::{Digest, Oid},
        refusal::Refusal,
        retention::{Fate, Hold, Limits, Reason},
        settings::value::Size,
        time::{Lapse, Timestamp},
    },
    ops::time::{
        checkpoint::{find, short},
        journal::{self, Journal},
        rollback::Mode,
        thinning::let_go,
    },
};

/// What is to go.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Request {
    /// Exactly these: names, unique parts of them, or summaries. Without, what the settings do not keep.
    pub checkpoints: Vec<String>,
    /// In place of `checkpoints.keep_safety`.
    pub age: Option<Lapse>,
    /// In place of `checkpoints.keep_automatic`.
    pub count: Option<u32>,
    /// In place of `checkpoints.keep_bytes`.
    pub bytes: Option<Size>,
    /// Whether it is only planned.
    pub mode: Mode,
}

/// The plan, and whether it was carried out.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Outcome {
    /// How much is kept.
    pub limits: Limits,
    /// What goes, the oldest first.
    pub prune: Vec<Going>,
    /// What would go, but something holds on to it.
    pub held: Vec<Staying>,
    /// How many stay besides.
    pub kept: usize,
    /// How many bytes, before compression, nothing but what goes holds: an estimate. Git's own gc frees them.
    pub bytes: u64,
    /// The digest of the plan.
    pub digest: Digest,
    /// Whether it was carried out.
    pub carried_out: bool,
}

/// A snapshot that goes.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Going {
    /// What it is asked for by.
    pub name: String,
    /// The commit, by which it can be had back until git's gc takes it.
    pub commit: Oid,
    /// Why it was taken.
    pub kind: CheckpointKind,
    /// When.
    pub created: Timestamp,
    /// One line about it.
    pub summary: String,
    /// Why it goes.
    pub reason: Reason,
}

/// A snapshot that something holds on to.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Staying {
    /// What it is asked for by.
    pub name: String,
    /// What holds on to it.
    pub hold: Hold,
}

/// Plans which snapshots go, and lets them go when told to.
///
/// # Errors
/// Refuses an unknown checkpoint, naming the nearest, a plan that is not the one agreed to, and carrying it out by anybody but
/// a person.
pub fn prune(workspace: &Workspace, request: &Request) -> Result<Outcome> {
    let Mode::CarryOut { agreed } = &request.mode else {
        let journal = Journal::reading(workspace)?;
        return Ok(plan(workspace, request, journal.at())?.0);
    };
    workspace.actor().must_be_person("`autonomy checkpoint prune`")?;
    let mut journal = Journal::open(workspace)?;
    let lock = journal::lock(workspace)?;
    let (mut outcome, going) = plan(workspace, request, journal.at())?;
    if agreed.as_ref().is_some_and(|agreed| *agreed != outcome.digest) {
        return Err(Refusal::conflict("there are other checkpoints than when the plan was shown")
            .hint("run the command again and look at the new plan")
            .retryable()
            .into());
    }
    if !going.is_empty() {
        let_go(workspace, &lock, journal.log(), &going)?;
        outcome.carried_out = true;
    }
    Ok(outcome)
}

fn plan(workspace: &Workspace, request: &Request, now: Timestamp) -> Result<(Outcome, Vec<Held>)> {
    // Settings that cannot be read are no reason to keep less than they might say.
    let settings = Limits::from(&workspace.settings()?.checkpoints);
    let limits = Limits {
        safety: request.age.unwrap_or(settings.safety),
        automatic: request.count.unwrap_or(settings.automatic),
        bytes: request.bytes.unwrap_or(settings.bytes),
    };
    let named = request.checkpoints.iter().map(|name| Ok(find(workspace, name)?.commit)).collect::<Result<BTreeSet<_>>>()?;
    let decided = retention::consider(workspace, &[Which::Tagged, Which::Automatic], &named, &limits, now)?;
    let all: Vec<Held> = decided.iter().map(|(held, _)| held.clone()).collect();
    let (mut prune, mut held_on, mut going, mut kept) = (Vec::new(), Vec::new(), Vec::new(), 0);
    for (held, fate) in decided {
        match fate {
            Fate::Stays => kept += 1,
            Fate::Held(hold) => held_on.push(Staying { name: short(&held), hold }),
            Fate::Goes(reason) => {
                prune.push(Going {
                    name: short(&held),
                    commit: held.commit.clone(),
                    kind: held.checkpoint.kind,
                    created: held.checkpoint.created,
                    summary: held.checkpoint.summary.clone(),
                    reason,
                });
                going.push(held);
            }
        }
    }
    let commits: Vec<Oid> = prune.iter().map(|going| going.commit.clone()).collect();
    let bytes = retention::weight(workspace, &all, &commits)?;
    let lines: Vec<String> = prune.iter().map(|going| format!("{} {}\n", going.name, going.commit)).collect();
    let digest = Digest::of(lines.concat());
    Ok((Outcome { limits, prune, held: held_on, kept, bytes, digest, carried_out: false }, going))
}
