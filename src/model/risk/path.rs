//! What a file is there for, as far as its path says.

use crate::model::{
    guard::path::{GOVERNING, STATE},
    source::language::{is_beside, is_for_tests},
};

/// Files that tools write to hold versions.
const LOCKS: [&str; 13] = [
    "cargo.lock",
    "package-lock.json",
    "npm-shrinkwrap.json",
    "yarn.lock",
    "pnpm-lock.yaml",
    "bun.lock",
    "bun.lockb",
    "poetry.lock",
    "uv.lock",
    "pipfile.lock",
    "go.sum",
    "gemfile.lock",
    "composer.lock",
];

/// Words of a path that tell of who may do what, and of what is secret.
const SECURITY: [&str; 23] = [
    "auth",
    "authn",
    "authz",
    "authentication",
    "authorization",
    "oauth",
    "oidc",
    "saml",
    "login",
    "session",
    "password",
    "passwords",
    "crypto",
    "cryptography",
    "encryption",
    "secret",
    "secrets",
    "credential",
    "credentials",
    "permission",
    "permissions",
    "acl",
    "csrf",
];

/// Words of a path that tell of the form in which data is stored.
const SCHEMA: [&str; 5] = ["migration", "migrations", "migrate", "schema", "schemas"];

/// What a file is there for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "a file can be several of them")]
pub struct Purpose {
    /// Tests the product.
    pub tests: bool,
    /// Lies beside the product: examples, measurements, documentation.
    pub beside: bool,
    /// Holds versions.
    pub lock: bool,
    /// Says in which form data is stored.
    pub schema: bool,
    /// Is about who may do what, and what is secret.
    pub security: bool,
    /// Says what is built and tested where.
    pub pipeline: bool,
    /// Says what users run, and on which machines.
    pub deployment: bool,
    /// Says what agents may do.
    pub rules: bool,
}

/// What the file at `path` is there for.
#[must_use]
pub fn purpose(path: &str) -> Purpose {
    let lower = path.to_lowercase();
    let (folders, name) = lower.rsplit_once('/').unwrap_or(("", &lower));
    let ending = name.rsplit_once('.').map_or("", |(_, ending)| ending);
    let stem = name.split('.').next().unwrap_or(name);
    let in_folder = |wanted: &[&str]| folders.split('/').any(|folder| wanted.contains(&folder));
    let says = |words: &[&str]| lower.split(|letter: char| !letter.is_ascii_alphanumeric()).any(|word| words.contains(&word));
    let tests = is_for_tests(path);
    let beside = is_beside(path) || matches!(ending, "md" | "mdx" | "rst" | "txt" | "adoc");
    let product = !tests && !beside;
    Purpose {
        tests,
        beside,
        lock: LOCKS.contains(&name),
        schema: product && (matches!(ending, "sql" | "prisma" | "proto" | "graphql" | "avsc") || in_folder(&SCHEMA)),
        security: product && (says(&SECURITY) || matches!(ending, "pem" | "key" | "crt") || name == "codeowners"),
        pipeline: lower.starts_with(".github/workflows/")
            || lower.starts_with(".github/actions/")
            || lower.starts_with(".circleci/")
            || lower.starts_with(".buildkite/")
            || matches!(name, ".gitlab-ci.yml" | ".travis.yml" | "azure-pipelines.yml" | "jenkinsfile"),
        deployment: !tests
            && (matches!(ending, "tf" | "tfvars" | "hcl")
                || stem == "dockerfile"
                || stem.starts_with("docker-compose")
                || matches!(name, "procfile" | "fly.toml" | "vercel.json" | "netlify.toml" | "chart.yaml" | "serverless.yml")
                || in_folder(&["k8s", "kubernetes", "helm", "terraform", "ansible", "deploy", "deployment", "infra"])),
        rules: lower == ".mcp.json"
            || lower.strip_prefix(".claude/").is_some_and(|rest| {
                let folder = rest.split('/').next().unwrap_or_default();
                GOVERNING.contains(&rest) || matches!(folder, "hooks" | "agents" | "skills" | "commands" | "templates")
            }),
    }
}

/// Whether the file at `path` is a record or a log that only this program writes; it says nothing of the product.
#[must_use]
pub fn is_record(path: &str) -> bool {
    let below = path.strip_prefix(".claude/").map(|rest| rest.split('/').next().unwrap_or_default());
    below.is_some_and(|folder| STATE.contains(&folder))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_says_what_its_file_is_there_for() {
        type Is = fn(&Purpose) -> bool;
        let cases: [(&str, Is); 11] = [
            ("Cargo.lock", |of| of.lock),
            ("db/migrations/001_users.sql", |of| of.schema),
            ("src/auth/token.rs", |of| of.security),
            (".github/workflows/ci.yml", |of| of.pipeline),
            ("infra/main.tf", |of| of.deployment),
            ("Dockerfile", |of| of.deployment),
            (".claude/authority.yaml", |of| of.rules),
            (".claude/skills/x/SKILL.md", |of| of.rules),
            ("tests/auth.rs", |of| of.tests && !of.security),
            ("docs/permissions.md", |of| of.beside && !of.security),
            ("src/author.rs", |of| !of.security && *of == Purpose::default()),
        ];
        for (path, is) in cases {
            assert!(is(&purpose(path)), "{path}: {:?}", purpose(path));
        }
    }
}
