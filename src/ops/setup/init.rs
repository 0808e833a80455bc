//! `init`: settings with the gates that suit the project, and what keeps live sessions out of git's way.
//!
//! Nothing else needs it to have run. It changes no file that is there but for blocks of ours, and it commits nothing.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::{
    host::{Result, settings::REPOSITORY_FILE, template::Templates, trust::TrustStore, workspace::Workspace},
    model::{
        proposal::{self, Proposal},
        settings::declare,
        trust::{Declaration, Kind, Standing},
    },
    ops::setup::{
        change::{self, Change, Shown},
        declared,
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
    trust_own(workspace, &mut outcome)?;
    Ok(outcome)
}

/// What a person's `init` has just written itself is trusted; all else waits.
fn trust_own(workspace: &Workspace, outcome: &mut Outcome) -> Result<()> {
    let mut declarations = declare::declarations(&workspace.reread_settings()?);
    declarations.extend(declared::of_git(workspace)?);
    declarations.extend(declared::files(workspace)?);
    let mut store = TrustStore::open(workspace)?;
    let mut own = Vec::new();
    for declaration in declarations {
        let ours = declaration.kind == Kind::Gate
            && outcome.gates.iter().any(|gate| gate.name == declaration.name)
            && workspace.actor().is_person();
        match store.standing(&declaration) {
            Standing::Trusted => {}
            Standing::Untrusted if ours => own.push(declaration),
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
