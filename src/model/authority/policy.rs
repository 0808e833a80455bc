//! `authority.yaml` on top of the preset that it names, and how both rule on a case.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::{
    authority::{
        case::{Case, NAMES},
        limits::limits,
        ruling::{Judged, Step},
    },
    confidence::{Caution, Weight},
    decision::{ChangeKind, Risk, Ruling, Topic},
    expression::Expression,
    id::{self, AgentName},
    refusal::Refusal,
    roster::{self, Roster},
    yaml::{self, Spanned},
};

/// Where the rules of a project lie.
pub const FILE: &str = ".claude/authority.yaml";

/// Where the cases lie that its rules are tested with.
pub const TESTS: &str = ".claude/authority.tests.yaml";

/// The version that this program writes.
const VERSION: u64 = 1;

/// How often rules may raise the risk one after another: there are as many levels.
const ROUNDS: usize = 4;

/// A table and rules that this program ships.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Preset {
    /// A person looks at everything that shapes the product.
    #[default]
    Supervised,
    /// Agents go on alone, and an architect approves what shapes the product.
    Autonomous,
}

impl Preset {
    /// The word on disk.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Supervised => "supervised",
            Self::Autonomous => "autonomous",
        }
    }

    /// Its template.
    #[must_use]
    pub fn template(self) -> &'static str {
        match self {
            Self::Supervised => "authority/supervised.yaml",
            Self::Autonomous => "authority/autonomous.yaml",
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    version: u64,
    #[serde(default)]
    preset: Preset,
    #[serde(default)]
    confidence: Caution,
    #[serde(default)]
    matrix: Vec<Spanned<RowText>>,
    #[serde(default)]
    rules: Vec<Spanned<RuleText>>,
    #[serde(default)]
    without: Vec<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RowText {
    kind: Option<ChangeKind>,
    #[serde(rename = "type")]
    topic: Option<Topic>,
    agent: Option<AgentName>,
    low: Ruling,
    medium: Ruling,
    high: Ruling,
    critical: Ruling,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RuleText {
    name: String,
    r#if: String,
    risk: Option<Risk>,
    demand: Option<Ruling>,
}

/// A row of the table: for which decisions it holds, and who takes them at each risk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Row {
    /// What is changed; any where none is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<ChangeKind>,
    /// What it is about; anything where none is said.
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    pub topic: Option<Topic>,
    /// The role that decides; any where none is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<AgentName>,
    /// Who decides at low, medium, high and critical risk.
    pub by_risk: [Ruling; 4],
    /// The file that it stands in.
    pub file: String,
    /// Its line in that file, from 1.
    pub line: u64,
}

impl Row {
    fn holds_for(&self, case: &Case) -> bool {
        self.kind.is_none_or(|kind| case.kind == Some(kind))
            && self.topic.is_none_or(|topic| case.about() == topic)
            && self.agent.as_ref().is_none_or(|agent| case.agent.as_ref() == Some(agent))
    }

    /// How much it says of what it holds for: the kind before the type, either before the agent.
    fn precision(&self) -> u8 {
        4 * u8::from(self.kind.is_some()) + 2 * u8::from(self.topic.is_some()) + u8::from(self.agent.is_some())
    }

    /// Who decides at `risk`.
    #[must_use]
    pub fn at(&self, risk: Risk) -> Ruling {
        self.by_risk[risk as usize]
    }

    /// What it holds for, in words.
    #[must_use]
    pub fn name(&self) -> String {
        let kind = self.kind.map(ChangeKind::word);
        let topic = self.topic.map(Topic::word);
        let agent = self.agent.as_ref().map(|agent| format!("agent {agent}"));
        let parts: Vec<String> = kind.into_iter().chain(topic).map(str::to_owned).chain(agent).collect();
        if parts.is_empty() { "everything else".to_owned() } else { parts.join(", ") }
    }
}

/// A rule: where its condition holds, so much can go wrong at least, and so much is demanded.
#[derive(Debug)]
pub struct Rule {
    /// What people call it.
    pub name: String,
    /// When it holds.
    pub condition: Expression,
    /// How much can go wrong at least.
    pub risk: Option<Risk>,
    /// Who has to decide at least.
    pub demand: Option<Ruling>,
    /// The file that it stands in.
    pub file: String,
    /// Its line in that file, from 1.
    pub line: u64,
}

/// Who may take which decision.
#[derive(Debug)]
pub struct Policy {
    /// The preset that it rests on.
    pub preset: Preset,
    /// When an agent is too little sure to act alone.
    pub caution: Caution,
    /// The table, the project's own rows first.
    pub rows: Vec<Row>,
    /// The rules, the project's own first.
    pub rules: Vec<Rule>,
}

impl Policy {
    /// The rules of a project, `own`, on top of the preset that they name; `shipped` gives a preset's text.
    ///
    /// # Errors
    /// Refuses what is malformed, with line and column; a row in which more risk demands less; a rule that demands nothing,
    /// whose condition is none, or whose name is taken; and a rule to be left out that the preset does not have.
    pub fn read(own: Option<&str>, shipped: impl Fn(Preset) -> &'static str) -> Result<Self, Refusal> {
        let own = own.map(|text| file(FILE, text)).transpose()?;
        let preset = own.as_ref().map(|file| file.preset).unwrap_or_default();
        let caution = own.as_ref().map(|file| file.confidence).unwrap_or_default();
        let base = file(preset.template(), shipped(preset))?;
        let (mut rows, mut rules, mut without) = (Vec::new(), Vec::new(), BTreeSet::new());
        if let Some(own) = own {
            for name in &own.without {
                if !base.rules.iter().any(|rule| rule.value.name == name.value) {
                    let near = id::nearest(&name.value, base.rules.iter().map(|rule| (rule.value.name.as_str(), "")));
                    let refusal = at(FILE, name.referenced.line(), &format!("the preset has no rule `{}`", name.value));
                    return Err(if near.is_empty() { refusal } else { refusal.hint(format!("nearest: {}", near.join(", "))) });
                }
                without.insert(name.value.clone());
            }
            read_into(&mut rows, &mut rules, FILE, own)?;
        }
        read_into(&mut rows, &mut rules, preset.template(), base)?;
        rules.retain(|rule: &Rule| rule.file == FILE || !without.contains(&rule.name));
        for (place, rule) in rules.iter().enumerate() {
            if rules[place + 1..].iter().any(|later| later.name == rule.name) {
                let refusal = at(&rule.file, rule.line, &format!("there is another rule `{}`", rule.name));
                return Err(refusal.hint("`without:` leaves a rule of the preset out; then yours takes its place"));
            }
        }
        Ok(Self { preset, caution, rows, rules })
    }

    /// Rules on `case`; `roster` says what its agent may do at most.
    #[must_use]
    pub fn judge(&self, case: &Case, roster: Option<&Roster>) -> Judged {
        let (mut risk, mut held) = (case.risk, Vec::new());
        for _ in 0..ROUNDS {
            held = self.holding(case, risk);
            let raised = held.iter().filter_map(|step| step.risk).fold(risk, Risk::max);
            if raised == risk {
                break;
            }
            risk = raised;
        }
        let row = self.rows.iter().filter(|row| row.holds_for(case)).rev().max_by_key(|row| row.precision());
        let by_row = row.map(|row| Step {
            what: format!("{} at {risk} risk", row.name()),
            file: row.file.clone(),
            line: Some(row.line),
            demands: Some(row.at(risk)),
            risk: None,
        });
        let agent = case.agent.as_ref().and_then(|name| Some((name, roster?.agents.get(name)?)));
        let by_agent = agent.into_iter().flat_map(|(name, agent)| {
            limits(agent, case, risk).into_iter().map(move |(demands, why)| Step {
                what: format!("agent {name}: {why}"),
                file: roster::FILE.to_owned(),
                line: None,
                demands: Some(demands),
                risk: None,
            })
        });
        let mut steps: Vec<Step> = held.into_iter().chain(by_agent).chain(by_row).collect();
        // A table without a row for everything else leaves the rest to a person.
        let ruling = steps.iter().filter_map(|step| step.demands).max().filter(|_| row.is_some()).unwrap_or(Ruling::Person);
        // Of what waits for somebody anyway nothing more is asked.
        let doubt = Weight::of(case, risk, ruling).asks(self.caution).filter(|_| ruling.is_free());
        let Some(doubt) = doubt else {
            return Judged { ruling, risk, steps };
        };
        steps.push(Step {
            what: format!("confidence: {doubt}"),
            file: FILE.to_owned(),
            line: None,
            demands: Some(Ruling::Person),
            risk: None,
        });
        Judged { ruling: Ruling::Person, risk, steps }
    }

    /// The rules that hold at `risk`; one that cannot be computed holds, and demands a person.
    fn holding(&self, case: &Case, risk: Risk) -> Vec<Step> {
        let values = case.values(risk);
        let step = |rule: &Rule, what: String, demands: Option<Ruling>| Step {
            what,
            file: rule.file.clone(),
            line: Some(rule.line),
            demands,
            risk: rule.risk,
        };
        let one = |rule: &Rule| match rule.condition.holds(&values) {
            Ok(true) => Some(step(rule, format!("rule `{}`", rule.name), rule.demand)),
            Ok(false) => None,
            Err(refusal) => {
                Some(step(rule, format!("rule `{}`, which cannot be computed: {refusal}", rule.name), Some(Ruling::Person)))
            }
        };
        self.rules.iter().filter_map(one).collect()
    }
}

/// A case that the rules are tested with.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expected {
    /// What people call it.
    pub name: String,
    /// The decision.
    pub case: Case,
    /// Who is to take it.
    pub ruling: Ruling,
}

/// The cases of `authority.tests.yaml`, whose whole text is `text`.
///
/// # Errors
/// Refuses what is malformed, with line and column, and a later version.
pub fn cases(text: &str) -> Result<Vec<Spanned<Expected>>, Refusal> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Cases {
        version: u64,
        cases: Vec<Spanned<Expected>>,
    }
    let file: Cases = yaml::read(TESTS, text)?;
    known(TESTS, file.version)?;
    Ok(file.cases)
}

fn at(path: &str, line: u64, words: &str) -> Refusal {
    Refusal::usage(format!("cannot read `{path}`: line {line}: {words}"))
}

fn file(path: &str, text: &str) -> Result<File, Refusal> {
    let file: File = yaml::read(path, text)?;
    known(path, file.version)?;
    Ok(file)
}

/// Lets pass only a version that this program knows.
fn known(path: &str, version: u64) -> Result<(), Refusal> {
    if version <= VERSION {
        return Ok(());
    }
    Err(Refusal::environment(format!("`{path}` is of version {version}, and this program knows {VERSION}"))
        .hint("install the later version of autonomy; nothing was changed"))
}

fn read_into(rows: &mut Vec<Row>, rules: &mut Vec<Rule>, path: &str, file: File) -> Result<(), Refusal> {
    for Spanned { value, referenced, .. } in file.matrix {
        let line = referenced.line();
        let by_risk = [value.low, value.medium, value.high, value.critical];
        if !by_risk.is_sorted() {
            return Err(at(path, line, "more risk demands less"));
        }
        let RowText { kind, topic, agent, .. } = value;
        rows.push(Row { kind, topic, agent, by_risk, file: path.to_owned(), line });
    }
    for Spanned { value, referenced, .. } in file.rules {
        let line = referenced.line();
        let RuleText { name, r#if, risk, demand } = value;
        if risk.is_none() && demand.is_none() {
            return Err(at(path, line, &format!("the rule `{name}` says neither `risk:` nor `demand:`")));
        }
        let condition = Expression::read(&r#if, NAMES);
        // What cannot be computed for a decision of which nothing is known is wrong for every other one.
        let condition = condition.and_then(|it| it.holds(&Case::default().values(Risk::Low)).map(|_| it));
        let condition = condition.map_err(|refusal| Refusal {
            message: format!("cannot read `{path}`: line {line}: the rule `{name}`: {}", refusal.message),
            ..refusal
        })?;
        rules.push(Rule { name, condition, risk, demand, file: path.to_owned(), line });
    }
    Ok(())
}
