//! `autonomy status`.

use crate::{
    cli::context::{Context, Screen},
    host::Result,
    model::{
        event::Verdict,
        holdings::Counts,
        quote::counted,
        report::{GateReport, Standing},
    },
    ops::tell::status::{self, Outcome, SessionLine},
};

pub(crate) fn run(context: &Context) -> Result<u8> {
    let workspace = context.workspace()?;
    let outcome = status::status(&workspace, &status::Request {})?;
    context.say(&workspace, &outcome, |screen| {
        session(screen, &outcome);
        tasks(screen, &outcome);
        proof(screen, &outcome);
        needs(screen, &outcome);
    })
}

/// A line with its label; lines that go on have none.
fn row(screen: &mut Screen, label: &str, text: &str) {
    screen.data(format!("{label:<10} {text}").trim_end());
}

fn session(screen: &mut Screen, outcome: &Outcome) {
    match &outcome.session {
        Some(own) => {
            row(screen, "session", &named(own));
            row(
                screen,
                "",
                &format!("{}, {} of {} used, last event {}Z", own.status, own.worked.to_the_minute(), own.max, own.last.minute()),
            );
            if let Some(goal) = &own.goal {
                row(screen, "goal", goal);
            }
        }
        None if outcome.others.is_empty() => row(screen, "session", "none; `autonomy session start` begins one"),
        None => row(screen, "session", "none here, or several: say which with `--session`"),
    }
    for other in &outcome.others {
        let place = other.work_tree.as_ref().map_or(String::new(), |path| format!(" in {path}"));
        row(screen, "also", &format!("{}, {}{place}", named(other), other.status));
    }
    for damaged in &outcome.damaged {
        row(screen, "damaged", &format!("{damaged}; `autonomy verify`"));
    }
    let branch = outcome.branch.as_deref().unwrap_or("none, HEAD is detached");
    let operation = outcome.operation.as_ref().map_or(String::new(), |name| format!(", a {name} is in progress"));
    let files = match outcome.uncommitted {
        0 => ", nothing to commit".to_owned(),
        1 => ", 1 file not committed".to_owned(),
        files => format!(", {files} files not committed"),
    };
    row(screen, "branch", &format!("{branch}{operation}{files}"));
    if let Some(run) = &outcome.run {
        let doing = match (&run.ended, &run.task, run.attempt) {
            (Some(reason), _, _) => format!("ended: {reason}"),
            (None, _, _) if run.died => "cut short; `autonomy run` goes on".to_owned(),
            (None, Some(task), Some(attempt)) => format!("attempt {attempt} at {task}"),
            (None, _, _) => "between two attempts".to_owned(),
        };
        let stop = if run.stop_asked && run.ended.is_none() { ", asked to stop" } else { "" };
        row(
            screen,
            "run",
            &format!("{doing}{stop}, {} since {}Z", counted(run.attempts as usize, "attempt"), run.started.minute()),
        );
    }
    if let Some(focus) = &outcome.focus {
        row(screen, "focus", focus);
    }
    if let Some(checkpoint) = &outcome.checkpoint {
        row(screen, "checkpoint", &format!("{}, {}Z", checkpoint.name, checkpoint.at.minute()));
    }
}

fn tasks(screen: &mut Screen, outcome: &Outcome) {
    row(screen, "tasks", &counts(outcome.tasks));
    if let Some(headway) = &outcome.headway {
        let left = match headway.left {
            Some(left) if !headway.is_over() => format!(", about {} to go at this pace", left.to_the_minute()),
            Some(_) | None => String::new(),
        };
        row(screen, "", &format!("{}% done by weight{left}{}", headway.percent, headway.milestone_words()));
    }
    for (number, task) in (1..).zip(&outcome.next) {
        let estimate = task.estimate.map_or(String::new(), |estimate| format!(", {estimate}"));
        row(screen, if number == 1 { "next" } else { "" }, &format!("{number}. {} ({}{estimate})", task.title, task.priority));
        row(screen, "", &format!("   {}", task.command));
    }
    if outcome.next_more > 0 {
        row(screen, "", &format!("{} more: autonomy next", outcome.next_more));
    }
}

fn proof(screen: &mut Screen, outcome: &Outcome) {
    for (number, gate) in outcome.gates.iter().enumerate() {
        row(screen, if number == 0 { "gates" } else { "" }, &format!("{} {}: {}", symbol(gate), gate.gate, gate.words()));
    }
    match outcome.unproven.as_slice() {
        [] => {}
        [one] => row(screen, "unproven", &format!("{one} is done and nothing proves it")),
        [one, rest @ ..] => {
            row(screen, "unproven", &format!("{one} and {} more are done and nothing proves it", rest.len()));
            row(screen, "", "autonomy task list --all");
        }
    }
}

fn needs(screen: &mut Screen, outcome: &Outcome) {
    for (number, need) in outcome.needs.iter().enumerate() {
        row(screen, if number == 0 { "needs you" } else { "" }, &format!("! {}", need.what));
        row(screen, "", &format!("  {}", need.command));
    }
    if outcome.needs.is_empty() {
        row(screen, "needs you", "nothing");
    }
}

fn named(line: &SessionLine) -> String {
    line.title.as_ref().map_or_else(|| line.session.to_string(), |title| format!("{} ({title})", line.session))
}

fn counts(counts: Counts) -> String {
    let parts = [
        (counts.done, "done"),
        (counts.unproven, "done but unproven"),
        (counts.started, "started"),
        (counts.open, "open"),
        (counts.waiting, "waiting"),
        (counts.failed, "failed"),
        (counts.parked, "parked"),
        (counts.cancelled, "cancelled"),
    ];
    let named: Vec<String> =
        parts.iter().filter(|(count, _)| *count > 0).map(|(count, word)| format!("{count} {word}")).collect();
    if named.is_empty() { "none; `autonomy task add \"<title>\"`".to_owned() } else { named.join(", ") }
}

fn symbol(gate: &GateReport) -> char {
    match (gate.verdict, gate.standing) {
        (Some(Verdict::Green), Standing::Holds) => '✓',
        (Some(Verdict::Red | Verdict::TimedOut | Verdict::Broken), _) => '✗',
        (Some(Verdict::Green), Standing::Stale | Standing::Never) | (None, _) => '?',
    }
}
