//! What the pages of a session say: the values that their templates are given.
//!
//! Words of others come on one line, or as paragraphs that go on in a list item; lists are cut and the rest is counted.

use serde::Serialize;

use crate::model::{
    event::SessionOutcome,
    holdings::{Counts, Holdings, current_task, phase_words},
    id::{DecisionId, QuestionId, SessionId, TaskId},
    quote::{self, indented},
    session_page::SessionPage,
    state::{self, Newest, Phase, State, TaskStage},
    task::{Task, order::blockers, progress::Progress},
    time::Timestamp,
};

/// How many entries a list on a page has; what is left out is counted.
const LISTED: usize = 20;
/// How long a line of other people's words may be on a page.
const LINE: usize = 400;
/// How long a paragraph of theirs may be.
const PARAGRAPH: usize = 4_000;

/// The values for the template of `page`; none where the log is not that of a session.
///
/// # Errors
/// Fails when the values cannot be written as data, which would be a fault of this program.
pub fn values(
    page: SessionPage,
    state: &State,
    holdings: &Holdings,
    now: Timestamp,
) -> Option<serde_json::Result<serde_json::Value>> {
    let session = &state.session.as_ref()?.id;
    Some(match page {
        SessionPage::Readme | SessionPage::Current => serde_json::to_value(readme(state)?),
        SessionPage::Focus => serde_json::to_value(focus(state, holdings)),
        SessionPage::Progress => serde_json::to_value(progress(&state.progress)),
        SessionPage::Next => serde_json::to_value(next(holdings)),
        SessionPage::Decisions => serde_json::to_value(decisions(state, session, holdings)),
        SessionPage::Blockers => serde_json::to_value(blocking(holdings, now)),
        SessionPage::Summary => serde_json::to_value(summary(state, holdings, now)),
    })
}

/// A list that shows some entries and counts the rest.
#[derive(Clone, Debug, PartialEq, Serialize)]
struct Listed<T> {
    /// The entries that are shown.
    entries: Vec<T>,
    /// How many are not.
    more: usize,
}

impl<T> Listed<T> {
    /// Keeps the first `limit` entries.
    fn first(all: impl IntoIterator<Item = T>, limit: usize) -> Self {
        let mut all = all.into_iter();
        let entries: Vec<T> = all.by_ref().take(limit).collect();
        Self { entries, more: all.count() }
    }

    /// Keeps the last `limit` entries.
    fn last(all: Vec<T>, limit: usize) -> Self {
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

fn progress(log: &Newest<state::Progress>) -> ProgressValues {
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
