//! What `init` writes for the agent client besides hooks: agents, a skill, a part of `CLAUDE.md`; and how `uninstall` takes it
//! back. A file that somebody else made stays as it is.

use serde_json::json;

use crate::{
    host::{
        Result,
        template::{self, Templates},
        workspace::Workspace,
    },
    model::{
        client_page::{self, ClientPage},
        own_skill,
        page::{self, Comment},
        proposal::Proposal,
        roster::{self, Roster},
    },
    ops::setup::change::{self, Change},
};

/// What the client reads at the beginning of each conversation.
pub const INSTRUCTIONS: &str = "CLAUDE.md";

/// Our block in it.
const BLOCK: &str = "autonomy";

/// The roster and the agents that it names, and the skill.
///
/// # Errors
/// Refuses a roster that is wrong, links, and markers that do not pair up.
pub fn pages(workspace: &Workspace) -> Result<Vec<Change>> {
    let there = change::read(workspace, roster::FILE)?;
    let text = match there {
        Some(text) => text,
        None => template::shipped("agents.yaml")?.to_owned(),
    };
    let mut changes = Vec::new();
    for (path, page) in named(&Roster::read(&text)?) {
        changes.push(written(workspace, &path, &page)?);
    }
    changes.insert(0, Change::new_file(workspace, roster::FILE, text)?);
    changes.push(written(workspace, own_skill::FILE, &own_skill::page())?);
    Ok(changes)
}

fn named(roster: &Roster) -> Vec<(String, ClientPage)> {
    roster.agents.iter().map(|(name, agent)| (roster::path(name), agent.page(name))).collect()
}

fn written(workspace: &Workspace, path: &str, page: &ClientPage) -> Result<Change> {
    Change::edited(workspace, path, |there| Ok(Some(page.written(path, there)?)))
}

/// The changes that take out our blocks, and files that hold nothing else.
///
/// # Errors
/// As [`pages`].
pub fn no_pages(workspace: &Workspace) -> Result<Vec<Change>> {
    let roster = change::read(workspace, roster::FILE)?;
    let shipped = Roster::read(template::shipped("agents.yaml")?)?;
    let mut paths: Vec<String> = named(&shipped).into_iter().map(|(path, _)| path).collect();
    // Whoever broke the roster still gets rid of what it made.
    if let Some(roster) = roster.as_deref().and_then(|text| Roster::read(text).ok()) {
        paths.extend(named(&roster).into_iter().map(|(path, _)| path));
    }
    paths.sort();
    paths.dedup();
    paths.push(own_skill::FILE.to_owned());
    let out = |path: &String| {
        Change::edited(workspace, path, |there| Ok(there.map_or(Ok(None), |text| client_page::without(path, text))?))
    };
    let mut changes = paths.iter().map(out).collect::<Result<Vec<Change>>>()?;
    let is_shipped = |text: &&str| template::shipped("agents.yaml").is_ok_and(|shipped| shipped == *text);
    changes.push(Change::edited(workspace, roster::FILE, |there| Ok(there.filter(|text| !is_shipped(text)).map(str::to_owned)))?);
    changes.push(Change::edited(workspace, INSTRUCTIONS, |there| {
        let Some(text) = there else { return Ok(None) };
        let left = page::remove(Comment::Html, text, BLOCK).map_err(|error| error.refusal(INSTRUCTIONS))?;
        Ok(if left != text && left.is_empty() { None } else { Some(left) })
    })?);
    Ok(changes)
}

/// `CLAUDE.md` with our block: how work goes in this repository. A new one has headings for what people know.
///
/// # Errors
/// Refuses a link, and markers that do not pair up.
pub fn instructions(workspace: &Workspace, gates: &[Proposal]) -> Result<Change> {
    Change::edited(workspace, INSTRUCTIONS, |there| {
        let new = match there {
            Some(_) => None,
            None => Some(headings(workspace, gates)?),
        };
        let updated = page::update_with(Comment::Html, there.or(new.as_deref()), BLOCK, &working_here(gates));
        Ok(Some(updated.map_err(|error| error.refusal(INSTRUCTIONS))?.text))
    })
}

/// Whether `CLAUDE.md` has our block, which is then kept up.
///
/// # Errors
/// Refuses a link and what is not text.
pub fn has_instructions(workspace: &Workspace) -> Result<bool> {
    let there = change::read(workspace, INSTRUCTIONS)?;
    Ok(there.is_some_and(|text| text.contains(&format!("autonomy:begin {BLOCK} "))))
}

fn headings(workspace: &Workspace, gates: &[Proposal]) -> Result<String> {
    let name = workspace.root().file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let stack = match gates {
        [] => "Languages, frameworks, versions.".to_owned(),
        gates => format!("Languages, frameworks, versions. Checked with {}.", commands(gates)),
    };
    Templates::of(workspace.root()).render(INSTRUCTIONS, &json!({ "name": name, "stack": stack }))
}

fn commands(gates: &[Proposal]) -> String {
    gates.iter().map(|gate| format!("`{}`", gate.command)).collect::<Vec<_>>().join(", ")
}

fn working_here(gates: &[Proposal]) -> String {
    let proof = match gates {
        [] => "Done is what the gates of `.claude/autonomy.toml` say, not what anybody claims.".to_owned(),
        gates => format!("Done is what {} say of the tree, not what anybody claims.", commands(gates)),
    };
    format!(
        "## Working with autonomy\n\n\
        - `autonomy context brief` says where things stand; read it at the start and after a compaction.\n\
        - Tasks, decisions, questions and progress are kept with `autonomy` commands; the files below `.claude/` are not edited by hand.\n\
        - Before something that is hard to take back: `autonomy checkpoint`.\n\
        - What only a person can say: `autonomy ask`; go on with other work meanwhile.\n\
        - {proof}\n"
    )
}
