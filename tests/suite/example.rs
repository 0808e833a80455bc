//! `.claude-example/` is true: what `init` writes, byte for byte, and a finished session that this program reads.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use autonomy::{
    host::{
        clock::Clock,
        environment::Environment,
        store::{
            holdings, layout,
            overview::{Known, Overview},
            sealed,
        },
        template::Templates,
        workspace::Workspace,
    },
    model::{
        page,
        session_page::{SessionPage, values::values, without_markers},
    },
};

use crate::sandbox::Sandbox;

fn example() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(".claude-example")
}

#[test]
fn what_init_writes_is_what_the_example_shows() {
    let sandbox = Sandbox::new();
    sandbox.autonomy(["init"]).ok();
    for file in [".gitignore", ".gitattributes"] {
        let shown = fs::read_to_string(example().join(file)).unwrap();
        assert_eq!(sandbox.read(Path::new(".claude").join(file)), shown, "{file}");
    }
}

/// A clone of a repository that the example lies in.
fn finished() -> Sandbox {
    let sandbox = Sandbox::new();
    for entry in walkdir::WalkDir::new(example()).into_iter().map(Result::unwrap).filter(|entry| entry.file_type().is_file()) {
        let relative = entry.path().strip_prefix(example()).unwrap();
        sandbox.write(Path::new(".claude").join(relative), fs::read(entry.path()).unwrap());
    }
    sandbox.git(["add", "--force", ".claude"]);
    sandbox.git(["commit", "--quiet", "--message", "an example"]);
    sandbox
}

#[test]
fn the_finished_session_is_read_whole() {
    let sandbox = finished();
    let verified = sandbox.autonomy(["verify", "--json"]).ok().json();
    assert_eq!(verified["records"], 6, "{verified}");
    let errors = verified["findings"].as_array().unwrap().iter().filter(|finding| finding["severity"] == "error").count();
    assert_eq!(errors, 0, "{verified}");
    let listed = sandbox.autonomy(["session", "list"]).ok().stdout;
    assert!(listed.contains("completed"), "{listed}");
    let tasks = sandbox.autonomy(["task", "list"]).ok().stdout;
    assert!(tasks.contains("Choose a licence"), "{tasks}");
}

/// `UPDATE=1 cargo test --test suite example` writes the pages anew.
#[test]
fn the_pages_of_the_finished_session_are_rendered_from_its_journal_to_the_byte() {
    let sandbox = finished();
    let workspace = |clock| Workspace::find(Environment::given(sandbox.work(), &[]), clock).expect("a repository");
    let beginning = Clock::fixed("2026-11-20T00:00:00Z".parse().expect("a moment"), 1);
    let sessions = sealed::sessions(&workspace(beginning)).expect("sessions are listed");
    assert_eq!(sessions.len(), 1, "{sessions:?}");
    let beginning = Clock::fixed("2026-11-20T00:00:00Z".parse().expect("a moment"), 1);
    let state = sealed::state(&workspace(beginning), &sessions[0]).expect("the journal is whole");
    let end = state.last.expect("something happened");
    let workspace = workspace(Clock::fixed(end, 1));
    let folder = layout::session_folder(&sessions[0]);
    let directory = sandbox.path(&folder);
    let known = Known { session: Some(sessions[0].clone()), binding: None, directory: directory.clone(), state: state.clone() };
    let overview = Overview { logs: vec![known], damaged: Vec::new() };
    let (holdings, unreadable) = holdings::read(&workspace, &overview, holdings::ALL).expect("records are listed");
    assert!(unreadable.is_empty(), "{unreadable:?}");
    let templates = Templates::of(workspace.root());
    let mut pages = 0;
    for session_page in SessionPage::ALL {
        let Some(block) = session_page.block() else { continue };
        let values = values(session_page, &state, &holdings, end).expect("a session").expect("data");
        let rendered = templates.render(session_page.template(), &values).expect("a good template");
        let rendered = page::update(None, block, &without_markers(&rendered)).expect("good markers").text;
        let shown = example().join("sessions").join(sessions[0].as_str()).join(session_page.file());
        if env::var_os("UPDATE").is_some() {
            fs::write(&shown, &rendered).expect("the example can be written");
        }
        assert_eq!(fs::read_to_string(&shown).expect("the page is there"), rendered, "{}", shown.display());
        pages += 1;
    }
    assert_eq!(pages, 7, "every page of a session is in the example");
}
