//! What an agent has to know before it goes on, within a length: goal and constraints first, then what is closest to the
//! work at hand. What does not fit is counted, with the command that shows it.
//!
//! The same material always gives the same briefing. Nothing is read here, and the words around the parts are a template's.
//! Text that came from files or other agents stands in frames as data.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::{
    decision::Decision,
    holdings::{HeldTask, Holdings, phase_words},
    id::{SessionId, TaskId},
    memory::{Note, NoteKind},
    question::Question,
    quote::{self, length},
    relevance::{Kin, age, relevance},
    session::active,
    state::{Progress, State},
    task::Task,
    time::{Lapse, Timestamp},
};

/// The length of a briefing when nothing is said: what clients take from a hook without cutting, 10,000 characters, less a
/// reserve.
pub const USUAL: usize = 9_500;
/// The smallest length that a briefing can be asked for.
pub const LEAST: usize = 2_000;
/// What is kept free for the lines that count what is left out.
const RESERVE: usize = 500;

/// What a briefing is made of.
#[derive(Clone, Copy, Debug)]
pub struct Material<'a> {
    /// The session; none when there is none.
    pub state: Option<&'a State>,
    /// The task that it is for.
    pub task: Option<&'a TaskId>,
    /// The records in force.
    pub holdings: &'a Holdings,
    /// What people wrote into pages: the page, the text.
    pub theirs: &'a [(String, String)],
    /// The branch; none when HEAD is detached.
    pub branch: Option<&'a str>,
    /// The present moment.
    pub now: Timestamp,
    /// Whether the current task is told about here.
    pub detail: Detail,
}

/// Where the current task is told about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detail {
    /// In the briefing.
    Here,
    /// Beside it, as in the prompt of an attempt.
    Beside,
}

/// A part of a briefing that fits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Part {
    /// Its heading.
    pub title: String,
    /// Its text; data stands in a frame.
    pub text: String,
}

/// What did not fit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LeftOut {
    /// What it is, such as "notes".
    pub what: String,
    /// How many.
    pub count: usize,
    /// The command that shows all.
    pub command: String,
}

/// A briefing in parts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Briefing {
    /// What fits, in order.
    pub parts: Vec<Part>,
    /// What does not.
    pub left_out: Vec<LeftOut>,
}

/// One thing that may stand in a part.
struct Item {
    text: String,
    /// What fits less is left out first.
    weight: u32,
}

/// What may stand under one heading.
struct Section {
    title: &'static str,
    /// What its frame says; none when the words are ours or the session's own.
    data: Option<&'static str>,
    items: Vec<Item>,
    /// Its share of the length in hundredths, before what others leave over.
    share: usize,
    what: &'static str,
    command: String,
    /// How many there are besides the items.
    beyond: usize,
}

impl Section {
    fn new(title: &'static str, share: usize, items: Vec<Item>) -> Self {
        Self { title, data: None, items, share, what: "", command: String::new(), beyond: 0 }
    }

    fn data(mut self, label: &'static str) -> Self {
        self.data = Some(label);
        self
    }

    fn counted(mut self, what: &'static str, command: impl Into<String>) -> Self {
        (self.what, self.command) = (what, command.into());
        self
    }

    fn beyond(mut self, count: u64) -> Self {
        self.beyond = usize::try_from(count).unwrap_or(usize::MAX);
        self
    }

    /// What the heading and the frame take.
    fn overhead(&self) -> usize {
        length("## \n\n\n\n") + length(self.title) + self.data.map_or(0, quote::frame_length)
    }

    /// The order in which items are taken: by weight, then as they stand.
    fn order(&self) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.items.len()).collect();
        order.sort_by_key(|index| (std::cmp::Reverse(self.items[*index].weight), *index));
        order
    }
}

/// Chooses what fits into `budget`, measured as [`length`] measures it.
#[must_use]
pub fn choose(material: &Material<'_>, budget: usize) -> Briefing {
    let sections = sections(material, budget);
    let mut chosen: Vec<Vec<bool>> = sections.iter().map(|section| vec![false; section.items.len()]).collect();
    let mut free = budget.saturating_sub(RESERVE);
    // First everybody takes of its own share, then in order of what is left over.
    for round in [Round::Share, Round::Rest] {
        for (section, taken) in sections.iter().zip(&mut chosen) {
            let share = match round {
                Round::Share => (budget * section.share / 100).min(free),
                Round::Rest => free,
            };
            free -= fill(section, taken, share);
        }
    }
    let mut briefing = Briefing::default();
    for (section, taken) in sections.iter().zip(&chosen) {
        let texts: Vec<&str> =
            section.items.iter().zip(taken).filter(|(_, taken)| **taken).map(|(item, _)| item.text.as_str()).collect();
        let missing = taken.iter().filter(|taken| !**taken).count() + section.beyond;
        if !texts.is_empty() {
            let text = texts.join("\n");
            let text = section.data.map_or_else(|| text.clone(), |label| quote::framed(label, &text));
            briefing.parts.push(Part { title: section.title.to_owned(), text });
        }
        if missing > 0 && !section.what.is_empty() {
            let (what, command) = (section.what.to_owned(), section.command.clone());
            briefing.left_out.push(LeftOut { what, count: missing, command });
        }
    }
    briefing
}

#[derive(Clone, Copy)]
enum Round {
    Share,
    Rest,
}

/// Takes items while they fit into `room`, and says how much they take.
fn fill(section: &Section, taken: &mut [bool], room: usize) -> usize {
    let mut used = 0;
    for index in section.order() {
        let head = if taken.contains(&true) { 0 } else { section.overhead() };
        let cost = head + length(&section.items[index].text) + 1;
        if !taken[index] && used + cost <= room {
            taken[index] = true;
            used += cost;
        }
    }
    used
}

fn sections(material: &Material<'_>, budget: usize) -> Vec<Section> {
    let (holdings, now) = (material.holdings, material.now);
    let view = View { material, current: material.task, budget };
    let mut all = vec![
        Section::new("Goal", 25, view.goal()).counted("constraints", "autonomy session status"),
        Section::new("Session", 15, view.session()),
    ];
    if material.detail == Detail::Here {
        all.push(
            Section::new("Current focus", 25, view.focus())
                .data("the task at hand, from files")
                .counted("lines about the task", view.show()),
        );
    }
    let open = holdings.open_questions(now);
    let answered = holdings.answered_questions(now);
    all.extend([
        Section::new("Open questions", 10, open.into_iter().map(|question| view.question(question)).collect())
            .data("questions that wait for a person")
            .counted("open questions", "autonomy inbox"),
        Section::new("Answers", 10, answered.into_iter().map(|question| view.answer(question)).collect())
            .data("what people answered")
            .counted("answers", "autonomy inbox --all"),
        Section::new("Decisions in force", 15, holdings.decisions_in_force().into_iter().map(|one| view.decision(one)).collect())
            .data("decisions, from files")
            .counted("decisions", "ls .claude/decisions"),
        Section::new("Notes", 10, holdings.notes.iter().map(|note| view.note(note)).collect())
            .data("notes, from files")
            .counted("notes", "ls .claude/memory"),
        Section::new("What people wrote into the session's pages", 10, view.theirs())
            .data("text of people in pages")
            .counted("texts in pages", view.folder()),
        Section::new("Next tasks", 5, view.next()).data("open tasks, best first").counted("open tasks", "autonomy task list"),
        Section::new("Recent progress", 10, view.progress())
            .data("the newest of the progress log")
            .counted("entries of progress", "autonomy progress list --all")
            .beyond(view.older()),
        Section::new("Where things stand", 5, view.standing()),
    ]);
    all
}

/// The material as seen from the current task.
struct View<'a> {
    material: &'a Material<'a>,
    current: Option<&'a TaskId>,
    budget: usize,
}

impl View<'_> {
    fn session(&self) -> Vec<Item> {
        let Some(state) = self.material.state else {
            return vec![item("No session is live; `autonomy session start` begins one.", 0)];
        };
        let Some(session) = &state.session else { return Vec::new() };
        let title = session.title.as_deref().map_or(String::new(), |title| format!(" ({})", quote::line(title, 80)));
        let used = active(state, self.material.now);
        let branch =
            self.material.branch.map_or("no branch".to_owned(), |branch| format!("branch `{}`", quote::line(branch, 100)));
        let phase = quote::line(&phase_words(&state.phase), 120);
        vec![item(
            format!("{}{title}: {phase}, {} of {} used, {branch}.", session.id, minutes(used.as_minutes()), session.max),
            0,
        )]
    }

    fn folder(&self) -> String {
        let session = self.material.state.and_then(|state| state.session.as_ref());
        session.map_or("ls .claude/sessions".to_owned(), |session| format!("ls .claude/sessions/{}", session.id))
    }

    fn show(&self) -> String {
        self.current.map_or("autonomy focus".to_owned(), |task| format!("autonomy task show {task}"))
    }

    fn goal(&self) -> Vec<Item> {
        let Some(session) = self.material.state.and_then(|state| state.session.as_ref()) else { return Vec::new() };
        let goal = session.goal.as_deref().map(|goal| item(quote::head(&quote::plain(goal), self.budget / 8), 1));
        let constraint = |text: &String| item(format!("- Must hold: {}", quote::line(text, self.budget / 20)), 0);
        goal.into_iter().chain(session.constraints.iter().map(constraint)).collect()
    }

    fn focus(&self) -> Vec<Item> {
        let mut lines: Vec<String> = Vec::new();
        let focus = self.material.state.and_then(|state| state.focus.as_ref());
        let focus = focus.filter(|focus| focus.task.is_none() || focus.task.as_ref() == self.current);
        if let Some(focus) = focus {
            lines.push(format!("Focus: {}", quote::line(&focus.text, 400)));
            lines.extend(focus.next.as_deref().map(|next| format!("Next action: {}", quote::line(next, 400))));
        }
        if let Some(held) = self.current.and_then(|id| self.material.holdings.task(id)) {
            lines.extend(task_lines(held, self.budget / 6));
        }
        let count = u32::try_from(lines.len()).unwrap_or(u32::MAX);
        lines.into_iter().zip((0..count).rev()).map(|(text, weight)| Item { text, weight }).collect()
    }

    fn question(&self, question: &Question) -> Item {
        let blocks = self.current.is_some_and(|id| question.blocks.contains(id));
        let mut text = format!("- {} (`{}`, {})", quote::line(&question.title, 200), question.id, question.urgency.word());
        if blocks {
            text.push_str(", blocks the current task");
        }
        if let Some(context) = &question.context {
            text.push_str(&format!("\n  {}", quote::line(context, 300)));
        }
        if let Some(default) = &question.default {
            let from = question.deadline.map_or(String::new(), |deadline| format!(" from {} on", deadline.second()));
            text.push_str(&format!("\n  Without an answer{from}: {}", quote::line(default, 200)));
        }
        item(text, u32::from(blocks))
    }

    fn answer(&self, question: &Question) -> Item {
        let answer = question.answer_at(self.material.now).unwrap_or_default();
        let by = question.answer.as_ref().map_or("by default", |answer| answer.by.as_str());
        let text = format!("- {} {} ({})", quote::line(&question.title, 200), quote::line(answer, 300), quote::line(by, 60));
        let kin = question.blocks.iter().map(|task| self.kin(Some(task), None)).min();
        let then = question.answer.as_ref().map(|answer| answer.at).or(question.deadline);
        item(text, relevance(age(then, self.material.now), kin.unwrap_or(Kin::None), 0))
    }

    fn decision(&self, decision: &Decision) -> Item {
        let mut text = format!("- {}", quote::line(&decision.title, 160));
        for part in [&decision.choice, &decision.reason].into_iter().flatten() {
            text.push_str(&format!(": {}", quote::line(part, 240)));
        }
        text.push_str(&format!(" (`{}`)", decision.id));
        let kin = self.kin(decision.task.as_ref(), decision.session.as_ref());
        item(text, relevance(age(decision.created, self.material.now), kin, 0))
    }

    fn note(&self, note: &Note) -> Item {
        let kin = self.kin(note.task.as_ref(), note.session.as_ref());
        // How somebody likes things done holds for every task.
        let relations = u32::from(note.kind == NoteKind::Preference) * 2;
        let label = match note.kind {
            NoteKind::Note => "",
            NoteKind::Preference => "Preference: ",
        };
        let text = format!("- {label}{} (`{}`)", quote::line(&note.text, 500), note.id);
        item(text, relevance(age(note.created, self.material.now), kin, relations))
    }

    fn theirs(&self) -> Vec<Item> {
        let cap = self.budget / 8;
        self.material.theirs.iter().map(|(page, text)| item(format!("{page}:\n{}", quote::head(text.trim(), cap)), 0)).collect()
    }

    fn next(&self) -> Vec<Item> {
        let ready = self.material.holdings.ready().into_iter().filter(|task| Some(&task.id) != self.current);
        ready.map(|task| item(format!("- {}", headline(task)), 0)).collect()
    }

    fn progress(&self) -> Vec<Item> {
        let Some(state) = self.material.state else { return Vec::new() };
        let entries = state.progress.entries.iter().zip(0..);
        let line = |(entry, age): (&Progress, u32)| {
            let by = quote::line(&entry.by.to_string(), 60);
            item(format!("- {} {by}: {}", entry.at.second(), quote::line(&entry.text, 300)), age)
        };
        entries.map(line).collect()
    }

    fn older(&self) -> u64 {
        self.material.state.map_or(0, |state| state.progress.count - state.progress.entries.len() as u64)
    }

    fn standing(&self) -> Vec<Item> {
        let Some(state) = self.material.state else { return Vec::new() };
        let mut lines = Vec::new();
        if let Some(taken) = state.checkpoints.entries.back()
            && let Some(name) = &taken.name
        {
            lines
                .push(format!("- Last checkpoint: `{name}`, {}; `autonomy checkpoint diff {name}` compares.", taken.at.second()));
        }
        for (name, gate) in &state.gates {
            lines.push(format!("- Gate `{name}`: {} at {}.", gate.verdict.word(), gate.at.second()));
        }
        lines.into_iter().map(|text| item(text, 0)).collect()
    }

    fn is_here(&self, session: Option<&SessionId>) -> bool {
        let here = self.material.state.and_then(|state| state.session.as_ref()).map(|session| &session.id);
        session.is_some() && session == here
    }

    /// How close what belongs to `task` and `session` is to the current task.
    fn kin(&self, task: Option<&TaskId>, session: Option<&SessionId>) -> Kin {
        let here = self.is_here(session);
        let Some(task) = task else { return if here { Kin::Session } else { Kin::None } };
        if Some(task) == self.current {
            return Kin::Same;
        }
        let record = |id: &TaskId| self.material.holdings.task(id).map(|held| held.task.clone());
        let names = |from: &Task, to: &TaskId| from.after.contains(to) || from.parent.as_ref() == Some(to);
        let related = self.current.is_some_and(|current| {
            record(current).is_some_and(|own| names(&own, task)) || record(task).is_some_and(|other| names(&other, current))
        });
        match (related, here) {
            (true, _) => Kin::Family,
            (false, true) => Kin::Session,
            (false, false) => Kin::Stranger,
        }
    }
}

fn item(text: impl Into<String>, weight: u32) -> Item {
    Item { text: text.into(), weight }
}

fn minutes(minutes: u64) -> String {
    Lapse::minutes(minutes).to_string()
}

/// A task in one line.
fn headline(task: &Task) -> String {
    let estimate = task.estimate.map_or(String::new(), |estimate| format!(", {estimate}"));
    format!("{} (`{}`), {}{estimate}", quote::line(&task.title, 200), task.id, task.priority)
}

/// Everything about a task, one line each, the most needed first; the description, at most `limit` long, is the last.
#[must_use]
pub fn task_lines(held: &HeldTask, limit: usize) -> Vec<String> {
    let task = &held.task;
    let tries = match held.failures() {
        0 => String::new(),
        failures => format!(", failed tries: {failures}"),
    };
    let mut lines =
        vec![format!("Task: {}", headline(task)), format!("Status: {}{tries}", quote::line(&held.progress.to_string(), 200))];
    let tick = |done: bool| if done { 'x' } else { ' ' };
    lines.extend(task.criteria.iter().map(|one| format!("- [{}] {}", tick(one.done), quote::line(&one.text, 300))));
    lines.extend(task.acceptance.iter().map(|one| format!("- test: {}", quote::line(&one.label(), 300))));
    if !task.description.trim().is_empty() {
        lines.push(format!("\n{}", quote::head(quote::plain(&task.description).trim(), limit)));
    }
    lines
}
