//! Tasks, working memory, decisions and questions, as somebody at the command line meets them.

use std::fs;

use autonomy::model::id::Digest;

use crate::sandbox::{Output, Sandbox};

mod approval;
mod carry;
mod judge;
mod list;
mod memory;
mod milestones;
mod review;
mod tasks;
mod verify;
mod workflow;

/// The token by which these tests are a person without a terminal.
const TOKEN: &str = "a-token-of-the-tests";

/// A repository with a person's token.
pub(crate) fn with_token() -> Sandbox {
    let sandbox = Sandbox::new();
    let directory = sandbox.base().join("home/.local/state/autonomy/trust");
    fs::create_dir_all(&directory).unwrap();
    fs::write(directory.join("token.yaml"), format!("version: 1\nsha256: {}\n", Digest::of(TOKEN))).unwrap();
    sandbox
}

/// The same with a live session.
pub(crate) fn begin() -> Sandbox {
    let sandbox = with_token();
    sandbox.autonomy(["session", "start"]).ok();
    sandbox
}

/// Adds a task and gives its name.
fn add(sandbox: &Sandbox, title: &str, more: &[&str]) -> String {
    let arguments = [&["task", "add", title], more].concat();
    sandbox.autonomy(arguments).ok().stdout.trim().to_owned()
}

/// Answers a question as the person whose token it is.
pub(crate) fn answer(sandbox: &Sandbox, question: &str, text: &str) -> Output {
    sandbox.autonomy(["answer", question, text, "--as-person", TOKEN])
}

/// The name of the one open question.
pub(crate) fn open_question(sandbox: &Sandbox) -> String {
    let inbox = sandbox.autonomy(["inbox", "--json"]).ok().json();
    let questions = inbox["questions"].as_array().unwrap();
    assert_eq!(questions.len(), 1, "{inbox}");
    questions[0]["question"]["id"].as_str().unwrap().to_owned()
}

/// Where a task stands: `open`, `started`, …
fn standing(sandbox: &Sandbox, task: &str) -> String {
    let shown = sandbox.autonomy(["task", "show", task, "--json"]).ok().json();
    shown["progress"]["is"].as_str().unwrap().to_owned()
}
