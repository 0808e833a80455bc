//! What differs between HEAD, the index and the work tree.
//!
//! The structured form comes from libgit2 and says facts about single files; the text for people comes from the git program
//! itself, so that it is what `git status` would have said.

use git2::IndexEntryExtendedFlag;

use crate::{
    host::{
        Result,
        environment::Environment,
        git::{Numstat, RefStore, Repository, Tried as _},
    },
    model::{
        change::{ChangeKind, TreePath},
        id::Oid,
    },
};

/// What differs, path by path; renames count as a deletion and an addition.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// Between HEAD and the index.
    pub staged: Vec<(TreePath, ChangeKind)>,
    /// Between the index and the work tree, of files that git tracks.
    pub unstaged: Vec<(TreePath, ChangeKind)>,
    /// Files that git neither tracks nor ignores; a repository inside the work tree is one path.
    pub untracked: Vec<TreePath>,
    /// Files that a merge left unresolved.
    pub unmerged: Vec<TreePath>,
}

impl Status {
    /// Whether nothing differs, untracked files aside.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.staged.is_empty() && self.unstaged.is_empty() && self.unmerged.is_empty()
    }

    /// Every path that differs in any way, in order.
    #[must_use]
    pub fn paths(&self) -> Vec<TreePath> {
        let changed = self.staged.iter().chain(&self.unstaged).map(|(path, _)| path);
        let mut paths: Vec<TreePath> = changed.chain(&self.untracked).chain(&self.unmerged).cloned().collect();
        paths.sort();
        paths.dedup();
        paths
    }
}

impl Repository {
    /// What differs between HEAD, the index and the work tree. Nothing is refreshed and no program is run.
    ///
    /// # Errors
    /// Fails when the index or the work tree cannot be read.
    pub fn status(&self) -> Result<Status> {
        use git2::Status as Flag;
        if self.ref_store == RefStore::Program {
            return self.status_by_program();
        }
        let index = self.index()?;
        let mut options = git2::StatusOptions::new();
        options.include_untracked(true).recurse_untracked_dirs(true).include_ignored(false).renames_head_to_index(false);
        let entries = self.raw.statuses(Some(&mut options)).tried("compare HEAD, the index and the work tree")?;
        let mut status = Status::default();
        let kinds = |flags: Flag, pairs: [(Flag, ChangeKind); 4]| pairs.into_iter().find(|(flag, _)| flags.intersects(*flag));
        for entry in entries.iter() {
            let bytes = entry.path_bytes();
            let path = TreePath::new(bytes.strip_suffix(b"/").unwrap_or(bytes))?;
            let flags = entry.status();
            if flags.intersects(Flag::CONFLICTED) {
                status.unmerged.push(path);
                continue;
            }
            let staged = [
                (Flag::INDEX_NEW, ChangeKind::Added),
                (Flag::INDEX_DELETED, ChangeKind::Deleted),
                (Flag::INDEX_TYPECHANGE, ChangeKind::Type),
                (Flag::INDEX_MODIFIED, ChangeKind::Modified),
            ];
            let unstaged = [
                (Flag::empty(), ChangeKind::Added),
                (Flag::WT_DELETED, ChangeKind::Deleted),
                (Flag::WT_TYPECHANGE, ChangeKind::Type),
                (Flag::WT_MODIFIED, ChangeKind::Modified),
            ];
            if let Some((_, kind)) = kinds(flags, staged) {
                status.staged.push((path.clone(), kind));
            }
            let left_out = flags.intersects(Flag::WT_DELETED) && is_left_out(&index, &path);
            if let Some((_, kind)) = kinds(flags, unstaged).filter(|_| !left_out) {
                status.unstaged.push((path.clone(), kind));
            }
            if flags.intersects(Flag::WT_NEW) {
                status.untracked.push(path);
            }
        }
        Ok(status)
    }

    /// The same, asked of the git program.
    fn status_by_program(&self) -> Result<Status> {
        let printed = {
            let quoting = ["-c", "core.quotePath=true", "status", "--porcelain", "--untracked-files=all", "--no-renames"];
            self.ask_git(&quoting, &self.environment)?
        };
        let mut status = Status::default();
        let kind = |letter: u8| match letter {
            b'A' => Some(ChangeKind::Added),
            b'D' => Some(ChangeKind::Deleted),
            b'T' => Some(ChangeKind::Type),
            b'M' => Some(ChangeKind::Modified),
            _ => None,
        };
        for line in printed.lines() {
            let Some((letters, path)) = line.split_at_checked(3) else { continue };
            let &[staged, unstaged, _] = letters.as_bytes() else { continue };
            let path = TreePath::try_from(path.strip_suffix('/').unwrap_or(path).to_owned())?;
            match (staged, unstaged) {
                (b'?', b'?') => status.untracked.push(path),
                (b'U', _) | (_, b'U') | (b'A', b'A') | (b'D', b'D') => status.unmerged.push(path),
                _ => {
                    status.staged.extend(kind(staged).map(|kind| (path.clone(), kind)));
                    status.unstaged.extend(kind(unstaged).map(|kind| (path.clone(), kind)));
                }
            }
        }
        Ok(status)
    }

    /// What `git status --porcelain` prints.
    ///
    /// # Errors
    /// Fails when git does.
    pub fn status_text(&self, environment: &Environment) -> Result<String> {
        self.ask_git(&["status", "--porcelain"], environment)
    }

    /// What `git log --oneline` prints for the last `limit` commits of HEAD; nothing in a repository without commits.
    ///
    /// # Errors
    /// Fails when git does.
    pub fn log_text(&self, environment: &Environment, limit: usize) -> Result<String> {
        if self.head()?.commit().is_none() {
            return Ok(String::new());
        }
        self.ask_git(&["log", "--oneline", "--no-color", &format!("-{limit}")], environment)
    }

    /// How much the work tree differs from a commit or tree (`old` is nothing for the empty tree); new files that are not
    /// ignored count, `.claude/` does not.
    ///
    /// # Errors
    /// Fails when git's data or the work tree cannot be read.
    pub fn numstat_of_work_tree(&self, old: Option<&Oid>) -> Result<Numstat> {
        let old = old.map(|old| self.raw_tree(old)).transpose()?;
        let index = self.index()?;
        let mut options = git2::DiffOptions::new();
        options.context_lines(0).include_untracked(true).recurse_untracked_dirs(true).show_untracked_content(true);
        let diff = self
            .raw
            .diff_tree_to_workdir_with_index(old.as_ref(), Some(&mut options))
            .tried("compare the work tree with a commit")?;
        let mut figures = Numstat::of(&diff)?;
        let stands = |path: &TreePath| path.join_to(self.root()).symlink_metadata().is_ok();
        figures.paths.retain(|path| !path.path.is_claude() && (stands(&path.path) || !is_left_out(&index, &path.path)));
        Ok(figures)
    }
}

/// Whether a sparse checkout leaves the path out, of which libgit2 does not know.
fn is_left_out(index: &git2::Index, path: &TreePath) -> bool {
    let entry = index.get_path(&path.join_to("".as_ref()), 0);
    entry.is_some_and(|entry| IndexEntryExtendedFlag::from_bits_truncate(entry.flags_extended).is_skip_worktree())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;
    use crate::host::git::fixture::{Fixture, path};

    /// Our structured form as `git status --porcelain -uall --no-renames` writes it.
    fn as_text(status: &Status) -> Vec<String> {
        let letter = |list: &[(TreePath, ChangeKind)], path: &TreePath| {
            list.iter().find(|(found, _)| found == path).map_or(' ', |(_, kind)| kind.letter())
        };
        let mut lines: Vec<String> = status
            .paths()
            .iter()
            .filter(|path| !status.untracked.contains(path) || letter(&status.staged, path) != ' ')
            .map(|path| format!("{}{} {path}", letter(&status.staged, path), letter(&status.unstaged, path)))
            .collect();
        lines.extend(status.untracked.iter().map(|path| format!("?? {path}")));
        lines.sort();
        lines
    }

    fn check(fixture: &Fixture) {
        let git = fixture.git(&["status", "--porcelain", "-z", "-uall", "--no-renames"]);
        let line = |entry: &str| format!("{} {}", &entry[..2], path(entry[3..].trim_end_matches('/')));
        let mut git: Vec<String> = git.split_terminator('\0').map(line).collect();
        git.sort();
        assert_eq!(as_text(&fixture.repository().status().unwrap()), git);
        let text = fixture.repository().status_text(&fixture.environment()).unwrap();
        assert_eq!(text, String::from_utf8_lossy(&fixture.try_git(&["status", "--porcelain"]).stdout));
    }

    #[test]
    fn every_kind_of_difference_is_what_git_says() {
        let fixture = Fixture::new();
        check(&fixture);
        fixture.write("unborn", "1\n");
        fixture.git(&["add", "unborn"]);
        check(&fixture);
        for name in ["same", "staged", "unstaged", "both", "gone", "removed", "kind", "mode", "moved from", "d/x"] {
            fixture.write(name, format!("{name} has several lines\nso that git\nsees a rename\n"));
        }
        fixture.write(".gitignore", "ignored*\n");
        fixture.git(&["add", "-A"]);
        fixture.git(&["commit", "-q", "-m", "All"]);
        check(&fixture);
        fixture.write("staged", "2\n");
        fixture.write("both", "2\n");
        fixture.git(&["add", "-A"]);
        fixture.git(&["rm", "-q", "gone"]);
        fixture.git(&["mv", "moved from", "moved to"]);
        fixture.write("both", "3\n");
        fixture.write("unstaged", "2\n");
        fixture.remove("removed");
        fixture.remove("kind");
        symlink("same", fixture.root().join("kind")).unwrap();
        std::fs::set_permissions(fixture.root().join("mode"), std::fs::Permissions::from_mode(0o755)).unwrap();
        fixture.write("new/deep/a", "1\n");
        fixture.write("new/b", "1\n");
        fixture.write("ü \"x\"", "1\n");
        fixture.write("ignored", "1\n");
        fixture.git(&["init", "-q", "inner"]);
        fixture.write("inner/a", "1\n");
        check(&fixture);
        assert!(!fixture.repository().status().unwrap().is_clean());
        fixture.git(&["add", "--intent-to-add", "new/b"]);
        let text = fixture.repository().status_text(&fixture.environment()).unwrap();
        assert!(text.contains(" A new/b\n"), "{text}");
    }

    #[test]
    fn unmerged_paths_have_their_letters() {
        let fixture = Fixture::new();
        for name in ["both", "theirs-gone", "ours-gone"] {
            fixture.commit_file(name, "base\n");
        }
        fixture.git(&["switch", "-q", "-c", "side"]);
        fixture.commit_file("both", "side\n");
        fixture.commit_file("ours-gone", "side\n");
        fixture.commit_file("added", "side\n");
        fixture.git(&["rm", "-q", "theirs-gone"]);
        fixture.git(&["commit", "-q", "-m", "gone"]);
        fixture.git(&["switch", "-q", "main"]);
        fixture.commit_file("both", "main\n");
        fixture.commit_file("theirs-gone", "main\n");
        fixture.commit_file("added", "main\n");
        fixture.git(&["rm", "-q", "ours-gone"]);
        fixture.git(&["commit", "-q", "-m", "gone"]);
        fixture.try_git(&["merge", "-q", "side"]);
        insta::assert_snapshot!(fixture.repository().status_text(&fixture.environment()).unwrap(), @r"
        AA added
        UU both
        DU ours-gone
        UD theirs-gone
        ");
        let unmerged = ["added", "both", "ours-gone", "theirs-gone"].map(path);
        assert_eq!(fixture.repository().status().unwrap(), Status { unmerged: unmerged.to_vec(), ..Status::default() });
    }

    #[test]
    fn the_log_is_the_one_that_git_prints() {
        let fixture = Fixture::new();
        assert_eq!(fixture.repository().log_text(&fixture.environment(), 10).unwrap(), "");
        for number in 0..12 {
            fixture.commit_file("a", &format!("{number}\n"));
        }
        fixture.git(&["tag", "v1"]);
        let recent = fixture.repository().log_text(&fixture.environment(), 10).unwrap();
        assert_eq!(recent.trim_end(), fixture.git(&["log", "--oneline", "-10"]));
        assert_eq!(recent.lines().count(), 10);
    }

    #[test]
    fn the_work_tree_is_compared_with_new_files_and_without_our_own() {
        let fixture = Fixture::new();
        let base = {
            fixture.commit_file("a", "1\n2\n3\n");
            fixture.head()
        };
        fixture.commit_file("b", "1\n");
        std::fs::write(fixture.root().join("a"), "1\n2\nthree\n4\n").unwrap();
        std::fs::write(fixture.root().join("c"), "1\n2\n").unwrap();
        std::fs::create_dir_all(fixture.root().join(".claude/tasks")).unwrap();
        std::fs::write(fixture.root().join(".claude/tasks/t.md"), "ours\n").unwrap();
        let figures = fixture.repository().numstat_of_work_tree(Some(&base)).unwrap();
        let shown: Vec<String> = figures.paths.iter().map(|path| format!("{} {:?}", path.path, path.lines)).collect();
        assert_eq!(shown, ["a Some((2, 1))", "b Some((1, 0))", "c Some((2, 0))"]);
        assert_eq!(fixture.repository().numstat_of_work_tree(None).unwrap().paths.len(), 3);
    }
}
