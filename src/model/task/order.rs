//! Which task comes next: dependencies, cycles, and one ranking that is the same everywhere.
//! It knows nothing of who works on what; that is in the progress that is handed in.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::{
    id::TaskId,
    task::{Task, TaskKind, progress::Progress},
};

/// A task and where it stands.
#[derive(Clone, Copy, Debug)]
pub struct Standing<'a> {
    /// The task as its record says.
    pub task: &'a Task,
    /// Where it stands.
    pub progress: &'a Progress,
}

/// What keeps a task from being started: the tasks that come before it and are not done, in the order of their names.
/// A task comes after what it names in `after` and after its own parts.
#[must_use]
pub fn blockers<'a>(of: &'a Task, all: &[Standing<'a>]) -> Vec<&'a TaskId> {
    let done: BTreeSet<&TaskId> = all.iter().filter(|it| it.progress.is_done()).map(|it| &it.task.id).collect();
    let mut blocking: BTreeSet<&TaskId> = of.after.iter().filter(|id| !done.contains(id)).collect();
    let parts = all.iter().filter(|it| it.task.parent.as_ref() == Some(&of.id) && !it.progress.is_over());
    blocking.extend(parts.map(|it| &it.task.id));
    blocking.into_iter().collect()
}

/// The open tasks that may be started, best first: by priority, then by age, then by name. Milestones are reached, not
/// worked on, and are left out.
#[must_use]
pub fn ready<'a>(all: &[Standing<'a>]) -> Vec<&'a Task> {
    let mut fit: Vec<&Task> = all
        .iter()
        .filter(|it| *it.progress == Progress::Open && it.task.kind.is_work() && blockers(it.task, all).is_empty())
        .map(|it| it.task)
        .collect();
    fit.sort_by(|left, right| rank(left).cmp(&rank(right)));
    fit
}

/// The milestones that may be reached now, best first: nothing before them is left, and something shows it: work that
/// belongs to them, or a command that tests them. One that comes after other milestones only, or after nothing, is reached
/// when somebody says so.
#[must_use]
pub fn due<'a>(all: &[Standing<'a>]) -> Vec<&'a Task> {
    let may = |progress: &Progress| matches!(progress, Progress::Open | Progress::Started | Progress::Failed { .. });
    let open = all.iter().filter(|it| it.task.kind == TaskKind::Milestone && may(it.progress));
    let is_due = |it: &&Standing<'_>| is_shown(it.task, all) && blockers(it.task, all).is_empty();
    let mut fit: Vec<&Task> = open.filter(is_due).map(|it| it.task).collect();
    fit.sort_by(|left, right| rank(left).cmp(&rank(right)));
    fit
}

fn is_shown(milestone: &Task, all: &[Standing<'_>]) -> bool {
    let work = |it: &Standing<'_>| {
        let belongs = it.task.parent.as_ref() == Some(&milestone.id) || milestone.after.contains(&it.task.id);
        belongs && it.task.kind.is_work() && it.progress.is_done()
    };
    milestone.is_tested() || all.iter().any(work)
}

/// What the ranking goes by.
#[must_use]
pub fn rank(task: &Task) -> impl Ord + '_ {
    (task.priority, task.created, &task.id)
}

/// A circle of dependencies, if there is one: its tasks in the order in which each comes after the next, from the first in
/// the order of names.
#[must_use]
pub fn cycle<'a>(tasks: impl IntoIterator<Item = &'a Task>) -> Option<Vec<TaskId>> {
    let mut edges: BTreeMap<&TaskId, BTreeSet<&TaskId>> = BTreeMap::new();
    for task in tasks {
        edges.entry(&task.id).or_default().extend(&task.after);
        if let Some(parent) = &task.parent {
            edges.entry(parent).or_default().insert(&task.id);
        }
    }
    let mut finished: BTreeSet<&TaskId> = BTreeSet::new();
    for &start in edges.keys() {
        // A path of its own instead of recursion: a long chain of tasks must not use up the stack.
        let mut path = vec![(start, edges[start].iter())];
        let mut on_path = BTreeSet::from([start]);
        while let Some((here, rest)) = path.last_mut() {
            match rest.next() {
                Some(next) if on_path.contains(next) => {
                    let from = path.iter().position(|(id, _)| id == next).unwrap_or_default();
                    let mut circle: Vec<TaskId> = path[from..].iter().map(|(id, _)| (*id).clone()).collect();
                    let first = circle.iter().enumerate().min_by_key(|(_, id)| *id).map_or(0, |(index, _)| index);
                    circle.rotate_left(first);
                    return Some(circle);
                }
                Some(next) if finished.contains(next) => {}
                Some(next) => {
                    if let Some((id, targets)) = edges.get_key_value(*next) {
                        on_path.insert(id);
                        path.push((id, targets.iter()));
                    }
                }
                None => {
                    finished.insert(here);
                    on_path.remove(*here);
                    path.pop();
                }
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::{
        settings::value::CommandLine,
        task::{Priority, acceptance::Acceptance, progress::Proof},
        time::Timestamp,
    };

    fn id(name: &str) -> TaskId {
        TaskId::new(name).expect("a plain name")
    }

    fn task(name: &str, priority: Priority, minute: i64, after: &[&str]) -> Task {
        let created = Timestamp::from_millisecond(minute * 60_000).expect("in range");
        Task { priority, after: after.iter().map(|name| id(name)).collect(), ..Task::new(id(name), name, created) }
    }

    fn names(tasks: &[&Task]) -> String {
        tasks.iter().map(|task| task.id.as_str()).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn priority_then_age_then_name_and_only_what_may_start() {
        let done = Progress::Done { proof: Proof::Unproven };
        let tasks = [
            (task("a", Priority::Low, 0, &[]), Progress::Open),
            (task("b", Priority::High, 9, &[]), Progress::Open),
            (task("c", Priority::High, 5, &["z"]), Progress::Open),
            (task("d", Priority::High, 9, &["done"]), Progress::Open),
            (task("e", Priority::Critical, 1, &["a"]), Progress::Open),
            (task("f", Priority::Critical, 1, &[]), Progress::Started),
            (task("done", Priority::Critical, 1, &[]), done),
            (Task { kind: TaskKind::Milestone, ..task("m", Priority::Critical, 1, &["done"]) }, Progress::Open),
            (Task { parent: Some(id("b")), ..task("part", Priority::Low, 2, &[]) }, Progress::Open),
        ];
        let all: Vec<Standing<'_>> = tasks.iter().map(|(task, progress)| Standing { task, progress }).collect();
        assert_eq!(names(&ready(&all)), "d a part");
        assert_eq!(names(&due(&all)), "m");
        assert_eq!(blockers(&tasks[1].0, &all), [&id("part")]);
        assert_eq!(blockers(&tasks[2].0, &all), [&id("z")]);
    }

    #[test]
    fn a_milestone_is_due_when_work_or_a_command_can_show_it() {
        let done = Progress::Done { proof: Proof::Proven };
        let milestone = |name, after: &[&str]| Task { kind: TaskKind::Milestone, ..task(name, Priority::Medium, 0, after) };
        let command = Acceptance::command(CommandLine::Shell("true".into()));
        let tasks = [
            (milestone("first", &[]), done.clone()),
            (milestone("alone", &[]), Progress::Open),
            (milestone("after-a-milestone", &["first"]), Progress::Open),
            (Task { acceptance: vec![command], ..milestone("tested", &["first"]) }, Progress::Open),
            (milestone("with-a-part", &["first"]), Progress::Failed { why: "red".into() }),
            (milestone("with-a-part-left", &[]), Progress::Open),
            (Task { parent: Some(id("with-a-part")), ..task("part", Priority::Low, 2, &[]) }, done.clone()),
            (Task { parent: Some(id("with-a-part-left")), ..task("done", Priority::Low, 2, &[]) }, done),
            (Task { parent: Some(id("with-a-part-left")), ..task("left", Priority::Low, 2, &[]) }, Progress::Open),
        ];
        let all: Vec<Standing<'_>> = tasks.iter().map(|(task, progress)| Standing { task, progress }).collect();
        assert_eq!(names(&due(&all)), "tested with-a-part");
    }

    #[test]
    fn a_circle_is_named_in_order() {
        let tasks =
            [task("c", Priority::Low, 0, &["b"]), task("a", Priority::Low, 0, &["c"]), task("b", Priority::Low, 0, &["a", "x"])];
        assert_eq!(cycle(&tasks), Some(vec![id("a"), id("c"), id("b")]));
        assert_eq!(cycle(&tasks[..2]), None);
        assert_eq!(cycle(&[task("s", Priority::Low, 0, &["s"])]), Some(vec![id("s")]));
        let parts = [task("p", Priority::Low, 0, &[]), Task { parent: Some(id("p")), ..task("q", Priority::Low, 0, &["p"]) }];
        assert_eq!(cycle(&parts), Some(vec![id("p"), id("q")]));
        let chain: Vec<Task> =
            (0..20_000).map(|n| task(&format!("t{n:05}"), Priority::Low, 0, &[&format!("t{:05}", n + 1)])).collect();
        assert_eq!(cycle(&chain), None);
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn without_a_circle_everything_gets_done(edges in prop::collection::vec((0usize..12, 0usize..12), 0..30), shuffle in any::<u64>()) {
            let mut tasks: Vec<Task> = (0..12).map(|n| task(&format!("t{n:02}"), Priority::ALL[n % 4], 0, &[])).collect();
            for (from, to) in edges {
                tasks[from].after.push(id(&format!("t{to:02}")));
            }
            let mut progress = vec![Progress::Open; tasks.len()];
            loop {
                let mut all: Vec<Standing<'_>> = tasks.iter().zip(&progress).map(|(task, progress)| Standing { task, progress }).collect();
                let first = ready(&all).first().map(|task| task.id.clone());
                let turn = usize::try_from(shuffle % 12).expect("small");
                all.rotate_left(turn);
                prop_assert_eq!(ready(&all).first().map(|task| task.id.clone()), first.clone(), "the order of reading does not matter");
                let Some(first) = first else { break };
                let index = tasks.iter().position(|task| task.id == first).expect("it is one of them");
                let is_done = |id: &TaskId| tasks.iter().zip(&progress).any(|(task, progress)| task.id == *id && progress.is_done());
                prop_assert!(tasks[index].after.iter().all(is_done));
                progress[index] = Progress::Done { proof: Proof::Proven };
            }
            let left = progress.iter().any(|progress| !progress.is_done());
            prop_assert_eq!(left, cycle(&tasks).is_some());
        }
    }
}
