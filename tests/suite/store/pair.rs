//! The same repository twice: one with a live session, one in which autonomy was never used.
//!
//! Every git command of a story runs in both. It has to end the same way and leave the same files of the user's, which is
//! what "as if autonomy were not there" means. What autonomy itself has to know is judged beside it.

use std::{collections::BTreeMap, fs};

use autonomy::{
    host::store::{
        layout::{self, Private},
        ledger::{self, Target},
        overview::Overview,
        record,
    },
    model::id::SessionId,
};
use serde_json::Value;

use crate::{
    sandbox::{Output, Sandbox, fingerprint},
    store::{commit, task, workspace, write_record},
};

/// A repository with a live session, and its control copy without one.
pub(super) struct Pair {
    pub(super) ours: Sandbox,
    control: Sandbox,
    acknowledged: Vec<String>,
    in_force: Vec<String>,
    /// What the commands of ours said besides their outcome, under the git command before them.
    pub(super) said: Vec<String>,
    last: String,
    /// Whether the copies stand at different commits, as in the middle of a bisection.
    counting: bool,
}

impl Pair {
    /// Two repositories with a remote, `main` one commit ahead of nothing, and two more branches that go other ways.
    pub(super) fn new() -> Self {
        let (ours, control) = (Sandbox::bare_ground(), Sandbox::bare_ground());
        for sandbox in [&ours, &control] {
            sandbox.git(["init", "--quiet"]);
            for (name, count) in [("code.txt", 9), ("other.txt", 3), ("third.txt", 3)] {
                let lines: String = (1..=count).map(|line| format!("{name} line {line}\n")).collect::<Vec<_>>().concat();
                sandbox.write(name, lines);
            }
            sandbox.write(".gitignore", "*.log\n");
            sandbox.commit_all("the first commit");
            sandbox.git(["branch", "before-init"]);
            sandbox.write("third.txt", "third, second state\n");
            sandbox.commit_all("the second commit");
            sandbox.git(["clone", "--quiet", "--bare", ".", "../remote.git"]);
            sandbox.git(["remote", "add", "origin", "../remote.git"]);
            sandbox.git(["fetch", "--quiet"]);
            sandbox.git(["remote", "set-head", "origin", "main"]);
            sandbox.git(["branch", "--quiet", "--set-upstream-to", "origin/main", "main"]);
            sandbox.git(["clone", "--quiet", "../remote.git", "../mate"]);
            sandbox.git(["switch", "--quiet", "-c", "side"]);
            sandbox.write("other.txt", "other, on the side\n");
            sandbox.commit_all("a side step");
            sandbox.git(["switch", "--quiet", "main"]);
        }
        let nothing = (Vec::new(), Vec::new(), Vec::new());
        Self {
            ours,
            control,
            acknowledged: nothing.0,
            in_force: nothing.1,
            said: nothing.2,
            last: "the start".into(),
            counting: false,
        }
    }

    /// Starts the session.
    pub(super) fn start(&self) {
        self.ours.autonomy(["session", "start", "--goal", "live through it"]).ok();
    }

    /// `init`, committed on `main`; in the control copy an empty commit stands for it.
    pub(super) fn init_committed_by_the_user(&self) {
        self.ours.autonomy(["init"]).ok();
        self.ours.commit_all("made ready for autonomy");
        self.control.commit_all("made ready for autonomy");
    }

    /// Runs git in both copies; it has to end in the same way and leave the user's files alike.
    #[track_caller]
    pub(super) fn git(&mut self, line: &str) {
        let (with, without) = self.in_both(line);
        self.counting = false;
        let (there, wanted) = (user_files(&self.ours), user_files(&self.control));
        assert_eq!(there, wanted, "`git {line}` left other files\n-- with autonomy: {with}\n-- without: {without}");
        self.assert_alike();
    }

    /// Runs git in both copies where it goes by the number of commits, of which ours add some: it has to end in the same way.
    #[track_caller]
    pub(super) fn git_counting_commits(&mut self, line: &str) {
        drop(self.in_both(line));
        self.counting = true;
    }

    #[track_caller]
    fn in_both(&mut self, line: &str) -> (Output, Output) {
        let arguments: Vec<&str> = line.split(' ').collect();
        let (with, without) = (self.ours.try_git(&arguments), self.control.try_git(&arguments));
        assert_eq!(with.code, without.code, "`git {line}`\n-- with autonomy: {with}\n-- without: {without}");
        self.last = format!("git {line}");
        (with, without)
    }

    /// What the user does by hand, in both copies.
    pub(super) fn user(&mut self, what: impl Fn(&Sandbox)) {
        what(&self.ours);
        what(&self.control);
    }

    /// The user commits one file in both copies.
    pub(super) fn user_commits(&mut self, path: &str, content: &str) {
        self.user(|sandbox| {
            sandbox.write(path, content);
            sandbox.git(["add", path]);
            sandbox.git(["commit", "--quiet", "-m", &format!("the user changes {path}")]);
        });
    }

    /// A colleague pushes a commit to the remote's `main`.
    pub(super) fn colleague_pushes(&mut self, path: &str, content: &str) {
        self.user(|sandbox| {
            sandbox.git(["-C", "../mate", "pull", "--quiet"]);
            sandbox.write(format!("../mate/{path}"), content);
            sandbox.git(["-C", "../mate", "add", path]);
            sandbox.git(["-C", "../mate", "commit", "--quiet", "-m", &format!("a colleague changes {path}")]);
            sandbox.git(["-C", "../mate", "push", "--quiet"]);
        });
    }

    /// What the user does to our files, which the control copy has not.
    pub(super) fn ours(&mut self, what: &str, act: impl Fn(&Sandbox)) {
        act(&self.ours);
        self.last = what.into();
    }

    /// A command of ours: notes progress, and has to leave everything as the user left it but for new records.
    #[track_caller]
    pub(super) fn next_command(&mut self) {
        let before = self.ours.status();
        let belongings = self.ours.belongings();
        let text = format!("after `{}` ({})", self.last, self.acknowledged.len());
        let said = note(&self.ours, &text);
        self.acknowledged.push(text);
        for line in said {
            self.said.push(format!("{}: {line}", self.last));
        }
        self.assert_only_records_are_new(&before);
        self.ours.belongings().assert_same(&belongings, &[]);
        self.assert_remembered();
        self.assert_alike();
    }

    /// A command of ours that makes a task, which is a new file that git does not know.
    #[track_caller]
    pub(super) fn add_task(&mut self, name: &str) {
        let before = self.ours.status();
        write_record(&self.ours, &path_of(name), &task(name, "open"));
        self.in_force.push(name.to_owned());
        self.assert_only_records_are_new(&before);
        self.assert_remembered();
    }

    /// `autonomy commit`; whether a commit came of it is the caller's to judge.
    pub(super) fn commit(&mut self) -> autonomy::ops::session::commit::Outcome {
        let before = self.ours.status();
        let outcome = commit(&self.ours);
        self.last = "autonomy commit".into();
        let (after, before) = (self.ours.status(), before.lines().collect::<Vec<_>>());
        let new: Vec<_> = after.lines().filter(|line| !before.contains(line)).collect();
        assert!(new.is_empty(), "a commit of ours left {new:?}");
        self.assert_alike();
        outcome
    }

    /// From now on this task is not asked for any more.
    pub(super) fn task_is_gone(&mut self, name: &str) {
        self.in_force.retain(|known| known != name);
    }

    /// The tasks that hold now, by their paths.
    pub(super) fn tasks(&self) -> Vec<String> {
        let workspace = workspace(&self.ours);
        let overview = Overview::read(&workspace).unwrap();
        record::list(&workspace, &overview, ".claude/tasks").unwrap().into_iter().map(|stored| stored.path).collect()
    }

    #[track_caller]
    fn assert_alike(&self) {
        if self.counting {
            return;
        }
        let (with, without) = (user_files(&self.ours), user_files(&self.control));
        assert_eq!(with, without, "the user's files differ from those of the control copy after `{}`", self.last);
        let (with, without) = (user_status(&self.ours), user_status(&self.control));
        assert_eq!(with, without, "`git status` differs from that of the control copy after `{}`", self.last);
    }

    #[track_caller]
    fn assert_only_records_are_new(&self, before: &str) {
        let after = self.ours.status();
        let lost: Vec<_> = before.lines().filter(|line| !after.lines().any(|there| there == *line)).collect();
        let new: Vec<_> = after.lines().filter(|line| !before.lines().any(|there| there == *line)).collect();
        let records = new.iter().all(|line| line.starts_with("?? .claude/") && !line.contains("/sessions/"));
        assert!(lost.is_empty() && records, "git status changed after `{}`:\n-- before\n{before}\n-- after\n{after}", self.last);
    }

    /// Every acknowledged event is in the log, once and in order; every task is in force.
    #[track_caller]
    fn assert_remembered(&self) {
        let noted = texts(&events(&self.ours, &self.session()));
        assert_eq!(noted, self.acknowledged, "after `{}`", self.last);
        let tasks = self.tasks();
        for name in &self.in_force {
            assert!(tasks.contains(&path_of(name)), "`{name}` is forgotten after `{}`: {tasks:?}", self.last);
        }
    }

    fn session(&self) -> SessionId {
        workspace(&self.ours).belongs_to().unwrap().expect("a session is live")
    }

    /// Ends the session. Its log was a chain without a gap, and what is sealed has every acknowledged event.
    #[track_caller]
    pub(super) fn end(&mut self) {
        let session = self.session();
        let numbers: Vec<u64> = events(&self.ours, &session).iter().map(|event| event["seq"].as_u64().unwrap()).collect();
        assert_eq!(numbers, (1..=numbers.len() as u64).collect::<Vec<_>>());
        ledger::read(&workspace(&self.ours), &Target::Session(session.clone())).unwrap().expect("every hash fits");
        self.last = "autonomy session end".into();
        self.ours.autonomy(["session", "end"]).ok();
        assert_eq!(self.ours.status().lines().filter(|line| !line.starts_with("?? ")).collect::<Vec<_>>(), Vec::<&str>::new());
        assert_eq!(sealed_progress(&self.ours, &session), self.acknowledged);
        self.assert_alike();
        self.ours.git(["fsck", "--strict", "--no-dangling"]);
    }
}

/// The texts of all progress in what an ended session's ref holds; equal events in several journals are one.
fn sealed_progress(sandbox: &Sandbox, session: &SessionId) -> Vec<String> {
    let name = format!("refs/autonomy/session/{session}");
    let files = sandbox.git(["ls-tree", "-r", "--name-only", &name]);
    let mut events = BTreeMap::new();
    for file in files.lines().filter(|file| file.contains("/journal/")) {
        for line in sandbox.git(["show", &format!("{name}:{file}")]).lines().filter_map(|line| line.strip_prefix("--- ")) {
            let event: Value = serde_json::from_str(line).unwrap();
            events.insert(event["seq"].as_u64().unwrap(), event);
        }
    }
    texts(events.values())
}

pub(super) fn texts<'a>(events: impl IntoIterator<Item = &'a Value>) -> Vec<String> {
    let added = events.into_iter().filter(|event| event["kind"] == "progress.added");
    added.map(|event| event["text"].as_str().unwrap().to_owned()).collect()
}

/// A command of ours: notes progress, and gives what it said besides.
fn note(sandbox: &Sandbox, text: &str) -> Vec<String> {
    let said = sandbox.autonomy(["progress", "add", text]).ok();
    said.stderr.lines().filter(|line| !line.starts_with("Noted")).map(str::to_owned).collect()
}

pub(super) fn path_of(name: &str) -> String {
    format!(".claude/tasks/{name}.md")
}

/// Everything outside `.git/` and `.claude/`.
fn user_files(sandbox: &Sandbox) -> BTreeMap<String, String> {
    let mut files = fingerprint(sandbox.work());
    files.retain(|path, _| ![".git", ".claude"].iter().any(|top| path == top || path.starts_with(&format!("{top}/"))));
    for (path, what) in &mut files {
        if let Ok(text) = fs::read_to_string(sandbox.path(path))
            && text.contains("\n>>>>>>> ")
        {
            // Behind the marks of a conflict git names commits, whose ids differ.
            *what = text.lines().map(|line| if line.starts_with(">>>>>>> ") { ">>>>>>>" } else { line }).collect();
        }
    }
    files
}

fn user_status(sandbox: &Sandbox) -> String {
    let listed = ["status", "--porcelain", "--branch", "--untracked-files=all", "--", ".", ":(exclude,top).claude"];
    let status = sandbox.git(listed);
    // How many commits ahead a branch is differs by our own.
    status.lines().filter(|line| !line.starts_with("## ")).collect::<Vec<_>>().join("\n")
}

/// The events of a live session's log, read as the lines that they are.
pub(super) fn events(sandbox: &Sandbox, session: &SessionId) -> Vec<Value> {
    let log = layout::log(&Private::of(&sandbox.path(".git")).session(session));
    let text = fs::read_to_string(log).expect("the log is there");
    text.lines().map(|line| serde_json::from_str(line.strip_prefix("--- ").unwrap()).unwrap()).collect()
}
