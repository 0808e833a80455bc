//! The skill by which an agent client learns the commands of this program: what each is for, and that it may be typed unasked.
//!
//! Only verbs that agents may use are named. What a command does is said by its own help.

use crate::model::client_page::ClientPage;

/// Where the skill lies in a work tree.
pub const FILE: &str = ".claude/skills/autonomy/SKILL.md";

/// What an agent types, as it begins, and what for.
const COMMANDS: &[(&str, &str)] = &[
    ("autonomy status", "where everything stands"),
    ("autonomy context brief", "what one has to know to go on: goal, constraints, tasks, decisions, questions"),
    ("autonomy next", "which task comes next, and why others wait"),
    ("autonomy task list", "the tasks; `task show <task>` shows one with its criteria"),
    ("autonomy task show", "one task"),
    ("autonomy task add", "a task that you found out about: `task add \"<title>\"`"),
    ("autonomy task start", "take a task: `task start <task>`"),
    ("autonomy task done", "say that a task is finished; the gates have the last word"),
    ("autonomy focus", "what you are at, for whoever takes over"),
    ("autonomy progress add", "one line about what was just reached"),
    ("autonomy note", "what should be known next time"),
    ("autonomy authority check", "whether you may decide something: `--kind`, `--type`, `--risk`, `--fact cost=120`"),
    (
        "autonomy decide",
        "write a decision down: what was chosen, what was not, why, and with the same flags what it changes; exit code 3 means \
         that a person is asked first",
    ),
    ("autonomy ask", "a question that only a person can answer; go on with other work meanwhile"),
    ("autonomy inbox", "questions that wait, and answers that came"),
    ("autonomy gate run", "whether the work tree passes"),
    ("autonomy checkpoint", "save the whole work tree before something risky; `rollback` brings it back"),
    ("autonomy guard command", "whether a command would be let through"),
];

/// The skill.
#[must_use]
pub fn page() -> ClientPage {
    let allowed: Vec<String> = COMMANDS.iter().map(|(command, _)| format!("Bash({command} *)")).collect();
    let rows: Vec<String> = COMMANDS.iter().map(|(command, what)| format!("- `{command}`: {what}\n")).collect();
    let description = "Read and write the state of the work in this repository: tasks, decisions, questions, progress, checkpoints, \
        gates. Use it at the start of work, before anything risky, when something is decided, finished or unclear, and after the \
        context was compacted.";
    let body = format!(
        "The state of the work lies behind the program `autonomy`; its files below `.claude/` are not to be edited by hand.\n\n\
        {}\n\
        Each takes `--help` and `--json`. A command that refuses says which one to type next.\n",
        rows.concat()
    );
    let front =
        vec![("name", "autonomy".to_owned()), ("description", description.to_owned()), ("allowed-tools", allowed.join(", "))];
    ClientPage { front, body }
}
