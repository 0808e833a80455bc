//! What docs/rollback.md tells to type brings a checkpoint back with nothing but git.

use std::{fs, path::Path};

use crate::sandbox::{Said, Sandbox};

/// The blocks of the page that are for a shell, in order.
fn blocks() -> Vec<String> {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/rollback.md")).unwrap();
    text.split("```sh\n").skip(1).map(|rest| rest.split("```").next().unwrap().to_owned()).collect()
}

/// Types the block that has `word` in it, after those that choose a checkpoint.
#[track_caller]
fn typed(sandbox: &Sandbox, word: &str) -> Said {
    let blocks = blocks();
    let found: Vec<&String> = blocks.iter().filter(|block| block.contains(word)).collect();
    assert_eq!(found.len(), 1, "one block has `{word}` in it");
    let chosen = blocks.iter().filter(|block| block.starts_with("checkpoint=") || block.starts_with("carrier="));
    let quiet: String = chosen.flat_map(|block| ["{\n", block, "} > /dev/null\n"]).collect();
    sandbox.run(sandbox.program("sh").args(["-euc", &(quiet + found[0])])).ok()
}

#[test]
fn every_line_of_the_page_works_without_autonomy() {
    let sandbox = Sandbox::new();
    for name in ["notes.txt", "deep/kept", "gone"] {
        sandbox.write(name, "then\n");
    }
    sandbox.commit_all("ground");
    sandbox.write("staged", "staged then\n");
    sandbox.git(["add", "staged"]);
    sandbox.write("new", "untracked then\n");
    sandbox.write(".gitignore", "*.o\n");
    sandbox.write("left.o", "ignored\n");
    let then = sandbox.belongings();
    sandbox.autonomy(["checkpoint", "start"]).ok();
    fs::rename(sandbox.path(".git/autonomy"), sandbox.base().join("away")).unwrap();
    sandbox.write("notes.txt", "now\n");
    sandbox.write("since", "made since\n");
    sandbox.git(["add", "--all"]);
    fs::remove_dir_all(sandbox.path("deep")).unwrap();
    fs::remove_file(sandbox.path("gone")).unwrap();
    let now = sandbox.belongings();

    assert!(typed(&sandbox, "for-each-ref").stdout.starts_with("checkpoint-"));
    assert!(typed(&sandbox, "cat-file").stdout.contains("summary: start"));
    let carried = typed(&sandbox, "manifest.yaml").stdout;
    assert!(carried.contains("left.o") && carried.contains("staged") && !carried.contains("since"), "{carried}");
    assert!(typed(&sandbox, "--stat").stdout.contains("notes.txt"));
    sandbox.belongings().assert_same(&now, &[]);

    typed(&sandbox, "notes.txt.then");
    assert_eq!((sandbox.read("notes.txt"), sandbox.read("notes.txt.then")), ("then\n".to_owned(), "then\n".to_owned()));
    fs::remove_file(sandbox.path("notes.txt.then")).unwrap();
    sandbox.write("notes.txt", "now\n");
    typed(&sandbox, "git archive");
    assert_eq!(sandbox.read("../then/new"), "untracked then\n");
    sandbox.belongings().assert_same(&now, &[]);

    typed(&sandbox, "index-of-now");
    sandbox.belongings().assert_same(&now, &[]);
    let since = typed(&sandbox, "--diff-filter=A").stdout;
    assert_eq!(since, "since\n");
    typed(&sandbox, "read-tree");
    fs::remove_file(sandbox.path("since")).unwrap();
    sandbox.belongings().assert_same(&then, &[]);
    typed(&sandbox, "--source=refs/rescue/now");
    assert_eq!((sandbox.read("notes.txt"), sandbox.read("since")), ("now\n".to_owned(), "made since\n".to_owned()));
    assert_eq!(sandbox.read("left.o"), "ignored\n");
}

#[test]
fn after_a_hundred_checkpoints_git_is_as_it_was_and_each_of_them_comes_back() {
    let sandbox = Sandbox::new();
    sandbox.git(["init", "--quiet", "--bare", "../remote.git"]);
    sandbox.git(["remote", "add", "origin", "../remote.git"]);
    sandbox.git(["tag", "--annotate", "-m", "one", "v1"]);
    sandbox.commit_all("after the tag");
    sandbox.write("laid-aside", "1\n");
    sandbox.git(["stash", "--quiet", "--include-untracked"]);
    let git = |arguments: &[&str]| sandbox.try_git(arguments).to_string();
    let seen = || {
        let pushed = git(&["push", "--follow-tags", "--dry-run", "--porcelain", "origin", "HEAD"]);
        (
            git(&["describe"]),
            pushed,
            git(&["log", "--all", "--oneline", "--exclude=refs/autonomy/*", "--branches"]),
            git(&["stash", "list"]),
        )
    };
    let before = (seen(), sandbox.belongings());
    let mut trees = Vec::new();
    for number in 0..100 {
        sandbox.write("counted", format!("{number}\n"));
        let made = sandbox.autonomy(["checkpoint", &format!("number {number}"), "--json"]).ok().json();
        trees.push((made["name"].as_str().unwrap().to_owned(), number));
    }
    fs::remove_file(sandbox.path("counted")).unwrap();
    assert_eq!(seen().0, before.0.0);
    assert_eq!((seen().1, seen().3), (before.0.1, before.0.3));
    sandbox.belongings().assert_same(&before.1, &[]);
    sandbox.git(["gc", "--quiet", "--prune=now"]);
    sandbox.git(["fsck", "--strict", "--no-dangling"]);
    for (name, number) in trees.iter().step_by(9) {
        sandbox.autonomy(["rollback", name, "--yes"]).ok();
        assert_eq!(sandbox.read("counted"), format!("{number}\n"));
    }
    for (name, number) in &trees {
        assert_eq!(sandbox.git(["show", &format!("{name}:counted")]), number.to_string());
    }
}
