//! `init`: settings with the gates that suit the project, and what keeps live sessions out of git's way.
//!
//! Nothing else needs it to have run. It changes no file that is there but for blocks of ours, and it commits nothing.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::{
    host::{Result, settings::REPOSITORY_FILE, template::Templates, trust::TrustStore, workspace::Workspace},
    model::{
        client_settings,
        proposal::{self, Proposal},
        settings::declare,
        trust::{Declaration, Kind, Standing},
    },
    ops::{
        setup::{
            change::{self, Change, Shown},
            client::{self, Layer},
            declared::{self, CLIENT_SETTINGS},
            for_client, hand_out,
        },
        tell::project,
    },
};

/// The block of ours in `.claude/.gitignore` and its content: what `info/exclude` says, for other clones.
pub const IGNORED: (&str, &str, &str) =
    (".claude/.gitignore", "ignored", "/sessions/*/*\n/current_session\n/settings.local.json\n");

/// The block of ours in `.claude/.gitattributes` and its content: sealed files are never converted.
pub const ATTRIBUTES: (&str, &str, &str) =
    (".claude/.gitattributes", "attributes", "sessions/** -text -filter linguist-generated\n");

/// What to do.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Request {
    /// Only tell what would be written.
    pub dry_run: bool,
    /// Put the hooks into the settings that all share, not into those of this work tree.
    pub shared: bool,
    /// Write a part of `CLAUDE.md`, which says how work goes here.
    pub instructions: bool,
    /// Write nothing but a plugin of the client, into this directory.
    pub plugin: Option<PathBuf>,
    /// Write nothing but scripts for before and after a compaction, into this directory.
    pub scripts: Option<PathBuf>,
}

/// What was written, or would be.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Outcome {
    /// Whether it was only asked for.
    pub dry_run: bool,
    /// The files that changed.
    pub changed: Vec<Shown>,
    /// The gates of new settings.
    pub gates: Vec<Proposal>,
    /// What is trusted from now on.
    pub trusted: Vec<String>,
    /// What waits for `autonomy trust`.
    pub waiting: Vec<String>,
}

/// Makes the repository ready. A second time it does nothing.
///
/// # Errors
/// Refuses settings that are wrong, files of ours that are links or damaged; nothing is written then.
pub fn init(workspace: &Workspace, request: &Request) -> Result<Outcome> {
    if request.plugin.is_some() || request.scripts.is_some() {
        return hand_out(workspace, request);
    }
    workspace.resolved()?;
    let gates = proposals(workspace);
    let text = Templates::of(workspace.root()).render("autonomy.toml", &json!({ "gates": gates }))?;
    let settings = Change::new_file(workspace, REPOSITORY_FILE, text.clone())?;
    let is_new = settings.what().is_some();
    // An `init` that died before it came to trust is finished by the next one, as long as nobody has ruled since.
    let is_own = is_new || (settings.says(&text) && !TrustStore::open(workspace)?.path().exists());
    let mut changes = vec![settings];
    for (path, name, content) in [IGNORED, ATTRIBUTES] {
        changes.push(Change::block(workspace, path, name, content)?);
    }
    let layer = if request.shared { Layer::Project } else { Layer::Local };
    let hooks = client::hooks(workspace, layer)?;
    let own_hooks = own_hooks(workspace, &hooks)?;
    changes.extend(hooks);
    changes.extend(for_client::pages(workspace)?);
    if request.instructions || for_client::has_instructions(workspace)? {
        changes.push(for_client::instructions(workspace, &gates)?);
    }
    // Pages tell of the settings that hold once these are written.
    let resolved = workspace.shared_settings(is_new.then_some(text.as_str()))?;
    changes.extend(project::pages(workspace, &resolved.settings)?);
    changes.push(Change::exclude(workspace)?);
    let shown = changes.iter().filter_map(Change::shown).collect();
    let mut outcome = Outcome {
        dry_run: request.dry_run,
        changed: shown,
        gates: if is_own { gates } else { Vec::new() },
        trusted: Vec::new(),
        waiting: Vec::new(),
    };
    if request.dry_run {
        return Ok(outcome);
    }
    for change in &changes {
        change.carry_out(workspace)?;
    }
    trust_own(workspace, &mut outcome, &own_hooks)?;
    Ok(outcome)
}

/// A plugin and scripts: nothing of the repository changes.
fn hand_out(workspace: &Workspace, request: &Request) -> Result<Outcome> {
    let from = |directory: &PathBuf| workspace.environment().directory().join(directory);
    let mut changes = Vec::new();
    if let Some(directory) = &request.plugin {
        changes.extend(hand_out::plugin(workspace, &from(directory))?);
    }
    if let Some(directory) = &request.scripts {
        changes.extend(hand_out::scripts(&from(directory))?);
    }
    if !request.dry_run {
        changes.iter().try_for_each(|change| change.carry_out(workspace))?;
    }
    let changed = changes.iter().filter_map(Change::shown).collect();
    Ok(Outcome { dry_run: request.dry_run, changed, gates: Vec::new(), trusted: Vec::new(), waiting: Vec::new() })
}

/// The settings of the client that are trusted once `changes` are made, because they hold nothing else that waits for trust:
/// those that change and were trusted or not there, and those that an `init` made which died before it came to trust.
fn own_hooks(workspace: &Workspace, changes: &[Change]) -> Result<Vec<String>> {
    let (store, declared) = (TrustStore::open(workspace)?, declared::files(workspace)?);
    let nobody_ruled = !store.path().exists();
    let changed: Vec<String> = changes.iter().filter_map(Change::shown).map(|shown| shown.path).collect();
    let is_own = |path: &&str| match declared.iter().find(|declaration| declaration.name == *path) {
        Some(declaration) if changed.iter().any(|changed| changed == path) => store.standing(declaration) == Standing::Trusted,
        Some(declaration) => nobody_ruled && client_settings::is_made_for_hooks(&declaration.content),
        None => true,
    };
    let paths = CLIENT_SETTINGS.iter().map(|(_, path)| *path);
    Ok(paths.filter(is_own).map(str::to_owned).collect())
}

/// What a person's `init` has just written itself is trusted; all else waits.
fn trust_own(workspace: &Workspace, outcome: &mut Outcome, own_hooks: &[String]) -> Result<()> {
    let mut declarations = declare::declarations(&workspace.reread_settings()?);
    declarations.extend(declared::of_git(workspace)?);
    declarations.extend(declared::files(workspace)?);
    let mut store = TrustStore::open(workspace)?;
    let mut own = Vec::new();
    for declaration in declarations {
        let is_person = workspace.actor().is_person();
        let ours = declaration.kind == Kind::Gate && outcome.gates.iter().any(|gate| gate.name == declaration.name);
        let hooks = declaration.kind == Kind::Client && own_hooks.contains(&declaration.name);
        match store.standing(&declaration) {
            Standing::Trusted => {}
            Standing::Untrusted if ours && is_person => own.push(declaration),
            Standing::Changed { .. } | Standing::Untrusted if hooks && is_person => own.push(declaration),
            Standing::Changed { .. } | Standing::Untrusted => outcome.waiting.push(declaration.label()),
        }
    }
    if !own.is_empty() {
        store.trust(&own, &workspace.person(), workspace.clock())?;
        outcome.trusted = own.iter().map(Declaration::label).collect();
    }
    Ok(())
}

fn proposals(workspace: &Workspace) -> Vec<Proposal> {
    let mut files = Vec::new();
    for name in proposal::FILES {
        // A file of the project that cannot be read here says nothing about it; it is no fault of the project's.
        if let Ok(Some(text)) = change::read(workspace, name) {
            files.push((name.to_owned(), text));
        }
    }
    proposal::gates(&files)
}
