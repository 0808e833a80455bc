//! The real agent client, against a server of this test's own, on the source of a published crate.
//!
//! Needs the client: `AUTONOMY_TEST_CLAUDE` names its program, which `.ci/run client` installs. Without it the test says
//! loudly that it was skipped. `AUTONOMY_TEST_REPOSITORY` names another repository to work on: whatever `git clone` takes.

mod deaths;
mod hooks;
mod messages;

use std::{
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
};

use serde_json::{Value, json};

use crate::sandbox::{Sandbox, skipped};
use messages::{Answer, Messages};

const FIRST: &str = "The first try is finished.";
const SECOND: &str = "The second try is finished.";

/// The unpacked source of a published crate that this package depends on.
fn published() -> Option<PathBuf> {
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let cargo = home.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cargo")))?;
    let registries = fs::read_dir(cargo.join("registry/src")).ok()?.flatten();
    registries
        .filter_map(|registry| fs::read_dir(registry.path()).ok())
        .flatten()
        .flatten()
        .map(|entry| entry.path())
        .find(|path| path.file_name().and_then(|name| name.to_str()).is_some_and(|name| name.starts_with("itoa-1")))
}

fn copy(from: &Path, to: &Path) {
    for entry in walkdir::WalkDir::new(from) {
        let entry = entry.expect("readable");
        let place = to.join(entry.path().strip_prefix(from).expect("below"));
        if entry.file_type().is_dir() {
            fs::create_dir_all(&place).expect("writable");
        } else {
            fs::copy(entry.path(), &place).expect("writable");
        }
    }
}

/// What the agent is to do: lines at the end of a file, first wrong, then right, and who tells one from the other.
struct Work {
    file: String,
    gate: &'static str,
    broken: &'static str,
    sound: &'static str,
    /// What the gate says of the broken lines.
    complaint: &'static str,
}

/// For files that end with the first: the gate, the broken lines, the sound ones, the complaint.
const LANGUAGES: &[(&str, &str, &str, &str, &str)] = &[
    (
        ".rs",
        "rustfmt --edition 2024 < FILE > \"$TMPDIR/out\"",
        "pub const LONGEST: = 40;",
        "pub const LONGEST: usize = 40;",
        "missing type for",
    ),
    (".py", "python3 -m py_compile FILE", "LONGEST = = 40", "LONGEST = 40", "invalid syntax"),
    (".js", "node --check FILE", "const LONGEST = = 40;", "const LONGEST = 40;", "SyntaxError"),
];

/// Makes the sandbox's repository from the source of a published crate.
fn unpack(sandbox: &Sandbox) -> Option<Work> {
    copy(&published()?, sandbox.work());
    sandbox.git(["init", "--quiet"]);
    sandbox.git(["add", "--all"]);
    sandbox.git(["commit", "--quiet", "--message", "As published"]);
    Some(Work {
        file: "src/lib.rs".to_owned(),
        gate: "rustc --edition 2021 --crate-type lib --emit metadata -o \"$TMPDIR/out\" FILE",
        broken: "pub const LONGEST: usize = \"40\";",
        sound: "pub const LONGEST: usize = 40;",
        complaint: "mismatched types",
    })
}

/// Makes the sandbox's repository a clone; the work is in the language that most of its files have.
fn cloned(sandbox: &Sandbox, repository: &OsStr) -> Work {
    sandbox.run(sandbox.program("git").args(["clone", "--quiet"]).arg(repository).arg(".")).ok();
    let listed = sandbox.git(["ls-files"]);
    let written_in = |ending: &str| listed.lines().filter(|path| path.ends_with(ending)).map(str::to_owned).collect::<Vec<_>>();
    let most = LANGUAGES.iter().max_by_key(|language| written_in(language.0).len()).expect("there are languages");
    let &(ending, gate, broken, sound, complaint) = most;
    let size = |path: &String| fs::symlink_metadata(sandbox.path(path)).map_or(0, |file| file.len());
    let mut files = written_in(ending);
    files.retain(|path| (1_000..50_000).contains(&size(path)));
    let file = files.into_iter().max_by_key(size).expect("a file of a usual size in a language that is known");
    Work { file, gate, broken, sound, complaint }
}

/// How many tools have answered in a conversation, and whether the assistant has said `words`.
fn results(body: &Value) -> (usize, bool) {
    let text = body["messages"].to_string();
    (text.matches("\"type\":\"tool_result\"").count(), text.contains(FIRST))
}

#[test]
fn the_real_client_finishes_a_task_on_a_published_crate() {
    let Some(client) = std::env::var_os("AUTONOMY_TEST_CLAUDE") else {
        skipped("the real agent client", "AUTONOMY_TEST_CLAUDE is not set; `.ci/run client` installs it");
        return;
    };
    let sandbox = Sandbox::bare_ground();
    let work = match std::env::var_os("AUTONOMY_TEST_REPOSITORY") {
        Some(repository) => Some(cloned(&sandbox, &repository)),
        None => unpack(&sandbox),
    };
    let Some(Work { file, gate, broken, sound, complaint }) = work else {
        skipped("the real agent client", "the registry of cargo holds no unpacked source of itoa");
        return;
    };
    let library = sandbox.path(&file);
    let original = fs::read_to_string(&library).expect("the source is text");
    let with_lines = |lines: &str| format!("{original}\n{lines}\n");
    let (wrong, right) = (with_lines(broken), with_lines(sound));
    let path = library.to_string_lossy().into_owned();
    let server = Messages::start(Box::new(move |body| {
        let read = || Answer::Tool("Read", json!({ "file_path": path }));
        let write = |content: &str| Answer::Tool("Write", json!({ "file_path": path, "content": content }));
        match results(body) {
            (0, _) | (2, true) => read(),
            (1, _) => write(&wrong),
            (2, false) => Answer::Words(FIRST.to_owned()),
            (3, _) => write(&right),
            _ => Answer::Words(SECOND.to_owned()),
        }
    }));
    let settings = format!("version = 1\n[agents.claude]\ndriver = \"claude\"\nprogram = {:?}\n", client.to_string_lossy());
    let gate = format!("[gates.compiles]\ncommand = {:?}\n", gate.replace("FILE", &file));
    let config = sandbox.base().join("home/.config/autonomy/config.toml");
    fs::create_dir_all(config.parent().expect("in a folder")).expect("writable");
    fs::write(&config, format!("{settings}{gate}")).expect("writable");
    let person = std::env::var("HOME").map(PathBuf::from).unwrap_or_default();
    let rustup = std::env::var_os("RUSTUP_HOME").map_or_else(|| person.join(".rustup"), PathBuf::from);
    let cargo = std::env::var_os("CARGO_HOME").map_or_else(|| person.join(".cargo"), PathBuf::from);
    let sandbox = sandbox
        .with("RUSTUP_HOME", rustup)
        // A repository may ask for another toolchain; that of the machine is not to be brought up to it.
        .with("RUSTUP_AUTO_INSTALL", "0")
        .with("RUSTUP_TOOLCHAIN", std::env::var_os("RUSTUP_TOOLCHAIN").unwrap_or_else(|| "stable".into()))
        .with("CARGO_HOME", cargo)
        .with("PATH", std::env::var_os("PATH").unwrap_or_default())
        .with("TERM", "dumb")
        .with("ANTHROPIC_BASE_URL", format!("http://127.0.0.1:{}", server.port))
        .with("ANTHROPIC_API_KEY", "dummy-local")
        .with("DISABLE_TELEMETRY", "1")
        .with("DISABLE_ERROR_REPORTING", "1")
        .with("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1");
    sandbox.autonomy(["task", "add", "Say how long a number can be"]).ok();

    let refused = sandbox.autonomy(["run", "--agent", "claude"]).ended(3);
    assert!(refused.stderr.contains("without containment: with your rights"), "{}", refused.stderr);
    assert_eq!(server.requests().len(), 0);

    let sandbox = sandbox.with("AUTONOMY_TERMINAL", "yes");
    let said = sandbox.autonomy(["run", "--agent", "claude", "--uncontained", "--max-steps", "4"]).ended(0);
    let told = said.stderr;
    for words in ["gate compiles: green", "Write", "gate compiles: red", "try 1 failed", "try 2 of 3", "committed", "checkpoint"]
    {
        assert!(told.contains(words), "`{words}` is not in:\n{told}");
    }
    assert_eq!(
        sandbox.git(["show", "--format=%s", "--name-only", "HEAD", "--", ".", ":!.claude"]).trim(),
        format!("Say how long a number can be\n\n{file}")
    );
    assert!(sandbox.git(["diff", "HEAD~1", "HEAD", "--", &file]).contains(&format!("+{sound}")));
    assert!(sandbox.git(["log", "-1", "--format=%(trailers:key=Autonomy-Session,valueonly)"]).trim().len() > 10);
    let second =
        server.requests().into_iter().find(|body| results(body) == (2, true)).expect("the second try went on with the first");
    assert!(second["messages"].to_string().contains(complaint), "the failing output was handed on");
}
