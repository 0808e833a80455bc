//! `autonomy rollback`: shows the plan, asks where somebody can answer, and carries it out.

use std::collections::BTreeSet;

use clap::Args;

use crate::{
    cli::context::{Context, Screen},
    host::Result,
    model::{
        change::TreePath,
        quote::counted,
        refusal::{Code, Refusal},
        rollback::{
            Action, BranchMove,
            settle::{Overlaps, Settling},
        },
    },
    ops::time::rollback::{self, Mode, Outcome, Request, Standpoint, Step, To, Version},
};

/// So many paths are named on a screen; the rest is counted.
const NAMED: usize = 50;

#[derive(Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub(crate) struct Rollback {
    /// Where to go back to (a checkpoint's name, a unique part of it, or its summary)
    checkpoint: Option<String>,
    /// Go back to the last checkpoint of this work tree
    #[arg(long, conflicts_with = "checkpoint")]
    last: bool,
    /// Undo the last rollback of this work tree; again: the one before it
    #[arg(long, conflicts_with_all = ["checkpoint", "last"])]
    undo: bool,
    /// Take the last such undoing back
    #[arg(long, conflicts_with_all = ["checkpoint", "last", "undo"])]
    redo: bool,
    /// Only these paths, seen from the top of the work tree
    #[arg(long, value_name = "PATH", num_args = 1.., value_parser = path)]
    paths: Vec<TreePath>,
    /// Move the branch back as well, to the commit that HEAD was at
    #[arg(long, conflicts_with_all = ["undo", "redo", "paths"])]
    branch: bool,
    /// Make one commit that takes back what was committed since; the branch is not rewritten
    #[arg(long, conflicts_with_all = ["undo", "redo", "branch"])]
    commit: bool,
    /// Of paths that somebody else wrote since, keep what stands now
    #[arg(long, help_heading = "Conflicts", conflicts_with_all = ["theirs", "merge"])]
    ours: bool,
    /// Of paths that somebody else wrote since, take what the checkpoint has
    #[arg(long, help_heading = "Conflicts", conflicts_with = "merge")]
    theirs: bool,
    /// Of paths that somebody else wrote since, merge both line by line
    #[arg(long, help_heading = "Conflicts")]
    merge: bool,
    /// Where both changed the same lines, write both between conflict markers
    #[arg(long, help_heading = "Conflicts", requires = "merge")]
    markers: bool,
    /// Only show the plan
    #[arg(long)]
    dry_run: bool,
    /// Carry the plan out without asking
    #[arg(long, conflicts_with = "dry_run")]
    yes: bool,
}

fn path(text: &str) -> Result<TreePath, Refusal> {
    text.strip_prefix("./").unwrap_or(text).trim_end_matches('/').parse()
}

impl Rollback {
    pub(crate) fn run(self, context: &Context) -> Result<u8> {
        let workspace = context.workspace()?;
        let settling = match (self.ours, self.theirs, self.merge) {
            (true, ..) => Settling::Ours,
            (_, true, _) => Settling::Theirs,
            (.., true) => Settling::Merge { overlaps: if self.markers { Overlaps::Mark } else { Overlaps::Stay } },
            (false, false, false) => Settling::Leave,
        };
        let to = match (self.checkpoint, self.last, self.undo, self.redo) {
            (Some(name), ..) => To::Checkpoint { name },
            (None, true, ..) => To::Last,
            (None, _, true, _) => To::Undo,
            (None, .., true) => To::Redo,
            (None, false, false, false) => {
                return Err(Refusal::usage("nothing says where to go back to")
                    .hint("`autonomy rollback --last`, or `autonomy checkpoint list`")
                    .into());
            }
        };
        let head = match (self.branch, self.commit) {
            (true, _) => Standpoint::GoesBack,
            (false, true) => Standpoint::Reverts,
            (false, false) => Standpoint::Stays,
        };
        let paths = self.paths.into_iter().collect::<BTreeSet<_>>();
        let request = Request { to, paths, settling, head, mode: Mode::Plan };
        if self.yes {
            let done = rollback::rollback(&workspace, &Request { mode: Mode::CarryOut { agreed: None }, ..request })?;
            context.say(&workspace, &done, |screen| past(screen, &done))?;
            return Ok(code(&done));
        }
        let planned = rollback::rollback(&workspace, &request)?;
        if self.dry_run || planned.is_nothing() {
            return context.say(&workspace, &planned, |screen| plan(screen, &planned));
        }
        if let Some(operation) = &planned.plan.operation {
            context.say(&workspace, &planned, |screen| {
                plan(screen, &planned);
                screen.talk(format!("Next: finish `{operation}` first, or the same command with `--yes` goes back all the same"));
            })?;
            return Ok(Code::NeedsPerson.exit());
        }
        let words = ("Carry this out?", "Next: the same command with `--yes` carries this out");
        if let Some(code) = context.agree(&workspace, &planned, |screen| plan(screen, &planned), words)? {
            return Ok(code);
        }
        let agreed = Some(planned.digest);
        let done = rollback::rollback(&workspace, &Request { mode: Mode::CarryOut { agreed }, ..request })?;
        context.say(&workspace, &done, |screen| past(screen, &done))?;
        Ok(code(&done))
    }
}

/// What somebody else wrote and what therefore stayed is an answer of its own.
fn code(done: &Outcome) -> u8 {
    let held_back = done.carried_out.as_ref().is_some_and(|done| !done.held_back.is_empty());
    if done.conflict > 0 || held_back { Code::Conflict.exit() } else { 0 }
}

fn plan(screen: &mut Screen, it: &Outcome) {
    let word = |action: Action| match action {
        Action::Restore => "restore",
        Action::Delete => "delete",
        Action::Keep => "keep",
        Action::Conflict => "conflict",
    };
    for entry in it.plan.entries.iter().take(NAMED) {
        screen.data(format!("{:<8} {}  ({})", word(entry.action), entry.path, entry.why.words()));
    }
    if it.plan.entries.len() > NAMED {
        screen.data(format!("and {} more; `--json` names all", it.plan.entries.len() - NAMED));
    }
    uncovered(screen, it);
    versions(screen, it);
    let to = format!("{} ({}: {})", it.checkpoint, it.created.minute(), it.summary);
    if it.is_nothing() && it.keep + it.conflict > 0 {
        screen.talk(format!("Nothing to do: what is not as it was at {to} stays{}", rest(it)));
    } else if it.is_nothing() {
        screen.talk(format!("Nothing to do: the work tree is as it was at {to}"));
    }
    settles(screen, it);
    if it.is_nothing() {
        return;
    }
    if let Some(operation) = &it.plan.operation {
        screen.talk(format!("`{operation}` is in the middle of its work and stays so"));
    }
    if let Some(branch) = &it.plan.branch {
        screen.talk(format!(
            "{} goes from {} to {}; `{}` keeps it",
            short(branch),
            branch.from.short(),
            branch.to.short(),
            branch.rescue()
        ));
    }
    if let Some(revert) = it.plan.revert.as_ref().filter(|_| it.revert > 0) {
        let (count, branch) = (counted(it.revert, "path"), revert.branch.trim_start_matches("refs/heads/"));
        screen.talk(format!("One commit on {branch} makes {count} as in {}", revert.to.short()));
    }
    screen.talk(format!("Back to {to}: {} to restore, {} to delete{}", it.restore, it.delete, rest(it)));
}

fn short(branch: &BranchMove) -> String {
    format!("Branch {}", branch.name.trim_start_matches("refs/heads/"))
}

/// What a plan leaves alone, and what it does to the index.
fn rest(it: &Outcome) -> String {
    let part = |number: usize, words: &str| if number == 0 { String::new() } else { format!(", {number} {words}") };
    [part(it.keep, "kept"), part(it.conflict, "written by somebody else and kept"), part(it.staged, "in the index")].concat()
}

fn past(screen: &mut Screen, it: &Outcome) {
    let Some(done) = &it.carried_out else {
        plan(screen, it);
        return;
    };
    for held in &done.held_back {
        screen.talk(format!("Kept {}: {}", held.path, held.why));
    }
    for entry in it.plan.entries.iter().filter(|entry| matches!(entry.action, Action::Keep | Action::Conflict)).take(NAMED) {
        screen.talk(format!("Kept {}: {}", entry.path, entry.why.words()));
    }
    versions(screen, it);
    let what = match it.step {
        Step::Back => format!("Went back to {}", it.checkpoint),
        Step::Undo => format!("Undid a rollback: as it was {}", it.summary),
        Step::Redo => format!("Took an undoing back: as it was {}", it.summary),
    };
    screen.talk(format!("{what}: {}{}", counted(done.done, "path"), rest(it)));
    if let Some(branch) = &it.plan.branch {
        screen.talk(format!(
            "{} is at {}; `{}` keeps {}",
            short(branch),
            branch.to.short(),
            branch.rescue(),
            branch.from.short()
        ));
    }
    if let Some(commit) = &done.commit {
        screen.talk(format!("Committed {}: {}", commit.short(), counted(it.revert, "path")));
    }
    for task in &done.reopened {
        screen.talk(format!("Task {task} is open again: the work that proved it is undone"));
    }
    for task in &done.closed {
        screen.talk(format!("Task {task} is done again"));
    }
    settles(screen, it);
    screen.talk(match (it.step, done.can_redo, done.can_undo) {
        (Step::Undo, true, true) => "Next: `autonomy rollback --redo` takes that back, `--undo` goes further back",
        (Step::Undo, true, false) => "Next: `autonomy rollback --redo` takes that back",
        _ => "Next: `autonomy rollback --undo` takes it back",
    });
}

/// What no snapshot covers, so that no rollback touches it.
fn uncovered(screen: &mut Screen, it: &Outcome) {
    for left in it.uncovered.iter().take(NAMED) {
        screen.talk(format!("Not covered, and stays: {} ({})", left.path, left.why));
    }
    if it.uncovered.len() > NAMED {
        screen.talk(format!("Not covered, and stays: {} more; `--json` names all", it.uncovered.len() - NAMED));
    }
    if it.ignored > 0 {
        screen.talk(format!("Not covered, and stays: {} that git ignores", counted(it.ignored, "path")));
    }
}

fn settles(screen: &mut Screen, it: &Outcome) {
    if it.conflict > 0 {
        screen.talk("The same command with `--ours`, `--theirs` or `--merge` settles what somebody else wrote");
    }
}

/// The versions of what somebody else wrote, as commands that show them.
fn versions(screen: &mut Screen, it: &Outcome) {
    for conflict in it.conflicts.iter().take(NAMED) {
        let named = |version: &Option<Version>, gone: &str| match version {
            None => "nothing".to_owned(),
            Some(Version { shown: Some(command), .. }) => format!("`{command}`"),
            Some(Version { shown: None, .. }) => gone.to_owned(),
        };
        screen.talk(format!(
            "Versions of {}: checkpoint {}, left {}, now {}",
            conflict.path,
            named(&conflict.checkpoint, "gone"),
            named(&conflict.left, "gone"),
            named(&conflict.now, "the file itself"),
        ));
    }
}
