//! Rollbacks there and back, against a picture of everything that a user would see. Which plan is right is tested in `model::rollback`.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    os::unix::fs::{PermissionsExt as _, symlink},
    path::{Path, PathBuf},
};

use proptest::prelude::*;

use super::*;
use crate::{
    host::git::{
        Limits, Ownership, SideCommit, Words,
        fixture::{Fixture, path, signature},
    },
    model::{id::Oid, rollback::Scope},
};

/// Everything below a directory but git's own: bytes or target, and permission bits.
type Picture = BTreeMap<PathBuf, (String, u32)>;

fn picture(root: &Path) -> Picture {
    fn look(root: &Path, directory: &Path, picture: &mut Picture) {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            let found = fs::symlink_metadata(&path).unwrap();
            let shown = path.strip_prefix(root).unwrap().to_owned();
            if shown == Path::new(".git") {
                continue;
            }
            let bits = found.permissions().mode() & 0o7777;
            if found.is_symlink() {
                picture.insert(shown, (format!("-> {}", fs::read_link(&path).unwrap().display()), 0));
            } else if found.is_dir() {
                picture.insert(shown, ("directory".into(), bits));
                look(root, &path, picture);
            } else {
                picture.insert(shown, (format!("{:?}", fs::read(&path).unwrap()), bits));
            }
        }
    }
    let mut picture = Picture::new();
    look(root, root, &mut picture);
    picture
}

/// Everything that a user would see of a work tree.
#[derive(Debug, PartialEq, Eq)]
struct Seen {
    files: Picture,
    staged: String,
    status: String,
    flags: String,
}

fn seen(fixture: &Fixture) -> Seen {
    Seen {
        files: picture(fixture.root()),
        staged: fixture.git(&["diff", "--cached", "--raw", "--abbrev=40"]),
        status: fixture.status(),
        flags: fixture.git(&["ls-files", "--stage", "-v"]),
    }
}

fn checkpoint(fixture: &Fixture) -> Oid {
    let repository = fixture.repository();
    let snapshot = repository.snapshot(&fixture.environment(), &Limits::default(), &[]).unwrap();
    let signature = signature();
    let words =
        Words { message: "x\n", signature: &signature, head: None, tag: None, files: &[], pinned: "refs/autonomy/pending" };
    let SideCommit { commit, .. } = snapshot.write(&repository, &words).unwrap();
    fixture.git(&["update-ref", &format!("refs/autonomy/test/{commit}"), commit.as_str()]);
    commit
}

fn planned(fixture: &Fixture, to: &Oid, scope: &Scope) -> RollbackPlan {
    let repository = fixture.repository();
    let present = repository.snapshot(&fixture.environment(), &Limits::default(), &[]).unwrap();
    repository.plan_rollback(&present, to, scope, &Ownership::default()).unwrap().plan
}

fn carry_out(fixture: &Fixture, plan: &RollbackPlan) -> Restored {
    fixture.repository().carry_out(plan, &fixture.environment()).unwrap()
}

fn base() -> Fixture {
    let fixture = Fixture::new();
    for (name, content) in [("a/x", "1\n"), ("a/y", "2\n"), ("b/c/z", "3\n"), ("run.sh", "#!/bin/sh\n"), (".gitignore", "*.o\n")]
    {
        fixture.write(name, content);
    }
    fs::set_permissions(fixture.root().join("run.sh"), fs::Permissions::from_mode(0o755)).unwrap();
    symlink("a/x", fixture.root().join("link")).unwrap();
    fixture.git(&["add", "-A"]);
    fixture.git(&["commit", "-q", "-m", "Base"]);
    fixture.write("kept.o", "ignored");
    fixture
}

/// There and back: a checkpoint, a change, a rollback, its undoing.
fn round_trip(fixture: &Fixture, change: impl FnOnce(&Fixture)) {
    let before = seen(fixture);
    let to = checkpoint(fixture);
    change(fixture);
    let after = seen(fixture);
    assert_ne!(before, after, "nothing was changed");
    let safety = checkpoint(fixture);
    let plan = planned(fixture, &to, &Scope::Everything);
    let restored = carry_out(fixture, &plan);
    assert_eq!(restored.held_back, []);
    assert_eq!(seen(fixture), before);
    assert_eq!(carry_out(fixture, &plan), restored, "doing it again is not the same");
    assert_eq!(seen(fixture), before);

    let undo = planned(fixture, &safety, &plan.undoing());
    assert_eq!(carry_out(fixture, &undo).held_back, []);
    assert_eq!(seen(fixture), after);
    assert_eq!(planned(fixture, &safety, &plan.undoing()).left(), BTreeMap::new());
    fixture.fsck();
}

macro_rules! kinds {
    ($($name:ident: $change:expr;)*) => {
        $(#[test]
        fn $name() {
            round_trip(&base(), $change);
        })*
    };
}

fn remove(fixture: &Fixture, name: &str) {
    let path = fixture.root().join(name);
    if path.is_dir() && !path.is_symlink() { fs::remove_dir_all(path).unwrap() } else { fs::remove_file(path).unwrap() }
}

fn chmod(fixture: &Fixture, name: &str, bits: u32) {
    fs::set_permissions(fixture.root().join(name), fs::Permissions::from_mode(bits)).unwrap();
}

kinds! {
    modify: |f: &Fixture| f.write("a/x", "other\n");
    delete: |f: &Fixture| remove(f, "b");
    create: |f: &Fixture| f.write("a/new", "1\n");
    rename: |f: &Fixture| fs::rename(f.root().join("a/x"), f.root().join("b/x")).unwrap();
    mode: |f: &Fixture| {
        chmod(f, "a/x", 0o755);
        chmod(f, "run.sh", 0o644);
        chmod(f, "a/y", 0o600);
        chmod(f, "b", 0o700);
    };
    link_elsewhere: |f: &Fixture| {
        remove(f, "link");
        symlink("a/y", f.root().join("link")).unwrap();
        symlink("nowhere", f.root().join("new-link")).unwrap();
    };
    link_becomes_file: |f: &Fixture| {
        remove(f, "link");
        f.write("link", "plain\n");
    };
    file_becomes_directory: |f: &Fixture| {
        remove(f, "a/x");
        f.write("a/x/deep/i", "1\n");
        remove(f, "b");
        f.write("b", "plain\n");
    };
    staged_only: |f: &Fixture| {
        f.write("a/x", "staged\n");
        f.git(&["add", "a/x"]);
        f.git(&["rm", "-q", "--cached", "a/y"]);
        f.write("b/new", "1\n");
        f.git(&["add", "b/new"]);
    };
    staged_and_changed_again: |f: &Fixture| {
        f.write("a/x", "staged\n");
        f.git(&["add", "a/x"]);
        f.write("a/x", "changed\n");
    };
    untracked: |f: &Fixture| f.write("new", "1\n");
    untracked_in_a_new_directory: |f: &Fixture| {
        f.write("new/deep/x", "1\n");
        fs::create_dir_all(f.root().join("b/hollow")).unwrap();
        chmod(f, "new/deep", 0o700);
    };
    flags_of_the_index: |f: &Fixture| {
        f.write("meant", "1\n");
        f.git(&["add", "-N", "meant"]);
        f.git(&["update-index", "--skip-worktree", "a/x"]);
        f.git(&["update-index", "--assume-unchanged", "a/y"]);
    };
}

#[test]
fn an_open_merge_comes_back() {
    let fixture = base();
    fixture.git(&["checkout", "-q", "-b", "side"]);
    fixture.write("a/x", "side\n");
    fixture.git(&["commit", "-q", "-a", "-m", "side"]);
    fixture.git(&["checkout", "-q", "main"]);
    fixture.write("a/x", "main\n");
    fixture.git(&["commit", "-q", "-a", "-m", "main"]);
    assert!(!fixture.try_git(&["merge", "side"]).status.success());
    round_trip(&fixture, |fixture| {
        fixture.write("a/x", "resolved\n");
        fixture.git(&["add", "a/x"]);
    });
}

#[test]
fn empty_directories_of_the_checkpoint_are_there_again() {
    let fixture = base();
    fs::create_dir_all(fixture.root().join("hollow/inner")).unwrap();
    chmod(&fixture, "hollow/inner", 0o750);
    round_trip(&fixture, |fixture| {
        remove(fixture, "hollow");
        fixture.write("hollow/inner/file", "1\n");
    });
    let to = checkpoint(&fixture);
    remove(&fixture, "hollow");
    carry_out(&fixture, &planned(&fixture, &to, &Scope::Everything));
    assert!(fixture.root().join("hollow/inner").is_dir());
}

#[test]
fn ignored_directories_without_files_are_there_again_after_the_undo() {
    let fixture = base();
    fixture.write(".gitignore", "*.o\nout/\n");
    round_trip(&fixture, |fixture| {
        remove(fixture, "a/y");
        fs::create_dir_all(fixture.root().join("a/y/out/inner")).unwrap();
        chmod(fixture, "a/y/out", 0o700);
    });
    let to = checkpoint(&fixture);
    fixture.write(".gitignore", "b\n");
    fixture.git(&["rm", "-q", "-r", "--cached", "b"]);
    remove(&fixture, "b/c/z");
    let (end, safety) = (seen(&fixture), checkpoint(&fixture));
    let plan = planned(&fixture, &to, &Scope::Everything);
    assert_eq!(carry_out(&fixture, &plan).held_back, []);
    assert!(fixture.root().join("b/c/z").exists());
    assert_eq!(carry_out(&fixture, &planned(&fixture, &safety, &plan.undoing())).held_back, []);
    assert_eq!(seen(&fixture), end);
}

#[test]
fn a_directory_with_an_ignored_file_stays_where_a_file_was() {
    let fixture = base();
    fixture.write(".gitignore", "*.o\nout/\n");
    let to = checkpoint(&fixture);
    remove(&fixture, "a/y");
    fixture.write("a/y/out/kept", "ignored");
    let plan = planned(&fixture, &to, &Scope::Everything);
    assert_eq!(carry_out(&fixture, &plan).held_back, []);
    let why: Vec<String> = plan.with(Action::Keep).map(|entry| format!("{}: {}", entry.path, entry.why.words())).collect();
    assert_eq!(why, ["a/y: `a/y/out` stays and is in its way"]);
}

#[test]
fn a_directory_whose_making_was_cut_short_gets_its_bits_all_the_same() {
    let fixture = base();
    let to = checkpoint(&fixture);
    remove(&fixture, "b");
    let plan = planned(&fixture, &to, &Scope::Everything);
    fs::create_dir(fixture.root().join(directory_draft(&path("b")))).unwrap();
    chmod(&fixture, &directory_draft(&path("b")), 0o700);
    let restored = carry_out(&fixture, &plan);
    assert_eq!((restored.held_back, restored.done), (vec![], vec![path("b/c/z")]));
    assert_eq!(picture(fixture.root()).get(Path::new("b")), Some(&("directory".to_owned(), 0o755)));
    assert!(fs::read_dir(fixture.root()).unwrap().all(|entry| entry.unwrap().file_name() != *directory_draft(&path("b"))));
}

#[test]
fn line_endings_are_those_of_the_work_tree() {
    let fixture = base();
    fixture.git(&["config", "core.autocrlf", "true"]);
    fixture.write(".gitattributes", "*.c ident\r\n*.bin -text\r\n");
    fixture.write("code.c", "/* $Id: f2a6c498fb90ee345d997f888fce3b18b1b0d8e5 $ */\r\n");
    fixture.write("text", "1\r\n2\r\n");
    fixture.write("raw.bin", "1\r\n2\n");
    fixture.git(&["add", "-A"]);
    fixture.git(&["commit", "-q", "-m", "Endings"]);
    remove(&fixture, "code.c");
    fixture.git(&["checkout", "code.c"]);
    round_trip(&fixture, |fixture| {
        fixture.write("text", "other\r\n");
        fixture.write("code.c", "other\r\n");
        remove(fixture, "raw.bin");
        remove(fixture, ".gitattributes");
    });
}

#[test]
fn what_is_ignored_or_left_out_stays_untouched() {
    let fixture = base();
    fixture.write("a/kept.o", "ignored");
    let to = checkpoint(&fixture);
    fixture.write("kept.o", "changed since");
    fixture.write("a/new.o", "1");
    fixture.write("big", vec![b'x'; 5_000_001]);
    fixture.write("a/x", "other\n");
    remove(&fixture, "a/y");
    fixture.write("a/y/inside.o", "ignored");
    let before = picture(fixture.root());
    let plan = planned(&fixture, &to, &Scope::Everything);
    carry_out(&fixture, &plan);
    let mut expected = before;
    expected.insert("a/x".into(), (format!("{:?}", b"1\n"), 0o644));
    assert_eq!(picture(fixture.root()), expected);
    let kept: Vec<String> = plan.with(Action::Keep).map(|entry| format!("{}: {}", entry.path, entry.why.words())).collect();
    assert_eq!(kept, ["a/y: `a/y/inside.o` stays and is in its way"]);
}

#[test]
fn what_changes_while_the_plan_is_carried_out_is_held_back() {
    let fixture = base();
    let to = checkpoint(&fixture);
    for name in ["a/x", "new", "a/y"] {
        fixture.write(name, "planned\n");
    }
    remove(&fixture, "run.sh");
    let plan = planned(&fixture, &to, &Scope::Everything);
    for name in ["a/x", "new", "run.sh"] {
        fixture.write(name, "meanwhile\n");
    }
    let restored = carry_out(&fixture, &plan);
    let held: Vec<String> = restored.held_back.iter().map(|held| format!("{}: {}", held.path, held.why)).collect();
    assert_eq!(held, ["new: it was changed since", "a/x: it was changed since", "run.sh: it was changed since"]);
    assert_eq!(restored.done, [path("a/y")]);
    assert_eq!(fs::read(fixture.root().join("a/x")).unwrap(), b"meanwhile\n");
}

#[test]
fn nothing_is_written_through_a_link() {
    let fixture = base();
    let to = checkpoint(&fixture);
    remove(&fixture, "a");
    let plan = planned(&fixture, &to, &Scope::Everything);
    let outside = fixture.root().parent().unwrap().join("outside");
    fs::create_dir(&outside).unwrap();
    symlink(&outside, fixture.root().join("a")).unwrap();
    let restored = carry_out(&fixture, &plan);
    assert_eq!(restored.held_back.len(), 2);
    assert_eq!(fs::read_dir(&outside).unwrap().count(), 0);
}

#[test]
fn named_paths_alone_go_back() {
    let fixture = base();
    fixture.write(".claude/note", "1\n");
    let to = checkpoint(&fixture);
    for name in ["a/x", "b/c/z", "b/new", ".claude/note"] {
        fixture.write(name, "other\n");
    }
    fixture.git(&["add", "-A"]);
    let scope = |text: &str| Scope::Paths { paths: BTreeSet::from([path(text)]) };
    carry_out(&fixture, &planned(&fixture, &to, &scope("b")));
    assert_eq!(fixture.status(), "A  .claude/note\nM  a/x");
    carry_out(&fixture, &planned(&fixture, &to, &scope(".claude/note")));
    assert_eq!(fixture.status(), "M  a/x\n?? .claude/note");
    assert_eq!(fs::read(fixture.root().join(".claude/note")).unwrap(), b"1\n");
}

#[test]
fn a_rollback_without_staged_changes_leaves_times_that_git_believes() {
    let fixture = base();
    let to = checkpoint(&fixture);
    fixture.write("a/x", "other\n");
    carry_out(&fixture, &planned(&fixture, &to, &Scope::Everything));
    assert_eq!(fixture.git(&["diff-files"]), "");
}

const NAMES: [&str; 10] = ["a/x", "a/y", "a", "b/c/z", "b/c", "link", "run.sh", "new", "dir/new", "odd \u{e9}\n\""];

#[derive(Clone, Debug)]
enum Step {
    Write(usize, u8),
    Remove(usize),
    Link(usize, usize),
    Chmod(usize, u32),
    Stage(usize),
    StageAll,
    Unstage(usize),
}

fn step() -> impl Strategy<Value = Step> {
    let name = 0..NAMES.len();
    let bits = prop_oneof![Just(0o644), Just(0o755), Just(0o600), Just(0o700)];
    prop_oneof![
        4 => (name.clone(), 0..3_u8).prop_map(|(name, content)| Step::Write(name, content)),
        2 => name.clone().prop_map(Step::Remove),
        1 => (name.clone(), name.clone()).prop_map(|(name, target)| Step::Link(name, target)),
        1 => (name.clone(), bits).prop_map(|(name, bits)| Step::Chmod(name, bits)),
        2 => name.clone().prop_map(Step::Stage),
        1 => Just(Step::StageAll),
        1 => name.prop_map(Step::Unstage),
    ]
}

fn take(fixture: &Fixture, step: &Step) {
    let at = |name: usize| fixture.root().join(NAMES[name]);
    let clear = |name: usize| {
        let mut way = PathBuf::new();
        for part in Path::new(NAMES[name]).components() {
            way.push(part);
            let found = fs::symlink_metadata(fixture.root().join(&way));
            if found.is_ok_and(|found| !found.is_dir() || way == Path::new(NAMES[name])) {
                remove(fixture, way.to_str().unwrap());
            }
        }
        fs::create_dir_all(at(name).parent().unwrap()).unwrap();
    };
    let stands = |name: usize| fs::symlink_metadata(at(name));
    match *step {
        Step::Write(name, content) => {
            clear(name);
            fs::write(at(name), [b'0' + content, b'\n']).unwrap();
        }
        Step::Remove(name) => {
            if stands(name).is_ok() {
                remove(fixture, NAMES[name]);
            }
        }
        Step::Link(name, target) => {
            clear(name);
            symlink(NAMES[target], at(name)).unwrap();
        }
        Step::Chmod(name, bits) => {
            if stands(name).is_ok_and(|found| found.is_file()) {
                chmod(fixture, NAMES[name], bits);
            }
        }
        Step::Stage(name) => drop(fixture.try_git(&["add", "-A", "--", NAMES[name]])),
        Step::StageAll => drop(fixture.git(&["add", "-A"])),
        Step::Unstage(name) => drop(fixture.try_git(&["rm", "-q", "--cached", "--", NAMES[name]])),
    }
}

#[test]
fn bits_go_back_although_those_of_all_files_of_a_kind_changed() {
    for bits in [0o700, 0o775] {
        let fixture = base();
        let (start, to) = (seen(&fixture), checkpoint(&fixture));
        chmod(&fixture, "run.sh", bits);
        for name in ["a/x", "a/y", "b/c/z", ".gitignore"] {
            chmod(&fixture, name, bits & 0o664);
        }
        for name in ["a", "b", "b/c"] {
            chmod(&fixture, name, bits);
        }
        let (end, safety) = (seen(&fixture), checkpoint(&fixture));
        let plan = planned(&fixture, &to, &Scope::Everything);
        assert_eq!(carry_out(&fixture, &plan).held_back, []);
        assert_eq!(seen(&fixture), start);
        let undo = planned(&fixture, &safety, &plan.undoing());
        assert_eq!(carry_out(&fixture, &undo).held_back, []);
        assert_eq!(seen(&fixture), end);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn any_change_goes_there_and_back(
        before in proptest::collection::vec(step(), 0..6),
        after in proptest::collection::vec(step(), 1..8),
    ) {
        let fixture = base();
        for step in &before {
            take(&fixture, step);
        }
        let start = seen(&fixture);
        let to = checkpoint(&fixture);
        for step in &after {
            take(&fixture, step);
        }
        let end = seen(&fixture);
        let safety = checkpoint(&fixture);
        let plan = planned(&fixture, &to, &Scope::Everything);
        prop_assert_eq!(carry_out(&fixture, &plan).held_back, []);
        prop_assert_eq!(seen(&fixture), start);
        let undo = planned(&fixture, &safety, &plan.undoing());
        prop_assert_eq!(carry_out(&fixture, &undo).held_back, []);
        prop_assert_eq!(seen(&fixture), end);
    }
}
