//! `run --record`: what an agent did, played again, comes to the same.

use crate::{run::stage, sandbox::Sandbox};

fn files(sandbox: &Sandbox) -> String {
    sandbox.git(["ls-tree", "-r", "HEAD", "--", "old.txt", "greeting.txt", "bin", "latest", "song.txt"])
}

#[test]
fn a_recording_of_a_run_plays_to_the_same_tree_through_the_same_verdicts() {
    let recording = "version: 1
attempts:
  - when: { task: Greet, attempt: 1 }
    steps:
      - write: { path: greeting.txt, content: \"WRONG\\n\" }
      - say: Done.
  - when: { task: Greet }
    steps:
      - patch: { path: greeting.txt, find: WRONG, replace: hello }
      - write: { path: bin/greet, content: \"#!/bin/sh\\ncat greeting.txt\\n\", executable: true }
      - run: { shell: \"bin/greet >song.txt\" }
      - link: { path: latest, target: greeting.txt }
      - delete: old.txt
      - autonomy: [note, Greetings are short]
      - say: Done.
  - when: { task: Sing }
    steps:
      - run: { shell: \"printf 'la\\\\0la' >>song.txt\" }
      - say: Done.
";
    let tasks = ["Greet", "Sing"];
    let with_old = |recording: &str| {
        let sandbox = stage(recording, &tasks);
        sandbox.write("old.txt", "old\n");
        sandbox.git(["add", "old.txt"]);
        sandbox.git(["commit", "--quiet", "-m", "old"]);
        sandbox
    };
    let one = with_old(recording);
    let said = one.autonomy(["run", "--record", "../again.yaml"]).ok();
    assert!(said.stdout.starts_with("2 done, 0 parked or waiting, 3 attempts"), "{}", said.stdout);
    let made = std::fs::read_to_string(one.base().join("again.yaml")).unwrap();
    assert!(!made.contains(&*one.base().to_string_lossy()), "it knows where it was made: {made}");
    let two = with_old(&made);
    let said = two.autonomy(["run"]).ok();
    assert!(said.stdout.starts_with("2 done, 0 parked or waiting, 3 attempts"), "{}\n{made}", said.stderr);
    assert_eq!(files(&two), files(&one), "{made}");
    assert!(files(&one).contains("120000") && files(&one).contains("100755") && !files(&one).contains("old.txt"));
    assert!(two.autonomy(["context", "brief"]).ok().stdout.contains("Greetings are short"));
}

#[test]
fn a_program_that_tells_nothing_is_recorded_by_what_it_changed() {
    let script = "#!/bin/sh\ncat >/dev/null\nprintf '\\377\\000' >raw.txt\nrm -f file\nln -s raw.txt latest\n";
    let one = super::stage_program("command", script, "", &["Greet"]);
    one.autonomy(["run", "--record", "../again.yaml"]).ok();
    let two = stage(&std::fs::read_to_string(one.base().join("again.yaml")).unwrap(), &["Greet"]);
    two.autonomy(["run"]).ok();
    let files = |sandbox: &Sandbox| sandbox.git(["ls-tree", "HEAD", "--", "raw.txt", "latest", "file"]);
    assert_eq!(files(&two), files(&one));
    assert_eq!(files(&one).lines().count(), 2);
}
