//! Every kind of step, played for real.

#![expect(clippy::disallowed_methods, reason = "tests touch the machine")]

use std::{fs, os::unix::fs::PermissionsExt};

use super::*;

fn played(directory: &Path, steps: &str) -> (Result<u8>, String) {
    let own_program = directory.join("autonomy");
    fs::write(&own_program, "#!/bin/sh\necho \"own: $*\"\nexit 3\n").expect("writes");
    fs::set_permissions(&own_program, fs::Permissions::from_mode(0o755)).expect("allows");
    let recording = Recording::read("r.yaml", &format!("version: 1\nsteps:\n{steps}")).expect("it is a recording");
    let variables = Variables::default().with("PATH", std::env::var("PATH").expect("is set"));
    let secrets = Secrets::given([]);
    let stage = Stage { directory, variables: &variables, own_program: &own_program, secrets: &secrets };
    let mut said = String::new();
    let code = play(&recording.steps, &stage, &mut |stream, line| {
        said.push_str(if stream == Stream::Out { "out " } else { "err " });
        said.push_str(line);
        said.push('\n');
        Ok(())
    });
    (code, said)
}

#[test]
fn every_kind_of_step_is_done_and_told_as_a_client_would() {
    let folder = tempfile::tempdir().expect("a folder");
    let root = folder.path();
    fs::write(root.join("old"), "old").expect("writes");
    let steps = r#"
  - say: Looking.
  - write: {path: src/a.txt, content: "one\ntwo\n"}
  - patch: {path: src/a.txt, find: two, replace: three}
  - write: {path: raw, hex: ff00, executable: true}
  - link: {path: l, target: src/a.txt}
  - delete: old
  - run: {argv: [sh, -c, "echo from-argv; exit 7"]}
  - run: {shell: "echo from-shell"}
  - autonomy: [task, done, x]
  - client: '{"type":"rate_limit_event"}'
  - sleep: 1ms
  - exit: 4
  - say: never
"#;
    let (code, said) = played(root, steps);
    assert_eq!(code.expect("played"), 4);
    insta::assert_snapshot!(said, @r#"
    out {"message":{"content":[{"text":"Looking.","type":"text"}]},"type":"assistant"}
    out {"message":{"content":[{"id":"step-2","input":{"content":"one\ntwo\n","file_path":"src/a.txt"},"name":"Write","type":"tool_use"}]},"type":"assistant"}
    out {"message":{"content":[{"content":"","is_error":false,"tool_use_id":"step-2","type":"tool_result"}]},"type":"user"}
    out {"message":{"content":[{"id":"step-3","input":{"file_path":"src/a.txt","new_string":"three","old_string":"two","replace_all":false},"name":"Edit","type":"tool_use"}]},"type":"assistant"}
    out {"message":{"content":[{"content":"","is_error":false,"tool_use_id":"step-3","type":"tool_result"}]},"type":"user"}
    out {"message":{"content":[{"id":"step-4","input":{"executable":true,"file_path":"raw","hex":"ff00"},"name":"Write","type":"tool_use"}]},"type":"assistant"}
    out {"message":{"content":[{"content":"","is_error":false,"tool_use_id":"step-4","type":"tool_result"}]},"type":"user"}
    out {"message":{"content":[{"id":"step-5","input":{"file_path":"l","target":"src/a.txt"},"name":"Link","type":"tool_use"}]},"type":"assistant"}
    out {"message":{"content":[{"content":"","is_error":false,"tool_use_id":"step-5","type":"tool_result"}]},"type":"user"}
    out {"message":{"content":[{"id":"step-6","input":{"file_path":"old"},"name":"Delete","type":"tool_use"}]},"type":"assistant"}
    out {"message":{"content":[{"content":"","is_error":false,"tool_use_id":"step-6","type":"tool_result"}]},"type":"user"}
    out {"message":{"content":[{"id":"step-7","input":{"command":"sh -c 'echo from-argv; exit 7'"},"name":"Bash","type":"tool_use"}]},"type":"assistant"}
    err from-argv
    err [exit code 7]
    out {"message":{"content":[{"content":"","is_error":false,"tool_use_id":"step-7","type":"tool_result"}]},"type":"user"}
    out {"message":{"content":[{"id":"step-8","input":{"command":"echo from-shell"},"name":"Bash","type":"tool_use"}]},"type":"assistant"}
    err from-shell
    err [exit code 0]
    out {"message":{"content":[{"content":"","is_error":false,"tool_use_id":"step-8","type":"tool_result"}]},"type":"user"}
    out {"message":{"content":[{"id":"step-9","input":{"command":"autonomy task done x"},"name":"Bash","type":"tool_use"}]},"type":"assistant"}
    err own: task done x
    err [exit code 3]
    out {"message":{"content":[{"content":"","is_error":false,"tool_use_id":"step-9","type":"tool_result"}]},"type":"user"}
    out {"type":"rate_limit_event"}
    "#);
    assert_eq!(fs::read_to_string(root.join("l")).expect("links"), "one\nthree\n");
    assert_eq!(fs::read(root.join("raw")).expect("is there"), [0xff, 0]);
    assert_eq!(fs::metadata(root.join("raw")).expect("is there").permissions().mode() & 0o777, 0o755);
    assert!(!root.join("old").exists());
}

#[test]
fn a_step_that_cannot_be_done_ends_the_play_with_its_reason() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("a"), "x x").expect("writes");
    for (step, why) in [
        ("patch: {path: a, find: y, replace: z}", "cannot patch `a`: the text to replace is not in it"),
        ("patch: {path: a, find: x, replace: z}", "cannot patch `a`: the text to replace is in it 2 times"),
        ("patch: {path: b, find: x, replace: z}", "cannot patch `b`: there is no such file"),
        ("run: {argv: [no-such-program]}", "cannot run `no-such-program`: no such program was found"),
    ] {
        let (code, said) = played(folder.path(), &format!("  - {step}\n  - write: {{path: after, content: x}}\n"));
        assert_eq!(code.expect_err(step).to_string(), why);
        assert!(said.contains(r#""is_error":true"#) && !folder.path().join("after").exists(), "{said}");
    }
}

#[test]
fn what_a_program_prints_is_never_taken_for_the_clients_stream() {
    let folder = tempfile::tempdir().expect("a folder");
    let (_, said) = played(folder.path(), "  - run: {shell: \"echo '{\\\"type\\\":\\\"result\\\"}'\"}\n");
    assert!(said.contains("err {\"type\":\"result\"}\n") && !said.contains("out {\"type\":\"result\"}"), "{said}");
}

#[test]
fn a_file_is_played_for_the_task_and_attempt_of_the_surroundings() {
    let folder = tempfile::tempdir().expect("a folder");
    let recording =
        "version: 1\nattempts:\n  - when: {task: fix it, attempt: 2}\n    steps: [write: {path: made, content: here}]\n";
    fs::write(folder.path().join("r.yaml"), recording).expect("writes");
    let surroundings = |attempt| {
        let given = [("AUTONOMY_TASK", "20261120_180000-fix-it-k3x9"), ("AUTONOMY_ATTEMPT", attempt)];
        Environment::given(folder.path(), &given)
    };
    let play = |attempt| play_file(Path::new("r.yaml"), &surroundings(attempt), &mut |_, _| Ok(()));
    assert!(play("1").expect_err("nothing fits").to_string().contains("holds nothing for attempt 1"));
    assert_eq!(play("2").expect("plays"), 0);
    assert_eq!(fs::read_to_string(folder.path().join("made")).expect("is there"), "here");
    let missing = play_file(Path::new("none.yaml"), &surroundings("1"), &mut |_, _| Ok(())).expect_err("is not there");
    assert_eq!(missing.to_string(), "there is no recording `none.yaml`");
}
