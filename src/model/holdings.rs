//! What holds now, taken together: the records in force and where each task stands. Pages, briefing, status and report all
//! look at this one value.
//!
//! Reading the records is `host`'s; what may be done with them is said by each kind of record.

use std::{cmp::Reverse, collections::BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::{
    checkpoint::{AgentMark, AgentState},
    decision::{self, Decision},
    event::SessionOutcome,
    id::{DecisionId, SessionId, TaskId},
    memory::Note,
    question::{self, Question},
    state::{Phase, State, TaskStage, TaskState},
    task::{
        Task, TaskKind,
        order::{self, Standing},
        progress::{Progress, Proof},
    },
    time::Timestamp,
};

/// A task with what happened to it.
#[derive(Clone, Debug, PartialEq)]
pub struct HeldTask {
    /// What its record says.
    pub task: Task,
    /// What the newest live log that knows it says.
    pub state: Option<TaskState>,
    /// Both together.
    pub progress: Progress,
}

impl HeldTask {
    /// Joins a record with what happened.
    #[must_use]
    pub fn new(task: Task, state: Option<TaskState>) -> Self {
        Self { progress: Progress::of(&task, state.as_ref()), task, state }
    }

    /// How many tries failed since it was last opened.
    #[must_use]
    pub fn failures(&self) -> u32 {
        self.state.as_ref().map_or(0, |state| state.failures)
    }
}

/// The records in force.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Holdings {
    /// Tasks by name.
    pub tasks: Vec<HeldTask>,
    /// Decisions by name.
    pub decisions: Vec<Decision>,
    /// Questions by name.
    pub questions: Vec<Question>,
    /// Notes by name.
    pub notes: Vec<Note>,
}

impl Holdings {
    /// The task with this name.
    #[must_use]
    pub fn task(&self, id: &TaskId) -> Option<&HeldTask> {
        self.tasks.iter().find(|held| held.task.id == *id)
    }

    /// The title of a task for people, or its name when there is no record.
    #[must_use]
    pub fn title_of<'a>(&'a self, id: &'a TaskId) -> &'a str {
        self.task(id).map_or(id.as_str(), |held| held.task.title.as_str())
    }

    /// Lets each task that an open question names wait for it, and no other task: the questions' records are right, also
    /// those that were asked or answered in another clone.
    pub fn wait_for_answers(&mut self, now: Timestamp) {
        let open: Vec<&Question> = self.questions.iter().filter(|it| it.status_at(now) == question::Status::Open).collect();
        for held in &mut self.tasks {
            let question = open.iter().find(|it| it.blocks.contains(&held.task.id)).map(|it| it.id.clone());
            let may_wait = !held.progress.is_over() && !matches!(held.progress, Progress::Parked { .. });
            match question {
                Some(question) if may_wait => held.progress = Progress::Waiting { question },
                None if matches!(held.progress, Progress::Waiting { .. }) => held.progress = Progress::Open,
                Some(_) | None => {}
            }
        }
    }

    /// Lets a decision hold only when a person approved it, where it was put to one: where a question asks about it, and where a
    /// live log says that one was asked, whatever became of that question's record. `put` are the decisions that such logs
    /// name, `approved` those that a person approved by what they say.
    pub fn wait_for_approval(&mut self, put: &BTreeSet<&DecisionId>, approved: &BTreeSet<&DecisionId>) {
        for decision in self.decisions.iter_mut().filter(|it| it.status == decision::Status::Accepted) {
            let mut asked = self.questions.iter().filter(|it| it.decides.as_ref() == Some(&decision.id)).peekable();
            let is_put = put.contains(&decision.id) || asked.peek().is_some();
            let is_approved = asked.any(|it| it.answer_is(question::APPROVE)) || approved.contains(&decision.id);
            if is_put && !is_approved {
                *decision = decision.clone().only_claimed();
            }
        }
    }

    /// Whether an open question asks a person to approve the decision.
    #[must_use]
    pub fn asks_about(&self, decision: &DecisionId, now: Timestamp) -> bool {
        let asks = |it: &&Question| it.decides.as_ref() == Some(decision) && it.status_at(now) == question::Status::Open;
        self.questions.iter().any(|it| asks(&it))
    }

    /// The tasks as the ranking wants them.
    #[must_use]
    pub fn standings(&self) -> Vec<Standing<'_>> {
        self.tasks.iter().map(|held| Standing { task: &held.task, progress: &held.progress }).collect()
    }

    /// The tasks that may be started, best first.
    #[must_use]
    pub fn ready(&self) -> Vec<&Task> {
        order::ready(&self.standings())
    }

    /// The milestones that may be reached now, best first. One whose tests failed is due again once more work is done.
    #[must_use]
    pub fn due(&self) -> Vec<&Task> {
        let done = self.tasks.iter().filter(|held| held.progress.is_done()).filter_map(|held| held.state.as_ref());
        let last = done.map(|state| state.changed).max();
        let is_new = |task: &&Task| {
            let held = self.task(&task.id);
            let failed =
                held.filter(|held| matches!(held.progress, Progress::Failed { .. })).and_then(|held| held.state.as_ref());
            failed.is_none_or(|failed| last > Some(failed.changed))
        };
        order::due(&self.standings()).into_iter().filter(is_new).collect()
    }

    /// The milestones that were reached after `since` and are not any more, because something before them is open again.
    #[must_use]
    pub fn lost(&self, reopened: &[TaskId], since: Timestamp) -> Vec<TaskId> {
        let mut lost: Vec<TaskId> = Vec::new();
        loop {
            let is_open = |id: &TaskId| reopened.contains(id) || lost.contains(id);
            let is_lost = |held: &&HeldTask| {
                let reached = held.progress.is_done() && held.state.as_ref().is_some_and(|state| state.changed > since);
                let part = |it: &HeldTask| it.task.parent.as_ref() == Some(&held.task.id) && is_open(&it.task.id);
                let before = held.task.after.iter().any(is_open) || self.tasks.iter().any(part);
                held.task.kind == TaskKind::Milestone && reached && before && !is_open(&held.task.id)
            };
            match self.tasks.iter().find(is_lost) {
                Some(held) => lost.push(held.task.id.clone()),
                None => return lost,
            }
        }
    }

    /// Tasks that somebody works on, or that wait, failed or were given up for now: best first.
    #[must_use]
    pub fn under_way(&self) -> Vec<&HeldTask> {
        let mut found: Vec<&HeldTask> =
            self.tasks.iter().filter(|held| !held.progress.is_over() && held.progress != Progress::Open).collect();
        found.sort_by(|left, right| order::rank(&left.task).cmp(&order::rank(&right.task)));
        found
    }

    /// Questions that nobody answered and whose default does not hold yet, the most urgent first, then the oldest.
    #[must_use]
    pub fn open_questions(&self, now: Timestamp) -> Vec<&Question> {
        let mut open: Vec<&Question> =
            self.questions.iter().filter(|question| question.status_at(now) == question::Status::Open).collect();
        open.sort_by_key(|question| (question.urgency, question.created, &question.id));
        open
    }

    /// Questions that a person answered or whose default holds, the newest answer first.
    #[must_use]
    pub fn answered_questions(&self, now: Timestamp) -> Vec<&Question> {
        let mut answered: Vec<&Question> = self.questions.iter().filter(|question| question.answer_at(now).is_some()).collect();
        answered.sort_by_key(|question| (Reverse(settled(question)), &question.id));
        answered
    }

    /// Decisions that hold, the newest first.
    #[must_use]
    pub fn decisions_in_force(&self) -> Vec<&Decision> {
        let mut found: Vec<&Decision> =
            self.decisions.iter().filter(|decision| decision.status == decision::Status::Accepted).collect();
        found.sort_by_key(|decision| (Reverse(decision.created), &decision.id));
        found
    }

    /// Decisions that were taken in a session, in the order in which they were taken.
    #[must_use]
    pub fn decisions_of(&self, session: &SessionId, also: &[DecisionId]) -> Vec<&Decision> {
        let belongs = |decision: &&Decision| decision.session.as_ref() == Some(session) || also.contains(&decision.id);
        let mut found: Vec<&Decision> = self.decisions.iter().filter(belongs).collect();
        found.sort_by_key(|decision| (decision.created, &decision.id));
        found
    }
}

/// When a question got the answer that holds.
fn settled(question: &Question) -> Option<Timestamp> {
    question.answer.as_ref().map(|answer| answer.at).or(question.deadline)
}

/// How many tasks stand where.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Counts {
    /// Nobody works on them.
    pub open: usize,
    /// Somebody works on them.
    pub started: usize,
    /// They wait for a person.
    pub waiting: usize,
    /// Their last try failed.
    pub failed: usize,
    /// Given up for now.
    pub parked: usize,
    /// Done, with a green verdict.
    pub done: usize,
    /// Done, and nothing proves it.
    pub unproven: usize,
    /// They will not be done.
    pub cancelled: usize,
}

impl Counts {
    /// Counts tasks by where they stand.
    pub fn of<'a>(all: impl IntoIterator<Item = &'a Progress>) -> Self {
        let mut counts = Self::default();
        for progress in all {
            let place = match progress {
                Progress::Open => &mut counts.open,
                Progress::Started => &mut counts.started,
                Progress::Waiting { .. } => &mut counts.waiting,
                Progress::Failed { .. } => &mut counts.failed,
                Progress::Parked { .. } => &mut counts.parked,
                Progress::Done { proof: Proof::Proven } => &mut counts.done,
                Progress::Done { proof: Proof::Unproven } => &mut counts.unproven,
                Progress::Cancelled => &mut counts.cancelled,
            };
            *place += 1;
        }
        counts
    }
}

/// The task that is worked on: of the attempt under way, else of the focus, else the one that was started last.
#[must_use]
pub fn current_task(state: &State) -> Option<&TaskId> {
    let attempted = state.run.as_ref().and_then(|run| run.step.as_ref()).map(|step| &step.task);
    let focused = || state.focus.as_ref().and_then(|focus| focus.task.as_ref());
    let started = || {
        let working = state.tasks.iter().filter(|(_, task)| matches!(task.stage, TaskStage::Started { .. }));
        working.max_by_key(|(id, task)| (task.changed, *id)).map(|(id, _)| id)
    };
    attempted.or_else(focused).or_else(started)
}

/// How a session stands at `now`, as a checkpoint says it; none when it is over, and for the clone's own log.
#[must_use]
pub fn agent_mark(state: &State, now: Timestamp) -> Option<AgentMark> {
    let session = state.session.as_ref()?.id.clone();
    let run = state.run.as_ref().filter(|run| run.ended.is_none());
    let step = run.and_then(|run| run.step.as_ref());
    let at = match (&state.phase, run, step) {
        (Phase::Ended { .. }, ..) => return None,
        (Phase::Paused { .. }, ..) => AgentState::Paused,
        (Phase::Active, _, Some(_)) => AgentState::Working,
        (Phase::Active, Some(_), None) if state.limit.is_some_and(|until| until > now) => AgentState::Limited,
        (Phase::Active, Some(_), None) => AgentState::Between,
        (Phase::Active, None, None) => AgentState::Idle,
    };
    Some(AgentMark {
        session,
        state: at,
        task: current_task(state).cloned(),
        agent: step.map(|step| step.agent.clone()),
        attempt: step.map(|step| step.attempt),
    })
}

/// Where a session stands, for people.
#[must_use]
pub fn phase_words(phase: &Phase) -> String {
    match phase {
        Phase::Active => "active".to_owned(),
        Phase::Paused { reason, since } => format!("paused since {}Z: {reason}", since.minute()),
        Phase::Ended { outcome, at, .. } => format!("{} at {}Z", outcome_word(*outcome), at.minute()),
    }
}

fn outcome_word(outcome: SessionOutcome) -> &'static str {
    match outcome {
        SessionOutcome::Completed => "completed",
        SessionOutcome::Failed => "failed",
    }
}
