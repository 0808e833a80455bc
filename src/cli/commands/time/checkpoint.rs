//! `autonomy checkpoint [NAME]`, and `list`, `show`, `diff`, `prune` below it.

use clap::{Args, Subcommand};

use crate::{
    cli::{
        commands::time::prune::Prune,
        context::{Context, Screen},
    },
    host::Result,
    model::{checkpoint::AgentMark, manifest::LeftOut, secret::Leak},
    ops::time::checkpoint::{self, Listed},
};

/// So many paths are named on a screen; the rest is counted.
const NAMED: usize = 20;

#[derive(Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Checkpoint {
    #[command(subcommand)]
    below: Option<Below>,
    /// What its name ends with
    name: Option<String>,
    /// One line about it
    #[arg(short, long = "message", value_name = "TEXT")]
    message: Option<String>,
    /// Take in untracked files that hold secrets, too
    #[arg(long)]
    include_secrets: bool,
}

#[derive(Subcommand)]
#[command(defer = true)]
enum Below {
    /// List checkpoints, newest first
    List(List),
    /// Show what is known of a checkpoint
    Show(Show),
    /// Show which paths differ since a checkpoint
    Diff(Diff),
    /// Let go of snapshots that the settings do not keep
    Prune(Prune),
}

#[derive(Args)]
struct List {
    /// Automatic snapshots too, which have no tag
    #[arg(long)]
    all: bool,
}

#[derive(Args)]
struct Show {
    /// Which one (its name, a unique part of it, or its summary)
    checkpoint: String,
}

#[derive(Args)]
struct Diff {
    /// Which one (its name, a unique part of it, or its summary)
    checkpoint: String,
    /// A later one; `worktree`, or nothing, is the work tree as it is now
    with: Option<String>,
}

impl Checkpoint {
    pub(crate) fn run(self, context: &Context) -> Result<u8> {
        let workspace = context.workspace()?;
        match self.below {
            None => {
                let request =
                    checkpoint::Request { name: self.name, message: self.message, include_secrets: self.include_secrets };
                let outcome = checkpoint::create(&workspace, &request)?;
                context.say(&workspace, &outcome, |screen| {
                    screen.data(outcome.name.to_string());
                    let counts = outcome.counts;
                    screen.talk(format!(
                        "Took checkpoint {} of {} paths: {} changed, {} untracked",
                        outcome.name, counts.paths, counts.changed, counts.untracked
                    ));
                    left_out(screen, &outcome.left_out);
                    secrets(screen, &outcome.secrets);
                    screen.talk(format!("Next: `autonomy rollback {}` shows the way back", outcome.name));
                })
            }
            Some(Below::List(arguments)) => {
                let outcome = checkpoint::list(&workspace, &checkpoint::ListRequest { all: arguments.all })?;
                context.say(&workspace, &outcome, |screen| {
                    for listed in &outcome.checkpoints {
                        screen.data(line(listed));
                    }
                    screen.talk(if outcome.checkpoints.is_empty() {
                        "There is no checkpoint: `autonomy checkpoint` takes one"
                    } else {
                        "Next: `autonomy checkpoint diff <NAME>`, or `autonomy rollback <NAME>`"
                    });
                })
            }
            Some(Below::Show(arguments)) => {
                let outcome = checkpoint::show(&workspace, &checkpoint::ShowRequest { checkpoint: arguments.checkpoint })?;
                context.say(&workspace, &outcome, |screen| show(screen, &outcome))
            }
            Some(Below::Prune(arguments)) => arguments.run(context, &workspace),
            Some(Below::Diff(arguments)) => {
                let request = checkpoint::DiffRequest { checkpoint: arguments.checkpoint, with: arguments.with };
                let outcome = checkpoint::diff(&workspace, &request)?;
                context.say(&workspace, &outcome, |screen| {
                    for change in &outcome.changes {
                        screen.data(format!("{} {}", change.kind.letter(), change.path));
                    }
                    let to = outcome.to.as_deref().unwrap_or("now");
                    screen.talk(format!("{} paths differ between {} and {to}", outcome.changes.len(), outcome.from));
                })
            }
        }
    }
}

fn line(listed: &Listed) -> String {
    let it = &listed.checkpoint;
    let place = it.worktree.as_ref().map(|name| format!(" in {name}")).unwrap_or_default();
    format!("{}  {}  {:<10} {}{place}", listed.name, it.created.minute(), it.kind.word(), it.summary)
}

fn left_out(screen: &mut Screen, left_out: &[LeftOut]) {
    for left in left_out.iter().take(NAMED) {
        screen.talk(format!("Left out {}: {}", left.path, left.why));
    }
    if left_out.len() > NAMED {
        screen.talk(format!("Left out {} more; `--json` names all", left_out.len() - NAMED));
    }
}

fn secrets(screen: &mut Screen, secrets: &[Leak]) {
    for leak in secrets.iter().take(NAMED) {
        screen.talk(format!("Holds what looks like a secret: {leak}"));
    }
    if secrets.len() > NAMED {
        screen.talk(format!("Holds {} more; `--json` names all", secrets.len() - NAMED));
    }
}

fn show(screen: &mut Screen, shown: &checkpoint::Shown) {
    let it = &shown.checkpoint;
    let mut row = |name: &str, value: Option<String>| {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            screen.data(format!("{name:<10} {value}"));
        }
    };
    row("checkpoint", Some(shown.name.clone()));
    row("summary", Some(it.summary.clone()));
    row("kind", Some(it.kind.word().to_owned()));
    row("created", Some(it.created.to_string()));
    row("work tree", it.worktree.clone());
    row("session", it.session.as_ref().map(ToString::to_string));
    row("task", it.task.as_ref().map(ToString::to_string));
    row("branch", it.branch.clone());
    row("head", it.head.as_ref().map(|head| head.short().to_owned()));
    row("commit", Some(shown.commit.to_string()));
    row("milestone", it.standing.milestone.clone());
    let left = it.standing.left.filter(|_| !it.standing.open.is_empty());
    let left = left.map(|left| format!(", about {} to go", left.to_the_minute())).unwrap_or_default();
    row("progress", it.standing.percent.map(|percent| format!("{percent}%{left}")));
    let list = |ids: Vec<String>| Some(ids.join(", "));
    row("done", list(it.standing.done.iter().map(ToString::to_string).collect()));
    row("open", list(it.standing.open.iter().map(ToString::to_string).collect()));
    let gates = it.standing.gates.iter().map(|mark| format!("{} {}", mark.gate, mark.state.word()));
    row("gates", list(gates.collect()));
    row("decisions", list(it.standing.decisions.iter().map(ToString::to_string).collect()));
    let agents: Vec<String> = it.standing.agents.iter().map(AgentMark::words).collect();
    row("agents", Some(agents.join("; ")));
    let counts = it.counts;
    row("artifacts", list(shown.changed.iter().map(|change| format!("{} {}", change.kind.letter(), change.path)).collect()));
    row("holds", Some(format!("{} paths, {} of them otherwise than HEAD", counts.paths, shown.changed_from_head)));
    row(
        "ignored",
        (counts.ignored > 0).then(|| format!("{} lines of paths that git ignores, which it does not hold", counts.ignored)),
    );
    left_out(screen, &shown.left_out);
    for repository in shown.repositories.iter().take(NAMED) {
        screen.talk(format!("Holds the commit that {repository} was at, not what that repository holds"));
    }
    secrets(screen, &shown.secrets);
    screen.talk(format!("Next: `autonomy checkpoint diff {0}`, or `autonomy rollback {0}`", shown.name));
}
