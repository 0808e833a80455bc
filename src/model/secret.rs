//! Secrets in files: what is told of one, which names of files give one away, and which a person has allowed.
//!
//! No value is ever held here. Content is looked through by `host::secret`.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::{
    change::TreePath,
    id::Digest,
    ignore::{Case, Rules, Standing, ignored},
};

/// How many hexadecimal digits a fingerprint has: enough to tell secrets apart, too few to try values against.
const DIGITS: usize = 12;

/// What tells a secret from others without telling it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Fingerprint(String);

impl Fingerprint {
    /// The fingerprint of a secret with this digest.
    #[must_use]
    pub fn of(digest: &Digest) -> Self {
        Self(digest.head(DIGITS).to_owned())
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// A secret in a file, as it is told.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct Leak {
    /// The file.
    pub path: TreePath,
    /// The line that it begins on, from 1.
    pub line: u64,
    /// Whose token it is, or how it was found.
    pub rule: String,
    /// What `secrets.allow` takes to allow it.
    pub fingerprint: Fingerprint,
}

impl fmt::Display for Leak {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{} ({}, {})", self.path, self.line, self.rule, self.fingerprint)
    }
}

/// What a person allows: patterns of paths, as in an ignore file, and fingerprints.
#[derive(Clone, Debug, Default)]
pub struct Allowed {
    paths: Rules,
    fingerprints: Vec<String>,
}

impl Allowed {
    /// Reads the list of the settings.
    #[must_use]
    pub fn of(list: &[String]) -> Self {
        let is_fingerprint = |entry: &&String| entry.len() == DIGITS && entry.bytes().all(|byte| byte.is_ascii_hexdigit());
        let (fingerprints, patterns): (Vec<&String>, Vec<&String>) = list.iter().partition(is_fingerprint);
        let text = patterns.into_iter().map(String::as_str).collect::<Vec<_>>().join("\n");
        Self {
            paths: Rules::default().within(b"", text.as_bytes(), Case::Sensitive),
            fingerprints: fingerprints.into_iter().cloned().collect(),
        }
    }

    /// Whether files at `path` may hold whatever they like.
    #[must_use]
    pub fn holds_path(&self, path: &TreePath) -> bool {
        ignored(path, Standing::Other, |_| self.paths.clone())
    }

    /// Whether this secret may stand anywhere.
    #[must_use]
    pub fn holds(&self, fingerprint: &Fingerprint) -> bool {
        self.fingerprints.contains(&fingerprint.0)
    }
}

/// Whether a file is kept for secrets, by its name.
#[must_use]
pub fn is_named(path: &[u8]) -> bool {
    const NAMES: [&str; 17] = [
        ".netrc",
        "_netrc",
        ".pgpass",
        ".my.cnf",
        ".git-credentials",
        ".htpasswd",
        ".dockercfg",
        ".pypirc",
        ".s3cfg",
        ".vault-token",
        "id_rsa",
        "id_dsa",
        "id_ecdsa",
        "id_ed25519",
        "id_ecdsa_sk",
        "id_ed25519_sk",
        "master.key",
    ];
    const ENDS: [&str; 8] = [".p12", ".pfx", ".jks", ".keystore", ".kdbx", ".ppk", ".agekey", ".ovpn"];
    const PLACES: [&str; 5] =
        [".aws/credentials", ".docker/config.json", ".kube/config", ".config/gh/hosts.yml", ".cargo/credentials.toml"];
    let path = path.to_ascii_lowercase();
    let name = path.rsplit(|&byte| byte == b'/').next().unwrap_or_default();
    let below = |place: &str| path.strip_suffix(place.as_bytes()).is_some_and(|rest| rest.is_empty() || rest.ends_with(b"/"));
    is_environment(name)
        || NAMES.iter().any(|known| name == known.as_bytes())
        || ENDS.iter().any(|end| name.ends_with(end.as_bytes()))
        || PLACES.iter().any(|place| below(place))
}

/// `.env`, `.env.local`, `prod.env`, but not what only shows which variables there are.
fn is_environment(name: &[u8]) -> bool {
    const SHOWN: [&str; 8] = ["example", "sample", "template", "dist", "defaults", "schema", "tpl", "tmpl"];
    let mut parts = name.split(|&byte| byte == b'.').skip(1);
    let parts: Vec<&[u8]> = parts.by_ref().collect();
    let is_it = name == b".env" || name.starts_with(b".env.") || parts.last() == Some(&&b"env"[..]);
    is_it && !parts.iter().any(|part| SHOWN.iter().any(|shown| *part == shown.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_files_that_are_kept_for_secrets() {
        for path in [".env", "a/.env.local", "prod.env", "a/.env.production", "id_ed25519", "x/Key.P12", "home/.aws/credentials"]
        {
            assert!(is_named(path.as_bytes()), "{path}");
        }
        for path in
            [".env.example", ".env.local.sample", "env", "environment.rs", "id_rsa.pub", "aws/credentials", ".envrc", "a.pem"]
        {
            assert!(!is_named(path.as_bytes()), "{path}");
        }
    }

    #[test]
    fn paths_and_fingerprints_are_allowed() {
        let allowed = Allowed::of(&["tests/fixtures/".into(), "*.pem".into(), "0123456789ab".into()]);
        let path = |text: &str| text.parse::<TreePath>().expect("a clean path");
        assert!(allowed.holds_path(&path("tests/fixtures/a/b.txt")) && allowed.holds_path(&path("x/y.pem")));
        assert!(!allowed.holds_path(&path("src/a.rs")));
        assert!(allowed.holds(&Fingerprint("0123456789ab".into())) && !allowed.holds(&Fingerprint("ffffffffffff".into())));
    }
}
