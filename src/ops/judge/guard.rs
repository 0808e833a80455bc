//! `guard`: whether an agent may touch a path, run a command or use a tool of its client. It rules; it carries nothing out and
//! remembers nothing.
//!
//! The repository is opened only where uncommitted work is in question.

use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    host::{Result, sight, source, workspace::Workspace},
    model::{
        guard::{
            Finding, Rule, Ruling,
            call::UNKNOWN,
            command::{self, Sight},
            path::{Access, Ground, within},
            repository::Thrown,
            unfold::at,
        },
        quote::counted,
        secret::Allowed,
        settings,
    },
    ops::time::checkpoint,
};

/// A tool that an agent is about to use.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Request {
    /// The tool, by its name in the client: `Bash`, `Read`, `Write`, `Edit`, `mcp__…`.
    pub tool: String,
    /// What the tool is given.
    pub input: Value,
    /// The directory that it starts in; that of the command when not said.
    pub cwd: Option<String>,
}

/// A path.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct PathRequest {
    /// The path, absolute or from where the command is typed.
    pub path: String,
    /// Whether it would be written; else read.
    pub write: bool,
}

/// A command for a shell.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct CommandRequest {
    /// The text.
    pub command: String,
}

/// Rules on a path.
///
/// # Errors
/// Never because of the rules; a ruling that denies is an outcome.
pub fn path(workspace: &Workspace, request: &PathRequest) -> Result<Ruling> {
    Ok(Post::of(workspace).path(&request.path, if request.write { Access::Write } else { Access::Read }))
}

/// Rules on a command.
///
/// # Errors
/// As [`path()`].
pub fn command(workspace: &Workspace, request: &CommandRequest) -> Result<Ruling> {
    Ok(Post::of(workspace).command(&request.command))
}

/// Rules on the use of a tool; what the guard does not know is allowed.
///
/// # Errors
/// As [`path()`].
pub fn tool(workspace: &Workspace, request: &Request) -> Result<Ruling> {
    let mut post = Post::of(workspace);
    if let Some(cwd) = &request.cwd {
        post.directory = at(Some(&post.directory), cwd);
    }
    Ok(post.tool(&request.tool, &request.input))
}

/// The guard at one place.
struct Post<'a> {
    workspace: &'a Workspace,
    ground: Ground,
    directory: String,
    /// Secrets that a person allows.
    allowed: Allowed,
    /// Why the settings cannot be read, when they cannot.
    unsettled: Option<String>,
}

impl<'a> Post<'a> {
    fn of(workspace: &'a Workspace) -> Self {
        let text = |path: &Path| path.to_string_lossy().into_owned();
        let real = |path: &Path| sight::resolve(&text(path), &Vec::new).real;
        let (guard, allowed, unsettled) = match workspace.settings() {
            Ok(settings) => (settings.guard.clone(), Allowed::of(&settings.secrets.allow), None),
            Err(error) => (settings::Guard::default(), Allowed::default(), Some(error.refusal().message)),
        };
        let home = workspace.environment().home().map(real);
        let opened = guard.open.iter().map(|entry| match (entry.strip_prefix("~/"), &home) {
            (Some(rest), Some(home)) => PathBuf::from(format!("{home}/{rest}")),
            _ => PathBuf::from(entry),
        });
        let open = sight::temporary(workspace).into_iter().chain(sight::work_trees(workspace)).chain(opened);
        let ground = Ground {
            root: real(workspace.root()),
            git: real(workspace.git_directory()),
            common: real(workspace.common_directory()),
            open: open.map(|path| real(&path)).collect(),
            home,
            protected: guard.protected,
            blocked: guard.blocked,
            denied: guard.denied,
        };
        let directory = text(workspace.environment().directory());
        Self { workspace, ground, directory, allowed, unsettled }
    }

    fn tool(&self, tool: &str, input: &Value) -> Ruling {
        let given = |key: &str| input.get(key).and_then(Value::as_str);
        let mut findings = Vec::new();
        let mut notes = Vec::new();
        let mut add = |ruling: Ruling| {
            findings.extend(ruling.findings);
            notes.extend(ruling.notes);
        };
        if let Some(command) = given("command").filter(|_| tool == "Bash" || !tool.starts_with("mcp__")) {
            add(self.command(command));
        }
        let folded = tool.to_lowercase();
        let writes = ["write", "edit", "create", "move", "delete", "remove", "update", "replace", "insert"];
        let access = if writes.iter().any(|word| folded.contains(word)) { Access::Write } else { Access::Read };
        for key in ["file_path", "notebook_path", "path", "filePath", "source", "destination", "uri"] {
            if let Some(path) = given(key) {
                add(self.path(path.strip_prefix("file://").unwrap_or(path), access));
            }
        }
        for path in input.get("paths").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str) {
            add(self.path(path, access));
        }
        if access == Access::Write {
            let edits = input.get("edits").and_then(Value::as_array).into_iter().flatten();
            for (new, old) in
                edits.chain([input]).map(|edit| (edit, edit.get("old_string").and_then(Value::as_str).unwrap_or_default()))
            {
                for text in ["content", "new_string", "new_source", "text"].into_iter().filter_map(|key| new.get(key)?.as_str()) {
                    // A secret that is there already is not written by this.
                    if let Some(kind) = self.secret(text).filter(|_| self.secret(old).is_none()) {
                        add(Ruling::of(vec![command::secret_written(&kind, &format!("`{tool}`"))], Vec::new()));
                    }
                }
            }
        }
        Ruling::of(findings, notes)
    }

    fn command(&self, text: &str) -> Ruling {
        let ruling = self.seeing(|sight| command::judge(text, &self.directory, &self.ground, sight));
        self.settled(ruling, Access::Write)
    }

    fn path(&self, path: &str, access: Access) -> Ruling {
        let path = match (path.strip_prefix("~/"), &self.ground.home) {
            (Some(rest), Some(home)) => format!("{home}/{rest}"),
            _ => path.to_owned(),
        };
        let ruling = self.seeing(|sight| command::judge_path(&path, access, &self.directory, &self.ground, sight));
        self.settled(ruling, access)
    }

    /// With settings that cannot be read nobody knows what else they forbid: whatever changes something waits for a person.
    fn settled(&self, ruling: Ruling, access: Access) -> Ruling {
        match &self.unsettled {
            Some(why) if access != Access::Read => {
                let finding = Finding::ask(
                    Rule::Governing,
                    format!("the rules of this repository cannot be read: {why}"),
                    "A person mends the file; `autonomy config validate` says where",
                );
                Ruling::of([ruling.findings, vec![finding]].concat(), ruling.notes)
            }
            Some(_) | None => ruling,
        }
    }

    /// The kind of a secret in `text` that nobody has allowed.
    fn secret(&self, text: &str) -> Option<String> {
        let found = self.workspace.secrets().scan(text.as_bytes(), None);
        found.into_iter().find(|found| !found.marked && !self.allowed.holds(&found.fingerprint)).map(|found| found.kind)
    }

    fn judge_thrown(&self, thrown: &Thrown, directory: &str) -> Option<Finding> {
        match self.lost(thrown, directory) {
            Ok(lost) if lost.is_empty() => None,
            Ok(lost) => {
                let named: Vec<String> = lost.iter().take(3).map(|path| format!("`{path}`")).collect();
                let more = if lost.len() > 3 { ", …" } else { "" };
                Some(Finding::deny(
                    Rule::UnsavedWork,
                    format!(
                        "this would throw away uncommitted work in {} ({}{more}) that no checkpoint holds",
                        counted(lost.len(), "file"),
                        named.join(", ")
                    ),
                    "Save it first: `autonomy checkpoint`; then run the command again",
                ))
            }
            Err(error) => Some(Finding::ask(
                Rule::UnsavedWork,
                format!("whether this throws away uncommitted work cannot be seen: {}", error.refusal().message),
                "Ask a person: `autonomy ask \"<question>\"`",
            )),
        }
    }

    /// The files with uncommitted work that would go, and that the newest checkpoint does not hold as they are.
    fn lost(&self, thrown: &Thrown, directory: &str) -> Result<Vec<String>> {
        let status = self.workspace.git()?.status()?;
        let mut paths = Vec::new();
        if thrown.tracked {
            let changed = status.staged.iter().chain(&status.unstaged).map(|(path, _)| path);
            paths.extend(changed.chain(&status.unmerged).map(ToString::to_string));
        }
        if thrown.untracked {
            paths.extend(status.untracked.iter().map(ToString::to_string));
        }
        if !thrown.paths.is_empty() {
            let chosen: Vec<String> = thrown.paths.iter().map(|path| self.as_from_top(path, directory)).collect();
            paths
                .retain(|path| chosen.iter().any(|chosen| chosen.is_empty() || chosen.contains(UNKNOWN) || within(path, chosen)));
        }
        paths.sort();
        paths.dedup();
        if paths.is_empty() {
            return Ok(paths);
        }
        let newest = checkpoint::list(self.workspace, &checkpoint::ListRequest::default())?.checkpoints.into_iter().next();
        let Some(newest) = newest else { return Ok(paths) };
        let asked = checkpoint::DiffRequest { checkpoint: newest.name, with: None };
        let differing = checkpoint::diff(self.workspace, &asked)?.changes;
        paths.retain(|path| differing.iter().any(|change| change.path.to_string() == *path));
        Ok(paths)
    }

    fn as_from_top(&self, path: &str, directory: &str) -> String {
        if let Some(rest) = path.strip_prefix(":/") {
            return rest.to_owned();
        }
        let real = sight::resolve(&at(Some(directory), path), &Vec::new).real;
        match real.strip_prefix(&self.ground.root) {
            Some(rest) => rest.trim_start_matches('/').to_owned(),
            None => real,
        }
    }

    /// Rules with everything that may be asked about the machine.
    fn seeing(&self, rule: impl FnOnce(&Sight<'_>) -> Ruling) -> Ruling {
        rule(&Sight {
            read: &source::shell::read,
            variable: &|name| self.workspace.environment().text(name).map(str::to_owned),
            resolve: &|path| sight::resolve(path, &|| sight::guarded(self.workspace)),
            expand: &sight::expand,
            thrown: &|thrown, directory| self.judge_thrown(thrown, directory),
            secret: &|text| self.secret(text),
        })
    }
}
