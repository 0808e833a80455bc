//! Carries a workflow out: asks `model::workflow::flow` what comes next, writes it down, has it done, until nothing is left.
//!
//! How far it is stands in the log and nowhere else, so that a run that dies at any point is gone on with by `resume`. What comes
//! together goes into one append, and nothing is started before its event is on the disk.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    sync::{
        Arc,
        mpsc::{self, Receiver, RecvTimeoutError, Sender},
    },
    thread::{self, Scope},
    time::{Duration, Instant},
};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    host::{
        Doing as _, Error, Result,
        clock::Clock,
        failpoint,
        process::{self, Finished, Heard, Invocation, Program, Stop, Variables},
        secret::Secrets,
        store::{
            lock::{self, RunLock},
            place::{Place, Stands},
            write,
        },
        transaction::Transaction,
        workspace::Workspace,
    },
    model::{
        checkpoint::CheckpointKind,
        event::{Fact, Verdict},
        expression::Surroundings,
        id::{GateName, RunId},
        process::{Exit, ProcessMark},
        quote,
        refusal::{Code, Refusal},
        time::{Lapse, Timestamp},
        workflow::{
            Act, Command, OnCrash, able,
            flow::{Flow, Next, Standing, Start, View},
            order::{self, Plan},
            outcome::{Ending, Outcome as Ended, StepKey},
        },
    },
    ops::{
        judge::gate::{self, Judged},
        setup::in_force,
        time::checkpoint::{self, Asking},
        work::workflow::{
            files::{self, Files},
            runs::{self, Known, Which},
        },
    },
};

/// The longest wait before requests to stop are looked at again.
const TICK: Duration = Duration::from_millis(50);

/// How often is looked whether somebody else ended the run.
const LOOK: Duration = Duration::from_millis(500);

/// How long a process may run before it is written down which it is, when nothing else is to be written.
const SPAWNED: Duration = Duration::from_millis(20);

/// The largest file of outputs, in bytes: an event has to hold them.
const MAX_OUTPUTS: u64 = 32 << 10;

/// The variable that names the file for a step's outputs, lines of `name=value`.
pub const OUTPUTS: &str = "AUTONOMY_OUTPUT";

/// What is to be carried out.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Request {
    /// The workflow: its name, or that of its file, or a unique beginning of one.
    pub workflow: String,
    /// What is said of its parameters, as text.
    pub parameters: BTreeMap<String, String>,
}

/// Which run is gone on with.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ResumeRequest {
    /// Its name or a unique beginning of it; the last one that has not ended when not said.
    pub run: Option<String>,
    /// What happens to steps that say `on_crash: ask`.
    pub asked: Asked,
}

/// What happens to steps that say `on_crash: ask` and were running when the run died.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Asked {
    /// They keep the run from going on.
    #[default]
    Unanswered,
    /// They are run again.
    Rerun,
}

/// What a run would do.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Prospect {
    /// The file, from the top of the work tree.
    pub file: String,
    /// What could run when.
    pub plan: Plan,
    /// The files of the workflows that wait for trust.
    pub untrusted: Vec<String>,
}

/// What came of a run.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Outcome {
    /// The run.
    pub run: RunId,
    /// The file of the workflow, from the top of the work tree.
    pub file: String,
    /// How it ended; none when it was stopped, and can be gone on with.
    pub ending: Option<Ending>,
    /// The step that ended it, and why, when one did.
    pub failure: Option<Failed>,
    /// How many steps succeeded, those for each value counted.
    pub succeeded: usize,
    /// How many failed for good.
    pub failed: usize,
    /// How many were skipped because their condition does not hold.
    pub skipped: usize,
    /// How many that are known were not begun or not finished.
    pub left: usize,
    /// How long it took, since it first began.
    pub took: Lapse,
    /// What the workflow hands on.
    pub outputs: BTreeMap<String, Value>,
    /// The next useful command.
    pub next: String,
}

/// A step that ended a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Failed {
    /// Which.
    pub step: StepKey,
    /// Why it failed.
    pub why: String,
}

/// A workflow that may be carried out.
struct Chosen {
    files: Files,
    stem: String,
    needed: BTreeSet<String>,
}

impl Chosen {
    fn of(workspace: &Workspace, name: &str) -> Result<Self> {
        let files = Files::read(workspace)?;
        let (stem, _) = files.whole(name)?;
        let needed = able::files(&files.good, &stem)?;
        Ok(Self { files, stem, needed })
    }

    /// Lets pass only what a person trusts as it is: the files, and the gates that they name.
    fn demand_trust(&self, workspace: &Workspace) -> Result<()> {
        in_force::demand_workflows(workspace, &self.files.declarations(&self.needed))?;
        let gates = in_force::gates(workspace)?;
        for stem in &self.needed {
            for step in self.files.good[stem].every_step() {
                let Act::Gate { gate } = &step.act else { continue };
                if gate.contains("${{") {
                    continue;
                }
                match gates.iter().find(|own| own.name.as_str() == gate) {
                    Some(own) if own.gate.is_some() => {}
                    Some(_) => {
                        return Err(Refusal::needs_person(format!(
                            "the step `{}` runs the gate `{gate}`, which nobody has trusted",
                            step.id
                        ))
                        .hint("`autonomy trust` shows what it would run")
                        .into());
                    }
                    None => {
                        return Err(Refusal::usage(format!("the step `{}` runs the gate `{gate}`, and there is none", step.id))
                            .hint("`autonomy gate list` shows all")
                            .into());
                    }
                }
            }
        }
        Ok(())
    }
}

/// What a run would do now. Writes nothing.
///
/// # Errors
/// Refuses what [`run`] refuses before it begins, but for missing trust, which it names.
pub fn prospect(workspace: &Workspace, request: &Request) -> Result<Prospect> {
    let chosen = Chosen::of(workspace, &request.workflow)?;
    let plan = order::plan(&chosen.files.good[&chosen.stem], &request.parameters)?;
    let declarations = chosen.files.declarations(&chosen.needed);
    let untrusted = in_force::untrusted(workspace, &declarations)?.into_iter().map(|one| files::path(&one.name)).collect();
    Ok(Prospect { file: files::path(&chosen.stem), plan, untrusted })
}

/// Carries a workflow out. `tell` gets a line for people whenever there is something to say.
///
/// # Errors
/// Refuses an unknown workflow, one that is wrong or has steps that nothing carries out, parameters that do not fit, and what no
/// person trusts as it is; fails when the machine does. What was done until then is kept, and `resume` goes on.
pub fn run(workspace: &Workspace, request: &Request, stop: &Stop, tell: &mut dyn FnMut(&str)) -> Result<Outcome> {
    let chosen = Chosen::of(workspace, &request.workflow)?;
    let values = chosen.files.good[&chosen.stem].values(&request.parameters)?;
    chosen.demand_trust(workspace)?;
    let mut transaction = Transaction::open(workspace)?;
    let run = RunId::new(format!("{}-{}", transaction.at().stamp(), workspace.clock().suffix(4)?))?;
    let directory = runs::directory(workspace, transaction.target(), &run);
    write::make_directory(&directory)?;
    let _one = RunLock::take(&directory)?;
    let digest = |stem: &String| Some((files::path(stem), chosen.files.digest(stem)?));
    let mut others: BTreeMap<_, _> = chosen.needed.iter().filter_map(digest).collect();
    let file = files::path(&chosen.stem);
    let digest = others.remove(&file).ok_or_else(|| Refusal::conflict(format!("`{file}` is gone")).retryable())?;
    let (run_of, file_of, parameters) = (run.clone(), file.clone(), values.clone());
    transaction.append_facts(&[Fact::WorkflowStarted { run: run_of, file: file_of, digest, others, parameters }])?;
    let flow = Flow::begin(&chosen.files.good, &chosen.stem, &run, &values, transaction.at())?;
    tell(&format!("run {run} of {file}"));
    Drive::new(transaction, flow, file, directory, stop, tell)?.finish(Vec::new())
}

/// Goes on with a run that was stopped or died. What is done is not done again; a step that was running is judged by its process.
///
/// # Errors
/// Refuses what has ended or goes on, a file that changed since the run began, a step that still runs, and one that says that a
/// person decides; besides that what [`run`] refuses.
pub fn resume(workspace: &Workspace, request: &ResumeRequest, stop: &Stop, tell: &mut dyn FnMut(&str)) -> Result<Outcome> {
    let Known { run, file, target, .. } = runs::find(workspace, request.run.as_deref(), Which::Open)?;
    let directory = runs::directory(workspace, &target, &run);
    if lock::is_running(&directory) {
        return Err(Refusal::conflict(format!("the run `{run}` is going on"))
            .hint(format!("`autonomy workflow cancel {run}` ends it"))
            .into());
    }
    write::make_directory(&directory)?;
    let _one = RunLock::take(&directory)?;
    // Whoever had it until now may have gone on with it.
    let known = runs::find(workspace, Some(run.as_str()), Which::Last)?;
    if let Some(ending) = known.ending {
        return Err(Refusal::no(format!("the run `{run}` has ended: {}", ending.word()))
            .hint("`autonomy workflow run` begins another")
            .into());
    }
    let unchanged = Files::read(workspace)?;
    for (path, digest) in &known.digests {
        if files::stem(path).and_then(|stem| unchanged.digest(stem)).as_ref() != Some(digest) {
            return Err(Refusal::needs_person(format!("`{path}` is not as it was when the run `{run}` began"))
                .hint(format!(
                    "put it back to go on, or `autonomy workflow cancel {run}` and begin anew: `autonomy workflow run {}`",
                    files::stem(&file).unwrap_or_default()
                ))
                .into());
        }
    }
    let chosen = Chosen::of(workspace, files::stem(&file).unwrap_or_default())?;
    chosen.demand_trust(workspace)?;
    let mut flow = Flow::begin(&chosen.files.good, &chosen.stem, &run, &known.parameters, known.begun)?;
    for (fact, at) in &known.facts {
        flow.take(fact, *at);
    }
    let lost = judge_lost(&flow, request)?;
    let transaction = Transaction::of(workspace, target)?;
    tell(&format!("run {run} of {file} goes on"));
    Drive::new(transaction, flow, file, directory, stop, tell)?.finish(lost)
}

/// What is to be said of the steps whose end nobody saw.
fn judge_lost(flow: &Flow<'_>, request: &ResumeRequest) -> Result<Vec<Fact>> {
    let mut facts = Vec::new();
    for view in flow.under_way() {
        let marked = process::marked(&view.key.mark(flow.run())?);
        let alive = view.process.filter(|mark| process::is_alive(mark)).or(marked.first());
        if let Some(mark) = alive {
            return Err(Refusal::conflict(format!("the step `{}` still runs, as process {}", view.key, mark.pid))
                .hint(format!("wait until it has ended, or end it: `kill {}`", mark.pid))
                .into());
        }
        let (outcome, why) = match (view.step.on_crash, request.asked) {
            (OnCrash::Rerun, _) | (OnCrash::Ask, Asked::Rerun) => (Ended::Interrupted, "the run died while it ran"),
            (OnCrash::Fail, _) => (Ended::Failed, "the run died while it ran, and it says `on_crash: fail`"),
            (OnCrash::Ask, Asked::Unanswered) => {
                return Err(Refusal::needs_person(format!(
                    "the step `{}` was running when the run died, and it says `on_crash: ask`",
                    view.key
                ))
                .hint(format!(
                    "`autonomy workflow resume {} --rerun` runs it again, `autonomy workflow cancel {}` gives it up",
                    flow.run(),
                    flow.run()
                ))
                .into());
            }
        };
        facts.push(Fact::WorkflowStepEnded {
            run: flow.run().clone(),
            step: view.key.clone(),
            attempt: view.attempt,
            outcome,
            exit: None,
            took: Lapse::default(),
            why: Some(why.to_owned()),
            outputs: BTreeMap::new(),
        });
    }
    Ok(facts)
}

/// What threads tell.
enum Message {
    Spawned(StepKey, ProcessMark),
    Ended(Begun, Box<Result<Finished>>),
}

/// A try whose process was started.
struct Begun {
    key: StepKey,
    attempt: u32,
    given: PathBuf,
}

/// A run under way.
struct Drive<'a, 't, 'w> {
    transaction: Transaction<'a>,
    flow: Flow<'w>,
    file: String,
    directory: PathBuf,
    stop: &'t Stop,
    /// Tells the processes of the run alone.
    processes: Stop,
    tell: &'t mut dyn FnMut(&str),
    variables: Arc<BTreeMap<String, String>>,
    root: PathBuf,
    begun: (Timestamp, Instant),
    looked: Instant,
    running: usize,
    /// Processes that are not written down yet.
    spawned: BTreeMap<StepKey, ProcessMark>,
}

impl<'a, 't, 'w> Drive<'a, 't, 'w> {
    fn new(
        mut transaction: Transaction<'a>,
        flow: Flow<'w>,
        file: String,
        directory: PathBuf,
        stop: &'t Stop,
        tell: &'t mut dyn FnMut(&str),
    ) -> Result<Self> {
        transaction.catch_up()?;
        let workspace = transaction.workspace();
        let text =
            |(name, value): (&std::ffi::OsStr, &std::ffi::OsStr)| Some((name.to_str()?.to_owned(), value.to_str()?.to_owned()));
        let variables = Arc::new(workspace.environment().variables().filter_map(text).collect());
        let (root, begun) = (workspace.root().to_owned(), (workspace.clock().now(), Clock::instant()));
        Ok(Self {
            transaction,
            flow,
            file,
            directory,
            stop,
            processes: Stop::default(),
            tell,
            variables,
            root,
            begun,
            looked: begun.1,
            running: 0,
            spawned: BTreeMap::new(),
        })
    }

    fn finish(mut self, lost: Vec<Fact>) -> Result<Outcome> {
        let secrets = self.transaction.workspace().secrets();
        let (sender, receiver) = mpsc::channel();
        let ending = thread::scope(|scope| {
            let ending = self.drive(lost, &receiver, &Starting { scope, sender: &sender, secrets });
            // Whatever ended the loop, nothing is left running.
            self.processes.tell();
            ending
        })?;
        self.outcome(ending)
    }

    /// The loop; none when it was stopped.
    fn drive(
        &mut self,
        mut facts: Vec<Fact>,
        receiver: &Receiver<Message>,
        starting: &Starting<'_, '_>,
    ) -> Result<Option<Ending>> {
        loop {
            self.look()?;
            self.transaction.tick();
            let at = self.transaction.at();
            for fact in &facts {
                self.flow.take(fact, at);
            }
            let mut starts = Vec::new();
            let next = loop {
                if self.stop.is_told() {
                    break Next::default();
                }
                let next = self.flow.advance(&self.around());
                if next.facts.is_empty() {
                    break next;
                }
                for fact in &next.facts {
                    self.flow.take(fact, at);
                }
                facts.extend(next.facts);
                starts.extend(next.starts);
            };
            if let Some(ending) = next.ending {
                facts.push(Fact::WorkflowEnded { run: self.flow.run().clone(), ending });
            }
            self.append(&mut facts)?;
            if next.ending.is_some() {
                return Ok(next.ending);
            }
            if self.stop.is_told() && self.running == 0 {
                return Ok(None);
            }
            for start in starts {
                facts.extend(self.start(start, starting)?);
            }
            if facts.is_empty() {
                self.wait(&next, receiver, &mut facts)?;
            }
        }
    }

    /// Hears whether somebody asked for the end.
    fn look(&mut self) -> Result<()> {
        if self.looked.elapsed() >= LOOK {
            self.looked = Clock::instant();
            self.transaction.catch_up()?;
            let run = self.flow.run().clone();
            if !self.flow.is_cancelled() && self.transaction.state().cancelling.contains(&run) {
                (self.tell)("somebody ended the run; what is running is ended");
                self.flow.take(&Fact::WorkflowCancelAsked { run }, self.transaction.at());
            }
        }
        if self.stop.is_told() || self.flow.is_cancelled() {
            self.processes.tell();
        }
        Ok(())
    }

    /// Writes down what happened, in one append, and says it.
    fn append(&mut self, facts: &mut Vec<Fact>) -> Result<()> {
        if facts.is_empty() {
            return Ok(());
        }
        for fact in facts.iter() {
            if let Fact::WorkflowStepEnded { step, .. } = fact {
                self.spawned.remove(step);
            }
        }
        let run = self.flow.run().clone();
        let spawned = std::mem::take(&mut self.spawned).into_iter();
        facts.extend(spawned.map(|(step, process)| Fact::WorkflowStepSpawned { run: run.clone(), step, process }));
        self.transaction.tell(facts)?;
        failpoint::reach("flow.appended").doing("carry out the workflow in", &self.root)?;
        for fact in facts.drain(..) {
            self.say(&fact);
        }
        Ok(())
    }

    fn say(&mut self, fact: &Fact) {
        match fact {
            Fact::WorkflowStepStarted { step, attempt, times: None, branch: None, .. } => {
                let again = if *attempt > 1 { format!(" again, try {attempt}") } else { String::new() };
                (self.tell)(&format!("{step}: begun{again}"));
            }
            Fact::WorkflowStepEnded { step, attempt, outcome, took, why, .. } => {
                let why = why.as_ref().map_or_else(String::new, |why| format!(": {}", quote::line(why, 200)));
                // It may have begun again by now.
                let again = |view: View<'_>| view.standing == Standing::Retrying || view.attempt > *attempt && *attempt > 0;
                let retries = self.flow.step(step).is_some_and(again);
                let then = if retries { "; it is tried again" } else { "" };
                let after = if took.0.is_zero() { String::new() } else { format!(" after {took}") };
                (self.tell)(&format!("{step}: {}{after}{why}{then}", outcome.word()));
            }
            _ => {}
        }
    }

    /// Starts a step's process, or does at once what needs none; hands back how that ended.
    fn start(&mut self, start: Start, starting: &Starting<'_, '_>) -> Result<Option<Fact>> {
        let Start { key, attempt, act, env, limit } = start;
        let command = match act {
            Act::Run { command } => command,
            Act::Gate { gate } => return self.gate(&key, attempt, &gate).map(Some),
            Act::Checkpoint { words } => return self.checkpoint(&key, attempt, &words).map(Some),
            other => {
                let why = format!("steps of the kind `{}` are not carried out", other.word());
                return Ok(Some(self.ended(&key, attempt, Ended::Broken, Some(why))));
            }
        };
        let base = self.directory.join(runs::output(&key, attempt));
        let begun = Begun { key: key.clone(), attempt, given: base.with_added_extension("given") };
        write::remove_file(&begun.given)?;
        let own = Variables::inherited(self.transaction.workspace().environment());
        let variables = env.iter().fold(own, |all, (name, value)| all.with(name, value)).with(OUTPUTS, &begun.given);
        let invocation = match command {
            Command::Program(words) => Invocation::words(words),
            Command::Script(text) => Invocation::Shell(text),
        };
        let (mark, root, stop) = (key.mark(self.flow.run())?, self.root.clone(), self.processes.clone());
        let (sender, secrets) = (starting.sender.clone(), starting.secrets);
        self.running += 1;
        starting.scope.spawn(move || {
            let program = Program {
                limit: limit.0,
                step: Some(&mark),
                output: Some(base),
                ..Program::new(invocation, &root, &variables, secrets, &stop)
            };
            let finished = process::run(&program, &mut |heard| {
                if let Heard::Started(mark) = heard {
                    // The loop that would hear it is over only when nobody has to know any more.
                    sender.send(Message::Spawned(key.clone(), mark.clone())).ok();
                }
                Ok(())
            });
            sender.send(Message::Ended(begun, Box::new(finished))).ok();
        });
        Ok(None)
    }

    /// Waits until something happens, or until the next thing is due.
    fn wait(&mut self, next: &Next, receiver: &Receiver<Message>, facts: &mut Vec<Fact>) -> Result<()> {
        let due = next.until.map(|until| until.since(self.now()).0);
        let wait = due.into_iter().chain([if self.spawned.is_empty() { TICK } else { SPAWNED }]).min().unwrap_or(TICK);
        if next.until.is_none() && next.watching == 0 && self.running == 0 && !self.stop.is_told() {
            let words = format!("the run `{}` waits for nothing and is not over", self.flow.run());
            return Err(Refusal::new(Code::Bug, words).into());
        }
        match receiver.recv_timeout(wait) {
            Ok(message) => {
                facts.extend(self.hear(message)?);
                while let Ok(message) = receiver.try_recv() {
                    facts.extend(self.hear(message)?);
                }
            }
            Err(RecvTimeoutError::Timeout) if !self.spawned.is_empty() => {
                let run = self.flow.run().clone();
                let spawned = std::mem::take(&mut self.spawned).into_iter();
                facts.extend(spawned.map(|(step, process)| Fact::WorkflowStepSpawned { run: run.clone(), step, process }));
            }
            Err(_) => {}
        }
        Ok(())
    }

    fn hear(&mut self, message: Message) -> Result<Option<Fact>> {
        match message {
            Message::Spawned(key, mark) => {
                self.spawned.insert(key, mark);
                Ok(None)
            }
            Message::Ended(begun, finished) => {
                self.running -= 1;
                self.finished(&begun, *finished).map(Some)
            }
        }
    }

    /// What the end of a process means for its step.
    fn finished(&self, begun: &Begun, finished: Result<Finished>) -> Result<Fact> {
        let Begun { key, attempt, given } = begun;
        let finished = match finished {
            Ok(finished) => finished,
            Err(error @ Error::Refused(_)) => return Ok(self.ended(key, *attempt, Ended::Broken, Some(error.to_string()))),
            Err(error) => return Err(error),
        };
        let last = finished.stderr.last_line().or(finished.stdout.last_line()).map(|line| quote::line(line, 160));
        let why = |exit: Exit| match &last {
            Some(line) => format!("{exit}: {line}"),
            None => exit.to_string(),
        };
        let (mut outcome, code, mut why) = match finished.exit {
            Exit::Code(0) => (Ended::Succeeded, Some(0), None),
            Exit::Code(code) => (Ended::Failed, Some(code), Some(why(finished.exit))),
            Exit::Signal(_) => (Ended::Failed, None, Some(why(finished.exit))),
            Exit::TimedOut => (Ended::TimedOut, None, Some("its time was over".to_owned())),
            Exit::Stopped => (Ended::Stopped, None, None),
        };
        let mut outputs = BTreeMap::new();
        if outcome == Ended::Succeeded {
            let read = self.given(given).and_then(|given| Ok(self.flow.outputs(key, given, &self.around())?));
            match read {
                Ok(all) => outputs = all,
                Err(error) => (outcome, why) = (Ended::Broken, Some(error.to_string())),
            }
        }
        write::remove_file(given)?;
        let (run, step, took) = (self.flow.run().clone(), key.clone(), Lapse(finished.lasted));
        Ok(Fact::WorkflowStepEnded { run, step, attempt: *attempt, outcome, exit: code, took, why, outputs })
    }

    /// The outputs that a step wrote, without secrets.
    fn given(&self, file: &std::path::Path) -> Result<BTreeMap<String, Value>> {
        let bytes = write::read_capped(file, MAX_OUTPUTS)?.unwrap_or_default();
        let text = String::from_utf8(bytes).map_err(|_| Refusal::usage("its outputs are not UTF-8"))?;
        let text = self.transaction.workspace().secrets().redact(&text).into_owned();
        let mut given = BTreeMap::new();
        for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
            let Some((name, value)) = line.split_once('=').filter(|(name, _)| is_name(name)) else {
                let message = format!("line {} of its outputs is not `name=value`", number + 1);
                return Err(Refusal::usage(message).into());
            };
            given.insert(name.to_owned(), value.into());
        }
        Ok(given)
    }

    fn gate(&mut self, key: &StepKey, attempt: u32, name: &str) -> Result<Fact> {
        let gates = in_force::gates(self.transaction.workspace())?;
        let own = gates.into_iter().find(|own| GateName::as_str(&own.name) == name);
        let Some(own) = own.filter(|own| own.gate.is_some()) else {
            let why = format!("there is no gate `{name}` that a person has trusted; `autonomy trust` shows those that wait");
            return Ok(self.ended(key, attempt, Ended::Broken, Some(why)));
        };
        match gate::judge(&mut self.transaction, &[own], None, self.stop, &mut |_| {})? {
            Judged::Stopped => Ok(self.ended(key, attempt, Ended::Stopped, None)),
            Judged::Through { tree, ran } => {
                let Some(one) = ran.first() else { return Ok(self.ended(key, attempt, Ended::Broken, None)) };
                let outcome = match one.verdict {
                    Verdict::Green => Ended::Succeeded,
                    Verdict::Red => Ended::Failed,
                    Verdict::TimedOut => Ended::TimedOut,
                    Verdict::Broken => Ended::Broken,
                };
                let last = one.output.as_deref().and_then(|text| text.trim_end().lines().last()).unwrap_or_default();
                let why = (outcome != Ended::Succeeded)
                    .then(|| format!("the gate is {}: {}", one.verdict.word(), quote::line(last, 160)));
                let outputs = [("verdict", one.verdict.word()), ("tree", tree.as_str())];
                Ok(self.gave((key, attempt), outcome, one.took, why, &outputs))
            }
        }
    }

    fn checkpoint(&mut self, key: &StepKey, attempt: u32, words: &str) -> Result<Fact> {
        self.transaction.tick();
        let begun = Clock::instant();
        let (title, summary) = (words.to_owned(), words.to_owned());
        let asking = Asking { kind: CheckpointKind::Manual, title, summary, task: None, reached: Vec::new() };
        let prepared = checkpoint::take(&mut self.transaction, asking)?;
        let name = prepared.checkpoint.name.map(String::from).unwrap_or_default();
        let took = Lapse(Duration::from_millis(u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX)));
        Ok(self.gave((key, attempt), Ended::Succeeded, took, None, &[("checkpoint", &name)]))
    }

    /// How a step ended that gave something by itself.
    fn gave(
        &self,
        (key, attempt): (&StepKey, u32),
        outcome: Ended,
        took: Lapse,
        why: Option<String>,
        given: &[(&str, &str)],
    ) -> Fact {
        let given = given.iter().map(|(name, value)| ((*name).to_owned(), (*value).into())).collect();
        let all = if outcome == Ended::Succeeded { self.flow.outputs(key, given, &self.around()) } else { Ok(given) };
        match all {
            Ok(outputs) => {
                let (run, step) = (self.flow.run().clone(), key.clone());
                Fact::WorkflowStepEnded { run, step, attempt, outcome, exit: None, took, why, outputs }
            }
            Err(refusal) => self.ended(key, attempt, Ended::Broken, Some(refusal.message)),
        }
    }

    fn ended(&self, key: &StepKey, attempt: u32, outcome: Ended, why: Option<String>) -> Fact {
        let (run, step) = (self.flow.run().clone(), key.clone());
        let (took, outputs) = (Lapse::default(), BTreeMap::new());
        Fact::WorkflowStepEnded { run, step, attempt, outcome, exit: None, took, why, outputs }
    }

    /// The present, which goes on also where the clock of the machine does not.
    fn now(&self) -> Timestamp {
        let (wall, instant) = self.begun;
        self.transaction.workspace().clock().now().max(wall.after(Lapse(instant.elapsed())))
    }

    fn around(&self) -> Surroundings {
        let root = self.root.clone();
        let is_there = move |path: &str| {
            let place = Place::below(&root, path).ok().flatten();
            place.is_some_and(|place| place.stands().is_ok_and(|stands| stands != Stands::Nothing))
        };
        Surroundings { now: self.now(), variables: Arc::clone(&self.variables), is_there: Arc::new(is_there) }
    }

    fn outcome(self, ending: Option<Ending>) -> Result<Outcome> {
        let count = |wanted: &[Standing]| self.flow.steps().filter(|view| wanted.contains(&view.standing)).count();
        let run = self.flow.run().clone();
        let failure = self.flow.failure().map(|failure| Failed { step: failure.step.clone(), why: failure.why.clone() });
        let next = match (ending, &failure) {
            (None, _) => format!("autonomy workflow resume {run}"),
            (Some(Ending::Failed | Ending::TimedOut), Some(Failed { step, .. })) => {
                format!("autonomy workflow logs {run} '{step}'")
            }
            (Some(_), _) => format!("autonomy workflow status {run}"),
        };
        let outputs = if ending == Some(Ending::Done) { self.flow.results(&self.around())? } else { BTreeMap::new() };
        Ok(Outcome {
            file: self.file.clone(),
            ending,
            succeeded: count(&[Standing::Succeeded]),
            failed: count(&[Standing::Failed]),
            skipped: count(&[Standing::Skipped]),
            left: count(&[Standing::Pending, Standing::Ready, Standing::Running, Standing::Retrying, Standing::Cut]),
            took: self.now().since(self.flow.begun()),
            failure,
            outputs,
            next,
            run,
        })
    }
}

/// What a thread needs that runs a step.
struct Starting<'s, 'e> {
    scope: &'s Scope<'s, 'e>,
    sender: &'e Sender<Message>,
    secrets: &'e Secrets,
}

/// A name as expressions take it.
fn is_name(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && name.chars().all(|character| character.is_ascii_alphanumeric() || matches!(character, '_' | '-'))
}
