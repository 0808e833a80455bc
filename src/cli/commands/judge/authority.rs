//! `autonomy authority …`: who may take which decision, and by which rule.

use clap::{
    Args, Subcommand,
    builder::{PossibleValuesParser, TypedValueParser},
};
use serde::Serialize;
use serde_json::Value;

use crate::{
    cli::{
        commands::judge::decide::{About, Back, Level, fact, kinds},
        context::{Context, Screen},
    },
    host::{Error, Result, workspace::Workspace},
    model::{
        authority::{
            case::Case,
            policy::Preset,
            ruling::{Judged, Step},
        },
        decision::{ChangeKind, Risk, Ruling},
        id::AgentName,
        quote::{counted, first_of},
        refusal::Code,
        risk::Reason,
    },
    ops::judge::{
        authority::{self, InForce, Request, Tested},
        change::{self, Given, Outcome},
        replay::{self, JudgedAgain, Replayed, Share},
    },
};

#[derive(Subcommand)]
#[command(defer = true)]
pub(crate) enum Authority {
    /// The table and the rules that are in force
    Show,
    /// Say who decides: exit code 0 when an agent may, 3 when it needs somebody, 1 when nobody may
    Check(Asked),
    /// The same, with every step of the way
    Explain(Asked),
    /// Say what would have been asked over commits or decisions that are there already; `--json` prints one object a line
    Replay(Replay),
    /// Rule on the cases of `.claude/authority.tests.yaml`, by the rules in the file
    Test,
}

#[derive(Args)]
pub(crate) struct Replay {
    /// The commits: `A..B` for those that `B` has and `A` has not, or one commit with all before it
    #[arg(long, value_name = "A..B", required_unless_present = "decisions", conflicts_with = "decisions")]
    commits: Option<String>,
    /// The decisions that a person did not take, by what their records say
    #[arg(long)]
    decisions: bool,
    /// The preset whose rules are taken, instead of the rules in force
    #[arg(long, value_parser = presets())]
    preset: Option<Preset>,
}

#[derive(Args)]
pub(crate) struct Asked {
    /// What is changed
    #[arg(long, value_parser = kinds())]
    kind: Option<ChangeKind>,
    /// What it is about; that of the kind when not said
    #[arg(long = "type", value_enum, value_name = "TYPE")]
    topic: Option<About>,
    /// How much can go wrong
    #[arg(long, value_enum, default_value = "low")]
    risk: Level,
    /// What it costs to go back
    #[arg(long, value_enum, default_value = "reversible", value_name = "COST")]
    reversibility: Back,
    /// How sure the agent is, from 0 to 1
    #[arg(long, value_name = "0..1")]
    confidence: Option<f64>,
    /// The role that decides, as `agents.yaml` names it
    #[arg(long, value_name = "ROLE")]
    agent: Option<String>,
    /// A fact that rules ask for, such as `cost=120` or `breaking=true`; may be given several times
    #[arg(long = "fact", value_name = "NAME=VALUE", value_parser = fact)]
    facts: Vec<(String, Value)>,
    /// Rule on what differs between two commits, by what is read from it and by the rules of the first; `A...B` takes what `B` has
    /// since both parted
    #[arg(long, value_name = "A..B", group = "change")]
    diff: Option<String>,
    /// Rule on what is staged
    #[arg(long, group = "change")]
    staged: bool,
    /// Rule on what differs between HEAD and the work tree
    #[arg(long, group = "change")]
    worktree: bool,
}

impl Authority {
    pub(crate) fn run(self, context: &Context) -> Result<u8> {
        let workspace = context.workspace()?;
        match self {
            Self::Show => {
                let outcome = authority::show(&workspace, &Request::default())?;
                context.say(&workspace, &outcome, |screen| table(screen, &outcome))
            }
            Self::Check(asked) => {
                let Some(change) = asked.change() else {
                    let judged = authority::check(&workspace, &asked.case()?)?;
                    context.say(&workspace, &judged, |screen| ruled(screen, judged.ruling, judged.decisive()))?;
                    return Ok(code(judged.ruling));
                };
                let outcome = change::check(&workspace, &change::Request { change, case: asked.case()? })?;
                context.say(&workspace, &outcome, |screen| {
                    ruled(screen, outcome.ruling, outcome.decisive());
                    for line in reasons(&outcome) {
                        screen.talk(line);
                    }
                })?;
                Ok(code(outcome.ruling))
            }
            Self::Explain(asked) => {
                let Some(change) = asked.change() else {
                    let judged = authority::check(&workspace, &asked.case()?)?;
                    context.say(&workspace, &judged, |screen| way(screen, &judged))?;
                    return Ok(code(judged.ruling));
                };
                let outcome = change::check(&workspace, &change::Request { change, case: asked.case()? })?;
                context.say(&workspace, &outcome, |screen| {
                    for line in reasons(&outcome) {
                        screen.data(line);
                    }
                    for ruled in outcome.rulings.iter().rev() {
                        way(screen, &ruled.judged);
                    }
                })?;
                Ok(code(outcome.ruling))
            }
            Self::Replay(Replay { commits: Some(commits), preset, .. }) => {
                let outcome = replay::replay(&workspace, &replay::Request { commits, preset })?;
                let line = |it: &Replayed| format!("{:.2}  {}  {}", it.score, it.commit.short(), it.subject);
                let rows = outcome.commits.iter().map(|it| (it, it.ruling, it.risk, line(it)));
                replayed(context, &workspace, rows, outcome.preset, &outcome.shares)
            }
            Self::Replay(Replay { commits: None, preset, .. }) => {
                let outcome = replay::again(&workspace, &replay::AgainRequest { preset })?;
                let line = |it: &JudgedAgain| {
                    let was = it.was.map_or_else(String::new, |was| format!("was {}, ", was.word()));
                    format!("{}  {} ({was}{})", it.decision, it.title, it.by.as_deref().unwrap_or("no row of the table"))
                };
                let rows = outcome.decisions.iter().map(|it| (it, it.ruling, it.risk, line(it)));
                replayed(context, &workspace, rows, outcome.preset, &outcome.shares)
            }
            Self::Test => {
                let tested = authority::test(&workspace, &Request::default())?;
                let code = context.say(&workspace, &tested, |screen| results(screen, &tested))?;
                Ok(if tested.failed.is_empty() { code } else { Code::No.exit() })
            }
        }
    }
}

impl Asked {
    fn change(&self) -> Option<Given> {
        let diff = self.diff.clone().map(Given::Diff);
        diff.or(self.staged.then_some(Given::Staged)).or(self.worktree.then_some(Given::Worktree))
    }

    fn case(self) -> Result<Case> {
        let case = Case {
            kind: self.kind,
            topic: self.topic.map(Into::into),
            risk: self.risk.into(),
            reversibility: self.reversibility.into(),
            confidence: self.confidence,
            agent: self.agent.map(AgentName::new).transpose()?,
            ..Case::default()
        };
        Ok(case.with(&self.facts.into_iter().collect())?)
    }
}

fn presets() -> impl TypedValueParser<Value = Preset> {
    const ALL: [Preset; 2] = [Preset::Supervised, Preset::Autonomous];
    PossibleValuesParser::new(ALL.map(Preset::word))
        .try_map(|word| ALL.into_iter().find(|preset| preset.word() == word).ok_or("it is no preset"))
}

/// A line for each of the rows, or an object, and how often each ruling was given.
fn replayed<'a, T: Serialize + 'a>(
    context: &Context,
    workspace: &Workspace,
    rows: impl Iterator<Item = (&'a T, Ruling, Risk, String)>,
    preset: Preset,
    shares: &[Share],
) -> Result<u8> {
    let mut screen = Screen::default();
    for notice in workspace.take_notices() {
        screen.talk(notice);
    }
    for (row, ruling, risk, line) in rows {
        screen.data(if context.shared.json {
            serde_json::to_string(row).map_err(|error| Error::while_doing("write the outcome as JSON", error))?
        } else {
            format!("{:<13} {:<9} {line}", ruling.word(), risk.to_string())
        });
    }
    if !context.shared.json {
        screen.talk(format!("By the rules on the preset {}:", preset.word()));
        for share in shares {
            screen.talk(format!("  {:<13} {:>5}  {:.1} %", share.ruling.word(), share.count, share.share * 100.0));
        }
    }
    screen.print()?;
    Ok(0)
}

fn code(ruling: Ruling) -> u8 {
    match ruling {
        Ruling::Act | Ruling::ActAndTell => 0,
        Ruling::Architect | Ruling::Person => Code::NeedsPerson.exit(),
        Ruling::Deny => Code::No.exit(),
    }
}

/// The ruling, and the step that decided it.
fn ruled(screen: &mut Screen, ruling: Ruling, step: Option<&Step>) {
    screen.data(ruling.word());
    if let Some(step) = step {
        screen.talk(format!("{} (`{}`)", step.what, step.place()));
    }
}

/// How much can go wrong with a change, and why, line by line.
fn reasons(outcome: &Outcome) -> Vec<String> {
    let head = format!("{}: {} risk, score {:.2}", counted(outcome.files, "file"), outcome.risk, outcome.score);
    let reason = |reason: &Reason| {
        let at = if reason.paths.is_empty() { String::new() } else { format!(" ({})", first_of(&reason.paths)) };
        format!("  {:<8} {}{at}", reason.at_least.to_string(), reason.words)
    };
    std::iter::once(head).chain(outcome.reasons.iter().map(reason)).collect()
}

fn table(screen: &mut Screen, in_force: &InForce) {
    screen.data(format!("{:<34} {:<13} {:<13} {:<13} {:<13} where", "who decides", "low", "medium", "high", "critical"));
    for row in &in_force.rows {
        let [low, medium, high, critical] = row.by_risk.map(Ruling::word);
        screen.data(format!("{:<34} {low:<13} {medium:<13} {high:<13} {critical:<13} {}:{}", row.name(), row.file, row.line));
    }
    screen.data("");
    for rule in &in_force.rules {
        let risk = rule.risk.map(|risk| format!("risk {risk}"));
        let demand = rule.demand.map(|demand| demand.word().to_owned());
        let says = risk.into_iter().chain(demand).collect::<Vec<_>>().join(", ");
        screen.data(format!("{}: {says}  {}", rule.name, rule.at));
        screen.data(format!("    if {}", rule.condition));
    }
    screen.talk(format!("Preset: {}, confidence: {}", in_force.preset.word(), in_force.confidence.word()));
    if in_force.waiting {
        screen.talk("`.claude/authority.yaml` says something else, which waits: `autonomy trust`");
    }
}

fn way(screen: &mut Screen, judged: &Judged) {
    for step in &judged.steps {
        let risk = step.risk.map(|risk| format!("risk {risk}"));
        let demands = step.demands.map(|demands| demands.word().to_owned());
        let says = risk.into_iter().chain(demands).collect::<Vec<_>>().join(", ");
        screen.data(format!("{}: {says}  {}", step.what, step.place()));
    }
    screen.data(format!("{}: an agent {}, at {} risk", judged.ruling.word(), judged.ruling.words(), judged.risk));
}

fn results(screen: &mut Screen, tested: &Tested) {
    for failed in &tested.failed {
        let by = failed.by.as_ref().map_or_else(String::new, |step| format!(": {} (`{}`)", step.what, step.place()));
        let (found, expected) = (failed.found.word(), failed.expected.word());
        screen.data(format!(".claude/authority.tests.yaml:{}: {}: {found}, not {expected}{by}", failed.line, failed.name));
    }
    screen.talk(format!("{} passed, {} failed", tested.passed, tested.failed.len()));
}
