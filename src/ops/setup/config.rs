//! `config`: what holds, whence it comes, and setting one key without touching the rest of the file.
//!
//! What a variable of the environment holds is never part of an outcome: values are shown as they were written.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    host::{
        Result,
        settings::{self, REPOSITORY_FILE},
        store::{
            place::Place,
            write::{self, Durability},
        },
        workspace::Workspace,
    },
    model::{
        refusal::Refusal,
        settings::{
            edit,
            key::{self, Key, MOOT, RENAMED},
            layer::Layer,
            resolve::{self, Origin},
        },
    },
    ops::setup::change,
};

/// Nothing to say.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ShowRequest {}

/// Everything that holds.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct ShowOutcome {
    /// The profiles that apply, the weakest first.
    pub profiles: Vec<String>,
    /// Each key that has a value, in the order of the alphabet.
    pub settings: Vec<Holding>,
    /// What is not honoured, or has no effect.
    pub warnings: Vec<String>,
}

/// One value and whence it comes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Holding {
    /// The key.
    pub key: String,
    /// The value as it was written.
    pub value: Value,
    /// Whence it comes.
    pub origin: Origin,
}

/// Shows every value.
///
/// # Errors
/// Refuses settings that are wrong, with file, line and column.
pub fn show(workspace: &Workspace, _request: &ShowRequest) -> Result<ShowOutcome> {
    let resolved = workspace.resolved()?;
    let settings = resolved
        .holding()
        // A table without a key only says that it is there.
        .filter(|(_, written)| !written.value.as_object().is_some_and(serde_json::Map::is_empty))
        .map(|(key, written)| Holding { key: key.to_string(), value: written.value.clone(), origin: written.origin.clone() })
        .collect();
    Ok(ShowOutcome { profiles: resolved.profiles.clone(), settings, warnings: resolved.warnings.clone() })
}

/// Which key.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct KeyRequest {
    /// The key, such as `run.max_hours`.
    pub key: String,
}

/// The value that holds.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct GetOutcome {
    /// The value as it was written; a table when the key names one.
    pub value: Value,
}

/// The value of one key.
///
/// # Errors
/// Refuses a key that does not exist, and says no when it has no value.
pub fn get(workspace: &Workspace, request: &KeyRequest) -> Result<GetOutcome> {
    let key = known(&request.key)?;
    match workspace.resolved()?.tree(&key) {
        Some(value) => Ok(GetOutcome { value }),
        None => Err(Refusal::no(format!("`{key}` is not set and has no default")).into()),
    }
}

/// What is known about a key.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct ExplainOutcome {
    /// The key.
    pub key: String,
    /// What it means.
    pub meaning: String,
    /// The value when nothing sets it.
    pub default: Option<Value>,
    /// Everything that sets it, the strongest first; the first one holds.
    pub written: Vec<Holding>,
    /// Why it has no effect, when it has none.
    pub moot: Option<String>,
}

/// What a key means, and everything that sets it.
///
/// # Errors
/// Refuses a key that does not exist.
pub fn explain(workspace: &Workspace, request: &KeyRequest) -> Result<ExplainOutcome> {
    let asked: Key = request.key.parse()?;
    if let Some((path, why)) = MOOT.into_iter().find(|(path, _)| asked.is(path)) {
        return Ok(ExplainOutcome {
            key: path.to_owned(),
            meaning: "A key of the founding documents that is accepted and has no effect.".to_owned(),
            default: None,
            written: Vec::new(),
            moot: Some(why.to_owned()),
        });
    }
    let renamed = RENAMED.into_iter().find(|(path, ..)| asked.is(path));
    let key = known(renamed.map_or(request.key.as_str(), |(_, now, _)| now))?;
    let resolved = workspace.resolved()?;
    let Some(found) = key::known(&key) else {
        let below: Vec<String> =
            key::all().into_iter().map(|one| one.path).filter(|path| path.starts_with(&format!("{}.", key.0[0]))).collect();
        return Err(Refusal::usage(format!("`{key}` is a table, not one setting"))
            .hint(format!("it holds {}", below.join(", ")))
            .into());
    };
    let written = resolved
        .written(&key)
        .iter()
        .map(|one| Holding { key: key.to_string(), value: one.value.clone(), origin: one.origin.clone() })
        .collect();
    Ok(ExplainOutcome { key: key.to_string(), meaning: found.meaning, default: found.default, written, moot: None })
}

/// Whose file is changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Whose {
    /// The repository's, `.claude/autonomy.toml`.
    #[default]
    Repository,
    /// The person's own, outside every repository.
    User,
}

/// What to set.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SetRequest {
    /// The key.
    pub key: String,
    /// The value as text: what reads as TOML and fits is taken as that, all else as text.
    pub value: String,
    /// Whose file.
    #[serde(default)]
    pub whose: Whose,
}

/// What was set.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct SetOutcome {
    /// The key.
    pub key: String,
    /// The value.
    pub value: Value,
    /// The file that was changed.
    pub file: String,
    /// What holds instead, when something stronger sets the key too, and whence.
    pub hidden_by: Option<Holding>,
}

/// Sets one key in a file of settings.
///
/// # Errors
/// Refuses everybody but a person, a key that does not exist, a value of the wrong kind, and whatever would make the
/// settings as a whole wrong; the file is left as it was then.
pub fn set(workspace: &Workspace, request: &SetRequest) -> Result<SetOutcome> {
    workspace.actor().must_be_person("`autonomy config set`")?;
    let key = known(&request.key)?;
    let value = resolve::fitting(&key, &request.value)?;
    let (path, shown, layer) = match request.whose {
        Whose::Repository => (write::inside(workspace.root(), REPOSITORY_FILE)?, REPOSITORY_FILE.to_owned(), Layer::Repository),
        Whose::User => {
            let path = settings::user_file(workspace.environment())?;
            (path.clone(), path.display().to_string(), Layer::User)
        }
    };
    let old = match request.whose {
        Whose::Repository => change::read(workspace, REPOSITORY_FILE)?,
        Whose::User => settings::read_user(workspace.environment())?,
    };
    let text = edit::set(&shown, old.as_deref(), &key, &value)?;
    workspace.settings_with(layer, &text)?;
    match request.whose {
        Whose::Repository => {
            Place::make_way(workspace.root(), REPOSITORY_FILE)?.replace(text.as_bytes(), Durability::Synced)?;
        }
        Whose::User => settings::write_user(&path, &text)?,
    }
    let fresh = workspace.reread_settings()?;
    let holds = fresh.written(&key).first().filter(|one| one.origin.layer != layer);
    let hidden_by = holds.map(|one| Holding { key: key.to_string(), value: one.value.clone(), origin: one.origin.clone() });
    Ok(SetOutcome { key: key.to_string(), value, file: shown, hidden_by })
}

/// Nothing to say.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ValidateRequest {}

/// The settings are good.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct ValidateOutcome {
    /// How many values were written by somebody.
    pub values: usize,
    /// What is not honoured, or has no effect.
    pub warnings: Vec<String>,
}

/// Checks the settings as a whole.
///
/// # Errors
/// Refuses settings that are wrong, with file, line and column.
pub fn validate(workspace: &Workspace, _request: &ValidateRequest) -> Result<ValidateOutcome> {
    let resolved = workspace.resolved()?;
    let by_hand = |layer: Layer| !matches!(layer, Layer::Default | Layer::Preset);
    let values = resolved.holding().filter(|(_, written)| by_hand(written.origin.layer)).count();
    Ok(ValidateOutcome { values, warnings: resolved.warnings.clone() })
}

fn known(text: &str) -> Result<Key, Refusal> {
    let key: Key = text.parse()?;
    if let Some((path, why)) = MOOT.into_iter().find(|(path, _)| key.is(path)) {
        return Err(Refusal::usage(format!("`{path}` has no effect: {why}")));
    }
    key::check(&key)?;
    Ok(key)
}
