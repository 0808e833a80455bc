//! The store through the library: what the log knows, what the files show, and what git does in between.

mod crash;
mod pair;
mod publishing;
mod race;
mod settling;
mod torture;
mod verify;

use autonomy::{
    host::{
        clock::Clock,
        environment::Environment,
        store::{overview::Overview, record},
        transaction::Transaction,
        workspace::Workspace,
    },
    model::event::Fact,
};

use crate::sandbox::Sandbox;

/// The workspace of a sandbox's repository, for a person without a terminal, a second after its last command.
fn workspace(sandbox: &Sandbox) -> Workspace {
    let home = sandbox.base().join("home").display().to_string();
    let (moment, seed) = sandbox.next_moment();
    let environment = Environment::given(
        sandbox.work(),
        &[
            ("HOME", &home),
            ("PATH", &std::env::var("PATH").unwrap()),
            ("GIT_AUTHOR_NAME", "Ada"),
            ("GIT_AUTHOR_EMAIL", "ada@example.com"),
            ("GIT_COMMITTER_NAME", "Ada"),
            ("GIT_COMMITTER_EMAIL", "ada@example.com"),
        ],
    );
    Workspace::find(environment, Clock::fixed(moment.to_string().parse().unwrap(), seed)).unwrap()
}

fn task(title: &str, status: &str) -> String {
    format!("---\nversion: 1\ntitle: {title}\nstatus: {status}\n---\n\nWhat it is about.\n")
}

/// Writes a new record through the log, as a verb does.
fn write_record(sandbox: &Sandbox, path: &str, content: &str) {
    let workspace = workspace(sandbox);
    let mut transaction = Transaction::open(&workspace).unwrap();
    let fact = record::written(&transaction, path, content).unwrap();
    transaction.append_facts(&[fact]).unwrap();
}

/// Any writing command: opens the log, which settles, and adds a line. Returns what it said besides.
fn next_command(sandbox: &Sandbox) -> Vec<String> {
    let workspace = workspace(sandbox);
    let mut transaction = Transaction::open(&workspace).unwrap();
    transaction.append_facts(&[Fact::ProgressAdded { text: "went on".into(), task: None }]).unwrap();
    workspace.take_notices()
}

/// The records in force below `.claude/tasks`, path and text.
fn in_force(sandbox: &Sandbox) -> Vec<(String, String)> {
    let workspace = workspace(sandbox);
    let overview = Overview::read(&workspace).unwrap();
    let stored = record::list(&workspace, &overview, ".claude/tasks").unwrap();
    stored.into_iter().map(|stored| (stored.path, String::from_utf8(stored.bytes).unwrap())).collect()
}

/// Commits the state as `autonomy commit` does.
fn commit(sandbox: &Sandbox) -> autonomy::ops::session::commit::Outcome {
    autonomy::ops::session::commit::commit(&workspace(sandbox), &autonomy::ops::session::commit::Request::default()).unwrap()
}
