//! Which snapshots go when there are more than the settings keep: by age, by number, and by what only they hold.
//!
//! Pure: what there is, what holds on to it and how much it weighs are handed in. Deleting refs is done elsewhere.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::{
    checkpoint::CheckpointKind,
    id::{Oid, QuestionId, SessionId, TaskId},
    settings::{Checkpoints, value::Size},
    time::{Lapse, Timestamp},
};

/// How much is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Limits {
    /// A snapshot before a rollback is kept for so long.
    pub safety: Lapse,
    /// So many of the other automatic ones are kept, the newest.
    pub automatic: u32,
    /// What only automatic snapshots hold is at most so much, before it is compressed.
    pub bytes: Size,
}

impl From<&Checkpoints> for Limits {
    fn from(settings: &Checkpoints) -> Self {
        Self { safety: settings.keep_safety, automatic: settings.keep_automatic, bytes: settings.keep_bytes }
    }
}

/// A snapshot, as far as it matters here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// What it is asked for by.
    pub name: String,
    /// The side commit.
    pub commit: Oid,
    /// Why it was taken.
    pub kind: CheckpointKind,
    /// When.
    pub created: Timestamp,
    /// The safety snapshot that the rollback after this one went back to, when that undid another.
    pub rests_on: Option<Oid>,
    /// What holds on to it.
    pub hold: Option<Hold>,
    /// Whether undoing goes back to it next, which only its age ends.
    pub next: NextUndo,
}

/// Whether undoing, or taking an undoing back, goes back to a snapshot next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NextUndo {
    /// It does not.
    #[default]
    No,
    /// It does.
    Yes,
}

/// What holds on to a snapshot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum Hold {
    /// Its session is not over.
    LiveSession {
        /// Which.
        session: SessionId,
    },
    /// Its task is given up for now.
    ParkedTask {
        /// Which.
        task: TaskId,
    },
    /// A question of its session or about its task waits for an answer.
    OpenQuestion {
        /// Which.
        question: QuestionId,
    },
    /// A rollback from it or to it is not finished.
    UnfinishedRollback,
    /// A later undoing, which is kept, went back to it.
    Undoing,
    /// The rollback that is undone next began with it, or the undoing that is taken back next.
    NextUndo,
}

impl Hold {
    /// In words for people.
    #[must_use]
    pub fn words(&self) -> String {
        match self {
            Self::LiveSession { session } => format!("session {session} is live"),
            Self::ParkedTask { task } => format!("task {task} is parked"),
            Self::OpenQuestion { question } => format!("question {question} is open"),
            Self::UnfinishedRollback => "a rollback with it is not finished".into(),
            Self::Undoing => "an undoing that is kept went back to it".into(),
            Self::NextUndo => "`autonomy rollback --undo` or `--redo` goes back to it next".into(),
        }
    }
}

/// Why a snapshot goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// It was named.
    Named,
    /// It is older than such snapshots are kept.
    Age,
    /// There are newer ones enough.
    Number,
    /// Together they hold too much that nothing else does.
    Bytes,
}

impl Reason {
    /// In words for people.
    #[must_use]
    pub fn words(self, limits: &Limits) -> String {
        match self {
            Self::Named => "named".into(),
            Self::Age => format!("older than {}", limits.safety),
            Self::Number => format!("not among the newest {}", limits.automatic),
            Self::Bytes => format!("more than {} that nothing else holds", limits.bytes),
        }
    }
}

/// What is decided about one snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It goes.
    Goes(Reason),
    /// It stays, as the settings want it.
    Stays,
    /// It would go, but something holds on to it.
    Held(Hold),
}

/// Whether the snapshot was taken by itself, so that it goes by itself. What a person asked for, and what marks a point of the
/// work, goes only when it is named.
#[must_use]
pub fn is_automatic(kind: CheckpointKind) -> bool {
    match kind {
        CheckpointKind::Edge | CheckpointKind::Safety | CheckpointKind::Tick | CheckpointKind::Compaction => true,
        CheckpointKind::Manual
        | CheckpointKind::Task
        | CheckpointKind::Milestone
        | CheckpointKind::Migration
        | CheckpointKind::End => false,
    }
}

/// Decides about snapshots, which come oldest first. With names, exactly those go that are named; else those that the limits
/// do not keep. `weigh` says of each of the places that it is given, the newest first, how many bytes neither one before it nor
/// anything that is no candidate holds.
///
/// # Errors
/// Hands on what `weigh` fails with.
pub fn decide<E>(
    candidates: &[Candidate],
    named: &BTreeSet<Oid>,
    limits: &Limits,
    now: Timestamp,
    weigh: impl FnOnce(&[usize]) -> Result<Vec<u64>, E>,
) -> Result<Vec<Fate>, E> {
    let mut wanted: Vec<Option<Reason>> = vec![None; candidates.len()];
    if named.is_empty() {
        let mut newer = 0;
        for (at, candidate) in candidates.iter().enumerate().rev() {
            if candidate.kind == CheckpointKind::Safety {
                wanted[at] = (now.since(candidate.created) > limits.safety).then_some(Reason::Age);
            } else if is_automatic(candidate.kind) {
                wanted[at] = (newer >= limits.automatic).then_some(Reason::Number);
                // What is held on to is kept besides.
                newer += u32::from(candidate.hold.is_none());
            }
        }
        let is_free = |candidate: &Candidate| candidate.hold.is_none() && candidate.next == NextUndo::No;
        let counts = |at: &usize| is_automatic(candidates[*at].kind) && wanted[*at].is_none() && is_free(&candidates[*at]);
        let rest: Vec<usize> = (0..candidates.len()).rev().filter(counts).collect();
        let mut held = 0_u64;
        for (at, bytes) in rest.iter().zip(weigh(&rest)?) {
            held = held.saturating_add(bytes);
            if held > limits.bytes.0 {
                wanted[*at] = Some(Reason::Bytes);
            }
        }
    } else {
        for (at, candidate) in candidates.iter().enumerate() {
            wanted[at] = named.contains(&candidate.commit).then_some(Reason::Named);
        }
    }
    let mut fates: Vec<Fate> = Vec::with_capacity(candidates.len());
    let mut rested_on: BTreeSet<&Oid> = BTreeSet::new();
    for (at, candidate) in candidates.iter().enumerate().rev() {
        let hold = candidate.hold.clone().or_else(|| rested_on.contains(&candidate.commit).then_some(Hold::Undoing));
        let fate = match (wanted[at], hold) {
            (None, _) => Fate::Stays,
            (Some(_), Some(hold)) => Fate::Held(hold),
            (Some(reason), None) if reason != Reason::Age && candidate.next == NextUndo::Yes => Fate::Held(Hold::NextUndo),
            (Some(reason), None) => Fate::Goes(reason),
        };
        if !matches!(fate, Fate::Goes(_)) {
            rested_on.extend(&candidate.rests_on);
        }
        fates.push(fate);
    }
    fates.reverse();
    Ok(fates)
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use proptest::prelude::*;

    use super::*;
    use crate::model::checkpoint::CheckpointKind::{Edge, End, Manual, Safety, Task, Tick};

    fn oid(number: usize) -> Oid {
        Oid::new(format!("{number:040}")).expect("forty digits")
    }

    fn at(hour: i64) -> Timestamp {
        Timestamp::from_millisecond(hour * 3_600_000).expect("in range")
    }

    fn all(kinds: &[CheckpointKind]) -> Vec<Candidate> {
        let candidate = |(hour, kind): (usize, &CheckpointKind)| Candidate {
            name: hour.to_string(),
            commit: oid(hour),
            kind: *kind,
            created: at(i64::try_from(hour).expect("small")),
            rests_on: None,
            hold: None,
            next: NextUndo::No,
        };
        kinds.iter().enumerate().map(candidate).collect()
    }

    fn limits(hours: u64, automatic: u32, bytes: u64) -> Limits {
        Limits { safety: Lapse::hours(hours), automatic, bytes: Size(bytes) }
    }

    /// What becomes of each when each weighs as many bytes as there are letters in its kind's word.
    fn fates(candidates: &[Candidate], named: &[usize], limits: &Limits) -> String {
        let named = named.iter().map(|at| oid(*at)).collect();
        let hour = i64::try_from(candidates.len()).expect("small");
        let weigh = |places: &[usize]| -> Result<Vec<u64>, Infallible> {
            Ok(places.iter().map(|at| u64::try_from(candidates[*at].kind.word().len()).expect("short")).collect())
        };
        let fates = decide(candidates, &named, limits, at(hour), weigh).unwrap_or_else(|never| match never {});
        let word = |fate: &Fate| match fate {
            Fate::Goes(Reason::Named) => "named",
            Fate::Goes(Reason::Age) => "age",
            Fate::Goes(Reason::Number) => "number",
            Fate::Goes(Reason::Bytes) => "bytes",
            Fate::Stays => "-",
            Fate::Held(_) => "held",
        };
        fates.iter().map(word).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn safety_snapshots_go_by_age_and_the_others_by_number_and_all_by_weight() {
        let kinds = all(&[Edge, Safety, Tick, Edge, Safety, Edge]);
        assert_eq!(fates(&kinds, &[], &limits(100, 50, 1_000)), "- - - - - -");
        assert_eq!(fates(&kinds, &[], &limits(4, 50, 1_000)), "- age - - - -");
        assert_eq!(fates(&kinds, &[], &limits(100, 2, 1_000)), "number - number - - -");
        assert_eq!(fates(&kinds, &[], &limits(0, 0, 1_000)), "number age number number age number");
        assert_eq!(fates(&kinds, &[], &limits(100, 50, 14)), "bytes bytes bytes - - -", "4 + 6 + 4 fit, the next do not");
        assert_eq!(fates(&kinds, &[], &limits(100, 50, 13)), "bytes bytes bytes bytes - -");
    }

    #[test]
    fn what_a_person_took_or_marks_a_point_goes_only_when_it_is_named() {
        let kinds = all(&[Manual, Task, End, Edge, Safety]);
        assert_eq!(fates(&kinds, &[], &limits(0, 0, 0)), "- - - number age");
        assert_eq!(fates(&kinds, &[0, 2], &limits(0, 0, 0)), "named - named - -", "then nothing else goes");
    }

    #[test]
    fn what_is_held_on_to_stays_and_takes_no_place_of_the_others() {
        let mut kinds = all(&[Edge, Edge, Edge, Edge]);
        kinds[3].hold = Some(Hold::UnfinishedRollback);
        assert_eq!(fates(&kinds, &[], &limits(0, 2, 1_000)), "number - - -");
        kinds[0].hold = Some(Hold::LiveSession { session: SessionId::new("20261120_180000").expect("a name") });
        assert_eq!(fates(&kinds, &[], &limits(0, 1, 1_000)), "held number - -");
        assert_eq!(fates(&kinds, &[0, 1], &limits(0, 1, 1_000)), "held named - -");
    }

    #[test]
    fn what_undoing_goes_back_to_next_goes_by_its_age_alone() {
        let mut kinds = all(&[Safety, Edge, Safety]);
        kinds[2].next = NextUndo::Yes;
        assert_eq!(fates(&kinds, &[], &limits(100, 50, 0)), "bytes bytes -", "and what it holds does not count");
        assert_eq!(fates(&kinds, &[0, 2], &limits(100, 50, 0)), "named - held");
        assert_eq!(fates(&kinds, &[], &limits(100, 50, 10)), "- - -");
        let mut old = all(&[Safety, Edge, Safety, Edge]);
        old[2].next = NextUndo::Yes;
        assert_eq!(fates(&old, &[], &limits(0, 50, 1_000)), "age - age -");
    }

    #[test]
    fn a_snapshot_stays_while_an_undoing_that_is_kept_went_back_to_it() {
        let mut kinds = all(&[Safety, Safety, Safety]);
        kinds[2].rests_on = Some(oid(1));
        kinds[1].rests_on = Some(oid(0));
        assert_eq!(fates(&kinds, &[], &limits(1, 0, 1_000)), "held held -", "two hours and one ago, and now");
        assert_eq!(fates(&kinds, &[], &limits(0, 0, 1_000)), "age age age");
    }

    proptest! {
        #[test]
        fn whatever_the_limits_nothing_goes_that_is_held_or_was_asked_for(
            kinds in proptest::collection::vec((0..6_usize, any::<bool>()), 0..20),
            hours in 0..20_usize, automatic in 0..20_usize, bytes in 0..100_usize,
        ) {
            let of = [Manual, Task, End, Tick, Edge, Safety];
            let mut candidates = all(&kinds.iter().map(|(kind, _)| of[*kind]).collect::<Vec<_>>());
            for (candidate, (_, held)) in candidates.iter_mut().zip(&kinds) {
                candidate.hold = held.then_some(Hold::UnfinishedRollback);
            }
            let limits = |hours: usize, automatic: usize, bytes: usize| {
                let number = |number: usize| u64::try_from(number).expect("small");
                limits(number(hours), u32::try_from(automatic).expect("small"), number(bytes))
            };
            let decided = |limits: &Limits| {
                let weigh = |places: &[usize]| Ok::<_, Infallible>(vec![7; places.len()]);
                decide(&candidates, &BTreeSet::new(), limits, at(20), weigh).unwrap_or_else(|never| match never {})
            };
            let fates = decided(&limits(hours, automatic, bytes));
            let goes: Vec<usize> = (0..fates.len()).filter(|at| matches!(fates[*at], Fate::Goes(_))).collect();
            for gone in &goes {
                prop_assert!(candidates[*gone].hold.is_none() && is_automatic(candidates[*gone].kind));
            }
            let left = (0..fates.len()).filter(|at| !goes.contains(at) && is_automatic(candidates[*at].kind) && candidates[*at].hold.is_none());
            let (safety, others): (Vec<usize>, Vec<usize>) = left.partition(|at| candidates[*at].kind == Safety);
            prop_assert!(others.len() <= automatic);
            prop_assert!((safety.len() + others.len()) * 7 <= bytes);
            prop_assert!(safety.iter().all(|kept| 20 - kept <= hours));
            for (at, fate) in decided(&limits(hours + 1, automatic + 1, bytes + 14)).iter().enumerate() {
                prop_assert!(matches!(fate, Fate::Stays | Fate::Held(_)) || goes.contains(&at), "more room keeps more");
            }
        }
    }
}
