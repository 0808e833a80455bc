//! What an agent has to know before it goes on, within a length: goal and constraints first, then what is closest to the
//! work at hand. What does not fit is counted, with the command that shows it.
//!
//! The same material always gives the same briefing. Nothing is read here, and the words around the parts are a template's.
//! Text that came from files or other agents stands in frames as data.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::{
    compaction::capture::{next_milestones, phase, reached},
    decision::Decision,
    event::Verdict,
    holdings::{HeldTask, Holdings, phase_words},
    id::{SessionId, TaskId},
    memory::{Note, NoteKind},
    question::Question,
    quote::{self, length},
    relevance::{Kin, age, relevance},
    session::active,
    state::{Progress, State},
    task::{Task, progress::Progress as TaskProgress},
    time::{Lapse, Timestamp},
};

/// The length of a briefing when nothing is said: what clients take from a hook without cutting, 10,000 characters, less a
/// reserve.
pub const USUAL: usize = 9_500;
/// The smallest length that a briefing can be asked for.
pub const LEAST: usize = 2_000;
/// What is kept free for the lines that count what is left out.
const RESERVE: usize = 700;
/// How many open questions are named before anything but goal and task is told.
const URGENT: usize = 30;
/// The most that those may take, in hundredths of the length.
const URGENT_SHARE: usize = 45;
/// What weighs a line over every line that only goes on from one.
const HEADLINE: u32 = 10_000;

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
    need: Need,
}

/// How much an item is needed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Need {
    /// Before anything that is not.
    First,
    /// As far as there is room.
    Room,
    /// It goes on from the item before it, and stands only with that one.
    Goes,
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
    /// The most that items needed first may take, in hundredths.
    first: usize,
}

impl Section {
    fn new(title: &'static str, share: usize, items: Vec<Item>) -> Self {
        Self { title, data: None, items, share, what: "", command: String::new(), beyond: 0, first: 100 }
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
    let mut chosen: Vec<Chosen> = sections.iter().map(Chosen::nothing_of).collect();
    let mut free = budget.saturating_sub(RESERVE);
    for round in [Round::First, Round::Share, Round::Rest, Round::RestOfQuestions] {
        for (section, chosen) in sections.iter().zip(&mut chosen) {
            let room = match round {
                Round::First => budget * section.first / 100,
                Round::Share => (budget * section.share / 100).saturating_sub(chosen.used),
                Round::Rest if section.first == URGENT_SHARE => 0,
                Round::Rest | Round::RestOfQuestions => free,
            };
            free -= fill(section, chosen, room.min(free), round);
        }
    }
    let mut briefing = Briefing::default();
    for (section, chosen) in sections.iter().zip(&chosen) {
        let taken = |index: &usize| chosen.taken[*index];
        let texts: Vec<&str> = (0..section.items.len()).filter(taken).map(|index| section.items[index].text.as_str()).collect();
        let is_missing = |index: &usize| !taken(index) && section.items[*index].need != Need::Goes;
        let missing = (0..section.items.len()).filter(is_missing).count() + section.beyond;
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

/// The order in which room is given away.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Round {
    /// To what is needed first.
    First,
    /// To everybody up to their share.
    Share,
    /// What is left over, in order.
    Rest,
    /// What is left then, to open questions: there may be more of them than of anything else.
    RestOfQuestions,
}

/// What stands of a section.
struct Chosen {
    taken: Vec<bool>,
    used: usize,
}

impl Chosen {
    fn nothing_of(section: &Section) -> Self {
        Self { taken: vec![false; section.items.len()], used: 0 }
    }
}

/// Takes items while they fit into `room`, and says how much they take.
fn fill(section: &Section, chosen: &mut Chosen, room: usize, round: Round) -> usize {
    let mut used = 0;
    for index in section.order() {
        let item = &section.items[index];
        let may = match item.need {
            Need::First => true,
            Need::Room => round != Round::First,
            Need::Goes => round != Round::First && index > 0 && chosen.taken[index - 1],
        };
        let head = if chosen.taken.contains(&true) { 0 } else { section.overhead() };
        let cost = head + length(&item.text) + 1;
        if may && !chosen.taken[index] && used + cost <= room {
            chosen.taken[index] = true;
            used += cost;
        }
    }
    chosen.used += used;
    used
}

fn sections(material: &Material<'_>, budget: usize) -> Vec<Section> {
    let (holdings, now) = (material.holdings, material.now);
    let view = View { material, current: material.task, budget };
    let mut all = vec![
        Section::new("Goal", 25, view.goal()).counted("constraints", "autonomy session status"),
        Section::new("Session", 5, view.session()),
    ];
    if material.detail == Detail::Here {
        all.push(
            Section::new("Current focus", 9, view.focus())
                .data("the task at hand, from files")
                .counted("lines about the task", view.show()),
        );
    }
    let answered = holdings.answered_questions(now);
    all.extend([
        Section { first: URGENT_SHARE, ..Section::new("Open questions", 5, view.questions()) }
            .data("questions that wait for a person")
            .counted("open questions", "autonomy inbox"),
        Section::new("Answers", 3, answered.into_iter().map(|question| view.answer(question)).collect())
            .data("what people answered")
            .counted("answers", "autonomy inbox --all"),
        Section::new("Decisions in force", 6, view.decisions())
            .data("decisions, from files")
            .counted("decisions", "ls .claude/decisions"),
        Section::new("Preferences", 3, view.preferences())
            .data("how people like things done, from files")
            .counted("preferences", "autonomy memory list --type preference"),
        Section::new("Notes", 3, view.notes()).data("notes, from files").counted("notes", "autonomy memory list"),
        Section::new("What people wrote into the session's pages", 3, view.theirs())
            .data("text of people in pages")
            .counted("texts in pages", view.folder()),
        Section::new("Stuck tasks", 5, view.stuck())
            .data("tasks that wait, failed or were given up for now")
            .counted("stuck tasks", "autonomy task list"),
        Section::new("Next tasks", 4, view.next()).data("open tasks, best first").counted("open tasks", "autonomy task list"),
        Section::new("Recent progress", 5, view.progress())
            .data("the newest of the progress log")
            .counted("entries of progress", "autonomy progress list --all")
            .beyond(view.older()),
        Section::new("Where things stand", 3, view.standing()),
        Section::new("Compaction", 3, view.handed_back()).data("what the work is at, from files"),
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
        let text = format!("{}{title}: {phase}, {} of {} used, {branch}.", session.id, minutes(used.as_minutes()), session.max);
        vec![Item { need: Need::First, ..item(text, 0) }]
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
        let goal = session.goal.as_deref().map(|goal| item(quote::head(&quote::plain(goal), self.budget / 6), 1));
        let constraint = |text: &String| item(format!("- Must hold: {}", quote::line(text, self.budget / 20)), 0);
        let all = goal.into_iter().chain(session.constraints.iter().map(constraint));
        all.map(|item| Item { need: Need::First, ..item }).collect()
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
        // Focus, next action, task and status; criteria and the rest follow as far as there is room.
        let need = |weight: u32| if count - weight <= 4 { Need::First } else { Need::Room };
        lines.into_iter().zip((0..count).rev()).map(|(text, weight)| Item { text, weight, need: need(weight) }).collect()
    }

    fn questions(&self) -> Vec<Item> {
        let open = self.material.holdings.open_questions(self.material.now);
        open.into_iter().enumerate().flat_map(|(place, question)| self.question(place, question)).collect()
    }

    /// A question and what there is to know about it.
    fn question(&self, place: usize, question: &Question) -> Vec<Item> {
        let blocks = self.current.is_some_and(|id| question.blocks.contains(id));
        let mut text = format!("- {} (`{}`, {})", quote::line(&question.title, 200), question.id, question.urgency.word());
        if blocks {
            text.push_str(", blocks the current task");
        }
        let is_urgent = blocks || place < URGENT;
        let need = if is_urgent { Need::First } else { Need::Room };
        let mut items = vec![Item { need, ..item(text, if is_urgent { 3 * HEADLINE } else { HEADLINE }) }];
        let mut more = Vec::new();
        more.extend(question.context.as_ref().map(|context| format!("  {}", quote::line(context, 300))));
        if let Some(default) = &question.default {
            let from = question.deadline.map_or(String::new(), |deadline| format!(" from {} on", deadline.second()));
            more.push(format!("  Without an answer{from}: {}", quote::line(default, 200)));
        }
        if !more.is_empty() {
            // Of those that are named first it is told before others are named, in their order.
            let weight = if is_urgent { 2 * HEADLINE } else { 0 };
            items.push(Item { need: Need::Goes, ..item(more.join("\n"), weight + u32::from(blocks)) });
        }
        items
    }

    fn answer(&self, question: &Question) -> Item {
        let answer = question.answer_at(self.material.now).unwrap_or_default();
        let by = question.answer.as_ref().map_or("by default", |answer| answer.by.as_str());
        let text = format!("- {} {} ({})", quote::line(&question.title, 200), quote::line(answer, 300), quote::line(by, 60));
        let kin = question.blocks.iter().map(|task| self.kin(Some(task), None)).min();
        let then = question.answer.as_ref().map(|answer| answer.at).or(question.deadline);
        item(text, relevance(age(then, self.material.now), kin.unwrap_or(Kin::None), 0))
    }

    /// The newest first of all, the others by how close they are to the work at hand.
    fn decisions(&self) -> Vec<Item> {
        let in_force = self.material.holdings.decisions_in_force();
        let items = in_force.into_iter().enumerate().flat_map(|(place, decision)| {
            let mut items = self.decision(decision);
            items[0].weight += if place == 0 { HEADLINE } else { 0 };
            items
        });
        items.collect()
    }

    /// A decision, and why it was taken.
    fn decision(&self, decision: &Decision) -> Vec<Item> {
        let mut text = format!("- {}", quote::line(&decision.title, 160));
        if let Some(choice) = &decision.choice {
            text.push_str(&format!(": {}", quote::line(choice, 240)));
        }
        text.push_str(&format!(" (`{}`)", decision.id));
        let kin = self.kin(decision.task.as_ref(), decision.session.as_ref());
        let weight = relevance(age(decision.created, self.material.now), kin, 0);
        let mut items = vec![item(text, HEADLINE + weight)];
        if let Some(reason) = &decision.reason {
            items.push(Item { need: Need::Goes, ..item(format!("  {}", quote::line(reason, 240)), weight) });
        }
        items
    }

    fn notes(&self) -> Vec<Item> {
        self.noted(|kind| kind != NoteKind::Preference)
    }

    fn preferences(&self) -> Vec<Item> {
        self.noted(|kind| kind == NoteKind::Preference)
    }

    fn noted(&self, fits: fn(NoteKind) -> bool) -> Vec<Item> {
        let now = self.material.now;
        let held = self.material.holdings.notes.iter();
        let mut notes: Vec<&Note> = held.filter(|note| fits(note.kind) && note.holds_at(now)).collect();
        notes.sort_by_key(|note| std::cmp::Reverse((note.created, &note.id)));
        notes.into_iter().map(|note| self.note(note)).collect()
    }

    fn note(&self, note: &Note) -> Item {
        let kin = self.kin(note.task.as_ref(), note.session.as_ref());
        let label = match (note.kind, &note.key) {
            (NoteKind::Note | NoteKind::Preference, None) => String::new(),
            (NoteKind::Note | NoteKind::Preference, Some(key)) => format!("{}: ", quote::line(key, 100)),
            (kind, None) => format!("{}: ", kind.word()),
            (kind, Some(key)) => format!("{} {}: ", kind.word(), quote::line(key, 100)),
        };
        let text = format!("- {label}{}", quote::line(&note.text, 500));
        item(text, relevance(age(note.created, self.material.now), kin, 0))
    }

    /// What people wrote into a page: its beginning, and the rest.
    fn theirs(&self) -> Vec<Item> {
        let mut items = Vec::new();
        for (page, text) in self.material.theirs {
            let text = text.trim();
            let (first, rest) = text.split_once('\n').unwrap_or((text, ""));
            items.push(item(format!("{page}:\n{}", quote::head(first, self.budget / 40)), HEADLINE));
            if !rest.trim().is_empty() {
                items.push(Item { need: Need::Goes, ..item(quote::head(rest, self.budget / 8), 0) });
            }
        }
        items
    }

    fn stuck(&self) -> Vec<Item> {
        let is_stuck = |held: &&HeldTask| held.progress != TaskProgress::Started && Some(&held.task.id) != self.current;
        let stuck = self.material.holdings.under_way().into_iter().filter(is_stuck);
        let line = |held: &HeldTask| {
            let standing = quote::line(&held.progress.to_string(), 160);
            item(format!("- {} (`{}`): {standing}", quote::line(&held.task.title, 160), held.task.id), 0)
        };
        stuck.map(line).collect()
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

    /// What is not green first, then the last checkpoint.
    fn standing(&self) -> Vec<Item> {
        let Some(state) = self.material.state else { return Vec::new() };
        let mut lines = Vec::new();
        for (name, gate) in &state.gates {
            let weight = if gate.verdict == Verdict::Green { 0 } else { 3 };
            lines.push(item(format!("- Gate `{name}`: {} at {}.", gate.verdict.word(), gate.at.second()), weight));
        }
        if let Some(taken) = state.checkpoints.entries.back()
            && let Some(name) = &taken.name
        {
            let words =
                format!("- Last checkpoint: `{name}`, {}; `autonomy checkpoint diff {name}` compares.", taken.at.second());
            lines.push(item(words, 2));
        }
        lines
    }

    /// What was sealed and handed back; that it was is told before anything that only may be.
    fn handed_back(&self) -> Vec<Item> {
        let Some((state, last)) = self.material.state.and_then(|state| Some((state, state.compaction.as_ref()?))) else {
            return Vec::new();
        };
        let holdings = self.material.holdings;
        let names = |all: Vec<&HeldTask>| -> String {
            let all: Vec<&str> = all.iter().rev().take(3).map(|held| held.task.title.as_str()).collect();
            if all.is_empty() { "none".to_owned() } else { quote::line(&all.join(", "), 160) }
        };
        let next = next_milestones(holdings).into_iter().take(3).rev().collect();
        let back = last.restored.map_or(String::new(), |restored| {
            format!(" and handed back at {}, agents restored: {}", restored.second(), last.agents)
        });
        let text = format!(
            "- Compaction {} was sealed at {}{back}: `autonomy compact show` tells what it keeps. Phase: {}. Milestones reached: \
             {}; next: {}.",
            last.number,
            last.at.second(),
            phase(state, holdings),
            names(reached(holdings)),
            names(next),
        );
        let need = if last.restored.is_some() { Need::First } else { Need::Room };
        vec![Item { need, ..item(text, 1) }]
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
    Item { text: text.into(), weight, need: Need::Room }
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
