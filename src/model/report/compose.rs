//! Writing a report: every figure from events, records and git, every line with its command.

use crate::model::{
    actor::Actor,
    decision::{self, Decision, Ruled},
    event::Verdict,
    holdings::{HeldTask, Holdings},
    id::{Candidate, DecisionId, Oid, QuestionId, TaskId, shortest},
    progress::{self, Headway, Piece},
    question::{self, Question},
    quote,
    report::{
        Changed, Completed, Decided, GateReport, GateRuns, Need, PutBack, Report, Standing, Uncovered, Unproven, Upcoming,
        VERSION, Working,
    },
    session::active,
    state::{Phase, State},
    tally::{Back, Tally},
    task::{
        Task,
        progress::{Progress, Proof},
    },
    time::{Lapse, Timestamp},
};

/// How many entries a list of what comes next has.
const LISTED: usize = 12;
/// How long a line of other people's words may be.
const LINE: usize = 200;

/// What a report is made of.
#[derive(Clone, Copy, Debug)]
pub struct Material<'a> {
    /// The session, or the clone's own log.
    pub state: Option<&'a State>,
    /// The records in force.
    pub holdings: &'a Holdings,
    /// What the events add up to.
    pub tally: &'a Tally,
    /// What git says.
    pub changed: &'a Changed,
    /// What no checkpoint would hold.
    pub uncovered: &'a [Uncovered],
    /// The gates and what they last said.
    pub gates: &'a [GateReport],
    /// The branch.
    pub branch: Option<&'a str>,
    /// From when on.
    pub since: Timestamp,
    /// The present moment.
    pub now: Timestamp,
}

/// Writes the report.
#[must_use]
pub fn compose(material: &Material<'_>) -> Report {
    let Material { state, holdings, tally, now, since, .. } = *material;
    let session = state.and_then(|state| state.session.as_ref());
    let names = Names::of(holdings);
    let title = session.map_or_else(
        || material.branch.unwrap_or("this repository").to_owned(),
        |session| session.title.clone().unwrap_or_else(|| session.id.to_string()),
    );
    let worked = state.filter(|state| state.session.is_some()).map(|state| active(state, now));
    let headway = headway(holdings, state, now);
    let completion = headway.filter(|known| !known.is_over()).and_then(|known| known.left).map(|left| now.after(left));
    let ready = holdings.ready();
    Report {
        version: VERSION,
        title: line(&title),
        session: session.map(|session| session.id.clone()),
        goal: session.and_then(|session| session.goal.as_deref()).map(line),
        since,
        until: now,
        duration: now.since(since),
        worked,
        changed: material.changed.clone(),
        completed: completed(material, &names),
        in_progress: working(holdings, &names, now),
        next_more: ready.len().saturating_sub(LISTED),
        next: upcoming(holdings, &names),
        decisions: decided(material),
        unproven: unproven(material, &names),
        uncovered: material.uncovered.to_vec(),
        put_back: put_back(material, &names),
        needs: needs(holdings, state, material.gates, now),
        gates: material.gates.to_vec(),
        gate_runs: GateRuns { green: tally.green, red: tally.red },
        checkpoints: tally.checkpoints,
        usage: tally.usage,
        memory: tally.memory,
        headway,
        completion,
    }
}

/// The short names by which tasks and questions may be typed.
struct Names<'a> {
    tasks: Vec<Candidate<'a>>,
    questions: Vec<Candidate<'a>>,
}

impl<'a> Names<'a> {
    fn of(holdings: &'a Holdings) -> Self {
        let task = |held: &'a HeldTask| Candidate { name: held.task.id.as_str(), title: &held.task.title };
        let question = |question: &'a Question| Candidate { name: question.id.as_str(), title: &question.title };
        Self { tasks: holdings.tasks.iter().map(task).collect(), questions: holdings.questions.iter().map(question).collect() }
    }

    fn task<'b>(&self, id: &'b TaskId) -> &'b str {
        shortest(id.as_str(), &self.tasks)
    }

    fn question<'b>(&self, id: &'b QuestionId) -> &'b str {
        shortest(id.as_str(), &self.questions)
    }
}

/// How far the tasks are.
#[must_use]
pub fn headway(holdings: &Holdings, state: Option<&State>, now: Timestamp) -> Option<Headway> {
    let since = state.and_then(|state| state.session.as_ref()).map(|session| session.started);
    let pieces = holdings.tasks.iter().filter_map(|held| Piece::of(&held.task, &held.progress, held.state.as_ref(), since));
    progress::headway(pieces, state.map_or(Lapse::default(), |state| active(state, now)))
}

fn completed(material: &Material<'_>, names: &Names<'_>) -> Vec<Completed> {
    let mut all: Vec<Completed> = material
        .tally
        .finished
        .iter()
        .map(|(task, finished)| Completed {
            title: line(material.holdings.title_of(task)),
            at: finished.at,
            minutes: finished.took.map(Lapse::as_minutes),
            proof: if finished.tree.is_some() { Proof::Proven } else { Proof::Unproven },
            command: format!("autonomy task show {}", names.task(task)),
            task: task.clone(),
        })
        .collect();
    all.sort_by(|left, right| (left.at, &left.task).cmp(&(right.at, &right.task)));
    all
}

fn working(holdings: &Holdings, names: &Names<'_>, now: Timestamp) -> Vec<Working> {
    let started = holdings.under_way().into_iter().filter(|held| held.progress == Progress::Started);
    started
        .map(|held| {
            let (all, ticked) = (held.task.criteria.len(), held.task.criteria.iter().filter(|one| one.done).count());
            let since = held.state.as_ref().and_then(|state| state.started);
            Working {
                task: held.task.id.clone(),
                title: line(&held.task.title),
                percent: (ticked * 100).checked_div(all).and_then(|percent| u8::try_from(percent).ok()),
                minutes: since.map(|since| now.since(since).as_minutes()),
                estimate: held.task.estimate,
                command: format!("autonomy task show {}", names.task(&held.task.id)),
            }
        })
        .collect()
}

/// What may be started, best first, as far as it is listed.
fn upcoming(holdings: &Holdings, names: &Names<'_>) -> Vec<Upcoming> {
    let task = |task: &Task| Upcoming {
        task: task.id.clone(),
        title: line(&task.title),
        priority: task.priority.as_str().to_owned(),
        estimate: task.estimate,
        command: format!("autonomy task start {}", names.task(&task.id)),
    };
    holdings.ready().into_iter().take(LISTED).map(task).collect()
}

/// The tasks that may be started, best first, at most `limit`, and how many more there are.
#[must_use]
pub fn next(holdings: &Holdings, limit: usize) -> (Vec<Upcoming>, usize) {
    let mut all = upcoming(holdings, &Names::of(holdings));
    all.truncate(limit);
    let more = holdings.ready().len() - all.len();
    (all, more)
}

fn decided(material: &Material<'_>) -> Vec<Decided> {
    let Material { holdings, tally, now, since, .. } = *material;
    let record = |id: &DecisionId| holdings.decisions.iter().find(|decision| decision.id == *id);
    let decisions = tally.decisions.iter().filter_map(record).map(|decision| Decided {
        title: line(&decision.title),
        choice: decision.choice.as_deref().map(line),
        by: decision.by.as_ref().map_or("somebody".to_owned(), |by| line(&by.to_string())),
        right: right(decision),
        command: format!("cat .claude/decisions/{}.md", decision.id),
    });
    let names = Names::of(holdings);
    let question = |id: &QuestionId| holdings.questions.iter().find(|question| question.id == *id);
    let answers = tally.answers.iter().map(|(id, answer, by)| Decided {
        title: question(id).map_or_else(|| id.to_string(), |question| line(&question.title)),
        choice: Some(line(answer)),
        by: line(&by.to_string()),
        right: "a person's answer to a question".to_owned(),
        command: format!("autonomy inbox {}", names.question(id)),
    });
    let fell_due = |question: &&Question| {
        question.status_at(now) == question::Status::Expired && question.deadline.is_some_and(|deadline| deadline > since)
    };
    let defaults = holdings.questions.iter().filter(fell_due).map(|question| Decided {
        title: line(&question.title),
        choice: question.default.as_deref().map(line),
        by: "nobody in time".to_owned(),
        right: "the default that the question named".to_owned(),
        command: format!("autonomy answer {} \"…\"", names.question(&question.id)),
    });
    decisions.chain(answers).chain(defaults).collect()
}

/// By which right a decision was taken.
fn right(decision: &Decision) -> String {
    let weight = format!("risk {}, {}", decision.risk, decision.reversibility.word());
    let by_rule = |ruled: &Ruled| format!("{} at `{}`", line(&ruled.by), ruled.at);
    match (decision.status, &decision.by) {
        (decision::Status::Proposed, _) => match &decision.ruled {
            Some(ruled) if !ruled.ruling.is_free() => {
                format!("only proposed, it {}: {} ({weight})", ruled.ruling.words(), by_rule(ruled))
            }
            Some(_) | None => format!("only proposed ({weight})"),
        },
        (decision::Status::Rejected | decision::Status::Superseded, _) => format!("{} since ({weight})", decision.status.word()),
        (decision::Status::Accepted, Some(Actor::Person { .. })) => format!("a person's own ({weight})"),
        (decision::Status::Accepted, Some(Actor::Agent { .. } | Actor::Autonomy)) => {
            match (&decision.settled_by, &decision.ruled) {
                (Some(person), _) => format!("approved by {} ({weight})", line(&person.to_string())),
                (None, Some(ruled)) => format!("{} ({weight})", by_rule(ruled)),
                (None, None) => format!("its own judgement ({weight})"),
            }
        }
        (decision::Status::Accepted, None) => format!("not recorded ({weight})"),
    }
}

fn unproven(material: &Material<'_>, names: &Names<'_>) -> Vec<Unproven> {
    let Material { holdings, tally, .. } = *material;
    let mut all = Vec::new();
    for (task, finished) in &tally.finished {
        let title = line(holdings.title_of(task));
        let command = format!("autonomy task verify {}", names.task(task));
        if finished.tree.is_none() {
            let why = "somebody says that it is done, no gate was green for it".to_owned();
            all.push(Unproven { what: title, why, command });
        } else if !finished.uncommitted.is_empty() {
            let why = format!("the gates saw {} that its commit has not", paths(finished.uncommitted.len()));
            all.push(Unproven { what: title, why, command });
        }
    }
    for (task, why) in &tally.undeclared {
        let what = format!("a change without a decision: {}", line(holdings.title_of(task)));
        all.push(Unproven { what, why: why.clone(), command: format!("autonomy task show {}", names.task(task)) });
    }
    for gate in material.gates {
        let command = "autonomy gate run".to_owned();
        let what = format!("gate {}", gate.gate);
        let why = match (gate.verdict, gate.standing) {
            (None, _) => "it was not run".to_owned(),
            (Some(Verdict::Green), Standing::Holds | Standing::Never) => continue,
            (Some(Verdict::Green), Standing::Stale) => "it was green for an earlier tree".to_owned(),
            (Some(verdict @ (Verdict::Red | Verdict::TimedOut | Verdict::Broken)), _) => format!("it is {}", verdict.word()),
        };
        all.push(Unproven { what, why, command });
    }
    if material.changed.uncommitted > 0 {
        let what = format!("{} in no commit", paths(material.changed.uncommitted));
        all.push(Unproven { what, why: "only the work tree has them".to_owned(), command: "git status".to_owned() });
    }
    all
}

fn paths(count: usize) -> String {
    if count == 1 { "1 path".to_owned() } else { format!("{count} paths") }
}

fn put_back(material: &Material<'_>, names: &Names<'_>) -> Vec<PutBack> {
    let Material { holdings, tally, state, .. } = *material;
    let name = |commit: &Oid| {
        let taken = state.and_then(|state| state.checkpoints.entries.iter().find(|taken| taken.commit == *commit));
        let name = taken.and_then(|taken| taken.name.as_ref()).map(ToString::to_string);
        name.unwrap_or_else(|| format!("the snapshot {}", commit.short()))
    };
    let line_of = |(at, back): &(Timestamp, Back)| {
        let (what, command) = match back {
            Back::Rollback { to } => (format!("the work tree went back to {}", name(to)), "autonomy rollback --undo".to_owned()),
            Back::Reopened { task, why } => (
                format!("{} is open again: {}", line(holdings.title_of(task)), line(why)),
                format!("autonomy task show {}", names.task(task)),
            ),
            Back::Parked { task, why, .. } => (
                format!("{} was taken out and kept: {}", line(holdings.title_of(task)), line(why)),
                format!("autonomy task resume {}", names.task(task)),
            ),
            Back::Mended { what } => (line(what), "autonomy verify".to_owned()),
        };
        PutBack { at: *at, what, command }
    };
    tally.back.iter().map(line_of).collect()
}

/// What needs a person, the most urgent first.
#[must_use]
pub fn needs(holdings: &Holdings, state: Option<&State>, gates: &[GateReport], now: Timestamp) -> Vec<Need> {
    let names = Names::of(holdings);
    let mut all = Vec::new();
    for question in holdings.open_questions(now) {
        let default = match (&question.default, question.deadline) {
            (Some(default), Some(deadline)) => format!(" (from {}Z on: {})", deadline.minute(), quote::line(default, 60)),
            (Some(_) | None, _) => String::new(),
        };
        all.push(Need {
            what: format!("{}{default}", line(&question.title)),
            command: format!("autonomy answer {} \"…\"", names.question(&question.id)),
        });
    }
    for held in holdings.under_way() {
        let (title, short) = (line(&held.task.title), names.task(&held.task.id));
        let need = match &held.progress {
            Progress::Failed { why } => (format!("{title} failed: {}", line(why)), format!("autonomy task show {short}")),
            Progress::Parked { why, .. } => {
                (format!("{title} is parked: {}", line(why)), format!("autonomy task resume {short}"))
            }
            Progress::Open | Progress::Started | Progress::Waiting { .. } | Progress::Done { .. } | Progress::Cancelled => {
                continue;
            }
        };
        all.push(Need { what: need.0, command: need.1 });
    }
    for decision in holdings.decisions.iter().filter(|decision| decision.status == decision::Status::Proposed) {
        let command = format!("cat .claude/decisions/{}.md", decision.id);
        all.push(Need { what: format!("{} is only proposed", line(&decision.title)), command });
    }
    for gate in gates.iter().filter(|gate| gate.waiting) {
        let what = format!("the gate {} runs only what you trust", gate.gate);
        all.push(Need { what, command: "autonomy trust".to_owned() });
    }
    if let Some(Phase::Paused { reason, .. }) = state.map(|state| &state.phase) {
        all.push(Need {
            what: format!("the session is paused: {}", line(reason)),
            command: "autonomy session resume".to_owned(),
        });
    }
    if let Some(until) = state.and_then(|state| state.limit).filter(|until| *until > now) {
        let command = "autonomy run".to_owned();
        all.push(Need { what: format!("a usage limit holds until {}Z", until.minute()), command });
    }
    all
}

fn line(text: &str) -> String {
    quote::line(text, LINE)
}
