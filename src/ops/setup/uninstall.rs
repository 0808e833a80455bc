//! `uninstall`: takes out what `init` and sessions put beside the project's own files, to the byte.
//!
//! Records, tags and refs are memory, not fixtures: they are kept and named.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    host::{
        Result,
        store::{binding, layout::Private, write},
        workspace::Workspace,
    },
    model::{quote::counted, refusal::Refusal},
    ops::{
        setup::{
            change::{Change, Shown, What},
            client, for_client, init,
        },
        tell::project,
    },
};

/// What to do.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Request {
    /// Only tell what would be taken out.
    pub dry_run: bool,
}

/// What was taken out, or would be.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Outcome {
    /// Whether it was only asked for.
    pub dry_run: bool,
    /// The files that changed.
    pub changed: Vec<Shown>,
    /// What is kept, each with how it goes away when it is not wanted.
    pub kept: Vec<Kept>,
}

/// Something that is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Kept {
    /// What it is.
    pub what: String,
    /// The command that takes it away.
    pub remove: String,
}

/// Takes out what is ours.
///
/// # Errors
/// Refuses everybody but a person, while a session is live, and files of ours that are links or damaged.
pub fn uninstall(workspace: &Workspace, request: &Request) -> Result<Outcome> {
    workspace.actor().must_be_person("`autonomy uninstall`")?;
    let live = binding::live(&Private::of(workspace.common_directory()))?;
    if let Some((session, _)) = live.first() {
        return Err(Refusal::conflict(format!("the session `{session}` is live in this clone"))
            .hint(format!("`autonomy session end --session {session}` ends it"))
            .into());
    }
    let mut changes = Vec::new();
    for (path, name, _) in [init::IGNORED, init::ATTRIBUTES] {
        changes.push(Change::without_block(workspace, path, name)?);
    }
    changes.extend(client::no_hooks(workspace)?);
    changes.extend(for_client::no_pages(workspace)?);
    changes.extend(project::no_pages(workspace)?);
    changes.push(Change::no_exclude(workspace)?);
    let shown = changes.iter().filter_map(Change::shown).collect();
    if !request.dry_run {
        for change in &changes {
            change.carry_out(workspace)?;
        }
    }
    Ok(Outcome { dry_run: request.dry_run, changed: shown, kept: kept(workspace, &changes)? })
}

fn kept(workspace: &Workspace, changes: &[Change]) -> Result<Vec<Kept>> {
    let gone: Vec<String> =
        changes.iter().filter_map(Change::shown).filter(|shown| shown.what == What::Removed).map(|shown| shown.path).collect();
    let mut kept = Vec::new();
    let files: Vec<String> =
        write::files_below(workspace.root(), ".claude")?.into_iter().filter(|path| !gone.contains(path)).collect();
    if !files.is_empty() {
        let mut names: Vec<&str> = files.iter().filter_map(|path| path.split('/').nth(1)).collect();
        names.dedup();
        kept.push(Kept {
            what: format!("{} in `.claude/` ({})", counted(files.len(), "file"), names.join(", ")),
            remove: "git rm -r --cached .claude; rm -r .claude".to_owned(),
        });
    }
    if workspace.private().exists() {
        let shown = workspace.private().display().to_string();
        kept.push(Kept {
            what: format!("this clone's own log and captured output in `{shown}`"),
            remove: format!("rm -r '{shown}'"),
        });
    }
    let git = workspace.git()?;
    let tags = git.list_refs("refs/tags/checkpoint-")?.len();
    if tags > 0 {
        kept.push(Kept { what: counted(tags, "checkpoint tag"), remove: "git tag -d $(git tag -l 'checkpoint-*')".to_owned() });
    }
    let refs = git.list_refs("refs/autonomy/")?.len();
    if refs > 0 {
        kept.push(Kept {
            what: format!("{} below `refs/autonomy/`", counted(refs, "ref")),
            remove: "git for-each-ref --format='delete %(refname)' refs/autonomy | git update-ref --stdin".to_owned(),
        });
    }
    Ok(kept)
}
