//! The guard in a real repository: links, second names of a file, uncommitted work, settings.

use std::{fs, os::unix::fs::symlink};

use crate::sandbox::Sandbox;

fn path(sandbox: &Sandbox, path: &str, write: bool) -> (i32, String) {
    let arguments = [&["guard", "path", path][..], if write { &["--write"] } else { &[] }].concat();
    let output = sandbox.autonomy(arguments);
    (output.code.unwrap(), output.stderr.clone())
}

fn command(sandbox: &Sandbox, text: &str) -> (i32, String) {
    let output = sandbox.autonomy(["guard", "command", text]);
    (output.code.unwrap(), output.stderr.clone())
}

#[test]
fn a_path_is_ruled_on_where_it_leads() {
    let sandbox = Sandbox::new();
    let home = sandbox.base().join("home");
    fs::create_dir_all(home.join(".ssh")).unwrap();
    fs::write(home.join(".ssh/id_rsa"), "key").unwrap();
    fs::write(home.join(".ssh/id_rsa.pub"), "public").unwrap();
    symlink(home.join(".ssh"), sandbox.path("notes")).unwrap();
    symlink("notes", sandbox.path("more")).unwrap();
    fs::hard_link(home.join(".ssh/id_rsa"), sandbox.path("harmless.txt")).unwrap();
    fs::hard_link(sandbox.path(".git/config"), sandbox.path("setup.txt")).unwrap();
    symlink("nowhere/.env", sandbox.path("dangling")).unwrap();
    let key = format!("/proc/self/root{}/.ssh/id_rsa", home.display());
    for secret in [
        "notes/id_rsa",
        "more/id_rsa",
        "src/../more/./id_rsa",
        "harmless.txt",
        "dangling",
        "~/.ssh/id_rsa",
        "~/.SSH/ID_RSA",
        &key,
    ] {
        let (code, said) = path(&sandbox, secret, false);
        assert!(code == 1 && said.contains("secret-read"), "{secret}: {code} {said}");
    }
    assert_eq!(path(&sandbox, "notes/id_rsa.pub", false).0, 0);
    let (code, said) = path(&sandbox, "setup.txt", true);
    assert!(code == 1 && said.contains("git-internals"), "{said}");
    assert_eq!(path(&sandbox, "setup.txt", false).0, 0, "git's settings may be read");
    for (own, rule) in [
        (".claude/tasks/x.md", "own-state"),
        (".git/autonomy/sessions/x/log.yaml", "own-state"),
        (".git/refs/autonomy/x", "own-state"),
        (".git/hooks/pre-commit", "git-internals"),
        ("/etc/hosts", "blocked"),
        ("/proc/self/root/etc/hosts", "blocked"),
    ] {
        let (code, said) = path(&sandbox, own, true);
        assert!(code == 1 && said.contains(rule), "{own}: {code} {said}");
    }
    for asks in [".claude/settings.json", ".claude/autonomy.toml", "/opt/x"] {
        assert_eq!(path(&sandbox, asks, true).0, 3, "{asks}");
    }
    for fine in ["src/main.rs", ".claude/agents/x.md", "/tmp/x", ".gitignore"] {
        assert_eq!(path(&sandbox, fine, true).0, 0, "{fine}");
    }
    let linked = sandbox.base().join("tmp/../linked");
    sandbox.git(["worktree", "add", "--quiet", linked.to_str().unwrap()]);
    assert_eq!(path(&sandbox, "../linked/x", true).0, 0, "another work tree of the clone");
}

#[test]
fn patterns_and_links_in_commands_are_looked_up() {
    let sandbox = Sandbox::new();
    let home = sandbox.base().join("home");
    fs::create_dir_all(home.join(".aws")).unwrap();
    fs::write(home.join(".aws/credentials"), "key").unwrap();
    symlink(home.join(".aws"), sandbox.path("data")).unwrap();
    sandbox.write(".env", "A=1\n");
    for text in ["cat d*/cred*", "cat .e??", "sort d[a-z]ta/*", "cd data && cat credentials", "python3 x.py .env"] {
        let (code, said) = command(&sandbox, text);
        assert!(code == 1 && said.contains("secret-read"), "{text}: {code} {said}");
    }
    assert_eq!(command(&sandbox, "ls data && cat README.md").0, 0);
}

#[test]
fn uncommitted_work_is_saved_before_it_is_thrown_away() {
    let sandbox = Sandbox::new();
    for text in ["git reset --hard", "git clean -fdx", "git checkout ."] {
        assert_eq!(command(&sandbox, text).0, 0, "{text} throws nothing away");
    }
    sandbox.write("file", "mine\n");
    sandbox.write("new.txt", "mine\n");
    for (text, file) in [("git reset --hard", "file"), ("git clean -fd", "new.txt"), ("git restore .", "file")] {
        let (code, said) = command(&sandbox, text);
        assert!(
            code == 1 && said.contains("unsaved-work") && said.contains(file) && said.contains("autonomy checkpoint"),
            "{said}"
        );
    }
    assert_eq!(command(&sandbox, "git checkout -- src").0, 0, "nothing of it lies there");
    sandbox.autonomy(["checkpoint"]).ok();
    for text in ["git reset --hard", "git clean -fd", "git restore ."] {
        assert_eq!(command(&sandbox, text).0, 0, "{text}: the checkpoint holds it");
    }
    sandbox.write("file", "mine again\n");
    let (code, said) = command(&sandbox, "git reset --hard");
    assert!(code == 1 && said.contains("file") && !said.contains("new.txt"), "{said}");
}

#[test]
fn settings_add_rules_and_a_project_opens_nothing() {
    let sandbox = Sandbox::new();
    sandbox.write(
        ".claude/autonomy.toml",
        "[guard]\nprotected = [\"migrations/*.sql\"]\nblocked = [\"vault\"]\ndenied = [\"npm publish\"]\nopen = [\"/opt\"]\n",
    );
    let user = sandbox.base().join("home/.config/autonomy");
    fs::create_dir_all(&user).unwrap();
    fs::write(user.join("config.toml"), "[guard]\nprotected = [\"LICENSE\"]\nopen = [\"/srv/shared\"]\n").unwrap();
    assert_eq!(path(&sandbox, "migrations/1.sql", true).0, 3);
    assert_eq!(path(&sandbox, "LICENSE", true).0, 3, "the person's own list holds beside the project's");
    assert_eq!(path(&sandbox, "migrations/1.sql", false).0, 0);
    assert_eq!(path(&sandbox, "vault/x", false).0, 1);
    let (code, said) = command(&sandbox, "cd . && npm publish --tag x");
    assert!(code == 1 && said.contains("denied-command"), "{said}");
    assert_eq!(path(&sandbox, "/srv/shared/x", true).0, 0, "the person opened it");
    let (code, said) = path(&sandbox, "/opt/x", true);
    assert!(code == 3 && said.contains("`guard.open` is not honoured"), "{said}");
    sandbox.write(".claude/autonomy.toml", "[guard\n");
    let (code, said) = command(&sandbox, "cargo build");
    assert!(code == 3 && said.contains("cannot be read"), "{said}");
    assert_eq!(path(&sandbox, "README.md", false).0, 0, "reading goes on");
}

#[test]
fn a_ruling_names_rule_reason_and_next_command_as_json_too() {
    let sandbox = Sandbox::new();
    let ruling = sandbox.autonomy(["guard", "command", "git push -f", "--json"]).ended(1).json();
    assert_eq!(ruling["verdict"], "deny");
    assert_eq!(ruling["findings"][0]["rule"], "force-push");
    assert!(ruling["findings"][0]["next"].as_str().unwrap().contains("git pull"));
    let token = ["ghp", "_", "q7Zk2mX9pLw4tRb8sVn3cJd6fHg1yTa5uEo0"].concat();
    let (code, said) = command(&sandbox, &format!("echo {token} > config.txt"));
    assert!(code == 1 && said.contains("secret-written") && !said.contains(&token), "{said}");
    assert_eq!(command(&sandbox, "select x in a; do ls; done").0, 0, "what cannot be read and holds nothing dangerous");
}
