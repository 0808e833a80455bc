//! `autonomy watch`: waits for work that people bring by commands and by hand, and ends with a reason.

use rustix::process::Signal;

use crate::{
    run::{
        GREET, log, log_count, reason,
        signals::{Running, assert_nothing_runs, until},
        stage,
    },
    sandbox::Sandbox,
};

const WRITES: &str = "version: 1\nsteps:\n  - run: { shell: \"date +%N >>made.txt\" }\n  - say: Done.\n";

fn watching(sandbox: &Sandbox) -> Running {
    let watch = Running::start(sandbox, &["watch"]);
    until("the watch", || log_count(sandbox, "run.started") == 1);
    watch
}

fn is_committed(sandbox: &Sandbox, title: &str) -> bool {
    sandbox.git(["log", "--format=%s"]).lines().any(|line| line == title)
}

#[test]
fn tasks_that_are_added_while_it_waits_are_worked_on_until_it_is_stopped() {
    let sandbox = stage(WRITES, &[]);
    let watch = watching(&sandbox);
    for title in ["Greet", "Sing"] {
        sandbox.autonomy(["task", "add", title]).ok();
        until(title, || log(&sandbox).contains(&format!("done: {title}")));
        assert!(is_committed(&sandbox, title));
    }
    let refused = sandbox.autonomy(["run", "Dance"]).ended(4);
    assert!(refused.stderr.contains("a run is going on in this session"), "{}", refused.stderr);
    sandbox.autonomy(["stop"]).ok();
    let said = watch.end(&sandbox).ended(1);
    assert!(said.stdout.starts_with("2 done, 0 parked or waiting, 2 attempts"), "{said}");
    assert!(said.stderr.contains("waiting for a task that may be started"), "{said}");
    assert_eq!((reason(&sandbox).as_str(), log_count(&sandbox, "run.started")), ("stopped", 1));
}

#[test]
fn a_task_written_by_hand_and_a_new_line_of_an_imported_list_are_noticed() {
    let sandbox = stage(WRITES, &[]);
    sandbox.write("docs/TODO.md", "- [ ] Greet\n");
    sandbox.commit_all("list");
    sandbox.autonomy(["task", "import"]).ok();
    let watch = watching(&sandbox);
    until("the first line", || log(&sandbox).contains("done: Greet"));
    let list = sandbox.read("docs/TODO.md");
    sandbox.write("docs/TODO.md", format!("{list}- [ ] Sing\n"));
    until("the second line", || log(&sandbox).contains("done: Sing"));

    let elsewhere = stage(WRITES, &["Dance"]);
    let file = std::fs::read_dir(elsewhere.path(".claude/tasks")).unwrap().next().unwrap().unwrap();
    let name = file.file_name().to_string_lossy().replace("2026", "2027");
    sandbox.write(format!(".claude/tasks/{name}"), std::fs::read(file.path()).unwrap());
    until("the file", || log(&sandbox).contains("done: Dance"));
    watch.signal(Signal::INT);
    let said = watch.end(&sandbox).ended(1);
    assert!(said.stderr.contains("1 more tasks from `docs/TODO.md`"), "{said}");
    assert_nothing_runs(&sandbox);
}

#[test]
fn a_parked_task_that_is_resumed_and_settings_that_change_are_noticed() {
    let sandbox = stage(GREET, &["Break"]);
    let watch = watching(&sandbox);
    until("the parking", || log_count(&sandbox, "task.parked") == 1);
    let config = sandbox.base().join("home/.config/autonomy/config.toml");
    let settings = std::fs::read_to_string(&config).unwrap();
    std::fs::write(&config, format!("{settings}[gates.second]\ncommand = \"true\"\n")).unwrap();
    until("the new gate", || log(&sandbox).contains("\"gate\":\"second\""));
    std::fs::write(sandbox.base().join("recording.yaml"), WRITES.replace("date", "rm -f broken.txt; date")).unwrap();
    sandbox.autonomy(["task", "resume", "Break"]).ok();
    until("the task", || log(&sandbox).contains("done: Break"));
    watch.signal(Signal::INT);
    let said = watch.end(&sandbox).ended(1);
    assert!(said.stdout.starts_with("1 done, 1 parked or waiting, 4 attempts"), "{said}");
    assert!(log(&sandbox).contains("\"reason\":\"settings_changed\"") && reason(&sandbox) == "stopped", "{said}");
}

#[test]
fn it_is_bounded_like_any_run() {
    let sandbox = stage(WRITES, &["Greet"]);
    let mut command = sandbox.command(["watch", "--max-hours", "3s"]);
    let said = sandbox.run(command.env_remove("AUTONOMY_CLOCK")).ended(6);
    assert!(said.stdout.starts_with("1 done"), "{said}");
    assert_eq!(reason(&sandbox), "out_of_time");
    sandbox.autonomy(["task", "add", "Sing"]).ok();
    sandbox.autonomy(["task", "add", "Dance"]).ok();
    let said = sandbox.autonomy(["watch", "--max-steps", "1"]).ended(6);
    assert!(said.stdout.starts_with("1 done, 0 parked or waiting, 1 attempt in"), "{said}");
    assert_eq!(reason(&sandbox), "out_of_steps");
}

#[test]
fn what_a_person_does_while_it_waits_is_kept_in_snapshots_and_nothing_twice() {
    let sandbox = stage(WRITES, &[]).with("AUTONOMY_CHECKPOINTS__INTERVAL", "1s");
    sandbox.write("mine.txt", "a person's\n");
    let mut command = sandbox.command(["watch", "--max-hours", "6s"]);
    sandbox.run(command.env_remove("AUTONOMY_CLOCK")).ended(6);
    assert_eq!(log(&sandbox).matches("while work went on").count(), 1, "{}", log(&sandbox));
    let light = sandbox.git(["for-each-ref", "--format=%(refname)", "refs/autonomy/auto"]);
    assert_eq!(sandbox.git(["show", &format!("{}:mine.txt", light.trim())]), "a person's");
}
