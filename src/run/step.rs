//! What the loop has done: gates before the first attempt, an attempt, judging it, and what follows from the judgement.
//!
//! Each act writes down what it is about to do before it does it, and what came of it after; which act comes next is not
//! known here.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    time::Duration,
};

use crate::{
    host::{
        Doing as _, Error, Result,
        actor::AGENT,
        clock::Clock,
        failpoint,
        process::{self, Stop, Variables},
        store::{
            layout::Private,
            write::{self, Durability},
        },
        transaction::Transaction,
        workspace::Workspace,
    },
    model::{
        agent::{self, Outcome, Signal},
        change::{Change, TreePath},
        compaction::{Cause, Fullness},
        event::{Fact, Verdict},
        id::{AgentName, ClientId, GateName, Oid, RunId, StepId, TaskId},
        plan::{
            Plan,
            progress::{Current, Progress},
        },
        quote::{self, counted},
        recording::{self, Part, Recording, When},
        refusal::{Code, Refusal},
        settings::AgentProfile,
        time::Timestamp,
        usage::Usage,
    },
    ops::{
        judge::gate,
        session::{
            compaction::{before, before_in},
            stop::heed,
        },
        setup::in_force::{self, GateInForce},
        tell::prompt,
        work::{board::Board, task::start::ask_first},
    },
    run::{
        agent::{
            Agent, Attempt, Conclusion,
            record::{Recorder, steps_of_changes},
        },
        edge::{self, Pace},
    },
};

/// The most paths that one event names, and the most bytes of them (an event may have 64 KiB).
const PATHS: usize = 200;
const PATH_BYTES: usize = 40 * 1024;

/// How long a wait sleeps before it looks around again.
pub(in crate::run) const NAP: Duration = Duration::from_millis(500);

/// Everything that the acts of one run need.
pub(in crate::run) struct Stage<'a, 't> {
    pub(in crate::run) transaction: Transaction<'a>,
    pub(in crate::run) plan: Plan,
    pub(in crate::run) gates: Vec<GateInForce>,
    pub(in crate::run) stop: &'t Stop,
    tell: &'t mut dyn FnMut(&str),
    pub(in crate::run) run: RunId,
    pub(in crate::run) name: AgentName,
    pub(in crate::run) profile: AgentProfile,
    agent: Box<dyn Agent>,
    /// What each conversation has used so far; one that is not in it is not continued.
    used: BTreeMap<ClientId, Usage>,
    /// What failed in the last try: what it was, and what it printed.
    pub(in crate::run) failing: Vec<(String, String)>,
    recording: Option<(PathBuf, Recording)>,
    /// Whose settings the client of the last attempt loaded.
    sources: Option<Vec<&'static str>>,
}

impl<'a, 't> Stage<'a, 't> {
    #[expect(clippy::too_many_arguments, reason = "each is one thing that is settled before a run begins")]
    pub(in crate::run) fn new(
        transaction: Transaction<'a>,
        run: RunId,
        name: AgentName,
        profile: AgentProfile,
        plan: Plan,
        gates: Vec<GateInForce>,
        agent: Box<dyn Agent>,
        stop: &'t Stop,
        tell: &'t mut dyn FnMut(&str),
    ) -> Self {
        let (used, failing) = (BTreeMap::new(), Vec::new());
        Self { transaction, plan, gates, stop, tell, run, name, profile, agent, used, failing, recording: None, sources: None }
    }

    /// Writes down what the agent does from now on.
    pub(in crate::run) fn record(&mut self, file: Option<&Path>) {
        let directory = self.workspace().environment().directory();
        self.recording = file.map(|file| (directory.join(file), Recording::new()));
    }

    pub(in crate::run) fn workspace(&self) -> &'a Workspace {
        self.transaction.workspace()
    }

    pub(in crate::run) fn say(&mut self, line: &str) {
        (self.tell)(line);
    }

    /// How far the run has come, by its log.
    pub(in crate::run) fn progress(&self) -> Progress {
        self.transaction.state().headway.clone()
    }

    /// Hears what others wrote into the log, and writes down a request to stop that came by a signal.
    pub(in crate::run) fn listen(&mut self) -> Result<()> {
        for notice in self.workspace().take_notices() {
            self.say(&notice);
        }
        self.transaction.tick();
        self.transaction.catch_up()?;
        let asked = self.transaction.state().run.as_ref().is_some_and(|run| run.stop_asked);
        if self.stop.is_told() && !asked {
            self.transaction.append_facts(&[Fact::RunStopAsked {}])?;
        }
        Ok(())
    }

    /// Waits, and wakes early when it is told to stop.
    pub(in crate::run) fn wait(&mut self, until: Timestamp) -> Result<()> {
        self.say(&format!("waiting until {} for the usage limit to end", until.second()));
        let mut pace = Pace::from(self.workspace().clock().now());
        while self.workspace().clock().now() < until {
            self.listen()?;
            pace.keep(&mut self.transaction, None);
            if self.transaction.state().run.as_ref().is_some_and(|run| run.stop_asked) {
                return Ok(());
            }
            Clock::sleep(NAP);
        }
        Ok(())
    }

    /// Runs the gates once, to know which are red already; hands back those that are needed.
    pub(in crate::run) fn baseline(&mut self) -> Result<BTreeSet<GateName>> {
        let tell = &mut self.tell;
        let mut red = BTreeSet::new();
        gate::judge(&mut self.transaction, &self.gates, None, self.stop, &mut |ran| match ran.verdict {
            Verdict::Green => tell(&format!("gate {}: green ({})", ran.gate, ran.took)),
            Verdict::Red | Verdict::TimedOut | Verdict::Broken => {
                tell(&format!("gate {}: {} already; it blocks nothing until it is green", ran.gate, ran.verdict.word()));
                red.extend(ran.needed.then(|| ran.gate.clone()));
            }
        })?;
        Ok(red)
    }

    /// Makes an attempt at a task, after asking whatever a person has to rule first.
    pub(in crate::run) fn attempt(&mut self, task: &TaskId, number: u32, progress: &Progress) -> Result<()> {
        let workspace = self.workspace();
        let board = Board::read(workspace)?;
        let held = board.task(task.as_str())?;
        let title = held.task.title.clone();
        let current = progress.current.as_ref();
        if current.is_none() {
            match ask_first(&self.transaction, &board, held, self.transaction.at()) {
                Ok(None) => {}
                Ok(Some((facts, refusal))) => {
                    self.say(&refusal.message);
                    return self.transaction.append_facts(&facts);
                }
                Err(Error::Refused(refusal)) => {
                    let why = refusal.message;
                    self.say(&format!("parked: {why}"));
                    return self.transaction.append_facts(&[Fact::TaskParked { task: task.clone(), why, reference: None }]);
                }
                Err(error) => return Err(error),
            }
            self.failing.clear();
        }
        let before = match current {
            None => edge::snapshot_before(&mut self.transaction, &held.task)?,
            Some(_) => edge::snapshot(&mut self.transaction, task)?,
        };
        if let Some(name) = &before.checkpoint.name {
            self.say(&format!("checkpoint {name}"));
        }
        let step = StepId::new(format!("{}-{}", self.transaction.at().stamp(), workspace.clock().suffix(6)?))?;
        let known = current.and_then(|current| current.client.clone()).filter(|client| self.used.contains_key(client));
        let client = match &known {
            Some(client) => client.clone(),
            None => agent::conversation(&workspace.clock().suffix(32)?),
        };
        let mut facts = vec![Fact::TaskStarted { task: task.clone(), step: Some(step.clone()) }];
        if current.is_none() {
            facts.push(Fact::FocusSet { task: Some(task.clone()), text: title.clone(), next: None });
        }
        facts.push(Fact::StepStarted {
            step: step.clone(),
            run: self.run.clone(),
            task: task.clone(),
            attempt: number,
            agent: self.name.to_string(),
            client: Some(client.clone()),
            snapshot: before.commit.clone(),
        });
        self.transaction.append_facts(&facts)?;
        failpoint::reach("run.step").doing("begin an attempt in", workspace.root())?;
        self.say(&format!("{title}: try {number} of {}", self.plan.tries));
        // A run that died right after it began has not brought it back yet.
        if current.is_none_or(|current| current.own.is_empty() && current.tries == 0) {
            let back = edge::bring_back(&mut self.transaction, task)?;
            if back > 0 {
                self.say(&format!("  its parked work is back: {}", counted(back, "path")));
            }
        }
        let prompt = self.prompt(task, number, current)?;
        let recorder = RefCell::new(self.recording.is_some().then(|| Recorder::new(workspace.root())));
        let conclusion = self.work(&Work {
            task,
            number,
            step: &step,
            client: &client,
            known: known.is_some(),
            prompt: &prompt,
            recorder: &recorder,
        })?;
        failpoint::reach("run.worked").doing("end an attempt in", workspace.root())?;
        if let Some(client) = &conclusion.client {
            let used = self.used.entry(client.clone()).or_default();
            *used += &conclusion.usage;
        }
        let changes = self.close(task, &step, &before.commit, &conclusion)?;
        self.keep_recording(task, number, recorder.into_inner(), &conclusion, &changes)
    }

    fn prompt(&self, task: &TaskId, number: u32, current: Option<&Current>) -> Result<String> {
        let workspace = self.workspace();
        let failing = match (&self.failing, current.and_then(|current| current.feedback.as_ref())) {
            (known, Some(why)) if known.is_empty() => vec![("the last try".to_owned(), why.clone())],
            (known, _) => known.clone(),
        };
        let session = self.transaction.session().cloned().ok_or_else(|| Refusal::no("the session is over"))?;
        let gates = self.plan.gates.iter().map(ToString::to_string).collect();
        let attempt = prompt::Attempt { session, task: task.clone(), attempt: number, tries: self.plan.tries, gates, failing };
        prompt::prompt(workspace, &attempt)
    }

    /// Lets the agent work.
    fn work(&mut self, work: &Work<'_>) -> Result<Conclusion> {
        let workspace = self.workspace();
        let session = self.transaction.session().map(ToString::to_string).unwrap_or_default();
        let variables =
            Variables::inherited(workspace.environment()).with("AUTONOMY_SESSION", &session).with(AGENT, self.name.as_str());
        let output = Private::of(workspace.common_directory()).output().join(&session).join(work.step.as_str());
        let settings = &workspace.settings()?.run;
        let left = self.plan.max.0.saturating_sub(self.transaction.at().since(self.started()).0).max(Duration::from_secs(1));
        let limit = self.profile.time_limit.unwrap_or(settings.step_timeout).0.min(left);
        let overhear = |line: &str| {
            if let Some(recorder) = work.recorder.borrow_mut().as_mut() {
                recorder.overhear(line);
            }
        };
        let settings_of_client = in_force::client_settings(workspace)?;
        // What holds when the run begins is told then.
        if self.sources.replace(settings_of_client.clone()).is_some_and(|known| known != settings_of_client) {
            in_force::tell_withheld(workspace, &settings_of_client);
        }
        let none = Usage::default();
        let resume = work.known.then(|| self.used.get(work.client).unwrap_or(&none));
        let attempt = Attempt {
            prompt: work.prompt,
            directory: workspace.root(),
            task: Some(work.task),
            number: work.number,
            step: work.step,
            client: work.client,
            resume,
            limit,
            output: &output,
            variables: &variables,
            secrets: workspace.secrets(),
            settings: &settings_of_client,
            stop: self.stop,
            overhear: Some(&overhear),
        };
        let (transaction, tell, stop, step) = (&mut self.transaction, &mut self.tell, self.stop, work.step);
        let mut pace = Pace::from(workspace.clock().now());
        let window = u64::from(workspace.settings()?.session.context.get());
        let mut fullness = Fullness::default();
        self.agent.attempt(&attempt, &mut |signal| {
            match signal {
                Signal::Started(mark) => {
                    transaction.tick();
                    let process = serde_json::to_value(&mark).unwrap_or_default();
                    transaction.append_facts(&[Fact::StepSpawned { step: step.clone(), process }])?;
                    failpoint::reach("run.spawned").doing("watch an attempt in", transaction.workspace().root())?;
                }
                Signal::Text(words) => tell(&format!("  {}", quote::line(&words, 100))),
                Signal::Tool { name, target } => {
                    tell(&format!("  {} {}", quote::line(&name, 30), quote::line(&target.unwrap_or_default(), 80)));
                    transaction.tick();
                    let (tool, step) = (quote::line(&name, 100), Some(step.clone()));
                    transaction.append_facts(&[Fact::ToolUsed { tool, step, path: None, failed: false }])?;
                    heed(transaction, stop)?;
                }
                Signal::LimitNear { limit, percent, .. } => tell(&format!("  the usage limit {limit} is at {percent}%")),
                Signal::Retrying { attempt, .. } => tell(&format!("  the model's server does not answer; try {attempt}")),
                Signal::Beat => {
                    heed(transaction, stop)?;
                    pace.keep(transaction, Some(work.task));
                }
                Signal::Usage(usage) => {
                    if fullness.reaches(usage.total().tokens(), window) {
                        transaction.tick();
                        seal_ahead(transaction);
                    }
                }
                Signal::Client(_) => {}
            }
            Ok(())
        })
    }

    fn started(&self) -> Timestamp {
        self.transaction.state().run.as_ref().map_or(self.transaction.at(), |run| run.started)
    }

    /// Writes down how an attempt ended and what it changed.
    fn close(&mut self, task: &TaskId, step: &StepId, before: &Oid, conclusion: &Conclusion) -> Result<Vec<Change>> {
        self.transaction.tick();
        let after = edge::snapshot(&mut self.transaction, task)?;
        let changes = edge::changes(self.workspace().git()?, before, &after.commit)?;
        let mut facts = seen(step, &changes);
        let total = conclusion.usage.total();
        if total.tokens() > 0 || total.cost_micros > 0 {
            facts.push(Fact::UsageSeen {
                step: Some(step.clone()),
                client: None,
                input_tokens: total.input_tokens,
                output_tokens: total.output_tokens,
                cost_micros: total.cost_micros,
            });
        }
        if let Outcome::Limit { until, limit } = &conclusion.outcome {
            facts.push(Fact::LimitMet { until: *until, limit: limit.clone() });
        }
        let outcome = serde_json::to_value(&conclusion.outcome).unwrap_or_default();
        facts.push(Fact::StepEnded { step: step.clone(), outcome, tree: Some(after.evidence) });
        self.transaction.append_facts(&facts)?;
        failpoint::reach("run.closed").doing("end an attempt in", self.workspace().root())?;
        Ok(changes)
    }

    /// Ends what is left of an attempt that nobody watched to its end; its work stays and is gone on with.
    pub(in crate::run) fn close_cut_short(&mut self, current: &Current) -> Result<()> {
        process::end_marked(&current.step, process::GRACE);
        let conclusion = Conclusion { outcome: Outcome::Stopped, usage: Usage::default(), client: None, finished: None };
        let changes = self.close(&current.task, &current.step, &current.snapshot, &conclusion)?;
        self.say(&format!(
            "an attempt was cut short; what it changed is kept and gone on with: {}",
            counted(changes.len(), "path")
        ));
        Ok(())
    }

    fn keep_recording(
        &mut self,
        task: &TaskId,
        number: u32,
        recorder: Option<Recorder>,
        conclusion: &Conclusion,
        changes: &[Change],
    ) -> Result<()> {
        let root = self.workspace().root();
        let (Some((file, recording)), Some(recorder)) = (&mut self.recording, recorder) else { return Ok(()) };
        let exit = conclusion.finished.as_ref().map_or(crate::model::process::Exit::Code(0), |finished| finished.exit);
        let mut steps = recorder.finish(exit);
        if steps.is_empty() {
            steps = steps_of_changes(root, changes)?;
        }
        let when = When { task: Some(recording::title_part(task).to_owned()), attempt: Some(number) };
        recording.attempts.push(Part { when, steps });
        let text = recording.write()?;
        write::replace(file, text.as_bytes(), Durability::Derived)
    }
}

/// One attempt, as the agent is asked for it.
struct Work<'a> {
    task: &'a TaskId,
    number: u32,
    step: &'a StepId,
    client: &'a ClientId,
    known: bool,
    prompt: &'a str,
    recorder: &'a RefCell<Option<Recorder>>,
}

/// The facts that tell what changed, in events that are not too long.
pub(in crate::run) fn seen(step: &StepId, changes: &[Change]) -> Vec<Fact> {
    let mut pieces: Vec<Vec<Change>> = Vec::new();
    let mut bytes = 0;
    for change in changes {
        // Two object ids and the keys around them.
        let length = change.path.to_string().len() + 220;
        match pieces.last_mut() {
            Some(piece) if piece.len() < PATHS && bytes + length < PATH_BYTES => {
                piece.push(change.clone());
                bytes += length;
            }
            Some(_) | None => {
                pieces.push(vec![change.clone()]);
                bytes = length;
            }
        }
    }
    let mut left = changes.len();
    let told = pieces.into_iter().map(|piece| {
        left -= piece.len();
        Fact::ChangeSeen { step: Some(step.clone()), changes: piece, more: u64::try_from(left).unwrap_or(u64::MAX) }
    });
    told.collect()
}

/// The paths of a list that are not to be mixed up with somebody else's.
pub(in crate::run) fn shared(own: &BTreeSet<TreePath>, dirty: &BTreeSet<TreePath>) -> Vec<String> {
    own.intersection(dirty).map(ToString::to_string).collect()
}

/// Whether an error says that the same may succeed later without any change.
pub(in crate::run) fn may_pass(refusal: &Refusal) -> bool {
    refusal.code == Code::Conflict && refusal.retryable
}

/// Seals everything while an agent whose context is almost full works on; what comes in the way stops nobody.
fn seal_ahead(transaction: &mut Transaction<'_>) {
    let request = before::Request { cause: Cause::Proactive, transcript: None };
    if let Err(error) = before_in(transaction, &request) {
        transaction.workspace().notice(format!("what is known was not sealed: {error}"));
    }
}
