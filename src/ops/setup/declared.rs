//! Everything that this repository wants to run or to tell agents, as declarations: what its settings and its tasks say, git
//! hooks and filters that its own git configuration takes from the work tree, and its templates of prompts.
//!
//! Hooks in the git directory are the person's own: no clone brings them. Whether a declaration is trusted is not asked here.

use std::path::Path;

use crate::{
    host::{Result, store::write, template::Templates, workspace::Workspace},
    model::{
        settings::declare,
        trust::{Declaration, Kind},
    },
    ops::work::{task::verify, workflow::files as workflows},
};

/// The largest hook that is read, in bytes.
const MAX_HOOK: u64 = 1 << 20;

/// The hooks that git runs for a commit (githooks(5)).
const HOOKS: [&str; 5] = ["pre-commit", "prepare-commit-msg", "commit-msg", "post-commit", "reference-transaction"];

/// The templates of what agents are told; by others, people are told.
const TOLD: [&str; 2] = ["briefing.md.j2", "prompt.md.j2"];

/// Files of the repository that are declared as a whole.
const FILES: [(Kind, &str); 4] = [
    (Kind::Authority, ".claude/authority.yaml"),
    (Kind::Mcp, ".mcp.json"),
    (Kind::Client, CLIENT_SETTINGS[0].1),
    (Kind::Client, CLIENT_SETTINGS[1].1),
];

/// The settings of an agent client that lie in the work tree: what the client calls them, and their paths.
pub const CLIENT_SETTINGS: [(&str, &str); 2] = [("project", ".claude/settings.json"), ("local", ".claude/settings.local.json")];

/// The largest of them that is read, in bytes.
const MAX_FILE: u64 = 4 << 20;

/// All declarations: gates, agents, hooks, filters, acceptance commands, workflows, the rules of who decides, MCP servers, settings of a
/// client, templates.
///
/// # Errors
/// Refuses settings that are wrong; fails when git's configuration or a hook cannot be read.
pub fn all(workspace: &Workspace) -> Result<Vec<Declaration>> {
    let mut declarations = declare::declarations(workspace.resolved()?);
    declarations.extend(of_git(workspace)?);
    declarations.extend(verify::declarations(workspace)?);
    declarations.extend(workflows::declarations(workspace)?);
    declarations.extend(files(workspace)?);
    declarations.extend(templates(workspace));
    Ok(declarations)
}

/// The project's own template `name` of what agents are told; none where there is none. One that cannot be read is named in a
/// notice and counts for nothing.
#[must_use]
pub fn template(workspace: &Workspace, name: &str) -> Option<Declaration> {
    let text = Templates::of(workspace.root()).own(name).unwrap_or_else(|error| {
        workspace.notice(error.to_string());
        None
    })?;
    Some(Declaration::new(Kind::Template, name, &text))
}

/// The project's own templates of what agents are told.
pub fn templates(workspace: &Workspace) -> impl Iterator<Item = Declaration> {
    TOLD.into_iter().filter_map(|name| template(workspace, name))
}

/// The files that are declared as a whole: the rules of who decides, the MCP servers that agents would start, and the settings
/// of an agent client.
///
/// # Errors
/// Refuses one that is too large or no plain file.
pub fn files(workspace: &Workspace) -> Result<Vec<Declaration>> {
    let mut declarations = Vec::new();
    for (kind, path) in FILES {
        if let Some(content) = write::read_capped(&workspace.root().join(path), MAX_FILE)? {
            declarations.push(Declaration::new(kind, path, &String::from_utf8_lossy(&content)));
        }
    }
    Ok(declarations)
}

/// The hooks and filters alone.
///
/// # Errors
/// Fails when git's configuration or a hook cannot be read.
pub fn of_git(workspace: &Workspace) -> Result<Vec<Declaration>> {
    let mut declarations = hooks(workspace)?;
    let filters = workspace.git()?.own_filters()?;
    declarations.extend(filters.iter().map(|(name, content)| Declaration::new(Kind::Filter, name, content)));
    Ok(declarations)
}

/// The hooks of a `core.hooksPath` inside the work tree, which come with whatever is checked out.
fn hooks(workspace: &Workspace) -> Result<Vec<Declaration>> {
    let Some(path) = workspace.git()?.config_text("core.hooksPath")? else { return Ok(Vec::new()) };
    let directory = workspace.root().join(Path::new(&path));
    let Ok(below) = directory.strip_prefix(workspace.root()) else { return Ok(Vec::new()) };
    if directory.starts_with(workspace.common_directory()) || below.starts_with("..") {
        return Ok(Vec::new());
    }
    let mut declarations = Vec::new();
    for name in HOOKS {
        if let Some(content) = write::read_capped(&directory.join(name), MAX_HOOK)? {
            declarations.push(Declaration::new(Kind::Hook, name, &String::from_utf8_lossy(&content)));
        }
    }
    Ok(declarations)
}
