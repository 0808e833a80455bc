//! The types of the keys of a client's settings that matter: one of another type, and the client drops the whole file without a
//! word. Keys that are not listed here may be anything.

use serde_json::Value;

/// What a key holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Type {
    Flag,
    Number,
    Text,
    Object,
    Texts,
    List,
}

impl Type {
    fn fits(self, value: &Value) -> bool {
        match self {
            Self::Flag => value.is_boolean(),
            Self::Number => value.is_number(),
            Self::Text => value.is_string(),
            Self::Object => value.is_object(),
            Self::List => value.is_array(),
            Self::Texts => value.as_array().is_some_and(|all| all.iter().all(Value::is_string)),
        }
    }

    fn word(self) -> &'static str {
        match self {
            Self::Flag => "true or false",
            Self::Number => "a number",
            Self::Text => "text",
            Self::Object => "an object",
            Self::Texts => "a list of texts",
            Self::List => "a list",
        }
    }
}

const TYPES: &[(&str, Type)] = &[
    ("/hooks", Type::Object),
    ("/disableAllHooks", Type::Flag),
    ("/permissions", Type::Object),
    ("/permissions/allow", Type::Texts),
    ("/permissions/ask", Type::Texts),
    ("/permissions/deny", Type::Texts),
    ("/permissions/additionalDirectories", Type::Texts),
    ("/permissions/defaultMode", Type::Text),
    ("/env", Type::Object),
    ("/model", Type::Text),
    ("/statusLine", Type::Object),
    ("/outputStyle", Type::Text),
    ("/attribution", Type::Object),
    ("/includeCoAuthoredBy", Type::Flag),
    ("/cleanupPeriodDays", Type::Number),
    ("/autoCompactEnabled", Type::Flag),
    ("/autoCompactWindow", Type::Number),
    ("/enableAllProjectMcpServers", Type::Flag),
    ("/enabledMcpjsonServers", Type::Texts),
    ("/disabledMcpjsonServers", Type::Texts),
    ("/sandbox", Type::Object),
    ("/worktree", Type::Object),
    ("/plansDirectory", Type::Text),
    ("/enabledPlugins", Type::Object),
    ("/extraKnownMarketplaces", Type::Object),
    ("/claudeMdExcludes", Type::Texts),
];

/// What is of a wrong type in settings, in words.
#[must_use]
pub fn wrong(settings: &Value) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let mut look = |path: &str, value: &Value, wanted: Type| {
        if !wanted.fits(value) {
            let key = path.trim_start_matches('/').replace('/', ".");
            found.push(format!("`{key}` is not {}", wanted.word()));
        }
    };
    for (path, wanted) in TYPES {
        if let Some(value) = settings.pointer(path) {
            look(path, value, *wanted);
        }
    }
    for (name, value) in settings["env"].as_object().into_iter().flatten() {
        look(&format!("env/{name}"), value, Type::Text);
    }
    for (event, groups) in settings["hooks"].as_object().into_iter().flatten() {
        let path = format!("hooks/{event}");
        look(&path, groups, Type::List);
        for group in groups.as_array().into_iter().flatten() {
            // One group without its list of handlers, as older guides show it, ends all hooks.
            look(&format!("{path}/hooks"), &group["hooks"], Type::List);
            for handler in group["hooks"].as_array().into_iter().flatten() {
                look(&format!("{path}/hooks/type"), &handler["type"], Type::Text);
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn one_key_of_a_wrong_type_is_named_and_unknown_keys_are_anybody_s() {
        let good =
            json!({ "cleanupPeriodDays": 30, "later": 7, "hooks": { "Moonrise": [{ "hooks": [{ "type": "command" }] }] } });
        assert_eq!(wrong(&good), Vec::<String>::new());
        let bad = json!({
            "cleanupPeriodDays": "never", "permissions": { "allow": ["a", 1] }, "env": { "PORT": 8080 },
            "hooks": { "Stop": [{ "type": "command", "command": "x" }], "PreCompact": {} },
        });
        insta::assert_snapshot!(wrong(&bad).join("\n"), @r"
        `permissions.allow` is not a list of texts
        `cleanupPeriodDays` is not a number
        `env.PORT` is not text
        `hooks.PreCompact` is not a list
        `hooks.Stop.hooks` is not a list
        ");
    }
}
