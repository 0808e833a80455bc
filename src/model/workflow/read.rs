//! From the text of a file to a workflow: every form becomes the one model, and what does not fit is refused with its place.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use serde::de::IgnoredAny;
use serde_json::Value;

use crate::model::{
    id::{MAX_NAME, slug},
    refusal::Refusal,
    workflow::{
        Act, Answer, Branch, Command, Each, Handling, MAX_PARALLEL, MAX_STEPS, OnFailure, Parameter, Stage, Step, USUAL_PARALLEL,
        USUAL_TIMEOUT, Workflow,
        order::{self, Cycle, Done},
        retry::{MAX_ATTEMPTS, Retry, Span},
        scope::{Scope, Wrong, bare, unknown},
        text::{BranchText, File, HandlingText, Kind, StageText, StepText, Strategy, WaitText, Words, Wrapped},
    },
    yaml::{self, Spanned},
};

/// The largest file, in bytes.
pub const MAX_FILE: usize = 1 << 20;

/// Reads the workflow in the file `path`, whose whole text is `text`; `stem` is its name where it says none.
///
/// # Errors
/// Refuses what is malformed, with line, column, what stands there and the nearest valid name: a key or a word that is none, a
/// step that does nothing or two things, two steps of one name, needs that nothing meets or that go round in a circle, an
/// expression that is none or that reads what is not there, and what is over a cap.
pub fn read(path: &str, stem: &str, text: &str) -> Result<Workflow, Refusal> {
    if text.len() > MAX_FILE {
        return Err(Refusal::usage(format!("cannot read `{path}`: it is over the cap of 1 MiB for a workflow")));
    }
    let keys: BTreeMap<String, Option<IgnoredAny>> = yaml::read(path, text)?;
    let file = if keys.contains_key("workflow") {
        *yaml::read::<Wrapped>(path, text)?.workflow
    } else {
        yaml::read::<File>(path, text)?
    };
    Reading { path, text, ids: HashSet::new(), retry: None, on_failure: OnFailure::default() }.workflow(file, stem)
}

/// Where something stands: a line from 1, and words by which the column is found from there on.
type Spot<'a> = (u64, &'a [&'a str]);

/// A file that is being read.
struct Reading<'a> {
    path: &'a str,
    text: &'a str,
    ids: HashSet<String>,
    retry: Option<Retry>,
    on_failure: OnFailure,
}

impl Reading<'_> {
    fn workflow(mut self, file: File, stem: &str) -> Result<Workflow, Refusal> {
        let metadata = file.metadata;
        let (author, tags, timeout, retry) = match metadata {
            Some(metadata) => (metadata.author, metadata.tags, metadata.timeout, metadata.retry_policy),
            None => (None, Vec::new(), None, None),
        };
        self.retry = self.retry(retry, 1)?;
        self.on_failure = file.on_failure.unwrap_or_default();
        let name = file.name.unwrap_or_else(|| stem.to_owned());
        if name.trim().is_empty() || name.len() > MAX_NAME {
            return Err(self.refused((1, &["name"]), &format!("a name has 1 to {MAX_NAME} bytes")));
        }
        self.parameters(&file.parameters)?;
        let (stages, steps) = self.stages(file.steps, file.stages, file.max_parallel)?;
        let rollback = self.block(file.rollback)?;
        let error_handlers = self.handlers(file.error_handlers)?;
        let workflow = Workflow {
            name,
            version: file.version.map(|version| version.list().join(".")).unwrap_or_default(),
            description: file.description.unwrap_or_default(),
            author: author.unwrap_or_default(),
            tags,
            parameters: file.parameters,
            context: file.context,
            env: file.env,
            timeout: file.timeout.or(timeout).map(|Span(lapse)| lapse),
            stages,
            steps,
            outputs: file.outputs,
            error_handlers,
            rollback,
        };
        let order = self.needs(&workflow)?;
        self.rollbacks(&workflow)?;
        self.expressions(&workflow, &Done::of(&workflow.steps, &order))?;
        Ok(workflow)
    }

    fn parameters(&self, parameters: &[Parameter]) -> Result<(), Refusal> {
        for (place, parameter) in parameters.iter().enumerate() {
            let name = parameter.name.as_str();
            let spot: Spot<'_> = (1, &["parameters", name]);
            if !is_name(name) || name.contains('-') {
                return Err(self.refused(spot, &format!("`{name}` is no name of a parameter: letters, digits and `_`")));
            }
            if parameters[..place].iter().any(|other| other.name == name) {
                return Err(self.refused(spot, &format!("there are two parameters `{name}`")));
            }
            for allowed in &parameter.r#enum {
                Parameter { r#enum: Vec::new(), ..parameter.clone() }
                    .takes(allowed)
                    .map_err(|why| self.because((1, &["parameters", name, "enum"]), why))?;
            }
            if let Some(default) = &parameter.default {
                parameter.takes(default).map_err(|why| self.because((1, &["parameters", name, "default"]), why))?;
            }
        }
        Ok(())
    }

    fn stages(
        &mut self,
        steps: Vec<Spanned<StepText>>,
        stages: Vec<Spanned<StageText>>,
        max_parallel: Option<u32>,
    ) -> Result<(Vec<Stage>, Vec<Step>), Refusal> {
        let usual = self.parallel(max_parallel, 1)?.unwrap_or(USUAL_PARALLEL);
        let (mut shown, mut all): (Vec<Stage>, Vec<Step>) = (Vec::new(), Vec::new());
        match (steps.is_empty(), stages.is_empty()) {
            (true, true) => return Err(self.refused((1, &[]), "a workflow has `steps:` or `stages:`")),
            (false, false) => return Err(self.refused((1, &["stages"]), "a workflow has `steps:` or `stages:`, not both")),
            (false, true) => {
                shown.push(Stage { name: String::new(), max_parallel: usual });
                self.stage(&mut all, steps, 0, Together::No)?;
            }
            (true, false) => {
                for (place, Spanned { value, referenced, .. }) in stages.into_iter().enumerate() {
                    let line = referenced.line();
                    if value.name.trim().is_empty() || shown.iter().any(|other| other.name == value.name) {
                        return Err(self.refused((line, &[]), "a stage has a name, which no other has"));
                    }
                    if value.steps.is_empty() {
                        return Err(self.refused((line, &[]), &format!("the stage `{}` has no steps", value.name)));
                    }
                    let max_parallel = self.parallel(value.max_parallel, line)?.unwrap_or(usual);
                    shown.push(Stage { name: value.name, max_parallel });
                    let first = all.len();
                    self.stage(&mut all, value.steps, place, if value.parallel { Together::Yes } else { Together::No })?;
                    let Some(condition) = value.when else { continue };
                    let condition = bare(&condition).to_owned();
                    for step in &mut all[first..] {
                        step.when = Some(match step.when.take() {
                            Some(own) => format!("({condition}) and ({own})"),
                            None => condition.clone(),
                        });
                    }
                }
            }
        }
        Ok((shown, all))
    }

    fn stage(
        &mut self,
        all: &mut Vec<Step>,
        steps: Vec<Spanned<StepText>>,
        stage: usize,
        together: Together,
    ) -> Result<(), Refusal> {
        let mut before: Option<String> = None;
        for Spanned { mut value, referenced, .. } in steps {
            let needs = value.needs.take().map(Words::list);
            let mut step = self.step(value, referenced.line())?;
            step.stage = stage;
            step.needs = needs.unwrap_or_else(|| match together {
                Together::Yes => Vec::new(),
                Together::No => before.take().into_iter().collect(),
            });
            let mut seen = HashSet::new();
            step.needs.retain(|need| seen.insert(need.clone()));
            before = Some(step.id.clone());
            all.push(step);
        }
        Ok(())
    }

    /// Steps one after the other.
    fn block(&mut self, steps: Vec<Spanned<StepText>>) -> Result<Vec<Step>, Refusal> {
        let mut block: Vec<Step> = Vec::new();
        for Spanned { value, referenced, .. } in steps {
            let line = referenced.line();
            if value.needs.is_some() {
                return Err(self.refused(
                    (line, &["needs"]),
                    "steps of a branch, a handler and `rollback:` follow each other: say no `needs`",
                ));
            }
            let mut step = self.step(value, line)?;
            step.needs = block.last().map(|before| before.id.clone()).into_iter().collect();
            block.push(step);
        }
        Ok(block)
    }

    fn step(&mut self, text: StepText, line: u64) -> Result<Step, Refusal> {
        if self.ids.len() >= MAX_STEPS {
            return Err(self.refused((line, &[]), &format!("a workflow has at most {MAX_STEPS} steps")));
        }
        let StepText {
            id,
            name,
            r#type,
            with,
            r#if,
            env,
            timeout,
            estimate,
            retry,
            on_failure,
            on_crash,
            for_each,
            strategy,
            outputs,
            ..
        } = text;
        let said = Said {
            r#type,
            name: name.as_deref(),
            run: text.run,
            texts: [
                (Kind::Agent, "agent", text.agent),
                (Kind::Skill, "skill", text.skill),
                (Kind::Gate, "gate", text.gate),
                (Kind::Decision, "decision", text.decision),
                (Kind::Question, "question", text.question),
                (Kind::Approval, "approval", text.approval),
                (Kind::Checkpoint, "checkpoint", text.checkpoint),
                (Kind::Rollback, "rollback", text.rollback),
                (Kind::Workflow, "workflow", text.workflow),
            ],
            wait: text.wait,
            branches: text.branches,
            default: text.default,
            with: &with,
        };
        let act = self.act(said, line)?;
        let made = || name.as_deref().map(made_of).filter(|made| !made.is_empty());
        let id = id.or_else(made).unwrap_or_else(|| format!("{}_{}", act.word(), self.ids.len() + 1));
        if !is_name(&id) {
            return Err(self.refused((line, &["id"]), &format!("`{id}` is no id: a letter, then letters, digits, `_` and `-`")));
        }
        if !self.ids.insert(id.clone()) {
            let refusal = self.refused((line, &[&id]), &format!("there is another step `{id}`"));
            return Err(refusal.hint("give one of them an `id:` of its own"));
        }
        Ok(Step {
            title: name.unwrap_or_else(|| id.clone()),
            id,
            stage: 0,
            act,
            needs: Vec::new(),
            when: r#if.map(|condition| bare(&condition).to_owned()),
            with,
            env,
            timeout: timeout.map_or(USUAL_TIMEOUT, |Span(lapse)| lapse),
            estimate: estimate.map(|Span(lapse)| lapse),
            retry: self.retry(retry, line)?.or(self.retry),
            on_failure: on_failure.unwrap_or(self.on_failure),
            on_crash,
            each: self.each(for_each, strategy, line)?,
            outputs,
            line,
        })
    }

    fn act(&mut self, said: Said<'_>, line: u64) -> Result<Act, Refusal> {
        let spoken: Vec<(Kind, &str)> = [(Kind::Run, "run")]
            .into_iter()
            .filter(|_| said.run.is_some())
            .chain(said.texts.iter().filter(|(.., text)| text.is_some()).map(|(kind, word, _)| (*kind, *word)))
            .chain([(Kind::Wait, "wait")].into_iter().filter(|_| said.wait.is_some()))
            .collect();
        let kind = match (spoken.as_slice(), said.r#type) {
            ([], None) => {
                let all = "`run`, `agent`, `skill`, `gate`, `decision`, `question`, `approval`, `checkpoint`, `rollback`, `workflow`, `wait`";
                return Err(self
                    .refused((line, &[]), "a step does one thing, and this one does none")
                    .hint(format!("say one of {all}")));
            }
            ([], Some(kind)) => kind,
            ([(kind, _)], None) => *kind,
            ([(kind, _)], Some(declared)) if *kind == declared => *kind,
            ([(_, word)], Some(_)) => {
                return Err(self.refused((line, &["type"]), &format!("`type` says something else than `{word}`")));
            }
            ([(_, one), (_, two), ..], _) => {
                return Err(
                    self.refused((line, &[two]), &format!("a step does one thing, and this one does `{one}` and `{two}`"))
                );
            }
        };
        if kind != Kind::Decision && !(said.branches.is_empty() && said.default.is_empty()) {
            return Err(self.refused((line, &[]), "only a `decision` has `branches` and a `default`"));
        }
        let own = said.texts.into_iter().find_map(|(.., text)| text);
        let target = own.or_else(|| said.name.map(str::to_owned)).unwrap_or_default();
        if !matches!(kind, Kind::Run | Kind::Wait) && target.trim().is_empty() {
            return Err(self.refused((line, &["type"]), "it does not say what: `name` does so for a step with a `type`"));
        }
        Ok(match kind {
            Kind::Run => Act::Run { command: self.command(said.run, said.with, line)? },
            Kind::Agent => Act::Agent { prompt: target },
            Kind::Skill => Act::Skill { skill: target },
            Kind::Gate => Act::Gate { gate: target },
            Kind::Decision => {
                if said.branches.is_empty() {
                    return Err(self.refused((line, &["decision"]), "a decision has `branches`, each with `if` and `steps`"));
                }
                let branches = said.branches.into_iter().map(|branch| self.branch(branch, line)).collect::<Result<_, _>>()?;
                Act::Decision { question: target, branches, default: self.block(said.default)? }
            }
            Kind::Question => Act::Question { question: target },
            Kind::Approval => Act::Approval { question: target },
            Kind::Checkpoint => Act::Checkpoint { words: target },
            Kind::Rollback => Act::Rollback { to: target },
            Kind::Workflow => Act::Workflow { workflow: target },
            Kind::Wait => {
                let Some(WaitText(until)) = said.wait else {
                    let words = "a step that waits says for what: `wait: 10m`, `wait: {file: PATH}`";
                    return Err(self.refused((line, &["type"]), words));
                };
                Act::Wait { until }
            }
        })
    }

    fn command(&self, run: Option<Words>, with: &BTreeMap<String, Value>, line: u64) -> Result<Command, Refusal> {
        let given = with.get("command").cloned();
        let words = match run.map(Ok).or_else(|| given.map(Words::try_from)) {
            Some(words) => words.map_err(|why| self.because((line, &["command"]), why))?,
            None => return Err(self.refused((line, &["type"]), "a step of `type: run` has `parameters: {command: …}`")),
        };
        let (command, first) = match words {
            Words::One(text) => (Command::Script(text.clone()), text),
            Words::Many(arguments) => (Command::Program(arguments.clone()), arguments.into_iter().next().unwrap_or_default()),
        };
        if first.trim().is_empty() {
            return Err(self.refused((line, &["run"]), "there is no program to run"));
        }
        Ok(command)
    }

    fn branch(&mut self, branch: BranchText, line: u64) -> Result<Branch, Refusal> {
        let Some(when) = branch.when else {
            return Err(self.refused((line, &["branches"]), "a branch says with `if` when it is taken"));
        };
        Ok(Branch { when: bare(&when).to_owned(), steps: self.block(branch.steps)? })
    }

    fn handlers(&mut self, handlers: Vec<Spanned<HandlingText>>) -> Result<Vec<Handling>, Refusal> {
        let mut all: Vec<Handling> = Vec::new();
        for Spanned { value, referenced, .. } in handlers {
            let line = referenced.line();
            let (Some(error), Some(action)) = (value.error, value.action) else {
                return Err(self.refused((line, &[]), "a handler says which `error` and which `action`"));
            };
            if all.iter().any(|other| other.error == error) {
                return Err(self.refused((line, &[&error]), &format!("there is another handler of `{error}`")));
            }
            if (action == Answer::Retry) != (value.max_retries > 0) || value.max_retries >= MAX_ATTEMPTS {
                let words =
                    format!("`max_retries` is from 1 to {} with `action: retry`, and not said with any other", MAX_ATTEMPTS - 1);
                return Err(self.refused((line, &["max_retries"]), &words));
            }
            if action != Answer::Rollback && !value.steps.is_empty() {
                return Err(self.refused((line, &["steps"]), "only `action: rollback` carries out steps"));
            }
            let steps = self.block(value.steps)?;
            all.push(Handling { error, action, max_retries: value.max_retries, notify: value.notify, steps });
        }
        Ok(all)
    }

    fn each(&self, for_each: Option<Words>, strategy: Option<Strategy>, line: u64) -> Result<Option<Each>, Refusal> {
        let each = match (for_each, strategy) {
            (None, None) => return Ok(None),
            (Some(_), Some(_)) => {
                return Err(
                    self.refused((line, &["strategy"]), "a step is done for `for_each` or for a `strategy`, not for both")
                );
            }
            (Some(Words::One(expression)), None) => {
                return Ok(Some(Each::Expression(bare(&expression).to_owned())));
            }
            (Some(Words::Many(items)), None) => Each::Items(items),
            (None, Some(Strategy { matrix, max_parallel })) => {
                let max_parallel = self.parallel(max_parallel, line)?.unwrap_or(USUAL_PARALLEL);
                Each::Matrix { values: matrix, max_parallel }
            }
        };
        match each.times() {
            Some(1..=MAX_STEPS) => Ok(Some(each)),
            _ => Err(self.refused((line, &[]), &format!("a step is done for 1 to {MAX_STEPS} values"))),
        }
    }

    fn retry(&self, retry: Option<Retry>, line: u64) -> Result<Option<Retry>, Refusal> {
        match retry {
            Some(retry) if !(1..=MAX_ATTEMPTS).contains(&retry.max_attempts) => {
                Err(self.refused((line, &["max_attempts"]), &format!("a step is tried 1 to {MAX_ATTEMPTS} times")))
            }
            retry => Ok(retry),
        }
    }

    fn parallel(&self, number: Option<u32>, line: u64) -> Result<Option<u32>, Refusal> {
        match number {
            Some(number) if !(1..=MAX_PARALLEL).contains(&number) => {
                Err(self.refused((line, &["max_parallel"]), &format!("1 to {MAX_PARALLEL} steps may run at the same time")))
            }
            number => Ok(number),
        }
    }

    /// An order of the steps, once all of their needs are there.
    fn needs(&self, workflow: &Workflow) -> Result<Vec<usize>, Refusal> {
        let steps = &workflow.steps;
        let places: HashMap<&str, usize> = steps.iter().enumerate().map(|(place, step)| (step.id.as_str(), place)).collect();
        for step in steps {
            for need in &step.needs {
                let spot: Spot<'_> = (step.line, &["needs", need]);
                let Some(place) = places.get(need.as_str()) else {
                    let why = unknown(&format!("there is no step `{need}`"), need, places.keys().copied());
                    return Err(self.because(spot, why));
                };
                let (own, other) = (step.stage, steps[*place].stage);
                if other > own {
                    let [own, other] = [own, other].map(|stage| workflow.stages[stage].name.as_str());
                    let words = format!("`{}` of the stage `{own}` needs `{need}` of the later stage `{other}`", step.id);
                    return Err(self.refused(spot, &words));
                }
            }
        }
        order::order(steps).map_err(|Cycle(way)| {
            let line = places.get(way[0].as_str()).map_or(1, |place| steps[*place].line);
            self.refused((line, &[]), &format!("steps need each other: {}", way.join(" → ")))
        })
    }

    /// Every step that goes back names one that takes a checkpoint.
    fn rollbacks(&self, workflow: &Workflow) -> Result<(), Refusal> {
        let all = workflow.every_step();
        let taken: BTreeSet<&str> =
            all.iter().filter(|step| matches!(step.act, Act::Checkpoint { .. })).map(|step| step.id.as_str()).collect();
        for step in all {
            if let Act::Rollback { to } = &step.act
                && !taken.contains(to.as_str())
            {
                let why = unknown(&format!("no step `{to}` takes a checkpoint"), to, taken.iter().copied());
                return Err(self.because((step.line, &[to]), why));
            }
        }
        Ok(())
    }

    fn expressions(&self, workflow: &Workflow, before: &Done) -> Result<(), Refusal> {
        let every = workflow.every_step();
        let ids: BTreeSet<&str> = every.iter().map(|step| step.id.as_str()).collect();
        let parameters: Vec<&str> = workflow.parameters.iter().map(|one| one.name.as_str()).collect();
        let scope = |done: &dyn Fn(&str) -> bool, more: Vec<&'static str>, check: &dyn Fn(&Scope<'_>) -> Result<(), Wrong>| {
            check(&Scope { parameters: &parameters, done, steps: &ids, more })
        };
        let places: HashMap<&str, usize> =
            workflow.steps.iter().enumerate().map(|(place, step)| (step.id.as_str(), place)).collect();
        for (place, step) in workflow.steps.iter().enumerate() {
            let done = |id: &str| places.get(id).is_some_and(|other| before.has(place, *other));
            self.step_expressions(step, &[], &done, &scope)?;
        }
        // Whatever was reached may be asked for by what happens at the end.
        let anything = |_: &str| true;
        let inside = workflow.error_handlers.iter().flat_map(|handling| &handling.steps).chain(&workflow.rollback);
        for step in inside {
            self.step_expressions(step, &["error"], &anything, &scope)?;
        }
        let outputs = |scope: &Scope<'_>| workflow.outputs.values().try_for_each(|text| scope.text(text));
        scope(&anything, Vec::new(), &outputs).map_err(|wrong| self.wrong(1, wrong))?;
        let nothing = |_: &str| false;
        let env = |scope: &Scope<'_>| workflow.env.values().try_for_each(|text| scope.text(text));
        scope(&nothing, Vec::new(), &env).map_err(|wrong| self.wrong(1, wrong))
    }

    fn step_expressions(
        &self,
        step: &Step,
        more: &[&'static str],
        done: &dyn Fn(&str) -> bool,
        scope: &InScope<'_>,
    ) -> Result<(), Refusal> {
        let wrong = |wrong| self.wrong(step.line, wrong);
        let before = |scope: &Scope<'_>| {
            if let Some(condition) = &step.when {
                scope.condition(condition)?;
            }
            match &step.each {
                Some(Each::Expression(expression)) => scope.condition(expression),
                Some(Each::Items(items)) => items.iter().try_for_each(|item| scope.text(item)),
                Some(Each::Matrix { values, .. }) => values.values().flatten().try_for_each(|value| inside(scope, value)),
                None => Ok(()),
            }
        };
        scope(done, more.to_vec(), &before).map_err(wrong)?;
        let mut more = more.to_vec();
        match &step.each {
            Some(Each::Matrix { .. }) => more.push("matrix"),
            Some(Each::Expression(_) | Each::Items(_)) => more.push("item"),
            None => {}
        }
        let own = |scope: &Scope<'_>| {
            match &step.act {
                Act::Run { command: Command::Program(arguments) } => arguments.iter().try_for_each(|text| scope.text(text))?,
                Act::Run { command: Command::Script(text) }
                | Act::Agent { prompt: text }
                | Act::Skill { skill: text }
                | Act::Gate { gate: text }
                | Act::Question { question: text }
                | Act::Approval { question: text }
                | Act::Checkpoint { words: text }
                | Act::Workflow { workflow: text } => scope.text(text)?,
                Act::Decision { branches, .. } => branches.iter().try_for_each(|branch| scope.condition(&branch.when))?,
                Act::Rollback { to } if !(scope.done)(to) => {
                    let why = Refusal::usage(format!("the checkpoint of the step `{to}` need not be taken by then"));
                    return Err(Wrong { at: to.clone(), why: why.hint(format!("say `needs: [{to}]`")) });
                }
                Act::Rollback { .. } | Act::Wait { .. } => {}
            }
            step.with.values().try_for_each(|value| inside(scope, value))?;
            step.env.values().try_for_each(|text| scope.text(text))
        };
        scope(done, more.clone(), &own).map_err(wrong)?;
        // A step's outputs are made of what it gave, and so may ask for itself.
        let own_too = |id: &str| id == step.id || done(id);
        let outputs = |scope: &Scope<'_>| step.outputs.values().try_for_each(|text| scope.text(text));
        scope(&own_too, more.clone(), &outputs).map_err(wrong)?;
        for block in step.blocks() {
            for (place, one) in block.iter().enumerate() {
                let earlier = |id: &str| block[..place].iter().any(|other| other.id == id) || id == step.id || done(id);
                self.step_expressions(one, &more, &earlier, scope)?;
            }
        }
        Ok(())
    }

    fn wrong(&self, line: u64, Wrong { at, why }: Wrong) -> Refusal {
        self.because((line, &[at.as_str()]), why)
    }

    fn because(&self, spot: Spot<'_>, why: Refusal) -> Refusal {
        let refusal = self.refused(spot, &why.message);
        Refusal { hint: why.hint, ..refusal }
    }

    /// Refuses something by its place: from the line on, each of the words after the one before, as far as they are there.
    fn refused(&self, (line, marks): Spot<'_>, words: &str) -> Refusal {
        let before = self.text.split_inclusive('\n').take(usize::try_from(line).unwrap_or(1).saturating_sub(1));
        let mut at: usize = before.map(str::len).sum();
        at += self.text[at..].len() - self.text[at..].trim_start_matches([' ', '-']).len();
        for mark in marks {
            let Some(found) = find(&self.text[at..], mark) else { break };
            at += found;
        }
        let line = 1 + self.text[..at].matches('\n').count() as u64;
        let column = 1 + self.text[..at].chars().rev().take_while(|character| *character != '\n').count() as u64;
        yaml::refused(self.path, self.text, (line, column), words)
    }
}

/// Looks at something with the names that are known there: the steps that are done, and what else there is.
type InScope<'a> =
    dyn Fn(&dyn Fn(&str) -> bool, Vec<&'static str>, &dyn Fn(&Scope<'_>) -> Result<(), Wrong>) -> Result<(), Wrong> + 'a;

/// Whether the steps of a stage may run at the same time.
#[derive(Clone, Copy)]
enum Together {
    Yes,
    No,
}

/// What a step says that it does.
struct Said<'a> {
    r#type: Option<Kind>,
    name: Option<&'a str>,
    run: Option<Words>,
    texts: [(Kind, &'static str, Option<String>); 9],
    wait: Option<WaitText>,
    branches: Vec<BranchText>,
    default: Vec<Spanned<StepText>>,
    with: &'a BTreeMap<String, Value>,
}

/// The texts in a value.
fn inside(scope: &Scope<'_>, value: &Value) -> Result<(), Wrong> {
    match value {
        Value::String(text) => scope.text(text),
        Value::Array(items) => items.iter().try_for_each(|item| inside(scope, item)),
        Value::Object(table) => table.values().try_for_each(|item| inside(scope, item)),
        Value::Null | Value::Bool(_) | Value::Number(_) => Ok(()),
    }
}

/// Where `mark` stands in `text` and is not part of a longer word.
fn find(text: &str, mark: &str) -> Option<usize> {
    let joins = |character: Option<char>| character.is_some_and(|it| it.is_alphanumeric() || it == '_' || it == '-');
    let alone = |at: &usize| {
        let (before, after) = (text[..*at].chars().next_back(), text[at + mark.len()..].chars().next());
        let longer = joins(before) && joins(mark.chars().next()) || joins(after) && joins(mark.chars().next_back());
        !longer
    };
    text.match_indices(mark).map(|(at, _)| at).find(alone)
}

fn is_name(name: &str) -> bool {
    name.len() <= MAX_NAME
        && name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && name.chars().all(|character| character.is_ascii_alphanumeric() || matches!(character, '_' | '-'))
}

/// An id out of a title, with nothing in it that an expression would take for a sign.
fn made_of(title: &str) -> String {
    let made = slug(title).replace('-', "_");
    if made.starts_with(|first: char| first.is_ascii_digit()) { format!("_{made}") } else { made }
}
