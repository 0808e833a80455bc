//! What git commands do to work that nobody else holds: to uncommitted changes, to history, to remotes, and to settings that run
//! programs. What paths they touch is judged like any path.

use crate::model::guard::{
    Finding, Rule,
    call::{Argument, Call},
    path::{Access, is_secret_name},
};

/// Uncommitted work that a command would throw away.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Thrown {
    /// Whether changes to tracked files would go.
    pub tracked: bool,
    /// Whether untracked files would go.
    pub untracked: bool,
    /// Only what lies at or below these, as they were typed; everything when there are none.
    pub paths: Vec<String>,
}

/// What a git command does that rules speak about.
#[derive(Debug, Default)]
pub struct Effects {
    /// What speaks against it by itself.
    pub findings: Vec<Finding>,
    /// Uncommitted work that it throws away.
    pub thrown: Option<Thrown>,
    /// The files whose content it reads or writes.
    pub touched: Vec<(Argument, Access)>,
    /// Where it works, when it is told.
    pub directory: Option<String>,
}

/// Options before the command of git that take a word.
const GLOBAL: [&str; 7] = ["-C", "-c", "--git-dir", "--work-tree", "--namespace", "--exec-path", "--config-env"];

/// Looks at a call of git. `exists` says whether an argument names a file here.
#[must_use]
pub fn effects(call: &Call, exists: &dyn Fn(&Argument) -> bool) -> Effects {
    let mut effects = Effects::default();
    let mut at = 1;
    while let Some(word) = call.words.get(at).map(|word| word.text.as_str()).filter(|word| word.starts_with('-')) {
        if word == "-C" {
            effects.directory = call.words.get(at + 1).map(|directory| directory.text.clone());
        }
        at += if GLOBAL.contains(&word) { 2 } else { 1 };
    }
    for setting in call.values("-c") {
        let key = setting.text.split('=').next().unwrap_or_default().to_ascii_lowercase();
        if key == "core.hookspath" && call.words.get(at).is_some() {
            effects.findings.push(git_program("core.hooksPath"));
        }
    }
    let Some(command) = call.words.get(at).map(|word| word.text.clone()) else { return effects };
    let inner = Call { words: call.words[at..].to_vec(), ..call.clone() };
    let any = |text: &str| inner.arguments().iter().any(|argument| argument.text == text);
    match command.as_str() {
        "push" => push(&inner, &mut effects.findings),
        "reset" if any("--hard") || any("--merge") => effects.thrown = Some(Thrown { tracked: true, ..Thrown::default() }),
        "clean" if (inner.has('f', "--force")) && !inner.has('n', "--dry-run") => {
            let paths = inner.operands(&["-e", "--exclude"]).map(|path| path.text.clone()).collect();
            effects.thrown = Some(Thrown { untracked: true, paths, ..Thrown::default() });
        }
        "checkout" => checkout(&inner, exists, &mut effects),
        "restore" if !inner.has('S', "--staged") || inner.has('W', "--worktree") => {
            let paths = inner.operands(&["-s", "--source"]).map(|path| path.text.clone()).collect();
            effects.thrown = Some(Thrown { tracked: true, paths, ..Thrown::default() });
        }
        "switch" if inner.has('f', "--force") || any("--discard-changes") => {
            effects.thrown = Some(Thrown { tracked: true, ..Thrown::default() });
        }
        "checkout-index" if inner.has('f', "--force") => effects.thrown = Some(Thrown { tracked: true, ..Thrown::default() }),
        "read-tree" if any("--reset") && inner.has('u', "") => {
            effects.thrown = Some(Thrown { tracked: true, ..Thrown::default() });
        }
        "rm" => {
            if inner.has('f', "--force") && !any("--cached") {
                let paths = inner.operands(&[]).map(|path| path.text.clone()).collect();
                effects.thrown = Some(Thrown { tracked: true, paths, ..Thrown::default() });
            }
            if !any("--cached") {
                effects.touched.extend(inner.operands(&[]).map(|path| (path.clone(), Access::Remove)));
            }
        }
        "stash" if any("drop") || any("clear") => effects.findings.push(loss("what was stashed")),
        "worktree" if any("remove") && inner.has('f', "--force") => {
            effects.findings.push(loss("what is not committed in that work tree"));
        }
        "reflog" if any("expire") || any("delete") => effects.findings.push(loss("what the reflog still holds")),
        "gc" if inner.arguments().iter().any(|argument| matches!(argument.text.as_str(), "--prune=now" | "--prune=all")) => {
            effects.findings.push(loss("objects that nothing else holds"));
        }
        "prune" if !inner.has('n', "--dry-run") => effects.findings.push(loss("objects that nothing else holds")),
        "filter-branch" | "filter-repo" => effects.findings.push(loss("history as others know it")),
        "update-ref" | "symbolic-ref" | "pack-refs" => own_refs(&inner, &mut effects.findings),
        "tag" if inner.has('d', "--delete") || inner.has('f', "--force") => {
            let checkpoint = inner.operands(&["-m", "-F"]).find(|name| name.text.starts_with("checkpoint-"));
            effects.findings.extend(checkpoint.map(|name| loss(&format!("the checkpoint `{}`", name.text))));
        }
        "config" => config(&inner, &mut effects.findings),
        "show" | "diff" | "blame" | "annotate" | "cat-file" | "log" | "archive" | "difftool" => {
            for operand in inner.operands(&["-n", "-L", "-S", "-G", "--format", "--author", "--since", "--until"]) {
                let path = operand.text.rsplit_once(':').map_or(operand.text.as_str(), |(_, path)| path);
                effects.touched.push((operand.with(path), Access::Read));
            }
        }
        "add" | "stage" | "update-index" => {
            let adds = !any("--assume-unchanged") && !any("--skip-worktree") && !any("--force-remove");
            let files = inner.operands(&["--chmod"]).filter(|file| adds && secret(&file.text));
            effects.findings.extend(files.map(|file| {
                Finding::deny(
                    Rule::SecretWritten,
                    format!("`{}` holds secrets, and what is added to git stays in its history", file.text),
                    "Keep it ignored: add its name to `.gitignore`",
                )
            }));
        }
        _ => {}
    }
    effects
}

fn secret(path: &str) -> bool {
    is_secret_name(&path.rsplit('/').next().unwrap_or_default().to_lowercase())
}

fn push(call: &Call, findings: &mut Vec<Finding>) {
    let next = "Bring in what the remote has (`git pull --rebase`) and push without force, or ask: `autonomy ask \"<question>\"`";
    let refspecs: Vec<&str> =
        call.operands(&["-o", "--push-option", "--repo", "--receive-pack"]).map(|it| it.text.as_str()).collect();
    let exact = |text: &str| call.arguments().iter().any(|argument| argument.text == text);
    if call.has('f', "--force") || exact("--mirror") || refspecs.iter().any(|spec| spec.starts_with('+')) {
        findings.push(Finding::deny(Rule::ForcePush, format!("`{}` overwrites what the remote has", call.shown()), next));
    } else if call.has('\0', "--force-with-lease") || exact("--force-if-includes") {
        findings.push(Finding::ask(Rule::ForcePush, format!("`{}` overwrites what the remote has", call.shown()), next));
    }
    if call.has('d', "--delete") || exact("--prune") || refspecs.iter().any(|spec| spec.len() > 1 && spec.starts_with(':')) {
        findings.push(Finding::ask(
            Rule::RemoteRemoval,
            format!("`{}` removes branches or tags of the remote", call.shown()),
            "Ask a person: `autonomy ask \"<question>\"`",
        ));
    }
}

fn checkout(call: &Call, exists: &dyn Fn(&Argument) -> bool, effects: &mut Effects) {
    let arguments = call.arguments();
    if call.has('f', "--force") {
        effects.thrown = Some(Thrown { tracked: true, ..Thrown::default() });
        return;
    }
    if call.has('b', "--orphan") || call.has('B', "--track") {
        return;
    }
    let paths: Vec<String> = if let Some(at) = arguments.iter().position(|argument| argument.text == "--") {
        arguments[at + 1..].iter().map(|path| path.text.clone()).collect()
    } else {
        let named = |operand: &&Argument| operand.text == "." || operand.text.starts_with(":/") || exists(operand);
        call.operands(&[]).filter(named).map(|path| path.text.clone()).collect()
    };
    if !paths.is_empty() {
        effects.thrown = Some(Thrown { tracked: true, paths, ..Thrown::default() });
    }
}

fn loss(what: &str) -> Finding {
    Finding::ask(
        Rule::HistoryLoss,
        format!("this throws away {what}, and git cannot bring it back"),
        "Leave it, or ask a person: `autonomy ask \"<question>\"`",
    )
}

fn own_refs(call: &Call, findings: &mut Vec<Finding>) {
    if call.arguments().iter().any(|argument| argument.text.contains("refs/autonomy")) {
        findings.push(Finding::deny(
            Rule::OwnState,
            format!("`{}` changes refs of autonomy, which only its commands change", call.shown()),
            "`autonomy checkpoint list` shows what they hold",
        ));
    }
}

fn git_program(key: &str) -> Finding {
    Finding::ask(
        Rule::GitProgram,
        format!("`{key}` makes git run programs as you"),
        "Ask a person to set it: `autonomy ask \"<question>\"`",
    )
}

fn config(call: &Call, findings: &mut Vec<Finding>) {
    const READING: [&str; 9] = ["--get", "--get-all", "--get-regexp", "--list", "-l", "--unset", "--unset-all", "get", "list"];
    if call.arguments().iter().any(|argument| READING.contains(&argument.text.as_str())) {
        return;
    }
    let mut operands = call.operands(&["-f", "--file", "--blob", "--type"]).filter(|operand| operand.text != "set");
    let (Some(key), Some(value)) = (operands.next(), operands.next()) else { return };
    let folded = key.text.to_ascii_lowercase();
    let last = folded.rsplit('.').next().unwrap_or_default();
    let runs = ["core.hookspath", "core.fsmonitor", "core.sshcommand", "include.path", "gpg.program", "credential.helper"]
        .contains(&folded.as_str())
        || (folded.starts_with("alias.") && value.text.starts_with('!'))
        || (folded.starts_with("filter.") && matches!(last, "clean" | "smudge" | "process"))
        || (folded.starts_with("diff.") && matches!(last, "textconv" | "command"))
        || (folded.starts_with("merge.") && last == "driver")
        || folded.starts_with("includeif.");
    if runs {
        findings.push(git_program(&key.text));
    }
}
