//! How sessions are put into words: the same for every command that ends in where one stands.

use crate::{
    cli::context::Screen,
    model::{
        progress::Headway,
        session::{Status, Stop},
    },
    ops::session::{commit, standing::Standing},
};

/// How far the tasks are.
pub(super) fn headway(headway: &Headway) -> String {
    let left = match headway.left {
        Some(left) if !headway.is_over() => format!(", about {} to go", left.to_the_minute()),
        Some(_) | None => String::new(),
    };
    let milestones = headway.milestone_words();
    format!("{} of {} tasks done{milestones}, {}%{left}", headway.done, headway.tasks, headway.percent)
}

/// Where a session stands.
pub(super) fn standing(screen: &mut Screen, it: &Standing) {
    let title = it.title.as_ref().map(|title| format!("  {title}")).unwrap_or_default();
    screen.data(format!("{}{title}", it.session));
    let reason = it.reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
    screen.data(format!("status     {}{reason}", it.status));
    if let Some(goal) = &it.goal {
        screen.data(format!("goal       {goal}"));
    }
    for constraint in &it.constraints {
        screen.data(format!("constraint {constraint}"));
    }
    let stop = match it.stop {
        Stop::No => format!(", {} left", it.left.to_the_minute()),
        Stop::Soft => format!(", {} left: finish what is begun", it.left.to_the_minute()),
        Stop::Hard => ": the time is up".to_owned(),
    };
    screen.data(format!("time       {} of {}{stop}", it.elapsed.to_the_minute(), it.max));
    if let Some(known) = &it.headway {
        screen.data(format!("tasks      {}", headway(known)));
    }
    if let Some(focus) = &it.focus {
        screen.data(format!("focus      {focus}"));
    }
    if it.questions > 0 {
        screen.data(format!("questions  {} for a person", it.questions));
    }
    screen.data(format!("folder     {}", it.folder));
    let next = match (it.status, it.stop) {
        (Status::Paused, _) => "Next: `autonomy session resume`",
        (_, Stop::Hard) => "Next: `autonomy session end`",
        (_, Stop::No | Stop::Soft) if it.questions > 0 => "Next: `autonomy inbox`",
        (_, Stop::No | Stop::Soft) if it.headway.is_none() => "Next: `autonomy task add \"<title>\"`",
        (_, Stop::No | Stop::Soft) => "Next: `autonomy next`",
    };
    screen.talk(next);
}

/// What became of a commit of the session's state.
pub(super) fn committed(screen: &mut Screen, outcome: &commit::Outcome) {
    match outcome {
        commit::Outcome::Committed { commit, branch } => {
            screen.talk(format!("Committed its state on {branch} as {}", commit.short()));
        }
        commit::Outcome::Waits { why } => screen.talk(format!("Its state is kept beside git and not committed: {why}")),
        commit::Outcome::Nothing {} => {}
    }
}
