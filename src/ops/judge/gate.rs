//! `gate list|run`: the commands that prove work, run by this program on the tree at hand.
//!
//! Only what a person trusts is run, time-limited, and each answer is kept with the tree that it is about. What a red gate
//! means for a task is decided elsewhere.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    host::{
        Result,
        process::{self, Invocation, Program, Stop, Variables, stop_on_signals},
        store::{layout::Private, ledger::Target, overview::Overview},
        transaction::Transaction,
        workspace::Workspace,
    },
    model::{
        event::{Fact, Verdict},
        figure::Figure,
        id::{Digest, GateName, Oid, StepId, nearest},
        process::Exit,
        quote,
        refusal::{Code, Refusal},
        settings::{Gate, GateKind, value::CommandLine},
        time::{Lapse, Timestamp},
    },
    ops::{
        session::stop::heed,
        setup::in_force::{self, GateInForce},
    },
};

/// The most characters of a red gate's output that are kept with its answer; the end says most.
const KEPT: usize = 8_000;

/// Nothing to say.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ListRequest {}

/// A gate and its last answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Listed {
    /// Its name.
    pub gate: GateName,
    /// What is run; none while nobody has trusted anything of this name.
    pub command: Option<String>,
    /// What a green answer proves.
    pub kind: GateKind,
    /// Whether work counts as done only when it is green.
    pub needed: bool,
    /// Whether what the settings say waits for trust.
    pub waiting: bool,
    /// Its last answer in a live log.
    pub last: Option<Answer>,
}

/// An answer that was given.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Answer {
    /// When.
    pub at: Timestamp,
    /// What it said.
    pub verdict: Verdict,
    /// How long it took.
    pub took: Lapse,
    /// Whether it is about the tree at hand and the command in force.
    pub holds: bool,
}

/// All gates.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ListOutcome {
    /// Each gate, by name.
    pub gates: Vec<Listed>,
}

/// Lists the gates.
///
/// # Errors
/// Refuses settings and a trust store that are wrong.
pub fn list(workspace: &Workspace, _request: &ListRequest) -> Result<ListOutcome> {
    let overview = Overview::read(workspace)?;
    let tree = workspace.git()?.tree_outside_claude(workspace.environment())?;
    let listed = in_force::gates(workspace)?.into_iter().map(|own| {
        let logs = overview.logs.iter().filter_map(|known| known.state.gates.get(&own.name));
        let last = logs.max_by_key(|state| state.at).map(|state| Answer {
            at: state.at,
            verdict: state.verdict,
            took: state.took,
            holds: state.tree == tree && own.gate.as_ref().is_some_and(|gate| declaration(gate) == state.declaration),
        });
        let declared = own.gate.clone().unwrap_or_default();
        Listed {
            command: own.gate.map(|gate| gate.command.to_string()),
            gate: own.name,
            kind: declared.kind,
            needed: declared.needed,
            waiting: own.waiting,
            last,
        }
    });
    Ok(ListOutcome { gates: listed.collect() })
}

/// Which gates to run.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Request {
    /// Their names; all when empty.
    pub names: Vec<String>,
}

/// What the gates said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Outcome {
    /// The tree outside `.claude/` that the last of them saw.
    pub tree: Oid,
    /// Each answer.
    pub ran: Vec<Ran>,
    /// Gates that did not run because nobody has trusted them.
    pub waiting: Vec<GateName>,
}

impl Outcome {
    /// What it comes to: red, waiting for trust, or good.
    #[must_use]
    pub fn code(&self) -> Option<Code> {
        if self.ran.iter().any(|one| one.verdict != Verdict::Green) {
            Some(Code::No)
        } else if self.waiting.is_empty() {
            None
        } else {
            Some(Code::NeedsPerson)
        }
    }
}

/// One answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Ran {
    /// The gate.
    pub gate: GateName,
    /// What it said.
    pub verdict: Verdict,
    /// Whether work counts as done only when it is green.
    pub needed: bool,
    /// Its exit code, when it had one.
    pub exit: Option<i32>,
    /// How long it took.
    pub took: Lapse,
    /// The end of what it printed, when it is not green.
    pub output: Option<String>,
    /// The figure that it measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub figure: Option<Figure>,
}

/// Runs gates on the work tree and keeps their answers.
///
/// # Errors
/// Refuses an unknown name, and ends early when it is told to stop.
pub fn run(workspace: &Workspace, request: &Request) -> Result<Outcome> {
    let all = in_force::gates(workspace)?;
    let mut chosen = Vec::new();
    for name in &request.names {
        let Some(own) = all.iter().find(|own| own.name.as_str() == name) else {
            let near = nearest(name, all.iter().map(|own| (own.name.as_str(), "")));
            let refusal = Refusal::usage(format!("there is no gate `{}`", name.escape_debug()));
            let hint =
                if near.is_empty() { "`autonomy gate list` shows all".into() } else { format!("nearest: {}", near.join(", ")) };
            return Err(refusal.hint(hint).into());
        };
        chosen.push(own.clone());
    }
    let chosen = if chosen.is_empty() { all } else { chosen };
    if chosen.is_empty() {
        return Err(Refusal::no("no gate is set up here")
            .hint("`autonomy init` proposes some; they are `[gates]` in `.claude/autonomy.toml`")
            .into());
    }
    let mut transaction = Transaction::open(workspace)?;
    let (stop, waiting) = (stop_on_signals()?, waiting(&chosen));
    match judge(&mut transaction, &chosen, None, &stop, &mut |_| {})? {
        Judged::Stopped => Err(Refusal::no("the gates were stopped").into()),
        Judged::Through { tree, ran } => Ok(Outcome { tree, ran, waiting }),
    }
}

/// The gates that cannot run because nobody has trusted anything of their name.
#[must_use]
pub fn waiting(gates: &[GateInForce]) -> Vec<GateName> {
    gates.iter().filter(|own| own.gate.is_none()).map(|own| own.name.clone()).collect()
}

/// What came of running gates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Judged {
    /// All ran.
    Through {
        /// The tree outside `.claude/` that the last of them saw.
        tree: Oid,
        /// Each answer.
        ran: Vec<Ran>,
    },
    /// It was told to stop.
    Stopped,
}

/// Runs what may run of `gates`, one after the other, and keeps each answer as a fact about the tree that the gate saw.
/// An answer that is known for this very tree and command, and green, is not asked for again in the same attempt.
///
/// # Errors
/// Fails when the tree cannot be read or the log cannot be written.
pub fn judge(
    transaction: &mut Transaction<'_>,
    gates: &[GateInForce],
    step: Option<&StepId>,
    stop: &Stop,
    hear: &mut dyn FnMut(&Ran),
) -> Result<Judged> {
    let workspace = transaction.workspace();
    let variables = Variables::inherited(workspace.environment());
    let mut ran = Vec::new();
    let mut tree = workspace.git()?.tree_outside_claude(workspace.environment())?;
    for own in gates {
        let Some(gate) = &own.gate else { continue };
        let declaration = declaration(gate);
        let known = transaction.state().gates.get(&own.name).filter(|known| {
            step.is_some() && known.verdict == Verdict::Green && known.tree == tree && known.declaration == declaration
        });
        let one = if let Some(known) = known {
            Ran {
                gate: own.name.clone(),
                verdict: Verdict::Green,
                needed: gate.needed,
                exit: Some(0),
                took: known.took,
                output: None,
                figure: None,
            }
        } else {
            let Some(one) = ask(transaction, own, gate, &variables, stop)? else { return Ok(Judged::Stopped) };
            transaction.tick();
            transaction.append_facts(&[Fact::GateRan {
                gate: one.gate.clone(),
                declaration,
                tree: tree.clone(),
                verdict: one.verdict,
                exit: one.exit,
                took: one.took,
                output: one.output.clone(),
                figure: one.figure,
                step: step.cloned(),
            }])?;
            tree = workspace.git()?.tree_outside_claude(workspace.environment())?;
            one
        };
        hear(&one);
        ran.push(one);
    }
    Ok(Judged::Through { tree, ran })
}

/// Runs one gate; none when it was told to stop.
fn ask(
    transaction: &mut Transaction<'_>,
    own: &GateInForce,
    gate: &Gate,
    variables: &Variables,
    stop: &Stop,
) -> Result<Option<Ran>> {
    let workspace = transaction.workspace();
    let invocation = match &gate.command {
        CommandLine::Program(words) => Invocation::words(words),
        CommandLine::Shell(line) => Invocation::Shell(line.clone()),
    };
    let folder = match transaction.target() {
        Target::Session(id) => id.as_str(),
        Target::Clone => "clone",
    };
    let output = Private::of(workspace.common_directory()).output().join(folder).join(format!("gate-{}", own.name));
    let program = Program {
        limit: gate.timeout.0,
        output: Some(output),
        ..Program::new(invocation, workspace.root(), variables, workspace.secrets(), stop)
    };
    let answer = |verdict, exit, took, output: Option<String>| Ran {
        gate: own.name.clone(),
        verdict,
        needed: gate.needed,
        exit,
        took,
        output,
        figure: None,
    };
    let finished = match process::run(&program, &mut |_| heed(transaction, stop)) {
        Ok(finished) => finished,
        Err(error) if error.refusal().code == Code::Environment => {
            return Ok(Some(answer(Verdict::Broken, None, Lapse::default(), Some(error.to_string()))));
        }
        Err(error) => return Err(error),
    };
    let (verdict, exit) = match finished.exit {
        Exit::Code(0) => (Verdict::Green, Some(0)),
        Exit::Code(code) => (Verdict::Red, Some(code)),
        Exit::Signal(_) => (Verdict::Red, None),
        Exit::TimedOut => (Verdict::TimedOut, None),
        Exit::Stopped => return Ok(None),
    };
    let printed = format!("{}{}", finished.stdout.text(), finished.stderr.text());
    let took = Lapse(finished.lasted);
    let told = |said: String| Some(format!("{said}\n{}", quote::tail(printed.trim_end(), KEPT / 2)));
    let Some(words) = gate.figure.as_ref().filter(|_| verdict == Verdict::Green) else {
        let output = (verdict != Verdict::Green).then(|| quote::tail(printed.trim_end(), KEPT));
        return Ok(Some(answer(verdict, exit, took, output)));
    };
    let Some(figure) = Figure::read(&printed, words) else {
        let said = format!("it printed no number after `{words}`, which is its figure");
        return Ok(Some(answer(Verdict::Broken, exit, took, told(said))));
    };
    let known = transaction.state().gates.get(&own.name).filter(|known| known.declaration == declaration(gate));
    let worse = known.and_then(|known| known.first).and_then(|first| Some((first, figure.regression(first)?)));
    let judged = match worse {
        None => answer(Verdict::Green, exit, took, None),
        Some((first, percent)) => {
            let said = format!("`{words}` is {figure}, which is {percent} % more than {first} at first in this session");
            answer(Verdict::Red, exit, took, told(said))
        }
    };
    Ok(Some(Ran { figure: Some(figure), ..judged }))
}

/// What an answer is bound to besides the tree: the digest of the gate as it is run.
#[must_use]
pub fn declaration(gate: &Gate) -> Digest {
    Digest::of(serde_json::to_string(gate).unwrap_or_default())
}
