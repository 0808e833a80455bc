//! What can run when: levels, who waits for whom, and the way that takes longest.
//!
//! A plan counts the time of each step and not how many may run at once: it says how long the whole takes at least when every
//! step takes its time.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};

use crate::model::{
    expression::{self, Expression},
    refusal::{Code, Refusal},
    time::Lapse,
    workflow::{Act, Each, Step, Until, Workflow, retry::Retry, scope},
};

/// A step in a plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Planned {
    /// How others name it.
    pub id: String,
    /// The word of its kind.
    pub kind: String,
    /// To what it is done, on one line.
    pub target: String,
    /// The stage that it is in; empty for steps without stages.
    pub stage: String,
    /// Its level, from 1: it comes after some step of the level before.
    pub level: usize,
    /// The steps that it waits for.
    pub needs: Vec<String>,
    /// The steps that wait for it.
    pub needed_by: Vec<String>,
    /// When it can begin at the earliest.
    pub starts: Lapse,
    /// How long it takes: its estimate, else the most that it may.
    pub takes: Lapse,
    /// Whether that is an estimate.
    pub estimated: bool,
    /// How long is waited after each try that fails, before the next.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub waits: Vec<Lapse>,
    /// For how many values it is done, when that is known and not one.
    pub times: Option<usize>,
    /// Whether its condition holds; none where that is known only when it runs, or where it has none.
    pub holds: Option<bool>,
    /// Whether it is part of the way that takes longest.
    pub critical: bool,
}

/// What can run when.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Plan {
    /// The name of the workflow.
    pub workflow: String,
    /// The values of the parameters.
    pub parameters: BTreeMap<String, Value>,
    /// The steps of each level, which do not wait for each other.
    pub levels: Vec<Vec<String>>,
    /// The steps, level by level.
    pub steps: Vec<Planned>,
    /// The steps of the way that takes longest.
    pub critical_path: Vec<String>,
    /// How long that way takes.
    pub takes: Lapse,
}

/// Steps that wait for each other in a circle: the way from one back to itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cycle(pub Vec<String>);

/// The places of steps in an order in which each comes after all that it needs and after the stages before its own.
///
/// # Errors
/// The cycle, where there is none.
pub fn order(steps: &[Step]) -> Result<Vec<usize>, Cycle> {
    let places: HashMap<&str, usize> = steps.iter().enumerate().map(|(place, step)| (step.id.as_str(), place)).collect();
    let needs: Vec<Vec<usize>> =
        steps.iter().map(|step| step.needs.iter().filter_map(|id| places.get(id.as_str()).copied()).collect()).collect();
    let mut waits: Vec<usize> = needs.iter().map(Vec::len).collect();
    let mut needed_by: Vec<Vec<usize>> = vec![Vec::new(); steps.len()];
    for (place, needs) in needs.iter().enumerate() {
        for need in needs {
            needed_by[*need].push(place);
        }
    }
    let mut ready: BTreeSet<(usize, usize)> =
        (0..steps.len()).filter(|place| waits[*place] == 0).map(|place| (steps[place].stage, place)).collect();
    let mut order = Vec::with_capacity(steps.len());
    while let Some((_, place)) = ready.pop_first() {
        order.push(place);
        for next in &needed_by[place] {
            waits[*next] -= 1;
            if waits[*next] == 0 {
                ready.insert((steps[*next].stage, *next));
            }
        }
    }
    let Some(stuck) = (0..steps.len()).find(|place| waits[*place] > 0) else { return Ok(order) };
    // Whoever still waits waits for somebody who still waits, so that this way comes back to itself.
    let (mut way, mut seen) = (vec![stuck], BTreeMap::from([(stuck, 0)]));
    loop {
        let last = way[way.len() - 1];
        let next = needs[last].iter().copied().find(|need| waits[*need] > 0).unwrap_or(last);
        if let Some(start) = seen.insert(next, way.len()) {
            let circle = way[start..].iter().chain([&next]);
            return Err(Cycle(circle.map(|place| steps[*place].id.clone()).collect()));
        }
        way.push(next);
    }
}

/// Which steps are done when another begins, whatever else happens: those that it needs, those that these need and so on, and
/// those of the stages before its own.
pub(crate) struct Done {
    stages: Vec<usize>,
    /// For each step, a bit for each step that is done.
    bits: Vec<u64>,
    width: usize,
}

impl Done {
    /// For `steps`, of which `order` is one.
    pub(crate) fn of(steps: &[Step], order: &[usize]) -> Self {
        let places: HashMap<&str, usize> = steps.iter().enumerate().map(|(place, step)| (step.id.as_str(), place)).collect();
        let width = steps.len().div_ceil(64);
        let mut bits = vec![0_u64; width * steps.len()];
        for place in order {
            for need in steps[*place].needs.iter().filter_map(|need| places.get(need.as_str()).copied()) {
                for word in 0..width {
                    bits[place * width + word] |= bits[need * width + word];
                }
                bits[place * width + need / 64] |= 1 << (need % 64);
            }
        }
        Self { stages: steps.iter().map(|step| step.stage).collect(), bits, width }
    }

    /// Whether the step at `other` is done when that at `place` begins.
    pub(crate) fn has(&self, place: usize, other: usize) -> bool {
        self.stages[other] < self.stages[place] || self.bits[place * self.width + other / 64] >> (other % 64) & 1 == 1
    }
}

/// Plans `workflow` with the parameters that `said` gives as text.
///
/// # Errors
/// Refuses what [`Workflow::values`] refuses.
pub fn plan(workflow: &Workflow, said: &BTreeMap<String, String>) -> Result<Plan, Refusal> {
    let parameters = workflow.values(said)?;
    // Every parameter has a value here, so that none is missing where a condition asks for one that nobody said.
    let all = workflow.parameters.iter().map(|one| (one.name.clone(), parameters.get(&one.name).cloned().unwrap_or_default()));
    let values = json!({ "parameters": all.collect::<BTreeMap<String, Value>>() });
    Ok(Plan { parameters, ..planned(workflow, Some(&values))? })
}

/// Plans `workflow` as if every step were carried out, whatever its parameters are.
///
/// # Errors
/// Refuses nothing that `read` made.
pub fn outline(workflow: &Workflow) -> Result<Plan, Refusal> {
    planned(workflow, None)
}

fn planned(workflow: &Workflow, values: Option<&Value>) -> Result<Plan, Refusal> {
    let steps = &workflow.steps;
    let order = order(steps).map_err(|cycle| Refusal::new(Code::Bug, format!("a cycle in what was read: {:?}", cycle.0)))?;
    let places: HashMap<&str, usize> = steps.iter().enumerate().map(|(place, step)| (step.id.as_str(), place)).collect();
    let mut needed_by: Vec<Vec<String>> = vec![Vec::new(); steps.len()];
    for step in steps {
        for need in step.needs.iter().filter_map(|need| places.get(need.as_str())) {
            needed_by[*need].push(step.id.clone());
        }
    }
    let mut planned: Vec<(Planned, Lapse, Option<usize>)> = Vec::with_capacity(steps.len());
    let mut at: Vec<usize> = vec![0; steps.len()];
    // The highest level and the last end of the stages before, and of this one.
    let (mut before, mut within): ((usize, Option<usize>), (usize, Option<usize>)) = ((0, None), (0, None));
    let mut stage = 0;
    for place in order {
        let step = &steps[place];
        if step.stage != stage {
            (stage, before) = (step.stage, within);
        }
        let end = |index: Option<usize>| index.map_or(Lapse::default(), |index| planned[index].1);
        let needs = step.needs.iter().filter_map(|need| places.get(need.as_str())).map(|need| at[*need]);
        let level = 1 + needs.clone().map(|index| planned[index].0.level).fold(before.0, usize::max);
        let after = needs.fold(before.1, |last, index| if end(last) < end(Some(index)) { Some(index) } else { last });
        let holds = step.when.as_deref().zip(values).and_then(|(condition, values)| holds(condition, values));
        let takes = if holds == Some(false) { Lapse::default() } else { length(step) };
        let starts = end(after);
        let ends = Lapse(starts.0.saturating_add(takes.0));
        let index = planned.len();
        at[place] = index;
        let last = within.1.is_none_or(|last| planned[last].1 < ends);
        within = (within.0.max(level), if last { Some(index) } else { within.1 });
        let one = Planned {
            id: step.id.clone(),
            kind: step.act.word().to_owned(),
            target: step.act.target(),
            stage: workflow.stages.get(step.stage).map(|stage| stage.name.clone()).unwrap_or_default(),
            level,
            needs: step.needs.clone(),
            needed_by: std::mem::take(&mut needed_by[place]),
            starts,
            takes,
            estimated: step.estimate.is_some(),
            waits: step.retry.iter().flat_map(Retry::waits).collect(),
            times: step.each.as_ref().and_then(Each::times),
            holds,
            critical: false,
        };
        planned.push((one, ends, after));
    }
    let takes = within.1.map_or(Lapse::default(), |last| planned[last].1);
    let (mut critical_path, mut here) = (Vec::new(), within.1);
    while let Some(index) = here {
        planned[index].0.critical = true;
        critical_path.push(planned[index].0.id.clone());
        here = planned[index].2;
    }
    critical_path.reverse();
    let mut steps: Vec<Planned> = planned.into_iter().map(|(one, ..)| one).collect();
    steps.sort_by_key(|one| one.level);
    let mut levels = vec![Vec::new(); within.0];
    for one in &steps {
        levels[one.level - 1].push(one.id.clone());
    }
    Ok(Plan { workflow: workflow.name.clone(), parameters: BTreeMap::new(), levels, steps, critical_path, takes })
}

/// Whether a condition that asks only for parameters holds.
fn holds(condition: &str, values: &Value) -> Option<bool> {
    let known: Vec<&str> = ["parameters"].into_iter().chain(expression::FUNCTIONS.iter().copied()).collect();
    Expression::read(scope::bare(condition), &known).ok()?.holds(values).ok()
}

/// How long a step takes as far as is known: its estimate, else the most that it may.
fn length(step: &Step) -> Lapse {
    let once = match (&step.act, step.estimate) {
        (_, Some(estimate)) => estimate,
        (Act::Wait { until: Until::Time(lapse) }, None) => *lapse,
        _ => step.timeout,
    };
    let rounds = step.each.as_ref().map_or(1, Each::rounds);
    Lapse(once.0.saturating_mul(rounds))
}
