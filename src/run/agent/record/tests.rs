//! A recording brings about the same tree as what it was made from.

#![expect(clippy::disallowed_methods, reason = "tests touch the machine")]

use std::{
    fs,
    os::unix::fs::{PermissionsExt, symlink},
};

use proptest::prelude::*;

use super::*;
use crate::{
    host::{process::Variables, secret::Secrets},
    model::{
        change::{Mode, Side},
        id::Oid,
        recording::Recording,
    },
    run::agent::play::{Stage, play},
};

type Tree = BTreeMap<TreePath, Found>;

fn root() -> tempfile::TempDir {
    tempfile::tempdir().expect("a folder")
}

fn lay_out(root: &Path, tree: &Tree) {
    for (path, found) in tree {
        let place = path.join_to(root);
        fs::create_dir_all(place.parent().expect("is below the root")).expect("makes");
        match found {
            Found::File { bytes, executable } => {
                fs::write(&place, bytes).expect("writes");
                let mode = if *executable { 0o755 } else { 0o644 };
                fs::set_permissions(&place, fs::Permissions::from_mode(mode)).expect("sets");
            }
            Found::Link(target) => symlink(target, &place).expect("links"),
            Found::Nothing => {}
        }
    }
}

fn read_back(root: &Path, directory: &Path, tree: &mut Tree) {
    for entry in fs::read_dir(directory).expect("is there") {
        let path = entry.expect("is there").path();
        if path.is_dir() && !path.is_symlink() {
            read_back(root, &path, tree);
        } else {
            let below = path.strip_prefix(root).expect("is below").to_str().expect("is text");
            let below = TreePath::new(below).expect("is clean");
            tree.insert(below.clone(), confined::look(root, &below).expect("looks"));
        }
    }
}

fn changes(before: &Tree, after: &Tree) -> Vec<Change> {
    let side = |found: Option<&Found>| {
        found.map(|found| Side {
            mode: if matches!(found, Found::Link(_)) { Mode::Link } else { Mode::File },
            oid: Oid::new("0".repeat(40)).expect("forty digits"),
        })
    };
    let mut paths: Vec<&TreePath> = before.keys().chain(after.keys()).collect();
    paths.sort();
    paths.dedup();
    let differ = paths.into_iter().filter(|path| before.get(path) != after.get(path));
    differ.map(|path| Change { path: path.clone(), before: side(before.get(path)), after: side(after.get(path)) }).collect()
}

fn replay(root: &Path, steps: Vec<Step>) {
    let yaml = Recording { steps, ..Recording::new() }.write().expect("it can be written");
    let recording = Recording::read("r.yaml", &yaml).expect(&yaml);
    let variables = Variables::default().with("PATH", std::env::var("PATH").expect("is set"));
    let secrets = Secrets::given([]);
    let stage = Stage { directory: root, variables: &variables, own_program: Path::new("/no/autonomy"), secrets: &secrets };
    assert_eq!(play(recording.part(None, 1).expect("has steps"), &stage, &mut |_, _| Ok(())).expect(&yaml), 0);
}

fn a_tree() -> impl Strategy<Value = Tree> {
    let found = prop_oneof![
        (prop::collection::vec(any::<u8>(), 0..40), any::<bool>())
            .prop_map(|(bytes, executable)| Found::File { bytes, executable }),
        ("(?s).{0,40}", any::<bool>()).prop_map(|(text, executable)| Found::File { bytes: text.into_bytes(), executable }),
        "[a-z./]{1,8}".prop_map(|target| Found::Link(target.into())),
    ];
    // Few names, so that files, links and directories take each other's place.
    prop::collection::btree_map("[ab](/[ab]){0,2}", found, 0..5).prop_map(|tree| {
        let names: Vec<String> = tree.keys().cloned().collect();
        let clashes =
            |name: &String| names.iter().any(|other| name.strip_prefix(other.as_str()).is_some_and(|rest| rest.starts_with('/')));
        tree.into_iter()
            .filter(|(name, _)| !clashes(name))
            .map(|(name, found)| (name.parse().expect("is clean"), found))
            .collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn recorded_changes_bring_about_the_same_tree(before in a_tree(), after in a_tree()) {
        let (worked, replayed) = (root(), root());
        lay_out(worked.path(), &after);
        lay_out(replayed.path(), &before);
        let changes = changes(&before, &after);
        prop_assume!(!changes.is_empty());
        replay(replayed.path(), steps_of_changes(worked.path(), &changes).expect("can be recorded"));
        let mut got = Tree::new();
        read_back(replayed.path(), replayed.path(), &mut got);
        prop_assert_eq!(got, after);
    }
}

#[test]
fn a_clients_tool_calls_become_steps_and_refused_ones_do_not() {
    let captures: Value =
        crate::model::yaml::read("runs.yaml", include_str!("../../../../fixtures/claude/runs.yaml")).expect("reads");
    let mut recorder = Recorder::new(Path::new("/repo"));
    captures["runs"]["tools"]["lines"].as_str().expect("is text").lines().for_each(|line| recorder.overhear(line));
    let steps = recorder.finish(Exit::Code(0));
    insta::assert_snapshot!(Recording { steps: steps.clone(), ..Recording::new() }.write().expect("writes"), @r#"
    version: 1
    steps:
      - say: Reading.
      - run:
          argv:
            - bash
            - -c
            - echo from-bash
      - write:
          path: b.txt
          content: |
            new
      - patch:
          path: a.txt
          find: hello
          replace: hi
      - say: All done.
      - client: "{\"api_error_status\":null,\"is_error\":false,\"modelUsage\":{\"claude-opus-5-5\":{\"costUSD\":0.006400000000000001,\"inputTokens\":800,\"outputTokens\":160}},\"model_usage_since_last_result\":{\"claude-opus-5-5\":{\"costUSD\":0.006400000000000001,\"inputTokens\":800,\"outputTokens\":160}},\"num_turns\":8,\"result\":\"All done.\",\"subtype\":\"success\",\"terminal_reason\":\"completed\",\"type\":\"result\"}"
    "#);
    let replayed = root();
    fs::write(replayed.path().join("a.txt"), "hello\n").expect("writes");
    replay(replayed.path(), steps);
    assert_eq!(fs::read_to_string(replayed.path().join("a.txt")).expect("is there"), "hi\n");
    assert_eq!(fs::read_to_string(replayed.path().join("b.txt")).expect("is there"), "new\n");
}

#[test]
fn errors_limits_and_exit_codes_are_kept_and_places_are_not() {
    let mut recorder = Recorder::new(Path::new("/home/ada/work"));
    for line in [
        r#"{"type":"assistant","message":{"content":[{"type":"tool_use","id":"1","name":"Bash","input":{"command":"cd /home/ada/work && autonomy task list"}}]}}"#,
        r#"{"type":"user","message":{"content":[{"type":"tool_result","tool_use_id":"1","content":"x"}]}}"#,
        r#"{"type":"assistant","message":{"content":[{"type":"tool_use","id":"2","name":"Bash","input":{"command":"autonomy task done fix-it"}}]}}"#,
        r#"{"type":"user","message":{"content":[{"type":"tool_result","tool_use_id":"2","content":"x"}]}}"#,
        r#"{"type":"assistant","message":{"content":[{"type":"tool_use","id":"3","name":"Write","input":{"file_path":"/etc/passwd","content":"x"}}]}}"#,
        r#"{"type":"user","message":{"content":[{"type":"tool_result","tool_use_id":"3","content":"x"}]}}"#,
        r#"{"type":"rate_limit_event","rate_limit_info":{"status":"rejected"},"uuid":"u","session_id":"s"}"#,
        r#"{"type":"assistant","error":"rate_limit","message":{"content":[]}}"#,
        r#"{"type":"result","is_error":true,"result":"limit","session_id":"s","total_cost_usd":1}"#,
    ] {
        recorder.overhear(line);
    }
    let steps = recorder.finish(Exit::Code(1));
    insta::assert_snapshot!(Recording { steps, ..Recording::new() }.write().expect("writes"), @r#"
    version: 1
    steps:
      - run:
          argv:
            - bash
            - -c
            - cd . && autonomy task list
      - autonomy:
          - task
          - done
          - fix-it
      - client: "{\"rate_limit_info\":{\"status\":\"rejected\"},\"type\":\"rate_limit_event\"}"
      - client: "{\"error\":\"rate_limit\",\"type\":\"assistant\"}"
      - client: "{\"is_error\":true,\"result\":\"limit\",\"type\":\"result\"}"
      - exit: 1
    "#);
}
