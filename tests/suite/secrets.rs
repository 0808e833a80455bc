//! Secrets as a user sees them: left out of checkpoints, named and never deleted, marked in tracked files, refused in commits.

use crate::sandbox::Sandbox;

/// Made up at run time, so that no scanner takes this file for a leak.
pub(crate) fn token() -> String {
    ["ghp", "_", "q7Zk2mX9pLw4tRb8sVn3cJd6fHg1yTa5uEo0"].concat()
}

fn key() -> String {
    let body = "MIIEpAIBAAKCAQEA7bq93kLsQ0vXw1Zy\n".repeat(6);
    format!("-----BEGIN RSA {0} KEY-----\n{body}-----END RSA {0} KEY-----\n", "PRIVATE")
}

fn held(sandbox: &Sandbox) -> Vec<String> {
    let tag = sandbox.git(["tag", "--list", "checkpoint-*", "--sort=-creatordate"]);
    let tag = tag.lines().next().expect("there is a checkpoint");
    sandbox.git(["ls-tree", "-r", "--name-only", tag]).lines().map(str::to_owned).collect()
}

/// Whether any object of the repository holds `text`.
fn is_stored(sandbox: &Sandbox, text: &str) -> bool {
    let all = sandbox.git(["cat-file", "--batch-all-objects", "--batch-check=%(objecttype) %(objectname)"]);
    all.lines().any(|line| {
        let (kind, id) = line.split_once(' ').expect("a kind and an id");
        kind != "tree" && sandbox.git(["cat-file", "-p", id]).contains(text)
    })
}

#[test]
fn untracked_files_with_secrets_are_left_out_and_named_and_a_rollback_leaves_them_alone() {
    let sandbox = Sandbox::new();
    sandbox.write(".env", "NAME=value\n");
    sandbox.write(".env.example", "NAME=\n");
    sandbox.write("deploy/id_ed25519", "whatever\n");
    sandbox.write("notes.txt", format!("one\n\nlogin with {}\n", token()));
    sandbox.write("server.pem", key());
    sandbox.write("plain.txt", "nothing of the kind\n");
    let before = sandbox.belongings();
    let said = sandbox.autonomy(["checkpoint", "here"]).ok();
    insta::assert_snapshot!(said.stderr.lines().filter(|line| line.starts_with("Left out")).collect::<Vec<_>>().join("\n"), @"
    Left out .env: its name says that it is kept for secrets
    Left out deploy/id_ed25519: its name says that it is kept for secrets
    Left out notes.txt: line 3 looks like a secret (github)
    Left out server.pem: line 1 looks like a secret (private-key)
    ");
    assert_eq!(held(&sandbox), [".env.example", "file", "plain.txt"]);
    assert!(!is_stored(&sandbox, &token()) && !is_stored(&sandbox, "BEGIN RSA"), "it is in no object either");
    assert_eq!(sandbox.belongings(), before);
    let shown = sandbox.autonomy(["checkpoint", "show", "here", "--json"]).ok().stdout;
    assert!(shown.contains("\"why\":\"secret\"") || shown.contains("\"why\": \"secret\""), "{shown}");
    assert!(!shown.contains(&token()), "the value is told nowhere");

    sandbox.write("later.env", "B=2\n");
    sandbox.write("plain.txt", "changed\n");
    sandbox.autonomy(["rollback", "here", "--yes"]).ok();
    assert_eq!(sandbox.read("plain.txt"), "nothing of the kind\n");
    assert_eq!((sandbox.read(".env").as_str(), sandbox.read("later.env").as_str()), ("NAME=value\n", "B=2\n"));
    assert!(sandbox.read("notes.txt").contains(&token()) && sandbox.read("server.pem") == key());
}

#[test]
fn a_checkpoint_takes_secrets_in_when_it_is_told_to_and_never_goes_back_over_a_newer_one() {
    let sandbox = Sandbox::new();
    sandbox.write(".env", "A=1\n");
    sandbox.write("notes.txt", format!("login with {}\n", token()));
    let said = sandbox.autonomy(["checkpoint", "all", "--include-secrets"]).ok().stderr;
    assert!(said.contains("Holds what looks like a secret: notes.txt:1 (github, "), "{said}");
    assert_eq!(held(&sandbox), [".env", "file", "notes.txt"]);
    sandbox.write(".env", "A=2\n");
    let plan = sandbox.autonomy(["rollback", "all", "--yes"]).ok().to_string();
    assert_eq!(sandbox.read(".env"), "A=2\n", "no safety snapshot would hold it: {plan}");
    let said = sandbox.autonomy(["checkpoint", "next"]).ok().stderr;
    assert!(
        said.contains("Left out .env") && said.contains("Left out notes.txt"),
        "what was taken in once is left out again: {said}"
    );
}

#[test]
fn a_secret_that_a_tracked_file_gains_marks_every_checkpoint_until_it_is_gone() {
    let sandbox = Sandbox::new();
    sandbox.write("old.txt", format!("known {}\n", token().replace('q', "r")));
    sandbox.write("config.py", "a = 1\n");
    sandbox.commit_all("Old");
    sandbox.write("old.txt", format!("known {}\nmore\n", token().replace('q', "r")));
    sandbox.write("config.py", format!("a = 1\nb = '{}'\n", token()));
    for name in ["first", "second"] {
        let said = sandbox.autonomy(["checkpoint", name]).ok().stderr;
        let marks: Vec<&str> = said.lines().filter(|line| line.starts_with("Holds what looks")).collect();
        assert!(marks.len() == 1 && marks[0].contains("config.py:2 (github, "), "{said}");
    }
    sandbox.git(["add", "config.py"]);
    let said = sandbox.autonomy(["checkpoint", "staged"]).ok().stderr;
    assert!(said.contains("Holds what looks like a secret: config.py:2"), "{said}");
    let shown = sandbox.autonomy(["checkpoint", "show", "staged"]).ok().to_string();
    assert!(shown.contains("config.py:2 (github, ") && !shown.contains(&token()), "{shown}");
    let tag = sandbox.git(["tag", "--list", "checkpoint-*-staged", "--format=%(contents)"]);
    assert!(tag.contains("secrets: 1"), "{tag}");
    sandbox.write("config.py", "a = 1\n");
    sandbox.git(["add", "config.py"]);
    let said = sandbox.autonomy(["checkpoint", "gone"]).ok().stderr;
    assert!(!said.contains("Holds what looks"), "{said}");
}

#[test]
fn what_a_person_allows_is_taken_in_by_path_by_fingerprint_and_by_a_word_on_the_line() {
    let sandbox = Sandbox::new();
    sandbox.write("tests/fixtures/a.txt", token());
    sandbox.write("b.txt", token().replace('q', "r"));
    sandbox.write("c.txt", format!("{} # autonomy:allow-secret\n", token().replace('q', "s")));
    let said = sandbox.autonomy(["checkpoint", "before", "--json"]).ok().stdout;
    let outcome: serde_json::Value = serde_json::from_str(&said).unwrap();
    assert_eq!(outcome["left_out"].as_array().map(Vec::len), Some(2), "{said}");
    let taken = sandbox.autonomy(["checkpoint", "taken", "--include-secrets", "--json"]).ok().stdout;
    let outcome: serde_json::Value = serde_json::from_str(&taken).unwrap();
    let leaks = outcome["secrets"].as_array().unwrap();
    let leak = leaks.iter().find(|leak| leak["path"] == "b.txt").expect("it is marked");
    let fingerprint = leak["fingerprint"].as_str().unwrap();
    sandbox.write(".claude/autonomy.toml", format!("version = 1\n[secrets]\nallow = [\"tests/fixtures/\", \"{fingerprint}\"]\n"));
    let said = sandbox.autonomy(["checkpoint", "after"]).ok().stderr;
    assert!(!said.contains("Left out") && !said.contains("Holds what"), "{said}");
    let held = held(&sandbox);
    for name in ["b.txt", "c.txt", "tests/fixtures/a.txt"] {
        assert!(held.iter().any(|path| path == name), "{name} is not in {held:?}");
    }
}

#[test]
fn a_value_of_the_environment_is_a_secret_wherever_it_stands() {
    let sandbox = Sandbox::new().with("SERVICE_PASSWORD", "correct horse battery");
    sandbox.write("notes.txt", "say correct horse battery\n");
    let said = sandbox.autonomy(["checkpoint"]).ok().stderr;
    assert!(said.contains("Left out notes.txt: line 1 looks like a secret (SERVICE_PASSWORD)"), "{said}");
}

#[test]
fn a_commit_of_records_that_gained_a_secret_by_hand_is_refused_with_file_and_line() {
    let sandbox = Sandbox::new();
    sandbox.git(["switch", "--quiet", "-c", "work"]);
    sandbox.autonomy(["session", "start", "x"]).ok();
    sandbox.autonomy(["task", "add", "One"]).ok();
    let path = sandbox.status();
    let path = path
        .lines()
        .find_map(|line| line.strip_prefix("?? ").filter(|path| path.contains("/tasks/")))
        .expect("a task")
        .to_owned();
    sandbox.write(&path, format!("{}\nuse {}\n", sandbox.read(&path), token()));
    let head = sandbox.git(["rev-parse", "HEAD"]);
    let said = sandbox.autonomy(["commit"]).ended(3).stderr;
    assert!(
        said.contains(&format!("{path}:")) && said.contains("looks like a secret") && said.contains("secrets.allow"),
        "{said}"
    );
    assert!(!said.contains(&token()), "{said}");
    assert_eq!(sandbox.git(["rev-parse", "HEAD"]), head);
    let hint = said.split("'[\"").nth(1).and_then(|rest| rest.split('"').next()).expect("a fingerprint");
    sandbox.autonomy(["config", "set", "--user", "secrets.allow", &format!("[\"{hint}\"]")]).ok();
    sandbox.autonomy(["commit"]).ok();
    assert_ne!(sandbox.git(["rev-parse", "HEAD"]), head);
}
