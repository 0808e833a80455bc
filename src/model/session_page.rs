//! The pages of a live session: which there are, which facts change each, and the values that their templates are given.
//!
//! How a block stands in a file is `model::page`; rendering and writing are `host`'s. What a template receives is plain text
//! on one line unless it is said otherwise.

use serde::Serialize;

use crate::model::{
    event::{Fact, SessionOutcome},
    holdings::{Holdings, current_task, phase_words},
    id::{DecisionId, QuestionId, SessionId, TaskId},
    quote::{self, indented},
    record::RecordKind,
    state::{Newest, Phase, State, TaskStage},
    task::{
        Task,
        order::blockers,
        progress::{Progress, Proof},
    },
    time::Timestamp,
};

/// How many entries a list on a page has; what is left out is counted.
const LISTED: usize = 20;
/// How long a line of other people's words may be on a page.
const LINE: usize = 400;
/// How long a paragraph of theirs may be.
const PARAGRAPH: usize = 4_000;

/// A page of a live session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SessionPage {
    /// What the session is for.
    Readme,
    /// What is being worked on.
    Focus,
    /// What was achieved, with dates.
    Progress,
    /// What comes next.
    Next,
    /// What was decided.
    Decisions,
    /// What a person is needed for.
    Blockers,
    /// How far things are.
    Summary,
    /// Which session is current: a pointer for programs.
    Current,
}

impl SessionPage {
    /// All of them.
    pub const ALL: [Self; 8] =
        [Self::Readme, Self::Focus, Self::Progress, Self::Next, Self::Decisions, Self::Blockers, Self::Summary, Self::Current];

    /// Its file's name. All but [`Self::Current`] lie in the session's folder.
    #[must_use]
    pub fn file(self) -> &'static str {
        match self {
            Self::Readme => "README.md",
            Self::Focus => "CURRENT_FOCUS.md",
            Self::Progress => "PROGRESS_LOG.md",
            Self::Next => "NEXT_ACTIONS.md",
            Self::Decisions => "DECISION_LOG.md",
            Self::Blockers => "BLOCKERS.md",
            Self::Summary => "PROGRESS_SUMMARY.md",
            Self::Current => "current_session",
        }
    }

    /// The name of its block; none when it is rendered whole.
    #[must_use]
    pub fn block(self) -> Option<&'static str> {
        match self {
            Self::Readme => Some("session"),
            Self::Focus => Some("focus"),
            Self::Progress => Some("progress"),
            Self::Next => Some("next"),
            Self::Decisions => Some("decisions"),
            Self::Blockers => Some("blockers"),
            Self::Summary => Some("summary"),
            Self::Current => None,
        }
    }

    /// The name of its template.
    #[must_use]
    pub fn template(self) -> &'static str {
        match self {
            Self::Readme => "pages/README.md.j2",
            Self::Focus => "pages/CURRENT_FOCUS.md.j2",
            Self::Progress => "pages/PROGRESS_LOG.md.j2",
            Self::Next => "pages/NEXT_ACTIONS.md.j2",
            Self::Decisions => "pages/DECISION_LOG.md.j2",
            Self::Blockers => "pages/BLOCKERS.md.j2",
            Self::Summary => "pages/PROGRESS_SUMMARY.md.j2",
            Self::Current => "pages/current_session.j2",
        }
    }

    /// The records that it shows.
    #[must_use]
    pub fn needs(self) -> &'static [RecordKind] {
        match self {
            Self::Readme | Self::Progress | Self::Current => &[],
            Self::Decisions => &[RecordKind::Decision],
            Self::Focus | Self::Next | Self::Blockers | Self::Summary => &[RecordKind::Task, RecordKind::Question],
        }
    }

    /// Whether `fact` changes what it shows.
    #[must_use]
    pub fn changed_by(self, fact: &Fact) -> bool {
        match fact {
            Fact::SessionStarted { .. } => true,
            Fact::SessionPaused { .. } | Fact::SessionResumed {} | Fact::SessionEnded { .. } => {
                matches!(self, Self::Readme | Self::Summary | Self::Current)
            }
            Fact::FocusSet { .. } | Fact::StepStarted { .. } | Fact::StepEnded { .. } => self == Self::Focus,
            Fact::ProgressAdded { .. } => self == Self::Progress,
            Fact::RecordWritten { record, .. }
            | Fact::RecordQueued { record, .. }
            | Fact::RecordEdited { record, .. }
            | Fact::RecordDropped { record } => self.shows(record),
            Fact::TaskAdded { .. } => matches!(self, Self::Next | Self::Summary),
            Fact::TaskStarted { .. }
            | Fact::TaskFailed { .. }
            | Fact::TaskWaiting { .. }
            | Fact::TaskParked { .. }
            | Fact::TaskResumed { .. }
            | Fact::TaskDone { .. }
            | Fact::TaskReopened { .. }
            | Fact::TaskCancelled { .. } => matches!(self, Self::Focus | Self::Next | Self::Blockers | Self::Summary),
            Fact::DecisionRecorded { .. } => matches!(self, Self::Decisions | Self::Summary),
            Fact::QuestionAsked { .. } | Fact::QuestionAnswered { .. } => matches!(self, Self::Blockers | Self::Summary),
            Fact::CheckpointMade { name, .. } => self == Self::Summary && name.is_some(),
            Fact::IntentSettled { .. } | Fact::GateRan { .. } | Fact::RunStarted { .. } | Fact::RunEnded { .. } => {
                self == Self::Summary
            }
            Fact::CloneStarted { .. }
            | Fact::ClientBound { .. }
            | Fact::NoteAdded { .. }
            | Fact::FileSealed { .. }
            | Fact::IntentFormed { .. }
            | Fact::ChangeSeen { .. }
            | Fact::RunStopAsked {}
            | Fact::StepSpawned { .. }
            | Fact::LimitMet { .. }
            | Fact::UsageSeen { .. }
            | Fact::ToolUsed { .. }
            | Fact::StoreMended { .. }
            | Fact::Unknown => false,
        }
    }

    fn shows(self, record: &str) -> bool {
        self.needs().iter().filter_map(|kind| kind.folder()).any(|folder| record.starts_with(folder))
    }

    /// The values for its template; none where the log is not that of a session.
    ///
    /// # Errors
    /// Fails when the values cannot be written as data, which would be a fault of this program.
    pub fn values(self, state: &State, holdings: &Holdings, now: Timestamp) -> Option<serde_json::Result<serde_json::Value>> {
        let session = &state.session.as_ref()?.id;
        Some(match self {
            Self::Readme | Self::Current => serde_json::to_value(readme(state)?),
            Self::Focus => serde_json::to_value(focus(state, holdings)),
            Self::Progress => serde_json::to_value(progress(&state.progress)),
            Self::Next => serde_json::to_value(next(holdings)),
            Self::Decisions => serde_json::to_value(decisions(state, session, holdings)),
            Self::Blockers => serde_json::to_value(blocking(holdings, now)),
            Self::Summary => serde_json::to_value(summary(state, holdings, now)),
        })
    }
}

/// A list that shows some entries and counts the rest.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Listed<T> {
    /// The entries that are shown.
    pub entries: Vec<T>,
    /// How many are not.
    pub more: usize,
}

impl<T> Listed<T> {
    /// Keeps the first `limit` entries.
    pub fn first(all: impl IntoIterator<Item = T>, limit: usize) -> Self {
        let mut all = all.into_iter();
        let entries: Vec<T> = all.by_ref().take(limit).collect();
        Self { entries, more: all.count() }
    }

    /// Keeps the last `limit` entries.
    pub fn last(all: Vec<T>, limit: usize) -> Self {
        let more = all.len().saturating_sub(limit);
        Self { entries: all.into_iter().skip(more).collect(), more }
    }
}

/// What README and the pointer say.
#[derive(Debug, Serialize)]
struct Readme {
    id: SessionId,
    title: Option<String>,
    goal: Option<String>,
    constraints: Vec<String>,
    status: String,
    word: &'static str,
    started: String,
    max: String,
    person: Option<String>,
    branch: Option<String>,
    head: Option<String>,
    continues: Option<SessionId>,
    parent: Option<SessionId>,
}

fn readme(state: &State) -> Option<Readme> {
    let session = state.session.as_ref()?;
    Some(Readme {
        id: session.id.clone(),
        title: session.title.as_deref().map(line),
        goal: session.goal.as_deref().map(paragraph),
        constraints: session.constraints.iter().map(|text| paragraph(text)).collect(),
        status: line(&phase_words(&state.phase)),
        word: match &state.phase {
            Phase::Active => "active",
            Phase::Paused { .. } => "paused",
            Phase::Ended { outcome: SessionOutcome::Completed, .. } => "completed",
            Phase::Ended { outcome: SessionOutcome::Failed, .. } => "failed",
        },
        started: session.started.second(),
        max: session.max.to_string(),
        person: session.person.as_deref().map(line),
        branch: session.branch.as_deref().map(line),
        head: session.head.as_ref().map(|head| head.short().to_owned()),
        continues: session.continues.as_ref().map(|from| from.session.clone()),
        parent: session.parent.clone(),
    })
}

/// A task on a page.
#[derive(Debug, Serialize)]
struct TaskLine {
    id: TaskId,
    title: String,
    priority: &'static str,
    estimate: Option<String>,
    status: String,
    failures: u32,
    criteria: Vec<Criterion>,
    acceptance: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Criterion {
    text: String,
    done: bool,
}

fn task_line(task: &Task, status: &Progress, failures: u32) -> TaskLine {
    TaskLine {
        id: task.id.clone(),
        title: line(&task.title),
        priority: task.priority.as_str(),
        estimate: task.estimate.map(|estimate| estimate.to_string()),
        status: line(&status.to_string()),
        failures,
        criteria: task.criteria.iter().map(|one| Criterion { text: line(&one.text), done: one.done }).collect(),
        acceptance: task.acceptance.iter().map(|one| line(&one.label())).collect(),
    }
}

/// What `CURRENT_FOCUS` says.
#[derive(Debug, Serialize)]
struct FocusValues {
    text: Option<String>,
    since: Option<String>,
    next: Option<String>,
    task: Option<TaskLine>,
    attempt: Option<Attempt>,
}

#[derive(Debug, Serialize)]
struct Attempt {
    number: u32,
    agent: String,
    started: String,
}

fn focus(state: &State, holdings: &Holdings) -> FocusValues {
    let current = current_task(state);
    let held = current.and_then(|id| holdings.task(id));
    let focus = state.focus.as_ref().filter(|focus| focus.task.is_none() || focus.task.as_ref() == current);
    let step = state.run.as_ref().and_then(|run| run.step.as_ref());
    FocusValues {
        text: focus.map(|focus| paragraph(&focus.text)).filter(|text| !text.is_empty()),
        since: focus.map(|focus| focus.at.second()),
        next: focus.and_then(|focus| focus.next.as_deref()).map(paragraph),
        task: held.map(|held| task_line(&held.task, &held.progress, held.failures())),
        attempt: step.map(|step| Attempt { number: step.attempt, agent: line(&step.agent), started: step.started.second() }),
    }
}

/// What `PROGRESS_LOG` says; the newest entries stand at the end.
#[derive(Debug, Serialize)]
struct ProgressValues {
    older: u64,
    days: Vec<Day>,
}

#[derive(Debug, Serialize)]
struct Day {
    date: String,
    entries: Vec<ProgressLine>,
}

#[derive(Debug, Serialize)]
struct ProgressLine {
    at: String,
    by: String,
    task: Option<TaskId>,
    text: String,
}

fn progress(log: &Newest<crate::model::state::Progress>) -> ProgressValues {
    let mut days: Vec<Day> = Vec::new();
    for entry in &log.entries {
        let (at, text) = (entry.at.second(), paragraph(&entry.text));
        let (date, line) =
            (at[..10].to_owned(), ProgressLine { by: line(&entry.by.to_string()), task: entry.task.clone(), text, at });
        match days.last_mut() {
            Some(day) if day.date == date => day.entries.push(line),
            Some(_) | None => days.push(Day { date, entries: vec![line] }),
        }
    }
    ProgressValues { older: log.count.saturating_sub(log.entries.len() as u64), days }
}

/// What `NEXT_ACTIONS` says.
#[derive(Debug, Serialize)]
struct NextValues {
    ready: Listed<TaskLine>,
    blocked: Listed<Blocked>,
}

#[derive(Debug, Serialize)]
struct Blocked {
    id: TaskId,
    title: String,
    why: String,
}

fn next(holdings: &Holdings) -> NextValues {
    let standings = holdings.standings();
    let ready = holdings.ready().into_iter().map(|task| task_line(task, &Progress::Open, 0));
    let blocked = holdings.tasks.iter().filter(|held| !held.progress.is_over()).filter_map(|held| {
        let before = blockers(&held.task, &standings);
        let why = match (&held.progress, before.as_slice()) {
            (Progress::Open, []) => return None,
            (Progress::Open, before) => {
                let names: Vec<String> = before.iter().take(3).map(|id| line(holdings.title_of(id))).collect();
                let more = before.len().saturating_sub(names.len());
                let more = if more > 0 { format!(" and {more} more") } else { String::new() };
                format!("after {}{more}", names.join(", "))
            }
            (other, _) => line(&other.to_string()),
        };
        Some(Blocked { id: held.task.id.clone(), title: line(&held.task.title), why })
    });
    NextValues { ready: Listed::first(ready, LISTED), blocked: Listed::first(blocked, LISTED) }
}

/// What `DECISION_LOG` says.
#[derive(Debug, Serialize)]
struct DecisionsValues {
    older: usize,
    entries: Vec<DecisionEntry>,
}

#[derive(Debug, Serialize)]
struct DecisionEntry {
    id: DecisionId,
    title: String,
    at: Option<String>,
    by: Option<String>,
    status: &'static str,
    risk: String,
    reversibility: &'static str,
    context: Option<String>,
    options: Vec<String>,
    choice: Option<String>,
    reason: Option<String>,
    consequences: Vec<String>,
}

fn decisions(state: &State, session: &SessionId, holdings: &Holdings) -> DecisionsValues {
    let also: Vec<DecisionId> = state.decisions.entries.iter().map(|named| named.id.clone()).collect();
    let listed = Listed::last(holdings.decisions_of(session, &also), LISTED);
    let entries = listed.entries.into_iter().map(|decision| DecisionEntry {
        id: decision.id.clone(),
        title: line(&decision.title),
        at: decision.created.map(Timestamp::second),
        by: decision.by.as_ref().map(|by| line(&by.to_string())),
        status: decision.status.word(),
        risk: decision.risk.to_string(),
        reversibility: decision.reversibility.word(),
        context: decision.context.as_deref().map(paragraph),
        options: decision.options.iter().map(|option| line(&option.name)).collect(),
        choice: decision.choice.as_deref().map(line),
        reason: decision.reason.as_deref().map(paragraph),
        consequences: decision.consequences.iter().map(|text| line(text)).collect(),
    });
    DecisionsValues { older: listed.more, entries: entries.collect() }
}

/// What `BLOCKERS` says.
#[derive(Debug, Serialize)]
struct BlockersValues {
    questions: Listed<QuestionEntry>,
    stuck: Listed<Stuck>,
}

#[derive(Debug, Serialize)]
struct QuestionEntry {
    id: QuestionId,
    title: String,
    urgency: &'static str,
    asked: Option<String>,
    by: Option<String>,
    context: Option<String>,
    options: Vec<Choice>,
    recommendation: Option<String>,
    default: Option<String>,
    deadline: Option<String>,
    blocks: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Choice {
    name: String,
    consequence: Option<String>,
}

#[derive(Debug, Serialize)]
struct Stuck {
    id: TaskId,
    title: String,
    status: String,
    command: String,
}

fn blocking(holdings: &Holdings, now: Timestamp) -> BlockersValues {
    let questions = holdings.open_questions(now).into_iter().map(|question| QuestionEntry {
        id: question.id.clone(),
        title: line(&question.title),
        urgency: question.urgency.word(),
        asked: question.created.map(Timestamp::second),
        by: question.by.as_ref().map(|by| line(&by.to_string())),
        context: question.context.as_deref().map(paragraph),
        options: question
            .options
            .iter()
            .map(|choice| Choice { name: line(&choice.name), consequence: choice.consequence.as_deref().map(line) })
            .collect(),
        recommendation: question.recommendation.as_deref().map(paragraph),
        default: question.default.as_deref().map(line),
        deadline: question.deadline.map(Timestamp::second),
        blocks: question.blocks.iter().map(|id| line(holdings.title_of(id))).collect(),
    });
    let stuck = holdings.under_way().into_iter().filter_map(|held| {
        let command = match &held.progress {
            Progress::Waiting { question } => format!("autonomy answer {question} \"…\""),
            Progress::Failed { .. } | Progress::Parked { .. } => format!("autonomy task resume {}", held.task.id),
            Progress::Open | Progress::Started | Progress::Done { .. } | Progress::Cancelled => return None,
        };
        let (title, status) = (line(&held.task.title), line(&held.progress.to_string()));
        Some(Stuck { id: held.task.id.clone(), title, status, command })
    });
    BlockersValues { questions: Listed::first(questions, LISTED), stuck: Listed::first(stuck, LISTED) }
}

/// What `PROGRESS_SUMMARY` says.
#[derive(Debug, Serialize)]
struct SummaryValues {
    status: String,
    counts: Counts,
    done: Listed<DoneLine>,
    checkpoint: Option<String>,
    checkpoints: u64,
    commits: u64,
    decisions: u64,
    questions: usize,
    rollbacks: u64,
    runs: u64,
    gates: Vec<GateLine>,
}

/// How many tasks stand where.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, serde::Deserialize, schemars::JsonSchema)]
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

#[derive(Debug, Serialize)]
struct DoneLine {
    id: TaskId,
    title: String,
    at: String,
    minutes: Option<u64>,
    proven: bool,
}

#[derive(Debug, Serialize)]
struct GateLine {
    name: String,
    verdict: &'static str,
    at: String,
    took: String,
}

fn summary(state: &State, holdings: &Holdings, now: Timestamp) -> SummaryValues {
    let mut done: Vec<DoneLine> = state
        .tasks
        .iter()
        .filter_map(|(id, task)| match &task.stage {
            TaskStage::Done { tree, .. } => Some(DoneLine {
                id: id.clone(),
                title: line(holdings.title_of(id)),
                at: task.changed.second(),
                minutes: task.started.map(|started| task.changed.since(started).as_minutes()),
                proven: tree.is_some(),
            }),
            TaskStage::Open
            | TaskStage::Started { .. }
            | TaskStage::Failed { .. }
            | TaskStage::Waiting { .. }
            | TaskStage::Parked { .. }
            | TaskStage::Cancelled { .. } => None,
        })
        .collect();
    done.sort_by(|left, right| (&left.at, &left.id).cmp(&(&right.at, &right.id)));
    SummaryValues {
        status: line(&phase_words(&state.phase)),
        counts: Counts::of(holdings.tasks.iter().map(|held| &held.progress)),
        done: Listed::last(done, LISTED),
        checkpoint: state.checkpoints.entries.back().and_then(|taken| taken.name.as_ref()).map(ToString::to_string),
        checkpoints: state.checkpoints.count,
        commits: state.commits.count,
        decisions: state.decisions.count,
        questions: holdings.open_questions(now).len(),
        rollbacks: state.rollbacks.count,
        runs: state.runs,
        gates: state
            .gates
            .iter()
            .map(|(name, gate)| GateLine {
                name: name.to_string(),
                verdict: gate.verdict.word(),
                at: gate.at.second(),
                took: gate.took.to_string(),
            })
            .collect(),
    }
}

/// Words of others on one line.
fn line(text: &str) -> String {
    quote::line(text, LINE)
}

/// Words of others on any number of lines, as they go on in a list item.
fn paragraph(text: &str) -> String {
    indented(&quote::head(text, PARAGRAPH))
}

/// `rendered` with every line that would be read as a marker of a page's block made harmless.
#[must_use]
pub fn without_markers(rendered: &str) -> String {
    let is_marker = |line: &str| line.trim().strip_prefix("<!--").is_some_and(|rest| rest.trim_start().starts_with("autonomy:"));
    rendered
        .split_inclusive('\n')
        .map(|line| if is_marker(line) { line.replacen("<!--", "&lt;!--", 1) } else { line.to_owned() })
        .collect()
}
