//! What is found in changes, and what holds for every assessment.

use proptest::prelude::*;

use crate::model::{
    change::ChangeKind as Kind,
    decision::{Reversibility, Risk},
    risk::{
        Assessment, Change, Found, Signal, assess,
        file::{FileChange, Version},
        weigh::weigh,
    },
    source::{Facts, Item, ItemKind, Limit, Reading, Skip, Test, language::Language},
};

fn text(path: &str, text: &str) -> Version {
    let language = Language::of(path, text.as_bytes());
    let facts = Facts::of_lines(language, text.as_bytes(), Reading::LinesOnly(Limit::NoGrammar));
    Version::Read { text: text.to_owned(), facts: Box::new(facts) }
}

fn code(functions: &[&str], tests: &[(&str, usize)]) -> Version {
    let item = |signature: &&str| Item {
        kind: ItemKind::Function,
        name: signature.split('(').next().unwrap_or_default().to_owned(),
        signature: (*signature).to_owned(),
        line: 1,
    };
    let test =
        |(name, assertions): &(&str, usize)| Test { name: (*name).to_owned(), line: 1, assertions: *assertions, skip: Skip::No };
    let facts = Facts {
        items: functions.iter().map(item).collect(),
        tests: tests.iter().map(test).collect(),
        assertions: tests.iter().map(|(_, assertions)| assertions).sum(),
        ..Facts::of_lines(Language::Rust, b"", Reading::Whole)
    };
    Version::Read { text: functions.join("\n"), facts: Box::new(facts) }
}

fn edited(path: &str, before: &str, after: &str) -> FileChange {
    FileChange::between(path, Kind::Modified, &text(path, before), &text(path, after))
}

fn of(files: Vec<FileChange>) -> Assessment {
    assess(&Change { files, messages: Vec::new() })
}

fn shown(assessment: &Assessment) -> String {
    let reasons =
        assessment.reasons.iter().map(|of| format!("{:.2} {} {} {}", of.weight, of.at_least, of.words, of.paths.join(" ")));
    let head = format!("{} {:.2} {}", assessment.risk, assessment.score, assessment.reversibility.word());
    std::iter::once(head).chain(reasons).map(|line| line.trim_end().to_owned()).collect::<Vec<_>>().join("\n")
}

#[test]
fn what_others_use_is_told_apart_and_what_moved_is_not_gone() {
    let files = vec![
        FileChange::between("src/a.rs", Kind::Modified, &code(&["one()", "two()", "three()"], &[]), &code(&["two(x: u8)"], &[])),
        FileChange::between("src/b.rs", Kind::Added, &Version::Nothing, &code(&["three()", "four()"], &[])),
    ];
    insta::assert_snapshot!(shown(&of(files)), @r"
    medium 0.80 costly
    0.90 medium what others can use is gone: `one` src/a.rs
    0.50 medium what others can use takes or gives something else: `two` src/a.rs
    0.08 low lines are gone: 3 src/a.rs
    0.08 low others can use more: `four` and 1 more src/b.rs
    0.04 low lines are new: 3 src/a.rs src/b.rs
    ");
    let gone = FileChange::between("tests/a.rs", Kind::Modified, &code(&["one()"], &[]), &code(&[], &[]));
    assert!(of(vec![gone]).reasons.iter().all(|reason| reason.signal == Signal::TestsChanged), "tests offer nothing to others");
}

#[test]
fn every_kind_of_file_is_found_by_its_path() {
    for (path, signal, risk) in [
        ("Cargo.lock", Signal::Lock, Risk::Low),
        ("db/migrations/1.sql", Signal::Schema, Risk::Medium),
        ("src/auth/login.rs", Signal::SecurityFile, Risk::Medium),
        (".github/workflows/ci.yml", Signal::Pipeline, Risk::Medium),
        ("infra/main.tf", Signal::Deployment, Risk::Medium),
        (".claude/authority.yaml", Signal::Rules, Risk::High),
        (".claude/agents/a.md", Signal::Rules, Risk::High),
        ("tests/a.rs", Signal::TestsChanged, Risk::Low),
        ("src/a.rs", Signal::Added, Risk::Low),
    ] {
        let found = of(vec![edited(path, "a\n", "a\nb\n")]);
        assert!(found.reasons.iter().any(|reason| reason.signal == signal), "{path}: {}", shown(&found));
        assert_eq!(found.risk, risk, "{path}: {}", shown(&found));
    }
    let moved = of(vec![FileChange::moved(".claude/authority.yaml"), FileChange::moved("draft.yaml")]);
    assert_eq!(moved.risk, Risk::High, "what is moved to where rules lie is rules: {}", shown(&moved));
    for path in ["docs/a.md", ".claude/tasks/t.md", ".claude/sessions/s/log.jsonl"] {
        assert_eq!(of(vec![edited(path, "a\n", "b\n")]).reasons, [], "{path}");
    }
}

#[test]
fn what_lines_and_manifests_say_is_found() {
    let files = vec![
        edited("src/a.rs", "let a = 1;\n", "let a = 2;\n// the password\n"),
        edited("src/b.rs", "check(&password);\n", "\n"),
        edited("db/2.sql", "", "create table a;\ndrop table a;\n-- drop table c\nALTER TABLE b DROP COLUMN c;\n"),
        edited("package.json", r#"{"dependencies":{"a":"^1.0.0"}}"#, r#"{"dependencies":{"a":"^2.0.0"}}"#),
        FileChange::between("logo.png", Kind::Added, &Version::Nothing, &{
            let facts = Facts::of_lines(Language::Other, b"", Reading::LinesOnly(Limit::Binary));
            Version::Read { text: String::new(), facts: Box::new(facts) }
        }),
        FileChange::between("huge.csv", Kind::Modified, &Version::Unread, &Version::Unread),
    ];
    insta::assert_snapshot!(shown(&of(files)), @r"
    high 0.98 irreversible
    1.50 high data is thrown away: `ALTER TABLE b DROP COLUMN c;` db/2.sql
    0.60 medium another major version of a dependency: `a` package.json
    0.60 medium the form in which data is stored differs db/2.sql
    0.50 medium nobody looked into it huge.csv
    0.20 low lines about who may do what, or about what is secret: `password` src/b.rs
    0.13 low more than one directory is touched: `.` and 2 more
    0.08 low lines are gone: 3 src/a.rs src/b.rs package.json
    0.06 low lines are new: 8 src/a.rs src/b.rs db/2.sql package.json
    0.05 low content that is no text differs logo.png
    ");
}

#[test]
fn tests_that_say_less_are_found_and_those_that_moved_are_not() {
    let of_tests = |path, before: &[(&str, usize)], after: &[(&str, usize)]| {
        FileChange::between(path, Kind::Modified, &code(&[], before), &code(&[], after))
    };
    let weakened = |files| of(files).reasons.into_iter().find(|reason| reason.signal == Signal::TestsWeakened);
    let less = weakened(vec![of_tests("tests/a.rs", &[("a", 3), ("b", 1)], &[("a", 1)])]).expect("it says less");
    assert_eq!((less.amount, less.at_least), (2, Risk::Medium));
    let moved = vec![of_tests("tests/a.rs", &[("a", 3)], &[]), of_tests("tests/b.rs", &[], &[("a", 3)])];
    assert_eq!(weakened(moved), None);
    let gone = FileChange::between("tests/a.rs", Kind::Deleted, &code(&[], &[("a", 1)]), &Version::Nothing);
    assert_eq!(weakened(vec![gone]).map(|reason| reason.words), Some("tests are gone, left out, or assert less: `a`".to_owned()));
}

#[test]
fn a_message_raises_the_risk_and_lowers_nothing() {
    let files = || vec![edited("src/a.rs", "a\n", "b\n")];
    let said = |messages: &[&str]| {
        assess(&Change { files: files(), messages: messages.iter().map(|message| (*message).to_owned()).collect() })
    };
    assert_eq!((said(&["fix: a"]).risk, said(&["chore: safe, no risk"]).risk), (Risk::Low, Risk::Low));
    assert_eq!(said(&["fix: a", "feat!: b"]).risk, Risk::High);
}

#[test]
fn one_of_each_signal_means_what_the_documentation_says() {
    let one = |signal| weigh(&[Found { signal, amount: 1, names: Vec::new(), paths: Vec::new() }]);
    let at = |risk| Signal::ALL.into_iter().filter(|signal| one(*signal).risk == risk).collect::<Vec<_>>();
    assert_eq!(at(Risk::High), [Signal::DataDropped, Signal::Rules, Signal::Words]);
    let medium = [
        Signal::ApiRemoved,
        Signal::ApiChanged,
        Signal::ContractRemoved,
        Signal::Platform,
        Signal::DependencyMajor,
        Signal::Schema,
        Signal::SecurityFile,
        Signal::Pipeline,
        Signal::Deployment,
        Signal::TestsWeakened,
        Signal::Unread,
    ];
    assert_eq!(at(Risk::Medium), medium);
    assert_eq!(one(Signal::DataDropped).reversibility, Reversibility::Irreversible);
}

fn signals() -> impl Strategy<Value = Vec<Found>> {
    let found = |(signal, amount)| Found { signal, amount, names: Vec::new(), paths: Vec::new() };
    prop::collection::btree_map(prop::sample::select(Signal::ALL.to_vec()), 0..5_000_u64, 0..10)
        .prop_map(move |all| all.into_iter().map(found).collect())
}

proptest! {
    #[test]
    fn more_of_any_signal_is_never_less_risk(all in signals(), which in prop::sample::select(Signal::ALL.to_vec()), more in 1..1_000_u64) {
        let before = weigh(&all);
        let mut worse = all;
        match worse.iter_mut().find(|found| found.signal == which) {
            Some(found) => found.amount += more,
            None => worse.push(Found { signal: which, amount: more, names: Vec::new(), paths: Vec::new() }),
        }
        let after = weigh(&worse);
        prop_assert!(before.risk <= after.risk && before.score <= after.score, "{:?} {:?}", before, after);
        prop_assert!(before.reversibility as u8 <= after.reversibility as u8);
        prop_assert!((0.0..=1.0).contains(&after.score));
    }
}
