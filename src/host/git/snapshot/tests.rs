//! Snapshots against what git itself makes of the same work tree. Whether a rollback brings one back is tested beside `restore`.

use std::{fs, os::unix::fs::PermissionsExt as _, process::Command};

use super::*;
use crate::host::git::fixture::{Fixture, path, signature};

mod table;

/// The tree that `git add -A` makes in an index of its own; the copy keeps its times, so that racy entries stay racy.
fn tree_of_git(fixture: &Fixture) -> String {
    tree_of_git_at(fixture, ".", &[])
}

/// The same for a work tree beside the first one, and without some paths.
fn tree_of_git_at(fixture: &Fixture, place: &str, without: &[&str]) -> String {
    let place = fixture.root().join(place).canonicalize().unwrap();
    let index = place.join(fixture.git(&["-C", place.to_str().unwrap(), "rev-parse", "--git-path", "index"]));
    let private = index.with_extension("private");
    if index.exists() {
        fs::copy(&index, &private).unwrap();
        let times = fs::metadata(&index).unwrap().modified().unwrap();
        fs::File::options().write(true).open(&private).unwrap().set_modified(times).unwrap();
    }
    let run = |arguments: &[&str]| {
        let mut command = Command::new("git");
        command.env_clear().current_dir(&place).args(arguments);
        for (name, value) in fixture.environment().variables() {
            command.env(name, value);
        }
        let output = command.env("GIT_INDEX_FILE", &private).output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    };
    run(&[&["-c", "advice.addEmbeddedRepo=false", "-c", "core.fsmonitor=false", "add", "-A", "--", "."], without].concat());
    let tree = run(&["write-tree"]);
    fs::remove_file(private).unwrap();
    tree
}

fn snapshot_of(fixture: &Fixture) -> (SideCommit, Manifest) {
    let repository = fixture.repository();
    let snapshot = repository.snapshot(&fixture.environment(), &Limits::default(), &[]).unwrap();
    let manifest = snapshot.manifest().clone();
    let signature = signature();
    let words = Words {
        message: "summary: x\n",
        signature: &signature,
        head: None,
        tag: Some("checkpoint-x"),
        files: &[],
        pinned: "refs/autonomy/pending",
    };
    (snapshot.write(&repository, &words).unwrap(), manifest)
}

fn base() -> Fixture {
    base_with(&[])
}

fn base_with(options: &[&str]) -> Fixture {
    let fixture = Fixture::with(options);
    for (name, content) in
        [("a/x", "1\n"), ("a/b/y", "2\n"), ("run.sh", "#!/bin/sh\n"), ("c/z", "3\n"), (".gitignore", "*.o\n/out/\n")]
    {
        fixture.write(name, content);
    }
    fs::set_permissions(fixture.root().join("run.sh"), fs::Permissions::from_mode(0o755)).unwrap();
    std::os::unix::fs::symlink("a/x", fixture.root().join("link")).unwrap();
    fixture.git(&["add", "-A"]);
    fixture.git(&["commit", "-q", "-m", "Base"]);
    fixture
}

fn remove(fixture: &Fixture, name: &str) {
    let path = fixture.root().join(name);
    if path.is_dir() && !path.is_symlink() { fs::remove_dir_all(path).unwrap() } else { fs::remove_file(path).unwrap() }
}

fn link(fixture: &Fixture, target: &str, name: &str) {
    std::os::unix::fs::symlink(target, fixture.root().join(name)).unwrap();
}

fn chmod(fixture: &Fixture, name: &str, bits: u32) {
    fs::set_permissions(fixture.root().join(name), fs::Permissions::from_mode(bits)).unwrap();
}

fn commit_in(fixture: &Fixture, name: &str) {
    let identity = ["-c", "user.name=Ada", "-c", "user.email=ada@example.org"];
    fixture.git(&[&["-C", name], &identity[..], &["commit", "-q", "--allow-empty", "-m", "x"]].concat());
}

fn other_repository(fixture: &Fixture, name: &str) {
    fixture.git(&["init", "-q", name]);
    commit_in(fixture, name);
}

#[test]
fn a_new_repository_has_snapshots_too() {
    let fixture = Fixture::new();
    let (side, _) = snapshot_of(&fixture);
    assert_eq!(fixture.git(&["ls-tree", "-r", side.commit.as_str()]), "");
    fixture.write("x", "1\n");
    let (side, _) = snapshot_of(&fixture);
    assert_eq!(fixture.git(&["rev-parse", &format!("{}^{{tree}}", side.commit)]), tree_of_git(&fixture));
}

#[test]
fn staged_state_is_carried_beside_the_tree() {
    let fixture = base();
    fixture.write("a/x", "staged\n");
    fixture.git(&["add", "a/x"]);
    fixture.write("a/x", "changed\n");
    let (side, _) = snapshot_of(&fixture);
    let carried = fixture.git(&["rev-parse", &format!("{}^:index", side.commit)]);
    assert_eq!(carried, fixture.git(&["write-tree"]));
    assert_eq!(fixture.git(&["cat-file", "-t", side.tag.unwrap().as_str()]), "tag");
    fixture.fsck();

    let fixture = base();
    table::unmerged(&fixture);
    let (side, _) = snapshot_of(&fixture);
    for stage in 1..=3 {
        let carried = fixture.git(&["rev-parse", &format!("{}^:unmerged/{stage}/a/x", side.commit)]);
        assert_eq!(carried, fixture.git(&["rev-parse", &format!(":{stage}:a/x")]));
    }
}

#[test]
fn what_is_left_out_is_named() {
    let fixture = base();
    fixture.write("x.o", "1");
    fixture.write("out/deep/x", "1");
    fixture.write("big", vec![b'x'; 5_000_001]);
    chmod(&fixture, "run.sh", 0o700);
    chmod(&fixture, "c", 0o700);
    fs::create_dir(fixture.root().join("hollow")).unwrap();
    fixture.write(".GIT", "1");
    fixture.git(&["init", "-q", "inner"]);
    remove(&fixture, "a/x");
    for name in ["pipe", "a/x"] {
        assert!(Command::new("mkfifo").arg(fixture.root().join(name)).status().unwrap().success());
    }
    let (_, manifest) = snapshot_of(&fixture);
    let shown: Vec<String> = manifest.left_out.iter().map(|left| format!("{}: {}", left.path, left.why)).collect();
    assert_eq!(
        shown,
        [
            ".GIT: git does not take such a name",
            "a/x: a pipe, socket or device",
            "big: untracked, and 5000001 bytes are over the cap",
            "inner/: another repository without a commit",
            "pipe: a pipe, socket or device",
        ]
    );
    assert_eq!(manifest.ignored, [ListedPath::directory("out"), ListedPath::single("x.o")]);
    assert_eq!(manifest.empty_directories, [path("hollow")]);
    let permissions: Vec<String> = manifest.permissions.iter().map(|(path, bits)| format!("{path} {bits}")).collect();
    assert_eq!(permissions, ["c/ 700"]);
    assert_eq!(manifest.usual.executable.to_string(), "700");
}

#[test]
fn too_many_new_files_leave_out_the_directory_that_costs_least() {
    let new =
        |text: &str, root: &str| New { path: text.into(), found: Found::Repository(git2::Oid::ZERO_SHA1), root: root.len() };
    let mut all = Vec::new();
    for number in 0..6 {
        all.push(new(&format!("modules/a/{number}"), "modules"));
        all.push(new(&format!("modules/b/{}", number % 3 * 10 + number), "modules"));
    }
    for number in 0..3 {
        all.push(new(&format!("src/{number}"), &format!("src/{number}")));
    }
    let lines = |limit| {
        let over = over_limits(&all, &Limits { file_bytes: 10, new_files: limit, ..Limits::default() });
        over.lines.iter().map(|left| format!("{} {}", left.path, left.why)).collect::<Vec<_>>()
    };
    assert_eq!(lines(15), Vec::<String>::new());
    assert_eq!(lines(14), ["modules/a/ too many new files, 6 here"]);
    assert_eq!(lines(4), ["modules/ too many new files, 12 here"]);
    assert_eq!(lines(1), ["modules/ too many new files, 12 here", "src/0 too many new files", "src/1 too many new files"]);
}

#[test]
fn a_path_that_only_a_program_can_store_is_refused_by_name() {
    let fixture = base();
    fixture.write(".gitattributes", "*.t filter=upper\n");
    fixture.git(&["config", "filter.upper.clean", "tr a-z A-Z"]);
    fixture.write("f.t", "x\n");
    let Err(refused) = fixture.repository().snapshot(&fixture.environment(), &Limits::default(), &[]) else {
        panic!("was taken")
    };
    assert!(refused.to_string().contains("`f.t` goes through the filter `upper`"), "{refused}");
}

#[test]
fn evidence_is_bound_to_everything_outside_claude() {
    let fixture = base();
    fixture.write(".claude/tasks/x.md", "1");
    fixture.write("big", vec![b'x'; 5_000_001]);
    let evidence = || fixture.repository().tree_outside_claude(&fixture.environment()).unwrap();
    let first = evidence();
    fixture.write(".claude/tasks/x.md", "2");
    assert_eq!(evidence(), first);
    fixture.git(&["add", "-A"]);
    fixture.git(&["commit", "-q", "-m", "All"]);
    assert_eq!(fixture.repository().tree_outside_claude_of(&fixture.head()).unwrap(), first);
    assert_eq!(fixture.repository().snapshot(&fixture.environment(), &Limits::default(), &[]).unwrap().evidence(), first);
    fixture.git(&["rm", "-q", "--cached", "-r", ".claude"]);
    assert_eq!(fixture.git(&["write-tree"]), first.as_str());
    fixture.write("big", "small");
    assert_ne!(evidence(), first);
}

#[test]
fn a_directory_is_taken_in_although_it_is_ignored() {
    let fixture = base();
    fixture.write(".git/info/exclude", "/.claude/sessions/*/*\n");
    fixture.write(".claude/sessions/s/README.md", "1");
    fixture.write(".claude/sessions/s/journal/x.yaml", "1");
    fixture.write(".claude/sessions/other/README.md", "1");
    let repository = fixture.repository();
    let also = [path(".claude/sessions/s")];
    let snapshot = repository.snapshot(&fixture.environment(), &Limits::default(), &also).unwrap();
    assert_eq!(snapshot.manifest().ignored, [ListedPath::single(".claude/sessions/other/README.md")]);
    let changes = snapshot.changes_to(&repository, &fixture.head()).unwrap();
    let paths: Vec<String> = changes.iter().map(|change| change.path.to_string()).collect();
    assert_eq!(paths, [".claude/sessions/s/README.md", ".claude/sessions/s/journal/x.yaml"]);
}

/// A repository with many files, and a copy of it with all times.
fn copied() -> (Fixture, std::path::PathBuf) {
    let fixture = base();
    for number in 0..80 {
        fixture.write(&format!("many/{number}"), format!("{number}\n"));
    }
    fixture.git(&["add", "-A"]);
    fixture.git(&["commit", "-q", "-m", "Many"]);
    let copied = fixture.root().join("../copy");
    assert!(Command::new("cp").arg("-a").arg(fixture.root()).arg(&copied).status().unwrap().success());
    (fixture, copied)
}

#[test]
fn after_a_copy_of_the_clone_files_are_hashed_once() {
    let (fixture, copied) = copied();
    crate::host::clock::Clock::sleep(std::time::Duration::from_millis(30));
    let copy = Repository::open(&copied.canonicalize().unwrap(), &fixture.environment()).unwrap();
    let known = || {
        let tracked = Tracked::read(&copy).unwrap();
        let found = walk(&copy, &fixture.environment(), &tracked, &[]).unwrap();
        let cache = StatCache::read(&copy);
        let stat = |found: &Found| if let Found::File(stat) = found { Some(*stat) } else { None };
        let known = found.differing.iter().filter(|(at, what)| {
            stat(what).is_some_and(|stat| cache.find(tracked.path(**at), &stat) == Some(tracked.get(**at).oid))
        });
        (known.count(), found.differing.len())
    };
    assert_eq!(known().0, 0);
    copy.snapshot(&fixture.environment(), &Limits::default(), &[]).unwrap();
    let (cached, stale) = known();
    assert!(cached >= 80 && stale >= cached, "{cached} of {stale}");
    fs::write(copied.join("many/7"), "changed\n").unwrap();
    let snapshot = copy.snapshot(&fixture.environment(), &Limits::default(), &[]).unwrap();
    let changes = snapshot.changes_to(&copy, &fixture.head()).unwrap();
    assert_eq!(changes.iter().map(|change| change.path.to_string()).collect::<Vec<_>>(), ["many/7"]);
}

/// How many objects the packs of the repository in a directory hold.
fn packed(fixture: &Fixture, directory: &str) -> usize {
    let counts = fixture.git(&["-C", directory, "count-objects", "-v"]);
    counts.lines().find_map(|line| line.strip_prefix("in-pack: ")).unwrap().parse().unwrap()
}

/// What each snapshot writes: the manifest, the tree that carries it and its commit, the commit and the tag.
const ALWAYS: usize = 5;

#[test]
fn what_the_repository_has_is_not_written_again() {
    let fixture = base();
    let before = packed(&fixture, ".");
    snapshot_of(&fixture);
    assert_eq!(packed(&fixture, ".") - before, ALWAYS);

    // The content of new files: as an object of its own, in a pack, and in a repository that this one borrows from.
    fixture.write("packed", "1\n");
    fixture.git(&["repack", "-adq"]);
    fixture.write("loose", "as a loose object\n");
    fixture.git(&["hash-object", "-w", "loose"]);
    fixture.git(&["init", "-q", "--bare", "../lender"]);
    fixture.write("borrowed", "of the lender\n");
    fixture.git(&["--git-dir", "../lender", "hash-object", "-w", "borrowed"]);
    let lender = fixture.root().join("../lender/objects").canonicalize().unwrap();
    fixture.write(".git/objects/info/alternates", format!("{}\n", lender.display()));
    let before = packed(&fixture, ".");
    snapshot_of(&fixture);
    // What was carried is still pinned, and the same.
    assert_eq!(packed(&fixture, ".") - before, ALWAYS - 3 + 1, "only the topmost tree is new, with its commit and tag");
}

#[test]
fn a_copied_clone_writes_no_more_than_the_first_one() {
    let (fixture, copied) = copied();
    let copy = Repository::open(&copied.canonicalize().unwrap(), &fixture.environment()).unwrap();
    for number in 0..2 {
        let before = packed(&fixture, "../copy");
        let snapshot = copy.snapshot(&fixture.environment(), &Limits::default(), &[]).unwrap();
        let (message, signature) = (format!("summary: {number}\n"), signature());
        let words = Words {
            message: &message,
            signature: &signature,
            head: None,
            tag: Some("checkpoint-x"),
            files: &[],
            pinned: "refs/autonomy/pending",
        };
        snapshot.write(&copy, &words).unwrap();
        // The manifest and its tree are the same both times.
        let new = packed(&fixture, "../copy") - before;
        assert!(new <= ALWAYS, "{new}");
    }
}
