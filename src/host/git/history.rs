//! Commits in a range and how much they changed.
//!
//! Which commits held a file is asked in `holders`.

use crate::{
    host::{
        Result,
        git::{Identity, Repository, Tried as _, moment, oid, raw_oid},
    },
    model::{change::TreePath, id::Oid, time::Timestamp},
};

/// A commit as reports need it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Commit {
    /// Its id.
    pub id: Oid,
    /// Its parents, the first first.
    pub parents: Vec<Oid>,
    /// Its tree.
    pub tree: Oid,
    /// The first paragraph of the message on one line.
    pub subject: String,
    /// The whole message; bytes that are not UTF-8 are replaced.
    pub message: String,
    /// Who wrote the change.
    pub author: Identity,
    /// When the change was written, in whole seconds.
    pub authored: Timestamp,
    /// When the commit was made, in whole seconds.
    pub committed: Timestamp,
    /// The trailers of the message in their order.
    pub trailers: Vec<(String, String)>,
}

/// How much one path changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathStat {
    /// The path.
    pub path: TreePath,
    /// Lines added and removed; nothing when git takes the file for binary.
    pub lines: Option<(usize, usize)>,
}

/// How much changed between two trees, as `git diff --numstat --no-renames` counts it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Numstat {
    /// Every path that differs.
    pub paths: Vec<PathStat>,
}

impl Numstat {
    /// All lines added.
    #[must_use]
    pub fn insertions(&self) -> usize {
        self.paths.iter().filter_map(|path| path.lines).map(|(added, _)| added).sum()
    }

    /// All lines removed.
    #[must_use]
    pub fn deletions(&self) -> usize {
        self.paths.iter().filter_map(|path| path.lines).map(|(_, removed)| removed).sum()
    }
}

impl Repository {
    /// Reads one commit.
    ///
    /// # Errors
    /// Fails when it is not a commit or cannot be read.
    pub fn commit(&self, id: &Oid) -> Result<Commit> {
        let raw = self.raw.find_commit(raw_oid(id)?).tried(format!("read the commit {id}"))?;
        let message = String::from_utf8_lossy(raw.message_bytes()).into_owned();
        Ok(Commit {
            id: id.clone(),
            parents: raw.parent_ids().map(oid).collect(),
            tree: oid(raw.tree_id()),
            subject: String::from_utf8_lossy(raw.summary_bytes().unwrap_or_default()).into_owned(),
            trailers: trailers(&message),
            message,
            author: Identity::of(&raw.author()),
            authored: moment(raw.author().when()),
            committed: moment(raw.committer().when()),
        })
    }

    /// The commits that `to` has in its history and `from` has not, the newest first, at most `limit`.
    ///
    /// # Errors
    /// Fails when a commit cannot be read.
    pub fn commits(&self, from: Option<&Oid>, to: &Oid, limit: usize) -> Result<Vec<Commit>> {
        self.walk(from, to)?.take(limit).map(|id| self.commit(&oid(id.tried("walk the history")?))).collect()
    }

    /// How many commits `to` has in its history and `from` has not.
    ///
    /// # Errors
    /// Fails when a commit cannot be read.
    pub fn count_commits(&self, from: Option<&Oid>, to: &Oid) -> Result<usize> {
        self.walk(from, to)?.try_fold(0, |count, id| id.map(|_| count + 1)).tried("count commits")
    }

    fn walk(&self, from: Option<&Oid>, to: &Oid) -> Result<git2::Revwalk<'_>> {
        let doing = || format!("walk the history of {}", to.short());
        let mut walk = self.raw.revwalk().tried(doing())?;
        // Unsorted, libgit2 walks by time as git does, without reading the whole history first.
        walk.push(raw_oid(to)?).tried(doing())?;
        if let Some(from) = from {
            walk.hide(raw_oid(from)?).tried(doing())?;
        }
        Ok(walk)
    }

    /// How many lines differ between two commits or trees; `old` is nothing for the empty tree.
    ///
    /// # Errors
    /// Fails when an object cannot be read.
    pub fn numstat(&self, old: Option<&Oid>, new: &Oid) -> Result<Numstat> {
        let doing = || "compare two trees";
        let old = old.map(|old| self.raw_tree(old)).transpose()?;
        let new = self.raw_tree(new)?;
        let mut options = git2::DiffOptions::new();
        options.context_lines(0);
        let diff = self.raw.diff_tree_to_tree(old.as_ref(), Some(&new), Some(&mut options)).tried(doing())?;
        Numstat::of(&diff)
    }
}

impl Numstat {
    /// The figures of one of libgit2's diffs.
    pub(in crate::host::git) fn of(diff: &git2::Diff<'_>) -> Result<Self> {
        let doing = || "count the lines that differ";
        let mut paths = Vec::new();
        for index in 0..diff.deltas().len() {
            let differing = git2::Patch::from_diff(diff, index).tried(doing())?;
            let delta = diff.get_delta(index).expect("because the index is below the number of deltas");
            let Some(path) = delta.new_file().path_bytes().or_else(|| delta.old_file().path_bytes()) else { continue };
            let binary = delta.flags().is_binary();
            let lines = match differing {
                Some(differing) if !binary => {
                    let (_, added, removed) = differing.line_stats().tried(doing())?;
                    Some((added, removed))
                }
                _ if binary => None,
                _ => Some((0, 0)),
            };
            paths.push(PathStat { path: TreePath::new(path.strip_suffix(b"/").unwrap_or(path))?, lines });
        }
        Ok(Self { paths })
    }
}

/// The trailers of a message, such as `Signed-off-by`, in their order.
fn trailers(message: &str) -> Vec<(String, String)> {
    let Ok(found) = git2::message_trailers_strs(message) else { return Vec::new() };
    found.iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::git::fixture::Fixture;

    #[test]
    fn ranges_are_walked_as_git_walks_them() {
        let fixture = Fixture::new();
        let first = fixture.commit_file("a", "1\n");
        fixture.git(&["switch", "-q", "-c", "side"]);
        fixture.commit_file("b", "1\n");
        fixture.git(&["switch", "-q", "main"]);
        fixture.commit_file("a", "2\n");
        fixture.git(&["merge", "-q", "--no-edit", "side"]);
        fixture.git(&[
            "commit",
            "-q",
            "--allow-empty",
            "-m",
            "Subject\nof two lines\n\nBody\n\nAutonomy-Session: s1\nAutonomy-Decision: d1\n  and more",
        ]);
        let (repository, head) = (fixture.repository(), fixture.head());
        let ids = |commits: Vec<Commit>| commits.into_iter().map(|commit| commit.id.to_string()).collect::<Vec<_>>().join("\n");
        let range = format!("{first}..HEAD");
        assert_eq!(
            repository.count_commits(Some(&first), &head).unwrap().to_string(),
            fixture.git(&["rev-list", "--count", &range])
        );
        assert_eq!(ids(repository.commits(None, &head, 2).unwrap()), fixture.git(&["rev-list", "-2", "HEAD"]));
        let commit = repository.commit(&head).unwrap();
        assert_eq!(commit.subject, fixture.git(&["log", "-1", "--format=%s"]));
        assert_eq!(
            commit.trailers,
            [("Autonomy-Session".to_owned(), "s1".to_owned()), ("Autonomy-Decision".to_owned(), "d1\n  and more".to_owned()),]
        );
        assert_eq!(commit.authored.as_millisecond(), 1_795_197_600_000);
    }

    #[test]
    fn lines_are_counted_as_git_counts_them() {
        let fixture = Fixture::new();
        fixture.write("changed", "a\nb\nc\nd\ne\n");
        fixture.write("gone", "1\n2\n");
        fixture.write("binary", b"\0\x01");
        fixture.git(&["add", "-A"]);
        fixture.git(&["commit", "-q", "-m", "One"]);
        fixture.write("changed", "a\nB\nc\ne\nf\ng");
        fixture.write("binary", b"\0\x02");
        fixture.write("new/ü", "x\ny\n");
        fixture.write("empty", "");
        fixture.remove("gone");
        fixture.git(&["add", "-A"]);
        fixture.git(&["commit", "-q", "-m", "Two"]);
        let repository = fixture.repository();
        let stat = repository.numstat(Some(&fixture.oid("HEAD~1")), &fixture.head()).unwrap();
        let ours: Vec<String> = stat
            .paths
            .iter()
            .map(|path| match path.lines {
                Some((added, removed)) => format!("{added}\t{removed}\t{}", path.path),
                None => format!("-\t-\t{}", path.path),
            })
            .collect();
        let git = fixture.git(&["-c", "core.quotePath=false", "diff", "--numstat", "--no-renames", "HEAD~1", "HEAD"]);
        assert_eq!(ours.join("\n"), git);
        assert_eq!((stat.insertions(), stat.deletions()), (5, 4));
        assert_eq!(repository.numstat(None, &fixture.head()).unwrap().paths.len(), 4);
    }
}
