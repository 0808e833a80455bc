//! What a rollback may do to a path, case by case and for any trees.

use proptest::prelude::*;

use super::*;
use crate::model::{
    id::Digest,
    manifest::{LeftOut, WhyLeftOut},
    rollback::settle::Overlaps,
};

type Tree = BTreeMap<TreePath, Side>;

fn path(text: &str) -> TreePath {
    text.parse().expect("a clean path")
}

fn oid(digit: u8) -> Oid {
    Oid::new(digit.to_string().repeat(40)).expect("forty digits")
}

fn file(digit: u8) -> Side {
    Side { mode: Mode::File, oid: oid(digit) }
}

fn tree(entries: &[(&str, u8)]) -> Tree {
    entries.iter().map(|(text, digit)| (path(text), file(*digit))).collect()
}

/// A case with everything at rest; each test sets what it is about.
#[derive(Clone)]
struct Case {
    scope: Scope,
    now: Tree,
    then: Tree,
    manifest_now: Manifest,
    manifest_then: Manifest,
    ignored_now: Vec<TreePath>,
    ignored_then: Vec<TreePath>,
    unrecorded: BTreeSet<TreePath>,
    occupied: BTreeSet<TreePath>,
    others: BTreeMap<TreePath, Other>,
    known: BTreeMap<TreePath, Option<Side>>,
    settling: Settling,
    texts: BTreeMap<Oid, Vec<u8>>,
}

impl Case {
    fn new(now: &[(&str, u8)], then: &[(&str, u8)]) -> Self {
        Self::of(tree(now), tree(then))
    }

    fn of(now: Tree, then: Tree) -> Self {
        Self {
            scope: Scope::Everything,
            now,
            then,
            manifest_now: Manifest::default(),
            manifest_then: Manifest::default(),
            ignored_now: Vec::new(),
            ignored_then: Vec::new(),
            unrecorded: BTreeSet::new(),
            occupied: BTreeSet::new(),
            others: BTreeMap::new(),
            known: BTreeMap::new(),
            settling: Settling::Leave,
            texts: BTreeMap::new(),
        }
    }

    fn plan(&self) -> RollbackPlan {
        let paths: BTreeSet<&TreePath> = self.now.keys().chain(self.then.keys()).collect();
        let changes: Vec<Change> = paths
            .into_iter()
            .map(|path| Change { path: path.clone(), before: self.now.get(path).cloned(), after: self.then.get(path).cloned() })
            .filter(|change| change.before != change.after)
            .collect();
        let merged = |text: Vec<u8>| Some(Oid::new(Digest::of(text).head(40)).expect("forty digits"));
        plan(&Question {
            checkpoint: &oid(9),
            worktree: None,
            scope: &self.scope,
            changes: &changes,
            now: &self.manifest_now,
            then: &self.manifest_then,
            ignored_now: &|path| self.ignored_now.contains(path),
            ignored_then: &|path| self.ignored_then.contains(path),
            held: &|path| self.then.get(path).cloned(),
            held_below: &|path| self.then.keys().any(|held| held.is_below(path)),
            unrecorded: &self.unrecorded,
            occupied: &self.occupied,
            others: &self.others,
            settlement: &Settlement {
                settling: self.settling,
                known: &self.known,
                read: &|_, side| self.texts.get(&side.oid).cloned(),
                keep: &merged,
            },
        })
    }

    fn lines(&self) -> Vec<String> {
        let plan = self.plan();
        plan.entries.iter().map(|entry| format!("{:?} {}: {}", entry.action, entry.path, entry.why.words())).collect()
    }
}

fn carried_out(plan: &RollbackPlan, now: &Tree) -> Tree {
    let mut tree = now.clone();
    for (path, side) in plan.left() {
        match side {
            Some(side) => tree.insert(path, side),
            None => tree.remove(&path),
        };
    }
    tree
}

#[test]
fn a_directory_is_in_the_way_of_a_file_only_with_something_in_it_that_no_snapshot_holds() {
    let mut case = Case::new(&[], &[("d", 1)]);
    case.manifest_now.ignored = vec![ListedPath::directory("d")];
    assert_eq!(case.lines(), ["Restore d: it is gone"]);
    case.occupied.insert(path("d"));
    assert_eq!(case.lines(), ["Keep d: `d` stays and is in its way"]);
    case.manifest_now.ignored.clear();
    assert_eq!(case.lines(), ["Keep d: what stands there is ignored or left out of snapshots"]);
}

#[test]
fn each_kind_of_difference_has_its_action() {
    let case = Case::new(&[("changed", 1), ("new", 1), ("same", 1)], &[("changed", 2), ("gone", 1), ("same", 1)]);
    assert_eq!(case.lines(), ["Restore changed: it differs", "Restore gone: it is gone", "Delete new: it was not there"]);
    assert_eq!(carried_out(&case.plan(), &case.now), case.then);
}

#[test]
fn a_path_is_deleted_only_when_the_checkpoint_proves_that_it_was_not_there() {
    let base = Case::new(&[("d/new", 1)], &[]);
    assert_eq!(base.lines(), ["Delete d/new: it was not there"]);

    let mut case = base.clone();
    case.manifest_then.ignored = vec![ListedPath::directory("d")];
    assert_eq!(case.lines(), ["Keep d/new: it was there, but the checkpoint does not hold it"]);

    let mut case = base.clone();
    case.manifest_then.left_out = vec![LeftOut { path: ListedPath::single("d/new"), why: WhyLeftOut::TooLarge { bytes: 9 } }];
    assert_eq!(case.lines(), ["Keep d/new: it was there, but the checkpoint does not hold it"]);

    let mut case = base.clone();
    case.ignored_then = vec![path("d/new")];
    assert_eq!(case.lines(), ["Keep d/new: it was ignored then, so it may have been there"]);

    let mut case = base;
    case.ignored_now = vec![path("d/new")];
    assert_eq!(case.lines(), ["Keep d/new: it is ignored"]);
}

#[test]
fn what_no_snapshot_of_today_holds_is_not_overwritten() {
    let mut case = Case::new(&[], &[("x", 1), ("d/y", 1)]);
    case.unrecorded = BTreeSet::from([path("x"), path("d")]);
    assert_eq!(
        case.lines(),
        ["Keep d/y: `d` stays and is in its way", "Keep x: what stands there is ignored or left out of snapshots"]
    );
}

#[test]
fn a_file_comes_back_for_a_directory_and_a_directory_for_a_file() {
    let case = Case::new(&[("a", 1), ("b/x", 1), ("b/y", 1)], &[("a/x", 1), ("b", 1)]);
    assert_eq!(carried_out(&case.plan(), &case.now), case.then);

    let mut case = case;
    case.ignored_now = vec![path("b/y"), path("a")];
    assert_eq!(
        case.lines(),
        [
            "Keep a: it is ignored",
            "Keep a/x: `a` stays and is in its way",
            "Keep b: `b/y` stays and is in its way",
            "Delete b/x: it was not there",
            "Keep b/y: it is ignored",
        ]
    );
    let mut case = Case::new(&[("b/x", 1), ("b.c", 1)], &[("b", 1)]);
    case.manifest_now.ignored = vec![ListedPath::single("b-"), ListedPath::single("b/z.o")];
    assert_eq!(case.lines()[0], "Keep b: `b/z.o` stays and is in its way");
}

#[test]
fn the_scope_limits_what_is_considered() {
    let mut case = Case::new(&[(".claude/t", 1), ("d/x", 1), ("dx", 1)], &[]);
    let planned = |case: &Case| case.plan().entries.iter().map(|entry| entry.path.to_string()).collect::<Vec<_>>();
    assert_eq!(planned(&case), ["d/x", "dx"]);
    case.scope = Scope::Paths { paths: BTreeSet::from([path("d")]) };
    assert_eq!(planned(&case), ["d/x"]);
    case.scope = Scope::Paths { paths: BTreeSet::from([path(".claude/t")]) };
    assert_eq!(planned(&case), [".claude/t"]);
    case.scope = Scope::Session { left: BTreeMap::from([(path("dx"), Some(file(1))), (path(".claude/t"), Some(file(1)))]) };
    assert_eq!(planned(&case), ["dx"]);
}

fn other(before: Option<Side>, after: Option<Side>) -> Other {
    Other { session: SessionId::new("20261120_180000").expect("a name"), before, after }
}

#[test]
fn a_person_settles_conflicts_one_way_for_all_of_them() {
    let names = ["apart", "binary", "gone", "over", "same", "theirs"];
    let mut case = Case::new(&names.map(|name| (name, 1)), &names.map(|name| (name, 2)));
    case.now.remove(&path("gone"));
    case.known = names.map(|name| (path(name), Some(file(3)))).into();
    case.known.insert(path("same"), Some(file(1)));
    case.others = BTreeMap::from([(path("theirs"), other(Some(file(2)), Some(file(1))))]);
    assert!(
        case.lines().iter().filter(|line| line.starts_with("Restore")).count() == 5,
        "a person takes all: {:?}",
        case.lines()
    );
    case.settling = Settling::Ours;
    insta::assert_snapshot!(case.lines().join("\n"), @r"
    Keep apart: you keep it as it is
    Keep binary: you keep it as it is
    Keep gone: you keep it as it is
    Keep over: you keep it as it is
    Restore same: it differs
    Keep theirs: you keep it as it is
    ");
    case.settling = Settling::Theirs;
    insta::assert_snapshot!(case.lines().join("\n"), @r"
    Restore apart: you take it back, whoever wrote it last
    Restore binary: you take it back, whoever wrote it last
    Restore gone: you take it back, whoever wrote it last
    Restore over: you take it back, whoever wrote it last
    Restore same: it differs
    Restore theirs: you take it back, whoever wrote it last
    ");
    case.settling = Settling::Merge { overlaps: Overlaps::Stay };
    let sides = [("apart", 4, 5, 6), ("binary", 4, 7, 6), ("over", 4, 5, 8)];
    for (name, left, now, then) in sides {
        case.known.insert(path(name), Some(file(left)));
        case.now.insert(path(name), file(now));
        case.then.insert(path(name), file(then));
    }
    let texts = [(4, &b"1\n2\n3\n"[..]), (5, b"one\n2\n3\n"), (6, b"1\n2\nthree\n"), (7, b"1\0"), (8, b"eins\n2\n3\n")];
    case.texts = texts.map(|(digit, text)| (oid(digit), text.to_vec())).into();
    insta::assert_snapshot!(case.lines().join("\n"), @r"
    Restore apart: what was changed since is merged with it
    Conflict binary: it cannot be merged: it is a binary file
    Conflict gone: it cannot be merged: one of them is no file
    Conflict over: it cannot be merged: both changed the same lines (1 overlap)
    Restore same: it differs
    Keep theirs: what was changed since is merged with it
    ");
    let both = Oid::new(Digest::of("one\n2\nthree\n").head(40)).expect("forty digits");
    assert_eq!(
        case.plan().entry(&path("apart")).and_then(|entry| entry.then.clone()),
        Some(Side { mode: Mode::File, oid: both })
    );
    case.settling = Settling::Merge { overlaps: Overlaps::Mark };
    assert_eq!(case.lines()[3], "Restore over: merged, with 1 overlap between conflict markers");
}

#[test]
fn what_somebody_else_wrote_is_a_conflict() {
    let mut case = Case::new(&[("theirs", 1), ("mine", 1), ("touched", 3)], &[("theirs", 2), ("mine", 2), ("touched", 2)]);
    case.others = BTreeMap::from([(path("theirs"), other(Some(file(3)), Some(file(1))))]);
    case.scope =
        Scope::Session { left: ["theirs", "mine", "touched"].map(|text| (path(text), Some(file(1)))).into_iter().collect() };
    assert_eq!(
        case.lines(),
        [
            "Restore mine: it differs",
            "Conflict theirs: session 20261120_180000 wrote it last",
            "Conflict touched: it was changed since",
        ]
    );
    let plan = case.plan();
    assert!(plan.restores_staged(&path("mine")) && !plan.restores_staged(&path("theirs")));
    assert!(!plan.restores_staged(&path("elsewhere")));
}

#[test]
fn other_repositories_and_paths_that_are_not_looked_at_stay() {
    let mut case = Case::new(&[("sub", 1), ("skipped", 1), ("assumed", 1)], &[("skipped", 2), ("assumed", 2)]);
    case.now.insert(path("sub"), Side { mode: Mode::Submodule, oid: oid(1) });
    case.manifest_now.skip_worktree = vec![path("skipped")];
    case.manifest_then.assume_unchanged = vec![path("assumed")];
    assert_eq!(
        case.lines(),
        [
            "Keep assumed: the index says not to look at it",
            "Keep skipped: the index says not to look at it",
            "Keep sub: it is another repository",
        ]
    );
    assert!(case.plan().restores_staged(&path("skipped")));
}

#[test]
fn permission_bits_and_empty_directories_come_back() {
    let mut case = Case::new(&[("a", 1), ("b", 1), ("c", 1)], &[("a", 1), ("b", 1), ("c", 1)]);
    let bits = |text: &str| text.parse::<Bits>().expect("octal");
    case.manifest_then.permissions = BTreeMap::from([
        (ListedPath::single("a"), bits("600")),
        (ListedPath::single("c"), bits("640")),
        (ListedPath::directory("private"), bits("700")),
    ]);
    case.manifest_now.permissions = BTreeMap::from([
        (ListedPath::single("b"), bits("666")),
        (ListedPath::single("c"), bits("640")),
        (ListedPath::directory("opened"), bits("777")),
    ]);
    case.manifest_then.empty_directories = vec![path("hollow"), path("still")];
    case.manifest_now.empty_directories = vec![path("made-since"), path("still"), path("was-ignored")];
    case.manifest_then.ignored = vec![ListedPath::single("was-ignored/x.o")];
    let plan = case.plan();
    let files: Vec<_> = plan.entries.iter().map(|entry| format!("{} {}", entry.path, entry.bits.unwrap())).collect();
    assert_eq!(files, ["a 600", "b 644"]);
    let directories: Vec<_> =
        plan.directories.iter().map(|entry| format!("{} {} {:?}", entry.path, entry.bits, entry.presence)).collect();
    assert_eq!(directories, ["hollow 755 Make", "made-since 755 Remove", "opened 755 IfThere", "private 700 Make"]);
    assert_eq!(plan.left(), tree(&[("a", 1), ("b", 1)]).into_iter().map(|(path, side)| (path, Some(side))).collect());
}

#[test]
fn a_plan_survives_its_text_form() {
    let mut case = Case::new(&[("a", 1), ("b/x", 1), ("two\nlines", 1)], &[("a", 2), ("b", 1)]);
    case.others = BTreeMap::from([(path("a"), other(None, Some(file(1))))]);
    let plan = case.plan();
    assert_eq!(RollbackPlan::from_json(&plan.to_json()), Ok(plan.clone()));
    case.scope = plan.undoing();
    let undo = case.plan();
    assert_eq!(RollbackPlan::from_json(&undo.to_json()), Ok(undo));
    let newer = plan.to_json().replacen("\"version\":1", "\"version\":7", 1);
    assert!(RollbackPlan::from_json(&newer).expect_err("newer").message.contains("version 7"));
}

const UNIVERSE: [&str; 9] = ["a", "a.c", "a/x", "a/x/y", "a/z", "b", "b/w", ".claude/t", "c"];

fn some_tree() -> impl Strategy<Value = Tree> {
    proptest::collection::vec(0..4_u8, UNIVERSE.len()).prop_map(|digits| {
        let mut tree = Tree::new();
        for (text, digit) in UNIVERSE.iter().zip(digits) {
            let new = path(text);
            if digit > 0 && !new.parents().any(|parent| tree.contains_key(&parent)) {
                tree.insert(new, file(digit));
            }
        }
        tree
    })
}

fn some_paths() -> impl Strategy<Value = Vec<TreePath>> {
    proptest::sample::subsequence(UNIVERSE.to_vec(), 0..4).prop_map(|texts| texts.into_iter().map(path).collect())
}

fn fits_together(tree: &Tree) -> bool {
    tree.keys().all(|path| !path.parents().any(|parent| tree.contains_key(&parent)))
}

proptest! {
    #[test]
    fn a_rollback_of_everything_arrives_and_its_undoing_returns(now in some_tree(), then in some_tree()) {
        let case = Case::of(now.clone(), then.clone());
        let plan = case.plan();
        let arrived = carried_out(&plan, &now);
        let outside = |tree: &Tree| tree.clone().into_iter().filter(|(path, _)| !path.is_claude()).collect::<Tree>();
        prop_assert_eq!(outside(&arrived), outside(&then));
        prop_assert_eq!(arrived.get(&path(".claude/t")), now.get(&path(".claude/t")));

        let mut back = Case::of(arrived.clone(), now.clone());
        back.scope = plan.undoing();
        back.ignored_now = UNIVERSE.map(path).to_vec();
        prop_assert_eq!(carried_out(&back.plan(), &arrived), now);
    }

    #[test]
    fn no_plan_deletes_without_proof_or_leaves_a_file_within_a_file(
        now in some_tree(),
        then in some_tree(),
        ignored_now in some_paths(),
        ignored_then in some_paths(),
        listed in some_paths(),
        named in some_paths(),
    ) {
        let mut case = Case::of(now.clone(), then.clone());
        (case.ignored_now, case.ignored_then) = (ignored_now, ignored_then);
        case.manifest_then.ignored = listed.iter().map(|path| ListedPath::directory(path.as_bytes())).collect();
        if !named.is_empty() {
            case.scope = Scope::Paths { paths: named.into_iter().collect() };
        }
        let plan = case.plan();
        for entry in &plan.entries {
            prop_assert!(case.scope.covers(&entry.path));
            if entry.action == Action::Delete {
                prop_assert!(!then.contains_key(&entry.path));
                prop_assert!(!case.ignored_now.contains(&entry.path) && !case.ignored_then.contains(&entry.path));
                prop_assert!(!listed.iter().any(|above| entry.path.is_below(above)));
            }
        }
        prop_assert!(fits_together(&carried_out(&plan, &now)));
        let again = Case { now: carried_out(&plan, &now), ..case };
        prop_assert_eq!(again.plan().left(), BTreeMap::new());
    }
}
