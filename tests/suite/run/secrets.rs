//! A step that brings a secret is parked: whether in a tracked file, in a new one, or in one that says it is none.

use crate::{run::stage, sandbox::Sandbox, secrets::token};

fn parked(sandbox: &Sandbox) -> String {
    let head = sandbox.git(["rev-parse", "HEAD:file"]);
    let said = sandbox.autonomy(["run"]).ended(1);
    assert!(said.stdout.starts_with("0 done, 1 parked"), "{said}");
    assert_eq!(sandbox.git(["rev-parse", "HEAD:file"]), head);
    assert!(!sandbox.git(["log", "--all", "--branches", "-p", "refs/heads/*"]).contains(&token()), "it is on no branch");
    assert!(!said.stderr.contains(&token()), "{said}");
    said.stderr.lines().find(|line| line.starts_with("parked: ")).expect("it says so").to_owned()
}

fn writes(path: &str, content: &str) -> Sandbox {
    stage(&format!("version: 1\nsteps:\n  - write: {{ path: {path}, content: {content:?} }}\n  - say: Done.\n"), &["Connect"])
}

#[test]
fn a_tracked_file_that_gains_a_secret_parks_the_task_and_is_put_back() {
    let sandbox = writes("file", &format!("one\ntoken: {}\n", token()));
    let before = sandbox.read("file");
    let why = parked(&sandbox);
    assert!(why.contains("it adds what looks like a secret: file:2 (github, "), "{why}");
    assert_eq!(sandbox.read("file"), before);
    let shown = sandbox.autonomy(["task", "show", "Connect"]).ok().to_string();
    assert!(shown.contains("file:2") && !shown.contains(&token()), "{shown}");
}

#[test]
fn a_new_file_with_a_secret_parks_the_task_and_stays_where_it_is() {
    let sandbox = writes("keys.txt", &format!("{}\n", token()));
    let why = parked(&sandbox);
    assert!(why.contains("keys.txt (line 1 looks like a secret (github))"), "{why}");
    assert!(sandbox.read("keys.txt").contains(&token()), "nothing that no snapshot holds is taken away");
}

#[test]
fn an_agent_cannot_say_by_itself_that_a_secret_is_none() {
    let marked = writes("keys.txt", &format!("{} # autonomy:allow-secret\n", token()));
    let why = parked(&marked);
    assert!(why.contains("cannot commit: keys.txt:1 (github, ") && why.contains("looks like a secret"), "{why}");
    let recording = format!(
        "version: 1\nsteps:\n  - run: {{ shell: \"mkdir -p .claude && printf 'version = 1\\\\n[secrets]\\\\nallow = [\\\"*.txt\\\"]\\\\n' >.claude/autonomy.toml\" }}\n  \
         - write: {{ path: keys.txt, content: \"{}\" }}\n  - say: Done.\n",
        token()
    );
    let why = parked(&stage(&recording, &["Connect"]));
    assert!(why.contains("it adds what looks like a secret: keys.txt"), "{why}");
}

#[test]
fn what_was_allowed_before_the_step_is_committed() {
    let sandbox = writes("tests/keys.txt", &format!("{}\n", token()));
    sandbox.write(".claude/autonomy.toml", "version = 1\n[secrets]\nallow = [\"tests/\"]\n");
    sandbox.git(["add", ".claude/autonomy.toml"]);
    sandbox.git(["commit", "--quiet", "-m", "Allow"]);
    sandbox.autonomy(["run"]).ok();
    assert!(sandbox.git(["show", "HEAD:tests/keys.txt"]).contains(&token()));
}
