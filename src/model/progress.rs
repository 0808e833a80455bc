//! How far the work is and how long it may still take: weighted tasks and the pace they were finished at.
//!
//! Figures for people. Nothing is decided by them, and a task counts only once it is done.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::{
    state::{TaskStage, TaskState},
    task::{Task, TaskKind, progress::Progress},
    time::{Lapse, Timestamp},
};

/// What a task weighs that has no estimate. It is fixed, so that the weight of one task never depends on another.
pub const USUAL: Lapse = Lapse::hours(1);

/// What a milestone weighs that has no estimate: to see whether it is reached.
pub const SIGHT: Lapse = Lapse::minutes(15);

/// One task as these figures see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Piece {
    /// What kind of thing it is.
    pub kind: TaskKind,
    /// Its estimate, or [`USUAL`] or [`SIGHT`].
    pub weight: Lapse,
    /// Whether it is finished, and whether that tells anything about the pace.
    pub finished: Finished,
}

/// When a task was finished.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finished {
    /// It is not.
    Not,
    /// Before the session, or nobody knows when.
    Earlier,
    /// In the session whose pace is asked for.
    Here,
}

impl Piece {
    /// The piece that a task is, with the session's start; none for a cancelled one.
    #[must_use]
    pub fn of(task: &Task, progress: &Progress, state: Option<&TaskState>, since: Option<Timestamp>) -> Option<Self> {
        if *progress == Progress::Cancelled {
            return None;
        }
        let usual = match task.kind {
            TaskKind::Task | TaskKind::Migration => USUAL,
            TaskKind::Milestone => SIGHT,
        };
        let weight = task.estimate.filter(|estimate| *estimate > Lapse::default()).unwrap_or(usual);
        let finished = match (progress.is_done(), state, since) {
            (false, _, _) => Finished::Not,
            (true, Some(TaskState { stage: TaskStage::Done { .. }, changed, .. }), Some(since)) if *changed >= since => {
                Finished::Here
            }
            (true, _, _) => Finished::Earlier,
        };
        Some(Self { kind: task.kind, weight, finished })
    }
}

/// How far the work is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Headway {
    /// How many tasks are done.
    pub done: usize,
    /// How many there are, without cancelled ones and milestones.
    pub tasks: usize,
    /// How many milestones are reached.
    #[serde(default, skip_serializing_if = "is_none")]
    pub reached: usize,
    /// How many there are, without cancelled ones.
    #[serde(default, skip_serializing_if = "is_none")]
    pub milestones: usize,
    /// The done share of all weight in whole percent, rounded down. It falls only when tasks are added or opened again.
    pub percent: u8,
    /// How long the rest takes at the session's pace; none before its first finished task.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left: Option<Lapse>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
fn is_none(count: &usize) -> bool {
    *count == 0
}

impl Headway {
    /// Whether everything is done.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.done == self.tasks && self.reached == self.milestones
    }

    /// How many milestones are reached, for the end of a line; nothing where there are none.
    #[must_use]
    pub fn milestone_words(&self) -> String {
        if self.milestones == 0 { String::new() } else { format!(", {} of {} milestones reached", self.reached, self.milestones) }
    }
}

/// The figures over `pieces`, after `active` time in the session; none when there are no tasks.
#[must_use]
pub fn headway(pieces: impl IntoIterator<Item = Piece>, active: Lapse) -> Option<Headway> {
    let (mut done, mut tasks, mut reached, mut milestones) = (0, 0, 0, 0);
    let (mut all, mut finished, mut here) = (0_u128, 0_u128, 0_u128);
    for piece in pieces {
        let weight = piece.weight.0.as_millis();
        let (over, count) = match piece.kind {
            TaskKind::Task | TaskKind::Migration => (&mut done, &mut tasks),
            TaskKind::Milestone => (&mut reached, &mut milestones),
        };
        *count += 1;
        all += weight;
        if piece.finished != Finished::Not {
            *over += 1;
            finished += weight;
        }
        if piece.finished == Finished::Here {
            here += weight;
        }
    }
    let percent = u8::try_from((finished * 100).checked_div(all)?).unwrap_or(100);
    let left = if finished == all {
        Some(0)
    } else {
        // What is left divided by the pace, which is weight finished per time.
        ((all - finished) * active.0.as_millis()).checked_div(here).filter(|_| active > Lapse::default())
    };
    let left = left.map(|left| Lapse::seconds(u64::try_from(left / 1000).unwrap_or(u64::MAX)));
    Some(Headway { done, tasks, reached, milestones, percent, left })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::{id::TaskId, task::Status, task::progress::Proof};

    fn piece(minutes: u64, finished: Finished) -> Piece {
        Piece { kind: TaskKind::Task, weight: Lapse::minutes(minutes), finished }
    }

    #[test]
    fn the_rest_takes_as_long_as_the_pace_says() {
        let tasks = [piece(60, Finished::Here), piece(30, Finished::Earlier), piece(90, Finished::Not)];
        let figures = headway(tasks, Lapse::minutes(20)).expect("there are tasks");
        assert_eq!(
            figures,
            Headway { done: 2, tasks: 3, reached: 0, milestones: 0, percent: 50, left: Some(Lapse::minutes(30)) }
        );
    }

    #[test]
    fn a_milestone_moves_the_percentage_and_the_time_left_and_is_counted_by_itself() {
        let milestone = |finished| Piece { kind: TaskKind::Milestone, ..piece(15, finished) };
        let work = [piece(60, Finished::Here), piece(45, Finished::Not)];
        let before = headway(work.into_iter().chain([milestone(Finished::Not)]), Lapse::hours(1)).expect("there are tasks");
        let after = headway(work.into_iter().chain([milestone(Finished::Here)]), Lapse::hours(1)).expect("there are tasks");
        let figures = |it: Headway| (it.tasks, it.reached, it.milestones, it.percent, it.left.map(Lapse::as_minutes));
        assert_eq!((figures(before), figures(after)), ((2, 0, 1, 50, Some(60)), (2, 1, 1, 62, Some(36))));
        assert_eq!(after.milestone_words(), ", 1 of 1 milestones reached");
        assert!(!after.is_over());
    }

    #[test]
    fn without_a_finished_task_there_is_no_pace_and_without_tasks_there_is_nothing() {
        let early = headway([piece(60, Finished::Earlier), piece(60, Finished::Not)], Lapse::hours(1));
        assert_eq!(early.and_then(|figures| figures.left), None);
        assert_eq!(headway([], Lapse::hours(1)), None);
        let all = headway([piece(60, Finished::Earlier)], Lapse::default()).expect("there is a task");
        assert_eq!((all.percent, all.left), (100, Some(Lapse::default())));
    }

    #[test]
    fn cancelled_tasks_weigh_nothing_milestones_little_and_the_session_knows_its_own() {
        let at = |minute: i64| Timestamp::from_millisecond(minute * 60_000).expect("in range");
        let task = Task::new(TaskId::new("t").expect("plain"), "T", at(0));
        let state = |changed| TaskState {
            stage: TaskStage::Done { tree: None, uncommitted: vec![] },
            failures: 0,
            started: None,
            changed,
            gates: vec![],
        };
        let done = Progress::Done { proof: Proof::Unproven };
        let finished = |changed| Piece::of(&task, &done, Some(&state(changed)), Some(at(10))).map(|piece| piece.finished);
        assert_eq!(finished(at(9)), Some(Finished::Earlier));
        assert_eq!(finished(at(10)), Some(Finished::Here));
        assert_eq!(Piece::of(&task, &done, None, Some(at(10))).map(|piece| piece.finished), Some(Finished::Earlier));
        let milestone = Task { kind: TaskKind::Milestone, ..task.clone() };
        assert_eq!(Piece::of(&milestone, &Progress::Open, None, None).map(|piece| piece.weight), Some(SIGHT));
        assert_eq!(Piece::of(&Task { status: Status::Cancelled, ..task }, &Progress::Cancelled, None, None), None);
    }

    fn any_piece() -> impl Strategy<Value = Piece> {
        let finished = prop_oneof![Just(Finished::Not), Just(Finished::Earlier), Just(Finished::Here)];
        (1_u64..600, finished).prop_map(|(minutes, finished)| piece(minutes, finished))
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn finishing_and_cancelling_never_lower_the_percentage(mut pieces in prop::collection::vec(any_piece(), 1..20), which in any::<prop::sample::Index>(), cancel in any::<bool>()) {
            let active = Lapse::minutes(90);
            let before = headway(pieces.clone(), active).expect("there are tasks");
            let index = which.index(pieces.len());
            if pieces[index].finished == Finished::Not && cancel {
                pieces.remove(index);
            } else {
                pieces[index].finished = Finished::Here;
            }
            if let Some(after) = headway(pieces.clone(), active) {
                prop_assert!(after.percent >= before.percent);
                prop_assert_eq!(after.percent == 100, pieces.iter().all(|piece| piece.finished != Finished::Not));
            }
        }
    }
}
