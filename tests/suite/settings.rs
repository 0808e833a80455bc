//! Every setting has an effect that somebody would notice; where it is shown stands in one table.

use std::{collections::BTreeSet, fs, path::Path};

use autonomy::model::settings::key;
use serde_json::Value;

use crate::sandbox::Sandbox;

/// The keys, each with the file whose tests show what it does.
const SHOWN: [(&str, &str); 44] = [
    ("agents.<name>.allow", "src/run/agent/tests.rs"),
    ("agents.<name>.arguments", "src/run/agent/tests.rs"),
    ("agents.<name>.driver", "tests/suite/run.rs"),
    ("agents.<name>.model", "src/run/agent/tests.rs"),
    ("agents.<name>.program", "tests/suite/run.rs"),
    ("agents.<name>.prompt", "src/run/agent/tests.rs"),
    ("agents.<name>.time_limit", "tests/suite/run/endings.rs"),
    ("branches.protected", "tests/suite/settings.rs"),
    ("checkpoints.interval", "tests/suite/settings.rs"),
    ("checkpoints.keep_automatic", "tests/suite/time/prune.rs"),
    ("checkpoints.keep_bytes", "tests/suite/time/prune.rs"),
    ("checkpoints.keep_safety", "tests/suite/time/prune.rs"),
    ("checkpoints.tag_interval", "tests/suite/settings.rs"),
    ("checkpoints.tags_for_automatic", "tests/suite/settings.rs"),
    ("gates.<name>.command", "tests/suite/settings.rs"),
    ("gates.<name>.figure", "tests/suite/run/figures.rs"),
    ("gates.<name>.kind", "tests/suite/settings.rs"),
    ("gates.<name>.needed", "tests/suite/settings.rs"),
    ("gates.<name>.timeout", "tests/suite/settings.rs"),
    ("guard.blocked", "tests/suite/guard/machine.rs"),
    ("guard.denied", "tests/suite/guard/machine.rs"),
    ("guard.open", "tests/suite/guard/machine.rs"),
    ("guard.protected", "tests/suite/guard/machine.rs"),
    ("performance.max_concurrent_workflows", "tests/suite/run/places.rs"),
    ("rollback.automatic", "tests/suite/run/retreat.rs"),
    ("run.agent", "tests/suite/settings.rs"),
    ("run.max_cost", "tests/suite/run/budgets.rs"),
    ("run.max_hours", "tests/suite/settings.rs"),
    ("run.max_steps", "tests/suite/settings.rs"),
    ("run.max_tokens", "tests/suite/run/budgets.rs"),
    ("run.max_tries", "tests/suite/settings.rs"),
    ("run.step_timeout", "tests/suite/settings.rs"),
    ("run.steps_without_progress", "tests/suite/settings.rs"),
    ("run.uncontained", "tests/suite/run.rs"),
    ("secrets.allow", "tests/suite/secrets.rs"),
    ("session.context", "tests/suite/run/fullness.rs"),
    ("session.timeout", "tests/suite/session/mod.rs"),
    ("snapshot.max_file", "tests/suite/settings.rs"),
    ("snapshot.max_new_files", "tests/suite/settings.rs"),
    ("snapshot.most_bytes", "tests/suite/time/extent.rs"),
    ("snapshot.most_files", "tests/suite/time/extent.rs"),
    ("system.environment", "src/model/settings/resolve/tests.rs"),
    ("system.mode", "src/model/settings/resolve/tests.rs"),
    ("version", "tests/suite/bad_input.rs"),
];

#[test]
fn every_key_has_a_test() {
    let known: BTreeSet<String> = key::all().into_iter().map(|key| key.path).collect();
    let shown: BTreeSet<String> = SHOWN.iter().map(|(key, _)| (*key).to_owned()).collect();
    assert_eq!(known, shown);
    for (key, file) in SHOWN {
        let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).unwrap();
        let last = key.rsplit('.').next().unwrap();
        // The table itself is no test.
        let text = text.rsplit("];\n\n#[test]").next().unwrap().to_lowercase();
        assert!(text.contains(last), "`{file}` does not show `{key}`");
    }
}

#[test]
fn a_branch_that_is_protected_takes_no_commit() {
    let sandbox = Sandbox::new().with("AUTONOMY_BRANCHES__PROTECTED", "[\"rel*\"]");
    sandbox.git(["switch", "--quiet", "-c", "release"]);
    let head = sandbox.git(["rev-parse", "HEAD"]);
    assert!(sandbox.autonomy(["session", "start"]).ok().stderr.contains("protected"));
    assert_eq!(sandbox.git(["rev-parse", "HEAD"]), head);
}

#[test]
fn a_snapshot_leaves_out_what_is_too_large_or_too_much() {
    let left_out = |sandbox: &Sandbox| {
        let taken = sandbox.autonomy(["checkpoint", "--json"]).ok().json();
        taken["left_out"].as_array().unwrap().len()
    };
    let sandbox = Sandbox::new();
    sandbox.write("large", vec![b'x'; 2_000]);
    sandbox.write("small", "x");
    assert_eq!(left_out(&sandbox), 0);
    let sandbox = sandbox.with("AUTONOMY_SNAPSHOT__MAX_FILE", "1KB");
    assert_eq!(left_out(&sandbox), 1);
    let sandbox = sandbox.with("AUTONOMY_SNAPSHOT__MAX_FILE", "1MB").with("AUTONOMY_SNAPSHOT__MAX_NEW_FILES", "1");
    assert!(left_out(&sandbox) > 0);
}

#[test]
fn automatic_snapshots_get_tags_when_asked_for() {
    for (asked, tags) in [("false", 1), ("true", 2)] {
        let sandbox = Sandbox::new().with("AUTONOMY_CHECKPOINTS__TAGS_FOR_AUTOMATIC", asked);
        sandbox.write("file", "one\n");
        sandbox.autonomy(["checkpoint", "first"]).ok();
        sandbox.write("file", "two\n");
        // The safety snapshot before it is an automatic one.
        sandbox.autonomy(["rollback", "first", "--yes"]).ok();
        assert_eq!(sandbox.git(["tag", "--list", "checkpoint-*"]).lines().count(), tags, "{asked}");
    }
}

#[test]
fn a_session_and_a_run_are_bounded_by_the_settings() {
    let sandbox = Sandbox::new()
        .with("AUTONOMY_RUN__MAX_HOURS", "2")
        .with("AUTONOMY_RUN__MAX_STEPS", "7")
        .with("AUTONOMY_RUN__MAX_TRIES", "4")
        .with("AUTONOMY_RUN__STEPS_WITHOUT_PROGRESS", "6")
        .with("AUTONOMY_RUN__AGENT", "mine");
    sandbox.write("../home/.config/autonomy/config.toml", "[agents.mine]\ndriver = \"command\"\nprogram = \"true\"\n");
    assert!(sandbox.autonomy(["session", "start"]).ok().stderr.contains("for 2h"));
    sandbox.autonomy(["session", "end"]).ok();
    assert!(sandbox.autonomy(["session", "start", "--max-hours", "3"]).ok().stderr.contains("for 3h"), "the flag is stronger");
    sandbox.autonomy(["task", "add", "One"]).ok();
    let plan = |more: &[&str]| sandbox.autonomy([&["run", "--dry-run", "--json"], more].concat()).ok().json();
    let [plain, flagged] = [plan(&[]), plan(&["--max-hours", "1", "--max-steps", "2"])];
    let bounds = |of: &Value| ["max", "steps", "tries", "idle"].map(|key| of["plan"][key].clone());
    assert_eq!(bounds(&plain), [Value::from("2h"), 7.into(), 4.into(), 6.into()], "{plain}");
    assert_eq!(bounds(&flagged), [Value::from("1h"), 2.into(), 4.into(), 6.into()], "{flagged}");
    assert_eq!(plain["agent"], "mine");
}

#[test]
fn a_gate_is_run_as_its_settings_say() {
    let sandbox = Sandbox::new();
    let own = "[gates.slow]\ncommand = \"sleep 60\"\ntimeout = \"200ms\"\nkind = \"tests\"\n";
    sandbox.write("../home/.config/autonomy/config.toml", own);
    let ran = sandbox.autonomy(["gate", "run"]).ended(1);
    assert!(ran.to_string().contains("timed out"), "{ran}");
    let listed = sandbox.autonomy(["gate", "list", "--json"]).ok().stdout;
    assert!(listed.contains("\"tests\"") && listed.contains("sleep 60"), "{listed}");
    // A red gate keeps a session from starting, unless it is not needed.
    sandbox.autonomy(["session", "start"]).ended(1);
    sandbox.write("../home/.config/autonomy/config.toml", format!("{own}needed = false\n"));
    sandbox.autonomy(["session", "start"]).ok();
}

/// What an agent does until a snapshot holds its work; after a minute it gives up.
const UNTIL_KEPT: &str = "for turn in $(seq 600); do\n\
    for snapshot in $(git for-each-ref --format='%(refname)' refs/autonomy/auto refs/tags); do\n\
    git cat-file -e \"$snapshot:half.txt\" 2>/dev/null && exit 0\n\
    done\nsleep 0.1\ndone";

/// A run of one attempt whose agent begins its work and then does `more`, by the clock of the machine.
fn long_attempt(more: &str, settings: &[(&str, &str)]) -> Sandbox {
    let mut sandbox = Sandbox::new();
    sandbox.install("own-agent", &format!("#!/bin/sh\ncat >/dev/null\necho half >half.txt\n{more}\n"));
    let own = "[run]\nagent = \"mine\"\nuncontained = true\n[agents.mine]\ndriver = \"command\"\nprogram = \"own-agent\"\n";
    sandbox.write("../home/.config/autonomy/config.toml", own);
    for (name, value) in settings {
        sandbox = sandbox.with(name, value);
    }
    sandbox.autonomy(["task", "add", "Take long"]).ok();
    let mut command = sandbox.command(["run", "--max-steps", "1"]);
    let ended = sandbox.run(command.env_remove("AUTONOMY_CLOCK"));
    assert!(ended.code.is_some_and(|code| code != 70 && code != 2), "{ended}");
    sandbox
}

/// Why snapshots were taken, in order.
fn reasons(sandbox: &Sandbox) -> Vec<String> {
    let session = fs::read_dir(sandbox.path(".git/autonomy/sessions")).unwrap().next().unwrap().unwrap().path();
    let log = fs::read_to_string(session.join("log.yaml")).unwrap();
    let events = log.lines().map(|line| serde_json::from_str::<Value>(line.trim_start_matches("--- ")).unwrap());
    let made = events.filter(|event| event["kind"] == "checkpoint.made" && event["summary"] == "while work went on");
    made.map(|event| event["reason"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn snapshots_are_taken_while_an_agent_works() {
    let light = long_attempt(UNTIL_KEPT, &[("AUTONOMY_CHECKPOINTS__INTERVAL", "1s")]);
    let taken = reasons(&light);
    assert!(!taken.is_empty() && taken.iter().all(|reason| reason == "edge"), "{taken:?}");
    let tagged = long_attempt(UNTIL_KEPT, &[("AUTONOMY_CHECKPOINTS__TAG_INTERVAL", "1s")]);
    let taken = reasons(&tagged);
    assert!(!taken.is_empty() && taken.iter().all(|reason| reason == "tick"), "{taken:?}");
    let tags = tagged.git(["tag", "--list", "checkpoint-*", "--sort=-creatordate"]);
    let holds = |tag: &str| tagged.try_git(["show", &format!("{tag}:half.txt")]).stdout == "half\n";
    assert!(tags.lines().any(holds), "what the agent had done until then is in one: {tags}");
    assert_eq!(reasons(&long_attempt("sleep 2", &[])), Vec::<String>::new(), "not that soon when nothing is set");
}

#[test]
fn an_attempt_takes_no_longer_than_the_settings_say() {
    let begun = std::time::Instant::now();
    long_attempt("sleep 120", &[("AUTONOMY_RUN__STEP_TIMEOUT", "1s")]);
    assert!(begun.elapsed().as_secs() < 60, "it was stopped");
}
