//! Which branches take no commits of ours. The facts come from git, the patterns from the settings.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::settings::Branches;

/// What git knows that the rule needs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// Whether the repository has a remote at all.
    pub has_remote: bool,
    /// The branch that `refs/remotes/<remote>/HEAD` points to, for each remote that has one.
    pub remote_heads: Vec<String>,
    /// `init.defaultBranch`, when it is configured.
    pub default_branch: Option<String>,
}

/// Whether a branch takes commits of ours.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Protection {
    /// It does.
    Free,
    /// It does not, for this reason, which follows "the branch is protected: ".
    Protected(String),
}

impl Protection {
    /// Whether the branch is protected.
    #[must_use]
    pub fn is_protected(&self) -> bool {
        matches!(self, Self::Protected(_))
    }
}

/// Rules on `branch`, a short name such as `main`.
///
/// The person's own `branches.protected` takes the place of the default rule: in a repository that has a remote, the
/// branch that the remote's HEAD names, else `init.defaultBranch`, `main` and `master`; without a remote, none. What the
/// repository's settings name comes on top.
#[must_use]
pub fn protection(branch: &str, rules: &Branches, facts: &Facts) -> Protection {
    let named = |list: &[String]| list.iter().find(|pattern| matches(pattern, branch)).cloned();
    if let Some(pattern) = named(&rules.added).or_else(|| rules.protected.as_deref().and_then(named)) {
        return Protection::Protected(format!("`branches.protected` names `{pattern}`"));
    }
    if rules.protected.is_some() || !facts.has_remote {
        return Protection::Free;
    }
    if !facts.remote_heads.is_empty() {
        return if facts.remote_heads.iter().any(|head| head == branch) {
            Protection::Protected("it is the remote's default branch".to_owned())
        } else {
            Protection::Free
        };
    }
    let usual = ["main", "master"].contains(&branch) || facts.default_branch.as_deref() == Some(branch);
    if usual {
        Protection::Protected("it is a default branch of a repository that has a remote".to_owned())
    } else {
        Protection::Free
    }
}

/// Whether `pattern` names `branch`; `*` stands for any characters, none included.
fn matches(pattern: &str, branch: &str) -> bool {
    let Some((start, rest)) = pattern.split_once('*') else { return pattern == branch };
    let Some(mut left) = branch.strip_prefix(start) else { return false };
    let mut parts: Vec<&str> = rest.split('*').collect();
    let end = parts.pop().unwrap_or_default();
    for part in parts {
        match left.find(part) {
            Some(at) => left = &left[at + part.len()..],
            None => return false,
        }
    }
    left.ends_with(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(protected: Option<&[&str]>, added: &[&str]) -> Branches {
        let owned = |list: &[&str]| list.iter().map(|&name| name.to_owned()).collect();
        Branches { protected: protected.map(owned), added: owned(added) }
    }

    fn facts(heads: &[&str], default_branch: Option<&str>) -> Facts {
        Facts {
            has_remote: true,
            remote_heads: heads.iter().map(|&head| head.to_owned()).collect(),
            default_branch: default_branch.map(str::to_owned),
        }
    }

    #[test]
    fn without_settings_the_remotes_default_branch_is_protected() {
        let none = rules(None, &[]);
        let protected = |branch: &str, facts: &Facts| protection(branch, &none, facts).is_protected();
        assert!(!protected("main", &Facts::default()), "a repository without a remote");
        assert!(protected("trunk", &facts(&["trunk"], None)));
        assert!(!protected("main", &facts(&["trunk"], None)), "the remote says that its branch is another");
        for (branch, expected) in [("main", true), ("master", true), ("develop", true), ("topic", false)] {
            assert_eq!(protected(branch, &facts(&[], Some("develop"))), expected, "{branch}");
        }
    }

    #[test]
    fn the_person_replaces_the_rule_and_the_repository_adds_to_it() {
        let here = facts(&["main"], None);
        assert!(!protection("main", &rules(Some(&[]), &[]), &here).is_protected());
        assert!(protection("main", &rules(Some(&[]), &["main"]), &here).is_protected());
        assert!(protection("main", &rules(None, &["release/*"]), &here).is_protected());
        assert_eq!(
            protection("release/1.2", &rules(None, &["release/*"]), &Facts::default()),
            Protection::Protected("`branches.protected` names `release/*`".to_owned())
        );
    }

    #[test]
    fn patterns() {
        for (pattern, branch, expected) in [
            ("release/*", "release/1", true),
            ("release/*", "release", false),
            ("*", "anything/at/all", true),
            ("a*b*c", "a-b-c", true),
            ("a*b*c", "abc", true),
            ("a*b*c", "acb", false),
            ("a*a", "a", false),
            ("main", "main2", false),
        ] {
            assert_eq!(matches(pattern, branch), expected, "{pattern} {branch}");
        }
    }
}
