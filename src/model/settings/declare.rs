//! What the settings of a repository want to run: each gate and agent program becomes a declaration that needs trust.
//!
//! What the person wrote outside the repository needs none. Whether a declaration is trusted is `host::trust`'s to know.

use serde_json::Value;

use crate::model::{
    id::{AgentName, GateName},
    refusal::Refusal,
    settings::{
        AgentProfile, Gate,
        key::Key,
        resolve::{self, Resolved, Variable},
    },
    trust::{Declaration, Kind},
};

/// The declarations of `resolved`, gates first, each in the order of names.
#[must_use]
pub fn declarations(resolved: &Resolved) -> Vec<Declaration> {
    let gates = resolved.settings.gates.keys().map(|name| (Kind::Gate, "gates", name.as_str()));
    let agents = resolved.settings.agents.keys().map(|name| (Kind::Agent, "agents", name.as_str()));
    gates.chain(agents).filter_map(|(kind, table, name)| declaration(resolved, kind, table, name)).collect()
}

/// The declaration of one gate; none when nothing of it comes from the repository.
#[must_use]
pub fn of_gate(resolved: &Resolved, name: &GateName) -> Option<Declaration> {
    declaration(resolved, Kind::Gate, "gates", name.as_str())
}

/// The declaration of one agent; none when nothing of it comes from the repository.
#[must_use]
pub fn of_agent(resolved: &Resolved, name: &AgentName) -> Option<Declaration> {
    declaration(resolved, Kind::Agent, "agents", name.as_str())
}

fn declaration(resolved: &Resolved, kind: Kind, table: &str, name: &str) -> Option<Declaration> {
    let key = Key(vec![table.to_owned(), name.to_owned()]);
    let foreign = resolved.holding().any(|(own, written)| own.is_within(&key) && written.origin.layer.needs_trust());
    let content = foreign.then(|| resolved.tree(&key)).flatten()?;
    Some(Declaration::new(kind, name, &content.to_string()))
}

/// Reads the content of a trusted gate.
///
/// # Errors
/// Refuses content that this version does not understand.
pub fn gate(content: &str) -> Result<Gate, Refusal> {
    let tree = tree(content)?;
    resolve::typed(tree).map_err(|words| Refusal::usage(format!("the trusted gate cannot be read: {words}")))
}

/// Reads the content of a trusted agent, with its variables replaced.
///
/// # Errors
/// Refuses content that this version does not understand, and variables that are not set.
pub fn agent(content: &str, variable: Variable<'_>) -> Result<AgentProfile, Refusal> {
    let tree = resolve::interpolate(&tree(content)?, variable).map_err(Refusal::usage)?;
    resolve::typed(tree).map_err(|words| Refusal::usage(format!("the trusted agent cannot be read: {words}")))
}

fn tree(content: &str) -> Result<Value, Refusal> {
    serde_json::from_str(content).map_err(|error| Refusal::usage(format!("the trusted content is damaged: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::settings::{
        layer::{Document, Layer},
        resolve::resolve,
    };

    fn resolved(layer: Layer, text: &str) -> Resolved {
        let document = Document::of_toml(layer, "f", text).expect("it is TOML");
        resolve(vec![document], None, &|name| (name == "KEY").then(|| "hidden".to_owned())).expect("it is good")
    }

    #[test]
    fn only_what_the_repository_wrote_needs_trust_and_it_is_declared_without_the_values_of_variables() {
        let text =
            "[gates.tests]\ncommand = [\"cargo\", \"test\"]\n[agents.mine]\nprogram = \"mine\"\narguments = [\"${KEY}\"]\n";
        assert_eq!(declarations(&resolved(Layer::User, text)), []);
        let own = declarations(&resolved(Layer::Repository, text));
        let shown: Vec<String> = own.iter().map(|one| format!("{:?} {} {}", one.kind, one.name, one.content)).collect();
        insta::assert_snapshot!(shown.join("\n"), @r#"
        Gate tests {"command":["cargo","test"]}
        Agent mine {"arguments":["${KEY}"],"program":"mine"}
        "#);
        assert_eq!(gate(&own[0].content).expect("it is a gate").command.to_string(), "cargo test");
        let agent = agent(&own[1].content, &|_| Some("value".to_owned())).expect("it is an agent");
        assert_eq!(agent.arguments, ["value"]);
    }

    #[test]
    fn an_agent_that_the_repository_only_changes_is_declared_whole() {
        let own = declarations(&resolved(Layer::Repository, "agents.claude.allow = [\"Bash\"]"));
        insta::assert_snapshot!(own[0].content, @r#"{"allow":["Bash"],"arguments":[],"driver":"claude","program":"claude","prompt":"stdin"}"#);
    }
}
