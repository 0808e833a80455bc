//! What imports what, which imports go round in a circle, and the directories that files are shown by.
//!
//! Files of tests, examples, benchmarks and documentation are no part of it, nor what is imported for tests alone.

use std::collections::{BTreeMap, BTreeSet, VecDeque, btree_map::Entry};

use crate::model::{
    project::{
        Survey,
        resolve::{Resolver, Target, unit},
    },
    source::{
        Facts, Item, ItemKind, Limit, Reading, When,
        language::{Language, is_beside, is_for_tests},
    },
};

/// A file, or in Go a directory, that imports and is imported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unit {
    /// Its path; the top is `.`.
    pub name: String,
    /// What it is written in.
    pub language: Language,
    /// Its lines of code.
    pub code: usize,
    /// What it offers, by name, in the order of the text; values of a file last.
    pub offers: Vec<String>,
}

/// That one unit imports another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Edge {
    /// When the import takes effect; of several, the earliest.
    pub when: When,
    /// The line of that import, counted from 1.
    pub line: usize,
    /// How many imports there are.
    pub count: usize,
}

/// What imports what.
#[derive(Clone, Debug, Default)]
pub struct Graph {
    /// The units, by name.
    pub units: Vec<Unit>,
    /// From and to, as places among the units.
    pub edges: BTreeMap<(usize, usize), Edge>,
    /// What is imported from elsewhere, by the name that it is imported under, and the units that do.
    pub outside: BTreeMap<String, BTreeSet<usize>>,
}

/// Imports that go round.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cycle {
    /// One way round, the shortest through its first unit, which is the first by name.
    pub way: Vec<usize>,
    /// All units that can be reached from each other.
    pub members: Vec<usize>,
    /// Whether it is closed when the files are loaded; else some import in it takes effect later or for types only.
    pub is_at_loading: bool,
}

/// The name of the unit of `path` as people read it.
fn shown(name: String) -> String {
    if name.is_empty() { ".".to_owned() } else { name }
}

impl Graph {
    /// The graph of `survey`.
    #[must_use]
    pub fn of(survey: &Survey) -> Self {
        let resolver = Resolver::new(survey);
        let mut graph = Self::default();
        let mut places: BTreeMap<String, usize> = BTreeMap::new();
        let files = || survey.files.iter().filter(|file| has_part(&file.path, &file.facts));
        for file in files() {
            let name = shown(unit(&file.path, file.facts.language));
            let empty = Unit { name: name.clone(), language: file.facts.language, code: 0, offers: Vec::new() };
            places.entry(name).or_insert_with(|| {
                graph.units.push(empty);
                graph.units.len() - 1
            });
        }
        for file in files() {
            let from = places[&shown(unit(&file.path, file.facts.language))];
            graph.units[from].code += file.facts.lines.code;
            let top = file.facts.items.iter().filter(|item| is_at_top(&item.name));
            let (values, others): (Vec<&Item>, Vec<&Item>) = top.partition(|item| item.kind == ItemKind::Value);
            graph.units[from].offers.extend(others.into_iter().chain(values).map(|item| item.name.clone()));
            for import in file.facts.imports.iter().filter(|import| !matches!(import.when, When::Testing | When::Part)) {
                for target in resolver.resolve(&file.path, file.facts.language, import) {
                    match target {
                        Target::Inside(path) => {
                            let Some(to) = places.get(&shown(path)).copied().filter(|to| *to != from) else { continue };
                            let edge =
                                graph.edges.entry((from, to)).or_insert(Edge { when: import.when, line: import.line, count: 0 });
                            if import.when < edge.when {
                                (edge.when, edge.line) = (import.when, import.line);
                            }
                            edge.count += 1;
                        }
                        Target::Outside(name) => {
                            graph.outside.entry(name).or_default().insert(from);
                        }
                        Target::Unknown => {}
                    }
                }
            }
        }
        graph
    }

    /// The circles, those that are closed at loading first, then by size and name.
    #[must_use]
    pub fn cycles(&self) -> Vec<Cycle> {
        let mut found: Vec<Cycle> =
            self.knots(|edge| edge.when == When::Loading).into_iter().map(|members| self.cycle(members, At::Loading)).collect();
        let known: BTreeSet<usize> = found.iter().flat_map(|cycle| cycle.members.iter().copied()).collect();
        for members in self.knots(|_| true) {
            // A knot that only grows by what comes later was named already.
            if members.iter().all(|member| !known.contains(member)) {
                found.push(self.cycle(members, At::AnyTime));
            }
        }
        found.sort_by(|one, other| {
            other
                .is_at_loading
                .cmp(&one.is_at_loading)
                .then(other.members.len().cmp(&one.members.len()))
                .then(one.way.cmp(&other.way))
        });
        found
    }

    fn next(&self, from: usize) -> impl Iterator<Item = (usize, &Edge)> {
        self.edges.range((from, 0)..(from + 1, 0)).map(|((_, to), edge)| (*to, edge))
    }

    /// The shortest way round from the first of `members`.
    fn cycle(&self, members: Vec<usize>, at: At) -> Cycle {
        let inside: BTreeSet<usize> = members.iter().copied().collect();
        let first = members[0];
        let mut before: BTreeMap<usize, usize> = BTreeMap::new();
        let mut waiting = VecDeque::from([first]);
        let mut last = first;
        'search: while let Some(from) = waiting.pop_front() {
            for (to, edge) in self.next(from) {
                if !inside.contains(&to) || (at == At::Loading && edge.when != When::Loading) {
                    continue;
                }
                if to == first {
                    last = from;
                    break 'search;
                }
                if let Entry::Vacant(new) = before.entry(to) {
                    new.insert(from);
                    waiting.push_back(to);
                }
            }
        }
        let mut way = vec![last];
        while last != first {
            last = before.get(&last).copied().unwrap_or(first);
            way.push(last);
        }
        way.reverse();
        Cycle { way, members, is_at_loading: at == At::Loading }
    }

    /// Sets of more than one unit that reach each other (Tarjan's strongly connected components, without calling itself).
    fn knots(&self, counts: impl Fn(&Edge) -> bool) -> Vec<Vec<usize>> {
        let length = self.units.len();
        let (mut index, mut low, mut on) = (vec![usize::MAX; length], vec![0_usize; length], vec![false; length]);
        let (mut stack, mut next, mut found) = (Vec::new(), 0_usize, Vec::new());
        let targets =
            |from: usize| -> Vec<usize> { self.next(from).filter(|(_, edge)| counts(edge)).map(|(to, _)| to).collect() };
        for start in 0..length {
            if index[start] != usize::MAX {
                continue;
            }
            let mut work: Vec<(usize, Vec<usize>)> = Vec::new();
            let mut entering = Some(start);
            loop {
                if let Some(unit) = entering.take() {
                    index[unit] = next;
                    low[unit] = next;
                    next += 1;
                    stack.push(unit);
                    on[unit] = true;
                    work.push((unit, targets(unit)));
                }
                let Some((unit, rest)) = work.last_mut() else { break };
                let unit = *unit;
                match rest.pop() {
                    Some(to) if index[to] == usize::MAX => entering = Some(to),
                    Some(to) if on[to] => low[unit] = low[unit].min(index[to]),
                    Some(_) => {}
                    None => {
                        work.pop();
                        if let Some((parent, _)) = work.last() {
                            low[*parent] = low[*parent].min(low[unit]);
                        }
                        if low[unit] == index[unit] {
                            let from = stack.iter().rposition(|member| *member == unit).unwrap_or(0);
                            let mut knot = stack.split_off(from);
                            for member in &knot {
                                on[*member] = false;
                            }
                            if knot.len() > 1 {
                                knot.sort_unstable();
                                found.push(knot);
                            }
                        }
                    }
                }
            }
        }
        found
    }

    /// How many units import each, and how many each imports.
    #[must_use]
    pub fn degrees(&self) -> Vec<(usize, usize)> {
        let mut degrees = vec![(0, 0); self.units.len()];
        for (from, to) in self.edges.keys() {
            degrees[*to].0 += 1;
            degrees[*from].1 += 1;
        }
        degrees
    }

    /// The part of the graph that has to do with the units that `is_wanted` names.
    #[must_use]
    pub fn only(&self, is_wanted: impl Fn(&str) -> bool) -> Self {
        let mut graph = Self::default();
        let mut places: BTreeMap<usize, usize> = BTreeMap::new();
        for (place, unit) in self.units.iter().enumerate().filter(|(_, unit)| is_wanted(&unit.name)) {
            places.insert(place, graph.units.len());
            graph.units.push(unit.clone());
        }
        for ((from, to), edge) in &self.edges {
            if let (Some(from), Some(to)) = (places.get(from), places.get(to)) {
                graph.edges.insert((*from, *to), *edge);
            }
        }
        graph
    }

    /// The same graph with directories in the place of files, as many as `most` at the most: where there are more, those that lie
    /// deepest are taken together.
    #[must_use]
    pub fn by_folders(&self, most: usize) -> Self {
        let names: Vec<String> = self.units.iter().map(folder_of).collect();
        let deepest = names.iter().map(|name| name.split('/').count()).max().unwrap_or(1);
        let cut = |name: &String, depth: usize| name.split('/').take(depth).collect::<Vec<_>>().join("/");
        let count = |depth: usize| names.iter().map(|name| cut(name, depth)).collect::<BTreeSet<_>>().len();
        let depth = (1..=deepest).rev().find(|depth| count(*depth) <= most).unwrap_or(1);
        let mut graph = Self::default();
        let mut places: BTreeMap<String, usize> = BTreeMap::new();
        let mut place_of = Vec::new();
        for (unit, name) in self.units.iter().zip(&names) {
            let name = cut(name, depth);
            let place = *places.entry(name.clone()).or_insert_with(|| {
                graph.units.push(Unit { name, language: unit.language, code: 0, offers: Vec::new() });
                graph.units.len() - 1
            });
            graph.units[place].code += unit.code;
            graph.units[place].offers.extend(unit.offers.iter().cloned());
            place_of.push(place);
        }
        for ((from, to), edge) in &self.edges {
            let (from, to) = (place_of[*from], place_of[*to]);
            if from != to {
                let whole = graph.edges.entry((from, to)).or_insert(Edge { count: 0, ..*edge });
                whole.count += edge.count;
                whole.when = whole.when.min(edge.when);
            }
        }
        for (name, units) in &self.outside {
            graph.outside.insert(name.clone(), units.iter().map(|unit| place_of[*unit]).collect());
        }
        graph
    }
}

/// Which imports close a circle.
#[derive(Clone, Copy, PartialEq, Eq)]
enum At {
    Loading,
    AnyTime,
}

/// Whether a file has a part in the graph: it was read, and it is there for the product.
#[must_use]
pub fn has_part(path: &str, facts: &Facts) -> bool {
    let is_code = !matches!(facts.language, Language::Other | Language::Html | Language::Css | Language::Sql);
    let is_text = facts.reading != Reading::LinesOnly(Limit::Binary);
    is_code && is_text && !is_for_tests(path) && !is_beside(path) && !facts.is_generated
}

fn is_at_top(name: &str) -> bool {
    !name.contains("::") && !name.contains('.') && !name.contains(" for ") && name != "*"
}

/// The directory that a unit is shown by: a directory that is called `src` is the one that it lies in.
fn folder_of(unit: &Unit) -> String {
    let folder = match unit.language {
        Language::Go => unit.name.as_str(),
        _ => unit.name.rsplit_once('/').map_or(".", |(folder, _)| folder),
    };
    folder.strip_suffix("/src").unwrap_or(folder).to_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn graph(count: usize, edges: &[(usize, usize, When)]) -> Graph {
        let unit = |place: usize| Unit { name: format!("{place:03}"), language: Language::Rust, code: 1, offers: Vec::new() };
        let edges = edges.iter().filter(|(from, to, _)| from != to);
        Graph {
            units: (0..count).map(unit).collect(),
            edges: edges.map(|(from, to, when)| ((*from, *to), Edge { when: *when, line: 1, count: 1 })).collect(),
            outside: BTreeMap::new(),
        }
    }

    #[test]
    fn circles_are_named_by_their_shortest_way() {
        let edges = [(0, 1), (1, 2), (2, 0), (1, 0), (3, 4), (2, 3)].map(|(from, to)| (from, to, When::Loading));
        let cycles = graph(5, &edges).cycles();
        assert_eq!(cycles, [Cycle { way: vec![0, 1], members: vec![0, 1, 2], is_at_loading: true }]);
        let later = [(0, 1, When::Loading), (1, 0, When::Later), (2, 3, When::Types), (3, 2, When::Loading)];
        let cycles = graph(4, &later).cycles();
        assert_eq!(
            cycles.iter().map(|cycle| (cycle.way.clone(), cycle.is_at_loading)).collect::<Vec<_>>(),
            [(vec![0, 1], false), (vec![2, 3], false)]
        );
        assert!(graph(3, &[(0, 1, When::Loading), (1, 2, When::Loading)]).cycles().is_empty());
    }

    #[test]
    fn directories_are_taken_together_until_they_are_few() {
        let mut whole = graph(5, &[(0, 1, When::Loading), (2, 1, When::Later), (3, 4, When::Loading)]);
        for (unit, name) in whole.units.iter_mut().zip(["a/src/x.rs", "b/src/y.rs", "b/src/z/w.rs", "main.rs", "b/src/y2.rs"]) {
            name.clone_into(&mut unit.name);
        }
        let names = |most: usize| whole.by_folders(most).units.into_iter().map(|unit| unit.name).collect::<Vec<_>>();
        assert_eq!(names(10), ["a", "b", "b/src/z", "."]);
        assert_eq!(names(3), ["a", "b", "."]);
        assert_eq!(whole.by_folders(3).edges.len(), 2);
        assert_eq!(whole.by_folders(3).units.iter().map(|unit| unit.code).sum::<usize>(), 5);
    }

    proptest! {
        #[test]
        fn each_way_round_is_closed_and_what_reaches_itself_is_named(
            edges in prop::collection::vec((0..8_usize, 0..8_usize), 0..20),
        ) {
            let edges: Vec<(usize, usize, When)> = edges.into_iter().map(|(from, to)| (from, to, When::Loading)).collect();
            let graph = graph(8, &edges);
            let cycles = graph.cycles();
            for cycle in &cycles {
                let next = cycle.way.iter().skip(1).chain(cycle.way.first());
                prop_assert!(cycle.way.iter().zip(next).all(|(from, to)| graph.edges.contains_key(&(*from, *to))), "{cycle:?}");
            }
            let named: BTreeSet<usize> = cycles.iter().flat_map(|cycle| cycle.members.iter().copied()).collect();
            for start in 0..8 {
                let mut reached = BTreeSet::new();
                let mut waiting = vec![start];
                while let Some(from) = waiting.pop() {
                    waiting.extend(graph.next(from).map(|(to, _)| to).filter(|to| reached.insert(*to)));
                }
                prop_assert_eq!(named.contains(&start), reached.contains(&start));
            }
        }
    }
}
