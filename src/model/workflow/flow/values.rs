//! What expressions read while a workflow is carried out: parameters, what steps gave, and the values that they are done for.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use serde_json::{Map, Value, json};

use crate::model::{
    expression::Surroundings,
    refusal::Refusal,
    workflow::{
        Each, MAX_STEPS, MergeStrategy,
        fill::Filling,
        flow::{Flow, FrameAt, Inside, NodeAt, ScopeAt},
        outcome::StepKey,
    },
};

impl Flow<'_> {
    /// What a step that succeeded hands on: what it gave, and what it says in `outputs:`.
    ///
    /// # Errors
    /// Refuses what cannot be computed.
    pub fn outputs(
        &self,
        key: &StepKey,
        given: BTreeMap<String, Value>,
        around: &Surroundings,
    ) -> Result<BTreeMap<String, Value>, Refusal> {
        let Some(node) = self.keys.get(key).copied() else { return Ok(given) };
        let step = self.step_of(node);
        let mut all = given.clone();
        for (name, text) in &step.outputs {
            let own = json!({ "status": "succeeded", "exit": 0, "attempts": self.nodes[node].attempt, "outputs": given });
            let known = |names: &BTreeSet<String>| self.known(node, Some((&step.id, &own)), names);
            let value = Filling { known: &known, around }.value(&Value::String(text.clone()))?;
            all.insert(name.clone(), value);
        }
        Ok(all)
    }

    /// Fills with what the step at `node` may read.
    pub(super) fn filling<T>(
        &self,
        node: NodeAt,
        around: &Surroundings,
        fill: impl FnOnce(&Filling<'_>) -> Result<T, Refusal>,
    ) -> Result<T, Refusal> {
        let known = |names: &BTreeSet<String>| self.known(node, None, names);
        fill(&Filling { known: &known, around })
    }

    /// What a workflow hands to whoever started it.
    pub(super) fn handed_on(&self, scope: ScopeAt, around: &Surroundings) -> Result<BTreeMap<String, Value>, Refusal> {
        let Some(frame) = self.frames.get(self.scopes[scope].root) else { return Ok(BTreeMap::new()) };
        let known = |names: &BTreeSet<String>| self.known_in(self.scopes[scope].root, frame.locals.clone(), None, names);
        let filling = Filling { known: &known, around };
        let outputs = self.scopes[scope].workflow.outputs.iter();
        outputs.map(|(name, text)| Ok((name.clone(), filling.value(&Value::String(text.clone()))?))).collect()
    }

    /// What the run hands on, once it is over.
    ///
    /// # Errors
    /// Refuses what cannot be computed.
    pub fn results(&self, around: &Surroundings) -> Result<BTreeMap<String, Value>, Refusal> {
        self.handed_on(0, around)
    }

    fn known(&self, node: NodeAt, own: Option<(&str, &Value)>, names: &BTreeSet<String>) -> BTreeMap<String, Value> {
        let frame = self.nodes[node].frame;
        let mut locals = self.frames[frame].locals.clone();
        locals.extend(self.local(node));
        self.known_in(frame, locals, own, names)
    }

    /// The values that expressions with these `names` read in `frame`; nothing that they do not ask for is gathered.
    fn known_in(
        &self,
        frame: FrameAt,
        locals: BTreeMap<String, Value>,
        own: Option<(&str, &Value)>,
        names: &BTreeSet<String>,
    ) -> BTreeMap<String, Value> {
        let scope = &self.scopes[self.frames[frame].scope];
        let mut values = locals;
        let asks = |root: &str| names.iter().any(|name| name.split('.').next() == Some(root));
        if asks("parameters") {
            let all = scope.workflow.parameters.iter().map(|one| one.name.as_str());
            let all = all.map(|name| (name.to_owned(), scope.parameters.get(name).cloned().unwrap_or_default()));
            values.insert("parameters".to_owned(), Value::Object(all.collect()));
        }
        if asks("context") {
            values.insert("context".to_owned(), Value::Object(scope.context.clone()));
        }
        if asks("steps") {
            let wanted: BTreeSet<&str> = if names.contains("steps") {
                scope.latest.keys().copied().collect()
            } else {
                names.iter().filter_map(|name| name.strip_prefix("steps.")?.split('.').next()).collect()
            };
            let all = wanted.into_iter().map(|id| match own {
                Some((own, value)) if own == id => (id.to_owned(), value.clone()),
                _ => (id.to_owned(), self.seen(frame, id)),
            });
            values.insert("steps".to_owned(), Value::Object(all.collect()));
        }
        values
    }

    /// What is known of the step `id` inside `frame`, or around it.
    fn seen(&self, frame: FrameAt, id: &str) -> Value {
        let mut here = Some(frame);
        while let Some(at) = here {
            let frame = &self.frames[at];
            if let Some(place) = frame.places.get(id) {
                return self.value_of(frame.first + place);
            }
            here = frame.above.map(|above| self.nodes[above].frame);
        }
        match self.scopes[self.frames[frame].scope].latest.get(id) {
            Some(node) => self.value_of(*node),
            None => json!({ "status": "not_run", "outputs": {} }),
        }
    }

    fn value_of(&self, node: NodeAt) -> Value {
        let one = &self.nodes[node];
        let mut value = Map::new();
        value.insert("status".to_owned(), one.standing.word().into());
        value.insert("attempts".to_owned(), one.attempt.into());
        value.insert("exit".to_owned(), one.last.as_ref().and_then(|last| last.exit).into());
        value.insert("outputs".to_owned(), one.last.as_ref().map_or_else(|| json!({}), |last| json!(last.outputs)));
        match &one.inside {
            Inside::Values { first, items, .. } => {
                let each = (0..items.len()).map(|number| self.value_of(first + number)).collect();
                value.insert("each".to_owned(), Value::Array(each));
            }
            Inside::Branch(branch) => drop(value.insert("branch".to_owned(), (*branch).into())),
            Inside::Nothing | Inside::Workflow(_) => {}
        }
        Value::Object(value)
    }

    /// The value that a step is done for, with the name under which it is read.
    pub(super) fn local(&self, node: NodeAt) -> Option<(String, Value)> {
        let (group, number) = self.nodes[node].of?;
        let Inside::Values { items, .. } = &self.nodes[group].inside else { return None };
        let name = match self.step_of(node).each {
            Some(Each::Matrix { .. }) => "matrix",
            Some(Each::Expression(_) | Each::Items(_)) | None => "item",
        };
        Some((name.to_owned(), items.get(number as usize)?.clone()))
    }

    /// The values that a step is done for. They follow from the file, the parameters and earlier events alone.
    pub(super) fn items(&self, node: NodeAt) -> Result<Vec<Value>, Refusal> {
        let nothing = Surroundings { now: self.begun, variables: Arc::default(), is_there: Arc::new(|_| false) };
        self.filling(node, &nothing, |filling| {
            let items = match &self.step_of(node).each {
                None => Vec::new(),
                Some(Each::Items(items)) => {
                    items.iter().map(|item| filling.value(&Value::String(item.clone()))).collect::<Result<_, _>>()?
                }
                Some(Each::Expression(source)) => list(source, filling.compute(source)?)?,
                Some(Each::Matrix { values, .. }) => {
                    let mut all = vec![Map::new()];
                    for (name, values) in values {
                        let values = values.iter().map(|value| filling.value(value)).collect::<Result<Vec<_>, _>>()?;
                        let with = |one: &Map<String, Value>, value: &Value| {
                            let mut one = one.clone();
                            one.insert(name.clone(), value.clone());
                            one
                        };
                        all = all.iter().flat_map(|one| values.iter().map(move |value| with(one, value))).collect();
                    }
                    all.into_iter().map(Value::Object).collect()
                }
            };
            if items.len() > MAX_STEPS {
                return Err(Refusal::usage(format!(
                    "a step is done for at most {MAX_STEPS} values, and there are {}",
                    items.len()
                )));
            }
            Ok(items)
        })
    }

    /// What expressions of `rollback:` read as `error`.
    pub(super) fn error(&self, scope: ScopeAt) -> Value {
        let failure = self.scopes[scope].failure.as_ref();
        json!({
            "step": failure.map(|failure| failure.step.as_str()),
            "message": failure.map(|failure| failure.why.as_str()),
            "exit": failure.and_then(|failure| failure.exit),
        })
    }

    /// Puts what a step gave into `context`.
    pub(super) fn remember(&mut self, scope: ScopeAt, outputs: &BTreeMap<String, Value>) {
        let scope = &mut self.scopes[scope];
        for (name, value) in outputs {
            match (scope.workflow.context.merge_strategy, scope.context.get_mut(name)) {
                (MergeStrategy::Keep, Some(_)) => {}
                (MergeStrategy::Merge, Some(known)) => merge(known, value),
                _ => drop(scope.context.insert(name.clone(), value.clone())),
            }
        }
    }
}

fn merge(known: &mut Value, more: &Value) {
    match (known, more) {
        (Value::Object(known), Value::Object(more)) => {
            for (name, value) in more {
                match known.get_mut(name) {
                    Some(known) => merge(known, value),
                    None => drop(known.insert(name.clone(), value.clone())),
                }
            }
        }
        (Value::Array(known), Value::Array(more)) => known.extend(more.iter().cloned()),
        (known, more) => *known = more.clone(),
    }
}

/// The list that an expression gave, or that a text which it gave is, as JSON.
fn list(source: &str, value: Value) -> Result<Vec<Value>, Refusal> {
    let value = match &value {
        Value::String(text) => serde_json::from_str(text).unwrap_or(value),
        _ => value,
    };
    match value {
        Value::Array(items) => Ok(items),
        other => Err(Refusal::usage(format!("`{source}` gives {other}, which is no list"))),
    }
}
