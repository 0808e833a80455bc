//! A process that dies at any fail point leaves the state before its command or after it, never between: the next command
//! finishes what was begun, quickly, and nothing that was acknowledged is lost.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::sandbox::Sandbox;

/// No lock that a dead process held may keep the next one waiting for longer.
const PATIENCE: Duration = Duration::from_secs(5);

/// A session on a work branch with a record that is committed and a task under way.
const LIVE: &[&str] = &[
    "session start --goal survive",
    "task add Published",
    "commit",
    "task add Waiting",
    "task add Started --criterion good",
    "task start Started",
    "progress add acknowledged",
    "ask Colour? --option red --option blue",
];

/// Every trial ends with it, so that pages show all that went before.
const LAST: &str = "progress add last";

/// Kills `line` at the first and the last hit of every fail point that it reaches, each time from the state that `setup`
/// made, and compares what the next command finds and makes of it.
#[track_caller]
fn survives(setup: &[&str], line: &str) {
    survives_then(setup, line, "progress add next");
}

#[track_caller]
fn survives_then(setup: &[&str], line: &str, next: &str) {
    let ground = Ground::new(setup);
    let trace = ground.sandbox.base().join("trace");
    ground.run(next, 200, &[]).ok();
    ground.run(LAST, 201, &[]).ok();
    let before = ground.view();
    ground.restore();
    let end = ground.run(line, 100, &[("AUTONOMY_FAILPOINT_TRACE", &trace.display().to_string())]);
    assert!(end.code.is_some_and(|code| code < 2), "`{line}` does not work at all: {end}");
    ground.run(next, 200, &[]).ok();
    ground.run(LAST, 201, &[]).ok();
    let after = ground.view();
    assert_ne!(before, after, "`{line}` changes something");
    let reached = reached(&trace);
    assert!(reached.contains_key("write.rename"), "`{line}` passes hardly any fail point: {reached:?}");
    for armed in reached.iter().flat_map(|(point, count)| hits(point, *count)) {
        ground.restore();
        ground.run(line, 100, &[("AUTONOMY_FAILPOINT", &armed)]).killed();
        let begun = Instant::now();
        let said = ground.run(next, 200, &[]);
        assert_eq!(said.code, Some(0), "after `{line}` died at {armed}: {said}");
        assert!(begun.elapsed() < PATIENCE, "after `{line}` died at {armed} the next command waited");
        ground.run(LAST, 201, &[]).ok();
        let view = ground.view();
        let differs = |from: &BTreeMap<String, String>| differences(from, &view);
        assert!(
            view == before || view == after,
            "after `{line}` died at {armed} the state is between.\n-- from before: {}\n-- from after: {}",
            differs(&before),
            differs(&after)
        );
        ground.sandbox.git(["fsck", "--strict", "--no-dangling"]);
    }
}

/// The same for what changes several files of the user's, each by itself: each of them is as before or as after, other
/// commands go on, and the same command again finishes it.
#[track_caller]
fn is_finished_by_itself(setup: &[&str], line: &str) {
    let ground = Ground::new(setup);
    let trace = ground.sandbox.base().join("trace");
    let before = ground.view_with_exclude();
    ground.run(line, 100, &[("AUTONOMY_FAILPOINT_TRACE", &trace.display().to_string())]).ok();
    let after = ground.view_with_exclude();
    assert_ne!(before, after, "`{line}` changes something");
    ground.run(LAST, 201, &[]).ok();
    let (end, reached) = (ground.view_with_exclude(), reached(&trace));
    let writes =
        ["write.rename", "write.remove", "write.remove_below"].iter().filter_map(|point| reached.get(*point)).sum::<u32>();
    assert!(writes > 1, "`{line}` passes hardly any fail point: {reached:?}");
    for armed in reached.iter().flat_map(|(point, count)| hits(point, *count)) {
        ground.restore();
        ground.run(line, 100, &[("AUTONOMY_FAILPOINT", &armed)]).killed();
        for (name, now) in
            ground.view_with_exclude().iter().filter(|(name, _)| name.starts_with("file ") && !name.contains(".autonomy-"))
        {
            let known = [before.get(name), after.get(name)];
            assert!(known.contains(&Some(now)), "after `{line}` died at {armed} `{name}` is between:\n{now}");
        }
        ground.run("status", 150, &[]).ok();
        ground.run(line, 200, &[]).ok();
        ground.run(LAST, 201, &[]).ok();
        let view = ground.view_with_exclude();
        assert!(view == end, "after `{line}` died at {armed} and was typed again: {}", differences(&end, &view));
    }
}

/// Every fail point that the trace names, with how often it was passed.
fn reached(trace: &Path) -> BTreeMap<String, u32> {
    let mut reached = BTreeMap::new();
    for point in fs::read_to_string(trace).unwrap_or_default().lines() {
        *reached.entry(point.to_owned()).or_default() += 1;
    }
    reached
}

/// The first and the last hit of a fail point, armed to kill; with `AUTONOMY_TEST_EVERY=1` one in the middle too.
fn hits(point: &str, count: u32) -> impl Iterator<Item = String> {
    let every = std::env::var("AUTONOMY_TEST_EVERY").is_ok_and(|every| every == "1");
    let middle = if every { count.div_ceil(2) } else { count };
    BTreeSet::from([1, middle, count]).into_iter().map(move |hit| format!("{point}:{hit}=kill"))
}

fn differences(wanted: &BTreeMap<String, String>, found: &BTreeMap<String, String>) -> String {
    let names: BTreeSet<_> = wanted.keys().chain(found.keys()).collect();
    let differing = names.into_iter().filter(|name| wanted.get(*name) != found.get(*name));
    differing
        .map(|name| format!("\n{name}:{}", lines_that_differ(wanted.get(name), found.get(name))))
        .collect::<Vec<_>>()
        .concat()
}

fn lines_that_differ(wanted: Option<&String>, found: Option<&String>) -> String {
    let [wanted, found] = [wanted, found].map(|text| text.map_or_else(Vec::new, |text| text.lines().collect::<Vec<_>>()));
    let lost = wanted.iter().filter(|line| !found.contains(line)).map(|line| format!("\n  - {line}"));
    let new = found.iter().filter(|line| !wanted.contains(line)).map(|line| format!("\n  + {line}"));
    lost.chain(new).collect()
}

/// A repository that can be put back to the state that its setup made.
struct Ground {
    sandbox: Sandbox,
}

impl Ground {
    /// `setup` are commands of ours, and of a shell behind `$ `.
    fn new(setup: &[&str]) -> Self {
        let sandbox = Sandbox::new().with("AUTONOMY_TERMINAL", "yes");
        sandbox.git(["switch", "--quiet", "-c", "work"]);
        sandbox.write("code.txt", "code\n");
        sandbox.write("docs/TODO.md", "- [ ] Oil the hinges\n- [x] Paint\n- [ ] Sweep\n");
        sandbox.commit_all("code");
        sandbox.write("untracked.txt", "of the user\n");
        let ground = Self { sandbox };
        for (line, number) in setup.iter().zip(1..) {
            match line.strip_prefix("$ ") {
                Some(script) => ground.sandbox.run(ground.sandbox.program("sh").args(["-ec", script])).ok(),
                None => ground.run(line, number, &[]).ok(),
            };
        }
        for place in ["work", "home"] {
            mirror(&ground.place(place), &ground.place("saved").join(place));
        }
        ground
    }

    fn place(&self, name: &str) -> std::path::PathBuf {
        self.sandbox.base().join(name)
    }

    /// Puts every file back. Directories that are still there stay the same: a clone knows itself by one.
    fn restore(&self) {
        for place in ["work", "home"] {
            mirror(&self.place("saved").join(place), &self.place(place));
        }
    }

    /// Runs a command at a moment and with a seed of its own, so that running it again makes the same.
    fn run(&self, line: &str, number: u64, variables: &[(&str, &str)]) -> crate::sandbox::Output {
        let mut command = self.sandbox.command(line.split(' '));
        command.env("AUTONOMY_SEED", number.to_string());
        command.env("AUTONOMY_CLOCK", format!("2026-11-20T19:{:02}:{:02}Z", number / 60, number % 60));
        command.envs(variables.iter().copied());
        self.sandbox.run(&mut command)
    }

    /// The same with git's own list of what this clone overlooks.
    fn view_with_exclude(&self) -> BTreeMap<String, String> {
        let mut view = self.view();
        let exclude = fs::read_to_string(self.sandbox.path(".git/info/exclude")).unwrap_or_default();
        view.insert("file info/exclude".into(), exclude);
        view
    }

    /// What anybody can see: events, records, pages, commits, refs, and the user's things; without times, which differ when
    /// a later command finishes the work.
    fn view(&self) -> BTreeMap<String, String> {
        let mut view = BTreeMap::new();
        let git = |arguments: &[&str]| self.sandbox.git(arguments);
        let private = self.sandbox.path(".git/autonomy");
        let mut logs = vec![("clone".to_owned(), private.join("clone/log.yaml"))];
        for entry in fs::read_dir(private.join("sessions")).into_iter().flatten().flatten() {
            logs.push((entry.file_name().to_string_lossy().into_owned(), entry.path().join("log.yaml")));
        }
        for (name, path) in logs {
            if let Ok(text) = fs::read_to_string(&path) {
                view.insert(format!("log of {name}"), facts(&text));
                let binding = fs::read_to_string(path.with_file_name("binding.yaml")).unwrap_or_default();
                view.insert(format!("binding of {name}"), binding);
            }
        }
        for session in git(&["for-each-ref", "--format=%(refname)", "refs/autonomy/session"]).lines() {
            let files = git(&["ls-tree", "-r", "--name-only", session]);
            let journals = files.lines().filter(|file| file.contains("/journal/"));
            let lines: BTreeSet<_> = journals
                .flat_map(|file| git(&["show", &format!("{session}:{file}")]).lines().map(str::to_owned).collect::<Vec<_>>())
                .map(|line| facts(&line))
                .collect();
            view.insert(format!("sealed in {session}"), lines.into_iter().collect());
        }
        for entry in walkdir::WalkDir::new(self.sandbox.work()).sort_by_file_name() {
            let entry = entry.unwrap();
            let path = entry.path().strip_prefix(self.sandbox.work()).unwrap();
            let name = path.to_string_lossy();
            // Journals are read above; the last report is saved before the session ends, and stays true when the end has to
            // be asked for again.
            let elsewhere = path.starts_with(".git") || ["/journal/", "/reports/"].iter().any(|part| name.contains(part));
            if entry.file_type().is_file() && !elsewhere {
                view.insert(format!("file {}", path.display()), without_times(&fs::read_to_string(entry.path()).unwrap()));
            }
        }
        for own in ["home/.config", "home/.local/state"] {
            for entry in walkdir::WalkDir::new(self.place(own)).sort_by_file_name() {
                let entry = entry.unwrap();
                // What a writer who died left beside its file is no file of anybody's.
                let is_left = entry.file_name().to_string_lossy().starts_with(".autonomy-");
                if entry.file_type().is_file() && !is_left {
                    let text = fs::read_to_string(entry.path()).unwrap();
                    view.insert(format!("file {}", entry.path().display()), without_times(&text));
                }
            }
        }
        view.insert("commits".into(), git(&["log", "--format=%(trailers)"]).lines().count().to_string());
        let tracked = git(&["ls-tree", "-r", "--name-only", "HEAD"]);
        view.insert("tracked".into(), tracked.lines().filter(|path| !path.contains("/journal/")).collect::<Vec<_>>().join(" "));
        let refs = git(&["for-each-ref", "--format=%(refname)"]);
        let lasting = refs.lines().filter(|name| !name.starts_with("refs/autonomy/pending/"));
        view.insert("refs".into(), lasting.collect::<Vec<_>>().join(" "));
        view.insert("status".into(), self.sandbox.status());
        view.insert("staged".into(), git(&["diff", "--cached", "--name-status"]));
        view
    }
}

/// The facts of a log's lines, without numbers, hashes and times.
fn facts(text: &str) -> String {
    let mut facts = String::new();
    for line in text.lines().filter_map(|line| line.strip_prefix("--- ")) {
        let mut event: Value = serde_json::from_str(line).unwrap();
        let fields = event.as_object_mut().unwrap();
        // The last report of a session is saved, whole, before the session ends; a second try at the end saves another.
        if fields.get("file").and_then(Value::as_str).is_some_and(|file| file.contains("/reports/")) {
            continue;
        }
        if fields.get("kind").is_some_and(|kind| kind == "record.written") {
            // The file itself is compared; it may say how long something took.
            fields.remove("bytes");
        }
        for field in ["seq", "at", "prev", "end", "actor", "intent", "commit", "outcome", "took"] {
            fields.remove(field);
        }
        facts.push_str(&event.to_string());
        facts.push('\n');
    }
    facts
}

/// The lines of a page or record that say no time of day.
fn without_times(text: &str) -> String {
    let is_timed = |line: &&str| line.contains("2026-11-20") || line.contains("sha256:") || line.contains(" min");
    text.lines().filter(|line| !is_timed(line)).collect::<Vec<_>>().join("\n")
}

/// Makes `to` the same as `from`; what is the same already is not touched.
fn mirror(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    let names =
        |directory: &Path| -> BTreeSet<_> { fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name()).collect() };
    let (wanted, there) = (names(from), names(to));
    for name in there.difference(&wanted) {
        let path = to.join(name);
        if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) }.unwrap();
    }
    for name in &wanted {
        let (source, target) = (from.join(name), to.join(name));
        if source.is_dir() {
            mirror(&source, &target);
        } else if fs::read(&target).ok() != fs::read(&source).ok() {
            // A file that only root may write is replaced, not written.
            fs::remove_file(&target).ok();
            fs::copy(&source, &target).unwrap();
        }
    }
}

#[test]
fn starting_a_session() {
    survives_then(&[], "session start --goal survive", "commit");
}

#[test]
fn pausing_and_resuming_a_session() {
    survives_then(LIVE, "session pause lunch", "session resume");
    survives(&[LIVE, &["session pause lunch"]].concat(), "session resume");
}

#[test]
fn ending_a_session() {
    survives(LIVE, "session end");
}

#[test]
fn working_memory() {
    for line in ["progress add more", "focus reading", "note remember", "note brief --preference"] {
        survives(LIVE, line);
    }
}

#[test]
fn adding_and_starting_tasks() {
    for line in ["task add Another", "task start Waiting"] {
        survives(LIVE, line);
    }
}

#[test]
fn finishing_tasks() {
    // These commit at once; where they died before that, the next commit has it.
    for line in ["task done Started", "task cancel Published"] {
        survives_then(LIVE, line, "commit");
    }
    survives(LIVE, "task fail Started --because broken");
    let setup = [LIVE, &["task add Goal --milestone --after Started"]].concat();
    survives_then(&setup, "task done Started", "commit");
    // Its checkpoint comes with it, also where it died with the event in the log and no tag.
    let ground = Ground::new(&setup);
    ground.run("task done Started", 100, &[("AUTONOMY_FAILPOINT", "snapshot.logged:1=kill")]).killed();
    assert_eq!(ground.sandbox.git(["tag", "--list"]), "");
    ground.run("commit", 200, &[]).ok();
    assert_eq!(ground.sandbox.git(["tag", "--list"]).trim(), "checkpoint-20261120_190140-goal");
}

#[test]
fn decisions_and_questions() {
    for line in ["decide Colour --option red --option blue --choose red --because warm", "ask Shape?"] {
        survives(LIVE, line);
    }
    survives_then(LIVE, "answer Colour? red", "commit");
    let decided = [LIVE, &["decide Size --choose small"]].concat();
    survives(&decided, "decision outcome Size failure");
    survives_then(&decided, "decision override Size --choose large --because needed", "commit");
}

#[test]
fn committing_the_state() {
    survives(LIVE, "commit");
}

#[test]
fn work_without_a_session() {
    survives(&[], "task add Another");
    survives(&["task add Published", "commit"], "note remember");
}

/// A gate that waits, and one that is trusted.
const GATES: &[&str] =
    &["config set gates.old.command true", "trust --yes", "config set gates.new.command true", "task add Open"];

#[test]
fn making_a_repository_ready_and_taking_it_back() {
    is_finished_by_itself(&[], "init");
    is_finished_by_itself(&["init"], "uninstall --yes");
    is_finished_by_itself(&["note remember", "init"], "uninstall --yes");
}

#[test]
fn settings_and_trust() {
    for line in ["config set run.max_steps 7", "config set --user run.max_steps 7", "trust --yes", "trust revoke old"] {
        survives(GATES, line);
    }
    survives(&[], "config set run.max_steps 7");
}

#[test]
fn conversations_of_an_agent_client() {
    survives(LIVE, "session bind 0b54e3f1-0000-4000-8000-000000000001");
}

#[test]
fn taking_tasks_up_again_and_bringing_them_in() {
    survives(&[LIVE, &["task fail Started --because broken"]].concat(), "task resume Started");
    survives_then(LIVE, "task import docs/TODO.md", "commit");
}

#[test]
fn evidence() {
    let setup = [LIVE, &["task add Tested --test true", "config set gates.one.command true", "trust --yes"]].concat();
    for line in ["task verify Tested", "gate run"] {
        survives(&setup, line);
    }
}

#[test]
fn putting_the_store_in_order() {
    let damage = "$ for record in .claude/tasks/*published*; do echo broken >\"$record\"; done";
    survives(&[LIVE, &[damage]].concat(), "verify --repair");
}

#[test]
fn a_report_is_sealed_whole_or_not_at_all() {
    let ground = Ground::new(LIVE);
    let trace = ground.sandbox.base().join("trace");
    ground.run("report", 100, &[("AUTONOMY_FAILPOINT_TRACE", &trace.display().to_string())]).ok();
    let reached = reached(&trace);
    assert!(reached.contains_key("write.rename"), "{reached:?}");
    for armed in reached.iter().flat_map(|(point, count)| hits(point, *count)) {
        ground.restore();
        ground.run("report", 100, &[("AUTONOMY_FAILPOINT", &armed)]).killed();
        ground.run("report", 200, &[]).ok();
        ground.run("commit", 201, &[]).ok();
        let sealed = ground.sandbox.git(["ls-tree", "-r", "--name-only", "HEAD"]);
        let reports: Vec<&str> = sealed.lines().filter(|path| path.contains("/reports/")).collect();
        assert!(!reports.is_empty(), "{armed}: {sealed}");
        for report in reports {
            assert!(ground.sandbox.read(report).starts_with('#'), "{armed}: `{report}` is not whole");
        }
        let verified = ground.run("verify", 202, &[]);
        assert_eq!(verified.code, Some(0), "{armed}: {verified}");
    }
}
