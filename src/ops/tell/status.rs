//! `status`: everything on one screen. Reads only.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    host::{
        Result,
        store::{layout::Private, lock, overview::Known},
        workspace::Workspace,
    },
    model::{
        holdings::{Counts, HeldTask, current_task},
        id::{CheckpointName, SessionId, TaskId},
        progress::Headway,
        quote,
        report::{
            GateReport, Need, Upcoming,
            compose::{headway, needs, next},
        },
        session::{Status, active},
        state::State,
        task::progress::{Progress, Proof},
        time::{Lapse, Timestamp},
    },
    ops::tell::scene::Scene,
};

/// How many tasks are named.
const LISTED: usize = 5;

/// Nothing to say.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Request {}

/// How things stand.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Outcome {
    /// The session that commands belong to here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<SessionLine>,
    /// Other live sessions of this clone.
    pub others: Vec<SessionLine>,
    /// Sessions whose log cannot be read, and why.
    pub damaged: Vec<String>,
    /// The branch; none when HEAD is detached.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub branch: Option<String>,
    /// The git operation that is under way, such as `rebase`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<String>,
    /// Files that differ from HEAD outside `.claude/`.
    pub uncommitted: usize,
    /// The run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<RunLine>,
    /// What is being worked on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub focus: Option<String>,
    /// How many tasks stand where.
    pub tasks: Counts,
    /// How far they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub headway: Option<Headway>,
    /// What comes next, best first.
    pub next: Vec<Upcoming>,
    /// How many more could be started.
    pub next_more: usize,
    /// Questions that nobody answered.
    pub questions: usize,
    /// What the gates last said.
    pub gates: Vec<GateReport>,
    /// Tasks that are done and that nothing proves.
    pub unproven: Vec<TaskId>,
    /// The last checkpoint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checkpoint: Option<Checkpoint>,
    /// What needs a person, the most urgent first.
    pub needs: Vec<Need>,
}

/// A session in one line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SessionLine {
    /// Which.
    pub session: SessionId,
    /// What people call it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// What is to be reached.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub goal: Option<String>,
    /// Its status.
    pub status: Status,
    /// How long it was worked on, without pauses.
    pub worked: Lapse,
    /// How long it may take.
    pub max: Lapse,
    /// When something last happened.
    pub last: Timestamp,
    /// The work tree that it is bound to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub work_tree: Option<String>,
}

/// A run in one line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RunLine {
    /// Attempts so far.
    pub attempts: u32,
    /// When it began.
    pub started: Timestamp,
    /// The task of the attempt under way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<TaskId>,
    /// The number of that attempt at it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempt: Option<u32>,
    /// Why it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<String>,
    /// Whether somebody asked it to stop.
    pub stop_asked: bool,
    /// Whether it died before its end; the next run goes on.
    #[serde(default)]
    pub died: bool,
}

/// A checkpoint in one line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Checkpoint {
    /// Its name.
    pub name: CheckpointName,
    /// When it was taken.
    pub at: Timestamp,
}

/// Shows how things stand.
///
/// # Errors
/// Refuses an unknown session; fails when git or the store cannot be read.
pub fn status(workspace: &Workspace, _request: &Request) -> Result<Outcome> {
    let here = workspace.may_belong_to()?;
    let own = if let [one] = here.as_slice() { Some(one.clone()) } else { None };
    let scene = Scene::read(workspace, own)?;
    let git = workspace.git()?;
    let (holdings, state, now) = (&scene.holdings, scene.state(), scene.now);
    let line = |known: &Known| session_line(workspace, known, now);
    let gates = scene.gates(workspace);
    let (next, next_more) = next(holdings, LISTED);
    let uncommitted = git.numstat_of_work_tree(scene.head.as_ref())?;
    let unproven = |held: &&HeldTask| held.progress == Progress::Done { proof: Proof::Unproven };
    Ok(Outcome {
        session: scene.session.as_ref().and_then(|session| scene.overview.session(session)).and_then(line),
        others: scene.overview.sessions().filter(|known| known.session != scene.session).filter_map(line).collect(),
        damaged: scene.overview.damaged.iter().map(|(name, why)| format!("{name}: {why}")).collect(),
        branch: scene.branch.clone(),
        operation: git.operation().map(|operation| operation.command().to_owned()),
        uncommitted: uncommitted.paths.iter().filter(|path| !path.path.is_claude()).count(),
        run: state.and_then(|state| run_line(workspace, state)),
        focus: state.and_then(|state| focus(&scene, state)),
        tasks: Counts::of(holdings.tasks.iter().map(|held| &held.progress)),
        headway: headway(holdings, state, now),
        next,
        next_more,
        questions: holdings.open_questions(now).len(),
        needs: needs(holdings, state, &gates, now),
        gates,
        unproven: holdings.tasks.iter().filter(unproven).map(|held| held.task.id.clone()).collect(),
        checkpoint: state
            .and_then(|state| state.checkpoints.entries.back())
            .and_then(|taken| Some(Checkpoint { name: taken.name.clone()?, at: taken.at })),
    })
}

fn session_line(workspace: &Workspace, known: &Known, now: Timestamp) -> Option<SessionLine> {
    let session = known.state.session.as_ref()?;
    let work_tree = known.binding.as_ref().map(|binding| &binding.work_tree).filter(|path| *path != workspace.root());
    Some(SessionLine {
        session: session.id.clone(),
        title: session.title.as_deref().map(|title| quote::line(title, 80)),
        goal: session.goal.as_deref().map(|goal| quote::line(goal, 300)),
        status: Status::of(&known.state.phase),
        worked: active(&known.state, now),
        max: session.max,
        last: known.state.last.unwrap_or(session.started),
        work_tree: work_tree.map(|path| path.display().to_string()),
    })
}

fn run_line(workspace: &Workspace, state: &State) -> Option<RunLine> {
    let run = state.run.as_ref()?;
    let goes_on = |session: &SessionId| lock::is_running(&Private::of(workspace.common_directory()).session(session));
    Some(RunLine {
        died: run.ended.is_none() && !state.session.as_ref().is_some_and(|session| goes_on(&session.id)),
        attempts: run.steps,
        started: run.started,
        task: run.step.as_ref().map(|step| step.task.clone()),
        attempt: run.step.as_ref().map(|step| step.attempt),
        ended: run.ended.as_deref().map(|reason| quote::line(reason, 200)),
        stop_asked: run.stop_asked,
    })
}

fn focus(scene: &Scene, state: &State) -> Option<String> {
    let text = state.focus.as_ref().map(|focus| focus.text.as_str());
    let task = current_task(state).map(|id| scene.holdings.title_of(id));
    text.filter(|text| !text.trim().is_empty()).or(task).map(|text| quote::line(text, 200))
}
