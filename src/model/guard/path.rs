//! Which paths may be read and written: first what is blocked, then what is allowed, and the rest needs a person.
//!
//! Paths come here resolved: whoever asks has followed links, `..` and names of the same file. Names are compared without regard
//! to the case of letters, because some file systems do not regard it either.

use crate::model::guard::{Finding, Rule, call::UNKNOWN};

/// A path as the machine resolves it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// The path without links, `.` and `..`, as far as it exists.
    pub real: String,
    /// Whether anything is there.
    pub exists: bool,
    /// Other names of the same file, among those that a rule protects.
    pub also: Vec<String>,
}

/// What is done to a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Its content is read.
    Read,
    /// It is made or changed.
    Write,
    /// It is removed, with everything below it.
    Remove,
}

/// Where the guard stands, and what the settings add.
#[derive(Clone, Debug, Default)]
pub struct Ground {
    /// The top of the work tree.
    pub root: String,
    /// The git directory of the work tree.
    pub git: String,
    /// The git directory that all work trees share.
    pub common: String,
    /// The person's home.
    pub home: Option<String>,
    /// Where anybody may write: directories for temporary files, and other work trees of the clone.
    pub open: Vec<String>,
    /// Files and directories that settings protect from writing, from the top of the work tree.
    pub protected: Vec<String>,
    /// Files and directories that settings keep from being read and written.
    pub blocked: Vec<String>,
    /// Beginnings of commands that settings deny.
    pub denied: Vec<String>,
}

/// Directories of the system that nobody writes to.
const SYSTEM: [&str; 5] = ["/etc", "/sys", "/proc", "/boot", "/dev"];
/// Devices that hold nothing.
const HARMLESS: [&str; 8] =
    ["/dev/null", "/dev/zero", "/dev/full", "/dev/tty", "/dev/stdin", "/dev/stdout", "/dev/stderr", "/dev/random"];
/// Below home: directories and files of keys, sessions and passwords.
const KEYS: [&str; 26] = [
    ".ssh",
    ".aws",
    ".gnupg",
    ".kube",
    ".azure",
    ".config/gcloud",
    ".config/gh",
    ".config/glab-cli",
    ".config/op",
    ".config/sops",
    ".config/rclone",
    ".docker/config.json",
    ".netrc",
    ".npmrc",
    ".pypirc",
    ".pgpass",
    ".my.cnf",
    ".git-credentials",
    ".config/git/credentials",
    ".cargo/credentials",
    ".cargo/credentials.toml",
    ".claude/.credentials.json",
    ".vault-token",
    ".password-store",
    ".local/share/keyrings",
    ".terraform.d/credentials.tfrc.json",
];
/// Files of the system that hold secrets; what lies below them does too.
const SYSTEM_SECRETS: [&str; 9] = [
    "/etc/shadow",
    "/etc/gshadow",
    "/etc/sudoers",
    "/etc/sudoers.d",
    "/etc/ssl/private",
    "/etc/master.passwd",
    "/etc/security/opasswd",
    "/run/secrets",
    "/var/run/secrets",
];
/// Records and logs below `.claude/` that only our commands change.
pub(in crate::model) const STATE: [&str; 6] = ["sessions", "tasks", "decisions", "questions", "memory", "current_session"];
/// Files below `.claude/` that say what an agent may do.
pub(in crate::model) const GOVERNING: [&str; 6] =
    ["autonomy.toml", "authority.yaml", "agents.yaml", "recovery.yaml", "settings.json", "settings.local.json"];
/// What in a git directory only git changes.
const GIT: [&str; 12] = [
    "config",
    "config.worktree",
    "hooks",
    "refs",
    "objects",
    "head",
    "packed-refs",
    "logs",
    "index",
    "modules",
    "worktrees",
    "commondir",
];

/// Whether `path` is `directory` or lies below it.
#[must_use]
pub fn within(path: &str, directory: &str) -> bool {
    let directory = directory.trim_end_matches('/');
    path.strip_prefix(directory).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn within_folded(path: &str, directory: &str) -> bool {
    within(&path.to_lowercase(), &directory.to_lowercase())
}

/// What speaks against an access.
#[must_use]
pub fn judge(place: &Place, access: Access, ground: &Ground) -> Vec<Finding> {
    let names = std::iter::once(&place.real).chain(&place.also);
    names.filter_map(|real| judge_one(real, access, ground)).collect()
}

fn judge_one(real: &str, access: Access, ground: &Ground) -> Option<Finding> {
    if let Some(own) = ground.blocked.iter().find(|blocked| listed(real, blocked, ground)) {
        return Some(Finding::deny(
            Rule::Blocked,
            format!("`{real}` is kept from agents by `guard.blocked` (`{own}`)"),
            "Ask a person for what is needed from it: `autonomy ask \"<question>\"`",
        ));
    }
    match access {
        Access::Read => is_secret(real, ground).then(|| {
            Finding::deny(
                Rule::SecretRead,
                format!("`{real}` holds secrets, which no agent reads"),
                "Name the variable or the place instead of the value, or ask: `autonomy ask \"<question>\"`",
            )
        }),
        Access::Write | Access::Remove => {
            root(real, access, ground).or_else(|| state(real, access, ground)).or_else(|| elsewhere(real, ground))
        }
    }
}

/// Whether a path is one that the settings name: relative ones from the top of the work tree, `*` for part of a name.
fn listed(real: &str, entry: &str, ground: &Ground) -> bool {
    let whole = match entry.strip_prefix("~/") {
        Some(rest) => format!("{}/{rest}", ground.home.as_deref().unwrap_or("~")),
        None if entry.starts_with('/') => entry.to_owned(),
        None => format!("{}/{entry}", ground.root),
    };
    let (path, whole) = (real.to_lowercase(), whole.to_lowercase());
    let ends = path.match_indices('/').map(|(at, _)| at).chain([path.len()]);
    ends.filter(|end| *end > 0).any(|end| matches(whole.trim_end_matches('/'), &path[..end]))
}

/// Whether `name` fits `pattern`: `*` stands for any characters but `/`, `?` for one.
#[must_use]
pub fn matches(pattern: &str, name: &str) -> bool {
    let (pattern, name): (Vec<char>, Vec<char>) = (pattern.chars().collect(), name.chars().collect());
    let (mut at, mut given, mut back) = (0, 0, None);
    while given < name.len() {
        match pattern.get(at) {
            Some('*') => {
                back = Some((at, given));
                at += 1;
            }
            Some('[') if class(&pattern[at..], name[given]).is_some_and(|(_, fits)| fits) => {
                at += class(&pattern[at..], name[given]).map_or(1, |(length, _)| length);
                given += 1;
            }
            Some(own) if *own == name[given] || (*own == '?' && name[given] != '/') => {
                at += 1;
                given += 1;
            }
            _ => match back {
                Some((star, from)) if name[from] != '/' => {
                    back = Some((star, from + 1));
                    at = star + 1;
                    given = from + 1;
                }
                _ => return false,
            },
        }
    }
    pattern[at..].iter().all(|rest| *rest == '*')
}

/// The length of a bracket expression, and whether a character is of it.
fn class(pattern: &[char], character: char) -> Option<(usize, bool)> {
    let end = pattern.iter().skip(2).position(|own| *own == ']')? + 2;
    let negated = matches!(pattern[1], '!' | '^');
    let inner = &pattern[if negated { 2 } else { 1 }..end];
    let fits =
        inner.contains(&character) || inner.windows(3).any(|range| range[1] == '-' && (range[0]..=range[2]).contains(&character));
    Some((end + 1, fits != negated))
}

/// Whether a file or directory holds secrets, by where it lies and what it is called.
#[must_use]
pub fn is_secret(real: &str, ground: &Ground) -> bool {
    let folded = real.to_lowercase();
    let name = folded.rsplit('/').next().unwrap_or_default();
    let ending = name.rsplit_once('.').map_or("", |(_, ending)| ending);
    let public = matches!(name, "known_hosts" | "authorized_keys") || ending == "pub";
    if let Some(home) = &ground.home
        && KEYS.iter().any(|key| within_folded(real, &format!("{home}/{key}")))
    {
        return !public;
    }
    // Keys of other people on the machine.
    if folded.contains("/.ssh/") || folded.contains("/.aws/") || folded.contains("/.gnupg/") {
        return !public;
    }
    if SYSTEM_SECRETS.iter().any(|secret| within(&folded, secret))
        || (within(&folded, "/etc/ssh") && name.ends_with("_key"))
        || (within(&folded, "/proc") && matches!(name, "environ" | "mem" | "auxv"))
        || ["/dev/sd", "/dev/nvme", "/dev/mem", "/dev/kmem", "/dev/vd"].iter().any(|device| folded.starts_with(device))
    {
        return true;
    }
    is_secret_name(name) || is_secret_directory(&folded, &ground.root.to_lowercase())
}

/// Whether a file of this name, in lower case, holds secrets wherever it lies.
#[must_use]
pub fn is_secret_name(name: &str) -> bool {
    const EXAMPLES: [&str; 9] = ["example", "sample", "template", "tmpl", "dist", "defaults", "default", "schema", "tpl"];
    if name == ".env" || name == ".envrc.local" {
        return true;
    }
    if let Some(rest) = name.strip_prefix(".env.") {
        return !rest.split('.').any(|part| EXAMPLES.contains(&part)) && rest != "d.ts";
    }
    let ending = name.rsplit_once('.').map_or("", |(_, ending)| ending);
    (matches!(ending, "pem" | "key" | "p12" | "pfx" | "jks" | "keystore" | "kdbx" | "ppk") && name.len() > ending.len() + 1)
        || ["id_rsa", "id_dsa", "id_ecdsa", "id_ed25519"].contains(&name)
        || [".netrc", "_netrc", ".git-credentials", ".pgpass", ".htpasswd", "credentials.json", "master.key"].contains(&name)
}

/// A `secrets` directory at the top of the work tree, or a hidden one anywhere; source code about secrets is none.
fn is_secret_directory(folded: &str, root: &str) -> bool {
    const SOURCE: [&str; 14] = ["rs", "py", "ts", "tsx", "js", "jsx", "go", "java", "kt", "rb", "c", "h", "cpp", "md"];
    let ending = folded.rsplit('/').next().and_then(|name| name.rsplit_once('.')).map_or("", |(_, ending)| ending);
    let below = folded.strip_prefix(root).and_then(|rest| rest.strip_prefix('/')).unwrap_or_default();
    (below.starts_with("secrets/") || folded.contains("/.secrets/")) && !SOURCE.contains(&ending)
}

/// What may not be removed because too much hangs on it.
fn root(real: &str, access: Access, ground: &Ground) -> Option<Finding> {
    if access != Access::Remove {
        return None;
    }
    let real = if real.len() > 1 { real.trim_end_matches('/') } else { real };
    if let Some(known) = real.strip_suffix(UNKNOWN).map(|known| known.trim_end_matches('/')) {
        // What cannot be known may be empty, and then it is the root itself.
        return (known.is_empty() || ground.home.as_deref() == Some(known)).then(|| {
            Finding::ask(
                Rule::Root,
                format!("`{real}` may be a root when the variable in it is empty"),
                "Write the path out, or `\"${NAME:?}\"` so that an empty one stops the command",
            )
        });
    }
    let holds = |inner: &str| within_folded(inner, real) || real == "/";
    let top = real.matches('/').count() == 1;
    let home = ground.home.as_deref().is_some_and(&holds);
    let git = holds(&ground.git) || holds(&ground.common);
    if holds(&ground.root) || home || git || top {
        let what = if git && !holds(&ground.root) { "the history of the repository" } else { "everything below it" };
        return Some(Finding::deny(
            Rule::Root,
            format!("removing `{}` would take {what} away", if real.is_empty() { "/" } else { real }),
            "Name what is to be removed: `rm -r <directory in the work tree>`",
        ));
    }
    None
}

/// Our own state, git's, and what governs the agent.
fn state(real: &str, access: Access, ground: &Ground) -> Option<Finding> {
    let folded = real.to_lowercase();
    let by_us = "`autonomy --help` lists the commands that change it";
    for git in [&ground.git, &ground.common] {
        let git = git.to_lowercase();
        if within(&folded, &format!("{git}/autonomy")) || within(&folded, &format!("{git}/refs/autonomy")) {
            return Some(Finding::deny(
                Rule::OwnState,
                format!("`{real}` is the state of autonomy, which only its commands change"),
                by_us,
            ));
        }
    }
    let inside = folded.find("/.git/").map(|at| &folded[at + 6..]);
    let inside = inside.or_else(|| folded.strip_prefix(&format!("{}/", ground.common.to_lowercase())));
    let inside = inside.or_else(|| folded.strip_prefix(&format!("{}/", ground.git.to_lowercase())));
    let temporary =
        ground.open.iter().any(|open| within(real, open)) && !within(real, &ground.root) && !within(real, &ground.common);
    if let Some(first) = inside.and_then(|rest| rest.split('/').next()).filter(|_| !temporary) {
        if GIT.contains(&first) {
            return Some(Finding::deny(
                Rule::GitInternals,
                format!("`{real}` is git's own, and settings and hooks in it are programs that would run as you"),
                "Use git's commands; for hooks and settings ask a person: `autonomy ask \"<question>\"`",
            ));
        }
        if access == Access::Remove && first.rsplit_once('.').is_some_and(|(_, ending)| ending == "lock") {
            return Some(Finding::ask(
                Rule::GitInternals,
                format!("`{real}` may be held by a git that still works"),
                "Wait for it to end; a person removes what a dead one left",
            ));
        }
    }
    let claude = folded.rfind("/.claude").filter(|at| folded[at + 8..].is_empty() || folded[at + 8..].starts_with('/'));
    let Some(at) = claude else { return person_only(&folded, real, ground) };
    let at_home = ground.home.as_deref().is_some_and(|home| home.to_lowercase() == folded[..at]);
    let below = folded[at + 8..].trim_start_matches('/');
    let first = below.split('/').next().unwrap_or_default();
    let covers = access == Access::Remove && below.is_empty();
    if !at_home && (STATE.contains(&first) || covers) {
        return Some(Finding::deny(
            Rule::OwnState,
            format!("`{real}` is the state of autonomy, which only its commands change"),
            "`autonomy task`, `autonomy note`, `autonomy decide`, `autonomy ask` and `autonomy progress` write there",
        ));
    }
    (GOVERNING.contains(&first) || (at_home && first == ".credentials.json"))
        .then(|| {
            Finding::ask(
                Rule::Governing,
                format!("`{real}` says what an agent may do, and a person changes it"),
                "Say what should change and why: `autonomy ask \"<question>\"`",
            )
        })
        .or_else(|| person_only(&folded, real, ground))
}

fn person_only(folded: &str, real: &str, ground: &Ground) -> Option<Finding> {
    if let Some(home) = &ground.home {
        let home = home.to_lowercase();
        if [".config/autonomy", ".local/state/autonomy"].iter().any(|own| within(folded, &format!("{home}/{own}"))) {
            return Some(Finding::deny(
                Rule::Reserved,
                format!("`{real}` holds what a person trusts and allows"),
                "A person changes it: `autonomy trust`, `autonomy config set`",
            ));
        }
    }
    ground.protected.iter().find(|entry| listed(real, entry, ground)).map(|entry| {
        Finding::ask(
            Rule::Protected,
            format!("`{real}` is protected by `guard.protected` (`{entry}`)"),
            "Say what should change and why: `autonomy ask \"<question>\"`",
        )
    })
}

/// Places outside of the work trees.
fn elsewhere(real: &str, ground: &Ground) -> Option<Finding> {
    let folded = real.to_lowercase();
    let fd = within(real, "/dev/fd") || within(real, "/dev/shm") || within(real, "/dev/pts") || within(real, "/dev/tcp");
    if SYSTEM.iter().any(|system| within(&folded, system)) && !HARMLESS.contains(&real) && !fd && !within(real, "/dev/urandom") {
        return Some(Finding::deny(
            Rule::Blocked,
            format!("`{real}` belongs to the system, and no agent writes there"),
            "Say what the system needs: `autonomy ask \"<question>\"`",
        ));
    }
    if let Some(home) = &ground.home
        && KEYS.iter().any(|key| within_folded(real, &format!("{home}/{key}")))
    {
        return Some(Finding::deny(
            Rule::Blocked,
            format!("`{real}` is a place of keys and passwords, and no agent writes there"),
            "Say what is needed: `autonomy ask \"<question>\"`",
        ));
    }
    let ours = [&ground.root, &ground.git, &ground.common].into_iter().chain(&ground.open).any(|open| within(real, open));
    // What begins with something unknown may lie anywhere; asking each time would teach people to say yes.
    (!ours && !real.starts_with(UNKNOWN) && !real.starts_with(&format!("/{UNKNOWN}")) && !HARMLESS.contains(&real) && !fd).then(
        || {
            Finding::ask(
                Rule::Outside,
                format!("`{real}` lies outside the work trees of this repository and the temporary directories"),
                "Write inside the work tree, or let a person do it",
            )
        },
    )
}
