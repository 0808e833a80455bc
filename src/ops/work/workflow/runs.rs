//! `workflow status|cancel|logs`: runs of workflows as the logs know them. Nothing is started here.

use std::{
    collections::{BTreeMap, HashMap},
    path::PathBuf,
};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    host::{
        Result, process,
        store::{
            layout::Private,
            ledger::{self, Target},
            lock::{self, RunLock},
            write,
        },
        transaction::Transaction,
        workspace::Workspace,
    },
    model::{
        event::{Event, Fact},
        id::{self, Candidate, Digest, RunId},
        refusal::Refusal,
        time::{Lapse, Timestamp},
        workflow::outcome::{Ending, Outcome, StepKey},
    },
};

/// The largest file of output that is read, in bytes.
const MAX_OUTPUT: u64 = 2 << 20;

/// A run as its log knows it.
#[derive(Clone, Debug)]
pub struct Known {
    /// Whose log it is in.
    pub target: Target,
    /// Which.
    pub run: RunId,
    /// The file of its workflow, from the top of the work tree.
    pub file: String,
    /// The digests of the texts that it was begun with, by file.
    pub digests: BTreeMap<String, Digest>,
    /// The values of its parameters.
    pub parameters: BTreeMap<String, Value>,
    /// When it began.
    pub begun: Timestamp,
    /// Everything that happened in it, with its time.
    pub facts: Vec<(Fact, Timestamp)>,
    /// How it ended; none while it may go on.
    pub ending: Option<Ending>,
}

impl Known {
    /// Where its output and its lock lie.
    #[must_use]
    pub fn directory(&self, workspace: &Workspace) -> PathBuf {
        directory(workspace, &self.target, &self.run)
    }

    /// What is known of each step that anything happened to, in the order in which that began.
    #[must_use]
    pub fn steps(&self) -> Vec<Stepped> {
        let (mut steps, mut places): (Vec<Stepped>, HashMap<StepKey, usize>) = (Vec::new(), HashMap::new());
        for (fact, _) in &self.facts {
            let (Fact::WorkflowStepStarted { step, .. } | Fact::WorkflowStepEnded { step, .. }) = fact else { continue };
            let place = *places.entry(step.clone()).or_insert_with(|| {
                let (outcome, exit, took, why) = (None, None, Lapse::default(), None);
                steps.push(Stepped { step: step.clone(), attempt: 0, outcome, exit, took, why });
                steps.len() - 1
            });
            match fact {
                Fact::WorkflowStepStarted { attempt, .. } => {
                    steps[place].attempt = *attempt;
                    steps[place].outcome = None;
                }
                Fact::WorkflowStepEnded { outcome, exit, took, why, .. } => {
                    let known = &mut steps[place];
                    (known.outcome, known.exit, known.took) = (Some(*outcome), *exit, *took);
                    known.why.clone_from(why);
                }
                _ => {}
            }
        }
        steps
    }
}

/// What is known of a step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Stepped {
    /// Which.
    pub step: StepKey,
    /// How often it was tried.
    pub attempt: u32,
    /// How its last try ended; none while it runs, or where nobody saw the end.
    pub outcome: Option<Outcome>,
    /// Its exit code, when it had one.
    pub exit: Option<i32>,
    /// How long it took.
    pub took: Lapse,
    /// Why it did not succeed.
    pub why: Option<String>,
}

/// Which run is meant where none is named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// The last.
    Last,
    /// The last that may go on.
    Open,
}

/// The run that `given` means, or the last one.
///
/// # Errors
/// Refuses an unknown one, and says so where there is none.
pub fn find(workspace: &Workspace, given: Option<&str>, which: Which) -> Result<Known> {
    let mut all = all(workspace)?;
    let none = |words: &str| Refusal::no(words).hint("`autonomy workflow run <name>` begins one");
    if all.is_empty() {
        return Err(none("no workflow was run here").into());
    }
    let place = if let Some(given) = given {
        let candidates: Vec<Candidate<'_>> = all.iter().map(|known| Candidate { name: known.run.as_str(), title: "" }).collect();
        id::resolve(RunId::KIND, given, &candidates)?
    } else {
        let last = all.iter().rposition(|known| which == Which::Last || known.ending.is_none());
        last.ok_or_else(|| none("every run of a workflow here has ended"))?
    };
    Ok(all.swap_remove(place))
}

/// The runs in the log of the session that the command belongs to and in the clone's own, in the order in which they began.
fn all(workspace: &Workspace) -> Result<Vec<Known>> {
    let targets = workspace.belongs_to()?.map(Target::Session).into_iter().chain([Target::Clone]);
    let mut all: Vec<Known> = Vec::new();
    for target in targets {
        for Event { fact, at, .. } in ledger::events(workspace, &target)? {
            if let Fact::WorkflowStarted { run, file, digest, others, parameters } = fact {
                let mut digests = others;
                digests.insert(file.clone(), digest);
                let (target, facts) = (target.clone(), Vec::new());
                all.push(Known { target, run, file, digests, parameters, begun: at, facts, ending: None });
                continue;
            }
            let (Fact::WorkflowStepStarted { run, .. }
            | Fact::WorkflowStepSpawned { run, .. }
            | Fact::WorkflowStepEnded { run, .. }
            | Fact::WorkflowCancelAsked { run }
            | Fact::WorkflowEnded { run, .. }) = &fact
            else {
                continue;
            };
            let Some(known) = all.iter_mut().rev().find(|known| known.run == *run) else { continue };
            if let Fact::WorkflowEnded { ending, .. } = &fact {
                known.ending = Some(*ending);
            }
            known.facts.push((fact, at));
        }
    }
    all.sort_by_key(|known| known.begun);
    Ok(all)
}

/// Where output and lock of a run lie.
#[must_use]
pub fn directory(workspace: &Workspace, target: &Target, run: &RunId) -> PathBuf {
    let folder = match target {
        Target::Session(id) => id.as_str(),
        Target::Clone => "clone",
    };
    Private::of(workspace.common_directory()).output().join(folder).join(format!("workflow-{run}"))
}

/// What the files of a try's output are called, without their ending.
#[must_use]
pub fn output(step: &StepKey, attempt: u32) -> String {
    let plain = |character: char| character.is_ascii_alphanumeric() || matches!(character, '_' | '-');
    let name: String = step.as_str().chars().map(|one| if plain(one) { one } else { '.' }).collect();
    let name = if name.len() > 150 { Digest::of(step.as_str()).head(32).to_owned() } else { name };
    format!("{}-{attempt}", name.trim_end_matches('.'))
}

/// Which run.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Request {
    /// Its name or a unique beginning of it; the last one when not said.
    pub run: Option<String>,
}

/// Whether a run goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// It is carried out now.
    Running,
    /// Nobody carries it out; it can be gone on with.
    Stopped,
    /// It is over.
    Ended,
}

/// Where a run stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StatusOutcome {
    /// The run.
    pub run: RunId,
    /// The file of its workflow, from the top of the work tree.
    pub file: String,
    /// When it began.
    pub started: Timestamp,
    /// Whether it goes on.
    pub standing: Standing,
    /// How it ended, when it has.
    pub ending: Option<Ending>,
    /// The steps that anything happened to, in the order in which that began.
    pub steps: Vec<Stepped>,
}

/// Says where a run stands.
///
/// # Errors
/// Refuses an unknown run, and says so where there is none.
pub fn status(workspace: &Workspace, request: &Request) -> Result<StatusOutcome> {
    let known = find(workspace, request.run.as_deref(), Which::Last)?;
    let standing = match known.ending {
        Some(_) => Standing::Ended,
        None if lock::is_running(&known.directory(workspace)) => Standing::Running,
        None => Standing::Stopped,
    };
    let steps = known.steps();
    Ok(StatusOutcome { run: known.run, file: known.file, started: known.begun, standing, ending: known.ending, steps })
}

/// What became of a run that was to be cancelled.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CancelOutcome {
    /// The run.
    pub run: RunId,
    /// Whether it still goes on, and ends itself within seconds.
    pub standing: Standing,
    /// How many processes it had left behind that were ended.
    pub leftovers: usize,
}

/// Ends a run for good: one that goes on ends its steps, and what one left behind that died is ended here.
///
/// # Errors
/// Refuses an unknown run and one that has ended.
pub fn cancel(workspace: &Workspace, request: &Request) -> Result<CancelOutcome> {
    let known = find(workspace, request.run.as_deref(), Which::Open)?;
    let run = known.run.clone();
    if let Some(ending) = known.ending {
        return Err(Refusal::no(format!("the run `{run}` has ended: {}", ending.word())).into());
    }
    let mut transaction = Transaction::of(workspace, known.target.clone())?;
    let asked = Fact::WorkflowCancelAsked { run: run.clone() };
    let directory = known.directory(workspace);
    if lock::is_running(&directory) {
        transaction.append_facts(&[asked])?;
        return Ok(CancelOutcome { run, standing: Standing::Running, leftovers: 0 });
    }
    // Nobody goes on with it while it is ended.
    write::make_directory(&directory)?;
    let _one = RunLock::take(&directory)?;
    let mut leftovers = 0;
    for step in known.steps().iter().filter(|step| step.outcome.is_none()) {
        leftovers += process::end_marked(&step.step.mark(&run)?, process::GRACE);
    }
    transaction.tick();
    transaction.append_facts(&[asked, Fact::WorkflowEnded { run: run.clone(), ending: Ending::Cancelled }])?;
    Ok(CancelOutcome { run, standing: Standing::Ended, leftovers })
}

/// Which step's output.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LogsRequest {
    /// The run, or a unique beginning of its name.
    pub run: String,
    /// The step, as `workflow status` names it.
    pub step: String,
}

/// What a step printed in its last try, without secrets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LogsOutcome {
    /// The run.
    pub run: RunId,
    /// The step.
    pub step: StepKey,
    /// The number of the try.
    pub attempt: u32,
    /// What it printed on stdout.
    pub out: String,
    /// What it printed on stderr.
    pub err: String,
}

/// Shows what a step printed.
///
/// # Errors
/// Refuses an unknown run or step, and a step that has printed nothing that was kept.
pub fn logs(workspace: &Workspace, request: &LogsRequest) -> Result<LogsOutcome> {
    let known = find(workspace, Some(&request.run), Which::Last)?;
    let steps = known.steps();
    let candidates: Vec<Candidate<'_>> = steps.iter().map(|step| Candidate { name: step.step.as_str(), title: "" }).collect();
    let Stepped { step, attempt, .. } = steps[id::resolve("step", &request.step, &candidates)?].clone();
    let base = known.directory(workspace).join(output(&step, attempt));
    let text = |ending: &str| write::read_capped(&base.with_added_extension(ending), MAX_OUTPUT);
    let (out, err) = (text("out")?, text("err")?);
    if out.is_none() && err.is_none() {
        return Err(Refusal::no(format!("nothing that the step `{step}` printed was kept")).into());
    }
    let plain = |bytes: Option<Vec<u8>>| String::from_utf8_lossy(&bytes.unwrap_or_default()).into_owned();
    Ok(LogsOutcome { run: known.run, step, attempt, out: plain(out), err: plain(err) })
}
