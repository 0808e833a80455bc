//! What a run of a workflow goes into: a workflow, a branch, the values that a step is done for.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde_json::Value;

use crate::model::{
    time::Timestamp,
    workflow::{
        Act, Each, Stage, Step, Workflow,
        flow::{Flow, Frame, Inside, Level, Node, NodeAt, Part, Phase, Scope, ScopeAt, Standing, named},
        outcome::StepKey,
    },
};

impl<'w> Flow<'w> {
    /// Begins a workflow: the run's own, or one inside a step.
    pub(super) fn enter(
        &mut self,
        workflow: &'w Workflow,
        parameters: BTreeMap<String, Value>,
        above: Option<NodeAt>,
        prefix: String,
        deadline: Option<Timestamp>,
    ) {
        let scope = self.scopes.len();
        let depth = above.map_or(1, |above| self.scopes[self.frames[self.nodes[above].frame].scope].depth + 1);
        self.scopes.push(Scope {
            workflow,
            parameters,
            context: serde_json::Map::new(),
            above,
            root: self.frames.len(),
            phase: Phase::Going,
            live: 0,
            depth,
            latest: HashMap::new(),
            failure: None,
        });
        if let Some(above) = above {
            self.nodes[above].inside = Inside::Workflow(scope);
        }
        self.open((scope, None, Part::Work), &workflow.steps, &workflow.stages, prefix, BTreeMap::new(), deadline);
    }

    /// Begins steps that wait for each other only.
    pub(super) fn open(
        &mut self,
        (scope, above, part): (ScopeAt, Option<NodeAt>, Part),
        steps: &'w [Step],
        stages: &[Stage],
        prefix: String,
        locals: BTreeMap<String, Value>,
        deadline: Option<Timestamp>,
    ) {
        let (frame, first) = (self.frames.len(), self.nodes.len());
        let places: HashMap<&str, usize> = steps.iter().enumerate().map(|(place, step)| (step.id.as_str(), place)).collect();
        let mut needed_by = vec![Vec::new(); steps.len()];
        let mut stages: Vec<Level> =
            stages.iter().map(|stage| Level { limit: stage.max_parallel, left: 0, parked: Vec::new() }).collect();
        if stages.is_empty() {
            stages.push(Level { limit: 1, left: 0, parked: Vec::new() });
        }
        let mut free = Vec::new();
        for (place, step) in steps.iter().enumerate() {
            let needs: Vec<usize> = step.needs.iter().filter_map(|need| places.get(need.as_str()).copied()).collect();
            for need in &needs {
                needed_by[*need].push(place);
            }
            stages[step.stage].left += 1;
            if needs.is_empty() {
                free.push(first + place);
            }
            let key = StepKey::new(format!("{prefix}{}", step.id));
            self.add(Node { waits: needs.len(), ..Node::new(frame, place, key, self.begun) });
            self.scopes[scope].latest.insert(&step.id, first + place);
        }
        let stage = stages.iter().position(|level| level.left > 0).unwrap_or(stages.len());
        self.frames.push(Frame {
            scope,
            above,
            steps,
            prefix,
            part,
            locals,
            first,
            places,
            needed_by,
            stages,
            stage,
            ready: BTreeSet::new(),
            active: 0,
            left: steps.len(),
            deadline,
        });
        for node in free {
            self.make_ready(node);
        }
        if steps.is_empty() {
            self.frame_is_over(frame);
        }
    }

    pub(super) fn open_values(&mut self, node: NodeAt, times: u32) {
        let (frame, place, key) = (self.nodes[node].frame, self.nodes[node].place, self.nodes[node].key.clone());
        self.frames[frame].ready.remove(&(place, node));
        let mut items = self.items(node).unwrap_or_default();
        items.resize(times as usize, Value::Null);
        let first = self.nodes.len();
        for number in 0..times {
            let of = Some((node, number));
            self.add(Node { of, ..Node::new(frame, place, key.each(number + 1), self.begun) });
        }
        self.nodes[node].standing = Standing::Running;
        let limit = match &self.step_of(node).each {
            Some(Each::Matrix { max_parallel, .. }) => *max_parallel,
            Some(Each::Expression(_) | Each::Items(_)) | None => 1,
        };
        let next = times.min(limit.max(1));
        self.nodes[node].inside = Inside::Values { items, first, next, left: times, failed: 0 };
        for number in 0..next {
            self.make_ready(first + number as usize);
        }
        self.look_at(frame);
        if times == 0 {
            self.closable.insert(node);
        }
    }

    pub(super) fn open_branch(&mut self, node: NodeAt, branch: u32, at: Timestamp) {
        self.place(node);
        let step = self.step_of(node);
        let Act::Decision { branches, default, .. } = &step.act else { return };
        let steps = branches.get(branch as usize).map_or(default.as_slice(), |branch| branch.steps.as_slice());
        self.nodes[node].inside = Inside::Branch(branch);
        let frame = &self.frames[self.nodes[node].frame];
        let (scope, part, deadline) = (frame.scope, frame.part, self.deadline_inside(node, at));
        let mut locals = frame.locals.clone();
        locals.extend(self.local(node));
        let prefix = format!("{}/", self.nodes[node].key);
        self.open((scope, Some(node), part), steps, &[], prefix, locals, Some(deadline));
    }

    pub(super) fn open_workflow(&mut self, node: NodeAt, name: &str, parameters: &BTreeMap<String, Value>, at: Timestamp) {
        self.place(node);
        let Some((_, workflow)) = named(self.all, name) else { return };
        let own = workflow.timeout.map(|timeout| at.after(timeout));
        let deadline = self.deadline_inside(node, at);
        let deadline = own.map_or(deadline, |own| own.min(deadline));
        let prefix = format!("{}/", self.nodes[node].key);
        self.enter(workflow, parameters.clone(), Some(node), prefix, Some(deadline));
    }

    pub(super) fn deadline_inside(&self, node: NodeAt, at: Timestamp) -> Timestamp {
        let own = at.after(self.step_of(node).timeout);
        self.frames[self.nodes[node].frame].deadline.map_or(own, |outer| outer.min(own))
    }
}
