//! Two versions of one file: what of it that others can use is gone, new or another, and which tests say less.
//!
//! Whether that matters is not judged here.

use std::collections::BTreeMap;

use crate::model::source::{Facts, Item, ItemKind, Reading, Skip, Test};

/// What differs between two versions of a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Difference {
    /// Whether both versions could be read as a whole; else what is said to be gone may still be there.
    pub is_certain: bool,
    /// What can no longer be used.
    pub removed: Vec<Item>,
    /// What can be used besides.
    pub added: Vec<Item>,
    /// What takes or gives something else, before and after.
    pub changed: Vec<(Item, Item)>,
    /// Tests that are gone.
    pub tests_removed: Vec<Test>,
    /// Tests that are new.
    pub tests_added: Vec<Test>,
    /// Tests that make fewer assertions, or are left out more often, before and after.
    pub tests_weakened: Vec<(Test, Test)>,
    /// How many assertions there were, and how many there are, in tests and in what they call.
    pub assertions: (usize, usize),
}

/// Where one version holds something: what it is called, and which of several of that name it is.
type Key = (ItemKind, String, usize);

/// Holds `before` against `after`. A version that is not there is none: all of the other is then new, or gone.
#[must_use]
pub fn difference(before: Option<&Facts>, after: Option<&Facts>) -> Difference {
    let items = |facts: Option<&Facts>| facts.map(|facts| facts.items.clone()).unwrap_or_default();
    let tests = |facts: Option<&Facts>| facts.map(|facts| facts.tests.clone()).unwrap_or_default();
    let whole = |facts: Option<&Facts>| facts.is_none_or(|facts| facts.reading == Reading::Whole);
    let assertions = |facts: Option<&Facts>| facts.map_or(0, |facts| facts.assertions);
    let mut found = Difference {
        is_certain: whole(before) && whole(after),
        assertions: (assertions(before), assertions(after)),
        ..Difference::default()
    };
    let (old, new) = without_equal(items(before), items(after));
    let (old, mut new) = (keyed(old), keyed(new));
    for (key, item) in old {
        match new.remove(&key) {
            Some(other) => found.changed.push((item, other)),
            None => found.removed.push(item),
        }
    }
    found.added.extend(new.into_values());
    found.removed.sort_by_key(|item| item.line);
    found.added.sort_by_key(|item| item.line);
    found.changed.sort_by_key(|(_, after)| after.line);
    compare_tests(tests(before), tests(after), &mut found);
    found
}

/// Leaves out what both versions say with the same words, wherever it stands.
fn without_equal(before: Vec<Item>, after: Vec<Item>) -> (Vec<Item>, Vec<Item>) {
    let mut counts: BTreeMap<(ItemKind, String, String), usize> = BTreeMap::new();
    let key = |item: &Item| (item.kind, item.name.clone(), item.signature.clone());
    for item in &after {
        *counts.entry(key(item)).or_default() += 1;
    }
    let mut take = |item: &Item| match counts.get_mut(&key(item)) {
        Some(count) if *count > 0 => {
            *count -= 1;
            true
        }
        Some(_) | None => false,
    };
    let old: Vec<Item> = before.into_iter().filter(|item| !take(item)).collect();
    // What is left of the counts is new; of equal ones, the last.
    let mut new: Vec<Item> = after.into_iter().rev().filter(|item| take(item)).collect();
    new.reverse();
    (old, new)
}

fn keyed(items: Vec<Item>) -> BTreeMap<Key, Item> {
    let mut keyed = BTreeMap::new();
    for item in items {
        let mut key = (item.kind, item.name.clone(), 0);
        while keyed.contains_key(&key) {
            key.2 += 1;
        }
        keyed.insert(key, item);
    }
    keyed
}

fn compare_tests(before: Vec<Test>, after: Vec<Test>, found: &mut Difference) {
    let mut left: BTreeMap<String, Vec<Test>> = BTreeMap::new();
    for test in after.into_iter().rev() {
        left.entry(test.name.clone()).or_default().push(test);
    }
    for test in before {
        match left.get_mut(&test.name).and_then(Vec::pop) {
            None => found.tests_removed.push(test),
            Some(other) if other.assertions < test.assertions || rank(&other.skip) > rank(&test.skip) => {
                found.tests_weakened.push((test, other));
            }
            Some(_) => {}
        }
    }
    found.tests_added = left.into_values().flatten().collect();
    found.tests_added.sort_by_key(|test| test.line);
}

fn rank(skip: &Skip) -> u8 {
    match skip {
        Skip::No => 0,
        Skip::Sometimes(_) => 1,
        Skip::Always(_) => 2,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::source::language::Language;

    fn item(name: &str, signature: &str, line: usize) -> Item {
        Item { kind: ItemKind::Function, name: name.into(), signature: signature.into(), line }
    }

    fn test(name: &str, assertions: usize, skip: Skip) -> Test {
        Test { name: name.into(), line: 1, assertions, skip }
    }

    fn facts(items: Vec<Item>, tests: Vec<Test>) -> Facts {
        let assertions = tests.iter().map(|test| test.assertions).sum();
        Facts { items, tests, assertions, ..Facts::of_lines(Language::Rust, b"", Reading::Whole) }
    }

    #[test]
    fn what_is_gone_new_or_another_is_told_apart() {
        let before = facts(vec![item("a", "fn a()", 1), item("b", "fn b()", 2), item("c", "fn c()", 3)], Vec::new());
        let after = facts(vec![item("c", "fn c()", 1), item("b", "fn b(x: u8)", 2), item("d", "fn d()", 3)], Vec::new());
        let found = difference(Some(&before), Some(&after));
        assert!(found.is_certain);
        assert_eq!(found.removed, [item("a", "fn a()", 1)]);
        assert_eq!(found.added, [item("d", "fn d()", 3)]);
        assert_eq!(found.changed, [(item("b", "fn b()", 2), item("b", "fn b(x: u8)", 2))]);
        let gone = difference(Some(&before), None);
        assert_eq!((gone.removed.len(), gone.added.len()), (3, 0));
    }

    #[test]
    fn one_of_several_of_the_same_name_that_goes_is_gone() {
        let before = facts(vec![item("a", "a(x: string)", 1), item("a", "a(x: number)", 2)], Vec::new());
        let after = facts(vec![item("a", "a(x: number)", 1)], Vec::new());
        assert_eq!(difference(Some(&before), Some(&after)).removed, [item("a", "a(x: string)", 1)]);
        assert_eq!(difference(Some(&after), Some(&before)).added, [item("a", "a(x: string)", 1)]);
    }

    #[test]
    fn a_test_that_says_less_is_named() {
        let before = facts(
            Vec::new(),
            vec![
                test("a", 3, Skip::No),
                test("b", 1, Skip::No),
                test("c", 1, Skip::Sometimes("x".into())),
                test("d", 0, Skip::No),
            ],
        );
        let after = facts(
            Vec::new(),
            vec![
                test("a", 2, Skip::No),
                test("b", 1, Skip::Always("#[ignore]".into())),
                test("c", 2, Skip::No),
                test("e", 1, Skip::No),
            ],
        );
        let found = difference(Some(&before), Some(&after));
        let names = |tests: &[(Test, Test)]| tests.iter().map(|(test, _)| test.name.clone()).collect::<Vec<_>>();
        assert_eq!(names(&found.tests_weakened), ["a", "b"]);
        assert_eq!(found.tests_removed[0].name, "d");
        assert_eq!(found.tests_added[0].name, "e");
        assert_eq!(found.assertions, (5, 6));
    }

    proptest! {
        #[test]
        fn nothing_is_said_of_equal_versions_and_the_way_back_mirrors_the_way_there(
            before in prop::collection::vec(("[ab]", "[xyz]"), 0..6),
            after in prop::collection::vec(("[ab]", "[xyz]"), 0..6),
        ) {
            let of = |list: &[(String, String)]| {
                facts(list.iter().enumerate().map(|(line, (name, signature))| item(name, signature, line)).collect(), Vec::new())
            };
            let (before, after) = (of(&before), of(&after));
            let same = difference(Some(&before), Some(&before));
            prop_assert!(same.removed.is_empty() && same.added.is_empty() && same.changed.is_empty());
            let there = difference(Some(&before), Some(&after));
            let back = difference(Some(&after), Some(&before));
            prop_assert_eq!(there.removed.len(), back.added.len());
            prop_assert_eq!(there.added.len(), back.removed.len());
            prop_assert_eq!(there.changed.len(), back.changed.len());
            prop_assert_eq!(before.items.len() + there.added.len(), after.items.len() + there.removed.len());
        }
    }
}
