//! `trust`: a person lets what the repository declares run, one exact content at a time.
//!
//! Nothing is run here, and nothing is trusted that was not named by its hash.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    host::{
        Result,
        trust::{self, TrustStore},
        workspace::Workspace,
    },
    model::{
        id::Digest,
        refusal::Refusal,
        time::Timestamp,
        trust::{Declaration, Kind, Standing, Trusted},
    },
    ops::setup::declared,
};

/// Nothing to say.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ListRequest {}

/// What the repository declares, and where each stands.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct ListOutcome {
    /// What is declared now.
    pub declared: Vec<Declared>,
    /// What was trusted and is declared no longer; gates among it stay in force until trust is taken back.
    pub gone: Vec<Trusted>,
}

/// One declaration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Declared {
    /// What is declared.
    pub declaration: Declaration,
    /// Where it stands.
    pub standing: Standing,
    /// Who trusted it, and when, if anybody did.
    pub trusted: Option<(String, Timestamp)>,
}

/// Lists what is declared.
///
/// # Errors
/// Refuses settings and a trust store that are wrong.
pub fn list(workspace: &Workspace, _request: &ListRequest) -> Result<ListOutcome> {
    let store = TrustStore::open(workspace)?;
    let declarations = declared::all(workspace)?;
    let is_declared =
        |one: &Trusted| declarations.iter().any(|own| own.kind == one.declaration.kind && own.name == one.declaration.name);
    let gone = store.list().iter().filter(|one| !is_declared(one)).cloned().collect();
    let declared = declarations
        .iter()
        .map(|declaration| Declared {
            declaration: declaration.clone(),
            standing: store.standing(declaration),
            trusted: store.trusted(declaration.kind, &declaration.name).map(|one| (one.by.clone(), one.at)),
        })
        .collect();
    Ok(ListOutcome { declared, gone })
}

/// What to trust: exactly the contents with these hashes.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// The sha256 of each content, as `trust list` names it.
    pub hashes: Vec<Digest>,
}

/// What is trusted from now on.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Outcome {
    /// Each declaration.
    pub trusted: Vec<Declaration>,
}

/// Trusts what has these hashes. In a build service (`CI` is set) naming them is enough; else a person has to show.
///
/// # Errors
/// Refuses everybody but a person, and a hash that nothing declared has (any more).
pub fn trust(workspace: &Workspace, request: &Request) -> Result<Outcome> {
    let in_service = workspace.environment().text("CI").is_some_and(|value| value != "false" && value != "0");
    if in_service {
        workspace.actor().must_be_person("`autonomy trust`")?;
    } else {
        workspace.must_be_shown_person("`autonomy trust`")?;
    }
    let declarations = declared::all(workspace)?;
    let mut chosen = Vec::new();
    for hash in &request.hashes {
        let Some(found) = declarations.iter().find(|declaration| declaration.digest == *hash) else {
            return Err(Refusal::conflict(format!("nothing that is declared now has the hash `{}`", hash.head(12)))
                .hint("`autonomy trust list` shows what is declared")
                .into());
        };
        chosen.push(found.clone());
    }
    if !chosen.is_empty() {
        TrustStore::open(workspace)?.trust(&chosen, &workspace.person(), workspace.clock())?;
    }
    Ok(Outcome { trusted: chosen })
}

/// What to take trust from.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RevokeRequest {
    /// Names, with or without the kind before them: `tests`, `gate tests`.
    pub names: Vec<String>,
    /// All that is trusted in this clone.
    pub all: bool,
}

/// What lost trust.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct RevokeOutcome {
    /// Each declaration that was trusted.
    pub revoked: Vec<Declaration>,
}

/// Takes trust back; what is declared waits again.
///
/// # Errors
/// Refuses everybody but a person, and names that are not trusted.
pub fn revoke(workspace: &Workspace, request: &RevokeRequest) -> Result<RevokeOutcome> {
    workspace.must_be_shown_person("`autonomy trust revoke`")?;
    let mut store = TrustStore::open(workspace)?;
    let named = |one: &Trusted, name: &str| one.declaration.name == name || one.declaration.label() == name;
    for name in &request.names {
        if !store.list().iter().any(|one| named(one, name)) {
            let near = crate::model::id::nearest(name, store.list().iter().map(|one| (one.declaration.name.as_str(), "")));
            let refusal = Refusal::usage(format!("nothing called `{}` is trusted here", name.escape_debug()));
            let hint = if near.is_empty() {
                "`autonomy trust list` shows what is".to_owned()
            } else {
                format!("nearest: {}", near.join(", "))
            };
            return Err(refusal.hint(hint).into());
        }
    }
    let gone = store.revoke(&|one| request.all || request.names.iter().any(|name| named(one, name)))?;
    Ok(RevokeOutcome { revoked: gone.into_iter().map(|one| one.declaration).collect() })
}

/// The token, made anew: at a terminal only, and never by way of the table.
///
/// # Errors
/// Refuses where there is no terminal, and everybody but a person.
pub fn token(workspace: &Workspace) -> Result<String> {
    workspace.actor().must_be_person("`autonomy trust --token`")?;
    if !workspace.environment().has_terminal() {
        return Err(Refusal::needs_person("a token is made at a terminal only").into());
    }
    trust::make_token(workspace.environment(), workspace.clock())
}

/// The kinds in words, for people.
#[must_use]
pub fn describe(declaration: &Declaration) -> String {
    match declaration.kind {
        Kind::Gate => format!("gate {} would run", declaration.name),
        Kind::Agent => format!("agent {} would be started as", declaration.name),
        Kind::Hook => format!("git hook {} would run", declaration.name),
        Kind::Filter => format!("git filter {} would run", declaration.name),
        Kind::Authority => "the rules of who decides would be".to_owned(),
        Kind::Mcp => format!("agents would start the MCP servers of {}", declaration.name),
        Kind::Client => format!("agents would be started with the settings and hooks of {}", declaration.name),
        Kind::Setup => "each new work tree would be prepared by".to_owned(),
        Kind::Acceptance => format!("task {} would be tested with", declaration.name),
        Kind::Workflow => format!("workflow {} would run", declaration.name),
        Kind::Template => format!("agents would be told, by the template {}", declaration.name),
    }
}
