//! Which gates and agents may run now, and what agents are told: trusted content, and what the person wrote outside the
//! repository.
//!
//! A declaration that changed keeps its last trusted content until the change is trusted; one that the settings no longer
//! name stays in force until a person lets it go, so that taking a gate out of a file is no way around it.

use crate::{
    host::{Result, trust::TrustStore, workspace::Workspace},
    model::{
        id::{AgentName, GateName},
        refusal::Refusal,
        settings::{AgentProfile, Gate, declare, resolve::Resolved},
        trust::{Declaration, Kind, Standing},
    },
    ops::setup::declared::{self, CLIENT_SETTINGS},
};

/// A gate, and whether a person still has to look at it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GateInForce {
    /// Its name.
    pub name: GateName,
    /// What runs; none while nobody has trusted anything of this name.
    pub gate: Option<Gate>,
    /// Whether what the settings say waits for trust.
    pub waiting: bool,
}

/// Every gate of this work tree, in the order of names.
///
/// # Errors
/// Refuses settings and a trust store that are wrong.
pub fn gates(workspace: &Workspace) -> Result<Vec<GateInForce>> {
    gates_of(workspace.resolved()?, &TrustStore::open(workspace)?)
}

fn gates_of(resolved: &Resolved, store: &TrustStore) -> Result<Vec<GateInForce>> {
    let mut all = Vec::new();
    for (name, gate) in &resolved.settings.gates {
        let name = name.clone();
        let standing = declare::of_gate(resolved, &name).map(|declaration| store.standing(&declaration));
        all.push(match standing {
            None | Some(Standing::Trusted) => GateInForce { name, gate: Some(gate.clone()), waiting: false },
            Some(Standing::Changed { in_force }) => GateInForce { name, gate: Some(declare::gate(&in_force)?), waiting: true },
            Some(Standing::Untrusted) => GateInForce { name, gate: None, waiting: true },
        });
    }
    for trusted in store.list().iter().filter(|one| one.declaration.kind == Kind::Gate) {
        let name = GateName::new(trusted.declaration.name.clone())?;
        if !resolved.settings.gates.contains_key(&name) {
            let gate = Some(declare::gate(&trusted.declaration.content)?);
            all.push(GateInForce { name, gate, waiting: true });
        }
    }
    all.sort_by(|left, right| left.name.cmp(&right.name));
    Ok(all)
}

/// The hooks and filters of this repository that nobody has trusted as they are now; work that would run them waits.
///
/// # Errors
/// Refuses a trust store that is wrong; fails when git's configuration or a hook cannot be read.
pub fn waiting_hooks(workspace: &Workspace) -> Result<Vec<Declaration>> {
    let declarations = declared::of_git(workspace)?;
    if declarations.is_empty() {
        return Ok(declarations);
    }
    let store = TrustStore::open(workspace)?;
    Ok(declarations.into_iter().filter(|declaration| store.standing(declaration) != Standing::Trusted).collect())
}

/// Lets commits of code pass only where no hook runs that nobody has trusted as it is now.
///
/// # Errors
/// Refuses and names such a hook, besides what [`waiting_hooks`] says.
pub fn demand_hooks(workspace: &Workspace) -> Result<()> {
    match waiting_hooks(workspace)?.iter().find(|one| one.kind == Kind::Hook) {
        None => Ok(()),
        Some(hook) => Err(Refusal::needs_person(format!(
            "cannot commit: the {} comes with this repository and nobody has trusted it as it is now",
            hook.label()
        ))
        .hint("`autonomy trust` shows what it would run")
        .into()),
    }
}

/// The text of the project's own template `name` as agents may be told by it; none when the shipped one is to be used.
///
/// # Errors
/// Refuses a trust store that is wrong.
pub fn template(workspace: &Workspace, name: &str) -> Result<Option<String>> {
    let Some(declaration) = declared::template(workspace, name) else { return Ok(None) };
    Ok(TrustStore::open(workspace)?.in_force(declaration))
}

/// The rules of who decides that are in force, as a person trusted them last, and whether what stands in the file waits; none
/// where nobody trusted any.
///
/// # Errors
/// Refuses a trust store that is wrong, and a file of rules that cannot be read.
pub fn authority(workspace: &Workspace) -> Result<(Option<String>, bool)> {
    let there = declared::files(workspace)?.into_iter().find(|declaration| declaration.kind == Kind::Authority);
    let store = TrustStore::open(workspace)?;
    if let Some(declaration) = there {
        let waiting = store.standing(&declaration) != Standing::Trusted;
        return Ok((store.in_force(declaration), waiting));
    }
    // Taking the file away is no way around what a person trusted.
    let trusted = store.list().iter().find(|one| one.declaration.kind == Kind::Authority);
    Ok((trusted.map(|one| one.declaration.content.clone()), trusted.is_some()))
}

/// The templates of what agents are told that nobody has trusted as they are now.
///
/// # Errors
/// Refuses a trust store that is wrong.
pub fn waiting_templates(workspace: &Workspace) -> Result<Vec<Declaration>> {
    let declarations: Vec<Declaration> = declared::templates(workspace).collect();
    if declarations.is_empty() {
        return Ok(declarations);
    }
    let store = TrustStore::open(workspace)?;
    Ok(declarations.into_iter().filter(|declaration| store.standing(declaration) != Standing::Trusted).collect())
}

/// Which of `workflows` nobody has trusted as they are now.
///
/// # Errors
/// Refuses a trust store that is wrong.
pub fn untrusted(workspace: &Workspace, workflows: &[Declaration]) -> Result<Vec<Declaration>> {
    let store = TrustStore::open(workspace)?;
    Ok(workflows.iter().filter(|one| store.standing(one) != Standing::Trusted).cloned().collect())
}

/// Lets pass only workflows that a person has trusted as they are now: what was trusted earlier of a changed one does not run in
/// its place, because it is not what stands in the file.
///
/// # Errors
/// Refuses and names the first that is not.
pub fn demand_workflows(workspace: &Workspace, workflows: &[Declaration]) -> Result<()> {
    match untrusted(workspace, workflows)?.first() {
        None => Ok(()),
        Some(one) => Err(Refusal::needs_person(format!(
            "the workflow `{}` comes with this repository and nobody has trusted it as it is now",
            one.name
        ))
        .hint(format!("`autonomy trust 'workflow {}'` shows what it would run", one.name))
        .into()),
    }
}

/// The MCP servers of the repository that agents may start: the trusted content of `.mcp.json`; none where nobody trusted any.
///
/// # Errors
/// Refuses a trust store that is wrong and a `.mcp.json` that cannot be read.
pub fn servers(workspace: &Workspace) -> Result<Option<String>> {
    let Some(declaration) = declared::files(workspace)?.into_iter().find(|declaration| declaration.kind == Kind::Mcp) else {
        return Ok(None);
    };
    let untrusted = |instead: &str| {
        workspace.notice(format!("`{}` is not trusted, so {instead}; `autonomy trust` shows it", declaration.name));
    };
    Ok(match TrustStore::open(workspace)?.standing(&declaration) {
        Standing::Trusted => Some(declaration.content),
        Standing::Changed { in_force } => {
            untrusted("agents start the servers that were trusted last");
            Some(in_force)
        }
        Standing::Untrusted => {
            untrusted("agents start none of its servers");
            None
        }
    })
}

/// Whose settings an agent client may load now, in its own words: the user's, and those of the work tree that are trusted as they
/// are. Where the work tree has none there is nothing to keep away.
///
/// # Errors
/// Refuses a trust store that is wrong and settings that cannot be read.
pub fn client_settings(workspace: &Workspace) -> Result<Vec<&'static str>> {
    let declarations = declared::files(workspace)?;
    let store = TrustStore::open(workspace)?;
    let is_trusted = |path: &str| {
        let declaration = declarations.iter().find(|declaration| declaration.name == path);
        declaration.is_none_or(|declaration| store.standing(declaration) == Standing::Trusted)
    };
    let trusted = CLIENT_SETTINGS.into_iter().filter(|(_, path)| is_trusted(path)).map(|(source, _)| source);
    Ok(std::iter::once("user").chain(trusted).collect())
}

/// Says which settings of the work tree agents are started without, given those that they load.
pub fn tell_withheld(workspace: &Workspace, sources: &[&str]) {
    for (source, path) in CLIENT_SETTINGS.into_iter().filter(|(source, _)| !sources.contains(source)) {
        workspace.notice(format!(
            "`{path}` is not trusted as it is, so agents are started without the {source} settings; `autonomy trust` shows it"
        ));
    }
}

/// The profile of the agent `name` as it may be started now.
///
/// # Errors
/// Refuses an unknown agent, and one that comes from the repository and that nobody has trusted.
pub fn agent(workspace: &Workspace, name: &AgentName) -> Result<AgentProfile> {
    let resolved = workspace.resolved()?;
    let Some(profile) = resolved.settings.agents.get(name) else {
        let near = crate::model::id::nearest(name.as_str(), resolved.settings.agents.keys().map(|own| (own.as_str(), "")));
        let refusal = Refusal::usage(format!("there is no agent `{name}`"));
        let known: Vec<&str> = resolved.settings.agents.keys().map(AgentName::as_str).collect();
        let hint = if near.is_empty() { format!("known: {}", known.join(", ")) } else { format!("nearest: {}", near.join(", ")) };
        return Err(refusal.hint(hint).into());
    };
    let Some(declaration) = declare::of_agent(resolved, name) else { return Ok(profile.clone()) };
    let variable = |name: &str| workspace.environment().text(name).map(str::to_owned);
    match TrustStore::open(workspace)?.standing(&declaration) {
        Standing::Trusted => Ok(profile.clone()),
        Standing::Changed { in_force } => Ok(declare::agent(&in_force, &variable)?),
        Standing::Untrusted => {
            Err(Refusal::needs_person(format!("the agent `{name}` comes from this repository and nobody has trusted it"))
                .hint("`autonomy trust` shows what it would run")
                .into())
        }
    }
}
