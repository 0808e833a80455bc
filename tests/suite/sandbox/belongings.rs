//! What belongs to the user: index, stash, HEAD, branches, reflogs, configuration, hooks and every file outside `.claude/`.
//!
//! Two captures are compared part by part, so that a failure names what was touched.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::{ffi::OsStrExt as _, fs::PermissionsExt as _},
    path::Path,
};

use super::Sandbox;

/// The user's things at one moment, each under the name that a failure shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Belongings(BTreeMap<&'static str, String>);

impl Belongings {
    pub(super) fn of(sandbox: &Sandbox) -> Self {
        let git = |arguments: &[&str]| sandbox.try_git(arguments).to_string();
        let mut parts = BTreeMap::new();
        parts.insert("HEAD", git(&["symbolic-ref", "--quiet", "HEAD"]) + &git(&["rev-parse", "--verify", "--quiet", "HEAD"]));
        parts.insert("branches", git(&["for-each-ref", "refs/heads", "refs/remotes", "refs/stash", "refs/notes", "refs/bisect"]));
        parts.insert("stash", git(&["stash", "list", "--format=%gd %H %P %T %s"]));
        parts.insert("reflogs", git(&["log", "--walk-reflogs", "--branches", "--format=%gD %H %gs", "HEAD"]));
        parts.insert("configuration", git(&["config", "--list", "--local", "--show-origin"]));
        parts
            .insert("staged change", git(&["diff", "--cached", "--binary", "--no-ext-diff", "--", ".", ":(exclude,top).claude"]));
        parts.insert("index entries", git(&["ls-files", "--stage", "-v", "--full-name", "--", ":/"]));
        let listed = ["status", "--porcelain=v2", "--ignored", "--untracked-files=all", "--", ".", ":(exclude,top).claude"];
        parts.insert("status", git(&listed));
        let common = sandbox.path(sandbox.try_git(["rev-parse", "--git-common-dir"]).stdout.trim());
        parts.insert("hooks", shown(&fingerprint(&common.join("hooks"))));
        let mut files = fingerprint(sandbox.work());
        files.retain(|path, _| {
            !(path == ".git" || path.starts_with(".git/") || path == ".claude" || path.starts_with(".claude/"))
        });
        parts.insert("files", shown(&files));
        Self(parts)
    }

    /// Asserts that nothing differs but the parts in `but`.
    #[track_caller]
    pub(crate) fn assert_same(&self, before: &Self, but: &[&str]) {
        for (part, now) in &self.0 {
            let then = &before.0[part];
            assert!(but.contains(part) || now == then, "{part} changed:\n--- before\n{then}\n--- after\n{now}");
        }
    }
}

fn shown(files: &BTreeMap<String, String>) -> String {
    files.iter().map(|(path, what)| [path, "  ", what, "\n"].concat()).collect()
}

/// Every path below `directory` with its kind, permission bits and content; a missing directory has no paths.
pub(crate) fn fingerprint(directory: &Path) -> BTreeMap<String, String> {
    let mut files = BTreeMap::new();
    for entry in walkdir::WalkDir::new(directory).min_depth(1).into_iter().filter_map(Result::ok) {
        let relative = entry.path().strip_prefix(directory).expect("it lies below");
        let metadata = entry.path().symlink_metadata().expect("it was just listed");
        let mode = metadata.permissions().mode() & 0o7777;
        let kind = metadata.file_type();
        let what = if kind.is_symlink() {
            format!("link to {}", fs::read_link(entry.path()).expect("a link").as_os_str().as_bytes().escape_ascii())
        } else if kind.is_dir() {
            format!("directory {mode:o}")
        } else if kind.is_file() {
            let content = fs::read(entry.path()).unwrap_or_default();
            format!("file {mode:o} {} {}", content.len(), autonomy::model::id::Digest::of(&content))
        } else {
            format!("special {mode:o}")
        };
        files.insert(relative.as_os_str().as_bytes().escape_ascii().to_string(), what);
    }
    files
}
