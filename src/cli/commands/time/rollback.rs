//! `autonomy rollback`: shows the plan, asks where somebody can answer, and carries it out.

use std::collections::BTreeSet;

use clap::Args;

use crate::{
    cli::context::{Context, Screen},
    host::Result,
    model::{change::TreePath, quote::counted, refusal::Refusal, rollback::Action},
    ops::time::rollback::{self, Mode, Outcome, Request, To},
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
    /// Take the last rollback of this work tree back
    #[arg(long, conflicts_with_all = ["checkpoint", "last"])]
    undo: bool,
    /// Only these paths, seen from the top of the work tree
    #[arg(long, value_name = "PATH", num_args = 1.., value_parser = path)]
    paths: Vec<TreePath>,
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
        let to = match (self.checkpoint, self.last, self.undo) {
            (Some(name), _, _) => To::Checkpoint { name },
            (None, true, _) => To::Last,
            (None, false, true) => To::Undo,
            (None, false, false) => {
                return Err(Refusal::usage("nothing says where to go back to")
                    .hint("`autonomy rollback --last`, or `autonomy checkpoint list`")
                    .into());
            }
        };
        let request = Request { to, paths: self.paths.into_iter().collect::<BTreeSet<_>>(), mode: Mode::Plan };
        if self.yes {
            let done = rollback::rollback(&workspace, &Request { mode: Mode::CarryOut { agreed: None }, ..request })?;
            return context.say(&workspace, &done, |screen| past(screen, &done));
        }
        let planned = rollback::rollback(&workspace, &request)?;
        if self.dry_run || planned.is_nothing() {
            return context.say(&workspace, &planned, |screen| plan(screen, &planned));
        }
        let words = ("Carry this out?", "Next: the same command with `--yes` carries this out");
        if let Some(code) = context.agree(&workspace, &planned, |screen| plan(screen, &planned), words)? {
            return Ok(code);
        }
        let agreed = Some(planned.digest);
        let done = rollback::rollback(&workspace, &Request { mode: Mode::CarryOut { agreed }, ..request })?;
        context.say(&workspace, &done, |screen| past(screen, &done))
    }
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
    let to = format!("{} ({}: {})", it.checkpoint, it.created.minute(), it.summary);
    if it.is_nothing() {
        screen.talk(format!("Nothing to do: the work tree is as it was at {to}"));
        return;
    }
    screen.talk(format!("Back to {to}: {} to restore, {} to delete{}", it.restore, it.delete, rest(it)));
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
    screen.talk(format!("Went back to {}: {}{}", it.checkpoint, counted(done.done, "path"), rest(it)));
    for task in &done.reopened {
        screen.talk(format!("Task {task} is open again: the work that proved it is undone"));
    }
    for task in &done.closed {
        screen.talk(format!("Task {task} is done again"));
    }
    screen.talk("Next: `autonomy rollback --undo` takes it back");
}
