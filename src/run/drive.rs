//! The loop of agents at work: asks `model::plan` what comes next and has it done, until something ends the run.
//!
//! How far it is stands in the session's log and nowhere else, so a run that dies at any point is gone on with by the next
//! one. What one act does is in `run::step`; nothing is printed here.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    host::{
        Result,
        process::{self, Stop},
        store::{
            layout::Private,
            lock::{self, RunLock},
            overview::Overview,
            publish,
        },
        transaction::Transaction,
        workspace::Workspace,
    },
    model::{
        actor::Actor,
        branch::{Protection, protection},
        event::Fact,
        holdings::{Holdings, current_task},
        id::{AgentName, GateName, RunId, SessionId, TaskId},
        intent::{Intent, Settlement},
        plan::{Next, Outlook, Plan, Reach, advance, ending::Ending},
        refusal::Refusal,
        settings::{AgentProfile, Driver},
        task::{Task, order, progress::Progress as Standing},
        time::{Lapse, Timestamp},
    },
    ops::{
        judge::gate,
        session::start,
        setup::{
            hand_out,
            in_force::{self, GateInForce},
        },
        work::{board::Board, task::add},
    },
    run::{
        agent::{claude::Given, profile},
        place,
        step::Stage,
    },
};

/// The verbs of this program that an agent may use.
pub const VERBS: [&str; 16] = [
    "decide",
    "ask",
    "note",
    "next",
    "progress add",
    "task show",
    "task list",
    "task add",
    "context brief",
    "context add",
    "context get",
    "context list",
    "memory store",
    "memory get",
    "memory list",
    "memory search",
];

/// How long leftovers of an attempt that nobody watched may take to end.
const GRACE: std::time::Duration = process::GRACE;

/// What is to be run.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Request {
    /// What is to be reached; becomes a task when none is open.
    pub goal: Option<String>,
    /// The only task to work on.
    pub task: Option<String>,
    /// The agent profile; that of the settings when it is not said.
    pub agent: Option<AgentName>,
    /// How long the run may take; that of the settings when it is not said.
    pub max: Option<Lapse>,
    /// How many attempts it may make; that of the settings when it is not said.
    pub steps: Option<u32>,
    /// Where to write down what the agent does, to be played again.
    pub record: Option<PathBuf>,
    /// Whether an agent may work without containment.
    pub containment: Containment,
    /// How many tasks are worked on.
    pub reach: Reach,
}

/// Whether agents are kept from what is not theirs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Containment {
    /// They are, or do not run.
    #[default]
    Demanded,
    /// A person lets them run without.
    Waived,
}

/// What a run would do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Prospect {
    /// The agent.
    pub agent: AgentName,
    /// How it is talked to.
    pub driver: Driver,
    /// The plan.
    pub plan: Plan,
    /// Gates that cannot run because nobody has trusted them.
    pub waiting: Vec<GateName>,
    /// The session that it would work in; none when it would start one.
    pub session: Option<SessionId>,
    /// The branch that it would work on; none when it would make `autonomy/<session>`.
    pub branch: Option<String>,
    /// The tasks that may be started, best first: name and title.
    pub ready: Vec<(TaskId, String)>,
    /// The tasks that somebody has started, which it leaves alone unless `--task` names one: name and title.
    pub started: Vec<(TaskId, String)>,
    /// How many tasks are not over.
    pub open: usize,
}

/// What came of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Outcome {
    /// The session.
    pub session: SessionId,
    /// The run.
    pub run: RunId,
    /// Why it ended.
    pub ending: Ending,
    /// How many attempts it made.
    pub steps: u32,
    /// How many tasks it finished.
    pub done: u32,
    /// How many tasks it parked or left waiting.
    pub parked: u32,
    /// How long it took.
    pub took: Lapse,
    /// The branch that the work is on.
    pub branch: Option<String>,
    /// The next useful command.
    pub next: String,
}

/// What is settled before a run begins.
struct Choice {
    name: AgentName,
    profile: AgentProfile,
    gates: Vec<GateInForce>,
    plan: Plan,
}

/// What a run would do now. Writes nothing.
///
/// # Errors
/// Refuses what [`run`] refuses before it begins.
pub fn prospect(workspace: &Workspace, request: &Request) -> Result<Prospect> {
    let Choice { name, profile, gates, plan } = choose(workspace, request)?;
    in_force::demand_hooks(workspace)?;
    let board = Board::read(workspace)?;
    let named = |task: &Task| (task.id.clone(), task.title.clone());
    let ready = may_begin(&board.holdings, &plan, handed_over(workspace)?.as_ref());
    let started = started(&board.holdings).filter(|task| !ready.contains(task));
    Ok(Prospect {
        started: started.map(named).collect(),
        ready: ready.into_iter().map(named).collect(),
        open: board.holdings.tasks.iter().filter(|held| !held.progress.is_over()).count(),
        agent: name,
        driver: profile.driver,
        waiting: gate::waiting(&gates),
        session: workspace.belongs_to()?,
        branch: may_commit(workspace)?,
        plan,
    })
}

fn choose(workspace: &Workspace, request: &Request) -> Result<Choice> {
    let settings = workspace.settings()?;
    let name = request.agent.clone().unwrap_or_else(|| settings.run.agent.clone());
    let profile = in_force::agent(workspace, &name)?;
    let gates = in_force::gates(workspace)?;
    let task = match &request.task {
        Some(given) => Some(Board::read(workspace)?.task(given)?.task.id.clone()),
        None => None,
    };
    let plan = Plan {
        max: request.max.unwrap_or(settings.run.max_hours.0),
        steps: request.steps.unwrap_or_else(|| settings.run.max_steps.get()),
        tokens: settings.run.max_tokens.get(),
        cost_micros: settings.run.max_cost.0,
        tries: settings.run.max_tries.get(),
        idle: settings.run.steps_without_progress.get(),
        gates: gates.iter().filter(|own| own.gate.is_some()).map(|own| own.name.clone()).collect(),
        task,
        reach: request.reach,
    };
    Ok(Choice { name, profile, gates, plan })
}

/// The branch when commits of ours may be made on it; none when it is protected.
///
/// # Errors
/// Refuses where no commit can be made at all.
fn may_commit(workspace: &Workspace) -> Result<Option<String>> {
    let git = workspace.git()?;
    let head = git.head()?;
    if let Some(branch) = head.branch()
        && head.commit().is_some()
        && let Protection::Protected(_) = protection(branch, &workspace.settings()?.branches, &git.branch_facts()?)
        && git.operation().is_none()
        && !git.has_conflicts()?
    {
        return Ok(None);
    }
    match publish::obstacle(workspace)? {
        None => Ok(head.branch().map(str::to_owned)),
        Some(why) if head.commit().is_none() => {
            Err(Refusal::conflict(format!("cannot run here: {why}, so finished work could not be committed"))
                .hint("make the first: `git commit --allow-empty -m \"Begin\"`; then `autonomy run`")
                .into())
        }
        Some(why) => Err(Refusal::conflict(format!("cannot run here: {why}, so finished work could not be committed"))
            .hint("`git switch <branch>`, or finish what is in progress; then `autonomy run`")
            .into()),
    }
}

/// What the client of an agent is given besides its profile.
fn given(workspace: &Workspace) -> Result<Given> {
    let sources = in_force::client_settings(workspace)?;
    in_force::tell_withheld(workspace, &sources);
    Ok(Given { servers: in_force::servers(workspace)?, plugin: hand_out::plugin_for_agents(workspace, &sources)? })
}

/// Lets an agent that is not contained pass only when a person says so.
fn demand_containment(workspace: &Workspace, request: &Request, choice: &Choice) -> Result<()> {
    match choice.profile.driver {
        // A recording does what its file says, which the person chose.
        Driver::Replay => return Ok(()),
        Driver::Claude | Driver::Command => {}
    }
    if workspace.settings()?.run.uncontained {
        return Ok(());
    }
    if request.containment == Containment::Waived {
        return workspace.must_be_shown_person("`--uncontained`");
    }
    Err(Refusal::needs_person(format!(
        "the agent `{}` would run without containment: with your rights, on all your files, with your network and credentials",
        choice.name
    ))
    .hint("`autonomy run --uncontained` lets it, this time; `run.uncontained = true` in your own settings always does")
    .into())
}

/// Runs until something ends it. `tell` gets a line for people whenever there is something to say.
///
/// # Errors
/// Refuses where no commit can be made, no task is there, an agent is not contained, or another run goes on; fails when the
/// machine does. What was done until then is kept, and the next run goes on.
pub fn run(workspace: &Workspace, request: &Request, stop: &Stop, tell: &mut dyn FnMut(&str)) -> Result<Outcome> {
    let choice = choose(workspace, request)?;
    demand_containment(workspace, request, &choice)?;
    may_commit(workspace)?;
    in_force::demand_hooks(workspace)?;
    let own_program = process::own_program()?;
    let here = workspace.environment().directory();
    let given = match choice.profile.driver {
        Driver::Claude => given(workspace)?,
        Driver::Command | Driver::Replay => Given::default(),
    };
    let agent = profile::driver(&choice.name, &choice.profile, &VERBS, &own_program, here, given)?;
    let waiting = gate::waiting(&choice.gates);
    if let Some(session) = workspace.belongs_to()? {
        let directory = Private::of(workspace.common_directory()).session(&session);
        // Nothing is written down for a run that does not begin.
        if lock::is_running(&directory) {
            drop(RunLock::take(&directory)?);
        }
    }
    make_ready(workspace, request, tell)?;
    let mut transaction = Transaction::of_session(workspace)?;
    let _one = place::take(&transaction, stop, tell)?;
    transaction.act_as(Actor::Autonomy);
    let Some(session) = transaction.session().cloned() else {
        return Err(Refusal::no("no session is live in this work tree").into());
    };
    settle_branch(&mut transaction)?;
    if may_commit(workspace)?.is_none() {
        switch(&mut transaction, &format!("autonomy/{session}"), tell)?;
    }
    let run = begin(&mut transaction, &choice.plan)?;
    workspace.watch_changes();
    tell(&format!("run {run} in session {session}: agent `{}`, {}", choice.name, words(&choice.plan)));
    for name in &waiting {
        tell(&format!("gate `{name}` is not trusted and will not run; `autonomy trust` shows it"));
    }
    for template in in_force::waiting_templates(workspace)? {
        tell(&format!(
            "the {} of this repository is not trusted as it is now and is not what the agent is told by; `autonomy trust` shows it",
            template.label()
        ));
    }
    let mut stage =
        Stage::new(transaction, run.clone(), choice.name, choice.profile, choice.plan, choice.gates, agent, stop, tell);
    stage.record(request.record.as_deref());
    let looped = drive(&mut stage);
    let ending = match looped {
        Ok(ending) => ending,
        Err(error) => {
            // The log may be what failed; the next run finds out by itself then.
            stage.transaction.append_facts(&[Fact::RunEnded { run, reason: "fault".to_owned() }]).ok();
            return Err(error);
        }
    };
    let progress = stage.progress();
    stage.transaction.tick();
    stage.transaction.append_facts(&[Fact::RunEnded { run: run.clone(), reason: ending.word().to_owned() }])?;
    let took = stage.transaction.at().since(progress.started);
    let branch = workspace.git()?.head()?.branch().map(str::to_owned);
    let next = next_command(workspace, &ending)?;
    let parked = progress.settled - progress.done;
    Ok(Outcome { session, run, ending, steps: progress.steps, done: progress.done, parked, took, branch, next })
}

/// Runs on every task that may be started, waits for more, and goes on with new settings and trust as soon as they are there.
/// The bounds of the first run hold for all of it.
///
/// # Errors
/// As [`run`].
pub fn watch(workspace: &Workspace, request: &Request, stop: &Stop, tell: &mut dyn FnMut(&str)) -> Result<Outcome> {
    let plan = choose(workspace, request)?.plan;
    let mut all = run(workspace, request, stop, tell)?;
    while all.ending == Ending::SettingsChanged && !stop.is_told() {
        tell("the settings or what is trusted changed");
        let max = Some(Lapse(plan.max.0.saturating_sub(all.took.0)));
        let steps = Some(plan.steps.saturating_sub(all.steps));
        let next = run(&workspace.anew(), &Request { max, steps, ..request.clone() }, stop, tell)?;
        all = Outcome {
            steps: all.steps + next.steps,
            done: all.done + next.done,
            parked: all.parked + next.parked,
            took: Lapse(all.took.0 + next.took.0),
            ..next
        };
    }
    Ok(all)
}

fn words(plan: &Plan) -> String {
    let gates: Vec<&str> = plan.gates.iter().map(GateName::as_str).collect();
    let gates = if gates.is_empty() { "no gates".to_owned() } else { format!("gates {}", gates.join(", ")) };
    format!("{gates}, at most {} and {} attempts, {} tries a task", plan.max, plan.steps, plan.tries)
}

fn next_command(workspace: &Workspace, ending: &Ending) -> Result<String> {
    let next = match ending {
        Ending::Done | Ending::Once => "autonomy report",
        Ending::Blocked => {
            let board = Board::read(workspace)?;
            let left = started(&board.holdings).next().map(|task| format!("autonomy run --task {}", task.id));
            return Ok(left.unwrap_or_else(|| "autonomy task list".to_owned()));
        }
        Ending::NeedsPerson => "autonomy inbox",
        Ending::Stopped
        | Ending::SettingsChanged
        | Ending::OutOfTime
        | Ending::OutOfSteps
        | Ending::OutOfTokens
        | Ending::OutOfMoney
        | Ending::NoProgress
        | Ending::Limit { .. }
        | Ending::AgentUnusable { .. }
        | Ending::CannotCommit { .. } => "autonomy run",
    };
    Ok(next.to_owned())
}

/// The tasks that the plan lets begin now, best first. What somebody has started is theirs, unless the plan names it or it is
/// handed over: then it comes first.
fn may_begin<'a>(holdings: &'a Holdings, plan: &Plan, handed_over: Option<&TaskId>) -> Vec<&'a Task> {
    let mut fit: Vec<&Task> = started(holdings).filter(|task| Some(&task.id) == handed_over).collect();
    fit.extend(holdings.ready());
    if let Some(only) = &plan.task {
        fit.retain(|task| task.id == *only);
        let free = |task: &&Task| task.id == *only && order::blockers(task, &holdings.standings()).is_empty();
        if fit.is_empty() {
            fit.extend(started(holdings).filter(free));
        }
    }
    fit
}

/// The task that the conversation of a session that goes on by itself was at; a run takes over from it.
fn handed_over(workspace: &Workspace) -> Result<Option<TaskId>> {
    let Some(session) = workspace.belongs_to()? else { return Ok(None) };
    let overview = Overview::read(workspace)?;
    let state = overview.session(&session).map(|known| &known.state).filter(|state| state.driven);
    Ok(state.and_then(current_task).cloned())
}

/// The tasks that somebody has started, best first.
fn started(holdings: &Holdings) -> impl Iterator<Item = &Task> {
    holdings.under_way().into_iter().filter(|held| held.progress == Standing::Started).map(|held| &held.task)
}

/// Makes sure that there is a session and a task.
fn make_ready(workspace: &Workspace, request: &Request, tell: &mut dyn FnMut(&str)) -> Result<()> {
    let board = Board::read(workspace)?;
    let open = board.holdings.tasks.iter().any(|held| !held.progress.is_over());
    let may_wait = request.reach == Reach::Watch;
    if !open && !may_wait && request.goal.is_none() && !is_unfinished(workspace)? {
        return Err(Refusal::no("there is no open task to work on")
            .hint("`autonomy task add \"<title>\"`, `autonomy task import` for `docs/TODO.md`, or `autonomy run \"<goal>\"`")
            .into());
    }
    if workspace.belongs_to()?.is_none() {
        let goal = request.goal.clone();
        let outcome = start::start(
            workspace,
            &start::Request { goal, max: request.max, health: start::Health::Skipped, ..start::Request::default() },
        )?;
        tell(&format!("started session {}", outcome.session));
    }
    if !open && let Some(goal) = &request.goal {
        let (title, rest) = goal.split_once('\n').unwrap_or((goal, ""));
        let description = Some(rest.trim().to_owned()).filter(|rest| !rest.is_empty());
        let added = add::add(workspace, &add::Request { title: title.to_owned(), description, ..add::Request::default() })?;
        tell(&format!("added the task {}", added.title));
    }
    Ok(())
}

/// Whether a run that died has left a task half done: done, perhaps, and not committed yet.
fn is_unfinished(workspace: &Workspace) -> Result<bool> {
    if workspace.belongs_to()?.is_none() {
        return Ok(false);
    }
    Ok(Transaction::of_session(workspace)?.state().headway.current.is_some())
}

/// Says that the run begins; ends what a run that died has left behind.
fn begin(transaction: &mut Transaction<'_>, plan: &Plan) -> Result<RunId> {
    let mut facts = Vec::new();
    if let Some(old) = transaction.state().run.clone().filter(|old| old.ended.is_none()) {
        if let Some(step) = &old.step {
            process::end_marked(&step.id, GRACE);
        }
        facts.push(Fact::RunEnded { run: old.id, reason: "interrupted".to_owned() });
    }
    transaction.tick();
    let run = RunId::new(format!("{}-{}", transaction.at().stamp(), transaction.workspace().clock().suffix(4)?))?;
    let plan = serde_json::to_value(plan).unwrap_or_default();
    facts.push(Fact::RunStarted { run: run.clone(), plan });
    transaction.append_facts(&facts)?;
    Ok(run)
}

/// Goes on with a change of branch that a run that died has begun.
fn settle_branch(transaction: &mut Transaction<'_>) -> Result<()> {
    let pending: Vec<(u64, Intent)> = transaction.state().intents.iter().map(|(seq, intent)| (*seq, intent.clone())).collect();
    for (seq, intent) in pending {
        let Intent::Branch { name, from, at } = intent else { continue };
        let git = transaction.workspace().git()?;
        let head = git.head()?;
        let here = head.reference();
        let outcome = if here.as_deref() == Some(name.as_str()) {
            Settlement::Done { commit: None }
        } else if here == from && head.commit() == at.as_ref() {
            git.switch_to_new_branch(name.strip_prefix("refs/heads/").unwrap_or(&name))?;
            Settlement::Done { commit: None }
        } else {
            Settlement::Dropped { why: "HEAD has moved since".to_owned() }
        };
        transaction.append_facts(&[Fact::IntentSettled { intent: seq, outcome }])?;
    }
    Ok(())
}

/// Makes the work branch at HEAD and stands on it; index and work tree stay as they are.
fn switch(transaction: &mut Transaction<'_>, name: &str, tell: &mut dyn FnMut(&str)) -> Result<()> {
    let git = transaction.workspace().git()?;
    let head = git.head()?;
    let intent = Intent::Branch { name: format!("refs/heads/{name}"), from: head.reference(), at: head.commit().cloned() };
    transaction.append_facts(&[Fact::IntentFormed { intent }])?;
    settle_branch(transaction)?;
    tell(&format!("now on the branch `{name}`, because `{}` takes no commits of ours", head.branch().unwrap_or("HEAD")));
    Ok(())
}

/// The loop.
fn drive(stage: &mut Stage<'_, '_>) -> Result<Ending> {
    let mut watching = None;
    loop {
        stage.listen()?;
        let progress = stage.progress();
        let outlook = match &progress.current {
            Some(_) => Outlook::Blocked,
            None => outlook(stage.workspace(), &stage.plan)?,
        };
        let now: Timestamp = stage.transaction.at();
        match advance(&stage.plan, &progress, &outlook, now) {
            Next::Baseline => {
                stage.ask_about_unasked()?;
                let red = stage.baseline()?;
                stage.retreat(&red)?;
            }
            Next::Attempt { task, number, .. } => stage.attempt(&task, number, &progress)?,
            Next::Reach { milestone } => stage.reach(&milestone)?,
            Next::Wait { until } => stage.wait(until)?,
            Next::Look => {
                if let Some(ending) = stage.look(&mut watching)? {
                    return Ok(ending);
                }
            }
            Next::End(ending) => return Ok(ending),
            next => {
                let Some(current) = progress.current.clone() else { continue };
                match next {
                    Next::Close => stage.close_cut_short(&current)?,
                    Next::Judge => stage.judge(&current, &progress)?,
                    Next::Fail { why } => stage.fail(&current, &why)?,
                    Next::Park { why } => {
                        stage.park(&current, &why)?;
                        stage.look_back()?;
                    }
                    Next::Land => {
                        if let Some(ending) = stage.land(&current)? {
                            return Ok(ending);
                        }
                    }
                    Next::Note => stage.note(&current)?,
                    Next::Baseline
                    | Next::Attempt { .. }
                    | Next::Reach { .. }
                    | Next::Wait { .. }
                    | Next::Look
                    | Next::End(_) => {}
                }
            }
        }
    }
}

/// What there is to work on.
fn outlook(workspace: &Workspace, plan: &Plan) -> Result<Outlook> {
    let board = Board::read(workspace)?;
    let wanted = |id: &TaskId| plan.task.as_ref().is_none_or(|only| only == id);
    if let Some(milestone) = board.holdings.due().into_iter().find(|milestone| wanted(&milestone.id)) {
        return Ok(Outlook::Due(milestone.id.clone()));
    }
    if let Some(task) = may_begin(&board.holdings, plan, handed_over(workspace)?.as_ref()).first() {
        return Ok(Outlook::Ready(task.id.clone()));
    }
    let mut left = board.holdings.tasks.iter().filter(|held| wanted(&held.task.id) && !held.progress.is_over()).peekable();
    if left.peek().is_none() {
        return Ok(Outlook::AllOver);
    }
    let waits = left.any(|held| matches!(held.progress, Standing::Waiting { .. }));
    Ok(if waits { Outlook::NeedsPerson } else { Outlook::Blocked })
}
