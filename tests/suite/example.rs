//! `.claude-example/` is true: what `init` writes, byte for byte, and a finished session that this program reads.

use std::path::{Path, PathBuf};

use crate::sandbox::Sandbox;

fn example() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(".claude-example")
}

#[test]
fn what_init_writes_is_what_the_example_shows() {
    let sandbox = Sandbox::new();
    sandbox.autonomy(["init"]).ok();
    for file in [".gitignore", ".gitattributes"] {
        let shown = std::fs::read_to_string(example().join(file)).unwrap();
        assert_eq!(sandbox.read(Path::new(".claude").join(file)), shown, "{file}");
    }
}

#[test]
fn the_finished_session_is_read_whole() {
    let sandbox = Sandbox::new();
    for entry in walkdir::WalkDir::new(example()).into_iter().map(Result::unwrap).filter(|entry| entry.file_type().is_file()) {
        let relative = entry.path().strip_prefix(example()).unwrap();
        sandbox.write(Path::new(".claude").join(relative), std::fs::read(entry.path()).unwrap());
    }
    sandbox.git(["add", "--force", ".claude"]);
    sandbox.git(["commit", "--quiet", "--message", "an example"]);
    let verified = sandbox.autonomy(["verify", "--json"]).ok().json();
    assert_eq!(verified["records"], 6, "{verified}");
    let errors = verified["findings"].as_array().unwrap().iter().filter(|finding| finding["severity"] == "error").count();
    assert_eq!(errors, 0, "{verified}");
    let listed = sandbox.autonomy(["session", "list"]).ok().stdout;
    assert!(listed.contains("completed"), "{listed}");
    let tasks = sandbox.autonomy(["task", "list"]).ok().stdout;
    assert!(tasks.contains("Choose a licence"), "{tasks}");
}
