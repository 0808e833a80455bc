//! What may happen to a session as a whole, and how it stands against its time.
//!
//! Decisions only: they take a state and give events or a refusal. Which session a command belongs to is `host`'s to find.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::{
    event::{Fact, SessionOutcome, TIMED_OUT},
    refusal::Refusal,
    state::{Phase, State},
    time::{Lapse, Timestamp},
};

/// A session's status in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Work goes on.
    Active,
    /// Laid aside, or timed out: the reason says which.
    Paused,
    /// Over, and what it was for is done.
    Completed,
    /// Over, and given up.
    Failed,
}

impl Status {
    /// The status of a session in this phase.
    #[must_use]
    pub fn of(phase: &Phase) -> Self {
        match phase {
            Phase::Active => Self::Active,
            Phase::Paused { .. } => Self::Paused,
            Phase::Ended { outcome: SessionOutcome::Completed, .. } => Self::Completed,
            Phase::Ended { outcome: SessionOutcome::Failed, .. } => Self::Failed,
        }
    }

    /// Whether the session is over.
    #[must_use]
    pub fn is_over(self) -> bool {
        matches!(self, Self::Completed | Self::Failed)
    }
}

impl fmt::Display for Status {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Active => "active",
            Self::Paused => "paused",
            Self::Completed => "completed",
            Self::Failed => "failed",
        })
    }
}

/// Whether a session's time is up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Stop {
    /// There is time.
    No,
    /// Nine tenths are used: finish what is begun, begin nothing large.
    Soft,
    /// All of it is used: begin nothing.
    Hard,
}

impl Stop {
    /// Where a session stands that was active for so long of so much time.
    #[must_use]
    pub fn of(active: Lapse, max: Lapse) -> Self {
        if active >= max {
            Self::Hard
        } else if active.0 >= max.0.mul_f64(0.9) {
            Self::Soft
        } else {
            Self::No
        }
    }
}

/// How long work has gone on in the session until `now`, without its pauses.
#[must_use]
pub fn active(state: &State, now: Timestamp) -> Lapse {
    let Some(session) = &state.session else { return Lapse::default() };
    let until = match &state.phase {
        Phase::Active => now,
        Phase::Paused { since, .. } => *since,
        Phase::Ended { at, .. } => *at,
    };
    Lapse(until.since(session.started).0.saturating_sub(state.paused.0))
}

/// Lays an active session aside.
///
/// # Errors
/// Refuses one that is not active.
pub fn pause(state: &State, reason: &str) -> Result<Vec<Fact>, Refusal> {
    match &state.phase {
        Phase::Active => Ok(vec![Fact::SessionPaused { reason: reason.to_owned() }]),
        Phase::Paused { reason, .. } => Err(Refusal::no(format!("the session `{}` is paused already: {reason}", name(state)))
            .hint("`autonomy session resume` takes it up again")),
        Phase::Ended { .. } => Err(ended(state)),
    }
}

/// Takes a session up again; nothing happens to one that is active.
///
/// # Errors
/// Refuses one that has ended.
pub fn resume(state: &State) -> Result<Vec<Fact>, Refusal> {
    match &state.phase {
        Phase::Active => Ok(Vec::new()),
        Phase::Paused { .. } => Ok(vec![Fact::SessionResumed {}]),
        Phase::Ended { .. } => Err(ended(state)),
    }
}

/// Ends a session.
///
/// # Errors
/// Refuses one that has ended.
pub fn end(state: &State, outcome: SessionOutcome, summary: Option<String>) -> Result<Vec<Fact>, Refusal> {
    if state.is_ended() { Err(ended(state)) } else { Ok(vec![Fact::SessionEnded { outcome, summary }]) }
}

/// The pause of a session in which nothing has happened for longer than `timeout`; none while it is not due.
#[must_use]
pub fn timed_out(state: &State, now: Timestamp, timeout: Lapse) -> Option<Fact> {
    let idle = now.since(state.last?);
    let due = state.phase == Phase::Active && state.session.is_some() && idle > timeout;
    due.then(|| Fact::SessionPaused { reason: TIMED_OUT.to_owned() })
}

fn name(state: &State) -> &str {
    state.session.as_ref().map_or("", |session| session.id.as_str())
}

fn ended(state: &State) -> Refusal {
    Refusal::conflict(format!("the session `{}` has ended", name(state)))
        .hint(format!("`autonomy session start --continues {}` goes on from it", name(state)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{
        actor::Actor,
        event::{Event, FORMAT},
        id::{Digest, SessionId},
    };

    fn at(minute: i64) -> Timestamp {
        Timestamp::from_millisecond(minute * 60_000).expect("in range")
    }

    fn after(facts: &[(i64, Fact)]) -> State {
        let started = Fact::SessionStarted {
            format: FORMAT,
            session: SessionId::new("s").expect("plain"),
            title: None,
            goal: None,
            constraints: vec![],
            max: Lapse::hours(1),
            branch: None,
            head: None,
            person: None,
            continues: None,
            parent: None,
        };
        let mut state = State::empty("s");
        for (minute, fact) in [(0, started)].iter().chain(facts) {
            let event = Event {
                seq: state.seq + 1,
                at: at(*minute),
                actor: Actor::Autonomy,
                fact: fact.clone(),
                prev: state.tail.clone(),
                end: true,
            };
            let hash = Digest::of(event.line().expect("small"));
            state.apply(&event, hash).expect("it continues the chain");
        }
        state
    }

    fn paused(reason: &str) -> Fact {
        Fact::SessionPaused { reason: reason.to_owned() }
    }

    #[test]
    fn pauses_do_not_count_whether_somebody_resumed_or_ended_the_session() {
        let lunch = [(20, paused("lunch")), (50, Fact::SessionResumed {})];
        assert_eq!(active(&after(&lunch), at(60)), Lapse::minutes(30));
        assert_eq!(active(&after(&lunch[..1]), at(60)), Lapse::minutes(20));
        let end = Fact::SessionEnded { outcome: SessionOutcome::Completed, summary: None };
        assert_eq!(active(&after(&[(20, paused("lunch")), (50, end.clone())]), at(90)), Lapse::minutes(20));
        assert_eq!(active(&after(&[(20, end)]), at(90)), Lapse::minutes(20));
    }

    #[test]
    fn an_idle_session_is_paused_once_and_its_idle_time_does_not_count() {
        let state = after(&[(10, Fact::ProgressAdded { text: "x".into(), task: None })]);
        let day = Lapse::hours(24);
        assert_eq!(timed_out(&state, at(10 + 24 * 60), day), None);
        let fact = timed_out(&state, at(10 + 24 * 60 + 1), day).expect("due");
        let state = after(&[(10, Fact::ProgressAdded { text: "x".into(), task: None }), (2000, fact)]);
        assert_eq!(timed_out(&state, at(9000), day), None, "paused sessions are left alone");
        assert_eq!(active(&state, at(9000)), Lapse::minutes(10), "the pause began with the last thing that happened");
    }

    #[test]
    fn the_table_of_moves() {
        let end = Fact::SessionEnded { outcome: SessionOutcome::Failed, summary: None };
        let states = [after(&[]), after(&[(1, paused("lunch"))]), after(&[(1, end)])];
        let table: Vec<String> = states
            .iter()
            .map(|state| {
                let tried = [pause(state, "tea"), resume(state), super::end(state, SessionOutcome::Completed, None)];
                let cells: Vec<String> = tried
                    .iter()
                    .map(|tried| match tried {
                        Ok(facts) if facts.is_empty() => "nothing to do".to_owned(),
                        Ok(_) => "done".to_owned(),
                        Err(refusal) => refusal.message.clone(),
                    })
                    .collect();
                cells.join(" | ")
            })
            .collect();
        insta::assert_snapshot!(table.join("\n"), @r"
        done | nothing to do | done
        the session `s` is paused already: lunch | done | done
        the session `s` has ended | the session `s` has ended | the session `s` has ended
        ");
    }

    #[test]
    fn the_stop_comes_in_two_steps() {
        let of = |minutes| Stop::of(Lapse::minutes(minutes), Lapse::minutes(100));
        assert_eq!([of(89), of(90), of(99), of(100)], [Stop::No, Stop::Soft, Stop::Soft, Stop::Hard]);
    }
}
