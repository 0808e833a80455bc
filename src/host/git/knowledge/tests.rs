//! What knowledge makes of a work tree against a full walk of the same one.

use std::{fs, os::unix::fs::PermissionsExt as _};

use proptest::prelude::*;

use super::*;
use crate::host::git::fixture::Fixture;

/// One change of a work tree.
#[derive(Clone, Debug)]
enum Step {
    Write(String, u8),
    Remove(String),
    Move(String, String),
    Bits(String, u32),
    Ignore(String),
    Stage,
    Commit,
    Repository(String),
}

fn paths() -> impl Strategy<Value = String> {
    "[abc](/[abc]){0,3}"
}

fn steps() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (paths(), 0..4_u8).prop_map(|(path, content)| Step::Write(path, content)),
        3 => paths().prop_map(Step::Remove),
        1 => (paths(), paths()).prop_map(|(from, to)| Step::Move(from, to)),
        1 => (paths(), prop_oneof![Just(0o600), Just(0o755)]).prop_map(|(path, bits)| Step::Bits(path, bits)),
        1 => paths().prop_map(Step::Ignore),
        1 => Just(Step::Stage),
        1 => Just(Step::Commit),
        1 => paths().prop_map(Step::Repository),
    ]
}

impl Step {
    /// Carries it out, as far as what stands there lets it.
    fn carry_out(&self, fixture: &Fixture) {
        let at = |path: &str| fixture.root().join(path);
        match self {
            Self::Write(path, content) => {
                fs::create_dir_all(at(path).parent().unwrap()).ok();
                fs::write(at(path), [*content]).ok();
            }
            Self::Remove(path) => {
                if at(path).is_dir() { fs::remove_dir_all(at(path)) } else { fs::remove_file(at(path)) }.ok();
            }
            Self::Move(from, to) => drop(fs::rename(at(from), at(to))),
            Self::Bits(path, bits) => {
                let bits = if at(path).is_dir() { bits | 0o700 } else { *bits };
                fs::set_permissions(at(path), fs::Permissions::from_mode(bits)).ok();
            }
            Self::Ignore(path) => {
                let directory = at(path).parent().unwrap().to_owned();
                if directory.is_dir() {
                    fs::write(directory.join(".gitignore"), format!("{}\n", &path[path.len() - 1..])).ok();
                }
            }
            Self::Stage => drop(fixture.try_git(&["add", "-A"])),
            Self::Commit => drop(fixture.try_git(&["commit", "-q", "--allow-empty", "-m", "x"])),
            Self::Repository(path) => {
                if at(path).is_dir() {
                    fixture.try_git(&["init", "-q", path]);
                    let identity = ["-c", "user.name=Ada", "-c", "user.email=ada@example.org"];
                    fixture.try_git(&[&["-C", path], &identity[..], &["commit", "-q", "--allow-empty", "-m", "x"]].concat());
                }
            }
        }
    }
}

fn compare(fixture: &Fixture, repository: &Repository, knowledge: &mut Knowledge) -> Looked {
    let environment = fixture.environment();
    let (known, looked) = repository.snapshot_knowing(&environment, &Limits::default(), &[], knowledge).unwrap();
    let full = repository.snapshot(&environment, &Limits::default(), &[]).unwrap();
    assert_eq!(known.tree(), full.tree());
    assert_eq!((known.evidence(), known.staged(), known.counts()), (full.evidence(), full.staged(), full.counts()));
    assert_eq!(known.manifest(), full.manifest());
    looked
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    #[test]
    fn knowledge_and_a_full_walk_say_the_same(
        before in proptest::collection::vec(steps(), 0..12),
        rounds in proptest::collection::vec(proptest::collection::vec(steps(), 0..5), 1..8),
    ) {
        let fixture = Fixture::new();
        for step in &before {
            step.carry_out(&fixture);
        }
        fixture.try_git(&["add", "-A"]);
        let repository = fixture.repository();
        let mut knowledge = Knowledge::default();
        compare(&fixture, &repository, &mut knowledge);
        for round in rounds {
            for step in &round {
                step.carry_out(&fixture);
            }
            prop_assert!(compare(&fixture, &repository, &mut knowledge) != Looked::WasWrong);
        }
    }
}

#[test]
fn only_where_something_changed_is_looked_at_until_it_is_proven() {
    let fixture = Fixture::new();
    fixture.commit_file("a/x", "1\n");
    fixture.commit_file("b/y", "1\n");
    let (repository, mut knowledge) = (fixture.repository(), Knowledge::default());
    let looked: Vec<Looked> = (0..PROVEN_EVERY)
        .map(|number| {
            fixture.write("a/x", format!("{number}"));
            fixture.write(&format!("new/{number}/z"), "1\n");
            compare(&fixture, &repository, &mut knowledge)
        })
        .collect();
    let mut expected = vec![Looked::WhereChanged; looked.len()];
    expected[0] = Looked::Everywhere;
    expected[looked.len() - 1] = Looked::Everywhere;
    assert_eq!(looked, expected);
    for change in [".gitignore", ".gitattributes", "a/.gitignore"] {
        fixture.write(change, "q\n");
        assert_eq!(compare(&fixture, &repository, &mut knowledge), Looked::Everywhere, "{change}");
        assert_eq!(compare(&fixture, &repository, &mut knowledge), Looked::WhereChanged, "{change}");
    }
    let others: [fn(&Fixture); 3] = [
        |fixture| drop(fixture.git(&["add", "-A"])),
        |fixture| fixture.write(".git/info/exclude", "new\n"),
        |fixture| fs::rename(fixture.root().join("a"), fixture.root().join("c")).unwrap(),
    ];
    for change in others {
        change(&fixture);
        assert_eq!(compare(&fixture, &repository, &mut knowledge), Looked::Everywhere);
    }
}

#[test]
fn what_was_not_told_is_found_by_the_proof_and_ends_the_knowledge() {
    let fixture = Fixture::new();
    fixture.commit_file("a/x", "1\n");
    // The same file under a name outside of the work tree.
    let other = fixture.root().join("../other-name");
    fs::hard_link(fixture.root().join("a/x"), &other).unwrap();
    let (repository, mut knowledge) = (fixture.repository(), Knowledge::default());
    let environment = fixture.environment();
    let mut take = || repository.snapshot_knowing(&environment, &Limits::default(), &[], &mut knowledge).unwrap();
    take();
    fs::write(&other, "changed untold\n").unwrap();
    for _ in 2..PROVEN_EVERY {
        assert_eq!(take().1, Looked::WhereChanged);
    }
    let (snapshot, looked) = take();
    assert_eq!(looked, Looked::WasWrong);
    assert_eq!(snapshot.tree(), repository.snapshot(&environment, &Limits::default(), &[]).unwrap().tree());
    assert_eq!(take().1, Looked::Everywhere);
}

#[test]
fn a_queue_that_ran_over_is_no_knowledge() {
    let fixture = Fixture::new();
    fixture.commit_file("a/x", "1\n");
    let (repository, mut knowledge) = (fixture.repository(), Knowledge::default());
    compare(&fixture, &repository, &mut knowledge);
    knowledge.heard.is_lost = true;
    assert_eq!(compare(&fixture, &repository, &mut knowledge), Looked::Everywhere);
}
