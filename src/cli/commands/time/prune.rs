//! `autonomy checkpoint prune`: shows what would go, asks where somebody can answer, and lets it go.

use clap::Args;

use crate::{
    cli::context::{Context, Screen},
    host::{Result, workspace::Workspace},
    model::{quote::counted, settings::value::Size, time::Lapse},
    ops::time::{
        prune::{self, Outcome, Request},
        rollback::Mode,
    },
};

/// So many are named on a screen; the rest is counted.
const NAMED: usize = 50;

#[derive(Args)]
pub(crate) struct Prune {
    /// Exactly these (names, unique parts of them, or summaries)
    checkpoints: Vec<String>,
    /// Keep snapshots from before a rollback for so long (default: `checkpoints.keep_safety`)
    #[arg(long, value_name = "SPAN", conflicts_with = "checkpoints")]
    age: Option<Lapse>,
    /// Keep so many of the other automatic ones (default: `checkpoints.keep_automatic`)
    #[arg(long, value_name = "NUMBER", conflicts_with = "checkpoints")]
    count: Option<u32>,
    /// Keep so much that only automatic ones hold (default: `checkpoints.keep_bytes`)
    #[arg(long, value_name = "SIZE", conflicts_with = "checkpoints")]
    bytes: Option<Size>,
    /// Only show the plan
    #[arg(long)]
    dry_run: bool,
    /// Carry the plan out without asking
    #[arg(long, conflicts_with = "dry_run")]
    yes: bool,
}

impl Prune {
    pub(crate) fn run(self, context: &Context, workspace: &Workspace) -> Result<u8> {
        let Self { checkpoints, age, count, bytes, dry_run, yes } = self;
        let request = Request { checkpoints, age, count, bytes, mode: Mode::Plan };
        let mut agreed = None;
        if !yes {
            let planned = prune::prune(workspace, &request)?;
            if dry_run || planned.prune.is_empty() {
                return context.say(workspace, &planned, |screen| plan(screen, &planned));
            }
            let words = ("Let these go?", "Next: the same command with `--yes` lets them go");
            if let Some(code) = context.agree(workspace, &planned, |screen| plan(screen, &planned), words)? {
                return Ok(code);
            }
            agreed = Some(planned.digest);
        }
        let done = prune::prune(workspace, &Request { mode: Mode::CarryOut { agreed }, ..request })?;
        context.say(workspace, &done, |screen| past(screen, &done))
    }
}

fn plan(screen: &mut Screen, it: &Outcome) {
    for going in it.prune.iter().take(NAMED) {
        let (created, kind, reason) = (going.created.minute(), going.kind.word(), going.reason.words(&it.limits));
        screen.data(format!("{}  {created}  {kind:<10} {}  ({reason})", going.name, going.summary));
    }
    if it.prune.len() > NAMED {
        screen.data(format!("and {} more; `--json` names all", it.prune.len() - NAMED));
    }
    held(screen, it);
    if it.prune.is_empty() {
        screen.talk(format!("Nothing to let go: {} kept", counted(it.kept, "checkpoint")));
    } else {
        screen.talk(format!("{} of {} would go{}", it.prune.len(), it.prune.len() + it.held.len() + it.kept, weight(it.bytes)));
    }
}

fn past(screen: &mut Screen, it: &Outcome) {
    held(screen, it);
    if !it.carried_out {
        screen.talk(format!("Nothing to let go: {} kept", counted(it.kept, "checkpoint")));
        return;
    }
    screen.talk(format!("Let go of {}{}", counted(it.prune.len(), "checkpoint"), weight(it.bytes)));
    screen.talk("The objects stay until git's own gc takes them; until then `git tag NAME COMMIT` with what `--json` names brings one back");
}

fn held(screen: &mut Screen, it: &Outcome) {
    for held in it.held.iter().take(NAMED) {
        screen.talk(format!("Stays: {} ({})", held.name, held.hold.words()));
    }
    if it.held.len() > NAMED {
        screen.talk(format!("Stays: {} more; `--json` names all", it.held.len() - NAMED));
    }
}

/// What nothing else holds, in words; it is an estimate.
fn weight(bytes: u64) -> String {
    let (unit, name) = [(1_000_000_000, "GB"), (1_000_000, "MB"), (1_000, "kB")]
        .into_iter()
        .find(|(unit, _)| bytes >= *unit)
        .unwrap_or((1, "B"));
    format!(", which alone hold about {} {name} before compression", bytes / unit)
}
