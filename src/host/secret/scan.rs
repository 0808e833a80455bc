//! Scans what a file holds: the same finds that redaction hides, without those that are plainly examples.
//!
//! Works on bytes and a path; no repository is asked. What a find means for a checkpoint or a commit is decided by the caller.

use std::sync::LazyLock;

use crate::{
    host::secret::{Find, Secrets, assigned, form},
    model::{change::TreePath, id::Digest, secret::Fingerprint},
};

/// What a person writes on a line whose secret is none.
pub const MARKERS: [&str; 2] = ["autonomy:allow-secret", "gitleaks:allow"];

/// How much of a file without line ends may tell that its content is no text.
const HEAD: usize = 8_000;

/// A secret in a file. It never holds the value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The line that it begins on, from 1.
    pub line: u64,
    /// Whose token it is, or how it was found; the name of the variable where it is a variable's value.
    pub kind: String,
    /// What tells it from others, wherever it stands.
    pub fingerprint: Fingerprint,
    /// Whether its line says that it is none.
    pub marked: bool,
}

/// Scans with what is known to everybody: `bytes` are the content of the file at `path`.
///
/// ```
/// let key = ["ghp", "_", "q7Zk2mX9pLw4tRb8sVn3cJd6fHg1yTa5uEo0"].concat();
/// let found = autonomy::host::secret::scan(format!("a\nkey = {key}\n").as_bytes(), None);
/// assert_eq!((found[0].line, found[0].kind.as_str()), (2, "github"));
/// ```
#[must_use]
pub fn scan(bytes: &[u8], path: Option<&TreePath>) -> Vec<Finding> {
    static KNOWN: LazyLock<Secrets> = LazyLock::new(|| Secrets::given([]));
    KNOWN.scan(bytes, path)
}

impl Secrets {
    /// Scans the content of a file, also for the values of this process's own variables. Content that is no text has none.
    #[must_use]
    pub fn scan(&self, bytes: &[u8], path: Option<&TreePath>) -> Vec<Finding> {
        if bytes[..bytes.len().min(HEAD)].contains(&0) {
            return Vec::new();
        }
        let guesses = !path.is_some_and(is_made_by_a_program);
        let (mut line, mut counted) = (1, 0);
        let mut found = Vec::new();
        for find in self.finds(bytes) {
            let value = &bytes[find.range.clone()];
            if !Self::is_likely(&find, value) || (find.kind == assigned::KIND && !guesses) {
                continue;
            }
            line += lines(&bytes[counted..find.range.start]);
            counted = find.range.start;
            found.push(Finding {
                line,
                kind: find.kind.to_owned(),
                fingerprint: fingerprint(find.kind, value),
                marked: is_marked(bytes, find.range.start),
            });
        }
        found
    }

    fn is_likely(find: &Find<'_>, value: &[u8]) -> bool {
        match find.kind {
            assigned::KIND | form::ENCODED => true,
            "private-key" => form::private_key(value, 0).is_some_and(|(_, body)| body >= 64),
            kind if form::is_guess(kind) => assigned::looks_random(value),
            kind if form::is_kind(kind.as_bytes()) => assigned::is_varied(value),
            // The value of a variable of ours.
            _ => true,
        }
    }
}

/// How many lines end in `bytes`.
#[must_use]
pub fn lines(bytes: &[u8]) -> u64 {
    bytes.iter().map(|byte| u64::from(*byte == b'\n')).sum()
}

fn fingerprint(kind: &str, value: &[u8]) -> Fingerprint {
    Fingerprint::of(&Digest::of([kind.as_bytes(), b"\0", value].concat()))
}

/// Whether the line around `at` has a marker.
fn is_marked(bytes: &[u8], at: usize) -> bool {
    let start = bytes[..at].iter().rposition(|&byte| byte == b'\n').map_or(0, |end| end + 1);
    let end = bytes[at..].iter().position(|&byte| byte == b'\n').map_or(bytes.len(), |length| at + length);
    let line = &bytes[start..end];
    MARKERS.iter().any(|marker| line.windows(marker.len()).any(|part| part == marker.as_bytes()))
}

/// Files that package programs write: they are full of checksums and hold no secrets of anybody's.
fn is_made_by_a_program(path: &TreePath) -> bool {
    const NAMES: [&[u8]; 9] = [
        b"Cargo.lock",
        b"package-lock.json",
        b"npm-shrinkwrap.json",
        b"pnpm-lock.yaml",
        b"yarn.lock",
        b"poetry.lock",
        b"uv.lock",
        b"go.sum",
        b"composer.lock",
    ];
    let name = path.as_bytes().rsplit(|&byte| byte == b'/').next().unwrap_or_default();
    NAMES.contains(&name)
}
