//! How the work tree stands, in the words that git itself would use: `status --porcelain`, `log --oneline`, and how much
//! differs from a commit. Reads only; not even the index is refreshed.

use git2::Status;

use crate::{
    host::{
        Result,
        git::{Numstat, Repository, Tried as _, raw_oid},
    },
    model::id::Oid,
};

impl Repository {
    /// What `git status --porcelain` prints, without running anything that the repository configures.
    ///
    /// # Errors
    /// Fails when git's data or the work tree cannot be read.
    pub fn status_text(&self) -> Result<String> {
        let untracked = self.config_text("status.showUntrackedFiles")?;
        let mut options = git2::StatusOptions::new();
        options.include_untracked(untracked.as_deref() != Some("no")).recurse_untracked_dirs(untracked.as_deref() == Some("all"));
        options.renames_head_to_index(true).include_unmodified(false).exclude_submodules(false);
        let statuses = self.raw.statuses(Some(&mut options)).tried("read the status of the work tree")?;
        let (mut tracked, mut other) = (Vec::new(), Vec::new());
        for entry in statuses.iter() {
            let status = entry.status();
            if status.contains(Status::CONFLICTED) {
                tracked.push((
                    entry.path_bytes().to_vec(),
                    format!("{} {}", self.unmerged(entry.path_bytes())?, quoted(entry.path_bytes())),
                ));
            } else if status == Status::WT_NEW {
                other.push((entry.path_bytes().to_vec(), format!("?? {}", quoted(entry.path_bytes()))));
            } else if !status.contains(Status::IGNORED) {
                let renamed = entry.head_to_index().filter(|_| status.contains(Status::INDEX_RENAMED));
                let names = renamed.and_then(|delta| {
                    let (old, new) = (delta.old_file().path_bytes()?.to_vec(), delta.new_file().path_bytes()?.to_vec());
                    Some((new.clone(), format!("{} -> {}", quoted(&old), quoted(&new))))
                });
                let (path, shown) = names.unwrap_or_else(|| (entry.path_bytes().to_vec(), quoted(entry.path_bytes())));
                tracked.push((path, format!("{}{} {shown}", staged(status), unstaged(status))));
            }
        }
        tracked.sort();
        other.sort();
        Ok(tracked.into_iter().chain(other).map(|(_, line)| line + "\n").collect())
    }

    /// The two letters of a path with several stages: which of base, ours and theirs there are.
    fn unmerged(&self, path: &[u8]) -> Result<&'static str> {
        let index = self.raw.index().tried("read the index")?;
        let has = |stage: u16| index.iter().any(|entry| entry.path == path && (entry.flags >> 12) & 3 == stage);
        Ok(match (has(1), has(2), has(3)) {
            (true, false, false) => "DD",
            (false, true, false) => "AU",
            (true, true, false) => "UD",
            (false, false, true) => "UA",
            (true, false, true) => "DU",
            (false, true, true) => "AA",
            (true, true, true) | (false, false, false) => "UU",
        })
    }

    /// What `git log --oneline` prints for the last `limit` commits of `from`.
    ///
    /// # Errors
    /// Fails when a commit cannot be read.
    pub fn log_text(&self, from: &Oid, limit: usize) -> Result<String> {
        let mut text = String::new();
        for commit in self.commits(None, from, limit)? {
            let object = self.raw.find_object(raw_oid(&commit.id)?, None).tried("read a commit")?;
            let short = object.short_id().tried("abbreviate the id of a commit")?;
            text.push_str(&format!("{} {}\n", String::from_utf8_lossy(&short), commit.subject));
        }
        Ok(text)
    }

    /// How much the work tree differs from a commit or tree (`old` is nothing for the empty tree); new files that are not
    /// ignored count, `.claude/` does not.
    ///
    /// # Errors
    /// Fails when git's data or the work tree cannot be read.
    pub fn numstat_of_work_tree(&self, old: Option<&Oid>) -> Result<Numstat> {
        let old = old.map(|old| self.raw_tree(old)).transpose()?;
        let mut options = git2::DiffOptions::new();
        options.context_lines(0).include_untracked(true).recurse_untracked_dirs(true).show_untracked_content(true);
        let diff = self
            .raw
            .diff_tree_to_workdir_with_index(old.as_ref(), Some(&mut options))
            .tried("compare the work tree with a commit")?;
        let mut figures = Numstat::of(&diff)?;
        figures.paths.retain(|path| !path.path.is_claude());
        Ok(figures)
    }
}

fn staged(status: Status) -> char {
    [
        (Status::INDEX_RENAMED, 'R'),
        (Status::INDEX_NEW, 'A'),
        (Status::INDEX_DELETED, 'D'),
        (Status::INDEX_TYPECHANGE, 'T'),
        (Status::INDEX_MODIFIED, 'M'),
    ]
    .into_iter()
    .find_map(|(bit, letter)| status.contains(bit).then_some(letter))
    .unwrap_or(' ')
}

fn unstaged(status: Status) -> char {
    [(Status::WT_DELETED, 'D'), (Status::WT_TYPECHANGE, 'T'), (Status::WT_MODIFIED, 'M'), (Status::WT_NEW, 'A')]
        .into_iter()
        .find_map(|(bit, letter)| status.contains(bit).then_some(letter))
        .unwrap_or(' ')
}

/// A path as git prints it for people and programs: in quotes, with C escapes, when it has anything but plain characters.
fn quoted(path: &[u8]) -> String {
    let plain = |byte: &u8| matches!(byte, b'!' | b'#'..=b'[' | b']'..=b'~');
    if path.iter().all(plain) {
        return String::from_utf8_lossy(path).into_owned();
    }
    let mut text = String::from('"');
    for byte in path {
        match byte {
            b'"' | b'\\' => text.extend(['\\', char::from(*byte)]),
            b'\n' => text.push_str("\\n"),
            b'\t' => text.push_str("\\t"),
            b'\r' => text.push_str("\\r"),
            0x07 => text.push_str("\\a"),
            0x08 => text.push_str("\\b"),
            0x0b => text.push_str("\\v"),
            0x0c => text.push_str("\\f"),
            b' '..=b'~' => text.push(char::from(*byte)),
            _ => text.push_str(&format!("\\{byte:03o}")),
        }
    }
    text.push('"');
    text
}

#[cfg(test)]
mod tests {
    use std::fs;

    use crate::host::git::fixture::Fixture;

    fn agrees(fixture: &Fixture) -> String {
        let text = fixture.repository().status_text().unwrap();
        assert_eq!(text.trim_end_matches('\n'), fixture.git(&["status", "--porcelain"]));
        text
    }

    #[test]
    fn the_status_is_the_one_that_git_prints() {
        let fixture = Fixture::new();
        assert_eq!(agrees(&fixture), "");
        fs::write(fixture.root().join("new"), "x").unwrap();
        assert_eq!(agrees(&fixture), "?? new\n");
        for name in ["both", "deleted", "gone", "old name", "staged", "touched", "kind"] {
            fixture.commit_file(name, &format!("{name}\nof some length so that it is known again\n"));
        }
        let write = |name: &str, text: &str| fs::write(fixture.root().join(name), text).unwrap();
        write("both", "1");
        fixture.git(&["add", "both"]);
        write("both", "2");
        fs::remove_file(fixture.root().join("deleted")).unwrap();
        fixture.git(&["rm", "-q", "gone"]);
        fixture.git(&["mv", "old name", "new näme"]);
        write("staged", "1");
        fixture.git(&["add", "staged"]);
        write("touched", "1");
        fs::remove_file(fixture.root().join("kind")).unwrap();
        std::os::unix::fs::symlink("both", fixture.root().join("kind")).unwrap();
        fs::create_dir(fixture.root().join("folder")).unwrap();
        write("folder/a", "1");
        write("with \"quotes\"\tand\\more", "1");
        write("ignored.log", "1");
        write(".gitignore", "*.log\n");
        insta::assert_snapshot!(agrees(&fixture), @r#"
        MM both
         D deleted
        D  gone
         T kind
        R  "old name" -> "new n\303\244me"
        M  staged
         M touched
        ?? .gitignore
        ?? folder/
        ?? new
        ?? "with \"quotes\"\tand\\more"
        "#);
        fixture.git(&["config", "status.showUntrackedFiles", "all"]);
        agrees(&fixture);
        fixture.git(&["config", "status.showUntrackedFiles", "no"]);
        agrees(&fixture);
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
        insta::assert_snapshot!(agrees(&fixture), @r"
        AA added
        UU both
        DU ours-gone
        UD theirs-gone
        ");
    }

    #[test]
    fn the_log_is_the_one_that_git_prints() {
        let fixture = Fixture::new();
        for number in 0..12 {
            fixture.commit_file("a", &format!("{number}\n"));
        }
        let text = fixture.repository().log_text(&fixture.head(), 10).unwrap();
        assert_eq!(text.trim_end(), fixture.git(&["log", "--oneline", "--no-decorate", "-10"]));
        assert_eq!(text.lines().count(), 10);
    }

    #[test]
    fn the_work_tree_is_compared_with_new_files_and_without_our_own() {
        let fixture = Fixture::new();
        let base = {
            fixture.commit_file("a", "1\n2\n3\n");
            fixture.head()
        };
        fixture.commit_file("b", "1\n");
        fs::write(fixture.root().join("a"), "1\n2\nthree\n4\n").unwrap();
        fs::write(fixture.root().join("c"), "1\n2\n").unwrap();
        fs::create_dir_all(fixture.root().join(".claude/tasks")).unwrap();
        fs::write(fixture.root().join(".claude/tasks/t.md"), "ours\n").unwrap();
        let figures = fixture.repository().numstat_of_work_tree(Some(&base)).unwrap();
        let shown: Vec<String> = figures.paths.iter().map(|path| format!("{} {:?}", path.path, path.lines)).collect();
        assert_eq!(shown, ["a Some((2, 1))", "b Some((1, 0))", "c Some((2, 0))"]);
        assert_eq!(fixture.repository().numstat_of_work_tree(None).unwrap().paths.len(), 3);
    }
}
