//! Any changes, there and back: random repositories, all kinds of change, ignore rules that change, and checkpoint, rollback and
//! undo, judged by full copies of the directory and by git's own word on what is ignored.
//!
//! What has to come of a rollback is worked out from those copies alone; the plan is never asked. `AUTONOMY_TEST_SEQUENCES` says
//! how many sequences are tried, `AUTONOMY_TEST_SEED` which; without it they are the same every time.

use std::{
    cell::{Cell, RefCell},
    collections::{BTreeMap, BTreeSet, HashMap},
    fs,
    io::Write as _,
    num::NonZero,
    os::unix::fs::{PermissionsExt as _, symlink},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use autonomy::{
    host::{clock::Clock, environment::Environment, workspace::Workspace},
    ops::time::{checkpoint, rollback},
};
use gix_index::entry::Flags;
use proptest::{
    prelude::*,
    test_runner::{RngSeed, TestCaseError, TestError, TestRunner},
};

use crate::sandbox::{Sandbox, fingerprint};

/// So many are tried when nothing else is said.
const SEQUENCES: u32 = 2_000;

/// So many are tried beside each other on each core: whoever waits for git or for the threads of a walk leaves the core to others.
const BESIDE: usize = 2;

/// Every place that a change may choose.
const NAMES: [&str; 14] = [
    "a/x",
    "a/y",
    "a",
    "b/c/z",
    "b/c",
    "link",
    "run.sh",
    "new",
    "dir/new",
    "dir/deep/newer",
    "kept.o",
    "a/x.o",
    "out/log",
    "odd \u{e9}\n\"",
];

/// Every place that rules may be written to; the last is git's own.
const RULE_FILES: [&str; 4] = [".gitignore", "a/.gitignore", "dir/.gitignore", ".git/info/exclude"];

const RULES: [&str; 7] = ["", "*.o\n", "*.o\nout/\n", "new*\n", "/deep\n/x\n", "*\n!b\n!c\n!z\n!.gitignore\n", "*.o\n!kept.o\n"];

#[derive(Clone, Debug)]
enum Step {
    /// Modifies, creates, and makes files of links and of directories, and directories of files.
    Write(usize, u8),
    Remove(usize),
    Rename(usize, usize),
    Chmod(usize, u32),
    Link(usize, usize),
    Hollow(usize),
    Stage(usize),
    StageAll,
    Unstage(usize),
    /// The index gets other content than the file has.
    StageOther(usize, u8),
    Rules(usize, usize),
}

/// What happens to one repository.
#[derive(Clone, Debug)]
struct Sequence {
    unborn: bool,
    before: Vec<Step>,
    between: Option<Vec<Step>>,
    after: Vec<Step>,
    /// Whether it goes back to the first checkpoint though there is a second.
    to_first: bool,
    /// Whether git is asked for its status, and for faults in its objects, too.
    thorough: bool,
}

fn step() -> impl Strategy<Value = Step> {
    let name = || 0..NAMES.len();
    let bits = prop_oneof![Just(0o644), Just(0o755), Just(0o600), Just(0o700)];
    prop_oneof![
        5 => (name(), 0..3_u8).prop_map(|(name, content)| Step::Write(name, content)),
        2 => name().prop_map(Step::Remove),
        1 => (name(), name()).prop_map(|(from, to)| Step::Rename(from, to)),
        1 => (name(), bits).prop_map(|(name, bits)| Step::Chmod(name, bits)),
        1 => (name(), name()).prop_map(|(name, target)| Step::Link(name, target)),
        1 => name().prop_map(Step::Hollow),
        1 => name().prop_map(Step::Stage),
        1 => Just(Step::StageAll),
        1 => name().prop_map(Step::Unstage),
        1 => (name(), 0..3_u8).prop_map(|(name, content)| Step::StageOther(name, content)),
        2 => (0..3_usize, 0..RULES.len()).prop_map(|(file, rules)| Step::Rules(file, rules)),
    ]
}

fn sequence() -> impl Strategy<Value = Sequence> {
    let some = |most| proptest::collection::vec(step(), 0..most);
    let between = proptest::option::weighted(0.25, some(4));
    let thorough = proptest::bool::weighted(0.2);
    (proptest::bool::weighted(0.1), some(6), between, some(7), any::<bool>(), thorough).prop_map(
        |(unborn, before, between, after, to_first, thorough)| Sequence { unborn, before, between, after, to_first, thorough },
    )
}

/// The files that say what is ignored, with what they say, by their place from the top.
type Rules = BTreeMap<PathBuf, String>;

/// A place with a repository to copy, one to ask about rules, and the one that is worked on.
struct Ground {
    sandbox: Sandbox,
    moment: Cell<u64>,
    /// What git has said: which paths which rules ignore.
    said: RefCell<HashMap<Rules, BTreeMap<String, bool>>>,
}

impl Ground {
    fn new() -> Self {
        let ground = Self { sandbox: Sandbox::bare_ground_in_memory(), moment: Cell::new(0), said: RefCell::default() };
        for place in ["unborn", "born", "judge"] {
            fs::create_dir(ground.place(place)).unwrap();
            ground.git(place, &["init", "--quiet"], "");
            fs::remove_dir_all(ground.place(place).join(".git/hooks")).ok();
            fs::create_dir_all(ground.place(place).join(".git/info")).unwrap();
        }
        for place in ["unborn", "born"] {
            let root = ground.place(place);
            for (name, text) in
                [("a/x", "1\n"), ("a/y", "2\n"), ("b/c/z", "3\n"), ("run.sh", "#!/bin/sh\n"), (".gitignore", "*.o\n")]
            {
                fs::create_dir_all(root.join(name).parent().unwrap()).unwrap();
                fs::write(root.join(name), text).unwrap();
            }
            fs::set_permissions(root.join("run.sh"), fs::Permissions::from_mode(0o755)).unwrap();
            symlink("a/x", root.join("link")).unwrap();
        }
        ground.git("born", &["add", "--all"], "");
        ground.git("born", &["commit", "--quiet", "-m", "ground"], "");
        fs::write(ground.place("born/kept.o"), "ignored\n").unwrap();
        ground
    }

    fn place(&self, name: &str) -> PathBuf {
        self.sandbox.base().join("work").join(name)
    }

    fn tree(&self) -> PathBuf {
        self.place("tree")
    }

    /// What git says; nothing where it fails.
    fn git(&self, place: &str, arguments: &[&str], input: &str) -> String {
        let mut command: Command = self.sandbox.program("git");
        command.current_dir(self.place(place)).args(arguments).env("GIT_OPTIONAL_LOCKS", "0");
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// The library's view of the repository, a second later than the last.
    fn workspace(&self) -> Workspace {
        let home = self.sandbox.base().join("home");
        // With a name in them nobody has to ask git for one.
        let names = [("GIT_COMMITTER_NAME", "Test Person"), ("GIT_COMMITTER_EMAIL", "person@example.org")];
        let variables = [&[("HOME", home.to_str().unwrap()), ("GIT_CONFIG_NOSYSTEM", "1")][..], &names].concat();
        let moment = self.moment.get() + 1;
        self.moment.set(moment);
        let now = jiff::Timestamp::from_second(1_795_197_600 + i64::try_from(moment).unwrap()).unwrap();
        let clock = Clock::fixed(now.to_string().parse().unwrap(), moment);
        Workspace::find(Environment::given(&self.tree(), &variables), clock).unwrap()
    }

    fn checkpoint(&self) -> Result<String, TestCaseError> {
        let touchable = |ground: &Self| (ground.files(), ground.private(), fs::read(ground.tree().join(".git/index")).ok());
        let before = touchable(self);
        let made = checkpoint::create(&self.workspace(), &checkpoint::Request::default()).map_err(failed("the checkpoint"))?;
        let after = touchable(self);
        same("the checkpoint changed files", &before.0, &after.0)?;
        same("the checkpoint changed git's own", &before.1, &after.1)?;
        prop_assert!(before.2 == after.2, "the checkpoint wrote the index");
        Ok(made.name.to_string())
    }

    /// Goes back, and says whether there was anything to do.
    fn go(&self, to: &rollback::To) -> Result<bool, TestCaseError> {
        let mode = rollback::Mode::CarryOut { agreed: None };
        let request = serde_json::from_value(serde_json::json!({ "to": to, "mode": mode })).unwrap();
        let gone = rollback::rollback(&self.workspace(), &request).map_err(failed("the rollback"))?;
        let Some(done) = gone.carried_out else { return Ok(false) };
        prop_assert!(done.held_back.is_empty(), "nothing changed meanwhile, and yet: {:?}", done.held_back);
        Ok(true)
    }

    /// Files, links and directories of the work tree.
    fn files(&self) -> BTreeMap<String, String> {
        let mut files = fingerprint(&self.tree());
        files.retain(|path, _| path != ".git" && !path.starts_with(".git/"));
        files
    }

    /// Everything below `.git` that is neither the index nor ours nor objects.
    fn private(&self) -> BTreeMap<String, String> {
        let mut files = fingerprint(&self.tree().join(".git"));
        let ours = ["objects", "autonomy", "refs/autonomy", "refs/tags"];
        files.retain(|path, _| path != "index" && !ours.iter().any(|place| Path::new(path).starts_with(place)));
        files
    }

    /// The entries of the index with their marks, as `git ls-files` shows them.
    fn index(&self) -> BTreeMap<String, String> {
        let options = gix_index::decode::Options::default();
        let file = self.tree().join(".git/index");
        let mut index: BTreeMap<String, String> = BTreeMap::new();
        if !file.exists() {
            return index;
        }
        let read = gix_index::File::at(file, gix_index::hash::Kind::Sha1, true, options).unwrap();
        for entry in read.entries() {
            let has = |flag| entry.flags.contains(flag);
            let mark = if entry.stage_raw() != 0 {
                'M'
            } else if has(Flags::SKIP_WORKTREE) {
                'S'
            } else {
                'H'
            };
            let mark = if has(Flags::ASSUME_VALID) { mark.to_ascii_lowercase() } else { mark };
            let entries = index.entry(entry.path(&read).escape_ascii().to_string()).or_default();
            entries.push_str(&format!("{mark} {:o} {} {}\n", entry.mode.bits(), entry.id, entry.stage_raw()));
        }
        index
    }

    /// The same by git's own word.
    fn index_by_git(&self) -> BTreeMap<String, String> {
        let listed = self.git("tree", &["ls-files", "--stage", "-v", "-z"], "");
        let mut index: BTreeMap<String, String> = BTreeMap::new();
        for line in listed.split_terminator('\0') {
            let (entry, path) = line.split_once('\t').unwrap();
            let entries = index.entry(path.as_bytes().escape_ascii().to_string()).or_default();
            entries.push_str(entry);
            entries.push('\n');
        }
        index
    }

    fn seen(&self, thorough: bool) -> Seen {
        let index = self.index();
        if thorough {
            assert_eq!(index, self.index_by_git());
        }
        let status = ["status", "--porcelain", "--ignored", "--untracked-files=all", "-z"];
        Seen {
            all: self.files(),
            private: self.private(),
            index,
            rules: self.rules(),
            ignorable: BTreeSet::new(),
            status: if thorough { self.git("tree", &status, "") } else { String::new() },
        }
    }

    /// The files that say what is ignored, also those that went along with a directory.
    fn rules(&self) -> Rules {
        let (root, own) = (self.tree(), Path::new(".git/info/exclude"));
        let is_ours = |entry: &walkdir::DirEntry| entry.path() != root.join(".git");
        let all = walkdir::WalkDir::new(&root).into_iter().filter_entry(is_ours).map(Result::unwrap);
        let files = all.filter(|entry| entry.file_name() == ".gitignore" && entry.file_type().is_file());
        let files = files.map(|entry| entry.path().strip_prefix(&root).unwrap().to_owned());
        let files = files.chain(root.join(own).exists().then(|| own.to_owned()));
        files.map(|file| (file.clone(), fs::read_to_string(root.join(file)).unwrap())).collect()
    }

    /// Which of the paths the rules ignore, by git's word, whatever stands there or is tracked.
    fn ignorable(&self, rules: &Rules, paths: &BTreeSet<String>) -> BTreeSet<String> {
        let mut said = self.said.borrow_mut();
        let known = said.entry(rules.clone()).or_default();
        let unknown: BTreeSet<&String> = paths.iter().filter(|path| !known.contains_key(*path)).collect();
        if !unknown.is_empty() {
            let ignored = self.ask_git_about(rules, &unknown);
            known.extend(unknown.into_iter().map(|path| (path.clone(), ignored.contains(path))));
        }
        paths.iter().filter(|path| known[*path]).cloned().collect()
    }

    fn ask_git_about(&self, rules: &Rules, paths: &BTreeSet<&String>) -> BTreeSet<String> {
        let judge = self.place("judge");
        for entry in fs::read_dir(&judge).unwrap() {
            let path = entry.unwrap().path();
            if !path.ends_with(".git") {
                take_away(&path);
            }
        }
        fs::remove_file(judge.join(".git/info/exclude")).ok();
        for (file, text) in rules {
            fs::create_dir_all(judge.join(file).parent().unwrap()).unwrap();
            fs::write(judge.join(file), text).unwrap();
        }
        let asked = paths.iter().fold(String::new(), |asked, path| asked + &unescaped(path) + "\0");
        let said = self.git("judge", &["check-ignore", "--no-index", "-z", "--stdin"], &asked);
        said.split_terminator('\0').map(|path| path.as_bytes().escape_ascii().to_string()).collect()
    }

    fn take(&self, step: &Step) {
        let root = self.tree();
        let at = |name: usize| root.join(NAMES[name]);
        let stands = |name: usize| !is_below_links(&root, NAMES[name]) && at(name).symlink_metadata().is_ok();
        match *step {
            Step::Write(name, content) => {
                self.make_way(NAMES[name]);
                fs::write(at(name), [b'0' + content, b'\n']).unwrap();
            }
            Step::Remove(name) if stands(name) => take_away(&at(name)),
            Step::Rename(from, to) if stands(from) => {
                let (one, other) = (Path::new(NAMES[from]), Path::new(NAMES[to]));
                if !one.starts_with(other) && !other.starts_with(one) {
                    self.make_way(NAMES[to]);
                    if stands(from) {
                        fs::rename(at(from), at(to)).unwrap();
                    }
                }
            }
            Step::Chmod(name, bits) if stands(name) => {
                let found = at(name).symlink_metadata().unwrap();
                if !found.is_symlink() {
                    let bits = if found.is_dir() { bits | 0o700 } else { bits };
                    fs::set_permissions(at(name), fs::Permissions::from_mode(bits)).unwrap();
                }
            }
            Step::Link(name, target) => {
                self.make_way(NAMES[name]);
                symlink(NAMES[target], at(name)).unwrap();
            }
            Step::Hollow(name) => {
                self.make_way(NAMES[name]);
                fs::create_dir(at(name)).unwrap();
            }
            Step::Stage(name) => drop(self.git("tree", &["add", "--all", "--force", "--", NAMES[name]], "")),
            Step::StageAll => drop(self.git("tree", &["add", "--all"], "")),
            Step::Unstage(name) => drop(self.git("tree", &["rm", "--quiet", "--cached", "-r", "--", NAMES[name]], "")),
            Step::StageOther(name, content) => {
                let blob = self.git("tree", &["hash-object", "-w", "--stdin"], &format!("staged {content}\n"));
                let entry = format!("100644,{},{}", blob.trim(), NAMES[name]);
                self.git("tree", &["update-index", "--add", "--replace", "--cacheinfo", &entry], "");
            }
            Step::Rules(file, rules) => {
                if !RULE_FILES[file].starts_with(".git/") {
                    self.make_way(RULE_FILES[file]);
                }
                match RULES[rules] {
                    "" => drop(fs::remove_file(root.join(RULE_FILES[file]))),
                    rules => fs::write(root.join(RULE_FILES[file]), rules).unwrap(),
                }
            }
            Step::Remove(_) | Step::Rename(..) | Step::Chmod(..) => {}
        }
    }

    /// Takes away what stands at `name` and what stands above it without being a directory, and makes the directories above.
    fn make_way(&self, name: &str) {
        let mut way = self.tree();
        let depth = Path::new(name).components().count();
        for (number, part) in Path::new(name).components().enumerate() {
            way.push(part);
            let found = way.symlink_metadata();
            if found.is_ok_and(|found| !found.is_dir() || number + 1 == depth) {
                take_away(&way);
            }
        }
        fs::create_dir_all(way.parent().unwrap()).unwrap();
    }

    /// One sequence from its beginning to its end.
    fn play(&self, sequence: &Sequence) -> Result<(), TestCaseError> {
        if self.tree().exists() {
            fs::remove_dir_all(self.tree()).unwrap();
        }
        copy(&self.place(if sequence.unborn { "unborn" } else { "born" }), &self.tree());
        let walk = |steps: &[Step]| steps.iter().for_each(|step| self.take(step));
        walk(&sequence.before);
        let mut then = self.seen(sequence.thorough);
        let mut name = self.checkpoint()?;
        if let Some(steps) = &sequence.between {
            walk(steps);
            let later = self.seen(sequence.thorough);
            let later_name = self.checkpoint()?;
            if !sequence.to_first {
                (then, name) = (later, later_name);
            }
        }
        walk(&sequence.after);
        let mut now = self.seen(sequence.thorough);
        let paths: BTreeSet<String> = then.all.keys().chain(now.all.keys()).cloned().collect();
        then.ignorable = self.ignorable(&then.rules, &paths);
        now.ignorable = self.ignorable(&now.rules, &paths);

        let went = self.go(&rollback::To::Checkpoint { name: name.clone() })?;
        let back = self.seen(sequence.thorough);
        judge(&then, &now, &back).map_err(|why| TestCaseError::fail(format!("after the rollback {why}")))?;
        if !went {
            return Ok(());
        }
        self.go(&rollback::To::Undo)?;
        let undone = self.seen(sequence.thorough);
        judge_undone(&now, &undone).map_err(|why| TestCaseError::fail(format!("after the undo {why}")))?;
        self.go(&rollback::To::Checkpoint { name })?;
        let again = self.seen(sequence.thorough);
        judge(&then, &now, &again).map_err(|why| TestCaseError::fail(format!("after the second rollback {why}")))?;
        if sequence.thorough {
            let said = self.git("tree", &["fsck", "--strict", "--no-dangling", "--no-progress"], "");
            prop_assert!(said.trim().is_empty(), "git finds fault: {said}");
        }
        Ok(())
    }
}

/// A repository as its user sees it.
#[derive(Debug)]
struct Seen {
    /// Every path of the work tree with kind, permission bits and content.
    all: BTreeMap<String, String>,
    private: BTreeMap<String, String>,
    /// Entries of the index with their marks.
    index: BTreeMap<String, String>,
    rules: Rules,
    /// What of all paths that there are now or were then the rules ignore; filled in when all are known.
    ignorable: BTreeSet<String>,
    status: String,
}

impl Seen {
    fn file(&self, path: &str) -> Option<&String> {
        self.all.get(path).filter(|what| !what.starts_with("directory"))
    }

    /// Whether a file is ignored, as git sees it: the rules say so, and it is not tracked.
    fn ignores(&self, path: &str) -> bool {
        self.ignorable.contains(path) && !self.index.contains_key(path)
    }

    /// Whether a snapshot holds the path.
    fn holds(&self, path: &str) -> bool {
        self.file(path).is_some() && !self.ignores(path)
    }

    fn ignores_anything(&self) -> bool {
        self.all.keys().any(|path| self.ignores(path))
    }
}

/// What has to come of going back from `now` to `then`, by the words of the design: what the checkpoint holds comes back, what
/// was made since goes unless rules of then or now ignore it, and what cannot be brought back by an undo stays.
fn judge(then: &Seen, now: &Seen, back: &Seen) -> Result<(), String> {
    let paths: BTreeSet<&String> = then.all.keys().chain(now.all.keys()).collect();
    let stays = |path: &str| {
        now.file(path).is_some()
            && !then.holds(path)
            && (now.ignores(path) || then.ignorable.contains(path) || now.ignorable.contains(path))
            || now.ignores(path)
    };
    let staying: BTreeSet<&str> =
        paths.iter().map(|path| path.as_str()).filter(|path| now.file(path).is_some() && stays(path)).collect();
    let inside = |one: &str, other: &str| one.strip_prefix(other).is_some_and(|rest| rest.starts_with('/'));
    let is_blocked = |path: &str| staying.iter().any(|other| inside(path, other) || inside(other, path));
    let mut kept = BTreeSet::new();
    for path in &paths {
        let path = path.as_str();
        let wanted = if staying.contains(path) {
            // Where neither snapshot holds a file, only the index has something to go back to.
            if then.holds(path) || now.holds(path) {
                kept.insert(path);
            }
            now.file(path)
        } else if then.holds(path) && now.file(path).is_none() && is_blocked(path) {
            kept.insert(path);
            None
        } else if then.holds(path) {
            then.file(path)
        } else {
            None
        };
        if wanted != back.file(path) {
            return Err(format!("`{path}` has to be {wanted:?} and is {:?}", back.file(path)));
        }
    }
    if let Some(extra) = back.all.keys().find(|path| !paths.contains(path)) {
        return Err(format!("`{extra}` is there, which never was"));
    }
    let is_plain = !then.ignores_anything() && !now.ignores_anything() && kept.is_empty();
    if is_plain {
        same("directories or files", &then.all, &back.all).map_err(|why| why.to_string())?;
    }
    for path in then.index.keys().chain(now.index.keys()) {
        // An index cannot have a file and something below it, so the entry of what stays may have to make way.
        let makes_way =
            || kept.contains(path.as_str()) && then.index.keys().any(|other| inside(other, path) || inside(path, other));
        if kept.iter().any(|other| inside(path, other) || inside(other, path)) || makes_way() {
            continue;
        }
        let wanted = if kept.contains(path.as_str()) { now.index.get(path) } else { then.index.get(path) };
        if wanted != back.index.get(path) {
            return Err(format!("the index has to have {wanted:?} at `{path}` and has {:?}", back.index.get(path)));
        }
    }
    if is_plain && then.private == now.private && then.status != back.status {
        return Err(format!("git's status is not as it was: {:?}, {:?}", then.status, back.status));
    }
    same("git's own", &now.private, &back.private).map_err(|why| why.to_string())
}

/// An undo brings back everything as it was before the rollback, but for empty directories that rules ignore.
fn judge_undone(now: &Seen, undone: &Seen) -> Result<(), String> {
    let shown = |seen: &Seen| {
        let is_ignored = |path: &str| Path::new(path).ancestors().any(|at| now.ignorable.contains(&*at.to_string_lossy()));
        let files = seen.all.iter().filter(|(path, what)| !(what.starts_with("directory") && is_ignored(path)));
        files.map(|(path, what)| (path.clone(), what.clone())).collect()
    };
    same("files", &shown(now), &shown(undone)).map_err(|why| why.to_string())?;
    same("the index", &now.index, &undone.index).map_err(|why| why.to_string())?;
    same("git's own", &now.private, &undone.private).map_err(|why| why.to_string())?;
    if now.status == undone.status { Ok(()) } else { Err(format!("git's status is {:?}, not {:?}", undone.status, now.status)) }
}

fn same(what: &str, wanted: &BTreeMap<String, String>, found: &BTreeMap<String, String>) -> Result<(), TestCaseError> {
    for path in wanted.keys().chain(found.keys()) {
        let (wanted, found) = (wanted.get(path), found.get(path));
        prop_assert!(wanted == found, "{what}: `{path}` has to be {wanted:?} and is {found:?}");
    }
    Ok(())
}

fn failed(what: &str) -> impl Fn(autonomy::host::Error) -> TestCaseError + '_ {
    move |error| TestCaseError::fail(format!("{what} failed: {error}"))
}

/// A path as it is, of one that `fingerprint` shows.
fn unescaped(path: &str) -> String {
    let odd = NAMES[NAMES.len() - 1];
    path.replace(&odd.as_bytes().escape_ascii().to_string(), odd)
}

/// Whether something above `name` is a link or no directory, so that what a look finds there is not there.
fn is_below_links(root: &Path, name: &str) -> bool {
    let above = Path::new(name).ancestors().skip(1).filter(|above| !above.as_os_str().is_empty());
    above.into_iter().any(|above| root.join(above).symlink_metadata().is_ok_and(|found| !found.is_dir()))
}

fn take_away(path: &Path) {
    if path.symlink_metadata().unwrap().is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) }.unwrap();
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        let kind = entry.file_type().unwrap();
        if kind.is_dir() {
            copy(&entry.path(), &target);
        } else if kind.is_symlink() {
            symlink(fs::read_link(entry.path()).unwrap(), target).unwrap();
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// Sequences that once went wrong.
fn known() -> Vec<Sequence> {
    let plain = |after| Sequence { unborn: false, before: Vec::new(), between: None, after, to_first: false, thorough: true };
    vec![
        // A directory that is ignored as a whole stands where the checkpoint has a link.
        plain(vec![Step::Rules(0, 5), Step::Rename(2, 5)]),
        // A directory that is ignored as a whole has nothing in it but a directory where the checkpoint has a file.
        Sequence { unborn: true, ..plain(vec![Step::Rules(0, 5), Step::Hollow(0)]) },
        // What is ignored and stays is a file where the index of then has a directory.
        Sequence {
            before: vec![Step::Link(2, 0), Step::Rules(0, 5)],
            between: Some(vec![Step::Stage(2)]),
            to_first: true,
            ..plain(Vec::new())
        },
    ]
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{variable} is no number: {text}")))
}

fn play_many(cases: u32, seed: u64) {
    let config = ProptestConfig {
        cases,
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(seed),
        max_shrink_iters: 3_000,
        ..ProptestConfig::default()
    };
    let ground = Ground::new();
    match TestRunner::new(config).run(&sequence(), |sequence| ground.play(&sequence)) {
        Ok(()) => {}
        Err(TestError::Fail(why, sequence)) => panic!("AUTONOMY_TEST_SEED={seed}: {why}\n{sequence:#?}"),
        Err(aborted) => panic!("AUTONOMY_TEST_SEED={seed}: {aborted}"),
    }
}

#[test]
fn whatever_was_changed_goes_back_and_is_there_again_after_the_undo() {
    let cases = number("AUTONOMY_TEST_SEQUENCES").map_or(SEQUENCES, |number| u32::try_from(number).unwrap());
    let seed = number("AUTONOMY_TEST_SEED").unwrap_or(1);
    let threads = u64::try_from(std::thread::available_parallelism().map_or(1, NonZero::get) * BESIDE).unwrap();
    let each = cases.div_ceil(u32::try_from(threads).unwrap());
    std::thread::scope(|scope| {
        for thread in 0..threads {
            scope.spawn(move || play_many(each, seed + thread));
        }
    });
}

#[test]
fn what_once_went_wrong_goes_there_and_back() {
    let ground = Ground::new();
    for sequence in known() {
        ground.play(&sequence).unwrap_or_else(|why| panic!("{why}\n{sequence:#?}"));
    }
}
