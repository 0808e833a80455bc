//! A checkpoint, a rollback and an undo that die or fail at any call that changes a file, as `strace` makes them: afterwards
//! everything is as before or as after, the next command goes on at once, and nothing of the user's is lost.
//!
//! Between two such calls the disk is the same, so a death there is a death at the next one. Every fifteenth is tried, or every
//! `AUTONOMY_TEST_EVERY`th. Without `strace` nothing is tried, loudly.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::PathBuf,
    process::Command,
    time::{Duration, Instant},
};

use crate::sandbox::{Belongings, Output, Sandbox, skipped};

/// Calls that change a file, a directory or a lock, or make sure that a change lasts.
const CALLS: &str = "openat,open,creat,write,pwrite64,writev,pwritev,fsync,fdatasync,syncfs,sync_file_range,rename,renameat,\
    renameat2,link,linkat,symlink,symlinkat,unlink,unlinkat,mkdir,mkdirat,rmdir,chmod,fchmod,fchmodat,ftruncate,truncate,\
    fallocate,copy_file_range,sendfile,utimensat,flock";

/// Opening changes something only when it makes a file; what only reads is not died at.
const OPENING: [&str; 3] = ["openat", "open", "creat"];

/// How long the next command may take, whatever the one that died left behind.
const PATIENCE: Duration = Duration::from_secs(5);

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Verb {
    Checkpoint,
    Rollback,
    Undo,
}

pub(super) const VERBS: [Verb; 3] = [Verb::Checkpoint, Verb::Rollback, Verb::Undo];

impl Verb {
    pub(super) fn line(self) -> &'static [&'static str] {
        match self {
            Self::Checkpoint => &["checkpoint", "second"],
            Self::Rollback => &["rollback", "start", "--yes"],
            Self::Undo => &["rollback", "--undo", "--yes"],
        }
    }

    /// What takes it back.
    fn back(self) -> &'static [&'static str] {
        match self {
            Self::Checkpoint | Self::Rollback => &["rollback", "--undo", "--yes"],
            Self::Undo => &["rollback", "--redo", "--yes"],
        }
    }

    /// A repository in which the verb has something of every kind to do.
    pub(super) fn ground(self) -> Sandbox {
        let sandbox = Sandbox::new();
        for name in ["a/x", "a/y", "b/z"] {
            sandbox.write(name, "1\n");
        }
        std::os::unix::fs::symlink("a/x", sandbox.path("link")).unwrap();
        sandbox.commit_all("ground");
        sandbox.autonomy(["checkpoint", "start"]).ok();
        sandbox.write("a/x", "2\n");
        sandbox.git(["add", "a/x"]);
        fs::remove_dir_all(sandbox.path("b")).unwrap();
        fs::remove_file(sandbox.path("link")).unwrap();
        sandbox.write("b", "a file\n");
        sandbox.write("new/deep", "1\n");
        if let Self::Undo = self {
            sandbox.autonomy(Self::Rollback.line()).ok();
        }
        sandbox
    }

    /// How the ground is once the verb has been carried out.
    fn after(self) -> Belongings {
        let sandbox = self.ground();
        sandbox.autonomy(self.line()).ok();
        sandbox.belongings()
    }
}

/// The verb under `strace`, which does `what` to its calls.
fn under(sandbox: &Sandbox, verb: Verb, what: &[&str]) -> Output {
    let mut command = sandbox.program("strace");
    command.args(["-f", "-qqq", "--seccomp-bpf", "-o", "/dev/null"]).args(what).arg(env!("CARGO_BIN_EXE_autonomy"));
    sandbox.run(command.args(verb.line()).env("RAYON_NUM_THREADS", "1"))
}

/// Every call of the verb that changes something: its name, and which of the calls of that name of one thread it is.
fn calls(verb: Verb) -> BTreeSet<(String, u32)> {
    let sandbox = verb.ground();
    let trace = sandbox.base().join("trace");
    under(&sandbox, verb, &["-o", trace.to_str().unwrap(), "-e", &format!("trace={CALLS}")]).ok();
    let mut counts: BTreeMap<(&str, &str), u32> = BTreeMap::new();
    let mut calls = BTreeSet::new();
    let text = fs::read_to_string(trace).unwrap();
    for line in text.lines() {
        let Some((thread, rest)) = line.split_once(' ') else { continue };
        let Some((name, arguments)) = rest.trim_start().split_once('(') else { continue };
        // The end of a call that another thread's came between; and what is printed, which is no file.
        if name.starts_with('<') {
            continue;
        }
        let prints = name == "write" && (arguments.starts_with("1,") || arguments.starts_with("2,"));
        let count = counts.entry((thread, name)).or_default();
        *count += 1;
        if !prints && !OPENING.contains(&name) || arguments.contains("O_CREAT") || arguments.contains("O_TRUNC") {
            calls.insert((name.to_owned(), *count));
        }
    }
    calls
}

/// Whether `strace` works here; where it does not, `what` is skipped loudly.
pub(super) fn can_trace(what: &str) -> bool {
    let tried = Command::new("strace").args(["-f", "--seccomp-bpf", "-o", "/dev/null", "true"]).output();
    let works = tried.is_ok_and(|output| output.status.success());
    if !works {
        skipped(what, "strace is missing or may not trace");
    }
    works
}

/// What happens to a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Harm {
    Death,
    Error(&'static str),
}

const HARMS: [Harm; 4] = [Harm::Death, Harm::Error("ENOSPC"), Harm::Error("EIO"), Harm::Error("EACCES")];

/// Every harm to every call of every verb, or every so manieth.
fn harms() -> Vec<(Verb, Harm, String, u32)> {
    let every = std::env::var("AUTONOMY_TEST_EVERY").map_or(15, |text| text.parse().expect("AUTONOMY_TEST_EVERY is a number"));
    let mut all = Vec::new();
    for verb in VERBS {
        let calls = calls(verb);
        assert!(calls.len() > 20, "{verb:?} makes hardly any call: {calls:?}");
        for harm in HARMS {
            all.extend(calls.iter().map(|(name, number)| (verb, harm, name.clone(), *number)));
        }
    }
    let sampled = all.iter().step_by(every).cloned();
    // Seldom called, so that a sample would seldom meet it.
    let modes = all.iter().filter(|(_, _, name, _)| name.contains("chmod")).cloned();
    sampled.chain(modes).collect::<BTreeSet<_>>().into_iter().collect()
}

/// Locks that are left in git's own directories; those of our own refs hinder nobody but us.
fn locks(sandbox: &Sandbox) -> Vec<PathBuf> {
    let files = walkdir::WalkDir::new(sandbox.path(".git")).into_iter().map(|entry| entry.unwrap().into_path());
    let is_ours = |path: &PathBuf| path.components().any(|part| part.as_os_str() == "refs");
    files.filter(|path| path.extension().is_some_and(|end| end == "lock") && !is_ours(path)).collect()
}

#[test]
fn whatever_call_dies_or_fails_it_is_as_before_or_as_after_and_the_next_command_goes_on() {
    if !can_trace("death and failure at calls to the file system") {
        return;
    }
    let after: BTreeMap<&str, Belongings> =
        VERBS.into_iter().filter(|verb| *verb != Verb::Checkpoint).map(|verb| (verb.line()[1], verb.after())).collect();
    let harms = harms();
    let count = harms.len();
    let found: Vec<String> = harms
        .into_iter()
        .filter_map(|(verb, harm, name, number)| {
            let at = format!("{verb:?}, {harm:?} at {name} number {number}");
            let judged = std::panic::catch_unwind(|| survives(verb, harm, &name, number, after.get(verb.line()[1])));
            let why = judged.err()?;
            let words = why.downcast_ref::<String>().map_or("", String::as_str);
            Some(format!("{at}: {words}"))
        })
        .collect();
    assert!(found.is_empty(), "{} of {count} were not survived:\n{}", found.len(), found.join("\n\n"));
}

/// Does the verb, with harm at one call, and then what a user would do next.
fn survives(verb: Verb, harm: Harm, name: &str, number: u32, after: Option<&Belongings>) {
    let sandbox = verb.ground();
    let before = sandbox.belongings();
    let harming = match harm {
        Harm::Death => "signal=KILL".to_owned(),
        Harm::Error(error) => format!("error={error}"),
    };
    let output =
        under(&sandbox, verb, &["-e", &format!("trace={name}"), "-e", &format!("inject={name}:{harming}:when={number}")]);
    let names_what_stays = output.stderr.contains("Kept ");
    match (harm, output.code) {
        // Threads share the calls between them as they come, so a number may not be reached.
        (Harm::Death, Some(0)) => {}
        (Harm::Death, code) => assert_eq!((code, output.signal), (None, Some(9)), "{output}"),
        (Harm::Error(_), Some(0)) => {
            let is_promise = ["fsync", "fdatasync", "syncfs"].contains(&name);
            assert!(!is_promise, "what could not be synced was acknowledged: {output}");
        }
        (Harm::Error(_), Some(_)) => {
            let says = output.stderr.contains("error: ") && (output.stderr.contains('/') || output.stderr.contains('`'));
            // What could not be written may be the words themselves.
            assert!(says || names_what_stays || name == "write", "{output}");
        }
        (Harm::Error(_), None) => panic!("{output}"),
    }
    let begun = Instant::now();
    sandbox.autonomy(["checkpoint", "next"]).ok();
    assert!(begun.elapsed() < PATIENCE, "the next command took {:?}", begun.elapsed());
    assert_eq!(locks(&sandbox), Vec::<PathBuf>::new());
    let tags = sandbox.git(["tag", "--list", "checkpoint-*"]);
    for tag in tags.lines() {
        sandbox.autonomy(["checkpoint", "show", tag]).ok();
    }
    let now = sandbox.belongings();
    if now != before {
        let expected = after.unwrap_or_else(|| panic!("a checkpoint changed something"));
        if !names_what_stays {
            now.assert_same(expected, &[]);
        }
        sandbox.autonomy(verb.back()).ok();
        sandbox.belongings().assert_same(&before, &[]);
    } else if output.code == Some(0) && verb != Verb::Checkpoint {
        panic!("nothing was done, and yet: {output}");
    }
    assert_eq!(sandbox.git(["for-each-ref", "refs/autonomy/pending"]), "");
    sandbox.git(["fsck", "--strict", "--no-dangling"]);
}

#[test]
fn a_file_that_may_not_grow_any_further_is_an_error_and_the_next_command_goes_on() {
    for verb in VERBS {
        for blocks in [0, 1, 4] {
            let sandbox = verb.ground();
            let before = sandbox.belongings();
            // The signal is ignored, so that a write is cut short and the next one fails.
            let script = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$@\"");
            let mut command = sandbox.program("sh");
            command.args(["-c", &script, "sh", env!("CARGO_BIN_EXE_autonomy")]).args(verb.line());
            let output = sandbox.run(&mut command);
            assert!(output.code != Some(0) || blocks > 0, "{verb:?} in {blocks} blocks: {output}");
            assert!(output.code == Some(0) || output.stderr.contains("error: "), "{verb:?} in {blocks} blocks: {output}");
            sandbox.autonomy(["checkpoint", "next"]).ok();
            if sandbox.belongings() != before {
                sandbox.belongings().assert_same(&verb.after(), &[]);
            }
            sandbox.git(["fsck", "--strict", "--no-dangling"]);
        }
    }
}
